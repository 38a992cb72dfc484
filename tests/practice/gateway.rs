//! With the locks at the gateway: what holds in the sidecar holds there too, and other hosts of the gateway are left alone.

use crate::{
    killed::{Watch, check_what_must_hold, essence, finish_after, killed_after},
    knock::{get, own_credentials, reached_the_app, sign_in, token},
    world::{EXAMPLE, HOST, World},
};
use axum::body::Bytes;
use gatewright::practice::edge::Client;
use reqwest::StatusCode;
use serde_json::Value;
use std::path::PathBuf;

/// The example, with the locks at the gateway.
fn answers() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(EXAMPLE).unwrap();
    let changed = text.replace("hook: sidecar", "hook: gateway");
    assert_ne!(text, changed);
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, changed).unwrap();
    (folder, path)
}

fn set_up(world: &World) -> String {
    let (_folder, answers) = answers();
    let ran = world.run(&["setup", "--answers", answers.to_str().unwrap(), "--yes"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    ran.stderr
}

fn with_locks_at_the_gateway() -> World {
    let world = World::healthy();
    set_up(&world);
    world
}

/// Names of what is ours of a kind in the gateway's namespace.
fn at_the_gateway(world: &World, kind: &str) -> Vec<Value> {
    let group = if kind == "EnvoyFilter" { "networking.istio.io" } else { "security.istio.io" };
    let all = world.ground.cluster().list(group, kind, Some("istio-system"));
    all.into_iter().filter(|object| object["metadata"]["labels"]["gatewright.dev/installation"] == "myapp").collect()
}

fn delete(world: &World, object: &Value) {
    let group = object["apiVersion"].as_str().unwrap().split('/').next().unwrap();
    let name = object["metadata"]["name"].as_str().unwrap();
    world.ground.cluster().delete(group, object["kind"].as_str().unwrap(), Some("istio-system"), name).unwrap();
}

fn policies(world: &World, action: &str) -> Vec<Value> {
    let all = at_the_gateway(world, "AuthorizationPolicy");
    all.into_iter().filter(|policy| policy["spec"]["action"] == action).collect()
}

/// A request whose authority is written as a client likes.
fn as_written(world: &World, host: &str, headers: &[(&str, &str)]) -> http::Response<Bytes> {
    let mut request = http::Request::get("/").header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::new()).unwrap();
    world.wait_for(world.ground.edge().request(&Client::of(HOST), request)).unwrap()
}

fn application_of(answer: &http::Response<Bytes>) -> Option<Value> {
    answer.headers().contains_key("x-practice-app").then(|| serde_json::from_slice(answer.body()).unwrap())
}

#[test]
fn given_the_hook_at_the_gateway_when_set_up_then_strangers_are_sent_to_sign_in_and_a_second_run_writes_nothing() {
    let world = World::healthy();
    let told = set_up(&world);
    assert!(told.contains(&format!("Try it: https://{HOST}/")), "{told}");
    let stranger = get(&world, "/reports", &[("accept", "text/html")]);
    assert_eq!(stranger.status(), StatusCode::FOUND, "{stranger:?}");
    let location = stranger.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(world.ground.cloud().sign_in.as_str()), "{location}");
    assert!(!world.door_is_open());

    let before = world.ground.journal().requests();
    set_up(&world);
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
}

#[test]
fn given_one_lock_at_the_gateway_is_gone_then_strangers_stay_out_and_with_both_gone_the_app_is_open() {
    let world = with_locks_at_the_gateway();
    let stranger = || reached_the_app(&get(&world, "/", &[]));
    let hooks = policies(&world, "CUSTOM");
    let refusals = policies(&world, "DENY");
    assert_eq!((hooks.len(), refusals.len()), (1, 1));

    delete(&world, &hooks[0]);
    assert!(!stranger(), "the token lock alone keeps strangers out");
    set_up(&world);
    delete(&world, &policies(&world, "DENY")[0]);
    assert!(!stranger(), "the hook alone keeps strangers out");
    delete(&world, &policies(&world, "CUSTOM")[0]);
    assert!(stranger(), "with both gone the door is open: these questions can fail");
    assert!(world.door_is_open());
}

