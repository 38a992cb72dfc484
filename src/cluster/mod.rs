//! Kubernetes: connect, discover, preview, apply, wait, prove, delete. Knows the wire and nothing of answers or plans.

mod connect;
mod discover;
mod error;
mod fields;
mod forward;
mod kinds;
mod listing;
mod live;
mod marked;
pub mod mesh_config;
mod objects;
mod pods;
mod reissue;
mod rights;
#[cfg(test)]
mod test_server;
mod wait;

pub use connect::{ConnectError, connect, contexts};
pub use discover::{DiscoverError, DiscoverRequest, RedisRequest};
pub use error::{Attempt, Error, FieldOwner, InvalidField, MissingRight};
pub use live::{Hook, HttpChain, LiveConfiguration, PolicyAction, PolicyName, Script, TokenRule, Unproven};
pub use marked::{Content, Contents, Marked};
pub use objects::{ObjectRef, Selection, Write};
pub use pods::PodSummary;
pub use reissue::{is_being_issued, issuing};
pub use rights::AccessQuestion;
pub use wait::WaitError;

use std::{sync::Arc, time::Duration};

/// How long one request may take. Admission webhooks alone are allowed up to 30 s by Kubernetes.
const REQUEST_BUDGET: Duration = Duration::from_secs(45);

/// How long to wait after a connection that was refused or cut, before each further try.
const PAUSES_AFTER_A_CUT: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_secs(1)];

/// A connection to one cluster; cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    client: kube::Client,
    context: String,
    server: String,
    version: String,
    kinds: kinds::Kinds,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Cluster({} at {})", self.inner.context, self.inner.server)
    }
}

impl Cluster {
    /// The name of the kubeconfig's context.
    pub fn context(&self) -> &str {
        &self.inner.context
    }

    /// The server's URL.
    pub fn server_url(&self) -> &str {
        &self.inner.server
    }

    /// The server's version, such as `v1.34.1`.
    pub fn kubernetes_version(&self) -> &str {
        &self.inner.version
    }

    /// Waits for a call of the library within the budget of one request, and sorts its errors. A connection that is refused or cut
    /// is tried again a few times: everything we ask may be asked twice, because applies and guarded updates are idempotent.
    async fn call<T, F>(&self, attempt: Attempt, call: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        for pause in PAUSES_AFTER_A_CUT {
            match self.call_once(attempt.clone(), call()).await {
                Err(Error::Unreachable { .. }) => tokio::time::sleep(pause).await,
                answered => return answered,
            }
        }
        self.call_once(attempt, call()).await
    }

    async fn call_once<T>(
        &self,
        attempt: Attempt,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(REQUEST_BUDGET, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Error::from_kube(error, &self.inner.server, attempt)),
            Err(_) => Err(Error::TimedOut {
                server: self.inner.server.clone(),
                attempt: attempt.into(),
                budget: REQUEST_BUDGET,
            }),
        }
    }

    async fn within<T, F>(&self, path: &str, call: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        self.call(Attempt::path(path), call).await
    }

    /// Sends a request and reads its answer as JSON.
    ///
    /// Not `kube::Client::request`: that logs the whole answer when it cannot be read, and an answer may hold a secret.
    async fn send<T: serde::de::DeserializeOwned>(
        &self,
        attempt: Attempt,
        request: http::Request<Vec<u8>>,
    ) -> Result<T, Error> {
        let text = self.call(attempt.clone(), || self.inner.client.request_text(request.clone())).await?;
        serde_json::from_str(&text)
            .map_err(|error| Error::from_kube(kube::Error::SerdeError(error), &self.inner.server, attempt))
    }

    /// Reads a path that is no object, such as `/version`.
    async fn get_path<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let attempt = Attempt::path(path);
        let request = http::Request::get(path).body(Vec::new()).map_err(|error| Error::NotUnderstood {
            server: self.inner.server.clone(),
            attempt: attempt.clone().into(),
            what: error.to_string(),
        })?;
        self.send(attempt, request).await
    }
}
