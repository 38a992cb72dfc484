//! The API over HTTP: what is refused and how, lists, deletion, rights, versions.

use super::*;

fn config(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

const CONFIG_MAPS: &str = "/api/v1/namespaces/one/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/one/deployments";

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"app": "d"}},
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "main", "image": "i"}]}},
        },
    })
}

#[tokio::test]
async fn given_an_object_when_made_twice_then_the_second_is_refused() {
    let caller = Caller::new();
    assert_eq!(caller.post(CONFIG_MAPS, &config("a", &json!({}))).await.0, 201);
    let (status, answer) = caller.post(CONFIG_MAPS, &config("a", &json!({}))).await;
    assert_eq!((status, answer["reason"].as_str()), (409, Some("AlreadyExists")));
    assert_eq!(answer["message"], "configmaps \"a\" already exists");
    assert_eq!(answer["details"], json!({"name": "a", "kind": "configmaps"}));
}

#[tokio::test]
async fn given_nothing_when_asked_for_then_it_is_not_found_as_by_the_real_server() {
    let caller = Caller::new();
    let (status, answer) = caller.get(&format!("{DEPLOYMENTS}/d")).await;
    assert_eq!(status, 404);
    assert_eq!(
        answer,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "deployments.apps \"d\" not found", "reason": "NotFound",
            "details": {"name": "d", "group": "apps", "kind": "deployments"}, "code": 404,
        })
    );
    let (status, answer) = caller.get("/apis/apps/v1/things").await;
    assert_eq!((status, answer["message"].as_str()), (404, Some("the server could not find the requested resource")));
    assert_eq!(caller.get("/apis/example.com/v1/things").await, (404, Value::Null), "a page and no status");
}

#[tokio::test]
async fn given_unknown_fields_when_written_then_the_validation_asked_for_decides() {
    let caller = Caller::new();
    let mut object = deployment();
    object["spec"]["replica"] = json!(1);
    let (status, answer) = caller.post(&format!("{DEPLOYMENTS}?fieldValidation=Strict"), &object).await;
    assert_eq!(status, 400);
    assert_eq!(
        answer["message"],
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.replica\""
    );
    let (status, made) = caller.post(&format!("{DEPLOYMENTS}?fieldValidation=Ignore"), &object).await;
    assert_eq!((status, made["spec"].get("replica")), (201, None));
}

#[tokio::test]
async fn given_values_that_do_not_fit_when_written_then_every_cause_is_told() {
    let caller = Caller::new();
    let mut object = deployment();
    object["spec"]["template"]["metadata"]["labels"] = json!({"app": "other"});
    object["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    let (status, answer) = caller.post(DEPLOYMENTS, &object).await;
    assert_eq!((status, answer["reason"].as_str()), (422, Some("Invalid")));
    assert_eq!(
        answer["message"],
        "Deployment.apps \"d\" is invalid: [spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` does not \
         match template `labels`, spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"v\"]"
    );
    let peer = json!({
        "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": {"name": "p"},
        "spec": {"mtls": {"mode": "SOMETIMES"}},
    });
    let (_, answer) = caller.post("/apis/security.istio.io/v1/namespaces/one/peerauthentications", &peer).await;
    assert_eq!(
        answer["message"],
        "PeerAuthentication.security.istio.io \"p\" is invalid: [spec.mtls.mode: Unsupported value: \"SOMETIMES\": supported values: \
         \"UNSET\", \"DISABLE\", \"PERMISSIVE\", \"STRICT\", <nil>: Invalid value: null: some validation rules were not checked \
         because the object was invalid; correct the existing errors to complete validation]"
    );
    let certificate = json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "c"},
        "spec": {"dnsNames": "a.example.com", "issuerRef": {"name": "i"}},
    });
    let (status, answer) = caller.post("/apis/cert-manager.io/v1/namespaces/one/certificates", &certificate).await;
    assert_eq!(status, 422);
    let message = answer["message"].as_str().unwrap();
    assert!(
        message.contains(
            "spec.dnsNames: Invalid value: \"string\": spec.dnsNames in body must be of type array: \"string\""
        ),
        "{message}"
    );
    assert!(message.contains("spec.secretName: Required value"), "{message}");
}

