//! Server-side apply against a model of it that a page can hold: of every key there is a value and a set of owners.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Entries = BTreeMap<String, String>;

/// What one manager does.
#[derive(Clone, Debug)]
enum Step {
    Apply { manager: usize, entries: Entries, force: bool },
    Update { manager: usize, key: String, value: Option<String> },
}

const MANAGERS: [&str; 3] = ["us", "them", "others"];

fn entries() -> impl Strategy<Value = Entries> {
    prop::collection::btree_map("[A-D]", "[1-3]", 0..4)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_usize, entries(), any::<bool>()).prop_map(|(manager, entries, force)| Step::Apply { manager, entries, force }),
        1 => (0..3_usize, "[A-D]", prop::option::of("[1-3]")).prop_map(|(manager, key, value)| Step::Update { manager, key, value }),
    ]
}

/// What is known of a key. Who has an item of a list need not be who has its value: a value that is taken leaves the item.
#[derive(Clone, Debug, Default, PartialEq)]
struct Entry {
    value: Option<String>,
    owners: BTreeSet<String>,
    owners_of_value: BTreeSet<String>,
}

/// The model.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    entries: BTreeMap<String, Entry>,
    has_items: bool,
}

impl Model {
    /// Whether it went well.
    fn take(&mut self, step: &Step) -> bool {
        match step {
            Step::Apply { manager, entries, force } => {
                self.apply(&format!("{} Apply", MANAGERS[*manager]), entries, *force)
            }
            Step::Update { manager, key, value } => {
                match value {
                    Some(value) => self.set(key, value, &format!("{} Update", MANAGERS[*manager])),
                    None => drop(self.entries.remove(key)),
                }
                true
            }
        }
    }

    /// Sets a value; whoever changes it is alone with it.
    fn set(&mut self, key: &str, value: &str, writer: &str) {
        let has_items = self.has_items;
        let is_new = !self.entries.contains_key(key);
        let entry = self.entries.entry(key.to_owned()).or_default();
        if entry.value.as_deref() != Some(value) {
            entry.value = Some(value.to_owned());
            entry.owners_of_value = BTreeSet::from([writer.to_owned()]);
            if is_new || !has_items {
                entry.owners = entry.owners_of_value.clone();
            }
        }
    }

    fn apply(&mut self, writer: &str, entries: &Entries, force: bool) -> bool {
        let changes = |(key, value): (&String, &String)| {
            self.entries.get(key).is_some_and(|entry| {
                entry.value.as_ref() != Some(value) && entry.owners_of_value.iter().any(|owner| owner != writer)
            })
        };
        if !force && entries.iter().any(changes) {
            return false;
        }
        for (key, value) in entries {
            self.set(key, value, writer);
            if let Some(entry) = self.entries.get_mut(key) {
                entry.owners.insert(writer.to_owned());
                entry.owners_of_value.insert(writer.to_owned());
            }
        }
        self.entries.retain(|key, entry| {
            if entries.contains_key(key) {
                return true;
            }
            if entry.owners_of_value.remove(writer) && entry.owners_of_value.is_empty() {
                entry.value = None;
            }
            !(entry.owners.remove(writer) && entry.owners.is_empty())
        });
        true
    }
}

/// A kind of object that has entries somewhere, as a map or as a list merged by key.
struct Place {
    path: &'static str,
    object: fn(&Entries) -> Value,
    entries: fn(&Value) -> BTreeMap<String, Option<String>>,
    /// The steps of `FieldsV1` to the entries, and how an entry is spelled there.
    steps: &'static [&'static str],
    spelled: fn(&str) -> String,
    /// Whether the entries are items with a value in them.
    has_items: bool,
}

const MAP: Place = Place {
    path: "/api/v1/namespaces/one/configmaps/c",
    object: |entries| {
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
        if !entries.is_empty() {
            object["data"] = json!(entries);
        }
        object
    },
    entries: |object| serde_json::from_value(object.get("data").cloned().unwrap_or_else(|| json!({}))).unwrap(),
    steps: &["f:data"],
    spelled: |key| format!("f:{key}"),
    has_items: false,
};

