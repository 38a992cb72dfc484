//! Every way of writing an object: create, replace, server-side apply, patch and the status subresource, with what the real
//! server does on the way (defaults, ownership, checks, generation, and nothing at all when nothing changes).

use super::{
    catalog::Kind,
    cel, defaults, identity,
    managed::{Apply, Endpoint, Operation, Owners, Writer},
    rules,
    state::{State, holds_back},
    status::ApiError,
    store::Key,
    typed, validate,
    validate::Unreadable,
    webhooks,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What happens to fields that the kind does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Strictness {
    /// They are refused.
    Strict,
    /// They are dropped, with a warning. This is what the real server does unless told otherwise.
    #[default]
    Warn,
    /// They are dropped.
    Ignore,
}

/// What is written, and where.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The kind.
    pub(super) kind: Arc<Kind>,
    /// The version spoken, such as `v1beta1`.
    pub(super) version: String,
    /// The namespace; empty for objects of the cluster.
    pub(super) namespace: String,
    /// The name; empty where the object brings it along.
    pub(super) name: String,
}

impl Target {
    fn key(&self) -> Key {
        Key::new(&self.kind, &self.namespace, &self.name)
    }

    /// The version, as objects spell it.
    pub(super) fn api_version(&self) -> String {
        self.kind.spell(&self.version)
    }

    /// How errors about applied objects name it.
    fn described(&self) -> String {
        let place = if self.namespace.is_empty() { "/".to_owned() } else { format!("{}/", self.namespace) };
        format!("{place}{}; {}", self.name, self.typed())
    }

    /// Its version and kind, as errors spell them.
    fn typed(&self) -> String {
        identity::typed(&self.api_version(), &self.kind.kind)
    }
}

/// How it is written.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// The field manager.
    pub(super) manager: String,
    /// Which part of the object is written.
    pub(super) endpoint: Endpoint,
    /// Whether it is only tried.
    pub(super) dry_run: bool,
    /// What happens to unknown fields.
    pub(super) strictness: Strictness,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// The object as it is now.
    pub(super) object: Value,
    /// Whether it is new.
    pub(super) created: bool,
    /// What the caller is warned of.
    pub(super) warnings: Vec<String>,
}

/// How an object is patched.
#[derive(Clone, Debug)]
pub(super) enum Patch {
    /// RFC 7386.
    Merge(Value),
    /// RFC 6902.
    Json(Value),
    /// Kubernetes' own merge that knows the keys of lists.
    Strategic(Value),
}

/// Now, as Kubernetes writes times.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Options {
    fn writer(&self, target: &Target, operation: Operation) -> Writer {
        let subresource = if self.endpoint == Endpoint::Status { "status" } else { "" };
        Writer {
            manager: self.manager.clone(),
            operation,
            api_version: target.api_version(),
            subresource: subresource.to_owned(),
        }
    }
}

/// Makes a new object.
pub(super) fn create(
    state: &mut State,
    mut target: Target,
    object: Value,
    options: &Options,
) -> Result<Outcome, ApiError> {
    let mut warnings = Vec::new();
    let mut object = decode(&target, object, options, &mut warnings)?;
    target.name = name_of(&mut object);
    state.must_accept_new_content(&target.kind, &target.namespace, &target.name)?;
    if !target.name.is_empty() && state.store.get(&target.key()).is_some() {
        return Err(ApiError::already_exists(&target.kind, &target.name));
    }
    if object.pointer("/metadata/resourceVersion").and_then(Value::as_str).is_some_and(|version| !version.is_empty()) {
        return Err(ApiError::plain(500, "", "resourceVersion should not be set on objects to be created"));
    }
    if options.endpoint != Endpoint::Everything && target.kind.status {
        forget(&mut object, "status");
    }
    defaults::fill_in(&target.kind, &mut object);
    let mut owners = Owners::default();
    let empty = defaults::nothing(&target.kind, skeleton(&target));
    let writer = options.writer(&target, Operation::Update);
    owners.update(&target.kind.schema, &empty, &object, &writer, options.endpoint, &now());
    finish(state, &target, options, None, object, &owners, warnings)
}

