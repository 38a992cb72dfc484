//! How the practice tenant behaves: what a scenario may turn, as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Everything about the tenant that a scenario may change. It is not part of the saved state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// What callers may do at most.
    pub rights: Rights,
    /// How long a write takes to be seen everywhere.
    pub replication: Replication,
    /// What the tenant's app management policy says of client secrets.
    pub credentials: CredentialPolicy,
    /// Who approves a device code.
    pub device_sign_in: DeviceSignIn,
    /// Applications that somebody registered by hand. Each is put there unless there is one of its client id.
    pub applications: Vec<HandMadeApplication>,
}

/// An application that somebody registered by hand, before anybody came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandMadeApplication {
    /// Its client id.
    pub client_id: String,
    /// Its properties, as Graph takes them.
    pub application: Value,
    /// Who owns it: user principal names.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Its client secrets.
    #[serde(default)]
    pub secrets: Vec<HandMadeSecret>,
    /// The properties of its service principal; left out, it has none.
    #[serde(default)]
    pub service_principal: Option<Value>,
    /// Consents for everybody.
    #[serde(default)]
    pub consents: Vec<HandMadeConsent>,
}

/// A client secret that opens nothing but the practice tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandMadeSecret {
    /// How it is named.
    pub display_name: String,
    /// Its value.
    pub value: String,
}

/// Consent for everybody, between two service principals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandMadeConsent {
    /// The client id of the client.
    pub client: String,
    /// The client id of what is used.
    pub resource: String,
    /// The scopes, parted by spaces.
    pub scope: String,
}

/// What callers may do at most; a person's directory roles can only take away from this.
///
/// Source: domain.md 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a right of its own that a scenario takes away by name")]
pub struct Rights {
    /// Register and change applications and their service principals, secrets included.
    pub may_create_apps: bool,
    /// Consent for everybody: write `oauth2PermissionGrants`.
    pub may_consent: bool,
    /// Assign app roles.
    pub may_assign_roles: bool,
    /// Whether people without any directory role may register applications (`allowedToCreateApps`).
    pub people_may_create_apps: bool,
    /// Give and take roles in Azure Resource Manager (`Microsoft.Authorization/roleAssignments/write`).
    pub may_assign_azure_roles: bool,
}

impl Default for Rights {
    fn default() -> Self {
        Self {
            may_create_apps: true,
            may_consent: true,
            may_assign_roles: true,
            people_may_create_apps: true,
            may_assign_azure_roles: true,
        }
    }
}

/// How long a write takes to be seen everywhere, in milliseconds.
///
/// Graph promises nothing here (domain.md 1.2); the default is small but never zero, so that a client that does not wait fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Replication {
    /// A new application or service principal: reads of it answer 404 for this long, and nothing can refer to it.
    pub object_milliseconds: u64,
    /// Whether writes to a new object answer 404 for as long, too. Mostly they reach the primary, which knows the object;
    /// sometimes they do not (domain.md 1.2).
    pub writes_lag: bool,
    /// A new scope or app role: nothing may refer to it for this long.
    pub permission_milliseconds: u64,
    /// A new client secret: the token endpoint refuses it for this long.
    pub secret_milliseconds: u64,
    /// A new app role assignment: tokens lack the role for this long.
    pub assignment_milliseconds: u64,
    /// A new role assignment in Azure Resource Manager: who holds it may do nothing more for this long.
    pub azure_role_milliseconds: u64,
}

impl Default for Replication {
    fn default() -> Self {
        Self {
            object_milliseconds: 700,
            writes_lag: false,
            permission_milliseconds: 500,
            secret_milliseconds: 2_000,
            assignment_milliseconds: 1_000,
            azure_role_milliseconds: 1_000,
        }
    }
}

impl Replication {
    /// Every write is seen at once: for tests of something else.
    pub const fn none() -> Self {
        Self {
            object_milliseconds: 0,
            writes_lag: false,
            permission_milliseconds: 0,
            secret_milliseconds: 0,
            assignment_milliseconds: 0,
            azure_role_milliseconds: 0,
        }
    }

    /// As slow as real tenants have been seen to be, shortened to what a person will watch.
    pub const fn slow() -> Self {
        Self {
            object_milliseconds: 8_000,
            writes_lag: true,
            permission_milliseconds: 6_000,
            secret_milliseconds: 15_000,
            assignment_milliseconds: 20_000,
            azure_role_milliseconds: 20_000,
        }
    }

    pub(super) const fn object(self) -> Duration {
        Duration::from_millis(self.object_milliseconds)
    }

    pub(super) const fn permission(self) -> Duration {
        Duration::from_millis(self.permission_milliseconds)
    }

    pub(super) const fn secret(self) -> Duration {
        Duration::from_millis(self.secret_milliseconds)
    }

    pub(super) const fn assignment(self) -> Duration {
        Duration::from_millis(self.assignment_milliseconds)
    }

    pub(super) const fn azure_role(self) -> Duration {
        Duration::from_millis(self.azure_role_milliseconds)
    }
}

/// What the tenant's app management policy says of client secrets (domain.md 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CredentialPolicy {
    /// Whether client secrets may be added at all.
    pub secrets_allowed: bool,
    /// The longest lifetime of a new secret in days, if it is limited.
    pub longest_lifetime_days: Option<u32>,
}

impl Default for CredentialPolicy {
    fn default() -> Self {
        Self { secrets_allowed: true, longest_lifetime_days: None }
    }
}

/// Who approves a device code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeviceSignIn {
    /// The user principal name that approves every code by itself; without one, a person opens the page.
    pub approved_by: Option<String>,
    /// How often the client polls in vain before the approval arrives.
    pub polls_before_approval: u32,
    /// Seconds a client is told to wait between polls; 0 means the real 5.
    pub interval_seconds: u32,
    /// Seconds until a code runs out; 0 means the real 900.
    pub lifetime_seconds: u32,
}
