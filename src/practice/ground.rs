//! The whole practice ground: servers, controllers and state, started and stopped together.

use super::authority::{Authority, AuthorityError};
use super::cluster::Cluster;
use super::conditions::{self, ConditionsError};
use super::controllers::{Controllers, Zones};
use super::directory::{Cloud, Pointers};
use super::edge::Edge;
use super::faults::Faults;
use super::front;
use super::gate::{Gate, Shared, StopCaller};
use super::journal::{Journal, Server};
use super::keeper::{Half, Keeper};
use super::listeners::{Listeners, PortError, Served};
use super::scenario::{ClusterConditions, Scenario, ScenarioError};
use super::state::{CLUSTER, Frame, Ports, StateError, StatePlace, Store, TENANT};
use super::tenant::{PipelineSignIn, Tenant, TenantError};
use super::timings::Timings;
use super::world::{self, WorldError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a deleted namespace and a deleted owner's possessions stay. Never no time at all: `kubectl delete` of a file with
/// a namespace and its contents asks for the namespace first, and for each of the others while it is leaving.
fn collection_delay(timings: Timings) -> Duration {
    match timings {
        Timings::Realistic => Duration::from_millis(1500),
        Timings::Instant => Duration::from_millis(300),
    }
}

/// How a ground is to start.
#[derive(Debug)]
pub struct GroundOptions {
    /// What it is like and what goes wrong on it.
    pub scenario: Scenario,
    /// Where it keeps its state.
    pub state: StatePlace,
    /// How long effects take.
    pub timings: Timings,
    /// Its ports; left out, those it had before, or free ones.
    pub ports: Option<Ports>,
    /// How the program that asked is stopped, where the scenario wants that.
    pub stop: StopCaller,
}

impl GroundOptions {
    /// A ground in memory, with realistic timings, inside the program that uses it.
    pub fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            state: StatePlace::Memory,
            timings: Timings::Realistic,
            ports: None,
            stop: StopCaller::KillThisProcess,
        }
    }
}

