//! Events: what controllers say when an object's status says too little.

use crate::cluster::{Cluster, Selection, fields::Fields};
use serde_json::Value;

impl Cluster {
    /// The newest warning about this very object, not about one of the same name before it. An explanation only: who may
    /// not see events does without.
    pub(super) async fn newest_warning(&self, object: &Value) -> Option<String> {
        let selection = Selection {
            fields: format!("involvedObject.name={},type=Warning", object.name()),
            ..Selection::in_namespace(object.namespace())
        };
        let events = self.list("v1", "Event", &selection).await.unwrap_or_default();
        let uid = object.text("/metadata/uid");
        let about = events.iter().filter(|event| {
            let theirs = event.text("/involvedObject/uid");
            theirs.is_none() || theirs == uid
        });
        let newest = about.max_by(|one, other| when(one).cmp(when(other)));
        newest.map(|event| {
            format!("{} ({})", event.text("/message").unwrap_or_default(), event.text("/reason").unwrap_or("Warning"))
        })
    }
}

fn when(event: &Value) -> &str {
    let times = ["/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    times.into_iter().find_map(|time| event.text(time)).unwrap_or_default()
}