#[tokio::test]
async fn given_names_and_labels_that_are_none_when_written_then_they_are_refused() {
    let caller = Caller::new();
    for (object, path, part) in [
        (config("Upper", &json!({})), CONFIG_MAPS, "a lowercase RFC 1123 subdomain must consist of"),
        (config("a", &json!({"bad key": "x"})), CONFIG_MAPS, "a valid config key must consist of"),
        (
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a.b"}}),
            "/api/v1/namespaces",
            "must not contain dots",
        ),
    ] {
        let (status, answer) = caller.post(path, &object).await;
        assert_eq!(status, 422);
        assert!(answer["message"].as_str().unwrap().contains(part), "{answer}");
    }
    let mut labelled = config("a", &json!({}));
    labelled["metadata"]["labels"] = json!({"app": "x".repeat(64)});
    let (_, answer) = caller.post(CONFIG_MAPS, &labelled).await;
    assert!(answer["message"].as_str().unwrap().contains("must be no more than 63 bytes"), "{answer}");
}

#[tokio::test]
async fn given_what_cannot_change_when_changed_then_it_is_refused() {
    let caller = Caller::new();
    caller.post(DEPLOYMENTS, &deployment()).await;
    let patch = json!({"spec": {"selector": {"matchLabels": {"app": "e"}}, "template": {"metadata": {"labels": {"app": "e"}}}}});
    let (status, answer) = caller.merge(&format!("{DEPLOYMENTS}/d"), &patch).await;
    assert_eq!(status, 422);
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .contains("spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"e\"}}: field is immutable"),
        "{answer}"
    );
    let service =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
    let (_, made) = caller.post("/api/v1/namespaces/one/services", &service).await;
    assert_eq!(made["spec"]["clusterIP"], made["spec"]["clusterIPs"][0]);
    let (status, answer) =
        caller.merge("/api/v1/namespaces/one/services/s", &json!({"spec": {"clusterIP": "10.96.9.9"}})).await;
    assert_eq!(status, 422, "{answer}");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}});
    let (_, made) = caller.post("/api/v1/namespaces/one/secrets", &secret).await;
    assert_eq!((&made["data"]["a"], &made["type"], made.get("stringData")), (&json!("Yg=="), &json!("Opaque"), None));
    let (status, answer) =
        caller.merge("/api/v1/namespaces/one/secrets/s", &json!({"type": "kubernetes.io/tls"})).await;
    assert_eq!(status, 422);
    assert!(
        answer["message"].as_str().unwrap().contains("type: Invalid value: \"kubernetes.io/tls\": field is immutable"),
        "{answer}"
    );
}

#[tokio::test]
async fn given_a_changed_object_when_an_old_one_is_put_then_it_conflicts() {
    let caller = Caller::new();
    let (_, old) = caller.post(CONFIG_MAPS, &config("a", &json!({"x": "1"}))).await;
    caller.merge(&format!("{CONFIG_MAPS}/a"), &json!({"data": {"x": "2"}})).await;
    let (status, answer) = caller.put(&format!("{CONFIG_MAPS}/a"), &old).await;
    assert_eq!(status, 409);
    assert_eq!(
        answer["message"],
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest \
         version and try again"
    );
    let (status, new) = caller.get(&format!("{CONFIG_MAPS}/a")).await;
    assert_eq!(
        (status, caller.put(&format!("{CONFIG_MAPS}/a"), &new).await.1),
        (200, new),
        "the same again is no change"
    );
}

#[tokio::test]
async fn given_patches_of_every_kind_when_sent_then_each_does_its_own() {
    let caller = Caller::new();
    let mut object = deployment();
    object["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "a"}]);
    caller.post(DEPLOYMENTS, &object).await;
    let path = format!("{DEPLOYMENTS}/d");
    let strategic = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "B", "value": "b"}]}]}}}});
    let (_, merged) =
        caller.send("PATCH", &path, "application/strategic-merge-patch+json", &strategic.to_string()).await;
    let env = |object: &Value| object["spec"]["template"]["spec"]["containers"][0]["env"].clone();
    assert_eq!(env(&merged).as_array().unwrap().len(), 2);
    assert_eq!(merged["spec"]["template"]["spec"]["containers"][0]["image"], "i");
    let delete = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "A", "$patch": "delete"}]}]}}}});
    let (_, less) = caller.send("PATCH", &path, "application/strategic-merge-patch+json", &delete.to_string()).await;
    assert_eq!(env(&less), json!([{"name": "B", "value": "b"}]));
    let steps = json!([{"op": "replace", "path": "/spec/replicas", "value": 4}]);
    let (_, patched) = caller.send("PATCH", &path, "application/json-patch+json", &steps.to_string()).await;
    assert_eq!(patched["spec"]["replicas"], 4);
    let route = "/apis/networking.istio.io/v1/namespaces/one/virtualservices/v";
    let (status, _) = caller.send("PATCH", route, "application/strategic-merge-patch+json", "{}").await;
    assert_eq!(status, 415, "custom resources know no strategic merge");
}

