//! When no blueprint can be right: every reason at once, each with what would be right.

use super::{
    context::{Context, NAME_LABEL},
    routes,
};
use crate::{
    answers::{Certificate, HookPlacement, Issuer, IssuerKind, Workload, names::DnsName},
    facts::{
        CertificateFacts, Injection, IstioVersion, NamespaceFacts, PasswordFacts, ServiceFacts, TlsSecretFacts,
        Validity,
    },
};
use std::{collections::BTreeSet, fmt};

/// The facts do not allow what the answers ask for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Impossible {
    /// Every reason that was found; never empty.
    pub reasons: Vec<Reason>,
}

impl fmt::Display for Impossible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reason) in self.reasons.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(formatter, "{newline}{reason}")?;
        }
        Ok(())
    }
}

/// One reason why no blueprint can be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// CUSTOM authorization came with Istio 1.9 (domain.md 4.1).
    #[error(
        "Istio {found} cannot ask a sign-in proxy before it lets a request in; that takes Istio 1.9 or later. Upgrade Istio"
    )]
    IstioTooOld {
        /// The version that answers for the application's namespace.
        found: IstioVersion,
    },
    /// One CUSTOM provider a workload (domain.md 4.1, D11): a second one has every request of both refused.
    #[error(
        "{place} already asks another provider ({}), and Istio allows one a workload: with a second one it refuses every request of both. {}",
        list(providers),
        match place { LockPlace::Gateway => "Set `hook: sidecar`, so that only the application's own pods ask ours", LockPlace::Application => "Remove the other CUSTOM policy, or make it not select the application's pods" }
    )]
    SecondCustomProvider {
        /// Where both would apply.
        place: LockPlace,
        /// The providers that are there already.
        providers: BTreeSet<String>,
    },
    /// Istio serves a name by the oldest Gateway that has it, and drops it from all others.
    #[error(
        "Gateway `{object}` serves `{name}` through that gateway already, and of two servers for a name Istio drops the younger. {}",
        if name == host { "Take that name out of it, or choose another host".to_owned() } else { format!("Have each serve its own name: set `certificate.names` to `{host}` alone, and take `{name}` out of that Gateway, since browsers re-use its connections for every name on its certificate") }
    )]
    NameServedByAnother {
        /// The other Gateway.
        object: String,
        /// The name that both would serve.
        name: String,
        /// The application's host.
        host: String,
    },
    /// Of two routes for one host, Istio takes the older one for what both match.
    #[error(
        "VirtualService `{object}` routes `{host}` through that gateway already, so sign-in and application would be reached by its rules and not by ours. Take the host out of it first, or choose another host"
    )]
    HostRoutedByAnother {
        /// The other VirtualService.
        object: String,
        /// The application's host.
        host: String,
    },
    /// A kind that we write is not served.
    #[error("the cluster does not know the kind {kind} of {group}. {}", install_hint(group))]
    KindNotServed {
        /// Its API group.
        group: &'static str,
        /// The kind.
        kind: &'static str,
    },
    /// The application's Service is not there.
    #[error(
        "there is no Service `{service}` in namespace `{namespace}`. Name one that is there, or let the application be deployed (`application.deploy.image`)"
    )]
    ServiceNotFound {
        /// The Service that the answers name.
        service: String,
        /// Where it was looked for.
        namespace: String,
    },
    /// The Service does not offer the port.
    #[error("Service `{service}` does not offer port {port}; it offers {}", list(offered))]
    PortNotOffered {
        /// The Service.
        service: String,
        /// The port that the answers name.
        port: u16,
        /// The ports it has.
        offered: Vec<u16>,
    },
    /// The locks select pods by the Service's selector; without one they would select nothing, or everything.
    #[error(
        "Service `{service}` has no selector, so the locks cannot tell the application's pods from others. Give it one"
    )]
    ServiceWithoutSelector {
        /// The Service.
        service: String,
    },
    /// The Service would select our own pods: they would be locked, and get the application's traffic.
    #[error(
        "the selector of Service `{service}` would select the pods of the sign-in proxy too. Make it select the application alone"
    )]
    SelectorTooWide {
        /// The Service.
        service: String,
    },
    /// The locks sit in the sidecar, and there is no pod to prove them in.
    #[error(
        "Service `{service}` has no pods, so the locks in their sidecars cannot be proven. Start the application first"
    )]
    NoPods {
        /// The Service.
        service: String,
    },
    /// The locks sit in the sidecar, and some pods have none.
    #[error(
        "{without} of {pods} pods behind Service `{service}` have no Istio sidecar, where the locks would sit. Label the namespace for injection and restart them, or set `hook: gateway`"
    )]
    NoSidecar {
        /// The Service.
        service: String,
        /// How many pods it has.
        pods: u16,
        /// How many of them are without a sidecar.
        without: u16,
    },
    /// Before Istio 1.10 only the namespace's label has sidecars injected, and this namespace is not ours.
    #[error(
        "namespace `{namespace}` is somebody else's and has no Istio injection, and Istio {istio} looks at its label alone. Label it yourself: kubectl label namespace {namespace} {label}"
    )]
    NamespaceNotInjected {
        /// The namespace.
        namespace: String,
        /// The Istio version.
        istio: IstioVersion,
        /// The label it lacks, as `key=value`.
        label: String,
    },
    /// The issuer is not there.
    #[error("there is no {kind} `{name}`{place}; there is {}", if known.is_empty() { "none that can be used there".to_owned() } else { list(known) })]
    IssuerNotFound {
        /// `ClusterIssuer` or `Issuer`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Where it must be, as the end of the sentence's first half.
        place: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// Let's Encrypt and others sign wildcards only after a DNS01 challenge (domain.md 5.3).
    #[error(
        "{kind} `{name}` has no DNS01 solver, and a wildcard such as `{wildcard}` is signed only after a DNS01 challenge. Use an issuer with one, or list the host itself under `certificate.names`"
    )]
    WildcardNeedsDns01 {
        /// `ClusterIssuer` or `Issuer`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The name on the certificate.
        wildcard: String,
    },
    /// The certificate that is said to be there is not where the gateway looks for it.
    #[error(
        "there is no Secret `{secret}` in the gateway's namespace `{namespace}`, and a gateway reads certificates from its own namespace alone. {}",
        match elsewhere.as_slice() {
            [] => format!("Make it: kubectl create secret tls {secret} --namespace {namespace} --cert=CHAIN.pem --key=KEY.pem"),
            elsewhere => format!("There is one in {}: have whoever keeps it there keep it in `{namespace}` too", list(elsewhere)),
        }
    )]
    TlsSecretNotFound {
        /// The Secret.
        secret: String,
        /// The gateway's namespace.
        namespace: String,
        /// Other namespaces that have one of that name.
        elsewhere: Vec<String>,
    },
    /// A Secret of another type may hold anything.
    #[error(
        "Secret `{secret}` in namespace `{namespace}` is of type `{found}` and not `kubernetes.io/tls`, so it is no certificate's. Name the certificate's own Secret under `certificate.secretName`, or make it with: kubectl create secret tls"
    )]
    TlsSecretOfAnotherType {
        /// The Secret.
        secret: String,
        /// Its namespace.
        namespace: String,
        /// Its type.
        found: String,
    },
    /// What is in it is no certificate with its key.
    #[error(
        "Secret `{secret}` in namespace `{namespace}` holds no certificate that a gateway could show: {cause}. Put the chain into `tls.crt` and its key into `tls.key`, both PEM"
    )]
    TlsSecretUnreadable {
        /// The Secret.
        secret: String,
        /// Its namespace.
        namespace: String,
        /// Why.
        cause: String,
    },
    /// Browsers refuse it.
    #[error(
        "the certificate in Secret `{secret}` in namespace `{namespace}` {}, so browsers refuse it. Have it renewed by whoever keeps it there, or name an issuer under `certificate.issuer`",
        match validity { Validity::Expired => format!("expired at {expires}"), _ => "is not valid yet".to_owned() }
    )]
    CertificateNotValid {
        /// The Secret.
        secret: String,
        /// Its namespace.
        namespace: String,
        /// When it expires.
        expires: String,
        /// Expired, or not valid yet.
        validity: Validity,
    },
    /// It is for other names.
    #[error(
        "the certificate in Secret `{secret}` in namespace `{namespace}` does not cover `{host}`; {}. Use one for `{host}` or `*.{parent}`, or name an issuer under `certificate.issuer`",
        if names.is_empty() { "it is for no DNS name at all".to_owned() } else { format!("it is for {}", list(names)) }
    )]
    CertificateDoesNotCover {
        /// The Secret.
        secret: String,
        /// Its namespace.
        namespace: String,
        /// The application's host.
        host: String,
        /// What a wildcard would have to be for.
        parent: String,
        /// What it is for.
        names: BTreeSet<String>,
    },
    /// The Redis that is said to be there is a Service that is not.
    #[error(
        "there is no Service `{service}` in namespace `{namespace}`, where `sessions.redis.address` says Redis is. Name one that is there, or take `sessions.redis` out to have a store deployed"
    )]
    RedisNotFound {
        /// The Service.
        service: String,
        /// Its namespace.
        namespace: String,
    },
    /// Its Service does not offer the port.
    #[error(
        "Service `{service}` in namespace `{namespace}` does not offer port {port}, where `sessions.redis.address` says Redis is; it offers {}",
        list(offered)
    )]
    RedisPortNotOffered {
        /// The Service.
        service: String,
        /// Its namespace.
        namespace: String,
        /// The port that the answers name.
        port: u16,
        /// The ports it has.
        offered: Vec<u16>,
    },
    /// The Secret with its password is not there, or not where pods could read it.
    #[error(
        "there is no Secret `{secret}` in the application's namespace `{namespace}`, where `sessions.redis.passwordFrom` says the password is; pods read Secrets from their own namespace alone. Make it: kubectl create secret generic {secret} --namespace {namespace} --from-file={key}=FILE"
    )]
    RedisSecretNotFound {
        /// The Secret.
        secret: String,
        /// The application's namespace.
        namespace: String,
        /// The key.
        key: String,
    },
    /// The Secret has no such key.
    #[error(
        "Secret `{secret}` in namespace `{namespace}` has no key `{key}`, where `sessions.redis.passwordFrom` says the password is; it has {}",
        if keys.is_empty() { "none".to_owned() } else { list(keys) }
    )]
    RedisKeyNotFound {
        /// The Secret.
        secret: String,
        /// The application's namespace.
        namespace: String,
        /// The key.
        key: String,
        /// Those that it has.
        keys: BTreeSet<String>,
    },
    /// No Redis could have that password.
    #[error(
        "the value of key `{key}` of Secret `{secret}` in namespace `{namespace}` {cause}, so it is not the password of Redis. Put the password there as it is: printf %s \"$PASSWORD\" > FILE, and kubectl create secret with --from-file={key}=FILE"
    )]
    RedisPasswordUnusable {
        /// The Secret.
        secret: String,
        /// The application's namespace.
        namespace: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The gateway has no labels by which a Gateway could select it.
    #[error(
        "the ingress gateway `{service}` in namespace `{namespace}` selects no pods by labels, so no Gateway can be bound to it. Choose another under `gateway`"
    )]
    GatewayWithoutLabels {
        /// Its Service.
        service: String,
        /// Its namespace.
        namespace: String,
    },
}

