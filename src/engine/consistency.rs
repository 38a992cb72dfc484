//! The plan shown is the plan applied (law 2): between the two, only what was shown as unknown may become known.

use crate::blueprint::{MeshProvider, Part, PartBody};
use serde_json::Value;

/// Whether `now` is `shown`, but for texts in `‹›` that have got their value.
pub(super) fn is_what_was_shown(shown: &Part, now: &Part) -> bool {
    shown.wave == now.wave
        && match (&shown.body, &now.body) {
            (PartBody::Registration(shown), PartBody::Registration(now)) => shown == now,
            (PartBody::ZoneRole(shown), PartBody::ZoneRole(now)) => shown == now,
            (PartBody::Manifest(shown), PartBody::Manifest(now)) => {
                shown.secrets == now.secrets && value_is(&shown.object, &now.object)
            }
            (PartBody::MeshProvider(shown), PartBody::MeshProvider(now)) => {
                place(shown) == place(now) && value_is(&shown.entry, &now.entry)
            }
            _ => false,
        }
}

fn place(provider: &MeshProvider) -> (&str, &str, &str) {
    (&provider.namespace, &provider.config_map, &provider.key)
}

fn value_is(shown: &Value, now: &Value) -> bool {
    match (shown, now) {
        (Value::String(shown), Value::String(now)) => text_is(shown, now),
        (Value::Array(shown), Value::Array(now)) => {
            shown.len() == now.len() && shown.iter().zip(now).all(|(shown, now)| value_is(shown, now))
        }
        (Value::Object(shown), Value::Object(now)) => {
            shown.len() == now.len()
                && shown.iter().all(|(key, shown)| now.get(key).is_some_and(|now| value_is(shown, now)))
        }
        (shown, now) => shown == now,
    }
}

/// Whether `now` has the same text as `shown` around every `‹…›`. A text without any must be equal.
pub(super) fn text_is(shown: &str, now: &str) -> bool {
    let Some((before, rest)) = shown.split_once('‹') else { return shown == now };
    let Some((_, after)) = rest.split_once('›') else { return shown == now };
    let Some(mut left) = now.strip_prefix(before) else { return false };
    // The value may be of any length: try every place where what follows could begin.
    loop {
        if text_is(after, left) {
            return true;
        }
        let mut characters = left.chars();
        if characters.next().is_none() {
            return false;
        }
        left = characters.as_str();
    }
}

/// Whether `wanted` takes nothing from `live` but texts in `‹›`. What `live` has besides is not asked about.
pub(super) fn is_filled_in(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::String(live), Value::String(wanted)) => text_is(live, wanted),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| is_filled_in(live, wanted))
        }
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| live.get(key).is_none_or(|live| is_filled_in(live, wanted)))
        }
        (live, wanted) => live == wanted,
    }
}

/// Whether a text in `‹›` stands anywhere in it.
pub(super) fn has_unknowns(value: &Value) -> bool {
    match value {
        Value::String(text) => text.split_once('‹').is_some_and(|(_, rest)| rest.contains('›')),
        Value::Array(items) => items.iter().any(has_unknowns),
        Value::Object(fields) => fields.values().any(has_unknowns),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{has_unknowns, is_filled_in, text_is, value_is};
    use serde_json::json;

    #[test]
    fn given_an_unknown_becomes_known_then_it_is_what_was_shown() {
        assert!(text_is("client_id = \"‹known later›\"\nx = 1\n", "client_id = \"1234\"\nx = 1\n"));
        assert!(value_is(&json!({"audiences": ["‹later›", "api://‹later›"]}), &json!({"audiences": ["1", "api://1"]})));
    }

    #[test]
    fn given_anything_else_changes_then_it_is_not() {
        assert!(!text_is("client_id = \"‹known later›\"\nx = 1\n", "client_id = \"1234\"\nx = 2\n"));
        assert!(!value_is(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
    }
    #[test]
    fn given_only_unknowns_would_be_taken_then_it_is_filling_in() {
        let live = json!({"data": {"cfg": "id = \"‹later›\"\nx = 1"}, "status": {"replicas": 1}});
        assert!(has_unknowns(&live));
        let wanted = json!({"data": {"cfg": "id = \"1234\"\nx = 1", "new": "one"}});
        assert!(is_filled_in(&live, &wanted));
        assert!(!has_unknowns(&wanted));
    }

    #[test]
    fn given_anything_else_would_be_taken_then_it_is_not() {
        let live = json!({"data": {"cfg": "id = \"‹later›\"\nx = 1"}, "replicas": 1, "list": ["a"]});
        assert!(!is_filled_in(&live, &json!({"data": {"cfg": "id = \"1234\"\nx = 2"}})));
        assert!(!is_filled_in(&live, &json!({"data": {"cfg": "id = \"1234\"\nx = 1"}, "replicas": 2})));
        assert!(!is_filled_in(&live, &json!({"list": ["a", "b"]})));
        assert!(!is_filled_in(&json!({"id": "1234"}), &json!({"id": "‹later›"})));
    }
}
