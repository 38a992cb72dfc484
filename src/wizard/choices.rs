//! What can be chosen, from facts. What cannot work is there too, with the reason.

use super::{
    Wizard,
    discovered::{Fact, Likeness, Need},
    draft::{Given, OPEN},
    question::{Choices, Kind, Question},
    questions::{ADOPTED, CERTIFICATE, DEPLOY, ISSUED, NEW, NEWLY_ISSUED, OWN_STORE, REDIS, SERVICE, THERE, WORKLOAD},
    session::clouds,
};
use crate::facts::{
    ClusterFacts, ConsentRight, Injection, IssuerFacts, NamespaceSummary, RegistrationSummary, ServiceSummary,
    ZoneSummary,
};

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The answer it stands for.
    pub value: String,
    /// What is to be known about it, in a few words; may be empty.
    pub about: String,
    /// Why it cannot work, if it cannot.
    pub unusable: Option<String>,
}

impl Choice {
    pub(super) fn new(value: impl Into<String>, about: impl Into<String>) -> Self {
        Self { value: value.into(), about: about.into(), unusable: None }
    }

    pub(super) fn unless(mut self, reason: Option<String>) -> Self {
        self.unusable = reason;
        self
    }
}

impl Wizard {
    /// What `question` offers, as far as facts have arrived; empty for questions without choices.
    pub fn choices(&self, question: &Question) -> Vec<Choice> {
        self.offered(question).into_iter().map(|choice| self.held_against_the_rules(question, choice)).collect()
    }

    /// A choice that the answers file's own rules refuse says so.
    pub(super) fn held_against_the_rules(&self, question: &Question, mut choice: Choice) -> Choice {
        if choice.unusable.is_none() {
            choice.unusable = self.mistake(question, &Given::text(&choice.value)).map(|mistake| mistake.wrong);
        }
        choice
    }

    /// What facts offer, before the rules of the answers file: holding every choice against those takes its time.
    pub(super) fn offered(&self, question: &Question) -> Vec<Choice> {
        let Kind::Choice { of, .. } = question.kind else { return Vec::new() };
        match of {
            Choices::Contexts => self.contexts(),
            Choices::Clouds => clouds(),
            Choices::SignIns => self.sign_ins(),
            Choices::SignInTenants => self.sign_in_tenants(),
            Choices::Applications => self.applications(),
            Choices::Tenants => self.tenants(),
            Choices::Gateways => self.gateways(),
            Choices::Workloads => workloads(),
            Choices::Namespaces => self.namespaces(),
            Choices::Services => self.services(),
            Choices::Ports => self.ports(),
            Choices::EmailClaims => email_claims(),
            Choices::Certificates => certificates(),
            Choices::RegistrationSources => registration_sources(),
            Choices::Registrations => self.registrations(),
            Choices::Consents => self.consents(),
            Choices::Stores => stores(),
            Choices::Issuers => self.issuers(),
            Choices::Subscriptions => self.subscriptions(),
            Choices::Zones => self.zones(),
            Choices::AcmeServers => acme_servers(),
            Choices::Hooks => self.hooks(),
        }
    }

    /// The fact that `question` offers its choices from.
    pub(super) fn need_of(&self, question: &Question) -> Option<Need> {
        let namespace = || self.draft.text("application.namespace").map(str::to_owned);
        match question.kind {
            Kind::Choice { of: Choices::Contexts, .. } => Some(Need::Contexts),
            Kind::Choice { of: Choices::SignIns | Choices::SignInTenants, .. } => Some(Need::SignIns(self.cloud())),
            Kind::Choice { of: Choices::Applications, .. } => Some(Need::Installations),
            Kind::Choice { of: Choices::Tenants, .. } => Some(Need::Tenant),
            Kind::Choice { of: Choices::Consents, .. } => Some(Need::ConsentRight),
            Kind::Choice { of: Choices::Gateways, .. } => Some(Need::Gateways),
            Kind::Choice { of: Choices::Namespaces, .. } => Some(Need::Namespaces),
            Kind::Choice { of: Choices::Services | Choices::Ports, .. } => namespace().map(Need::Services),
            Kind::Choice { of: Choices::Registrations, .. } => self.likeness().map(Need::Registrations),
            Kind::Choice { of: Choices::Issuers, .. } => Some(Need::Issuers(self.gateway_namespace())),
            Kind::Choice { of: Choices::Subscriptions, .. } => Some(Need::Subscriptions),
            Kind::Choice { of: Choices::Zones, .. } => self.subscription().map(|id| Need::Zones(id.to_owned())),
            Kind::Choice { of: Choices::Hooks, .. } => self.place().map(Need::Surroundings),
            _ => None,
        }
    }

