//! The registration in Entra: held against what is wanted, and brought there, one step after the other.

use super::{
    Seen, Target, adoption,
    apply::{Run, Stop},
    client_secret, consent, diff,
    event::{Action, Event, Events, HandOver, Problem, Title, milliseconds},
    installations::health,
    plan::Step,
    problem,
    secrets::Vault,
};
use crate::{
    answers::{Adopt, Answers},
    blueprint::{GrantResource, Known, Part, PartBody, PartId, RegistrationPart},
    entra::{
        self, Application, ApplicationPatch, Desired, Error, GRAPH_APP_ID, Grant, RoleAssignment, ServicePrincipal,
        Session, expose, merge, merge_service_principal,
    },
    facts::RegisteredFacts,
    secret::Secret,
};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// The registration as it is live, and what it should be.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    pub(super) unique_name: String,
    /// The application to take over, where the answers name one.
    pub(super) adopt: Option<Adopt>,
    pub(super) desired: Desired,
    pub(super) credential_name: String,
    /// The consents that are wanted.
    pub(super) consents: Vec<(GrantResource, Vec<String>)>,
    /// The app role that the application is to hold itself.
    pub(super) own_role: Option<String>,
    pub(super) application: Option<Application>,
    /// Why none can be made: one in the tenant's bin still has our name.
    pub(super) in_the_bin: Option<Problem>,
    pub(super) principal: Option<ServicePrincipal>,
    pub(super) graph: Option<ServicePrincipal>,
    pub(super) grants: Vec<Grant>,
    pub(super) assignments: Vec<RoleAssignment>,
    /// What a person should know of the application that is about to be taken over.
    pub(super) takeover: Vec<String>,
    /// What a rotation has left that was begun and not ended.
    pub(super) rotation: Rotation,
}

/// What there is of a rotation that was begun and not ended. Its credentials are its own to remove.
#[derive(Clone, Debug, Default)]
pub(super) struct Rotation {
    /// Whether a run holds the installation, or did when it was killed.
    pub(super) is_held: bool,
    /// The key id of the client secret that was in use before it.
    pub(super) previous: Option<String>,
}

impl Live {
    /// The application, once there is one.
    pub(super) fn application(&self) -> Option<&Application> {
        self.application.as_ref()
    }

    /// What stands in the way of `part`.
    pub(super) fn problem_of(&self, part: &RegistrationPart) -> Option<&Problem> {
        matches!(part, RegistrationPart::Application { .. }).then_some(self.in_the_bin.as_ref()).flatten()
    }

    /// The client secret that our Secret holds, if Entra still knows it and it has not expired.
    pub(super) fn usable_client_secret<'a>(
        &self,
        vault: &'a Vault,
        at: &(String, String),
    ) -> Option<(&'a str, &'a Secret)> {
        let (key_id, value) = vault.client_secret(&at.0, &at.1)?;
        let credentials = &self.application.as_ref()?.password_credentials;
        let known = credentials.iter().find(|credential| credential.key_id.eq_ignore_ascii_case(key_id))?;
        let expired = known.end_date_time.is_some_and(|end| end <= jiff::Timestamp::now());
        (!expired).then_some((key_id, value))
    }

    /// The key ids of credentials that carry our name and are not `in_use`: what a run left that was killed between Entra's answer
    /// and the write to the cluster.
    pub(super) fn orphans(&self, in_use: Option<&str>) -> Vec<String> {
        let credentials = self.application.iter().flat_map(|application| &application.password_credentials);
        credentials
            .filter(|credential| credential.display_name.as_deref() == Some(&self.credential_name))
            .filter(|credential| !self.is_others(&credential.key_id))
            .filter(|credential| in_use.is_none_or(|in_use| !credential.key_id.eq_ignore_ascii_case(in_use)))
            .map(|credential| credential.key_id.clone())
            .collect()
    }

    /// Those of the orphans that setup may remove: while a rotation goes on, a credential that no Secret names may be about to be
    /// written into one.
    pub(super) fn abandoned(&self, in_use: Option<&str>) -> Vec<String> {
        if self.rotation.is_held {
            return Vec::new();
        }
        let mut orphans = self.orphans(in_use);
        let previous = self.rotation.previous.as_deref();
        orphans.retain(|key_id| previous.is_none_or(|previous| !previous.eq_ignore_ascii_case(key_id)));
        orphans
    }

    /// A credential that was in the application before us is others', whatever its name.
    fn is_others(&self, key_id: &str) -> bool {
        let tag = entra::kept(adoption::CREDENTIAL, key_id);
        self.application().is_some_and(|application| application.tags.contains(&tag))
    }

    /// Whether the application was there before us.
    pub(super) fn is_of_others(&self) -> bool {
        self.desired.adoption.is_some() || self.application().is_some_and(Application::is_adopted)
    }

    /// Whether an assignment has to be demanded. That one is demanded already is others' decision, where the application was.
    pub(super) fn demands_assignment(&self, wanted: bool) -> bool {
        wanted
            || (self.is_of_others() && self.principal.as_ref().is_some_and(|there| there.app_role_assignment_required))
    }

    /// The application as it will be once its first step is done.
    fn application_to_be(&self) -> Option<Application> {
        self.application().map(|application| application.with(&merge(&self.desired, Some(application))))
    }

    pub(super) fn resource(&self, resource: GrantResource) -> Option<&ServicePrincipal> {
        match resource {
            GrantResource::Graph => self.graph.as_ref(),
            GrantResource::Own => self.principal.as_ref(),
        }
    }

    pub(super) fn grant(&self, resource: GrantResource) -> Option<&Grant> {
        let resource = &self.resource(resource)?.id;
        self.grants.iter().find(|grant| &grant.resource_id == resource && grant.consent_type == "AllPrincipals")
    }

    pub(super) fn holds_role(&self, role: &str) -> bool {
        let (Some(principal), Some(application)) = (&self.principal, &self.application) else { return false };
        application.role(role).is_some_and(|role| {
            let id = role.id.to_string();
            let of_ours = |held: &&RoleAssignment| held.principal_id == principal.id;
            self.assignments.iter().filter(of_ours).any(|held| held.app_role_id.eq_ignore_ascii_case(&id))
        })
    }
}

