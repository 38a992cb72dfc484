use super::{ObjectRef, WaitError};
use crate::cluster::{
    Cluster, Error,
    test_server::{TestServer, failure},
};
use serde_json::{Value, json};
use std::{sync::Mutex, time::Duration};
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(20);
const DEPLOYMENT: &str = "GET /apis/apps/v1/namespaces/myapp/deployments/web";
const CERTIFICATE: &str = "GET /apis/cert-manager.io/v1/namespaces/istio-system/certificates/tls";

fn server() -> TestServer {
    TestServer::default()
        .serving("v1", &[("Pod", "pods", true), ("Event", "events", true), ("Service", "services", true)])
        .serving(
            "apps/v1",
            &[
                ("Deployment", "deployments", true),
                ("ReplicaSet", "replicasets", true),
                ("StatefulSet", "statefulsets", true),
            ],
        )
        .serving(
            "cert-manager.io/v1",
            &[("Certificate", "certificates", true), ("CertificateRequest", "certificaterequests", true)],
        )
        .serving("acme.cert-manager.io/v1", &[("Order", "orders", true), ("Challenge", "challenges", true)])
}

/// Waits, and returns how it ended and every reason that was told on the way.
async fn wait(cluster: &Cluster, object: &ObjectRef, budget: Duration) -> (Result<(), WaitError>, Vec<String>) {
    let reasons = Mutex::new(Vec::new());
    let hear = |reason: String| reasons.lock().unwrap().push(reason);
    let end = cluster.wait_ready(object, budget, &CancellationToken::new(), &hear).await;
    (end, reasons.into_inner().unwrap())
}

async fn wait_for(server: TestServer, object: &ObjectRef) -> (Result<(), WaitError>, Vec<String>) {
    let (cluster, _) = server.connect().await;
    wait(&cluster, object, Duration::from_millis(700)).await
}

fn web() -> ObjectRef {
    ObjectRef::namespaced("apps/v1", "Deployment", "myapp", "web")
}

fn tls() -> ObjectRef {
    ObjectRef::namespaced("cert-manager.io/v1", "Certificate", "istio-system", "tls")
}

fn deployment(status: &Value) -> Value {
    json!({"kind": "Deployment", "apiVersion": "apps/v1",
           "metadata": {"name": "web", "namespace": "myapp", "generation": 2, "annotations": {"deployment.kubernetes.io/revision": "2"}},
           "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}}, "status": status})
}

fn done() -> Value {
    deployment(
        &json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}),
    )
}

fn starting() -> Value {
    deployment(
        &json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 0}),
    )
}

fn pod(name: &str, template: &str, status: &Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "myapp", "labels": {"app": "web", "pod-template-hash": template}}, "status": status})
}

fn waiting(reason: &str, restarts: u8) -> Value {
    json!({"containerStatuses": [{"name": "web", "image": "docker.io/x:y", "restartCount": restarts, "ready": false,
           "state": {"waiting": {"reason": reason, "message": "said the kubelet"}},
           "lastState": {"terminated": {"exitCode": 2, "reason": "Error", "message": "first\ninvalid configuration: cookie_secret\n"}}}]})
}

fn with_pods(pods: &[Value]) -> TestServer {
    let set = |revision: &str, hash: &str| json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": revision}, "labels": {"pod-template-hash": hash}}});
    server()
        .answer(DEPLOYMENT, 200, starting())
        .list("/apis/apps/v1/namespaces/myapp/replicasets", &[set("1", "old"), set("2", "new")])
        .list("/api/v1/namespaces/myapp/pods", pods)
}

