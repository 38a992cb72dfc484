//! A setup that is killed again and again, on the whole cluster.

use super::Whole;
use super::watch::Watch;
use std::collections::BTreeMap;

/// How many steps a run gets done before it is killed.
const STEPS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn given_a_setup_that_is_killed_every_few_steps_when_run_again_then_it_ends_as_one_that_was_not() {
    let Some(whole) = Whole::open().await else { return };
    let strangers = Watch::strangers(&whole);
    let mut made: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut runs = 0;
    while !whole.gatewright().sets_up_within(STEPS).await {
        runs += 1;
        assert!(runs < 40, "it comes to no end");
        let now = whole.uids().await;
        for (name, uid) in &made {
            assert_eq!(Some(uid), now.get(name), "{name} was made once and stays");
        }
        made = now;
    }
    assert!(runs > 4, "it was killed only {runs} times");
    let before = whole.versions().await;
    let said = whole.gatewright().run(&["setup", "--yes"]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(before, whole.versions().await, "{}", said.out);
    let tenant = whole.ground.tenant().snapshot();
    let applications = tenant["directory"]["applications"].as_array().unwrap();
    let ours: Vec<_> =
        applications.iter().map(|kept| &kept["properties"]).filter(|one| one["uniqueName"].is_string()).collect();
    assert_eq!(ours.len(), 1, "{ours:#?}");
    assert_eq!(ours[0]["passwordCredentials"].as_array().unwrap().len(), 1, "{ours:#?}");
    let authorization = format!("Bearer {}", whole.own_token().await);
    let program = whole.client.get("/", &[("authorization", &authorization)]).await;
    assert!(program.is_from_the_application(), "{program:#?}");
    let seen = strangers.end().await;
    assert!(seen.let_in.is_empty(), "{seen:#?}");
}
