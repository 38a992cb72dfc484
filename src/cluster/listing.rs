//! What there is to choose from, before all answers exist: namespaces, Services, ingress gateways, issuers.

use super::{
    Cluster, Error,
    discover::{
        gateway::{address, is_ingress},
        injection, issuers, istio, list_served,
    },
    fields::{Fields, selects},
    objects::Selection,
    pods::PodSummary,
};
use crate::facts::{GatewaySummary, IssuerFacts, IstioVersion, NamespaceSummary, ServiceSummary};
use serde_json::Value;

impl Cluster {
    /// Every namespace that is not on its way out, by name.
    pub async fn namespace_choices(&self) -> Result<Vec<NamespaceSummary>, Error> {
        let namespaces = self.list("v1", "Namespace", &Selection::default()).await?;
        let staying = namespaces.iter().filter(|namespace| namespace.text("/metadata/deletionTimestamp").is_none());
        let mut found: Vec<_> = staying
            .map(|namespace| NamespaceSummary { name: namespace.name().to_owned(), injection: injection(namespace) })
            .collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Every Service of `namespace`, by name, with the pods behind it.
    pub async fn service_choices(&self, namespace: &str) -> Result<Vec<ServiceSummary>, Error> {
        let here = Selection::in_namespace(namespace);
        let (services, pods) = tokio::try_join!(self.list("v1", "Service", &here), self.list("v1", "Pod", &here))?;
        let alive = pods.iter().filter(|pod| !matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed")));
        let pods: Vec<_> = alive.map(PodSummary::of).collect();
        let mut found: Vec<_> = services.iter().map(|service| summary(service, &pods)).collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Every Istio ingress gateway, by namespace and Service.
    pub async fn gateway_choices(&self) -> Result<Vec<GatewaySummary>, Error> {
        let mut services = self.list("v1", "Service", &Selection::labelled("istio")).await?;
        services.retain(is_ingress);
        let mut found: Vec<_> = services
            .iter()
            .map(|service| GatewaySummary {
                namespace: service.namespace().to_owned(),
                service: service.name().to_owned(),
                address: address(service),
            })
            .collect();
        found.sort_by(|one, other| (&one.namespace, &one.service).cmp(&(&other.namespace, &other.service)));
        Ok(found)
    }

    /// The versions of the Istio control planes, each once; those that do not tell theirs are left out.
    pub async fn istio_versions(&self) -> Result<Vec<IstioVersion>, Error> {
        let planes = self.list("apps/v1", "Deployment", &Selection::labelled(istio::SELECTOR)).await?;
        Ok(istio::versions(planes).into_iter().collect())
    }

    /// Every issuer that can sign in `namespace`, the gateway's: cluster-wide ones first. Who may list only the ones of the
    /// namespace is told so, and not that there are none.
    pub async fn issuer_choices(&self, namespace: &str) -> Result<Vec<IssuerFacts>, Error> {
        let served = self.served().await?;
        let (everywhere, here) = (Selection::default(), Selection::in_namespace(namespace));
        let (cluster_wide, own) = tokio::join!(
            list_served(self, &served, issuers::GROUP, "ClusterIssuer", &everywhere),
            list_served(self, &served, issuers::GROUP, "Issuer", &here),
        );
        let own = match own {
            Err(Error::Forbidden(_)) if cluster_wide.is_ok() => Vec::new(),
            own => own?,
        };
        let mut found: Vec<_> = cluster_wide?.iter().chain(&own).map(issuers::facts).collect();
        found.sort_by(|one, other| (&one.kind, &one.name).cmp(&(&other.kind, &other.name)));
        Ok(found)
    }
}

fn summary(service: &Value, pods: &[PodSummary]) -> ServiceSummary {
    let selector = service.texts("/spec/selector");
    let behind = || pods.iter().filter(|pod| !selector.is_empty() && selects(&selector, &pod.labels));
    let count = |pods: usize| u16::try_from(pods).unwrap_or(u16::MAX);
    let ports = service.entries("/spec/ports").iter();
    ServiceSummary {
        name: service.name().to_owned(),
        ports: ports.filter_map(|port| u16::try_from(port.number("/port")).ok()).collect(),
        has_selector: !selector.is_empty(),
        pods: count(behind().count()),
        pods_with_sidecar: count(behind().filter(|pod| pod.has_sidecar).count()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        cluster::test_server::{TestServer, failure},
        facts::{GatewaySummary, Injection, NamespaceSummary, ServiceSummary},
    };
    use serde_json::{Value, json};

    const KINDS: &[(&str, &str, bool)] =
        &[("Namespace", "namespaces", false), ("Service", "services", true), ("Pod", "pods", true)];

    fn server() -> TestServer {
        TestServer::default().serving("v1", KINDS)
    }

    fn forbidden() -> Value {
        let message = "clusterissuers.cert-manager.io is forbidden: User \"u\" cannot list resource \"clusterissuers\" in API \
                       group \"cert-manager.io\" at the cluster scope";
        failure(403, "Forbidden", message, &json!({}))
    }

    #[tokio::test]
    async fn given_namespaces_when_listed_then_those_on_their_way_out_are_left_out_and_injection_is_told() {
        let namespaces = [
            json!({"metadata": {"name": "on", "labels": {"istio-injection": "enabled"}}}),
            json!({"metadata": {"name": "off", "labels": {"istio-injection": "disabled", "istio.io/rev": "prod"}}}),
            json!({"metadata": {"name": "going", "deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            json!({"metadata": {"name": "a-plain-one"}}),
        ];
        let (cluster, _) = server().list("/api/v1/namespaces", &namespaces).connect().await;
        let summary = |name: &str, injection| NamespaceSummary { name: name.to_owned(), injection };
        let expected =
            [summary("a-plain-one", Injection::Unsaid), summary("off", Injection::Off), summary("on", Injection::On)];
        assert_eq!(cluster.namespace_choices().await.unwrap(), expected);
    }

    #[tokio::test]
    async fn given_services_when_listed_then_each_has_the_pods_that_it_selects() {
        let services = [
            json!({"metadata": {"name": "wiki"}, "spec": {"selector": {"app": "wiki"}, "ports": [{"port": 80}, {"port": 9090}]}}),
            json!({"metadata": {"name": "by-hand"}, "spec": {"ports": [{"port": 5432}]}}),
        ];
        let pod = |name: &str, app: &str, phase: &str, container: &str| {
            json!({"metadata": {"name": name, "labels": {"app": app}}, "status": {"phase": phase},
                   "spec": {"containers": [{"name": "main"}, {"name": container}]}})
        };
        let pods = [
            pod("wiki-1", "wiki", "Running", "istio-proxy"),
            pod("wiki-2", "wiki", "Running", "other"),
            pod("wiki-job", "wiki", "Succeeded", "other"),
            pod("stranger", "stranger", "Running", "istio-proxy"),
        ];
        let server = server().list("/api/v1/namespaces/docs/services", &services);
        let (cluster, _) = server.list("/api/v1/namespaces/docs/pods", &pods).connect().await;
        let summary = |name: &str, ports: &[u16], has_selector, pods, pods_with_sidecar| ServiceSummary {
            name: name.to_owned(),
            ports: ports.to_vec(),
            has_selector,
            pods,
            pods_with_sidecar,
        };
        let expected = [summary("by-hand", &[5432], false, 0, 0), summary("wiki", &[80, 9090], true, 2, 1)];
        assert_eq!(cluster.service_choices("docs").await.unwrap(), expected);
    }

    #[tokio::test]
    async fn given_gateways_of_several_kinds_when_listed_then_only_ingress_ones_are_there() {
        let gateway = |name: &str, label: &str, status: Value| {
            json!({"metadata": {"name": name, "namespace": "mesh", "labels": {"istio": label}},
                   "spec": {"clusterIP": "10.0.0.1", "selector": {"istio": label}}, "status": status})
        };
        let address = json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}});
        let services = [
            gateway("outer", "ingressgateway", address),
            gateway("inner", "aks-istio-ingressgateway-internal", json!({})),
            gateway("leaving", "egressgateway", json!({})),
        ];
        let (cluster, _) = server().list("/api/v1/services", &services).connect().await;
        let summary = |service: &str, address: Option<&str>| GatewaySummary {
            namespace: "mesh".to_owned(),
            service: service.to_owned(),
            address: address.map(str::to_owned),
        };
        let expected = [summary("inner", None), summary("outer", Some("203.0.113.7"))];
        assert_eq!(cluster.gateway_choices().await.unwrap(), expected);
    }

    #[tokio::test]
    async fn given_issuers_that_may_not_be_listed_then_that_is_told_and_not_that_there_are_none() {
        let groups = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [{"name": "cert-manager.io",
            "versions": [{"groupVersion": "cert-manager.io/v1", "version": "v1"}],
            "preferredVersion": {"groupVersion": "cert-manager.io/v1", "version": "v1"}}]});
        let core = json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []});
        let kinds: &[(&str, &str, bool)] = &[("Issuer", "issuers", true), ("ClusterIssuer", "clusterissuers", false)];
        let path = "/apis/cert-manager.io/v1";
        let with_issuers = || {
            let server = server().answer("GET /api", 200, core.clone()).answer("GET /apis", 200, groups.clone());
            server.serving("cert-manager.io/v1", kinds)
        };
        let issuer = json!({"metadata": {"name": "own"}, "spec": {"ca": {}},
                            "status": {"conditions": [{"type": "Ready", "status": "True"}]}});

        let server = with_issuers().answer(&format!("GET {path}/clusterissuers"), 403, forbidden());
        let (cluster, _) =
            server.list(&format!("{path}/namespaces/mesh/issuers"), std::slice::from_ref(&issuer)).connect().await;
        let error = cluster.issuer_choices("mesh").await.unwrap_err();
        assert!(error.to_string().contains("clusterissuers"), "{error}");

        let server = with_issuers().list(&format!("{path}/clusterissuers"), &[issuer]);
        let server = server.answer(&format!("GET {path}/namespaces/mesh/issuers"), 403, forbidden());
        let (cluster, _) = server.connect().await;
        let found = cluster.issuer_choices("mesh").await.unwrap();
        assert_eq!(found.iter().map(|issuer| issuer.name.as_str()).collect::<Vec<_>>(), ["own"]);
    }
}
