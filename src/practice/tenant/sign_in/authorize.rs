//! The authorization endpoint: where a browser signs in.

use super::client::{self, Client};
use super::error::SignInError;
use super::scopes::Asked;
use super::sealed::Code;
use super::{Form, claims, consent, page, token};
use crate::practice::tenant::directory::{Application, Person, list, text};
use crate::practice::tenant::reply::Reply;
use crate::practice::tenant::{Call, Core, seed};
use axum::http::StatusCode;
use serde_json::Value;

/// The field with which our own page says whom it picked.
pub(super) const PICKED: &str = "practice_user";
/// The field with which our own page says that an administrator consents.
const CONSENTS: &str = "practice_consent";

/// Answers `/{tenant}/oauth2/v2.0/authorize`.
pub(super) fn answer(core: &mut Core, call: &Call) -> Result<Reply, SignInError> {
    let form = Form::of_page(call);
    let client = client_of(core, form.require("client_id")?)?;
    let redirect_uri = form.require("redirect_uri")?;
    check_redirect_uri(core, &client, redirect_uri)?;
    // From here on the client hears of what goes wrong.
    match sign_in(core, &form, &client) {
        Ok(Outcome::Page(reply)) => Ok(reply),
        Ok(Outcome::Code(sealed)) => Ok(send_back(&form, redirect_uri, &[("code", &sealed)])),
        Err(error) if error.status == StatusCode::FORBIDDEN => Err(error),
        Err(error) => {
            let description = error.description(core);
            let fields = [("error", error.error), ("error_description", description.as_str())];
            Ok(send_back(&form, redirect_uri, &fields))
        }
    }
}

enum Outcome {
    Page(Reply),
    Code(String),
}

fn sign_in(core: &mut Core, form: &Form, client: &Client) -> Result<Outcome, SignInError> {
    check_response_type(form, client)?;
    let asked = Asked::parse(core, form.require("scope")?)?;
    let silent = form.get("prompt") == Some("none");
    let Some(person) = form.get(PICKED).or_else(|| form.get("login_hint")).and_then(|key| core.directory.person(key))
    else {
        if silent {
            let text = "Session information is not sufficient for single-sign-on.";
            return Err(SignInError::new("login_required", 50_058, text));
        }
        let fields: Vec<(String, String)> = form.0.iter().filter(|(name, _)| name != "login_hint").cloned().collect();
        return Ok(Outcome::Page(Reply::page(
            StatusCode::OK,
            page::choice(&client.name, &core.directory.people, &fields),
        )));
    };
    let person = person.clone();
    check_assignment(core, client, &person)?;
    match consent::demand(core, client, &asked, &person) {
        Ok(_) => {}
        Err(error) if error.number == 65_001 && !silent => {
            if !consent::may_consent(&person) {
                return Err(needs_administrator(client));
            }
            if form.get(CONSENTS) != Some("accept") {
                let link = page::link(&form.0, &[(PICKED, &person.user_principal_name), (CONSENTS, "accept")]);
                return Ok(Outcome::Page(Reply::page(StatusCode::OK, page::consent(&client.name, &asked.raw, &link))));
            }
            consent::grant(core, &client.app_id, &asked)?;
            consent::demand(core, client, &asked, &person)?;
        }
        Err(error) => return Err(error),
    }
    let unsealed = Code {
        id: uuid::Uuid::new_v4().to_string(),
        client_id: client.app_id.clone(),
        redirect_uri: form.require("redirect_uri")?.to_owned(),
        person: person.id,
        scope: asked.raw.join(" "),
        nonce: form.get("nonce").map(str::to_owned),
        challenge: form.get("code_challenge").map(str::to_owned),
        challenge_method: form.get("code_challenge_method").map(str::to_owned),
    };
    unsealed.seal(core).map(Outcome::Code)
}

/// The client of a page; a browser cannot prove who the client is.
pub(super) fn client_of(core: &Core, client_id: &str) -> Result<Client, SignInError> {
    let Some(application) = client::known(core, client_id)? else {
        return Ok(Client { app_id: seed::AZURE_CLI.into(), name: "Microsoft Azure CLI".into(), confidential: false });
    };
    client::check_principal(core, application.app_id())?;
    let name = text(&application.properties, "displayName").to_owned();
    Ok(Client { app_id: application.app_id().to_owned(), name, confidential: false })
}

/// Exact match, except that the port of this machine does not count (RFC 8252 7.3, and Entra's reply-url rules).
pub(super) fn check_redirect_uri(core: &Core, client: &Client, uri: &str) -> Result<(), SignInError> {
    let application = core.directory.application_by_app_id(&client.app_id);
    let fits = match application {
        None => is_this_machine(uri),
        Some(application) => registered_uris(application).any(|known| known == uri || same_but_for_port(known, uri)),
    };
    if fits {
        return Ok(());
    }
    let text = format!(
        "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for the application '{}'. \
         Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to \
         https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this error.",
        client.app_id
    );
    Err(SignInError::new("invalid_request", 50_011, text))
}

