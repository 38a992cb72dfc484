//! Pure: an application that was there before us, and the record of what it got from us.
//!
//! The record is a list of tags, written in the same request as what it records, so that no end of a run can part the two
//! (docs/decisions/adopting.md). Of what was added, a reader asks whether its tag is there; only what was before is read.

use super::wire::{AccessEntry, Application, ApplicationPatch, OptionalClaim, ResourceAccess};
use std::fmt::Write as _;
use uuid::Uuid;

/// Marks an application that was taken over: it is never deleted, and never renamed unless that is asked for.
pub const ADOPTED_TAG: &str = "gatewright:adopted";

/// The longest tag (Entra's manifest reference).
const LONGEST_TAG: usize = 256;

/// That an application is to be taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adoption {
    /// The alternate key that it gets; it can be set once.
    pub unique_name: String,
    /// Tags for what it lacks outside of itself: consents, a service principal.
    pub besides: Vec<String>,
}

/// The tag that says that `what`, a thing of this `kind`, was added by us.
pub fn added(kind: &str, what: &str) -> String {
    tag("added", kind, what)
}

/// The tag that says that `what` of this `kind` is others', though it looks like ours.
pub fn kept(kind: &str, what: &str) -> String {
    tag("kept", kind, what)
}

/// The tag that says what the setting `kind` was before us.
pub fn was(kind: &str, before: &str) -> String {
    tag("was", kind, before)
}

/// Tags have no white space, which is percent-encoded, and at most 256 characters; what does not fit stands in it as a UUID of
/// itself.
fn tag(verb: &str, kind: &str, what: &str) -> String {
    let mut encoded = String::new();
    for character in what.chars() {
        if character == '%' || character.is_whitespace() {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                let _infallible = write!(encoded, "%{byte:02X}");
            }
        } else {
            encoded.push(character);
        }
    }
    let what = encoded;
    let whole = format!("gatewright:{verb}:{kind}:{what}");
    if whole.chars().count() <= LONGEST_TAG {
        return whole;
    }
    format!("gatewright:{verb}:{kind}:{}", Uuid::new_v5(&Uuid::NAMESPACE_URL, what.as_bytes()))
}

/// What the setting `kind` was before us; `None` where the record does not say, or could not hold it.
pub(super) fn what_was(tags: &[String], kind: &str) -> Option<String> {
    let beginning = was(kind, "");
    let encoded = tags.iter().find_map(|tag| tag.strip_prefix(&beginning))?;
    let whole = beginning.chars().count() + encoded.chars().count() < LONGEST_TAG;
    if !whole || Uuid::parse_str(encoded).is_ok() {
        return None;
    }
    let mut bytes = Vec::new();
    let mut left = encoded;
    while let Some((before, escaped)) = left.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(escaped.get(..2)?, 16).ok()?);
        left = escaped.get(2..)?;
    }
    bytes.extend_from_slice(left.as_bytes());
    String::from_utf8(bytes).ok()
}

fn says_what_was(tags: &[String], kind: &str) -> bool {
    let beginning = was(kind, "");
    tags.iter().any(|tag| tag.starts_with(&beginning))
}

impl Application {
    /// Whether it was there before us and has been taken over.
    pub fn is_adopted(&self) -> bool {
        self.tags.iter().any(|tag| tag == ADOPTED_TAG)
    }

    /// Whether it was taken over once and has been given back since: the unique name, which can never be taken away, is left.
    pub fn is_given_back(&self) -> bool {
        self.is_adopted() && !self.tags.iter().any(|tag| is_of_installation(tag))
    }

    /// As it will be once `patch` is applied.
    #[must_use]
    pub fn with(&self, patch: &ApplicationPatch) -> Self {
        let patch = patch.clone();
        let mut after = self.clone();
        after.unique_name = patch.unique_name.or(after.unique_name);
        after.sign_in_audience = patch.sign_in_audience.or(after.sign_in_audience);
        after.optional_claims = patch.optional_claims.or(after.optional_claims);
        set(&mut after.display_name, patch.display_name);
        set(&mut after.identifier_uris, patch.identifier_uris);
        set(&mut after.tags, patch.tags);
        set(&mut after.web.redirect_uris, patch.web.and_then(|web| web.redirect_uris));
        set(&mut after.app_roles, patch.app_roles);
        set(&mut after.required_resource_access, patch.required_resource_access);
        if let Some(api) = patch.api {
            let version = api.requested_access_token_version;
            after.api.requested_access_token_version = version.or(after.api.requested_access_token_version);
            set(&mut after.api.oauth2_permission_scopes, api.oauth2_permission_scopes);
        }
        after
    }
}

