//! `/servicePrincipals` (domain.md 1.1 rows 6 to 8).

use super::caller::Right;
use super::error::GraphError;
use super::shape::SERVICE_PRINCIPAL;
use super::{Key, Request, Segment, created, entity, grants, merge, query, role_assignments};
use crate::practice::tenant::Core;
use crate::practice::tenant::directory::{Directory, Properties, ServicePrincipal, after, list, text};
use crate::practice::tenant::reply::Reply;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

const ENTITY: &str = "servicePrincipals/$entity";

/// Answers a request below `/servicePrincipals`.
pub(super) fn answer(
    core: &mut Core,
    request: &Request<'_>,
    key: Option<Key>,
    rest: &[Segment],
) -> Result<Reply, GraphError> {
    let Some(key) = key else { return collection(core, request) };
    let names: Vec<&str> = rest.iter().map(|segment| segment.name.as_str()).collect();
    match (request.method(), names.as_slice()) {
        (&Method::PATCH, []) if request.may_create() => upsert(core, request, &key),
        (method, []) => {
            let at = find(core, request, &key)?;
            match *method {
                Method::GET => {
                    let shown = core.directory.service_principals.get(at).map(|it| shown(core, it)).unwrap_or_default();
                    entity(core, request, ENTITY, &SERVICE_PRINCIPAL, shown)
                }
                Method::PATCH => update(core, request, at),
                Method::DELETE => delete(core, request, at),
                _ => Err(GraphError::method_not_allowed()),
            }
        }
        (_, [relation, rest @ ..]) => {
            let at = find(core, request, &key)?;
            let id = core.directory.service_principals.get(at).map(|it| it.id().to_owned()).unwrap_or_default();
            related(core, request, &id, relation, rest.first().copied())
        }
    }
}

fn related(
    core: &mut Core,
    request: &Request<'_>,
    id: &str,
    relation: &str,
    entry: Option<&str>,
) -> Result<Reply, GraphError> {
    match relation {
        "appRoleAssignedTo" => role_assignments::answer(core, request, role_assignments::Side::Resource, id, entry),
        "appRoleAssignments" => role_assignments::answer(core, request, role_assignments::Side::Principal, id, entry),
        "oauth2PermissionGrants" if request.method() == Method::GET => grants::of_client(core, request, id),
        "owners" | "memberOf" | "transitiveMemberOf" | "ownedObjects" if request.method() == Method::GET => {
            super::people::list_of(core, request, &[])
        }
        other => Err(GraphError::no_such_segment(other)),
    }
}

fn collection(core: &mut Core, request: &Request<'_>) -> Result<Reply, GraphError> {
    match *request.method() {
        Method::GET => {
            let seen = |it: &&ServicePrincipal| it.deleted.is_none() && it.visible_from <= request.now;
            let all = core.directory.service_principals.iter().filter(seen).map(|it| shown(core, it)).collect();
            query::list(core, request, "servicePrincipals", &SERVICE_PRINCIPAL, all)
        }
        Method::POST => {
            let body = request.body(&SERVICE_PRINCIPAL)?;
            demand_for(core, request, text(&body, "appId"))?;
            create(core, request, body)
        }
        _ => Err(GraphError::method_not_allowed()),
    }
}

fn position(directory: &Directory, key: &Key) -> Result<Option<usize>, GraphError> {
    let is_it: fn(&ServicePrincipal, &str) -> bool = match key.property.as_str() {
        "id" => |it, value| it.id().eq_ignore_ascii_case(value),
        "appId" => |it, value| it.app_id().eq_ignore_ascii_case(value),
        other => {
            let message = format!("'{other}' is not a key of type 'microsoft.graph.servicePrincipal'.");
            return Err(GraphError::malformed(message));
        }
    };
    Ok(directory.service_principals.iter().position(|it| it.deleted.is_none() && is_it(it, &key.value)))
}

fn find(core: &Core, request: &Request<'_>, key: &Key) -> Result<usize, GraphError> {
    let at = position(&core.directory, key)?.ok_or_else(|| GraphError::not_found(&key.value))?;
    let seen = core.directory.service_principals.get(at).is_some_and(|it| request.sees(core, it.visible_from));
    if seen { Ok(at) } else { Err(GraphError::not_found(&key.value)) }
}

/// An owner of the application may write its service principal.
fn demand_for(core: &Core, request: &Request<'_>, app_id: &str) -> Result<(), GraphError> {
    let application = core.directory.application_by_app_id(app_id);
    let owns_it = application.is_some_and(|it| it.owners.contains(&request.caller.object_id));
    request.caller.demand(core, Right::WriteApplications, owns_it)
}

fn upsert(core: &mut Core, request: &Request<'_>, key: &Key) -> Result<Reply, GraphError> {
    if let Some(at) = position(&core.directory, key)? {
        return update(core, request, at);
    }
    if key.property != "appId" {
        return Err(GraphError::not_found(&key.value));
    }
    demand_for(core, request, &key.value)?;
    let mut body = request.body(&SERVICE_PRINCIPAL)?;
    let named = body.insert("appId".into(), Value::from(key.value.clone()));
    if named.is_some_and(|name| name != key.value.as_str()) {
        return Err(GraphError::bad("The appId in the body does not match the appId in the request URL."));
    }
    create(core, request, body)
}

