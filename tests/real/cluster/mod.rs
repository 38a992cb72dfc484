//! A whole cluster on one machine: a real API server with real controllers, a real istiod that injects real sidecars, and pods
//! that are real processes in networks of their own. What is not real is the node: a scheduler, a kubelet and a DNS for tests.

mod attacks;
mod caller;
mod container;
mod images;
mod injection;
mod killed;
mod load;
mod network;
mod node;
mod pod;
mod rights;
mod rotation;
mod setup;
mod volumes;
mod watch;

use crate::api_server::ApiServer;
use crate::kept::{Running, free_ports, kept};
use crate::mesh::world::{binding_of_the_gateway, role_of_the_gateway};
use crate::mesh::{ControlPlane, ISTIO_NAMESPACE, Release};
use crate::parts::{EXAMPLE, Gatewright, cannot, ground};
use crate::visitors::{self, Client};
use gatewright::practice::authority::Authority;
use gatewright::practice::{Ground, world};
use images::Images;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ListParams};
use node::{Kubelet, NODE, NODE_ADDRESS};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::task::AbortOnDropHandle;

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(240);

/// What there may be several versions of.
#[derive(Clone, Copy)]
struct Versions {
    istio: Release,
    envoy: &'static str,
    /// Which the node says of itself: istiod decides by it which kind of container a sidecar is.
    kubelet: &'static str,
}

/// Sidecars are init containers that stay.
const NEWEST: Versions = Versions { istio: Release::NEWEST, envoy: "envoy-newest", kubelet: "v1.37.2" };
/// Sidecars are containers beside the others, and end at the same moment.
const OLDEST: Versions = Versions { istio: Release::OLDEST, envoy: "envoy-oldest", kubelet: "v1.27.0" };

/// The Secret with what the cluster's issuer signs with.
const KEYS: &str = "authority";

/// The example's sign-in proxy.
const PROXY: &str = "myapp-oauth2-proxy";

/// Kinds of which a setup makes objects.
const KINDS: [(&str, &str, &str); 12] = [
    ("", "v1", "ConfigMap"),
    ("", "v1", "Secret"),
    ("", "v1", "Service"),
    ("", "v1", "ServiceAccount"),
    ("apps", "v1", "Deployment"),
    ("cert-manager.io", "v1", "Certificate"),
    ("networking.istio.io", "v1", "DestinationRule"),
    ("networking.istio.io", "v1", "Gateway"),
    ("networking.istio.io", "v1", "VirtualService"),
    ("security.istio.io", "v1", "AuthorizationPolicy"),
    ("security.istio.io", "v1", "PeerAuthentication"),
    ("security.istio.io", "v1", "RequestAuthentication"),
];

/// A cluster with Istio and an ingress gateway, beside a practice tenant.
pub(crate) struct Whole {
    pub(crate) ground: Ground,
    pub(crate) client: Client,
    /// Where the gateway is reached on this machine's loopback.
    pub(crate) gateway_port: u16,
    _way_in: AbortOnDropHandle<()>,
    kubelet: Kubelet,
    _control_plane: ControlPlane,
    controllers: Running,
    _cert_manager: Running,
    pub(crate) server: ApiServer,
    folder: tempfile::TempDir,
}

impl Whole {
    /// Brings one up, if its parts are there.
    pub(crate) async fn open() -> Option<Self> {
        Self::open_with(NEWEST).await
    }

    /// The same in other versions.
    async fn open_with(versions: Versions) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("tenant.pem");
        let images = Images::find(versions.istio, versions.envoy, &authority)?;
        let controllers = kept("kube-controller-manager")?;
        let cert_manager = kept("cert-manager")?;
        // What the network of pods is made with, by us and by Istio.
        for tool in ["ip", "iptables"] {
            kept(tool)?.is_used();
        }
        let ground = ground().await;
        std::fs::write(&authority, ground.authority().certificate_pem()).unwrap();
        let server = ApiServer::start().await?;
        for part in [versions.istio.files, "cert-manager-files"] {
            server.serve_resources_of(part).await;
        }
        let controllers = start_controllers(&controllers, &server, folder.path());
        let kubeconfig = format!("--kubeconfig={}", server.kubeconfig().display());
        let cert_manager = Running::start(
            &cert_manager,
            folder.path(),
            &[kubeconfig, "--cluster-resource-namespace=cert-manager".to_owned()],
        );
        // The other issuer's authority is on the Internet.
        let is_here = |object: &Value| object["metadata"]["name"] != "letsencrypt-staging";
        let mut world: Vec<Value> = world::healthy().unwrap().into_iter().filter(is_here).map(fitting).collect();
        world.push(keys_of(ground.authority()));
        let (deployments, rest): (Vec<Value>, Vec<Value>) =
            world.into_iter().partition(|object| object["kind"] == "Deployment");
        server.make(&rest).await;
        server.make(&[role_of_the_gateway(), binding_of_the_gateway()]).await;
        server.make(&[injection::templates(versions.istio)]).await;
        let control_plane = ControlPlane::start(&server, versions.istio, Some(&authority)).await?;
        server.make(&[injection::webhooks(&control_plane)]).await;

