//! The parts that `tests/real/parts/get` keeps, and running them.

use crate::parts::{Program, missing_kept};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};

/// Where the parts are kept, if not in `target/real-parts`.
const PLACE: &str = "GATEWRIGHT_REAL_PARTS";

/// The part of this name, if it has been got.
pub(crate) fn find(name: &str) -> Option<Program> {
    static PARTS: OnceLock<BTreeMap<String, Program>> = OnceLock::new();
    PARTS.get_or_init(read).get(name).cloned()
}

/// The same, for a test that is passed over without it, and says so.
pub(crate) fn kept(name: &str) -> Option<Program> {
    let found = find(name);
    if found.is_none() {
        missing_kept(name);
    }
    found
}

/// What `get` wrote down: name, version, origin, digest and path of each part, between tabs.
fn read() -> BTreeMap<String, Program> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/real-parts");
    let place = std::env::var_os(PLACE).map_or_else(usual, PathBuf::from);
    let text = std::fs::read_to_string(place.join("parts.tsv")).unwrap_or_default();
    let part = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, version, _origin, _digest, path] = fields[..] else { panic!("parts.tsv: {line:?}") };
        let path = PathBuf::from(path);
        path.is_file().then(|| (name.to_owned(), Program::of(path, name, version)))
    };
    text.lines().filter_map(part).collect()
}

/// A program that runs for one test, killed with it.
pub(crate) struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts it in `folder`, where it writes its log.
    pub(crate) fn start(program: &Program, folder: &Path, arguments: &[String]) -> Self {
        Self::start_with(program, folder, arguments, &[])
    }

    /// The same, with more in its environment.
    pub(crate) fn start_with(
        program: &Program,
        folder: &Path,
        arguments: &[String],
        environment: &[(&str, &str)],
    ) -> Self {
        program.is_used();
        let command: Vec<String> =
            std::iter::once(program.path().display().to_string()).chain(arguments.iter().cloned()).collect();
        let mut environment: BTreeMap<String, String> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        environment.insert("PATH".to_owned(), std::env::var("PATH").unwrap_or_default());
        Self::command(program.name(), folder, &command, &environment)
    }

    /// Runs a command in that environment and nothing else, in `folder`, where its log gets this name.
    pub(crate) fn command(
        name: &str,
        folder: &Path,
        command: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        // Whoever it becomes may open `/dev/stdout`.
        file.set_permissions(std::fs::Permissions::from_mode(0o666)).unwrap();
        let mut starter = Command::new("setpriv");
        // When this process is killed, nobody is left to kill what it started.
        starter.args(["--pdeathsig", "KILL", "--"]).args(command);
        starter.current_dir(folder).env_clear().env("HOME", folder).envs(environment);
        starter.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { name: name.to_owned(), child: spawn(starter), log }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Asks it to end.
    pub(crate) fn end(&self) {
        let process = rustix::process::Pid::from_child(&self.child);
        let _asked_or_gone = rustix::process::kill_process(process, rustix::process::Signal::TERM);
    }

    /// Demands that it has not ended.
    pub(crate) fn is_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended with {status}:\n{}", self.name, self.last_words());
        }
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _killed_or_gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Starts a command from a thread that never ends.
///
/// "Die with your parent" means the thread that started a process, not the process it belongs to: started from a test's own
/// thread or from one of the runtime's, a program would go when that thread does. Envoy asks for it by itself.
fn spawn(command: Command) -> Child {
    type Order = (Command, mpsc::Sender<std::io::Result<Child>>);
    static KEEPER: OnceLock<Mutex<mpsc::Sender<Order>>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (orders, next) = mpsc::channel::<Order>();
        let keep = move || {
            for (mut command, reply) in next {
                let _read_or_not = reply.send(command.spawn());
            }
        };
        std::thread::Builder::new().name("keeper of real parts".to_owned()).spawn(keep).unwrap();
        Mutex::new(orders)
    });
    let program = format!("{command:?}");
    let (reply, answer) = mpsc::channel();
    keeper.lock().unwrap().send((command, reply)).unwrap();
    answer.recv().unwrap().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Below those that the system gives to outgoing connections (32768 and up, and there are many on a busy machine): such a port may be
/// gone before a program that is slow to start listens on it.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// Ports on loopback that nobody listens on, each given to one caller alone.
pub(crate) fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    [(); COUNT].map(|()| free_port())
}

fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    // Another run of these tests beside this one begins elsewhere.
    let first = std::process::id().wrapping_mul(97);
    loop {
        let number = first.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % count;
        let port = PORTS.start + u16::try_from(number).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
