//! The few protobuf messages that kubectl sends and asks for.
//!
//! From 1.32 on it sends reviews and small objects as protobuf and does not fall back to JSON; until 1.28 it wants OpenAPI v2 as
//! protobuf before it applies. The field numbers are those of Kubernetes' `generated.proto` files and of gnostic's `OpenAPIv2.proto`.

use super::{catalog::Kind, status::ApiError};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// What a field holds.
enum Holds {
    Text,
    Bytes,
    Bool,
    Number,
    Message(&'static [Field]),
    TextMap,
    BytesMap,
    Texts,
    Messages(&'static [Field]),
}

struct Field {
    number: u64,
    name: &'static str,
    holds: Holds,
}

const fn field(number: u64, name: &'static str, holds: Holds) -> Field {
    Field { number, name, holds }
}

const META: &[Field] = &[
    field(1, "name", Holds::Text),
    field(2, "generateName", Holds::Text),
    field(3, "namespace", Holds::Text),
    field(5, "uid", Holds::Text),
    field(6, "resourceVersion", Holds::Text),
    field(11, "labels", Holds::TextMap),
    field(12, "annotations", Holds::TextMap),
    field(14, "finalizers", Holds::Texts),
];
const NAMESPACE: &[Field] = &[
    field(1, "metadata", Holds::Message(META)),
    field(2, "spec", Holds::Message(&[field(1, "finalizers", Holds::Texts)])),
];
const SECRET: &[Field] = &[
    field(1, "metadata", Holds::Message(META)),
    field(2, "data", Holds::BytesMap),
    field(3, "type", Holds::Text),
    field(4, "stringData", Holds::TextMap),
    field(5, "immutable", Holds::Bool),
];
const CONFIG_MAP: &[Field] = &[
    field(1, "metadata", Holds::Message(META)),
    field(2, "data", Holds::TextMap),
    field(3, "binaryData", Holds::BytesMap),
    field(4, "immutable", Holds::Bool),
];
const SERVICE_ACCOUNT: &[Field] = &[
    field(1, "metadata", Holds::Message(META)),
    field(3, "imagePullSecrets", Holds::Messages(&[field(1, "name", Holds::Text)])),
    field(4, "automountServiceAccountToken", Holds::Bool),
];
const ACCESS_REVIEW: &[Field] = &[field(
    2,
    "spec",
    Holds::Message(&[
        field(
            1,
            "resourceAttributes",
            Holds::Message(&[
                field(1, "namespace", Holds::Text),
                field(2, "verb", Holds::Text),
                field(3, "group", Holds::Text),
                field(4, "version", Holds::Text),
                field(5, "resource", Holds::Text),
                field(6, "subresource", Holds::Text),
                field(7, "name", Holds::Text),
            ]),
        ),
        field(
            2,
            "nonResourceAttributes",
            Holds::Message(&[field(1, "path", Holds::Text), field(2, "verb", Holds::Text)]),
        ),
    ]),
)];
const RULES_REVIEW: &[Field] = &[field(2, "spec", Holds::Message(&[field(1, "namespace", Holds::Text)]))];
const DELETE_OPTIONS: &[Field] = &[
    field(1, "gracePeriodSeconds", Holds::Number),
    field(
        2,
        "preconditions",
        Holds::Message(&[field(1, "uid", Holds::Text), field(2, "resourceVersion", Holds::Text)]),
    ),
    field(4, "propagationPolicy", Holds::Text),
    field(5, "dryRun", Holds::Texts),
];
const TEXT_ENTRY: &[Field] = &[field(1, "key", Holds::Text), field(2, "value", Holds::Text)];
const BYTES_ENTRY: &[Field] = &[field(1, "key", Holds::Text), field(2, "value", Holds::Bytes)];
/// `runtime.Unknown`, which wraps every message: its type, and the message itself.
const ENVELOPE: &[Field] = &[
    field(1, "typeMeta", Holds::Message(&[field(1, "apiVersion", Holds::Text), field(2, "kind", Holds::Text)])),
    field(2, "raw", Holds::Bytes),
];

/// Reads a message as an object of `kind`.
pub(super) fn read(body: &[u8], kind: &Kind) -> Result<Value, ApiError> {
    let fields = match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Namespace") => NAMESPACE,
        ("", "Secret") => SECRET,
        ("", "ConfigMap") => CONFIG_MAP,
        ("", "ServiceAccount") => SERVICE_ACCOUNT,
        (_, "SelfSubjectAccessReview") => ACCESS_REVIEW,
        (_, "SelfSubjectRulesReview") => RULES_REVIEW,
        (_, "SelfSubjectReview") => &[],
        _ => {
            return Err(ApiError::plain(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: application/json, \
                 application/yaml",
            ));
        }
    };
    let (mut object, api_version, kind) = unwrap(body, fields)?;
    object.insert("apiVersion".to_owned(), api_version);
    object.insert("kind".to_owned(), kind);
    Ok(Value::Object(object))
}

/// Reads `DeleteOptions`.
pub(super) fn read_delete_options(body: &[u8]) -> Result<Value, ApiError> {
    unwrap(body, DELETE_OPTIONS).map(|(options, _, _)| Value::Object(options))
}

fn unwrap(body: &[u8], fields: &[Field]) -> Result<(Map<String, Value>, Value, Value), ApiError> {
    let read = || {
        let envelope = message(body.strip_prefix(b"k8s\0")?, ENVELOPE)?;
        let raw = envelope.get("raw").and_then(Value::as_str).unwrap_or_default();
        let object = message(&STANDARD.decode(raw).ok()?, fields)?;
        let of_type = |key: &str| envelope.get("typeMeta").and_then(|meta| meta.get(key)).cloned().unwrap_or_default();
        Some((object, of_type("apiVersion"), of_type("kind")))
    };
    read().ok_or_else(|| ApiError::bad_request("the body of the request is no protobuf that can be read"))
}

/// One field as it is on the wire.
enum Raw<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

fn message(mut bytes: &[u8], fields: &[Field]) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    while !bytes.is_empty() {
        let (number, raw) = next(&mut bytes)?;
        if let Some(field) = fields.iter().find(|field| field.number == number) {
            put(&mut object, field, &raw)?;
        }
    }
    Some(object)
}

