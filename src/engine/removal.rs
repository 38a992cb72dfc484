//! Removing one object: only if it is still the one that was seen, and over when it is really gone.

use super::{
    Target, budget,
    event::{Events, Problem, Title},
    problem,
};
use crate::{
    blueprint::PartId,
    cluster::{MissingRight, ObjectRef},
};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// An object that is to go.
pub(super) struct Doomed<'a> {
    /// The part it is.
    pub(super) part: &'a PartId,
    /// Its name for people.
    pub(super) title: &'a Title,
    /// Which it is.
    pub(super) reference: &'a ObjectRef,
    /// Its UID when it was seen.
    pub(super) uid: Option<&'a str>,
}

/// It was not deleted.
pub(super) struct Refused {
    /// Why, for a person.
    pub(super) problem: Problem,
    /// The right that was lacking, if that is why.
    pub(super) lacking: Option<MissingRight>,
}

/// Asks for its deletion. One that is gone already is fine.
pub(super) async fn delete(target: &Target, doomed: &Doomed<'_>) -> Result<(), Refused> {
    let tried = format!("delete {} {}", doomed.title.kind, doomed.title.name);
    let deleted = target.cluster.delete(doomed.reference, doomed.uid).await;
    deleted
        .map_err(|error| Refused { problem: problem::cluster(&tried, &error), lacking: error.lacks_right().cloned() })
}

/// Waits until it is really gone: its dependants go first, and what is applied meanwhile goes with it. `None` when the person
/// stopped it.
pub(super) async fn is_gone(
    target: &Target,
    events: &Events,
    cancel: &CancellationToken,
    doomed: &Doomed<'_>,
) -> Result<(), Option<Problem>> {
    let (started, budget) = (Instant::now(), budget::DELETION);
    let on_reason = |reason: String| events.waiting(doomed.part, doomed.title, reason, started, budget);
    let waited = target.cluster.wait_gone(doomed.reference, doomed.uid, budget, cancel, &on_reason).await;
    waited.map_err(|error| problem::wait(doomed.title, "gone", &error))
}
