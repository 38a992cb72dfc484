//! After everything is applied, the application is tried as a stranger: what is found is told, and an open door is no success.

use crate::{
    knock,
    world::{EXAMPLE, HOST, World},
};
use serde_json::Value;
use std::{process::Command, time::Duration};

fn events(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn tried(events: &[Value]) -> Vec<(&str, &str)> {
    let tried = events.iter().filter(|event| event["event"] == "tried");
    tried.map(|event| (event["check"].as_str().unwrap(), event["verdict"].as_str().unwrap())).collect()
}

#[test]
fn given_a_healthy_ground_when_set_up_then_a_stranger_is_tried_and_each_finding_is_an_event_before_the_last() {
    let world = World::healthy();
    let ran = world.run(&["setup", "--answers", EXAMPLE, "--yes", "--ui", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let events = events(&ran.stdout);
    // No system trusts the practice authority: that is said, and everything else is looked at with its own certificate.
    let expected = [("certificate", "notYet"), ("door", "ok"), ("callback", "ok"), ("token", "ok")];
    assert_eq!(tried(&events), expected, "{}", ran.stdout);
    let certificate = events.iter().find(|event| event["check"] == "certificate").unwrap();
    let found = certificate["found"].as_str().unwrap();
    assert!(found.contains(HOST) && found.contains("does not trust the issuer"), "{found}");
    assert_eq!(events.last().unwrap()["event"], "finished");

    let again = world.set_up();
    for said in [
        &format!("Trying https://{HOST}/"),
        "ok        Door         a stranger is sent to sign in, with PKCE",
        "ok        Callback     the sign-in proxy is where people come back to: it turned a made-up sign-in away, as it should",
        "ok        Token        a token that nobody issued does not get in: whoever brings it is sent to sign in, as a stranger is",
    ] {
        assert!(again.stderr.contains(said), "{said:?} is not in:\n{}", again.stderr);
    }
}

#[test]
fn given_the_commands_for_a_program_when_a_shell_runs_them_then_the_application_answers_and_no_secret_of_ours_was_shown()
 {
    let world = World::healthy();
    let ran = world.run(&["setup", "--answers", EXAMPLE, "--yes", "--ui", "json"]);
    let (client_id, secret) = knock::own_credentials(&world);
    assert!(!ran.stdout.contains(&secret));
    let events = events(&ran.stdout);
    let usage = events.iter().find(|event| event["event"] == "usage").unwrap();
    let script = format!("set -e\n{}\n{}\n", usage["token"].as_str().unwrap(), usage["call"].as_str().unwrap());
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no curl on this machine; the commands were not run");
        return;
    }
    // The one program that holds the role in the practice tenant is the application itself.
    let answer =
        Command::new("sh").args(["-c", &script]).env("CLIENT_ID", &client_id).env("CLIENT_SECRET", &secret).output();
    let answer = answer.unwrap();
    let said = String::from_utf8_lossy(&answer.stdout);
    assert!(
        answer.status.success() && said.contains("authorization"),
        "{said}{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    let wrong =
        Command::new("sh").args(["-c", &script]).env("CLIENT_ID", &client_id).env("CLIENT_SECRET", "wrong").output();
    let said = String::from_utf8_lossy(&wrong.unwrap().stdout).into_owned();
    assert!(!said.contains("authorization"), "{said}");
}

/// Takes the locks away as soon as there is a route, as somebody would who does not know what they are for.
async fn meddle(cluster: gatewright::practice::cluster::Cluster) {
    loop {
        if !cluster.list("networking.istio.io", "VirtualService", Some("myapp")).is_empty() {
            for policy in cluster.list("security.istio.io", "AuthorizationPolicy", Some("myapp")) {
                let is_lock = policy["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "myapp";
                if is_lock {
                    let name = policy["metadata"]["name"].as_str().unwrap();
                    cluster.delete("security.istio.io", "AuthorizationPolicy", Some("myapp"), name).unwrap();
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn given_locks_that_somebody_takes_away_meanwhile_when_it_is_tried_then_the_open_door_is_told_loudly_and_the_run_failed()
 {
    let world = World::healthy();
    let meddler = world.spawn(meddle(world.ground.cluster().clone()));
    let ran = world.run(&["setup", "--answers", EXAMPLE, "--yes"]);
    meddler.abort();
    assert!(world.door_is_open(), "the story is told");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for said in [
        "THE APPLICATION ANSWERED A STRANGER: 200 OK to a request without a sign-in",
        "kubectl delete virtualservice --namespace myapp myapp",
        "puts missing locks back",
        "THE DOOR IS OPEN: everything was applied",
    ] {
        assert!(ran.stderr.contains(said), "{said:?} is not in:\n{}", ran.stderr);
    }
    let again = world.set_up();
    assert!(!world.door_is_open(), "{}", again.stderr);
    assert!(again.stderr.contains("a stranger is sent to sign in"), "{}", again.stderr);
}

#[test]
fn given_nothing_answers_where_it_is_tried_then_it_is_not_yet_and_the_exit_code_is_that_of_what_was_applied() {
    let world = World::healthy();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let at = format!("127.0.0.1:{port}");
    let ran = world.run(&["setup", "--answers", EXAMPLE, "--yes", "--try-at", &at]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("not yet   Address"), "{}", ran.stderr);
    let untried = world.run(&["setup", "--answers", EXAMPLE, "--yes", "--try-at", "none"]);
    assert_eq!(untried.code, Some(0), "{}", untried.stderr);
    assert!(!untried.stderr.contains("Trying"), "{}", untried.stderr);
    assert_eq!(world.run(&["setup", "--try-at", "somewhere"]).code, Some(64));
}
