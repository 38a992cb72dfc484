//! The first lock: Envoy asks the sign-in proxy before it lets a request in (domain.md 4.2).

use super::{
    context::{Context, custom_part},
    identity_headers,
    istio::{Action, AuthorizationPolicySpec, Operation, Provider, Rule, To, WorkloadSelector},
    object::{MeshProvider, Part, PartBody, PartId, Wave},
    proxy, proxy_config,
};
use serde::Serialize;

/// What a check carries besides method, path and host. By name and never by wildcard: a client's own `x-forwarded-uri` or
/// `x-auth-request-redirect` would be believed (domain.md 3.6, D6).
const CHECKED_HEADERS: [&str; 8] = [
    "accept",
    "authorization",
    "cookie",
    "user-agent",
    "x-envoy-external-address",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-requested-with",
];

/// What the application gets from the proxy's yes.
pub(super) const GRANTED_HEADERS: [&str; 5] = [
    "authorization",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-user",
];

/// Redeeming a code, fetching keys and writing the session all happen inside one check; the walk-through's 1.5 s cut it off.
const CHECK_TIMEOUT: &str = "10s";

/// An entry of the mesh configuration's `extensionProviders`. Envoy's answer to a refused request is passed on whole,
/// because `headersToDownstreamOnDeny` is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtensionProvider {
    name: String,
    envoy_ext_authz_http: HttpCheck,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpCheck {
    service: String,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<&'static str>,
    fail_open: bool,
    status_on_error: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include_headers_in_check: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include_request_headers_in_check: Vec<&'static str>,
    headers_to_upstream_on_allow: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers_to_downstream_on_allow: Vec<&'static str>,
}

pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    let mut parts = vec![provider(context)];
    parts.extend(lock_parts(context));
    parts
}

fn provider(context: &Context<'_>) -> Part {
    let mesh = &context.facts.cluster.istio.mesh_config;
    let name = provider_name(context);
    // The names of the fields by line: domain.md 4.1.
    let renamed = context.istio_is_at_least(10);
    let checked = CHECKED_HEADERS.to_vec();
    let (old, new) = if renamed { (Vec::new(), checked) } else { (checked, Vec::new()) };
    let entry = ExtensionProvider {
        name: name.to_owned(),
        envoy_ext_authz_http: HttpCheck {
            service: context.service_host(&context.names.proxy),
            port: proxy::SERVICE_PORT,
            timeout: renamed.then_some(CHECK_TIMEOUT),
            fail_open: false,
            status_on_error: "503",
            include_headers_in_check: old,
            include_request_headers_in_check: new,
            headers_to_upstream_on_allow: GRANTED_HEADERS.to_vec(),
            headers_to_downstream_on_allow: if context.istio_is_at_least(14) { vec!["set-cookie"] } else { Vec::new() },
        },
    };
    #[expect(clippy::expect_used, reason = "plain values always serialise")]
    let entry = serde_json::to_value(entry).expect("an entry of plain values serialises");
    Part {
        id: PartId(format!("mesh/{}/{}/{name}", mesh.namespace, mesh.name)),
        wave: Wave::Foundation,
        why: "Tells the mesh where the sign-in proxy is and what to ask it; this entry is all that is changed there."
            .to_owned(),
        body: PartBody::MeshProvider(MeshProvider {
            namespace: mesh.namespace.clone(),
            config_map: mesh.name.clone(),
            key: mesh.key.clone(),
            entry,
        }),
        reasons: Vec::new(),
    }
    .because("/0/name", "the name that the hook's policy asks for")
    .because("/0/envoyExtAuthzHttp/timeout", "a code is redeemed and a session is written inside one check")
    .because("/0/envoyExtAuthzHttp/failOpen", "nobody gets in while the sign-in proxy is away")
    .because("/0/envoyExtAuthzHttp/statusOnError", "a sign-in proxy that is away is told from a refusal")
}

/// What puts the hook in place.
pub(super) fn lock_parts(context: &Context<'_>) -> Vec<Part> {
    let mut parts = vec![policy(context)];
    parts.extend(reserved(context));
    parts
}

/// Refuses at the application what is reserved to sign-in: the paths to which the proxy says yes without asking anybody, and
/// headers that nobody but it may set. At the gateway the paths are the proxy's, and there is no other road.
fn reserved(context: &Context<'_>) -> Option<Part> {
    (!context.at_gateway()).then(|| {
        let (namespace, labels) = context.lock_place();
        let operation = Operation { paths: reserved_paths(), ..Operation::default() };
        let mut rules = vec![Rule { to: vec![To { operation }], ..Rule::default() }];
        rules.extend(identity_headers::refused_in_sidecar(context));
        custom_part(
            Wave::Locks,
            (&context.versions.authorization_policy, "AuthorizationPolicy"),
            context.metadata_in(namespace, &context.lock_name("reserved"), "hook"),
            AuthorizationPolicySpec {
                selector: WorkloadSelector::new(labels),
                action: Action::Deny,
                provider: None,
                rules,
            },
            "Keeps from the application what is sign-in's own: the paths to which the proxy says yes without asking anybody, \
             and headers about somebody's identity that the caller made up.",
        )
        .because("/spec/rules/0/to/0/operation/paths/0", "the routes send these to the proxy")
        .because(
            "/spec/rules/1/when/0/key",
            "set by nobody but a caller in the mesh: the gateway's route takes it away",
        )
    })
}

/// The paths that are the proxy's own on our host.
fn reserved_paths() -> Vec<String> {
    vec![format!("{}*", proxy_config::PREFIX), proxy_config::ROBOTS.to_owned()]
}

fn policy(context: &Context<'_>) -> Part {
    let (namespace, labels) = context.lock_place();
    // In the sidecar every request is asked about, whatever its host and path. At the gateway the sign-in paths are left
    // out: they go to the proxy itself, by the very same prefix (domain.md D5).
    let (rule, why) = if context.at_gateway() {
        let to = vec![To { operation: guarded_at_gateway(context) }];
        (
            Rule { to, ..Rule::default() },
            "Has the gateway ask the sign-in proxy about every request for this host, but for those that are sign-in itself.",
        )
    } else {
        (
            Rule::default(),
            "Has the application's own sidecar ask the sign-in proxy about every request, whichever road it came.",
        )
    };
    custom_part(
        Wave::Locks,
        (&context.versions.authorization_policy, "AuthorizationPolicy"),
        context.metadata_in(namespace, &policy_name(context), "hook"),
        AuthorizationPolicySpec {
            selector: WorkloadSelector::new(labels),
            action: Action::Custom,
            provider: Some(Provider { name: provider_name(context).to_owned() }),
            rules: vec![rule],
        },
        why,
    )
    .because("/spec/action", "asks, and comes before every other policy")
    .because("/spec/provider/name", "to the letter as in the mesh configuration, or everybody is refused")
}

/// What the locks at a gateway are about: our host, with or without a port, which Envoy ignores in routing and compares in
/// policies (domain.md 4.2); and of that everything that is not routed to the proxy.
pub(super) fn guarded_at_gateway(context: &Context<'_>) -> Operation {
    let host = context.host();
    Operation { hosts: vec![host.to_owned(), format!("{host}:*")], not_paths: reserved_paths(), ..Operation::default() }
}

/// The name of our entry in the mesh configuration.
pub(super) fn provider_name<'a>(context: &'a Context<'_>) -> &'a str {
    &context.names.shared
}

/// The name of the policy that puts the hook in place.
pub(super) fn policy_name(context: &Context<'_>) -> String {
    context.lock_name("sign-in")
}
