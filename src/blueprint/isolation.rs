//! Who may reach what inside the mesh: the proxy is asked by those who enforce its answer, and the store by the proxy.

use super::{
    context::{Context, custom_part},
    istio::{
        Action, AuthorizationPolicySpec, ClientTls, ClientTlsMode, DestinationRuleSpec, From, MutualTls, MutualTlsMode,
        Operation, PeerAuthenticationSpec, Rule, Source, To, TrafficPolicy, WorkloadSelector,
    },
    object::{Part, Wave},
    pods, session_store,
};
use std::collections::BTreeMap;

pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    let proxy = context.names.proxy.as_str();
    let mut parts = vec![
        only_mutual_tls(
            context,
            (proxy, "oauth2-proxy"),
            "Has the sign-in proxy take connections of the mesh alone, so that it knows who is asking.",
        ),
        callers(
            context,
            Wave::Foundation,
            (proxy, "oauth2-proxy"),
            &pods::selector(proxy),
            Rule { from: vec![from(proxy_callers(context))], ..Rule::default() },
            "Lets only those reach the sign-in proxy who route people to it or ask it: everybody there is taken at their word.",
        ),
    ];
    // A store that is there already is guarded by whoever keeps it.
    if context.answers.sessions.existing().is_none() {
        parts.extend(in_front_of_store(context, proxy, &context.names.store));
    }
    parts.extend(in_front_of_application(context));
    parts
}

fn in_front_of_store(context: &Context<'_>, proxy: &str, store: &str) -> Vec<Part> {
    vec![
        only_mutual_tls(
            context,
            (store, "session-store"),
            "Has the session store take connections of the mesh alone, so that sessions and its password are not sent in the clear.",
        ),
        callers(
            context,
            Wave::Foundation,
            (store, "session-store"),
            &pods::selector(store),
            Rule {
                from: vec![from(vec![context.principal(context.namespace(), proxy)])],
                to: vec![To {
                    operation: Operation { ports: vec![session_store::PORT.to_string()], ..Operation::default() },
                }],
                ..Rule::default()
            },
            "Lets only the sign-in proxy reach the session store.",
        ),
    ]
}

/// The gateway brings people to sign-in; whoever has the hook asks.
fn proxy_callers(context: &Context<'_>) -> Vec<String> {
    let mut callers = vec![context.gateway_principal()];
    if !context.at_gateway() {
        let accounts = context.workload.service_accounts.iter();
        callers.extend(accounts.map(|account| context.principal(context.namespace(), account)));
    }
    callers
}

fn in_front_of_application(context: &Context<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    if !context.workload.has_sidecar {
        return parts;
    }
    parts.push(custom_part(
        Wave::Locks,
        (&context.versions.destination_rule, "DestinationRule"),
        context.metadata(context.app(), "application"),
        DestinationRuleSpec {
            host: context.service_host(&context.workload.service),
            traffic_policy: TrafficPolicy { tls: ClientTls { mode: ClientTlsMode::IstioMutual } },
        },
        "Demands mutual TLS towards the application, so that a pod that comes back without its sidecar is unreachable instead of open.",
    ).because("/spec/trafficPolicy/tls/mode", "not left to Istio, which falls back to plain text"));
    if context.at_gateway() {
        parts.push(callers(
            context,
            Wave::Locks,
            (&format!("{}-gateway-only", context.app()), "application"),
            &context.workload.selector,
            Rule { from: vec![from(vec![context.gateway_principal()])], ..Rule::default() },
            "Lets only the gateway reach the application: both locks are there, and another road would pass them by.",
        ));
    }
    parts
}

fn from(principals: Vec<String>) -> From {
    From { source: Source { principals, ..Source::default() } }
}

fn only_mutual_tls(context: &Context<'_>, (name, component): (&str, &str), why: &str) -> Part {
    custom_part(
        Wave::Foundation,
        (&context.versions.peer_authentication, "PeerAuthentication"),
        context.metadata(name, component),
        PeerAuthenticationSpec {
            selector: WorkloadSelector::new(&pods::selector(name)),
            mtls: MutualTls { mode: MutualTlsMode::Strict },
        },
        why,
    )
    .because("/spec/mtls/mode", "who is asking is known by the certificate alone")
}

fn callers(
    context: &Context<'_>,
    wave: Wave,
    (name, component): (&str, &str),
    labels: &BTreeMap<String, String>,
    rule: Rule,
    why: &str,
) -> Part {
    custom_part(
        wave,
        (&context.versions.authorization_policy, "AuthorizationPolicy"),
        context.metadata(name, component),
        AuthorizationPolicySpec {
            selector: WorkloadSelector::new(labels),
            action: Action::Allow,
            provider: None,
            rules: vec![rule],
        },
        why,
    )
}
