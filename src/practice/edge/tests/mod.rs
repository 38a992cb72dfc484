//! The edge as a whole, against objects as files.

mod scripts;

use super::{
    Client, Edge, NoAnswer,
    door::Door,
    objects::{Fixture, items, text},
    token::forge,
    workload::workloads,
};
use axum::{Form, Json, Router, body::Bytes, routing::get};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};
use url::Url;

const PROTECTED: &str = include_str!("protected.yaml");
const HOST: &str = "myapp.cluster.example.com";
const ISSUER: &str = "https://login.example.com/tenant/v2.0";

/// A tenant of three endpoints; a code is `NONCE`, and belongs to Ann.
fn tenant() -> Door {
    async fn redeem(Form(form): Form<HashMap<String, String>>) -> (StatusCode, Json<Value>) {
        if form["client_secret"] != "secret" || form["code_verifier"].len() < 43 {
            return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"})));
        }
        let claims = json!({
            "iss": ISSUER, "aud": "client", "sub": "ann", "email": "ann@example.com", "nonce": form["code"],
        });
        (StatusCode::OK, Json(json!({"id_token": forge::token(&claims), "access_token": "opaque"})))
    }
    let metadata = json!({
        "issuer": ISSUER, "jwks_uri": "https://login.example.com/tenant/keys",
        "authorization_endpoint": "https://login.example.com/tenant/oauth2/v2.0/authorize",
        "token_endpoint": "https://login.example.com/tenant/oauth2/v2.0/token",
    });
    let router = Router::new()
        .route("/tenant/v2.0/.well-known/openid-configuration", get(move || async { Json(metadata) }))
        .route("/tenant/keys", get(|| async { Json(forge::keys()) }))
        .route("/tenant/oauth2/v2.0/token", axum::routing::post(redeem));
    Door::to_router(|| "https://login.example.com".to_owned(), router)
}

fn world() -> Fixture {
    Fixture::yaml(PROTECTED)
}

fn without(kind: &str, name: &str) -> Fixture {
    let mut world = world();
    let before = world.0.len();
    world.0.retain(|object| object["kind"] != kind || object["metadata"]["name"] != name);
    assert_eq!(world.0.len() + 1, before, "{kind} {name} is in the file");
    world
}

fn edge(world: Fixture) -> Edge {
    Edge::in_front_of(Arc::new(world), tenant())
}

fn ask(target: &str, headers: &[(&str, &str)]) -> Request<Bytes> {
    let mut request = Request::get(target).header("host", HOST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::new()).unwrap()
}

async fn send(edge: &Edge, target: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    edge.request(&Client::of(HOST), ask(target, headers)).await.unwrap()
}

fn echoed(answer: &Response<Bytes>) -> Value {
    assert_eq!(answer.headers().get("x-practice-app").unwrap(), "myapp", "{answer:?}");
    serde_json::from_slice(answer.body()).unwrap()
}

fn bearer(claims: &Value) -> String {
    format!("Bearer {}", forge::token(claims))
}

fn machine() -> String {
    bearer(&json!({"iss": ISSUER, "aud": "client", "sub": "robot", "roles": ["App.Access"]}))
}

#[tokio::test]
async fn given_both_locks_when_a_stranger_comes_then_sign_in_is_asked_for_with_everything_it_needs() {
    let edge = edge(world());
    let answer = send(&edge, "/deep/link?a=1", &[]).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    let location: Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
    assert!(location.as_str().starts_with("https://login.example.com/tenant/oauth2/v2.0/authorize?"));
    let query: HashMap<_, _> = location.query_pairs().into_owned().collect();
    assert_eq!(query["client_id"], "client");
    assert_eq!(query["redirect_uri"], format!("https://{HOST}/oauth2/callback"));
    assert_eq!(query["scope"], "openid email profile offline_access");
    assert_eq!(query["code_challenge_method"], "S256");
    assert!(query["state"].ends_with(":/deep/link?a=1"), "{}", query["state"]);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-oauth2_myapp_") && cookie.contains("; Secure") && cookie.contains("HttpOnly"));
    assert!(!edge.anonymous_reaches_app(HOST).await);
}

