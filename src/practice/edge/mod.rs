//! The edge: an HTTPS front that behaves, request by request, as the objects in the cluster say.

pub mod door;
pub mod gateway;
pub mod hook;
pub mod mesh;
pub mod objects;
pub mod path;
pub mod policy;
pub mod routes;
pub mod rule;
pub mod token;
pub mod transport;
pub mod workload;
