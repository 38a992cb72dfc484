use super::{DiscoverError, DiscoverRequest};
use crate::{
    cluster::{
        Error,
        test_server::{TestServer, failure},
    },
    facts::{ClusterFacts, Injection, IstioVersion, NamespaceFacts, OutboundPolicy},
};
use serde_json::{Value, json};

const NAMESPACE: &str = "/api/v1/namespaces/myapp";

/// A cluster as most are; each test changes what it is about.
struct World {
    namespace: Option<Value>,
    istiods: Vec<Value>,
    mesh: Vec<(&'static str, &'static str, &'static str)>,
    services: Vec<Value>,
    gateway_pods: Vec<Value>,
    policies: Vec<(&'static str, Value)>,
    issuers: Vec<Value>,
}

fn istiod(namespace: &str, revision: &str, image: &str, environment: impl Into<Value>) -> Value {
    let environment: Value = environment.into();
    json!({"metadata": {"name": "istiod", "namespace": namespace, "labels": {"app": "istiod", "istio.io/rev": revision}},
           "spec": {"template": {"spec": {"containers": [{"name": "discovery", "image": image, "env": environment}]}}}})
}

fn gateway(namespace: &str, name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": namespace, "labels": {"istio": "ingressgateway"}},
           "spec": {"clusterIP": "10.0.0.9", "selector": {"app": "istio-ingressgateway", "istio": "ingressgateway"}},
           "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}})
}

fn gateway_pod(app: &str) -> Value {
    json!({"metadata": {"name": "gateway-1", "namespace": "istio-system",
                        "labels": {"app": app, "istio": "ingressgateway", "istio.io/rev": "default"}},
           "spec": {"serviceAccountName": "istio-ingressgateway-service-account", "containers": [{"name": "istio-proxy"}]}})
}

fn custom(name: &str, provider: &str, spec: impl Into<Value>) -> Value {
    let spec: Value = spec.into();
    let mut policy = json!({"metadata": {"name": name, "labels": {}}, "spec": spec});
    policy["spec"]["action"] = "CUSTOM".into();
    policy["spec"]["provider"] = json!({"name": provider});
    policy
}

impl World {
    fn usual() -> Self {
        Self {
            namespace: None,
            istiods: vec![istiod("istio-system", "default", "docker.io/istio/pilot:1.28.1-distroless", json!([]))],
            mesh: vec![(
                "istio-system",
                "istio",
                "# ours\ntrustDomain: example.org\nextensionProviders:\n- name: other\n",
            )],
            services: vec![gateway("istio-system", "istio-ingressgateway")],
            gateway_pods: vec![gateway_pod("istio-ingressgateway")],
            policies: Vec::new(),
            issuers: Vec::new(),
        }
    }

    fn server(self) -> TestServer {
        let mut server = TestServer::default()
            .answer(
                "GET /api",
                200,
                json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
            )
            .answer("GET /apis", 200, groups())
            .serving(
                "v1",
                &[
                    ("Namespace", "namespaces", false),
                    ("Service", "services", true),
                    ("Pod", "pods", true),
                    ("ConfigMap", "configmaps", true),
                ],
            )
            .serving("apps/v1", &[("Deployment", "deployments", true)])
            .serving("security.istio.io/v1", &[("AuthorizationPolicy", "authorizationpolicies", true)])
            .serving("security.istio.io/v1beta1", &[("AuthorizationPolicy", "authorizationpolicies", true)])
            .serving("networking.istio.io/v1", &[("Sidecar", "sidecars", true)])
            .serving("cert-manager.io/v1", &[("Issuer", "issuers", true), ("ClusterIssuer", "clusterissuers", false)])
            .serving(
                "admissionregistration.k8s.io/v1",
                &[("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", false)],
            )
            .answer(
                "GET /api/v1/namespaces/kube-system",
                200,
                json!({"metadata": {"name": "kube-system", "uid": "cluster-uid"}}),
            )
            .list("/apis/apps/v1/deployments", &self.istiods)
            .list("/api/v1/services", &self.services)
            .list("/api/v1/namespaces/istio-system/pods", &self.gateway_pods)
            .list("/apis/cert-manager.io/v1/clusterissuers", &self.issuers)
            .list("/apis/cert-manager.io/v1/namespaces/istio-system/issuers", &[])
            .list("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", &[]);
        for namespace in ["myapp", "istio-system"] {
            let of: Vec<_> =
                self.policies.iter().filter(|(it, _)| *it == namespace).map(|(_, policy)| policy.clone()).collect();
            server = server
                .list(&format!("/apis/security.istio.io/v1/namespaces/{namespace}/authorizationpolicies"), &of)
                .list(&format!("/apis/networking.istio.io/v1/namespaces/{namespace}/sidecars"), &[]);
        }
        for (namespace, name, mesh) in self.mesh {
            let path = format!("GET /api/v1/namespaces/{namespace}/configmaps/{name}");
            server = server.answer(&path, 200, json!({"metadata": {"name": name}, "data": {"mesh": mesh}}));
        }
        match self.namespace {
            Some(namespace) => server.answer(&format!("GET {NAMESPACE}"), 200, namespace),
            None => server,
        }
    }

    async fn discover(self) -> Result<ClusterFacts, DiscoverError> {
        discover(self.server(), &request()).await
    }
}

async fn discover(server: TestServer, request: &DiscoverRequest) -> Result<ClusterFacts, DiscoverError> {
    let (cluster, _) = server.connect().await;
    cluster.discover(request).await
}

fn request() -> DiscoverRequest {
    DiscoverRequest {
        app_name: "myapp".to_owned(),
        namespace: "myapp".to_owned(),
        service: None,
        gateway: None,
        issuer: None,
        tls_secret: None,
        redis: None,
    }
}

fn groups() -> Value {
    let group = |name: &str, versions: &[&str]| {
        let versions: Vec<_> = versions
            .iter()
            .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
            .collect();
        json!({"name": name, "preferredVersion": versions[0], "versions": versions})
    };
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [
        group("apps", &["v1"]), group("security.istio.io", &["v1beta1", "v1"]), group("networking.istio.io", &["v1"]),
        group("cert-manager.io", &["v1"]), group("metrics.k8s.io", &["v1"])]})
}

