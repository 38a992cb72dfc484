//! What every request to the practice ground passes: the journal, the faults of the scenario, and the keeper, which has
//! written down what a request changed before the answer leaves.

use super::cluster::refuse_anonymous;
use super::faults::{Faults, Moment, Refusal, Then};
use super::front::HangUp;
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
        if response.extensions().get::<HangUp>().is_some() {
            return Err(Cut);
        }
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

    /// The Kubernetes API wants its token, and takes whoever says nothing he could be known by for nobody; the other servers
    /// look at what they are sent themselves.
    fn turned_away(&self, request: &Request<Body>) -> Option<Response> {
        if self.server != Server::Kubernetes || PUBLIC_KUBERNETES_PATHS.contains(&request.uri().path()) {
            return None;
        }
        let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match sent.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim).filter(|token| !token.is_empty()) {
            Some(token) if token == self.shared.kubernetes_token => None,
            Some(_) => {
                let status = json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
                });
                Some((StatusCode::UNAUTHORIZED, Json(status)).into_response())
            }
            None => Some(refuse_anonymous(request)),
        }
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

#[cfg(test)]
mod tests {
    use super::{Gate, Shared, StopCaller};
    use crate::practice::authority::Authority;
    use crate::practice::faults::Faults;
    use crate::practice::journal::{Journal, Server};
    use crate::practice::keeper::{Half, Keeper};
    use crate::practice::listeners::{Listeners, Served};
    use crate::practice::scenario::Scenario;
    use crate::practice::state::{CLUSTER, StatePlace, Store, TENANT};
    use axum::Router;
    use serde_json::{Value, json};
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;
    use tokio::sync::watch;

    /// One server whose every POST counts up, behind the gate and TLS.
    struct Counter {
        url: String,
        client: reqwest::Client,
        counted: Arc<AtomicU64>,
        journal: Journal,
        _running: Served,
    }

    impl Counter {
        fn start(server: Server, faults: &str, stop: StopCaller, folder: &Path) -> Self {
            crate::tls::install_provider();
            let text = format!("title: t\nabout: a\nfaults:{faults}\n");
            let scenario = Scenario::parse("test", &text, "test").unwrap();
            let counted = Arc::new(AtomicU64::new(0));
            let (bump, changes) = watch::channel(0);
            let (count, read) = (Arc::clone(&counted), Arc::clone(&counted));
            let post = move || async move {
                count.fetch_add(1, Ordering::SeqCst);
                bump.send_modify(|change| *change += 1);
                "counted"
            };
            let router = Router::new().fallback(axum::routing::get(|| async { "read" }).post(post));
            let store = Store::open(&StatePlace::Folder(folder.to_owned())).unwrap();
            let tenant = Half::new(TENANT, watch::channel(0).1, || Value::Null);
            let cluster = Half::new(CLUSTER, changes, move || json!(read.load(Ordering::SeqCst)));
            let journal = Journal::default();
            let shared = Shared {
                journal: journal.clone(),
                faults: Faults::new(scenario.faults),
                keeper: Keeper::new(store, tenant, cluster),
                stop,
                kubernetes_token: "right".into(),
            };
            let authority = Authority::generate().unwrap();
            let listeners = Listeners::passing().unwrap();
            let url = format!("https://localhost:{}/", listeners.ports().unwrap().graph);
            let [_, (_, listener), ..] = listeners.into_each();
            let gate = Gate::new(server, router, Arc::new(shared));
            let running = Served::start(listener, authority.server_configuration().unwrap(), gate).unwrap();
            let trusted = reqwest::Certificate::from_pem(authority.certificate_pem().as_bytes()).unwrap();
            let client = reqwest::Client::builder().tls_certs_merge([trusted]).no_proxy().build().unwrap();
            Self { url, client, counted, journal, _running: running }
        }

        async fn post(&self) -> Result<u16, reqwest::Error> {
            self.client.post(&self.url).send().await.map(|response| response.status().as_u16())
        }
    }

