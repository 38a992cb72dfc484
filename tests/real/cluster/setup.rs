//! Gatewright itself at work on the whole cluster: a setup, watched by strangers all along, and what comes after it.

use super::watch::Watch;
use super::{DEADLINE, Versions, Whole};
use crate::visitors;
use http::StatusCode;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn given_a_whole_cluster_when_set_up_then_the_door_is_never_open_and_people_and_programs_get_in() {
    from_beginning_to_end(super::NEWEST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn given_the_oldest_istio_and_envoy_with_classic_sidecars_when_set_up_then_all_is_the_same() {
    from_beginning_to_end(super::OLDEST).await;
}

async fn from_beginning_to_end(versions: Versions) {
    let Some(whole) = Whole::open_with(versions).await else { return };
    let strangers = Watch::strangers(&whole);
    let answers = whole.answers("sessionRefresh: 55m", "sessionRefresh: 1m");
    whole.set_up_with(&answers).await;

    // Nobody wrote anything the second time.
    let before = whole.versions().await;
    let said = whole.gatewright().run_plain(&["setup", "--yes", "--answers", &answers]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(before, whole.versions().await, "{}", said.out);

    let stranger = whole.client.get("/reports", &[("accept", "text/html")]).await;
    assert_eq!(stranger.status, StatusCode::FOUND, "{stranger:#?}");
    let session = visitors::sign_in(&whole.client, &whole.ground, "alice@example.com", "/reports").await;
    let inside = whole.client.get("/reports", &[("cookie", &session)]).await;
    assert!(inside.is_from_the_application(), "{inside:#?}");
    assert_eq!(inside.told("x-auth-request-email").as_deref(), Some("alice@example.com"), "{inside:#?}");
    let session = is_renewed(&whole, session).await;
    let authorization = format!("Bearer {}", whole.own_token().await);
    let program = whole.client.get("/", &[("authorization", &authorization)]).await;
    assert!(program.is_from_the_application(), "{program:#?}");

    let out = whole.client.get("/oauth2/sign_out", &[("cookie", &session)]).await;
    assert_eq!(out.status, StatusCode::FOUND, "{out:#?}");
    let after = whole.client.get("/reports", &[("cookie", &session)]).await;
    assert!(!after.is_from_the_application(), "signed out, the old cookie is worth nothing: {after:#?}");

    let seen = strangers.end().await;
    assert!(seen.let_in.is_empty(), "{seen:#?}");
    assert!(seen.asked_at_the_gateway > 30 && seen.asked_at_the_pod > 30, "{seen:#?}");

    let gone = whole.gatewright().run(&["teardown", "myapp", "--yes"]).await;
    assert_eq!(gone.code, Some(0), "{}{}", gone.out, gone.err);
}

/// Uses a session until the sign-in proxy renews it at the tenant, which it does after a minute; the cookies from then on.
async fn is_renewed(whole: &Whole, session: String) -> String {
    let begun = Instant::now();
    loop {
        let answer = whole.client.get("/reports", &[("cookie", &session)]).await;
        assert!(answer.is_from_the_application(), "nobody is signed out meanwhile: {answer:#?}");
        let renewed = answer.cookies();
        if !renewed.is_empty() {
            assert_ne!(renewed, session);
            let answer = whole.client.get("/reports", &[("cookie", &renewed)]).await;
            assert!(answer.is_from_the_application(), "{answer:#?}");
            return renewed;
        }
        assert!(begun.elapsed() < DEADLINE, "the session is not renewed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
