//! The practice ground: an embedded tenant, cluster and edge, so that everything can be tried with no Azure and no cluster.
//!
//! It shares no code with the clients that talk to it: a mistake must not cancel itself out.

pub mod authority;
pub mod cluster;
mod conditions;
pub mod controllers;
pub mod directory;
pub mod edge;
pub mod faults;
mod front;
mod gate;
mod ground;
pub mod journal;
mod keeper;
mod listeners;
pub mod scenario;
mod serve;
pub mod state;
pub mod tenant;
pub mod timings;
pub mod world;

pub use conditions::ConditionsError;
pub use gate::StopCaller;
pub use ground::{Ground, GroundError, GroundOptions};
pub use journal::{Entry, Journal, Server};
pub use scenario::{Scenario, scenarios};
pub use serve::{ServeOptions, reset, serve};
pub use state::{StateError, StatePlace, usual_folder};
pub use timings::Timings;
