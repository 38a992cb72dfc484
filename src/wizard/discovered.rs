//! What is known so far of the world that the answers are about: each fact arrives on its own, or fails with its reason.

use crate::{
    answers::Answers,
    facts::{
        ClusterFacts, ConsentRight, ContextSummary, GatewaySummary, IssuerFacts, NamespaceSummary, RegistrationSummary,
        ServiceSummary, SignInSummary, SubscriptionSummary, ZoneSummary,
    },
};
use std::collections::BTreeMap;

/// One fact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fact<T> {
    /// Nobody knows yet.
    #[default]
    Pending,
    /// It is this.
    Known(T),
    /// It could not be found out, and why.
    Failed(String),
}

impl<T> Fact<T> {
    /// The fact, once it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(fact) => Some(fact),
            Self::Pending | Self::Failed(_) => None,
        }
    }

    /// Why it is not known, where that is so.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(reason) => Some(reason),
            Self::Pending | Self::Known(_) => None,
        }
    }

    /// Whether nobody has found out yet.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Pending)
    }
}

/// What the surroundings of an application are looked at for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The application's name.
    pub app: String,
    /// Its namespace.
    pub namespace: String,
    /// The Service that is there already, where one is named.
    pub service: Option<String>,
    /// The gateway, as its namespace and its Service, where one is chosen.
    pub gateway: Option<(String, String)>,
}

/// An application that is installed already, and the answers that its installation has recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedApplication {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its answers, or why they cannot be read.
    pub answers: Result<Box<Answers>, String>,
}

impl RecordedApplication {
    /// `NAMESPACE/NAME`, which no other has.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// What an application that is registered already is looked for by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Likeness {
    /// The application's name, which its display name may begin with.
    pub name: String,
    /// Its host, which a redirect URI may be for.
    pub host: String,
}

/// Where a fact is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// On this machine; nobody else is asked.
    Machine,
    /// In the cluster.
    Cluster,
    /// In the tenant, signed in.
    Tenant,
}

/// A fact that a question is waiting for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The contexts of the kubeconfig.
    Contexts,
    /// The ways to sign in to a cloud.
    SignIns(String),
    /// The applications that are installed already.
    Installations,
    /// The tenant that is signed in to.
    Tenant,
    /// The applications that are registered already and could be the one.
    Registrations(Likeness),
    /// Whether who is signed in may consent for everybody.
    ConsentRight,
    /// The ingress gateways.
    Gateways,
    /// The namespaces.
    Namespaces,
    /// The Services of a namespace.
    Services(String),
    /// The issuers that can sign in a namespace, the gateway's.
    Issuers(String),
    /// The Azure subscriptions.
    Subscriptions,
    /// The DNS zones of a subscription.
    Zones(String),
    /// What surrounds the application, once it is known where it will be.
    Surroundings(Place),
}

/// A fact that has arrived, or has failed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The contexts of the kubeconfig.
    Contexts(Fact<Vec<ContextSummary>>),
    /// The ways to sign in to a cloud.
    SignIns(String, Fact<Vec<SignInSummary>>),
    /// The applications that are installed already.
    Installations(Fact<Vec<RecordedApplication>>),
    /// The name of the tenant that is signed in to, for people.
    Tenant(Fact<String>),
    /// The applications that are registered already and could be the one.
    Registrations(Likeness, Fact<Vec<RegistrationSummary>>),
    /// Whether who is signed in may consent for everybody.
    ConsentRight(Fact<ConsentRight>),
    /// The ingress gateways.
    Gateways(Fact<Vec<GatewaySummary>>),
    /// The namespaces.
    Namespaces(Fact<Vec<NamespaceSummary>>),
    /// The Services of a namespace.
    Services(String, Fact<Vec<ServiceSummary>>),
    /// The issuers that can sign in a namespace.
    Issuers(String, Fact<Vec<IssuerFacts>>),
    /// The Azure subscriptions.
    Subscriptions(Fact<Vec<SubscriptionSummary>>),
    /// The DNS zones of a subscription.
    Zones(String, Fact<Vec<ZoneSummary>>),
    /// What surrounds the application.
    Surroundings(Place, Fact<Box<ClusterFacts>>),
}

