//! `/me`, `/users`, `/groups`, `/directoryRoles` and `/organization` (domain.md 1.1 row 0).

use super::caller::{ADMINISTRATORS, Caller};
use super::error::GraphError;
use super::shape::{OTHER, USER};
use super::{Key, Request, Segment, entity, query, role_assignments};
use crate::practice::tenant::Core;
use crate::practice::tenant::directory::{Group, Person, Properties};
use crate::practice::tenant::reply::Reply;
use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// Names and template ids of directory roles (Entra built-in roles reference).
const DIRECTORY_ROLES: &[(&str, &str)] = &[
    ("Global Administrator", "62e90394-69f5-4237-9190-012177145e10"),
    ("Application Administrator", "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"),
    ("Cloud Application Administrator", "158c047a-c907-4556-b7ef-446551a6b5f7"),
    ("Application Developer", "cf1c38e5-3621-4004-a7cb-879624dced7c"),
    ("Privileged Role Administrator", "e8611ab8-c189-46e8-94e1-60213ab1f814"),
];

/// Answers a request below one of the collections of people.
pub(super) fn answer(
    core: &mut Core,
    request: &Request<'_>,
    collection: &str,
    key: Option<&Key>,
    rest: &[Segment],
) -> Result<Reply, GraphError> {
    let names: Vec<&str> = rest.iter().map(|segment| segment.name.as_str()).collect();
    match collection {
        "organization" => organization(core, request, key),
        "me" => me(core, request, &names),
        "users" => users(core, request, key, &names),
        "groups" => groups(core, request, key, &names),
        _ => directory_roles(core, request),
    }
}

fn only_read(request: &Request<'_>) -> Result<(), GraphError> {
    if request.method() == Method::GET { Ok(()) } else { Err(GraphError::denied()) }
}

fn object(value: &Value) -> Properties {
    value.as_object().cloned().unwrap_or_default()
}

fn organization(core: &Core, request: &Request<'_>, key: Option<&Key>) -> Result<Reply, GraphError> {
    only_read(request)?;
    let organization = &core.directory.organization;
    let last = organization.domains.len().saturating_sub(1);
    let domains: Vec<Value> = organization
        .domains
        .iter()
        .enumerate()
        .map(|(at, name)| {
            json!({"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": at == last, "isInitial": at == 0,
                   "name": name, "type": "Managed"})
        })
        .collect();
    let shown = object(&json!({
        "id": organization.id, "deletedDateTime": null, "displayName": organization.display_name,
        "countryLetterCode": "DE", "tenantType": "AAD", "verifiedDomains": domains,
    }));
    match key {
        None => query::list(core, request, "organization", &OTHER, vec![shown]),
        Some(key) => query::one(core, request, "organization/$entity", &OTHER, vec![shown], &key.value),
    }
}

fn shown(person: &Person) -> Properties {
    let (given, family) = person.display_name.split_once(' ').unwrap_or((&person.display_name, ""));
    object(&json!({
        "businessPhones": [], "displayName": person.display_name, "givenName": given, "jobTitle": null,
        "mail": person.mail, "mobilePhone": null, "officeLocation": null, "preferredLanguage": null, "surname": family,
        "userPrincipalName": person.user_principal_name, "id": person.id,
    }))
}

fn shown_group(group: &Group) -> Properties {
    object(&json!({
        "id": group.id, "deletedDateTime": null, "description": null, "displayName": group.display_name,
        "mailEnabled": false, "securityEnabled": true,
    }))
}

fn role_of(name: &str) -> Properties {
    let template = DIRECTORY_ROLES.iter().find(|(role, _)| *role == name).map(|(_, template)| *template);
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
    object(&json!({
        "@odata.type": "#microsoft.graph.directoryRole", "id": id, "deletedDateTime": null, "description": name,
        "displayName": name, "roleTemplateId": template,
    }))
}

fn me(core: &mut Core, request: &Request<'_>, names: &[&str]) -> Result<Reply, GraphError> {
    only_read(request)?;
    let Some(person) = core.directory.person(&request.caller.object_id).filter(|_| request.caller.is_person) else {
        return Err(GraphError::malformed("/me request is only valid with delegated authentication flow."));
    };
    let person = person.clone();
    match names {
        ["ownedObjects"] => owned(core, request, &person),
        [] => entity(core, request, "users/$entity", &USER, shown(&person)),
        rest => memberships(core, request, &person, rest),
    }
}

