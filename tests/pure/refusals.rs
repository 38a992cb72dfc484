//! Worlds in which no blueprint can be right, and what is said of them.

use crate::world;
use gatewright::{
    answers::{Answers, Certificate, HookPlacement, Issuer, IssuerKind, names::Port},
    blueprint::blueprint,
    facts::{Facts, Injection, NamespaceFacts, PasswordFacts, RedisFacts, RoadFacts, TlsSecretFacts, Validity},
};
use std::collections::{BTreeMap, BTreeSet};

/// The example's host.
const HOST: &str = "myapp.cluster.example.com";

/// What is said when `change` has been done to the example with a Service that is there already, on Istio 1.28.
fn refusal(change: impl FnOnce(&mut Answers, &mut Facts)) -> String {
    let (mut answers, mut facts) = (world::answers_for_existing_service(), world::facts_with_existing_service(28));
    change(&mut answers, &mut facts);
    blueprint(&answers, &facts, &world::registered()).unwrap_err().to_string()
}

/// The issuer that the answers name.
fn issuer(answers: &mut Answers) -> &mut Issuer {
    match &mut answers.certificate {
        Certificate::Issued { issuer, .. } => issuer,
        Certificate::NewlyIssued { .. } | Certificate::Existing { .. } => unreachable!("the example has an issuer"),
    }
}

/// What is said of a certificate that is said to be there, when this is found.
fn tls_secret(found: TlsSecretFacts) -> String {
    refusal(|answers, facts| {
        answers.certificate = Certificate::Existing { secret: "wildcard-tls".parse().unwrap() };
        facts.cluster.tls_secret = Some(found);
        // Whoever brings a certificate needs no cert-manager.
        facts.cluster.served.0.remove("cert-manager.io");
        facts.cluster.issuers.clear();
    })
}

#[test]
fn given_no_secret_where_the_gateway_looks_then_it_is_said_how_to_make_it_or_where_it_was_put_by_mistake() {
    insta::assert_snapshot!(tls_secret(TlsSecretFacts::Absent { elsewhere: vec![] }), @"there is no Secret `wildcard-tls` in the gateway's namespace `istio-system`, and a gateway reads certificates from its own namespace alone. Make it: kubectl create secret tls wildcard-tls --namespace istio-system --cert=CHAIN.pem --key=KEY.pem");
    let elsewhere = vec!["cert-manager".to_owned(), "myapp".to_owned()];
    insta::assert_snapshot!(tls_secret(TlsSecretFacts::Absent { elsewhere }), @"there is no Secret `wildcard-tls` in the gateway's namespace `istio-system`, and a gateway reads certificates from its own namespace alone. There is one in `cert-manager`, `myapp`: have whoever keeps it there keep it in `istio-system` too");
}

#[test]
fn given_a_secret_that_holds_no_certificate_then_it_is_said_why() {
    insta::assert_snapshot!(tls_secret(TlsSecretFacts::OfAnotherType { found: "Opaque".to_owned() }), @"Secret `wildcard-tls` in namespace `istio-system` is of type `Opaque` and not `kubernetes.io/tls`, so it is no certificate's. Name the certificate's own Secret under `certificate.secretName`, or make it with: kubectl create secret tls");
    insta::assert_snapshot!(tls_secret(TlsSecretFacts::Unreadable { cause: "it has no `tls.key`".to_owned() }), @"Secret `wildcard-tls` in namespace `istio-system` holds no certificate that a gateway could show: it has no `tls.key`. Put the chain into `tls.crt` and its key into `tls.key`, both PEM");
}

