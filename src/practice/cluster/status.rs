//! What an API server says when it refuses: the `Status` object, with the reasons and texts of the real one.

use super::catalog::Kind;
use serde_json::{Value, json};

/// One of several things wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Such as `FieldValueRequired` or `FieldManagerConflict`.
    pub reason: &'static str,
    /// What is wrong.
    pub message: String,
    /// The field's path.
    pub field: String,
}

/// What a refusal is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The API group.
    pub group: String,
    /// The plural, or the kind where an object is not valid.
    pub kind: String,
    /// The object's name.
    pub name: String,
}

/// What somebody tries who may not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    /// Such as `create`.
    pub(super) verb: &'a str,
    /// The API group.
    pub(super) group: &'a str,
    /// The plural, with `/SUBRESOURCE` for one.
    pub(super) resource: &'a str,
    /// The namespace, where there is one.
    pub(super) namespace: Option<&'a str>,
    /// The object's name; empty for collections.
    pub(super) name: &'a str,
}

/// A refusal, as the API server words it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status.
    pub code: u16,
    /// The machine-readable reason, such as `NotFound`; empty where the real server gives none.
    pub reason: &'static str,
    /// What a person reads.
    pub message: String,
    /// What was asked for.
    pub about: Option<Box<About>>,
    /// Everything that is wrong, for `Invalid` and field conflicts.
    pub causes: Vec<Cause>,
    /// After how many seconds to try again.
    pub retry_after_seconds: Option<u32>,
}

impl ApiError {
    /// An error that is about no object.
    pub(super) fn plain(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), about: None, causes: Vec::new(), retry_after_seconds: None }
    }

    pub(super) fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        self.about = Some(Box::new(About { group: group.to_owned(), kind: kind.to_owned(), name: name.to_owned() }));
        self
    }

    /// The path leads nowhere within a group that the server has.
    pub(super) fn no_such_path() -> Self {
        Self::plain(404, "NotFound", "the server could not find the requested resource").about("", "", "")
    }

    /// The path leads nowhere, and nobody is there to say so but the server of pages.
    pub(super) fn no_page() -> Self {
        Self::plain(404, "", "404 page not found")
    }

    /// Whether the answer is a page and no `Status`.
    pub(super) fn is_page(&self) -> bool {
        self.code == 404 && self.reason.is_empty()
    }

    /// 404: there is no such object.
    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::plain(404, "NotFound", format!("{} {name:?} not found", kind.resource())).about(
            &kind.group,
            &kind.plural,
            name,
        )
    }

    /// 404: the namespace that an object is to be made in does not exist.
    pub(super) fn no_namespace(namespace: &str) -> Self {
        Self::plain(404, "NotFound", format!("namespaces {namespace:?} not found")).about("", "namespaces", namespace)
    }

    /// 409: there is such an object already.
    pub(super) fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::plain(409, "AlreadyExists", format!("{} {name:?} already exists", kind.resource())).about(
            &kind.group,
            &kind.plural,
            name,
        )
    }

    /// 409: the object changed since it was read, or a precondition failed.
    pub(super) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        Self::plain(409, "Conflict", format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.resource()))
            .about(&kind.group, &kind.plural, name)
    }

    /// 409: a deletion is meant for another object, which it names by its kind.
    pub(super) fn unmet_precondition(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.qualified());
        Self::plain(409, "Conflict", message).about(&kind.group, &kind.kind, name)
    }

    /// 409: the object changed since it was read.
    pub(super) fn stale(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409: others own fields that were applied.
    pub(super) fn apply_conflict(causes: Vec<Cause>, message: String) -> Self {
        let mut error = Self::plain(409, "Conflict", message);
        error.causes = causes;
        error
    }

    /// 422: the object is not valid.
    pub(super) fn invalid(kind: &Kind, name: &str, causes: Vec<Cause>) -> Self {
        let message = format!("{} {name:?} is invalid: {}", kind.qualified(), spell_out(&causes));
        let mut error = Self::plain(422, "Invalid", message).about(&kind.group, &kind.kind, name);
        error.causes = causes;
        error
    }

    /// 400.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(400, "BadRequest", message)
    }

    /// 403 with the real server's words.
    pub(super) fn forbidden(attempt: &Attempt<'_>, user: &str) -> Self {
        let Attempt { verb, group, resource, namespace, name } = attempt;
        let plural = resource.split('/').next().unwrap_or_default();
        let qualified = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        let named = if name.is_empty() { String::new() } else { format!(" {name:?}") };
        let scope = namespace
            .map_or_else(|| "at the cluster scope".to_owned(), |namespace| format!("in the namespace {namespace:?}"));
        let message = format!(
            "{qualified}{named} is forbidden: User {user:?} cannot {verb} resource {resource:?} in API group {group:?} {scope}"
        );
        Self::plain(403, "Forbidden", message).about(group, plural, name)
    }

    /// 403 from the admission of namespaced objects: the namespace is going away.
    pub(super) fn namespace_terminating(kind: &Kind, name: &str, namespace: &str) -> Self {
        let mut error = Self::plain(
            403,
            "Forbidden",
            format!(
                "{} {name:?} is forbidden: unable to create new content in namespace {namespace} because it is being \
                 terminated",
                kind.resource()
            ),
        )
        .about(&kind.group, &kind.plural, name);
        error.causes = vec![Cause {
            reason: "NamespaceTerminating",
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".to_owned(),
        }];
        error
    }

    /// The `Status` object that is sent.
    pub(super) fn to_value(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        let mut details = serde_json::Map::new();
        if let Some(about) = &self.about {
            for (key, value) in [("name", &about.name), ("group", &about.group), ("kind", &about.kind)] {
                if !value.is_empty() {
                    details.insert(key.to_owned(), json!(value));
                }
            }
        }
        if !self.causes.is_empty() {
            let causes = self.causes.iter();
            let causes: Vec<Value> = causes
                .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
                .collect();
            details.insert("causes".to_owned(), json!(causes));
        }
        if let Some(seconds) = self.retry_after_seconds {
            details.insert("retryAfterSeconds".to_owned(), json!(seconds));
        }
        if self.about.is_some() || !details.is_empty() {
            status["details"] = Value::Object(details);
        }
        status["code"] = json!(self.code);
        status
    }
}

/// One cause is written as it is, several in brackets, like the real server's aggregate errors.
fn spell_out(causes: &[Cause]) -> String {
    let texts: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    match texts.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// `Required value`, with an explanation where there is one.
pub(super) fn required(field: impl Into<String>, why: &str) -> Cause {
    let message = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
    Cause { reason: "FieldValueRequired", message, field: field.into() }
}

/// `Invalid value`.
pub(super) fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Cause {
    Cause { reason: "FieldValueInvalid", message: format!("Invalid value: {value}: {why}"), field: field.into() }
}

/// `Unsupported value`, naming what is supported.
pub(super) fn unsupported(field: impl Into<String>, value: &Value, supported: &[String]) -> Cause {
    let listed: Vec<String> = supported.iter().map(|text| format!("{text:?}")).collect();
    Cause {
        reason: "FieldValueNotSupported",
        message: format!("Unsupported value: {value}: supported values: {}", listed.join(", ")),
        field: field.into(),
    }
}
