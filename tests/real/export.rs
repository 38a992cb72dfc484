//! What Gatewright exports and sets up, in the hands of kubectl.

use crate::parts::{Gatewright, Kubectl, ground, oldest_and_newest_kubectl};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatewright::practice::Ground;
use std::path::Path;

/// The texts of the files that kubectl takes.
fn objects(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let objects = entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    objects.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Applies a folder and demands that every object in it is taken.
async fn applies_whole(kubectl: &Kubectl<'_>, folder: &Path) {
    let said = kubectl.succeeds(&["apply", "--server-side", "-R", "-f", folder.to_str().unwrap()], "").await;
    assert_eq!(said.matches("serverside-applied").count(), objects(folder).len(), "{said}");
}

async fn sees_no_difference(kubectl: &Kubectl<'_>, folder: &Path) {
    let said = kubectl.run(&["diff", "--server-side", "-R", "-f", folder.to_str().unwrap()], "").await;
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
}

fn holds_no_secret(ground: &Ground, folder: &Path) {
    let secrets = ground.cluster().list("", "Secret", Some("myapp"));
    let values: Vec<String> = secrets
        .iter()
        .flat_map(|secret| secret["data"].as_object().unwrap().values())
        .map(|value| value.as_str().unwrap().to_owned())
        .collect();
    assert!(values.len() >= 3, "there are secrets to look for");
    for text in objects(folder) {
        for value in &values {
            let plain = String::from_utf8(STANDARD.decode(value).unwrap()).unwrap();
            assert!(!text.contains(value) && !text.contains(&plain), "a secret value in {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_an_empty_cluster_when_kubectl_applies_an_export_then_it_takes_it_whole_and_setup_fills_it_in() {
    for program in oldest_and_newest_kubectl() {
        let ground = ground().await;
        let (gatewright, kubectl) = (Gatewright::new(&ground), Kubectl::new(&program, &ground));
        let open = gatewright.export("open").await;
        applies_whole(&kubectl, &open).await;
        assert!(gatewright.set_up().await > 0);
        assert!(!ground.edge().anonymous_reaches_app("myapp.cluster.example.com").await);
        for config in ground.cluster().list("", "ConfigMap", Some("myapp")) {
            assert!(!config.to_string().contains('‹'), "everything is filled in: {config}");
        }
        assert_eq!(gatewright.set_up().await, 0, "the next run writes nothing");

        let filled_in = gatewright.export("filled-in").await;
        holds_no_secret(&ground, &filled_in);
        sees_no_difference(&kubectl, &filled_in).await;
        let again = ["apply", "--server-side", "-R", "-f", open.to_str().unwrap()];
        kubectl.is_refused(&again, "", r#"conflict with "gatewright""#).await;
        ground.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_setup_when_kubectl_holds_its_export_against_the_cluster_then_nothing_differs_and_both_may_own_it() {
    for program in oldest_and_newest_kubectl() {
        let ground = ground().await;
        let (gatewright, kubectl) = (Gatewright::new(&ground), Kubectl::new(&program, &ground));
        gatewright.set_up().await;
        let folder = gatewright.export("objects").await;
        holds_no_secret(&ground, &folder);
        sees_no_difference(&kubectl, &folder).await;
        applies_whole(&kubectl, &folder).await;
        let get = ["get", "gateway.networking.istio.io", "myapp", "-n", "myapp", "-o", "yaml", "--show-managed-fields"];
        let managed = kubectl.succeeds(&get, "").await;
        assert!(managed.contains("manager: gatewright") && managed.contains("manager: kubectl"), "{managed}");
        assert_eq!(gatewright.set_up().await, 0, "what others own besides is no change");
        sees_no_difference(&kubectl, &folder).await;
        ground.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_kubectl_deletes_an_object_behind_our_back_when_planned_then_it_is_named() {
    for program in oldest_and_newest_kubectl() {
        let ground = ground().await;
        let (gatewright, kubectl) = (Gatewright::new(&ground), Kubectl::new(&program, &ground));
        gatewright.set_up().await;
        assert_eq!(gatewright.run(&["plan"]).await.code, Some(0));
        kubectl.succeeds(&["delete", "requestauthentication", "myapp-token", "-n", "myapp"], "").await;
        let planned = gatewright.run(&["plan"]).await;
        assert_eq!(planned.code, Some(2), "{planned:?}");
        let said = planned.out + &planned.err;
        let created: Vec<&str> = said.lines().filter(|line| line.trim_start().starts_with("create ")).collect();
        assert!(
            matches!(created.as_slice(), [line] if line.contains("RequestAuthentication") && line.contains("myapp/myapp-token")),
            "{said}"
        );
        gatewright.set_up().await;
        kubectl.succeeds(&["get", "requestauthentication", "myapp-token", "-n", "myapp"], "").await;
        assert_eq!(gatewright.run(&["plan"]).await.code, Some(0));
        ground.stop().await.unwrap();
    }
}
