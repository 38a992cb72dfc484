//! Resource Manager: zones, and roles on them (domain.md 8).

use super::{Answer, form, own_token, prompt_tenant, send, tenant_with};
use crate::practice::tenant::{Replication, Settings, Tenant};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::time::Duration;

const SUBSCRIPTION: &str = "c0470505-0000-4000-8000-0000000005ab";
const IDENTITY: &str = "66666666-7777-8888-9999-00000000000d";
const NAME: &str = "0b7a2d4e-0000-4000-8000-000000000001";
const ZONE: (&str, &str, &str) = (SUBSCRIPTION, "dns", "cluster.example.com");

struct Manager {
    tenant: Tenant,
    token: String,
}

impl Manager {
    async fn of(tenant: Tenant) -> Self {
        let pipeline = tenant.pipeline();
        let answer =
            own_token(&tenant, &pipeline.client_id, &pipeline.client_secret, "https://localhost:28445/.default").await;
        let token = answer.body["access_token"].as_str().unwrap().to_owned();
        Self { tenant, token }
    }

    async fn send(&self, method: &str, uri: &str, body: Option<Value>) -> Answer {
        let request =
            Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {}", self.token));
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        send(self.tenant.resource_manager_router(), request.body(body).unwrap()).await
    }

    async fn get(&self, uri: &str) -> Answer {
        self.send("GET", uri, None).await
    }

    /// The object id of the identity.
    fn principal(&self) -> String {
        self.tenant.core().directory.service_principal_by_app_id(IDENTITY).unwrap().id().to_owned()
    }

    async fn assign(&self, name: &str, principal: &str) -> Answer {
        let uri = format!("{}/{name}?api-version=2022-04-01", assignments("dns", "cluster.example.com"));
        self.send("PUT", &uri, Some(body(principal))).await
    }
}

fn assignments(group: &str, zone: &str) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Network/dnsZones/{zone}/providers/\
         Microsoft.Authorization/roleAssignments"
    )
}