fn next<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Raw<'a>)> {
    let tag = varint(bytes)?;
    let raw = match tag & 7 {
        0 => Raw::Varint(varint(bytes)?),
        1 => Raw::Bytes(take(bytes, 8)?),
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            Raw::Bytes(take(bytes, length)?)
        }
        5 => Raw::Bytes(take(bytes, 4)?),
        _ => return None,
    };
    Some((tag >> 3, raw))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take(bytes, 1)? else { return None };
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Empty texts and messages are not there, as in Go's JSON.
fn put(object: &mut Map<String, Value>, field: &Field, raw: &Raw<'_>) -> Option<()> {
    let name = field.name.to_owned();
    let value = match (&field.holds, raw) {
        (Holds::Bool, Raw::Varint(number)) => (*number != 0).then_some(Value::Bool(true)),
        (Holds::Number, Raw::Varint(number)) => Some(json!(number)),
        (Holds::Text, Raw::Bytes(bytes)) => Some(json!(std::str::from_utf8(bytes).ok()?)).filter(|text| *text != ""),
        (Holds::Bytes, Raw::Bytes(bytes)) => Some(json!(STANDARD.encode(bytes))),
        (Holds::Message(fields), Raw::Bytes(bytes)) => Some(Value::Object(message(bytes, fields)?)),
        (Holds::Texts, Raw::Bytes(bytes)) => {
            append(object, &name, json!(std::str::from_utf8(bytes).ok()?));
            None
        }
        (Holds::Messages(fields), Raw::Bytes(bytes)) => {
            append(object, &name, Value::Object(message(bytes, fields)?));
            None
        }
        (Holds::TextMap | Holds::BytesMap, Raw::Bytes(bytes)) => {
            let of_texts = matches!(field.holds, Holds::TextMap);
            let entry = message(bytes, if of_texts { TEXT_ENTRY } else { BYTES_ENTRY })?;
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(map) = object.entry(name.clone()).or_insert_with(|| json!({})).as_object_mut() {
                map.insert(text("key"), json!(text("value")));
            }
            None
        }
        _ => return None,
    };
    if let Some(value) = value {
        object.insert(name, value);
    }
    Some(())
}

