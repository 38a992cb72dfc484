//! The walk-through's example, and the facts of the world that it is set in.

use gatewright::{
    answers::{
        Access, Answers, Application, Certificate, Consent, DnsZone, EmailClaim, HookPlacement, Issuer, IssuerKind,
        NewIssuer, PasswordSource, Proxy, Redis, RedisAddress, Registration, Sessions, Workload,
        names::{Lifetime, Port},
    },
    blueprint::{Existing, Known},
    facts::{
        ApplicationFacts, CertificateFacts, CloudEndpoints, ClusterFacts, Facts, GatewayFacts, Injection, IssuerFacts,
        IstioFacts, IstioVersion, MeshConfigFacts, NamespaceFacts, OutboundPolicy, PasswordFacts, RedisFacts,
        RedisServiceFacts, RegisteredFacts, ServedApis, ServiceFacts, TenantFacts, TlsSecretFacts, Validity,
    },
};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const CLIENT_ID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

pub(crate) fn answers() -> Answers {
    Answers {
        application: Application {
            name: "myapp".parse().unwrap(),
            namespace: "myapp".parse().unwrap(),
            host: "myapp.cluster.example.com".parse().unwrap(),
            workload: Workload::Deploy {
                image: "docker.io/path/to/myapp:sometag".parse().unwrap(),
                container_port: Port::new(80).unwrap(),
                service_port: Port::new(8000).unwrap(),
                replicas: 1,
            },
        },
        registration: Registration {
            tenant: None,
            adopt: None,
            display_name: "myapp".parse().unwrap(),
            scope: "user_impersonation".parse().unwrap(),
            secret_lifetime: Lifetime::days(180),
            assignment_required: false,
            consent: Consent::Grant,
        },
        access: Access {
            email_domains: vec!["example.com".parse().unwrap()],
            email_claim: EmailClaim::Email,
            machines: true,
        },
        certificate: Certificate::Issued {
            issuer: Issuer { kind: IssuerKind::ClusterIssuer, name: "letsencrypt-production".parse().unwrap() },
            names: vec!["*.cluster.example.com".parse().unwrap()],
        },
        sessions: Sessions::Own { image: "docker.io/valkey/valkey:8.1".parse().unwrap() },
        proxy: Proxy {
            image: "quay.io/oauth2-proxy/oauth2-proxy:v7.15.3".parse().unwrap(),
            replicas: 2,
            session_lifetime: Lifetime::days(7),
            session_refresh: Lifetime::minutes(55),
        },
        hook: HookPlacement::Sidecar,
        gateway: None,
    }
}

/// The example with a Service that is there already.
pub(crate) fn answers_for_existing_service() -> Answers {
    let mut answers = answers();
    answers.application.workload =
        Workload::Existing { service: "shop".parse().unwrap(), port: Port::new(8000).unwrap() };
    answers
}

/// The example with an issuer that is made too.
pub(crate) fn answers_with_new_issuer() -> Answers {
    let mut answers = answers();
    answers.certificate = Certificate::NewlyIssued {
        issuer: NewIssuer {
            server: "letsencrypt-staging".parse().unwrap(),
            email: Some("platform@contoso.com".parse().unwrap()),
            zone: DnsZone {
                subscription: "c0470505-0000-4000-8000-0000000005ab".parse().unwrap(),
                resource_group: "dns".parse().unwrap(),
                name: "cluster.example.com".parse().unwrap(),
            },
            client_id: "66666666-7777-8888-9999-00000000000d".parse().unwrap(),
        },
        names: vec!["*.cluster.example.com".parse().unwrap()],
    };
    answers
}

/// A healthy cluster with Istio 1.`minor`.
pub(crate) fn facts(minor: u16) -> Facts {
    Facts {
        cluster: ClusterFacts {
            id: "99999999-8888-7777-6666-555555555555".to_owned(),
            kubernetes_version: "v1.34.1".to_owned(),
            served: served(minor),
            istio: IstioFacts {
                version: IstioVersion { major: 1, minor, patch: 2 },
                revision: None,
                namespace: "istio-system".to_owned(),
                injection_label: ("istio-injection".to_owned(), "enabled".to_owned()),
                trust_domain: "cluster.local".to_owned(),
                mesh_config: MeshConfigFacts {
                    namespace: "istio-system".to_owned(),
                    name: "istio".to_owned(),
                    key: "mesh".to_owned(),
                    providers: BTreeSet::new(),
                },
                outbound: OutboundPolicy::AllowAny,
                several_custom_providers: false,
            },
            gateway: GatewayFacts {
                namespace: "istio-system".to_owned(),
                service: "istio-ingressgateway".to_owned(),
                selector: BTreeMap::from([("istio".to_owned(), "ingressgateway".to_owned())]),
                service_account: "istio-ingressgateway-service-account".to_owned(),
                address: Some("203.0.113.7".to_owned()),
                custom_providers: BTreeSet::new(),
                others_servers: Vec::new(),
                others_routes: Vec::new(),
            },
            application: ApplicationFacts {
                namespace: NamespaceFacts::Absent,
                service: None,
                custom_providers: BTreeSet::new(),
            },
            issuers: vec![
                IssuerFacts {
                    kind: "ClusterIssuer".to_owned(),
                    name: "letsencrypt-production".to_owned(),
                    ready: Ok(()),
                    signs_wildcards: true,
                },
                IssuerFacts {
                    kind: "ClusterIssuer".to_owned(),
                    name: "letsencrypt-http01".to_owned(),
                    ready: Ok(()),
                    signs_wildcards: false,
                },
            ],
            tls_secret: None,
            redis: None,
        },
        tenant: TenantFacts {
            id: TENANT.to_owned(),
            domain: "contoso.onmicrosoft.com".to_owned(),
            cloud: cloud(
                "public",
                "https://login.microsoftonline.com",
                "https://graph.microsoft.com",
                "https://management.azure.com",
            ),
        },
    }
}

