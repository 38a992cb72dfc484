//! One rotation at a time: whoever rotates holds the installation's record, by an annotation that is renewed while the run lives.

use crate::{
    cluster::{Cluster, Error, ObjectRef},
    engine::{
        Target,
        event::{Problem, ProblemKind},
        problem,
    },
    secret::Fingerprint,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// On the record of an installation: who rotates a secret of it.
const ANNOTATION: &str = "gatewright.dev/rotation";
/// Not the name that objects are applied under: applying the record leaves the annotation alone.
const MANAGER: &str = "gatewright-rotation";
/// How often a run that lives says so.
const RENEWED_EVERY: Duration = Duration::from_secs(10);
/// From when on a run that has said nothing is taken to be dead; clocks may differ by less.
const DEAD_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// Who holds an installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Holder {
    /// Of this run alone.
    run: String,
    /// Who is signed in to Entra.
    by: String,
    /// The machine, and the number of the process on it.
    process: (String, u32),
    since: Timestamp,
    renewed: Timestamp,
}

/// Whether a run holds the installation that this is the record of, or did when it was killed.
pub(in crate::engine) fn is_held(record: &Value) -> bool {
    annotation(record).is_some()
}

fn annotation(record: &Value) -> Option<&str> {
    record.pointer("/metadata/annotations")?.get(ANNOTATION)?.as_str()
}

impl Holder {
    fn new(by: &str) -> Self {
        let now = Timestamp::now();
        let process = (this_machine().unwrap_or_default(), std::process::id());
        Self { run: uuid::Uuid::new_v4().to_string(), by: by.to_owned(), process, since: now, renewed: now }
    }

    /// Whether it still works, as far as that can be known from here.
    fn lives(&self, now: Timestamp) -> bool {
        let (machine, process) = &self.process;
        if this_machine().as_ref() == Some(machine) && !process_lives(*process) {
            return false;
        }
        // A clock that is ahead of ours by so much says nothing.
        now.duration_since(self.renewed).abs() <= DEAD_AFTER
    }
}

/// A name for what numbers processes: this boot of this machine, and the container on it. Where the system does not tell, only time
/// tells whether a run is dead.
fn this_machine() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let container = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(Fingerprint::of(format!("{boot}\0{}", container.display()).as_bytes()).to_string())
}

fn process_lives(number: u32) -> bool {
    let Some(process) = i32::try_from(number).ok().and_then(rustix::process::Pid::from_raw) else { return true };
    // One that belongs to somebody else lives too.
    rustix::process::test_kill_process(process) != Err(rustix::io::Errno::SRCH)
}

/// The hold of this run. While it lives, it is renewed; [`Self::give_back`] ends it.
pub(super) struct Hold {
    cluster: Cluster,
    record: ObjectRef,
    holder: Holder,
    renewing: JoinHandle<()>,
}

impl Hold {
    /// Takes hold of the installation of `record`, unless another run that lives has it. `lost` is cancelled when somebody else has
    /// taken it over.
    pub(super) async fn take(target: &Target, record: &ObjectRef, lost: &CancellationToken) -> Result<Self, Problem> {
        let (cluster, holder) = (target.cluster.clone(), Holder::new(&target.session.caller().name));
        let tried = "take hold of the installation, so that nobody else rotates it meanwhile";
        let failed = |error: Error| match error {
            Error::Stale { .. } => is_held_by_another(tried, "somebody else", Timestamp::now()),
            error => problem::cluster(tried, &error),
        };
        let live = cluster.get(record).await.map_err(failed)?.ok_or_else(|| problem::gone(tried))?;
        let other = annotation(&live).and_then(|text| serde_json::from_str::<Holder>(text).ok());
        if let Some(other) = other.filter(|other| other.lives(Timestamp::now())) {
            return Err(is_held_by_another(tried, &other.by, other.since));
        }
        write(&cluster, record, live.pointer("/metadata/resourceVersion"), Some(&holder)).await.map_err(failed)?;
        let renewing = tokio::spawn(renew(cluster.clone(), record.clone(), holder.clone(), lost.clone()));
        Ok(Self { cluster, record: record.clone(), holder, renewing })
    }

