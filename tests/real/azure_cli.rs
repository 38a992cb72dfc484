//! The Azure CLI against the practice ground's sign-in, Graph and resource manager, for the commands that the job shares
//! with it.

use crate::parts::{AzureCli, Gatewright, azure_cli, ground};
use gatewright::practice::Ground;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn given_the_ground_when_az_does_the_job_by_hand_then_every_step_is_taken() {
    let Some(program) = azure_cli() else { return };
    let ground = ground().await;
    let az = AzureCli::new(&program, &ground);
    let accounts = az.sign_in().await;
    assert_eq!(accounts[0]["tenantId"], json!(ground.caller().tenant_id));
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

#[tokio::test(flavor = "multi_thread")]
async fn given_somebody_signed_in_to_az_when_that_way_is_chosen_then_a_plan_is_made_as_them_and_after_a_sign_out_it_says_so()
 {
    let Some(program) = azure_cli() else { return };
    let ground = ground().await;
    let gatewright = Gatewright::new(&ground);
    let az = AzureCli::new(&program, &ground);
    az.sign_in().await;
    let planned = gatewright.run(&["plan", "--sign-in", "azure-cli"]).await;
    assert_eq!(planned.code, Some(2), "{planned:?}");
    let who = format!("signed in as {} (the Azure CLI)", ground.caller().client_id);
    assert!(planned.err.contains(&who), "{planned:?}");
    az.quiet(&["logout"]).await;
    let out = gatewright.run(&["plan", "--sign-in", "azure-cli"]).await;
    assert_eq!(out.code, Some(1), "{out:?}");
    assert!(out.err.contains("az login"), "{out:?}");
    ground.stop().await.unwrap();
}

/// The value of an annotation of the Secret that holds the client secret.
fn annotation(ground: &Ground, key: &str) -> Value {
    let secret = ground.cluster().get("", "Secret", Some("myapp"), "myapp-oauth2-proxy").unwrap();
    secret["metadata"]["annotations"][key].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_setup_when_az_reads_the_tenant_then_it_sees_what_gatewright_made_and_plan_sees_what_az_takes_away() {
    let Some(program) = azure_cli() else { return };
    let ground = ground().await;
    let gatewright = Gatewright::new(&ground);
    gatewright.set_up().await;
    let az = AzureCli::new(&program, &ground);
    az.sign_in().await;

    let listed = az.json(&["ad", "app", "list", "--display-name", "myapp"]).await;
    let [listed] = listed.as_array().unwrap().as_slice() else { panic!("one application: {listed}") };
    let app_id = listed["appId"].as_str().unwrap();
    let config = ground.cluster().get("", "ConfigMap", Some("myapp"), "myapp-oauth2-proxy").unwrap();
    assert!(config["data"].to_string().contains(app_id), "the sign-in proxy uses it: {}", config["data"]);

    let application = az.json(&["ad", "app", "show", "--id", app_id]).await;
    assert_eq!(application["signInAudience"], "AzureADMyOrg");
    assert_eq!(application["identifierUris"], json!([format!("api://{app_id}")]));
    assert_eq!(application["web"]["redirectUris"], json!(["https://myapp.cluster.example.com/oauth2/callback"]));
    assert_eq!(application["api"]["requestedAccessTokenVersion"], 2);
    assert_eq!(application["api"]["oauth2PermissionScopes"][0]["value"], "user_impersonation");
    assert_eq!(application["appRoles"][0]["value"], "App.Access");
    assert_eq!(application["tags"][0], "gatewright");

    let principal = az.json(&["ad", "sp", "show", "--id", app_id]).await;
    assert_eq!((&principal["appId"], &principal["accountEnabled"]), (&json!(app_id), &json!(true)));
    let grants = az.json(&["ad", "app", "permission", "list-grants", "--id", app_id]).await;
    let scopes: std::collections::BTreeSet<_> =
        grants.as_array().unwrap().iter().map(|grant| grant["scope"].as_str().unwrap()).collect();
    assert_eq!(scopes, ["openid profile email offline_access User.Read", "user_impersonation"].into());
    assert!(grants.as_array().unwrap().iter().all(|grant| grant["consentType"] == "AllPrincipals"), "{grants}");

    let credentials = az.json(&["ad", "app", "credential", "list", "--id", app_id]).await;
    let [credential] = credentials.as_array().unwrap().as_slice() else { panic!("one credential: {credentials}") };
    assert_eq!(credential["displayName"], "gatewright myapp/myapp");
    assert_eq!(credential["keyId"], annotation(&ground, "gatewright.dev/client-secret-key-id"));

    let key = credential["keyId"].as_str().unwrap();
    az.quiet(&["ad", "app", "credential", "delete", "--id", app_id, "--key-id", key]).await;
    let planned = gatewright.run(&["plan"]).await;
    assert_eq!(planned.code, Some(2), "{planned:?}");
    assert!((planned.out + &planned.err).contains("create    Client secret"));
    gatewright.set_up().await;
    let credentials = az.json(&["ad", "app", "credential", "list", "--id", app_id]).await;
    assert_eq!(credentials[0]["keyId"], annotation(&ground, "gatewright.dev/client-secret-key-id"));
    assert_ne!(credentials[0]["keyId"], key);
    ground.stop().await.unwrap();
}
