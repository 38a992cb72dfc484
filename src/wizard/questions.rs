//! Every question as a row of data. A face shows rows; it never knows a question by name.

use super::{
    draft::OPEN,
    question::{Choices, Kind, Proposal, Question, Step, When, choice, choice_or_text, question},
};

/// The question about the kubeconfig's context.
pub const CONTEXT: &str = "connect.context";
/// The question about the cloud.
pub const CLOUD: &str = "connect.cloud";
/// The question about how to sign in.
pub const SIGN_IN: &str = "connect.signIn";
/// The question about the tenant that is signed in to.
pub const TENANT: &str = "connect.tenant";
/// The question about which application it is: one that is installed, as `NAMESPACE/NAME`, or [`OPEN`] for a new one.
pub const APPLICATION: &str = "connect.application";
/// The question about how the application gets into the cluster; its answers are [`DEPLOY`] and [`SERVICE`].
pub const WORKLOAD: &str = "application.workload";
/// The application is deployed by us.
pub const DEPLOY: &str = "deploy";
/// The application is there already, behind a Service.
pub const SERVICE: &str = "service";
/// The question about where the certificate comes from; its answers are [`ISSUED`], [`NEWLY_ISSUED`] and [`THERE`].
pub const CERTIFICATE: &str = "certificate.source";
/// An issuer signs it.
pub const ISSUED: &str = "issuer";
/// An issuer signs it that is made too, for Azure DNS.
pub const NEWLY_ISSUED: &str = "newIssuer";
/// It is there already, in a Secret.
pub const THERE: &str = "secret";
/// The question about whether the application is registered already; its answers are [`NEW`] and [`ADOPTED`].
pub const REGISTRATION: &str = "registration.source";
/// It gets a registration of its own.
pub const NEW: &str = "new";
/// It is registered already, and that registration is taken over.
pub const ADOPTED: &str = "there";
/// The question about where sessions are kept; its answers are [`OWN_STORE`] and [`REDIS`].
pub const STORE: &str = "sessions.store";
/// In a Valkey that is made.
pub const OWN_STORE: &str = "valkey";
/// In a Redis or Valkey that is there already.
pub const REDIS: &str = "redis";
/// The question whether the details of sessions and proxy stay as they are.
pub const KEEP_DETAILS: &str = "sessions.details";

const TO_DEPLOY: When = When::Answered(WORKLOAD, DEPLOY);
const IS_THERE: When = When::Answered(WORKLOAD, SERVICE);
const TO_ISSUE: When = When::Answered(CERTIFICATE, ISSUED);
const TO_ISSUE_ANEW: When = When::Answered(CERTIFICATE, NEWLY_ISSUED);
const IN_REDIS: When = When::Answered(STORE, REDIS);
const IN_DETAIL: When = When::Answered(KEEP_DETAILS, "false");

/// The question called `id`.
pub fn at(id: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.id == id)
}

