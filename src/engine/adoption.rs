//! An application that is registered already and is taken over: found, refused where it is somebody's, and looked at closely
//! enough that a person can decide (docs/decisions/adopting.md).

use super::{
    event::{Problem, ProblemKind},
    problem,
    registration::{Live, StepError},
};
use crate::{
    blueprint::GrantResource,
    entra::{self, Application, Error, Owner, Session, merge_service_principal},
};

/// How the record names a credential that was there before us, though it carries the name of ours.
pub(super) const CREDENTIAL: &str = "credential";
/// Whose tenant's people and applications sign in to an application of one tenant.
const ONE_TENANT: &str = "AzureADMyOrg";

/// The application of the client id that the answers name; `known` is the one that is known as this installation's.
pub(super) async fn find(
    session: &Session,
    client_id: &str,
    wanted: &Live,
    known: Option<Application>,
) -> Result<Application, Problem> {
    if let Some(known) = known {
        if known.app_id.eq_ignore_ascii_case(client_id) {
            return Ok(known);
        }
        return Err(refused(
            client_id,
            format!(
                "this installation has the registration `{}` already, client id {}",
                known.display_name, known.app_id
            ),
            format!(
                "write `clientId: {}` or take `registration.adopt` out; to change to another registration, take this \
                 installation down first",
                known.app_id
            ),
        ));
    }
    let found = session.application_of_client(client_id).await;
    let found = found.map_err(|error| problem::entra("look for the application to take over", &error))?;
    let Some(found) = found else { return Err(not_there(session, client_id).await) };
    may_be_taken(client_id, &found, wanted)?;
    Ok(found)
}

/// Whether it is nobody's who would miss it.
fn may_be_taken(client_id: &str, found: &Application, wanted: &Live) -> Result<(), Problem> {
    const ANOTHER: &str = "name another application under `registration.adopt`, or take the key out to have one made";
    let name = &found.display_name;
    if let Some(other) = found.unique_name.as_deref().filter(|other| *other != wanted.unique_name) {
        let whose = if other.starts_with("gatewright.") {
            format!("`{name}` belongs to another installation of Gatewright, `{other}`")
        } else {
            format!(
                "`{name}` has the unique name `{other}` already: another tool keeps it, and the name can't be changed"
            )
        };
        return Err(refused(client_id, whose, ANOTHER.to_owned()));
    }
    let other = found.tags.iter().find(|tag| entra::is_of_installation(tag) && !wanted.desired.tags.contains(tag));
    if let Some(other) = other {
        let whose = format!("`{name}` carries the mark of another installation of Gatewright, `{other}`");
        return Err(refused(client_id, whose, ANOTHER.to_owned()));
    }
    if found.sign_in_audience.as_deref() == Some("PersonalMicrosoftAccount") {
        let cause = format!("only personal Microsoft accounts sign in to `{name}`, and nobody of this tenant");
        return Err(refused(client_id, cause, ANOTHER.to_owned()));
    }
    let role = wanted.own_role.as_deref().and_then(|role| found.role(role));
    if let Some(role) = role.filter(|role| !role.allowed_member_types.iter().any(|member| member == "Application")) {
        let role = role.value.as_deref().unwrap_or_default();
        return Err(refused(
            client_id,
            format!("the role `{role}` that `{name}` has already is for people alone, and machines are to hold it"),
            format!("allow applications to hold `{role}` in the portal, or leave out `access.machines`"),
        ));
    }
    Ok(())
}

/// One that a teardown has given back is not taken over again by a guess, and no other can have its unique name.
pub(super) fn was_given_back(application: &Application) -> Problem {
    refused(
        &application.app_id,
        format!("`{}` was taken over once and has been given back since", application.display_name),
        format!(
            "to take it over again, write `registration.adopt: {{clientId: {}}}`; its unique name can't be taken away, so no other \
             application can be registered in its place",
            application.app_id
        ),
    )
}

fn refused(client_id: &str, cause: String, remedy: String) -> Problem {
    Problem {
        tried: format!("take over the application with the client id {client_id}"),
        cause,
        remedy,
        kind: ProblemKind::UnusableAnswers,
    }
}

