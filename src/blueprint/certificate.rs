//! The certificate that the gateway shows: made by cert-manager, or there already.

use super::{
    context::{Context, Names, custom_part},
    object::{Part, Wave},
};
use crate::{
    answers::{Answers, Certificate, IssuerKind, names::DnsName},
    facts::TlsSecretFacts,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// On the record of an installation whose certificate was there already: where its Secret is, as `namespace/name`, so that
/// `status` finds it without looking for the gateway.
pub const SECRET_ANNOTATION: &str = "gatewright.dev/certificate-secret";

/// `cert-manager.io` Certificate, as far as we set it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateSpec {
    secret_name: String,
    secret_template: SecretTemplate,
    dns_names: Vec<String>,
    issuer_ref: IssuerReference,
    private_key: PrivateKey,
}

#[derive(Serialize)]
struct SecretTemplate {
    labels: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct IssuerReference {
    group: &'static str,
    kind: &'static str,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrivateKey {
    rotation_policy: &'static str,
}

/// Nothing, where the certificate is there already: whoever keeps it there renews it.
pub(super) fn part(context: &Context<'_>) -> Option<Part> {
    let (issuer_ref, names) = match &context.answers.certificate {
        Certificate::Issued { issuer, names } => (reference(issuer.kind, issuer.name.as_str()), names),
        Certificate::NewlyIssued { names, .. } => {
            (reference(IssuerKind::ClusterIssuer, super::issuer::name(context)), names)
        }
        Certificate::Existing { .. } => return None,
    };
    let spec = CertificateSpec {
        secret_name: secret_name(context).to_owned(),
        secret_template: SecretTemplate { labels: context.labels("certificate") },
        dns_names: names.iter().map(ToString::to_string).collect(),
        issuer_ref,
        private_key: PrivateKey { rotation_policy: "Always" },
    };
    let gateway_namespace = &context.facts.cluster.gateway.namespace;
    let part = custom_part(
        Wave::Foundation,
        (&context.versions.certificate, "Certificate"),
        context.metadata_in(gateway_namespace, secret_name(context), "certificate"),
        spec,
        format!(
            "Has cert-manager get and renew the certificate that browsers see; it is in `{gateway_namespace}` because a \
             gateway reads certificates from its own namespace alone."
        ),
    );
    Some(
        part.because("/metadata/namespace", "the gateway's")
            .because("/spec/secretName", "what the Gateway names as its credentialName")
            .because("/spec/privateKey/rotationPolicy", "a new key with every renewal"),
    )
}

fn reference(kind: IssuerKind, name: &str) -> IssuerReference {
    IssuerReference { group: "cert-manager.io", kind: kind.as_str(), name: name.to_owned() }
}

/// The Secret with the certificate, in the gateway's namespace.
pub(super) fn secret_name<'a>(context: &'a Context<'_>) -> &'a str {
    context.answers.certificate.existing_secret().map_or(&context.names.shared, |secret| secret.as_str())
}

/// The Secret that cert-manager keeps a certificate of ours in, in the gateway's namespace.
pub fn issued_secret_name(answers: &Answers) -> String {
    Names::of(answers).shared
}

/// The names on the certificate, as far as one can be a host's.
pub(super) fn names(context: &Context<'_>) -> Vec<DnsName> {
    match (&context.answers.certificate, &context.facts.cluster.tls_secret) {
        (Certificate::Issued { names, .. } | Certificate::NewlyIssued { names, .. }, _) => names.clone(),
        (Certificate::Existing { .. }, Some(TlsSecretFacts::Readable(certificate))) => {
            certificate.names.iter().filter_map(|name| name.parse().ok()).collect()
        }
        (Certificate::Existing { .. }, _) => Vec::new(),
    }
}
