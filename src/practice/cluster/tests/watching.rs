//! Watches and port forwarding, over a real socket.

use super::*;
use futures::StreamExt as _;
use std::time::Duration;

struct Watched {
    lines: futures::stream::BoxStream<'static, Result<axum::body::Bytes, axum::Error>>,
    rest: Vec<u8>,
}

impl Watched {
    async fn begin(cluster: &Cluster, path: &str) -> Self {
        use tower::ServiceExt as _;
        let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = cluster.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        Self { lines: response.into_body().into_data_stream().boxed(), rest: Vec::new() }
    }

    /// The next event; `None` when the watch ends.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let more = tokio::time::timeout(Duration::from_secs(10), self.lines.next()).await.unwrap()?;
            self.rest.extend_from_slice(&more.unwrap());
        }
    }

    async fn told(&mut self) -> (String, String) {
        let event = self.next().await.unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&event["type"]), text(&event["object"]["metadata"]["name"]))
    }
}

fn pair(event: &str, name: &str) -> (String, String) {
    (event.to_owned(), name.to_owned())
}

const CONFIG_MAPS: &str = "/api/v1/namespaces/one/configmaps";

#[tokio::test]
async fn given_a_watch_from_a_revision_when_things_change_then_it_is_told_in_order() {
    let caller = Caller::new();
    let (_, list) = caller.get(CONFIG_MAPS).await;
    let from = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let mut watched = Watched::begin(&caller.0, &format!("{CONFIG_MAPS}?watch=true&resourceVersion={from}")).await;
    caller.0.create_or_replace("seed", config_map("a", &json!({"x": "1"}))).unwrap();
    caller.0.create_or_replace("seed", config_map("a", &json!({"x": "2"}))).unwrap();
    caller.0.delete("", "ConfigMap", Some("one"), "a").unwrap();
    assert_eq!(watched.told().await, pair("ADDED", "a"));
    assert_eq!(watched.told().await, pair("MODIFIED", "a"));
    assert_eq!(watched.told().await, pair("DELETED", "a"));
}

#[tokio::test]
async fn given_a_selector_when_an_object_enters_and_leaves_it_then_it_is_added_and_deleted() {
    let caller = Caller::new();
    let mut watched = Watched::begin(&caller.0, &format!("{CONFIG_MAPS}?watch=true&labelSelector=on%3Dyes")).await;
    caller.0.create_or_replace("seed", config_map("a", &json!({}))).unwrap();
    for label in ["yes", "no"] {
        let patch = json!({"metadata": {"labels": {"on": label}}});
        caller.0.patch("seed", ("", "ConfigMap"), Some("one"), "a", &patch).unwrap();
    }
    assert_eq!(watched.told().await, pair("ADDED", "a"));
    assert_eq!(watched.told().await, pair("DELETED", "a"));
}

#[tokio::test]
async fn given_a_watch_for_what_is_there_when_begun_then_everything_comes_first_and_a_bookmark_ends_it() {
    let caller = Caller::new();
    caller.0.create_or_replace("seed", config_map("a", &json!({}))).unwrap();
    let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watched = Watched::begin(&caller.0, &format!("{CONFIG_MAPS}?{query}")).await;
    assert_eq!(watched.told().await, pair("ADDED", "a"));
    let bookmark = watched.next().await.unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert_eq!(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    caller.0.create_or_replace("seed", config_map("b", &json!({}))).unwrap();
    assert_eq!(watched.told().await, pair("ADDED", "b"));
}

#[tokio::test]
async fn given_a_revision_that_is_forgotten_when_watched_from_then_it_is_told_so_and_the_watch_ends() {
    let caller = Caller::new();
    for value in ["1", "2", "3"] {
        caller.0.create_or_replace("seed", config_map("a", &json!({"x": value}))).unwrap();
    }
    caller.0.compact();
    let mut watched = Watched::begin(&caller.0, &format!("{CONFIG_MAPS}?watch=true&resourceVersion=1")).await;
    let event = watched.next().await.unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["code"], &event["object"]["reason"]),
        (&json!("ERROR"), &json!(410), &json!("Expired"))
    );
    assert!(watched.next().await.is_none());
}

#[tokio::test]
async fn given_a_timeout_when_it_is_over_then_a_bookmark_says_how_far_and_the_watch_ends() {
    let caller = Caller::new();
    let query = "watch=true&resourceVersion=1&timeoutSeconds=0&allowWatchBookmarks=true";
    let mut watched = Watched::begin(&caller.0, &format!("{CONFIG_MAPS}?{query}")).await;
    assert_eq!(watched.next().await.unwrap()["type"], "BOOKMARK");
    assert!(watched.next().await.is_none());
}

/// The client that Gatewright itself uses is the judge here: it speaks the same protocol to real clusters.
#[tokio::test]
async fn given_a_running_pod_when_forwarded_to_then_bytes_pass_both_ways_and_the_end_is_seen() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let caller = Caller::new();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "one"},
        "spec": {"containers": [{"name": "main", "image": "i:1"}]}, "status": {"phase": "Running"},
    });
    caller.0.create_or_replace("seed", pod).unwrap();
    caller.0.set_port_forward(PortForward(Arc::new(|_, pod, port| {
        (pod == "p" && port == 15_000).then(|| {
            let (near, mut far) = tokio::io::duplex(64);
            tokio::spawn(async move {
                let mut heard = [0; 5];
                far.read_exact(&mut heard).await.unwrap();
                far.write_all(&heard).await.unwrap();
                far.write_all(b" back").await.unwrap();
            });
            near
        })
    })));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, caller.0.router()).into_future());
    crate::tls::install_provider();
    let client = kube::Client::try_from(kube::Config::new(format!("http://{address}").parse().unwrap())).unwrap();
    let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::namespaced(client, "one");
    let mut forwarded = pods.portforward("p", &[15_000]).await.unwrap();
    let mut stream = forwarded.take_stream(15_000).unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut heard = String::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard, "hello back");
    server.abort();
}
