//! Client secrets, and the proof that they work.

use super::{CANARY, Says, TENANT, TOKEN_PATH, World, aadsts, jwt, refuses, says, token};
use crate::{
    entra::{Error, TokenProbe, WaitReason},
    secret::Secret,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::time::Duration;

const ADD: &str = "POST /v1.0/applications/object/addPassword";

fn made() -> Says {
    says(200, &json!({"secretText": CANARY, "keyId": "k", "hint": "can", "endDateTime": "2027-01-01T00:00:00Z"}))
}

fn in_days(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * days)
}

fn lifetime_refused() -> Says {
    refuses(
        400,
        "CredentialInvalidLifetimeAsPerAppPolicy",
        "Credential lifetime exceeds the max value allowed as per assigned policy",
    )
}

/// The lifetimes that were asked for, in days, rounded.
fn asked_for(world: &World) -> Vec<i64> {
    let ends = world.seen(ADD).into_iter().map(|seen| {
        let end = seen.json()["passwordCredential"]["endDateTime"].as_str().unwrap().parse::<Timestamp>().unwrap();
        (end.as_second() - Timestamp::now().as_second() + 3600) / 86_400
    });
    ends.collect()
}

#[tokio::test]
async fn given_a_secret_is_made_then_its_value_is_in_no_text() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(ADD, [made()]);
    let password = session.add_password("object", "gatewright n/a", in_days(180)).await.unwrap();
    assert_eq!(password.secret.expose(), CANARY);
    assert_eq!((password.key_id.as_str(), password.expires.to_string().as_str()), ("k", "2027-01-01T00:00:00Z"));
    for text in
        [format!("{password:?}"), format!("{session:?}"), format!("{:?}", world.request(crate::entra::Method::Auto))]
    {
        assert!(!text.contains(CANARY), "{text}");
    }
    assert_eq!(world.seen(ADD)[0].json()["passwordCredential"]["displayName"], "gatewright n/a");
    assert_eq!(asked_for(&world), [180]);
}

#[tokio::test]
async fn given_an_answer_with_a_secret_that_cannot_be_read_then_the_error_does_not_quote_it() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(ADD, [says(200, &json!(CANARY))]);
    let error = session.add_password("object", "name", in_days(1)).await.unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }));
    assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
}

#[tokio::test]
async fn given_a_policy_on_lifetimes_when_a_secret_is_made_then_shorter_ones_are_tried() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(ADD, [lifetime_refused(), lifetime_refused(), made()]);
    session.add_password("object", "name", in_days(365)).await.unwrap();
    assert_eq!(asked_for(&world), [365, 180, 90]);
}

#[tokio::test]
async fn given_a_short_wanted_lifetime_when_the_policy_refuses_it_then_no_longer_one_is_tried() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(ADD, [lifetime_refused()]);
    let error = session.add_password("object", "name", in_days(60)).await.unwrap_err();
    assert!(matches!(error, Error::CredentialPolicy { .. }), "{error}");
    assert_eq!(asked_for(&world), [60, 30]);
}

#[tokio::test]
async fn given_a_policy_against_secrets_when_one_is_made_then_it_is_asked_for_once() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(
        ADD,
        [refuses(400, "CredentialTypeNotAllowedAsPerAppPolicy", "Credential type not allowed as per assigned policy")],
    );
    let error = session.add_password("object", "name", in_days(180)).await.unwrap_err();
    assert!(error.to_string().contains("policy for credentials"), "{error}");
    assert_eq!(asked_for(&world), [180]);
}

#[tokio::test]
async fn given_answers_that_flap_when_a_secret_is_proven_then_only_tokens_in_a_row_count() {
    let world = World::start().await;
    let session = world.session().await;
    let token_endpoint = format!("POST {TOKEN_PATH}");
    let before = world.seen(&token_endpoint).len();
    let refused = || aadsts("invalid_client", 7_000_215, "Invalid client secret provided.");
    let come = || app_token(&[]);
    world.on(&token_endpoint, [refused(), come(), come(), refused(), come(), come(), come(), refused()]);
    session.wait_for_tokens_in_a_row("client", &Secret::new(CANARY), "scope", 3).await.unwrap();
    assert_eq!(world.seen(&token_endpoint).len() - before, 7, "two of three in a row are not enough");
    assert_eq!(world.waits().len(), 2, "each refusal is a reason to wait: {:?}", world.waits());
    let never = session.wait_for_tokens_in_a_row("client", &Secret::new(CANARY), "scope", 3).await.unwrap_err();
    assert!(matches!(never, Error::NotReplicated { .. }), "{never}");
}