#[test]
fn given_a_certificate_that_browsers_refuse_then_it_is_said_why() {
    insta::assert_snapshot!(tls_secret(world::certificate(&["*.cluster.example.com"], Validity::Expired)), @"the certificate in Secret `wildcard-tls` in namespace `istio-system` expired at 2027-01-01T00:00:00Z, so browsers refuse it. Have it renewed by whoever keeps it there, or name an issuer under `certificate.issuer`");
    insta::assert_snapshot!(tls_secret(world::certificate(&["*.cluster.example.com"], Validity::NotYet)), @"the certificate in Secret `wildcard-tls` in namespace `istio-system` is not valid yet, so browsers refuse it. Have it renewed by whoever keeps it there, or name an issuer under `certificate.issuer`");
    insta::assert_snapshot!(tls_secret(world::certificate(&["*.example.com", "example.com"], Validity::Valid)), @"the certificate in Secret `wildcard-tls` in namespace `istio-system` does not cover `myapp.cluster.example.com`; it is for `*.example.com`, `example.com`. Use one for `myapp.cluster.example.com` or `*.cluster.example.com`, or name an issuer under `certificate.issuer`");
    insta::assert_snapshot!(tls_secret(world::certificate(&[], Validity::Valid)), @"the certificate in Secret `wildcard-tls` in namespace `istio-system` does not cover `myapp.cluster.example.com`; it is for no DNS name at all. Use one for `myapp.cluster.example.com` or `*.cluster.example.com`, or name an issuer under `certificate.issuer`");
}

/// What is said of a Redis at `address` when this is found of it.
fn redis(address: &str, change: impl FnOnce(&mut RedisFacts)) -> String {
    refusal(|answers, facts| {
        let (sessions, mut found) = world::redis_at(address);
        change(&mut found);
        (answers.sessions, facts.cluster.redis) = (sessions, Some(found));
    })
}

#[test]
fn given_no_redis_where_it_is_said_to_be_then_it_is_named() {
    insta::assert_snapshot!(redis("redis.cache.svc:6379", |found| found.service = None), @"there is no Service `redis` in namespace `cache`, where `sessions.redis.address` says Redis is. Name one that is there, or take `sessions.redis` out to have a store deployed");
    insta::assert_snapshot!(redis("redis.cache.svc:6380", |_| {}), @"Service `redis` in namespace `cache` does not offer port 6380, where `sessions.redis.address` says Redis is; it offers `6379`");
}

