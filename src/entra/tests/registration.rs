//! The application, its service principal, consent and roles.

use super::{Says, World, not_found, refuses, says};
use crate::entra::{Application, ApplicationPatch, Desired, Error, GrantOutcome, merge, merge_service_principal};
use serde_json::{Value, json};
use uuid::Uuid;

const NAME: &str = "gatewright.c.n.a";
const APP: &str = "/v1.0/applications(uniqueName='gatewright.c.n.a')";
const SP: &str = "/v1.0/servicePrincipals(appId='client')";
const BIN: &str = "GET /v1.0/directory/deletedItems/microsoft.graph.application";

fn app() -> Value {
    json!({"id": "object", "appId": "client", "displayName": "a", "uniqueName": NAME})
}

fn nothing() -> Says {
    Says::Answer { status: 204, headers: vec![], body: String::new() }
}

fn patch() -> ApplicationPatch {
    let desired = Desired {
        display_name: "a".to_owned(),
        redirect_uri: "https://a.example.com/oauth2/callback".to_owned(),
        scope: ("user_impersonation".to_owned(), Uuid::from_u128(1)),
        role: ("App.Access".to_owned(), Uuid::from_u128(2)),
        optional_claims: vec!["email".to_owned()],
        tags: vec!["gatewright".to_owned()],
        adoption: None,
        rename: false,
    };
    merge(&desired, None)
}

fn name_taken() -> Says {
    refuses(400, "ObjectConflict", "Another object with the same value for property uniqueName already exists.")
}

fn scopes(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn given_no_application_when_upserted_then_it_is_made_by_its_key_and_read_back_once_it_is_found() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("PATCH {APP}"), [refuses(502, "", ""), says(201, &app())]);
    world.on(&format!("GET {APP}"), [not_found(), not_found(), says(200, &app())]);
    let made = session.upsert_application(NAME, &patch()).await.unwrap();
    assert_eq!((made.id.as_str(), made.app_id.as_str()), ("object", "client"));
    let sent = world.seen(&format!("PATCH {APP}"));
    assert_eq!(sent.len(), 2, "a broken answer is repeated, for the key keeps it from making two");
    assert_eq!(sent[1].headers["prefer"], "create-if-missing");
    assert_eq!(sent[1].headers["authorization"], "Bearer graph-token");
    assert_eq!(sent[1].json()["api"]["requestedAccessTokenVersion"], 2);
    assert_eq!(sent[1].json()["signInAudience"], "AzureADMyOrg");
    assert_eq!(world.waits().len(), 3);
}

#[tokio::test]
async fn given_an_application_of_that_name_when_upserted_then_204_is_a_success_too() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("PATCH {APP}"), [nothing()]);
    world.on(&format!("GET {APP}"), [says(200, &app())]);
    assert_eq!(session.upsert_application(NAME, &patch()).await.unwrap().app_id, "client");
}

#[tokio::test]
async fn given_the_name_is_held_in_the_bin_when_upserted_then_the_message_says_how_to_free_it() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("PATCH {APP}"), [name_taken()]);
    world.on(BIN, [says(200, &json!({"value": [{"id": "x"}, {"id": "gone", "appId": "c", "uniqueName": NAME}]}))]);
    let error = session.upsert_application(NAME, &patch()).await.unwrap_err();
    assert!(matches!(error, Error::SoftDeleted { .. }), "{error}");
    assert!(error.to_string().contains("/v1.0/directory/deletedItems/gone/restore`"), "{error}");
}

#[tokio::test]
async fn given_the_name_is_held_by_our_own_first_try_when_upserted_then_that_one_is_taken() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("PATCH {APP}"), [name_taken(), nothing()]);
    world.on(BIN, [says(200, &json!({"value": []}))]);
    world.on(&format!("GET {APP}"), [not_found(), says(200, &app())]);
    assert_eq!(session.upsert_application(NAME, &patch()).await.unwrap().id, "object");
}

#[tokio::test]
async fn given_a_patch_that_cannot_make_an_application_when_upserted_then_it_only_changes() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("PATCH {APP}"), [nothing()]);
    world.on(&format!("GET {APP}"), [says(200, &app())]);
    let patch = ApplicationPatch { tags: Some(scopes(&["x"])), ..Default::default() };
    session.upsert_application(NAME, &patch).await.unwrap();
    assert!(!world.seen(&format!("PATCH {APP}"))[0].headers.contains_key("prefer"));
}

