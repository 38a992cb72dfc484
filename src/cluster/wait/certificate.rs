//! Certificates: from the Certificate down to its challenge and that one's events (domain.md 5.5).

use super::{
    Progress, Trouble,
    events::{Said, newest_warning},
    told,
};
use crate::cluster::{Cluster, Selection, fields::Fields};
use serde_json::Value;

const ACME: &str = "acme.cert-manager.io/v1";
const MANAGER: &str = "cert-manager.io/v1";
/// The reasons of cert-manager's events about a challenge's record.
const PRESENTED: &str = "Presented";
const PRESENT_ERROR: &str = "PresentError";
const KEY: &str = "/metadata/annotations/cert-manager.io~1private-key-secret-name";
const REVISION: &str = "/metadata/annotations/cert-manager.io~1certificate-revision";

impl Cluster {
    pub(super) async fn certificate(&self, live: &Value) -> Progress {
        let ready = live.condition("Ready");
        let generation = live.number("/metadata/generation");
        let current = |condition: &&Value| condition.number("/observedGeneration") == generation;
        if ready.filter(current).and_then(|condition| condition.text("/status")) == Some("True") {
            return Progress::Ready;
        }
        let mut requests = self.owned(live, MANAGER, "CertificateRequest").await;
        // Those of former revisions have had their say.
        let next = (live.number("/status/revision") + 1).to_string();
        requests.retain(|request| request.text(REVISION).is_none_or(|revision| revision == next));
        let issuing = live.condition("Issuing");
        // So have those of before it was ordered anew: cert-manager makes a key for each attempt, and takes them away in a while.
        if issuing.and_then(|issuing| issuing.text("/status")) == Some("True") {
            let key = live.text("/status/nextPrivateKeySecretName");
            requests.retain(|request| request.text(KEY).is_none_or(|its| Some(its) == key));
        }
        let failed = issuing.filter(|it| it.text("/reason") == Some("Failed") && it.text("/status") == Some("False"));
        if let Some(failed) = failed.filter(current) {
            let advice = "cert-manager tries again in an hour or more; `cmctl renew` tries at once";
            let why = self.why_failed(requests).await.unwrap_or_else(|| told(failed));
            return Progress::Hopeless(format!("{why} ({advice})"));
        }
        match newest(requests) {
            Some(request) => self.certificate_request(&request).await.into(),
            None => Progress::Waiting(ready.map_or_else(|| "cert-manager has not looked at it yet".to_owned(), told)),
        }
    }

    /// Why the newest of these requests failed, where it can be seen: the Certificate itself only says that it did.
    async fn why_failed(&self, requests: Vec<Value>) -> Option<String> {
        let trouble = self.certificate_request(&newest(requests)?).await;
        trouble.terminal.then_some(trouble.what)
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
            // Without a way to prove a name there is no challenge, and only an event says so.
            let warning = self.newest_warning(order).await;
            return Trouble {
                what: warning.map_or(what.clone(), |warning| format!("{what}; {warning}")),
                terminal: hopeless,
            };
        };
        let challenge = self.challenge(challenge).await;
        let terminal = hopeless || challenge.terminal;
        Trouble { what: format!("{what}; {}", challenge.what), terminal }
    }

    async fn challenge(&self, challenge: &Value) -> Trouble {
        let state = challenge.text("/status/state").unwrap_or("new");
        let name = challenge.text("/spec/dnsName").unwrap_or_default();
        let kind = challenge.text("/spec/type").unwrap_or("challenge");
        let reason = challenge.text("/status/reason");
        let what = format!("{kind} for {name} is {state}");
        if is_hopeless(state) {
            // The record, if there was one, is taken away. The status says what the events say.
            let why = match reason {
                Some(reason) => Some(reason.to_owned()),
                None => self.newest_warning(challenge).await.map(|warning| warning.to_string()),
            };
            return Trouble::terminal(why.map_or(what.clone(), |why| format!("{what}: {why}")));
        }
        let said = self.said(challenge).await;
        let warning = newest_warning(&said);
        let is_presented = challenge.pointer("/status/presented").and_then(Value::as_bool).unwrap_or(false);
        // cert-manager says so in an event at once, and in the status only when it has looked for the record, and waited.
        let is_past = |warning: &Said| {
            let presented = said.iter().filter(|it| it.reason == PRESENTED);
            warning.reason == PRESENT_ERROR
                && (is_presented || presented.into_iter().any(|it| it.is_not_before(warning)))
        };
        let looks =
            !is_presented && said.iter().any(|it| it.reason == PRESENTED) && warning.as_ref().is_none_or(is_past);
        // The status redacts what Azure said; the events do not (domain.md 5.6).
        let warning = warning.filter(|warning| !is_past(warning));
        let what = match (reason, is_presented) {
            _ if looks => {
                format!("{what}, presented: cert-manager looks for the record in DNS, and waits a minute more")
            }
            (Some(reason), true) => format!("{what}, presented: {reason}"),
            (Some(reason), false) => format!("{what}, not presented yet: {reason}"),
            (None, true) => format!("{what}, presented"),
            (None, false) => format!("{what}, not presented yet"),
        };
        Trouble::passing(warning.map_or(what.clone(), |warning| format!("{what}; {warning}")))
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
