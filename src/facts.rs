//! What was discovered: plain data, filled by [`crate::cluster`] and [`crate::entra`], read by [`crate::blueprint`].

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Everything a blueprint needs to know of the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// What the cluster is and has.
    pub cluster: ClusterFacts,
    /// What the tenant is.
    pub tenant: TenantFacts,
}

/// What the cluster is and has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterFacts {
    /// A stable name for the cluster: the UID of the namespace `kube-system`.
    pub id: String,
    /// The server's version, such as `v1.34.1`.
    pub kubernetes_version: String,
    /// Which API versions are served.
    pub served: ServedApis,
    /// The Istio that answers for the application's namespace.
    pub istio: IstioFacts,
    /// The ingress gateway that carries the application's traffic.
    pub gateway: GatewayFacts,
    /// The application's surroundings.
    pub application: ApplicationFacts,
    /// Every issuer that can sign in the gateway's namespace.
    pub issuers: Vec<IssuerFacts>,
    /// The Secret with the gateway's certificate, where the answers name one that is there already.
    pub tls_secret: Option<TlsSecretFacts>,
    /// The Redis that sessions are kept in, where the answers name one that is there already.
    pub redis: Option<RedisFacts>,
}

impl ClusterFacts {
    /// Whether a container can be told to wait before it ends without a program of its own: the `sleep` handler is there by default
    /// since Kubernetes 1.30 (KEP-3960). Not where the version cannot be read.
    pub fn containers_can_sleep(&self) -> bool {
        let numbers = self.kubernetes_version.trim_start_matches('v').split(|letter: char| !letter.is_ascii_digit());
        let mut numbers = numbers.map(|number| number.parse::<u16>().ok());
        let version = (numbers.next().flatten(), numbers.next().flatten());
        version >= (Some(1), Some(30))
    }
}

/// The API versions served, best first, by group and kind; the core group is the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServedApis(pub BTreeMap<String, BTreeMap<String, Vec<String>>>);

impl ServedApis {
    /// The best version of `kind` in `group`: the newest stable one (`v1` before `v1beta1` before `v1alpha3`).
    pub fn version(&self, group: &str, kind: &str) -> Option<&str> {
        self.0.get(group)?.get(kind)?.first().map(String::as_str)
    }
}

/// The version of an Istio control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct IstioVersion {
    /// 1.
    pub major: u16,
    /// The line, such as 28.
    pub minor: u16,
    /// The patch.
    pub patch: u16,
}

impl std::fmt::Display for IstioVersion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The Istio that answers for the application's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IstioFacts {
    /// The control plane's version, from istiod's image.
    pub version: IstioVersion,
    /// The revision label of istiod; `None` for the default one.
    pub revision: Option<String>,
    /// The root namespace, `istio-system` unless someone chose otherwise.
    pub namespace: String,
    /// The label that has the sidecar injected into the application's namespace (domain.md 4.6).
    pub injection_label: (String, String),
    /// The mesh's trust domain, `cluster.local` by default.
    pub trust_domain: String,
    /// Where mesh configuration is to be written.
    pub mesh_config: MeshConfigFacts,
    /// Whether traffic may leave the mesh without a ServiceEntry.
    pub outbound: OutboundPolicy,
    /// Whether istiod allows several CUSTOM providers on one workload (domain.md 4.1; off by default).
    pub several_custom_providers: bool,
}

/// The ConfigMap that mesh configuration is written into (domain.md 4.2, 4.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MeshConfigFacts {
    /// Its namespace.
    pub namespace: String,
    /// Its name: `istio`, `istio-REVISION`, or the shared one.
    pub name: String,
    /// The key in it, `mesh`.
    pub key: String,
    /// The names of the extension providers that are there already.
    pub providers: BTreeSet<String>,
}

/// The mesh's outbound traffic policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum OutboundPolicy {
    /// `ALLOW_ANY`.
    AllowAny,
    /// `REGISTRY_ONLY`: sign-in needs a ServiceEntry.
    RegistryOnly,
}

/// The ingress gateway that carries the application's traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GatewayFacts {
    /// The namespace of its pods; TLS secrets must be there.
    pub namespace: String,
    /// The name of its Service.
    pub service: String,
    /// The labels that select its pods, to be used as the Gateway's selector.
    pub selector: BTreeMap<String, String>,
    /// The service account its pods run as, for the principal in policies.
    pub service_account: String,
    /// Where the world reaches it: an address or a host name, once it has one.
    pub address: Option<String>,
    /// The providers of CUSTOM policies that already apply to its pods, and are not ours.
    pub custom_providers: BTreeSet<String>,
    /// What other Gateways have its pods serve over TLS.
    pub others_servers: Vec<RoadFacts>,
    /// What other VirtualServices have its pods route.
    pub others_routes: Vec<RoadFacts>,
}

