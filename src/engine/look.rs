//! Looking: what is there, before anything is planned.

use super::{
    NoPlan, Target,
    event::{Event, Events, Problem},
    problem, registration,
    secrets::Vault,
    zone_role,
};
use crate::{
    answers::{Answers, Application, Redis, Workload, file},
    blueprint::{self, Existing, Known, SecretValue},
    cluster::{DiscoverRequest, Error, ObjectRef, RedisRequest},
    facts::{Facts, RegisteredFacts, TlsSecretFacts},
};
use std::collections::BTreeMap;

/// What was seen of the world.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What was discovered.
    pub facts: Facts,
    /// What exists already and only the outside knows.
    pub existing: Existing,
    /// The registration as it is live.
    pub(super) registration: registration::Live,
    /// The role that a new issuer rests on, as it is live.
    pub(super) zone_role: zone_role::Live,
    /// The values of our Secrets.
    pub(super) vault: Vault,
    /// Where the client secret is kept: the Secret's name and the key in it.
    pub(super) client_secret_at: (String, String),
}

impl Seen {
    /// Whether a client secret has to be made: there is none, or the one there is no good any more.
    pub(super) fn client_secret_is_to_be_made(&self) -> bool {
        self.registration.usable_client_secret(&self.vault, &self.client_secret_at).is_none()
    }
}

/// Looks at the cluster and the tenant. Writes nothing.
pub async fn look(target: &Target, answers: &Answers, events: &Events) -> Result<Seen, NoPlan> {
    tenant_is_the_one(target, answers)?;
    events.tell(Event::Looking { at: format!("cluster {}", target.cluster.context()) });
    let request = discover_request(answers);
    let cluster = target.cluster.discover(&request).await.map_err(|error| problem::discover(&error))?;
    let facts = Facts { cluster, tenant: target.session.tenant().clone() };
    let is_held = look_at_records(target, answers).await?;
    if let Some(at) = certificate_at(answers, &facts) {
        events.tell(Event::Looking { at });
    }
    events.tell(Event::Looking { at: format!("tenant {}", facts.tenant.domain) });
    let unknown = Existing {
        registered: Known::Later("known once the application is registered"),
        secret_fingerprints: BTreeMap::new(),
        started_with: BTreeMap::new(),
    };
    let parts = blueprint::blueprint(answers, &facts, &unknown)?;
    let (mut registration, stored, zone_role) = tokio::try_join!(
        registration::read(target, &parts),
        read_secrets(target, answers, &parts),
        zone_role::look(target, &parts)
    )?;
    let StoredSecrets { vault, client_secret_at } = stored;
    registration.rotation =
        registration::Rotation { is_held, previous: vault.previous_key_id(&client_secret_at.0).map(str::to_owned) };
    let registered = registration.application().map_or(unknown.registered, |application| {
        Known::Now(RegisteredFacts { client_id: application.app_id.clone(), object_id: application.id.clone() })
    });
    let mut secret_fingerprints = vault.lasting_fingerprints(parts.iter().filter_map(blueprint::Part::manifest));
    if registration.usable_client_secret(&vault, &client_secret_at).is_none() {
        // It is about to be replaced: what pods read will have another fingerprint.
        secret_fingerprints.remove(&client_secret_at.0);
    }
    let existing = Existing { registered, secret_fingerprints, started_with: vault.started_with() };
    Ok(Seen { facts, existing, registration, zone_role, vault, client_secret_at })
}

/// Whoever is signed in elsewhere than the answers say would register the application a second time.
fn tenant_is_the_one(target: &Target, answers: &Answers) -> Result<(), NoPlan> {
    let wanted = answers.registration.tenant.as_ref().map(ToString::to_string);
    match wanted.filter(|wanted| target.session.is_another_tenant(wanted)) {
        Some(wanted) => {
            let problem = problem::another_tenant(&wanted, target.session.tenant());
            Err(NoPlan { problem, answer: Some("registration.tenant") })
        }
        None => Ok(()),
    }
}

/// A certificate that is there already, for a person.
fn certificate_at(answers: &Answers, facts: &Facts) -> Option<String> {
    let secret = answers.certificate.existing_secret()?;
    let TlsSecretFacts::Readable(certificate) = facts.cluster.tls_secret.as_ref()? else { return None };
    let names = certificate.names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let namespace = &facts.cluster.gateway.namespace;
    Some(format!("Secret {namespace}/{secret}: a certificate for {names}, until {}", certificate.expires))
}

