//! Finding the real programs, and running them with a deadline.

use gatewright::practice::scenario::Scenario;
use gatewright::practice::{Ground, GroundOptions, Timings};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Longer than any of these commands may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A missing part is a failure where this is `1`, else it is named and its tests are passed over.
const REQUIRED: &str = "GATEWRIGHT_REQUIRE_REAL_PARTS";
/// More kubectl programs to try, separated as in PATH.
const KUBECTLS: &str = "GATEWRIGHT_KUBECTLS";

/// Every kubectl at hand: the one on PATH, the versioned ones beside its real file, and those that the environment names.
pub(crate) fn kubectls() -> Vec<PathBuf> {
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
    if found.is_empty() {
        missing("kubectl");
    }
    found.into_iter().collect()
}

fn missing(part: &str) {
    assert!(
        std::env::var(REQUIRED).as_deref() != Ok("1"),
        "{part} is not on PATH, and {REQUIRED}=1 demands it; on Debian it is in the package kubernetes-client"
    );
    println!("passed over: {part} is not on PATH");
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
    let mut options = GroundOptions::new(Scenario::healthy().unwrap());
    options.timings = Timings::Instant;
    Ground::start(options).await.unwrap()
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
    pub(crate) fn new(program: &'a Path, ground: &'a Ground) -> Self {
        // A home of its own: the discovery cache of another version or ground must not answer.
        Self { program, ground, home: tempfile::tempdir().unwrap() }
    }

    /// The minor version that the file's name tells, if it tells one.
    pub(crate) fn minor(&self) -> Option<u8> {
        self.program.file_name()?.to_str()?.strip_prefix("kubectl.1.")?.parse().ok()
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

/// The Azure CLI, if it is on PATH. It is large, so it is not demanded even where parts are.
pub(crate) fn azure_cli() -> Option<PathBuf> {
    let found = on_path("az");
    if found.is_none() {
        println!("passed over: az is not on PATH");
    }
    found
}

/// The Azure CLI pointed at one ground.
pub(crate) struct AzureCli<'a> {
    program: &'a Path,
    ground: &'a Ground,
    home: tempfile::TempDir,
}

impl<'a> AzureCli<'a> {
    pub(crate) fn new(program: &'a Path, ground: &'a Ground) -> Self {
        Self { program, ground, home: tempfile::tempdir().unwrap() }
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
    command.args(arguments).env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(ground.environment());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = async move {
        // A command that does not read its input ends the pipe early, which is its right.
        let _read_or_not = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
    };
    let both = async { tokio::join!(feed, child.wait_with_output()).1 };
    let output = tokio::time::timeout(DEADLINE, both).await;
    let output: Output = output.unwrap_or_else(|_| panic!("{arguments:?} did not end")).unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