        let client = server.client().await;
        let mut ways_out = vec![(15012, control_plane.ports.discovery)];
        ways_out.extend(tenant_ports(&ground).into_iter().map(|port| (port, port)));
        let kubelet = match Kubelet::start(client.clone(), server.authority(), images, ways_out, versions.kubelet).await
        {
            Ok(kubelet) => kubelet,
            Err(reason) => {
                cannot(&format!("make networks of its own: {reason}"));
                return None;
            }
        };
        server.make(&deployments).await;
        let gateway = ready_pod(&client, &controllers, ISTIO_NAMESPACE, "istio=ingressgateway").await;
        issuer_is_ready(&client).await;
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let gateway_port = listener.local_addr().unwrap().port();
        let node = Arc::clone(&kubelet.node);
        let way_in = network::carry(listener, move || {
            let (node, gateway) = (Arc::clone(&node), gateway.clone());
            async move { node.connect(&gateway, 8443).await }
        });
        let client = Client::new(gateway_port, ground.authority());
        Some(Self {
            ground,
            client,
            gateway_port,
            _way_in: way_in,
            kubelet,
            _control_plane: control_plane,
            controllers,
            _cert_manager: cert_manager,
            server,
            folder,
        })
    }

    /// Gatewright, pointed at this cluster and at the practice tenant.
    fn gatewright(&self) -> Gatewright<'_> {
        Gatewright::new(&self.ground).on(self.server.kubeconfig())
    }

    /// Sets the example up, and tries it as Gatewright does.
    async fn set_up(&self) {
        self.set_up_with(EXAMPLE).await;
    }

    /// The same with these answers.
    async fn set_up_with(&self, answers: &str) {
        let at = format!("127.0.0.1:{}", self.gateway_port);
        let said = self.gatewright().run_plain(&["setup", "--yes", "--try-at", &at, "--answers", answers]).await;
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    }

    /// The example's answers with one of them changed, as a file.
    fn answers(&self, from: &str, to: &str) -> String {
        let text = std::fs::read_to_string(EXAMPLE).unwrap();
        assert!(text.contains(from), "{from}");
        let path = self.folder.path().join("gatewright.yaml");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        path.display().to_string()
    }

    /// The version of every object of the installation that is not a pod's or a controller's own.
    async fn versions(&self) -> BTreeMap<String, Option<String>> {
        let ours = self.ours().await.into_iter();
        ours.map(|(name, metadata)| (name, metadata.resource_version)).collect()
    }

    /// Which objects these are: one that was made anew is another.
    async fn uids(&self) -> BTreeMap<String, Option<String>> {
        self.ours().await.into_iter().map(|(name, metadata)| (name, metadata.uid)).collect()
    }

    async fn ours(&self) -> Vec<(String, ObjectMeta)> {
        let mut ours = Vec::new();
        let client = self.server.client().await;
        for (group, version, kind) in KINDS {
            let resource = kube::api::ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk(group, version, kind));
            let objects: Api<kube::api::DynamicObject> = Api::all_with(client.clone(), &resource);
            let labelled = ListParams::default().labels("gatewright.dev/installation=myapp");
            for object in objects.list(&labelled).await.unwrap() {
                let name = object.metadata.name.clone().unwrap_or_default();
                ours.push((format!("{kind} {name}"), object.metadata));
            }
        }
        ours
    }

    /// Waits until no pod is on its way in or out.
    async fn has_settled(&self) {
        let pods: Api<Pod> = Api::namespaced(self.server.client().await, "myapp");
        let begun = Instant::now();
        loop {
            let found = pods.list(&ListParams::default()).await.unwrap().items;
            if found.iter().all(|pod| pod.metadata.deletion_timestamp.is_none() && is_ready(pod)) {
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "{found:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// An object of the example in its own namespace.
    async fn object(&self, kind: &str, name: &str) -> Value {
        let place = gatewright::cluster::ObjectRef::namespaced("v1", kind, "myapp", name);
        self.server.connect().await.get(&place).await.unwrap().unwrap()
    }

    /// A token of the application for itself.
    async fn own_token(&self) -> String {
        let [settings, secret] = [self.object("ConfigMap", PROXY).await, self.object("Secret", PROXY).await];
        let (client_id, secret) = visitors::credentials(&settings, &secret);
        visitors::token(&self.ground, &client_id, &secret, &format!("api://{client_id}/.default")).await
    }
}

/// The ports on which the tenant is reached: nothing else of this machine is any pod's business.
fn tenant_ports(ground: &Ground) -> Vec<u16> {
    let cloud = ground.cloud();
    [&cloud.sign_in, &cloud.graph]
        .into_iter()
        .filter_map(|address| address.parse::<url::Url>().unwrap().port())
        .collect()
}

fn start_controllers(program: &crate::parts::Program, server: &ApiServer, folder: &Path) -> Running {
    let kubeconfig = server.kubeconfig();
    let [port] = free_ports();
    let controllers = [
        "deployment-controller",
        "replicaset-controller",
        "endpointslice-controller",
        "namespace-controller",
        "garbage-collector-controller",
        "job-controller",
        "ttl-after-finished-controller",
        "serviceaccount-controller",
        "root-ca-certificate-publisher-controller",
    ];
    let arguments = [
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--root-ca-file={}", kubeconfig.with_file_name("authority.pem").display()),
        format!("--controllers={}", controllers.join(",")),
        "--leader-elect=false".to_owned(),
        format!("--bind-address={NODE_ADDRESS}"),
        format!("--secure-port={port}"),
    ];
    Running::start(program, folder, &arguments)
}

/// The world as it can be here: the gateway is injected as its chart has it done, and an Envoy that is not Istio's own lacks the
/// filter for metrics.
fn fitting(mut object: Value) -> Value {
    let is = |kind: &str, name: &str| object["kind"] == kind && object["metadata"]["name"] == name;
    if is("ConfigMap", "istio") {
        let mesh = object["data"]["mesh"].as_str().unwrap();
        object["data"]["mesh"] = mesh.replace("defaultProviders:\n  metrics:\n  - prometheus\n", "").into();
    } else if is("Deployment", "istio-ingressgateway") {
        let template = &mut object["spec"]["template"];
        template["metadata"]["labels"]["sidecar.istio.io/inject"] = "true".into();
        template["metadata"]["annotations"] = json!({"inject.istio.io/templates": "gateway"});
        template["spec"]["containers"] = json!([{"name": "istio-proxy", "image": "auto"}]);
    } else if is("ClusterIssuer", "letsencrypt-production") {
        // No authority of the outside is to be had here; tests/real/certificate has one that proves names over DNS.
        object["spec"] = json!({"ca": {"secretName": KEYS}});
    }
    if ["Node", "ClusterIssuer"].iter().any(|kind| object["kind"] == *kind) {
        object.as_object_mut().unwrap().remove("status");
    }
    object
}

/// What the issuer signs with, so that who trusts the ground trusts the gateway.
fn keys_of(authority: &Authority) -> Value {
    let kept = serde_json::to_value(authority.keep()).unwrap();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": KEYS, "namespace": "cert-manager"},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": kept["certificate"], "tls.key": kept["key"]},
    })
}

