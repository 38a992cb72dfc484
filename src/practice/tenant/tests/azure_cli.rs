//! What the Azure CLI 2.91 really sends (evidence/azure-cli-requests.json), one request after the other.

use super::{Graph, form, page, prompt_tenant, send};
use crate::practice::tenant::Tenant;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use std::collections::HashMap;

const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
const CLAIMS: &str = r#"{"access_token": {"xms_cc": {"values": ["CP1"]}}}"#;

/// The conversation so far: the tenant, and what was learned by name (`app`, `object`, `key`, `principal`, `graph`).
struct Conversation {
    graph: Graph,
    learned: HashMap<&'static str, String>,
}

impl Conversation {
    /// Sends one request; `{names}` are replaced by what was learned. The answer must have this status.
    async fn step(&self, method: &str, path: &str, body: Option<Value>, status: u16) -> Value {
        let fill = |text: &str| {
            self.learned.iter().fold(text.to_owned(), |text, (name, it)| text.replace(&format!("{{{name}}}"), it))
        };
        let body = body.map(|body| serde_json::from_str(&fill(&body.to_string())).unwrap());
        let headers = [("commandname", "ad app"), ("x-ms-client-request-id", "48a86a6d-abe5-49ae-85e4-df3ccae06dec")];
        let answer = self.graph.send(method, &fill(path), body, &headers).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
        assert_eq!(answer.headers["client-request-id"], "48a86a6d-abe5-49ae-85e4-df3ccae06dec");
        answer.body
    }

    fn learn(&mut self, name: &'static str, value: &Value) {
        self.learned.insert(name, value.as_str().unwrap().to_owned());
    }
}

/// Signs in as `az login --service-principal` does and asks for a Graph token as every later command does.
async fn signed_in(tenant: &Tenant) -> Conversation {
    let pipeline = tenant.pipeline();
    let metadata = page(tenant, &format!("/{}/v2.0/.well-known/openid-configuration", pipeline.tenant_id)).await.body;
    let token_path =
        metadata["token_endpoint"].as_str().unwrap().strip_prefix("https://localhost:28443").unwrap().to_owned();
    let token = async |scope: &str| {
        let fields = [
            ("client_id", pipeline.client_id.as_str()),
            ("grant_type", "client_credentials"),
            ("client_info", "1"),
            ("client_secret", &pipeline.client_secret),
            ("claims", CLAIMS),
            ("scope", scope),
        ];
        form(tenant, &token_path, &fields).await.body["access_token"].as_str().unwrap().to_owned()
    };
    let bearer = format!("Bearer {}", token("https://localhost:28445//.default").await);
    let subscriptions = Request::get("/subscriptions?api-version=2022-12-01").header("authorization", bearer);
    let subscriptions = send(tenant.resource_manager_router(), subscriptions.body(Body::empty()).unwrap()).await;
    assert_eq!(subscriptions.body["value"][0]["tenantId"], tenant.id());
    let token = token("https://localhost:28444//.default").await;
    Conversation { graph: Graph { tenant: tenant.clone(), token }, learned: HashMap::new() }
}

#[tokio::test]
async fn given_the_azure_cli_when_it_registers_an_application_then_every_request_of_it_is_answered() {
    let tenant = prompt_tenant();
    let mut az = signed_in(&tenant).await;
    let by_name = "applications?$filter=startswith%28displayName%2C%27x%27%29";
    assert_eq!(az.step("GET", by_name, None, 200).await["value"], json!([]));
    let access = json!([{"resourceAppId": GRAPH, "resourceAccess": [{"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"}]}]);
    let create = json!({
        "displayName": "x", "signInAudience": "AzureADMyOrg", "api": {"requestedAccessTokenVersion": 2}, "keyCredentials": [],
        "web": {"redirectUris": ["https://oauth.cluster.example.com/oauth2/callback"],
                "implicitGrantSettings": {"enableIdTokenIssuance": false, "enableAccessTokenIssuance": false}},
        "optionalClaims": {"idToken": [{"name": "email", "essential": false}, {"name": "groups", "essential": false}]},
        "requiredResourceAccess": access,
    });
    let made = az.step("POST", "applications", Some(create), 201).await;
    az.learn("object", &made["id"]);
    az.learn("app", &made["appId"]);
    assert_eq!(az.step("GET", by_name, None, 200).await["value"][0]["id"], made["id"]);
    az.step("PATCH", "applications/{object}", Some(json!({"displayName": "x"})), 204).await;
    let by_app_id = "applications?$filter=appId%20eq%20%27{app}%27";
    assert_eq!(az.step("GET", by_app_id, None, 200).await["value"][0]["id"], made["id"]);
    let scope = json!({
        "id": "33333333-3333-3333-3333-333333333333", "value": "user_impersonation", "type": "User", "isEnabled": true,
        "adminConsentDisplayName": "Access x", "adminConsentDescription": "Access x", "userConsentDisplayName": null,
        "userConsentDescription": null,
    });
    for change in [
        json!({"identifierUris": ["api://{app}"]}),
        json!({"api": {"oauth2PermissionScopes": [scope]}}),
        json!({"groupMembershipClaims": "ApplicationGroup"}),
    ] {
        az.step("PATCH", "applications/{object}", Some(change), 204).await;
    }
    let shown = az.step("GET", "applications/{object}", None, 200).await;
    assert_eq!(shown["api"]["requestedAccessTokenVersion"], 2);
    assert_eq!(shown["api"]["oauth2PermissionScopes"][0], scope);
    credentials(&mut az).await;
    service_principal(&mut az).await;
    permissions(&mut az).await;
    az.step("DELETE", "applications/{object}", None, 204).await;
    assert_eq!(az.step("GET", by_app_id, None, 200).await["value"], json!([]));
    let missing = az.step("GET", "applications/99999999-9999-9999-9999-999999999999", None, 404).await;
    assert_eq!(missing["error"]["code"], "Request_ResourceNotFound");
}

