//! The issuers that can sign in the gateway's namespace.

use super::{Error, ObjectRef, list_served};
use crate::{
    cluster::{Cluster, fields::Fields, objects::Selection},
    facts::{IssuerFacts, ServedApis},
};
use serde_json::Value;

pub(in crate::cluster) const GROUP: &str = "cert-manager.io";

/// Every issuer usable from `namespace`, by kind and name. Who may not list them still sees the one they named.
pub(super) async fn find(
    cluster: &Cluster,
    served: &ServedApis,
    namespace: &str,
    named: Option<&(String, String)>,
) -> Result<Vec<IssuerFacts>, super::DiscoverError> {
    let (everywhere, here) = (Selection::default(), Selection::in_namespace(namespace));
    let (cluster_wide, own) = tokio::join!(
        list_served(cluster, served, GROUP, "ClusterIssuer", &everywhere),
        list_served(cluster, served, GROUP, "Issuer", &here),
    );
    let mut found = Vec::new();
    for (kind, listed) in [("ClusterIssuer", cluster_wide), ("Issuer", own)] {
        let name = named.filter(|(named_kind, _)| named_kind == kind).map(|(_, name)| name.as_str());
        match (listed, name) {
            (Ok(issuers), _) => found.extend(issuers.iter().map(facts)),
            (Err(Error::Forbidden(_)), Some(name)) => {
                found.extend(one(cluster, served, kind, namespace, name).await?.as_ref().map(facts));
            }
            // The other kind: nobody asked for it.
            (Err(Error::Forbidden(_)), None) => {}
            (Err(error), _) => return Err(error.into()),
        }
    }
    found.sort_by(|one, other| (&one.kind, &one.name).cmp(&(&other.kind, &other.name)));
    Ok(found)
}

async fn one(
    cluster: &Cluster,
    served: &ServedApis,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<Option<Value>, Error> {
    let Some(version) = served.version(GROUP, kind) else { return Ok(None) };
    let api_version = format!("{GROUP}/{version}");
    let object = if kind == "Issuer" {
        ObjectRef::namespaced(&api_version, kind, namespace, name)
    } else {
        ObjectRef::cluster_wide(&api_version, kind, name)
    };
    cluster.get(&object).await
}

pub(in crate::cluster) fn facts(issuer: &Value) -> IssuerFacts {
    IssuerFacts {
        kind: issuer.text("/kind").unwrap_or_default().to_owned(),
        name: issuer.name().to_owned(),
        ready: ready(issuer),
        signs_wildcards: signs_wildcards(issuer),
    }
}

fn ready(issuer: &Value) -> Result<(), String> {
    let Some(condition) = issuer.condition("Ready") else {
        return Err("cert-manager has not looked at it yet".to_owned());
    };
    if condition.text("/status") == Some("True") {
        return Ok(());
    }
    let said: Vec<_> = ["/reason", "/message"].into_iter().filter_map(|field| condition.text(field)).collect();
    Err(if said.is_empty() { "it gives no reason".to_owned() } else { said.join(": ") })
}

/// An ACME server proves a wildcard by DNS01 only (domain.md 5.3); other issuers sign what they are given.
fn signs_wildcards(issuer: &Value) -> bool {
    issuer.pointer("/spec/acme").is_none()
        || issuer.entries("/spec/acme/solvers").iter().any(|solver| solver.pointer("/dns01").is_some())
}