/// All questions, in the order in which they are asked: a question comes after everything it depends on.
pub static QUESTIONS: &[Question] = &[
    question(
        CONTEXT,
        Step::Connect,
        choice(Choices::Contexts),
        "Which kubeconfig context leads to the cluster?",
        "Everything but the registration is made in that cluster. Nothing is changed in it before you have seen the plan. \
         Fetch the credentials of a cluster that is not listed, such as with `az aks get-credentials`, and look again.",
    )
    .proposing(Proposal::FirstThatWorks)
    .when(When::SessionUnclear),
    question(
        CLOUD,
        Step::Connect,
        choice_or_text(Choices::Clouds),
        "Which Azure cloud is the tenant in?",
        "Almost every tenant is in the public one. For a cloud with other endpoints, write the path of a file that names them.",
    )
    .proposing(Proposal::Fixed("public"))
    .when(When::SessionUnclear),
    question(
        SIGN_IN,
        Step::Connect,
        choice(Choices::SignIns),
        "How do you sign in to Entra?",
        "The application is registered in Entra as whoever signs in here. Registering takes the role Application Developer or \
         more, consent for everybody Cloud Application Administrator; what you may not do becomes a link to hand on. What \
         signs in is used in this run alone and kept nowhere.",
    )
    .proposing(Proposal::FirstThatWorks)
    .after(&[CLOUD])
    .when(When::SessionUnclear),
    question(
        TENANT,
        Step::Connect,
        choice_or_text(Choices::SignInTenants),
        "Which tenant do you sign in to?",
        "The application is registered there, and its people are the ones who sign in to it. Write the GUID or a domain of \
         one that is not listed, such as contoso.onmicrosoft.com; - takes the one that the sign-in brings.",
    )
    .proposing(Proposal::Fixed(OPEN))
    .after(&[CLOUD, SIGN_IN])
    .when(When::SessionUnclear),
    question(
        APPLICATION,
        Step::Connect,
        choice(Choices::Applications),
        "Which application is it about?",
        "One that is installed already begins with the answers that its installation has recorded: you see them, and change \
         what you like. A new one is asked about from the beginning.",
    )
    .proposing(Proposal::FirstThatWorks)
    .after(&[CONTEXT])
    .when(When::SessionUnclear),
    question(
        "registration.tenant",
        Step::Connect,
        choice(Choices::Tenants),
        "Which tenant do the answers name?",
        "The application is registered in the tenant you are signed in to. If the answers name it, a later run that is \
         signed in elsewhere asks for that tenant instead of registering the application a second time in another one.",
    )
    .proposing(Proposal::Fixed(OPEN))
    .after(&[CLOUD, SIGN_IN, TENANT]),
    question(
        "gateway",
        Step::Connect,
        choice_or_text(Choices::Gateways),
        "Which ingress gateway carries the traffic?",
        "Sign-in is put in front of one application behind one gateway. Certificates are read from the gateway's own \
         namespace, so everything about TLS follows from this. Write NAMESPACE/SERVICE for one that is not listed; - takes the only one there is.",
    )
    .proposing(Proposal::FirstThatWorks)
    .after(&[CONTEXT])
    .when(When::GatewayUnclear),
    question(
        "application.name",
        Step::Application,
        Kind::Text,
        "What is the application called?",
        "Everything that is made carries this name, in the cluster and in Entra, and later runs find it by it. At most 40 \
         lower-case letters, digits and `-`, a letter first, such as myapp.",
    ),
    question(
        WORKLOAD,
        Step::Application,
        choice(Choices::Workloads),
        "Is it in the cluster already?",
        "An application that is there already is left as it is: you name the Service in front of it. Otherwise a \
         Deployment and a Service are made from a container image.",
    )
    .proposing(Proposal::Fixed(DEPLOY)),
    question(
        "application.namespace",
        Step::Application,
        choice_or_text(Choices::Namespaces),
        "Which namespace does it live in?",
        "The sign-in proxy and the session store live beside the application. A namespace that is not there is made, with \
         sidecars injected; one that is there keeps its labels.",
    )
    .proposing(Proposal::AnswerTo("application.name"))
    .after(&[CONTEXT, "application.name", WORKLOAD]),
    question(
        "application.service.name",
        Step::Application,
        choice_or_text(Choices::Services),
        "Which Service is in front of it?",
        "The locks are put on the pods that this Service selects. A Service without a selector says nothing of its pods, \
         so none could be locked.",
    )
    .proposing(Proposal::FirstThatWorks)
    .after(&["application.name", "application.namespace"])
    .when(IS_THERE),
    question(
        "application.service.port",
        Step::Application,
        choice_or_text(Choices::Ports),
        "Which port of the Service?",
        "The port of the Service, not of the container; it must speak plain HTTP, the mesh encrypts it.",
    )
    .proposing(Proposal::FirstThatWorks)
    .after(&["application.service.name"])
    .when(IS_THERE),
    question(
        "application.deploy.image",
        Step::Application,
        Kind::Text,
        "Which container image?",
        "With its tag or digest, so that the same answers always deploy the same thing, such as \
         docker.io/path/to/myapp:sometag.",
    )
    .when(TO_DEPLOY),
    question(
        "application.deploy.containerPort",
        Step::Application,
        Kind::Text,
        "Which port does the container listen on?",
        "It must speak plain HTTP: the sidecar beside it encrypts what leaves the pod.",
    )
    .proposing(Proposal::Fixed("80"))
    .when(TO_DEPLOY),
    question(
        "application.deploy.servicePort",
        Step::Application,
        Kind::Text,
        "Which port does its Service offer?",
        "The port by which others in the cluster reach it. People never see it: they use 443 of the gateway.",
    )
    .proposing(Proposal::Fixed("8000"))
    .when(TO_DEPLOY),
    question(
        "application.deploy.replicas",
        Step::Application,
        Kind::Text,
        "How many pods?",
        "Sign-in does not care: sessions are kept outside of the application.",
    )
    .proposing(Proposal::Fixed("1"))
    .when(TO_DEPLOY),
    question(
        "application.host",
        Step::Application,
        Kind::Text,
        "Which host name do people type?",
        "The name alone, such as myapp.cluster.example.com, without https:// and without a path. The certificate must cover \
         it, Entra sends people back to it after sign-in, and its DNS must lead to the gateway.",
    ),
    question(
        REGISTRATION,
        Step::Registration,
        choice(Choices::RegistrationSources),
        "A new registration, or one that is there already?",
        "A registration that somebody made by hand can be taken over: everything in it stays, what is missing is added, and the \
         plan shows each line of that, who owns it and who else seems to use it.",
    )
    .proposing(Proposal::Fixed(NEW)),
    question(
        "registration.adopt.clientId",
        Step::Registration,
        choice_or_text(Choices::Registrations),
        "Which one?",
        "Those that you own, that are called like the application, or that have its redirect URI already. For another one write \
         its client id, which the portal shows as Application (client) ID: a display name would not do, it is not unique.",
    )
    .after(&["application.name", "application.host", REGISTRATION])
    .when(When::Answered(REGISTRATION, ADOPTED)),
    question(
        "registration.displayName",
        Step::Registration,
        Kind::Text,
        "What do people see it called when they sign in?",
        "It is shown on the consent page and in the portal. Another registration may have the same: ours is found by a \
         unique name of its own.",
    )
    .proposing(Proposal::AnswerTo("application.name"))
    .after(&["application.name"]),
    question(
        "registration.adopt.rename",
        Step::Registration,
        Kind::YesNo,
        "Shall it be called like that from now on?",
        "It is called otherwise now, and others may know it by that name. No leaves it; it is found by a unique name of its own \
         ever after, so nothing rests on this.",
    )
    .proposing(Proposal::Fixed("false"))
    .after(&["registration.adopt.clientId", "registration.displayName"])
    .when(When::NameDiffers),
    question(
        "registration.secretLifetime",
        Step::Registration,
        Kind::Text,
        "How long does its client secret live?",
        "The sign-in proxy proves itself to Entra with it. It is kept in the cluster alone and must be rotated before it \
         ends. From 1d to 730d.",
    )
    .proposing(Proposal::Fixed("180d")),
    question(
        "registration.assignmentRequired",
        Step::Registration,
        Kind::YesNo,
        "Must people be assigned in the portal before they may sign in?",
        "Yes: Entra itself turns away everyone who is not assigned, and somebody has to assign them. No: everyone of the \
         tenant gets a token, and the addresses asked for next decide who gets in.",
    )
    .proposing(Proposal::Fixed("false")),
    question(
        "registration.scope",
        Step::Access,
        Kind::Text,
        "Which scope does it expose?",
        "Other applications ask for api://CLIENT_ID/SCOPE to call this one for a person.",
    )
    .proposing(Proposal::Fixed("user_impersonation")),
    question(
        "registration.consent",
        Step::Access,
        choice(Choices::Consents),
        "Who consents to sign-in for everybody?",
        "Without consent, people are asked for it one by one, or are turned away where the tenant forbids that. Whoever is \
         an administrator of applications may give it for everybody; for all others there is a link and a text to send to \
         one, and everything else goes on.",
    )
    .proposing(Proposal::Fixed("grant")),
    question(
        "access.emailDomains",
        Step::Access,
        Kind::List,
        "Which mail domains get in?",
        "People whose address ends in one of these, separated by commas, such as example.com. None lets in everyone the \
         tenant gives a token to, guests included.",
    )
    .proposing(Proposal::DomainOfHost)
    .after(&["application.host"]),
    question(
        "access.emailClaim",
        Step::Access,
        choice(Choices::EmailClaims),
        "Which claim holds the address?",
        "The token lock compares this claim. An account without a mailbox has no email claim and stays out; \
         preferred_username is always there, but an administrator can change it to anything.",
    )
    .proposing(Proposal::Fixed("email")),
    question(
        "access.machines",
        Step::Access,
        Kind::YesNo,
        "May applications get in too, with client_credentials?",
        "Only those that are given the role App.Access: nobody has it until you assign it. No keeps every application out.",
    )
    .proposing(Proposal::Fixed("true")),
    question(
        CERTIFICATE,
        Step::Certificate,
        choice(Choices::Certificates),
        "Where does the certificate come from?",
        "An issuer of cert-manager signs one and renews it; where there is none, one that proves names in Azure DNS can be made. A \
         certificate that somebody keeps in a TLS Secret already is used as it is, and nobody but them renews it.",
    )
    .proposing(Proposal::Fixed(ISSUED)),
    question(
        "certificate.issuer",
        Step::Certificate,
        choice_or_text(Choices::Issuers),
        "Which issuer signs the certificate?",
        "cert-manager asks it for the certificate that the gateway shows. The gateway reads TLS secrets only from its own \
         namespace, so the certificate lives there and not beside the application. Write ClusterIssuer/NAME or Issuer/NAME \
         for one that is not listed.",
    )
    .proposing(Proposal::FirstThatWorks)
    .after(&[CONTEXT, "gateway"])
    .when(TO_ISSUE),
    question(
        "certificate.newIssuer.zone.subscription",
        Step::Certificate,
        choice_or_text(Choices::Subscriptions),
        "Which Azure subscription is the DNS zone in?",
        "The issuer proves that the names are yours by writing records into their zone of Azure DNS. Write the subscription's id, \
         which `az account list` shows, for one that is not listed.",
    )
    .proposing(Proposal::FirstThatWorks)
    .when(TO_ISSUE_ANEW),
    question(
        "certificate.newIssuer.zone",
        Step::Certificate,
        choice_or_text(Choices::Zones),
        "Which zone holds the names?",
        "The public zone that the host is in. cert-manager's identity gets the role DNS Zone Contributor on it, and on nothing else; \
         if that is not yours to give, you get the command for whoever may. Write RESOURCE-GROUP/ZONE for one that is not listed.",
    )
    .proposing(Proposal::FirstThatWorks)
    .after(&["application.host", "certificate.newIssuer.zone.subscription"])
    .when(TO_ISSUE_ANEW),
    question(
        "certificate.newIssuer.clientId",
        Step::Certificate,
        Kind::Text,
        "What is the client id of cert-manager's identity?",
        "The managed identity that cert-manager's pods have through workload identity, or that the cluster's nodes have; `az identity \
         list` shows its clientId. No secret is needed, and none is asked for.",
    )
    .when(TO_ISSUE_ANEW),
    question(
        "certificate.newIssuer.server",
        Step::Certificate,
        choice_or_text(Choices::AcmeServers),
        "Who signs?",
        "Let's Encrypt signs few certificates a week for the same names. Its staging server is for trying things out: browsers do not \
         trust it. Write the https URL of another ACME server's directory to use that.",
    )
    .proposing(Proposal::Fixed("letsencrypt-production"))
    .when(TO_ISSUE_ANEW),
    question(
        "certificate.newIssuer.email",
        Step::Certificate,
        Kind::Text,
        "Whom may it write to?",
        "An address that the server may write to about its account; - tells it none.",
    )
    .proposing(Proposal::Fixed(OPEN))
    .when(TO_ISSUE_ANEW),
    question(
        "certificate.names",
        Step::Certificate,
        Kind::List,
        "Which names are on it?",
        "One of them must cover the host. A wildcard stands for exactly one label, keeps the host's name out of public logs, \
         and needs an issuer that proves domains over DNS.",
    )
    .proposing(Proposal::NamesForHost)
    .after(&["application.host", "certificate.issuer", "certificate.newIssuer.zone"])
    .when(When::AnsweredOtherwise(CERTIFICATE, THERE)),
    question(
        "certificate.secretName",
        Step::Certificate,
        Kind::Text,
        "What is its Secret called?",
        "A Secret of type kubernetes.io/tls in the gateway's own namespace, where alone the gateway reads. The plan says whether \
         it is there, still valid, and for the host.",
    )
    .after(&[CONTEXT, "gateway"])
    .when(When::Answered(CERTIFICATE, THERE)),
    question(
        STORE,
        Step::Sessions,
        choice(Choices::Stores),
        "Where are sessions kept?",
        "Entra's tokens are too long for cookies, so the sign-in proxy keeps sessions in a Valkey or Redis. One beside the \
         application is made and locked to the proxy; when it restarts, people sign in again.",
    )
    .proposing(Proposal::Fixed(OWN_STORE)),
    question(
        "sessions.redis.address",
        Step::Sessions,
        Kind::Text,
        "What is its address?",
        "Host and port, such as redis.cache.svc:6379 for a Service in this cluster. With rediss:// before it, it speaks TLS, as \
         Azure's do; without, what leaves the mesh is not encrypted.",
    )
    .after(&["application.namespace"])
    .when(IN_REDIS),
    question(
        "sessions.redis.username",
        Step::Sessions,
        Kind::Text,
        "Who signs in to it?",
        "A user of that Redis; - takes the one called default.",
    )
    .proposing(Proposal::Fixed(OPEN))
    .when(IN_REDIS),
    question(
        "sessions.redis.passwordFrom.secret",
        Step::Sessions,
        Kind::Text,
        "Which Secret holds its password?",
        "A Secret in the application's namespace. The password itself is never asked for and never goes into the answers.",
    )
    .after(&["application.name", "application.namespace"])
    .when(IN_REDIS),
    question(
        "sessions.redis.passwordFrom.key",
        Step::Sessions,
        Kind::Text,
        "Which key of that Secret?",
        "When its value changes, the next setup replaces the pods that read it.",
    )
    .proposing(Proposal::Fixed("password"))
    .when(IN_REDIS),
    question(
        KEEP_DETAILS,
        Step::Sessions,
        Kind::YesNo,
        "Leave sessions and the sign-in proxy like that?",
        "What is shown suits most; no asks for each of it.",
    )
    .proposing(Proposal::Fixed("true")),
    question(
        "proxy.sessionLifetime",
        Step::Sessions,
        Kind::Text,
        "How long does a session live at most?",
        "Then people sign in again. Up to 90d, as long as Entra's own refresh tokens live.",
    )
    .proposing(Proposal::Fixed("7d"))
    .after(&[KEEP_DETAILS])
    .when(IN_DETAIL),
    question(
        "proxy.sessionRefresh",
        Step::Sessions,
        Kind::Text,
        "How often are its tokens renewed?",
        "Entra's tokens live an hour and an expired one is refused, so less than 1h. Somebody who is locked out in Entra is \
         out here after this long.",
    )
    .proposing(Proposal::Fixed("55m"))
    .after(&[KEEP_DETAILS, "proxy.sessionLifetime"])
    .when(IN_DETAIL),
    question(
        "sessions.image",
        Step::Sessions,
        Kind::Text,
        "Which image keeps the sessions?",
        "The official Valkey or Redis, with its tag; your own mirror of it where the cluster reaches no other.",
    )
    .proposing(Proposal::Fixed("docker.io/valkey/valkey:8.1"))
    .after(&[KEEP_DETAILS])
    .when(When::Both((KEEP_DETAILS, "false"), (STORE, OWN_STORE))),
    question(
        "proxy.image",
        Step::Sessions,
        Kind::Text,
        "Which image of oauth2-proxy?",
        "Its tag decides which settings it is given; 7.15.2 is the oldest without known ways around sign-in.",
    )
    .proposing(Proposal::Fixed("quay.io/oauth2-proxy/oauth2-proxy:v7.15.3"))
    .after(&[KEEP_DETAILS])
    .when(IN_DETAIL),
    question(
        "proxy.replicas",
        Step::Sessions,
        Kind::Text,
        "How many sign-in proxies?",
        "While none is ready nobody gets in; two let one of them restart unnoticed.",
    )
    .proposing(Proposal::Fixed("1"))
    .after(&[KEEP_DETAILS])
    .when(IN_DETAIL),
    question(
        "hook",
        Step::Hook,
        choice(Choices::Hooks),
        "Where is sign-in enforced?",
        "In the application's own sidecar every road to it passes sign-in, also from inside the cluster. At the gateway only \
         what comes through the gateway does; it is for an application without a sidecar.",
    )
    .proposing(Proposal::FirstThatWorks)
    .after(&[WORKLOAD, "application.namespace", "application.service.name", "gateway"]),
];
