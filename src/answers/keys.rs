//! Every key of the answers file as data: the parser, the comments of a written file and docs/answers.md all read it here.

use super::{Consent, EmailClaim, HookPlacement, IssuerKind};

/// What is written behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// More keys.
    Section,
    /// One value, such as a name.
    Text,
    /// `true` or `false`.
    YesNo,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of values.
    List,
}

/// What happens when a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It is a mistake.
    Refused,
    /// It means this.
    Means(&'static str),
}

/// One key of the answers file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its full path, such as `application.host`.
    pub path: &'static str,
    /// What is written behind it.
    pub shape: Shape,
    /// What happens when it is left out.
    pub absence: Absence,
    /// A value that works, as YAML; empty for sections.
    pub example: &'static str,
    /// What it decides, for somebody who reads the file: one or two sentences.
    pub meaning: &'static str,
}

/// The only format there is so far.
pub(super) const VERSION: &str = "1";
/// The images and durations that answers get when a file says nothing.
pub(super) const DEFAULT_CONTAINER_PORT: &str = "80";
pub(super) const DEFAULT_SERVICE_PORT: &str = "80";
pub(super) const DEFAULT_REPLICAS: &str = "1";
pub(super) const DEFAULT_SCOPE: &str = "user_impersonation";
pub(super) const DEFAULT_SECRET_LIFETIME: &str = "180d";
pub(super) const DEFAULT_ACME_SERVER: &str = "letsencrypt-production";
pub(super) const DEFAULT_SESSIONS_IMAGE: &str = "docker.io/valkey/valkey:8.1";
pub(super) const DEFAULT_PASSWORD_KEY: &str = "password";
pub(super) const DEFAULT_PROXY_IMAGE: &str = "quay.io/oauth2-proxy/oauth2-proxy:v7.15.3";
pub(super) const DEFAULT_SESSION_LIFETIME: &str = "7d";
pub(super) const DEFAULT_SESSION_REFRESH: &str = "55m";

/// The words for choices, and what they stand for.
pub(super) const EMAIL_CLAIMS: &[(&str, EmailClaim)] =
    &[("email", EmailClaim::Email), ("preferred_username", EmailClaim::PreferredUsername)];
pub(super) const ISSUER_KINDS: &[(&str, IssuerKind)] =
    &[("ClusterIssuer", IssuerKind::ClusterIssuer), ("Issuer", IssuerKind::Issuer)];
pub(super) const CONSENTS: &[(&str, Consent)] = &[("grant", Consent::Grant), ("handOver", Consent::HandOver)];
pub(super) const HOOKS: &[(&str, HookPlacement)] =
    &[("sidecar", HookPlacement::Sidecar), ("gateway", HookPlacement::Gateway)];

