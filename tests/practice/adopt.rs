//! An application that somebody registered by hand is taken over: everything of others stays, and it is found ever after.

use crate::{
    knock,
    world::{EXAMPLE, Ran, World},
};
use gatewright::practice::Scenario;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const STORY: &str = include_str!("../../assets/scenarios/application-to-adopt.yaml");
pub(crate) const CLIENT_ID: &str = "7f6bd2a4-5a0c-4f0e-9d53-2c1f8a1b6e90";
/// A run waits for its ground more than it works.
const RUNS_AT_ONCE: usize = 6;
/// The client secret of the nightly job.
pub(crate) const THEIRS: &str = "practice-only-nightly-job";

pub(crate) fn story(changes: &[(&str, &str)]) -> Scenario {
    let text = changes.iter().fold(STORY.to_owned(), |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "nothing to change: {old}");
        text.replace(old, new)
    });
    Scenario::parse("adopting", &text, "adopting").unwrap_or_else(|error| panic!("{error}"))
}

/// Answers like the example's that take over the application of this client id.
fn answers(world: &World, client_id: &str) -> String {
    let example = std::fs::read_to_string(EXAMPLE).unwrap();
    let adopt = format!("  adopt: {{clientId: {client_id}}}\n  displayName: myapp\n");
    let path = world.write("adopting.yaml", &example.replace("  displayName: myapp\n", &adopt));
    path.to_str().unwrap().to_owned()
}

pub(crate) fn set_up(world: &World, client_id: &str) -> Ran {
    world.run(&["setup", "--answers", &answers(world, client_id), "--yes"])
}

fn directory(world: &World) -> Value {
    world.ground.tenant().snapshot()["directory"].clone()
}

pub(crate) fn of_client<'a>(directory: &'a Value, list: &str) -> &'a Value {
    let all = directory[list].as_array().unwrap();
    all.iter().find(|it| it["properties"]["appId"] == CLIENT_ID).unwrap()
}

/// Whether everything that was there is there still, each entry of a list as it was and before what is new. What was null may
/// have got a value.
fn must_have_stayed(before: &Value, after: &Value, at: &str) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in before {
                let there = after.get(key).unwrap_or_else(|| panic!("{at}/{key} is gone"));
                must_have_stayed(value, there, &format!("{at}/{key}"));
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            assert!(after.starts_with(before) || permissions_stayed(before, after), "{at}: {before:#?}\n{after:#?}");
        }
        (Value::Null, _) => assert!(
            after.is_null() || ["uniqueName", "requestedAccessTokenVersion"].iter().any(|key| at.ends_with(key)),
            "{at}: {after}"
        ),
        (before, after) => assert_eq!(before, after, "{at}"),
    }
}

/// The permissions asked for are a list of lists.
fn permissions_stayed(before: &[Value], after: &[Value]) -> bool {
    before.iter().zip(after).all(|(before, after)| {
        let entries = |it: &Value| it["resourceAccess"].as_array().cloned();
        before["resourceAppId"] == after["resourceAppId"]
            && entries(before).zip(entries(after)).is_some_and(|(before, after)| after.starts_with(&before))
    })
}

/// Everything that others had in the tenant.
fn others_are_untouched(before: &Value, after: &Value) {
    for list in ["applications", "servicePrincipals"] {
        let (before, after) = (of_client(before, list), of_client(after, list));
        for part in ["properties", "secrets", "owners", "federatedCredentials"] {
            must_have_stayed(&before[part], &after[part], &format!("{list}/{part}"));
        }
    }
    for list in ["applications", "servicePrincipals"] {
        let others = |directory: &Value| -> Vec<Value> {
            let all = directory[list].as_array().unwrap();
            all.iter().filter(|it| it["properties"]["appId"] != CLIENT_ID).cloned().collect()
        };
        assert_eq!(others(before), others(after), "{list}: no other is made or changed");
    }
    for (before, after) in before["grants"].as_array().unwrap().iter().zip(after["grants"].as_array().unwrap()) {
        let scopes = |grant: &Value| -> BTreeSet<String> {
            grant["scope"].as_str().unwrap().split(' ').map(str::to_owned).collect()
        };
        assert_eq!(before["id"], after["id"]);
        assert!(scopes(after).is_superset(&scopes(before)), "{before} {after}");
    }
}

