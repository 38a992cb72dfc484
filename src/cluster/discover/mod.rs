//! Discovery: what the blueprint must know of the cluster, read side by side.

mod application;
mod cert_manager;
pub(super) mod gateway;
pub(super) mod issuers;
pub(super) mod istio;
mod policies;
mod redis;
mod roads;
mod tls_secret;

use super::{Attempt, Cluster, Error, MissingRight, ObjectRef, fields::Fields, objects::Selection};
use crate::facts::{ClusterFacts, Injection, NamespaceFacts, ServedApis};
use serde_json::Value;

/// What discovery has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoverRequest {
    /// The application's name; with the namespace it names the installation whose own objects do not count as others'.
    pub app_name: String,
    /// The application's namespace, which need not exist yet.
    pub namespace: String,
    /// The Service in front of the application, where one is there already.
    pub service: Option<String>,
    /// The gateway to use, as its namespace and its Service; `None` takes the only one there is.
    pub gateway: Option<(String, String)>,
    /// The issuer that the answers name, as its kind and its name: looked up alone by callers who may not list issuers.
    pub issuer: Option<(String, String)>,
    /// The Secret with the gateway's certificate, where one is there already.
    pub tls_secret: Option<String>,
    /// The Redis that sessions are kept in, where one is there already.
    pub redis: Option<RedisRequest>,
}

/// What is to be looked at of a Redis that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisRequest {
    /// The Service that its address means or might mean, as its namespace and its name.
    pub service: Option<(String, String)>,
    /// The Secret in the application's namespace and the key in it that hold its password.
    pub password: (String, String),
}

/// Why discovery cannot say what the blueprint must know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoverError {
    /// A request failed.
    #[error(transparent)]
    Cluster(#[from] Error),
    /// There is no Istio.
    #[error(
        "no Istio control plane was found (no Deployment labelled app=istiod in any namespace); install Istio first"
    )]
    NoIstio,
    /// There are several, and nothing says which one is meant.
    #[error(
        "several Istio control planes answer here ({}); label the namespace {namespace} with istio.io/rev to choose one",
        list(found)
    )]
    SeveralControlPlanes {
        /// The application's namespace.
        namespace: String,
        /// Each as its namespace, name and revision.
        found: Vec<String>,
    },
    /// The namespace asks for a revision that nobody serves.
    #[error(
        "namespace {namespace} is labelled istio.io/rev={revision}, but no control plane has that revision (there are: {}); correct the label",
        list(found)
    )]
    NoSuchRevision {
        /// The application's namespace.
        namespace: String,
        /// The revision it asks for.
        revision: String,
        /// Those there are.
        found: Vec<String>,
    },
    /// The version of Istio cannot be read.
    #[error(
        "the version of Istio cannot be told from the image of istiod ({image}) nor from its labels; label its Deployment with app.kubernetes.io/version"
    )]
    IstioVersionUnknown {
        /// The image.
        image: String,
    },
    /// The mesh configuration cannot be read.
    #[error("the mesh configuration in ConfigMap {namespace}/{name}: {cause}")]
    MeshConfig {
        /// The ConfigMap's namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What is wrong.
        cause: String,
    },
    /// No ingress gateway.
    #[error(
        "no Istio ingress gateway was found (no Service with a label istio=…ingress… in any namespace); install one, or name its Service under `gateway`"
    )]
    NoGateway,
    /// The gateway that was named is not there.
    #[error("there is no Service {namespace}/{service}; name the Service of an Istio ingress gateway under `gateway`")]
    GatewayNotFound {
        /// Its namespace.
        namespace: String,
        /// Its Service.
        service: String,
    },
    /// Several gateways, and nothing says which one is meant.
    #[error("several ingress gateways were found ({}); name one under `gateway`", list(found))]
    SeveralGateways {
        /// Each as namespace/service.
        found: Vec<String>,
    },
    /// The gateway has no pods, so nothing says what it runs as.
    #[error(
        "the ingress gateway {namespace}/{service} has no pods, so its service account is unknown and it carries no traffic; start it first"
    )]
    GatewayWithoutPods {
        /// Its namespace.
        namespace: String,
        /// Its Service.
        service: String,
    },
}

