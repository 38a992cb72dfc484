//! Resource Manager's refusals, in its own words.

use super::{Call, RecordRefused, Reply};
use axum::http::StatusCode;
use serde_json::json;

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(super) fn no_subscription(name: &str) -> Self {
        Self::not_found("SubscriptionNotFound", format!("The subscription '{name}' could not be found."))
    }

    pub(super) fn unknown(call: &Call) -> Self {
        let message = format!("The practice tenant's resource manager does not know '{} {}'.", call.method, call.path);
        Self::not_found("ResourceNotFound", message)
    }

    pub(super) fn method_not_allowed(call: &Call) -> Self {
        let message = format!("The requested resource does not support http method '{}'.", call.method);
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "HttpMethodNotAllowed", message)
    }

    pub(super) fn reply(self) -> Reply {
        Reply::json(self.status, json!({"error": {"code": self.code, "message": self.message}}))
    }
}

impl From<Refusal> for RecordRefused {
    fn from(refusal: Refusal) -> Self {
        Self { status: refusal.status.as_u16(), code: refusal.code.to_owned(), message: refusal.message }
    }
}
