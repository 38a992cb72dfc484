//! What this machine alone says of the ways to sign in.

use super::{
    TENANT, World,
    signing_in::{FakeCli, NoCli, with_cli},
};
use crate::{
    entra::{Environment, Method, SignInRequest, ways},
    facts::SignInSummary,
};
use serde_json::json;
use std::sync::Arc;

/// Every way with its reason, or with `None` where it can work.
async fn reasons(request: &SignInRequest) -> Vec<(String, Option<String>)> {
    ways(request, &Method::ALL).await.into_iter().map(|way| (way.method, way.unusable)).collect()
}

async fn azure_cli(world: &World, change: impl FnOnce(&mut FakeCli)) -> SignInSummary {
    let (request, _) = with_cli(world, change);
    ways(&request, &[Method::AzureCli]).await.remove(0)
}

#[tokio::test]
async fn given_nothing_at_all_then_every_way_says_what_it_lacks() {
    let world = World::start().await;
    let nothing = SignInRequest {
        environment: Environment::default(),
        azure_cli: Arc::new(NoCli),
        ..world.request(Method::Auto)
    };
    let lacking = |text: &str| Some(text.to_owned());
    let expected = [
        ("service-principal", lacking("not set: AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_TENANT_ID")),
        ("workload-identity", lacking("not set: AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID")),
        ("azure-cli", lacking("it is not installed; run `az login` in another window, and look again")),
        ("device-code", lacking("nobody is there who could type a code into a browser")),
    ];
    assert_eq!(reasons(&nothing).await, expected.map(|(name, reason)| (name.to_owned(), reason)));
    assert!(world.seen("GET /v1.0/organization").is_empty(), "nobody outside is asked");
}

#[tokio::test]
async fn given_a_federated_token_then_whether_it_can_be_read_is_seen() {
    let world = World::start().await;
    let file = world.folder().join("token");
    let environment = Environment::of([
        ("AZURE_CLIENT_ID", "a-client"),
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
    ]);
    let request = SignInRequest { environment, ..world.request(Method::Auto) };
    let found = ways(&request, &[Method::WorkloadIdentity]).await.remove(0);
    assert!(found.unusable.as_ref().unwrap().contains("token cannot be read"), "{found:?}");
    std::fs::write(file, "a token").unwrap();
    let found = ways(&request, &[Method::WorkloadIdentity]).await.remove(0);
    assert_eq!((found.unusable, found.about.as_str()), (None, "the application a-client"));
    assert_eq!(found.tenants[0].tenant, TENANT);
}

#[tokio::test]
async fn given_somebody_signed_in_to_the_azure_cli_then_who_and_where_else_are_known_with_the_default_tenant_first() {
    let world = World::start().await;
    let found = azure_cli(&world, |cli| {
        let user = json!({"name": "ada@contoso.com", "type": "user"});
        cli.accounts = json!([
            {"isDefault": false, "tenantId": "33333333-3333-3333-3333-333333333333", "user": user},
            {"isDefault": true, "tenantId": TENANT, "tenantDefaultDomain": "contoso.com", "user": user},
            {"isDefault": false, "tenantId": TENANT, "tenantDefaultDomain": "contoso.com", "user": user},
        ]);
    })
    .await;
    assert_eq!((found.unusable, found.about.as_str()), (None, "ada@contoso.com, tenant contoso.com"));
    let tenants: Vec<_> = found.tenants.iter().map(|tenant| tenant.tenant.as_str()).collect();
    assert_eq!(tenants, [TENANT, "33333333-3333-3333-3333-333333333333"]);
}

#[tokio::test]
async fn given_an_azure_cli_that_nobody_is_signed_in_to_or_of_another_cloud_then_that_is_the_reason() {
    let world = World::start().await;
    let out = azure_cli(&world, |cli| cli.accounts = json!([])).await.unusable.unwrap();
    assert!(out.contains("nobody is signed in; run `az login`"), "{out}");
    let elsewhere = azure_cli(&world, |cli| cli.cloud = "https://login.microsoftonline.us".to_owned()).await;
    assert!(elsewhere.unusable.as_ref().unwrap().contains("az cloud set"), "{elsewhere:?}");
}
