//! The way out to Entra, and to a Redis that lies outside, where the mesh lets nothing out that is not registered (domain.md 4.6).

use super::{
    context::{Context, custom_part},
    istio::{ServiceEntrySpec, ServicePort},
    object::{Part, Wave},
    session_store::{self, Place},
};
use crate::facts::{Facts, OutboundPolicy};

/// Whether traffic out of the mesh must be registered.
pub(super) fn is_needed(facts: &Facts) -> bool {
    facts.cluster.istio.outbound == OutboundPolicy::RegistryOnly
}

pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    if !is_needed(context.facts) {
        return Vec::new();
    }
    std::iter::once(to_sign_in(context)).chain(to_redis(context)).collect()
}

fn to_redis(context: &Context<'_>) -> Option<Part> {
    let redis = context.answers.sessions.existing()?;
    let Place::Outside = session_store::place(context) else { return None };
    let number = redis.address.port().get();
    let (name, protocol) = if redis.address.tls() { ("tls-redis", "TLS") } else { ("tcp-redis", "TCP") };
    Some(custom_part(
        Wave::Foundation,
        (&context.versions.service_entry, "ServiceEntry"),
        context.metadata(&context.names.store, "session-store"),
        ServiceEntrySpec {
            hosts: vec![redis.address.host().to_owned()],
            location: "MESH_EXTERNAL",
            ports: vec![ServicePort { number, name: name.to_owned(), protocol }],
            resolution: "DNS",
            export_to: vec![".".to_owned()],
        },
        "Lets the sign-in proxy out to the Redis that keeps the sessions, from this namespace alone; this mesh lets nothing out that is \
         not registered.",
    ))
}

fn to_sign_in(context: &Context<'_>) -> Part {
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
}
