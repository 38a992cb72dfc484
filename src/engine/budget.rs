//! How long things may take, and what waits for them.

use crate::blueprint::{Manifest, Wave};
use serde_json::Value;
use std::time::Duration;

/// What Entra may take at most: role assignments have been seen to need more than five minutes (domain.md 1.2).
pub(super) const ENTRA: Duration = Duration::from_secs(10 * 60);
/// A pod has to be scheduled, its image pulled and its probes answered.
pub(super) const DEPLOYMENT: Duration = Duration::from_secs(5 * 60);
/// An account at the ACME server is one request or two; cert-manager tries again when one fails.
const ISSUER: Duration = Duration::from_secs(3 * 60);
/// A DNS-01 challenge waits for the zone to be seen everywhere (domain.md 5.6).
pub(super) const CERTIFICATE: Duration = Duration::from_secs(15 * 60);
/// For one look at what cannot be waited for.
pub(super) const ONE_LOOK: Duration = Duration::from_secs(5);
/// The garbage collector takes dependants away first; a large Deployment's pods have their own time to end.
pub(super) const DELETION: Duration = Duration::from_secs(2 * 60);
/// istiod sends a change to proxies within seconds; a large mesh takes longer.
pub(super) const PROXY_CONFIGURATION: Duration = Duration::from_secs(2 * 60);
/// How often a proxy's configuration is looked at.
pub(super) const PROXY_CONFIGURATION_PAUSE: Duration = Duration::from_millis(500);

/// For one answer while the application is tried: a browser's user would not wait longer.
pub(super) const TRY: Duration = Duration::from_secs(5);
/// For a route that was just made to be known to whatever stands before the gateway.
pub(super) const TRY_ROUTE: Duration = Duration::from_secs(15);

/// The wave that must not begin before `manifest` has its effect, and how long that may take. `None` for an object that is
/// its own effect.
pub(super) fn effect(manifest: &Manifest, wave: Wave) -> Option<(Wave, Duration)> {
    match manifest.object.get("kind").and_then(Value::as_str)? {
        "ClusterIssuer" => Some((Wave::Foundation, ISSUER)),
        "Certificate" => Some((Wave::Routes, CERTIFICATE)),
        "Deployment" => {
            let gate = match wave {
                Wave::SessionStore => Wave::Proxy,
                Wave::Proxy => Wave::Locks,
                _ => Wave::Routes,
            };
            Some((gate, DEPLOYMENT))
        }
        _ => None,
    }
}