impl News {
    /// What this is the answer to.
    pub fn need(&self) -> Need {
        match self {
            Self::Contexts(_) => Need::Contexts,
            Self::SignIns(cloud, _) => Need::SignIns(cloud.clone()),
            Self::Installations(_) => Need::Installations,
            Self::Tenant(_) => Need::Tenant,
            Self::Registrations(likeness, _) => Need::Registrations(likeness.clone()),
            Self::ConsentRight(_) => Need::ConsentRight,
            Self::Gateways(_) => Need::Gateways,
            Self::Namespaces(_) => Need::Namespaces,
            Self::Services(namespace, _) => Need::Services(namespace.clone()),
            Self::Issuers(namespace, _) => Need::Issuers(namespace.clone()),
            Self::Subscriptions(_) => Need::Subscriptions,
            Self::Zones(subscription, _) => Need::Zones(subscription.clone()),
            Self::Surroundings(place, _) => Need::Surroundings(place.clone()),
        }
    }
}

impl Need {
    /// Where it is found out.
    pub fn side(&self) -> Side {
        match self {
            Self::Contexts | Self::SignIns(_) => Side::Machine,
            Self::Tenant | Self::Registrations(_) | Self::ConsentRight | Self::Subscriptions | Self::Zones(_) => {
                Side::Tenant
            }
            Self::Installations
            | Self::Gateways
            | Self::Namespaces
            | Self::Services(_)
            | Self::Issuers(_)
            | Self::Surroundings(_) => Side::Cluster,
        }
    }

    /// The news that this could not be found out.
    pub fn failed(self, reason: String) -> News {
        match self {
            Self::Contexts => News::Contexts(Fact::Failed(reason)),
            Self::SignIns(cloud) => News::SignIns(cloud, Fact::Failed(reason)),
            Self::Installations => News::Installations(Fact::Failed(reason)),
            Self::Tenant => News::Tenant(Fact::Failed(reason)),
            Self::Registrations(likeness) => News::Registrations(likeness, Fact::Failed(reason)),
            Self::ConsentRight => News::ConsentRight(Fact::Failed(reason)),
            Self::Gateways => News::Gateways(Fact::Failed(reason)),
            Self::Namespaces => News::Namespaces(Fact::Failed(reason)),
            Self::Services(namespace) => News::Services(namespace, Fact::Failed(reason)),
            Self::Issuers(namespace) => News::Issuers(namespace, Fact::Failed(reason)),
            Self::Subscriptions => News::Subscriptions(Fact::Failed(reason)),
            Self::Zones(subscription) => News::Zones(subscription, Fact::Failed(reason)),
            Self::Surroundings(place) => News::Surroundings(place, Fact::Failed(reason)),
        }
    }
}

/// What is being looked at, as in "Looking at ...".
impl std::fmt::Display for Need {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Contexts => formatter.write_str("the kubeconfig"),
            Self::SignIns(_) => formatter.write_str("the ways to sign in"),
            Self::Installations => formatter.write_str("what is installed already"),
            Self::Tenant => formatter.write_str("the tenant"),
            Self::Registrations(_) => formatter.write_str("the applications that are registered already"),
            Self::ConsentRight => formatter.write_str("your rights in the tenant"),
            Self::Gateways => formatter.write_str("the ingress gateways"),
            Self::Namespaces => formatter.write_str("the namespaces"),
            Self::Services(namespace) => write!(formatter, "the Services of {namespace}"),
            Self::Issuers(_) => formatter.write_str("the certificate issuers"),
            Self::Subscriptions => formatter.write_str("the Azure subscriptions"),
            Self::Zones(_) => formatter.write_str("the DNS zones of the subscription"),
            Self::Surroundings(_) => formatter.write_str("what the mesh does there already"),
        }
    }
}

/// Every fact that questions offer choices from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    contexts: Fact<Vec<ContextSummary>>,
    sign_ins: BTreeMap<String, Fact<Vec<SignInSummary>>>,
    installations: Fact<Vec<RecordedApplication>>,
    tenant: Fact<String>,
    registrations: BTreeMap<Likeness, Fact<Vec<RegistrationSummary>>>,
    consent_right: Fact<ConsentRight>,
    gateways: Fact<Vec<GatewaySummary>>,
    namespaces: Fact<Vec<NamespaceSummary>>,
    services: BTreeMap<String, Fact<Vec<ServiceSummary>>>,
    issuers: BTreeMap<String, Fact<Vec<IssuerFacts>>>,
    subscriptions: Fact<Vec<SubscriptionSummary>>,
    zones: BTreeMap<String, Fact<Vec<ZoneSummary>>>,
    surroundings: BTreeMap<Place, Fact<Box<ClusterFacts>>>,
}

