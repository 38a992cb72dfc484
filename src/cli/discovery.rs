//! Finds out what the wizard needs to know, whatever face asks.

use super::connection::Connection;
use crate::{
    cluster::{Cluster, DiscoverRequest},
    wizard::{Fact, Need, News},
};

/// What there is to be looked at.
#[derive(Clone)]
pub(super) struct Discovery {
    cluster: Cluster,
    tenant: String,
}

impl Discovery {
    /// Of what is connected to.
    pub(super) fn of(connection: &Connection) -> Self {
        let target = &connection.target;
        Self { cluster: target.cluster.clone(), tenant: target.session.tenant().domain.clone() }
    }

    /// Finds a fact out, or why it cannot be.
    pub(super) async fn find_out(&self, need: &Need) -> News {
        let cluster = &self.cluster;
        match need {
            Need::Tenant => News::Tenant(Fact::Known(self.tenant.clone())),
            Need::Gateways => News::Gateways(fact(cluster.gateway_choices().await)),
            Need::Namespaces => News::Namespaces(fact(cluster.namespace_choices().await)),
            Need::Services(namespace) => {
                News::Services(namespace.clone(), fact(cluster.service_choices(namespace).await))
            }
            Need::Issuers(namespace) => News::Issuers(namespace.clone(), fact(cluster.issuer_choices(namespace).await)),
            Need::Surroundings(place) => {
                let request = DiscoverRequest {
                    app_name: place.app.clone(),
                    namespace: place.namespace.clone(),
                    service: place.service.clone(),
                    gateway: place.gateway.clone(),
                    issuer: None,
                    tls_secret: None,
                    redis: None,
                };
                News::Surroundings(place.clone(), fact(cluster.discover(&request).await.map(Box::new)))
            }
        }
    }
}

fn fact<T, E: std::fmt::Display>(found: Result<T, E>) -> Fact<T> {
    match found {
        Ok(found) => Fact::Known(found),
        Err(error) => Fact::Failed(error.to_string()),
    }
}
