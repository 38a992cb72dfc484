//! Steps that take their time.

use crate::practice::timings::Timings;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// Remembers when each step was first wanted.
pub(super) struct Clock {
    timings: Timings,
    wanted: HashMap<String, (Instant, bool)>,
    next: Option<Instant>,
}

impl Clock {
    pub(super) fn new(timings: Timings) -> Self {
        Self { timings, wanted: HashMap::new(), next: None }
    }

    /// Begins a pass: what the last one did not want any more is forgotten.
    pub(super) fn begin(&mut self) {
        self.next = None;
        self.wanted.retain(|_, (_, wanted)| std::mem::take(wanted));
    }

    /// Whether a step is due that takes so long, where times are realistic.
    pub(super) fn due(&mut self, step: String, realistic: Duration) -> bool {
        let delay = self.timings.delay(realistic);
        self.due_in(step, delay)
    }

    /// Whether a step is due that takes so long, however short other times are.
    pub(super) fn due_in(&mut self, step: String, delay: Duration) -> bool {
        if delay.is_zero() {
            return true;
        }
        let now = Instant::now();
        let (since, wanted) = self.wanted.entry(step).or_insert((now, true));
        *wanted = true;
        let at = *since + delay;
        if at <= now {
            return true;
        }
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
        false
    }

    /// Has everything looked at again after so long: for what changes outside of the cluster.
    pub(super) fn again_in(&mut self, delay: Duration) {
        let at = Instant::now() + delay;
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// Whether times are realistic.
    pub(super) fn takes_time(&self) -> bool {
        self.timings != Timings::Instant
    }

    /// When the next step will be due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use crate::practice::timings::Timings;
    use std::time::Duration;

    #[tokio::test]
    async fn given_a_step_when_its_time_has_passed_then_it_is_due_and_before_it_says_when() {
        let mut clock = Clock::new(Timings::Realistic);
        let short = Duration::from_millis(5);
        assert!(!clock.due("a".to_owned(), short));
        let next = clock.next().unwrap();
        tokio::time::sleep_until(next).await;
        clock.begin();
        assert!(clock.due("a".to_owned(), short));
        assert!(Clock::new(Timings::Instant).due("a".to_owned(), Duration::from_secs(9)));
    }

    #[test]
    fn given_a_step_that_a_pass_did_not_want_then_it_begins_anew() {
        let mut clock = Clock::new(Timings::Realistic);
        clock.due("a".to_owned(), Duration::from_secs(9));
        clock.begin();
        clock.begin();
        assert!(clock.wanted.is_empty());
    }
}
