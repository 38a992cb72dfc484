//! One rule of an AuthorizationPolicy held against one request, as Envoy's access control would.

use super::objects::{items, text, texts};
use http::HeaderMap;
use serde_json::Value;
use std::net::IpAddr;

/// A token that was verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// `ISSUER/SUBJECT`.
    pub principal: String,
    /// All claims.
    pub claims: Value,
}

/// What rules can ask of a request.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Whether the traffic is HTTP; of other traffic only the connection is known.
    pub http: bool,
    /// The method.
    pub method: &'a str,
    /// The authority as it came, port included.
    pub host: &'a str,
    /// The normalized path, without the query.
    pub path: &'a str,
    /// The headers as they are when the filter runs.
    pub headers: &'a HeaderMap,
    /// The peer's identity, if the connection is mutual TLS.
    pub principal: Option<&'a str>,
    /// The address of the peer.
    pub source_address: &'a str,
    /// The address of the client that the first trusted proxy saw.
    pub remote_address: &'a str,
    /// The port of the container.
    pub port: u16,
    /// The name the client asked for in its TLS greeting.
    pub sni: Option<&'a str>,
    /// The verified token.
    pub token: Option<&'a Token>,
}

impl Attributes<'_> {
    fn principal_part(&self, key: &str) -> Option<&str> {
        let mut parts = self.principal?.split('/');
        parts.find(|part| *part == key)?;
        parts.next()
    }
}

/// Whether a rule matches: one of `from`, one of `to`, and all of `when`; what is absent matches everything.
///
/// On traffic that is not HTTP a rule that asks for more than the connection never matches, unless it denies: then what can't be
/// known is left out of it, which refuses more.
pub fn rule_matches(rule: &Value, request: &Attributes<'_>, denies: bool) -> bool {
    let any =
        |list: &str, one: &dyn Fn(&Value) -> bool| rule.pointer(list).is_none_or(|_| items(rule, list).iter().any(one));
    any("/from", &|from| source_matches(from.get("source").unwrap_or(&Value::Null), request, denies))
        && any("/to", &|to| operation_matches(to.get("operation").unwrap_or(&Value::Null), request, denies))
        && items(rule, "/when").iter().all(|condition| condition_matches(condition, request, denies))
}

/// `list` of a source or operation must have one that fits, and its negation none.
fn field(part: &Value, key: &str, negation: &str, fits: &dyn Fn(&str) -> bool) -> bool {
    let wanted = texts(part, key);
    (wanted.is_empty() || wanted.iter().any(|entry| fits(entry)))
        && !texts(part, negation).iter().any(|entry| fits(entry))
}

fn asks(part: &Value, keys: &[&str]) -> bool {
    keys.iter().any(|key| part.pointer(key).is_some())
}

fn source_matches(source: &Value, request: &Attributes<'_>, denies: bool) -> bool {
    let principal = request.principal.unwrap_or_default();
    let namespace = request.principal_part("ns").unwrap_or_default();
    let account = request.principal_part("sa").unwrap_or_default();
    let full_account = format!("{namespace}/{account}");
    let connection = field(source, "/principals", "/notPrincipals", &|entry| matches_text(entry, principal))
        && field(source, "/namespaces", "/notNamespaces", &|entry| matches_text(entry, namespace))
        && field(source, "/serviceAccounts", "/notServiceAccounts", &|entry| {
            if entry.contains('/') { entry == full_account } else { entry == account }
        })
        && field(source, "/ipBlocks", "/notIpBlocks", &|entry| in_block(entry, request.source_address));
    let needs_http =
        asks(source, &["/requestPrincipals", "/notRequestPrincipals", "/remoteIpBlocks", "/notRemoteIpBlocks"]);
    if !request.http && needs_http {
        return denies && connection;
    }
    let token = request.token.map(|token| token.principal.as_str()).unwrap_or_default();
    connection
        && field(source, "/requestPrincipals", "/notRequestPrincipals", &|entry| matches_text(entry, token))
        && field(source, "/remoteIpBlocks", "/notRemoteIpBlocks", &|entry| in_block(entry, request.remote_address))
}

