//! Lua filters of EnvoyFilters, on the way of a request and in what the gateway reports.

use super::{HOST, ask, echoed, edge, machine, send, world};
use crate::practice::edge::{
    Client, filters,
    mesh::Mesh,
    objects::{Fixture, items, text},
    workload::{Workload, workloads},
};
use http::StatusCode;

/// What takes one header away first and shows the token last, as an installation with its locks at the gateway has it.
const SCRIPTS: &str = r#"
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: sign-in, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: CUSTOM
  provider: {name: gatewright-myapp-myapp}
  rules: [{to: [{operation: {hosts: [myapp.cluster.example.com], notPaths: ["/oauth2/*"]}}]}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: token, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: https://login.example.com/tenant/v2.0
    jwksUri: https://login.example.com/tenant/keys
    audiences: [client]
    fromHeaders: [{name: x-shown-token, prefix: "Bearer "}]
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: scripts, namespace: istio-system}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}
    patch:
      operation: INSERT_FIRST
      value:
        name: first
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          default_source_code:
            inline_string: |
              function envoy_on_request(handle)
                handle:headers():remove("x-mine")
                handle:headers():add("x-order", tostring(handle:headers():get("x-auth-request-user")))
              end
  - applyTo: HTTP_FILTER
    match:
      context: GATEWAY
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.jwt_authn}}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: second
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          default_source_code:
            inline_string: |
              function envoy_on_request(handle)
                handle:headers():add("x-order", tostring(handle:headers():get("x-auth-request-user")))
              end
"#;

fn scripted() -> Fixture {
    world().and(SCRIPTS)
}

fn gateway(world: &Fixture) -> Workload {
    workloads(world, Some("istio-system")).into_iter().find(Workload::is_gateway).unwrap()
}

#[tokio::test]
async fn given_scripts_at_the_gateway_then_one_runs_before_the_hook_and_the_other_behind_it() {
    let edge = edge(scripted());
    let authorization = machine();
    let headers = [("authorization", authorization.as_str()), ("x-mine", "mallory"), ("x-auth-request-user", "before")];
    let seen = echoed(&send(&edge, "/", &headers).await);
    assert!(seen["headers"].get("x-mine").is_none(), "{seen}");
    assert_eq!(seen["headers"]["x-order"][0], "before", "{seen}");
    assert_eq!(seen["headers"]["x-order"][1], "robot", "the hook has said who it is: {seen}");
}

#[tokio::test]
async fn given_something_that_is_not_imitated_then_every_request_is_refused_and_told_why() {
    for (from, to) in [
        ("applyTo: HTTP_FILTER", "applyTo: CLUSTER"),
        ("handle:headers():remove(\"x-mine\")", "handle:httpCall(\"a\", {}, \"\", 1)"),
    ] {
        let edge = edge(world().and(&SCRIPTS.replace(from, to)));
        let answer = edge.request(&Client::of(HOST), ask("/", &[("authorization", &machine())])).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(body.contains("does not imitate") && body.contains("istio-system/scripts"), "{body}");
    }
}

#[test]
fn given_scripts_when_the_gateway_reports_then_they_stand_where_requests_meet_them() {
    for world in
        [scripted(), world(), Fixture::yaml(&super::PROTECTED.replace("gatewright-myapp-myapp\n", "misspelt\n"))]
    {
        let edge = edge(world.clone());
        for workload in [gateway(&world), workloads(&world, Some("myapp")).remove(0)] {
            let dump = edge.config_dump(&workload);
            let listeners = items(&dump, "/configs/2/dynamic_listeners");
            let listener = &listeners.last().unwrap()["active_state"]["listener"];
            let shown = items(listener, "/filter_chains/0/filters/0/typed_config/http_filters");
            let shown: Vec<&str> = shown.iter().map(|filter| text(filter, "/name")).collect();
            let passed = filters::of(&world, &Mesh::read(&world), &workload).unwrap();
            assert_eq!(shown, passed.iter().map(filters::Filter::name).collect::<Vec<_>>());
        }
    }
    let world = scripted();
    let dump = edge(world.clone()).config_dump(&gateway(&world)).to_string();
    assert!(dump.contains("x-mine") && dump.contains("envoy.extensions.filters.http.lua.v3.Lua"), "{dump}");
}
