//! What a namespace gets by itself.

use super::{Controllers, is_going};
use crate::practice::edge::objects::{name, text};
use serde_json::json;

const CONTROLLER: &str = "kube-controller-manager";

impl Controllers {
    /// The service account `default` and the two certificate bundles.
    pub(super) fn namespaces(&self) {
        for namespace in self.cluster.list("", "Namespace", None) {
            if is_going(&namespace) {
                continue;
            }
            let place = name(&namespace);
            if text(&namespace, "/status/phase").is_empty() {
                self.patch(CONTROLLER, ("", "Namespace"), &namespace, &json!({"status": {"phase": "Active"}}));
            }
            if self.cluster.get("", "ServiceAccount", Some(place), "default").is_none() {
                let account = json!({
                    "apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": {"name": "default", "namespace": place},
                });
                self.put(CONTROLLER, account);
            }
            for (bundle, key, manager) in
                [("kube-root-ca.crt", "ca.crt", CONTROLLER), ("istio-ca-root-cert", "root-cert.pem", "pilot-discovery")]
            {
                if self.cluster.get("", "ConfigMap", Some(place), bundle).is_none() {
                    let map = json!({
                        "apiVersion": "v1", "kind": "ConfigMap",
                        "metadata": {"name": bundle, "namespace": place},
                        "data": {key: self.authority.certificate_pem()},
                    });
                    self.put(manager, map);
                }
            }
        }
    }
}
