//! What is known so far of the world that the answers are about: each fact arrives on its own, or fails with its reason.

use crate::facts::{ClusterFacts, GatewaySummary, IssuerFacts, NamespaceSummary, ServiceSummary};
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

/// A fact that a question is waiting for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The tenant that is signed in to.
    Tenant,
    /// The ingress gateways.
    Gateways,
    /// The namespaces.
    Namespaces,
    /// The Services of a namespace.
    Services(String),
    /// The issuers that can sign in a namespace, the gateway's.
    Issuers(String),
    /// What surrounds the application, once it is known where it will be.
    Surroundings(Place),
}

/// A fact that has arrived, or has failed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The name of the tenant that is signed in to, for people.
    Tenant(Fact<String>),
    /// The ingress gateways.
    Gateways(Fact<Vec<GatewaySummary>>),
    /// The namespaces.
    Namespaces(Fact<Vec<NamespaceSummary>>),
    /// The Services of a namespace.
    Services(String, Fact<Vec<ServiceSummary>>),
    /// The issuers that can sign in a namespace.
    Issuers(String, Fact<Vec<IssuerFacts>>),
    /// What surrounds the application.
    Surroundings(Place, Fact<Box<ClusterFacts>>),
}

impl Need {
    /// The news that this could not be found out.
    pub fn failed(self, reason: String) -> News {
        match self {
            Self::Tenant => News::Tenant(Fact::Failed(reason)),
            Self::Gateways => News::Gateways(Fact::Failed(reason)),
            Self::Namespaces => News::Namespaces(Fact::Failed(reason)),
            Self::Services(namespace) => News::Services(namespace, Fact::Failed(reason)),
            Self::Issuers(namespace) => News::Issuers(namespace, Fact::Failed(reason)),
            Self::Surroundings(place) => News::Surroundings(place, Fact::Failed(reason)),
        }
    }
}

/// What is being looked at, as in "Looking at ...".
impl std::fmt::Display for Need {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tenant => formatter.write_str("the tenant"),
            Self::Gateways => formatter.write_str("the ingress gateways"),
            Self::Namespaces => formatter.write_str("the namespaces"),
            Self::Services(namespace) => write!(formatter, "the Services of {namespace}"),
            Self::Issuers(_) => formatter.write_str("the certificate issuers"),
            Self::Surroundings(_) => formatter.write_str("what the mesh does there already"),
        }
    }
}

/// Every fact that questions offer choices from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    tenant: Fact<String>,
    gateways: Fact<Vec<GatewaySummary>>,
    namespaces: Fact<Vec<NamespaceSummary>>,
    services: BTreeMap<String, Fact<Vec<ServiceSummary>>>,
    issuers: BTreeMap<String, Fact<Vec<IssuerFacts>>>,
    surroundings: BTreeMap<Place, Fact<Box<ClusterFacts>>>,
}

impl Discovered {
    /// Takes a fact in.
    pub fn learn(&mut self, news: News) {
        match news {
            News::Tenant(fact) => self.tenant = fact,
            News::Gateways(fact) => self.gateways = fact,
            News::Namespaces(fact) => self.namespaces = fact,
            News::Services(namespace, fact) => {
                self.services.insert(namespace, fact);
            }
            News::Issuers(namespace, fact) => {
                self.issuers.insert(namespace, fact);
            }
            News::Surroundings(place, fact) => {
                self.surroundings.insert(place, fact);
            }
        }
    }

    /// Forgets a fact, so that it is asked for again.
    pub fn forget(&mut self, need: &Need) {
        match need {
            Need::Tenant => self.tenant = Fact::Pending,
            Need::Gateways => self.gateways = Fact::Pending,
            Need::Namespaces => self.namespaces = Fact::Pending,
            Need::Services(namespace) => {
                self.services.remove(namespace);
            }
            Need::Issuers(namespace) => {
                self.issuers.remove(namespace);
            }
            Need::Surroundings(place) => {
                self.surroundings.remove(place);
            }
        }
    }

    /// Whether nobody has found it out yet.
    pub fn is_pending(&self, need: &Need) -> bool {
        match need {
            Need::Tenant => self.tenant.is_pending(),
            Need::Gateways => self.gateways.is_pending(),
            Need::Namespaces => self.namespaces.is_pending(),
            Need::Services(namespace) => self.services(namespace).is_pending(),
            Need::Issuers(namespace) => self.issuers(namespace).is_pending(),
            Need::Surroundings(place) => self.surroundings(place).is_pending(),
        }
    }

    /// Why it could not be found out, where that is so.
    pub fn failure(&self, need: &Need) -> Option<&str> {
        match need {
            Need::Tenant => self.tenant.failure(),
            Need::Gateways => self.gateways.failure(),
            Need::Namespaces => self.namespaces.failure(),
            Need::Services(namespace) => self.services(namespace).failure(),
            Need::Issuers(namespace) => self.issuers(namespace).failure(),
            Need::Surroundings(place) => self.surroundings(place).failure(),
        }
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

    /// What surrounds an application at `place`.
    pub fn surroundings(&self, place: &Place) -> &Fact<Box<ClusterFacts>> {
        self.surroundings.get(place).unwrap_or(&Fact::Pending)
    }
}
