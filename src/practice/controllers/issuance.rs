//! cert-manager: a CertificateRequest through its issuer; for ACME through an Order and its Challenges (domain.md 5.5).

use super::{
    Controllers, belongs_to,
    certificates::{CONTROLLER, GROUP, condition, conditions, issuer_kind},
    hash, is_going, now, owned_by,
};
use crate::practice::edge::objects::{items, name, namespace, text, texts};
use serde_json::{Value, json};
use std::time::Duration;

const ACME: &str = "acme.cert-manager.io";
const REQUEST: (&str, &str) = (GROUP, "CertificateRequest");
const ORDER: (&str, &str) = (ACME, "Order");
const CHALLENGE: (&str, &str) = (ACME, "Challenge");

/// How long the authority takes to answer an order, a record to be written, a record to be seen, a certificate to be signed.
const TO_ORDER: Duration = Duration::from_millis(200);
const TO_PRESENT: Duration = Duration::from_millis(300);
const TO_PROPAGATE: Duration = Duration::from_millis(1200);
const TO_SIGN: Duration = Duration::from_millis(300);
/// How long cert-manager waits before it presents a challenge again that Azure refused; in the real one it grows to minutes.
const TO_TRY_AGAIN: Duration = Duration::from_millis(400);

impl Controllers {
    pub(super) fn requests(&mut self) {
        for request in self.cluster.list(GROUP, "CertificateRequest", None) {
            if !is_going(&request) {
                self.certificate_request(&request);
            }
        }
        for order in self.cluster.list(ACME, "Order", None) {
            if !is_going(&order) {
                self.order(&order);
            }
        }
        for challenge in self.cluster.list(ACME, "Challenge", None) {
            if !is_going(&challenge) {
                self.challenge(&challenge);
            }
        }
    }

    fn certificate_request(&mut self, request: &Value) {
        let ready = condition(request, "Ready");
        if matches!(ready.map(|ready| text(ready, "/reason")), Some("Issued" | "Failed")) {
            return;
        }
        let reference = &request["spec"]["issuerRef"];
        let (kind, wanted) = (issuer_kind(reference), text(reference, "/name"));
        let place = (kind == "Issuer").then(|| namespace(request));
        let Some(issuer) = self.cluster.get(GROUP, kind, place, wanted) else {
            let message = format!(
                "Referenced \"{kind}\" not found: {}.cert-manager.io \"{wanted}\" not found",
                kind.to_ascii_lowercase()
            );
            self.request_status(request, "False", "Pending", &message, None);
            self.say("cert-manager-certificaterequests-issuer-acme", request, "Normal", "IssuerNotFound", &message);
            return;
        };
        if condition(&issuer, "Ready").is_none_or(|ready| text(ready, "/status") != "True") {
            let message = "Referenced issuer does not have a Ready status condition";
            self.request_status(request, "False", "Pending", message, None);
            self.say("cert-manager-certificaterequests-issuer-acme", request, "Normal", "IssuerNotReady", message);
            return;
        }
        if issuer.pointer("/spec/acme").is_some() {
            self.request_from_acme(request);
        } else if self.clock.due(format!("{} sign", text(request, "/metadata/uid")), TO_SIGN) {
            let signed = request["spec"]["request"].clone();
            self.request_status(
                request,
                "True",
                "Issued",
                "Certificate fetched from issuer successfully",
                Some(signed),
            );
        }
    }

    fn request_from_acme(&self, request: &Value) {
        let place = namespace(request);
        let own = format!("{}-{}", name(request), crc(text(request, "/spec/request")));
        let Some(order) = self.cluster.get(ACME, "Order", Some(place), &own) else {
            let certificate = self
                .cluster
                .list(GROUP, "Certificate", Some(place))
                .into_iter()
                .find(|certificate| belongs_to(request, certificate));
            let names =
                certificate.as_ref().map(|certificate| texts(certificate, "/spec/dnsNames")).unwrap_or_default();
            let order = json!({
                "apiVersion": "acme.cert-manager.io/v1", "kind": "Order",
                "metadata": {"name": own, "namespace": place, "ownerReferences": owned_by(request)},
                "spec": {
                    "request": request["spec"]["request"], "issuerRef": request["spec"]["issuerRef"], "dnsNames": names,
                },
            });
            self.put(CONTROLLER, order);
            let message = format!("Created Order resource {place}/{own}");
            self.say("cert-manager-certificaterequests-issuer-acme", request, "Normal", "OrderCreated", &message);
            return;
        };
        match text(&order, "/status/state") {
            "valid" => {
                let certificate = order["status"]["certificate"].clone();
                self.request_status(
                    request,
                    "True",
                    "Issued",
                    "Certificate fetched from issuer successfully",
                    Some(certificate),
                );
            }
            state @ ("invalid" | "errored" | "expired") => {
                let message = format!(
                    "Failed to wait for order resource \"{own}\" to become ready: order is in \"{state}\" state: {}",
                    text(&order, "/status/reason")
                );
                self.request_status(request, "False", "Failed", &message, None);
            }
            state => {
                let message = format!("Waiting on certificate issuance from order {place}/{own}: \"{state}\"");
                self.request_status(request, "False", "Pending", &message, None);
            }
        }
    }

