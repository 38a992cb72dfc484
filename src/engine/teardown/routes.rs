//! Law 1, backwards: what guards the application is not touched before the routes to it are gone from the configuration that the
//! gateway's proxies run with.

use super::{Installation, Stage, look::others_that, objects::Object, registration};
use crate::{
    blueprint::PartId,
    cluster::{AccessQuestion, DiscoverError, Error, LiveConfiguration, PodSummary},
    engine::{
        Target, budget,
        event::{Event, Events, Problem, ProblemKind, Title, milliseconds},
        problem, rights,
    },
    facts::ClusterFacts,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// How the gateway's routes can be seen to be gone.
#[derive(Clone, Debug)]
pub(super) struct Roads {
    /// The VirtualServices of ours, as `namespace/name`.
    origins: BTreeSet<String>,
    /// The hosts they are for.
    pub(super) hosts: BTreeSet<String>,
    gateway: GatewayPods,
    /// The VirtualServices of others that are for one of these hosts.
    pub(super) of_others: Vec<String>,
}

/// The pods that carry the routes.
#[derive(Clone, Debug)]
enum GatewayPods {
    /// In this namespace, or anywhere, with these labels.
    Selected { namespace: Option<String>, selector: BTreeMap<String, String> },
    /// There are none, so nothing is carried.
    None,
    /// They could not be told.
    Unknown(Box<Problem>),
}

/// Finds out which routes there are or were, and who carries them.
pub(super) async fn roads(
    target: &Target,
    installation: &Installation,
    objects: &[Object],
    registration: &registration::Live,
    discovered: &Result<ClusterFacts, DiscoverError>,
) -> Result<Roads, Problem> {
    let virtual_services: Vec<&Object> =
        objects.iter().filter(|object| object.reference.kind == "VirtualService").collect();
    let mut origins: BTreeSet<String> = virtual_services.iter().map(|object| place(object)).collect();
    // A run that was killed may have deleted it already.
    origins.insert(format!("{}/{}", installation.namespace, installation.application));
    let mut hosts: BTreeSet<String> = virtual_services.iter().flat_map(|object| texts(object, "/spec/hosts")).collect();
    hosts.extend(installation.answers.as_ref().map(|answers| answers.application.host.to_string()));
    if hosts.is_empty() {
        hosts = hosts_of_redirects(registration);
    }
    let is_for_ours = |object: &Value| {
        let of = object.pointer("/spec/hosts").and_then(Value::as_array).into_iter().flatten();
        of.filter_map(Value::as_str).any(|host| hosts.contains(host))
    };
    let of_others = others_that(target, installation, ("networking.istio.io", "VirtualService"), is_for_ours).await?;
    Ok(Roads { origins, gateway: gateway_pods(objects, discovered), hosts, of_others })
}

fn place(object: &Object) -> String {
    format!("{}/{}", object.reference.namespace.as_deref().unwrap_or_default(), object.reference.name)
}

fn texts(object: &Object, pointer: &str) -> Vec<String> {
    let all = object.live.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The hosts that sign-in sends people back to, by the registration.
fn hosts_of_redirects(registration: &registration::Live) -> BTreeSet<String> {
    let uris = registration.application.iter().flat_map(|application| &application.web.redirect_uris);
    uris.filter_map(|uri| url::Url::parse(uri).ok())
        .filter(|uri| uri.path() == "/oauth2/callback")
        .filter_map(|uri| uri.host_str().map(str::to_owned))
        .collect()
}

fn gateway_pods(objects: &[Object], discovered: &Result<ClusterFacts, DiscoverError>) -> GatewayPods {
    let gateway = objects.iter().find(|object| object.reference.kind == "Gateway");
    let selector = gateway.and_then(|gateway| gateway.live.pointer("/spec/selector")).and_then(Value::as_object);
    let selector: BTreeMap<String, String> = selector
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    match discovered {
        Ok(facts) => GatewayPods::Selected {
            namespace: Some(facts.gateway.namespace.clone()),
            selector: if selector.is_empty() { facts.gateway.selector.clone() } else { selector },
        },
        Err(DiscoverError::NoGateway | DiscoverError::NoIstio | DiscoverError::GatewayWithoutPods { .. }) => {
            GatewayPods::None
        }
        Err(_) if !selector.is_empty() => GatewayPods::Selected { namespace: None, selector },
        Err(error) => GatewayPods::Unknown(Box::new(problem::discover(error))),
    }
}

impl Roads {
    /// The right to look at what the gateway runs with.
    pub(super) fn to_look(&self) -> Option<AccessQuestion> {
        match &self.gateway {
            GatewayPods::Selected { namespace, .. } => {
                Some(rights::question("create", "", "pods/portforward", namespace.as_deref()))
            }
            GatewayPods::None | GatewayPods::Unknown(_) => None,
        }
    }

    /// Why it can't be seen whether the routes are gone, if it can't.
    pub(super) fn out_of_sight(&self, denied: &BTreeSet<AccessQuestion>) -> Option<Problem> {
        if let GatewayPods::Unknown(problem) = &self.gateway {
            return Some(Problem {
                tried: "find the gateway, to see the routes gone from it before what guards them is touched".to_owned(),
                ..problem.as_ref().clone()
            });
        }
        self.to_look().filter(|question| denied.contains(question)).map(|question| rights::missing(&question))
    }

    /// What a pod's configuration still has of the routes.
    fn still_there(&self, configuration: &LiveConfiguration) -> Option<String> {
        if let Some(origin) = self.origins.intersection(&configuration.routes).next() {
            return Some(format!("the route of VirtualService {origin} is still there"));
        }
        let host = self.hosts.iter().find(|host| self.of_others.is_empty() && configuration.has_host(host))?;
        Some(format!("there is still a route for {host}"))
    }
}

/// Waits until every pod of the gateway has forgotten the routes. `None` in the error when the person stopped it.
pub(super) async fn are_gone(
    target: &Target,
    roads: &Roads,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(), Option<Problem>> {
    let part = PartId("proof/no-routes".to_owned());
    let hosts: Vec<&str> = roads.hosts.iter().map(String::as_str).collect();
    let title = Title { kind: "No route".to_owned(), name: format!("for {} at the gateway", hosts.join(", ")) };
    let started = Instant::now();
    let proven = |proof: String| {
        let elapsed_ms = milliseconds(started.elapsed());
        events.tell(Event::Proven { part: part.clone(), title: title.clone(), proof, elapsed_ms });
    };
    let told = |problem: Problem| {
        events.tell(Event::Failed { part: part.clone(), title: title.clone(), problem: problem.clone() });
        Some(problem)
    };
    let (namespace, selector) = match &roads.gateway {
        GatewayPods::Selected { namespace, selector } => (namespace.as_deref(), selector),
        GatewayPods::None => {
            proven("no gateway carries traffic".to_owned());
            return Ok(());
        }
        GatewayPods::Unknown(problem) => return Err(told(problem.as_ref().clone())),
    };
    loop {
        if cancel.is_cancelled() {
            return Err(None);
        }
        let reason = match look(target, roads, namespace, selector).await {
            Ok(Ok(pods)) => {
                let plural = if pods == 1 { "pod" } else { "pods" };
                proven(format!("gone from the live configuration of {pods} {plural}"));
                return Ok(());
            }
            Ok(Err(still)) => still,
            Err(error) if error.may_pass() => error.to_string(),
            Err(error) => {
                let tried = "look whether the routes are gone from the gateway's live configuration";
                return Err(told(problem::cluster(tried, &error)));
            }
        };
        if started.elapsed() >= budget::PROXY_CONFIGURATION {
            return Err(told(unproven(&reason)));
        }
        events.waiting(&part, &title, reason, started, budget::PROXY_CONFIGURATION);
        let pause = tokio::time::sleep(budget::PROXY_CONFIGURATION_PAUSE);
        if cancel.run_until_cancelled(pause).await.is_none() {
            return Err(None);
        }
    }
}

/// How many pods have forgotten the routes; or what is still there.
async fn look(
    target: &Target,
    roads: &Roads,
    namespace: Option<&str>,
    selector: &BTreeMap<String, String>,
) -> Result<Result<usize, String>, Error> {
    let pods = match namespace {
        Some(namespace) => target.cluster.pods(namespace, selector).await?,
        None => target.cluster.pods_anywhere(selector).await?,
    };
    let carrying: Vec<&PodSummary> = pods.iter().filter(|pod| pod.has_sidecar && !pod.terminating).collect();
    for pod in &carrying {
        let configuration = target.cluster.live_configuration(pod).await?;
        if let Some(still) = roads.still_there(&configuration) {
            return Ok(Err(format!("pod {}: {still}", pod.name)));
        }
    }
    Ok(Ok(carrying.len()))
}

fn unproven(reason: &str) -> Problem {
    Problem {
        tried: format!("see the routes gone from the gateway within {} s", budget::PROXY_CONFIGURATION.as_secs()),
        cause: reason.to_owned(),
        remedy: "without that proof nothing that guards the application is touched. `istioctl proxy-status` tells whether istiod \
                 reaches the gateway; run again when it does"
            .to_owned(),
        kind: ProblemKind::Failed,
    }
}

/// Whether the routes must be seen gone before what of `stages` is left may go.
pub(super) fn must_be_seen_gone(mut stages: impl Iterator<Item = Stage>) -> bool {
    stages.any(Stage::is_behind_the_routes)
}
