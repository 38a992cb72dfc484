//! The roads from the gateway: made last, when both locks are proven (design.md, law 1).

use super::{
    certificate,
    context::{Context, custom_part},
    identity_headers,
    istio::{
        Destination, GatewaySpec, HeaderOperations, Headers, HttpMatch, HttpRoute, PortSelector, RouteDestination,
        Server, ServerTls, ServicePort, UriMatch, VirtualServiceSpec,
    },
    object::{Part, Wave},
    proxy, proxy_config,
};
use std::collections::BTreeMap;

/// What a client might send to have the sign-in proxy believe another address (domain.md 4.4).
const MISLEADING_HEADERS: [&str; 3] = ["x-auth-request-redirect", "x-forwarded-host", "x-forwarded-uri"];

pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    vec![gateway(context), virtual_service(context)]
}

fn gateway(context: &Context<'_>) -> Part {
    // With the locks at the gateway there must be a listener to prove them on. Without a route it answers 404.
    let wave = if context.at_gateway() { Wave::Locks } else { Wave::Routes };
    custom_part(
        wave,
        (&context.versions.gateway, "Gateway"),
        context.metadata(context.app(), "routes"),
        GatewaySpec {
            selector: context.facts.cluster.gateway.selector.clone(),
            servers: vec![Server {
                port: ServicePort { number: 443, name: format!("https-{}", context.names.shared), protocol: "HTTPS" },
                hosts: vec![server_host(context)],
                tls: ServerTls { mode: "SIMPLE", credential_name: certificate::secret_name(context).to_owned() },
            }],
        },
        "Opens the gateway's HTTPS port for the names on the certificate, in one server: browsers re-use a connection for \
         every name on its certificate, and two servers would answer them with 404.",
    )
    .because("/spec/servers/0/hosts/0", "the one server for all names on the certificate")
    .because("/spec/servers/0/tls/credentialName", "a Secret in the gateway's namespace, not in this one")
}

/// The name that the gateway's one server is for: the wildcard where the certificate has one that covers the host
/// (domain.md D7).
pub(super) fn server_host(context: &Context<'_>) -> String {
    let host = &context.answers.application.host;
    certificate::names(context)
        .iter()
        .find(|name| name.is_wildcard() && name.covers(host))
        .map_or_else(|| host.to_string(), ToString::to_string)
}

fn virtual_service(context: &Context<'_>) -> Part {
    custom_part(
        Wave::Routes,
        (&context.versions.virtual_service, "VirtualService"),
        context.metadata(context.app(), "routes"),
        VirtualServiceSpec {
            hosts: vec![context.host().to_owned()],
            gateways: vec![format!("{}/{}", context.namespace(), context.app())],
            http: vec![sign_in_route(context), application_route(context)],
        },
        "Sends sign-in to the sign-in proxy and everything else to the application, without the identity headers that a \
         client might have made up.",
    )
    .because("/spec/http/0/match/0/uri/prefix", "sign-in itself; it comes first, and is the same as in the proxy's configuration")
    .because("/spec/http/0/headers/request/set/x-forwarded-proto", "sign-in comes back to an address that begins with it")
    .because(
        "/spec/http/1/headers/request/remove/0",
        "each with - and _ in every mixture: Envoy tells them apart, many servers do not",
    )
}

fn sign_in_route(context: &Context<'_>) -> HttpRoute {
    HttpRoute {
        name: "sign-in",
        matches: vec![
            HttpMatch { uri: UriMatch::Prefix(proxy_config::PREFIX) },
            HttpMatch { uri: UriMatch::Exact(proxy_config::ROBOTS) },
        ],
        headers: Headers {
            request: HeaderOperations {
                set: BTreeMap::from([("x-forwarded-proto", "https")]),
                remove: MISLEADING_HEADERS.map(str::to_owned).to_vec(),
            },
        },
        route: vec![to(context, &context.names.proxy, proxy::SERVICE_PORT)],
    }
}

fn application_route(context: &Context<'_>) -> HttpRoute {
    let remove = identity_headers::removed_by_route(context);
    HttpRoute {
        name: "application",
        matches: Vec::new(),
        headers: Headers { request: HeaderOperations { remove, ..HeaderOperations::default() } },
        route: vec![to(context, &context.workload.service, context.workload.port)],
    }
}

fn to(context: &Context<'_>, service: &str, number: u16) -> RouteDestination {
    RouteDestination { destination: Destination { host: context.service_host(service), port: PortSelector { number } } }
}
