//! What is known of one installation, before anybody judges it.

use super::Pods;
use crate::{
    answers::{Answers, HookPlacement},
    engine::history::Entry,
    facts::IstioVersion,
};
use jiff::Timestamp;

/// Something that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight<T> {
    /// It is there.
    Seen(T),
    /// It is not there.
    Absent,
    /// It may not be seen.
    NotAllowed(Lacking),
}

impl<T> Sight<T> {
    /// What was seen.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(seen) => Some(seen),
            Self::Absent | Self::NotAllowed(_) => None,
        }
    }
}

/// A right that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// Which, such as `list secrets in the whole cluster`.
    pub right: String,
    /// Who can grant it.
    pub granted_by: String,
}

/// Pods that we made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// How many.
    pub pods: Pods,
    /// Why not all of them are ready, where Kubernetes says so.
    pub trouble: Option<String>,
    /// The image they run.
    pub image: Option<String>,
}

/// The certificate that the gateway shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSeen {
    /// The word for its state: `ready`, or why not.
    pub state: String,
    /// Why it is not ready, in the words of whoever keeps it.
    pub trouble: Option<String>,
    /// Until when it is good.
    pub expires: Option<Timestamp>,
    /// When cert-manager means to renew it.
    pub renewal: Option<Timestamp>,
    /// The names on it, where they are known.
    pub names: Option<Vec<String>>,
    /// Whether cert-manager keeps it for us; otherwise somebody else does.
    pub is_ours: bool,
}

/// The client secret, as the annotations of its Secret tell of it; its value is never asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSecretSeen {
    /// Until when it is good; `None` when nothing says so.
    pub expires: Option<Timestamp>,
    /// Whether the one before it still stands beside it: a rotation was begun and has not come to its end.
    pub rotation_has_begun: bool,
}

/// The two locks and the road that they guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Where the hook is; `None` when there is none.
    pub hook: Option<HookPlacement>,
    /// Whether tokens are checked and strangers refused.
    pub token_lock: bool,
    /// Whether there is a route to the application.
    pub route: bool,
}

/// What is known of one installation.
#[derive(Clone, Debug)]
pub struct InstallationFacts {
    /// The application.
    pub application: String,
    /// Its namespace.
    pub namespace: String,
    /// The recorded answers, or why they can't be read.
    pub answers: Result<Answers, String>,
    /// What was done to it last, as far as that is written down.
    pub last_run: Option<Entry>,
    /// The sign-in proxy.
    pub proxy: Sight<Workload>,
    /// The session store; `None` when sessions are kept elsewhere.
    pub session_store: Option<Sight<Workload>>,
    /// The application, where we deployed it.
    pub workload: Option<Sight<Workload>>,
    /// The certificate.
    pub certificate: Sight<CertificateSeen>,
    /// The client secret.
    pub client_secret: Sight<ClientSecretSeen>,
    /// The locks and the road.
    pub guard: Sight<Guard>,
    /// The address of the gateway, where it has one.
    pub gateway_address: Sight<String>,
    /// The Istio control planes of the cluster; none when they are not to be found.
    pub istio: Sight<Vec<IstioVersion>>,
}

impl InstallationFacts {
    /// How commands name it.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.application)
    }
}
