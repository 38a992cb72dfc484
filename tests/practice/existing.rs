//! What is there already is used and left alone: and switching to it and back leaves nothing behind and never opens the door.

use crate::{
    door::a_person_signs_in,
    world::{EXAMPLE, HOST, Ran, World},
};
use gatewright::practice::Scenario;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// The certificate section of the example.
const ISSUER: &str = "  issuer:";

/// The example with a certificate that is there already.
pub(crate) fn example_with_secret(name: &str) -> String {
    let example = std::fs::read_to_string(EXAMPLE).unwrap();
    let (before, rest) = example.split_once("\ncertificate:\n").unwrap();
    assert!(rest.contains(ISSUER));
    let (_, after) = rest.split_once("\n\n").unwrap();
    format!("{before}\ncertificate:\n  secretName: {name}\n\n{after}")
}

/// A ground where the TLS Secret of the scenario has arrived.
pub(crate) fn already_there() -> World {
    let world = World::named("already-there");
    wait_until(|| world.ground.cluster().get("", "Secret", Some("istio-system"), "cluster-tls").is_some());
    world
}

pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "it did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes `answers` to a file, and sets it up.
pub(crate) fn set_up(world: &World, answers: &str) -> Ran {
    let file = world.write("answers.yaml", answers);
    world.run(&["setup", "--answers", file.to_str().unwrap(), "--yes"])
}

/// Sets it up well, and again, when nothing must be written.
pub(crate) fn set_up_twice(world: &World, answers: &str) {
    let ran = set_up(world, answers);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let before = world.ground.journal().requests();
    let ran = set_up(world, answers);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
}

/// Puts a TLS Secret for `names` into a namespace.
fn put_certificate(world: &World, kind: &str, (namespace, name): (&str, &str), names: &[&str], days: i64) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let issued = world.ground.authority().issue(&names, days).unwrap();
    let data = json!({"tls.crt": STANDARD.encode(issued.chain_pem), "tls.key": STANDARD.encode(issued.key_pem)});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": kind, "data": data,
                        "metadata": {"name": name, "namespace": namespace}});
    world.ground.cluster().create_or_replace("a-person", secret).unwrap();
}

/// Whatever carries our mark in the gateway's namespace, as `Kind/name`.
fn ours_beside_the_gateway(world: &World) -> Vec<String> {
    let kinds = [
        ("cert-manager.io", "Certificate"),
        ("cert-manager.io", "CertificateRequest"),
        ("", "Secret"),
        ("security.istio.io", "AuthorizationPolicy"),
    ];
    let of_kind = |(group, kind): (&str, &str)| world.ground.cluster().list(group, kind, Some("istio-system"));
    kinds
        .into_iter()
        .flat_map(of_kind)
        .filter(|object| object["metadata"]["labels"]["gatewright.dev/installation"] == "myapp")
        .map(|object| format!("{}/{}", text(&object, "/kind"), text(&object, "/metadata/name")))
        .collect()
}

pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Does something while somebody without a sign-in keeps trying the door.
pub(crate) fn while_the_door_is_watched<T>(world: &World, act: impl FnOnce() -> T) -> T {
    let (edge, was_open, done) =
        (world.ground.edge().clone(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (seen, over) = (Arc::clone(&was_open), Arc::clone(&done));
    let watcher = world.spawn(async move {
        while !over.load(Ordering::Relaxed) {
            if edge.anonymous_reaches_app(HOST).await {
                seen.store(true, Ordering::Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let result = act();
    done.store(true, Ordering::Relaxed);
    world.wait_for(watcher).unwrap();
    assert!(!was_open.load(Ordering::Relaxed), "the door was open for a moment");
    result
}

#[test]
fn given_a_tls_secret_that_is_there_when_set_up_then_people_sign_in_and_nothing_is_made_beside_the_gateway() {
    let world = already_there();
    let before = world.ground.cluster().get("", "Secret", Some("istio-system"), "cluster-tls");
    while_the_door_is_watched(&world, || set_up_twice(&world, &example_with_secret("cluster-tls")));
    assert_eq!(ours_beside_the_gateway(&world), Vec::<String>::new());
    assert_eq!(world.ground.cluster().get("", "Secret", Some("istio-system"), "cluster-tls"), before);
    a_person_signs_in(&world);
    let status = world.run(&["status"]);
    let line = status.stdout.lines().nth(1).unwrap_or_else(|| panic!("{}", status.stderr));
    assert!(line.contains("ready") && !line.contains('?'), "{line}");
}

#[test]
fn given_a_tls_secret_that_is_there_and_no_cert_manager_when_set_up_then_people_sign_in() {
    let world = World::named("no-cert-manager");
    put_certificate(&world, "kubernetes.io/tls", ("istio-system", "own-tls"), &[HOST], 30);
    set_up_twice(&world, &example_with_secret("own-tls"));
    a_person_signs_in(&world);
}

#[test]
fn given_an_issuer_when_the_answers_name_a_tls_secret_and_an_issuer_again_then_nothing_is_left_and_the_door_stays_shut()
{
    let world = already_there();
    world.set_up();
    assert_eq!(ours_beside_the_gateway(&world).len(), 3, "{:?}", ours_beside_the_gateway(&world));
    let with_secret = example_with_secret("cluster-tls");
    while_the_door_is_watched(&world, || set_up_twice(&world, &with_secret));
    wait_until(|| ours_beside_the_gateway(&world).is_empty());
    a_person_signs_in(&world);

    while_the_door_is_watched(&world, || world.set_up());
    assert!(world.ground.cluster().get("", "Secret", Some("istio-system"), "cluster-tls").is_some());
    a_person_signs_in(&world);
}

#[test]
fn given_the_secret_that_was_made_for_us_is_named_then_it_is_kept_when_its_certificate_goes() {
    let world = World::healthy();
    world.set_up();
    let own = "gatewright-myapp-myapp";
    set_up_twice(&world, &example_with_secret(own));
    assert_eq!(ours_beside_the_gateway(&world), [format!("Secret/{own}")]);
    a_person_signs_in(&world);
}

#[test]
fn given_a_tls_secret_that_cannot_be_right_when_set_up_then_64_what_would_be_right_and_nothing_is_written() {
    type Prepare = fn(&World);
    let cases: [(Prepare, &str); 5] = [
        (|_| {}, "kubectl create secret tls own-tls --namespace istio-system"),
        (
            |world| put_certificate(world, "kubernetes.io/tls", ("default", "own-tls"), &[HOST], 30),
            "There is one in `default`",
        ),
        (|world| put_certificate(world, "Opaque", ("istio-system", "own-tls"), &[HOST], 30), "of type `Opaque`"),
        (|world| put_certificate(world, "kubernetes.io/tls", ("istio-system", "own-tls"), &[HOST], 0), "expired at"),
        (
            |world| put_certificate(world, "kubernetes.io/tls", ("istio-system", "own-tls"), &["*.example.com"], 30),
            "does not cover `myapp.cluster.example.com`",
        ),
    ];
    let world = World::healthy();
    for (prepare, told) in cases {
        let _gone = world.ground.cluster().delete("", "Secret", Some("istio-system"), "own-tls");
        prepare(&world);
        let before = world.ground.journal().requests();
        let ran = set_up(&world, &example_with_secret("own-tls"));
        assert_eq!(ran.code, Some(64), "{told}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
        assert!(world.writes_since(before).is_empty(), "{told}");
    }
}

#[test]
fn given_the_tls_secret_may_not_be_read_when_set_up_then_77_and_the_right_is_named() {
    let mut scenario = Scenario::named("already-there").unwrap();
    scenario.cluster.denied.push(
        serde_json::from_value(json!({"verb": "get", "group": "", "resource": "secrets", "namespace": "istio-system"}))
            .unwrap(),
    );
    let world = World::of(scenario);
    let ran = set_up(&world, &example_with_secret("cluster-tls"));
    assert_eq!(ran.code, Some(77), "{}", ran.stderr);
    assert!(ran.stderr.contains("secrets") && ran.stderr.contains("istio-system"), "{}", ran.stderr);
    assert!(world.writes_since(0).is_empty());
}
