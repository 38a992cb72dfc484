//! Merging what is applied into what is live, and taking fields away again.

use super::{
    fields::{FieldSet, step_of_item},
    schema::{Merge, Schema, Shape},
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Lays `applied` over `live`.
pub(super) fn merge(schema: &Schema, live: &Value, applied: &Value) -> Value {
    match (&schema.shape, live, applied) {
        (_, _, Value::Null) => live.clone(),
        (
            Shape::Struct { atomic: false, .. } | Shape::Map { atomic: false, .. } | Shape::Any,
            Value::Object(left),
            Value::Object(right),
        ) => {
            let mut merged = left.clone();
            for (key, value) in right {
                let below = schema.below(key).unwrap_or_else(Schema::any);
                let value = left.get(key).map_or_else(|| value.clone(), |old| merge(&below, old, value));
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        (Shape::List { item, merge: how }, Value::Array(left), Value::Array(right)) if *how != Merge::Atomic => {
            Value::Array(merge_lists(schema, item, left, right))
        }
        _ => applied.clone(),
    }
}

/// Keeps the applied order among applied items, and the live items that are not applied where they were between them.
fn merge_lists(list: &Schema, item: &Schema, left: &[Value], right: &[Value]) -> Vec<Value> {
    let step = |value: &Value| step_of_item(list, value);
    let left_steps: Vec<String> = left.iter().map(step).collect();
    let right_steps: Vec<String> = right.iter().map(step).collect();
    let mut shared = right_steps.iter().filter(|step| left_steps.contains(step));
    let mut next_shared = shared.next();
    let counterpart = |step: &String| left_steps.iter().position(|other| other == step).and_then(|at| left.get(at));
    let mut taken: BTreeSet<&String> = BTreeSet::new();
    let mut merged = Vec::with_capacity(left.len().max(right.len()));
    let (mut at_left, mut at_right) = (0, 0);
    loop {
        let left_step = left_steps.get(at_left);
        let right_step = right_steps.get(at_right);
        if let (Some(mine), Some(theirs)) = (left_step, right_step) {
            let waits = right_steps.contains(mine) && next_shared.is_some_and(|wanted| wanted != mine);
            if mine != theirs && waits {
                at_left += 1;
                continue;
            }
        }
        match (left_step, right_step) {
            (None, None) => return merged,
            (Some(mine), _) if !right_steps.contains(mine) => {
                merged.extend(left.get(at_left).cloned());
                at_left += 1;
            }
            (Some(mine), None) => {
                // It is applied too, and was taken with the applied items.
                debug_assert!(taken.contains(mine), "an applied item is taken before the applied items end");
                at_left += 1;
            }
            (mine, Some(theirs)) => {
                if mine.is_some_and(|mine| mine == theirs || taken.contains(mine)) {
                    at_left += 1;
                }
                taken.insert(theirs);
                if let Some(value) = right.get(at_right) {
                    merged.push(counterpart(theirs).map_or_else(|| value.clone(), |old| merge(item, old, value)));
                }
                at_right += 1;
                if next_shared == Some(theirs) {
                    next_shared = shared.next();
                }
            }
        }
    }
}

/// `value` without the fields of `set`; containers that become empty go as well.
pub(super) fn remove(schema: &Schema, value: &Value, set: &FieldSet) -> Option<Value> {
    if set.is_empty() {
        return Some(value.clone());
    }
    match (&schema.shape, value) {
        (Shape::Struct { atomic: false, .. } | Shape::Map { atomic: false, .. } | Shape::Any, Value::Object(map)) => {
            let mut kept = Map::new();
            for (key, child) in map {
                let below = schema.below(key).unwrap_or_else(Schema::any);
                if let Some(child) = remove_step(&below, child, set.below(&format!("f:{key}"))) {
                    kept.insert(key.clone(), child);
                }
            }
            (!kept.is_empty() || map.is_empty()).then_some(Value::Object(kept))
        }
        (Shape::List { item, merge }, Value::Array(items)) if *merge != Merge::Atomic => {
            let kept: Vec<Value> = items
                .iter()
                .filter_map(|value| remove_step(item, value, set.below(&step_of_item(schema, value))))
                .collect();
            (!kept.is_empty() || items.is_empty()).then_some(Value::Array(kept))
        }
        _ => Some(value.clone()),
    }
}

fn remove_step(schema: &Schema, value: &Value, set: Option<&FieldSet>) -> Option<Value> {
    match set {
        Some(set) if set.is_member() => None,
        Some(set) => remove(schema, value, set),
        None => Some(value.clone()),
    }
}
