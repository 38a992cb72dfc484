//! The plan carried out: wave by wave, waiting for effects, told as events.

use super::{
    GoodUntil, Target, budget, consistency,
    control::{Control, Pause},
    event::{Action, Counts, Event, Events, Outcome, Problem, ProblemKind, Title, milliseconds},
    fill_in, good_until,
    history::{self, Did},
    mesh,
    plan::{Plan, Step},
    problem, proof, registration,
    removal::{self, Doomed},
    try_it, zone_role,
};
use crate::{
    blueprint::{self, Manifest, PartBody, PartId, SecretValue, Wave},
    cluster::{Cluster, ObjectRef, WaitError, Write},
};
use futures::future::join_all;
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Every wave, in order.
const WAVES: [Wave; 9] = [
    Wave::Ground,
    Wave::Registration,
    Wave::Issuer,
    Wave::Foundation,
    Wave::SessionStore,
    Wave::Proxy,
    Wave::Locks,
    Wave::Application,
    Wave::Routes,
];

/// Why a run ends before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Something failed and was told of.
    Failed(ProblemKind),
    /// The person stopped it.
    Interrupted,
}

/// A part that has been written and whose effect is still waited for.
struct Pending {
    part: PartId,
    result: Result<(), Stop>,
}

/// One run of a plan.
pub(super) struct Run<'a> {
    pub(super) target: &'a Target,
    pub(super) plan: Plan,
    pub(super) events: Events,
    pub(super) cancel: CancellationToken,
    pub(super) pause: Pause,
    /// What was done last.
    last: Option<Title>,
    /// What was really done, by part.
    pub(super) done: HashMap<PartId, Action>,
    pub(super) handed_over: bool,
    /// Whether the certificate waits for a role that somebody else has to give.
    pub(super) zone_role_is_handed_over: bool,
    /// That certificate, once it is written.
    certificate_on_hold: Option<(Step, Action)>,
    /// Written before their wave, and how: the Secret that holds the client secret.
    pub(super) written_early: HashMap<PartId, Action>,
    /// Whether the registration is as it should be, so that every Secret has its last value.
    registered: bool,
    waiting: BTreeMap<Wave, JoinSet<Pending>>,
}

/// Carries out `plan`, which was shown and confirmed. Whatever happens is told as events; the last one is `Finished`. Between two steps it pauses if `control` asks for it, and wherever it waits it can be stopped.
pub async fn apply(target: &Target, plan: Plan, events: Events, control: impl Into<Control>) -> Outcome {
    let Control { cancel, pause } = control.into();
    let started = Instant::now();
    let address = plan.answers.application.host.to_string();
    let mut run = Run {
        target,
        plan,
        events,
        cancel,
        pause,
        last: None,
        done: HashMap::new(),
        handed_over: false,
        zone_role_is_handed_over: false,
        certificate_on_hold: None,
        written_early: HashMap::new(),
        registered: false,
        waiting: BTreeMap::new(),
    };
    let ended = run.waves().await;
    let is_served = run.certificate_on_hold.is_none();
    let is_open = ended.is_ok() && is_served && try_it::after(&run).await;
    let address = is_served.then(|| format!("https://{address}/"));
    if ended.is_ok() {
        let looking = good_until::after_setup(target, &run.plan.seen, &run.plan.steps);
        let good_until = run.cancel.run_until_cancelled(looking).await.unwrap_or_default();
        if good_until != GoodUntil::default() {
            run.events.tell(Event::GoodUntil { good_until });
        }
    }
    let changed = Counts::of(run.done.values().copied()).changes();
    let outcome = match ended {
        Ok(()) if is_open => Outcome::Failed,
        Ok(()) if run.handed_over => Outcome::HandedOver,
        Ok(()) if changed == 0 => Outcome::NothingToDo,
        Ok(()) => Outcome::Done,
        Err(Stop::Interrupted | Stop::Failed(ProblemKind::Interrupted)) => Outcome::Interrupted,
        Err(Stop::Failed(ProblemKind::NotPermitted)) => Outcome::NotPermitted,
        Err(Stop::Failed(_)) => Outcome::Failed,
    };
    let outcome = run.write_down(outcome).await;
    let counts = Counts::of(run.done.values().copied());
    let elapsed_ms = milliseconds(started.elapsed());
    run.events.tell(Event::Finished { outcome, counts, address, elapsed_ms });
    outcome
}

