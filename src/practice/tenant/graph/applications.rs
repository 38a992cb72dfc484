//! `/applications` (domain.md 1.1, rows 1 to 5 and 10).

use super::caller::Right;
use super::error::GraphError;
use super::shape::APPLICATION;
use super::{
    Key, Request, Segment, application_rules, created, credentials, entity, federated_credentials, merge, query,
};
use crate::practice::tenant::Core;
use crate::practice::tenant::directory::{Application, Directory, Properties, after, written};
use crate::practice::tenant::reply::Reply;
use axum::http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ENTITY: &str = "applications/$entity";

/// Answers a request below `/applications`.
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
                Method::GET => show(core, request, at),
                Method::PATCH => update(core, request, at),
                Method::DELETE => delete(core, request, at),
                _ => Err(GraphError::method_not_allowed()),
            }
        }
        (&Method::GET, ["owners"]) => {
            let at = find(core, request, &key)?;
            let owners = core.directory.applications.get(at).map(|it| it.owners.clone()).unwrap_or_default();
            super::people::list_of(core, request, &owners)
        }
        (&Method::POST, ["addPassword" | "microsoft.graph.addPassword"]) => {
            let at = find_owned(core, request, &key)?;
            credentials::add(core, request, at)
        }
        (&Method::POST, ["removePassword" | "microsoft.graph.removePassword"]) => {
            let at = find_owned(core, request, &key)?;
            credentials::remove(core, request, at)
        }
        (_, ["federatedIdentityCredentials", ..]) => {
            let at = if request.method() == Method::GET {
                find(core, request, &key)?
            } else {
                find_owned(core, request, &key)?
            };
            federated_credentials::answer(core, request, at, names.get(1).copied())
        }
        (_, [other, ..]) => Err(GraphError::no_such_segment(other)),
    }
}

