//! Puts what a scenario says into the tenant and the cluster, and takes back what an earlier one had put there.

use super::cluster::{ApiError, Cluster};
use super::scenario::{ClusterConditions, ForeignObject, IssuerTrouble, Outbound, Scenario};
use super::tenant::{Replication, Settings};
use super::timings::Timings;
use serde_json::{Value, json};

/// What a scenario adds to the mesh's configuration, and takes out again. It brings its line break along, so that the rest
/// of the document is byte for byte what it was, with a last line break or without.
const REGISTRY_ONLY: &str = "\noutboundTrafficPolicy:\n  mode: REGISTRY_ONLY";
/// The field manager of what just happens in a cluster.
const WORLD: &str = "practice";

/// What a scenario wants in the cluster is refused there.
#[derive(Debug, thiserror::Error)]
#[error("the scenario {scenario} can't put {what} into the practice cluster: {cause}")]
pub struct ConditionsError {
    /// The scenario's name.
    pub scenario: String,
    /// The object.
    pub what: String,
    /// What the cluster said.
    pub cause: Box<ApiError>,
}

/// How the tenant behaves: as the scenario says, but replication takes no time where nothing does.
pub(super) fn settings(scenario: &Scenario, timings: Timings) -> Settings {
    let mut settings = scenario.tenant.clone();
    if timings == Timings::Instant && settings.replication == Replication::default() {
        settings.replication = Replication::none();
    }
    settings
}

/// Puts the scenario's conditions into the cluster, where `previous` were put before, if any: what is changed once is not
/// changed again while the conditions are the same, so that whoever mends it has mended it.
pub(super) fn put(
    cluster: &Cluster,
    scenario: &Scenario,
    previous: Option<&ClusterConditions>,
) -> Result<(), ConditionsError> {
    let conditions = &scenario.cluster;
    cluster.deny(conditions.denied.clone());
    for group in &conditions.missing_groups {
        cluster.forbid_group(group);
    }
    if previous == Some(conditions) {
        return Ok(());
    }
    let refused = |what: String| {
        let scenario = scenario.name.clone();
        move |cause| ConditionsError { scenario, what, cause }
    };
    outbound(cluster, conditions.outbound).map_err(refused("the mesh's outbound policy".to_owned()))?;
    for issuer in cluster.list("cert-manager.io", "ClusterIssuer", None) {
        let name = text(&issuer, "/metadata/name").to_owned();
        let trouble = conditions.issuers.iter().find(|trouble| trouble.name == name);
        issuer_status(cluster, &name, trouble).map_err(refused(format!("ClusterIssuer {name}")))?;
    }
    for foreign in &conditions.objects {
        let what = format!("{} {}", text(&foreign.object, "/kind"), text(&foreign.object, "/metadata/name"));
        foreign_object(cluster, foreign).map_err(refused(what))?;
    }
    Ok(())
}

fn outbound(cluster: &Cluster, outbound: Outbound) -> Result<(), Box<ApiError>> {
    let Some(map) = cluster.get("", "ConfigMap", Some("istio-system"), "istio") else { return Ok(()) };
    let mesh = text(&map, "/data/mesh");
    let open = mesh.replace(REGISTRY_ONLY, "");
    let wanted = match outbound {
        Outbound::AllowAny => open,
        Outbound::RegistryOnly => format!("{open}{REGISTRY_ONLY}"),
    };
    if wanted != mesh {
        let patch = json!({"data": {"mesh": wanted}});
        cluster.patch(WORLD, ("", "ConfigMap"), Some("istio-system"), "istio", &patch)?;
    }
    Ok(())
}

