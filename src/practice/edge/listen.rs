//! The edge on a socket: TLS with the certificate that the cluster's Secrets hold at that moment, and HTTP behind it.

use super::{Client, Edge, NoAnswer};
use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use axum_server::{
    accept::Accept,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use futures::future::BoxFuture;
use http::{StatusCode, header};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{io, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::Layer as _;

/// No request to a practice application is larger.
const LARGEST_REQUEST: usize = 16 << 20;

/// The name that a client gave in its TLS greeting, as an extension of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName(pub Option<String>);

impl Edge {
    /// The TLS side of the front: whoever asks for a name that no Gateway serves, or whose certificate is not there, gets none.
    pub fn tls(&self) -> Arc<ServerConfig> {
        let mut config =
            ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(Certificates(self.clone())));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// The HTTP side. Served behind a [`ServerNameAcceptor`], a request meets the server of the name in the greeting, also when
    /// the connection is used again for another host; without, that of its own host.
    pub fn router(&self) -> Router {
        Router::new().fallback(front).with_state(self.clone())
    }
}

async fn front(State(edge): State<Edge>, name: Option<Extension<ServerName>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_REQUEST).await else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "");
    };
    let request = http::Request::from_parts(parts, body);
    let host = request.uri().host().or_else(|| {
        let host = request.headers().get(header::HOST)?.to_str().ok()?;
        host.split(':').next()
    });
    let server_name = match name {
        Some(Extension(ServerName(name))) => name,
        None => host.map(str::to_owned),
    };
    let client = Client { server_name, address: "127.0.0.1".to_owned() };
    match edge.request(&client, request).await {
        Ok(answer) => answer.map(Body::from),
        // Only what changed since the greeting ends here: the greeting itself would have been refused.
        Err(why @ (NoAnswer::Refused | NoAnswer::NoServer(_) | NoAnswer::NoCertificate(_))) => {
            refused(StatusCode::SERVICE_UNAVAILABLE, &why.to_string())
        }
    }
}

fn refused(status: StatusCode, body: &str) -> Response {
    let mut answer = Response::new(Body::from(Bytes::from(body.to_owned())));
    *answer.status_mut() = status;
    answer
}

/// Finds the certificate for a greeting.
struct Certificates(Edge);

impl std::fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Certificates")
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let (chain, key) = match self.0.certificate(hello.server_name()) {
            Ok(pair) => pair,
            Err(why) => {
                tracing::debug!(%why, "the practice edge refuses a TLS greeting");
                return None;
            }
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes()).filter_map(Result::ok).collect();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).ok()?;
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).ok()?;
        Some(Arc::new(CertifiedKey::new(chain, key)))
    }
}

/// Accepts TLS connections and tells the service behind which name the client asked for.
#[derive(Clone)]
pub struct ServerNameAcceptor(RustlsAcceptor);

impl ServerNameAcceptor {
    /// Accepts with this configuration.
    pub fn new(tls: Arc<ServerConfig>) -> Self {
        Self(RustlsAcceptor::new(RustlsConfig::from_config(tls)))
    }
}

impl<I, S> Accept<I, S> for ServerNameAcceptor
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Send + 'static,
    RustlsAcceptor: Accept<I, S, Stream = tokio_rustls::server::TlsStream<I>>,
    <RustlsAcceptor as Accept<I, S>>::Future: Send,
    <RustlsAcceptor as Accept<I, S>>::Service: Send,
{
    type Stream = tokio_rustls::server::TlsStream<I>;
    type Service = axum::middleware::AddExtension<<RustlsAcceptor as Accept<I, S>>::Service, ServerName>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepting = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            let name = stream.get_ref().1.server_name().map(str::to_owned);
            Ok((stream, Extension(ServerName(name)).layer(service)))
        })
    }
}
