//! How long things take on the practice ground.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long the effects of a change take to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Timings {
    /// Pods, certificates, proxies and directories take their seconds, shortened but in proportion.
    #[default]
    Realistic,
    /// Every effect is there as soon as the machine gets to it; for tests.
    Instant,
}

impl Timings {
    /// `realistic` as it is, or nothing where effects are instant.
    pub fn delay(self, realistic: Duration) -> Duration {
        match self {
            Self::Realistic => realistic,
            Self::Instant => Duration::ZERO,
        }
    }
}