    fn on_disk(folder: &Path) -> Value {
        serde_json::from_slice(&std::fs::read(folder.join(CLUSTER)).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn given_a_change_when_it_is_answered_then_it_is_on_disk_and_in_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let counter = Counter::start(Server::Graph, " []", StopCaller::default(), folder.path());
        assert_eq!(counter.post().await.unwrap(), 200);
        assert_eq!(on_disk(folder.path()), json!(1));
        let entries = counter.journal.since(0);
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].status, entries[0].wrote), (Some(200), true));
    }

    #[tokio::test]
    async fn given_a_refusal_when_it_strikes_then_nothing_changes_and_its_headers_come() {
        let folder = tempfile::tempdir().unwrap();
        let faults = "\n- match: {nth: 2}\n  then: {fail: {status: 429, headers: {Retry-After: '7'}}}";
        let counter = Counter::start(Server::Graph, faults, StopCaller::default(), folder.path());
        assert_eq!(counter.post().await.unwrap(), 200);
        let refused = counter.client.post(&counter.url).send().await.unwrap();
        assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "7"));
        assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "TooManyRequests");
        assert_eq!(counter.post().await.unwrap(), 200);
        assert_eq!(counter.counted.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn given_cuts_when_they_strike_then_only_the_one_after_has_taken_effect() {
        let folder = tempfile::tempdir().unwrap();
        let faults = "\n- match: {nth: 1}\n  then: {cut: before}\n- match: {nth: 2}\n  then: {cut: after}";
        let counter = Counter::start(Server::Kubernetes, faults, StopCaller::default(), folder.path());
        let asked = || counter.client.post(&counter.url).bearer_auth("right").send();
        assert!(asked().await.is_err());
        assert_eq!(counter.counted.load(Ordering::SeqCst), 0);
        assert!(asked().await.is_err());
        assert_eq!(on_disk(folder.path()), json!(1));
        assert!(counter.journal.since(0).iter().all(|entry| entry.status.is_none()));
    }

    #[tokio::test]
    async fn given_a_stop_when_it_strikes_then_the_change_is_kept_and_no_answer_ever_comes() {
        let folder = tempfile::tempdir().unwrap();
        let (stopped, mut seen) = watch::channel(false);
        let stop = StopCaller::Call(Arc::new(move || {
            stopped.send_replace(true);
        }));
        let counter = Counter::start(Server::Graph, "\n- then: {stop: after}", stop, folder.path());
        let mut asked = Box::pin(counter.post());
        tokio::select! {
            answer = &mut asked => panic!("answered: {answer:?}"),
            stopped = seen.wait_for(|stopped| *stopped) => { stopped.unwrap(); }
        }
        assert_eq!(on_disk(folder.path()), json!(1));
        assert!(tokio::time::timeout(Duration::from_millis(100), asked).await.is_err());
    }

    #[tokio::test]
    async fn given_a_delay_when_it_strikes_then_the_answer_is_late() {
        let folder = tempfile::tempdir().unwrap();
        let counter = Counter::start(Server::Graph, "\n- then: {delay: 300ms}", StopCaller::default(), folder.path());
        let asked = std::time::Instant::now();
        assert_eq!(counter.post().await.unwrap(), 200);
        assert!(asked.elapsed() >= Duration::from_millis(300));
    }

    #[tokio::test]
    async fn given_no_token_when_kubernetes_is_asked_then_it_turns_the_caller_away() {
        let folder = tempfile::tempdir().unwrap();
        let counter = Counter::start(Server::Kubernetes, " []", StopCaller::default(), folder.path());
        assert_eq!(counter.post().await.unwrap(), 403, "nobody may do anything");
        let namespaces = format!("{}api/v1/namespaces", counter.url);
        let asked = counter.client.get(&namespaces).header("authorization", "Basic x").send().await.unwrap();
        assert_eq!(
            asked.json::<Value>().await.unwrap()["message"],
            "namespaces is forbidden: User \"system:anonymous\" cannot list resource \"namespaces\" in API group \"\" at the \
             cluster scope"
        );
        let asked = counter.client.get(&namespaces).bearer_auth("wrong").send().await.unwrap();
        assert_eq!(asked.status(), 401);
        let version = counter.client.get(format!("{}version", counter.url)).send().await.unwrap();
        assert_eq!(version.status(), 200);
        let asked = counter.client.post(&counter.url).bearer_auth("right").send().await.unwrap();
        assert_eq!(asked.status(), 200);
        assert_eq!(counter.counted.load(Ordering::SeqCst), 1);
    }
}
