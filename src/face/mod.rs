//! The faces: each shows the engine's one stream of events, and knows nothing else of the engine's work.

mod history;
mod installations;
mod json;
mod plain;
mod rotating;
mod taking_away;

pub use history::{history_table, last_run_text};
pub use installations::{
    advisories_notice, advisories_text, certificate_text, days_text, health_counts, home_text, installations_table,
    invitations, pods_text,
};
pub use json::Json;
pub use plain::{Plain, Style, hand_over_text, plan_text, problem_text};
pub use taking_away::teardown_text;

use crate::engine::event::{Envelope, Listener};
use std::io;

/// Something that shows events.
pub trait Face: Send {
    /// Shows one event.
    fn show(&mut self, envelope: &Envelope) -> io::Result<()>;
}

/// Shows every event. When the terminal or pipe is gone, the events are still taken: work that has begun goes on, whoever watches.
pub struct Audience<F> {
    face: F,
    gone: bool,
}

impl<F: Face> Audience<F> {
    /// Shows events on `face`.
    pub fn new(face: F) -> Self {
        Self { face, gone: false }
    }
}

impl<F: Face> Listener for Audience<F> {
    fn hear(&mut self, envelope: &Envelope) {
        if !self.gone
            && let Err(error) = self.face.show(envelope)
        {
            tracing::warn!(%error, "nobody watches any more");
            self.gone = true;
        }
    }
}
