//! What is installed, how well it is, and what to do about it: seen from the cluster alone, with requests that do not grow.

use crate::{
    existing::{already_there, example_with_secret, set_up, wait_until},
    world::{EXAMPLE, HOST, Ran, World},
};
use gatewright::practice::Server;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const EXPIRES: &str = "gatewright.dev/client-secret-expires";
const SECRET: &str = "myapp-oauth2-proxy";

/// What `status` tells of the installations, as the events have it.
fn installations(world: &World) -> Vec<Value> {
    let ran = world.run(&["status", "--ui", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn only(world: &World) -> Value {
    let mut all = installations(world);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// That it is that well, and that a finding says so.
#[track_caller]
fn expect(installation: &Value, health: &str, about: &str, said: &[&str]) {
    assert_eq!(installation["health"], health, "{installation:#}");
    let findings = installation["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["about"] == about);
    let finding = finding.unwrap_or_else(|| panic!("nothing about {about}: {installation:#}"));
    assert_eq!(finding["level"], health, "{finding:#}");
    for said in said {
        assert!(finding.to_string().contains(said), "{said}: {finding:#}");
    }
}

fn let_the_secret_expire(world: &World) {
    let expires = Timestamp::now() - SignedDuration::from_hours(1);
    let change = json!({"metadata": {"annotations": {EXPIRES: expires.to_string()}}});
    world.ground.cluster().patch("somebody", ("", "Secret"), Some("myapp"), SECRET, &change).unwrap();
}

fn table(world: &World) -> Ran {
    let ran = world.run(&["status"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran
}

#[test]
fn given_an_installation_then_it_is_well_and_everything_about_it_is_known() {
    let world = World::healthy();
    world.set_up();
    let one = only(&world);
    assert_eq!(one["health"], "ok", "{one:#}");
    assert_eq!(one["findings"], json!([]), "{one:#}");
    assert_eq!((&one["host"], &one["hook"]), (&json!(HOST), &json!("sidecar")), "{one:#}");
    assert_eq!((&one["proxyVersion"], &one["istioVersions"]), (&json!("7.15.3"), &json!(["1.28.1"])), "{one:#}");
    assert!(one["address"].is_string(), "{one:#}");
    assert!((80..=90).contains(&one["certificateDays"].as_i64().unwrap()), "{one:#}");
    assert!((178..=180).contains(&one["clientSecretDays"].as_i64().unwrap()), "{one:#}");

    let ran = table(&world);
    let line = ran.stdout.lines().nth(1).unwrap();
    assert!(line.starts_with("ok ") && line.contains("ready, ") && line.contains(" days"), "{line}");
    assert!(!ran.stderr.contains("care"), "{}", ran.stderr);
}

#[test]
fn given_a_client_secret_near_its_end_when_what_is_said_is_done_then_it_is_well_again() {
    let world = World::healthy();
    let short = std::fs::read_to_string(EXAMPLE).unwrap().replace("secretLifetime: 180d", "secretLifetime: 5d");
    assert_eq!(set_up(&world, &short).code, Some(0));
    let said = ["in 4 days", "gatewright rotate myapp/myapp"];
    expect(&only(&world), "care", "clientSecret", &said);
    let ran = table(&world);
    assert!(ran.stdout.lines().nth(1).unwrap().starts_with("care "), "{}", ran.stdout);
    assert!(ran.stderr.contains("1 care; `gatewright` alone tells why"), "{}", ran.stderr);

    let planned = world.run(&["plan"]);
    assert_eq!(planned.code, Some(0), "nothing is to be changed by setup: {}", planned.stderr);
    assert!(
        planned.stderr.contains("it expires in 4 days, on ")
            && planned.stderr.contains("`gatewright rotate myapp/myapp`")
    );

    // As the finding says, with answers that give it more time.
    let before = world.ground.cluster().get("", "Secret", Some("myapp"), SECRET).unwrap();
    world.set_up();
    let rotated = world.run(&["rotate", "--yes"]);
    assert_eq!(rotated.code, Some(0), "{}", rotated.stderr);
    let after = world.ground.cluster().get("", "Secret", Some("myapp"), SECRET).unwrap();
    assert_ne!(before["data"]["client-secret"], after["data"]["client-secret"]);
    assert_eq!(before["data"]["cookie-secret"], after["data"]["cookie-secret"], "nobody is signed out");
    assert_eq!(world.application()["passwordCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(only(&world)["health"], "ok");
}

#[test]
fn given_a_client_secret_that_has_expired_then_it_is_broken() {
    let world = World::healthy();
    world.set_up();
    let_the_secret_expire(&world);
    expect(&only(&world), "broken", "clientSecret", &["nobody can sign in anew", "gatewright setup myapp/myapp"]);
    assert!(table(&world).stdout.contains("expired"));
}

#[test]
fn given_pods_that_do_not_start_then_it_is_broken_and_the_reason_is_told() {
    let world = World::named("store-will-not-start");
    let ran = world.run(&["setup", "--answers", EXAMPLE, "--yes"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let one = only(&world);
    expect(&one, "broken", "sessionStore", &["0 of 1 pods are ready", "container "]);
    // What was not reached is missing, and the same command goes on.
    expect(&one, "broken", "route", &["gatewright setup myapp/myapp"]);
}

#[test]
fn given_a_certificate_that_is_not_ready_then_who_signs_it_is_to_be_seen_to() {
    let world = World::healthy();
    world.set_up();
    let cluster = world.ground.cluster();
    let certificate = ("cert-manager.io", "Certificate");
    let change =
        json!({"spec": {"dnsNames": ["*.cluster.example.com", "other.example.com"], "issuerRef": {"name": "nobody"}}});
    cluster.patch("somebody", certificate, Some("istio-system"), "gatewright-myapp-myapp", &change).unwrap();
    wait_until(|| {
        let live =
            cluster.get("cert-manager.io", "Certificate", Some("istio-system"), "gatewright-myapp-myapp").unwrap();
        let conditions = live["status"]["conditions"].as_array().unwrap().clone();
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "False")
    });
    let said = ["not ready", "the former one is good for", "ClusterIssuer letsencrypt-production"];
    expect(&only(&world), "care", "certificate", &said);
}

#[test]
fn given_the_locks_are_taken_away_behind_our_back_then_it_is_broken_and_setup_puts_them_back() {
    let world = World::healthy();
    world.set_up();
    let cluster = world.ground.cluster();
    for policy in cluster.list("security.istio.io", "AuthorizationPolicy", Some("myapp")) {
        let name = policy["metadata"]["name"].as_str().unwrap();
        cluster.delete("security.istio.io", "AuthorizationPolicy", Some("myapp"), name).unwrap();
    }
    expect(&only(&world), "broken", "hook", &["strangers may reach the application"]);
    world.set_up();
    assert_eq!(only(&world)["health"], "ok");
}

#[test]
fn given_rights_are_missing_then_not_being_allowed_to_see_is_a_state_of_its_own() {
    let world = World::healthy();
    world.set_up();
    let denied = |group: &str, resource: &str| {
        let denied = json!({"verb": "list", "group": group, "resource": resource, "namespace": "istio-system"});
        serde_json::from_value(denied).unwrap()
    };
    world.ground.cluster().deny(vec![denied("", "secrets"), denied("cert-manager.io", "certificates")]);
    let one = only(&world);
    expect(&one, "notSeen", "clientSecret", &["list secrets in the whole cluster", "a cluster administrator"]);
    expect(&one, "notSeen", "certificate", &["list certificates.cert-manager.io"]);
    let ran = table(&world);
    let line = ran.stdout.lines().nth(1).unwrap();
    assert!(line.starts_with("not seen ") && line.contains('?'), "{line}");

    world.ground.cluster().deny(vec![denied("", "configmaps")]);
    let ran = world.run(&["status"]);
    assert_eq!(ran.code, Some(77), "{}", ran.stderr);
    assert!(ran.stderr.contains("list configmaps"), "{}", ran.stderr);
}

/// Writes the records of `count` more applications, and gives back the requests and the milliseconds of one look.
fn look_at(world: &World, count: usize) -> (usize, u128) {
    let example = std::fs::read_to_string(EXAMPLE).unwrap();
    for index in 0..count {
        let name = format!("app-{index}");
        let answers = example.replace("  name: myapp\n", &format!("  name: {name}\n"));
        let answers = answers.replace(&format!("host: {HOST}"), &format!("host: {name}.cluster.example.com"));
        let labels = json!({"app.kubernetes.io/managed-by": "gatewright", "app.kubernetes.io/component": "record",
                            "gatewright.dev/installation": name,
                            "gatewright.dev/installation-namespace": "myapp"});
        let record = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"answers.yaml": answers},
                            "metadata": {"name": format!("gatewright-{name}"), "namespace": "myapp", "labels": labels}});
        world.ground.cluster().create_or_replace("a-test", record).unwrap();
    }
    let (before, began) = (world.ground.journal().requests(), std::time::Instant::now());
    let all = installations(world);
    assert_eq!(all.len(), count + 1);
    assert_eq!(all.iter().filter(|one| one["health"] == "ok").count(), 1);
    let asked = world.ground.journal().since(before);
    assert!(asked.iter().all(|entry| entry.server == Server::Kubernetes && entry.method == "GET"), "{asked:#?}");
    (asked.len(), began.elapsed().as_millis())
}

#[test]
fn given_hundreds_of_installations_then_one_look_makes_as_many_requests_as_for_one() {
    let world = World::healthy();
    world.set_up();
    let (of_one, _) = look_at(&world, 0);
    assert!(of_one <= 20, "{of_one} requests");
    let (of_many, took) = look_at(&world, 499);
    assert_eq!(of_many, of_one, "the number of requests grew");
    assert!(took < 20_000, "it took {took} ms");
}

#[test]
fn given_a_certificate_that_many_show_then_its_secret_is_looked_at_once() {
    let world = already_there();
    let answers = example_with_secret("cluster-tls");
    assert_eq!(set_up(&world, &answers).code, Some(0));
    let record = world.ground.cluster().get("", "ConfigMap", Some("myapp"), "gatewright-myapp").unwrap();
    for index in 0..20 {
        let mut another = record.clone();
        another["metadata"] = json!({"name": format!("gatewright-app-{index}"), "namespace": "myapp",
            "labels": record["metadata"]["labels"], "annotations": record["metadata"]["annotations"]});
        another["metadata"]["labels"]["gatewright.dev/installation"] = json!(format!("app-{index}"));
        world.ground.cluster().create_or_replace("a-test", another).unwrap();
    }
    let before = world.ground.journal().requests();
    let all = installations(&world);
    assert_eq!(all.iter().filter(|one| one["certificate"] == "ready").count(), 21, "{all:#?}");
    let asked = world.ground.journal().since(before);
    let of_the_secret = asked.iter().filter(|entry| entry.path.ends_with("/istio-system/secrets/cluster-tls"));
    assert_eq!(of_the_secret.count(), 1);
}