/// What a person owns, with its type: of what they can own there are only applications here.
fn owned(core: &Core, request: &Request<'_>, person: &Person) -> Result<Reply, GraphError> {
    let seen = core.directory.applications.iter().filter(|it| it.deleted.is_none() && it.visible_from <= request.now);
    let owned = seen.filter(|it| it.owners.contains(&person.id)).map(|it| {
        let mut shown = it.properties.clone();
        shown.shift_insert(0, "@odata.type".into(), json!("#microsoft.graph.application"));
        shown
    });
    query::list(core, request, "directoryObjects", &OTHER, owned.collect())
}

fn memberships(core: &Core, request: &Request<'_>, person: &Person, names: &[&str]) -> Result<Reply, GraphError> {
    // Where the scenario lets nobody consent, nobody holds a role for it.
    let may = |role: &&String| core.settings.rights.may_consent || !ADMINISTRATORS.contains(&role.as_str());
    let roles = person.directory_roles.iter().filter(may).map(|role| role_of(role));
    let groups = core.directory.groups.iter().filter(|it| it.members.contains(&person.id)).map(|it| {
        let mut group = shown_group(it);
        group.shift_insert(0, "@odata.type".into(), json!("#microsoft.graph.group"));
        group
    });
    let all: Vec<Properties> = match names {
        ["memberOf" | "transitiveMemberOf"] => roles.chain(groups).collect(),
        ["memberOf" | "transitiveMemberOf", "microsoft.graph.directoryRole"] => roles.collect(),
        ["memberOf" | "transitiveMemberOf", "microsoft.graph.group"] => groups.collect(),
        [other, ..] => return Err(GraphError::no_such_segment(other)),
        [] => return Err(GraphError::no_such_segment("")),
    };
    query::list(core, request, "directoryObjects", &OTHER, all)
}

fn users(core: &mut Core, request: &Request<'_>, key: Option<&Key>, names: &[&str]) -> Result<Reply, GraphError> {
    let Some(key) = key else {
        only_read(request)?;
        let all = core.directory.people.iter().map(shown).collect();
        return query::list(core, request, "users", &USER, all);
    };
    let person = core.directory.person(&key.value).cloned().ok_or_else(|| GraphError::not_found(&key.value))?;
    match names {
        ["appRoleAssignments", rest @ ..] => {
            let entry = rest.first().copied();
            role_assignments::answer(core, request, role_assignments::Side::Principal, &person.id, entry)
        }
        [] => {
            only_read(request)?;
            entity(core, request, "users/$entity", &USER, shown(&person))
        }
        rest => {
            only_read(request)?;
            memberships(core, request, &person, rest)
        }
    }
}

fn groups(core: &Core, request: &Request<'_>, key: Option<&Key>, names: &[&str]) -> Result<Reply, GraphError> {
    only_read(request)?;
    let all = &core.directory.groups;
    let Some(key) = key else {
        return query::list(core, request, "groups", &OTHER, all.iter().map(shown_group).collect());
    };
    let group = all.iter().find(|it| it.id.eq_ignore_ascii_case(&key.value));
    let group = group.ok_or_else(|| GraphError::not_found(&key.value))?;
    match names {
        [] => entity(core, request, "groups/$entity", &OTHER, shown_group(group)),
        ["members"] => list_of(core, request, &group.members),
        [other, ..] => Err(GraphError::no_such_segment(other)),
    }
}

fn directory_roles(core: &Core, request: &Request<'_>) -> Result<Reply, GraphError> {
    only_read(request)?;
    let all = DIRECTORY_ROLES.iter().map(|(name, _)| role_of(name)).collect();
    query::list(core, request, "directoryRoles", &OTHER, all)
}

/// `/oidc/userinfo`, OpenID Connect's own: `email` only for those who have mail.
pub(super) fn user_info(core: &Core, caller: &Caller) -> Result<Reply, GraphError> {
    let person = core.directory.person(&caller.object_id).ok_or_else(GraphError::denied)?;
    let (given, family) = person.display_name.split_once(' ').unwrap_or((&person.display_name, ""));
    let mut shown = object(&json!({
        "sub": person.id, "name": person.display_name, "given_name": given, "family_name": family,
    }));
    if let Some(mail) = &person.mail {
        shown.insert("email".into(), json!(mail));
    }
    Ok(Reply::ok(Value::Object(shown)))
}

/// The people of these ids, as directory objects.
pub(super) fn list_of(core: &Core, request: &Request<'_>, ids: &[String]) -> Result<Reply, GraphError> {
    let all = ids.iter().filter_map(|id| core.directory.person(id)).map(|person| {
        let mut shown = shown(person);
        shown.shift_insert(0, "@odata.type".into(), json!("#microsoft.graph.user"));
        shown
    });
    query::list(core, request, "directoryObjects", &USER, all.collect())
}
