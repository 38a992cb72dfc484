//! Writing down what a run did, at its end.

use super::entry::{Entry, HISTORY_KEY, History};
use crate::{
    answers::Answers,
    blueprint::{HistoryNote, Part, PartBody, PartId, Wave, record_name},
    cluster::{Error, ObjectRef, Write},
    engine::{
        Target,
        event::{Action, Event, Events, Outcome, Problem, ProblemKind, Title, milliseconds},
        plan::Step,
        problem, title,
    },
    entra::CallerKind,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The name under which the history's field is owned: another than that of what is planned, so that applying the answers anew
/// does not take it away.
pub(in crate::engine) const HISTORY_MANAGER: &str = "gatewright-history";

/// How long a run's end may be held up by writing down what it was. A person who stopped it waits for this too.
const BUDGET: Duration = Duration::from_secs(10);
/// How often the record may change between a look and the write that rests on it: by others who run at the same time.
const LOOKS: u8 = 8;

/// What a run did, at its end.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Did {
    /// What was run, by its command: `setup`, `rotate`, `teardown`.
    pub(in crate::engine) command: &'static str,
    /// With what, such as `client-secret` of a rotation.
    pub(in crate::engine) what: Option<String>,
    /// How it ended.
    pub(in crate::engine) outcome: Outcome,
    /// What was done to which kind of object. What was only kept is left out.
    pub(in crate::engine) touched: Vec<(Action, String)>,
    /// What it failed at.
    pub(in crate::engine) failed_at: Option<Title>,
}

impl Did {
    fn has_changed_something(&self) -> bool {
        self.touched.iter().any(|(action, _)| changes(*action))
    }
}

fn changes(action: Action) -> bool {
    matches!(action, Action::Create | Action::Update | Action::Replace | Action::Delete)
}

/// The line of a plan that tells that the run will be written down; `None` when there is nothing to do that would be.
pub(in crate::engine) fn step(answers: &Answers, steps: &[Step]) -> Option<Step> {
    if !steps.iter().any(|step| changes(step.action)) {
        return None;
    }
    let application = &answers.application;
    let note = HistoryNote {
        namespace: application.namespace.to_string(),
        config_map: record_name(application.name.as_str()),
    };
    let part = Part {
        id: part_id(&note),
        wave: Wave::History,
        why: "Writes down beside the recorded answers what this run did, when and by whom, for whoever comes next."
            .to_owned(),
        body: PartBody::History(note),
        reasons: Vec::new(),
    };
    Some(Step {
        title: title::of(&part),
        part,
        action: Action::Update,
        diff: format!("# one entry is added under {HISTORY_KEY}; no secret is in it\n"),
        warnings: Vec::new(),
        problem: None,
        live_uid: None,
    })
}

fn part_id(note: &HistoryNote) -> PartId {
    PartId(format!("cluster/history/{}/{}", note.namespace, note.config_map))
}

/// Writes down what a run `did` to `application` in `namespace`, and tells so. A run that changed nothing is not written down, nor
/// is one whose record is gone, or was never made. Gives back what was done to the record: [`Action::Update`], or nothing.
///
/// # Errors
///
/// It could not be written down, which was told.
pub(in crate::engine) async fn write_down(
    target: &Target,
    events: &Events,
    (namespace, application): (&str, &str),
    did: &Did,
) -> Result<Option<Action>, ()> {
    if !did.has_changed_something() {
        return Ok(None);
    }
    let started = Instant::now();
    let note = HistoryNote { namespace: namespace.to_owned(), config_map: record_name(application) };
    let (part, title) = (part_id(&note), title::of_history(&note));
    let written = tokio::time::timeout(BUDGET, write(target, &note, did));
    let problem = match written.await {
        Ok(Ok(false)) => return Ok(None),
        Ok(Ok(true)) => {
            let elapsed_ms = milliseconds(started.elapsed());
            events.tell(Event::Ready { part, title, action: Action::Update, proof: None, elapsed_ms });
            return Ok(Some(Action::Update));
        }
        Ok(Err(error)) => {
            let mut problem = problem::cluster(&tried(&note), &error);
            if let Error::Conflict { .. } = error {
                problem.remedy = format!(
                    "take the key {HISTORY_KEY} out of ConfigMap {namespace}/{}; everything else that the run did holds",
                    note.config_map
                );
            }
            problem
        }
        Err(_elapsed) => Problem {
            tried: tried(&note),
            cause: format!("the cluster had not answered after {} seconds", BUDGET.as_secs()),
            remedy: "see that the cluster answers; everything else that the run did holds".to_owned(),
            kind: ProblemKind::Failed,
        },
    };
    events.tell(Event::Failed { part, title, problem });
    Err(())
}

fn tried(note: &HistoryNote) -> String {
    format!("write down in ConfigMap {}/{} what was done", note.namespace, note.config_map)
}

/// Adds the entry, as long as the record is there; whether it is.
async fn write(target: &Target, note: &HistoryNote, did: &Did) -> Result<bool, Error> {
    let reference = ObjectRef::namespaced("v1", "ConfigMap", &note.namespace, &note.config_map);
    let mut entry = None;
    let mut looks = LOOKS;
    loop {
        let live = target.cluster.get(&reference).await?;
        let Some(live) = live.filter(is_a_record_that_stays) else { return Ok(false) };
        let entry = match &mut entry {
            Some(entry) => entry,
            // Asked only once it is known that there is something to write it into.
            nothing_yet => nothing_yet.insert(of(target, did).await),
        };
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": note.config_map, "namespace": note.namespace},
            "data": {HISTORY_KEY: History::of(&live).with(entry.clone())},
        });
        looks -= 1;
        match target.cluster.apply_if_unchanged(&live, &object, HISTORY_MANAGER, Write::ForReal).await {
            Err(Error::Stale { .. }) if looks > 0 => {}
            written => return written.map(|_| true),
        }
    }
}

/// What is written into an object that is being deleted goes with it.
fn is_a_record_that_stays(live: &Value) -> bool {
    live.pointer("/metadata/deletionTimestamp").is_none()
        && live.pointer("/metadata/labels/app.kubernetes.io~1component").and_then(Value::as_str) == Some("record")
}

async fn of(target: &Target, did: &Did) -> Entry {
    let caller = target.session.caller();
    let kubernetes = target.cluster.who_we_are().await.unwrap_or_else(|error| {
        // Older servers do not tell, and some are not allowed to.
        tracing::info!(%error, "the cluster does not say who we are");
        None
    });
    Entry {
        at: jiff::Timestamp::now(),
        did: did.command.to_owned(),
        what: did.what.clone(),
        outcome: did.outcome.code().to_owned(),
        failed_at: did.failed_at.as_ref().map(|title| format!("{} {}", title.kind, title.name)),
        entra: Some(match caller.kind {
            CallerKind::Person => caller.name.clone(),
            CallerKind::ServicePrincipal => format!("application {}", caller.name),
        }),
        kubernetes,
        objects: counted(&did.touched),
        gatewright: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn counted(touched: &[(Action, String)]) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut counted: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for (action, kind) in touched.iter().filter(|(action, _)| changes(*action) || *action == Action::HandOver) {
        let done = action.done().to_owned();
        *counted.entry(done).or_default().entry(kind.clone()).or_default() += 1;
    }
    counted
}