pub(super) fn registered_uris(application: &Application) -> impl Iterator<Item = &str> {
    let of = |platform: &'static str| list(&application.properties, &[platform, "redirectUris"]).iter();
    of("web").chain(of("spa")).chain(of("publicClient")).filter_map(Value::as_str)
}

fn is_this_machine(uri: &str) -> bool {
    url::Url::parse(uri)
        .is_ok_and(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1")) && url.scheme() == "http")
}

fn same_but_for_port(known: &str, uri: &str) -> bool {
    let (Ok(known), Ok(uri)) = (url::Url::parse(known), url::Url::parse(uri)) else { return false };
    let local = known.host_str() == Some("localhost") && known.scheme() == "http";
    local && uri.host_str() == known.host_str() && uri.scheme() == known.scheme() && uri.path() == known.path()
}

/// The code flow alone is served; the implicit one is refused as it is for every application that did not switch it on.
fn check_response_type(form: &Form, client: &Client) -> Result<(), SignInError> {
    let asked = form.require("response_type")?;
    if asked == "code" {
        return Ok(());
    }
    let implicit = asked.split(' ').find(|kind| matches!(*kind, "id_token" | "token"));
    let number = if implicit == Some("token") { 700_051 } else { 700_054 };
    let text = format!(
        "response_type '{}' is not enabled for the application '{}'.",
        implicit.unwrap_or(asked),
        client.app_id
    );
    Err(SignInError::new("unsupported_response_type", number, text))
}

/// "Assignment required" on the application itself keeps people out who hold no role of it.
pub(super) fn check_assignment(core: &Core, client: &Client, person: &Person) -> Result<(), SignInError> {
    let Some(principal) = core.directory.service_principal_by_app_id(&client.app_id) else { return Ok(()) };
    token::check_enabled(principal)?;
    let required = principal.properties.get("appRoleAssignmentRequired") == Some(&Value::Bool(true));
    if !required || !claims::role_ids(core, claims::Subject::Person(person), principal).is_empty() {
        return Ok(());
    }
    let text = format!(
        "Your administrator has configured the application {} ('{}') to block users unless they are specifically granted \
         ('assigned') access to the application. The signed-in user '{}' is blocked because they are not a direct member of a \
         group with access, nor had access directly assigned by an administrator. Please contact your administrator to assign \
         access to this application.",
        client.name, client.app_id, person.user_principal_name
    );
    Err(SignInError { status: StatusCode::FORBIDDEN, ..SignInError::new("invalid_grant", 50_105, text) })
}

fn needs_administrator(client: &Client) -> SignInError {
    let text = format!(
        "{} needs permission to access resources in your organization that only an admin can grant. Please ask an admin to \
         grant permission to this app before you can use it.",
        client.name
    );
    SignInError { status: StatusCode::FORBIDDEN, ..SignInError::new("access_denied", 90_094, text) }
}

/// Takes the browser back to the client, in the way it asked for.
fn send_back(form: &Form, redirect_uri: &str, fields: &[(&str, &str)]) -> Reply {
    let session = uuid::Uuid::new_v4().to_string();
    let mut all: Vec<(&str, &str)> = fields.to_vec();
    if let Some(state) = form.get("state") {
        all.push(("state", state));
    }
    all.push(("session_state", &session));
    let encoded = || url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&all).finish();
    match form.get("response_mode") {
        Some("form_post") => Reply::page(StatusCode::OK, page::form_post(redirect_uri, &all)),
        Some("fragment") => Reply::redirect(format!("{redirect_uri}#{}", encoded())),
        _ => {
            let joint = if redirect_uri.contains('?') { '&' } else { '?' };
            Reply::redirect(format!("{redirect_uri}{joint}{}", encoded()))
        }
    }
}

/// Signing out: nothing is kept here, so it is enough to say so, or to go where the application's registration allows.
pub(super) fn sign_out(core: &Core, call: &Call) -> Reply {
    let wanted = call.query("post_logout_redirect_uri").unwrap_or_default();
    let mut applications = core.directory.applications.iter().filter(|it| it.deleted.is_none());
    if applications.any(|it| registered_uris(it).any(|uri| uri == wanted)) {
        return Reply::redirect(wanted.to_owned());
    }
    Reply::page(
        StatusCode::OK,
        page::page("You signed out of your account", "<p>It's a good idea to close all browser windows.</p>"),
    )
}