/// `managedFields` of an object that is sent and not kept.
pub(super) fn owners_of_new(target: &Target, object: &Value, options: &Options) -> Value {
    let mut owners = Owners::default();
    let writer = options.writer(target, Operation::Update);
    owners.update(
        &target.kind.schema,
        &defaults::nothing(&target.kind, skeleton(target)),
        object,
        &writer,
        options.endpoint,
        &now(),
    );
    owners.to_value()
}

/// Puts an object in the place of the one that is there.
pub(super) fn replace(
    state: &mut State,
    target: &Target,
    object: Value,
    options: &Options,
) -> Result<Outcome, ApiError> {
    let live = state.existing(&target.kind, &target.namespace, &target.name)?;
    let mut warnings = Vec::new();
    let object = decode(target, object, options, &mut warnings)?;
    update(state, target, &live, object, options, warnings)
}

/// Changes an object by a patch.
pub(super) fn patch(state: &mut State, target: &Target, patch: &Patch, options: &Options) -> Result<Outcome, ApiError> {
    let live = state.existing(&target.kind, &target.namespace, &target.name)?;
    let spoken = in_version(&live, &target.kind, &target.version);
    let patched = super::patch::patched(&target.kind.schema, &spoken, patch)?;
    let mut warnings = Vec::new();
    let unknown = validate::unknown_fields(&target.kind, &patched);
    let object = match options.strictness {
        Strictness::Strict if !unknown.is_empty() => {
            return Err(patch_error(patch, &patched, &strict_decoding(&unknown)));
        }
        Strictness::Warn => {
            warnings.extend(unknown.iter().map(|field| format!("unknown field {field:?}")));
            validate::without_unknown(&target.kind.schema, &patched)
        }
        Strictness::Strict | Strictness::Ignore => validate::without_unknown(&target.kind.schema, &patched),
    };
    if let Some(problem) = unreadable(target, &object) {
        return Err(patch_error(patch, &patched, &problem.to_string()));
    }
    let object = decode(target, object, options, &mut warnings)?;
    update(state, target, &live, object, options, warnings)
}

/// What came of a patch cannot be read. The real server shows it, as Go prints it.
fn patch_error(patch: &Patch, patched: &Value, why: &str) -> ApiError {
    let shown = match patch {
        Patch::Merge(_) | Patch::Json(_) => patched.to_string(),
        Patch::Strategic(body) => body.to_string(),
    };
    let cause = super::status::invalid("patch", &json!(shown), why);
    let mut error = ApiError::plain(422, "Invalid", format!(" \"\" is invalid: patch: {}", cause.message));
    error.causes = vec![cause];
    error
}

fn strict_decoding(unknown: &[String]) -> String {
    let fields: Vec<String> = unknown.iter().map(|field| format!("unknown field {field:?}")).collect();
    format!("strict decoding error: {}", fields.join(", "))
}

fn update(
    state: &mut State,
    target: &Target,
    live: &Arc<Value>,
    mut object: Value,
    options: &Options,
    warnings: Vec<String>,
) -> Result<Outcome, ApiError> {
    identity::check_preconditions(target, live, &object)?;
    carry_over(target, live, &mut object, options.endpoint);
    defaults::fill_in(&target.kind, &mut object);
    let mut owners = match object.pointer("/metadata/managedFields").and_then(Value::as_array).map(Vec::as_slice) {
        // The documented way of clearing the bookkeeping.
        Some([only]) if only.as_object().is_some_and(Map::is_empty) => Owners::default(),
        Some([_, ..]) => Owners::of(&object),
        _ => Owners::of(live),
    };
    let writer = options.writer(target, Operation::Update);
    owners.update(&target.kind.schema, live, &object, &writer, options.endpoint, &now());
    finish(state, target, options, Some(live), object, &owners, warnings)
}

