//! Who may come in, comes in.

use super::Road;
use super::browser::Browser;
use crate::visitors::{self, HOST};
use http::StatusCode;
use std::collections::BTreeMap;
use url::Url;

/// Signs this person in on the way to `path`, and tells the cookies of the session.
pub(super) async fn sign_in(road: &Road, person: &str, path: &str) -> String {
    visitors::sign_in(&road.client, &road.ground, person, path).await
}

#[tokio::test(flavor = "multi_thread")]
async fn given_the_whole_road_when_people_and_programs_come_then_each_gets_where_they_may() {
    let Some(mut road) = Road::open().await else { return };

    let stranger = road.get("/reports?year=2026", &[("accept", "text/html")]).await;
    assert_eq!(stranger.status, StatusCode::FOUND, "{stranger:#?}");
    let location = Url::parse(stranger.location()).unwrap();
    assert!(location.as_str().starts_with(road.ground.cloud().sign_in.as_str()), "{location}");
    let query: BTreeMap<String, String> = location.query_pairs().into_owned().collect();
    assert_eq!(query["redirect_uri"], format!("https://{HOST}/oauth2/callback"));
    assert_eq!(query["client_id"], road.own_credentials().0);

    let session = sign_in(&road, "alice@example.com", "/reports").await;
    let inside = road.get("/reports", &[("cookie", &session)]).await;
    assert!(inside.is_from_the_application(), "{inside:#?}");
    assert!(inside.body.starts_with("/reports\n"), "{inside:#?}");
    assert_eq!(inside.told("x-auth-request-email").as_deref(), Some("alice@example.com"), "{inside:#?}");

    let program = road.with_token(&road.own_token().await).await;
    assert!(program.is_from_the_application(), "{program:#?}\n{}", road.words_of_the_proxy());

    let out = road.get("/oauth2/sign_out", &[("cookie", &session)]).await;
    assert_eq!(out.status, StatusCode::FOUND, "{out:#?}");
    let after = road.get("/reports", &[("cookie", &session)]).await;
    assert!(!after.is_from_the_application(), "signed out, the old cookie is worth nothing: {after:#?}");
    road.gateway.comes_to("the road is still there", super::is_guarded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn given_the_whole_road_when_a_person_signs_in_with_a_browser_then_they_land_where_they_wanted_to_go() {
    let Some(programs) = Browser::find() else { return };
    let Some(road) = Road::open().await else { return };
    let trusted = [road.client.port, road.ground.ports().sign_in];
    let browser = Browser::open(&programs, road.client.port, &trusted).await;

    let wanted = format!("https://{HOST}/reports?year=2026");
    browser.go(&wanted).await;
    browser.comes_to(&road.ground.cloud().sign_in).await;
    assert_eq!(browser.title().await, "Pick an account");
    browser.picture("sign-in").await;

    browser.click("Alice Example").await;
    assert_eq!(browser.comes_to(&format!("https://{HOST}/")).await, wanted);
    let text = browser.text().await;
    assert!(text.starts_with("/reports\n") && text.contains("x-auth-request-email: alice@example.com"), "{text}");
    browser.picture("application").await;

    // Once signed in, the tenant is not asked again.
    browser.go(&format!("https://{HOST}/elsewhere")).await;
    let text = browser.text().await;
    assert!(text.starts_with("/elsewhere\n"), "{text}\n{}", road.words_of_the_proxy());
    browser.close().await;
}
