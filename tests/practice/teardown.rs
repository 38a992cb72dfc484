//! Everything is taken away again: the world is as it was before, and at no moment was the door open.

use crate::{
    adopt,
    existing::{already_there, example_with_secret, set_up, text, wait_until},
    killed::Watch,
    knock,
    redis::with_redis,
    world::{EXAMPLE, HOST, Ran, World},
};
use gatewright::practice::edge::Client;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// Every object of the cluster and everything in the tenant, without what every write leaves on an object: its version and the
/// note of who wrote it.
pub(crate) struct Dump {
    objects: BTreeMap<String, Value>,
    directory: Value,
}

impl Dump {
    pub(crate) fn of(world: &World) -> Self {
        let snapshot = world.ground.cluster().snapshot();
        let all = snapshot["objects"].as_array().unwrap_or_else(|| panic!("the cluster keeps objects"));
        let objects = all.iter().map(|kept| &kept["object"]).filter(|object| object["kind"] != "Event").map(|object| {
            let mut object = object.clone();
            let metadata = object["metadata"].as_object_mut().unwrap();
            metadata.retain(|key, _| !["resourceVersion", "managedFields"].contains(&key.as_str()));
            if object["apiVersion"] == "apps/v1" {
                // What controllers report of pods comes when it comes.
                object.as_object_mut().unwrap().shift_remove("status");
            }
            let name = format!("{} {}/{}", object["kind"], object["metadata"]["namespace"], object["metadata"]["name"]);
            (name, object)
        });
        Self { objects: objects.collect(), directory: world.ground.tenant().snapshot()["directory"].clone() }
    }

    /// The tenant without what is in its bin, and without what hangs on it.
    fn directory_outside_the_bin(&self) -> Value {
        let mut directory = self.directory.clone();
        // How many ids the tenant has handed out says nothing of what is left of them.
        directory.as_object_mut().unwrap().shift_remove("idsGiven");
        let mut gone: Vec<String> = Vec::new();
        for list in ["applications", "servicePrincipals"] {
            directory[list].as_array_mut().unwrap().retain(|kept| {
                let is_deleted = !kept["deleted"].is_null();
                if is_deleted {
                    gone.push(kept["properties"]["id"].as_str().unwrap().to_owned());
                }
                !is_deleted
            });
        }
        for list in ["grants", "roleAssignments"] {
            directory[list].as_array_mut().unwrap().retain(|kept| !gone.iter().any(|id| kept.to_string().contains(id)));
        }
        directory
    }

    /// The world is as it was, but for what is in the tenant's bin.
    pub(crate) fn is_as(&self, before: &Self, at: &str) {
        self.cluster_is_as(before, at);
        same(&before.directory_outside_the_bin(), &self.directory_outside_the_bin(), &format!("{at}: the tenant"));
    }

    pub(crate) fn cluster_is_as(&self, before: &Self, at: &str) {
        for (name, object) in &before.objects {
            same(object, self.objects.get(name).unwrap_or(&Value::Null), &format!("{at}: {name}"));
        }
        let new: Vec<_> = self.objects.keys().filter(|name| !before.objects.contains_key(*name)).collect();
        assert!(new.is_empty(), "{at}: left behind: {new:#?}");
    }
}

fn same(before: &Value, now: &Value, at: &str) {
    let text = |value: &Value| serde_json::to_string_pretty(&in_order(value)).unwrap();
    let difference = gatewright::engine::diff::between_texts(&text(before), &text(now));
    assert!(difference.is_empty(), "{at}:\n{difference}");
}

/// Objects have no order of their keys.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), in_order(value)))
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            .collect(),
        Value::Array(items) => items.iter().map(in_order).collect(),
        other => other.clone(),
    }
}

pub(crate) fn take_away(world: &World, arguments: &[&str]) -> Ran {
    world.run(&[&["teardown", "--yes"], arguments].concat())
}

/// Takes it away well, and again, when nothing must be written.
pub(crate) fn take_away_twice(world: &World, arguments: &[&str]) -> Ran {
    let ran = take_away(world, arguments);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let before = world.ground.journal().requests();
    let again = take_away(world, arguments);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(world.writes_since(before).is_empty(), "{:#?}", world.writes_since(before));
    ran
}

/// Takes it away while somebody tries the door after every change.
fn take_away_watched(world: &World, arguments: &[&str]) -> Ran {
    let watch = Watch::over(world);
    let ran = take_away_twice(world, arguments);
    assert_eq!(watch.end(), 0, "the door was open");
    ran
}

