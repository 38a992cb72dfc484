//! Taking an installation away: exactly what was made goes, and what was there before stays (law 4).
//!
//! [`find()`] says which installation is meant, by its record or, where that is gone, by the marks that everything of ours
//! carries. [`look()`] sees what is left of it, [`plan()`] says what becomes of each part, and [`apply()`] does it: routes first,
//! and nothing that guards what they led to before they are proven gone (law 1).

mod apply;
pub(super) mod changes;
mod find;
mod issuer;
mod look;
mod objects;
mod plan;
mod registration;
mod routes;
mod stage;

pub use apply::apply;
pub use find::find;
pub use look::{Seen, look};
pub use plan::{Choices, Keepable, Plan, plan};
pub use stage::Stage;

use crate::answers::Answers;

/// An installation that is to be taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The application.
    pub application: String,
    /// Its namespace.
    pub namespace: String,
    /// The answers it was made from, where they are known.
    pub answers: Option<Answers>,
}
