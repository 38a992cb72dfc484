//! The password of the session store, which keeps sessions in memory: it is told of another one while it runs, and nobody is signed out.

use crate::{
    existing::{already_there, set_up},
    knock,
    redis::example_with_redis,
    rotate::{is_whole, rotate, rotate_well, story},
    traffic::{Traffic, wait_until},
    world::{EXAMPLE, World},
};
use gatewright::practice::Scenario;
use serde_json::{Value, json};

const PASSWORD: [&str; 2] = ["--what", "redis-password"];

fn store_secret(world: &World) -> Value {
    world.ground.cluster().get("", "Secret", Some("myapp"), "myapp-sessions").unwrap()
}

fn keys(world: &World) -> Vec<String> {
    store_secret(world)["data"].as_object().unwrap().keys().cloned().collect()
}

fn store_pod(world: &World) -> Value {
    let pods = world.ground.cluster().list("", "Pod", Some("myapp"));
    let is_it = |pod: &Value| {
        pod["metadata"]["labels"]["app.kubernetes.io/name"] == "myapp-sessions"
            && pod["metadata"]["deletionTimestamp"].is_null()
    };
    pods.into_iter().find(is_it).unwrap_or_default()
}

/// The store starts again, and has forgotten every session.
fn restart_store(world: &World) {
    let pod = store_pod(world);
    world.ground.cluster().delete("", "Pod", Some("myapp"), pod["metadata"]["name"].as_str().unwrap()).unwrap();
}

fn reaches_the_app(world: &World, session: &str) -> bool {
    knock::reached_the_app(&knock::get(world, "/deep/page", &[("cookie", session)]))
}

fn sign_in(world: &World) -> String {
    knock::sign_in(world, "alice@example.com", "/deep/page")
}

#[test]
fn given_people_and_programs_at_work_when_the_session_stores_password_is_rotated_then_no_request_fails() {
    let world = World::healthy_and_slow();
    world.set_up();
    let before = (store_secret(&world), store_pod(&world));
    let session = sign_in(&world);
    let traffic = Traffic::of_people_and_programs(&world);
    let ran = rotate_well(&world, &PASSWORD);
    traffic.none_failed(&ran.stderr);
    assert_ne!(store_secret(&world)["data"]["password"], before.0["data"]["password"]);
    assert_eq!(
        store_pod(&world)["metadata"]["uid"],
        before.1["metadata"]["uid"],
        "the store has not been started again"
    );
    assert!(reaches_the_app(&world, &session), "a session from before is still good");
    for told in ["Nobody is signed out", "either of the two", "and refuses this one", "Rotated in"] {
        assert!(ran.stderr.contains(told), "{told:?} is not in:\n{}", ran.stderr);
    }
    is_whole(&world, "rotated");
    rotate_well(&world, &PASSWORD);
    assert!(reaches_the_app(&world, &session), "and after another rotation");
    is_whole(&world, "rotated again");
    assert_eq!(store_pod(&world)["metadata"]["uid"], before.1["metadata"]["uid"]);
}

#[test]
fn given_a_store_that_starts_again_in_the_middle_when_its_password_is_rotated_then_it_knows_what_its_clients_use() {
    for at in ["password-next", "password-previous"] {
        let world = World::healthy_and_slow();
        world.set_up();
        let ran = std::thread::scope(|scope| {
            let running = scope.spawn(|| rotate(&world, &PASSWORD));
            wait_until(|| keys(&world).iter().any(|key| key == at));
            restart_store(&world);
            running.join().unwrap()
        });
        assert_eq!(ran.code, Some(0), "{at}: {}", ran.stderr);
        assert!(reaches_the_app(&world, &sign_in(&world)), "{at}");
        is_whole(&world, at);
    }
}