fn body(principal: &str) -> Value {
    json!({"properties": {
        "roleDefinitionId": format!(
            "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/befefa01-2a29-4197-83a8-272ff33ce314"
        ),
        "principalId": principal, "principalType": "ServicePrincipal", "description": "for a test",
    }})
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["error"]["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn given_the_tenant_when_zones_are_asked_for_then_they_are_listed_and_a_wrong_version_is_refused() {
    let manager = Manager::of(prompt_tenant()).await;
    let zones = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/dnsZones");
    let listed = manager.get(&format!("{zones}?api-version=2018-05-01")).await;
    assert_eq!(listed.body["value"][0]["name"], "cluster.example.com");
    assert_eq!(code(&manager.get(&zones).await), (400, "MissingApiVersionParameter"));
    let wrong = manager.get(&format!("{zones}?api-version=2022-04-01")).await;
    assert_eq!(code(&wrong), (400, "NoRegisteredProviderFound"));
    let one = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/dns/providers/Microsoft.Network/dnsZones");
    assert_eq!(manager.get(&format!("{one}/example.com?api-version=2018-05-01")).await.status, StatusCode::OK);
    let absent = manager.get(&format!("{one}/example.net?api-version=2018-05-01")).await;
    assert_eq!(code(&absent), (404, "ResourceNotFound"));
    let elsewhere =
        manager.get("/subscriptions/c0ffee/providers/Microsoft.Network/dnsZones?api-version=2018-05-01").await;
    assert_eq!(code(&elsewhere), (404, "SubscriptionNotFound"));
}

#[tokio::test]
async fn given_a_token_for_graph_when_it_is_shown_to_resource_manager_then_it_is_not_taken() {
    let tenant = prompt_tenant();
    let token = super::Graph::of_pipeline(&tenant).await.token;
    let manager = Manager { tenant, token };
    let answer = manager.get("/subscriptions?api-version=2022-12-01").await;
    assert_eq!(code(&answer), (401, "AuthenticationFailed"));
}

#[tokio::test]
async fn given_a_role_is_assigned_then_the_same_again_changes_nothing_and_another_name_is_a_conflict() {
    let manager = Manager::of(prompt_tenant()).await;
    let principal = manager.principal();
    assert!(manager.tenant.may_put_text(IDENTITY, ZONE, "_acme-challenge").is_err());
    assert_eq!(manager.assign(NAME, &principal).await.status, StatusCode::CREATED);
    assert_eq!(manager.tenant.may_put_text(IDENTITY, ZONE, "_acme-challenge"), Ok(()));
    let changes = *manager.tenant.changes().borrow();
    assert_eq!(manager.assign(NAME, &principal).await.status, StatusCode::OK);
    assert_eq!(*manager.tenant.changes().borrow(), changes, "nothing changed");
    let other = manager.assign("0b7a2d4e-0000-4000-8000-000000000002", &principal).await;
    assert_eq!(code(&other), (409, "RoleAssignmentExists"));

    let listed = format!(
        "{}?api-version=2022-04-01&$filter=assignedTo('{principal}')",
        assignments("dns", "cluster.example.com")
    );
    let listed = manager.get(&listed.replace('\'', "%27")).await;
    assert_eq!(listed.body["value"][0]["properties"]["description"], "for a test");
    let one = format!("{}/{NAME}?api-version=2022-04-01", assignments("dns", "cluster.example.com"));
    assert_eq!(manager.send("DELETE", &one, None).await.status, StatusCode::OK);
    assert_eq!(manager.send("DELETE", &one, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(code(&manager.get(&one).await), (404, "RoleAssignmentNotFound"));
}

#[tokio::test]
async fn given_what_cannot_be_assigned_then_it_is_refused_as_azure_does() {
    let manager = Manager::of(prompt_tenant()).await;
    let principal = manager.principal();
    let nobody = manager.assign(NAME, "0b7a2d4e-0000-4000-8000-00000000dead").await;
    assert_eq!(code(&nobody), (400, "PrincipalNotFound"));
    assert_eq!(code(&manager.assign("not-a-guid", &principal).await), (400, "InvalidRoleAssignmentId"));
    let uri = format!("{}/{NAME}?api-version=2022-04-01", assignments("dns", "example.net"));
    assert_eq!(code(&manager.send("PUT", &uri, Some(body(&principal))).await), (404, "ResourceNotFound"));
    let mut as_user = body(&principal);
    as_user["properties"]["principalType"] = "User".into();
    let uri = format!("{}/{NAME}?api-version=2022-04-01", assignments("dns", "cluster.example.com"));
    assert_eq!(code(&manager.send("PUT", &uri, Some(as_user)).await), (400, "UnmatchedPrincipalType"));
    let mut unknown = body(&principal);
    unknown["properties"]["principleId"] = principal.clone().into();
    assert_eq!(code(&manager.send("PUT", &uri, Some(unknown)).await), (400, "InvalidRequestContent"));
    assert_eq!(manager.assign(NAME, &principal).await.status, StatusCode::CREATED);
    let pipeline = manager.tenant.pipeline().client_id;
    let another = manager.tenant.core().directory.service_principal_by_app_id(&pipeline).unwrap().id().to_owned();
    assert_eq!(code(&manager.assign(NAME, &another).await), (400, "RoleAssignmentUpdateNotPermitted"));
    manager.tenant.adjust(|settings| settings.rights.may_assign_azure_roles = false);
    assert_eq!(code(&manager.assign(NAME, &principal).await), (403, "AuthorizationFailed"));
}

#[tokio::test]
async fn given_a_role_was_just_assigned_then_it_takes_effect_only_after_a_while() {
    let replication = Replication { azure_role_milliseconds: 60_000, ..Replication::none() };
    let manager = Manager::of(tenant_with(Settings { replication, ..Settings::default() })).await;
    assert_eq!(manager.assign(NAME, &manager.principal()).await.status, StatusCode::CREATED);
    let refused = manager.tenant.may_put_text(IDENTITY, ZONE, "_acme-challenge").unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (403, "AuthorizationFailed"));
    manager.tenant.advance_clock(Duration::from_secs(61).try_into().unwrap());
    assert_eq!(manager.tenant.may_put_text(IDENTITY, ZONE, "_acme-challenge"), Ok(()));
}

const RECORDS: &str = "/subscriptions/c0470505-0000-4000-8000-0000000005ab/resourceGroups/dns/providers/Microsoft.Network/dnsZones/cluster.example.com/TXT";

impl Manager {
    /// The manager as cert-manager speaks to it: with the token of its service account in place of a secret.
    async fn as_identity(&self) -> Self {
        let claims = json!({
            "iss": "https://kubernetes.default.svc.cluster.local", "sub": "system:serviceaccount:cert-manager:cert-manager",
            "aud": ["api://AzureADTokenExchange"],
        });
        let assertion = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", IDENTITY),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
            // As Microsoft's library for Go asks.
            ("scope", "https://localhost:28445/.default openid offline_access profile"),
        ];
        let answer = form(&self.tenant, &format!("/{}/oauth2/v2.0/token", self.tenant.id()), &fields).await;
        let token = answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned();
        Self { tenant: self.tenant.clone(), token }
    }

    /// Puts a value under a name, on a condition of the record set's etag.
    async fn put_text(&self, name: &str, value: &str, condition: (&str, &str)) -> Answer {
        let body = json!({"properties": {"TTL": 60, "TXTRecords": [{"value": [value]}]}});
        self.on_condition("PUT", name, condition, Body::from(body.to_string())).await
    }

    async fn on_condition(&self, method: &str, name: &str, condition: (&str, &str), body: Body) -> Answer {
        let request = Request::builder().method(method).uri(format!("{RECORDS}/{name}?api-version=2018-05-01"));
        let request =
            request.header("authorization", format!("Bearer {}", self.token)).header(condition.0, condition.1);
        send(self.tenant.resource_manager_router(), request.body(body).unwrap()).await
    }
}

#[tokio::test]
async fn given_an_identity_without_a_role_when_it_looks_for_a_record_then_403_names_what_it_may_not() {
    let manager = Manager::of(prompt_tenant()).await.as_identity().await;
    let refused = manager.get(&format!("{RECORDS}/_acme-challenge?api-version=2018-05-01")).await;
    assert_eq!(code(&refused), (403, "AuthorizationFailed"));
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("'Microsoft.Network/dnsZones/TXT/read'"), "{message}");
    assert!(message.contains("/TXT/_acme-challenge'"), "{message}");
}

