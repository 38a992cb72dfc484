//! Objects: read, apply, update, delete.

use super::{Attempt, Cluster, Error, fields::Fields, kinds::Resource};
use crate::blueprint::FIELD_MANAGER;
use kube::api::{DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::Request;
use serde_json::Value;
use std::fmt;

/// A request, or why the library could not build it.
type Built = Result<http::Request<Vec<u8>>, kube::core::request::Error>;
/// How the library builds a request that replaces an object, or a part of it.
type Replace = fn(&Request, &str, &PostParams, Vec<u8>) -> Built;

/// Names one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// The namespace, for kinds that have one.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl ObjectRef {
    /// Names an object in a namespace.
    pub fn namespaced(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        }
    }

    /// Names an object of a cluster-wide kind.
    pub fn cluster_wide(api_version: &str, kind: &str, name: &str) -> Self {
        Self { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace: None, name: name.to_owned() }
    }

    /// The name of `object`.
    pub fn of(object: &Value) -> Result<Self, Error> {
        let text = |pointer, what| object.text(pointer).map(str::to_owned).ok_or(Error::Incomplete(what));
        Ok(Self {
            api_version: text("/apiVersion", "apiVersion")?,
            kind: text("/kind", "kind")?,
            namespace: object.text("/metadata/namespace").map(str::to_owned),
            name: text("/metadata/name", "metadata.name")?,
        })
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(formatter, "{} {namespace}/{}", self.kind, self.name),
            None => write!(formatter, "{} {}", self.kind, self.name),
        }
    }
}

/// Whether a write is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// The server says what would become of the object, after its own defaults and webhooks, and keeps nothing.
    DryRun,
    /// The server keeps it.
    ForReal,
}

/// Which objects of a kind are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The namespace; `None` means all of them.
    pub namespace: Option<String>,
    /// A label selector, such as `app=istiod`; empty means all.
    pub labels: String,
    /// A field selector, such as `involvedObject.name=x`; empty means all.
    pub fields: String,
}

impl Selection {
    /// Everything in `namespace`.
    pub fn in_namespace(namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..Self::default() }
    }

    /// In all namespaces, what carries these labels.
    pub fn labelled(labels: impl Into<String>) -> Self {
        Self { labels: labels.into(), ..Self::default() }
    }

    /// The same, with these labels.
    #[must_use]
    pub fn with_labels(mut self, labels: impl Into<String>) -> Self {
        self.labels = labels.into();
        self
    }
}

