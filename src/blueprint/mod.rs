//! Pure: answers and facts become the objects, in order, each with one sentence saying why it is there.
//!
//! No I/O, no clock, no randomness. One file a part of the chain; a newcomer who wants to change what the VirtualService
//! looks like opens `routes.rs` and nothing else.

mod application;
mod certificate;
mod context;
mod egress;
mod export;
mod hook;
mod identity_headers;
mod impossible;
mod isolation;
mod issuer;
mod istio;
mod locks;
mod namespace;
mod object;
mod pods;
mod proxy;
mod proxy_config;
mod reasons;
mod registration;
mod routes;
mod session_store;
mod token_validation;

pub use certificate::{SECRET_ANNOTATION, issued_secret_name};
pub use export::{ExportFile, document, export, registration_lines};
pub use impossible::{Impossible, LockPlace, Reason};
pub use locks::{Locks, Scripts, locks};
pub use namespace::{RECORD_KEY, record_name};
pub use object::{
    Existing, GrantResource, HistoryNote, Known, Manifest, MeshProvider, Part, PartBody, PartId, RegistrationPart,
    SecretValue, Wave, ZoneRole,
};
pub use proxy::{CLIENT_SECRET_KEY, COOKIE_SECRET_KEY, CREDENTIALS_CHECKSUM, SESSIONS_CHECKSUM};
pub use reasons::FieldReason;
pub use session_store::{NEXT_PASSWORD_VARIABLE, PASSWORD_KEY, PORT as SESSION_STORE_PORT, session_store_labels};

use crate::{answers::Answers, facts::Facts};
use context::Context;

/// The name of our entry in the mesh configuration for the application `app` in `namespace`.
pub fn provider_name(namespace: &str, app: &str) -> String {
    context::shared_name(namespace, app)
}

/// The app role that lets an application in with `client_credentials` (domain.md 2.3).
pub const APP_ROLE: &str = "App.Access";

/// The name under which we own fields in the cluster.
pub const FIELD_MANAGER: &str = "gatewright";

/// The parts of the installation that `answers` ask for in the world that `facts` describe, in the order in which they are
/// made. The same arguments give the same parts, to the byte.
///
/// # Errors
///
/// Every reason why no installation of this kind can be right in this world.
pub fn blueprint(answers: &Answers, facts: &Facts, existing: &Existing) -> Result<Vec<Part>, Impossible> {
    let context = Context::new(answers, facts, existing)?;
    let mut parts = namespace::parts(&context);
    parts.extend(registration::parts(&context));
    parts.extend(issuer::parts(&context));
    parts.extend(certificate::part(&context));
    parts.extend(egress::parts(&context));
    parts.extend(isolation::parts(&context));
    parts.extend(session_store::parts(&context));
    parts.extend(proxy::parts(&context));
    parts.extend(hook::parts(&context));
    parts.extend(identity_headers::part(&context));
    parts.extend(token_validation::parts(&context));
    parts.extend(application::parts(&context));
    parts.extend(routes::parts(&context));
    // The order within a wave stays as it is.
    parts.sort_by_key(|part| part.wave);
    Ok(parts)
}
