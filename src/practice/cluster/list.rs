//! Lists: selectors and pages.

use super::{catalog::Kind, request::Query, state::State, status::ApiError, store::Key, write::in_version};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Which objects of a kind are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Clone, Debug)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selection {
    /// Reads `labelSelector` and `fieldSelector`.
    pub(super) fn read(kind: &Kind, query: &Query) -> Result<Self, ApiError> {
        let labels = query.get("labelSelector").map(read_labels).transpose()?.unwrap_or_default();
        let fields = query.get("fieldSelector").map(|text| read_fields(kind, text)).transpose()?.unwrap_or_default();
        Ok(Self { labels, fields })
    }

    /// Whether an object is meant.
    pub(super) fn includes(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"].get(key).and_then(Value::as_str);
        let labels = self.labels.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => {
                label(key).is_some_and(|value| values.iter().any(|allowed| allowed == value))
            }
            Requirement::NotIn(key, values) => {
                !label(key).is_some_and(|value| values.iter().any(|denied| denied == value))
            }
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
        });
        let field = |path: &str| {
            let pointer = format!("/{}", path.replace('.', "/"));
            object
                .pointer(&pointer)
                .map_or_else(String::new, |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        labels && self.fields.iter().all(|(path, equal, wanted)| (field(path) == *wanted) == *equal)
    }
}

fn bad_selector(what: &str, text: &str) -> ApiError {
    ApiError::bad_request(format!("unable to parse requirement: {what}: {text:?}"))
}

/// Splits at commas outside of parentheses.
fn split_requirements(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .collect()
}

fn read_labels(text: &str) -> Result<Vec<Requirement>, ApiError> {
    split_requirements(text).into_iter().map(read_label).collect()
}

fn read_label(part: &str) -> Result<Requirement, ApiError> {
    let set = |values: &str| -> Option<Vec<String>> {
        let inside = values.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inside.split(',').map(|value| value.trim().to_owned()).collect())
    };
    let key = |text: &str| text.trim().to_owned();
    if let Some((name, values)) = part.split_once(" notin ") {
        return set(values)
            .map(|values| Requirement::NotIn(key(name), values))
            .ok_or_else(|| bad_selector("found no set", part));
    }
    if let Some((name, values)) = part.split_once(" in ") {
        return set(values)
            .map(|values| Requirement::In(key(name), values))
            .ok_or_else(|| bad_selector("found no set", part));
    }
    if let Some((name, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(key(name), vec![key(value)]));
    }
    if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement::In(key(name), vec![key(value)]));
    }
    match part.strip_prefix('!') {
        Some(name) => Ok(Requirement::Absent(key(name))),
        None if part.contains(char::is_whitespace) => Err(bad_selector("found unexpected text", part)),
        None => Ok(Requirement::Exists(key(part))),
    }
}

fn read_fields(kind: &Kind, text: &str) -> Result<Vec<(String, bool, String)>, ApiError> {
    let mut fields = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (path, equal, value) = if let Some((path, value)) = part.split_once("!=") {
            (path, false, value)
        } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (path, true, value)
        } else {
            return Err(ApiError::bad_request(format!("invalid selector: {text:?}; can't understand {part:?}")));
        };
        if !can_select(kind, path) {
            return Err(ApiError::bad_request(format!("field label not supported: {path}")));
        }
        fields.push((path.to_owned(), equal, value.to_owned()));
    }
    Ok(fields)
}

fn can_select(kind: &Kind, path: &str) -> bool {
    let own: &[&str] = match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
        ],
        ("", "Event") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("", "Secret") => &["type"],
        ("", "Namespace") => &["status.phase"],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        ("apps", "ReplicaSet") => &["status.replicas"],
        _ => &[],
    };
    path == "metadata.name" || (path == "metadata.namespace" && kind.namespaced) || own.contains(&path)
}

/// One page of a list.
pub(super) struct Page {
    /// The objects, in the version spoken.
    pub(super) items: Vec<Value>,
    /// The list's metadata.
    pub(super) metadata: Value,
}

/// Lists.
pub(super) fn page(
    state: &State,
    kind: &Kind,
    version: &str,
    namespace: Option<&str>,
    query: &Query,
) -> Result<Page, ApiError> {
    let selection = Selection::read(kind, query)?;
    let limit = query.get("limit").and_then(|limit| limit.parse::<usize>().ok()).filter(|limit| *limit > 0);
    let token = query.get("continue").map(Token::read).transpose()?;
    if let Some(token) = &token
        && token.revision < state.store.oldest_revision()
    {
        return Err(ApiError::plain(
            410,
            "Expired",
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter, or use the continue token in this response to retrieve the remainder of \
             the results.",
        ));
    }
    let after = token.as_ref().map(|token| Key::new(kind, &token.namespace, &token.name));
    let revision = token.as_ref().map_or_else(|| state.store.revision(), |token| token.revision);
    let mut matching = state
        .store
        .list(kind, namespace)
        .filter(|(key, object)| after.as_ref().is_none_or(|after| *key > after) && selection.includes(object));
    let mut items = Vec::new();
    let mut last = None;
    for (key, object) in matching.by_ref().take(limit.unwrap_or(usize::MAX)) {
        items.push(in_version(object, kind, version));
        last = Some(key.clone());
    }
    let remaining = matching.count();
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let Some(last) = last.filter(|_| remaining > 0) {
        let token = Token { revision, namespace: last.namespace, name: last.name };
        metadata["continue"] = json!(token.spell());
        if selection.labels.is_empty() && selection.fields.is_empty() {
            metadata["remainingItemCount"] = json!(remaining);
        }
    }
    Ok(Page { items, metadata })
}

struct Token {
    revision: u64,
    namespace: String,
    name: String,
}

impl Token {
    fn spell(&self) -> String {
        let value =
            json!({"v": "meta.k8s.io/v1", "rv": self.revision, "start": format!("{}/{}", self.namespace, self.name)});
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn read(text: &str) -> Result<Self, ApiError> {
        let read = || {
            let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (namespace, name) = value["start"].as_str()?.split_once('/')?;
            Some(Self { revision: value["rv"].as_u64()?, namespace: namespace.to_owned(), name: name.to_owned() })
        };
        read().ok_or_else(|| ApiError::bad_request("continue key is not valid: illegal base64 data"))
    }
}
