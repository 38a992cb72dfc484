//! Through the edge, as a browser or a program comes: strangers stay out, whoever may come in does. Each guard is shown to be
//! one by taking it away.

use crate::{
    knock::{get, own_credentials, reached_the_app, sign_in, token},
    world::{EXAMPLE, HOST, World},
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

/// What somebody might make up, in spellings that are one header to some servers and several to Envoy.
pub(crate) const FORGED: [&str; 11] = [
    "x-auth-request-groups",
    "x-auth-request-email",
    "x-auth-request-preferred-username",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-access-token",
    "x_auth_request_email",
    "X_Auth-Request_Groups",
    "x-auth_request-preferred_username",
    "x_forwarded_user",
    "x-forwarded_access-token",
];

/// A token of the application's own, and everything made up besides.
fn with_everything_forged(authorization: &str) -> Vec<(&str, &str)> {
    let forged = FORGED.into_iter().map(|name| (name, "mallory-sent-this"));
    [("authorization", authorization)].into_iter().chain(forged).collect()
}

fn own_authorization(world: &World) -> String {
    let (client_id, secret) = own_credentials(world);
    format!("Bearer {}", token(world, &client_id, &secret, &format!("api://{client_id}/.default")))
}

#[test]
fn given_identity_headers_that_a_client_sends_then_the_app_does_not_see_them_however_they_are_spelled() {
    let world = World::healthy();
    world.set_up();
    let authorization = own_authorization(&world);
    let response = get(&world, "/", &with_everything_forged(&authorization));
    assert!(reached_the_app(&response), "{response:?}");
    let seen = world.wait_for(response.text()).unwrap();
    assert!(!seen.contains("mallory-sent-this"), "{seen}");
}

/// Applies the object as an earlier release would have.
fn apply_as_gatewright(world: &World, mut object: serde_json::Value) {
    for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
        object["metadata"].as_object_mut().unwrap().remove(field);
    }
    let authority = reqwest::Certificate::from_pem(world.ground.authority().certificate_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([authority]).build().unwrap();
    let address = format!(
        "https://127.0.0.1:{}/apis/{}/namespaces/{}/virtualservices/{}?fieldManager=gatewright",
        world.ground.ports().kubernetes,
        object["apiVersion"].as_str().unwrap(),
        object["metadata"]["namespace"].as_str().unwrap(),
        object["metadata"]["name"].as_str().unwrap(),
    );
    let kubeconfig = std::fs::read_to_string(world.ground.kubeconfig()).unwrap();
    let (_, token) = kubeconfig.lines().find_map(|line| line.split_once("token: ")).unwrap();
    let request = client.patch(address).bearer_auth(token).header("content-type", "application/apply-patch+yaml");
    let answer = world.wait_for(request.body(object.to_string()).send()).unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
}

#[test]
fn given_an_installation_that_leaves_underscores_alone_then_plan_says_so_and_setup_mends_it() {
    let world = World::healthy();
    world.set_up();
    let mut service = world.ground.cluster().list("networking.istio.io", "VirtualService", Some("myapp")).remove(0);
    let removed = service["spec"]["http"][1]["headers"]["request"]["remove"].as_array_mut().unwrap();
    removed.retain(|name| !name.as_str().unwrap().contains('_'));
    assert_eq!(removed.len(), 10);
    apply_as_gatewright(&world, service);
    // The sidecar refuses what the route lets through, so that nothing is open until then.
    let authorization = own_authorization(&world);
    let response = get(&world, "/", &[("authorization", &authorization), ("x_auth_request_email", "mallory")]);
    assert_eq!(response.status(), StatusCode::FORBIDDEN, "{response:?}");

    let plan = world.run(&["plan", "--answers", EXAMPLE]);
    assert_eq!(plan.code, Some(2), "{}{}", plan.stdout, plan.stderr);
    let changed = plan.stderr.lines().chain(plan.stdout.lines()).find(|line| line.contains("VirtualService"));
    assert!(changed.is_some_and(|line| line.contains("update")), "{}{}", plan.stdout, plan.stderr);
    world.set_up();
    assert!(reached_the_app(&get(&world, "/", &with_everything_forged(&authorization))));
}

#[test]
fn given_a_caller_inside_the_mesh_with_a_token_then_it_gets_in_and_with_an_identity_of_its_own_making_it_does_not() {
    let world = World::healthy();
    world.set_up();
    let authorization = own_authorization(&world);
    let ask = |headers: &[(&str, &str)]| {
        let mut request = http::Request::get("/").header("host", "myapp.myapp").header("authorization", &authorization);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(axum::body::Bytes::new()).unwrap();
        let inside = world.ground.edge();
        world.wait_for(inside.request_inside(("shop", "basket"), "myapp.myapp.svc.cluster.local", 8000, request))
    };
    let plain = ask(&[]);
    assert!(plain.headers().contains_key("x-practice-app"), "{plain:?}");
    // The address is the hook's to tell, and it tells it of everybody: what the caller says is written over.
    let overwritten = ask(&[("x-auth-request-email", "mallory"), ("x-auth-request-user", "mallory")]);
    let seen = String::from_utf8(overwritten.body().to_vec()).unwrap();
    assert!(overwritten.headers().contains_key("x-practice-app") && !seen.contains("mallory"), "{seen}");
    // An application has a role, which is what the hook tells as its groups, and no name.
    let overwritten = ask(&[("x-auth-request-groups", "mallory")]);
    let seen = String::from_utf8(overwritten.body().to_vec()).unwrap();
    assert!(overwritten.headers().contains_key("x-practice-app") && !seen.contains("mallory"), "{seen}");
    for name in FORGED.into_iter().filter(|name| !["x-auth-request-email", "x-auth-request-groups"].contains(name)) {
        let answer = ask(&[(name, "mallory")]);
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name}: {answer:?}");
    }

    // The guard is one: without it they reach the application.
    delete(&world, "AuthorizationPolicy", "myapp-reserved");
    for name in ["x-auth-request-preferred-username", "x_auth_request_email", "x-forwarded-user"] {
        let answer = ask(&[(name, "mallory")]);
        assert!(String::from_utf8_lossy(answer.body()).contains("mallory"), "{name}: {answer:?}");
    }
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
