//! What was written is not seen everywhere at once (domain.md 1.2).

use super::{Graph, SCOPE_ID, own_token, scope, tenant_with};
use crate::practice::tenant::{Replication, Settings, Tenant};
use axum::http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

fn slow_tenant() -> Tenant {
    tenant_with(Settings { replication: Replication::slow(), ..Settings::default() })
}

#[tokio::test]
async fn given_a_fresh_application_when_it_is_used_at_once_then_it_is_not_there_yet() {
    let tenant = slow_tenant();
    let graph = Graph::of_pipeline(&tenant).await;
    let path = "applications(uniqueName='myapp')";
    let made = graph.upsert(path, json!({"displayName": "myapp"})).await.body;
    let (id, app_id) = (made["id"].as_str().unwrap(), made["appId"].as_str().unwrap());
    assert_eq!(graph.get(path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(graph.patch(&format!("applications/{id}"), json!({"tags": []})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(graph.post(&format!("applications/{id}/addPassword"), json!({})).await.status, StatusCode::NOT_FOUND);
    let principal = graph.post("servicePrincipals", json!({"appId": app_id})).await;
    assert_eq!(principal.body["error"]["details"][0]["code"], "NoBackingApplicationObject", "{}", principal.text);
    let again = graph.upsert(path, json!({"displayName": "myapp"})).await;
    assert_eq!(again.status, StatusCode::NO_CONTENT, "a second upsert must not make a second application");

    tenant.advance_clock(SignedDuration::from_secs(9));
    assert_eq!(graph.get(path).await.body["id"], id);
    assert_eq!(graph.post("servicePrincipals", json!({"appId": app_id})).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn given_writes_that_reach_the_primary_when_a_fresh_application_is_written_then_only_reads_and_references_wait() {
    let tenant = tenant_with(Settings::default());
    let graph = Graph::of_pipeline(&tenant).await;
    let made = graph.post("applications", json!({"displayName": "ci"})).await.body;
    let (id, app_id) = (made["id"].as_str().unwrap(), made["appId"].as_str().unwrap());
    assert_eq!(graph.get(&format!("applications/{id}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(graph.get("applications?$filter=displayName%20eq%20'ci'").await.body["value"], json!([]));
    assert_eq!(graph.post(&format!("applications/{id}/addPassword"), json!({})).await.status, StatusCode::OK);
    assert_eq!(graph.post("servicePrincipals", json!({"appId": app_id})).await.status, StatusCode::BAD_REQUEST);
    tenant.advance_clock(SignedDuration::from_secs(1));
    assert_eq!(graph.get(&format!("applications/{id}")).await.status, StatusCode::OK);
    assert_eq!(graph.post("servicePrincipals", json!({"appId": app_id})).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn given_a_unique_name_that_is_set_later_then_it_is_found_by_it_after_a_moment_and_by_its_ids_all_the_while() {
    let tenant = slow_tenant();
    let graph = Graph::of_pipeline(&tenant).await;
    let made = graph.post("applications", json!({"displayName": "by hand"})).await.body;
    tenant.advance_clock(SignedDuration::from_secs(9));
    let (by_id, by_name) =
        (format!("applications/{}", made["id"].as_str().unwrap()), "applications(uniqueName='mine')");
    assert_eq!(graph.patch(&by_id, json!({"uniqueName": "mine"})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(graph.get(by_name).await.status, StatusCode::NOT_FOUND);
    assert_eq!(graph.get(&by_id).await.body["uniqueName"], "mine");
    tenant.advance_clock(SignedDuration::from_secs(9));
    assert_eq!(graph.get(by_name).await.body["id"], made["id"]);
    assert_eq!(graph.patch(&by_id, json!({"uniqueName": "mine", "tags": []})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(graph.get(by_name).await.body["id"], made["id"], "a later change does not hide it again");

    let renamed = graph.patch(&by_id, json!({"uniqueName": "other"})).await;
    assert_eq!(renamed.status, StatusCode::BAD_REQUEST, "{}", renamed.text);
    let second = graph.post("applications", json!({"displayName": "by hand"})).await.body;
    tenant.advance_clock(SignedDuration::from_secs(9));
    let path = format!("applications/{}", second["id"].as_str().unwrap());
    let taken = graph.patch(&path, json!({"uniqueName": "mine"})).await;
    assert!(taken.text.contains("same value for property uniqueName"), "{}", taken.text);
}

#[tokio::test]
async fn given_a_fresh_scope_when_the_registration_refers_to_it_at_once_then_it_is_refused() {
    let tenant = slow_tenant();
    let graph = Graph::of_pipeline(&tenant).await;
    let made = graph.upsert("applications(uniqueName='myapp')", json!({"displayName": "myapp"})).await.body;
    tenant.advance_clock(SignedDuration::from_secs(9));
    let path = format!("applications/{}", made["id"].as_str().unwrap());
    graph.patch(&path, json!({"api": {"oauth2PermissionScopes": [scope()]}})).await;
    let access = json!({"requiredResourceAccess": [
        {"resourceAppId": made["appId"], "resourceAccess": [{"id": SCOPE_ID, "type": "Scope"}]},
    ]});
    let refused = graph.patch(&path, access.clone()).await;
    assert_eq!(refused.body["error"]["code"], "PropertyValueInvalid", "{}", refused.text);
    tenant.advance_clock(SignedDuration::from_secs(9));
    assert_eq!(graph.patch(&path, access).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn given_a_fresh_secret_when_it_is_used_then_it_works_only_after_a_while_and_until_it_ends() {
    let tenant = slow_tenant();
    let graph = Graph::of_pipeline(&tenant).await;
    let made = graph.upsert("applications(uniqueName='myapp')", json!({"displayName": "myapp"})).await.body;
    let (id, app_id) = (made["id"].as_str().unwrap(), made["appId"].as_str().unwrap());
    let early = own_token(&tenant, app_id, "x", "https://localhost:28444/.default").await;
    assert_eq!(early.body["error_codes"], json!([700_016]), "{}", early.text);
    tenant.advance_clock(SignedDuration::from_secs(9));
    let added = graph.post(&format!("applications/{id}/addPassword"), json!({})).await.body;
    let secret = added["secretText"].as_str().unwrap();
    let try_it = || own_token(&tenant, app_id, secret, "https://localhost:28444/.default");
    assert_eq!(try_it().await.body["error_codes"], json!([7_000_215]));
    tenant.advance_clock(SignedDuration::from_secs(16));
    assert_eq!(try_it().await.body["error_codes"], json!([7_000_229]), "there is no service principal yet");
    graph.post("servicePrincipals", json!({"appId": app_id})).await;
    tenant.advance_clock(SignedDuration::from_secs(9));
    let good = try_it().await;
    assert_eq!(good.status, StatusCode::OK, "{}", good.text);
    tenant.advance_clock(SignedDuration::from_hours(24 * 740));
    assert_eq!(try_it().await.body["error_codes"], json!([7_000_222]));
}
