//! Pods as the mesh sees them, and the Services in front of them.

use super::objects::{Objects, annotation, items, label, map, name, namespace, number, selects, text};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A pod as the mesh sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The whole pod.
    pub pod: Arc<Value>,
}

impl Workload {
    /// The pod's name.
    pub fn name(&self) -> &str {
        name(&self.pod)
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        namespace(&self.pod)
    }

    /// Its UID: a pod that comes back under another name or time has another one.
    pub fn uid(&self) -> &str {
        text(&self.pod, "/metadata/uid")
    }

    /// Its labels.
    pub fn labels(&self) -> Option<&Map<String, Value>> {
        map(&self.pod, "/metadata/labels")
    }

    /// The service account it runs as.
    pub fn service_account(&self) -> &str {
        match text(&self.pod, "/spec/serviceAccountName") {
            "" => "default",
            account => account,
        }
    }

    /// Whether a sidecar stands in front of its containers: an `istio-proxy` among them, or a native one among the init
    /// containers (Istio 1.27 and later), in the role of a sidecar and not of a gateway.
    pub fn has_sidecar(&self) -> bool {
        !self.is_gateway()
            && ["/spec/containers", "/spec/initContainers"]
                .iter()
                .flat_map(|list| items(&self.pod, list))
                .any(|container| text(container, "/name") == "istio-proxy")
    }

    /// Whether it is a gateway: its `istio-proxy` runs as a router.
    pub fn is_gateway(&self) -> bool {
        items(&self.pod, "/spec/containers").iter().any(|container| {
            text(container, "/name") == "istio-proxy" && items(container, "/args").iter().any(|arg| arg == "router")
        })
    }

    /// Whether it gets traffic.
    pub fn is_ready(&self) -> bool {
        self.pod.pointer("/metadata/deletionTimestamp").is_none()
            && items(&self.pod, "/status/conditions")
                .iter()
                .any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") == "True")
    }

    /// Its address.
    pub fn address(&self) -> &str {
        text(&self.pod, "/status/podIP")
    }

    /// The container that is not the mesh's.
    pub fn application_container(&self) -> Option<&Value> {
        items(&self.pod, "/spec/containers").iter().find(|container| text(container, "/name") != "istio-proxy")
    }

    /// Which application answers, for the echo: the label that names it, or the Service account's neighbour, the pod's name.
    pub fn application(&self) -> &str {
        label(&self.pod, "app.kubernetes.io/name").or_else(|| label(&self.pod, "app")).unwrap_or_else(|| self.name())
    }

    /// Whether inbound traffic to a container port is left alone by the sidecar (`traffic.sidecar.istio.io/*InboundPorts`).
    pub fn bypasses_sidecar(&self, port: u16) -> bool {
        let lists = |key: &str| {
            annotation(&self.pod, key)
                .is_some_and(|list| list.split(',').any(|entry| entry.trim().parse::<u16>().ok() == Some(port)))
        };
        lists("traffic.sidecar.istio.io/excludeInboundPorts")
    }
}

/// Where a request to a Service ends up.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// The pod.
    pub workload: Workload,
    /// The port of its container.
    pub port: u16,
    /// The Service's port, which names the cluster in Envoy.
    pub service_port: u16,
    /// Whether the port speaks HTTP as far as Istio knows: from its name or `appProtocol`, or detected.
    pub http: bool,
}

/// Why a host leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEndpoint {
    /// The registry has no such host or port: Envoy has no cluster.
    NoCluster,
    /// The Service is there, but no pod is ready.
    NoHealthyUpstream,
}

/// Splits the name of a Service, short or full, as seen from `from`: (name, namespace).
pub fn service_name<'a>(host: &'a str, from: &'a str) -> Option<(&'a str, &'a str)> {
    let host = host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc")).unwrap_or(host);
    match host.split_once('.') {
        None => Some((host, from)),
        Some((name, namespace)) if !namespace.contains('.') => Some((name, namespace)),
        Some(_) => None,
    }
}

/// The full name that Istio knows a Service by.
pub fn full_name(host: &str, from: &str) -> String {
    match service_name(host, from) {
        Some((name, namespace)) => format!("{name}.{namespace}.svc.cluster.local"),
        None => host.to_owned(),
    }
}

/// Every pod of a namespace, or of all.
pub fn workloads(objects: &dyn Objects, namespace: Option<&str>) -> Vec<Workload> {
    objects.list("", "Pod", namespace).into_iter().map(|pod| Workload { pod }).collect()
}