/// Reads the registration that `parts` want.
pub(super) async fn read(target: &Target, parts: &[Part]) -> Result<Live, Problem> {
    let mut live = wanted(parts);
    let session = &target.session;
    let known = session.find_application(&live.unique_name).await;
    let known = known.map_err(|error| problem::entra("read the registration", &error))?;
    live.application = match &live.adopt {
        None => match known {
            Some(known) if known.is_given_back() => return Err(adoption::was_given_back(&known)),
            known => known,
        },
        Some(adopt) => Some(adoption::find(session, adopt.client_id.as_str(), &live, known).await?),
    };
    let Some(application) = &live.application else {
        // What may not be seen counts as not there: trying to make one tells whether it is.
        if let Err(error @ Error::SoftDeleted { .. }) = session.is_not_in_the_bin(&live.unique_name).await {
            live.in_the_bin = Some(problem::entra("plan the registration", &error));
        }
        return Ok(live);
    };
    let read = |error| problem::entra("read the service principal", &error);
    let (principal, graph) =
        tokio::try_join!(session.service_principal(&application.app_id), session.service_principal(GRAPH_APP_ID))
            .map_err(read)?;
    live.graph = graph;
    if let Some(principal) = &principal {
        let (grants, assignments) =
            tokio::join!(session.grants(&principal.id), session.role_assignments(&principal.id));
        live.grants = if_it_may_be_seen("read the consents", grants)?;
        live.assignments = if_it_may_be_seen("read the role assignments", assignments)?;
    }
    live.principal = principal;
    let is_to_be_taken = |application: &Application| application.unique_name.is_none() || application.is_given_back();
    if live.adopt.is_some() && live.application().is_some_and(is_to_be_taken) {
        adoption::prepare(session, &mut live).await?;
    }
    Ok(live)
}

/// What may not be seen counts as not there: trying to make it tells whether it is.
fn if_it_may_be_seen<T>(tried: &str, list: Result<Vec<T>, Error>) -> Result<Vec<T>, Problem> {
    match list {
        Ok(list) => Ok(list),
        Err(error) if error.lacks_right().is_some() => Ok(Vec::new()),
        Err(error) => Err(problem::entra(tried, &error)),
    }
}

