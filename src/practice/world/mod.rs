//! The world that a practice ground starts with: a cluster with Istio, an ingress gateway and cert-manager, and nothing of ours.

use super::cluster::{ApiError, Cluster};
use serde_json::Value;

/// The field manager of what was there before.
const MANAGER: &str = "helm";

/// The objects, as files of several documents, in the order in which they are made.
const FILES: [&str; 3] =
    [include_str!("kubernetes.yaml"), include_str!("istio.yaml"), include_str!("cert-manager.yaml")];

/// The world can't be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A file of it is not YAML.
    #[error("the practice world's own file can't be read: {0}")]
    Unreadable(#[from] serde_saphyr::Error),
    /// The cluster refuses an object of it.
    #[error("the practice cluster refuses the {kind} {name:?} of its own world: {cause}")]
    Refused {
        /// The object's kind.
        kind: String,
        /// The object's name.
        name: String,
        /// What the cluster said.
        cause: Box<ApiError>,
    },
}

/// The objects of a healthy world.
pub fn healthy() -> Result<Vec<Value>, WorldError> {
    let mut objects = Vec::new();
    for file in FILES {
        objects.extend(serde_saphyr::from_multiple::<Value>(file)?);
    }
    Ok(objects)
}

/// Makes a healthy world in a cluster that is empty. The pods come with the controllers.
pub fn seed(cluster: &Cluster) -> Result<(), WorldError> {
    for object in healthy()? {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        cluster.create_or_replace(MANAGER, object).map_err(|cause| WorldError::Refused {
            kind,
            name,
            cause: Box::new(cause),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::seed;
    use crate::practice::cluster::Cluster;

    #[test]
    fn given_an_empty_cluster_when_seeded_then_it_has_what_the_example_needs() {
        let cluster = Cluster::new();
        seed(&cluster).unwrap();
        for (group, kind, namespace, name) in [
            ("", "Namespace", None, "kube-system"),
            ("", "ConfigMap", Some("istio-system"), "istio"),
            ("apps", "Deployment", Some("istio-system"), "istiod"),
            ("apps", "Deployment", Some("istio-system"), "istio-ingressgateway"),
            ("cert-manager.io", "ClusterIssuer", None, "letsencrypt-production"),
            ("cert-manager.io", "ClusterIssuer", None, "letsencrypt-staging"),
        ] {
            assert!(cluster.get(group, kind, namespace, name).is_some(), "{kind} {name}");
        }
        let service = cluster.get("", "Service", Some("istio-system"), "istio-ingressgateway").unwrap();
        assert_eq!(service["status"]["loadBalancer"]["ingress"][0]["ip"], "203.0.113.10");
    }
}
