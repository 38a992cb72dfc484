//! A Redis that is there already keeps the sessions: in the cluster or outside of it, and nobody is shown its password.

use crate::{
    door::a_person_signs_in,
    existing::{already_there, example_with_secret, set_up, set_up_twice, text, wait_until, while_the_door_is_watched},
    world::{EXAMPLE, World},
};
use gatewright::practice::Scenario;
use serde_json::{Value, json};

/// Where the scenario `already-there` has them.
const INSIDE: &str = "{address: \"redis.cache.svc:6379\", passwordFrom: {secret: redis-auth}}";
const OUTSIDE: &str =
    "{address: \"rediss://myapp.redis.cache.windows.net:6380\", passwordFrom: {secret: redis-auth, key: azure}}";

/// The example, or other answers, with a Redis in place of the store.
pub(crate) fn with_redis(answers: &str, redis: &str) -> String {
    let (before, rest) = answers.split_once("\nsessions:\n").unwrap();
    let (_, after) = rest.split_once("\nproxy:\n").unwrap();
    format!("{before}\nsessions:\n  redis: {redis}\n\nproxy:\n{after}")
}

pub(crate) fn example_with_redis(redis: &str) -> String {
    with_redis(&std::fs::read_to_string(EXAMPLE).unwrap(), redis)
}

/// Whatever of ours is called after the store, as `Kind`.
fn of_the_store(world: &World) -> Vec<String> {
    let kinds = [
        ("", "Secret"),
        ("", "Service"),
        ("", "ServiceAccount"),
        ("apps", "Deployment"),
        ("networking.istio.io", "ServiceEntry"),
        ("security.istio.io", "AuthorizationPolicy"),
        ("security.istio.io", "PeerAuthentication"),
    ];
    let is_there = |(group, kind): &(&str, &str)| {
        world.ground.cluster().get(group, kind, Some("myapp"), "myapp-sessions").is_some()
    };
    kinds.iter().filter(|kind| is_there(kind)).map(|(_, kind)| (*kind).to_owned()).collect()
}

fn put_secret(world: &World, (namespace, name): (&str, &str), values: &Value) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "stringData": values,
                        "metadata": {"name": name, "namespace": namespace}});
    let cluster = world.ground.cluster();
    let _there_before = cluster.delete("", "Secret", Some(namespace), name);
    cluster.create_or_replace("a-person", secret).unwrap();
}

#[test]
fn given_a_redis_in_the_cluster_when_set_up_then_people_sign_in_and_no_store_is_made() {
    let world = already_there();
    while_the_door_is_watched(&world, || set_up_twice(&world, &example_with_redis(INSIDE)));
    assert_eq!(of_the_store(&world), Vec::<String>::new());
    a_person_signs_in(&world);
    let status = world.run(&["status"]);
    let line = status.stdout.lines().nth(1).unwrap_or_else(|| panic!("{}", status.stderr));
    assert!(line.contains("redis.cache.svc:6379") && !line.contains('?'), "{line}");
}

#[test]
fn given_a_redis_outside_and_a_mesh_that_lets_nothing_out_when_set_up_then_it_is_registered_and_people_sign_in() {
    let mut scenario = Scenario::named("already-there").unwrap();
    scenario.cluster.outbound = serde_json::from_value(json!("registryOnly")).unwrap();
    let world = World::of(scenario);
    while_the_door_is_watched(&world, || set_up_twice(&world, &example_with_redis(OUTSIDE)));
    assert_eq!(of_the_store(&world), ["ServiceEntry"]);
    a_person_signs_in(&world);

    // Without that entry a new pod would not reach it.
    world.ground.cluster().delete("networking.istio.io", "ServiceEntry", Some("myapp"), "myapp-sessions").unwrap();
    for pod in pods_of_proxy(&world) {
        world.ground.cluster().delete("", "Pod", Some("myapp"), &pod).unwrap();
    }
    wait_until(|| {
        let pods = world.ground.cluster().list("", "Pod", Some("myapp"));
        pods.iter().any(|pod| serde_json::to_string(&pod["status"]).unwrap().contains("CrashLoopBackOff"))
    });
    // The entry is made anew at once, and the pod that crashed is started again in its own time.
    let _too_early_or_not = set_up(&world, &example_with_redis(OUTSIDE));
    wait_until(|| {
        let proxy = world.ground.cluster().get("apps", "Deployment", Some("myapp"), "myapp-oauth2-proxy").unwrap();
        proxy["status"]["readyReplicas"] == 1
    });
    set_up_twice(&world, &example_with_redis(OUTSIDE));
    a_person_signs_in(&world);
}

