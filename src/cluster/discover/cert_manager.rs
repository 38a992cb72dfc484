//! cert-manager's own pods: where they run, and whether they have an identity at Azure.

use crate::{
    cluster::{Cluster, Error, Selection, fields::Fields},
    facts::CertManagerFacts,
};
use serde_json::Value;

/// The labels that every installation of cert-manager puts on its controller (domain.md 5.2).
const CONTROLLER: &str = "app.kubernetes.io/name=cert-manager,app.kubernetes.io/component=controller";
/// By which a pod asks for a token of its service account that Azure takes (domain.md 5.4).
const WORKLOAD_IDENTITY: &str = "azure.workload.identity/use";

impl Cluster {
    /// Looks at cert-manager's own pods; `None` where none is found.
    pub async fn cert_manager(&self) -> Result<Option<CertManagerFacts>, Error> {
        let pods = self.list("v1", "Pod", &Selection::default().with_labels(CONTROLLER.to_owned())).await?;
        let has_identity = |pod: &&Value| pod.label(WORKLOAD_IDENTITY) == Some("true");
        let all_have = !pods.is_empty() && pods.iter().all(|pod| has_identity(&pod));
        Ok(pods.first().map(|pod| CertManagerFacts {
            namespace: pod.namespace().to_owned(),
            service_account: pod.text("/spec/serviceAccountName").unwrap_or("default").to_owned(),
            workload_identity: all_have,
        }))
    }
}
