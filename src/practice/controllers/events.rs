//! Events: what controllers say about an object.

use super::{Controllers, hash, now};
use crate::practice::edge::objects::{name, namespace, text};
use serde_json::{Value, json};

impl Controllers {
    /// Says something about an object, once.
    pub(super) fn say(&self, component: &str, about: &Value, kind: &str, reason: &str, message: &str) {
        // Events about objects without a namespace are kept in `default`.
        let place = match namespace(about) {
            "" => "default",
            place => place,
        };
        let uid = text(about, "/metadata/uid");
        let own = format!("{}.{}", name(about), hash(&format!("{uid} {reason} {message}"), 16));
        if self.cluster.get("", "Event", Some(place), &own).is_some() {
            return;
        }
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": own, "namespace": place},
            "involvedObject": {
                "apiVersion": text(about, "/apiVersion"), "kind": text(about, "/kind"), "name": name(about),
                "namespace": namespace(about), "uid": uid,
            },
            "type": kind, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": now(), "lastTimestamp": now(),
            "source": {"component": component}, "reportingComponent": component,
        });
        self.put(component, event);
    }
}
