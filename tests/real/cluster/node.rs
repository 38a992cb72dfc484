//! The one node of the cluster, as a scheduler and a kubelet are for it: it takes every pod, runs it, and forwards ports to it.

use super::images::Images;
use super::network::{Namespace, Network};
use super::pod;
use crate::kept::free_ports;
use crate::parts::say;
use crate::visitors;
use axum::extract::{Path, Query, State, WebSocketUpgrade};
use axum::response::Response;
use gatewright::practice::authority::Authority;
use gatewright::practice::cluster::forward_ports;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// The node's name, and the address at which the API server finds its kubelet.
pub(super) const NODE: &str = "practice";
pub(super) const NODE_ADDRESS: &str = "127.0.0.1";

/// How often the node looks for pods.
const TICK: Duration = Duration::from_millis(100);

/// What the pods of a node share.
pub(super) struct Node {
    pub(super) client: kube::Client,
    pub(super) network: Arc<Network>,
    pub(super) images: Images,
    /// Ports on every pod's loopback, and those of this machine's loopback that they lead to.
    pub(super) ways_out: Vec<(u16, u16)>,
    /// Where the network of each pod is.
    networks: Mutex<HashMap<String, PathBuf>>,
}

/// A node at work.
pub(super) struct Kubelet {
    pub(super) node: Arc<Node>,
    _tending: AbortOnDropHandle<()>,
    _serving: AbortOnDropHandle<()>,
}

impl Kubelet {
    /// Has the node come into the cluster and take its pods.
    pub(super) async fn start(
        client: kube::Client,
        authority: &Authority,
        images: Images,
        ways_out: Vec<(u16, u16)>,
        version: &str,
    ) -> Result<Self, String> {
        let network = Network::make()?;
        let networks = Mutex::default();
        let node = Arc::new(Node { client, network, images, ways_out, networks });
        let [port] = free_ports();
        let serving = serve(Arc::clone(&node), authority, port).await;
        node.comes_up(port, version).await;
        let tending = AbortOnDropHandle::new(tokio::spawn(tend(Arc::clone(&node))));
        Ok(Self { node, _tending: tending, _serving: serving })
    }
}

impl Node {
    async fn comes_up(&self, port: u16, version: &str) {
        let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(self.client.clone());
        let status = json!({"status": {
            "addresses": [{"type": "InternalIP", "address": NODE_ADDRESS}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            // Istio makes a sidecar of its own kind of container where every node knows it.
            "nodeInfo": {
                "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                "kubeProxyVersion": "", "kubeletVersion": version, "machineID": "", "operatingSystem": "linux",
                "osImage": "", "systemUUID": "",
            },
        }});
        let patch = kube::api::Patch::Merge(status);
        nodes.patch_status(NODE, &kube::api::PatchParams::default(), &patch).await.unwrap();
    }

    /// Notes where a pod's network is.
    pub(super) fn has(&self, pod: &str, namespace: &Namespace) {
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        networks.insert(pod.to_owned(), namespace.path());
    }

    /// Forgets it.
    pub(super) fn has_no_more(&self, pod: &str) {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner).remove(pod);
    }

    /// A connection to a port on a pod's own loopback.
    pub(super) async fn connect(&self, pod: &str, port: u16) -> std::io::Result<TcpStream> {
        self.connect_from(pod, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).await
    }

    /// A connection that a program in a pod makes.
    pub(super) async fn connect_from(&self, pod: &str, to: SocketAddrV4) -> std::io::Result<TcpStream> {
        let path = self.networks.lock().unwrap_or_else(PoisonError::into_inner).get(pod).cloned();
        let path = path.ok_or_else(|| std::io::Error::other(format!("there is no pod {pod}")))?;
        super::network::connect(path, to).await
    }

    /// What the cluster's DNS would say of its Services. istiod runs outside, behind a port of the pod's own loopback.
    pub(super) async fn hosts(&self) -> String {
        let services = Api::<Service>::all(self.client.clone()).list(&ListParams::default()).await.unwrap();
        let line = |service: Service| {
            let (metadata, address) = (service.metadata, service.spec?.cluster_ip?);
            let name = format!("{}.{}.svc", metadata.name?, metadata.namespace?);
            let address = if name == "istiod.istio-system.svc" { "127.0.0.1".to_owned() } else { address };
            (address != "None").then(|| format!("{address} {name}.cluster.local {name}\n"))
        };
        let services: String = services.items.into_iter().filter_map(line).collect();
        format!("127.0.0.1 localhost\n{services}")
    }
}

