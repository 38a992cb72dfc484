//! The filters of one proxy: the hook, the tokens, the policies (domain.md 4.3).

use super::{Source, rbac};
use crate::practice::edge::{
    envoy_filter::{insert, insertions},
    mesh::{Pattern, Provider},
    objects::{items, text, texts, truth},
    policy::{Action, applying, providers, rule_name},
    token,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The rules of CUSTOM policies are told by this.
const CUSTOM: &str = "istio-ext-authz";

/// The HTTP filters, in their order.
pub(super) fn http_filters(source: &Source<'_>) -> Value {
    let mut filters = vec![plain("istio.metadata_exchange", "udpa.type.v1.TypedStruct")];
    filters.extend(hook(source));
    filters.extend(tokens(source));
    filters.extend(policies(source, Action::Deny));
    filters.extend(policies(source, Action::Allow));
    filters.push(plain("envoy.filters.http.fault", "envoy.extensions.filters.http.fault.v3.HTTPFault"));
    filters.push(plain("envoy.filters.http.cors", "envoy.extensions.filters.http.cors.v3.Cors"));
    filters.push(plain("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router"));
    match insertions(source.view, &source.mesh, source.workload) {
        Ok(insertions) => insert(&mut filters, insertions, |filter| text(filter, "/name"), |filter| filter.shown()),
        Err(why) => tracing::error!(origin = why.origin, "{why}; it is not shown"),
    }
    Value::Array(filters)
}

/// The filters of a port that does not speak HTTP.
pub(super) fn network_filters(source: &Source<'_>, port: u16) -> Value {
    let rules = |action| rbac_rules(&applying(source.view, &source.mesh, source.workload, action), false);
    let mut filters = Vec::new();
    for (action, name) in [(Action::Deny, "DENY"), (Action::Allow, "ALLOW")] {
        let rules = rules(action);
        if !rules.is_empty() {
            filters.push(json!({
                "name": "envoy.filters.network.rbac",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
                    "rules": with_action(name, rules), "stat_prefix": "tcp.",
                },
            }));
        }
    }
    filters.push(json!({
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": format!("inbound|{port}||"), "cluster": format!("inbound|{port}||"),
        },
    }));
    Value::Array(filters)
}

fn plain(name: &str, kind: &str) -> Value {
    json!({"name": name, "typed_config": {"@type": format!("type.googleapis.com/{kind}")}})
}

fn rbac_filter(settings: Map<String, Value>) -> Value {
    let mut typed = Map::new();
    typed.insert("@type".to_owned(), Value::from("type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"));
    typed.extend(settings);
    json!({"name": "envoy.filters.http.rbac", "typed_config": typed})
}

/// Envoy reports no field that has its default, and ALLOW is the default action.
fn with_action(action: &str, policies: Map<String, Value>) -> Value {
    let mut rules = Map::new();
    if action != "ALLOW" {
        rules.insert("action".to_owned(), Value::from(action));
    }
    rules.insert("policies".to_owned(), Value::Object(policies));
    Value::Object(rules)
}

fn rbac_rules(policies: &[Arc<Value>], http: bool) -> Map<String, Value> {
    let mut rules = Map::new();
    for policy in policies {
        for (position, rule) in items(policy, "/spec/rules").iter().enumerate() {
            if http || !rbac::needs_http(rule) {
                rules.insert(rule_name(policy, position), rbac::policy(rule));
            }
        }
    }
    rules
}

fn hook(source: &Source<'_>) -> Vec<Value> {
    let policies = applying(source.view, &source.mesh, source.workload, Action::Custom);
    if policies.is_empty() {
        return Vec::new();
    }
    let Ok(providers) = providers(source.view, &source.mesh, &policies) else {
        let mut rules = Map::new();
        for policy in &policies {
            for (position, rule) in items(policy, "/spec/rules").iter().enumerate() {
                let everything = source.mesh.minor < 20;
                let content = if everything { rbac::policy(&json!({})) } else { rbac::policy(rule) };
                rules.insert(format!("{}-deny-due-to-bad-CUSTOM-action", rule_name(policy, position)), content);
            }
        }
        let settings = Map::from_iter([("rules".to_owned(), with_action("DENY", rules))]);
        return vec![rbac_filter(settings)];
    };
    providers.into_iter().flat_map(|provider| asking(source, provider, &policies)).collect()
}

