//! What is written reads back, and the sample files are right.

use crate::answers::{
    Access, Adopt, Answers, Application, Certificate, Consent, DnsZone, EmailClaim, GatewayChoice, HookPlacement,
    Issuer, IssuerKind, Mistakes, NewIssuer, PasswordSource, Proxy, Redis, Registration, Sessions, Workload,
    file::{entries, parse, read_entries, render},
    names::{AcmeServer, ClientId, DnsName, EmailAddress, Lifetime, Port, ResourceGroup, SubscriptionId},
};
use proptest::{collection::vec, option, prelude::*};

const EXAMPLE: &str = include_str!("../../../assets/answers/example.yaml");
const MINIMAL: &str = include_str!("../../../assets/answers/minimal.yaml");
const ALL_THERE: &str = include_str!("../../../assets/answers/all-there.yaml");
const EXISTING: &str = include_str!("../../../assets/answers/existing-service.yaml");

fn read(text: &str) -> Answers {
    parse(text, "gatewright.yaml").unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// The names on a certificate that is to be made.
fn names(answers: &Answers) -> Vec<&str> {
    match &answers.certificate {
        Certificate::Issued { names, .. } | Certificate::NewlyIssued { names, .. } => {
            names.iter().map(DnsName::as_str).collect()
        }
        Certificate::Existing { .. } => Vec::new(),
    }
}

#[test]
fn given_the_example_then_it_is_written_as_we_write_answers() {
    assert_eq!(render(&read(EXAMPLE)), EXAMPLE);
}

#[test]
fn given_the_example_then_it_is_the_walk_throughs() {
    let answers = read(EXAMPLE);
    assert_eq!(answers.application.host.as_str(), "myapp.cluster.example.com");
    assert_eq!(
        answers.application.workload,
        Workload::Deploy {
            image: "docker.io/path/to/myapp:sometag".parse().unwrap(),
            container_port: Port::new(80).unwrap(),
            service_port: Port::new(8000).unwrap(),
            replicas: 1,
        }
    );
    assert_eq!(names(&answers), ["*.cluster.example.com"]);
    assert_eq!(answers.access.email_domains, ["example.com".parse().unwrap()]);
    assert!(answers.access.machines);
    assert_eq!(answers.hook, HookPlacement::Sidecar);
}

#[test]
fn given_the_least_that_works_then_the_rest_is_default() {
    let answers = read(MINIMAL);
    assert_eq!(answers.application.namespace.as_str(), "myapp");
    assert_eq!(answers.registration.display_name.as_str(), "myapp");
    assert_eq!(answers.registration.secret_lifetime, Lifetime::days(180));
    assert_eq!(names(&answers), ["myapp.cluster.example.com"]);
    assert_eq!(answers.proxy.session_refresh, Lifetime::minutes(55));
    assert!(!answers.access.machines, "nobody gets in whom the file does not name");
    assert_eq!(answers.gateway, None);
}

#[test]
fn given_a_service_that_is_there_then_it_is_named() {
    let answers = read(EXISTING);
    let service = "wiki-web".parse().unwrap();
    assert_eq!(answers.application.workload, Workload::Existing { service, port: Port::new(8080).unwrap() });
    assert_eq!(answers.gateway.unwrap().service.as_str(), "istio-ingressgateway");
}

#[test]
fn given_a_certificate_that_is_there_then_its_secret_is_named() {
    let answers = read(ALL_THERE);
    assert_eq!(answers.certificate, Certificate::Existing { secret: "wildcard-tls".parse().unwrap() });
    assert_eq!(answers.certificate.issuer(), None);
}

#[test]
fn given_a_redis_that_is_there_then_its_address_and_where_its_password_is_are_read() {
    let redis = read(ALL_THERE).sessions.existing().unwrap().clone();
    assert_eq!(
        (redis.address.tls(), redis.address.host(), redis.address.port().get()),
        (false, "redis.cache.svc", 6379)
    );
    assert_eq!(redis.username.unwrap().as_str(), "sign-in");
    assert_eq!((redis.password.secret.as_str(), redis.password.key.as_str()), ("redis-auth", "password"));
}

#[test]
fn given_windows_line_ends_and_a_byte_order_mark_then_the_answers_are_the_same() {
    let windows = format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n"));
    assert_eq!(read(&windows), read(EXAMPLE));
}

#[test]
fn given_anchors_aliases_and_merge_keys_then_they_stand_for_what_they_name() {
    let text = r#"
version: 1
application:
  name: &name myapp
  namespace: *name
  host: &host myapp.cluster.example.com
  deploy: {image: "docker.io/path/to/myapp:sometag"}
certificate:
  issuer:
    <<: &issuer {kind: Issuer, name: elsewhere}
    name: letsencrypt-production
  names: [*host]
"#;
    let answers = read(text);
    assert_eq!(answers.application.namespace.as_str(), "myapp");
    assert_eq!(names(&answers), ["myapp.cluster.example.com"]);
    let issuer = answers.certificate.issuer().unwrap();
    assert_eq!((issuer.kind, issuer.name.as_str()), (IssuerKind::Issuer, "letsencrypt-production"));
}

#[test]
fn given_sections_with_every_key_off_then_they_mean_their_defaults() {
    let text = format!("{MINIMAL}\nproxy:\n  # replicas: 2\nsessions:\naccess: {{}}\n");
    assert_eq!(read(&text), read(MINIMAL));
}

#[test]
fn given_numbers_and_words_as_names_then_they_stay_the_text_that_was_written() {
    let text = MINIMAL.replace("sometag", "1.10").replace("  host", "  namespace: 1e3\n  host");
    let answers = read(&text);
    assert_eq!(answers.application.namespace.as_str(), "1e3");
    let Workload::Deploy { image, .. } = answers.application.workload else { panic!() };
    assert_eq!(image.tag(), Some("1.10"));
}

#[test]
fn given_nesting_without_end_then_it_is_refused_and_nothing_overflows() {
    let mistakes = parse(&"[".repeat(100_000), "f").unwrap_err();
    assert_eq!(mistakes.list.len(), 1);
}

fn name<T: std::str::FromStr + std::fmt::Debug>(pattern: &'static str) -> impl Strategy<Value = T> {
    pattern.prop_filter_map("spelt right", |text| text.parse::<T>().ok())
}

fn workloads() -> impl Strategy<Value = Workload> {
    let port = || (1_u16..15_000).prop_map(|number| Port::new(number).unwrap());
    prop_oneof![
        (name("[a-z][a-z0-9-]{0,30}[a-z0-9]"), port()).prop_map(|(service, port)| Workload::Existing { service, port }),
        (name("([a-z]{1,8}\\.io/)?[a-z0-9]{1,9}/[a-z0-9]{1,9}:[a-zA-Z0-9._]{1,9}"), port(), port(), 1_u16..=100)
            .prop_map(|(image, container_port, service_port, replicas)| {
                Workload::Deploy { image, container_port, service_port, replicas }
            }),
    ]
}

fn applications() -> impl Strategy<Value = Application> {
    (name("[a-z][a-z0-9-]{0,38}"), name("[a-z0-9]{1,20}"), name("[a-z0-9]{1,9}(\\.[a-z]{2,9}){1,3}"), workloads())
        .prop_map(|(name, namespace, host, workload)| Application { name, namespace, host, workload })
}

fn registrations() -> impl Strategy<Value = Registration> {
    let display_name = name("\\PC{1,60}");
    (
        option::of(name("[a-z0-9]{1,9}\\.example")),
        option::of((name("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), any::<bool>())),
        display_name,
        name("[a-zA-Z_][a-zA-Z0-9._-]{0,30}"),
        1_u64..=730,
        any::<bool>(),
        prop::sample::select(vec![Consent::Grant, Consent::HandOver]),
    )
        .prop_map(|(tenant, adopt, display_name, scope, days, assignment_required, consent)| Registration {
            tenant,
            adopt: adopt.map(|(client_id, rename)| Adopt { client_id, rename }),
            display_name,
            scope,
            secret_lifetime: Lifetime::days(days),
            assignment_required,
            consent,
        })
}

fn accesses() -> impl Strategy<Value = Access> {
    let domains = vec(name("[a-z0-9]{1,9}\\.(com|example)"), 0..4).prop_map(|mut domains| {
        domains.sort();
        domains.dedup();
        domains
    });
    let claims = prop_oneof![Just(EmailClaim::Email), Just(EmailClaim::PreferredUsername)];
    (domains, claims, any::<bool>()).prop_map(|(email_domains, email_claim, machines)| Access {
        email_domains,
        email_claim,
        machines,
    })
}

fn proxies() -> impl Strategy<Value = Proxy> {
    (2_u64..60, 1_u64..=90, 1_u16..=100, 2_u16..40).prop_map(|(minutes, days, replicas, patch)| Proxy {
        image: format!("quay.io/oauth2-proxy/oauth2-proxy:v7.15.{patch}").parse().unwrap(),
        replicas,
        session_lifetime: Lifetime::days(days),
        session_refresh: Lifetime::minutes(minutes),
    })
}

fn redises() -> impl Strategy<Value = Redis> {
    let address = (any::<bool>(), "[a-z0-9]{1,9}(\\.[a-z0-9]{1,9}){0,4}", 1_u16..)
        .prop_filter_map("spelt right", |(tls, host, port)| {
            format!("{}{host}:{port}", if tls { "rediss://" } else { "" }).parse().ok()
        });
    let password =
        (name("[a-z0-9]{1,9}"), name("[a-zA-Z0-9_-]{1,9}")).prop_map(|(secret, key)| PasswordSource { secret, key });
    (address, option::of(name("[a-z-]{1,9}")), password).prop_map(|(address, username, password)| Redis {
        address,
        username,
        password,
    })
}

fn gateways() -> impl Strategy<Value = Option<GatewayChoice>> {
    option::of(
        (name("[a-z0-9]{1,20}"), name("[a-z][a-z0-9]{0,20}"))
            .prop_map(|(namespace, service)| GatewayChoice { namespace, service }),
    )
}

fn new_issuers() -> impl Strategy<Value = (AcmeServer, Option<EmailAddress>, SubscriptionId, ResourceGroup, ClientId)> {
    const GUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}";
    let server = prop_oneof![
        Just("letsencrypt-production".to_owned()),
        Just("letsencrypt-staging".to_owned()),
        "https://[a-z0-9]{1,9}\\.example(:[1-9][0-9]{0,3})?/[a-z/]{0,9}",
    ];
    (
        server.prop_map(|text| text.parse().unwrap()),
        option::of(name("[a-z0-9.+-]{1,9}@[a-z0-9]{1,9}\\.(com|example)")),
        name(GUID),
        name("[a-zA-Z0-9_()-]{1,90}"),
        name(GUID),
    )
}

prop_compose! {
    fn all_answers()(
        application in applications(),
        registration in registrations(),
        access in accesses(),
        issuer in name("[a-z0-9]{1,9}(-[a-z0-9]{1,9})?"),
        tls_secret in option::of(name("[a-z0-9]{1,9}([.-][a-z0-9]{1,9})?")),
        new_issuer in option::of(new_issuers()),
        own_issuer in any::<bool>(),
        wildcard in any::<bool>(),
        redis in option::of(redises()),
        proxy in proxies(),
        at_gateway in any::<bool>(),
        gateway in gateways(),
    ) -> Answers {
        let host = application.host.to_string();
        let wildcard_name = format!("*.{}", application.host.parent()).parse().ok().filter(|_| wildcard);
        Answers {
            certificate: match (tls_secret, new_issuer) {
                (Some(secret), _) => Certificate::Existing { secret },
                (None, Some((server, email, subscription, resource_group, client_id))) => Certificate::NewlyIssued {
                    issuer: NewIssuer {
                        server,
                        email,
                        client_id,
                        zone: DnsZone {
                            subscription,
                            resource_group,
                            name: application.host.parent().parse().unwrap_or_else(|_| host.parse().unwrap()),
                        },
                    },
                    names: vec![wildcard_name.unwrap_or_else(|| host.parse().unwrap())],
                },
                (None, None) => Certificate::Issued {
                    issuer: Issuer {
                        kind: if own_issuer { IssuerKind::Issuer } else { IssuerKind::ClusterIssuer },
                        name: issuer,
                    },
                    names: vec![wildcard_name.unwrap_or_else(|| host.parse().unwrap())],
                },
            },
            sessions: redis.map_or_else(|| Sessions::Own { image: "docker.io/valkey/valkey:8.1".parse().unwrap() }, Sessions::Existing),
            hook: if at_gateway { HookPlacement::Gateway } else { HookPlacement::Sidecar },
            application, registration, access, proxy, gateway,
        }
    }
}

proptest! {
    #[test]
    fn given_any_answers_when_written_and_read_then_they_are_the_same(answers in all_answers()) {
        let written = render(&answers);
        let failed = |mistakes: Mistakes| TestCaseError::fail(mistakes.to_string());
        prop_assert_eq!(&parse(&written, "written").map_err(failed)?, &answers);
        prop_assert_eq!(&read_entries(&entries(&answers), "keys and values").map_err(failed)?, &answers);
    }

    #[test]
    fn given_any_answers_when_another_yaml_reader_reads_them_then_texts_stay_texts(answers in all_answers()) {
        let read: serde_json::Value = serde_saphyr::from_str(&render(&answers)).unwrap();
        let name = &read["registration"]["displayName"];
        prop_assert_eq!(name.as_str(), Some(answers.registration.display_name.as_str()));
        prop_assert!(read["application"]["namespace"].is_string(), "{}", read["application"]["namespace"]);
    }

    #[test]
    fn given_any_text_when_it_is_read_then_nothing_breaks_and_mistakes_have_places(text in "[a-z:{}\\[\\]&*!|>'\"%@` \n\t#-]{0,200}") {
        if let Err(mistakes) = parse(&text, "noise") {
            prop_assert!(!mistakes.list.is_empty());
            prop_assert!(mistakes.list.iter().all(|mistake| mistake.line >= 1 && mistake.column >= 1));
        }
    }
}
