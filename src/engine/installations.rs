//! What is installed in a cluster: found by the records that installations leave, never by what a laptop remembers.

use super::{
    event::Problem,
    plan::{INSTALLATION_LABEL, INSTALLATION_NAMESPACE_LABEL},
    problem,
};
use crate::{
    answers::{
        file,
        names::{DnsName, Hostname},
    },
    blueprint::SECRET_ANNOTATION,
    cluster::{Cluster, Error, Selection},
    facts::{TlsSecretFacts, Validity},
};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write as _};

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
    /// The sign-in proxy's pods, ready and wanted; `None` when it isn't there or may not be seen.
    pub proxy: Option<Pods>,
    /// The session store's pods.
    pub session_store: Option<Pods>,
    /// The address of the Redis that sessions are kept in, where it was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<String>,
    /// The certificate: `ready`, or why not; `None` when it may not be seen, or cert-manager knows none of ours.
    pub certificate: Option<String>,
    /// When the certificate expires.
    pub certificate_expires: Option<String>,
}

/// How many pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pods {
    /// Are ready.
    pub ready: u64,
    /// Are wanted.
    pub wanted: u64,
}

/// Every installation. Three requests, however many there are; one more for each certificate that was there
/// already.
pub async fn list(cluster: &Cluster) -> Result<Vec<Installation>, Problem> {
    let records = cluster.installations().await.map_err(|error| problem::cluster("list installations", &error))?;
    let ours = Selection::labelled("app.kubernetes.io/managed-by=gatewright");
    let (deployments, certificates) = tokio::join!(
        cluster.list("apps/v1", "Deployment", &ours),
        cluster.list("cert-manager.io/v1", "Certificate", &ours)
    );
    let deployments = seen(deployments)?;
    let certificates = seen(certificates)?;
    let mut found: Vec<Installation> =
        records.iter().map(|record| installation(record, &deployments, &certificates)).collect();
    certificates_that_were_there(cluster, &records, &mut found).await?;
    found.sort_by(|left, right| (&left.namespace, &left.application).cmp(&(&right.namespace, &right.application)));
    Ok(found)
}

/// What may not be seen, or isn't served, is left out of the picture instead of spoiling it.
fn seen(list: Result<Vec<Value>, Error>) -> Result<Vec<Value>, Problem> {
    match list {
        Ok(objects) => Ok(objects),
        Err(Error::Forbidden(_) | Error::NotServed { .. }) => Ok(Vec::new()),
        Err(error) => Err(problem::cluster("look at what is installed", &error)),
    }
}

/// Fills in the certificates that somebody else keeps.
async fn certificates_that_were_there(
    cluster: &Cluster,
    records: &[Value],
    found: &mut [Installation],
) -> Result<(), Problem> {
    for record in records {
        let place = record.pointer("/metadata/annotations").and_then(|all| all.get(SECRET_ANNOTATION)?.as_str());
        let Some((namespace, name)) = place.and_then(|place| place.split_once('/')) else { continue };
        let is_of_it = |one: &&mut Installation| {
            label(record, INSTALLATION_LABEL) == Some(&one.application)
                && text(record, "/metadata/namespace") == Some(&one.namespace)
        };
        let Some(one) = found.iter_mut().find(is_of_it) else { continue };
        match cluster.tls_secret(namespace, name).await {
            Ok(facts) => (one.certificate, one.certificate_expires) = state(&facts, one.host.as_deref()),
            Err(Error::Forbidden(_)) => {}
            Err(error) => return Err(problem::cluster(&format!("look at Secret {namespace}/{name}"), &error)),
        }
    }
    Ok(())
}

/// What there is to say of a certificate that was there already, and when it expires.
fn state(facts: &TlsSecretFacts, host: Option<&str>) -> (Option<String>, Option<String>) {
    let covers = |names: &BTreeSet<String>| {
        let host = host.and_then(|host| host.parse::<Hostname>().ok());
        host.is_none_or(|host| {
            names.iter().filter_map(|name| name.parse::<DnsName>().ok()).any(|name| name.covers(&host))
        })
    };
    match facts {
        TlsSecretFacts::Absent { .. } => (Some("missing".to_owned()), None),
        TlsSecretFacts::OfAnotherType { .. } | TlsSecretFacts::Unreadable { .. } => {
            (Some("unreadable".to_owned()), None)
        }
        TlsSecretFacts::Readable(certificate) => {
            let word = match certificate.validity {
                Validity::Expired => "expired",
                Validity::NotYet => "not valid yet",
                Validity::Valid if !covers(&certificate.names) => "for other names",
                Validity::Valid => "ready",
            };
            (Some(word.to_owned()), Some(certificate.expires.clone()))
        }
    }
}

fn installation(record: &Value, deployments: &[Value], certificates: &[Value]) -> Installation {
    let application = label(record, INSTALLATION_LABEL).unwrap_or_default().to_owned();
    let namespace = text(record, "/metadata/namespace").unwrap_or_default().to_owned();
    let is_of_it = |object: &&Value| {
        label(object, INSTALLATION_LABEL) == Some(&application)
            && label(object, INSTALLATION_NAMESPACE_LABEL) == Some(&namespace)
    };
    let pods = |component: &str| {
        let deployment = deployments
            .iter()
            .filter(is_of_it)
            .find(|deployment| label(deployment, "app.kubernetes.io/component") == Some(component))?;
        Some(Pods {
            ready: deployment.pointer("/status/readyReplicas").and_then(Value::as_u64).unwrap_or_default(),
            wanted: deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1),
        })
    };
    let certificate = certificates.iter().find(is_of_it);
    let answers = text(record, "/data/answers.yaml").and_then(|answers| file::parse(answers, "the record").ok());
    Installation {
        proxy: pods("oauth2-proxy"),
        session_store: pods("session-store"),
        certificate: certificate.map(readiness),
        certificate_expires: certificate
            .and_then(|certificate| text(certificate, "/status/notAfter"))
            .map(str::to_owned),
        redis: answers.as_ref().and_then(|answers| Some(answers.sessions.existing()?.address.to_string())),
        host: answers.map(|answers| answers.application.host.to_string()),
        application,
        namespace,
    }
}

fn readiness(certificate: &Value) -> String {
    let conditions = certificate.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| text(condition, "/type") == Some("Ready"));
    match ready {
        Some(ready) if text(ready, "/status") == Some("True") => "ready".to_owned(),
        Some(ready) => text(ready, "/reason").unwrap_or("not ready").to_owned(),
        None => "not ready".to_owned(),
    }
}

/// The installations as a table.
pub fn table(installations: &[Installation]) -> String {
    let pods =
        |pods: Option<Pods>| pods.map_or_else(|| "?".to_owned(), |pods| format!("{}/{}", pods.ready, pods.wanted));
    let mut rows =
        vec![["APPLICATION", "NAMESPACE", "HOST", "PROXY", "SESSIONS", "CERTIFICATE", "EXPIRES"].map(str::to_owned)];
    rows.extend(installations.iter().map(|one| {
        [
            one.application.clone(),
            one.namespace.clone(),
            one.host.clone().unwrap_or_else(|| "? (unreadable record)".to_owned()),
            pods(one.proxy),
            one.redis.clone().unwrap_or_else(|| pods(one.session_store)),
            one.certificate.clone().unwrap_or_else(|| "?".to_owned()),
            one.certificate_expires.clone().unwrap_or_else(|| "?".to_owned()),
        ]
    }));
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _infallible = write!(line, "{cell:width$}  ");
        }
        let _infallible = writeln!(text, "{}", line.trim_end());
    }
    text.trim_end().to_owned()
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(name)?.as_str()
}
