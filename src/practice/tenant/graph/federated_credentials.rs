//! `federatedIdentityCredentials`: signing in without a secret (domain.md 1.1 row 9c).

use super::error::GraphError;
use super::shape::FEDERATED_CREDENTIAL;
use super::{Request, created, merge, query};
use crate::practice::tenant::Core;
use crate::practice::tenant::directory::{Properties, text};
use crate::practice::tenant::reply::Reply;
use axum::http::{Method, StatusCode};
use serde_json::Value;

const COLLECTION: &str = "applications/federatedIdentityCredentials";

/// Answers a request below one application's federated credentials; the caller's right has been seen to.
pub(super) fn answer(
    core: &mut Core,
    request: &Request<'_>,
    at: usize,
    entry: Option<&str>,
) -> Result<Reply, GraphError> {
    let all = core.directory.applications.get(at).map(|it| it.federated_credentials.clone()).unwrap_or_default();
    match (request.method(), entry) {
        (&Method::GET, None) => query::list(core, request, COLLECTION, &FEDERATED_CREDENTIAL, all),
        (&Method::GET, Some(entry)) => query::one(core, request, COLLECTION, &FEDERATED_CREDENTIAL, all, entry),
        (&Method::POST, None) => create(core, request, at, &all),
        (&Method::PATCH, Some(entry)) => update(core, request, at, all, entry),
        (&Method::DELETE, Some(entry)) => {
            let kept: Vec<Properties> = all.iter().filter(|it| !is(it, entry)).cloned().collect();
            if kept.len() == all.len() {
                return Err(GraphError::not_found(entry));
            }
            store(core, at, kept);
            Ok(Reply::nothing())
        }
        _ => Err(GraphError::method_not_allowed()),
    }
}

fn is(credential: &Properties, entry: &str) -> bool {
    text(credential, "id") == entry || text(credential, "name") == entry
}

fn store(core: &mut Core, at: usize, all: Vec<Properties>) {
    if let Some(application) = core.directory.applications.get_mut(at) {
        application.federated_credentials = all;
        core.changed = true;
    }
}

fn create(core: &mut Core, request: &Request<'_>, at: usize, all: &[Properties]) -> Result<Reply, GraphError> {
    let body = request.body(&FEDERATED_CREDENTIAL)?;
    for required in ["name", "issuer", "subject"] {
        if text(&body, required).is_empty() {
            return Err(GraphError::bad(format!("The value for the property '{required}' is required.")));
        }
    }
    if body.get("audiences").and_then(Value::as_array).is_none_or(|it| it.len() != 1) {
        return Err(GraphError::bad("The property 'audiences' must contain exactly one value."));
    }
    let clashes = |it: &Properties| {
        let same = |name: &str| text(it, name) == text(&body, name);
        same("name") || (same("issuer") && same("subject"))
    };
    if all.iter().any(clashes) {
        let message = "FederatedIdentityCredential with name, or with issuer and subject, already exists.";
        return Err(GraphError::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message));
    }
    let mut credential = Properties::new();
    credential.insert("id".into(), Value::from(core.directory.fresh_id()));
    merge(&mut credential, body);
    let shown = credential.clone();
    store(core, at, all.iter().cloned().chain([credential]).collect());
    created(core, request, COLLECTION, &FEDERATED_CREDENTIAL, shown)
}

fn update(
    core: &mut Core,
    request: &Request<'_>,
    at: usize,
    mut all: Vec<Properties>,
    entry: &str,
) -> Result<Reply, GraphError> {
    let body = request.body(&FEDERATED_CREDENTIAL)?;
    let credential = all.iter_mut().find(|it| is(it, entry)).ok_or_else(|| GraphError::not_found(entry))?;
    if body.get("name").is_some_and(|name| name.as_str() != Some(text(credential, "name"))) {
        return Err(GraphError::bad("The property 'name' is immutable."));
    }
    merge(credential, body);
    store(core, at, all);
    Ok(Reply::nothing())
}
