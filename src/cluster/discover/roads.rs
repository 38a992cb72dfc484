//! What others have the gateway serve and route already: Istio lets one server and one route have a name, and drops the rest.

use super::{Error, list_served, policies::Surroundings};
use crate::{
    cluster::{
        Cluster,
        fields::{Fields, selects},
        objects::Selection,
    },
    facts::RoadFacts,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const GROUP: &str = "networking.istio.io";
/// The port that people reach; servers clash on one port alone.
const HTTPS: i64 = 443;

/// What others have a gateway do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Roads {
    /// The names that their Gateways serve over TLS.
    pub(super) servers: Vec<RoadFacts>,
    /// The names that their VirtualServices route.
    pub(super) routes: Vec<RoadFacts>,
}

/// Looks in all namespaces, since a Gateway anywhere may select these pods. Whoever may not look there sees nothing, and the gateway's own
/// configuration tells in the end.
pub(super) async fn of_others(
    cluster: &Cluster,
    surroundings: &Surroundings<'_>,
    pods: &[BTreeMap<String, String>],
) -> Result<Roads, Error> {
    let everywhere = Selection::default();
    let list = async |kind| match list_served(cluster, surroundings.served, GROUP, kind, &everywhere).await {
        Err(Error::Forbidden(right)) => {
            tracing::info!(%right, "whether somebody else has the host cannot be seen");
            Ok(Vec::new())
        }
        listed => listed,
    };
    let (gateways, routes) = tokio::try_join!(list("Gateway"), list("VirtualService"))?;
    Ok(read(&gateways, &routes, &|object| surroundings.is_ours(object), pods))
}

fn read(
    gateways: &[Value],
    routes: &[Value],
    is_ours: &dyn Fn(&Value) -> bool,
    pods: &[BTreeMap<String, String>],
) -> Roads {
    let here: Vec<&Value> = gateways.iter().filter(|gateway| selects_any(gateway, pods)).collect();
    let names: BTreeSet<String> = here.iter().map(|gateway| full_name(gateway)).collect();
    let servers = here.iter().filter(|gateway| !is_ours(gateway)).map(|gateway| RoadFacts {
        object: full_name(gateway),
        hosts: secure_servers(gateway).flat_map(|server| hosts(server.entries("/hosts"))).collect(),
    });
    let binds = |route: &&Value| {
        let bound = route.entries("/spec/gateways").iter().filter_map(Value::as_str);
        let mut full = bound.map(|name| if name.contains('/') { name.to_owned() } else { beside(route, name) });
        full.any(|name| names.contains(&name))
    };
    let routes = routes.iter().filter(|route| !is_ours(route)).filter(binds);
    let routes = routes
        .map(|route| RoadFacts { object: full_name(route), hosts: hosts(route.entries("/spec/hosts")).collect() });
    Roads { servers: servers.filter(|road| !road.hosts.is_empty()).collect(), routes: routes.collect() }
}

/// A Gateway without a selector applies to every gateway of the mesh.
fn selects_any(gateway: &Value, pods: &[BTreeMap<String, String>]) -> bool {
    let selector = gateway.texts("/spec/selector");
    pods.iter().any(|labels| selects(&selector, labels))
}

fn secure_servers(gateway: &Value) -> impl Iterator<Item = &Value> {
    let is_secure = |server: &&Value| server.number("/port/number") == HTTPS && server.pointer("/tls").is_some();
    gateway.entries("/spec/servers").iter().filter(is_secure)
}

/// Names, in lower case; `NAMESPACE/` before one limits whose routes may use it, and not what is served.
fn hosts(entries: &[Value]) -> impl Iterator<Item = String> {
    let texts = entries.iter().filter_map(Value::as_str);
    texts.map(|host| host.rsplit('/').next().unwrap_or(host).to_ascii_lowercase())
}

fn full_name(object: &Value) -> String {
    beside(object, object.name())
}

fn beside(object: &Value, name: &str) -> String {
    format!("{}/{name}", object.namespace())
}

#[cfg(test)]
mod tests {
    use super::{Roads, read};
    use crate::{cluster::fields::Fields as _, facts::RoadFacts};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn gateway(namespace: &str, name: &str, selector: &Value, host: &str) -> Value {
        let tls = json!({"mode": "SIMPLE", "credentialName": "tls"});
        json!({
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"selector": selector, "servers": [
                {"port": {"number": 443, "protocol": "HTTPS"}, "hosts": [host], "tls": tls},
                {"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["*"]},
            ]},
        })
    }

    fn route(namespace: &str, name: &str, gateways: &Value, host: &str) -> Value {
        json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"gateways": gateways, "hosts": [host]}})
    }

    fn road(object: &str, host: &str) -> RoadFacts {
        RoadFacts { object: object.to_owned(), hosts: vec![host.to_owned()] }
    }

    #[test]
    fn given_roads_of_others_when_looked_at_then_those_through_these_pods_are_told_of() {
        let pods = [BTreeMap::from(
            [("istio", "ingressgateway"), ("app", "gateway")].map(|(k, v)| (k.to_owned(), v.to_owned())),
        )];
        let here = json!({"istio": "ingressgateway"});
        let gateways = [
            gateway("shop", "frontend", &here, "shop/*.Example.com"),
            gateway("shop", "internal", &json!({"istio": "internal"}), "*.example.com"),
            gateway("mine", "mine", &here, "mine.example.com"),
            gateway("all", "all", &json!({}), "*"),
        ];
        let routes = [
            route("shop", "beside", &json!(["frontend"]), "a.example.com"),
            route("other", "across", &json!(["mesh", "shop/frontend"]), "b.example.com"),
            route("shop", "internal", &json!(["internal"]), "c.example.com"),
            route("shop", "mesh-only", &Value::Null, "d.example.com"),
            route("mine", "mine", &json!(["mine"]), "mine.example.com"),
        ];

        let found = read(&gateways, &routes, &|object| object.namespace() == "mine", &pods);

        let servers = vec![road("shop/frontend", "*.example.com"), road("all/all", "*")];
        let routes = vec![road("shop/beside", "a.example.com"), road("other/across", "b.example.com")];
        assert_eq!(found, Roads { servers, routes });
    }
}
