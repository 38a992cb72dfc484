//! Registering an application (domain.md 1.1).

use super::{Graph, prompt_tenant};
use axum::http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn given_no_application_when_it_is_upserted_twice_then_it_is_made_once() {
    let graph = Graph::of_pipeline(&prompt_tenant()).await;
    let path = "applications(uniqueName='gatewright.c1.myapp.myapp')";
    assert_eq!(graph.get(path).await.status, StatusCode::NOT_FOUND);
    let missing = graph.patch(path, json!({"displayName": "myapp"})).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.body["error"]["code"], "Request_ResourceNotFound");

    let first = graph.upsert(path, json!({"displayName": "myapp", "signInAudience": "AzureADMyOrg"})).await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!(first.body["uniqueName"], "gatewright.c1.myapp.myapp");
    assert!(first.headers.contains_key("request-id"));
    let second = graph.upsert(path, json!({"displayName": "renamed"})).await;
    assert_eq!((second.status, second.text.as_str()), (StatusCode::NO_CONTENT, ""));

    let shown = graph.get(path).await.body;
    assert_eq!((&shown["id"], &shown["displayName"]), (&first.body["id"], &json!("renamed")));
}