async fn credentials(az: &mut Conversation) {
    let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(365 * 24);
    let credential = json!({"passwordCredential": {
        "displayName": "oauth2-proxy", "endDateTime": ends.to_string(), "startDateTime": jiff::Timestamp::now().to_string(),
    }});
    let added = az.step("POST", "applications/{object}/addPassword", Some(credential), 200).await;
    assert!(added["secretText"].is_string());
    az.learn("key", &added["keyId"]);
    let shown = az.step("GET", "applications/{object}", None, 200).await;
    assert_eq!(shown["passwordCredentials"][0]["hint"], added["hint"]);
    az.step("POST", "applications/{object}/removePassword", Some(json!({"keyId": "{key}"})), 204).await;
    az.step("POST", "applications/{object}/removePassword", Some(json!({"keyId": "{key}"})), 400).await;
}

async fn service_principal(az: &mut Conversation) {
    let body = json!({"appId": "{app}", "accountEnabled": true});
    let made = az.step("POST", "servicePrincipals", Some(body.clone()), 201).await;
    az.learn("principal", &made["id"]);
    az.step("POST", "servicePrincipals", Some(body), 409).await;
    let by_name = "servicePrincipals?$filter=servicePrincipalNames%2Fany%28c%3Ac%20eq%20%27{app}%27%29";
    assert_eq!(az.step("GET", by_name, None, 200).await["value"][0]["id"], made["id"]);
    az.step("GET", "servicePrincipals/{principal}", None, 200).await;
    az.step("PATCH", "servicePrincipals/{principal}", Some(json!({"appRoleAssignmentRequired": true})), 204).await;
    az.step("PATCH", "servicePrincipals/{object}", Some(json!({"appRoleAssignmentRequired": true})), 404).await;
    assert_eq!(az.step("GET", "applications/{object}/owners", None, 200).await["value"], json!([]));
    az.step("GET", "me", None, 400).await;
}

async fn permissions(az: &mut Conversation) {
    let access = json!({"requiredResourceAccess": [{"resourceAppId": GRAPH, "resourceAccess": [
        {"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"}, {"id": "37f7f235-527c-4136-accd-4a02d197296e", "type": "Scope"},
    ]}]});
    az.step("PATCH", "applications/{object}", Some(access), 204).await;
    let graph = "servicePrincipals?$filter=servicePrincipalNames%2Fany%28c%3Ac%20eq%20%2700000003-0000-0000-c000-000000000000%27%29";
    let graph = az.step("GET", graph, None, 200).await;
    az.learn("graph", &graph["value"][0]["id"]);
    let grants = "oauth2PermissionGrants?$filter=clientId%20eq%20%27{principal}%27";
    assert_eq!(az.step("GET", grants, None, 200).await["value"], json!([]));
    let body = json!({
        "clientId": "{principal}", "consentType": "AllPrincipals", "principalId": null, "resourceId": "{graph}",
        "scope": "openid email User.Read",
    });
    let made = az.step("POST", "oauth2PermissionGrants", Some(body.clone()), 201).await;
    az.learn("grant", &made["id"]);
    // Granting anew deletes first, in another spelling.
    az.step("DELETE", "oAuth2PermissionGrants/{grant}", None, 204).await;
    az.step("POST", "oauth2PermissionGrants", Some(body), 201).await;
    assert_eq!(az.step("GET", grants, None, 200).await["value"][0]["scope"], "openid email User.Read");
}

#[tokio::test]
async fn given_the_azure_cli_when_it_makes_a_service_principal_for_automation_then_it_can_sign_in() {
    let tenant = prompt_tenant();
    let mut az = signed_in(&tenant).await;
    az.step("GET", "servicePrincipals?$filter=displayName%20eq%20%27ci%27", None, 200).await;
    let made = az.step("POST", "applications", Some(json!({"displayName": "ci", "keyCredentials": []})), 201).await;
    az.learn("object", &made["id"]);
    az.learn("app", &made["appId"]);
    let added = az
        .step(
            "POST",
            "applications/{object}/addPassword",
            Some(json!({"passwordCredential": {"displayName": "rbac"}})),
            200,
        )
        .await;
    az.step("POST", "servicePrincipals", Some(json!({"appId": "{app}", "accountEnabled": true})), 201).await;
    let secret = added["secretText"].as_str().unwrap();
    let token = super::own_token(&tenant, &az.learned["app"], secret, "https://localhost:28445//.default").await;
    assert!(token.body["access_token"].is_string(), "{}", token.text);
}
