//! What would change, as a person reads it: YAML, without noise and without secret values.

use crate::secret::Fingerprint;
use serde_json::{Map, Value};
use similar::TextDiff;

/// What the server keeps for itself in `metadata`, and nobody decides.
const SERVER_METADATA: [&str; 7] =
    ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp"];

/// The object as far as somebody decided it: without status and the server's own bookkeeping, secret values replaced by
/// fingerprints, keys sorted so that two servers' orders compare.
pub fn decided(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|key, _| !SERVER_METADATA.contains(&key.as_str()));
        }
        if fields.get("kind").and_then(Value::as_str) == Some("Secret") {
            for part in ["data", "stringData"] {
                if let Some(values) = fields.get_mut(part).and_then(Value::as_object_mut) {
                    values.values_mut().for_each(hide);
                }
            }
        }
    }
    sorted(object)
}

fn hide(value: &mut Value) {
    // What stands there for a value that is still to be made is no secret, and no base64 begins like it.
    if value.as_str().is_some_and(|text| text.starts_with('‹')) {
        return;
    }
    let fingerprint = Fingerprint::of(value.to_string().as_bytes());
    *value = Value::String(format!("‹secret {fingerprint}›"));
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(fields.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// `value` as YAML; long lines are not folded.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    let options = serde_saphyr::ser_options! { folded_wrap_chars: 100_000 };
    match serde_saphyr::to_fmt_writer_with_options(&mut text, value, options) {
        Ok(()) => text,
        Err(error) => format!("# cannot be shown as YAML: {error}\n"),
    }
}

/// The unified diff between two objects, either of which may be missing; empty when they are the same.
pub fn between(before: Option<&Value>, after: Option<&Value>) -> String {
    let text = |side: Option<&Value>| side.map(|object| yaml(&decided(object))).unwrap_or_default();
    between_texts(&text(before), &text(after))
}

/// The unified diff between two texts; empty when they are the same.
pub fn between_texts(before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    TextDiff::from_lines(before, after).unified_diff().context_radius(3).to_string()
}

#[cfg(test)]
mod tests {
    use super::between;
    use serde_json::json;

    #[test]
    fn given_only_bookkeeping_differs_then_there_is_no_diff() {
        let before = json!({"kind": "Service", "metadata": {"name": "a", "resourceVersion": "1"}, "status": {"x": 1}});
        let after = json!({"metadata": {"resourceVersion": "2", "name": "a"}, "kind": "Service"});
        assert_eq!(between(Some(&before), Some(&after)), "");
    }

    #[test]
    fn given_a_secret_changes_then_the_diff_tells_so_without_its_value() {
        let secret = |value: &str| json!({"kind": "Secret", "data": {"password": value}});
        let diff = between(Some(&secret("Y2FuYXJ5LW9uZQ==")), Some(&secret("Y2FuYXJ5LXR3bw==")));
        assert!(diff.contains("-  password: ‹secret "), "{diff}");
        assert!(!diff.contains("Y2FuYXJ5"), "{diff}");
    }
}
