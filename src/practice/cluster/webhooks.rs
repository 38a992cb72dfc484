//! What the validating webhooks of Istio and cert-manager refuse, beyond the shape of their kinds.

mod cert_manager;
mod istio;

use super::{catalog::Kind, status::ApiError};
use serde_json::Value;

/// What a webhook says of an object.
#[derive(Debug, Default)]
struct Verdict {
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Verdict {
    fn refuse(&mut self, why: impl Into<String>) {
        self.errors.push(why.into());
    }

    fn refuse_if(&mut self, wrong: bool, why: &str) {
        if wrong {
            self.refuse(why);
        }
    }
}

/// Asks the webhook that watches over a kind; answers its warnings.
pub(super) fn admit(kind: &Kind, object: &Value) -> Result<Vec<String>, ApiError> {
    let verdict = if kind.group.ends_with("istio.io") {
        istio::review(kind, object)
    } else if kind.group == "cert-manager.io" {
        cert_manager::review(kind, object)
    } else {
        return Ok(Vec::new());
    };
    if verdict.errors.is_empty() {
        return Ok(verdict.warnings);
    }
    Err(if kind.group == "cert-manager.io" {
        let listed = if let [one] = verdict.errors.as_slice() {
            one.clone()
        } else {
            format!("[{}]", verdict.errors.join(", "))
        };
        let message = format!("admission webhook \"webhook.cert-manager.io\" denied the request: {listed}");
        ApiError::plain(406, "NotAcceptable", message)
    } else {
        let listed = several(&verdict.errors);
        let message =
            format!("admission webhook \"validation.istio.io\" denied the request: configuration is invalid: {listed}");
        ApiError::plain(400, "", message)
    })
}

/// As Istio lists errors.
fn several(errors: &[String]) -> String {
    match errors {
        [one] => one.clone(),
        several => {
            let lines: Vec<String> = several.iter().map(|error| format!("\t* {error}")).collect();
            format!("{} errors occurred:\n{}\n\n", several.len(), lines.join("\n"))
        }
    }
}

/// The items of a list, none where there is no list.
fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// A text, empty where there is none.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Whether there is a list or map with something in it, or any other value.
fn has(value: &Value, pointer: &str) -> bool {
    match value.pointer(pointer) {
        None | Some(Value::Null) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests;
