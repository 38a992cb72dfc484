//! Real clients against the practice ground: what they accept is what the real servers would have said. And real servers beside
//! it: both must say the same.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod api_server;
mod azure_cli;
mod both_worlds;
mod certificate;
mod cluster;
mod export;
mod kept;
mod kubectl;
mod mesh;
mod parts;
mod road;
mod served;
mod session_store;
mod table;
mod visitors;