#[test]
fn given_the_scripts_are_gone_then_nobody_gets_in_and_setup_makes_them_again() {
    let world = with_locks_at_the_gateway();
    let (client_id, secret) = own_credentials(&world);
    let ours = token(&world, &client_id, &secret, &format!("api://{client_id}/.default"));
    let authorization = format!("Bearer {ours}");
    let bearer = [("authorization", authorization.as_str())];
    assert!(reached_the_app(&get(&world, "/", &bearer)));
    let filters = at_the_gateway(&world, "EnvoyFilter");
    assert_eq!(filters.len(), 1);
    delete(&world, &filters[0]);
    assert!(!reached_the_app(&get(&world, "/", &bearer)), "the token is not found, and the request refused");
    set_up(&world);
    assert!(reached_the_app(&get(&world, "/", &bearer)));
}

#[test]
fn given_a_client_credentials_token_then_it_passes_the_gateway_and_one_for_another_audience_does_not() {
    let world = with_locks_at_the_gateway();
    let (client_id, secret) = own_credentials(&world);
    let ours = token(&world, &client_id, &secret, &format!("api://{client_id}/.default"));
    let response = get(&world, "/", &[("authorization", &format!("Bearer {ours}"))]);
    assert_eq!(response.status(), StatusCode::OK);
    assert!(reached_the_app(&response));

    let graphs = token(&world, &client_id, &secret, "https://graph.microsoft.com/.default");
    let other = world.ground.caller();
    let theirs = token(&world, &other.client_id, &other.client_secret, &format!("api://{client_id}/.default"));
    for (whose, token) in [("another audience's", &graphs), ("somebody's without the role", &theirs)] {
        let response = get(&world, "/", &[("authorization", &format!("Bearer {token}"))]);
        assert!(!reached_the_app(&response), "{whose}: {response:?}");
    }
    // Each lock by itself refuses them too.
    delete(&world, &policies(&world, "CUSTOM")[0]);
    for (whose, token) in [("another audience's", &graphs), ("somebody's without the role", &theirs)] {
        let response = get(&world, "/", &[("authorization", &format!("Bearer {token}"))]);
        assert!(!reached_the_app(&response), "{whose}, with the token lock alone: {response:?}");
    }
    let response = get(&world, "/", &[("x-gatewright-token", &format!("Bearer {ours}"))]);
    assert!(!reached_the_app(&response), "the header that the check looks at is not the client's to send");
}

/// What a client might make up.
const FORGED: [(&str, &str); 9] = [
    ("x-auth-request-groups", "mallory-sent-this"),
    ("x-auth-request-email", "mallory-sent-this"),
    ("x-auth-request-preferred-username", "mallory-sent-this"),
    ("x-forwarded-user", "mallory-sent-this"),
    ("x-forwarded-email", "mallory-sent-this"),
    ("x-forwarded-access-token", "mallory-sent-this"),
    ("x_auth_request_email", "mallory-sent-this"),
    ("x-auth_request-groups", "mallory-sent-this"),
    ("x_forwarded_user", "mallory-sent-this"),
];

