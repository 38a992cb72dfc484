//! Waiting for the effect of an object, with the reason why it is not there yet (design.md law 6).

mod certificate;
mod events;
mod pods;
#[cfg(test)]
mod tests;
mod workload;

use super::{Cluster, Error, ObjectRef, fields::Fields};
use futures::{Stream, StreamExt as _};
use kube::{
    Api,
    api::{ApiResource, DynamicObject},
    runtime::watcher,
};
pub(super) use pods::pod_trouble;
use serde_json::Value;
use std::{fmt, pin::Pin, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How soon what an object depends on is looked at again, at first and at last. Changes of the object itself wake at once.
const FIRST_LOOK_AGAIN: Duration = Duration::from_millis(100);
const LAST_LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Why an object did not become ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The budget is used up.
    #[error("{object}: still waiting after {} s: {reason}", budget.as_secs())]
    TimedOut {
        /// The object.
        object: ObjectRef,
        /// How long it was given.
        budget: Duration,
        /// Why it was not ready when it was last looked at.
        reason: String,
    },
    /// It will not become ready by waiting.
    #[error("{object} cannot become ready: {reason}")]
    Terminal {
        /// The object.
        object: ObjectRef,
        /// Why.
        reason: String,
    },
    /// It cannot be looked at, for example for lack of a right.
    #[error(transparent)]
    Cluster(#[from] Error),
    /// The wait was called off.
    #[error("interrupted while waiting for {object}")]
    Cancelled {
        /// The object.
        object: ObjectRef,
    },
}

/// How far something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is there and works.
    Ready,
    /// Not yet, because of this.
    Waiting(String),
    /// It never will be, because of this.
    Hopeless(String),
}

/// What keeps something from being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// In words.
    pub(super) what: String,
    /// Whether it will not go away by waiting.
    pub(super) terminal: bool,
}

impl Trouble {
    fn passing(what: impl Into<String>) -> Self {
        Self { what: what.into(), terminal: false }
    }

    fn terminal(what: impl Into<String>) -> Self {
        Self { what: what.into(), terminal: true }
    }
}

impl From<Trouble> for Progress {
    fn from(trouble: Trouble) -> Self {
        if trouble.terminal { Self::Hopeless(trouble.what) } else { Self::Waiting(trouble.what) }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)
    }
}

type Changes = Pin<Box<dyn Stream<Item = ()> + Send>>;

impl Cluster {
    /// Waits until the object is there and does what it is for: a Deployment's pods are the new ones and available, a
    /// Certificate's Secret is issued; kinds without a condition of their own need only be there.
    ///
    /// `on_reason` hears why it is not ready, whenever that changes.
    pub async fn wait_ready(
        &self,
        object: &ObjectRef,
        budget: Duration,
        cancel: &CancellationToken,
        on_reason: &(dyn Fn(String) + Send + Sync),
    ) -> Result<(), WaitError> {
        self.wait(object, budget, cancel, on_reason, || self.progress(object)).await
    }

    /// Waits until the object with this `uid` is gone; another one of the same name does not count.
    pub async fn wait_gone(
        &self,
        object: &ObjectRef,
        uid: Option<&str>,
        budget: Duration,
        cancel: &CancellationToken,
        on_reason: &(dyn Fn(String) + Send + Sync),
    ) -> Result<(), WaitError> {
        self.wait(object, budget, cancel, on_reason, || async move { Ok(gone(self.get(object).await?.as_ref(), uid)) })
            .await
    }

