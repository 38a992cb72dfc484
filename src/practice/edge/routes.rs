//! VirtualServices: where the gateway's router sends a request, and what it changes on the way.

use super::{
    gateway::{Server, host_matches},
    objects::{Objects, exported, items, map, name, namespace, number, oldest_first, text, texts},
    path,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use regex::Regex;
use serde_json::Value;
use std::sync::Arc;

/// What the router looks at.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The authority without its port: gateways ignore the port when routing (domain.md 4.2).
    pub host: &'a str,
    /// The authority as it came.
    pub authority: &'a str,
    /// The method.
    pub method: &'a str,
    /// The normalized path with its query.
    pub target: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// A route, as the VirtualService has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The VirtualService's namespace, from which short names are seen.
    pub namespace: String,
    /// The VirtualService's name.
    pub service: String,
    /// The entry of its `http` list.
    pub http: Value,
    /// The match of the entry that fitted, if it has any.
    pub matched: Option<Value>,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The host as written.
    pub host: String,
    /// The Service's port.
    pub port: Option<u16>,
}

/// The hosts of VirtualServices that a server of a gateway has routes for, each with those VirtualServices, the oldest first.
pub fn virtual_hosts(
    objects: &dyn Objects,
    server: &Server,
    gateway_namespace: &str,
) -> Vec<(String, Vec<Arc<Value>>)> {
    let mut hosts: Vec<(String, Vec<Arc<Value>>)> = Vec::new();
    for service in oldest_first(objects.list("networking.istio.io", "VirtualService", None)) {
        if !bound(&service, server) || !exported(&service, gateway_namespace) {
            continue;
        }
        for host in texts(&service, "/spec/hosts") {
            if !server.covers(host, namespace(&service)) {
                continue;
            }
            match hosts.iter_mut().find(|(known, _)| known == host) {
                Some((_, services)) => services.push(service.clone()),
                None => hosts.push((host.to_owned(), vec![service.clone()])),
            }
        }
    }
    hosts
}

fn bound(service: &Value, server: &Server) -> bool {
    let named = |gateway: &str| match gateway.split_once('/') {
        Some((place, gateway)) => place == server.namespace && gateway == server.gateway,
        None => namespace(service) == server.namespace && gateway == server.gateway,
    };
    texts(service, "/spec/gateways").into_iter().any(named)
}

/// The route for a request, `None` for Envoy's 404 without a route.
pub fn route(objects: &dyn Objects, server: &Server, gateway_namespace: &str, asked: &Asked<'_>) -> Option<Route> {
    let hosts = virtual_hosts(objects, server, gateway_namespace);
    let (_, services) = hosts
        .iter()
        .filter(|(host, _)| host_matches(host, asked.host))
        .max_by_key(|(host, _)| (!host.starts_with('*'), host.len()))?;
    let entries =
        services.iter().flat_map(|service| items(service, "/spec/http").iter().map(move |http| (service, http)));
    // Where several VirtualServices share a host, Istio moves routes that match everything behind the others.
    let (catch_all, specific): (Vec<_>, Vec<_>) =
        entries.partition(|(_, http)| services.len() > 1 && items(http, "/match").is_empty());
    specific.into_iter().chain(catch_all).find_map(|(service, http)| {
        let conditions = items(http, "/match");
        let matched = if conditions.is_empty() {
            None
        } else {
            Some(conditions.iter().find(|condition| condition_fits(condition, service, server, asked))?.clone())
        };
        Some(Route {
            namespace: namespace(service).to_owned(),
            service: name(service).to_owned(),
            http: http.clone(),
            matched,
        })
    })
}