fn hopeless(end: &Result<(), WaitError>) -> &str {
    match end {
        Err(WaitError::Terminal { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

fn timed_out(end: &Result<(), WaitError>) -> &str {
    match end {
        Err(WaitError::TimedOut { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn given_a_deployment_that_gets_ready_then_the_wait_ends_and_told_why_it_lasted() {
    let behind =
        deployment(&json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}));
    let server = with_pods(&[pod("web-1", "new", &json!({"phase": "Pending"}))])
        .answer(DEPLOYMENT, 200, behind)
        .answer(DEPLOYMENT, 200, done());
    let (cluster, _) = server.connect().await;
    let (end, reasons) = wait(&cluster, &web(), LONG).await;
    assert_eq!(end, Ok(()));
    assert_eq!(
        reasons,
        ["0 of 1 pods are available; pod web-1: it is being started", "the change has not been taken up yet"]
    );
}

#[tokio::test]
async fn given_an_image_that_cannot_be_pulled_then_the_wait_fails_at_once_with_the_image() {
    let (end, _) = wait_for(with_pods(&[pod("web-1", "new", &waiting("ImagePullBackOff", 0))]), &web()).await;
    assert!(
        hopeless(&end)
            .contains("pod web-1: container web is in ImagePullBackOff (image docker.io/x:y): said the kubelet")
    );
}

#[tokio::test]
async fn given_a_container_that_crashes_then_the_third_time_is_enough_and_its_last_words_are_told() {
    let (end, _) = wait_for(with_pods(&[pod("web-1", "new", &waiting("CrashLoopBackOff", 2))]), &web()).await;
    assert!(timed_out(&end).contains("crashes again and again"));
    let (end, _) = wait_for(with_pods(&[pod("web-1", "new", &waiting("CrashLoopBackOff", 3))]), &web()).await;
    assert!(hopeless(&end).ends_with("it ended with exit code 2: invalid configuration: cookie_secret"), "{end:?}");
}

#[tokio::test]
async fn given_a_pod_of_the_former_template_that_crashes_then_it_does_not_count() {
    let pods =
        [pod("old-1", "old", &waiting("ImagePullBackOff", 0)), pod("new-1", "new", &json!({"phase": "Pending"}))];
    let (end, _) = wait_for(with_pods(&pods), &web()).await;
    assert!(timed_out(&end).contains("pod new-1"), "{end:?}");
}

#[tokio::test]
async fn given_pods_that_admission_refuses_then_the_reason_is_the_deployments() {
    let status = json!({"observedGeneration": 2, "replicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"web-1\" is forbidden: violates PodSecurity \"restricted:latest\""}]});
    let (end, _) = wait_for(server().answer(DEPLOYMENT, 200, deployment(&status)), &web()).await;
    assert!(hopeless(&end).contains("violates PodSecurity"));
}

#[tokio::test]
async fn given_an_unschedulable_pod_then_the_wait_goes_on_and_tells_it() {
    let status = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]});
    let (end, _) = wait_for(with_pods(&[pod("web-1", "new", &status)]), &web()).await;
    assert!(timed_out(&end).contains("Unschedulable: 0/3 nodes"));
}

#[tokio::test]
async fn given_a_pod_that_cannot_mount_its_secret_then_the_event_says_so() {
    let event = json!({"involvedObject": {"name": "web-1"}, "reason": "FailedMount", "lastTimestamp": "2026-11-24T07:00:00Z",
                       "message": "MountVolume.SetUp failed for volume \"config\": secret \"web\" not found"});
    let server = with_pods(&[pod("web-1", "new", &json!({"phase": "Pending"}))]).answer_by(
        "GET /api/v1/namespaces/myapp/events",
        move |seen| {
            let about_it = seen.query.contains("involvedObject.name%3Dweb-1") && seen.query.contains("type%3DWarning");
            (200, json!({"metadata": {}, "items": if about_it { json!([event]) } else { json!([]) }}))
        },
    );
    let (end, _) = wait_for(server, &web()).await;
    assert!(timed_out(&end).ends_with("secret \"web\" not found (FailedMount)"), "{end:?}");
}

#[tokio::test]
async fn given_former_pods_that_linger_then_the_deployment_is_not_ready_yet() {
    let status = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 2, "availableReplicas": 2});
    let server = with_pods(&[]).answer_by(DEPLOYMENT, move |_| (200, deployment(&status)));
    let (end, _) = wait_for(server, &web()).await;
    assert_eq!(timed_out(&end), "1 of the former pods are still there");
}

#[tokio::test]
async fn given_an_object_without_a_condition_then_being_there_is_enough() {
    let service = ObjectRef::namespaced("v1", "Service", "myapp", "web");
    let absent = wait_for(server(), &service).await;
    assert_eq!(timed_out(&absent.0), "it is not there yet");
    let there = server().answer("GET /api/v1/namespaces/myapp/services/web", 200, json!({"metadata": {}}));
    assert_eq!(wait_for(there, &service).await.0, Ok(()));
}

#[tokio::test]
async fn given_a_wait_that_is_called_off_then_it_ends_at_once() {
    let (cluster, _) = with_pods(&[]).connect().await;
    let cancel = CancellationToken::new();
    let hear = |_reason: String| cancel.cancel();
    let end = cluster.wait_ready(&web(), LONG, &cancel, &hear).await;
    assert!(matches!(end, Err(WaitError::Cancelled { .. })), "{end:?}");
}

