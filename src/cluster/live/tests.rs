use super::{LiveConfiguration, PodSummary, PolicyName, Unproven, parse};
use crate::cluster::{Cluster, Error, test_server};
use axum::extract::ws::{Message, WebSocketUpgrade};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PROXY: &str = "myapp-oauth2-proxy.myapp.svc.cluster.local";
const ISSUER: &str = "https://login.microsoftonline.com/t/v2.0";

fn typed(name: &str, url: &str, mut settings: Value) -> Value {
    settings["@type"] = format!("type.googleapis.com/{url}").into();
    json!({"name": name, "typed_config": settings})
}

fn custom_rbac(rule: &str) -> Value {
    typed(
        "envoy.filters.http.rbac",
        "envoy.extensions.filters.http.rbac.v3.RBAC",
        json!({
        "shadow_rules_stat_prefix": "istio_ext_authz_",
        "shadow_rules": {"action": "DENY", "policies": {rule: {"permissions": [{"any": true}], "principals": [{"any": true}]}}}}),
    )
}

fn ext_authz(prefix: &str) -> Value {
    typed(
        "envoy.filters.http.ext_authz",
        "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        json!({
        "http_service": {"server_uri": {"uri": format!("http://{PROXY}"), "cluster": format!("outbound|80||{PROXY}"), "timeout": "10s"}},
        "filter_enabled_metadata": {"filter": "envoy.filters.http.rbac",
            "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}], "value": {"string_match": {"prefix": prefix}}}}),
    )
}

fn jwt(audiences: &[&str]) -> Value {
    typed(
        "envoy.filters.http.jwt_authn",
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        json!({"providers": {"origins-0": {"issuer": ISSUER, "audiences": audiences}}}),
    )
}

fn allow(name: &str, rule: &str) -> Value {
    typed(name, "envoy.extensions.filters.http.rbac.v3.RBAC", json!({"rules": {"policies": {rule: {}}}}))
}

fn chain(filters: impl Into<Value>) -> Value {
    let filters: Value = filters.into();
    json!({"filters": [typed("envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        json!({"stat_prefix": "inbound", "http_filters": filters,
               "route_config": {"virtual_hosts": [{"name": "inbound|http|80", "domains": ["*"]}]}}))]})
}

fn dump(listeners: &[(&str, Vec<Value>)]) -> Value {
    let listeners: Vec<_> = listeners
        .iter()
        .map(|(name, chains)| json!({"name": name, "active_state": {"listener": {"name": name, "filter_chains": chains}}}))
        .collect();
    json!({"configs": [
        {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump"},
        {"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", "dynamic_listeners": listeners},
        {"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "dynamic_route_configs": [
            {"route_config": {"virtual_hosts": [{"domains": ["myapp.cluster.example.com", "myapp.cluster.example.com:*"]}]}}]}]})
}

fn locked() -> Vec<Value> {
    vec![
        custom_rbac("istio-ext-authz-gatewright-myapp-myapp-ns[myapp]-policy[myapp-sign-in]-rule[0]"),
        ext_authz("istio-ext-authz-gatewright-myapp-myapp"),
        jwt(&["client-id"]),
        allow("envoy.filters.http.rbac", "ns[myapp]-policy[myapp-token]-rule[0]"),
    ]
}

fn outbound() -> (&'static str, Vec<Value>) {
    ("0.0.0.0_80", vec![chain(json!([]))])
}

fn hook_of(live: &LiveConfiguration) -> Result<(), Unproven> {
    live.prove_hook(&PolicyName::new("myapp", "myapp-sign-in"), PROXY)
}

fn token_of(live: &LiveConfiguration) -> Result<(), Unproven> {
    live.prove_token_lock(&PolicyName::new("myapp", "myapp-token"), ISSUER, "client-id")
}

#[test]
fn given_both_locks_in_a_sidecar_then_both_are_proven() {
    let live =
        parse::live_configuration(&dump(&[("virtualInbound", vec![chain(locked()), chain(locked())]), outbound()]));
    assert_eq!((hook_of(&live), token_of(&live)), (Ok(()), Ok(())));
    let hook = &live.chains[0].hooks[0];
    assert_eq!(hook.provider.as_deref(), Some("gatewright-myapp-myapp"));
    assert!(live.has_host("myapp.cluster.example.com") && !live.has_host("other.cluster.example.com"));
}

#[test]
fn given_an_istio_that_names_no_provider_in_its_rules_then_the_hook_is_proven_by_what_it_asks() {
    let filters =
        vec![custom_rbac("istio-ext-authz-ns[myapp]-policy[myapp-sign-in]-rule[0]"), ext_authz("istio-ext-authz")];
    let live = parse::live_configuration(&dump(&[("virtualInbound", vec![chain(filters)])]));
    assert_eq!(hook_of(&live), Ok(()));
    assert_eq!(live.chains[0].hooks[0].provider, None);
}

