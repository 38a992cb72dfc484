//! Consent for everybody that is left to an administrator: never tried here, given from the link that is handed over, and seen
//! by the next run.

use crate::{
    knock::a_browser,
    world::{EXAMPLE, Ran, World},
};
use reqwest::StatusCode;
use serde_json::Value;
use url::Url;

fn answers(world: &World) -> String {
    let example = std::fs::read_to_string(EXAMPLE).unwrap();
    let handed_over = example.replace("  consent: grant\n", "  consent: handOver\n");
    assert_ne!(example, handed_over);
    world.write("handed-over.yaml", &handed_over).to_str().unwrap().to_owned()
}

fn set_up(world: &World) -> Ran {
    world.run(&["setup", "--answers", &answers(world), "--yes"])
}

fn tried_to_consent(world: &World) -> bool {
    world.writes_since(0).iter().any(|entry| entry.path.contains("oauth2PermissionGrants"))
}

/// The link as it stands in the text, on a line of its own.
fn link(ran: &Ran) -> Url {
    let mut links = ran.stderr.lines().map(str::trim).filter(|line| line.contains("/adminconsent?client_id="));
    links.next().unwrap_or_else(|| panic!("no link:\n{}", ran.stderr)).parse().unwrap()
}

/// Opens the page as somebody of the practice tenant.
fn open(world: &World, link: &Url, person: &str) -> StatusCode {
    let mut link = link.clone();
    link.query_pairs_mut().append_pair("login_hint", person);
    world.wait_for(a_browser(world).get(link).send()).unwrap().status()
}

#[test]
fn given_consent_is_handed_over_when_an_administrator_follows_the_link_then_the_next_run_sees_it_and_writes_nothing() {
    let world = World::healthy();
    let planned = world.run(&["plan", "--answers", &answers(&world)]);
    assert_eq!(planned.code, Some(2), "{}", planned.stderr);
    assert_eq!(planned.stderr.matches("hand over Consent").count(), 2, "{}", planned.stderr);

    let first = set_up(&world);
    assert_eq!(first.code, Some(3), "{}", first.stderr);
    assert!(!tried_to_consent(&world), "{:#?}", world.writes_since(0));
    assert!(!world.door_is_open());
    let text = first.stderr.split_once("Subject: admin consent for myapp in ").expect(&first.stderr).1;
    for said in
        ["of Microsoft Graph: openid, profile, email", "itself: user_impersonation", "Privileged Role Administrator"]
    {
        assert!(text.contains(said), "{said:?} is not in:\n{text}");
    }
    assert_eq!(first.stderr.matches("Subject:").count(), 1, "one text for one page:\n{}", first.stderr);

    let requests = world.ground.journal().requests();
    let still = set_up(&world);
    assert_eq!(still.code, Some(3), "{}", still.stderr);
    assert!(world.writes_since(requests).is_empty(), "{:#?}", world.writes_since(requests));
    assert_eq!(world.run(&["plan", "myapp"]).code, Some(3), "nothing is left to do but for somebody else");

    assert_eq!(open(&world, &link(&still), "bob@example.com"), StatusCode::FORBIDDEN, "it takes an administrator");
    assert_eq!(set_up(&world).code, Some(3));
    assert!(open(&world, &link(&still), "ada@example.com").is_redirection());

    let requests = world.ground.journal().requests();
    let last = set_up(&world);
    assert_eq!(last.code, Some(0), "{}", last.stderr);
    assert!(world.writes_since(requests).is_empty(), "{:#?}", world.writes_since(requests));
    assert!(last.stderr.contains("Nothing changed"), "{}", last.stderr);
    assert_eq!(world.run(&["plan", "myapp"]).code, Some(0));
    crate::door::a_person_signs_in(&world);
}

#[test]
fn given_consent_is_handed_over_when_events_are_asked_for_then_the_link_and_the_text_are_in_them() {
    let world = World::healthy();
    let ran = world.run(&["setup", "--answers", &answers(&world), "--yes", "--ui", "json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let handed_over: Vec<&Value> =
        events.iter().filter(|event| event["event"] == "handOver").map(|event| &event["handOver"]).collect();
    assert_eq!(handed_over.len(), 2, "{handed_over:#?}");
    let link = handed_over[0]["link"].as_str().unwrap();
    assert!(handed_over.iter().all(|one| one["link"] == link), "{handed_over:#?}");
    assert!(handed_over[0]["text"].as_str().unwrap().lines().any(|line| line == link), "{handed_over:#?}");
    let last = events.last().unwrap();
    assert_eq!(last["counts"]["handOver"], 2, "{last}");
}
