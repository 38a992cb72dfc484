//! How names, hosts and images are spelt: every rule with the message a person sees when it is broken.

use super::names::Unusable;
use std::net::IpAddr;

/// Every check says "fine" or what is wrong and what would be right.
pub(super) type Verdict = Result<(), Unusable>;

/// Longest DNS label (RFC 1035 2.3.4).
const LABEL_MAX: usize = 63;
/// Longest DNS name in text form (RFC 1035 2.3.4 less the root).
const DNS_NAME_MAX: usize = 253;
/// Longest host whose redirect URI `https://HOST/oauth2/callback` Entra still takes: 256 in all (domain.md 1.2).
const HOST_MAX: usize = 256 - "https://".len() - "/oauth2/callback".len();
/// Longest application name, so that every name made from it fits into a label.
const APP_NAME_MAX: usize = 40;

/// Something a person wrote, for a message: in backticks, cut when long, harmless to a terminal.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 80;
    let harmless = |c: char| if is_harmless(c) { c.to_string() } else { c.escape_unicode().to_string() };
    let shown: String = text.chars().take(SHOWN).map(harmless).collect();
    if text.chars().nth(SHOWN).is_some() { format!("`{shown}…`") } else { format!("`{shown}`") }
}

/// Neither moves a terminal's cursor nor hides or turns round the text beside it (Unicode's Cc, and Cf as far as it does).
pub(super) fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn unusable(wrong: impl Into<String>, right: impl Into<String>) -> Verdict {
    Err(Unusable { wrong: wrong.into(), right: right.into() })
}

fn is_label_edge(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_label_character(c: char) -> bool {
    is_label_edge(c) || c == '-'
}

/// The nearest text that is a label, where there is one.
fn nearest_label(text: &str, longest: usize) -> Option<String> {
    let dashed: String =
        text.chars().map(|c| c.to_ascii_lowercase()).map(|c| if is_label_character(c) { c } else { '-' }).collect();
    let cut: String = dashed.split('-').filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("-");
    let cut = cut.chars().take(longest).collect::<String>();
    let cut = cut.trim_end_matches('-');
    (!cut.is_empty()).then(|| cut.to_owned())
}

fn strange_characters(text: &str, allowed: impl Fn(char) -> bool) -> String {
    let mut strange: Vec<char> = Vec::new();
    for c in text.chars().filter(|c| !allowed(*c)) {
        if !strange.contains(&c) {
            strange.push(c);
        }
    }
    let listed: Vec<String> =
        strange.iter().take(5).map(|c| if *c == ' ' { "a space".to_owned() } else { quoted(&c.to_string()) }).collect();
    listed.join(", ")
}

fn label(text: &str, longest: usize, example: &str) -> Verdict {
    let suggestion = nearest_label(text, longest).unwrap_or_else(|| example.to_owned());
    if text.is_empty() {
        return unusable("is empty", format!("write a name such as `{example}`"));
    }
    if !text.chars().all(is_label_character) {
        let strange = strange_characters(text, is_label_character);
        return unusable(
            format!("{} holds {strange}, which a name in Kubernetes cannot have", quoted(text)),
            format!("use lower-case letters, digits and `-`, such as `{suggestion}`"),
        );
    }
    if !text.starts_with(is_label_edge) || !text.ends_with(is_label_edge) {
        return unusable(
            format!("{} starts or ends with `-`", quoted(text)),
            format!("start and end with a letter or digit, such as `{suggestion}`"),
        );
    }
    if text.len() > longest {
        return unusable(
            format!("{} has {} characters", quoted(text), text.len()),
            format!("use at most {longest} characters, such as `{suggestion}`"),
        );
    }
    Ok(())
}

/// A DNS label (RFC 1123): namespaces.
pub(super) fn namespace(text: &str) -> Verdict {
    label(text, LABEL_MAX, "myapp")
}

/// A DNS label that starts with a letter (RFC 1035), as the API server asks of Services.
pub(super) fn service_name(text: &str) -> Verdict {
    label(text, LABEL_MAX, "myapp")?;
    starts_with_letter(text)
}

/// The application's name; it names a Service too, so it starts with a letter.
pub(super) fn app_name(text: &str) -> Verdict {
    label(text, APP_NAME_MAX, "myapp")?;
    starts_with_letter(text)
}

fn starts_with_letter(text: &str) -> Verdict {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return unusable(
            format!("{} starts with a digit, which the name of a Service cannot", quoted(text)),
            format!("start with a letter, such as `app-{text}`"),
        );
    }
    Ok(())
}

