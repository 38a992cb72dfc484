//! Requests to a Kubernetes API that `*.yaml` beside this file name, and what is compared of the answers.
//!
//! Two tests read them: the practice cluster's own, which keeps its answers as snapshots, and `tests/real`, which asks the
//! real API server the same and demands the same answers.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The objects that requests are about, by the names that the tables use.
const OBJECTS: &str = include_str!("objects.yaml");

/// Requests that belong together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// What they are about.
    pub(crate) about: String,
    /// The objects that are there before, made in this order.
    pub(crate) given: Vec<String>,
    /// What the caller may not do in the practice cluster, once everything is there.
    #[serde(default)]
    pub(crate) denied: Value,
    /// What the caller may do in the real one; everything, where nothing is said. The practice ground takes rights away instead.
    #[serde(default)]
    pub(crate) granted: Value,
    /// The requests, in their order.
    pub(crate) rows: Vec<Row>,
}

/// One request.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Row {
    /// What it tries.
    pub(crate) when: String,
    #[serde(flatten)]
    verb: Verb,
    /// Why the practice ground answers something else; absent where it must be the same.
    #[serde(default)]
    pub(crate) differs: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verb {
    /// Server-side apply of an object.
    Apply(Written),
    /// `POST` of an object.
    Create(Written),
    /// `PUT` of an object as it is there, changed.
    Replace(Written),
    /// Whatever is said.
    Send(Sent),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Which object.
    object: String,
    /// What is changed of it before, as a JSON patch (RFC 6902).
    #[serde(default)]
    change: Value,
    /// The field manager.
    #[serde(default = "gatewright")]
    manager: String,
    /// Whether it is done and not only tried.
    #[serde(default)]
    really: bool,
    /// More of the query.
    #[serde(default)]
    query: String,
}

fn gatewright() -> String {
    "gatewright".to_owned()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    /// The method and the path; `{deployment}` is that object's own path.
    request: String,
    /// The type of the body.
    #[serde(default)]
    content_type: Option<String>,
    /// The body: a text is sent as it is, anything else as JSON.
    #[serde(default)]
    body: Value,
}

/// What goes over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) content_type: Option<String>,
    pub(crate) body: String,
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) warnings: Vec<String>,
    pub(crate) body: String,
}

impl Table {
    /// Reads a table.
    pub(crate) fn read(yaml: &str) -> Self {
        serde_saphyr::from_str(yaml).unwrap()
    }

    /// Makes what is to be there.
    pub(crate) async fn prepare(&self, world: &impl AsyncFn(Request) -> Answer) {
        for name in &self.given {
            let request = Written { really: true, ..Written::of(name) }.apply();
            let answer = world(request).await;
            assert!(answer.status < 300, "{name}: {answer:?}");
        }
    }

    /// Sends the requests; answers what is compared of each answer.
    pub(crate) async fn play(&self, world: &impl AsyncFn(Request) -> Answer) -> Vec<Value> {
        let mut answers = Vec::new();
        for row in &self.rows {
            let request = row.verb.request(world).await;
            answers.push(compared(&world(request).await));
        }
        answers
    }
}

