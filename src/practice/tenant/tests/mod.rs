//! The tenant over HTTP, as its clients meet it.

mod azure_cli;
mod registration;
mod replication;
mod resource_manager;
mod signing_in;

use super::signing::tests::shared_keys;
use super::{Replication, Settings, Tenant};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    pub(super) body: Value,
}

/// A tenant in which every write is seen at once.
pub(super) fn prompt_tenant() -> Tenant {
    tenant_with(Settings { replication: Replication::none(), ..Settings::default() })
}

pub(super) fn tenant_with(settings: Settings) -> Tenant {
    let tenant = Tenant::with_keys(settings, shared_keys()).unwrap();
    tenant.set_base_urls("https://localhost:28443/", "https://localhost:28444", "https://localhost:28445");
    tenant
}

pub(super) async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status: parts.status, headers: parts.headers, text, body }
}

/// Posts a form to the sign-in server.
pub(super) async fn form(tenant: &Tenant, path: &str, fields: &[(&str, &str)]) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request =
        Request::post(path).header("content-type", "application/x-www-form-urlencoded").body(body.into()).unwrap();
    send(tenant.sign_in_router(), request).await
}

/// Fetches a page of the sign-in server.
pub(super) async fn page(tenant: &Tenant, uri: &str) -> Answer {
    send(tenant.sign_in_router(), Request::get(uri).body(Body::empty()).unwrap()).await
}

/// Asks the token endpoint for a token of the client's own.
pub(super) async fn own_token(tenant: &Tenant, client_id: &str, secret: &str, scope: &str) -> Answer {
    let path = format!("/{}/oauth2/v2.0/token", tenant.id());
    let fields =
        [("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", secret), ("scope", scope)];
    form(tenant, &path, &fields).await
}

/// Graph, with somebody's token.
pub(super) struct Graph {
    pub(super) tenant: Tenant,
    pub(super) token: String,
}

impl Graph {
    /// As the practice pipeline.
    pub(super) async fn of_pipeline(tenant: &Tenant) -> Self {
        let pipeline = tenant.pipeline();
        let answer =
            own_token(tenant, &pipeline.client_id, &pipeline.client_secret, "https://localhost:28444/.default").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        Self { tenant: tenant.clone(), token: answer.body["access_token"].as_str().unwrap().to_owned() }
    }

    pub(super) async fn send(&self, method: &str, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/v1.0/{path}"))
            .header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        send(self.tenant.graph_router(), request.body(body).unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, &[]).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body), &[]).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body), &[]).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, &[]).await
    }

    pub(super) async fn upsert(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body), &[("prefer", "create-if-missing")]).await
    }

    /// An application with a service principal, one scope, one role and one redirect URI: its own properties.
    pub(super) async fn register(&self, name: &str) -> Value {
        let key = name.replace('\'', "''").replace(' ', "%20");
        let created = self
            .upsert(
                &format!("applications(uniqueName='{key}')"),
                json!({
                    "displayName": name, "signInAudience": "AzureADMyOrg", "tags": ["gatewright"],
                    "web": {"redirectUris": ["https://myapp.cluster.example.com/oauth2/callback"]},
                    "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [scope()]},
                    "appRoles": [role()],
                    "optionalClaims": {"accessToken": [{"name": "email"}], "idToken": [{"name": "email"}]},
                }),
            )
            .await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
        let app_id = created.body["appId"].as_str().unwrap().to_owned();
        let id = created.body["id"].as_str().unwrap();
        let named =
            self.patch(&format!("applications/{id}"), json!({"identifierUris": [format!("api://{app_id}")]})).await;
        assert_eq!(named.status, StatusCode::NO_CONTENT, "{}", named.text);
        let principal = self.upsert(&format!("servicePrincipals(appId='{app_id}')"), json!({})).await;
        assert_eq!(principal.status, StatusCode::CREATED, "{}", principal.text);
        self.get(&format!("applications/{id}")).await.body
    }
}

pub(super) const SCOPE_ID: &str = "33333333-3333-4333-8333-333333333333";
pub(super) const ROLE_ID: &str = "44444444-4444-4444-8444-444444444444";

pub(super) fn scope() -> Value {
    json!({
        "id": SCOPE_ID, "value": "user_impersonation", "type": "User", "isEnabled": true,
        "adminConsentDisplayName": "Access myapp", "adminConsentDescription": "Access myapp on behalf of the user",
        "userConsentDisplayName": null, "userConsentDescription": null,
    })
}

pub(super) fn role() -> Value {
    json!({
        "id": ROLE_ID, "value": "App.Access", "allowedMemberTypes": ["Application", "User"], "displayName": "Access",
        "description": "May use myapp", "isEnabled": true,
    })
}
