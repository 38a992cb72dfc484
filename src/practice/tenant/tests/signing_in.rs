//! Signing in, with a browser and without (domain.md 2).

use super::{Answer, Graph, ROLE_ID, form, own_token, page, prompt_tenant};
use crate::practice::tenant::Tenant;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const CALLBACK: &str = "https://myapp.cluster.example.com/oauth2/callback";
const CALLBACK_ENCODED: &str = "https%3A%2F%2Fmyapp.cluster.example.com%2Foauth2%2Fcallback";

/// A registered application with a secret.
struct Registered {
    tenant: Tenant,
    graph: Graph,
    app_id: String,
    /// Object id of its service principal.
    principal: String,
    object_id: String,
    secret: String,
}

impl Registered {
    async fn new() -> Self {
        let tenant = prompt_tenant();
        let graph = Graph::of_pipeline(&tenant).await;
        let app = graph.register("myapp").await;
        let object_id = app["id"].as_str().unwrap().to_owned();
        let app_id = app["appId"].as_str().unwrap().to_owned();
        let added = graph.post(&format!("applications/{object_id}/addPassword"), json!({})).await;
        let secret = added.body["secretText"].as_str().unwrap().to_owned();
        let principal = graph.get(&format!("servicePrincipals(appId='{app_id}')")).await.body;
        let principal = principal["id"].as_str().unwrap().to_owned();
        Self { tenant, graph, app_id, principal, object_id, secret }
    }

    async fn grant(&self, resource: &str, scope: &str) {
        let grant =
            json!({"clientId": self.principal, "consentType": "AllPrincipals", "resourceId": resource, "scope": scope});
        let made = self.graph.post("oauth2PermissionGrants", grant).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    }

    async fn consent(&self) {
        let graph = self.graph.get("servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").await.body;
        self.grant(graph["id"].as_str().unwrap(), "openid profile email offline_access User.Read").await;
        self.grant(&self.principal, "user_impersonation").await;
    }

    async fn assign(&self, principal: &str) -> Answer {
        let body = json!({"principalId": principal, "resourceId": self.principal, "appRoleId": ROLE_ID});
        self.graph.post(&format!("servicePrincipals/{}/appRoleAssignedTo", self.principal), body).await
    }

    async fn person(&self, name: &str) -> String {
        self.graph.get(&format!("users/{name}")).await.body["id"].as_str().unwrap().to_owned()
    }

    async fn authorize(&self, more: &str) -> Answer {
        let uri = format!(
            "/{}/oauth2/v2.0/authorize?client_id={}&redirect_uri={CALLBACK_ENCODED}&response_type=code&state=s%3A1{more}",
            self.tenant.id(),
            self.app_id
        );
        page(&self.tenant, &uri).await
    }

    async fn redeem(&self, code: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("client_id", &self.app_id),
            ("client_secret", &self.secret),
        ];
        fields.extend_from_slice(more);
        form(&self.tenant, &format!("/{}/oauth2/v2.0/token", self.tenant.id()), &fields).await
    }

    /// The claims of a token, checked with the published keys as any client would.
    fn claims(&self, token: &Value) -> Map<String, Value> {
        let token = token.as_str().unwrap();
        let id = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let keys = self.tenant.key_set();
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == id).unwrap();
        let key = DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_aud = false;
        jsonwebtoken::decode(token, &key, &validation).unwrap().claims
    }
}

