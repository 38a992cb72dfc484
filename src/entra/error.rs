//! What can go wrong with Graph: what was tried, what came back, what to do.

use super::SignInError;
use serde::Deserialize;
use std::{fmt, time::Duration};

/// What a server answered that was no success.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Graph's code, such as `Request_ResourceNotFound`, or AADSTS and a number.
    pub code: String,
    /// Its message, first line only.
    pub message: String,
    /// What Microsoft's support asks for.
    pub request_id: Option<String>,
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.status, self.code)?;
        if !self.message.is_empty() {
            write!(formatter, ": {}", self.message.trim_end_matches('.'))?;
        }
        match &self.request_id {
            Some(id) => write!(formatter, " (request {id})"),
            None => Ok(()),
        }
    }
}

/// The body of every Graph error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorDetail {
    code: String,
    message: String,
    #[serde(rename = "innerError")]
    inner: InnerError,
    details: Vec<ErrorDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorDetails {
    code: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InnerError {
    #[serde(rename = "request-id")]
    request_id: Option<String>,
}

impl Answer {
    /// Reads a Graph error; a body that is none (a proxy's page) leaves the status alone.
    pub(super) fn read(status: u16, body: &[u8], request_id: Option<&str>) -> Self {
        let ErrorBody { error } = serde_json::from_slice(body).unwrap_or_default();
        // Graph hides the telling code, such as NoBackingApplicationObject, in the details of a Request_BadRequest.
        let code = error.details.into_iter().map(|detail| detail.code).find(|code| !code.is_empty());
        let code = match (error.code.as_str(), code) {
            ("" | "Request_BadRequest", Some(code)) => code,
            ("", None) => "without a code".to_owned(),
            (outer, _) => outer.to_owned(),
        };
        let message = error.message.lines().next().unwrap_or_default().trim().to_owned();
        Self { status, code, message, request_id: error.inner.request_id.or_else(|| request_id.map(str::to_owned)) }
    }

    /// Whether the code or the message holds one of these.
    pub(crate) fn says(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.code.contains(text) || self.message.contains(text))
    }
}

/// A right that is lacking: who has to do what (law 7).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MissingRight {
    /// What could not be done, such as `creating the application …`.
    pub doing: String,
    /// The delegated scope that a person's token needs for it.
    pub scope: &'static str,
    /// The application permission that a service principal needs for it.
    pub permission: &'static str,
    /// The directory roles that may do it, least first.
    pub roles: &'static [&'static str],
    /// A command with which somebody who has the right does it for us, where there is one.
    pub command: Option<String>,
}

impl fmt::Display for MissingRight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "a person needs the scope {} and one of the directory roles {}; a service principal needs the permission {}",
            self.scope,
            self.roles.join(", "),
            self.permission
        )?;
        match &self.command {
            Some(command) => write!(formatter, "; whoever has the right can run: {command}"),
            None => write!(formatter, "; ask an administrator for one of them and run again"),
        }
    }
}

