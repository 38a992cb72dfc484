//! Codes and refresh tokens: opaque to clients, and readable by the tenant alone even after a restart.

use super::claims;
use super::error::SignInError;
use crate::practice::tenant::Core;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Seconds an authorization code lives.
const CODE_LIFETIME: i64 = 600;
/// Seconds a refresh token lives.
const REFRESH_LIFETIME: i64 = 90 * 24 * 3_600;

/// What an authorization code stands for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) id: String,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) person: String,
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<String>,
    pub(super) challenge_method: Option<String>,
}

/// What a refresh token stands for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Refresh {
    pub(super) client_id: String,
    pub(super) person: String,
    pub(super) scope: String,
}

/// Why a sealed text cannot be opened.
pub(super) enum Unopened {
    /// It is not one of ours, or not of this kind.
    Foreign,
    /// It ran out.
    Expired,
}

impl Code {
    pub(super) fn seal(&self, core: &Core) -> Result<String, SignInError> {
        seal(core, "code", CODE_LIFETIME, self)
    }

    pub(super) fn open(core: &Core, text: &str) -> Result<Self, Unopened> {
        open(core, "code", text)
    }
}

impl Refresh {
    pub(super) fn seal(&self, core: &Core) -> Result<String, SignInError> {
        seal(core, "refresh", REFRESH_LIFETIME, self)
    }

    pub(super) fn open(core: &Core, text: &str) -> Result<Self, Unopened> {
        open(core, "refresh", text)
    }
}

fn seal(core: &Core, kind: &str, lifetime: i64, content: &impl Serialize) -> Result<String, SignInError> {
    let content = serde_json::to_value(content).unwrap_or_default();
    let ends = core.now().as_second() + lifetime;
    let sealed = json!({"practice": kind, "exp": ends, "content": content});
    let token = claims::sign(core, sealed.as_object().cloned().unwrap_or_default())?;
    Ok(format!("1.{token}"))
}

fn open<Content: DeserializeOwned>(core: &Core, kind: &str, text: &str) -> Result<Content, Unopened> {
    let sealed = text.strip_prefix("1.").and_then(|token| core.keys.verify(token)).ok_or(Unopened::Foreign)?;
    if sealed.get("practice").and_then(Value::as_str) != Some(kind) {
        return Err(Unopened::Foreign);
    }
    if sealed.get("exp").and_then(Value::as_i64).unwrap_or_default() <= core.now().as_second() {
        return Err(Unopened::Expired);
    }
    let content = sealed.get("content").cloned().unwrap_or_default();
    serde_json::from_value(content).map_err(|_| Unopened::Foreign)
}
