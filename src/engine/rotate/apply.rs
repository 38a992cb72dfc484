//! The rotation carried out: state by state, told as events. What fails before the last one is put back.

use super::{Plan, What, hold::Hold, plan::State, registration::Removed, workload};
use crate::{
    blueprint::{COOKIE_SECRET_KEY, PartId},
    cluster::{self, ObjectRef, Write},
    engine::{
        Target, budget,
        event::{Action, Check, Counts, Event, Events, Outcome, Problem, ProblemKind, Title, Verdict, milliseconds},
        fill_in,
        history::{self, Did},
        problem,
        registration::observed,
        secrets::{FillError, NewClientSecret, Vault},
        try_it::{self, Trial},
    },
    entra::Session,
    secret::Secret,
};
use serde_json::Value;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// How many random bytes sign cookies.
const COOKIE_SECRET_BYTES: usize = 32;

/// What is done once the new value is proven, before what was in use is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Remove it.
    GoOn,
    /// Put it back.
    Undo,
    /// Leave both for now: the same command goes on, and `--undo` takes it back.
    Leave,
}

/// One run of a rotation.
pub(super) struct Run<'a> {
    pub(super) target: &'a Target,
    pub(super) plan: Plan,
    /// The values as they are, or are about to be written.
    pub(super) vault: Vault,
    /// The values as they were when they were last looked at or written.
    pub(super) written: Vault,
    pub(super) events: Events,
    pub(super) cancel: CancellationToken,
    done: Vec<Action>,
    /// What was done, to what.
    touched: Vec<(Action, String)>,
    handed_over: bool,
}

/// Carries out `plan`, which was shown and confirmed. Before the last state `decide` is asked. Whatever happens is told as events; the
/// last one is `Finished`.
pub async fn apply(
    target: &Target,
    plan: Plan,
    events: &Events,
    cancel: &CancellationToken,
    decide: impl AsyncFnOnce() -> Decision,
) -> Outcome {
    let started = Instant::now();
    // Cancelled by the person, or when somebody else has taken over.
    let stopped = cancel.child_token();
    let record = plan.seen.record.clone();
    let vault = plan.seen.vault().clone();
    let mut run = Run {
        target,
        written: vault.clone(),
        vault,
        plan,
        events: events.clone(),
        cancel: stopped.clone(),
        done: Vec::new(),
        touched: Vec::new(),
        handed_over: false,
    };
    let ended = match Hold::take(target, &record, &stopped).await {
        Err(problem) => {
            let title = Title { kind: "Rotation".to_owned(), name: run.plan.seen.answers.application.name.to_string() };
            let kind = problem.kind;
            run.events.tell(Event::Failed { part: PartId("rotate/hold".to_owned()), title, problem });
            Err(kind)
        }
        Ok(hold) => {
            let ended = run.states(decide).await;
            hold.give_back().await;
            ended
        }
    };
    let outcome = match ended {
        Ok(()) if run.handed_over => Outcome::HandedOver,
        Ok(()) => Outcome::Done,
        Err(ProblemKind::Interrupted) => Outcome::Interrupted,
        Err(ProblemKind::NotPermitted) => Outcome::NotPermitted,
        Err(_) => Outcome::Failed,
    };
    let outcome = run.write_down(outcome).await;
    let counts = Counts::of(run.done.iter().copied());
    let elapsed_ms = milliseconds(started.elapsed());
    run.events.tell(Event::Finished { outcome, counts, address: None, elapsed_ms });
    outcome
}

