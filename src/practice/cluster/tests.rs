//! The handle: what controllers, seeds and the edge rely on.

use super::*;
use serde_json::json;

fn namespace(cluster: &Cluster, name: &str) {
    cluster
        .create_or_replace("seed", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        .unwrap();
}

fn config_map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "one"}, "data": data})
}

#[test]
fn given_an_object_when_written_again_the_same_then_nothing_changes() {
    let cluster = Cluster::new();
    namespace(&cluster, "one");
    let first = cluster.create_or_replace("seed", config_map("a", &json!({"x": "1"}))).unwrap();
    let before = *cluster.changes().borrow();
    let second = cluster.create_or_replace("seed", config_map("a", &json!({"x": "1"}))).unwrap();
    assert_eq!(first, second);
    assert_eq!(*cluster.changes().borrow(), before);
    let third = cluster.create_or_replace("seed", config_map("a", &json!({"x": "2"}))).unwrap();
    assert_eq!(third["metadata"]["uid"], first["metadata"]["uid"]);
    assert_ne!(third["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
}

#[test]
fn given_no_namespace_when_an_object_is_made_in_it_then_it_is_refused_as_by_the_real_server() {
    let error = Cluster::new().create_or_replace("seed", config_map("a", &json!({}))).unwrap_err();
    assert_eq!((error.code, error.reason), (404, "NotFound"));
    assert_eq!(error.to_string(), "namespaces \"one\" not found");
}

#[test]
fn given_a_namespace_when_deleted_then_its_contents_go_too() {
    let cluster = Cluster::new();
    namespace(&cluster, "one");
    cluster.create_or_replace("seed", config_map("a", &json!({}))).unwrap();
    cluster.delete("", "Namespace", None, "one").unwrap();
    assert_eq!(cluster.get("", "Namespace", None, "one"), None);
    assert!(cluster.list("", "ConfigMap", None).is_empty());
}

#[test]
fn given_a_finalizer_when_the_namespace_is_deleted_then_both_stay_until_it_is_taken_away() {
    let cluster = Cluster::new();
    namespace(&cluster, "one");
    let mut held = config_map("a", &json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    cluster.create_or_replace("seed", held).unwrap();
    cluster.delete("", "Namespace", None, "one").unwrap();
    assert_eq!(cluster.get("", "Namespace", None, "one").unwrap()["status"]["phase"], "Terminating");
    let refused = cluster.create_or_replace("seed", config_map("b", &json!({}))).unwrap_err();
    assert_eq!(refused.code, 403);
    cluster.patch("me", ("", "ConfigMap"), Some("one"), "a", &json!({"metadata": {"finalizers": null}})).unwrap();
    assert_eq!(cluster.get("", "Namespace", None, "one"), None);
}

#[test]
fn given_an_owner_when_deleted_then_what_it_owns_goes_too() {
    let cluster = Cluster::new();
    namespace(&cluster, "one");
    let owner = cluster.create_or_replace("seed", config_map("owner", &json!({}))).unwrap();
    let mut dependent = config_map("owned", &json!({}));
    dependent["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}]);
    cluster.create_or_replace("seed", dependent).unwrap();
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
    cluster.create_or_replace("seed", config_map("a", &json!({"x": "1"}))).unwrap();
    let restored = Cluster::restore(&cluster.snapshot());
    assert_eq!(restored.snapshot(), cluster.snapshot());
    assert_eq!(restored.get("", "ConfigMap", Some("one"), "a"), cluster.get("", "ConfigMap", Some("one"), "a"));
}

mod apply;
mod http;
mod model;
mod watching;
mod worlds;

/// A caller over HTTP, without a network.
struct Caller(Cluster);

/// What was answered: the status and the document.
type Answer = (u16, Value);

impl Caller {
    /// A cluster with the namespace `one`.
    fn new() -> Self {
        let cluster = Cluster::new();
        namespace(&cluster, "one");
        Self(cluster)
    }

    async fn send(&self, method: &str, path: &str, content_type: &str, body: &str) -> Answer {
        use tower::ServiceExt as _;
        let request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content_type)
            .header("user-agent", "tester/1")
            .body(axum::body::Body::from(body.to_owned()))
            .unwrap();
        let response = self.0.router().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "application/json", "").await
    }

    async fn post(&self, path: &str, object: &Value) -> Answer {
        self.send("POST", path, "application/json", &object.to_string()).await
    }

    async fn put(&self, path: &str, object: &Value) -> Answer {
        self.send("PUT", path, "application/json", &object.to_string()).await
    }

    async fn merge(&self, at: &str, patch: &Value) -> Answer {
        self.send("PATCH", at, "application/merge-patch+json", &patch.to_string()).await
    }

    /// Server-side apply of YAML.
    async fn apply(&self, manager: &str, path: &str, yaml: &str) -> Answer {
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}fieldManager={manager}");
        self.send("PATCH", &path, "application/apply-patch+yaml", yaml).await
    }

    /// Server-side apply that must go well.
    async fn applied(&self, manager: &str, path: &str, yaml: &str) -> Value {
        let (status, object) = self.apply(manager, path, yaml).await;
        assert!(matches!(status, 200 | 201), "{status}: {object}");
        object
    }
}