fn labelled(labels: &Value) -> Value {
    json!({"metadata": {"name": "myapp", "labels": labels}})
}

#[tokio::test]
async fn given_a_usual_cluster_then_all_of_it_is_found() {
    let facts = World::usual().discover().await.unwrap();
    assert_eq!((facts.id.as_str(), facts.kubernetes_version.as_str()), ("cluster-uid", "v1.34.1"));
    assert_eq!(facts.served.version("security.istio.io", "AuthorizationPolicy"), Some("v1"), "stable before beta");
    assert_eq!(facts.served.version("metrics.k8s.io", "PodMetrics"), None, "an API that is down is never asked");
    assert_eq!(facts.istio.version, IstioVersion { major: 1, minor: 28, patch: 1 });
    assert_eq!(facts.istio.injection_label, ("istio-injection".to_owned(), "enabled".to_owned()));
    assert_eq!((facts.istio.trust_domain.as_str(), facts.istio.outbound), ("example.org", OutboundPolicy::AllowAny));
    assert_eq!(facts.istio.mesh_config.name, "istio");
    assert!(facts.istio.mesh_config.providers.contains("other"));
    assert_eq!(facts.gateway.selector, [("istio".to_owned(), "ingressgateway".to_owned())].into());
    assert_eq!(facts.gateway.service_account, "istio-ingressgateway-service-account");
    assert_eq!(facts.gateway.address.as_deref(), Some("203.0.113.7"));
    assert_eq!(facts.application.namespace, NamespaceFacts::Absent);
}

#[tokio::test]
async fn given_a_server_that_aggregates_then_two_requests_tell_all_kinds() {
    let resource = |plural: &str, kind: &str, scope: &str| {
        json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": scope,
               "singularResource": "", "verbs": ["get", "list"]})
    };
    let list = |groups: Value| json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": groups});
    let core = json!([{"metadata": {}, "versions": [{"version": "v1", "resources": [resource("namespaces", "Namespace", "Cluster")]}]}]);
    let others = json!([
        {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [resource("deployments", "Deployment", "Namespaced")]}]},
        {"metadata": {"name": "cert-manager.io"}, "versions": [{"version": "v1", "resources": [resource("certificates", "Certificate", "Namespaced")]}]}]);
    let server = TestServer::default().answer("GET /api", 200, list(core)).answer("GET /apis", 200, list(others));
    let (cluster, server) = server.connect().await;
    let kinds = cluster.served().await.unwrap();
    assert_eq!(kinds.version("cert-manager.io", "Certificate"), Some("v1"));
    assert_eq!(kinds.version("", "Namespace"), Some("v1"));
    assert_eq!(server.seen().len(), 3, "with the version: {:?}", server.seen());
    let resource = cluster.resource("cert-manager.io/v1", "Certificate").await.unwrap();
    assert!(resource.namespaced && server.seen().len() == 3, "and it is remembered");
}

