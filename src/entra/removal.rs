//! What takes away in the tenant: each may be asked twice, and what is gone already is fine.

use super::{
    Application, Error, ServicePrincipalPatch, Session,
    rest::{Ask, RestsOn, TO_ASSIGN, TO_CONSENT, encode, quote},
};
use serde_json::{Value, json};

impl Session {
    /// The applications that carry the tag `mark`; those in the bin are left out.
    pub async fn applications_tagged(&self, mark: &str) -> Result<Vec<Application>, Error> {
        let ask = Ask::get("applications", format!("looking for applications with the tag `{mark}`"));
        let filter = format!("$filter=tags/any(t:t%20eq%20{})&$select={}", quote(mark), Application::SELECT);
        self.rest().list(ask.query(filter)).await
    }

    /// Changes an application by its object id: a body of Graph's own making, for what must be set to null.
    pub async fn change_application(&self, object_id: &str, changes: &Value, doing: &str) -> Result<(), Error> {
        let ask = Ask::patch(format!("applications/{}", encode(object_id)), format!("{doing} {object_id}"));
        self.rest().send(ask.json(changes)?.rests_on(RestsOn::Disabled)).await.map(drop)
    }

    /// Changes a service principal by its object id.
    pub async fn change_service_principal(
        &self,
        object_id: &str,
        changes: &ServicePrincipalPatch,
    ) -> Result<(), Error> {
        let path = format!("servicePrincipals/{}", encode(object_id));
        let ask = Ask::patch(path, format!("giving the service principal {object_id} back"));
        self.rest().send(ask.json(changes)?).await.map(drop)
    }

    /// Moves a service principal to the bin.
    pub async fn delete_service_principal(&self, object_id: &str) -> Result<(), Error> {
        let path = format!("servicePrincipals/{}", encode(object_id));
        self.gone(Ask::delete(path, format!("deleting the service principal {object_id}"))).await
    }

    /// Leaves `scopes` of a consent for everybody; without any it is deleted.
    pub async fn shrink_grant(&self, id: &str, scopes: &[String]) -> Result<(), Error> {
        let path = format!("oauth2PermissionGrants/{}", encode(id));
        let doing = format!("taking back the consent {id}");
        let ask = if scopes.is_empty() {
            Ask::delete(path, doing)
        } else {
            Ask::patch(path, doing).json(&json!({ "scope": scopes.join(" ") }))?
        };
        self.gone(ask.needs(&TO_CONSENT)).await
    }

    /// Takes an app role of `resource`, the object id of a service principal, back, by the assignment's id.
    pub async fn remove_role_assignment(&self, resource: &str, id: &str) -> Result<(), Error> {
        let path = format!("servicePrincipals/{}/appRoleAssignedTo/{}", encode(resource), encode(id));
        self.gone(Ask::delete(path, format!("taking back the role assignment {id}")).needs(&TO_ASSIGN)).await
    }
}