#[tokio::test]
async fn given_an_application_to_take_over_when_adopted_then_it_gets_its_key_by_its_id_and_is_read_back_by_the_key() {
    let world = World::start().await;
    let session = world.session().await;
    world.on("PATCH /v1.0/applications/object", [refuses(502, "", ""), nothing()]);
    world.on(&format!("GET {APP}"), [not_found(), says(200, &app())]);
    let patch = ApplicationPatch { unique_name: Some(NAME.to_owned()), ..Default::default() };
    let adopted = session.adopt_application("object", NAME, &patch).await.unwrap();
    assert_eq!(adopted.unique_name.as_deref(), Some(NAME));
    let sent = world.seen("PATCH /v1.0/applications/object");
    assert_eq!((sent.len(), sent[1].json()), (2, json!({"uniqueName": NAME})));
    assert!(!sent[1].headers.contains_key("prefer"), "an adoption never makes an application");
}

#[tokio::test]
async fn given_the_key_is_held_when_adopted_then_the_bin_is_named_or_the_refusal_is_told() {
    let world = World::start().await;
    let session = world.session().await;
    let patch = ApplicationPatch { unique_name: Some(NAME.to_owned()), ..Default::default() };
    world.on("PATCH /v1.0/applications/object", [name_taken()]);
    world.on(BIN, [says(200, &json!({"value": [{"id": "gone", "appId": "c", "uniqueName": NAME}]}))]);
    let error = session.adopt_application("object", NAME, &patch).await.unwrap_err();
    assert!(matches!(error, Error::SoftDeleted { .. }), "{error}");
    world.on(BIN, [says(200, &json!({"value": []}))]);
    let error = session.adopt_application("object", NAME, &patch).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("taking over the application object"), "{error}");
}