/// Waits until cert-manager can sign.
async fn issuer_is_ready(client: &kube::Client) {
    let kind = kube::core::GroupVersionKind::gvk("cert-manager.io", "v1", "ClusterIssuer");
    let issuers: Api<kube::api::DynamicObject> =
        Api::all_with(client.clone(), &kube::api::ApiResource::from_gvk(&kind));
    let ready = |issuer: Option<&kube::api::DynamicObject>| {
        issuer.is_some_and(|issuer| issuer.data.pointer("/status/conditions/0/status") == Some(&json!("True")))
    };
    let waiting = kube::runtime::wait::await_condition(issuers, "letsencrypt-production", ready);
    tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
}

fn is_ready(pod: &Pod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Waits for a pod with these labels, which Kubernetes' controllers make, to be ready; answers its namespace and name.
async fn ready_pod(client: &kube::Client, controllers: &Running, namespace: &str, labels: &str) -> String {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let begun = Instant::now();
    loop {
        let found = pods.list(&ListParams::default().labels(labels)).await.unwrap().items;
        if let Some(pod) = found.iter().find(|pod| is_ready(pod)) {
            return format!("{namespace}/{}", pod.metadata.name.as_deref().unwrap_or_default());
        }
        let told = || controllers.last_words();
        assert!(begun.elapsed() < DEADLINE, "no pod {labels} is ready in {namespace}: {found:#?}\n{}", told());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
