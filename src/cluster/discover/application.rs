//! The application's surroundings: its Service, its pods and the policies on them.

use super::{DiscoverError, DiscoverRequest, Error, ObjectRef, policies};
use crate::{
    cluster::{Cluster, fields::Fields, pods::PodSummary},
    facts::{ApplicationFacts, NamespaceFacts, ServiceFacts},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What was found, before it is said whose namespace it is.
pub(super) struct Application {
    service: Option<ServiceFacts>,
    custom_providers: BTreeSet<String>,
}

impl Application {
    pub(super) fn into_facts(self, namespace: NamespaceFacts) -> ApplicationFacts {
        ApplicationFacts { namespace, service: self.service, custom_providers: self.custom_providers }
    }
}

/// The Service that the answers name.
pub(super) async fn find_service(cluster: &Cluster, request: &DiscoverRequest) -> Result<Option<Value>, Error> {
    match &request.service {
        Some(service) => cluster.get(&ObjectRef::namespaced("v1", "Service", &request.namespace, service)).await,
        None => Ok(None),
    }
}

pub(super) async fn look(
    cluster: &Cluster,
    surroundings: &policies::Surroundings<'_>,
    request: &DiscoverRequest,
    service: Option<Value>,
) -> Result<Application, DiscoverError> {
    // Pods that are still to come: the labels that such an application goes by, so that a policy on them is seen today.
    let named = |key: &str| BTreeMap::from([(key.to_owned(), request.app_name.clone())]);
    let mut labels = vec![named("app"), named("app.kubernetes.io/name"), named("app.kubernetes.io/instance")];
    let mut facts = None;
    if let Some(service) = &service {
        let selector = service.texts("/spec/selector");
        let pods = cluster.pods(&request.namespace, &selector).await?;
        labels.clear();
        labels.push(selector.clone());
        labels.extend(pods.iter().map(|pod| pod.labels.clone()));
        facts = Some(service_facts(service, selector, &pods));
    }
    let custom_providers = policies::custom_providers(cluster, surroundings, &request.namespace, &labels).await?;
    Ok(Application { service: facts, custom_providers })
}

fn service_facts(service: &Value, selector: BTreeMap<String, String>, pods: &[PodSummary]) -> ServiceFacts {
    let ports = service.entries("/spec/ports").iter();
    let count = |pods: usize| u16::try_from(pods).unwrap_or(u16::MAX);
    ServiceFacts {
        selector,
        service_accounts: pods.iter().map(|pod| pod.service_account.clone()).collect(),
        ports: ports.filter_map(|port| u16::try_from(port.number("/port")).ok()).collect(),
        pods: count(pods.len()),
        pods_with_sidecar: count(pods.iter().filter(|pod| pod.has_sidecar).count()),
    }
}
