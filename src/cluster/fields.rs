//! Reading objects as the server sends them, without a type for every kind.

use serde_json::Value;
use std::collections::BTreeMap;

/// Looking into an object by JSON pointer.
pub(super) trait Fields {
    /// The text at `pointer`, unless it is absent, empty or no text.
    fn text(&self, pointer: &str) -> Option<&str>;
    /// The entries of the list at `pointer`; none when there is no list.
    fn entries(&self, pointer: &str) -> &[Value];
    /// The number at `pointer`, zero when it is absent: Kubernetes leaves zeros out.
    fn number(&self, pointer: &str) -> i64;
    /// The texts of the map at `pointer`, such as labels.
    fn texts(&self, pointer: &str) -> BTreeMap<String, String>;
    /// The object's name.
    fn name(&self) -> &str {
        self.text("/metadata/name").unwrap_or_default()
    }
    /// The object's namespace, empty for cluster-wide kinds.
    fn namespace(&self) -> &str {
        self.text("/metadata/namespace").unwrap_or_default()
    }
    /// The label `key`. Its `/` needs no escaping here.
    fn label(&self, key: &str) -> Option<&str>;
    /// The condition of this type, such as `Ready`.
    fn condition(&self, kind: &str) -> Option<&Value> {
        self.entries("/status/conditions").iter().find(|condition| condition.text("/type") == Some(kind))
    }
}

impl Fields for Value {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn entries(&self, pointer: &str) -> &[Value] {
        self.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn number(&self, pointer: &str) -> i64 {
        self.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
    }

    fn texts(&self, pointer: &str) -> BTreeMap<String, String> {
        let entries = self.pointer(pointer).and_then(Value::as_object);
        entries
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.pointer("/metadata/labels")?.get(key)?.as_str()
    }
}

/// Whether labels fulfil a selector: every pair of the selector is among them.
pub(super) fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// A selector in the form that list requests take.
pub(super) fn selector_text(selector: &BTreeMap<String, String>) -> String {
    selector.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
