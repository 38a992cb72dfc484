//! What can go wrong with Resource Manager: what was tried, what came back, what to do.

use crate::entra::{Answer, SignInError};
use std::{fmt, time::Duration};

/// A right that is lacking, and who can do it instead (law 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRight {
    /// What could not be done, such as `giving the identity its role on the zone …`.
    pub doing: String,
    /// The action that a role would have to allow.
    pub action: &'static str,
    /// The built-in roles that allow it, least first.
    pub roles: &'static [&'static str],
    /// Where the role would have to be held.
    pub scope: String,
}

impl fmt::Display for MissingRight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it takes {} on {}, which the roles {} have", self.action, self.scope, self.roles.join(", "))
    }
}

/// Why Resource Manager, or sign-in on its behalf, did not do what was asked. Its text is [`Error::tried`], [`Error::cause`] and
/// [`Error::remedy`] in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A right is lacking; trying again does not help.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    NotPermitted {
        /// Which.
        right: Box<MissingRight>,
        /// What came back.
        answer: Answer,
    },
    /// The token is not accepted.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    SignInExpired {
        /// What was tried.
        doing: String,
        /// What came back.
        answer: Answer,
        /// How to sign in again.
        advice: Box<str>,
    },
    /// No token could be had; says itself what to do.
    #[error("{doing}: {cause}")]
    SignIn {
        /// What was tried.
        doing: String,
        /// Why there is no token.
        #[source]
        cause: SignInError,
    },
    /// The server wants to be left alone for longer than we wait, or stayed out of order for as long.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    Outage {
        /// What was tried.
        doing: String,
        /// For how long.
        waited: Duration,
        /// The last answer.
        answer: Answer,
    },
    /// No connection, or none that lasted.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    Unreachable {
        /// What was tried.
        doing: String,
        /// Whom.
        host: String,
        /// Why.
        cause: String,
    },
    /// The identity did not become known to Resource Manager in time.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    NotReplicated {
        /// What was tried.
        doing: String,
        /// For how long.
        waited: Duration,
        /// The last answer.
        answer: Answer,
    },
    /// The person did not want to wait any longer. Nothing was under way.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    Cancelled {
        /// What was tried.
        doing: String,
    },
    /// Any other refusal.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    Refused {
        /// What was tried.
        doing: String,
        /// What came back.
        answer: Answer,
    },
    /// What came back is not what Resource Manager answers, or what was to be sent cannot be written.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    Unreadable {
        /// What was tried.
        doing: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// What to do about the refusals that are known (domain.md 8).
fn remedy_for(answer: &Answer) -> &'static str {
    const KNOWN: [(&[&str], &str); 5] = [
        (
            &["SubscriptionNotFound", "InvalidSubscriptionId"],
            "see with `az account list` that the subscription is of the tenant that is signed in to",
        ),
        (&["ResourceGroupNotFound"], "see with `az network dns zone list` which resource group the zone is in"),
        (&["ResourceNotFound"], "see with `az network dns zone list` which zones there are"),
        (
            &["RoleAssignmentUpdateNotPermitted"],
            "an assignment of that name is left of an identity that is gone: delete it in the portal (\"Identity not found\"), \
             then run again",
        ),
        (
            &["RoleAssignmentLimitExceeded"],
            "the subscription holds as many role assignments as Azure allows: delete some, then run again",
        ),
    ];
    let known = KNOWN.iter().find(|(texts, _)| answer.says(texts)).map(|(_, remedy)| *remedy);
    known.unwrap_or("see to that, and run again; nothing is made twice")
}

impl Error {
    /// What was tried.
    pub fn tried(&self) -> &str {
        match self {
            Self::NotPermitted { right, .. } => &right.doing,
            Self::SignInExpired { doing, .. }
            | Self::SignIn { doing, .. }
            | Self::Outage { doing, .. }
            | Self::Unreachable { doing, .. }
            | Self::NotReplicated { doing, .. }
            | Self::Cancelled { doing }
            | Self::Refused { doing, .. }
            | Self::Unreadable { doing, .. } => doing,
        }
    }

    /// What came back, without what to do about it.
    pub fn cause(&self) -> String {
        match self {
            Self::NotPermitted { answer, .. } => format!("not permitted ({answer})"),
            Self::SignInExpired { answer, .. } => format!("the sign-in is not accepted ({answer})"),
            Self::SignIn { cause, .. } => cause.to_string(),
            Self::Outage { waited, answer, .. } => {
                format!("no useful answer within {} s, at last {answer}", waited.as_secs())
            }
            Self::Unreachable { host, cause, .. } => format!("{host} cannot be reached: {cause}"),
            Self::NotReplicated { waited, answer, .. } => {
                format!("timed out after {} s, Azure still says {answer}", waited.as_secs())
            }
            Self::Cancelled { .. } => "it was not waited for any longer".to_owned(),
            Self::Refused { answer, .. } => format!("refused ({answer})"),
            Self::Unreadable { cause, .. } => format!("what came back is no answer of Azure Resource Manager: {cause}"),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotPermitted { right, .. } => format!("{right}; ask for one of them, or have it done, and run again"),
            Self::SignInExpired { advice, .. } => advice.to_string(),
            Self::SignIn { cause, .. } if cause.is_not_permitted() => "ask an administrator, and run again".to_owned(),
            Self::SignIn { .. } => "sign in again, and run again".to_owned(),
            Self::Outage { .. } => "run again later".to_owned(),
            Self::Unreachable { .. } => "check the network, the proxy and the cloud, then run again".to_owned(),
            Self::NotReplicated { .. } => "a new identity can take longer: run again, nothing is made twice".to_owned(),
            Self::Cancelled { .. } => "run again, which goes on from here".to_owned(),
            Self::Refused { answer, .. } => remedy_for(answer).to_owned(),
            Self::Unreadable { .. } => "see whether a proxy answers in its place, then run again".to_owned(),
        }
    }

    /// The right that is lacking, if that is the reason.
    pub fn lacks_right(&self) -> Option<&MissingRight> {
        match self {
            Self::NotPermitted { right, .. } => Some(right),
            _ => None,
        }
    }

    /// Whether somebody else must grant something first (exit code 77).
    pub fn is_not_permitted(&self) -> bool {
        match self {
            Self::NotPermitted { .. } => true,
            Self::SignIn { cause, .. } => cause.is_not_permitted(),
            _ => false,
        }
    }

    /// Whether the person did not want to wait any longer.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled { .. })
    }

    /// Whether what was asked for is not there.
    pub fn is_not_there(&self) -> bool {
        matches!(self, Self::Refused { answer, .. } if answer.status == 404)
    }
}
