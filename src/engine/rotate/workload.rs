//! New pods for the sign-in proxy, and nothing else changed of it.

use crate::{
    blueprint::{self, CREDENTIALS_CHECKSUM, Existing, FIELD_MANAGER, Part, SESSIONS_CHECKSUM},
    cluster::{Error, ObjectRef, Write},
    engine::{
        Target, diff,
        event::{Problem, ProblemKind},
        problem,
        rotate::Seen,
        secrets::Vault,
        teardown::changes::project,
    },
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const ANNOTATIONS: &str = "/spec/template/metadata/annotations";

/// The annotations that have pods follow the values that `vault` holds now.
pub(super) fn checksums(seen: &Seen, vault: &Vault) -> Result<BTreeMap<String, String>, Problem> {
    let existing = Existing {
        secret_fingerprints: vault.fingerprints(),
        started_with: vault.started_with(),
        ..seen.found.existing.clone()
    };
    let parts = blueprint::blueprint(&seen.answers, &seen.found.facts, &existing)
        .map_err(|impossible| problem::impossible(&impossible))?;
    let is_it = |object: &&Value| ObjectRef::of(object).is_ok_and(|reference| reference == seen.deployment);
    let wanted = parts.iter().filter_map(Part::manifest).map(|manifest| &manifest.object).find(is_it);
    let annotations = wanted.and_then(|wanted| wanted.pointer(ANNOTATIONS)).and_then(Value::as_object);
    let checksum = |name: &str| {
        let value = annotations.and_then(|annotations| annotations.get(name)).and_then(Value::as_str);
        value.map(|value| (name.to_owned(), value.to_owned()))
    };
    Ok([CREDENTIALS_CHECKSUM, SESSIONS_CHECKSUM].into_iter().filter_map(checksum).collect())
}

/// Has the pods of `deployment` replaced, unless they follow these `checksums` already. Whatever else there is to say of the
/// Deployment, even where it is no longer as the answers ask for, stays as it is.
pub(super) async fn roll(
    target: &Target,
    deployment: &ObjectRef,
    checksums: &BTreeMap<String, String>,
) -> Result<bool, Problem> {
    let tried = format!("give {deployment} new pods");
    let failed = |error: Error| problem::cluster(&tried, &error);
    let live = target.cluster.get(deployment).await.map_err(failed)?;
    let live = live.ok_or_else(|| problem::gone(&tried))?;
    let there = live.pointer(ANNOTATIONS);
    let has_it = |(name, value): (&String, &String)| {
        there.and_then(|there| there.get(name)).and_then(Value::as_str) == Some(value.as_str())
    };
    if checksums.iter().all(has_it) {
        return Ok(false);
    }
    let Some(mut ours) = applied_by_us(&live) else {
        // Somebody else applied it for us: the annotations alone are changed.
        let changes = json!({"spec": {"template": {"metadata": {"annotations": checksums}}}});
        target.cluster.merge(deployment, &changes, FIELD_MANAGER).await.map_err(failed)?;
        return Ok(true);
    };
    if let Some(annotations) = ours.pointer_mut(ANNOTATIONS).and_then(Value::as_object_mut) {
        annotations.extend(checksums.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    }
    let after = target.cluster.apply(&ours, Write::DryRun).await.map_err(failed)?;
    let (before, after) = (without_checksums(&live, checksums), without_checksums(&after, checksums));
    if before.get("spec") != after.get("spec") {
        tracing::warn!(changes = diff::between(Some(&before), Some(&after)), "rolling would change more");
        return Err(Problem {
            tried,
            cause: "what the server notes of who owns which field would have more changed of it than that".to_owned(),
            remedy: "run `gatewright setup`, which shows every change, and run again".to_owned(),
            kind: ProblemKind::Failed,
        });
    }
    target.cluster.apply(&ours, Write::ForReal).await.map_err(failed)?;
    Ok(true)
}

/// The fields that we applied of an object, with the values that they have now, as the object of that UID and no other.
fn applied_by_us(live: &Value) -> Option<Value> {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array)?;
    let is_ours = |entry: &&Value| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        text("manager") == FIELD_MANAGER && text("operation") == "Apply" && text("subresource").is_empty()
    };
    let mut ours = project(entries.iter().find(is_ours)?.get("fieldsV1")?, live)?;
    let fields = ours.as_object_mut()?;
    for name in ["apiVersion", "kind"] {
        fields.insert(name.to_owned(), live.get(name)?.clone());
    }
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new())).as_object_mut()?;
    for name in ["name", "namespace", "uid"] {
        metadata.insert(name.to_owned(), live.pointer(&format!("/metadata/{name}"))?.clone());
    }
    ours.pointer(ANNOTATIONS)?;
    Some(ours)
}

fn without_checksums(object: &Value, checksums: &BTreeMap<String, String>) -> Value {
    let mut object = object.clone();
    if let Some(annotations) = object.pointer_mut(ANNOTATIONS).and_then(Value::as_object_mut) {
        annotations.retain(|name, _| !checksums.contains_key(name));
    }
    object
}

#[cfg(test)]
mod tests {
    use super::applied_by_us;
    use serde_json::json;

    #[test]
    fn given_fields_of_others_then_only_ours_are_applied_again_with_the_values_they_have() {
        let live = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "7", "managedFields": [
                {"manager": "gatewright", "operation": "Apply", "fieldsV1": {
                    "f:metadata": {"f:labels": {"f:a": {}}},
                    "f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:x": {}}}, "f:spec": {"f:containers": {
                        "k:{\"name\":\"c\"}": {".": {}, "f:name": {}, "f:args": {}}}}}}}},
                {"manager": "somebody", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
            "spec": {"replicas": 5, "template": {"metadata": {"annotations": {"x": "1", "theirs": "2"}},
                "spec": {"containers": [{"name": "c", "args": ["one"], "image": "theirs"}]}}},
        });
        let expected = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": {"template": {"metadata": {"annotations": {"x": "1"}},
                "spec": {"containers": [{"name": "c", "args": ["one"]}]}}},
        });
        let mut ours = applied_by_us(&live).unwrap();
        let metadata = ours["metadata"].as_object_mut().unwrap();
        assert!(metadata.remove("labels").is_none(), "what is not there is not made up");
        assert_eq!(ours, expected);
        assert_eq!(applied_by_us(&json!({"metadata": {"managedFields": []}})), None);
    }
}
