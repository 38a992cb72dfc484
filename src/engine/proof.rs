//! Law 1: before a route exists, both locks are seen in the live configuration of every pod that carries them.

use super::{
    apply::{Run, Stop},
    budget,
    event::{Event, Problem, ProblemKind, Title},
    problem,
};
use crate::{
    blueprint::{self, Locks, PartId},
    cluster::{Error, LiveConfiguration, PodSummary, PolicyName},
};
use std::{collections::BTreeMap, time::Instant};

/// What was seen, when it was not what is needed.
enum NotYet {
    /// It may come.
    Waiting(String),
    /// It can't be looked at.
    Failed(Error),
}

/// Waits until both locks are proven, or fails: without proof there are no routes.
pub(super) async fn locks_are_live(run: &mut Run<'_>) -> Result<(), Stop> {
    let seen = &run.plan.seen;
    let locks = match blueprint::locks(&run.plan.answers, &seen.facts, &seen.existing) {
        Ok(locks) => locks,
        Err(reasons) => return Err(run.fail_run(problem::impossible(&reasons))),
    };
    let title = Title { kind: "Locks".to_owned(), name: format!("in the pods of {}", locks.namespace) };
    prove(run, "proof/locks", title, &locks.namespace, &locks.selector, |configuration| {
        missing_lock(&locks, configuration)
    })
    .await
}

/// Waits until the gateway's pods know the application's host.
pub(super) async fn routes_are_live(run: &mut Run<'_>) -> Result<(), Stop> {
    let gateway = run.plan.seen.facts.cluster.gateway.clone();
    let host = run.plan.answers.application.host.to_string();
    let title = Title { kind: "Route".to_owned(), name: format!("{host} in the pods of {}", gateway.namespace) };
    let lacks = |configuration: &LiveConfiguration| {
        let missing = !configuration.has_host(&host);
        missing.then(|| format!("no route for {host} yet"))
    };
    prove(run, "proof/routes", title, &gateway.namespace, &gateway.selector, lacks).await
}

/// The first thing that a proxy's live configuration lacks of the two locks, in words for a person; nothing where both are in force.
pub fn missing_lock(locks: &Locks, configuration: &LiveConfiguration) -> Option<String> {
    let policy = |name: &String| PolicyName::new(&locks.namespace, name);
    let hook = configuration.prove_hook(&policy(&locks.hook_policy), &locks.check_host);
    let tokens = || {
        let mut policies = locks.token_policies.iter();
        policies.try_for_each(|name| configuration.prove_token_lock(&policy(name), &locks.issuer, &locks.audience))
    };
    let scripts = || {
        let scripts = locks.scripts.as_ref();
        scripts.map_or(Ok(()), |scripts| configuration.prove_scripts(&scripts.before_hook, &scripts.before_tokens))
    };
    hook.and_then(|()| tokens()).and_then(|()| scripts()).err().map(|unproven| unproven.to_string())
}

async fn prove(
    run: &Run<'_>,
    id: &str,
    title: Title,
    namespace: &str,
    selector: &BTreeMap<String, String>,
    lacks: impl Fn(&LiveConfiguration) -> Option<String>,
) -> Result<(), Stop> {
    let part = PartId(id.to_owned());
    let started = Instant::now();
    loop {
        if run.cancel.is_cancelled() {
            return Err(Stop::Interrupted);
        }
        let reason = match look(run, namespace, selector, &lacks).await {
            Ok(pods) => {
                let plural = if pods == 1 { "pod" } else { "pods" };
                let proof = format!("seen in the live configuration of {pods} {plural}");
                run.tell_proven(part, title, proof, started);
                return Ok(());
            }
            Err(NotYet::Failed(error)) if !error.may_pass() => {
                let tried = format!("look at the live configuration of the pods in {namespace}");
                return Err(run.fail_proof(part, title, problem::cluster(&tried, &error)));
            }
            Err(NotYet::Failed(error)) => error.to_string(),
            Err(NotYet::Waiting(reason)) => reason,
        };
        if started.elapsed() >= budget::PROXY_CONFIGURATION {
            return Err(run.fail_proof(part, title, unproven(&reason)));
        }
        run.events.waiting(&part, &title, reason, started, budget::PROXY_CONFIGURATION);
        let pause = tokio::time::sleep(budget::PROXY_CONFIGURATION_PAUSE);
        if run.cancel.run_until_cancelled(pause).await.is_none() {
            return Err(Stop::Interrupted);
        }
    }
}

fn unproven(reason: &str) -> Problem {
    Problem {
        tried: format!("see it in the proxies' live configuration within {} s", budget::PROXY_CONFIGURATION.as_secs()),
        cause: reason.to_owned(),
        remedy: "without that proof no route is made. `istioctl proxy-status` tells whether istiod reaches the proxies; run again \
                 when it does"
            .to_owned(),
        kind: ProblemKind::Failed,
    }
}

/// How many pods have it all; or what is missing.
async fn look(
    run: &Run<'_>,
    namespace: &str,
    selector: &BTreeMap<String, String>,
    lacks: &impl Fn(&LiveConfiguration) -> Option<String>,
) -> Result<usize, NotYet> {
    let cluster = &run.target.cluster;
    let pods = cluster.pods(namespace, selector).await.map_err(NotYet::Failed)?;
    let serving: Vec<&PodSummary> = pods.iter().filter(|pod| !pod.terminating).collect();
    if serving.is_empty() {
        return Err(NotYet::Waiting(format!("no pods in {namespace} to look at")));
    }
    for pod in &serving {
        if !pod.has_sidecar {
            return Err(NotYet::Waiting(format!("pod {} has no sidecar, so nothing guards it", pod.name)));
        }
        if !pod.ready {
            let reason = pod.reason.clone().unwrap_or_else(|| "no reason given".to_owned());
            return Err(NotYet::Waiting(format!("pod {} is not ready: {reason}", pod.name)));
        }
        let configuration = cluster.live_configuration(pod).await.map_err(NotYet::Failed)?;
        if let Some(lacking) = lacks(&configuration) {
            return Err(NotYet::Waiting(format!("pod {}: {lacking}", pod.name)));
        }
    }
    Ok(serving.len())
}

impl Run<'_> {
    fn tell_proven(&self, part: PartId, title: Title, proof: String, started: Instant) {
        self.events.tell(Event::Proven {
            part,
            title,
            proof,
            elapsed_ms: super::event::milliseconds(started.elapsed()),
        });
    }

    fn fail_proof(&self, part: PartId, title: Title, problem: Problem) -> Stop {
        let kind = problem.kind;
        self.events.tell(Event::Failed { part, title, problem });
        Stop::Failed(kind)
    }
}
