//! The page an administrator is sent to when somebody else may not consent (domain.md 1.3).

use super::authorize::{PICKED, check_redirect_uri, client_of, registered_uris};
use super::error::SignInError;
use super::scopes::Asked;
use super::{Form, consent, page};
use crate::practice::tenant::reply::Reply;
use crate::practice::tenant::{Call, Core};
use axum::http::StatusCode;

/// Answers `/{tenant}/v2.0/adminconsent` and `/{tenant}/adminconsent`.
pub(super) fn answer(core: &mut Core, call: &Call) -> Result<Reply, SignInError> {
    let form = Form::of_page(call);
    let client = client_of(core, form.require("client_id")?)?;
    let application = core.directory.application_by_app_id(&client.app_id);
    let first = application.and_then(|it| registered_uris(it).next()).map(str::to_owned);
    let back = form.get("redirect_uri").map(str::to_owned);
    if let Some(uri) = &back {
        check_redirect_uri(core, &client, uri)?;
    }
    let Some(person) = form.get(PICKED).or_else(|| form.get("login_hint")).and_then(|key| core.directory.person(key))
    else {
        return Ok(Reply::page(StatusCode::OK, page::choice(&client.name, &core.directory.people, &form.0)));
    };
    if !consent::may_consent(person) {
        let text = "Admin consent can be granted by an administrator only.";
        return Err(SignInError { status: StatusCode::FORBIDDEN, ..SignInError::new("access_denied", 90_094, text) });
    }
    let scope = form.get("scope").unwrap_or("https://graph.microsoft.com/.default");
    let asked = Asked::parse(core, scope)?;
    consent::grant(core, &client.app_id, &asked)?;
    let Some(back) = back.or(first) else {
        return Ok(Reply::page(StatusCode::OK, page::page("Consent was granted", "<p>You can close this page.</p>")));
    };
    let tenant = core.tenant_id();
    let mut fields = vec![("admin_consent", "True"), ("tenant", tenant.as_str()), ("scope", scope)];
    if let Some(state) = form.get("state") {
        fields.push(("state", state));
    }
    let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    Ok(Reply::redirect(format!("{back}?{encoded}")))
}
