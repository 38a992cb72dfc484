//! Which kinds the cluster serves, under which plural and scope: asked once, then remembered.

use super::{Cluster, Error, error::Attempt};
use crate::facts::ServedApis;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::discovery::{Discovery, Scope};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

/// Where objects of a kind are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    /// The API group; empty for the core group.
    pub(super) group: String,
    /// The version.
    pub(super) version: String,
    /// The plural in URLs and RBAC.
    pub(super) plural: String,
    /// Whether its objects live in namespaces.
    pub(super) namespaced: bool,
}

impl Resource {
    /// The path of the collection; `namespace` counts for namespaced kinds only, and `None` then means all of them.
    pub(super) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        match namespace {
            Some(namespace) if self.namespaced => format!("{root}/namespaces/{namespace}/{}", self.plural),
            _ => format!("{root}/{}", self.plural),
        }
    }

    pub(super) fn attempt(&self, verb: &'static str, namespace: Option<&str>, name: Option<&str>) -> Attempt {
        Attempt {
            verb,
            group: self.group.clone(),
            resource: self.plural.clone(),
            namespace: namespace.filter(|_| self.namespaced).map(str::to_owned),
            name: name.map(str::to_owned),
        }
    }
}

type KindsOfVersion = Arc<HashMap<String, Resource>>;

/// What was learnt so far, by API version.
#[derive(Default)]
pub(super) struct Kinds(RwLock<HashMap<String, KindsOfVersion>>);

impl Kinds {
    fn known(&self, api_version: &str, kind: &str) -> Option<Resource> {
        let versions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        versions.get(api_version)?.get(kind).cloned()
    }

    fn remember(&self, api_version: String, kinds: HashMap<String, Resource>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(api_version, Arc::new(kinds));
    }

    /// Forgets a version: its definition was removed behind our back.
    pub(super) fn forget(&self, api_version: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(api_version);
    }
}

impl Cluster {
    /// Where objects of `kind` are found. What is not served is asked again the next time: definitions get installed.
    pub(super) async fn resource(&self, api_version: &str, kind: &str) -> Result<Resource, Error> {
        if let Some(known) = self.inner.kinds.known(api_version, kind) {
            return Ok(known);
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{api_version}") };
        let served: APIResourceList = match self.get_path(&path).await {
            Err(Error::Refused { status: 404, .. }) => return Err(Error::not_served(api_version, kind)),
            other => other?,
        };
        let kinds: HashMap<_, _> = served
            .resources
            .into_iter()
            .filter(|resource| !resource.name.contains('/'))
            .map(|resource| {
                let found = Resource {
                    group: group.to_owned(),
                    version: version.to_owned(),
                    plural: resource.name,
                    namespaced: resource.namespaced,
                };
                (resource.kind, found)
            })
            .collect();
        let found = kinds.get(kind).cloned();
        self.inner.kinds.remember(api_version.to_owned(), kinds);
        found.ok_or_else(|| Error::not_served(api_version, kind))
    }

    /// The API versions served of the groups we deal with, best first.
    pub async fn served(&self) -> Result<ServedApis, Error> {
        let discovery = self.discovery().await?;
        let mut served = BTreeMap::<String, BTreeMap<String, Vec<String>>>::new();
        for group in discovery.groups() {
            let kinds = served.entry(group.name().to_owned()).or_default();
            for version in group.versions() {
                let mut of_version = HashMap::new();
                let mut api_version = version.to_owned();
                for (resource, capabilities) in group.versioned_resources(version) {
                    let versions = kinds.entry(resource.kind.clone()).or_default();
                    if !versions.iter().any(|known| known == version) {
                        versions.push(version.to_owned());
                    }
                    api_version.clone_from(&resource.api_version);
                    let found = Resource {
                        group: resource.group,
                        version: resource.version,
                        plural: resource.plural,
                        namespaced: capabilities.scope == Scope::Namespaced,
                    };
                    of_version.entry(resource.kind).or_insert(found);
                }
                self.inner.kinds.remember(api_version, of_version);
            }
        }
        Ok(ServedApis(served))
    }

    /// Two requests where the server aggregates (Kubernetes 1.26 and later), one for each version of our groups elsewhere.
    async fn discovery(&self) -> Result<Discovery, Error> {
        let ours = || Discovery::new(self.inner.client.clone()).filter(GROUPS);
        let aggregated = self.within("/apis", || ours().run_aggregated()).await;
        match aggregated {
            Ok(discovery) if discovery.has_group("") && discovery.has_group("apps") => Ok(discovery),
            Err(error @ (Error::Unreachable { .. } | Error::TimedOut { .. } | Error::Unauthorized { .. })) => {
                Err(error)
            }
            _ => self.within("/apis", || ours().run()).await,
        }
    }
}

/// The groups we deal with. Others are left alone: one aggregated API that is down must not stop us.
const GROUPS: &[&str] = &[
    "",
    "acme.cert-manager.io",
    "apps",
    "cert-manager.io",
    "gateway.networking.k8s.io",
    "networking.istio.io",
    "networking.k8s.io",
    "security.istio.io",
    "telemetry.istio.io",
];
