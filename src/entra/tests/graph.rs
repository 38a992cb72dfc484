//! One request: repetitions, refusals, pages.

use super::{CANARY, Says, World, not_found, refuses, says};
use crate::entra::{Error, WaitReason};
use serde_json::json;
use std::time::{Duration, Instant};

const APP: &str = "/v1.0/applications(uniqueName='gatewright.c.n.a')";
const NAME: &str = "gatewright.c.n.a";

fn app() -> Says {
    says(200, &json!({"id": "object", "appId": "client", "displayName": "a", "uniqueName": NAME}))
}

#[tokio::test]
async fn given_throttling_with_retry_after_when_reading_then_it_waits_that_long_and_says_so() {
    let world = World::start().await;
    let session = world.session().await;
    let throttled = refuses(429, "TooManyRequests", "slow down").with("retry-after", "1");
    world.on(&format!("GET {APP}"), [throttled, app()]);
    let began = Instant::now();
    assert_eq!(session.find_application(NAME).await.unwrap().unwrap().app_id, "client");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(matches!(&world.waits()[..], [WaitReason::Throttled { .. }]), "{:?}", world.waits());
}

#[tokio::test]
async fn given_throttling_for_longer_than_the_budget_when_reading_then_it_fails_at_once() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("GET {APP}"), [refuses(429, "TooManyRequests", "slow down").with("retry-after", "900")]);
    let began = Instant::now();
    let error = session.find_application(NAME).await.unwrap_err();
    assert!(matches!(error, Error::Throttled { pause, .. } if pause.as_secs() == 900), "{error}");
    assert!(error.is_timed_out() && began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn given_a_server_that_fails_now_and_then_when_reading_then_the_request_is_repeated() {
    let world = World::start().await;
    let session = world.session().await;
    let page = Says::Answer { status: 502, headers: vec![], body: "<html>".to_owned() };
    world.on(&format!("GET {APP}"), [page, Says::Breaks, refuses(503, "ServiceUnavailable", ""), app()]);
    assert!(session.find_application(NAME).await.unwrap().is_some());
    assert_eq!(world.seen(&format!("GET {APP}")).len(), 4);
}

#[tokio::test]
async fn given_a_server_that_stays_out_of_order_when_reading_then_it_gives_up_within_the_budget() {
    let world = World::start().await;
    let session = world.session_with(|patience| patience.outage = Duration::from_millis(200)).await;
    world.on(&format!("GET {APP}"), [refuses(503, "ServiceUnavailable", "later")]);
    let error = session.find_application(NAME).await.unwrap_err();
    assert!(matches!(&error, Error::Outage { answer, .. } if answer.status == 503), "{error}");
    assert!(world.seen(&format!("GET {APP}")).len() > 2);
}

#[tokio::test]
async fn given_posts_that_may_have_been_carried_out_when_no_clear_answer_comes_then_they_are_not_repeated() {
    for unclear in [refuses(502, "", ""), refuses(500, "InternalServerError", "x"), Says::Breaks, Says::Hangs] {
        let world = World::start().await;
        let session = world.session_with(|patience| patience.answer = Duration::from_millis(500)).await;
        world.on("POST /v1.0/applications/object/addPassword", [unclear.clone()]);
        let error = session.add_password("object", "name", jiff::Timestamp::now()).await.unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{unclear:?}: {error:?}");
        assert_eq!(world.seen("POST /v1.0/applications/object/addPassword").len(), 1, "{unclear:?}");
    }
}

#[tokio::test]
async fn given_a_post_that_is_throttled_when_sent_then_it_is_repeated_for_it_was_not_carried_out() {
    let world = World::start().await;
    let session = world.session().await;
    let made = json!({"secretText": CANARY, "keyId": "k", "endDateTime": "2027-01-01T00:00:00Z"});
    world.on("POST /v1.0/applications/object/addPassword", [refuses(429, "TooManyRequests", ""), says(200, &made)]);
    session.add_password("object", "name", jiff::Timestamp::now()).await.unwrap();
    assert_eq!(world.seen("POST /v1.0/applications/object/addPassword").len(), 2);
}

#[tokio::test]
async fn given_a_right_is_lacking_when_writing_then_it_is_a_hand_over_with_the_exact_command() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(
        "POST /v1.0/oauth2PermissionGrants",
        [refuses(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")],
    );
    let error = session.create_grant("it's", "graph", &["openid".to_owned()]).await.unwrap_err();
    assert!(error.is_not_permitted());
    let right = error.lacks_right().unwrap();
    assert_eq!(right.scope, "DelegatedPermissionGrant.ReadWrite.All");
    let command = right.command.as_deref().unwrap();
    assert!(command.starts_with("az rest --method post --url 'https://localhost"), "{command}");
    assert!(command.contains(r#"--body '{"clientId":"it'\''s","#), "{command}");
    let text = error.to_string();
    assert!(text.contains("request r-1") && text.contains("Cloud Application Administrator"), "{text}");
    assert_eq!(world.seen("POST /v1.0/oauth2PermissionGrants").len(), 1);
}

#[tokio::test]
async fn given_a_right_for_secrets_is_lacking_when_asked_then_no_command_is_offered_that_would_print_one() {
    let world = World::start().await;
    let session = world.session().await;
    world.on("POST /v1.0/applications/object/addPassword", [refuses(403, "Authorization_RequestDenied", "no")]);
    let error = session.add_password("object", "name", jiff::Timestamp::now()).await.unwrap_err();
    assert_eq!(error.lacks_right().unwrap().command, None);
}

#[tokio::test]
async fn given_the_token_is_revoked_when_reading_then_the_message_carries_the_challenge() {
    let world = World::start().await;
    let session = world.session().await;
    let challenge = r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#;
    world.on(
        &format!("GET {APP}"),
        [refuses(401, "InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge.")
            .with("www-authenticate", challenge)],
    );
    let error = session.find_application(NAME).await.unwrap_err();
    assert!(error.is_sign_in_expired());
    assert!(error.to_string().contains("--claims-challenge eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="), "{error}");
}

#[tokio::test]
async fn given_a_list_of_two_pages_when_it_is_read_then_both_are_there() {
    let world = World::start().await;
    let session = world.session().await;
    let next = format!("{}v1.0/page2?$skiptoken=x", world.cloud().graph);
    world
        .on("GET /v1.0/oauth2PermissionGrants", [says(200, &json!({"value": [{"id": "1"}], "@odata.nextLink": next}))]);
    world.on("GET /v1.0/page2", [says(200, &json!({"value": [{"id": "2"}]}))]);
    let ids: Vec<_> = session.grants("client").await.unwrap().into_iter().map(|grant| grant.id).collect();
    assert_eq!(ids, ["1", "2"]);
    assert_eq!(world.seen("GET /v1.0/page2")[0].query, "$skiptoken=x");
    assert_eq!(
        world.seen("GET /v1.0/oauth2PermissionGrants")[0].query,
        "$filter=clientId eq 'client' and consentType eq 'AllPrincipals'"
    );
}

#[tokio::test]
async fn given_a_next_page_on_another_server_when_it_is_read_then_the_token_is_not_taken_there() {
    let world = World::start().await;
    let session = world.session().await;
    let elsewhere = World::start().await;
    let next = format!("{}v1.0/steal", elsewhere.cloud().graph);
    world.on("GET /v1.0/oauth2PermissionGrants", [says(200, &json!({"value": [], "@odata.nextLink": next}))]);
    let error = session.grants("client").await.unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    assert!(elsewhere.seen("GET /v1.0/steal").is_empty());
}

#[tokio::test]
async fn given_a_404_for_something_that_need_not_be_there_then_it_is_absent_at_once() {
    let world = World::start().await;
    let session = world.session().await;
    assert_eq!(session.find_application(NAME).await.unwrap(), None);
    assert_eq!(session.service_principal("client").await.unwrap(), None);
    assert!(world.waits().is_empty());
}

#[tokio::test]
async fn given_a_404_for_something_just_made_when_the_budget_ends_then_it_is_a_timeout_of_its_own() {
    let world = World::start().await;
    let session = world.session_with(|patience| patience.replication = Duration::from_millis(100)).await;
    world.on("POST /v1.0/applications/object/addPassword", [not_found()]);
    let error = session.add_password("object", "name", jiff::Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, Error::NotReplicated { .. }) && error.is_timed_out(), "{error}");
    assert!(matches!(world.waits()[0], WaitReason::Replicating { .. }));
}

#[tokio::test]
async fn given_nobody_listens_when_reading_then_the_message_names_the_host_and_the_cause() {
    let mut world = World::start().await;
    let session = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let session = world.session_with(|patience| patience.outage = Duration::from_millis(50)).await;
        drop(session);
        let cloud = world.cloud.as_mut().unwrap();
        cloud.graph = format!("https://localhost:{free}").parse().unwrap();
        let mut request = world.request(crate::entra::Method::ServicePrincipal);
        request.patience.outage = Duration::from_millis(50);
        crate::entra::sign_in(request, &|_| {}).await
    };
    let message = session.unwrap_err().to_string();
    assert!(message.contains("localhost") && message.contains("refused"), "{message}");
}

#[tokio::test]
async fn given_a_request_is_dropped_while_it_waits_then_nothing_more_is_sent() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("GET {APP}"), [refuses(429, "TooManyRequests", "").with("retry-after", "1")]);
    let cancelled = tokio::time::timeout(Duration::from_millis(200), session.find_application(NAME)).await;
    assert!(cancelled.is_err());
    assert_eq!(world.seen(&format!("GET {APP}")).len(), 1);
}

#[tokio::test]
async fn given_a_program_that_may_not_list_applications_when_candidates_are_looked_for_then_it_is_told_and_no_empty_list_is()
 {
    let world = World::start().await;
    let session = world.session().await;
    world.on("GET /v1.0/applications", [refuses(403, "Authorization_RequestDenied", "Insufficient privileges")]);
    let error = session.candidates("myapp", "https://myapp.example.com/oauth2/callback").await.unwrap_err();
    assert!(error.is_not_permitted(), "{error}");
}
