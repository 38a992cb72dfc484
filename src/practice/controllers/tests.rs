//! Controllers against the real practice cluster, with instant effects.

use super::{Controllers, Zones};
use crate::practice::{
    authority::Authority,
    cluster::Cluster,
    edge::{Client, Edge, door::Door, workload::workloads},
    scenario::{ImageTrouble, Trouble},
    timings::Timings,
    world,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

async fn started(images: Vec<ImageTrouble>) -> (Cluster, Edge, Controllers) {
    let cluster = Cluster::new();
    world::seed(&cluster).unwrap();
    let edge = Edge::in_front_of(Arc::new(cluster.clone()), Door::closed());
    let authority = Authority::generate().unwrap();
    let mut controllers =
        Controllers::new(cluster.clone(), edge.clone(), authority, Zones::open(), images, Timings::Instant);
    controllers.begin().await;
    (cluster, edge, controllers)
}

fn put(cluster: &Cluster, yaml: &str) {
    for object in serde_saphyr::from_multiple::<Value>(yaml).unwrap() {
        cluster.create_or_replace("test", object).unwrap();
    }
}

fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default()
}

const NAMESPACE: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: myapp, labels: {istio-injection: enabled}}
";

const APP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: myapp, namespace: myapp}
spec:
  replicas: 2
  selector: {matchLabels: {app.kubernetes.io/name: myapp}}
  template:
    metadata: {labels: {app.kubernetes.io/name: myapp}}
    spec:
      containers:
      - {name: myapp, image: 'docker.io/path/to/myapp:sometag', ports: [{name: http, containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: myapp, namespace: myapp}
spec: {selector: {app.kubernetes.io/name: myapp}, ports: [{name: http, port: 8000, targetPort: http}]}
";

const CERTIFICATE: &str = "
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: myapp, namespace: istio-system}
spec:
  secretName: myapp-tls
  dnsNames: ['*.cluster.example.com']
  issuerRef: {name: letsencrypt-production, kind: ClusterIssuer, group: cert-manager.io}
";

#[tokio::test]
async fn given_the_world_when_it_begins_then_istio_and_cert_manager_run() {
    let (cluster, edge, _) = started(Vec::new()).await;
    for (place, name) in
        [("istio-system", "istiod"), ("istio-system", "istio-ingressgateway"), ("cert-manager", "cert-manager-webhook")]
    {
        let deployment = cluster.get("apps", "Deployment", Some(place), name).unwrap();
        assert_eq!(condition(&deployment, "Available")["status"], "True", "{name}: {deployment}");
    }
    let gateway =
        workloads(&cluster, Some("istio-system")).into_iter().find(super::super::edge::workload::Workload::is_gateway);
    assert!(gateway.unwrap().is_ready());
    assert!(edge.certificate(Some("myapp.cluster.example.com")).is_err(), "nothing of ours is there");
}

#[tokio::test]
async fn given_a_deployment_in_an_injected_namespace_then_its_pods_get_sidecars_and_its_service_endpoints() {
    let (cluster, _, mut controllers) = started(Vec::new()).await;
    put(&cluster, NAMESPACE);
    controllers.settle().await;
    put(&cluster, APP);
    controllers.settle().await;
    let pods = workloads(&cluster, Some("myapp"));
    assert_eq!(pods.len(), 2);
    assert!(pods.iter().all(|pod| pod.has_sidecar() && pod.is_ready()));
    let deployment = cluster.get("apps", "Deployment", Some("myapp"), "myapp").unwrap();
    assert_eq!(deployment["status"]["availableReplicas"], 2);
    assert_eq!(condition(&deployment, "Progressing")["reason"], "NewReplicaSetAvailable");
    let endpoints = cluster.get("", "Endpoints", Some("myapp"), "myapp").unwrap();
    assert_eq!(endpoints["subsets"][0]["addresses"].as_array().unwrap().len(), 2);
    assert!(cluster.get("", "ConfigMap", Some("myapp"), "istio-ca-root-cert").is_some());
    let revision = *cluster.changes().borrow();
    controllers.settle().await;
    assert_eq!(*cluster.changes().borrow(), revision, "at rest nothing is written");
}

#[tokio::test]
async fn given_a_changed_template_then_the_pods_are_replaced() {
    let (cluster, _, mut controllers) = started(Vec::new()).await;
    put(&cluster, &format!("{NAMESPACE}---{APP}"));
    controllers.settle().await;
    let before: Vec<String> = workloads(&cluster, Some("myapp")).iter().map(|pod| pod.uid().to_owned()).collect();
    put(&cluster, &APP.replace("sometag", "other"));
    controllers.settle().await;
    let after = workloads(&cluster, Some("myapp"));
    assert_eq!(after.len(), 2);
    assert!(after.iter().all(|pod| !before.contains(&pod.uid().to_owned())));
    let deployment = cluster.get("apps", "Deployment", Some("myapp"), "myapp").unwrap();
    assert_eq!(deployment["status"]["observedGeneration"], deployment["metadata"]["generation"]);
}

#[tokio::test]
async fn given_images_in_trouble_then_pods_say_so_in_kubernetes_words() {
    let images = vec![
        ImageTrouble {
            image: "*myapp:*".to_owned(),
            trouble: Trouble::CannotBePulled("not found".to_owned()),
            from_revision: None,
        },
        ImageTrouble {
            image: "*valkey*".to_owned(),
            trouble: Trouble::Crashes("Fatal error".to_owned()),
            from_revision: None,
        },
    ];
    let (cluster, _, mut controllers) = started(images).await;
    put(&cluster, &format!("{NAMESPACE}---{APP}"));
    controllers.settle().await;
    let waiting = |cluster: &Cluster| {
        let pods = workloads(cluster, Some("myapp"));
        pods.first().unwrap().pod["status"]["containerStatuses"][0].clone()
    };
    assert_eq!(waiting(&cluster)["state"]["waiting"]["reason"], "ImagePullBackOff");
    let crashing = APP.replace(
        "'docker.io/path/to/myapp:sometag'",
        "'docker.io/valkey/valkey:8.1', terminationMessagePolicy: FallbackToLogsOnError",
    );
    put(&cluster, &crashing.replace("replicas: 2", "replicas: 1"));
    controllers.settle().await;
    let pods = workloads(&cluster, Some("myapp"));
    let crashed =
        pods.iter().map(|pod| &pod.pod["status"]["containerStatuses"][0]).find(|status| status["restartCount"] != 0);
    let crashed = crashed.unwrap();
    assert_eq!(crashed["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(crashed["lastState"]["terminated"]["message"], "Fatal error\n");
}

#[tokio::test]
async fn given_a_missing_secret_or_service_account_then_the_pod_or_its_set_says_which() {
    let (cluster, _, mut controllers) = started(Vec::new()).await;
    let env = APP.replace(
        "containerPort: 80}]}",
        "containerPort: 80}], env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]}",
    );
    put(&cluster, &format!("{NAMESPACE}---{env}"));
    controllers.settle().await;
    let pods = workloads(&cluster, Some("myapp"));
    let waiting = &pods[0].pod["status"]["containerStatuses"][0]["state"]["waiting"];
    assert_eq!(waiting["reason"], "CreateContainerConfigError");
    assert_eq!(waiting["message"], "secret \"s\" not found");
    put(
        &cluster,
        "
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: myapp}
data: {k: eA==}
",
    );
    controllers.settle().await;
    assert!(workloads(&cluster, Some("myapp")).iter().all(super::super::edge::workload::Workload::is_ready));
    put(
        &cluster,
        &APP.replace("    spec:\n      containers", "    spec:\n      serviceAccountName: nobody\n      containers"),
    );
    controllers.settle().await;
    let deployment = cluster.get("apps", "Deployment", Some("myapp"), "myapp").unwrap();
    let failure = condition(&deployment, "ReplicaFailure");
    assert!(failure["message"].as_str().unwrap().contains("serviceaccount \"nobody\" not found"), "{deployment}");
}

#[tokio::test]
async fn given_a_certificate_then_it_is_issued_down_to_a_secret_that_the_gateway_can_show() {
    let (cluster, edge, mut controllers) = started(Vec::new()).await;
    put(&cluster, CERTIFICATE);
    controllers.settle().await;
    let certificate = cluster.get("cert-manager.io", "Certificate", Some("istio-system"), "myapp").unwrap();
    assert_eq!(condition(&certificate, "Ready")["status"], "True", "{certificate}");
    assert_eq!(certificate["status"]["revision"], 1);
    assert!(condition(&certificate, "Issuing").is_null());
    let orders = cluster.list("acme.cert-manager.io", "Order", Some("istio-system"));
    assert_eq!(orders[0]["status"]["state"], "valid");
    assert!(cluster.list("acme.cert-manager.io", "Challenge", None).is_empty(), "tidied up");
    put(&cluster, "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: myapp, namespace: myapp-is-not-needed}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {hosts: ['*.cluster.example.com'], port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: myapp-tls}}
".replace("myapp-is-not-needed", "default").as_str());
    let (chain, key) = edge.certificate(Some("myapp.cluster.example.com")).unwrap();
    assert!(chain.contains("BEGIN CERTIFICATE") && key.contains("PRIVATE KEY"));
    cluster.delete("", "Secret", Some("istio-system"), "myapp-tls").unwrap();
    controllers.settle().await;
    assert!(edge.certificate(Some("myapp.cluster.example.com")).is_ok(), "a Secret that is deleted is issued again");
}

#[tokio::test]
async fn given_no_such_issuer_or_one_that_cannot_do_wildcards_then_the_chain_says_where_it_stands() {
    let (cluster, _, mut controllers) = started(Vec::new()).await;
    put(&cluster, &CERTIFICATE.replace("name: letsencrypt-production", "name: nobody"));
    controllers.settle().await;
    let request = cluster.get("cert-manager.io", "CertificateRequest", Some("istio-system"), "myapp-1").unwrap();
    let message = condition(&request, "Ready")["message"].clone();
    assert_eq!(message, "Referenced \"ClusterIssuer\" not found: clusterissuer.cert-manager.io \"nobody\" not found");
    put(&cluster, "
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: http-only}
spec: {acme: {server: 'https://acme.example.com/directory', privateKeySecretRef: {name: a}, solvers: [{http01: {ingress: {}}}]}}
");
    put(&cluster, &CERTIFICATE.replace("name: letsencrypt-production", "name: http-only"));
    controllers.settle().await;
    let certificate = cluster.get("cert-manager.io", "Certificate", Some("istio-system"), "myapp").unwrap();
    assert_eq!(condition(&certificate, "Issuing")["status"], "True", "it waits for ever: {certificate}");
    let orders = cluster.list("acme.cert-manager.io", "Order", Some("istio-system"));
    let order = orders.iter().find(|order| order["spec"]["issuerRef"]["name"] == "http-only").unwrap();
    assert_eq!(order["status"]["state"], "pending", "{order}");
    let events = cluster.list("", "Event", Some("istio-system"));
    let said =
        |event: &&Value| event["involvedObject"]["uid"] == order["metadata"]["uid"] && event["reason"] == "Solver";
    let event = events.iter().find(said).unwrap();
    assert!(event["message"].as_str().unwrap().contains("no configured challenge solvers"), "{event}");
    put(&cluster, &CERTIFICATE.replace("letsencrypt-production", "letsencrypt-staging"));
    controllers.settle().await;
    let certificate = cluster.get("cert-manager.io", "Certificate", Some("istio-system"), "myapp").unwrap();
    assert_eq!(condition(&certificate, "Ready")["status"], "True", "another issuer is tried: {certificate}");
}

#[tokio::test]
async fn given_an_issuance_that_failed_when_it_is_ordered_anew_then_there_is_a_new_request_with_a_key_of_its_own() {
    let (cluster, _, mut controllers) = started(Vec::new()).await;
    put(&cluster, &CERTIFICATE.replace("name: letsencrypt-production", "name: nobody"));
    controllers.settle().await;
    let place = Some("istio-system");
    let request = || cluster.get("cert-manager.io", "CertificateRequest", place, "myapp-1").unwrap();
    let key = |request: &Value| request["metadata"]["annotations"]["cert-manager.io/private-key-secret-name"].clone();
    let first = request();
    let failed =
        serde_json::json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Failed", "message": "no"}]});
    cluster.update_status("somebody", ("cert-manager.io", "CertificateRequest"), place, "myapp-1", failed).unwrap();
    controllers.settle().await;
    let certificate = cluster.get("cert-manager.io", "Certificate", place, "myapp").unwrap();
    assert_eq!(condition(&certificate, "Issuing")["reason"], "Failed", "{certificate}");
    assert!(certificate["status"]["nextPrivateKeySecretName"].is_null(), "{certificate}");

    let mut status = certificate["status"].clone();
    status["conditions"] =
        serde_json::json!([{"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "by hand"}]);
    cluster.update_status("somebody", ("cert-manager.io", "Certificate"), place, "myapp", status).unwrap();
    controllers.settle().await;
    let second = request();
    assert_ne!(first["metadata"]["uid"], second["metadata"]["uid"]);
    assert_ne!(key(&first), key(&second));
}

#[tokio::test]
async fn given_running_controllers_when_something_changes_then_they_act_and_end_when_told() {
    let (cluster, edge, controllers) = started(Vec::new()).await;
    let end = CancellationToken::new();
    let running = tokio::spawn(controllers.run(end.clone()));
    put(&cluster, &format!("{NAMESPACE}---{APP}"));
    let mut changes = cluster.changes();
    let ready = async {
        while !workloads(&cluster, Some("myapp")).iter().any(super::super::edge::workload::Workload::is_ready) {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ready).await.unwrap();
    let pod = workloads(&cluster, Some("myapp")).remove(0);
    assert!(edge.connect("myapp", pod.name(), 15000).is_some());
    end.cancel();
    tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap();
    assert!(edge.request(&Client::of("x"), http::Request::new(axum::body::Bytes::new())).await.is_err());
}