impl Cluster {
    /// The object as it is, or `None` when it is not there.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, Error> {
        let resource = self.resource(&object.api_version, &object.kind).await?;
        let (path, attempt) = place(&resource, object, "get");
        let request = Request::new(path).get(&object.name, &GetParams::default());
        let request = self.built(&attempt, request)?;
        match self.send(attempt, request).await {
            Err(Error::Refused { status: 404, .. } | Error::NoNamespace { .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Applies the object under our field manager, never by force; returns what the server made of it.
    ///
    /// Fields that we applied before and no longer name are removed by the server.
    pub async fn apply(&self, object: &Value, write: Write) -> Result<Value, Error> {
        self.patch(object, PatchParams::apply(FIELD_MANAGER), write).await
    }

    /// Applies the object and takes the fields that others own, as long as it still is as in `live`; [`Error::Stale`] when it is
    /// not. Whoever calls this has seen that nothing is lost.
    pub async fn apply_over(&self, live: &Value, object: &Value, write: Write) -> Result<Value, Error> {
        self.patch(&as_of(live, object)?, PatchParams::apply(FIELD_MANAGER).force(), write).await
    }

    /// Applies the object under the name of `manager`, never by force, as long as it still is as in `live`; [`Error::Stale`] when it
    /// is not. For a field that is made from what was in it.
    pub async fn apply_if_unchanged(
        &self,
        live: &Value,
        object: &Value,
        manager: &str,
        write: Write,
    ) -> Result<Value, Error> {
        self.patch(&as_of(live, object)?, PatchParams::apply(manager), write).await
    }

    /// The same, and takes the fields that somebody else owns. Only for what is ours by its name, where what they wrote is kept and
    /// it is said that it was taken.
    pub async fn take_over_if_unchanged(&self, live: &Value, object: &Value, manager: &str) -> Result<Value, Error> {
        self.patch(&as_of(live, object)?, PatchParams::apply(manager).force(), Write::ForReal).await
    }

    async fn patch(&self, object: &Value, params: PatchParams, write: Write) -> Result<Value, Error> {
        let name = ObjectRef::of(object)?;
        let resource = self.resource(&name.api_version, &name.kind).await?;
        let (path, attempt) = place(&resource, &name, "patch");
        let params = PatchParams { dry_run: write == Write::DryRun, ..params.validation_strict() };
        let request = Request::new(path).patch(&name.name, &params, &Patch::Apply(object));
        let request = self.built(&attempt, request)?;
        let answer = self.send(attempt, request).await;
        answer.map_err(|error| self.no_longer_served(error, &name.api_version, &name.kind))
    }

    /// Merges `changes` into an object (RFC 7386) under the name of `manager`. A `metadata.resourceVersion` in them guards it:
    /// [`Error::Stale`] when the object has changed since.
    pub async fn merge(&self, object: &ObjectRef, changes: &Value, manager: &str) -> Result<Value, Error> {
        let resource = self.resource(&object.api_version, &object.kind).await?;
        let (path, attempt) = place(&resource, object, "patch");
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        let request = Request::new(path).patch(&object.name, &params, &Patch::Merge(changes));
        let request = self.built(&attempt, request)?;
        self.send(attempt, request).await
    }

    /// Replaces an object that is not ours, such as the mesh's ConfigMap, if it still has the `resourceVersion` that `object`
    /// carries; [`Error::Stale`] when it has not.
    pub async fn update_guarded(&self, object: &Value) -> Result<Value, Error> {
        self.replace_guarded(object, Request::replace).await
    }

    /// Replaces the status of an object and nothing else of it, if it still has the `resourceVersion` that `object` carries;
    /// [`Error::Stale`] when it has not.
    pub async fn update_status_guarded(&self, object: &Value) -> Result<Value, Error> {
        self.replace_guarded(object, |request, name, params, body| {
            request.replace_subresource("status", name, params, body)
        })
        .await
    }

    async fn replace_guarded(&self, object: &Value, replace: Replace) -> Result<Value, Error> {
        let name = ObjectRef::of(object)?;
        if object.text("/metadata/resourceVersion").is_none() {
            return Err(Error::Incomplete("metadata.resourceVersion"));
        }
        let resource = self.resource(&name.api_version, &name.kind).await?;
        let (path, attempt) = place(&resource, &name, "update");
        let params = PostParams { dry_run: false, field_manager: Some(FIELD_MANAGER.to_owned()) };
        let body = self.body(&attempt, object)?;
        let request = replace(&Request::new(path), &name.name, &params, body);
        let request = self.built(&attempt, request)?;
        self.send(attempt, request).await
    }

    /// The objects of a kind; each carries its apiVersion and kind, which lists leave out on the wire.
    pub async fn list(&self, api_version: &str, kind: &str, selection: &Selection) -> Result<Vec<Value>, Error> {
        self.list_as(api_version, kind, selection, Request::list).await
    }

    /// The same, but for each object what its metadata says and nothing else: the server sends no value of a Secret.
    pub async fn list_metadata(
        &self,
        api_version: &str,
        kind: &str,
        selection: &Selection,
    ) -> Result<Vec<Value>, Error> {
        self.list_as(api_version, kind, selection, Request::list_metadata).await
    }

    async fn list_as(
        &self,
        api_version: &str,
        kind: &str,
        selection: &Selection,
        request: fn(&Request, &ListParams) -> Built,
    ) -> Result<Vec<Value>, Error> {
        let resource = self.resource(api_version, kind).await?;
        let attempt = resource.attempt("list", selection.namespace.as_deref(), None);
        let mut params = ListParams::default().limit(500);
        params.label_selector = Some(selection.labels.clone()).filter(|labels| !labels.is_empty());
        params.field_selector = Some(selection.fields.clone()).filter(|fields| !fields.is_empty());
        let mut found = Vec::new();
        loop {
            let request = request(&Request::new(resource.path(selection.namespace.as_deref())), &params);
            let answer = self.send::<Value>(attempt.clone(), self.built(&attempt, request)?).await;
            let mut page = answer.map_err(|error| self.no_longer_served(error, api_version, kind))?;
            let items = page.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
            found.extend(items.into_iter().map(|item| with_type(item, api_version, kind)));
            match page.text("/metadata/continue") {
                Some(token) => params.continue_token = Some(token.to_owned()),
                None => return Ok(found),
            }
        }
    }

    /// The records of every installation in the cluster: the ConfigMaps that hold their answers.
    pub async fn installations(&self) -> Result<Vec<Value>, Error> {
        let ours = "app.kubernetes.io/managed-by=gatewright,app.kubernetes.io/component=record";
        let ours = Selection::labelled(format!("{ours},gatewright.dev/installation"));
        let mut records = self.list("v1", "ConfigMap", &ours).await?;
        records.retain(|record| record.pointer("/data/answers.yaml").is_some());
        Ok(records)
    }

    /// Deletes the object, if it still is the one with this `uid`; what is gone already is fine. Its dependants go first.
    pub async fn delete(&self, object: &ObjectRef, uid: Option<&str>) -> Result<(), Error> {
        let resource = self.resource(&object.api_version, &object.kind).await?;
        let (path, attempt) = place(&resource, object, "delete");
        let preconditions = uid.map(|uid| Preconditions { uid: Some(uid.to_owned()), resource_version: None });
        let params = DeleteParams { preconditions, ..DeleteParams::foreground() };
        let request = Request::new(path).delete(&object.name, &params);
        let request = self.built(&attempt, request)?;
        match self.send::<Value>(attempt, request).await {
            Ok(_) | Err(Error::Refused { status: 404, .. } | Error::NoNamespace { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Where no object is asked for, only a kind that is gone can be "not found".
    fn no_longer_served(&self, error: Error, api_version: &str, kind: &str) -> Error {
        if matches!(error, Error::Refused { status: 404, .. }) {
            self.inner.kinds.forget(api_version);
            return Error::not_served(api_version, kind);
        }
        error
    }

    /// A request that the library could not even build is a name with a character that no name may have.
    pub(super) fn built(&self, attempt: &Attempt, request: Built) -> Result<http::Request<Vec<u8>>, Error> {
        request.map_err(|error| Error::from_kube(kube::Error::BuildRequest(error), &self.inner.server, attempt.clone()))
    }

    fn body(&self, attempt: &Attempt, object: &Value) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(object)
            .map_err(|error| Error::from_kube(kube::Error::SerdeError(error), &self.inner.server, attempt.clone()))
    }
}

fn place(resource: &Resource, object: &ObjectRef, verb: &'static str) -> (String, Attempt) {
    let namespace = object.namespace.as_deref();
    (resource.path(namespace), resource.attempt(verb, namespace, Some(&object.name)))
}

/// `object`, to be written only where it still has the version of `live`.
fn as_of(live: &Value, object: &Value) -> Result<Value, Error> {
    let version = live.text("/metadata/resourceVersion").ok_or(Error::Incomplete("metadata.resourceVersion"))?;
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), version.into());
    }
    Ok(object)
}

fn with_type(mut item: Value, api_version: &str, kind: &str) -> Value {
    if let Some(fields) = item.as_object_mut() {
        fields.entry("apiVersion").or_insert_with(|| api_version.into());
        fields.entry("kind").or_insert_with(|| kind.into());
    }
    item
}

#[cfg(test)]
mod tests;
