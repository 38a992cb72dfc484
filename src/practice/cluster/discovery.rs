//! What the server says of itself: its version, its groups, versions and kinds.

use super::{catalog::Kind, state::State};
use serde_json::{Value, json};
use std::sync::Arc;

/// The version of Kubernetes that is imitated.
const VERSION: (&str, &str, &str) = ("1", "34", "v1.34.1");

/// `GET /version`.
pub(super) fn version() -> Value {
    json!({
        "major": VERSION.0, "minor": VERSION.1, "gitVersion": VERSION.2, "gitCommit": "practice", "gitTreeState": "clean",
        "buildDate": "2025-09-09T19:37:54Z", "goVersion": "go1.24.6", "compiler": "gc", "platform": "linux/amd64",
    })
}

fn served(state: &State) -> impl Iterator<Item = &Arc<Kind>> {
    state.catalog.kinds().iter().filter(|kind| !state.absent_groups.contains(&kind.group))
}

/// The groups but the core one, each with its versions, best first.
fn groups(state: &State) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for kind in served(state).filter(|kind| !kind.group.is_empty()) {
        match groups.iter_mut().find(|(group, _)| *group == kind.group) {
            Some((_, versions)) => {
                let news =
                    kind.versions.iter().filter(|version| !versions.contains(version)).cloned().collect::<Vec<_>>();
                versions.extend(news);
            }
            None => groups.push((kind.group.clone(), kind.versions.clone())),
        }
    }
    groups
}

/// `GET /api`, plain.
pub(super) fn core_versions() -> Value {
    json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
    })
}

fn group(name: &str, versions: &[String]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    json!({"name": name, "preferredVersion": versions.first(), "versions": versions})
}

/// `GET /apis`, plain.
pub(super) fn group_list(state: &State) -> Value {
    let groups: Vec<Value> = groups(state).iter().map(|(name, versions)| group(name, versions)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `GET /apis/GROUP`.
pub(super) fn one_group(state: &State, name: &str) -> Option<Value> {
    let groups = groups(state);
    let (name, versions) = groups.iter().find(|(group, _)| group == name)?;
    let mut answer = group(name, versions);
    answer["kind"] = json!("APIGroup");
    answer["apiVersion"] = json!("v1");
    Some(answer)
}

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The subresources of a kind, with their verbs.
fn subresources(kind: &Kind) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut all = Vec::new();
    if kind.status {
        all.push(("status", vec!["get", "patch", "update"]));
    }
    if kind.kind == "Pod" {
        all.push(("portforward", vec!["create", "get"]));
    }
    if kind.kind == "Namespace" {
        all.push(("finalize", vec!["update"]));
    }
    if matches!(kind.kind.as_str(), "Deployment" | "ReplicaSet") {
        all.push(("scale", vec!["get", "patch", "update"]));
    }
    all
}

/// `GET /api/v1` and `GET /apis/GROUP/VERSION`.
pub(super) fn resource_list(state: &State, group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    for kind in served(state).filter(|kind| kind.group == group && kind.versions.iter().any(|served| served == version))
    {
        let verbs: &[&str] = if kind.review { &["create"] } else { &VERBS };
        let mut resource = json!({
            "name": kind.plural, "singularName": kind.singular(), "namespaced": kind.namespaced, "kind": kind.kind, "verbs": verbs,
        });
        if !kind.short.is_empty() {
            resource["shortNames"] = json!(kind.short);
        }
        if !kind.categories.is_empty() {
            resource["categories"] = json!(kind.categories);
        }
        resources.push(resource);
        for (name, verbs) in subresources(kind) {
            resources.push(json!({
                "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                "kind": kind_of_subresource(kind, name), "verbs": verbs,
            }));
        }
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty()).then(|| {
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
    })
}

fn kind_of_subresource(kind: &Kind, name: &str) -> String {
    match name {
        "scale" => "Scale".to_owned(),
        "portforward" => "PodPortForwardOptions".to_owned(),
        _ => kind.kind.clone(),
    }
}

/// `GET /api` and `GET /apis` in one piece, for clients that ask for `apidiscovery.k8s.io/v2`.
pub(super) fn aggregated(state: &State, core: bool) -> Value {
    let groups = if core { vec![(String::new(), vec!["v1".to_owned()])] } else { groups(state) };
    let items: Vec<Value> = groups
        .iter()
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let kinds = served(state).filter(|kind| kind.group == *group && kind.versions.contains(version));
                    let resources: Vec<Value> = kinds.map(|kind| aggregated_resource(kind, version)).collect();
                    json!({"version": version, "freshness": "Current", "resources": resources})
                })
                .collect();
            let metadata = if core {
                json!({"creationTimestamp": null})
            } else {
                json!({"name": group, "creationTimestamp": null})
            };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_resource(kind: &Kind, version: &str) -> Value {
    let verbs: &[&str] = if kind.review { &["create"] } else { &VERBS };
    let response = |name: String| json!({"group": kind.group, "version": version, "kind": name});
    let mut resource = json!({
        "resource": kind.plural, "responseKind": response(kind.kind.clone()), "singularResource": kind.singular(),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" }, "verbs": verbs,
    });
    if !kind.short.is_empty() {
        resource["shortNames"] = json!(kind.short);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = json!(kind.categories);
    }
    let subresources: Vec<Value> = subresources(kind)
        .into_iter()
        .map(|(name, verbs)| {
            json!({"subresource": name, "responseKind": response(kind_of_subresource(kind, name)), "verbs": verbs})
        })
        .collect();
    if !subresources.is_empty() {
        resource["subresources"] = json!(subresources);
    }
    resource
}
