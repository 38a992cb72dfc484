//! What was made is changed or taken away behind our back: the next run sees it, says so in its plan, and heals it in one go.

use crate::world::{EXAMPLE, World};
use gatewright::practice::Scenario;
use serde_json::{Value, json};
use std::io::Read as _;

/// Plans, expecting changes, and sets up in one go; afterwards nothing is left to do. Gives back the plan.
fn heals(world: &World) -> String {
    let planned = world.run(&["plan", "--answers", EXAMPLE]);
    assert_eq!(planned.code, Some(2), "{}", planned.stderr);
    world.set_up();
    let again = world.run(&["plan", "--answers", EXAMPLE]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(!world.door_is_open());
    planned.stderr
}

fn credentials(world: &World) -> Vec<Value> {
    world.application()["passwordCredentials"].as_array().unwrap().clone()
}

fn remove_credential(world: &World) {
    let application = world.application();
    let key_id = &application["passwordCredentials"][0]["keyId"];
    let path = format!("applications/{}/removePassword", application["id"].as_str().unwrap());
    let (status, answer) = world.graph("POST", &path, &json!({"keyId": key_id}));
    assert_eq!(status, 204, "{answer}");
}

#[test]
fn given_the_client_secret_is_removed_in_the_portal_when_setup_is_run_then_a_new_one_is_in_use_after_one_run() {
    let world = World::healthy();
    world.set_up();
    remove_credential(&world);
    heals(&world);
    assert_eq!(credentials(&world).len(), 1);
}

#[test]
fn given_a_key_is_removed_from_a_secret_when_setup_is_run_then_it_is_made_anew_in_one_run() {
    let world = World::healthy();
    world.set_up();
    for (name, key) in [("myapp-oauth2-proxy", "cookie-secret"), ("myapp-sessions", "password")] {
        let cluster = world.ground.cluster();
        let mut secret = cluster.get("", "Secret", Some("myapp"), name).unwrap();
        secret["data"].as_object_mut().unwrap().remove(key).unwrap();
        cluster.create_or_replace("gatewright", secret).unwrap();
        heals(&world);
    }
    assert_eq!(credentials(&world).len(), 1, "the client secret was kept");
}

#[test]
fn given_all_locks_are_deleted_while_the_routes_are_live_when_setup_is_run_then_they_are_the_first_thing_it_writes() {
    let world = World::healthy();
    world.set_up();
    let cluster = world.ground.cluster();
    let mut deleted = 0;
    for kind in ["AuthorizationPolicy", "RequestAuthentication"] {
        for lock in cluster.list("security.istio.io", kind, Some("myapp")) {
            cluster
                .delete("security.istio.io", kind, Some("myapp"), lock["metadata"]["name"].as_str().unwrap())
                .unwrap();
            deleted += usize::from(lock["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "myapp");
        }
    }
    assert!(world.door_is_open(), "without its locks the door is open: what follows can fail");
    // Something before the locks has to be made anew too, and takes its time.
    remove_credential(&world);
    let before = world.ground.journal().requests();
    world.set_up();
    let writes: Vec<String> = world
        .writes_since(before)
        .into_iter()
        .filter(|entry| entry.path.contains("/myapp"))
        .map(|entry| entry.path)
        .collect();
    let is_a_lock =
        |path: &String| path.contains("authorizationpolicies/myapp-") || path.contains("requestauthentications/");
    assert!(deleted >= 4 && writes.iter().take(deleted).all(is_a_lock), "{deleted} locks: {writes:#?}");
    assert!(!world.door_is_open());
    assert_eq!(world.run(&["plan", "--answers", EXAMPLE]).code, Some(0));
}

#[test]
fn given_the_registration_is_in_the_bin_when_planned_then_it_is_told_before_anything_is_written() {
    let world = World::healthy();
    world.set_up();
    let path = format!("applications/{}", world.application()["id"].as_str().unwrap());
    assert_eq!(world.graph("DELETE", &path, &Value::Null).0, 204);
    let before = world.ground.journal().requests();
    let ran = world.run(&["setup", "--answers", EXAMPLE, "--yes"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for text in ["in the tenant's bin", "restore", "Nothing has been changed"] {
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
    }
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
}

#[test]
fn given_somebody_owns_a_value_that_has_to_be_made_anew_when_planned_then_the_owner_is_told_before_anything_is_written()
{
    let world = World::healthy();
    world.set_up();
    let edit = json!({"data": {"client-secret": "aGFuZA=="}});
    world.ground.cluster().patch("kubectl-edit", ("", "Secret"), Some("myapp"), "myapp-oauth2-proxy", &edit).unwrap();
    remove_credential(&world);
    let before = world.ground.journal().requests();
    let ran = world.run(&["setup", "--answers", EXAMPLE, "--yes"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for text in ["kubectl-edit", "Delete the object", "Nothing has been changed"] {
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
    }
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
    assert_eq!(credentials(&world).len(), 0, "no credential was made that nobody could have kept");

    world.ground.cluster().delete("", "Secret", Some("myapp"), "myapp-oauth2-proxy").unwrap();
    heals(&world);
    assert_eq!(credentials(&world).len(), 1);
}

#[test]
fn given_a_host_that_another_installation_has_when_planned_then_it_is_refused_and_nothing_is_written() {
    let world = World::healthy();
    world.set_up();
    let text = std::fs::read_to_string(EXAMPLE).unwrap().replace("namespace: myapp", "namespace: elsewhere");
    let moved = world.write("moved.yaml", &text);
    let before = world.ground.journal().requests();
    let ran = world.run(&["setup", "--answers", moved.to_str().unwrap(), "--yes"]);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(ran.stderr.contains("myapp in namespace myapp"), "{}", ran.stderr);
    assert!(world.writes_since(before).is_empty());
}

/// The first of two runs that renew the client secret hangs while it stores its own, and the second one overtakes it there.
const OVERTAKEN: &str = "
title: A new client secret takes its time
about: Its write to the cluster hangs for a while.
faults:
- match: {server: kubernetes, path: '*/secrets/myapp-oauth2-proxy', writes: true, nth: 2}
  then: {delay: 8s}
";

#[test]
fn given_two_runs_at_once_then_the_overtaken_one_gives_way_and_no_dead_secret_is_left_in_use() {
    let world = World::of(Scenario::parse("overtaken", OVERTAKEN, "this test").unwrap());
    world.set_up();
    remove_credential(&world);
    let before = world.ground.journal().requests();
    let arguments = ["setup", "--answers", EXAMPLE, "--yes"];
    let mut first = world.command(&arguments).spawn().unwrap();
    while !world.writes_since(before).iter().any(|entry| entry.path.ends_with("/secrets/myapp-oauth2-proxy")) {
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(first.try_wait().unwrap().is_none(), "the first run has ended");
    }
    let second = world.run(&arguments);
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    let mut told = String::new();
    first.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(1), "{told}");
    assert!(told.contains("somebody else is setting up the same installation"), "{told}");
    let planned = world.run(&["plan", "--answers", EXAMPLE]);
    assert_eq!(planned.code, Some(0), "{}\n{told}", planned.stderr);
    assert_eq!(credentials(&world).len(), 1);
}
