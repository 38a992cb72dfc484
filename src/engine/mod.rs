//! Plan, apply, and the stream of events that tells of it.
//!
//! A [`Plan`] is a blueprint held against what is live. Applying it goes wave by wave in the order of law 1 (the door is never
//! open), waits for effects and not for objects (law 6), and can be stopped or killed anywhere: the next run sees from the
//! cluster and the tenant what is left to do (law 3).

mod adoption;
mod apply;
mod blame;
mod budget;
mod client_secret;
mod consent;
mod consistency;
mod control;
pub mod diff;
pub mod event;
mod fill_in;
mod good_until;
pub mod history;
pub mod installations;
mod leftovers;
mod look;
mod mesh;
pub mod plan;
mod problem;
mod proof;
mod registration;
mod removal;
mod rights;
pub mod rotate;
mod secrets;
pub mod teardown;
mod title;
mod try_it;
mod zone_role;

pub use apply::apply;
pub use blame::answer_behind;
pub use control::{Control, Pause};
pub use good_until::{End, GoodUntil};
pub use look::{Seen, look};
pub use plan::{NoPlan, Plan, Step, plan};
pub use problem::impossible;
pub use proof::missing_lock;
pub use try_it::{Entrance, NoEntrance};

use crate::{cluster::Cluster, entra::Session};

/// What is worked on: one cluster, and one tenant somebody is signed in to.
#[derive(Debug)]
pub struct Target {
    /// The cluster.
    pub cluster: Cluster,
    /// The tenant.
    pub session: Session,
    /// Where the application is tried once it is set up.
    pub entrance: Entrance,
}