impl Run<'_> {
    async fn waves(&mut self) -> Result<(), Stop> {
        self.make_values(is_random_alone)?;
        self.put_missing_locks_back().await?;
        for wave in WAVES {
            self.wait_for_what_it_needs(wave).await?;
            match wave {
                Wave::Registration => {
                    registration::apply(self).await?;
                    self.make_values(|_| true)?;
                    self.registered = true;
                }
                Wave::Issuer => {
                    self.draw_again()?;
                    zone_role::apply(self).await?;
                    if self.has_changes(wave) {
                        self.between_steps().await?;
                    }
                    self.write(wave).await?;
                }
                // What needs a certificate that cannot come yet is left to the next run; everything else is there.
                Wave::Routes if !self.has_its_certificate().await? => return Ok(()),
                Wave::Routes => {
                    self.draw_again()?;
                    // Not between the proof and the routes that rest on it: it is as good as it is fresh.
                    self.between_steps().await?;
                    proof::locks_are_live(self).await?;
                    self.write(wave).await?;
                    proof::routes_are_live(self).await?;
                }
                _ => {
                    self.draw_again()?;
                    if self.has_changes(wave) {
                        self.between_steps().await?;
                    }
                    self.write(wave).await?;
                }
            }
        }
        self.remove_leftovers().await
    }

    /// Writes down what was done, whatever the outcome; what was to be written down and was not makes a failure of it.
    async fn write_down(&mut self, outcome: Outcome) -> Outcome {
        let kind =
            |part: &PartId| self.plan.steps.iter().find(|step| step.part.id == *part).map(|step| &step.title.kind);
        let touched = self.done.iter().filter_map(|(part, action)| Some((*action, kind(part)?.clone())));
        let did = Did {
            command: "setup",
            what: None,
            outcome,
            touched: touched.collect(),
            failed_at: self.events.failed_last(),
        };
        let application = &self.plan.answers.application;
        let place = (application.namespace.as_str(), application.name.as_str());
        let Ok(written) = history::write_down(self.target, &self.events, place, &did).await else {
            return outcome.with_something_failed();
        };
        let step = self.plan.steps.iter().find(|step| step.part.wave == Wave::History);
        if let (Some(action), Some(step)) = (written, step) {
            self.done.insert(step.part.id.clone(), action);
        }
        outcome
    }

    /// Locks that are gone while routes are live come back before anything else is tried or waited for: the door may be open.
    /// A lock that needs what is not known yet, such as the client id of a registration that is gone too, comes in its wave.
    async fn put_missing_locks_back(&mut self) -> Result<(), Stop> {
        let steps = &self.plan.steps;
        let is_routed =
            steps.iter().any(|step| step.part.wave == Wave::Routes && step.is_live() && step.action != Action::Delete);
        // When the locks move to another place, those of the former one still hold.
        let locks_move = steps.iter().any(|step| step.action == Action::Delete && step.is("AuthorizationPolicy"));
        if !is_routed || locks_move {
            return Ok(());
        }
        let is_missing = |step: &&Step| in_wave(step, Wave::Locks) && step.action == Action::Create;
        let missing: Vec<(Step, Sent)> = steps
            .iter()
            .filter(is_missing)
            .filter_map(|step| Some((step.clone(), Sent::Object(step.manifest()?.object.clone()))))
            .filter(|(_, sent)| sent.is_known())
            .collect();
        self.send_side_by_side(missing).await
    }

    /// Values of Secrets are made before anything copies them or tells their fingerprint: of those Secrets whose values `can_be`.
    fn make_values(&mut self, can_be: impl Fn(&Manifest) -> bool) -> Result<(), Stop> {
        let steps = self.plan.steps.clone();
        for step in &steps {
            let Some(manifest) = step.manifest().filter(|manifest| !manifest.secrets.is_empty()) else { continue };
            if can_be(manifest) {
                self.plan.seen.vault.fill(manifest).map_err(|error| self.fail(step, problem::fill(&error)))?;
            }
        }
        Ok(())
    }

    /// The blueprint with what has become known since it was planned. What was shown must still hold: only values that were
    /// shown as unknown may have become known.
    pub(super) fn draw_again(&mut self) -> Result<(), Stop> {
        let seen = &mut self.plan.seen;
        // Before, a Secret may still hold a client secret that is about to be replaced, and its fingerprint would not last.
        if self.registered {
            seen.existing.secret_fingerprints = seen.vault.fingerprints();
        }
        let parts = match blueprint::blueprint(&self.plan.answers, &seen.facts, &seen.existing) {
            Ok(parts) => parts,
            Err(impossible) => return Err(self.fail_run(problem::impossible(&impossible))),
        };
        let steps = &mut self.plan.steps;
        for part in parts {
            let Some(step) = steps.iter_mut().find(|step| step.part.id == part.id) else {
                let problem = problem::plan_is_stale(&part.id);
                return Err(self.fail_run(problem));
            };
            if !consistency::is_what_was_shown(&step.part, &part) {
                let problem = problem::plan_is_stale(&part.id);
                return Err(self.fail_run(problem));
            }
            step.part = part;
        }
        Ok(())
    }

    pub(super) fn fail_run(&self, problem: Problem) -> Stop {
        let kind = problem.kind;
        let title = Title { kind: "Plan".to_owned(), name: self.plan.answers.application.name.to_string() };
        self.events.tell(Event::Failed { part: PartId("plan".to_owned()), title, problem });
        Stop::Failed(kind)
    }

    /// Tells that `step` failed.
    pub(super) fn fail(&self, step: &Step, problem: Problem) -> Stop {
        fail(&self.events, step, problem)
    }

    /// Tells that `step` is done.
    pub(super) fn ready(&mut self, step: &Step, action: Action, proof: Option<String>, since: Instant) {
        self.did(step, action);
        tell_ready(&self.events, step, action, proof, since);
    }

    fn did(&mut self, step: &Step, action: Action) {
        self.done.insert(step.part.id.clone(), action);
        if action != Action::Keep {
            self.last = Some(step.title.clone());
        }
    }

    pub(super) fn is_not_stopped(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() { Err(Stop::Interrupted) } else { Ok(()) }
    }

    /// Where a person can stop it, or have it wait: nothing is half done here.
    pub(super) async fn between_steps(&self) -> Result<(), Stop> {
        self.is_not_stopped()?;
        if !self.pause.is_held() {
            return Ok(());
        }
        let before = self.pause.so_far();
        self.events.tell(Event::Paused { after: self.last.clone() });
        if self.cancel.run_until_cancelled(self.pause.until_it_may_go_on()).await.is_none() {
            return Err(Stop::Interrupted);
        }
        let paused_ms = milliseconds(self.pause.so_far().saturating_sub(before));
        self.events.tell(Event::Resumed { paused_ms });
        Ok(())
    }

    /// Whether anything of `wave` is still to be written.
    fn has_changes(&self, wave: Wave) -> bool {
        let is_to_do = |step: &Step| in_wave(step, wave) && step.action != Action::Keep;
        self.plan.steps.iter().any(|step| is_to_do(step) && !self.done.contains_key(&step.part.id))
    }

    /// Sends everything of `wave` side by side. What has an effect to wait for is left waiting in the background.
    async fn write(&mut self, wave: Wave) -> Result<(), Stop> {
        self.is_not_stopped()?;
        let is_to_do = |step: &&Step| in_wave(step, wave) && !self.done.contains_key(&step.part.id);
        let steps: Vec<Step> = self.plan.steps.iter().filter(is_to_do).cloned().collect();
        let mut writes = Vec::new();
        for step in steps {
            match &step.part.body {
                PartBody::Registration(_) | PartBody::ZoneRole(_) | PartBody::History(_) => {}
                PartBody::MeshProvider(provider) => writes.push((step.clone(), Sent::MeshProvider(provider.clone()))),
                PartBody::Manifest(manifest) => {
                    let object =
                        self.plan.seen.vault.fill(manifest).map_err(|error| self.fail(&step, problem::fill(&error)))?;
                    writes.push((step.clone(), Sent::Object(object)));
                }
            }
        }
        // Nothing can be put into a namespace that is not there yet.
        let (namespaces, others): (Vec<_>, Vec<_>) = writes.into_iter().partition(|(step, _)| step.is_namespace());
        self.send_side_by_side(namespaces).await?;
        self.send_side_by_side(others).await
    }

    async fn send_side_by_side(&mut self, writes: Vec<(Step, Sent)>) -> Result<(), Stop> {
        let (target, events, cancel) = (self.target, &self.events, &self.cancel);
        let results = join_all(writes.into_iter().map(|(step, sent)| async move {
            let started = Instant::now();
            (send(target, events, cancel, &step, sent).await, step, started)
        }))
        .await;
        let mut stop = None;
        for (result, step, started) in results {
            match result {
                Ok(action) => self.sent(step, action, started),
                Err(failed) => stop = Some(failed),
            }
        }
        stop.map_or(Ok(()), Err)
    }

    /// A part has been sent: it is done, or its effect is waited for in the background.
    fn sent(&mut self, step: Step, action: Action, started: Instant) {
        let action = self.written_early.remove(&step.part.id).unwrap_or(action);
        let Some((gate, budget)) = step.manifest().and_then(|manifest| budget::effect(manifest, step.part.wave)) else {
            self.ready(&step, action, None, started);
            return;
        };
        self.did(&step, action);
        if self.zone_role_is_handed_over && step.is("Certificate") {
            self.certificate_on_hold = Some((step, action));
            return;
        }
        let (cluster, events) = (self.target.cluster.clone(), self.events.clone());
        let (cancel, pause) = (self.cancel.clone(), self.pause.clone());
        self.waiting.entry(gate).or_default().spawn(async move {
            let part = step.part.id.clone();
            let Some(Ok(reference)) = step.manifest().map(|manifest| ObjectRef::of(&manifest.object)) else {
                return Pending { part, result: Ok(()) };
            };
            let on_reason = |reason: String| events.waiting(&step.part.id, &step.title, reason, started, budget);
            let waited = wait_ready(&cluster, &reference, budget, (&cancel, &pause), &on_reason).await;
            let result = match waited {
                Ok(()) => {
                    tell_ready(&events, &step, action, Some("ready".to_owned()), started);
                    Ok(())
                }
                Err(error) => match problem::wait(&step.title, "ready", &error) {
                    None => Err(Stop::Interrupted),
                    Some(problem) => Err(fail(&events, &step, problem)),
                },
            };
            Pending { part, result }
        });
    }

    /// Whether the certificate is there, where it rests on a role that somebody else has to give: it may have been given without our
    /// being able to see it. Anything else has been waited for.
    async fn has_its_certificate(&mut self) -> Result<bool, Stop> {
        let Some((step, action)) = self.certificate_on_hold.clone() else { return Ok(true) };
        let Some(Ok(reference)) = step.manifest().map(|manifest| ObjectRef::of(&manifest.object)) else {
            return Ok(true);
        };
        let (started, budget) = (Instant::now(), budget::ONE_LOOK);
        match self.target.cluster.wait_ready(&reference, budget, &self.cancel, &|_| ()).await {
            Ok(()) => {
                self.certificate_on_hold = None;
                tell_ready(&self.events, &step, action, Some("ready".to_owned()), started);
                Ok(true)
            }
            Err(WaitError::TimedOut { .. } | WaitError::Terminal { .. }) => {
                let reason =
                    "the role on the DNS zone that it needs is handed over; run again once it is given".to_owned();
                self.events.waiting(&step.part.id, &step.title, reason, started, budget);
                Ok(false)
            }
            Err(error) => Err(problem::wait(&step.title, "ready", &error)
                .map_or(Stop::Interrupted, |problem| self.fail(&step, problem))),
        }
    }

    /// Waits for every effect that `wave` needs.
    async fn wait_for_what_it_needs(&mut self, wave: Wave) -> Result<(), Stop> {
        let mut stop = None;
        for (_, pending) in self.waiting.iter_mut().filter(|(gate, _)| **gate <= wave) {
            while let Some(joined) = pending.join_next().await {
                match joined {
                    Ok(Pending { result: Ok(()), .. }) => {}
                    Ok(Pending { result: Err(failed), part }) => {
                        tracing::debug!(part = part.0, "did not become ready");
                        stop = Some(failed);
                    }
                    Err(error) => {
                        tracing::error!(%error, "a wait ended in an unexpected way");
                        stop = Some(Stop::Failed(ProblemKind::Failed));
                    }
                }
            }
        }
        stop.map_or(Ok(()), Err)
    }

    /// Deletes what is ours and no longer wanted, once what replaces it is proven.
    async fn remove_leftovers(&mut self) -> Result<(), Stop> {
        let leftovers: Vec<Step> =
            self.plan.steps.iter().filter(|step| step.action == Action::Delete).cloned().collect();
        let started = Instant::now();
        for step in &leftovers {
            self.between_steps().await?;
            delete(self.target, &self.events, step).await?;
        }
        for step in &leftovers {
            is_gone(self.target, &self.events, &self.cancel, step).await?;
            self.ready(step, Action::Delete, None, started);
        }
        Ok(())
    }
}

