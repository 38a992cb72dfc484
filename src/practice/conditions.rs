//! Puts what a scenario says into the tenant and the cluster, and takes back what an earlier one had put there.

use super::cluster::{ApiError, Cluster};
use super::scenario::{ClusterConditions, ForeignObject, IssuerTrouble, Outbound, Scenario};
use super::tenant::{Replication, Settings};
use super::timings::Timings;
use serde_json::{Value, json};

/// What a scenario adds to the mesh's configuration, and takes out again.
const REGISTRY_ONLY: &str = "outboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n";
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
        Outbound::RegistryOnly => format!("{}\n{REGISTRY_ONLY}", open.trim_end()),
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
