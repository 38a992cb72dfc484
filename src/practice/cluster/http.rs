//! The API over HTTP.

use super::Cluster;

/// The router that answers everything.
pub(super) fn router(_cluster: Cluster) -> axum::Router {
    axum::Router::new()
}
