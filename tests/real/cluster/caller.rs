//! Callers inside the cluster: pods that do nothing but ask.

use super::Whole;
use crate::visitors::Answer;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

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
        Self { pod: super::ready_pod(&client, namespace, "app.kubernetes.io/name=caller").await }
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
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
            let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
            let mut request = http::Request::get(path).header("host", host);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(Empty::<hyper::body::Bytes>::new()).unwrap();
            let (head, body) = sender.send_request(request).await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            Some(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(DEADLINE, exchange).await.unwrap_or_else(|_| panic!("{host}{path} does not answer"))
    }
}