/// Why there is none: what people take for a client id most often is looked for. What may not be seen is not what it is.
async fn not_there(session: &Session, client_id: &str) -> Problem {
    let tenant = session.tenant();
    let here = format!("tenant {} ({})", tenant.domain, tenant.id);
    if let Ok(Some(principal)) = session.service_principal(client_id).await {
        let name = principal.display_name.unwrap_or_default();
        let owner = principal.app_owner_organization_id.unwrap_or_else(|| "another one".to_owned());
        return refused(
            client_id,
            format!("`{name}` is registered in another tenant, {owner}; {here} only knows its service principal"),
            "name an application that is registered in this tenant, or sign in to the other one".to_owned(),
        );
    }
    if let Ok(Some(deleted)) = session.deleted_application_of_client(client_id).await {
        return refused(
            client_id,
            format!("`{}` was deleted, and is in the bin of {here}", deleted.display_name),
            format!("restore it (az rest --method post --url {}), and run again", session.restore_url(&deleted.id)),
        );
    }
    if let Ok(Some(other)) = session.application_of_object(client_id).await {
        return refused(
            client_id,
            format!("that is the object id of `{}`", other.display_name),
            format!("write its client id: {}", other.app_id),
        );
    }
    refused(
        client_id,
        format!("there is no such application in {here}"),
        "see the client id in the portal (\"Application (client) ID\"), and that the right tenant is signed in to"
            .to_owned(),
    )
}

/// Looks at what else is known of the application that is about to be taken over, and prepares the record of what it lacks.
pub(super) async fn prepare(session: &Session, live: &mut Live) -> Result<(), Problem> {
    let Some(application) = live.application().cloned() else { return Ok(()) };
    let principal = live.principal.as_ref().map(|principal| principal.id.clone()).unwrap_or_default();
    let (owners, federated, consents) =
        tokio::join!(session.owners(&application.id), session.federated_credentials(&application.id), async {
            if principal.is_empty() { Ok(Vec::new()) } else { session.grants_on(&principal).await }
        });
    let owners = if_it_may_be_seen(owners)?;
    let federated = if_it_may_be_seen(federated)?.unwrap_or_default();
    let consents = if_it_may_be_seen(consents)?.unwrap_or_default();
    live.takeover.push(format!(
        "{} is taken over, client id {}; {}",
        application.display_name,
        application.app_id,
        owned_by(owners.as_deref())
    ));
    let mut uses = uses(&application, &federated);
    let mut clients: Vec<&str> = consents.iter().map(|consent| consent.client_id.as_str()).collect();
    clients.sort_unstable();
    clients.dedup();
    clients.retain(|client| *client != principal);
    if !clients.is_empty() {
        uses.push(format!("consents to its scopes for other clients: {}", clients.len()));
    }
    let others = live.assignments.iter().filter(|held| held.principal_id != principal).count();
    if others > 0 {
        uses.push(format!("assignments of its roles: {others}"));
    }
    let own: Vec<&str> = live.grants.iter().flat_map(entra::Grant::scopes).collect();
    if !own.is_empty() {
        uses.push(format!("consent for everybody to {}", own.join(", ")));
    }
    if !uses.is_empty() {
        live.takeover.push(format!("others seem to use it, and all of this stays: {}", uses.join("; ")));
    }
    let audience = application.sign_in_audience.as_deref().unwrap_or(ONE_TENANT);
    if audience != ONE_TENANT {
        live.takeover.push(format!(
            "people of other tenants can sign in to it ({audience}), which stays; only tokens of this tenant are let in here"
        ));
    }
    let besides = besides(live, &application);
    live.desired.adoption = Some(entra::Adoption { unique_name: live.unique_name.clone(), besides });
    Ok(())
}

/// `None` where it may not be seen.
fn if_it_may_be_seen<T>(list: Result<Vec<T>, Error>) -> Result<Option<Vec<T>>, Problem> {
    match list {
        Ok(list) => Ok(Some(list)),
        Err(error) if error.lacks_right().is_some() => Ok(None),
        Err(error) => Err(problem::entra("look at the application to take over", &error)),
    }
}

fn owned_by(owners: Option<&[Owner]>) -> String {
    let name = |owner: &Owner| match (&owner.display_name, &owner.user_principal_name) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(name), None) => name.clone(),
        (None, _) => owner.id.clone(),
    };
    match owners {
        None => "who owns it may not be seen".to_owned(),
        Some([]) => "nobody is named as its owner".to_owned(),
        Some(owners) => {
            format!("it is owned by {}, who should know", owners.iter().map(name).collect::<Vec<_>>().join(", "))
        }
    }
}