/// The plan's lines, without what says only that something was written.
fn planned(world: &World, arguments: &[&str]) -> Vec<Value> {
    let ran = world.run(arguments);
    let events = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let planned =
        events.into_iter().find(|event| event["event"] == "planned").unwrap_or_else(|| panic!("{}", ran.stderr));
    let steps = planned["steps"].as_array().unwrap().clone();
    let told = |step: &Value| json!([step["part"], step["title"], step["action"], step["diff"], step["warnings"]]);
    steps.iter().map(told).collect()
}

#[test]
fn given_an_application_of_others_when_it_is_adopted_then_everything_works_and_theirs_goes_on() {
    let world = World::of(story(&[]));
    let before = directory(&world);
    let file = answers(&world, CLIENT_ID);
    let plan = world.run(&["plan", "--answers", &file]);
    assert_eq!(plan.code, Some(2), "{}", plan.stderr);
    for told in [
        "Legacy portal is taken over",
        "Dora Developer <dora@example.com>",
        "https://portal.example.com/signin-oidc, https://portal.example.com/spa",
        "nightly job",
        "consents to its scopes for other clients: 1",
        "Mail.Read",
        "from version 1 to version 2 for EVERY caller",
        "+  - https://myapp.cluster.example.com/oauth2/callback",
        "+  requestedAccessTokenVersion: 2",
        "+uniqueName: gatewright.",
        "+- gatewright:adopted",
        "+- api://7f6bd2a4-5a0c-4f0e-9d53-2c1f8a1b6e90",
    ] {
        assert!(plan.stderr.contains(told), "{told:?} is not in:\n{}", plan.stderr);
    }
    for untold in ["displayName: myapp", "signInAudience", "-  - ", "-- "] {
        let application = plan.stderr.split("Application  ").nth(1).unwrap().split("Client secret").next().unwrap();
        assert!(!application.contains(untold), "{untold:?} is in:\n{application}");
    }
    assert!(world.writes_since(0).is_empty());

    let ran = set_up(&world, CLIENT_ID);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let after = directory(&world);
    others_are_untouched(&before, &after);
    let application = of_client(&after, "applications");
    assert_eq!(application["properties"]["displayName"], "Legacy portal");
    assert_eq!(application["secrets"].as_array().unwrap().len(), 2);
    assert!(!world.door_is_open());

    let graph = "https://graph.microsoft.com/.default";
    assert!(!knock::token(&world, CLIENT_ID, THEIRS, graph).is_empty(), "the nightly job still signs in");
    let (client_id, secret) = knock::own_credentials(&world);
    assert_eq!(client_id, CLIENT_ID);
    let token = knock::token(&world, &client_id, &secret, &format!("api://{client_id}/.default"));
    let machine = knock::get(&world, "/", &[("authorization", &format!("Bearer {token}"))]);
    assert!(knock::reached_the_app(&machine), "{machine:?}");
    let session = knock::sign_in(&world, "alice@example.com", "/reports?year=2026");
    let person = knock::get(&world, "/reports?year=2026", &[("cookie", &session)]);
    assert!(knock::reached_the_app(&person), "{person:?}");

    let requests = world.ground.journal().requests();
    let again = set_up(&world, CLIENT_ID);
    assert!(again.stderr.contains("Nothing changed") && !again.stderr.contains("WARNING"), "{}", again.stderr);
    assert!(world.writes_since(requests).is_empty(), "{:#?}", world.writes_since(requests));
}

#[test]
fn given_an_adopted_application_then_its_plan_is_that_of_a_created_one_and_the_key_may_go() {
    let (adopted, created) = (World::of(story(&[])), World::healthy());
    let ran = set_up(&adopted, CLIENT_ID);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    created.set_up();
    let with_key = answers(&adopted, CLIENT_ID);
    let plan = planned(&adopted, &["plan", "--answers", &with_key, "--ui", "json"]);
    assert_eq!(plan, planned(&created, &["plan", "--answers", EXAMPLE, "--ui", "json"]));
    assert!(plan.iter().all(|step| step[2] == "keep"), "{plan:#?}");

    // Without the key, only the record is written, the answers and what was done; the application keeps its name.
    let before = directory(&adopted);
    let requests = adopted.ground.journal().requests();
    adopted.set_up();
    let writes = adopted.writes_since(requests);
    assert!(
        writes.len() == 2 && writes.iter().all(|write| write.path.ends_with("/configmaps/gatewright-myapp")),
        "{writes:#?}"
    );
    assert_eq!(directory(&adopted), before);
}

