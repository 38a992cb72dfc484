//! Azure DNS as cert-manager meets it: an identity that may write a zone's records, or a refusal.

use crate::practice::{
    edge::objects::text,
    tenant::{RecordRefused, Tenant},
};
use serde_json::Value;
use std::sync::Arc;

/// Answers whether an identity may put a record into a zone: client id; subscription, resource group and name; the record's name.
type Asked = dyn Fn(&str, (&str, &str, &str), &str) -> Result<(), RecordRefused> + Send + Sync;

/// The zones of Azure DNS.
#[derive(Clone)]
pub struct Zones(Arc<Asked>);

/// Why a challenge cannot be presented: as the Challenge's status says it, and as the event does.
pub(super) struct NotPresented {
    pub(super) reason: String,
    pub(super) event: String,
}

/// The label by which a pod asks for the token of its service account in place of a secret (domain.md 5.4).
const WORKLOAD_IDENTITY: &str = "azure.workload.identity/use";

impl Zones {
    /// Those of a tenant.
    pub fn of(tenant: &Tenant) -> Self {
        let tenant = tenant.clone();
        Self(Arc::new(move |client_id, zone, name| tenant.may_put_text(client_id, zone, name)))
    }

    /// Everybody may write everywhere: for tests of something else.
    pub fn open() -> Self {
        Self(Arc::new(|_, _, _| Ok(())))
    }

    /// Whether `challenge` can be presented. Only challenges of Azure DNS with an identity are looked at; `pods` are cert-manager's.
    pub(super) fn present(&self, challenge: &Value, pods: &[Value]) -> Result<(), NotPresented> {
        let Some(solver) = challenge.pointer("/spec/solver/dns01/azureDNS") else { return Ok(()) };
        let client_id = text(solver, "/managedIdentity/clientID");
        if client_id.is_empty() {
            return Ok(());
        }
        let (name, zone) = (text(challenge, "/spec/dnsName"), text(solver, "/hostedZoneName"));
        if !zone.is_empty() && name != zone && !name.ends_with(&format!(".{zone}")) {
            let reason = format!(
                "Zone {zone}. not found in AzureDNS for domain _acme-challenge.{name}.. Err: zone does not hold it"
            );
            return Err(NotPresented { event: format!("Error presenting challenge: {reason}"), reason });
        }
        let has_identity = |pod: &Value| {
            let labels = pod.pointer("/metadata/labels");
            labels.and_then(|labels| labels.get(WORKLOAD_IDENTITY)).and_then(Value::as_str) == Some("true")
        };
        if !pods.iter().any(has_identity) {
            return Err(NotPresented {
                reason: redacted("azidentity.AuthenticationFailedError"),
                event: "Error presenting challenge: error getting azuredns client: DefaultAzureCredential authentication failed. \
                        failed to acquire a token: no token file is projected into the pod, and the identity is not assigned to \
                        the node (Identity not found)"
                    .to_owned(),
            });
        }
        let place = (text(solver, "/subscriptionID"), text(solver, "/resourceGroupName"), zone);
        let record = format!("_acme-challenge.{name}");
        let record = record.strip_suffix(&format!(".{zone}")).unwrap_or(&record);
        (self.0)(client_id, place, record).map_err(|refused| NotPresented {
            reason: redacted("azcore.ResponseError"),
            event: format!(
                "Error presenting challenge: request error: RESPONSE {}: ERROR CODE: {}: {}",
                refused.status, refused.code, refused.message
            ),
        })
    }
}

/// What cert-manager's status says in place of what Azure said.
fn redacted(error: &str) -> String {
    format!("<redacted Azure SDK error: {error}: see events and logs for details>")
}

/// cert-manager's own pods among `pods`.
pub(super) fn of_cert_manager(pods: Vec<Value>) -> Vec<Value> {
    let is_controller = |pod: &Value| {
        let labels = pod.pointer("/metadata/labels");
        let of = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        of("app.kubernetes.io/name") == Some("cert-manager") && of("app.kubernetes.io/component") == Some("controller")
    };
    pods.into_iter().filter(is_controller).collect()
}
