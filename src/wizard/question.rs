//! What a question is: its step, how it is answered, what is proposed, and when it is asked.

/// A part of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Which cluster, which tenant, which gateway.
    Connect,
    /// What is protected, and where.
    Application,
    /// How it is known in Entra.
    Registration,
    /// What it offers, and who gets in.
    Access,
    /// Who signs its certificate.
    Certificate,
    /// How long sessions live, and where.
    Sessions,
    /// Where sign-in is enforced.
    Hook,
    /// All of it, before anything is done.
    Review,
}

impl Step {
    /// The steps, in their order.
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::Application,
        Self::Registration,
        Self::Access,
        Self::Certificate,
        Self::Sessions,
        Self::Hook,
        Self::Review,
    ];

    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Connect => "Connect",
            Self::Application => "Application",
            Self::Registration => "Registration",
            Self::Access => "Scope and consent",
            Self::Certificate => "Certificate",
            Self::Sessions => "Sessions",
            Self::Hook => "Sign-in hook",
            Self::Review => "Review",
        }
    }
}

/// How a question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    Text,
    /// Yes or no.
    YesNo,
    /// Several texts.
    List,
    /// One of the choices that facts offer; `free` where something that is not among them may be written too.
    Choice {
        /// Where the choices come from.
        of: Choices,
        /// Whether something else may be written.
        free: bool,
    },
}

/// Where choices come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choices {
    /// The contexts of the kubeconfig.
    Contexts,
    /// The clouds that go by a name.
    Clouds,
    /// The ways to sign in.
    SignIns,
    /// The tenants that the way to sign in is known to reach.
    SignInTenants,
    /// The applications that are installed already, and a new one.
    Applications,
    /// Whatever tenant is signed in to, or the one that is now.
    Tenants,
    /// The cluster's ingress gateways.
    Gateways,
    /// To deploy the application, or to protect one that is there.
    Workloads,
    /// The cluster's namespaces, and the application's own.
    Namespaces,
    /// The Services of the application's namespace.
    Services,
    /// The ports of the chosen Service.
    Ports,
    /// The claims that can hold an address.
    EmailClaims,
    /// A new registration, or one that is there.
    RegistrationSources,
    /// The applications that are registered already and could be the one.
    Registrations,
    /// To consent here, or to hand it over.
    Consents,
    /// A store of our own, or one that is there.
    Stores,
    /// An issuer, one that is made too, or a Secret that is there.
    Certificates,
    /// The Azure subscriptions.
    Subscriptions,
    /// The DNS zones of the chosen subscription.
    Zones,
    /// The ACME servers that go by a name.
    AcmeServers,
    /// The issuers that can sign in the gateway's namespace.
    Issuers,
    /// The application's sidecar or the gateway.
    Hooks,
}

/// What is proposed to whoever has not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// Nothing: only the person can know.
    Nothing,
    /// This.
    Fixed(&'static str),
    /// What was answered to that question.
    AnswerTo(&'static str),
    /// The domain of the host's organisation: `example.com` for `myapp.cluster.example.com`.
    DomainOfHost,
    /// A wildcard beside the host where the issuer signs wildcards, else the host.
    NamesForHost,
    /// The first of the choices that can work.
    FirstThatWorks,
}

/// When a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Where that question was answered like this.
    Answered(&'static str, &'static str),
    /// Where that question was answered, but not like this.
    AnsweredOtherwise(&'static str, &'static str),
    /// Where both of these were answered like this.
    Both((&'static str, &'static str), (&'static str, &'static str)),
    /// Where a registration is taken over that is not known to be called as people are to see it.
    NameDiffers,
    /// Where it is not plain which gateway is meant.
    GatewayUnclear,
    /// Where the conversation also says what is connected to, and it is neither known beforehand nor the only choice.
    SessionUnclear,
}

/// A question.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name: the answers file's key, where it is about one.
    pub id: &'static str,
    /// The step it belongs to.
    pub step: Step,
    /// What is asked, in one short line.
    pub prompt: &'static str,
    /// Why it matters, for somebody who has never done this.
    pub help: &'static str,
    /// How it is answered.
    pub kind: Kind,
    /// What is proposed.
    pub proposal: Proposal,
    /// The questions whose answers this one rests on: when one of them changes, this is asked again.
    pub depends_on: &'static [&'static str],
    /// When it is asked.
    pub when: When,
}

pub(super) const fn question(
    id: &'static str,
    step: Step,
    kind: Kind,
    prompt: &'static str,
    help: &'static str,
) -> Question {
    Question { id, step, prompt, help, kind, proposal: Proposal::Nothing, depends_on: &[], when: When::Always }
}

impl Question {
    pub(super) const fn proposing(mut self, proposal: Proposal) -> Self {
        self.proposal = proposal;
        self
    }

    pub(super) const fn after(mut self, depends_on: &'static [&'static str]) -> Self {
        self.depends_on = depends_on;
        self
    }

    pub(super) const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }
}

pub(super) const fn choice(of: Choices) -> Kind {
    Kind::Choice { of, free: false }
}

pub(super) const fn choice_or_text(of: Choices) -> Kind {
    Kind::Choice { of, free: true }
}
