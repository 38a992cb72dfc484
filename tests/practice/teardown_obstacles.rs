//! Taking an installation away where something stands in the way: what cannot go is named, and what must not come before it waits.

use crate::{
    existing::text,
    teardown::{Dump, must_tell, take_away, take_away_twice},
    world::World,
};
use gatewright::practice::Scenario;
use serde_json::json;

#[test]
fn given_routes_that_may_not_be_deleted_when_taken_away_then_77_and_nothing_is_changed() {
    for (verb, group, resource, namespace) in [
        ("delete", "networking.istio.io", "virtualservices", "myapp"),
        ("create", "", "pods/portforward", "istio-system"),
    ] {
        let world = World::healthy();
        world.set_up();
        let denied = json!([{"verb": verb, "group": group, "resource": resource, "namespace": namespace}]);
        world.ground.cluster().deny(serde_json::from_value(denied).unwrap());
        let requests = world.ground.journal().requests();
        let ran = take_away(&world, &["myapp"]);
        assert_eq!(ran.code, Some(77), "{resource}: {}", ran.stderr);
        must_tell(&ran, &[resource, namespace, "Nothing has been changed"]);
        assert!(world.writes_since(requests).is_empty(), "{resource}");
    }
}

#[test]
fn given_other_rights_are_missing_when_taken_away_then_they_are_handed_over_the_rest_goes_and_a_later_run_ends_it() {
    let mut scenario = Scenario::healthy().unwrap();
    scenario.faults = serde_json::from_value(json!([
        {"match": {"server": "graph", "method": "DELETE", "nth": 1}, "then": {"fail": {"status": 403}}}
    ]))
    .unwrap();
    let world = World::of(scenario);
    let before = Dump::of(&world);
    world.set_up();
    let denied = json!([
        {"verb": "delete", "group": "cert-manager.io", "resource": "certificates", "namespace": "istio-system"},
        {"verb": "update", "group": "", "resource": "configmaps", "namespace": "istio-system"},
    ]);
    world.ground.cluster().deny(serde_json::from_value(denied).unwrap());
    let ran = take_away(&world, &["myapp"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    must_tell(
        &ran,
        &[
            "kubectl delete certificates.cert-manager.io gatewright-myapp-myapp --namespace istio-system",
            "kubectl edit configmap istio --namespace istio-system",
            "az rest --method delete",
            "but for what somebody else must do",
        ],
    );
    let cluster = world.ground.cluster();
    assert!(cluster.list("apps", "Deployment", Some("myapp")).is_empty(), "the rest goes");
    let records = cluster.list("", "ConfigMap", Some("myapp"));
    assert!(records.iter().any(|record| text(record, "/metadata/name") == "gatewright-myapp"), "the record stays");
    assert!(!world.door_is_open());

    cluster.deny(Vec::new());
    take_away_twice(&world, &["myapp"]);
    Dump::of(&world).is_as(&before, "with the rights");
}

#[test]
fn given_an_object_that_cannot_be_deleted_when_taken_away_then_it_is_named_the_rest_goes_and_the_next_run_ends_it() {
    let mut scenario = Scenario::healthy().unwrap();
    scenario.faults = serde_json::from_value(json!([
        {"match": {"server": "kubernetes", "method": "DELETE", "path": "*/services/myapp-sessions"},
         "then": {"fail": {"status": 500}}}
    ]))
    .unwrap();
    let world = World::of(scenario);
    let before = Dump::of(&world);
    world.set_up();
    let ran = take_away(&world, &["myapp"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    must_tell(&ran, &["delete Service myapp/myapp-sessions", "What is named above is left"]);
    let left = world.ground.cluster().list("", "Service", Some("myapp"));
    assert_eq!(left.len(), 1, "{left:#?}");
    assert!(world.applications().iter().all(|application| application["uniqueName"].is_null()), "the rest goes on");
    take_away_twice(&world, &["myapp"]);
    Dump::of(&world).is_as(&before, "the second time");
}

#[test]
fn given_a_certificate_or_pods_that_cannot_be_deleted_when_taken_away_then_what_they_need_stays_beside_them() {
    for (path, kind, beside, namespace) in [
        ("*/certificates/*", "Certificate", ("", "Secret", "gatewright-myapp-myapp"), "istio-system"),
        (
            "*/deployments/myapp-oauth2-proxy",
            "Deployment",
            ("security.istio.io", "AuthorizationPolicy", "myapp-oauth2-proxy"),
            "myapp",
        ),
    ] {
        let mut scenario = Scenario::healthy().unwrap();
        scenario.faults = serde_json::from_value(json!([
            {"match": {"server": "kubernetes", "method": "DELETE", "path": path, "every": 1},
             "then": {"fail": {"status": 500}}}
        ]))
        .unwrap();
        let world = World::of(scenario);
        world.set_up();
        let uid = || {
            let (group, kind, name) = beside;
            world
                .ground
                .cluster()
                .get(group, kind, Some(namespace), name)
                .map(|object| object["metadata"]["uid"].clone())
        };
        let before = uid();
        assert!(before.is_some(), "{beside:?}");
        let ran = take_away(&world, &["myapp"]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        must_tell(&ran, &[&format!("delete {kind} "), "What is named above is left"]);
        assert_eq!(uid(), before, "{beside:?} stays as it is");
        assert!(!world.door_is_open());
    }
}

#[test]
fn given_an_object_is_held_back_when_taken_away_then_it_waits_and_says_for_what() {
    let world = World::healthy();
    world.set_up();
    let (group, kind, cluster) = ("networking.istio.io", "VirtualService", world.ground.cluster().clone());
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    cluster.patch("somebody", (group, kind), Some("myapp"), "myapp", &hold).unwrap();
    let (journal, before) = (world.ground.journal().clone(), world.ground.journal().requests());
    let letting_go = world.spawn(async move {
        let is_waited_for = || {
            let since = journal.since(before);
            let deleted = since.iter().position(|entry| entry.method == "DELETE");
            deleted.is_some_and(|at| {
                since
                    .iter()
                    .skip(at)
                    .any(|entry| entry.path.ends_with("/virtualservices/myapp") && entry.method == "GET")
            })
        };
        while !is_waited_for() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let let_go = json!({"metadata": {"finalizers": null}});
        cluster.patch("somebody", (group, kind), Some("myapp"), "myapp", &let_go).unwrap();
    });
    let ran = take_away(&world, &["myapp"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    must_tell(&ran, &["it is being deleted, after", "example.com/hold"]);
    world.wait_for(letting_go).unwrap();
}
