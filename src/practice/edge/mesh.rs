//! The mesh's configuration, as istiod reads it.

use super::objects::{Objects, items, label, map, number, text, texts};
use serde_json::Value;
use std::{cell::RefCell, sync::Arc, time::Duration};

/// The namespace of the practice world's control plane.
pub const ISTIO_NAMESPACE: &str = "istio-system";

/// What the mesh configuration says.
#[derive(Clone, Debug, PartialEq)]
pub struct Mesh {
    /// Policies here apply everywhere.
    pub root_namespace: String,
    /// First part of every principal.
    pub trust_domain: String,
    /// Whether traffic may leave only to hosts that the registry knows.
    pub registry_only: bool,
    /// The HTTP external authorizers.
    pub providers: Vec<Provider>,
    /// istiod's version line, such as 28, from its image.
    pub minor: u32,
    /// Whether several CUSTOM providers may sit on one workload (domain.md 4.1; Istio 1.30 and later, off by default).
    pub several_providers: bool,
}

/// An `envoyExtAuthzHttp` entry of `extensionProviders` (domain.md 4.2).
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// What policies name it by.
    pub name: String,
    /// The Service's full name, `NAME.NAMESPACE.svc.cluster.local`.
    pub service: String,
    /// The Service's port.
    pub port: u16,
    /// How long a check may take; Istio's default is ten minutes.
    pub timeout: Duration,
    /// The answer when the check itself fails.
    pub status_on_error: u16,
    /// Whether a failed check lets the request pass.
    pub fail_open: bool,
    /// Goes before the path of the check.
    pub path_prefix: String,
    /// Request headers that the check carries.
    pub request_headers: Vec<Pattern>,
    /// Headers that are added to the check, with Envoy's command operators.
    pub additional_headers: Vec<(String, String)>,
    /// Headers of an allowing answer that the application gets.
    pub upstream_on_allow: Vec<Pattern>,
    /// Headers of an allowing answer that the client gets.
    pub downstream_on_allow: Vec<Pattern>,
    /// Headers of a denying answer that the client gets; empty means all.
    pub downstream_on_deny: Vec<Pattern>,
}

/// A name of a header as Istio's lists spell it: `x`, `x*` or `*x`. A bare `*` is refused by istiod (domain.md 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The very name.
    Exact(String),
    /// Every name that begins so.
    Prefix(String),
    /// Every name that ends so.
    Suffix(String),
}

impl Pattern {
    /// Reads one entry of a list; `None` for a bare `*`.
    pub fn read(entry: &str) -> Option<Self> {
        let entry = entry.to_ascii_lowercase();
        if let Some(prefix) = entry.strip_suffix('*') {
            return (!prefix.is_empty()).then(|| Self::Prefix(prefix.to_owned()));
        }
        if let Some(suffix) = entry.strip_prefix('*') {
            return Some(Self::Suffix(suffix.to_owned()));
        }
        Some(Self::Exact(entry))
    }

    /// Whether a header's lower-case name is meant.
    pub fn matches(&self, header: &str) -> bool {
        match self {
            Self::Exact(name) => header == name,
            Self::Prefix(prefix) => header.starts_with(prefix.as_str()),
            Self::Suffix(suffix) => header.ends_with(suffix.as_str()),
        }
    }
}

impl Mesh {
    /// Reads the configuration of the practice world's one control plane. A `mesh` document that is no YAML leaves the defaults,
    /// as an istiod that has just started would have it.
    pub fn read(objects: &dyn Objects) -> Self {
        let config_map = objects.get("", "ConfigMap", Some(ISTIO_NAMESPACE), "istio").unwrap_or_default();
        let document = document(text(&config_map, "/data/mesh"));
        let or = |value: &str, default: &str| if value.is_empty() { default.to_owned() } else { value.to_owned() };
        let istiod = istiod(objects);
        Self {
            root_namespace: or(text(&document, "/rootNamespace"), ISTIO_NAMESPACE),
            trust_domain: or(text(&document, "/trustDomain"), "cluster.local"),
            registry_only: text(&document, "/outboundTrafficPolicy/mode") == "REGISTRY_ONLY",
            providers: items(&document, "/extensionProviders").iter().filter_map(provider).collect(),
            minor: istiod.as_ref().and_then(|istiod| minor_version(istiod)).unwrap_or(28),
            several_providers: istiod.is_some_and(|istiod| {
                items(&istiod, "/spec/template/spec/containers")
                    .iter()
                    .flat_map(|container| items(container, "/env"))
                    .any(|env| {
                        text(env, "/name") == "PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS"
                            && text(env, "/value") == "true"
                    })
            }),
        }
    }

