//! A real kube-apiserver with its etcd, for one test, on loopback.

use crate::kept::{Running, free_ports, kept};
use gatewright::cluster::Cluster;
use gatewright::practice::authority::Authority;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::runtime::{conditions, wait::await_condition};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longer than a server takes to come up on a busy machine.
const DEADLINE: Duration = Duration::from_secs(180);

/// Who may do everything.
pub(crate) const ADMINISTRATOR: &str = "administrator";

/// Who may do nothing but what is granted. The practice ground calls every caller so.
pub(crate) const LIMITED: &str = "practice-admin";

/// An API server. It goes before the store that it needs, and the folder of both goes last.
pub(crate) struct ApiServer {
    server: Running,
    _store: Running,
    url: String,
    folder: tempfile::TempDir,
    authority: Authority,
    http: reqwest::Client,
}

impl ApiServer {
    /// Starts one with nothing in it, if its parts are there.
    pub(crate) async fn start() -> Option<Self> {
        gatewright::tls::install_provider();
        let (etcd, server) = (kept("etcd")?, kept("kube-apiserver")?);
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::generate().unwrap();
        let [client_port, peer_port, secure_port] = free_ports();

        let (clients, peers) = (format!("http://127.0.0.1:{client_port}"), format!("http://127.0.0.1:{peer_port}"));
        let cluster = format!("default={peers}");
        let store = arguments(&[
            ("data-dir", "etcd"),
            ("listen-client-urls", &clients),
            ("advertise-client-urls", &clients),
            ("listen-peer-urls", &peers),
            ("initial-advertise-peer-urls", &peers),
            ("initial-cluster", &cluster),
            ("unsafe-no-fsync", "true"),
            ("log-level", "warn"),
        ]);
        let store = Running::start(&etcd, folder.path(), &store);

        write_credentials(folder.path(), &authority);
        let port = secure_port.to_string();
        let arguments = arguments(&[
            ("etcd-servers", &clients),
            ("bind-address", "127.0.0.1"),
            ("endpoint-reconciler-type", "none"),
            ("secure-port", &port),
            ("tls-cert-file", "server.pem"),
            ("tls-private-key-file", "server-key.pem"),
            ("token-auth-file", "tokens.csv"),
            ("authorization-mode", "RBAC"),
            ("service-account-issuer", "https://kubernetes.default.svc.cluster.local"),
            ("service-account-signing-key-file", "service-accounts.pem"),
            ("service-account-key-file", "service-accounts-public.pem"),
            ("service-cluster-ip-range", "10.96.0.0/16"),
        ]);
        let server = Running::start(&server, folder.path(), &arguments);
        let url = format!("https://127.0.0.1:{secure_port}");
        let trusted = reqwest::Certificate::from_pem(authority.certificate_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([trusted]).no_proxy().build().unwrap();
        let mut this = Self { server, _store: store, url, folder, authority, http };
        this.is_ready().await;
        Some(this)
    }

    async fn is_ready(&mut self) {
        let begun = Instant::now();
        loop {
            let asked = self.http.get(format!("{}/readyz", self.url)).bearer_auth(ADMINISTRATOR).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            self.server.is_alive();
            assert!(begun.elapsed() < DEADLINE, "the API server did not come up:\n{}", self.server.last_words());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a request as whom this token stands for; every user's token is his name.
    pub(crate) async fn ask(
        &self,
        token: &str,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: String,
    ) -> reqwest::Response {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url)).bearer_auth(token);
        let request = match content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        };
        tokio::time::timeout(DEADLINE, request.body(body).send()).await.unwrap().unwrap()
    }

