//! The practice ground: an embedded tenant, cluster and edge, so that everything can be tried with no Azure and no cluster.
//!
//! It shares no code with the clients that talk to it: a mistake must not cancel itself out.

pub mod authority;
pub mod cluster;
pub mod controllers;
pub mod edge;
pub mod faults;
pub mod journal;
pub mod scenario;
pub mod tenant;
pub mod timings;
pub mod world;

pub use timings::Timings;
