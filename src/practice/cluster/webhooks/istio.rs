//! Istio's webhook, as of 1.28 (domain.md 4.2).

use super::{
    super::{catalog::Kind, validate::go_duration_seconds},
    Verdict, has, items, several, text,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Reviews an object of one of Istio's groups.
pub(super) fn review(kind: &Kind, object: &Value) -> Verdict {
    let mut verdict = Verdict::default();
    match kind.kind.as_str() {
        "AuthorizationPolicy" => return authorization_policy(object),
        "RequestAuthentication" => request_authentication(object, &mut verdict),
        "PeerAuthentication" => peer_authentication(object, &mut verdict),
        "VirtualService" => virtual_service(object, &mut verdict),
        "Gateway" => gateway(object, &mut verdict),
        "DestinationRule" => destination_rule(object, &mut verdict),
        "ServiceEntry" => service_entry(object, &mut verdict),
        "EnvoyFilter" => envoy_filter(object, &mut verdict),
        _ => {}
    }
    verdict
}

fn selector(object: &Value, verdict: &mut Verdict) {
    let wanted = ["/spec/selector", "/spec/targetRef", "/spec/targetRefs"];
    let given = wanted.iter().filter(|pointer| object.pointer(pointer).is_some()).count();
    verdict.refuse_if(given > 1, "only one of targetRefs or workloadSelector can be set");
    let Some(selector) = object.pointer("/spec/selector") else { return };
    if !has(selector, "/matchLabels") {
        verdict.warnings.push("workload selector specified without labels".to_owned());
    }
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if key.contains('*') || value.contains('*') {
            verdict.refuse(format!("wildcard is not supported in selector: \"{key}={value}\""));
        }
    }
}

fn authorization_policy(object: &Value) -> Verdict {
    let mut verdict = Verdict::default();
    selector(object, &mut verdict);
    let action = match text(object, "/spec/action") {
        "" => "ALLOW",
        action => action,
    };
    let rules = object.pointer("/spec/rules").and_then(Value::as_array);
    if action == "CUSTOM" {
        custom_action(object, &mut verdict);
    }
    if object.pointer("/spec/provider").is_some() && action != "CUSTOM" {
        verdict.refuse(format!("`provider` must not be with non CUSTOM action, found {action}"));
    }
    if action == "DENY" && rules.is_none() {
        verdict.refuse(
            "DENY action without `rules` is meaningless as it will never be triggered, add an empty rule `{}` if you want \
             it be triggered for every request",
        );
    }
    for (at, rule) in rules.into_iter().flatten().enumerate() {
        policy_rule(at, rule, action, &mut verdict);
    }
    if !verdict.errors.is_empty() {
        let name = format!("{}.{}", text(object, "/metadata/name"), text(object, "/metadata/namespace"));
        verdict.errors = verdict.errors.iter().map(|error| format!("invalid policy {name}: {error}")).collect();
        let all = several(&verdict.errors);
        verdict.errors = vec![all];
    }
    verdict
}

fn custom_action(object: &Value, verdict: &mut Verdict) {
    if object.pointer("/spec/rules").is_none() {
        verdict.refuse(
            "CUSTOM action without `rules` is meaningless as it will never be triggered, add an empty rule `{}` if you \
             want it be triggered for every request",
        );
    } else if text(object, "/spec/provider/name").is_empty() {
        verdict.refuse("`provider.name` must not be empty");
    }
    let unsupported = |name: &str| format!("{name} is currently not supported with CUSTOM action");
    for rule in items(object, "/spec/rules") {
        for from in items(rule, "/from") {
            for (key, name) in [
                ("namespaces", "From.Namespaces"),
                ("notNamespaces", "From.NotNamespaces"),
                ("serviceAccounts", "From.ServiceAccounts"),
                ("notServiceAccounts", "From.NotServiceAccounts"),
                ("principals", "From.Principals"),
                ("notPrincipals", "From.NotPrincipals"),
                ("requestPrincipals", "From.RequestPrincipals"),
                ("notRequestPrincipals", "From.NotRequestPrincipals"),
            ] {
                verdict.refuse_if(has(from, &format!("/source/{key}")), &unsupported(name));
            }
        }
        for when in items(rule, "/when") {
            let key = text(when, "/key");
            let wrong = matches!(key, "source.namespace" | "source.serviceAccount" | "source.principal")
                || key.starts_with("request.auth.");
            verdict.refuse_if(wrong, &unsupported(key));
        }
    }
}