/// Why Graph, or sign-in on its behalf, did not do what was asked. Its text is [`Error::tried`], [`Error::cause`] and
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
    /// The token is not accepted any more.
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
    /// The server wants to be left alone for longer than we wait.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    Throttled {
        /// What was tried.
        doing: String,
        /// How long.
        pause: Duration,
        /// What came back.
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
    /// A request that must not be repeated got no clear answer: it may have been carried out.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    OutcomeUnknown {
        /// What was tried.
        doing: String,
        /// What came back instead.
        cause: String,
    },
    /// The server stayed out of order for as long as we wait.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    Outage {
        /// What was tried.
        doing: String,
        /// For how long.
        waited: Duration,
        /// The last answer.
        answer: Answer,
    },
    /// What was made did not become known in time.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    NotReplicated {
        /// What was tried.
        doing: String,
        /// For how long.
        waited: Duration,
        /// The last answer.
        answer: Answer,
    },
    /// The tenant's policy for credentials forbids it, for 30 days too.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    CredentialPolicy {
        /// What was tried.
        doing: String,
        /// What came back.
        answer: Answer,
    },
    /// The unique name is held by an application in the bin.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    SoftDeleted {
        /// What was tried.
        doing: String,
        /// The application.
        deleted: Box<super::DeletedApplication>,
        /// Its URL in the bin.
        url: String,
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
    /// What came back is not what Graph answers, or what was to be sent cannot be written.
    #[error("{}: {}; {}", self.tried(), self.cause(), self.remedy())]
    Unreadable {
        /// What was tried.
        doing: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// What to do about the refusals that are known (domain.md 1.2).
fn remedy_for(answer: &Answer) -> &'static str {
    const KNOWN: [(&[&str], &str); 6] = [
        (
            &["CannotDeleteOrUpdateEnabledEntitlement"],
            "a scope or role must be disabled before it is changed: disable it in the portal, then run again",
        ),
        (
            &["HostNameNotOnVerifiedDomain", "verified domain", "nonDefaultUriAddition"],
            "the tenant's policy allows only api://CLIENT_ID, which is what was asked: ask an administrator",
        ),
        (
            &["ObjectConflict", "same value for property"],
            "another application, perhaps one in the bin, holds the value: rename that one, or delete it for good",
        ),
        (
            &["Directory_QuotaExceeded", "quota"],
            "the caller has made as many objects as the tenant allows: delete some for good, or use another account",
        ),
        (&["AADSTS7000215"], "the client secret is wrong, or not known everywhere yet: run again, or rotate it"),
        (
            &["AADSTS501051"],
            "the application holds no role of the one it asks for, which demands it: have the role assigned, then run again",
        ),
    ];
    let known = KNOWN.iter().find(|(texts, _)| answer.says(texts)).map(|(_, remedy)| *remedy);
    known.unwrap_or("see to that, and run again; nothing is made twice")
}

impl Error {
    /// What was tried, such as `creating the application …`.
    pub fn tried(&self) -> &str {
        match self {
            Self::NotPermitted { right, .. } => &right.doing,
            Self::SignInExpired { doing, .. }
            | Self::SignIn { doing, .. }
            | Self::Throttled { doing, .. }
            | Self::Unreachable { doing, .. }
            | Self::OutcomeUnknown { doing, .. }
            | Self::Outage { doing, .. }
            | Self::NotReplicated { doing, .. }
            | Self::CredentialPolicy { doing, .. }
            | Self::SoftDeleted { doing, .. }
            | Self::Cancelled { doing }
            | Self::Refused { doing, .. }
            | Self::Unreadable { doing, .. } => doing,
        }
    }