    fn request_status(&self, request: &Value, ready: &str, reason: &str, message: &str, certificate: Option<Value>) {
        let approved = "Certificate request has been approved by cert-manager.io".to_owned();
        let mut status = request.get("status").cloned().unwrap_or_else(|| json!({}));
        status["conditions"] = Value::Array(conditions(
            request,
            &[("Approved", "True", "cert-manager.io", approved), ("Ready", ready, reason, message.to_owned())],
        ));
        if let Some(certificate) = certificate {
            status["certificate"] = certificate;
        }
        if reason == "Failed" {
            status["failureTime"] = Value::from(now());
        }
        self.status(REQUEST, request, status);
    }

    fn status(&self, kind: (&str, &str), object: &Value, status: Value) {
        if object.get("status") != Some(&status) {
            let written = self.cluster.update_status(CONTROLLER, kind, Some(namespace(object)), name(object), status);
            super::noted(written);
        }
    }

    fn order(&mut self, order: &Value) {
        let uid = text(order, "/metadata/uid").to_owned();
        match text(order, "/status/state") {
            "" if self.clock.due(format!("{uid} order"), TO_ORDER) => self.open(order),
            "pending" => self.watch_challenges(order, &uid),
            _ => {}
        }
    }

    /// The authority's answer: one authorization a name, and a challenge for each.
    fn open(&self, order: &Value) {
        let reference = &order["spec"]["issuerRef"];
        let place = (issuer_kind(reference) == "Issuer").then(|| namespace(order));
        let issuer = self.cluster.get(GROUP, issuer_kind(reference), place, text(reference, "/name"));
        let solvers = issuer.as_ref().map(|issuer| items(issuer, "/spec/acme/solvers")).unwrap_or_default();
        let solver = |wildcard: bool| {
            let dns = solvers.iter().find(|solver| solver.get("dns01").is_some());
            let http = solvers.iter().find(|solver| solver.get("http01").is_some()).filter(|_| !wildcard);
            dns.map(|solver| (solver, "DNS-01")).or(http.map(|solver| (solver, "HTTP-01")))
        };
        let server = issuer.as_ref().map(|issuer| text(issuer, "/spec/acme/server")).unwrap_or_default();
        let authority = server.rsplit_once('/').map_or(server, |(base, _)| base);
        let mut authorizations = Vec::new();
        let mut challenges = Some(Vec::new());
        for dns_name in texts(order, "/spec/dnsNames") {
            let (bare, wildcard) = dns_name.strip_prefix("*.").map_or((dns_name, false), |bare| (bare, true));
            let token = hash(&format!("{} {dns_name}", text(order, "/metadata/uid")), 24);
            let url = format!("{authority}/acme/chall/{token}");
            let authorization = format!("{authority}/acme/authz/{token}");
            let found = solver(wildcard);
            let kind = found.map_or("DNS-01", |(_, kind)| kind);
            authorizations.push(json!({
                "url": authorization, "identifier": bare, "wildcard": wildcard, "initialState": "pending",
                "challenges": [{"type": kind.to_ascii_lowercase(), "token": token, "url": url}],
            }));
            let challenge = found.map(|(solver, kind)| json!({
                "apiVersion": "acme.cert-manager.io/v1", "kind": "Challenge",
                "metadata": {
                    "name": format!("{}-{}", name(order), crc(&token)), "namespace": namespace(order),
                    "ownerReferences": owned_by(order),
                },
                "spec": {
                    "authorizationURL": authorization, "dnsName": bare, "wildcard": wildcard, "type": kind, "url": url,
                    "token": token, "key": hash(&token, 32), "issuerRef": reference, "solver": solver,
                },
            }));
            challenges = challenges.zip(challenge).map(|(all, one)| [all, vec![one]].concat());
        }
        let id = hash(text(order, "/metadata/uid"), 12);
        let status = json!({
            "state": "pending", "authorizations": authorizations,
            "url": format!("{authority}/acme/order/1/{id}"), "finalizeURL": format!("{authority}/acme/finalize/1/{id}"),
        });
        self.status(ORDER, order, status);
        let Some(challenges) = challenges else {
            // The order itself stays as it is, for ever.
            let message = "Failed to determine a valid solver configuration for the set of domains on the Order: no configured \
                           challenge solvers can be used for this challenge";
            self.say("cert-manager-orders", order, "Warning", "Solver", message);
            return;
        };
        for challenge in challenges {
            let domain = text(&challenge, "/spec/dnsName").to_owned();
            if let Some(challenge) = self.put(CONTROLLER, challenge) {
                let message = format!("Created Challenge resource \"{}\" for domain \"{domain}\"", name(&challenge));
                self.say("cert-manager-orders", order, "Normal", "Created", &message);
            }
        }
    }

