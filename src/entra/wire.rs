//! What goes over the wire: the parts of Graph's objects that we use.
//!
//! Graph replaces lists wholesale (domain.md 1.1), so whatever stands in a list that we write back is kept: `others` holds
//! the properties that we do not know.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// An application, as Graph returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Application {
    /// The object id.
    pub id: String,
    /// The client id.
    pub app_id: String,
    /// The alternate key that we find our applications by.
    pub unique_name: Option<String>,
    /// What people see.
    pub display_name: String,
    /// `AzureADMyOrg` for one tenant.
    pub sign_in_audience: Option<String>,
    /// Such as `api://CLIENT_ID`.
    pub identifier_uris: Vec<String>,
    /// Marks.
    pub tags: Vec<String>,
    /// The web platform.
    pub web: WebPlatform,
    /// The platform of single-page applications.
    pub spa: WebPlatform,
    /// The platform of installed applications.
    pub public_client: WebPlatform,
    /// What it exposes.
    pub api: ExposedApi,
    /// Its app roles.
    pub app_roles: Vec<AppRole>,
    /// The permissions it asks for.
    pub required_resource_access: Vec<ResourceAccess>,
    /// The claims it asks for.
    pub optional_claims: Option<OptionalClaims>,
    /// Its client secrets, without their values.
    pub password_credentials: Vec<PasswordCredential>,
    /// Its certificates.
    pub key_credentials: Vec<PasswordCredential>,
}

impl Application {
    /// The properties that a reader asks for.
    pub(super) const SELECT: &str = "id,appId,uniqueName,displayName,signInAudience,identifierUris,tags,web,spa,publicClient,api,\
                                     appRoles,requiredResourceAccess,optionalClaims,passwordCredentials,keyCredentials";

    /// The scope with this value.
    pub fn scope(&self, value: &str) -> Option<&PermissionScope> {
        self.api.oauth2_permission_scopes.iter().find(|scope| scope.value.as_deref() == Some(value))
    }

    /// The app role with this value.
    pub fn role(&self, value: &str) -> Option<&AppRole> {
        self.app_roles.iter().find(|role| role.value.as_deref() == Some(value))
    }

    /// `api://CLIENT_ID`, the only identifier URI that every tenant's policy allows (domain.md 1.2).
    pub fn own_identifier_uri(&self) -> String {
        format!("api://{}", self.app_id)
    }
}

/// A soft-deleted application; it keeps its unique name for 30 days (domain.md 1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeletedApplication {
    /// The object id.
    pub id: String,
    /// The client id.
    pub app_id: String,
    /// The alternate key.
    pub unique_name: Option<String>,
    /// What people saw.
    pub display_name: String,
    /// When it was deleted, RFC 3339.
    pub deleted_date_time: Option<String>,
}

/// The web platform of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WebPlatform {
    /// Where sign-in may send people back to.
    pub redirect_uris: Vec<String>,
}

/// What an application exposes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExposedApi {
    /// Which version access tokens for it have; `None` and 1 are v1 (domain.md 2.1).
    pub requested_access_token_version: Option<u8>,
    /// Its scopes.
    pub oauth2_permission_scopes: Vec<PermissionScope>,
    /// The clients that nobody is asked to consent for.
    pub pre_authorized_applications: Vec<PreAuthorized>,
}

/// A client that nobody is asked to consent for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreAuthorized {
    /// Its client id.
    pub app_id: String,
}

/// A scope: what a person can let an application do in their name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionScope {
    /// Its id; immutable.
    pub id: Uuid,
    /// Its value, as it stands in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether it can be used.
    #[serde(default)]
    pub is_enabled: bool,
    /// The rest, such as the texts of the consent page.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// An app role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRole {
    /// Its id; immutable.
    pub id: Uuid,
    /// Its value, as it stands in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether it can be used.
    #[serde(default)]
    pub is_enabled: bool,
    /// Who it can be given to: `User`, `Application`.
    #[serde(default)]
    pub allowed_member_types: Vec<String>,
    /// The rest, such as its name and description.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// The permissions that an application asks for on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceAccess {
    /// The resource's app id.
    pub resource_app_id: String,
    /// The permissions.
    #[serde(default)]
    pub resource_access: Vec<AccessEntry>,
    /// The rest.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// One permission that an application asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessEntry {
    /// The id of the scope or role.
    pub id: String,
    /// `Scope` or `Role`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The claims that an application asks for, by kind of token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OptionalClaims {
    /// For id tokens.
    pub id_token: Vec<OptionalClaim>,
    /// For access tokens.
    pub access_token: Vec<OptionalClaim>,
    /// The rest, such as those for SAML.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionalClaim {
    /// Its name, such as `email`.
    pub name: String,
    /// The rest.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// A client secret without its value, or a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PasswordCredential {
    /// What it is removed by.
    pub key_id: String,
    /// How it is named.
    pub display_name: Option<String>,
    /// When it expires, RFC 3339.
    pub end_date_time: Option<jiff::Timestamp>,
}

