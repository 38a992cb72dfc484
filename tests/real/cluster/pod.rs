//! One pod: its containers in the order of their start, their probes, its status and its end, as a kubelet has them.

use super::container::{Container, Process};
use super::images::Image;
use super::network::Namespace;
use super::node::Node;
use super::volumes::{Sources, expanded};
use crate::kept::Running;
use crate::parts::say;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How often a kubelet looks after a pod here.
const TICK: Duration = Duration::from_millis(100);
/// The longest that lies between two probes here, whatever the container says: nobody wants to wait.
const PROBE_PERIOD: Duration = Duration::from_secs(1);
/// How long a container that ended rests before it is started again.
const REST: Duration = Duration::from_secs(1);

/// A pod and everything that runs for it.
pub(super) struct Sandbox {
    node: Arc<Node>,
    pod: core::Pod,
    pods: Api<core::Pod>,
    pub(super) namespace: Namespace,
    address: Ipv4Addr,
    folder: tempfile::TempDir,
    volumes: BTreeMap<String, PathBuf>,
    hosts: PathBuf,
    _ways_out: Vec<AbortOnDropHandle<()>>,
}

/// A container of a pod, as far as it has come.
struct Live {
    spec: core::Container,
    /// Whether it is an init container that stays.
    stays: bool,
    runs: Option<Runs>,
    started: bool,
    ready: bool,
    failures: i32,
    probed: Option<Instant>,
    restarts: i32,
    /// How it ended the last time, and when.
    ended: Option<(i32, String, Instant)>,
}

enum Runs {
    Process(Container),
    /// The application, in this process.
    Here(#[expect(dead_code, reason = "it serves until it is dropped")] AbortOnDropHandle<()>),
    Elsewhere,
}

impl Live {
    fn new(spec: &core::Container) -> Self {
        let stays = spec.restart_policy.as_deref() == Some("Always");
        let (runs, probed, ended) = (None, None, None);
        Self { spec: spec.clone(), stays, runs, started: false, ready: false, failures: 0, probed, restarts: 0, ended }
    }

    fn process(&mut self) -> Option<&mut Running> {
        match &mut self.runs {
            Some(Runs::Process(container)) => Some(&mut container.running),
            _ => None,
        }
    }

    /// Notes that it has ended, if it has; whether it ended well.
    fn note_end(&mut self) -> Option<bool> {
        let running = self.process()?;
        let status = running.ended()?;
        let words = running.last_words();
        self.runs = None;
        (self.started, self.ready, self.failures) = (false, false, 0);
        self.ended = Some((status.code().unwrap_or(137), words, Instant::now()));
        Some(status.success())
    }

    /// Whether it is not to be started again.
    fn is_over(&self, policy: Option<&str>) -> bool {
        let ended = self.ended.as_ref().filter(|_| self.runs.is_none() && !self.stays);
        match (ended, policy) {
            (None, _) | (_, None | Some("Always")) => false,
            (Some(ended), Some("OnFailure")) => ended.0 == 0,
            (Some(_), Some(_)) => true,
        }
    }

    fn status(&self, over: bool) -> Value {
        let terminated = |(code, words, _): &(i32, String, Instant)| {
            let reason = if *code == 0 { "Completed" } else { "Error" };
            json!({"terminated": {"exitCode": code, "reason": reason, "message": words}})
        };
        let state = match (&self.runs, &self.ended) {
            (Some(_), _) => json!({"running": {}}),
            (None, Some(ended)) if over || (ended.0 == 0 && !self.stays) => terminated(ended),
            (None, Some(_)) => {
                json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}})
            }
            (None, None) => json!({"waiting": {"reason": "PodInitializing"}}),
        };
        json!({
            "name": self.spec.name,
            "image": self.spec.image,
            "imageID": self.spec.image,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": state,
            "lastState": self.ended.as_ref().map_or(json!({}), terminated),
        })
    }
}

