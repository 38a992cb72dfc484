//! What happens, told as it happens: one stream that every face renders.

mod tried;

pub use tried::{Check, Finding, Usage, Verdict};

use super::{GoodUntil, history::Entry, installations::Installation, rotate::What};
use crate::blueprint::{PartId, Wave};
use serde::Serialize;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The version of the event format. A reader may rely on the events and fields of a version; new ones may be added to it.
pub const FORMAT_VERSION: u32 = 1;

/// An event with what every event has.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// [`FORMAT_VERSION`].
    pub version: u32,
    /// Counts from 1 within a run.
    pub sequence: u64,
    /// When it happened.
    pub time: jiff::Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// Something is being read; nothing has been changed.
    Looking {
        /// At what, such as `the cluster`.
        at: String,
    },
    /// The world we work on.
    Connected {
        /// The tenant's GUID.
        tenant: String,
        /// The tenant's name for people.
        tenant_domain: String,
        /// Who is signed in.
        caller: String,
        /// How the sign-in was done.
        sign_in_method: String,
        /// The kubeconfig context.
        context: String,
        /// The API server.
        server: String,
        /// Whether this is the practice ground.
        practice: bool,
    },
    /// Somebody is signed in, while questions are still asked; [`Self::Connected`] follows when they are answered.
    SignedIn {
        /// The tenant's GUID.
        tenant: String,
        /// The tenant's name for people.
        tenant_domain: String,
        /// Who is signed in.
        caller: String,
        /// How the sign-in was done.
        sign_in_method: String,
    },
    /// A person has to open a page and type a code; [`Self::DeviceCodeOver`] follows.
    DeviceCode {
        /// The page.
        url: String,
        /// The code. It is worthless without the person's own sign-in, and is meant to be read.
        code: String,
        /// How long it is good for.
        expires: jiff::Timestamp,
    },
    /// A code is to be typed no longer: it was, or its sign-in has ended some other way.
    DeviceCodeOver {
        /// The code.
        code: String,
    },
    /// What would be done.
    Planned {
        /// Every part, in order.
        steps: Vec<StepSummary>,
        /// How many of each action.
        counts: Counts,
    },
    /// What would be taken away, and what stays.
    TeardownPlanned {
        /// The application.
        application: String,
        /// Its namespace.
        namespace: String,
        /// When what it runs on would come to its end.
        #[serde(flatten)]
        good_until: GoodUntil,
        /// Every part, in the order in which it would go; what stays and what is gone come last.
        steps: Vec<TeardownStep>,
        /// How many of each action.
        counts: Counts,
    },
    /// What a rotation would go through.
    RotationPlanned {
        /// The application.
        application: String,
        /// Its namespace.
        namespace: String,
        /// What is rotated.
        what: What,
        /// When what is in use expires, RFC 3339; nothing where it does not.
        expires: Option<String>,
        /// Whether it was begun by a run that did not end it.
        goes_on: bool,
        /// What people notice of it, in one sentence.
        notice: String,
        /// The states that are still to come, in order.
        steps: Vec<RotationStep>,
    },
    /// What was done is taken back; what was in use before is put back.
    Undoing {
        /// Why, in one sentence.
        reason: String,
    },
    /// Work on a part has begun.
    Started {
        /// The part.
        part: PartId,
        /// Its name for people.
        title: Title,
    },
    /// A part is waiting for its effect.
    Waiting {
        /// The part.
        part: PartId,
        /// Its name for people.
        title: Title,
        /// For what, in the words of what was seen last.
        reason: String,
        /// How long it has been waiting, in milliseconds.
        elapsed_ms: u64,
        /// How long it may wait, in milliseconds.
        budget_ms: u64,
    },
    /// A part is there and has its effect.
    Ready {
        /// The part.
        part: PartId,
        /// Its name for people.
        title: Title,
        /// What was done to get there.
        action: Action,
        /// What was proven, where more than its existence was.
        proof: Option<String>,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
    /// Something was seen to be so, where it counts: in the configuration that proxies run with.
    Proven {
        /// What, for machines.
        part: PartId,
        /// What, for people.
        title: Title,
        /// What was seen.
        proof: String,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
    /// A part could not be made.
    Failed {
        /// The part.
        part: PartId,
        /// Its name for people.
        title: Title,
        /// What was tried, what came back and what to do.
        problem: Problem,
    },
    /// Somebody else has to do something; everything else goes on.
    HandOver {
        /// The part.
        part: PartId,
        /// Its name for people.
        title: Title,
        /// What to send to whom.
        hand_over: HandOver,
    },
    /// The person had it pause: nothing more is begun until it goes on. What has been written is still waited for.
    Paused {
        /// What was done last; nothing where nothing was done yet.
        after: Option<Title>,
    },
    /// It goes on after a pause.
    Resumed {
        /// How long it paused, in milliseconds.
        paused_ms: u64,
    },
    /// The application is being tried, as a stranger would.
    Trying {
        /// What a person would open.
        address: String,
    },
    /// What trying it found.
    Tried {
        /// What was found.
        #[serde(flatten)]
        finding: Finding,
    },
    /// How a program gets in.
    Usage {
        /// The commands.
        #[serde(flatten)]
        usage: Usage,
    },
    /// When what the application runs on comes to its end.
    GoodUntil {
        /// What is known of it.
        #[serde(flatten)]
        good_until: GoodUntil,
    },
    /// An installation that was found.
    Installed {
        /// The installation.
        #[serde(flatten)]
        installation: Box<Installation>,
    },
    /// Something that was done to an installation, as it is written down.
    History {
        /// The application.
        application: String,
        /// Its namespace.
        namespace: String,
        /// What was done.
        #[serde(flatten)]
        entry: Box<Entry>,
    },
    /// A file was written.
    Written {
        /// Its path.
        path: String,
    },
    /// It is over.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// What was done.
        counts: Counts,
        /// The address to try.
        address: Option<String>,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
}

/// A part's name for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Title {
    /// Such as `AuthorizationPolicy`.
    pub kind: String,
    /// Such as `myapp/myapp-sign-in`.
    pub name: String,
}

