//! Which permissions a client was given, and giving them.

use super::client::Client;
use super::error::SignInError;
use super::scopes::Asked;
use crate::practice::tenant::directory::{Directory, Person, ServicePrincipal, list};
use crate::practice::tenant::graph::write_grant;
use crate::practice::tenant::{Core, seed};
use serde_json::Value;

/// Directory roles that may consent for everybody to delegated permissions (domain.md 1.3).
const MAY_CONSENT: &[&str] = &[
    "Global Administrator",
    "Cloud Application Administrator",
    "Application Administrator",
    "Privileged Role Administrator",
];

/// Whether this person may consent for everybody.
pub(super) fn may_consent(person: &Person) -> bool {
    person.directory_roles.iter().any(|role| MAY_CONSENT.contains(&role.as_str()))
}

/// The resource's permissions that were consented to for this client and person.
pub(super) fn consented(core: &Core, client_id: &str, resource: &ServicePrincipal, person: &Person) -> Vec<String> {
    if client_id == seed::AZURE_CLI {
        return preconsented(core, resource);
    }
    let directory = &core.directory;
    let Some(client) = directory.service_principal_by_app_id(client_id) else { return Vec::new() };
    let counts = |it: &&crate::practice::tenant::directory::Grant| {
        let theirs = it.principal_id.as_ref().is_none_or(|id| *id == person.id);
        theirs && it.client_id == client.id() && it.resource_id == resource.id()
    };
    let granted = directory.grants.iter().filter(counts).flat_map(|it| it.scope.split_whitespace()).map(str::to_owned);
    granted.chain(preauthorized(directory, client_id, resource)).collect()
}

/// The Azure CLI needs nobody's consent for Microsoft's own resources (domain.md 1.3).
fn preconsented(core: &Core, resource: &ServicePrincipal) -> Vec<String> {
    match resource.app_id() {
        seed::GRAPH => seed::AZURE_CLI_GRAPH_SCOPES.split_whitespace().map(str::to_owned).collect(),
        seed::RESOURCE_MANAGER => vec!["user_impersonation".into()],
        _ => preauthorized(&core.directory, seed::AZURE_CLI, resource),
    }
}

/// What the resource's own application allows this client without consent.
fn preauthorized(directory: &Directory, client_id: &str, resource: &ServicePrincipal) -> Vec<String> {
    let Some(application) = directory.application_by_app_id(resource.app_id()) else { return Vec::new() };
    let entries = list(&application.properties, &["api", "preAuthorizedApplications"]).iter();
    let ours = entries.filter(|it| it.get("appId").and_then(Value::as_str) == Some(client_id));
    let ids: Vec<&str> = ours
        .filter_map(|it| it.get("delegatedPermissionIds")?.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let scopes = application.scopes().iter();
    let allowed = scopes.filter(|scope| scope.get("id").and_then(Value::as_str).is_some_and(|id| ids.contains(&id)));
    allowed.filter_map(|scope| scope.get("value").and_then(Value::as_str).map(str::to_owned)).collect()
}

/// The permissions to put into the token, once all that were asked for were consented to.
pub(super) fn demand(core: &Core, client: &Client, asked: &Asked, person: &Person) -> Result<Vec<String>, SignInError> {
    let resource = asked.principal(core)?;
    let given = consented(core, &client.app_id, resource, person);
    let wanted = asked.expanded(core, &given)?;
    let not_consented = || SignInError::not_consented(&client.app_id, &client.name);
    if (given.is_empty() && !asked.permissions.is_empty()) || wanted.iter().any(|it| !given.contains(it)) {
        return Err(not_consented());
    }
    if client.app_id != seed::AZURE_CLI {
        // OpenID Connect's own scopes are permissions of Graph, and need consent like any other.
        let graph = core.directory.service_principal_by_app_id(seed::GRAPH);
        let openid = graph.map(|graph| consented(core, &client.app_id, graph, person)).unwrap_or_default();
        if asked.openid.iter().any(|it| !openid.contains(it)) {
            return Err(not_consented());
        }
    }
    Ok(wanted)
}

/// Consents for everybody to what a client asks for.
pub(super) fn grant(core: &mut Core, client_id: &str, asked: &Asked) -> Result<(), SignInError> {
    let resource_id = asked.principal(core)?.id().to_owned();
    let directory = &mut core.directory;
    let id_of = |app_id: &str, directory: &Directory| {
        directory.service_principal_by_app_id(app_id).map(|it| it.id().to_owned()).unwrap_or_default()
    };
    let client = id_of(client_id, directory);
    let graph = id_of(seed::GRAPH, directory);
    let plain: Vec<String> = asked.permissions.iter().filter(|it| *it != ".default").cloned().collect();
    if !plain.is_empty() {
        write_grant(directory, &client, &resource_id, &plain);
    }
    if !asked.openid.is_empty() {
        write_grant(directory, &client, &graph, &asked.openid);
    }
    core.changed = true;
    if asked.permissions.iter().any(|it| it == ".default") {
        consent_for_everybody(core, client_id);
    }
    Ok(())
}

/// Consents for everybody to the delegated permissions the application's registration lists. False when the tenant does not
/// know the application or it has no service principal.
pub(in crate::practice::tenant) fn consent_for_everybody(core: &mut Core, client_id: &str) -> bool {
    let directory = &core.directory;
    let (Some(application), Some(client)) =
        (directory.application_by_app_id(client_id), directory.service_principal_by_app_id(client_id))
    else {
        return false;
    };
    let field = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut grants = Vec::new();
    for entry in list(&application.properties, &["requiredResourceAccess"]) {
        let Some(resource) = directory.service_principal_by_app_id(&field(entry, "resourceAppId")) else { continue };
        let accesses = entry.get("resourceAccess").and_then(Value::as_array).into_iter().flatten();
        let ids: Vec<String> = accesses.filter(|it| field(it, "type") == "Scope").map(|it| field(it, "id")).collect();
        let exposed = directory.exposed_scopes(resource).iter();
        let values: Vec<String> =
            exposed.filter(|scope| ids.contains(&field(scope, "id"))).map(|scope| field(scope, "value")).collect();
        grants.push((resource.id().to_owned(), values));
    }
    let client = client.id().to_owned();
    for (resource, values) in grants {
        write_grant(&mut core.directory, &client, &resource, &values);
    }
    core.changed = true;
    true
}
