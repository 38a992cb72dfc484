//! Paths, normalized as Istio's default (`BASE`) has Envoy do it before any filter looks.

/// Normalizes the path of a request target and leaves its query alone: dot segments are resolved, back slashes become slashes,
/// and percent-encoded letters, digits and `-._~` are decoded. Slashes are neither merged nor decoded.
///
/// `None` when the target is not a path: Envoy answers 400.
pub fn normalize(target: &str) -> Option<String> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = path.split('#').next().unwrap_or_default();
    if !path.starts_with('/') {
        return None;
    }
    let decoded = decode_unreserved(path).replace('\\', "/");
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = decoded.split('/').skip(1).collect();
    for (position, segment) in segments.iter().enumerate() {
        let last = position + 1 == segments.len();
        match *segment {
            "." => {
                if last {
                    kept.push("");
                }
            }
            ".." => {
                kept.pop();
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    let path = format!("/{}", kept.join("/"));
    Some(match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    })
}

/// The path alone.
pub fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

/// The query alone.
pub fn query(target: &str) -> Option<&str> {
    target.split_once('?').map(|(_, query)| query)
}

fn decode_unreserved(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(position) = rest.find('%') {
        let (before, after) = rest.split_at(position);
        out.push_str(before);
        let byte = after.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from);
        match byte {
            Some(character) if character.is_ascii_alphanumeric() || "-._~".contains(character) => {
                out.push(character);
                rest = after.get(3..).unwrap_or_default();
            }
            _ => {
                out.push('%');
                rest = after.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn given_dots_and_encodings_when_normalized_then_no_path_pretends_to_be_another() {
        for (given, wanted) in [
            ("/oauth2/../secret", "/secret"),
            ("/oauth2/%2e%2e/secret?a=/../b", "/secret?a=/../b"),
            ("/oauth2/..", "/"),
            ("/a/./b/.", "/a/b/"),
            ("/oauth2\\..\\secret", "/secret"),
            ("/a//b", "/a//b"),
            ("/a%2Fb", "/a%2Fb"),
            ("/%61dmin", "/admin"),
            ("/../../x", "/x"),
            ("/%", "/%"),
            ("/a#fragment", "/a"),
        ] {
            assert_eq!(normalize(given).as_deref(), Some(wanted), "{given}");
        }
        assert_eq!(normalize("*"), None);
    }
}