#[tokio::test]
async fn given_our_namespace_then_it_is_known_as_ours_and_another_installations_is_not() {
    let mark = |app: &str| {
        labelled(&json!({"app.kubernetes.io/managed-by": "gatewright", "gatewright.dev/installation": app}))
    };
    let ours = World { namespace: Some(mark("myapp")), ..World::usual() }.discover().await.unwrap();
    assert_eq!(ours.application.namespace, NamespaceFacts::Ours);
    let theirs = World { namespace: Some(mark("other")), ..World::usual() }.discover().await.unwrap();
    assert_eq!(theirs.application.namespace, NamespaceFacts::Foreign { injection: Injection::Unsaid });
}

#[tokio::test]
async fn given_a_namespace_with_a_revision_then_that_control_plane_answers() {
    let world = || World {
        namespace: Some(labelled(&json!({"istio.io/rev": "asm-1-27"}))),
        istiods: vec![
            istiod("istio-system", "default", "istio/pilot:1.28.0", json!([])),
            istiod(
                "aks-istio-system",
                "asm-1-27",
                "mcr.microsoft.com/oss/istio/pilot:1.27.3-2",
                json!([{"name": "SHARED_MESH_CONFIG", "value": "istio-shared-configmap-asm-1-27"}]),
            ),
        ],
        mesh: vec![
            ("aks-istio-system", "istio-asm-1-27", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n"),
            (
                "aks-istio-system",
                "istio-shared-configmap-asm-1-27",
                "extensionProviders: [{name: shared}]\noutboundTrafficPolicy: {mode: ALLOW_ANY}\n",
            ),
        ],
        ..World::usual()
    };
    let with_lists = |server: TestServer| {
        server
            .list("/apis/security.istio.io/v1/namespaces/aks-istio-system/authorizationpolicies", &[])
            .list("/apis/networking.istio.io/v1/namespaces/aks-istio-system/sidecars", &[])
    };
    let facts = discover(with_lists(world().server()), &request()).await.unwrap();
    assert_eq!((facts.istio.version.minor, facts.istio.revision.as_deref()), (27, Some("asm-1-27")));
    assert_eq!(facts.istio.injection_label, ("istio.io/rev".to_owned(), "asm-1-27".to_owned()));
    assert_eq!(facts.istio.mesh_config.name, "istio-shared-configmap-asm-1-27", "the shared one is for people");
    assert!(facts.istio.mesh_config.providers.contains("shared"));
    assert_eq!(facts.istio.outbound, OutboundPolicy::RegistryOnly, "Istio's own document wins");
    let unknown = World { namespace: Some(labelled(&json!({"istio.io/rev": "gone"}))), ..world() }.discover().await;
    assert!(matches!(unknown, Err(DiscoverError::NoSuchRevision { .. })), "{unknown:?}");
}

#[tokio::test]
async fn given_a_revision_tag_then_the_revision_behind_it_answers() {
    let world = World {
        namespace: Some(labelled(&json!({"istio.io/rev": "prod"}))),
        istiods: vec![istiod("istio-system", "1-26", "istio/pilot:1.26.0", json!([]))],
        mesh: vec![("istio-system", "istio-1-26", "a: 1\n")],
        ..World::usual()
    };
    let path = "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    let webhook = json!({"metadata": {"name": "istio-revision-tag-prod", "labels": {"istio.io/tag": "prod", "istio.io/rev": "1-26"}}});
    let server = world.server().answer_by(path, move |seen| {
        let items = if seen.query.contains("prod") { json!([webhook]) } else { json!([]) };
        (200, json!({"metadata": {}, "items": items}))
    });
    let facts = discover(server, &request()).await.unwrap();
    assert_eq!(facts.istio.revision.as_deref(), Some("1-26"));
    assert_eq!(facts.istio.injection_label.1, "prod", "the namespace keeps its tag");
}

#[tokio::test]
async fn given_revisions_alone_then_the_default_tag_decides_and_a_namespace_keeps_its_label() {
    let world = || World {
        namespace: Some(labelled(&json!({"istio-injection": "enabled"}))),
        istiods: vec![
            istiod("istio-system", "1-26", "istio/pilot:1.26.0", json!([])),
            istiod("istio-system", "1-27", "istio/pilot@sha256:0", json!([])),
        ],
        mesh: vec![("istio-system", "istio-1-26", "a: 1\n"), ("istio-system", "istio-1-27", "a: 1\n")],
        ..World::usual()
    };
    let undecided = world().discover().await;
    assert!(
        matches!(&undecided, Err(DiscoverError::SeveralControlPlanes { found, .. }) if found.len() == 2),
        "{undecided:?}"
    );
    let tagged = |revision: &'static str| {
        let path = "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
        let webhook = json!({"metadata": {"labels": {"istio.io/tag": "default", "istio.io/rev": revision}}});
        world().server().answer_by(path, move |_| (200, json!({"metadata": {}, "items": [webhook]})))
    };
    let facts = discover(tagged("1-26"), &request()).await.unwrap();
    assert_eq!((facts.istio.version.minor, facts.istio.injection_label.0.as_str()), (26, "istio-injection"));
    let unknown = discover(tagged("1-27"), &request()).await;
    assert!(matches!(unknown, Err(DiscoverError::IstioVersionUnknown { .. })), "an image without a tag: {unknown:?}");
}

