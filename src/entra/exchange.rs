//! One attempt of one request: sent through azure_core's pipeline with the caller's token, and what became of it.
//!
//! azure_core's own retry policy is off: it repeats a POST after a 502, which makes second objects (crates.md 3), it sleeps
//! in silence, and it does not know replication. The bearer token, request ids, redacted logs and transport are its.

use super::{Answer, Method, SignInError};
use azure_core::{
    error::ErrorKind,
    http::{
        ClientOptions, Context, Pipeline, PipelineSendOptions, RawResponse, Request, RetryOptions,
        headers::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
        policies::Policy,
    },
};
use serde::de::DeserializeOwned;
use std::{fmt, sync::Arc, time::Duration};
use url::Url;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// The same from Resource Manager.
const MANAGER_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// Sends requests that carry the caller's token for one server. Clones share connections and token.
#[derive(Clone)]
pub(crate) struct Exchange {
    pipeline: Pipeline,
    method: Method,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Exchange").field("method", &self.method).finish_non_exhaustive()
    }
}

/// What became of one attempt that was no success.
pub(crate) enum Trouble {
    /// The server answered.
    Answered { answer: Answer, retry_after: Option<Duration>, claims: Option<String> },
    /// It was never reached, so nothing can have happened.
    NotConnected(String),
    /// The connection broke, or no answer came in time.
    NoAnswer(String),
}

impl Exchange {
    /// Requests get their token from `bearer`; the caller signed in with `method`.
    pub(super) fn new(options: ClientOptions, bearer: Arc<dyn Policy>, method: Method) -> Self {
        let options = ClientOptions { retry: RetryOptions::none(), ..options };
        let name = option_env!("CARGO_PKG_NAME");
        let version = option_env!("CARGO_PKG_VERSION");
        Self { pipeline: Pipeline::new(name, version, options, vec![], vec![bearer], None), method }
    }

    /// How the caller signs in again, in the middle of a sentence. `claims` is what the tenant demands on top.
    pub(crate) fn again(&self, claims: Option<&str>) -> String {
        let again = self.method.again();
        claims.map_or_else(
            || again.to_owned(),
            |claims| format!("{again}; the tenant demands more: az login --claims-challenge {claims}"),
        )
    }

    /// Sends once. The outer error is that there is no token to send.
    pub(crate) async fn attempt(&self, request: &mut Request) -> Result<Result<RawResponse, Trouble>, SignInError> {
        let options = PipelineSendOptions { skip_checks: true, ..Default::default() };
        match self.pipeline.send(&Context::default(), request, Some(options)).await {
            Ok(reply) if reply.status().is_success() => Ok(Ok(reply)),
            Ok(reply) => Ok(Err(answered(&reply))),
            Err(error) => match error.kind() {
                ErrorKind::Credential => Err(SignInError::of_credential(self.method, &error)),
                ErrorKind::Connection => Ok(Err(Trouble::NotConnected(root_cause(&error)))),
                _ => Ok(Err(Trouble::NoAnswer(root_cause(&error)))),
            },
        }
    }
}

fn answered(reply: &RawResponse) -> Trouble {
    let headers = reply.headers();
    let request_id = headers.get_optional_str(&REQUEST_ID).or_else(|| headers.get_optional_str(&MANAGER_REQUEST_ID));
    Trouble::Answered {
        answer: Answer::read(reply.status().into(), reply.body(), request_id),
        retry_after: headers.get_optional_str(&RETRY_AFTER).and_then(retry_after),
        claims: headers.get_optional_str(&WWW_AUTHENTICATE).and_then(claims_challenge),
    }
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = azure_core::time::parse_rfc7231(value).ok()?;
    let seconds = date.unix_timestamp() - jiff::Timestamp::now().as_second();
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// What conditional access demands on top: `claims="…"` of the header, base64.
fn claims_challenge(header: &str) -> Option<String> {
    let (_, rest) = header.split_once("claims=\"")?;
    let (claims, _) = rest.split_once('"')?;
    let harmless = claims.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte));
    harmless.then(|| claims.to_owned())
}

/// The innermost cause: "connection refused" says more than "failed to execute `reqwest` request".
pub(super) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

/// Reads an answer; why it cannot be read.
pub(crate) fn read<T: DeserializeOwned>(reply: &RawResponse) -> Result<T, String> {
    serde_json::from_slice(reply.body()).map_err(|cause| position_only(&cause))
}

/// What serde says may quote the text it could not read, and that text may hold a secret.
fn position_only(cause: &serde_json::Error) -> String {
    format!("not the JSON that was expected, at line {} column {}", cause.line(), cause.column())
}

/// The next page of a list of `base`'s server: the token goes to no other one, wherever a link points.
pub(crate) fn next_page(base: &Url, link: &str) -> Result<Url, &'static str> {
    let url = Url::parse(link).ok().filter(|url| url.origin() == base.origin());
    url.ok_or("the link to the next page points to another server")
}

/// Encodes a value for a query or a path.
pub(crate) fn encode(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
}
