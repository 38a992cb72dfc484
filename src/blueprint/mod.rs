//! Pure: answers and facts become the objects, in order, each with one sentence saying why it is there.
//!
//! No I/O, no clock, no randomness. One file a part of the chain; a newcomer who wants to change what the VirtualService
//! looks like opens `routes.rs` and nothing else.

mod object;

pub use object::{
    Existing, GrantResource, Known, Manifest, MeshProvider, Part, PartBody, PartId, RegistrationPart, SecretValue, Wave,
};

/// The app role that lets an application in with `client_credentials` (domain.md 2.3).
pub const APP_ROLE: &str = "App.Access";

/// The name under which we own fields in the cluster.
pub const FIELD_MANAGER: &str = "gatewright";