/// Every issuer is ready, but for those in trouble (domain.md 5.5).
fn issuer_status(cluster: &Cluster, name: &str, trouble: Option<&IssuerTrouble>) -> Result<(), Box<ApiError>> {
    let Some(issuer) = cluster.get("cert-manager.io", "ClusterIssuer", None, name) else { return Ok(()) };
    let ready = trouble.is_none();
    let was_ready = issuer
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .is_some_and(|conditions| conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"));
    if ready && was_ready {
        return Ok(());
    }
    let (reason, message) = trouble.map_or_else(
        || ("ACMEAccountRegistered", "The ACME account was registered with the ACME server"),
        |trouble| (trouble.reason.as_str(), trouble.message.as_str()),
    );
    let mut status = issuer.get("status").cloned().unwrap_or_else(|| json!({}));
    status["conditions"] = json!([{
        "type": "Ready", "status": if ready { "True" } else { "False" }, "reason": reason, "message": message,
        "observedGeneration": issuer.pointer("/metadata/generation").cloned().unwrap_or_else(|| json!(1)),
        "lastTransitionTime": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    }]);
    cluster.update_status(WORLD, ("cert-manager.io", "ClusterIssuer"), None, name, status)?;
    Ok(())
}

/// Makes the object, or merges it into the one that is there.
fn foreign_object(cluster: &Cluster, foreign: &ForeignObject) -> Result<(), Box<ApiError>> {
    let ForeignObject { manager, object } = foreign;
    let group = text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
    if cluster.get(group, kind, namespace, name).is_some() {
        cluster.patch(manager, (group, kind), namespace, name, object)?;
    } else {
        cluster.create_or_replace(manager, object.clone())?;
    }
    Ok(())
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{put, settings};
    use crate::practice::cluster::Cluster;
    use crate::practice::scenario::Scenario;
    use crate::practice::tenant::Replication;
    use crate::practice::timings::Timings;
    use crate::practice::world;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    fn world() -> Cluster {
        let cluster = Cluster::new();
        world::seed(&cluster).unwrap();
        cluster
    }

    fn scenario(name: &str) -> Scenario {
        Scenario::named(name).unwrap()
    }

    fn ready(cluster: &Cluster) -> Value {
        let issuer = cluster.get("cert-manager.io", "ClusterIssuer", None, "letsencrypt-production").unwrap();
        issuer["status"]["conditions"][0].clone()
    }

    fn mesh(cluster: &Cluster) -> String {
        let map = cluster.get("", "ConfigMap", Some("istio-system"), "istio").unwrap();
        map["data"]["mesh"].as_str().unwrap().to_owned()
    }

    async fn answer(cluster: &Cluster, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = http::Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(axum::body::Body::from(body.to_string())).unwrap();
        let response = cluster.router().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    #[test]
    fn given_an_issuer_in_trouble_when_the_next_scenario_knows_none_then_it_is_ready_again() {
        let cluster = world();
        let (troubled, healthy) = (scenario("issuer-not-ready"), scenario("healthy"));
        put(&cluster, &troubled, None).unwrap();
        assert_eq!(
            (&ready(&cluster)["status"], &ready(&cluster)["reason"]),
            (&json!("False"), &json!("ErrRegisterACMEAccount"))
        );
        put(&cluster, &healthy, Some(&troubled.cluster)).unwrap();
        assert_eq!(ready(&cluster)["status"], "True");
    }

    #[test]
    fn given_registry_only_when_it_ends_then_the_mesh_document_is_as_it_was() {
        let cluster = world();
        let before = mesh(&cluster);
        let (shut, healthy) = (scenario("registry-only"), scenario("healthy"));
        put(&cluster, &shut, None).unwrap();
        assert!(
            serde_saphyr::from_str::<Value>(&mesh(&cluster)).unwrap()["outboundTrafficPolicy"]["mode"]
                == "REGISTRY_ONLY"
        );
        put(&cluster, &healthy, Some(&shut.cluster)).unwrap();
        assert_eq!(mesh(&cluster), before);
    }

    #[test]
    fn given_the_same_conditions_when_put_again_then_what_was_mended_stays_mended() {
        let cluster = world();
        let foreign = scenario("foreign-owner");
        put(&cluster, &foreign, None).unwrap();
        let port = |cluster: &Cluster| {
            cluster.get("", "Service", Some("myapp"), "myapp").unwrap()["spec"]["ports"][0]["targetPort"].clone()
        };
        assert_eq!(port(&cluster), 8080);
        let mended = json!({"spec": {"ports": [{"name": "http", "port": 8000, "targetPort": 80}]}});
        cluster.patch("a-person", ("", "Service"), Some("myapp"), "myapp", &mended).unwrap();
        put(&cluster, &foreign, Some(&foreign.cluster)).unwrap();
        assert_eq!(port(&cluster), 80);
    }

    #[tokio::test]
    async fn given_a_foreign_owner_when_another_applies_the_field_then_the_owner_is_named() {
        let cluster = world();
        put(&cluster, &scenario("foreign-owner"), None).unwrap();
        let body = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "myapp"},
            "spec": {"ports": [{"name": "http", "port": 8000, "protocol": "TCP", "targetPort": "http"}]}});
        let request = http::Request::patch("/api/v1/namespaces/myapp/services/myapp?fieldManager=someone")
            .header("content-type", "application/apply-patch+yaml")
            .body(axum::body::Body::from(body.to_string()))
            .unwrap();
        let response = cluster.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 409);
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("helm"));
    }

    #[tokio::test]
    async fn given_denied_rights_when_asked_then_exactly_those_are_denied() {
        let cluster = world();
        put(&cluster, &scenario("denied-rights"), None).unwrap();
        let may = |namespace: &'static str| {
            let cluster = cluster.clone();
            async move {
                let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                    "spec": {"resourceAttributes": {"verb": "patch", "group": "networking.istio.io",
                        "resource": "gateways", "namespace": namespace}}});
                let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
                answer(&cluster, "POST", path, review).await.1["status"]["allowed"].clone()
            }
        };
        assert_eq!((may("istio-system").await, may("default").await), (json!(false), json!(true)));
    }

    #[tokio::test]
    async fn given_no_cert_manager_when_discovered_then_its_group_is_not_served() {
        let cluster = world();
        put(&cluster, &scenario("no-cert-manager"), None).unwrap();
        let path = "/apis/cert-manager.io/v1/clusterissuers";
        assert_eq!(answer(&cluster, "GET", path, Value::Null).await.0, 404);
        assert_eq!(answer(&cluster, "GET", "/apis/networking.istio.io/v1", Value::Null).await.0, 200);
    }

    #[test]
    fn given_instant_timings_when_a_scenario_says_nothing_of_replication_then_it_takes_no_time() {
        assert_eq!(settings(&scenario("healthy"), Timings::Instant).replication, Replication::none());
        assert_eq!(settings(&scenario("healthy"), Timings::Realistic).replication, Replication::default());
        assert_ne!(settings(&scenario("slow-replication"), Timings::Instant).replication, Replication::none());
    }
}