#[test]
fn given_scripts_at_a_gateway_then_they_are_proven_in_their_places_alone() {
    let lua = |name: &str| {
        typed(name, "envoy.extensions.filters.http.lua.v3.Lua", json!({"default_source_code": {"inline_string": ""}}))
    };
    let proven = |positions: &[(usize, &str)]| {
        let mut filters = locked();
        for (position, name) in positions {
            filters.insert(*position, lua(name));
        }
        let live = parse::live_configuration(&dump(&[("0.0.0.0_8443", vec![chain(json!(filters))])]));
        live.prove_scripts("strip", "token").map_err(|unproven| unproven.to_string())
    };
    assert_eq!(proven(&[(0, "strip"), (3, "token")]), Ok(()));
    for (wrong, told) in [
        (&[(0, "strip")][..], "the filter token between"),
        (&[(2, "token")], "the filter strip before the hook"),
        (&[(2, "strip"), (3, "token")], "the filter strip before the hook"),
        (&[(0, "strip"), (4, "token")], "the filter token between"),
        (&[(0, "strip"), (0, "token")], "the filter token between"),
        (&[(0, "somebody-elses"), (3, "token")], "the filter strip before the hook"),
    ] {
        let unproven = proven(wrong).unwrap_err();
        assert!(unproven.contains(told) && unproven.contains("0.0.0.0_8443"), "{wrong:?}: {unproven}");
    }
}

#[test]
fn given_one_way_in_without_a_lock_then_nothing_is_proven() {
    let mut without_hook = locked();
    without_hook.drain(..2);
    let live = parse::live_configuration(&dump(&[("virtualInbound", vec![chain(locked()), chain(without_hook)])]));
    assert!(matches!(hook_of(&live), Err(Unproven::Missing { .. })));
    assert_eq!(token_of(&live), Ok(()));
    let mut without_policy = locked();
    without_policy.pop();
    let live = parse::live_configuration(&dump(&[("virtualInbound", vec![chain(without_policy)])]));
    assert!(token_of(&live).unwrap_err().to_string().contains("myapp/myapp-token"));
}

#[test]
fn given_a_hook_of_another_provider_then_ours_is_not_proven() {
    let mut filters = locked();
    filters[1] = ext_authz("istio-ext-authz-gatewright-myapp-my");
    let live = parse::live_configuration(&dump(&[("virtualInbound", vec![chain(filters)])]));
    assert!(hook_of(&live).is_err());
}

#[test]
fn given_tokens_that_are_checked_for_any_audience_then_the_token_lock_is_not_proven() {
    let mut filters = locked();
    filters[2] = jwt(&[]);
    let live = parse::live_configuration(&dump(&[("virtualInbound", vec![chain(filters)])]));
    assert!(token_of(&live).is_err());
}

#[test]
fn given_a_policy_that_only_notes_then_the_token_lock_is_not_proven() {
    let mut filters = locked();
    filters[3]["typed_config"]["rules"]["action"] = "LOG".into();
    let live = parse::live_configuration(&dump(&[("virtualInbound", vec![chain(filters)])]));
    assert!(token_of(&live).is_err());
}

#[test]
fn given_the_renamed_allow_filter_of_istio_1_32_then_the_token_lock_is_proven() {
    let mut filters = locked();
    filters[3] = allow("istio.authorization.allow", "ns[myapp]-policy[myapp-token]-rule[0]");
    let live = parse::live_configuration(&dump(&[("virtualInbound", vec![chain(filters)])]));
    assert_eq!(token_of(&live), Ok(()));
}

#[test]
fn given_a_provider_that_istio_does_not_know_then_that_is_told() {
    let mut filters = locked();
    filters.push(typed("envoy.filters.http.rbac", "envoy.extensions.filters.http.rbac.v3.RBAC",
        json!({"rules": {"action": "DENY", "policies": {"ns[myapp]-policy[myapp-sign-in]-rule[0]-deny-due-to-bad-CUSTOM-action": {}}}})));
    let live = parse::live_configuration(&dump(&[("virtualInbound", vec![chain(filters)])]));
    assert!(matches!(hook_of(&live), Err(Unproven::BadProvider { .. })));
}

#[test]
fn given_a_hook_that_fails_open_then_it_is_not_proven() {
    let mut filters = locked();
    filters[1]["typed_config"]["failure_mode_allow"] = true.into();
    let live = parse::live_configuration(&dump(&[("virtualInbound", vec![chain(filters)])]));
    assert!(matches!(hook_of(&live), Err(Unproven::FailsOpen { .. })));
}

#[test]
fn given_a_gateway_then_its_own_listeners_are_no_doors() {
    let live = parse::live_configuration(&dump(&[
        ("0.0.0.0_15021", vec![chain(json!([]))]),
        ("0.0.0.0_8443", vec![chain(locked())]),
    ]));
    assert_eq!(hook_of(&live), Ok(()));
    let only_health = parse::live_configuration(&dump(&[("0.0.0.0_15021", vec![chain(json!([]))])]));
    assert_eq!(hook_of(&only_health), Err(Unproven::NoWayIn));
}

