//! cert-manager's webhook.

use super::{
    super::{catalog::Kind, validate::go_duration_seconds},
    Verdict, has, items, text,
};
use serde_json::Value;

/// Reviews an object of the group `cert-manager.io`.
pub(super) fn review(kind: &Kind, object: &Value) -> Verdict {
    let mut verdict = Verdict::default();
    match kind.kind.as_str() {
        "Certificate" => certificate(object, &mut verdict),
        "CertificateRequest" => issuer_reference(object, &mut verdict),
        _ => issuer(object, &mut verdict),
    }
    verdict
}

fn issuer_reference(object: &Value, verdict: &mut Verdict) {
    if text(object, "/spec/issuerRef/name").is_empty() {
        verdict.refuse("spec.issuerRef.name: Required value: must be specified");
    }
    let group = text(object, "/spec/issuerRef/group");
    let kind = text(object, "/spec/issuerRef/kind");
    if matches!(group, "" | "cert-manager.io") && !matches!(kind, "" | "Issuer" | "ClusterIssuer") {
        verdict.refuse(format!("spec.issuerRef.kind: Invalid value: {kind:?}: must be one of Issuer or ClusterIssuer"));
    }
}

fn certificate(object: &Value, verdict: &mut Verdict) {
    if text(object, "/spec/secretName").is_empty() {
        verdict.refuse("spec.secretName: Required value: must be specified");
    }
    issuer_reference(object, verdict);
    let names = ["commonName", "dnsNames", "uris", "emailAddresses", "ipAddresses", "otherNames", "literalSubject"];
    if !names.iter().any(|name| has(object, &format!("/spec/{name}"))) {
        verdict.refuse(
            "spec: Invalid value: \"\": at least one of commonName (from the commonName field or from a literalSubject), \
             dnsNames, uriSANs, ipAddresses, emailSANs or otherNames must be set",
        );
    }
    let common_name = text(object, "/spec/commonName");
    if common_name.len() > 64 {
        verdict.refuse(format!("spec.commonName: Too long: may not be more than 64 bytes, is {}", common_name.len()));
    }
    for (at, name) in items(object, "/spec/dnsNames").enumerate() {
        if name.as_str().is_none_or(|name| name.is_empty() || !name.is_ascii()) {
            verdict.refuse(format!("spec.dnsNames[{at}]: Invalid value: {name}: must be a DNS name"));
        }
    }
    durations(object, verdict);
    key(object, verdict);
}

/// Certificates last 90 days, and are renewed after two thirds of their life, unless said otherwise.
fn durations(object: &Value, verdict: &mut Verdict) {
    const HOUR: f64 = 3600.0;
    let seconds = |pointer: &str| go_duration_seconds(text(object, pointer));
    let duration = seconds("/spec/duration").unwrap_or(90.0 * 24.0 * HOUR);
    if duration < HOUR {
        verdict.refuse(format!(
            "spec.duration: Invalid value: {:?}: certificate duration must be greater than 1h0m0s",
            text(object, "/spec/duration")
        ));
    }
    let Some(renew_before) = seconds("/spec/renewBefore") else { return };
    if has(object, "/spec/renewBeforePercentage") {
        verdict.refuse("spec.renewBefore: Invalid value: may not be specified together with renewBeforePercentage");
    }
    let shown = text(object, "/spec/renewBefore");
    if renew_before < 300.0 {
        verdict.refuse(format!(
            "spec.renewBefore: Invalid value: {shown:?}: certificate renewBefore must be greater than 5m0s"
        ));
    }
    if renew_before >= duration {
        verdict.refuse(format!(
            "spec.renewBefore: Invalid value: {shown:?}: certificate duration must be greater than renewBefore"
        ));
    }
}

fn key(object: &Value, verdict: &mut Verdict) {
    let Some(size) = object.pointer("/spec/privateKey/size").and_then(Value::as_u64).filter(|size| *size > 0) else {
        return;
    };
    let refused = match text(object, "/spec/privateKey/algorithm") {
        "" | "RSA" => (!(2048..=8192).contains(&size)).then_some("must be between 2048 and 8192 for rsa keyAlgorithm"),
        "ECDSA" => (!matches!(size, 256 | 384 | 521)).then_some("must be one of 256, 384, 521 for ecdsa keyAlgorithm"),
        _ => None,
    };
    if let Some(why) = refused {
        verdict.refuse(format!("spec.privateKey.size: Invalid value: {size}: {why}"));
    }
}

fn issuer(object: &Value, verdict: &mut Verdict) {
    let kinds = ["acme", "ca", "selfSigned", "vault", "venafi"];
    match kinds.iter().filter(|kind| object.pointer(&format!("/spec/{kind}")).is_some()).count() {
        0 => verdict.refuse("spec: Required value: at least one issuer must be configured"),
        1 => {}
        _ => verdict.refuse("spec: Forbidden: may not specify more than one issuer type"),
    }
    for (at, solver) in items(object, "/spec/acme/solvers").enumerate() {
        let path = format!("spec.acme.solvers[{at}]");
        let azure = solver.pointer("/dns01/azureDNS");
        let needs_key = azure.is_some_and(|azure| {
            let all = ["/clientID", "/clientSecretSecretRef", "/tenantID"].map(|pointer| has(azure, pointer));
            all.contains(&true) && all.contains(&false)
        });
        if needs_key {
            verdict.refuse(format!(
                "{path}.dns01.azureDNS: Invalid value: \"\": ClientID, ClientSecret and TenantID must be specified together"
            ));
        }
        if solver.get("dns01").is_none() && solver.get("http01").is_none() {
            verdict.refuse(format!("{path}: Required value: no solver type configured"));
        }
    }
}