#[tokio::test]
async fn given_one_lock_without_the_other_then_strangers_stay_out_and_without_both_the_door_is_open() {
    assert!(!edge(without("AuthorizationPolicy", "sign-in")).anonymous_reaches_app(HOST).await);
    assert!(!edge(without("AuthorizationPolicy", "token")).anonymous_reaches_app(HOST).await);
    let mut open = without("AuthorizationPolicy", "sign-in");
    open.0.retain(|object| object["kind"] != "AuthorizationPolicy" || object["metadata"]["name"] != "token");
    assert!(edge(open).anonymous_reaches_app(HOST).await, "the test above must be able to fail");
}

#[tokio::test]
async fn given_a_person_when_they_sign_in_then_the_application_learns_who_they_are_from_us_alone() {
    let edge = edge(world());
    let first = send(&edge, "/deep", &[]).await;
    let location: Url = first.headers()["location"].to_str().unwrap().parse().unwrap();
    let query: HashMap<_, _> = location.query_pairs().into_owned().collect();
    let csrf = first.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let callback = format!("/oauth2/callback?code={}&state={}", query["nonce"], query["state"]);

    let refused = send(&edge, &callback, &[]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN, "without the CSRF cookie nobody gets in");

    let back = send(&edge, &callback, &[("cookie", &csrf)]).await;
    assert_eq!(back.status(), StatusCode::FOUND, "{back:?}");
    assert_eq!(back.headers()["location"], "/deep");
    let mut lines = back.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let session = lines.find(|line| line.starts_with("__Host-oauth2_myapp=")).unwrap();
    let session = session.split(';').next().unwrap();
    let mut lines = back.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let used = csrf.split('=').next().unwrap();
    assert!(lines.any(|line| line.starts_with(&format!("{used}=;"))), "the used CSRF cookie is taken back: {back:?}");

    let spoof = [("cookie", session), ("x-auth-request-user", "mallory"), ("x-auth-request-groups", "admins")];
    let answer = echoed(&send(&edge, "/deep", &spoof).await);
    assert_eq!(answer["headers"]["x-auth-request-user"], "ann");
    assert_eq!(answer["headers"]["x-auth-request-email"], "ann@example.com");
    assert!(answer["headers"].get("x-auth-request-groups").is_none(), "what the client claims is removed");

    let out = send(&edge, "/oauth2/sign_out", &[("cookie", session)]).await;
    assert_eq!(out.status(), StatusCode::FOUND);
    assert_eq!(send(&edge, "/deep", &[("cookie", session)]).await.status(), StatusCode::FOUND, "signed out for good");
}

#[tokio::test]
async fn given_tokens_then_a_machine_with_the_role_gets_in_and_other_audiences_and_roles_do_not() {
    let edge = edge(world());
    echoed(&send(&edge, "/api", &[("authorization", &machine())]).await);
    for claims in [
        json!({"iss": ISSUER, "aud": "other", "sub": "robot", "roles": ["App.Access"]}),
        json!({"iss": "https://evil", "aud": "client", "sub": "robot", "roles": ["App.Access"]}),
        json!({"iss": ISSUER, "aud": "client", "sub": "robot", "roles": ["App.Access"], "exp": 1}),
    ] {
        let answer = send(&edge, "/api", &[("authorization", &bearer(&claims))]).await;
        assert_eq!(answer.status(), StatusCode::FOUND, "oauth2-proxy sends bad tokens to sign-in: {claims}");
    }
    let roleless = bearer(&json!({"iss": ISSUER, "aud": "client", "sub": "robot"}));
    let answer = send(&edge, "/api", &[("authorization", &roleless)]).await;
    assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::FORBIDDEN, &b"RBAC: access denied"[..]));
}

