//! What the practice ground keeps between commands, and where.
//!
//! Three files in one folder, each written whole and renamed into place, so that a `kill -9` at any moment leaves the
//! last state that was answered for. (A power cut is not guarded against: it is practice.)

use super::authority::KeptAuthority;
use super::scenario::ClusterConditions;
use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The layout of the files; another one means another program wrote them.
const VERSION: u32 = 1;
/// Makes the folder recognisable, so that `reset` never empties a folder that is not ours.
const LOCK: &str = "practice.lock";
/// A command that was just stopped may still hold the folder for a moment.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the ground keeps its state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StatePlace {
    /// Nowhere: it ends with the ground.
    #[default]
    Memory,
    /// In this folder, which one ground at a time uses.
    Folder(PathBuf),
}

/// What is kept besides the tenant and the cluster.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Frame {
    pub(super) version: u32,
    /// What a scenario put into the cluster last.
    pub(super) conditions: ClusterConditions,
    pub(super) ports: Ports,
    pub(super) authority: KeptAuthority,
    /// What the Kubernetes API takes as the caller's token.
    pub(super) kubernetes_token: String,
}

/// The ports on 127.0.0.1. They are kept, for URLs with them stand in the objects that setup makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ports {
    /// The tenant's sign-in.
    pub sign_in: u16,
    /// Microsoft Graph.
    pub graph: u16,
    /// The resource manager.
    pub resource_manager: u16,
    /// The Kubernetes API.
    pub kubernetes: u16,
    /// The HTTPS front of the ingress gateway.
    pub edge: u16,
}

/// The state can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another ground uses the folder.
    #[error(
        "another practice ground is running on {folder} (process {process}); stop it first, or use its kubeconfig and cloud file"
    )]
    InUse {
        /// The state folder.
        folder: String,
        /// The other's process id, as far as it is known.
        process: String,
    },
    /// The system refuses.
    #[error("the practice ground can't {what} {path}: {cause}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// A file is not what this program writes.
    #[error("the practice ground's state in {path} can't be read ({cause}); `gatewright practice reset` starts afresh")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// There is no home folder to keep it in.
    #[error("there is no home folder to keep the practice ground's state in ({0}); set HOME or XDG_STATE_HOME")]
    NoHome(String),
    /// The folder to be emptied holds other things.
    #[error("{0} is not a practice ground's state folder; nothing was removed")]
    NotOurs(String),
}

impl Frame {
    pub(super) fn new(
        conditions: ClusterConditions,
        ports: Ports,
        authority: KeptAuthority,
        kubernetes_token: String,
    ) -> Self {
        Self { version: VERSION, conditions, ports, authority, kubernetes_token }
    }
}

/// The folder that the commands share: `gatewright/practice` in the user's state folder (XDG, on every system).
pub fn usual_folder() -> Result<PathBuf, StateError> {
    let strategy = etcetera::choose_base_strategy().map_err(|cause| StateError::NoHome(cause.to_string()))?;
    Ok(strategy.state_dir().unwrap_or_else(|| strategy.data_dir()).join("gatewright").join("practice"))
}

/// Empties the state folder, so that the next ground starts afresh; a ground that runs on it is left alone.
pub fn reset(folder: &Path) -> Result<(), StateError> {
    if !folder.try_exists().map_err(|cause| failed("look for", folder, cause))? {
        return Ok(());
    }
    if !folder.join(LOCK).exists() {
        return Err(StateError::NotOurs(folder.display().to_string()));
    }
    let locked = Store::open(&StatePlace::Folder(folder.to_owned()))?;
    for entry in std::fs::read_dir(folder).map_err(|cause| failed("read", folder, cause))? {
        let path = entry.map_err(|cause| failed("read", folder, cause))?.path();
        if path.file_name().is_some_and(|name| name == LOCK) {
            continue;
        }
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(|cause| failed("remove", &path, cause))?;
    }
    drop(locked);
    Ok(())
}

pub(super) const FRAME: &str = "ground.json";
pub(super) const TENANT: &str = "tenant.json";
pub(super) const CLUSTER: &str = "cluster.json";

/// The opened state: a locked folder, or nothing.
pub(super) struct Store {
    folder: Option<Locked>,
    /// What was written last to each file, to leave out writes that change nothing.
    written: Mutex<Vec<(&'static str, Vec<u8>)>>,
}

struct Locked {
    path: PathBuf,
    /// Held for its lock, which the system takes back whenever and however the process ends.
    _lock: File,
}

impl Store {
    pub(super) fn open(place: &StatePlace) -> Result<Self, StateError> {
        let folder = match place {
            StatePlace::Memory => None,
            StatePlace::Folder(path) => Some(Locked { path: path.clone(), _lock: lock(path)? }),
        };
        Ok(Self { folder, written: Mutex::default() })
    }