pub(super) fn discover_request(answers: &Answers) -> DiscoverRequest {
    let application = &answers.application;
    DiscoverRequest {
        namespace: application.namespace.to_string(),
        app_name: application.name.to_string(),
        service: match &application.workload {
            Workload::Existing { service, .. } => Some(service.to_string()),
            Workload::Deploy { .. } => None,
        },
        issuer: answers.certificate.issuer().map(|issuer| (issuer.kind.as_str().to_owned(), issuer.name.to_string())),
        redis: answers.sessions.existing().map(|redis| redis_request(redis, application.namespace.as_str())),
        tls_secret: answers.certificate.existing_secret().map(ToString::to_string),
        gateway: answers.gateway.as_ref().map(|gateway| (gateway.namespace.to_string(), gateway.service.to_string())),
    }
}

fn redis_request(redis: &Redis, namespace: &str) -> RedisRequest {
    let service = redis.address.service(namespace).or_else(|| redis.address.perhaps_service());
    RedisRequest {
        service: service.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())),
        password: (redis.password.secret.to_string(), redis.password.key.to_string()),
    }
}

/// One host belongs to one installation: of two routes for it the gateway takes the older one, whatever the newer one says. Gives
/// back whether a rotation holds the installation.
async fn look_at_records(target: &Target, answers: &Answers) -> Result<bool, NoPlan> {
    let records = match target.cluster.installations().await {
        Ok(records) => records,
        Err(Error::Forbidden(right)) => {
            tracing::info!(%right, "whether another installation has the host cannot be seen");
            return Ok(false);
        }
        Err(error) => return Err(problem::cluster("look at what is installed", &error).into()),
    };
    let ours = &answers.application;
    let own_name = blueprint::record_name(ours.name.as_str());
    let is_own = |record: &&serde_json::Value| {
        let text = |pointer: &str| record.pointer(pointer).and_then(serde_json::Value::as_str);
        text("/metadata/name") == Some(&own_name) && text("/metadata/namespace") == Some(ours.namespace.as_str())
    };
    let is_held = records.iter().find(is_own).is_some_and(super::rotate::is_held);
    let other = records
        .iter()
        .filter_map(|record| file::parse(record.pointer("/data/answers.yaml")?.as_str()?, "the record").ok())
        .map(|recorded| recorded.application)
        .find(|other| other.host == ours.host && (&other.namespace, &other.name) != (&ours.namespace, &ours.name));
    let taken = |other: Application| problem::host_is_taken(&ours.host.to_string(), &other.name, &other.namespace);
    other.map_or(Ok(is_held), |other| Err(NoPlan { problem: taken(other), answer: Some("application.host") }))
}

struct StoredSecrets {
    vault: Vault,
    client_secret_at: (String, String),
}

/// Reads the Secrets that the blueprint wants, as far as they are there.
async fn read_secrets(target: &Target, answers: &Answers, parts: &[blueprint::Part]) -> Result<StoredSecrets, Problem> {
    let mut vault = Vault::default();
    let mut client_secret_at = (String::new(), String::new());
    for part in parts {
        let Some(manifest) = part.manifest().filter(|manifest| !manifest.secrets.is_empty()) else { continue };
        let reference = ObjectRef::of(&manifest.object).map_err(|error| problem::cluster("read a Secret", &error))?;
        if let Some((key, _)) = manifest.secrets.iter().find(|(_, value)| **value == SecretValue::ClientSecret) {
            client_secret_at = (reference.name.clone(), key.clone());
        }
        let tried = format!("read {reference}");
        let live = target.cluster.get(&reference).await.map_err(|error| problem::cluster(&tried, &error))?;
        if let Some(live) = live.filter(|live| super::plan::may_be_ours(live, manifest)) {
            vault.remember(&live);
        }
    }
    if let Some(redis) = answers.sessions.existing() {
        let namespace = answers.application.namespace.as_str();
        let reference = ObjectRef::namespaced("v1", "Secret", namespace, redis.password.secret.as_str());
        let tried = format!("read {reference}");
        let live = target.cluster.get(&reference).await.map_err(|error| problem::cluster(&tried, &error))?;
        if let Some(live) = live {
            vault.remember_foreign(&live, redis.password.key.as_str());
        }
    }
    Ok(StoredSecrets { vault, client_secret_at })
}
