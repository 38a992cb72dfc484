//! What every part of the chain needs to know: names, labels, versions, principals, and the application behind it all.

use super::{
    impossible::{Impossible, Reason},
    object::{Existing, Known, Manifest, Part, PartBody, PartId, Wave},
};
use crate::{
    answers::{Answers, HookPlacement, Workload},
    facts::{Facts, IstioVersion},
    secret::Fingerprint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The label by which Deployments and Services select pods.
pub(super) const NAME_LABEL: &str = "app.kubernetes.io/name";

const NETWORKING: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";

/// Everything the parts are made from.
pub(super) struct Context<'a> {
    pub(super) answers: &'a Answers,
    pub(super) facts: &'a Facts,
    pub(super) existing: &'a Existing,
    pub(super) names: Names,
    pub(super) versions: ApiVersions,
    pub(super) workload: WorkloadView,
}

/// The names of what we make; each has at most 63 characters.
pub(super) struct Names {
    /// The sign-in proxy: its Deployment, Service, service account, ConfigMap and Secret.
    pub(super) proxy: String,
    /// The session store, likewise.
    pub(super) store: String,
    /// Whatever must be unique in the whole cluster or in a namespace that installations share.
    pub(super) shared: String,
}

impl Names {
    pub(super) fn of(answers: &Answers) -> Self {
        let app = answers.application.name.as_str();
        Self {
            proxy: format!("{app}-oauth2-proxy"),
            store: format!("{app}-sessions"),
            shared: shared_name(answers.application.namespace.as_str(), app),
        }
    }
}

/// `gatewright-NAMESPACE-APP`, with a hash where it is too long or another installation could read alike: application `c`
/// in namespace `a-b`, and `b-c` in `a`.
pub(super) fn shared_name(namespace: &str, app: &str) -> String {
    // The longest suffix that a part adds to it is `-no-token`.
    const LONGEST: usize = 63 - "-no-token".len();
    let plain = format!("gatewright-{namespace}-{app}");
    if plain.len() <= LONGEST && !namespace.contains('-') && !app.contains('-') {
        return plain;
    }
    let hash = Fingerprint::of(format!("{namespace}/{app}").as_bytes());
    let room = LONGEST - 9;
    let kept = plain.get(..room.min(plain.len())).unwrap_or(&plain).trim_end_matches('-');
    format!("{kept}-{hash}")
}

/// The API versions that the cluster serves for the kinds we write.
pub(super) struct ApiVersions {
    pub(super) authorization_policy: String,
    pub(super) request_authentication: String,
    pub(super) peer_authentication: String,
    pub(super) destination_rule: String,
    pub(super) gateway: String,
    pub(super) virtual_service: String,
    pub(super) service_entry: String,
    pub(super) envoy_filter: String,
    pub(super) certificate: String,
    pub(super) cluster_issuer: String,
}

impl ApiVersions {
    fn find(answers: &Answers, facts: &Facts, reasons: &mut Vec<Reason>) -> Self {
        let mut version = |group: &'static str, kind: &'static str, needed: bool| {
            let served = facts.cluster.served.version(group, kind);
            if served.is_none() && needed {
                reasons.push(Reason::KindNotServed { group, kind });
            }
            served.map(|version| format!("{group}/{version}")).unwrap_or_default()
        };
        Self {
            authorization_policy: version(SECURITY, "AuthorizationPolicy", true),
            request_authentication: version(SECURITY, "RequestAuthentication", true),
            peer_authentication: version(SECURITY, "PeerAuthentication", true),
            destination_rule: version(NETWORKING, "DestinationRule", true),
            gateway: version(NETWORKING, "Gateway", true),
            virtual_service: version(NETWORKING, "VirtualService", true),
            service_entry: version(NETWORKING, "ServiceEntry", super::egress::is_needed(facts)),
            envoy_filter: version(NETWORKING, "EnvoyFilter", answers.hook == HookPlacement::Gateway),
            certificate: version("cert-manager.io", "Certificate", answers.certificate.issued_names().is_some()),
            cluster_issuer: version("cert-manager.io", "ClusterIssuer", answers.certificate.new_issuer().is_some()),
        }
    }
}

