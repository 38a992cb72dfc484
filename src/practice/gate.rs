//! What every request to the practice ground passes: the journal, the faults of the scenario, and the keeper, which has
//! written down what a request changed before the answer leaves.

use super::faults::{Faults, Moment, Refusal, Then};
use super::journal::{Entry, Journal, Server};
use super::keeper::Keeper;
use axum::body::{Body, Bytes, HttpBody};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use serde_json::json;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::{Service, ServiceExt as _};

/// Paths of the Kubernetes API that need no token, as with the real one's default role `system:public-info-viewer`.
const PUBLIC_KUBERNETES_PATHS: [&str; 5] = ["/version", "/version/", "/healthz", "/livez", "/readyz"];

/// How the program that asked is stopped, where a scenario wants that.
#[derive(Clone, Default)]
pub enum StopCaller {
    /// By `kill -9` to this process: for a ground inside the program that uses it.
    #[default]
    KillThisProcess,
    /// Not at all, for it is another process: its connection is cut instead.
    CutConnection,
    /// By this function; the request is then never answered.
    Call(Arc<dyn Fn() + Send + Sync>),
}

impl std::fmt::Debug for StopCaller {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::KillThisProcess => "KillThisProcess",
            Self::CutConnection => "CutConnection",
            Self::Call(_) => "Call",
        })
    }
}

/// Ends a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the scenario cut this connection")]
pub(super) struct Cut;

/// What the gates of all servers share.
pub(super) struct Shared {
    pub(super) journal: Journal,
    pub(super) faults: Faults,
    pub(super) keeper: Keeper,
    pub(super) stop: StopCaller,
    pub(super) kubernetes_token: String,
}

/// The gate in front of one server.
#[derive(Clone)]
pub(super) struct Gate {
    server: Server,
    router: Router,
    shared: Arc<Shared>,
}

impl Gate {
    pub(super) fn new(server: Server, router: Router, shared: Arc<Shared>) -> Self {
        Self { server, router, shared }
    }

    async fn pass(self, request: Request<Body>) -> Result<Response, Cut> {
        let uri = request.uri();
        let method = request.method().as_str();
        let entry = self.shared.journal.arrived(self.server, method, uri.path(), uri.query().unwrap_or_default());
        let due = self.shared.faults.due(&entry);
        for then in &due {
            match then {
                Then::Delay(delay) => tokio::time::sleep(delay.unsigned_abs()).await,
                Then::Fail(refusal) => return Ok(self.answer(&entry, refused(self.server, refusal))),
                Then::Cut(Moment::Before) => return Err(Cut),
                Then::Stop(Moment::Before) => return self.stop().await,
                Then::Cut(Moment::After) | Then::Stop(Moment::After) => {}
            }
        }
        let response = match self.turned_away(&request) {
            Some(response) => response,
            None => self.reply(request).await,
        };
        for then in &due {
            match then {
                Then::Cut(Moment::After) => return Err(Cut),
                Then::Stop(Moment::After) => return self.stop().await,
                _ => {}
            }
        }
        Ok(self.answer(&entry, response))
    }

    /// The server's own reply, once what it changed is kept.
    async fn reply(&self, request: Request<Body>) -> Response {
        let Ok(response) = self.router.clone().oneshot(request).await;
        match self.shared.keeper.keep() {
            Ok(()) => response,
            Err(error) => {
                let refusal = Refusal { status: 500, headers: std::collections::BTreeMap::new(), body: None };
                tracing::error!(%error, "the practice ground can't keep its state");
                refused(self.server, &refusal)
            }
        }
    }

    /// The Kubernetes API wants its token; the other servers look at what they are sent themselves.
    fn turned_away(&self, request: &Request<Body>) -> Option<Response> {
        if self.server != Server::Kubernetes || PUBLIC_KUBERNETES_PATHS.contains(&request.uri().path()) {
            return None;
        }
        let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = sent.and_then(|value| value.strip_prefix("Bearer "));
        if token == Some(self.shared.kubernetes_token.as_str()) {
            return None;
        }
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
        });
        Some((StatusCode::UNAUTHORIZED, Json(status)).into_response())
    }

    fn answer(&self, entry: &Entry, response: Response) -> Response {
        self.shared.journal.answered(entry.seq, response.status().as_u16());
        response
    }

    async fn stop(&self) -> Result<Response, Cut> {
        match &self.shared.stop {
            StopCaller::CutConnection => return Err(Cut),
            StopCaller::KillThisProcess => kill_this_process(),
            StopCaller::Call(stop) => stop(),
        }
        // The one who asked is gone or going; an answer, or even an end of the connection, would come from nowhere.
        std::future::pending().await
    }
}

impl<B> Service<Request<B>> for Gate
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = Cut;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Cut>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Cut>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(self.clone().pass(request.map(Body::new)))
    }
}

fn refused(server: Server, refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(refusal.body_of(server))).into_response();
    for (name, value) in &refusal.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[cfg(unix)]
fn kill_this_process() {
    // SIGKILL and not an exit: nothing may run on the way out, as when the machine's own killer comes.
    let _not_reached = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}

#[cfg(not(unix))]
fn kill_this_process() {
    std::process::abort();
}
