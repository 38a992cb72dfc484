//! Rows for people: what `kubectl get` prints.

use super::catalog::Kind;
use serde_json::{Value, json};

type Cell = fn(&Value) -> Value;

/// A column: its name, its type, whether it is only shown with `-o wide`, and how it is read.
struct Column {
    name: &'static str,
    of_type: &'static str,
    wide: bool,
    cell: Cell,
}

const fn column(name: &'static str, cell: Cell) -> Column {
    Column { name, of_type: "string", wide: false, cell }
}

const fn wide(name: &'static str, cell: Cell) -> Column {
    Column { name, of_type: "string", wide: true, cell }
}

/// A `Table` of objects; `include` is `None`, `Metadata` or `Object`.
pub(super) fn of(kind: &Kind, items: &[Value], metadata: &Value, include: &str) -> Value {
    let columns = columns_of(kind);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name, "type": column.of_type, "format": if column.name == "Name" { "name" } else { "" },
                "description": column.name, "priority": u8::from(column.wide),
            })
        })
        .collect();
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            let cells: Vec<Value> = columns.iter().map(|column| (column.cell)(item)).collect();
            let mut row = json!({ "cells": cells });
            match include {
                "None" => {}
                "Object" => row["object"] = item.clone(),
                _ => row["object"] = metadata_only(item),
            }
            row
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions, "rows": rows,
    })
}

/// An object's metadata and nothing else.
pub(super) fn metadata_only(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

fn text(object: &Value, pointer: &str) -> String {
    match object.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn or_none(text: &str) -> Value {
    if text.is_empty() { json!("<none>") } else { json!(text) }
}

fn name(object: &Value) -> Value {
    json!(text(object, "/metadata/name"))
}

fn age(object: &Value) -> Value {
    json!(since(&text(object, "/metadata/creationTimestamp")))
}

/// As short as kubectl says how long ago something was.
fn since(time: &str) -> String {
    let Ok(time) = time.parse::<jiff::Timestamp>() else { return "<unknown>".to_owned() };
    let seconds = jiff::Timestamp::now().as_second().saturating_sub(time.as_second()).max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        format!("{minutes}m{}s", seconds % 60)
    } else if hours < 3 {
        format!("{minutes}m")
    } else if hours < 8 {
        format!("{hours}h{}m", minutes % 60)
    } else if hours < 48 {
        format!("{hours}h")
    } else {
        format!("{days}d")
    }
}

fn count(object: &Value, pointer: &str) -> u64 {
    object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn entries(object: &Value, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Value::Object(map)) => map.len(),
        Some(Value::Array(list)) => list.len(),
        _ => 0,
    }
}

fn list(object: &Value, pointer: &str) -> String {
    let items = object.pointer(pointer).and_then(Value::as_array);
    items.map_or_else(String::new, |items| {
        if items.is_empty() { String::new() } else { Value::Array(items.clone()).to_string() }
    })
}

fn ready_condition(object: &Value) -> Value {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
    ready.next().map_or(json!(""), |condition| condition["status"].clone())
}

fn ready_message(object: &Value) -> Value {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
    ready.next().map_or(json!(""), |condition| condition["message"].clone())
}

fn pod_ready(pod: &Value) -> Value {
    let statuses: Vec<&Value> =
        pod.pointer("/status/containerStatuses").and_then(Value::as_array).into_iter().flatten().collect();
    let ready = statuses.iter().filter(|status| status["ready"] == true).count();
    json!(format!("{ready}/{}", entries(pod, "/spec/containers")))
}

fn pod_status(pod: &Value) -> Value {
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return json!("Terminating");
    }
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array).into_iter().flatten();
    let mut reasons =
        statuses.flat_map(|status| [text(status, "/state/waiting/reason"), text(status, "/state/terminated/reason")]);
    let waiting = reasons.find(|reason| !reason.is_empty());
    json!(waiting.unwrap_or_else(|| text(pod, "/status/phase")))
}

fn pod_restarts(pod: &Value) -> Value {
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array).into_iter().flatten();
    json!(statuses.map(|status| count(status, "/restartCount")).sum::<u64>().to_string())
}

fn service_address(service: &Value) -> Value {
    let kind = text(service, "/spec/type");
    let found = ["/status/loadBalancer/ingress/0/ip", "/status/loadBalancer/ingress/0/hostname", "/spec/externalName"];
    let found = found.into_iter().map(|pointer| text(service, pointer)).find(|text| !text.is_empty());
    match (kind.as_str(), found) {
        (_, Some(found)) => json!(found),
        ("LoadBalancer", None) => json!("<pending>"),
        _ => json!("<none>"),
    }
}

fn service_ports(service: &Value) -> Value {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
    let ports: Vec<String> = ports
        .map(|port| {
            let node = port["nodePort"].as_u64().map_or_else(String::new, |node| format!(":{node}"));
            format!("{}{node}/{}", port["port"], port["protocol"].as_str().unwrap_or("TCP"))
        })
        .collect();
    or_none(&ports.join(","))
}