/// The fields with which the browser was sent back.
fn sent_back(answer: &Answer) -> HashMap<String, String> {
    assert_eq!(answer.status, StatusCode::FOUND, "{}", answer.text);
    let location = url::Url::parse(answer.headers["location"].to_str().unwrap()).unwrap();
    assert!(location.as_str().starts_with(CALLBACK), "{location}");
    location.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn given_the_metadata_when_it_is_read_then_issuer_and_keys_fit_each_other() {
    let tenant = prompt_tenant();
    for name in [tenant.id(), "contoso.onmicrosoft.com".to_owned()] {
        let metadata = page(&tenant, &format!("/{name}/v2.0/.well-known/openid-configuration")).await.body;
        assert_eq!(metadata["issuer"], format!("https://localhost:28443/{}/v2.0", tenant.id()));
        let keys = metadata["jwks_uri"].as_str().unwrap().strip_prefix("https://localhost:28443").unwrap();
        assert_eq!(page(&tenant, keys).await.body["keys"][0]["kty"], "RSA");
    }
    let first = page(&tenant, &format!("/{}/.well-known/openid-configuration", tenant.id())).await.body;
    assert_eq!(first["issuer"], format!("https://sts.windows.net/{}/", tenant.id()));
    let unknown = page(&tenant, "/fabrikam.onmicrosoft.com/v2.0/.well-known/openid-configuration").await;
    assert_eq!((unknown.status, &unknown.body["error_codes"]), (StatusCode::BAD_REQUEST, &json!([90_002])));
}

#[tokio::test]
async fn given_a_machine_without_and_with_a_role_when_it_asks_for_a_token_then_the_role_is_in_it() {
    let own = Registered::new().await;
    let scope = format!("api://{}/.default", own.app_id);
    let without = own_token(&own.tenant, &own.app_id, &own.secret, &scope).await;
    assert_eq!(without.status, StatusCode::OK, "{}", without.text);
    let claims = own.claims(&without.body["access_token"]);
    assert_eq!(claims["aud"], own.app_id.as_str(), "version 2 tokens carry the bare client id");
    assert_eq!(claims["iss"], own.tenant.issuer());
    assert_eq!((&claims["sub"], &claims["azp"]), (&json!(own.principal), &json!(own.app_id)));
    assert!(!claims.contains_key("roles") && !claims.contains_key("email") && !claims.contains_key("scp"));

    assert_eq!(own.assign(&own.principal).await.status, StatusCode::CREATED);
    assert_eq!(own.assign(&own.principal).await.status, StatusCode::BAD_REQUEST, "twice is refused");
    let with = own_token(&own.tenant, &own.app_id, &own.secret, &scope).await;
    assert_eq!(own.claims(&with.body["access_token"])["roles"], json!(["App.Access"]));
}

#[tokio::test]
async fn given_a_resource_that_asks_for_version_1_when_a_token_is_made_then_issuer_and_audience_are_the_old_ones() {
    let own = Registered::new().await;
    let path = format!("applications/{}", own.object_id);
    own.graph.patch(&path, json!({"api": {"requestedAccessTokenVersion": null}})).await;
    let uri = format!("api://{}", own.app_id);
    let token = own_token(&own.tenant, &own.app_id, &own.secret, &format!("{uri}/.default")).await;
    let claims = own.claims(&token.body["access_token"]);
    assert_eq!((&claims["aud"], &claims["appid"], &claims["ver"]), (&json!(uri), &json!(own.app_id), &json!("1.0")));
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{}/", own.tenant.id()));
}

#[tokio::test]
async fn given_wrong_requests_for_own_tokens_when_they_are_sent_then_each_has_its_number() {
    let own = Registered::new().await;
    let good = format!("api://{}/.default", own.app_id);
    let nobody = "99999999-9999-4999-8999-999999999999";
    for (client, secret, scope, number) in [
        (own.app_id.as_str(), "wrong", good.as_str(), 7_000_215),
        (nobody, "x", good.as_str(), 700_016),
        (own.app_id.as_str(), own.secret.as_str(), "api://nothing/.default", 500_011),
        (own.app_id.as_str(), own.secret.as_str(), "User.Read", 1_002_012),
        (own.app_id.as_str(), "", good.as_str(), 7_000_216),
        (own.app_id.as_str(), own.secret.as_str(), "", 900_144),
    ] {
        let answer = own_token(&own.tenant, client, secret, scope).await;
        assert_eq!(answer.body["error_codes"], json!([number]), "{}", answer.text);
        assert!(answer.body["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{number}: ")));
        assert!(!answer.text.contains(&own.secret));
    }
    let path = format!("servicePrincipals/{}", own.principal);
    own.graph.patch(&path, json!({"appRoleAssignmentRequired": true})).await;
    let unassigned = own_token(&own.tenant, &own.app_id, &own.secret, &good).await;
    assert_eq!(unassigned.body["error_codes"], json!([501_051]));
    let basic = STANDARD.encode(format!("{}:{}", own.app_id, own.secret));
    let request = Request::post(format!("/{}/oauth2/v2.0/token", own.tenant.id()))
        .header("authorization", format!("Basic {basic}"))
        .body(format!("grant_type=client_credentials&scope={}", "https://localhost:28444/.default").into())
        .unwrap();
    assert_eq!(super::send(own.tenant.sign_in_router(), request).await.status, StatusCode::OK);
}

