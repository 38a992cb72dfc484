//! The practice ground's tenant: Entra sign-in, Microsoft Graph and as much of Resource Manager as a sign-in asks for.
//!
//! It is as strict as the real one: unknown properties, missing rights, enabled permissions, taken names, secrets that have
//! not reached the token endpoint yet are refused with the same status, code and words (domain.md 1 and 2).
//!
//! What it does not imitate: passwords, multi-factor and conditional access; the version 1 endpoints beyond their metadata and
//! keys; the signature of a federated credential's token; certificates as credentials; `slow_down` for devices; `$batch`,
//! `$expand`, `$search` and delta queries; throttling (a scenario adds that from outside).

mod directory;
mod graph;
mod reply;
mod resource_manager;
mod seed;
mod settings;
mod sign_in;
mod signing;

pub use resource_manager::RecordRefused;
pub use settings::{
    CredentialPolicy, DeviceSignIn, HandMadeApplication, HandMadeConsent, HandMadeSecret, Replication, Rights, Settings,
};
pub use signing::SigningError;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use directory::Directory;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signing::{SavedKey, SigningKeys};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The largest request body that is read, in bytes.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// A practice tenant; clones are the same tenant.
#[derive(Clone)]
pub struct Tenant {
    shared: Arc<Shared>,
}

struct Shared {
    core: Mutex<Core>,
    changes: watch::Sender<u64>,
}

/// The tenant's state and what is needed to answer from it.
struct Core {
    settings: Settings,
    directory: Directory,
    keys: SigningKeys,
    addresses: Addresses,
    pipeline_secret: String,
    pending: sign_in::Pending,
    clock_ahead: SignedDuration,
    changed: bool,
}

/// Where the tenant's three servers are reached, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Sign-in, the counterpart of `https://login.microsoftonline.com`.
    pub sign_in: String,
    /// Graph, the counterpart of `https://graph.microsoft.com`.
    pub graph: String,
    /// Resource Manager, the counterpart of `https://management.azure.com`.
    pub resource_manager: String,
}

/// How a program signs in to the practice tenant with nobody at the keyboard.
#[derive(Clone)]
pub struct PipelineSignIn {
    /// Tenant id.
    pub tenant_id: String,
    /// Client id of the practice pipeline.
    pub client_id: String,
    /// Its client secret; it opens nothing but the practice tenant.
    pub client_secret: String,
}

impl fmt::Debug for PipelineSignIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PipelineSignIn({} in {})", self.client_id, self.tenant_id)
    }
}

/// The tenant as it is saved.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    version: u32,
    directory: Directory,
    signing_keys: Vec<SavedKey>,
    pipeline_secret: String,
}

/// The tenant could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// Its signing key could not be made or read.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The saved state is not one of ours.
    #[error("the saved practice tenant cannot be read ({0}); `gatewright practice reset` starts a new one")]
    Saved(#[from] serde_json::Error),
    /// The saved state is of another version.
    #[error(
        "the saved practice tenant has version {0}, this program knows version 1; `gatewright practice reset` starts a new one"
    )]
    Version(u32),
    /// The scenario has an application that Graph would not take.
    #[error("the application {client_id} of the scenario can't be put into the practice tenant: {cause}")]
    HandMade {
        /// Its client id.
        client_id: String,
        /// What Graph would say.
        cause: String,
    },
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] crate::secret::NoRandomness),
}

/// One request as the servers see it.
struct Call {
    method: Method,
    /// The raw path, still percent-encoded.
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Tenant {
    /// A tenant that nobody has touched.
    pub fn new(settings: Settings) -> Result<Self, TenantError> {
        Self::with_keys(settings, SigningKeys::generate()?)
    }

    fn with_keys(settings: Settings, keys: SigningKeys) -> Result<Self, TenantError> {
        let pipeline_secret = graph::new_secret_text()?;
        let directory = seed::directory(&pipeline_secret);
        Self::from_parts(settings, directory, keys, pipeline_secret)
    }

    /// The tenant of an earlier [`Tenant::snapshot`]; settings are not part of a snapshot.
    pub fn restore(settings: Settings, snapshot: &Value) -> Result<Self, TenantError> {
        let saved = Saved::deserialize(snapshot)?;
        if saved.version != 1 {
            return Err(TenantError::Version(saved.version));
        }
        let keys = SigningKeys::restore(saved.signing_keys)?;
        let mut directory = saved.directory;
        seed::complete(&mut directory);
        Self::from_parts(settings, directory, keys, saved.pipeline_secret)
    }

    fn from_parts(
        settings: Settings,
        directory: Directory,
        keys: SigningKeys,
        pipeline_secret: String,
    ) -> Result<Self, TenantError> {
        let hand_made = settings.applications.clone();
        let mut core = Core {
            settings,
            directory,
            keys,
            addresses: Addresses {
                sign_in: "https://login.microsoftonline.com".into(),
                graph: "https://graph.microsoft.com".into(),
                resource_manager: "https://management.azure.com".into(),
            },
            pipeline_secret,
            pending: sign_in::Pending::default(),
            clock_ahead: SignedDuration::ZERO,
            changed: false,
        };
        for application in hand_made {
            let refused = |cause| TenantError::HandMade { client_id: application.client_id.clone(), cause };
            graph::put_hand_made(&mut core, &application).map_err(refused)?;
        }
        let (changes, _) = watch::channel(0);
        Ok(Self { shared: Arc::new(Shared { core: Mutex::new(core), changes }) })
    }

    /// The whole state. Client secrets are not in it, only what recognises them; the practice pipeline's own is.
    pub fn snapshot(&self) -> Value {
        let core = self.core();
        let saved = Saved {
            version: 1,
            directory: core.directory.clone(),
            signing_keys: core.keys.save(),
            pipeline_secret: core.pipeline_secret.clone(),
        };
        serde_json::to_value(saved).unwrap_or(Value::Null)
    }

    /// Counts changes of what [`Tenant::snapshot`] returns.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Tells the tenant where its servers are reached; issuers, metadata and audiences follow. No trailing slash.
    pub fn set_base_urls(&self, sign_in: &str, graph: &str, resource_manager: &str) {
        let bare = |url: &str| url.trim_end_matches('/').to_owned();
        self.core().addresses =
            Addresses { sign_in: bare(sign_in), graph: bare(graph), resource_manager: bare(resource_manager) };
    }

    /// Where the tenant's servers are reached.
    pub fn addresses(&self) -> Addresses {
        self.core().addresses.clone()
    }

    /// Changes how the tenant behaves, from the next request on.
    pub fn adjust(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.core().settings);
    }

