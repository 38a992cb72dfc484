//! Looks at every installation at once: the number of requests does not grow with the installations.
//!
//! Everything is asked for by our own mark across all namespaces, side by side. Of Secrets only the metadata is asked for. Two
//! requests depend on what is found: the pods, once, where something is not ready; and each TLS Secret that somebody else keeps, once
//! however many installations show it, because nothing but the certificate in it says when it ends.

use super::{
    facts::{CertificateSeen, ClientSecretSeen, Guard, InstallationFacts, Lacking, Sight, Workload},
    {Pods, problem},
};
use crate::{
    answers::{
        Answers, HookPlacement, Workload as Application, file,
        names::{DnsName, Hostname},
    },
    blueprint::SECRET_ANNOTATION,
    cluster::{Cluster, Error, PodSummary, Selection},
    engine::{
        event::Problem,
        history::History,
        plan::{INSTALLATION_LABEL, INSTALLATION_NAMESPACE_LABEL},
        secrets::{EXPIRES_ANNOTATION, KEY_ID_ANNOTATION, PREVIOUS_KEY_ID_ANNOTATION},
    },
    facts::{GatewaySummary, IstioVersion, ServedApis, TlsSecretFacts, Validity},
};
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const OURS: &str = "app.kubernetes.io/managed-by=gatewright";
const COMPONENT: &str = "app.kubernetes.io/component";
const NAME: &str = "app.kubernetes.io/name";

/// How many TLS Secrets are looked at side by side.
const LOOKS_AT_ONCE: usize = 8;
/// The names of so many workloads fit well into one request's address.
const MOST_TROUBLED: usize = 100;

/// What was listed; the right that is missing where it may not be.
type Listed<T> = Result<T, Lacking>;

/// Everything that the cluster tells of installations.
struct Seen {
    records: Vec<Value>,
    deployments: Listed<Index>,
    certificates: Listed<Index>,
    secrets: Listed<Index>,
    policies: Listed<Index>,
    token_checks: Listed<Index>,
    routes: Listed<Index>,
    gateways: Listed<Vec<GatewaySummary>>,
    istio: Listed<Vec<IstioVersion>>,
    pods: HashMap<(String, String), Vec<PodSummary>>,
    tls_secrets: HashMap<String, Sight<TlsSecretFacts>>,
}

/// What is known of every installation, by namespace and name.
pub(super) async fn look(cluster: &Cluster) -> Result<Vec<InstallationFacts>, Problem> {
    let seen = see(cluster).await?;
    let mut facts: Vec<_> = seen.records.iter().map(|record| seen.installation(record)).collect();
    facts.sort_by(|left, right| (&left.namespace, &left.application).cmp(&(&right.namespace, &right.application)));
    Ok(facts)
}

async fn see(cluster: &Cluster) -> Result<Seen, Problem> {
    let looking = |error: &Error| problem::cluster("look at what is installed", error);
    // First, as one request or two: it teaches every later request where its kind is found.
    let served = cluster.served().await.map_err(|error| looking(&error))?;
    let ours = Selection::labelled(OURS);
    let listed = |group: &'static str, kind: &'static str| of_kind(cluster, &served, group, kind, &ours);
    let (records, deployments, certificates, secrets, policies, token_checks, routes, gateways, istio) = tokio::join!(
        cluster.installations(),
        listed("apps", "Deployment"),
        listed("cert-manager.io", "Certificate"),
        async { may(cluster.list_metadata("v1", "Secret", &ours).await).map(|listed| listed.map(Index::of)) },
        listed("security.istio.io", "AuthorizationPolicy"),
        listed("security.istio.io", "RequestAuthentication"),
        listed("networking.istio.io", "VirtualService"),
        async { may(cluster.gateway_choices().await) },
        async { may(cluster.istio_versions().await) },
    );
    let records = records.map_err(|error| problem::cluster("list installations", &error))?;
    let deployments = deployments.map_err(|error| looking(&error))?;
    let (pods, tls_secrets) = tokio::join!(troubled_pods(cluster, &deployments), tls_secrets(cluster, &records));
    let seen = || -> Result<Seen, Error> {
        Ok(Seen {
            records,
            deployments,
            certificates: certificates?,
            secrets: secrets?,
            policies: policies?,
            token_checks: token_checks?,
            routes: routes?,
            gateways: gateways?,
            istio: istio?,
            pods: pods?,
            tls_secrets: tls_secrets?,
        })
    };
    seen().map_err(|error| looking(&error))
}