    fn tenants(&self) -> Vec<Choice> {
        let named = self.draft.text("registration.tenant").filter(|tenant| *tenant != OPEN);
        let signed_in = self.discovered.tenant().known().map(String::as_str);
        let mut tenants = vec![Choice::new(OPEN, "none: whichever tenant a run is signed in to")];
        tenants.extend(signed_in.map(|tenant| Choice::new(tenant, "the one you are signed in to")));
        tenants.extend(
            named.filter(|named| signed_in != Some(named)).map(|named| Choice::new(named, "as the answers say now")),
        );
        tenants
    }

    /// What the application's registration is looked for by, once that is answered.
    fn likeness(&self) -> Option<Likeness> {
        let answered = |id: &str| self.draft.text(id).map(str::to_owned);
        Some(Likeness { name: answered("application.name")?, host: answered("application.host")? })
    }

    fn found_registrations(&self) -> &[RegistrationSummary] {
        let found = self.likeness().and_then(|likeness| self.discovered.registrations(&likeness).known());
        found.map_or(&[], Vec::as_slice)
    }

    fn registrations(&self) -> Vec<Choice> {
        let mut choices: Vec<Choice> = self
            .found_registrations()
            .iter()
            .map(|found| {
                let owners = match found.owners.as_deref() {
                    None => "who owns it may not be seen".to_owned(),
                    Some([]) => "nobody is named as its owner".to_owned(),
                    Some(owners) => format!("owned by {}", owners.join(", ")),
                };
                let since = found.created.as_ref().map_or_else(String::new, |day| format!(", since {day}"));
                let kept = found.kept_by.as_ref().map(|name| {
                    let who = if name.starts_with("gatewright.") {
                        "an installation of Gatewright has it"
                    } else {
                        "another tool keeps it"
                    };
                    format!("{who}, as {name}")
                });
                Choice::new(&found.client_id, format!("{}, {owners}{since}", found.display_name)).unless(kept)
            })
            .collect();
        choices.sort_by_key(|choice| choice.unusable.is_some());
        choices
    }

    /// Whether the registration that is taken over is called as people are to see it already.
    pub(super) fn keeps_its_name(&self) -> bool {
        let (chosen, name) =
            (self.draft.text("registration.adopt.clientId"), self.draft.text("registration.displayName"));
        let found = self.found_registrations().iter().find(|found| chosen == Some(found.client_id.as_str()));
        found.is_some_and(|found| name == Some(found.display_name.as_str()))
    }

    fn gateways(&self) -> Vec<Choice> {
        let found = self.discovered.gateways().known().into_iter().flatten();
        let address = |address: &Option<String>| {
            address.as_ref().map_or_else(|| "no address yet".to_owned(), |address| format!("reached at {address}"))
        };
        found.map(|one| Choice::new(format!("{}/{}", one.namespace, one.service), address(&one.address))).collect()
    }

    fn namespaces(&self) -> Vec<Choice> {
        let found: &[NamespaceSummary] = self.discovered.namespaces().known().map_or(&[], Vec::as_slice);
        let mut choices = Vec::new();
        let must_be_there = self.draft.text(WORKLOAD) == Some(SERVICE);
        if let Some(name) = self.draft.text("application.name").filter(|_| !must_be_there)
            && self.discovered.namespaces().known().is_some()
            && !found.iter().any(|namespace| namespace.name == name)
        {
            choices.push(Choice::new(name, "new: it is made"));
        }
        choices.extend(found.iter().map(|namespace| {
            let about = match namespace.injection {
                Injection::On => "is there, with sidecars",
                Injection::Unsaid => "is there, sidecars only for pods that ask",
                Injection::Off => "is there, with sidecars turned off",
            };
            Choice::new(&namespace.name, about)
        }));
        choices
    }

