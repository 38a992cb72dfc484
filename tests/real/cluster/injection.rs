//! Istio's injection of sidecars, as its chart installs it: the templates in a ConfigMap, and istiod as a webhook for pods.

use crate::kept::kept;
use crate::mesh::{ControlPlane, ISTIO_NAMESPACE, Release};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The templates; istiod injects nothing when it does not find them at its start.
pub(super) fn templates(istio: Release) -> Value {
    let files = kept(istio.files).unwrap();
    let chart = files.path().with_file_name("charts/istio-control/istio-discovery");
    let read = |name: &str| std::fs::read_to_string(chart.join(name)).unwrap();
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).unwrap();
    let values = &values["_internal_defaults_do_not_set"];
    let mut global = values["global"].clone();
    global["hub"] = "docker.io/istio".into();
    global["tag"] = "1.28.1".into();
    let picked = json!({
        "global": global,
        "sidecarInjectorWebhook": values["sidecarInjectorWebhook"],
        "revision": "",
        "pilot": {"cni": values["cni"], "env": values["env"]},
        "gateways": values["gateways"],
    });
    let config = json!({
        "defaultTemplates": ["sidecar"],
        "policy": "enabled",
        "alwaysInjectSelector": [],
        "neverInjectSelector": [],
        "injectedAnnotations": {},
        "templates": {
            "sidecar": read("files/injection-template.yaml"),
            "gateway": read("files/gateway-injection-template.yaml"),
        },
    });
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio-sidecar-injector", "namespace": ISTIO_NAMESPACE},
        "data": {"values": picked.to_string(), "config": config.to_string()},
    })
}

/// What has the API server ask istiod about every pod that is made.
pub(super) fn webhooks(control_plane: &ControlPlane) -> Value {
    let webhook = |name: &str, namespaces: Value, pods: Value| {
        json!({
            "name": name,
            "clientConfig": {
                "url": format!("https://localhost:{}/inject", control_plane.ports.webhooks),
                "caBundle": STANDARD.encode(&control_plane.root_certificate),
            },
            "sideEffects": "None",
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
            "failurePolicy": "Fail",
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchExpressions": namespaces},
            "objectSelector": {"matchExpressions": pods},
        })
    };
    let enabled = json!([{"key": "istio-injection", "operator": "In", "values": ["enabled"]}]);
    let unset = json!([{"key": "istio-injection", "operator": "DoesNotExist"}]);
    let not_refused = json!([{"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]}]);
    let wished = json!([{"key": "sidecar.istio.io/inject", "operator": "In", "values": ["true"]}]);
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "istio-sidecar-injector", "labels": {"istio.io/rev": "default", "app": "sidecar-injector"}},
        "webhooks": [
            webhook("namespace.sidecar-injector.istio.io", enabled, not_refused),
            webhook("object.sidecar-injector.istio.io", unset, wished),
        ],
    })
}