#[test]
fn given_identity_headers_that_a_client_sends_then_the_app_does_not_see_them_however_the_host_is_written() {
    let world = with_locks_at_the_gateway();
    let (client_id, secret) = own_credentials(&world);
    let ours = token(&world, &client_id, &secret, &format!("api://{client_id}/.default"));
    let authorization = format!("Bearer {ours}");
    let mut headers = FORGED.to_vec();
    headers.push(("authorization", &authorization));
    for host in [HOST, "MyApp.Cluster.Example.com", "myapp.cluster.example.com:8443", "myapp.cluster.example.com:"] {
        let answer = as_written(&world, host, &headers);
        let seen = application_of(&answer).unwrap_or_else(|| panic!("{host}: {answer:?}"));
        assert!(!seen.to_string().contains("mallory-sent-this"), "{host}: {seen}");
        assert!(seen["headers"].get("x-gatewright-token").is_none(), "{host}: {seen}");
        assert!(application_of(&as_written(&world, host, &FORGED)).is_none(), "{host}: strangers stay out");
    }
    // The guard is one: without the script that takes them away, the same request brings them to the application.
    let mut filter = at_the_gateway(&world, "EnvoyFilter").remove(0);
    let patches = filter["spec"]["configPatches"].as_array_mut().unwrap();
    patches.remove(0);
    world.ground.cluster().create_or_replace("somebody", filter).unwrap();
    let seen = application_of(&as_written(&world, HOST, &headers)).unwrap();
    assert!(seen.to_string().contains("mallory-sent-this"), "{seen}");
}

#[test]
fn given_a_person_who_signed_in_then_the_app_behind_the_gateways_hook_learns_who_they_are() {
    let world = with_locks_at_the_gateway();
    let session = sign_in(&world, "alice@example.com", "/reports?year=2026");
    let mut headers = FORGED.to_vec();
    headers.push(("cookie", &session));
    let answer = as_written(&world, HOST, &headers);
    let seen = application_of(&answer).unwrap_or_else(|| panic!("{answer:?}"));
    assert_eq!(seen["headers"]["x-auth-request-email"], "alice@example.com", "{seen}");
    assert!(!seen.to_string().contains("mallory-sent-this"), "{seen}");
}

/// A second application on the same gateway, made by somebody who knows nothing of locks.
const OTHER_APP: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: other}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: other, namespace: other}
  spec:
    selector: {matchLabels: {app: other}}
    template:
      metadata: {labels: {app: other}}
      spec: {containers: [{name: other, image: docker.io/path/to/other:1, ports: [{containerPort: 80}]}]}
- apiVersion: v1
  kind: Service
  metadata: {name: other, namespace: other}
  spec: {selector: {app: other}, ports: [{name: http, port: 80}]}
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: other, namespace: other}
  spec:
    hosts: [other.cluster.example.com]
    gateways: [myapp/myapp]
    http: [{route: [{destination: {host: other.other.svc.cluster.local, port: {number: 80}}}]}]
";

#[test]
fn given_another_host_on_the_same_gateway_then_it_is_as_before_with_its_own_headers_and_tokens() {
    let world = with_locks_at_the_gateway();
    world.make(OTHER_APP);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let other = "other.cluster.example.com";
    while application_of(&as_written(&world, other, &[])).is_none() {
        assert!(std::time::Instant::now() < deadline, "{:?}", as_written(&world, other, &[]));
        world.wait_for(async { tokio::time::sleep(std::time::Duration::from_millis(20)).await });
    }
    let mut headers = FORGED.to_vec();
    headers.push(("authorization", "Bearer of-their-own"));
    let seen = application_of(&as_written(&world, other, &headers)).unwrap();
    assert_eq!(seen["app"], "other");
    for (name, value) in headers {
        assert_eq!(seen["headers"][name], value, "{name}: {seen}");
    }
    // The connection is one that was made for the host with the locks; there they still hold.
    assert!(application_of(&as_written(&world, HOST, &[])).is_none());
}