impl Reason {
    /// The answers file's key whose answer would mend it; nothing, where no answer could.
    pub fn answer(&self) -> Option<&'static str> {
        match self {
            Self::IstioTooOld { .. } | Self::KindNotServed { .. } => None,
            Self::SecondCustomProvider { .. } | Self::NoSidecar { .. } => Some("hook"),
            Self::NameServedByAnother { name, host, .. } if name != host => Some("certificate.names"),
            Self::NameServedByAnother { .. } | Self::HostRoutedByAnother { .. } => Some("application.host"),
            Self::ServiceNotFound { .. }
            | Self::ServiceWithoutSelector { .. }
            | Self::SelectorTooWide { .. }
            | Self::NoPods { .. } => Some("application.service.name"),
            Self::PortNotOffered { .. } => Some("application.service.port"),
            Self::NamespaceNotInjected { .. } => Some("application.namespace"),
            Self::IssuerNotFound { .. } => Some("certificate.issuer"),
            Self::WildcardNeedsDns01 { .. } => Some("certificate.names"),
            Self::TlsSecretNotFound { .. }
            | Self::TlsSecretOfAnotherType { .. }
            | Self::TlsSecretUnreadable { .. }
            | Self::CertificateNotValid { .. }
            | Self::CertificateDoesNotCover { .. } => Some("certificate.secretName"),
            Self::RedisNotFound { .. } | Self::RedisPortNotOffered { .. } => Some("sessions.redis.address"),
            Self::RedisSecretNotFound { .. } => Some("sessions.redis.passwordFrom.secret"),
            Self::RedisKeyNotFound { .. } | Self::RedisPasswordUnusable { .. } => {
                Some("sessions.redis.passwordFrom.key")
            }
            Self::GatewayWithoutLabels { .. } => Some("gateway"),
        }
    }
}