impl Discovered {
    /// Takes a fact in.
    pub fn learn(&mut self, news: News) {
        match news {
            News::Contexts(fact) => self.contexts = fact,
            News::SignIns(cloud, fact) => {
                self.sign_ins.insert(cloud, fact);
            }
            News::Installations(fact) => self.installations = fact,
            News::Tenant(fact) => self.tenant = fact,
            News::Registrations(likeness, fact) => {
                self.registrations.insert(likeness, fact);
            }
            News::ConsentRight(fact) => self.consent_right = fact,
            News::Gateways(fact) => self.gateways = fact,
            News::Namespaces(fact) => self.namespaces = fact,
            News::Services(namespace, fact) => {
                self.services.insert(namespace, fact);
            }
            News::Issuers(namespace, fact) => {
                self.issuers.insert(namespace, fact);
            }
            News::Subscriptions(fact) => self.subscriptions = fact,
            News::Zones(subscription, fact) => {
                self.zones.insert(subscription, fact);
            }
            News::Surroundings(place, fact) => {
                self.surroundings.insert(place, fact);
            }
        }
    }

    /// Forgets a fact, so that it is asked for again.
    pub fn forget(&mut self, need: &Need) {
        match need {
            Need::Contexts => self.contexts = Fact::Pending,
            Need::SignIns(cloud) => {
                self.sign_ins.remove(cloud);
            }
            Need::Installations => self.installations = Fact::Pending,
            Need::Tenant => self.tenant = Fact::Pending,
            Need::Registrations(likeness) => {
                self.registrations.remove(likeness);
            }
            Need::ConsentRight => self.consent_right = Fact::Pending,
            Need::Gateways => self.gateways = Fact::Pending,
            Need::Namespaces => self.namespaces = Fact::Pending,
            Need::Services(namespace) => {
                self.services.remove(namespace);
            }
            Need::Issuers(namespace) => {
                self.issuers.remove(namespace);
            }
            Need::Subscriptions => self.subscriptions = Fact::Pending,
            Need::Zones(subscription) => {
                self.zones.remove(subscription);
            }
            Need::Surroundings(place) => {
                self.surroundings.remove(place);
            }
        }
    }

    /// Forgets whatever was found out on `side`, because another cluster or tenant is looked at from now on.
    pub fn forget_all_of(&mut self, side: Side) {
        let before = std::mem::take(self);
        match side {
            Side::Machine => *self = Self { contexts: Fact::Pending, sign_ins: BTreeMap::new(), ..before },
            // By what stays: a fact that nobody names here is better found out anew than taken for another place's.
            Side::Cluster => {
                *self = Self {
                    contexts: before.contexts,
                    sign_ins: before.sign_ins,
                    tenant: before.tenant,
                    registrations: before.registrations,
                    consent_right: before.consent_right,
                    subscriptions: before.subscriptions,
                    zones: before.zones,
                    ..Self::default()
                };
            }
            Side::Tenant => {
                *self = Self {
                    tenant: Fact::Pending,
                    registrations: BTreeMap::new(),
                    consent_right: Fact::Pending,
                    subscriptions: Fact::Pending,
                    zones: BTreeMap::new(),
                    ..before
                };
            }
        }
    }

    /// Forgets whatever could not be found out, so that it is asked for again.
    pub fn forget_failures(&mut self) {
        fn once_more<T>(fact: &mut Fact<T>) {
            if fact.failure().is_some() {
                *fact = Fact::Pending;
            }
        }
        once_more(&mut self.contexts);
        once_more(&mut self.installations);
        once_more(&mut self.tenant);
        once_more(&mut self.consent_right);
        once_more(&mut self.gateways);
        once_more(&mut self.namespaces);
        once_more(&mut self.subscriptions);
        self.zones.retain(|_, fact| fact.failure().is_none());
        self.sign_ins.retain(|_, fact| fact.failure().is_none());
        self.registrations.retain(|_, fact| fact.failure().is_none());
        self.services.retain(|_, fact| fact.failure().is_none());
        self.issuers.retain(|_, fact| fact.failure().is_none());
        self.surroundings.retain(|_, fact| fact.failure().is_none());
    }