    /// The tenant's id.
    pub fn id(&self) -> String {
        self.core().directory.organization.id.to_string()
    }

    /// The issuer of version 2 tokens.
    pub fn issuer(&self) -> String {
        self.core().issuer()
    }

    /// The published keys, as the sign-in server shows them.
    pub fn key_set(&self) -> Value {
        self.core().keys.published(None)
    }

    /// How a program signs in with nobody at the keyboard.
    pub fn pipeline(&self) -> PipelineSignIn {
        let core = self.core();
        PipelineSignIn {
            tenant_id: core.directory.organization.id.to_string(),
            client_id: seed::PIPELINE.into(),
            client_secret: core.pipeline_secret.clone(),
        }
    }

    /// Moves the tenant's clock, so that what takes months can be tried now.
    pub fn advance_clock(&self, by: SignedDuration) {
        let mut core = self.core();
        core.clock_ahead = core.clock_ahead.saturating_add(by);
    }

    /// From now on a new key signs; the ones before stay published.
    pub fn roll_over_keys(&self) -> Result<(), TenantError> {
        let mut core = self.core();
        core.keys.roll_over()?;
        core.changed = true;
        self.announce(core);
        Ok(())
    }

    /// Consents for everybody to the delegated permissions an application's registration lists, as an administrator would
    /// who was sent the link. False when the tenant does not know the application or it has no service principal.
    pub fn grant_admin_consent(&self, client_id: &str) -> bool {
        let mut core = self.core();
        let known = sign_in::consent_for_everybody(&mut core, client_id);
        self.announce(core);
        known
    }

    /// Sign-in: metadata, keys, authorize, token, device codes.
    pub fn sign_in_router(&self) -> Router {
        Router::new().fallback(sign_in_server).with_state(self.clone())
    }

    /// Microsoft Graph v1.0.
    pub fn graph_router(&self) -> Router {
        Router::new().fallback(graph_server).with_state(self.clone())
    }

    /// Azure Resource Manager.
    pub fn resource_manager_router(&self) -> Router {
        Router::new().fallback(resource_manager_server).with_state(self.clone())
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.shared.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the state back and wakes who saves it, if it changed.
    fn announce(&self, mut core: MutexGuard<'_, Core>) {
        let changed = std::mem::take(&mut core.changed);
        drop(core);
        if changed {
            self.shared.changes.send_modify(|count| *count += 1);
        }
    }

    fn answer(&self, call: &Call, server: fn(&mut Core, &Call) -> reply::Reply) -> reply::Reply {
        let mut core = self.core();
        let reply = server(&mut core, call);
        self.announce(core);
        reply
    }
}

impl Core {
    /// The tenant's own clock.
    fn now(&self) -> Timestamp {
        Timestamp::now().checked_add(self.clock_ahead).unwrap_or(Timestamp::MAX)
    }

    fn tenant_id(&self) -> String {
        self.directory.organization.id.to_string()
    }

    fn issuer(&self) -> String {
        format!("{}/{}/v2.0", self.addresses.sign_in, self.directory.organization.id)
    }
}

impl Call {
    /// Reads the request; nothing when its body is too large or breaks off.
    async fn read(request: Request) -> Option<Self> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, LARGEST_BODY).await.ok()?.to_vec();
        let query = parts.uri.query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Some(Self { method: parts.method, path: parts.uri.path().to_owned(), query, headers: parts.headers, body })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The bearer token, if there is one.
    fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }

    /// The path's segments, decoded.
    fn segments(&self) -> Vec<String> {
        let decoded = |segment: &str| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
        self.path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect()
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

async fn serve(tenant: Tenant, request: Request, server: fn(&mut Core, &Call) -> reply::Reply) -> reply::Reply {
    match Call::read(request).await {
        Some(call) => tenant.answer(&call, server),
        None => reply::Reply::json(StatusCode::PAYLOAD_TOO_LARGE, json!({"error": {"code": "RequestEntityTooLarge"}})),
    }
}

async fn sign_in_server(State(tenant): State<Tenant>, request: Request) -> Response<Body> {
    serve(tenant, request, sign_in::answer).await.into_response("application/json; charset=utf-8")
}

async fn graph_server(State(tenant): State<Tenant>, request: Request) -> Response<Body> {
    serve(tenant, request, graph::answer).await.into_response(graph::CONTENT_TYPE)
}

async fn resource_manager_server(State(tenant): State<Tenant>, request: Request) -> Response<Body> {
    serve(tenant, request, resource_manager::answer).await.into_response("application/json; charset=utf-8")
}

#[cfg(test)]
mod tests;
