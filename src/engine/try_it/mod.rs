//! Trying it: a real request of a stranger through the gateway, once everything is applied (docs/decisions/trying-it.md).
//!
//! What is found is told and changes nothing that was applied. Only an open door makes the run a failure: law 1.

mod door;
mod usage;
mod wire;

use super::{
    Target,
    apply::Run,
    budget,
    event::{Check, Event, Events, Finding, Verdict},
};
use crate::{
    answers::Answers,
    blueprint::{self, Known},
    cluster::ObjectRef,
    facts::Facts,
    secret::Secret,
};
use door::{Door, Expected};
use std::{collections::BTreeSet, net::SocketAddr, str::FromStr};
use tokio_util::sync::CancellationToken;

/// The port that browsers use.
const HTTPS: u16 = 443;

/// Where the application is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entrance {
    /// At the address that the gateway's Service has, and by the host's name.
    #[default]
    Service,
    /// At this address, whatever the name leads to.
    At(SocketAddr),
    /// Nowhere.
    Nowhere,
}

/// That a text names no [`Entrance`].
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no address; write IP:PORT, such as 192.0.2.10:443, or `none` to leave it untried")]
pub struct NoEntrance(String);

impl FromStr for Entrance {
    type Err = NoEntrance;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::Nowhere),
            _ => text.parse().map(Self::At).map_err(|_| NoEntrance(text.to_owned())),
        }
    }
}

/// What is tried.
pub(super) struct Trial<'a> {
    /// Where.
    pub(super) target: &'a Target,
    pub(super) answers: &'a Answers,
    pub(super) facts: &'a Facts,
    /// The client id of the registration.
    pub(super) client_id: String,
    /// The command that takes the route away.
    pub(super) route: Option<String>,
    /// A token that the application has to let in.
    pub(super) token: Option<Secret>,
}

/// Tries the application as a stranger, and tells what was found and how programs get in. Whether the door is open.
pub(super) async fn after(run: &Run<'_>) -> bool {
    let (entrance, seen) = (run.target.entrance, &run.plan.seen);
    let Known::Now(registered) = &seen.existing.registered else { return false };
    let trial = Trial {
        target: run.target,
        answers: &run.plan.answers,
        facts: &seen.facts,
        client_id: registered.client_id.clone(),
        route: route(run),
        token: None,
    };
    let findings = tell(&trial, &run.events, &run.cancel).await;
    if entrance != Entrance::Nowhere
        && let Some(usage) = usage::of(trial.answers, trial.facts, &trial.client_id, entrance)
    {
        run.events.tell(Event::Usage { usage });
    }
    findings.iter().any(|finding| finding.verdict == Verdict::Open)
}

/// Tries the application as a stranger does, and with a token if there is one; tells what was found.
pub(super) async fn tell(trial: &Trial<'_>, events: &Events, cancel: &CancellationToken) -> Vec<Finding> {
    if trial.target.entrance == Entrance::Nowhere {
        return Vec::new();
    }
    let host = trial.answers.application.host.to_string();
    events.tell(Event::Trying { address: format!("https://{host}/") });
    let findings = cancel.run_until_cancelled(found(trial, &host)).await.unwrap_or_default();
    for finding in &findings {
        events.tell(Event::Tried { finding: finding.clone() });
    }
    findings
}

async fn found(trial: &Trial<'_>, host: &str) -> Vec<Finding> {
    let (mut findings, addresses) = match trial.target.entrance {
        Entrance::Nowhere => return Vec::new(),
        Entrance::At(address) => (Vec::new(), vec![address]),
        Entrance::Service => leads_to_the_gateway(trial, host).await,
    };
    let Some(address) = addresses.first().copied() else { return findings };
    if let Err(cause) = wire::reach(address).await {
        findings.push(Finding {
            check: Check::Address,
            verdict: Verdict::NotYet,
            found: format!("nothing answers at {address}: {cause}"),
            remedy: Some(
                "see that a firewall lets this machine through, and that the load balancer has finished setting up"
                    .to_owned(),
            ),
        });
        return findings;
    }
    let tenant = &trial.facts.tenant;
    let sign_in = tenant.cloud.sign_in.as_str().trim_end_matches('/');
    let door = Door {
        host: host.to_owned(),
        address,
        expected: Expected {
            authorize: format!("{sign_in}/{}/oauth2/v2.0/authorize", tenant.id),
            client_id: trial.client_id.clone(),
            redirect_uri: format!("https://{host}/oauth2/callback"),
        },
        authority: authority(trial).await,
        route: trial.route.clone(),
        token: trial.token.clone(),
    };
    findings.extend(door.knock().await);
    findings
}

