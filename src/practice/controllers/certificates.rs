//! cert-manager: a Certificate and the requests it makes, down to the Secret (domain.md 5).

use super::{Controllers, belongs_to, hash, is_going, now, owned_by};
use crate::practice::edge::objects::{annotation, items, map, name, namespace, number, text, texts};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const CONTROLLER: &str = "cert-manager";
pub(super) const GROUP: &str = "cert-manager.io";
const CERTIFICATE: (&str, &str) = (GROUP, "Certificate");
/// How long cert-manager takes to look at a new Certificate.
const TO_REQUEST: Duration = Duration::from_millis(200);
/// How long an issuer takes to register its account.
const TO_REGISTER: Duration = Duration::from_millis(800);
/// The reason of an order to issue anew.
const ORDERED: &str = "ManuallyTriggered";
/// How long a public authority's certificates last.
const DAYS: i64 = 90;

/// A condition that is wanted: type, status, reason, message.
type Wanted<'a> = (&'a str, &'a str, &'a str, String);

impl Controllers {
    pub(super) fn certificates(&mut self) {
        for kind in ["ClusterIssuer", "Issuer"] {
            for issuer in self.cluster.list(GROUP, kind, None) {
                self.issuer(kind, &issuer);
            }
        }
        for certificate in self.cluster.list(GROUP, "Certificate", None) {
            if !is_going(&certificate) {
                self.certificate(&certificate);
            }
        }
        self.requests();
    }

