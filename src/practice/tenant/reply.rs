//! What a server of the tenant answers, before it is HTTP.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) content: Content,
}

/// What an answer carries.
#[derive(Debug)]
pub(super) enum Content {
    Nothing,
    Json(Value),
    Page(String),
}

impl Reply {
    pub(super) fn json(status: StatusCode, value: Value) -> Self {
        Self { status, headers: Vec::new(), content: Content::Json(value) }
    }

    pub(super) fn ok(value: Value) -> Self {
        Self::json(StatusCode::OK, value)
    }

    pub(super) fn page(status: StatusCode, html: String) -> Self {
        Self { status, headers: Vec::new(), content: Content::Page(html) }
    }

    pub(super) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), content: Content::Nothing }
    }

    pub(super) fn redirect(location: String) -> Self {
        let headers = vec![(header::LOCATION, location)];
        Self { status: StatusCode::FOUND, headers, content: Content::Nothing }
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn into_response(self, json_type: &'static str) -> Response<Body> {
        let (content_type, bytes) = match self.content {
            Content::Nothing => (None, Vec::new()),
            Content::Json(value) => (Some(json_type), value.to_string().into_bytes()),
            Content::Page(html) => (Some("text/html; charset=utf-8"), html.into_bytes()),
        };
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        response
    }
}
