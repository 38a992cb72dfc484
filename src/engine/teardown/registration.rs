//! The registration of an installation that is taken away: what was made is deleted, what was taken over is given back.

use super::Installation;
use crate::{
    engine::{
        Target,
        event::{HandOver, Problem},
        problem,
    },
    entra::{
        self, Application, DeletedApplication, Error, FederatedCredential, GRAPH_APP_ID, Grant, MissingRight,
        PrincipalRelease, Release, RoleAssignment, ServicePrincipal, Session,
    },
};

/// The registration as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    pub(super) unique_name: String,
    pub(super) application: Option<Application>,
    pub(super) in_the_bin: Option<DeletedApplication>,
    pub(super) principal: Option<ServicePrincipal>,
    pub(super) graph: Option<ServicePrincipal>,
    pub(super) grants: Vec<Grant>,
    pub(super) assignments: Vec<RoleAssignment>,
    pub(super) federated: Vec<FederatedCredential>,
}

/// One change in the tenant.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Moves the application to the bin.
    Delete { id: String, unique_name: String },
    /// Removes client secrets by their key ids.
    RemoveCredentials { id: String, key_ids: Vec<String> },
    /// Leaves these scopes of a consent.
    Shrink { grant: String, scopes: Vec<String> },
    /// Takes a role back.
    RemoveAssignment { resource: String, id: String },
    /// Deletes the service principal, or changes it back.
    Principal { id: String, release: PrincipalRelease },
    /// Gives the application back; last, for the record goes with it.
    GiveBack { id: String, release: Box<Release> },
}

/// Reads the registration of `installation`. Writes nothing.
pub(super) async fn read(target: &Target, cluster: &str, installation: &Installation) -> Result<Live, Problem> {
    let unique_name = format!("gatewright.{cluster}.{}.{}", installation.namespace, installation.application);
    let session = &target.session;
    let read = |error: &Error| problem::entra("read the registration", error);
    let application = session.find_application(&unique_name).await.map_err(|error| read(&error))?;
    let mut live = Live { unique_name, application, ..Live::default() };
    let Some(application) = &live.application else {
        // What may not be seen is no reason to stop: it only tells how to get it back.
        live.in_the_bin = session.deleted_application(&live.unique_name).await.unwrap_or_default();
        return Ok(live);
    };
    let (federated, principal, graph) = tokio::join!(
        session.federated_credentials(&application.id),
        session.service_principal(&application.app_id),
        session.service_principal(GRAPH_APP_ID),
    );
    live.federated = if_it_may_be_seen(federated)?;
    live.graph = graph.map_err(|error| read(&error))?;
    live.principal = principal.map_err(|error| read(&error))?;
    if let Some(principal) = &live.principal {
        let (grants, assignments) =
            tokio::join!(session.grants(&principal.id), session.role_assignments(&principal.id));
        live.grants = if_it_may_be_seen(grants)?;
        live.assignments = if_it_may_be_seen(assignments)?;
    }
    Ok(live)
}

fn if_it_may_be_seen<T>(list: Result<Vec<T>, Error>) -> Result<Vec<T>, Problem> {
    match list {
        Ok(list) => Ok(list),
        Err(error) if error.lacks_right().is_some() => Ok(Vec::new()),
        Err(error) => Err(problem::entra("read the registration", &error)),
    }
}

impl Live {
    /// The key ids of the client secrets that are ours: the one that `in_use` names, and those that carry the name `credential`.
    pub(super) fn credentials_of_ours(&self, credential: &str, in_use: Option<&str>) -> Vec<String> {
        let Some(application) = &self.application else { return Vec::new() };
        let is_others =
            |key_id: &str| application.tags.contains(&entra::kept(crate::engine::adoption::CREDENTIAL, key_id));
        let ours = application.password_credentials.iter().filter(|one| {
            let named = one.display_name.as_deref() == Some(credential) && !is_others(&one.key_id);
            named || in_use.is_some_and(|in_use| one.key_id.eq_ignore_ascii_case(in_use))
        });
        ours.map(|one| one.key_id.clone()).collect()
    }

    /// Credentials that others sign in with, for a person.
    pub(super) fn credentials_of_others(&self, ours: &[String]) -> Vec<String> {
        let Some(application) = &self.application else { return Vec::new() };
        let name = |one: &entra::PasswordCredential| one.display_name.clone().unwrap_or_else(|| one.key_id.clone());
        let secrets = application.password_credentials.iter().filter(|one| !ours.contains(&one.key_id));
        secrets
            .map(|one| format!("client secret {}", name(one)))
            .chain(application.key_credentials.iter().map(|one| format!("certificate {}", name(one))))
            .chain(self.federated.iter().map(|one| format!("federated credential {}", one.name)))
            .collect()
    }

