//! Label and field selectors, read as the real server reads them and refused in its words.

use super::{
    catalog::Kind,
    request::Query,
    rules::{label_key_problem, label_value_problem},
    status::ApiError,
};
use serde_json::Value;

/// Which objects of a kind are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    /// Above (or below) a number.
    Beyond(String, bool, i64),
}

impl Requirement {
    fn is_met(&self, label: impl Fn(&str) -> Option<String>) -> bool {
        match self {
            Self::In(key, values) => label(key).is_some_and(|value| values.contains(&value)),
            Self::NotIn(key, values) => !label(key).is_some_and(|value| values.contains(&value)),
            Self::Exists(key) => label(key).is_some(),
            Self::Absent(key) => label(key).is_none(),
            Self::Beyond(key, above, bound) => label(key)
                .and_then(|value| value.parse::<i64>().ok())
                .is_some_and(|value| if *above { value > *bound } else { value < *bound }),
        }
    }
}

impl Selection {
    /// Reads `labelSelector` and `fieldSelector`.
    pub(super) fn read(kind: &Kind, query: &Query) -> Result<Self, ApiError> {
        let labels = query.get("labelSelector").map(read_labels).transpose().map_err(ApiError::bad_request)?;
        let fields = query.get("fieldSelector").map(|text| read_fields(kind, text)).transpose();
        let fields = fields.map_err(ApiError::bad_request)?;
        Ok(Self { labels: labels.unwrap_or_default(), fields: fields.unwrap_or_default() })
    }

    /// Whether every object is meant.
    pub(super) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is meant.
    pub(super) fn includes(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"].get(key).and_then(Value::as_str).map(str::to_owned);
        let field = |path: &str| {
            let pointer = format!("/{}", path.replace('.', "/"));
            object
                .pointer(&pointer)
                .map_or_else(String::new, |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        self.labels.iter().all(|requirement| requirement.is_met(label))
            && self.fields.iter().all(|(path, equal, wanted)| (field(path) == *wanted) == *equal)
    }
}

/// Splits a label selector into symbols and words.
fn tokens(text: &str) -> Vec<&str> {
    let is_symbol = |letter: char| "=!(),<>".contains(letter);
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '=' | '!' if rest.get(1..2) == Some("=") => 2,
            symbol if is_symbol(symbol) => 1,
            _ => rest.find(|letter: char| is_symbol(letter) || letter.is_whitespace()).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// The rest of a selector. What is after its end is the empty token.
struct Tokens<'a>(std::iter::Peekable<std::vec::IntoIter<&'a str>>);

impl<'a> Tokens<'a> {
    fn next(&mut self) -> &'a str {
        self.0.next().unwrap_or_default()
    }

    fn peek(&mut self) -> &'a str {
        self.0.peek().copied().unwrap_or_default()
    }

    /// A word, or what is there instead.
    fn word(&mut self) -> Result<&'a str, &'a str> {
        let token = self.next();
        if is_word(token) { Ok(token) } else { Err(token) }
    }
}

fn is_word(token: &str) -> bool {
    !token.is_empty() && !["=", "==", "!=", "!", "(", ")", ",", "<", ">"].contains(&token)
}

fn read_labels(text: &str) -> Result<Vec<Requirement>, String> {
    let mut tokens = Tokens(tokens(text).into_iter().peekable());
    let mut requirements = Vec::new();
    loop {
        match tokens.peek() {
            "" => return Ok(requirements),
            first if is_word(first) || first == "!" => {}
            other => return Err(format!("found '{other}', expected: !, identifier, or 'end of string'")),
        }
        let requirement = read_requirement(&mut tokens);
        requirements.push(requirement.map_err(|why| format!("unable to parse requirement: {why}"))?);
        match tokens.next() {
            "" => return Ok(requirements),
            "," => {
                let following = tokens.peek();
                if !is_word(following) && following != "!" {
                    return Err(format!("found '{following}', expected: identifier after ','"));
                }
            }
            other => return Err(format!("found '{other}', expected: ',' or 'end of string'")),
        }
    }
}

fn read_requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, String> {
    let is_absent = tokens.peek() == "!";
    if is_absent {
        tokens.next();
    }
    let key = tokens.word().map_err(|found| format!("found '{found}', expected: identifier"))?;
    if let Some(why) = label_key_problem(key) {
        return Err(format!("<nil>: Invalid value: {key:?}: {why}"));
    }
    let key = key.to_owned();
    if is_absent {
        return Ok(Requirement::Absent(key));
    }
    if matches!(tokens.peek(), "" | ",") {
        return Ok(Requirement::Exists(key));
    }
    let requirement = match tokens.next() {
        "in" => Requirement::In(key, read_set(tokens)?),
        "notin" => Requirement::NotIn(key, read_set(tokens)?),
        "=" | "==" => Requirement::In(key, vec![read_value(tokens)?]),
        "!=" => Requirement::NotIn(key, vec![read_value(tokens)?]),
        sign @ (">" | "<") => {
            let value = read_value(tokens)?;
            let bound = value.parse().map_err(|_| {
                format!("values[0]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer")
            })?;
            Requirement::Beyond(key, sign == ">", bound)
        }
        other => return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
    };
    if let Requirement::In(key, values) | Requirement::NotIn(key, values) = &requirement {
        for (at, value) in values.iter().enumerate() {
            if let Some(why) = label_value_problem(value) {
                return Err(format!("values[{at}][{key}]: Invalid value: {value:?}: {why}"));
            }
        }
    }
    Ok(requirement)
}

