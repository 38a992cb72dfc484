//! Having cert-manager issue a certificate anew.

use super::{Cluster, Error};
use serde_json::{Value, json};

/// What `cmctl renew` writes, too: cert-manager takes it for an order of a person.
const REASON: &str = "ManuallyTriggered";
const MESSAGE: &str = "Certificate re-issuance manually triggered";

impl Cluster {
    /// Orders a certificate anew, unless it has changed since it was seen as `certificate`; answers it as it is now.
    pub async fn reissue(&self, certificate: &Value) -> Result<Value, Error> {
        self.update_status_guarded(&ordered(certificate, jiff::Timestamp::now())).await
    }
}

/// The certificate with the order to issue it anew.
fn ordered(certificate: &Value, now: jiff::Timestamp) -> Value {
    let mut ordered = certificate.clone();
    let generation = certificate.pointer("/metadata/generation").cloned().unwrap_or_default();
    let order = json!({
        "type": "Issuing", "status": "True", "reason": REASON, "message": MESSAGE, "observedGeneration": generation,
        "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    if let Some(status) = ordered.get_mut("status").and_then(Value::as_object_mut) {
        let mut conditions = status.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
        conditions.retain(|condition| condition.get("type").is_none_or(|of| of != "Issuing"));
        conditions.push(order);
        status.insert("conditions".to_owned(), conditions.into());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::ordered;
    use serde_json::json;

    #[test]
    fn given_a_certificate_when_it_is_ordered_anew_then_nothing_else_of_it_changes() {
        let certificate = json!({"metadata": {"generation": 3}, "status": {"revision": 1, "conditions": [
            {"type": "Ready", "status": "True"}, {"type": "Issuing", "status": "False", "reason": "Failed"}]}});
        let ordered = ordered(&certificate, jiff::Timestamp::UNIX_EPOCH);
        let order = json!({
            "type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "observedGeneration": 3,
            "message": "Certificate re-issuance manually triggered", "lastTransitionTime": "1970-01-01T00:00:00Z"});
        let expected = json!({"metadata": {"generation": 3}, "status": {"revision": 1, "conditions": [
            {"type": "Ready", "status": "True"}, order]}});
        assert_eq!(ordered, expected);
    }
}
