//! What the API server does and checks for single kinds, beyond their shape.

use super::{
    catalog::Kind,
    state::State,
    status::{Cause, invalid, required},
    validate::{LABEL_RULE, is_label},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Allocates what the server allocates: cluster addresses and node ports.
pub(super) fn prepare(state: &State, kind: &Kind, live: Option<&Value>, object: &mut Value) {
    if (kind.group.as_str(), kind.kind.as_str()) == ("", "Service") {
        allocate_for_service(state, kind, live, object);
    }
}

fn allocate_for_service(state: &State, kind: &Kind, live: Option<&Value>, object: &mut Value) {
    let Some(Value::Object(spec)) = object.get_mut("spec") else { return };
    if spec.get("type").is_some_and(|kind| kind == "ExternalName") {
        return;
    }
    for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if let (None, Some(value)) = (spec.get(key), live.and_then(|live| live.pointer(&format!("/spec/{key}")))) {
            spec.insert(key.to_owned(), value.clone());
        }
    }
    spec.entry("ipFamilies").or_insert_with(|| json!(["IPv4"]));
    spec.entry("ipFamilyPolicy").or_insert_with(|| json!("SingleStack"));
    let services = || state.store.list(kind, None).filter_map(|(_, service)| service.get("spec"));
    if spec.get("clusterIP").and_then(Value::as_str).is_none_or(str::is_empty) {
        let taken: BTreeSet<&str> = services().filter_map(|spec| spec["clusterIP"].as_str()).collect();
        let mut free = (1..=254).flat_map(|third| (1..=254).map(move |last| format!("10.96.{third}.{last}")));
        let address = free.find(|address| !taken.contains(address.as_str())).unwrap_or_default();
        spec.insert("clusterIP".to_owned(), json!(address));
    }
    let address = spec.get("clusterIP").cloned().unwrap_or_default();
    spec.entry("clusterIPs").or_insert_with(|| json!([address]));
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or_default();
    if matches!(kind, "NodePort" | "LoadBalancer") {
        let mut taken: BTreeSet<u64> = services()
            .flat_map(|spec| {
                spec["ports"].as_array().into_iter().flatten().filter_map(|port| port["nodePort"].as_u64())
            })
            .collect();
        let ports = spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten();
        for port in ports.filter_map(Value::as_object_mut) {
            allocate_node_port(live, port, &mut taken);
        }
    }
}

fn allocate_node_port(live: Option<&Value>, port: &mut Map<String, Value>, taken: &mut BTreeSet<u64>) {
    if port.contains_key("nodePort") {
        return;
    }
    let before = live
        .and_then(|live| live.pointer("/spec/ports"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|old| old.get("port") == port.get("port") && old.get("protocol") == port.get("protocol"))
        .and_then(|old| old["nodePort"].as_u64());
    let number = before.or_else(|| (30_000..=32_767).find(|number| !taken.contains(number))).unwrap_or(30_000);
    taken.insert(number);
    port.insert("nodePort".to_owned(), json!(number));
}

/// What the server would refuse.
pub(super) fn violations(kind: &Kind, live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = metadata(kind, object);
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "ConfigMap") => causes.extend(config_map(live, object)),
        ("", "Secret") => causes.extend(secret(live, object)),
        ("", "Service") => causes.extend(service(live, object)),
        ("", "Pod") => {
            causes.extend(pod_spec(object.get("spec"), "spec"));
            causes.extend(pod_is_kept(live, object));
        }
        ("apps", "Deployment" | "ReplicaSet") => causes.extend(workload(live, object)),
        ("networking.k8s.io", "NetworkPolicy")
            if object.get("spec").is_some_and(|spec| spec.get("podSelector").is_none()) =>
        {
            // An absent selector is an empty one.
        }
        _ => {}
    }
    causes
}

const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                              and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
                              validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS_1035_RULE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
                             alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', \
                             regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
                                '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
                                'my_value',  or '12345', regex used for validation is \
                                '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
                              with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                              validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

