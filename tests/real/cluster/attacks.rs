//! Attacks on an application whose locks are in its own sidecar: through the gateway, from inside the mesh and from beside it. That
//! each could succeed is shown at the end, with the locks gone.

use super::caller::Caller;
use super::node::pod_addresses;
use super::{DEADLINE, Whole};
use crate::road::attacks::{ADDRESSES, CLAIMS};
use crate::visitors::{self, Answer};
use http::StatusCode;
use serde_json::json;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Who asks the application past the gateway, and where it is.
struct Inside {
    in_mesh: Caller,
    beside: Caller,
    service: Ipv4Addr,
}

impl Inside {
    async fn make(whole: &Whole) -> Self {
        let service = whole.object("Service", "myapp").await["spec"]["clusterIP"].as_str().unwrap().parse().unwrap();
        let (in_mesh, beside) = tokio::join!(Caller::make(whole, "inside", true), Caller::make(whole, "beside", false));
        Self { in_mesh, beside, service }
    }

    /// Asks as a program in the mesh asks a Service.
    async fn ask(&self, whole: &Whole, path: &str, headers: &[(&str, &str)]) -> Option<Answer> {
        let host = "myapp.myapp.svc.cluster.local:8000";
        self.in_mesh.ask(whole, (self.service, 8000), (host, path), headers).await
    }

    /// Asks the pod itself, as one without a sidecar can.
    async fn ask_pod(&self, whole: &Whole, path: &str, headers: &[(&str, &str)]) -> Option<Answer> {
        let [pod] = pod_addresses(&whole.server.client().await, "myapp", "app.kubernetes.io/name=myapp").await[..]
        else {
            return None;
        };
        self.beside.ask(whole, (pod, 80), (visitors::HOST, path), headers).await
    }
}

fn reached(answer: Option<&Answer>) -> bool {
    answer.is_some_and(Answer::is_from_the_application)
}

/// The roads on which a stranger reaches the application.
async fn strangers_let_in(whole: &Whole, inside: &Inside) -> Vec<String> {
    let mut let_in = Vec::new();
    for address in ADDRESSES {
        let through_the_gateway = whole.client.get(address, &[]).await;
        let answers = [
            ("gateway", Some(through_the_gateway)),
            ("mesh", inside.ask(whole, address, &[]).await),
            ("pod", inside.ask_pod(whole, address, &[]).await),
        ];
        let_in.extend(
            answers.iter().filter(|(_, answer)| reached(answer.as_ref())).map(|(road, _)| format!("{road} {address}")),
        );
    }
    let_in
}

#[tokio::test(flavor = "multi_thread")]
async fn given_locks_in_the_sidecar_when_attacked_from_everywhere_then_they_hold_and_without_them_nothing_does() {
    let Some(whole) = Whole::open().await else { return };
    // What the tenant issues now is over by the time that everything runs.
    let hours = jiff::SignedDuration::from_hours(2);
    whole.ground.tenant().advance_clock(-hours);
    whole.set_up().await;
    let expired = whole.own_token().await;
    whole.ground.tenant().advance_clock(hours);
    let inside = Inside::make(&whole).await;
    let let_in = strangers_let_in(&whole, &inside).await;
    assert!(let_in.is_empty(), "{let_in:#?}");
    claims_about_oneself(&whole, &inside).await;
    a_token_that_was_good(&whole, &inside, &expired).await;
    without_its_sidecar(&whole).await;

    // The token lock alone: who has no token is refused and not sent to sign in.
    let hook = "myapp-sign-in";
    whole.delete_policy(hook).await;
    whole.answers_with(StatusCode::FORBIDDEN).await;
    let let_in = strangers_let_in(&whole, &inside).await;
    assert!(let_in.is_empty(), "the token lock alone: {let_in:#?}");
    for policy in ["myapp-no-token", "myapp-token", "myapp-reserved"] {
        whole.delete_policy(policy).await;
    }
    let begun = Instant::now();
    loop {
        let let_in = strangers_let_in(&whole, &inside).await;
        if ["gateway /", "mesh /", "pod /"].iter().all(|road| let_in.iter().any(|one| one == road)) {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "with every lock gone, every road is open: {let_in:#?}");
    }
    for claim in CLAIMS {
        let headers = [(claim, "mallory@example.com")];
        for answer in [inside.ask(&whole, "/", &headers).await, inside.ask_pod(&whole, "/", &headers).await] {
            let body = answer.map(|answer| answer.body).unwrap_or_default();
            assert!(body.contains("mallory"), "with every lock gone, {claim} is heard: {body}");
        }
    }
}

