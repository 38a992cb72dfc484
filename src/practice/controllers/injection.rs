//! Sidecar injection, as Istio 1.28's webhook does it to a pod that is just being made (domain.md 4.6).

use crate::practice::edge::{
    mesh::Mesh,
    objects::{Objects, annotation, label, text},
};
use serde_json::{Map, Value, json};

/// From this line on sidecars are native: init containers that go on running (domain.md 4.6).
const NATIVE_SINCE: u32 = 27;

/// Whether a pod made in a namespace gets a sidecar: the pod's own label counts, then the namespace's.
pub(super) fn wanted(objects: &dyn Objects, namespace: &Value, pod: &Value) -> bool {
    if pod.pointer("/spec/hostNetwork") == Some(&Value::Bool(true)) {
        return false;
    }
    let own = label(pod, "sidecar.istio.io/inject").or_else(|| annotation(pod, "sidecar.istio.io/inject"));
    match (own, label(namespace, "istio-injection"), label(namespace, "istio.io/rev")) {
        (Some("false"), _, _) | (_, Some("disabled"), _) => false,
        (_, Some("enabled"), _) | (Some("true"), None, None) => true,
        (_, _, Some(revision)) => revisions(objects).iter().any(|known| known == revision),
        _ => false,
    }
}

/// The revisions that there are control planes for.
fn revisions(objects: &dyn Objects) -> Vec<String> {
    objects
        .list("apps", "Deployment", None)
        .iter()
        .filter(|deployment| label(deployment, "app") == Some("istiod"))
        .map(|deployment| label(deployment, "istio.io/rev").unwrap_or("default").to_owned())
        .collect()
}

/// Puts the sidecar into a pod.
pub(super) fn inject(objects: &dyn Objects, pod: &mut Value) {
    let mesh = Mesh::read(objects);
    let version = objects
        .list("apps", "Deployment", None)
        .iter()
        .find(|deployment| label(deployment, "app") == Some("istiod"))
        .and_then(|istiod| {
            text(istiod, "/spec/template/spec/containers/0/image").rsplit_once(':').map(|(_, tag)| tag.to_owned())
        })
        .unwrap_or_else(|| "1.28.1".to_owned());
    let image = format!("docker.io/istio/proxyv2:{version}");
    let name = label(pod, "app.kubernetes.io/name").or_else(|| label(pod, "app")).unwrap_or_default().to_owned();
    let mut proxy = json!({
        "name": "istio-proxy", "image": image,
        "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local", "--proxyLogLevel=warning"],
        "ports": [{"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"}],
        "env": [{"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}}],
        "readinessProbe": {"httpGet": {"path": "/healthz/ready", "port": 15021}, "periodSeconds": 15},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
        "securityContext": {"runAsUser": 1337, "runAsGroup": 1337, "runAsNonRoot": true, "readOnlyRootFilesystem": true},
    });
    let init = json!({
        "name": "istio-init", "image": image, "args": ["istio-iptables", "-p", "15001", "-z", "15006", "-u", "1337"],
        "securityContext": {"runAsUser": 0, "runAsGroup": 0, "capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
    });
    let native = mesh.minor >= NATIVE_SINCE;
    let mut first = vec![init];
    if native {
        proxy["restartPolicy"] = Value::from("Always");
        first.push(proxy);
    } else {
        push(pod, "containers", vec![proxy], false);
    }
    push(pod, "initContainers", first, true);
    change(pod, "labels", |labels| {
        for (key, value) in [
            ("security.istio.io/tlsMode", "istio"),
            ("service.istio.io/canonical-name", name.as_str()),
            ("service.istio.io/canonical-revision", "latest"),
        ] {
            if !value.is_empty() && !labels.contains_key(key) {
                labels.insert(key.to_owned(), Value::from(value));
            }
        }
    });
    let status = if native {
        json!({"initContainers": ["istio-init", "istio-proxy"], "containers": null, "revision": "default"})
    } else {
        json!({"initContainers": ["istio-init"], "containers": ["istio-proxy"], "revision": "default"})
    };
    change(pod, "annotations", |annotations| {
        annotations.insert("sidecar.istio.io/status".to_owned(), Value::from(status.to_string()));
    });
}

fn push(pod: &mut Value, list: &str, containers: Vec<Value>, in_front: bool) {
    let existing = pod["spec"].get_mut(list).and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    let all: Vec<Value> = if in_front {
        containers.into_iter().chain(existing).collect()
    } else {
        existing.into_iter().chain(containers).collect()
    };
    pod["spec"][list] = Value::Array(all);
}

fn change(pod: &mut Value, key: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut map = match pod["metadata"][key].take() {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    change(&mut map);
    pod["metadata"][key] = Value::Object(map);
}

#[cfg(test)]
mod tests {
    use super::{inject, wanted};
    use crate::practice::edge::{objects::Fixture, workload::Workload};
    use serde_json::{Value, json};

    const ISTIOD: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod, istio.io/rev: default}}
spec: {template: {spec: {containers: [{name: discovery, image: "docker.io/istio/pilot:1.28.1"}]}}}
"#;

    fn namespace(labels: &Value) -> Value {
        json!({"metadata": {"name": "myapp", "labels": labels}})
    }

    fn pod(labels: &Value) -> Value {
        json!({"metadata": {"name": "p", "namespace": "myapp", "labels": labels}, "spec": {"containers": [{"name": "app"}]}})
    }

    #[test]
    fn given_labels_of_namespace_and_pod_then_injection_is_istios() {
        let world = Fixture::yaml(ISTIOD);
        for (namespaces, pods, expected) in [
            (json!({}), json!({}), false),
            (json!({"istio-injection": "enabled"}), json!({}), true),
            (json!({"istio-injection": "enabled"}), json!({"sidecar.istio.io/inject": "false"}), false),
            (json!({"istio-injection": "disabled"}), json!({"sidecar.istio.io/inject": "true"}), false),
            (json!({}), json!({"sidecar.istio.io/inject": "true"}), true),
            (json!({"istio.io/rev": "default"}), json!({}), true),
            (json!({"istio.io/rev": "1-27"}), json!({}), false),
        ] {
            assert_eq!(wanted(&world, &namespace(&namespaces), &pod(&pods)), expected, "{namespaces} {pods}");
        }
    }

    #[test]
    fn given_a_line_with_native_sidecars_then_the_proxy_is_an_init_container_and_before_it_is_not() {
        let mut native = pod(&json!({}));
        inject(&Fixture::yaml(ISTIOD), &mut native);
        assert_eq!(native["spec"]["initContainers"][1]["name"], "istio-proxy");
        assert!(Workload { pod: native.into() }.has_sidecar());
        let mut classic = pod(&json!({}));
        inject(&Fixture::yaml(&ISTIOD.replace("1.28.1", "1.26.0")), &mut classic);
        assert_eq!(classic["spec"]["containers"][1]["name"], "istio-proxy");
        assert!(Workload { pod: classic.into() }.has_sidecar());
    }
}