    /// An issuer that says nothing of itself yet registers; one that is in trouble stays so.
    fn issuer(&mut self, kind: &str, issuer: &Value) {
        if is_going(issuer) || condition(issuer, "Ready").is_some() {
            return;
        }
        if !self.clock.due(format!("{} register", text(issuer, "/metadata/uid")), TO_REGISTER) {
            return;
        }
        let acme = issuer.pointer("/spec/acme").is_some();
        let ready: Wanted<'_> = if acme {
            (
                "Ready",
                "True",
                "ACMEAccountRegistered",
                "The ACME account was registered with the ACME server".to_owned(),
            )
        } else {
            ("Ready", "True", "IsReady", String::new())
        };
        let mut status = issuer.get("status").cloned().unwrap_or_else(|| json!({}));
        status["conditions"] = Value::Array(conditions(issuer, &[ready]));
        let place = (!namespace(issuer).is_empty()).then(|| namespace(issuer));
        super::noted(self.cluster.update_status(CONTROLLER, (GROUP, kind), place, name(issuer), status));
    }

    fn certificate(&mut self, certificate: &Value) {
        let place = namespace(certificate);
        let secret = self.cluster.get("", "Secret", Some(place), text(certificate, "/spec/secretName"));
        let trouble = secret_trouble(certificate, secret.as_ref()).or_else(|| ordered(certificate));
        let Some((reason, message)) = trouble else {
            self.is_issued(certificate);
            return;
        };
        let generation = number(certificate.pointer("/metadata/generation")).unwrap_or(1);
        let failed = condition(certificate, "Issuing").is_some_and(|condition| {
            text(condition, "/reason") == "Failed" && number(condition.get("observedGeneration")) == Some(generation)
        });
        if failed {
            return;
        }
        if !self.clock.due(format!("{} request {generation}", text(certificate, "/metadata/uid")), TO_REQUEST) {
            return;
        }
        let revision = number(certificate.pointer("/status/revision")).unwrap_or(0) + 1;
        let request_name = format!("{}-{revision}", name(certificate));
        match self.cluster.get(GROUP, "CertificateRequest", Some(place), &request_name) {
            Some(request) if !is_for(&request, certificate) || is_of_before(&request, certificate) => {
                self.remove(GROUP, "CertificateRequest", &request);
            }
            Some(request) => self.follow(certificate, &request, revision),
            None => self.request(certificate, &request_name, reason, &message),
        }
    }

    fn is_issued(&self, certificate: &Value) {
        let ready = ("Ready", "True", "Ready", "Certificate is up to date and has not expired".to_owned());
        let mut status = certificate.get("status").cloned().unwrap_or_else(|| json!({}));
        status["conditions"] = Value::Array(conditions(certificate, &[ready]));
        self.certificate_status(certificate, status);
    }

    fn certificate_status(&self, certificate: &Value, status: Value) {
        if certificate.get("status") != Some(&status) {
            let (place, own) = (namespace(certificate), name(certificate));
            super::noted(self.cluster.update_status(CONTROLLER, CERTIFICATE, Some(place), own, status));
        }
    }

    fn request(&self, certificate: &Value, request_name: &str, reason: &str, message: &str) {
        let mut status = certificate.get("status").cloned().unwrap_or_else(|| json!({}));
        // What is issued anew by order is as good as it was until then.
        let ready = if reason == ORDERED {
            ("Ready", "True", "Ready", "Certificate is up to date and has not expired".to_owned())
        } else {
            ("Ready", "False", reason, message.to_owned())
        };
        status["conditions"] =
            Value::Array(conditions(certificate, &[ready, ("Issuing", "True", reason, message.to_owned())]));
        let attempt = number(certificate.pointer("/status/failedIssuanceAttempts")).unwrap_or_default();
        let next = format!("{}-{}", name(certificate), hash(&format!("{request_name} {attempt}"), 5));
        status["nextPrivateKeySecretName"] = Value::from(next.as_str());
        self.certificate_status(certificate, status);
        self.say("cert-manager-certificates-trigger", certificate, "Normal", "Issuing", message);
        let stored = format!("Stored new private key in temporary Secret resource \"{next}\"");
        self.say("cert-manager-certificates-key-manager", certificate, "Normal", "Generated", &stored);
        let Some(signing_request) = signing_request(&texts(certificate, "/spec/dnsNames")) else { return };
        let request = json!({
            "apiVersion": "cert-manager.io/v1", "kind": "CertificateRequest",
            "metadata": {
                "name": request_name, "namespace": namespace(certificate),
                "labels": map(certificate, "/metadata/labels").cloned().unwrap_or_default(),
                "annotations": {
                    "cert-manager.io/certificate-name": name(certificate),
                    "cert-manager.io/certificate-revision": request_name.rsplit('-').next(),
                    "cert-manager.io/private-key-secret-name": next,
                    "practice.gatewright.dev/for": hash(&certificate["spec"].to_string(), 10),
                },
                "ownerReferences": owned_by(certificate),
            },
            "spec": {
                "request": signing_request, "issuerRef": certificate["spec"]["issuerRef"],
                "usages": ["digital signature", "key encipherment"],
                "username": "system:serviceaccount:cert-manager:cert-manager",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:cert-manager", "system:authenticated"],
            },
        });
        self.put(CONTROLLER, request);
        let created = format!("Created new CertificateRequest resource \"{request_name}\"");
        self.say("cert-manager-certificates-request-manager", certificate, "Normal", "Requested", &created);
    }

    /// Takes over what became of a request.
    fn follow(&self, certificate: &Value, request: &Value, revision: u64) {
        let Some(ready) = condition(request, "Ready") else { return };
        match text(ready, "/reason") {
            "Issued" => self.store(certificate, revision),
            "Failed" => {
                let message = format!(
                    "The certificate request has failed to complete and will be retried: {}",
                    text(ready, "/message")
                );
                let mut status = certificate.get("status").cloned().unwrap_or_else(|| json!({}));
                let was = condition(certificate, "Ready");
                let unready = was.map_or("DoesNotExist", |was| text(was, "/reason"));
                let told = was.map_or("", |was| text(was, "/message")).to_owned();
                status["conditions"] = Value::Array(conditions(
                    certificate,
                    &[("Ready", "False", unready, told), ("Issuing", "False", "Failed", message.clone())],
                ));
                let attempts = number(certificate.pointer("/status/failedIssuanceAttempts")).unwrap_or_default();
                status["failedIssuanceAttempts"] = Value::from(attempts + 1);
                // The next attempt gets a key of its own.
                if let Some(status) = status.as_object_mut() {
                    status.remove("nextPrivateKeySecretName");
                }
                status["lastFailureTime"] = Value::from(now());
                self.certificate_status(certificate, status);
                self.say("cert-manager-certificates-issuing", certificate, "Warning", "Failed", &message);
            }
            _ => {}
        }
    }

    fn store(&self, certificate: &Value, revision: u64) {
        let names: Vec<String> = texts(certificate, "/spec/dnsNames").into_iter().map(str::to_owned).collect();
        let issued = match self.authority.issue(&names, DAYS) {
            Ok(issued) => issued,
            Err(error) => {
                tracing::warn!(%error, "the practice cert-manager can't sign");
                return;
            }
        };
        let secret_name = text(certificate, "/spec/secretName");
        let reference = &certificate["spec"]["issuerRef"];
        let mut annotations = map(certificate, "/spec/secretTemplate/annotations").cloned().unwrap_or_default();
        for (key, value) in [
            ("cert-manager.io/alt-names", names.join(",")),
            ("cert-manager.io/certificate-name", name(certificate).to_owned()),
            ("cert-manager.io/common-name", text(certificate, "/spec/commonName").to_owned()),
            ("cert-manager.io/ip-sans", String::new()),
            ("cert-manager.io/issuer-group", GROUP.to_owned()),
            ("cert-manager.io/issuer-kind", issuer_kind(reference).to_owned()),
            ("cert-manager.io/issuer-name", text(reference, "/name").to_owned()),
            ("cert-manager.io/uri-sans", String::new()),
        ] {
            annotations.insert(key.to_owned(), Value::from(value));
        }
        let mut labels = map(certificate, "/spec/secretTemplate/labels").cloned().unwrap_or_default();
        labels.insert("controller.cert-manager.io/fao".to_owned(), Value::from("true"));
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {
                "name": secret_name, "namespace": namespace(certificate), "labels": labels, "annotations": annotations,
            },
            "data": {"tls.crt": STANDARD.encode(&issued.chain_pem), "tls.key": STANDARD.encode(&issued.key_pem)},
        });
        if self.put(CONTROLLER, secret).is_none() {
            return;
        }
        let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let renewal = issued.not_after - jiff::SignedDuration::from_hours(24 * 30);
        let ready = ("Ready", "True", "Ready", "Certificate is up to date and has not expired".to_owned());
        let status = json!({
            "conditions": conditions(certificate, &[ready]), "revision": revision,
            "notBefore": time(issued.not_before), "notAfter": time(issued.not_after), "renewalTime": time(renewal),
        });
        self.certificate_status(certificate, status);
        let message = "The certificate has been successfully issued";
        self.say("cert-manager-certificates-issuing", certificate, "Normal", "Issuing", message);
    }
}