#[tokio::test]
async fn given_consent_when_alice_signs_in_then_the_code_becomes_tokens_once() {
    let own = Registered::new().await;
    own.consent().await;
    let verifier = "a-verifier-that-is-at-least-forty-three-characters-long";
    let challenge = URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes()));
    let more = format!("&scope=openid+email+profile&nonce=n1&code_challenge={challenge}&code_challenge_method=S256");
    let choice = own.authorize(&more).await;
    assert_eq!(choice.status, StatusCode::OK);
    assert!(choice.text.contains("practice_user=alice%40example.com"), "{}", choice.text);

    let back = sent_back(&own.authorize(&format!("{more}&login_hint=alice%40example.com")).await);
    assert_eq!(back["state"], "s:1");
    let code = back["code"].as_str();
    assert_eq!(own.redeem(code, &[]).await.body["error_codes"], json!([501_481]), "PKCE is not optional once begun");
    assert_eq!(own.redeem(code, &[("code_verifier", "wrong")]).await.body["error_codes"], json!([501_481]));
    let tokens = own.redeem(code, &[("code_verifier", verifier)]).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
    let claims = own.claims(&tokens.body["id_token"]);
    assert_eq!((&claims["aud"], &claims["nonce"], &claims["ver"]), (&json!(own.app_id), &json!("n1"), &json!("2.0")));
    assert_eq!(
        (&claims["email"], &claims["preferred_username"]),
        (&json!("alice@example.com"), &json!("alice@example.com"))
    );
    assert!(!tokens.body.as_object().unwrap().contains_key("refresh_token"), "offline_access was not asked for");
    let again = own.redeem(code, &[("code_verifier", verifier)]).await;
    assert_eq!(again.body["error_codes"], json!([54_005]));
}

#[tokio::test]
async fn given_an_api_scope_when_alice_signs_in_then_the_access_token_is_for_the_api_and_can_be_refreshed() {
    let own = Registered::new().await;
    own.consent().await;
    let scope = format!("openid profile email offline_access api://{}/user_impersonation", own.app_id);
    let encoded = scope.replace(' ', "+").replace("://", "%3A%2F%2F");
    let back = sent_back(&own.authorize(&format!("&scope={encoded}&login_hint=alice%40example.com")).await);
    let tokens = own.redeem(&back["code"], &[("client_info", "1")]).await.body;
    let claims = own.claims(&tokens["access_token"]);
    assert_eq!((&claims["aud"], &claims["scp"]), (&json!(own.app_id), &json!("user_impersonation")));
    assert_eq!(claims["email"], "alice@example.com", "an optional claim of the registration");
    assert!(tokens["client_info"].is_string());
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("client_id", &own.app_id),
        ("client_secret", &own.secret),
    ];
    let path = format!("/{}/oauth2/v2.0/token", own.tenant.id());
    let renewed = form(&own.tenant, &path, &fields).await;
    assert_eq!(own.claims(&renewed.body["access_token"])["oid"], claims["oid"], "{}", renewed.text);
    own.tenant.advance_clock(jiff::SignedDuration::from_hours(24 * 91));
    assert_eq!(form(&own.tenant, &path, &fields).await.body["error_codes"], json!([700_082]));
}

#[tokio::test]
async fn given_somebody_without_mail_when_they_sign_in_then_no_email_is_told() {
    let own = Registered::new().await;
    own.consent().await;
    let back =
        sent_back(&own.authorize("&scope=openid+email+profile&login_hint=carol%40contoso.onmicrosoft.com").await);
    let claims = own.claims(&own.redeem(&back["code"], &[]).await.body["id_token"]);
    assert!(!claims.contains_key("email"));
    assert_eq!(claims["preferred_username"], "carol@contoso.onmicrosoft.com");
}

