//! Applying an object: never by force, but for what we left open ourselves.
//!
//! An export names in `‹›` what is not known yet. When somebody applies it with another tool, that tool owns those texts; what
//! they stand for is ours to fill in (docs/decisions/exports-applied-by-others.md).

use super::consistency;
use crate::cluster::{Cluster, Error, ObjectRef, Write};
use serde_json::Value;

/// How often an object may change between a look and the write that rests on it.
const LOOKS: u8 = 5;

/// Applies `object`. Fields of others stay theirs and are a conflict, unless all that differs is a text in `‹›`.
pub(super) async fn apply(cluster: &Cluster, object: &Value, write: Write) -> Result<Value, Error> {
    let conflict = match cluster.apply(object, write).await {
        Err(error @ Error::Conflict { .. }) => error,
        answered => return answered,
    };
    let reference = ObjectRef::of(object)?;
    for _look in 0..LOOKS {
        let Some(live) = cluster.get(&reference).await? else { return Err(conflict) };
        if !consistency::is_filled_in(&live, object) {
            return Err(conflict);
        }
        match cluster.apply_over(&live, object, write).await {
            Err(Error::Stale { .. }) => {}
            answered => return answered,
        }
    }
    Err(conflict)
}
