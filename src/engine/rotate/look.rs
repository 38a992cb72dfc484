//! Looking: how far a rotation is, from the cluster and the tenant alone. Writes nothing.

use super::{What, certificate::Certificate};
use crate::{
    answers::Answers,
    blueprint::{
        self, CLIENT_SECRET_KEY, COOKIE_SECRET_KEY, Manifest, NEXT_PASSWORD_VARIABLE, PASSWORD_KEY, Part, SecretValue,
    },
    cluster::ObjectRef,
    engine::{
        self, GoodUntil, Target, budget,
        event::{Events, Problem, ProblemKind},
        problem, rights,
        secrets::Vault,
    },
};
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::Value;

/// What every rotation but a certificate's writes.
const TO_WRITE: [(&str, &str, &str); 3] =
    [("patch", "", "secrets"), ("patch", "", "configmaps"), ("patch", "apps", "deployments")];

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub(super) answers: Answers,
    pub(super) found: engine::Seen,
    /// The Secret of the sign-in proxy.
    pub(super) secret: Kept,
    /// The session store, where it is ours.
    pub(super) store: Option<Store>,
    /// The Deployment of the sign-in proxy, as it would be applied.
    pub(super) deployment: ObjectRef,
    /// The record of the installation.
    pub(super) record: ObjectRef,
    /// The certificate, where cert-manager keeps one for us and it may be seen.
    pub(super) certificate: Option<Certificate>,
    /// What we may not do in the cluster.
    pub(super) denied: Option<Problem>,
}

/// A Secret of ours, as it would be applied.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) manifest: Manifest,
    pub(super) name: String,
}

/// A session store of ours.
#[derive(Clone, Debug)]
pub(super) struct Store {
    /// Its Secret, which has its name.
    pub(super) secret: Kept,
    /// Whether it takes several passwords when it starts. One that was made by an earlier version does not.
    pub(super) takes_several: bool,
    /// Why it may not be told anything while it runs.
    pub(super) denied: Option<Problem>,
}

/// Looks at the installation of `answers`.
pub async fn look(target: &Target, answers: &Answers, events: &Events) -> Result<Seen, Problem> {
    let seen = engine::look(target, answers, events).await?;
    let parts = blueprint::blueprint(answers, &seen.facts, &seen.existing)
        .map_err(|impossible| problem::impossible(&impossible))?;
    let secret = secret_with(&parts, |_, value| *value == SecretValue::ClientSecret);
    let secret = secret.ok_or_else(|| is_not_set_up("the Secret of the sign-in proxy"))?;
    let namespace = answers.application.namespace.as_str();
    let application = answers.application.name.as_str();
    let found = Seen {
        answers: answers.clone(),
        found: seen,
        store: store_of(target, namespace, &parts).await?,
        deployment: ObjectRef::namespaced("apps/v1", "Deployment", namespace, &secret.name),
        secret,
        record: ObjectRef::namespaced("v1", "ConfigMap", namespace, &blueprint::record_name(application)),
        certificate: certificate_of(target, &parts).await,
        denied: denied(target, namespace, &TO_WRITE).await?,
    };
    if found.found.registration.application().is_none() {
        return Err(is_not_set_up("the registration in Entra"));
    }
    if [CLIENT_SECRET_KEY, COOKIE_SECRET_KEY].iter().any(|key| !found.vault().holds(&found.secret.name, key)) {
        return Err(is_not_set_up("the values in the Secret of the sign-in proxy"));
    }
    Ok(found)
}

fn secret_with(parts: &[Part], is_it: impl Fn(&str, &SecretValue) -> bool) -> Option<Kept> {
    let holds_it = |manifest: &&Manifest| manifest.secrets.iter().any(|(key, value)| is_it(key, value));
    let manifest = parts.iter().filter_map(Part::manifest).find(holds_it)?.clone();
    let name = ObjectRef::of(&manifest.object).ok()?.name;
    Some(Kept { manifest, name })
}

async fn store_of(target: &Target, namespace: &str, parts: &[Part]) -> Result<Option<Store>, Problem> {
    let Some(secret) = secret_with(parts, |key, _| key == PASSWORD_KEY) else { return Ok(None) };
    let deployment = ObjectRef::namespaced("apps/v1", "Deployment", namespace, &secret.name);
    let live = target.cluster.get(&deployment).await;
    let live = live.map_err(|error| problem::cluster(&format!("look at {deployment}"), &error))?;
    let containers = live.as_ref().and_then(|live| live.pointer("/spec/template/spec/containers")?.as_array());
    let variables = containers.into_iter().flatten().filter_map(|container| container.get("env")?.as_array()).flatten();
    let mut names = variables.filter_map(|variable| variable.get("name")?.as_str());
    let takes_several = names.any(|name| name == NEXT_PASSWORD_VARIABLE);
    // Kubernetes asks for `get` where a port is forwarded over a websocket, and newer versions for `create` as well.
    let denied = denied(target, namespace, &[("get", "", "pods/portforward"), ("create", "", "pods/portforward")]);
    Ok(Some(Store { secret, takes_several, denied: denied.await? }))
}