fn pods_of_proxy(world: &World) -> Vec<String> {
    let pods = world.ground.cluster().list("", "Pod", Some("myapp"));
    let names = pods.iter().map(|pod| text(pod, "/metadata/name").to_owned());
    names.filter(|name| name.starts_with("myapp-oauth2-proxy")).collect()
}

#[test]
fn given_a_store_of_ours_when_the_answers_name_a_redis_and_none_again_then_nothing_is_left_and_the_door_stays_shut() {
    let world = already_there();
    world.set_up();
    assert_eq!(of_the_store(&world).len(), 6, "{:?}", of_the_store(&world));
    let cluster = world.ground.cluster();
    let theirs = || cluster.get("", "Secret", Some("myapp"), "redis-auth");
    let before = theirs();
    while_the_door_is_watched(&world, || set_up_twice(&world, &example_with_redis(INSIDE)));
    assert_eq!(of_the_store(&world), Vec::<String>::new());
    wait_until(|| {
        let pods = cluster.list("", "Pod", Some("myapp"));
        pods.iter().all(|pod| !text(pod, "/metadata/name").starts_with("myapp-sessions"))
    });
    a_person_signs_in(&world);

    while_the_door_is_watched(&world, || set_up_twice(&world, &std::fs::read_to_string(EXAMPLE).unwrap()));
    assert_eq!(of_the_store(&world).len(), 6, "{:?}", of_the_store(&world));
    assert_eq!(theirs(), before, "somebody else's Secret is left as it was");
    a_person_signs_in(&world);
}

#[test]
fn given_the_password_changes_when_set_up_again_then_the_pods_that_read_it_are_replaced_and_nothing_else() {
    let world = already_there();
    let answers = example_with_redis(INSIDE);
    set_up_twice(&world, &answers);
    let before = pods_of_proxy(&world);
    for namespace in ["cache", "myapp"] {
        put_secret(&world, (namespace, "redis-auth"), &json!({"password": "another-password", "azure": "x"}));
    }
    for pod in world.ground.cluster().list("", "Pod", Some("cache")) {
        world.ground.cluster().delete("", "Pod", Some("cache"), text(&pod, "/metadata/name")).unwrap();
    }
    let first = world.ground.journal().requests();
    let ran = set_up(&world, &answers);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let writes = world.writes_since(first);
    // And what was done is written down.
    let (noted, written): (Vec<_>, Vec<_>) =
        writes.iter().partition(|entry| entry.path.ends_with("/configmaps/gatewright-myapp"));
    assert_eq!(noted.len(), 1, "{writes:#?}");
    assert!(!written.is_empty() && written.iter().all(|entry| entry.path.contains("/deployments/")), "{writes:#?}");
    wait_until(|| pods_of_proxy(&world).iter().all(|pod| !before.contains(pod)));
    a_person_signs_in(&world);

    // Another value under another key is nobody's concern.
    put_secret(&world, ("myapp", "redis-auth"), &json!({"password": "another-password", "azure": "y"}));
    let planned = world.run(&["plan", "myapp"]);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
}

