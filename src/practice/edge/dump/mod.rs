//! What a pod's Envoy reports about itself on its admin port, as istiod would have configured it from the objects in the cluster.

mod filters;
mod rbac;
mod serve;

use super::{
    gateway::{Server, credential, servers},
    mesh::Mesh,
    objects::{Objects, items, map, number, text},
    routes::virtual_hosts,
    travel::INGRESS,
    workload::{Workload, full_name},
};
use serde_json::{Map, Value, json};

/// The port of Envoy's admin interface, open inside the pod only.
pub const ADMIN_PORT: u16 = 15000;

const HTTP_MANAGER: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// What a proxy's configuration is made from.
struct Source<'a> {
    view: &'a dyn Objects,
    live: &'a dyn Objects,
    mesh: Mesh,
    workload: &'a Workload,
}

/// `GET /config_dump` of the proxy in a pod.
pub fn config_dump(view: &dyn Objects, live: &dyn Objects, workload: &Workload) -> Value {
    let source = Source { view, live, mesh: Mesh::read(view), workload };
    let (listeners, routes) =
        if workload.is_gateway() { gateway(&source) } else { (sidecar_listeners(&source), Vec::new()) };
    json!({"configs": [
        {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": {"node": node(&source)}},
        {
            "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
            "version_info": version(&source),
            "dynamic_active_clusters": clusters(&source),
        },
        {
            "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
            "version_info": version(&source),
            "dynamic_listeners": listeners.into_iter().map(|listener| json!({
                "name": listener["name"],
                "active_state": {"version_info": version(&source), "listener": listener},
            })).collect::<Vec<_>>(),
        },
        secrets(&source),
        {
            "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump",
            "dynamic_route_configs": routes.into_iter().map(|routes| json!({
                "version_info": version(&source), "route_config": routes,
            })).collect::<Vec<_>>(),
        },
    ]})
}

/// A push's version: of everything that Istio reads, the newest.
fn version(source: &Source<'_>) -> String {
    let newest = ["VirtualService", "Gateway", "DestinationRule", "EnvoyFilter"]
        .iter()
        .map(|kind| ("networking.istio.io", *kind))
        .chain(["AuthorizationPolicy", "RequestAuthentication"].iter().map(|kind| ("security.istio.io", *kind)))
        .flat_map(|(group, kind)| source.view.list(group, kind, None))
        .filter_map(|object| text(&object, "/metadata/resourceVersion").parse::<u64>().ok())
        .max();
    newest.unwrap_or(1).to_string()
}

fn node(source: &Source<'_>) -> Value {
    let pod = source.workload;
    let role = if pod.is_gateway() { "router" } else { "sidecar" };
    let (name, place) = (pod.name(), pod.namespace());
    json!({
        "id": format!("{role}~{}~{name}.{place}~{place}.svc.cluster.local", pod.address()),
        "cluster": format!("{}.{place}", pod.application()),
        "metadata": {
            "NAME": name, "NAMESPACE": place, "SERVICE_ACCOUNT": pod.service_account(),
            "ISTIO_VERSION": proxy_version(pod),
            "LABELS": pod.labels().cloned().unwrap_or_default(),
            "CLUSTER_ID": "Kubernetes", "MESH_ID": source.mesh.trust_domain,
        },
    })
}

/// The version in the tag of the pod's proxy image.
fn proxy_version(pod: &Workload) -> String {
    ["/spec/containers", "/spec/initContainers"]
        .iter()
        .flat_map(|list| items(&pod.pod, list))
        .find(|container| text(container, "/name") == "istio-proxy")
        .and_then(|container| text(container, "/image").rsplit_once(':'))
        .map(|(_, tag)| tag.to_owned())
        .unwrap_or_default()
}

fn clusters(source: &Source<'_>) -> Vec<Value> {
    let mut names = Vec::new();
    for service in source.live.list("", "Service", None) {
        let host = full_name(text(&service, "/metadata/name"), text(&service, "/metadata/namespace"));
        let ports = items(&service, "/spec/ports").iter().filter_map(|port| number(port.get("port")));
        names.extend(ports.map(|port| format!("outbound|{port}||{host}")));
    }
    for entry in source.view.list("networking.istio.io", "ServiceEntry", None) {
        for host in items(&entry, "/spec/hosts").iter().filter_map(Value::as_str) {
            let ports = items(&entry, "/spec/ports").iter().filter_map(|port| number(port.get("number")));
            names.extend(ports.map(|port| format!("outbound|{port}||{host}")));
        }
    }
    names.push(if source.mesh.registry_only { "BlackHoleCluster".to_owned() } else { "PassthroughCluster".to_owned() });
    names
        .into_iter()
        .map(|name| {
            json!({"version_info": version(source), "cluster": {
                "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": name, "type": "EDS",
                "connect_timeout": "10s",
            }})
        })
        .collect()
}

/// Certificates that the gateway has, and those it still waits for: a chain without its certificate closes every connection.
fn secrets(source: &Source<'_>) -> Value {
    let mut active = Vec::new();
    let mut warming = Vec::new();
    if source.workload.is_gateway() {
        for server in servers(source.view, source.workload.labels(), INGRESS.1) {
            let there = credential(source.live, &server, source.workload.namespace()).is_some();
            let name = format!("kubernetes://{}", server.credential);
            if there { &mut active } else { &mut warming }.push(json!({"name": name, "version_info": version(source)}));
        }
    }
    json!({
        "@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump",
        "dynamic_active_secrets": active,
        "dynamic_warming_secrets": warming,
    })
}

fn listener(name: &str, port: u16, chains: &[Value]) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},
        "filter_chains": chains,
    })
}

