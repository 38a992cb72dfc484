//! Worlds in which setup cannot succeed: one clear message each, the exit code of the design, nothing half made that was not told.

use crate::world::{EXAMPLE, Ran, World};

fn set_up(world: &World) -> Ran {
    world.run(&["setup", "--answers", EXAMPLE, "--yes"])
}

fn expect(ran: &Ran, code: i32, texts: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    for text in texts {
        assert!(ran.stderr.contains(text), "{text:?} is not in:\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

#[test]
fn given_no_answers_file_then_64_and_a_file_to_start_from_is_named() {
    let world = World::healthy();
    expect(&world.run(&["setup", "--answers", "nowhere.yaml"]), 64, &["nowhere.yaml", "assets/answers/example.yaml"]);
    expect(&world.run(&["setup"]), 64, &["there are no answers", "--answers FILE"]);
}

#[test]
fn given_mistakes_in_the_answers_then_64_all_of_them_at_once_and_no_request_was_sent() {
    let world = World::healthy();
    let example = std::fs::read_to_string(EXAMPLE).unwrap();
    let wrong =
        example.replace("host: myapp.cluster.example.com", "host: https://myapp").replace("version: 1", "version: 7");
    let file = world.write("wrong.yaml", &wrong);
    let ran = world.run(&["setup", "--answers", file.to_str().unwrap(), "--yes"]);
    expect(&ran, 64, &["host", "version"]);
    assert_eq!(world.ground.journal().requests(), 0);
}

#[test]
fn given_wrong_usage_then_64() {
    let world = World::healthy();
    for arguments in [
        &["setup", "--no-such-flag"][..],
        &["frobnicate"],
        &["export"],
        &["setup", "--ui", "tui", "--answers", EXAMPLE],
    ] {
        let ran = world.run(arguments);
        assert_eq!(ran.code, Some(64), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn given_what_is_not_built_yet_is_asked_for_then_it_is_refused_by_name() {
    let world = World::healthy();
    expect(
        &world.run(&["export", "out", "--format", "helm", "--answers", EXAMPLE]),
        64,
        &["--format helm is not built yet"],
    );
    assert!(!world.folder().join("out").exists());
}

#[test]
fn given_a_host_that_others_serve_and_route_then_64_both_are_named_and_nothing_is_made() {
    let world = World::named("host-taken");
    expect(&set_up(&world), 64, &["Gateway `shop/frontend`", "VirtualService `shop/frontend`", "certificate.names"]);
    assert!(world.writes_since(0).is_empty(), "{:#?}", world.writes_since(0));
}

#[test]
fn given_an_unreachable_cluster_then_1_and_the_server_is_named() {
    let world = World::healthy();
    let kubeconfig = std::fs::read_to_string(world.ground.kubeconfig()).unwrap();
    let port = world.ground.ports().kubernetes;
    // A port that nothing listens on: one that was ours a moment ago.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = world.write("kubeconfig", &kubeconfig.replace(&format!(":{port}"), &format!(":{closed}")));
    let mut command = world.command(&["setup", "--answers", EXAMPLE, "--yes"]);
    command.env("KUBECONFIG", file);
    let ran = world.run_command(command);
    expect(&ran, 1, &[&format!("127.0.0.1:{closed}"), "to do:"]);
    assert!(world.writes_since(0).is_empty());
}

#[test]
fn given_the_cluster_does_not_accept_the_sign_in_then_1_and_it_says_to_sign_in_again() {
    let world = World::named("expired-cluster-sign-in");
    expect(&set_up(&world), 1, &["sign in to the cluster again"]);
    assert!(world.writes_since(0).is_empty());
}

#[test]
fn given_the_tenant_does_not_accept_the_secret_then_1_and_nothing_is_made() {
    let world = World::healthy();
    let mut command = world.command(&["setup", "--answers", EXAMPLE, "--yes"]);
    command.env("AZURE_CLIENT_SECRET", "not-the-secret-at-all");
    let ran = world.run_command(command);
    expect(&ran, 1, &["sign in to Entra", "AADSTS7000215"]);
    assert!(!ran.stderr.contains("not-the-secret-at-all"), "{}", ran.stderr);
    assert!(world.writes_since(0).is_empty());
}

#[test]
fn given_an_expired_sign_in_then_1_and_it_says_so() {
    let world = World::named("expired-sign-in");
    expect(&set_up(&world), 1, &["sign"]);
}

#[test]
fn given_no_cert_manager_then_it_is_named_and_nothing_is_made() {
    let world = World::named("no-cert-manager");
    let ran = set_up(&world);
    assert!(matches!(ran.code, Some(1 | 64)), "{}", ran.stderr);
    assert!(ran.stderr.contains("cert-manager"), "{}", ran.stderr);
    assert!(world.writes_since(0).is_empty());
}

#[test]
fn given_denied_rights_then_77_the_right_and_who_grants_it_and_nothing_is_made() {
    let world = World::named("denied-rights");
    let ran = set_up(&world);
    expect(&ran, 77, &["can grant it"]);
    assert!(world.writes_since(0).is_empty(), "{:#?}", world.writes_since(0));
}

#[test]
fn given_somebody_else_owns_a_field_then_1_and_the_owner_is_named_and_nothing_is_made() {
    let world = World::named("foreign-owner");
    let ran = set_up(&world);
    expect(&ran, 1, &["Nothing has been changed"]);
    assert!(world.writes_since(0).is_empty(), "{:#?}", world.writes_since(0));
}

#[test]
fn given_registering_is_forbidden_then_77_and_the_role_is_named() {
    let world = World::named("registration-forbidden");
    expect(&set_up(&world), 77, &["Application Developer"]);
    assert!(!world.door_is_open());
}

#[test]
fn given_consent_is_refused_then_everything_else_is_done_3_and_a_link_to_send() {
    let world = World::named("consent-refused");
    let ran = set_up(&world);
    expect(&ran, 3, &["adminconsent?client_id=", "Send this to"]);
    assert!(!world.door_is_open());
    assert_eq!(world.ground.cluster().list("networking.istio.io", "VirtualService", Some("myapp")).len(), 1);
}

#[test]
fn given_the_issuer_is_not_ready_then_its_reason_is_told() {
    let world = World::named("issuer-not-ready");
    let ran = set_up(&world);
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("letsencrypt-production"), "{}", ran.stderr);
    assert!(!world.door_is_open());
}

#[test]
fn given_an_image_that_cannot_be_pulled_then_1_at_once_and_no_route_is_made() {
    let world = World::named("image-missing");
    expect(&set_up(&world), 1, &["ImagePullBackOff"]);
    assert!(world.ground.cluster().list("networking.istio.io", "VirtualService", Some("myapp")).is_empty());
}

#[test]
fn given_a_store_that_will_not_start_then_1_and_its_reason_is_told() {
    let world = World::named("store-will-not-start");
    let ran = set_up(&world);
    expect(&ran, 1, &["sessions"]);
    assert!(world.ground.cluster().list("networking.istio.io", "VirtualService", Some("myapp")).is_empty());
}

#[test]
fn given_graph_throttles_or_replicates_slowly_or_the_network_is_flaky_then_setup_still_ends_well() {
    for scenario in ["throttled-graph", "slow-replication", "flaky-network", "registry-only"] {
        let world = World::named(scenario);
        let ran = set_up(&world);
        assert_eq!(ran.code, Some(0), "{scenario}: {}", ran.stderr);
        assert!(!world.door_is_open(), "{scenario}");
        let ours: Vec<_> = world.applications().into_iter().filter(|one| one["displayName"] == "myapp").collect();
        assert_eq!(ours.len(), 1, "{scenario}: one application");
        assert_eq!(ours[0]["passwordCredentials"].as_array().unwrap().len(), 1, "{scenario}: one credential");
        let planned = world.run(&["plan", "--answers", EXAMPLE]);
        assert_eq!(planned.code, Some(0), "{scenario}: {}", planned.stderr);
    }
}
