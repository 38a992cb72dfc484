//! The client secret in Entra: one more, proven, and the one that is not needed any longer removed.

use super::apply::Run;
use crate::{
    blueprint::APP_ROLE,
    engine::{
        event::{HandOver, Problem, ProblemKind},
        problem,
        registration::asked_again,
        secrets::NewClientSecret,
    },
    entra::{self, Application, Session},
    secret::Secret,
};
use jiff::{SignedDuration, Timestamp};

/// Entra answers from many places; so many answers in a row are taken for all of them.
const TOKENS_IN_A_ROW: u32 = 5;

/// What became of removing.
pub(super) enum Removed {
    /// So many are gone.
    Gone(usize),
    /// Somebody else has to do it.
    HandedOver(HandOver),
}

impl Run<'_> {
    fn application(&self) -> Result<&Application, Problem> {
        let application = self.plan.seen.found.registration.application();
        application.ok_or_else(|| problem::gone("use the registration"))
    }

    /// Makes another client secret. It is nobody's until it is stored.
    pub(super) async fn add_client_secret(&self, session: &Session) -> Result<NewClientSecret, Problem> {
        let lifetime = self.plan.seen.answers.registration.secret_lifetime.seconds();
        let expires = Timestamp::now()
            .checked_add(SignedDuration::from_secs(i64::try_from(lifetime).unwrap_or(i64::MAX)))
            .unwrap_or(Timestamp::MAX);
        let id = &self.application()?.id;
        let name = &self.plan.seen.found.registration.credential_name;
        let new = asked_again(|| session.add_password(id, name, expires)).await;
        let new = new.map_err(|error| failed("add a second client secret", &error))?;
        Ok(NewClientSecret { value: new.secret, key_id: new.key_id, expires: new.expires })
    }

    /// Waits until tokens come back for it.
    pub(super) async fn prove_client_secret(&self, session: &Session, secret: &Secret) -> Result<String, Problem> {
        let client_id = &self.application()?.app_id;
        // Graph's scope needs no consent and no assignment: what comes back proves the secret and nothing else.
        let scope = format!("{}/.default", session.tenant().cloud.graph.as_str().trim_end_matches('/'));
        let proven = session.wait_for_tokens_in_a_row(client_id, secret, &scope, TOKENS_IN_A_ROW).await;
        proven.map_err(|error| failed("prove the client secret", &error))?;
        Ok(format!("a token came back for it, {TOKENS_IN_A_ROW} times in a row"))
    }

    /// A token of the application for itself, where it is one that the application lets in.
    pub(super) async fn own_token(&self, session: &Session) -> Option<Secret> {
        let client_id = &self.application().ok()?.app_id;
        let (_, secret) = self.vault.client_secret(&self.plan.seen.secret.name, super::What::ClientSecret.key())?;
        let scope = format!("api://{client_id}/.default");
        match session.token_with(client_id, secret, &scope).await {
            Ok((token, probe)) => probe.roles.iter().any(|role| role == APP_ROLE).then_some(token),
            Err(error) => {
                tracing::info!(%error, "no token of the application's own to try with");
                None
            }
        }
    }

    /// Removes what nobody uses: every credential of ours but the one in the Secret, by key id.
    pub(super) async fn remove_client_secrets(&mut self, session: &Session) -> Result<Removed, Problem> {
        let tried = "remove the client secret that is not in use";
        let unique_name = self.plan.seen.found.registration.unique_name.clone();
        let now = session.find_application(&unique_name).await.map_err(|error| failed(tried, &error))?;
        self.plan.seen.found.registration.application = Some(now.ok_or_else(|| problem::gone(tried))?);
        let in_use = self.vault.key_id(&self.plan.seen.secret.name).map(str::to_owned);
        let application = self.application()?;
        let is_there = |wanted: &str| {
            application.password_credentials.iter().any(|known| known.key_id.eq_ignore_ascii_case(wanted))
        };
        let Some(in_use) = in_use.filter(|in_use| is_there(in_use)) else {
            return Err(Problem {
                tried: tried.to_owned(),
                cause: "the one that is in use is not known to Entra any more: somebody has removed it".to_owned(),
                remedy: "run `gatewright rotate --undo`, or `gatewright rotate` again; nothing was removed".to_owned(),
                kind: ProblemKind::Failed,
            });
        };
        let doomed = self.plan.seen.found.registration.orphans(Some(&in_use));
        for key_id in &doomed {
            match session.remove_password(&application.id, key_id).await {
                Ok(()) => {}
                Err(error) if error.lacks_right().is_some() => {
                    return Ok(Removed::HandedOver(hand_over(application, key_id)));
                }
                Err(error) => return Err(failed(tried, &error)),
            }
        }
        Ok(Removed::Gone(doomed.len()))
    }
}

fn hand_over(application: &Application, key_id: &str) -> HandOver {
    HandOver {
        reason: "Removing the former client secret is not ours to do; the new one is in use.".to_owned(),
        who: "somebody who owns the application, or with the directory role Application Administrator".to_owned(),
        link: None,
        command: Some(format!("az ad app credential delete --id {} --key-id {key_id}", application.app_id)),
        text: None,
    }
}

/// A problem of Entra; one that the person stopped is of that kind.
pub(super) fn failed(tried: &str, error: &entra::Error) -> Problem {
    let problem = problem::entra(tried, error);
    if error.is_cancelled() { Problem { kind: ProblemKind::Interrupted, ..problem } } else { problem }
}