impl DiscoverError {
    /// The right that is missing, when that is what is wrong.
    pub fn lacks_right(&self) -> Option<&MissingRight> {
        match self {
            Self::Cluster(error) => error.lacks_right(),
            _ => None,
        }
    }
}

fn list(found: &[String]) -> String {
    found.join(", ")
}

impl Cluster {
    /// Looks at everything a blueprint depends on.
    pub async fn discover(&self, request: &DiscoverRequest) -> Result<ClusterFacts, DiscoverError> {
        // First, as one request or two: it teaches every later request where its kind is found.
        let served = self.served().await?;
        let (id, namespace, gateway, service) = tokio::try_join!(
            async { Ok(self.cluster_id().await?) },
            async { Ok(self.get(&ObjectRef::cluster_wide("v1", "Namespace", &request.namespace)).await?) },
            gateway::find(self, request.gateway.as_ref()),
            async { Ok(application::find_service(self, request).await?) },
        )?;
        let istio = istio::find(self, &served, request, namespace.as_ref(), &gateway).await?;
        let surroundings = policies::Surroundings {
            served: &served,
            root_namespace: istio.namespace.clone(),
            app_name: request.app_name.clone(),
            app_namespace: request.namespace.clone(),
        };
        let (of_gateway, roads, application, issuers, tls_secret, redis) = tokio::try_join!(
            policies::custom_providers(self, &surroundings, &gateway.namespace, &gateway.pod_labels),
            async { Ok(roads::of_others(self, &surroundings, &gateway.pod_labels).await?) },
            application::look(self, &surroundings, request, service),
            issuers::find(self, &served, &gateway.namespace, request.issuer.as_ref()),
            tls_secret::look(self, request, &istio.namespace, &gateway.namespace),
            redis::look(self, request),
        )?;
        Ok(ClusterFacts {
            id,
            kubernetes_version: self.kubernetes_version().to_owned(),
            served,
            istio,
            gateway: gateway.into_facts(of_gateway, roads),
            application: application.into_facts(namespace_facts(request, namespace.as_ref())),
            issuers,
            tls_secret,
            redis,
        })
    }

    /// The UID of `kube-system`, which lives as long as the cluster does: [`ClusterFacts::id`].
    pub async fn cluster_id(&self) -> Result<String, Error> {
        let name = ObjectRef::cluster_wide("v1", "Namespace", "kube-system");
        let namespace = self.get(&name).await?;
        let uid = namespace.as_ref().and_then(|namespace| namespace.text("/metadata/uid"));
        uid.map(str::to_owned).ok_or_else(|| Error::NotUnderstood {
            server: self.server_url().to_owned(),
            attempt: Box::new(Attempt {
                verb: "get",
                resource: "namespaces".to_owned(),
                name: Some("kube-system".to_owned()),
                ..Attempt::default()
            }),
            what: "a cluster without a namespace kube-system".to_owned(),
        })
    }
}

fn namespace_facts(request: &DiscoverRequest, namespace: Option<&Value>) -> NamespaceFacts {
    let Some(namespace) = namespace else { return NamespaceFacts::Absent };
    let ours = namespace.label("app.kubernetes.io/managed-by") == Some("gatewright")
        && namespace.label("gatewright.dev/installation") == Some(&request.app_name);
    if ours {
        return NamespaceFacts::Ours;
    }
    NamespaceFacts::Foreign { injection: injection(namespace) }
}

/// What a namespace says of sidecars. An explicit `disabled` wins over a revision (Istio's injection webhook).
pub(super) fn injection(namespace: &Value) -> Injection {
    match namespace.label("istio-injection") {
        Some("enabled") => Injection::On,
        Some(_) => Injection::Off,
        None if namespace.label("istio.io/rev").is_some() => Injection::On,
        None => Injection::Unsaid,
    }
}

/// Lists a kind in the best version served; nothing, when it is not served at all.
pub(super) async fn list_served(
    cluster: &Cluster,
    served: &ServedApis,
    group: &str,
    kind: &str,
    selection: &Selection,
) -> Result<Vec<Value>, Error> {
    match served.version(group, kind) {
        Some(version) => cluster.list(&format!("{group}/{version}"), kind, selection).await,
        None => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests;
