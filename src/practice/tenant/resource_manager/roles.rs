//! Role definitions and role assignments (domain.md 8).

use super::{Call, Caller, Core, Refusal, Reply, SUBSCRIPTION, Scope, is, must_be_served};
use crate::practice::tenant::directory::{after, text};
use crate::practice::tenant::seed;
use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The versions of both types that are served (Azure REST reference, Authorization).
const VERSIONS: &[&str] = &[
    "2015-07-01",
    "2018-01-01-preview",
    "2020-04-01-preview",
    "2020-08-01-preview",
    "2020-10-01-preview",
    "2022-01-01-preview",
    "2022-04-01",
    "2022-05-01-preview",
];

/// What a role lets its holder do with the records of a zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Records {
    Nothing,
    Read,
    Write,
}

/// The built-in roles that matter here: id, name, and what they are good for at a zone's records.
const ROLES: &[(&str, &str, Records)] = &[
    ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", Records::Write),
    ("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor", Records::Write),
    ("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", Records::Read),
    ("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "User Access Administrator", Records::Read),
    ("befefa01-2a29-4197-83a8-272ff33ce314", "DNS Zone Contributor", Records::Write),
    ("b12aa53e-6015-4669-85d0-8515ebb3ae7f", "Private DNS Zone Contributor", Records::Nothing),
];
const DNS_ZONE_CONTRIBUTOR: &str = "befefa01-2a29-4197-83a8-272ff33ce314";

/// A role on something, given to somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::practice::tenant) struct RoleAssignment {
    name: String,
    scope: String,
    role: String,
    principal_id: String,
    principal_type: String,
    description: Option<String>,
    created: Timestamp,
    created_by: String,
    /// Rights take effect a while after the assignment is there.
    effective_from: Timestamp,
}

impl RoleAssignment {
    /// What the platform's own issuers rest on.
    pub(super) fn of_the_platform(zone: &str) -> Self {
        Self {
            name: seed::fixed_id("role of the platform's cert-manager"),
            scope: zone.to_owned(),
            role: DNS_ZONE_CONTRIBUTOR.to_owned(),
            principal_id: seed::fixed_id(&format!("service principal {}", seed::PLATFORM_IDENTITY)),
            principal_type: "ServicePrincipal".to_owned(),
            description: None,
            created: Timestamp::UNIX_EPOCH,
            created_by: seed::fixed_id("person ada"),
            effective_from: Timestamp::UNIX_EPOCH,
        }
    }

    fn id(&self) -> String {
        format!("{}/providers/Microsoft.Authorization/roleAssignments/{}", self.scope, self.name)
    }

