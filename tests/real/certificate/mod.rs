//! cert-manager for real: its own controllers and its own Azure solver, a real authority, and DNS between them.
//!
//! The solver speaks to the public cloud's names, behind which the practice tenant answers, and signs in as its service account does
//! in a cluster with workload identity. What it writes into the zone is what DNS answers with.

mod acme;
mod cloud;
mod issuing;

use crate::api_server::ApiServer;
use crate::both_worlds::{existing, facts, pods_of};
use crate::kept::{Running, kept};
use acme::{Dns, Pebble};
use cloud::Cloud;
use gatewright::answers::Answers;
use gatewright::blueprint::blueprint;
use gatewright::cluster::{Cluster, ObjectRef, WaitError, Write};
use gatewright::practice::tenant::{Replication, Settings, Tenant};
use gatewright::practice::world;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt as _;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Where cert-manager is, and what belongs to ClusterIssuers.
const CERT_MANAGER: &str = "cert-manager";

/// cert-manager waits for a minute after it has seen a record, and longer after a failure.
const DEADLINE: Duration = Duration::from_secs(180);

/// The answers that ask for an issuer of their own.
const ANSWERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/new-issuer.yaml");

/// A real API server with the practice ground's world, cert-manager at work on it, and all that it speaks to.
struct World {
    certificate: ObjectRef,
    issuer: ObjectRef,
    client: Cluster,
    cert_manager: Running,
    pebble: Pebble,
    dns: Dns,
    cloud: Cloud,
    tenant: Tenant,
    _collecting: AbortOnDropHandle<()>,
    _server: ApiServer,
    _folder: tempfile::TempDir,
}

impl World {
    /// Makes it, if the parts are there, with the issuer and the certificate that Gatewright makes.
    async fn make() -> Option<Self> {
        let programs = (kept("cert-manager")?, kept("pebble")?, kept("pebble-challtestsrv")?);
        let server = ApiServer::start().await?;
        for part in ["istio-files-newest", "cert-manager-files"] {
            server.serve_resources_of(part).await;
        }
        // The other issuers are somebody's, of authorities on the Internet.
        let is_here = |object: &Value| object["kind"] != "ClusterIssuer";
        let world: Vec<Value> = world::healthy().unwrap().into_iter().filter(is_here).collect();
        server.make(&world).await;
        server.make(&pods_of(&world)).await;

        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { replication: Replication::none(), ..Settings::default() };
        let tenant = Tenant::new(settings).unwrap();
        let cloud = Cloud::open(&tenant, server.authority()).await;
        let dns = Dns::start(&programs.2, folder.path(), &tenant).await;
        let pebble = Pebble::start(&programs.1, folder.path(), &dns, server.authority()).await;

        let client = server.connect().await;
        let (issuer, certificate) = made_by_gatewright(&client, &pebble.directory).await;
        std::fs::write(folder.path().join("authority.pem"), server.authority().certificate_pem()).unwrap();
        std::fs::write(folder.path().join("token"), token_of_cert_manager(&server).await).unwrap();
        let arguments = [
            format!("--kubeconfig={}", server.kubeconfig().display()),
            format!("--cluster-resource-namespace={CERT_MANAGER}"),
            format!("--dns01-recursive-nameservers={}", dns.inside),
            "--dns01-recursive-nameservers-only".to_owned(),
            "--dns01-check-retry-period=1s".to_owned(),
        ];
        let tenant_id = tenant.id();
        // As the webhook of Azure Workload Identity sets it.
        let environment = [
            ("AZURE_TENANT_ID", tenant_id.as_str()),
            ("AZURE_FEDERATED_TOKEN_FILE", "token"),
            ("HTTPS_PROXY", &cloud.proxy),
            ("SSL_CERT_FILE", "authority.pem"),
        ];
        let cert_manager = Running::start_with(&programs.0, folder.path(), &arguments, &environment);
        let collecting = tokio::spawn(collect_garbage(server.client().await));
        Some(Self {
            certificate,
            issuer,
            client,
            cert_manager,
            pebble,
            dns,
            cloud,
            tenant,
            _collecting: AbortOnDropHandle::new(collecting),
            _server: server,
            _folder: folder,
        })
    }

