//! Server-side apply: owners, conflicts, merging, removal, and nothing when nothing changes.

use super::*;

const CONFIG_MAP: &str = "/api/v1/namespaces/one/configmaps/c";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/one/deployments/d";
const ROUTE: &str = "/apis/networking.istio.io/v1/namespaces/one/virtualservices/v";

fn config(data: &str) -> String {
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c, namespace: one}}, data: {data}}}")
}

fn deployment(spec: &str, container: &str) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: d}}, spec: {{{spec} selector: {{matchLabels: {{app: d}}}}, \
         template: {{metadata: {{labels: {{app: d}}}}, spec: {{containers: [{{name: main, image: 'i:1', {container}}}]}}}}}}}}"
    )
}

fn owners(object: &Value) -> Vec<(String, String)> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    entries.map(|entry| (text(entry, "manager"), text(entry, "operation"))).collect()
}

fn causes(answer: &Value) -> Vec<(&str, &str)> {
    let causes = answer["details"]["causes"].as_array().unwrap();
    causes.iter().map(|cause| (cause["field"].as_str().unwrap(), cause["message"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn given_an_object_when_the_same_is_applied_again_then_nothing_is_written() {
    let caller = Caller::new();
    for (path, yaml) in [
        (CONFIG_MAP, config("{a: '1'}")),
        (DEPLOYMENT, deployment("replicas: 1,", "ports: [{containerPort: 80}], env: [{name: A, value: x}]")),
        (
            "/api/v1/namespaces/one/services/s",
            "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 80}]}}".to_owned(),
        ),
        (
            "/api/v1/namespaces/two",
            "{apiVersion: v1, kind: Namespace, metadata: {name: two, labels: {a: b}}}".to_owned(),
        ),
        (
            "/api/v1/namespaces/one/secrets/s",
            "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a: b}}".to_owned(),
        ),
    ] {
        let (status, first) = caller.apply("us", path, &yaml).await;
        assert_eq!(status, 201, "{first}");
        let revision = caller.0.state().store.revision();
        let (status, second) = caller.apply("us", path, &yaml).await;
        assert_eq!((status, &second), (200, &first), "{path}");
        assert_eq!(caller.0.state().store.revision(), revision, "{path} was written again");
    }
}

#[tokio::test]
async fn given_anothers_field_when_another_value_is_applied_then_it_conflicts_and_names_the_owner() {
    let caller = Caller::new();
    caller.applied("them", CONFIG_MAP, &config("{a: '1', b: '1', c: '1'}")).await;
    let (status, one) = caller.apply("us", CONFIG_MAP, &config("{a: '2'}")).await;
    assert_eq!((status, one["reason"].as_str()), (409, Some("Conflict")));
    assert_eq!(one["message"], "Apply failed with 1 conflict: conflict with \"them\": .data.a");
    assert_eq!(causes(&one), [(".data.a", "conflict with \"them\"")]);
    assert_eq!(one["details"]["causes"][0]["reason"], "FieldManagerConflict");
    let (_, two) = caller.apply("us", CONFIG_MAP, &config("{a: '2', b: '2'}")).await;
    assert_eq!(two["message"], "Apply failed with 2 conflicts: conflicts with \"them\":\n- .data.a\n- .data.b");
    let live = caller.get(CONFIG_MAP).await.1;
    assert_eq!(live["data"], json!({"a": "1", "b": "1", "c": "1"}));
    assert_eq!(owners(&live), [("them".into(), "Apply".into())]);
}

#[tokio::test]
async fn given_a_field_set_by_an_update_when_applied_otherwise_then_the_conflict_names_the_version() {
    let caller = Caller::new();
    caller.applied("us", CONFIG_MAP, &config("{a: '1'}")).await;
    caller.merge(&format!("{CONFIG_MAP}?fieldManager=kubectl-edit"), &json!({"data": {"a": "2"}})).await;
    let (status, answer) = caller.apply("us", CONFIG_MAP, &config("{a: '1'}")).await;
    assert_eq!(status, 409);
    assert_eq!(answer["message"], "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using v1: .data.a");
}

#[tokio::test]
async fn given_a_conflict_when_forced_then_the_field_changes_hands() {
    let caller = Caller::new();
    caller.applied("them", CONFIG_MAP, &config("{a: '1'}")).await;
    let taken = caller.applied("us", &format!("{CONFIG_MAP}?force=true"), &config("{a: '2'}")).await;
    assert_eq!(taken["data"]["a"], "2");
    assert_eq!(owners(&taken), [("us".into(), "Apply".into())], "who owns nothing any more is not listed");
}

#[tokio::test]
async fn given_the_same_value_when_two_apply_it_then_both_own_it_and_it_stays_until_both_let_go() {
    let caller = Caller::new();
    caller.applied("them", CONFIG_MAP, &config("{a: '1', b: '1'}")).await;
    caller.applied("us", CONFIG_MAP, &config("{a: '1'}")).await;
    let shared = caller.applied("them", CONFIG_MAP, &config("{b: '1'}")).await;
    assert_eq!(shared["data"], json!({"a": "1", "b": "1"}));
    let alone = caller.applied("us", CONFIG_MAP, &config("{c: '1'}")).await;
    assert_eq!(alone["data"], json!({"b": "1", "c": "1"}));
}

#[tokio::test]
async fn given_applied_fields_when_no_longer_applied_then_they_go_and_those_of_others_stay() {
    let caller = Caller::new();
    caller
        .applied(
            "us",
            CONFIG_MAP,
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, labels: {ours: x, both: x}}, data: {a: '1'}}",
        )
        .await;
    caller
        .merge(
            &format!("{CONFIG_MAP}?fieldManager=them"),
            &json!({"metadata": {"labels": {"theirs": "x"}, "annotations": {"n": "x"}}}),
        )
        .await;
    let after = caller
        .applied("us", CONFIG_MAP, "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, labels: {both: x}}}")
        .await;
    assert_eq!(after["metadata"]["labels"], json!({"both": "x", "theirs": "x"}));
    assert_eq!(after["metadata"]["annotations"], json!({"n": "x"}));
    assert_eq!(after.get("data"), None);
}

#[tokio::test]
async fn given_all_labels_are_ours_when_none_is_applied_then_no_empty_map_is_left() {
    let caller = Caller::new();
    caller
        .applied(
            "us",
            CONFIG_MAP,
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, labels: {ours: x}}, data: {a: '1'}}",
        )
        .await;
    let after = caller.applied("us", CONFIG_MAP, &config("{a: '1'}")).await;
    assert_eq!(after["metadata"].get("labels"), None);
}