/// What carries our mark; nothing where the kind is not served.
async fn of_kind(
    cluster: &Cluster,
    served: &ServedApis,
    group: &str,
    kind: &str,
    ours: &Selection,
) -> Result<Listed<Index>, Error> {
    let Some(version) = served.version(group, kind) else { return Ok(Ok(Index::default())) };
    let listed = may(cluster.list(&format!("{group}/{version}"), kind, ours).await)?;
    Ok(listed.map(Index::of))
}

/// What may not be seen is a result; whatever else is wrong is an error.
fn may<T: Default>(answer: Result<T, Error>) -> Result<Listed<T>, Error> {
    match answer {
        Ok(found) => Ok(Ok(found)),
        Err(Error::NotServed { .. }) => Ok(Ok(T::default())),
        Err(error) => lacking(&error).map(Err).ok_or(error),
    }
}

fn lacking(error: &Error) -> Option<Lacking> {
    let right = error.lacks_right()?;
    Some(Lacking { right: right.to_string(), granted_by: right.who_can_grant() })
}

/// The pods of what is not ready, for the reason: in one request for all of them.
async fn troubled_pods(
    cluster: &Cluster,
    deployments: &Listed<Index>,
) -> Result<HashMap<(String, String), Vec<PodSummary>>, Error> {
    let Ok(deployments) = deployments else { return Ok(HashMap::new()) };
    let troubled = deployments.all().filter(|deployment| !is_ready(deployment));
    let names: BTreeSet<&str> = troubled.filter_map(|deployment| text(deployment, "/metadata/name")).collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<&str> = names.into_iter().take(MOST_TROUBLED).collect();
    let pods = match cluster.pods_everywhere(format!("{NAME} in ({})", names.join(","))).await {
        // Who may not see pods still sees how many are ready.
        Err(Error::Forbidden(_)) => Vec::new(),
        pods => pods?,
    };
    let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
    for pod in pods {
        let name = pod.labels.get(NAME).cloned().unwrap_or_default();
        by_name.entry((pod.namespace.clone(), name)).or_default().push(pod);
    }
    Ok(by_name)
}

/// The certificates that somebody else keeps, by the place of their Secret.
async fn tls_secrets(cluster: &Cluster, records: &[Value]) -> Result<HashMap<String, Sight<TlsSecretFacts>>, Error> {
    let places: BTreeSet<&str> = records.iter().filter_map(tls_secret_at).collect();
    let looks = stream::iter(places).map(|place| async move {
        let Some((namespace, name)) = place.split_once('/') else { return Ok((place.to_owned(), Sight::Absent)) };
        let sight = match cluster.tls_secret(namespace, name).await {
            Ok(TlsSecretFacts::Absent { .. }) => Sight::Absent,
            Ok(facts) => Sight::Seen(facts),
            Err(error) => Sight::NotAllowed(lacking(&error).ok_or(error)?),
        };
        Ok((place.to_owned(), sight))
    });
    looks.buffer_unordered(LOOKS_AT_ONCE).collect::<Vec<Result<_, Error>>>().await.into_iter().collect()
}

/// Where the certificate is that somebody else keeps.
fn tls_secret_at(record: &Value) -> Option<&str> {
    annotation(record, SECRET_ANNOTATION)
}

impl Seen {
    fn installation(&self, record: &Value) -> InstallationFacts {
        let application = label(record, INSTALLATION_LABEL).unwrap_or_default().to_owned();
        let namespace = text(record, "/metadata/namespace").unwrap_or_default().to_owned();
        let recorded = text(record, "/data/answers.yaml").unwrap_or_default();
        let answers = file::parse(recorded, "the record").map_err(|mistakes| mistakes.to_string());
        let of = Mine { seen: self, key: (namespace.clone(), application.clone()) };
        let decided = answers.as_ref().ok();
        let keeps_own_sessions = decided.is_none_or(|answers| answers.sessions.existing().is_none());
        let is_deployed =
            decided.is_some_and(|answers| matches!(answers.application.workload, Application::Deploy { .. }));
        InstallationFacts {
            proxy: of.workload("oauth2-proxy"),
            session_store: keeps_own_sessions.then(|| of.workload("session-store")),
            workload: is_deployed.then(|| of.workload("application")),
            certificate: match tls_secret_at(record) {
                Some(place) => self.certificate_that_was_there(place, decided),
                None => of.certificate(),
            },
            client_secret: of.client_secret(),
            guard: of.guard(),
            gateway_address: self.gateway_address(decided),
            istio: sight(self.istio.as_ref().map(|versions| Some(versions.clone()))),
            last_run: History::of(record).entries.into_iter().next(),
            application,
            namespace,
            answers,
        }
    }

