//! Callers inside the cluster: pods that do nothing but ask.

use super::Whole;
use crate::visitors::{self, Answer};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// Longer than an answer takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A pod of a namespace of its own.
pub(super) struct Caller {
    pod: String,
}

impl Caller {
    /// Makes one in this namespace, inside the mesh or outside.
    pub(super) async fn make(whole: &Whole, namespace: &str, in_mesh: bool) -> Self {
        let injection = if in_mesh { "enabled" } else { "disabled" };
        let labels = json!({"app.kubernetes.io/name": "caller"});
        let objects = [
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": namespace, "labels": {"istio-injection": injection}},
            }),
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "caller", "namespace": namespace},
                "spec": {
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [{"name": "caller", "image": "docker.io/library/idle:1"}]},
                    },
                },
            }),
        ];
        whole.server.make(&objects).await;
        let client = whole.server.client().await;
        Self { pod: super::ready_pod(&client, &whole.controllers, namespace, "app.kubernetes.io/name=caller").await }
    }

    /// Asks an address over plain HTTP, under a name; nothing where nobody answers.
    pub(super) async fn ask(
        &self,
        whole: &Whole,
        (address, port): (Ipv4Addr, u16),
        (host, path): (&str, &str),
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        let exchange = async {
            let stream = whole.kubelet.node.connect_from(&self.pod, SocketAddrV4::new(address, port)).await.ok()?;
            visitors::ask_plainly(stream, (host, path), headers).await
        };
        tokio::time::timeout(DEADLINE, exchange).await.unwrap_or_else(|_| panic!("{host}{path} does not answer"))
    }
}
