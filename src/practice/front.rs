//! The ingress gateway's HTTPS front: TLS with the certificates that the cluster's Gateways name, then the edge.

use super::edge::{Client, Edge};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use axum_server::tls::TlsInfo;
use http::{HeaderValue, Request, StatusCode, header};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// No request through the practice gateway is larger, in bytes.
const LARGEST_BODY: usize = 8 << 20;

/// Marks an answer that must not be sent: the connection ends without one.
#[derive(Clone, Copy)]
pub(super) struct HangUp;

/// The TLS side: each greeting is met with the certificate of the Gateway that has its name, or not at all.
pub(super) fn tls(edge: Edge) -> Result<Arc<rustls::ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut configuration = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName(edge)));
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A resumed session would skip the look at the certificate, which may be gone by then.
    configuration.send_tls13_tickets = 0;
    configuration.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(Arc::new(configuration))
}

/// The HTTP side.
pub(super) fn router(edge: Edge) -> Router {
    Router::new().fallback(answer).with_state(edge)
}

struct ByName(Edge);

impl std::fmt::Debug for ByName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ByName")
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, greeting: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match self.0.certificate(greeting.server_name()) {
            Ok((chain, key)) => certified(&chain, &key).map(Arc::new),
            Err(reason) => {
                tracing::info!(%reason, "the practice gateway meets no greeting");
                None
            }
        }
    }
}

fn certified(chain: &str, key: &str) -> Option<CertifiedKey> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).ok()?;
    CertifiedKey::from_der(chain, key, &rustls::crypto::aws_lc_rs::default_provider()).ok()
}

async fn answer(State(edge): State<Edge>, tls: Option<Extension<Arc<TlsInfo>>>, request: Request<Body>) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    // HTTP/2 tells the authority in the URI, HTTP/1.1 in a header; the edge reads the header.
    if let Some(authority) = parts.uri.authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok()) {
        parts.headers.insert(header::HOST, authority);
    }
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if let Ok(target) = target.parse() {
        parts.uri = target;
    }
    let server_name = tls.and_then(|Extension(tls)| tls.server_name.clone());
    let client = Client { server_name, address: "127.0.0.1".to_owned() };
    match edge.request(&client, Request::from_parts(parts, body)).await {
        Ok(answer) => over_the_wire(answer),
        Err(reason) => {
            tracing::info!(%reason, "the practice gateway hangs up");
            let mut nothing = StatusCode::BAD_GATEWAY.into_response();
            nothing.extensions_mut().insert(HangUp);
            nothing
        }
    }
}

fn over_the_wire(answer: Response<Bytes>) -> Response {
    let (mut parts, body) = answer.into_parts();
    // hyper frames the answer itself, as the connection's version wants it.
    for hop in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        parts.headers.remove(hop);
    }
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use crate::practice::{Ground, GroundOptions, Scenario, Timings};
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::{Value, json};
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    const HOST: &str = "web.cluster.example.com";
    const DEADLINE: Duration = Duration::from_secs(20);

    const OBJECTS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: web}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: docker.io/path/to/web:1, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web, namespace: web}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ['*.cluster.example.com']
    tls: {mode: SIMPLE, credentialName: web-tls}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: web}
spec:
  hosts: [web.cluster.example.com]
  gateways: [web]
  http: [{route: [{destination: {host: web, port: {number: 80}}}]}]
";

    async fn ground_with_a_route() -> Ground {
        crate::tls::install_provider();
        let mut options = GroundOptions::new(Scenario::healthy().unwrap());
        options.timings = Timings::Instant;
        let ground = Ground::start(options).await.unwrap();
        for object in serde_saphyr::from_multiple::<Value>(OBJECTS).unwrap() {
            ground.cluster().create_or_replace("test", object).unwrap();
        }
        ground
    }

    fn put_certificate(ground: &Ground) {
        let issued = ground.authority().issue(&["*.cluster.example.com".to_owned()], 90).unwrap();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": "web-tls", "namespace": "istio-system"},
            "data": {"tls.crt": STANDARD.encode(&issued.chain_pem), "tls.key": STANDARD.encode(&issued.key_pem)},
        });
        ground.cluster().create_or_replace("test", secret).unwrap();
    }

    fn client(ground: &Ground, http1: bool) -> reqwest::Client {
        let edge = SocketAddr::from(([127, 0, 0, 1], ground.ports().edge));
        let authority = reqwest::Certificate::from_pem(ground.authority().certificate_pem().as_bytes()).unwrap();
        let builder = reqwest::Client::builder().resolve(HOST, edge).tls_certs_only([authority]).no_proxy();
        if http1 { builder.http1_only().build().unwrap() } else { builder.build().unwrap() }
    }

    async fn get(client: &reqwest::Client, ground: &Ground) -> Result<reqwest::Response, reqwest::Error> {
        client.get(format!("https://{HOST}:{}/a?b=c", ground.ports().edge)).send().await
    }

    /// Asks until the gateway's configuration has arrived.
    async fn until_answered(client: &reqwest::Client, ground: &Ground) -> reqwest::Response {
        let begun = Instant::now();
        loop {
            match get(client, ground).await {
                Ok(answer) if answer.status() == 200 => return answer,
                other => assert!(begun.elapsed() < DEADLINE, "{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn given_a_gateway_without_its_certificate_when_greeted_then_there_is_no_tls() {
        let ground = ground_with_a_route().await;
        assert!(get(&client(&ground, false), &ground).await.unwrap_err().is_connect());
        ground.stop().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn given_a_route_and_a_certificate_when_asked_over_either_http_version_then_the_application_answers() {
        let ground = ground_with_a_route().await;
        put_certificate(&ground);
        for (http1, version) in [(false, http::Version::HTTP_2), (true, http::Version::HTTP_11)] {
            let client = client(&ground, http1);
            let answer = until_answered(&client, &ground).await;
            assert_eq!(answer.version(), version);
            assert_eq!(answer.headers()["x-practice-app"], "web");
            let echo: Value = answer.json().await.unwrap();
            assert_eq!((&echo["method"], &echo["path"]), (&json!("GET"), &json!("/a?b=c")));
        }
        assert!(ground.journal().since(0).iter().any(|entry| entry.path == "/a" && entry.status == Some(200)));
        ground.stop().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn given_an_open_connection_when_the_gateways_pods_are_gone_then_it_is_cut() {
        let ground = ground_with_a_route().await;
        put_certificate(&ground);
        let client = client(&ground, true);
        until_answered(&client, &ground).await;
        let none = json!({"spec": {"replicas": 0}});
        ground
            .cluster()
            .patch("test", ("apps", "Deployment"), Some("istio-system"), "istio-ingressgateway", &none)
            .unwrap();
        let begun = Instant::now();
        while get(&client, &ground).await.is_ok() {
            assert!(begun.elapsed() < DEADLINE, "the gateway still answers");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ground.stop().await.unwrap();
    }
}
