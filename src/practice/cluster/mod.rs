//! The practice ground's cluster: an embedded Kubernetes API server.
//!
//! [`Cluster`] is the handle: controllers, seeds and the edge read and write through its methods, everybody else over HTTP
//! through [`Cluster::router`]. It is as strict as the real server where a client can notice: unknown fields, types, missing
//! namespaces, conflicts of field managers, immutable fields and missing rights are refused with the same status and text.
//!
//! Not imitated: answers in protobuf, exec, attach and logs, port forwarding over SPDY (what kubectl does), quotas and other
//! admission than Istio's and cert-manager's webhooks, CustomResourceDefinitions that others make, versions of an object that
//! differ in more than their name, lists as of a past revision, and rights other than those that are taken away.

mod body;
mod catalog;
mod cel;
mod defaults;
mod definitions;
mod discovery;
mod fields;
mod http;
mod identity;
mod lifecycle;
mod list;
mod managed;
mod merge;
mod openapi;
mod patch;
mod portforward;
mod protobuf;
mod request;
mod review;
mod rules;
mod schema;
mod selector;
mod state;
mod status;
mod store;
mod table;
mod typed;
mod validate;
mod watch;
mod webhooks;
mod write;

pub use http::refuse_anonymous;
pub use portforward::{ForwardHandler, PortForward, forward_ports};
pub use review::Denied;
pub use status::{About, ApiError, Cause};

use catalog::{Catalog, Kind, split_api_version};
use managed::Endpoint;
use serde_json::Value;
use state::State;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::{Key, Store};
use write::{Options, Strictness, Target};

