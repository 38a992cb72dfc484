//! Certificates: from the Certificate down to its challenge and that one's events (domain.md 5.5).

use super::{Progress, Trouble, told};
use crate::cluster::{Cluster, Selection, fields::Fields};
use serde_json::Value;

const ACME: &str = "acme.cert-manager.io/v1";
const MANAGER: &str = "cert-manager.io/v1";
const REVISION: &str = "/metadata/annotations/cert-manager.io~1certificate-revision";

impl Cluster {
    pub(super) async fn certificate(&self, live: &Value) -> Progress {
        let ready = live.condition("Ready");
        let generation = live.number("/metadata/generation");
        let current = |condition: &&Value| condition.number("/observedGeneration") == generation;
        if ready.filter(current).and_then(|condition| condition.text("/status")) == Some("True") {
            return Progress::Ready;
        }
        let issuing = live.condition("Issuing");
        let failed = issuing.filter(|it| it.text("/reason") == Some("Failed") && it.text("/status") == Some("False"));
        if let Some(failed) = failed.filter(current) {
            let advice = "cert-manager tries again in an hour or more; `cmctl renew` tries at once";
            return Progress::Hopeless(format!("{} ({advice})", told(failed)));
        }
        let mut requests = self.owned(live, MANAGER, "CertificateRequest").await;
        // Those of former revisions have had their say.
        let next = (live.number("/status/revision") + 1).to_string();
        requests.retain(|request| request.text(REVISION).is_none_or(|revision| revision == next));
        match newest(requests) {
            Some(request) => self.certificate_request(&request).await.into(),
            None => Progress::Waiting(ready.map_or_else(|| "cert-manager has not looked at it yet".to_owned(), told)),
        }
    }

    async fn certificate_request(&self, request: &Value) -> Trouble {
        let name = format!("CertificateRequest {}", request.name());
        for refusal in ["Denied", "InvalidRequest"] {
            let condition = request.condition(refusal).filter(|condition| condition.text("/status") == Some("True"));
            if let Some(condition) = condition {
                return Trouble::terminal(format!("{name} was refused: {}", told(condition)));
            }
        }
        let ready = request.condition("Ready");
        let failed = ready.and_then(|condition| condition.text("/reason")) == Some("Failed");
        if let Some(order) = newest(self.owned(request, ACME, "Order").await) {
            let order = self.order(&order).await;
            return Trouble { terminal: order.terminal || failed, ..order };
        }
        match ready {
            Some(condition) if failed => Trouble::terminal(format!("{name}: {}", told(condition))),
            Some(condition) => Trouble::passing(format!("{name}: {}", told(condition))),
            None => Trouble::passing(format!("{name} waits for its approval")),
        }
    }

    async fn order(&self, order: &Value) -> Trouble {
        let state = order.text("/status/state").unwrap_or("new");
        let reason = order.text("/status/reason").map(|reason| format!(": {reason}")).unwrap_or_default();
        let what = format!("Order {} is {state}{reason}", order.name());
        let hopeless = is_hopeless(state);
        let challenges = self.owned(order, ACME, "Challenge").await;
        let open = challenges.iter().filter(|challenge| challenge.text("/status/state") != Some("valid"));
        // The one that failed tells more than one that waits.
        let Some(challenge) = open.max_by_key(|it| is_hopeless(it.text("/status/state").unwrap_or_default())) else {
            return Trouble { what, terminal: hopeless };
        };
        let challenge = self.challenge(challenge).await;
        let terminal = hopeless || challenge.terminal;
        Trouble { what: format!("{what}; {}", challenge.what), terminal }
    }

    async fn challenge(&self, challenge: &Value) -> Trouble {
        let state = challenge.text("/status/state").unwrap_or("new");
        let name = challenge.text("/spec/dnsName").unwrap_or_default();
        let kind = challenge.text("/spec/type").unwrap_or("challenge");
        let presented = challenge.pointer("/status/presented").and_then(Value::as_bool).unwrap_or(false);
        let presented = if presented { "presented" } else { "not presented yet" };
        let mut what = format!("{kind} for {name} is {state}, {presented}");
        if let Some(reason) = challenge.text("/status/reason") {
            what = format!("{what}: {reason}");
        }
        // The status redacts what Azure said; the events do not (domain.md 5.6).
        if let Some(warning) = self.newest_warning(challenge).await {
            what = format!("{what}; {warning}");
        }
        Trouble { what, terminal: is_hopeless(state) }
    }

    /// What `owner` made. An explanation only: who may not see it, or has no such kind, does without.
    async fn owned(&self, owner: &Value, api_version: &str, kind: &str) -> Vec<Value> {
        let selection = Selection::in_namespace(owner.namespace());
        let mut objects = self.list(api_version, kind, &selection).await.unwrap_or_default();
        let uid = owner.text("/metadata/uid");
        objects.retain(|object| {
            object.entries("/metadata/ownerReferences").iter().any(|reference| reference.text("/uid") == uid)
        });
        objects
    }
}

fn newest(objects: Vec<Value>) -> Option<Value> {
    // Within one second, the later revision has the later name.
    objects.into_iter().max_by_key(|object| {
        (object.text("/metadata/creationTimestamp").unwrap_or_default().to_owned(), object.name().to_owned())
    })
}

/// States of orders and challenges that are final and not good.
fn is_hopeless(state: &str) -> bool {
    matches!(state, "invalid" | "expired" | "errored")
}
