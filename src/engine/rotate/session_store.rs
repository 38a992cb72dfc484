//! The password of the session store, which keeps sessions in memory and therefore must not start again: it is told of another one while
//! it runs, over a port that is forwarded into its pod, behind its sidecar (docs/decisions/rotating.md).

use super::{apply::Run, plan::State};
use crate::{
    blueprint::{SESSION_STORE_PORT, session_store_labels},
    cluster,
    engine::{
        budget,
        event::{Action, Problem, ProblemKind},
        problem,
        secrets::FillError,
    },
    redis::{BrokenOff, Connection, Refusal},
    secret::Secret,
};
use std::time::{Duration, Instant};
use tokio::io::DuplexStream;

/// As many random bytes as setup makes a password of.
const PASSWORD_BYTES: usize = 32;
/// How long a few words with the store may take.
const TALK: Duration = Duration::from_secs(10);
/// How long to wait before a store that cannot be reached is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What the store is told.
enum Order {
    /// To let in whoever gives one of these. The first is in use.
    TakeAll(Vec<Secret>),
    /// To let in whoever gives the first of these, and nobody who gives another.
    TakeOnlyFirst(Vec<Secret>),
}

/// Why an order was not carried out.
enum Failure {
    /// It may be in a moment.
    MayPass(String),
    /// It will not be.
    Final(Problem),
}

impl Run<'_> {
    /// Up to the new password in use: beside the one in use, known to the store, in its place.
    pub(super) async fn change_password(&mut self) -> Result<(), ProblemKind> {
        let (name, key) = (self.plan.kept.name.clone(), self.plan.what.key());
        if !self.plan.goes_on {
            let new = Secret::random(PASSWORD_BYTES);
            let new = new.map_err(|error| self.failed(State::Store, problem::fill(&FillError::from(error))))?;
            self.vault.propose(&name, key, new);
            self.store(State::Store).await?;
        }
        self.is_not_stopped()?;
        self.admit_all().await?;
        self.is_not_stopped()?;
        if self.vault.adopt_next(&name, key) { self.store(State::Use).await } else { Ok(()) }
    }

    /// The password that was in use before in use again, with pods that follow it, and the new one good no longer.
    pub(super) async fn put_password_back(&mut self) -> Result<(), ProblemKind> {
        let (name, key) = (self.plan.kept.name.clone(), self.plan.what.key());
        self.plan.undo = true;
        // A run that was killed in its last state may have taken it away already.
        self.admit_all().await?;
        if self.vault.propose_again(&name, key) {
            self.store(State::PutBack).await?;
        } else {
            let proof = Some("it has not been taken out of use".to_owned());
            self.ready(State::PutBack, Action::Keep, proof, Instant::now());
        }
        self.roll(State::Roll).await?;
        self.keep_only_password().await
    }

    /// The last state, forwards and backwards: the store takes the password in use alone, and the Secret forgets the other.
    pub(super) async fn keep_only_password(&mut self) -> Result<(), ProblemKind> {
        let (name, key) = (self.plan.kept.name.clone(), self.plan.what.key());
        let passwords = self.vault.every_value(&name, key);
        let started = Instant::now();
        self.started(State::Remove);
        let only = Order::TakeOnlyFirst(passwords);
        let told = self.tell_store(State::Remove, &only, started).await;
        told.map_err(|problem| self.failed(State::Remove, problem))?;
        self.vault.forget_previous(&name, key);
        self.vault.forget_next(&name, key);
        if let Err(problem) = self.write().await {
            return Err(self.failed(State::Remove, problem));
        }
        self.written = self.vault.clone();
        // A store that has started again in between was told of both by the Secret.
        let told = self.tell_store(State::Remove, &only, started).await;
        told.map_err(|problem| self.failed(State::Remove, problem))?;
        let proof = "the session store takes the one in use, and refuses this one".to_owned();
        self.ready(State::Remove, Action::Delete, Some(proof), started);
        Ok(())
    }

    /// Has the store let in whoever gives a password that the Secret holds.
    async fn admit_all(&mut self) -> Result<(), ProblemKind> {
        let started = Instant::now();
        self.started(State::Admit);
        let passwords = self.vault.every_value(&self.plan.kept.name, self.plan.what.key());
        match self.tell_store(State::Admit, &Order::TakeAll(passwords), started).await {
            Ok(()) => {
                let proof = "it lets in whoever gives either of the two".to_owned();
                self.ready(State::Admit, Action::Update, Some(proof), started);
                Ok(())
            }
            Err(problem) => Err(self.failed(State::Admit, problem)),
        }
    }

    /// Tells the store, in every pod of it, and has it prove that it does so. One that is just starting is waited for.
    async fn tell_store(&self, state: State, order: &Order, started: Instant) -> Result<(), Problem> {
        let tried = "change the passwords that the session store takes";
        let (part, title) = self.plan.name(state);
        let began = Instant::now();
        loop {
            let reason = match self.tell_once(tried, order).await {
                Ok(()) => return Ok(()),
                Err(Failure::Final(problem)) => return Err(problem),
                Err(Failure::MayPass(reason)) => reason,
            };
            if began.elapsed() > budget::DEPLOYMENT {
                return Err(failed(tried, reason));
            }
            self.events.waiting(&part, &title, reason, started, budget::DEPLOYMENT);
            if self.cancel.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return Err(Problem { kind: ProblemKind::Interrupted, ..problem::gone(tried) });
            }
        }
    }

    async fn tell_once(&self, tried: &str, order: &Order) -> Result<(), Failure> {
        let could_not = |error: cluster::Error| {
            if error.may_pass() {
                Failure::MayPass(error.to_string())
            } else {
                Failure::Final(problem::cluster(tried, &error))
            }
        };
        let namespace = self.plan.seen.answers.application.namespace.as_str();
        let pods = self.target.cluster.pods(namespace, &session_store_labels(&self.plan.seen.answers)).await;
        let mut pods = pods.map_err(could_not)?;
        pods.retain(|pod| !pod.terminating);
        if let Some(pod) = pods.iter().find(|pod| !pod.ready) {
            let why = pod.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            return Err(Failure::MayPass(format!("pod {} of the session store is not ready{why}", pod.name)));
        }
        if pods.is_empty() {
            return Err(Failure::MayPass("the session store has no pod at the moment".to_owned()));
        }
        for pod in &pods {
            let carry_out = async |step: Step<'_>| {
                let talk = async |stream: DuplexStream| step.talk(stream).await.map_err(|error| error.to_string());
                self.target.cluster.talk(pod, SESSION_STORE_PORT, TALK, talk).await.map_err(could_not)
            };
            order.carry_out(tried, carry_out).await?;
        }
        Ok(())
    }
}

