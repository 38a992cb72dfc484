//! The admin port itself: HTTP/1.1 over a stream into the pod.

use super::{ADMIN_PORT, config_dump, proxy_version};
use crate::practice::{
    cluster::PortForward,
    edge::{Edge, workload::Workload},
};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::convert::Infallible;
use tokio::io::DuplexStream;

/// As much of an answer as may wait for the reader.
const BUFFER: usize = 64 * 1024;

impl Edge {
    /// What answers the cluster's port forwards. It does not keep the edge alive, for the cluster keeps it.
    pub fn port_forward(&self) -> PortForward {
        let weak = std::sync::Arc::downgrade(&self.0);
        PortForward(std::sync::Arc::new(move |namespace, pod, port| {
            weak.upgrade().and_then(|inner| Edge(inner).connect(namespace, pod, port))
        }))
    }

    /// Connects to a port of a pod from inside it, where the proxy's admin port and session stores are imitated. Must be called on a
    /// runtime.
    pub fn connect(&self, namespace: &str, pod: &str, port: u16) -> Option<DuplexStream> {
        let workload = self.live().get("", "Pod", Some(namespace), pod).map(|pod| Workload { pod })?;
        if port != ADMIN_PORT {
            return self.connect_to_store(&workload, port);
        }
        if !workload.has_sidecar() && !workload.is_gateway() {
            return None;
        }
        let (near, far) = tokio::io::duplex(BUFFER);
        let edge = self.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| {
                let answer = edge.admin(&workload, &request);
                std::future::ready(Ok::<_, Infallible>(answer))
            });
            let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
            if let Err(error) = serving.await {
                tracing::debug!(%error, "a connection to a practice Envoy's admin port ended");
            }
        });
        Some(near)
    }

    fn admin(&self, workload: &Workload, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, kind, body) = match request.uri().path() {
            "/config_dump" => {
                let dump = self.config_dump(workload);
                (StatusCode::OK, "application/json", format!("{dump:#}"))
            }
            "/ready" => (StatusCode::OK, "text/plain; charset=UTF-8", "LIVE\n".to_owned()),
            "/server_info" => {
                let info = json!({
                    "version": format!("practice/{}/Clean/RELEASE", proxy_version(workload)), "state": "LIVE",
                });
                (StatusCode::OK, "application/json", format!("{info:#}"))
            }
            _ => (
                StatusCode::NOT_FOUND,
                "text/plain; charset=UTF-8",
                "invalid path. admin commands are:\n  /config_dump\n  /ready\n  /server_info\n".to_owned(),
            ),
        };
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        *answer.status_mut() = status;
        if let Ok(kind) = header::HeaderValue::try_from(kind) {
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        answer
    }

    /// What the proxy in a pod reports on `/config_dump`.
    pub fn config_dump(&self, workload: &Workload) -> serde_json::Value {
        let view = if workload.is_gateway() { self.gateway_view() } else { self.sidecar_view() };
        config_dump(&*view, self.live(), workload)
    }
}
