//! How a person steers a run: by stopping it, or by having it pause between two steps.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The reins of one run.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// Stops it: what is being written is finished, and waiting ends at once.
    pub cancel: CancellationToken,
    /// Has it pause.
    pub pause: Pause,
}

impl From<CancellationToken> for Control {
    /// For a run that nobody can pause.
    fn from(cancel: CancellationToken) -> Self {
        Self { cancel, pause: Pause::default() }
    }
}

/// Has a run pause between two steps. Clones are the same rein.
#[derive(Clone, Debug, Default)]
pub struct Pause(Arc<watch::Sender<Held>>);

/// Since when it is held, and how long it was before.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    since: Option<Instant>,
    before: Duration,
}

impl Pause {
    /// Has the run pause before its next step.
    pub fn hold(&self) {
        self.0.send_modify(|held| held.since = held.since.or_else(|| Some(Instant::now())));
    }

    /// Has it go on.
    pub fn go_on(&self) {
        self.0.send_modify(|held| {
            held.before += held.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        });
    }

    /// Whether the run is to pause.
    pub fn is_held(&self) -> bool {
        self.0.borrow().since.is_some()
    }

    /// Waits until it may go on.
    pub(super) async fn until_it_may_go_on(&self) {
        let mut held = self.0.subscribe();
        // The sender lives as long as we do, so that waiting cannot fail.
        let _going_on = held.wait_for(|held| held.since.is_none()).await;
    }

    /// How long it has been held in all.
    pub(super) fn so_far(&self) -> Duration {
        let held = *self.0.borrow();
        held.before + held.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::Pause;
    use std::time::Duration;

    #[tokio::test]
    async fn given_a_pause_when_another_holder_lets_go_then_it_goes_on_and_the_time_was_counted() {
        let pause = Pause::default();
        pause.until_it_may_go_on().await;
        assert_eq!((pause.is_held(), pause.so_far()), (false, Duration::ZERO));
        pause.hold();
        let waiting = tokio::spawn({
            let pause = pause.clone();
            async move { pause.until_it_may_go_on().await }
        });
        while pause.so_far().is_zero() {
            tokio::task::yield_now().await;
        }
        assert!(pause.is_held() && !waiting.is_finished());
        pause.clone().go_on();
        waiting.await.unwrap();
        let counted = pause.so_far();
        assert!(!pause.is_held() && !counted.is_zero());
        tokio::task::yield_now().await;
        assert_eq!(pause.so_far(), counted, "nothing is counted while it goes on");
    }
}
