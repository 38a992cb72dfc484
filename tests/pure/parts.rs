//! Finding things in a blueprint.

use gatewright::{
    answers::Answers,
    blueprint::{Existing, MeshProvider, Part, PartBody, blueprint},
    facts::Facts,
};
use serde_json::Value;

/// A blueprint, to be asked about its objects.
pub(crate) struct Parts(pub(crate) Vec<Part>);

impl Parts {
    pub(crate) fn of(answers: &Answers, facts: &Facts, existing: &Existing) -> Self {
        Self(blueprint(answers, facts, existing).unwrap())
    }

    /// The objects of `kind`, in order.
    pub(crate) fn all(&self, kind: &str) -> Vec<&Value> {
        self.objects().filter(|object| object["kind"] == kind).collect()
    }

    /// The one object of `kind` called `name`.
    pub(crate) fn one(&self, kind: &str, name: &str) -> &Value {
        let found: Vec<_> =
            self.objects().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name).collect();
        assert_eq!(found.len(), 1, "{kind} {name}");
        found[0]
    }

    /// Every object.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().filter_map(|part| match &part.body {
            PartBody::Manifest(manifest) => Some(&manifest.object),
            _ => None,
        })
    }

    /// The entry in the mesh configuration.
    pub(crate) fn provider(&self) -> &MeshProvider {
        let found = self.0.iter().find_map(|part| match &part.body {
            PartBody::MeshProvider(provider) => Some(provider),
            _ => None,
        });
        found.unwrap()
    }

    /// What the entry in the mesh configuration says of the check.
    pub(crate) fn check(&self) -> &Value {
        &self.provider().entry["envoyExtAuthzHttp"]
    }

    /// The policies with `action`, in order.
    pub(crate) fn policies(&self, action: &str) -> Vec<&Value> {
        self.all("AuthorizationPolicy").into_iter().filter(|policy| policy["spec"]["action"] == action).collect()
    }

    /// The sign-in proxy's configuration.
    pub(crate) fn configuration(&self) -> toml::Table {
        let text = self.one("ConfigMap", "myapp-oauth2-proxy")["data"]["oauth2-proxy.cfg"].as_str().unwrap();
        text.parse().unwrap()
    }

    /// The routes of the VirtualService, in order.
    pub(crate) fn routes(&self) -> &Vec<Value> {
        self.one("VirtualService", "myapp")["spec"]["http"].as_array().unwrap()
    }
}

/// The texts of a list.
pub(crate) fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