fn condition_fits(condition: &Value, service: &Value, server: &Server, asked: &Asked<'_>) -> bool {
    let path = path::without_query(asked.target);
    let ignore_case = condition.get("ignoreUriCase").and_then(Value::as_bool).unwrap_or_default();
    let uri = |wanted: &Value| {
        if ignore_case { text_fits(&lowered(wanted), &path.to_ascii_lowercase()) } else { text_fits(wanted, path) }
    };
    let header = |name: &str| asked.headers.get(name.to_ascii_lowercase()).and_then(|value| value.to_str().ok());
    let parameter = |name: &str| {
        path::query(asked.target).and_then(|query| {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        })
    };
    let all = |key: &str, fits: &dyn Fn(&str, &Value) -> bool| {
        map(condition, key).is_none_or(|map| map.iter().all(|(name, wanted)| fits(name, wanted)))
    };
    let gateways = texts(condition, "/gateways");
    condition.get("uri").is_none_or(uri)
        && condition.get("method").is_none_or(|wanted| text_fits(wanted, asked.method))
        && condition.get("authority").is_none_or(|wanted| text_fits(wanted, asked.authority))
        && condition.get("scheme").is_none_or(|wanted| text_fits(wanted, "https"))
        && number(condition.get("port")).is_none_or(|port| port == u64::from(server.port.0))
        && (gateways.is_empty() || gateways.iter().any(|gateway| gateway_named(gateway, service, server)))
        && all("/headers", &|name, wanted| header(name).is_some_and(|value| text_fits(wanted, value)))
        && all("/withoutHeaders", &|name, wanted| !header(name).is_some_and(|value| text_fits(wanted, value)))
        && all("/queryParams", &|name, wanted| parameter(name).is_some_and(|value| text_fits(wanted, &value)))
}

fn gateway_named(gateway: &str, service: &Value, server: &Server) -> bool {
    let (place, gateway) = gateway.split_once('/').unwrap_or((namespace(service), gateway));
    place == server.namespace && gateway == server.gateway
}

/// A text match of Istio's networking API: `exact`, `prefix` or `regex`; an empty one asks only that the value is there.
fn text_fits(wanted: &Value, value: &str) -> bool {
    if let Some(exact) = wanted.get("exact").and_then(Value::as_str) {
        return value == exact;
    }
    if let Some(prefix) = wanted.get("prefix").and_then(Value::as_str) {
        return value.starts_with(prefix);
    }
    if let Some(pattern) = wanted.get("regex").and_then(Value::as_str) {
        return Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(value));
    }
    true
}

fn lowered(wanted: &Value) -> Value {
    match wanted {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), Value::from(value.as_str().unwrap_or_default().to_ascii_lowercase())))
            .collect(),
        other => other.clone(),
    }
}

impl Route {
    /// Where it leads: the first destination with weight. `None` for redirects and direct answers.
    pub fn destination(&self) -> Option<(Destination, &Value)> {
        let routes = items(&self.http, "/route");
        let route = routes.iter().find(|route| number(route.get("weight")) != Some(0)).or_else(|| routes.first())?;
        let destination = Destination {
            host: text(route, "/destination/host").to_owned(),
            port: number(route.pointer("/destination/port/number")).and_then(|port| u16::try_from(port).ok()),
        };
        Some((destination, route))
    }

    /// The path and query that the destination gets.
    pub fn rewritten(&self, target: &str) -> String {
        let Some(rewrite) = self.http.pointer("/rewrite/uri").and_then(Value::as_str) else { return target.to_owned() };
        let prefix = self.matched.as_ref().map(|matched| text(matched, "/uri/prefix")).unwrap_or_default();
        match target.strip_prefix(prefix) {
            Some(rest) if !prefix.is_empty() => format!("{rewrite}{rest}"),
            _ => match path::query(target) {
                Some(query) => format!("{rewrite}?{query}"),
                None => rewrite.to_owned(),
            },
        }
    }

    /// The authority that the destination gets.
    pub fn authority<'a>(&'a self, authority: &'a str) -> &'a str {
        self.http.pointer("/rewrite/authority").and_then(Value::as_str).unwrap_or(authority)
    }