/// Who may not see it may still rotate everything else.
async fn certificate_of(target: &Target, parts: &[Part]) -> Option<Certificate> {
    let objects = parts.iter().filter_map(Part::manifest).map(|manifest| &manifest.object);
    let mut references = objects.filter_map(|object| ObjectRef::of(object).ok());
    let reference = references.find(|reference| reference.kind == "Certificate")?;
    match target.cluster.get(&reference).await {
        Ok(live) => live.map(|live| Certificate { reference, live }),
        Err(error) => {
            tracing::info!(%error, "the certificate cannot be looked at");
            None
        }
    }
}

/// The first of these rights in `namespace`, each a verb, a group and a resource, that we lack.
async fn denied(target: &Target, namespace: &str, wanted: &[(&str, &str, &str)]) -> Result<Option<Problem>, Problem> {
    let question =
        |(verb, group, resource): &(&str, &str, &str)| rights::question(verb, group, resource, Some(namespace));
    let questions: Vec<_> = wanted.iter().map(question).collect();
    let denied = target.cluster.may(&questions).await;
    let denied = denied.map_err(|error| problem::cluster("ask what the caller may do", &error))?;
    Ok(denied.first().map(rights::missing))
}

fn is_not_set_up(what: &str) -> Problem {
    Problem {
        tried: "look at what is to be rotated".to_owned(),
        cause: format!("{what} is not there, or not whole"),
        remedy: "run `gatewright setup`, which makes what is missing; there is nothing to rotate before".to_owned(),
        kind: ProblemKind::Failed,
    }
}

impl Seen {
    pub(super) fn vault(&self) -> &Vault {
        &self.found.vault
    }

    /// When client secret and certificate come to their end by now, as far as that can be seen.
    pub async fn good_until(&self, target: &Target) -> GoodUntil {
        let secret = ObjectRef::of(&self.secret.manifest.object).ok();
        let certificate = self.certificate.as_ref().map(|certificate| certificate.reference.clone());
        let looks = [secret, certificate].into_iter().flatten().map(async |reference| {
            // Who may not see it has one thing less to say, and nothing else.
            tokio::time::timeout(budget::TRY, target.cluster.get(&reference)).await.ok()?.ok()?
        });
        let live: Vec<Value> = join_all(looks).await.into_iter().flatten().collect();
        GoodUntil::of(live.iter())
    }

    /// The answers that are recorded of it.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// What of it was begun to be rotated and has not come to its end.
    pub fn begun(&self) -> Option<What> {
        let is_begun = |what: &What| {
            let Some(kept) = self.kept(*what) else { return false };
            self.vault().has_previous(&kept.name, what.key()) || self.vault().has_next(&kept.name, what.key())
        };
        What::ALL.into_iter().find(is_begun)
    }

    /// The Secret of ours that holds `what`.
    pub(super) fn kept(&self, what: What) -> Option<&Kept> {
        match what {
            What::RedisPassword => self.store.as_ref().map(|store| &store.secret),
            What::ClientSecret | What::CookieSecret | What::CertificateKey => Some(&self.secret),
        }
    }

    /// When `what` expires; `None` for what does not.
    pub fn expires(&self, what: What) -> Option<Timestamp> {
        match what {
            What::CookieSecret | What::RedisPassword => None,
            What::CertificateKey => self.certificate.as_ref()?.expires(),
            What::ClientSecret => {
                let in_use = self.vault().key_id(&self.secret.name)?;
                let application = self.found.registration.application()?;
                let known = application.password_credentials.iter();
                let known = known.filter(|known| known.key_id.eq_ignore_ascii_case(in_use));
                // One that Entra no longer knows is over.
                known.map(|known| known.end_date_time.unwrap_or(Timestamp::MAX)).next().or(Some(Timestamp::UNIX_EPOCH))
            }
        }
    }
}

impl What {
    /// The key of the Secret that holds it.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::ClientSecret => CLIENT_SECRET_KEY,
            Self::CookieSecret => COOKIE_SECRET_KEY,
            Self::RedisPassword => PASSWORD_KEY,
            // It is in a Secret of cert-manager's, which nobody else writes.
            Self::CertificateKey => "tls.key",
        }
    }
}
