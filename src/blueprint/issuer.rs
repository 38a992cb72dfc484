//! An issuer that is made too: for names in a zone of Azure DNS, and the role on that zone which it rests on (domain.md 5.4, 8).

use super::{
    context::{Context, custom_part},
    object::{Part, PartBody, PartId, Wave, ZoneRole},
};
use crate::{
    answers::{
        NewIssuer,
        names::{AcmeServer, EmailAddress},
    },
    facts::CloudEndpoints,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

/// `cert-manager.io` ClusterIssuer, as far as we set it.
#[derive(Serialize)]
struct IssuerSpec<'a> {
    acme: Acme<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Acme<'a> {
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    private_key_secret_ref: SecretReference,
    solvers: [Solver<'a>; 1],
}

#[derive(Serialize)]
struct SecretReference {
    name: String,
}

#[derive(Serialize)]
struct Solver<'a> {
    dns01: Dns01<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dns01<'a> {
    #[serde(rename = "azureDNS")]
    azure_dns: AzureDns<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AzureDns<'a> {
    #[serde(rename = "subscriptionID")]
    subscription_id: &'a str,
    resource_group_name: &'a str,
    hosted_zone_name: &'a str,
    environment: &'static str,
    managed_identity: ManagedIdentity<'a>,
}

#[derive(Serialize)]
struct ManagedIdentity<'a> {
    #[serde(rename = "clientID")]
    client_id: &'a str,
}

/// Nothing, where the answers name an issuer or a certificate that is there.
pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    let Some(issuer) = context.answers.certificate.new_issuer() else { return Vec::new() };
    vec![zone_role(context, issuer), cluster_issuer(context, issuer)]
}

fn zone_role(context: &Context<'_>, issuer: &NewIssuer) -> Part {
    let cluster = &context.facts.cluster.id;
    Part {
        id: PartId("azure/zone-role".to_owned()),
        wave: Wave::Issuer,
        why: format!(
            "Lets cert-manager's identity write records into the zone {}, and into no other, to prove that the names are ours.",
            issuer.zone.name
        ),
        body: PartBody::ZoneRole(ZoneRole {
            zone: issuer.zone.clone(),
            client_id: issuer.client_id.clone(),
            description: format!("gatewright:{cluster}/{}/{}", context.namespace(), context.app()),
        }),
        reasons: Vec::new(),
    }
}

fn cluster_issuer(context: &Context<'_>, issuer: &NewIssuer) -> Part {
    let name = name(context);
    let spec = IssuerSpec {
        acme: Acme {
            server: issuer.server.url(),
            email: issuer.email.as_ref().map(EmailAddress::as_str),
            private_key_secret_ref: SecretReference { name: format!("{name}-account") },
            solvers: [Solver {
                dns01: Dns01 {
                    azure_dns: AzureDns {
                        subscription_id: issuer.zone.subscription.as_str(),
                        resource_group_name: issuer.zone.resource_group.as_str(),
                        hosted_zone_name: issuer.zone.name.as_str(),
                        environment: environment(&context.facts.tenant.cloud),
                        managed_identity: ManagedIdentity { client_id: issuer.client_id.as_str() },
                    },
                },
            }],
        },
    };
    let labels = context.labels("issuer");
    let metadata = ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() };
    custom_part(
        Wave::Issuer,
        (&context.versions.cluster_issuer, "ClusterIssuer"),
        metadata,
        spec,
        format!(
            "Has {} sign once the names are proven over DNS; it serves the whole cluster because cert-manager lends its own identity to \
             no other kind of issuer.",
            signer(&issuer.server)
        ),
    )
    .because("/spec/acme/privateKeySecretRef/name", "cert-manager makes it, beside itself")
    .because(
        "/spec/acme/solvers/0/dns01/azureDNS/managedIdentity/clientID",
        "cert-manager's own identity, which the role on the zone is given to",
    )
}

fn signer(server: &AcmeServer) -> String {
    match server.as_str() {
        "letsencrypt-production" => "Let's Encrypt".to_owned(),
        "letsencrypt-staging" => "Let's Encrypt's server for trying out".to_owned(),
        url => url.to_owned(),
    }
}

/// The name of the ClusterIssuer.
pub(super) fn name<'a>(context: &'a Context<'_>) -> &'a str {
    &context.names.shared
}

/// The cloud as cert-manager names it: by the resource manager that it will speak to.
fn environment(cloud: &CloudEndpoints) -> &'static str {
    match cloud.resource_manager.host_str() {
        Some("management.usgovcloudapi.net") => "AzureUSGovernmentCloud",
        Some("management.chinacloudapi.cn") => "AzureChinaCloud",
        _ => "AzurePublicCloud",
    }
}