/// Server-side apply.
pub(super) fn apply(
    state: &mut State,
    target: &Target,
    object: Value,
    force: bool,
    options: &Options,
) -> Result<Outcome, ApiError> {
    identity::check_applied_type(target, &object)?;
    identity::check_place(target, &object)?;
    if object.pointer("/metadata/managedFields").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let live = state.store.get(&target.key()).cloned();
    if live.is_none() && options.endpoint == Endpoint::Status {
        return Err(ApiError::not_found(&target.kind, &target.name));
    }
    let applied = validate::without_nulls(object);
    if let Some(problem) = typed::problem(&target.kind.schema, &applied) {
        let message = format!("failed to create typed patch object ({}): {problem}", target.described());
        return Err(ApiError::plain(500, "", message));
    }
    identity::check_applied_identity(target, live.as_deref(), &applied)?;
    let base = live.as_ref().map_or_else(|| skeleton(target), |live| in_version(live, &target.kind, &target.version));
    let applied = applied_part(applied, target, options.endpoint);
    let writer = options.writer(target, Operation::Apply);
    let mut owners = Owners::of(&base);
    let request = Apply { writer: &writer, force, endpoint: options.endpoint, exists: live.is_some(), now: &now() };
    let mut object = owners.apply(&target.kind.schema, &base, &applied, &request)?;
    if let Some(problem) = unreadable(target, &object) {
        let reader = if matches!(problem, Unreadable::Bytes(_)) { "error decoding from json: " } else { "" };
        let message = format!(
            "failed to convert new object ({}) to proper version: unable to convert unstructured object to {}: \
             {reader}{problem}",
            target.described(),
            target.typed()
        );
        return Err(ApiError::plain(500, "", message));
    }
    match &live {
        Some(live) => carry_over(target, live, &mut object, options.endpoint),
        None => state.must_accept_new_content(&target.kind, &target.namespace, &target.name)?,
    }
    defaults::fill_in(&target.kind, &mut object);
    finish(state, target, options, live.as_ref(), object, &owners, Vec::new())
}

/// What cannot be read of a built-in kind's object; of others everything can.
fn unreadable(target: &Target, object: &Value) -> Option<Unreadable> {
    if target.kind.is_custom() { None } else { validate::unreadable_value(&target.kind.schema, object) }
}

/// What of an applied object the endpoint writes.
fn applied_part(mut applied: Value, target: &Target, endpoint: Endpoint) -> Value {
    match endpoint {
        Endpoint::Object { has_status: true } => forget(&mut applied, "status"),
        Endpoint::Status => {
            let status = applied.get("status").cloned();
            applied = skeleton(target);
            if let Some(status) = status {
                set(&mut applied, "status", status);
            }
        }
        Endpoint::Object { has_status: false } | Endpoint::Everything => {}
    }
    if let Some(Value::Object(metadata)) = applied.get_mut("metadata") {
        for key in ["resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink"] {
            metadata.remove(key);
        }
    }
    applied
}

/// Reads a whole object that was sent: is it the kind, does it fit, which fields are not known.
fn decode(target: &Target, object: Value, options: &Options, warnings: &mut Vec<String>) -> Result<Value, ApiError> {
    identity::check_type(target, &object)?;
    identity::check_place(target, &object)?;
    let object = validate::without_nulls(object);
    let kind = &target.kind;
    let handled_as = format!("{} in version {:?} cannot be handled as a {}", kind.kind, target.version, kind.kind);
    let unknown = validate::unknown_fields(kind, &object);
    match options.strictness {
        Strictness::Strict if !unknown.is_empty() => {
            return Err(ApiError::bad_request(format!("{handled_as}: {}", strict_decoding(&unknown))));
        }
        Strictness::Warn => warnings.extend(unknown.iter().map(|field| format!("unknown field {field:?}"))),
        Strictness::Strict | Strictness::Ignore => {}
    }
    let mut object = validate::without_unknown(&kind.schema, &object);
    if !kind.is_custom()
        && let Some(problem) = validate::unmarshal_problem(kind, &object)
    {
        return Err(ApiError::bad_request(format!("{handled_as}: {problem}")));
    }
    if let Some(problem) = unreadable(target, &object) {
        return Err(ApiError::bad_request(format!("{handled_as}: {problem}")));
    }
    set(&mut object, "apiVersion", json!(target.api_version()));
    set(&mut object, "kind", json!(kind.kind));
    if kind.namespaced {
        metadata_of(&mut object).insert("namespace".to_owned(), json!(target.namespace));
    } else {
        metadata_of(&mut object).remove("namespace");
    }
    Ok(object)
}

