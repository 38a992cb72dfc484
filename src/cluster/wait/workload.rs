//! Deployments and StatefulSets: until the pods of the newest template are the only ones and available.

use super::{Progress, Trouble, pod_trouble};
use crate::cluster::{
    Cluster, Error, Selection,
    fields::{Fields, selector_text},
};
use serde_json::Value;

/// The label by which pods of one template are told from those of another.
const TEMPLATE_LABEL: &str = "pod-template-hash";
const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";

/// What admission says to pods that it will go on refusing.
const REFUSED_FOR_GOOD: [&str; 3] = ["violates PodSecurity", "exceeded quota", "admission webhook"];

impl Cluster {
    pub(super) async fn deployment(&self, live: &Value) -> Result<Progress, Error> {
        let wanted = live.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
        let count = |field: &str| live.number(&format!("/status/{field}"));
        if count("observedGeneration") < live.number("/metadata/generation") {
            return Ok(Progress::Waiting("the change has not been taken up yet".to_owned()));
        }
        let (updated, available, all) = (count("updatedReplicas"), count("availableReplicas"), count("replicas"));
        if updated >= wanted && available >= wanted && all == updated {
            return Ok(Progress::Ready);
        }
        let summary = if updated >= wanted && available >= wanted {
            format!("{} of the former pods are still there", all - updated)
        } else {
            format!("{available} of {wanted} pods are available")
        };
        if let Some(refused) = refused_pods(live) {
            return Ok(refused.into());
        }
        let pods = self.pods_of_newest_template(live).await?;
        let progress = self.with_pods(summary, &pods).await;
        let stuck = live.condition("Progressing").filter(|it| it.text("/reason") == Some("ProgressDeadlineExceeded"));
        Ok(match (progress, stuck) {
            (Progress::Waiting(reason), Some(_)) => {
                Progress::Hopeless(format!("{reason} (its own deadline has passed)"))
            }
            (progress, _) => progress,
        })
    }

    pub(super) async fn stateful_set(&self, live: &Value) -> Result<Progress, Error> {
        let wanted = live.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
        let count = |field: &str| live.number(&format!("/status/{field}"));
        if count("observedGeneration") < live.number("/metadata/generation") {
            return Ok(Progress::Waiting("the change has not been taken up yet".to_owned()));
        }
        let current = live.text("/status/currentRevision") == live.text("/status/updateRevision");
        if current && count("readyReplicas") >= wanted {
            return Ok(Progress::Ready);
        }
        let summary = format!("{} of {wanted} pods are ready", count("readyReplicas"));
        let newest = live.text("/status/updateRevision").unwrap_or_default();
        let mut pods = self.pods_selected_by(live).await?;
        pods.retain(|pod| pod.label("controller-revision-hash").is_none_or(|revision| revision == newest));
        Ok(self.with_pods(summary, &pods).await)
    }

    /// The reason of the pod that is worst off. While it may still come right, its latest warning says more than its status:
    /// a Secret that cannot be mounted, a probe that fails.
    async fn with_pods(&self, summary: String, pods: &[Value]) -> Progress {
        let troubled = pods.iter().filter_map(|pod| Some((pod, pod_trouble(pod)?)));
        let Some((pod, trouble)) = troubled.max_by_key(|(_, trouble)| trouble.terminal) else {
            return Progress::Waiting(summary);
        };
        let mut what = format!("{summary}; pod {}: {trouble}", pod.name());
        if !trouble.terminal
            && let Some(warning) = self.newest_warning(pod).await
        {
            what = format!("{what}; {warning}");
        }
        Trouble { what, terminal: trouble.terminal }.into()
    }

    async fn pods_selected_by(&self, live: &Value) -> Result<Vec<Value>, Error> {
        let selector = selector_text(&live.texts("/spec/selector/matchLabels"));
        let selection = Selection::in_namespace(live.namespace()).with_labels(selector);
        match self.list("v1", "Pod", &selection).await {
            // Who may not see pods still sees how many are available.
            Err(Error::Forbidden(_)) => Ok(Vec::new()),
            other => other,
        }
    }

    /// Pods of a former template may crash as they like: they are on their way out.
    async fn pods_of_newest_template(&self, live: &Value) -> Result<Vec<Value>, Error> {
        let mut pods = self.pods_selected_by(live).await?;
        let selector = selector_text(&live.texts("/spec/selector/matchLabels"));
        let selection = Selection::in_namespace(live.namespace()).with_labels(selector);
        let sets = match self.list("apps/v1", "ReplicaSet", &selection).await {
            Err(Error::Forbidden(_)) => return Ok(pods),
            other => other?,
        };
        let revision = live.text(REVISION);
        let newest = sets.iter().find(|set| revision.is_some() && set.text(REVISION) == revision);
        if let Some(hash) = newest.and_then(|set| set.label(TEMPLATE_LABEL)) {
            pods.retain(|pod| pod.label(TEMPLATE_LABEL) == Some(hash));
        }
        Ok(pods)
    }
}

/// Pods that are refused before they are there: their reason is in no pod.
fn refused_pods(live: &Value) -> Option<Trouble> {
    let failure = live.condition("ReplicaFailure").filter(|condition| condition.text("/status") == Some("True"))?;
    let what = super::told(failure);
    let terminal = REFUSED_FOR_GOOD.iter().any(|refusal| what.contains(refusal));
    Some(Trouble { what, terminal })
}
