//! Writing down what a run did, at its end.

use super::{
    entry::{Entry, HISTORY_KEY, History, SET_ASIDE_KEY, set_aside},
    trace::{self, Trace},
};
use crate::{
    answers::Answers,
    blueprint::{HistoryNote, Part, PartBody, PartId, Wave, record_name},
    cluster::{Cluster, Error, FieldOwner, ObjectRef, Write},
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
    collections::{BTreeMap, BTreeSet},
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

    fn has_handed_over(&self) -> bool {
        self.touched.iter().any(|(action, _)| *action == Action::HandOver)
    }

    /// Whether it only left to somebody else what the newest entry says of already: a run that is repeated meanwhile writes nothing.
    fn is_told_by(&self, newest: Option<&Entry>) -> bool {
        let handed_over =
            |objects: &BTreeMap<String, BTreeMap<String, u64>>| objects.get(Action::HandOver.done()).cloned();
        !self.has_changed_something()
            && newest.is_some_and(|newest| {
                newest.did == self.command && handed_over(&newest.objects) == handed_over(&counted(&self.touched))
            })
    }
}

/// What became of writing it down.
enum Written {
    /// Nothing had to be, or could be: the record is gone, or says it already.
    Nothing,
    /// It is there. What somebody else had written is kept aside, where they had.
    There { set_aside: Option<String> },
}

fn changes(action: Action) -> bool {
    matches!(action, Action::Create | Action::Update | Action::Replace | Action::Delete)
}

/// The line of a plan that tells that the run will be written down; `None` when there is nothing to do that would be.
/// What `traces` say of earlier runs is told with it.
pub(in crate::engine) fn step(answers: &Answers, steps: &[Step], traces: impl Iterator<Item = Trace>) -> Option<Step> {
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
        warnings: trace::warnings(traces),
        problem: None,
        live_uid: None,
    })
}

fn part_id(note: &HistoryNote) -> PartId {
    PartId(format!("cluster/history/{}/{}", note.namespace, note.config_map))
}

/// Writes down what a run `did` to `application` in `namespace`, and tells so. A run that changed nothing and handed nothing over is
/// not written down, nor is one whose record is gone, or was never made. Gives back what was done to the record: [`Action::Update`], or nothing.
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
    if !did.has_changed_something() && !did.has_handed_over() {
        return Ok(None);
    }
    let started = Instant::now();
    let note = HistoryNote { namespace: namespace.to_owned(), config_map: record_name(application) };
    let (part, title) = (part_id(&note), title::of_history(&note));
    let written = tokio::time::timeout(BUDGET, write(target, &note, did));
    let problem = match written.await {
        Ok(Ok(Written::Nothing)) => return Ok(None),
        Ok(Ok(Written::There { set_aside })) => {
            let elapsed_ms = milliseconds(started.elapsed());
            events.tell(Event::Ready { part, title, action: Action::Update, proof: set_aside, elapsed_ms });
            return Ok(Some(Action::Update));
        }
        Ok(Err(error)) => problem::cluster(&tried(&note), &error),
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

/// Adds the entry, as long as the record is there.
async fn write(target: &Target, note: &HistoryNote, did: &Did) -> Result<Written, Error> {
    let reference = ObjectRef::namespaced("v1", "ConfigMap", &note.namespace, &note.config_map);
    let mut entry = None;
    let mut looks = LOOKS;
    loop {
        let live = target.cluster.get(&reference).await?;
        let Some(live) = live.filter(is_a_record_that_stays) else { return Ok(Written::Nothing) };
        if did.is_told_by(History::of(&live).entries.first()) {
            return Ok(Written::Nothing);
        }
        let entry = match &mut entry {
            Some(entry) => entry,
            // Asked only once it is known that there is something to write it into.
            nothing_yet => nothing_yet.insert(of(target, did).await),
        };
        looks -= 1;
        match put(&target.cluster, note, &live, entry).await {
            Err(Error::Stale { .. }) if looks > 0 => {}
            put => return put.map(|set_aside| Written::There { set_aside }),
        }
    }
}

/// Puts the entry into the record as it is in `live`. A history that somebody else has written is set aside, which is said, and
/// begun anew.
async fn put(cluster: &Cluster, note: &HistoryNote, live: &Value, entry: &Entry) -> Result<Option<String>, Error> {
    let history = History::of(live);
    let earlier = text_at(live, SET_ASIDE_KEY);
    let with = |aside: Option<String>| {
        let mut data = json!({HISTORY_KEY: history.clone().with(entry.clone())});
        // What is not named again would be taken away.
        if let Some(aside) = aside {
            data[SET_ASIDE_KEY] = aside.into();
        }
        let metadata = json!({"name": note.config_map, "namespace": note.namespace});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    };
    let why = if history.unreadable.is_some() {
        "it can't be read".to_owned()
    } else {
        let object = with(earlier.map(str::to_owned));
        match cluster.apply_if_unchanged(live, &object, HISTORY_MANAGER, Write::ForReal).await {
            Err(Error::Conflict { owners, .. }) => format!("written by {}", named(&owners)),
            applied => return applied.map(|_| None),
        }
    };
    let spoilt = text_at(live, HISTORY_KEY).unwrap_or_default();
    let object = with(Some(set_aside(spoilt, earlier)));
    cluster.take_over_if_unchanged(live, &object, HISTORY_MANAGER).await?;
    Ok(Some(format!("what stood in {HISTORY_KEY} ({why}) is kept under {SET_ASIDE_KEY}")))
}

fn named(owners: &[FieldOwner]) -> String {
    let names: BTreeSet<&str> = owners.iter().map(|owner| owner.manager.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn text_at<'a>(record: &'a Value, key: &str) -> Option<&'a str> {
    record.get("data")?.get(key)?.as_str()
}

/// What is written into an object that is being deleted goes with it.
pub(super) fn is_a_record_that_stays(live: &Value) -> bool {
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