#[tokio::test]
async fn given_no_consent_when_people_sign_in_then_only_an_administrator_gets_on_and_consents_for_all() {
    let own = Registered::new().await;
    let scope = "&scope=openid+profile";
    let refused = own.authorize(&format!("{scope}&login_hint=alice%40example.com")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("AADSTS90094"), "{}", refused.text);
    let silent = sent_back(&own.authorize(&format!("{scope}&prompt=none&login_hint=alice%40example.com")).await);
    assert!(silent["error_description"].starts_with("AADSTS65001"));
    let asked = own.authorize(&format!("{scope}&login_hint=ada%40example.com")).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.text.contains("practice_consent=accept"), "{}", asked.text);
    sent_back(&own.authorize(&format!("{scope}&practice_user=ada%40example.com&practice_consent=accept")).await);
    assert!(sent_back(&own.authorize(&format!("{scope}&login_hint=alice%40example.com")).await).contains_key("code"));
}

#[tokio::test]
async fn given_the_handed_over_link_when_an_administrator_opens_it_then_the_registered_permissions_are_granted() {
    let own = Registered::new().await;
    let access = json!({"requiredResourceAccess": [
        {"resourceAppId": "00000003-0000-0000-c000-000000000000", "resourceAccess": [
            {"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"}, {"id": "37f7f235-527c-4136-accd-4a02d197296e", "type": "Scope"}]},
        {"resourceAppId": own.app_id, "resourceAccess": [{"id": super::SCOPE_ID, "type": "Scope"}]},
    ]});
    let patched = own.graph.patch(&format!("applications/{}", own.object_id), access).await;
    assert_eq!(patched.status, StatusCode::NO_CONTENT, "{}", patched.text);
    let link = format!(
        "/{}/v2.0/adminconsent?client_id={}&scope=https://graph.microsoft.com/.default&redirect_uri={CALLBACK_ENCODED}&state=9",
        own.tenant.id(),
        own.app_id
    );
    let refused = page(&own.tenant, &format!("{link}&login_hint=bob%40example.com")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let back = sent_back(&page(&own.tenant, &format!("{link}&login_hint=ada%40example.com")).await);
    assert_eq!((back["admin_consent"].as_str(), back["state"].as_str()), ("True", "9"));
    let filter = format!("oauth2PermissionGrants?$filter=clientId%20eq%20'{}'", own.principal);
    let grants = own.graph.get(&filter).await.body;
    let mut scopes: Vec<&str> =
        grants["value"].as_array().unwrap().iter().map(|it| it["scope"].as_str().unwrap()).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["User.Read openid", "user_impersonation"]);
    assert!(own.tenant.grant_admin_consent(&own.app_id), "and again changes nothing");
    assert_eq!(own.graph.get(&filter).await.body, grants);
}

#[tokio::test]
async fn given_assignment_is_required_when_people_sign_in_then_only_the_assigned_and_their_groups_get_in() {
    let own = Registered::new().await;
    own.consent().await;
    let path = format!("servicePrincipals/{}", own.principal);
    own.graph.patch(&path, json!({"appRoleAssignmentRequired": true})).await;
    let sign_in = "&scope=openid+profile&login_hint=";
    let refused = own.authorize(&format!("{sign_in}alice%40example.com")).await;
    assert!(refused.text.contains("AADSTS50105"), "{}", refused.text);
    let group = own.graph.get("groups?$filter=displayName%20eq%20'myapp%20users'").await.body["value"][0]["id"].clone();
    assert_eq!(own.assign(group.as_str().unwrap()).await.status, StatusCode::CREATED);
    let back = sent_back(&own.authorize(&format!("{sign_in}alice%40example.com")).await);
    let claims = own.claims(&own.redeem(&back["code"], &[]).await.body["id_token"]);
    assert_eq!(claims["roles"], json!(["App.Access"]));
    assert!(own.authorize(&format!("{sign_in}erik%40fabrikam.example")).await.text.contains("AADSTS50105"));
    let erik = own.person("erik@fabrikam.example").await;
    let assigned = own.assign(&erik).await;
    sent_back(&own.authorize(&format!("{sign_in}erik%40fabrikam.example")).await);
    let entry = format!("{path}/appRoleAssignedTo/{}", assigned.body["id"].as_str().unwrap());
    assert_eq!(own.graph.delete(&entry).await.status, StatusCode::NO_CONTENT);
    assert!(own.authorize(&format!("{sign_in}erik%40fabrikam.example")).await.text.contains("AADSTS50105"));
}

