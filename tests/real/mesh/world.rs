//! The practice ground's world, its pods and the example's objects, on a real API server with a real istiod.

use super::{ControlPlane, Pod, Proxy, Release};
use crate::api_server::ApiServer;
use crate::both_worlds::{existing, facts, pods_of};
use crate::kept::free_ports;
use gatewright::answers::Answers;
use gatewright::blueprint::{Locks, MeshProvider, PartBody, blueprint, locks};
use gatewright::cluster::{ObjectRef, mesh_config};
use gatewright::practice::world;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Where the pods are said to be. Nothing listens there.
const APPLICATION: &str = "127.0.0.11";
const GATEWAY: &str = "127.0.0.77";

/// A real API server with the practice ground's world on it, as far as that can be here.
pub(crate) struct Cluster {
    server: ApiServer,
    pub(crate) client: gatewright::cluster::Cluster,
    /// Where the gateway listens for HTTPS.
    pub(crate) gateway_port: u16,
}

impl Cluster {
    /// Makes it, if the parts are there.
    pub(crate) async fn make() -> Option<Self> {
        let server = ApiServer::start().await?;
        for part in ["istio-files-newest", "cert-manager-files"] {
            server.serve_resources_of(part).await;
        }
        let ports = free_ports();
        let world: Vec<Value> = world::healthy().unwrap().into_iter().map(|object| fitting(object, ports)).collect();
        server.make(&world).await;
        server.make(&pods_of(&world)).await;
        server.make(&[role_of_the_gateway(), binding_of_the_gateway()]).await;
        let client = server.connect().await;
        Some(Self { server, client, gateway_port: ports[2] })
    }

    /// Makes objects as somebody else than Gatewright.
    pub(crate) async fn make_objects(&self, objects: &[Value]) {
        self.server.make(objects).await;
    }

    /// Starts istiod on it, which trusts the authorities in that file besides its own; nothing, if its part is not there.
    pub(crate) async fn with_istiod(self, objects: Vec<Value>, trusted: Option<&Path>) -> Option<World> {
        let control_plane = ControlPlane::start(&self.server, Release::NEWEST, trusted).await?;
        Some(World { control_plane, objects, cluster: self })
    }
}

/// All that, with istiod.
pub(crate) struct World {
    control_plane: ControlPlane,
    objects: Vec<Value>,
    pub(crate) cluster: Cluster,
}

/// The example as Gatewright's blueprint has it, on a real mesh.
pub(super) struct Example {
    pub(super) world: World,
    pub(super) locks: Locks,
    provider: MeshProvider,
}

impl Example {
    /// Makes all of it, up to the application's pods, if the parts are there.
    pub(super) async fn make(answers: &Answers) -> Option<Self> {
        let cluster = Cluster::make().await?;
        let facts = facts(&cluster.client, answers).await;
        let existing = existing();
        let parts = blueprint(answers, &facts, &existing).unwrap();
        let objects: Vec<Value> = parts.iter().filter_map(|part| Some(part.manifest()?.object.clone())).collect();
        cluster.make_objects(&objects).await;
        let mut pods = pods_of(&objects);
        for pod in &mut pods {
            pod["status"]["podIP"] = APPLICATION.into();
        }
        cluster.make_objects(&pods).await;
        let provider = parts.iter().find_map(|part| match &part.body {
            PartBody::MeshProvider(provider) => Some(provider.clone()),
            _ => None,
        });
        let this = Self {
            world: cluster.with_istiod(objects, None).await?,
            locks: locks(answers, &facts, &existing).unwrap(),
            provider: provider.unwrap(),
        };
        this.provider_is_known(true).await;
        Some(this)
    }

    /// Puts the hook's provider into the mesh configuration, or takes it out.
    pub(super) async fn provider_is_known(&self, known: bool) {
        let MeshProvider { namespace, config_map, key, entry } = &self.provider;
        let change = |text: &str| {
            let name = entry["name"].as_str().unwrap();
            if known { mesh_config::insert_provider(text, entry) } else { mesh_config::remove_provider(text, name) }
        };
        self.world.cluster.edit(namespace, config_map, key, |text| change(text).unwrap()).await;
    }
}

