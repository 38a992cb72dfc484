//! What is sent in a body, and what is said of one that cannot be read: in the words of Go's readers.

use super::{
    catalog::Kind,
    lifecycle::DeleteOptions,
    protobuf,
    request::{Query, bad_option},
    status::ApiError,
};
use serde_json::{Value, json};

/// What the server takes where it says what it takes.
const ACCEPTED: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// 415 about a type that the server does not read here.
pub(super) fn unsupported(accepted: &str) -> ApiError {
    ApiError::plain(
        415,
        "UnsupportedMediaType",
        format!("the body of the request was in an unknown format - accepted media types include: {accepted}"),
    )
}

/// A body as an object, from JSON, YAML or the few protobuf messages that kubectl sends.
pub(super) fn object(content_type: &str, body: &[u8], kind: &Kind) -> Result<Value, ApiError> {
    let unrecognized = |why: String| {
        let message =
            format!("the object provided is unrecognized (must be of type {}): {why} ({})", kind.kind, summary(body));
        ApiError::bad_request(message)
    };
    let parse_error = |why: String| unrecognized(format!("couldn't get version/kind; json parse error: {why}"));
    let object = match content_type {
        "" | "application/json" => read_json(body).map_err(parse_error)?,
        "application/yaml" => read_yaml(body).map_err(parse_error)?,
        "application/vnd.kubernetes.protobuf" => return protobuf::read(body, kind),
        _ => return Err(unsupported(ACCEPTED)),
    };
    // Of a built-in kind the path says enough.
    if kind.is_custom() && object.get("kind").is_none() {
        return Err(unrecognized(format!("Object 'Kind' is missing in '{}'", String::from_utf8_lossy(body))));
    }
    Ok(object)
}

/// An applied object, from YAML or from JSON, which is YAML too.
pub(super) fn applied(body: &[u8]) -> Result<Value, ApiError> {
    read_json(body)
        .or_else(|_| read_yaml(body))
        .map_err(|why| ApiError::bad_request(format!("error encoding patch: yaml: {why}")))
}

/// Any other patch.
pub(super) fn patch(body: &[u8]) -> Result<Value, ApiError> {
    read_json(body).or_else(|_| read_yaml(body)).map_err(|_| ApiError::bad_request("invalid JSON patch"))
}

/// How a deletion is meant. What the query says counts only where there is no body.
pub(super) fn delete_options(content_type: &str, body: &[u8], query: &Query) -> Result<DeleteOptions, ApiError> {
    let said = if body.is_empty() {
        json!({
            "propagationPolicy": query.get("propagationPolicy"),
            "dryRun": query.get("dryRun").map(|value| vec![value]).unwrap_or_default(),
        })
    } else {
        read_delete_options(content_type, body)?
    };
    let refuse = |field: &'static str, supported: &str| {
        let why = format!("Unsupported value: {}: supported values: {supported}", said[field]);
        bad_option("DeleteOptions", field, "FieldValueNotSupported", &why)
    };
    let tries: &[Value] = said["dryRun"].as_array().map_or(&[], Vec::as_slice);
    if tries.iter().any(|value| value != "All") {
        return Err(refuse("dryRun", "\"All\""));
    }
    let text = |pointer: &str| said.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let propagation = text("/propagationPolicy");
    if propagation.as_deref().is_some_and(|policy| !matches!(policy, "Foreground" | "Background" | "Orphan")) {
        return Err(refuse("propagationPolicy", "\"Foreground\", \"Background\", \"Orphan\", \"nil\""));
    }
    Ok(DeleteOptions {
        propagation,
        uid: text("/preconditions/uid"),
        resource_version: text("/preconditions/resourceVersion"),
        dry_run: !tries.is_empty(),
    })
}

fn read_delete_options(content_type: &str, body: &[u8]) -> Result<Value, ApiError> {
    let parse_error =
        |why: String| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {why}"));
    match content_type {
        "" | "application/json" => read_json(body).map_err(parse_error),
        "application/yaml" => read_yaml(body).map_err(parse_error),
        "application/vnd.kubernetes.protobuf" => protobuf::read_delete_options(body),
        _ => Err(unsupported(ACCEPTED)),
    }
}

/// The beginning of a body as messages show it: in hexadecimal where it does not look like JSON.
fn summary(body: &[u8]) -> String {
    const MOST: usize = 30;
    let shown = body.get(..MOST).unwrap_or(body);
    let more = if body.len() > MOST { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(shown)),
        Some(_) => {
            let digits = |byte: &u8| [byte >> 4, byte & 15].map(|half| char::from_digit(u32::from(half), 16));
            format!("{}{more}", shown.iter().flat_map(digits).flatten().collect::<String>())
        }
    }
}

fn read_json(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_eof() {
            return "unexpected end of JSON input".to_owned();
        }
        let line = body.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1));
        let found = line.and_then(|line| line.get(error.column().saturating_sub(1)));
        let found = found.copied().map_or('\u{fffd}', char::from);
        let said = error.to_string();
        let expected = [
            ("key must be a string", "looking for beginning of object key string"),
            ("expected `:`", "after object key"),
            ("expected `,` or `}`", "after object key:value pair"),
            ("expected `,` or `]`", "after array element"),
            ("trailing characters", "after top-level value"),
        ];
        let expected = expected.into_iter().find(|(ours, _)| said.starts_with(ours));
        format!("invalid character '{found}' {}", expected.map_or("looking for beginning of value", |(_, words)| words))
    })
}

fn read_yaml(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}
