//! How long we wait for Entra, how often we ask again, and what is said meanwhile.

use super::Answer;
use std::{fmt, time::Duration};

/// How long to wait and how often to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For one answer over the wire.
    pub answer: Duration,
    /// For something just made to be known everywhere; Graph promises no time, two minutes are usual (domain.md 1.2).
    pub replication: Duration,
    /// The same for role assignments, which have been seen to take more than five minutes (domain.md 1.2).
    pub role_assignment: Duration,
    /// For a server that throttles us or is out of order.
    pub outage: Duration,
    /// For the Azure CLI to hand out a token.
    pub azure_cli: Duration,
    /// Before the first repetition; every further one waits twice as long, up to eight times this.
    pub first_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            replication: Duration::from_secs(150),
            role_assignment: Duration::from_secs(600),
            outage: Duration::from_secs(180),
            azure_cli: Duration::from_secs(60),
            first_pause: Duration::from_secs(1),
        }
    }
}

impl Patience {
    /// For tests and the practice ground: the same budgets, but a few milliseconds between repetitions.
    pub fn hurried() -> Self {
        Self { first_pause: Duration::from_millis(5), ..Self::default() }
    }

    /// The pause before repetition number `repetition` (from 0), with jitter so that two of us don't march in step.
    pub(crate) fn pause(&self, repetition: u32) -> Duration {
        let full = self.first_pause.saturating_mul(1 << repetition.min(3));
        // A random quarter less. A v4 id is random enough for that.
        let quarter = full / 4;
        let jitter = uuid::Uuid::new_v4().as_u128() % (quarter.as_micros() + 1);
        full.saturating_sub(Duration::from_micros(u64::try_from(jitter).unwrap_or_default()))
    }
}

/// Why nothing happens for a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// The server asks for fewer requests.
    Throttled {
        /// What is being done, such as `creating the application …`.
        doing: String,
        /// Until the next try.
        pause: Duration,
    },
    /// The server cannot answer at present, or cannot be reached.
    Outage {
        /// What is being done.
        doing: String,
        /// What came back.
        cause: String,
        /// Until the next try.
        pause: Duration,
    },
    /// What was made a moment ago is not known everywhere yet.
    Replicating {
        /// What is being done.
        doing: String,
        /// What came back.
        answer: Answer,
        /// So far.
        waited: Duration,
        /// At most.
        budget: Duration,
    },
}

impl fmt::Display for WaitReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttled { doing, pause } => {
                write!(formatter, "{doing}: Entra asks for fewer requests, next try in {} s", seconds_up(*pause))
            }
            Self::Outage { doing, cause, pause } => {
                write!(formatter, "{doing}: no answer at present ({cause}), next try in {} s", seconds_up(*pause))
            }
            // How long it has waited and may wait is for the face to show: it has a place of its own for that.
            Self::Replicating { doing, answer, .. } => {
                write!(formatter, "{doing}: Entra does not know it everywhere yet ({})", answer.code)
            }
        }
    }
}

impl WaitReason {
    /// How long it has waited and how long it may, where this reason has a budget of its own.
    pub fn clock(&self) -> Option<(Duration, Duration)> {
        match self {
            Self::Replicating { waited, budget, .. } => Some((*waited, *budget)),
            Self::Throttled { .. } | Self::Outage { .. } => None,
        }
    }
}

/// Whole seconds, rounded up: a wait of half a second is not "0 s".
fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Takes reasons for waiting; a face shows them.
pub(super) type Observer = std::sync::Arc<dyn Fn(&WaitReason) + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::Patience;
    use std::time::Duration;

    #[test]
    fn given_many_repetitions_then_pauses_grow_and_stop_growing() {
        let patience = Patience::default();
        let pauses: Vec<_> = (0..8).map(|repetition| patience.pause(repetition)).collect();
        assert!(pauses[0] >= Duration::from_millis(750) && pauses[0] <= Duration::from_secs(1), "{pauses:?}");
        assert!(pauses[2] >= Duration::from_secs(3) && pauses[2] <= Duration::from_secs(4), "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(8)), "{pauses:?}");
    }
}
