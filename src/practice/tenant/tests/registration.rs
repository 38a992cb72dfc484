//! Registering an application (domain.md 1.1).

use super::{Graph, ROLE_ID, SCOPE_ID, prompt_tenant, role, scope, tenant_with};
use crate::practice::tenant::{CredentialPolicy, Rights, Settings};
use axum::http::StatusCode;
use serde_json::{Value, json};

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

#[tokio::test]
async fn given_an_application_when_it_is_looked_for_in_every_way_then_it_is_found() {
    let graph = Graph::of_pipeline(&prompt_tenant()).await;
    let app = graph.register("it's mine").await;
    let (id, app_id) = (app["id"].as_str().unwrap(), app["appId"].as_str().unwrap());
    for path in [
        format!("applications/{id}"),
        format!("applications(appId='{app_id}')"),
        format!("applications%28appId%3D%27{app_id}%27%29"),
        "applications(uniqueName='it%27%27s%20mine')".to_owned(),
        format!("applications/{id}?$select=id,appId,displayName"),
    ] {
        assert_eq!(graph.get(&path).await.body["appId"], app_id, "{path}");
    }
    for filter in [
        format!("appId%20eq%20%27{app_id}%27"),
        "displayName%20eq%20%27it%27%27s%20mine%27".to_owned(),
        "startswith%28displayName%2C%27it%27%27s%27%29".to_owned(),
        "tags/any(t:t%20eq%20%27gatewright%27)".to_owned(),
        "web/redirectUris/any(u:u%20eq%20%27https://myapp.cluster.example.com/oauth2/callback%27)".to_owned(),
    ] {
        let found = graph.get(&format!("applications?$filter={filter}")).await;
        assert_eq!(found.body["value"][0]["appId"], app_id, "{filter}: {}", found.text);
    }
    assert_eq!(graph.get("applications?$filter=displayName%20ne%20%27x%27").await.status, StatusCode::BAD_REQUEST);
    let advanced = [("consistencylevel", "eventual")];
    let counted =
        graph.send("GET", "applications?$filter=displayName%20ne%20%27x%27&$count=true", None, &advanced).await;
    assert_eq!(counted.body["@odata.count"], 2, "{}", counted.text);
    let page = graph.get("applications?$top=1").await;
    assert!(page.body["@odata.nextLink"].as_str().unwrap().contains("skiptoken=1"));
    assert_eq!(page.body["value"].as_array().unwrap().len(), 1);
}

/// Changes to a registered application that must be refused: body, status, code, part of the message.
fn refused_changes() -> Vec<(Value, &'static str, &'static str)> {
    let renamed_scope =
        json!({"id": SCOPE_ID, "value": "other", "adminConsentDisplayName": "x", "adminConsentDescription": "x"});
    let second_scope = json!({"id": ROLE_ID, "value": "user_impersonation", "adminConsentDisplayName": "x", "adminConsentDescription": "x"});
    vec![
        (json!({"colour": "red"}), "Request_BadRequest", "Invalid property 'colour'"),
        (json!({"appId": ROLE_ID}), "Request_BadRequest", "read-only"),
        (
            json!({"web": {"redirectUrls": []}}),
            "BadRequest",
            "'redirectUrls' does not exist on type 'microsoft.graph.webApplication'",
        ),
        (json!({"web": "x"}), "Request_BadRequest", "Invalid value specified for property 'web'"),
        (
            json!({"web": {"redirectUris": ["http://myapp.cluster.example.com/cb"]}}),
            "Request_BadRequest",
            "redirectUris",
        ),
        (json!({"web": {"redirectUris": ["https://a/cb", "https://A/cb"]}}), "Request_BadRequest", "duplicate"),
        (json!({"web": {"redirectUris": ["https://a/cb#x"]}}), "Request_BadRequest", "redirectUris"),
        (json!({"tags": null}), "Request_BadRequest", "tags"),
        (json!({"tags": ["with space"]}), "Request_BadRequest", "tags"),
        (json!({"uniqueName": "other"}), "Request_BadRequest", "immutable"),
        (json!({"displayName": ""}), "Request_BadRequest", "displayName"),
        (json!({"signInAudience": "Everybody"}), "Request_BadRequest", "signInAudience"),
        (json!({"api": {"requestedAccessTokenVersion": 3}}), "Request_BadRequest", "requestedAccessTokenVersion"),
        (json!({"identifierUris": ["https://elsewhere.example.net/x"]}), "Request_BadRequest", "verified domain"),
        (
            json!({"api": {"oauth2PermissionScopes": []}}),
            "CannotDeleteOrUpdateEnabledEntitlement",
            "unless disabled first",
        ),
        (
            json!({"api": {"oauth2PermissionScopes": [renamed_scope]}}),
            "CannotDeleteOrUpdateEnabledEntitlement",
            "unless disabled first",
        ),
        (json!({"appRoles": []}), "CannotDeleteOrUpdateEnabledEntitlement", "unless disabled first"),
        (json!({"api": {"oauth2PermissionScopes": [scope(), second_scope]}}), "Request_BadRequest", "duplicate"),
        (
            json!({"api": {"oauth2PermissionScopes": [scope(), {"id": ROLE_ID, "value": "x"}]}}),
            "Request_BadRequest",
            "required",
        ),
        (
            json!({"appRoles": [role(), {"id": SCOPE_ID, "displayName": "x", "description": "x", "allowedMemberTypes": []}]}),
            "Request_BadRequest",
            "allowedMemberTypes",
        ),
        (json!({"passwordCredentials": [{"displayName": "mine"}]}), "Request_BadRequest", "addPassword"),
        (
            json!({"requiredResourceAccess": [{"resourceAppId": "x", "resourceAccess": []}]}),
            "Request_BadRequest",
            "resourceAppId",
        ),
    ]
}