#[tokio::test]
async fn given_wrong_authorize_requests_when_they_are_opened_then_the_page_or_the_client_hears_why() {
    let own = Registered::new().await;
    own.consent().await;
    let base = format!("/{}/oauth2/v2.0/authorize?response_type=code&scope=openid", own.tenant.id());
    let elsewhere =
        page(&own.tenant, &format!("{base}&client_id={}&redirect_uri=https%3A%2F%2Fevil.example%2Fcb", own.app_id))
            .await;
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST);
    assert!(elsewhere.text.contains("AADSTS50011") && !elsewhere.headers.contains_key("location"));
    let nobody = page(&own.tenant, &format!("{base}&client_id={ROLE_ID}&redirect_uri={CALLBACK_ENCODED}")).await;
    assert!(nobody.text.contains("AADSTS700016"), "{}", nobody.text);
    let unknown = sent_back(&own.authorize("&scope=openid+Nonsense.Read&login_hint=alice%40example.com").await);
    assert!(unknown["error_description"].starts_with("AADSTS650053"), "{unknown:?}");
    let two =
        sent_back(&own.authorize("&scope=api%3A%2F%2Fa%2Fx+api%3A%2F%2Fb%2Fx&login_hint=alice%40example.com").await);
    assert!(two["error_description"].starts_with("AADSTS28000"), "{two:?}");
    let silent = sent_back(&own.authorize("&scope=openid&prompt=none").await);
    assert_eq!(silent["error"], "login_required");
    let script = own.authorize("&scope=openid&x=%22%3E%3Cscript%3E").await;
    assert!(!script.text.contains("<script>"), "{}", script.text);
}

#[tokio::test]
async fn given_a_device_code_when_it_is_polled_then_it_waits_for_the_page_and_then_signs_in() {
    let tenant = prompt_tenant();
    let client = ("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46");
    let start = || async {
        let scope = ("scope", "https://localhost:28444//.default offline_access openid profile");
        form(&tenant, "/organizations/oauth2/v2.0/devicecode", &[client, scope]).await.body
    };
    let poll = |code: Value| {
        let tenant = tenant.clone();
        async move {
            let code = code.as_str().unwrap().to_owned();
            let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
            form(
                &tenant,
                "/organizations/oauth2/v2.0/token",
                &[client, grant, ("device_code", &code), ("client_info", "1")],
            )
            .await
        }
    };
    let started = start().await;
    assert_eq!(started["interval"], 5);
    assert_eq!(poll(started["device_code"].clone()).await.body["error"], "authorization_pending");
    let user_code = started["user_code"].as_str().unwrap();
    assert!(page(&tenant, "/devicelogin").await.text.contains("user_code"));
    let approved =
        form(&tenant, "/devicelogin", &[("user_code", user_code), ("user", "dora@example.com"), ("action", "approve")])
            .await;
    assert_eq!(approved.status, StatusCode::OK);
    let tokens = poll(started["device_code"].clone()).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
    assert_eq!(tokens.body["foci"], "1");
    let graph = Graph { tenant: tenant.clone(), token: tokens.body["access_token"].as_str().unwrap().to_owned() };
    assert_eq!(graph.get("me").await.body["userPrincipalName"], "dora@example.com");
    let roles = graph.get("me/memberOf/microsoft.graph.directoryRole?$select=displayName,roleTemplateId").await.body;
    assert_eq!(roles["value"][0]["displayName"], "Application Developer");

    let declined = start().await;
    form(&tenant, "/devicelogin", &[("user_code", declined["user_code"].as_str().unwrap()), ("action", "decline")])
        .await;
    assert_eq!(poll(declined["device_code"].clone()).await.body["error"], "authorization_declined");
    let expired = start().await;
    tenant.advance_clock(jiff::SignedDuration::from_mins(16));
    assert_eq!(poll(expired["device_code"].clone()).await.body["error"], "expired_token");
    assert_eq!(poll(json!("nonsense")).await.body["error"], "bad_verification_code");
    tenant.adjust(|settings| {
        settings.device_sign_in.approved_by = Some("ada@example.com".into());
        settings.device_sign_in.polls_before_approval = 1;
    });
    let by_itself = start().await["device_code"].clone();
    assert_eq!(poll(by_itself.clone()).await.body["error"], "authorization_pending");
    assert_eq!(poll(by_itself).await.status, StatusCode::OK);
}

