//! Containers: processes in a pod's network, with a root of their own over this machine's.

use super::network::Namespace;
use crate::kept::Running;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Gives a process its root: this machine's files, with the image's and the volumes over them. It writes to memory alone.
const ENTER: &str = r#"set -e
place=$1 user=$2 mounts=$3
shift 3
mount --make-rprivate /
mount -t tmpfs none "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay none -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" "$place/root"
for special in proc dev sys; do mount --rbind "/$special" "$place/root/$special"; done
while read -r from to; do
  # It is a link, and would lead out of the container.
  case $to in /var/run/*) to=${to#/var} ;; esac
  if [ -d "$from" ]; then mkdir -p "$place/root$to"; else mkdir -p "$place/root${to%/*}"; touch "$place/root$to"; fi
  mount --bind "$from" "$place/root$to"
done <"$mounts"
exec chroot "$place/root" setpriv --reuid "$user" --regid "$user" --clear-groups --pdeathsig KILL -- "$@"
"#;

/// What a container runs as.
pub(super) struct Process {
    pub(super) command: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) user: i64,
    /// What is where in it: a file or folder of this machine, and its path within.
    pub(super) mounts: Vec<(PathBuf, String)>,
}

/// A container that runs.
pub(super) struct Container {
    pub(super) running: Running,
    environment: BTreeMap<String, String>,
}

impl Container {
    /// Starts one in a folder of its own.
    pub(super) fn start(name: &str, folder: &Path, network: &Namespace, process: &Process) -> Self {
        let place = folder.join("root");
        std::fs::create_dir_all(&place).unwrap();
        let mounts: Vec<String> =
            process.mounts.iter().map(|(from, to)| format!("{} {to}\n", from.display())).collect();
        let list = folder.join("mounts");
        std::fs::write(&list, mounts.concat()).unwrap();
        let network = format!("--net={}", network.path().display());
        let (place, list) = (place.display().to_string(), list.display().to_string());
        let user = process.user.to_string();
        let enter = ["nsenter", &network, "unshare", "--mount", "sh", "-c", ENTER, name, &place, &user, &list];
        let command: Vec<String> =
            enter.into_iter().map(str::to_owned).chain(process.command.iter().cloned()).collect();
        let mut environment = process.environment.clone();
        // What the images say, and what is on this machine.
        let path = format!("/usr/local/bin:{}", std::env::var("PATH").unwrap_or_default());
        environment.entry("PATH".to_owned()).or_insert(path);
        Self { running: Running::command(name, folder, &command, &environment), environment }
    }

    /// Runs a command in it; whether it ended well.
    pub(super) async fn execute(&self, command: &[String]) -> bool {
        let process = self.running.id().to_string();
        let mut execute = tokio::process::Command::new("nsenter");
        execute.args(["--target", &process, "--mount", "--net", "--root", "--wd=/", "--"]).args(command);
        execute.env_clear().envs(&self.environment);
        execute.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        execute.stderr(std::process::Stdio::null()).kill_on_drop(true);
        execute.status().await.is_ok_and(|status| status.success())
    }
}
