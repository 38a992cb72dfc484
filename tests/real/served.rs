//! `gatewright practice` in a process of its own, used as a person would: read `environment`, run kubectl.

use crate::parts::{Program, kubectls};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

const DEADLINE: Duration = Duration::from_secs(60);

/// A served ground, killed with the test.
struct Server {
    process: Child,
    directory: PathBuf,
}

impl Server {
    /// Serves the state under `home` and waits until `environment` says that everything answers.
    async fn start(home: &Path) -> Self {
        let directory = home.join("pointers");
        let environment = directory.join("environment");
        let _none_of_an_earlier_one = std::fs::remove_file(&environment);
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatewright"));
        command.arg("practice").arg("--dir").arg(&directory).env_clear().env("HOME", home);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let process = command.spawn().unwrap();
        let mut server = Self { process, directory };
        let begun = Instant::now();
        while !environment.exists() {
            assert!(begun.elapsed() < DEADLINE, "the ground did not come up");
            assert_eq!(server.process.try_wait().unwrap(), None, "the ground ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// Runs `kubectl ARGUMENTS` in a shell that has read `environment`.
    async fn kubectl(&self, kubectl: &Program, arguments: &str) -> (bool, String) {
        let script =
            format!(". '{}/environment'; '{}' {arguments}", self.directory.display(), kubectl.path().display());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).env_clear().env("PATH", path).env("HOME", &self.directory).kill_on_drop(true);
        let output = tokio::time::timeout(DEADLINE, command.output()).await.unwrap().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Ends it as `kill -9` does.
    async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_served_ground_when_it_is_killed_after_an_answer_then_the_next_one_has_the_change() {
    let Some(kubectl) = kubectls().pop() else { return };
    kubectl.is_used();
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path()).await;
    let made = server.kubectl(&kubectl, "create namespace before-the-kill").await;
    assert!(made.0, "{made:?}");
    server.kill().await;
    let server = Server::start(home.path()).await;
    let found = server.kubectl(&kubectl, "get namespace before-the-kill -o name").await;
    assert_eq!(found, (true, "namespace/before-the-kill\n".to_owned()));
    server.kill().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn given_a_served_ground_when_it_is_told_to_end_then_it_ends_well_and_another_may_have_its_state() {
    use tokio::io::AsyncReadExt as _;
    let home = tempfile::tempdir().unwrap();
    let mut server = Server::start(home.path()).await;
    let process = i32::try_from(server.process.id().unwrap()).unwrap();
    let process = rustix::process::Pid::from_raw(process).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let status = tokio::time::timeout(DEADLINE, server.process.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
    let mut said = String::new();
    server.process.stdout.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert!(said.contains("Nothing here is real") && said.contains("kubectl get namespaces"), "{said}");
    Server::start(home.path()).await.kill().await;
}