impl Sandbox {
    /// A pod's network and folders. They are not there as long as something that they hold is missing.
    async fn make(node: &Arc<Node>, pod: core::Pod) -> Self {
        let (namespace, address) = node.network.pod();
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
        let mut ways_out = Vec::new();
        for (here, outside) in &node.ways_out {
            ways_out.push(namespace.reaches(*here, *outside).await);
        }
        let pods = Api::namespaced(node.client.clone(), pod.metadata.namespace.as_deref().unwrap_or_default());
        let (volumes, node) = (BTreeMap::new(), Arc::clone(node));
        Self { node, pod, pods, namespace, address, folder, volumes, hosts, _ways_out: ways_out }
    }

    fn sources(&self) -> Sources<'_> {
        Sources { client: &self.node.client, pod: &self.pod, address: self.address.to_string() }
    }

    fn name(&self) -> &str {
        self.pod.metadata.name.as_deref().unwrap_or_default()
    }

    fn spec(&self) -> &core::PodSpec {
        self.pod.spec.as_ref().unwrap()
    }

    async fn fill_volumes(&mut self) -> Result<(), String> {
        std::fs::write(&self.hosts, self.node.hosts().await).unwrap();
        for volume in self.spec().volumes.clone().into_iter().flatten() {
            let place = self.sources().volume(&volume, self.folder.path()).await?;
            self.volumes.insert(volume.name.clone(), place);
        }
        Ok(())
    }

    /// Starts a container.
    async fn start(&self, container: &core::Container) -> Result<Runs, String> {
        let image = container.image.clone().unwrap_or_default();
        let (entrypoint, files, user) = match self.node.images.image(&image) {
            Image::Program { entrypoint, files, user } => (entrypoint, files, user),
            Image::Elsewhere => return Ok(Runs::Elsewhere),
            Image::Application => {
                let port = container.ports.iter().flatten().next().map_or(80, |port| port.container_port);
                let place = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port.try_into().unwrap());
                let listener = self.namespace.listen(place).await.map_err(|error| error.to_string())?;
                return Ok(Runs::Here(crate::road::serve_application(listener)));
            }
        };
        let environment = self.sources().environment(container).await?;
        let command = container.command.clone().unwrap_or(entrypoint);
        let command = command.into_iter().chain(container.args.clone().into_iter().flatten());
        let command = command.map(|word| expanded(&word, &environment)).collect();
        let of_pod = self.spec().security_context.as_ref().and_then(|context| context.run_as_user);
        let of_container = container.security_context.as_ref().and_then(|context| context.run_as_user);
        let mounted = container.volume_mounts.iter().flatten().filter_map(|mount| {
            let place = self.volumes.get(&mount.name)?;
            Some((place.clone(), mount.mount_path.trim_end_matches('/').to_owned()))
        });
        let hosts = (self.hosts.clone(), "/etc/hosts".to_owned());
        let mounts = files.into_iter().chain([hosts]).chain(mounted).collect();
        let user = of_container.or(of_pod).unwrap_or(user);
        let folder = self.folder.path().join(&container.name);
        std::fs::create_dir_all(&folder).unwrap();
        let process = Process { command, environment, user, mounts };
        Ok(Runs::Process(Container::start(&container.name, &folder, &self.namespace, &process)))
    }

    /// Whether a probe succeeds.
    async fn probe(&self, probe: &core::Probe, live: &Live) -> bool {
        let limit = Duration::from_secs(probe.timeout_seconds.unwrap_or(1).unsigned_abs().into());
        let asked = async {
            if let (Some(exec), Some(Runs::Process(container))) = (&probe.exec, &live.runs) {
                return container.execute(exec.command.as_deref().unwrap_or_default()).await;
            }
            let port = |port: &IntOrString| match port {
                IntOrString::Int(number) => *number,
                IntOrString::String(name) => {
                    let named = |port: &&core::ContainerPort| port.name.as_ref() == Some(name);
                    live.spec.ports.iter().flatten().find(named).map_or(0, |port| port.container_port)
                }
            };
            if let Some(get) = &probe.http_get {
                let address = SocketAddrV4::new(self.address, u16::try_from(port(&get.port)).unwrap());
                return super::node::answers_well(&self.node.network, address, get.path.as_deref().unwrap_or("/"))
                    .await;
            }
            if let Some(socket) = &probe.tcp_socket {
                let address = SocketAddrV4::new(self.address, u16::try_from(port(&socket.port)).unwrap());
                return self.node.network.connect(address).await.is_ok();
            }
            true
        };
        tokio::time::timeout(limit, asked).await.unwrap_or(false)
    }

    /// Looks after a container that should run: starts it, probes it, starts it again.
    async fn tend(&self, live: &mut Live) -> Result<(), String> {
        let _how = live.note_end();
        if live.is_over(self.spec().restart_policy.as_deref()) {
            return Ok(());
        }
        if live.runs.is_none() {
            if live.ended.as_ref().is_some_and(|(_, _, when)| when.elapsed() < REST) {
                return Ok(());
            }
            live.runs = Some(self.start(&live.spec).await?);
            live.restarts += i32::from(live.ended.is_some());
            let after = live.spec.lifecycle.as_ref().and_then(|lifecycle| lifecycle.post_start.clone());
            if let (Some(Runs::Process(container)), Some(exec)) = (&live.runs, after.and_then(|after| after.exec)) {
                container.execute(&exec.command.unwrap_or_default()).await;
            }
        }
        let (probe, starts) = match (&live.spec.startup_probe, &live.spec.readiness_probe) {
            (Some(startup), _) if !live.started => (Some(startup.clone()), true),
            (_, readiness) => (readiness.clone(), false),
        };
        let Some(probe) = probe else {
            (live.started, live.ready) = (true, true);
            return Ok(());
        };
        let period = Duration::from_secs(probe.period_seconds.unwrap_or(10).unsigned_abs().into()).min(PROBE_PERIOD);
        if live.probed.is_some_and(|last| last.elapsed() < if live.ready { period } else { TICK * 2 }) {
            return Ok(());
        }
        live.probed = Some(Instant::now());
        let well = matches!(live.runs, Some(Runs::Elsewhere)) || self.probe(&probe, live).await;
        live.failures = if well { 0 } else { live.failures + 1 };
        if well && starts {
            (live.started, live.probed) = (true, None);
        } else if well {
            (live.started, live.ready) = (true, true);
        } else if live.failures >= probe.failure_threshold.unwrap_or(3) {
            live.ready = false;
        }
        Ok(())
    }

    async fn tell(&self, first: &[Live], main: &[Live], trouble: Option<&str>, told: &mut Value) {
        let policy = self.spec().restart_policy.as_deref();
        let all = |lives: &[Live]| lives.iter().map(|live| live.status(live.is_over(policy))).collect::<Vec<_>>();
        let phase = if main.iter().all(|live| live.is_over(policy)) {
            let well = main.iter().all(|live| live.ended.as_ref().is_some_and(|ended| ended.0 == 0));
            Some(if well { "Succeeded" } else { "Failed" })
        } else {
            None
        };
        let begun = main.iter().any(|live| live.runs.is_some() || live.ended.is_some());
        let staying = first.iter().filter(|live| live.stays);
        let ready = begun && main.iter().chain(staying).all(|live| live.ready);
        let initialized =
            first.iter().all(|live| live.started || live.ended.as_ref().is_some_and(|ended| ended.0 == 0));
        let condition = |kind: &str, is: bool| {
            let state = if is { "True" } else { "False" };
            json!({"type": kind, "status": state, "lastTransitionTime": self.pod.metadata.creation_timestamp})
        };
        let mut containers = all(main);
        for status in containers.iter_mut().filter(|_| trouble.is_some()) {
            status["state"] = json!({"waiting": {"reason": "CreateContainerConfigError", "message": trouble}});
        }
        let status = json!({
            "phase": phase.unwrap_or(if begun { "Running" } else { "Pending" }),
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "hostIP": super::NODE_ADDRESS,
            "startTime": self.pod.metadata.creation_timestamp,
            "observedGeneration": self.pod.metadata.generation,
            "conditions": [
                condition("PodScheduled", true),
                condition("Initialized", initialized),
                condition("ContainersReady", ready),
                condition("Ready", ready),
            ],
            "initContainerStatuses": all(first),
            "containerStatuses": containers,
        });
        if *told != status {
            let patch = Patch::Merge(json!({"status": status}));
            if let Err(error) = self.pods.patch_status(self.name(), &PatchParams::default(), &patch).await {
                say(&format!("the status of {}: {error}", self.name()));
                return;
            }
            *told = status;
        }
    }

    /// One round over all containers; what keeps the pod from starting.
    async fn round(&mut self, first: &mut [Live], main: &mut [Live]) -> Result<(), String> {
        if self.volumes.is_empty() {
            self.fill_volumes().await?;
        }
        for live in &mut *first {
            if live.stays {
                self.tend(live).await?;
                if !live.started {
                    return Ok(());
                }
            } else if live.ended.as_ref().is_none_or(|ended| ended.0 != 0) {
                if live.runs.is_none() && live.ended.as_ref().is_none_or(|ended| ended.2.elapsed() > REST) {
                    live.runs = Some(self.start(&live.spec).await?);
                }
                let _how = live.note_end();
                return Ok(());
            }
        }
        for live in main {
            let new = live.runs.is_none();
            self.tend(live).await?;
            if new && live.runs.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Ends everything: first what has something to say before its end, then the containers, then what stays beside them.
    async fn end(&self, first: &mut [Live], main: &mut [Live]) {
        let grace = self.spec().termination_grace_period_seconds.unwrap_or(30).unsigned_abs();
        let deadline = Instant::now() + Duration::from_secs(grace);
        let before = main.iter().chain(first.iter()).map(|live| async {
            let handler = live.spec.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.clone());
            let Some(handler) = handler else { return };
            if let (Some(exec), Some(Runs::Process(container))) = (&handler.exec, &live.runs) {
                container.execute(exec.command.as_deref().unwrap_or_default()).await;
            }
            if let Some(sleep) = handler.sleep {
                tokio::time::sleep(Duration::from_secs(sleep.seconds.unsigned_abs())).await;
            }
        });
        let _all_said = tokio::time::timeout_at(deadline.into(), futures::future::join_all(before)).await;
        stop(main, deadline).await;
        first.reverse();
        for live in first {
            stop(std::slice::from_mut(live), deadline).await;
        }
    }
}

