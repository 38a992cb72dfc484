//! What Graph refuses about an application's values, though they are of the right kind (domain.md 1.2).

use super::error::GraphError;
use super::new_application_properties;
use crate::practice::tenant::Core;
use crate::practice::tenant::directory::{Application, Properties, list, text};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

/// Redirect URIs of one application (domain.md 1.2).
const MOST_REDIRECT_URIS: usize = 256;
const LONGEST_TEXT: usize = 256;

/// Holds the values after a change against the values before; fills in what Graph fills in.
pub(super) fn check(
    core: &Core,
    at: Option<usize>,
    old: &Properties,
    new: &mut Properties,
    now: Timestamp,
) -> Result<(), GraphError> {
    restore_defaults(new);
    check_names(core, at, old, new)?;
    check_tags(new)?;
    check_redirect_uris(new)?;
    check_permissions(new)?;
    check_enabled_permissions_stay(old, new)?;
    check_identifier_uris(core, at, new)?;
    check_required_access(core, at, old, new, now)?;
    check_password_credentials(old, new)?;
    check_token_version(new)?;
    fill_in(new);
    Ok(())
}

/// A complex property set to null is empty again.
fn restore_defaults(new: &mut Properties) {
    for (name, default) in new_application_properties() {
        if default.is_object() && new.get(&name).is_none_or(Value::is_null) {
            new.insert(name, default);
        }
    }
}

fn others(core: &Core, at: Option<usize>) -> impl Iterator<Item = &Application> {
    // Deleted applications keep their names until they are gone for good (domain.md 1.1 row 10).
    core.directory.applications.iter().enumerate().filter(move |(place, _)| Some(*place) != at).map(|(_, it)| it)
}

fn check_names(core: &Core, at: Option<usize>, old: &Properties, new: &Properties) -> Result<(), GraphError> {
    let name = text(new, "displayName");
    if name.is_empty() || name.chars().count() > LONGEST_TEXT {
        return Err(GraphError::invalid_value("displayName", "Application"));
    }
    let before = old.get("uniqueName").filter(|value| !value.is_null());
    let unique_name = new.get("uniqueName").filter(|value| !value.is_null());
    if before.is_some() && before != unique_name {
        return Err(GraphError::bad("Property 'uniqueName' is immutable and cannot be changed once it is set."));
    }
    let Some(unique_name) = unique_name.and_then(Value::as_str) else { return Ok(()) };
    if unique_name.is_empty() || unique_name.chars().count() > LONGEST_TEXT {
        return Err(GraphError::invalid_value("uniqueName", "Application"));
    }
    if others(core, at).any(|it| it.unique_name() == Some(unique_name)) {
        return Err(GraphError::taken("uniqueName"));
    }
    Ok(())
}

/// Entra's manifest reference: 1 to 256 characters, no white space, no duplicates.
fn check_tags(new: &Properties) -> Result<(), GraphError> {
    let tags: Vec<&str> = list(new, &["tags"]).iter().filter_map(Value::as_str).collect();
    let fine =
        |tag: &&str| !tag.is_empty() && tag.chars().count() <= LONGEST_TEXT && !tag.contains(char::is_whitespace);
    if !tags.iter().all(fine) {
        return Err(GraphError::invalid_value("tags", "Application"));
    }
    refuse_duplicates("tags", &tags)
}

fn refuse_duplicates(property: &str, values: &[&str]) -> Result<(), GraphError> {
    let distinct: BTreeSet<String> = values.iter().map(|value| value.to_ascii_lowercase()).collect();
    if distinct.len() == values.len() {
        Ok(())
    } else {
        Err(GraphError::bad(format!("Request contains a property with duplicate values: '{property}'.")))
    }
}

fn check_redirect_uris(new: &Properties) -> Result<(), GraphError> {
    for platform in ["web", "spa", "publicClient"] {
        let uris: Vec<&str> = list(new, &[platform, "redirectUris"]).iter().filter_map(Value::as_str).collect();
        let fine = |uri: &&str| platform == "publicClient" || is_redirect_uri(uri);
        if uris.len() > MOST_REDIRECT_URIS || !uris.iter().all(fine) {
            return Err(GraphError::invalid_value("redirectUris", "Application"));
        }
        refuse_duplicates("redirectUris", &uris)?;
    }
    Ok(())
}

