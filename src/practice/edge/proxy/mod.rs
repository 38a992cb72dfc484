//! An imitation of oauth2-proxy (domain.md 3): it starts, or not, and answers, from its live configuration as the real one does.
//!
//! What it does not imitate: upstreams other than `static://`, refreshing of sessions, files with addresses, htpasswd, Redis
//! clusters and sentinels, Redis with TLS or users of its own inside the cluster, and the system's certificate store: it trusts the practice tenant.

mod serve;
pub mod session;
pub mod settings;
mod start;

pub use serve::Proxy;
pub use start::container_on;
