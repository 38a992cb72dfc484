//! Having cert-manager issue a certificate anew.

use super::{Cluster, Error, ObjectRef};
use serde_json::{Value, json};

/// What `cmctl renew` writes, too: cert-manager takes it for an order of a person.
const REASON: &str = "ManuallyTriggered";
const MESSAGE: &str = "Certificate re-issuance manually triggered";

/// How often a certificate is looked at before it is given up: cert-manager writes its status several times around an issuance.
const LOOKS: usize = 5;

impl Cluster {
    /// Orders a certificate anew, unless it is being issued already; answers it as it is then, or nothing when it is gone.
    ///
    /// What changes between the look and the order is looked at again; [`Error::Stale`] when that happens every time.
    pub async fn reissue(&self, certificate: &ObjectRef) -> Result<Option<Value>, Error> {
        let mut looks = LOOKS;
        loop {
            let Some(live) = self.get(certificate).await? else { return Ok(None) };
            if is_being_issued(&live) {
                return Ok(Some(live));
            }
            looks -= 1;
            match self.update_status_guarded(&ordered(&live, jiff::Timestamp::now())).await {
                Err(Error::Stale { .. }) if looks > 0 => {}
                sent => return sent.map(Some),
            }
        }
    }
}

/// What cert-manager says of the issuance of a certificate, if it says anything.
#[must_use]
pub fn issuing(certificate: &Value) -> Option<&Value> {
    let conditions = certificate.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|condition| condition.get("type").is_some_and(|of| of == "Issuing"))
}

/// Whether a certificate is being issued, for the first time or anew.
#[must_use]
pub fn is_being_issued(certificate: &Value) -> bool {
    issuing(certificate).is_some_and(|condition| condition.get("status").is_some_and(|status| status == "True"))
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
    use super::{LOOKS, is_being_issued, ordered};
    use crate::cluster::test_server::{TestServer, failure};
    use crate::cluster::{Cluster, Error, ObjectRef};
    use serde_json::{Value, json};

    const CERTIFICATE: &str = "/apis/cert-manager.io/v1/namespaces/istio-system/certificates/myapp";

    fn named() -> ObjectRef {
        ObjectRef::namespaced("cert-manager.io/v1", "Certificate", "istio-system", "myapp")
    }

    /// The certificate at that version, while it is being issued or not.
    fn certificate(version: &str, is_being_issued: bool) -> Value {
        let status = if is_being_issued { "True" } else { "False" };
        json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
            "metadata": {"name": "myapp", "namespace": "istio-system", "resourceVersion": version},
            "status": {"conditions": [{"type": "Issuing", "status": status}]}})
    }

    fn server() -> TestServer {
        TestServer::default().serving("cert-manager.io/v1", &[("Certificate", "certificates", true)])
    }

    fn is_stale() -> Value {
        failure(409, "Conflict", "the object has been modified", &json!({}))
    }

    /// The versions that an order was sent for.
    fn ordered_at(server: &TestServer) -> Vec<String> {
        let orders = server.seen().into_iter().filter(|seen| seen.method == "PUT");
        orders.map(|seen| seen.body["metadata"]["resourceVersion"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn given_cert_manager_writes_in_between_when_it_is_ordered_anew_then_it_is_looked_at_again() {
        let (look, order) = (format!("GET {CERTIFICATE}"), format!("PUT {CERTIFICATE}/status"));
        let server = server()
            .answer(&look, 200, certificate("7", false))
            .answer(&look, 200, certificate("8", false))
            .answer(&order, 409, is_stale())
            .answer(&order, 200, certificate("9", true));
        let (cluster, server): (Cluster, _) = server.connect().await;
        let live = cluster.reissue(&named()).await.unwrap().unwrap();
        assert!(is_being_issued(&live), "{live:#}");
        assert_eq!(ordered_at(&server), ["7", "8"]);
    }

    #[tokio::test]
    async fn given_it_changes_all_the_time_when_it_is_ordered_anew_then_it_is_given_up() {
        let (look, order) = (format!("GET {CERTIFICATE}"), format!("PUT {CERTIFICATE}/status"));
        let server = server().answer(&look, 200, certificate("7", false)).answer(&order, 409, is_stale());
        let (cluster, server) = server.connect().await;
        let error = cluster.reissue(&named()).await.unwrap_err();
        assert!(matches!(error, Error::Stale { .. }), "{error:?}");
        assert_eq!(ordered_at(&server).len(), LOOKS);
    }

    #[tokio::test]
    async fn given_it_is_being_issued_or_gone_when_it_is_ordered_anew_then_nothing_is_sent() {
        let look = format!("GET {CERTIFICATE}");
        let (cluster, its_server) = server().answer(&look, 200, certificate("7", true)).connect().await;
        assert!(cluster.reissue(&named()).await.unwrap().is_some());
        let (cluster, no_server) = server().connect().await;
        assert_eq!(cluster.reissue(&named()).await, Ok(None));
        assert!(ordered_at(&its_server).is_empty() && ordered_at(&no_server).is_empty());
    }

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