const LIST: Place = Place {
    path: "/apis/apps/v1/namespaces/one/deployments/d",
    object: |entries| {
        let env: Vec<Value> = entries.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let mut container = json!({"name": "main", "image": "i:1"});
        if !env.is_empty() {
            container["env"] = json!(env);
        }
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {
                "selector": {"matchLabels": {"app": "d"}},
                "template": {
                    "metadata": {"labels": {"app": "d"}},
                    "spec": {"containers": [container]},
                },
            },
        })
    },
    entries: |object| {
        let env =
            object.pointer("/spec/template/spec/containers/0/env").and_then(Value::as_array).into_iter().flatten();
        let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
        env.map(|item| (text(item, "name"), item["value"].as_str().map(str::to_owned))).collect()
    },
    steps: &["f:spec", "f:template", "f:spec", "f:containers", r#"k:{"name":"main"}"#, "f:env"],
    spelled: |key| format!(r#"k:{{"name":"{key}"}}"#),
    has_items: true,
};

impl Place {
    fn read(&self, object: &Value) -> Model {
        let managers = object["metadata"]["managedFields"].as_array().into_iter().flatten();
        let owners: Vec<(String, Value)> = managers
            .map(|entry| {
                let fields = self.steps.iter().fold(entry["fieldsV1"].clone(), |fields, step| fields[step].clone());
                (format!("{} {}", entry["manager"].as_str().unwrap(), entry["operation"].as_str().unwrap()), fields)
            })
            .collect();
        let of = |key: &str, part: &str| -> BTreeSet<String> {
            let spelled = (self.spelled)(key);
            let owns = |fields: &Value| {
                let fields = fields.get(&spelled);
                if self.has_items { fields.is_some_and(|fields| fields.get(part).is_some()) } else { fields.is_some() }
            };
            owners.iter().filter(|(_, fields)| owns(fields)).map(|(owner, _)| owner.clone()).collect()
        };
        let entries = (self.entries)(object).into_iter().map(|(key, value)| {
            let entry = Entry { value, owners: of(&key, "."), owners_of_value: of(&key, "f:value") };
            (key, entry)
        });
        Model { entries: entries.collect(), has_items: self.has_items }
    }

    async fn take(&self, caller: &Caller, step: &Step) -> bool {
        let status = match step {
            Step::Apply { manager, entries, force } => {
                let path = format!("{}?force={force}", self.path);
                caller.apply(MANAGERS[*manager], &path, &(self.object)(entries).to_string()).await.0
            }
            Step::Update { manager, key, value } => {
                let mut object = caller.get(self.path).await.1;
                self.edit(&mut object, key, value.as_deref());
                caller.put(&format!("{}?fieldManager={}", self.path, MANAGERS[*manager]), &object).await.0
            }
        };
        assert!(matches!(status, 200 | 201 | 409), "{status} for {step:?}");
        status != 409
    }

    fn edit(&self, object: &mut Value, key: &str, value: Option<&str>) {
        let parent = if self.has_items { "/spec/template/spec/containers/0" } else { "" };
        let name = if self.has_items { "env" } else { "data" };
        let holder = &mut object.pointer_mut(parent).unwrap()[name];
        if self.has_items {
            let mut items = holder.as_array().cloned().unwrap_or_default();
            match (items.iter_mut().find(|item| item["name"] == key), value) {
                (Some(item), Some(value)) => item["value"] = json!(value),
                (None, Some(value)) => items.push(json!({"name": key, "value": value})),
                (_, None) => items.retain(|item| item["name"] != key),
            }
            *holder = Value::Array(items);
        } else {
            let mut entries = holder.as_object().cloned().unwrap_or_default();
            match value {
                Some(value) => drop(entries.insert(key.to_owned(), json!(value))),
                None => drop(entries.remove(key)),
            }
            *holder = Value::Object(entries);
        }
    }

    fn hold_against_the_model(&self, steps: &[Step]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let caller = Caller::new();
            let mut model = Model { has_items: self.has_items, ..Model::default() };
            let first = Step::Apply { manager: 0, entries: Entries::new(), force: false };
            for step in [&first].into_iter().chain(steps) {
                let expected = model.take(step);
                assert_eq!(self.take(&caller, step).await, expected, "{step:?} on {model:?}");
                let live = caller.get(self.path).await.1;
                assert_eq!(self.read(&live), model, "after {step:?}");
                let revision = caller.0.state().store.revision();
                if let (Step::Apply { .. }, true) = (step, expected) {
                    self.take(&caller, step).await;
                    assert_eq!(caller.0.state().store.revision(), revision, "{step:?} again wrote");
                }
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn given_any_history_when_entries_of_a_map_are_written_then_values_and_owners_are_the_models(
        steps in prop::collection::vec(step(), 1..10),
    ) {
        MAP.hold_against_the_model(&steps);
    }

    #[test]
    fn given_any_history_when_items_of_a_keyed_list_are_written_then_values_and_owners_are_the_models(
        steps in prop::collection::vec(step(), 1..10),
    ) {
        LIST.hold_against_the_model(&steps);
    }
}
