//! Finding the real programs, and running them with a deadline.

use gatewright::practice::scenario::Scenario;
use gatewright::practice::{Ground, GroundOptions, Timings};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

/// Longer than any of these commands may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(180);

/// Longer than a setup or a rotation takes where pods are processes.
const LONG_DEADLINE: Duration = Duration::from_secs(300);

/// A missing part is a failure where this is `all`, and one that is to be on PATH where it is `1`; else it is named and its
/// tests are passed over.
const REQUIRED: &str = "GATEWRIGHT_REQUIRE_REAL_PARTS";
/// More kubectl programs to try, separated as in PATH.
const KUBECTLS: &str = "GATEWRIGHT_KUBECTLS";

/// A real program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    name: String,
    version: String,
}

impl Program {
    /// A program whose version is known.
    pub(crate) fn of(path: PathBuf, name: &str, version: &str) -> Self {
        Self { path, name: name.to_owned(), version: version.to_owned() }
    }

    /// This version, started by another program.
    pub(crate) fn run_by(&self, starter: PathBuf) -> Self {
        Self { path: starter, ..self.clone() }
    }

    /// What the tests call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A program that tells its version as JSON.
    fn telling(path: PathBuf, arguments: &[&str], pointer: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(&path);
        command.args(arguments).env_clear().env("HOME", home.path()).stdin(Stdio::null());
        command.env("AZURE_CORE_COLLECT_TELEMETRY", "false");
        let said = command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).output().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&said.stdout)
            .unwrap_or_else(|error| panic!("{} {arguments:?}: {error}: {said:?}", path.display()));
        let version = told.pointer(pointer).and_then(serde_json::Value::as_str);
        let version = version.unwrap_or_else(|| panic!("{}: {told}", path.display())).to_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { path, name, version }
    }

    /// `1.33.1` of `v1.33.1-dispatcher`, as numbers.
    fn order(&self) -> Vec<u32> {
        let numbers = self.version.trim_start_matches('v').split(['.', '-', '+']);
        numbers.map_while(|number| number.parse().ok()).collect()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells that the running test uses it.
    pub(crate) fn is_used(&self) {
        if let Some(test) = std::thread::current().name() {
            crate::table::has(test, &self.name);
        }
        say(&format!("uses {} {}", self.name, self.version));
    }
}

/// Tells something of the running test, whether it fails or not: tests' own output is shown for failures alone.
pub(crate) fn say(words: &str) {
    use std::io::Write as _;
    let thread = std::thread::current();
    // In one piece, for tests run side by side.
    let line = format!("{}: {words}\n", thread.name().unwrap_or("a test"));
    let _told_or_not = std::io::stderr().write_all(line.as_bytes());
}

/// Every kubectl at hand, oldest first: the one on PATH, the versioned ones beside its real file, and those that the
/// environment names.
pub(crate) fn kubectls() -> Vec<Program> {
    static FOUND: OnceLock<Vec<Program>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let known =
            |path| Program::telling(path, &["version", "--client", "--output", "json"], "/clientVersion/gitVersion");
        let mut programs: Vec<Program> = kubectl_files().into_iter().map(known).collect();
        programs.sort_by_key(Program::order);
        programs
    });
    if found.is_empty() {
        missing("kubectl", "on Debian it is in the package kubernetes-client");
    }
    found.clone()
}

/// The oldest kubectl at hand and the newest, for what takes long.
pub(crate) fn oldest_and_newest_kubectl() -> Vec<Program> {
    let mut programs = kubectls();
    if programs.len() > 2 {
        programs.drain(1..programs.len() - 1);
    }
    programs
}

fn kubectl_files() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    if let Some(first) = on_path("kubectl") {
        let real = first.canonicalize().unwrap_or(first);
        let beside = real.parent().map(siblings).unwrap_or_default();
        found.extend(beside);
        found.insert(real);
    }
    if let Some(named) = std::env::var_os(KUBECTLS) {
        found.extend(std::env::split_paths(&named).filter(|path| path.is_file()));
    }
    found
}

fn missing(part: &str, where_it_is: &str) {
    assert!(
        !matches!(std::env::var(REQUIRED).as_deref(), Ok("1" | "all")),
        "{part} is not on PATH, and {REQUIRED}=1 demands it; {where_it_is}"
    );
    say(&format!("passed over, because {part} is not on PATH; {where_it_is}"));
}