#[tokio::test]
async fn given_no_istio_no_gateway_or_several_then_each_is_told_apart() {
    let none = World { istiods: vec![], ..World::usual() }.discover().await;
    assert_eq!(none, Err(DiscoverError::NoIstio));
    let no_gateway = World { services: vec![], ..World::usual() }.discover().await;
    assert_eq!(no_gateway, Err(DiscoverError::NoGateway));
    let two = World { services: vec![gateway("a", "in"), gateway("b", "in")], ..World::usual() }.discover().await;
    assert_eq!(two, Err(DiscoverError::SeveralGateways { found: vec!["a/in".to_owned(), "b/in".to_owned()] }));
    let no_pods = World { gateway_pods: vec![], ..World::usual() }.discover().await;
    assert!(matches!(no_pods, Err(DiscoverError::GatewayWithoutPods { .. })));
    let named = DiscoverRequest { gateway: Some(("istio-system".to_owned(), "gone".to_owned())), ..request() };
    let missing = discover(World::usual().server(), &named).await;
    assert!(matches!(missing, Err(DiscoverError::GatewayNotFound { .. })));
}

#[tokio::test]
async fn given_another_gateway_with_the_same_label_then_the_whole_selector_is_used() {
    let pods = vec![gateway_pod("istio-ingressgateway"), gateway_pod("internal")];
    let facts = World { gateway_pods: pods, ..World::usual() }.discover().await.unwrap();
    assert_eq!(facts.gateway.selector.len(), 2);
}

#[tokio::test]
async fn given_policies_of_others_then_only_those_that_apply_count() {
    let mut ours =
        custom("ours", "gatewright-myapp-myapp", json!({"selector": {"matchLabels": {"istio": "ingressgateway"}}}));
    ours["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "gatewright", "gatewright.dev/installation": "myapp",
                                        "gatewright.dev/installation-namespace": "myapp"});
    let mut sibling = ours.clone();
    sibling["metadata"]["labels"]["gatewright.dev/installation-namespace"] = "elsewhere".into();
    sibling["spec"]["provider"]["name"] = "gatewright-elsewhere-myapp".into();
    let facts = World {
        policies: vec![
            ("istio-system", ours),
            ("istio-system", sibling),
            (
                "istio-system",
                custom("egress", "egress", json!({"selector": {"matchLabels": {"istio": "egressgateway"}}})),
            ),
            ("istio-system", custom("mesh-wide", "mesh-wide", json!({}))),
            ("istio-system", custom("target", "target", json!({"targetRefs": [{"kind": "Gateway", "name": "x"}]}))),
            ("myapp", custom("mine", "of-app", json!({"selector": {"matchLabels": {"app": "myapp"}}}))),
        ],
        ..World::usual()
    }
    .discover()
    .await
    .unwrap();
    let gateway: Vec<_> = facts.gateway.custom_providers.iter().map(String::as_str).collect();
    assert_eq!(gateway, ["gatewright-elsewhere-myapp", "mesh-wide"]);
    let application: Vec<_> = facts.application.custom_providers.iter().map(String::as_str).collect();
    assert_eq!(application, ["mesh-wide", "of-app"]);
}