#[tokio::test]
async fn given_a_bad_token_and_no_hook_then_the_token_lock_itself_refuses_it() {
    let edge = edge(without("AuthorizationPolicy", "sign-in"));
    let other = bearer(&json!({"iss": ISSUER, "aud": "other", "sub": "robot"}));
    let answer = send(&edge, "/api", &[("authorization", &other)]).await;
    assert_eq!(
        (answer.status(), &answer.body()[..]),
        (StatusCode::FORBIDDEN, &b"Audiences in Jwt are not allowed"[..])
    );
    let evil = bearer(&json!({"iss": "https://evil", "aud": "client", "sub": "robot"}));
    let answer = send(&edge, "/api", &[("authorization", &evil)]).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(answer.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn given_paths_that_the_proxy_answers_by_itself_then_they_open_the_application_unless_a_lock_holds() {
    let mut hook_only = without("AuthorizationPolicy", "token");
    let edge_with_both = edge(world());
    assert!(!edge_with_both.anonymous_reaches_app_at(HOST, "/robots.txt").await);
    assert!(
        edge(hook_only.clone()).anonymous_reaches_app_at(HOST, "/robots.txt").await,
        "oauth2-proxy answers 200 to a check for it, and 200 lets in"
    );
    assert!(!edge(hook_only.clone()).anonymous_reaches_app_at(HOST, "/ping").await, "ping_path was renamed");
    for object in &mut hook_only.0 {
        if object["kind"] == "ConfigMap" && object["metadata"]["name"] == "myapp-oauth2-proxy" {
            let config = text(object, "/data/oauth2-proxy.cfg").replace("ping_path = \"/oauth2/ping\"\n", "");
            object["data"]["oauth2-proxy.cfg"] = Value::from(config);
        }
    }
    assert!(edge(hook_only).anonymous_reaches_app_at(HOST, "/ping").await);
}

#[tokio::test]
async fn given_202_as_the_upstream_then_nobody_ever_reaches_the_application() {
    let config = PROTECTED.replace("static://200", "static://202");
    let answer = send(&edge(Fixture::yaml(&config)), "/", &[("authorization", &machine())]).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert!(!answer.headers().contains_key("x-practice-app"));
}

#[tokio::test]
async fn given_a_path_that_climbs_out_of_the_exempted_prefix_then_it_is_checked() {
    let edge = edge(without("AuthorizationPolicy", "token"));
    for target in ["/oauth2/../secret", "/oauth2/%2e%2e/secret", "/oauth2\\..\\secret"] {
        let request = ask(&target.replace('\\', "%5C"), &[]);
        let answer = edge.request(&Client::of(HOST), request).await.unwrap();
        assert!(!answer.headers().contains_key("x-practice-app"), "{target}");
    }
}

#[tokio::test]
async fn given_a_pod_that_came_back_without_its_sidecar_then_it_is_unreachable_and_without_the_rule_it_is_open() {
    let bare = |mut world: Fixture| {
        for object in &mut world.0 {
            if object["kind"] == "Pod" && object["metadata"]["name"] == "myapp-1" {
                object["spec"]["initContainers"] = json!([]);
            }
        }
        world
    };
    let answer = send(&edge(bare(world())), "/", &[]).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(edge(bare(without("DestinationRule", "myapp"))).anonymous_reaches_app(HOST).await);
}

#[tokio::test]
async fn given_the_proxy_is_down_or_unknown_then_nobody_gets_in() {
    let mut down = world();
    for object in &mut down.0 {
        if object["kind"] == "Pod" && object["metadata"]["name"] == "proxy-1" {
            object["status"]["conditions"][0]["status"] = json!("False");
        }
    }
    assert_eq!(send(&edge(down), "/", &[]).await.status(), StatusCode::SERVICE_UNAVAILABLE, "statusOnError");
    let unknown = PROTECTED.replace("provider: {name: gatewright-myapp-myapp}", "provider: {name: misspelt}");
    let answer = send(&edge(Fixture::yaml(&unknown)), "/", &[]).await;
    assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::FORBIDDEN, &b"RBAC: access denied"[..]));
    let stranger = PROTECTED.replace("- cluster.local/ns/myapp/sa/default", "- cluster.local/ns/other/sa/default");
    let answer = send(&edge(Fixture::yaml(&stranger)), "/", &[]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "the proxy lets only the gateway and the application ask");
}

#[tokio::test]
async fn given_no_certificate_route_or_server_then_each_says_so() {
    let nobody = edge(without("Secret", "tls"));
    let answer = nobody.request(&Client::of(HOST), ask("/", &[])).await;
    assert_eq!(answer.unwrap_err(), NoAnswer::NoCertificate("tls".to_owned()));
    let other = edge(world()).request(&Client::of("example.com"), ask("/", &[])).await;
    assert_eq!(other.unwrap_err(), NoAnswer::NoServer("example.com".to_owned()));
    let routeless = send(&edge(without("VirtualService", "myapp")), "/", &[]).await;
    assert_eq!(routeless.status(), StatusCode::NOT_FOUND);
    let mut gone = world();
    gone.0.retain(|object| object["kind"] != "Pod" || object["metadata"]["name"] != "gateway-1");
    assert_eq!(edge(gone).request(&Client::of(HOST), ask("/", &[])).await.unwrap_err(), NoAnswer::Refused);
}

