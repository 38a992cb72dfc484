//! What is printed where: results on standard output, whether somebody reads them or not.

use crate::world::{EXAMPLE, World};
use serde_json::Value;
use std::{
    fs::{File, OpenOptions},
    io::Read as _,
};

fn events(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn given_json_is_asked_for_when_there_are_no_usable_answers_then_an_event_says_so() {
    let world = World::healthy();
    let wrong = world.write("wrong.yaml", "version: 7\n");
    for (arguments, text) in [
        (&["setup", "--ui", "json", "--answers", "nowhere.yaml"][..], "nowhere.yaml"),
        (&["plan", "--ui", "json", "--answers", wrong.to_str().unwrap()], "version"),
        (&["plan", "--ui", "json"], "there are no answers"),
    ] {
        let ran = world.run(arguments);
        assert_eq!(ran.code, Some(64), "{arguments:?}: {}", ran.stderr);
        let events = events(&ran.stdout);
        let last = events.last().unwrap_or_else(|| panic!("{arguments:?} says nothing: {}", ran.stderr));
        assert_eq!(last["event"], "failed", "{last}");
        assert_eq!(last["problem"]["kind"], "unusableAnswers", "{last}");
        assert!(last["problem"]["cause"].as_str().unwrap().contains(text), "{last}");
    }
}

#[test]
fn given_json_is_asked_for_when_nobody_confirmed_then_the_last_event_says_so() {
    let world = World::healthy();
    let ran = world.run(&["setup", "--ui", "json", "--answers", EXAMPLE]);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    let events = events(&ran.stdout);
    assert_eq!(events.last().unwrap()["event"], "failed");
    assert!(events.last().unwrap()["problem"]["remedy"].as_str().unwrap().contains("--yes"));
}

#[test]
fn given_json_is_asked_for_then_the_results_of_status_and_export_are_events_too() {
    let world = World::healthy();
    world.set_up();
    for (arguments, event) in [
        (&["status", "--ui", "json"][..], "installed"),
        (&["export", "out", "--ui", "json", "--answers", EXAMPLE], "written"),
    ] {
        let ran = world.run(arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let events = events(&ran.stdout);
        assert!(events.iter().all(|event| event["version"] == 1), "{events:?}");
        assert!(events.iter().any(|found| found["event"] == event), "{events:?}");
    }
}

#[test]
fn given_a_reader_who_has_seen_enough_then_nothing_panics() {
    let world = World::healthy();
    for arguments in [&["completions", "bash"][..], &["--help"], &["practice", "scenarios"], &["status"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = world.command(arguments);
        command.stdout(writer);
        let mut child = command.spawn().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn given_a_full_disk_when_a_result_cannot_be_written_then_the_exit_code_says_so() {
    let world = World::healthy();
    world.set_up();
    for arguments in [&["completions", "bash"][..], &["practice", "scenarios"], &["status"]] {
        let full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = world.command(arguments);
        command.stdout(full);
        let mut child = command.spawn().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{arguments:?}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn given_a_device_without_an_end_as_answers_then_64_and_not_all_of_the_memory() {
    let world = World::healthy();
    let ran = world.run(&["plan", "--answers", "/dev/zero"]);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
}
