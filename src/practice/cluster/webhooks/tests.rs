//! Each refusal by an object that trips over it.

use super::{
    super::catalog::{Catalog, split_api_version},
    admit,
};
use serde_json::Value;

fn review(yaml: &str) -> Result<Vec<String>, String> {
    let object: Value = serde_saphyr::from_str(yaml).unwrap();
    let (group, _) = split_api_version(object["apiVersion"].as_str().unwrap());
    let catalog = Catalog::embedded();
    let kind = catalog.kind(group, object["kind"].as_str().unwrap()).unwrap();
    admit(kind, &object).map_err(|error| error.message)
}

fn policy(spec: &str) -> Result<Vec<String>, String> {
    review(&format!(
        "{{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{name: p, namespace: one}}, spec: {spec}}}"
    ))
}

fn refused(result: Result<Vec<String>, String>, part: &str) {
    let message = result.unwrap_err();
    assert!(message.contains(part), "{message:?} does not say {part:?}");
}

#[test]
fn given_a_custom_policy_when_it_is_whole_then_it_is_admitted() {
    policy("{action: CUSTOM, provider: {name: x}, rules: [{to: [{operation: {notPaths: [/oauth2/*]}}]}]}").unwrap();
    policy("{action: CUSTOM, provider: {name: x}, rules: [{}]}").unwrap();
}

#[test]
fn given_a_custom_policy_when_it_asks_for_what_custom_cannot_then_it_is_refused() {
    refused(policy("{action: CUSTOM, provider: {name: x}}"), "CUSTOM action without `rules` is meaningless");
    refused(policy("{action: CUSTOM, rules: [{}]}"), "`provider.name` must not be empty");
    refused(
        policy("{action: CUSTOM, provider: {name: x}, rules: [{from: [{source: {principals: [a]}}]}]}"),
        "From.Principals is currently not supported with CUSTOM action",
    );
    refused(
        policy(
            "{action: CUSTOM, provider: {name: x}, rules: [{when: [{key: 'request.auth.claims[iss]', values: [a]}]}]}",
        ),
        "request.auth.claims[iss] is currently not supported with CUSTOM action",
    );
}

#[test]
fn given_other_policies_when_they_make_no_sense_then_they_are_refused_with_their_name() {
    refused(
        policy("{action: ALLOW, provider: {name: x}, rules: [{}]}"),
        "denied the request: configuration is invalid: invalid policy p.one: `provider` must not be with non CUSTOM action",
    );
    refused(policy("{action: DENY}"), "DENY action without `rules`");
    refused(policy("{rules: [{from: []}]}"), "`from` must not be empty, found at rule 0");
    refused(policy("{rules: [{from: [{source: {}}]}]}"), "`from.source` must not be empty");
    refused(policy("{rules: [{when: [{key: request.auth.claims}]}]}"), "at least one of `values` or `notValues`");
    refused(policy("{rules: [{when: [{key: nonsense, values: [a]}]}]}"), "unknown attribute: nonsense");
    refused(policy("{rules: [{to: [{operation: {ports: ['x']}}]}]}"), "invalid port x");
}

#[test]
fn given_a_deny_policy_about_http_alone_when_reviewed_then_it_is_admitted_with_a_warning() {
    let warnings = policy("{action: DENY, rules: [{to: [{operation: {paths: [/robots.txt]}}]}]}").unwrap();
    assert!(warnings[0].contains("will deny all traffic to TCP ports"), "{warnings:?}");
}

#[test]
fn given_routes_and_gateways_when_they_lack_something_then_they_are_refused() {
    let route = |spec: &str| {
        review(&format!(
            "{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: v}}, spec: {spec}}}"
        ))
    };
    refused(
        route("{hosts: [a.example.com], http: [{match: [{uri: {prefix: /x}}]}]}"),
        "HTTP route, redirect or direct_response",
    );
    refused(route("{http: [{route: [{destination: {host: a}}]}]}"), "must have at least one host");
    refused(route("{hosts: [a.example.com]}"), "http, tcp or tls must be provided");
    refused(
        route(
            "{hosts: [a.example.com], http: [{route: [{destination: {host: a}}], headers: {request: {remove: [':path']}}}]}",
        ),
        "invalid header \":path\"",
    );
    let warned = route(
        "{hosts: [a.example.com], http: [{route: [{destination: {host: a}}]}, {match: [{uri: {prefix: /x}}], route: \
         [{destination: {host: b}}]}]}",
    );
    assert_eq!(warned.unwrap().len(), 1);
    let gateway = |server: &str| {
        review(&format!(
            "{{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {{name: g}}, spec: {{servers: [{server}]}}}}"
        ))
    };
    refused(
        gateway("{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example.com]}"),
        "must have TLS settings",
    );
    refused(
        gateway("{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example.com], tls: {mode: SIMPLE}}"),
        "SIMPLE TLS requires a server certificate",
    );
    gateway("{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*.a.example.com'], tls: {mode: SIMPLE, credentialName: c}}")
        .unwrap();
    gateway("{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*'], tls: {httpsRedirect: true}}").unwrap();
}

#[test]
fn given_an_envoy_filter_when_reviewed_then_it_is_admitted_with_a_warning() {
    let warnings = review(
        "{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: e}, spec: {configPatches: [{applyTo: \
         HTTP_FILTER, patch: {operation: REMOVE}}]}}",
    );
    let warnings = warnings.unwrap();
    assert!(warnings[0].starts_with("EnvoyFilter exposes internal implementation details"), "{warnings:?}");
}

#[test]
fn given_certificates_when_they_cannot_be_issued_then_the_webhook_says_why() {
    let certificate = |spec: &str| {
        review(&format!("{{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {{name: c}}, spec: {spec}}}"))
    };
    certificate("{secretName: s, dnsNames: ['*.a.example.com'], issuerRef: {name: i, kind: ClusterIssuer}}").unwrap();
    refused(certificate("{secretName: s, issuerRef: {name: i}}"), "at least one of commonName");
    refused(
        certificate("{secretName: s, dnsNames: [a.b], issuerRef: {name: i, kind: Other}}"),
        "admission webhook \"webhook.cert-manager.io\" denied the request: spec.issuerRef.kind: Invalid value: \"Other\"",
    );
    refused(
        certificate("{secretName: s, dnsNames: [a.b], issuerRef: {name: i}, duration: 2h, renewBefore: 3h}"),
        "certificate duration must be greater than renewBefore",
    );
}
