//! The certificate that the gateway shows.

use super::{
    context::{Context, custom_part},
    object::{Part, Wave},
};
use crate::answers::IssuerKind;
use serde::Serialize;
use std::collections::BTreeMap;

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

pub(super) fn part(context: &Context<'_>) -> Part {
    let wanted = &context.answers.certificate;
    let spec = CertificateSpec {
        secret_name: secret_name(context).to_owned(),
        secret_template: SecretTemplate { labels: context.labels("certificate") },
        dns_names: wanted.names.iter().map(ToString::to_string).collect(),
        issuer_ref: IssuerReference {
            group: "cert-manager.io",
            kind: match wanted.issuer.kind {
                IssuerKind::ClusterIssuer => "ClusterIssuer",
                IssuerKind::Issuer => "Issuer",
            },
            name: wanted.issuer.name.to_string(),
        },
        private_key: PrivateKey { rotation_policy: "Always" },
    };
    let gateway_namespace = &context.facts.cluster.gateway.namespace;
    custom_part(
        Wave::Foundation,
        (&context.versions.certificate, "Certificate"),
        context.metadata_in(gateway_namespace, secret_name(context), "certificate"),
        spec,
        format!(
            "Has cert-manager get and renew the certificate that browsers see; it is in `{gateway_namespace}` because a \
             gateway reads certificates from its own namespace alone."
        ),
    )
}

/// The Secret that cert-manager keeps the certificate in, in the gateway's namespace.
pub(super) fn secret_name<'a>(context: &'a Context<'_>) -> &'a str {
    &context.names.shared
}
