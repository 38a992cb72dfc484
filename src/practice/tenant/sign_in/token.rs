//! The token endpoint.

use super::claims::{self, LIFETIME, Subject};
use super::client::{self, Client};
use super::error::SignInError;
use super::scopes::{Asked, OPENID};
use super::sealed::{Code, Refresh, Unopened};
use super::{Form, authorize, consent, device};
use crate::practice::tenant::directory::ServicePrincipal;
use crate::practice::tenant::reply::Reply;
use crate::practice::tenant::{Call, Core, seed};
use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Answers `POST /{tenant}/oauth2/v2.0/token`.
pub(super) fn answer(core: &mut Core, call: &Call) -> Result<Reply, SignInError> {
    let form = Form::of(call);
    let body = match form.require("grant_type")? {
        "client_credentials" => client_credentials(core, call, &form)?,
        "authorization_code" => authorization_code(core, call, &form)?,
        "refresh_token" => refresh_token(core, call, &form)?,
        "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => device_code(core, call, &form)?,
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(SignInError::new("unsupported_grant_type", 70_003, text));
        }
    };
    // RFC 6749 5.1: a token answer is never kept.
    Ok(Reply::json(StatusCode::OK, body).with_header(header::CACHE_CONTROL, "no-store, no-cache"))
}

/// A person's browser brought a code.
fn authorization_code(core: &mut Core, call: &Call, form: &Form) -> Result<Value, SignInError> {
    let client = client::authenticate(core, call, form)?;
    let presented = Code::open(core, form.require("code")?).map_err(|why| match why {
        Unopened::Foreign => {
            SignInError::new("invalid_grant", 9_002_313, "Invalid request. Request is malformed or invalid.")
        }
        Unopened::Expired => {
            SignInError::new("invalid_grant", 70_008, "The provided authorization code or refresh token has expired.")
        }
    })?;
    check_code(core, &client, form, &presented)?;
    core.pending.redeemed.insert(presented.id.clone());
    let scope = form.get("scope").unwrap_or(&presented.scope);
    for_person(core, form, &client, &presented.person, scope, presented.nonce.as_deref())
}

fn check_code(core: &Core, client: &Client, form: &Form, presented: &Code) -> Result<(), SignInError> {
    if presented.client_id != client.app_id {
        let text = "The provided authorization code was issued to another client.";
        return Err(SignInError::new("invalid_grant", 700_005, text));
    }
    if core.pending.redeemed.contains(&presented.id) {
        let text = "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing \
                    refresh token.";
        return Err(SignInError::new("invalid_grant", 54_005, text));
    }
    let redirect_uri = form.get("redirect_uri").unwrap_or_default();
    if redirect_uri != presented.redirect_uri {
        let text = format!(
            "The reply address '{redirect_uri}' does not match the reply address '{}' provided when requesting Authorization \
             code.",
            presented.redirect_uri
        );
        return Err(SignInError::new("invalid_client", 500_112, text));
    }
    check_verifier(presented, form.get("code_verifier"))
}

/// PKCE (RFC 7636 4.6).
fn check_verifier(code: &Code, verifier: Option<&str>) -> Result<(), SignInError> {
    let Some(challenge) = &code.challenge else { return Ok(()) };
    let Some(verifier) = verifier else {
        let text = "Proof Key for Code Exchange is required: the request has no code_verifier.";
        return Err(SignInError::new("invalid_grant", 501_481, text));
    };
    let computed = if code.challenge_method.as_deref() == Some("S256") {
        URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes()))
    } else {
        verifier.to_owned()
    };
    if computed == *challenge {
        return Ok(());
    }
    let text = "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
    Err(SignInError::new("invalid_grant", 501_481, text))
}