    /// Changes the headers of the request (`side` is `request`) or of the answer (`response`), the entry's before the destination's.
    pub fn change_headers(&self, side: &str, headers: &mut HeaderMap) {
        let destination = self.destination().map(|(_, route)| route.clone());
        for operations in [Some(&self.http), destination.as_ref()].into_iter().flatten() {
            if let Some(operations) = operations.pointer(&format!("/headers/{side}")) {
                change(operations, headers);
            }
        }
    }
}

/// Removes, then sets, then adds, as Envoy does.
fn change(operations: &Value, headers: &mut HeaderMap) {
    for name in texts(operations, "/remove") {
        headers.remove(name.to_ascii_lowercase());
    }
    for (list, replace) in [("/set", true), ("/add", false)] {
        for (name, value) in map(operations, list).into_iter().flatten() {
            let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.to_ascii_lowercase()),
                HeaderValue::try_from(value.as_str().unwrap_or_default()),
            ) else {
                continue;
            };
            if replace {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Route, route};
    use crate::practice::edge::{gateway::servers, objects::Fixture};
    use http::HeaderMap;
    use serde_json::json;

    const WORLD: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: wildcard, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {hosts: ['*.cluster.example.com'], port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: b}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: myapp, namespace: myapp}
spec:
  hosts: [myapp.cluster.example.com]
  gateways: [istio-system/wildcard]
  http:
  - name: oauth2
    match: [{uri: {prefix: /oauth2/}}]
    headers: {request: {set: {x-forwarded-proto: https}, remove: [X-Forwarded-Uri]}}
    route: [{destination: {host: proxy.myapp.svc.cluster.local, port: {number: 80}}}]
  - name: app
    route: [{destination: {host: myapp, port: {number: 8000}}}]
";

    fn find(world: &Fixture, host: &str, target: &str) -> Option<Route> {
        let labels = json!({"istio": "ingressgateway"});
        let server = servers(world, labels.as_object(), 443).remove(0);
        let headers = HeaderMap::new();
        let asked = Asked { host, authority: host, method: "GET", target, headers: &headers };
        route(world, &server, "istio-system", &asked)
    }

    #[test]
    fn given_a_prefix_then_it_goes_to_the_proxy_and_everything_else_to_the_application() {
        let world = Fixture::yaml(WORLD);
        let to = |target: &str| find(&world, "myapp.cluster.example.com", target).unwrap().destination().unwrap().0;
        assert_eq!(to("/oauth2/callback?code=1").host, "proxy.myapp.svc.cluster.local");
        assert_eq!((to("/oauth2").host.as_str(), to("/oauth2").port), ("myapp", Some(8000)));
        assert!(find(&world, "other.cluster.example.com", "/").is_none(), "no route, no answer");
    }

    #[test]
    fn given_header_operations_then_they_ignore_case_and_removal_comes_first() {
        let route = find(&Fixture::yaml(WORLD), "myapp.cluster.example.com", "/oauth2/").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-uri", "/evil".parse().unwrap());
        headers.insert("x-forwarded-proto", "http".parse().unwrap());
        route.change_headers("request", &mut headers);
        assert!(!headers.contains_key("x-forwarded-uri"));
        assert_eq!(headers["x-forwarded-proto"], "https");
    }

    #[test]
    fn given_a_gateway_of_another_namespace_then_a_bare_name_does_not_bind() {
        let world = Fixture::yaml(&WORLD.replace("[istio-system/wildcard]", "[wildcard]"));
        assert!(find(&world, "myapp.cluster.example.com", "/").is_none());
    }

    #[test]
    fn given_a_rewrite_then_the_matched_prefix_is_replaced() {
        let world = Fixture::yaml(&WORLD.replace("name: oauth2\n", "name: oauth2\n    rewrite: {uri: /inner/}\n"));
        let route = find(&world, "myapp.cluster.example.com", "/oauth2/a").unwrap();
        assert_eq!(route.rewritten("/oauth2/a?b=1"), "/inner/a?b=1");
    }
}
