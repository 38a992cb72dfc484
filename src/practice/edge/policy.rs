//! AuthorizationPolicies: which of them count for a workload, and what they say to a request.

use super::{
    mesh::{Mesh, Provider},
    objects::{Objects, annotation, items, name, namespace, oldest_first, selects, text},
    rule::{Attributes, rule_matches},
    workload::{Workload, service_name},
};
use serde_json::Value;
use std::sync::Arc;

/// What a policy does with a request that one of its rules matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask an external authorizer.
    Custom,
    /// Refuse.
    Deny,
    /// Let pass; whatever no such policy matches is refused.
    Allow,
}

impl Action {
    fn of(policy: &Value) -> Option<Self> {
        match text(policy, "/spec/action") {
            "CUSTOM" => Some(Self::Custom),
            "DENY" => Some(Self::Deny),
            "" | "ALLOW" => Some(Self::Allow),
            // AUDIT decides nothing.
            _ => None,
        }
    }
}

/// The policies of one action that count for a workload: of its own namespace and of the root namespace, where the selector
/// selects it. Those with `targetRefs` are for waypoints and Gateway-API gateways, which are not imitated.
pub fn applying(objects: &dyn Objects, mesh: &Mesh, workload: &Workload, action: Action) -> Vec<Arc<Value>> {
    let places = if workload.namespace() == mesh.root_namespace {
        vec![workload.namespace()]
    } else {
        vec![mesh.root_namespace.as_str(), workload.namespace()]
    };
    places
        .into_iter()
        .flat_map(|place| oldest_first(objects.list("security.istio.io", "AuthorizationPolicy", Some(place))))
        .filter(|policy| Action::of(policy) == Some(action))
        .filter(|policy| policy.pointer("/spec/targetRefs").is_none() && policy.pointer("/spec/targetRef").is_none())
        .filter(|policy| selects(policy, "/spec/selector/matchLabels", workload.labels()))
        // A dry-run CUSTOM policy still asks (domain.md 4.1); the other two only log.
        .filter(|policy| action == Action::Custom || annotation(policy, "istio.io/dry-run") != Some("true"))
        .collect()
}

/// What Envoy's own access control says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request goes on.
    Allowed,
    /// The request ends: `RBAC: access denied`. The text names the policy that refused, or that none allowed.
    Refused(String),
}

/// DENY before ALLOW, as Envoy has them.
pub fn decide(objects: &dyn Objects, mesh: &Mesh, workload: &Workload, attributes: &Attributes<'_>) -> Decision {
    match denied(objects, mesh, workload, attributes) {
        Decision::Allowed => allowed(objects, mesh, workload, attributes),
        refused @ Decision::Refused(_) => refused,
    }
}

/// What the DENY policies of a workload do with a request.
pub fn denied(objects: &dyn Objects, mesh: &Mesh, workload: &Workload, attributes: &Attributes<'_>) -> Decision {
    let policies = applying(objects, mesh, workload, Action::Deny);
    let refusing =
        policies.iter().find_map(|policy| Some(rule_name(policy, matching_rule(policy, attributes, Action::Deny)?)));
    refusing.map_or(Decision::Allowed, Decision::Refused)
}

/// What the ALLOW policies of a workload do with a request.
pub fn allowed(objects: &dyn Objects, mesh: &Mesh, workload: &Workload, attributes: &Attributes<'_>) -> Decision {
    let allowing = applying(objects, mesh, workload, Action::Allow);
    if allowing.is_empty() || allowing.iter().any(|policy| matching_rule(policy, attributes, Action::Allow).is_some()) {
        Decision::Allowed
    } else {
        Decision::Refused("none".to_owned())
    }
}

/// What the hook in front of a workload does with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Hook {
    /// Nobody is asked.
    Absent,
    /// These are asked, in this order.
    Ask(Vec<Provider>),
    /// It is refused: the provider is missing, or there are several (domain.md 4.1).
    Refuse(String),
}