/// One line of a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepSummary {
    /// The part.
    pub part: PartId,
    /// Its name for people.
    pub title: Title,
    /// When it is made.
    pub wave: Wave,
    /// What would be done.
    pub action: Action,
    /// Why it is there.
    pub why: String,
    /// What would change, as a unified diff without secret values; empty when nothing would.
    pub diff: String,
    /// What a person should know before it is done, one sentence each; mostly nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// One line of what would be taken away.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TeardownStep {
    /// Which group it belongs to.
    pub group: TeardownGroup,
    /// The line itself; its diff is what would change, or what others have changed since.
    #[serde(flatten)]
    pub step: StepSummary,
    /// What somebody else has to do, where it is known beforehand that we may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<HandOver>,
}

/// A state that a rotation goes through.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationStep {
    /// The part that its events are about.
    pub part: PartId,
    /// Its name for people.
    pub title: Title,
    /// What would be done; what is only looked at is kept.
    pub action: Action,
    /// Why, in one sentence.
    pub why: String,
}

/// What becomes of a part when an installation is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TeardownGroup {
    /// It goes, as we made it.
    Removed,
    /// It goes, though others have changed it since.
    ChangedByOthers,
    /// It stays.
    Kept,
    /// It has gone already.
    Gone,
}

/// What is done, or would be, to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It is there and differs.
    Update,
    /// It is there and can only be changed by making it anew.
    Replace,
    /// It is as it should be.
    Keep,
    /// It is ours and no longer part of the installation.
    Delete,
    /// It is left to somebody else.
    HandOver,
    /// It can't be done: see the problem.
    Blocked,
}

impl Action {
    /// What is to be done, in a word.
    pub fn to_do(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Delete => "delete",
            Self::HandOver => "hand over",
            Self::Blocked => "blocked",
        }
    }

    /// What has been done, in a word.
    pub fn done(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Update => "updated",
            Self::Replace => "replaced",
            Self::Delete => "deleted",
            Self::HandOver => "handed over",
            Self::Keep | Self::Blocked => "kept",
        }
    }
}

/// How many of each action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// See [`Action::Create`].
    pub create: usize,
    /// See [`Action::Update`].
    pub update: usize,
    /// See [`Action::Replace`].
    pub replace: usize,
    /// See [`Action::Keep`].
    pub keep: usize,
    /// See [`Action::Delete`].
    pub delete: usize,
    /// See [`Action::HandOver`].
    pub hand_over: usize,
    /// See [`Action::Blocked`].
    pub blocked: usize,
}

impl Counts {
    /// Counts `actions`.
    pub fn of(actions: impl IntoIterator<Item = Action>) -> Self {
        let mut counts = Self::default();
        for action in actions {
            *match action {
                Action::Create => &mut counts.create,
                Action::Update => &mut counts.update,
                Action::Replace => &mut counts.replace,
                Action::Keep => &mut counts.keep,
                Action::Delete => &mut counts.delete,
                Action::HandOver => &mut counts.hand_over,
                Action::Blocked => &mut counts.blocked,
            } += 1;
        }
        counts
    }

