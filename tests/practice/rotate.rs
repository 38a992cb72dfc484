//! Rotation: nobody notices, what was in use can be put back until the last state, and nothing of others is touched.

use crate::{
    export::secrets,
    knock,
    traffic::{PEOPLE, PROGRAMS, REACHED, SENT_TO_SIGN_IN, Traffic, wait_until},
    world::{Ran, World},
};
use gatewright::practice::{Scenario, Timings};
use serde_json::{Value, json};

/// Rotates as a pipeline does.
pub(crate) fn rotate(world: &World, arguments: &[&str]) -> Ran {
    world.run(&[&["rotate", "--yes"], arguments].concat())
}

pub(crate) fn rotate_well(world: &World, arguments: &[&str]) -> Ran {
    let ran = rotate(world, arguments);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    ran
}

/// The Secret of the sign-in proxy.
pub(crate) fn secret(world: &World) -> Value {
    let secrets = world.ground.cluster().list("", "Secret", Some("myapp"));
    secrets.into_iter().find(|secret| secret["data"]["client-secret"].is_string()).unwrap()
}

/// The key ids of the application's credentials.
fn credentials(world: &World) -> Vec<String> {
    let application = world.application();
    let credentials = application["passwordCredentials"].as_array().unwrap();
    credentials.iter().map(|credential| credential["keyId"].as_str().unwrap().to_owned()).collect()
}