    /// A kubeconfig for who may do everything.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig_of(ADMINISTRATOR)
    }

    /// A kubeconfig for one of the users.
    pub(crate) fn kubeconfig_of(&self, user: &str) -> PathBuf {
        let path = self.folder.path().join(format!("kubeconfig-{user}"));
        // Not every program takes it to lie beside this file.
        let authority = self.folder.path().join("authority.pem");
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "real",
            "clusters": [{"name": "real", "cluster": {"server": self.url, "certificate-authority": authority}}],
            "contexts": [{"name": "real", "context": {"cluster": "real", "user": user}}],
            "users": [{"name": user, "user": {"token": user}}],
        });
        std::fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// Who signs its certificates.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Our own client of it.
    pub(crate) async fn connect(&self) -> Cluster {
        gatewright::cluster::connect(Some(&self.kubeconfig()), None).await.unwrap()
    }

    pub(crate) async fn client(&self) -> kube::Client {
        let file = kube::config::Kubeconfig::read_from(self.kubeconfig()).unwrap();
        let config = kube::Config::from_custom_kubeconfig(file, &kube::config::KubeConfigOptions::default()).await;
        kube::Client::try_from(config.unwrap()).unwrap()
    }

    /// Has it serve the resources that the part of this name defines.
    pub(crate) async fn serve_resources_of(&self, part: &str) {
        let Some(part) = kept(part) else { panic!("{part} is not there") };
        let text = std::fs::read_to_string(part.path().with_file_name("crds.yaml")).unwrap();
        let definitions: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        self.make(&definitions).await;
        let api = Api::<CustomResourceDefinition>::all(self.client().await);
        for definition in &definitions {
            let name = definition["metadata"]["name"].as_str().unwrap();
            let established = conditions::is_crd_established();
            let waiting = await_condition(api.clone(), name, established);
            tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
        }
    }

    /// Makes objects as somebody else than Gatewright, with the status they have.
    pub(crate) async fn make(&self, objects: &[Value]) {
        make(&self.client().await, objects).await;
    }

    /// Takes an object away, as somebody else than Gatewright.
    pub(crate) async fn delete(&self, object: &Value) {
        let api = api_of(&self.client().await, object).await;
        let name = object["metadata"]["name"].as_str().unwrap();
        api.delete(name, &kube::api::DeleteParams::background()).await.unwrap();
    }
}

/// The same for whoever has but a client.
pub(crate) async fn make(client: &kube::Client, objects: &[Value]) {
    for object in objects {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let (kind, params) = (&object["kind"], PatchParams::apply("helm").force());
        let api = api_of(client, object).await;
        let made = api.patch(name, &params, &Patch::Apply(object)).await;
        made.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
        if object.get("status").is_some() {
            let made = api.patch_status(name, &params, &Patch::Apply(object)).await;
            made.unwrap_or_else(|error| panic!("the status of {kind} {name}: {error}"));
        }
    }
}

/// Where objects of this one's kind and namespace are.
async fn api_of(client: &kube::Client, object: &Value) -> Api<DynamicObject> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let version: kube::core::gvk::GroupVersion = text("/apiVersion").parse().unwrap();
    let kind = GroupVersionKind::gvk(&version.group, &version.version, text("/kind"));
    let (resource, capabilities) = kube::discovery::pinned_kind(client, &kind).await.unwrap();
    match capabilities.scope {
        kube::discovery::Scope::Cluster => Api::all_with(client.clone(), &resource),
        kube::discovery::Scope::Namespaced => {
            Api::namespaced_with(client.clone(), text("/metadata/namespace"), &resource)
        }
    }
}

fn arguments(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs.iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

fn write_credentials(folder: &Path, authority: &Authority) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "kubernetes.default.svc".to_owned()];
    let server = authority.issue(&names, 2).unwrap();
    write("authority.pem", authority.certificate_pem());
    write("server.pem", &server.chain_pem);
    write("server-key.pem", &server.key_pem);
    // Any key signs service accounts' tokens. The server does not read the public half of a PKCS#8 EC key out of the key itself.
    let signing = authority.issue(&names, 2).unwrap();
    write("service-accounts.pem", &signing.key_pem);
    write("service-accounts-public.pem", &signing.chain_pem);
    let users = format!("{ADMINISTRATOR},{ADMINISTRATOR},1,\"system:masters\"\n{LIMITED},{LIMITED},2\n");
    write("tokens.csv", &users);
}
