//! From Envoy's `/config_dump` to what matters to us.

use super::{Hook, HttpChain, LiveConfiguration, PolicyAction, PolicyName, Script, TokenRule};
use crate::cluster::fields::Fields;
use serde_json::Value;
use std::collections::BTreeSet;

/// What Istio prefixes the names of CUSTOM rules with.
const CUSTOM_PREFIX: &str = "istio-ext-authz-";
/// What Istio calls a rule that refuses everything because a CUSTOM policy cannot be carried out (domain.md 4.2).
const BAD_CUSTOM: &str = "deny-due-to-bad-CUSTOM-action";

pub(super) fn live_configuration(dump: &Value) -> LiveConfiguration {
    let mut live = LiveConfiguration::default();
    for config in dump.entries("/configs") {
        match type_name(config) {
            "ListenersConfigDump" => listeners(config, &mut live),
            "RoutesConfigDump" => {
                for routes in
                    config.entries("/dynamic_route_configs").iter().chain(config.entries("/static_route_configs"))
                {
                    rejected(routes, &mut live);
                    hosts(routes.pointer("/route_config"), &mut live);
                }
            }
            _ => {}
        }
    }
    live
}

/// The last part of a type URL, such as `RBAC`: filters are told by their type, since their names have changed over the
/// years and change again (domain.md 4.1).
fn type_name(value: &Value) -> &str {
    value.text("/@type").and_then(|url| url.rsplit('.').next()).unwrap_or_default()
}

fn rejected(state: &Value, live: &mut LiveConfiguration) {
    live.rejected.extend(state.text("/error_state/details").map(str::to_owned));
}

fn hosts(route_config: Option<&Value>, live: &mut LiveConfiguration) {
    let virtual_hosts = route_config.map(|routes| routes.entries("/virtual_hosts")).unwrap_or_default();
    let domains = virtual_hosts.iter().flat_map(|host| host.entries("/domains"));
    live.hosts.extend(domains.filter_map(Value::as_str).map(str::to_owned));
    let routes = virtual_hosts.iter().flat_map(|host| host.entries("/routes"));
    live.routes
        .extend(routes.filter_map(|route| virtual_service(route.text("/metadata/filter_metadata/istio/config")?)));
}

/// `/apis/networking.istio.io/v1/namespaces/myapp/virtual-service/myapp`, as Istio writes beside every route.
fn virtual_service(config: &str) -> Option<String> {
    let (_, place) = config.split_once("/namespaces/")?;
    let (namespace, name) = place.split_once("/virtual-service/")?;
    Some(format!("{namespace}/{name}"))
}

fn listeners(config: &Value, live: &mut LiveConfiguration) {
    let fixed = config.entries("/static_listeners").iter().filter_map(|state| state.pointer("/listener"));
    let dynamic = config.entries("/dynamic_listeners").iter();
    for state in dynamic.clone() {
        rejected(state, live);
    }
    // A listener that is only warming carries no traffic, and the one it replaces still does.
    for listener in fixed.chain(dynamic.filter_map(|state| state.pointer("/active_state/listener"))) {
        let chains = listener.entries("/filter_chains").iter().chain(listener.pointer("/default_filter_chain"));
        for chain in chains {
            for filter in chain.entries("/filters") {
                let settings = filter.pointer("/typed_config").unwrap_or(&Value::Null);
                if type_name(settings) == "HttpConnectionManager" {
                    hosts(settings.pointer("/route_config"), live);
                    live.chains.push(http_chain(listener, chain, settings));
                }
            }
        }
    }
}