#[tokio::test]
async fn given_an_application_of_others_when_it_is_looked_at_then_owners_and_consents_are_read_to_their_end() {
    let world = World::start().await;
    let session = world.session().await;
    let next = format!("{}v1.0/more", world.cloud().graph);
    let owner = |name: &str| json!({"@odata.type": "#microsoft.graph.user", "id": name, "displayName": null});
    let first = json!({"value": [owner("a")], "@odata.nextLink": next});
    world.on("GET /v1.0/applications/object/owners", [says(200, &first)]);
    world.on("GET /v1.0/more", [says(200, &json!({"value": [owner("b")]}))]);
    let owners = session.owners("object").await.unwrap();
    assert_eq!(owners.iter().map(|owner| owner.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    world.on(&format!("GET {GRANTS}"), [grant("Their.Scope")]);
    assert_eq!(session.grants_on("sp").await.unwrap().len(), 2);
    assert_eq!(world.seen(&format!("GET {GRANTS}"))[0].query, "$filter=resourceId eq 'sp'");
    assert_eq!(session.application_of_client("client").await.unwrap(), None);
    assert_eq!(world.seen("GET /v1.0/applications(appId='client')").len(), 1);
    assert_eq!(world.writes(), 0);
}

#[tokio::test]
async fn given_an_empty_patch_when_applied_then_nothing_is_written() {
    let world = World::start().await;
    let session = world.session().await;
    world.on("GET /v1.0/applications/object", [says(200, &app())]);
    session.patch_application("object", &ApplicationPatch::default()).await.unwrap();
    assert_eq!(world.writes(), 0);
}

#[tokio::test]
async fn given_a_scope_that_is_not_known_yet_when_it_is_referred_to_then_it_is_tried_again() {
    let world = World::start().await;
    let session = world.session().await;
    let unknown = refuses(400, "Request_BadRequest", "Invalid value specified for property 'resourceAccess'.");
    world.on("PATCH /v1.0/applications/object", [unknown, nothing()]);
    world.on("GET /v1.0/applications/object", [says(200, &app())]);
    let patch = ApplicationPatch { identifier_uris: Some(scopes(&["api://client"])), ..Default::default() };
    session.patch_application("object", &patch).await.unwrap();
    assert_eq!(world.seen("PATCH /v1.0/applications/object").len(), 2);
}

#[tokio::test]
async fn given_an_enabled_scope_would_be_changed_when_applied_then_it_is_refused_at_once_with_what_to_do() {
    let world = World::start().await;
    let session = world.session().await;
    let refused = refuses(
        400,
        "CannotDeleteOrUpdateEnabledEntitlement",
        "Permission (scope or role) cannot be deleted or updated unless disabled first.",
    );
    world.on("PATCH /v1.0/applications/object", [refused]);
    let error = session.patch_application("object", &patch()).await.unwrap_err();
    assert!(error.to_string().contains("must be disabled before"), "{error}");
    assert_eq!(world.writes(), 1);
}

#[tokio::test]
async fn given_the_application_is_not_known_yet_when_its_service_principal_is_made_then_it_is_tried_again() {
    let world = World::start().await;
    let session = world.session().await;
    let unknown = says(
        400,
        &json!({"error": {"code": "Request_BadRequest", "message": "The appId 'client' of the service principal does not reference a valid application object.",
            "details": [{"code": "NoBackingApplicationObject"}]}}),
    );
    let principal = json!({"id": "sp", "appId": "client", "appRoleAssignmentRequired": true, "tags": []});
    world.on(&format!("PATCH {SP}"), [unknown, says(201, &principal)]);
    world.on(&format!("GET {SP}"), [not_found(), says(200, &principal)]);
    let made = session.upsert_service_principal("client", &merge_service_principal(true, None)).await.unwrap();
    assert_eq!(made.id, "sp");
    assert_eq!(world.seen(&format!("PATCH {SP}"))[1].headers["prefer"], "create-if-missing");
}

const GRANTS: &str = "/v1.0/oauth2PermissionGrants";

fn grant(scope: &str) -> Says {
    says(
        200,
        &json!({"value": [
        {"id": "other", "clientId": "sp", "resourceId": "elsewhere", "consentType": "AllPrincipals", "scope": "x"},
        {"id": "g", "clientId": "sp", "resourceId": "graph", "consentType": "AllPrincipals", "scope": scope}]}),
    )
}

#[tokio::test]
async fn given_no_consent_when_ensured_then_it_is_made_even_if_the_service_principal_is_not_known_yet() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("GET {GRANTS}"), [says(200, &json!({"value": []}))]);
    world.on(&format!("POST {GRANTS}"), [not_found(), says(201, &json!({"id": "g"}))]);
    let outcome = session.ensure_grant("sp", "graph", &scopes(&["openid", "User.Read"])).await.unwrap();
    assert_eq!(outcome, GrantOutcome::Created);
    let body = world.seen(&format!("POST {GRANTS}"))[1].json();
    assert_eq!((&body["scope"], &body["consentType"]), (&json!("openid User.Read"), &json!("AllPrincipals")));
}

#[tokio::test]
async fn given_a_consent_that_lacks_a_scope_when_ensured_then_it_is_added_and_the_rest_stays() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("GET {GRANTS}"), [grant(" Mail.Read openid")]);
    world.on(&format!("PATCH {GRANTS}/g"), [nothing()]);
    let outcome = session.ensure_grant("sp", "graph", &scopes(&["openid", "email"])).await.unwrap();
    assert_eq!(outcome, GrantOutcome::Extended);
    assert_eq!(world.seen(&format!("PATCH {GRANTS}/g"))[0].json(), json!({"scope": "Mail.Read openid email"}));
}

#[tokio::test]
async fn given_the_consent_is_there_when_ensured_then_nothing_is_written() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("GET {GRANTS}"), [grant("openid email")]);
    let outcome = session.ensure_grant("sp", "graph", &scopes(&["email"])).await.unwrap();
    assert_eq!((outcome, world.writes()), (GrantOutcome::Unchanged, 0));
}

