//! What the API server fills in where nothing is said, so that a dry run shows what the real one would show.

use super::{
    catalog::Kind,
    schema::{Schema, Shape},
};
use serde_json::{Map, Value, json};

/// Fills an object's gaps.
pub(super) fn fill_in(kind: &Kind, object: &mut Value) {
    // The real server reads metadata and built-in kinds into Go structs, where an empty map or list is the same as none.
    if kind.is_custom() {
        if let (Some(schema), Some(metadata)) = (kind.schema.below("metadata"), object.get_mut("metadata")) {
            drop_empty(&schema, metadata);
        }
    } else {
        drop_empty(&kind.schema, object);
    }
    fill_from_schema(&kind.schema, object);
    let Some(object) = object.as_object_mut() else { return };
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Namespace") => namespace(object),
        ("", "Secret") => secret(object),
        ("", "Service") => service(object),
        ("", "Pod") => {
            if let Some(spec) = child(object, "spec") {
                pod_spec(spec);
                absent(spec, "enableServiceLinks", json!(true));
                absent(spec, "serviceAccountName", json!("default"));
                let account = spec.get("serviceAccountName").cloned().unwrap_or_default();
                absent(spec, "serviceAccount", account);
            }
        }
        ("apps", "Deployment") => deployment(object),
        ("apps", "ReplicaSet") => {
            if let Some(spec) = child(object, "spec") {
                absent(spec, "replicas", json!(1));
                template(spec);
            }
        }
        ("networking.k8s.io", "NetworkPolicy") => network_policy(object),
        _ => {}
    }
}

/// An object of which nothing is said yet. Of a built-in kind the real server compares a new object with Go's empty one, in which
/// some fields are there all the same, so that whoever makes it owns what is in them and not them.
pub(super) fn nothing(kind: &Kind, mut skeleton: Value) -> Value {
    let template = || json!({"metadata": {}, "spec": {"containers": []}});
    let spec = match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps", "Deployment") => json!({"strategy": {}, "template": template()}),
        ("apps", "ReplicaSet") => json!({"template": template()}),
        ("", "Pod") => json!({"containers": []}),
        ("networking.k8s.io", "NetworkPolicy") => json!({"podSelector": {}}),
        ("", "Namespace" | "Service" | "Node")
        | ("policy", "PodDisruptionBudget")
        | ("coordination.k8s.io", "Lease")
        | ("authorization.k8s.io", _) => json!({}),
        _ => return skeleton,
    };
    skeleton["spec"] = spec;
    skeleton
}

/// The real server shows the status of a workload that nobody has written yet.
pub(super) fn show_status(kind: &Kind, object: &mut Value) {
    let Some(object) = object.as_object_mut() else { return };
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps", "Deployment") => absent(object, "status", json!({})),
        ("apps", "ReplicaSet") => absent(object, "status", json!({"replicas": 0})),
        _ => {}
    }
}

fn drop_empty(schema: &Schema, value: &mut Value) {
    match (&schema.shape, value) {
        (Shape::Struct { .. }, Value::Object(map)) => {
            map.retain(|key, child| {
                let Some(shape) = schema.below(key) else { return true };
                drop_empty(&shape, child);
                match (&shape.shape, &*child) {
                    (Shape::Map { .. }, Value::Object(map)) => !map.is_empty(),
                    (Shape::List { .. }, Value::Array(list)) => !list.is_empty(),
                    _ => true,
                }
            });
        }
        (Shape::Map { value: shape, .. }, Value::Object(map)) => {
            for child in map.values_mut() {
                drop_empty(shape, child);
            }
        }
        (Shape::List { item, .. }, Value::Array(items)) => {
            for child in items {
                drop_empty(item, child);
            }
        }
        _ => {}
    }
}

/// Defaults that the shapes name themselves.
fn fill_from_schema(schema: &Schema, value: &mut Value) {
    match (&schema.shape, value) {
        (Shape::Struct { fields, .. }, Value::Object(map)) => {
            for (name, field) in fields {
                if let Some(default) = &field.schema.default {
                    absent(map, name, default.clone());
                }
                if let Some(child) = map.get_mut(name) {
                    fill_from_schema(&field.schema, child);
                }
            }
        }
        (Shape::Map { value: shape, .. }, Value::Object(map)) => {
            for child in map.values_mut() {
                fill_from_schema(shape, child);
            }
        }
        (Shape::List { item, .. }, Value::Array(items)) => {
            for child in items {
                fill_from_schema(item, child);
            }
        }
        _ => {}
    }
}

fn absent(map: &mut Map<String, Value>, key: &str, value: Value) {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), value);
    }
}

fn child<'a>(map: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    map.get_mut(key).and_then(Value::as_object_mut)
}

fn made<'a>(map: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    map.entry(key).or_insert_with(|| json!({})).as_object_mut()
}

fn each<'a>(map: &'a mut Map<String, Value>, key: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> + use<'a> {
    map.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