fn metadata(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = object.pointer("/metadata/name").unwrap_or(&Value::Null);
    let text = name.as_str().unwrap_or_default();
    let path = "metadata.name";
    if text.is_empty() {
        causes.push(required(path, "name or generateName is required"));
    } else {
        let (fits, rule, most) = match kind.kind.as_str() {
            "Service" if kind.group.is_empty() => {
                let fits = is_label(text) && text.starts_with(|first: char| first.is_ascii_lowercase());
                (fits, DNS_1035_RULE, 63)
            }
            "Namespace" => (is_label(text), LABEL_RULE, 63),
            _ => (text.split('.').all(is_label), SUBDOMAIN_RULE, 253),
        };
        let has_dots = kind.kind == "Namespace" && text.contains('.') && text.split('.').all(is_label);
        if !fits {
            causes.push(invalid(path, name, if has_dots { "must not contain dots" } else { rule }));
        }
        if text.len() > most {
            causes.push(invalid(path, name, &format!("must be no more than {most} characters")));
        }
    }
    causes.extend(labels_and_annotations(&object["metadata"], "metadata"));
    causes
}

/// Keys and values of the labels and annotations of metadata, which messages call by this path.
fn labels_and_annotations(metadata: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for what in ["labels", "annotations"] {
        let path = format!("{path}.{what}");
        for (key, value) in metadata[what].as_object().into_iter().flatten() {
            if let Some(why) = label_key_problem(key) {
                causes.push(invalid(&path, &json!(key), &why));
            }
            if let Some(why) = label_value_problem(value.as_str().unwrap_or_default()).filter(|_| what == "labels") {
                causes.push(invalid(&path, value, &why));
            }
        }
    }
    causes
}