/// What a caller says of itself is not what the application hears, from whichever side it comes.
async fn claims_about_oneself(whole: &Whole, inside: &Inside) {
    let session = visitors::sign_in(&whole.client, &whole.ground, "alice@example.com", "/").await;
    let authorization = format!("Bearer {}", whole.own_token().await);
    for known in [("cookie", session.as_str()), ("authorization", authorization.as_str())] {
        let answers = [inside.ask(whole, "/", &[known]).await, inside.ask_pod(whole, "/", &[known]).await];
        assert!(answers.iter().all(|answer| reached(answer.as_ref())), "without claims they get in: {answers:#?}");
        for claim in CLAIMS {
            let headers = [known, (claim, "mallory@example.com")];
            let through_the_gateway = whole.client.get("/", &headers).await;
            assert!(through_the_gateway.is_from_the_application(), "{claim}: {through_the_gateway:#?}");
            let inside = [inside.ask(whole, "/", &headers).await, inside.ask_pod(whole, "/", &headers).await];
            for answer in inside.into_iter().flatten().chain([through_the_gateway]) {
                assert!(!answer.is_from_the_application() || !answer.body.contains("mallory"), "{claim}: {answer:#?}");
            }
        }
    }
}

/// A token of the right issuer, for the right audience, with the right role, whose time is over.
async fn a_token_that_was_good(whole: &Whole, inside: &Inside, expired: &str) {
    let authorization = format!("Bearer {expired}");
    let headers = [("authorization", authorization.as_str())];
    let through_the_gateway = whole.client.get("/", &headers).await;
    assert!(!through_the_gateway.is_from_the_application(), "{through_the_gateway:#?}");
    let answer = inside.ask(whole, "/", &headers).await;
    assert!(!reached(answer.as_ref()), "{answer:#?}");
}

/// A pod that came back without its sidecar has no lock; the road through the gateway does not lead into it.
async fn without_its_sidecar(whole: &Whole) {
    whole.has_sidecar(false).await;
    let begun = Instant::now();
    let authorization = format!("Bearer {}", whole.own_token().await);
    while begun.elapsed() < Duration::from_secs(3) {
        for headers in [&[][..], &[("authorization", authorization.as_str())]] {
            let answer = whole.client.get("/", headers).await;
            assert!(!answer.is_from_the_application(), "{answer:#?}");
        }
    }
    let said = whole.gatewright().run_plain(&["status", "--ui", "json"]).await;
    assert!(format!("{}{}", said.out, said.err).contains("sidecar"), "{}{}", said.out, said.err);
    whole.has_sidecar(true).await;
    let begun = Instant::now();
    while !whole.client.get("/", &[("authorization", &authorization)]).await.is_from_the_application() {
        assert!(begun.elapsed() < DEADLINE, "with its sidecar it is back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Whole {
    async fn delete_policy(&self, name: &str) {
        let policy = json!({
            "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": name, "namespace": "myapp"},
        });
        self.server.delete(&policy).await;
    }

    /// Waits until a stranger gets this answer at the gateway.
    async fn answers_with(&self, status: StatusCode) {
        let begun = Instant::now();
        loop {
            let answer = self.client.get("/", &[]).await;
            if answer.status == status {
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "{answer:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Has the application's pods made anew, with a sidecar or without, as somebody with kubectl would.
    async fn has_sidecar(&self, wanted: bool) {
        use k8s_openapi::api::apps::v1::Deployment;
        let client = self.server.client().await;
        let deployments: kube::Api<Deployment> = kube::Api::namespaced(client, "myapp");
        let label = if wanted { json!("true") } else { json!("false") };
        let patch = json!({"spec": {"template": {"metadata": {"labels": {"sidecar.istio.io/inject": label}}}}});
        let params = kube::api::PatchParams::default();
        deployments.patch("myapp", &params, &kube::api::Patch::Merge(patch)).await.unwrap();
        self.has_settled().await;
    }
}
