//! Law 5: secrets are shown to nobody.

use crate::{
    export::secrets,
    world::{EXAMPLE, World},
};

/// Every byte that the program leaves anywhere but at its destinations is searched for every secret it handled.
#[test]
fn given_a_setup_when_every_byte_it_leaves_is_searched_then_no_secret_is_found() {
    let world = World::healthy();
    let mut leavings = String::new();
    let log = world.folder().join("log");
    let log = log.to_str().unwrap();
    for arguments in [
        &["setup", "--answers", EXAMPLE, "--yes", "-vv", "--log-file", log][..],
        &["setup", "--answers", EXAMPLE, "--yes", "--ui", "json", "-vv", "--log-file", log],
        &["plan", "--answers", EXAMPLE, "-vv", "--log-file", log],
        &["export", "objects", "--answers", EXAMPLE, "-vv", "--log-file", log],
        &["status", "-vv", "--log-file", log],
        &["status", "--history", "-vv", "--log-file", log],
    ] {
        let mut command = world.command(arguments);
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
        let ran = world.run_command(command);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        leavings.push_str(&ran.stdout);
        leavings.push_str(&ran.stderr);
    }
    everything_under(world.folder(), &mut leavings);
    // What is written down for whoever comes next is read by people who may not read Secrets.
    let record = world.ground.cluster().get("", "ConfigMap", Some("myapp"), "gatewright-myapp").unwrap();
    assert!(record["data"]["history.yaml"].is_string(), "{record:#}");
    leavings.push_str(&record.to_string());
    assert!(leavings.contains("gatewright"), "something was left to search");
    let mut values = secrets(&world);
    values.push(world.ground.caller().client_secret);
    for value in values {
        assert!(!leavings.contains(&value), "a secret was left behind");
    }
}

fn everything_under(folder: &std::path::Path, leavings: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything_under(&path, leavings);
        } else {
            leavings.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
}
