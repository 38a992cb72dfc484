//! Rotation: a new secret in the place of one that is in use, without a request that fails (docs/decisions/rotating.md).
//!
//! [`look()`] sees how far a rotation is, from the cluster and the tenant alone; [`plan()`] says which states are still to come; and
//! [`apply()`] goes through them. Until the last one, what was in use before is good as well, and can be put back.

mod apply;
mod certificate;
mod hold;
mod look;
mod plan;
mod registration;
mod session_store;
mod workload;

pub use apply::{Decision, apply};
pub(super) use hold::is_held;
pub use look::{Seen, look};
pub use plan::{Choices, Plan, plan};

use serde::Serialize;

/// What is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// The client secret by which the sign-in proxy proves itself to Entra.
    ClientSecret,
    /// The key that signs the cookies of sessions.
    CookieSecret,
    /// The certificate that browsers see, and its key.
    CertificateKey,
    /// The password of the session store that is ours.
    RedisPassword,
}

impl What {
    /// Everything that can be rotated.
    pub const ALL: [Self; 4] = [Self::ClientSecret, Self::CookieSecret, Self::CertificateKey, Self::RedisPassword];

    /// The word for it on a command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ClientSecret => "client-secret",
            Self::CookieSecret => "cookie-secret",
            Self::CertificateKey => "certificate-key",
            Self::RedisPassword => "redis-password",
        }
    }

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientSecret => "client secret",
            Self::CookieSecret => "cookie secret",
            Self::CertificateKey => "certificate's key",
            Self::RedisPassword => "Redis password",
        }
    }

    /// Whether there is an end to it.
    pub const fn expires(self) -> bool {
        match self {
            Self::ClientSecret | Self::CertificateKey => true,
            Self::CookieSecret | Self::RedisPassword => false,
        }
    }

    /// What people notice of it, in one sentence.
    pub const fn notice(self) -> &'static str {
        match self {
            Self::ClientSecret => "Nobody is signed out, and no request fails.",
            Self::RedisPassword => {
                "Nobody is signed out, and no request fails: the session store is told of the new password while it runs, and knows \
                 both until the end."
            }
            Self::CertificateKey => {
                "Nobody notices: the gateway shows the former certificate until the new one is there, and takes that up by itself."
            }
            Self::CookieSecret => {
                "EVERYBODY IS SIGNED OUT: a cookie is good only under the key that signed it, so that people go through \
                 sign-in once more, mostly without typing anything; requests with a bearer token notice nothing."
            }
        }
    }
}
