//! A real istiod on a real API server, and real Envoys that it feeds: what Gatewright's objects become in the proxies.

mod locks;
mod routes;
pub(crate) mod world;

use crate::api_server::ApiServer;
use crate::kept::{Running, free_ports, kept};
use crate::parts::Program;
use gatewright::cluster::LiveConfiguration;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::api::{Api, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
pub(crate) const ISTIO_NAMESPACE: &str = "istio-system";

/// An istiod that reads the API server. It goes before the folder it runs in.
pub(crate) struct ControlPlane {
    istiod: Running,
    release: Release,
    discovery: String,
    /// Where proxies ask it, and where the API server has it look at what is made.
    pub(crate) ports: ControlPlanePorts,
    pub(crate) root_certificate: String,
    folder: tempfile::TempDir,
}

/// The parts of a release of Istio.
#[derive(Clone, Copy)]
pub(crate) struct Release {
    pub(crate) istiod: &'static str,
    pub(crate) agent: &'static str,
    pub(crate) files: &'static str,
}

impl Release {
    pub(crate) const NEWEST: Self =
        Self { istiod: "istiod-newest", agent: "istio-agent-newest", files: "istio-files-newest" };
    pub(crate) const OLDEST: Self =
        Self { istiod: "istiod-oldest", agent: "istio-agent-oldest", files: "istio-files-oldest" };
}

/// Where a control plane listens on loopback.
#[derive(Clone, Copy)]
pub(crate) struct ControlPlanePorts {
    pub(crate) discovery: u16,
    pub(crate) webhooks: u16,
}

impl ControlPlane {
    /// Starts one, if its part is there.
    pub(crate) async fn start(server: &ApiServer, release: Release, trusted: Option<&Path>) -> Option<Self> {
        let istiod = kept(release.istiod)?;
        let folder = tempfile::tempdir().unwrap();
        let ports: [u16; 5] = free_ports();
        let places = ControlPlanePorts { discovery: ports[3], webhooks: ports[1] };
        let [http, https, plain, secure, monitoring] = ports.map(|port| format!("127.0.0.1:{port}"));
        let kubeconfig = server.kubeconfig().display().to_string();
        let options = [
            ("kubeconfig", kubeconfig.as_str()),
            ("httpAddr", &http),
            ("httpsAddr", &https),
            ("grpcAddr", &plain),
            ("secureGRPCAddr", &secure),
            ("monitoringAddr", &monitoring),
            ("ctrlz_port", "0"),
            ("domain", "cluster.local"),
        ];
        let options = options.map(|(name, value)| format!("--{name}={value}"));
        let arguments: Vec<String> = std::iter::once("discovery".to_owned()).chain(options).collect();
        let environment = [
            ("POD_NAME", "istiod-0"),
            ("POD_NAMESPACE", ISTIO_NAMESPACE),
            ("CLUSTER_ID", "Kubernetes"),
            ("REVISION", "default"),
            ("PILOT_CERT_PROVIDER", "istiod"),
            ("ISTIOD_CUSTOM_HOST", "localhost"),
            // Filters of Istio's own build of Envoy.
            ("PILOT_ENABLE_ALPN_FILTER", "false"),
            ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
        ];
        let trusted = trusted.map(|path| ("SSL_CERT_FILE", path.to_str().unwrap()));
        let environment: Vec<(&str, &str)> = environment.into_iter().chain(trusted).collect();
        let mut istiod = Running::start_with(&istiod, folder.path(), &arguments, &environment);
        answers(&mut istiod, &format!("http://{http}/ready"), |_| true).await;

        // istiod publishes what signs its certificates, as it does for every pod.
        let config_maps: Api<ConfigMap> = Api::namespaced(server.client().await, ISTIO_NAMESPACE);
        let there = |found: Option<&ConfigMap>| found.is_some();
        let waiting = await_condition(config_maps, "istio-ca-root-cert", there);
        let published = tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap().unwrap();
        let root_certificate = published.data.unwrap()["root-cert.pem"].clone();
        let discovery = format!("localhost:{}", places.discovery);
        Some(Self { istiod, release, discovery, ports: places, root_certificate, folder })
    }

    /// Starts the Envoy of a pod, with Istio's agent beside it as in every pod.
    async fn proxy(&mut self, server: &ApiServer, pod: &Pod<'_>) -> Proxy {
        let part = |name: &str| kept(name).unwrap_or_else(|| panic!("{name} is not there"));
        let (agent, envoy, files) = (part(self.release.agent), part("envoy-newest"), part(self.release.files));
        envoy.is_used();
        let folder = self.folder.path().join(pod.name);
        self.write_credentials(server, pod, &files, &folder).await;
        let [admin, status, metrics, own] = free_ports();
        let settings = json!({
            "binaryPath": envoy.path(),
            "discoveryAddress": self.discovery,
            "configPath": folder.join("etc/istio/proxy"),
            "proxyAdminPort": admin,
            "statusPort": own,
            "concurrency": 1,
        });
        let environment = [
            ("INSTANCE_IP", pod.address.to_owned()),
            ("POD_NAME", pod.name.to_owned()),
            ("POD_NAMESPACE", pod.namespace.to_owned()),
            ("SERVICE_ACCOUNT", pod.service_account.to_owned()),
            ("CA_ADDR", self.discovery.clone()),
            ("PILOT_CERT_PROVIDER", "istiod".to_owned()),
            ("TRUST_DOMAIN", "cluster.local".to_owned()),
            ("ISTIO_META_CLUSTER_ID", "Kubernetes".to_owned()),
            ("ISTIO_METAJSON_LABELS", serde_json::to_string(&pod.labels).unwrap()),
            // Several of them share this machine's ports.
            ("ENVOY_STATUS_PORT", status.to_string()),
            ("ENVOY_PROMETHEUS_PORT", metrics.to_string()),
            ("PROXY_CONFIG", settings.to_string()),
        ];
        let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
        let domain = format!("--domain={}.svc.cluster.local", pod.namespace);
        let arguments = ["proxy".to_owned(), pod.role.to_owned(), domain];
        let mut agent = Running::start_with(&agent, &folder, &arguments, &environment);
        answers(&mut agent, &format!("http://127.0.0.1:{admin}/ready"), |text| text.trim() == "LIVE").await;
        self.istiod.is_alive();
        Proxy { agent, admin }
    }

    async fn write_credentials(&self, server: &ApiServer, pod: &Pod<'_>, files: &Program, folder: &Path) {
        let accounts: Api<ServiceAccount> = Api::namespaced(server.client().await, pod.namespace);
        let spec = TokenRequestSpec { audiences: vec!["istio-ca".to_owned()], ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer = accounts.create_token_request(pod.service_account, &PostParams::default(), &request).await;
        let token = answer.unwrap().status.unwrap().token;
        let write = |path: &str, text: &str| {
            let path: PathBuf = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let bootstrap = std::fs::read_to_string(files.path().with_file_name("envoy_bootstrap.json")).unwrap();
        write("var/run/secrets/tokens/istio-token", &token);
        write("var/run/secrets/istio/root-cert.pem", &self.root_certificate);
        write("var/lib/istio/envoy/envoy_bootstrap_tmpl.json", &bootstrap);
        std::fs::create_dir_all(folder.join("etc/istio/proxy")).unwrap();
    }
}

/// A pod, as its agent has to know it.
struct Pod<'a> {
    /// `sidecar`, or `router` for a gateway.
    role: &'a str,
    name: &'a str,
    namespace: &'a str,
    service_account: &'a str,
    address: &'a str,
    labels: BTreeMap<String, String>,
}

/// A running Envoy.
pub(crate) struct Proxy {
    agent: Running,
    admin: u16,
}

impl Proxy {
    /// What it runs with, read as Gatewright reads it.
    async fn configuration(&mut self) -> LiveConfiguration {
        let url = format!("http://127.0.0.1:{}/config_dump", self.admin);
        let mut dump = Value::Null;
        answers(&mut self.agent, &url, |text| {
            dump = serde_json::from_str(text).unwrap();
            true
        })
        .await;
        LiveConfiguration::from_config_dump(&dump)
    }

    /// Waits until `wanted` says that it is as it should be; it says what is not yet.
    pub(crate) async fn comes_to(&mut self, story: &str, wanted: impl Fn(&LiveConfiguration) -> Result<(), String>) {
        let begun = Instant::now();
        loop {
            let configuration = self.configuration().await;
            match wanted(&configuration) {
                Ok(()) => return,
                Err(reason) => {
                    let told = self.agent.last_words();
                    assert!(begun.elapsed() < DEADLINE, "{story}: {reason}\n{configuration:#?}\n{told}");
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Waits until this address answers well, with a text that is right.
pub(crate) async fn answers(program: &mut Running, url: &str, mut is_right: impl FnMut(&str) -> bool) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let begun = Instant::now();
    loop {
        let asked = async { client.get(url).send().await?.error_for_status()?.text().await };
        if asked.await.is_ok_and(|text| is_right(&text)) {
            return;
        }
        program.is_alive();
        assert!(begun.elapsed() < DEADLINE, "{url} does not answer as it should:\n{}", program.last_words());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
