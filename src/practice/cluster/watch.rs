//! Watches: a stream of events, one JSON document a line.

use super::{
    Cluster,
    catalog::Kind,
    request::{Form, Query, bad_option},
    selector::Selection,
    status::ApiError,
    store::{Change, ChangeType},
    table,
    write::in_version,
};
use axum::body::{Body, Bytes};
use serde_json::{Value, json};
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::{sync::watch::Receiver, time::Instant};

/// How often a quiet watch is told how far it is, as by the real server.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// How long a watch lasts that does not say; the real server takes a random time from here to twice this.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

struct Watch {
    cluster: Cluster,
    kind: Arc<Kind>,
    version: String,
    namespace: Option<String>,
    selection: Selection,
    form: Form,
    bookmarks: bool,
    revision: u64,
    changes: Receiver<u64>,
    deadline: Instant,
    queue: VecDeque<Bytes>,
    ended: bool,
}

/// Begins a watch.
pub(super) fn begin(
    cluster: &Cluster,
    kind: &Arc<Kind>,
    version: &str,
    namespace: Option<&str>,
    query: &Query,
    form: Form,
) -> Result<Body, ApiError> {
    let initial = query.get("sendInitialEvents").is_some();
    if initial && query.get("resourceVersionMatch") != Some("NotOlderThan") {
        return Err(bad_option(
            "ListOptions",
            "resourceVersionMatch",
            "FieldValueForbidden",
            "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
    }
    let seconds = query.get("timeoutSeconds").and_then(|seconds| seconds.parse().ok());
    let mut watch = Watch {
        cluster: cluster.clone(),
        kind: kind.clone(),
        version: version.to_owned(),
        namespace: namespace.map(str::to_owned),
        selection: Selection::read(kind, query)?,
        form,
        bookmarks: query.flag("allowWatchBookmarks"),
        revision: 0,
        changes: cluster.changes(),
        deadline: Instant::now() + seconds.map_or(DEFAULT_TIMEOUT, Duration::from_secs),
        queue: VecDeque::new(),
        ended: false,
    };
    let from = query.get("resourceVersion").unwrap_or("0");
    let from: u64 = from.parse().map_err(|_| {
        ApiError::bad_request(format!("Invalid value: {from:?}: strconv.ParseUint: parsing {from:?}: invalid syntax"))
    })?;
    watch.start(from, initial, query.flag("sendInitialEvents"));
    let stream = futures::stream::unfold(watch, |mut watch| async {
        let line = watch.next().await?;
        Some((Ok::<_, Infallible>(line), watch))
    });
    Ok(Body::from_stream(stream))
}

impl Watch {
    /// From nowhere in particular a watch begins with everything there is.
    fn start(&mut self, from: u64, asks_for_initial: bool, wants_initial: bool) {
        let cluster = self.cluster.clone();
        let state = cluster.state();
        let everything = if asks_for_initial { wants_initial } else { from == 0 };
        if !everything {
            self.revision = if from == 0 { state.store.revision() } else { from };
            return;
        }
        self.revision = state.store.revision();
        let objects: Vec<Arc<Value>> =
            state.store.list(&self.kind, self.namespace.as_deref()).map(|(_, object)| object.clone()).collect();
        drop(state);
        for object in objects {
            if self.selection.includes(&object) {
                self.push("ADDED", &object);
            }
        }
        if asks_for_initial && self.bookmarks {
            self.push_bookmark(true);
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.queue.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            self.collect();
            if !self.queue.is_empty() || self.ended {
                continue;
            }
            tokio::select! {
                changed = self.changes.changed() => self.ended |= changed.is_err(),
                () = tokio::time::sleep_until(self.deadline) => {
                    self.ended = true;
                    self.push_bookmark(false);
                }
                () = tokio::time::sleep(BOOKMARK_INTERVAL) => self.push_bookmark(false),
            }
        }
    }

    fn collect(&mut self) {
        self.changes.mark_unchanged();
        let cluster = self.cluster.clone();
        let state = cluster.state();
        let Some(changes) = state.store.since(self.revision) else {
            let oldest = state.store.oldest_revision();
            drop(state);
            let message = format!("too old resource version: {} ({oldest})", self.revision);
            let gone = ApiError::plain(410, "Expired", message);
            self.push_line(&json!({"type": "ERROR", "object": gone.to_value()}));
            self.ended = true;
            return;
        };
        let changes: Vec<Change> = changes
            .filter(|change| change.key.group == self.kind.group && change.key.plural == self.kind.plural)
            .filter(|change| self.namespace.as_ref().is_none_or(|namespace| *namespace == change.key.namespace))
            .cloned()
            .collect();
        self.revision = self.revision.max(state.store.revision());
        drop(state);
        for change in &changes {
            self.tell(change);
        }
    }

    /// An object that comes to be meant is added for this watch, one that no longer is deleted.
    fn tell(&mut self, change: &Change) {
        let before = change.before.as_ref().is_some_and(|before| self.selection.includes(before));
        let after = change.what != ChangeType::Deleted && self.selection.includes(&change.object);
        match (before, after) {
            (false, true) => self.push("ADDED", &change.object),
            (true, true) => self.push("MODIFIED", &change.object),
            (true, false) => self.push("DELETED", &change.object),
            (false, false) => {}
        }
    }

    fn push(&mut self, event: &str, object: &Value) {
        let object = in_version(object, &self.kind, &self.version);
        let object = match self.form {
            Form::Whole => object,
            Form::Table => {
                table::of(&self.kind, &[object], &json!({"resourceVersion": self.revision.to_string()}), "Metadata")
            }
            Form::Metadata => table::metadata_only(&object),
        };
        self.push_line(&json!({"type": event, "object": object}));
    }

    fn push_bookmark(&mut self, ends_initial_events: bool) {
        if !self.bookmarks {
            return;
        }
        let mut metadata = json!({"resourceVersion": self.revision.to_string(), "creationTimestamp": null});
        if ends_initial_events {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({
            "apiVersion": self.kind.spell(&self.version), "kind": self.kind.kind, "metadata": metadata,
        });
        self.push_line(&json!({"type": "BOOKMARK", "object": object}));
    }

    fn push_line(&mut self, event: &Value) {
        self.queue.push_back(Bytes::from(format!("{event}\n")));
    }
}
