//! Pure: what earlier runs left in live objects, and what is to be said of it before another one begins.

use super::{
    entry::{HISTORY_KEY, History, SET_ASIDE_KEY},
    note::{HISTORY_MANAGER, is_a_record_that_stays},
};
use crate::blueprint::FIELD_MANAGER;
use jiff::Timestamp;
use serde_json::Value;

/// What earlier runs left in a live object. Times are the API server's own, so that clocks of several machines do not matter.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Trace {
    /// When fields of it were last written by us.
    written: Option<Timestamp>,
    /// What is to be known of the history in it, where it is the record.
    record: Option<Record>,
}

#[derive(Clone, Debug)]
struct Record {
    /// When a run wrote down how it ended last.
    said: Option<Timestamp>,
    /// Who has written the history beside us since, or why it can't be read.
    spoilt: Option<String>,
}

impl Trace {
    pub(in crate::engine) fn of(live: &Value) -> Self {
        let record = is_a_record_that_stays(live).then(|| Record {
            said: last_written(live, |manager| manager == HISTORY_MANAGER),
            spoilt: History::of(live).unreadable.map(|_| "it can't be read".to_owned()).or_else(|| edited_by(live)),
        });
        Self { written: last_written(live, |manager| manager == FIELD_MANAGER), record }
    }
}

/// What a person should know of earlier runs before another one changes something.
pub(super) fn warnings(traces: impl Iterator<Item = Trace>) -> Vec<String> {
    let (mut written, mut record) = (None, None);
    for trace in traces {
        written = written.max(trace.written);
        record = record.or(trace.record);
    }
    let Some(Record { said, spoilt }) = record else { return Vec::new() };
    let unfinished = written.filter(|written| said.is_none_or(|said| said < *written)).map(|written| {
        format!("A run that wrote at {written} did not say how it ended: it was stopped by force, or is still at work.")
    });
    let spoilt = spoilt.map(|why| {
        format!("The history is not as it was written ({why}): what stands there is set aside under {SET_ASIDE_KEY}.")
    });
    unfinished.into_iter().chain(spoilt).collect()
}

/// Whoever else owns the history's field.
fn edited_by(record: &Value) -> Option<String> {
    let key = format!("f:{HISTORY_KEY}");
    let other = managers(record).find(|entry| {
        manager_of(entry) != HISTORY_MANAGER
            && entry.pointer("/fieldsV1/f:data").is_some_and(|data| data.get(&key).is_some())
    })?;
    Some(format!("written by {}", manager_of(other)))
}

fn last_written(object: &Value, is_ours: impl Fn(&str) -> bool) -> Option<Timestamp> {
    managers(object)
        .filter(|entry| is_ours(manager_of(entry)))
        .filter_map(|entry| entry.get("time").and_then(Value::as_str)?.parse().ok())
        .max()
}

fn managers(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
}

fn manager_of(entry: &Value) -> &str {
    entry.get("manager").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Trace, warnings};
    use serde_json::{Value, json};

    fn object(managers: &[(&str, &str)]) -> Value {
        let managers: Vec<Value> =
            managers.iter().map(|(manager, time)| json!({"manager": manager, "time": time})).collect();
        json!({"metadata": {"managedFields": managers}})
    }

    fn record(managers: &[(&str, &str)]) -> Value {
        let mut record = object(managers);
        record["metadata"]["labels"] = json!({"app.kubernetes.io/component": "record"});
        record["data"] = json!({"history.yaml": "[]\n"});
        record
    }

    fn said(objects: &[Value]) -> Vec<String> {
        warnings(objects.iter().map(Trace::of))
    }

    #[test]
    fn given_a_run_that_wrote_after_the_last_word_then_it_is_said_when_and_one_that_ended_well_is_not() {
        let ended = ("gatewright-history", "2026-11-26T10:00:05Z");
        let before = [("gatewright", "2026-11-26T10:00:05Z"), ("kubectl-rollout", "2026-11-26T12:00:00Z")];
        assert!(said(&[record(&[ended]), object(&before)]).is_empty());
        let since = [("gatewright", "2026-11-26T11:00:00Z")];
        let warned = said(&[object(&before), record(&[ended]), object(&since)]);
        assert!(warned.len() == 1 && warned[0].contains("wrote at 2026-11-26T11:00:00Z"), "{warned:?}");
        let never = said(&[record(&[("gatewright", "2026-11-26T09:00:00Z")])]);
        assert!(never.len() == 1 && never[0].contains("2026-11-26T09:00:00Z"), "{never:?}");
        assert!(said(&[object(&since)]).is_empty(), "without a record there is nothing that should say it");
    }

    #[test]
    fn given_a_history_that_somebody_wrote_then_it_is_said_that_it_is_set_aside() {
        let mut edited = record(&[("gatewright-history", "2026-11-26T10:00:05Z")]);
        edited["metadata"]["managedFields"].as_array_mut().unwrap().push(json!(
            {"manager": "kubectl-edit", "time": "2026-11-26T11:00:00Z", "fieldsV1": {"f:data": {"f:history.yaml": {}}}}
        ));
        let warned = said(std::slice::from_ref(&edited));
        assert!(warned.len() == 1 && warned[0].contains("written by kubectl-edit"), "{warned:?}");
        edited["data"]["history.yaml"] = json!("not: [a list");
        assert!(said(&[edited])[0].contains("it can't be read"));
    }
}
