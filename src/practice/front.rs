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
