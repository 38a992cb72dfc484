//! The ingress gateway that carries the application's traffic.

use super::{DiscoverError, ObjectRef, roads::Roads};
use crate::{
    cluster::{
        Cluster,
        fields::{Fields, selector_text, selects},
        objects::Selection,
    },
    facts::GatewayFacts,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A gateway, before its policies are known.
pub(super) struct Gateway {
    pub(super) namespace: String,
    service: String,
    selector: BTreeMap<String, String>,
    service_account: String,
    address: Option<String>,
    /// The label sets of its pods.
    pub(super) pod_labels: Vec<BTreeMap<String, String>>,
    /// The revision its proxies belong to.
    pub(super) revision: Option<String>,
}

impl Gateway {
    pub(super) fn into_facts(self, custom_providers: BTreeSet<String>, roads: Roads) -> GatewayFacts {
        GatewayFacts {
            namespace: self.namespace,
            service: self.service,
            selector: self.selector,
            service_account: self.service_account,
            address: self.address,
            custom_providers,
            others_servers: roads.servers,
            others_routes: roads.routes,
        }
    }
}

/// The gateway that was chosen, or the only one there is.
pub(super) async fn find(cluster: &Cluster, chosen: Option<&(String, String)>) -> Result<Gateway, DiscoverError> {
    let service = match chosen {
        Some((namespace, service)) => {
            let name = ObjectRef::namespaced("v1", "Service", namespace, service);
            let not_found =
                || DiscoverError::GatewayNotFound { namespace: namespace.clone(), service: service.clone() };
            cluster.get(&name).await?.ok_or_else(not_found)?
        }
        None => only(cluster.list("v1", "Service", &Selection::labelled("istio")).await?)?,
    };
    look(cluster, &service).await
}

/// Gateways of every kind of installation carry the label `istio`: `ingressgateway`, `aks-istio-ingressgateway-external`.
/// East-west and egress gateways carry it too.
pub(in crate::cluster) fn is_ingress(service: &Value) -> bool {
    service.label("istio").is_some_and(|label| label.contains("ingress"))
        && !service.texts("/spec/selector").is_empty()
        && service.text("/spec/clusterIP") != Some("None")
}

fn only(mut services: Vec<Value>) -> Result<Value, DiscoverError> {
    services.retain(is_ingress);
    match (services.pop(), services.as_slice()) {
        (None, _) => Err(DiscoverError::NoGateway),
        (Some(only), []) => Ok(only),
        (Some(last), others) => {
            let mut found: Vec<_> = others
                .iter()
                .chain([&last])
                .map(|service| format!("{}/{}", service.namespace(), service.name()))
                .collect();
            found.sort();
            Err(DiscoverError::SeveralGateways { found })
        }
    }
}

async fn look(cluster: &Cluster, service: &Value) -> Result<Gateway, DiscoverError> {
    let namespace = service.namespace().to_owned();
    let full = service.texts("/spec/selector");
    let short: BTreeMap<_, _> = full.iter().filter(|(key, _)| *key == "istio").map(own).collect();
    let asked = if short.is_empty() { &full } else { &short };
    let selection = Selection::in_namespace(&namespace).with_labels(selector_text(asked));
    let mut pods = cluster.list("v1", "Pod", &selection).await?;
    let all = pods.len();
    pods.retain(|pod| selects(&full, &pod.texts("/metadata/labels")));
    // `istio: ingressgateway` is what everybody's Gateways select by. It is only right if it means this Service's pods alone.
    let selector = if !short.is_empty() && pods.len() == all { short } else { full };
    let account = pods.iter().find_map(|pod| pod.text("/spec/serviceAccountName"));
    let service_account = account.map(str::to_owned).ok_or_else(|| DiscoverError::GatewayWithoutPods {
        namespace: namespace.clone(),
        service: service.name().to_owned(),
    })?;
    Ok(Gateway {
        service: service.name().to_owned(),
        selector,
        service_account,
        address: address(service),
        revision: pods.iter().find_map(|pod| pod.label("istio.io/rev")).map(str::to_owned),
        pod_labels: pods.iter().map(|pod| pod.texts("/metadata/labels")).collect(),
        namespace,
    })
}

fn own((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

pub(in crate::cluster) fn address(service: &Value) -> Option<String> {
    let balancer = service.entries("/status/loadBalancer/ingress").iter();
    let mut given = balancer.filter_map(|ingress| ingress.text("/ip").or_else(|| ingress.text("/hostname")));
    let external = service.entries("/spec/externalIPs").first().and_then(Value::as_str);
    given.next().or(external).map(str::to_owned)
}
