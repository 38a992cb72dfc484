//! Reading a cluster's objects: where they come from, and the few looks into them that every part of the edge needs.

use crate::practice::cluster::Cluster;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A place that holds objects: the live cluster, or what was pushed to a proxy some time ago.
pub trait Objects: Send + Sync {
    /// The object with that name; `namespace` is `None` for kinds without one.
    fn get(&self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Arc<Value>>;
    /// Every object of a kind, of one namespace or of all.
    fn list(&self, group: &str, kind: &str, namespace: Option<&str>) -> Vec<Arc<Value>>;
}

impl Objects for Cluster {
    fn get(&self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Arc<Value>> {
        self.get_shared(group, kind, namespace, name)
    }

    fn list(&self, group: &str, kind: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        self.list_shared(group, kind, namespace)
    }
}

/// The text at `pointer`, or the empty text.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at `pointer`, or the empty list.
pub fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of the list at `pointer`.
pub fn texts<'a>(object: &'a Value, pointer: &str) -> Vec<&'a str> {
    items(object, pointer).iter().filter_map(Value::as_str).collect()
}

/// The truth at `pointer`, false when it is not there.
pub fn truth(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// The map at `pointer`, if there is one.
pub fn map<'a>(object: &'a Value, pointer: &str) -> Option<&'a Map<String, Value>> {
    object.pointer(pointer).and_then(Value::as_object)
}

/// A number that YAML may spell as a number or a text.
pub fn number(value: Option<&Value>) -> Option<u64> {
    value.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
}

/// The object's name.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// The object's namespace.
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// One of the object's labels.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    map(object, "/metadata/labels")?.get(key)?.as_str()
}

/// One of the object's annotations.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    map(object, "/metadata/annotations")?.get(key)?.as_str()
}

/// Whether every label that the selector at `pointer` asks for is on `labels`; a selector that is absent or empty selects all.
pub fn selects(object: &Value, pointer: &str, labels: Option<&Map<String, Value>>) -> bool {
    map(object, pointer)
        .is_none_or(|wanted| wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value)))
}

/// Orders objects as Istio does where several could apply: the oldest first, then by namespace and name.
pub fn oldest_first(mut objects: Vec<Arc<Value>>) -> Vec<Arc<Value>> {
    objects.sort_by(|a, b| {
        let key = |object: &Value| {
            (
                text(object, "/metadata/creationTimestamp").to_owned(),
                namespace(object).to_owned(),
                name(object).to_owned(),
            )
        };
        key(a).cmp(&key(b))
    });
    objects
}

/// Whether an object of `owner` is visible in `namespace` by its `exportTo` list (`*`, `.` or names; absent means everywhere).
pub fn exported(object: &Value, namespace: &str) -> bool {
    let list = texts(object, "/spec/exportTo");
    list.is_empty()
        || list.iter().any(|entry| match *entry {
            "*" => true,
            "." => self::namespace(object) == namespace,
            other => other == namespace,
        })
}

/// Objects in memory, for tests of single layers.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct Fixture(pub(crate) Vec<Value>);

#[cfg(test)]
impl Fixture {
    /// Reads a multi-document YAML text.
    pub(crate) fn yaml(text: &str) -> Self {
        Self(serde_saphyr::from_multiple::<Value>(text).unwrap())
    }

    /// The same objects and those of `text`.
    pub(crate) fn and(mut self, text: &str) -> Self {
        self.0.extend(Self::yaml(text).0);
        self
    }
}

#[cfg(test)]
impl Objects for Fixture {
    fn get(&self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Arc<Value>> {
        self.list(group, kind, namespace).into_iter().find(|object| self::name(object) == name)
    }

    fn list(&self, group: &str, kind: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let of_group = |object: &Value| match text(object, "/apiVersion").split_once('/') {
            Some((own, _version)) => own == group,
            None => group.is_empty(),
        };
        self.0
            .iter()
            .filter(|object| text(object, "/kind") == kind && of_group(object))
            .filter(|object| namespace.is_none_or(|namespace| self::namespace(object) == namespace))
            .cloned()
            .map(Arc::new)
            .collect()
    }
}
