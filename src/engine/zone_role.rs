//! The role on a zone of Azure DNS that a new issuer rests on: looked at, given, or handed over (domain.md 5.4, 8).

use super::{
    Target,
    apply::{Run, Stop},
    event::{Action, Event, HandOver, Problem, ProblemKind},
    plan::Step,
    problem,
    registration::observed,
};
use crate::{
    azure::{self, DNS_ZONE_CONTRIBUTOR_NAME, ResourceManager, ZoneId},
    blueprint::{Part, PartBody, ZoneRole},
    entra::{ServicePrincipal, Session},
};
use std::time::Instant;

/// What is known of the role, of who is to have it, and of the zone.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    /// The identity, as far as it may be seen.
    principal: Option<ServicePrincipal>,
    /// The role by which it may write the zone's records already, and where it has that.
    held: Option<(&'static str, String)>,
    in_the_way: Option<Problem>,
    /// Whether giving the role is not ours, as far as can be told.
    is_others: bool,
    /// What a person should know of cert-manager before it is relied on.
    of_cert_manager: Option<String>,
}

/// Looks at everything that the role depends on; at nothing, where `parts` want none.
pub(super) async fn look(target: &Target, parts: &[Part]) -> Result<Live, Problem> {
    let Some(wanted) = parts.iter().find_map(wanted) else { return Ok(Live::default()) };
    let manager = ResourceManager::of(&target.session);
    let zone = zone_id(wanted);
    let (principal, found, may_assign, of_cert_manager) = tokio::join!(
        target.session.service_principal(wanted.client_id.as_str()),
        manager.zone(&zone),
        manager.may_assign(&zone),
        of_cert_manager(target, wanted),
    );
    let mut live = Live { of_cert_manager, ..Live::default() };
    match principal {
        Ok(Some(principal)) => live.principal = Some(principal),
        Ok(None) => live.in_the_way = Some(no_such_identity(&target.session, wanted)),
        // Who may not be seen can be named by the client id in what is handed over.
        Err(error) if error.lacks_right().is_some() => {}
        Err(error) => return Err(problem::entra("look for cert-manager's identity", &error)),
    }
    match found {
        Ok(found) if !found.is_public() => live.in_the_way = Some(not_public(wanted)),
        Ok(_) => {}
        Err(error) if error.is_not_there() => live.in_the_way = Some(unusable(&error)),
        Err(error) if error.lacks_right().is_some() => live.is_others = true,
        Err(error) => return Err(problem::azure("look for the DNS zone", &error)),
    }
    live.is_others |= may_assign.is_ok_and(|may| !may);
    if let (Some(principal), None) = (&live.principal, &live.in_the_way) {
        match manager.role_on(&zone, &principal.id).await {
            Ok(held) => live.held = held.map(|(role, held)| (role, held.scope().to_owned())),
            // What may not be seen counts as not there: trying to give it tells whether it is.
            Err(error) if error.lacks_right().is_some() => {}
            Err(error) => return Err(problem::azure("read the roles of cert-manager's identity", &error)),
        }
    }
    Ok(live)
}

fn wanted(part: &Part) -> Option<&ZoneRole> {
    match &part.body {
        PartBody::ZoneRole(role) => Some(role),
        _ => None,
    }
}

fn zone_id(role: &ZoneRole) -> ZoneId {
    ZoneId {
        subscription: role.zone.subscription.to_string(),
        resource_group: role.zone.resource_group.to_string(),
        name: role.zone.name.to_string(),
    }
}

/// Whether cert-manager's pods can have an identity at all. Who may not see them does without.
async fn of_cert_manager(target: &Target, wanted: &ZoneRole) -> Option<String> {
    let found = match target.cluster.cert_manager().await {
        Ok(found) => found?,
        Err(error) => {
            tracing::info!(%error, "cert-manager's own pods cannot be looked at");
            return None;
        }
    };
    (!found.workload_identity).then(|| {
        format!(
            "cert-manager's pods in namespace {} lack the label azure.workload.identity/use: \"true\", so they get no token for \
             the identity {}, unless the cluster's nodes have it; its federated credential has to name \
             system:serviceaccount:{}:{}",
            found.namespace, wanted.client_id, found.namespace, found.service_account
        )
    })
}

fn no_such_identity(session: &Session, wanted: &ZoneRole) -> Problem {
    let tenant = session.tenant();
    Problem {
        tried: format!("look for the identity with the client id {}", wanted.client_id),
        cause: format!("tenant {} ({}) has none", tenant.domain, tenant.id),
        remedy: "name the client id of the managed identity under `certificate.newIssuer.clientId` (`az identity list` shows it), \
                 not its object id"
            .to_owned(),
        kind: ProblemKind::UnusableAnswers,
    }
}