/// The ground can't start.
#[derive(Debug, thiserror::Error)]
pub enum GroundError {
    /// Its state can't be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A port can't be had.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Its certificates can't be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Its tenant can't be made or brought back.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// Its world can't be made.
    #[error(transparent)]
    World(#[from] Box<WorldError>),
    /// Its scenario can't be used.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// What the scenario wants in the cluster is refused there.
    #[error(transparent)]
    Conditions(#[from] ConditionsError),
}

/// A practice ground that serves until it is stopped or dropped.
pub struct Ground {
    parts: Parts,
    shared: Arc<Shared>,
    end: CancellationToken,
    served: Vec<Served>,
    tasks: Vec<JoinHandle<()>>,
    directory: Directory,
    pointers: Pointers,
    scenario: Scenario,
}

/// What the ground is made of.
struct Parts {
    authority: Authority,
    tenant: Tenant,
    cluster: Cluster,
    edge: Edge,
}

/// Where the files that point at the ground are.
enum Directory {
    /// The state folder.
    Kept(PathBuf),
    /// One for this ground alone, gone with it.
    Passing(PathBuf),
}

impl Directory {
    fn of(place: &StatePlace) -> Self {
        match place {
            StatePlace::Folder(folder) => Self::Kept(folder.clone()),
            StatePlace::Memory => Self::Passing(
                std::env::temp_dir().join(format!("gatewright-practice-{}", uuid::Uuid::new_v4().simple())),
            ),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) | Self::Passing(path) => path,
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Self::Passing(path) = self {
            let _left_to_the_system = std::fs::remove_dir_all(path);
        }
    }
}

/// What stays the same from one ground on the same state to the next.
struct Lasting {
    store: Store,
    /// What a scenario put into the cluster before, if there was one.
    previous: Option<ClusterConditions>,
    authority: Authority,
    listeners: Listeners,
    ports: Ports,
    kubernetes_token: String,
}

impl Lasting {
    /// Takes what was kept, and makes what was not.
    async fn open(state: &StatePlace, wanted: Option<Ports>) -> Result<Self, GroundError> {
        let store = open(state.clone()).await?;
        let kept = store.frame()?;
        let authority = match &kept {
            Some(frame) => Authority::restore(&frame.authority)?,
            None => Authority::generate()?,
        };
        let listeners = match (wanted.or(kept.as_ref().map(|frame| frame.ports)), state) {
            (Some(ports), _) => Listeners::at(ports)?,
            (None, StatePlace::Folder(_)) => Listeners::lasting()?,
            (None, StatePlace::Memory) => Listeners::passing()?,
        };
        let ports = listeners.ports()?;
        let (kubernetes_token, previous) =
            kept.map_or_else(|| (new_token(), None), |frame| (frame.kubernetes_token, Some(frame.conditions)));
        Ok(Self { store, previous, authority, listeners, ports, kubernetes_token })
    }

    fn frame(&self, scenario: &Scenario) -> Frame {
        Frame::new(scenario.cluster.clone(), self.ports, self.authority.keep(), self.kubernetes_token.clone())
    }

    fn pointers(&self, pipeline: PipelineSignIn) -> Pointers {
        Pointers {
            ports: self.ports,
            certificate_authority: self.authority.certificate_pem().to_owned(),
            kubernetes_token: self.kubernetes_token.clone(),
            tenant_id: pipeline.tenant_id,
            client_id: pipeline.client_id,
            client_secret: pipeline.client_secret,
        }
    }
}

impl Ground {
    /// Starts everything; when this returns, every server answers and the files that point at them are written.
    pub async fn start(options: GroundOptions) -> Result<Self, GroundError> {
        let GroundOptions { scenario, state, timings, ports, stop } = options;
        let timings = scenario.timings.unwrap_or(timings);
        let directory = Directory::of(&state);
        let lasting = Lasting::open(&state, ports).await?;
        let tenant = tenant(&lasting.store, &scenario, timings)?;
        let cluster = cluster(&lasting.store)?;
        conditions::put(&cluster, &scenario, lasting.previous.as_ref())?;

        let pointers = lasting.pointers(tenant.pipeline());
        let cloud = pointers.cloud(directory.path());
        tenant.set_base_urls(&cloud.sign_in, &cloud.graph, &cloud.resource_manager);
        cluster.set_collection_delay(collection_delay(timings));
        let edge = Edge::new(cluster.clone(), &tenant, scenario.cluster.stores.clone());
        let (authority, images) = (lasting.authority.clone(), scenario.cluster.images.clone());
        let zones = Zones::of(&tenant);
        let mut controllers =
            Controllers::new(cluster.clone(), edge.clone(), authority.clone(), zones, images, timings);
        controllers.begin().await;

        let frame = lasting.frame(&scenario);
        let keeper = keeper(lasting.store, &tenant, &cluster);
        // The frame comes last: without it, whatever else is there is a start that was not finished.
        keeper.keep()?;
        keeper.keep_frame(&frame)?;
        let shared = Arc::new(Shared {
            journal: Journal::default(),
            faults: Faults::new(scenario.faults.clone()),
            keeper: keeper.clone(),
            stop,
            kubernetes_token: lasting.kubernetes_token,
        });
        let halves = Parts { authority, tenant, cluster, edge };
        let served = serve(lasting.listeners, &halves, &shared)?;
        let end = CancellationToken::new();
        let tasks = vec![tokio::spawn(keeper.run(end.clone())), tokio::spawn(controllers.run(end.clone()))];
        pointers.write(directory.path())?;
        Ok(Self { parts: halves, shared, end, served, tasks, directory, pointers, scenario })
    }

    /// Ends everything, with the last state written down.
    pub async fn stop(mut self) -> Result<(), GroundError> {
        self.end.cancel();
        let served = std::mem::take(&mut self.served);
        served.iter().for_each(Served::shut);
        for server in served {
            server.ended().await;
        }
        for task in std::mem::take(&mut self.tasks) {
            let _ended = task.await;
        }
        Ok(self.shared.keeper.keep()?)
    }
}

impl Ground {
    /// The folder with `kubeconfig`, `cloud.yaml`, `ca.pem` and `environment`.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The kubeconfig that reaches the cluster.
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory().join("kubeconfig")
    }

    /// The file for `--cloud`.
    pub fn cloud_file(&self) -> PathBuf {
        self.directory().join("cloud.yaml")
    }

    /// The cloud that the file for `--cloud` describes.
    pub fn cloud(&self) -> Cloud {
        self.pointers.cloud(self.directory())
    }

    /// How a program signs in to the tenant with nobody at the keyboard.
    pub fn caller(&self) -> PipelineSignIn {
        self.parts.tenant.pipeline()
    }

    /// What a process needs in its environment to use the ground: kubectl, the Azure CLI and Gatewright itself.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        self.pointers.environment(self.directory())
    }