fn read_value(tokens: &mut Tokens<'_>) -> Result<String, String> {
    if matches!(tokens.peek(), "" | ",") {
        return Ok(String::new());
    }
    tokens.word().map(str::to_owned).map_err(|found| format!("found '{found}', expected: identifier"))
}

/// Values in parentheses. Between two commas, and next to a parenthesis, there is the empty value.
fn read_set(tokens: &mut Tokens<'_>) -> Result<Vec<String>, String> {
    let opening = tokens.next();
    if opening != "(" {
        return Err(format!("found '{opening}' expected: '('"));
    }
    let mut values = Vec::new();
    match tokens.peek() {
        ")" => {
            tokens.next();
            return Ok(values);
        }
        first if is_word(first) || first == "," => {}
        other => return Err(format!("found '{other}', expected: ',', ')' or identifier")),
    }
    loop {
        if is_word(tokens.peek()) {
            values.push(tokens.next().to_owned());
        } else {
            values.push(String::new());
        }
        match tokens.next() {
            ")" => return Ok(values),
            "," => {}
            other => return Err(format!("found '{other}', expected: ',' or ')'")),
        }
    }
}

fn read_fields(kind: &Kind, text: &str) -> Result<Vec<(String, bool, String)>, String> {
    let mut fields = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (path, equal, value) = if let Some((path, value)) = part.split_once("!=") {
            (path, false, value)
        } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (path, true, value)
        } else {
            return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
        };
        fields.push((path.to_owned(), equal, value.to_owned()));
    }
    let own = own_fields(kind);
    let can_select = |path: &str| {
        path == "metadata.name"
            || (path == "metadata.namespace" && kind.namespaced)
            || own.is_some_and(|own| own.contains(&path))
    };
    match fields.iter().find(|(path, ..)| !can_select(path)) {
        None => Ok(fields),
        Some((path, ..)) if own.is_some() => Err(format!("field label not supported: {path}")),
        Some((path, ..)) => {
            Err(format!("{path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""))
        }
    }
}

/// What can be selected of a kind beside names; `None` where the kind leaves it to the common rules.
fn own_fields(kind: &Kind) -> Option<&'static [&'static str]> {
    Some(match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
        ],
        ("", "Event") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("", "Secret") => &["type"],
        ("", "Namespace") => &["status.phase"],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        ("", "Node") => &["spec.unschedulable"],
        _ if kind.is_custom() => &[],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read_labels(text).unwrap_err()
    }

    #[test]
    fn given_label_selectors_when_read_then_every_form_is_understood() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            read_labels("a, !b,c = d,e==f,g!=h, i in (j, k),l notin (m),n>1,o=").unwrap(),
            [
                Requirement::Exists("a".into()),
                Requirement::Absent("b".into()),
                Requirement::In("c".into(), words(&["d"])),
                Requirement::In("e".into(), words(&["f"])),
                Requirement::NotIn("g".into(), words(&["h"])),
                Requirement::In("i".into(), words(&["j", "k"])),
                Requirement::NotIn("l".into(), words(&["m"])),
                Requirement::Beyond("n".into(), true, 1),
                Requirement::In("o".into(), words(&[""])),
            ]
        );
    }

    #[test]
    fn given_label_selectors_that_are_none_when_read_then_the_words_are_those_of_the_real_server() {
        for (text, why) in [
            ("a in", "unable to parse requirement: found '' expected: '('"),
            ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
            ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            ("a,,b", "found ',', expected: identifier after ','"),
            (",", "found ',', expected: !, identifier, or 'end of string'"),
            ("=b", "found '=', expected: !, identifier, or 'end of string'"),
            ("a=b=c", "found '=', expected: ',' or 'end of string'"),
            ("!a=b", "found '=', expected: ',' or 'end of string'"),
            ("a!b", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"),
            ("(a)", "found '(', expected: !, identifier, or 'end of string'"),
            ("a = b,", "found '', expected: identifier after ','"),
            (
                "a>b",
                "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be \
                 an integer",
            ),
        ] {
            assert_eq!(refused(text), why, "{text}");
        }
    }
}
