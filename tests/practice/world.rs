//! A practice ground in this process, and the binary that works on it from another one, as a person would run it.

use gatewright::practice::{Entry, Ground, GroundOptions, Scenario, StopCaller, Timings};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// The walk-through's own example.
pub(crate) const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/example.yaml");
/// Its host.
pub(crate) const HOST: &str = "myapp.cluster.example.com";

/// How long one run of the program may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A ground, and the folder that a person would work in.
pub(crate) struct World {
    /// The ground.
    pub(crate) ground: Ground,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    timings: Timings,
    child: Arc<Mutex<Option<u32>>>,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; `None` when it was killed.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl World {
    /// A ground where everything is well.
    pub(crate) fn healthy() -> Self {
        Self::of(Scenario::healthy().unwrap())
    }

    /// A ground of a named scenario.
    pub(crate) fn named(scenario: &str) -> Self {
        Self::of(Scenario::named(scenario).unwrap())
    }

    /// A ground of `scenario`, in memory, with effects at once. What stops its caller kills the binary.
    pub(crate) fn of(scenario: Scenario) -> Self {
        Self::with(scenario, Timings::Instant)
    }

    /// The same, with effects that take as long as they do in a real cluster.
    pub(crate) fn healthy_and_slow() -> Self {
        Self::with(Scenario::healthy().unwrap(), Timings::Realistic)
    }

    fn with(scenario: Scenario, timings: Timings) -> Self {
        gatewright::tls::install_provider();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let child: Arc<Mutex<Option<u32>>> = Arc::default();
        let to_kill = Arc::clone(&child);
        let options = GroundOptions {
            timings,
            stop: StopCaller::Call(Arc::new(move || kill(*to_kill.lock().unwrap()))),
            ..GroundOptions::new(scenario)
        };
        let ground = runtime.block_on(Ground::start(options)).unwrap_or_else(|error| panic!("{error}"));
        Self { ground, runtime, folder: tempfile::tempdir().unwrap(), timings, child }
    }

    /// Whether effects take time.
    pub(crate) fn is_slow(&self) -> bool {
        self.timings == Timings::Realistic
    }

    /// Does something of the future on the ground's own threads.
    pub(crate) fn wait_for<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Does something on the ground's own threads, meanwhile.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(future)
    }

    /// The folder that the binary runs in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into that folder.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary with `arguments`, pointed at this ground and at nothing else of this machine.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatewright"));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", self.folder())
            .envs(self.ground.environment());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_command(self.command(arguments))
    }

    /// Runs a prepared command to its end.
    pub(crate) fn run_command(&self, mut command: Command) -> Ran {
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        *self.child.lock().unwrap() = Some(child.id());
        // The pipes are read by threads of their own, so that a talkative run never waits for us.
        let stdout = read_all(child.stdout.take().unwrap());
        let stderr = read_all(child.stderr.take().unwrap());
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > PATIENCE {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("the program did not end:\n{}{}", stdout.join().unwrap(), stderr.join().unwrap());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        *self.child.lock().unwrap() = None;
        Ran { code: status.code(), stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
    }

    /// `setup` of the example, which is expected to end well.
    pub(crate) fn set_up(&self) -> Ran {
        let ran = self.run(&["setup", "--answers", EXAMPLE, "--yes"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        ran
    }

    /// The requests since `sequence` that changed something.
    pub(crate) fn writes_since(&self, sequence: u64) -> Vec<Entry> {
        self.ground.journal().since(sequence).into_iter().filter(|entry| entry.wrote).collect()
    }

    /// The applications of the tenant, as Graph would show them.
    pub(crate) fn applications(&self) -> Vec<serde_json::Value> {
        let tenant = self.ground.tenant().snapshot();
        let applications = tenant["directory"]["applications"].as_array().expect("the tenant keeps applications");
        applications.iter().filter(|kept| kept["deleted"].is_null()).map(|kept| kept["properties"].clone()).collect()
    }

    /// Asks Microsoft Graph as somebody with every right would, and gives back the answer's status and body.
    pub(crate) fn graph(&self, method: &str, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        let authority = reqwest::Certificate::from_pem(self.ground.authority().certificate_pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([authority]).build().unwrap();
        let caller = self.ground.caller();
        let form = [
            ("client_id", caller.client_id.as_str()),
            ("client_secret", &caller.client_secret),
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        let cloud = self.ground.cloud();
        let token_endpoint = format!("{}/{}/oauth2/v2.0/token", cloud.sign_in, caller.tenant_id);
        let url = format!("{}/v1.0/{path}", cloud.graph);
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.wait_for(async {
            let token: serde_json::Value =
                client.post(token_endpoint).form(&form).send().await.unwrap().json().await.unwrap();
            let token = token["access_token"].as_str().unwrap();
            let answer = client.request(method, url).bearer_auth(token).json(body).send().await.unwrap();
            let status = answer.status().as_u16();
            (status, answer.json().await.unwrap_or_default())
        })
    }

    /// The one application that was set up, as Graph shows it.
    pub(crate) fn application(&self) -> serde_json::Value {
        let mut ours: Vec<_> =
            self.applications().into_iter().filter(|application| application["uniqueName"].is_string()).collect();
        assert_eq!(ours.len(), 1, "{ours:#?}");
        ours.remove(0)
    }

    /// Puts a YAML list of objects into the cluster, as somebody else would.
    pub(crate) fn make(&self, objects: &str) {
        for object in serde_saphyr::from_str::<Vec<serde_json::Value>>(objects).unwrap() {
            self.ground.cluster().create_or_replace("somebody", object).unwrap();
        }
    }

    /// Whether somebody without a sign-in reaches the application.
    pub(crate) fn door_is_open(&self) -> bool {
        self.wait_for(self.ground.edge().anonymous_reaches_app(HOST))
    }
}

/// The end of a run that was killed from within a request: by SIGKILL, nothing softer.
fn kill(child: Option<u32>) {
    let Some(child) = child.and_then(|child| i32::try_from(child).ok()) else { return };
    let Some(process) = rustix::process::Pid::from_raw(child) else { return };
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
}

fn read_all(mut pipe: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