    fn certificate_that_was_there(&self, place: &str, answers: Option<&Answers>) -> Sight<CertificateSeen> {
        let facts = match self.tls_secrets.get(place) {
            Some(Sight::Seen(facts)) => facts,
            Some(Sight::NotAllowed(lacking)) => return Sight::NotAllowed(lacking.clone()),
            Some(Sight::Absent) | None => return Sight::Absent,
        };
        let host = answers.map(|answers| &answers.application.host);
        let (state, trouble, expires) = match facts {
            TlsSecretFacts::Absent { .. } => return Sight::Absent,
            TlsSecretFacts::OfAnotherType { found } => {
                ("unreadable", Some(format!("the Secret is of type {found}")), None)
            }
            TlsSecretFacts::Unreadable { cause } => ("unreadable", Some(cause.clone()), None),
            TlsSecretFacts::Readable(certificate) => {
                let word = match certificate.validity {
                    Validity::Expired => "expired",
                    Validity::NotYet => "not valid yet",
                    Validity::Valid if !covers(&certificate.names, host) => "for other names",
                    Validity::Valid => "ready",
                };
                (word, None, certificate.expires.parse().ok())
            }
        };
        let state = state.to_owned();
        Sight::Seen(CertificateSeen { state, trouble, expires, renewal: None, names: None, is_ours: false })
    }

    /// The gateway that the answers name, else the only one there is.
    fn gateway_address(&self, answers: Option<&Answers>) -> Sight<String> {
        let found = self.gateways.as_ref().map(|gateways| {
            let chosen = answers.and_then(|answers| answers.gateway.as_ref());
            let gateway = match (chosen, gateways.as_slice()) {
                (Some(chosen), _) => gateways.iter().find(|gateway| {
                    gateway.namespace == chosen.namespace.as_str() && gateway.service == chosen.service.as_str()
                }),
                (None, [only]) => Some(only),
                (None, _) => None,
            };
            gateway.and_then(|gateway| gateway.address.clone())
        });
        sight(found)
    }
}

/// What of everything belongs to one installation.
struct Mine<'a> {
    seen: &'a Seen,
    /// Namespace and application.
    key: (String, String),
}

impl Mine<'_> {
    fn workload(&self, component: &str) -> Sight<Workload> {
        let found = self.seen.deployments.as_ref().map(|deployments| {
            let mut of_it = deployments.of_installation(&self.key);
            let deployment = of_it.find(|deployment| label(deployment, COMPONENT) == Some(component))?;
            Some(self.seen.workload(deployment))
        });
        sight(found)
    }

    fn certificate(&self) -> Sight<CertificateSeen> {
        let found = self.seen.certificates.as_ref().map(|certificates| {
            let certificate = certificates.of_installation(&self.key).next()?;
            let (state, trouble) = readiness(certificate);
            let time = |pointer: &str| text(certificate, pointer).and_then(|time| time.parse::<Timestamp>().ok());
            let names = certificate.pointer("/spec/dnsNames").and_then(Value::as_array);
            Some(CertificateSeen {
                state,
                trouble,
                expires: time("/status/notAfter"),
                renewal: time("/status/renewalTime"),
                names: names.map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
                is_ours: true,
            })
        });
        sight(found)
    }

    /// The Secret that carries a key id is the one with the client secret.
    fn client_secret(&self) -> Sight<ClientSecretSeen> {
        let found = self.seen.secrets.as_ref().map(|secrets| {
            let mut of_it = secrets.of_installation(&self.key);
            let secret = of_it.find(|secret| annotation(secret, KEY_ID_ANNOTATION).is_some())?;
            Some(ClientSecretSeen {
                expires: annotation(secret, EXPIRES_ANNOTATION).and_then(|expires| expires.parse().ok()),
                rotation_has_begun: annotation(secret, PREVIOUS_KEY_ID_ANNOTATION).is_some(),
            })
        });
        sight(found)
    }

    fn guard(&self) -> Sight<Guard> {
        let Seen { policies, token_checks, routes, .. } = self.seen;
        let (policies, token_checks, routes) = match (policies, token_checks, routes) {
            (Ok(policies), Ok(token_checks), Ok(routes)) => (policies, token_checks, routes),
            (Err(lacking), ..) | (_, Err(lacking), _) | (_, _, Err(lacking)) => {
                return Sight::NotAllowed(lacking.clone());
            }
        };
        let of_component = |index: &Index, component: &str| {
            let found: Vec<Value> = index
                .of_installation(&self.key)
                .filter(|object| label(object, COMPONENT) == Some(component))
                .cloned()
                .collect();
            found
        };
        let hooks = of_component(policies, "hook");
        let hook = hooks.iter().find(|policy| text(policy, "/spec/action") == Some("CUSTOM"));
        let hook = hook.map(|policy| {
            // At a gateway the name has the namespace in it too.
            let beside_the_application = text(policy, "/metadata/name") == Some(&format!("{}-sign-in", self.key.1));
            if beside_the_application { HookPlacement::Sidecar } else { HookPlacement::Gateway }
        });
        Sight::Seen(Guard {
            hook,
            token_lock: !of_component(policies, "token-lock").is_empty()
                && !of_component(token_checks, "token-lock").is_empty(),
            route: !of_component(routes, "routes").is_empty(),
        })
    }
}

