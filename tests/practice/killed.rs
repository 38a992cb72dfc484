//! Law 3: a run killed at any request is finished by the next.

use crate::world::{EXAMPLE, HOST, World};
use gatewright::practice::Scenario;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Much shorter than any push to a proxy takes.
const A_MOMENT: std::time::Duration = std::time::Duration::from_millis(50);
/// A run waits for its ground more than it works.
const RUNS_AT_ONCE: usize = 6;

/// What is left of a world when everything that differs from run to run by its nature is taken out.
pub(crate) fn essence(world: &World) -> BTreeMap<String, String> {
    let mut objects = BTreeMap::new();
    let kinds = [
        ("", "Namespace"),
        ("", "ConfigMap"),
        ("", "Secret"),
        ("", "Service"),
        ("", "ServiceAccount"),
        ("apps", "Deployment"),
        ("cert-manager.io", "Certificate"),
        ("cert-manager.io", "ClusterIssuer"),
        ("networking.istio.io", "DestinationRule"),
        ("networking.istio.io", "EnvoyFilter"),
        ("networking.istio.io", "Gateway"),
        ("networking.istio.io", "ServiceEntry"),
        ("networking.istio.io", "VirtualService"),
        ("security.istio.io", "AuthorizationPolicy"),
        ("security.istio.io", "PeerAuthentication"),
        ("security.istio.io", "RequestAuthentication"),
    ];
    for (group, kind) in kinds {
        for object in world.ground.cluster().list(group, kind, None) {
            if object["metadata"]["name"]
                .as_str()
                .is_some_and(|name| name.ends_with("root-cert") || name.ends_with("ca.crt"))
            {
                continue; // Every world has an authority of its own.
            }
            let name = format!("{kind} {}/{}", object["metadata"]["namespace"], object["metadata"]["name"]);
            let mut decided = gatewright::engine::diff::decided(&object);
            forget_what_is_random(&mut decided);
            objects.insert(name, without_ports(world, &decided.to_string()));
        }
    }
    objects
}

/// The servers of every world have ports of their own.
fn without_ports(world: &World, text: &str) -> String {
    let ports = world.ground.ports();
    text.replace(&format!(":{}", ports.sign_in), ":SIGN-IN").replace(&format!(":{}", ports.graph), ":GRAPH")
}

/// Secret values, what hangs on them, addresses that the cluster allots, and ids that the tenant allots.
fn forget_what_is_random(object: &mut Value) {
    match object {
        Value::Object(fields) => {
            fields.retain(|key, _| {
                !key.starts_with("clusterIP")
                    && !["gatewright.dev/client-secret-key-id", "gatewright.dev/client-secret-expires"]
                        .contains(&key.as_str())
                    && !key.starts_with("gatewright.dev/checksum-")
                    && key != "history.yaml"
            });
            fields.values_mut().for_each(forget_what_is_random);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_what_is_random),
        Value::String(text) => {
            if text.starts_with("‹secret ") {
                "a secret".clone_into(text);
            }
            *text = without_ids(text);
        }
        _ => {}
    }
}

/// Every GUID becomes the same one: client ids differ from world to world.
fn without_ids(text: &str) -> String {
    let mut result = text.to_owned();
    for start in (0..text.len().saturating_sub(35)).rev() {
        let Some(candidate) = text.get(start..start + 36) else { continue };
        if uuid::Uuid::parse_str(candidate).is_ok() {
            result.replace_range(start..start + 36, "GUID");
        }
    }
    result
}

/// One application, one live credential of ours, no object of ours without its mark.
pub(crate) fn check_what_must_hold(world: &World, at: &str) {
    let ours: Vec<Value> = world
        .applications()
        .into_iter()
        .filter(|application| {
            application["uniqueName"]
                .as_str()
                .is_some_and(|name| name.starts_with("gatewright.") && name.ends_with(".myapp"))
        })
        .collect();
    assert_eq!(ours.len(), 1, "{at}: one application");
    let credentials = ours[0]["passwordCredentials"].as_array().unwrap();
    assert_eq!(credentials.len(), 1, "{at}: one credential: {credentials:#?}");
    let secret = world
        .ground
        .cluster()
        .list("", "Secret", Some("myapp"))
        .into_iter()
        .find(|secret| secret["metadata"]["annotations"]["gatewright.dev/client-secret-key-id"].is_string())
        .unwrap_or_else(|| panic!("{at}: the Secret names its credential"));
    assert_eq!(
        secret["metadata"]["annotations"]["gatewright.dev/client-secret-key-id"], credentials[0]["keyId"],
        "{at}: the Secret holds the credential that lives"
    );
    for kind in [
        ("", "ConfigMap"),
        ("", "Secret"),
        ("", "Service"),
        ("apps", "Deployment"),
        ("security.istio.io", "AuthorizationPolicy"),
    ] {
        for object in world.ground.cluster().list(kind.0, kind.1, Some("myapp")) {
            let managers = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
            if managers.iter().any(|entry| entry["manager"] == "gatewright") {
                assert_eq!(object["metadata"]["labels"]["gatewright.dev/installation"], "myapp", "{at}: {object:#}");
            }
        }
    }
}

