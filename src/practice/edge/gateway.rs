//! Gateways: which servers the ingress gateway's pods have, and which one a TLS greeting meets.

use super::objects::{Objects, items, name, namespace, number, oldest_first, selects, text, texts};
use serde_json::{Map, Value};

/// One server of a Gateway: in Envoy, a filter chain with a route table of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// The Gateway's namespace.
    pub namespace: String,
    /// The Gateway's name.
    pub gateway: String,
    /// The port's number and name.
    pub port: (u16, String),
    /// Its hosts, each with the namespace that VirtualServices must be in (`None` for any).
    pub hosts: Vec<(Option<String>, String)>,
    /// The Secret with its certificate, in the namespace of the gateway's pods.
    pub credential: String,
    /// `SIMPLE` and the like.
    pub tls_mode: String,
}

impl Server {
    /// How Envoy names its route table.
    pub fn route_name(&self) -> String {
        format!("https.{}.{}.{}.{}", self.port.0, self.port.1, self.gateway, self.namespace)
    }

    /// Whether a VirtualService's host falls under one of the server's hosts.
    pub fn covers(&self, host: &str, from: &str) -> bool {
        self.hosts.iter().any(|(place, own)| {
            place.as_deref().is_none_or(|place| place == from) && (host_matches(own, host) || host_matches(host, own))
        })
    }
}

/// Whether `host` falls under `pattern`: the same, or `*.suffix`, or `*`.
pub fn host_matches(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    match pattern.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix) && host.len() > suffix.len() || pattern == host,
        None => pattern == host,
    }
}

/// The HTTPS servers on a port of the gateway's Service that the pods with these labels have, the oldest Gateway first.
pub fn servers(objects: &dyn Objects, pod_labels: Option<&Map<String, Value>>, port: u16) -> Vec<Server> {
    oldest_first(objects.list("networking.istio.io", "Gateway", None))
        .iter()
        .filter(|gateway| selects(gateway, "/spec/selector", pod_labels))
        .flat_map(|gateway| items(gateway, "/spec/servers").iter().filter_map(|server| read(gateway, server)))
        .filter(|server| server.port.0 == port)
        .collect()
}

fn read(gateway: &Value, server: &Value) -> Option<Server> {
    let protocol = text(server, "/port/protocol");
    if !protocol.eq_ignore_ascii_case("HTTPS") {
        return None;
    }
    let own = namespace(gateway);
    Some(Server {
        namespace: own.to_owned(),
        gateway: name(gateway).to_owned(),
        port: (u16::try_from(number(server.pointer("/port/number"))?).ok()?, text(server, "/port/name").to_owned()),
        hosts: texts(server, "/hosts").into_iter().map(|host| split_host(host, own)).collect(),
        credential: text(server, "/tls/credentialName").to_owned(),
        tls_mode: text(server, "/tls/mode").to_owned(),
    })
}

/// `namespace/host`, where the namespace may be `*` for any or `.` for the Gateway's own.
fn split_host(host: &str, own: &str) -> (Option<String>, String) {
    match host.split_once('/') {
        None | Some(("*", _)) => (None, host.rsplit('/').next().unwrap_or_default().to_owned()),
        Some((".", host)) => (Some(own.to_owned()), host.to_owned()),
        Some((namespace, host)) => (Some(namespace.to_owned()), host.to_owned()),
    }
}

/// The server that a TLS greeting meets: the exact name first, then the longest wildcard, then one for every name. Of several with
/// the same host the first has it (IST0145). `None`: the connection is closed.
pub fn chain<'a>(servers: &'a [Server], sni: Option<&str>) -> Option<&'a Server> {
    let mut best: Option<(&Server, usize)> = None;
    for server in servers {
        for (_, host) in &server.hosts {
            let score = match (sni, host.as_str()) {
                (_, "*") => 1,
                (Some(sni), host) if host.eq_ignore_ascii_case(sni) => usize::MAX,
                (Some(sni), host) if host_matches(host, sni) => host.len(),
                _ => continue,
            };
            if best.is_none_or(|(_, other)| score > other) {
                best = Some((server, score));
            }
        }
    }
    best.map(|(server, _)| server)
}

/// The certificate chain and key of a server, both PEM: from a Secret in the namespace of the gateway's pods (IST0101).
pub fn credential(objects: &dyn Objects, server: &Server, pod_namespace: &str) -> Option<(String, String)> {
    if server.credential.is_empty() || !matches!(server.tls_mode.as_str(), "SIMPLE" | "MUTUAL" | "OPTIONAL_MUTUAL") {
        return None;
    }
    let secret = objects.get("", "Secret", Some(pod_namespace), &server.credential)?;
    let (chain, key) = (decoded(&secret, "tls.crt")?, decoded(&secret, "tls.key")?);
    (chain.contains("BEGIN CERTIFICATE") && key.contains("PRIVATE KEY")).then_some((chain, key))
}

/// The value of a Secret's key.
pub fn decoded(secret: &Value, key: &str) -> Option<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let value = secret.get("data")?.get(key)?.as_str()?;
    String::from_utf8(STANDARD.decode(value).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{chain, servers};
    use crate::practice::edge::objects::Fixture;
    use serde_json::json;

    const TWO: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: app, namespace: myapp}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {hosts: [myapp.cluster.example.com], port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: a}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: wildcard, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {hosts: ['*.cluster.example.com'], port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: b}}
";

    #[test]
    fn given_an_exact_and_a_wildcard_server_then_the_greeting_meets_the_closest() {
        let labels = json!({"istio": "ingressgateway"});
        let found = servers(&Fixture::yaml(TWO), labels.as_object(), 443);
        let meets = |sni: Option<&str>| chain(&found, sni).map(|server| server.gateway.clone());
        assert_eq!(meets(Some("myapp.cluster.example.com")).as_deref(), Some("app"));
        assert_eq!(meets(Some("other.cluster.example.com")).as_deref(), Some("wildcard"));
        assert_eq!(meets(Some("example.com")), None);
        assert_eq!(meets(None), None, "without a name no chain fits");
    }

    #[test]
    fn given_another_selector_then_the_pods_do_not_have_the_server() {
        let labels = json!({"istio": "egressgateway"});
        assert!(servers(&Fixture::yaml(TWO), labels.as_object(), 443).is_empty());
    }
}