/// What people paste where a bare host name belongs.
fn not_a_bare_name(text: &str, example: &str) -> Verdict {
    if text.is_empty() {
        return unusable("is empty", format!("write a name such as `{example}`"));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let bare = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
        return unusable(format!("{} starts with a scheme, `{scheme}://`", quoted(text)), alone(bare, example));
    }
    if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return unusable(
            format!("{} is an IP address, and certificates and sign-in need a name", quoted(text)),
            format!("write the DNS name that points there, such as `{example}`"),
        );
    }
    if let Some((bare, _)) = text.split_once(['/', '?', '#']) {
        return unusable(format!("{} has a path", quoted(text)), alone(bare, example));
    }
    if let Some((bare, port)) = text.split_once(':') {
        let what = if port.parse::<u16>().is_ok() { "a port, and people arrive on 443" } else { "a colon" };
        return unusable(format!("{} has {what}", quoted(text)), alone(bare, example));
    }
    Ok(())
}

/// Proposes what is left of a text, if that is a name.
fn alone(bare: &str, example: &str) -> String {
    let lower = bare.to_ascii_lowercase();
    match dotted(&lower, DNS_NAME_MAX, example) {
        Ok(()) => format!("write the name alone: {}", quoted(&lower)),
        Err(_) => format!("write a name such as `{example}`"),
    }
}

/// Holds a text against `check`, which takes no capital letters. They are told of where nothing else is wrong: what is proposed
/// has to be right.
fn in_lower_case(text: &str, check: impl Fn(&str) -> Verdict) -> Verdict {
    let lower = text.to_ascii_lowercase();
    if lower == text {
        return check(text);
    }
    match check(&lower) {
        Ok(()) => unusable(format!("{} has capital letters", quoted(text)), format!("write {}", quoted(&lower))),
        Err(reason) => Err(Unusable { wrong: reason.wrong.replacen(&quoted(&lower), &quoted(text), 1), ..reason }),
    }
}

/// Labels with dots between them, as DNS has them, up to `longest` characters.
fn dotted(text: &str, longest: usize, example: &str) -> Verdict {
    in_lower_case(text, |text| dotted_as_it_is(text, longest, example))
}

fn dotted_as_it_is(text: &str, longest: usize, example: &str) -> Verdict {
    not_a_bare_name(text, example)?;
    if let Some(bare) = text.strip_suffix('.') {
        return unusable(format!("{} ends with a dot", quoted(text)), format!("write {}", quoted(bare)));
    }
    if !text.is_ascii() {
        let right = match url::Host::parse(text) {
            Ok(url::Host::Domain(domain)) => format!("write it as DNS does: {}", quoted(&domain)),
            _ => format!("write a DNS name, such as `{example}`"),
        };
        return unusable(format!("{} has letters beyond a to z", quoted(text)), right);
    }
    if !text.chars().all(|c| is_label_character(c) || c == '.') {
        let strange = strange_characters(text, |c| is_label_character(c) || c == '.');
        return unusable(
            format!("{} holds {strange}, which a DNS name cannot have", quoted(text)),
            format!("use lower-case letters, digits, `-` and dots, such as `{example}`"),
        );
    }
    for piece in text.split('.') {
        if piece.is_empty() {
            return unusable(
                format!("{} has nothing before, after or between its dots", quoted(text)),
                format!("write it like `{example}`"),
            );
        }
        if !piece.starts_with(is_label_edge) || !piece.ends_with(is_label_edge) {
            return unusable(
                format!("{} has a part that starts or ends with `-`: {}", quoted(text), quoted(piece)),
                "start and end each part with a letter or digit",
            );
        }
        if piece.len() > LABEL_MAX {
            return unusable(
                format!("{} has a part of {} characters", quoted(text), piece.len()),
                format!("use at most {LABEL_MAX} between two dots"),
            );
        }
    }
    if text.len() > longest {
        return unusable(format!("{} has {} characters", quoted(text), text.len()), format!("use at most {longest}"));
    }
    Ok(())
}

fn full_name(text: &str, longest: usize, example: &str) -> Verdict {
    in_lower_case(text, |text| full_name_as_it_is(text, longest, example))
}

