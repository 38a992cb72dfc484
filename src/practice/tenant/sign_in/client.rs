//! Who the client is, and whether it proves it.

use super::Form;
use super::error::SignInError;
use crate::practice::tenant::directory::{Application, Properties, ServicePrincipal, sha256, text};
use crate::practice::tenant::{Call, Core, seed};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// A client that may go on.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) app_id: String,
    pub(super) name: String,
    /// Whether it proved itself with a secret or an assertion.
    pub(super) confidential: bool,
}

/// The client's id and secret, from the form or from HTTP Basic, where both are form-encoded (RFC 6749 2.3.1).
fn credentials(call: &Call, form: &Form) -> (Option<String>, Option<String>) {
    let decoded =
        |part: &str| percent_encoding::percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let basic = call.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let basic = basic.and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some((id, secret)) = basic.as_deref().and_then(|text| text.split_once(':')) {
        return (Some(decoded(id)), Some(decoded(secret)));
    }
    (form.get("client_id").map(str::to_owned), form.get("client_secret").map(str::to_owned))
}

/// The application behind a client id, if the tenant knows it and it has replicated.
pub(super) fn known<'a>(core: &'a Core, client_id: &str) -> Result<Option<&'a Application>, SignInError> {
    if client_id == seed::AZURE_CLI {
        return Ok(None);
    }
    let now = core.now();
    let application = core.directory.application_by_app_id(client_id).filter(|it| it.visible_from <= now);
    application.map(Some).ok_or_else(|| SignInError::no_such_client(core, client_id))
}

/// Who asks for a token. A public client proves nothing; every other one must.
pub(super) fn authenticate(core: &Core, call: &Call, form: &Form) -> Result<Client, SignInError> {
    let (client_id, secret) = credentials(call, form);
    let client_id = client_id.ok_or_else(|| SignInError::missing("client_id"))?;
    if let (Some(identity), Some(assertion)) = (managed_identity(core, &client_id), form.get("client_assertion")) {
        check_assertion(&identity.federated_credentials, assertion)?;
        let name = text(&identity.properties, "displayName").to_owned();
        return Ok(Client { app_id: client_id, name, confidential: true });
    }
    let Some(application) = known(core, &client_id)? else {
        return Ok(Client { app_id: client_id, name: "Microsoft Azure CLI".into(), confidential: false });
    };
    let confidential = match (secret, form.get("client_assertion")) {
        (Some(secret), _) => check_secret(core, application, &secret).map(|()| true)?,
        (None, Some(assertion)) => check_assertion(&application.federated_credentials, assertion).map(|()| true)?,
        (None, None) if form.get("grant_type") == Some("client_credentials") => {
            let text =
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.";
            return Err(SignInError::invalid_client(7_000_216, text));
        }
        (None, None) if is_public(application) => false,
        (None, None) => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            return Err(SignInError::invalid_client(7_000_218, text));
        }
    };
    check_principal(core, application.app_id())?;
    let name = text(&application.properties, "displayName").to_owned();
    Ok(Client { app_id: application.app_id().to_owned(), name, confidential })
}

/// Without a service principal the application exists, but not in this tenant.
pub(super) fn check_principal(core: &Core, app_id: &str) -> Result<(), SignInError> {
    if core.directory.service_principal_by_app_id(app_id).is_some_and(|it| it.visible_from <= core.now()) {
        return Ok(());
    }
    let text = format!(
        "The client application '{app_id}' is missing service principal in the tenant '{}'. See instructions here: \
         https://go.microsoft.com/fwlink/?linkid=2225119",
        core.tenant_id()
    );
    Err(SignInError { status: StatusCode::UNAUTHORIZED, ..SignInError::new("unauthorized_client", 7_000_229, text) })
}

/// Who has no application, and no secret: an identity that something else stands for.
fn managed_identity<'a>(core: &'a Core, client_id: &str) -> Option<&'a ServicePrincipal> {
    let found = core.directory.service_principal_by_app_id(client_id);
    found.filter(|it| text(&it.properties, "servicePrincipalType") == "ManagedIdentity")
}

fn is_public(application: &Application) -> bool {
    application.properties.get("isFallbackPublicClient") == Some(&Value::Bool(true))
}

/// A secret counts once it has reached the token endpoint and until it ends.
fn check_secret(core: &Core, application: &Application, secret: &str) -> Result<(), SignInError> {
    let (now, digest) = (core.now(), sha256(secret));
    let app_id = application.app_id();
    match application.secrets.iter().find(|it| it.sha256 == digest && it.works_from <= now) {
        Some(stored) if stored.ends > now => Ok(()),
        Some(_) => {
            let text = format!(
                "The provided client secret keys for app '{app_id}' are expired. Visit the Azure portal to create new keys for \
                 your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: \
                 https://aka.ms/certCreds."
            );
            Err(SignInError::invalid_client(7_000_222, text))
        }
        None => {
            let text = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not \
                 the client secret ID, for a secret added to app '{app_id}'."
            );
            Err(SignInError::invalid_client(7_000_215, text))
        }
    }
}

/// A federated credential's token: issuer, subject and audience must match; its signature is not looked at.
fn check_assertion(known: &[Properties], assertion: &str) -> Result<(), SignInError> {
    let claims = assertion.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Option<Properties> = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(claims) = claims else {
        return Err(SignInError::invalid_client(50_027, "JWT token is invalid or malformed."));
    };
    let (issuer, subject) = (text(&claims, "iss"), text(&claims, "sub"));
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let matches = known.iter().any(|it| {
        let wanted = it.get("audiences").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        text(it, "issuer") == issuer
            && text(it, "subject") == subject
            && wanted.clone().any(|one| audiences.contains(&one))
    });
    if matches {
        return Ok(());
    }
    let text = format!(
        "No matching federated identity record found for presented assertion subject '{subject}'. Check your federated identity \
         credential Subject, Audience and Issuer against the presented assertion."
    );
    Err(SignInError::invalid_client(700_213, text))
}