#[tokio::test]
async fn given_no_right_to_look_then_that_is_a_result_of_its_own() {
    let message = "deployments.apps \"web\" is forbidden: User \"jane\" cannot get resource \"deployments\" in API group \"apps\" in the namespace \"myapp\"";
    let (end, _) =
        wait_for(server().answer(DEPLOYMENT, 403, failure(403, "Forbidden", message, &json!({}))), &web()).await;
    assert!(matches!(end, Err(WaitError::Cluster(Error::Forbidden(_)))), "{end:?}");
}

#[tokio::test]
async fn given_a_server_that_stumbles_then_the_wait_goes_on() {
    let stumble = failure(500, "InternalError", "etcdserver: leader changed", &json!({}));
    let (cluster, _) = server().answer(DEPLOYMENT, 500, stumble).answer(DEPLOYMENT, 200, done()).connect().await;
    let (end, reasons) = wait(&cluster, &web(), LONG).await;
    assert_eq!(end, Ok(()));
    assert!(reasons[0].contains("leader changed"), "{reasons:?}");
}

fn owned(name: &str, uid: &str, owner: &str, rest: &Value) -> Value {
    let mut object = json!({"metadata": {"name": name, "namespace": "istio-system", "uid": uid, "creationTimestamp": "2026-11-24T07:00:00Z",
                                         "ownerReferences": [{"uid": owner}]}});
    for (key, value) in rest.as_object().unwrap() {
        let place = if key == "annotations" { &mut object["metadata"] } else { &mut object };
        place[key] = value.clone();
    }
    object
}

fn certificate(conditions: &Value) -> Value {
    json!({"metadata": {"name": "tls", "namespace": "istio-system", "uid": "cert", "generation": 1}, "status": {"conditions": conditions}})
}

fn acme(order_state: &str, challenge: &Value, events: &[Value]) -> TestServer {
    let unready = json!([{"type": "Ready", "status": "False", "observedGeneration": 1, "reason": "DoesNotExist", "message": "Issuing"}]);
    let pending = json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Pending", "message": "waiting for order"}]}});
    acme_of(&unready, &pending, order_state, challenge, events)
}

fn acme_of(conditions: &Value, request: &Value, order_state: &str, challenge: &Value, events: &[Value]) -> TestServer {
    let list = |kind: &str| format!("/apis/{kind}");
    server()
        .answer(CERTIFICATE, 200, certificate(conditions))
        .list(
            &list("cert-manager.io/v1/namespaces/istio-system/certificaterequests"),
            &[
                owned(
                    "other-1",
                    "x",
                    "other",
                    &json!({"status": {"conditions": [{"type": "Denied", "status": "True"}]}}),
                ),
                owned("tls-1", "request", "cert", request),
            ],
        )
        .list(
            &list("acme.cert-manager.io/v1/namespaces/istio-system/orders"),
            &[owned("tls-1-9", "order", "request", &json!({"status": {"state": order_state}}))],
        )
        .list(
            &list("acme.cert-manager.io/v1/namespaces/istio-system/challenges"),
            &[owned("tls-1-9-1", "challenge", "order", challenge)],
        )
        .list("/api/v1/namespaces/istio-system/events", events)
}

#[tokio::test]
async fn given_a_certificate_in_the_making_then_the_reason_comes_from_its_challenge_and_that_ones_events() {
    let challenge = json!({"spec": {"dnsName": "cluster.example.com", "type": "DNS-01"},
                           "status": {"state": "pending", "presented": false, "reason": "<redacted Azure SDK error: see events and logs>"}});
    let event = |uid: &str, at: &str, message: &str| json!({"involvedObject": {"uid": uid}, "lastTimestamp": at, "reason": "PresentError", "message": message});
    let events = [
        event("challenge", "2026-11-24T07:01:00Z", "403 AuthorizationFailed"),
        event("challenge", "2026-11-24T07:00:00Z", "older"),
        event("another", "2026-11-24T07:09:00Z", "of another life"),
    ];
    let (end, _) = wait_for(acme("pending", &challenge, &events), &tls()).await;
    assert_eq!(
        timed_out(&end),
        "Order tls-1-9 is pending; DNS-01 for cluster.example.com is pending, not presented yet: \
         <redacted Azure SDK error: see events and logs>; 403 AuthorizationFailed (PresentError)"
    );
}

