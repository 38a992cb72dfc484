//! Patches other than server-side apply.

use super::{
    fields::step_of_item,
    schema::{Merge, Schema, Shape},
    status::ApiError,
    write::Patch,
};
use serde_json::{Map, Value};

/// `live` with the patch carried out.
pub(super) fn patched(schema: &Schema, live: &Value, patch: &Patch) -> Result<Value, ApiError> {
    let mut object = live.clone();
    match patch {
        Patch::Merge(body) => json_patch::merge(&mut object, body),
        Patch::Json(body) => {
            let refused = || {
                ApiError::plain(422, "Invalid", "the server rejected our request due to an error in our request")
                    .about("", "", "")
            };
            let steps: json_patch::Patch = serde_json::from_value(body.clone()).map_err(|_| refused())?;
            json_patch::patch(&mut object, &steps).map_err(|_| refused())?;
        }
        Patch::Strategic(body) => object = strategic(schema, &object, body),
    }
    Ok(object)
}

/// Kubernetes' strategic merge: like RFC 7386, but lists with keys are merged item by item, and `$patch` directives say what to
/// delete or replace.
fn strategic(schema: &Schema, live: &Value, patch: &Value) -> Value {
    match (live, patch) {
        (_, Value::Object(patch)) => {
            let empty = Map::new();
            let replaces = patch.get("$patch").is_some_and(|directive| directive == "replace");
            let live = if replaces { &empty } else { live.as_object().unwrap_or(&empty) };
            let mut merged = live.clone();
            for (key, value) in patch {
                if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
                    delete_values(&mut merged, list, value);
                } else if key.starts_with('$') {
                    // Directives about order change nothing here but the order.
                } else if value.is_null() {
                    merged.remove(key);
                } else {
                    let below = schema.below(key).unwrap_or_else(Schema::any);
                    let old = live.get(key).unwrap_or(&Value::Null);
                    merged.insert(key.clone(), strategic(&below, old, value));
                }
            }
            Value::Object(merged)
        }
        (_, Value::Array(items)) => match &schema.shape {
            Shape::List { item, merge } if *merge != Merge::Atomic => {
                Value::Array(strategic_list(schema, item, live.as_array().map_or(&[], Vec::as_slice), items))
            }
            _ => patch.clone(),
        },
        _ => patch.clone(),
    }
}

fn delete_values(map: &mut Map<String, Value>, list: &str, gone: &Value) {
    if let (Some(Value::Array(values)), Value::Array(gone)) = (map.get_mut(list), gone) {
        values.retain(|value| !gone.contains(value));
    }
}

fn strategic_list(list: &Schema, item: &Schema, live: &[Value], patch: &[Value]) -> Vec<Value> {
    let directive = |value: &Value, wanted: &str| value.get("$patch").is_some_and(|directive| directive == wanted);
    if patch.iter().any(|value| directive(value, "replace") && value.as_object().is_some_and(|map| map.len() == 1)) {
        return patch.iter().filter(|value| value.get("$patch").is_none()).cloned().collect();
    }
    let mut merged = live.to_vec();
    for value in patch {
        let step = step_of_item(list, value);
        let at = merged.iter().position(|old| step_of_item(list, old) == step);
        match (at, directive(value, "delete")) {
            (Some(at), true) => {
                merged.remove(at);
            }
            (Some(at), false) => {
                if let Some(old) = merged.get_mut(at) {
                    *old = strategic(item, old, value);
                }
            }
            (None, true) => {}
            (None, false) => merged.push(strategic(item, &Value::Null, value)),
        }
    }
    merged
}
