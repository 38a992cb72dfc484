//! Who owns which fields: server-side apply and the bookkeeping of every other write, after Kubernetes' own rules.

use super::{
    fields::{Comparison, FieldSet, compare},
    merge::{merge, remove},
    schema::Schema,
    status::{ApiError, Cause},
};
use serde_json::{Value, json};

/// How a manager wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// By server-side apply.
    Apply,
    /// Any other way.
    Update,
}

impl Operation {
    fn spelled(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// Who writes, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    /// The manager's name.
    pub(super) manager: String,
    /// How it writes.
    pub(super) operation: Operation,
    /// In which version.
    pub(super) api_version: String,
    /// Through which subresource; empty for the object itself.
    pub(super) subresource: String,
}

impl Writer {
    /// Appliers are the same in every version, others are not.
    fn is_same_as(&self, other: &Self) -> bool {
        self.manager == other.manager
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// As conflicts name it.
    fn spelled(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text = format!("{text} with subresource {:?}", self.subresource);
        }
        if self.operation == Operation::Update {
            text = format!("{text} using {}", self.api_version);
        }
        text
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    writer: Writer,
    /// When it last changed the object; empty where it never did.
    time: String,
    fields: FieldSet,
}

/// The owners of an object's fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Owners(Vec<Entry>);

/// The fields that nobody owns: identity and what the server alone writes.
const UNOWNED: [&[&str]; 11] = [
    &["f:apiVersion"],
    &["f:kind"],
    &["f:metadata", "f:name"],
    &["f:metadata", "f:namespace"],
    &["f:metadata", "f:creationTimestamp"],
    &["f:metadata", "f:selfLink"],
    &["f:metadata", "f:uid"],
    &["f:metadata", "f:generation"],
    &["f:metadata", "f:managedFields"],
    &["f:metadata", "f:resourceVersion"],
    &["f:metadata", "f:deletionTimestamp"],
];

/// Drops what nobody owns, and what the endpoint does not write: `status` for the object itself, all but `status` for that.
fn ownable(mut set: FieldSet, endpoint: Endpoint) -> FieldSet {
    for path in UNOWNED {
        set.forget(path);
    }
    let metadata_itself = FieldSet::from_value(&json!({"f:metadata": {}}));
    set = set.difference(&metadata_itself);
    match endpoint {
        Endpoint::Object { has_status: true } => set.forget(&["f:status"]),
        Endpoint::Object { has_status: false } | Endpoint::Everything => {}
        Endpoint::Status => set.keep_only("f:status"),
    }
    set
}

/// Which part of an object a request can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The object itself; where it has the subresource `status`, that is left out.
    Object {
        /// Whether it has.
        has_status: bool,
    },
    /// The subresource `status`.
    Status,
    /// All of it: seeds and controllers inside the practice ground.
    Everything,
}

impl Owners {
    /// Reads `metadata.managedFields`.
    pub(super) fn of(object: &Value) -> Self {
        let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
        Self(entries.filter_map(read_entry).collect())
    }

    /// As `metadata.managedFields`, in the order of the real server.
    pub(super) fn to_value(&self) -> Value {
        let mut entries: Vec<&Entry> = self.0.iter().collect();
        let rank = |entry: &Entry| {
            let writer = &entry.writer;
            (
                writer.operation,
                entry.time.clone(),
                writer.manager.clone(),
                writer.api_version.clone(),
                writer.subresource.clone(),
            )
        };
        entries.sort_by_key(|entry| rank(entry));
        Value::Array(entries.into_iter().map(write_entry).collect())
    }