#[tokio::test]
async fn given_many_objects_when_listed_then_selectors_and_pages_work() {
    let caller = Caller::new();
    for name in ["a", "b", "c"] {
        let mut object = config(name, &json!({}));
        object["metadata"]["labels"] = json!({"tier": if name == "b" { "two" } else { "one" }});
        caller.post(CONFIG_MAPS, &object).await;
    }
    let names = |list: &Value| -> Vec<String> {
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, first) = caller.get(&format!("{CONFIG_MAPS}?limit=2")).await;
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["a".into(), "b".into()], &json!(1)));
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, second) = caller.get(&format!("{CONFIG_MAPS}?limit=2&continue={token}")).await;
    assert_eq!((names(&second), second["metadata"].get("continue")), (vec!["c".into()], None));
    for (selector, expected) in [
        ("labelSelector=tier%3Done", vec!["a", "c"]),
        ("labelSelector=tier!%3Done", vec!["b"]),
        ("labelSelector=tier%20in%20(one,two)", vec!["a", "b", "c"]),
        ("labelSelector=tier%20notin%20(two)", vec!["a", "c"]),
        ("labelSelector=!tier", vec![]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
    ] {
        let (_, list) = caller.get(&format!("/api/v1/configmaps?{selector}")).await;
        assert_eq!(names(&list), expected, "{selector}");
    }
    let (status, answer) = caller.get(&format!("{CONFIG_MAPS}?fieldSelector=data.x%3D1")).await;
    assert_eq!(
        (status, answer["message"].as_str()),
        (400, Some("\"data.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""))
    );
}

#[tokio::test]
async fn given_missing_rights_when_tried_then_the_refusal_says_which_and_reviews_agree() {
    let caller = Caller::new();
    caller.0.deny(vec![
        Denied {
            verb: "create".into(),
            group: "apps".into(),
            resource: "deployments".into(),
            namespace: Some("one".into()),
        },
        Denied { verb: "*".into(), group: String::new(), resource: "secrets".into(), namespace: None },
    ]);
    let (status, answer) = caller.apply("us", &format!("{DEPLOYMENTS}/d"), &deployment().to_string()).await;
    assert_eq!((status, answer["reason"].as_str()), (403, Some("Forbidden")));
    assert_eq!(
        answer["message"],
        "deployments.apps \"d\" is forbidden: User \"practice-admin\" cannot create resource \"deployments\" in API group \"apps\" in the \
         namespace \"one\""
    );
    let (_, answer) = caller.get("/api/v1/secrets").await;
    assert_eq!(
        answer["message"],
        "secrets is forbidden: User \"practice-admin\" cannot list resource \"secrets\" in API group \"\" at the cluster scope"
    );
    let review = |verb: &str, group: &str, resource: &str| {
        json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": verb, "group": group, "resource": resource, "namespace": "one"}},
        })
    };
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    for (verb, group, resource, allowed) in [
        ("create", "apps", "deployments", false),
        ("*", "apps", "deployments", false),
        ("patch", "apps", "deployments", true),
        ("get", "", "secrets", false),
    ] {
        let (status, answer) = caller.post(path, &review(verb, group, resource)).await;
        assert_eq!((status, &answer["status"]["allowed"]), (201, &json!(allowed)), "{verb} {resource}");
    }
}

#[tokio::test]
async fn given_a_group_that_is_not_installed_when_asked_for_then_it_is_nowhere() {
    let caller = Caller::new();
    caller.0.forbid_group("security.istio.io");
    assert_eq!(caller.get("/apis/security.istio.io/v1").await.0, 404);
    assert_eq!(caller.get("/apis/security.istio.io/v1/authorizationpolicies").await.0, 404);
    let (_, groups) = caller.get("/apis").await;
    assert!(!groups.to_string().contains("security.istio.io"));
    assert!(groups.to_string().contains("networking.istio.io/v1beta1"));
}

