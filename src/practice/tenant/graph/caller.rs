//! Who calls Graph, and what they may do.

use super::error::GraphError;
use crate::practice::tenant::{Call, Core, seed};
use jiff::Timestamp;
use serde_json::Value;

/// Directory roles that may do everything here (domain.md 1.3).
pub(super) const ADMINISTRATORS: &[&str] = &[
    "Global Administrator",
    "Cloud Application Administrator",
    "Application Administrator",
    "Privileged Role Administrator",
];

/// Who calls.
pub(super) struct Caller {
    /// Object id of the person, or of the service principal.
    pub(super) object_id: String,
    /// Whether a person signed in, rather than a program.
    pub(super) is_person: bool,
    /// Delegated scopes of the token, or its app roles.
    permissions: Vec<String>,
    directory_roles: Vec<String>,
}

/// What a request needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    WriteApplications,
    Consent,
    AssignRoles,
}

impl Caller {
    /// Reads the bearer token.
    pub(super) fn of(core: &Core, call: &Call, now: Timestamp) -> Result<Self, GraphError> {
        let token = call.bearer().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| GraphError::unauthenticated("Access token is empty."))?;
        let claims = core.keys.verify(token).ok_or_else(|| {
            GraphError::unauthenticated("Access token validation failure. Invalid signature or unknown signing key.")
        })?;
        let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if !is_graph(core, claim("aud")) {
            return Err(GraphError::unauthenticated("Access token validation failure. Invalid audience."));
        }
        let expires = claims.get("exp").and_then(Value::as_i64).unwrap_or_default();
        if expires <= now.as_second() {
            return Err(GraphError::unauthenticated("Lifetime validation failed, the token is expired."));
        }
        let object_id = claim("oid").to_owned();
        let person = core.directory.person(&object_id);
        let roles = claims.get("roles").and_then(Value::as_array).into_iter().flatten();
        let permissions = match person {
            Some(_) => claim("scp").split(' ').map(str::to_owned).collect(),
            None => roles.filter_map(Value::as_str).map(str::to_owned).collect(),
        };
        let directory_roles = person.map(|person| person.directory_roles.clone()).unwrap_or_default();
        Ok(Self { object_id, is_person: person.is_some(), permissions, directory_roles })
    }

    /// Refuses what the caller may not do: the token's permissions, a person's directory roles and the scenario all count.
    pub(super) fn demand(&self, core: &Core, right: Right, owns_it: bool) -> Result<(), GraphError> {
        let permission = match right {
            Right::WriteApplications => "Application.ReadWrite.All",
            Right::Consent => "DelegatedPermissionGrant.ReadWrite.All",
            Right::AssignRoles => "AppRoleAssignment.ReadWrite.All",
        };
        let rights = core.settings.rights;
        let scenario_allows = match right {
            Right::WriteApplications => rights.may_create_apps,
            Right::Consent => rights.may_consent,
            Right::AssignRoles => rights.may_assign_roles,
        };
        let holds_permission = self.permissions.iter().any(|held| held == permission);
        if scenario_allows && holds_permission && (!self.is_person || self.person_may(core, right, owns_it)) {
            Ok(())
        } else {
            Err(GraphError::denied())
        }
    }

    fn person_may(&self, core: &Core, right: Right, owns_it: bool) -> bool {
        let holds = |role: &str| self.directory_roles.iter().any(|held| held == role);
        let administers = ADMINISTRATORS.iter().any(|role| holds(role));
        let registers = holds("Application Developer") || core.settings.rights.people_may_create_apps;
        administers || (right == Right::WriteApplications && owns_it && registers)
    }
}

fn is_graph(core: &Core, audience: &str) -> bool {
    let bare = audience.trim_end_matches('/');
    bare == seed::GRAPH || bare == core.addresses.graph || bare == "https://graph.microsoft.com"
}