fn wanted(parts: &[Part]) -> Live {
    let mut live = Live::default();
    for part in parts {
        match &part.body {
            PartBody::Registration(RegistrationPart::Application {
                unique_name,
                adopt,
                display_name,
                redirect_uri,
                scope,
                role,
                optional_claims,
                tags,
            }) => {
                live.unique_name.clone_from(unique_name);
                live.adopt.clone_from(adopt);
                live.desired = Desired {
                    display_name: display_name.clone(),
                    redirect_uri: redirect_uri.clone(),
                    scope: scope.clone(),
                    role: role.clone(),
                    optional_claims: optional_claims.clone(),
                    tags: tags.clone(),
                    adoption: None,
                    rename: adopt.as_ref().is_some_and(|adopt| adopt.rename),
                };
            }
            PartBody::Registration(RegistrationPart::Grant { resource, scopes, .. }) => {
                live.consents.push((*resource, scopes.clone()));
            }
            PartBody::Registration(RegistrationPart::RoleAssignment { role }) => live.own_role = Some(role.clone()),
            PartBody::Registration(RegistrationPart::ClientSecret { display_name, .. }) => {
                live.credential_name.clone_from(display_name);
            }
            _ => {}
        }
    }
    live
}

/// What would be done to a step of the registration, and what would change.
pub(super) fn compare(part: &RegistrationPart, seen: &Seen) -> (Action, String) {
    let live = &seen.registration;
    match part {
        RegistrationPart::Application { .. } => {
            let patch = merge(&live.desired, live.application());
            match live.application() {
                None => (Action::Create, created(&patch)),
                Some(application) => of_change(&patch, application),
            }
        }
        RegistrationPart::IdentifierUri => match live.application_to_be() {
            None => (Action::Create, added(&["api://‹known once the application is registered›".to_owned()])),
            Some(application) => {
                let (action, diff) = of_change(&expose(&application, &live.desired.scope.0), &application);
                let is_new = action == Action::Update && application.identifier_uris.is_empty();
                (if is_new { Action::Create } else { action }, diff)
            }
        },
        RegistrationPart::ServicePrincipal { assignment_required } => {
            let required = live.demands_assignment(*assignment_required);
            let patch = merge_service_principal(required, live.principal.as_ref());
            match &live.principal {
                None => (Action::Create, created(&patch)),
                Some(_) if patch.is_empty() => (Action::Keep, String::new()),
                Some(there) => (Action::Update, change_between(&entra::before_in_principal(&patch, there), &patch)),
            }
        }
        RegistrationPart::Grant { resource, scopes, by } => match live.grant(*resource) {
            None => (consent::action(*by, false), added(scopes)),
            Some(grant) => {
                let missing: Vec<String> =
                    scopes.iter().filter(|scope| !grant.scopes().any(|there| there == *scope)).cloned().collect();
                if missing.is_empty() {
                    (Action::Keep, String::new())
                } else {
                    (consent::action(*by, true), added(&missing))
                }
            }
        },
        RegistrationPart::RoleAssignment { role } => {
            if live.holds_role(role) {
                (Action::Keep, String::new())
            } else {
                (Action::Create, added(std::slice::from_ref(role)))
            }
        }
        RegistrationPart::ClientSecret { display_name, lifetime } => {
            let in_use = live.usable_client_secret(&seen.vault, &seen.client_secret_at);
            let orphans = live.abandoned(in_use.map(|(key_id, _)| key_id));
            let removed = lines(orphans.iter().map(|key_id| format!("-{display_name}, key {key_id}, used by nobody")));
            match (in_use, orphans.is_empty()) {
                (Some(_), true) => (Action::Keep, String::new()),
                (Some(_), false) => (Action::Update, removed),
                (None, _) => (Action::Create, format!("{removed}+{display_name}, for {lifetime}\n")),
            }
        }
    }
}

/// Everything that something new is made with.
fn created(patch: &impl serde::Serialize) -> String {
    let text = serde_json::to_value(patch).map(|patch| diff::yaml(&patch)).unwrap_or_default();
    lines(text.lines().map(|line| format!("+{line}")))
}

/// What `patch` changes in an application that is there.
fn of_change(patch: &ApplicationPatch, application: &Application) -> (Action, String) {
    if patch.is_empty() {
        return (Action::Keep, String::new());
    }
    (Action::Update, change_between(&entra::before(patch, application), patch))
}

fn change_between(before: &impl serde::Serialize, after: &impl serde::Serialize) -> String {
    diff::between(serde_json::to_value(before).ok().as_ref(), serde_json::to_value(after).ok().as_ref())
}

/// What a person should know before a step that would change something is done.
pub(super) fn warnings(part: &RegistrationPart, seen: &Seen) -> Vec<String> {
    match part {
        RegistrationPart::Application { .. } => adoption::warnings(&seen.registration),
        RegistrationPart::ServicePrincipal { assignment_required } => {
            adoption::warnings_of_assignment(*assignment_required, &seen.registration)
        }
        _ => Vec::new(),
    }
}

