//! The objects as files: what `kubectl apply` would make of them is what setup makes.

use crate::world::{EXAMPLE, World};
use std::{collections::BTreeSet, path::Path};

fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn export(world: &World) -> Vec<(String, String)> {
    let ran = world.run(&["export", "objects", "--answers", EXAMPLE]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    texts(&world.folder().join("objects"))
}

#[test]
fn given_no_registration_when_exported_then_what_only_entra_knows_is_named_as_still_to_fill_and_nothing_was_written() {
    let world = World::healthy();
    let files = export(&world);
    assert!(world.writes_since(0).is_empty());
    assert!(files.len() > 15, "{files:#?}");
    let numbers: BTreeSet<&str> = files.iter().filter_map(|(name, _)| name.split('-').next()).collect();
    assert_eq!(numbers.len(), files.len(), "every file has a number of its own");
    let all: String = files.iter().map(|(_, text)| text.as_str()).collect();
    assert!(all.contains('‹'), "what is to be filled in stands in ‹›");
}

#[test]
fn given_a_setup_when_exported_then_the_objects_equal_the_live_ones_and_no_secret_is_in_them() {
    let world = World::healthy();
    world.set_up();
    let files = export(&world);
    for (name, text) in &files {
        for value in secrets(&world) {
            assert!(!text.contains(&value), "{name} holds a secret value");
        }
        // What is no object of its own (the registration, the mesh's entry) is a text for people.
        if !name.ends_with(".yaml") {
            continue;
        }
        let exported: serde_json::Value =
            serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (api_version, kind) = (exported["apiVersion"].as_str().unwrap(), exported["kind"].as_str().unwrap());
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let live = world
            .ground
            .cluster()
            .get(
                group,
                kind,
                exported["metadata"]["namespace"].as_str(),
                exported["metadata"]["name"].as_str().unwrap(),
            )
            .unwrap_or_else(|| panic!("{name} is not live"));
        is_within(name, &exported, &live, kind);
    }
}

/// Every field that was exported is live with the same value; a server adds its own.
fn is_within(at: &str, exported: &serde_json::Value, live: &serde_json::Value, kind: &str) {
    use serde_json::Value;
    match (exported, live) {
        (Value::Object(exported), Value::Object(live)) => {
            for (key, value) in exported {
                // Istio kinds are stored in one version and served in others.
                if key == "apiVersion" {
                    continue;
                }
                let there = live.get(key).unwrap_or_else(|| panic!("{at}: {kind} has no {key} live"));
                is_within(&format!("{at}.{key}"), value, there, kind);
            }
        }
        (Value::Array(exported), Value::Array(live)) => {
            assert_eq!(exported.len(), live.len(), "{at}");
            for (index, (exported, live)) in exported.iter().zip(live).enumerate() {
                is_within(&format!("{at}[{index}]"), exported, live, kind);
            }
        }
        (exported, live) => assert_eq!(exported, live, "{at}"),
    }
}

/// Every secret value of the installation, plain and as the cluster stores it.
pub(crate) fn secrets(world: &World) -> Vec<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut values = Vec::new();
    for secret in world.ground.cluster().list("", "Secret", Some("myapp")) {
        for value in secret["data"].as_object().into_iter().flat_map(serde_json::Map::values) {
            let encoded = value.as_str().unwrap().to_owned();
            values.push(String::from_utf8_lossy(&STANDARD.decode(&encoded).unwrap()).into_owned());
            values.push(encoded);
        }
    }
    assert!(values.len() >= 6, "there are secrets to look for: {}", values.len());
    values
}

#[test]
fn given_an_earlier_export_when_exported_again_then_it_is_replaced() {
    let world = World::healthy();
    let files = export(&world);
    world.write("objects/999-secret-of-an-earlier-one.yaml", "kind: Secret");
    assert!(files.iter().any(|(name, _)| name.ends_with(".txt")), "what kubectl passes over is among them");
    assert_eq!(export(&world), files);
}

/// Makes every exported object as somebody else, who owns all its fields from then on.
fn made_by_somebody(world: &World, change: impl Fn(&str) -> String) {
    for (name, text) in export(world).into_iter().filter(|(name, _)| name.ends_with(".yaml")) {
        let object: serde_json::Value = serde_saphyr::from_str(&change(&text)).unwrap();
        let made = world.ground.cluster().create_or_replace("somebody", object);
        made.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[test]
fn given_somebody_applied_an_export_when_set_up_then_what_it_left_open_is_filled_in_and_the_next_run_writes_nothing() {
    let world = World::healthy();
    made_by_somebody(&world, str::to_owned);
    world.set_up();
    assert!(!world.door_is_open());
    let before = world.ground.journal().requests();
    world.set_up();
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
    let config = world.ground.cluster().get("", "ConfigMap", Some("myapp"), "myapp-oauth2-proxy").unwrap();
    assert!(!config.to_string().contains('‹'), "{config}");
}

#[test]
fn given_somebody_changed_an_export_before_they_applied_it_when_set_up_then_they_are_named_and_nothing_is_taken() {
    let world = World::healthy();
    made_by_somebody(&world, |text| text.replace("replicas: 1", "replicas: 7"));
    let before = world.ground.journal().requests();
    let ran = world.run(&["setup", "--answers", EXAMPLE, "--yes"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains(r#".spec.replicas is owned by "somebody""#), "{}", ran.stderr);
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
}

#[test]
fn given_a_folder_with_something_else_in_it_when_exported_then_it_is_left_alone() {
    let world = World::healthy();
    std::fs::create_dir(world.folder().join("objects")).unwrap();
    world.write("objects/notes.txt", "mine");
    let ran = world.run(&["export", "objects", "--answers", EXAMPLE]);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert_eq!(texts(&world.folder().join("objects")), [("notes.txt".to_owned(), "mine".to_owned())]);
}
