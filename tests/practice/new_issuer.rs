//! An issuer for Azure DNS that is made too, with the role it rests on.

use crate::{
    door::a_person_signs_in,
    existing::{set_up, set_up_twice},
    killed::{essence, finish_after, killed_after},
    world::{EXAMPLE, Ran, World},
};
use gatewright::practice::{Scenario, Server};
use serde_json::{Value, json};

/// The answers that ask for one.
const ANSWERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/new-issuer.yaml");
const IDENTITY: &str = "66666666-7777-8888-9999-00000000000d";
const ZONE: (&str, &str) = ("dns", "cluster.example.com");
const ISSUER: &str = "gatewright-myapp-myapp";

fn answers() -> String {
    std::fs::read_to_string(ANSWERS).unwrap()
}

fn issuers(world: &World) -> Vec<String> {
    let issuers = world.ground.cluster().list("cert-manager.io", "ClusterIssuer", None);
    issuers.iter().map(|issuer| issuer["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// What the identity holds on anything.
fn roles(world: &World) -> Vec<Value> {
    let tenant = world.ground.tenant().snapshot();
    let principals = tenant["directory"]["servicePrincipals"].as_array().unwrap();
    let identity = principals.iter().find(|principal| principal["properties"]["appId"] == IDENTITY).unwrap();
    let id = &identity["properties"]["id"];
    let roles = tenant["directory"]["azure"]["roleAssignments"].as_array().unwrap();
    roles.iter().filter(|role| &role["principalId"] == id).cloned().collect()
}

fn routes(world: &World) -> usize {
    world.ground.cluster().list("networking.istio.io", "VirtualService", Some("myapp")).len()
}

fn expect(ran: &Ran, code: i32, words: &[&str]) {
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in:\n{said}");
    }
}

#[test]
fn given_nothing_when_it_is_set_up_then_role_issuer_and_certificate_are_made_in_that_order_and_again_writes_nothing() {
    let world = World::healthy();
    set_up_twice(&world, &answers());
    let [role] = &roles(&world)[..] else { panic!("one role: {:?}", roles(&world)) };
    assert!(role["scope"].as_str().unwrap().ends_with("/dnszones/cluster.example.com"), "{role}");
    assert!(role["description"].as_str().unwrap().starts_with("gatewright:"), "{role}");
    let issuer = world.ground.cluster().get("cert-manager.io", "ClusterIssuer", None, ISSUER).unwrap();
    assert_eq!(issuer["metadata"]["labels"]["gatewright.dev/installation"], "myapp");
    let writes = world.writes_since(0);
    let at =
        |what: &str| writes.iter().position(|entry| entry.path.contains(what)).unwrap_or_else(|| panic!("no {what}"));
    assert!(at("/roleAssignments/") < at("/clusterissuers/"), "{writes:#?}");
    assert!(at("/clusterissuers/") < at("/certificates/"), "{writes:#?}");
    assert!(!world.door_is_open());
    a_person_signs_in(&world);
}

#[test]
fn given_the_role_is_there_under_another_name_when_it_is_set_up_then_it_is_kept() {
    let world = World::healthy();
    assert!(world.ground.tenant().assign_zone_role(IDENTITY, ZONE));
    let before = world.ground.journal().requests();
    expect(&set_up(&world, &answers()), 0, &[]);
    assert_eq!(roles(&world).len(), 1);
    let writes = world.writes_since(before);
    assert!(!writes.iter().any(|entry| entry.server == Server::ResourceManager), "{writes:#?}");
}

#[test]
fn given_roles_are_not_ours_to_give_then_all_but_the_routes_is_made_3_and_the_run_after_it_is_given_finishes() {
    let world = World::named("role-assignment-forbidden");
    let planned = world.run(&["plan", "--answers", ANSWERS]);
    expect(&planned, 2, &["giving roles on the zone is not ours"]);
    let ran = set_up(&world, &answers());
    expect(
        &ran,
        3,
        &[
            "az role assignment create --assignee-object-id ",
            "--role \"DNS Zone Contributor\" --scope \"/subscriptions/",
        ],
    );
    assert_eq!((routes(&world), roles(&world).len()), (0, 0));
    assert_eq!(world.ground.cluster().list("apps", "Deployment", Some("myapp")).len(), 3, "everything else goes on");
    let challenges = world.ground.cluster().list("acme.cert-manager.io", "Challenge", Some("istio-system"));
    assert!(challenges.iter().any(|it| it["status"]["reason"].as_str().is_some_and(|it| it.contains("redacted"))));

    let again = set_up(&world, &answers());
    expect(&again, 3, &["run again once it is given"]);
    assert_eq!(routes(&world), 0);

    assert!(world.ground.tenant().assign_zone_role(IDENTITY, ZONE));
    expect(&set_up(&world, &answers()), 0, &[]);
    assert_eq!(routes(&world), 1);
    a_person_signs_in(&world);
}

#[test]
fn given_a_cluster_issuer_of_that_name_is_somebody_elses_then_it_is_left_alone() {
    let world = World::healthy();
    let theirs = json!({
        "apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": ISSUER},
        "spec": {"selfSigned": {}},
    });
    world.ground.cluster().create_or_replace("platform-team", theirs).unwrap();
    expect(&set_up(&world, &answers()), 1, &[ISSUER, "platform-team"]);
    let issuer = world.ground.cluster().get("cert-manager.io", "ClusterIssuer", None, ISSUER).unwrap();
    assert_eq!(issuer["spec"], json!({"selfSigned": {}}));
    assert!(roles(&world).is_empty(), "nothing is made where something is in the way");
}

#[test]
fn given_answers_that_name_what_is_not_there_then_64_and_what_would_be_right() {
    let world = World::healthy();
    let zone = answers().replace("resourceGroup: dns", "resourceGroup: zones");
    expect(&set_up(&world, &zone), 64, &["ResourceGroupNotFound", "az network dns zone list"]);
    let identity = answers().replace(IDENTITY, "66666666-7777-8888-9999-0000000000ff");
    expect(&set_up(&world, &identity), 64, &["certificate.newIssuer.clientId", "az identity list"]);
    let subscription =
        answers().replace("c0470505-0000-4000-8000-0000000005ab", "c0470505-0000-4000-8000-0000000005ac");
    expect(&set_up(&world, &subscription), 64, &["SubscriptionNotFound", "az account list"]);
    assert!(world.writes_since(0).is_empty());
}

#[test]
fn given_cert_manager_without_an_identity_then_the_plan_warns_and_the_wait_says_what_azure_says() {
    let scenario = "
title: cert-manager without workload identity
about: Its pods lack the label.
cluster:
  objects:
  - manager: somebody
    object:
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: cert-manager, namespace: cert-manager, labels: {app.kubernetes.io/name: cert-manager, app.kubernetes.io/component: controller}}
      spec:
        selector: {matchLabels: {app.kubernetes.io/name: cert-manager, app.kubernetes.io/component: controller}}
        template:
          metadata: {labels: {app.kubernetes.io/name: cert-manager, app.kubernetes.io/component: controller, azure.workload.identity/use: \"false\"}}
          spec: {serviceAccountName: cert-manager, containers: [{name: cert-manager-controller, image: \"quay.io/jetstack/cert-manager-controller:v1.21.1\"}]}
";
    let world = World::of(Scenario::parse("unlabelled", scenario, "unlabelled").unwrap());
    let planned = world.run(&["plan", "--answers", ANSWERS]);
    expect(&planned, 2, &["azure.workload.identity/use", "system:serviceaccount:cert-manager:cert-manager"]);
}

#[test]
fn given_another_issuer_is_named_later_then_ours_goes_last_and_the_role_stays() {
    let world = World::healthy();
    set_up_twice(&world, &answers());
    assert!(issuers(&world).contains(&ISSUER.to_owned()));
    let before = answers();
    let (start, rest) = before.split_once("  newIssuer:").unwrap();
    let (_, after) = rest.split_once("  names:").unwrap();
    set_up_twice(&world, &format!("{start}  issuer: {{name: letsencrypt-production}}\n  names:{after}"));
    assert!(!issuers(&world).contains(&ISSUER.to_owned()), "{:?}", issuers(&world));
    assert_eq!(roles(&world).len(), 1, "others may rest on it");
    a_person_signs_in(&world);
}

#[test]
fn given_a_setup_that_is_killed_at_the_role_or_the_issuer_when_it_is_run_again_then_the_world_is_as_if_undisturbed() {
    let undisturbed = World::healthy();
    expect(&undisturbed.run(&["setup", "--answers", ANSWERS, "--yes"]), 0, &[]);
    let expected = essence(&undisturbed);
    drop(undisturbed);
    for request in [
        "{server: resourceManager, method: PUT}",
        "{server: kubernetes, path: '*/clusterissuers/*', writes: true}",
        "{server: kubernetes, path: '*/certificates/*', writes: true}",
    ] {
        let ended = finish_after(&killed_after(request), ANSWERS, &expected);
        assert_eq!(ended, None, "killed at {request}");
    }
}

#[test]
fn given_the_example_then_resource_manager_is_not_spoken_to() {
    let world = World::healthy();
    expect(&world.run(&["plan", "--answers", EXAMPLE]), 2, &[]);
    let journal = world.ground.journal().since(0);
    assert!(!journal.iter().any(|entry| entry.server == Server::ResourceManager), "{journal:#?}");
}
