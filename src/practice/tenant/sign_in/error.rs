//! Sign-in's errors, with the AADSTS numbers and words the real one uses.
//!
//! Source: learn.microsoft.com/entra/identity-platform/reference-error-codes, and the texts in public issue threads.

use super::page;
use crate::practice::tenant::Core;
use crate::practice::tenant::reply::Reply;
use axum::http::StatusCode;
use serde_json::json;
use uuid::Uuid;

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct SignInError {
    pub(super) status: StatusCode,
    /// OAuth's word for it.
    pub(super) error: &'static str,
    /// The AADSTS number.
    pub(super) number: u32,
    pub(super) text: String,
    pub(super) suberror: Option<&'static str>,
}

impl SignInError {
    /// A refusal with status 400.
    pub(super) fn new(error: &'static str, number: u32, text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, number, text: text.into(), suberror: None }
    }

    /// The client did not prove who it is: status 401.
    pub(super) fn invalid_client(number: u32, text: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new("invalid_client", number, text) }
    }

    pub(super) fn missing(parameter: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::new("invalid_request", 900_144, text)
    }

    pub(super) fn no_such_tenant(tenant: &str) -> Self {
        let text = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct \
             cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the \
             tenant."
        );
        Self::new("invalid_request", 90_002, text)
    }

    pub(super) fn no_such_client(core: &Core, client_id: &str) -> Self {
        let text = format!(
            "Application with identifier '{client_id}' was not found in the directory '{}'. This can happen if the application \
             has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have \
             sent your authentication request to the wrong tenant.",
            core.directory.organization.display_name
        );
        Self::new("unauthorized_client", 700_016, text)
    }

    pub(super) fn no_such_resource(core: &Core, resource: &str) -> Self {
        let text = format!(
            "The resource principal named {resource} was not found in the tenant named {}. This can happen if the application \
             has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might \
             have sent your authentication request to the wrong tenant.",
            core.directory.organization.display_name
        );
        Self::new("invalid_resource", 500_011, text)
    }

    pub(super) fn invalid_scope(scope: &str) -> Self {
        let text = format!(
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is \
             not valid. The scope {scope} is not valid."
        );
        Self::new("invalid_scope", 70_011, text)
    }

    pub(super) fn not_consented(client_id: &str, name: &str) -> Self {
        let text = format!(
            "The user or administrator has not consented to use the application with ID '{client_id}' named '{name}'. Send an \
             interactive authorization request for this user and resource."
        );
        Self { suberror: Some("consent_required"), ..Self::new("invalid_grant", 65_001, text) }
    }

    /// The text with its number, as it is shown and sent.
    pub(super) fn description(&self, core: &Core) -> String {
        let moment = core.now().strftime("%Y-%m-%d %H:%M:%SZ");
        format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {moment}",
            self.number,
            self.text,
            Uuid::new_v4(),
            Uuid::new_v4()
        )
    }

    /// The answer to a program.
    pub(super) fn into_reply(self, core: &Core) -> Reply {
        let mut body = json!({
            "error": self.error, "error_description": self.description(core), "error_codes": [self.number],
            "timestamp": core.now().strftime("%Y-%m-%d %H:%M:%SZ").to_string(), "trace_id": Uuid::new_v4(),
            "correlation_id": Uuid::new_v4(),
            "error_uri": format!("{}/error?code={}", core.addresses.sign_in, self.number),
        });
        if let (Some(suberror), Some(body)) = (self.suberror, body.as_object_mut()) {
            body.insert("suberror".into(), json!(suberror));
        }
        Reply::json(self.status, body)
    }

    /// The answer to a person's browser.
    pub(super) fn into_page(self, core: &Core) -> Reply {
        let description = self.description(core);
        Reply::page(self.status, page::refusal(&description))
    }
}
