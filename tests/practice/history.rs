//! What was done is written down in the cluster, by runs that changed something, and told again to whoever comes next.

use crate::{
    knock::own_credentials,
    teardown::take_away,
    world::{EXAMPLE, World},
};
use gatewright::practice::Scenario;
use serde_json::{Value, json};

/// What `status --history` tells, as events.
fn history(world: &World, arguments: &[&str]) -> Vec<Value> {
    let ran = world.run(&[&["status", "--history", "--ui", "json"], arguments].concat());
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn record(world: &World) -> Value {
    world.ground.cluster().get("", "ConfigMap", Some("myapp"), "gatewright-myapp").unwrap()
}

#[test]
fn given_setups_then_each_that_changed_something_is_told_with_who_did_it_and_one_that_changed_nothing_is_not() {
    let world = World::healthy();
    let before = world.run(&["status", "--history"]);
    assert_eq!(before.code, Some(0), "{}", before.stderr);
    assert!(before.stderr.contains("Nothing is installed"), "{}", before.stderr);

    let first = world.set_up();
    assert!(first.stderr.contains("History"), "it is in the plan and told:\n{}", first.stderr);
    let told = history(&world, &[]);
    assert_eq!(told.len(), 1, "{told:#?}");
    let one = &told[0];
    assert_eq!((&one["event"], &one["did"], &one["outcome"]), (&json!("history"), &json!("setup"), &json!("done")));
    assert_eq!((&one["application"], &one["namespace"]), (&json!("myapp"), &json!("myapp")));
    let caller = world.ground.caller();
    assert_eq!(one["entra"], format!("application {}", caller.client_id), "{one:#}");
    assert!(one["kubernetes"].as_str().is_some_and(|name| !name.is_empty()), "{one:#}");
    assert_eq!(
        (&one["objects"]["created"]["Deployment"], &one["objects"]["updated"]),
        (&json!(3), &json!({"Mesh provider": 1})),
        "{one:#}"
    );
    assert_eq!(one["gatewright"], env!("CARGO_PKG_VERSION"));
    assert!(one["at"].as_str().unwrap().ends_with('Z'), "{one:#}");

    let requests = world.ground.journal().requests();
    world.set_up();
    assert!(world.writes_since(requests).is_empty(), "{:#?}", world.writes_since(requests));
    assert_eq!(history(&world, &["myapp"]).len(), 1);

    let changed = std::fs::read_to_string(EXAMPLE).unwrap().replace("displayName: myapp", "displayName: another");
    let changed = world.write("changed.yaml", &changed);
    let ran = world.run(&["setup", "--answers", changed.to_str().unwrap(), "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told = history(&world, &["myapp/myapp"]);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0]["objects"]["updated"].is_object(), "the newest is first: {told:#?}");
    let answers = record(&world)["data"]["answers.yaml"].as_str().unwrap().to_owned();
    assert!(answers.contains("another"), "the answers are as before beside it:\n{answers}");

    let table = world.run(&["status", "--history", "myapp"]);
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert!(lines[0].starts_with("WHEN") && lines[1].contains("myapp/myapp"), "{}", table.stdout);
    assert!(table.stdout.contains("    created: ") && table.stdout.contains("3 Deployment"), "{}", table.stdout);
    let status = world.run(&["status", "--ui", "json"]);
    let status: Value = serde_json::from_str(status.stdout.trim()).unwrap();
    assert_eq!(status["lastRun"]["at"], told[0]["at"], "{status:#}");
    assert_eq!((&status["health"], &status["findings"]), (&json!("ok"), &json!([])), "{status:#}");
}

#[test]
fn given_a_rotation_then_it_is_told_with_what_was_rotated_and_the_world_is_still_well() {
    let world = World::healthy();
    world.set_up();
    let ran = world.run(&["rotate", "myapp", "--what", "client-secret", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let told = history(&world, &[]);
    assert_eq!(
        (told.len(), &told[0]["did"], &told[0]["what"]),
        (2, &json!("rotate"), &json!("client-secret")),
        "{told:#?}"
    );
    assert_eq!(told[0]["outcome"], "done", "{told:#?}");
    let requests = world.ground.journal().requests();
    world.set_up();
    assert!(world.writes_since(requests).is_empty(), "{:#?}", world.writes_since(requests));
}

#[test]
fn given_a_setup_that_fails_then_what_is_half_done_is_written_down_and_where_it_failed() {
    let world = World::named("store-will-not-start");
    let ran = world.run(&["setup", "--answers", EXAMPLE, "--yes"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let told = history(&world, &[]);
    assert_eq!((told.len(), &told[0]["outcome"]), (1, &json!("failed")), "{told:#?}");
    assert!(told[0]["failedAt"].as_str().unwrap().contains("Deployment myapp/myapp-sessions"), "{told:#?}");
    assert!(told[0]["objects"]["created"]["ConfigMap"].is_u64(), "{told:#?}");
}

#[test]
fn given_a_setup_that_is_stopped_then_that_is_written_down() {
    let world = World::healthy_and_slow();
    let mut child = world.command(&["setup", "--answers", EXAMPLE, "--yes"]).spawn().unwrap();
    crate::existing::wait_until(|| {
        world.ground.cluster().get("", "ConfigMap", Some("myapp"), "gatewright-myapp").is_some()
    });
    let process = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let told = history(&world, &[]);
    assert_eq!((told.len(), &told[0]["outcome"]), (1, &json!("interrupted")), "{told:#?}");
}

#[test]
fn given_the_record_changes_while_it_is_written_down_then_it_is_looked_at_again_and_nothing_is_lost() {
    let mut scenario = Scenario::healthy().unwrap();
    scenario.faults = serde_json::from_value(json!([
        {"match": {"server": "kubernetes", "method": "PATCH", "path": "*/configmaps/gatewright-myapp*", "nth": 2},
         "then": {"fail": {"status": 409}}}
    ]))
    .unwrap();
    let world = World::of(scenario);
    world.set_up();
    let of_the_record =
        world.writes_since(0).into_iter().filter(|write| write.path.contains("/configmaps/gatewright-myapp"));
    assert_eq!(of_the_record.count(), 3, "the answers, the one that came too late, and the one that did not");
    assert_eq!(history(&world, &[]).len(), 1);
}

#[test]
fn given_a_teardown_that_leaves_something_then_it_is_written_down_and_goes_with_the_rest() {
    let world = World::healthy();
    world.set_up();
    let denied = json!([{"verb": "delete", "group": "cert-manager.io", "resource": "certificates", "namespace": "istio-system"}]);
    world.ground.cluster().deny(serde_json::from_value(denied).unwrap());
    assert_eq!(take_away(&world, &["myapp"]).code, Some(3));
    let told = history(&world, &[]);
    assert_eq!((&told[0]["did"], &told[0]["outcome"]), (&json!("teardown"), &json!("handedOver")), "{told:#?}");
    assert_eq!(told[0]["objects"]["deleted"]["Deployment"], 3, "{told:#?}");
    assert_eq!(told[0]["objects"]["handed over"]["Certificate"], 1, "{told:#?}");
    world.ground.cluster().deny(Vec::new());
    assert_eq!(take_away(&world, &["myapp"]).code, Some(0));
    assert!(history(&world, &[]).is_empty());
}

#[test]
fn given_somebody_edits_the_history_then_what_they_wrote_is_set_aside_and_said_and_the_run_goes_on() {
    let world = World::healthy();
    world.set_up();
    let edit = |text: &str| {
        let change = json!({"data": {"history.yaml": text}});
        world
            .ground
            .cluster()
            .patch("kubectl-edit", ("", "ConfigMap"), Some("myapp"), "gatewright-myapp", &change)
            .unwrap();
    };
    let mend_a_route = || {
        world.ground.cluster().delete("networking.istio.io", "VirtualService", Some("myapp"), "myapp").unwrap();
        world.run(&["setup", "--answers", EXAMPLE, "--yes"])
    };
    edit("not: [a list");
    let ran = world.run(&["status", "--history"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("myapp/myapp") && ran.stderr.contains("history.yaml"), "{}", ran.stderr);
    let requests = world.ground.journal().requests();
    world.set_up();
    assert!(world.writes_since(requests).is_empty(), "a spoilt history is no reason to write");

    let ran = mend_a_route();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for said in [
        "The history is not as it was written (it can't be read): what stands there is set aside under history-set-aside.yaml.",
        "what stood in history.yaml (it can't be read) is kept under history-set-aside.yaml",
    ] {
        assert!(ran.stderr.contains(said), "{said:?} is not in:\n{}", ran.stderr);
    }
    assert_eq!(record(&world)["data"]["history-set-aside.yaml"], "not: [a list");
    let told = history(&world, &[]);
    assert_eq!(told.len(), 1, "it is begun anew: {told:#?}");

    // One that can be read goes on, whoever wrote it; what they wrote beside the entries is kept too.
    let mine = format!("# mine\n{}", record(&world)["data"]["history.yaml"].as_str().unwrap());
    edit(&mine);
    let ran = mend_a_route();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("(written by kubectl-edit)"), "{}", ran.stderr);
    let aside = record(&world)["data"]["history-set-aside.yaml"].as_str().unwrap().to_owned();
    assert_eq!(aside, format!("{}\n---\nnot: [a list", mine.trim_end()));
    assert_eq!(history(&world, &[]).len(), 2);

    // From then on it is ours again, and what was set aside stays.
    let ran = mend_a_route();
    assert!(ran.code == Some(0) && !ran.stderr.contains("set aside"), "{}", ran.stderr);
    assert_eq!(record(&world)["data"]["history-set-aside.yaml"], aside);
    assert_eq!(history(&world, &[]).len(), 3);
    let requests = world.ground.journal().requests();
    world.set_up();
    assert!(world.writes_since(requests).is_empty(), "{:#?}", world.writes_since(requests));
}

#[test]
fn given_a_run_that_was_killed_then_the_next_one_says_when_it_wrote_last_and_the_one_after_says_nothing() {
    let killed = "{server: kubernetes, method: PATCH, path: '*/deployments/myapp-oauth2-proxy*', nth: 1}";
    let world = World::of(crate::killed::killed_after(killed));
    assert_eq!(world.run(&["setup", "--answers", EXAMPLE, "--yes"]).code, None, "the story is told");
    let next = world.set_up();
    assert!(next.stderr.contains("did not say how it ended"), "{}", next.stderr);
    world.ground.cluster().delete("networking.istio.io", "VirtualService", Some("myapp"), "myapp").unwrap();
    let after = world.set_up();
    assert!(!after.stderr.contains("did not say how it ended"), "{}", after.stderr);
    assert_eq!(history(&world, &[]).len(), 2);
}

#[test]
fn given_a_run_that_only_hands_something_over_then_it_is_written_down_unless_that_was_told_already() {
    let world = World::named("consent-refused");
    let set_up = || world.run(&["setup", "--answers", EXAMPLE, "--yes"]);
    assert_eq!(set_up().code, Some(3));
    assert_eq!(history(&world, &[]).len(), 1);
    let client_id = own_credentials(&world).0;
    assert!(world.ground.tenant().grant_admin_consent(&client_id));

    // Less is left to others than before: nothing is changed, and what is still missing is written down.
    let less = set_up();
    assert_eq!(less.code, Some(3), "{}", less.stderr);
    let told = history(&world, &[]);
    assert_eq!((told.len(), &told[0]["outcome"]), (2, &json!("handedOver")), "{told:#?}");
    assert_eq!(told[0]["objects"], json!({"handed over": {"Role assignment": 1}}), "{told:#?}");
    let requests = world.ground.journal().requests();
    assert_eq!(set_up().code, Some(3));
    assert!(world.writes_since(requests).iter().all(|write| !write.path.contains("configmaps")));
    assert_eq!(history(&world, &[]).len(), 2);
}

#[test]
fn given_several_installations_then_one_can_be_named_and_one_that_is_not_there_is_refused_with_what_is() {
    let world = World::healthy();
    world.set_up();
    let other = std::fs::read_to_string(EXAMPLE)
        .unwrap()
        .replace("name: myapp\n", "name: other\n")
        .replace("namespace: myapp", "namespace: other")
        .replace("host: myapp.", "host: other.")
        .replace("*.cluster.example.com", "other.cluster.example.com");
    let other = world.write("other.yaml", &other);
    let ran = world.run(&["setup", "--answers", other.to_str().unwrap(), "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(history(&world, &[]).len(), 2);
    let of_one = history(&world, &["other"]);
    assert_eq!((of_one.len(), &of_one[0]["application"]), (1, &json!("other")), "{of_one:#?}");
    let requests = world.ground.journal().requests();
    let ran = world.run(&["status", "--history", "nobody"]);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(ran.stderr.contains("myapp/myapp") && ran.stderr.contains("other/other"), "{}", ran.stderr);
    assert!(world.ground.journal().requests() - requests <= 5, "one list and what it takes to connect");
}