#[test]
fn given_a_store_that_starts_again_after_a_rotation_then_people_sign_in_once_more_and_nothing_is_left_to_do() {
    let world = World::healthy();
    world.set_up();
    rotate_well(&world, &PASSWORD);
    let session = sign_in(&world);
    let before = store_pod(&world)["metadata"]["uid"].clone();
    restart_store(&world);
    wait_until(|| {
        let pod = store_pod(&world);
        pod["metadata"]["uid"].is_string() && pod["metadata"]["uid"] != before && pod["status"]["phase"] == "Running"
    });
    assert!(!reaches_the_app(&world, &session), "it keeps sessions in memory");
    wait_until(|| {
        world.wait_for(knock::client(&world).get(knock::address(&world, "/deep/page")).send()).unwrap().status() == 302
    });
    assert!(reaches_the_app(&world, &sign_in(&world)));
    is_whole(&world, "started again");
}

#[test]
fn given_a_rotation_of_the_password_that_runs_when_a_second_one_is_begun_then_it_changes_nothing() {
    let world = World::healthy_and_slow();
    world.set_up();
    let (first, second) = std::thread::scope(|scope| {
        let running = scope.spawn(|| rotate(&world, &PASSWORD));
        wait_until(|| keys(&world).len() > 1);
        let second = rotate(&world, &PASSWORD);
        (running.join().unwrap(), second)
    });
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("another rotation runs, begun by"), "{}", second.stderr);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    is_whole(&world, "one after the other");
}

#[test]
fn given_pods_that_do_not_come_up_with_the_new_password_when_rotated_then_it_is_put_back_and_nobody_noticed() {
    let world = World::of(story(
        "does not come up",
        "cluster:\n  images:\n  - image: '*oauth2-proxy*'\n    fromRevision: 2\n    trouble: {cannotBePulled: registry is gone}\n",
    ));
    world.set_up();
    let before = store_secret(&world);
    let people = Traffic::of_people(&world);
    let ran = rotate(&world, &PASSWORD);
    people.none_failed(&ran.stderr);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for told in ["registry is gone", "is put back", "taken back"] {
        assert!(ran.stderr.contains(told), "{told:?} is not in:\n{}", ran.stderr);
    }
    assert_eq!(store_secret(&world)["data"], before["data"]);
    assert_eq!(store_secret(&world)["metadata"]["annotations"], before["metadata"]["annotations"]);
    is_whole(&world, "put back");
}

/// The nth write to the store's Secret: setup makes it, and a rotation proposes, puts into use, and forgets.
fn killed_at_write_of_the_secret(nth: u8, moment: &str) -> World {
    World::of(story(
        "is killed",
        &format!(
            "faults:\n- match: {{method: PATCH, path: '*/secrets/myapp-sessions', query: '*fieldManager*', writes: true, nth: {nth}}}\n  then: {{stop: {moment}}}\n"
        ),
    ))
}

#[test]
fn given_a_rotation_of_the_password_that_was_killed_at_any_state_when_taken_back_then_the_former_one_is_in_use_alone() {
    for (nth, moment) in [(2, "after"), (3, "before"), (3, "after"), (4, "before")] {
        let world = killed_at_write_of_the_secret(nth, moment);
        world.set_up();
        let (before, session) = (store_secret(&world), sign_in(&world));
        let killed = rotate(&world, &PASSWORD);
        let at = format!("killed {moment} write {nth}");
        assert_eq!(killed.code, None, "{at}: {}", killed.stderr);
        assert!(reaches_the_app(&world, &session), "{at}");
        let planned = world.run(&["plan", "--answers", EXAMPLE]);
        let is_the_store = |line: &&str| line.contains(" Deployment ") && line.contains("myapp/myapp-sessions");
        let store = planned.stderr.lines().find(is_the_store).map(str::trim_start);
        assert!(store.is_none_or(|line| line.starts_with("keep ")), "{at}: {}", planned.stderr);
        assert!(!planned.stderr.contains("EVERYBODY IS SIGNED OUT"), "{at}: {}", planned.stderr);
        let other = rotate(&world, &["--what", "client-secret"]);
        assert_eq!(other.code, Some(64), "{at}: {}", other.stderr);
        assert!(other.stderr.contains("gatewright rotate --what redis-password --undo"), "{at}: {}", other.stderr);
        let undone = rotate_well(&world, &["--undo"]);
        assert!(undone.stderr.contains("Taken back"), "{at}: {}", undone.stderr);
        assert_eq!(store_secret(&world)["data"], before["data"], "{at}");
        assert!(reaches_the_app(&world, &session), "{at}: the session is still there");
        is_whole(&world, &at);
    }
}