/// Watches the door after every change of the cluster, and between them where effects take time, for as long as it lives.
pub(crate) struct Watch {
    openings: std::sync::Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    pub(crate) fn over(world: &World) -> Self {
        let openings = std::sync::Arc::new(AtomicU64::new(0));
        let (edge, mut changes) = (world.ground.edge().clone(), world.ground.cluster().changes());
        let slow = world.is_slow();
        let seen = std::sync::Arc::clone(&openings);
        let task = world.spawn(async move {
            loop {
                if edge.anonymous_reaches_app(HOST).await {
                    seen.fetch_add(1, Ordering::SeqCst);
                }
                // Where effects take time, proxies learn of a change later than the cluster does.
                tokio::select! {
                    ended = changes.changed() => if ended.is_err() { return },
                    () = tokio::time::sleep(A_MOMENT), if slow => {}
                }
            }
        });
        Self { openings, task }
    }

    pub(crate) fn end(self) -> u64 {
        self.task.abort();
        self.openings.load(Ordering::SeqCst)
    }
}

/// A run that is killed when the request that fits has had its effect, and never sees the answer.
pub(crate) fn killed_after(request: &str) -> Scenario {
    let text = format!(
        "title: \"killed after request {request}\"\nabout: The caller is killed once this request has had its effect.\nfaults:\n- match: {request}\n  then: {{stop: after}}\n"
    );
    Scenario::parse("killed", &text, "killed").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn given_setup_is_killed_after_any_request_when_it_is_run_again_then_the_world_is_as_if_undisturbed() {
    let undisturbed = World::healthy();
    undisturbed.set_up();
    let requests = undisturbed.ground.journal().requests();
    let expected = essence(&undisturbed);
    check_what_must_hold(&undisturbed, "undisturbed");
    drop(undisturbed);
    println!("an undisturbed setup sends {requests} requests; it is killed after each of them");

    side_by_side(RUNS_AT_ONCE, 1..=requests, |nth| kill_and_run_again(nth, &expected));
}

/// Does `work` with each of these numbers, for so many of them at once.
pub(crate) fn side_by_side(at_once: usize, numbers: impl Iterator<Item = u64> + Send, work: impl Fn(u64) + Sync) {
    let numbers = Mutex::new(numbers);
    let next = || numbers.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(number) = next() {
                    work(number);
                }
            });
        }
    });
}

/// With this in the environment, as in CI, a run is killed before and after every one of its writes; else at some of them.
const EVERY_WRITE: &str = "GATEWRIGHT_KILL_AT_EVERY_WRITE";

/// Calls `kill` with the number and the moment, before or after, of every write of a run that writes so often, for so many at once; where
/// not all are asked for, of one in `some`. An odd number has both moments among them.
pub(crate) fn at_every_write(at_once: usize, some: usize, writes: u64, kill: impl Fn(u64, &str) + Sync) {
    let step = if std::env::var_os(EVERY_WRITE).is_some() { 1 } else { some };
    side_by_side(at_once, (0..writes * 2).step_by(step), |at| {
        kill(at / 2 + 1, if at.is_multiple_of(2) { "before" } else { "after" });
    });
}

fn kill_and_run_again(nth: u64, expected: &BTreeMap<String, String>) {
    // Requests of one wave run side by side: the last few of a run may not come when fewer were needed this time.
    finish_after(&killed_after(&format!("{{nth: {nth}}}")), EXAMPLE, expected);
}

/// Runs setup in a world that kills it, runs it again, and looks whether the world is as `expected`. Tells how the first run ended.
pub(crate) fn finish_after(scenario: &Scenario, answers: &str, expected: &BTreeMap<String, String>) -> Option<i32> {
    let world = World::of(scenario.clone());
    let watch = Watch::over(&world);
    let killed = world.run(&["setup", "--answers", answers, "--yes"]);
    let at = format!("{} (exit {:?})", scenario.title, killed.code);
    let again = world.run(&["setup", "--answers", answers, "--yes"]);
    assert_eq!(again.code, Some(0), "{at}, then run again:\n{}", again.stderr);
    check_what_must_hold(&world, &at);
    assert_eq!(watch.end(), 0, "{at}: the door was open");
    let ended = essence(&world);
    for (name, object) in expected {
        assert_eq!(ended.get(name), Some(object), "{at}: {name}");
    }
    assert_eq!(ended.len(), expected.len(), "{at}: {:?}", ended.keys());
    let before = world.ground.journal().requests();
    let third = world.run(&["setup", "--answers", answers, "--yes"]);
    assert_eq!(third.code, Some(0), "{at}: {}", third.stderr);
    assert!(
        world.writes_since(before).is_empty(),
        "{at}: a third run writes nothing: {:#?}",
        world.writes_since(before)
    );
    killed.code
}
