//! The whole road from outside to the application: what setup made, on a real API server, translated by a real istiod, carried by
//! a real Envoy, with the real sign-in proxy and a real session store, started as their objects say. Entra is the practice tenant.

pub(crate) mod attacks;
mod browser;
mod chain;
mod journeys;
mod parts;

pub(crate) use parts::serve_application;

use crate::kept::Running;
use crate::mesh::Proxy;
use crate::mesh::world::{Cluster, World};
use crate::parts::{Gatewright, ground};
use crate::visitors::{self, Answer, Client, HOST};
use gatewright::cluster::LiveConfiguration;
use gatewright::practice::Ground;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What setup makes in a cluster, but for the certificate and for the mutual TLS towards an application with a sidecar: a sidecar
/// can't be here.
const KINDS: [(&str, &str); 12] = [
    ("", "Namespace"),
    ("", "ServiceAccount"),
    ("", "Secret"),
    ("", "ConfigMap"),
    ("", "Service"),
    ("apps", "Deployment"),
    ("security.istio.io", "PeerAuthentication"),
    ("security.istio.io", "AuthorizationPolicy"),
    ("security.istio.io", "RequestAuthentication"),
    ("networking.istio.io", "EnvoyFilter"),
    ("networking.istio.io", "Gateway"),
    ("networking.istio.io", "VirtualService"),
];

/// Everything between a client and the application.
struct Road {
    ground: Ground,
    world: World,
    gateway: Proxy,
    sign_in_proxy: Option<Running>,
    session_store: Option<Running>,
    client: Client,
    _application: tokio_util::task::AbortOnDropHandle<()>,
    _folder: tempfile::TempDir,
}

impl Road {
    /// Sets the example up with its locks at the gateway and brings everything to life, if the parts are there.
    async fn open() -> Option<Self> {
        let programs = parts::Programs::find()?;
        let cluster = Cluster::make().await?;
        let folder = tempfile::tempdir().unwrap();
        let ground = ground().await;
        let authority = folder.path().join("authority.pem");
        std::fs::write(&authority, ground.authority().certificate_pem()).unwrap();
        set_up(&ground, folder.path().join("gateway.yaml")).await;
        let objects = made(&ground);
        cluster.make_objects(&objects).await;
        let ours = mesh_text(&ground);
        cluster
            .edit("istio-system", "istio", "mesh", |theirs| {
                let entry =
                    gatewright::cluster::mesh_config::provider(&ours, "gatewright-myapp-myapp").unwrap().unwrap();
                gatewright::cluster::mesh_config::insert_provider(theirs, &entry).unwrap()
            })
            .await;

        let session_store = programs.session_store(&objects, folder.path());
        let sign_in_proxy = programs.sign_in_proxy(&objects, folder.path(), &authority, session_store.port).await;
        let (application, application_port) = parts::application().await;
        cluster.make_objects(&[leads_to("myapp", application_port)]).await;
        cluster.make_objects(&[leads_to("myapp-oauth2-proxy", sign_in_proxy.port)]).await;

        let client = Client::new(cluster.gateway_port, ground.authority());
        let mut world = cluster.with_istiod(objects, Some(&authority)).await?;
        let mut gateway = world.gateway().await;
        gateway.comes_to("the road is there", is_guarded).await;
        Some(Self {
            ground,
            world,
            gateway,
            sign_in_proxy: Some(sign_in_proxy.running),
            session_store: Some(session_store.running),
            client,
            _application: application,
            _folder: folder,
        })
    }

    /// Asks for a path as an ordinary client does.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.client.get(path, headers).await
    }

    /// Asks as a program with that token.
    async fn with_token(&self, token: &str) -> Answer {
        self.get("/", &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// A token that the tenant gives to that client, for that scope.
    async fn token(&self, client_id: &str, secret: &str, scope: &str) -> String {
        visitors::token(&self.ground, client_id, secret, scope).await
    }

    /// The application's own client id and secret, as the sign-in proxy has them.
    fn own_credentials(&self) -> (String, String) {
        let object = |kind| self.world.object(kind, "myapp-oauth2-proxy");
        visitors::credentials(object("ConfigMap"), object("Secret"))
    }

    /// A token of the application for itself.
    async fn own_token(&self) -> String {
        let (client_id, secret) = self.own_credentials();
        self.token(&client_id, &secret, &format!("api://{client_id}/.default")).await
    }

    /// The end of what the sign-in proxy wrote down.
    fn words_of_the_proxy(&self) -> String {
        self.sign_in_proxy.as_ref().map(Running::last_words).unwrap_or_default()
    }
}

/// Both locks and the routes, as far as a proxy's configuration tells.
fn is_guarded(configuration: &LiveConfiguration) -> Result<(), String> {
    let guarded = configuration.doors().any(|door| !door.hooks.is_empty() && !door.token_rules.is_empty());
    let ready = guarded && configuration.has_host(HOST) && configuration.rejected.is_empty();
    ready.then_some(()).ok_or_else(|| "the hook, the check of tokens or the route is missing".to_owned())
}

async fn set_up(ground: &Ground, answers: PathBuf) {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/example.yaml");
    let text = std::fs::read_to_string(example).unwrap();
    let changed = text.replace("hook: sidecar", "hook: gateway");
    assert_ne!(text, changed);
    std::fs::write(&answers, changed).unwrap();
    Gatewright::new(ground).set_up_with(&answers).await;
}

/// What setup made on the practice ground, and the certificate that was issued for it, as anybody could apply it elsewhere.
fn made(ground: &Ground) -> Vec<Value> {
    let is_wanted = |object: &Value| {
        object["metadata"]["labels"]["gatewright.dev/installation"] == "myapp" || object["type"] == "kubernetes.io/tls"
    };
    let all = KINDS.iter().flat_map(|(group, kind)| ground.cluster().list(group, kind, None));
    all.filter(is_wanted).map(as_manifest).collect()
}

fn as_manifest(mut object: Value) -> Value {
    let kept = ["name", "namespace", "labels", "annotations"];
    object["metadata"].as_object_mut().unwrap().retain(|key, _| kept.contains(&key.as_str()));
    object.as_object_mut().unwrap().remove("status");
    if object["kind"] == "Service" {
        object["spec"].as_object_mut().unwrap().retain(|key, _| !key.starts_with("clusterIP"));
    }
    object
}

fn mesh_text(ground: &Ground) -> String {
    let maps = ground.cluster().list("", "ConfigMap", Some("istio-system"));
    let mesh = maps.iter().find(|map| map["metadata"]["name"] == "istio").unwrap();
    mesh["data"]["mesh"].as_str().unwrap().to_owned()
}

/// Has the Service of this name lead to a program on loopback.
fn leads_to(name: &str, port: u16) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "WorkloadEntry",
        "metadata": {"name": name, "namespace": "myapp"},
        "spec": {"address": "127.0.0.1", "labels": {"app.kubernetes.io/name": name}, "ports": {"http": port}},
    })
}
