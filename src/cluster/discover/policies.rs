//! CUSTOM policies that are somebody else's: one workload takes one provider only (domain.md 4.1).

use super::{Error, list_served};
use crate::{
    cluster::{
        Cluster,
        fields::{Fields, selects},
        objects::Selection,
    },
    facts::ServedApis,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where policies for our workloads can be, and which of them are our own.
pub(super) struct Surroundings<'a> {
    pub(super) served: &'a ServedApis,
    pub(super) root_namespace: String,
    pub(super) app_name: String,
    pub(super) app_namespace: String,
}

impl Surroundings<'_> {
    pub(super) fn is_ours(&self, policy: &Value) -> bool {
        policy.label("app.kubernetes.io/managed-by") == Some("gatewright")
            && policy.label("gatewright.dev/installation") == Some(&self.app_name)
            && policy.label("gatewright.dev/installation-namespace").unwrap_or(policy.namespace()) == self.app_namespace
    }
}

/// The providers of CUSTOM policies that apply to pods with any of these label sets in `namespace`.
pub(super) async fn custom_providers(
    cluster: &Cluster,
    surroundings: &Surroundings<'_>,
    namespace: &str,
    pods: &[BTreeMap<String, String>],
) -> Result<BTreeSet<String>, super::DiscoverError> {
    let mut policies = in_namespace(cluster, surroundings, namespace).await?;
    if namespace != surroundings.root_namespace {
        policies.extend(in_namespace(cluster, surroundings, &surroundings.root_namespace).await?);
    }
    let others = policies.iter().filter(|policy| !surroundings.is_ours(policy));
    let applying = others.filter(|policy| policy.text("/spec/action") == Some("CUSTOM") && applies(policy, pods));
    Ok(applying.filter_map(|policy| Some(policy.text("/spec/provider/name")?.to_owned())).collect())
}

async fn in_namespace(
    cluster: &Cluster,
    surroundings: &Surroundings<'_>,
    namespace: &str,
) -> Result<Vec<Value>, Error> {
    let selection = Selection::in_namespace(namespace);
    list_served(cluster, surroundings.served, "security.istio.io", "AuthorizationPolicy", &selection).await
}

/// A policy without selector and targets applies to its whole namespace, and from the root namespace to the whole mesh.
fn applies(policy: &Value, pods: &[BTreeMap<String, String>]) -> bool {
    let targets = policy.entries("/spec/targetRefs").iter().chain(policy.pointer("/spec/targetRef"));
    let gateways: Vec<_> = targets
        .filter(|target| target.text("/kind") == Some("Gateway"))
        .filter_map(|target| target.text("/name"))
        .collect();
    if policy.pointer("/spec/targetRefs").is_some() || policy.pointer("/spec/targetRef").is_some() {
        let name = |labels: &BTreeMap<String, String>| {
            labels.get("gateway.networking.k8s.io/gateway-name").is_some_and(|name| gateways.contains(&name.as_str()))
        };
        return pods.iter().any(name);
    }
    let selector = policy.texts("/spec/selector/matchLabels");
    selector.is_empty() || pods.iter().any(|labels| selects(&selector, labels))
}