/// Facts in which the application of [`answers_for_existing_service`] runs, with sidecars, in somebody else's namespace.
pub(crate) fn facts_with_existing_service(minor: u16) -> Facts {
    let mut facts = facts(minor);
    facts.cluster.application.namespace = NamespaceFacts::Foreign { injection: Injection::On };
    facts.cluster.application.service = Some(ServiceFacts {
        selector: BTreeMap::from([("app".to_owned(), "shop".to_owned()), ("tier".to_owned(), "web".to_owned())]),
        service_accounts: BTreeSet::from(["shop".to_owned(), "shop-canary".to_owned()]),
        ports: vec![8000, 9090],
        pods: 3,
        pods_with_sidecar: 3,
    });
    facts
}

/// A certificate that is there already, for `names`.
pub(crate) fn certificate(names: &[&str], validity: Validity) -> TlsSecretFacts {
    TlsSecretFacts::Readable(CertificateFacts {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        expires: "2027-01-01T00:00:00Z".to_owned(),
        validity,
    })
}

/// The example with a certificate that is there already, for `names`.
pub(crate) fn with_certificate(names: &[&str]) -> (Answers, Facts) {
    let (mut answers, mut facts) = (answers(), facts(28));
    answers.certificate = Certificate::Existing { secret: "wildcard-tls".parse().unwrap() };
    facts.cluster.tls_secret = Some(certificate(names, Validity::Valid));
    (answers, facts)
}

/// A Redis that is there already at `address`, and its password where it is said to be.
pub(crate) fn redis_at(address: &str) -> (Sessions, RedisFacts) {
    let address: RedisAddress = address.parse().unwrap();
    let service = address.service("myapp").map(|(namespace, name)| RedisServiceFacts {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        ports: vec![6379],
    });
    let password = PasswordSource { secret: "redis-auth".parse().unwrap(), key: "password".parse().unwrap() };
    let redis = Redis { address, username: Some("sign-in".parse().unwrap()), password };
    (Sessions::Existing(redis), RedisFacts { service, password: PasswordFacts::Present })
}

/// The example with such a Redis, on a mesh that lets nothing out unless it is registered.
pub(crate) fn with_redis(address: &str) -> (Answers, Facts) {
    let (mut answers, mut facts) = (answers(), facts(28));
    facts.cluster.istio.outbound = OutboundPolicy::RegistryOnly;
    let (sessions, found) = redis_at(address);
    (answers.sessions, facts.cluster.redis) = (sessions, Some(found));
    (answers, facts)
}

pub(crate) fn us_government() -> CloudEndpoints {
    cloud(
        "usgov",
        "https://login.microsoftonline.us",
        "https://graph.microsoft.us",
        "https://management.usgovcloudapi.net",
    )
}

pub(crate) fn cloud(name: &str, sign_in: &str, graph: &str, resource_manager: &str) -> CloudEndpoints {
    CloudEndpoints {
        name: name.to_owned(),
        sign_in: sign_in.parse().unwrap(),
        graph: graph.parse().unwrap(),
        resource_manager: resource_manager.parse().unwrap(),
        certificate_authority: None,
    }
}

/// Nothing is there yet.
pub(crate) fn nothing() -> Existing {
    Existing {
        registered: Known::Later("known once the application is registered"),
        secret_fingerprints: BTreeMap::new(),
        started_with: BTreeMap::new(),
    }
}

/// The registration is there.
pub(crate) fn registered() -> Existing {
    Existing {
        registered: Known::Now(RegisteredFacts {
            client_id: CLIENT_ID.to_owned(),
            object_id: "12345678-0000-0000-0000-000000000000".to_owned(),
        }),
        secret_fingerprints: BTreeMap::new(),
        started_with: BTreeMap::new(),
    }
}

/// What an Istio of the line 1.`minor` and cert-manager serve (domain.md 4.5).
fn served(minor: u16) -> ServedApis {
    let networking: &[&str] = if minor >= 22 { &["v1", "v1beta1", "v1alpha3"] } else { &["v1beta1", "v1alpha3"] };
    let security: &[&str] = if minor >= 17 { &["v1", "v1beta1"] } else { &["v1beta1"] };
    let peer: &[&str] = if minor >= 22 { &["v1", "v1beta1"] } else { &["v1beta1"] };
    let table = |kinds: &[(&str, &[&str])]| {
        kinds
            .iter()
            .map(|(kind, versions)| ((*kind).to_owned(), versions.iter().map(|v| (*v).to_owned()).collect()))
            .collect()
    };
    ServedApis(BTreeMap::from([
        (
            "networking.istio.io".to_owned(),
            table(&[
                ("Gateway", networking),
                ("VirtualService", networking),
                ("DestinationRule", networking),
                ("ServiceEntry", networking),
                ("EnvoyFilter", &["v1alpha3"]),
            ]),
        ),
        (
            "security.istio.io".to_owned(),
            table(&[
                ("AuthorizationPolicy", security),
                ("RequestAuthentication", security),
                ("PeerAuthentication", peer),
            ]),
        ),
        ("cert-manager.io".to_owned(), table(&[("Certificate", &["v1"]), ("ClusterIssuer", &["v1"])])),
    ]))
}