#[tokio::test]
async fn given_the_role_when_the_identity_writes_records_then_conditions_are_kept_and_dns_answers_with_them() {
    let pipeline = Manager::of(prompt_tenant()).await;
    assert_eq!(pipeline.assign(NAME, &pipeline.principal()).await.status, StatusCode::CREATED);
    let manager = pipeline.as_identity().await;
    let uri = format!("{RECORDS}/_acme-challenge?api-version=2018-05-01");
    assert_eq!(code(&manager.get(&uri).await), (404, "NotFound"));

    let made = manager.put_text("_acme-challenge", "one", ("if-none-match", "*")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let again = manager.put_text("_acme-challenge", "two", ("if-none-match", "*")).await;
    assert_eq!(code(&again), (412, "PreconditionFailed"));
    let answers = [("_acme-challenge.cluster.example.com".to_owned(), "one".to_owned())];
    assert_eq!(manager.tenant.text_records(), answers);

    let first = manager.get(&uri).await.body["etag"].as_str().unwrap().to_owned();
    assert_eq!(manager.put_text("_acme-challenge", "two", ("if-match", &first)).await.status, StatusCode::OK);
    assert_eq!(
        code(&manager.on_condition("DELETE", "_acme-challenge", ("if-match", &first), Body::empty()).await).0,
        412
    );
    let second = manager.get(&uri).await.body["etag"].as_str().unwrap().to_owned();
    let gone = manager.on_condition("DELETE", "_acme-challenge", ("if-match", &second), Body::empty()).await;
    assert_eq!(gone.status, StatusCode::OK);
    assert!(manager.tenant.text_records().is_empty());
    let again = manager.on_condition("DELETE", "_acme-challenge", ("if-match", &second), Body::empty()).await;
    assert_eq!(again.status, StatusCode::NO_CONTENT);
}
