//! What the tenant's directory holds.

use super::resource_manager::Azure;
use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// The properties of one directory object, in the order Graph shows them.
pub(super) type Properties = Map<String, Value>;

/// Everything the tenant remembers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Directory {
    pub(super) organization: Organization,
    /// How many ids were given out: ids are made of this, so that the same steps give the same ids.
    pub(super) ids_given: u64,
    pub(super) applications: Vec<Application>,
    pub(super) service_principals: Vec<ServicePrincipal>,
    pub(super) grants: Vec<Grant>,
    pub(super) role_assignments: Vec<RoleAssignment>,
    pub(super) people: Vec<Person>,
    pub(super) groups: Vec<Group>,
    /// What Resource Manager remembers; states of before it remembered anything get what every tenant begins with.
    #[serde(default = "super::resource_manager::seeded")]
    pub(super) azure: Azure,
}

/// The tenant itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Organization {
    pub(super) id: Uuid,
    pub(super) display_name: String,
    /// The first is the initial `onmicrosoft.com` one, the last the default.
    pub(super) domains: Vec<String>,
}

/// An application object.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Application {
    pub(super) properties: Properties,
    pub(super) visible_from: Timestamp,
    /// When it is found by a unique name that it was given later.
    #[serde(default = "long_ago")]
    pub(super) unique_name_visible_from: Timestamp,
    pub(super) deleted: Option<Timestamp>,
    pub(super) secrets: Vec<StoredSecret>,
    /// When each new scope or app role may be referred to, by its id.
    pub(super) permissions_visible_from: BTreeMap<String, Timestamp>,
    pub(super) federated_credentials: Vec<Properties>,
    pub(super) owners: Vec<String>,
}

/// A client secret as Entra keeps it: not the secret, only what recognises it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredSecret {
    pub(super) key_id: String,
    pub(super) sha256: String,
    pub(super) works_from: Timestamp,
    pub(super) ends: Timestamp,
}

/// A service principal object. What it shares with its application is read from there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServicePrincipal {
    pub(super) properties: Properties,
    pub(super) visible_from: Timestamp,
    pub(super) deleted: Option<Timestamp>,
    /// Those of a managed identity; those of an application are the application's.
    #[serde(default)]
    pub(super) federated_credentials: Vec<Properties>,
}

/// A delegated permission grant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Grant {
    pub(super) id: String,
    pub(super) client_id: String,
    pub(super) consent_type: String,
    pub(super) principal_id: Option<String>,
    pub(super) resource_id: String,
    pub(super) scope: String,
}

/// An app role assignment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleAssignment {
    pub(super) id: String,
    pub(super) app_role_id: String,
    pub(super) principal_id: String,
    pub(super) principal_type: String,
    pub(super) resource_id: String,
    pub(super) created: Timestamp,
    pub(super) visible_from: Timestamp,
}

/// A person of the tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) display_name: String,
    pub(super) user_principal_name: String,
    pub(super) mail: Option<String>,
    pub(super) directory_roles: Vec<String>,
}

/// A security group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) display_name: String,
    pub(super) members: Vec<String>,
}

/// States of before there was such a moment have it behind them.
fn long_ago() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

/// The text property of an object; absent and null are the empty text.
pub(super) fn text<'a>(properties: &'a Properties, name: &str) -> &'a str {
    properties.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The list behind a path of properties; absent and null are the empty list.
pub(super) fn list<'a>(properties: &'a Properties, path: &[&str]) -> &'a [Value] {
    let (Some(first), rest) = (path.first(), path.get(1..).unwrap_or_default()) else { return &[] };
    let found = rest.iter().try_fold(properties.get(*first), |value, name| Some(value?.get(*name)));
    found.flatten().and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Hexadecimal SHA-256 of a client secret.
