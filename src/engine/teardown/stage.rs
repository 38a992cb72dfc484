//! When a part goes.

use crate::{blueprint::Wave, cluster::ObjectRef};

/// When a part goes; everything of a stage is gone before the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The roads from the gateway: first of all.
    Routes,
    /// The application, where we deployed it.
    Application,
    /// The sign-in proxy.
    Proxy,
    /// The session store, and whatever is no part of another stage.
    Store,
    /// The certificate.
    Certificate,
    /// The hook and the token lock.
    Locks,
    /// Our entry in the mesh configuration, which the hook names.
    Mesh,
    /// The registration in Entra.
    Registration,
    /// The record of the answers, by which the installation is found: as long as anything is left, it stays.
    Record,
    /// The namespace.
    Namespace,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 10] = [
        Self::Routes,
        Self::Application,
        Self::Proxy,
        Self::Store,
        Self::Certificate,
        Self::Locks,
        Self::Mesh,
        Self::Registration,
        Self::Record,
        Self::Namespace,
    ];

    /// The stage of an object of ours; `component` is what its label says.
    pub(super) fn of(reference: &ObjectRef, component: &str) -> Self {
        match (reference.kind.as_str(), component) {
            ("VirtualService" | "Gateway", _) => Self::Routes,
            ("Namespace", _) => Self::Namespace,
            (_, "record") => Self::Record,
            ("Deployment" | "Service" | "ServiceAccount", "application") => Self::Application,
            // What else is called after the application guards it.
            (_, "application" | "hook" | "token-lock") => Self::Locks,
            (_, "oauth2-proxy") => Self::Proxy,
            (_, "certificate" | "issuer") => Self::Certificate,
            _ => Self::Store,
        }
    }

    /// The wave in which what goes now was made.
    pub(super) fn wave(self) -> Wave {
        match self {
            Self::Routes => Wave::Routes,
            Self::Application => Wave::Application,
            Self::Proxy => Wave::Proxy,
            Self::Store => Wave::SessionStore,
            Self::Certificate | Self::Mesh => Wave::Foundation,
            Self::Locks => Wave::Locks,
            Self::Registration => Wave::Registration,
            Self::Record | Self::Namespace => Wave::Ground,
        }
    }

    /// Whether what goes now guards what the routes led to, or is what they led to.
    pub(super) fn is_behind_the_routes(self) -> bool {
        (Self::Application..=Self::Mesh).contains(&self)
    }
}

/// What of a stage goes before the rest of it: a pod must not outlive what guards it, nor a certificate's Secret its Certificate,
/// which would have it made anew.
pub(super) fn goes_first(kind: &str) -> bool {
    matches!(kind, "Deployment" | "Certificate")
}