/// Tells that a part is missing which `tests/real/parts/get` would have got; a failure where `all` parts are required.
pub(crate) fn missing_kept(part: &str) {
    assert!(
        std::env::var(REQUIRED).as_deref() != Ok("all"),
        "{part} has not been got, and {REQUIRED}=all demands it; `tests/real/parts/get {part}` gets it"
    );
    say(&format!("passed over, because {part} has not been got; `tests/real/parts/get {part}` gets it"));
}

/// Tells that this machine, or who runs the tests on it, cannot do what the test needs; a failure where `all` parts are required.
pub(crate) fn cannot(what: &str) {
    assert!(
        std::env::var(REQUIRED).as_deref() != Ok("all"),
        "{REQUIRED}=all demands it, and this machine cannot {what}"
    );
    say(&format!("passed over, because this machine cannot {what}"));
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Files such as `kubectl.1.31` in `folder`.
fn siblings(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let versioned = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix("kubectl.1.").is_some_and(|minor| minor.parse::<u8>().is_ok())
    };
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(versioned).collect()
}

/// The practice ground as tests want it: everything is well and nothing takes time.
pub(crate) async fn ground() -> Ground {
    ground_with(Timings::Instant).await
}

/// The practice ground, with everything well.
pub(crate) async fn ground_with(timings: Timings) -> Ground {
    let options = GroundOptions { timings, ..GroundOptions::new(Scenario::healthy().unwrap()) };
    Ground::start(options).await.unwrap()
}

/// The binary under test pointed at one ground, in a folder of its own.
pub(crate) struct Gatewright<'a> {
    ground: &'a Ground,
    kubeconfig: Option<PathBuf>,
    home: tempfile::TempDir,
}

/// The walk-through's own example.
pub(crate) const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/example.yaml");

impl<'a> Gatewright<'a> {
    pub(crate) fn new(ground: &'a Ground) -> Self {
        Self { ground, kubeconfig: None, home: tempfile::tempdir().unwrap() }
    }

    /// The same with another cluster than the ground's.
    pub(crate) fn on(self, kubeconfig: PathBuf) -> Self {
        Self { kubeconfig: Some(kubeconfig), ..self }
    }

    /// Runs `gatewright ARGUMENTS` on the example's answers.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        self.run_plain(&[arguments, &["--answers", EXAMPLE]].concat()).await
    }

    /// Runs `gatewright ARGUMENTS`.
    pub(crate) async fn run_plain(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatewright"));
        command.args(arguments);
        surround(&mut command, self.home.path(), self.ground);
        command.envs(self.kubeconfig.iter().map(|path| ("KUBECONFIG", path)));
        finish(command, "", if self.kubeconfig.is_some() { LONG_DEADLINE } else { DEADLINE }).await
    }

    /// Runs a setup of the example and kills it as soon as it has told of so many steps that it has done; whether it came to a good
    /// end before.
    pub(crate) async fn sets_up_within(&self, steps: usize) -> bool {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatewright"));
        command.args(["setup", "--yes", "--ui", "plain", "--answers", EXAMPLE]);
        surround(&mut command, self.home.path(), self.ground);
        command.envs(self.kubeconfig.iter().map(|path| ("KUBECONFIG", path)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = tokio::io::BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut done, mut said) = (0, Vec::new());
        let is_done = |line: &str| ["  created ", "  updated "].iter().any(|verb| line.starts_with(verb));
        while let Some(line) = tokio::time::timeout(LONG_DEADLINE, lines.next_line()).await.unwrap().unwrap() {
            done += usize::from(is_done(&line));
            said.push(line);
            if done == steps {
                child.kill().await.unwrap();
                return false;
            }
        }
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stdout), said.join("\n"));
        true
    }

    /// Sets up what these answers say, and demands that it ends well.
    pub(crate) async fn set_up_with(&self, answers: &Path) {
        let said = self.run_plain(&["setup", "--yes", "--answers", answers.to_str().unwrap()]).await;
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    }

    /// Sets the example up and demands that it ends well; returns how many requests wrote something.
    pub(crate) async fn set_up(&self) -> usize {
        let before = self.ground.journal().requests();
        let said = self.run(&["setup", "--yes"]).await;
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        self.ground.journal().since(before).iter().filter(|entry| entry.wrote).count()
    }

    /// Exports into a folder of this name and demands that it ends well.
    pub(crate) async fn export(&self, name: &str) -> PathBuf {
        let folder = self.home.path().join(name);
        let said = self.run(&["export", folder.to_str().unwrap()]).await;
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        folder
    }
}