/// What a person should know of a client secret that is kept: that its end is near, and what to do about it.
pub(super) fn warnings_of_expiry(answers: &Answers, seen: &Seen) -> Vec<String> {
    let in_use = seen.registration.usable_client_secret(&seen.vault, &seen.client_secret_at);
    let credentials = seen.registration.application().map(|application| &application.password_credentials);
    let is_it = |key_id: &str| in_use.is_some_and(|(in_use, _)| in_use.eq_ignore_ascii_case(key_id));
    let expires = credentials.into_iter().flatten().find(|known| is_it(&known.key_id)).and_then(|it| it.end_date_time);
    let near = expires.map(|expires| (expires, health::days_until(expires, jiff::Timestamp::now())));
    let near = near.filter(|(_, days)| *days <= health::SECRET_CARE_DAYS);
    let (name, namespace) = (&answers.application.name, &answers.application.namespace);
    let warning = |(expires, days): (jiff::Timestamp, i64)| {
        let day = expires.strftime("%Y-%m-%d");
        format!(
            "it expires in {days} days, on {day}: `gatewright rotate {namespace}/{name}` puts a new one in its place, and no request fails"
        )
    };
    near.map(warning).into_iter().collect()
}

fn added(values: &[String]) -> String {
    lines(values.iter().map(|value| format!("+{value}")))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |all, line| all + &line + "\n")
}

/// Brings the registration to what the plan says.
pub(super) async fn apply(run: &mut Run<'_>) -> Result<(), Stop> {
    let steps: Vec<Step> =
        run.plan.steps.iter().filter(|step| matches!(step.part.body, PartBody::Registration(_))).cloned().collect();
    for step in steps {
        if step.action == Action::Keep {
            run.is_not_stopped()?;
        } else {
            run.between_steps().await?;
        }
        let PartBody::Registration(part) = &step.part.body else { continue };
        let started = Instant::now();
        if step.action != Action::Keep {
            run.events.tell(Event::Started { part: step.part.id.clone(), title: step.title.clone() });
        }
        let session = observed(&run.target.session, (&run.events, &run.cancel), (&step.part.id, &step.title), started);
        match carry_out(run, &session, &step, part).await {
            Ok(Done::Proven(action, proof)) => run.ready(&step, action, proof, started),
            Ok(Done::HandedOver(hand_over)) => {
                run.handed_over = true;
                run.done.insert(step.part.id.clone(), Action::HandOver);
                let (part, title) = (step.part.id.clone(), step.title.clone());
                run.events.tell(Event::HandOver { part, title, hand_over });
            }
            Err(StepError::Entra(error)) if error.is_cancelled() => return Err(Stop::Interrupted),
            Err(StepError::Entra(error)) => {
                let tried = format!("{} {}", step.title.kind, step.title.name);
                return Err(run.fail(&step, problem::entra(&tried, &error)));
            }
            Err(StepError::Problem(problem)) => return Err(run.fail(&step, problem)),
        }
    }
    Ok(())
}

/// The session, telling as events of the step why it waits, and waiting no longer than the person does.
pub(super) fn observed(
    session: &Session,
    (events, cancel): (&Events, &CancellationToken),
    (part, title): (&PartId, &Title),
    started: Instant,
) -> Session {
    let (events, part, title) = (events.clone(), part.clone(), title.clone());
    session.stopped_by(cancel.clone()).observed_by(move |reason| {
        // One budget on the screen: that of the wait itself, where it has one, and else that of all of Entra.
        let (waited, budget) = reason.clock().unwrap_or_else(|| (started.elapsed(), super::budget::ENTRA));
        events.tell(Event::Waiting {
            part: part.clone(),
            title: title.clone(),
            reason: reason.to_string(),
            elapsed_ms: milliseconds(waited),
            budget_ms: milliseconds(budget),
        });
    })
}

pub(super) enum Done {
    Proven(Action, Option<String>),
    HandedOver(HandOver),
}

pub(super) enum StepError {
    Entra(Box<Error>),
    Problem(Problem),
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        Self::Entra(Box::new(error))
    }
}