fn full_name_as_it_is(text: &str, longest: usize, example: &str) -> Verdict {
    dotted_as_it_is(text, longest, example)?;
    let Some((_, last)) = text.rsplit_once('.') else {
        return unusable(format!("{} has no domain", quoted(text)), format!("write it in full, such as `{example}`"));
    };
    if last.chars().all(|c| c.is_ascii_digit()) {
        return unusable(
            format!("{} ends in a number, which browsers take for an IP address", quoted(text)),
            format!("write a DNS name, such as `{example}`"),
        );
    }
    Ok(())
}

const HOST_EXAMPLE: &str = "myapp.cluster.example.com";

/// The application's host.
pub(super) fn hostname(text: &str) -> Verdict {
    if text.starts_with("*.") {
        return unusable(
            format!("{} is a wildcard, and one application has one host", quoted(text)),
            format!("write the host people type, such as `{HOST_EXAMPLE}`; wildcards belong in `certificate.names`"),
        );
    }
    full_name(text, HOST_MAX, HOST_EXAMPLE)
}

/// A zone of DNS.
pub(super) fn zone(text: &str) -> Verdict {
    if text.starts_with("*.") {
        return unusable(format!("{} is a wildcard, and no zone", quoted(text)), "write it without the `*.`");
    }
    full_name(text, DNS_NAME_MAX, "cluster.example.com")
}

/// A name on a certificate.
pub(super) fn dns_name(text: &str) -> Verdict {
    let Some(parent) = text.strip_prefix("*.") else {
        if text.contains('*') {
            return unusable(
                format!("{} has a `*` where certificates allow none", quoted(text)),
                "put one `*` in place of the whole first part, such as `*.cluster.example.com`",
            );
        }
        return full_name(text, DNS_NAME_MAX, HOST_EXAMPLE);
    };
    if parent.contains('*') {
        return unusable(
            format!("{} has more than one `*`", quoted(text)),
            "put one `*` in place of the whole first part, such as `*.cluster.example.com`",
        );
    }
    if !parent.contains('.') && !parent.is_empty() {
        return unusable(
            format!("{} covers a whole top-level domain, which nobody signs", quoted(text)),
            "name the domain under it, such as `*.cluster.example.com`",
        );
    }
    full_name(parent, DNS_NAME_MAX - "*.".len(), "cluster.example.com")
}

/// What follows the `@` of an address.
pub(super) fn email_domain(text: &str) -> Verdict {
    if text == "*" {
        return unusable(
            "`*` stands for everybody, which is what an empty list says here",
            "write `emailDomains: []` to let in everyone the tenant gives a token to",
        );
    }
    if let Some((before, domain)) = text.split_once('@') {
        let what = if before.is_empty() { "starts with `@`" } else { "is a whole address" };
        return unusable(format!("{} {what}", quoted(text)), format!("write what follows the `@`: {}", quoted(domain)));
    }
    if let Some(parent) = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
        return unusable(
            format!("{} stands for subdomains, which would let in more than it shows", quoted(text)),
            format!("list each domain, such as {}", quoted(parent)),
        );
    }
    full_name(text, DNS_NAME_MAX, "example.com")
}

/// The name of a cert-manager issuer: a DNS subdomain, as every object's name.
pub(super) fn issuer_name(text: &str) -> Verdict {
    dotted(text, DNS_NAME_MAX, "letsencrypt-production")
}

/// The name of a Secret: a DNS subdomain, as every object's name.
pub(super) fn secret_name(text: &str) -> Verdict {
    if let Some((place, name)) = text.split_once('/').filter(|(place, name)| !place.is_empty() && !name.contains('/')) {
        return unusable(
            format!("{} names a namespace too, and there is one alone where it is looked for", quoted(text)),
            format!("write its name without {}: {}", quoted(&format!("{place}/")), quoted(name)),
        );
    }
    dotted(text, DNS_NAME_MAX, "wildcard-tls")
}

/// A key of a Secret, as Kubernetes has it.
pub(super) fn secret_key(text: &str) -> Verdict {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty()
        || text == "."
        || text.starts_with("..")
        || text.len() > DNS_NAME_MAX
        || !text.chars().all(allowed)
    {
        return unusable(
            format!("{} is no key that a Secret can have", quoted(text)),
            "write the key under `data` of the Secret, such as `password`",
        );
    }
    Ok(())
}

/// A user of a Redis: one word.
pub(super) fn redis_user(text: &str) -> Verdict {
    let is_word = text.chars().all(|c| is_harmless(c) && !c.is_whitespace());
    if text.is_empty() || text.len() > DNS_NAME_MAX || !is_word {
        return unusable(
            format!("{} is no name of a Redis user", quoted(text)),
            "write the name that `ACL LIST` shows, or take the line out for the user `default`",
        );
    }
    Ok(())
}