/// The word for a choice.
pub(super) fn word<T: PartialEq>(words: &[(&'static str, T)], chosen: &T) -> &'static str {
    words.iter().find(|(_, meaning)| meaning == chosen).map_or("", |(word, _)| word)
}

const fn section(path: &'static str, absence: Absence, meaning: &'static str) -> Key {
    Key { path, shape: Shape::Section, absence, example: "", meaning }
}

const fn text(path: &'static str, absence: Absence, example: &'static str, meaning: &'static str) -> Key {
    Key { path, shape: Shape::Text, absence, example, meaning }
}

/// All keys, in the order in which a file is written.
pub const KEYS: &[Key] = &[
    text("version", Absence::Refused, VERSION, "The format of this file."),
    section("application", Absence::Refused, "The application to protect."),
    text(
        "application.name",
        Absence::Refused,
        "myapp",
        "Names everything that is made. At most 40 lower-case letters, digits and `-`, a letter first.",
    ),
    text(
        "application.namespace",
        Absence::Means("the application's name"),
        "myapp",
        "Where the application, the sign-in proxy and the session store live. It is made when it is not there.",
    ),
    text("application.host", Absence::Refused, "myapp.cluster.example.com", "The one host name people type."),
    section(
        "application.deploy",
        Absence::Means("there is a `service`"),
        "Deploy the application too: a Deployment and a Service, both named after it.",
    ),
    text(
        "application.deploy.image",
        Absence::Refused,
        "docker.io/path/to/myapp:sometag",
        "The container image, with its tag or digest.",
    ),
    text(
        "application.deploy.containerPort",
        Absence::Means(DEFAULT_CONTAINER_PORT),
        "80",
        "The port the container listens on, with plain HTTP.",
    ),
    text(
        "application.deploy.servicePort",
        Absence::Means(DEFAULT_SERVICE_PORT),
        "8000",
        "The port the Service offers inside the cluster.",
    ),
    text("application.deploy.replicas", Absence::Means(DEFAULT_REPLICAS), "1", "How many pods."),
    section(
        "application.service",
        Absence::Means("there is a `deploy`"),
        "Or protect an application that is there already: the Service in front of it, in the same namespace.",
    ),
    text("application.service.name", Absence::Refused, "myapp", "The Service's name."),
    text(
        "application.service.port",
        Absence::Means(DEFAULT_SERVICE_PORT),
        "8000",
        "The port of the Service, not of the container.",
    ),
    section("registration", Absence::Means("every default below"), "The registration in Entra."),
    text(
        "registration.tenant",
        Absence::Means("the tenant that is signed in to"),
        "contoso.onmicrosoft.com",
        "The tenant to register in: its id or one of its domains.",
    ),
    section(
        "registration.adopt",
        Absence::Means("an application of its own is made"),
        "Take over an application that is registered already. What others have in it stays.",
    ),
    text(
        "registration.adopt.clientId",
        Absence::Refused,
        "7f6bd2a4-5a0c-4f0e-9d53-2c1f8a1b6e90",
        "Its client id, which the portal shows as \"Application (client) ID\".",
    ),
    Key {
        path: "registration.adopt.rename",
        shape: Shape::YesNo,
        absence: Absence::Means("false"),
        example: "false",
        meaning: "Whether it gets the `displayName` below; otherwise it keeps the one it has.",
    },
    text(
        "registration.displayName",
        Absence::Means("the application's name"),
        "myapp",
        "What people see on the consent page and in the portal.",
    ),
    text(
        "registration.scope",
        Absence::Means(DEFAULT_SCOPE),
        DEFAULT_SCOPE,
        "The scope to expose; others ask for it as `api://CLIENT_ID/SCOPE`.",
    ),
    text(
        "registration.secretLifetime",
        Absence::Means(DEFAULT_SECRET_LIFETIME),
        DEFAULT_SECRET_LIFETIME,
        "How long a client secret lives, from 1d to 730d. Rotate before it ends.",
    ),
    Key {
        path: "registration.assignmentRequired",
        shape: Shape::YesNo,
        absence: Absence::Means("false"),
        example: "false",
        meaning: "Whether only people and applications that are assigned in the portal get a token at all.",
    },
    Key {
        path: "registration.consent",
        shape: Shape::Choice(&["grant", "handOver"]),
        absence: Absence::Means("grant"),
        example: "grant",
        meaning: "Who consents for everybody to what sign-in needs: `grant` does it here, for whoever may; `handOver` makes a \
                  link and a text for an administrator, and never tries.",
    },
    section("access", Absence::Means("every default below"), "Who gets in."),
    Key {
        path: "access.emailDomains",
        shape: Shape::List,
        absence: Absence::Means("everyone the tenant gives a token to"),
        example: "[example.com]",
        meaning: "People whose address ends in one of these. An empty list lets in everyone the tenant gives a token \
                  to, guests included.",
    },
    Key {
        path: "access.emailClaim",
        shape: Shape::Choice(&["email", "preferred_username"]),
        absence: Absence::Means("email"),
        example: "email",
        meaning: "The claim that holds the address. `email` is missing for accounts without a mailbox; \
                  `preferred_username` is always there, but administrators can change it.",
    },
    Key {
        path: "access.machines",
        shape: Shape::YesNo,
        absence: Absence::Means("false"),
        example: "true",
        meaning: "Whether applications get in with `client_credentials`, if they hold the role `App.Access`.",
    },
    section(
        "certificate",
        Absence::Refused,
        "The certificate that the gateway shows: made by cert-manager in the gateway's own namespace, or there already.",
    ),
    section(
        "certificate.issuer",
        Absence::Means("there is a `newIssuer` or a `secretName`"),
        "Have it made and renewed: the cert-manager issuer that signs it.",
    ),
    Key {
        path: "certificate.issuer.kind",
        shape: Shape::Choice(&["ClusterIssuer", "Issuer"]),
        absence: Absence::Means("ClusterIssuer"),
        example: "ClusterIssuer",
        meaning: "`ClusterIssuer` serves every namespace; an `Issuer` must be in the gateway's namespace.",
    },
    text("certificate.issuer.name", Absence::Refused, "letsencrypt-production", "Its name."),
    section(
        "certificate.newIssuer",
        Absence::Means("there is an `issuer` or a `secretName`"),
        "Or have the issuer made too: a ClusterIssuer that proves the names in a zone of Azure DNS, and the role on that zone which \
         cert-manager's identity needs for it.",
    ),
    text(
        "certificate.newIssuer.server",
        Absence::Means(DEFAULT_ACME_SERVER),
        DEFAULT_ACME_SERVER,
        "Who signs: `letsencrypt-production`, `letsencrypt-staging` to try things out (browsers do not trust it), or the https URL of \
         another ACME server's directory.",
    ),
    text(
        "certificate.newIssuer.email",
        Absence::Means("the server has nobody to write to"),
        "platform@contoso.com",
        "Whom the server may write to about its account.",
    ),
    text(
        "certificate.newIssuer.clientId",
        Absence::Refused,
        "66666666-7777-8888-9999-00000000000d",
        "The client id of the managed identity (or application) that cert-manager's pods have through workload identity, or that the \
         cluster's nodes have. No secret is needed.",
    ),
    section("certificate.newIssuer.zone", Absence::Refused, "The public zone of Azure DNS that all the names are in."),
    text(
        "certificate.newIssuer.zone.subscription",
        Absence::Refused,
        "c0470505-0000-4000-8000-0000000005ab",
        "The id of the subscription it is in.",
    ),
    text("certificate.newIssuer.zone.resourceGroup", Absence::Refused, "dns", "The resource group it is in."),
    text("certificate.newIssuer.zone.name", Absence::Refused, "cluster.example.com", "Its name."),
    Key {
        path: "certificate.names",
        shape: Shape::List,
        absence: Absence::Means("the application's host"),
        example: "[\"*.cluster.example.com\"]",
        meaning: "The names on it; one of them covers the host. A wildcard stands for exactly one label, and needs an \
                  issuer that proves domains over DNS.",
    },
    text(
        "certificate.secretName",
        Absence::Means("there is an `issuer` or a `newIssuer`"),
        "wildcard-tls",
        "Or use one that is there already: the Secret of type `kubernetes.io/tls` in the gateway's namespace. Whoever put it \
         there renews it; its names must cover the host.",
    ),
    section(
        "sessions",
        Absence::Means("every default below"),
        "Where sessions are kept: in a Valkey beside the application, or in one that is there already.",
    ),
    text(
        "sessions.image",
        Absence::Means(DEFAULT_SESSIONS_IMAGE),
        DEFAULT_SESSIONS_IMAGE,
        "The container image of the one beside the application: the official Valkey or Redis.",
    ),
    section(
        "sessions.redis",
        Absence::Means("there is one beside the application"),
        "Or use a Redis or Valkey that is there already, in this cluster or outside.",
    ),
    text(
        "sessions.redis.address",
        Absence::Refused,
        "redis.cache.svc:6379",
        "Its host and port. A Service is written `NAME.NAMESPACE.svc`, or `NAME` in the application's namespace. `rediss://` before \
         it speaks TLS, as Azure's do (`rediss://NAME.redis.cache.windows.net:6380`); without it, what leaves the mesh is not \
         encrypted.",
    ),
    text(
        "sessions.redis.username",
        Absence::Means("the user `default`"),
        "sign-in",
        "Who signs in to it. It may need to SET, GET and DEL keys that begin with `__Host-oauth2_` and the application's name.",
    ),
    section(
        "sessions.redis.passwordFrom",
        Absence::Refused,
        "The Secret in the application's namespace that holds the password; the password itself never goes into this file.",
    ),
    text("sessions.redis.passwordFrom.secret", Absence::Refused, "redis-auth", "The Secret's name."),
    text(
        "sessions.redis.passwordFrom.key",
        Absence::Means(DEFAULT_PASSWORD_KEY),
        DEFAULT_PASSWORD_KEY,
        "The key in it. When its value changes, the next `setup` replaces the pods that read it.",
    ),
    section("proxy", Absence::Means("every default below"), "The sign-in proxy, oauth2-proxy."),
    text(
        "proxy.image",
        Absence::Means(DEFAULT_PROXY_IMAGE),
        DEFAULT_PROXY_IMAGE,
        "Its container image. The tag decides which settings it is given; 7.15.2 is the oldest without known ways around \
         sign-in.",
    ),
    text("proxy.replicas", Absence::Means(DEFAULT_REPLICAS), "1", "How many pods."),
    text(
        "proxy.sessionLifetime",
        Absence::Means(DEFAULT_SESSION_LIFETIME),
        DEFAULT_SESSION_LIFETIME,
        "How long a session lives at most, up to 90d.",
    ),
    text(
        "proxy.sessionRefresh",
        Absence::Means(DEFAULT_SESSION_REFRESH),
        DEFAULT_SESSION_REFRESH,
        "How often a session's tokens are renewed. Shorter than the session, and than the hour that Entra's tokens live.",
    ),
    Key {
        path: "hook",
        shape: Shape::Choice(&["sidecar", "gateway"]),
        absence: Absence::Means("sidecar"),
        example: "sidecar",
        meaning: "Where sign-in is enforced: in the application's own `sidecar`, where every road to it passes, or at \
                  the `gateway`, for an application without one.",
    },
    section(
        "gateway",
        Absence::Means("the only ingress gateway there is"),
        "Which Istio ingress gateway carries the traffic, where there are several.",
    ),
    text("gateway.namespace", Absence::Refused, "istio-system", "The namespace of the gateway's pods."),
    text("gateway.service", Absence::Refused, "istio-ingressgateway", "The name of its Service."),
];

/// Something that was asked for and is not built.
#[derive(Clone, Copy, Debug)]
pub struct NotBuilt {
    /// The key that asks for it, or `key: value`.
    pub key: &'static str,
    /// What it would be.
    pub what: &'static str,
    /// What there is instead.
    pub instead: &'static str,
}

const fn not_built(key: &'static str, what: &'static str, instead: &'static str) -> NotBuilt {
    NotBuilt { key, what, instead }
}

const ONE_STORE: &str =
    "Gatewright deploys a Valkey of its own, or uses one Redis that is there already (`sessions.redis`)";

/// What is refused by name, so that nobody believes it took effect.
pub const NOT_BUILT: &[NotBuilt] = &[
    not_built("application.hosts", "several hosts for one application", "name one in `application.host`"),
    not_built("application.path", "protecting a part of a host", "the whole of `application.host` is protected"),
    not_built(
        "application.env",
        "settings for the application's container",
        "deploy it yourself and name its `service`",
    ),
    not_built("application.resources", "resources for the application", "deploy it yourself and name its `service`"),
    not_built(
        "application.deploy.env",
        "settings for the application's container",
        "deploy it yourself and name its `service`",
    ),
    not_built(
        "application.deploy.resources",
        "resources for the application",
        "deploy it yourself and name its `service`",
    ),
    not_built(
        "registration.federatedCredential",
        "a federated credential in place of a secret",
        "a client secret is made and kept in the cluster",
    ),
    not_built(
        "registration.certificate",
        "a certificate in place of a secret",
        "a client secret is made and kept in the cluster",
    ),
    not_built("registration.accessTokenVersion", "choosing the token version", "tokens are always version 2"),
    not_built("registration.v1Tokens", "accepting version 1 tokens", "tokens are always version 2"),
    not_built(
        "registration.implicitGrant",
        "the implicit grant",
        "sign-in uses the code flow with PKCE, which needs none",
    ),
    not_built("registration.signInAudience", "people of other tenants", "only accounts of the one tenant sign in"),
    not_built("registration.owners", "naming owners of the registration", "add them in the portal"),
    not_built(
        "access.groups",
        "letting in by group",
        "use `registration.assignmentRequired` and assign the groups in the portal",
    ),
    not_built(
        "access.roles",
        "letting in by app role",
        "use `registration.assignmentRequired` and assign people in the portal",
    ),
    not_built(
        "access.emails",
        "letting in single addresses",
        "use `registration.assignmentRequired` and assign people in the portal",
    ),
    not_built("access.publicPaths", "paths without sign-in", "every path of the host needs sign-in"),
    not_built(
        "certificate.newIssuer.clientSecret",
        "an identity with a client secret for Azure DNS",
        "give cert-manager a managed identity (workload identity), or make the issuer yourself and name it in \
         `certificate.issuer`",
    ),
    not_built(
        "certificate.newIssuer.solver",
        "proving names elsewhere than in Azure DNS",
        "make the issuer yourself and name it in `certificate.issuer`",
    ),
    not_built(
        "certificate.issuer.group",
        "issuers of other groups than cert-manager's own",
        "name an `Issuer` or `ClusterIssuer`",
    ),
    not_built("sessions.sentinel", "a session store with Sentinel", ONE_STORE),
    not_built("sessions.cluster", "a clustered session store", ONE_STORE),
    not_built("sessions.cookie", "keeping sessions in cookies", ONE_STORE),
    not_built(
        "sessions.redis.ca",
        "trusting a certificate authority of one's own for Redis",
        "its certificate must be of an authority that every system trusts",
    ),
    not_built("sessions.redis.database", "choosing a database by its number", "sessions are kept in database 0"),
    not_built("sessions.redis.sentinel", "a session store with Sentinel", ONE_STORE),
    not_built("sessions.redis.cluster", "a clustered session store", ONE_STORE),
    not_built(
        "sessions.replicas",
        "a session store of several pods",
        "it is one pod; if it restarts, people sign in again",
    ),
    not_built("sessions.persistence", "a session store that outlives its pod", "if it restarts, people sign in again"),
    not_built("proxy.config", "own settings for oauth2-proxy", "the settings follow from these answers"),
    not_built("proxy.cookieDomains", "one session for several hosts", "each host has its own session"),
    not_built("proxy.resources", "resources for the proxy", "it gets what a small proxy needs"),
    not_built(
        "hook: envoyFilter",
        "enforcing sign-in with an EnvoyFilter",
        "write `sidecar` or `gateway`, which need Istio 1.9 or later",
    ),
    not_built("hook: waypoint", "enforcing sign-in in an ambient mesh", "write `sidecar` or `gateway`"),
    not_built(
        "gateway.existing",
        "using a Gateway object that is there already",
        "Gatewright makes its own for the host",
    ),
    not_built(
        "gateway.gatewayApi",
        "routes of the Kubernetes Gateway API",
        "Gatewright makes Istio's Gateway and VirtualService",
    ),
    not_built("gateway.selector", "choosing a gateway by labels", "name its Service in `gateway.service`"),
];

/// Words that people use for a key of ours, in lower case without `-` and `_`.
pub(super) const SYNONYMS: &[(&str, &str)] = &[
    ("app", "application"),
    ("hostname", "application.host"),
    ("url", "application.host"),
    ("domain", "application.host"),
    ("fqdn", "application.host"),
    ("ns", "application.namespace"),
    ("port", "application.service.port"),
    ("targetport", "application.deploy.containerPort"),
    ("existing", "application.service"),
    ("tenantid", "registration.tenant"),
    ("entra", "registration"),
    ("azure", "registration"),
    ("title", "registration.displayName"),
    ("scopes", "registration.scope"),
    ("appid", "registration.adopt.clientId"),
    ("applicationid", "registration.adopt.clientId"),
    ("existingregistration", "registration.adopt"),
    ("secretexpiry", "registration.secretLifetime"),
    ("adminconsent", "registration.consent"),
    ("domains", "access.emailDomains"),
    ("alloweddomains", "access.emailDomains"),
    ("clientcredentials", "access.machines"),
    ("tls", "certificate"),
    ("cert", "certificate"),
    ("issuerref", "certificate.issuer"),
    ("clusterissuer", "certificate.issuer.name"),
    ("dnsnames", "certificate.names"),
    ("acme", "certificate.newIssuer"),
    ("azuredns", "certificate.newIssuer"),
    ("directory", "certificate.newIssuer.server"),
    ("identity", "certificate.newIssuer.clientId"),
    ("managedidentity", "certificate.newIssuer.clientId"),
    ("hostedzone", "certificate.newIssuer.zone"),
    ("subscriptionid", "certificate.newIssuer.zone.subscription"),
    ("group", "certificate.newIssuer.zone.resourceGroup"),
    ("existing", "certificate.secretName"),
    ("tlssecret", "certificate.secretName"),
    ("credentialname", "certificate.secretName"),
    ("existing", "sessions.redis"),
    ("valkey", "sessions.redis"),
    ("url", "sessions.redis.address"),
    ("passwordsecret", "sessions.redis.passwordFrom"),
    ("redis", "sessions"),
    ("valkey", "sessions"),
    ("oauth2proxy", "proxy"),
    ("cookieexpire", "proxy.sessionLifetime"),
    ("cookierefresh", "proxy.sessionRefresh"),
    ("placement", "hook"),
    ("ingress", "gateway"),
];

/// The last part of a path: `host` of `application.host`.
pub(super) fn last_part(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// All but the last part of a path: `application` of `application.host`, nothing of `hook`.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// The least that a section needs, on one line.
pub(super) fn section_example(path: &str) -> String {
    let needed = |key: &&Key| key.absence == Absence::Refused;
    let least = under(path).filter(needed).map(|key| match key.shape {
        Shape::Section => format!("{}: {}", last_part(key.path), section_example(key.path)),
        _ => format!("{}: {}", last_part(key.path), key.example),
    });
    // One of two is needed, and the table cannot say so.
    let one_of_two = match path {
        "application" => Some(format!("deploy: {}", section_example("application.deploy"))),
        "certificate" => Some(format!("issuer: {}", section_example("certificate.issuer"))),
        _ => None,
    };
    format!("{{{}}}", least.chain(one_of_two).collect::<Vec<_>>().join(", "))
}

/// Whether `path` is somewhere in `section`.
pub(super) fn is_within(path: &str, section: &str) -> bool {
    path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

/// The section around `path` that is `level` sections deep; 0 is the outermost.
pub(super) fn ancestor(path: &str, level: usize) -> &str {
    let end = path.match_indices('.').nth(level).map_or(path.len(), |(end, _)| end);
    path.get(..end).unwrap_or(path)
}

/// The path of `key` in the section `section`.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// The key at `path`.
pub(super) fn at(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The keys right under `section`; the empty text is the top of the file.
pub(super) fn under(section: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| parent(key.path) == section)
}