/// Names that somebody else's object has the gateway serve or route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoadFacts {
    /// The object, such as `shop/frontend`.
    pub object: String,
    /// The names, without the namespace that may stand before them.
    pub hosts: Vec<String>,
}

/// The application's surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApplicationFacts {
    /// Its namespace.
    pub namespace: NamespaceFacts,
    /// The Service that is there already, where the answers name one; `None` when it was not found.
    pub service: Option<ServiceFacts>,
    /// The providers of CUSTOM policies that already apply to its pods, and are not ours.
    pub custom_providers: BTreeSet<String>,
}

/// The application's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum NamespaceFacts {
    /// It is to be made.
    Absent,
    /// We made it: it carries our mark.
    Ours,
    /// Somebody else's: it gets no mark of ours.
    Foreign {
        /// Whether it has sidecars injected.
        injection: Injection,
    },
}

/// What a namespace says of sidecars (domain.md 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Injection {
    /// Its pods get one.
    On,
    /// Nothing: a pod that asks for one gets it.
    Unsaid,
    /// Its pods get none, even if they ask.
    Off,
}

/// A Service that is there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceFacts {
    /// Its pod selector; the locks select by it.
    pub selector: BTreeMap<String, String>,
    /// The service accounts that its pods run as.
    pub service_accounts: BTreeSet<String>,
    /// The ports it offers.
    pub ports: Vec<u16>,
    /// How many pods it selects, and how many of them have a sidecar.
    pub pods: u16,
    /// See `pods`.
    pub pods_with_sidecar: u16,
}

/// An issuer that can sign in the gateway's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IssuerFacts {
    /// `ClusterIssuer` or `Issuer`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether it is ready, and if not, why (the reason and message of its condition).
    pub ready: Result<(), String>,
    /// Whether it can sign wildcards: it has a DNS01 solver, or is no ACME issuer (domain.md 5.3).
    pub signs_wildcards: bool,
}

/// cert-manager's own pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertManagerFacts {
    /// Where they run.
    pub namespace: String,
    /// What they run as.
    pub service_account: String,
    /// Whether all of them ask for a token of their service account that Azure takes (domain.md 5.4).
    pub workload_identity: bool,
}

/// A Secret with a certificate in the gateway's namespace, as far as it may be known: nothing of its private key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum TlsSecretFacts {
    /// It is not there.
    #[serde(rename_all = "camelCase")]
    Absent {
        /// Other namespaces that have one of that name: those where it is often put by mistake were looked at.
        elsewhere: Vec<String>,
    },
    /// It is of a type that is not `kubernetes.io/tls`.
    #[serde(rename_all = "camelCase")]
    OfAnotherType {
        /// Its type.
        found: String,
    },
    /// There is no certificate in it that could be read.
    Unreadable {
        /// Why.
        cause: String,
    },
    /// A certificate.
    Readable(CertificateFacts),
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFacts {
    /// The DNS names that it is for (its subject alternative names: browsers look at nothing else), in lower case.
    pub names: BTreeSet<String>,
    /// When it expires, RFC 3339.
    pub expires: String,
    /// Whether it is valid today.
    pub validity: Validity,
}

/// Whether a certificate is valid today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Validity {
    /// Not yet.
    NotYet,
    /// It is.
    Valid,
    /// No longer.
    Expired,
}

/// A Redis that is there already, as far as the cluster knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedisFacts {
    /// The Service that its address means, where there is one.
    pub service: Option<RedisServiceFacts>,
    /// What is known of its password.
    pub password: PasswordFacts,
}

/// The Service in front of a Redis in this cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedisServiceFacts {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The ports it offers.
    pub ports: Vec<u16>,
}

/// What is known of a password in a Secret: never the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum PasswordFacts {
    /// There is no such Secret.
    NoSecret,
    /// The Secret has no such key.
    #[serde(rename_all = "camelCase")]
    NoKey {
        /// The keys that it has.
        keys: BTreeSet<String>,
    },
    /// It cannot be a password.
    #[serde(rename_all = "camelCase")]
    Unusable {
        /// Why.
        cause: String,
    },
    /// It is there.
    Present,
}

