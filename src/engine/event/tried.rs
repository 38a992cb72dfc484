//! What trying the application tells.

use serde::Serialize;

/// What trying the application found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How it is.
    pub verdict: Verdict,
    /// What was found, in one sentence.
    pub found: String,
    /// What to do, where something is to be done.
    pub remedy: Option<String>,
}

/// What is looked at when the application is tried, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// Whether the host's name leads to the gateway.
    Name,
    /// Whether anything answers there.
    Address,
    /// The certificate that it shows.
    Certificate,
    /// What a stranger gets.
    Door,
    /// Where people come back to from sign-in.
    Callback,
    /// What a token that nobody issued gets.
    Token,
    /// What a token gets that is meant for the application.
    Bearer,
}

impl Check {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::Address => "Address",
            Self::Certificate => "Certificate",
            Self::Door => "Door",
            Self::Callback => "Callback",
            Self::Token => "Token",
            Self::Bearer => "Bearer",
        }
    }
}

/// How something is that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It may come by itself, or somebody has something to do outside.
    NotYet,
    /// Not as it should be.
    Wrong,
    /// Strangers reach the application.
    Open,
}

impl Verdict {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotYet => "not yet",
            Self::Wrong => "wrong",
            Self::Open => "OPEN",
        }
    }
}

/// How a program gets in: commands for a POSIX shell, with the program's own secret and never ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// What it takes first.
    pub needs: String,
    /// The command that gets a token with client_credentials.
    pub token: String,
    /// The command that calls the application with it.
    pub call: String,
}