#[test]
fn given_an_adoption_is_killed_at_any_write_to_the_tenant_when_it_is_run_again_then_one_application_is_whole() {
    let slow = ("tenant:\n", "tenant:\n  replication: {objectMilliseconds: 900}\n");
    let undisturbed = World::of(story(&[slow]));
    let ran = set_up(&undisturbed, CLIENT_ID);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let to_graph = |world: &World| {
        let writes = world.writes_since(0);
        writes.iter().filter(|entry| entry.path.starts_with("/v1.0/")).count()
    };
    let writes = to_graph(&undisturbed);
    assert!(writes >= 7, "{writes}");
    let expected = of_client(&directory(&undisturbed), "applications")["properties"]["tags"].as_array().unwrap().len();
    let cases: Vec<(usize, &str)> = (1..=writes).flat_map(|nth| [(nth, "before"), (nth, "after")]).collect();
    for few in cases.chunks(RUNS_AT_ONCE) {
        std::thread::scope(|scope| {
            for (nth, moment) in few {
                let fault = format!(
                    "faults:\n- match: {{server: graph, writes: true, nth: {nth}}}\n  then: {{stop: {moment}}}\ntenant:\n"
                );
                let scenario = story(&[slow, ("tenant:\n", &fault)]);
                scope.spawn(move || kill_and_run_again(scenario, &format!("killed {moment} write {nth}"), expected));
            }
        });
    }
}

fn kill_and_run_again(scenario: Scenario, at: &str, expected: usize) {
    let world = World::of(scenario);
    let before = directory(&world);
    let killed = set_up(&world, CLIENT_ID);
    assert_eq!(killed.code, None, "{at}: {}", killed.stderr);
    let again = set_up(&world, CLIENT_ID);
    assert_eq!(again.code, Some(0), "{at}: {}", again.stderr);
    let after = directory(&world);
    others_are_untouched(&before, &after);
    let application = of_client(&after, "applications");
    assert_eq!(application["secrets"].as_array().unwrap().len(), 2, "{at}: theirs and ours");
    assert_eq!(application["properties"]["tags"].as_array().unwrap().len(), expected, "{at}: {application:#}");
    let requests = world.ground.journal().requests();
    assert_eq!(set_up(&world, CLIENT_ID).code, Some(0), "{at}");
    assert!(world.writes_since(requests).is_empty(), "{at}: {:#?}", world.writes_since(requests));
}

#[test]
fn given_an_application_that_is_unlike_ours_when_it_is_adopted_then_what_others_decided_holds() {
    let world = World::of(story(&[
        ("displayName: Legacy portal\n", "displayName: Legacy portal\n      signInAudience: AzureADMultipleOrgs\n"),
        (
            "      tags: [legacy]\n      notes",
            "      tags: [legacy]\n      appRoleAssignmentRequired: true\n      notes",
        ),
        ("{displayName: nightly job,", "{displayName: gatewright myapp/myapp,"),
    ]));
    let before = directory(&world);
    let ran = set_up(&world, CLIENT_ID);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("people of other tenants can sign in to it (AzureADMultipleOrgs)"), "{}", ran.stderr);
    let after = directory(&world);
    others_are_untouched(&before, &after);
    assert_eq!(of_client(&after, "applications")["secrets"].as_array().unwrap().len(), 2, "a name alone is no orphan");
    assert_eq!(of_client(&after, "servicePrincipals")["properties"]["appRoleAssignmentRequired"], true);
    for lock in world.ground.cluster().list("security.istio.io", "RequestAuthentication", Some("myapp")) {
        let rule = &lock["spec"]["jwtRules"][0];
        assert_eq!(rule["issuer"], world.ground.tenant().issuer(), "{lock:#}");
    }
    let requests = world.ground.journal().requests();
    assert_eq!(set_up(&world, CLIENT_ID).code, Some(0));
    assert!(world.writes_since(requests).is_empty(), "{:#?}", world.writes_since(requests));
}

/// Signed in as the binary would be.
fn signed_in(world: &World) -> gatewright::entra::Session {
    use gatewright::entra::{Environment, Method, SignInRequest, cloud, sign_in};
    let caller = world.ground.caller();
    let request = SignInRequest {
        method: Method::ServicePrincipal,
        environment: Environment::of([
            ("AZURE_CLIENT_ID", &caller.client_id),
            ("AZURE_CLIENT_SECRET", &caller.client_secret),
            ("AZURE_TENANT_ID", &caller.tenant_id),
        ]),
        ..SignInRequest::new(cloud::from_file(&world.ground.cloud_file()).unwrap())
    };
    world.wait_for(sign_in(request, &|_| {})).unwrap()
}