    /// The consents for everybody that have scopes of ours, with what stays of each.
    pub(super) fn consents_to_take_back(&self) -> Vec<(&Grant, &'static str, Vec<String>)> {
        let (Some(application), Some(principal)) = (&self.application, &self.principal) else { return Vec::new() };
        let resources = [("graph", self.graph.as_ref()), ("own", Some(principal))];
        resources
            .into_iter()
            .filter_map(|(name, resource)| Some((name, &resource?.id)))
            .filter_map(|(name, id)| {
                let mut grants = self.grants.iter();
                let grant = grants.find(|grant| &grant.resource_id == id && grant.consent_type == "AllPrincipals")?;
                let scopes: Vec<String> = grant.scopes().map(str::to_owned).collect();
                Some((grant, name, entra::consents_of_ours(application, name, &scopes)?))
            })
            .collect()
    }

    /// The application's own roles that it got from us, each as the role's value and its assignment.
    pub(super) fn assignments_to_take_back(&self) -> Vec<(String, &RoleAssignment)> {
        let (Some(application), Some(principal)) = (&self.application, &self.principal) else { return Vec::new() };
        let own = self.assignments.iter().filter(|held| held.principal_id == principal.id);
        own.filter_map(|held| {
            let is_it = |role: &&entra::AppRole| role.id.to_string().eq_ignore_ascii_case(&held.app_role_id);
            let role = application.app_roles.iter().find(is_it)?.value.clone()?;
            application.tags.contains(&entra::added("role-assignment", &role)).then_some((role, held))
        })
        .collect()
    }

    /// How many others hold a role that was added by us: it goes with the role.
    pub(super) fn others_with_our_roles(&self) -> usize {
        let (Some(application), Some(principal)) = (&self.application, &self.principal) else { return 0 };
        let ours = |id: &str| application.tags.contains(&entra::added("role", &id.to_lowercase()));
        self.assignments.iter().filter(|held| held.principal_id != principal.id && ours(&held.app_role_id)).count()
    }
}

/// What came of one change.
pub(super) enum Done {
    /// It is done; what was seen.
    Done(Option<String>),
    /// It is not ours to do.
    HandedOver(HandOver),
}

/// Carries out one change.
pub(super) async fn carry_out(session: &Session, work: &Work) -> Result<Done, Box<Error>> {
    let done = match work {
        Work::Delete { id, unique_name } => delete(session, id, unique_name).await,
        Work::RemoveCredentials { id, key_ids } => remove_credentials(session, id, key_ids).await,
        Work::Shrink { grant, scopes } => session.shrink_grant(grant, scopes).await.map(|()| None),
        Work::RemoveAssignment { resource, id } => session.remove_role_assignment(resource, id).await.map(|()| None),
        Work::Principal { id, release } => match release {
            PrincipalRelease::Unchanged => Ok(None),
            PrincipalRelease::Change(patch) => session.change_service_principal(id, patch).await.map(|()| None),
            PrincipalRelease::Delete => session.delete_service_principal(id).await.map(|()| None),
        },
        Work::GiveBack { id, release } => give_back(session, id, release).await,
    };
    match done {
        Ok(proof) => Ok(Done::Done(proof)),
        Err(Error::NotPermitted { right, .. }) => Ok(Done::HandedOver(hand_over(&right))),
        Err(error) => Err(Box::new(error)),
    }
}

/// How long Entra keeps what was deleted (domain.md 1.1 row 10).
const DAYS_IN_THE_BIN: i64 = 30;

async fn delete(session: &Session, id: &str, unique_name: &str) -> Result<Option<String>, Error> {
    session.delete_application(id).await?;
    let deleted = session.deleted_application(unique_name).await.unwrap_or_default();
    let at = deleted.and_then(|deleted| deleted.deleted_date_time?.parse::<jiff::Timestamp>().ok());
    let at = at.unwrap_or_else(jiff::Timestamp::now);
    Ok(Some(how_to_restore(session, id, at)))
}

/// How an application in the bin is taken out of it, and until when.
pub(super) fn how_to_restore(session: &Session, id: &str, deleted: jiff::Timestamp) -> String {
    let until = deleted.checked_add(jiff::SignedDuration::from_hours(DAYS_IN_THE_BIN * 24)).unwrap_or(deleted);
    format!(
        "in the tenant's bin until {}; to get it back: az rest --method post --url {}",
        until.strftime("%F"),
        session.restore_url(id)
    )
}

async fn remove_credentials(session: &Session, id: &str, key_ids: &[String]) -> Result<Option<String>, Error> {
    for key_id in key_ids {
        session.remove_password(id, key_id).await?;
    }
    Ok(None)
}

async fn give_back(session: &Session, id: &str, release: &Release) -> Result<Option<String>, Error> {
    if !release.disable.is_empty() {
        let body = release.disable.clone().into();
        session.change_application(id, &body, "disabling what was added to the application").await?;
    }
    session.change_application(id, &release.give_back.clone().into(), "giving back the application").await?;
    Ok(Some("as it was; its unique name stays, for Entra never takes one away".to_owned()))
}

fn hand_over(right: &MissingRight) -> HandOver {
    HandOver {
        reason: format!("It is not ours to do: {}.", right.doing),
        who: format!("somebody with one of the directory roles {}", right.roles.join(", ")),
        link: None,
        text: None,
        command: right.command.clone(),
    }
}
