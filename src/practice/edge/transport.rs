//! What happens on the connection between a proxy and a pod: mutual TLS, plain text, or nothing at all.

use super::{
    mesh::Mesh,
    objects::{Objects, exported, items, namespace, number, oldest_first, selects, text},
    workload::{Endpoint, Workload, full_name},
};
use serde_json::Value;
use std::sync::Arc;

/// Who opens the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its namespace, which decides which DestinationRules it sees.
    pub namespace: String,
    /// Its identity, if a proxy of the mesh speaks for it.
    pub principal: Option<String>,
    /// Its address.
    pub address: String,
}

impl Caller {
    /// A pod that calls out through its sidecar, or on its own when it has none.
    pub fn of(workload: &Workload, mesh: &Mesh) -> Self {
        let in_mesh = workload.has_sidecar() || workload.is_gateway();
        Self {
            namespace: workload.namespace().to_owned(),
            principal: in_mesh.then(|| mesh.principal(workload.namespace(), workload.service_account())),
            address: workload.address().to_owned(),
        }
    }
}

/// The connection could not be made; the text is Envoy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset(pub &'static str);

/// The client demands mutual TLS and nobody on the other side speaks it.
pub const NO_TLS_THERE: Reset = Reset(
    "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection \
     failure, transport failure reason: TLS_error:|268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end",
);
/// The server demands mutual TLS and the client came without.
pub const TLS_DEMANDED: Reset =
    Reset("upstream connect error or disconnect/reset before headers. reset reason: connection termination");

/// Opens the connection: `Ok` with the caller's identity as the pod sees it, `None` when it came in plain text.
pub fn connect(
    client_view: &dyn Objects,
    server_view: &dyn Objects,
    mesh: &Mesh,
    caller: &Caller,
    host: &str,
    endpoint: &Endpoint,
) -> Result<Option<String>, Reset> {
    let workload = &endpoint.workload;
    let listens = workload.has_sidecar() && !workload.bypasses_sidecar(endpoint.port);
    let accepts = if listens { mutual_tls(server_view, mesh, workload, endpoint.port) } else { MutualTls::Disable };
    let speaks = match (&caller.principal, client_tls(client_view, mesh, caller, host, endpoint)) {
        (None, _) | (Some(_), Some(ClientTls::Off)) => false,
        (Some(_), Some(ClientTls::IstioMutual)) => true,
        (Some(_), Some(ClientTls::Other)) => return Err(NO_TLS_THERE),
        // Automatic mutual TLS: wherever the other side can.
        (Some(_), None) => accepts != MutualTls::Disable,
    };
    match (speaks, accepts) {
        (true, MutualTls::Disable) => Err(NO_TLS_THERE),
        (true, _) => Ok(caller.principal.clone()),
        (false, MutualTls::Strict) => Err(TLS_DEMANDED),
        (false, _) => Ok(None),
    }
}

/// What a workload's sidecar accepts on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MutualTls {
    /// Mutual TLS and nothing else.
    Strict,
    /// Both.
    Permissive,
    /// Plain text only.
    Disable,
}

/// The PeerAuthentication that counts: the workload's before the namespace's before the mesh's; a port's before its own.
pub fn mutual_tls(objects: &dyn Objects, mesh: &Mesh, workload: &Workload, port: u16) -> MutualTls {
    let of = |place: &str, with_selector: bool| {
        oldest_first(objects.list("security.istio.io", "PeerAuthentication", Some(place))).into_iter().find(|policy| {
            let has_selector = policy.pointer("/spec/selector/matchLabels").is_some();
            has_selector == with_selector && selects(policy, "/spec/selector/matchLabels", workload.labels())
        })
    };
    let own = of(workload.namespace(), true);
    let port_mode = own
        .as_ref()
        .and_then(|policy| mode(text(policy.pointer("/spec/portLevelMtls")?.get(port.to_string())?, "/mode")));
    let wide = |policy: Option<Arc<Value>>| policy.and_then(|policy| mode(text(&policy, "/spec/mtls/mode")));
    port_mode
        .or_else(|| wide(own))
        .or_else(|| wide(of(workload.namespace(), false)))
        .or_else(|| wide(of(&mesh.root_namespace, false)))
        .unwrap_or(MutualTls::Permissive)
}

fn mode(text: &str) -> Option<MutualTls> {
    match text {
        "STRICT" => Some(MutualTls::Strict),
        "PERMISSIVE" => Some(MutualTls::Permissive),
        "DISABLE" => Some(MutualTls::Disable),
        _ => None,
    }
}

enum ClientTls {
    Off,
    IstioMutual,
    Other,
}