/// What the CUSTOM policies of a workload do with a request.
pub fn hook(objects: &dyn Objects, mesh: &Mesh, workload: &Workload, attributes: &Attributes<'_>) -> Hook {
    let policies = applying(objects, mesh, workload, Action::Custom);
    let Ok(providers) = providers(objects, mesh, &policies) else {
        // Before 1.20 a broken hook refused everything that reached the workload, since then what its rules match.
        let refused = policies.iter().find_map(|policy| {
            let rule = if mesh.minor < 20 { Some(0) } else { matching_rule(policy, attributes, Action::Custom) };
            rule.map(|rule| format!("{}-deny-due-to-bad-CUSTOM-action", rule_name(policy, rule)))
        });
        return refused.map_or(Hook::Absent, Hook::Refuse);
    };
    let asked: Vec<Provider> = providers
        .into_iter()
        .filter(|provider| {
            policies.iter().any(|policy| {
                text(policy, "/spec/provider/name") == provider.name
                    && matching_rule(policy, attributes, Action::Custom).is_some()
            })
        })
        .cloned()
        .collect();
    if asked.is_empty() { Hook::Absent } else { Hook::Ask(asked) }
}

/// The hook of a workload can't be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHook;

/// The distinct providers of a workload's CUSTOM policies, if its proxy can have them.
pub fn providers<'a>(
    objects: &dyn Objects,
    mesh: &'a Mesh,
    policies: &[Arc<Value>],
) -> Result<Vec<&'a Provider>, BadHook> {
    let mut found: Vec<&Provider> = Vec::new();
    for policy in policies {
        let provider = mesh.provider(text(policy, "/spec/provider/name")).ok_or(BadHook)?;
        if !resolves(objects, provider) || (mesh.minor >= 30 && !is_label(&provider.name)) {
            return Err(BadHook);
        }
        if !found.contains(&provider) {
            found.push(provider);
        }
    }
    if found.len() > 1 && !(mesh.minor >= 30 && mesh.several_providers) {
        return Err(BadHook);
    }
    Ok(found)
}

/// Whether the registry knows the provider's host: a Service with that port, or a ServiceEntry.
fn resolves(objects: &dyn Objects, provider: &Provider) -> bool {
    let port_is = |object: &Value, key: &str| {
        items(object, "/spec/ports")
            .iter()
            .any(|port| port.get(key).and_then(Value::as_u64) == Some(u64::from(provider.port)))
    };
    let service = service_name(&provider.service, "")
        .filter(|(_, place)| !place.is_empty())
        .and_then(|(service, place)| objects.get("", "Service", Some(place), service));
    service.is_some_and(|service| port_is(&service, "port"))
        || objects.list("networking.istio.io", "ServiceEntry", None).iter().any(|entry| {
            items(entry, "/spec/hosts").iter().any(|host| host == provider.service.as_str()) && port_is(entry, "number")
        })
}

fn is_label(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .chars()
            .all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-')
}

/// The first rule of a policy that matches.
fn matching_rule(policy: &Value, attributes: &Attributes<'_>, action: Action) -> Option<usize> {
    items(policy, "/spec/rules").iter().position(|rule| rule_matches(rule, attributes, action == Action::Deny))
}

/// How Envoy's configuration names a rule of a policy.
pub fn rule_name(policy: &Value, rule: usize) -> String {
    format!("ns[{}]-policy[{}]-rule[{rule}]", namespace(policy), name(policy))
}

#[cfg(test)]
mod tests {
    use super::{Decision, Hook, decide, hook};
    use crate::practice::edge::{
        mesh::Mesh,
        objects::Fixture,
        rule::{Attributes, Token},
        workload::{Workload, workloads},
    };
    use http::HeaderMap;
    use serde_json::json;

    const WORLD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: myapp-1, namespace: myapp, labels: {app: myapp}}
spec: {containers: [{name: myapp}, {name: istio-proxy}]}
---
apiVersion: v1
kind: Service
metadata: {name: proxy, namespace: myapp}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |-
    extensionProviders:
    - name: gate
      envoyExtAuthzHttp: {service: proxy.myapp.svc.cluster.local, port: 80}
    - name: other
      envoyExtAuthzHttp: {service: proxy.myapp.svc.cluster.local, port: 80}
";
    const SIGN_IN: &str = r#"
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: sign-in, namespace: myapp}
spec:
  selector: {matchLabels: {app: myapp}}
  action: CUSTOM
  provider: {name: gate}
  rules: [{to: [{operation: {notPaths: ["/healthz"]}}]}]
"#;
    const TOKEN: &str = r#"
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: token, namespace: myapp}
spec:
  selector: {matchLabels: {app: myapp}}
  rules: [{from: [{source: {requestPrincipals: ["https://issuer/*"]}}]}]
