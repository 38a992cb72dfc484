//! The application's namespace, and the record of the answers in it.

use super::{
    certificate,
    context::{Context, object_part},
    object::{Part, Wave},
};
use crate::facts::{Injection, NamespaceFacts};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use std::collections::BTreeMap;

/// The key of the record under which the answers are kept.
pub const RECORD_KEY: &str = "answers.yaml";

pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    match context.facts.cluster.application.namespace {
        NamespaceFacts::Absent | NamespaceFacts::Ours => parts.push(namespace(context)),
        // Our own pods carry the label that has their sidecar injected, so somebody else's namespace is left as it is ...
        NamespaceFacts::Foreign { injection: Injection::On | Injection::Unsaid } => {}
        // ... but where it says no, that label is not enough: whoever said no has to be asked.
        NamespaceFacts::Foreign { injection: Injection::Off } => parts.push(injection_in_foreign_namespace(context)),
    }
    parts.push(record(context));
    parts
}

fn namespace(context: &Context<'_>) -> Part {
    let mut labels = context.labels("namespace");
    let (key, value) = &context.facts.cluster.istio.injection_label;
    labels.insert(key.clone(), value.clone());
    let metadata =
        ObjectMeta { name: Some(context.namespace().to_owned()), labels: Some(labels), ..ObjectMeta::default() };
    object_part(
        Wave::Ground,
        Namespace { metadata, ..Namespace::default() },
        "Holds the application, its sign-in proxy and its session store; the label has every pod get its Istio sidecar.",
    )
}

fn injection_in_foreign_namespace(context: &Context<'_>) -> Part {
    let (key, value) = &context.facts.cluster.istio.injection_label;
    let metadata = ObjectMeta {
        name: Some(context.namespace().to_owned()),
        labels: Some(BTreeMap::from([(key.clone(), value.clone())])),
        ..ObjectMeta::default()
    };
    object_part(
        Wave::Ground,
        Namespace { metadata, ..Namespace::default() },
        "Has the pods get their sidecar: the namespace is somebody else's and says no to it, and without one nothing guards the application.",
    )
}

fn record(context: &Context<'_>) -> Part {
    let mut metadata = context.metadata(&record_name(context.app()), "record");
    if let Some(secret) = context.answers.certificate.existing_secret() {
        let place = format!("{}/{secret}", context.facts.cluster.gateway.namespace);
        metadata.annotations = Some(BTreeMap::from([(certificate::SECRET_ANNOTATION.to_owned(), place)]));
    }
    object_part(
        Wave::Ground,
        ConfigMap {
            metadata,
            data: Some(BTreeMap::from([(RECORD_KEY.to_owned(), crate::answers::file::render(context.answers))])),
            ..ConfigMap::default()
        },
        "Keeps the answers that this installation was made from, so that every later run finds it and them again.",
    )
}

/// The name of the ConfigMap that keeps the answers for `app`.
pub fn record_name(app: &str) -> String {
    format!("gatewright-{app}")
}
