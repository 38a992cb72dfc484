//! Azure DNS as cert-manager meets it: an identity that may write a zone's records, or a refusal.

use crate::practice::{
    edge::objects::text,
    tenant::{RecordRefused, Tenant},
};
use axum::http::StatusCode;
use serde_json::{Value, json};
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
        let has_identity = |pod: &Value| {
            let labels = pod.pointer("/metadata/labels");
            labels.and_then(|labels| labels.get(WORKLOAD_IDENTITY)).and_then(Value::as_str) == Some("true")
        };
        if !pods.iter().any(has_identity) {
            return Err(NotPresented {
                reason: redacted("azidentity.AuthenticationFailedError"),
                event: exchange(
                    "ManagedIdentityCredential authentication failed. the requested identity isn't assigned to this resource\nGET \
                     http://169.254.169.254/metadata/identity/oauth2/token",
                    "400: 400 Bad Request",
                    &json!({"error": "invalid_request", "error_description": "Identity not found"}),
                ),
            });
        }
        let place = (text(solver, "/subscriptionID"), text(solver, "/resourceGroupName"), zone);
        let record = format!("_acme-challenge.{name}");
        let record = record.strip_suffix(&format!(".{zone}")).unwrap_or(&record);
        (self.0)(client_id, place, record).map_err(|refused| NotPresented {
            reason: redacted("azcore.ResponseError"),
            event: exchange(
                &format!(
                    "GET https://management.azure.com/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/dnsZones/{zone}/TXT/{record}",
                    place.0, place.1
                ),
                &format!("{}: {}\nERROR CODE: {}", refused.status, in_words(refused.status), refused.code),
                &json!({"error": {"code": refused.code, "message": refused.message}}),
            ),
        })
    }
}

/// Whether what is written into the zone of `challenge` is found under the name that is to be proven. cert-manager writes it either way.
pub(super) fn is_found(challenge: &Value) -> bool {
    let zone =
        challenge.pointer("/spec/solver/dns01/azureDNS/hostedZoneName").and_then(Value::as_str).unwrap_or_default();
    let name = text(challenge, "/spec/dnsName");
    zone.is_empty() || name == zone || name.ends_with(&format!(".{zone}"))
}

/// What cert-manager's event says of an exchange with Azure, which Azure's library tells line by line (seen with cert-manager 1.21).
fn exchange(request: &str, answer: &str, body: &Value) -> String {
    let line = "-".repeat(80);
    format!("Error presenting challenge: {request}\n{line}\nRESPONSE {answer}\n{line}\n{body:#}\n{line}\n")
}

/// A status as HTTP has it in words: `403 Forbidden`.
fn in_words(status: u16) -> String {
    StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string())
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
