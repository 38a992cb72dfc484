//! A signed-in conversation with Microsoft Graph.

use super::{
    Application, ApplicationPatch, Caller, DeletedApplication, Error, FederatedCredential, Grant, Owner, Patience,
    RoleAssignment, ServicePrincipal, ServicePrincipalPatch, WaitReason,
    exchange::Exchange,
    rest::{Ask, Repeat, Rest, RestsOn, TO_ASSIGN, TO_CONSENT, encode, quote},
    sign_in::Tokens,
    wire::AddedPassword,
};
use crate::{facts::TenantFacts, secret::Secret};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Shorter lifetimes to try, in days, where the tenant's policy refuses the wanted one (domain.md 1.2).
const SHORTER_LIFETIMES: [i64; 3] = [180, 90, 30];

/// A signed-in conversation with Microsoft Graph. Clones share the token and the connections.
#[derive(Clone, Debug)]
pub struct Session {
    rest: Rest,
    tokens: Tokens,
    identity: Arc<Identity>,
    http: reqwest::Client,
}

/// The tenant that turned out to be signed in to, and all of its domains, as far as they may be read.
pub(super) struct FoundTenant {
    pub(super) facts: TenantFacts,
    pub(super) domains: Vec<String>,
}

#[derive(Debug)]
struct Identity {
    tenant: TenantFacts,
    /// Every domain of the tenant; none where they may not be read.
    domains: Vec<String>,
    caller: Caller,
}

/// A client secret that was just made. Nobody will be told its value again.
#[derive(Clone, Debug)]
pub struct NewPassword {
    /// The value.
    pub secret: Secret,
    /// What it is removed by.
    pub key_id: String,
    /// When it expires; earlier than asked for if the tenant's policy wanted that.
    pub expires: Timestamp,
}

/// What became of consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantOutcome {
    /// It was there.
    Unchanged,
    /// Scopes were added to it.
    Extended,
    /// It is new.
    Created,
}

impl Session {
    pub(super) fn new(rest: Rest, tokens: Tokens, http: reqwest::Client, tenant: FoundTenant, caller: Caller) -> Self {
        let FoundTenant { facts: tenant, domains } = tenant;
        Self { rest, tokens, identity: Arc::new(Identity { tenant, domains, caller }), http }
    }

    /// Whether `tenant`, a GUID or a domain, is certainly another one than the one that is signed in to. Where the tenant's domains
    /// may not be read, only a GUID tells.
    pub fn is_another_tenant(&self, tenant: &str) -> bool {
        let Identity { tenant: own, domains, .. } = &*self.identity;
        let is_it = |name: &str| name.eq_ignore_ascii_case(tenant);
        let can_tell = !domains.is_empty() || uuid::Uuid::try_parse(tenant).is_ok();
        can_tell && !is_it(&own.id) && !is_it(&own.domain) && !domains.iter().any(|domain| is_it(domain))
    }

    /// The same session, telling `observer` why it waits.
    #[must_use]
    pub fn observed_by(&self, observer: impl Fn(&WaitReason) + Send + Sync + 'static) -> Self {
        Self { rest: self.rest.observed_by(Arc::new(observer)), ..self.clone() }
    }

    /// The same session, which ends waiting and reading once `cancel` is cancelled. What writes is finished.
    #[must_use]
    pub fn stopped_by(&self, cancel: CancellationToken) -> Self {
        Self { rest: self.rest.stopped_by(cancel), ..self.clone() }
    }

    /// The tenant.
    pub fn tenant(&self) -> &TenantFacts {
        &self.identity.tenant
    }

    /// Who is signed in.
    pub fn caller(&self) -> &Caller {
        &self.identity.caller
    }

