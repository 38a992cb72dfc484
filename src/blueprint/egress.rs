//! The way out to Entra, where the mesh lets nothing out that is not registered (domain.md 4.6).

use super::{
    context::{Context, custom_part},
    istio::{ServiceEntrySpec, ServicePort},
    object::{Part, Wave},
};
use crate::facts::{Facts, OutboundPolicy};

/// Whether traffic out of the mesh must be registered.
pub(super) fn is_needed(facts: &Facts) -> bool {
    facts.cluster.istio.outbound == OutboundPolicy::RegistryOnly
}

pub(super) fn part(context: &Context<'_>) -> Option<Part> {
    is_needed(context.facts).then(|| {
        // Metadata, keys and tokens are all there; Graph is not asked (`skip_claims_from_profile_url`).
        let sign_in = &context.facts.tenant.cloud.sign_in;
        let number = sign_in.port_or_known_default().unwrap_or(443);
        custom_part(
            Wave::Foundation,
            (&context.versions.service_entry, "ServiceEntry"),
            context.metadata(&context.names.proxy, "oauth2-proxy"),
            ServiceEntrySpec {
                hosts: sign_in.host_str().map(str::to_owned).into_iter().collect(),
                location: "MESH_EXTERNAL",
                ports: vec![ServicePort { number, name: format!("tls-{number}"), protocol: "TLS" }],
                resolution: "DNS",
                export_to: vec![".".to_owned()],
            },
            "Lets the sign-in proxy out to Entra, from this namespace alone; this mesh lets nothing out that is not registered.",
        )
    })
}
