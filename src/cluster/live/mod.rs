//! What a proxy really does: the configuration that Envoy itself reports, read through the pod (design.md law 1).

mod parse;
#[cfg(test)]
mod tests;

use super::{Cluster, Error, PodSummary};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{collections::BTreeSet, fmt, time::Duration};
use tokio::io::DuplexStream;

/// Envoy's admin port, open inside the pod only.
const ADMIN_PORT: u16 = 15000;
/// How long Envoy may take to report; a large mesh's dump is many megabytes.
const DUMP_BUDGET: Duration = Duration::from_secs(30);
/// More than any mesh's dump, and less than what would bring a laptop down.
const DUMP_LIMIT: usize = 512 * 1024 * 1024;

/// Names a policy: its namespace and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl PolicyName {
    /// Names a policy.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// A call to an external authorizer before a request is let on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The provider's name, where this version of Istio writes it down (1.30 and later do).
    pub provider: Option<String>,
    /// Envoy's cluster that is asked, such as `outbound|80||myapp-oauth2-proxy.myapp.svc.cluster.local`.
    pub cluster: String,
    /// The CUSTOM policies whose rules decide when it is asked.
    pub policies: BTreeSet<PolicyName>,
    /// Whether a request passes when the authorizer cannot be reached.
    pub fails_open: bool,
}

/// A check of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRule {
    /// The issuer.
    pub issuer: String,
    /// The audiences; empty means any.
    pub audiences: BTreeSet<String>,
}

/// A Lua filter, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The filter's name.
    pub name: String,
    /// Whether an authorizer has been asked before it runs.
    pub after_hook: bool,
    /// Whether tokens have been checked before it runs.
    pub after_tokens: bool,
}

/// What a policy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyAction {
    /// Lets through what matches, and nothing else.
    Allow,
    /// Refuses what matches.
    Deny,
    /// Only notes.
    Log,
}

/// One way into a listener for HTTP: a filter chain and the filters that a request passes on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpChain {
    /// The listener's name, such as `virtualInbound` or `0.0.0.0_8443`.
    pub listener: String,
    /// The TLS server names it is for; empty means any.
    pub server_names: Vec<String>,
    /// The calls to authorizers.
    pub hooks: Vec<Hook>,
    /// The checks of tokens.
    pub token_rules: Vec<TokenRule>,
    /// The scripts.
    pub scripts: Vec<Script>,
    /// The policies in force.
    pub policies: BTreeSet<(PolicyAction, PolicyName)>,
    /// Whether everything a CUSTOM policy matches is refused because Istio could not make sense of its provider.
    pub refuses_all: bool,
}

/// What a proxy really does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveConfiguration {
    /// Every way in and out that speaks HTTP.
    pub chains: Vec<HttpChain>,
    /// The host names that routes are there for.
    pub hosts: BTreeSet<String>,
    /// The VirtualServices that routes were made from, as `namespace/name`, as far as Istio notes it beside them.
    pub routes: BTreeSet<String>,
    /// What Envoy refused of its latest configuration, in its own words: it goes on with what it had.
    pub rejected: Vec<String>,
}

/// Why a lock is not proven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// The proxy has no way in for HTTP yet.
    #[error("the proxy has no HTTP listener for incoming requests yet")]
    NoWayIn,
    /// A way in lacks it.
    #[error("{lock} is not in force on listener {listener}{for_names} yet")]
    Missing {
        /// Which lock.
        lock: String,
        /// The listener.
        listener: String,
        /// The TLS server names of the way in, for a message.
        for_names: String,
    },
    /// Istio refuses everything, because the provider is unknown to it or there are several.
    #[error(
        "Istio could not use the provider of a CUSTOM policy on listener {listener} and refuses what it matches; is the provider in the mesh configuration, and the only one for this workload?"
    )]
    BadProvider {
        /// The listener.
        listener: String,
    },
    /// It is there, but opens when the authorizer is away.
    #[error("the hook on listener {listener} lets requests pass when the sign-in proxy is away")]
    FailsOpen {
        /// The listener.
        listener: String,
    },
}

impl LiveConfiguration {
    /// Reads what Envoy's admin interface answers to `GET /config_dump`. What is not in it is taken as not there.
    pub fn from_config_dump(dump: &Value) -> Self {
        parse::live_configuration(dump)
    }

    /// The ways in: those of a sidecar's `virtualInbound`, else, at a gateway, every listener that is not Istio's own.
    pub fn doors(&self) -> impl Iterator<Item = &HttpChain> {
        let sidecar = self.chains.iter().any(|chain| chain.listener == "virtualInbound");
        self.chains.iter().filter(move |chain| {
            if sidecar { chain.listener == "virtualInbound" } else { !is_istios_own(&chain.listener) }
        })
    }