/// `https`, or `http` for this machine only; no fragment, no wildcard (domain.md 1.2).
fn is_redirect_uri(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let scheme_fits = url.scheme() == "https" || (url.scheme() == "http" && local);
    scheme_fits && text.len() <= LONGEST_TEXT && url.fragment().is_none() && !text.contains('*') && url.has_host()
}

fn permissions(properties: &Properties) -> impl Iterator<Item = &Value> {
    list(properties, &["api", "oauth2PermissionScopes"]).iter().chain(list(properties, &["appRoles"]))
}

/// Ids of all scopes and app roles, lowercase.
pub(super) fn permission_ids(properties: &Properties) -> BTreeSet<String> {
    permissions(properties).map(|it| field(it, "id").to_ascii_lowercase()).collect()
}

fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn check_permissions(new: &Properties) -> Result<(), GraphError> {
    let scopes = list(new, &["api", "oauth2PermissionScopes"]);
    let roles = list(new, &["appRoles"]);
    for scope in scopes {
        require(
            scope,
            "oauth2PermissionScopes",
            &["id", "value", "adminConsentDisplayName", "adminConsentDescription"],
        )?;
    }
    for role in roles {
        require(role, "appRoles", &["id", "displayName", "description"])?;
        if role.get("allowedMemberTypes").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            return Err(GraphError::invalid_value("allowedMemberTypes", "Application"));
        }
    }
    for (property, entries) in [("oauth2PermissionScopes", scopes), ("appRoles", roles)] {
        let values: Vec<&str> = entries.iter().map(|it| field(it, "value")).filter(|value| !value.is_empty()).collect();
        if values.iter().any(|value| value.contains(char::is_whitespace) || value.len() > 120 || value.starts_with('.'))
        {
            return Err(GraphError::invalid_value("value", "Application"));
        }
        refuse_duplicates(property, &values)?;
        let ids: Vec<&str> = entries.iter().map(|it| field(it, "id")).collect();
        refuse_duplicates(property, &ids)?;
    }
    Ok(())
}

fn require(entry: &Value, property: &str, names: &[&str]) -> Result<(), GraphError> {
    match names.iter().find(|name| field(entry, name).is_empty()) {
        Some(missing) => {
            Err(GraphError::bad(format!("A value is required for property '{missing}' of resource '{property}'.")))
        }
        None => Ok(()),
    }
}

/// An enabled scope or role can be neither removed nor renamed.
fn check_enabled_permissions_stay(old: &Properties, new: &Properties) -> Result<(), GraphError> {
    for before in permissions(old) {
        let enabled = before.get("isEnabled").and_then(Value::as_bool).unwrap_or(true);
        let same_id = |it: &&Value| field(it, "id").eq_ignore_ascii_case(field(before, "id"));
        let kept = permissions(new).find(same_id).is_some_and(|it| field(it, "value") == field(before, "value"));
        if enabled && !kept {
            let message = "Permission (scope or role) cannot be deleted or updated unless disabled first.";
            return Err(GraphError { code: "CannotDeleteOrUpdateEnabledEntitlement", ..GraphError::bad(message) });
        }
    }
    Ok(())
}

fn check_identifier_uris(core: &Core, at: Option<usize>, new: &Properties) -> Result<(), GraphError> {
    let uris: Vec<&str> = list(new, &["identifierUris"]).iter().filter_map(Value::as_str).collect();
    refuse_duplicates("identifierUris", &uris)?;
    for uri in uris {
        if !is_identifier_uri(core, text(new, "appId"), uri) {
            let message = format!(
                "Values of identifierUris property must use a verified domain of the organization or its subdomain: '{uri}'"
            );
            return Err(GraphError::bad(message).with_detail("HostNameNotOnVerifiedDomain", "identifierUris"));
        }
        if others(core, at).any(|it| it.identifier_uris().any(|taken| taken.eq_ignore_ascii_case(uri))) {
            return Err(GraphError::taken("identifierUris"));
        }
    }
    Ok(())
}

/// `api://` with the client id or tenant id, or any scheme with a verified domain (identifier-uri-restrictions).
fn is_identifier_uri(core: &Core, app_id: &str, uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    let on_domain = |domain: &String| host == domain || host.ends_with(&format!(".{domain}"));
    let verified = core.directory.organization.domains.iter().any(on_domain);
    let own_ids = scheme == "api" && rest.split('/').any(|part| part == app_id || part == core.tenant_id());
    let no_slash = !uri.ends_with('/');
    no_slash && (own_ids || (verified && matches!(scheme, "api" | "https" | "http")))
}

