//! The teardown carried out: stage by stage, told as events. What can't be removed is named, and the rest goes on, but for what
//! must not come before it.

use super::{
    Installation, Plan, Stage, objects,
    plan::{Step, Work},
    registration::{self, Done},
    routes,
    stage::goes_first,
};
use crate::{
    cluster::{ObjectRef, Write},
    engine::{
        Control, Pause, Target,
        event::{
            Action, Counts, Event, Events, HandOver, Outcome, Problem, ProblemKind, TeardownGroup, Title, milliseconds,
        },
        history::{self, Did},
        mesh, problem,
        registration::observed,
        removal::{self, Doomed},
    },
};
use futures::future::join_all;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// What became of a step.
enum Came {
    /// It is done.
    Done(Action, Option<String>),
    /// Somebody else has to do it.
    HandedOver(HandOver),
    /// It failed; what kind of problem it was is told already.
    Failed(Problem),
    /// The person stopped it.
    Interrupted,
}

struct Run<'a> {
    target: &'a Target,
    plan: &'a Plan,
    events: &'a Events,
    cancel: &'a CancellationToken,
    pause: Pause,
    /// What was done last.
    last: Option<Title>,
    done: Vec<Action>,
    /// What was done, to which kind of object.
    touched: Vec<(Action, String)>,
    /// The stages that something is left of.
    left: Vec<Stage>,
    failed: bool,
    handed_over: bool,
}

/// Why no further stage begins.
struct Stopped;

/// Carries out `plan`, which was shown and confirmed. Whatever happens is told as events; the last one is `Finished`. Between two
/// steps it pauses if `control` asks for it, and wherever it waits it can be stopped.
pub async fn apply(target: &Target, plan: &Plan, events: &Events, control: impl Into<Control>) -> Outcome {
    let Control { cancel, pause } = control.into();
    let cancel = &cancel;
    let started = Instant::now();
    let mut run = Run {
        target,
        plan,
        events,
        cancel,
        pause,
        last: None,
        done: plan.steps.iter().filter(|step| step.group == TeardownGroup::Kept).map(|step| step.action).collect(),
        touched: Vec::new(),
        left: Vec::new(),
        failed: false,
        handed_over: false,
    };
    let interrupted = run.stages().await.is_err() && cancel.is_cancelled();
    let counts = Counts::of(run.done.iter().copied());
    let outcome = if interrupted {
        Outcome::Interrupted
    } else if run.failed {
        Outcome::Failed
    } else if run.handed_over {
        Outcome::HandedOver
    } else if counts.changes() == 0 {
        Outcome::NothingToDo
    } else {
        Outcome::Done
    };
    let outcome = run.write_down(outcome).await;
    let counts = Counts::of(run.done.iter().copied());
    let elapsed_ms = milliseconds(started.elapsed());
    events.tell(Event::Finished { outcome, counts, address: None, elapsed_ms });
    outcome
}

