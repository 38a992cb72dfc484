use super::{ObjectRef, Selection, Write};
use crate::cluster::{
    Cluster, Error,
    test_server::{TestServer, failure},
};
use serde_json::{Value, json};

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/myapp/deployments";

fn server() -> TestServer {
    TestServer::default()
        .serving(
            "v1",
            &[("ConfigMap", "configmaps", true), ("Secret", "secrets", true), ("Namespace", "namespaces", false)],
        )
        .serving("apps/v1", &[("Deployment", "deployments", true)])
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "myapp", "namespace": "myapp"}, "spec": {"replicas": 1}})
}

fn named() -> ObjectRef {
    ObjectRef::namespaced("apps/v1", "Deployment", "myapp", "myapp")
}

async fn refused(code: u16, reason: &str, message: &str, details: Value) -> Error {
    let patch = format!("PATCH {DEPLOYMENTS}/myapp");
    let (cluster, _) = server().answer(&patch, code, failure(code, reason, message, &details)).connect().await;
    cluster.apply(&deployment(), Write::ForReal).await.unwrap_err()
}

#[tokio::test]
async fn given_an_object_when_it_is_applied_then_it_is_ours_strict_and_never_by_force() {
    let (cluster, server) = server().answer(&format!("PATCH {DEPLOYMENTS}/myapp"), 200, deployment()).connect().await;
    cluster.apply(&deployment(), Write::DryRun).await.unwrap();
    cluster.apply(&deployment(), Write::ForReal).await.unwrap();
    let patches: Vec<_> = server.seen().into_iter().filter(|seen| seen.method == "PATCH").collect();
    let [dry, real] = patches.as_slice() else { panic!("{patches:?}") };
    assert!(dry.query.contains("dryRun=All") && !real.query.contains("dryRun"), "{} {}", dry.query, real.query);
    for patch in [dry, real] {
        assert!(patch.query.contains("fieldManager=gatewright") && patch.query.contains("fieldValidation=Strict"));
        assert!(!patch.query.contains("force=true"), "{}", patch.query);
        assert_eq!(patch.headers["content-type"], "application/apply-patch+yaml");
        assert_eq!(patch.body, deployment());
    }
    let discoveries = server.seen().iter().filter(|seen| seen.path == "/apis/apps/v1").count();
    assert_eq!(discoveries, 1, "where a kind is found is asked once");
}

#[tokio::test]
async fn given_a_field_of_somebody_else_when_it_is_applied_then_the_owner_is_named() {
    let details = json!({"causes": [
        {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-client-side-apply\" using apps/v1", "field": ".spec.replicas"},
        {"reason": "FieldManagerConflict", "message": "conflict with \"argocd\"", "field": ".spec.paused"}]});
    let error = refused(409, "Conflict", "Apply failed with 2 conflicts", details).await;
    let Error::Conflict { owners, .. } = &error else { panic!("{error:?}") };
    let owners: Vec<_> = owners.iter().map(|owner| (owner.field.as_str(), owner.manager.as_str())).collect();
    assert_eq!(owners, [(".spec.replicas", "kubectl-client-side-apply"), (".spec.paused", "argocd")]);
    assert!(
        error.to_string().contains("\"argocd\"") && error.to_string().contains("nothing was overwritten"),
        "{error}"
    );
}

#[tokio::test]
async fn given_an_object_is_applied_over_what_was_seen_then_it_is_by_force_and_only_while_it_is_so() {
    let (cluster, server) = server().answer(&format!("PATCH {DEPLOYMENTS}/myapp"), 200, deployment()).connect().await;
    let without = cluster.apply_over(&deployment(), &deployment(), Write::ForReal).await;
    assert_eq!(without, Err(Error::Incomplete("metadata.resourceVersion")));
    let mut live = deployment();
    live["metadata"]["resourceVersion"] = "41".into();
    cluster.apply_over(&live, &deployment(), Write::ForReal).await.unwrap();
    let seen = server.seen();
    let patches: Vec<_> = seen.iter().filter(|seen| seen.method == "PATCH").collect();
    let [patch] = patches.as_slice() else { panic!("{patches:?}") };
    assert!(patch.query.contains("force=true") && patch.query.contains("fieldManager=gatewright"), "{}", patch.query);
    assert_eq!(patch.body, live);
}

#[tokio::test]
async fn given_a_denied_verb_then_the_missing_right_and_who_grants_it_are_named() {
    let message = "deployments.apps \"myapp\" is forbidden: User \"jane\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"myapp\"";
    let error =
        refused(403, "Forbidden", message, json!({"name": "myapp", "group": "apps", "kind": "deployments"})).await;
    let right = error.lacks_right().unwrap();
    assert_eq!((right.verb.as_str(), right.group.as_str(), right.resource.as_str()), ("patch", "apps", "deployments"));
    assert_eq!(right.namespace.as_deref(), Some("myapp"));
    assert!(error.to_string().contains("an administrator of namespace myapp"), "{error}");
}

