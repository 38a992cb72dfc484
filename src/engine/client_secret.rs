//! The client secret: straight from Entra into its Secret, proven by a token, and none of ours left besides it.

use super::{
    apply::Run,
    event::Action,
    fill_in,
    plan::Step,
    problem,
    registration::{Done, StepError, asked_again, registered},
    secrets::{NewClientSecret, Vault},
};
use crate::{
    blueprint::SecretValue,
    cluster::{self, ObjectRef, Write},
    entra::Session,
};
use serde_json::Value;

/// A credential goes straight from Entra into its Secret; nothing may come between the two (docs/decisions/client-secret.md).
pub(super) async fn bring(
    run: &mut Run<'_>,
    session: &Session,
    action: Action,
    display_name: &str,
    expires: jiff::Timestamp,
) -> Result<Done, StepError> {
    let application = registered(run)?;
    let at = run.plan.seen.client_secret_at.clone();
    let key_id_before = run.plan.seen.vault.key_id(&at.0).map(str::to_owned);
    if action == Action::Create {
        let new = asked_again(|| session.add_password(&application.id, display_name, expires)).await?;
        let new = NewClientSecret { value: new.secret, key_id: new.key_id, expires: new.expires };
        run.plan.seen.vault.replace_client_secret(&at.0, &at.1, &new);
        if let Err(error) = keep(run, key_id_before.as_deref()).await {
            // Nobody will ever use it. If it stays, the next run removes it as an orphan.
            if let Some(key_id) = run.plan.seen.vault.key_id(&at.0) {
                let _the_other_run_may_have = session.remove_password(&application.id, key_id).await;
            }
            return Err(error);
        }
    }
    let Some((key_id, value)) = run.plan.seen.vault.client_secret(&at.0, &at.1) else {
        return Err(StepError::Problem(problem::gone("read the client secret back from its Secret")));
    };
    let (key_id, value) = (key_id.to_owned(), value.clone());
    // Graph's scope needs no consent and no assignment: what comes back proves the secret and nothing else.
    let scope = format!("{}/.default", session.tenant().cloud.graph.as_str().trim_end_matches('/'));
    session.wait_for_token(&application.app_id, &value, &scope, None).await?;
    if action != Action::Keep {
        // What is not in the Secret is about to be removed: it had better be ours that is.
        if held(run, &at.0).await?.1.as_deref() != Some(&key_id) {
            return Err(StepError::Problem(problem::another_run(&at.0)));
        }
        remove_orphans(run, session, &key_id).await?;
    }
    let until = run.plan.seen.vault.client_secret_expires(&at.0).map(|until| format!(", good until {until}"));
    Ok(Done::Proven(action, Some(format!("a token came back for it{}", until.unwrap_or_default()))))
}

/// The Secret `name` as it is now, and the key id of the client secret it holds.
async fn held(run: &Run<'_>, name: &str) -> Result<(Option<Value>, Option<String>), StepError> {
    let namespace = run.plan.answers.application.namespace.as_str();
    let reference = ObjectRef::namespaced("v1", "Secret", namespace, name);
    let tried = format!("read Secret {name}");
    let live = run.target.cluster.get(&reference).await;
    let live = live.map_err(|error| StepError::Problem(problem::cluster(&tried, &error)))?;
    let mut vault = Vault::default();
    if let Some(live) = &live {
        vault.remember(live);
    }
    let key_id = vault.key_id(name).map(str::to_owned);
    Ok((live, key_id))
}

/// Writes the Secret that holds the client secret, unless somebody else did so since it held `key_id_before`: of two runs at once
/// one must not remove, as nobody's, what the other one has just put there.
async fn keep(run: &mut Run<'_>, key_id_before: Option<&str>) -> Result<(), StepError> {
    let name = run.plan.seen.client_secret_at.0.clone();
    let (live, key_id_now) = held(run, &name).await?;
    if key_id_now.as_deref() != key_id_before {
        return Err(StepError::Problem(problem::another_run(&name)));
    }
    let holds_it = |step: &&mut Step| {
        step.manifest()
            .is_some_and(|manifest| manifest.secrets.values().any(|value| *value == SecretValue::ClientSecret))
    };
    let Some(step) = run.plan.steps.iter_mut().find(holds_it) else {
        return Err(StepError::Problem(problem::gone("write the Secret for the client secret")));
    };
    let Some(manifest) = step.manifest().cloned() else { return Ok(()) };
    let mut object = run.plan.seen.vault.fill(&manifest).map_err(|error| StepError::Problem(problem::fill(&error)))?;
    let version = live.as_ref().and_then(|live| live.pointer("/metadata/resourceVersion"));
    if let (Some(version), Some(metadata)) = (version, object.get_mut("metadata").and_then(Value::as_object_mut)) {
        metadata.insert("resourceVersion".to_owned(), version.clone());
    }
    let tried = format!("apply {} {}", step.title.kind, step.title.name);
    let applied = fill_in::apply(&run.target.cluster, &object, Write::ForReal).await;
    applied.map_err(|error| match error {
        cluster::Error::Stale { .. } => StepError::Problem(problem::another_run(&name)),
        error => StepError::Problem(problem::cluster(&tried, &error)),
    })?;
    // Its wave finds it written.
    let action = std::mem::replace(&mut step.action, Action::Keep);
    run.written_early.insert(step.part.id.clone(), action);
    Ok(())
}

async fn remove_orphans(run: &mut Run<'_>, session: &Session, in_use: &str) -> Result<(), StepError> {
    let unique_name = run.plan.seen.registration.unique_name.clone();
    if let Some(now) = session.find_application(&unique_name).await? {
        run.plan.seen.registration.application = Some(now);
    }
    let application = registered(run)?;
    for key_id in run.plan.seen.registration.abandoned(Some(in_use)) {
        session.remove_password(&application.id, &key_id).await?;
    }
    Ok(())
}