    /// Writes the files that point at the ground into `directory` as well.
    pub fn write_pointers(&self, directory: &Path) -> Result<(), GroundError> {
        Ok(self.pointers.write(directory)?)
    }

    /// What a person reads to use the ground through the files in `directory`.
    pub fn introduction(&self, directory: &Path) -> String {
        self.pointers.for_a_person(directory)
    }

    /// What the ground is like and what goes wrong on it.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Its ports on 127.0.0.1.
    pub fn ports(&self) -> Ports {
        self.pointers.ports
    }

    /// Every request so far.
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// The authority that signed what the ground serves and what its cert-manager issues.
    pub fn authority(&self) -> &Authority {
        &self.parts.authority
    }

    /// Its tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.parts.tenant
    }

    /// Its cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.parts.cluster
    }

    /// Its ingress gateway, and whatever a request passes behind it.
    pub fn edge(&self) -> &Edge {
        &self.parts.edge
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.end.cancel();
        for server in &self.served {
            server.shut();
        }
    }
}

/// Opening waits a moment for a ground that is just ending, so it must not hold up the others on this thread.
async fn open(place: StatePlace) -> Result<Store, StateError> {
    let opened = tokio::task::spawn_blocking(move || Store::open(&place)).await;
    opened.unwrap_or_else(|stopped| {
        Err(StateError::Io { what: "open", path: "its state".into(), cause: std::io::Error::other(stopped) })
    })
}

fn new_token() -> String {
    format!("practice-{}", uuid::Uuid::new_v4().simple())
}

fn tenant(store: &Store, scenario: &Scenario, timings: Timings) -> Result<Tenant, GroundError> {
    let settings = conditions::settings(scenario, timings);
    Ok(match store.value(TENANT)? {
        Some(kept) => Tenant::restore(settings, &kept)?,
        None => Tenant::new(settings)?,
    })
}

/// The cluster that was kept, or a healthy world.
fn cluster(store: &Store) -> Result<Cluster, GroundError> {
    if let Some(kept) = store.value(CLUSTER)? {
        return Ok(Cluster::restore(&kept));
    }
    let cluster = Cluster::new();
    world::seed(&cluster).map_err(Box::new)?;
    Ok(cluster)
}

fn keeper(store: Store, tenant: &Tenant, cluster: &Cluster) -> Keeper {
    let (tenant, cluster) = (tenant.clone(), cluster.clone());
    Keeper::new(
        store,
        Half::new(TENANT, tenant.changes(), move || tenant.snapshot()),
        Half::new(CLUSTER, cluster.changes(), move || cluster.snapshot()),
    )
}

fn serve(listeners: Listeners, parts: &Parts, shared: &Arc<Shared>) -> Result<Vec<Served>, GroundError> {
    let own = parts.authority.server_configuration()?;
    let gateway = front::tls(parts.edge.clone()).map_err(AuthorityError::Tls)?;
    let mut served = Vec::new();
    for (server, listener) in listeners.into_each() {
        let router = match server {
            Server::SignIn => parts.tenant.sign_in_router(),
            Server::Graph => parts.tenant.graph_router(),
            Server::ResourceManager => parts.tenant.resource_manager_router(),
            Server::Kubernetes => parts.cluster.router(),
            Server::Edge => front::router(parts.edge.clone()),
        };
        let tls = if server == Server::Edge { &gateway } else { &own };
        let gate = Gate::new(server, router, Arc::clone(shared));
        served.push(Served::start(listener, Arc::clone(tls), gate).map_err(PortError::NoneFree)?);
    }
    Ok(served)
}

#[cfg(test)]
mod tests {
    use super::{Ground, GroundOptions};
    use crate::practice::{Scenario, StatePlace, Timings};
    use serde_json::{Value, json};
    use std::path::Path;