    fn watch_challenges(&mut self, order: &Value, uid: &str) {
        let challenges: Vec<Value> = self
            .cluster
            .list(ACME, "Challenge", Some(namespace(order)))
            .into_iter()
            .filter(|challenge| belongs_to(challenge, order))
            .collect();
        let all_are_valid = challenges.iter().all(|challenge| text(challenge, "/status/state") == "valid");
        if challenges.is_empty() || !all_are_valid {
            return;
        }
        if !self.clock.due(format!("{uid} sign"), TO_SIGN) {
            return;
        }
        let mut status = order["status"].clone();
        status["state"] = Value::from("valid");
        status["certificate"] = order["spec"]["request"].clone();
        self.status(ORDER, order, status);
        self.say("cert-manager-orders", order, "Normal", "Complete", "Order completed successfully");
        // Their job is done, and cert-manager tidies up.
        for challenge in challenges {
            self.remove(ACME, "Challenge", &challenge);
        }
    }

    fn challenge(&mut self, challenge: &Value) {
        let uid = text(challenge, "/metadata/uid").to_owned();
        let (kind, dns_name) = (text(challenge, "/spec/type"), text(challenge, "/spec/dnsName"));
        let presented = challenge.pointer("/status/presented") == Some(&Value::Bool(true));
        match text(challenge, "/status/state") {
            "" => {
                let status = json!({"state": "pending", "processing": true, "presented": false});
                self.status(CHALLENGE, challenge, status);
                let message = "Challenge scheduled for processing";
                self.say("cert-manager-challenges", challenge, "Normal", "Started", message);
            }
            "pending" if !presented && self.clock.due(format!("{uid} present"), TO_PRESENT) => {
                let pods = super::zones::of_cert_manager(self.cluster.list("", "Pod", None));
                if let Err(refused) = self.zones.present(challenge, &pods) {
                    let status =
                        json!({"state": "pending", "processing": true, "presented": false, "reason": refused.reason});
                    self.status(CHALLENGE, challenge, status);
                    self.say("cert-manager-challenges", challenge, "Warning", "PresentError", &refused.event);
                    self.clock.again_in(TO_TRY_AGAIN);
                    return;
                }
                let reason = format!(
                    "Waiting for {kind} challenge propagation: DNS record for \"{dns_name}\" not yet propagated"
                );
                let status = json!({
                    "state": "pending", "processing": true, "presented": true, "presentedAt": now(), "reason": reason,
                });
                self.status(CHALLENGE, challenge, status);
                let message = format!("Presented challenge using {kind} challenge mechanism");
                self.say("cert-manager-challenges", challenge, "Normal", "Presented", &message);
            }
            "pending" if presented && !super::zones::is_found(challenge) => {}
            "pending" if presented && self.clock.due(format!("{uid} propagate"), TO_PROPAGATE) => {
                // The record is taken away at once; when it was there stays written down.
                let status = json!({
                    "state": "valid", "processing": false, "presented": false,
                    "presentedAt": challenge.pointer("/status/presentedAt"), "reason": "Successfully authorized domain",
                });
                self.status(CHALLENGE, challenge, status);
                let message = format!("Domain \"{dns_name}\" verified with \"{kind}\" validation");
                self.say("cert-manager-challenges", challenge, "Normal", "DomainVerified", &message);
            }
            _ => {}
        }
    }
}

/// A number that stands for a text, as cert-manager puts behind the names of orders and challenges.
fn crc(text: &str) -> u32 {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(4).fold(0, |number, byte| (number << 8) | u32::from(*byte))
}