#[tokio::test]
async fn given_a_default_when_the_applied_value_is_let_go_then_the_default_comes_back() {
    let caller = Caller::new();
    caller.applied("us", DEPLOYMENT, &deployment("replicas: 3,", "")).await;
    let after = caller.applied("us", DEPLOYMENT, &deployment("", "")).await;
    assert_eq!(after["spec"]["replicas"], 1);
    assert_eq!(after["metadata"]["generation"], 2);
}

#[tokio::test]
async fn given_two_managers_of_one_container_when_one_lets_go_then_only_its_items_go() {
    let caller = Caller::new();
    caller.applied("us", DEPLOYMENT, &deployment("", "env: [{name: A, value: a}, {name: B, value: b}]")).await;
    let theirs = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {template: {spec: {containers: [{name: main, \
                  env: [{name: C, value: c}]}, {name: side, image: 'x:1'}]}}}}";
    let both = caller.applied("them", DEPLOYMENT, theirs).await;
    let names = |object: &Value, pointer: &str| -> Vec<String> {
        let items = object.pointer(pointer).and_then(Value::as_array).unwrap();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&both, "/spec/template/spec/containers"), ["main", "side"]);
    assert_eq!(names(&both, "/spec/template/spec/containers/0/env"), ["A", "B", "C"]);
    let less = caller.applied("us", DEPLOYMENT, &deployment("", "env: [{name: B, value: b}]")).await;
    assert_eq!(names(&less, "/spec/template/spec/containers"), ["main", "side"]);
    assert_eq!(names(&less, "/spec/template/spec/containers/0/env"), ["B", "C"]);
}