pub(crate) fn must_tell(ran: &Ran, texts: &[&str]) {
    for text in texts {
        assert!(ran.stderr.contains(text), "{text:?} is not in:\n{}", ran.stderr);
    }
}

#[test]
fn given_an_installation_when_it_is_taken_away_then_the_world_is_as_before_and_the_door_was_never_open() {
    let world = World::healthy();
    let before = Dump::of(&world);
    world.set_up();
    let ran = take_away_watched(&world, &["myapp"]);
    Dump::of(&world).is_as(&before, "taken away");
    must_tell(&ran, &["Goes, in this order", "az rest --method post", "/restore", "Taken away in"]);
    assert!(!ran.stderr.contains("others have changed"), "nobody else changed anything:\n{}", ran.stderr);

    let requests = world.ground.journal().requests();
    for arguments in [&["myapp"][..], &[], &["myapp/myapp"]] {
        let again = take_away(&world, arguments);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
    }
    must_tell(&take_away(&world, &["myapp"]), &["Nothing of ours is here"]);
    must_tell(&take_away(&world, &["myapp/myapp"]), &["Gone already", "az rest --method post"]);
    assert!(world.writes_since(requests).is_empty(), "{:#?}", world.writes_since(requests));
}

#[test]
fn given_effects_take_time_when_it_is_taken_away_then_the_door_was_never_open_while_proxies_learnt_of_it() {
    let world = World::healthy_and_slow();
    world.set_up();
    let watch = Watch::over(&world);
    let ran = take_away(&world, &["myapp"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(watch.end(), 0, "the door was open");
    must_tell(&ran, &["gone from the live configuration of"]);
    assert!(world.ground.cluster().get("", "Namespace", None, "myapp").is_none());
}

#[test]
fn given_nobody_can_confirm_when_it_is_taken_away_then_nothing_is_changed() {
    let world = World::healthy();
    world.set_up();
    let requests = world.ground.journal().requests();
    let ran = world.run(&["teardown", "myapp"]);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    must_tell(&ran, &["--yes", "Nothing has been changed"]);
    let full_screen = world.run(&["teardown", "myapp", "--ui", "tui"]);
    assert_eq!(full_screen.code, Some(64), "{}", full_screen.stderr);
    assert!(world.writes_since(requests).is_empty());
}

#[test]
fn given_json_is_asked_for_when_it_is_taken_away_then_every_line_is_an_event_with_its_group() {
    let world = World::healthy();
    world.set_up();
    let ran = take_away(&world, &["--ui", "json"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let planned = events.iter().find(|event| event["event"] == "teardownPlanned").unwrap();
    let steps = planned["steps"].as_array().unwrap();
    assert!(steps.len() > 20 && steps.iter().all(|step| step["group"] == "removed"), "{planned:#}");
    assert_eq!(steps[0]["wave"], "Routes", "{planned:#}");
    assert_eq!(events.last().unwrap()["outcome"], "done");
    let again = take_away(&world, &["--ui", "json"]);
    let last: Value = serde_json::from_str(again.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((last["event"].as_str(), last["outcome"].as_str()), (Some("finished"), Some("nothingToDo")), "{last}");
}

#[test]
fn given_others_have_something_in_it_and_changed_an_object_when_taken_away_then_theirs_stays_and_the_change_is_shown() {
    let world = World::healthy();
    world.set_up();
    let cluster = world.ground.cluster();
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "myapp"},
                        "data": {"a": "b"}});
    let made = cluster.create_or_replace("somebody", theirs).unwrap();
    let scaled = json!({"spec": {"replicas": 3}});
    cluster.patch("kubectl-edit", ("apps", "Deployment"), Some("myapp"), "myapp", &scaled).unwrap();
    let namespace = || cluster.get("", "Namespace", None, "myapp").unwrap();
    let before = namespace();
    let ran = take_away_watched(&world, &["myapp"]);
    must_tell(
        &ran,
        &["others have something in it: ConfigMap theirs", "kubectl-edit", "-  replicas: 1", "+  replicas: 3"],
    );
    assert_eq!(cluster.get("", "ConfigMap", Some("myapp"), "theirs"), Some(made));
    assert_eq!(namespace(), before, "what is kept is not touched");
    assert!(cluster.list("apps", "Deployment", Some("myapp")).is_empty());

    // Once nothing of others is in it any more, it goes.
    cluster.delete("", "ConfigMap", Some("myapp"), "theirs").unwrap();
    assert_eq!(take_away(&world, &["myapp"]).code, Some(0));
    assert!(cluster.get("", "Namespace", None, "myapp").is_none());
}

#[test]
fn given_a_certificate_a_redis_and_a_namespace_that_were_there_when_taken_away_then_all_of_it_stays_as_it_was() {
    let world = already_there();
    wait_until(|| {
        let redis = world.ground.cluster().get("apps", "Deployment", Some("cache"), "redis").unwrap();
        redis["status"]["readyReplicas"] == 1
    });
    let before = Dump::of(&world);
    let inside = "{address: \"redis.cache.svc:6379\", passwordFrom: {secret: redis-auth}}";
    let ran = set_up(&world, &with_redis(&example_with_secret("cluster-tls"), inside));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = take_away_watched(&world, &[]);
    must_tell(&ran, &["Stays:", "istio-system/cluster-tls", "myapp/redis-auth", "it was there before"]);
    Dump::of(&world).is_as(&before, "with what was there");
}

#[test]
fn given_the_locks_at_the_gateway_when_taken_away_then_nothing_is_left_there_and_the_door_was_never_open() {
    let world = World::healthy();
    let before = Dump::of(&world);
    let ran = set_up(&world, &std::fs::read_to_string(EXAMPLE).unwrap().replace("hook: sidecar", "hook: gateway"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    take_away_watched(&world, &["myapp"]);
    Dump::of(&world).is_as(&before, "locks at the gateway");
}

/// An application that was there before us, with a sidecar.
const WITH_SIDECAR: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: team-docs, labels: {istio-injection: enabled}}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: wiki, namespace: team-docs}
  spec:
    replicas: 1
    selector: {matchLabels: {app: wiki}}
    template:
      metadata: {labels: {app: wiki}}
      spec: {containers: [{name: wiki, image: docker.io/path/to/wiki:1, ports: [{containerPort: 8080}]}]}
- apiVersion: v1
  kind: Service
  metadata: {name: wiki-web, namespace: team-docs}
  spec: {selector: {app: wiki}, ports: [{name: http, port: 8080}]}
";

#[test]
fn given_an_application_that_was_there_when_taken_away_then_it_stays_without_a_route_and_no_stranger_ever_reached_it() {
    let world = World::healthy();
    world.make(WITH_SIDECAR);
    wait_until(|| {
        let wiki = world.ground.cluster().get("apps", "Deployment", Some("team-docs"), "wiki").unwrap();
        wiki["status"]["readyReplicas"] == 1
    });
    let before = Dump::of(&world);
    let answers = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/existing-service.yaml");
    let ran = world.run(&["setup", "--answers", answers, "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (edge, reached) = (world.ground.edge().clone(), std::sync::Arc::new(AtomicU64::new(0)));
    let seen = std::sync::Arc::clone(&reached);
    let knocking = world.spawn(async move {
        loop {
            if edge.anonymous_reaches_app("wiki.cluster.example.com").await {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    });
    let ran = take_away_twice(&world, &["wiki"]);
    knocking.abort();
    assert_eq!(reached.load(Ordering::SeqCst), 0, "a stranger reached it");
    must_tell(&ran, &["team-docs/wiki-web", "stays without its locks and routes"]);
    Dump::of(&world).is_as(&before, "an application that was there");
    let request =
        http::Request::get("/").header("host", "wiki.cluster.example.com").body(axum::body::Bytes::new()).unwrap();
    let answer = world.wait_for(world.ground.edge().request(&Client::of(HOST), request));
    assert!(answer.is_err() || answer.unwrap().status() == 404, "it has no route any more");
}

#[test]
fn given_an_adopted_application_when_taken_away_then_it_is_given_back_and_can_be_taken_over_again() {
    let world = World::of(adopt::story(&[]));
    let before = Dump::of(&world);
    let ran = adopt::set_up(&world, adopt::CLIENT_ID);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = take_away_watched(&world, &["myapp/myapp"]);
    must_tell(&ran, &["never deleted", "-  - https://myapp.cluster.example.com/oauth2/callback", "unique name stays"]);
    is_given_back(&world, &before, "given back");
    assert!(!knock::token(&world, adopt::CLIENT_ID, adopt::THEIRS, "https://graph.microsoft.com/.default").is_empty());

    // It is not taken over by a guess, but by its client id as the first time.
    let requests = world.ground.journal().requests();
    let refused = world.run(&["setup", "--answers", EXAMPLE, "--yes"]);
    assert_eq!(refused.code, Some(64), "{}", refused.stderr);
    must_tell(&refused, &["has been given back since", adopt::CLIENT_ID]);
    assert!(world.writes_since(requests).is_empty());
    let again = adopt::set_up(&world, adopt::CLIENT_ID);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    take_away_twice(&world, &["myapp/myapp"]);
    is_given_back(&world, &before, "given back twice");
}

/// The tenant is as before, but for the unique name and the mark of the application, which say that it is never to be deleted.
pub(crate) fn is_given_back(world: &World, before: &Dump, at: &str) {
    let now = Dump::of(world);
    now.cluster_is_as(before, at);
    let mut expected = before.directory.clone();
    let unique_name = adopt::of_client(&now.directory, "applications")["properties"]["uniqueName"].clone();
    for application in expected["applications"].as_array_mut().unwrap() {
        if application["properties"]["appId"] == adopt::CLIENT_ID {
            application["properties"]["uniqueName"] = unique_name.clone();
            application["properties"]["tags"].as_array_mut().unwrap().push("gatewright:adopted".into());
        }
    }
    let of = |directory: &Value, list: &str| {
        let mut entries = directory[list].clone();
        for entry in entries.as_array_mut().unwrap().iter_mut().filter_map(Value::as_object_mut) {
            // When a permission is known everywhere says nothing of the permission.
            entry.shift_remove("permissionsVisibleFrom");
            entry.shift_remove("uniqueNameVisibleFrom");
        }
        entries
    };
    for list in ["applications", "servicePrincipals", "grants", "roleAssignments"] {
        same(&of(&expected, list), &of(&now.directory, list), &format!("{at}: {list}"));
    }
}

#[test]
fn given_what_is_to_be_kept_when_taken_away_then_it_stays_and_a_later_teardown_takes_it() {
    let world = World::healthy();
    let before = Dump::of(&world);
    world.set_up();
    let ran = take_away(&world, &["myapp", "--keep", "registration,namespace", "--keep", "certificate"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    must_tell(&ran, &["you asked to keep it", "Client secret"]);
    let cluster = world.ground.cluster();
    assert!(cluster.get("", "Namespace", None, "myapp").is_some());
    assert_eq!(cluster.list("cert-manager.io", "Certificate", Some("istio-system")).len(), 1);
    assert_eq!(world.application()["passwordCredentials"], json!([]), "nobody uses our client secret any more");
    assert!(cluster.list("apps", "Deployment", Some("myapp")).is_empty());

    let requests = world.ground.journal().requests();
    let again = take_away(&world, &["myapp", "--keep", "registration,namespace,certificate"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    must_tell(&again, &["nothing left to take away"]);
    assert!(world.writes_since(requests).is_empty(), "{:#?}", world.writes_since(requests));
    take_away_twice(&world, &["myapp"]);
    Dump::of(&world).is_as(&before, "taken away at last");
}

#[test]
fn given_what_was_kept_when_set_up_again_then_it_is_used_again() {
    let world = World::healthy();
    world.set_up();
    let client_id = world.application()["appId"].clone();
    assert_eq!(take_away(&world, &["myapp", "--keep", "registration,certificate"]).code, Some(0));
    world.set_up();
    assert_eq!(world.application()["appId"], client_id);
    assert!(!world.door_is_open());
}

#[test]
fn given_somebody_elses_credential_in_our_registration_when_taken_away_then_it_stays_unless_that_is_said() {
    let world = World::healthy();
    world.set_up();
    let id = world.application()["id"].as_str().unwrap().to_owned();
    let theirs = json!({"passwordCredential": {"displayName": "nightly job"}});
    assert_eq!(world.graph("POST", &format!("applications/{id}/addPassword"), &theirs).0, 200);
    let ran = take_away(&world, &["myapp"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    must_tell(&ran, &["others sign in with it: client secret nightly job", "--delete-credentials-of-others"]);
    let credentials = world.application()["passwordCredentials"].as_array().unwrap().clone();
    assert_eq!(credentials.len(), 1, "{credentials:#?}");
    assert_eq!(credentials[0]["displayName"], "nightly job");

    let ran = take_away(&world, &["myapp", "--delete-credentials-of-others"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    must_tell(&ran, &["others sign in with it, and can't any more"]);
    assert!(world.applications().iter().all(|application| application["uniqueName"].is_null()));
}

#[test]
fn given_an_issuer_that_we_made_when_taken_away_then_what_stays_of_it_is_named_with_how_to_remove_it() {
    let world = World::healthy();
    let answers = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/new-issuer.yaml");
    assert_eq!(set_up(&world, &std::fs::read_to_string(answers).unwrap()).code, Some(0));
    let account = "gatewright-myapp-myapp-account";
    let without = world.run(&["teardown", "myapp"]);
    assert!(!without.stderr.contains(account), "cert-manager has made none:\n{}", without.stderr);
    // As cert-manager does when it registers an account.
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"tls.key": "a2V5"},
                        "metadata": {"name": account, "namespace": "cert-manager"}});
    world.ground.cluster().create_or_replace("cert-manager", secret).unwrap();
    let ran = take_away_twice(&world, &["myapp"]);
    must_tell(
        &ran,
        &[
            "Role on DNS zone",
            "az role assignment delete --assignee",
            &format!("kubectl delete secret {account} --namespace cert-manager"),
        ],
    );
    assert!(world.ground.cluster().get("cert-manager.io", "ClusterIssuer", None, "gatewright-myapp-myapp").is_none());
    assert!(
        world.ground.cluster().get("", "Secret", Some("cert-manager"), account).is_some(),
        "it is not ours to take"
    );
}

#[test]
fn given_an_installation_when_it_is_taken_away_then_its_plain_lines_are_as_reviewed() {
    let world = World::healthy();
    world.set_up();
    let mine = json!({"metadata": {"labels": {"mine": "yes"}}});
    world.ground.cluster().patch("kubectl-edit", ("", "Service"), Some("myapp"), "myapp", &mine).unwrap();
    let ran = take_away(&world, &["myapp", "--keep", "certificate"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // What differs from run to run by its nature.
    let filters = [
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "GUID"),
        (r"(127\.0\.0\.1|localhost):\d+", "HOST:PORT"),
        (r"\d{4}-\d\d-\d\d[T ][0-9:.]+Z?", "TIME"),
        (r"\d{4}-\d\d-\d\d", "DAY"),
        (r"\(\d+ d\)", "(DAYS)"),
        (r"\d+\.\d s", "SECONDS"),
        (r"\d+:\d\d of \d+:\d\d", "TIMES"),
    ];
    // What is deleted side by side is told of in the order in which it is gone.
    let (planned, done) = ran.stderr.split_at(ran.stderr.find("  deleted ").unwrap_or(ran.stderr.len()));
    let mut done: Vec<&str> = done.lines().filter(|line| !line.starts_with("  waiting")).collect();
    done.sort_unstable();
    let planned: Vec<&str> = planned.lines().filter(|line| !line.starts_with("  waiting")).collect();
    insta::with_settings!({filters => filters.to_vec(), omit_expression => true}, {
        insta::assert_snapshot!("teardown-plain", format!("{}\n(in any order)\n{}", planned.join("\n"), done.join("\n")));
    });
}

#[test]
fn given_several_installations_when_none_is_named_then_they_are_listed_and_one_goes_without_the_other() {
    let world = World::healthy();
    world.set_up();
    let before = Dump::of(&world);
    let example = std::fs::read_to_string(EXAMPLE).unwrap();
    let other = example
        .replace("name: myapp\n", "name: other\n")
        .replace("namespace: myapp", "namespace: other")
        .replace("host: myapp.", "host: other.")
        .replace("*.cluster.example.com", "other.cluster.example.com");
    let ran = set_up(&world, &other);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let which = take_away(&world, &[]);
    assert_eq!(which.code, Some(64), "{}", which.stderr);
    must_tell(&which, &["myapp/myapp", "other/other", "name one"]);
    take_away_twice(&world, &["other"]);
    Dump::of(&world).is_as(&before, "the other one stays");
}

#[test]
fn given_the_record_was_deleted_by_hand_when_taken_away_then_everything_is_found_by_its_mark() {
    let world = World::healthy();
    let before = Dump::of(&world);
    world.set_up();
    world.ground.cluster().delete("", "ConfigMap", Some("myapp"), "gatewright-myapp").unwrap();
    take_away_watched(&world, &["myapp"]);
    Dump::of(&world).is_as(&before, "without a record");
}

#[test]
fn given_another_tenant_is_signed_in_to_when_taken_away_then_that_is_told_and_nothing_is_changed() {
    let world = World::healthy();
    world.set_up();
    let cluster = world.ground.cluster();
    let lock = cluster.list("security.istio.io", "RequestAuthentication", Some("myapp")).remove(0);
    let mut moved = lock["spec"].clone();
    moved["jwtRules"][0]["issuer"] = json!("https://login.example.com/another/v2.0");
    let name = text(&lock, "/metadata/name");
    let patch = json!({ "spec": moved });
    cluster.patch("somebody", ("security.istio.io", "RequestAuthentication"), Some("myapp"), name, &patch).unwrap();
    let requests = world.ground.journal().requests();
    let ran = take_away(&world, &["myapp"]);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    must_tell(&ran, &["https://login.example.com/another/v2.0", "--tenant"]);
    assert!(world.writes_since(requests).is_empty());
}