fn not_public(wanted: &ZoneRole) -> Problem {
    Problem {
        tried: format!("have names proven in the DNS zone {}", wanted.zone.name),
        cause: "it is a private zone, which no certificate authority can look into".to_owned(),
        remedy: "name a public zone under `certificate.newIssuer.zone`".to_owned(),
        kind: ProblemKind::UnusableAnswers,
    }
}

fn unusable(error: &azure::Error) -> Problem {
    Problem { kind: ProblemKind::UnusableAnswers, ..problem::azure("look for the DNS zone", error) }
}

impl Live {
    /// What stands in the way of giving the role.
    pub(super) fn problem(&self) -> Option<&Problem> {
        self.in_the_way.as_ref()
    }

    /// What would be done, and what would change.
    pub(super) fn compare(&self, wanted: &ZoneRole) -> (Action, String) {
        if self.held.is_some() {
            return (Action::Keep, String::new());
        }
        let name = self.principal.as_ref().and_then(|principal| principal.display_name.as_deref());
        let who = name.map_or_else(String::new, |name| format!("{name}, "));
        let scope = zone_id(wanted).scope();
        let diff = format!("+{DNS_ZONE_CONTRIBUTOR_NAME}\n+  to {who}client id {}\n+  on {scope}\n", wanted.client_id);
        (Action::Create, diff)
    }

    /// What a person should know before the role is given.
    pub(super) fn warnings(&self) -> Vec<String> {
        let others = self.is_others.then(|| {
            "giving roles on the zone is not ours: the command for whoever may is handed over, and the routes follow with the run \
             after that"
                .to_owned()
        });
        others.into_iter().collect()
    }

    /// What a person should know before the issuer is made.
    pub(super) fn warnings_of_issuer(&self) -> Vec<String> {
        self.of_cert_manager.iter().cloned().collect()
    }
}

/// Gives the role, where the plan says so.
pub(super) async fn apply(run: &mut Run<'_>) -> Result<(), Stop> {
    let Some(step) = run.plan.steps.iter().find(|step| wanted(&step.part).is_some()).cloned() else { return Ok(()) };
    let Some(role) = wanted(&step.part) else { return Ok(()) };
    let started = Instant::now();
    if step.action == Action::Keep {
        let held = run.plan.seen.zone_role.held.as_ref();
        let proof = held.map(|(role, scope)| format!("{role} on {scope}"));
        run.ready(&step, Action::Keep, proof, started);
        return Ok(());
    }
    run.between_steps().await?;
    run.events.tell(Event::Started { part: step.part.id.clone(), title: step.title.clone() });
    let Some(principal) = run.plan.seen.zone_role.principal.as_ref().map(|principal| principal.id.clone()) else {
        hand_over(run, &step, role, None, "the identity is not ours to see");
        return Ok(());
    };
    let manager = ResourceManager::of(&observed(
        &run.target.session,
        (&run.events, &run.cancel),
        (&step.part.id, &step.title),
        started,
    ));
    match manager.assign_role(&zone_id(role), &principal, &role.description).await {
        Ok(azure::Assigned::Created) => run.ready(&step, Action::Create, None, started),
        Ok(azure::Assigned::Unchanged) => {
            run.ready(&step, Action::Keep, Some("it was there already".to_owned()), started);
        }
        Err(error) if error.is_cancelled() => return Err(Stop::Interrupted),
        Err(azure::Error::NotPermitted { right, .. }) => {
            hand_over(run, &step, role, Some(&principal), &right.to_string());
        }
        Err(error) => {
            let tried = format!("{} {}", step.title.kind, step.title.name);
            return Err(run.fail(&step, problem::azure(&tried, &error)));
        }
    }
    Ok(())
}

fn hand_over(run: &mut Run<'_>, step: &Step, role: &ZoneRole, principal: Option<&str>, why: &str) {
    run.handed_over = true;
    run.zone_role_is_handed_over = true;
    run.done.insert(step.part.id.clone(), Action::HandOver);
    let assignee = match principal {
        Some(principal) => {
            format!("--assignee-object-id {principal} --assignee-principal-type ServicePrincipal")
        }
        None => format!("--assignee {}", role.client_id),
    };
    let hand_over = HandOver {
        reason: format!(
            "Giving cert-manager's identity its role on the zone {} is not ours: {why}. No certificate is issued before that, so \
             no route to the application is made yet.",
            role.zone.name
        ),
        who: "an Owner or a User Access Administrator of the DNS zone".to_owned(),
        link: None,
        text: None,
        command: Some(format!(
            "az role assignment create {assignee} --role \"{DNS_ZONE_CONTRIBUTOR_NAME}\" --scope \"{}\"",
            zone_id(role).scope()
        )),
    };
    run.events.tell(Event::HandOver { part: step.part.id.clone(), title: step.title.clone(), hand_over });
}
