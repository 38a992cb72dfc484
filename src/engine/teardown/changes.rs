//! Pure: what others have changed in an object of ours since we applied it, by what the server notes of who owns which field.

use crate::{
    blueprint::FIELD_MANAGER,
    engine::{consistency, diff, history::HISTORY_MANAGER},
};
use serde_json::{Map, Value};

/// Managers that work on objects of everybody: what they write is no decision of a person.
const CONTROLLERS: [&str; 4] = ["kube-controller-manager", "cert-manager", "pilot-discovery", "kube-apiserver"];

/// What others have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changes {
    /// By which field managers, and when.
    pub(super) by: String,
    /// What; from what we applied, where that is known.
    pub(super) diff: String,
}

/// What others have changed in `live` since we applied it; `expected` is what we would apply. `None` when nothing is known to have
/// been changed, or when it never was ours alone: an object that somebody else applied for us is theirs to change.
pub(super) fn since(live: &Value, expected: Option<&Value>) -> Option<Changes> {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array)?;
    let manager = |entry: &Value| entry.get("manager").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !entries.iter().any(|entry| manager(entry) == FIELD_MANAGER) {
        return None;
    }
    let mut by = Vec::new();
    let mut now = Value::Null;
    let mut before = expected.and_then(|expected| absent(expected, live)).unwrap_or_default();
    for entry in entries.iter().filter(|entry| is_of_somebody(entry, &manager(entry))) {
        let Some(fields) = entry.get("fieldsV1").map(without_bookkeeping) else { continue };
        if fields.as_object().is_none_or(Map::is_empty) {
            continue;
        }
        let time = entry.get("time").and_then(Value::as_str).map(|time| format!(", {time}")).unwrap_or_default();
        by.push(format!("{}{time}", manager(entry)));
        overlay(&mut now, project(&fields, live));
        overlay(&mut before, expected.and_then(|expected| project(&fields, &settled(expected, live))));
    }
    if by.is_empty() && before.is_null() {
        return None;
    }
    let by = if by.is_empty() { "somebody, who took fields away".to_owned() } else { by.join("; ") };
    let diff = if is_secret(live) { String::new() } else { diff::between(some(&before), some(&now)) };
    Some(Changes { by, diff })
}

fn is_of_somebody(entry: &Value, manager: &str) -> bool {
    manager != FIELD_MANAGER
        && manager != HISTORY_MANAGER
        && entry.get("subresource").and_then(Value::as_str).is_none_or(str::is_empty)
        && !CONTROLLERS.iter().any(|controller| manager.starts_with(controller))
}

fn is_secret(object: &Value) -> bool {
    object.get("kind").and_then(Value::as_str) == Some("Secret")
}

fn some(value: &Value) -> Option<&Value> {
    (!value.is_null()).then_some(value)
}

/// The fields without status and without what holds an object back while it is deleted.
fn without_bookkeeping(fields: &Value) -> Value {
    let mut fields = fields.clone();
    if let Some(all) = fields.as_object_mut() {
        all.shift_remove("f:status");
        if let Some(metadata) = all.get_mut("f:metadata").and_then(Value::as_object_mut) {
            metadata.shift_remove("f:finalizers");
            metadata.retain(|key, _| key != ".");
            if metadata.is_empty() {
                all.shift_remove("f:metadata");
            }
        }
    }
    fields
}

/// What of `object` the `fields` of a manager name (fieldsV1: `f:` a field, `k:` an item by its keys, `v:` an item by its value).
pub(in crate::engine) fn project(fields: &Value, object: &Value) -> Option<Value> {
    let named = fields.as_object()?;
    if named.is_empty() {
        return Some(object.clone());
    }
    match object {
        Value::Object(of) => {
            let parts = named.iter().filter_map(|(key, inner)| {
                let name = key.strip_prefix("f:")?;
                Some((name.to_owned(), project(inner, of.get(name)?)?))
            });
            let found: Map<String, Value> = parts.collect();
            (!found.is_empty()).then(|| found.into())
        }
        Value::Array(items) => {
            let found: Vec<Value> = named.iter().filter_map(|(key, inner)| item(key, inner, items)).collect();
            (!found.is_empty()).then(|| found.into())
        }
        _ => Some(object.clone()),
    }
}

fn item(key: &str, inner: &Value, items: &[Value]) -> Option<Value> {
    if let Some(value) = key.strip_prefix("v:") {
        let value: Value = serde_json::from_str(value).ok()?;
        return items.contains(&value).then_some(value);
    }
    let keys: Map<String, Value> = serde_json::from_str(key.strip_prefix("k:")?).ok()?;
    let found = items.iter().find(|item| keys.iter().all(|(key, value)| item.get(key) == Some(value)))?;
    let mut part = Value::Object(keys);
    overlay(&mut part, project(inner, found));
    Some(part)
}