/// An application's properties before anything was set, in Graph's order.
pub(in crate::practice::tenant) fn new_application_properties() -> Properties {
    let mut properties = APPLICATION.empty();
    let set = json!({
        "signInAudience": "AzureADMyOrg", "optionalClaims": null,
        "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
        "verifiedPublisher": {"displayName": null, "verifiedPublisherId": null, "addedDateTime": null},
        "web": {"implicitGrantSettings": {"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false}},
    });
    merge(&mut properties, set.as_object().cloned().unwrap_or_default());
    properties
}

fn collection(core: &mut Core, request: &Request<'_>) -> Result<Reply, GraphError> {
    match *request.method() {
        Method::GET => {
            let seen = |it: &&Application| it.deleted.is_none() && it.visible_from <= request.now;
            let all = core.directory.applications.iter().filter(seen).map(|it| it.properties.clone()).collect();
            query::list(core, request, "applications", &APPLICATION, all)
        }
        Method::POST => {
            request.caller.demand(core, Right::WriteApplications, true)?;
            let body = request.body(&APPLICATION)?;
            create(core, request, body)
        }
        _ => Err(GraphError::method_not_allowed()),
    }
}

/// Where the application is, whatever replication says.
fn position(directory: &Directory, key: &Key) -> Result<Option<usize>, GraphError> {
    let is_it = |it: &Application| match key.property.as_str() {
        "id" => Ok(it.id().eq_ignore_ascii_case(&key.value)),
        "appId" => Ok(it.app_id().eq_ignore_ascii_case(&key.value)),
        "uniqueName" => Ok(it.unique_name() == Some(key.value.as_str())),
        other => Err(GraphError::malformed(format!("'{other}' is not a key of type 'microsoft.graph.application'."))),
    };
    for (at, application) in directory.applications.iter().enumerate() {
        if application.deleted.is_none() && is_it(application)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Where the application is, once it has replicated.
fn find(core: &Core, request: &Request<'_>, key: &Key) -> Result<usize, GraphError> {
    let at = position(&core.directory, key)?.ok_or_else(|| GraphError::not_found(&key.value))?;
    let seen = core.directory.applications.get(at).is_some_and(|it| {
        let by_new_name = key.property == "uniqueName" && !request.sees(core, it.unique_name_visible_from);
        request.sees(core, it.visible_from) && !by_new_name
    });
    if seen { Ok(at) } else { Err(GraphError::not_found(&key.value)) }
}

/// The same for a write: the caller must be allowed to.
fn find_owned(core: &Core, request: &Request<'_>, key: &Key) -> Result<usize, GraphError> {
    let at = find(core, request, key)?;
    demand_write(core, request, at)?;
    Ok(at)
}

fn demand_write(core: &Core, request: &Request<'_>, at: usize) -> Result<(), GraphError> {
    let owners = core.directory.applications.get(at).map(|it| it.owners.as_slice()).unwrap_or_default();
    let owns_it = owners.contains(&request.caller.object_id);
    request.caller.demand(core, Right::WriteApplications, owns_it)
}

fn show(core: &Core, request: &Request<'_>, at: usize) -> Result<Reply, GraphError> {
    let properties = core.directory.applications.get(at).map(|it| it.properties.clone()).unwrap_or_default();
    entity(core, request, ENTITY, &APPLICATION, properties)
}

/// `PATCH` with `Prefer: create-if-missing`. Writes go to the primary, so it finds what reads do not see yet.
fn upsert(core: &mut Core, request: &Request<'_>, key: &Key) -> Result<Reply, GraphError> {
    if let Some(at) = position(&core.directory, key)? {
        return update(core, request, at);
    }
    request.caller.demand(core, Right::WriteApplications, true)?;
    if key.property != "uniqueName" {
        return Err(GraphError::not_found(&key.value));
    }
    let mut body = request.body(&APPLICATION)?;
    let named = body.insert("uniqueName".into(), Value::from(key.value.clone()));
    if named.is_some_and(|name| name != key.value.as_str()) {
        return Err(GraphError::bad("The uniqueName in the body does not match the uniqueName in the request URL."));
    }
    create(core, request, body)
}

fn create(core: &mut Core, request: &Request<'_>, body: Properties) -> Result<Reply, GraphError> {
    if !body.get("displayName").is_some_and(Value::is_string) {
        return Err(GraphError::bad("A value is required for property 'displayName' of resource 'Application'."));
    }
    if body.get("passwordCredentials").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        return Err(credentials::not_by_patch());
    }
    let mut properties = new_application_properties();
    merge(&mut properties, body);
    let app_id = core.directory.fresh_id();
    properties.insert("appId".into(), Value::from(app_id));
    application_rules::check(core, None, &Properties::new(), &mut properties, request.now)?;
    let id = core.directory.fresh_id();
    properties.insert("id".into(), Value::from(id));
    properties.insert("createdDateTime".into(), Value::from(written(request.now)));
    let domain = core.directory.organization.domains.first().cloned();
    properties.insert("publisherDomain".into(), json!(domain));
    let owners = if request.caller.is_person { vec![request.caller.object_id.clone()] } else { Vec::new() };
    let mut application = Application {
        properties: properties.clone(),
        visible_from: after(request.now, core.settings.replication.object()),
        unique_name_visible_from: request.now,
        deleted: None,
        secrets: Vec::new(),
        permissions_visible_from: BTreeMap::new(),
        federated_credentials: Vec::new(),
        owners,
    };
    note_new_permissions(core, request, &mut application, &Properties::new());
    core.directory.applications.push(application);
    core.changed = true;
    created(core, request, ENTITY, &APPLICATION, properties)
}

fn update(core: &mut Core, request: &Request<'_>, at: usize) -> Result<Reply, GraphError> {
    demand_write(core, request, at)?;
    let body = request.body(&APPLICATION)?;
    let Some(application) = core.directory.applications.get(at).cloned() else {
        return Err(GraphError::not_found(""));
    };
    let old = application.properties.clone();
    let mut changed = application;
    merge(&mut changed.properties, body);
    application_rules::check(core, Some(at), &old, &mut changed.properties, request.now)?;
    credentials::keep_only_shown(&mut changed);
    note_new_permissions(core, request, &mut changed, &old);
    if old.get("uniqueName").is_none_or(Value::is_null) {
        // An index of its own: the object is found by its ids all the while.
        changed.unique_name_visible_from = after(request.now, core.settings.replication.object());
    }
    if let Some(place) = core.directory.applications.get_mut(at) {
        *place = changed;
        core.changed = true;
    }
    Ok(Reply::nothing())
}

/// Scopes and roles that were not there before can be referred to only once they have replicated.
fn note_new_permissions(core: &Core, request: &Request<'_>, application: &mut Application, old: &Properties) {
    let from = after(request.now, core.settings.replication.permission());
    let before = application_rules::permission_ids(old);
    for id in application_rules::permission_ids(&application.properties) {
        if !before.contains(&id) {
            application.permissions_visible_from.insert(id, from);
        }
    }
}

/// Deletes softly; its service principal goes with it.
fn delete(core: &mut Core, request: &Request<'_>, at: usize) -> Result<Reply, GraphError> {
    demand_write(core, request, at)?;
    let now = request.now;
    let Some(application) = core.directory.applications.get_mut(at) else {
        return Err(GraphError::not_found(""));
    };
    application.deleted = Some(now);
    application.properties.insert("deletedDateTime".into(), Value::from(written(now)));
    let app_id = application.app_id().to_owned();
    let principals = core.directory.service_principals.iter_mut();
    for principal in principals.filter(|it| it.deleted.is_none() && it.app_id() == app_id) {
        principal.deleted = Some(now);
    }
    core.changed = true;
    Ok(Reply::nothing())
}
