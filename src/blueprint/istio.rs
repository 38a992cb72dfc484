//! The fields of Istio's kinds that we set, as `istio/api` spells them. The versions of the API share these fields; which
//! version is written comes from what the cluster serves (domain.md 4.5).

use serde::Serialize;
use std::collections::BTreeMap;

/// Labels, as Istio's security kinds select pods by them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkloadSelector {
    pub(super) match_labels: BTreeMap<String, String>,
}

impl WorkloadSelector {
    pub(super) fn new(labels: &BTreeMap<String, String>) -> Self {
        Self { match_labels: labels.clone() }
    }
}

/// `security.istio.io` AuthorizationPolicy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthorizationPolicySpec {
    pub(super) selector: WorkloadSelector,
    pub(super) action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<Provider>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Action {
    Allow,
    Deny,
    Custom,
}

#[derive(Debug, Serialize)]
pub(super) struct Provider {
    pub(super) name: String,
}

/// A rule; one without any condition matches every request.
#[derive(Debug, Default, Serialize)]
pub(super) struct Rule {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) from: Vec<From>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) to: Vec<To>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) when: Vec<Condition>,
}

#[derive(Debug, Serialize)]
pub(super) struct From {
    pub(super) source: Source,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) principals: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) not_principals: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) request_principals: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) not_request_principals: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct To {
    pub(super) operation: Operation,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ports: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) paths: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) not_paths: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Condition {
    pub(super) key: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) not_values: Vec<String>,
}

/// `security.istio.io` RequestAuthentication.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestAuthenticationSpec {
    pub(super) selector: WorkloadSelector,
    pub(super) jwt_rules: Vec<JwtRule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JwtRule {
    pub(super) issuer: String,
    pub(super) jwks_uri: String,
    pub(super) audiences: Vec<String>,
    pub(super) from_headers: Vec<JwtHeader>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) forward_original_token: Option<bool>,
}

#[derive(Debug, Serialize)]
pub(super) struct JwtHeader {
    pub(super) name: &'static str,
    pub(super) prefix: &'static str,
}

/// `security.istio.io` PeerAuthentication.
#[derive(Debug, Serialize)]
pub(super) struct PeerAuthenticationSpec {
    pub(super) selector: WorkloadSelector,
    pub(super) mtls: MutualTls,
}

#[derive(Debug, Serialize)]
pub(super) struct MutualTls {
    pub(super) mode: MutualTlsMode,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum MutualTlsMode {
    Strict,
}

/// `networking.istio.io` DestinationRule.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DestinationRuleSpec {
    pub(super) host: String,
    pub(super) traffic_policy: TrafficPolicy,
}

#[derive(Debug, Serialize)]
pub(super) struct TrafficPolicy {
    pub(super) tls: ClientTls,
}

#[derive(Debug, Serialize)]
pub(super) struct ClientTls {
    pub(super) mode: ClientTlsMode,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ClientTlsMode {
    IstioMutual,
}

/// `networking.istio.io` ServiceEntry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceEntrySpec {
    pub(super) hosts: Vec<String>,
    pub(super) location: &'static str,
    pub(super) ports: Vec<ServicePort>,
    pub(super) resolution: &'static str,
    pub(super) export_to: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ServicePort {
    pub(super) number: u16,
    pub(super) name: String,
    pub(super) protocol: &'static str,
}

/// `networking.istio.io` Gateway.
#[derive(Debug, Serialize)]
pub(super) struct GatewaySpec {
    pub(super) selector: BTreeMap<String, String>,
    pub(super) servers: Vec<Server>,
}

#[derive(Debug, Serialize)]
pub(super) struct Server {
    pub(super) port: ServicePort,
    pub(super) hosts: Vec<String>,
    pub(super) tls: ServerTls,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerTls {
    pub(super) mode: &'static str,
    pub(super) credential_name: String,
}

/// `networking.istio.io` VirtualService.
#[derive(Debug, Serialize)]
pub(super) struct VirtualServiceSpec {
    pub(super) hosts: Vec<String>,
    pub(super) gateways: Vec<String>,
    pub(super) http: Vec<HttpRoute>,
}

#[derive(Debug, Serialize)]
pub(super) struct HttpRoute {
    pub(super) name: &'static str,
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub(super) matches: Vec<HttpMatch>,
    pub(super) headers: Headers,
    pub(super) route: Vec<RouteDestination>,
}

#[derive(Debug, Serialize)]
pub(super) struct HttpMatch {
    pub(super) uri: UriMatch,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum UriMatch {
    Prefix(&'static str),
    Exact(&'static str),
}

#[derive(Debug, Serialize)]
pub(super) struct Headers {
    pub(super) request: HeaderOperations,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct HeaderOperations {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) set: BTreeMap<&'static str, &'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) remove: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct RouteDestination {
    pub(super) destination: Destination,
}

#[derive(Debug, Serialize)]
pub(super) struct Destination {
    pub(super) host: String,
    pub(super) port: PortSelector,
}

#[derive(Debug, Serialize)]
pub(super) struct PortSelector {
    pub(super) number: u16,
}

/// `networking.istio.io` EnvoyFilter, as far as it inserts HTTP filters at a gateway.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvoyFilterSpec {
    pub(super) workload_selector: EnvoyFilterSelector,
    pub(super) config_patches: Vec<ConfigPatch>,
}

#[derive(Debug, Serialize)]
pub(super) struct EnvoyFilterSelector {
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigPatch {
    pub(super) apply_to: &'static str,
    #[serde(rename = "match")]
    pub(super) place: PatchPlace,
    pub(super) patch: Patch,
}

#[derive(Debug, Serialize)]
pub(super) struct PatchPlace {
    pub(super) context: &'static str,
    pub(super) listener: ListenerMatch,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListenerMatch {
    pub(super) filter_chain: FilterChainMatch,
}

#[derive(Debug, Serialize)]
pub(super) struct FilterChainMatch {
    pub(super) filter: NetworkFilterMatch,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NetworkFilterMatch {
    pub(super) name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub_filter: Option<HttpFilterMatch>,
}

#[derive(Debug, Serialize)]
pub(super) struct HttpFilterMatch {
    pub(super) name: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Patch {
    pub(super) operation: &'static str,
    pub(super) value: LuaFilter,
}

/// Envoy's Lua filter; Envoy spells its own fields in snake case.
#[derive(Debug, Serialize)]
pub(super) struct LuaFilter {
    pub(super) name: String,
    pub(super) typed_config: LuaConfig,
}

#[derive(Debug, Serialize)]
pub(super) struct LuaConfig {
    #[serde(rename = "@type")]
    pub(super) type_url: &'static str,
    #[serde(flatten)]
    pub(super) code: LuaCode,
}

/// Where the code is. The first form is deprecated, and the only one that old lines of Envoy know.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LuaCode {
    InlineCode(String),
    DefaultSourceCode(InlineSource),
}

#[derive(Debug, Serialize)]
pub(super) struct InlineSource {
    pub(super) inline_string: String,
}
