//! A Kubernetes API server of canned answers, for the tests of this client alone. The practice ground's is another one: what
//! the client gets wrong must not be wrong there too.

use super::{Cluster, connect};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

/// What the server saw.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

type Answers = BTreeMap<String, VecDeque<(u16, Value)>>;
type Rule = Arc<dyn Fn(&Seen) -> (u16, Value) + Send + Sync>;

/// The server, and what it is told to answer.
#[derive(Clone, Default)]
pub(super) struct TestServer {
    answers: Arc<Mutex<Answers>>,
    rules: Arc<Mutex<BTreeMap<String, Rule>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl TestServer {
    /// Answers `METHOD /path` (without the query) so; several answers are given one after the other, the last one for ever.
    pub(super) fn answer(self, request: &str, status: u16, body: Value) -> Self {
        self.answers.lock().unwrap().entry(request.to_owned()).or_default().push_back((status, body));
        self
    }

    /// Answers `METHOD /path` as the rule says.
    pub(super) fn answer_by(self, request: &str, rule: impl Fn(&Seen) -> (u16, Value) + Send + Sync + 'static) -> Self {
        self.rules.lock().unwrap().insert(request.to_owned(), Arc::new(rule));
        self
    }

    /// Serves these kinds: (kind, plural, namespaced).
    pub(super) fn serving(self, api_version: &str, kinds: &[(&str, &str, bool)]) -> Self {
        let root = if api_version.contains('/') { "apis" } else { "api" };
        let resources: Vec<_> = kinds
            .iter()
            .map(|(kind, plural, namespaced)| {
                json!({"name": plural, "singularName": "", "namespaced": namespaced, "kind": kind,
                       "verbs": ["get", "list", "watch", "patch", "create", "update", "delete"]})
            })
            .collect();
        let list =
            json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources});
        self.answer(&format!("GET /{root}/{api_version}"), 200, list)
    }

    /// Answers a list at `path`.
    pub(super) fn list(self, path: &str, items: &[Value]) -> Self {
        let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items});
        self.answer(&format!("GET {path}"), 200, list)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn next(&self, request: &str) -> Option<(u16, Value)> {
        let mut answers = self.answers.lock().unwrap();
        let queue = answers.get_mut(request)?;
        if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() }
    }

    /// Starts to listen and connects.
    pub(super) async fn connect(self) -> (Cluster, Self) {
        let server = self.answer("GET /version", 200, version());
        let url = server.listen().await;
        let file = kubeconfig(&url, "users: [{name: u, user: {token: t}}]");
        let cluster = connect(Some(file.path()), None).await.unwrap();
        (cluster, server)
    }

    /// Starts to listen; returns the URL.
    pub(super) async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }
}

async fn answer(
    State(server): State<TestServer>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let seen = Seen {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body,
    };
    server.seen.lock().unwrap().push(seen.clone());
    let request = format!("{method} {}", uri.path());
    let rule = server.rules.lock().unwrap().get(&request).cloned();
    let (status, body) = match rule {
        Some(rule) => rule(&seen),
        None => server.next(&request).unwrap_or_else(|| (404, not_found())),
    };
    let status = StatusCode::from_u16(status).unwrap();
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    (status, [("content-type", "application/json")], Body::from(body)).into_response()
}

pub(super) fn version() -> Value {
    json!({"major": "1", "minor": "34", "gitVersion": "v1.34.1", "gitCommit": "", "gitTreeState": "", "buildDate": "",
           "goVersion": "", "compiler": "", "platform": ""})
}

/// A failure as the API tells it.
pub(super) fn failure(code: u16, reason: &str, message: &str, details: &Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
           "message": message, "details": details})
}

fn not_found() -> Value {
    failure(404, "NotFound", "the server could not find the requested resource", &json!({}))
}

pub(super) fn kubeconfig(url: &str, users: &str) -> tempfile::NamedTempFile {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: k, cluster: {{server: '{url}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n{users}\n"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}
