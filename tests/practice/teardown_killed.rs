//! Law 3, backwards: a teardown killed at any of its writes is finished by the next, and at no moment was the door open.

use crate::{
    adopt,
    killed::{Watch, at_every_write},
    teardown::{Dump, is_given_back, take_away},
    world::World,
};
use gatewright::practice::Scenario;

/// A run waits for its ground more than it works.
const RUNS_AT_ONCE: usize = 6;
/// Of so many moments one, where not all are asked for.
const SOME: usize = 7;

/// What a teardown sends that changes something, as a fault can strike it; nothing but writes changes what the next run finds.
fn writes_of_a_teardown(world: &World) -> u64 {
    let before = world.ground.journal().requests();
    let ran = take_away(world, &["myapp/myapp"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    u64::try_from(world.writes_since(before).len()).unwrap()
}

/// Kills a teardown at the write that fits, in as many worlds as there are such writes, and runs it again.
fn kill_at_every_write(
    worlds: impl Fn(&str) -> World + Sync,
    set_up: impl Fn(&World) + Sync,
    ended: impl Fn(&World, &Dump, &str) + Sync,
) {
    let undisturbed = worlds("");
    set_up(&undisturbed);
    let of_setup = u64::try_from(undisturbed.writes_since(0).len()).unwrap();
    let writes = writes_of_a_teardown(&undisturbed);
    drop(undisturbed);
    at_every_write(RUNS_AT_ONCE, SOME, writes, |nth, moment| {
        // A write is struck by its number, counted from the first of the setup.
        let fault =
            format!("faults:\n- match: {{writes: true, nth: {}}}\n  then: {{stop: {moment}}}\n", of_setup + nth);
        let world = worlds(&fault);
        let before = Dump::of(&world);
        set_up(&world);
        let watch = Watch::over(&world);
        let killed = take_away(&world, &["myapp/myapp"]);
        let name = format!("killed {moment} write {nth} (exit {:?})", killed.code);
        let again = take_away(&world, &["myapp/myapp"]);
        assert_eq!(again.code, Some(0), "{name}, then run again:\n{}", again.stderr);
        assert_eq!(watch.end(), 0, "{name}: the door was open");
        ended(&world, &before, &name);
        let requests = world.ground.journal().requests();
        assert_eq!(take_away(&world, &["myapp"]).code, Some(0), "{name}");
        assert!(world.writes_since(requests).is_empty(), "{name}: {:#?}", world.writes_since(requests));
    });
}

#[test]
fn given_a_teardown_is_killed_at_any_write_when_it_is_run_again_then_nothing_of_ours_is_left_and_the_door_was_never_open()
 {
    let world = |fault: &str| {
        let text =
            format!("title: a teardown that is killed\nabout: The caller is killed at one of its writes.\n{fault}");
        World::of(Scenario::parse("killed", &text, "killed").unwrap_or_else(|error| panic!("{error}")))
    };
    let set_up = |world: &World| {
        world.set_up();
    };
    kill_at_every_write(world, set_up, |world, before, at| Dump::of(world).is_as(before, at));
}

#[test]
fn given_an_adopted_application_and_a_teardown_that_is_killed_at_any_write_when_run_again_then_it_is_given_back_whole()
{
    let world = |fault: &str| World::of(adopt::story(&[("tenant:\n", &format!("{fault}tenant:\n"))]));
    let set_up = |world: &World| {
        let ran = adopt::set_up(world, adopt::CLIENT_ID);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    };
    kill_at_every_write(world, set_up, is_given_back);
}
