//! Going away: deletion with its policies and finalizers, what belongs to a deleted object, and the contents of a namespace.

use super::{
    catalog::Kind,
    state::{State, holds_back},
    status::ApiError,
    store::Key,
    write::{metadata_of, now},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// How a deletion is meant.
#[derive(Clone, Debug, Default)]
pub(super) struct DeleteOptions {
    /// `Foreground`, `Background` or `Orphan`.
    pub(super) propagation: Option<String>,
    /// Only if it is this one.
    pub(super) uid: Option<String>,
    /// Only if it has not changed.
    pub(super) resource_version: Option<String>,
    /// Whether it is only tried.
    pub(super) dry_run: bool,
}

/// What came of a deletion.
#[derive(Clone, Debug)]
pub(super) enum Deleted {
    /// It is gone; this is how it was.
    Gone(Arc<Value>),
    /// It is going, and is held back by finalizers.
    Going(Arc<Value>),
}

/// Deletes an object.
pub(super) fn delete(
    state: &mut State,
    kind: &Kind,
    namespace: &str,
    name: &str,
    options: &DeleteOptions,
) -> Result<Deleted, ApiError> {
    let live = state.existing(kind, namespace, name)?;
    check_preconditions(kind, name, &live, options)?;
    let key = Key::new(kind, namespace, name);
    let mut leaving = live.as_ref().clone();
    let extra = match options.propagation.as_deref() {
        Some("Foreground") => Some(FOREGROUND),
        Some("Orphan") => Some(ORPHAN),
        _ => None,
    };
    if let Some(extra) = extra {
        add_finalizer(&mut leaving, extra);
    }
    if !holds_back(&leaving) {
        if options.dry_run {
            return Ok(Deleted::Gone(live));
        }
        return Ok(Deleted::Gone(state.remove(&key).unwrap_or(live)));
    }
    mark_leaving(kind, &mut leaving);
    if options.dry_run || leaving == *live {
        return Ok(Deleted::Going(Arc::new(leaving)));
    }
    let going = state.store.put(key.clone(), leaving);
    state.after_change();
    Ok(if state.store.get(&key).is_some() { Deleted::Going(going) } else { Deleted::Gone(going) })
}

fn check_preconditions(kind: &Kind, name: &str, live: &Value, options: &DeleteOptions) -> Result<(), ApiError> {
    for (what, wanted, key, since) in [
        ("UID", &options.uid, "uid", "deleted and then recreated"),
        ("ResourceVersion", &options.resource_version, "resourceVersion", "modified"),
    ] {
        let there = live["metadata"][key].as_str().unwrap_or_default();
        if let Some(wanted) = wanted.as_deref().filter(|wanted| *wanted != there) {
            let why = format!(
                "the {what} in the precondition ({wanted}) does not match the {what} in record ({there}). The object might \
                 have been {since}"
            );
            return Err(ApiError::unmet_precondition(kind, name, &why));
        }
    }
    Ok(())
}

fn mark_leaving(kind: &Kind, object: &mut Value) {
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return;
    }
    let metadata = metadata_of(object);
    metadata.insert("deletionTimestamp".to_owned(), json!(now()));
    metadata.insert("deletionGracePeriodSeconds".to_owned(), json!(0));
    if let Some(generation) = metadata.get("generation").and_then(Value::as_u64) {
        metadata.insert("generation".to_owned(), json!(generation + 1));
    }
    if kind.kind == "Namespace" && kind.group.is_empty() {
        object["status"]["phase"] = json!("Terminating");
    }
}

fn add_finalizer(object: &mut Value, finalizer: &str) {
    let finalizers = metadata_of(object).entry("finalizers").or_insert_with(|| json!([]));
    if let Value::Array(list) = finalizers
        && !list.iter().any(|present| present == finalizer)
    {
        list.push(json!(finalizer));
    }
}

fn drop_finalizer(object: &mut Value, finalizer: &str) {
    let metadata = metadata_of(object);
    if let Some(Value::Array(list)) = metadata.get_mut("finalizers") {
        list.retain(|present| present != finalizer);
        if list.is_empty() {
            metadata.remove("finalizers");
        }
    }
}

fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    object
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|present| present == finalizer)
}

/// The next thing the garbage collector or the namespace controller would do.
enum Work {
    /// Delete it: it belongs to nobody any more, or its namespace or its owner is leaving.
    Delete(Key),
    /// Let it go: what it waited for is done.
    Release(Key, &'static str),
    /// Cut it loose from an owner that leaves it behind.
    Disown(Key, String),
}

/// Whether the collector has something to do.
pub(super) fn has_work(state: &State) -> bool {
    next_work(state).is_some()
}

/// Carries out everything the garbage collector and the namespace controller would do.
pub(super) fn collect(state: &mut State) {
    state.collection_is_due = false;
    while let Some(work) = next_work(state) {
        carry_out(state, &work);
    }
}

fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten()
}

fn uid(object: &Value) -> &str {
    object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default()
}

fn is_leaving(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

fn owned_by<'a>(state: &'a State, owner: &'a str) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
    state.store.all().filter(move |(_, object)| owners(object).any(|reference| reference["uid"] == owner))
}

fn next_work(state: &State) -> Option<Work> {
    let alive: BTreeSet<&str> = state.store.all().map(|(_, object)| uid(object)).collect();
    let leaving_namespaces: BTreeSet<&str> = state
        .store
        .all()
        .filter(|(key, object)| key.group.is_empty() && key.plural == "namespaces" && is_leaving(object))
        .map(|(key, _)| key.name.as_str())
        .collect();
    for (key, object) in state.store.all() {
        let orphaned = owners(object).next().is_some()
            && owners(object).all(|reference| !alive.contains(reference["uid"].as_str().unwrap_or_default()));
        let namespace_leaves = leaving_namespaces.contains(key.namespace.as_str());
        if (orphaned || namespace_leaves) && !is_leaving(object) {
            return Some(Work::Delete(key.clone()));
        }
        if !is_leaving(object) {
            continue;
        }
        if has_finalizer(object, ORPHAN) {
            let left_behind = owned_by(state, uid(object)).next();
            return Some(match left_behind {
                Some((dependent, _)) => Work::Disown(dependent.clone(), uid(object).to_owned()),
                None => Work::Release(key.clone(), ORPHAN),
            });
        }
        if has_finalizer(object, FOREGROUND) {
            let blocking = || owned_by(state, uid(object));
            if let Some((dependent, _)) = blocking().find(|(_, dependent)| !is_leaving(dependent)) {
                return Some(Work::Delete(dependent.clone()));
            }
            if blocking().next().is_none() {
                return Some(Work::Release(key.clone(), FOREGROUND));
            }
        }
        let is_namespace = key.group.is_empty() && key.plural == "namespaces";
        if is_namespace && !state.store.all().any(|(other, _)| other.namespace == key.name) {
            return Some(Work::Release(key.clone(), "kubernetes"));
        }
    }
    None
}

fn carry_out(state: &mut State, work: &Work) {
    let (Work::Delete(key) | Work::Release(key, _) | Work::Disown(key, _)) = work;
    let Some(live) = state.store.get(key).cloned() else { return };
    let mut object = live.as_ref().clone();
    match work {
        Work::Delete(_) => {
            if let Some(kind) = state.catalog.resource(&key.group, &key.plural).cloned() {
                mark_leaving(&kind, &mut object);
            }
        }
        Work::Release(_, "kubernetes") => object["spec"]["finalizers"] = json!([]),
        Work::Release(_, finalizer) => drop_finalizer(&mut object, finalizer),
        Work::Disown(_, owner) => {
            if let Some(Value::Array(list)) = metadata_of(&mut object).get_mut("ownerReferences") {
                list.retain(|reference| reference["uid"] != owner.as_str());
            }
        }
    }
    if is_leaving(&object) && !holds_back(&object) {
        state.store.remove(key);
    } else {
        state.store.put(key.clone(), object);
    }
}
