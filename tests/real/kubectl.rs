//! kubectl, in every version at hand, against the practice ground's Kubernetes API.

use crate::parts::{Kubectl, ground, ground_with, kubectls, oldest_and_newest_kubectl};
use gatewright::practice::Timings;

const OBJECTS: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: elsewhere
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: elsewhere
data:
  colour: blue
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: elsewhere
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: docker.io/path/to/web:1
        ports:
        - containerPort: 8080
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: web
  namespace: elsewhere
spec:
  hosts: [web.cluster.example.com]
  gateways: [mesh]
  http:
  - route:
    - destination:
        host: web
        port: {number: 8080}
";

async fn applies(kubectl: &Kubectl<'_>, text: &str) -> String {
    kubectl.succeeds(&["apply", "--server-side", "-f", "-"], text).await
}

#[tokio::test(flavor = "multi_thread")]
async fn given_the_ground_when_kubectl_reads_then_it_shows_objects_and_tables() {
    for program in kubectls() {
        let ground = ground().await;
        let kubectl = Kubectl::new(&program, &ground);
        assert!(kubectl.succeeds(&["version"], "").await.contains("Server Version"));
        let table = kubectl.succeeds(&["get", "namespaces"], "").await;
        assert!(table.starts_with("NAME") && table.contains("STATUS") && table.contains("istio-system"), "{table}");
        let yaml = kubectl.succeeds(&["get", "namespace", "istio-system", "-o", "yaml"], "").await;
        assert!(yaml.contains("kind: Namespace") && yaml.contains("uid:"), "{yaml}");
        let wide = kubectl.succeeds(&["get", "pods", "-A", "-o", "wide"], "").await;
        assert!(wide.contains("istiod") && wide.contains("READY"), "{wide}");
        let issuers = kubectl.succeeds(&["get", "clusterissuers"], "").await;
        assert!(issuers.contains("letsencrypt-production"), "{issuers}");
        let names =
            kubectl.succeeds(&["get", "deploy", "-n", "istio-system", "-l", "app=istiod", "-o", "name"], "").await;
        assert!(names.contains("deployment.apps/istiod"), "{names}");
        kubectl.is_refused(&["get", "namespace", "nowhere"], "", r#"namespaces "nowhere" not found"#).await;
        kubectl.is_refused(&["get", "teapots"], "", r#"the server doesn't have a resource type "teapots""#).await;
        ground.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_objects_when_kubectl_applies_them_twice_then_diff_sees_nothing_until_one_changes() {
    for program in kubectls() {
        let ground = ground().await;
        let kubectl = Kubectl::new(&program, &ground);
        let said = applies(&kubectl, OBJECTS).await;
        for line in [
            "namespace/elsewhere",
            "configmap/settings",
            "deployment.apps/web",
            "virtualservice.networking.istio.io/web",
        ] {
            assert!(said.contains(&format!("{line} serverside-applied")), "{said}");
        }
        let version = ["get", "configmap", "settings", "-n", "elsewhere", "-o", "jsonpath={.metadata.resourceVersion}"];
        let before = kubectl.succeeds(&version, "").await;
        applies(&kubectl, OBJECTS).await;
        assert_eq!(kubectl.succeeds(&version, "").await, before, "an unchanged apply is not a change");

        let diff = ["diff", "--server-side", "-f", "-"];
        let same = kubectl.run(&diff, OBJECTS).await;
        assert_eq!(same.code, Some(0), "{same:?}");
        let other = kubectl.run(&diff, &OBJECTS.replace("colour: blue", "colour: green")).await;
        assert_eq!(other.code, Some(1), "{other:?}");
        assert!(other.out.contains("-  colour: blue") && other.out.contains("+  colour: green"), "{other:?}");
        assert_eq!(kubectl.succeeds(&version, "").await, before, "a diff is not a change");
        ground.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_deployment_when_kubectl_waits_then_it_sees_the_controllers_at_work() {
    for program in kubectls() {
        let ground = ground().await;
        let kubectl = Kubectl::new(&program, &ground);
        applies(&kubectl, OBJECTS).await;
        let status = ["rollout", "status", "deployment/web", "-n", "elsewhere", "--timeout=30s"];
        let said = kubectl.succeeds(&status, "").await;
        assert!(said.contains("successfully rolled out"), "{said}");
        let wait = ["wait", "--for=condition=Available", "deployment/web", "-n", "elsewhere", "--timeout=30s"];
        assert!(kubectl.succeeds(&wait, "").await.contains("condition met"));
        let pods = ["wait", "--for=condition=Ready", "pod", "-l", "app=web", "-n", "elsewhere", "--timeout=30s"];
        assert_eq!(kubectl.succeeds(&pods, "").await.matches("condition met").count(), 2);
        kubectl.succeeds(&["rollout", "restart", "deployment/web", "-n", "elsewhere"], "").await;
        let said = kubectl.succeeds(&status, "").await;
        assert!(said.contains("successfully rolled out"), "{said}");
        ground.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_objects_when_kubectl_deletes_them_then_they_and_what_hangs_on_them_are_gone() {
    for program in kubectls() {
        let ground = ground().await;
        let kubectl = Kubectl::new(&program, &ground);
        applies(&kubectl, OBJECTS).await;
        kubectl.succeeds(&["rollout", "status", "deployment/web", "-n", "elsewhere", "--timeout=30s"], "").await;
        let (namespace, contents) = OBJECTS.split_once("---\n").unwrap();
        let delete = ["delete", "-f", "-", "--timeout=30s"];
        let said = kubectl.succeeds(&delete, contents).await;
        assert!(said.contains(r#"deployment.apps "web" deleted"#), "{said}");
        // They go with their deployment, in the background.
        kubectl
            .succeeds(&["wait", "--for=delete", "pod", "-l", "app=web", "-n", "elsewhere", "--timeout=30s"], "")
            .await;
        applies(&kubectl, OBJECTS).await;
        let said = kubectl.succeeds(&delete, namespace).await;
        assert!(said.contains(r#"namespace "elsewhere" deleted"#), "{said}");
        kubectl.is_refused(&["get", "namespace", "elsewhere"], "", "not found").await;
        let pods = kubectl.succeeds(&["get", "pods", "-A", "-l", "app=web", "-o", "name"], "").await;
        assert_eq!(pods, "");
        ground.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_namespace_and_its_contents_when_kubectl_deletes_one_file_then_all_are_found_and_gone_in_the_end() {
    for program in oldest_and_newest_kubectl() {
        // Where nothing takes time, a slow machine may not get to the contents before the namespace has taken them along.
        let ground = ground_with(Timings::Realistic).await;
        let kubectl = Kubectl::new(&program, &ground);
        applies(&kubectl, OBJECTS).await;
        let said = kubectl.succeeds(&["delete", "-f", "-", "--timeout=30s"], OBJECTS).await;
        assert_eq!(said.matches("deleted").count(), 4, "{said}");
        kubectl.is_refused(&["get", "namespace", "elsewhere"], "", "not found").await;
        ground.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_mistakes_when_kubectl_applies_them_then_the_ground_refuses_as_a_real_server_does() {
    for program in kubectls() {
        let ground = ground().await;
        let kubectl = Kubectl::new(&program, &ground);
        let apply = ["apply", "--server-side", "-f", "-"];
        let homeless = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: nowhere}\n";
        kubectl.is_refused(&apply, homeless, r#"namespaces "nowhere" not found"#).await;

        applies(&kubectl, OBJECTS).await;
        let unknown = OBJECTS.replace("replicas: 2", "replicaz: 2");
        kubectl.is_refused(&apply, &unknown, ".spec.replicaz: field not declared in schema").await;
        let selector = OBJECTS.replace("{app: web}", "{app: other}");
        kubectl.is_refused(&apply, &selector, "field is immutable").await;

        let other =
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: elsewhere}\ndata: {colour: red}\n";
        let as_other = ["apply", "--server-side", "--field-manager=other", "-f", "-"];
        kubectl.is_refused(&as_other, other, r#"conflict with "kubectl""#).await;
        kubectl.succeeds(&[&as_other[..], &["--force-conflicts"]].concat(), other).await;
        kubectl.is_refused(&apply, OBJECTS, r#"conflict with "other""#).await;
        ground.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_rights_when_kubectl_asks_then_the_answer_is_yes() {
    for program in kubectls() {
        let ground = ground().await;
        let kubectl = Kubectl::new(&program, &ground);
        let question = ["auth", "can-i", "create", "virtualservices.networking.istio.io", "-n", "default"];
        assert_eq!(kubectl.succeeds(&question, "").await.trim(), "yes");
        ground.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_another_token_when_kubectl_asks_then_it_is_not_let_in() {
    for program in kubectls() {
        let ground = ground().await;
        let kubectl = Kubectl::new(&program, &ground);
        kubectl.is_refused(&["get", "namespaces", "--token=guessed"], "", "You must be logged in to the server").await;
        ground.stop().await.unwrap();
    }
}