/// The application as the locks and routes see it, whether it was there or is made by us.
pub(super) struct WorkloadView {
    /// Its Service.
    pub(super) service: String,
    /// The Service's port.
    pub(super) port: u16,
    /// The labels of its pods.
    pub(super) selector: BTreeMap<String, String>,
    /// What its pods run as.
    pub(super) service_accounts: BTreeSet<String>,
    /// Whether all its pods have a sidecar.
    pub(super) has_sidecar: bool,
}

impl WorkloadView {
    fn of(answers: &Answers, facts: &Facts) -> Self {
        let app = answers.application.name.as_str();
        match &answers.application.workload {
            Workload::Deploy { service_port, .. } => Self {
                service: app.to_owned(),
                port: service_port.get(),
                selector: BTreeMap::from([(NAME_LABEL.to_owned(), app.to_owned())]),
                service_accounts: BTreeSet::from([app.to_owned()]),
                has_sidecar: true,
            },
            Workload::Existing { service, port } => {
                let found = facts.cluster.application.service.as_ref();
                Self {
                    service: service.to_string(),
                    port: port.get(),
                    selector: found.map(|service| service.selector.clone()).unwrap_or_default(),
                    service_accounts: found.map(|service| service.service_accounts.clone()).unwrap_or_default(),
                    has_sidecar: found
                        .is_some_and(|service| service.pods > 0 && service.pods_with_sidecar == service.pods),
                }
            }
        }
    }
}

impl<'a> Context<'a> {
    /// Gathers what the parts need, or every reason why they can't be made.
    pub(super) fn new(answers: &'a Answers, facts: &'a Facts, existing: &'a Existing) -> Result<Self, Impossible> {
        let mut reasons = Vec::new();
        let context = Self {
            answers,
            facts,
            existing,
            names: Names::of(answers),
            versions: ApiVersions::find(answers, facts, &mut reasons),
            workload: WorkloadView::of(answers, facts),
        };
        super::impossible::find(&context, &mut reasons);
        if reasons.is_empty() { Ok(context) } else { Err(Impossible { reasons }) }
    }

    pub(super) fn app(&self) -> &str {
        self.answers.application.name.as_str()
    }

    pub(super) fn namespace(&self) -> &str {
        self.answers.application.namespace.as_str()
    }

    pub(super) fn host(&self) -> &str {
        self.answers.application.host.as_str()
    }

    pub(super) fn istio(&self) -> IstioVersion {
        self.facts.cluster.istio.version
    }

    /// Whether the Istio line is 1.`minor` or later.
    pub(super) fn istio_is_at_least(&self, minor: u16) -> bool {
        (self.istio().major, self.istio().minor) >= (1, minor)
    }

    pub(super) fn at_gateway(&self) -> bool {
        self.answers.hook == HookPlacement::Gateway
    }

    /// The namespace and labels of the pods that carry the two locks.
    pub(super) fn lock_place(&self) -> (&str, &BTreeMap<String, String>) {
        if self.at_gateway() {
            (&self.facts.cluster.gateway.namespace, &self.facts.cluster.gateway.selector)
        } else {
            (self.namespace(), &self.workload.selector)
        }
    }

    /// The name of one of the locks' objects: short in the application's namespace, unique in the gateway's.
    pub(super) fn lock_name(&self, suffix: &str) -> String {
        let base = if self.at_gateway() { self.names.shared.as_str() } else { self.app() };
        format!("{base}-{suffix}")
    }

    /// The client id, or a text that says when it will be known.
    pub(super) fn client_id(&self) -> String {
        match &self.existing.registered {
            Known::Now(registered) => registered.client_id.clone(),
            Known::Later(when) => Known::Later(when).text(),
        }
    }

    pub(super) fn issuer(&self) -> String {
        self.facts.tenant.cloud.issuer(&self.facts.tenant.id)
    }

    /// The principal of a service account of the mesh, as policies name it.
    pub(super) fn principal(&self, namespace: &str, service_account: &str) -> String {
        format!("{}/ns/{namespace}/sa/{service_account}", self.facts.cluster.istio.trust_domain)
    }

    pub(super) fn gateway_principal(&self) -> String {
        let gateway = &self.facts.cluster.gateway;
        self.principal(&gateway.namespace, &gateway.service_account)
    }

