//! Somebody with no more rights than `assets/rights.yaml` gives.

use super::Whole;
use crate::api_server::LIMITED;
use crate::parts::{Gatewright, Said};
use serde_json::{Value, json};

const RIGHTS: &str = include_str!("../../../assets/rights.yaml");

/// The exit code for a right that is missing.
const NOT_PERMITTED: i32 = 77;

fn words(said: &Said) -> String {
    format!("{}{}", said.out, said.err)
}

#[tokio::test(flavor = "multi_thread")]
async fn given_somebody_with_the_rights_that_we_name_then_everything_works_and_with_less_it_says_what_is_missing() {
    let Some(whole) = Whole::open().await else { return };
    let gatewright = Gatewright::new(&whole.ground).on(whole.server.kubeconfig_of(LIMITED));

    // With nothing at all.
    let said = gatewright.run(&["setup", "--yes"]).await;
    assert_eq!(said.code, Some(NOT_PERMITTED), "{}", words(&said));

    // Reading all but Secrets.
    let objects: Vec<Value> = serde_saphyr::from_multiple(&RIGHTS.replace("WHO", LIMITED)).unwrap();
    let (writing, reading): (Vec<Value>, Vec<Value>) =
        objects.into_iter().partition(|object| object["kind"] == "RoleBinding");
    whole.server.make(&reading).await;
    let said = gatewright.run(&["setup", "--yes"]).await;
    assert_eq!(said.code, Some(NOT_PERMITTED), "{}", words(&said));
    assert!(words(&said).contains("get secrets in namespace myapp is needed"), "{}", words(&said));

    // And writing in one of the two namespaces: every right that is missing in the other is named before anything is made.
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "myapp"}});
    whole.server.make(&[namespace]).await;
    let (here, there): (Vec<Value>, Vec<Value>) =
        writing.into_iter().partition(|binding| binding["metadata"]["namespace"] == "myapp");
    whole.server.make(&here).await;
    let said = gatewright.run(&["setup", "--yes"]).await;
    assert_eq!(said.code, Some(NOT_PERMITTED), "{}", words(&said));
    for missing in [
        "patch certificates.cert-manager.io in namespace istio-system",
        "update configmaps istio in namespace istio-system",
    ] {
        assert!(words(&said).contains(missing), "{missing}: {}", words(&said));
    }
    assert!(whole.ours().await.is_empty(), "{:?}", whole.ours().await);

    whole.server.make(&there).await;
    let at = format!("127.0.0.1:{}", whole.gateway_port);
    let rotate = |what| ["rotate", "myapp", "--yes", "--what", what, "--try-at", &at].map(str::to_owned);
    let runs = [
        vec!["setup".to_owned(), "--yes".to_owned(), "--try-at".to_owned(), at.clone()],
        rotate("client-secret").to_vec(),
        rotate("redis-password").to_vec(),
        rotate("certificate-key").to_vec(),
        vec!["status".to_owned()],
        vec!["teardown".to_owned(), "myapp".to_owned(), "--yes".to_owned()],
    ];
    for (index, arguments) in runs.iter().enumerate() {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = match index {
            0 => gatewright.run(&arguments).await,
            _ => gatewright.run_plain(&arguments).await,
        };
        assert_eq!(said.code, Some(0), "{arguments:?}: {}", words(&said));
    }
    assert!(whole.ours().await.is_empty(), "{:?}", whole.ours().await);
}
