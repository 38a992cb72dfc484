//! What proxies know: the configuration as it was last pushed to them, which is a moment behind the cluster.

use super::{
    Edge,
    objects::{Objects, name, namespace},
};
use crate::practice::timings::Timings;
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long a change takes to reach the ingress gateway.
const GATEWAY_PUSH: Duration = Duration::from_millis(300);
/// How long it takes to reach sidecars: longer, so that whoever does not wait for the locks is seen to leave the door open.
const SIDECAR_PUSH: Duration = Duration::from_millis(700);

/// The kinds that istiod makes proxies' configuration from. Pods, Services and Secrets are always as they are in the cluster.
const PUSHED: [(&str, &str); 10] = [
    ("networking.istio.io", "Gateway"),
    ("networking.istio.io", "VirtualService"),
    ("networking.istio.io", "DestinationRule"),
    ("networking.istio.io", "ServiceEntry"),
    ("networking.istio.io", "Sidecar"),
    ("networking.istio.io", "EnvoyFilter"),
    ("security.istio.io", "AuthorizationPolicy"),
    ("security.istio.io", "RequestAuthentication"),
    ("security.istio.io", "PeerAuthentication"),
    ("", "ConfigMap"),
];

/// What was last pushed; nothing yet means that the cluster itself counts.
#[derive(Default)]
pub(super) struct View(RwLock<Option<Arc<dyn Objects>>>);

impl View {
    /// What was pushed, or else the cluster.
    pub(super) fn or(&self, live: &Arc<dyn Objects>) -> Arc<dyn Objects> {
        let pushed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        pushed.as_ref().map_or_else(|| Arc::clone(live), Arc::clone)
    }

    /// Pushes the cluster as it is now.
    pub(super) fn push(&self, live: &Arc<dyn Objects>) {
        let pushed = Pushed::of(live);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(pushed));
    }
}

impl Edge {
    /// Whether every kind of proxy has had a push.
    #[cfg(test)]
    pub(super) fn has_been_pushed(&self) -> bool {
        [&self.0.gateway, &self.0.sidecars]
            .iter()
            .all(|view| view.0.read().unwrap_or_else(PoisonError::into_inner).is_some())
    }

    /// Pushes the cluster's changes to the proxies, each kind of proxy after its delay, until the end. Where effects are instant
    /// nothing is pushed: then proxies know what the cluster knows.
    pub async fn push_changes(&self, changes: watch::Receiver<u64>, timings: Timings, end: CancellationToken) {
        let follow = |view: fn(&Self) -> &View, delay: Duration| {
            let (edge, mut changes) = (self.clone(), changes.clone());
            async move {
                view(&edge).push(&edge.0.live);
                while changes.changed().await.is_ok() {
                    tokio::time::sleep(delay).await;
                    changes.mark_unchanged();
                    view(&edge).push(&edge.0.live);
                }
            }
        };
        if timings.delay(GATEWAY_PUSH).is_zero() {
            return end.cancelled().await;
        }
        tokio::select! {
            () = end.cancelled() => {}
            () = follow(|edge| &edge.0.gateway, timings.delay(GATEWAY_PUSH)) => {}
            () = follow(|edge| &edge.0.sidecars, timings.delay(SIDECAR_PUSH)) => {}
        }
    }
}

/// A push: the configuration of one moment over the live rest.
struct Pushed {
    live: Arc<dyn Objects>,
    kinds: HashMap<(&'static str, &'static str), Vec<Arc<Value>>>,
}

impl Pushed {
    fn of(live: &Arc<dyn Objects>) -> Self {
        let kinds = PUSHED
            .into_iter()
            .map(|(group, kind)| {
                // Of ConfigMaps only the mesh's own configuration is part of a push.
                let place = (kind == "ConfigMap").then_some(super::mesh::ISTIO_NAMESPACE);
                ((group, kind), live.list(group, kind, place))
            })
            .collect();
        Self { live: Arc::clone(live), kinds }
    }

    fn pushed(&self, group: &str, kind: &str, place: Option<&str>) -> Option<&Vec<Arc<Value>>> {
        if kind == "ConfigMap" && place != Some(super::mesh::ISTIO_NAMESPACE) {
            return None;
        }
        self.kinds.iter().find(|((own, name), _)| *own == group && *name == kind).map(|(_, list)| list)
    }
}

impl Objects for Pushed {
    fn get(&self, group: &str, kind: &str, place: Option<&str>, wanted: &str) -> Option<Arc<Value>> {
        match self.pushed(group, kind, place) {
            None => self.live.get(group, kind, place, wanted),
            Some(list) => list
                .iter()
                .find(|object| name(object) == wanted && place.is_none_or(|place| namespace(object) == place))
                .cloned(),
        }
    }

    fn list(&self, group: &str, kind: &str, place: Option<&str>) -> Vec<Arc<Value>> {
        match self.pushed(group, kind, place) {
            None => self.live.list(group, kind, place),
            Some(list) => {
                list.iter().filter(|object| place.is_none_or(|place| namespace(object) == place)).cloned().collect()
            }
        }
    }
}
