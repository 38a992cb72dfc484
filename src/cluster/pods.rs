//! Pods, as far as we look at them.

use super::{
    Cluster, Error,
    fields::{Fields, selector_text},
    objects::Selection,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What we look at in a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSummary {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The service account it runs as.
    pub service_account: String,
    /// Whether it is ready and not on its way out.
    pub ready: bool,
    /// Whether it is on its way out.
    pub terminating: bool,
    /// Whether Envoy runs beside its containers, or is all of it, as in a gateway.
    pub has_sidecar: bool,
    /// Why it is not ready, as far as Kubernetes says.
    pub reason: Option<String>,
}

impl PodSummary {
    pub(super) fn of(pod: &Value) -> Self {
        let terminating = pod.text("/metadata/deletionTimestamp").is_some();
        let ready = pod.condition("Ready").and_then(|condition| condition.text("/status")) == Some("True");
        Self {
            namespace: pod.namespace().to_owned(),
            name: pod.name().to_owned(),
            labels: pod.texts("/metadata/labels"),
            service_account: pod.text("/spec/serviceAccountName").unwrap_or("default").to_owned(),
            ready: ready && !terminating,
            terminating,
            has_sidecar: has_sidecar(pod),
            reason: if ready { None } else { super::wait::pod_trouble(pod).map(|trouble| trouble.to_string()) },
        }
    }
}

/// Native sidecars are init containers that stay (Istio's default from 1.27 on).
fn has_sidecar(pod: &Value) -> bool {
    let containers = pod.entries("/spec/containers").iter().chain(pod.entries("/spec/initContainers"));
    containers.into_iter().any(|container| container.text("/name") == Some("istio-proxy"))
}

impl Cluster {
    /// The pods in `namespace` that `selector` selects; finished ones left out. An empty selector selects none, as for Services.
    pub async fn pods(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Result<Vec<PodSummary>, Error> {
        if selector.is_empty() {
            return Ok(Vec::new());
        }
        self.pods_of(&Selection::in_namespace(namespace).with_labels(selector_text(selector))).await
    }

    /// The pods that `selector` selects in any namespace; finished ones left out. An empty selector selects none.
    pub async fn pods_anywhere(&self, selector: &BTreeMap<String, String>) -> Result<Vec<PodSummary>, Error> {
        if selector.is_empty() {
            return Ok(Vec::new());
        }
        self.pods_of(&Selection::labelled(selector_text(selector))).await
    }

    async fn pods_of(&self, selection: &Selection) -> Result<Vec<PodSummary>, Error> {
        let pods = self.list("v1", "Pod", selection).await?;
        let alive = pods.iter().filter(|pod| !matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed")));
        Ok(alive.map(PodSummary::of).collect())
    }

    /// The pods of all namespaces that carry these labels, such as `app in (a,b)`; finished ones left out.
    pub async fn pods_everywhere(&self, labels: impl Into<String>) -> Result<Vec<PodSummary>, Error> {
        let pods = self.list("v1", "Pod", &Selection::labelled(labels)).await?;
        let alive = pods.iter().filter(|pod| !matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed")));
        Ok(alive.map(PodSummary::of).collect())
    }
}