/// What no caller can change is taken from the live object, and so is the part that this endpoint does not write.
fn carry_over(target: &Target, live: &Value, object: &mut Value, endpoint: Endpoint) {
    match endpoint {
        Endpoint::Object { has_status: true } => match live.get("status") {
            Some(status) => set(object, "status", status.clone()),
            None => forget(object, "status"),
        },
        Endpoint::Status => {
            let status = object.get("status").cloned();
            let managed = object.pointer("/metadata/managedFields").cloned();
            *object = in_version(live, &target.kind, &target.version);
            match status {
                Some(status) => set(object, "status", status),
                None => forget(object, "status"),
            }
            if let Some(managed) = managed {
                metadata_of(object).insert("managedFields".to_owned(), managed);
            }
        }
        Endpoint::Everything => {
            if let (None, Some(status)) = (object.get("status"), live.get("status")) {
                set(object, "status", status.clone());
            }
        }
        Endpoint::Object { has_status: false } => {}
    }
    set(object, "apiVersion", json!(target.api_version()));
    set(object, "kind", json!(target.kind.kind));
    let metadata = metadata_of(object);
    for key in [
        "name",
        "namespace",
        "generateName",
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        match live.pointer(&format!("/metadata/{key}")) {
            Some(value) => metadata.insert(key.to_owned(), value.clone()),
            None => metadata.remove(key),
        };
    }
}

/// The common end of every write.
fn finish(
    state: &mut State,
    target: &Target,
    options: &Options,
    live: Option<&Arc<Value>>,
    mut object: Value,
    owners: &Owners,
    mut warnings: Vec<String>,
) -> Result<Outcome, ApiError> {
    let kind = &target.kind;
    let mut target = target.clone();
    if live.is_none() {
        if target.name.is_empty() {
            target.name = generated_name(&object);
        }
        stamp(&target, &mut object);
    }
    rules::prepare(state, kind, live.map(AsRef::as_ref), &mut object);
    defaults::show_status(kind, &mut object);
    number_generation(kind, live.map(AsRef::as_ref), &mut object);
    let mut causes = validate::violations(kind, &object, options.endpoint == Endpoint::Status);
    causes.extend(cel::violations(kind, &object, &causes));
    let causes = if causes.is_empty() { rules::violations(kind, live.map(AsRef::as_ref), &object) } else { causes };
    if !causes.is_empty() {
        return Err(ApiError::invalid(kind, &target.name, causes));
    }
    if options.endpoint != Endpoint::Status {
        warnings.extend(webhooks::admit(kind, &object)?);
    }
    set_owners(&mut object, live.map(AsRef::as_ref), owners);
    let stored = in_version(&object, kind, kind.versions.first().map_or("v1", String::as_str));
    let created = live.is_none();
    let result = commit(state, &target, options, live, stored);
    Ok(Outcome { object: in_version(&result, kind, &target.version), created, warnings })
}

fn commit(
    state: &mut State,
    target: &Target,
    options: &Options,
    live: Option<&Arc<Value>>,
    mut stored: Value,
) -> Arc<Value> {
    let key = target.key();
    if let Some(live) = live {
        let version = live.pointer("/metadata/resourceVersion").cloned().unwrap_or(Value::Null);
        metadata_of(&mut stored).insert("resourceVersion".to_owned(), version);
        if stored == **live {
            return live.clone();
        }
    } else {
        metadata_of(&mut stored).remove("resourceVersion");
    }
    if options.dry_run {
        return Arc::new(stored);
    }
    let leaving = stored.pointer("/metadata/deletionTimestamp").is_some();
    if leaving && !holds_back(&stored) {
        return state.remove(&key).unwrap_or_else(|| Arc::new(stored));
    }
    let stored = state.store.put(key, stored);
    state.after_change();
    stored
}

