//! Sets of fields, as `managedFields` keeps them in the form `FieldsV1`, and the comparison of two objects field by field.
//!
//! The rules are those of Kubernetes' structured-merge-diff: a map's entries and a merged list's items are fields of their own,
//! an atomic list or map is one.

use super::schema::{Merge, Schema, Shape};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt::Write, sync::Arc};

/// A set of paths into an object. Steps are spelled as in `FieldsV1`: `f:NAME`, `k:{"name":"x"}`, `v:"x"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    member: bool,
    children: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    fn leaf() -> Self {
        Self { member: true, children: BTreeMap::new() }
    }

    /// Whether no path is in it.
    pub(super) fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    /// Whether the path that this set hangs on is itself in the set.
    pub(super) fn is_member(&self) -> bool {
        self.member
    }

    /// What is in the set below a step.
    pub(super) fn below(&self, step: &str) -> Option<&Self> {
        self.children.get(step)
    }

    fn insert(&mut self, step: String, set: Self) {
        if !set.is_empty() {
            self.children.insert(step, set);
        }
    }

    /// What is in either.
    #[must_use]
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.member |= other.member;
        for (step, set) in &other.children {
            let merged = all.children.get(step).map_or_else(|| set.clone(), |mine| mine.union(set));
            all.children.insert(step.clone(), merged);
        }
        all
    }

    /// What is in both.
    #[must_use]
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let mut both = Self { member: self.member && other.member, children: BTreeMap::new() };
        for (step, set) in &self.children {
            if let Some(others) = other.children.get(step) {
                both.insert(step.clone(), set.intersection(others));
            }
        }
        both
    }

    /// What is here and not there.
    #[must_use]
    pub(super) fn difference(&self, other: &Self) -> Self {
        let mut rest = Self { member: self.member && !other.member, children: BTreeMap::new() };
        for (step, set) in &self.children {
            let left = other.children.get(step).map_or_else(|| set.clone(), |others| set.difference(others));
            rest.insert(step.clone(), left);
        }
        rest
    }

    /// Without the paths below (and at) `steps`.
    pub(super) fn forget(&mut self, steps: &[&str]) {
        let Some((first, rest)) = steps.split_first() else { return };
        if rest.is_empty() {
            self.children.remove(*first);
        } else if let Some(child) = self.children.get_mut(*first) {
            child.forget(rest);
            if child.is_empty() {
                self.children.remove(*first);
            }
        }
    }

    /// Only the paths below one top-level step, and no other.
    pub(super) fn keep_only(&mut self, step: &str) {
        self.children.retain(|name, _| name == step);
    }

    /// The set with every named field on the way to a member made a member too, so that a struct goes when all of it goes.
    #[must_use]
    pub(super) fn with_named_fields(&self, schema: &Schema) -> Self {
        let mut all = Self { member: self.member, children: BTreeMap::new() };
        for (step, set) in &self.children {
            let below = schema_of_step(schema, step);
            let mut set = set.with_named_fields(&below);
            if step.strip_prefix("f:").is_some_and(|name| schema.names(name)) {
                set.member = true;
            }
            all.insert(step.clone(), set);
        }
        all
    }

    /// Every path, spelled as conflicts spell it, such as `.spec.template.spec.containers[name="web"].image`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        if self.member {
            paths.push(prefix.to_owned());
        }
        for (step, set) in &self.children {
            set.collect_paths(&format!("{prefix}{}", spell_step(step)), paths);
        }
    }

    /// As `FieldsV1`.
    pub(super) fn to_value(&self) -> Value {
        let mut map = Map::new();
        if self.member && !self.children.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (step, set) in &self.children {
            map.insert(step.clone(), set.to_value());
        }
        Value::Object(map)
    }

    /// From `FieldsV1`.
    pub(super) fn from_value(value: &Value) -> Self {
        let mut set = Self::read(value);
        set.member = false;
        set
    }

    fn read(value: &Value) -> Self {
        let Some(map) = value.as_object() else { return Self::default() };
        let mut set = Self { member: map.is_empty() || map.contains_key("."), children: BTreeMap::new() };
        for (step, child) in map.iter().filter(|(step, _)| *step != ".") {
            set.insert(step.clone(), Self::read(child));
        }
        set
    }

    /// Every field that `object` sets.
    pub(super) fn of(schema: &Schema, object: &Value) -> Self {
        let mut set = fields_of(schema, object);
        set.member = false;
        set
    }
}

/// A step as messages spell it, such as `.image` or `[name="web"]`.
pub(super) fn spell_step(step: &str) -> String {
    match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", keys.join(","))
        }
        Some(("v", value)) => format!("[={value}]"),
        _ => format!("[{step}]"),
    }
}

fn schema_of_step(schema: &Schema, step: &str) -> Arc<Schema> {
    match step.strip_prefix("f:") {
        Some(name) => schema.below(name).unwrap_or_else(Schema::any),
        None => schema.item(),
    }
}

fn fields_of(schema: &Schema, value: &Value) -> FieldSet {
    match (&schema.shape, value) {
        (Shape::Struct { atomic: false, .. } | Shape::Map { atomic: false, .. } | Shape::Any, Value::Object(map)) => {
            let mut set = FieldSet::default();
            for (key, child) in map {
                let below = schema.below(key).unwrap_or_else(Schema::any);
                let mut fields = fields_of(&below, child);
                let empty = child.is_null() || child.as_object().is_some_and(Map::is_empty);
                fields.member |= empty || !schema.names(key);
                set.insert(format!("f:{key}"), fields);
            }
            set
        }
        (Shape::List { item, merge }, Value::Array(items)) if *merge != Merge::Atomic => {
            let mut set = FieldSet::default();
            for value in items {
                let mut fields = fields_of(item, value);
                fields.member = true;
                set.insert(step_of_item(schema, value), fields);
            }
            set
        }
        _ => FieldSet::leaf(),
    }
}

