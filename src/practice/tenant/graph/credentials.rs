//! Client secrets (domain.md 1.1 row 9).

use super::error::GraphError;
use super::shape::PASSWORD;
use super::{Request, entity, moment};
use crate::practice::tenant::Core;
use crate::practice::tenant::directory::{Application, StoredSecret, after, list, sha256, text};
use crate::practice::tenant::reply::Reply;
use crate::secret::NoRandomness;
use axum::http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::{Value, json};

/// A fresh client secret of the real shape: forty characters, among them `~`, `.`, `_` and `-`.
pub(in crate::practice::tenant) fn new_secret_text() -> Result<String, NoRandomness> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~.-_";
    let mut bytes = [0_u8; 40];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    let letter = |byte: &u8| ALPHABET.get(usize::from(*byte) % ALPHABET.len()).copied().map_or('x', char::from);
    let mut text: Vec<char> = bytes.iter().map(letter).collect();
    text.splice(3..6, "8Q~".chars());
    Ok(text.into_iter().collect())
}

/// `addPassword`.
pub(super) fn add(core: &mut Core, request: &Request<'_>, at: usize) -> Result<Reply, GraphError> {
    let body = request.any_body()?;
    let asked = match body.get("passwordCredential") {
        Some(Value::Object(asked)) => PASSWORD.check(asked.clone())?,
        None | Some(Value::Null) => serde_json::Map::new(),
        Some(_) => {
            return Err(GraphError::malformed("The parameter 'passwordCredential' is not a passwordCredential."));
        }
    };
    let moment_of = |name: &str| text(&asked, name).parse::<Timestamp>().ok();
    let starts = moment_of("startDateTime").unwrap_or(request.now);
    let ends = moment_of("endDateTime").unwrap_or_else(|| two_years_after(starts));
    check_lifetime(core, request.now, starts, ends)?;
    let secret = new_secret_text().map_err(|error| {
        GraphError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", error.to_string())
    })?;
    let key_id = core.directory.fresh_id();
    let mut shown = json!({
        "customKeyIdentifier": asked.get("customKeyIdentifier"), "displayName": asked.get("displayName"),
        "endDateTime": moment(ends), "hint": secret.get(..3), "keyId": key_id, "secretText": null,
        "startDateTime": moment(starts),
    });
    let works_from = after(request.now, core.settings.replication.secret()).max(starts);
    let stored = StoredSecret { key_id, sha256: sha256(&secret), works_from, ends };
    if let Some(application) = core.directory.applications.get_mut(at) {
        if let Some(all) = application.properties.get_mut("passwordCredentials").and_then(Value::as_array_mut) {
            all.push(shown.clone());
        }
        application.secrets.push(stored);
        core.changed = true;
    }
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("secretText".into(), Value::from(secret));
    }
    let shown = shown.as_object().cloned().unwrap_or_default();
    entity(core, request, "microsoft.graph.passwordCredential", &PASSWORD, shown)
}

fn two_years_after(start: Timestamp) -> Timestamp {
    let end = start.to_zoned(TimeZone::UTC).checked_add(Span::new().years(2));
    end.map_or(start, |end| end.timestamp())
}

fn check_lifetime(core: &Core, now: Timestamp, starts: Timestamp, ends: Timestamp) -> Result<(), GraphError> {
    let policy = core.settings.credentials;
    if !policy.secrets_allowed {
        let message = "Credential type is not allowed as per assigned policy.";
        return Err(GraphError { code: "CredentialTypeNotAllowedAsPerAppPolicy", ..GraphError::bad(message) });
    }
    if ends <= starts || ends <= now {
        return Err(GraphError::bad("Key credential end date is invalid."));
    }
    // A client computes the end from its own clock; a minute of difference must not decide.
    let longest = policy.longest_lifetime_days.map(|days| SignedDuration::from_hours(i64::from(days) * 24));
    if longest.is_some_and(|longest| ends.duration_since(starts) > longest.saturating_add(SignedDuration::from_mins(1)))
    {
        let message = "Credential lifetime exceeds the max value allowed as per assigned policy.";
        return Err(GraphError { code: "CredentialInvalidLifetimeAsPerAppPolicy", ..GraphError::bad(message) });
    }
    Ok(())
}

/// `removePassword`.
pub(super) fn remove(core: &mut Core, request: &Request<'_>, at: usize) -> Result<Reply, GraphError> {
    let body = request.any_body()?;
    let key_id = text(&body, "keyId").to_owned();
    let none = || GraphError::bad(format!("No password credential found with keyId '{key_id}'."));
    let application = core.directory.applications.get_mut(at).ok_or_else(none)?;
    let all = application.properties.get_mut("passwordCredentials").and_then(Value::as_array_mut).ok_or_else(none)?;
    let before = all.len();
    all.retain(|it| !it.get("keyId").and_then(Value::as_str).unwrap_or_default().eq_ignore_ascii_case(&key_id));
    if all.len() == before {
        return Err(none());
    }
    keep_only_shown(application);
    core.changed = true;
    Ok(Reply::nothing())
}

/// Forgets the secrets that are no longer among the application's credentials.
pub(super) fn keep_only_shown(application: &mut Application) {
    let shown: Vec<String> = list(&application.properties, &["passwordCredentials"])
        .iter()
        .filter_map(|it| it.get("keyId").and_then(Value::as_str).map(str::to_owned))
        .collect();
    application.secrets.retain(|secret| shown.contains(&secret.key_id));
}

/// Secrets come from `addPassword` alone.
pub(super) fn not_by_patch() -> GraphError {
    GraphError::bad("Update to existing credential is not allowed; use the addPassword and removePassword methods.")
}