fn operation_matches(operation: &Value, request: &Attributes<'_>, denies: bool) -> bool {
    let port = request.port.to_string();
    let connection = field(operation, "/ports", "/notPorts", &|entry| entry == port);
    let needs_http = asks(operation, &["/hosts", "/notHosts", "/methods", "/notMethods", "/paths", "/notPaths"]);
    if !request.http && needs_http {
        return denies && connection;
    }
    let host = request.host.to_ascii_lowercase();
    connection
        && field(operation, "/hosts", "/notHosts", &|entry| matches_text(&entry.to_ascii_lowercase(), &host))
        && field(operation, "/methods", "/notMethods", &|entry| matches_text(entry, request.method))
        && field(operation, "/paths", "/notPaths", &|entry| matches_path(entry, request.path))
}

fn condition_matches(condition: &Value, request: &Attributes<'_>, denies: bool) -> bool {
    let key = text(condition, "/key");
    let needs_http = key.starts_with("request.") || key.starts_with("remote.");
    if !request.http && needs_http {
        return denies;
    }
    field(condition, "/values", "/notValues", &|entry| condition_fits(key, entry, request))
}

fn condition_fits(key: &str, entry: &str, request: &Attributes<'_>) -> bool {
    let claims = request.token.map(|token| &token.claims);
    let claim = |name: &str| claims.and_then(|claims| claims.get(name));
    match key {
        "source.ip" => in_block(entry, request.source_address),
        "remote.ip" => in_block(entry, request.remote_address),
        "source.principal" => matches_text(entry, request.principal.unwrap_or_default()),
        "source.namespace" => matches_text(entry, request.principal_part("ns").unwrap_or_default()),
        "destination.port" => entry == request.port.to_string(),
        "connection.sni" => matches_text(entry, request.sni.unwrap_or_default()),
        "request.auth.principal" => {
            matches_text(entry, request.token.map(|token| token.principal.as_str()).unwrap_or_default())
        }
        "request.auth.audiences" => claim("aud").is_some_and(|value| matches_claim(entry, value)),
        "request.auth.presenter" => claim("azp").is_some_and(|value| matches_claim(entry, value)),
        _ => {
            if let Some(header) = bracketed(key, "request.headers") {
                let values = request.headers.get_all(header.first().copied().unwrap_or_default());
                return values.iter().any(|value| value.to_str().is_ok_and(|value| matches_text(entry, value)));
            }
            if let Some(path) = bracketed(key, "request.auth.claims") {
                let found = path.iter().try_fold(claims.unwrap_or(&Value::Null), |value, step| value.get(step));
                return found.is_some_and(|value| matches_claim(entry, value));
            }
            false
        }
    }
}

/// The names in `prefix[a][b]`.
fn bracketed<'a>(key: &'a str, prefix: &str) -> Option<Vec<&'a str>> {
    let rest = key.strip_prefix(prefix)?.strip_prefix('[')?.strip_suffix(']')?;
    Some(rest.split("][").collect())
}

/// A claim fits when it is a text that fits, or a list with one that does. Numbers and truths never fit.
fn matches_claim(pattern: &str, claim: &Value) -> bool {
    match claim {
        Value::String(text) => matches_text(pattern, text),
        Value::Array(list) => list.iter().filter_map(Value::as_str).any(|text| matches_text(pattern, text)),
        _ => false,
    }
}

/// Istio's text match: exact, `prefix*`, `*suffix`, or `*` for whatever is there at all.
pub fn matches_text(pattern: &str, value: &str) -> bool {
    if pattern == "*" {
        !value.is_empty()
    } else if let Some(suffix) = pattern.strip_prefix('*') {
        value.ends_with(suffix)
    } else if let Some(prefix) = pattern.strip_suffix('*') {
        value.starts_with(prefix)
    } else {
        pattern == value
    }
}

/// A path match: a text match, or a template with `{*}` for one segment and `{**}` for any number (Istio 1.22 and later).
fn matches_path(pattern: &str, path: &str) -> bool {
    if !pattern.contains('{') {
        return matches_text(pattern, path);
    }
    let wanted: Vec<&str> = pattern.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    segments_match(&wanted, &given)
}

fn segments_match(wanted: &[&str], given: &[&str]) -> bool {
    match (wanted.split_first(), given.split_first()) {
        (None, None) => true,
        (Some((&"{**}", rest)), _) => {
            (0..=given.len()).any(|taken| given.get(taken..).is_some_and(|remaining| segments_match(rest, remaining)))
        }
        (Some((&"{*}", rest)), Some((segment, remaining))) => !segment.is_empty() && segments_match(rest, remaining),
        (Some((step, rest)), Some((segment, remaining))) => step == segment && segments_match(rest, remaining),
        _ => false,
    }
}

