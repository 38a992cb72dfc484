//! What the person decided: types that cannot hold nonsense, and the file they are kept in.
//!
//! Nothing in here is a secret, and nothing in here was discovered: that is [`crate::facts`].

mod azure;
mod checks;
mod differences;
mod document;
pub mod file;
pub mod keys;
mod mistakes;
pub mod names;
mod reader;
pub mod redis;
mod spelling;
mod strangers;
#[cfg(test)]
mod tests;
mod writer;

pub use differences::Difference;
pub use mistakes::{Mistake, Mistakes};
pub use redis::RedisAddress;

use names::{
    AcmeServer, AppName, ClientId, DisplayName, DnsName, EmailAddress, EmailDomain, Hostname, ImageReference,
    IssuerName, Lifetime, Namespace, Port, RedisUser, ResourceGroup, ScopeName, SecretKey, SecretName, ServiceName,
    SubscriptionId, TenantId, ZoneName,
};

/// Every decision that one installation rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The application to protect.
    pub application: Application,
    /// Its registration in Entra.
    pub registration: Registration,
    /// Who gets in.
    pub access: Access,
    /// The certificate that the gateway shows.
    pub certificate: Certificate,
    /// Where sessions are kept.
    pub sessions: Sessions,
    /// The sign-in proxy.
    pub proxy: Proxy,
    /// Where the two locks sit (design.md, "Two locks").
    pub hook: HookPlacement,
    /// Which ingress gateway carries the traffic; `None` takes the only one there is.
    pub gateway: Option<GatewayChoice>,
}

/// The application to protect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Names everything we make; a DNS label.
    pub name: AppName,
    /// Where the application, the sign-in proxy and the session store live.
    pub namespace: Namespace,
    /// The one host name people type.
    pub host: Hostname,
    /// The Service in front of it, there already or made by us.
    pub workload: Workload,
}

/// How the application gets into the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A Service that is there already.
    Existing {
        /// Its name, in the application's namespace.
        service: ServiceName,
        /// The port of the Service (not of the container).
        port: Port,
    },
    /// A Deployment and a Service that we make; both are named after the application.
    Deploy {
        /// The container image.
        image: ImageReference,
        /// The port the container listens on.
        container_port: Port,
        /// The port the Service offers.
        service_port: Port,
        /// How many pods.
        replicas: u16,
    },
}

/// The registration in Entra.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The tenant to register in; `None` takes the signed-in one.
    pub tenant: Option<TenantId>,
    /// An application that is registered already and is taken over; `None` makes one.
    pub adopt: Option<Adopt>,
    /// What people see on the consent page and in the portal.
    pub display_name: DisplayName,
    /// The scope to expose; the walk-through's `user_impersonation`.
    pub scope: ScopeName,
    /// How long a client secret lives.
    pub secret_lifetime: Lifetime,
    /// Whether only people and applications with an assignment get a token at all.
    pub assignment_required: bool,
    /// Who consents for everybody to what sign-in needs.
    pub consent: Consent,
}

/// Who consents for everybody to what sign-in needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// We do, if we may; otherwise it is handed over.
    Grant,
    /// An administrator, from a link that is handed over; it is never tried here.
    HandOver,
}

/// A registration that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopt {
    /// Its client id.
    pub client_id: ClientId,
    /// Whether it gets our display name; otherwise it keeps its own.
    pub rename: bool,
}

/// Who gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// People whose address ends in one of these; empty means everyone the tenant gives a token to.
    pub email_domains: Vec<EmailDomain>,
    /// Which claim of the token holds the address.
    pub email_claim: EmailClaim,
    /// Whether applications get in with `client_credentials`, if they hold the role [`crate::blueprint::APP_ROLE`].
    pub machines: bool,
}

/// The claim that holds a person's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailClaim {
    /// `email`: only there for accounts with a mailbox (domain.md 2.3).
    Email,
    /// `preferred_username`: always there, but can be changed by an administrator.
    PreferredUsername,
}

/// The certificate that the gateway shows. Its Secret is in the gateway's own namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// cert-manager makes and renews it.
    Issued {
        /// Who signs it.
        issuer: Issuer,
        /// The names on it; never empty, and one of them covers the application's host.
        names: Vec<DnsName>,
    },
    /// cert-manager makes and renews it, and its issuer is made too.
    NewlyIssued {
        /// Who signs it.
        issuer: NewIssuer,
        /// The names on it; never empty, one of them covers the application's host, and all are within the issuer's zone.
        names: Vec<DnsName>,
    },
    /// Somebody else keeps it there.
    Existing {
        /// The name of its Secret, of type `kubernetes.io/tls`.
        secret: SecretName,
    },
}

