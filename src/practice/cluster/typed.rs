//! Whether an applied object can be read as its kind, in the words of Kubernetes' structured-merge-diff.

use super::{
    fields::{spell_step, step_of_item},
    schema::{Merge, Scalar, Schema, Shape},
    validate::fits,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// The first thing that stands against it. Of several the real server names those that it comes upon first, in no order.
pub(super) fn problem(schema: &Schema, object: &Value) -> Option<String> {
    below(schema, object, "")
}

fn below(schema: &Schema, value: &Value, path: &str) -> Option<String> {
    match (&schema.shape, value) {
        (Shape::Any, _) => None,
        (Shape::Struct { .. } | Shape::Map { .. }, Value::Object(map)) => map.iter().find_map(|(key, child)| {
            let path = format!("{path}.{key}");
            match schema.below(key) {
                Some(shape) => below(&shape, child, &path),
                None => Some(format!("{path}: field not declared in schema")),
            }
        }),
        (Shape::List { item, merge }, Value::Array(items)) => {
            if *merge != Merge::Atomic
                && let Some(problem) = indistinct_item(schema, item, merge, items, path)
            {
                return Some(problem);
            }
            items.iter().enumerate().find_map(|(at, value)| {
                let step = match merge {
                    Merge::Atomic => format!("[{at}]"),
                    Merge::Set | Merge::Keys(_) => spell_step(&step_of_item(schema, value)),
                };
                below(item, value, &format!("{path}{step}"))
            })
        }
        (Shape::Scalar(scalar), value) if fits(*scalar, value) => None,
        _ => Some(format!("{path}: {}", wrong_type(&schema.shape, value))),
    }
}

/// Items of a merged list that cannot be told apart cannot be applied.
fn indistinct_item(list: &Schema, item: &Schema, merge: &Merge, items: &[Value], path: &str) -> Option<String> {
    if let Merge::Keys(keys) = merge
        && let Some(at) = items.iter().position(|value| !keys.iter().any(|key| has_key(item, value, key)))
    {
        let listed: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
        let why = "associative list with keys has an element that omits all keys";
        return Some(format!("{path}: element {at}: {why} {}", listed.join(", ")));
    }
    let mut seen = BTreeSet::new();
    let twice = items.iter().map(|value| step_of_item(list, value)).find(|step| !seen.insert(step.clone()))?;
    Some(format!("{path}: duplicate entries for key {}", spell_step(&twice)))
}

fn has_key(item: &Schema, value: &Value, key: &str) -> bool {
    value.get(key).is_some() || item.below(key).is_some_and(|field| field.default.is_some())
}

fn wrong_type(wanted: &Shape, found: &Value) -> String {
    let go_type = match found {
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
        Value::Null => "<nil>",
    };
    let shown = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
    match wanted {
        Shape::Scalar(Scalar::Integer | Scalar::Number) => format!("expected numeric (int or float), got {go_type}"),
        Shape::Scalar(Scalar::Boolean) => format!("expected boolean, got {go_type}"),
        Shape::Scalar(_) => format!("expected string, got &value.valueUnstructured{{Value:{shown}}}"),
        Shape::List { .. } => format!("expected list, got &{{{shown}}}"),
        Shape::Any | Shape::Struct { .. } | Shape::Map { .. } => format!("expected map, got &{{{shown}}}"),
    }
}
