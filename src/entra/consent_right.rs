//! Whether who is signed in may consent for everybody: told before anything is tried.

use super::{
    CallerKind, Error, MAY_CONSENT, Session,
    rest::{Ask, TO_CONSENT},
};
use crate::facts::ConsentRight;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// May do everything in the tenant (domain.md 1.3).
const GLOBAL_ADMINISTRATOR: &str = "Global Administrator";
/// Each of these lets a program consent.
const PERMISSIONS: [&str; 2] = [TO_CONSENT.permission, "Directory.ReadWrite.All"];
const DOING: &str = "looking whether you may consent for everybody";

/// A directory role that somebody holds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    #[serde(default)]
    display_name: Option<String>,
}

/// What a program's token says of its permissions.
#[derive(Deserialize)]
struct Permissions {
    #[serde(default)]
    roles: Vec<String>,
}

impl Session {
    /// Whether the caller may consent for everybody: a person by a directory role that is active now, a program by a permission
    /// (domain.md 1.3). Changes nothing.
    pub async fn consent_right(&self) -> Result<ConsentRight, Error> {
        let (held, may): (Vec<String>, Vec<&str>) = match self.caller().kind {
            CallerKind::Person => {
                let roles = MAY_CONSENT.iter().copied().chain([GLOBAL_ADMINISTRATOR]).collect();
                (self.directory_roles().await?, roles)
            }
            CallerKind::ServicePrincipal => (self.permissions().await?, PERMISSIONS.to_vec()),
        };
        let by = may.iter().find(|may| held.iter().any(|held| held == *may));
        Ok(match by {
            Some(by) => ConsentRight::May { by: (*by).to_owned() },
            None => {
                ConsentRight::MayNot { who: MAY_CONSENT.first().copied().unwrap_or(GLOBAL_ADMINISTRATOR).to_owned() }
            }
        })
    }

    async fn directory_roles(&self) -> Result<Vec<String>, Error> {
        let ask =
            Ask::get("me/memberOf/microsoft.graph.directoryRole", DOING).query("$select=displayName,roleTemplateId");
        let roles: Vec<Role> = self.rest().list(ask).await?;
        Ok(roles.into_iter().filter_map(|role| role.display_name).collect())
    }

    /// Graph's own token is the one place where a program can read its permissions without a permission to.
    async fn permissions(&self) -> Result<Vec<String>, Error> {
        let unreadable = |cause: &str| Error::Unreadable { doing: DOING.to_owned(), cause: cause.to_owned() };
        let payload = self.token_payload().await.ok_or_else(|| unreadable("no token for Graph came back"))?;
        let decoded = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok();
        let permissions = decoded.and_then(|decoded| serde_json::from_slice::<Permissions>(&decoded).ok());
        permissions.map(|permissions| permissions.roles).ok_or_else(|| unreadable("the token does not say"))
    }
}
