//! Keeps the tenant and the cluster on disk while they change.

use super::state::{FRAME, Frame, StateError, Store};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What controllers change is written down this long after; what a request changes is written before its answer.
const PAUSE: Duration = Duration::from_millis(50);

/// Keeps the tenant and the cluster on disk while they change.
#[derive(Clone)]
pub(super) struct Keeper {
    store: Arc<Store>,
    tenant: Arc<Half>,
    cluster: Arc<Half>,
}

/// One half of the ground, with its file.
pub(super) struct Half {
    file: &'static str,
    snapshot: Box<dyn Fn() -> Value + Send + Sync>,
    changes: watch::Receiver<u64>,
    /// One more than the change that was kept last; 0 when none was.
    kept: AtomicU64,
}

impl Half {
    pub(super) fn new(
        file: &'static str,
        changes: watch::Receiver<u64>,
        snapshot: impl Fn() -> Value + Send + Sync + 'static,
    ) -> Self {
        Self { file, snapshot: Box::new(snapshot), changes, kept: AtomicU64::new(0) }
    }

    fn keep(&self, store: &Store) -> Result<(), StateError> {
        // Read before the snapshot is made, which then holds at least this change.
        let change = self.changes.borrow().saturating_add(1);
        if self.kept.load(Ordering::Acquire) >= change {
            return Ok(());
        }
        store.write(self.file, &self.snapshot)?;
        self.kept.fetch_max(change, Ordering::AcqRel);
        Ok(())
    }
}

impl Keeper {
    pub(super) fn new(store: Store, tenant: Half, cluster: Half) -> Self {
        Self { store: Arc::new(store), tenant: Arc::new(tenant), cluster: Arc::new(cluster) }
    }

    /// Writes down whatever has changed.
    pub(super) fn keep(&self) -> Result<(), StateError> {
        self.cluster.keep(&self.store)?;
        self.tenant.keep(&self.store)
    }

    /// Writes down what frames the two halves.
    pub(super) fn keep_frame(&self, frame: &Frame) -> Result<(), StateError> {
        self.store.write(FRAME, || frame)
    }

    /// Writes down what changes without a request, until told to end.
    pub(super) async fn run(self, end: CancellationToken) {
        let (mut tenant, mut cluster) = (self.tenant.changes.clone(), self.cluster.changes.clone());
        loop {
            let more = tokio::select! {
                () = end.cancelled() => false,
                changed = tenant.changed() => changed.is_ok(),
                changed = cluster.changed() => changed.is_ok(),
            };
            if !more || end.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                break;
            }
            self.keep_or_complain();
        }
        self.keep_or_complain();
    }

    fn keep_or_complain(&self) {
        if let Err(error) = self.keep() {
            tracing::error!(%error, "the practice ground can't keep its state");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Half, Keeper};
    use crate::practice::state::{CLUSTER, StatePlace, Store, TENANT};
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};
    use tokio::sync::watch;

    #[test]
    fn given_a_change_when_kept_then_it_is_on_disk_and_an_unchanged_half_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let place = StatePlace::Folder(folder.path().to_owned());
        let content = Arc::new(Mutex::new(json!(1)));
        let (bump, changes) = watch::channel(0);
        let read = Arc::clone(&content);
        let tenant = Half::new(TENANT, changes, move || read.lock().unwrap().clone());
        let cluster = Half::new(CLUSTER, watch::channel(0).1, || json!("cluster"));
        let keeper = Keeper::new(Store::open(&place).unwrap(), tenant, cluster);
        let on_disk = || serde_json::from_slice::<Value>(&std::fs::read(folder.path().join(TENANT)).unwrap()).unwrap();

        keeper.keep().unwrap();
        assert_eq!(on_disk(), json!(1));
        *content.lock().unwrap() = json!(2);
        keeper.keep().unwrap();
        assert_eq!(on_disk(), json!(1), "nothing announced a change");
        bump.send_replace(1);
        keeper.keep().unwrap();
        assert_eq!(on_disk(), json!(2));
    }
}