/// The embedded cluster. Clones are the same cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    catalog: Arc<Catalog>,
    state: Mutex<State>,
    port_forward: Mutex<Option<PortForward>>,
    changes: tokio::sync::watch::Sender<u64>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Cluster {
    /// A cluster with nothing in it but the definitions of its custom kinds, not even a namespace.
    pub fn new() -> Self {
        Self::with(Store::default())
    }

    /// The cluster of a snapshot. Rights, absent groups and the backend of port forwarding are not part of it.
    pub fn restore(snapshot: &Value) -> Self {
        Self::with(Store::restore(snapshot))
    }

    fn with(store: Store) -> Self {
        let catalog = Catalog::embedded();
        let mut state = State { catalog: catalog.clone(), store, ..State::default() };
        definitions::install(&mut state);
        // What a former process left to be collected has waited long enough.
        lifecycle::collect(&mut state);
        let revision = state.store.revision();
        let (changes, _) = tokio::sync::watch::channel(revision);
        let inner = Inner { catalog, state: Mutex::new(state), port_forward: Mutex::new(None), changes };
        Self { inner: Arc::new(inner) }
    }

    /// All objects and the revision, in an order that depends on nothing else.
    pub fn snapshot(&self) -> Value {
        self.state().store.snapshot()
    }

    /// The Kubernetes API over HTTP.
    pub fn router(&self) -> axum::Router {
        http::router(self.clone())
    }

    /// Counts up with every change; controllers, the edge and whoever saves the state wake up by it.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// The object, in the best version of its kind.
    pub fn get(&self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Value> {
        let kind = self.inner.catalog.kind(group, kind)?;
        let key = Key::new(kind, namespace.unwrap_or_default(), name);
        self.state().store.get(&key).map(|object| object.as_ref().clone())
    }

    /// The objects of a kind, in one namespace or in all, in the order of their names.
    pub fn list(&self, group: &str, kind: &str, namespace: Option<&str>) -> Vec<Value> {
        let Some(kind) = self.inner.catalog.kind(group, kind) else { return Vec::new() };
        self.state().store.list(kind, namespace).map(|(_, object)| object.as_ref().clone()).collect()
    }

    /// The object with that name, without a copy of its own.
    pub fn get_shared(&self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Arc<Value>> {
        let kind = self.inner.catalog.kind(group, kind)?;
        let key = Key::new(kind, namespace.unwrap_or_default(), name);
        self.state().store.get(&key).cloned()
    }

    /// The objects of a kind, in one namespace or in all, in the order of their names, without copies of their own.
    pub fn list_shared(&self, group: &str, kind: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let Some(kind) = self.inner.catalog.kind(group, kind) else { return Vec::new() };
        self.state().store.list(kind, namespace).map(|(_, object)| Arc::clone(object)).collect()
    }

    /// Makes the object, or puts it in the place of the one of that name; `status` is written along, and kept where it is not
    /// given. Nothing changes when it is the same as before. Rights are not looked at, everything else is checked as over HTTP.
    pub fn create_or_replace(&self, manager: &str, object: Value) -> Result<Value, ApiError> {
        let (kind, version) = self.kind_of(&object)?;
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let target = Target { kind, version, namespace: text("/metadata/namespace"), name: text("/metadata/name") };
        let options = inside(manager, Endpoint::Everything);
        self.write(|state| {
            let exists = state.store.get(&Key::new(&target.kind, &target.namespace, &target.name)).is_some();
            let mut object = object;
            write::metadata_of(&mut object).remove("resourceVersion");
            write::metadata_of(&mut object).remove("managedFields");
            if exists {
                write::metadata_of(&mut object).remove("uid");
                write::replace(state, &target, object, &options)
            } else {
                write::create(state, target, object, &options)
            }
        })
        .map(|outcome| outcome.object)
    }

    /// Puts `status` in the place of the object's status.
    pub fn update_status(
        &self,
        manager: &str,
        (group, kind): (&str, &str),
        namespace: Option<&str>,
        name: &str,
        status: Value,
    ) -> Result<Value, ApiError> {
        self.change(manager, (group, kind), namespace, name, Endpoint::Status, move |mut live| {
            live["status"] = status;
            live
        })
    }

    /// Changes the object by a merge patch (RFC 7386), `status` included.
    pub fn patch(
        &self,
        manager: &str,
        (group, kind): (&str, &str),
        namespace: Option<&str>,
        name: &str,
        patch: &Value,
    ) -> Result<Value, ApiError> {
        self.change(manager, (group, kind), namespace, name, Endpoint::Everything, |mut live| {
            json_patch::merge(&mut live, patch);
            live
        })
    }

    fn change(
        &self,
        manager: &str,
        (group, kind): (&str, &str),
        namespace: Option<&str>,
        name: &str,
        endpoint: Endpoint,
        change: impl FnOnce(Value) -> Value,
    ) -> Result<Value, ApiError> {
        let kind = self.kind(group, kind)?;
        let version = kind.versions.first().cloned().unwrap_or_default();
        let target =
            Target { kind, version, namespace: namespace.unwrap_or_default().to_owned(), name: name.to_owned() };
        self.write(|state| {
            let live = state.existing(&target.kind, &target.namespace, name)?;
            let changed = change(live.as_ref().clone());
            write::replace(state, &target, changed, &inside(manager, endpoint))
        })
        .map(|outcome| outcome.object)
    }

    /// Deletes the object, with what belongs to it, as `kubectl delete` does; finalizers hold it back.
    pub fn delete(&self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Result<(), ApiError> {
        let kind = self.kind(group, kind)?;
        self.write(|state| {
            lifecycle::delete(state, &kind, namespace.unwrap_or_default(), name, &lifecycle::DeleteOptions::default())
                .map(|_| ())
        })
    }

    /// Sets what answers a port forward to a pod.
    pub fn set_port_forward(&self, handler: PortForward) {
        *self.inner.port_forward.lock().unwrap_or_else(PoisonError::into_inner) = Some(handler);
    }

    fn port_forward(&self) -> Option<PortForward> {
        self.inner.port_forward.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets which rights the caller lacks; everything else is allowed.
    pub fn deny(&self, rules: Vec<Denied>) {
        self.state().denied = rules;
    }

    /// Has an API group be as if its CustomResourceDefinitions were not installed; objects of it go.
    pub fn forbid_group(&self, group: &str) {
        let mut state = self.state();
        state.absent_groups.insert(group.to_owned());
        definitions::uninstall(&mut state, group);
        let revision = state.store.revision();
        drop(state);
        self.tell(revision);
    }

    /// Forgets the history of changes, so that watches from before now are told `410 Gone`.
    pub fn compact(&self) {
        self.state().store.compact();
    }

    /// How long what belongs to a deleted object, or is in a deleted namespace, stays; at first no time at all.
    pub fn set_collection_delay(&self, delay: Duration) {
        self.state().collection_delay = delay;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every write leaves the state whole before anything can fail, so a poisoned lock guards nothing broken.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kind(&self, group: &str, kind: &str) -> Result<Arc<Kind>, ApiError> {
        self.inner.catalog.kind(group, kind).cloned().ok_or_else(ApiError::no_such_path)
    }

    fn kind_of(&self, object: &Value) -> Result<(Arc<Kind>, String), ApiError> {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = split_api_version(text("apiVersion"));
        let kind = self.kind(group, text("kind"))?;
        if kind.versions.iter().any(|served| served == version) {
            Ok((kind, version.to_owned()))
        } else {
            Err(ApiError::no_such_path())
        }
    }

    /// Writes, and tells everybody who waits for changes.
    fn write<T>(&self, work: impl FnOnce(&mut State) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let mut state = self.state();
        let result = work(&mut state);
        let revision = state.store.revision();
        let due = std::mem::take(&mut state.collection_is_due);
        let delay = state.collection_delay;
        drop(state);
        self.tell(revision);
        if due {
            self.collect_later(delay);
        }
        result
    }

    fn tell(&self, revision: u64) {
        self.inner.changes.send_if_modified(|told| {
            let news = *told < revision;
            *told = (*told).max(revision);
            news
        });
    }

    fn collect_later(&self, delay: Duration) {
        let cluster = self.clone();
        let collect = move || {
            let revision = {
                let mut state = cluster.state();
                lifecycle::collect(&mut state);
                state.store.revision()
            };
            cluster.tell(revision);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                tokio::time::sleep(delay).await;
                collect();
            })),
            Err(_) => collect(),
        }
    }
}

/// How the practice ground itself writes: nothing is unknown to it.
fn inside(manager: &str, endpoint: Endpoint) -> Options {
    Options { manager: manager.to_owned(), endpoint, dry_run: false, strictness: Strictness::Strict }
}

#[cfg(test)]
mod tests;