    /// The provider of that name. A later entry of the same name wins, as istiod merges them.
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().rfind(|provider| provider.name == name)
    }

    /// The principal of a service account.
    pub fn principal(&self, namespace: &str, service_account: &str) -> String {
        format!("{}/ns/{namespace}/sa/{service_account}", self.trust_domain)
    }
}

thread_local! {
    /// The document that was read last: it is the same for every request, and reading it is most of what one costs.
    static LAST: RefCell<(String, Value)> = const { RefCell::new((String::new(), Value::Null)) };
}

fn document(yaml: &str) -> Value {
    LAST.with_borrow_mut(|last| {
        if last.0 != yaml {
            *last = (yaml.to_owned(), serde_saphyr::from_str(yaml).unwrap_or(Value::Null));
        }
        last.1.clone()
    })
}

fn istiod(objects: &dyn Objects) -> Option<Arc<Value>> {
    objects
        .list("apps", "Deployment", Some(ISTIO_NAMESPACE))
        .into_iter()
        .find(|deployment| label(deployment, "app") == Some("istiod"))
}

fn minor_version(istiod: &Value) -> Option<u32> {
    let image = text(istiod, "/spec/template/spec/containers/0/image");
    image.rsplit_once(':')?.1.split('.').nth(1)?.parse().ok()
}

fn provider(entry: &Value) -> Option<Provider> {
    let http = entry.get("envoyExtAuthzHttp")?;
    let patterns = |key: &str| texts(http, key).into_iter().filter_map(Pattern::read).collect::<Vec<_>>();
    let request_headers = match patterns("/includeRequestHeadersInCheck") {
        // The old name counts only while the new one is empty (domain.md 4.1).
        list if list.is_empty() => patterns("/includeHeadersInCheck"),
        list => list,
    };
    Some(Provider {
        name: text(entry, "/name").to_owned(),
        // `[namespace/]host`: the namespace only narrows the look-up.
        service: text(http, "/service").rsplit('/').next().unwrap_or_default().to_owned(),
        port: u16::try_from(number(http.get("port"))?).ok()?,
        timeout: duration(text(http, "/timeout")).unwrap_or(Duration::from_secs(600)),
        status_on_error: number(http.get("statusOnError")).and_then(|code| u16::try_from(code).ok()).unwrap_or(403),
        fail_open: http.get("failOpen").and_then(Value::as_bool).unwrap_or_default(),
        path_prefix: text(http, "/pathPrefix").to_owned(),
        request_headers,
        additional_headers: map(http, "/includeAdditionalHeadersInCheck")
            .map(|map| {
                map.iter()
                    .map(|(key, value)| (key.to_ascii_lowercase(), value.as_str().unwrap_or_default().to_owned()))
                    .collect()
            })
            .unwrap_or_default(),
        upstream_on_allow: patterns("/headersToUpstreamOnAllow"),
        downstream_on_allow: patterns("/headersToDownstreamOnAllow"),
        downstream_on_deny: patterns("/headersToDownstreamOnDeny"),
    })
}

/// Reads a protobuf duration such as `10s`, `1.5s`, `500ms`, `5m`, `1h`.
pub fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|character: char| character.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::{Mesh, Pattern, duration};
    use crate::practice::edge::objects::Fixture;
    use std::time::Duration;

    const MESH: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |-
    # kept by the platform team
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
    extensionProviders:
    - name: misspelt
      envoyExtAuthz: {service: x.y.svc.cluster.local, port: 80}
    - name: gate
      envoyExtAuthzHttp:
        service: proxy.myapp.svc.cluster.local
        port: "80"
        timeout: 1.5s
        statusOnError: "503"
        includeRequestHeadersInCheck: [cookie, "x-auth-*", "*"]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec: {template: {spec: {containers: [{name: discovery, image: "docker.io/istio/pilot:1.19.4"}]}}}
"#;

    #[test]
    fn given_a_mesh_document_then_only_providers_with_the_right_key_are_known() {
        let mesh = Mesh::read(&Fixture::yaml(MESH));
        assert!(mesh.provider("misspelt").is_none());
        let provider = mesh.provider("gate").unwrap();
        assert_eq!((provider.port, provider.status_on_error), (80, 503));
        assert_eq!(provider.timeout, Duration::from_millis(1500));
        assert_eq!(
            provider.request_headers,
            [Pattern::Exact("cookie".to_owned()), Pattern::Prefix("x-auth-".to_owned())],
            "a bare star is refused"
        );
        assert!(mesh.registry_only);
        assert_eq!(mesh.minor, 19);
    }

    #[test]
    fn given_durations_then_every_unit_is_read() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("soon"), None);
    }
}