/// The order to issue it anew, as `cmctl renew` gives it.
fn ordered(certificate: &Value) -> Option<(&'static str, String)> {
    let issuing = condition(certificate, "Issuing").filter(|issuing| text(issuing, "/status") == "True")?;
    (text(issuing, "/reason") == ORDERED).then(|| (ORDERED, text(issuing, "/message").to_owned()))
}

/// Why the Secret is not what the Certificate wants: the reason and the message of the condition.
fn secret_trouble(certificate: &Value, secret: Option<&Value>) -> Option<(&'static str, String)> {
    let Some(secret) = secret else {
        return Some(("DoesNotExist", "Issuing certificate as Secret does not exist".to_owned()));
    };
    if text(secret, "/data/tls.crt").is_empty() || text(secret, "/data/tls.key").is_empty() {
        return Some(("MissingData", "Issuing certificate as Secret does not contain any data".to_owned()));
    }
    let says = |key: &str| annotation(secret, key).unwrap_or_default();
    let reference = &certificate["spec"]["issuerRef"];
    if says("cert-manager.io/issuer-name") != text(reference, "/name")
        || says("cert-manager.io/issuer-kind") != issuer_kind(reference)
    {
        return Some((
            "IncorrectIssuer",
            "Issuing certificate as Secret was previously issued by another issuer".to_owned(),
        ));
    }
    if says("cert-manager.io/certificate-name") != name(certificate) {
        let other = says("cert-manager.io/certificate-name");
        return Some((
            "IncorrectCertificate",
            format!(
                "Secret was issued for \"{other}\". If this message is not transient, you might have two conflicting Certificates pointing to the same secret."
            ),
        ));
    }
    let mut wanted = texts(certificate, "/spec/dnsNames");
    let mut there: Vec<&str> = says("cert-manager.io/alt-names").split(',').filter(|name| !name.is_empty()).collect();
    wanted.sort_unstable();
    there.sort_unstable();
    (wanted != there).then(|| {
        (
            "SecretMismatch",
            "Issuing certificate as Existing issued Secret is not up to date for spec: [spec.dnsNames]".to_owned(),
        )
    })
}

pub(super) fn issuer_kind(reference: &Value) -> &str {
    match text(reference, "/kind") {
        "" => "Issuer",
        kind => kind,
    }
}

/// Whether a request was made for the Certificate as it is now.
fn is_for(request: &Value, certificate: &Value) -> bool {
    annotation(request, "practice.gatewright.dev/for") == Some(hash(&certificate["spec"].to_string(), 10).as_str())
        && belongs_to(request, certificate)
}

/// Whether a request failed before the Certificate was ordered anew: there is no key for the next one yet.
fn is_of_before(request: &Value, certificate: &Value) -> bool {
    let issuing = condition(certificate, "Issuing").is_some_and(|issuing| text(issuing, "/status") == "True");
    let failed = condition(request, "Ready").is_some_and(|ready| text(ready, "/reason") == "Failed");
    issuing && failed && text(certificate, "/status/nextPrivateKeySecretName").is_empty()
}

/// A signing request in PEM, base64 again as the object has it.
fn signing_request(names: &[&str]) -> Option<String> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let parameters = rcgen::CertificateParams::new(names).ok()?;
    let request = parameters.serialize_request(&rcgen::KeyPair::generate().ok()?).ok()?;
    Some(STANDARD.encode(request.pem().ok()?))
}

pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind)
}

/// Conditions as cert-manager writes them, each with the generation that it is about.
pub(super) fn conditions(object: &Value, wanted: &[Wanted<'_>]) -> Vec<Value> {
    let generation = number(object.pointer("/metadata/generation")).unwrap_or(1);
    let mut conditions = super::deployments::conditions(object, wanted);
    for condition in &mut conditions {
        condition["observedGeneration"] = Value::from(generation);
    }
    conditions
}