/// The ready pods behind a Service's port; without a port, its only one.
pub fn endpoints(
    objects: &dyn Objects,
    host: &str,
    from: &str,
    port: Option<u16>,
) -> Result<Vec<Endpoint>, NoEndpoint> {
    let (service, service_namespace) = service_name(host, from).ok_or(NoEndpoint::NoCluster)?;
    let service = objects.get("", "Service", Some(service_namespace), service).ok_or(NoEndpoint::NoCluster)?;
    let ports = items(&service, "/spec/ports");
    let entry = match port {
        Some(port) => ports.iter().find(|entry| number(entry.get("port")) == Some(u64::from(port))),
        None if ports.len() == 1 => ports.first(),
        None => None,
    }
    .ok_or(NoEndpoint::NoCluster)?;
    let service_port = small(entry.get("port")).ok_or(NoEndpoint::NoCluster)?;
    let http = speaks_http(entry);
    let selector = map(&service, "/spec/selector").filter(|selector| !selector.is_empty());
    let found: Vec<Endpoint> = workloads(objects, Some(service_namespace))
        .into_iter()
        .filter(|workload| {
            selector.is_some() && workload.is_ready() && selects(&service, "/spec/selector", workload.labels())
        })
        .filter_map(|workload| {
            let port = target_port(&workload, entry)?;
            Some(Endpoint { workload, port, service_port, http })
        })
        .collect();
    if found.is_empty() { Err(NoEndpoint::NoHealthyUpstream) } else { Ok(found) }
}

fn small(value: Option<&Value>) -> Option<u16> {
    number(value).and_then(|port| u16::try_from(port).ok())
}

/// Istio's protocol selection: `appProtocol`, then the name's prefix, then detection (which finds HTTP where HTTP is spoken).
pub fn speaks_http(port: &Value) -> bool {
    let protocol = match text(port, "/appProtocol") {
        "" => text(port, "/name").split('-').next().unwrap_or_default(),
        protocol => protocol,
    };
    !matches!(protocol, "tcp" | "redis" | "mysql" | "mongo" | "https" | "tls" | "udp")
}

/// The container port that a Service's port leads to on a pod: a number, or the name of a port of one of its containers.
pub fn target_port(workload: &Workload, port: &Value) -> Option<u16> {
    match port.get("targetPort") {
        None => small(port.get("port")),
        Some(target) => match target.as_str() {
            Some(name) if name.parse::<u16>().is_err() => ["/spec/containers", "/spec/initContainers"]
                .iter()
                .flat_map(|list| items(&workload.pod, list))
                .flat_map(|container| items(container, "/ports"))
                .find(|entry| text(entry, "/name") == name)
                .and_then(|entry| small(entry.get("containerPort"))),
            _ => small(Some(target)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{NoEndpoint, endpoints, full_name, service_name};
    use crate::practice::edge::objects::Fixture;

    const WORLD: &str = "
apiVersion: v1
kind: Service
metadata: {name: myapp, namespace: myapp}
spec: {selector: {app: myapp}, ports: [{name: http, port: 8000, targetPort: web}]}
---
apiVersion: v1
kind: Pod
metadata: {name: myapp-1, namespace: myapp, labels: {app: myapp}}
spec:
  initContainers: [{name: istio-proxy}]
  containers: [{name: myapp, ports: [{name: web, containerPort: 80}]}]
status: {podIP: 10.0.0.1, conditions: [{type: Ready, status: 'True'}]}
";

    #[test]
    fn given_a_named_target_port_when_a_service_is_followed_then_the_container_port_is_found() {
        let found = endpoints(&Fixture::yaml(WORLD), "myapp.myapp.svc.cluster.local", "x", Some(8000)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].port, 80);
        assert!(found[0].workload.has_sidecar(), "a native sidecar is one");
    }

    #[test]
    fn given_no_ready_pod_or_no_such_port_then_the_two_are_told_apart() {
        let unready = Fixture::yaml(&WORLD.replace("'True'", "'False'"));
        assert_eq!(endpoints(&unready, "myapp", "myapp", Some(8000)), Err(NoEndpoint::NoHealthyUpstream));
        assert_eq!(endpoints(&unready, "myapp", "myapp", Some(80)), Err(NoEndpoint::NoCluster));
        assert_eq!(endpoints(&unready, "example.com", "myapp", None), Err(NoEndpoint::NoCluster));
    }

    #[test]
    fn given_short_and_full_names_then_they_are_the_same_service() {
        assert_eq!(service_name("a", "b"), Some(("a", "b")));
        assert_eq!(full_name("a.b", "c"), "a.b.svc.cluster.local");
        assert_eq!(full_name("login.example.com", "c"), "login.example.com");
    }
}