/// Whether a tag names an installation: `gatewright:CLUSTER/NAMESPACE/APPLICATION`.
pub fn is_of_installation(tag: &str) -> bool {
    tag.strip_prefix("gatewright:").is_some_and(|rest| rest.contains('/') && !rest.contains(':'))
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// The record of what `after` has that `before` has not.
pub(super) fn record(before: &Application, after: &Application) -> Vec<String> {
    let new = |kind: &str, before: Vec<String>, after: Vec<String>| -> Vec<String> {
        after.into_iter().filter(|value| !before.contains(value)).map(|value| added(kind, &value)).collect()
    };
    let mut tags = new("redirect-uri", before.web.redirect_uris.clone(), after.web.redirect_uris.clone());
    tags.extend(new("identifier-uri", before.identifier_uris.clone(), after.identifier_uris.clone()));
    tags.extend(record_permissions("scope", &scopes(before), scopes(after)));
    tags.extend(record_permissions("role", &roles(before), roles(after)));
    tags.extend(new("permission", permissions(before), permissions(after)));
    tags.extend(new("claim", claims(before), claims(after)));
    let version = |application: &Application| {
        application.api.requested_access_token_version.map_or_else(|| "none".to_owned(), |version| version.to_string())
    };
    let changed = [
        ("token-version", version(before), version(after)),
        ("display-name", before.display_name.clone(), after.display_name.clone()),
    ];
    for (kind, earlier, later) in changed {
        // What it was before us is said once: a later change back and forth is somebody's who knows us.
        if earlier != later && !says_what_was(&before.tags, kind) {
            tags.push(was(kind, &earlier));
        }
    }
    tags
}

/// The ids of scopes, and whether each can be used.
fn scopes(application: &Application) -> Vec<(String, bool)> {
    application.api.oauth2_permission_scopes.iter().map(|scope| (scope.id.to_string(), scope.is_enabled)).collect()
}

/// The ids of app roles, and whether each can be used.
fn roles(application: &Application) -> Vec<(String, bool)> {
    application.app_roles.iter().map(|role| (role.id.to_string(), role.is_enabled)).collect()
}

/// What was there and could not be used was not added: it is recorded as enabled.
fn record_permissions(kind: &str, before: &[(String, bool)], after: Vec<(String, bool)>) -> Vec<String> {
    let mut tags = Vec::new();
    for (id, enabled) in after {
        match before.iter().find(|(earlier, _)| *earlier == id) {
            None => tags.push(added(kind, &id)),
            Some((_, false)) if enabled => tags.push(added(&format!("use-of-{kind}"), &id)),
            Some(_) => {}
        }
    }
    tags
}

fn permissions(application: &Application) -> Vec<String> {
    let of = |resource: &ResourceAccess| {
        let id = resource.resource_app_id.clone();
        resource
            .resource_access
            .iter()
            .map(move |AccessEntry { id: permission, kind }| format!("{id}/{kind}/{permission}"))
            .collect::<Vec<_>>()
    };
    application.required_resource_access.iter().flat_map(of).collect()
}

fn claims(application: &Application) -> Vec<String> {
    let Some(claims) = &application.optional_claims else { return Vec::new() };
    let named = |token: &str, claims: &[OptionalClaim]| -> Vec<String> {
        claims.iter().map(|claim| format!("{token}/{}", claim.name)).collect()
    };
    [named("idToken", &claims.id_token), named("accessToken", &claims.access_token)].concat()
}

#[cfg(test)]
mod tests {
    use super::{ADOPTED_TAG, added, tag, was, what_was};

    #[test]
    fn given_anything_that_is_recorded_then_its_tag_is_one_that_entra_takes() {
        let long = "ö ".repeat(200);
        for what in ["https://a.example.com/oauth2/callback", "Meine App\u{a0}2", &long, "100% a"] {
            let tag = tag("was", "display-name", what);
            assert!(tag.chars().count() <= 256 && !tag.contains(char::is_whitespace), "{tag}");
        }
        assert_ne!(tag("was", "display-name", &long), tag("was", "display-name", &format!("{long}x")));
        assert_eq!(what_was(&[was("display-name", "Ä 100% b")], "display-name").as_deref(), Some("Ä 100% b"));
        assert_eq!(what_was(&[was("display-name", &long)], "display-name"), None);
        assert_ne!(added("scope", "a"), ADOPTED_TAG);
    }
}
