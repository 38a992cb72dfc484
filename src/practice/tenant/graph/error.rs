//! Graph's errors, with the codes and words the real one uses (domain.md 1.2).

use crate::practice::tenant::reply::Reply;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

/// A refusal.
#[derive(Debug)]
pub(crate) struct GraphError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) details: Vec<Value>,
}

impl GraphError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new() }
    }

    /// Something about the request's values is wrong.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    /// The request itself cannot be understood.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(super) fn invalid_value(property: &str, resource: &str) -> Self {
        Self::bad(format!("Invalid value specified for property '{property}' of resource '{resource}'."))
    }

    pub(super) fn unsupported_query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    /// The object is not there, or not there yet.
    pub(super) fn not_found(key: &str) -> Self {
        let message = format!(
            "Resource '{key}' does not exist or one of its queried reference-property objects are not present."
        );
        Self::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
    }

    pub(super) fn no_such_segment(segment: &str) -> Self {
        Self::malformed(format!("Resource not found for the segment '{segment}'."))
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "Specified HTTP method is not allowed for the request target.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message)
    }

    /// The caller lacks a right.
    pub(super) fn denied() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message)
    }

    /// Somebody else has the name already, deleted objects included.
    pub(super) fn taken(property: &str) -> Self {
        let message = format!("Another object with the same value for property {property} already exists.");
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message).with_detail("ObjectConflict", property)
    }

    pub(super) fn duplicate(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message)
    }

    pub(super) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }

    pub(super) fn with_detail(mut self, code: &str, target: &str) -> Self {
        self.details.push(json!({"code": code, "message": self.message, "target": target}));
        self
    }

    pub(super) fn into_reply(self, request_id: &str, client_request_id: &str, date: &str) -> Reply {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(error) = error.as_object_mut() {
            if !self.details.is_empty() {
                error.insert("details".into(), json!(self.details));
            }
            let ids = json!({"date": date, "request-id": request_id, "client-request-id": client_request_id});
            error.insert("innerError".into(), ids);
        }
        let reply = Reply::json(self.status, json!({ "error": error }));
        if self.status == StatusCode::UNAUTHORIZED {
            reply.with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"\", error=\"invalid_token\"")
        } else {
            reply
        }
    }
}