#[tokio::test]
async fn given_a_policy_that_refuses_with_403_then_it_is_no_missing_right() {
    let message =
        "admission webhook \"validation.gatekeeper.sh\" denied the request: [images] docker.io is not allowed";
    let error = refused(403, "Forbidden", message, json!({})).await;
    assert!(error.lacks_right().is_none() && error.to_string().contains("docker.io is not allowed"), "{error}");
}

#[tokio::test]
async fn given_an_invalid_object_then_every_cause_is_told() {
    let details = json!({"causes": [
        {"reason": "FieldValueInvalid", "message": "Invalid value: 0: must be positive", "field": "spec.replicas"},
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.selector"}]});
    let error = refused(422, "Invalid", "Deployment \"myapp\" is invalid", details).await;
    assert!(error.to_string().contains("spec.replicas: Invalid value: 0"), "{error}");
    assert!(error.to_string().contains("spec.selector: Required value"), "{error}");
}

#[tokio::test]
async fn given_an_unknown_field_then_the_servers_words_are_told_whatever_the_status() {
    // Custom kinds are refused with 400, built-in ones with 500 and no reason.
    let of_custom =
        refused(400, "BadRequest", "strict decoding error: unknown field \"spec.replica\"", json!({})).await;
    assert!(
        matches!(of_custom, Error::Invalid { .. }) && of_custom.to_string().contains("unknown field"),
        "{of_custom}"
    );
    let message = "failed to create typed patch object (myapp/myapp; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema";
    let built_in = refused(500, "", message, json!({})).await;
    assert!(matches!(built_in, Error::Invalid { .. }) && !built_in.may_pass(), "{built_in:?}");
}

#[tokio::test]
async fn given_a_value_that_nobody_can_read_then_it_is_a_mistake_and_not_a_passing_trouble() {
    let message = "failed to convert new object (myapp/myapp; apps/v1, Kind=Deployment) to proper version: unable to convert \
                   unstructured object to apps/v1, Kind=Deployment: quantities must match the regular expression";
    let error = refused(500, "", message, json!({})).await;
    assert!(matches!(error, Error::Invalid { .. }) && !error.may_pass(), "{error:?}");
}

#[tokio::test]
async fn given_no_namespace_then_it_says_so() {
    let details = json!({"name": "myapp", "kind": "namespaces"});
    let error = refused(404, "NotFound", "namespaces \"myapp\" not found", details).await;
    assert!(matches!(&error, Error::NoNamespace { namespace, .. } if namespace == "myapp"), "{error:?}");
}

#[tokio::test]
async fn given_a_webhook_that_is_down_then_it_may_pass() {
    let message = "Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": connection refused";
    let error = refused(500, "InternalError", message, json!({})).await;
    assert!(error.may_pass() && error.to_string().contains("webhook.cert-manager.io"), "{error}");
}

#[tokio::test]
async fn given_a_missing_definition_then_it_says_what_to_install_and_asks_again_next_time() {
    let certificate =
        json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "x", "namespace": "y"}});
    let (cluster, server) = server().connect().await;
    let error = cluster.apply(&certificate, Write::DryRun).await.unwrap_err();
    assert!(matches!(error, Error::NotServed { .. }) && error.to_string().contains("install cert-manager"), "{error}");
    let server = server.serving("cert-manager.io/v1", &[("Certificate", "certificates", true)]);
    let _later = server.answer("PATCH /apis/cert-manager.io/v1/namespaces/y/certificates/x", 200, certificate.clone());
    cluster.apply(&certificate, Write::DryRun).await.unwrap();
}

#[tokio::test]
async fn given_an_expired_sign_in_then_it_says_to_sign_in() {
    let error = refused(401, "Unauthorized", "Unauthorized", json!({})).await;
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("sign in"), "{error}");
}

#[tokio::test]
async fn given_an_invalid_secret_when_the_server_quotes_its_value_then_nobody_sees_it() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "myapp"}, "data": {"k": "canary"}});
    let details = json!({"causes": [{"reason": "FieldValueInvalid", "message": "Invalid value: \"canary\": bad", "field": "data[k]"}]});
    let body = failure(422, "Invalid", "Secret \"s\" is invalid: data[k]: Invalid value: \"canary\": bad", &details);
    let (cluster, _) = server().answer("PATCH /api/v1/namespaces/myapp/secrets/s", 422, body).connect().await;
    let error = cluster.apply(&secret, Write::ForReal).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    assert!(error.to_string().contains("data[k]"), "{error}");
}

