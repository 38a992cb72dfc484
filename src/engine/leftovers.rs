//! Objects that are ours and no longer part of the installation: what a changed answer leaves behind.

use super::{
    Target,
    event::{Action, Problem},
    plan::{INSTALLATION_LABEL, INSTALLATION_NAMESPACE_LABEL, Step},
    problem, title,
};
use crate::{
    answers::Answers,
    blueprint::{Manifest, Part, PartBody, PartId, Wave, issued_secret_name},
    cluster::{Error, ObjectRef, Selection},
    facts::{Facts, NamespaceFacts},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use std::collections::BTreeSet;

/// The kinds that an installation can have in the application's namespace.
const BESIDE_THE_APPLICATION: [(&str, &str); 13] = [
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("apps", "Deployment"),
    ("networking.istio.io", "DestinationRule"),
    ("networking.istio.io", "EnvoyFilter"),
    ("networking.istio.io", "Gateway"),
    ("networking.istio.io", "ServiceEntry"),
    ("networking.istio.io", "VirtualService"),
    ("security.istio.io", "AuthorizationPolicy"),
    ("security.istio.io", "PeerAuthentication"),
    ("security.istio.io", "RequestAuthentication"),
];

/// The kinds that an installation can have in the gateway's namespace.
const BESIDE_THE_GATEWAY: [(&str, &str); 5] = [
    ("cert-manager.io", "Certificate"),
    ("networking.istio.io", "EnvoyFilter"),
    ("networking.istio.io", "Gateway"),
    ("security.istio.io", "AuthorizationPolicy"),
    ("security.istio.io", "RequestAuthentication"),
];

/// The kinds that an installation can have in no namespace.
const IN_THE_WHOLE_CLUSTER: [(&str, &str); 1] = [("cert-manager.io", "ClusterIssuer")];

/// Every kind that an installation can have, as its group and itself.
pub(super) fn kinds() -> BTreeSet<(&'static str, &'static str)> {
    BESIDE_THE_APPLICATION.into_iter().chain(BESIDE_THE_GATEWAY).chain(IN_THE_WHOLE_CLUSTER).collect()
}

/// How many lists are asked for at once.
const LISTS_AT_ONCE: usize = 8;

/// Everything that carries the installation's mark and is not among `parts`.
pub(super) async fn find(
    target: &Target,
    answers: &Answers,
    facts: &Facts,
    parts: &[Part],
) -> Result<Vec<Step>, Problem> {
    let wanted: BTreeSet<ObjectRef> =
        parts.iter().filter_map(|part| ObjectRef::of(&part.manifest()?.object).ok()).collect();
    let namespace = answers.application.namespace.as_str();
    let labels =
        format!("{INSTALLATION_LABEL}={},{INSTALLATION_NAMESPACE_LABEL}={namespace}", answers.application.name);
    let mut places: BTreeSet<(Option<&str>, &str, &str)> = BESIDE_THE_GATEWAY
        .iter()
        .map(|(group, kind)| (Some(facts.cluster.gateway.namespace.as_str()), *group, *kind))
        .collect();
    places.extend(IN_THE_WHOLE_CLUSTER.iter().map(|(group, kind)| (None, *group, *kind)));
    if facts.cluster.application.namespace != NamespaceFacts::Absent {
        places.extend(BESIDE_THE_APPLICATION.iter().map(|(group, kind)| (Some(namespace), *group, *kind)));
    }
    let lists = places.into_iter().filter_map(|(namespace, group, kind)| {
        let version = facts.cluster.served.version(group, kind)?;
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let selection = namespace.map_or_else(Selection::default, Selection::in_namespace).with_labels(labels.clone());
        Some(async move { (kind, target.cluster.list(&api_version, kind, &selection).await) })
    });
    let found: Vec<Vec<Value>> = stream::iter(lists)
        .buffered(LISTS_AT_ONCE)
        .map(|(kind, list)| match list {
            Ok(objects) => Ok(objects),
            Err(Error::Forbidden(right)) => {
                tracing::info!(%right, kind, "leftovers of this kind cannot be looked for");
                Ok(Vec::new())
            }
            Err(error) => Err(problem::cluster(&format!("look for leftovers of kind {kind}"), &error)),
        })
        .try_collect()
        .await?;
    let leftovers = found.into_iter().flatten().filter(|object| {
        !is_owned(object) && ObjectRef::of(object).is_ok_and(|reference| !wanted.contains(&reference))
    });
    let mut steps: Vec<Step> = leftovers.map(|object| step(&object)).collect();
    // After the Certificate: as long as that is there, cert-manager would have its Secret made anew.
    steps.extend(certificate_secret(target, answers, facts).await?.map(|object| step(&object)));
    Ok(steps)
}

/// The Secret in which cert-manager keeps a certificate of ours outlives it. It is looked for by its name, and only where the
/// answers name another one: who uses the one that was made for them keeps it.
async fn certificate_secret(target: &Target, answers: &Answers, facts: &Facts) -> Result<Option<Value>, Problem> {
    let name = issued_secret_name(answers);
    if answers.certificate.existing_secret().is_none_or(|existing| existing.as_str() == name) {
        return Ok(None);
    }
    let reference = ObjectRef::namespaced("v1", "Secret", &facts.cluster.gateway.namespace, &name);
    match target.cluster.get(&reference).await {
        Ok(found) => Ok(found.filter(|secret| is_of(secret, answers)).map(|secret| named_only(&secret))),
        Err(Error::Forbidden(right)) => {
            tracing::info!(%right, "the Secret of an earlier certificate cannot be looked for");
            Ok(None)
        }
        Err(error) => Err(problem::cluster(&format!("look for a leftover {reference}"), &error)),
    }
}

/// What a controller made of one of ours inherits labels, and goes with its owner.
pub(super) fn is_owned(object: &Value) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.is_some_and(|owners| !owners.is_empty())
}

/// Whether `object` carries the mark of this installation.
fn is_of(object: &Value, answers: &Answers) -> bool {
    let label = |name: &str| object.pointer("/metadata/labels")?.get(name)?.as_str();
    label(INSTALLATION_LABEL) == Some(answers.application.name.as_str())
        && label(INSTALLATION_NAMESPACE_LABEL) == Some(answers.application.namespace.as_str())
}

fn step(live: &Value) -> Step {
    let title = title::of_object(live);
    let part = Part {
        id: PartId(format!("leftover/{}/{}", title.kind, title.name)),
        wave: Wave::Routes,
        why: "It is ours, and the answers no longer ask for it.".to_owned(),
        body: PartBody::Manifest(Manifest { object: named_only(live), secrets: std::collections::BTreeMap::new() }),
        reasons: Vec::new(),
    };
    Step {
        part,
        title,
        action: Action::Delete,
        diff: String::new(),
        warnings: Vec::new(),
        problem: None,
        live_uid: live.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned),
    }
}

/// Only the object's name: a leftover Secret's values are not carried around.
fn named_only(live: &Value) -> Value {
    let mut object = serde_json::Map::new();
    for field in ["apiVersion", "kind"] {
        object.insert(field.to_owned(), live.get(field).cloned().unwrap_or_default());
    }
    let mut metadata = serde_json::Map::new();
    for field in ["name", "namespace"] {
        if let Some(value) = live.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    object.insert("metadata".to_owned(), metadata.into());
    object.into()
}