#[test]
fn given_what_the_tenant_offers_when_the_wizards_choice_is_taken_then_the_draft_is_answers_that_take_it_over() {
    use gatewright::{
        answers::file,
        wizard::{ADOPTED, Draft, Given, REGISTRATION},
    };
    let world = World::of(story(&[]));
    let session = signed_in(&world);
    let found = |name: &str, callback: &str| world.wait_for(session.candidates(name, callback)).unwrap();
    assert!(found("myapp", "https://myapp.cluster.example.com/oauth2/callback").is_empty(), "nothing is like it");
    let by_name = found("legacy", "https://myapp.cluster.example.com/oauth2/callback");
    let by_redirect_uri = found("myapp", "https://portal.example.com/signin-oidc");
    assert_eq!(by_name, by_redirect_uri);
    let [legacy] = by_name.as_slice() else { panic!("{by_name:#?}") };
    assert_eq!((legacy.client_id.as_str(), legacy.display_name.as_str()), (CLIENT_ID, "Legacy portal"));
    assert_eq!(legacy.owners, Some(vec!["Dora Developer".to_owned()]));

    let mut draft = Draft::from(&file::parse(&std::fs::read_to_string(EXAMPLE).unwrap(), "the example").unwrap());
    draft.put(REGISTRATION, Given::text(ADOPTED));
    draft.put("registration.adopt.clientId", Given::text(&legacy.client_id));
    draft.put("registration.adopt.rename", Given::text("true"));
    let path = world.write("of-the-wizard.yaml", &file::render(&draft.answers().unwrap()));
    let ran = world.run(&["setup", "--answers", path.to_str().unwrap(), "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("Legacy portal is taken over"), "{}", ran.stderr);
    let after = of_client(&directory(&world), "applications").clone();
    assert_eq!(after["properties"]["displayName"], "myapp");
    let again = found("myapp", "https://nowhere.example.com/");
    assert!(again[0].kept_by.as_ref().is_some_and(|name| name.starts_with("gatewright.")), "{again:#?}");
}

fn refused(world: &World, client_id: &str, texts: &[&str]) {
    let requests = world.ground.journal().requests();
    let ran = set_up(world, client_id);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    for text in texts {
        assert!(ran.stderr.contains(text), "{text:?} is not in:\n{}", ran.stderr);
    }
    assert!(world.writes_since(requests).is_empty());
}

#[test]
fn given_a_client_id_of_no_application_here_then_it_is_told_what_it_is_and_nothing_is_written() {
    let world = World::of(story(&[]));
    refused(&world, "11111111-2222-4333-8444-555555555555", &["there is no such application in tenant"]);
    let azure_cli = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
    refused(&world, azure_cli, &["registered in another tenant", "f8cdef31-a31e-4b4a-93e4-5f571e91255a"]);
    let object_id = of_client(&directory(&world), "applications")["properties"]["id"].as_str().unwrap().to_owned();
    refused(&world, &object_id, &["that is the object id of `Legacy portal`", CLIENT_ID]);
}

#[test]
fn given_an_application_that_is_somebodys_or_unfit_then_it_is_refused_with_the_reason_and_nothing_is_written() {
    let name = "displayName: Legacy portal\n";
    let with = |more: &str| format!("{name}      {more}\n");
    for (old, new, text) in [
        (name, with("uniqueName: gatewright.other.shop.shop"), "another installation of Gatewright"),
        (name, with("uniqueName: portal-of-bicep"), "another tool keeps it"),
        ("[legacy, cost", "[\"gatewright:other/shop/shop\", cost".to_owned(), "the mark of another installation"),
        (name, with("signInAudience: PersonalMicrosoftAccount"), "only personal Microsoft accounts"),
        ("value: Portal.Admin", "value: App.Access".to_owned(), "is for people alone"),
    ] {
        let world = World::of(story(&[(old, &new)]));
        refused(&world, CLIENT_ID, &[text, "Legacy portal"]);
    }
}

#[test]
fn given_an_installation_with_a_registration_of_its_own_when_another_is_to_be_adopted_then_both_are_named() {
    let world = World::of(story(&[]));
    world.set_up();
    let (own, _) = knock::own_credentials(&world);
    refused(&world, CLIENT_ID, &["has the registration `myapp` already", &own, CLIENT_ID]);
    let ran = set_up(&world, &own);
    assert_eq!(ran.code, Some(0), "our own is nothing to take over: {}", ran.stderr);
    assert!(!directory(&world).to_string().contains("gatewright:adopted"));
}