/// One kubectl pointed at one ground.
pub(crate) struct Kubectl<'a> {
    program: &'a Path,
    ground: &'a Ground,
    home: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl<'a> Kubectl<'a> {
    pub(crate) fn new(program: &'a Program, ground: &'a Ground) -> Self {
        program.is_used();
        // A home of its own: the discovery cache of another version or ground must not answer.
        Self { program: &program.path, ground, home: tempfile::tempdir().unwrap() }
    }

    /// Runs `kubectl ARGUMENTS`, with `input` on its standard input.
    pub(crate) async fn run(&self, arguments: &[&str], input: &str) -> Said {
        run(self.program, self.home.path(), self.ground, arguments, input).await
    }

    /// Runs it and demands that it ends well.
    pub(crate) async fn succeeds(&self, arguments: &[&str], input: &str) -> String {
        let said = self.run(arguments, input).await;
        assert_eq!(said.code, Some(0), "{} {arguments:?}: {said:?}", self.program.display());
        said.out
    }

    /// Runs it and demands that it fails with `words` in its error.
    pub(crate) async fn is_refused(&self, arguments: &[&str], input: &str, words: &str) {
        let said = self.run(arguments, input).await;
        assert_ne!(said.code, Some(0), "{} {arguments:?}: {said:?}", self.program.display());
        assert!(said.err.contains(words), "{} {arguments:?}: {said:?}", self.program.display());
    }
}

/// The Azure CLI: the one that was got, or else the one on PATH.
pub(crate) fn azure_cli() -> Option<Program> {
    let got = crate::kept::find("azure-cli").map(|program| program.path);
    let Some(path) = got.or_else(|| on_path("az")) else {
        missing("az", "`tests/real/parts/get azure-cli` brings it");
        return None;
    };
    Some(Program::telling(path, &["version", "--output", "json"], "/azure-cli"))
}

/// The Azure CLI pointed at one ground.
pub(crate) struct AzureCli<'a> {
    program: &'a Path,
    ground: &'a Ground,
    home: tempfile::TempDir,
}

impl<'a> AzureCli<'a> {
    pub(crate) fn new(program: &'a Program, ground: &'a Ground) -> Self {
        program.is_used();
        Self { program: &program.path, ground, home: tempfile::tempdir().unwrap() }
    }

    /// Signs in as the ground's own caller; returns the accounts.
    pub(crate) async fn sign_in(&self) -> serde_json::Value {
        let caller = self.ground.caller();
        let login = ["login", "--service-principal", "-u", &caller.client_id, "-p", &caller.client_secret];
        self.json(&[&login[..], &["--tenant", &caller.tenant_id, "--allow-no-subscriptions"]].concat()).await
    }

    /// Runs `az ARGUMENTS`, demands that it ends well and reads what it says.
    pub(crate) async fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let out = self.quiet(&[arguments, &["--output", "json"]].concat()).await;
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("az {arguments:?}: {error}: {out}"))
    }

    /// Runs `az ARGUMENTS` and demands that it ends well.
    pub(crate) async fn quiet(&self, arguments: &[&str]) -> String {
        let said = run(self.program, self.home.path(), self.ground, arguments, "").await;
        assert_eq!(said.code, Some(0), "az {arguments:?}: {said:?}\n{:#?}", self.ground.journal().since(0));
        said.out
    }
}

/// Runs a program in an environment that holds the ground and nothing else of this machine but PATH.
async fn run(program: &Path, home: &Path, ground: &Ground, arguments: &[&str], input: &str) -> Said {
    let mut command = Command::new(program);
    command.args(arguments);
    surround(&mut command, home, ground);
    finish(command, input, DEADLINE).await
}

fn surround(command: &mut Command, home: &Path, ground: &Ground) {
    command.current_dir(home).env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(ground.environment());
}

async fn finish(mut command: Command, input: &str, deadline: Duration) -> Said {
    let story = format!("{:?}", command.as_std());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = async move {
        // A command that does not read its input ends the pipe early, which is its right.
        let _read_or_not = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
    };
    let both = async { tokio::join!(feed, child.wait_with_output()).1 };
    let output = tokio::time::timeout(deadline, both).await;
    let output: Output = output.unwrap_or_else(|_| panic!("{story} did not end")).unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