/// What a DestinationRule has the caller do; `None` leaves it to automatic mutual TLS.
fn client_tls(
    objects: &dyn Objects,
    mesh: &Mesh,
    caller: &Caller,
    host: &str,
    endpoint: &Endpoint,
) -> Option<ClientTls> {
    let service_namespace = endpoint.workload.namespace();
    let host = full_name(host, &caller.namespace);
    let rule =
        [caller.namespace.as_str(), service_namespace, mesh.root_namespace.as_str()].into_iter().find_map(|place| {
            oldest_first(objects.list("networking.istio.io", "DestinationRule", Some(place)))
                .into_iter()
                .filter(|rule| exported(rule, &caller.namespace))
                .filter(|rule| covers(&full_name(text(rule, "/spec/host"), namespace(rule)), &host))
                .max_by_key(|rule| (!text(rule, "/spec/host").starts_with('*'), text(rule, "/spec/host").len()))
        })?;
    let port_settings = items(&rule, "/spec/trafficPolicy/portLevelSettings")
        .iter()
        .find(|settings| number(settings.pointer("/port/number")) == Some(u64::from(endpoint.service_port)));
    let mode = match port_settings {
        // A port's settings replace the whole policy for that port, its TLS included.
        Some(settings) => text(settings, "/tls/mode"),
        None => text(&rule, "/spec/trafficPolicy/tls/mode"),
    };
    match mode {
        "" => None,
        "DISABLE" => Some(ClientTls::Off),
        "ISTIO_MUTUAL" => Some(ClientTls::IstioMutual),
        _ => Some(ClientTls::Other),
    }
}

fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::{Caller, MutualTls, NO_TLS_THERE, TLS_DEMANDED, connect, mutual_tls};
    use crate::practice::edge::{mesh::Mesh, objects::Fixture, workload::endpoints};

    const WORLD: &str = "
apiVersion: v1
kind: Service
metadata: {name: myapp, namespace: myapp}
spec: {selector: {app: myapp}, ports: [{name: http, port: 8000, targetPort: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: myapp-1, namespace: myapp, labels: {app: myapp}}
spec: {containers: [{name: myapp}, {name: SIDECAR}]}
status: {conditions: [{type: Ready, status: 'True'}]}
";
    const DEMAND: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: myapp, namespace: myapp}
spec: {host: myapp.myapp.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
";
    const STRICT: &str = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: myapp}
spec: {mtls: {mode: STRICT}}
";

    fn call(world: &Fixture, principal: Option<&str>) -> Result<Option<String>, super::Reset> {
        let mesh = Mesh::read(world);
        let caller = Caller {
            namespace: "istio-system".to_owned(),
            principal: principal.map(str::to_owned),
            address: "10.0.0.9".to_owned(),
        };
        let host = "myapp.myapp.svc.cluster.local";
        let endpoint = endpoints(world, host, "istio-system", Some(8000)).unwrap().remove(0);
        connect(world, world, &mesh, &caller, host, &endpoint)
    }

    fn world(sidecar: bool) -> Fixture {
        Fixture::yaml(&WORLD.replace("SIDECAR", if sidecar { "istio-proxy" } else { "other" }))
    }

    #[test]
    fn given_a_sidecar_when_the_gateway_calls_then_mutual_tls_carries_its_principal() {
        assert_eq!(call(&world(true), Some("gateway")), Ok(Some("gateway".to_owned())));
        assert_eq!(call(&world(true), None), Ok(None), "plain text is accepted by default");
    }

    #[test]
    fn given_a_pod_without_sidecar_when_mutual_tls_is_demanded_then_it_is_unreachable_instead_of_open() {
        assert_eq!(call(&world(false), Some("gateway")), Ok(None), "without the rule it is open");
        assert_eq!(call(&world(false).and(DEMAND), Some("gateway")), Err(NO_TLS_THERE));
        assert_eq!(call(&world(true).and(DEMAND), Some("gateway")), Ok(Some("gateway".to_owned())));
    }

    #[test]
    fn given_strict_peer_authentication_when_a_caller_comes_in_plain_text_then_it_is_reset() {
        assert_eq!(call(&world(true).and(STRICT), None), Err(TLS_DEMANDED));
        let narrower = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: myapp, namespace: myapp}
spec: {selector: {matchLabels: {app: myapp}}, mtls: {mode: STRICT}, portLevelMtls: {80: {mode: PERMISSIVE}}}
";
        let world = world(true).and(STRICT).and(narrower);
        let endpoint = endpoints(&world, "myapp", "myapp", Some(8000)).unwrap().remove(0);
        assert_eq!(mutual_tls(&world, &Mesh::read(&world), &endpoint.workload, 80), MutualTls::Permissive);
        assert_eq!(mutual_tls(&world, &Mesh::read(&world), &endpoint.workload, 81), MutualTls::Strict);
    }
}