#[test]
fn given_a_redis_that_cannot_be_right_when_set_up_then_64_what_would_be_right_and_nothing_is_written() {
    let world = already_there();
    put_secret(&world, ("myapp", "with-line-break"), &json!({"password": "canary\n"}));
    for (redis, told) in [
        (
            "{address: \"redis.nowhere.svc:6379\", passwordFrom: {secret: redis-auth}}",
            "no Service `redis` in namespace `nowhere`",
        ),
        ("{address: \"redis.cache.svc:6380\", passwordFrom: {secret: redis-auth}}", "does not offer port 6380"),
        (
            "{address: \"redis.cache.svc:6379\", passwordFrom: {secret: nothing}}",
            "kubectl create secret generic nothing --namespace myapp",
        ),
        (
            "{address: \"redis.cache.svc:6379\", passwordFrom: {secret: redis-auth, key: pass}}",
            "it has `azure`, `password`",
        ),
        ("{address: \"redis.cache.svc:6379\", passwordFrom: {secret: with-line-break}}", "ends with a line break"),
    ] {
        let before = world.ground.journal().requests();
        let ran = set_up(&world, &example_with_redis(redis));
        assert_eq!(ran.code, Some(64), "{told}: {}", ran.stderr);
        assert!(ran.stderr.contains(told) && !ran.stderr.contains("canary"), "{told}: {}", ran.stderr);
        assert!(world.writes_since(before).is_empty(), "{told}");
    }
}

#[test]
fn given_a_redis_that_does_not_let_the_proxy_in_when_set_up_then_1_its_reason_and_no_route_is_made() {
    let world = already_there();
    put_secret(&world, ("myapp", "redis-auth"), &json!({"password": "not-the-password"}));
    let ran = set_up(&world, &example_with_redis(INSIDE));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("WRONGPASS") && !ran.stderr.contains("not-the-password"), "{}", ran.stderr);
    assert!(world.ground.cluster().list("networking.istio.io", "VirtualService", Some("myapp")).is_empty());
    assert!(!world.door_is_open());
}

/// Law 5, for what is somebody else's: every byte that the program leaves is searched for it.
#[test]
fn given_what_is_there_when_every_byte_that_a_run_leaves_is_searched_then_no_secret_of_others_is_found() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let world = already_there();
    let answers = with_redis(&example_with_secret("cluster-tls"), INSIDE);
    let file = world.write("answers.yaml", &answers);
    let file = file.to_str().unwrap();
    let mut left = String::new();
    for arguments in [
        &["plan", "--answers", file, "-vv", "--log-file", "log"][..],
        &["setup", "--answers", file, "--yes", "--ui", "json", "-vv", "--log-file", "log"],
        &["export", "objects", "--answers", file, "-vv", "--log-file", "log"],
        &["status", "-vv", "--log-file", "log"],
    ] {
        let mut command = world.command(arguments);
        command.env("RUST_LOG", "trace");
        let ran = world.run_command(command);
        assert!(matches!(ran.code, Some(0 | 2)), "{arguments:?}: {}", ran.stderr);
        left.push_str(&ran.stdout);
        left.push_str(&ran.stderr);
    }
    left.push_str(&std::fs::read_to_string(world.folder().join("log")).unwrap());
    for entry in std::fs::read_dir(world.folder().join("objects")).unwrap() {
        left.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    assert!(left.contains("redis-auth") && left.contains("cluster-tls"), "something was left to search");
    let cluster = world.ground.cluster();
    let password = cluster.get("", "Secret", Some("myapp"), "redis-auth").unwrap();
    let certificate = cluster.get("", "Secret", Some("istio-system"), "cluster-tls").unwrap();
    for secret in [&password["data"]["password"], &certificate["data"]["tls.key"]] {
        let encoded = secret.as_str().unwrap();
        let value = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        let longest = value.lines().max_by_key(|line| line.len()).unwrap();
        assert!(!left.contains(encoded) && !left.contains(longest), "a secret of others was left behind");
    }
}