fn policy_rule(at: usize, rule: &Value, action: &str, verdict: &mut Verdict) {
    for part in ["from", "to"] {
        let empty = rule.get(part).and_then(Value::as_array).is_some_and(Vec::is_empty);
        verdict.refuse_if(empty, &format!("`{part}` must not be empty, found at rule {at}"));
    }
    let (mut network_from, mut network_to) = (false, false);
    for from in items(rule, "/from") {
        network_from |= part_of_rule(at, from, "from.source", "/source", verdict);
    }
    for to in items(rule, "/to") {
        network_to |= part_of_rule(at, to, "to.operation", "/operation", verdict);
    }
    for when in items(rule, "/when") {
        condition(when, verdict);
    }
    let (from, to) = (has(rule, "/from"), has(rule, "/to"));
    if action == "DENY" && ((from && !to && !network_from) || (to && !network_to)) {
        verdict.warnings.push(
            "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only HTTP \
             attributes in a DENY rule; it is recommended to explicitly specify the port"
                .to_owned(),
        );
    }
}

/// Reviews a source or an operation; answers whether it speaks of the network and not only of HTTP.
fn part_of_rule(at: usize, part: &Value, name: &str, pointer: &str, verdict: &mut Verdict) -> bool {
    let Some(fields) = part.pointer(pointer).and_then(Value::as_object) else {
        verdict.refuse(format!("`{name}` must not be nil, found at rule {at}"));
        return false;
    };
    if fields.values().all(|values| values.as_array().is_none_or(Vec::is_empty)) {
        verdict.refuse(format!("`{name}` must not be empty, found at rule {at}"));
    }
    for (key, values) in fields {
        let values: Vec<&str> = values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let spelled = key.get(..1).unwrap_or_default().to_uppercase() + key.get(1..).unwrap_or_default();
        if values.contains(&"") {
            verdict.refuse(format!("`{spelled}` contains empty value, found in {values:?}"));
        }
        if key.to_lowercase().ends_with("ports") {
            let wrong = values.iter().find(|port| port.parse::<u16>().map_or(true, |port| port == 0));
            if let Some(port) = wrong {
                verdict.refuse(format!("invalid port {port} (must be 1-65535)"));
            }
        }
        if key.to_lowercase().ends_with("ipblocks") {
            let wrong = values
                .iter()
                .find(|block| block.parse::<ipnet::IpNet>().is_err() && block.parse::<std::net::IpAddr>().is_err());
            if let Some(block) = wrong {
                verdict.refuse(format!("invalid IP range: {block}"));
            }
        }
    }
    let (accounts, others) = (
        has(part, "/source/serviceAccounts") || has(part, "/source/notServiceAccounts"),
        ["principals", "notPrincipals", "namespaces", "notNamespaces"]
            .iter()
            .any(|key| has(part, &format!("/source/{key}"))),
    );
    verdict.refuse_if(
        accounts && others,
        &format!("cannot set serviceAccounts with namespaces or principals, found at rule {at}"),
    );
    let of_http = [
        "requestPrincipals",
        "notRequestPrincipals",
        "hosts",
        "notHosts",
        "methods",
        "notMethods",
        "paths",
        "notPaths",
    ];
    fields.keys().any(|key| !of_http.contains(&key.as_str()))
}

fn condition(when: &Value, verdict: &mut Verdict) {
    let key = text(when, "/key");
    if key.is_empty() {
        verdict.refuse("`key` must not be empty");
        return;
    }
    if !has(when, "/values") && !has(when, "/notValues") {
        verdict.refuse(format!("at least one of `values` or `notValues` must be set for key {key}"));
    }
    let known = [
        "source.ip",
        "remote.ip",
        "source.namespace",
        "source.serviceAccount",
        "source.principal",
        "request.auth.principal",
        "request.auth.audiences",
        "request.auth.presenter",
        "destination.ip",
        "destination.port",
        "connection.sni",
    ];
    let indexed = ["request.headers[", "request.auth.claims[", "experimental.envoy.filters."];
    let fits = known.contains(&key)
        || indexed.iter().any(|prefix| key.starts_with(prefix) && (!prefix.ends_with('[') || key.ends_with(']')));
    if !fits {
        verdict.refuse(format!("invalid `value` for `key` {key}: unknown attribute: {key}"));
    }
}

