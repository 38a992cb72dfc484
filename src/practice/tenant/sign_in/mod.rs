//! Sign-in: OAuth 2.0 and OpenID Connect as Entra speaks them (domain.md 2).
//!
//! Nobody has a password: whoever opens the sign-in page picks a person, and a `login_hint` that names one picks it at once,
//! so that tests need no page.

mod admin_consent;
mod authorize;
mod claims;
mod client;
mod consent;
mod device;
mod error;
mod metadata;
mod page;
mod scopes;
mod sealed;
mod token;

pub(super) use consent::consent_for_everybody;

use super::reply::Reply;
use super::{Call, Core};
use axum::http::{Method, StatusCode};
use error::SignInError;
use std::collections::BTreeSet;

/// Sign-ins that are under way; they do not survive a restart.
#[derive(Default)]
pub(super) struct Pending {
    /// Ids of the authorization codes that were redeemed.
    redeemed: BTreeSet<String>,
    devices: Vec<device::Device>,
}

/// Answers one request.
pub(super) fn answer(core: &mut Core, call: &Call) -> Reply {
    let segments = call.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let for_people = ["authorize", "logout", "adminconsent", "devicelogin", "deviceauth"];
    let is_page = path.last().is_some_and(|last| for_people.contains(last));
    let answered = match path.as_slice() {
        [_, "discovery", "instance"] => Ok(metadata::instance(core, call.query("api-version").unwrap_or("1.1"))),
        [_, "userrealm", name] => Ok(metadata::user_realm(core, name)),
        ["devicelogin"] => device::page(core, call),
        [tenant, rest @ ..] => metadata::check_tenant(core, tenant).and_then(|()| of_tenant(core, call, tenant, rest)),
        [] => Ok(not_found()),
    };
    match answered {
        Ok(reply) => reply,
        Err(error) if is_page => error.into_page(core),
        Err(error) => error.into_reply(core),
    }
}

fn of_tenant(core: &mut Core, call: &Call, tenant: &str, path: &[&str]) -> Result<Reply, SignInError> {
    match (&call.method, path) {
        (&Method::GET, ["v2.0", ".well-known", "openid-configuration"]) => {
            Ok(metadata::openid_configuration(core, tenant, true))
        }
        (&Method::GET, [".well-known", "openid-configuration"]) => {
            Ok(metadata::openid_configuration(core, tenant, false))
        }
        (&Method::GET, ["discovery", "v2.0", "keys"]) => Ok(Reply::ok(core.keys.published(Some(&core.issuer())))),
        (&Method::GET, ["discovery", "keys"]) => Ok(Reply::ok(core.keys.published(None))),
        (&Method::GET | &Method::POST, ["oauth2", "v2.0", "authorize"]) => authorize::answer(core, call),
        (&Method::POST, ["oauth2", "v2.0", "token"]) => token::answer(core, call),
        (&Method::POST, ["oauth2", "v2.0", "devicecode"]) => device::start(core, call),
        (&Method::GET | &Method::POST, ["oauth2", "deviceauth"]) => device::page(core, call),
        (&Method::GET, ["oauth2", "v2.0", "logout"]) => Ok(authorize::sign_out(core, call)),
        (&Method::GET, ["v2.0", "adminconsent"] | ["adminconsent"]) => admin_consent::answer(core, call),
        _ => Ok(not_found()),
    }
}

fn not_found() -> Reply {
    Reply::page(StatusCode::NOT_FOUND, page::refusal("The practice tenant has no such page."))
}

/// The fields of a form or a query; absent and empty are the same.
struct Form(Vec<(String, String)>);

impl Form {
    fn of(call: &Call) -> Self {
        Self(url::form_urlencoded::parse(&call.body).into_owned().collect())
    }

    /// The query's fields, then the body's.
    fn of_page(call: &Call) -> Self {
        let body = if call.method == Method::POST { Self::of(call).0 } else { Vec::new() };
        Self(call.query.iter().cloned().chain(body).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn require(&self, name: &str) -> Result<&str, SignInError> {
        self.get(name).ok_or_else(|| SignInError::missing(name))
    }
}
