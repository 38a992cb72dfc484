//! The token endpoint.

use super::Form;
use super::claims::{self, LIFETIME, Subject};
use super::client::{self, Client};
use super::error::SignInError;
use super::scopes::Asked;
use crate::practice::tenant::directory::ServicePrincipal;
use crate::practice::tenant::reply::Reply;
use crate::practice::tenant::{Call, Core};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

/// Answers `POST /{tenant}/oauth2/v2.0/token`.
pub(super) fn answer(core: &mut Core, call: &Call) -> Result<Reply, SignInError> {
    let form = Form::of(call);
    let body = match form.require("grant_type")? {
        "client_credentials" => client_credentials(core, call, &form)?,
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(SignInError::new("unsupported_grant_type", 70_003, text));
        }
    };
    // RFC 6749 5.1: a token answer is never kept.
    Ok(Reply::json(StatusCode::OK, body).with_header(header::CACHE_CONTROL, "no-store, no-cache"))
}

/// A program for itself (domain.md 2.3).
fn client_credentials(core: &Core, call: &Call, form: &Form) -> Result<Value, SignInError> {
    let client = client::authenticate(core, call, form)?;
    let scope = form.require("scope")?;
    if scope.split_whitespace().any(|one| !one.ends_with("/.default")) {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default \
             suffixed to the resource identifier (application ID URI)."
        );
        return Err(SignInError::new("invalid_scope", 1_002_012, text));
    }
    let asked = Asked::parse(core, scope)?;
    let principal = core.directory.service_principal_by_app_id(&client.app_id);
    let principal = principal.ok_or_else(|| SignInError::no_such_client(core, &client.app_id))?;
    check_enabled(principal)?;
    check_assigned(core, &client, Subject::Program(principal), &asked)?;
    let token = claims::access_token(core, &client, &asked, Subject::Program(principal), &[])?;
    let expires_in = LIFETIME - 1;
    Ok(json!({"token_type": "Bearer", "expires_in": expires_in, "ext_expires_in": expires_in, "access_token": token}))
}

fn check_enabled(principal: &ServicePrincipal) -> Result<(), SignInError> {
    if principal.properties.get("accountEnabled") == Some(&Value::Bool(false)) {
        let text = format!("Application '{}' is disabled.", principal.app_id());
        return Err(SignInError::new("unauthorized_client", 7_000_112, text));
    }
    Ok(())
}

/// "Assignment required" keeps out whoever holds no role (domain.md 2.3).
pub(super) fn check_assigned(
    core: &Core,
    client: &Client,
    subject: Subject<'_>,
    asked: &Asked,
) -> Result<(), SignInError> {
    let resource = asked.principal(core)?;
    let required = resource.properties.get("appRoleAssignmentRequired") == Some(&Value::Bool(true));
    if !required || !claims::role_ids(core, subject, resource).is_empty() {
        return Ok(());
    }
    let text = format!(
        "Application '{}'({}) is not assigned to a role for the application '{}'({}).",
        client.app_id,
        client.name,
        asked.resource,
        resource.app_id()
    );
    Err(SignInError::new("invalid_grant", 501_051, text))
}
