//! What is installed in a cluster, and how well it is: found by the records that installations leave, never by what a laptop
//! remembers.
//!
//! Three steps: `look` asks the cluster, with a number of requests that does not grow with the installations; `facts` is what it
//! found; `health` judges that, as a pure function. [`advisories`] are the known vulnerabilities, as data.

pub mod advisories;
pub mod facts;
pub mod health;
mod look;

pub use health::{Concern, Finding, Level};

use super::{event::Problem, history::Entry, problem};
use crate::{
    answers::{Answers, HookPlacement},
    cluster::Cluster,
    facts::IstioVersion,
};
use facts::{InstallationFacts, Sight, Workload};
use jiff::Timestamp;
use serde::Serialize;

/// Everything that is installed in a cluster.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The kubeconfig context.
    pub context: String,
    /// The installations, by namespace and name.
    pub installations: Vec<Installation>,
}

/// One installation, at a glance.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Installation {
    /// The application.
    pub application: String,
    /// Its namespace.
    pub namespace: String,
    /// The host people type; `None` when the record can't be read.
    pub host: Option<String>,
    /// How well it is.
    pub health: Level,
    /// Everything that is not as it should be, the worst first.
    pub findings: Vec<Finding>,
    /// The sign-in proxy's pods, ready and wanted; `None` when it isn't there or may not be seen.
    pub proxy: Option<Pods>,
    /// The session store's pods.
    pub session_store: Option<Pods>,
    /// The address of the Redis that sessions are kept in, where it was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<String>,
    /// The certificate: `ready`, or why not; `None` when it may not be seen, or cert-manager knows none of ours.
    pub certificate: Option<String>,
    /// When the certificate expires, RFC 3339.
    pub certificate_expires: Option<String>,
    /// In how many whole days that is; negative once it is over.
    pub certificate_days: Option<i64>,
    /// When the client secret expires, RFC 3339; `None` when nothing says so or it may not be seen.
    pub client_secret_expires: Option<String>,
    /// In how many whole days that is; negative once it is over.
    pub client_secret_days: Option<i64>,
    /// Where the sign-in hook is; `None` when it isn't there or may not be seen.
    pub hook: Option<Hook>,
    /// The address of the gateway that its traffic comes through.
    pub address: Option<String>,
    /// What was done to it last, as far as that is written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<LastRun>,
    /// The version of the sign-in proxy, from its image.
    pub proxy_version: Option<String>,
    /// The versions of the cluster's Istio control planes.
    pub istio_versions: Vec<String>,
    /// The day on which the known vulnerabilities that the versions are held against were read, such as `2026-11-23`.
    pub advisories_read: String,
    /// How many whole days ago that was.
    pub advisories_days: i64,
}

/// What was done to an installation last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// What was done.
    #[serde(flatten)]
    pub entry: Entry,
    /// How many seconds ago it ended, at the time of looking.
    #[serde(skip)]
    pub seconds_ago: i64,
}

/// How many pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pods {
    /// Are ready.
    pub ready: u64,
    /// Are wanted.
    pub wanted: u64,
}

/// Where a sign-in hook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Hook {
    /// In the application's own sidecar.
    Sidecar,
    /// At the gateway.
    Gateway,
}

impl Installation {
    /// How commands name it.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.application)
    }

    /// What was found of it, judged at `now`.
    pub fn of(facts: &InstallationFacts, now: Timestamp) -> Self {
        let findings = health::findings(facts, now);
        let answers = facts.answers.as_ref().ok();
        let certificate = facts.certificate.seen();
        let certificate_expires = certificate.and_then(|certificate| certificate.expires);
        let secret_expires = facts.client_secret.seen().and_then(|secret| secret.expires);
        let days = |expires: Option<Timestamp>| expires.map(|expires| health::days_until(expires, now));
        Self {
            application: facts.application.clone(),
            namespace: facts.namespace.clone(),
            host: answers.map(|answers| answers.application.host.to_string()),
            health: health::level(&findings),
            findings,
            proxy: pods(&facts.proxy),
            session_store: facts.session_store.as_ref().and_then(pods),
            redis: answers.and_then(redis),
            certificate: match &facts.certificate {
                Sight::Absent if answers.is_some_and(|answers| answers.certificate.existing_secret().is_some()) => {
                    Some("missing".to_owned())
                }
                _ => certificate.map(|certificate| certificate.state.clone()),
            },
            certificate_expires: certificate_expires.map(|expires| expires.to_string()),
            certificate_days: days(certificate_expires),
            client_secret_expires: secret_expires.map(|expires| expires.to_string()),
            client_secret_days: days(secret_expires),
            hook: facts.guard.seen().and_then(|guard| guard.hook).map(|hook| match hook {
                HookPlacement::Sidecar => Hook::Sidecar,
                HookPlacement::Gateway => Hook::Gateway,
            }),
            address: facts.gateway_address.seen().cloned(),
            last_run: facts
                .last_run
                .clone()
                .map(|entry| LastRun { seconds_ago: now.duration_since(entry.at).as_secs().max(0), entry }),
            proxy_version: facts.proxy.seen().and_then(|proxy| health::version_text(proxy.image.as_deref()?)),
            istio_versions: facts.istio.seen().into_iter().flatten().map(IstioVersion::to_string).collect(),
            advisories_read: advisories::READ.to_string(),
            advisories_days: advisories::days_since_read(now),
        }
    }
}

fn pods(workload: &Sight<Workload>) -> Option<Pods> {
    workload.seen().map(|workload| workload.pods)
}

fn redis(answers: &Answers) -> Option<String> {
    Some(answers.sessions.existing()?.address.to_string())
}

/// Looks at every installation, and judges it at `now`. Writes nothing.
pub async fn overview(cluster: &Cluster, now: Timestamp) -> Result<Overview, Problem> {
    let facts = look::look(cluster).await?;
    Ok(Overview {
        context: cluster.context().to_owned(),
        installations: facts.iter().map(|facts| Installation::of(facts, now)).collect(),
    })
}