    /// What came back, without what to do about it.
    pub fn cause(&self) -> String {
        match self {
            Self::NotPermitted { answer, .. } => format!("not permitted ({answer})"),
            Self::SignInExpired { answer, .. } => format!("the sign-in is not accepted any more ({answer})"),
            Self::SignIn { cause, .. } => cause.to_string(),
            Self::Throttled { pause, answer, .. } => {
                format!("Entra asks to wait {} s, longer than we do ({answer})", pause.as_secs())
            }
            Self::Unreachable { host, cause, .. } => format!("{host} cannot be reached: {cause}"),
            Self::OutcomeUnknown { cause, .. } => format!("no clear answer ({cause}), so it may have happened or not"),
            Self::Outage { waited, answer, .. } => {
                format!("no useful answer within {} s, at last {answer}", waited.as_secs())
            }
            Self::NotReplicated { waited, answer, .. } => {
                format!("timed out after {} s, Entra still says {answer}", waited.as_secs())
            }
            Self::CredentialPolicy { answer, .. } => {
                format!("the tenant's policy for credentials forbids it, for 30 days too ({answer})")
            }
            Self::SoftDeleted { deleted, .. } => format!(
                "one that was deleted is in the tenant's bin (client id {}) and keeps the name for 30 days",
                deleted.app_id
            ),
            Self::Cancelled { .. } => "it was not waited for any longer".to_owned(),
            Self::Refused { answer, .. } => format!("refused ({answer})"),
            Self::Unreadable { cause, .. } => format!("what came back is no answer of Microsoft Graph: {cause}"),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        let remedy = match self {
            Self::NotPermitted { right, .. } => return right.to_string(),
            Self::SignInExpired { advice, .. } => advice,
            Self::SignIn { cause, .. } if cause.is_not_permitted() => "ask an administrator, and run again",
            Self::SignIn { .. } => "sign in again, and run again",
            Self::Throttled { .. } => "run again after that",
            Self::Unreachable { .. } => "check the network, the proxy and the cloud, then run again",
            Self::OutcomeUnknown { .. } => "run again, which looks first",
            Self::Outage { .. } => "run again later",
            Self::NotReplicated { .. } => "it has been seen to take longer: run again, nothing is made twice",
            Self::CredentialPolicy { .. } => {
                "ask an administrator for an exemption for this application, then run again"
            }
            Self::SoftDeleted { url, .. } => {
                return format!(
                    "take it back with `az rest --method post --url {url}/restore`, or delete it for good with `az rest \
                     --method delete --url {url}`, then run again"
                );
            }
            Self::Cancelled { .. } => "run again, which goes on from here",
            Self::Refused { answer, .. } => remedy_for(answer),
            Self::Unreadable { .. } => "see whether a proxy answers in its place, then run again",
        };
        remedy.to_owned()
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

    /// Whether signing in again is what helps.
    pub fn is_sign_in_expired(&self) -> bool {
        match self {
            Self::SignInExpired { .. } => true,
            Self::SignIn { cause, .. } => cause.is_expired(),
            _ => false,
        }
    }

    /// Whether the person did not want to wait any longer.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled { .. })
    }

    /// Whether the budget ran out, as opposed to a refusal.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::NotReplicated { .. } | Self::Outage { .. } | Self::Throttled { .. })
    }

    /// What the server answered, where it did.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::NotPermitted { answer, .. }
            | Self::SignInExpired { answer, .. }
            | Self::Throttled { answer, .. }
            | Self::Outage { answer, .. }
            | Self::NotReplicated { answer, .. }
            | Self::CredentialPolicy { answer, .. }
            | Self::Refused { answer, .. } => Some(answer),
            Self::SignIn { .. }
            | Self::Unreachable { .. }
            | Self::OutcomeUnknown { .. }
            | Self::SoftDeleted { .. }
            | Self::Cancelled { .. }
            | Self::Unreadable { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Error};

    #[test]
    fn given_a_graph_error_when_it_is_read_then_the_telling_code_and_the_request_id_are_kept() {
        let body = br#"{"error":{"code":"Request_BadRequest","message":"The appId does not reference a valid application object.\nMore",
            "innerError":{"date":"2026-11-24","request-id":"r-1","client-request-id":"c-1"},
            "details":[{"code":"NoBackingApplicationObject","message":"x"}]}}"#;
        let answer = Answer::read(400, body, None);
        assert_eq!(
            answer.to_string(),
            "400 NoBackingApplicationObject: The appId does not reference a valid application object (request r-1)"
        );
    }

    #[test]
    fn given_a_page_of_a_proxy_when_it_is_read_then_the_status_is_kept() {
        let answer = Answer::read(502, b"<html>bad gateway</html>", Some("r-2"));
        assert_eq!(answer.to_string(), "502 without a code (request r-2)");
    }

    #[test]
    fn given_each_known_refusal_then_the_message_says_what_to_do() {
        for code in ["CannotDeleteOrUpdateEnabledEntitlement", "HostNameNotOnVerifiedDomain", "ObjectConflict"] {
            let answer = Answer { status: 400, code: code.to_owned(), message: String::new(), request_id: None };
            let message = Error::Refused { doing: "trying".to_owned(), answer }.to_string();
            assert!(!message.contains("see to that"), "{message}");
        }
    }
}