fn create(core: &mut Core, request: &Request<'_>, body: Properties) -> Result<Reply, GraphError> {
    let app_id = text(&body, "appId").to_owned();
    let application = core.directory.application_by_app_id(&app_id).filter(|it| it.visible_from <= request.now);
    let Some(application) = application else {
        let message =
            format!("The appId '{app_id}' of the service principal does not reference a valid application object.");
        return Err(GraphError::bad(message).with_detail("NoBackingApplicationObject", "appId"));
    };
    if core.directory.service_principal_by_app_id(&app_id).is_some() {
        return Err(GraphError::duplicate(format!(
            "The service principal cannot be created, updated, or restored because the service principal name {app_id} is \
             already in use."
        )));
    }
    let name = application.properties.get("displayName").cloned();
    let mut properties = Properties::new();
    properties.insert("id".into(), Value::Null);
    properties.insert("deletedDateTime".into(), Value::Null);
    properties.insert("accountEnabled".into(), Value::Bool(true));
    properties.insert("appRoleAssignmentRequired".into(), Value::Bool(false));
    properties.insert("createdDateTime".into(), super::moment(request.now));
    properties.insert("displayName".into(), json!(name));
    properties.insert("servicePrincipalType".into(), json!("Application"));
    properties.insert("tags".into(), json!([]));
    merge(&mut properties, body);
    let id = core.directory.fresh_id();
    properties.insert("id".into(), Value::from(id));
    let visible_from = after(request.now, core.settings.replication.object());
    let principal = ServicePrincipal { properties, visible_from, deleted: None, federated_credentials: Vec::new() };
    let shown = shown(core, &principal);
    core.directory.service_principals.push(principal);
    core.changed = true;
    created(core, request, ENTITY, &SERVICE_PRINCIPAL, shown)
}

fn update(core: &mut Core, request: &Request<'_>, at: usize) -> Result<Reply, GraphError> {
    let app_id = core.directory.service_principals.get(at).map(|it| it.app_id().to_owned()).unwrap_or_default();
    demand_for(core, request, &app_id)?;
    let body = request.body(&SERVICE_PRINCIPAL)?;
    if body.get("appId").is_some_and(|it| it != app_id.as_str()) {
        return Err(GraphError::bad("Property 'appId' is immutable and cannot be changed once it is set."));
    }
    if let Some(principal) = core.directory.service_principals.get_mut(at) {
        merge(&mut principal.properties, body);
        core.changed = true;
    }
    Ok(Reply::nothing())
}

fn delete(core: &mut Core, request: &Request<'_>, at: usize) -> Result<Reply, GraphError> {
    let Some(principal) = core.directory.service_principals.get(at) else {
        return Err(GraphError::not_found(""));
    };
    if core.directory.application_by_app_id(principal.app_id()).is_none() {
        let message = "Specified App Principal ID is marked as undeletable by Microsoft.";
        return Err(GraphError::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message));
    }
    demand_for(core, request, principal.app_id())?;
    if let Some(principal) = core.directory.service_principals.get_mut(at) {
        principal.deleted = Some(request.now);
        core.changed = true;
    }
    Ok(Reply::nothing())
}

/// The names a resource may be asked for by: its client id and identifier URIs.
pub(in crate::practice::tenant) fn names(directory: &Directory, principal: &ServicePrincipal) -> Vec<String> {
    if let Some(application) = directory.application_by_app_id(principal.app_id()) {
        return std::iter::once(application.app_id()).chain(application.identifier_uris()).map(str::to_owned).collect();
    }
    let own = list(&principal.properties, &["servicePrincipalNames"]);
    own.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A service principal as Graph shows it: what it shares with its application comes from there.
pub(super) fn shown(core: &Core, principal: &ServicePrincipal) -> Properties {
    let mut shown = principal.properties.clone();
    let directory = &core.directory;
    shown.insert("servicePrincipalNames".into(), json!(names(directory, principal)));
    shown.insert("appRoles".into(), json!(directory.exposed_roles(principal)));
    shown.insert("oauth2PermissionScopes".into(), json!(directory.exposed_scopes(principal)));
    if let Some(application) = directory.application_by_app_id(principal.app_id()) {
        let of = |name: &str| application.properties.get(name).cloned().unwrap_or(Value::Null);
        shown.insert("appDisplayName".into(), of("displayName"));
        shown.insert("appOwnerOrganizationId".into(), json!(core.tenant_id()));
        shown.insert("signInAudience".into(), of("signInAudience"));
        shown.insert("replyUrls".into(), json!(list(&application.properties, &["web", "redirectUris"])));
    }
    for (name, empty) in [("passwordCredentials", json!([])), ("keyCredentials", json!([])), ("addIns", json!([]))] {
        shown.entry(name).or_insert(empty);
    }
    for name in ["homepage", "loginUrl", "logoutUrl", "notes", "description", "preferredSingleSignOnMode"] {
        shown.entry(name).or_insert(Value::Null);
    }
    shown
}