/// What is to change in an application; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationPatch {
    /// See [`Application::unique_name`]. It can be set once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_name: Option<String>,
    /// See [`Application::display_name`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// See [`Application::sign_in_audience`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in_audience: Option<String>,
    /// See [`Application::identifier_uris`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier_uris: Option<Vec<String>>,
    /// See [`Application::tags`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// See [`Application::web`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<WebPlatformPatch>,
    /// See [`Application::api`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<ExposedApiPatch>,
    /// See [`Application::app_roles`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_roles: Option<Vec<AppRole>>,
    /// See [`Application::required_resource_access`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_resource_access: Option<Vec<ResourceAccess>>,
    /// See [`Application::optional_claims`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional_claims: Option<OptionalClaims>,
}

impl ApplicationPatch {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is to change in the web platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebPlatformPatch {
    /// See [`WebPlatform::redirect_uris`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<Vec<String>>,
    /// Set when the application is made; both are off, for the code flow needs neither (domain.md D12).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub implicit_grant_settings: Option<ImplicitGrantSettings>,
}

/// Which tokens the authorization endpoint hands out by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImplicitGrantSettings {
    /// Access tokens.
    pub enable_access_token_issuance: bool,
    /// Id tokens.
    pub enable_id_token_issuance: bool,
}

/// What is to change in what an application exposes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExposedApiPatch {
    /// See [`ExposedApi::requested_access_token_version`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_access_token_version: Option<u8>,
    /// See [`ExposedApi::oauth2_permission_scopes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2_permission_scopes: Option<Vec<PermissionScope>>,
}

/// A service principal: an application as it stands in a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePrincipal {
    /// The object id.
    pub id: String,
    /// The application's client id.
    pub app_id: String,
    /// What people see.
    pub display_name: Option<String>,
    /// Whether only those with an assignment get a token.
    pub app_role_assignment_required: bool,
    /// Marks.
    pub tags: Vec<String>,
    /// The tenant where its application is registered.
    pub app_owner_organization_id: Option<String>,
}

impl ServicePrincipal {
    /// The properties that a reader asks for.
    pub(super) const SELECT: &str = "id,appId,displayName,appRoleAssignmentRequired,tags,appOwnerOrganizationId";
}

/// What is to change in a service principal; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipalPatch {
    /// See [`ServicePrincipal::app_role_assignment_required`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_role_assignment_required: Option<bool>,
    /// See [`ServicePrincipal::tags`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

impl ServicePrincipalPatch {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Consent to delegated permissions of one client on one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grant {
    /// The grant's id.
    pub id: String,
    /// The object id of the client's service principal.
    pub client_id: String,
    /// The object id of the resource's service principal.
    pub resource_id: String,
    /// `AllPrincipals` where an administrator consented for everybody.
    pub consent_type: String,
    /// The scopes, parted by spaces; some tenants have a space in front.
    pub scope: String,
}

impl Grant {
    /// The scopes one by one.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split_whitespace()
    }
}

/// An app role given to a person, a group or an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleAssignment {
    /// The assignment's id.
    pub id: String,
    /// The object id of who has it.
    pub principal_id: String,
    /// The object id of the service principal that it counts at.
    pub resource_id: String,
    /// The role's id.
    pub app_role_id: String,
}

/// An application in a list of those that could be meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListedApplication {
    /// The type, where the list holds several.
    #[serde(rename = "@odata.type")]
    pub(super) odata_type: Option<String>,
    /// The object id.
    pub id: String,
    /// The client id.
    pub app_id: String,
    /// What people see.
    pub display_name: String,
    /// The alternate key.
    pub unique_name: Option<String>,
    /// When it was registered.
    pub created_date_time: Option<jiff::Timestamp>,
}

impl ListedApplication {
    /// The properties that a reader asks for.
    pub(super) const SELECT: &str = "id,appId,displayName,uniqueName,createdDateTime";
}

/// Who owns an application: a person, or a program's service principal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    /// The object id.
    pub id: String,
    /// The name; who may not read people gets none.
    pub display_name: Option<String>,
    /// The address that a person signs in with.
    pub user_principal_name: Option<String>,
}

/// Trust in tokens of another issuer, in place of a client secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FederatedCredential {
    /// How it is named.
    pub name: String,
    /// Whose tokens are trusted.
    pub subject: String,
}

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next_link: Option<String>,
}

/// The tenant.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Organization {
    pub(super) id: String,
    #[serde(default)]
    pub(super) verified_domains: Vec<VerifiedDomain>,
}

/// A name that the tenant has proven to be its own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerifiedDomain {
    pub(super) name: String,
    #[serde(default)]
    pub(super) is_default: bool,
    #[serde(default)]
    pub(super) is_initial: bool,
}

/// The signed-in person.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Me {
    pub(super) user_principal_name: String,
}

/// The answer to `addPassword`. Its one reader moves the value into a [`crate::secret::Secret`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddedPassword {
    pub(super) secret_text: String,
    pub(super) key_id: String,
    pub(super) end_date_time: jiff::Timestamp,
}