#[test]
fn given_setup_with_the_hook_at_the_gateway_is_killed_at_its_decisive_requests_then_the_next_run_finishes_it() {
    let (_folder, answers) = answers();
    let answers = answers.to_str().unwrap();
    let undisturbed = with_locks_at_the_gateway();
    check_what_must_hold(&undisturbed, "undisturbed");
    let expected = essence(&undisturbed);
    drop(undisturbed);
    let requests = [
        "{path: '*/addPassword'}",
        "{path: '*/envoyfilters/*', writes: true}",
        "{path: '*/requestauthentications/*', writes: true}",
        "{path: '*/authorizationpolicies/gatewright-myapp-myapp-sign-in', writes: true}",
        "{path: '*/authorizationpolicies/gatewright-myapp-myapp-no-token', writes: true}",
        "{path: '*/gateways/*', writes: true}",
        "{path: '*/portforward'}",
        "{path: '*/virtualservices/*', writes: true}",
    ];
    std::thread::scope(|scope| {
        for request in requests {
            let expected = &expected;
            scope.spawn(move || {
                let ended = finish_after(&killed_after(request), answers, expected);
                assert_eq!(ended, None, "{request}: the first run was killed");
            });
        }
    });
}

#[test]
fn given_the_hook_moves_to_the_gateway_and_back_then_nothing_is_left_and_the_door_is_never_open() {
    moves_there_and_back(&World::healthy());
}

#[test]
fn given_proxies_that_learn_of_changes_late_when_the_hook_moves_then_the_door_is_never_open() {
    moves_there_and_back(&World::healthy_and_slow());
}

fn moves_there_and_back(world: &World) {
    let fresh_at_gateway = essence(&with_locks_at_the_gateway());
    let watch = Watch::over(world);
    world.set_up();
    let fresh_in_sidecar = essence(world);
    set_up(world);
    assert_same(&essence(world), &fresh_at_gateway, "moved to the gateway");
    assert!(!world.door_is_open());
    world.set_up();
    assert_same(&essence(world), &fresh_in_sidecar, "moved back");
    assert!(!world.door_is_open());
    assert_eq!(watch.end(), 0, "the door was open");
}

type Essence = std::collections::BTreeMap<String, String>;

fn assert_same(ended: &Essence, expected: &Essence, when: &str) {
    for (name, object) in expected {
        assert_eq!(ended.get(name), Some(object), "{when}: {name}");
    }
    let left: Vec<_> = ended.keys().filter(|name| !expected.contains_key(*name)).collect();
    assert!(left.is_empty(), "{when}: left behind: {left:?}");
}

/// An application that was there before us, with no sidecar in front of it.
const WITHOUT_SIDECAR: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: team-docs}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: wiki, namespace: team-docs}
  spec:
    replicas: 1
    selector: {matchLabels: {app: wiki}}
    template:
      metadata: {labels: {app: wiki}}
      spec: {containers: [{name: wiki, image: docker.io/path/to/wiki:1, ports: [{containerPort: 8080}]}]}
- apiVersion: v1
  kind: Service
  metadata: {name: wiki-web, namespace: team-docs}
  spec: {selector: {app: wiki}, ports: [{name: http, port: 8080}]}
";

#[test]
fn given_an_application_without_a_sidecar_when_the_hook_is_at_the_gateway_then_it_is_behind_sign_in() {
    let world = World::healthy();
    world.make(WITHOUT_SIDECAR);
    let answers = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/existing-service.yaml"));
    let in_sidecar = world.write("gatewright.yaml", &answers.unwrap());
    let refused = world.run(&["setup", "--answers", in_sidecar.to_str().unwrap(), "--yes"]);
    assert_eq!(refused.code, Some(64), "{}", refused.stderr);
    assert!(refused.stderr.contains("hook: gateway"), "{}", refused.stderr);

    let text = std::fs::read_to_string(&in_sidecar).unwrap();
    let at_gateway = world.write("gateway.yaml", &format!("{text}hook: gateway\n"));
    let ran = world.run(&["setup", "--answers", at_gateway.to_str().unwrap(), "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let host = "wiki.cluster.example.com";
    let stranger = as_written(&world, host, &[("accept", "text/html")]);
    assert_eq!(stranger.status(), StatusCode::FOUND, "{stranger:?}");
    let before = world.ground.journal().requests();
    let again = world.run(&["setup", "--answers", at_gateway.to_str().unwrap(), "--yes"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
}
