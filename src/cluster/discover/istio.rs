//! The Istio control plane that answers for the application's namespace (domain.md 4.6).

use super::{DiscoverError, DiscoverRequest, ObjectRef, gateway::Gateway, list_served};
use crate::{
    cluster::{Cluster, Error, fields::Fields, mesh_config, objects::Selection},
    facts::{IstioFacts, IstioVersion, MeshConfigFacts, OutboundPolicy, ServedApis},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// The labels of control planes.
pub(in crate::cluster) const SELECTOR: &str = "app=istiod";

/// The key that holds the mesh configuration.
const MESH_KEY: &str = "mesh";

/// A control plane, as its Deployment tells of it.
#[derive(Clone, Debug)]
struct ControlPlane {
    namespace: String,
    name: String,
    /// `None` for the default revision.
    revision: Option<String>,
    deployment: Value,
}

impl ControlPlane {
    fn of(deployment: Value) -> Self {
        let revision = deployment.label("istio.io/rev").filter(|revision| !matches!(*revision, "" | "default"));
        Self {
            namespace: deployment.namespace().to_owned(),
            name: deployment.name().to_owned(),
            revision: revision.map(str::to_owned),
            deployment,
        }
    }

    fn revision_name(&self) -> &str {
        self.revision.as_deref().unwrap_or("default")
    }

    /// The ConfigMap that Istio's own installers write for it.
    fn mesh_config_name(&self) -> String {
        self.revision.as_ref().map_or_else(|| "istio".to_owned(), |revision| format!("istio-{revision}"))
    }

    fn describe(&self) -> String {
        format!("{}/{} (revision {})", self.namespace, self.name, self.revision_name())
    }

    fn containers(&self) -> &[Value] {
        self.deployment.entries("/spec/template/spec/containers")
    }

    /// A setting of istiod, from its environment.
    fn setting(&self, name: &str) -> Option<&str> {
        let mut variables = self.containers().iter().flat_map(|container| container.entries("/env"));
        variables.find(|variable| variable.text("/name") == Some(name))?.text("/value")
    }

    fn version(&self) -> Result<IstioVersion, DiscoverError> {
        let named = self.containers().iter().find(|container| container.text("/name") == Some("discovery"));
        let image = named.or_else(|| self.containers().first()).and_then(|container| container.text("/image"));
        let image = image.unwrap_or_default();
        let tag =
            image.split('@').next().and_then(|image| Some(image.rsplit_once(':')?.1)).filter(|tag| !tag.contains('/'));
        let chart = self.deployment.label("helm.sh/chart").and_then(|chart| chart.rsplit_once("istiod-"));
        let labels = ["app.kubernetes.io/version", "operator.istio.io/version"];
        let labelled = labels.into_iter().filter_map(|label| self.deployment.label(label));
        tag.into_iter()
            .chain(labelled)
            .chain(chart.map(|(_, version)| version))
            .find_map(parse_version)
            .ok_or_else(|| DiscoverError::IstioVersionUnknown { image: image.to_owned() })
    }
}

/// The versions of these control planes, as far as they tell them.
pub(in crate::cluster) fn versions(deployments: Vec<Value>) -> BTreeSet<IstioVersion> {
    deployments.into_iter().filter_map(|deployment| ControlPlane::of(deployment).version().ok()).collect()
}

pub(super) async fn find(
    cluster: &Cluster,
    served: &ServedApis,
    request: &DiscoverRequest,
    namespace: Option<&Value>,
    gateway: &Gateway,
) -> Result<IstioFacts, DiscoverError> {
    let deployments = cluster.list("apps/v1", "Deployment", &Selection::labelled(SELECTOR)).await?;
    let planes: Vec<_> = deployments.into_iter().map(ControlPlane::of).collect();
    let plane = choose(cluster, &planes, request, namespace, gateway).await?;
    let mesh = read_mesh(cluster, &plane).await?;
    let version = plane.version()?;
    let root_namespace = mesh.settings.root_namespace.unwrap_or_else(|| plane.namespace.clone());
    let of_sidecars = outbound_of_sidecars(cluster, served, &request.namespace, &root_namespace).await?;
    // The spellings that istiod takes for true.
    let several = plane
        .setting("PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS")
        .is_some_and(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"));
    Ok(IstioFacts {
        several_custom_providers: several && (version.major, version.minor) >= (1, 30),
        version,
        injection_label: injection_label(&plane, namespace),
        revision: plane.revision,
        namespace: root_namespace,
        trust_domain: mesh.settings.trust_domain.unwrap_or_else(|| "cluster.local".to_owned()),
        outbound: of_sidecars.or(mesh.settings.outbound).unwrap_or(OutboundPolicy::AllowAny),
        mesh_config: mesh.facts,
    })
}

/// The revision that the namespace asks for; else that of the gateway's proxies; else the default; else the only one.
async fn choose(
    cluster: &Cluster,
    planes: &[ControlPlane],
    request: &DiscoverRequest,
    namespace: Option<&Value>,
    gateway: &Gateway,
) -> Result<ControlPlane, DiscoverError> {
    let of_revision = |wanted: &str| planes.iter().find(|plane| plane.revision_name() == wanted);
    if planes.is_empty() {
        return Err(DiscoverError::NoIstio);
    }
    let asked = namespace.and_then(|namespace| namespace.label("istio.io/rev"));
    if let Some(asked) = asked.filter(|_| namespace.and_then(|it| it.label("istio-injection")).is_none()) {
        let found = match of_revision(asked) {
            Some(plane) => Some(plane),
            None => revision_of_tag(cluster, asked).await?.as_deref().and_then(of_revision),
        };
        return found.cloned().ok_or_else(|| DiscoverError::NoSuchRevision {
            namespace: request.namespace.clone(),
            revision: asked.to_owned(),
            found: planes.iter().map(|plane| plane.revision_name().to_owned()).collect(),
        });
    }
    let enabled = namespace.is_some_and(injects_the_default);
    let preferred = gateway.revision.as_deref().filter(|_| !enabled).and_then(of_revision);
    let mut found = preferred.or_else(|| of_revision("default"));
    if found.is_none() && planes.len() > 1 {
        // With revisions alone, a tag says which of them is the default.
        found = revision_of_tag(cluster, "default").await?.as_deref().and_then(of_revision);
    }
    match (found, planes) {
        (Some(plane), _) | (None, [plane]) => Ok(plane.clone()),
        (None, several) => Err(DiscoverError::SeveralControlPlanes {
            namespace: request.namespace.clone(),
            found: several.iter().map(ControlPlane::describe).collect(),
        }),
    }
}

/// A revision tag, such as `prod`, is a webhook that carries the tag and the revision it stands for.
async fn revision_of_tag(cluster: &Cluster, tag: &str) -> Result<Option<String>, Error> {
    let selection = Selection::labelled(format!("istio.io/tag={tag}"));
    let kind = "MutatingWebhookConfiguration";
    match cluster.list("admissionregistration.k8s.io/v1", kind, &selection).await {
        Ok(webhooks) => Ok(webhooks.iter().find_map(|webhook| webhook.label("istio.io/rev")).map(str::to_owned)),
        // Not everyone may see webhooks; then the tag stays unknown and is named in the error.
        Err(Error::Forbidden(_) | Error::NotServed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn injects_the_default(namespace: &Value) -> bool {
    namespace.label("istio-injection") == Some("enabled")
}

/// Whatever the namespace has already, else what its control plane listens to; both at once is a fault (IST0123).
fn injection_label(plane: &ControlPlane, namespace: Option<&Value>) -> (String, String) {
    let revision = namespace.and_then(|namespace| namespace.label("istio.io/rev")).or(plane.revision.as_deref());
    match revision.filter(|_| !namespace.is_some_and(injects_the_default)) {
        Some(revision) => ("istio.io/rev".to_owned(), revision.to_owned()),
        None => ("istio-injection".to_owned(), "enabled".to_owned()),
    }
}

impl Cluster {
    /// Every ConfigMap that a control plane of this cluster reads mesh configuration from, whichever revision, with what is in it.
    pub async fn mesh_configs(&self) -> Result<Vec<MeshConfigFacts>, DiscoverError> {
        let deployments = self.list("apps/v1", "Deployment", &Selection::labelled("app=istiod")).await?;
        let mut found = Vec::new();
        for plane in deployments.into_iter().map(ControlPlane::of) {
            let shared = plane.setting("SHARED_MESH_CONFIG").map(str::to_owned);
            for name in std::iter::once(plane.mesh_config_name()).chain(shared) {
                if let Some(settings) = read_settings(self, &plane.namespace, &name).await? {
                    found.push(mesh_facts(&plane, name, settings.providers));
                }
            }
        }
        Ok(found)
    }
}

struct Mesh {
    facts: MeshConfigFacts,
    settings: mesh_config::MeshSettings,
}

/// Istiod merges a shared ConfigMap into its own when told of one; that one is meant for people (domain.md 4.2, 4.6).
async fn read_mesh(cluster: &Cluster, plane: &ControlPlane) -> Result<Mesh, DiscoverError> {
    let own = plane.mesh_config_name();
    let own_settings = read_settings(cluster, &plane.namespace, &own).await?;
    let Some(shared) = plane.setting("SHARED_MESH_CONFIG").map(str::to_owned) else {
        let mut settings = own_settings.ok_or_else(|| DiscoverError::MeshConfig {
            namespace: plane.namespace.clone(),
            name: own.clone(),
            cause: "it is not there, or has no key `mesh`; install Istio with one".to_owned(),
        })?;
        let providers = std::mem::take(&mut settings.providers);
        return Ok(Mesh { facts: mesh_facts(plane, own, providers), settings });
    };
    let shared_settings = read_settings(cluster, &plane.namespace, &shared).await?;
    let mut merged = mesh_config::MeshSettings::default();
    // Istio's own document wins over the shared one.
    for settings in [own_settings, shared_settings].into_iter().flatten() {
        merged.providers.extend(settings.providers);
        merged.outbound = merged.outbound.or(settings.outbound);
        merged.root_namespace = merged.root_namespace.or(settings.root_namespace);
        merged.trust_domain = merged.trust_domain.or(settings.trust_domain);
    }
    let providers = std::mem::take(&mut merged.providers);
    Ok(Mesh { facts: mesh_facts(plane, shared, providers), settings: merged })
}

fn mesh_facts(plane: &ControlPlane, name: String, providers: BTreeSet<String>) -> MeshConfigFacts {
    MeshConfigFacts { namespace: plane.namespace.clone(), name, key: MESH_KEY.to_owned(), providers }
}

async fn read_settings(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<mesh_config::MeshSettings>, DiscoverError> {
    let map = cluster.get(&ObjectRef::namespaced("v1", "ConfigMap", namespace, name)).await?;
    let Some(text) = map.as_ref().and_then(|map| map.text("/data/mesh")) else { return Ok(None) };
    mesh_config::settings(text).map(Some).map_err(|error| DiscoverError::MeshConfig {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        cause: error.to_string(),
    })
}

/// A Sidecar for a whole namespace overrides the mesh's policy: the application's own, else the root namespace's.
async fn outbound_of_sidecars(
    cluster: &Cluster,
    served: &ServedApis,
    namespace: &str,
    root_namespace: &str,
) -> Result<Option<OutboundPolicy>, DiscoverError> {
    let of = async |namespace: &str| -> Result<Option<OutboundPolicy>, Error> {
        let selection = Selection::in_namespace(namespace);
        let sidecars = list_served(cluster, served, "networking.istio.io", "Sidecar", &selection).await?;
        let mut general = sidecars.iter().filter(|sidecar| sidecar.pointer("/spec/workloadSelector").is_none());
        Ok(general
            .find_map(|sidecar| sidecar.text("/spec/outboundTrafficPolicy/mode"))
            .map(mesh_config::outbound_policy))
    };
    match of(namespace).await? {
        Some(policy) => Ok(Some(policy)),
        None if namespace == root_namespace => Ok(None),
        None => Ok(of(root_namespace).await?),
    }
}

/// `1.28.0`, `1.28.0-distroless`, `v1.25-alpha.1`, `1.24`.
fn parse_version(text: &str) -> Option<IstioVersion> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts = text.split(['.', '-', '+', '_']).map(str::parse::<u16>);
    let major = parts.next()?.ok()?;
    let minor = parts.next()?.ok()?;
    (major == 1).then(|| IstioVersion { major, minor, patch: parts.next().and_then(Result::ok).unwrap_or_default() })
}