/// Where a lock would sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockPlace {
    /// At the ingress gateway.
    Gateway,
    /// In the application's sidecar.
    Application,
}

impl fmt::Display for LockPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gateway => "the ingress gateway",
            Self::Application => "the application",
        })
    }
}

fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

fn install_hint(group: &str) -> &'static str {
    if group == "cert-manager.io" {
        "Install cert-manager with its CRDs (https://cert-manager.io/docs/installation/)"
    } else {
        "Install Istio's CRDs (its `base` chart) for this cluster's Istio"
    }
}

/// Looks for every reason.
pub(super) fn find(context: &Context<'_>, reasons: &mut Vec<Reason>) {
    find_in_istio(context, reasons);
    find_in_roads(context, reasons);
    find_in_application(context, reasons);
    find_in_certificate(context, reasons);
    find_in_redis(context, reasons);
}

fn find_in_istio(context: &Context<'_>, reasons: &mut Vec<Reason>) {
    let istio = &context.facts.cluster.istio;
    if !context.istio_is_at_least(9) {
        reasons.push(Reason::IstioTooOld { found: istio.version });
    }
    let gateway = &context.facts.cluster.gateway;
    if gateway.selector.is_empty() {
        reasons.push(Reason::GatewayWithoutLabels {
            service: gateway.service.clone(),
            namespace: gateway.namespace.clone(),
        });
    }
    let (place, providers) = match context.answers.hook {
        HookPlacement::Gateway => (LockPlace::Gateway, &gateway.custom_providers),
        HookPlacement::Sidecar => (LockPlace::Application, &context.facts.cluster.application.custom_providers),
    };
    if !providers.is_empty() && !istio.several_custom_providers {
        reasons.push(Reason::SecondCustomProvider { place, providers: providers.clone() });
    }
    let foreign_without_injection =
        context.facts.cluster.application.namespace == NamespaceFacts::Foreign { injection: Injection::Unsaid };
    if foreign_without_injection && !context.istio_is_at_least(10) {
        let (key, value) = &istio.injection_label;
        reasons.push(Reason::NamespaceNotInjected {
            namespace: context.namespace().to_owned(),
            istio: istio.version,
            label: format!("{key}={value}"),
        });
    }
}

