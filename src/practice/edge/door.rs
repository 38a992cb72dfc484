//! The way from the practice cluster to the practice tenant, and what the mesh's outbound policy says to it.

use super::{
    mesh::{ISTIO_NAMESPACE, Mesh},
    objects::{Objects, exported, items, map, number, oldest_first, selects, text, texts},
    workload::Workload,
};
use axum::body::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, header};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tower::ServiceExt as _;
use url::Url;

type Carry = dyn Fn(Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>, String>> + Send + Sync;

/// How long the tenant may take for one answer.
const BUDGET: Duration = Duration::from_secs(15);
/// No answer of the tenant is larger.
const LARGEST_ANSWER: usize = 4 << 20;

/// Carries requests to the tenant's sign-in endpoints.
#[derive(Clone)]
pub struct Door(Arc<Carry>);

impl std::fmt::Debug for Door {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Door")
    }
}

impl Door {
    /// Leads to a tenant in this process: requests to the origin that `base` names at that moment are handed to `router`, others
    /// fail as a name that nobody knows.
    pub fn to_router(base: impl Fn() -> String + Send + Sync + 'static, router: axum::Router) -> Self {
        Self(Arc::new(move |request| {
            let router = router.clone();
            let origin = |url: &str| url.parse::<Url>().ok().map(|url| url.origin());
            let known = origin(&request.uri().to_string()).is_some_and(|asked| origin(&base()) == Some(asked));
            Box::pin(async move {
                if !known {
                    return Err(format!("dial tcp: lookup {}: no such host", request.uri().host().unwrap_or_default()));
                }
                let answer = router
                    .oneshot(request.map(axum::body::Body::from))
                    .await
                    .unwrap_or_else(|never: std::convert::Infallible| match never {});
                let (parts, body) = answer.into_parts();
                let body = axum::body::to_bytes(body, LARGEST_ANSWER).await.map_err(|error| error.to_string())?;
                Ok(Response::from_parts(parts, body))
            })
        }))
    }

    /// Leads to a tenant over HTTP; `client` must trust the tenant's certificate and follow no redirects.
    pub fn over_http(client: reqwest::Client) -> Self {
        Self(Arc::new(move |request| {
            let client = client.clone();
            Box::pin(async move {
                let (parts, body) = request.into_parts();
                let answer = client
                    .request(parts.method, parts.uri.to_string())
                    .headers(parts.headers)
                    .body(body)
                    .send()
                    .await
                    .map_err(|error| error.without_url().to_string())?;
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = answer.status();
                answer.headers().clone_into(response.headers_mut());
                *response.body_mut() = answer.bytes().await.map_err(|error| error.without_url().to_string())?;
                Ok(response)
            })
        }))
    }

    /// Leads nowhere: every request fails as a connection that is refused.
    pub fn closed() -> Self {
        Self(Arc::new(|_| Box::pin(async { Err("connect: connection refused".to_owned()) })))
    }

    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        match tokio::time::timeout(BUDGET, (self.0)(request)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err("context deadline exceeded".to_owned()),
        }
    }

    /// Reads a JSON document.
    pub async fn get(&self, url: &str) -> Result<Value, String> {
        let request = Request::builder().uri(url).body(Bytes::new()).map_err(|error| error.to_string())?;
        let answer = self.carry(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("unexpected status \"{}\"", answer.status().as_u16()));
        }
        serde_json::from_slice(answer.body()).map_err(|error| error.to_string())
    }

    /// Posts a form and reads the JSON answer, whatever its status.
    pub async fn post_form(&self, url: &str, fields: &[(&str, &str)]) -> Result<(StatusCode, Value), String> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(body))
            .map_err(|error| error.to_string())?;
        let answer = self.carry(request).await?;
        let document = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        Ok((answer.status(), document))
    }
}