#[tokio::test]
async fn given_ports_when_the_protocol_is_not_said_then_it_counts_with_its_default() {
    let caller = Caller::new();
    let first = caller.applied("us", DEPLOYMENT, &deployment("", "ports: [{containerPort: 80}]")).await;
    let key = r#"k:{"containerPort":80,"protocol":"TCP"}"#;
    let fields = &first["metadata"]["managedFields"][0]["fieldsV1"];
    let ports = &fields["f:spec"]["f:template"]["f:spec"]["f:containers"][r#"k:{"name":"main"}"#]["f:ports"];
    assert!(ports.get(key).is_some(), "{ports}");
    let named = caller
        .applied("us", DEPLOYMENT, &deployment("", "ports: [{containerPort: 80, protocol: TCP, name: http}]"))
        .await;
    assert_eq!(
        named["spec"]["template"]["spec"]["containers"][0]["ports"],
        json!([{"containerPort": 80, "protocol": "TCP", "name": "http"}])
    );
    let (status, twice) =
        caller.apply("us", DEPLOYMENT, &deployment("", "ports: [{containerPort: 80}, {containerPort: 80}]")).await;
    assert_eq!(status, 500, "{twice}");
}

#[tokio::test]
async fn given_a_list_of_a_custom_resource_when_applied_then_it_is_one_value() {
    let caller = Caller::new();
    let route = |hosts: &str| {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: v}}, spec: {{hosts: {hosts}, http: [{{route: \
             [{{destination: {{host: h}}}}]}}]}}}}"
        )
    };
    caller.applied("us", ROUTE, &route("[a.example.com, b.example.com]")).await;
    let after = caller.applied("us", ROUTE, &route("[c.example.com]")).await;
    assert_eq!(after["spec"]["hosts"], json!(["c.example.com"]));
    let (status, conflict) = caller.apply("them", ROUTE, &route("[c.example.com, d.example.com]")).await;
    assert_eq!((status, causes(&conflict)), (409, vec![(".spec.hosts", "conflict with \"us\"")]));
}

#[tokio::test]
async fn given_another_version_when_the_same_is_applied_then_it_is_the_same_object() {
    let caller = Caller::new();
    let route = |version: &str| {
        format!(
            "{{apiVersion: networking.istio.io/{version}, kind: VirtualService, metadata: {{name: v}}, spec: {{hosts: [a.example.com], \
             http: [{{route: [{{destination: {{host: h}}}}]}}]}}}}"
        )
    };
    let first = caller.applied("us", ROUTE, &route("v1")).await;
    let older = caller.applied("us", &ROUTE.replace("/v1/", "/v1beta1/"), &route("v1beta1")).await;
    assert_eq!(older["apiVersion"], "networking.istio.io/v1beta1");
    assert_eq!(older["metadata"]["uid"], first["metadata"]["uid"]);
    assert_eq!(owners(&older).len(), 1, "an applier is the same in every version");
}

#[tokio::test]
async fn given_an_object_without_owners_when_applied_to_then_what_was_there_belongs_to_nobody_known() {
    let caller = Caller::new();
    caller.applied("us", CONFIG_MAP, &config("{a: '1'}")).await;
    caller.merge(CONFIG_MAP, &json!({"metadata": {"managedFields": [{}]}})).await;
    let bare = caller.get(CONFIG_MAP).await.1;
    assert_eq!(bare["metadata"].get("managedFields"), None);
    let (status, conflict) = caller.apply("us", CONFIG_MAP, &config("{a: '2'}")).await;
    assert_eq!((status, causes(&conflict)), (409, vec![(".data.a", "conflict with \"before-first-apply\" using v1")]));
}

#[tokio::test]
async fn given_a_status_when_applied_then_only_the_subresource_takes_it() {
    let caller = Caller::new();
    let path = "/apis/cert-manager.io/v1/namespaces/one/certificates/c";
    let certificate = "{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: c}, spec: {secretName: s, dnsNames: \
                       [a.example.com], issuerRef: {name: i}}, status: {revision: 7}}";
    let object = caller.applied("us", path, certificate).await;
    assert_eq!(object.get("status"), None);
    let status = "{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: c, labels: {x: z}}, status: {conditions: [{type: \
                  Ready, status: 'True'}]}}";
    let object = caller.applied("controller", &format!("{path}/status"), status).await;
    assert_eq!(object["status"]["conditions"][0]["status"], "True");
    assert_eq!(object["metadata"].get("labels"), None);
    assert_eq!(object["metadata"]["generation"], 1);
    assert_eq!(object["metadata"]["managedFields"][0]["subresource"], "status");
    let again = caller.applied("us", path, certificate).await;
    assert_eq!(again["status"]["conditions"][0]["status"], "True", "applying the object leaves the status alone");
}

