//! The CustomResourceDefinitions of the kinds that come with one, so that they can be seen as on a real cluster.
//!
//! They say which kinds there are; the shapes are in the embedded tables, and changing a definition changes nothing.

use super::{catalog::Kind, state::State, store::Key, write::now};
use serde_json::{Value, json};
use std::sync::Arc;

/// Puts a definition for every custom kind that lacks one.
pub(super) fn install(state: &mut State) {
    let catalog = state.catalog.clone();
    let Some(of_definitions) = catalog.kind("apiextensions.k8s.io", "CustomResourceDefinition") else { return };
    for kind in catalog.kinds().iter().filter(|kind| kind.is_custom()) {
        let key = Key::new(of_definitions, "", &kind.resource());
        if state.store.get(&key).is_none() {
            state.store.put(key, definition(kind));
        }
    }
}

/// Takes the definitions of a group away, and the objects with them.
pub(super) fn uninstall(state: &mut State, group: &str) {
    let of_group: Vec<Arc<Kind>> =
        state.catalog.kinds().iter().filter(|kind| kind.group == group && kind.is_custom()).cloned().collect();
    let mut gone: Vec<Key> =
        of_group.iter().flat_map(|kind| state.store.list(kind, None).map(|(key, _)| key.clone())).collect();
    if let Some(of_definitions) = state.catalog.kind("apiextensions.k8s.io", "CustomResourceDefinition") {
        gone.extend(of_group.iter().map(|kind| Key::new(of_definitions, "", &kind.resource())));
    }
    for key in gone {
        state.store.remove(&key);
    }
}

fn definition(kind: &Kind) -> Value {
    let names = json!({
        "plural": kind.plural, "singular": kind.singular(), "kind": kind.kind, "listKind": format!("{}List", kind.kind),
        "shortNames": kind.short, "categories": kind.categories,
    });
    let versions: Vec<Value> = kind
        .versions
        .iter()
        .enumerate()
        .map(|(at, version)| {
            json!({
                "name": version, "served": true, "storage": at == 0, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            })
        })
        .collect();
    let now = now();
    let condition = |name: &str, reason: &str| json!({"type": name, "status": "True", "reason": reason, "message": "", "lastTransitionTime": now});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": kind.resource(), "uid": uuid::Uuid::new_v4().to_string(), "creationTimestamp": now, "generation": 1,
        },
        "spec": {
            "group": kind.group, "names": names, "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
            "versions": versions, "conversion": {"strategy": "None"},
        },
        "status": {
            "acceptedNames": names, "storedVersions": [kind.versions.first()],
            "conditions": [condition("NamesAccepted", "NoConflicts"), condition("Established", "InitialNamesAccepted")],
        },
    })
}
