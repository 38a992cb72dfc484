//! `/directory/deletedItems`: what was deleted, for thirty days (domain.md 1.1 row 10).

use super::caller::Right;
use super::error::GraphError;
use super::shape::{APPLICATION, SERVICE_PRINCIPAL};
use super::{Key, Request, Segment, entity, query, service_principals};
use crate::practice::tenant::Core;
use crate::practice::tenant::directory::{Properties, text, written};
use crate::practice::tenant::reply::Reply;
use axum::http::Method;
use serde_json::Value;

/// Answers a request below `/directory`.
pub(super) fn answer(
    core: &mut Core,
    request: &Request<'_>,
    key: Option<&Key>,
    rest: &[Segment],
) -> Result<Reply, GraphError> {
    let is_deleted_items = key.is_some_and(|key| key.value == "deletedItems");
    let names: Vec<&str> = rest.iter().map(|segment| segment.name.as_str()).collect();
    if !is_deleted_items {
        return Err(GraphError::no_such_segment(key.map_or("directory", |key| &key.value)));
    }
    match (request.method(), names.as_slice()) {
        (&Method::GET, ["microsoft.graph.application" | "application"]) => {
            query::list(core, request, "applications", &APPLICATION, applications(core))
        }
        (&Method::GET, ["microsoft.graph.servicePrincipal" | "servicePrincipal"]) => {
            query::list(core, request, "servicePrincipals", &SERVICE_PRINCIPAL, principals(core))
        }
        (&Method::GET, [id]) => show(core, request, id),
        (&Method::DELETE, [id]) => purge(core, request, id),
        (&Method::POST, [id, "restore" | "microsoft.graph.restore"]) => restore(core, request, id),
        _ => Err(GraphError::method_not_allowed()),
    }
}

fn applications(core: &Core) -> Vec<Properties> {
    core.directory.applications.iter().filter(|it| it.deleted.is_some()).map(|it| it.properties.clone()).collect()
}

fn principals(core: &Core) -> Vec<Properties> {
    let deleted = core.directory.service_principals.iter().filter_map(|it| Some((it, it.deleted?)));
    deleted
        .map(|(it, at)| {
            let mut shown = service_principals::shown(core, it);
            shown.insert("deletedDateTime".into(), Value::from(written(at)));
            shown
        })
        .collect()
}

fn show(core: &Core, request: &Request<'_>, id: &str) -> Result<Reply, GraphError> {
    let is_it = |it: &Properties| text(it, "id").eq_ignore_ascii_case(id);
    if let Some(found) = applications(core).into_iter().find(is_it) {
        return entity(core, request, "directoryObjects/$entity", &APPLICATION, found);
    }
    let found = principals(core).into_iter().find(is_it).ok_or_else(|| GraphError::not_found(id))?;
    entity(core, request, "directoryObjects/$entity", &SERVICE_PRINCIPAL, found)
}

/// Whether the id is a deleted application's; refuses what is not deleted.
fn is_application(core: &Core, id: &str) -> Result<bool, GraphError> {
    let is = |objects: Vec<Properties>| objects.iter().any(|it| text(it, "id").eq_ignore_ascii_case(id));
    if is(applications(core)) {
        Ok(true)
    } else if is(principals(core)) {
        Ok(false)
    } else {
        Err(GraphError::not_found(id))
    }
}

/// Deletes for good, with everything that hung on it; its names are free again.
fn purge(core: &mut Core, request: &Request<'_>, id: &str) -> Result<Reply, GraphError> {
    let is_application = is_application(core, id)?;
    request.caller.demand(core, Right::WriteApplications, false)?;
    let directory = &mut core.directory;
    let mut gone = vec![id.to_ascii_lowercase()];
    if is_application {
        let app_id =
            directory.applications.iter().find(|it| it.id().eq_ignore_ascii_case(id)).map(|it| it.app_id().to_owned());
        let theirs = directory
            .service_principals
            .iter()
            .filter(|it| it.deleted.is_some() && Some(it.app_id()) == app_id.as_deref());
        gone.extend(theirs.map(|it| it.id().to_ascii_lowercase()));
    }
    let is_gone = |id: &str| gone.contains(&id.to_ascii_lowercase());
    directory.applications.retain(|it| !is_gone(it.id()));
    directory.service_principals.retain(|it| !is_gone(it.id()));
    directory.grants.retain(|it| !is_gone(&it.client_id) && !is_gone(&it.resource_id));
    directory.role_assignments.retain(|it| !is_gone(&it.principal_id) && !is_gone(&it.resource_id));
    core.changed = true;
    Ok(Reply::nothing())
}

fn restore(core: &mut Core, request: &Request<'_>, id: &str) -> Result<Reply, GraphError> {
    let is_application = is_application(core, id)?;
    request.caller.demand(core, Right::WriteApplications, true)?;
    if !is_application {
        let principal = core.directory.service_principals.iter_mut().find(|it| it.id().eq_ignore_ascii_case(id));
        let Some(principal) = principal else { return Err(GraphError::not_found(id)) };
        principal.deleted = None;
        let principal = principal.clone();
        core.changed = true;
        let shown = service_principals::shown(core, &principal);
        return entity(core, request, "directoryObjects/$entity", &SERVICE_PRINCIPAL, shown);
    }
    let application = core.directory.applications.iter_mut().find(|it| it.id().eq_ignore_ascii_case(id));
    let Some(application) = application else { return Err(GraphError::not_found(id)) };
    application.deleted = None;
    application.properties.insert("deletedDateTime".into(), Value::Null);
    let (app_id, properties) = (application.app_id().to_owned(), application.properties.clone());
    for principal in core.directory.service_principals.iter_mut().filter(|it| it.app_id() == app_id) {
        principal.deleted = None;
    }
    core.changed = true;
    entity(core, request, "directoryObjects/$entity", &APPLICATION, properties)
}