    /// Whether nobody has found it out yet.
    pub fn is_pending(&self, need: &Need) -> bool {
        match need {
            Need::Contexts => self.contexts.is_pending(),
            Need::SignIns(cloud) => self.sign_ins(cloud).is_pending(),
            Need::Installations => self.installations.is_pending(),
            Need::Tenant => self.tenant.is_pending(),
            Need::Registrations(likeness) => self.registrations(likeness).is_pending(),
            Need::ConsentRight => self.consent_right.is_pending(),
            Need::Gateways => self.gateways.is_pending(),
            Need::Namespaces => self.namespaces.is_pending(),
            Need::Services(namespace) => self.services(namespace).is_pending(),
            Need::Issuers(namespace) => self.issuers(namespace).is_pending(),
            Need::Subscriptions => self.subscriptions.is_pending(),
            Need::Zones(subscription) => self.zones(subscription).is_pending(),
            Need::Surroundings(place) => self.surroundings(place).is_pending(),
        }
    }

    /// Why it could not be found out, where that is so.
    pub fn failure(&self, need: &Need) -> Option<&str> {
        match need {
            Need::Contexts => self.contexts.failure(),
            Need::SignIns(cloud) => self.sign_ins(cloud).failure(),
            Need::Installations => self.installations.failure(),
            Need::Tenant => self.tenant.failure(),
            Need::Registrations(likeness) => self.registrations(likeness).failure(),
            Need::ConsentRight => self.consent_right.failure(),
            Need::Gateways => self.gateways.failure(),
            Need::Namespaces => self.namespaces.failure(),
            Need::Services(namespace) => self.services(namespace).failure(),
            Need::Issuers(namespace) => self.issuers(namespace).failure(),
            Need::Subscriptions => self.subscriptions.failure(),
            Need::Zones(subscription) => self.zones(subscription).failure(),
            Need::Surroundings(place) => self.surroundings(place).failure(),
        }
    }

    /// The applications that are registered already and could be the one.
    pub fn registrations(&self, likeness: &Likeness) -> &Fact<Vec<RegistrationSummary>> {
        self.registrations.get(likeness).unwrap_or(&Fact::Pending)
    }

    /// Whether who is signed in may consent for everybody.
    pub fn consent_right(&self) -> &Fact<ConsentRight> {
        &self.consent_right
    }

    /// The contexts of the kubeconfig, the current one first.
    pub fn contexts(&self) -> &Fact<Vec<ContextSummary>> {
        &self.contexts
    }

    /// The ways to sign in to `cloud`.
    pub fn sign_ins(&self, cloud: &str) -> &Fact<Vec<SignInSummary>> {
        self.sign_ins.get(cloud).unwrap_or(&Fact::Pending)
    }

    /// The applications that are installed already.
    pub fn installations(&self) -> &Fact<Vec<RecordedApplication>> {
        &self.installations
    }

    /// The tenant that is signed in to.
    pub fn tenant(&self) -> &Fact<String> {
        &self.tenant
    }

    /// The ingress gateways.
    pub fn gateways(&self) -> &Fact<Vec<GatewaySummary>> {
        &self.gateways
    }

    /// The namespaces.
    pub fn namespaces(&self) -> &Fact<Vec<NamespaceSummary>> {
        &self.namespaces
    }

    /// The Services of `namespace`.
    pub fn services(&self, namespace: &str) -> &Fact<Vec<ServiceSummary>> {
        self.services.get(namespace).unwrap_or(&Fact::Pending)
    }

    /// The issuers that can sign in `namespace`.
    pub fn issuers(&self, namespace: &str) -> &Fact<Vec<IssuerFacts>> {
        self.issuers.get(namespace).unwrap_or(&Fact::Pending)
    }

    /// The Azure subscriptions.
    pub fn subscriptions(&self) -> &Fact<Vec<SubscriptionSummary>> {
        &self.subscriptions
    }

    /// The DNS zones of `subscription`.
    pub fn zones(&self, subscription: &str) -> &Fact<Vec<ZoneSummary>> {
        self.zones.get(subscription).unwrap_or(&Fact::Pending)
    }

    /// What surrounds an application at `place`.
    pub fn surroundings(&self, place: &Place) -> &Fact<Box<ClusterFacts>> {
        self.surroundings.get(place).unwrap_or(&Fact::Pending)
    }
}