    fn found_services(&self) -> &Fact<Vec<ServiceSummary>> {
        let namespace = self.draft.text("application.namespace").unwrap_or_default();
        self.discovered.services(namespace)
    }

    fn services(&self) -> Vec<Choice> {
        let found = self.found_services().known().into_iter().flatten();
        found
            .map(|service| {
                let ports: Vec<String> = service.ports.iter().map(ToString::to_string).collect();
                let about = format!(
                    "port {}; {} pods, {} with a sidecar",
                    ports.join(" or "),
                    service.pods,
                    service.pods_with_sidecar
                );
                let reason = if !service.has_selector {
                    Some("it has no selector, so its pods cannot be told from others".to_owned())
                } else if service.ports.is_empty() {
                    Some("it offers no port".to_owned())
                } else {
                    None
                };
                Choice::new(&service.name, about).unless(reason)
            })
            .collect()
    }

    fn ports(&self) -> Vec<Choice> {
        let chosen = self.draft.text("application.service.name").unwrap_or_default();
        let found = self.found_services().known().into_iter().flatten();
        let ports = found.filter(|service| service.name == chosen).flat_map(|service| &service.ports);
        ports.map(|port| Choice::new(port.to_string(), "")).collect()
    }

    fn issuers(&self) -> Vec<Choice> {
        let found = self.discovered.issuers(&self.gateway_namespace()).known().into_iter().flatten();
        let mut choices: Vec<Choice> = found
            .map(|issuer| {
                let wildcards = if issuer.signs_wildcards { "signs wildcards" } else { "signs no wildcards" };
                let not_ready = issuer.ready.as_ref().err().map(|reason| format!("it is not ready: {reason}"));
                let about = if not_ready.is_some() { String::new() } else { format!("ready, {wildcards}") };
                Choice::new(issuer_value(issuer), about).unless(not_ready)
            })
            .collect();
        // What works comes first, and with equal names' order kept, production before staging.
        choices.sort_by_key(|choice| choice.unusable.is_some());
        choices
    }

    pub(super) fn chosen_issuer(&self) -> Option<&IssuerFacts> {
        let chosen = self.draft.text("certificate.issuer")?;
        if self.draft.text(CERTIFICATE) == Some(NEWLY_ISSUED) {
            return None;
        }
        let found = self.discovered.issuers(&self.gateway_namespace()).known()?;
        found.iter().find(|issuer| issuer_value(issuer) == chosen)
    }

    fn consents(&self) -> Vec<Choice> {
        let here = match self.discovered.consent_right() {
            Fact::Pending => "give it here; whether you may is not known yet".to_owned(),
            Fact::Known(ConsentRight::May { by }) => format!("give it here: you may, with {by}"),
            Fact::Known(ConsentRight::MayNot { who }) => format!("you may not: link and text for a {who}"),
            Fact::Failed(_) => "give it here if you may (that cannot be seen); else link and text".to_owned(),
        };
        vec![Choice::new("grant", here), Choice::new("handOver", "never try: make link and text for an administrator")]
    }

    fn subscription(&self) -> Option<&str> {
        self.draft.text("certificate.newIssuer.zone.subscription")
    }

    fn subscriptions(&self) -> Vec<Choice> {
        let found = self.discovered.subscriptions().known().into_iter().flatten();
        found
            .map(|one| {
                let not_enabled = Some(&one.state).filter(|state| !state.is_empty() && *state != "Enabled");
                Choice::new(&one.id, &one.name).unless(not_enabled.map(|state| format!("it is {state}")))
            })
            .collect()
    }

