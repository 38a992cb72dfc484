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
    pub(super) fn says(&self, texts: &[&str]) -> bool {
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

/// Why Graph, or sign-in on its behalf, did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A right is lacking; trying again does not help.
    #[error("{}: not permitted ({answer}); {right}", right.doing)]
    NotPermitted {
        /// Which.
        right: Box<MissingRight>,
        /// What came back.
        answer: Answer,
    },
    /// The token is not accepted any more.
    #[error("{doing}: the sign-in is not accepted any more ({answer}); {advice}")]
    SignInExpired {
        /// What was tried.
        doing: String,
        /// What came back.
        answer: Answer,
        /// How to sign in again.
        advice: Box<str>,
    },
    /// No token could be had.
    #[error("{doing}: {cause}")]
    SignIn {
        /// What was tried.
        doing: String,
        /// Why there is no token.
        #[source]
        cause: SignInError,
    },
    /// The server wants to be left alone for longer than we wait.
    #[error("{doing}: Entra asks to wait {} s, longer than we do ({answer}); run again after that", pause.as_secs())]
    Throttled {
        /// What was tried.
        doing: String,
        /// How long.
        pause: Duration,
        /// What came back.
        answer: Answer,
    },
    /// No connection, or none that lasted.
    #[error("{doing}: {host} cannot be reached: {cause}; check the network, the proxy and the cloud, then run again")]
    Unreachable {
        /// What was tried.
        doing: String,
        /// Whom.
        host: String,
        /// Why.
        cause: String,
    },
    /// A request that must not be repeated got no clear answer: it may have been carried out.
    #[error("{doing}: no clear answer ({cause}), so it may have happened or not; run again, which looks first")]
    OutcomeUnknown {
        /// What was tried.
        doing: String,
        /// What came back instead.
        cause: String,
    },
    /// The server stayed out of order for as long as we wait.
    #[error("{doing}: no useful answer within {} s, at last {answer}; run again later", waited.as_secs())]
    Outage {
        /// What was tried.
        doing: String,
        /// For how long.
        waited: Duration,
        /// The last answer.
        answer: Answer,
    },
    /// What was made did not become known in time.
    #[error(
        "{doing}: timed out after {} s, Entra still says {answer}; it has been seen to take longer: run again, nothing \
         is made twice", waited.as_secs()
    )]
    NotReplicated {
        /// What was tried.
        doing: String,
        /// For how long.
        waited: Duration,
        /// The last answer.
        answer: Answer,
    },
    /// The tenant's policy for credentials forbids it.
    #[error(
        "{doing}: the tenant's policy for credentials forbids it ({answer}); ask an administrator for an exemption for \
         this application: client secrets of 30 days were refused too, or client secrets altogether"
    )]
    CredentialPolicy {
        /// What was tried.
        doing: String,
        /// What came back.
        answer: Answer,
    },
    /// The unique name is held by an application in the bin.
    #[error(
        "the application `{unique_name}` is in the tenant's bin (client id {}, object {}) and keeps its name for 30 \
         days; restore it with `az rest --method post --url {restore}`, or delete it for good with `az rest --method \
         delete --url {}`, then run again", deleted.app_id, deleted.id, restore.trim_end_matches("/restore")
    )]
    SoftDeleted {
        /// The name.
        unique_name: String,
        /// The application.
        deleted: Box<super::DeletedApplication>,
        /// Where it is restored.
        restore: String,
    },
    /// Any other refusal.
    #[error("{doing}: refused ({answer}){}", advice(answer))]
    Refused {
        /// What was tried.
        doing: String,
        /// What came back.
        answer: Answer,
    },
    /// What came back is not what Graph answers, or what was to be sent cannot be written.
    #[error("{doing}: what came back is no answer of Microsoft Graph: {cause}; is a proxy answering in its place?")]
    Unreadable {
        /// What was tried.
        doing: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// What to do about the refusals that are known (domain.md 1.2).
fn advice(answer: &Answer) -> &'static str {
    const KNOWN: [(&[&str], &str); 6] = [
        (
            &["CannotDeleteOrUpdateEnabledEntitlement"],
            "; a scope or role must be disabled before it is changed: disable it in the portal, then run again",
        ),
        (
            &["HostNameNotOnVerifiedDomain", "verified domain", "nonDefaultUriAddition"],
            "; the tenant's policy allows only api://CLIENT_ID, which is what was asked: ask an administrator",
        ),
        (
            &["ObjectConflict", "same value for property"],
            "; another application, perhaps one in the bin, holds the value: rename or delete that one for good",
        ),
        (
            &["Directory_QuotaExceeded", "quota"],
            "; the caller has made as many objects as the tenant allows: delete some for good, or use another account",
        ),
        (&["AADSTS7000215"], "; the client secret is wrong, or not known everywhere yet"),
        (&["AADSTS501051"], "; the application holds no role of the one it asks for, and that one demands it"),
    ];
    KNOWN.iter().find(|(texts, _)| answer.says(texts)).map_or("", |(_, advice)| advice)
}

impl Error {
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
            assert!(message.contains("; "), "{message}");
        }
    }
}
