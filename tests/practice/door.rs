//! Through the edge, as a browser or a program comes: strangers stay out, whoever may come in does. Each guard is shown to be
//! one by taking it away.

use crate::{
    knock::{get, own_credentials, reached_the_app, sign_in, token},
    world::{HOST, World},
};
use reqwest::StatusCode;
use std::collections::BTreeMap;
use url::Url;

/// Deletes an object, and waits until the edge's answer to a stranger shows it or a moment has passed.
fn delete(world: &World, kind: &str, name: &str) {
    world.ground.cluster().delete("security.istio.io", kind, Some("myapp"), name).unwrap();
}

fn policies(world: &World, action: &str) -> Vec<String> {
    world
        .ground
        .cluster()
        .list("security.istio.io", "AuthorizationPolicy", Some("myapp"))
        .into_iter()
        .filter(|policy| {
            policy["spec"]["action"] == action || (action == "ALLOW" && policy["spec"]["action"].is_null())
        })
        .filter(|policy| policy["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "myapp")
        .map(|policy| policy["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn given_a_setup_when_a_stranger_comes_then_they_are_sent_to_sign_in_with_everything_that_belongs() {
    let world = World::healthy();
    world.set_up();
    let response = get(&world, "/reports?year=2026", &[("accept", "text/html")]);
    assert_eq!(response.status(), StatusCode::FOUND);
    assert!(!reached_the_app(&response));
    let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    let (client_id, _) = own_credentials(&world);
    let tenant = world.ground.caller().tenant_id;
    assert!(
        location.as_str().starts_with(&format!("{}/{tenant}/oauth2/v2.0/authorize", world.ground.cloud().sign_in)),
        "{location}"
    );
    let query: BTreeMap<String, String> = location.query_pairs().into_owned().collect();
    assert_eq!(query["client_id"], client_id);
    assert_eq!(query["redirect_uri"], format!("https://{HOST}/oauth2/callback"));
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["code_challenge_method"], "S256");
    assert!(query.contains_key("code_challenge") && query.contains_key("nonce") && query.contains_key("state"));
    for scope in ["openid", "email", "profile", "offline_access"] {
        assert!(query["scope"].split(' ').any(|asked| asked == scope), "{}", query["scope"]);
    }
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("csrf") && cookie.contains("Secure") && cookie.contains("HttpOnly"), "{cookie}");
}

#[test]
fn given_one_lock_is_taken_away_then_strangers_stay_out_and_with_both_gone_the_same_question_finds_the_app_open() {
    let world = World::healthy();
    world.set_up();
    let stranger = || reached_the_app(&get(&world, "/", &[]));
    assert!(!stranger());

    let hook = policies(&world, "CUSTOM");
    assert_eq!(hook.len(), 1);
    delete(&world, "AuthorizationPolicy", &hook[0]);
    assert!(!stranger(), "the token lock alone keeps strangers out");
    world.set_up();
    assert!(!stranger());

    for policy in [policies(&world, "ALLOW"), policies(&world, "DENY")].concat() {
        delete(&world, "AuthorizationPolicy", &policy);
    }
    assert!(!stranger(), "the hook alone keeps strangers out");

    delete(&world, "AuthorizationPolicy", &hook[0]);
    assert!(stranger(), "with both gone the door is open: these questions can fail");
    assert!(world.door_is_open());
}

#[test]
fn given_a_client_credentials_token_then_it_passes_and_one_for_another_audience_does_not() {
    let world = World::healthy();
    world.set_up();
    let (client_id, secret) = own_credentials(&world);
    let ours = token(&world, &client_id, &secret, &format!("api://{client_id}/.default"));
    let response = get(&world, "/", &[("authorization", &format!("Bearer {ours}"))]);
    assert_eq!(response.status(), StatusCode::OK);
    assert!(reached_the_app(&response));

    let graphs = token(&world, &client_id, &secret, "https://graph.microsoft.com/.default");
    let response = get(&world, "/", &[("authorization", &format!("Bearer {graphs}"))]);
    assert!(!reached_the_app(&response), "{response:?}");

    // Any application of the tenant gets a token for ours; without the role it stays out.
    let other = world.ground.caller();
    let theirs = token(&world, &other.client_id, &other.client_secret, &format!("api://{client_id}/.default"));
    let response = get(&world, "/", &[("authorization", &format!("Bearer {theirs}"))]);
    assert!(!reached_the_app(&response), "{response:?}");

    let (head, signature) = ours.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let response = get(&world, "/", &[("authorization", &format!("Bearer {forged}"))]);
    assert!(!reached_the_app(&response), "{response:?}");
}

#[test]
fn given_paths_that_the_proxy_answers_itself_then_none_of_them_opens_the_app() {
    // domain.md 3.4: 200 from the sign-in proxy lets a request pass, and it answers these 200 to anybody.
    let world = World::healthy();
    world.set_up();
    for path in [
        "/ping",
        "/ready",
        "/robots.txt",
        "/oauth2/sign_in",
        "/oauth2/static/css/all.min.css",
        "//oauth2/auth",
        "/oauth2/../",
    ] {
        let response = get(&world, path, &[]);
        assert!(!reached_the_app(&response), "{path}: {response:?}");
    }
}

#[test]
fn given_identity_headers_that_a_client_sends_then_the_app_does_not_see_them() {
    let world = World::healthy();
    world.set_up();
    let (client_id, secret) = own_credentials(&world);
    let ours = token(&world, &client_id, &secret, &format!("api://{client_id}/.default"));
    let sent = [
        ("authorization", format!("Bearer {ours}")),
        ("x-auth-request-groups", "mallory-sent-this".to_owned()),
        ("x-auth-request-email", "mallory-sent-this".to_owned()),
        ("x-forwarded-user", "mallory-sent-this".to_owned()),
        ("x-forwarded-email", "mallory-sent-this".to_owned()),
        ("x-forwarded-access-token", "mallory-sent-this".to_owned()),
    ];
    let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let response = get(&world, "/", &sent);
    assert!(reached_the_app(&response), "{response:?}");
    let seen = world.wait_for(response.text()).unwrap();
    assert!(!seen.contains("mallory-sent-this"), "{seen}");
}

#[test]
fn given_a_person_signs_in_then_they_come_back_to_where_they_wanted_to_go() {
    let world = World::healthy();
    world.set_up();
    a_person_signs_in(&world);
}

/// A person comes to a page, signs in, and comes back to it.
pub(crate) fn a_person_signs_in(world: &World) {
    let session = sign_in(world, "alice@example.com", "/reports?year=2026");
    let app = get(world, "/reports?year=2026", &[("cookie", &session)]);
    assert_eq!(app.status(), StatusCode::OK, "{app:?}");
    assert!(reached_the_app(&app));
    let seen = world.wait_for(app.text()).unwrap();
    assert!(seen.contains("x-auth-request-email"), "{seen}");
}
