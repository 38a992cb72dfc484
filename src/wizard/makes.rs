//! What each step makes, for a look at it while it is asked: a table, held against the blueprint by a test (tests/pure).

use super::{
    DEPLOY, Draft, ISSUED, NEWLY_ISSUED, OWN_STORE, SERVICE, STORE, Step, WORKLOAD, Wizard, questions::CERTIFICATE,
};

/// Something that a step makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    /// What it is, such as `AuthorizationPolicy`.
    pub kind: &'static str,
    /// Where: a namespace, `Entra` or `Azure`; nothing for what is in no namespace.
    pub place: Option<String>,
    /// Its name.
    pub name: String,
}

/// Where something is made.
#[derive(Clone, Copy)]
enum Place {
    /// In Entra.
    Entra,
    /// In Azure.
    Azure,
    /// In no namespace.
    Cluster,
    /// In the application's namespace.
    Application,
    /// In the gateway's namespace.
    Gateway,
    /// In Istio's namespace.
    Mesh,
}

/// A row of the table. In a name `{app}` and `{namespace}` are the application's, and `{zone}` is that of a new issuer.
struct Row {
    step: Step,
    kind: &'static str,
    place: Place,
    name: &'static str,
    when: fn(&Draft) -> bool,
}

const fn row(step: Step, kind: &'static str, place: Place, name: &'static str, when: fn(&Draft) -> bool) -> Row {
    Row { step, kind, place, name, when }
}

fn always(_: &Draft) -> bool {
    true
}

fn deployed(draft: &Draft) -> bool {
    draft.text(WORKLOAD).is_none_or(|workload| workload == DEPLOY)
}

fn issued(draft: &Draft) -> bool {
    draft.text(CERTIFICATE).is_none_or(|source| source == ISSUED || source == NEWLY_ISSUED)
}

fn newly_issued(draft: &Draft) -> bool {
    draft.text(CERTIFICATE) == Some(NEWLY_ISSUED)
}

fn own_store(draft: &Draft) -> bool {
    draft.text(STORE).is_none_or(|store| store == OWN_STORE)
}

fn at_the_gateway(draft: &Draft) -> bool {
    draft.text("hook") == Some("gateway")
}

fn in_the_sidecar(draft: &Draft) -> bool {
    !at_the_gateway(draft)
}

