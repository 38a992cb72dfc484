//! The traps that domain.md names. Each has a test that names it and falls into it when the guard is taken away.

use crate::{
    parts::{Parts, texts},
    world,
};
use gatewright::{
    answers::{Answers, Certificate, EmailClaim, HookPlacement},
    blueprint::{Known, PartBody, RegistrationPart, Wave},
    facts::{Injection, NamespaceFacts, OutboundPolicy},
};
use serde_json::{Value, json};

const ISSUER: &str = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";

pub(crate) fn example() -> Parts {
    Parts::of(&world::answers(), &world::facts(28), &world::registered())
}

pub(crate) fn with_answers(change: impl FnOnce(&mut Answers)) -> Parts {
    let mut answers = world::answers();
    change(&mut answers);
    Parts::of(&answers, &world::facts(28), &world::registered())
}

pub(crate) fn at_gateway() -> Parts {
    with_answers(|answers| answers.hook = HookPlacement::Gateway)
}

#[test]
fn trap_202_is_a_denial_so_the_proxy_answers_200_and_is_not_asked_at_its_auth_path() {
    let parts = example();
    assert_eq!(parts.configuration()["upstreams"].to_string(), r#"["static://200"]"#);
    assert_eq!(parts.check().get("pathPrefix"), None);
}

#[test]
fn trap_health_paths_answer_200_to_anybody_so_they_lie_under_the_prefix_that_is_never_the_applications() {
    let configuration = example().configuration();
    for key in ["ping_path", "ready_path"] {
        assert!(configuration[key].as_str().unwrap().starts_with("/oauth2/"), "{key}");
    }
}

#[test]
fn trap_reserved_paths_are_routed_to_the_proxy_before_anything_else() {
    for parts in [example(), at_gateway()] {
        let first = &parts.routes()[0];
        assert_eq!(first["match"], json!([{"uri": {"prefix": "/oauth2/"}}, {"uri": {"exact": "/robots.txt"}}]));
        assert_eq!(first["route"][0]["destination"]["host"], "myapp-oauth2-proxy.myapp.svc.cluster.local");
    }
}

#[test]
fn trap_reserved_paths_never_reach_the_application_by_another_road() {
    let parts = example();
    let policy = &parts.one("AuthorizationPolicy", "myapp-reserved")["spec"];
    assert_eq!(policy["action"], "DENY");
    assert_eq!(policy["rules"][0], json!({"to": [{"operation": {"paths": ["/oauth2/*", "/robots.txt"]}}]}));
    // The hook in the sidecar leaves nothing out: an exempted prefix would be open to callers that come by another road.
    assert_eq!(parts.policies("CUSTOM")[0]["spec"]["rules"], json!([{}]));
}

#[test]
fn trap_what_the_gateway_exempts_is_what_is_routed_to_the_proxy_with_the_same_prefix() {
    let parts = at_gateway();
    let exempted = json!(["/oauth2/*", "/robots.txt"]);
    assert_eq!(parts.policies("CUSTOM")[0]["spec"]["rules"][0]["to"][0]["operation"]["notPaths"], exempted);
    for rule in parts.policies("DENY")[0]["spec"]["rules"].as_array().unwrap() {
        assert_eq!(rule["to"][0]["operation"]["notPaths"], exempted);
    }
    assert_eq!(parts.routes()[0]["match"], json!([{"uri": {"prefix": "/oauth2/"}}, {"uri": {"exact": "/robots.txt"}}]));
}

#[test]
fn trap_wildcard_headers_are_forged_so_each_header_of_the_check_is_named_and_none_misleads() {
    for minor in [9, 10, 14, 28] {
        let parts = Parts::of(&world::answers(), &world::facts(minor), &world::registered());
        for list in ["includeRequestHeadersInCheck", "includeHeadersInCheck", "headersToUpstreamOnAllow"] {
            for header in texts(&parts.check()[list]) {
                assert!(!header.contains('*'), "{list}: {header}");
                assert!(!["x-forwarded-uri", "x-forwarded-host", "x-auth-request-redirect"].contains(&header));
            }
        }
    }
}

#[test]
fn trap_the_check_carries_what_sign_in_needs() {
    let parts = example();
    let carried = texts(&parts.check()["includeRequestHeadersInCheck"]);
    // Without the cookie: an endless loop. Without `accept`: scripts are sent to a sign-in page. Without `authorization`:
    // no client_credentials.
    for header in ["cookie", "accept", "authorization"] {
        assert!(carried.contains(&header), "{header}");
    }
    assert_eq!(parts.check().get("headersToDownstreamOnDeny"), None, "unset passes Location and Set-Cookie on");
}

#[test]
fn trap_the_fields_of_the_check_are_those_that_the_istio_line_knows() {
    let keys = |minor| {
        let parts = Parts::of(&world::answers(), &world::facts(minor), &world::registered());
        parts.check().as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert!(keys(9).contains(&"includeHeadersInCheck".to_owned()) && !keys(9).contains(&"timeout".to_owned()));
    assert!(keys(10).contains(&"includeRequestHeadersInCheck".to_owned()) && keys(10).contains(&"timeout".to_owned()));
    assert!(!keys(13).contains(&"headersToDownstreamOnAllow".to_owned()));
    assert!(keys(14).contains(&"headersToDownstreamOnAllow".to_owned()));
}

#[test]
fn trap_a_refreshed_cookie_is_lost_unless_it_is_passed_on_with_a_yes() {
    assert_eq!(example().check()["headersToDownstreamOnAllow"], json!(["set-cookie"]));
}

#[test]
fn trap_the_check_has_time_to_redeem_a_code_and_fails_closed() {
    let parts = example();
    assert_eq!(parts.check()["timeout"], "10s");
    assert_eq!(parts.check()["failOpen"], false);
}

#[test]
fn trap_one_custom_provider_a_workload_so_there_is_exactly_one_custom_policy_with_our_own_name() {
    for parts in [example(), at_gateway()] {
        let policies = parts.policies("CUSTOM");
        assert_eq!(policies.len(), 1);
        assert_eq!(policies[0]["spec"]["provider"]["name"], parts.provider().entry["name"]);
    }
}

#[test]
fn trap_two_installations_never_share_a_provider_name() {
    let name = |namespace: &str, app: &str| {
        let mut answers = world::answers();
        answers.application.namespace = namespace.parse().unwrap();
        answers.application.name = app.parse().unwrap();
        let parts = Parts::of(&answers, &world::facts(28), &world::registered());
        let name = parts.provider().entry["name"].as_str().unwrap().to_owned();
        // The pattern is enforced from Istio 1.30 on (domain.md 4.1).
        assert!(name.len() <= 63 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        name
    };
    assert_eq!(name("myapp", "myapp"), "gatewright-myapp-myapp");
    assert_ne!(name("a-b", "c"), name("a", "b-c"));
    let long = "n".repeat(63);
    assert_ne!(name(&long, &"a".repeat(40)), name(&long, &"b".repeat(40)));
}

#[test]
fn trap_http2_connections_are_re_used_for_every_name_of_a_certificate_so_a_wildcard_has_one_wildcard_server() {
    let parts = example();
    let servers = parts.one("Gateway", "myapp")["spec"]["servers"].as_array().unwrap();
    assert_eq!(servers.len(), 1);
    assert_eq!(servers[0]["hosts"], json!(["*.cluster.example.com"]));
    let exact = with_answers(|answers| {
        if let Certificate::Issued { names, .. } = &mut answers.certificate {
            *names = vec!["myapp.cluster.example.com".parse().unwrap()];
        }
    });
    assert_eq!(exact.one("Gateway", "myapp")["spec"]["servers"][0]["hosts"], json!(["myapp.cluster.example.com"]));
}

#[test]
fn trap_a_certificate_that_is_there_decides_by_the_names_on_it_which_server_it_gets() {
    let server = |names: &[&str]| {
        let (answers, facts) = world::with_certificate(names);
        let parts = Parts::of(&answers, &facts, &world::registered());
        assert_eq!(parts.all("Certificate").len(), 0, "nothing is made that is there already");
        let gateway = parts.one("Gateway", "myapp");
        assert_eq!(gateway["spec"]["servers"][0]["tls"]["credentialName"], "wildcard-tls");
        gateway["spec"]["servers"][0]["hosts"].clone()
    };
    assert_eq!(server(&["myapp.cluster.example.com", "*.cluster.example.com"]), json!(["*.cluster.example.com"]));
    // A wildcard for others has no say, and neither has a name that is no host's.
    let several = ["*.other.example.com", "myapp.cluster.example.com", "localhost"];
    assert_eq!(server(&several), json!(["myapp.cluster.example.com"]));
}

#[test]
fn given_a_certificate_that_is_there_then_no_cert_manager_is_needed_and_the_record_says_where_it_is() {
    let (answers, mut facts) = world::with_certificate(&["*.cluster.example.com"]);
    facts.cluster.served.0.remove("cert-manager.io");
    facts.cluster.issuers.clear();
    let parts = Parts::of(&answers, &facts, &world::registered());
    let record = parts.one("ConfigMap", "gatewright-myapp");
    let annotations = &record["metadata"]["annotations"];
    assert_eq!(annotations["gatewright.dev/certificate-secret"], "istio-system/wildcard-tls");
}

#[test]
fn given_a_redis_that_is_there_then_the_proxy_reads_its_password_from_where_it_is() {
    let (answers, facts) = world::with_redis("redis.cache.svc:6379");
    let parts = Parts::of(&answers, &facts, &world::registered());
    let configuration = parts.configuration();
    assert_eq!(configuration["redis_connection_url"].as_str(), Some("redis://redis.cache.svc.cluster.local:6379"));
    assert_eq!(configuration["redis_username"].as_str(), Some("sign-in"));
    let container = &parts.one("Deployment", "myapp-oauth2-proxy")["spec"]["template"]["spec"]["containers"][0];
    let variable = container["env"].as_array().unwrap().last().unwrap();
    let source = json!({"name": "OAUTH2_PROXY_REDIS_PASSWORD",
                        "valueFrom": {"secretKeyRef": {"name": "redis-auth", "key": "password"}}});
    assert_eq!(*variable, source);
    // What lies in the cluster is registered already.
    assert_eq!(parts.all("ServiceEntry").len(), 1);
}

#[test]
fn trap_a_redis_outside_is_out_of_reach_where_nothing_is_let_out_unless_it_is_registered() {
    let entry = |address: &str| {
        let (answers, facts) = world::with_redis(address);
        let parts = Parts::of(&answers, &facts, &world::registered());
        parts.one("ServiceEntry", "myapp-sessions")["spec"].clone()
    };
    let azure = entry("rediss://myapp.redis.cache.windows.net:6380");
    assert_eq!(azure["hosts"], json!(["myapp.redis.cache.windows.net"]));
    assert_eq!(azure["ports"], json!([{"number": 6380, "name": "tls-redis", "protocol": "TLS"}]));
    assert_eq!(azure["exportTo"], json!(["."]));
    assert_eq!(entry("redis.lan:6379")["ports"], json!([{"number": 6379, "name": "tcp-redis", "protocol": "TCP"}]));

    let (answers, mut facts) = world::with_redis("rediss://myapp.redis.cache.windows.net:6380");
    facts.cluster.istio.outbound = OutboundPolicy::AllowAny;
    assert_eq!(Parts::of(&answers, &facts, &world::registered()).all("ServiceEntry").len(), 0);
}

#[test]
fn trap_a_redis_that_cuts_idle_connections_must_not_be_waited_for() {
    let (answers, facts) = world::with_redis("rediss://myapp.redis.cache.windows.net:6380");
    let idle =
        Parts::of(&answers, &facts, &world::registered()).configuration()["redis_connection_idle_timeout"].clone();
    assert!(idle.as_integer().is_some_and(|seconds| (1..600).contains(&seconds)), "Azure's cut them after ten minutes");
    assert!(!example().configuration().contains_key("redis_connection_idle_timeout"));
}

#[test]
fn given_a_short_address_that_the_cluster_has_a_service_for_then_it_is_that_service() {
    let (answers, mut facts) = world::with_redis("redis.cache:6379");
    let url = |facts: &_| {
        let parts = Parts::of(&answers, facts, &world::registered());
        parts.configuration()["redis_connection_url"].as_str().unwrap().to_owned()
    };
    assert_eq!(url(&facts), "redis://redis.cache:6379");
    let (_, found) = world::redis_at("redis.cache.svc:6379");
    facts.cluster.redis = Some(found);
    assert_eq!(url(&facts), "redis://redis.cache.svc.cluster.local:6379");
}

#[test]
fn trap_app_only_tokens_have_no_address_so_the_proxy_lets_all_pass_and_the_token_lock_asks_for_the_role() {
    let parts = example();
    assert_eq!(parts.configuration()["email_domains"].to_string(), r#"["*"]"#);
    let admitted: Vec<_> = parts.one("AuthorizationPolicy", "myapp-token")["spec"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["when"].clone())
        .collect();
    assert_eq!(
        admitted,
        [
            json!([{"key": "request.auth.claims[email]", "values": ["*@example.com"]}]),
            json!([{"key": "request.auth.claims[roles]", "values": ["App.Access"]}]),
        ]
    );
}

#[test]
fn trap_any_application_of_the_tenant_gets_a_token_so_without_machines_a_person_is_demanded() {
    let parts = with_answers(|answers| {
        answers.access.machines = false;
        answers.access.email_domains.clear();
        answers.access.email_claim = EmailClaim::PreferredUsername;
    });
    let rules = &parts.one("AuthorizationPolicy", "myapp-token")["spec"]["rules"];
    assert_eq!(rules.as_array().unwrap().len(), 1);
    assert_eq!(rules[0]["when"], json!([{"key": "request.auth.claims[preferred_username]", "values": ["*"]}]));
    assert_eq!(parts.configuration()["oidc_email_claim"].as_str(), Some("preferred_username"));
    assert!(!parts.0.iter().any(|part| part.id.0 == "entra/role-assignment"));
}

#[test]
fn given_no_machines_then_the_proxy_itself_asks_for_the_domains() {
    let parts = with_answers(|answers| answers.access.machines = false);
    assert_eq!(parts.configuration()["email_domains"].to_string(), r#"["example.com"]"#);
}

#[test]
fn trap_request_authentication_alone_lets_requests_without_a_token_pass() {
    let parts = example();
    let principal = json!([format!("{ISSUER}/*")]);
    for rule in parts.one("AuthorizationPolicy", "myapp-token")["spec"]["rules"].as_array().unwrap() {
        assert_eq!(rule["from"][0]["source"]["requestPrincipals"], principal);
    }
}

#[test]
fn trap_another_allow_policy_undoes_ours_so_the_same_strangers_are_refused_outright() {
    let parts = example();
    let rules = &parts.one("AuthorizationPolicy", "myapp-no-token")["spec"]["rules"];
    assert_eq!(parts.one("AuthorizationPolicy", "myapp-no-token")["spec"]["action"], "DENY");
    assert_eq!(rules[0], json!({"from": [{"source": {"notRequestPrincipals": [format!("{ISSUER}/*")]}}]}));
    assert_eq!(
        rules[1],
        json!({"when": [
            {"key": "request.auth.claims[email]", "notValues": ["*@example.com"]},
            {"key": "request.auth.claims[roles]", "notValues": ["App.Access"]},
        ]})
    );
}

#[test]
fn trap_the_token_is_for_this_application_alone_and_reaches_it() {
    let parts = example();
    let rule = &parts.all("RequestAuthentication")[0]["spec"]["jwtRules"][0];
    assert_eq!(rule["issuer"], ISSUER, "the v2 issuer has no final slash");
    assert_eq!(rule["audiences"], json!([world::CLIENT_ID]));
    assert_eq!(rule["forwardOriginalToken"], true);
    let place = json!([{"name": "Authorization", "prefix": "Bearer "}]);
    assert_eq!(rule["fromHeaders"], place, "and not a parameter, which lands in logs");
}

#[test]
fn trap_a_gateway_serves_other_hosts_so_no_lock_there_touches_them() {
    let parts = at_gateway();
    let ours = json!(["myapp.cluster.example.com", "myapp.cluster.example.com:*"]);
    let at_gateway = |object: &&Value| object["metadata"]["namespace"] == "istio-system";
    for policy in parts.all("AuthorizationPolicy").into_iter().filter(at_gateway) {
        assert_ne!(policy["spec"]["action"], "ALLOW", "what no ALLOW policy matches is refused, on every host");
        for rule in policy["spec"]["rules"].as_array().unwrap() {
            assert_eq!(rule["to"][0]["operation"]["hosts"], ours, "Envoy compares the port and ignores it in routing");
        }
    }
    let rule = &parts.all("RequestAuthentication")[0]["spec"]["jwtRules"][0];
    assert_eq!(rule["fromHeaders"], json!([{"name": "x-gatewright-token", "prefix": "Bearer "}]));
}

#[test]
fn trap_a_pod_that_comes_back_without_its_sidecar_is_unreachable_instead_of_open() {
    let parts = example();
    let rule = &parts.one("DestinationRule", "myapp")["spec"];
    assert_eq!(rule["host"], "myapp.myapp.svc.cluster.local");
    assert_eq!(rule["trafficPolicy"]["tls"]["mode"], "ISTIO_MUTUAL");
}

#[test]
fn trap_whoever_reaches_the_proxy_is_believed_so_only_the_gateway_and_the_application_do() {
    let parts = example();
    let principals = |name: &str| {
        parts.one("AuthorizationPolicy", name)["spec"]["rules"][0]["from"][0]["source"]["principals"].clone()
    };
    assert_eq!(
        principals("myapp-oauth2-proxy"),
        json!([
            "cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account",
            "cluster.local/ns/myapp/sa/myapp"
        ])
    );
    assert_eq!(principals("myapp-sessions"), json!(["cluster.local/ns/myapp/sa/myapp-oauth2-proxy"]));
    for name in ["myapp-oauth2-proxy", "myapp-sessions"] {
        assert_eq!(parts.one("PeerAuthentication", name)["spec"]["mtls"]["mode"], "STRICT");
        let account = &parts.one("Deployment", name)["spec"]["template"]["spec"]["serviceAccountName"];
        assert_eq!(account, name);
    }
}

#[test]
fn trap_locks_at_the_gateway_are_passed_by_inside_the_mesh_so_only_the_gateway_reaches_the_application() {
    let parts = at_gateway();
    let policy = &parts.one("AuthorizationPolicy", "myapp-gateway-only")["spec"];
    assert_eq!(
        policy["rules"],
        json!([{"from": [{"source": {"principals": [
            "cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"
        ]}}]}])
    );
}

#[test]
fn trap_registry_only_meshes_let_nothing_out_so_sign_in_is_registered_for_the_cloud_in_question() {
    let mut facts = world::facts(28);
    assert!(Parts::of(&world::answers(), &facts, &world::registered()).all("ServiceEntry").is_empty());
    facts.cluster.istio.outbound = OutboundPolicy::RegistryOnly;
    facts.tenant.cloud = world::us_government();
    let parts = Parts::of(&world::answers(), &facts, &world::registered());
    let entry = &parts.all("ServiceEntry")[0]["spec"];
    assert_eq!(entry["hosts"], json!(["login.microsoftonline.us"]));
    assert_eq!(entry["ports"], json!([{"number": 443, "name": "tls-443", "protocol": "TLS"}]));
    assert_eq!(entry["exportTo"], json!(["."]));
}

#[test]
fn trap_a_custom_cloud_may_use_other_ports() {
    let mut facts = world::facts(28);
    facts.cluster.istio.outbound = OutboundPolicy::RegistryOnly;
    facts.tenant.cloud =
        world::cloud("practice", "https://localhost:28443/", "https://localhost:28444", "https://localhost:28445");
    let parts = Parts::of(&world::answers(), &facts, &world::registered());
    let entry = &parts.all("ServiceEntry")[0]["spec"];
    assert_eq!(entry["hosts"], json!(["localhost"]));
    assert_eq!(entry["ports"], json!([{"number": 28443, "name": "tls-28443", "protocol": "TLS"}]));
    let configuration = parts.configuration();
    assert_eq!(configuration["provider"].as_str(), Some("oidc"));
    let issuer = format!("https://localhost:28443/{}/v2.0", world::TENANT);
    assert_eq!(configuration["oidc_issuer_url"].as_str(), Some(issuer.as_str()));
}

#[test]
fn trap_the_application_gets_its_pods_after_its_locks_and_its_routes_after_both() {
    let parts = example();
    let wave = |id: &str| parts.0.iter().find(|part| part.id.0 == id).unwrap().wave;
    let pods = wave("cluster/apps/Deployment/myapp/myapp");
    for lock in [
        "cluster/security.istio.io/AuthorizationPolicy/myapp/myapp-sign-in",
        "cluster/security.istio.io/AuthorizationPolicy/myapp/myapp-reserved",
        "cluster/security.istio.io/AuthorizationPolicy/myapp/myapp-no-token",
        "cluster/security.istio.io/AuthorizationPolicy/myapp/myapp-token",
        "cluster/security.istio.io/RequestAuthentication/myapp/myapp-token",
        "cluster/networking.istio.io/DestinationRule/myapp/myapp",
    ] {
        assert!(wave(lock) < pods, "{lock}");
    }
    assert!(pods < Wave::Routes);
}

#[test]
fn trap_a_certificate_is_read_from_the_gateways_own_namespace() {
    let mut facts = world::facts(28);
    facts.cluster.gateway.namespace = "aks-istio-ingress".to_owned();
    let parts = Parts::of(&world::answers(), &facts, &world::registered());
    let certificate = parts.all("Certificate")[0];
    assert_eq!(certificate["metadata"]["namespace"], "aks-istio-ingress");
    let shown = &parts.one("Gateway", "myapp")["spec"]["servers"][0]["tls"]["credentialName"];
    assert_eq!(*shown, certificate["spec"]["secretName"]);
}

#[test]
fn trap_the_namespace_of_somebody_else_is_left_as_it_is() {
    let mut facts = world::facts(28);
    for injection in [Injection::On, Injection::Unsaid] {
        facts.cluster.application.namespace = NamespaceFacts::Foreign { injection };
        let parts = Parts::of(&world::answers(), &facts, &world::registered());
        assert!(parts.all("Namespace").is_empty());
        for deployment in parts.all("Deployment") {
            assert_eq!(deployment["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"], "true");
        }
    }
}

#[test]
fn trap_a_control_plane_with_a_revision_ignores_the_usual_label() {
    let mut facts = world::facts(28);
    facts.cluster.istio.injection_label = ("istio.io/rev".to_owned(), "asm-1-28".to_owned());
    let parts = Parts::of(&world::answers(), &facts, &world::registered());
    let labels = &parts.one("Namespace", "myapp")["metadata"]["labels"];
    assert_eq!(labels["istio.io/rev"], "asm-1-28");
    assert_eq!(labels.get("istio-injection"), None, "both labels at once are an error of their own");
    let pods = &parts.one("Deployment", "myapp")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(pods["istio.io/rev"], "asm-1-28");
}

#[test]
fn trap_somebodys_service_may_select_our_pods_so_they_carry_no_label_beyond_their_own() {
    for deployment in example().all("Deployment") {
        let labels = deployment["spec"]["template"]["metadata"]["labels"].as_object().unwrap();
        let keys: Vec<_> = labels.keys().map(String::as_str).collect();
        assert_eq!(keys, ["app.kubernetes.io/name", "sidecar.istio.io/inject"]);
    }
}

#[test]
fn given_an_existing_service_then_the_locks_select_by_its_selector_and_the_proxy_answers_its_accounts() {
    let facts = world::facts_with_existing_service(28);
    let parts = Parts::of(&world::answers_for_existing_service(), &facts, &world::registered());
    let selector = json!({"app": "shop", "tier": "web"});
    for object in [parts.policies("CUSTOM")[0], parts.policies("DENY")[0], parts.all("RequestAuthentication")[0]] {
        assert_eq!(object["spec"]["selector"]["matchLabels"], selector);
    }
    let callers = &parts.one("AuthorizationPolicy", "myapp-oauth2-proxy")["spec"]["rules"][0]["from"][0]["source"];
    assert_eq!(texts(&callers["principals"]).len(), 3);
    assert_eq!(parts.routes()[1]["route"][0]["destination"]["host"], "shop.myapp.svc.cluster.local");
    assert!(parts.all("Deployment").iter().all(|deployment| deployment["metadata"]["name"] != "myapp"));
}

#[test]
fn given_a_second_look_then_the_ids_of_scope_and_role_are_the_same_and_differ_between_installations() {
    let ids = |app: &str| {
        let parts = with_answers(|answers| answers.application.name = app.parse().unwrap());
        let found = parts.0.iter().find_map(|part| match &part.body {
            PartBody::Registration(RegistrationPart::Application { scope, role, .. }) => Some((scope.1, role.1)),
            _ => None,
        });
        found.unwrap()
    };
    assert_eq!(ids("myapp"), ids("myapp"));
    assert_ne!(ids("myapp").0, ids("myapp").1);
    assert_ne!(ids("myapp"), ids("other"));
}

#[test]
fn given_no_registration_yet_then_what_only_entra_knows_is_named_as_still_to_come() {
    let parts = Parts::of(&world::answers(), &world::facts(28), &world::nothing());
    let Known::Later(when) = world::nothing().registered else { panic!("nothing is registered") };
    assert_eq!(parts.configuration()["client_id"].as_str(), Some(format!("‹{when}›").as_str()));
}

#[test]
fn trap_a_namespace_that_says_no_to_sidecars_wins_over_what_a_pod_asks_for() {
    // Without the label the locks would sit nowhere; it is asked for, and nothing else of somebody else's namespace.
    let mut facts = world::facts(28);
    facts.cluster.application.namespace = NamespaceFacts::Foreign { injection: Injection::Off };
    let parts = Parts::of(&world::answers(), &facts, &world::registered());
    let namespace = parts.one("Namespace", "myapp");
    assert_eq!(namespace["metadata"]["labels"], json!({"istio-injection": "enabled"}));
}