fn is_name_part(text: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    edge(text.bytes().next())
        && edge(text.bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Why a text is no key of a label or an annotation.
pub(super) fn label_key_problem(key: &str) -> Option<String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if name.contains('/') {
        let rule = QUALIFIED_RULE.replacen("name part", "a valid label key", 1);
        let more = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
        return Some(format!("{rule} {more}"));
    }
    if name.len() > 63 {
        return Some("name part must be no more than 63 bytes".to_owned());
    }
    if !is_name_part(name) {
        return Some(QUALIFIED_RULE.to_owned());
    }
    let fits = |prefix: &str| prefix.len() <= 253 && prefix.split('.').all(is_label);
    prefix.is_some_and(|prefix| !fits(prefix)).then(|| format!("prefix part {SUBDOMAIN_RULE}"))
}

/// Why a text is no value of a label.
pub(super) fn label_value_problem(value: &str) -> Option<String> {
    if value.len() > 63 {
        Some("must be no more than 63 bytes".to_owned())
    } else {
        (!value.is_empty() && !is_name_part(value)).then(|| LABEL_VALUE_RULE.to_owned())
    }
}

fn data_keys(object: &Value) -> Vec<Cause> {
    let keys = object.get("data").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    keys.filter(|key| {
        key.len() > 253 || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    })
    .map(|key| {
        invalid(
            format!("data[{key}]"),
            &json!(key),
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
                 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        )
    })
    .collect()
}

/// A megabyte is the most that fits.
fn too_large(object: &Value) -> Option<Cause> {
    const MOST: usize = 1_048_576;
    let values =
        |key: &str| object[key].as_object().into_iter().flatten().map(|(_, value)| value.as_str().map_or(0, str::len));
    let size: usize = values("data").chain(values("binaryData")).sum();
    let message = format!("Too long: may not be more than {MOST} bytes");
    (size > MOST).then(|| Cause { reason: "FieldValueTooLong", message, field: String::new() })
}

fn kept_if_immutable(live: Option<&Value>, object: &Value, keys: &[&str]) -> Vec<Cause> {
    let Some(live) = live.filter(|live| live["immutable"] == true) else { return Vec::new() };
    let mut causes = Vec::new();
    if object["immutable"] != true {
        causes.push(forbidden("immutable", "field is immutable when `immutable` is set"));
    }
    let changed = keys.iter().filter(|key| live.get(**key) != object.get(**key));
    causes.extend(changed.map(|key| forbidden(*key, "field is immutable when `immutable` is set")));
    causes
}

fn forbidden(field: impl Into<String>, why: &str) -> Cause {
    Cause { reason: "FieldValueForbidden", message: format!("Forbidden: {why}"), field: field.into() }
}

fn config_map(live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = data_keys(object);
    causes.extend(too_large(object));
    causes.extend(kept_if_immutable(live, object, &["data", "binaryData"]));
    causes
}

fn immutable(field: impl Into<String>, value: &Value) -> Cause {
    invalid(field, value, "field is immutable")
}

fn secret(live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = data_keys(object);
    causes.extend(too_large(object));
    if live.is_some_and(|live| live["type"] != object["type"]) {
        causes.push(immutable("type", &object["type"]));
    }
    if object["type"] == "kubernetes.io/tls" {
        let missing = ["tls.crt", "tls.key"].into_iter().filter(|key| object["data"].get(*key).is_none());
        causes.extend(missing.map(|key| required(format!("data[{key}]"), "")));
    }
    causes.extend(kept_if_immutable(live, object, &["data"]));
    causes
}

fn service(live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let spec = &object["spec"];
    let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
    let headless = spec["clusterIP"] == "None";
    if ports.is_empty() && !headless && spec["type"] != "ExternalName" {
        causes.push(required("spec.ports", ""));
    }
    let mut names = BTreeSet::new();
    for (at, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{at}].name");
        match port["name"].as_str() {
            Some(name) if !is_label(name) => causes.push(invalid(&path, &port["name"], LABEL_RULE)),
            Some(name) if !names.insert(name) => causes.push(Cause {
                reason: "FieldValueDuplicate",
                message: format!("Duplicate value: {name:?}"),
                field: path,
            }),
            None if ports.len() > 1 => causes.push(required(path, "")),
            _ => {}
        }
    }
    let address = |value: Option<&Value>| {
        value.and_then(|value| value.pointer("/spec/clusterIP")).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let before = address(live);
    if live.is_some() && !before.is_empty() && address(Some(object)) != before && spec["type"] != "ExternalName" {
        let why = "may not change once set";
        causes.push(invalid("spec.clusterIPs[0]", &json!([address(Some(object))]), why));
    }
    causes
}

fn workload(live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let selector = &object["spec"]["selector"];
    let empty = selector
        .as_object()
        .is_none_or(|selector| selector.values().all(|part| part == &json!({}) || part == &json!([])));
    if empty {
        causes.push(invalid("spec.selector", selector, "empty selector is invalid for deployment"));
    }
    let labels = object.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    let wanted = selector["matchLabels"].as_object().into_iter().flatten();
    if wanted.into_iter().any(|(key, value)| labels.get(key) != Some(value)) {
        causes.push(invalid("spec.template.metadata.labels", &labels, "`selector` does not match template `labels`"));
    }
    // The real server's messages leave out that it is metadata.
    causes.extend(labels_and_annotations(&object["spec"]["template"]["metadata"], "spec.template"));
    causes.extend(pod_spec(object.pointer("/spec/template/spec"), "spec.template.spec"));
    let restart = object.pointer("/spec/template/spec/restartPolicy");
    if let Some(policy) = restart.filter(|policy| *policy != "Always") {
        causes.push(super::status::unsupported("spec.template.spec.restartPolicy", policy, &["Always".to_owned()]));
    }
    if object.pointer("/spec/template/spec").is_none() && object["kind"] == "Deployment" {
        causes.push(required("spec.template.spec.containers", ""));
    }
    let strategy = &object["spec"]["strategy"];
    if strategy["type"] == "Recreate" && strategy.get("rollingUpdate").is_some() {
        causes
            .push(forbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"));
    }
    if live.is_some_and(|live| live["spec"]["selector"] != *selector) {
        causes.push(immutable("spec.selector", selector));
    }
    causes
}

fn pod_spec(spec: Option<&Value>, path: &str) -> Vec<Cause> {
    let Some(spec) = spec else { return Vec::new() };
    let mut causes = Vec::new();
    let volumes: BTreeSet<&str> =
        spec["volumes"].as_array().into_iter().flatten().filter_map(|volume| volume["name"].as_str()).collect();
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        causes.push(required(format!("{path}.containers"), ""));
    }
    for list in ["containers", "initContainers"] {
        for (at, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            causes.extend(pod_container(container, &format!("{path}.{list}[{at}]"), &volumes));
        }
    }
    for (at, volume) in spec["volumes"].as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.volumes[{at}]");
        match volume.as_object().map(Map::len) {
            Some(1) => causes.push(required(path, "must specify a volume type")),
            Some(more) if more > 2 => causes.push(forbidden(path, "may not specify more than 1 volume type")),
            _ => {}
        }
    }
    causes
}