/// The host of a Redis: a Service of the cluster, or a DNS name.
pub(super) fn redis_host(text: &str) -> Verdict {
    dotted(text, DNS_NAME_MAX, "redis.cache.svc")
}

/// A tenant: its GUID or one of its domains.
pub(super) fn tenant(text: &str) -> Verdict {
    const RIGHT: &str = "write the tenant's id (a GUID) or one of its domains, such as `contoso.onmicrosoft.com`";
    if ["common", "organizations", "consumers"].contains(&text) {
        return unusable(format!("`{text}` stands for many tenants, and an application is registered in one"), RIGHT);
    }
    if let Ok(id) = uuid::Uuid::try_parse(text) {
        return plain_guid(text, id);
    }
    full_name(text, DNS_NAME_MAX, "contoso.onmicrosoft.com").map_err(|unusable| {
        if text.contains('.') { unusable } else { Unusable { right: RIGHT.to_owned(), ..unusable } }
    })
}

pub(super) fn plain_guid(text: &str, id: uuid::Uuid) -> Verdict {
    let plain = id.hyphenated().to_string();
    if text != plain {
        return unusable(
            format!("{} is a GUID in an unusual spelling", quoted(text)),
            format!("write it as `{plain}`"),
        );
    }
    Ok(())
}

/// A client id. Display names are not unique in Entra, so an application is never named by one.
pub(super) fn client_id(text: &str) -> Verdict {
    match uuid::Uuid::try_parse(text) {
        Ok(id) if id.is_nil() => unusable(
            format!("{} stands for no application", quoted(text)),
            "write the application's own client id, which the portal shows as \"Application (client) ID\"",
        ),
        Ok(id) => plain_guid(text, id),
        Err(_) => unusable(
            format!("{} is not a client id", quoted(text)),
            "write the GUID that the portal shows as \"Application (client) ID\"",
        ),
    }
}

/// What people see of a registration; Entra takes 256 characters, the portal shows 120.
pub(super) fn display_name(text: &str) -> Verdict {
    const MAX: usize = 120;
    let length = text.chars().count();
    if text.trim().is_empty() {
        return unusable("is empty", "write what people should see, such as `My app`");
    }
    if !text.chars().all(is_harmless) {
        return unusable(
            format!("{} has a line break or an invisible character in it", quoted(text)),
            "write one plain line",
        );
    }
    if text != text.trim() {
        return unusable(format!("{} starts or ends with a space", quoted(text)), "take the space away");
    }
    if length > MAX {
        return unusable(format!("{} has {length} characters", quoted(text)), format!("use at most {MAX}"));
    }
    Ok(())
}

/// The value of an OAuth scope.
pub(super) fn scope_name(text: &str) -> Verdict {
    const MAX: usize = 120;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() {
        return unusable("is empty", "write a scope's name, such as `user_impersonation`");
    }
    if let Some((_, value)) = text.rsplit_once('/') {
        return unusable(
            format!("{} is a whole scope URI", quoted(text)),
            format!("write its last part alone: {}", quoted(value)),
        );
    }
    if !text.chars().all(allowed) {
        return unusable(
            format!("{} holds {}, which we do not put in a scope", quoted(text), strange_characters(text, allowed)),
            "use letters, digits, `.`, `_` and `-`, such as `user_impersonation`",
        );
    }
    if text.starts_with('.') || ["openid", "profile", "email", "offline_access"].contains(&text) {
        return unusable(
            format!("{} is taken by the sign-in protocol", quoted(text)),
            "choose another name, such as `user_impersonation`",
        );
    }
    if text.len() > MAX {
        return unusable(format!("{} has {} characters", quoted(text), text.len()), format!("use at most {MAX}"));
    }
    Ok(())
}

