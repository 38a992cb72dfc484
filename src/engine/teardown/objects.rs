//! Objects in the cluster that are an installation's, and those that only seem to be.

use super::{Installation, Stage};
use crate::{
    blueprint::{FIELD_MANAGER, Part},
    cluster::{Content, MissingRight, ObjectRef},
    engine::{
        Target,
        event::Problem,
        leftovers,
        plan::{INSTALLATION_LABEL, INSTALLATION_NAMESPACE_LABEL},
        problem, title,
    },
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many requests are in flight at once while looking.
const LOOKS_AT_ONCE: usize = 8;

/// An object of ours.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) reference: ObjectRef,
    pub(super) stage: Stage,
    /// As it is, without the values of Secrets.
    pub(super) live: Value,
}

impl Object {
    pub(super) fn uid(&self) -> Option<String> {
        self.text("/metadata/uid").map(str::to_owned)
    }

    /// Whether it is being deleted already.
    pub(super) fn is_leaving(&self) -> bool {
        self.text("/metadata/deletionTimestamp").is_some()
    }

    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.live.pointer(pointer).and_then(Value::as_str)
    }
}

/// The labels that everything of `installation` carries, as a selector.
pub(super) fn mark(installation: &Installation) -> String {
    format!(
        "app.kubernetes.io/managed-by={FIELD_MANAGER},{INSTALLATION_LABEL}={},{INSTALLATION_NAMESPACE_LABEL}={}",
        installation.application, installation.namespace
    )
}

/// Whether these labels are the mark of `installation`.
pub(super) fn is_marked(installation: &Installation, labels: &BTreeMap<String, String>) -> bool {
    let is = |key: &str, value: &str| labels.get(key).is_some_and(|label| label == value);
    is("app.kubernetes.io/managed-by", FIELD_MANAGER)
        && is(INSTALLATION_LABEL, &installation.application)
        && is(INSTALLATION_NAMESPACE_LABEL, &installation.namespace)
}

/// Everything of `installation` in the cluster, and what may not be looked at. Without a right to list in the whole cluster, it is
/// looked for in `places`.
pub(super) async fn find(
    target: &Target,
    installation: &Installation,
    places: &[String],
) -> Result<(Vec<Object>, Vec<MissingRight>), Problem> {
    let mut kinds: Vec<_> = leftovers::kinds().into_iter().collect();
    kinds.push(("", "Namespace"));
    let marked = target.cluster.marked(&kinds, &mark(installation), places).await;
    let marked = marked.map_err(|error| problem::cluster("look for what is ours", &error))?;
    let objects = marked.objects.into_iter().filter(|object| !leftovers::is_owned(object)).filter_map(|live| {
        let reference = ObjectRef::of(&live).ok()?;
        let component = live.pointer("/metadata/labels").and_then(|labels| labels.get("app.kubernetes.io/component"));
        let stage = Stage::of(&reference, component.and_then(Value::as_str).unwrap_or_default());
        Some(Object { reference, stage, live })
    });
    Ok((objects.collect(), marked.unseen))
}

/// The expected objects that are not among `objects`: gone, or there without our mark.
pub(super) async fn missing(
    target: &Target,
    expected: &[Part],
    objects: &[Object],
) -> Result<Vec<(Part, Option<String>)>, Problem> {
    let of_an_object = expected.iter().filter_map(|part| {
        let reference = ObjectRef::of(&part.manifest()?.object).ok()?;
        let is_namespace = reference.kind == "Namespace";
        let is_found = objects.iter().any(|object| object.reference == reference);
        (!is_namespace && !is_found).then_some((part, reference))
    });
    let looks = of_an_object.map(|(part, reference)| async move {
        let tried = format!("look whether {reference} is there");
        match target.cluster.get(&reference).await {
            Ok(live) => Ok(Some((part.clone(), live.map(|live| maker(&live))))),
            Err(error) if error.lacks_right().is_some() => Ok(None),
            Err(error) => Err(problem::cluster(&tried, &error)),
        }
    });
    let found: Vec<_> = stream::iter(looks).buffered(LOOKS_AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Who made an object, as far as the server notes it.
fn maker(live: &Value) -> String {
    let manager = live.pointer("/metadata/managedFields/0/manager").and_then(Value::as_str);
    manager.unwrap_or("somebody").to_owned()
}

/// What of others is in a namespace of ours, for a person.
pub(super) fn of_others(installation: &Installation, contents: &[Content]) -> Vec<String> {
    let theirs = contents.iter().filter(|content| !content.is_owned && !is_marked(installation, &content.labels));
    theirs.map(|content| format!("{} {}", content.reference.kind, content.reference.name)).collect()
}

/// What we have set in a namespace of somebody else: the fields, and the object that gives them back.
pub(super) fn fields_in_foreign_namespace(live: &Value) -> Option<(Vec<String>, Value)> {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array)?;
    let is = |entry: &Value, key: &str, value: &str| entry.get(key).and_then(Value::as_str) == Some(value);
    let ours = entries.iter().find(|entry| is(entry, "manager", FIELD_MANAGER) && is(entry, "operation", "Apply"))?;
    let labels = ours.pointer("/fieldsV1/f:metadata/f:labels").and_then(Value::as_object)?;
    let fields = labels.keys().filter_map(|key| {
        let label = key.strip_prefix("f:")?;
        let value = live.pointer("/metadata/labels")?.get(label)?.as_str()?;
        Some(format!("{label}: {value}"))
    });
    let fields: Vec<_> = fields.collect();
    let name = live.pointer("/metadata/name")?;
    let bare = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    (!fields.is_empty()).then_some((fields, bare))
}

/// The name of `object` for people.
pub(super) fn title_of(object: &Object) -> crate::engine::event::Title {
    title::of_object(&object.live)
}
