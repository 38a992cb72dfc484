//! The practice ground: an embedded tenant, cluster and edge, so that everything can be tried with no Azure and no cluster.
//!
//! It shares no code with the clients that talk to it: a mistake must not cancel itself out.

pub mod authority;
pub mod cluster;
pub mod controllers;
pub mod directory;
pub mod edge;
pub mod faults;
mod gate;
pub mod journal;
mod keeper;
pub mod scenario;
pub mod state;
pub mod tenant;
pub mod timings;
pub mod world;

pub use timings::Timings;