#[tokio::test]
async fn given_a_service_then_its_pods_and_ports_are_counted() {
    let service = json!({"metadata": {"name": "web", "namespace": "myapp"},
                         "spec": {"selector": {"app": "web"}, "ports": [{"port": 8000}, {"port": 9000}]}});
    let pod = |name: &str, containers: Value| {
        json!({"metadata": {"name": name, "namespace": "myapp", "labels": {"app": "web"}},
                                                     "spec": {"serviceAccountName": "web", "containers": [{"name": "web"}], "initContainers": containers}})
    };
    let server = World::usual().server().answer("GET /api/v1/namespaces/myapp/services/web", 200, service).list(
        "/api/v1/namespaces/myapp/pods",
        &[pod("a", json!([{"name": "istio-proxy", "restartPolicy": "Always"}])), pod("b", json!([]))],
    );
    let facts = discover(server, &DiscoverRequest { service: Some("web".to_owned()), ..request() }).await.unwrap();
    let service = facts.application.service.unwrap();
    assert_eq!((service.pods, service.pods_with_sidecar, service.ports), (2, 1, vec![8000, 9000]));
    assert_eq!(service.service_accounts, ["web".to_owned()].into());
}

#[tokio::test]
async fn given_issuers_then_readiness_and_wildcards_are_told() {
    let issuer = |name: &str, spec: Value, condition: Value| json!({"metadata": {"name": name}, "spec": spec, "status": {"conditions": [condition]}});
    let facts = World {
        issuers: vec![
            issuer(
                "dns",
                json!({"acme": {"solvers": [{"dns01": {"azureDNS": {}}}]}}),
                json!({"type": "Ready", "status": "True"}),
            ),
            issuer(
                "http",
                json!({"acme": {"solvers": [{"http01": {}}]}}),
                json!({"type": "Ready", "status": "False", "reason": "ErrRegisterACMEAccount", "message": "no"}),
            ),
            issuer("ca", json!({"ca": {"secretName": "ca"}}), json!({"type": "Ready", "status": "True"})),
        ],
        ..World::usual()
    }
    .discover()
    .await
    .unwrap();
    let told: Vec<_> =
        facts.issuers.iter().map(|it| (it.name.as_str(), it.ready.clone(), it.signs_wildcards)).collect();
    assert_eq!(
        told,
        [("ca", Ok(()), true), ("dns", Ok(()), true), ("http", Err("ErrRegisterACMEAccount: no".to_owned()), false)]
    );
}

#[tokio::test]
async fn given_a_caller_who_may_not_list_issuers_then_the_named_one_is_still_found() {
    let denied = |resource: &str| {
        failure(
            403,
            "Forbidden",
            &format!(
                "{resource}.cert-manager.io is forbidden: User \"jane\" cannot list resource \"{resource}\" in API group \"cert-manager.io\" at the cluster scope"
            ),
            &json!({}),
        )
    };
    let path = "GET /apis/cert-manager.io/v1/clusterissuers";
    let server = World::usual()
        .server()
        .answer_by(path, move |_| (403, denied("clusterissuers")))
        .answer(&format!("{path}/le"), 200, json!({"kind": "ClusterIssuer", "metadata": {"name": "le"}, "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
    let named = DiscoverRequest { issuer: Some(("ClusterIssuer".to_owned(), "le".to_owned())), ..request() };
    let facts = discover(server, &named).await.unwrap();
    assert_eq!(facts.issuers.len(), 1);
}

#[tokio::test]
async fn given_a_caller_who_may_not_list_deployments_then_the_right_is_named() {
    let message = "deployments.apps is forbidden: User \"jane\" cannot list resource \"deployments\" in API group \"apps\" at the cluster scope";
    let body = failure(403, "Forbidden", message, &json!({}));
    let server = World::usual().server().answer_by("GET /apis/apps/v1/deployments", move |_| (403, body.clone()));
    let error = discover(server, &request()).await.unwrap_err();
    let DiscoverError::Cluster(Error::Forbidden(right)) = &error else { panic!("{error:?}") };
    assert_eq!(right.namespace, None);
    assert!(error.to_string().contains("a cluster administrator"), "{error}");
}