#[tokio::test]
async fn given_an_application_developer_when_they_register_then_it_is_theirs_and_consent_is_denied() {
    let tenant = prompt_tenant();
    tenant.adjust(|settings| settings.device_sign_in.approved_by = Some("dora@example.com".into()));
    let client = ("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46");
    let scope = ("scope", "https://localhost:28444/.default openid");
    let started = form(&tenant, "/common/oauth2/v2.0/devicecode", &[client, scope]).await.body;
    let code = ("device_code", started["device_code"].as_str().unwrap());
    let tokens = form(&tenant, "/common/oauth2/v2.0/token", &[client, ("grant_type", "device_code"), code]).await.body;
    let dora = Graph { tenant: tenant.clone(), token: tokens["access_token"].as_str().unwrap().to_owned() };
    let app = dora.register("doras").await;
    let owners = dora.get(&format!("applications/{}/owners", app["id"].as_str().unwrap())).await.body;
    assert_eq!(owners["value"][0]["userPrincipalName"], "dora@example.com");
    let principal = dora.get(&format!("servicePrincipals(appId='{}')", app["appId"].as_str().unwrap())).await.body;
    let grant = json!({"clientId": principal["id"], "consentType": "AllPrincipals", "resourceId": principal["id"], "scope": "x"});
    assert_eq!(dora.post("oauth2PermissionGrants", grant).await.status, StatusCode::FORBIDDEN);
    let others = Graph::of_pipeline(&tenant).await.register("others").await;
    let path = format!("applications/{}", others["id"].as_str().unwrap());
    assert_eq!(dora.patch(&path, json!({"tags": []})).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn given_a_federated_credential_when_a_service_account_presents_its_token_then_it_signs_in_without_a_secret() {
    let own = Registered::new().await;
    let path = format!("applications/{}/federatedIdentityCredentials", own.object_id);
    let credential = json!({
        "name": "proxy", "issuer": "https://oidc.example.com/c1", "subject": "system:serviceaccount:myapp:proxy",
        "audiences": ["api://AzureADTokenExchange"],
    });
    assert_eq!(own.graph.post(&path, credential.clone()).await.status, StatusCode::CREATED);
    assert_eq!(own.graph.post(&path, credential).await.status, StatusCode::CONFLICT);
    let token_of = |subject: &str| {
        let claims =
            json!({"iss": "https://oidc.example.com/c1", "sub": subject, "aud": ["api://AzureADTokenExchange"]});
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    };
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for (subject, good) in [("system:serviceaccount:myapp:proxy", true), ("system:serviceaccount:myapp:other", false)] {
        let assertion = token_of(subject);
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", own.app_id.as_str()),
            ("client_assertion_type", kind),
            ("client_assertion", &assertion),
            ("scope", "https://localhost:28444/.default"),
        ];
        let answer = form(&own.tenant, &format!("/{}/oauth2/v2.0/token", own.tenant.id()), &fields).await;
        assert_eq!(answer.status == StatusCode::OK, good, "{}", answer.text);
    }
}

#[tokio::test]
async fn given_rolled_over_keys_when_old_and_new_tokens_are_checked_then_both_are_good() {
    let own = Registered::new().await;
    let scope = format!("api://{}/.default", own.app_id);
    let old = own_token(&own.tenant, &own.app_id, &own.secret, &scope).await;
    own.tenant.roll_over_keys().unwrap();
    let new = own_token(&own.tenant, &own.app_id, &own.secret, &scope).await;
    own.claims(&old.body["access_token"]);
    own.claims(&new.body["access_token"]);
    let key_of =
        |answer: &Answer| jsonwebtoken::decode_header(answer.body["access_token"].as_str().unwrap()).unwrap().kid;
    assert_ne!(key_of(&old), key_of(&new));
}