    /// Proves that on every way in, `policy` has the authorizer behind the Service `host` asked.
    pub fn prove_hook(&self, policy: &PolicyName, host: &str) -> Result<(), Unproven> {
        self.prove(|door| {
            if door.refuses_all {
                return Err(Unproven::BadProvider { listener: door.listener.clone() });
            }
            let hook = door.hooks.iter().find(|hook| hook.policies.contains(policy) && asks(hook, host));
            match hook {
                Some(hook) if hook.fails_open => Err(Unproven::FailsOpen { listener: door.listener.clone() }),
                Some(_) => Ok(()),
                None => Err(missing(door, format!("the hook of policy {policy} to {host}"))),
            }
        })
    }

    /// Proves that on every way in, tokens of `issuer` for `audience` are checked and `policy` makes the check binding: by letting
    /// in nothing without a token, or by refusing what has none.
    pub fn prove_token_lock(&self, policy: &PolicyName, issuer: &str, audience: &str) -> Result<(), Unproven> {
        self.prove(|door| {
            let mut rules = door.token_rules.iter();
            // A rule without audiences takes tokens meant for others, so it is not the one that was asked for.
            if !rules.any(|rule| rule.issuer == issuer && rule.audiences.contains(audience)) {
                return Err(missing(door, format!("the check of tokens from {issuer} for {audience}")));
            }
            let in_force = |action| door.policies.contains(&(action, policy.clone()));
            if !in_force(PolicyAction::Allow) && !in_force(PolicyAction::Deny) {
                return Err(missing(door, format!("the policy {policy} that demands a token")));
            }
            Ok(())
        })
    }

    /// Proves that on every way in, the script `before_hook` runs before any authorizer is asked, and `before_tokens` behind that and
    /// before tokens are checked.
    pub fn prove_scripts(&self, before_hook: &str, before_tokens: &str) -> Result<(), Unproven> {
        self.prove(|door| {
            for (name, after_hook) in [(before_hook, false), (before_tokens, true)] {
                let in_place =
                    |script: &Script| script.name == name && script.after_hook == after_hook && !script.after_tokens;
                if !door.scripts.iter().any(in_place) {
                    let place = if after_hook { "between the hook and the check of tokens" } else { "before the hook" };
                    return Err(missing(door, format!("the filter {name} {place}")));
                }
            }
            Ok(())
        })
    }

    /// Whether there is a route for `host`, whatever the port.
    pub fn has_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|domain| domain.split_once(':').map_or(domain.as_str(), |(name, _)| name) == host)
    }

    fn prove(&self, lock: impl Fn(&HttpChain) -> Result<(), Unproven>) -> Result<(), Unproven> {
        let mut doors = self.doors().peekable();
        if doors.peek().is_none() {
            return Err(Unproven::NoWayIn);
        }
        doors.try_for_each(lock)
    }
}

fn missing(door: &HttpChain, lock: String) -> Unproven {
    let for_names =
        if door.server_names.is_empty() { String::new() } else { format!(" ({})", door.server_names.join(", ")) };
    Unproven::Missing { lock, listener: door.listener.clone(), for_names }
}

/// Envoy's clusters end in the Service's full name: `outbound|80||myapp-oauth2-proxy.myapp.svc.cluster.local`.
fn asks(hook: &Hook, host: &str) -> bool {
    hook.cluster.rsplit('|').next() == Some(host)
}

/// Health (15021), metrics (15090) and the agent's own.
fn is_istios_own(listener: &str) -> bool {
    listener.is_empty() || ["15021", "15090", "15020", "15012"].iter().any(|port| listener.ends_with(port))
}

impl Cluster {
    /// Asks the Envoy in this pod for the configuration that it runs with.
    pub async fn live_configuration(&self, pod: &PodSummary) -> Result<LiveConfiguration, Error> {
        let dump = self.talk(pod, ADMIN_PORT, DUMP_BUDGET, config_dump).await?;
        Ok(LiveConfiguration::from_config_dump(&dump))
    }
}

async fn config_dump(stream: DuplexStream) -> Result<Value, String> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let request = hyper::Request::get("/config_dump")
        .header("host", "localhost")
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let read = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("it answered {status}"));
        }
        let body = Limited::new(response.into_body(), DUMP_LIMIT).collect().await.map_err(|error| error.to_string())?;
        let body = body.to_bytes();
        serde_json::from_slice(&body).map_err(|error| format!("its configuration is no JSON ({:?})", error.classify()))
    };
    tokio::pin!(read);
    tokio::pin!(connection);
    // Whoever drops this future drops the connection with it: no task is left behind.
    tokio::select! {
        biased;
        answer = &mut read => answer,
        ended = &mut connection => match ended {
            Ok(()) => read.await,
            Err(error) => Err(error.to_string()),
        },
    }
}