    async fn wait<F: Future<Output = Result<Progress, Error>>>(
        &self,
        object: &ObjectRef,
        budget: Duration,
        cancel: &CancellationToken,
        on_reason: &(dyn Fn(String) + Send + Sync),
        look: impl Fn() -> F,
    ) -> Result<(), WaitError> {
        let deadline = Instant::now() + budget;
        let mut reason = String::new();
        let mut pause = FIRST_LOOK_AGAIN;
        let mut changes: Option<Changes> = None;
        loop {
            let looked = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(WaitError::Cancelled { object: object.clone() }),
                looked = tokio::time::timeout_at(deadline, look()) => looked,
            };
            let said = match looked {
                Ok(Ok(Progress::Ready)) => return Ok(()),
                Ok(Ok(Progress::Hopeless(reason))) => {
                    return Err(WaitError::Terminal { object: object.clone(), reason });
                }
                Ok(Ok(Progress::Waiting(reason))) => reason,
                // Clusters go away for a moment, above all while they change.
                Ok(Err(error)) if error.may_pass() => error.to_string(),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(timed_out(object, budget, reason)),
            };
            if said != reason {
                on_reason(said.clone());
                reason = said;
            }
            if changes.is_none() {
                changes = self.changes(object).await;
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(WaitError::Cancelled { object: object.clone() }),
                () = tokio::time::sleep_until(deadline) => return Err(timed_out(object, budget, reason)),
                () = next(&mut changes) => pause = FIRST_LOOK_AGAIN,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LAST_LOOK_AGAIN),
            }
        }
    }

    /// Every change of the object; ends when watching fails, for looking again and again does as well.
    async fn changes(&self, object: &ObjectRef) -> Option<Changes> {
        let resource = self.resource(&object.api_version, &object.kind).await.ok()?;
        let kind = ApiResource {
            group: resource.group.clone(),
            version: resource.version.clone(),
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            plural: resource.plural,
        };
        let client = self.inner.client.clone();
        let api: Api<DynamicObject> = match &object.namespace {
            Some(namespace) if resource.namespaced => Api::namespaced_with(client, namespace, &kind),
            _ => Api::all_with(client, &kind),
        };
        // The first event is the object as it was just seen.
        let events = watcher::watch_object(api, &object.name).skip(1);
        Some(events.take_while(|event| std::future::ready(event.is_ok())).map(|_| ()).boxed())
    }

    async fn progress(&self, object: &ObjectRef) -> Result<Progress, Error> {
        let Some(live) = self.get(object).await? else {
            return Ok(Progress::Waiting("it is not there yet".to_owned()));
        };
        let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
        match (group, object.kind.as_str()) {
            ("apps", "Deployment") => self.deployment(&live).await,
            ("apps", "StatefulSet") => self.stateful_set(&live).await,
            ("cert-manager.io", "Certificate") => Ok(self.certificate(&live).await),
            ("cert-manager.io", "Issuer" | "ClusterIssuer") => Ok(ready_condition(&live)),
            ("", "Pod") => Ok(pod_trouble(&live).map_or(Progress::Ready, Progress::from)),
            ("", "Namespace") => Ok(namespace(&live)),
            _ => Ok(Progress::Ready),
        }
    }
}

fn timed_out(object: &ObjectRef, budget: Duration, reason: String) -> WaitError {
    let reason = if reason.is_empty() { "the cluster did not answer in that time".to_owned() } else { reason };
    WaitError::TimedOut { object: object.clone(), budget, reason }
}

/// The next change; never, once nobody tells of changes any more.
async fn next(changes: &mut Option<Changes>) {
    if let Some(stream) = changes
        && stream.next().await.is_some()
    {
        return;
    }
    *changes = Some(futures::stream::pending().boxed());
    std::future::pending::<()>().await;
}

fn gone(live: Option<&Value>, uid: Option<&str>) -> Progress {
    let Some(live) = live else { return Progress::Ready };
    if uid.is_some() && live.text("/metadata/uid") != uid {
        return Progress::Ready;
    }
    let finalizers: Vec<_> = live.entries("/metadata/finalizers").iter().filter_map(Value::as_str).collect();
    if let Some(remaining) = remaining_in_namespace(live) {
        return Progress::Waiting(remaining);
    }
    Progress::Waiting(match (live.text("/metadata/deletionTimestamp"), finalizers.as_slice()) {
        (None, _) => "it is not marked for deletion yet".to_owned(),
        (Some(_), []) => "it is being deleted".to_owned(),
        (Some(_), finalizers) => format!("it is being deleted, after {}", finalizers.join(", ")),
    })
}

/// The conditions by which the controller of namespaces says what is still there.
const TELLING: [&str; 4] = [
    "NamespaceContentRemaining",
    "NamespaceFinalizersRemaining",
    "NamespaceDeletionContentFailure",
    "NamespaceDeletionDiscoveryFailure",
];

/// What still keeps a namespace that is being deleted, in its controller's words.
fn remaining_in_namespace(live: &Value) -> Option<String> {
    if live.text("/kind") != Some("Namespace") {
        return None;
    }
    let told: Vec<_> = TELLING
        .iter()
        .filter_map(|kind| live.condition(kind))
        .filter(|condition| condition.text("/status") == Some("True"))
        .filter_map(|condition| condition.text("/message"))
        .collect();
    (!told.is_empty()).then(|| format!("it is being deleted: {}", told.join("; ")))
}

fn namespace(live: &Value) -> Progress {
    match live.text("/status/phase") {
        Some("Terminating") => Progress::Waiting("it is being deleted".to_owned()),
        _ => Progress::Ready,
    }
}

fn ready_condition(live: &Value) -> Progress {
    match live.condition("Ready") {
        Some(condition) if condition.text("/status") == Some("True") => Progress::Ready,
        Some(condition) => Progress::Waiting(told(condition)),
        None => Progress::Waiting("its controller has not looked at it yet".to_owned()),
    }
}

/// The reason and the message of a condition.
fn told(condition: &Value) -> String {
    match (condition.text("/reason"), condition.text("/message")) {
        (Some(reason), Some(message)) => format!("{reason}: {message}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "it gives no reason".to_owned(),
    }
}
