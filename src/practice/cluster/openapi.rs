//! The description of the API that clients validate and explain with: OpenAPI v3, one document a group and version.

use super::{
    catalog::Kind,
    schema::{Merge, Scalar, Schema, Shape},
    state::State,
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, sync::Arc};

fn served(state: &State) -> impl Iterator<Item = &Arc<Kind>> {
    state.catalog.kinds().iter().filter(|kind| !state.absent_groups.contains(&kind.group))
}

fn path_of(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// `GET /openapi/v3`.
pub(super) fn index(state: &State) -> Value {
    let all: BTreeSet<String> =
        served(state).flat_map(|kind| kind.versions.iter().map(move |version| path_of(&kind.group, version))).collect();
    let paths: Map<String, Value> = all
        .into_iter()
        .map(|path| {
            let url = format!("/openapi/v3/{path}?hash=practice");
            (path, json!({ "serverRelativeURL": url }))
        })
        .collect();
    json!({ "paths": paths })
}

/// `GET /openapi/v3/api/v1` and `GET /openapi/v3/apis/GROUP/VERSION`.
pub(super) fn document(state: &State, group: &str, version: &str) -> Option<Value> {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for kind in served(state).filter(|kind| kind.group == group && kind.versions.iter().any(|served| served == version))
    {
        let name = schema_name(kind, version);
        let gvk = json!({"group": kind.group, "version": version, "kind": kind.kind});
        let mut schema = spell(&kind.schema);
        schema["x-kubernetes-group-version-kind"] = json!([gvk]);
        schemas.insert(name.clone(), schema);
        paths.insert(object_path(kind, version), item(&gvk, &name));
    }
    (!paths.is_empty()).then(|| {
        json!({
            "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.34.1"},
            "paths": paths, "components": {"schemas": schemas},
        })
    })
}

/// `GET /openapi/v2` as protobuf, which kubectl before 1.29 asks for.
pub(super) fn v2(state: &State) -> Vec<u8> {
    let mut paths = Vec::new();
    for kind in served(state).filter(|kind| !kind.review) {
        for version in &kind.versions {
            let path = object_path(kind, version);
            paths.push((path, [kind.group.clone(), version.clone(), kind.kind.clone()]));
        }
    }
    super::protobuf::openapi_v2(&paths)
}

fn object_path(kind: &Kind, version: &str) -> String {
    let namespace = if kind.namespaced { "namespaces/{namespace}/" } else { "" };
    format!("/{}/{namespace}{}/{{name}}", path_of(&kind.group, version), kind.plural)
}

fn schema_name(kind: &Kind, version: &str) -> String {
    let mut parts: Vec<&str> = kind.group.split('.').filter(|part| !part.is_empty()).rev().collect();
    if parts.is_empty() {
        parts = vec!["io", "k8s", "api", "core"];
    }
    format!("{}.{version}.{}", parts.join("."), kind.kind)
}

fn item(gvk: &Value, schema: &str) -> Value {
    let parameter =
        |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
    let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
    let answer = json!({"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}});
    json!({
        "get": {"responses": answer, "x-kubernetes-action": "get", "x-kubernetes-group-version-kind": gvk},
        "patch": {
            "parameters": [parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation"), parameter("force")],
            "requestBody": {"content": {"application/apply-patch+yaml": {"schema": {"type": "object"}}}},
            "responses": answer, "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": gvk,
        },
    })
}

/// A schema as OpenAPI v3 spells it.
fn spell(schema: &Schema) -> Value {
    let mut spelled = match &schema.shape {
        Shape::Any => json!({"x-kubernetes-preserve-unknown-fields": true}),
        Shape::Scalar(scalar) => spell_scalar(*scalar),
        Shape::Struct { fields, atomic, .. } => {
            let properties: Map<String, Value> =
                fields.iter().map(|(name, field)| (name.clone(), spell(&field.schema))).collect();
            let required: Vec<&String> =
                fields.iter().filter(|(_, field)| field.required).map(|(name, _)| name).collect();
            let mut spelled = json!({"type": "object", "properties": properties});
            if !required.is_empty() {
                spelled["required"] = json!(required);
            }
            if *atomic {
                spelled["x-kubernetes-map-type"] = json!("atomic");
            }
            spelled
        }
        Shape::Map { value, atomic } => {
            let mut spelled = json!({"type": "object", "additionalProperties": spell(value)});
            if *atomic {
                spelled["x-kubernetes-map-type"] = json!("atomic");
            }
            spelled
        }
        Shape::List { item, merge } => {
            let mut spelled = json!({"type": "array", "items": spell(item)});
            match merge {
                Merge::Atomic => spelled["x-kubernetes-list-type"] = json!("atomic"),
                Merge::Set => spelled["x-kubernetes-list-type"] = json!("set"),
                Merge::Keys(keys) => {
                    spelled["x-kubernetes-list-type"] = json!("map");
                    spelled["x-kubernetes-list-map-keys"] = json!(keys);
                    // What client-side tools merge by.
                    spelled["x-kubernetes-patch-strategy"] = json!("merge");
                    spelled["x-kubernetes-patch-merge-key"] = json!(keys.first());
                }
            }
            spelled
        }
    };
    if let Some(default) = &schema.default {
        spelled["default"] = default.clone();
    }
    if !schema.allowed.is_empty() {
        spelled["enum"] = json!(schema.allowed);
    }
    for (key, number) in [("minimum", schema.min), ("maximum", schema.max)] {
        if let Some(number) = number {
            spelled[key] = json!(number);
        }
    }
    for (key, length) in [("minLength", schema.min_length), ("maxLength", schema.max_length)] {
        if let Some(length) = length {
            spelled[key] = json!(length);
        }
    }
    spelled
}

fn spell_scalar(scalar: Scalar) -> Value {
    match scalar {
        Scalar::String | Scalar::Duration => json!({"type": "string"}),
        Scalar::Integer => json!({"type": "integer", "format": "int64"}),
        Scalar::Number => json!({"type": "number", "format": "double"}),
        Scalar::Boolean => json!({"type": "boolean"}),
        Scalar::IntOrString => {
            json!({"x-kubernetes-int-or-string": true, "oneOf": [{"type": "integer"}, {"type": "string"}]})
        }
        Scalar::Quantity => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        Scalar::Time => json!({"type": "string", "format": "date-time"}),
        Scalar::Bytes => json!({"type": "string", "format": "byte"}),
    }
}