fn find_in_roads(context: &Context<'_>, reasons: &mut Vec<Reason>) {
    let gateway = &context.facts.cluster.gateway;
    let (host, name) = (context.host().to_owned(), routes::server_host(context));
    for road in gateway.others_servers.iter().filter(|road| road.hosts.contains(&name)) {
        let (object, name, host) = (road.object.clone(), name.clone(), host.clone());
        reasons.push(Reason::NameServedByAnother { object, name, host });
    }
    for road in gateway.others_routes.iter().filter(|road| road.hosts.contains(&host)) {
        reasons.push(Reason::HostRoutedByAnother { object: road.object.clone(), host: host.clone() });
    }
}

fn find_in_application(context: &Context<'_>, reasons: &mut Vec<Reason>) {
    let Workload::Existing { service, port } = &context.answers.application.workload else { return };
    let service = service.to_string();
    let Some(found) = &context.facts.cluster.application.service else {
        reasons.push(Reason::ServiceNotFound { service, namespace: context.namespace().to_owned() });
        return;
    };
    if !found.ports.contains(&port.get()) {
        let offered = found.ports.clone();
        reasons.push(Reason::PortNotOffered { service: service.clone(), port: port.get(), offered });
    }
    if found.selector.is_empty() {
        reasons.push(Reason::ServiceWithoutSelector { service: service.clone() });
    } else if selects_our_own_pods(context, found) {
        reasons.push(Reason::SelectorTooWide { service: service.clone() });
    }
    if context.answers.hook == HookPlacement::Sidecar {
        if found.pods == 0 {
            reasons.push(Reason::NoPods { service });
        } else if found.pods_with_sidecar < found.pods {
            let without = found.pods - found.pods_with_sidecar;
            reasons.push(Reason::NoSidecar { service, pods: found.pods, without });
        }
    }
}

fn selects_our_own_pods(context: &Context<'_>, service: &ServiceFacts) -> bool {
    let injection = context.injection_labels();
    [&context.names.proxy, &context.names.store].into_iter().any(|name| {
        service.selector.iter().all(|(key, value)| {
            (key == NAME_LABEL && value == name) || injection.get(key).is_some_and(|injected| injected == value)
        })
    })
}