    /// The same owners of the same fields, whenever they wrote them.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().all(|entry| {
                other.0.iter().any(|theirs| entry.writer == theirs.writer && entry.fields == theirs.fields)
            })
    }

    fn position(&self, writer: &Writer) -> Option<usize> {
        self.0.iter().position(|entry| entry.writer.is_same_as(writer))
    }

    fn fields(&self, writer: &Writer) -> FieldSet {
        self.position(writer).and_then(|at| self.0.get(at)).map(|entry| entry.fields.clone()).unwrap_or_default()
    }

    fn set(&mut self, writer: &Writer, fields: FieldSet, now: &str) {
        let at = self.position(writer);
        if fields.is_empty() {
            if let Some(at) = at {
                self.0.remove(at);
            }
            return;
        }
        let entry = Entry { writer: writer.clone(), time: now.to_owned(), fields };
        match at.and_then(|at| self.0.get_mut(at)) {
            Some(place) if place.writer == entry.writer && place.fields == entry.fields => {}
            Some(place) => *place = entry,
            None => self.0.push(entry),
        }
    }

    fn put_back_time(&mut self, writer: &Writer, time: Option<String>) {
        let at = self.position(writer);
        if let Some(entry) = at.and_then(|at| self.0.get_mut(at)) {
            entry.time = time.unwrap_or_default();
        }
    }

    /// Everything that is there belongs to nobody we know: objects from before there was any bookkeeping.
    fn adopt(&mut self, schema: &Schema, live: &Value, api_version: &str, endpoint: Endpoint, now: &str) {
        let writer = Writer {
            manager: "before-first-apply".to_owned(),
            operation: Operation::Update,
            api_version: api_version.to_owned(),
            subresource: String::new(),
        };
        self.set(&writer, ownable(FieldSet::of(schema, live), endpoint), now);
    }

    /// Takes from the others what `comparison` shows they no longer have to themselves; refuses unless forced.
    fn settle(&mut self, comparison: &Comparison, writer: &Writer, force: bool) -> Result<(), ApiError> {
        let written = comparison.modified.union(&comparison.added);
        let mut conflicts: Vec<(Writer, FieldSet)> = Vec::new();
        for entry in self.0.iter().filter(|entry| !entry.writer.is_same_as(writer)) {
            let conflict = entry.fields.intersection(&written);
            if !conflict.is_empty() {
                conflicts.push((entry.writer.clone(), conflict));
            }
        }
        if !force && !conflicts.is_empty() {
            return Err(conflict_error(&conflicts));
        }
        for entry in self.0.iter_mut().filter(|entry| !entry.writer.is_same_as(writer)) {
            entry.fields = entry.fields.difference(&written).difference(&comparison.removed);
        }
        self.0.retain(|entry| !entry.fields.is_empty() || entry.writer.is_same_as(writer));
        Ok(())
    }

    /// Books a write that was no apply: whatever it changed is the writer's now.
    pub(super) fn update(
        &mut self,
        schema: &Schema,
        live: &Value,
        new: &Value,
        writer: &Writer,
        endpoint: Endpoint,
        now: &str,
    ) {
        let mut comparison = compare(schema, live, new);
        comparison.added = ownable(comparison.added, endpoint);
        comparison.modified = ownable(comparison.modified, endpoint);
        comparison.removed = ownable(comparison.removed, endpoint);
        let _never_refused = self.settle(&comparison, writer, true);
        let mine = self.fields(writer).difference(&comparison.removed);
        let mine = mine.union(&comparison.modified).union(&comparison.added);
        self.set(writer, mine, now);
    }

    /// Server-side apply: lays `applied` over `live`, takes away what this manager applied before and no longer does and nobody
    /// else owns, and refuses where another owner's value would change.
    pub(super) fn apply(
        &mut self,
        schema: &Schema,
        live: &Value,
        applied: &Value,
        request: &Apply<'_>,
    ) -> Result<Value, ApiError> {
        if self.0.is_empty() && request.exists {
            self.adopt(schema, live, &request.writer.api_version, request.endpoint, request.now);
        }
        let before = self.fields(request.writer);
        let before_time = self.position(request.writer).and_then(|at| self.0.get(at)).map(|entry| entry.time.clone());
        let merged = merge(schema, live, applied);
        let mine = ownable(FieldSet::of(schema, applied), request.endpoint);
        self.set(request.writer, mine, request.now);
        let pruned = self.prune(schema, &merged, &before);
        let mut comparison = compare(schema, live, &pruned);
        comparison.added = ownable(comparison.added, request.endpoint);
        comparison.modified = ownable(comparison.modified, request.endpoint);
        comparison.removed = ownable(comparison.removed, request.endpoint);
        self.settle(&comparison, request.writer, request.force)?;
        if pruned == *live {
            // The real server notes no time where only the owners change.
            self.put_back_time(request.writer, before_time);
        }
        Ok(pruned)
    }

    fn prune(&self, schema: &Schema, merged: &Value, before: &FieldSet) -> Value {
        if before.is_empty() {
            return merged.clone();
        }
        let empty = || Value::Object(serde_json::Map::new());
        let named = |set: &FieldSet| set.with_named_fields(schema);
        let all = named(&FieldSet::of(schema, merged));
        let pruned = remove(schema, merged, &named(before)).unwrap_or_else(empty);
        // What others own, or this apply still sets, comes back ...
        let owned = self.0.iter().fold(FieldSet::default(), |all, entry| all.union(&entry.fields));
        let keep = named(&FieldSet::of(schema, &pruned)).union(&named(&owned));
        let pruned = remove(schema, merged, &all.difference(&keep)).unwrap_or_else(empty);
        // ... and so does what went along although this manager never had it.
        let gone = all.difference(&named(&FieldSet::of(schema, &pruned)));
        remove(schema, merged, &gone.intersection(&named(before))).unwrap_or_else(empty)
    }
}