#[tokio::test]
async fn given_an_order_without_a_challenge_then_the_events_of_the_order_say_why() {
    let done = json!({"status": {"state": "valid"}});
    let event = json!({"involvedObject": {"uid": "order"}, "reason": "Solver", "message": "no solver for the names"});
    let (end, _) = wait_for(acme("pending", &done, &[event]), &tls()).await;
    assert_eq!(timed_out(&end), "Order tls-1-9 is pending; no solver for the names (Solver)");
}

#[tokio::test]
async fn given_a_challenge_that_failed_then_the_wait_fails_at_once() {
    let challenge = json!({"spec": {"dnsName": "cluster.example.com", "type": "DNS-01"}, "status": {"state": "invalid", "reason": "no TXT record"}});
    let (end, _) = wait_for(acme("invalid", &challenge, &[]), &tls()).await;
    assert!(hopeless(&end).contains("no TXT record"), "{end:?}");
}

#[tokio::test]
async fn given_a_challenge_whose_record_is_there_by_now_then_why_it_could_not_be_written_is_not_told_any_more() {
    let challenge = json!({"spec": {"dnsName": "cluster.example.com", "type": "DNS-01"},
                           "status": {"state": "pending", "presented": true, "reason": "not yet propagated"}});
    let former = json!({"involvedObject": {"uid": "challenge"}, "reason": "PresentError", "message": "403"});
    let (end, _) = wait_for(acme("pending", &challenge, &[former]), &tls()).await;
    assert_eq!(
        timed_out(&end),
        "Order tls-1-9 is pending; DNS-01 for cluster.example.com is pending, presented: not yet propagated"
    );
}

#[tokio::test]
async fn given_a_record_that_an_event_tells_of_when_the_status_still_has_the_former_refusal_then_the_event_is_believed()
{
    let challenge = json!({"spec": {"dnsName": "cluster.example.com", "type": "DNS-01"},
                           "status": {"state": "pending", "presented": false, "reason": "<redacted>"}});
    let event = |at: &str, of: &str, reason: &str| json!({"involvedObject": {"uid": "challenge"}, "lastTimestamp": at, "type": of, "reason": reason, "message": "403"});
    let refused = event("2026-11-24T07:00:05Z", "Warning", "PresentError");
    let presented = event("2026-11-24T07:00:10Z", "Normal", "Presented");
    let (end, _) = wait_for(acme("pending", &challenge, &[presented, refused]), &tls()).await;
    assert_eq!(
        timed_out(&end),
        "Order tls-1-9 is pending; DNS-01 for cluster.example.com is pending, presented: cert-manager looks for the record in \
         DNS, and waits a minute more"
    );
}

#[tokio::test]
async fn given_an_order_whose_challenge_failed_when_the_certificate_only_says_that_then_the_challenges_reason_is_told()
{
    let challenge = json!({"spec": {"dnsName": "cluster.example.com", "type": "DNS-01"},
                           "status": {"state": "invalid", "presented": false, "reason": "Correct value not found"}});
    let failed = json!([{"type": "Issuing", "status": "False", "observedGeneration": 1, "reason": "Failed",
                         "message": "order is in \"invalid\" state: "}]);
    let event = json!({"involvedObject": {"uid": "challenge"}, "reason": "Failed", "message": "Accepting it failed"});
    let request = json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Failed"}]}});
    let (end, _) = wait_for(acme_of(&failed, &request, "invalid", &challenge, &[event]), &tls()).await;
    assert_eq!(
        hopeless(&end),
        "Order tls-1-9 is invalid; DNS-01 for cluster.example.com is invalid: Correct value not found (cert-manager tries again \
         in an hour or more; `cmctl renew` tries at once)"
    );
}

#[tokio::test]
async fn given_a_certificate_ordered_anew_when_the_request_that_failed_before_is_still_there_then_the_wait_goes_on() {
    let challenge = json!({"spec": {"dnsName": "cluster.example.com"}, "status": {"state": "invalid"}});
    let ordered = json!([{"type": "Issuing", "status": "True", "observedGeneration": 1, "reason": "ManuallyTriggered",
                          "message": "by hand"}]);
    let mut request = json!({"status": {"conditions": [
        {"type": "Ready", "status": "False", "reason": "Failed", "message": "order is invalid"}]}});
    request["annotations"] = json!({"cert-manager.io/private-key-secret-name": "tls-x2zfk"});
    let (end, _) = wait_for(acme_of(&ordered, &request, "invalid", &challenge, &[]), &tls()).await;
    assert_eq!(timed_out(&end), "cert-manager has not looked at it yet");
}

