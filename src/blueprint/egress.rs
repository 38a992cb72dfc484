//! The way out to Entra, where the mesh lets nothing out that is not registered (domain.md 4.6).

use super::{
    context::{Context, custom_part},
    istio::{ServiceEntrySpec, ServicePort},
    object::{Part, Wave},
};
use crate::facts::{Facts, OutboundPolicy};
use std::collections::BTreeSet;

/// Whether traffic out of the mesh must be registered.
pub(super) fn is_needed(facts: &Facts) -> bool {
    facts.cluster.istio.outbound == OutboundPolicy::RegistryOnly
}

pub(super) fn part(context: &Context<'_>) -> Option<Part> {
    is_needed(context.facts).then(|| {
        let cloud = &context.facts.tenant.cloud;
        // Sign-in has the metadata, the keys and the tokens; Graph answers `userinfo` when a token lacks the address.
        let endpoints = [&cloud.sign_in, &cloud.graph];
        let hosts: BTreeSet<_> = endpoints.iter().filter_map(|url| url.host_str()).map(str::to_owned).collect();
        let ports: BTreeSet<_> = endpoints.iter().filter_map(|url| url.port_or_known_default()).collect();
        custom_part(
            Wave::Foundation,
            (&context.versions.service_entry, "ServiceEntry"),
            context.metadata(&context.names.proxy, "oauth2-proxy"),
            ServiceEntrySpec {
                hosts: hosts.into_iter().collect(),
                location: "MESH_EXTERNAL",
                ports: ports
                    .into_iter()
                    .map(|number| ServicePort { number, name: format!("tls-{number}"), protocol: "TLS" })
                    .collect(),
                resolution: "DNS",
                export_to: vec![".".to_owned()],
            },
            "Lets the sign-in proxy out to Entra, from this namespace alone; this mesh lets nothing out that is not registered.",
        )
    })
}