fn columns_of(kind: &Kind) -> Vec<Column> {
    let mut columns = vec![column("Name", name)];
    columns.extend(own_columns(kind));
    let has_age = columns.iter().any(|column| column.name == "Age");
    if !has_age {
        columns.push(column("Age", age));
    }
    columns
}

fn own_columns(kind: &Kind) -> Vec<Column> {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", _) => core_columns(kind),
        ("apps", "Deployment") => vec![
            column("Ready", |item| {
                json!(format!("{}/{}", count(item, "/status/readyReplicas"), count(item, "/spec/replicas")))
            }),
            column("Up-to-date", |item| json!(count(item, "/status/updatedReplicas"))),
            column("Available", |item| json!(count(item, "/status/availableReplicas"))),
        ],
        ("apps", "ReplicaSet") => vec![
            column("Desired", |item| json!(count(item, "/spec/replicas"))),
            column("Current", |item| json!(count(item, "/status/replicas"))),
            column("Ready", |item| json!(count(item, "/status/readyReplicas"))),
        ],
        ("cert-manager.io", "Certificate") => vec![
            column("Ready", ready_condition),
            column("Secret", |item| json!(text(item, "/spec/secretName"))),
            wide("Issuer", |item| json!(text(item, "/spec/issuerRef/name"))),
            wide("Status", ready_message),
        ],
        ("cert-manager.io", "CertificateRequest") => {
            vec![
                column("Ready", ready_condition),
                column("Issuer", |item| json!(text(item, "/spec/issuerRef/name"))),
                wide("Status", ready_message),
            ]
        }
        ("cert-manager.io", _) => vec![column("Ready", ready_condition), wide("Status", ready_message)],
        ("acme.cert-manager.io", "Challenge") => {
            vec![
                column("State", |item| json!(text(item, "/status/state"))),
                column("Domain", |item| json!(text(item, "/spec/dnsName"))),
                wide("Reason", |item| json!(text(item, "/status/reason"))),
            ]
        }
        ("acme.cert-manager.io", _) => vec![column("State", |item| json!(text(item, "/status/state")))],
        ("networking.istio.io", "VirtualService") => {
            vec![
                column("Gateways", |item| json!(list(item, "/spec/gateways"))),
                column("Hosts", |item| json!(list(item, "/spec/hosts"))),
            ]
        }
        ("networking.istio.io", "DestinationRule") => vec![column("Host", |item| json!(text(item, "/spec/host")))],
        ("networking.istio.io", "ServiceEntry") => vec![
            column("Hosts", |item| json!(list(item, "/spec/hosts"))),
            column("Location", |item| json!(text(item, "/spec/location"))),
            column("Resolution", |item| json!(text(item, "/spec/resolution"))),
        ],
        ("security.istio.io", "AuthorizationPolicy") => {
            vec![column("Action", |item| json!(text(item, "/spec/action")))]
        }
        ("security.istio.io", "PeerAuthentication") => {
            vec![column("Mode", |item| json!(text(item, "/spec/mtls/mode")))]
        }
        ("apiextensions.k8s.io", _) => {
            vec![column("Created At", |item| json!(text(item, "/metadata/creationTimestamp")))]
        }
        _ => Vec::new(),
    }
}

fn core_columns(kind: &Kind) -> Vec<Column> {
    match kind.kind.as_str() {
        "Namespace" => vec![column("Status", |item| json!(text(item, "/status/phase")))],
        "ConfigMap" => vec![column("Data", |item| json!(entries(item, "/data") + entries(item, "/binaryData")))],
        "Secret" => vec![
            column("Type", |item| json!(text(item, "/type"))),
            column("Data", |item| json!(entries(item, "/data"))),
        ],
        "ServiceAccount" => vec![column("Secrets", |item| json!(entries(item, "/secrets")))],
        "Service" => vec![
            column("Type", |item| json!(text(item, "/spec/type"))),
            column("Cluster-IP", |item| or_none(&text(item, "/spec/clusterIP"))),
            column("External-IP", service_address),
            column("Port(s)", service_ports),
        ],
        "Pod" => vec![
            column("Ready", pod_ready),
            column("Status", pod_status),
            column("Restarts", pod_restarts),
            column("Age", age),
            wide("IP", |item| or_none(&text(item, "/status/podIP"))),
            wide("Node", |item| or_none(&text(item, "/spec/nodeName"))),
        ],
        "Event" => vec![
            column("Last Seen", |item| json!(since(&text(item, "/lastTimestamp")))),
            column("Type", |item| json!(text(item, "/type"))),
            column("Reason", |item| json!(text(item, "/reason"))),
            column("Object", |item| {
                json!(format!(
                    "{}/{}",
                    text(item, "/involvedObject/kind").to_lowercase(),
                    text(item, "/involvedObject/name")
                ))
            }),
            column("Message", |item| json!(text(item, "/message"))),
        ],
        _ => Vec::new(),
    }
}