/// One way in that speaks HTTP.
fn chain(name: &str, matches: &Value, manager: &Value) -> Value {
    json!({
        "filter_chain_match": matches,
        "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
        "name": name,
    })
}

fn sidecar_listeners(source: &Source<'_>) -> Vec<Value> {
    let filters = filters::http_filters(source);
    let inbound = |cluster: &str, port: Option<u16>| {
        let mut manager = Map::new();
        manager.insert("@type".to_owned(), Value::from(HTTP_MANAGER));
        manager.insert(
            "stat_prefix".to_owned(),
            Value::from(
                port.map_or("InboundPassthroughClusterIpv4".to_owned(), |port| format!("inbound_0.0.0.0_{port};")),
            ),
        );
        manager.insert(
            "route_config".to_owned(),
            json!({
                "name": cluster, "validate_clusters": false,
                "virtual_hosts": [{
                    "name": "inbound|http|0", "domains": ["*"],
                    "routes": [{"name": "default", "match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}],
                }],
            }),
        );
        manager.insert("http_filters".to_owned(), filters.clone());
        manager.insert("normalize_path".to_owned(), Value::Bool(true));
        manager.insert("forward_client_cert_details".to_owned(), Value::from("APPEND_FORWARD"));
        Value::Object(manager)
    };
    let mut chains = vec![
        chain(
            "virtualInbound-catchall-http",
            &json!({"transport_protocol": "tls", "application_protocols": ["istio-http/1.0", "istio-http/1.1", "istio-h2"]}),
            &inbound("InboundPassthroughCluster", None),
        ),
        chain(
            "virtualInbound-catchall-http",
            &json!({"transport_protocol": "raw_buffer", "application_protocols": ["http/1.1", "h2c"]}),
            &inbound("InboundPassthroughCluster", None),
        ),
    ];
    for (port, http) in inbound_ports(source) {
        if http {
            let matches = json!({"destination_port": port, "transport_protocol": "tls"});
            let manager = inbound(&format!("inbound|{port}||"), Some(port));
            chains.push(chain(&format!("0.0.0.0_{port}"), &matches, &manager));
        } else {
            chains.push(json!({
                "filter_chain_match": {"destination_port": port, "transport_protocol": "tls"},
                "filters": filters::network_filters(source, port),
                "name": format!("0.0.0.0_{port}"),
            }));
        }
    }
    vec![listener("virtualOutbound", 15001, &[]), listener("virtualInbound", 15006, &chains)]
}

/// The container ports that Services lead to, each with whether it speaks HTTP.
fn inbound_ports(source: &Source<'_>) -> Vec<(u16, bool)> {
    let mut ports: Vec<(u16, bool)> = Vec::new();
    for service in source.live.list("", "Service", Some(source.workload.namespace())) {
        let selected = map(&service, "/spec/selector").is_some_and(|selector| !selector.is_empty())
            && super::objects::selects(&service, "/spec/selector", source.workload.labels());
        if !selected {
            continue;
        }
        for port in items(&service, "/spec/ports") {
            if let Some(target) = super::workload::target_port(source.workload, port)
                && !ports.iter().any(|(known, _)| *known == target)
            {
                ports.push((target, super::workload::speaks_http(port)));
            }
        }
    }
    ports
}

fn gateway(source: &Source<'_>) -> (Vec<Value>, Vec<Value>) {
    let service = source.live.get("", "Service", Some(source.workload.namespace()), INGRESS.0);
    let entries = service.as_ref().map(|service| items(service, "/spec/ports").to_vec()).unwrap_or_default();
    let servers = servers(source.view, source.workload.labels(), INGRESS.1);
    let target = entries
        .iter()
        .find(|port| number(port.get("port")) == Some(u64::from(INGRESS.1)))
        .and_then(|port| super::workload::target_port(source.workload, port))
        .unwrap_or(8443);
    let filters = filters::http_filters(source);
    let chains: Vec<Value> = servers.iter().map(|server| gateway_chain(server, &filters)).collect();
    let listeners =
        if chains.is_empty() { Vec::new() } else { vec![listener(&format!("0.0.0.0_{target}"), target, &chains)] };
    let routes = servers.iter().map(|server| route_table(source, server)).collect();
    (listeners, routes)
}

fn gateway_chain(server: &Server, filters: &Value) -> Value {
    let names: Vec<&str> = server.hosts.iter().map(|(_, host)| host.as_str()).filter(|host| *host != "*").collect();
    let matches = if names.is_empty() { json!({}) } else { json!({"server_names": names}) };
    let manager = json!({
        "@type": HTTP_MANAGER,
        "stat_prefix": format!("outbound_0.0.0.0_{}", server.port.0),
        "rds": {"config_source": {"ads": {}, "resource_api_version": "V3"}, "route_config_name": server.route_name()},
        "http_filters": filters,
        "use_remote_address": true,
        "normalize_path": true,
        "forward_client_cert_details": "SANITIZE_SET",
    });
    let mut chain = chain(&server.route_name(), &matches, &manager);
    chain["transport_socket"] = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [{"name": format!("kubernetes://{}", server.credential)}],
            },
        },
    });
    chain
}