/// The fields of `expected` that `live` no longer has. Lists are somebody's to order, and are not looked into.
fn absent(expected: &Value, live: &Value) -> Option<Value> {
    let (Value::Object(expected), Value::Object(live)) = (expected, live) else { return None };
    let parts = expected.iter().filter_map(|(key, expected)| match live.get(key) {
        // The server leaves out what is empty.
        None => (!is_empty(expected)).then(|| (key.clone(), expected.clone())),
        Some(live) => Some((key.clone(), absent(expected, live)?)),
    });
    let found: Map<String, Value> = parts.collect();
    (!found.is_empty()).then(|| found.into())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `expected` with the texts that it could not know filled in from `live`, where they fit.
fn settled(expected: &Value, live: &Value) -> Value {
    match (expected, live) {
        (Value::String(text), Value::String(there)) if consistency::text_is(text, there) => live.clone(),
        (Value::Object(expected), Value::Object(live)) => expected
            .iter()
            .map(|(key, value)| (key.clone(), live.get(key).map_or_else(|| value.clone(), |live| settled(value, live))))
            .collect::<Map<_, _>>()
            .into(),
        (expected, _) => expected.clone(),
    }
}

fn overlay(onto: &mut Value, part: Option<Value>) {
    match (onto, part) {
        (_, None) => {}
        (Value::Object(onto), Some(Value::Object(part))) => {
            for (key, value) in part {
                overlay(onto.entry(key).or_insert(Value::Null), Some(value));
            }
        }
        (Value::Array(onto), Some(Value::Array(part))) => onto.extend(part),
        (onto, Some(part)) => *onto = part,
    }
}

#[cfg(test)]
mod tests {
    use super::{Changes, since};
    use serde_json::{Value, json};

    fn deployment(others: &[Value]) -> Value {
        let mut managed =
            vec![json!({"manager": "gatewright", "operation": "Apply", "fieldsV1": {"f:spec": {"f:paused": {}}}})];
        managed.extend_from_slice(others);
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "managedFields": managed},
               "spec": {"replicas": 3, "paused": false, "template": {"spec": {"containers": [
                   {"name": "app", "image": "two", "env": [{"name": "A", "value": "b"}]}, {"name": "other", "image": "x"}]}}}})
    }

    fn expected() -> Value {
        json!({"spec": {"replicas": 1, "paused": false, "template": {"spec": {"containers": [{"name": "app", "image": "one"}]}}}})
    }

    fn entry(manager: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": "Update", "time": "2026-01-02T03:04:05Z", "fieldsV1": fields})
    }

    #[test]
    fn given_only_we_and_controllers_wrote_it_then_nobody_changed_it() {
        let status = json!({"manager": "whoever", "subresource": "status", "fieldsV1": {"f:status": {}}});
        let controller = entry("kube-controller-manager", &json!({"f:metadata": {"f:annotations": {"f:x": {}}}}));
        assert_eq!(since(&deployment(&[status, controller]), Some(&json!({"spec": {"replicas": 3}}))), None);
    }

    #[test]
    fn given_somebody_scaled_it_and_changed_an_image_then_both_are_told_with_what_they_were() {
        let containers = json!({"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {"f:image": {}}}}}});
        let mut fields = containers;
        fields["f:replicas"] = json!({});
        let live = deployment(&[entry("kubectl-edit", &json!({"f:spec": fields, "f:status": {"f:x": {}}}))]);
        let Changes { by, diff } = since(&live, Some(&expected())).unwrap();
        assert_eq!(by, "kubectl-edit, 2026-01-02T03:04:05Z");
        for line in ["-  replicas: 1", "+  replicas: 3", "image: one", "image: two"] {
            assert!(diff.contains(line), "{line} is not in:\n{diff}");
        }
        assert!(!diff.contains("other") && !diff.contains("paused"), "{diff}");
    }

    #[test]
    fn given_somebody_took_a_field_away_then_it_is_told() {
        let wanted = json!({"spec": {"replicas": 3, "strategy": {"type": "Recreate"}, "selector": {}}});
        let Changes { by, diff } = since(&deployment(&[]), Some(&wanted)).unwrap();
        assert!(by.contains("took fields away") && diff.contains("-    type: Recreate"), "{by}\n{diff}");
    }

    #[test]
    fn given_a_secret_or_an_object_applied_by_others_then_no_value_and_no_change_is_told() {
        let mut secret = deployment(&[entry("kubectl-edit", &json!({"f:data": {"f:password": {}}}))]);
        secret["kind"] = json!("Secret");
        secret["data"] = json!({"password": "Y2FuYXJ5"});
        assert_eq!(since(&secret, None).unwrap().diff, "");
        let mut exported = deployment(&[entry("kubectl", &json!({"f:spec": {}}))]);
        exported["metadata"]["managedFields"].as_array_mut().unwrap().remove(0);
        assert_eq!(since(&exported, Some(&expected())), None);
    }
}