fn namespace(object: &mut Map<String, Value>) {
    let name = object.get("metadata").and_then(|metadata| metadata.get("name")).cloned().unwrap_or_default();
    if let Some(labels) = made(object, "metadata").and_then(|metadata| made(metadata, "labels")) {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name);
    }
    if let Some(spec) = made(object, "spec") {
        absent(spec, "finalizers", json!(["kubernetes"]));
    }
    if let Some(status) = made(object, "status") {
        absent(status, "phase", json!("Active"));
    }
}

fn secret(object: &mut Map<String, Value>) {
    use base64::Engine as _;
    absent(object, "type", json!("Opaque"));
    let Some(Value::Object(texts)) = object.remove("stringData") else { return };
    if let Some(data) = made(object, "data") {
        for (key, text) in texts {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default());
            data.insert(key, json!(encoded));
        }
    }
}

fn service(object: &mut Map<String, Value>) {
    if let Some(status) = made(object, "status") {
        absent(status, "loadBalancer", json!({}));
    }
    let Some(spec) = made(object, "spec") else { return };
    absent(spec, "type", json!("ClusterIP"));
    absent(spec, "sessionAffinity", json!("None"));
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind != "ExternalName" {
        absent(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        absent(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        absent(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
    for port in each(spec, "ports") {
        let number = port.get("port").cloned().unwrap_or_default();
        absent(port, "targetPort", number);
    }
}

fn deployment(object: &mut Map<String, Value>) {
    let Some(spec) = child(object, "spec") else { return };
    absent(spec, "replicas", json!(1));
    absent(spec, "revisionHistoryLimit", json!(10));
    absent(spec, "progressDeadlineSeconds", json!(600));
    if let Some(strategy) = made(spec, "strategy") {
        absent(strategy, "type", json!("RollingUpdate"));
        if strategy.get("type").is_some_and(|kind| kind == "RollingUpdate")
            && let Some(rolling) = made(strategy, "rollingUpdate")
        {
            absent(rolling, "maxSurge", json!("25%"));
            absent(rolling, "maxUnavailable", json!("25%"));
        }
    }
    template(spec);
}

fn template(spec: &mut Map<String, Value>) {
    if let Some(template) = child(spec, "template")
        && let Some(pod) = child(template, "spec")
    {
        pod_spec(pod);
    }
}

fn pod_spec(spec: &mut Map<String, Value>) {
    for (key, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("securityContext", json!({})),
    ] {
        absent(spec, key, value);
    }
    // The field has an old name too. Where only that is left it counts, so an account that is no longer applied stays.
    match (spec.get("serviceAccountName").cloned(), spec.get("serviceAccount").cloned()) {
        (Some(account), _) => spec.insert("serviceAccount".to_owned(), account),
        (None, Some(account)) => spec.insert("serviceAccountName".to_owned(), account),
        (None, None) => None,
    };
    for list in ["containers", "initContainers"] {
        for container in each(spec, list) {
            fill_container(container);
        }
    }
    for volume in each(spec, "volumes") {
        for source in ["secret", "configMap", "projected", "downwardAPI"] {
            if let Some(source) = child(volume, source) {
                absent(source, "defaultMode", json!(420));
            }
        }
        let sources = child(volume, "projected").into_iter().flat_map(|projected| each(projected, "sources"));
        for token in sources.filter_map(|source| child(source, "serviceAccountToken")) {
            absent(token, "expirationSeconds", json!(3600));
        }
        if let Some(path) = child(volume, "hostPath") {
            absent(path, "type", json!(""));
        }
    }
}

fn fill_container(container: &mut Map<String, Value>) {
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let newest = !image.contains('@') && (!last.contains(':') || last.ends_with(":latest"));
    absent(container, "imagePullPolicy", json!(if newest { "Always" } else { "IfNotPresent" }));
    absent(container, "terminationMessagePath", json!("/dev/termination-log"));
    absent(container, "terminationMessagePolicy", json!("File"));
    absent(container, "resources", json!({}));
    if let Some(resources) = child(container, "resources") {
        requests_follow_limits(resources);
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = child(container, probe) {
            fill_probe(probe);
        }
    }
    for variable in each(container, "env") {
        if let Some(field) = child(variable, "valueFrom").and_then(|source| child(source, "fieldRef")) {
            absent(field, "apiVersion", json!("v1"));
        }
    }
}

fn requests_follow_limits(resources: &mut Map<String, Value>) {
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else { return };
    if let Some(requests) = made(resources, "requests") {
        for (resource, limit) in limits {
            absent(requests, &resource, limit);
        }
    }
}

fn fill_probe(probe: &mut Map<String, Value>) {
    for (key, number) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        absent(probe, key, json!(number));
    }
    if let Some(get) = child(probe, "httpGet") {
        absent(get, "path", json!("/"));
        absent(get, "scheme", json!("HTTP"));
    }
}

fn network_policy(object: &mut Map<String, Value>) {
    let Some(spec) = child(object, "spec") else { return };
    let mut types = vec![json!("Ingress")];
    if spec.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty()) {
        types.push(json!("Egress"));
    }
    absent(spec, "policyTypes", Value::Array(types));
    for direction in ["ingress", "egress"] {
        for rule in each(spec, direction) {
            for port in each(rule, "ports") {
                absent(port, "protocol", json!("TCP"));
            }
        }
    }
}
