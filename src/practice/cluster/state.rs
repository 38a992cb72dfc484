//! What the cluster is at a moment, and the parts of a write that look beyond one object.

use super::{
    catalog::{Catalog, Kind},
    review::Denied,
    status::ApiError,
    store::{Key, Store},
};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// What the cluster is.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The kinds that can be served.
    pub(super) catalog: Arc<Catalog>,
    /// The objects.
    pub(super) store: Store,
    /// What the caller may not do.
    pub(super) denied: Vec<Denied>,
    /// Groups whose definitions are not installed.
    pub(super) absent_groups: BTreeSet<String>,
    /// How long what belongs to a deleted object, or is in a deleted namespace, stays.
    pub(super) collection_delay: Duration,
    /// Whether there is something to be collected later.
    pub(super) collection_is_due: bool,
}

impl State {
    /// The object, or that there is none.
    pub(super) fn existing(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Arc<Value>, ApiError> {
        self.store.get(&Key::new(kind, namespace, name)).cloned().ok_or_else(|| ApiError::not_found(kind, name))
    }

    /// Whether a namespace is there and stays.
    pub(super) fn must_accept_new_content(&self, kind: &Kind, namespace: &str, name: &str) -> Result<(), ApiError> {
        if !kind.namespaced {
            return Ok(());
        }
        let Some(namespaces) = self.catalog.kind("", "Namespace") else { return Ok(()) };
        let Some(found) = self.store.get(&Key::new(namespaces, "", namespace)) else {
            return Err(ApiError::no_namespace(namespace));
        };
        if found.pointer("/metadata/deletionTimestamp").is_some() {
            return Err(ApiError::namespace_terminating(kind, name, namespace));
        }
        Ok(())
    }

    /// Takes an object out.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let gone = self.store.remove(key);
        self.after_change();
        gone
    }

    /// What belongs to it may have to go as well, at once or later.
    pub(super) fn after_change(&mut self) {
        if self.collection_delay.is_zero() {
            super::lifecycle::collect(self);
        } else {
            self.collection_is_due |= super::lifecycle::has_work(self);
        }
    }
}

/// Whether an object that is to go is held back by its finalizers.
pub(super) fn holds_back(object: &Value) -> bool {
    let some = |pointer: &str| object.pointer(pointer).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let is_namespace = object["kind"] == "Namespace" && object["apiVersion"] == "v1";
    some("/metadata/finalizers") || (is_namespace && some("/spec/finalizers"))
}