#[tokio::test]
async fn given_an_answer_that_is_no_json_then_it_is_told_without_the_answer() {
    let (cluster, _) =
        server().answer(&format!("GET {DEPLOYMENTS}/myapp"), 200, "{\"canary\": ".into()).connect().await;
    let error = cluster.get(&named()).await.unwrap_err();
    assert!(matches!(error, Error::NotUnderstood { .. }) && !format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn given_no_object_when_it_is_asked_for_then_there_is_none() {
    let (cluster, _) = server().connect().await;
    assert_eq!(cluster.get(&named()).await, Ok(None));
}

#[tokio::test]
async fn given_a_config_map_that_changed_when_it_is_updated_then_it_is_stale() {
    let path = "PUT /api/v1/namespaces/istio-system/configmaps/istio";
    let message = "Operation cannot be fulfilled on configmaps \"istio\": the object has been modified";
    let (cluster, server) = server().answer(path, 409, failure(409, "Conflict", message, &json!({}))).connect().await;
    let mut map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"}});
    assert_eq!(cluster.update_guarded(&map).await, Err(Error::Incomplete("metadata.resourceVersion")));
    assert!(server.seen().iter().all(|seen| seen.method != "PUT"), "without a version nothing is sent");
    map["metadata"]["resourceVersion"] = "41".into();
    let error = cluster.update_guarded(&map).await.unwrap_err();
    assert!(matches!(error, Error::Stale { .. }) && error.may_pass(), "{error:?}");
}

#[tokio::test]
async fn given_a_long_list_then_every_page_is_read_and_each_item_knows_its_kind() {
    let page = |name: &str, token: &str| {
        json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"continue": token},
                                               "items": [{"metadata": {"name": name}}]})
    };
    let path = "GET /api/v1/configmaps";
    let (cluster, server) =
        server().answer(path, 200, page("a", "more")).answer(path, 200, page("b", "")).connect().await;
    let maps = cluster.list("v1", "ConfigMap", &Selection::labelled("x=y")).await.unwrap();
    assert_eq!(maps.len(), 2);
    assert!(maps.iter().all(|map| map["kind"] == "ConfigMap" && map["apiVersion"] == "v1"));
    let lists: Vec<_> = server.seen().into_iter().filter(|seen| seen.path == "/api/v1/configmaps").collect();
    assert!(lists[0].query.contains("labelSelector=x%3Dy") && lists[1].query.contains("continue=more"), "{lists:?}");
}

#[tokio::test]
async fn given_an_object_when_it_is_deleted_then_only_the_one_with_that_uid() {
    let path = format!("DELETE {DEPLOYMENTS}/myapp");
    let (cluster, server) = server().answer(&path, 200, json!({"kind": "Status", "status": "Success"})).connect().await;
    cluster.delete(&named(), Some("u-1")).await.unwrap();
    let seen = server.seen().into_iter().find(|seen| seen.method == "DELETE").unwrap();
    assert_eq!(seen.body["preconditions"]["uid"], "u-1");
    assert_eq!(seen.body["propagationPolicy"], "Foreground");
}

#[tokio::test]
async fn given_another_object_of_that_name_when_it_is_deleted_then_it_stays() {
    let message = "Precondition failed: UID in precondition: u-1, UID in object meta: u-2";
    let body = failure(409, "Conflict", message, &json!({}));
    let (cluster, _) = server().answer(&format!("DELETE {DEPLOYMENTS}/myapp"), 409, body).connect().await;
    let error = cluster.delete(&named(), Some("u-1")).await.unwrap_err();
    assert!(matches!(error, Error::Stale { .. }), "{error:?}");
}

#[tokio::test]
async fn given_nothing_to_delete_then_that_is_fine() {
    let (cluster, _): (Cluster, _) = server().connect().await;
    assert_eq!(cluster.delete(&named(), Some("u-1")).await, Ok(()));
}

#[tokio::test]
async fn given_secrets_when_only_their_metadata_is_wanted_then_the_server_is_asked_to_leave_out_the_rest() {
    let listed = json!({"metadata": {"name": "s", "namespace": "myapp", "annotations": {"a": "b"}}});
    let (cluster, server) = server().list("/api/v1/secrets", &[listed]).connect().await;
    let found = cluster.list_metadata("v1", "Secret", &Selection::labelled("a=b")).await.unwrap();
    assert_eq!(found[0]["metadata"]["annotations"]["a"], "b");
    let asked = server.seen().into_iter().find(|seen| seen.path == "/api/v1/secrets").unwrap();
    assert!(asked.query.contains("labelSelector=a%3Db"), "{}", asked.query);
    let accepted = asked.headers["accept"].to_str().unwrap();
    assert!(accepted.starts_with("application/json;as=PartialObjectMetadataList;"), "{accepted}");
    assert!(!accepted.contains(','), "nothing else is taken: {accepted}");
}