#[tokio::test]
async fn given_a_connection_that_is_used_again_for_another_host_then_the_locks_in_the_sidecar_still_hold() {
    let request = ask("/", &[]);
    let client = Client::of("oauth.cluster.example.com");
    let answer = edge(world()).request(&client, request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn given_oauth2_proxy_when_it_starts_then_its_last_words_are_the_real_ones() {
    let begin = |world: Fixture| async move {
        let pods = workloads(&world, Some("myapp"));
        let pod = pods.into_iter().find(|pod| pod.name() == "proxy-1").unwrap();
        let container = items(&pod.pod, "/spec/containers")[0].clone();
        let edge = edge(world);
        let start = edge.start_of(&pod, &container).unwrap();
        edge.start_proxy(&pod, &start).await.map(|_| ())
    };
    assert_eq!(begin(world()).await, Ok(()));
    let wrong = PROTECTED.replace("requirepass $REDIS_PASSWORD", "requirepass other");
    assert!(begin(Fixture::yaml(&wrong)).await.unwrap_err().contains("WRONGPASS"));
    assert!(begin(without("Pod", "store-1")).await.unwrap_err().contains("EOF"));
    assert!(begin(without("Service", "myapp-sessions")).await.unwrap_err().contains("no such host"));
    let stranger = PROTECTED.replace("[cluster.local/ns/myapp/sa/myapp-oauth2-proxy]", "[cluster.local/ns/x/sa/y]");
    assert!(begin(Fixture::yaml(&stranger)).await.unwrap_err().contains("unable to set a redis initialization key"));
    let closed = PROTECTED.replace(
        "    extensionProviders:",
        "    outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n    extensionProviders:",
    );
    let error = begin(Fixture::yaml(&closed)).await.unwrap_err();
    assert!(error.contains("failed to discover OIDC configuration") && error.ends_with("EOF"), "{error}");
    let slash = PROTECTED.replace("tenant/v2.0\"\n", "tenant/v2.0/\"\n");
    assert!(begin(Fixture::yaml(&slash)).await.unwrap_err().contains("issuer did not match"));
}

/// The HTTP filters of every chain of a pod's listener, by their names, and the filters themselves.
fn filters(edge: &Edge, namespace: &str, pod: &str, listener: &str) -> Vec<Vec<Value>> {
    let pods = workloads(edge.live(), Some(namespace));
    let workload = pods.into_iter().find(|workload| workload.name() == pod).unwrap();
    let dump = edge.config_dump(&workload);
    let listeners = items(&dump, "/configs").iter().flat_map(|config| items(config, "/dynamic_listeners"));
    listeners
        .filter(|entry| entry["name"] == listener)
        .flat_map(|entry| items(entry, "/active_state/listener/filter_chains"))
        .map(|chain| items(chain, "/filters/0/typed_config/http_filters").to_vec())
        .filter(|filters| !filters.is_empty())
        .collect()
}

fn has(filters: &[Value], name: &str) -> Option<Value> {
    filters.iter().find(|filter| filter["name"] == name).map(|filter| filter["typed_config"].clone())
}

#[test]
fn given_both_locks_when_the_sidecar_reports_then_every_way_in_has_them_in_istios_order() {
    let edge = edge(world());
    let chains = filters(&edge, "myapp", "myapp-1", "virtualInbound");
    assert_eq!(chains.len(), 3, "two for any port, one for the application's");
    for chain in chains {
        let names: Vec<&str> = chain.iter().map(|filter| filter["name"].as_str().unwrap()).collect();
        assert_eq!(
            names.get(1..5).unwrap(),
            [
                "envoy.filters.http.rbac",
                "envoy.filters.http.ext_authz",
                "envoy.filters.http.jwt_authn",
                "envoy.filters.http.rbac"
            ]
        );
        let hook = has(&chain, "envoy.filters.http.ext_authz").unwrap();
        assert_eq!(
            hook.pointer("/http_service/server_uri/cluster").unwrap(),
            "outbound|80||myapp-oauth2-proxy.myapp.svc.cluster.local"
        );
        let shadow = has(&chain, "envoy.filters.http.rbac").unwrap();
        assert!(shadow["shadow_rules"]["policies"].get("istio-ext-authz-ns[myapp]-policy[sign-in]-rule[0]").is_some());
        let tokens = has(&chain, "envoy.filters.http.jwt_authn").unwrap();
        assert_eq!(tokens["providers"]["origins-0"]["issuer"], ISSUER);
        let allow = &chain[4]["typed_config"]["rules"];
        assert!(allow.get("action").is_none(), "Envoy leaves the default out");
        assert!(allow["policies"].get("ns[myapp]-policy[token]-rule[1]").is_some());
    }
}

#[test]
fn given_a_misspelt_provider_when_the_sidecar_reports_then_it_says_what_it_refuses() {
    let unknown = PROTECTED.replace("provider: {name: gatewright-myapp-myapp}", "provider: {name: misspelt}");
    let edge = edge(Fixture::yaml(&unknown));
    let chain = filters(&edge, "myapp", "myapp-1", "virtualInbound").remove(0);
    assert!(has(&chain, "envoy.filters.http.ext_authz").is_none());
    let refusing = has(&chain, "envoy.filters.http.rbac").unwrap();
    assert!(
        refusing["rules"]["policies"].get("ns[myapp]-policy[sign-in]-rule[0]-deny-due-to-bad-CUSTOM-action").is_some()
    );
}

#[test]
fn given_the_locks_in_the_sidecar_when_the_gateway_reports_then_it_has_the_routes_and_none_of_the_locks() {
    let edge = edge(world());
    let chains = filters(&edge, "istio-system", "gateway-1", "0.0.0.0_8443");
    assert_eq!(chains.len(), 1);
    assert!(has(&chains[0], "envoy.filters.http.ext_authz").is_none());
    assert!(has(&chains[0], "envoy.filters.http.rbac").is_none());
    let gateway = workloads(edge.live(), Some("istio-system")).remove(0);
    let dump = edge.config_dump(&gateway);
    let domains = dump.pointer("/configs/4/dynamic_route_configs/0/route_config/virtual_hosts/0/domains");
    assert_eq!(domains.unwrap(), &json!([HOST]));
    assert_eq!(dump.pointer("/configs/3/dynamic_active_secrets/0/name").unwrap(), "kubernetes://tls");
}

#[tokio::test]
async fn given_the_admin_port_of_a_pod_when_it_is_asked_over_a_stream_then_it_answers_http() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let edge = edge(world());
    let mut stream = edge.connect("myapp", "myapp-1", 15000).unwrap();
    stream.write_all(b"GET /config_dump HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("virtualInbound"));
    assert!(edge.connect("myapp", "myapp-1", 80).is_none());
    assert!(edge.connect("myapp", "nobody", 15000).is_none());
}

/// Both locks at the gateway, in front of an application without a sidecar.
fn at_the_gateway(hosts: &str) -> Fixture {
    let mut world = world();
    world.0.retain(|object| {
        let name = object["metadata"]["name"].as_str().unwrap();
        !matches!((object["kind"].as_str().unwrap(), name), ("DestinationRule", _) | (_, "sign-in" | "token"))
    });
    for object in &mut world.0 {
        if object["kind"] == "Pod" && object["metadata"]["name"] == "myapp-1" {
            object["spec"]["initContainers"] = json!([]);
        }
    }
    world.and(
        &"
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: sign-in, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: CUSTOM
  provider: {name: gatewright-myapp-myapp}
  rules: [{to: [{operation: {hosts: HOSTS, notPaths: ['/oauth2/*']}}]}]
"
        .replace("HOSTS", hosts),
    )
}

#[tokio::test]
async fn given_the_hook_at_the_gateway_when_the_host_comes_with_a_port_then_only_a_pattern_for_it_keeps_strangers_out()
{
    let bare = edge(at_the_gateway(&format!("['{HOST}']")));
    let both = edge(at_the_gateway(&format!("['{HOST}', '{HOST}:*']")));
    assert!(!bare.anonymous_reaches_app(HOST).await);
    let with_port = || {
        let request = Request::get("/").header("host", format!("{HOST}:443")).body(Bytes::new()).unwrap();
        (Client::of(HOST), request)
    };
    let (client, request) = with_port();
    let answer = bare.request(&client, request).await.unwrap();
    assert!(answer.headers().contains_key("x-practice-app"), "routing ignores the port, the policy does not");
    let (client, request) = with_port();
    assert_eq!(both.request(&client, request).await.unwrap().status(), StatusCode::FOUND);
}

#[tokio::test]
async fn given_the_hook_at_the_gateway_then_the_routes_remove_what_it_told_the_application() {
    let edge = edge(at_the_gateway(&format!("['{HOST}', '{HOST}:*']")));
    let answer = echoed(&send(&edge, "/", &[("authorization", &machine())]).await);
    assert!(
        answer["headers"].get("x-auth-request-user").is_none(),
        "a VirtualService's removal runs in the router, after the hook: {answer}"
    );
}

#[tokio::test]
async fn given_a_gateway_of_its_own_for_each_host_when_a_connection_is_used_again_then_the_other_host_has_no_route() {
    let two = PROTECTED.replace("hosts: ['*.cluster.example.com']", "hosts: [myapp.cluster.example.com]");
    let second = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: other, namespace: myapp}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {hosts: [oauth.cluster.example.com], port: {number: 443, name: other, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: tls}}
";
    let edge = edge(Fixture::yaml(&two).and(second));
    let again = Client::of("oauth.cluster.example.com");
    assert_eq!(edge.request(&again, ask("/", &[])).await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(send(&edge, "/", &[]).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn given_a_second_application_with_its_own_provider_at_the_same_gateway_then_both_are_refused() {
    let world = at_the_gateway(&format!("['{HOST}']"));
    let second = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: second, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: CUSTOM
  provider: {name: second}
  rules: [{to: [{operation: {hosts: [second.cluster.example.com]}}]}]
";
    let answer = send(&edge(world.and(second)), "/", &[("authorization", &machine())]).await;
    assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::FORBIDDEN, &b"RBAC: access denied"[..]));
}

#[tokio::test]
async fn given_a_practice_tenant_when_its_issuer_is_asked_then_the_edge_finds_it_where_it_is_at_that_moment() {
    use crate::practice::{cluster::Cluster, tenant};
    let tenant = tenant::Tenant::new(tenant::Settings::default()).unwrap();
    let edge = Edge::new(Cluster::new(), &tenant, Vec::new());
    tenant.set_base_urls("https://localhost:1234", "https://localhost:1235", "https://localhost:1236");
    let issuer = format!("https://localhost:1234/{}/v2.0", tenant.pipeline().tenant_id);
    let nobody = super::workload::Workload { pod: json!({}).into() };
    let metadata = edge.discover(&nobody, &issuer).await.unwrap();
    assert_eq!(metadata["issuer"], issuer);
    let keys = edge.outbound_get(&nobody, metadata["jwks_uri"].as_str().unwrap()).await.unwrap();
    assert!(!items(&keys, "/keys").is_empty());
}

#[tokio::test]
async fn given_realistic_times_when_something_changes_then_the_gateway_learns_of_it_before_the_sidecars() {
    use crate::practice::{cluster::Cluster, timings::Timings};
    let cluster = Cluster::new();
    let put = |yaml: &str| cluster.create_or_replace("test", serde_saphyr::from_str(yaml).unwrap()).unwrap();
    put("{apiVersion: v1, kind: Namespace, metadata: {name: istio-system}}");
    let edge = Edge::in_front_of(Arc::new(cluster.clone()), Door::closed());
    let end = tokio_util::sync::CancellationToken::new();
    let pushing = tokio::spawn({
        let (edge, changes, end) = (edge.clone(), cluster.changes(), end.clone());
        async move { edge.push_changes(changes, Timings::Realistic, end).await }
    });
    let sees =
        |view: Arc<dyn super::objects::Objects>| view.list("security.istio.io", "AuthorizationPolicy", None).len();
    // The first push is of the empty cluster, and it must be there before the change.
    let first_push = async {
        while !edge.has_been_pushed() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), first_push).await.unwrap();
    put(
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a, namespace: istio-system}, spec: {}}",
    );
    assert_eq!((sees(edge.gateway_view()), sees(edge.sidecar_view())), (0, 0));
    let watch = async {
        while sees(edge.gateway_view()) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let first = sees(edge.sidecar_view());
        while sees(edge.sidecar_view()) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        first
    };
    let sidecars_at_first = tokio::time::timeout(std::time::Duration::from_secs(20), watch).await.unwrap();
    assert_eq!(sidecars_at_first, 0, "sidecars learn later");
    end.cancel();
    pushing.await.unwrap();
}