/// How an item of a merged list is found again: by its keys, where a key that is not given counts with its default, or by its value.
pub(super) fn step_of_item(schema: &Schema, item: &Value) -> String {
    let Shape::List { item: shape, merge } = &schema.shape else { return "i:0".to_owned() };
    match merge {
        Merge::Keys(keys) => {
            let mut sorted: Vec<&String> = keys.iter().collect();
            sorted.sort();
            let mut spelled = String::from("k:{");
            for key in sorted {
                let default = || shape.below(key).and_then(|field| field.default.clone());
                if let Some(value) = item.get(key).cloned().or_else(default) {
                    if spelled.len() > 3 {
                        spelled.push(',');
                    }
                    let _infallible = write!(spelled, "{}:{value}", Value::String(key.clone()));
                }
            }
            spelled.push('}');
            spelled
        }
        Merge::Set | Merge::Atomic => format!("v:{item}"),
    }
}

/// What differs between two objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// What only the second has.
    pub(super) added: FieldSet,
    /// What only the first has.
    pub(super) removed: FieldSet,
    /// What both have with different values.
    pub(super) modified: FieldSet,
}

impl Comparison {
    fn put(&mut self, step: &str, below: Self) {
        self.added.insert(step.to_owned(), below.added);
        self.removed.insert(step.to_owned(), below.removed);
        self.modified.insert(step.to_owned(), below.modified);
    }
}

/// Compares two objects of a shape.
pub(super) fn compare(schema: &Schema, before: &Value, after: &Value) -> Comparison {
    compare_values(schema, Some(before), Some(after))
}

fn compare_values(schema: &Schema, before: Option<&Value>, after: Option<&Value>) -> Comparison {
    let before = before.filter(|value| !value.is_null());
    let after = after.filter(|value| !value.is_null());
    let mut comparison = match children(schema, before, after) {
        Some(steps) => {
            let mut comparison = Comparison::default();
            for (step, below, left, right) in steps {
                comparison.put(&step, compare_values(&below, left, right));
            }
            comparison
        }
        None => Comparison::default(),
    };
    match (before, after) {
        (None, Some(_)) => comparison.added.member = true,
        (Some(_), None) => comparison.removed.member = true,
        (Some(left), Some(right)) if children(schema, before, after).is_none() && !same(schema, left, right) => {
            comparison.modified.member = true;
        }
        _ => {}
    }
    comparison
}

/// Quantities and times are kept as they were written, so two spellings of one number count as the same only here.
fn same(_schema: &Schema, left: &Value, right: &Value) -> bool {
    left == right
}

type Step<'a> = (String, Arc<Schema>, Option<&'a Value>, Option<&'a Value>);

/// The steps to descend into; `None` where the two are leaves.
fn children<'a>(schema: &Schema, before: Option<&'a Value>, after: Option<&'a Value>) -> Option<Vec<Step<'a>>> {
    let is_map = |value: Option<&Value>| value.is_none_or(Value::is_object);
    let is_list = |value: Option<&Value>| value.is_none_or(Value::is_array);
    match &schema.shape {
        Shape::Struct { atomic: false, .. } | Shape::Map { atomic: false, .. } | Shape::Any
            if is_map(before) && is_map(after) =>
        {
            let empty = Map::new();
            let left = before.and_then(Value::as_object).unwrap_or(&empty);
            let right = after.and_then(Value::as_object).unwrap_or(&empty);
            if left.is_empty() && right.is_empty() {
                return None;
            }
            let mut steps = Vec::new();
            let lone = |key: &&String| !before.and_then(Value::as_object).is_some_and(|map| map.contains_key(*key));
            let left_keys = before.and_then(Value::as_object).into_iter().flat_map(Map::keys);
            let right_keys = after.and_then(Value::as_object).into_iter().flat_map(Map::keys).filter(lone);
            for key in left_keys.chain(right_keys) {
                let below = schema.below(key).unwrap_or_else(Schema::any);
                let left = before.and_then(|value| value.get(key));
                let right = after.and_then(|value| value.get(key));
                steps.push((format!("f:{key}"), below, left, right));
            }
            Some(steps)
        }
        Shape::List { item, merge } if *merge != Merge::Atomic && is_list(before) && is_list(after) => {
            let left = items_by_step(schema, before);
            let right = items_by_step(schema, after);
            if left.is_empty() && right.is_empty() {
                return None;
            }
            let mut steps: Vec<Step<'a>> = Vec::new();
            for (step, value) in &left {
                let other = right.iter().find(|(other, _)| other == step).map(|(_, value)| *value);
                steps.push((step.clone(), item.clone(), Some(*value), other));
            }
            for (step, value) in &right {
                if !left.iter().any(|(other, _)| other == step) {
                    steps.push((step.clone(), item.clone(), None, Some(*value)));
                }
            }
            Some(steps)
        }
        _ => None,
    }
}

fn items_by_step<'a>(schema: &Schema, list: Option<&'a Value>) -> Vec<(String, &'a Value)> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.map(|item| (step_of_item(schema, item), item)).collect()
}