/// Takes pods as they come and lets them go when they are to go.
async fn tend(node: Arc<Node>) {
    let pods: Api<Pod> = Api::all(node.client.clone());
    let mut running: HashMap<String, CancellationToken> = HashMap::new();
    let tasks = TaskTracker::new();
    let all = CancellationToken::new();
    let _at_the_end = all.clone().drop_guard();
    loop {
        for pod in pods.list(&ListParams::default()).await.into_iter().flat_map(|list| list.items) {
            let uid = pod.metadata.uid.clone().unwrap_or_default();
            let namespace = pod.metadata.namespace.clone().unwrap_or_default();
            let name = pod.metadata.name.clone().unwrap_or_default();
            let theirs: Api<Pod> = Api::namespaced(node.client.clone(), &namespace);
            let known = running.get(&uid);
            if pod.metadata.deletion_timestamp.is_some() {
                if let Some(stop) = known {
                    stop.cancel();
                } else {
                    let now = DeleteParams::default().grace_period(0);
                    let _gone = theirs.delete(&name, &now).await;
                }
            } else if known.is_none() {
                if pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_none()) {
                    bind(&node.client, &namespace, &name).await;
                }
                let stop = all.child_token();
                running.insert(uid, stop.clone());
                tasks.spawn(pod::run(Arc::clone(&node), pod, stop));
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn bind(client: &kube::Client, namespace: &str, name: &str) {
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "namespace": namespace},
        "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
    });
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let bound: Result<serde_json::Value, _> =
        pods.create_subresource("binding", name, &PostParams::default(), &binding).await;
    if let Err(error) = bound {
        say(&format!("{namespace}/{name} is not bound: {error}"));
    }
}

/// Answers the API server for port forwards, as a kubelet.
async fn serve(node: Arc<Node>, authority: &Authority, port: u16) -> AbortOnDropHandle<()> {
    let forward = async |State(node): State<Arc<Node>>,
                         Path((namespace, pod)): Path<(String, String)>,
                         Query(query): Query<BTreeMap<String, String>>,
                         upgrade: WebSocketUpgrade|
           -> Response {
        let key = format!("{namespace}/{pod}");
        let ports: Vec<u16> =
            query.get("port").into_iter().flat_map(|text| text.split(',')).flat_map(str::parse).collect();
        let mut streams = Vec::new();
        for port in ports {
            let stream = node.connect(&key, port).await.ok().map(|mut stream| {
                let (near, mut far) = tokio::io::duplex(64 * 1024);
                tokio::spawn(async move {
                    let _ended = tokio::io::copy_bidirectional(&mut stream, &mut far).await;
                });
                near
            });
            streams.push((port, stream));
        }
        upgrade.protocols(["v4.channel.k8s.io"]).on_upgrade(|socket| forward_ports(socket, streams))
    };
    let router =
        axum::Router::new().route("/portForward/{namespace}/{pod}", axum::routing::get(forward)).with_state(node);
    let issued = authority.issue(&[NODE_ADDRESS.to_owned()], 2).unwrap();
    let (chain, key) = (issued.chain_pem.as_bytes().to_vec(), issued.key_pem.as_bytes().to_vec());
    let settings = axum_server::tls_rustls::RustlsConfig::from_pem(chain, key).await.unwrap();
    let place = std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let server = axum_server::bind_rustls(place, settings).serve(router.into_make_service());
    AbortOnDropHandle::new(tokio::spawn(async move { server.await.unwrap() }))
}

/// Whether an address answers well over HTTP, as a kubelet's probe sees it.
pub(super) async fn answers_well(network: &Network, address: SocketAddrV4, path: &str) -> bool {
    let Ok(stream) = network.connect(address).await else { return false };
    let answer = visitors::ask_plainly(stream, (&address.to_string(), path), &[]).await;
    answer.is_some_and(|answer| answer.status.is_success() || answer.status.is_redirection())
}

/// The addresses of the pods with these labels.
pub(super) async fn pod_addresses(client: &kube::Client, namespace: &str, labels: &str) -> Vec<Ipv4Addr> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let found = pods.list(&ListParams::default().labels(labels)).await.into_iter().flat_map(|list| list.items);
    found.filter_map(|pod| pod.status?.pod_ip?.parse().ok()).collect()
}