"#;

    fn pod(world: &Fixture) -> Workload {
        workloads(world, Some("myapp")).remove(0)
    }

    fn at<'a>(path: &'a str, headers: &'a HeaderMap) -> Attributes<'a> {
        Attributes {
            http: true,
            method: "GET",
            host: "myapp.cluster.example.com",
            path,
            headers,
            principal: None,
            source_address: "10.0.0.9",
            remote_address: "203.0.113.9",
            port: 80,
            sni: None,
            token: None,
        }
    }

    #[test]
    fn given_one_provider_then_only_what_the_rules_match_is_asked() {
        let (world, headers) = (Fixture::yaml(WORLD).and(SIGN_IN), HeaderMap::new());
        let mesh = Mesh::read(&world);
        assert!(
            matches!(hook(&world, &mesh, &pod(&world), &at("/", &headers)), Hook::Ask(list) if list[0].name == "gate")
        );
        assert_eq!(hook(&world, &mesh, &pod(&world), &at("/healthz", &headers)), Hook::Absent);
    }

    #[test]
    fn given_a_second_provider_on_the_workload_then_both_applications_are_refused() {
        let second = SIGN_IN.replace("name: gate", "name: other").replace("name: sign-in", "name: second");
        let (world, headers) = (Fixture::yaml(WORLD).and(SIGN_IN).and(&second), HeaderMap::new());
        let mesh = Mesh::read(&world);
        assert!(matches!(hook(&world, &mesh, &pod(&world), &at("/", &headers)), Hook::Refuse(_)));
        assert_eq!(hook(&world, &mesh, &pod(&world), &at("/healthz", &headers)), Hook::Absent, "no rule matches it");
    }

    #[test]
    fn given_a_missing_provider_or_service_then_requests_are_refused_and_before_1_20_all_of_them() {
        let headers = HeaderMap::new();
        let typo = SIGN_IN.replace("name: gate", "name: gaet");
        for world in
            [Fixture::yaml(WORLD).and(&typo), Fixture::yaml(&WORLD.replace("port: 80}]", "port: 81}]")).and(SIGN_IN)]
        {
            let mut mesh = Mesh::read(&world);
            assert!(matches!(hook(&world, &mesh, &pod(&world), &at("/", &headers)), Hook::Refuse(_)));
            assert_eq!(hook(&world, &mesh, &pod(&world), &at("/healthz", &headers)), Hook::Absent);
            mesh.minor = 19;
            assert!(matches!(hook(&world, &mesh, &pod(&world), &at("/healthz", &headers)), Hook::Refuse(_)));
        }
    }

    #[test]
    fn given_an_allow_policy_for_tokens_then_whoever_has_none_is_refused_and_without_the_policy_nobody_is() {
        let headers = HeaderMap::new();
        let open = Fixture::yaml(WORLD);
        assert_eq!(decide(&open, &Mesh::read(&open), &pod(&open), &at("/", &headers)), Decision::Allowed);
        let world = open.and(TOKEN);
        let mesh = Mesh::read(&world);
        assert!(matches!(decide(&world, &mesh, &pod(&world), &at("/", &headers)), Decision::Refused(_)));
        let token = Token { principal: "https://issuer/somebody".to_owned(), claims: json!({}) };
        let with_token = Attributes { token: Some(&token), ..at("/", &headers) };
        assert_eq!(decide(&world, &mesh, &pod(&world), &with_token), Decision::Allowed);
    }

    #[test]
    fn given_a_deny_policy_then_it_wins_and_an_empty_allow_policy_refuses_everything() {
        let headers = HeaderMap::new();
        let deny = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-robots, namespace: myapp}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/robots.txt]}}]}]}
";
        let world = Fixture::yaml(WORLD).and(deny);
        let mesh = Mesh::read(&world);
        let decision = decide(&world, &mesh, &pod(&world), &at("/robots.txt", &headers));
        assert_eq!(decision, Decision::Refused("ns[myapp]-policy[no-robots]-rule[0]".to_owned()));
        assert_eq!(decide(&world, &mesh, &pod(&world), &at("/", &headers)), Decision::Allowed);
        let nothing = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nothing, namespace: istio-system}
spec: {}
";
        let world = world.and(nothing);
        assert!(matches!(decide(&world, &mesh, &pod(&world), &at("/", &headers)), Decision::Refused(_)));
    }
}
