//! The edge: an HTTPS front that behaves, request by request, as the objects in the cluster say.
//!
//! What it does not imitate: EnvoyFilters but those that insert Lua filters for request headers (it refuses all requests for the
//! others), Wasm, waypoints and ambient, the Gateway API, egress gateways, retries, rate
//! limits, mirroring, weights other than none, CORS and faults of VirtualServices, NetworkPolicies, and more than one ingress
//! gateway.

pub mod container;
pub mod door;
pub mod dump;
pub mod envoy_filter;
mod filters;
pub mod gateway;
pub mod hook;
pub mod lua;
pub mod mesh;
pub mod objects;
pub mod outside;
pub mod path;
pub mod policy;
pub mod proxy;
pub mod routes;
pub mod rule;
pub mod store;
#[cfg(test)]
mod tests;
pub mod token;
pub mod transport;
mod travel;
pub mod views;
pub mod workload;

use super::{cluster::Cluster, tenant::Tenant};
use container::{NoStart, Start};
use door::Door;
use objects::Objects;
use outside::OutsideStore;
use proxy::session::Sessions;
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use views::View;
use workload::Workload;

pub use travel::{APP_HEADER, Client, INGRESS, NoAnswer, Program, program};

/// The edge; clones are the same edge.
#[derive(Clone)]
pub struct Edge(Arc<Inner>);

struct Inner {
    live: Arc<dyn Objects>,
    gateway: View,
    sidecars: View,
    door: Door,
    sessions: Sessions,
    /// Redis stores outside of the cluster.
    stores: Vec<OutsideStore>,
    /// What running containers were started with, by the pod's UID and the container's name.
    running: Mutex<HashMap<(String, String), Arc<Start>>>,
    /// The passwords that running session stores were told, likewise; a container that is started again has forgotten them.
    told: Mutex<HashMap<(String, String), store::Passwords>>,
}

impl Edge {
    /// The edge of a practice ground, with Redis stores outside of its cluster.
    pub fn new(cluster: Cluster, tenant: &Tenant, stores: Vec<OutsideStore>) -> Self {
        let addressed = tenant.clone();
        let door = Door::to_router(move || addressed.addresses().sign_in, tenant.sign_in_router());
        Self::of(Arc::new(cluster), door, stores)
    }

    /// An edge in front of the cluster that `live` shows, whose pods and istiod reach the tenant through `door`.
    pub fn in_front_of(live: Arc<dyn Objects>, door: Door) -> Self {
        Self::of(live, door, Vec::new())
    }

    fn of(live: Arc<dyn Objects>, door: Door, stores: Vec<OutsideStore>) -> Self {
        Self(Arc::new(Inner {
            live,
            gateway: View::default(),
            sidecars: View::default(),
            door,
            sessions: Sessions::default(),
            stores,
            running: Mutex::default(),
            told: Mutex::default(),
        }))
    }

    /// The cluster as it is.
    pub fn live(&self) -> &dyn Objects {
        &*self.0.live
    }

    /// The configuration as the ingress gateway has it.
    pub fn gateway_view(&self) -> Arc<dyn Objects> {
        self.0.gateway.or(&self.0.live)
    }

    /// The configuration as sidecars have it.
    pub fn sidecar_view(&self) -> Arc<dyn Objects> {
        self.0.sidecars.or(&self.0.live)
    }

    /// The way to the tenant.
    pub fn door(&self) -> &Door {
        &self.0.door
    }

    /// What session stores keep.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The Redis outside of the cluster that answers there.
    fn outside(&self, host: &str, port: u16) -> Option<&OutsideStore> {
        self.0.stores.iter().find(|store| store.host == host && store.port == port)
    }

    /// Notes what a container was started with: from now on it answers from that, whatever changes in the cluster.
    pub fn started(&self, workload: &Workload, container: &str, start: Start) {
        let key = (workload.uid().to_owned(), container.to_owned());
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::new(start));
    }

    /// Forgets the containers of pods that are gone.
    pub fn keep_only(&self, pods: &std::collections::HashSet<String>) {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).retain(|(uid, _), _| pods.contains(uid));
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner).retain(|(uid, _), _| pods.contains(uid));
    }

    /// Whether a container was started and its pod is still there.
    fn runs(&self, workload: &Workload, container: &str) -> bool {
        let key = (workload.uid().to_owned(), container.to_owned());
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&key)
    }

    /// What a container was started with; for one that nobody noted, what it would be started with now.
    pub fn start_of(&self, workload: &Workload, container: &Value) -> Result<Arc<Start>, NoStart> {
        let key = (workload.uid().to_owned(), objects::text(container, "/name").to_owned());
        if let Some(start) = self.0.running.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(start));
        }
        container::start(self.live(), &workload.pod, container).map(Arc::new)
    }
}