impl Seen {
    fn workload(&self, deployment: &Value) -> Workload {
        let key = (
            text(deployment, "/metadata/namespace").unwrap_or_default().to_owned(),
            text(deployment, "/metadata/name").unwrap_or_default().to_owned(),
        );
        let pods = self.pods.get(&key).map(Vec::as_slice).unwrap_or_default();
        let of_pods = pods.iter().filter(|pod| !pod.ready && !pod.terminating).find_map(|pod| pod.reason.clone());
        let refused = conditions(deployment)
            .find(|condition| text(condition, "/type") == Some("ReplicaFailure"))
            .and_then(|condition| text(condition, "/message"));
        Workload {
            pods: pods_of(deployment),
            trouble: of_pods.or_else(|| refused.map(str::to_owned)),
            image: text(deployment, "/spec/template/spec/containers/0/image").map(str::to_owned),
        }
    }
}

/// Objects by the installation that they carry the mark of: namespace and application.
#[derive(Default)]
struct Index(BTreeMap<(String, String), Vec<Value>>);

impl Index {
    fn of(objects: Vec<Value>) -> Self {
        let mut index = Self::default();
        for object in objects {
            let mark = |name: &str| label(&object, name).unwrap_or_default().to_owned();
            let key = (mark(INSTALLATION_NAMESPACE_LABEL), mark(INSTALLATION_LABEL));
            index.0.entry(key).or_default().push(object);
        }
        index
    }

    fn of_installation(&self, key: &(String, String)) -> impl Iterator<Item = &Value> {
        self.0.get(key).into_iter().flatten()
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        self.0.values().flatten()
    }
}

fn sight<T>(found: Result<Option<T>, &Lacking>) -> Sight<T> {
    match found {
        Ok(Some(found)) => Sight::Seen(found),
        Ok(None) => Sight::Absent,
        Err(lacking) => Sight::NotAllowed(lacking.clone()),
    }
}

fn covers(names: &BTreeSet<String>, host: Option<&Hostname>) -> bool {
    let mut names = names.iter().filter_map(|name| name.parse::<DnsName>().ok());
    host.is_none_or(|host| names.any(|name| name.covers(host)))
}

fn pods_of(deployment: &Value) -> Pods {
    Pods {
        ready: deployment.pointer("/status/readyReplicas").and_then(Value::as_u64).unwrap_or_default(),
        wanted: deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1),
    }
}

fn is_ready(deployment: &Value) -> bool {
    let Pods { ready, wanted } = pods_of(deployment);
    ready >= wanted
}

/// `ready`, or the reason why not and what is said about it.
fn readiness(certificate: &Value) -> (String, Option<String>) {
    let ready = conditions(certificate).find(|condition| text(condition, "/type") == Some("Ready"));
    match ready {
        Some(ready) if text(ready, "/status") == Some("True") => ("ready".to_owned(), None),
        Some(ready) => (
            text(ready, "/reason").unwrap_or("not ready").to_owned(),
            text(ready, "/message").filter(|message| !message.is_empty()).map(str::to_owned),
        ),
        None => ("not ready".to_owned(), None),
    }
}

fn conditions(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(name)?.as_str()
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}