    /// The full name of a Service in the application's namespace.
    pub(super) fn service_host(&self, service: &str) -> String {
        format!("{service}.{}.svc.cluster.local", self.namespace())
    }

    /// The fingerprint of a Secret's values, or a text that says when it will be known.
    pub(super) fn secret_fingerprint(&self, secret: &str) -> String {
        self.existing
            .secret_fingerprints
            .get(secret)
            .map_or_else(|| Known::Later("known once the Secret is made").text(), ToString::to_string)
    }

    /// The fingerprint of a Secret's values as they were when the program that they are for was started.
    pub(super) fn fingerprint_at_start(&self, secret: &str) -> String {
        let at_start = self.existing.started_with.get(secret);
        at_start.map_or_else(|| self.secret_fingerprint(secret), ToString::to_string)
    }

    /// The marks that every object of ours carries; `component` says which part of the chain it belongs to.
    pub(super) fn labels(&self, component: &str) -> BTreeMap<String, String> {
        [
            ("app.kubernetes.io/component", component),
            ("app.kubernetes.io/managed-by", super::FIELD_MANAGER),
            ("app.kubernetes.io/part-of", self.app()),
            ("gatewright.dev/installation", self.app()),
            ("gatewright.dev/installation-namespace", self.namespace()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }

    /// The metadata of an object in the application's namespace.
    pub(super) fn metadata(&self, name: &str, component: &str) -> ObjectMeta {
        self.metadata_in(self.namespace(), name, component)
    }

    /// The metadata of an object in `namespace`.
    pub(super) fn metadata_in(&self, namespace: &str, name: &str, component: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(self.labels(component)),
            ..ObjectMeta::default()
        }
    }

    /// The labels by which a pod gets its sidecar, whatever its namespace says. They leave the namespace of somebody else
    /// alone, and a pod of ours keeps its sidecar when the namespace's label is taken away.
    pub(super) fn injection_labels(&self) -> BTreeMap<String, String> {
        // Before 1.10 only the namespace's label is looked at.
        if !self.istio_is_at_least(10) {
            return BTreeMap::new();
        }
        let (key, value) = &self.facts.cluster.istio.injection_label;
        match key.as_str() {
            "istio.io/rev" => BTreeMap::from([(key.clone(), value.clone())]),
            _ => BTreeMap::from([("sidecar.istio.io/inject".to_owned(), "true".to_owned())]),
        }
    }
}

/// An object of a kind that Kubernetes does not define itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CustomObject<'a, Spec> {
    api_version: &'a str,
    kind: &'a str,
    metadata: ObjectMeta,
    spec: Spec,
}

/// The part that makes an object of a kind of Istio or cert-manager.
pub(super) fn custom_part(
    wave: Wave,
    (api_version, kind): (&str, &str),
    metadata: ObjectMeta,
    spec: impl Serialize,
    why: impl Into<String>,
) -> Part {
    object_part(wave, CustomObject { api_version, kind, metadata, spec }, why)
}

/// The part that makes `object`.
pub(super) fn object_part(wave: Wave, object: impl Serialize, why: impl Into<String>) -> Part {
    #[expect(clippy::expect_used, reason = "plain values and maps with text keys always serialise")]
    let object = serde_json::to_value(object).expect("an object of plain values serialises");
    Part {
        id: object_id(&object),
        wave,
        why: why.into(),
        body: PartBody::Manifest(Manifest { object, secrets: BTreeMap::new() }),
        reasons: Vec::new(),
    }
}

/// `cluster/GROUP/KIND/NAMESPACE/NAME`; the core group is written `core`, and what has no namespace leaves it out.
fn object_id(object: &serde_json::Value) -> PartId {
    let text = |pointer: &str| object.pointer(pointer).and_then(serde_json::Value::as_str);
    let group = text("/apiVersion").and_then(|version| version.split_once('/')).map_or("core", |(group, _)| group);
    let place = text("/metadata/namespace").map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let (kind, name) = (text("/kind").unwrap_or_default(), text("/metadata/name").unwrap_or_default());
    PartId(format!("cluster/{group}/{kind}/{place}{name}"))
}
