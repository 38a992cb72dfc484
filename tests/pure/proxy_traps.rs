//! The traps of the sign-in proxy's configuration and of the pods that read it.

use crate::{
    parts::{Parts, texts},
    traps::{example, with_answers},
    world,
};
use gatewright::{answers::names::Lifetime, secret::Fingerprint};
use serde_json::{Value, json};

#[test]
fn trap_entra_id_knows_the_public_cloud_alone() {
    let provider = |cloud: Option<_>| {
        let mut facts = world::facts(28);
        if let Some(cloud) = cloud {
            facts.tenant.cloud = cloud;
        }
        let parts = Parts::of(&world::answers(), &facts, &world::registered());
        parts.configuration()["provider"].as_str().unwrap().to_owned()
    };
    assert_eq!(provider(None), "entra-id");
    assert_eq!(provider(Some(world::us_government())), "oidc");
}

#[test]
fn trap_claims_that_entra_never_sends_are_looked_for_at_graph_unless_that_is_off() {
    assert_eq!(example().configuration()["skip_claims_from_profile_url"].as_bool(), Some(true));
}

#[test]
fn trap_the_sidecar_may_start_later_than_the_proxy_whose_first_request_is_fatal() {
    let parts = example();
    let annotations = &parts.one("Deployment", "myapp-oauth2-proxy")["spec"]["template"]["metadata"]["annotations"];
    let held: Value = serde_json::from_str(annotations["proxy.istio.io/config"].as_str().unwrap()).unwrap();
    assert_eq!(held, json!({"holdApplicationUntilProxyStarts": true}));
}

#[test]
fn trap_a_pod_that_ends_stops_listening_before_envoys_stop_asking_it() {
    let before_the_end = |version: &str| {
        let mut facts = world::facts(28);
        facts.cluster.kubernetes_version = version.to_owned();
        let parts = Parts::of(&world::answers(), &facts, &world::registered());
        let container = &parts.one("Deployment", "myapp-oauth2-proxy")["spec"]["template"]["spec"]["containers"][0];
        container["lifecycle"]["preStop"].clone()
    };
    for knows_it in ["v1.30.0", "v1.33.5-gke.1200", "v1.31+", "v2.0.0"] {
        assert_eq!(before_the_end(knows_it), json!({"sleep": {"seconds": 10}}), "{knows_it}");
    }
    for does_not in ["v1.29.14-eks-1", "v1.9.1", "unknown"] {
        assert_eq!(before_the_end(does_not), Value::Null, "{does_not}");
    }
}

#[test]
fn trap_go_knows_no_days_and_a_refresh_needs_a_refresh_token() {
    let parts = with_answers(|answers| {
        answers.proxy.session_lifetime = Lifetime::days(2);
        answers.proxy.session_refresh = Lifetime::minutes(45);
    });
    let configuration = parts.configuration();
    assert_eq!(configuration["cookie_expire"].as_str(), Some("48h"));
    assert_eq!(configuration["cookie_refresh"].as_str(), Some("45m"));
    assert!(configuration["scope"].as_str().unwrap().split(' ').any(|scope| scope == "offline_access"));
}

#[test]
fn trap_header_based_bypass_needs_skipped_routes_and_untrusted_proxies_and_there_are_none() {
    let configuration = example().configuration();
    assert!(configuration.keys().all(|key| !key.starts_with("skip_auth")));
    let trusted = configuration["trusted_proxy_ips"].as_array().unwrap();
    assert!(trusted.iter().all(|range| !range.as_str().unwrap().ends_with("/0")));
}

#[test]
fn trap_a_host_cookie_has_no_domain_and_the_redirect_is_explicit() {
    let configuration = example().configuration();
    assert!(configuration["cookie_name"].as_str().unwrap().starts_with("__Host-"));
    assert!(!configuration.contains_key("cookie_domains"));
    assert_eq!(configuration["cookie_secure"].as_bool(), Some(true));
    assert_ne!(configuration["cookie_samesite"].as_str(), Some("strict"), "strict breaks the callback");
    let redirect = "https://myapp.cluster.example.com/oauth2/callback";
    assert_eq!(configuration["redirect_url"].as_str(), Some(redirect));
}

#[test]
fn trap_parallel_requests_overwrite_one_csrf_cookie_and_many_overflow_the_headers() {
    let configuration = example().configuration();
    assert_eq!(configuration["cookie_csrf_per_request"].as_bool(), Some(true));
    assert_eq!(configuration["cookie_csrf_per_request_limit"].as_integer(), Some(10));
}

#[test]
fn trap_an_unknown_key_is_fatal_so_an_older_image_gets_the_keys_it_knows() {
    let keys = |image: &str| {
        let parts = with_answers(|answers| answers.proxy.image = image.parse().unwrap());
        parts.configuration().keys().cloned().collect::<Vec<_>>()
    };
    let newest = "trusted_proxy_ips".to_owned();
    assert!(!keys("quay.io/oauth2-proxy/oauth2-proxy:v7.15.1").contains(&newest));
    let digest = format!("oauth2-proxy@sha256:{}", "0".repeat(64));
    for image in ["oauth2-proxy:v7.15.2", "oauth2-proxy:v7.16.0-alpine", "oauth2-proxy:latest", &digest] {
        assert!(keys(image).contains(&newest), "{image}");
    }
}

#[test]
fn trap_pods_do_not_see_a_changed_secret_or_configuration_so_their_template_changes() {
    let template = |parts: &Parts| {
        parts.one("Deployment", "myapp-oauth2-proxy")["spec"]["template"]["metadata"]["annotations"].clone()
    };
    let before = template(&example());
    let other_config = with_answers(|answers| answers.proxy.session_refresh = Lifetime::minutes(30));
    assert_ne!(template(&other_config)["gatewright.dev/checksum-config"], before["gatewright.dev/checksum-config"]);
    for (secret, annotation) in [("myapp-oauth2-proxy", "credentials"), ("myapp-sessions", "sessions")] {
        let mut existing = world::registered();
        let fingerprint = Fingerprint::of(b"of other values");
        existing.secret_fingerprints.insert(secret.to_owned(), fingerprint.clone());
        let parts = Parts::of(&world::answers(), &world::facts(28), &existing);
        let annotation = format!("gatewright.dev/checksum-{annotation}");
        assert_eq!(template(&parts)[&annotation], fingerprint.to_string().as_str());
    }
}

#[test]
fn trap_the_password_of_the_store_is_not_among_its_arguments() {
    let parts = example();
    let container = &parts.one("Deployment", "myapp-sessions")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container.get("args"), None);
    for argument in texts(&container["command"]) {
        assert!(!argument.contains("$("), "Kubernetes would put values in: {argument}");
    }
    assert_eq!(container["env"][0]["valueFrom"]["secretKeyRef"], json!({"name": "myapp-sessions", "key": "password"}));
}