impl Cluster {
    /// Changes a text in a ConfigMap.
    pub(crate) async fn edit(&self, namespace: &str, name: &str, key: &str, change: impl Fn(&str) -> String) {
        let place = ObjectRef::namespaced("v1", "ConfigMap", namespace, name);
        let mut config_map = self.client.get(&place).await.unwrap().unwrap();
        config_map["data"][key] = change(config_map["data"][key].as_str().unwrap()).into();
        self.client.update_guarded(&config_map).await.unwrap();
    }
}

impl World {
    /// The Envoy beside the application.
    pub(crate) async fn sidecar(&mut self) -> Proxy {
        let labels = BTreeMap::from([("app.kubernetes.io/name".to_owned(), "myapp".to_owned())]);
        let (role, namespace) = ("sidecar", "myapp");
        let pod = Pod { role, name: "myapp-0", namespace, service_account: "myapp", address: APPLICATION, labels };
        self.control_plane.proxy(&self.cluster.server, &pod).await
    }

    /// The Envoy of the ingress gateway.
    pub(crate) async fn gateway(&mut self) -> Proxy {
        let name = "istio-ingressgateway";
        let labels = [("app", name), ("istio", "ingressgateway")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let pod = Pod {
            role: "router",
            name: "istio-ingressgateway-0",
            namespace: super::ISTIO_NAMESPACE,
            service_account: GATEWAY_ACCOUNT,
            address: GATEWAY,
            labels,
        };
        self.control_plane.proxy(&self.cluster.server, &pod).await
    }

    /// Puts the gateway's certificate where cert-manager would.
    pub(crate) async fn has_certificate(&self) {
        let certificate = self.objects.iter().find(|object| object["kind"] == "Certificate").unwrap();
        let issued = self.cluster.server.authority().issue(&["*.cluster.example.com".to_owned()], 2).unwrap();
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": certificate["spec"]["secretName"], "namespace": certificate["metadata"]["namespace"]},
            "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": issued.chain_pem, "tls.key": issued.key_pem},
        });
        self.cluster.server.make(&[secret]).await;
    }

    /// The example's object of this kind and name.
    pub(crate) fn object(&self, kind: &str, name: &str) -> &Value {
        let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
        self.objects.iter().find(is_it).unwrap_or_else(|| panic!("the example has no {kind} {name}"))
    }

    /// Takes an object away, as somebody with kubectl would.
    pub(crate) async fn delete(&self, kind: &str, name: &str) {
        self.cluster.server.delete(self.object(kind, name)).await;
    }

    /// Puts it back as it was.
    pub(crate) async fn put_back(&self, kind: &str, name: &str) {
        self.cluster.server.make(&[self.object(kind, name).clone()]).await;
    }
}

const GATEWAY_ACCOUNT: &str = "istio-ingressgateway-service-account";

/// The world as it can be here: an Envoy that is not Istio's own lacks the filter for metrics, and listens on this machine's ports.
fn fitting(mut object: Value, ports: [u16; 3]) -> Value {
    let is = |kind: &str, name: &str| object["kind"] == kind && object["metadata"]["name"] == name;
    if is("ConfigMap", "istio") {
        let mesh = object["data"]["mesh"].as_str().unwrap();
        let mesh = mesh.replace("defaultProviders:\n  metrics:\n  - prometheus\n", "");
        object["data"]["mesh"] = mesh.into();
    } else if is("Service", "istio-ingressgateway") {
        for (port, free) in object["spec"]["ports"].as_array_mut().unwrap().iter_mut().zip(ports) {
            port["targetPort"] = free.into();
        }
    }
    object
}

/// What the gateway's chart gives it: without it, istiod hands it no certificate.
pub(crate) fn role_of_the_gateway() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": GATEWAY_ACCOUNT, "namespace": super::ISTIO_NAMESPACE},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}],
    })
}

pub(crate) fn binding_of_the_gateway() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": GATEWAY_ACCOUNT, "namespace": super::ISTIO_NAMESPACE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": GATEWAY_ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": GATEWAY_ACCOUNT, "namespace": super::ISTIO_NAMESPACE}],
    })
}