pub(super) fn sha256(secret: &str) -> String {
    use std::fmt::Write as _;
    digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

/// The moment `delay` after `now`.
pub(super) fn after(now: Timestamp, delay: Duration) -> Timestamp {
    SignedDuration::try_from(delay).ok().and_then(|delay| now.checked_add(delay).ok()).unwrap_or(now)
}

/// A moment as Graph writes it: whole seconds, UTC.
pub(super) fn written(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Application {
    pub(super) fn id(&self) -> &str {
        text(&self.properties, "id")
    }

    pub(super) fn app_id(&self) -> &str {
        text(&self.properties, "appId")
    }

    pub(super) fn unique_name(&self) -> Option<&str> {
        self.properties.get("uniqueName").and_then(Value::as_str)
    }

    pub(super) fn identifier_uris(&self) -> impl Iterator<Item = &str> {
        list(&self.properties, &["identifierUris"]).iter().filter_map(Value::as_str)
    }

    pub(super) fn scopes(&self) -> &[Value] {
        list(&self.properties, &["api", "oauth2PermissionScopes"])
    }

    pub(super) fn roles(&self) -> &[Value] {
        list(&self.properties, &["appRoles"])
    }

    pub(super) fn permission_is_visible(&self, id: &str, now: Timestamp) -> bool {
        self.permissions_visible_from.get(&id.to_ascii_lowercase()).is_none_or(|from| *from <= now)
    }
}

impl ServicePrincipal {
    pub(super) fn id(&self) -> &str {
        text(&self.properties, "id")
    }

    pub(super) fn app_id(&self) -> &str {
        text(&self.properties, "appId")
    }
}

impl Directory {
    /// An id never given before.
    pub(super) fn fresh_id(&mut self) -> String {
        self.ids_given += 1;
        Uuid::new_v5(&self.organization.id, format!("object {}", self.ids_given).as_bytes()).to_string()
    }

    /// The application of this client id, unless it is deleted.
    pub(super) fn application_by_app_id(&self, app_id: &str) -> Option<&Application> {
        self.applications.iter().find(|it| it.deleted.is_none() && it.app_id().eq_ignore_ascii_case(app_id))
    }

    /// The service principal of this client id, unless it is deleted.
    pub(super) fn service_principal_by_app_id(&self, app_id: &str) -> Option<&ServicePrincipal> {
        self.service_principals.iter().find(|it| it.deleted.is_none() && it.app_id().eq_ignore_ascii_case(app_id))
    }

    /// The service principal of this object id, unless it is deleted.
    pub(super) fn service_principal_by_id(&self, id: &str) -> Option<&ServicePrincipal> {
        self.service_principals.iter().find(|it| it.deleted.is_none() && it.id().eq_ignore_ascii_case(id))
    }

    /// The person of this object id or user principal name.
    pub(super) fn person(&self, key: &str) -> Option<&Person> {
        self.people
            .iter()
            .find(|it| it.id.eq_ignore_ascii_case(key) || it.user_principal_name.eq_ignore_ascii_case(key))
    }

    /// The scopes a service principal exposes: its application's, or its own for Microsoft's.
    pub(super) fn exposed_scopes<'a>(&'a self, principal: &'a ServicePrincipal) -> &'a [Value] {
        self.application_by_app_id(principal.app_id())
            .map_or_else(|| list(&principal.properties, &["oauth2PermissionScopes"]), Application::scopes)
    }

    /// The app roles a service principal exposes: its application's, or its own for Microsoft's.
    pub(super) fn exposed_roles<'a>(&'a self, principal: &'a ServicePrincipal) -> &'a [Value] {
        self.application_by_app_id(principal.app_id())
            .map_or_else(|| list(&principal.properties, &["appRoles"]), Application::roles)
    }

    /// Ids of the groups somebody is in.
    pub(super) fn groups_of(&self, member: &str) -> Vec<&str> {
        let holds = |group: &&Group| group.members.iter().any(|id| id.eq_ignore_ascii_case(member));
        self.groups.iter().filter(holds).map(|group| group.id.as_str()).collect()
    }
}