/// Whether the name leads to the gateway; and the gateway's own addresses, where it is knocked at whatever the name does.
async fn leads_to_the_gateway(trial: &Trial<'_>, host: &str) -> (Vec<Finding>, Vec<SocketAddr>) {
    let gateway = &trial.facts.cluster.gateway;
    let service = format!("{}/{}", gateway.namespace, gateway.service);
    let finding =
        |verdict, found: String, remedy: Option<String>| Finding { check: Check::Name, verdict, found, remedy };
    let Some(address) = &gateway.address else {
        let found = format!("the gateway's Service {service} has no address yet");
        let remedy = "wait until its load balancer has one; `--try-at IP:PORT` tries another way in".to_owned();
        return (vec![finding(Verdict::NotYet, found, Some(remedy))], Vec::new());
    };
    let (named, own) = tokio::join!(wire::look_up(host), wire::look_up(address));
    let own = own.unwrap_or_default();
    let record = match address.parse::<std::net::IpAddr>() {
        Ok(ip) => format!("{host} {} {ip}", if ip.is_ipv4() { "A" } else { "AAAA" }),
        Err(_) => format!("{host} CNAME {address}"),
    };
    let of_name = match named {
        Err(cause) => finding(
            Verdict::NotYet,
            format!("{host} leads nowhere yet: {cause}"),
            Some(format!("make the DNS record {record}, and wait until it is known")),
        ),
        Ok(named) if named.iter().any(|one| own.contains(one)) => {
            finding(Verdict::Ok, format!("{host} leads to the gateway, {address}"), None)
        }
        Ok(named) => finding(
            Verdict::NotYet,
            format!("{host} leads to {}, and the gateway is at {address}", listed(&named)),
            Some(format!(
                "make the DNS record {record}, unless something in front of the gateway passes requests on to it"
            )),
        ),
    };
    let mut findings = vec![of_name];
    if own.is_empty() {
        findings.push(Finding {
            check: Check::Address,
            verdict: Verdict::NotYet,
            found: format!("the gateway's own name {address} leads nowhere yet"),
            remedy: Some("wait until the load balancer's name is known".to_owned()),
        });
    }
    (findings, own.into_iter().map(|ip| SocketAddr::new(ip, HTTPS)).collect())
}

fn listed(addresses: &BTreeSet<std::net::IpAddr>) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Who signed the certificate, as its Secret tells: for when this machine does not know them. Nothing of the key is looked at.
async fn authority(trial: &Trial<'_>) -> Option<wire::Authority> {
    let answers = trial.answers;
    let issued = || blueprint::issued_secret_name(answers);
    let name = answers.certificate.existing_secret().map_or_else(issued, ToString::to_string);
    let namespace = &trial.facts.cluster.gateway.namespace;
    let reference = ObjectRef::namespaced("v1", "Secret", namespace, &name);
    // Who may not read it has one thing less to say, and nothing else.
    let secret = tokio::time::timeout(budget::TRY, trial.target.cluster.get(&reference)).await.ok()?.ok()??;
    wire::Authority::of_secret(&secret, format!("{namespace}/{name}"))
}

/// The route to take away when the door is open.
fn route(run: &Run<'_>) -> Option<String> {
    let is_route = |step: &&super::plan::Step| step.title.kind == "VirtualService";
    run.plan.steps.iter().find(is_route).and_then(|step| {
        let (namespace, name) = step.title.name.split_once('/')?;
        Some(format!("kubectl delete virtualservice --namespace {namespace} {name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::Entrance;

    #[test]
    fn given_what_can_be_written_for_the_entrance_then_it_is_read_or_refused_with_an_example() {
        assert_eq!("none".parse::<Entrance>().unwrap(), Entrance::Nowhere);
        assert_eq!("127.0.0.1:8443".parse::<Entrance>().unwrap(), Entrance::At("127.0.0.1:8443".parse().unwrap()));
        assert_eq!(
            "[2001:db8::1]:443".parse::<Entrance>().unwrap(),
            Entrance::At("[2001:db8::1]:443".parse().unwrap())
        );
        for wrong in ["", "localhost:443", "127.0.0.1"] {
            let message = wrong.parse::<Entrance>().unwrap_err().to_string();
            assert!(message.contains("192.0.2.10:443"), "{message}");
        }
    }
}