    /// How many of each action there are at all, in the order in which they are told.
    pub fn by_action(&self) -> impl Iterator<Item = (usize, Action)> {
        let counted = [
            (self.create, Action::Create),
            (self.update, Action::Update),
            (self.replace, Action::Replace),
            (self.delete, Action::Delete),
            (self.hand_over, Action::HandOver),
            (self.keep, Action::Keep),
            (self.blocked, Action::Blocked),
        ];
        counted.into_iter().filter(|(count, _)| *count > 0)
    }

    /// The same in words, such as `3 create`.
    pub fn in_words(&self) -> Vec<String> {
        self.by_action().map(|(count, action)| format!("{count} {}", action.to_do())).collect()
    }

    /// How many change something.
    pub fn changes(&self) -> usize {
        self.create + self.update + self.replace + self.delete
    }
}

/// What went wrong: what was tried, what came back, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What was tried.
    pub tried: String,
    /// What came back.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// What kind of problem it is; decides the exit code.
    pub kind: ProblemKind,
}

/// What kind of problem; each has its exit code in design.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ProblemKind {
    /// Something was tried and failed.
    Failed,
    /// A right is missing.
    NotPermitted,
    /// The answers can't be used with what is there.
    UnusableAnswers,
    /// The person stopped it.
    Interrupted,
}

/// What somebody else has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandOver {
    /// Why we can't: the right that is missing.
    pub reason: String,
    /// Who can.
    pub who: String,
    /// A page to open, where there is one.
    pub link: Option<String>,
    /// A command to run, where there is one.
    pub command: Option<String>,
    /// A whole text to send, where there is one; the link is in it.
    pub text: Option<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Everything is there and works.
    Done,
    /// Everything was there already.
    NothingToDo,
    /// Done but for what somebody else must do.
    HandedOver,
    /// Something failed.
    Failed,
    /// A right was missing.
    NotPermitted,
    /// The person stopped it; a re-run continues.
    Interrupted,
}

impl Outcome {
    /// Its word for machines, as in events.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NothingToDo => "nothingToDo",
            Self::HandedOver => "handedOver",
            Self::Failed => "failed",
            Self::NotPermitted => "notPermitted",
            Self::Interrupted => "interrupted",
        }
    }

    /// The same, where something failed besides.
    #[must_use]
    pub const fn with_something_failed(self) -> Self {
        match self {
            Self::Done | Self::NothingToDo | Self::HandedOver => Self::Failed,
            worse => worse,
        }
    }
}

/// Somebody who hears every event, in order. Hearing must not wait for anything slow.
pub trait Listener: Send {
    /// Takes in one event.
    fn hear(&mut self, envelope: &Envelope);
}

/// Where events go. Cheap to clone; clones share one sequence.
#[derive(Clone)]
pub struct Events(Arc<Mutex<Telling>>);

struct Telling {
    listener: Box<dyn Listener>,
    sequence: u64,
    failed_last: Option<Title>,
}

impl Events {
    /// Tells everything to `listener`.
    pub fn to(listener: impl Listener + 'static) -> Self {
        Self(Arc::new(Mutex::new(Telling { listener: Box::new(listener), sequence: 0, failed_last: None })))
    }

    /// Tells of `event`.
    pub fn tell(&self, event: Event) {
        // A listener that panicked has lost an event of its own; the next ones are still told.
        let mut telling = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        telling.sequence += 1;
        match &event {
            Event::Failed { title, .. } => telling.failed_last = Some(title.clone()),
            // A run that is begun anew, or is over, has failed at nothing yet.
            Event::Planned { .. }
            | Event::TeardownPlanned { .. }
            | Event::RotationPlanned { .. }
            | Event::Finished { .. } => {
                telling.failed_last = None;
            }
            _ => {}
        }
        let envelope =
            Envelope { version: FORMAT_VERSION, sequence: telling.sequence, time: jiff::Timestamp::now(), event };
        telling.listener.hear(&envelope);
    }

    /// What failed last in this run, as far as it was told.
    pub(super) fn failed_last(&self) -> Option<Title> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failed_last.clone()
    }

    /// Tells that `part` waits for `reason`.
    pub fn waiting(&self, part: &PartId, title: &Title, reason: String, since: Instant, budget: Duration) {
        self.tell(Event::Waiting {
            part: part.clone(),
            title: title.clone(),
            reason,
            elapsed_ms: milliseconds(since.elapsed()),
            budget_ms: milliseconds(budget),
        });
    }
}

/// A duration for an event.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
