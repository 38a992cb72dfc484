//! Services: their endpoints, and the addresses of load balancers.

use super::{Controllers, is_going, owned_by};
use crate::practice::edge::{
    objects::{items, map, name, namespace, selects, text},
    workload::{Workload, target_port},
};
use serde_json::{Value, json};
use std::time::Duration;

const CONTROLLER: &str = "kube-controller-manager";
/// How long the cloud takes to give an address.
const TO_ADDRESS: Duration = Duration::from_secs(2);

impl Controllers {
    pub(super) fn services(&mut self) {
        let services = self.cluster.list("", "Service", None);
        for service in &services {
            if is_going(service) {
                continue;
            }
            if map(service, "/spec/selector").is_some_and(|selector| !selector.is_empty()) {
                self.endpoints(service);
            }
            self.load_balancer(service);
        }
        for endpoints in self.cluster.list("", "Endpoints", None) {
            let same =
                |service: &&Value| name(service) == name(&endpoints) && namespace(service) == namespace(&endpoints);
            if !services.iter().any(|service| same(&service)) {
                self.remove("", "Endpoints", &endpoints);
            }
        }
    }

    fn endpoints(&self, service: &Value) {
        let pods: Vec<Workload> = self
            .cluster
            .list("", "Pod", Some(namespace(service)))
            .into_iter()
            .map(|pod| Workload { pod: pod.into() })
            .filter(|pod| selects(service, "/spec/selector", pod.labels()) && !pod.address().is_empty())
            .collect();
        let ports: Vec<Value> = items(service, "/spec/ports")
            .iter()
            .filter_map(|port| {
                let target = pods.iter().find_map(|pod| target_port(pod, port))?;
                Some(json!({"name": text(port, "/name"), "port": target, "protocol": "TCP"}))
            })
            .collect();
        let reference =
            |pod: &Workload| json!({"kind": "Pod", "name": pod.name(), "namespace": pod.namespace(), "uid": pod.uid()});
        let addresses = |ready: bool| {
            let found = pods
                .iter()
                .filter(|pod| pod.is_ready() == ready)
                .map(|pod| json!({"ip": pod.address(), "nodeName": "practice", "targetRef": reference(pod)}));
            found.collect::<Vec<Value>>()
        };
        let (ready, unready) = (addresses(true), addresses(false));
        let mut subset = json!({"ports": ports});
        if !ready.is_empty() {
            subset["addresses"] = Value::Array(ready);
        }
        if !unready.is_empty() {
            subset["notReadyAddresses"] = Value::Array(unready);
        }
        let subsets = if pods.is_empty() { json!([]) } else { json!([subset]) };
        let meta = json!({"name": name(service), "namespace": namespace(service)});
        let endpoints = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": subsets});
        self.put_if_other("", "Endpoints", endpoints, "subsets");
        let entries: Vec<Value> = pods
            .iter()
            .map(|pod| {
                let ready = pod.is_ready();
                json!({
                    "addresses": [pod.address()], "nodeName": "practice", "targetRef": reference(pod),
                    "conditions": {"ready": ready, "serving": ready, "terminating": false},
                })
            })
            .collect();
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{}-{}", name(service), super::hash(text(service, "/metadata/uid"), 5)),
                "namespace": namespace(service),
                "labels": {"kubernetes.io/service-name": name(service), "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
                "ownerReferences": owned_by(service),
            },
            "addressType": "IPv4", "endpoints": entries, "ports": ports,
        });
        self.put_if_other("discovery.k8s.io", "EndpointSlice", slice, "endpoints");
    }

    fn put_if_other(&self, group: &str, kind: &str, object: Value, what: &str) {
        let live = self.cluster.get(group, kind, Some(namespace(&object)), name(&object));
        let same =
            live.is_some_and(|live| live.get(what).unwrap_or(&json!([])) == object.get(what).unwrap_or(&json!([])));
        if !same {
            self.put(CONTROLLER, object);
        }
    }

    fn load_balancer(&mut self, service: &Value) {
        if text(service, "/spec/type") != "LoadBalancer" || !items(service, "/status/loadBalancer/ingress").is_empty() {
            return;
        }
        if !self.clock.due(format!("{} address", text(service, "/metadata/uid")), TO_ADDRESS) {
            return;
        }
        let taken = self
            .cluster
            .list("", "Service", None)
            .iter()
            .filter(|other| text(other, "/spec/type") == "LoadBalancer")
            .count();
        let address = format!("203.0.113.{}", 10 + taken.min(200));
        let status = json!({"loadBalancer": {"ingress": [{"ip": address}]}});
        let written = self.cluster.update_status(
            "cloud-controller-manager",
            ("", "Service"),
            Some(namespace(service)),
            name(service),
            status,
        );
        super::noted(written);
    }
}