    fn shown(&self) -> Value {
        json!({
            "id": self.id(), "name": self.name, "type": "Microsoft.Authorization/roleAssignments",
            "properties": {
                "roleDefinitionId": definition_id(&self.role), "principalId": self.principal_id,
                "principalType": self.principal_type, "scope": self.scope, "condition": null, "conditionVersion": null,
                "createdOn": self.created, "updatedOn": self.created, "createdBy": self.created_by,
                "updatedBy": self.created_by, "delegatedManagedIdentityResourceId": null, "description": self.description,
            },
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        is(&self.scope, &other.scope) && self.role == other.role && is(&self.principal_id, &other.principal_id)
    }
}

fn definition_id(role: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}")
}

/// Answers a request for `kind` at `scope`.
pub(super) fn answer(
    core: &mut Core,
    call: &Call,
    caller: &Caller,
    scope: &Scope,
    kind: &str,
    name: &[&str],
) -> Result<Reply, Refusal> {
    match (kind.to_ascii_lowercase().as_str(), &call.method, name) {
        ("roledefinitions", _, _) => {
            must_be_served(call, "roleDefinitions", VERSIONS)?;
            definitions(call, name)
        }
        ("permissions", method, []) if method == Method::GET => {
            must_be_served(call, "permissions", VERSIONS)?;
            let actions = if core.settings.rights.may_assign_azure_roles { "*" } else { "*/read" };
            Ok(Reply::ok(json!({"value": [{
                "actions": [actions], "notActions": [], "dataActions": [], "notDataActions": [],
            }]})))
        }
        ("roleassignments", method, []) if method == Method::GET => {
            must_be_served(call, "roleAssignments", VERSIONS)?;
            list(core, call, scope)
        }
        ("roleassignments", method, [name]) => {
            must_be_served(call, "roleAssignments", VERSIONS)?;
            match *method {
                Method::GET => get(core, scope, name),
                Method::PUT => put(core, call, caller, scope, name),
                Method::DELETE => {
                    allowed(core, caller, scope, "Microsoft.Authorization/roleAssignments/delete")?;
                    Ok(delete(core, scope, name))
                }
                _ => Err(Refusal::method_not_allowed(call)),
            }
        }
        _ => Err(Refusal::unknown(call)),
    }
}

fn definitions(call: &Call, name: &[&str]) -> Result<Reply, Refusal> {
    let shown = |(id, name, _): &(&str, &str, Records)| {
        json!({
            "id": definition_id(id), "name": id, "type": "Microsoft.Authorization/roleDefinitions",
            "properties": {
                "roleName": name, "type": "BuiltInRole", "description": name, "assignableScopes": ["/"], "permissions": [],
            },
        })
    };
    match name {
        [] => {
            let wanted = call.query("$filter").and_then(|filter| quoted_after(filter, "roleName eq "));
            let found = ROLES.iter().filter(|(_, name, _)| wanted.as_deref().is_none_or(|wanted| is(name, wanted)));
            Ok(Reply::ok(json!({"value": found.map(shown).collect::<Vec<_>>()})))
        }
        [id] => ROLES.iter().find(|(known, ..)| is(known, id)).map(|role| Reply::ok(shown(role))).ok_or_else(|| {
            Refusal::not_found(
                "RoleDefinitionDoesNotExist",
                format!("The specified role definition with ID '{}' does not exist.", bare(id)),
            )
        }),
        _ => Err(Refusal::unknown(call)),
    }
}

/// The text in quotes behind `words`.
fn quoted_after(filter: &str, words: &str) -> Option<String> {
    let (_, rest) = filter.split_once(words)?;
    let (value, _) = rest.strip_prefix('\'')?.split_once('\'')?;
    Some(value.to_owned())
}

/// A GUID as messages have it.
fn bare(id: &str) -> String {
    id.replace('-', "")
}

fn list(core: &Core, call: &Call, scope: &Scope) -> Result<Reply, Refusal> {
    let filter = call.query("$filter").unwrap_or_default();
    let (mut principal, mut only_at_scope) = (None, false);
    for part in filter.split(" and ").map(str::trim).filter(|part| !part.is_empty()) {
        if part == "atScope()" {
            only_at_scope = true;
        } else if let Some(id) = quoted_after(part, "assignedTo(").or_else(|| quoted_after(part, "principalId eq ")) {
            principal = Some(id);
        } else {
            return Err(Refusal::bad_request(
                "UnsupportedQuery",
                format!(
                    "The filter '{filter}' is not supported. Supported are atScope(), assignedTo('id') and principalId eq 'id'."
                ),
            ));
        }
    }
    let now = core.now();
    let found = core.directory.azure.role_assignments.iter().filter(|held| {
        let near = scope.is_at_or_below(&held.scope) || (!only_at_scope && scope.is_above(&held.scope));
        near && held.created <= now && principal.as_deref().is_none_or(|id| is(id, &held.principal_id))
    });
    Ok(Reply::ok(json!({"value": found.map(RoleAssignment::shown).collect::<Vec<_>>()})))
}

fn get(core: &Core, scope: &Scope, name: &str) -> Result<Reply, Refusal> {
    let found = core.directory.azure.role_assignments.iter().find(|held| is_at(held, scope, name));
    found.map(|held| Reply::ok(held.shown())).ok_or_else(|| {
        Refusal::not_found("RoleAssignmentNotFound", format!("The role assignment '{}' is not found.", bare(name)))
    })
}

fn is_at(held: &RoleAssignment, scope: &Scope, name: &str) -> bool {
    is(&held.name, name) && is(&held.scope, scope.as_str())
}

fn allowed(core: &Core, caller: &Caller, scope: &Scope, action: &str) -> Result<(), Refusal> {
    if core.settings.rights.may_assign_azure_roles {
        return Ok(());
    }
    let message = format!(
        "The client '{}' with object id '{}' does not have authorization or an ABAC condition not fulfilled to perform action \
         '{action}' over scope '{}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
        caller.name,
        caller.object_id,
        scope.as_str()
    );
    Err(Refusal::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message))
}

