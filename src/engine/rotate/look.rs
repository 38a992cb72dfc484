//! Looking: how far a rotation is, from the cluster and the tenant alone. Writes nothing.

use super::{What, certificate::Certificate};
use crate::{
    answers::Answers,
    blueprint::{self, CLIENT_SECRET_KEY, COOKIE_SECRET_KEY, Manifest, Part, SecretValue},
    cluster::ObjectRef,
    engine::{
        self, Target,
        event::{Events, Problem, ProblemKind},
        problem, rights,
        secrets::Vault,
    },
};
use jiff::Timestamp;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub(super) answers: Answers,
    pub(super) found: engine::Seen,
    /// The Secret of the sign-in proxy.
    pub(super) secret: Manifest,
    /// Its name.
    pub(super) secret_name: String,
    /// The Deployment of the sign-in proxy, as it would be applied.
    pub(super) deployment: ObjectRef,
    /// The record of the installation.
    pub(super) record: ObjectRef,
    /// The certificate, where cert-manager keeps one for us and it may be seen.
    pub(super) certificate: Option<Certificate>,
    /// What we may not do in the cluster.
    pub(super) denied: Option<Problem>,
}

/// Looks at the installation of `answers`.
pub async fn look(target: &Target, answers: &Answers, events: &Events) -> Result<Seen, Problem> {
    let seen = engine::look(target, answers, events).await?;
    let parts = blueprint::blueprint(answers, &seen.facts, &seen.existing)
        .map_err(|impossible| problem::impossible(&impossible))?;
    let (secret, secret_name) = secret_of(&parts).ok_or_else(|| is_not_set_up("the Secret of the sign-in proxy"))?;
    let namespace = answers.application.namespace.as_str();
    let application = answers.application.name.as_str();
    let found = Seen {
        answers: answers.clone(),
        found: seen,
        secret,
        deployment: ObjectRef::namespaced("apps/v1", "Deployment", namespace, &secret_name),
        secret_name,
        record: ObjectRef::namespaced("v1", "ConfigMap", namespace, &blueprint::record_name(application)),
        certificate: certificate_of(target, &parts).await,
        denied: denied(target, namespace).await?,
    };
    if found.found.registration.application().is_none() {
        return Err(is_not_set_up("the registration in Entra"));
    }
    if [CLIENT_SECRET_KEY, COOKIE_SECRET_KEY].iter().any(|key| !found.vault().holds(&found.secret_name, key)) {
        return Err(is_not_set_up("the values in the Secret of the sign-in proxy"));
    }
    Ok(found)
}

fn secret_of(parts: &[Part]) -> Option<(Manifest, String)> {
    let holds_it = |manifest: &&Manifest| manifest.secrets.values().any(|value| *value == SecretValue::ClientSecret);
    let manifest = parts.iter().filter_map(Part::manifest).find(holds_it)?.clone();
    let name = ObjectRef::of(&manifest.object).ok()?.name;
    Some((manifest, name))
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

async fn denied(target: &Target, namespace: &str) -> Result<Option<Problem>, Problem> {
    let wanted = [("", "secrets"), ("", "configmaps"), ("apps", "deployments")];
    let questions =
        wanted.map(|(group, resource)| rights::question("patch", group, resource, Some(namespace))).to_vec();
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

    /// What of it was begun to be rotated and has not come to its end.
    pub fn begun(&self) -> Option<What> {
        What::ALL.into_iter().find(|what| self.vault().has_previous(&self.secret_name, what.key()))
    }

    /// When `what` expires; `None` for what does not.
    pub fn expires(&self, what: What) -> Option<Timestamp> {
        match what {
            What::CookieSecret => None,
            What::CertificateKey => self.certificate.as_ref()?.expires(),
            What::ClientSecret => {
                let in_use = self.vault().key_id(&self.secret_name)?;
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
            // It is in a Secret of cert-manager's, which nobody else writes.
            Self::CertificateKey => "tls.key",
        }
    }
}