/// The signs in an application that somebody uses it.
fn uses(application: &Application, federated: &[entra::FederatedCredential]) -> Vec<String> {
    let platforms = [&application.web, &application.spa, &application.public_client];
    let named = |credentials: &[entra::PasswordCredential]| -> Vec<String> {
        let name = |credential: &entra::PasswordCredential| {
            let name = credential.display_name.clone().unwrap_or_else(|| credential.key_id.clone());
            credential
                .end_date_time
                .map_or_else(|| name.clone(), |end| format!("{name} (until {})", end.strftime("%F")))
        };
        credentials.iter().map(name).collect()
    };
    [
        ("redirect URIs", platforms.iter().flat_map(|platform| platform.redirect_uris.clone()).collect()),
        ("client secrets", named(&application.password_credentials)),
        ("certificates", named(&application.key_credentials)),
        ("federated credentials", federated.iter().map(|credential| credential.name.clone()).collect()),
        (
            "clients authorized in advance",
            application.api.pre_authorized_applications.iter().map(|client| client.app_id.clone()).collect(),
        ),
    ]
    .into_iter()
    .filter(|(_, values): &(_, Vec<String>)| !values.is_empty())
    .map(|(what, values)| format!("{what} {}", values.join(", ")))
    .collect()
}

/// The record of what the application lacks outside of itself, and so gets from us, and of what only looks like ours.
fn besides(live: &Live, application: &Application) -> Vec<String> {
    let mut record = Vec::new();
    match &live.principal {
        None => record.push(entra::added("service-principal", &application.app_id)),
        Some(principal) => {
            let wanted = live.demands_assignment(principal.app_role_assignment_required);
            let tags = merge_service_principal(wanted, Some(principal)).tags.unwrap_or_default();
            let new = tags.iter().filter(|tag| !principal.tags.contains(tag));
            record.extend(new.map(|tag| entra::added("service-principal-tag", tag)));
            record.push(entra::was("assignment-required", &principal.app_role_assignment_required.to_string()));
        }
    }
    for (resource, scopes) in &live.consents {
        let resource_name = match resource {
            GrantResource::Graph => "graph",
            GrantResource::Own => "own",
        };
        let held: Vec<&str> = live.grant(*resource).into_iter().flat_map(entra::Grant::scopes).collect();
        let lacking = scopes.iter().filter(|scope| !held.contains(&scope.as_str()));
        record.extend(lacking.map(|scope| entra::added("consent", &format!("{resource_name}/{scope}"))));
    }
    if let Some(role) = live.own_role.as_deref().filter(|role| !live.holds_role(role)) {
        record.push(entra::added("role-assignment", role));
    }
    let like_ours = application
        .password_credentials
        .iter()
        .filter(|credential| credential.display_name.as_deref() == Some(live.credential_name.as_str()));
    record.extend(like_ours.map(|credential| entra::kept(CREDENTIAL, &credential.key_id)));
    record
}

/// What a person should know before the application is changed.
pub(super) fn warnings(live: &Live) -> Vec<String> {
    let mut warnings = live.takeover.clone();
    let Some(application) = live.application() else { return warnings };
    if live.is_of_others() && application.api.requested_access_token_version != Some(2) {
        warnings.push(
            "access tokens for it change from version 1 to version 2 for EVERY caller: another issuer (it ends in /v2.0), the \
             bare client id as audience, other claims; whoever else checks its tokens must be ready for that first"
                .to_owned(),
        );
    }
    warnings
}

/// What a person should know before the service principal of an application of others is changed.
pub(super) fn warnings_of_assignment(wanted: bool, live: &Live) -> Vec<String> {
    let Some(principal) = &live.principal else { return Vec::new() };
    if live.is_of_others() && wanted && !principal.app_role_assignment_required {
        return vec![
            "from now on only who is assigned gets a token for it, also of those who use it otherwise".to_owned(),
        ];
    }
    Vec::new()
}

/// The plan shown is the plan applied: lists are replaced whole, so what somebody changed since would be lost.
pub(super) async fn must_be_as_it_was_shown(session: &Session, shown: &Application) -> Result<(), StepError> {
    let now = session.application_of_client(&shown.app_id).await?;
    if now.as_ref() == Some(shown) {
        return Ok(());
    }
    Err(StepError::Problem(Problem {
        tried: "take over the application as it was shown".to_owned(),
        cause: "somebody changed it since".to_owned(),
        remedy: "run again, and look at the new plan".to_owned(),
        kind: ProblemKind::Failed,
    }))
}
