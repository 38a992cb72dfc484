//! Where the objects are, and the history of their changes that watches are served from.

use super::catalog::Kind;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// How many changes are remembered; whoever watches from further back is told `410 Gone`, as by a real server after a compaction.
const REMEMBERED_CHANGES: usize = 4096;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The API group.
    pub(super) group: String,
    /// The plural.
    pub(super) plural: String,
    /// The namespace; empty for objects of the cluster.
    pub(super) namespace: String,
    /// The name.
    pub(super) name: String,
}

impl Key {
    /// The key of an object of `kind`.
    pub(super) fn new(kind: &Kind, namespace: &str, name: &str) -> Self {
        Self {
            group: kind.group.clone(),
            plural: kind.plural.clone(),
            namespace: if kind.namespaced { namespace.to_owned() } else { String::new() },
            name: name.to_owned(),
        }
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeType {
    /// It was made.
    Added,
    /// It was changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The revision it made.
    pub(super) revision: u64,
    /// What happened.
    pub(super) what: ChangeType,
    /// To which object.
    pub(super) key: Key,
    /// The object after the change, or as it was last when it was deleted.
    pub(super) object: Arc<Value>,
    /// The object before the change.
    pub(super) before: Option<Arc<Value>>,
}

/// The objects and their history.
#[derive(Debug, Default)]
pub(super) struct Store {
    revision: u64,
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Change>,
    forgotten_until: u64,
}

impl Store {
    /// The revision of the last change.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// The object at `key`.
    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// All objects with their keys, in the order of their keys.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    /// The objects of a kind, in one namespace or in all.
    pub(super) fn list<'a>(
        &'a self,
        kind: &Kind,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        let start = Key::new(kind, namespace.unwrap_or_default(), "");
        let (group, plural) = (start.group.clone(), start.plural.clone());
        self.objects
            .range(start..)
            .take_while(move |(key, _)| key.group == group && key.plural == plural)
            .filter(move |(key, _)| namespace.is_none_or(|namespace| key.namespace == namespace))
    }

    /// Puts an object in its place under a new revision, and answers it with that revision in it.
    pub(super) fn put(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        set_revision(&mut object, self.revision);
        let object = Arc::new(object);
        let before = self.objects.insert(key.clone(), object.clone());
        let what = if before.is_some() { ChangeType::Modified } else { ChangeType::Added };
        self.remember(Change { revision: self.revision, what, key, object: object.clone(), before });
        object
    }

    /// Takes an object away under a new revision.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let before = self.objects.remove(key)?;
        self.revision += 1;
        let mut last = before.as_ref().clone();
        set_revision(&mut last, self.revision);
        let object = Arc::new(last);
        self.remember(Change {
            revision: self.revision,
            what: ChangeType::Deleted,
            key: key.clone(),
            object: object.clone(),
            before: Some(before),
        });
        Some(object)
    }

    fn remember(&mut self, change: Change) {
        self.history.push_back(change);
        while self.history.len() > REMEMBERED_CHANGES {
            if let Some(oldest) = self.history.pop_front() {
                self.forgotten_until = oldest.revision;
            }
        }
    }

    /// The changes after `revision`; `None` when they are no longer all remembered.
    pub(super) fn since(&self, revision: u64) -> Option<impl Iterator<Item = &Change>> {
        (revision >= self.forgotten_until).then(|| {
            let first = self.history.partition_point(|change| change.revision <= revision);
            self.history.iter().skip(first)
        })
    }

    /// Forgets the history, as a compaction does.
    pub(super) fn compact(&mut self) {
        self.history.clear();
        self.forgotten_until = self.revision;
    }

    /// The oldest revision that can be watched from.
    pub(super) fn oldest_revision(&self) -> u64 {
        self.forgotten_until
    }

    /// Everything but the history.
    pub(super) fn snapshot(&self) -> Value {
        let objects: Vec<Value> = self
            .objects
            .iter()
            .map(|(key, object)| json!({"group": key.group, "resource": key.plural, "object": object.as_ref()}))
            .collect();
        json!({"revision": self.revision, "objects": objects})
    }

    /// The store of a snapshot; nobody can watch from before it.
    pub(super) fn restore(snapshot: &Value) -> Self {
        let revision = snapshot["revision"].as_u64().unwrap_or_default();
        let mut store = Self { revision, forgotten_until: revision, ..Self::default() };
        for entry in snapshot["objects"].as_array().into_iter().flatten() {
            let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let key = Key {
                group: text("/group"),
                plural: text("/resource"),
                namespace: text("/object/metadata/namespace"),
                name: text("/object/metadata/name"),
            };
            store.objects.insert(key, Arc::new(entry["object"].clone()));
        }
        store
    }
}

fn set_revision(object: &mut Value, revision: u64) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.insert("resourceVersion".to_owned(), json!(revision.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { group: String::new(), plural: "configmaps".into(), namespace: "one".into(), name: name.into() }
    }

    fn object(name: &str) -> Value {
        json!({"metadata": {"name": name, "namespace": "one"}})
    }

    #[test]
    fn given_changes_when_asked_since_a_revision_then_only_later_ones_are_told() {
        let mut store = Store::default();
        store.put(key("a"), object("a"));
        store.put(key("b"), object("b"));
        store.remove(&key("a"));
        let told: Vec<_> = store.since(1).unwrap().map(|change| (change.what, change.key.name.clone())).collect();
        assert_eq!(told, [(ChangeType::Added, "b".to_owned()), (ChangeType::Deleted, "a".to_owned())]);
    }

    #[test]
    fn given_a_compacted_history_when_asked_for_older_changes_then_they_are_gone() {
        let mut store = Store::default();
        store.put(key("a"), object("a"));
        store.put(key("b"), object("b"));
        store.compact();
        assert!(store.since(1).is_none());
        assert_eq!(store.since(2).unwrap().count(), 0);
    }

    #[test]
    fn given_a_snapshot_when_restored_then_the_objects_and_the_revision_are_the_same() {
        let mut store = Store::default();
        store.put(key("a"), object("a"));
        let restored = Store::restore(&store.snapshot());
        assert_eq!(restored.snapshot(), store.snapshot());
        assert_eq!(restored.get(&key("a")).unwrap()["metadata"]["resourceVersion"], "1");
    }
}
