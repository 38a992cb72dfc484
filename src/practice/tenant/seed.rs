//! The tenant as it is before anybody touched it: contoso, with a few people, and what Microsoft puts in every tenant.

use super::directory::{
    Application, Directory, Group, Organization, Person, Properties, RoleAssignment, ServicePrincipal, StoredSecret,
    sha256, written,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::{Uuid, uuid};

/// The practice tenant's id.
pub(super) const TENANT_ID: Uuid = uuid!("c0470505-0000-4000-8000-000000000001");
/// Microsoft Graph's client id, the same in every tenant.
pub(super) const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
/// Azure Resource Manager's client id, the same in every tenant.
pub(super) const RESOURCE_MANAGER: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";
/// The Azure CLI's client id, the same in every tenant (real-parts.md 4).
pub(super) const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
/// The practice pipeline's client id: a service principal that may do everything a scenario does not take away.
pub(super) const PIPELINE: &str = "c0470505-0000-4000-8000-0000000000aa";

/// The identity that the platform's issuers write DNS records with.
pub(super) const PLATFORM_IDENTITY: &str = "66666666-7777-8888-9999-000000000000";
/// An identity for cert-manager that holds no role yet.
pub(super) const DNS_IDENTITY: &str = "66666666-7777-8888-9999-00000000000d";

/// Ids and values of Microsoft Graph's delegated permissions that matter here (Graph permissions reference).
const GRAPH_SCOPES: &[(&str, &str)] = &[
    ("e1fe6dd8-ba31-4d61-89e7-88639da4683d", "User.Read"),
    ("37f7f235-527c-4136-accd-4a02d197296e", "openid"),
    ("14dad69e-099b-42c9-810b-d002981feec1", "profile"),
    ("64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0", "email"),
    ("7427e0e9-2fba-42fe-b0c0-848c9e6a8182", "offline_access"),
    ("bdfbf15f-ee85-4955-8675-146e8e5296b5", "Application.ReadWrite.All"),
    ("41ce6ca6-6826-4807-84f1-1c82854f7ee5", "DelegatedPermissionGrant.ReadWrite.All"),
    ("84bccea3-f856-4a8a-967b-dbe0a3d53a64", "AppRoleAssignment.ReadWrite.All"),
    ("0e263e50-5827-48a4-b97c-d940288653c7", "Directory.AccessAsUser.All"),
    ("a154be20-db9c-4678-8ab7-66f6cc099a59", "User.Read.All"),
    ("bc024368-1153-4739-b217-4326f2e966d0", "GroupMember.Read.All"),
];

/// Ids and values of Microsoft Graph's application permissions that matter here (Graph permissions reference).
const GRAPH_ROLES: &[(&str, &str)] = &[
    ("1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9", "Application.ReadWrite.All"),
    ("8e8e4742-1d95-4f68-9d56-6ee75648c72a", "DelegatedPermissionGrant.ReadWrite.All"),
    ("06b708a9-e830-4db3-a914-8e69da51d44f", "AppRoleAssignment.ReadWrite.All"),
    ("7ab1d382-f21e-4acd-a863-ba3e13f7da61", "Directory.Read.All"),
];

/// What the Azure CLI's Graph tokens carry (domain.md 1.3).
pub(super) const AZURE_CLI_GRAPH_SCOPES: &str = "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All \
    DelegatedPermissionGrant.ReadWrite.All Directory.AccessAsUser.All User.Read.All email openid profile";

/// The tenant before anybody touched it; `pipeline_secret` is the practice pipeline's client secret.
pub(super) fn directory(pipeline_secret: &str) -> Directory {
    let mut directory = Directory {
        organization: Organization {
            id: TENANT_ID,
            display_name: "Contoso (practice)".into(),
            domains: vec!["contoso.onmicrosoft.com".into(), "example.com".into()],
        },
        ids_given: 0,
        applications: Vec::new(),
        service_principals: first_service_principals(),
        grants: Vec::new(),
        role_assignments: Vec::new(),
        people: people(),
        groups: Vec::new(),
        azure: super::resource_manager::seeded(),
    };
    directory.groups = vec![
        Group {
            id: fixed_id("group myapp users"),
            display_name: "myapp users".into(),
            members: vec![fixed_id("person alice"), fixed_id("person bob")],
        },
        Group {
            id: fixed_id("group operators"),
            display_name: "operators".into(),
            members: vec![fixed_id("person ada")],
        },
    ];
    add_pipeline(&mut directory, pipeline_secret);
    directory
}

pub(super) fn fixed_id(name: &str) -> String {
    Uuid::new_v5(&TENANT_ID, name.as_bytes()).to_string()
}

fn person(name: &str, full_name: &str, address: &str, has_mail: bool, roles: &[&str]) -> Person {
    Person {
        id: fixed_id(&format!("person {name}")),
        display_name: full_name.into(),
        user_principal_name: address.into(),
        mail: has_mail.then(|| address.into()),
        directory_roles: roles.iter().map(|&role| role.into()).collect(),
    }
}

/// Ada may do everything, Alice and Bob are ordinary, Carol has no mailbox (domain.md 2.3), Dora registers applications,
/// Erik is a guest from elsewhere.
fn people() -> Vec<Person> {
    vec![
        person("ada", "Ada Admin", "ada@example.com", true, &["Global Administrator"]),
        person("alice", "Alice Example", "alice@example.com", true, &[]),
        person("bob", "Bob Example", "bob@example.com", true, &[]),
        person("carol", "Carol Nomail", "carol@contoso.onmicrosoft.com", false, &[]),
        person("dora", "Dora Developer", "dora@example.com", true, &["Application Developer"]),
        person("erik", "Erik Elsewhere", "erik@fabrikam.example", true, &[]),
    ]
}

fn first_service_principals() -> Vec<ServicePrincipal> {
    let scopes: Vec<Value> = GRAPH_SCOPES.iter().map(|(id, value)| scope(id, value)).collect();
    let roles: Vec<Value> = GRAPH_ROLES.iter().map(|(id, value)| role(id, value)).collect();
    let impersonation = scope("41094075-9dad-400e-a0bd-54e686782033", "user_impersonation");
    vec![
        first_party(GRAPH, "Microsoft Graph", &["https://graph.microsoft.com"], &scopes, &roles),
        first_party(
            RESOURCE_MANAGER,
            "Windows Azure Service Management API",
            &["https://management.azure.com/", "https://management.core.windows.net/"],
            &[impersonation],
            &[],
        ),
        first_party(AZURE_CLI, "Microsoft Azure CLI", &[], &[], &[]),
        managed_identity(PLATFORM_IDENTITY, "platform-cert-manager"),
        managed_identity(DNS_IDENTITY, "cert-manager-dns"),
    ]
}

/// A user-assigned managed identity: a service principal without an application. cert-manager's service account stands for it
/// (domain.md 5.4), in a cluster whose tokens have the issuer that Kubernetes itself proposes.
fn managed_identity(client_id: &str, name: &str) -> ServicePrincipal {
    let properties = json!({
        "id": fixed_id(&format!("service principal {client_id}")), "accountEnabled": true, "appDisplayName": null,
        "appId": client_id, "appOwnerOrganizationId": null, "appRoleAssignmentRequired": false, "displayName": name,
        "servicePrincipalNames": [client_id], "servicePrincipalType": "ManagedIdentity", "tags": [],
    });
    let federated = json!({
        "name": "cert-manager", "issuer": "https://kubernetes.default.svc.cluster.local",
        "subject": "system:serviceaccount:cert-manager:cert-manager", "audiences": ["api://AzureADTokenExchange"],
    });
    ServicePrincipal {
        properties: object(properties),
        visible_from: Timestamp::UNIX_EPOCH,
        deleted: None,
        federated_credentials: vec![object(federated)],
    }
}

/// Puts in what a tenant saved earlier did not begin with yet.
pub(super) fn complete(directory: &mut Directory) {
    for principal in first_service_principals() {
        match directory.service_principals.iter_mut().find(|it| it.app_id() == principal.app_id()) {
            Some(there) => there.federated_credentials = principal.federated_credentials,
            None => directory.service_principals.push(principal),
        }
    }
}

fn scope(id: &str, value: &str) -> Value {
    json!({
        "adminConsentDescription": value, "adminConsentDisplayName": value, "id": id, "isEnabled": true,
        "type": "User", "userConsentDescription": value, "userConsentDisplayName": value, "value": value,
    })
}

fn role(id: &str, value: &str) -> Value {
    json!({
        "allowedMemberTypes": ["Application"], "description": value, "displayName": value, "id": id,
        "isEnabled": true, "origin": "Application", "value": value,
    })
}

fn first_party(app_id: &str, name: &str, names: &[&str], scopes: &[Value], roles: &[Value]) -> ServicePrincipal {
    let names: Vec<&str> = std::iter::once(app_id).chain(names.iter().copied()).collect();
    let properties = json!({
        "id": fixed_id(&format!("service principal {app_id}")), "accountEnabled": true, "appDisplayName": name,
        "appId": app_id, "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        "appRoleAssignmentRequired": false, "displayName": name, "servicePrincipalNames": names,
        "servicePrincipalType": "Application", "tags": [], "appRoles": roles, "oauth2PermissionScopes": scopes,
    });
    ServicePrincipal {
        properties: object(properties),
        visible_from: Timestamp::UNIX_EPOCH,
        deleted: None,
        federated_credentials: Vec::new(),
    }
}

fn object(value: Value) -> Properties {
    match value {
        Value::Object(properties) => properties,
        _ => Properties::new(),
    }
}

/// The service principal that needs nobody at the keyboard, with the application permissions domain.md 1.3 names.
fn add_pipeline(directory: &mut Directory, secret: &str) {
    let ends = Timestamp::MAX;
    let key_id = fixed_id("pipeline secret");
    let shown_secret = json!({
        "customKeyIdentifier": null, "displayName": "practice", "endDateTime": "2299-12-31T00:00:00Z",
        "hint": secret.get(..3), "keyId": key_id, "secretText": null, "startDateTime": written(Timestamp::UNIX_EPOCH),
    });
    let mut properties = super::graph::new_application_properties();
    properties.extend(object(json!({
        "id": fixed_id("pipeline application"), "appId": PIPELINE, "displayName": "Practice pipeline",
        "createdDateTime": written(Timestamp::UNIX_EPOCH), "publisherDomain": "contoso.onmicrosoft.com",
        "passwordCredentials": [shown_secret],
    })));
    directory.applications.push(Application {
        properties,
        visible_from: Timestamp::UNIX_EPOCH,
        unique_name_visible_from: Timestamp::UNIX_EPOCH,
        deleted: None,
        secrets: vec![StoredSecret { key_id, sha256: sha256(secret), works_from: Timestamp::UNIX_EPOCH, ends }],
        permissions_visible_from: BTreeMap::new(),
        federated_credentials: Vec::new(),
        owners: Vec::new(),
    });
    let principal_id = fixed_id("pipeline service principal");
    directory.service_principals.push(ServicePrincipal {
        properties: object(json!({
            "id": principal_id, "accountEnabled": true, "appId": PIPELINE, "appRoleAssignmentRequired": false,
            "displayName": "Practice pipeline", "servicePrincipalType": "Application", "tags": [],
        })),
        visible_from: Timestamp::UNIX_EPOCH,
        deleted: None,
        federated_credentials: Vec::new(),
    });
    let graph = fixed_id(&format!("service principal {GRAPH}"));
    directory.role_assignments.extend(GRAPH_ROLES.iter().map(|(id, value)| RoleAssignment {
        id: fixed_id(&format!("pipeline holds {value}")),
        app_role_id: (*id).into(),
        principal_id: principal_id.clone(),
        principal_type: "ServicePrincipal".into(),
        resource_id: graph.clone(),
        created: Timestamp::UNIX_EPOCH,
        visible_from: Timestamp::UNIX_EPOCH,
    }));
}