/// A few words with the store on a connection of their own.
enum Step<'a> {
    /// Whether a password is taken.
    Try(&'a Secret),
    /// Signed in with the first, take the second as well.
    Add(&'a Secret, &'a Secret),
    /// Signed in with it, take no other.
    KeepOnly(&'a Secret),
}

impl Step<'_> {
    async fn talk(&self, stream: DuplexStream) -> Result<Result<(), Refusal>, BrokenOff> {
        let mut connection = Connection::over(stream);
        let (Step::Try(password) | Step::Add(password, _) | Step::KeepOnly(password)) = self;
        if let Err(refusal) = connection.sign_in(password).await? {
            return Ok(Err(refusal));
        }
        match self {
            Step::Try(_) => connection.ping().await,
            Step::Add(_, other) => connection.add_password(other).await,
            Step::KeepOnly(only) => connection.keep_only_password(only).await,
        }
    }
}

impl Order {
    /// Carries it out in one pod, and proves it by connections of their own.
    async fn carry_out(
        &self,
        tried: &str,
        step: impl AsyncFn(Step<'_>) -> Result<Result<(), Refusal>, Failure>,
    ) -> Result<(), Failure> {
        let (Self::TakeAll(passwords) | Self::TakeOnlyFirst(passwords)) = self;
        let done = async |it: Step<'_>| step(it).await?.map_err(|refusal| refused(tried, &refusal));
        let mut known = None;
        for password in passwords {
            match step(Step::Try(password)).await? {
                Ok(()) => {
                    known = Some(password);
                    break;
                }
                Err(Refusal::WrongPassword) => {}
                Err(refusal) => return Err(refused(tried, &refusal)),
            }
        }
        let (Some(known), Some((first, others))) = (known, passwords.split_first()) else {
            return Err(Failure::Final(knows_none(tried)));
        };
        match self {
            Self::TakeAll(_) => {
                for password in passwords {
                    done(Step::Add(known, password)).await?;
                    done(Step::Try(password)).await?;
                }
            }
            Self::TakeOnlyFirst(_) => {
                done(Step::Add(known, first)).await?;
                done(Step::KeepOnly(first)).await?;
                done(Step::Try(first)).await?;
                for other in others {
                    match step(Step::Try(other)).await? {
                        Err(Refusal::WrongPassword) => {}
                        Err(refusal) => return Err(refused(tried, &refusal)),
                        Ok(()) => {
                            let cause = "it still takes the password that was taken away".to_owned();
                            return Err(Failure::Final(failed(tried, cause)));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn refused(tried: &str, refusal: &Refusal) -> Failure {
    match refusal {
        // What a server answers that has just started.
        Refusal::Refused { code, .. } if code == "LOADING" => Failure::MayPass(refusal.to_string()),
        _ => Failure::Final(failed(tried, refusal.to_string())),
    }
}

fn failed(tried: &str, cause: String) -> Problem {
    Problem {
        tried: tried.to_owned(),
        cause,
        remedy: "see to the session store's pod, and run again; what was in use before is good".to_owned(),
        kind: ProblemKind::Failed,
    }
}

fn knows_none(tried: &str) -> Problem {
    Problem {
        tried: tried.to_owned(),
        cause: "it takes none of the passwords that its Secret holds: somebody has changed one or the other".to_owned(),
        remedy:
            "restart the session store, which signs everybody out and has it take those of its Secret, and run again"
                .to_owned(),
        kind: ProblemKind::Failed,
    }
}