    async fn ground_in(folder: &Path, scenario: Scenario) -> Ground {
        let options = GroundOptions {
            state: StatePlace::Folder(folder.to_owned()),
            timings: Timings::Instant,
            ..GroundOptions::new(scenario)
        };
        Ground::start(options).await.unwrap()
    }

    fn client(ground: &Ground) -> reqwest::Client {
        crate::tls::install_provider();
        let trusted = reqwest::Certificate::from_pem(ground.authority().certificate_pem().as_bytes()).unwrap();
        reqwest::Client::builder().tls_certs_merge([trusted]).no_proxy().build().unwrap()
    }

    /// A Graph token, as a pipeline gets it.
    async fn graph_token(ground: &Ground) -> String {
        let (cloud, caller) = (ground.cloud(), ground.caller());
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &caller.client_id),
            ("client_secret", &caller.client_secret),
            ("scope", &format!("{}/.default", cloud.graph)),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", cloud.sign_in, caller.tenant_id);
        let answer: Value = client(ground).post(url).form(&form).send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn register(ground: &Ground, name: &str) -> u16 {
        let url = format!("{}/v1.0/applications", ground.cloud().graph);
        let body = json!({"displayName": name});
        let request = client(ground).post(url).bearer_auth(graph_token(ground).await).json(&body);
        request.send().await.unwrap().status().as_u16()
    }

    async fn applications(ground: &Ground) -> usize {
        let url = format!("{}/v1.0/applications", ground.cloud().graph);
        let answer = client(ground).get(url).bearer_auth(graph_token(ground).await).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["value"].as_array().unwrap().len()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn given_a_ground_in_memory_when_it_is_gone_then_so_are_its_files() {
        let mut options = GroundOptions::new(Scenario::healthy().unwrap());
        options.timings = Timings::Instant;
        let ground = Ground::start(options).await.unwrap();
        let folder = ground.directory().to_owned();
        assert!(ground.kubeconfig().is_file() && ground.cloud_file().is_file());
        let keys = format!("{}/{}/discovery/v2.0/keys", ground.cloud().sign_in, ground.caller().tenant_id);
        assert_eq!(client(&ground).get(keys).send().await.unwrap().status(), 200);
        ground.stop().await.unwrap();
        assert!(!folder.exists());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn given_a_change_when_the_ground_is_dropped_without_a_word_then_the_next_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let ground = ground_in(folder.path(), Scenario::healthy().unwrap()).await;
        let before = (ground.ports(), ground.authority().certificate_pem().to_owned(), applications(&ground).await);
        assert_eq!(register(&ground, "kept").await, 201);
        // What is on disk now is what a `kill -9` would leave: nothing else is written on the way out.
        let killed = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            if file.path().is_file() {
                std::fs::copy(file.path(), killed.path().join(file.file_name())).unwrap();
            }
        }
        ground.stop().await.unwrap();
        let ground = ground_in(killed.path(), Scenario::healthy().unwrap()).await;
        let after = (ground.ports(), ground.authority().certificate_pem().to_owned(), applications(&ground).await);
        assert_eq!(after, (before.0, before.1, before.2 + 1));
        ground.stop().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn given_a_right_taken_away_by_a_scenario_when_another_follows_then_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let ground = ground_in(folder.path(), Scenario::named("registration-forbidden").unwrap()).await;
        assert_eq!(register(&ground, "refused").await, 403);
        ground.stop().await.unwrap();
        let ground = ground_in(folder.path(), Scenario::healthy().unwrap()).await;
        assert_eq!(register(&ground, "allowed").await, 201);
        ground.stop().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn given_a_ground_when_asked_then_the_journal_tells_what_was_written() {
        let mut options = GroundOptions::new(Scenario::healthy().unwrap());
        options.timings = Timings::Instant;
        let ground = Ground::start(options).await.unwrap();
        applications(&ground).await;
        assert_eq!(ground.journal().writes(), 0);
        register(&ground, "written").await;
        assert_eq!(ground.journal().writes(), 1);
        let last = ground.journal().since(0).pop().unwrap();
        assert_eq!((last.path.as_str(), last.status), ("/v1.0/applications", Some(201)));
        ground.stop().await.unwrap();
    }
}
