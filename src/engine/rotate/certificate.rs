//! The certificate's key: cert-manager is told to issue the certificate anew, and makes a new key for it.

use super::{apply::Run, plan::State};
use crate::{
    cluster::{ObjectRef, is_being_issued, issuing},
    engine::{
        budget,
        event::{Action, Problem, ProblemKind},
        problem,
    },
};
use serde_json::Value;
use std::time::Instant;

/// The certificate of an installation, as cert-manager keeps it.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) reference: ObjectRef,
    pub(super) live: Value,
}

impl Certificate {
    /// When it expires.
    pub(super) fn expires(&self) -> Option<jiff::Timestamp> {
        self.live.pointer("/status/notAfter")?.as_str()?.parse().ok()
    }

    /// Whether it is being issued anew already.
    pub(super) fn is_being_issued(&self) -> bool {
        is_being_issued(&self.live)
    }
}

fn revision(certificate: &Value) -> i64 {
    certificate.pointer("/status/revision").and_then(Value::as_i64).unwrap_or_default()
}

impl Run<'_> {
    /// Has it issued anew, and waits for it. One that is being issued already is only waited for.
    pub(super) async fn renew(&mut self) -> Result<(), ProblemKind> {
        let started = Instant::now();
        self.started(State::Renew);
        match self.issued_anew(started).await {
            Ok(proof) => {
                self.ready(State::Renew, Action::Update, Some(proof), started);
                Ok(())
            }
            Err(problem) => Err(self.failed(State::Renew, problem)),
        }
    }

    async fn issued_anew(&self, started: Instant) -> Result<String, Problem> {
        let tried = "have cert-manager issue the certificate anew";
        let Some(certificate) = &self.plan.seen.certificate else { return Err(problem::gone(tried)) };
        let reference = &certificate.reference;
        let read = || async {
            let live = self.target.cluster.get(reference).await;
            live.map_err(|error| problem::cluster(tried, &error))?.ok_or_else(|| problem::gone(tried))
        };
        let before = revision(&read().await?);
        let ordered = self.target.cluster.reissue(reference).await;
        let mut live = ordered.map_err(|error| problem::cluster(tried, &error))?.ok_or_else(|| problem::gone(tried))?;
        let (part, title) = self.plan.name(State::Renew);
        while is_being_issued(&live) || revision(&live) <= before {
            if let Some(failed) = issuing(&live).filter(|_| !is_being_issued(&live)) {
                return Err(failure(tried, failed));
            }
            if started.elapsed() > budget::CERTIFICATE {
                return Err(failure(tried, issuing(&live).unwrap_or(&Value::Null)));
            }
            let reason = "cert-manager issues it; the gateway shows the former one meanwhile".to_owned();
            self.events.waiting(&part, &title, reason, started, budget::CERTIFICATE);
            let pause = tokio::time::sleep(budget::PROXY_CONFIGURATION_PAUSE);
            if self.cancel.run_until_cancelled(pause).await.is_none() {
                return Err(Problem { kind: ProblemKind::Interrupted, ..problem::gone(tried) });
            }
            live = read().await?;
        }
        let until = live.pointer("/status/notAfter").and_then(Value::as_str).unwrap_or("a time that it does not tell");
        Ok(format!("issued anew, with a new key, good until {until}"))
    }
}

fn failure(tried: &str, issuing: &Value) -> Problem {
    let text = |name: &str| issuing.get(name).and_then(Value::as_str).unwrap_or("it does not say why");
    Problem {
        tried: tried.to_owned(),
        cause: format!("{}: {}", text("reason"), text("message")),
        remedy: "see to the issuer, which signs it, and run again; the gateway goes on with the former certificate"
            .to_owned(),
        kind: ProblemKind::Failed,
    }
}
