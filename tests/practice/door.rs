//! Through the edge, as a browser or a program comes: strangers stay out, whoever may come in does. Each guard is shown to be
//! one by taking it away.

use crate::world::{HOST, World};
use reqwest::{Client, Response, StatusCode, redirect::Policy};
use std::{collections::BTreeMap, net::SocketAddr};
use url::Url;

/// A client that knows where the edge is, trusts the practice authority alone, and follows no redirect.
fn client(world: &World) -> Client {
    let edge = SocketAddr::from(([127, 0, 0, 1], world.ground.ports().edge));
    let authority = reqwest::Certificate::from_pem(world.ground.authority().certificate_pem().as_bytes()).unwrap();
    Client::builder().resolve(HOST, edge).tls_certs_only([authority]).redirect(Policy::none()).build().unwrap()
}

fn address(world: &World, path: &str) -> String {
    format!("https://{HOST}:{}{path}", world.ground.ports().edge)
}

fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = client(world).get(address(world, path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.wait_for(request.send()).unwrap()
}

fn reached_the_app(response: &Response) -> bool {
    response.headers().contains_key("x-practice-app")
}

/// A token from the practice tenant, as any client gets one.
fn token(world: &World, client_id: &str, secret: &str, scope: &str) -> String {
    let authority = reqwest::Certificate::from_pem(world.ground.authority().certificate_pem().as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([authority]).build().unwrap();
    let url = format!("{}/{}/oauth2/v2.0/token", world.ground.cloud().sign_in, world.ground.caller().tenant_id);
    let form =
        [("client_id", client_id), ("client_secret", secret), ("grant_type", "client_credentials"), ("scope", scope)];
    let answer = world.wait_for(async {
        client.post(url).form(&form).send().await.unwrap().json::<serde_json::Value>().await.unwrap()
    });
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The application's own client id and secret, from the Secret that the sign-in proxy reads.
fn own_credentials(world: &World) -> (String, String) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let client_id = world
        .applications()
        .into_iter()
        .find(|application| application["uniqueName"].as_str().is_some_and(|name| name.ends_with(".myapp")))
        .unwrap()["appId"]
        .as_str()
        .unwrap()
        .to_owned();
    let secret = world
        .ground
        .cluster()
        .list("", "Secret", Some("myapp"))
        .into_iter()
        .find_map(|secret| secret["data"]["client-secret"].as_str().map(str::to_owned))
        .unwrap();
    (client_id, String::from_utf8(STANDARD.decode(secret).unwrap()).unwrap())
}

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
    let edge = client(world);
    let deep = address(world, "/reports?year=2026");
    let first = world.wait_for(edge.get(&deep).header("accept", "text/html").send()).unwrap();
    let csrf = cookies(&first);
    let authorize = first.headers()["location"].to_str().unwrap().to_owned();

    let authority = reqwest::Certificate::from_pem(world.ground.authority().certificate_pem().as_bytes()).unwrap();
    let browser = Client::builder().tls_certs_only([authority]).redirect(Policy::none()).build().unwrap();
    let person = "alice@example.com";
    let mut authorize = Url::parse(&authorize).unwrap();
    authorize.query_pairs_mut().append_pair("login_hint", person);
    let signed_in = world.wait_for(browser.get(authorize).send()).unwrap();
    let callback = Url::parse(signed_in.headers()["location"].to_str().unwrap()).unwrap();
    assert_eq!(callback.host_str(), Some(HOST));

    let path = format!("{}?{}", callback.path(), callback.query().unwrap());
    let done = get(world, &path, &[("cookie", &csrf)]);
    assert_eq!(done.status(), StatusCode::FOUND, "{done:?}");
    let session = cookies(&done);
    let location = done.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.ends_with("/reports?year=2026"), "{location}");

    let app = get(world, "/reports?year=2026", &[("cookie", &session)]);
    assert_eq!(app.status(), StatusCode::OK, "{app:?}");
    assert!(reached_the_app(&app));
    let seen = world.wait_for(app.text()).unwrap();
    assert!(seen.contains("x-auth-request-email"), "{seen}");
}

fn cookies(response: &Response) -> String {
    let pairs =
        response.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    pairs.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; ")
}