const ROWS: &[Row] = &[
    row(Step::Application, "Namespace", Place::Cluster, "{namespace}", always),
    row(Step::Application, "ConfigMap", Place::Application, "gatewright-{app}", always),
    row(Step::Application, "ServiceAccount", Place::Application, "{app}", deployed),
    row(Step::Application, "Deployment", Place::Application, "{app}", deployed),
    row(Step::Application, "Service", Place::Application, "{app}", deployed),
    row(Step::Application, "Gateway", Place::Application, "{app}", always),
    row(Step::Application, "VirtualService", Place::Application, "{app}", always),
    row(Step::Registration, "Application", Place::Entra, "{app}", always),
    row(Step::Registration, "Identifier URI", Place::Entra, "api://CLIENT-ID", always),
    row(Step::Registration, "Service principal", Place::Entra, "{app}", always),
    row(Step::Registration, "Client secret", Place::Entra, "{app}", always),
    row(Step::Access, "Consent", Place::Entra, "to sign-in", always),
    row(Step::Access, "Consent", Place::Entra, "to the scope", always),
    row(Step::Access, "Role assignment", Place::Entra, "App.Access", always),
    row(Step::Certificate, "Zone role", Place::Azure, "DNS Zone Contributor on {zone}", newly_issued),
    row(Step::Certificate, "ClusterIssuer", Place::Cluster, "gatewright-{namespace}-{app}", newly_issued),
    row(Step::Certificate, "Certificate", Place::Gateway, "gatewright-{namespace}-{app}", issued),
    row(Step::Sessions, "Secret", Place::Application, "{app}-sessions", own_store),
    row(Step::Sessions, "ServiceAccount", Place::Application, "{app}-sessions", own_store),
    row(Step::Sessions, "Deployment", Place::Application, "{app}-sessions", own_store),
    row(Step::Sessions, "Service", Place::Application, "{app}-sessions", own_store),
    row(Step::Sessions, "PeerAuthentication", Place::Application, "{app}-sessions", own_store),
    row(Step::Sessions, "AuthorizationPolicy", Place::Application, "{app}-sessions", own_store),
    row(Step::Sessions, "Secret", Place::Application, "{app}-oauth2-proxy", always),
    row(Step::Sessions, "ConfigMap", Place::Application, "{app}-oauth2-proxy", always),
    row(Step::Sessions, "ServiceAccount", Place::Application, "{app}-oauth2-proxy", always),
    row(Step::Sessions, "Deployment", Place::Application, "{app}-oauth2-proxy", always),
    row(Step::Sessions, "Service", Place::Application, "{app}-oauth2-proxy", always),
    row(Step::Sessions, "PeerAuthentication", Place::Application, "{app}-oauth2-proxy", always),
    row(Step::Sessions, "AuthorizationPolicy", Place::Application, "{app}-oauth2-proxy", always),
    row(Step::Hook, "Mesh provider", Place::Mesh, "gatewright-{namespace}-{app}", always),
    row(Step::Hook, "AuthorizationPolicy", Place::Application, "{app}-sign-in", in_the_sidecar),
    row(Step::Hook, "RequestAuthentication", Place::Application, "{app}-token", in_the_sidecar),
    row(Step::Hook, "AuthorizationPolicy", Place::Application, "{app}-token", in_the_sidecar),
    row(Step::Hook, "AuthorizationPolicy", Place::Application, "{app}-no-token", in_the_sidecar),
    row(Step::Hook, "AuthorizationPolicy", Place::Application, "{app}-reserved", in_the_sidecar),
    row(Step::Hook, "DestinationRule", Place::Application, "{app}", always),
    row(Step::Hook, "AuthorizationPolicy", Place::Application, "{app}-gateway-only", at_the_gateway),
    row(Step::Hook, "AuthorizationPolicy", Place::Gateway, "gatewright-{namespace}-{app}-sign-in", at_the_gateway),
    row(Step::Hook, "RequestAuthentication", Place::Gateway, "gatewright-{namespace}-{app}-token", at_the_gateway),
    row(Step::Hook, "AuthorizationPolicy", Place::Gateway, "gatewright-{namespace}-{app}-no-token", at_the_gateway),
    row(Step::Hook, "EnvoyFilter", Place::Gateway, "gatewright-{namespace}-{app}-headers", at_the_gateway),
];

/// What stands for an answer that is not given yet.
const UNNAMED: &str = "…";

impl Wizard {
    /// What `step` makes, as far as the answers go: a name that is not given yet is an ellipsis. The plan says it exactly; this is
    /// what to expect of it.
    pub fn makes(&self, step: Step) -> Vec<Made> {
        let app = self.draft.text("application.name").unwrap_or(UNNAMED);
        let namespace = self.draft.text("application.namespace").unwrap_or(app);
        // A zone is named with its resource group before it.
        let zone = self.draft.text("certificate.newIssuer.zone").and_then(|zone| zone.rsplit('/').next());
        let zone = zone.unwrap_or(UNNAMED);
        let is_there = self.draft.text(WORKLOAD) == Some(SERVICE)
            || self.discovered.namespaces().known().is_some_and(|all| all.iter().any(|one| one.name == namespace));
        let named = |row: &Row| Made {
            kind: row.kind,
            place: match row.place {
                Place::Entra => Some("Entra".to_owned()),
                Place::Azure => Some("Azure".to_owned()),
                Place::Cluster => None,
                Place::Application => Some(namespace.to_owned()),
                Place::Gateway => Some(self.gateway_namespace()),
                Place::Mesh => Some("the mesh configuration".to_owned()),
            },
            name: row.name.replace("{app}", app).replace("{namespace}", namespace).replace("{zone}", zone),
        };
        let is_asked = |row: &&Row| row.step == step && (row.when)(&self.draft);
        ROWS.iter().filter(is_asked).filter(|row| !(row.kind == "Namespace" && is_there)).map(named).collect()
    }
}