#[tokio::test]
async fn given_a_registered_application_when_a_change_breaks_a_rule_then_it_is_refused_and_nothing_changes() {
    let tenant = prompt_tenant();
    let graph = Graph::of_pipeline(&tenant).await;
    let app = graph.register("myapp").await;
    let path = format!("applications/{}", app["id"].as_str().unwrap());
    let before = tenant.snapshot();
    for (change, code, words) in refused_changes() {
        let answer = graph.patch(&path, change.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{change}: {}", answer.text);
        assert_eq!(answer.body["error"]["code"], code, "{change}: {}", answer.text);
        let message = answer.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{change}: {message}");
        assert!(answer.body["error"]["innerError"]["request-id"].is_string());
    }
    assert_eq!(tenant.snapshot(), before);
}

#[tokio::test]
async fn given_a_scenario_with_an_application_made_by_hand_then_it_is_there_with_its_owner_and_its_secret_and_once() {
    let settings = crate::practice::Scenario::named("application-to-adopt").unwrap().tenant;
    let tenant = tenant_with(settings.clone());
    let client_id = settings.applications[0].client_id.clone();
    let graph = Graph::of_pipeline(&tenant).await;
    let shown = graph.get(&format!("applications(appId='{client_id}')")).await.body;
    assert_eq!((&shown["displayName"], &shown["uniqueName"]), (&json!("Legacy portal"), &json!(null)));
    let owners = graph.get(&format!("applications/{}/owners", shown["id"].as_str().unwrap())).await;
    assert_eq!(owners.body["value"][0]["userPrincipalName"], "dora@example.com", "{}", owners.text);
    let secret = settings.applications[0].secrets[0].value.clone();
    let scope = "https://localhost:28444/.default";
    let token = super::own_token(&tenant, &client_id, &secret, scope).await;
    assert_eq!(token.status, StatusCode::OK, "{}", token.text);

    let restored = super::Tenant::restore(settings.clone(), &tenant.snapshot()).unwrap();
    assert_eq!(restored.snapshot(), tenant.snapshot());
    let mut wrong = settings;
    wrong.applications[0].client_id = "00000000-0000-4000-8000-000000000001".to_owned();
    wrong.applications[0].application["appRoles"][0]["description"] = json!("");
    let refused = super::Tenant::restore(wrong, &tenant.snapshot()).err().unwrap().to_string();
    assert!(refused.contains("'description'"), "{refused}");
}

#[tokio::test]
async fn given_an_enabled_scope_when_it_is_disabled_first_then_it_can_be_removed() {
    let graph = Graph::of_pipeline(&prompt_tenant()).await;
    let app = graph.register("myapp").await;
    let path = format!("applications/{}", app["id"].as_str().unwrap());
    let mut disabled = scope();
    disabled["isEnabled"] = json!(false);
    let first = graph.patch(&path, json!({"api": {"oauth2PermissionScopes": [disabled]}})).await;
    assert_eq!(first.status, StatusCode::NO_CONTENT, "{}", first.text);
    let second = graph.patch(&path, json!({"api": {"oauth2PermissionScopes": []}})).await;
    assert_eq!(second.status, StatusCode::NO_CONTENT, "{}", second.text);
    let shown = graph.get(&path).await.body;
    assert_eq!(shown["api"]["oauth2PermissionScopes"], json!([]));
    assert_eq!(shown["api"]["requestedAccessTokenVersion"], 2, "what was not sent stays");
}

#[tokio::test]
async fn given_a_deleted_application_when_its_name_is_used_again_then_it_is_taken_until_it_is_gone_for_good() {
    let graph = Graph::of_pipeline(&prompt_tenant()).await;
    let app = graph.register("myapp").await;
    let id = app["id"].as_str().unwrap();
    assert_eq!(graph.delete(&format!("applications/{id}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(graph.get(&format!("applications/{id}")).await.status, StatusCode::NOT_FOUND);
    let again = graph.upsert("applications(uniqueName='myapp')", json!({"displayName": "myapp"})).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert_eq!(again.body["error"]["details"][0]["code"], "ObjectConflict", "{}", again.text);

    let deleted = graph.get("directory/deletedItems/microsoft.graph.application").await;
    assert_eq!(deleted.body["value"][0]["id"], id);
    let restored = graph.post(&format!("directory/deletedItems/{id}/restore"), json!({})).await;
    assert_eq!((restored.status, &restored.body["uniqueName"]), (StatusCode::OK, &json!("myapp")));
    let app_id = app["appId"].as_str().unwrap();
    assert_eq!(graph.get(&format!("servicePrincipals(appId='{app_id}')")).await.status, StatusCode::OK);

    graph.delete(&format!("applications/{id}")).await;
    assert_eq!(graph.delete(&format!("directory/deletedItems/{id}")).await.status, StatusCode::NO_CONTENT);
    let fresh = graph.upsert("applications(uniqueName='myapp')", json!({"displayName": "myapp"})).await;
    assert_eq!(fresh.status, StatusCode::CREATED);
    assert_ne!(fresh.body["appId"], app["appId"]);
}

#[tokio::test]
async fn given_a_grant_when_it_is_made_again_then_it_is_refused_and_changing_its_scope_works() {
    let graph = Graph::of_pipeline(&prompt_tenant()).await;
    let app = graph.register("myapp").await;
    let client = graph.get(&format!("servicePrincipals(appId='{}')", app["appId"].as_str().unwrap())).await.body;
    let resource = graph.get("servicePrincipals(appId='00000003-0000-0000-c000-000000000000')?$select=id").await.body;
    assert_eq!(resource.as_object().unwrap().len(), 2, "{resource}");
    let wanted = json!({"clientId": client["id"], "consentType": "AllPrincipals", "resourceId": resource["id"], "scope": "openid"});
    let made = graph.post("oauth2PermissionGrants", wanted.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let twice = graph.post("oauth2PermissionGrants", wanted).await;
    assert_eq!(
        (twice.status, &twice.body["error"]["code"]),
        (StatusCode::CONFLICT, &json!("Request_MultipleObjectsWithSameKeyValue"))
    );
    let path = format!("oauth2PermissionGrants/{}", made.body["id"].as_str().unwrap());
    assert_eq!(graph.patch(&path, json!({"scope": "openid profile"})).await.status, StatusCode::NO_CONTENT);
    let id = client["id"].as_str().unwrap();
    let filter =
        format!("oauth2PermissionGrants?$filter=clientId%20eq%20'{id}'%20and%20consentType%20eq%20'AllPrincipals'");
    assert_eq!(graph.get(&filter).await.body["value"][0]["scope"], "openid profile");
    let unknown =
        json!({"clientId": SCOPE_ID, "consentType": "AllPrincipals", "resourceId": resource["id"], "scope": "openid"});
    assert_eq!(graph.post("oauth2PermissionGrants", unknown).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn given_the_pipeline_lacks_rights_when_it_writes_then_each_write_is_denied_and_reads_go_on() {
    let tenant = prompt_tenant();
    let graph = Graph::of_pipeline(&tenant).await;
    let app = graph.register("myapp").await;
    let client = graph.get(&format!("servicePrincipals(appId='{}')", app["appId"].as_str().unwrap())).await.body;
    let id = client["id"].as_str().unwrap();
    let none = Rights { may_create_apps: false, may_consent: false, may_assign_roles: false, ..Rights::default() };
    tenant.adjust(|settings| settings.rights = none);
    let grant = json!({"clientId": id, "consentType": "AllPrincipals", "resourceId": id, "scope": "x"});
    let assignment = json!({"principalId": id, "resourceId": id, "appRoleId": ROLE_ID});
    for denied in [
        graph.post("applications", json!({"displayName": "x"})).await,
        graph.upsert("applications(uniqueName='x')", json!({"displayName": "x"})).await,
        graph.patch(&format!("applications/{}", app["id"].as_str().unwrap()), json!({"displayName": "x"})).await,
        graph.post(&format!("applications/{}/addPassword", app["id"].as_str().unwrap()), json!({})).await,
        graph.post("oauth2PermissionGrants", grant).await,
        graph.post(&format!("servicePrincipals/{id}/appRoleAssignedTo"), assignment).await,
    ] {
        assert_eq!(denied.status, StatusCode::FORBIDDEN, "{}", denied.text);
        assert_eq!(denied.body["error"]["code"], "Authorization_RequestDenied");
    }
    assert_eq!(graph.get("applications").await.status, StatusCode::OK);
}

#[tokio::test]
async fn given_a_policy_on_secrets_when_one_is_added_then_the_policy_decides() {
    let policy = CredentialPolicy { secrets_allowed: true, longest_lifetime_days: Some(180) };
    let tenant =
        tenant_with(Settings { credentials: policy, replication: super::Replication::none(), ..Settings::default() });
    let graph = Graph::of_pipeline(&tenant).await;
    let app = graph.register("myapp").await;
    let path = format!("applications/{}/addPassword", app["id"].as_str().unwrap());
    let too_long = graph.post(&path, json!({"passwordCredential": {"displayName": "x"}})).await;
    assert_eq!(too_long.body["error"]["code"], "CredentialInvalidLifetimeAsPerAppPolicy", "{}", too_long.text);
    let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(180 * 24);
    let fits =
        graph.post(&path, json!({"passwordCredential": {"displayName": "x", "endDateTime": ends.to_string()}})).await;
    assert_eq!(fits.status, StatusCode::OK, "{}", fits.text);
    assert_eq!(fits.body["secretText"].as_str().unwrap().len(), 40);
    let typo = graph.post(&path, json!({"passwordCredential": {"name": "x"}})).await;
    assert_eq!(typo.status, StatusCode::BAD_REQUEST);
    tenant.adjust(|settings| settings.credentials.secrets_allowed = false);
    let refused = graph.post(&path, json!({})).await;
    assert_eq!(refused.body["error"]["code"], "CredentialTypeNotAllowedAsPerAppPolicy");
}

#[tokio::test]
async fn given_an_added_secret_when_the_state_is_saved_then_the_secret_is_not_in_it() {
    let tenant = prompt_tenant();
    let graph = Graph::of_pipeline(&tenant).await;
    let app = graph.register("myapp").await;
    let path = format!("applications/{}", app["id"].as_str().unwrap());
    let mut changes = tenant.changes();
    let added = graph.post(&format!("{path}/addPassword"), json!({"passwordCredential": {"displayName": "x"}})).await;
    assert!(changes.has_changed().unwrap());
    let secret = added.body["secretText"].as_str().unwrap();
    assert!(!tenant.snapshot().to_string().contains(secret));
    let shown = graph.get(&path).await;
    assert!(!shown.text.contains(secret));
    assert_eq!(shown.body["passwordCredentials"][0]["keyId"], added.body["keyId"]);
    changes.mark_unchanged();
    graph.get("applications").await;
    assert!(!changes.has_changed().unwrap(), "reading changes nothing");
}

#[tokio::test]
async fn given_no_valid_token_when_graph_is_asked_then_it_says_which_thing_is_wrong() {
    let tenant = prompt_tenant();
    let pipeline = tenant.pipeline();
    let other =
        super::own_token(&tenant, &pipeline.client_id, &pipeline.client_secret, "https://localhost:28445//.default")
            .await;
    let other = other.body["access_token"].as_str().unwrap().to_owned();
    for (token, words) in [(String::new(), "empty"), ("nonsense".to_owned(), "signature"), (other, "audience")] {
        let graph = Graph { tenant: tenant.clone(), token };
        let answer = graph.get("applications").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.body["error"]["code"], "InvalidAuthenticationToken");
        assert!(answer.body["error"]["message"].as_str().unwrap().contains(words), "{}", answer.text);
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    let graph = Graph::of_pipeline(&tenant).await;
    tenant.advance_clock(jiff::SignedDuration::from_hours(2));
    assert!(graph.get("applications").await.text.contains("expired"));
}

#[tokio::test]
async fn given_a_saved_tenant_when_it_is_restored_then_it_is_the_same_tenant() {
    let tenant = prompt_tenant();
    let graph = Graph::of_pipeline(&tenant).await;
    let app = graph.register("myapp").await;
    let saved = tenant.snapshot();
    let settings = Settings { replication: super::Replication::none(), ..Settings::default() };
    let restored = super::Tenant::restore(settings, &saved).unwrap();
    restored.set_base_urls("https://localhost:28443", "https://localhost:28444", "https://localhost:28445");
    assert_eq!(restored.snapshot(), saved);
    let same = Graph { tenant: restored, token: graph.token };
    assert_eq!(same.get("applications(uniqueName='myapp')").await.body, app);
}