#[test]
fn given_a_listener_that_is_still_warming_then_it_proves_nothing() {
    let mut warming = dump(&[("virtualInbound", vec![chain(locked())])]);
    let state = &mut warming["configs"][1]["dynamic_listeners"][0];
    state["warming_state"] = state["active_state"].take();
    state["error_state"] = json!({"details": "no such cluster"});
    let live = parse::live_configuration(&warming);
    assert_eq!(hook_of(&live), Err(Unproven::NoWayIn));
    assert_eq!(live.rejected, ["no such cluster"]);
}

fn pod() -> PodSummary {
    PodSummary {
        namespace: "myapp".to_owned(),
        name: "myapp-1".to_owned(),
        labels: BTreeMap::new(),
        service_account: "myapp".to_owned(),
        ready: true,
        terminating: false,
        has_sidecar: true,
        reason: None,
    }
}

/// An API server whose one pod's Envoy answers with these bytes.
async fn envoy(answer: String) -> Cluster {
    let upgrade = move |upgrade: WebSocketUpgrade| async move {
        upgrade.protocols(["v4.channel.k8s.io"]).on_upgrade(move |mut socket| async move {
            // Each channel opens with the port it is for, little-endian.
            for channel in [0, 1] {
                let port = 15000_u16.to_le_bytes();
                socket.send(Message::Binary(vec![channel, port[0], port[1]].into())).await.unwrap();
            }
            let mut request = Vec::new();
            while let Some(Ok(Message::Binary(frame))) = socket.recv().await {
                request.extend_from_slice(&frame[1..]);
                if request.ends_with(b"\r\n\r\n") {
                    break;
                }
            }
            assert!(request.starts_with(b"GET /config_dump HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&request));
            for part in answer.as_bytes().chunks(7000) {
                socket.send(Message::Binary([&[0], part].concat().into())).await.unwrap();
            }
            while let Some(Ok(_)) = socket.recv().await {}
        })
    };
    let router = axum::Router::new()
        .route("/version", axum::routing::get(|| async { axum::Json(test_server::version()) }))
        .route("/api/v1/namespaces/myapp/pods/myapp-1/portforward", axum::routing::get(upgrade));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let file = test_server::kubeconfig(&url, "users: [{name: u, user: {token: t}}]");
    crate::cluster::connect(Some(file.path()), None).await.unwrap()
}

#[tokio::test]
async fn given_a_pod_then_its_envoy_is_asked_through_the_api_server() {
    let body = dump(&[("virtualInbound", vec![chain(locked())])]).to_string() + &" ".repeat(20_000);
    let cluster = envoy(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
    let live = cluster.live_configuration(&pod()).await.unwrap();
    assert_eq!(hook_of(&live), Ok(()));
}

#[tokio::test]
async fn given_an_envoy_that_answers_an_error_then_it_is_told() {
    let cluster = envoy("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let error = cluster.live_configuration(&pod()).await.unwrap_err();
    assert!(error.may_pass() && error.to_string().contains("503"), "{error}");
    assert!(matches!(error, Error::PodUnreachable { .. }));
}

#[tokio::test]
async fn given_no_right_to_forward_ports_then_the_right_is_named() {
    let path = "/api/v1/namespaces/myapp/pods/myapp-1/portforward";
    let message = "pods \"myapp-1\" is forbidden: User \"jane\" cannot get resource \"pods/portforward\" in API group \"\" in the namespace \"myapp\"";
    let body = test_server::failure(403, "Forbidden", message, &json!({}));
    let (cluster, _) = test_server::TestServer::default().answer(&format!("GET {path}"), 403, body).connect().await;
    let error = cluster.live_configuration(&pod()).await.unwrap_err();
    assert_eq!(error.lacks_right().unwrap().resource, "pods/portforward");
}

#[tokio::test]
async fn given_a_pod_that_is_gone_or_not_running_then_the_next_look_may_find_its_successor() {
    let path = "GET /api/v1/namespaces/myapp/pods/myapp-1/portforward";
    let gone = test_server::failure(
        404,
        "NotFound",
        "pods \"myapp-1\" not found",
        &json!({"name": "myapp-1", "kind": "pods"}),
    );
    let unscheduled = test_server::failure(400, "BadRequest", "pod myapp-1 does not have a host assigned", &json!({}));
    for (status, body) in [(404, gone), (400, unscheduled)] {
        let (cluster, _) = test_server::TestServer::default().answer(path, status, body).connect().await;
        let error = cluster.live_configuration(&pod()).await.unwrap_err();
        assert!(error.may_pass(), "{error:?}");
    }
}