impl Certificate {
    /// The issuer, where it is there already.
    pub fn issuer(&self) -> Option<&Issuer> {
        match self {
            Self::Issued { issuer, .. } => Some(issuer),
            Self::NewlyIssued { .. } | Self::Existing { .. } => None,
        }
    }

    /// The issuer, where it is to be made.
    pub fn new_issuer(&self) -> Option<&NewIssuer> {
        match self {
            Self::NewlyIssued { issuer, .. } => Some(issuer),
            Self::Issued { .. } | Self::Existing { .. } => None,
        }
    }

    /// The names on it, where cert-manager makes it.
    pub fn issued_names(&self) -> Option<&[DnsName]> {
        match self {
            Self::Issued { names, .. } | Self::NewlyIssued { names, .. } => Some(names),
            Self::Existing { .. } => None,
        }
    }

    /// The Secret's name, where it is there already.
    pub fn existing_secret(&self) -> Option<&SecretName> {
        match self {
            Self::Issued { .. } | Self::NewlyIssued { .. } => None,
            Self::Existing { secret } => Some(secret),
        }
    }
}

/// An issuer that is made: an ACME server that has the names proven in a zone of Azure DNS (domain.md 5.4).
///
/// cert-manager's own identity writes the proof, so there is no secret in it and none to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIssuer {
    /// Who signs.
    pub server: AcmeServer,
    /// Whom the server may write to about its account.
    pub email: Option<EmailAddress>,
    /// The zone that the names are in.
    pub zone: DnsZone,
    /// The identity of cert-manager's pods that writes into the zone, by its client id.
    pub client_id: ClientId,
}

/// A public zone of Azure DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsZone {
    /// The subscription it is in.
    pub subscription: SubscriptionId,
    /// The resource group it is in.
    pub resource_group: ResourceGroup,
    /// Its name: the domain it answers for.
    pub name: ZoneName,
}

/// A cert-manager issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Cluster-wide, or of the gateway's namespace.
    pub kind: IssuerKind,
    /// Its name.
    pub name: IssuerName,
}

/// The two kinds of cert-manager issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// Usable from every namespace.
    ClusterIssuer,
    /// Usable only from its own namespace, which must be the gateway's.
    Issuer,
}

impl IssuerKind {
    /// The kind as Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        keys::word(keys::ISSUER_KINDS, &self)
    }
}

/// Where sessions are kept (domain.md 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// In a Valkey that we deploy beside the application.
    Own {
        /// The container image.
        image: ImageReference,
    },
    /// In a Redis or Valkey that is there already.
    Existing(Redis),
}

impl Sessions {
    /// The Redis or Valkey that is there already, if that is where they are kept.
    pub fn existing(&self) -> Option<&Redis> {
        match self {
            Self::Own { .. } => None,
            Self::Existing(redis) => Some(redis),
        }
    }
}

/// A Redis or Valkey that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// Where it is.
    pub address: RedisAddress,
    /// Who signs in to it; `None` means the user `default`, as every Redis before 6 has it.
    pub username: Option<RedisUser>,
    /// Where the password is.
    pub password: PasswordSource,
}

/// A key of a Secret in the application's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSource {
    /// The Secret.
    pub secret: SecretName,
    /// The key in it.
    pub key: SecretKey,
}

/// The sign-in proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The container image of oauth2-proxy; its tag decides which settings it knows (domain.md 3.2).
    pub image: ImageReference,
    /// How many pods.
    pub replicas: u16,
    /// How long a session lives at most.
    pub session_lifetime: Lifetime,
    /// How often it is renewed; shorter than `session_lifetime`.
    pub session_refresh: Lifetime,
}

/// Where the two locks sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookPlacement {
    /// In the application's own sidecar: every road to the application passes them.
    Sidecar,
    /// At the gateway, for an application without a sidecar.
    Gateway,
}

/// An ingress gateway, by the Service in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayChoice {
    /// The namespace of the gateway's pods.
    pub namespace: Namespace,
    /// The name of its Service.
    pub service: ServiceName,
}
