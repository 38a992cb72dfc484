//! Setup from nothing, and again.

use crate::world::{EXAMPLE, HOST, World};
use serde_json::{Value, json};

#[test]
fn given_nothing_when_the_example_is_set_up_then_sign_in_works_and_a_second_run_writes_nothing() {
    let world = World::healthy();

    let planned = world.run(&["plan", "--answers", EXAMPLE]);
    assert_eq!(planned.code, Some(2), "{}", planned.stderr);
    assert!(planned.stderr.contains("create    Namespace"), "{}", planned.stderr);
    assert!(world.writes_since(0).is_empty(), "a plan writes nothing: {:#?}", world.writes_since(0));

    let first = world.set_up();
    assert!(first.stderr.contains(&format!("Try it: https://{HOST}/")), "{}", first.stderr);
    let good = first.stderr.lines().find(|line| line.starts_with("Good until: client secret "));
    assert!(good.is_some_and(|line| line.contains(" d), certificate ")), "{}", first.stderr);
    assert!(!world.door_is_open());

    let before = world.ground.journal().requests();
    let second = world.set_up();
    assert!(second.stderr.contains("Nothing changed"), "{}", second.stderr);
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));

    let planned = world.run(&["plan", "--answers", EXAMPLE]);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
}

#[test]
fn given_an_installation_when_planned_without_a_file_then_its_recorded_answers_are_used() {
    let world = World::healthy();
    world.set_up();
    let planned = world.run(&["plan", "myapp"]);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    assert_eq!(world.run(&["plan", "myapp/myapp"]).code, Some(0));
    let unknown = world.run(&["plan", "another"]);
    assert_eq!(unknown.code, Some(64), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("myapp"), "{}", unknown.stderr);
}

#[test]
fn given_an_installation_when_status_is_asked_then_it_is_one_line() {
    let world = World::healthy();
    let nothing = world.run(&["status"]);
    assert_eq!(nothing.code, Some(0), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("Nothing is installed"), "{}", nothing.stderr);
    world.set_up();
    let status = world.run(&["status"]);
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    let line = status.stdout.lines().nth(1).unwrap();
    for expected in ["myapp", HOST, "ready"] {
        assert!(line.contains(expected), "{line}");
    }
    assert!(!line.contains('?'), "{line}");
}

#[test]
fn given_json_is_asked_for_then_every_line_is_a_versioned_event_and_the_last_one_ends_it() {
    let world = World::healthy();
    let ran = world.run(&["setup", "--answers", EXAMPLE, "--yes", "--ui", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["version"], 1, "{event}");
        assert_eq!(event["sequence"], index + 1, "{event}");
        assert!(event["event"].is_string(), "{event}");
    }
    let last = events.last().unwrap();
    assert_eq!((last["event"].as_str(), last["outcome"].as_str()), (Some("finished"), Some("done")), "{last}");
}

#[test]
fn given_nobody_can_confirm_when_setup_is_run_without_yes_then_nothing_is_changed() {
    let world = World::healthy();
    let ran = world.run(&["setup", "--answers", EXAMPLE]);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    assert!(world.writes_since(0).is_empty());
}

#[test]
fn given_an_object_is_deleted_behind_our_back_when_setup_is_run_then_it_is_planned_and_made_again() {
    let world = World::healthy();
    world.set_up();
    let cluster = world.ground.cluster();
    let routes = cluster.list("networking.istio.io", "VirtualService", Some("myapp"));
    let name = routes[0]["metadata"]["name"].as_str().unwrap().to_owned();
    cluster.delete("networking.istio.io", "VirtualService", Some("myapp"), &name).unwrap();
    let planned = world.run(&["plan", "--answers", EXAMPLE]);
    assert_eq!(planned.code, Some(2), "{}", planned.stderr);
    assert!(planned.stderr.contains("1 create"), "{}", planned.stderr);
    world.set_up();
    assert_eq!(world.run(&["plan", "--answers", EXAMPLE]).code, Some(0));
}

#[test]
fn given_a_changed_answer_when_setup_is_run_then_only_what_depends_on_it_changes() {
    let world = World::healthy();
    world.set_up();
    let text = std::fs::read_to_string(EXAMPLE).unwrap();
    let changed = world.write("changed.yaml", &text.replace("- example.com", "- contoso.example"));
    let before = world.ground.journal().requests();
    let ran = world.run(&["setup", "--answers", changed.to_str().unwrap(), "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let writes = world.writes_since(before);
    assert!(
        !writes.is_empty()
            && writes
                .iter()
                .all(|entry| entry.path.contains("authorizationpolicies") || entry.path.contains("configmaps")),
        "{writes:#?}"
    );
}

#[test]
fn given_an_object_that_is_being_deleted_when_setup_is_run_then_it_waits_for_the_end_and_makes_it_again() {
    let world = World::healthy();
    world.set_up();
    let (group, kind, cluster) = ("networking.istio.io", "VirtualService", world.ground.cluster().clone());
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    let doomed = cluster.patch("somebody", (group, kind), Some("myapp"), "myapp", &hold).unwrap();
    cluster.delete(group, kind, Some("myapp"), "myapp").unwrap();
    assert!(cluster.get(group, kind, Some("myapp"), "myapp").is_some(), "the finalizer holds it back");

    let (journal, before) = (world.ground.journal().clone(), world.ground.journal().requests());
    let letting_go = {
        let cluster = cluster.clone();
        world.spawn(async move {
            let asked_to_delete = || journal.since(before).iter().any(|entry| entry.method == "DELETE");
            while !asked_to_delete() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            let let_go = json!({"metadata": {"finalizers": null}});
            cluster.patch("somebody", (group, kind), Some("myapp"), "myapp", &let_go).unwrap();
        })
    };
    world.set_up();
    world.wait_for(letting_go).unwrap();
    let made = cluster.get(group, kind, Some("myapp"), "myapp").expect("it is there again");
    assert_ne!(made["metadata"]["uid"], doomed["metadata"]["uid"]);
    assert!(made["metadata"]["deletionTimestamp"].is_null(), "{made:#}");
    assert_eq!(world.run(&["plan", "--answers", EXAMPLE]).code, Some(0));
}