impl Step {
    fn is_namespace(&self) -> bool {
        self.is("Namespace")
    }

    fn is(&self, kind: &str) -> bool {
        self.manifest().is_some_and(|manifest| manifest.object.get("kind").is_some_and(|of| of == kind))
    }

    fn is_live(&self) -> bool {
        self.live_uid.is_some()
    }

    /// The object, for a step that is one.
    pub(super) fn manifest(&self) -> Option<&Manifest> {
        self.part.manifest()
    }
}

fn is_random_alone(manifest: &Manifest) -> bool {
    manifest.secrets.values().all(|value| matches!(value, SecretValue::Random { .. }))
}

fn in_wave(step: &Step, wave: Wave) -> bool {
    step.part.wave == wave && step.action != Action::Delete
}

/// What is sent to the cluster.
enum Sent {
    Object(serde_json::Value),
    MeshProvider(blueprint::MeshProvider),
}

impl Sent {
    /// Whether nothing in it is still to become known.
    fn is_known(&self) -> bool {
        match self {
            Self::Object(object) => !consistency::has_unknowns(object),
            Self::MeshProvider(_) => true,
        }
    }
}

async fn send(
    target: &Target,
    events: &Events,
    cancel: &CancellationToken,
    step: &Step,
    sent: Sent,
) -> Result<Action, Stop> {
    if step.action == Action::Keep {
        return Ok(Action::Keep);
    }
    events.tell(Event::Started { part: step.part.id.clone(), title: step.title.clone() });
    match sent {
        Sent::MeshProvider(provider) => {
            mesh::write(target, &provider).await.map_err(|problem| fail(events, step, problem))
        }
        Sent::Object(object) => {
            if step.action == Action::Replace {
                delete(target, events, step).await?;
                is_gone(target, events, cancel, step).await?;
            }
            let tried = format!("apply {} {}", step.title.kind, step.title.name);
            match fill_in::apply(&target.cluster, &object, Write::ForReal).await {
                Ok(_) => Ok(step.action),
                Err(error) => Err(fail(events, step, problem::cluster(&tried, &error))),
            }
        }
    }
}