fn put(core: &mut Core, call: &Call, caller: &Caller, scope: &Scope, name: &str) -> Result<Reply, Refusal> {
    allowed(core, caller, scope, "Microsoft.Authorization/roleAssignments/write")?;
    if Uuid::try_parse(name).is_err() {
        return Err(Refusal::bad_request(
            "InvalidRoleAssignmentId",
            format!("The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."),
        ));
    }
    let wanted = wanted(core, call, caller, scope, name)?;
    let known = &mut core.directory.azure.role_assignments;
    if let Some(there) = known.iter_mut().find(|held| is_at(held, scope, name)) {
        if !there.is_same(&wanted) {
            return Err(Refusal::bad_request(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            ));
        }
        let changed = there.description != wanted.description;
        there.description = wanted.description;
        let shown = there.shown();
        core.changed |= changed;
        return Ok(Reply::ok(shown));
    }
    if let Some(there) = known.iter().find(|held| held.is_same(&wanted)) {
        let message = format!(
            "The role assignment already exists. The ID of the conflicting role assignment is {}.",
            bare(&there.name)
        );
        return Err(Refusal::new(StatusCode::CONFLICT, "RoleAssignmentExists", message));
    }
    let shown = wanted.shown();
    known.push(wanted);
    core.changed = true;
    Ok(Reply::json(StatusCode::CREATED, shown))
}

/// The assignment that the body asks for, if it is one.
fn wanted(core: &Core, call: &Call, caller: &Caller, scope: &Scope, name: &str) -> Result<RoleAssignment, Refusal> {
    const KNOWN: [&str; 7] = [
        "roleDefinitionId",
        "principalId",
        "principalType",
        "description",
        "condition",
        "conditionVersion",
        "delegatedManagedIdentityResourceId",
    ];
    let unreadable =
        |what: &str| Refusal::bad_request("InvalidRequestContent", format!("The request content was invalid: {what}."));
    let body = call.json().ok_or_else(|| unreadable("it could not be deserialized"))?;
    let properties = body.get("properties").and_then(Value::as_object).ok_or_else(|| unreadable("no 'properties'"))?;
    if let Some(unknown) = properties.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(unreadable(&format!(
            "could not find member '{unknown}' on object of type 'RoleAssignmentProperties'"
        )));
    }
    let text = |name: &str| properties.get(name).and_then(Value::as_str);
    let definition = text("roleDefinitionId").unwrap_or_default();
    let role = definition.rsplit('/').next().unwrap_or_default();
    let Some((role, ..)) = ROLES.iter().find(|(known, ..)| is(known, role)) else {
        return Err(Refusal::bad_request(
            "RoleDefinitionDoesNotExist",
            format!("The specified role definition with ID '{}' does not exist.", bare(role)),
        ));
    };
    let (principal_id, principal_type) = principal(core, properties)?;
    let now = core.now();
    Ok(RoleAssignment {
        name: name.to_owned(),
        scope: scope.as_str().to_owned(),
        role: (*role).to_owned(),
        principal_id,
        principal_type,
        description: text("description").map(str::to_owned),
        created: now,
        created_by: caller.object_id.clone(),
        effective_from: after(now, core.settings.replication.azure_role()),
    })
}

