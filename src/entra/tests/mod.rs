//! The client against a server of canned answers, over TLS under a certificate of its own. The practice ground's tenant is
//! another one: what the client gets wrong must not be wrong there too.

mod credentials;
mod graph;
mod registration;
mod signing_in;
mod stopping;
mod ways;

use super::{Environment, Method, Patience, Session, SignInRequest, WaitReason, sign_in};
use crate::facts::CloudEndpoints;
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Request, StatusCode},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

pub(super) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
pub(super) const TOKEN_PATH: &str = "/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token";
pub(super) const CANARY: &str = "canary~not.for-eyes_7Q8";

/// What the server saw.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    request: String,
    query: String,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What the server says.
#[derive(Clone, Debug)]
pub(super) enum Says {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// The connection breaks in the middle of the answer.
    Breaks,
    /// Nothing, for ever.
    Hangs,
}

pub(super) fn says(status: u16, body: &Value) -> Says {
    Says::Answer { status, headers: Vec::new(), body: body.to_string() }
}

/// A Graph error.
pub(super) fn refuses(status: u16, code: &str, message: &str) -> Says {
    says(status, &json!({"error": {"code": code, "message": message, "innerError": {"request-id": "r-1"}}}))
}

/// Not known here yet.
pub(super) fn not_found() -> Says {
    refuses(
        404,
        "Request_ResourceNotFound",
        "Resource 'x' does not exist or one of its queried reference-property objects are not present.",
    )
}

/// An error of the token endpoint.
pub(super) fn aadsts(error: &str, number: u32, text: &str) -> Says {
    let description = format!("AADSTS{number}: {text}\r\nTrace ID: t\r\nCorrelation ID: c");
    says(400, &json!({"error": error, "error_description": description, "error_codes": [number], "trace_id": "t-1"}))
}

impl Says {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

type Script = BTreeMap<String, VecDeque<Says>>;

/// The server.
#[derive(Clone, Default)]
pub(super) struct World {
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    waits: Arc<Mutex<Vec<WaitReason>>>,
    cloud: Option<CloudEndpoints>,
    folder: Option<Arc<tempfile::TempDir>>,
}

impl World {
    /// Starts a server that hands out tokens and knows its tenant.
    pub(super) async fn start() -> Self {
        crate::tls::install_provider();
        let world = Self::default();
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let pem = cert.pem();
        let tls = axum_server::tls_rustls::RustlsConfig::from_pem(
            pem.clone().into_bytes(),
            signing_key.serialize_pem().into_bytes(),
        );
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url: url::Url = format!("https://localhost:{}", listener.local_addr().unwrap().port()).parse().unwrap();
        let router = axum::Router::new().fallback(reply).with_state(world.clone());
        let server = axum_server::from_tcp_rustls(listener, tls.await.unwrap()).unwrap();
        tokio::spawn(server.serve(router.into_make_service()));
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("ca.pem");
        std::fs::write(&authority, pem).unwrap();
        world.on(&format!("POST {TOKEN_PATH}"), [token("graph-token", 3600)]);
        world.on(
            "GET /v1.0/organization",
            [says(
                200,
                &json!({"value": [{"id": TENANT, "displayName": "Contoso", "verifiedDomains": [
                {"name": "contoso.onmicrosoft.com", "isDefault": false, "isInitial": true},
                {"name": "contoso.com", "isDefault": true, "isInitial": false}]}]}),
            )],
        );
        let cloud = CloudEndpoints {
            name: "test".to_owned(),
            sign_in: url.clone(),
            graph: url.clone(),
            resource_manager: url,
            certificate_authority: Some(authority),
        };
        Self { cloud: Some(cloud), folder: Some(Arc::new(folder)), ..world }
    }

    /// Answers `METHOD /path` so: one after the other, the last one for ever. Replaces what was said before.
    pub(super) fn on(&self, request: &str, answers: impl IntoIterator<Item = Says>) {
        self.script.lock().unwrap().insert(request.to_owned(), answers.into_iter().collect());
    }

    /// The requests of `METHOD /path`.
    pub(super) fn seen(&self, request: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.request == request).cloned().collect()
    }

    /// Every request that writes to Graph.
    pub(super) fn writes(&self) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.request.contains(" /v1.0/") && !seen.request.starts_with("GET")).count()
    }

    pub(super) fn waits(&self) -> Vec<WaitReason> {
        self.waits.lock().unwrap().clone()
    }

    pub(super) fn cloud(&self) -> CloudEndpoints {
        self.cloud.clone().unwrap()
    }

    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.as_ref().unwrap().path()
    }

    pub(super) fn request(&self, method: Method) -> SignInRequest {
        SignInRequest {
            method,
            environment: Environment::of([
                ("AZURE_CLIENT_ID", "22222222-2222-2222-2222-222222222222"),
                ("AZURE_CLIENT_SECRET", CANARY),
                ("AZURE_TENANT_ID", TENANT),
            ]),
            patience: short_patience(),
            ..SignInRequest::new(self.cloud())
        }
    }

    /// A session whose waits are kept.
    pub(super) async fn session(&self) -> Session {
        self.session_with(|_| {}).await
    }

    pub(super) async fn session_with(&self, change: impl FnOnce(&mut Patience)) -> Session {
        let mut request = self.request(Method::ServicePrincipal);
        change(&mut request.patience);
        let waits = Arc::clone(&self.waits);
        sign_in(request, &|_| {}).await.unwrap().observed_by(move |reason| waits.lock().unwrap().push(reason.clone()))
    }
}

/// What must not be repeated for ever fails within seconds.
fn short_patience() -> Patience {
    let seconds = Duration::from_secs(5);
    Patience { answer: seconds, outage: seconds, replication: seconds, role_assignment: seconds, ..Patience::hurried() }
}

pub(super) fn token(value: &str, expires_in: u32) -> Says {
    says(
        200,
        &json!({"token_type": "Bearer", "expires_in": expires_in, "ext_expires_in": expires_in, "access_token": value}),
    )
}

/// A JWT with these claims; nobody checks its signature here.
pub(super) fn jwt(claims: &Value) -> String {
    format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

async fn reply(State(world): State<World>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let name = format!("{} {}", parts.method, parts.uri.path());
    let query = parts.uri.query().unwrap_or_default().replace("%20", " ").replace("%27", "'");
    let body = String::from_utf8(body.to_vec()).unwrap();
    world.seen.lock().unwrap().push(Seen { request: name.clone(), query, headers: parts.headers, body });
    let next = world
        .script
        .lock()
        .unwrap()
        .get_mut(&name)
        .and_then(|answers| if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() });
    match next.unwrap_or_else(not_found) {
        Says::Answer { status, headers, body } => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Says::Breaks => {
            let broken = futures::stream::iter([Ok(Bytes::from("{")), Err(std::io::Error::other("cut"))]);
            Body::from_stream(broken).into_response()
        }
        Says::Hangs => std::future::pending().await,
    }
}
