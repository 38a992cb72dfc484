//! Tokens by `client_credentials`: the proof that a client secret works (law 6).

use super::{Answer, Error, WaitReason, rest::root_cause, session::Session};
use crate::secret::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use std::time::Instant;
use url::Url;

/// What a token that we were given says. The token itself is dropped.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TokenProbe {
    /// `aud`: the client id in v2 tokens.
    pub audience: String,
    /// `iss`: tells v1 from v2 (domain.md 2.1).
    pub issuer: String,
    /// `roles`: empty where none was given.
    pub roles: Vec<String>,
    /// `exp`.
    pub expires: jiff::Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    exp: i64,
    #[serde(default)]
    roles: Vec<String>,
}

/// An error of the token endpoint.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenError {
    pub(super) error: String,
    pub(super) error_description: String,
    pub(super) error_codes: Vec<u32>,
    trace_id: Option<String>,
}

impl TokenError {
    /// The AADSTS number, in the list or in the text.
    pub(super) fn number(&self) -> Option<u32> {
        self.error_codes.first().copied().or_else(|| aadsts(&self.error_description))
    }

    pub(super) fn answer(self, status: u16) -> Answer {
        let code = self.number().map_or_else(
            || if self.error.is_empty() { "without a code".to_owned() } else { self.error.clone() },
            |number| format!("AADSTS{number}"),
        );
        Answer { status, code, message: first_sentence(&self.error_description), request_id: self.trace_id }
    }
}

/// The number of the first `AADSTS…` in a text.
pub(super) fn aadsts(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("AADSTS")?;
    let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..digits)?.parse().ok()
}

