//! What both worlds make of the objects that the example becomes.

use super::rows::forget;
use crate::parts::ground;
use gatewright::answers::Answers;
use gatewright::blueprint::{Existing, Known, blueprint};
use gatewright::cluster::{Cluster, DiscoverRequest, Write};
use gatewright::facts::{CloudEndpoints, Facts, RegisteredFacts, TenantFacts};
use gatewright::practice::world;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/example.yaml");

pub(crate) fn answers() -> Answers {
    gatewright::answers::file::parse(&std::fs::read_to_string(EXAMPLE).unwrap(), EXAMPLE).unwrap()
}

/// What Gatewright sees of this cluster, and of a tenant that is nobody's.
pub(crate) async fn facts(cluster: &Cluster, answers: &Answers) -> Facts {
    let request = DiscoverRequest {
        app_name: answers.application.name.to_string(),
        namespace: answers.application.namespace.to_string(),
        service: None,
        gateway: None,
        issuer: answers.certificate.issuer().map(|issuer| (issuer.kind.as_str().to_owned(), issuer.name.to_string())),
        tls_secret: None,
        redis: None,
    };
    let url = |host: &str| format!("https://{host}").parse().unwrap();
    let tenant = TenantFacts {
        id: "11111111-2222-3333-4444-555555555555".to_owned(),
        domain: "example.com".to_owned(),
        cloud: CloudEndpoints {
            name: "public".to_owned(),
            sign_in: url("login.microsoftonline.com"),
            graph: url("graph.microsoft.com"),
            resource_manager: url("management.azure.com"),
            certificate_authority: None,
        },
    };
    Facts { cluster: cluster.discover(&request).await.unwrap(), tenant }
}

/// The registration as if it were there.
pub(crate) fn existing() -> Existing {
    let registered = RegisteredFacts {
        client_id: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee".to_owned(),
        object_id: "ffffffff-0000-1111-2222-333333333333".to_owned(),
    };
    Existing { registered: Known::Now(registered), secret_fingerprints: BTreeMap::new(), started_with: BTreeMap::new() }
}

/// The objects that the example becomes in this cluster, in the order in which they are made.
async fn objects(cluster: &Cluster, answers: &Answers) -> Vec<Value> {
    let facts = facts(cluster, answers).await;
    let parts = blueprint(answers, &facts, &existing()).unwrap();
    parts.iter().filter_map(|part| Some(part.manifest()?.object.clone())).collect()
}

/// The pods that controllers and a kubelet would have made of the deployments among `objects`.
pub(crate) fn pods_of(objects: &[Value]) -> Vec<Value> {
    let deployments = objects.iter().filter(|object| object["kind"] == "Deployment");
    let pod = |deployment: &Value| {
        let (metadata, template) = (&deployment["metadata"], &deployment["spec"]["template"]);
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": format!("{}-0", metadata["name"].as_str().unwrap()),
                "namespace": metadata["namespace"],
                "labels": template["metadata"]["labels"],
            },
            "spec": template["spec"],
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        })
    };
    deployments.map(pod).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn given_both_worlds_when_the_example_is_tried_on_them_then_both_make_the_same_of_every_object() {
    let Some(real) = super::real().await else { return };
    let world = world::healthy().unwrap();
    real.make(&world).await;
    real.make(&pods_of(&world)).await;
    let real = (real.connect().await, real);
    let ground = ground().await;
    let practice = gatewright::cluster::connect(Some(&ground.directory().join("kubeconfig")), None).await.unwrap();

    let answers = answers();
    let objects = objects(&real.0, &answers).await;
    assert_eq!(objects, self::objects(&practice, &answers).await, "both are seen as the same cluster");
    let mut differences = Vec::new();
    for object in &objects {
        // The others are in it, and a namespace that was only tried is not there.
        let write = if object["kind"] == "Namespace" { Write::ForReal } else { Write::DryRun };
        let mut made = Vec::new();
        for cluster in [&real.0, &practice] {
            let mut answer = match cluster.apply(object, write).await {
                Ok(answer) => answer,
                Err(error) => panic!("{} {}: {error}", object["kind"], object["metadata"]["name"]),
            };
            forget(&mut answer);
            made.push(serde_json::to_string_pretty(&answer).unwrap());
        }
        if made[0] != made[1] {
            let difference = similar::TextDiff::from_lines(&made[0], &made[1]);
            differences.push(difference.unified_diff().header("real", "practice").to_string());
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    ground.stop().await.unwrap();
}

/// A practice cluster at which nobody is at work but who applies, as in the real one.
async fn serve_practice(folder: &Path) -> Cluster {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let cluster = super::practice();
    let world = world::healthy().unwrap();
    let pods = pods_of(&world);
    for object in world.into_iter().chain(pods) {
        cluster.create_or_replace("helm", object).unwrap();
    }
    tokio::spawn(async move { axum::serve(listener, cluster.router()).await });
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "practice",
        "clusters": [{"name": "practice", "cluster": {"server": server}}],
        "contexts": [{"name": "practice", "context": {"cluster": "practice", "user": "practice"}}],
        "users": [{"name": "practice", "user": {"token": "practice"}}],
    });
    let path = folder.join("kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    gatewright::cluster::connect(Some(&path), None).await.unwrap()
}

/// Applies objects for real; answers the version that each has now.
async fn applied(cluster: &Cluster, objects: &[Value]) -> Vec<(String, Value)> {
    let mut versions = Vec::new();
    for object in objects {
        let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
        let made = cluster.apply(object, Write::ForReal).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        versions.push((name, made["metadata"]["resourceVersion"].clone()));
    }
    versions
}

#[tokio::test(flavor = "multi_thread")]
async fn given_both_worlds_when_setup_stops_half_way_and_runs_twice_more_then_each_object_is_written_once() {
    let Some(real) = super::real().await else { return };
    let world = world::healthy().unwrap();
    real.make(&world).await;
    real.make(&pods_of(&world)).await;
    let folder = tempfile::tempdir().unwrap();
    for cluster in [real.connect().await, serve_practice(folder.path()).await] {
        let objects = objects(&cluster, &answers()).await;
        let (half, _) = objects.split_at(objects.len() / 2);
        let before = applied(&cluster, half).await;
        let after = applied(&cluster, &objects).await;
        assert_eq!(before, after[..half.len()], "what was made before is not written again");
        assert_eq!(after, applied(&cluster, &objects).await, "nothing is written when all is there");
    }
}