    pub(super) fn rest(&self) -> &Rest {
        &self.rest
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// How long is waited for answers.
    pub(crate) fn patience(&self) -> &Patience {
        self.rest.patience()
    }

    /// Requests in the caller's name to another server of the cloud, which gets a token of its own.
    pub(crate) fn exchange_with(&self, server: &url::Url) -> Exchange {
        self.tokens.exchange_with(server)
    }

    /// Tells whoever observes the session why it waits.
    pub(crate) fn observe(&self, reason: &WaitReason) {
        self.rest.observe(reason);
    }

    /// Waits for what changes nothing, unless the person stops it.
    pub(crate) async fn unless_stopped<T>(&self, doing: &str, waiting: impl Future<Output = T>) -> Result<T, Error> {
        self.rest.unless_stopped(doing, waiting).await
    }

    /// The middle part of the caller's token for Graph, which says what the caller may do, and signs nothing.
    pub(super) async fn token_payload(&self) -> Option<String> {
        self.tokens.payload_for_graph().await
    }

    pub(super) fn token_endpoint(&self) -> String {
        let tenant = self.tenant();
        format!("{}/{}/oauth2/v2.0/token", tenant.cloud.sign_in.as_str().trim_end_matches('/'), tenant.id)
    }

    /// Where an administrator consents, for everybody, to all the permissions that the application declares: the hand-over
    /// for when we may not.
    pub fn consent_link(&self, client_id: &str) -> String {
        let tenant = self.tenant();
        let sign_in = tenant.cloud.sign_in.as_str().trim_end_matches('/');
        format!("{sign_in}/{}/adminconsent?client_id={}", tenant.id, encode(client_id))
    }

    // ---- the application ----

    /// The application that we know by `unique_name`.
    pub async fn find_application(&self, unique_name: &str) -> Result<Option<Application>, Error> {
        let path = by_unique_name(unique_name);
        let doing = format!("looking for the application `{unique_name}`");
        self.rest.read_if_there(Ask::get(path, doing).query(select(Application::SELECT))).await
    }

    /// Makes the application, or changes it if there is one of that name, and reads it back once it can be found.
    ///
    /// Carried out twice it does the same, so a broken connection cannot make two. A patch without a display name cannot
    /// make one and only changes.
    pub async fn upsert_application(&self, unique_name: &str, patch: &ApplicationPatch) -> Result<Application, Error> {
        let doing = format!("creating the application `{unique_name}`");
        let ask = || {
            let ask = Ask::patch(by_unique_name(unique_name), doing.clone()).json(patch)?;
            // Without a display name nothing can be made, so this changes what must be there.
            Ok(if patch.display_name.is_some() { ask.create_if_missing() } else { ask })
        };
        match self.rest.send(ask()?).await {
            Ok(_) => {}
            Err(Error::Refused { answer, .. }) if answer.says(&["same value for property uniqueName"]) => {
                self.application_of_the_same_name(unique_name, answer).await?;
                self.rest.send(ask()?).await?;
            }
            Err(error) => return Err(error),
        }
        self.application_just_written(&by_unique_name(unique_name), unique_name).await
    }

    /// The name is taken: by one in the bin, or by the one that our own first try made and that is not found yet.
    async fn application_of_the_same_name(&self, unique_name: &str, answer: super::Answer) -> Result<(), Error> {
        self.is_not_in_the_bin(unique_name).await?;
        match self.application_just_written(&by_unique_name(unique_name), unique_name).await {
            Ok(_) => Ok(()),
            Err(Error::NotReplicated { doing, .. }) => Err(Error::Refused { doing, answer }),
            Err(error) => Err(error),
        }
    }

    async fn application_just_written(&self, path: &str, name: &str) -> Result<Application, Error> {
        let ask = Ask::get(path, format!("reading the application `{name}` back"))
            .query(select(Application::SELECT))
            .rests_on(RestsOn::Object);
        self.rest.read(ask).await
    }

    /// The application of this client id, if it is registered in this tenant.
    pub async fn application_of_client(&self, client_id: &str) -> Result<Option<Application>, Error> {
        let path = format!("applications(appId={})", quote(client_id));
        let doing = format!("looking for the application of the client id {client_id}");
        self.rest.read_if_there(Ask::get(path, doing).query(select(Application::SELECT))).await
    }

    /// The application of this object id.
    pub async fn application_of_object(&self, object_id: &str) -> Result<Option<Application>, Error> {
        let path = format!("applications/{}", encode(object_id));
        let doing = format!("looking for the application of the object id {object_id}");
        self.rest.read_if_there(Ask::get(path, doing).query(select(Application::SELECT))).await
    }

    /// Who owns an application, by its object id.
    pub async fn owners(&self, object_id: &str) -> Result<Vec<Owner>, Error> {
        let path = format!("applications/{}/owners", encode(object_id));
        let ask = Ask::get(path, format!("reading who owns the application {object_id}"));
        self.rest.list(ask.query("$select=id,displayName,userPrincipalName")).await
    }

    /// Whose tokens an application takes in place of a client secret.
    pub async fn federated_credentials(&self, object_id: &str) -> Result<Vec<FederatedCredential>, Error> {
        let path = format!("applications/{}/federatedIdentityCredentials", encode(object_id));
        self.rest.list(Ask::get(path, format!("reading the federated credentials of {object_id}"))).await
    }

    /// Takes over an application that is there, by its object id: `patch` gives it `unique_name`, once and for all, and with
    /// it everything else. Reads it back once it is found by that name.
    pub async fn adopt_application(
        &self,
        object_id: &str,
        unique_name: &str,
        patch: &ApplicationPatch,
    ) -> Result<Application, Error> {
        let doing = format!("taking over the application {object_id} as `{unique_name}`");
        let ask = Ask::patch(format!("applications/{}", encode(object_id)), doing.clone()).json(patch)?;
        match self.rest.send(ask).await {
            Err(Error::Refused { answer, .. }) if answer.says(&["same value for property uniqueName"]) => {
                return Err(match self.deleted_application(unique_name).await? {
                    Some(deleted) => {
                        let url = self.rest.url(&format!("directory/deletedItems/{}", deleted.id));
                        Error::SoftDeleted { doing, deleted: Box::new(deleted), url }
                    }
                    None => Error::Refused { doing, answer },
                });
            }
            sent => sent.map(drop)?,
        }
        self.application_just_written(&by_unique_name(unique_name), unique_name).await
    }

    /// Changes the application and reads it back. An empty patch only reads.
    pub async fn patch_application(&self, object_id: &str, patch: &ApplicationPatch) -> Result<Application, Error> {
        let by_id = format!("applications/{}", encode(object_id));
        if !patch.is_empty() {
            let ask = Ask::patch(&*by_id, format!("changing the application {object_id}")).json(patch)?;
            self.rest.send(ask.rests_on(RestsOn::Scope)).await?;
        }
        self.application_just_written(&by_id, object_id).await
    }

    /// Moves the application and its service principal to the bin. One that is gone already is fine.
    pub async fn delete_application(&self, object_id: &str) -> Result<(), Error> {
        let path = format!("applications/{}", encode(object_id));
        self.gone(Ask::delete(path, format!("deleting the application {object_id}"))).await
    }

    /// Fails with [`Error::SoftDeleted`] when an application in the bin holds `unique_name`, so that none can be made.
    pub async fn is_not_in_the_bin(&self, unique_name: &str) -> Result<(), Error> {
        let Some(deleted) = self.deleted_application(unique_name).await? else { return Ok(()) };
        let url = self.rest.url(&format!("directory/deletedItems/{}", deleted.id));
        let doing = format!("creating the application `{unique_name}`");
        Err(Error::SoftDeleted { doing, deleted: Box::new(deleted), url })
    }

    /// The application in the bin that still holds `unique_name`.
    pub async fn deleted_application(&self, unique_name: &str) -> Result<Option<DeletedApplication>, Error> {
        let is_it = |deleted: &DeletedApplication| deleted.unique_name.as_deref() == Some(unique_name);
        self.rest.deleted_application(is_it, unique_name).await
    }

    /// Deletes an application in the bin for good, which frees its unique name. One that is gone already is fine.
    pub async fn purge_application(&self, object_id: &str) -> Result<(), Error> {
        let path = format!("directory/deletedItems/{}", encode(object_id));
        self.gone(Ask::delete(path, format!("deleting the application {object_id} for good"))).await
    }

    /// The application in the bin that has this client id.
    pub async fn deleted_application_of_client(&self, client_id: &str) -> Result<Option<DeletedApplication>, Error> {
        self.rest.deleted_application(|deleted| deleted.app_id.eq_ignore_ascii_case(client_id), client_id).await
    }

    /// Takes an application out of the bin.
    pub async fn restore_application(&self, object_id: &str) -> Result<(), Error> {
        let path = format!("directory/deletedItems/{}/restore", encode(object_id));
        self.rest.send(Ask::post(path, format!("restoring the application {object_id}"))).await.map(drop)
    }

    /// Where an application in the bin is taken out of it, for messages.
    pub fn restore_url(&self, object_id: &str) -> String {
        self.rest.url(&format!("directory/deletedItems/{}/restore", encode(object_id)))
    }

    pub(super) async fn gone(&self, ask: Ask) -> Result<(), Error> {
        match self.rest.send(ask).await {
            Ok(_) => Ok(()),
            Err(Error::Refused { answer, .. }) if answer.status == 404 => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The first page of a list of applications, from the index that may be a moment behind.
    pub(super) async fn first_of(
        &self,
        path: &str,
        query: String,
        doing: &str,
    ) -> Result<Vec<super::wire::ListedApplication>, Error> {
        self.rest.first_page(Ask::get(path, doing).query(query).eventually_consistent()).await
    }

    // ---- the service principal ----

    /// The service principal of an application; Graph's own is [`super::GRAPH_APP_ID`]'s.
    pub async fn service_principal(&self, app_id: &str) -> Result<Option<ServicePrincipal>, Error> {
        let doing = format!("looking for the service principal of {app_id}");
        self.rest.read_if_there(Ask::get(by_app_id(app_id), doing).query(select(ServicePrincipal::SELECT))).await
    }

    /// Makes the service principal, or changes it, and reads it back once it can be found.
    pub async fn upsert_service_principal(
        &self,
        app_id: &str,
        patch: &ServicePrincipalPatch,
    ) -> Result<ServicePrincipal, Error> {
        let ask = Ask::patch(by_app_id(app_id), format!("creating the service principal of {app_id}"))
            .create_if_missing()
            .json(patch)?
            .rests_on(RestsOn::Object);
        self.rest.send(ask).await?;
        let ask = Ask::get(by_app_id(app_id), format!("reading the service principal of {app_id} back"));
        self.rest.read(ask.query(select(ServicePrincipal::SELECT)).rests_on(RestsOn::Object)).await
    }

    // ---- consent ----

    /// The consents for everybody that a client has, by the object id of its service principal.
    pub async fn grants(&self, client: &str) -> Result<Vec<Grant>, Error> {
        let filter = format!("$filter=clientId%20eq%20{}%20and%20consentType%20eq%20'AllPrincipals'", quote(client));
        let ask = Ask::get("oauth2PermissionGrants", format!("reading the consents of the client {client}"));
        self.rest.list(ask.query(filter)).await
    }

    /// Who consented to what `resource` exposes, for everybody or for themselves, by the object id of its service principal.
    pub async fn grants_on(&self, resource: &str) -> Result<Vec<Grant>, Error> {
        let ask = Ask::get("oauth2PermissionGrants", format!("reading the consents to what {resource} exposes"));
        self.rest.list(ask.query(format!("$filter=resourceId%20eq%20{}", quote(resource)))).await
    }

    /// Consents for everybody: `client` and `resource` are object ids of service principals. There must be no consent yet;
    /// [`Self::ensure_grant`] looks first.
    pub async fn create_grant(&self, client: &str, resource: &str, scopes: &[String]) -> Result<Grant, Error> {
        let body = json!({
            "clientId": client, "consentType": "AllPrincipals", "resourceId": resource, "scope": scopes.join(" ")
        });
        let doing = format!("consenting for everybody to {}", scopes.join(", "));
        let ask = Ask::post("oauth2PermissionGrants", doing).json(&body)?.needs(&TO_CONSENT);
        self.rest.read(ask.rests_on(RestsOn::Object)).await
    }

    /// Replaces the scopes of a consent.
    pub async fn update_grant(&self, id: &str, scopes: &[String]) -> Result<(), Error> {
        let doing = format!("consenting for everybody to {}", scopes.join(", "));
        let ask = Ask::patch(format!("oauth2PermissionGrants/{}", encode(id)), doing)
            .json(&json!({ "scope": scopes.join(" ") }))?
            .needs(&TO_CONSENT);
        self.rest.send(ask.rests_on(RestsOn::Object)).await.map(drop)
    }

    /// Sees to it that `client` has consent for everybody to `scopes` on `resource`; what was granted besides stays.
    pub async fn ensure_grant(&self, client: &str, resource: &str, scopes: &[String]) -> Result<GrantOutcome, Error> {
        if let Some(outcome) = self.extend_grant(client, resource, scopes).await? {
            return Ok(outcome);
        }
        match self.create_grant(client, resource, scopes).await {
            Ok(_) => Ok(GrantOutcome::Created),
            // One was made in the meantime, or by a first try whose answer got lost: look again.
            Err(error) if already_there(&error) => self.extend_grant(client, resource, scopes).await?.ok_or(error),
            Err(error) => Err(error),
        }
    }

    async fn extend_grant(
        &self,
        client: &str,
        resource: &str,
        scopes: &[String],
    ) -> Result<Option<GrantOutcome>, Error> {
        let grants = self.grants(client).await?;
        let Some(grant) = grants.into_iter().find(|grant| {
            grant.resource_id == resource && grant.client_id == client && grant.consent_type == "AllPrincipals"
        }) else {
            return Ok(None);
        };
        let mut all: Vec<String> = grant.scopes().map(str::to_owned).collect();
        let before = all.len();
        all.extend(scopes.iter().filter(|scope| !grant.scopes().any(|there| there == scope.as_str())).cloned());
        if all.len() == before {
            return Ok(Some(GrantOutcome::Unchanged));
        }
        self.update_grant(&grant.id, &all).await.map(|()| Some(GrantOutcome::Extended))
    }

    // ---- the app role ----

    /// Who holds app roles of `resource`, the object id of a service principal.
    pub async fn role_assignments(&self, resource: &str) -> Result<Vec<RoleAssignment>, Error> {
        let path = format!("servicePrincipals/{}/appRoleAssignedTo", encode(resource));
        self.rest.list(Ask::get(path, format!("reading who holds roles of {resource}"))).await
    }

    /// Gives `principal` a role of `resource`, both object ids; whether it is new. Looks first, for Graph refuses a second.
    pub async fn assign_role(&self, principal: &str, resource: &str, role: uuid::Uuid) -> Result<bool, Error> {
        if self.holds_role(principal, resource, role).await? {
            return Ok(false);
        }
        let path = format!("servicePrincipals/{}/appRoleAssignedTo", encode(resource));
        let ask = Ask::post(path, format!("giving the app role {role} to {principal}"))
            .json(&json!({ "principalId": principal, "resourceId": resource, "appRoleId": role }))?
            .needs(&TO_ASSIGN)
            .rests_on(RestsOn::Role);
        match self.rest.send(ask).await {
            Ok(_) => Ok(true),
            Err(error) if already_there(&error) => {
                if self.holds_role(principal, resource, role).await? {
                    Ok(true)
                } else {
                    Err(error)
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn holds_role(&self, principal: &str, resource: &str, role: uuid::Uuid) -> Result<bool, Error> {
        let role = role.to_string();
        let assignments = self.role_assignments(resource).await?;
        Ok(assignments
            .iter()
            .any(|held| held.principal_id == principal && held.app_role_id.eq_ignore_ascii_case(&role)))
    }

    // ---- client secrets ----

    /// Makes a client secret. Never repeated when it is not known what became of it: that would leave one that nobody
    /// knows. Where the tenant's policy refuses the lifetime, 180, 90 and 30 days are tried.
    pub async fn add_password(
        &self,
        object_id: &str,
        display_name: &str,
        expires: Timestamp,
    ) -> Result<NewPassword, Error> {
        let mut refused = match self.add_password_until(object_id, display_name, expires).await {
            Err(Error::Refused { doing, answer }) if refused_by_policy(&answer) => (doing, answer),
            otherwise => return otherwise,
        };
        for days in SHORTER_LIFETIMES {
            let shorter = Timestamp::now() + SignedDuration::from_hours(days * 24);
            if shorter >= expires || refused.1.says(&["CredentialTypeNotAllowed"]) {
                continue;
            }
            tracing::info!("the tenant's policy refuses the lifetime, trying {days} days");
            refused = match self.add_password_until(object_id, display_name, shorter).await {
                Err(Error::Refused { doing, answer }) if refused_by_policy(&answer) => (doing, answer),
                otherwise => return otherwise,
            };
        }
        let (doing, answer) = refused;
        Err(Error::CredentialPolicy { doing, answer })
    }

    async fn add_password_until(
        &self,
        object_id: &str,
        display_name: &str,
        expires: Timestamp,
    ) -> Result<NewPassword, Error> {
        // Graph wants whole seconds.
        let expires = Timestamp::from_second(expires.as_second()).unwrap_or(expires);
        let body = json!({ "passwordCredential": { "displayName": display_name, "endDateTime": expires } });
        let path = format!("applications/{}/addPassword", encode(object_id));
        let ask = Ask::post(path, format!("making a client secret for the application {object_id}"))
            .json(&body)?
            .rests_on(RestsOn::Object)
            .answers_with_a_secret();
        let added: AddedPassword = self.rest.read(ask).await?;
        Ok(NewPassword { secret: Secret::new(added.secret_text), key_id: added.key_id, expires: added.end_date_time })
    }

    /// Removes a client secret. One that is gone already is fine.
    pub async fn remove_password(&self, object_id: &str, key_id: &str) -> Result<(), Error> {
        let path = format!("applications/{}/removePassword", encode(object_id));
        let ask = Ask::post(path, format!("removing the client secret {key_id}"))
            .json(&json!({ "keyId": key_id }))?
            .repeat(Repeat::Always);
        match self.rest.send(ask).await {
            Err(Error::Refused { answer, .. })
                if answer.status == 404 || answer.says(&["No password credential found"]) =>
            {
                Ok(())
            }
            otherwise => otherwise.map(drop),
        }
    }
}

fn by_unique_name(unique_name: &str) -> String {
    format!("applications(uniqueName={})", quote(unique_name))
}

fn by_app_id(app_id: &str) -> String {
    format!("servicePrincipals(appId={})", quote(app_id))
}

fn select(properties: &str) -> String {
    format!("$select={properties}")
}

/// Whether the thing to be made may be there: said so, or no clear answer came.
fn already_there(error: &Error) -> bool {
    match error {
        Error::OutcomeUnknown { .. } => true,
        Error::Refused { answer, .. } => {
            answer.status == 409 || answer.says(&["already exist", "Request_MultipleObjectsWithSameKeyValue"])
        }
        _ => false,
    }
}

/// domain.md 1.2.
fn refused_by_policy(answer: &super::Answer) -> bool {
    answer.says(&["CredentialInvalidLifetimeAsPerAppPolicy", "CredentialTypeNotAllowed", "as per assigned policy"])
}
