//! A person who stops it: waiting and reading end at once, what writes is finished.

use super::{CANARY, Says, TOKEN_PATH, World, aadsts, not_found, refuses, says};
use crate::{
    entra::{Error, Session, wire::ApplicationPatch},
    secret::Secret,
};
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longer than any test may take.
const LONG: Duration = Duration::from_secs(600);

/// A session that waits long, and what stops it.
async fn session(world: &World) -> (Session, CancellationToken) {
    let session = world
        .session_with(|patience| {
            patience.first_pause = LONG;
            patience.answer = LONG;
            patience.replication = LONG * 10;
            patience.outage = LONG * 10;
        })
        .await;
    let cancel = CancellationToken::new();
    (session.stopped_by(cancel.clone()), cancel)
}

/// Stops it once `is_under_way`, and tells what came of it.
async fn stopped<T>(
    asking: impl Future<Output = Result<T, Error>>,
    cancel: &CancellationToken,
    is_under_way: impl Fn() -> bool,
) -> Option<Error> {
    let stopping = async {
        while !is_under_way() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        cancel.cancel();
    };
    let (asked, ()) = tokio::time::timeout(Duration::from_secs(20), futures::future::join(asking, stopping))
        .await
        .expect("it must end at once");
    asked.err()
}

#[tokio::test]
async fn given_a_wait_for_replication_or_after_throttling_when_it_is_stopped_then_it_ends_at_once() {
    let application = "GET /v1.0/applications(uniqueName='x')";
    let world = World::start().await;
    let (session, cancel) = session(&world).await;
    world.on("PATCH /v1.0/applications(uniqueName='x')", [says(204, &json!(null))]);
    world.on(application, [not_found()]);
    let patch = ApplicationPatch { display_name: Some("x".to_owned()), ..ApplicationPatch::default() };
    let error = stopped(session.upsert_application("x", &patch), &cancel, || !world.waits().is_empty()).await;
    assert!(error.as_ref().is_some_and(Error::is_cancelled), "{error:?}");

    let world = World::start().await;
    let (session, cancel) = self::session(&world).await;
    world.on(application, [refuses(429, "TooManyRequests", "slow down")]);
    let error = stopped(session.find_application("x"), &cancel, || !world.waits().is_empty()).await;
    assert!(error.as_ref().is_some_and(Error::is_cancelled), "{error:?}");
}

#[tokio::test]
async fn given_a_secret_that_is_not_known_everywhere_when_it_is_stopped_then_it_ends_at_once() {
    let world = World::start().await;
    let (session, cancel) = session(&world).await;
    world.on(&format!("POST {TOKEN_PATH}"), [aadsts("invalid_client", 7_000_215, "Invalid client secret provided.")]);
    let secret = Secret::new(CANARY);
    let waiting = session.wait_for_token("client", &secret, "s", None);
    let error = stopped(waiting, &cancel, || !world.waits().is_empty()).await;
    assert!(error.as_ref().is_some_and(Error::is_cancelled), "{error:?}");
}

#[tokio::test]
async fn given_a_server_that_does_not_answer_when_it_is_stopped_then_reading_ends_and_writing_does_not() {
    let world = World::start().await;
    let (session, cancel) = session(&world).await;
    let application = "/v1.0/applications(uniqueName='x')";
    world.on(&format!("GET {application}"), [Says::Hangs]);
    let is_under_way = || !world.seen(&format!("GET {application}")).is_empty();
    let error = stopped(session.find_application("x"), &cancel, is_under_way).await;
    assert!(error.as_ref().is_some_and(Error::is_cancelled), "{error:?}");

    // Stopped before it is sent: a server that answers is heard all the same.
    world
        .on("PATCH /v1.0/applications/object", [says(403, &json!({"error": {"code": "Authorization_RequestDenied"}}))]);
    let patch = ApplicationPatch { display_name: Some("x".to_owned()), ..ApplicationPatch::default() };
    let error = session.patch_application("object", &patch).await.unwrap_err();
    assert!(error.is_not_permitted(), "{error}");
}