/// Who is to hold the role, and what kind that is.
fn principal(core: &Core, properties: &Map<String, Value>) -> Result<(String, String), Refusal> {
    let text = |name: &str| properties.get(name).and_then(Value::as_str);
    let wanted = text("principalId").unwrap_or_default();
    if Uuid::try_parse(wanted).is_err() {
        return Err(Refusal::bad_request(
            "InvalidPrincipalId",
            format!("A valid principal ID must be provided for role assignment: '{wanted}'."),
        ));
    }
    let directory = &core.directory;
    let program = directory.service_principal_by_id(wanted).filter(|principal| principal.visible_from <= core.now());
    let kind = match program {
        Some(_) => "ServicePrincipal",
        None if directory.people.iter().any(|person| is(&person.id, wanted)) => "User",
        None if directory.groups.iter().any(|group| is(&group.id, wanted)) => "Group",
        None => {
            return Err(Refusal::bad_request(
                "PrincipalNotFound",
                format!(
                    "Principal {} does not exist in the directory {}. Check that you have the correct principal ID. If you are \
                     creating this principal and then immediately assigning a role, this error might be related to a \
                     replication delay. In this case, set the role assignment principalType property to a value, such as \
                     ServicePrincipal, User, or Group. See https://aka.ms/docs-principaltype",
                    bare(wanted),
                    core.tenant_id()
                ),
            ));
        }
    };
    match text("principalType") {
        Some(said) if said != kind => Err(Refusal::bad_request(
            "UnmatchedPrincipalType",
            format!(
                "The PrincipalId '{}' has type '{kind}' , which is different from specified PrinciaplType '{said}'.",
                bare(wanted)
            ),
        )),
        _ => Ok((wanted.to_owned(), kind.to_owned())),
    }
}

fn delete(core: &mut Core, scope: &Scope, name: &str) -> Reply {
    let known = &mut core.directory.azure.role_assignments;
    let Some(at) = known.iter().position(|held| is_at(held, scope, name)) else { return Reply::nothing() };
    let gone = known.remove(at);
    core.changed = true;
    Reply::ok(gone.shown())
}

/// Whether the identity of this client id may look for TXT records of that name in the zone at `scope`, and put some there.
pub(super) fn may_put_text(core: &Core, client_id: &str, scope: &Scope, name: &str) -> Result<(), Refusal> {
    let Some(principal) = core.directory.service_principal_by_app_id(client_id) else {
        return Err(Refusal::bad_request(
            "invalid_request",
            format!("AADSTS700016: Application with identifier '{client_id}' was not found in the directory."),
        ));
    };
    let caller = Caller { object_id: principal.id().to_owned(), name: client_id.to_owned() };
    let place = format!("{}/TXT/{name}", scope.as_str());
    may_use_records(core, &caller, &place, scope, "read")?;
    may_use_records(core, &caller, &place, scope, "write")
}

/// Whether who calls may `read`, `write` or `delete` the TXT records at `place`, in the zone at `scope`: by a role held since
/// long enough, or, as no managed identity can, by the rights of the scenario's caller.
pub(super) fn may_use_records(
    core: &Core,
    caller: &Caller,
    place: &str,
    scope: &Scope,
    verb: &str,
) -> Result<(), Refusal> {
    let now = core.now();
    let wanted = if verb == "read" { Records::Read } else { Records::Write };
    let gives = |role: &str| ROLES.iter().any(|(id, _, records)| *id == role && *records >= wanted);
    let holds = core.directory.azure.role_assignments.iter().any(|held| {
        is(&held.principal_id, &caller.object_id)
            && gives(&held.role)
            && scope.is_at_or_below(&held.scope)
            && held.effective_from <= now
    });
    let principal = core.directory.service_principal_by_id(&caller.object_id);
    let is_scenarios = principal.is_none_or(|it| text(&it.properties, "servicePrincipalType") != "ManagedIdentity");
    if holds || (is_scenarios && (wanted == Records::Read || core.settings.rights.may_assign_azure_roles)) {
        return Ok(());
    }
    let message = format!(
        "The client '{}' with object id '{}' does not have authorization to perform action \
         'Microsoft.Network/dnsZones/TXT/{verb}' over scope '{place}' or the scope is invalid. If access was recently granted, \
         please refresh your credentials.",
        caller.name, caller.object_id
    );
    Err(Refusal::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message))
}

/// Gives the identity the role, at once in effect.
pub(super) fn assign_by_hand(core: &mut Core, client_id: &str, scope: &Scope, name: Uuid) -> bool {
    let Some(principal) = core.directory.service_principal_by_app_id(client_id).map(|it| it.id().to_owned()) else {
        return false;
    };
    let now = core.now();
    core.directory.azure.role_assignments.push(RoleAssignment {
        name: name.to_string(),
        scope: scope.as_str().to_owned(),
        role: DNS_ZONE_CONTRIBUTOR.to_owned(),
        principal_id: principal,
        principal_type: "ServicePrincipal".to_owned(),
        description: None,
        created: now,
        created_by: seed::fixed_id("person ada"),
        effective_from: now,
    });
    core.changed = true;
    true
}