/// Owners who only wrote the same again at another time are no change.
fn set_owners(object: &mut Value, live: Option<&Value>, owners: &Owners) {
    let kept = live
        .filter(|live| Owners::of(live).is_same_as(owners))
        .and_then(|live| live.pointer("/metadata/managedFields"));
    let managed = kept.cloned().unwrap_or_else(|| owners.to_value());
    let metadata = metadata_of(object);
    if managed.as_array().is_some_and(Vec::is_empty) {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), managed);
    }
}

fn stamp(target: &Target, object: &mut Value) {
    let metadata = metadata_of(object);
    metadata.insert("name".to_owned(), json!(target.name));
    if target.kind.namespaced {
        metadata.insert("namespace".to_owned(), json!(target.namespace));
    }
    metadata.insert("uid".to_owned(), json!(uuid::Uuid::new_v4().to_string()));
    metadata.insert("creationTimestamp".to_owned(), json!(now()));
    for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        metadata.remove(key);
    }
}

/// Kinds that count the changes of what is wanted.
fn counts_generations(kind: &Kind) -> bool {
    kind.is_custom()
        || matches!(
            kind.kind.as_str(),
            "Deployment"
                | "ReplicaSet"
                | "NetworkPolicy"
                | "PodDisruptionBudget"
                | "Pod"
                | "CustomResourceDefinition"
                | "ValidatingWebhookConfiguration"
                | "MutatingWebhookConfiguration"
        )
}

fn number_generation(kind: &Kind, live: Option<&Value>, object: &mut Value) {
    if !counts_generations(kind) {
        metadata_of(object).remove("generation");
        return;
    }
    let before = live.and_then(|live| live.pointer("/metadata/generation")).and_then(Value::as_u64).unwrap_or(0);
    let changed = live.is_none_or(|live| {
        let wanted = |value: &Value| {
            let mut wanted = value.as_object().cloned().unwrap_or_default();
            for key in ["apiVersion", "kind", "metadata", "status"] {
                wanted.remove(key);
            }
            wanted
        };
        wanted(live) != wanted(object)
    });
    metadata_of(object).insert("generation".to_owned(), json!(before + u64::from(changed)));
}

fn name_of(object: &mut Value) -> String {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn generated_name(object: &Value) -> String {
    let prefix = object.pointer("/metadata/generateName").and_then(Value::as_str).unwrap_or_default();
    if prefix.is_empty() {
        return String::new();
    }
    // The letters the real server uses: none that make words or are mistaken for others.
    let alphabet = b"bcdfghjklmnpqrstvwxz2456789";
    let random = uuid::Uuid::new_v4();
    let suffix = random.as_bytes().iter().take(5).filter_map(|byte| alphabet.get(usize::from(*byte) % alphabet.len()));
    format!("{prefix}{}", suffix.map(|letter| char::from(*letter)).collect::<String>())
}

/// An object of which nothing is known but what and where it is.
fn skeleton(target: &Target) -> Value {
    let mut metadata = json!({"name": target.name});
    if target.kind.namespaced {
        metadata["namespace"] = json!(target.namespace);
    }
    json!({"apiVersion": target.api_version(), "kind": target.kind.kind, "metadata": metadata})
}

/// The object as it is spelled in a version; the versions we serve differ in nothing else.
pub(super) fn in_version(object: &Value, kind: &Kind, version: &str) -> Value {
    let mut object = object.clone();
    set(&mut object, "apiVersion", json!(kind.spell(version)));
    object
}

/// The metadata, made if it is not there.
pub(super) fn metadata_of(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    match metadata {
        Value::Object(map) => map,
        _ => unreachable!("it was made an object just now"),
    }
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = object {
        map.insert(key.to_owned(), value);
    }
}

fn forget(object: &mut Value, key: &str) {
    if let Value::Object(map) = object {
        map.remove(key);
    }
}
