//! Who comes to the application: a client that speaks HTTP/2 over TLS and writes server name and authority as it likes, a person
//! who signs in at the practice tenant, and a program with a token of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatewright::practice::Ground;
use gatewright::practice::authority::Authority;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Longer than an answer takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// The example's host.
pub(crate) const HOST: &str = "myapp.cluster.example.com";

/// The header by which the application makes itself known.
pub(crate) const FROM_THE_APPLICATION: &str = "x-from-the-application";

/// A client of one port on loopback.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) port: u16,
    settings: Arc<rustls::ClientConfig>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Client {
    /// One that trusts this authority alone.
    pub(crate) fn new(port: u16, authority: &Authority) -> Self {
        let mut trusted = rustls::RootCertStore::empty();
        let certificate = rustls::pki_types::CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes());
        trusted.add(certificate.unwrap()).unwrap();
        let mut settings = rustls::ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth();
        settings.alpn_protocols = vec![b"h2".to_vec()];
        Self { port, settings: Arc::new(settings) }
    }

    /// Asks the example's host for a path, as an ordinary client does.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(HOST, &format!("https://{HOST}{path}"), headers).await
    }

    /// Asks for `address`, which names the authority, on a connection that was opened for `server_name`.
    pub(crate) async fn ask(&self, server_name: &str, address: &str, headers: &[(&str, &str)]) -> Answer {
        self.exchange(server_name, address, headers).await.unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    /// The same, where it may be that nobody answers.
    pub(crate) async fn try_ask(&self, server_name: &str, address: &str, headers: &[(&str, &str)]) -> Option<Answer> {
        self.exchange(server_name, address, headers).await.ok()
    }

    /// The same, telling why nobody answers.
    pub(crate) async fn exchange(
        &self,
        server_name: &str,
        address: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let exchange = async {
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
            let name = ServerName::try_from(server_name.to_owned())?;
            let stream = tokio_rustls::TlsConnector::from(Arc::clone(&self.settings)).connect(name, stream).await?;
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
            let _connection = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
            let mut request = Request::get(address);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = sender.send_request(request.body(Full::<Bytes>::default())?).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(DEADLINE, exchange).await?
    }
}

/// Asks over a connection, without TLS, under a name; nothing where nobody answers.
pub(crate) async fn ask_plainly(
    stream: tokio::net::TcpStream,
    (host, path): (&str, &str),
    headers: &[(&str, &str)],
) -> Option<Answer> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let _connection = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
    let mut request = Request::get(path).header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, body) = sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    Some(Answer { status: head.status, headers: head.headers, body })
}

/// What a person signs in with at the tenant: it trusts the ground, and follows no redirect.
pub(crate) fn browser(ground: &Ground) -> reqwest::Client {
    let authority = reqwest::Certificate::from_pem(ground.authority().certificate_pem().as_bytes()).unwrap();
    let policy = reqwest::redirect::Policy::none();
    reqwest::Client::builder().tls_certs_only([authority]).redirect(policy).no_proxy().build().unwrap()
}

/// Signs this person in on the way to `path`, and tells the cookies of the session.
pub(crate) async fn sign_in(client: &Client, ground: &Ground, person: &str, path: &str) -> String {
    let first = client.get(path, &[("accept", "text/html")]).await;
    assert_eq!(first.status, StatusCode::FOUND, "{first:#?}");
    let mut authorize = Url::parse(first.location()).unwrap();
    authorize.query_pairs_mut().append_pair("login_hint", person);
    let signed_in = browser(ground).get(authorize).send().await.unwrap();
    let callback = signed_in.headers()["location"].to_str().unwrap().to_owned();
    assert!(callback.starts_with(&format!("https://{HOST}/oauth2/callback?")), "{callback}");
    let done = client.ask(HOST, &callback, &[("cookie", &first.cookies())]).await;
    assert_eq!(done.status, StatusCode::FOUND, "{done:#?}");
    assert!(done.location().ends_with(path), "{}", done.location());
    done.cookies()
}

/// A token that the tenant gives to that client, for that scope.
pub(crate) async fn token(ground: &Ground, client_id: &str, secret: &str, scope: &str) -> String {
    let url = format!("{}/{}/oauth2/v2.0/token", ground.cloud().sign_in, ground.caller().tenant_id);
    let form =
        [("client_id", client_id), ("client_secret", secret), ("grant_type", "client_credentials"), ("scope", scope)];
    let answer = browser(ground).post(url).form(&form).send().await.unwrap().json::<Value>().await.unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The client id and the secret that the sign-in proxy has in these two objects of the example.
pub(crate) fn credentials(settings: &Value, secret: &Value) -> (String, String) {
    let settings = settings["data"]["oauth2-proxy.cfg"].as_str().unwrap();
    let line = settings.lines().find_map(|line| line.strip_prefix("client_id = ")).unwrap();
    let secret = secret["data"]["client-secret"].as_str().unwrap();
    (line.trim_matches('"').to_owned(), String::from_utf8(STANDARD.decode(secret).unwrap()).unwrap())
}

impl Answer {
    /// A header as the application says it got it.
    pub(crate) fn told(&self, header: &str) -> Option<String> {
        let prefix = format!("{header}: ");
        self.body.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
    }

    /// Whether it is the application that answered.
    pub(crate) fn is_from_the_application(&self) -> bool {
        self.headers.contains_key(FROM_THE_APPLICATION)
    }

    /// Where it sends the client.
    pub(crate) fn location(&self) -> &str {
        self.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_else(|| panic!("{self:#?}"))
    }

    /// The cookies it sets, as a client sends them back.
    pub(crate) fn cookies(&self) -> String {
        let set = self.headers.get_all("set-cookie").iter();
        let pairs = set.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        let is_set = |pair: &&str| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty());
        pairs.filter(is_set).collect::<Vec<_>>().join("; ")
    }
}
