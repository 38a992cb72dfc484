//! A certificate that is there already: what is on it, and nothing of its key.

use super::{DiscoverError, DiscoverRequest, Error, ObjectRef};
use crate::{
    cluster::{Cluster, fields::Fields},
    facts::{CertificateFacts, TlsSecretFacts, Validity},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, pem::Pem, prelude::FromDer};

/// Where cert-manager is usually installed: certificates end up there by mistake.
const CERT_MANAGER: &str = "cert-manager";

/// The Secret that the answers name, in the gateway's namespace.
pub(super) async fn look(
    cluster: &Cluster,
    request: &DiscoverRequest,
    istio_namespace: &str,
    gateway_namespace: &str,
) -> Result<Option<TlsSecretFacts>, DiscoverError> {
    let Some(name) = &request.tls_secret else { return Ok(None) };
    let facts = cluster.tls_secret(gateway_namespace, name).await?;
    if !matches!(facts, TlsSecretFacts::Absent { .. }) {
        return Ok(Some(facts));
    }
    let usual = BTreeSet::from([request.namespace.as_str(), istio_namespace, CERT_MANAGER, "default"]);
    let mut elsewhere = Vec::new();
    for namespace in usual.into_iter().filter(|namespace| *namespace != gateway_namespace) {
        match cluster.get(&ObjectRef::namespaced("v1", "Secret", namespace, name)).await {
            Ok(Some(_)) => elsewhere.push(namespace.to_owned()),
            // Only a hint: what may not be seen is not hinted at.
            Ok(None) | Err(Error::Forbidden(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(TlsSecretFacts::Absent { elsewhere }))
}

impl Cluster {
    /// What is known of a Secret with a certificate.
    pub async fn tls_secret(&self, namespace: &str, name: &str) -> Result<TlsSecretFacts, Error> {
        let secret = self.get(&ObjectRef::namespaced("v1", "Secret", namespace, name)).await?;
        Ok(secret.map_or(TlsSecretFacts::Absent { elsewhere: Vec::new() }, |secret| facts(&secret, Timestamp::now())))
    }
}

fn facts(secret: &Value, now: Timestamp) -> TlsSecretFacts {
    let found = secret.text("/type").unwrap_or("Opaque");
    if found != "kubernetes.io/tls" {
        return TlsSecretFacts::OfAnotherType { found: found.to_owned() };
    }
    let read = has_key(secret).and_then(|()| chain(secret)).and_then(|chain| certificate(&chain, now));
    read.map_or_else(|cause| TlsSecretFacts::Unreadable { cause }, TlsSecretFacts::Readable)
}

/// That there is a key is all that is asked of it.
fn has_key(secret: &Value) -> Result<(), String> {
    let is_there = secret.pointer("/data/tls.key").and_then(Value::as_str).is_some_and(|key| !key.is_empty());
    if is_there { Ok(()) } else { Err("it has no `tls.key`".to_owned()) }
}

fn chain(secret: &Value) -> Result<Vec<u8>, String> {
    let text = secret.pointer("/data/tls.crt").and_then(Value::as_str).unwrap_or_default();
    if text.is_empty() {
        return Err("it has no `tls.crt`".to_owned());
    }
    STANDARD.decode(text).map_err(|_| "its `tls.crt` is not base64".to_owned())
}

/// The first certificate of a chain is the server's own (RFC 8446 4.4.2).
fn certificate(chain: &[u8], now: Timestamp) -> Result<CertificateFacts, String> {
    let first = Pem::iter_from_buffer(chain).next();
    let pem = match first {
        Some(Ok(pem)) if pem.label == "CERTIFICATE" => pem,
        _ => return Err("its `tls.crt` does not begin with a certificate in PEM".to_owned()),
    };
    let unreadable = |what: &str| format!("the certificate in its `tls.crt` cannot be read ({what})");
    let (_, certificate) = X509Certificate::from_der(&pem.contents).map_err(|_| unreadable("it is no X.509"))?;
    let time = |seconds| Timestamp::from_second(seconds).map_err(|_| unreadable("its dates are out of range"));
    let begins = time(certificate.validity().not_before.timestamp())?;
    let ends = time(certificate.validity().not_after.timestamp())?;
    let names = certificate.subject_alternative_name().map_err(|_| unreadable("its names are given twice"))?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let validity = match now {
        now if now < begins => Validity::NotYet,
        now if now > ends => Validity::Expired,
        _ => Validity::Valid,
    };
    Ok(CertificateFacts {
        names: names
            .filter_map(|name| match name {
                // What no host can be called is left out: it might move a terminal's cursor.
                GeneralName::DNSName(name) if name.chars().all(|c| c.is_ascii_graphic()) => {
                    Some(name.to_ascii_lowercase())
                }
                _ => None,
            })
            .collect(),
        expires: ends.to_string(),
        validity,
    })
}

#[cfg(test)]
mod tests {
    use super::facts;
    use crate::facts::{CertificateFacts, TlsSecretFacts, Validity};
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use jiff::Timestamp;
    use serde_json::{Value, json};

    /// A certificate of the year 2025 for `names`, and its key.
    fn issued(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = rcgen::CertificateParams::new(names).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2025, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2026, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn secret(kind: &str, chain: &str, key: &str) -> Value {
        let data = json!({"tls.crt": STANDARD.encode(chain), "tls.key": STANDARD.encode(key)});
        json!({"kind": "Secret", "type": kind, "data": data})
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn given_a_certificate_then_its_names_and_dates_are_known_and_nothing_of_its_key() {
        let (own, key) = issued(&["*.Cluster.example.com", "other.example.com", "192.0.2.1"]);
        let (authority, _) = issued(&["authority.example.com"]);
        let secret = secret("kubernetes.io/tls", &format!("{own}{authority}"), &key);
        let known = facts(&secret, at("2025-06-01T00:00:00Z"));
        assert_eq!(
            known,
            TlsSecretFacts::Readable(CertificateFacts {
                names: ["*.cluster.example.com".to_owned(), "other.example.com".to_owned()].into(),
                expires: "2026-01-01T00:00:00Z".to_owned(),
                validity: Validity::Valid,
            })
        );
        let shown = format!("{known:?}{}", serde_json::to_string(&known).unwrap());
        let key = key.lines().nth(1).unwrap();
        assert!(!shown.contains(key) && !shown.contains(&STANDARD.encode(key)));
    }

    #[test]
    fn given_another_day_then_it_is_not_valid() {
        let (own, key) = issued(&["a.example.com"]);
        let secret = secret("kubernetes.io/tls", &own, &key);
        let validity = |day| match facts(&secret, at(day)) {
            TlsSecretFacts::Readable(certificate) => certificate.validity,
            other => panic!("{other:?}"),
        };
        assert_eq!(validity("2024-12-31T00:00:00Z"), Validity::NotYet);
        assert_eq!(validity("2026-01-01T00:00:01Z"), Validity::Expired);
    }

    #[test]
    fn given_something_else_then_it_is_said_what() {
        let (own, key) = issued(&["a.example.com"]);
        let told = |secret: &Value| match facts(secret, at("2025-06-01T00:00:00Z")) {
            TlsSecretFacts::OfAnotherType { found } => found,
            TlsSecretFacts::Unreadable { cause } => cause,
            other => panic!("{other:?}"),
        };
        assert_eq!(told(&secret("Opaque", &own, &key)), "Opaque");
        assert_eq!(told(&secret("kubernetes.io/tls", &own, "")), "it has no `tls.key`");
        assert_eq!(told(&secret("kubernetes.io/tls", "", &key)), "it has no `tls.crt`");
        let not_first = "its `tls.crt` does not begin with a certificate in PEM";
        assert_eq!(told(&secret("kubernetes.io/tls", &key, &key)), not_first);
        assert_eq!(told(&secret("kubernetes.io/tls", "not a certificate", &key)), not_first);
        let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(told(&secret("kubernetes.io/tls", hollow, &key)).contains("it is no X.509"));
        let mut broken = secret("kubernetes.io/tls", &own, &key);
        broken["data"]["tls.crt"] = json!("%%%");
        assert_eq!(told(&broken), "its `tls.crt` is not base64");
    }
}
