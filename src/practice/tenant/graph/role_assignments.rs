//! `appRoleAssignedTo` and `appRoleAssignments`: who holds which app role (domain.md 1.1 row 8).

use super::caller::Right;
use super::error::GraphError;
use super::shape::ROLE_ASSIGNMENT;
use super::{Request, created, moment, query};
use crate::practice::tenant::Core;
use crate::practice::tenant::directory::{Properties, RoleAssignment, after, text};
use crate::practice::tenant::reply::Reply;
use axum::http::Method;
use serde_json::{Value, json};

/// The default access: an assignment without a role.
pub(in crate::practice::tenant) const DEFAULT_ACCESS: &str = "00000000-0000-0000-0000-000000000000";

/// From whose side the assignments are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Resource,
    Principal,
}

/// Answers a request below one object's assignments.
pub(super) fn answer(
    core: &mut Core,
    request: &Request<'_>,
    side: Side,
    id: &str,
    entry: Option<&str>,
) -> Result<Reply, GraphError> {
    match (request.method(), entry) {
        (&Method::GET, None) => {
            let all = of(core, side, id).collect();
            query::list(core, request, "appRoleAssignments", &ROLE_ASSIGNMENT, all)
        }
        (&Method::GET, Some(entry)) => {
            let all = of(core, side, id).collect();
            query::one(core, request, "appRoleAssignments/$entity", &ROLE_ASSIGNMENT, all, entry)
        }
        (&Method::POST, None) => create(core, request, side, id),
        (&Method::DELETE, Some(entry)) => delete(core, request, side, id, entry),
        _ => Err(GraphError::method_not_allowed()),
    }
}

fn of(core: &Core, side: Side, id: &str) -> impl Iterator<Item = Properties> {
    let id = id.to_owned();
    core.directory.role_assignments.iter().filter(move |it| is_side(it, side, &id)).map(|it| shown(core, it))
}

fn is_side(assignment: &RoleAssignment, side: Side, id: &str) -> bool {
    match side {
        Side::Resource => assignment.resource_id.eq_ignore_ascii_case(id),
        Side::Principal => assignment.principal_id.eq_ignore_ascii_case(id),
    }
}

/// The kind and name of whoever has this object id.
fn principal(core: &Core, request: &Request<'_>, id: &str) -> Option<(&'static str, String)> {
    let directory = &core.directory;
    if let Some(person) = directory.people.iter().find(|it| it.id.eq_ignore_ascii_case(id)) {
        return Some(("User", person.display_name.clone()));
    }
    if let Some(group) = directory.groups.iter().find(|it| it.id.eq_ignore_ascii_case(id)) {
        return Some(("Group", group.display_name.clone()));
    }
    let found = directory.service_principal_by_id(id).filter(|it| it.visible_from <= request.now);
    found.map(|it| ("ServicePrincipal", text(&it.properties, "displayName").to_owned()))
}

fn shown(core: &Core, assignment: &RoleAssignment) -> Properties {
    let directory = &core.directory;
    let name_of = |id: &str| {
        let principal = directory.service_principal_by_id(id).map(|it| text(&it.properties, "displayName").to_owned());
        let person = || directory.people.iter().find(|it| it.id == id).map(|it| it.display_name.clone());
        let group = || directory.groups.iter().find(|it| it.id == id).map(|it| it.display_name.clone());
        principal.or_else(person).or_else(group)
    };
    let all = json!({
        "id": assignment.id, "deletedDateTime": null, "appRoleId": assignment.app_role_id,
        "createdDateTime": moment(assignment.created), "principalDisplayName": name_of(&assignment.principal_id),
        "principalId": assignment.principal_id, "principalType": assignment.principal_type,
        "resourceDisplayName": name_of(&assignment.resource_id), "resourceId": assignment.resource_id,
    });
    all.as_object().cloned().unwrap_or_default()
}

fn create(core: &mut Core, request: &Request<'_>, side: Side, id: &str) -> Result<Reply, GraphError> {
    request.caller.demand(core, Right::AssignRoles, false)?;
    let body = request.body(&ROLE_ASSIGNMENT)?;
    let (principal_id, resource_id, role_id) =
        (text(&body, "principalId"), text(&body, "resourceId"), text(&body, "appRoleId").to_ascii_lowercase());
    let own_side = if side == Side::Resource { resource_id } else { principal_id };
    if !own_side.eq_ignore_ascii_case(id) || role_id.is_empty() || principal_id.is_empty() || resource_id.is_empty() {
        return Err(GraphError::bad(
            "Invalid request: principalId, resourceId and appRoleId are required and must fit the URL.",
        ));
    }
    let (kind, _) = principal(core, request, principal_id).ok_or_else(|| GraphError::not_found(principal_id))?;
    check_role(core, request, resource_id, &role_id, kind)?;
    let same = |it: &RoleAssignment| {
        it.principal_id == principal_id && it.resource_id == resource_id && it.app_role_id == role_id
    };
    if core.directory.role_assignments.iter().any(same) {
        return Err(GraphError::bad("Permission being assigned already exists on the object."));
    }
    let assignment = RoleAssignment {
        id: core.directory.fresh_id(),
        app_role_id: role_id,
        principal_id: principal_id.to_owned(),
        principal_type: kind.to_owned(),
        resource_id: resource_id.to_owned(),
        created: request.now,
        visible_from: after(request.now, core.settings.replication.assignment()),
    };
    let properties = shown(core, &assignment);
    core.directory.role_assignments.push(assignment);
    core.changed = true;
    created(core, request, "appRoleAssignments/$entity", &ROLE_ASSIGNMENT, properties)
}

/// The role must exist, be enabled, have replicated and be meant for this kind of principal.
fn check_role(
    core: &Core,
    request: &Request<'_>,
    resource_id: &str,
    role_id: &str,
    kind: &str,
) -> Result<(), GraphError> {
    let resource = core.directory.service_principal_by_id(resource_id).filter(|it| it.visible_from <= request.now);
    let resource = resource.ok_or_else(|| GraphError::not_found(resource_id))?;
    if role_id == DEFAULT_ACCESS {
        return Ok(());
    }
    let field =
        |role: &Value, name: &str| role.get(name).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let role = core.directory.exposed_roles(resource).iter().find(|role| field(role, "id") == role_id);
    let application = core.directory.application_by_app_id(resource.app_id());
    let replicated = application.is_none_or(|it| it.permission_is_visible(role_id, request.now));
    let role =
        role.filter(|role| replicated && role.get("isEnabled") == Some(&Value::Bool(true))).ok_or_else(|| {
            GraphError::bad(format!("Permission being assigned was not found on application '{}'.", resource.app_id()))
        })?;
    let wanted = if kind == "ServicePrincipal" { "Application" } else { "User" };
    let allowed = role.get("allowedMemberTypes").and_then(Value::as_array);
    if allowed.is_some_and(|all| all.iter().any(|it| it == wanted)) {
        Ok(())
    } else {
        Err(GraphError::bad("Permission being assigned is not allowed for this type of principal."))
    }
}

fn delete(core: &mut Core, request: &Request<'_>, side: Side, id: &str, entry: &str) -> Result<Reply, GraphError> {
    request.caller.demand(core, Right::AssignRoles, false)?;
    let before = core.directory.role_assignments.len();
    core.directory.role_assignments.retain(|it| !(it.id.eq_ignore_ascii_case(entry) && is_side(it, side, id)));
    if core.directory.role_assignments.len() == before {
        return Err(GraphError::not_found(entry));
    }
    core.changed = true;
    Ok(Reply::nothing())
}