fn find_in_certificate(context: &Context<'_>, reasons: &mut Vec<Reason>) {
    match &context.answers.certificate {
        Certificate::Issued { issuer, names } => find_in_issuer(context, issuer, names, reasons),
        // It is made, and its zone holds every name.
        Certificate::NewlyIssued { .. } => {}
        Certificate::Existing { secret } => reasons.extend(find_in_tls_secret(context, secret.as_str())),
    }
}

fn find_in_redis(context: &Context<'_>, reasons: &mut Vec<Reason>) {
    let Some(redis) = context.answers.sessions.existing() else { return };
    let found = context.facts.cluster.redis.as_ref();
    let port = redis.address.port().get();
    match (redis.address.service(context.namespace()), found.and_then(|found| found.service.as_ref())) {
        (_, Some(service)) if !service.ports.contains(&port) => reasons.push(Reason::RedisPortNotOffered {
            service: service.name.clone(),
            namespace: service.namespace.clone(),
            port,
            offered: service.ports.clone(),
        }),
        (Some((namespace, service)), None) => {
            reasons.push(Reason::RedisNotFound { service: service.to_owned(), namespace: namespace.to_owned() });
        }
        _ => {}
    }
    let (secret, key) = (redis.password.secret.to_string(), redis.password.key.to_string());
    let namespace = context.namespace().to_owned();
    match found.map(|found| found.password.clone()) {
        None | Some(PasswordFacts::NoSecret) => reasons.push(Reason::RedisSecretNotFound { secret, namespace, key }),
        Some(PasswordFacts::NoKey { keys }) => reasons.push(Reason::RedisKeyNotFound { secret, namespace, key, keys }),
        Some(PasswordFacts::Unusable { cause }) => {
            reasons.push(Reason::RedisPasswordUnusable { secret, namespace, key, cause });
        }
        Some(PasswordFacts::Present) => {}
    }
}

fn find_in_tls_secret(context: &Context<'_>, secret: &str) -> Option<Reason> {
    let secret = secret.to_owned();
    let namespace = context.facts.cluster.gateway.namespace.clone();
    match context.facts.cluster.tls_secret.clone() {
        None => Some(Reason::TlsSecretNotFound { secret, namespace, elsewhere: Vec::new() }),
        Some(TlsSecretFacts::Absent { elsewhere }) => Some(Reason::TlsSecretNotFound { secret, namespace, elsewhere }),
        Some(TlsSecretFacts::OfAnotherType { found }) => {
            Some(Reason::TlsSecretOfAnotherType { secret, namespace, found })
        }
        Some(TlsSecretFacts::Unreadable { cause }) => Some(Reason::TlsSecretUnreadable { secret, namespace, cause }),
        Some(TlsSecretFacts::Readable(CertificateFacts { names, expires, validity })) => {
            let host = &context.answers.application.host;
            if validity != Validity::Valid {
                return Some(Reason::CertificateNotValid { secret, namespace, expires, validity });
            }
            let covers = super::certificate::names(context).iter().any(|name| name.covers(host));
            let parent = host.parent().to_owned();
            (!covers).then(|| Reason::CertificateDoesNotCover {
                secret,
                namespace,
                host: host.to_string(),
                parent,
                names,
            })
        }
    }
}

fn find_in_issuer(context: &Context<'_>, wanted: &Issuer, names: &[DnsName], reasons: &mut Vec<Reason>) {
    let gateway_namespace = &context.facts.cluster.gateway.namespace;
    let kind = wanted.kind.as_str();
    let place = match wanted.kind {
        IssuerKind::ClusterIssuer => String::new(),
        IssuerKind::Issuer => format!(" in the gateway's namespace `{gateway_namespace}`"),
    };
    let name = wanted.name.to_string();
    let issuers = &context.facts.cluster.issuers;
    let Some(issuer) = issuers.iter().find(|issuer| issuer.kind == kind && issuer.name == name) else {
        let known = issuers.iter().map(|issuer| format!("{} {}", issuer.kind, issuer.name)).collect();
        reasons.push(Reason::IssuerNotFound { kind, name, place, known });
        return;
    };
    let wildcard = names.iter().find(|name| name.is_wildcard());
    if let Some(wildcard) = wildcard.filter(|_| !issuer.signs_wildcards) {
        reasons.push(Reason::WildcardNeedsDns01 { kind, name, wildcard: wildcard.to_string() });
    }
}
