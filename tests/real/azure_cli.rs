//! The Azure CLI against the practice ground's sign-in, Graph and resource manager, for the commands that the job shares
//! with it.

use crate::parts::{AzureCli, azure_cli, ground};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn given_the_ground_when_az_does_the_job_by_hand_then_every_step_is_taken() {
    let Some(program) = azure_cli() else { return };
    let ground = ground().await;
    let az = AzureCli::new(&program, &ground);
    let caller = ground.caller();
    let login = ["login", "--service-principal", "-u", &caller.client_id, "-p", &caller.client_secret];
    let accounts = az.json(&[&login[..], &["--tenant", &caller.tenant_id, "--allow-no-subscriptions"]].concat()).await;
    assert_eq!(accounts[0]["tenantId"], json!(caller.tenant_id));
    let token = az.json(&["account", "get-access-token", "--resource", &format!("{}/", ground.cloud().graph)]).await;
    assert!(token["accessToken"].as_str().is_some_and(|token| token.split('.').count() == 3), "{token}");

    let create = ["ad", "app", "create", "--display-name", "byhand", "--sign-in-audience", "AzureADMyOrg"];
    let redirect = ["--web-redirect-uris", "https://myapp.cluster.example.com/oauth2/callback"];
    let application = az.json(&[&create[..], &redirect[..]].concat()).await;
    let app_id = application["appId"].as_str().unwrap();
    let shown = az.json(&["ad", "app", "show", "--id", app_id]).await;
    assert_eq!(shown["web"]["redirectUris"], json!(["https://myapp.cluster.example.com/oauth2/callback"]));
    az.quiet(&["ad", "app", "update", "--id", app_id, "--identifier-uris", &format!("api://{app_id}")]).await;

    let secret = az.json(&["ad", "app", "credential", "reset", "--id", app_id, "--append"]).await;
    assert!(secret["password"].as_str().is_some_and(|secret| secret.len() > 16));
    let keys = az.json(&["ad", "app", "credential", "list", "--id", app_id]).await;
    let key = keys[0]["keyId"].as_str().unwrap();
    az.quiet(&["ad", "app", "credential", "delete", "--id", app_id, "--key-id", key]).await;
    assert_eq!(az.json(&["ad", "app", "credential", "list", "--id", app_id]).await, json!([]));

    az.quiet(&["ad", "sp", "create", "--id", app_id]).await;
    let graph = "00000003-0000-0000-c000-000000000000";
    let user_read = "e1fe6dd8-ba31-4d61-89e7-88639da4683d=Scope";
    let add = ["ad", "app", "permission", "add", "--id", app_id, "--api", graph, "--api-permissions", user_read];
    az.quiet(&add).await;
    az.quiet(&["ad", "app", "permission", "grant", "--id", app_id, "--api", graph, "--scope", "User.Read"]).await;
    let grants = az.json(&["ad", "app", "permission", "list-grants", "--id", app_id]).await;
    assert_eq!(grants[0]["scope"], json!("User.Read"));

    az.quiet(&["ad", "app", "delete", "--id", app_id]).await;
    let left = az.json(&["ad", "app", "list", "--display-name", "byhand"]).await;
    assert_eq!(left, Value::Array(Vec::new()));
    ground.stop().await.unwrap();
}