fn pod_container(container: &Value, path: &str, volumes: &BTreeSet<&str>) -> Vec<Cause> {
    let mut causes = Vec::new();
    if container["image"].as_str().is_none_or(str::is_empty) {
        causes.push(required(format!("{path}.image"), ""));
    }
    for (at, mount) in container["volumeMounts"].as_array().into_iter().flatten().enumerate() {
        let name = mount["name"].as_str().unwrap_or_default();
        if !volumes.contains(name) {
            causes.push(Cause {
                reason: "FieldValueNotFound",
                message: format!("Not found: {name:?}"),
                field: format!("{path}.volumeMounts[{at}].name"),
            });
        }
    }
    for (at, variable) in container["env"].as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.env[{at}]");
        if variable["value"].as_str().is_some_and(|value| !value.is_empty()) && variable.get("valueFrom").is_some() {
            causes.push(invalid(
                format!("{path}.valueFrom"),
                &json!(""),
                "may not be specified when `value` is not empty",
            ));
        }
        let sources = variable["valueFrom"].as_object().map(Map::len);
        if sources.is_some_and(|count| count != 1) {
            causes.push(invalid(format!("{path}.valueFrom"), &json!(""), "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"));
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let handlers = ["exec", "httpGet", "tcpSocket", "grpc"];
        if let Some(probed) = container.get(probe) {
            match handlers.iter().filter(|handler| probed.get(**handler).is_some()).count() {
                0 => causes.push(required(format!("{path}.{probe}"), "must specify a handler type")),
                1 => {}
                _ => causes.push(forbidden(format!("{path}.{probe}"), "may not specify more than 1 handler type")),
            }
            if probe != "readinessProbe" && probed["successThreshold"].as_u64().is_some_and(|count| count != 1) {
                causes.push(invalid(
                    format!("{path}.{probe}.successThreshold"),
                    &probed["successThreshold"],
                    "must be 1",
                ));
            }
        }
    }
    if container.pointer("/securityContext/privileged") == Some(&json!(true))
        && container.pointer("/securityContext/allowPrivilegeEscalation") == Some(&json!(false))
    {
        causes.push(invalid(
            format!("{path}.securityContext"),
            &container["securityContext"],
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        ));
    }
    causes
}

/// Of a pod that is there little can be changed.
fn pod_is_kept(live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let Some(live) = live else { return Vec::new() };
    let fixed = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                container.remove("image");
            }
        }
        for key in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName"] {
            if let Some(spec) = spec.as_object_mut() {
                spec.remove(key);
            }
        }
        super::validate::without_nulls(spec)
    };
    if fixed(live) == fixed(object) {
        return Vec::new();
    }
    vec![forbidden(
        "spec",
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
         `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
         `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    )]
}