fn request_authentication(object: &Value, verdict: &mut Verdict) {
    selector(object, verdict);
    for rule in items(object, "/spec/jwtRules") {
        verdict
            .refuse_if(items(rule, "/audiences").any(|audience| audience == ""), "audience must be non-empty string");
        let keys = text(rule, "/jwksUri");
        if !keys.is_empty() && !keys.starts_with("https://") && !keys.starts_with("http://") {
            verdict.refuse(format!("URI scheme {:?} is not supported", keys.split(':').next().unwrap_or_default()));
        }
        for header in items(rule, "/outputClaimToHeaders") {
            verdict.refuse_if(
                text(header, "/claim").is_empty() || text(header, "/header").is_empty(),
                "outputClaimToHeaders header and claim value must be non-empty string",
            );
        }
    }
}

fn peer_authentication(object: &Value, verdict: &mut Verdict) {
    selector(object, verdict);
    let ports = object.pointer("/spec/portLevelMtls").and_then(Value::as_object);
    verdict.refuse_if(
        !has(object, "/spec/selector/matchLabels") && ports.is_some_and(|ports| !ports.is_empty()),
        "mesh/namespace peer authentication cannot have port level mTLS",
    );
    verdict.refuse_if(ports.is_some_and(Map::is_empty), "port level mTLS, if defined, must have at least one element");
}

fn duration(object: &Value, pointer: &str, verdict: &mut Verdict) {
    if let Some(seconds) = go_duration_seconds(text(object, pointer))
        && seconds < 0.001
    {
        verdict.refuse("duration must be greater than 1ms");
    }
}

fn destination(destination: Option<&Value>, verdict: &mut Verdict) {
    let Some(destination) = destination else { return };
    let host = text(destination, "/host");
    verdict.refuse_if(host == "*", "invalid destination host *");
    verdict.refuse_if(host.is_empty(), "destination host is required");
    if let Some(port) = destination.pointer("/port/number").and_then(Value::as_u64)
        && !(1..=65_535).contains(&port)
    {
        verdict.refuse(format!("port number {port} must be in the range 1..65535"));
    }
}

fn virtual_service(object: &Value, verdict: &mut Verdict) {
    let hosts: Vec<&str> = items(object, "/spec/hosts").filter_map(Value::as_str).collect();
    let gateways: Vec<&str> = items(object, "/spec/gateways").filter_map(Value::as_str).collect();
    verdict.refuse_if(hosts.is_empty(), "virtual service must have at least one host");
    let in_mesh = gateways.is_empty() || gateways.contains(&"mesh");
    let mut seen = BTreeSet::new();
    for host in &hosts {
        domain(host, verdict);
        if in_mesh && *host == "*" {
            verdict
                .refuse(format!("wildcard host {host} is not allowed for virtual services bound to the mesh gateway"));
        }
        if !seen.insert(*host) {
            verdict.refuse(format!("duplicate hosts in virtual service: {host}"));
        }
    }
    verdict.refuse_if(
        !["http", "tcp", "tls"].iter().any(|part| has(object, &format!("/spec/{part}"))),
        "http, tcp or tls must be provided in virtual service",
    );
    for route in items(object, "/spec/http") {
        http_route(route, verdict);
    }
    let routes: Vec<&Value> = items(object, "/spec/http").collect();
    let unreachable = routes.iter().position(|route| !has(route, "/match")).filter(|at| at + 1 < routes.len());
    if let Some(at) = unreachable {
        let later = at + 1;
        verdict
            .warnings
            .push(format!("virtualService rule #{later} not used (only the last rule can have no matches)"));
    }
}