impl Run<'_> {
    /// Writes down beside the recorded answers what was done, whatever the outcome.
    async fn write_down(&mut self, outcome: Outcome) -> Outcome {
        let did = Did {
            command: "rotate",
            what: Some(self.plan.what.word().to_owned()),
            outcome,
            touched: std::mem::take(&mut self.touched),
            failed_at: self.events.failed_last(),
        };
        let application = &self.plan.seen.answers.application;
        let place = (application.namespace.as_str(), application.name.as_str());
        match history::write_down(self.target, &self.events, place, &did).await {
            Ok(written) => {
                self.done.extend(written);
                outcome
            }
            Err(()) => outcome.with_something_failed(),
        }
    }

    async fn states(&mut self, decide: impl AsyncFnOnce() -> Decision) -> Result<(), ProblemKind> {
        if self.plan.what == What::CertificateKey && !self.plan.undo {
            return self.renew().await;
        }
        self.is_still_as_seen().await?;
        if self.plan.undo {
            return self.undo().await;
        }
        let proven = match self.reach_pods().await {
            Ok(()) => self.try_it().await,
            Err(kind) => Err(kind),
        };
        match proven {
            // Nobody knows of it yet.
            Err(kind) if !self.is_begun() => return Err(kind),
            Err(ProblemKind::Interrupted) => return Err(ProblemKind::Interrupted),
            Err(kind) => {
                self.take_back("The new one did not prove good.").await?;
                return Err(kind);
            }
            Ok(()) => {}
        }
        match decide().await {
            Decision::Leave => return Err(ProblemKind::Interrupted),
            Decision::Undo => return self.take_back("As you wish.").await,
            Decision::GoOn => {}
        }
        self.is_not_stopped()?;
        self.end().await
    }

    /// Whether the Secret holds anything that has to be taken back.
    fn is_begun(&self) -> bool {
        let (name, key) = (&self.plan.kept.name, self.plan.what.key());
        self.written.has_previous(name, key) || self.written.has_next(name, key)
    }

    /// Up to pods that run with the new value.
    async fn reach_pods(&mut self) -> Result<(), ProblemKind> {
        if self.plan.what == What::RedisPassword {
            self.change_password().await?;
        } else if !self.plan.goes_on {
            self.begin().await?;
        }
        self.roll(State::Roll).await
    }

    /// Up to the new value in the Secret. Until it is there nothing has happened that anybody could notice.
    async fn begin(&mut self) -> Result<(), ProblemKind> {
        let name = self.plan.kept.name.clone();
        match self.plan.what {
            // cert-manager makes the one, and the other goes its own way.
            What::CertificateKey | What::RedisPassword => Ok(()),
            What::CookieSecret => {
                let new = Secret::random(COOKIE_SECRET_BYTES);
                let new = new.map_err(|error| self.failed(State::Store, problem::fill(&FillError::from(error))))?;
                self.vault.rotate(&name, COOKIE_SECRET_KEY, new);
                self.store(State::Store).await
            }
            What::ClientSecret => {
                let new = self.add().await?;
                let stored = match self.is_not_stopped() {
                    Ok(()) => {
                        self.vault.rotate_client_secret(&name, What::ClientSecret.key(), &new);
                        self.store(State::Store).await
                    }
                    stopped => stopped,
                };
                // Where it is not known what became of the write, the next run sees which one is in use.
                if stored.is_err() && self.vault.key_id(&name) != Some(&new.key_id) {
                    self.forget(&new).await;
                }
                stored
            }
        }
    }

    async fn add(&mut self) -> Result<NewClientSecret, ProblemKind> {
        let (session, started) = (self.session(State::Add), Instant::now());
        self.started(State::Add);
        let new = self.add_client_secret(&session).await.map_err(|problem| self.failed(State::Add, problem))?;
        match self.prove_client_secret(&session, &new.value).await {
            Ok(proof) => {
                self.ready(State::Add, Action::Create, Some(format!("{proof}, good until {}", new.expires)), started);
                Ok(new)
            }
            Err(problem) => {
                self.forget(&new).await;
                Err(self.failed(State::Add, problem))
            }
        }
    }

    /// Removes a client secret that is stored nowhere. If it stays, the next rotation removes it.
    async fn forget(&self, new: &NewClientSecret) {
        if let Some(application) = self.plan.seen.found.registration.application() {
            let removed = self.target.session.remove_password(&application.id, &new.key_id).await;
            if let Err(error) = removed {
                tracing::warn!(%error, "a client secret that nobody knows stays until the next rotation");
            }
        }
    }

    /// Nobody has changed the values since they were seen.
    async fn is_still_as_seen(&self) -> Result<(), ProblemKind> {
        let first = if self.plan.undo { State::PutBack } else { State::Store };
        let now = self.held().await.map_err(|problem| self.failed(first, problem))?;
        if now.1.has_same_values(&self.written, &self.plan.kept.name) {
            return Ok(());
        }
        Err(self.failed(first, problem::another_run(&self.plan.kept.name)))
    }

    /// The Secret as it is now.
    pub(super) async fn held(&self) -> Result<(Value, Vault), Problem> {
        let reference = self.secret()?;
        let tried = format!("read {reference}");
        let live = self.target.cluster.get(&reference).await;
        let live = live.map_err(|error| problem::cluster(&tried, &error))?.ok_or_else(|| problem::gone(&tried))?;
        let mut vault = Vault::default();
        vault.remember(&live);
        Ok((live, vault))
    }

    fn secret(&self) -> Result<ObjectRef, Problem> {
        let object = &self.plan.kept.manifest.object;
        ObjectRef::of(object).map_err(|error| problem::cluster("name the Secret", &error))
    }

    /// Writes the values into the Secret, unless somebody else has changed them since. One that was not written is not in use.
    pub(super) async fn store(&mut self, state: State) -> Result<(), ProblemKind> {
        let started = Instant::now();
        self.started(state);
        match self.write().await {
            Ok(()) => {
                self.written = self.vault.clone();
                self.ready(state, Action::Update, None, started);
                Ok(())
            }
            Err(problem) => {
                // No clear answer may have come of a write that took place.
                match self.held().await {
                    Ok((_, now)) if now.has_same_values(&self.vault, &self.plan.kept.name) => {
                        self.written = self.vault.clone();
                        self.ready(state, Action::Update, None, started);
                        return Ok(());
                    }
                    Ok(_) => self.vault = self.written.clone(),
                    Err(_) => {}
                }
                Err(self.failed(state, problem))
            }
        }
    }

    pub(super) async fn write(&mut self) -> Result<(), Problem> {
        let name = self.plan.kept.name.clone();
        let (live, now) = self.held().await?;
        if !now.has_same_values(&self.written, &name) {
            return Err(problem::another_run(&name));
        }
        let mut object = self.vault.fill(&self.plan.kept.manifest).map_err(|error| problem::fill(&error))?;
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in ["uid", "resourceVersion"] {
                let value = live.pointer(&format!("/metadata/{field}")).cloned().unwrap_or_default();
                metadata.insert(field.to_owned(), value);
            }
        }
        let applied = fill_in::apply(&self.target.cluster, &object, Write::ForReal).await;
        applied.map(drop).map_err(|error| match error {
            cluster::Error::Stale { .. } => problem::another_run(&name),
            error => problem::cluster(&format!("store it in Secret {name}"), &error),
        })
    }

    /// New pods, and the wait until they are the only ones.
    pub(super) async fn roll(&mut self, state: State) -> Result<(), ProblemKind> {
        self.is_not_stopped()?;
        let started = Instant::now();
        let deployment = self.plan.seen.deployment.clone();
        self.started(state);
        let checksums =
            workload::checksums(&self.plan.seen, &self.vault).map_err(|problem| self.failed(state, problem))?;
        let rolled = workload::roll(self.target, &deployment, &checksums).await;
        let rolled = rolled.map_err(|problem| self.failed(state, problem))?;
        let (part, title) = self.plan.name(state);
        let budget = budget::DEPLOYMENT;
        let on_reason = |reason: String| self.events.waiting(&part, &title, reason, started, budget);
        match self.target.cluster.wait_ready(&deployment, budget, &self.cancel, &on_reason).await {
            Ok(()) => {
                let action = if rolled { Action::Update } else { Action::Keep };
                self.ready(state, action, Some("every pod is new and ready".to_owned()), started);
                Ok(())
            }
            Err(error) => Err(match problem::wait(&title, "ready", &error) {
                None => ProblemKind::Interrupted,
                Some(problem) => self.failed(state, problem),
            }),
        }
    }

    /// Sign-in as a stranger meets it, and the application with a token of its own.
    async fn try_it(&mut self) -> Result<(), ProblemKind> {
        let (session, started) = (self.session(State::Try), Instant::now());
        if self.plan.what == What::ClientSecret {
            // What is in the Secret is proven, whoever put it there.
            let name = &self.plan.kept.name;
            let value = self.vault.client_secret(name, What::ClientSecret.key()).map(|(_, value)| value.clone());
            let proven = match value {
                Some(value) => self.prove_client_secret(&session, &value).await,
                None => Err(problem::gone("prove the client secret that is stored")),
            };
            proven.map_err(|problem| self.failed(State::Try, problem))?;
        }
        let token = self.own_token(&session).await;
        let seen = &self.plan.seen;
        let trial = Trial {
            target: self.target,
            answers: &seen.answers,
            facts: &seen.found.facts,
            client_id: seen
                .found
                .registration
                .application()
                .map(|application| application.app_id.clone())
                .unwrap_or_default(),
            route: None,
            token,
        };
        let findings = try_it::tell(&trial, &self.events, &self.cancel).await;
        self.is_not_stopped()?;
        let of_ours = |check: Check| matches!(check, Check::Door | Check::Callback | Check::Token | Check::Bearer);
        let wrong = findings.iter().find(|finding| finding.verdict >= Verdict::Wrong && of_ours(finding.check));
        if let Some(wrong) = wrong {
            let problem = Problem {
                tried: "try sign-in and tokens with the new one".to_owned(),
                cause: wrong.found.clone(),
                remedy: "see `gatewright status`, put that right, and run again".to_owned(),
                kind: ProblemKind::Failed,
            };
            return Err(self.failed(State::Try, problem));
        }
        let is_ok =
            |check: Check| findings.iter().any(|finding| finding.check == check && finding.verdict == Verdict::Ok);
        let proof = match (is_ok(Check::Door), is_ok(Check::Bearer)) {
            (true, true) => "strangers are sent to sign in, and a token of the application's own gets in",
            (true, false) => "strangers are sent to sign in",
            (false, _) => "it could not be tried from here; every pod is ready, and Entra takes the client secret",
        };
        let (part, title) = self.plan.name(State::Try);
        let elapsed_ms = milliseconds(started.elapsed());
        self.events.tell(Event::Proven { part, title, proof: proof.to_owned(), elapsed_ms });
        Ok(())
    }

    /// The last state: what was in use is removed, and the Secret forgets it.
    async fn end(&mut self) -> Result<(), ProblemKind> {
        if self.plan.what == What::RedisPassword {
            return self.keep_only_password().await;
        }
        let (session, started) = (self.session(State::Remove), Instant::now());
        self.started(State::Remove);
        let mut proof = None;
        if self.plan.what == What::ClientSecret {
            match self.remove_client_secrets(&session).await {
                Ok(Removed::Gone(count)) => proof = Some(format!("{count} removed, by key id")),
                Ok(Removed::HandedOver(hand_over)) => {
                    self.handed_over = true;
                    let (part, title) = self.plan.name(State::Remove);
                    self.events.tell(Event::HandOver { part, title, hand_over });
                }
                Err(problem) => return Err(self.failed(State::Remove, problem)),
            }
        }
        let name = self.plan.kept.name.clone();
        self.vault.forget_previous(&name, self.plan.what.key());
        if let Err(problem) = self.write().await {
            return Err(self.failed(State::Remove, problem));
        }
        self.written = self.vault.clone();
        if !self.handed_over {
            self.ready(State::Remove, Action::Delete, proof, started);
        }
        Ok(())
    }

    async fn take_back(&mut self, why: &str) -> Result<(), ProblemKind> {
        self.events.tell(Event::Undoing { reason: why.to_owned() });
        self.undo().await
    }

    /// Puts what was in use back, has the pods follow, and removes the new one.
    async fn undo(&mut self) -> Result<(), ProblemKind> {
        if self.plan.what == What::RedisPassword {
            return self.put_password_back().await;
        }
        let name = self.plan.kept.name.clone();
        if !self.vault.put_back(&name, self.plan.what.key()) {
            return Err(self.failed(State::PutBack, problem::gone("put back what was in use before")));
        }
        self.store(State::PutBack).await?;
        self.roll(State::Roll).await?;
        if self.plan.what != What::ClientSecret {
            return Ok(());
        }
        self.plan.undo = true;
        let (session, started) = (self.session(State::Remove), Instant::now());
        self.started(State::Remove);
        match self.remove_client_secrets(&session).await {
            Ok(Removed::Gone(count)) => {
                self.ready(State::Remove, Action::Delete, Some(format!("{count} removed, by key id")), started);
                Ok(())
            }
            Ok(Removed::HandedOver(hand_over)) => {
                self.handed_over = true;
                let (part, title) = self.plan.name(State::Remove);
                self.events.tell(Event::HandOver { part, title, hand_over });
                Ok(())
            }
            Err(problem) => Err(self.failed(State::Remove, problem)),
        }
    }

    pub(super) fn is_not_stopped(&self) -> Result<(), ProblemKind> {
        if self.cancel.is_cancelled() { Err(ProblemKind::Interrupted) } else { Ok(()) }
    }

    fn session(&self, state: State) -> Session {
        let (part, title) = self.plan.name(state);
        observed(&self.target.session, (&self.events, &self.cancel), (&part, &title), Instant::now())
    }

    pub(super) fn started(&self, state: State) {
        let (part, title) = self.plan.name(state);
        self.events.tell(Event::Started { part, title });
    }

    pub(super) fn ready(&mut self, state: State, action: Action, proof: Option<String>, since: Instant) {
        self.done.push(action);
        let (part, title) = self.plan.name(state);
        self.touched.push((action, title.kind.clone()));
        self.events.tell(Event::Ready { part, title, action, proof, elapsed_ms: milliseconds(since.elapsed()) });
    }

    pub(super) fn failed(&self, state: State, problem: Problem) -> ProblemKind {
        let kind = problem.kind;
        if kind != ProblemKind::Interrupted {
            let (part, title) = self.plan.name(state);
            self.events.tell(Event::Failed { part, title, problem });
        }
        kind
    }
}
