//! The practice cluster held against the real API server.

mod example;
#[path = "../../../src/practice/cluster/tests/worlds/rows.rs"]
mod rows;
mod tables;

pub(crate) use example::{answers, existing, facts, pods_of};

use crate::api_server::ApiServer;
use gatewright::practice::cluster::Cluster;
use serde_json::json;

/// A practice cluster with nothing in it and nobody at work in it, like the real one.
fn practice() -> Cluster {
    let cluster = Cluster::new();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
    cluster.create_or_replace("kube-apiserver", namespace).unwrap();
    cluster
}

/// The real server with the resources of Istio and cert-manager, if its parts are there.
async fn real() -> Option<ApiServer> {
    let server = ApiServer::start().await?;
    server.serve_resources_of("istio-files-newest").await;
    server.serve_resources_of("cert-manager-files").await;
    Some(server)
}