    pub(super) fn frame(&self) -> Result<Option<Frame>, StateError> {
        let Some(frame) = self.read::<Frame>(FRAME)? else { return Ok(None) };
        if frame.version == VERSION {
            return Ok(Some(frame));
        }
        Err(self.damaged(FRAME, format!("it has layout {}, this program has {VERSION}", frame.version)))
    }

    pub(super) fn value(&self, file: &'static str) -> Result<Option<Value>, StateError> {
        self.read(file)
    }

    fn read<T: DeserializeOwned>(&self, file: &'static str) -> Result<Option<T>, StateError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let path = folder.path.join(file);
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|cause| self.damaged(file, cause.to_string()))
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(failed("read", &path, cause)),
        }
    }

    /// Writes what `content` gives to `file`, unless it is there already. The owner alone may read it, for it may hold
    /// keys and secrets.
    ///
    /// `content` is asked while the lock is held, so that an older state never replaces a newer one.
    pub(super) fn write<T: Serialize>(
        &self,
        file: &'static str,
        content: impl FnOnce() -> T,
    ) -> Result<(), StateError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = serde_json::to_vec(&content()).map_err(|cause| self.damaged(file, cause.to_string()))?;
        let last = written.iter_mut().find(|(name, _)| *name == file);
        if last.as_ref().is_some_and(|(_, last)| *last == bytes) {
            return Ok(());
        }
        replace(&folder.path.join(file), &bytes)?;
        match last {
            Some((_, last)) => *last = bytes,
            None => written.push((file, bytes)),
        }
        Ok(())
    }

    fn damaged(&self, file: &str, cause: String) -> StateError {
        let path = self.folder.as_ref().map_or_else(|| file.into(), |folder| folder.path.join(file));
        StateError::Damaged { path: path.display().to_string(), cause }
    }
}

/// Replaces a file in one step: readers see the old or the new content, never a part. The owner alone may read it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let mut name = path.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh).map_err(|cause| failed("write", &fresh, cause))?;
    file.write_all(bytes).map_err(|cause| failed("write", &fresh, cause))?;
    std::fs::rename(&fresh, path).map_err(|cause| failed("replace", path, cause))
}

fn lock(folder: &Path) -> Result<File, StateError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|cause| failed("make", folder, cause))?;
    let path = folder.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|cause| failed("open", &path, cause))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                let process = std::fs::read_to_string(&path).unwrap_or_default();
                let process = if process.is_empty() { "unknown".to_owned() } else { process.trim().to_owned() };
                return Err(StateError::InUse { folder: folder.display().to_string(), process });
            }
            Err(TryLockError::Error(cause)) => return Err(failed("lock", &path, cause)),
        }
    }
    let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    noted.map_err(|cause| failed("write", &path, cause))?;
    Ok(file)
}

fn failed(what: &'static str, path: &Path, cause: std::io::Error) -> StateError {
    StateError::Io { what, path: path.display().to_string(), cause }
}

#[cfg(test)]
mod tests {
    use super::{FRAME, StateError, StatePlace, Store, TENANT, reset};
    use serde_json::json;

    #[test]
    fn given_a_folder_in_use_when_opened_again_then_the_other_process_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let place = StatePlace::Folder(folder.path().join("deep/er"));
        let _first = Store::open(&place).unwrap();
        let Err(error) = Store::open(&place) else { panic!("opened twice") };
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    }

    #[test]
    fn given_written_state_when_opened_again_then_it_is_there_and_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = StatePlace::Folder(folder.path().to_owned());
        Store::open(&place).unwrap().write(TENANT, || json!({"secret": "s"})).unwrap();
        assert_eq!(Store::open(&place).unwrap().value(TENANT).unwrap(), Some(json!({"secret": "s"})));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.path().join(TENANT)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
    }

    #[test]
    fn given_a_damaged_file_when_read_then_the_way_out_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FRAME), "{\"version\":").unwrap();
        let store = Store::open(&StatePlace::Folder(folder.path().to_owned())).unwrap();
        let Err(error) = store.frame() else { panic!("read half a file") };
        assert!(error.to_string().contains("practice reset"), "{error}");
    }

    #[test]
    fn given_a_folder_of_someone_else_when_reset_then_nothing_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(TENANT), "{}").unwrap();
        assert!(matches!(reset(folder.path()), Err(StateError::NotOurs(_))));
        assert!(folder.path().join(TENANT).exists());
    }

    #[test]
    fn given_a_state_folder_when_reset_then_the_next_ground_finds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = StatePlace::Folder(folder.path().to_owned());
        Store::open(&place).unwrap().write(TENANT, || json!({})).unwrap();
        reset(folder.path()).unwrap();
        assert_eq!(Store::open(&place).unwrap().value(TENANT).unwrap(), None);
    }
}