/// The store as it was made by a version that told it one password.
fn as_an_earlier_version_made_it(world: &World) {
    let mut store = world.ground.cluster().get("apps", "Deployment", Some("myapp"), "myapp-sessions").unwrap();
    store.as_object_mut().unwrap().remove("status");
    for field in ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"] {
        store["metadata"].as_object_mut().unwrap().remove(field);
    }
    let container = &mut store["spec"]["template"]["spec"]["containers"][0];
    container["env"].as_array_mut().unwrap().truncate(1);
    container["command"][2] =
        json!("exec valkey-server - <<CONFIGURATION\nrequirepass $REDIS_PASSWORD\nCONFIGURATION\n");
    let kubeconfig = world.ground.kubeconfig();
    world.wait_for(async {
        let cluster = gatewright::cluster::connect(Some(&kubeconfig), None).await.unwrap();
        cluster.apply(&store, gatewright::cluster::Write::ForReal).await.unwrap();
    });
    wait_until(|| store_pod(world)["spec"]["containers"][0]["env"].as_array().is_some_and(|env| env.len() == 1));
}

#[test]
fn given_a_store_of_an_earlier_version_when_rotated_then_setup_is_asked_for_which_says_that_everybody_is_signed_out() {
    let world = World::healthy();
    world.set_up();
    as_an_earlier_version_made_it(&world);
    let before = world.ground.journal().requests();
    let ran = rotate(&world, &PASSWORD);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("set up by an earlier version") && ran.stderr.contains("gatewright setup"),
        "{}",
        ran.stderr
    );
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
    let planned = world.run(&["plan", "--answers", EXAMPLE]);
    assert_eq!(planned.code, Some(2), "{}", planned.stderr);
    assert!(planned.stderr.contains("EVERYBODY IS SIGNED OUT"), "{}", planned.stderr);
    world.set_up();
    let session = sign_in(&world);
    rotate_well(&world, &PASSWORD);
    assert!(reaches_the_app(&world, &session));
    is_whole(&world, "brought up to date");
}

#[test]
fn given_a_redis_of_somebody_elses_when_its_password_is_to_be_rotated_then_its_owner_is_told_what_to_do() {
    let world = already_there();
    let redis = "{address: \"redis.cache.svc:6379\", passwordFrom: {secret: redis-auth}}";
    let ran = set_up(&world, &example_with_redis(redis));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let before = world.ground.journal().requests();
    let ran = rotate(&world, &PASSWORD);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    for told in ["redis.cache.svc:6379", "is not ours", "ACL SETUSER", "redis-auth", "gatewright setup"] {
        assert!(ran.stderr.contains(told), "{told:?} is not in:\n{}", ran.stderr);
    }
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
}

#[test]
fn given_rights_that_are_missing_when_rotated_then_each_is_named_and_nothing_is_changed() {
    let healthy = Scenario::healthy().unwrap();
    for (verb, group, resource, what) in [
        ("create", "", "pods/portforward", "redis-password"),
        ("get", "", "pods/portforward", "redis-password"),
        ("patch", "", "secrets", "redis-password"),
        ("patch", "", "secrets", "client-secret"),
        ("patch", "apps", "deployments", "cookie-secret"),
        ("patch", "", "configmaps", "client-secret"),
    ] {
        let world = World::of(healthy.clone());
        world.set_up();
        let rule = json!({"verb": verb, "group": group, "resource": resource, "namespace": "myapp"});
        world.ground.cluster().deny(vec![serde_json::from_value(rule).unwrap()]);
        let before = world.ground.journal().requests();
        let ran = rotate(&world, &["--what", what]);
        assert_eq!(ran.code, Some(77), "{verb} {resource}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("kubectl auth can-i {verb} {resource}")), "{resource}: {}", ran.stderr);
        assert!(world.writes_since(before).is_empty(), "{resource}: {:#?}", world.writes_since(before));
    }
}