/// What Entra says, without its number in front and the trace ids behind.
pub(super) fn first_sentence(text: &str) -> String {
    let text = text.split_once("AADSTS").map_or(text, |(_, rest)| rest.split_once(": ").map_or(rest, |(_, rest)| rest));
    let end = ["Trace ID", "\r", "\n"].iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    text.get(..end).unwrap_or(text).trim().to_owned()
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

/// What "not known everywhere yet" looks like at the token endpoint: a new secret (7000215), application (700016),
/// service principal (7000229, 500011).
const NOT_YET: [u32; 4] = [7_000_215, 700_016, 7_000_229, 500_011];

/// The client holds no role where one is demanded: "not yet" only if one was just assigned.
const NOT_ASSIGNED: u32 = 501_051;

impl Session {
    /// Asks for a token with `client_credentials`, once. `scope` is such as `api://CLIENT_ID/.default`.
    pub async fn client_credentials(&self, client_id: &str, secret: &Secret, scope: &str) -> Result<TokenProbe, Error> {
        self.token_with(client_id, secret, scope).await.map(|(_, probe)| probe)
    }

    /// The same, with the token itself: for showing it to whom it is for.
    pub async fn token_with(
        &self,
        client_id: &str,
        secret: &Secret,
        scope: &str,
    ) -> Result<(Secret, TokenProbe), Error> {
        let doing = format!("getting a token for the client {client_id}");
        let url = self.token_endpoint();
        let form = [
            ("client_id", client_id),
            ("client_secret", secret.expose()),
            ("grant_type", "client_credentials"),
            ("scope", scope),
        ];
        let unreachable = |cause: reqwest::Error| Error::Unreachable {
            doing: doing.clone(),
            host: host_of(&url),
            cause: root_cause(&cause.without_url()),
        };
        let reply = self.http().post(&url).form(&form).send().await.map_err(unreachable)?;
        let status = reply.status().as_u16();
        let body = reply.bytes().await.map_err(unreachable)?;
        if status != 200 {
            let error: TokenError = serde_json::from_slice(&body).unwrap_or_default();
            return Err(Error::Refused { doing, answer: error.answer(status) });
        }
        read_token(&body)
            .ok_or_else(|| Error::Unreadable { doing, cause: "there is no readable token in it".to_owned() })
    }

    /// Asks for a token until `in_a_row` come back one after the other: Entra answers from many places, and one that knows a new
    /// secret already says nothing of the next.
    pub async fn wait_for_tokens_in_a_row(
        &self,
        client_id: &str,
        secret: &Secret,
        scope: &str,
        in_a_row: u32,
    ) -> Result<TokenProbe, Error> {
        let began = Instant::now();
        let patience = *self.patience();
        let doing = format!("proving that the client {client_id} gets a token {in_a_row} times in a row");
        let (mut came, mut failed) = (0, 0);
        loop {
            let waited = began.elapsed();
            let pause = patience.pause(failed);
            match self.unless_stopped(&doing, self.client_credentials(client_id, secret, scope)).await? {
                Ok(probe) if came + 1 >= in_a_row => return Ok(probe),
                Ok(_) => {
                    came += 1;
                    self.unless_stopped(&doing, tokio::time::sleep(patience.first_pause / 2)).await?;
                    continue;
                }
                Err(Error::Refused { answer, .. }) if means_not_yet(&answer, false) => {
                    let budget = patience.replication;
                    if waited + pause > budget {
                        return Err(Error::NotReplicated { doing, waited, answer });
                    }
                    self.observe(&WaitReason::Replicating { doing: doing.clone(), answer, waited, budget });
                }
                // A connection that is cut says nothing of the secret.
                Err(Error::Unreachable { cause, .. }) if waited + pause < patience.outage => {
                    self.observe(&WaitReason::Outage { doing: doing.clone(), cause, pause });
                }
                Err(error) => return Err(error),
            }
            (came, failed) = (0, failed.saturating_add(1));
            self.unless_stopped(&doing, tokio::time::sleep(pause)).await?;
        }
    }

    /// Asks for a token until one comes back and, where `role` is named, holds that role: only then is a new secret, and a new
    /// assignment, known everywhere it matters.
    pub async fn wait_for_token(
        &self,
        client_id: &str,
        secret: &Secret,
        scope: &str,
        role: Option<&str>,
    ) -> Result<TokenProbe, Error> {
        let began = Instant::now();
        let patience = *self.patience();
        let budget = if role.is_some() { patience.role_assignment } else { patience.replication };
        for repetition in 0.. {
            let doing = format!("proving that the client {client_id} gets a token");
            let (waited, pause) = (began.elapsed(), patience.pause(repetition));
            let asking = self.client_credentials(client_id, secret, scope);
            let answer = match self.unless_stopped(&doing, asking).await? {
                Ok(probe) => match role {
                    Some(role) if !probe.roles.iter().any(|held| held == role) => role_missing(role),
                    _ => return Ok(probe),
                },
                Err(Error::Refused { answer, .. }) if means_not_yet(&answer, role.is_some()) => answer,
                Err(Error::Unreachable { cause, .. }) if waited + pause < patience.outage => {
                    self.observe(&WaitReason::Outage { doing: doing.clone(), cause, pause });
                    self.unless_stopped(&doing, tokio::time::sleep(pause)).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if waited + pause > budget {
                return Err(Error::NotReplicated { doing, waited, answer });
            }
            self.observe(&WaitReason::Replicating { doing: doing.clone(), answer, waited, budget });
            self.unless_stopped(&doing, tokio::time::sleep(pause)).await?;
        }
        Err(Error::Unreadable { doing: "getting a token".to_owned(), cause: "too many repetitions".to_owned() })
    }
}

fn means_not_yet(answer: &Answer, role_was_assigned: bool) -> bool {
    let not_yet = |number| NOT_YET.contains(&number) || (role_was_assigned && number == NOT_ASSIGNED);
    matches!(answer.status, 429 | 500..) || aadsts(&answer.code).is_some_and(not_yet)
}

fn role_missing(role: &str) -> Answer {
    Answer {
        status: 200,
        code: "the token does not hold the role yet".to_owned(),
        message: role.to_owned(),
        request_id: None,
    }
}

/// Reads the claims. The signature is not checked: the token came over TLS from who made it, and we let nobody in by it.
fn read_token(body: &[u8]) -> Option<(Secret, TokenProbe)> {
    let answer: TokenAnswer = serde_json::from_slice(body).ok()?;
    let claims: Claims = claims_of(&answer.access_token)?;
    let expires = jiff::Timestamp::from_second(claims.exp).ok()?;
    let probe = TokenProbe { audience: claims.aud, issuer: claims.iss, roles: claims.roles, expires };
    Some((Secret::new(answer.access_token), probe))
}

/// The claims of a JWT, unchecked.
pub(super) fn claims_of<T: serde::de::DeserializeOwned>(token: &str) -> Option<T> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
}

fn host_of(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{aadsts, first_sentence};

    const WRONG_SECRET: &str = "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent.\r\nTrace ID: \
                                1\r\nCorrelation ID: 2";

    #[test]
    fn given_an_error_of_the_token_endpoint_then_its_number_and_first_sentence_are_found() {
        assert_eq!(aadsts(WRONG_SECRET), Some(7_000_215));
        assert_eq!(first_sentence(WRONG_SECRET), "Invalid client secret provided. Ensure the secret being sent.");
    }

    #[test]
    fn given_a_text_without_a_number_then_none_is_made_up() {
        assert_eq!(aadsts("invalid_client"), None);
    }
}