#[tokio::test]
async fn given_a_field_that_does_not_exist_when_applied_then_it_is_refused_as_by_the_real_server() {
    let caller = Caller::new();
    let (status, answer) = caller.apply("us", DEPLOYMENT, &deployment("replica: 1,", "")).await;
    assert_eq!(status, 500);
    assert_eq!(
        answer["message"],
        "failed to create typed patch object (one/d; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema"
    );
    let (status, answer) = caller.apply("us", DEPLOYMENT, &deployment("replicas: many,", "")).await;
    assert_eq!(status, 500);
    assert!(
        answer["message"].as_str().unwrap().ends_with(".spec.replicas: expected numeric (int or float), got string")
    );
}

#[tokio::test]
async fn given_a_dry_run_when_applied_then_the_outcome_is_told_and_nothing_is_kept() {
    let caller = Caller::new();
    let (status, made) = caller.apply("us", &format!("{CONFIG_MAP}?dryRun=All"), &config("{a: '1'}")).await;
    assert_eq!((status, &made["data"]["a"]), (201, &json!("1")));
    assert_eq!(made["metadata"].get("resourceVersion"), None);
    assert_eq!(caller.get(CONFIG_MAP).await.0, 404);
    let live = caller.applied("us", CONFIG_MAP, &config("{a: '1'}")).await;
    let changed = caller.applied("us", &format!("{CONFIG_MAP}?dryRun=All"), &config("{a: '2'}")).await;
    assert_eq!(changed["data"]["a"], "2");
    assert_eq!(changed["metadata"]["resourceVersion"], live["metadata"]["resourceVersion"]);
    assert_eq!(caller.get(CONFIG_MAP).await.1, live);
    let (status, _) = caller.apply("them", &format!("{CONFIG_MAP}?dryRun=All"), &config("{a: '3'}")).await;
    assert_eq!(status, 409, "a dry run tells of conflicts");
}

#[tokio::test]
async fn given_requests_that_cannot_be_applied_then_each_is_refused_with_its_reason() {
    let caller = Caller::new();
    let body = config("{a: '1'}");
    let (status, answer) = caller.send("PATCH", CONFIG_MAP, "application/apply-patch+yaml", &body).await;
    assert_eq!(status, 422);
    assert_eq!(
        answer["message"],
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
    );
    let live = caller.applied("us", CONFIG_MAP, &body).await;
    let (status, answer) = caller.apply("us", CONFIG_MAP, &live.to_string()).await;
    assert_eq!((status, answer["message"].as_str()), (400, Some("metadata.managedFields must be nil")));
    let stale = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, resourceVersion: '1'}, data: {a: '2'}}";
    assert_eq!(caller.apply("us", CONFIG_MAP, stale).await.1["reason"], "Conflict");
    let (status, answer) = caller
        .apply("us", "/api/v1/namespaces/absent/configmaps/c", "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}")
        .await;
    assert_eq!((status, answer["message"].as_str()), (404, Some("namespaces \"absent\" not found")));
    let other = "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}";
    assert_eq!(caller.apply("us", CONFIG_MAP, other).await.0, 400);
}

#[tokio::test]
async fn given_items_in_an_order_when_applied_in_another_then_the_applied_order_holds_and_foreign_items_stay_between() {
    let caller = Caller::new();
    let env = |names: &[&str]| {
        let items: Vec<String> = names.iter().map(|name| format!("{{name: {name}, value: x}}")).collect();
        deployment("", &format!("env: [{}]", items.join(", ")))
    };
    caller.applied("us", DEPLOYMENT, &env(&["A", "B", "C"])).await;
    let theirs = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {template: {spec: {containers: [{name: main, env: \
                  [{name: Z, value: x}]}]}}}}";
    caller.applied("them", DEPLOYMENT, theirs).await;
    let turned = caller.applied("us", DEPLOYMENT, &env(&["C", "A", "D"])).await;
    let names: Vec<&str> = turned["spec"]["template"]["spec"]["containers"][0]["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    let place = |name: &str| names.iter().position(|other| *other == name).unwrap();
    assert!(place("C") < place("A") && place("A") < place("D"), "{names:?}");
    assert!(names.contains(&"Z") && !names.contains(&"B"), "{names:?}");
}