fn append(object: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some(list) = object.entry(name).or_insert_with(|| json!([])).as_array_mut() {
        list.push(value);
    }
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or_default());
}

/// A field that holds bytes, a text or a message.
fn wire(number: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 4);
    push_varint(&mut bytes, number << 3 | 2);
    push_varint(&mut bytes, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes
}

fn join(fields: &[Vec<u8>]) -> Vec<u8> {
    fields.concat()
}

/// OpenAPI v2 with as much as kubectl needs of it: that the PATCH of each kind takes `fieldValidation`. `paths` are paths with the
/// group, version and kind behind them.
pub(super) fn openapi_v2(paths: &[(String, [String; 3])]) -> Vec<u8> {
    let info = join(&[wire(1, b"Kubernetes"), wire(2, b"v1.34.1")]);
    let items: Vec<Vec<u8>> = paths
        .iter()
        .map(|(path, [group, version, kind])| {
            let parameter = join(&[wire(2, b"query"), wire(4, b"fieldValidation"), wire(6, b"string")]);
            let parameter = wire(1, &wire(2, &wire(3, &parameter)));
            let yaml = format!("group: {group:?}\nkind: {kind}\nversion: {version}\n");
            let extension = join(&[wire(1, b"x-kubernetes-group-version-kind"), wire(2, &wire(2, yaml.as_bytes()))]);
            let operation = join(&[wire(8, &parameter), wire(13, &extension)]);
            wire(2, &join(&[wire(1, path.as_bytes()), wire(2, &wire(8, &operation))]))
        })
        .collect();
    join(&[wire(1, b"2.0"), wire(2, &info), wire(8, &items.concat())])
}

#[cfg(test)]
mod tests {
    use super::{super::catalog::Catalog, *};

    fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let of_type = join(&[wire(1, api_version.as_bytes()), wire(2, kind.as_bytes())]);
        [b"k8s\0".to_vec(), wire(1, &of_type), wire(2, raw)].concat()
    }

    #[test]
    fn given_a_secret_as_protobuf_when_read_then_its_values_are_base64() {
        let entry = join(&[wire(1, b"a"), wire(2, b"b")]);
        let raw = join(&[wire(1, &join(&[wire(1, b"s1"), wire(3, b"myapp")])), wire(2, &entry), wire(3, b"Opaque")]);
        let catalog = Catalog::embedded();
        let read = read(&envelope("v1", "Secret", &raw), catalog.kind("", "Secret").unwrap()).unwrap();
        assert_eq!(
            read,
            json!({
                "metadata": {"name": "s1", "namespace": "myapp"}, "data": {"a": "Yg=="}, "type": "Opaque",
                "apiVersion": "v1", "kind": "Secret",
            })
        );
    }

    #[test]
    fn given_a_message_that_ends_early_when_read_then_it_is_refused() {
        let whole = envelope("v1", "Namespace", &wire(1, &wire(1, b"one")));
        let catalog = Catalog::embedded();
        let namespace = catalog.kind("", "Namespace").unwrap();
        assert!(read(&whole, namespace).is_ok());
        assert_eq!(read(&whole[..whole.len() - 1], namespace).unwrap_err().code, 400);
    }
}