/// Entries for the application's own scopes must name scopes that exist and have replicated.
fn check_required_access(
    core: &Core,
    at: Option<usize>,
    old: &Properties,
    new: &Properties,
    now: Timestamp,
) -> Result<(), GraphError> {
    let entries = list(new, &["requiredResourceAccess"]);
    let apis: Vec<&str> = entries.iter().map(|entry| field(entry, "resourceAppId")).collect();
    refuse_duplicates("requiredResourceAccess", &apis)?;
    if apis.iter().any(|api| api.is_empty()) {
        return Err(GraphError::invalid_value("resourceAppId", "RequiredResourceAccess"));
    }
    if list(old, &["requiredResourceAccess"]) == entries {
        return Ok(());
    }
    let known = permission_ids(new);
    let application = at.and_then(|at| core.directory.applications.get(at));
    let own = entries.iter().filter(|entry| field(entry, "resourceAppId") == text(new, "appId"));
    for access in own.flat_map(|entry| entry.get("resourceAccess").and_then(Value::as_array).into_iter().flatten()) {
        let id = field(access, "id").to_ascii_lowercase();
        let replicated =
            application.is_some_and(|it| permission_ids(old).contains(&id) && it.permission_is_visible(&id, now));
        if !known.contains(&id) || !replicated {
            let message =
                format!("Permission entry '{id}' in requiredResourceAccess does not exist on the application.");
            return Err(GraphError { code: "PropertyValueInvalid", ..GraphError::bad(message) });
        }
    }
    Ok(())
}

/// `passwordCredentials` can be shortened by PATCH, never lengthened or changed (domain.md 1.1 row 9).
fn check_password_credentials(old: &Properties, new: &Properties) -> Result<(), GraphError> {
    let before = list(old, &["passwordCredentials"]);
    let key_ids: BTreeSet<&str> = before.iter().map(|it| field(it, "keyId")).collect();
    let known = list(new, &["passwordCredentials"]).iter().all(|it| key_ids.contains(field(it, "keyId")));
    if known { Ok(()) } else { Err(super::credentials::not_by_patch()) }
}

fn check_token_version(new: &Properties) -> Result<(), GraphError> {
    let version = new.get("api").and_then(|api| api.get("requestedAccessTokenVersion"));
    match version {
        None | Some(Value::Null) => Ok(()),
        Some(version) if matches!(version.as_i64(), Some(1 | 2)) => Ok(()),
        Some(_) => Err(GraphError::invalid_value("requestedAccessTokenVersion", "Application")),
    }
}

fn fill_in(new: &mut Properties) {
    let scopes = new.get_mut("api").and_then(|api| api.get_mut("oauth2PermissionScopes"));
    for scope in scopes.and_then(Value::as_array_mut).into_iter().flatten() {
        default(scope, "isEnabled", Value::Bool(true));
        default(scope, "type", Value::from("User"));
        default(scope, "userConsentDescription", Value::Null);
        default(scope, "userConsentDisplayName", Value::Null);
    }
    for role in new.get_mut("appRoles").and_then(Value::as_array_mut).into_iter().flatten() {
        default(role, "isEnabled", Value::Bool(true));
        default(role, "origin", Value::from("Application"));
        default(role, "value", Value::Null);
    }
    let claims = new.get_mut("optionalClaims").and_then(Value::as_object_mut);
    for claim in claims.into_iter().flat_map(|all| all.values_mut()).filter_map(Value::as_array_mut).flatten() {
        default(claim, "source", Value::Null);
        default(claim, "essential", Value::Bool(false));
        default(claim, "additionalProperties", Value::Array(Vec::new()));
    }
    if let Some(Value::Object(claims)) = new.get_mut("optionalClaims") {
        for kind in ["idToken", "accessToken", "saml2Token"] {
            claims.entry(kind).or_insert_with(|| Value::Array(Vec::new()));
        }
    }
}

fn default(entry: &mut Value, name: &str, value: Value) {
    if let Some(entry) = entry.as_object_mut() {
        entry.entry(name).or_insert(value);
    }
}
