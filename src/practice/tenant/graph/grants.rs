//! `/oauth2PermissionGrants`: consent for delegated permissions (domain.md 1.1 row 7).

use super::caller::Right;
use super::error::GraphError;
use super::shape::GRANT;
use super::{Key, Request, Segment, created, query};
use crate::practice::tenant::Core;
use crate::practice::tenant::directory::{Directory, Grant, Properties, text};
use crate::practice::tenant::reply::Reply;
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Answers a request below `/oauth2PermissionGrants`.
pub(super) fn answer(
    core: &mut Core,
    request: &Request<'_>,
    key: Option<&Key>,
    rest: &[Segment],
) -> Result<Reply, GraphError> {
    if let Some(other) = rest.first() {
        return Err(GraphError::no_such_segment(&other.name));
    }
    match (request.method(), key) {
        (&Method::GET, None) => {
            let all = live(&core.directory).map(shown).collect();
            query::list(core, request, "oauth2PermissionGrants", &GRANT, all)
        }
        (&Method::GET, Some(key)) => {
            let all = live(&core.directory).map(shown).collect();
            query::one(core, request, "oauth2PermissionGrants/$entity", &GRANT, all, &key.value)
        }
        (&Method::POST, None) => create(core, request),
        (&Method::PATCH, Some(key)) => update(core, request, &key.value),
        (&Method::DELETE, Some(key)) => delete(core, request, &key.value),
        _ => Err(GraphError::method_not_allowed()),
    }
}

/// The grants of one client.
pub(super) fn of_client(core: &Core, request: &Request<'_>, id: &str) -> Result<Reply, GraphError> {
    let all = live(&core.directory).filter(|it| it.client_id.eq_ignore_ascii_case(id)).map(shown).collect();
    query::list(core, request, "oauth2PermissionGrants", &GRANT, all)
}

/// Grants whose client and resource are not deleted.
fn live(directory: &Directory) -> impl Iterator<Item = &Grant> {
    let lives = |id: &str| directory.service_principal_by_id(id).is_some();
    directory.grants.iter().filter(move |it| lives(&it.client_id) && lives(&it.resource_id))
}

fn shown(grant: &Grant) -> Properties {
    let all = json!({
        "clientId": grant.client_id, "consentType": grant.consent_type, "id": grant.id,
        "principalId": grant.principal_id, "resourceId": grant.resource_id, "scope": grant.scope,
    });
    all.as_object().cloned().unwrap_or_default()
}

/// A grant's id is made of whom it is between, so there can be one only.
pub(super) fn id_of(client_id: &str, resource_id: &str, principal_id: Option<&str>) -> String {
    let bytes: Vec<u8> = [Some(client_id), Some(resource_id), principal_id]
        .into_iter()
        .flatten()
        .filter_map(|id| uuid::Uuid::try_parse(id).ok())
        .flat_map(uuid::Uuid::into_bytes)
        .collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Consents for everybody: adds the scopes to the grant between the two, or makes it.
pub(in crate::practice::tenant) fn write_grant(
    directory: &mut Directory,
    client_id: &str,
    resource_id: &str,
    scopes: &[String],
) {
    let existing = directory
        .grants
        .iter_mut()
        .find(|it| it.consent_type == "AllPrincipals" && it.client_id == client_id && it.resource_id == resource_id);
    let add = |held: &str| {
        let mut all: Vec<&str> = held.split_whitespace().collect();
        for scope in scopes {
            if !all.contains(&scope.as_str()) {
                all.push(scope);
            }
        }
        all.join(" ")
    };
    match existing {
        Some(grant) => grant.scope = add(&grant.scope),
        None => directory.grants.push(Grant {
            id: id_of(client_id, resource_id, None),
            client_id: client_id.to_owned(),
            consent_type: "AllPrincipals".into(),
            principal_id: None,
            resource_id: resource_id.to_owned(),
            scope: add(""),
        }),
    }
}

fn create(core: &mut Core, request: &Request<'_>) -> Result<Reply, GraphError> {
    request.caller.demand(core, Right::Consent, false)?;
    let body = request.body(&GRANT)?;
    for required in ["clientId", "consentType", "resourceId"] {
        if text(&body, required).is_empty() {
            let message = format!("A value is required for property '{required}' of resource 'OAuth2PermissionGrant'.");
            return Err(GraphError::bad(message));
        }
    }
    let principal_id = body.get("principalId").and_then(Value::as_str).map(str::to_owned);
    let for_all = text(&body, "consentType") == "AllPrincipals";
    if for_all == principal_id.is_some() {
        return Err(GraphError::invalid_value("principalId", "OAuth2PermissionGrant"));
    }
    let client_id = seen_principal(core, request, text(&body, "clientId"))?;
    let resource_id = seen_principal(core, request, text(&body, "resourceId"))?;
    if principal_id.as_ref().is_some_and(|id| core.directory.person(id).is_none()) {
        return Err(GraphError::not_found(principal_id.as_deref().unwrap_or_default()));
    }
    let id = id_of(&client_id, &resource_id, principal_id.as_deref());
    if live(&core.directory).any(|it| it.id == id) {
        return Err(GraphError::duplicate("Permission entry already exists."));
    }
    let grant = Grant {
        id,
        client_id,
        consent_type: text(&body, "consentType").to_owned(),
        principal_id,
        resource_id,
        scope: text(&body, "scope").to_owned(),
    };
    let properties = shown(&grant);
    core.directory.grants.push(grant);
    core.changed = true;
    created(core, request, "oauth2PermissionGrants/$entity", &GRANT, properties)
}

fn seen_principal(core: &Core, request: &Request<'_>, id: &str) -> Result<String, GraphError> {
    let principal = core.directory.service_principal_by_id(id).filter(|it| it.visible_from <= request.now);
    principal.map(|it| it.id().to_owned()).ok_or_else(|| GraphError::not_found(id))
}

fn find<'a>(core: &'a mut Core, id: &str) -> Result<&'a mut Grant, GraphError> {
    core.directory.grants.iter_mut().find(|it| it.id == id).ok_or_else(|| GraphError::not_found(id))
}

/// Only the scope may change, and it is replaced whole.
fn update(core: &mut Core, request: &Request<'_>, id: &str) -> Result<Reply, GraphError> {
    request.caller.demand(core, Right::Consent, false)?;
    let body = request.body(&GRANT)?;
    let grant = find(core, id)?;
    if let Some(other) = body.keys().find(|name| *name != "scope") {
        return Err(GraphError::bad(format!("Property '{other}' cannot be changed.")));
    }
    text(&body, "scope").clone_into(&mut grant.scope);
    core.changed = true;
    Ok(Reply::nothing())
}

fn delete(core: &mut Core, request: &Request<'_>, id: &str) -> Result<Reply, GraphError> {
    request.caller.demand(core, Right::Consent, false)?;
    find(core, id)?;
    core.directory.grants.retain(|it| it.id != id);
    core.changed = true;
    Ok(Reply::nothing())
}
