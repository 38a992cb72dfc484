//! The handle: what controllers, seeds and the edge rely on.

use super::*;

fn namespace(cluster: &Cluster, name: &str) {
    cluster
        .create_or_replace("seed", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        .unwrap();
}

fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "one"}, "data": data})
}

#[test]
fn given_an_object_when_written_again_the_same_then_nothing_changes() {
    let cluster = Cluster::new();
    namespace(&cluster, "one");
    let first = cluster.create_or_replace("seed", config_map("a", json!({"x": "1"}))).unwrap();
    let before = *cluster.changes().borrow();
    let second = cluster.create_or_replace("seed", config_map("a", json!({"x": "1"}))).unwrap();
    assert_eq!(first, second);
    assert_eq!(*cluster.changes().borrow(), before);
    let third = cluster.create_or_replace("seed", config_map("a", json!({"x": "2"}))).unwrap();
    assert_eq!(third["metadata"]["uid"], first["metadata"]["uid"]);
    assert_ne!(third["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
}

#[test]
fn given_no_namespace_when_an_object_is_made_in_it_then_it_is_refused_as_by_the_real_server() {
    let error = Cluster::new().create_or_replace("seed", config_map("a", json!({}))).unwrap_err();
    assert_eq!((error.code, error.reason), (404, "NotFound"));
    assert_eq!(error.to_string(), "namespaces \"one\" not found");
}

#[test]
fn given_a_namespace_when_deleted_then_its_contents_go_too() {
    let cluster = Cluster::new();
    namespace(&cluster, "one");
    cluster.create_or_replace("seed", config_map("a", json!({}))).unwrap();
    cluster.delete("", "Namespace", None, "one").unwrap();
    assert_eq!(cluster.get("", "Namespace", None, "one"), None);
    assert!(cluster.list("", "ConfigMap", None).is_empty());
}

#[test]
fn given_a_finalizer_when_the_namespace_is_deleted_then_both_stay_until_it_is_taken_away() {
    let cluster = Cluster::new();
    namespace(&cluster, "one");
    let mut held = config_map("a", json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    cluster.create_or_replace("seed", held).unwrap();
    cluster.delete("", "Namespace", None, "one").unwrap();
    assert_eq!(cluster.get("", "Namespace", None, "one").unwrap()["status"]["phase"], "Terminating");
    let refused = cluster.create_or_replace("seed", config_map("b", json!({}))).unwrap_err();
    assert_eq!(refused.code, 403);
    cluster.patch("me", ("", "ConfigMap"), Some("one"), "a", &json!({"metadata": {"finalizers": null}})).unwrap();
    assert_eq!(cluster.get("", "Namespace", None, "one"), None);
}

#[test]
fn given_an_owner_when_deleted_then_what_it_owns_goes_too() {
    let cluster = Cluster::new();
    namespace(&cluster, "one");
    let owner = cluster.create_or_replace("seed", config_map("owner", json!({}))).unwrap();
    let mut owned = config_map("owned", json!({}));
    owned["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}]);
    cluster.create_or_replace("seed", owned).unwrap();
    cluster.delete("", "ConfigMap", Some("one"), "owner").unwrap();
    assert_eq!(cluster.get("", "ConfigMap", Some("one"), "owned"), None);
}

#[test]
fn given_a_status_when_written_then_the_rest_and_the_generation_stay() {
    let cluster = Cluster::new();
    namespace(&cluster, "one");
    let certificate = json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "c", "namespace": "one"},
        "spec": {"secretName": "s", "dnsNames": ["x.example.com"], "issuerRef": {"name": "i", "kind": "ClusterIssuer"}},
    });
    cluster.create_or_replace("seed", certificate).unwrap();
    let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    let object =
        cluster.update_status("cert-manager", ("cert-manager.io", "Certificate"), Some("one"), "c", ready).unwrap();
    assert_eq!(object["metadata"]["generation"], 1);
    assert_eq!(object["status"]["conditions"][0]["type"], "Ready");
    assert_eq!(object["spec"]["secretName"], "s");
}

#[test]
fn given_a_snapshot_when_restored_then_it_is_the_same_cluster() {
    let cluster = Cluster::new();
    namespace(&cluster, "one");
    cluster.create_or_replace("seed", config_map("a", json!({"x": "1"}))).unwrap();
    let restored = Cluster::restore(&cluster.snapshot());
    assert_eq!(restored.snapshot(), cluster.snapshot());
    assert_eq!(restored.get("", "ConfigMap", Some("one"), "a"), cluster.get("", "ConfigMap", Some("one"), "a"));
}
