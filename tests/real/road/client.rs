//! A client that speaks HTTP/2 over TLS and writes server name and authority as it likes.

use gatewright::practice::authority::Authority;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use std::sync::Arc;
use std::time::Duration;

/// Longer than an answer takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// The header by which the application makes itself known.
pub(super) const FROM_THE_APPLICATION: &str = "x-from-the-application";

/// A client of one port on loopback.
pub(super) struct Client {
    port: u16,
    settings: Arc<rustls::ClientConfig>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Client {
    /// One that trusts this authority alone.
    pub(super) fn new(port: u16, authority: &Authority) -> Self {
        let mut trusted = rustls::RootCertStore::empty();
        let certificate = rustls::pki_types::CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes());
        trusted.add(certificate.unwrap()).unwrap();
        let mut settings = rustls::ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth();
        settings.alpn_protocols = vec![b"h2".to_vec()];
        Self { port, settings: Arc::new(settings) }
    }

    /// Asks for `address`, which names the authority, on a connection that was opened for `server_name`.
    pub(super) async fn ask(&self, server_name: &str, address: &str, headers: &[(&str, &str)]) -> Answer {
        let exchange = async {
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            let name = ServerName::try_from(server_name.to_owned()).unwrap();
            let stream = tokio_rustls::TlsConnector::from(Arc::clone(&self.settings)).connect(name, stream).await;
            let stream = TokioIo::new(stream.unwrap());
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            let _connection = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
            let mut request = Request::get(address);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer { status: head.status, headers: head.headers, body: String::from_utf8_lossy(&body).into_owned() }
        };
        tokio::time::timeout(DEADLINE, exchange).await.unwrap_or_else(|_| panic!("{address} does not answer"))
    }
}

impl Answer {
    /// Whether it is the application that answered.
    pub(super) fn is_from_the_application(&self) -> bool {
        self.headers.contains_key(FROM_THE_APPLICATION)
    }

    /// Where it sends the client.
    pub(super) fn location(&self) -> &str {
        self.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_else(|| panic!("{self:#?}"))
    }

    /// The cookies it sets, as a client sends them back.
    pub(super) fn cookies(&self) -> String {
        let set = self.headers.get_all("set-cookie").iter();
        let pairs = set.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        let is_set = |pair: &&str| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty());
        pairs.filter(is_set).collect::<Vec<_>>().join("; ")
    }
}
