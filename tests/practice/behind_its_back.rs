//! What was made is changed or taken away behind our back: the next run sees it, says so in its plan, and heals it in one go.

use crate::world::{EXAMPLE, World};
use serde_json::{Value, json};

/// Plans, expecting changes, and sets up in one go; afterwards nothing is left to do. Gives back the plan.
fn heals(world: &World) -> String {
    let planned = world.run(&["plan", "--answers", EXAMPLE]);
    assert_eq!(planned.code, Some(2), "{}", planned.stderr);
    world.set_up();
    let again = world.run(&["plan", "--answers", EXAMPLE]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(!world.door_is_open());
    planned.stderr
}

fn credentials(world: &World) -> Vec<Value> {
    world.application()["passwordCredentials"].as_array().unwrap().clone()
}

fn remove_credential(world: &World) {
    let application = world.application();
    let key_id = &application["passwordCredentials"][0]["keyId"];
    let path = format!("applications/{}/removePassword", application["id"].as_str().unwrap());
    let (status, answer) = world.graph("POST", &path, &json!({"keyId": key_id}));
    assert_eq!(status, 204, "{answer}");
}

#[test]
fn given_the_client_secret_is_removed_in_the_portal_when_setup_is_run_then_a_new_one_is_in_use_after_one_run() {
    let world = World::healthy();
    world.set_up();
    remove_credential(&world);
    heals(&world);
    assert_eq!(credentials(&world).len(), 1);
}

#[test]
fn given_a_key_is_removed_from_a_secret_when_setup_is_run_then_it_is_made_anew_in_one_run() {
    let world = World::healthy();
    world.set_up();
    for (name, key) in [("myapp-oauth2-proxy", "cookie-secret"), ("myapp-sessions", "password")] {
        let cluster = world.ground.cluster();
        let mut secret = cluster.get("", "Secret", Some("myapp"), name).unwrap();
        secret["data"].as_object_mut().unwrap().remove(key).unwrap();
        cluster.create_or_replace("gatewright", secret).unwrap();
        heals(&world);
    }
    assert_eq!(credentials(&world).len(), 1, "the client secret was kept");
}
