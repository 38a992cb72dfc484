//! Device codes: signing in on another machine's browser.

use super::authorize::client_of;
use super::error::SignInError;
use super::scopes::Asked;
use super::{Form, page};
use crate::practice::tenant::directory::after;
use crate::practice::tenant::reply::Reply;
use crate::practice::tenant::{Call, Core};
use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

/// One device that waits for somebody to sign in for it.
#[derive(Clone, Debug)]
pub(super) struct Device {
    code: String,
    user_code: String,
    pub(super) client_id: String,
    pub(super) scope: String,
    expires: Timestamp,
    polls: u32,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Declined,
    /// By the person with this object id.
    Approved(String),
}

/// Answers `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(super) fn start(core: &mut Core, call: &Call) -> Result<Reply, SignInError> {
    let form = Form::of(call);
    let client = client_of(core, form.require("client_id")?)?;
    let scope = form.require("scope")?;
    Asked::parse(core, scope)?;
    let settings = &core.settings.device_sign_in;
    let lifetime = if settings.lifetime_seconds == 0 { 900 } else { settings.lifetime_seconds };
    let interval = if settings.interval_seconds == 0 { 5 } else { settings.interval_seconds };
    let expires = after(core.now(), Duration::from_secs(u64::from(lifetime)));
    let unique = uuid::Uuid::new_v4().simple().to_string().to_uppercase();
    let device = Device {
        code: uuid::Uuid::new_v4().simple().to_string(),
        user_code: unique.chars().take(9).collect(),
        client_id: client.app_id,
        scope: scope.to_owned(),
        expires,
        polls: 0,
        state: State::Waiting,
    };
    let address = format!("{}/devicelogin", core.addresses.sign_in);
    let message = format!(
        "To sign in, use a web browser to open the page {address} and enter the code {} to authenticate.",
        device.user_code
    );
    let shown = json!({
        "user_code": device.user_code, "device_code": device.code, "verification_uri": address, "expires_in": lifetime,
        "interval": interval, "message": message,
    });
    let now = core.now();
    core.pending.devices.retain(|it| it.expires > after(now, Duration::ZERO));
    core.pending.devices.push(device);
    Ok(Reply::ok(shown))
}

/// One poll: the device and who approved it, or why not yet.
pub(super) fn poll(core: &mut Core, device_code: &str) -> Result<(Device, String), SignInError> {
    let now = core.now();
    let settings = core.settings.device_sign_in.clone();
    let approver = settings.approved_by.and_then(|name| core.directory.person(&name)).map(|person| person.id.clone());
    let Some(at) = core.pending.devices.iter().position(|it| it.code == device_code) else {
        let text = "Error validating credentials due to invalid verification code.";
        return Err(SignInError::new("bad_verification_code", 70_018, text));
    };
    let Some(device) = core.pending.devices.get_mut(at) else { return Err(pending()) };
    if device.expires <= now {
        let text = "Verification code expired. Have the user retry the sign-in.";
        return Err(SignInError::new("expired_token", 70_019, text));
    }
    device.polls += 1;
    if device.state == State::Waiting && device.polls > settings.polls_before_approval {
        device.state = approver.map_or(State::Waiting, State::Approved);
    }
    match device.state.clone() {
        State::Waiting => Err(pending()),
        State::Declined => {
            let text = "The end-user has denied the authorization request.";
            Err(SignInError::new("authorization_declined", 70_020, text))
        }
        State::Approved(person) => Ok((core.pending.devices.remove(at), person)),
    }
}

fn pending() -> SignInError {
    let text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
    SignInError::new("authorization_pending", 70_016, text)
}

/// The page where a person enters the code, says who they are and approves or declines.
pub(super) fn page(core: &mut Core, call: &Call) -> Result<Reply, SignInError> {
    let form = Form::of_page(call);
    let user_code = form.get("user_code").or_else(|| form.get("otc")).unwrap_or_default().trim().to_uppercase();
    if call.method != Method::POST {
        return Ok(Reply::page(StatusCode::OK, page::device(&user_code, &core.directory.people)));
    }
    let person = form.get("user").and_then(|key| core.directory.person(key)).map(|person| person.id.clone());
    let now = core.now();
    let waiting = |it: &&mut Device| it.user_code == user_code && it.expires > now && it.state == State::Waiting;
    let Some(device) = core.pending.devices.iter_mut().find(waiting) else {
        let text = "That code didn't work. Check the code and try again.";
        return Err(SignInError::new("bad_verification_code", 70_018, text));
    };
    let said = match person {
        Some(person) if form.get("action") != Some("decline") => {
            device.state = State::Approved(person);
            "You have signed in to the application on your device. You may now close this window."
        }
        _ => {
            device.state = State::Declined;
            "You declined the sign-in. You may now close this window."
        }
    };
    Ok(Reply::page(StatusCode::OK, page::page("Sign in on your device", &format!("<p>{said}</p>"))))
}
