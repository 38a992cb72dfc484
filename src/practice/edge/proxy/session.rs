//! Sessions of the imitated oauth2-proxy, and the signed cookies that stand for them.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Somebody who signed in, or a program with a token of its own.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Session {
    /// The claim `sub`.
    pub user: String,
    /// The address, or for a program without one, `sub` again.
    pub email: String,
    /// The claim that the settings name for groups.
    pub groups: Vec<String>,
    /// The claim `preferred_username`.
    pub preferred_username: String,
    /// What the application gets as its bearer token.
    pub id_token: String,
    /// The token for the scope that was asked for.
    pub access_token: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Session of {}", self.user)
    }
}

impl Session {
    /// What the claims of a verified token say, with the settings' claims for address and groups.
    pub fn of(claims: &Value, email_claim: &str, groups_claim: &str) -> Self {
        let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let groups = match claims.get(groups_claim) {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        };
        Self {
            user: claim("sub"),
            email: claim(email_claim),
            groups,
            preferred_username: claim("preferred_username"),
            ..Self::default()
        }
    }
}

/// What is kept in session stores: lost with the pod that keeps it.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<String, HashMap<String, Session>>>);

impl Sessions {
    /// Keeps a session in the store with that UID and gives its ticket.
    pub fn keep(&self, store: &str, session: Session) -> String {
        let ticket = uuid::Uuid::new_v4().simple().to_string();
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stores.entry(store.to_owned()).or_default().insert(ticket.clone(), session);
        ticket
    }

    /// The session of a ticket.
    pub fn find(&self, store: &str, ticket: &str) -> Option<Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(store)?.get(ticket).cloned()
    }

    /// Forgets a session.
    pub fn forget(&self, store: &str, ticket: &str) {
        if let Some(store) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(store) {
            store.remove(ticket);
        }
    }
}

/// The value of a request's cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(http::header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn signature(secret: &[u8], name: &str, value: &str, time: &str) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, format!("{name}|{value}|{time}").as_bytes())
}

/// A cookie value that only a holder of the cookie secret can make.
pub fn sign(secret: &[u8], name: &str, value: &str) -> String {
    let (value, time) = (URL_SAFE_NO_PAD.encode(value), now().to_string());
    let tag = URL_SAFE_NO_PAD.encode(signature(secret, name, &value, &time));
    format!("{value}|{time}|{tag}")
}

/// What was signed, if it was signed with this secret under this name and not too long ago.
pub fn verify(secret: &[u8], name: &str, cookie: &str, longest: Duration) -> Option<String> {
    let mut parts = cookie.split('|');
    let (value, time, tag) = (parts.next()?, parts.next()?, parts.next()?);
    let expected = signature(secret, name, value, time);
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), &tag).ok()?;
    let age = now().saturating_sub(time.parse().ok()?);
    if Duration::from_secs(age) > longest {
        return None;
    }
    String::from_utf8(URL_SAFE_NO_PAD.decode(value).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Session, Sessions, cookie, sign, verify};
    use std::time::Duration;

    #[test]
    fn given_another_secret_or_name_then_a_cookie_is_worth_nothing() {
        let value = sign(b"secret", "session", "ticket");
        let hour = Duration::from_secs(3600);
        assert_eq!(verify(b"secret", "session", &value, hour).as_deref(), Some("ticket"));
        assert_eq!(verify(b"other", "session", &value, hour), None);
        assert_eq!(verify(b"secret", "csrf", &value, hour), None);
        assert_eq!(verify(b"secret", "session", &format!("x{value}"), hour), None);
    }

    #[test]
    fn given_a_store_that_came_back_as_another_pod_then_its_sessions_are_gone() {
        let sessions = Sessions::default();
        let ticket = sessions.keep("pod-1", Session { user: "ann".to_owned(), ..Session::default() });
        assert!(sessions.find("pod-1", &ticket).is_some());
        assert!(sessions.find("pod-2", &ticket).is_none());
        sessions.forget("pod-1", &ticket);
        assert!(sessions.find("pod-1", &ticket).is_none());
    }

    #[test]
    fn given_several_cookies_in_one_line_then_each_is_found() {
        let mut headers = http::HeaderMap::new();
        headers.insert("cookie", "a=1; b=2=3".parse().unwrap());
        assert_eq!(cookie(&headers, "b").as_deref(), Some("2=3"));
        assert_eq!(cookie(&headers, "c"), None);
    }
}