/// What a rotation that has come to its end, forwards or backwards, leaves.
pub(crate) fn is_whole(world: &World, at: &str) {
    let secret = secret(world);
    let keys: Vec<&String> = secret["data"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["client-secret", "cookie-secret"], "{at}");
    let in_use = secret["metadata"]["annotations"]["gatewright.dev/client-secret-key-id"].as_str().unwrap().to_owned();
    assert_eq!(credentials(world), [in_use], "{at}: one credential, the one in use");
    let store = world.ground.cluster().get("", "Secret", Some("myapp"), "myapp-sessions").unwrap();
    assert_eq!(store["data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["password"], "{at}");
    gets_a_token(world, at);
    let deployment = deployment(world);
    let counts = &deployment["status"];
    assert_eq!(counts["updatedReplicas"], counts["replicas"], "{at}: {counts}");
    let record = world.ground.cluster().get("", "ConfigMap", Some("myapp"), "gatewright-myapp").unwrap();
    assert!(record["metadata"]["annotations"]["gatewright.dev/rotation"].is_null(), "{at}: nobody holds it");
    let before = world.ground.journal().requests();
    let again = world.run(&["setup", "--yes"]);
    assert_eq!(again.code, Some(0), "{at}: {}", again.stderr);
    assert!(
        world.writes_since(before).is_empty(),
        "{at}: setup finds nothing to do: {:#?}",
        world.writes_since(before)
    );
}

/// The credential in the Secret is a valid one.
pub(crate) fn gets_a_token(world: &World, at: &str) {
    let (client_id, secret) = knock::own_credentials(world);
    let token = knock::token(world, &client_id, &secret, "https://graph.microsoft.com/.default");
    assert!(!token.is_empty(), "{at}");
}

fn deployment(world: &World) -> Value {
    world.ground.cluster().get("apps", "Deployment", Some("myapp"), "myapp-oauth2-proxy").unwrap()
}

#[test]
fn given_people_and_programs_at_work_when_the_client_secret_is_rotated_then_no_request_fails() {
    let world = World::healthy_and_slow();
    world.set_up();
    let before = secret(&world);
    let traffic = Traffic::of_people_and_programs(&world);
    let ran = rotate_well(&world, &[]);
    traffic.none_failed(&ran.stderr);
    assert_ne!(secret(&world)["data"]["client-secret"], before["data"]["client-secret"]);
    assert_eq!(secret(&world)["data"]["cookie-secret"], before["data"]["cookie-secret"]);
    for told in ["Nobody is signed out", "5 times in a row", "a token of the application's own gets in", "Rotated in"] {
        assert!(ran.stderr.contains(told), "{told:?} is not in:\n{}", ran.stderr);
    }
    is_whole(&world, "rotated");
}

#[test]
fn given_people_and_programs_at_work_when_the_cookie_secret_is_rotated_then_only_what_was_announced_happens() {
    let world = World::healthy_and_slow();
    world.set_up();
    let traffic = Traffic::of_people_and_programs(&world);
    let ran = rotate_well(&world, &["--what", "cookie-secret"]);
    wait_until(|| traffic.met(PEOPLE, SENT_TO_SIGN_IN) > 5);
    let counts = traffic.end();
    let met: Vec<(&str, &str)> = counts.keys().map(|(who, met)| (*who, met.as_str())).collect();
    assert_eq!(met, [(PROGRAMS, REACHED), (PEOPLE, REACHED), (PEOPLE, SENT_TO_SIGN_IN)], "{counts:?}\n{}", ran.stderr);
    assert!(ran.stderr.contains("EVERYBODY IS SIGNED OUT"), "{}", ran.stderr);
    Traffic::of_people(&world).none_failed(&ran.stderr);
    is_whole(&world, "rotated");
}

#[test]
fn given_people_and_programs_at_work_when_the_certificates_key_is_rotated_then_no_request_fails() {
    let world = World::healthy_and_slow();
    world.set_up();
    let shown = || {
        let certificate = world.ground.cluster().list("cert-manager.io", "Certificate", None).remove(0);
        let (place, name) = (&certificate["metadata"]["namespace"], &certificate["spec"]["secretName"]);
        let secret = world.ground.cluster().get("", "Secret", place.as_str(), name.as_str().unwrap()).unwrap();
        (secret["data"].clone(), certificate["status"]["revision"].clone())
    };
    let before = shown();
    let traffic = Traffic::of_people_and_programs(&world);
    let early = rotate_well(&world, &["--what", "certificate-key", "--if-expiring", "30d"]);
    assert!(early.stderr.contains("Nothing to do: the certificate's key is good until"), "{}", early.stderr);
    let ran = rotate_well(&world, &["--what", "certificate-key"]);
    assert!(ran.stderr.contains("issued anew, with a new key, good until"), "{}", ran.stderr);
    traffic.none_failed(&ran.stderr);
    let after = shown();
    assert_ne!(before.0["tls.key"], after.0["tls.key"]);
    assert_ne!(before.0["tls.crt"], after.0["tls.crt"]);
    assert_eq!((before.1, after.1), (json!(1), json!(2)));
    is_whole(&world, "issued anew");
}

#[test]
fn given_somebody_elses_secret_on_the_same_application_when_rotated_then_it_is_untouched() {
    let world = World::healthy();
    world.set_up();
    let id = world.application()["id"].as_str().unwrap().to_owned();
    let theirs = json!({"passwordCredential": {"displayName": "of the billing run"}});
    let (status, theirs) = world.graph("POST", &format!("applications/{id}/addPassword"), &theirs);
    assert_eq!(status, 200, "{theirs}");
    let old = secret(&world)["metadata"]["annotations"]["gatewright.dev/client-secret-key-id"].clone();
    rotate_well(&world, &[]);
    let now = credentials(&world);
    assert_eq!(now.len(), 2, "{now:?}");
    assert!(now.iter().any(|key_id| *key_id == theirs["keyId"]) && !now.iter().any(|key_id| *key_id == old), "{now:?}");
    let client_id = world.application()["appId"].as_str().unwrap().to_owned();
    let value = theirs["secretText"].as_str().unwrap();
    knock::token(&world, &client_id, value, "https://graph.microsoft.com/.default");
}

pub(crate) fn story(name: &str, body: &str) -> Scenario {
    let text = format!("title: a rotation that {name}\nabout: Something goes wrong once setup has ended.\n{body}");
    Scenario::parse(name, &text, name).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn given_pods_that_do_not_come_up_with_the_new_secret_when_rotated_then_it_is_put_back_and_nobody_noticed() {
    let world = World::of(story(
        "does not come up",
        "cluster:\n  images:\n  - image: '*oauth2-proxy*'\n    fromRevision: 2\n    trouble: {cannotBePulled: registry is gone}\n",
    ));
    world.set_up();
    let before = (secret(&world), credentials(&world));
    let people = Traffic::of_people(&world);
    let ran = rotate(&world, &[]);
    people.none_failed(&ran.stderr);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for told in ["registry is gone", "is put back", "taken back"] {
        assert!(ran.stderr.contains(told), "{told:?} is not in:\n{}", ran.stderr);
    }
    assert_eq!(secret(&world)["data"], before.0["data"]);
    assert_eq!(credentials(&world), before.1);
    is_whole(&world, "put back");
}

#[test]
fn given_a_policy_that_refuses_client_secrets_when_rotated_then_that_is_said_and_the_old_one_stays() {
    let world = World::of(story(
        "is refused",
        "faults:\n- match: {server: graph, path: '*/addPassword', nth: 2, every: 1}\n  then: {fail: {status: 400, body: {error: \
         {code: CredentialTypeNotAllowedAsPerAppPolicy, message: Credential type is not allowed as per assigned policy.}}}}\n",
    ));
    world.set_up();
    let before = (secret(&world)["data"].clone(), credentials(&world));
    let ran = rotate(&world, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("the tenant's policy for credentials forbids it"), "{}", ran.stderr);
    assert_eq!((secret(&world)["data"].clone(), credentials(&world)), before);
    is_whole(&world, "refused");
}

#[test]
fn given_a_policy_that_refuses_long_lived_secrets_when_rotated_then_the_new_one_lives_as_long_as_it_may() {
    let world = World::of(story("is short-lived", "tenant:\n  credentials: {longestLifetimeDays: 90}\n"));
    world.set_up();
    let ran = rotate_well(&world, &[]);
    let until = world.application()["passwordCredentials"][0]["endDateTime"].as_str().unwrap().to_owned();
    let until: jiff::Timestamp = until.parse().unwrap();
    let days = until.duration_since(jiff::Timestamp::now()).as_hours() / 24;
    assert!((88..=90).contains(&days), "{days}");
    assert!(ran.stderr.contains(&format!("good until {until}")), "{until}\n{}", ran.stderr);
    is_whole(&world, "shortened");
}

#[test]
fn given_replication_that_is_20_seconds_late_when_rotated_then_it_is_waited_for_and_nothing_is_stored_before() {
    let mut scenario = story("is late", "tenant:\n  replication: {secretMilliseconds: 20000}\n");
    scenario.timings = Some(Timings::Realistic);
    let world = World::of(scenario);
    world.set_up();
    let before = secret(&world)["data"]["client-secret"].clone();
    let ran = std::thread::scope(|scope| {
        let running = scope.spawn(|| rotate(&world, &[]));
        wait_until(|| credentials(&world).len() == 2);
        assert_eq!(secret(&world)["data"]["client-secret"], before, "it is not proven yet");
        running.join().unwrap()
    });
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("Entra does not know it everywhere yet (AADSTS7000215)"), "{}", ran.stderr);
    is_whole(&world, "late");
}

#[test]
fn given_a_rotation_that_runs_when_a_second_one_is_begun_then_it_says_so_and_changes_nothing() {
    let world = World::of(story(
        "takes its time",
        "faults:\n- match: {server: graph, path: '*/addPassword', nth: 2}\n  then: {delay: 10s}\n",
    ));
    world.set_up();
    let held = || {
        let record = world.ground.cluster().get("", "ConfigMap", Some("myapp"), "gatewright-myapp").unwrap();
        record["metadata"]["annotations"]["gatewright.dev/rotation"].is_string()
    };
    let (first, second) = std::thread::scope(|scope| {
        let running = scope.spawn(|| rotate(&world, &[]));
        wait_until(held);
        let second = rotate(&world, &[]);
        assert!(held(), "the first one still runs");
        (running.join().unwrap(), second)
    });
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("another rotation runs, begun by"), "{}", second.stderr);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    is_whole(&world, "one after the other");
}

#[test]
fn given_a_rotation_that_was_killed_when_taken_back_then_what_was_in_use_before_is_in_use_again() {
    let world = World::of(story(
        "is killed",
        "faults:\n- match: {server: graph, path: '*/removePassword'}\n  then: {stop: before}\n",
    ));
    world.set_up();
    let before = (secret(&world)["data"].clone(), credentials(&world));
    let killed = rotate(&world, &[]);
    assert_eq!(killed.code, None, "{}", killed.stderr);
    assert_eq!(credentials(&world).len(), 2);
    let other = rotate(&world, &["--what", "cookie-secret"]);
    assert_eq!(other.code, Some(64), "{}", other.stderr);
    assert!(other.stderr.contains("gatewright rotate --what client-secret --undo"), "{}", other.stderr);
    let undone = rotate_well(&world, &["--undo"]);
    assert!(undone.stderr.contains("Taken back"), "{}", undone.stderr);
    assert_eq!((secret(&world)["data"].clone(), credentials(&world)), before);
    is_whole(&world, "taken back");
    let nothing = rotate(&world, &["--undo"]);
    assert_eq!(nothing.code, Some(64), "{}", nothing.stderr);
}

#[test]
fn given_a_rotation_that_was_killed_before_its_secret_was_stored_when_set_up_then_setup_leaves_it_to_the_next_rotation()
{
    let world = World::of(story(
        "is killed",
        "faults:\n- match: {server: graph, path: '*/addPassword', nth: 2}\n  then: {stop: after}\n",
    ));
    world.set_up();
    let killed = rotate(&world, &[]);
    assert_eq!(killed.code, None, "{}", killed.stderr);
    assert_eq!(credentials(&world).len(), 2);
    let before = world.ground.journal().requests();
    world.set_up();
    assert!(world.writes_since(before).is_empty(), "it may be about to be stored: {:#?}", world.writes_since(before));
    rotate_well(&world, &[]);
    is_whole(&world, "rotated after all");
}

#[test]
fn given_the_former_one_is_not_ours_to_remove_when_rotated_then_that_is_handed_over_and_a_later_rotation_removes_it() {
    let refusal =
        "{error: {code: Authorization_RequestDenied, message: Insufficient privileges to complete the operation.}}";
    let world = World::of(story(
        "may not remove",
        &format!(
            "faults:\n- match: {{server: graph, path: '*/removePassword'}}\n  then: {{fail: {{status: 403, body: {refusal}}}}}\n"
        ),
    ));
    world.set_up();
    let ran = rotate(&world, &[]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let former = credentials(&world)[0].clone();
    assert!(ran.stderr.contains("az ad app credential delete --id ") && ran.stderr.contains(&former), "{}", ran.stderr);
    assert_eq!(credentials(&world).len(), 2);
    rotate_well(&world, &[]);
    is_whole(&world, "removed later");
}

#[test]
fn given_a_scheduler_when_it_is_not_yet_time_then_nothing_is_done_and_when_it_is_then_it_is_rotated() {
    let world = World::healthy();
    world.set_up();
    let before = world.ground.journal().requests();
    let early = rotate_well(&world, &["--if-expiring", "30d"]);
    for kind in ["client secret", "certificate's key"] {
        assert!(early.stderr.contains(&format!("Nothing to do: the {kind} is good until")), "{}", early.stderr);
    }
    let early = rotate_well(&world, &["--if-expiring", "30d", "--ui", "json"]);
    assert!(early.stdout.lines().last().unwrap().contains(r#""outcome":"nothingToDo""#), "{}", early.stdout);
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
    let due = rotate_well(&world, &["--if-expiring", "200d", "--ui", "json"]);
    let events: Vec<Value> = due.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let planned: Vec<&Value> = events.iter().filter(|event| event["event"] == "rotationPlanned").collect();
    assert_eq!(planned.iter().map(|plan| &plan["what"]).collect::<Vec<_>>(), ["clientSecret", "certificateKey"]);
    assert!(planned.iter().all(|plan| plan["expires"].is_string()), "{planned:#?}");
    assert_eq!(planned[0]["steps"].as_array().unwrap().len(), 5, "{planned:#?}");
    assert_eq!(events.last().unwrap()["outcome"], "done");
    for what in ["cookie-secret", "redis-password"] {
        let never = rotate(&world, &["--if-expiring", "30d", "--what", what]);
        assert_eq!(never.code, Some(64), "{}", never.stderr);
    }
    is_whole(&world, "rotated in time");
}

#[test]
fn given_a_federated_credential_when_it_is_to_be_rotated_then_there_is_plainly_nothing_to_rotate() {
    let world = World::healthy();
    world.set_up();
    let before = world.ground.journal().requests();
    let ran = rotate_well(&world, &["--what", "federated-credential"]);
    assert!(ran.stderr.contains("Nothing to rotate: a federated credential holds no secret"), "{}", ran.stderr);
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
}

#[test]
fn given_a_rotation_is_planned_then_it_is_shown_when_what_is_in_use_expires() {
    let world = World::healthy();
    world.set_up();
    for what in ["client-secret", "certificate-key"] {
        let planned = world.run(&["rotate", "--what", what]);
        assert_eq!(planned.code, Some(64), "nobody confirms it: {}", planned.stderr);
        assert!(planned.stderr.contains("of myapp/myapp, good until 20"), "{}", planned.stderr);
    }
}

#[test]
fn given_nobody_can_confirm_or_nothing_is_installed_when_rotated_then_nothing_is_changed() {
    let world = World::healthy();
    let nothing = rotate(&world, &[]);
    assert_eq!(nothing.code, Some(64), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("There is nothing to rotate"), "{}", nothing.stderr);
    world.set_up();
    let before = world.ground.journal().requests();
    let nobody = world.run(&["rotate"]);
    assert_eq!(nobody.code, Some(64), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("--yes"), "{}", nobody.stderr);
    assert!(world.writes_since(before).is_empty());
}

#[test]
fn given_rotations_when_every_byte_they_leave_is_searched_then_no_secret_is_found() {
    let world = World::healthy();
    world.set_up();
    let log = world.folder().join("log");
    let log_file = log.to_str().unwrap();
    let mut values = secrets(&world);
    let mut leavings = String::new();
    for arguments in [
        &[][..],
        &["--ui", "json"],
        &["--what", "cookie-secret"],
        &["--what", "cookie-secret", "--ui", "json"],
        &["--what", "redis-password"],
        &["--what", "redis-password", "--ui", "json"],
    ] {
        let mut command = world.command(&[&["rotate", "--yes", "-vv", "--log-file", log_file], arguments].concat());
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
        let ran = world.run_command(command);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        leavings.push_str(&ran.stdout);
        leavings.push_str(&ran.stderr);
        values.extend(secrets(&world));
    }
    leavings.push_str(&std::fs::read_to_string(log).unwrap());
    assert!(leavings.contains("rotationPlanned"), "something was left to search");
    values.push(world.ground.caller().client_secret);
    for value in values {
        assert!(!leavings.contains(&value), "a secret was left behind");
    }
}
