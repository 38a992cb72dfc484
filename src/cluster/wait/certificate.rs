//! Certificates: from the Certificate down to its challenge and that one's events (domain.md 5.5).

use super::{Progress, Trouble, told};
use crate::cluster::{Cluster, Error, Selection, fields::Fields};
use serde_json::Value;

const ACME: &str = "acme.cert-manager.io/v1";
const MANAGER: &str = "cert-manager.io/v1";

impl Cluster {
    pub(super) async fn certificate(&self, live: &Value) -> Result<Progress, Error> {
        let ready = live.condition("Ready");
        let generation = live.number("/metadata/generation");
        let current = |condition: &&Value| condition.number("/observedGeneration") == generation;
        if ready.filter(current).and_then(|condition| condition.text("/status")) == Some("True") {
            return Ok(Progress::Ready);
        }
        let issuing = live.condition("Issuing");
        let failed = issuing.filter(|it| it.text("/reason") == Some("Failed") && it.text("/status") == Some("False"));
        if let Some(failed) = failed.filter(current) {
            let advice = "cert-manager tries again in an hour or more; `cmctl renew` tries at once";
            return Ok(Progress::Hopeless(format!("{} ({advice})", told(failed))));
        }
        let Some(request) = self.newest(live, MANAGER, "CertificateRequest").await? else {
            let said = ready.map_or_else(|| "cert-manager has not looked at it yet".to_owned(), told);
            return Ok(Progress::Waiting(said));
        };
        Ok(self.certificate_request(&request).await?.into())
    }

    async fn certificate_request(&self, request: &Value) -> Result<Trouble, Error> {
        let name = format!("CertificateRequest {}", request.name());
        for refusal in ["Denied", "InvalidRequest"] {
            let condition = request.condition(refusal).filter(|condition| condition.text("/status") == Some("True"));
            if let Some(condition) = condition {
                return Ok(Trouble::terminal(format!("{name} was refused: {}", told(condition))));
            }
        }
        let ready = request.condition("Ready");
        let failed = ready.and_then(|condition| condition.text("/reason")) == Some("Failed");
        if let Some(order) = self.newest(request, ACME, "Order").await? {
            let order = self.order(&order).await?;
            return Ok(Trouble { terminal: order.terminal || failed, ..order });
        }
        match ready {
            Some(condition) if failed => Ok(Trouble::terminal(format!("{name}: {}", told(condition)))),
            Some(condition) => Ok(Trouble::passing(format!("{name}: {}", told(condition)))),
            None => Ok(Trouble::passing(format!("{name} waits for its approval"))),
        }
    }

    async fn order(&self, order: &Value) -> Result<Trouble, Error> {
        let state = order.text("/status/state").unwrap_or("new");
        let reason = order.text("/status/reason").map(|reason| format!(": {reason}")).unwrap_or_default();
        let what = format!("Order {} is {state}{reason}", order.name());
        let hopeless = is_hopeless(state);
        let challenges = self.owned(order, ACME, "Challenge").await?;
        let open = challenges.iter().filter(|challenge| challenge.text("/status/state") != Some("valid"));
        // The one that failed tells more than one that waits.
        let Some(challenge) = open.max_by_key(|it| is_hopeless(it.text("/status/state").unwrap_or_default())) else {
            return Ok(Trouble { what, terminal: hopeless });
        };
        let challenge = self.challenge(challenge).await?;
        let terminal = hopeless || challenge.terminal;
        Ok(Trouble { what: format!("{what}; {}", challenge.what), terminal })
    }

    async fn challenge(&self, challenge: &Value) -> Result<Trouble, Error> {
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
        if let Some(warning) = self.newest_warning(challenge).await? {
            what = format!("{what}; {warning}");
        }
        Ok(Trouble { what, terminal: is_hopeless(state) })
    }

    async fn newest_warning(&self, object: &Value) -> Result<Option<String>, Error> {
        let selection = Selection {
            fields: format!("involvedObject.name={},type=Warning", object.name()),
            ..Selection::in_namespace(object.namespace())
        };
        let events = optional(self.list("v1", "Event", &selection).await)?;
        let uid = object.text("/metadata/uid");
        let about = events.iter().filter(|event| {
            let theirs = event.text("/involvedObject/uid");
            theirs.is_none() || theirs == uid
        });
        let newest = about.max_by(|one, other| when(one).cmp(when(other)));
        Ok(newest.map(|event| {
            format!("{} ({})", event.text("/message").unwrap_or_default(), event.text("/reason").unwrap_or("Warning"))
        }))
    }

    async fn newest(&self, owner: &Value, api_version: &str, kind: &str) -> Result<Option<Value>, Error> {
        let candidates = self.owned(owner, api_version, kind).await?;
        // Within one second, the later revision has the later name.
        let age = |object: &Value| {
            (object.text("/metadata/creationTimestamp").unwrap_or_default().to_owned(), object.name().to_owned())
        };
        Ok(candidates.into_iter().max_by_key(age))
    }

    async fn owned(&self, owner: &Value, api_version: &str, kind: &str) -> Result<Vec<Value>, Error> {
        let mut objects = optional(self.list(api_version, kind, &Selection::in_namespace(owner.namespace())).await)?;
        let uid = owner.text("/metadata/uid");
        objects.retain(|object| {
            object.entries("/metadata/ownerReferences").iter().any(|reference| reference.text("/uid") == uid)
        });
        Ok(objects)
    }
}

/// States of orders and challenges that are final and not good.
fn is_hopeless(state: &str) -> bool {
    matches!(state, "invalid" | "expired" | "errored")
}

fn when(event: &Value) -> &str {
    let times = ["/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    times.into_iter().find_map(|time| event.text(time)).unwrap_or_default()
}

/// What lies deeper is an explanation only: who may not see it, or has no such kind, does without.
fn optional(listed: Result<Vec<Value>, Error>) -> Result<Vec<Value>, Error> {
    match listed {
        Err(Error::Forbidden(_) | Error::NotServed { .. }) => Ok(Vec::new()),
        other => other,
    }
}