fn app_token(roles: &[&str]) -> Says {
    let claims =
        json!({"aud": "client", "iss": format!("https://login/{TENANT}/v2.0"), "exp": 1_800_000_000, "roles": roles});
    token(&jwt(&claims), 3600)
}

#[tokio::test]
async fn given_a_working_secret_when_it_is_probed_then_the_claims_are_told_and_the_token_is_not() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(&format!("POST {TOKEN_PATH}"), [app_token(&["App.Access"])]);
    let probe = session.client_credentials("client", &Secret::new(CANARY), "api://client/.default").await.unwrap();
    let expected = TokenProbe {
        audience: "client".to_owned(),
        issuer: format!("https://login/{TENANT}/v2.0"),
        roles: vec!["App.Access".to_owned()],
        expires: Timestamp::from_second(1_800_000_000).unwrap(),
    };
    assert_eq!(probe, expected);
    let sent = &world.seen(&format!("POST {TOKEN_PATH}")).pop().unwrap().body;
    assert!(sent.contains("grant_type=client_credentials&scope=api%3A%2F%2Fclient%2F.default"), "{sent}");
}

#[tokio::test]
async fn given_a_new_secret_and_role_when_proven_then_it_waits_until_both_are_known() {
    let world = World::start().await;
    let session = world.session().await;
    let unknown = || aadsts("invalid_client", 7_000_215, "Invalid client secret provided.");
    world.on(&format!("POST {TOKEN_PATH}"), [unknown(), unknown(), app_token(&[]), app_token(&["App.Access"])]);
    let secret = Secret::new(CANARY);
    let probe = session.wait_for_token("client", &secret, "api://client/.default", Some("App.Access")).await.unwrap();
    assert_eq!(probe.roles, ["App.Access"]);
    let waits = world.waits();
    assert_eq!(waits.len(), 3);
    assert!(matches!(&waits[0], WaitReason::Replicating { answer, .. } if answer.code == "AADSTS7000215"), "{waits:?}");
    assert!(!format!("{waits:?}").contains(CANARY));
}

#[tokio::test]
async fn given_a_secret_that_never_works_when_proven_then_the_budget_ends_it() {
    let world = World::start().await;
    let session = world.session_with(|patience| patience.replication = Duration::from_millis(50)).await;
    world.on(&format!("POST {TOKEN_PATH}"), [aadsts("invalid_client", 7_000_215, "Invalid client secret provided.")]);
    let error = session.wait_for_token("client", &Secret::new(CANARY), "s", None).await.unwrap_err();
    assert!(matches!(error, Error::NotReplicated { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains(CANARY));
}

#[tokio::test]
async fn given_a_secret_that_has_expired_when_proven_then_it_fails_at_once() {
    let world = World::start().await;
    let session = world.session().await;
    world.on(
        &format!("POST {TOKEN_PATH}"),
        [aadsts("invalid_client", 7_000_222, "The provided client secret keys are expired.")],
    );
    let error = session.wait_for_token("client", &Secret::new(CANARY), "s", None).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { answer, .. } if answer.code == "AADSTS7000222"), "{error}");
    assert!(world.waits().is_empty());
}

#[tokio::test]
async fn given_an_application_without_a_role_when_one_is_demanded_then_it_waits_only_if_one_was_just_assigned() {
    let world = World::start().await;
    let session = world.session().await;
    let unassigned = || aadsts("invalid_grant", 501_051, "Application is not assigned to a role for the application.");
    world.on(&format!("POST {TOKEN_PATH}"), [unassigned()]);
    let error = session.wait_for_token("client", &Secret::new(CANARY), "s", None).await.unwrap_err();
    assert!(error.remedy().contains("have the role assigned"), "{error}");
    assert!(world.waits().is_empty());
    world.on(&format!("POST {TOKEN_PATH}"), [unassigned(), app_token(&["App.Access"])]);
    session.wait_for_token("client", &Secret::new(CANARY), "s", Some("App.Access")).await.unwrap();
}