/// Whether a pod's sidecar lets it reach `url`: always, unless outbound traffic is registry-only and no ServiceEntry names it
/// (domain.md 4.6). A pod without a sidecar is not held back.
pub fn may_reach(objects: &dyn Objects, mesh: &Mesh, workload: &Workload, url: &Url) -> bool {
    if !workload.has_sidecar() || !registry_only(objects, mesh, workload) {
        return true;
    }
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    objects.list("networking.istio.io", "ServiceEntry", None).iter().any(|entry| {
        exported(entry, workload.namespace())
            && texts(entry, "/spec/hosts").iter().any(|pattern| match pattern.strip_prefix('*') {
                Some(suffix) => host.ends_with(suffix),
                None => *pattern == host,
            })
            && items(entry, "/spec/ports").iter().any(|entry| number(entry.get("number")) == Some(u64::from(port)))
    })
}

/// A Sidecar of the pod's, its namespace's or the root namespace overrides the mesh.
fn registry_only(objects: &dyn Objects, mesh: &Mesh, workload: &Workload) -> bool {
    let find = |place: &str, with_selector: bool| {
        oldest_first(objects.list("networking.istio.io", "Sidecar", Some(place))).into_iter().find(|sidecar| {
            map(sidecar, "/spec/workloadSelector/labels").is_some() == with_selector
                && selects(sidecar, "/spec/workloadSelector/labels", workload.labels())
        })
    };
    let own = find(workload.namespace(), true)
        .or_else(|| find(workload.namespace(), false))
        .or_else(|| find(if mesh.root_namespace.is_empty() { ISTIO_NAMESPACE } else { &mesh.root_namespace }, false));
    match own.as_ref().map(|sidecar| text(sidecar, "/spec/outboundTrafficPolicy/mode")) {
        Some("REGISTRY_ONLY") => true,
        Some("ALLOW_ANY") => false,
        _ => mesh.registry_only,
    }
}

#[cfg(test)]
mod tests {
    use super::{Door, may_reach};
    use crate::practice::edge::{mesh::Mesh, objects::Fixture, workload::workloads};

    const WORLD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: proxy-1, namespace: myapp}
spec: {containers: [{name: proxy}, {name: istio-proxy}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
"#;
    const ENTRY: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: sign-in, namespace: myapp}
spec: {hosts: [login.example.com], exportTo: ['.'], ports: [{number: 443, name: tls, protocol: TLS}]}
";

    #[test]
    fn given_registry_only_when_no_service_entry_names_the_host_then_it_is_out_of_reach() {
        let reach = |world: &Fixture, url: &str| {
            may_reach(world, &Mesh::read(world), &workloads(world, None).remove(0), &url.parse().unwrap())
        };
        let world = Fixture::yaml(WORLD);
        assert!(!reach(&world, "https://login.example.com/t"));
        let world = world.and(ENTRY);
        assert!(reach(&world, "https://login.example.com/t"));
        assert!(!reach(&world, "https://login.example.com:8443/t"), "the port counts");
        let elsewhere = Fixture::yaml(WORLD).and(&ENTRY.replace("namespace: myapp", "namespace: other"));
        assert!(!reach(&elsewhere, "https://login.example.com/t"), "exportTo keeps it in its namespace");
        let open = Fixture::yaml(&WORLD.replace("REGISTRY_ONLY", "ALLOW_ANY"));
        assert!(reach(&open, "https://login.example.com/t"));
    }

    #[tokio::test]
    async fn given_a_router_when_another_origin_is_asked_then_nobody_knows_it() {
        let router = axum::Router::new().route("/a", axum::routing::get(|| async { axum::Json(1) }));
        let door = Door::to_router(|| "https://localhost:8443".to_owned(), router);
        assert_eq!(door.get("https://localhost:8443/a").await, Ok(serde_json::json!(1)));
        assert!(door.get("https://elsewhere/a").await.unwrap_err().contains("no such host"));
        assert!(door.get("https://localhost:8443/b").await.is_err());
    }
}