    /// Lets somebody else rotate it. What cannot be given back is taken over by the next run.
    pub(super) async fn give_back(self) {
        self.renewing.abort();
        let given = async {
            let Some(live) = self.cluster.get(&self.record).await? else { return Ok(()) };
            if holds(&live, &self.holder) {
                write(&self.cluster, &self.record, live.pointer("/metadata/resourceVersion"), None).await?;
            }
            Ok::<(), Error>(())
        };
        if let Err(error) = given.await {
            tracing::info!(%error, "the hold was not given back; the next run takes it over");
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

fn holds(record: &Value, holder: &Holder) -> bool {
    annotation(record)
        .and_then(|text| serde_json::from_str::<Holder>(text).ok())
        .is_some_and(|there| there.run == holder.run)
}

async fn renew(cluster: Cluster, record: ObjectRef, mut holder: Holder, lost: CancellationToken) {
    loop {
        tokio::time::sleep(RENEWED_EVERY).await;
        match cluster.get(&record).await {
            Ok(Some(live)) if holds(&live, &holder) => {
                holder.renewed = Timestamp::now();
                // What came in between is seen at the next turn.
                let version = live.pointer("/metadata/resourceVersion");
                if let Err(error) = write(&cluster, &record, version, Some(&holder)).await {
                    tracing::info!(%error, "the hold was not renewed");
                }
            }
            Ok(_) => {
                tracing::warn!("another run has taken the installation over");
                lost.cancel();
                return;
            }
            Err(error) => tracing::info!(%error, "the hold cannot be looked at"),
        }
    }
}

async fn write(
    cluster: &Cluster,
    record: &ObjectRef,
    version: Option<&Value>,
    holder: Option<&Holder>,
) -> Result<(), Error> {
    let text = holder.and_then(|holder| serde_json::to_string(holder).ok()).map_or(Value::Null, Value::from);
    let mut metadata = json!({ "annotations": { ANNOTATION: text } });
    if let (Some(version), Some(metadata)) = (version, metadata.as_object_mut()) {
        metadata.insert("resourceVersion".to_owned(), version.clone());
    }
    cluster.merge(record, &json!({ "metadata": metadata }), MANAGER).await.map(drop)
}

fn is_held_by_another(tried: &str, by: &str, since: Timestamp) -> Problem {
    let since = since.strftime("%Y-%m-%dT%H:%M:%SZ");
    Problem {
        tried: tried.to_owned(),
        cause: format!("another rotation runs, begun by {by} at {since}"),
        remedy: format!(
            "wait for it to end, and run again; one that has died is taken over {} s after its last sign of life",
            DEAD_AFTER.as_secs()
        ),
        kind: ProblemKind::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::{DEAD_AFTER, Holder, is_held};
    use jiff::{SignedDuration, Timestamp};
    use serde_json::json;

    #[test]
    fn given_a_holder_elsewhere_then_it_lives_as_long_as_it_says_so() {
        let mut holder = Holder::new("anna@example.com");
        assert!(holder.lives(Timestamp::now()), "this process lives");
        "elsewhere".clone_into(&mut holder.process.0);
        let second = SignedDuration::from_secs(1);
        assert!(holder.lives(holder.renewed + DEAD_AFTER));
        assert!(!holder.lives(holder.renewed + DEAD_AFTER + second));
        assert!(!holder.lives(holder.renewed - DEAD_AFTER - second), "a clock far ahead says nothing");
    }

    #[test]
    fn given_a_holder_on_this_machine_whose_process_is_gone_then_it_is_dead_at_once() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let mut holder = Holder::new("anna@example.com");
        holder.process.1 = child.id();
        child.wait().unwrap();
        assert!(!holder.lives(Timestamp::now()));
    }

    #[test]
    fn given_a_record_then_it_is_held_by_its_annotation() {
        assert!(!is_held(&json!({"metadata": {"name": "a"}})));
        assert!(is_held(&json!({"metadata": {"annotations": {"gatewright.dev/rotation": "{}"}}})));
    }
}