async fn carry_out(
    run: &mut Run<'_>,
    session: &Session,
    step: &Step,
    part: &RegistrationPart,
) -> Result<Done, StepError> {
    let action = step.action;
    match part {
        RegistrationPart::Application { unique_name, .. } => {
            let live = &run.plan.seen.registration;
            if action != Action::Keep {
                let patch = merge(&live.desired, live.application());
                let application = match live.application() {
                    Some(there) if live.desired.adoption.is_some() => {
                        adoption::must_be_as_it_was_shown(session, there).await?;
                        session.adopt_application(&there.id, unique_name, &patch).await?
                    }
                    Some(there) if there.is_adopted() => session.patch_application(&there.id, &patch).await?,
                    _ => session.upsert_application(unique_name, &patch).await?,
                };
                let live = &mut run.plan.seen.registration;
                live.application = Some(application);
                live.desired.adoption = None;
            }
            let application = registered(run)?;
            let facts = RegisteredFacts { client_id: application.app_id.clone(), object_id: application.id.clone() };
            let proof = format!("client id {}", facts.client_id);
            run.plan.seen.existing.registered = Known::Now(facts);
            Ok(Done::Proven(action, Some(proof)))
        }
        RegistrationPart::IdentifierUri => {
            let application = registered(run)?;
            if action != Action::Keep {
                let patch = expose(&application, &run.plan.seen.registration.desired.scope.0);
                run.plan.seen.registration.application =
                    Some(session.patch_application(&application.id, &patch).await?);
            }
            Ok(Done::Proven(action, Some(application.own_identifier_uri())))
        }
        RegistrationPart::ServicePrincipal { assignment_required } => {
            let application = registered(run)?;
            if action != Action::Keep {
                let live = &run.plan.seen.registration;
                let required = live.demands_assignment(*assignment_required);
                let patch = merge_service_principal(required, live.principal.as_ref());
                let principal = session.upsert_service_principal(&application.app_id, &patch).await?;
                run.plan.seen.registration.principal = Some(principal);
            }
            Ok(Done::Proven(action, None))
        }
        RegistrationPart::Grant { resource, scopes, .. } => {
            consent::bring(run, session, action, *resource, scopes).await
        }
        RegistrationPart::RoleAssignment { role } => assign(run, session, action, role).await,
        RegistrationPart::ClientSecret { display_name, lifetime } => {
            let expires = jiff::Timestamp::now()
                .checked_add(jiff::SignedDuration::from_secs(i64::try_from(lifetime.seconds()).unwrap_or(i64::MAX)))
                .unwrap_or(jiff::Timestamp::MAX);
            client_secret::bring(run, session, action, display_name, expires).await
        }
    }
}

pub(super) fn registered(run: &Run<'_>) -> Result<Application, StepError> {
    run.plan
        .seen
        .registration
        .application
        .clone()
        .ok_or_else(|| StepError::Problem(problem::gone("use the registration that was just made")))
}

async fn assign(run: &Run<'_>, session: &Session, action: Action, role: &str) -> Result<Done, StepError> {
    if action == Action::Keep {
        return Ok(Done::Proven(action, None));
    }
    let application = registered(run)?;
    let (Some(principal), Some(role)) = (&run.plan.seen.registration.principal, application.role(role)) else {
        return Err(StepError::Problem(problem::gone("give the application its own role")));
    };
    match asked_again(|| session.assign_role(&principal.id, &principal.id, role.id)).await {
        Ok(_) => Ok(Done::Proven(action, None)),
        Err(error) => match error.lacks_right() {
            None => Err(error.into()),
            Some(right) => Ok(Done::HandedOver(HandOver {
                reason: format!("Giving the application its own role is not ours to do: {}.", right.doing),
                who: format!("somebody with one of the directory roles {}", right.roles.join(", ")),
                link: None,
                text: None,
                command: Some(format!(
                    "az rest --method post --url '{}/v1.0/servicePrincipals/{id}/appRoleAssignedTo' --body \
                     '{{\"principalId\":\"{id}\",\"resourceId\":\"{id}\",\"appRoleId\":\"{}\"}}'",
                    session.tenant().cloud.graph.as_str().trim_end_matches('/'),
                    role.id,
                    id = principal.id,
                )),
            })),
        },
    }
}

/// How often something is asked for when no clear answer comes.
const TRIES: u8 = 3;

/// Asks again where no clear answer came. Consent and roles are looked for first, every time; a client secret that was made
/// without our hearing of it carries our name, and is removed as an orphan once one is in use.
pub(super) async fn asked_again<T, F: Future<Output = Result<T, Error>>>(ask: impl Fn() -> F) -> Result<T, Error> {
    for _ in 1..TRIES {
        match ask().await {
            Err(error @ Error::OutcomeUnknown { .. }) => tracing::info!(%error, "asking again"),
            answered => return answered,
        }
    }
    ask().await
}