    /// The zones that could hold the host, the deepest first: that is the one that answers for it. Then the others.
    fn zones(&self) -> Vec<Choice> {
        let host = self.draft.text("application.host").unwrap_or_default();
        let found = self.subscription().and_then(|id| self.discovered.zones(id).known()).into_iter().flatten();
        let mut zones: Vec<&ZoneSummary> = found.collect();
        zones.sort_by_key(|zone| (!holds(zone, host), std::cmp::Reverse(zone.name.len())));
        let choice = |zone: &ZoneSummary| {
            let reason = if !zone.is_public {
                Some("it is private, and no authority can look into it".to_owned())
            } else if holds(zone, host) {
                None
            } else {
                Some(format!("it does not hold {host}"))
            };
            Choice::new(format!("{}/{}", zone.resource_group, zone.name), "").unless(reason)
        };
        zones.into_iter().map(choice).collect()
    }

    fn hooks(&self) -> Vec<Choice> {
        let surroundings = self.place().and_then(|place| self.discovered.surroundings(&place).known());
        let sidecar = Choice::new("sidecar", "in the application's own pods: every road to it passes")
            .unless(surroundings.and_then(|facts| no_sidecar(facts.as_ref())));
        let gateway = Choice::new("gateway", "only what comes through the gateway passes it")
            .unless(surroundings.and_then(|facts| no_gateway(facts.as_ref())));
        vec![sidecar, gateway]
    }
}

pub(super) fn issuer_value(issuer: &IssuerFacts) -> String {
    format!("{}/{}", issuer.kind, issuer.name)
}

fn workloads() -> Vec<Choice> {
    vec![
        Choice::new(DEPLOY, "make it from a container image"),
        Choice::new(SERVICE, "it is there, put sign-in in front of its Service"),
    ]
}

fn certificates() -> Vec<Choice> {
    vec![
        Choice::new(ISSUED, "have cert-manager make and renew it"),
        Choice::new(THERE, "there is a TLS Secret already, use that"),
        Choice::new(NEWLY_ISSUED, "have it made, and an issuer for Azure DNS too"),
    ]
}

fn registration_sources() -> Vec<Choice> {
    vec![
        Choice::new(NEW, "make one for this application alone"),
        Choice::new(ADOPTED, "take over one that is registered already"),
    ]
}

fn acme_servers() -> Vec<Choice> {
    vec![
        Choice::new("letsencrypt-production", "browsers trust it; few certificates a week for the same names"),
        Choice::new("letsencrypt-staging", "for trying out; browsers do not trust it"),
    ]
}

/// Whether records of `host` are in the zone.
fn holds(zone: &ZoneSummary, host: &str) -> bool {
    host == zone.name || host.strip_suffix(zone.name.as_str()).is_some_and(|rest| rest.ends_with('.'))
}

fn stores() -> Vec<Choice> {
    vec![
        Choice::new(OWN_STORE, "make one beside the application"),
        Choice::new(REDIS, "there is a Redis or Valkey already, use that"),
    ]
}

fn email_claims() -> Vec<Choice> {
    vec![
        Choice::new("email", "missing for accounts without a mailbox; nobody can make one up"),
        Choice::new("preferred_username", "always there, but an administrator can change it"),
    ]
}

/// Why the locks cannot sit in the application's sidecar.
fn no_sidecar(facts: &ClusterFacts) -> Option<String> {
    if let Some(service) = &facts.application.service {
        if service.pods == 0 {
            return Some("the Service has no pods yet, so no lock in them could be proven".to_owned());
        }
        if service.pods_with_sidecar < service.pods {
            let without = service.pods - service.pods_with_sidecar;
            return Some(format!("{without} of its {} pods have no sidecar", service.pods));
        }
    }
    taken(facts, &facts.application.custom_providers, "the application's pods")
}

/// Why the locks cannot sit at the gateway.
fn no_gateway(facts: &ClusterFacts) -> Option<String> {
    taken(facts, &facts.gateway.custom_providers, "the gateway")
}

/// Istio asks one provider a workload (domain.md 4.1).
fn taken(facts: &ClusterFacts, providers: &std::collections::BTreeSet<String>, place: &str) -> Option<String> {
    let first = providers.iter().next().filter(|_| !facts.istio.several_custom_providers)?;
    Some(format!("{place} already ask the provider {first}, and Istio allows one a workload"))
}
