//! What proxies know: the configuration as it was last pushed to them, which is a moment behind the cluster.

use super::objects::{Objects, name, namespace};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

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

/// A push: the configuration of one moment over the live rest.
struct Pushed {
    live: Arc<dyn Objects>,
    kinds: HashMap<(&'static str, &'static str), Vec<Value>>,
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

    fn pushed(&self, group: &str, kind: &str, place: Option<&str>) -> Option<&Vec<Value>> {
        if kind == "ConfigMap" && place != Some(super::mesh::ISTIO_NAMESPACE) {
            return None;
        }
        self.kinds.iter().find(|((own, name), _)| *own == group && *name == kind).map(|(_, list)| list)
    }
}

impl Objects for Pushed {
    fn get(&self, group: &str, kind: &str, place: Option<&str>, wanted: &str) -> Option<Value> {
        match self.pushed(group, kind, place) {
            None => self.live.get(group, kind, place, wanted),
            Some(list) => list
                .iter()
                .find(|object| name(object) == wanted && place.is_none_or(|place| namespace(object) == place))
                .cloned(),
        }
    }

    fn list(&self, group: &str, kind: &str, place: Option<&str>) -> Vec<Value> {
        match self.pushed(group, kind, place) {
            None => self.live.list(group, kind, place),
            Some(list) => {
                list.iter().filter(|object| place.is_none_or(|place| namespace(object) == place)).cloned().collect()
            }
        }
    }
}
