//! Law 3: a rotation killed at any of its writes is finished by the next; at no moment was there no valid credential, or an open door.

use crate::{
    killed::{Watch, at_every_write},
    rotate::{gets_a_token, is_whole, rotate},
    world::World,
};
use gatewright::practice::Scenario;

/// A run waits for its ground more than it works.
const RUNS_AT_ONCE: usize = 4;
/// Of so many moments one, where not all are asked for.
const SOME: usize = 3;

fn world(fault: &str) -> World {
    let text = format!("title: a rotation that is killed\nabout: The caller is killed at one of its writes.\n{fault}");
    World::of(Scenario::parse("killed", &text, "killed").unwrap_or_else(|error| panic!("{error}")))
}

fn kill_at_every_write(what: &str) {
    let undisturbed = world("");
    undisturbed.set_up();
    let of_setup = u64::try_from(undisturbed.writes_since(0).len()).unwrap();
    let before = undisturbed.ground.journal().requests();
    let ran = rotate(&undisturbed, &["--what", what]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let writes = u64::try_from(undisturbed.writes_since(before).len()).unwrap();
    assert!(writes > 2, "a rotation of the {what} writes {writes} times");
    drop(undisturbed);
    at_every_write(RUNS_AT_ONCE, SOME, writes, |nth, moment| kill(what, of_setup + nth, moment));
}

fn kill(what: &str, nth: u64, moment: &str) {
    let fault = format!("faults:\n- match: {{writes: true, nth: {nth}}}\n  then: {{stop: {moment}}}\n");
    let world = world(&fault);
    world.set_up();
    let watch = Watch::over(&world);
    let killed = rotate(&world, &["--what", what]);
    let at = format!("{what} killed {moment} write {nth} (exit {:?})", killed.code);
    assert_eq!(killed.code, None, "{at}: {}", killed.stderr);
    gets_a_token(&world, &at);
    let again = rotate(&world, &["--what", what]);
    assert_eq!(again.code, Some(0), "{at}, then run again:\n{}", again.stderr);
    assert_eq!(watch.end(), 0, "{at}: the door was open");
    is_whole(&world, &at);
    let session = crate::knock::sign_in(&world, "alice@example.com", "/deep/page");
    let answer = crate::knock::get(&world, "/deep/page", &[("cookie", &session)]);
    assert!(crate::knock::reached_the_app(&answer), "{at}: {answer:?}");
}

#[test]
fn given_a_rotation_of_the_client_secret_is_killed_at_any_write_when_run_again_then_one_credential_of_ours_is_left() {
    kill_at_every_write("client-secret");
}

#[test]
fn given_a_rotation_of_the_certificates_key_is_killed_at_any_write_when_run_again_then_people_can_sign_in() {
    kill_at_every_write("certificate-key");
}

#[test]
fn given_a_rotation_of_the_cookie_secret_is_killed_at_any_write_when_run_again_then_people_can_sign_in() {
    kill_at_every_write("cookie-secret");
}

#[test]
fn given_a_rotation_of_the_session_stores_password_is_killed_at_any_write_when_run_again_then_one_password_is_left() {
    kill_at_every_write("redis-password");
}