fn route_table(source: &Source<'_>, server: &Server) -> Value {
    let hosts = virtual_hosts(source.view, server, source.workload.namespace());
    let mut virtual_hosts: Vec<Value> = hosts
        .iter()
        .map(|(host, services)| {
            let routes: Vec<Value> = services
                .iter()
                .flat_map(|service| items(service, "/spec/http").iter().map(move |http| (service, http)))
                .flat_map(|(service, http)| routes(service, http))
                .collect();
            json!({"name": format!("{host}:{}", server.port.0), "domains": [host], "routes": routes})
        })
        .collect();
    if virtual_hosts.is_empty() {
        virtual_hosts.push(json!({"name": format!("blackhole:{}", server.port.0), "domains": ["*"]}));
    }
    json!({
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": server.route_name(),
        "virtual_hosts": virtual_hosts,
        "validate_clusters": false,
        "ignore_port_in_host_matching": true,
    })
}

fn routes(service: &Value, http: &Value) -> Vec<Value> {
    let destination = |route: &Value| {
        let host = full_name(text(route, "/destination/host"), text(service, "/metadata/namespace"));
        let port = number(route.pointer("/destination/port/number")).unwrap_or_default();
        format!("outbound|{port}||{host}")
    };
    let cluster = items(http, "/route").first().map(destination).unwrap_or_default();
    let name = text(http, "/name");
    let origin = format!(
        "/apis/networking.istio.io/v1/namespaces/{}/virtual-service/{}",
        text(service, "/metadata/namespace"),
        text(service, "/metadata/name")
    );
    let conditions = items(http, "/match");
    let matches: Vec<Value> =
        if conditions.is_empty() { vec![json!({"prefix": "/"})] } else { conditions.iter().map(route_match).collect() };
    matches
        .into_iter()
        .map(|matches| {
            json!({
                "name": name, "match": matches, "route": {"cluster": cluster, "timeout": "0s"},
                "request_headers_to_remove": items(http, "/headers/request/remove"),
                "metadata": {"filter_metadata": {"istio": {"config": origin}}},
            })
        })
        .collect()
}

fn route_match(condition: &Value) -> Value {
    match condition.get("uri") {
        Some(uri) if uri.get("exact").is_some() => json!({"path": uri["exact"], "case_sensitive": true}),
        Some(uri) if uri.get("prefix").is_some() => json!({"prefix": uri["prefix"], "case_sensitive": true}),
        Some(uri) if uri.get("regex").is_some() => json!({"safe_regex": {"regex": uri["regex"]}}),
        _ => json!({"prefix": "/"}),
    }
}
