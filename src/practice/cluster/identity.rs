//! Whether what was sent is what the path names: its kind and version, its place, and the object that is there.

use super::{
    catalog::{Catalog, split_api_version},
    status::{ApiError, invalid},
    write::Target,
};
use serde_json::{Value, json};

/// A version and kind, as the real server's errors spell them: the core group has a name without letters.
pub(super) fn typed(api_version: &str, kind: &str) -> String {
    let slash = if api_version.contains('/') { "" } else { "/" };
    format!("{slash}{api_version}, Kind={kind}")
}

/// Whether an object that was sent is of the kind that the path names.
pub(super) fn check_type(target: &Target, object: &Value) -> Result<(), ApiError> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let kind = &target.kind;
    let (expected, sent, sent_kind) = (target.api_version(), text("/apiVersion"), text("/kind"));
    let of_version = !sent.is_empty() && sent != expected;
    let of_kind = !sent_kind.is_empty() && sent_kind != kind.kind;
    let (group, version) = split_api_version(sent);
    if of_version && group == kind.group && !group.is_empty() {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({sent}) does not match the expected API version ({expected})"
        )));
    }
    if kind.is_custom() && of_kind {
        let cause = invalid("kind", &json!(sent_kind), &format!("must be {}", kind.kind));
        let name = text("/metadata/name");
        let mut error = ApiError::invalid(kind, name, vec![cause]).about(&kind.group, sent_kind, name);
        error.message = error.message.replacen(&kind.kind, sent_kind, 1);
        return Err(error);
    }
    if of_version || of_kind {
        let known =
            Catalog::embedded().kind(group, sent_kind).is_some_and(|kind| kind.versions.iter().any(|v| v == version));
        let why = if known {
            let package = |group: &str| if group.is_empty() { "core".to_owned() } else { group.to_owned() };
            format!(
                "converting ({version}.{sent_kind}) to ({}.{}): unknown conversion",
                package(&kind.group),
                kind.kind
            )
        } else {
            format!("no kind {sent_kind:?} is registered for version {sent:?} in scheme \"pkg/runtime/scheme.go:111\"")
        };
        let message = format!("{sent_kind} in version {version:?} cannot be handled as a {}: {why}", kind.kind);
        return Err(ApiError::bad_request(message));
    }
    Ok(())
}

/// Whether an applied object says that it is of the kind that the path names; it must say so.
pub(super) fn check_applied_type(target: &Target, object: &Value) -> Result<(), ApiError> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("apiVersion") == target.api_version() && text("kind") == target.kind.kind {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("invalid object type: {}", typed(text("apiVersion"), text("kind")))))
}

/// Whether an object that was sent is what the path names.
pub(super) fn check_place(target: &Target, object: &Value) -> Result<(), ApiError> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let namespace = text("/metadata/namespace");
    if target.kind.namespaced && !namespace.is_empty() && namespace != target.namespace {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    let name = text("/metadata/name");
    if !target.name.is_empty() && !name.is_empty() && name != target.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    Ok(())
}

fn check_version(target: &Target, live: &Value, object: &Value) -> Result<(), ApiError> {
    let wanted = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
    if wanted.is_empty() || live["metadata"]["resourceVersion"] == wanted {
        return Ok(());
    }
    Err(ApiError::stale(&target.kind, &target.name))
}

/// A replacement may name the version that it builds on, and the object it is meant for.
pub(super) fn check_preconditions(target: &Target, live: &Value, object: &Value) -> Result<(), ApiError> {
    check_version(target, live, object)?;
    let uid = object.pointer("/metadata/uid").and_then(Value::as_str).filter(|uid| !uid.is_empty());
    match (uid, live.pointer("/metadata/uid").and_then(Value::as_str)) {
        (Some(uid), Some(live_uid)) if uid != live_uid => {
            let group = if target.kind.is_custom() { format!("/{}", target.kind.group) } else { String::new() };
            let place = if target.kind.namespaced { format!("/{}", target.namespace) } else { String::new() };
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: {group}/{}{place}/{}, ResourceVersion: 0, AdditionalErrorMsg: \
                 Precondition failed: UID in precondition: {uid}, UID in object meta: {live_uid}",
                target.kind.plural, target.name
            );
            Err(ApiError::conflict(&target.kind, &target.name, &why))
        }
        _ => Ok(()),
    }
}

/// An applied object may name the version that it builds on, and itself.
pub(super) fn check_applied_identity(target: &Target, live: Option<&Value>, applied: &Value) -> Result<(), ApiError> {
    let uid = applied.pointer("/metadata/uid").and_then(Value::as_str).filter(|uid| !uid.is_empty());
    let Some(live) = live else {
        return uid.map_or(Ok(()), |uid| {
            let why =
                format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
            Err(ApiError::conflict(&target.kind, &target.name, &why))
        });
    };
    check_version(target, live, applied)?;
    match uid {
        Some(uid) if live["metadata"]["uid"] != uid => {
            let cause = invalid("metadata.uid", &json!(uid), "field is immutable");
            Err(ApiError::invalid(&target.kind, &target.name, vec![cause]))
        }
        _ => Ok(()),
    }
}