/// The shadow rules that say when a provider is asked, and the filter that asks it. Istio 1.30 and later write the provider's name
/// into both, earlier lines do not.
fn asking(source: &Source<'_>, provider: &Provider, policies: &[Arc<Value>]) -> Vec<Value> {
    let prefix = if source.mesh.minor >= 30 { format!("{CUSTOM}-{}", provider.name) } else { CUSTOM.to_owned() };
    let mut rules = Map::new();
    for policy in policies.iter().filter(|policy| text(policy, "/spec/provider/name") == provider.name) {
        for (position, rule) in items(policy, "/spec/rules").iter().enumerate() {
            rules.insert(format!("{prefix}-{}", rule_name(policy, position)), rbac::policy(rule));
        }
    }
    let shadow = Map::from_iter([
        ("shadow_rules".to_owned(), with_action("DENY", rules)),
        ("shadow_rules_stat_prefix".to_owned(), Value::from("istio_ext_authz_")),
    ]);
    let cluster = format!("outbound|{}||{}", provider.port, provider.service);
    let mut service = json!({
        "server_uri": {
            "uri": format!("http://{}", provider.service), "cluster": cluster,
            "timeout": format!("{}s", provider.timeout.as_secs_f64()),
        },
        "authorization_response": {},
    });
    if !provider.path_prefix.is_empty() {
        service["path_prefix"] = Value::from(provider.path_prefix.as_str());
    }
    for (key, list) in [
        ("allowed_upstream_headers", &provider.upstream_on_allow),
        ("allowed_client_headers", &provider.downstream_on_deny),
        ("allowed_client_headers_on_success", &provider.downstream_on_allow),
    ] {
        if !list.is_empty() {
            service["authorization_response"][key] = patterns(list);
        }
    }
    let mut typed = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "http_service": service,
        "status_on_error": {"code": status_name(provider.status_on_error)},
        "transport_api_version": "V3",
        "filter_enabled_metadata": {
            "filter": "envoy.filters.http.rbac",
            "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}],
            "value": {"string_match": {"prefix": prefix}},
        },
    });
    if provider.fail_open {
        typed["failure_mode_allow"] = Value::Bool(true);
    }
    if !provider.request_headers.is_empty() {
        typed["allowed_headers"] = patterns(&provider.request_headers);
    }
    vec![rbac_filter(shadow), json!({"name": "envoy.filters.http.ext_authz", "typed_config": typed})]
}

fn patterns(list: &[Pattern]) -> Value {
    let one = |pattern: &Pattern| match pattern {
        Pattern::Exact(name) => json!({"exact": name, "ignore_case": true}),
        Pattern::Prefix(prefix) => json!({"prefix": prefix, "ignore_case": true}),
        Pattern::Suffix(suffix) => json!({"suffix": suffix, "ignore_case": true}),
    };
    json!({"patterns": list.iter().map(one).collect::<Vec<_>>()})
}

/// Envoy's names for the statuses that are in use here.
fn status_name(code: u16) -> Value {
    match code {
        401 => Value::from("Unauthorized"),
        403 => Value::from("Forbidden"),
        500 => Value::from("InternalServerError"),
        503 => Value::from("ServiceUnavailable"),
        other => Value::from(other),
    }
}

fn tokens(source: &Source<'_>) -> Option<Value> {
    let rules = token::rules(source.view, &source.mesh, source.workload);
    if rules.is_empty() {
        return None;
    }
    let mut providers = Map::new();
    let mut requirements = Vec::new();
    for (position, rule) in rules.iter().enumerate() {
        let name = format!("origins-{position}");
        let mut provider = json!({
            "issuer": text(rule, "/issuer"),
            "local_jwks": {"inline_string": text(rule, "/jwks")},
            "payload_in_metadata": "payload",
        });
        if !texts(rule, "/audiences").is_empty() {
            provider["audiences"] = rule["audiences"].clone();
        }
        if truth(rule, "/forwardOriginalToken") {
            provider["forward"] = Value::Bool(true);
        }
        providers.insert(name.clone(), provider);
        requirements.push(json!({"provider_name": name}));
    }
    requirements.push(json!({"allow_missing": {}}));
    Some(json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": providers,
            "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": requirements}}}],
            "bypass_cors_preflight": true,
        },
    }))
}

fn policies(source: &Source<'_>, action: Action) -> Option<Value> {
    let policies = applying(source.view, &source.mesh, source.workload, action);
    if policies.is_empty() {
        return None;
    }
    let name = if action == Action::Deny { "DENY" } else { "ALLOW" };
    Some(rbac_filter(Map::from_iter([("rules".to_owned(), with_action(name, rbac_rules(&policies, true)))])))
}