/// A server-side apply.
#[derive(Debug)]
pub(super) struct Apply<'a> {
    /// Who applies.
    pub(super) writer: &'a Writer,
    /// Whether to take fields from others.
    pub(super) force: bool,
    /// Which part is written.
    pub(super) endpoint: Endpoint,
    /// Whether the object exists.
    pub(super) exists: bool,
    /// Now, in RFC 3339.
    pub(super) now: &'a str,
}

fn read_entry(entry: &Value) -> Option<Entry> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let operation = match entry.get("operation")?.as_str()? {
        "Apply" => Operation::Apply,
        _ => Operation::Update,
    };
    let writer = Writer {
        manager: text("manager"),
        operation,
        api_version: text("apiVersion"),
        subresource: text("subresource"),
    };
    Some(Entry { writer, time: text("time"), fields: FieldSet::from_value(entry.get("fieldsV1")?) })
}

fn write_entry(entry: &Entry) -> Value {
    let mut value = json!({
        "manager": entry.writer.manager, "operation": entry.writer.operation.spelled(),
        "apiVersion": entry.writer.api_version,
        "fieldsType": "FieldsV1", "fieldsV1": entry.fields.to_value(),
    });
    if !entry.time.is_empty() {
        value["time"] = json!(entry.time);
    }
    if !entry.writer.subresource.is_empty() {
        value["subresource"] = json!(entry.writer.subresource);
    }
    value
}

fn conflict_error(conflicts: &[(Writer, FieldSet)]) -> ApiError {
    let mut by_manager: Vec<(String, Vec<String>)> =
        conflicts.iter().map(|(writer, fields)| (writer.spelled(), fields.paths())).collect();
    by_manager.sort();
    let causes: Vec<Cause> = by_manager
        .iter()
        .flat_map(|(manager, paths)| {
            paths.iter().map(move |path| Cause {
                reason: "FieldManagerConflict",
                message: format!("conflict with {manager}"),
                field: path.clone(),
            })
        })
        .collect();
    let message = match causes.as_slice() {
        [only] => format!("Apply failed with 1 conflict: {}: {}", only.message, only.field),
        several => {
            let mut lines = Vec::new();
            for (manager, paths) in &by_manager {
                lines.push(format!("conflicts with {manager}:"));
                lines.extend(paths.iter().map(|path| format!("- {path}")));
            }
            format!("Apply failed with {} conflicts: {}", several.len(), lines.join("\n"))
        }
    };
    ApiError::apply_conflict(causes, message)
}