/// Asks a server that is in this process.
pub(crate) async fn ask(server: axum::Router, request: Request) -> Answer {
    use axum::{body, http};
    use tower::ServiceExt as _;
    let mut builder = http::Request::builder().method(request.method.as_str()).uri(&request.path);
    if let Some(content_type) = &request.content_type {
        builder = builder.header("content-type", content_type);
    }
    let response = server.oneshot(builder.body(body::Body::from(request.body)).unwrap()).await.unwrap();
    let texts = |name: &str| -> Vec<String> {
        response.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let (status, warnings, content_type) =
        (response.status().as_u16(), texts("warning"), texts("content-type").concat());
    let body = body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Answer { status, content_type, warnings, body: String::from_utf8(body.to_vec()).unwrap() }
}

impl Verb {
    async fn request(&self, world: &impl AsyncFn(Request) -> Answer) -> Request {
        match self {
            Self::Apply(written) => written.apply(),
            Self::Create(written) => {
                let object = written.changed(object(&written.object));
                let path = path_of(&object);
                let path = path.rsplit_once('/').unwrap().0;
                written.request("POST", path, "application/json", &object)
            }
            Self::Replace(written) => {
                let path = path_of(&object(&written.object));
                let read =
                    Request { method: "GET".to_owned(), path: path.clone(), content_type: None, body: String::new() };
                let live = serde_json::from_str(&world(read).await.body).unwrap();
                written.request("PUT", &path, "application/json", &written.changed(live))
            }
            Self::Send(sent) => sent.request(),
        }
    }
}

impl Written {
    fn of(object: &str) -> Self {
        Self {
            object: object.to_owned(),
            change: Value::Null,
            manager: gatewright(),
            really: false,
            query: String::new(),
        }
    }

    fn changed(&self, mut object: Value) -> Value {
        if self.change != Value::Null {
            let change: json_patch::Patch = serde_json::from_value(self.change.clone()).unwrap();
            json_patch::patch(&mut object, &change).unwrap();
        }
        object
    }

    fn apply(&self) -> Request {
        let object = self.changed(object(&self.object));
        self.request("PATCH", &path_of(&object), "application/apply-patch+yaml", &object)
    }

    fn request(&self, method: &str, path: &str, content_type: &str, object: &Value) -> Request {
        let mut query = vec![format!("fieldManager={}", self.manager)];
        if !self.query.contains("fieldValidation") {
            query.push("fieldValidation=Strict".to_owned());
        }
        if !self.really {
            query.push("dryRun=All".to_owned());
        }
        if !self.query.is_empty() {
            query.push(self.query.clone());
        }
        Request {
            method: method.to_owned(),
            path: format!("{path}?{}", query.join("&")),
            content_type: Some(content_type.to_owned()),
            body: object.to_string(),
        }
    }
}

impl Sent {
    fn request(&self) -> Request {
        let (method, path) = self.request.split_once(' ').unwrap();
        let path = match path.split_once('{') {
            Some((before, rest)) => {
                let (name, after) = rest.split_once('}').unwrap();
                format!("{before}{}{after}", path_of(&object(name)))
            }
            None => path.to_owned(),
        };
        let body = match &self.body {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let usual = (!body.is_empty()).then(|| "application/json".to_owned());
        Request { method: method.to_owned(), path, content_type: self.content_type.clone().or(usual), body }
    }
}

/// All objects of the tables, by their names.
pub(crate) fn objects() -> BTreeMap<String, Value> {
    serde_saphyr::from_str(OBJECTS).unwrap()
}

fn object(name: &str) -> Value {
    objects().get(name).cloned().unwrap_or_else(|| panic!("objects.yaml names no {name:?}"))
}

/// The path of an object.
pub(crate) fn path_of(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap();
    let version = text("/apiVersion");
    let root = if version.contains('/') { "/apis" } else { "/api" };
    let kind = text("/kind").to_lowercase();
    let plural = match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with('a') => format!("{stem}ies"),
        _ => format!("{kind}s"),
    };
    let place = object.pointer("/metadata/namespace").and_then(Value::as_str);
    let place = place.map_or_else(String::new, |namespace| format!("namespaces/{namespace}/"));
    format!("{root}/{version}/{place}{plural}/{}", text("/metadata/name"))
}

/// What of an answer is compared.
fn compared(answer: &Answer) -> Value {
    // What is watched comes line by line.
    let lines =
        || answer.body.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>().map(Value::Array);
    let body = serde_json::from_str(&answer.body).or_else(|_| lines());
    let mut body = body.unwrap_or_else(|_| json!(answer.body));
    forget(&mut body);
    let mut compared = Map::new();
    compared.insert("status".to_owned(), json!(answer.status));
    if answer.content_type != "application/json" {
        compared.insert("type".to_owned(), json!(answer.content_type));
    }
    if !answer.warnings.is_empty() {
        compared.insert("warnings".to_owned(), json!(answer.warnings));
    }
    compared.insert("body".to_owned(), body);
    Value::Object(compared)
}

/// Puts words in the place of what is another in every world: what identifies an object or its version, times, and addresses.
pub(crate) fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                let is_another = matches!(
                    name.as_str(),
                    "uid"
                        | "resourceVersion"
                        | "creationTimestamp"
                        | "deletionTimestamp"
                        | "time"
                        | "clusterIP"
                        | "clusterIPs"
                );
                if is_another && !field.is_object() {
                    *field = json!(format!("a {name}"));
                } else {
                    forget(field);
                }
            }
            // Conflicts come in no order.
            if let Some(Value::Array(causes)) = fields.get_mut("causes") {
                causes.sort_by_key(|cause| {
                    let is_conflict = cause["reason"] == "FieldManagerConflict";
                    is_conflict.then(|| cause["field"].as_str().unwrap_or_default().to_owned())
                });
            }
            fields.sort_keys();
        }
        Value::Array(values) => values.iter_mut().for_each(forget),
        Value::String(text) if text.len() > 30 => *text = forget_identity(text),
        _ => {}
    }
}

/// The identity, version and times of an object that a sentence names; those that the tables name begin with eight ones, and stay.
fn forget_identity(text: &str) -> String {
    let identity = regex::Regex::new(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap();
    let spelled = |found: &regex::Captures<'_>| {
        let found = found.get(0).unwrap().as_str();
        if found.starts_with("11111111-") { found.to_owned() } else { "its uid".to_owned() }
    };
    let text = identity.replace_all(text, spelled);
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    let text = time.replace_all(&text, "a time");
    let version = regex::Regex::new(r"ResourceVersion in record \(\d+\)").unwrap();
    version.replace_all(&text, "ResourceVersion in record (its version)").into_owned()
}
