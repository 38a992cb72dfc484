//! Whatever says who somebody is comes from the sign-in proxy and nobody else.

use crate::{
    parts::{Parts, texts},
    traps::{at_gateway, example},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Every way to write an identity header that a server may take for it, if `_` is `-` to it.
fn spellings() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for family in ["x-forwarded", "x-auth-request"] {
        for suffix in ["user", "email", "groups", "preferred-username", "access-token"] {
            let name = format!("{family}-{suffix}");
            let dashes: Vec<usize> = name.match_indices('-').map(|(place, _)| place).collect();
            for choice in 0..1_u32 << dashes.len() {
                let chosen = dashes.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1);
                let mut spelling = name.clone();
                for (_, place) in chosen {
                    spelling.replace_range(*place..=*place, "_");
                }
                all.insert(spelling);
            }
        }
    }
    assert_eq!(all.len(), 84);
    all
}

/// What the hook puts on a request that it lets in.
fn granted(parts: &Parts) -> BTreeSet<String> {
    texts(&parts.check()["headersToUpstreamOnAllow"]).into_iter().map(str::to_owned).collect()
}

fn removed_by_route(parts: &Parts) -> BTreeSet<String> {
    texts(&parts.routes()[1]["headers"]["request"]["remove"]).into_iter().map(str::to_owned).collect()
}

#[test]
fn trap_envoy_tells_underscores_from_dashes_and_servers_behind_it_do_not_so_every_mixture_is_taken_away() {
    assert_eq!(removed_by_route(&example()), spellings());
    let parts = at_gateway();
    let kept = &granted(&parts);
    assert_eq!(
        removed_by_route(&parts),
        &spellings() - kept,
        "the hook sets dashes alone, and has been before the route"
    );
}

#[test]
fn trap_callers_inside_the_mesh_do_not_pass_the_route_so_the_sidecar_refuses_what_they_make_up() {
    let parts = example();
    let rules = parts.one("AuthorizationPolicy", "myapp-reserved")["spec"]["rules"].as_array().unwrap();
    let header_of = |rule: &Value| -> String {
        let key = rule["when"][0]["key"].as_str().unwrap();
        assert_eq!(rule["when"][0]["values"], json!(["*"]), "whatever it says");
        key.strip_prefix("request.headers[").unwrap().strip_suffix(']').unwrap().to_owned()
    };
    let refused_outright = rules[1..].iter().filter(|rule| rule["when"].as_array().unwrap().len() == 1);
    let names: BTreeSet<String> = refused_outright
        .map(|rule| {
            assert_eq!(rule.get("from"), None, "{rule}");
            header_of(rule)
        })
        .collect();
    assert_eq!(names, &spellings() - &granted(&parts), "what the hook sets is there when policies are asked");

    // Of what it sets, two are missing for whoever lacks the claim; then the caller's own would stay.
    let claims: Vec<_> = rules[1..].iter().filter(|rule| rule["when"].as_array().unwrap().len() == 2).collect();
    let told = claims.iter().map(|rule| (header_of(rule), rule["when"][1].clone()));
    let lacks = |claim: &str| json!({"key": format!("request.auth.claims[{claim}]"), "notValues": ["*"]});
    let groups = parts.configuration()["oidc_groups_claim"].as_str().unwrap().to_owned();
    let expected = [
        ("x-auth-request-groups".to_owned(), lacks(&groups)),
        ("x-auth-request-preferred-username".to_owned(), lacks("preferred_username")),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    for rule in claims {
        let gateway = json!(["cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"]);
        assert_eq!(rule["from"][0]["source"]["notPrincipals"], gateway, "the gateway brings the hook's own alone");
    }
}

#[test]
fn trap_a_client_sends_identity_headers_itself_so_the_route_takes_them_away_before_the_sidecar() {
    let parts = example();
    let route = &parts.routes()[1];
    let removed = texts(&route["headers"]["request"]["remove"]);
    for header in texts(&parts.check()["headersToUpstreamOnAllow"]) {
        assert_eq!(removed.contains(&header), header != "authorization", "{header}");
    }
}

#[test]
fn trap_the_route_comes_after_the_gateways_hook_so_there_the_headers_go_before_it() {
    let parts = at_gateway();
    let kept = texts(&parts.routes()[1]["headers"]["request"]["remove"]);
    for header in texts(&parts.check()["headersToUpstreamOnAllow"]) {
        assert!(!kept.contains(&header), "the hook has just set {header}");
    }
    let patches = parts.one("EnvoyFilter", "gatewright-myapp-myapp-headers")["spec"]["configPatches"].clone();
    assert_eq!(patches[0]["patch"]["operation"], "INSERT_FIRST");
    let code = patches[0]["patch"]["value"]["typed_config"]["default_source_code"]["inline_string"].as_str().unwrap();
    for header in texts(&parts.check()["headersToUpstreamOnAllow"]) {
        assert_eq!(code.contains(&format!("remove(\"{header}\")")), header != "authorization", "{header}");
    }
    assert!(code.contains(r#"if host ~= "myapp.cluster.example.com" then"#));
}

#[test]
fn trap_sign_in_believes_forwarded_headers_so_those_that_mislead_are_taken_away() {
    let removed = texts(&example().routes()[0]["headers"]["request"]["remove"]).join(" ");
    assert_eq!(removed, "x-auth-request-redirect x-forwarded-host x-forwarded-uri");
}