fn http_route(route: &Value, verdict: &mut Verdict) {
    let (redirect, routes) = (route.get("redirect").is_some(), has(route, "/route"));
    let direct = route.get("directResponse").is_some();
    if route.get("delegate").is_none() {
        verdict.refuse_if(redirect && routes, "HTTP route cannot contain both route and redirect");
        verdict.refuse_if(direct && (routes || redirect), "HTTP route cannot contain both route and direct_response");
        verdict.refuse_if(!redirect && !routes && !direct, "HTTP route, redirect or direct_response is required");
    }
    for found in items(route, "/match") {
        let uri = found.get("uri").and_then(Value::as_object);
        verdict.refuse_if(uri.is_some_and(|uri| uri.values().any(|value| value == "")), "uri match must not be empty");
    }
    let all = [route].into_iter().chain(items(route, "/route"));
    for holder in all {
        for direction in ["request", "response"] {
            header_operations(holder.pointer(&format!("/headers/{direction}")), verdict);
        }
    }
    let destinations: Vec<&Value> = items(route, "/route").collect();
    for weighted in &destinations {
        destination(weighted.get("destination"), verdict);
    }
    let weights: u64 = destinations.iter().filter_map(|weighted| weighted["weight"].as_u64()).sum();
    verdict.refuse_if(destinations.len() > 1 && weights == 0, "total destination weight = 0");
    duration(route, "/timeout", verdict);
    duration(route, "/retries/perTryTimeout", verdict);
}

fn header_operations(operations: Option<&Value>, verdict: &mut Verdict) {
    let Some(operations) = operations else { return };
    let removed = items(operations, "/remove").filter_map(Value::as_str);
    let set = ["set", "add"].into_iter().flat_map(|key| operations[key].as_object().into_iter().flat_map(Map::keys));
    let names: Vec<(&str, bool)> =
        removed.map(|name| (name, true)).chain(set.map(|name| (name.as_str(), false))).collect();
    for (name, is_removed) in names {
        let pseudo = name.starts_with(':') || (is_removed && name.eq_ignore_ascii_case("host"));
        if pseudo && (is_removed || name != ":authority") {
            verdict.refuse(format!("invalid header {name:?}: header cannot have \"Host\" or start with \":\""));
        }
        let fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
        if name.is_empty() || !fits {
            verdict.refuse(format!("header name {name:?} is not a valid header name"));
        }
    }
}

/// A domain name, perhaps with a wildcard as its first label.
fn domain(host: &str, verdict: &mut Verdict) {
    let name = host.strip_prefix("*.").unwrap_or(host);
    if host == "*" {
        return;
    }
    for label in name.split('.') {
        let fits = !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !fits {
            verdict.refuse(format!("domain name {host:?} invalid (label {label:?} invalid)"));
            return;
        }
    }
}

fn gateway(object: &Value, verdict: &mut Verdict) {
    let servers: Vec<&Value> = items(object, "/spec/servers").collect();
    verdict.refuse_if(servers.is_empty(), "gateway must have at least one server");
    let mut names = BTreeSet::new();
    for server in servers {
        let name = text(server, "/port/name");
        if !name.is_empty() && !names.insert(name) {
            verdict.refuse(format!("port names in servers must be unique: duplicate name {name}"));
        }
        gateway_server(server, verdict);
    }
}