impl Run<'_> {
    /// Writes down what was done, where something is left and the record with it: whoever comes next sees what is half done.
    async fn write_down(&mut self, outcome: Outcome) -> Outcome {
        if self.left.is_empty() && outcome != Outcome::Interrupted {
            return outcome;
        }
        let did = Did {
            command: "teardown",
            what: None,
            outcome,
            touched: std::mem::take(&mut self.touched),
            failed_at: self.events.failed_last(),
        };
        let Installation { application, namespace, .. } = &self.plan.installation;
        match history::write_down(self.target, self.events, (namespace, application), &did).await {
            Ok(written) => {
                self.done.extend(written);
                outcome
            }
            Err(()) => outcome.with_something_failed(),
        }
    }

    async fn stages(&mut self) -> Result<(), Stopped> {
        for stage in Stage::ALL {
            self.between_steps().await?;
            let steps: Vec<&Step> = self.plan.steps.iter().filter(|step| step.stage == stage).collect();
            self.tell_what_is_handed_over(&steps);
            let to_do: Vec<&Step> = steps.into_iter().filter(|step| !matches!(step.work, Work::Nothing)).collect();
            if !to_do.is_empty() && self.must_wait(stage) {
                self.left.push(stage);
                continue;
            }
            self.carry_out(stage, &to_do).await?;
            if stage == Stage::Routes {
                self.routes_are_gone().await?;
            }
        }
        Ok(())
    }

    /// Where a person can stop it, or have it wait: nothing is half done here.
    async fn between_steps(&self) -> Result<(), Stopped> {
        if self.cancel.is_cancelled() {
            return Err(Stopped);
        }
        if !self.pause.is_held() {
            return Ok(());
        }
        let before = self.pause.so_far();
        self.events.tell(Event::Paused { after: self.last.clone() });
        if self.cancel.run_until_cancelled(self.pause.until_it_may_go_on()).await.is_none() {
            return Err(Stopped);
        }
        let paused_ms = milliseconds(self.pause.so_far().saturating_sub(before));
        self.events.tell(Event::Resumed { paused_ms });
        Ok(())
    }

    fn tell_what_is_handed_over(&mut self, steps: &[&Step]) {
        for step in steps {
            if let Some(hand_over) = &step.hand_over {
                self.came(step, Came::HandedOver(hand_over.clone()), Instant::now());
            }
        }
    }

    /// Whether something is left that `stage` must not come before: a hook names the provider, and the record is how what is left
    /// is found again.
    fn must_wait(&self, stage: Stage) -> bool {
        match stage {
            Stage::Mesh => self.left.contains(&Stage::Locks),
            Stage::Record | Stage::Namespace => !self.left.is_empty(),
            _ => false,
        }
    }

    /// Law 1: nothing that guards the application goes before the routes are proven gone.
    async fn routes_are_gone(&mut self) -> Result<(), Stopped> {
        let to_do = self.plan.steps.iter().filter(|step| !matches!(step.work, Work::Nothing));
        if self.left.is_empty() {
            if !routes::must_be_seen_gone(to_do.map(|step| step.stage)) {
                return Ok(());
            }
            let Err(why) = routes::are_gone(self.target, &self.plan.roads, self.events, self.cancel).await else {
                return Ok(());
            };
            self.failed |= why.is_some();
        }
        self.left.push(Stage::Routes);
        Err(Stopped)
    }

    async fn carry_out(&mut self, stage: Stage, steps: &[&Step]) -> Result<(), Stopped> {
        match stage {
            Stage::Registration => {
                for step in steps {
                    let incomplete = self.left.contains(&Stage::Registration);
                    if incomplete && matches!(&step.work, Work::Registration(registration::Work::GiveBack { .. })) {
                        // The record of what was added must not go before it.
                        continue;
                    }
                    self.one(step).await?;
                }
            }
            Stage::Mesh | Stage::Namespace => {
                for step in steps {
                    self.one(step).await?;
                }
            }
            _ => {
                let (first, then): (Vec<&Step>, Vec<&Step>) =
                    steps.iter().copied().partition(|step| goes_first(&step.title.kind));
                self.between_steps().await?;
                let left_before = self.left.len();
                self.side_by_side(&first).await?;
                let is_somebody_elses =
                    |step: &Step| step.stage == stage && step.hand_over.is_some() && goes_first(&step.title.kind);
                if self.left.len() > left_before || self.plan.steps.iter().any(is_somebody_elses) {
                    // What stays still needs what is beside it: pods their guards, a Certificate its Secret.
                    return Ok(());
                }
                self.between_steps().await?;
                self.side_by_side(&then).await?;
            }
        }
        Ok(())
    }

    async fn side_by_side(&mut self, steps: &[&Step]) -> Result<(), Stopped> {
        let (target, events, cancel) = (self.target, self.events, self.cancel);
        let results = join_all(steps.iter().map(|step| async move {
            let started = Instant::now();
            (delete(target, events, cancel, step).await, *step, started)
        }))
        .await;
        let mut stopped = false;
        for (came, step, started) in results {
            stopped |= matches!(came, Came::Interrupted);
            self.came(step, came, started);
        }
        if stopped { Err(Stopped) } else { Ok(()) }
    }

    async fn one(&mut self, step: &Step) -> Result<(), Stopped> {
        self.between_steps().await?;
        let started = Instant::now();
        let came = match &step.work {
            Work::Nothing => return Ok(()),
            Work::Delete { .. } => delete(self.target, self.events, self.cancel, step).await,
            Work::Namespace { reference, .. } => match self.is_still_empty(reference).await {
                None => delete(self.target, self.events, self.cancel, step).await,
                Some(problem) => Came::Failed(problem),
            },
            Work::GiveBackNamespace { bare } => {
                self.begin(step);
                match self.target.cluster.apply(bare, Write::ForReal).await {
                    Ok(_) => Came::Done(Action::Update, None),
                    Err(error) => Came::Failed(problem::cluster("give our fields of the namespace back", &error)),
                }
            }
            Work::Mesh { config_map, key, provider } => {
                self.begin(step);
                match mesh::remove(self.target, config_map, key, provider).await {
                    Ok(_) => Came::Done(Action::Update, None),
                    Err(problem) => Came::Failed(problem),
                }
            }
            Work::Registration(work) => {
                self.begin(step);
                let telling = (self.events, self.cancel);
                let session = observed(&self.target.session, telling, (&step.part, &step.title), started);
                match registration::carry_out(&session, work).await {
                    Ok(Done::Done(proof)) => Came::Done(step.action, proof),
                    Ok(Done::HandedOver(hand_over)) => Came::HandedOver(hand_over),
                    Err(error) if error.is_cancelled() => Came::Interrupted,
                    Err(error) => {
                        Came::Failed(problem::entra(&format!("{} {}", step.title.kind, step.title.name), &error))
                    }
                }
            }
        };
        let stopped = matches!(came, Came::Interrupted);
        self.came(step, came, started);
        if stopped { Err(Stopped) } else { Ok(()) }
    }

    fn begin(&self, step: &Step) {
        self.events.tell(Event::Started { part: step.part.clone(), title: step.title.clone() });
    }

    /// Why the namespace can't go: somebody has put something into it since it was looked at.
    async fn is_still_empty(&self, reference: &ObjectRef) -> Option<Problem> {
        let tried = format!("see that nothing of others is in {reference}");
        let contents = match self.target.cluster.contents(&reference.name).await {
            Ok(contents) => contents,
            Err(error) => return Some(problem::cluster(&tried, &error)),
        };
        let mut there = objects::of_others(&self.plan.installation, &contents.objects);
        there.extend(contents.unseen);
        (!there.is_empty()).then(|| Problem {
            tried,
            cause: format!("since the plan was made there is {}", there.join(", ")),
            remedy: "run again, and look at the new plan; the namespace is left as it is".to_owned(),
            kind: ProblemKind::Failed,
        })
    }

    /// Notes and tells what became of a step.
    fn came(&mut self, step: &Step, came: Came, started: Instant) {
        let (part, title) = (step.part.clone(), step.title.clone());
        match came {
            Came::Done(action, proof) => {
                self.done.push(action);
                self.touched.push((action, title.kind.clone()));
                self.last = Some(title.clone());
                let elapsed_ms = milliseconds(started.elapsed());
                self.events.tell(Event::Ready { part, title, action, proof, elapsed_ms });
            }
            Came::HandedOver(hand_over) => {
                self.handed_over = true;
                self.left.push(step.stage);
                self.touched.push((Action::HandOver, title.kind.clone()));
                self.events.tell(Event::HandOver { part, title, hand_over });
            }
            Came::Failed(problem) => {
                self.failed = true;
                self.left.push(step.stage);
                self.events.tell(Event::Failed { part, title, problem });
            }
            Came::Interrupted => self.left.push(step.stage),
        }
    }
}

/// Deletes an object, and waits until it is really gone.
async fn delete(target: &Target, events: &Events, cancel: &CancellationToken, step: &Step) -> Came {
    let (Work::Delete { reference, uid, is_leaving } | Work::Namespace { reference, uid, is_leaving }) = &step.work
    else {
        return Came::Done(step.action, None);
    };
    events.tell(Event::Started { part: step.part.clone(), title: step.title.clone() });
    let doomed = Doomed { part: &step.part, title: &step.title, reference, uid: uid.as_deref() };
    if !is_leaving && let Err(refused) = removal::delete(target, &doomed).await {
        return match refused.lacking {
            Some(right) => Came::HandedOver(HandOver {
                reason: format!("The cluster does not let us delete it: {right}."),
                who: right.who_can_grant(),
                link: None,
                text: None,
                command: Some(super::plan::delete_command(reference)),
            }),
            None => Came::Failed(refused.problem),
        };
    }
    match removal::is_gone(target, events, cancel, &doomed).await {
        Ok(()) => Came::Done(Action::Delete, None),
        Err(None) => Came::Interrupted,
        Err(Some(problem)) => Came::Failed(problem),
    }
}