/// A namespace that an application could be put into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamespaceSummary {
    /// Its name.
    pub name: String,
    /// Whether its pods get sidecars.
    pub injection: Injection,
}

/// A Service that an application could be behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceSummary {
    /// Its name.
    pub name: String,
    /// The ports it offers.
    pub ports: Vec<u16>,
    /// Whether it says which pods are behind it.
    pub has_selector: bool,
    /// How many pods that are, and how many of them have a sidecar.
    pub pods: u16,
    /// See `pods`.
    pub pods_with_sidecar: u16,
}

/// An Azure subscription that a DNS zone could be in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubscriptionSummary {
    /// Its id, a GUID.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// `Enabled`, or why nothing can be done in it.
    pub state: String,
}

/// A zone of Azure DNS that names could be proven in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ZoneSummary {
    /// The resource group it is in.
    pub resource_group: String,
    /// Its name.
    pub name: String,
    /// Whether the world sees it.
    pub is_public: bool,
}

/// An ingress gateway that could carry the traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GatewaySummary {
    /// The namespace of its Service and its pods.
    pub namespace: String,
    /// Its Service.
    pub service: String,
    /// Where the world reaches it, once it has an address.
    pub address: Option<String>,
}

/// A context of the kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContextSummary {
    /// Its name.
    pub name: String,
    /// Its cluster's server, where the kubeconfig says so.
    pub server: Option<String>,
    /// Whether it is the current one.
    pub is_current: bool,
}

/// Whether who is signed in may consent for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum ConsentRight {
    /// Yes.
    May {
        /// By which directory role or permission.
        by: String,
    },
    /// No.
    MayNot {
        /// The directory role, the least that suffices, of somebody who may.
        who: String,
    },
}

/// A way to sign in, as far as this machine alone can tell: whether Entra lets it through shows when it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignInSummary {
    /// Its name, as `--sign-in` takes it.
    pub method: String,
    /// Who that would be, or what it takes.
    pub about: String,
    /// Why it cannot work here, if it cannot.
    pub unusable: Option<String>,
    /// The tenants that it is known to reach, the one that it brings by itself first; none where that shows only when somebody
    /// has signed in.
    pub tenants: Vec<TenantSummary>,
}

/// A tenant that somebody is signed in to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenantSummary {
    /// Its GUID or one of its domains, as `--tenant` takes it.
    pub tenant: String,
    /// Its name for people, where it is known and another one.
    pub name: Option<String>,
}

/// An application that is registered already, and that could be meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationSummary {
    /// Its client id.
    pub client_id: String,
    /// What people see; not unique.
    pub display_name: String,
    /// Who owns it, by name; `None` where that may not be seen.
    pub owners: Option<Vec<String>>,
    /// The day it was registered on, such as `2023-04-01`.
    pub created: Option<String>,
    /// The unique name by which another tool keeps it, where one does.
    pub kept_by: Option<String>,
}

/// What the tenant is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenantFacts {
    /// The tenant's GUID.
    pub id: String,
    /// Its name for people, such as `contoso.onmicrosoft.com`.
    pub domain: String,
    /// Where its endpoints are.
    pub cloud: CloudEndpoints,
}

/// The endpoints of a cloud (domain.md 2.4); the URLs have no final slash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudEndpoints {
    /// The cloud's name: `public`, `usgov`, `china` or one of a file.
    pub name: String,
    /// The sign-in host, such as `https://login.microsoftonline.com`.
    pub sign_in: url::Url,
    /// Microsoft Graph, such as `https://graph.microsoft.com`.
    pub graph: url::Url,
    /// The resource manager, such as `https://management.azure.com`.
    pub resource_manager: url::Url,
    /// A file with certificates to trust for these endpoints alone, besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<std::path::PathBuf>,
}

impl CloudEndpoints {
    /// The v2 issuer of `tenant`, as tokens and metadata spell it: no final slash (domain.md 2.1).
    pub fn issuer(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.sign_in.as_str().trim_end_matches('/'))
    }

    /// The v2 signing keys of `tenant`.
    pub fn signing_keys(&self, tenant: &str) -> String {
        format!("{}/{tenant}/discovery/v2.0/keys", self.sign_in.as_str().trim_end_matches('/'))
    }
}

/// What only Entra knows, once the application is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegisteredFacts {
    /// The application's client id, a GUID.
    pub client_id: String,
    /// The object id of the application.
    pub object_id: String,
}
