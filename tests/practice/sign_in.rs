//! Which way to sign in, and to which tenant, as the command line and the answers say.

use crate::world::{EXAMPLE, World};

/// The example's answers, naming a tenant.
fn naming(world: &World, tenant: &str) -> String {
    let text = std::fs::read_to_string(EXAMPLE)
        .unwrap()
        .replace("# tenant: contoso.onmicrosoft.com", &format!("tenant: {tenant}"));
    assert!(text.contains(&format!("  tenant: {tenant}")), "{text}");
    world.write("answers.yaml", &text).display().to_string()
}

#[test]
fn given_a_way_to_sign_in_on_the_command_line_then_that_one_is_used_and_no_other() {
    let world = World::healthy();
    let planned = world.run(&["plan", "--answers", EXAMPLE, "--sign-in", "service-principal"]);
    assert_eq!(planned.code, Some(2), "{planned:?}");
    let refused = world.run(&["plan", "--answers", EXAMPLE, "--sign-in", "workload-identity"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("not set: AZURE_FEDERATED_TOKEN_FILE"), "{refused:?}");
    let misspelt = world.run(&["plan", "--answers", EXAMPLE, "--sign-in", "browser"]);
    assert_eq!(misspelt.code, Some(64), "{misspelt:?}");
    assert!(misspelt.stderr.contains("device-code"), "{misspelt:?}");
}

#[test]
fn given_answers_that_name_another_tenant_than_the_command_line_then_nothing_is_planned_there() {
    let world = World::healthy();
    let same = world.run(&["plan", "--answers", &naming(&world, "contoso.onmicrosoft.com"), "--tenant", "example.com"]);
    assert_eq!(same.code, Some(2), "both are domains of the one tenant: {same:?}");
    let other = world.run(&["plan", "--answers", &naming(&world, "fabrikam.com"), "--tenant", "example.com"]);
    assert_eq!(other.code, Some(64), "{other:?}");
    assert!(
        other.stderr.contains("the answers name the tenant fabrikam.com, and this run is signed in to example.com")
    );
    assert!(other.stderr.contains("--tenant fabrikam.com"), "{other:?}");
}

#[test]
fn given_recorded_answers_that_name_their_tenant_then_a_later_run_signs_in_there() {
    let world = World::healthy();
    let answers = naming(&world, "contoso.onmicrosoft.com");
    let set_up = world.run(&["setup", "--answers", &answers, "--yes"]);
    assert_eq!(set_up.code, Some(0), "{set_up:?}");
    let sequence = world.ground.journal().requests();
    let again = world.run(&["plan"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    let asked = world.ground.journal().since(sequence);
    assert!(asked.iter().any(|entry| entry.path.contains("/contoso.onmicrosoft.com/oauth2/")), "{asked:#?}");
}
