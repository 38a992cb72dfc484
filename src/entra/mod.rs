//! Microsoft Graph v1.0 and sign-in: the application, its scope and role, consent, credentials.
//!
//! [`sign_in()`] makes a [`Session`] out of what the environment offers; a session speaks Graph. Everything a session asks
//! is bounded in time, may be dropped at any moment, and is repeated only where repeating cannot make a second object.
//!
//! What is asked of the world, so that the practice ground can be held against it:
//!
//! | request | for |
//! |---|---|
//! | `GET /{tenant}/v2.0/.well-known/openid-configuration` | the tenant's id, where `/organization` may not be read |
//! | `POST /{tenant}/oauth2/v2.0/token` | every token: client secret, federated token, device code, refresh token |
//! | `POST /{tenant}/oauth2/v2.0/devicecode` | device code sign-in |
//! | `GET /v1.0/organization`, `GET /v1.0/me` | who and where we are |
//! | `GET /v1.0/me/memberOf/microsoft.graph.directoryRole` | whether the caller may consent |
//! | `GET`, `PATCH` (with `Prefer: create-if-missing`) `/v1.0/applications(uniqueName='…')` | find, create, update |
//! | `GET /v1.0/applications(appId='…')`, `GET /v1.0/applications/{id}/owners`, `…/federatedIdentityCredentials` | an application to take over |
//! | `GET /v1.0/applications?$filter=startswith(displayName,'…')`, `…=web/redirectUris/any(u:u eq '…')` (with `ConsistencyLevel`), `GET /v1.0/me/ownedObjects` | what could be taken over |
//! | `GET`, `PATCH`, `DELETE /v1.0/applications/{id}`; `POST …/addPassword`, `…/removePassword` | the same by object id |
//! | `GET`, `PATCH` (with `Prefer`) `/v1.0/servicePrincipals(appId='…')` | the service principal, and Graph's own |
//! | `GET /v1.0/oauth2PermissionGrants?$filter=clientId eq '…' and consentType eq 'AllPrincipals'`, `POST`, `PATCH …/{id}` | consent |
//! | `GET /v1.0/oauth2PermissionGrants?$filter=resourceId eq '…'` | who consented to what an application exposes |
//! | `GET`, `POST /v1.0/servicePrincipals/{id}/appRoleAssignedTo` | the app role |
//! | `GET /v1.0/applications?$filter=tags/any(…)` | what is left of installations whose record is gone |
//! | `PATCH`, `DELETE /v1.0/servicePrincipals/{id}`, `DELETE …/appRoleAssignedTo/{id}`, `DELETE /v1.0/oauth2PermissionGrants/{id}` | giving an application back |
//! | `GET /v1.0/directory/deletedItems/microsoft.graph.application`, `DELETE …/{id}`, `POST …/{id}/restore` | soft-deleted applications |

mod adoption;
mod azure_cli;
mod candidates;
pub mod cloud;
mod consent_right;
mod device_code;
mod error;
pub(crate) mod exchange;
mod merge;
mod release;
mod removal;
mod rest;
mod session;
mod sign_in;
mod sign_in_error;
#[cfg(test)]
#[cfg(feature = "practice")]
mod tests;
mod token;
mod waiting;
mod ways;
pub mod wire;

pub use adoption::{ADOPTED_TAG, Adoption, added, is_of_installation, kept, was};
pub use device_code::DeviceCode;
pub use error::{Answer, Error, MissingRight};
pub use merge::{Desired, before, before_in_principal, expose, merge, merge_service_principal};
pub use release::{PrincipalRelease, Release, consents_of_ours, release, release_principal};
pub use rest::MAY_CONSENT;
pub use session::{GrantOutcome, NewPassword, Session};
pub use sign_in::{Caller, CallerKind, Environment, Method, SignInRequest, sign_in};
pub use sign_in_error::SignInError;
pub use token::TokenProbe;
pub use waiting::{Patience, WaitReason};
pub use ways::ways;
pub use wire::{
    AppRole, Application, ApplicationPatch, DeletedApplication, FederatedCredential, Grant, Owner, PasswordCredential,
    PermissionScope, RoleAssignment, ServicePrincipal, ServicePrincipalPatch,
};

/// The app id of Microsoft Graph, the same in every tenant.
pub const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";

/// The id of Graph's delegated permission `User.Read` (domain.md 1.1).
pub const GRAPH_USER_READ: &str = "e1fe6dd8-ba31-4d61-89e7-88639da4683d";