fn gateway_server(server: &Value, verdict: &mut Verdict) {
    verdict.refuse_if(!has(server, "/hosts"), "server config must contain at least one host");
    for host in items(server, "/hosts").filter_map(Value::as_str) {
        domain(host.split_once('/').map_or(host, |(_, host)| host), verdict);
    }
    let protocol = text(server, "/port/protocol").to_uppercase();
    let known = ["HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "TCP", "TLS"];
    if !known.contains(&protocol.as_str()) {
        verdict.refuse(format!(
            "invalid protocol {:?}, supported protocols are HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP",
            text(server, "/port/protocol")
        ));
    }
    verdict.refuse_if(text(server, "/port/name").is_empty(), "port name must be set: \"\"");
    if let Some(port) = server.pointer("/port/number").and_then(Value::as_u64)
        && !(1..=65_535).contains(&port)
    {
        verdict.refuse(format!("port number {port} must be in the range 1..65535"));
    }
    let encrypted = matches!(protocol.as_str(), "HTTPS" | "TLS");
    let Some(tls) = server.get("tls") else {
        verdict.refuse_if(encrypted, "server must have TLS settings for HTTPS/TLS protocols");
        return;
    };
    let redirects = tls["httpsRedirect"] == true;
    verdict.refuse_if(
        !encrypted && (!redirects || tls.as_object().is_none_or(|tls| tls.len() != 1)),
        "server cannot have TLS settings for non HTTPS/TLS ports",
    );
    verdict.refuse_if(encrypted && redirects, "tls.httpsRedirect should only be used with http servers");
    let mode = text(tls, "/mode");
    if encrypted
        && matches!(mode, "" | "SIMPLE" | "MUTUAL")
        && !has(tls, "/credentialName")
        && !has(tls, "/credentialNames")
    {
        let mode = if mode.is_empty() { "SIMPLE" } else { mode };
        verdict.refuse_if(!has(tls, "/serverCertificate"), &format!("{mode} TLS requires a server certificate"));
        verdict.refuse_if(!has(tls, "/privateKey"), &format!("{mode} TLS requires a private key"));
    }
}

fn destination_rule(object: &Value, verdict: &mut Verdict) {
    let host = text(object, "/spec/host");
    verdict.refuse_if(host.is_empty(), "destination host is required");
    if !host.is_empty() {
        domain(host, verdict);
    }
    for policy in items(object, "/spec/subsets").chain([&object["spec"]]) {
        let tls = policy.pointer("/trafficPolicy/tls");
        let mutual = tls.is_some_and(|tls| tls["mode"] == "ISTIO_MUTUAL");
        let extra = ["clientCertificate", "privateKey", "caCertificates", "credentialName"];
        verdict.refuse_if(
            mutual && tls.is_some_and(|tls| extra.iter().any(|key| has(tls, &format!("/{key}")))),
            "cannot specify CaCertificates, client certificate, private key or credential with ISTIO_MUTUAL",
        );
    }
}

fn service_entry(object: &Value, verdict: &mut Verdict) {
    let hosts: Vec<&str> = items(object, "/spec/hosts").filter_map(Value::as_str).collect();
    verdict.refuse_if(hosts.is_empty(), "service entry must have at least one host");
    for host in &hosts {
        verdict.refuse_if(*host == "*", &format!("invalid host {host}"));
        domain(host, verdict);
    }
    let resolution = text(object, "/spec/resolution");
    let by_name = matches!(resolution, "DNS" | "DNS_ROUND_ROBIN");
    if by_name && !has(object, "/spec/endpoints") && !has(object, "/spec/workloadSelector") {
        for host in hosts.iter().filter(|host| host.contains('*')) {
            verdict.refuse(format!(
                "hosts must be FQDN if no endpoints are provided for resolution mode {resolution}: {host}"
            ));
        }
    }
    let mut numbers = BTreeSet::new();
    for port in items(object, "/spec/ports") {
        let number = port["number"].as_u64().unwrap_or_default();
        if !(1..=65_535).contains(&number) {
            verdict.refuse(format!("port number {number} must be in the range 1..65535"));
        }
        if !numbers.insert(number) {
            verdict.refuse(format!("service entry port {number} already defined"));
        }
        let protocol = text(port, "/protocol").to_uppercase();
        let known = ["", "HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "REDIS", "MYSQL", "TCP", "TLS", "UDP"];
        verdict.refuse_if(!known.contains(&protocol.as_str()), &format!("unsupported protocol: {protocol}"));
    }
}

fn envoy_filter(object: &Value, verdict: &mut Verdict) {
    verdict.warnings.push(
        "EnvoyFilter exposes internal implementation details that may change at any time. Prefer other APIs if possible, and \
         exercise extreme caution, especially around upgrades."
            .to_owned(),
    );
    for patch in items(object, "/spec/configPatches") {
        let operation = text(patch, "/patch/operation");
        verdict.refuse_if(text(patch, "/applyTo").is_empty(), "Envoy filter: missing applyTo");
        verdict.refuse_if(patch.get("patch").is_none(), "Envoy filter: missing patch");
        verdict.refuse_if(
            !matches!(operation, "REMOVE" | "") && !has(patch, "/patch/value"),
            "Envoy filter: missing patch value for non-remove operation",
        );
        let old_name = "envoy.http_connection_manager";
        if text(patch, "/match/listener/filterChain/filter/name") == old_name {
            verdict.warnings.push(format!(
                "using deprecated filter name {old_name:?}; use \"envoy.filters.network.http_connection_manager\" instead"
            ));
        }
    }
}
