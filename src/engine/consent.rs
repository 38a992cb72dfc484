//! Consent for everybody: given here, or handed over to an administrator with the link and a text to send (law 7).

use super::{
    apply::Run,
    event::{Action, HandOver},
    problem,
    registration::{Done, StepError, asked_again, registered},
};
use crate::{
    answers::Consent,
    blueprint::GrantResource,
    entra::{Application, GRAPH_APP_ID, MAY_CONSENT, Session},
};

/// Sees to the consent to `scopes` of one resource.
pub(super) async fn bring(
    run: &mut Run<'_>,
    session: &Session,
    action: Action,
    resource: GrantResource,
    scopes: &[String],
) -> Result<Done, StepError> {
    match action {
        Action::Keep => Ok(Done::Proven(action, None)),
        Action::HandOver => {
            let reason = "Consent for everybody is left to an administrator, as the answers say.".to_owned();
            handed_over(run, session, reason, MAY_CONSENT, resource)
        }
        _ => grant(run, session, action, resource, scopes).await,
    }
}

async fn grant(
    run: &mut Run<'_>,
    session: &Session,
    action: Action,
    resource: GrantResource,
    scopes: &[String],
) -> Result<Done, StepError> {
    if resource == GrantResource::Graph && run.plan.seen.registration.graph.is_none() {
        run.plan.seen.registration.graph = session.service_principal(GRAPH_APP_ID).await?;
    }
    let live = &run.plan.seen.registration;
    let (Some(client), Some(principal)) = (&live.principal, live.resource(resource)) else {
        return Err(StepError::Problem(problem::gone("consent on behalf of the service principal")));
    };
    match asked_again(|| session.ensure_grant(&client.id, &principal.id, scopes)).await {
        Ok(_) => Ok(Done::Proven(action, None)),
        Err(error) => match error.lacks_right() {
            None => Err(error.into()),
            Some(right) => {
                let reason = format!("Consent for everybody is not ours to give: {}.", right.doing);
                handed_over(run, session, reason, right.roles, resource)
            }
        },
    }
}

/// One page covers every consent that the application asks for, so the text to send comes with the first.
fn handed_over(
    run: &Run<'_>,
    session: &Session,
    reason: String,
    roles: &[&str],
    resource: GrantResource,
) -> Result<Done, StepError> {
    let application = registered(run)?;
    let link = session.consent_link(&application.app_id);
    let is_first = !run.done.values().any(|done| *done == Action::HandOver);
    let text = is_first.then(|| letter(run, session, &application, &link, roles));
    let reason = match resource {
        GrantResource::Own if !is_first => format!("{reason} The same page covers this."),
        _ => reason,
    };
    let who = format!("somebody with one of the directory roles {}", roles.join(", "));
    Ok(Done::HandedOver(HandOver { reason, who, link: Some(link), command: None, text }))
}

/// What is sent to an administrator who knows nothing of all this.
fn letter(run: &Run<'_>, session: &Session, application: &Application, link: &str, roles: &[&str]) -> String {
    let tenant = session.tenant();
    let (name, client_id) = (&application.display_name, &application.app_id);
    let host = &run.plan.answers.application.host;
    let asked: Vec<String> = run
        .plan
        .seen
        .registration
        .consents
        .iter()
        .map(|(resource, scopes)| {
            let of = match resource {
                GrantResource::Graph => "of Microsoft Graph",
                GrantResource::Own => "of the application itself",
            };
            format!("- {of}: {}", scopes.join(", "))
        })
        .collect();
    let back = application.web.redirect_uris.first().map_or_else(String::new, |uri| {
        format!("\nAfterwards the page leads to {uri}, which may say that a sign-in failed: the consent is given all the same.")
    });
    format!(
        "Subject: admin consent for {name} in {domain}\n\n\
         Please consent, for everybody in {domain} ({tenant_id}), to what the application {name} (client id {client_id}) asks \
         for, so that people can sign in to https://{host}/:\n\
         {asked}\n\
         All of it is delegated: the application can do nothing that the signed-in person may not do.\n\n\
         Open this page with one of the directory roles {roles}, see that it names {name}, and accept:\n\
         {link}\n{back}",
        domain = tenant.domain,
        tenant_id = tenant.id,
        asked = asked.join("\n"),
        roles = roles.join(", "),
    )
    .trim_end()
    .to_owned()
}

/// What would be done about a consent that lacks something.
pub(super) fn action(by: Consent, there: bool) -> Action {
    match (by, there) {
        (Consent::HandOver, _) => Action::HandOver,
        (Consent::Grant, true) => Action::Update,
        (Consent::Grant, false) => Action::Create,
    }
}