#[test]
fn given_no_password_where_it_is_said_to_be_then_it_is_said_how_to_put_it_there() {
    let password = |facts: PasswordFacts| redis("redis.lan:6379", |found| found.password = facts);
    insta::assert_snapshot!(password(PasswordFacts::NoSecret), @"there is no Secret `redis-auth` in the application's namespace `myapp`, where `sessions.redis.passwordFrom` says the password is; pods read Secrets from their own namespace alone. Make it: kubectl create secret generic redis-auth --namespace myapp --from-file=password=FILE");
    let keys = ["a".to_owned(), "b".to_owned()].into();
    insta::assert_snapshot!(password(PasswordFacts::NoKey { keys }), @"Secret `redis-auth` in namespace `myapp` has no key `password`, where `sessions.redis.passwordFrom` says the password is; it has `a`, `b`");
    insta::assert_snapshot!(password(PasswordFacts::NoKey { keys: [].into() }), @"Secret `redis-auth` in namespace `myapp` has no key `password`, where `sessions.redis.passwordFrom` says the password is; it has none");
    insta::assert_snapshot!(password(PasswordFacts::Unusable { cause: "is empty".to_owned() }), @r#"the value of key `password` of Secret `redis-auth` in namespace `myapp` is empty, so it is not the password of Redis. Put the password there as it is: printf %s "$PASSWORD" > FILE, and kubectl create secret with --from-file=password=FILE"#);
}

#[test]
fn given_istio_1_8_then_custom_authorization_is_missed_by_name() {
    insta::assert_snapshot!(refusal(|_, facts| facts.cluster.istio.version.minor = 8), @"Istio 1.8.2 cannot ask a sign-in proxy before it lets a request in; that takes Istio 1.9 or later. Upgrade Istio");
}

#[test]
fn trap_a_second_custom_provider_on_the_application_has_both_refused() {
    let other = || BTreeSet::from(["other-proxy".to_owned()]);
    insta::assert_snapshot!(refusal(|_, facts| facts.cluster.application.custom_providers = other()), @"the application already asks another provider (`other-proxy`), and Istio allows one a workload: with a second one it refuses every request of both. Remove the other CUSTOM policy, or make it not select the application's pods");
    // At the gateway it is no matter of ours as long as the hook is in the sidecar.
    let mut facts = world::facts(28);
    facts.cluster.gateway.custom_providers = other();
    blueprint(&world::answers(), &facts, &world::registered()).unwrap();
}

#[test]
fn trap_a_second_custom_provider_on_the_gateway_has_both_refused() {
    let crowded = |answers: &mut Answers, facts: &mut Facts| {
        answers.hook = HookPlacement::Gateway;
        facts.cluster.gateway.custom_providers = BTreeSet::from(["other-proxy".to_owned()]);
    };
    insta::assert_snapshot!(refusal(crowded), @"the ingress gateway already asks another provider (`other-proxy`), and Istio allows one a workload: with a second one it refuses every request of both. Set `hook: sidecar`, so that only the application's own pods ask ours");
}

#[test]
fn given_an_istiod_that_allows_several_providers_then_another_one_is_no_reason() {
    let mut facts = world::facts(30);
    facts.cluster.application.custom_providers = BTreeSet::from(["other-proxy".to_owned()]);
    facts.cluster.istio.several_custom_providers = true;
    blueprint(&world::answers(), &facts, &world::registered()).unwrap();
}

#[test]
fn given_no_such_service_then_it_is_named() {
    insta::assert_snapshot!(refusal(|_, facts| facts.cluster.application.service = None), @"there is no Service `shop` in namespace `myapp`. Name one that is there, or let the application be deployed (`application.deploy.image`)");
}

#[test]
fn given_a_port_that_the_service_lacks_then_those_it_has_are_listed() {
    let change = |answers: &mut Answers, _: &mut Facts| {
        let service = "shop".parse().unwrap();
        answers.application.workload =
            gatewright::answers::Workload::Existing { service, port: Port::new(80).unwrap() };
    };
    insta::assert_snapshot!(refusal(change), @"Service `shop` does not offer port 80; it offers `8000`, `9090`");
}

#[test]
fn given_a_service_whose_pods_cannot_be_told_from_others_then_it_is_refused() {
    let selector = |labels: &[(&str, &str)]| -> BTreeMap<String, String> {
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let with = |labels: &[(&str, &str)]| {
        refusal(|_, facts| facts.cluster.application.service.as_mut().unwrap().selector = selector(labels))
    };
    insta::assert_snapshot!(with(&[]), @"Service `shop` has no selector, so the locks cannot tell the application's pods from others. Give it one");
    insta::assert_snapshot!(with(&[("app.kubernetes.io/name", "myapp-oauth2-proxy")]), @"the selector of Service `shop` would select the pods of the sign-in proxy too. Make it select the application alone");
    insta::assert_snapshot!(with(&[("sidecar.istio.io/inject", "true")]), @"the selector of Service `shop` would select the pods of the sign-in proxy too. Make it select the application alone");
}

#[test]
fn given_pods_without_sidecars_then_the_locks_have_no_place_in_them() {
    let pods = |pods, with_sidecar| {
        refusal(|_, facts| {
            let service = facts.cluster.application.service.as_mut().unwrap();
            (service.pods, service.pods_with_sidecar) = (pods, with_sidecar);
        })
    };
    insta::assert_snapshot!(pods(3, 1), @"2 of 3 pods behind Service `shop` have no Istio sidecar, where the locks would sit. Label the namespace for injection and restart them, or set `hook: gateway`");
    insta::assert_snapshot!(pods(0, 0), @"Service `shop` has no pods, so the locks in their sidecars cannot be proven. Start the application first");
}

#[test]
fn given_an_unknown_issuer_then_those_that_can_be_used_are_listed() {
    insta::assert_snapshot!(refusal(|answers, _| issuer(answers).name = "letsencrypt".parse().unwrap()), @"there is no ClusterIssuer `letsencrypt`; there is `ClusterIssuer letsencrypt-production`, `ClusterIssuer letsencrypt-http01`");
    insta::assert_snapshot!(refusal(|answers, _| issuer(answers).kind = IssuerKind::Issuer), @"there is no Issuer `letsencrypt-production` in the gateway's namespace `istio-system`; there is `ClusterIssuer letsencrypt-production`, `ClusterIssuer letsencrypt-http01`");
}

#[test]
fn trap_a_wildcard_needs_dns01() {
    let change = |answers: &mut Answers, _: &mut Facts| {
        issuer(answers).name = "letsencrypt-http01".parse().unwrap();
    };
    insta::assert_snapshot!(refusal(change), @"ClusterIssuer `letsencrypt-http01` has no DNS01 solver, and a wildcard such as `*.cluster.example.com` is signed only after a DNS01 challenge. Use an issuer with one, or list the host itself under `certificate.names`");
}

#[test]
fn given_missing_kinds_then_each_is_named_with_what_installs_it() {
    let change = |_: &mut Answers, facts: &mut Facts| {
        facts.cluster.served.0.remove("cert-manager.io");
        facts.cluster.served.0.get_mut("security.istio.io").unwrap().remove("RequestAuthentication");
    };
    insta::assert_snapshot!(refusal(change), @r"
        the cluster does not know the kind RequestAuthentication of security.istio.io. Install Istio's CRDs (its `base` chart) for this cluster's Istio
        the cluster does not know the kind Certificate of cert-manager.io. Install cert-manager with its CRDs (https://cert-manager.io/docs/installation/)
        ");
}

#[test]
fn given_somebody_elses_namespace_without_injection_on_istio_1_9_then_the_label_is_asked_for() {
    let mut facts = world::facts(9);
    facts.cluster.application.namespace = NamespaceFacts::Foreign { injection: Injection::Unsaid };
    let refusal = blueprint(&world::answers(), &facts, &world::registered()).unwrap_err();
    insta::assert_snapshot!(refusal, @"namespace `myapp` is somebody else's and has no Istio injection, and Istio 1.9.2 looks at its label alone. Label it yourself: kubectl label namespace myapp istio-injection=enabled");
}

#[test]
fn given_a_gateway_without_labels_then_another_is_asked_for() {
    insta::assert_snapshot!(refusal(|_, facts| facts.cluster.gateway.selector.clear()), @"the ingress gateway `istio-ingressgateway` in namespace `istio-system` selects no pods by labels, so no Gateway can be bound to it. Choose another under `gateway`");
}

#[test]
fn given_several_reasons_then_all_are_told_at_once() {
    let change = |answers: &mut Answers, facts: &mut Facts| {
        facts.cluster.istio.version.minor = 7;
        facts.cluster.application.service = None;
        issuer(answers).name = "nobody".parse().unwrap();
    };
    assert_eq!(refusal(change).lines().count(), 3);
}

#[test]
fn given_somebody_elses_road_to_the_host_then_it_is_said_whose_it_is_and_what_to_do() {
    let road = |object: &str, host: &str| RoadFacts { object: object.to_owned(), hosts: vec![host.to_owned()] };
    let served =
        |host: &str| refusal(|_, facts| facts.cluster.gateway.others_servers.push(road("shop/frontend", host)));
    let routed = refusal(|_, facts| facts.cluster.gateway.others_routes.push(road("shop/legacy", HOST)));
    insta::assert_snapshot!(served("*.cluster.example.com"), @"Gateway `shop/frontend` serves `*.cluster.example.com` through that gateway already, and of two servers for a name Istio drops the younger. Have each serve its own name: set `certificate.names` to `myapp.cluster.example.com` alone, and take `*.cluster.example.com` out of that Gateway, since browsers re-use its connections for every name on its certificate");
    insta::assert_snapshot!(routed, @"VirtualService `shop/legacy` routes `myapp.cluster.example.com` through that gateway already, so sign-in and application would be reached by its rules and not by ours. Take the host out of it first, or choose another host");
    let for_host_alone = refusal(|answers, facts| {
        let Certificate::Issued { names, .. } = &mut answers.certificate else {
            unreachable!("the example has an issuer")
        };
        *names = vec![HOST.parse().unwrap()];
        facts.cluster.gateway.others_servers.push(road("shop/frontend", HOST));
    });
    insta::assert_snapshot!(for_host_alone, @"Gateway `shop/frontend` serves `myapp.cluster.example.com` through that gateway already, and of two servers for a name Istio drops the younger. Take that name out of it, or choose another host");
}
