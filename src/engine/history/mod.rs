//! What was done to an installation, when, by whom and how it ended: kept beside the recorded answers, in the cluster, without
//! secrets and bounded (docs/decisions/history.md).
//!
//! `entry` is what is kept, and how it is read and written down; `write_down` is for the end of a run that changed something; `trace` is
//! what a run leaves behind that never came to its end.

mod entry;
mod note;
mod trace;

pub use entry::{Entry, HISTORY_KEY, History, SET_ASIDE_KEY};
pub(super) use note::{Did, HISTORY_MANAGER, step, write_down};
pub(super) use trace::Trace;

use super::{event::Problem, plan::INSTALLATION_LABEL, problem};
use crate::cluster::Cluster;
use serde_json::Value;

/// What was done to one installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The application.
    pub application: String,
    /// Its namespace.
    pub namespace: String,
    /// What is kept.
    pub history: History,
}

impl Kept {
    /// How commands name it.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.application)
    }
}

/// The histories of every installation in the cluster, by namespace and name: one list, however many there are.
pub async fn all(cluster: &Cluster) -> Result<Vec<Kept>, Problem> {
    let records = cluster.installations().await.map_err(|error| problem::cluster("list installations", &error))?;
    let text = |record: &Value, field: &str, name: &str| {
        record.pointer(field).and_then(|of| of.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let mut all: Vec<Kept> = records
        .iter()
        .map(|record| Kept {
            application: text(record, "/metadata/labels", INSTALLATION_LABEL),
            namespace: text(record, "/metadata", "namespace"),
            history: History::of(record),
        })
        .collect();
    all.sort_by(|left, right| (&left.namespace, &left.application).cmp(&(&right.namespace, &right.application)));
    Ok(all)
}