    /// Waits for the certificate as Gatewright does, until what it says has `words` in it; answers all that it said.
    async fn is_told(&mut self, words: &str) -> Vec<String> {
        let (heard, enough) = (Mutex::new(Vec::new()), CancellationToken::new());
        let hear = |reason: String| {
            if reason.contains(words) {
                enough.cancel();
            }
            heard.lock().unwrap().push(reason);
        };
        let ended = self.client.wait_ready(&self.certificate, DEADLINE, &enough, &hear).await;
        let heard = heard.into_inner().unwrap();
        self.cert_manager.is_alive();
        let is_told = matches!(ended, Err(WaitError::Cancelled { .. }));
        assert!(is_told, "{words:?} was not said: {ended:?}\n{heard:#?}\n{}", self.cert_manager.last_words());
        heard
    }

    /// Waits for an object as Gatewright does; answers how it ended and what was said meanwhile.
    async fn waited_for(&self, object: &ObjectRef) -> (Result<(), WaitError>, Vec<String>) {
        let heard = Mutex::new(Vec::new());
        let hear = |reason| heard.lock().unwrap().push(reason);
        let ended = self.client.wait_ready(object, DEADLINE, &CancellationToken::new(), &hear).await;
        (ended, heard.into_inner().unwrap())
    }

    /// Waits until cert-manager has taken away what it wrote into the zone.
    async fn zone_is_tidy(&self) {
        let begun = Instant::now();
        while !self.tenant.text_records().is_empty() {
            assert!(begun.elapsed() < DEADLINE, "{:?}", self.tenant.text_records());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Looks at the certificate until `wanted` holds.
    async fn comes_to(&mut self, story: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let live = self.client.get(&self.certificate).await.unwrap().unwrap();
            if wanted(&live) {
                return live;
            }
            self.cert_manager.is_alive();
            assert!(begun.elapsed() < DEADLINE, "{story}: {live:#}\n{}", self.cert_manager.last_words());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Takes away what belonged to what is gone: Kubernetes' own controllers, which do that, are not here.
async fn collect_garbage(client: kube::Client) {
    const ACME: &str = "acme.cert-manager.io";
    let kinds = [("cert-manager.io", "CertificateRequest"), (ACME, "Order"), (ACME, "Challenge")];
    let kinds = kinds.map(|(group, kind)| ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind)));
    let list = async |kind: &ApiResource| {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), kind);
        api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default()
    };
    loop {
        for (owner, owned) in kinds.iter().zip(&kinds[1..]) {
            // In this order, for what is made in between has an owner.
            let all = list(owned).await;
            let owners: BTreeSet<String> = list(owner).await.into_iter().filter_map(|it| it.metadata.uid).collect();
            let is_left = |it: &DynamicObject| it.owner_references().iter().all(|of| !owners.contains(&of.uid));
            for left in all.iter().filter(|it| is_left(it)) {
                let api: Api<DynamicObject> =
                    Api::namespaced_with(client.clone(), &left.namespace().unwrap_or_default(), owned);
                let _gone_or_going = api.delete(&left.name_any(), &DeleteParams::default()).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Applies the issuer and the certificate that Gatewright makes of its answers, with that directory for the authority's.
async fn made_by_gatewright(client: &Cluster, directory: &str) -> (ObjectRef, ObjectRef) {
    let text = std::fs::read_to_string(ANSWERS).unwrap();
    let text = text.replace("server: letsencrypt-staging", &format!("server: {directory}"));
    let answers: Answers = gatewright::answers::file::parse(&text, ANSWERS).unwrap();
    let parts = blueprint(&answers, &facts(client, &answers).await, &existing()).unwrap();
    let mut made = Vec::new();
    for kind in ["ClusterIssuer", "Certificate"] {
        let object =
            parts.iter().filter_map(|part| Some(&part.manifest()?.object)).find(|object| object["kind"] == kind);
        let object = object.unwrap_or_else(|| panic!("the answers become no {kind}"));
        client.apply(object, Write::ForReal).await.unwrap();
        made.push(ObjectRef::of(object).unwrap());
    }
    let certificate = made.pop().unwrap();
    (made.pop().unwrap(), certificate)
}

/// The token of cert-manager's service account by which Azure knows it.
async fn token_of_cert_manager(server: &ApiServer) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(server.client().await, CERT_MANAGER);
    let spec =
        TokenRequestSpec { audiences: vec!["api://AzureADTokenExchange".to_owned()], ..TokenRequestSpec::default() };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let answer = accounts.create_token_request(CERT_MANAGER, &PostParams::default(), &request).await;
    answer.unwrap().status.unwrap().token
}
