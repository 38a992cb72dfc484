//! The controllers' visible effects: pods come up or say why not, certificates are issued, Services get addresses.
//!
//! One loop looks at the whole cluster after every change and takes every step that is due; a step that takes its time is due
//! later. What it does not imitate: StatefulSets, DaemonSets and Jobs, autoscaling, scheduling by resources, probes other than the
//! sign-in proxy's, `minReadySeconds`, and renewal of certificates.

mod certificates;
mod clock;
mod containers;
mod deployments;
mod events;
mod injection;
mod issuance;
mod namespaces;
mod pods;
mod services;
#[cfg(test)]
mod tests;
mod zones;

pub use zones::Zones;

use super::{
    authority::Authority,
    cluster::{ApiError, Cluster},
    edge::Edge,
    scenario::ImageTrouble,
    timings::Timings,
};
use clock::Clock;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// No chain of effects is longer; one that is goes in circles.
const MOST_PASSES: usize = 200;

/// The controllers of one cluster.
pub struct Controllers {
    cluster: Cluster,
    edge: Edge,
    authority: Authority,
    zones: Zones,
    images: Vec<ImageTrouble>,
    clock: Clock,
    timings: Timings,
}

impl Controllers {
    /// Controllers for a cluster, its edge, the authority that its certificates are signed by and the zones that names are proven
    /// in. Containers of `images` do not start.
    pub fn new(
        cluster: Cluster,
        edge: Edge,
        authority: Authority,
        zones: Zones,
        images: Vec<ImageTrouble>,
        timings: Timings,
    ) -> Self {
        Self { cluster, edge, authority, zones, images, clock: Clock::new(timings), timings }
    }

    /// Takes every step of a cluster that has no pods yet without waiting: a world that is there has been there for long.
    pub async fn begin(&mut self) {
        if self.cluster.list("", "Pod", None).is_empty() {
            self.clock = Clock::new(Timings::Instant);
            self.settle().await;
        }
        self.clock = Clock::new(self.timings);
    }

    /// Takes every step that is due, and those that become due by it. Returns when the next one will be.
    pub async fn settle(&mut self) -> Option<Instant> {
        let changes = self.cluster.changes();
        for _ in 0..MOST_PASSES {
            let before = *changes.borrow();
            self.clock.begin();
            self.pass().await;
            if *changes.borrow() == before {
                return self.clock.next();
            }
        }
        tracing::warn!("the practice controllers do not come to rest");
        self.clock.next()
    }

    async fn pass(&mut self) {
        self.namespaces();
        self.deployments();
        self.pods().await;
        self.services();
        self.certificates();
    }

    /// Answers every change, until the end: controllers, the proxies' configuration, and their admin ports.
    pub async fn run(mut self, end: CancellationToken) {
        self.cluster.set_port_forward(self.edge.port_forward());
        let edge = self.edge.clone();
        let pushing = edge.push_changes(self.cluster.changes(), self.timings, end.clone());
        let steering = async {
            let mut changes = self.cluster.changes();
            loop {
                changes.mark_unchanged();
                let next = self.settle().await;
                tokio::select! {
                    woken = changes.changed() => if woken.is_err() { return },
                    () = sleep_until(next) => {}
                }
            }
        };
        tokio::select! {
            () = end.cancelled() => {}
            ((), ()) = async { tokio::join!(pushing, steering) } => {}
        }
    }

    /// Writes a change of an object. One that is gone in the meantime needs none.
    fn patch(&self, manager: &str, kind: (&str, &str), object: &Value, patch: &Value) {
        let (namespace, name) = (super::edge::objects::namespace(object), super::edge::objects::name(object));
        let namespace = (!namespace.is_empty()).then_some(namespace);
        noted(self.cluster.patch(manager, kind, namespace, name, patch));
    }

    fn put(&self, manager: &str, object: Value) -> Option<Value> {
        noted(self.cluster.create_or_replace(manager, object))
    }

    fn remove(&self, group: &str, kind: &str, object: &Value) {
        let (namespace, name) = (super::edge::objects::namespace(object), super::edge::objects::name(object));
        noted(self.cluster.delete(group, kind, Some(namespace), name));
    }
}

/// What the cluster refuses a controller is tried again at the next change.
fn noted<T>(result: Result<T, ApiError>) -> Option<T> {
    result.inspect_err(|error| tracing::debug!(%error, "the practice cluster refused a controller")).ok()
}

async fn sleep_until(next: Option<Instant>) {
    match next {
        Some(next) => tokio::time::sleep_until(next).await,
        None => std::future::pending().await,
    }
}

/// Now, as Kubernetes writes times.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether an object is on its way out.
fn is_going(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

/// The reference that makes an object belong to `owner`.
fn owned_by(owner: &Value) -> Value {
    use super::edge::objects::{name, text};
    serde_json::json!([{
        "apiVersion": text(owner, "/apiVersion"), "kind": text(owner, "/kind"), "name": name(owner),
        "uid": text(owner, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true,
    }])
}

/// Whether an object belongs to `owner`.
fn belongs_to(object: &Value, owner: &Value) -> bool {
    use super::edge::objects::{items, text};
    items(object, "/metadata/ownerReferences")
        .iter()
        .any(|reference| text(reference, "/uid") == text(owner, "/metadata/uid"))
}

/// A short name for a text, in the letters that Kubernetes uses.
fn hash(text: &str, length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .take(length)
        .filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()))
        .map(|letter| char::from(*letter))
        .collect()
}

/// Letters that nothing else has.
fn random(length: usize) -> String {
    hash(&uuid::Uuid::new_v4().to_string(), length)
}
