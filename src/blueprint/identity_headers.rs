//! Headers that tell the application who somebody is. What a client sends under these names must never reach it: Envoy
//! overrides only those that the sign-in proxy's answer has, and a missing claim leaves the client's own in place
//! (domain.md 3.3).

use super::{
    context::{Context, custom_part},
    hook::GRANTED_HEADERS,
    istio::{
        Condition, ConfigPatch, EnvoyFilterSelector, EnvoyFilterSpec, FilterChainMatch, From, HttpFilterMatch,
        InlineSource, ListenerMatch, LuaCode, LuaConfig, LuaFilter, NetworkFilterMatch, Patch, PatchPlace, Rule,
        Source,
    },
    object::{Part, Wave},
    proxy_config,
    token_validation::GATEWAY_TOKEN_HEADER,
};
use std::fmt::Write as _;

/// The identity headers. `authorization` is not among them: an application's own token comes in it, and is checked.
pub(super) const IDENTITY_HEADERS: [&str; 10] = [
    "x-auth-request-access-token",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-user",
    "x-forwarded-access-token",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
];

/// The identity headers in every spelling with `-` and `_`. To Envoy each is a header of its own; servers that hand headers on
/// as variables (CGI, WSGI, PHP) take the two for the same (docs/decisions/identity-headers.md).
fn spellings() -> impl Iterator<Item = String> {
    IDENTITY_HEADERS.into_iter().flat_map(spellings_of)
}

/// The name first as it is, then each mixture, and last with `_` alone.
fn spellings_of(name: &str) -> Vec<String> {
    name.split('-').fold(Vec::new(), |begun, word| {
        if begun.is_empty() {
            return vec![word.to_owned()];
        }
        begun.iter().flat_map(|begun| ['-', '_'].map(|between| format!("{begun}{between}{word}"))).collect()
    })
}

/// The headers that the route to the application takes away. Routing comes before the application's sidecar and after the
/// gateway's own hook, so with the hook at the gateway those that the hook has just set must stay.
pub(super) fn removed_by_route(context: &Context<'_>) -> Vec<String> {
    spellings().filter(|name| !context.at_gateway() || !is_granted(name)).collect()
}

/// Whether the sign-in proxy's yes may have set it.
fn is_granted(name: &str) -> bool {
    GRANTED_HEADERS.contains(&name)
}

/// The requests that the application's own sidecar refuses for what they say of themselves. Callers inside the mesh do not pass
/// the route that takes identity headers away, and policies come after the hook: what the hook never sets is the caller's own.
pub(super) fn refused_in_sidecar(context: &Context<'_>) -> Vec<Rule> {
    let made_up = spellings().filter(|name| !is_granted(name));
    let mut rules: Vec<Rule> = made_up.map(|name| Rule { when: vec![is_there(&name)], ..Rule::default() }).collect();
    // These two the hook sets for those alone who have the claim; the other two it sets for everybody. What came by the gateway
    // is the hook's own in any case.
    for (name, claim) in [
        ("x-auth-request-groups", proxy_config::GROUPS_CLAIM),
        ("x-auth-request-preferred-username", "preferred_username"),
    ] {
        let source = Source { not_principals: vec![context.gateway_principal()], ..Source::default() };
        let lacks_claim = Condition {
            key: format!("request.auth.claims[{claim}]"),
            values: Vec::new(),
            not_values: vec!["*".to_owned()],
        };
        rules.push(Rule { from: vec![From { source }], when: vec![is_there(name), lacks_claim], ..Rule::default() });
    }
    rules
}

fn is_there(name: &str) -> Condition {
    Condition { key: format!("request.headers[{name}]"), values: vec!["*".to_owned()], not_values: Vec::new() }
}

/// With the hook at the gateway, the filter that takes the headers away before the hook.
pub(super) fn part(context: &Context<'_>) -> Option<Part> {
    context.at_gateway().then(|| {
        let gateway = &context.facts.cluster.gateway;
        custom_part(
            Wave::Locks,
            (&context.versions.envoy_filter, "EnvoyFilter"),
            context.metadata_in(&gateway.namespace, &context.lock_name("headers"), "hook"),
            EnvoyFilterSpec {
                workload_selector: EnvoyFilterSelector { labels: gateway.selector.clone() },
                config_patches: vec![
                    patch("INSERT_FIRST", None, strip_filter(context), strip(context)),
                    // Where the filter it goes before is missing, the token is not found and the request refused.
                    patch(
                        "INSERT_BEFORE",
                        Some("envoy.filters.http.jwt_authn"),
                        token_filter(context),
                        show_token(context),
                    ),
                ],
            },
            "Takes away identity headers that a client sends for this host, before the sign-in proxy is asked, and shows its \
             token to the token lock; other hosts of the gateway are not touched.",
        )
    })
}

/// What Envoy calls the filter that takes the headers away. Other installations have theirs in the same gateway.
pub(super) fn strip_filter(context: &Context<'_>) -> String {
    format!("{}.strip", context.names.shared)
}

/// What Envoy calls the filter that shows the token to the token lock.
pub(super) fn token_filter(context: &Context<'_>) -> String {
    format!("{}.token", context.names.shared)
}

fn patch(operation: &'static str, before: Option<&'static str>, name: String, code: LuaCode) -> ConfigPatch {
    ConfigPatch {
        apply_to: "HTTP_FILTER",
        place: PatchPlace {
            context: "GATEWAY",
            listener: ListenerMatch {
                filter_chain: FilterChainMatch {
                    filter: NetworkFilterMatch {
                        name: "envoy.filters.network.http_connection_manager",
                        sub_filter: before.map(|name| HttpFilterMatch { name }),
                    },
                },
            },
        },
        patch: Patch {
            operation,
            value: LuaFilter {
                name,
                typed_config: LuaConfig {
                    type_url: "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                    code,
                },
            },
        },
    }
}

/// A Lua function that is called for requests to our host alone, whatever its case and port.
fn for_our_host(context: &Context<'_>, body: &str) -> LuaCode {
    let code = format!(
        "function envoy_on_request(handle)\n\
         \x20 local headers = handle:headers()\n\
         \x20 local host = string.gsub(string.lower(headers:get(\":authority\") or \"\"), \":%d*$\", \"\")\n\
         \x20 if host ~= \"{}\" then\n\
         \x20   return\n\
         \x20 end\n\
         {body}end\n",
        context.host()
    );
    // Istio 1.20 has Envoy 1.28, which warns of the older form.
    if context.istio_is_at_least(20) {
        LuaCode::DefaultSourceCode(InlineSource { inline_string: code })
    } else {
        LuaCode::InlineCode(code)
    }
}

fn strip(context: &Context<'_>) -> LuaCode {
    let mut removals = String::new();
    for name in IDENTITY_HEADERS.into_iter().chain([GATEWAY_TOKEN_HEADER]) {
        let _infallible = writeln!(removals, "  headers:remove(\"{name}\")");
    }
    for_our_host(context, &removals)
}

fn show_token(context: &Context<'_>) -> LuaCode {
    for_our_host(
        context,
        &format!(
            "  local authorization = headers:get(\"authorization\")\n\
             \x20 if authorization then\n\
             \x20   headers:replace(\"{GATEWAY_TOKEN_HEADER}\", authorization)\n\
             \x20 end\n"
        ),
    )
}
