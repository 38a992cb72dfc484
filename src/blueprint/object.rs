//! What a blueprint is made of.

use super::reasons::FieldReason;
use crate::{
    answers::{
        Adopt, Consent, DnsZone,
        names::{ClientId, Lifetime},
    },
    secret::Fingerprint,
};
use std::collections::BTreeMap;

/// Something the blueprint needs that may not be known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// It is known.
    Now(T),
    /// It will be, and this says when, such as `known once the application is registered`.
    Later(&'static str),
}

impl Known<String> {
    /// The value, or a text in `‹›` that says when it will be known.
    pub fn text(&self) -> String {
        match self {
            Self::Now(value) => value.clone(),
            Self::Later(when) => format!("‹{when}›"),
        }
    }
}

/// Names a part for plans, events and snapshots, such as `entra/application` or
/// `cluster/security.istio.io/AuthorizationPolicy/myapp/myapp-sign-in`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct PartId(pub String);

/// When a part is made. Everything of a wave is made side by side, and is proven before the next wave begins; teardown goes
/// backwards. The order is law 1: the door is never open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum Wave {
    /// The namespace and the record of the answers: whatever follows can be found again.
    Ground,
    /// The registration in Entra.
    Registration,
    /// An issuer that is made too, and the role that it rests on: before the certificate that it is to sign.
    Issuer,
    /// The certificate, the mesh's provider entry, the way out to sign-in, secrets, service accounts.
    Foundation,
    /// The session store.
    SessionStore,
    /// The sign-in proxy.
    Proxy,
    /// The locks. They are in the cluster before the first pod that they guard.
    Locks,
    /// The application, where we deploy it. The locks can be proven once its pods are up, in their own Envoy.
    Application,
    /// The routes: only after both locks are proven live.
    Routes,
    /// What was done is written down, once everything else is done.
    History,
}

/// One object, or one thing in Entra, that the installation consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name.
    pub id: PartId,
    /// When it is made.
    pub wave: Wave,
    /// One sentence: why it is there.
    pub why: String,
    /// What it is.
    pub body: PartBody,
    /// Why fields of it are as they are: for people, and never sent to a server.
    pub reasons: Vec<FieldReason>,
}

impl Part {
    /// The same, with the reason why `field` of it, a JSON pointer, is as it is.
    #[must_use]
    pub(super) fn because(mut self, field: &'static str, why: &'static str) -> Self {
        self.reasons.push(FieldReason { field, why });
        self
    }

    /// The object, for a part that is one in the cluster.
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.body {
            PartBody::Manifest(manifest) => Some(manifest),
            PartBody::Registration(_) | PartBody::MeshProvider(_) | PartBody::ZoneRole(_) | PartBody::History(_) => {
                None
            }
        }
    }
}

/// What a part is.
#[derive(Clone, Debug, PartialEq)]
pub enum PartBody {
    /// Something in the registration.
    Registration(RegistrationPart),
    /// An object in the cluster that is ours.
    Manifest(Manifest),
    /// Our entry in the mesh configuration, which is somebody else's.
    MeshProvider(MeshProvider),
    /// A role on a zone of Azure DNS.
    ZoneRole(ZoneRole),
    /// The entry in the record that tells of a run. It is no part of what is installed, and no blueprint has one.
    History(HistoryNote),
}

/// Where a run writes down what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryNote {
    /// The namespace of the record.
    pub namespace: String,
    /// The name of the record.
    pub config_map: String,
}

/// The role on one zone that lets an identity write the records that prove names (domain.md 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRole {
    /// The zone.
    pub zone: DnsZone,
    /// The identity's client id.
    pub client_id: ClientId,
    /// What people see beside the assignment: whose it is.
    pub description: String,
}

/// The steps of a registration (domain.md 1.1), in order.
#[derive(Clone, Debug, PartialEq)]
pub enum RegistrationPart {
    /// The application with its redirect URI, scope, app role, permissions and claims.
    Application {
        /// Our alternate key; the application is found again by it.
        unique_name: String,
        /// An application that is there already and is taken over.
        adopt: Option<Adopt>,
        /// What people see.
        display_name: String,
        /// The redirect URI of the web platform.
        redirect_uri: String,
        /// The scope to expose: its value and the id to use if it is new.
        scope: (String, uuid::Uuid),
        /// The app role: its value and the id to use if it is new.
        role: (String, uuid::Uuid),
        /// Optional claims for id and access tokens, such as `email`.
        optional_claims: Vec<String>,
        /// Marks the application as ours.
        tags: Vec<String>,
    },
    /// `api://CLIENT_ID`, which can only be set once the client id is known.
    IdentifierUri,
    /// The service principal.
    ServicePrincipal {
        /// Whether only those with an assignment get a token.
        assignment_required: bool,
    },
    /// Consent for everybody to delegated permissions on one resource.
    Grant {
        /// Whose permissions they are.
        resource: GrantResource,
        /// The scopes.
        scopes: Vec<String>,
        /// Who gives it.
        by: Consent,
    },
    /// The app role given to the application itself, so that its own `client_credentials` get in.
    RoleAssignment {
        /// The role's value.
        role: String,
    },
    /// A client secret.
    ClientSecret {
        /// How it is named, so that ours can be told from others'.
        display_name: String,
        /// How long it lives.
        lifetime: Lifetime,
    },
}

/// Whose permissions a grant is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantResource {
    /// Microsoft Graph.
    Graph,
    /// The application itself.
    Own,
}

/// An object in the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The object as it is applied: apiVersion, kind, metadata and the rest. Values that are not known yet are texts in `‹›`;
    /// values that are secret are absent, and named in `secrets`.
    pub object: serde_json::Value,
    /// For a Secret: which keys it has and where each value comes from.
    pub secrets: BTreeMap<String, SecretValue>,
}

/// Where the value of a Secret's key comes from. A value that is in the cluster already is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretValue {
    /// So many random bytes, base64url without padding.
    Random {
        /// How many.
        bytes: usize,
    },
    /// The client secret of the registration.
    ClientSecret,
    /// The same value as another key of another Secret of ours, in the same namespace.
    SameAs {
        /// The Secret's name.
        secret: String,
        /// The key in it.
        key: String,
    },
}

/// Our entry in the mesh configuration's `extensionProviders`.
#[derive(Clone, Debug, PartialEq)]
pub struct MeshProvider {
    /// The ConfigMap's namespace.
    pub namespace: String,
    /// The ConfigMap's name.
    pub config_map: String,
    /// The key in it.
    pub key: String,
    /// The entry; its `name` is ours alone.
    pub entry: serde_json::Value,
}

/// What a blueprint is told of what exists already and only the outside knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// The registration, once there is one.
    pub registered: Known<crate::facts::RegisteredFacts>,
    /// A fingerprint over the values that a pod reads from a Secret, by the Secret's name, so that pods are replaced when a
    /// value changes (models.md B10).
    pub secret_fingerprints: BTreeMap<String, Fingerprint>,
    /// The same as it was when the program that the Secret is for was started, by the Secret's name, where that program was told of
    /// another value while it ran.
    pub started_with: BTreeMap<String, Fingerprint>,
}