fn in_block(block: &str, address: &str) -> bool {
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    match block.parse::<ipnet::IpNet>() {
        Ok(net) => net.contains(&address),
        Err(_) => block.parse::<IpAddr>().is_ok_and(|single| single == address),
    }
}

#[cfg(test)]
mod tests {
    use super::{Attributes, Token, matches_path, rule_matches};
    use http::HeaderMap;
    use serde_json::{Value, json};

    fn verdict(rule: &str, change: impl FnOnce(&mut Attributes<'_>)) -> bool {
        verdict_with(rule, None, change)
    }

    fn verdict_with(rule: &str, token: Option<&Token>, change: impl FnOnce(&mut Attributes<'_>)) -> bool {
        let rule: Value = serde_saphyr::from_str(rule).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-kind", "robot".parse().unwrap());
        let mut attributes = Attributes {
            http: true,
            method: "GET",
            host: "MyApp.cluster.example.com:443",
            path: "/a/b",
            headers: &headers,
            principal: Some("cluster.local/ns/istio-system/sa/gateway"),
            source_address: "10.1.2.3",
            remote_address: "203.0.113.9",
            port: 80,
            sni: None,
            token,
        };
        change(&mut attributes);
        rule_matches(&rule, &attributes, false)
    }

    #[test]
    fn given_rules_on_the_connection_then_they_match_who_calls() {
        assert!(verdict("{}", |_| {}), "an empty rule matches everything");
        assert!(verdict("{from: [{source: {principals: [cluster.local/ns/istio-system/sa/gateway]}}]}", |_| {}));
        assert!(verdict("{from: [{source: {namespaces: [istio-*]}}]}", |_| {}));
        assert!(verdict("{from: [{source: {ipBlocks: [10.1.0.0/16]}}]}", |_| {}));
        assert!(!verdict("{from: [{source: {notNamespaces: [istio-system]}}]}", |_| {}));
        assert!(verdict("{from: [{source: {serviceAccounts: [istio-system/gateway]}}]}", |_| {}));
        assert!(!verdict("{from: [{source: {principals: ['*']}}]}", |request| request.principal = None));
    }

    #[test]
    fn given_rules_on_the_operation_then_hosts_ignore_case_but_not_the_port() {
        assert!(verdict("{to: [{operation: {hosts: ['myapp.cluster.example.com:*']}}]}", |_| {}));
        assert!(!verdict("{to: [{operation: {hosts: [myapp.cluster.example.com]}}]}", |_| {}), "the port counts");
        assert!(!verdict("{to: [{operation: {notPaths: ['/a/*']}}]}", |_| {}));
        assert!(verdict("{to: [{operation: {methods: [GET], paths: ['/a/{*}'], ports: ['80']}}]}", |_| {}));
        assert!(verdict("{when: [{key: 'request.headers[x-kind]', values: [robot]}]}", |_| {}));
    }

    #[test]
    fn given_rules_on_claims_then_lists_and_texts_match_and_absence_does_not() {
        let rule = "{when: [{key: 'request.auth.claims[roles]', values: [App.Access]}]}";
        let token = Token { principal: "i/s".to_owned(), claims: json!({"roles": ["Other", "App.Access"]}) };
        assert!(verdict_with(rule, Some(&token), |_| {}));
        assert!(!verdict(rule, |_| {}));
        let people = "{when: [{key: 'request.auth.claims[email]', values: ['*@example.com']}]}";
        let person = Token { principal: "i/s".to_owned(), claims: json!({"email": "a@example.com"}) };
        assert!(verdict_with(people, Some(&person), |_| {}));
        let stranger = Token { principal: "i/s".to_owned(), claims: json!({"email": "a@example.com.evil"}) };
        assert!(!verdict_with(people, Some(&stranger), |_| {}));
    }

    #[test]
    fn given_traffic_that_is_not_http_then_rules_on_requests_never_allow() {
        let rule = "{from: [{source: {requestPrincipals: ['*']}}]}";
        assert!(!verdict(rule, |request| request.http = false));
        assert!(verdict("{from: [{source: {namespaces: [istio-system]}}]}", |request| request.http = false));
    }

    #[test]
    fn given_path_templates_then_segments_count() {
        assert!(matches_path("/a/{**}", "/a/b/c"));
        assert!(!matches_path("/a/{*}", "/a/b/c"));
        assert!(matches_path("/oauth2/*", "/oauth2/callback"));
    }
}