#[tokio::test]
async fn given_somebody_consents_in_the_meantime_when_ensured_then_the_two_are_merged() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("GET {GRANTS}"), [says(200, &json!({"value": []})), grant("openid")]);
    world.on(
        &format!("POST {GRANTS}"),
        [refuses(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")],
    );
    world.on(&format!("PATCH {GRANTS}/g"), [nothing()]);
    let outcome = session.ensure_grant("sp", "graph", &scopes(&["email"])).await.unwrap();
    assert_eq!(outcome, GrantOutcome::Extended);
}

const ROLES: &str = "/v1.0/servicePrincipals/sp/appRoleAssignedTo";

#[tokio::test]
async fn given_the_role_is_held_when_assigned_then_nothing_is_written() {
    let world = World::start().await;
    let session = world.session().await;
    let held =
        json!({"value": [{"id": "a", "principalId": "sp", "resourceId": "sp", "appRoleId": Uuid::from_u128(2)}]});
    world.on(&format!("GET {ROLES}"), [says(200, &held)]);
    assert!(!session.assign_role("sp", "sp", Uuid::from_u128(2)).await.unwrap());
    assert_eq!(world.writes(), 0);
}

#[tokio::test]
async fn given_the_role_is_not_known_yet_when_assigned_then_it_is_tried_again() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("GET {ROLES}"), [says(200, &json!({"value": []}))]);
    let unknown =
        refuses(400, "Request_BadRequest", "Permission being assigned was not found on application 'client'.");
    world.on(&format!("POST {ROLES}"), [unknown, says(201, &json!({"id": "a"}))]);
    assert!(session.assign_role("sp", "sp", Uuid::from_u128(2)).await.unwrap());
    let body = world.seen(&format!("POST {ROLES}"))[1].json();
    assert_eq!(body["appRoleId"], json!(Uuid::from_u128(2)));
}

#[tokio::test]
async fn given_the_answer_to_an_assignment_is_lost_when_it_was_carried_out_then_it_counts() {
    let world = World::start().await;
    let session = world.session().await;
    let held =
        json!({"value": [{"id": "a", "principalId": "sp", "resourceId": "sp", "appRoleId": Uuid::from_u128(2)}]});
    world.on(&format!("GET {ROLES}"), [says(200, &json!({"value": []})), says(200, &held)]);
    world.on(&format!("POST {ROLES}"), [Says::Breaks]);
    assert!(session.assign_role("sp", "sp", Uuid::from_u128(2)).await.unwrap());
    assert_eq!(world.seen(&format!("POST {ROLES}")).len(), 1);
}

#[tokio::test]
async fn given_things_that_are_gone_already_when_they_are_deleted_then_that_is_fine() {
    let world = World::start().await;
    let session = world.session().await;
    session.delete_application("object").await.unwrap();
    session.purge_application("object").await.unwrap();
    world.on(
        "POST /v1.0/applications/object/removePassword",
        [refuses(400, "Request_BadRequest", "No password credential found with keyId.")],
    );
    session.remove_password("object", "key").await.unwrap();
    assert_eq!(world.writes(), 3);
}

#[tokio::test]
async fn given_an_application_with_more_than_we_know_when_it_is_read_then_our_part_is_there() {
    let world = World::start().await;
    let session = world.session().await;
    let live = json!({"id": "object", "appId": "client", "displayName": "a", "uniqueName": null, "optionalClaims": null,
        "identifierUris": [], "tags": [], "web": {"redirectUris": [], "redirectUriSettings": []},
        "api": {"requestedAccessTokenVersion": null, "oauth2PermissionScopes": [], "preAuthorizedApplications": []},
        "passwordCredentials": [{"keyId": "k", "displayName": null, "endDateTime": "2027-01-01T00:00:00Z", "hint": "abc"}]});
    world.on(&format!("GET {APP}"), [says(200, &live)]);
    let read: Application = session.find_application(NAME).await.unwrap().unwrap();
    assert_eq!(read.password_credentials[0].key_id, "k");
    assert_eq!(read.own_identifier_uri(), "api://client");
    assert!(world.seen(&format!("GET {APP}"))[0].query.starts_with("$select=id,appId,uniqueName"));
}

#[tokio::test]
async fn given_nobody_may_consent_then_the_link_for_an_administrator_names_tenant_and_client() {
    let world = World::start().await;
    let session = world.session().await;
    let link = session.consent_link("client");
    assert!(link.ends_with("/11111111-1111-1111-1111-111111111111/adminconsent?client_id=client"), "{link}");
}