#[tokio::test]
async fn given_an_issued_certificate_then_it_is_ready_but_not_by_the_word_of_an_older_generation() {
    let ready =
        |generation: u8| certificate(&json!([{"type": "Ready", "status": "True", "observedGeneration": generation}]));
    let (end, _) = wait_for(server().answer(CERTIFICATE, 200, ready(1)), &tls()).await;
    assert_eq!(end, Ok(()));
    let lists =
        |server: TestServer| server.list("/apis/cert-manager.io/v1/namespaces/istio-system/certificaterequests", &[]);
    let (end, _) = wait_for(lists(server().answer(CERTIFICATE, 200, ready(0))), &tls()).await;
    assert!(matches!(end, Err(WaitError::TimedOut { .. })), "{end:?}");
}

#[tokio::test]
async fn given_an_issuance_that_failed_then_it_says_how_to_try_again() {
    let failed = json!([{"type": "Ready", "status": "False", "observedGeneration": 1},
                        {"type": "Issuing", "status": "False", "observedGeneration": 1, "reason": "Failed", "message": "rateLimited"}]);
    let (end, _) = wait_for(server().answer(CERTIFICATE, 200, certificate(&failed)), &tls()).await;
    assert!(hopeless(&end).contains("rateLimited") && hopeless(&end).contains("cmctl renew"), "{end:?}");
}

#[tokio::test]
async fn given_a_request_that_was_denied_then_the_wait_fails_at_once() {
    let denied = json!({"status": {"conditions": [{"type": "Denied", "status": "True", "reason": "policy", "message": "not you"}]}});
    let server = server().answer(CERTIFICATE, 200, certificate(&json!([]))).list(
        "/apis/cert-manager.io/v1/namespaces/istio-system/certificaterequests",
        &[owned("tls-1", "r", "cert", &denied)],
    );
    let (end, _) = wait_for(server, &tls()).await;
    assert_eq!(hopeless(&end), "CertificateRequest tls-1 was refused: policy: not you");
}

#[tokio::test]
async fn given_a_request_of_a_former_revision_that_failed_then_it_does_not_count() {
    let old =
        json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Failed", "message": "old"}]}});
    let mut request = owned("tls-1", "r", "cert", &old);
    request["metadata"]["annotations"] = json!({"cert-manager.io/certificate-revision": "1"});
    let mut live = certificate(
        &json!([{"type": "Ready", "status": "False", "observedGeneration": 1, "reason": "RequestChanged"}]),
    );
    live["status"]["revision"] = 1.into();
    let server = server()
        .answer(CERTIFICATE, 200, live)
        .list("/apis/cert-manager.io/v1/namespaces/istio-system/certificaterequests", &[request]);
    let (end, _) = wait_for(server, &tls()).await;
    assert_eq!(timed_out(&end), "RequestChanged");
}

#[tokio::test]
async fn given_an_object_that_goes_then_the_wait_for_its_end_tells_what_holds_it() {
    let leaving = json!({"metadata": {"uid": "u", "deletionTimestamp": "2026-11-24T07:00:00Z", "finalizers": ["foregroundDeletion"]}});
    let not_found = failure(404, "NotFound", "not found", &json!({}));
    let (cluster, _) = server().answer(DEPLOYMENT, 200, leaving).answer(DEPLOYMENT, 404, not_found).connect().await;
    let reasons = Mutex::new(Vec::new());
    let hear = |reason: String| reasons.lock().unwrap().push(reason);
    cluster.wait_gone(&web(), Some("u"), LONG, &CancellationToken::new(), &hear).await.unwrap();
    assert_eq!(reasons.into_inner().unwrap(), ["it is being deleted, after foregroundDeletion"]);
}

#[tokio::test]
async fn given_a_successor_of_the_same_name_then_the_one_before_is_gone() {
    let (cluster, _) = server().answer(DEPLOYMENT, 200, json!({"metadata": {"uid": "another"}})).connect().await;
    cluster.wait_gone(&web(), Some("u"), LONG, &CancellationToken::new(), &|_| {}).await.unwrap();
}