fn http_chain(listener: &Value, chain: &Value, manager: &Value) -> HttpChain {
    let names = chain.entries("/filter_chain_match/server_names").iter();
    let mut found = HttpChain {
        listener: listener.text("/name").unwrap_or_default().to_owned(),
        server_names: names.filter_map(Value::as_str).map(str::to_owned).collect(),
        hooks: Vec::new(),
        token_rules: Vec::new(),
        scripts: Vec::new(),
        policies: BTreeSet::new(),
        refuses_all: false,
    };
    let mut custom_rules = Vec::new();
    for filter in manager.entries("/http_filters") {
        let settings = filter.pointer("/typed_config").unwrap_or(&Value::Null);
        match type_name(settings) {
            "ExtAuthz" => found.hooks.push(hook(settings, &custom_rules)),
            "Lua" => found.scripts.push(Script {
                name: filter.text("/name").unwrap_or_default().to_owned(),
                after_hook: !found.hooks.is_empty(),
                after_tokens: !found.token_rules.is_empty(),
            }),
            "JwtAuthentication" => found.token_rules.extend(token_rules(settings)),
            "RBAC" => {
                custom_rules.extend(rules(settings, "shadow_rules").map(str::to_owned));
                for rule in rules(settings, "rules") {
                    found.refuses_all |= rule.contains(BAD_CUSTOM);
                    found.policies.extend(policy(rule).map(|policy| (action(settings), policy)));
                }
            }
            _ => {}
        }
    }
    found
}

fn rules<'a>(rbac: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    let policies = rbac.get(field).and_then(|rules| rules.get("policies")).and_then(Value::as_object);
    policies.into_iter().flat_map(|policies| policies.keys().map(String::as_str))
}

/// Envoy leaves out what is the default, and `ALLOW` is.
fn action(rbac: &Value) -> PolicyAction {
    match rbac.text("/rules/action") {
        Some("DENY") => PolicyAction::Deny,
        Some("LOG") => PolicyAction::Log,
        _ => PolicyAction::Allow,
    }
}

/// `ns[myapp]-policy[myapp-token]-rule[0]`, with or without what stands before it.
fn policy(rule: &str) -> Option<PolicyName> {
    let (namespace, rest) = rule.split_once("ns[")?.1.split_once("]-policy[")?;
    let (name, _) = rest.split_once("]-rule[")?;
    Some(PolicyName::new(namespace, name))
}

/// `istio-ext-authz-PROVIDER-ns[…]`; versions before 1.30 name no provider.
fn provider(rule: &str) -> Option<&str> {
    let rest = rule.strip_prefix(CUSTOM_PREFIX)?;
    let (provider, _) = rest.split_once("-ns[")?;
    (!provider.is_empty()).then_some(provider)
}

/// A hook is asked when a CUSTOM rule before it matched; `filter_enabled_metadata` says by its prefix, which ones.
fn hook(ext_authz: &Value, custom_rules: &[String]) -> Hook {
    let prefix = ext_authz.text("/filter_enabled_metadata/value/string_match/prefix").unwrap_or("istio-ext-authz");
    let of_this = |rule: &&String| {
        rule.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('-') || prefix.ends_with('-'))
    };
    let rules: Vec<_> = custom_rules.iter().filter(of_this).collect();
    let service = ["/http_service/server_uri/cluster", "/grpc_service/envoy_grpc/cluster_name"];
    Hook {
        provider: rules.iter().find_map(|rule| provider(rule)).map(str::to_owned),
        cluster: service.into_iter().find_map(|pointer| ext_authz.text(pointer)).unwrap_or_default().to_owned(),
        policies: rules.iter().filter_map(|rule| policy(rule)).collect(),
        fails_open: ext_authz.pointer("/failure_mode_allow").and_then(Value::as_bool).unwrap_or(false),
    }
}

fn token_rules(jwt: &Value) -> impl Iterator<Item = TokenRule> {
    let providers = jwt.pointer("/providers").and_then(Value::as_object);
    providers.into_iter().flat_map(|providers| providers.values()).map(|provider| TokenRule {
        issuer: provider.text("/issuer").unwrap_or_default().to_owned(),
        audiences: provider.entries("/audiences").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}