async fn delete(target: &Target, events: &Events, step: &Step) -> Result<(), Stop> {
    let Some(reference) = step.manifest().and_then(|manifest| ObjectRef::of(&manifest.object).ok()) else {
        return Ok(());
    };
    let deleted = removal::delete(target, &doomed(step, &reference)).await;
    deleted.map_err(|refused| fail(events, step, refused.problem))
}

fn doomed<'a>(step: &'a Step, reference: &'a ObjectRef) -> Doomed<'a> {
    Doomed { part: &step.part.id, title: &step.title, reference, uid: step.live_uid.as_deref() }
}

/// Waits until a deleted object is really gone: its dependants go first, and what is applied meanwhile goes with it.
async fn is_gone(target: &Target, events: &Events, cancel: &CancellationToken, step: &Step) -> Result<(), Stop> {
    let Some(reference) = step.manifest().and_then(|manifest| ObjectRef::of(&manifest.object).ok()) else {
        return Ok(());
    };
    let waited = removal::is_gone(target, events, cancel, &doomed(step, &reference)).await;
    waited.map_err(|problem| problem.map_or(Stop::Interrupted, |problem| fail(events, step, problem)))
}

/// Waits for the effect of an object. Time for which the person had the run pause does not count: they may be seeing to just this.
async fn wait_ready(
    cluster: &Cluster,
    object: &ObjectRef,
    budget: Duration,
    (cancel, pause): (&CancellationToken, &Pause),
    on_reason: &(dyn Fn(String) + Send + Sync),
) -> Result<(), WaitError> {
    let mut left = budget;
    loop {
        let paused_before = pause.so_far();
        let waited = cluster.wait_ready(object, left, cancel, on_reason).await;
        let paused = pause.so_far().saturating_sub(paused_before);
        match waited {
            Err(WaitError::TimedOut { .. }) if !paused.is_zero() => left = paused,
            Err(WaitError::TimedOut { object, reason, .. }) => {
                return Err(WaitError::TimedOut { object, budget, reason });
            }
            waited => return waited,
        }
    }
}

fn fail(events: &Events, step: &Step, problem: Problem) -> Stop {
    let kind = problem.kind;
    events.tell(Event::Failed { part: step.part.id.clone(), title: step.title.clone(), problem });
    Stop::Failed(kind)
}

fn tell_ready(events: &Events, step: &Step, action: Action, proof: Option<String>, since: Instant) {
    events.tell(Event::Ready {
        part: step.part.id.clone(),
        title: step.title.clone(),
        action,
        proof,
        elapsed_ms: milliseconds(since.elapsed()),
    });
}