/// A client keeps somebody signed in, or moves on to another resource.
fn refresh_token(core: &mut Core, call: &Call, form: &Form) -> Result<Value, SignInError> {
    let client = client::authenticate(core, call, form)?;
    let refresh = Refresh::open(core, form.require("refresh_token")?).map_err(|why| match why {
        Unopened::Foreign => {
            SignInError::new("invalid_grant", 9_002_313, "Invalid request. Request is malformed or invalid.")
        }
        Unopened::Expired => {
            SignInError::new("invalid_grant", 700_082, "The refresh token has expired due to inactivity.")
        }
    })?;
    if refresh.client_id != client.app_id {
        let text = "Provided grant is invalid or malformed: the refresh token was issued to another client.";
        return Err(SignInError::new("invalid_grant", 700_003, text));
    }
    let scope = form.get("scope").unwrap_or(&refresh.scope);
    for_person(core, form, &client, &refresh.person, scope, None)
}

/// A device asks whether somebody signed in for it.
fn device_code(core: &mut Core, call: &Call, form: &Form) -> Result<Value, SignInError> {
    let client = client::authenticate(core, call, form)?;
    let (device, person) = device::poll(core, form.require("device_code").or_else(|_| form.require("code"))?)?;
    if device.client_id != client.app_id {
        return Err(SignInError::new("invalid_grant", 70_018, "The device code was issued to another client."));
    }
    for_person(core, form, &client, &person, &device.scope, None)
}

/// The tokens of a person who signed in.
fn for_person(
    core: &Core,
    form: &Form,
    client: &Client,
    person: &str,
    scope: &str,
    nonce: Option<&str>,
) -> Result<Value, SignInError> {
    let person = core.directory.person(person).ok_or_else(|| {
        SignInError::new("invalid_grant", 50_034, "The user account does not exist in the directory.")
    })?;
    let asked = Asked::parse(core, scope)?;
    authorize::check_assignment(core, client, person)?;
    check_assigned(core, client, Subject::Person(person), &asked)?;
    let permissions = consent::demand(core, client, &asked, person)?;
    let access_token = claims::access_token(core, client, &asked, Subject::Person(person), &permissions)?;
    let expires_in = LIFETIME - 1;
    let mut body = json!({
        "token_type": "Bearer", "scope": granted(&asked, &permissions), "expires_in": expires_in,
        "ext_expires_in": expires_in, "access_token": access_token,
    });
    let mut add = |name: &str, value: Value| {
        if let Some(body) = body.as_object_mut() {
            body.insert(name.into(), value);
        }
    };
    if asked.has_openid("offline_access") {
        let refresh =
            Refresh { client_id: client.app_id.clone(), person: person.id.clone(), scope: asked.raw.join(" ") };
        add("refresh_token", json!(refresh.seal(core)?));
    }
    if client.app_id == seed::AZURE_CLI {
        // Microsoft's own clients share refresh tokens; MSAL looks for this mark.
        add("foci", json!("1"));
    }
    if asked.has_openid("openid") {
        add("id_token", json!(claims::id_token(core, client, &asked, person, nonce)?));
    }
    if form.get("client_info") == Some("1") {
        let info = json!({"uid": person.id, "utid": core.tenant_id()}).to_string();
        add("client_info", json!(URL_SAFE_NO_PAD.encode(info)));
    }
    Ok(body)
}

/// The scopes of an answer: the resource's with its name as the client wrote it, then OpenID Connect's own.
fn granted(asked: &Asked, permissions: &[String]) -> String {
    let prefixed = permissions.iter().map(|permission| {
        if asked.resource == seed::GRAPH { permission.clone() } else { format!("{}/{permission}", asked.resource) }
    });
    let mut all: Vec<String> = prefixed.collect();
    let default = asked.raw.iter().filter(|scope| scope.ends_with("/.default")).cloned();
    all.extend(default);
    for scope in &asked.openid {
        if !all.contains(scope) {
            all.push(scope.clone());
        }
    }
    all.join(" ")
}

/// A program for itself (domain.md 2.3).
fn client_credentials(core: &Core, call: &Call, form: &Form) -> Result<Value, SignInError> {
    let client = client::authenticate(core, call, form)?;
    let scope = form.require("scope")?;
    // Microsoft's own libraries ask for OpenID Connect's scopes here too, and nobody minds.
    if scope.split_whitespace().any(|one| !one.ends_with("/.default") && !OPENID.contains(&one)) {
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

pub(super) fn check_enabled(principal: &ServicePrincipal) -> Result<(), SignInError> {
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