async fn stop(lives: &mut [Live], deadline: Instant) {
    for live in &mut *lives {
        if let Some(running) = live.process() {
            running.end();
        }
    }
    for live in lives {
        while live.process().is_some_and(|running| running.ended().is_none()) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        live.runs = None;
    }
}

/// Runs a pod until it is told to stop, and then takes it out of the cluster.
pub(super) async fn run(node: Arc<Node>, pod: core::Pod, stop: CancellationToken) {
    let mut sandbox = Sandbox::make(&node, pod).await;
    node.has(&sandbox.key(), &sandbox.namespace);
    let spec = sandbox.spec().clone();
    let mut first: Vec<Live> = spec.init_containers.iter().flatten().map(Live::new).collect();
    let mut main: Vec<Live> = spec.containers.iter().map(Live::new).collect();
    let mut told = Value::Null;
    while !stop.is_cancelled() {
        let trouble = sandbox.round(&mut first, &mut main).await.err();
        sandbox.tell(&first, &main, trouble.as_deref(), &mut told).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
    sandbox.end(&mut first, &mut main).await;
    node.has_no_more(&sandbox.key());
    let _gone_or_gone_already = sandbox.pods.delete(sandbox.name(), &DeleteParams::default().grace_period(0)).await;
}

impl Sandbox {
    fn key(&self) -> String {
        format!("{}/{}", self.pod.metadata.namespace.as_deref().unwrap_or_default(), self.name())
    }
}