#[tokio::test]
async fn given_deletions_when_asked_for_then_preconditions_and_policies_hold() {
    let caller = Caller::new();
    let (_, owner) = caller.post(CONFIG_MAPS, &config("owner", &json!({}))).await;
    let mut dependent = config("dependent", &json!({}));
    dependent["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}]);
    caller.post(CONFIG_MAPS, &dependent).await;
    let path = format!("{CONFIG_MAPS}/owner");
    let wrong = json!({"preconditions": {"uid": "another"}}).to_string();
    let (status, answer) = caller.send("DELETE", &path, "application/json", &wrong).await;
    assert_eq!(status, 409);
    assert!(
        answer["message"].as_str().unwrap().contains("the UID in the precondition (another) does not match"),
        "{answer}"
    );
    assert_eq!(caller.send("DELETE", &format!("{path}?dryRun=All"), "application/json", "").await.0, 200);
    assert_eq!(caller.get(&path).await.0, 200, "a dry run deletes nothing");
    let orphan = json!({"propagationPolicy": "Orphan"}).to_string();
    assert_eq!(caller.send("DELETE", &path, "application/json", &orphan).await.0, 200);
    assert_eq!(caller.get(&path).await.0, 404);
    let (_, left) = caller.get(&format!("{CONFIG_MAPS}/dependent")).await;
    assert_eq!(left["metadata"]["ownerReferences"], json!([]));
}

#[tokio::test]
async fn given_a_delay_when_a_namespace_is_deleted_then_it_is_seen_going_before_it_is_gone() {
    let caller = Caller::new();
    caller.0.set_collection_delay(Duration::from_millis(20));
    caller.post(CONFIG_MAPS, &config("a", &json!({}))).await;
    let mut changes = caller.0.changes();
    let (status, going) = caller.send("DELETE", "/api/v1/namespaces/one", "application/json", "").await;
    assert_eq!((status, &going["status"]["phase"]), (200, &json!("Terminating")));
    let (status, refused) = caller.post(CONFIG_MAPS, &config("b", &json!({}))).await;
    assert_eq!(status, 403);
    assert_eq!(refused["details"]["causes"][0]["reason"], "NamespaceTerminating");
    let gone = async {
        while caller.get("/api/v1/namespaces/one").await.0 != 404 {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn given_a_generated_name_when_made_then_it_gets_a_suffix() {
    let caller = Caller::new();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "g-"}});
    let (status, made) = caller.post(CONFIG_MAPS, &object).await;
    assert_eq!(status, 201);
    assert_eq!(made["metadata"]["name"].as_str().unwrap().len(), 7);
}

#[tokio::test]
async fn given_a_pod_that_runs_when_its_template_is_defaulted_then_it_looks_like_the_real_one() {
    let caller = Caller::new();
    let (_, made) = caller.post(DEPLOYMENTS, &deployment()).await;
    let spec = &made["spec"];
    assert_eq!(
        (&spec["replicas"], &spec["revisionHistoryLimit"], &spec["progressDeadlineSeconds"]),
        (&json!(1), &json!(10), &json!(600))
    );
    assert_eq!(
        spec["strategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
    );
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["containers"][0]["imagePullPolicy"], "Always", "an image without a tag is the latest");
    assert_eq!(
        (&pod["restartPolicy"], &pod["dnsPolicy"], &pod["terminationGracePeriodSeconds"]),
        (&json!("Always"), &json!("ClusterFirst"), &json!(30))
    );
}

#[tokio::test]
async fn given_clients_that_ask_for_rows_when_listed_then_they_get_a_table() {
    use tower::ServiceExt as _;
    let caller = Caller::new();
    caller.post(CONFIG_MAPS, &config("a", &json!({"x": "1", "y": "2"}))).await;
    let request = axum::http::Request::get(CONFIG_MAPS)
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        .body(axum::body::Body::empty())
        .unwrap();
    let response = caller.0.router().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let table: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["rows"][0]["cells"][0], "a");
    assert_eq!(table["rows"][0]["cells"][1], 2);
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn given_a_sign_in_that_has_run_out_when_used_then_it_is_refused() {
    use tower::ServiceExt as _;
    let request = axum::http::Request::get("/api/v1/namespaces")
        .header("authorization", "Bearer expired")
        .body(axum::body::Body::empty())
        .unwrap();
    let response = Cluster::new().router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn given_custom_kinds_when_their_definitions_are_asked_for_then_they_are_there_unless_not_installed() {
    let caller = Caller::new();
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/virtualservices.networking.istio.io";
    let (status, definition) = caller.get(path).await;
    assert_eq!((status, &definition["status"]["storedVersions"]), (200, &json!(["v1"])));
    caller.0.forbid_group("networking.istio.io");
    assert_eq!(caller.get(path).await.0, 404);
}

#[tokio::test]
async fn given_a_template_whose_labels_do_not_fit_when_written_then_it_is_refused() {
    let caller = Caller::new();
    let mut object = deployment();
    object["spec"]["template"]["metadata"]["labels"]["note"] = json!("not a label!");
    let (status, answer) = caller.post(DEPLOYMENTS, &object).await;
    assert_eq!(status, 422);
    assert!(
        answer["message"].as_str().unwrap().contains("spec.template.labels: Invalid value: \"not a label!\""),
        "{answer}"
    );
}