/// A container image with a tag or a digest, as the distribution specification's reference grammar has it.
pub(super) fn image_reference(text: &str) -> Verdict {
    const EXAMPLE: &str = "docker.io/path/to/myapp:1.4";
    if text.is_empty() {
        return unusable("is empty", format!("name an image with its tag, such as `{EXAMPLE}`"));
    }
    if let Some((_, bare)) = text.split_once("://") {
        return unusable(format!("{} starts with a scheme", quoted(text)), format!("write {}", quoted(bare)));
    }
    if text.chars().any(char::is_whitespace) {
        return unusable(format!("{} has a space in it", quoted(text)), format!("write it like `{EXAMPLE}`"));
    }
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    let (name, tag) = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (name, None),
    };
    if tag.is_none() && digest.is_none() {
        return unusable(
            format!("{} has no tag, so it would change under you", quoted(text)),
            format!("add the tag or digest you mean, such as {}", quoted(&format!("{name}:1.4"))),
        );
    }
    image_name(text, name)?;
    image_tag(text, tag)?;
    image_digest(text, digest)
}

fn image_name(text: &str, name: &str) -> Verdict {
    let (registry, path) = match name.split_once('/') {
        Some((registry, path)) if registry.contains(['.', ':']) || registry == "localhost" => (registry, path),
        _ => ("", name),
    };
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        let lower = text.replacen(path, &path.to_ascii_lowercase(), 1);
        return unusable(
            format!("{} has capital letters before its tag, which no registry takes", quoted(text)),
            format!("write {}", quoted(&lower)),
        );
    }
    let piece_is_right = |piece: &str| {
        piece.starts_with(is_label_edge)
            && piece.ends_with(is_label_edge)
            && piece.chars().all(|c| is_label_character(c) || c == '.' || c == '_')
    };
    let registry_is_right = registry.chars().all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c));
    if !registry_is_right || !path.split('/').all(piece_is_right) {
        return unusable(
            format!("{} is not how an image is named", quoted(text)),
            "write REGISTRY/PATH:TAG, such as `docker.io/path/to/myapp:1.4`",
        );
    }
    Ok(())
}

fn image_tag(text: &str, tag: Option<&str>) -> Verdict {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match tag {
        Some(tag) if tag.is_empty() || tag.len() > 128 || tag.starts_with(['.', '-']) || !tag.chars().all(allowed) => {
            unusable(
                format!("{} has a tag that no registry takes: {}", quoted(text), quoted(tag)),
                "use letters, digits, `.`, `_` and `-` after the colon, such as `:1.4`",
            )
        }
        _ => Ok(()),
    }
}

fn image_digest(text: &str, digest: Option<&str>) -> Verdict {
    let is_right = |digest: &str| {
        digest
            .strip_prefix("sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)))
    };
    match digest {
        Some(digest) if !is_right(digest) => unusable(
            format!("{} has a digest that is none", quoted(text)),
            "write `@sha256:` and its 64 hexadecimal digits, as `docker image inspect` shows it",
        ),
        _ => Ok(()),
    }
}

/// A length of time as whole seconds: a whole number and one unit.
pub(super) fn seconds(text: &str) -> Result<u64, Unusable> {
    const RIGHT: &str = "write a whole number and one unit (d, h, m or s), such as `180d`, `12h` or `55m`";
    let wrong = |wrong: String, right: String| Unusable { wrong, right };
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    if digits.is_empty() {
        return Err(wrong(format!("{} is not a length of time", quoted(text)), RIGHT.to_owned()));
    }
    let factor = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        "" => {
            return Err(wrong(
                format!("{} has no unit", quoted(text)),
                format!("add d, h, m or s, such as {}", quoted(&format!("{text}d"))),
            ));
        }
        _ => return Err(wrong(format!("{} is not a length of time", quoted(text)), RIGHT.to_owned())),
    };
    match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        Some(0) => Err(wrong(format!("{} is no time at all", quoted(text)), RIGHT.to_owned())),
        Some(seconds) => Ok(seconds),
        None => Err(wrong(format!("{} is longer than anything lives", quoted(text)), RIGHT.to_owned())),
    }
}

/// A whole number in the one spelling that every YAML reader takes for it: no sign, no `0x`, and no leading zero, which some
/// take for octal.
pub(super) fn whole_number(text: &str) -> Option<u64> {
    let is_plain = text == "0" || (!text.starts_with('0') && text.chars().all(|c| c.is_ascii_digit()));
    if is_plain { text.parse().ok() } else { None }
}

/// A TCP port.
pub(super) fn port(text: &str) -> Result<std::num::NonZeroU16, Unusable> {
    whole_number(text).and_then(|number| u16::try_from(number).ok()).and_then(std::num::NonZeroU16::new).ok_or_else(
        || Unusable {
            wrong: format!("{} is not a port", quoted(text)),
            right: "write a whole number from 1 to 65535".to_owned(),
        },
    )
}
