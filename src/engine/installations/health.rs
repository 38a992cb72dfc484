//! How well an installation is: a pure function of what is known of it and of the time.

use super::{
    advisories::{self, Product, Version},
    facts::{CertificateSeen, Guard, InstallationFacts, Lacking, Sight, Workload},
};
use crate::answers::{Answers, Certificate, HookPlacement};
use jiff::Timestamp;
use serde::Serialize;

/// From so many days before its end on, a client secret wants care. A scheduler that rotates monthly must not be too late.
pub const SECRET_CARE_DAYS: i64 = 30;
/// The same for a certificate that somebody else keeps.
pub const CERTIFICATE_CARE_DAYS: i64 = 30;
/// The same for one that cert-manager keeps, where it does not say when it means to renew it.
const RENEWED_CERTIFICATE_CARE_DAYS: i64 = 14;

const SECONDS_OF_A_DAY: i64 = 86_400;

/// How well something is; the worst is the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// As it should be.
    #[default]
    Ok,
    /// It may not be seen, so that nothing can be said.
    NotSeen,
    /// It works, and wants care.
    Care,
    /// It does not work, or is not safe.
    Broken,
}

impl Level {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotSeen => "not seen",
            Self::Care => "care",
            Self::Broken => "broken",
        }
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Concern {
    /// The recorded answers.
    Record,
    /// The first lock.
    Hook,
    /// The second lock.
    TokenLock,
    /// The road to the application.
    Route,
    /// The sign-in proxy.
    SignInProxy,
    /// The session store.
    SessionStore,
    /// The application.
    Application,
    /// The certificate.
    Certificate,
    /// The client secret.
    ClientSecret,
    /// The gateway's address.
    Gateway,
    /// A version with known vulnerabilities.
    Version,
    /// Something is not as the recorded answers say.
    Drift,
}

impl Concern {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Record => "Record",
            Self::Hook => "Sign-in hook",
            Self::TokenLock => "Token lock",
            Self::Route => "Route",
            Self::SignInProxy => "Sign-in proxy",
            Self::SessionStore => "Session store",
            Self::Application => "Application",
            Self::Certificate => "Certificate",
            Self::ClientSecret => "Client secret",
            Self::Gateway => "Gateway",
            Self::Version => "Version",
            Self::Drift => "Drift",
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// About what.
    pub about: Concern,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do next, in one sentence.
    pub to_do: String,
}

/// Whole days from `now` to `then`; negative once it is over.
pub fn days_until(then: Timestamp, now: Timestamp) -> i64 {
    then.duration_since(now).as_secs().div_euclid(SECONDS_OF_A_DAY)
}

/// Everything that is not as it should be with an installation, the worst first; nothing when it is well.
pub fn findings(facts: &InstallationFacts, now: Timestamp) -> Vec<Finding> {
    let mut judge = Judge { name: facts.full_name(), findings: Vec::new() };
    judge.record(facts);
    judge.guard(facts);
    judge.workload(Concern::SignInProxy, "the sign-in proxy", &facts.proxy);
    if let Some(store) = &facts.session_store {
        judge.workload(Concern::SessionStore, "the session store", store);
    }
    if let Some(workload) = &facts.workload {
        judge.workload(Concern::Application, "the application", workload);
    }
    judge.certificate(facts, now);
    judge.client_secret(facts, now);
    judge.gateway(facts);
    judge.versions(facts);
    judge.drift(facts);
    judge.findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    judge.findings
}

/// The worst of the findings.
pub fn level(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or_default()
}

struct Judge {
    name: String,
    findings: Vec<Finding>,
}

impl Judge {
    fn find(&mut self, level: Level, about: Concern, reason: impl Into<String>, to_do: impl Into<String>) {
        self.findings.push(Finding { level, about, reason: reason.into(), to_do: to_do.into() });
    }

    fn setup(&self) -> String {
        format!("`gatewright setup {}`", self.name)
    }

    fn plan(&self) -> String {
        format!("`gatewright plan {}`", self.name)
    }

    fn not_allowed(&mut self, about: Concern, what: &str, lacking: &Lacking) {
        let Lacking { right, granted_by } = lacking;
        self.find(
            Level::NotSeen,
            about,
            format!("You may not see {what}: the right to {right} is missing."),
            format!("Ask {granted_by} for the right to {right}, and look again."),
        );
    }

    fn record(&mut self, facts: &InstallationFacts) {
        let Err(cause) = &facts.answers else { return };
        let first = cause.lines().next().unwrap_or_default().trim_end_matches('.');
        let to_do = format!("Run {} with `--answers FILE`: it records them anew.", self.setup());
        self.find(Level::Care, Concern::Record, format!("The recorded answers cannot be read: {first}."), to_do);
    }

    fn guard(&mut self, facts: &InstallationFacts) {
        let guard = match &facts.guard {
            Sight::Seen(guard) => *guard,
            Sight::NotAllowed(lacking) => {
                return self.not_allowed(Concern::Hook, "the two locks and the route", lacking);
            }
            Sight::Absent => Guard { hook: None, token_lock: false, route: false },
        };
        let again = format!("Run {}: it puts back what is missing, and proves it.", self.setup());
        match guard {
            Guard { hook: None, token_lock: false, route: true } => self.find(
                Level::Broken,
                Concern::Hook,
                "Both locks are gone while the route is there: strangers may reach the application.",
                again,
            ),
            Guard { hook: None, token_lock: true, route: true } => self.find(
                Level::Broken,
                Concern::Hook,
                "The sign-in hook is gone: nobody is sent to sign in, and the token lock alone keeps strangers out.",
                again,
            ),
            Guard { hook: Some(_), token_lock: false, route: true } => self.find(
                Level::Broken,
                Concern::TokenLock,
                "The token lock is gone: the sign-in hook alone keeps strangers out.",
                again,
            ),
            Guard { route: false, .. } => self.find(
                Level::Broken,
                Concern::Route,
                "There is no route: the host leads nowhere.",
                format!("Run {}: it goes on where it was stopped, or puts the route back.", self.setup()),
            ),
            Guard { hook: Some(_), token_lock: true, route: true } => {}
        }
    }

    fn workload(&mut self, about: Concern, what: &str, workload: &Sight<Workload>) {
        let workload = match workload {
            Sight::Seen(workload) => workload,
            Sight::NotAllowed(lacking) => return self.not_allowed(about, what, lacking),
            Sight::Absent => {
                let to_do = format!("Run {}: it is made again.", self.setup());
                return self.find(Level::Broken, about, format!("{} is not there.", capital(what)), to_do);
            }
        };
        let super::Pods { ready, wanted } = workload.pods;
        if ready >= wanted && wanted > 0 {
            return;
        }
        if wanted == 0 {
            let to_do = format!("Run {}: it is given its pods back.", self.setup());
            return self.find(Level::Broken, about, format!("{} is scaled to no pods.", capital(what)), to_do);
        }
        let why = workload.trouble.as_deref().map(|why| format!(": {}", why.trim_end_matches('.'))).unwrap_or_default();
        let level = if ready == 0 { Level::Broken } else { Level::Care };
        let to_do = if workload.trouble.is_some() {
            format!("See to that reason; {} then tells whether anything else is to be done.", self.plan())
        } else {
            "Wait a moment and look again; `kubectl describe pod` tells more if it stays.".to_owned()
        };
        self.find(level, about, format!("Of {what}, {ready} of {wanted} pods are ready{why}."), to_do);
    }

    fn certificate(&mut self, facts: &InstallationFacts, now: Timestamp) {
        let certificate = match &facts.certificate {
            Sight::Seen(certificate) => certificate,
            Sight::NotAllowed(lacking) => {
                return self.not_allowed(Concern::Certificate, "the certificate", lacking);
            }
            Sight::Absent => {
                let to_do = match facts.answers.as_ref().ok().and_then(|answers| answers.certificate.existing_secret())
                {
                    Some(secret) => {
                        format!("Put a certificate into the TLS Secret {secret} in the gateway's namespace again.")
                    }
                    None => format!("Run {}: it is asked for again.", self.setup()),
                };
                return self.find(Level::Broken, Concern::Certificate, "There is no certificate.", to_do);
            }
        };
        let keeper = keeper(certificate, facts.answers.as_ref().ok());
        let days = certificate.expires.map(|expires| days_until(expires, now));
        let is_over = certificate.expires.is_some_and(|expires| expires <= now);
        let trouble = certificate.trouble.clone().map(|why| format!(": {}", why.trim_end_matches('.')));
        let trouble = trouble.unwrap_or_default();
        if is_over {
            let since = certificate.expires.map(day).unwrap_or_default();
            let reason = format!("The certificate expired on {since}, and browsers refuse it{trouble}.");
            self.find(Level::Broken, Concern::Certificate, reason, keeper);
        } else if certificate.state != "ready" {
            let level = if certificate.is_ours && days.is_some() { Level::Care } else { Level::Broken };
            let state = &certificate.state;
            let reason = match days {
                Some(days) if certificate.is_ours => {
                    format!("The certificate is not ready ({state}{trouble}); the former one is good for {days} days.")
                }
                _ => format!("The certificate is not ready ({state}{trouble})."),
            };
            self.find(level, Concern::Certificate, reason, keeper);
        } else if let Some(days) = days.filter(|days| wants_renewal(certificate, *days, now)) {
            let reason = if certificate.is_ours {
                format!("The certificate expires in {days} days, and cert-manager should have renewed it by now.")
            } else {
                format!("The certificate expires in {days} days.")
            };
            self.find(Level::Care, Concern::Certificate, reason, keeper);
        }
    }

    fn client_secret(&mut self, facts: &InstallationFacts, now: Timestamp) {
        let secret = match &facts.client_secret {
            Sight::Seen(secret) => secret,
            Sight::NotAllowed(lacking) => {
                return self.not_allowed(Concern::ClientSecret, "when the client secret expires", lacking);
            }
            Sight::Absent => {
                let to_do = format!("Run {}: a new one is made.", self.setup());
                let reason = "The Secret with the client secret is not there: nobody can sign in anew.";
                return self.find(Level::Broken, Concern::ClientSecret, reason, to_do);
            }
        };
        let Some(expires) = secret.expires else {
            let to_do = format!("Run {}: it is made anew if it is not what Entra knows.", self.setup());
            let reason = "Nothing says when the client secret expires.";
            return self.find(Level::Care, Concern::ClientSecret, reason, to_do);
        };
        if secret.rotation_has_begun {
            let name = &self.name;
            let to_do = format!(
                "Run `gatewright rotate {name}`, which goes on, or `gatewright rotate {name} --undo`, which takes it back."
            );
            let reason = "A rotation of the client secret was begun and has not come to its end: both are good.";
            self.find(Level::Care, Concern::ClientSecret, reason, to_do);
        }
        let days = days_until(expires, now);
        if expires <= now {
            let reason = format!("The client secret expired on {}: nobody can sign in anew.", day(expires));
            let to_do = format!("Run {}: a new one is made, proven and put in its place.", self.setup());
            self.find(Level::Broken, Concern::ClientSecret, reason, to_do);
        } else if days <= SECRET_CARE_DAYS {
            let to_do = format!(
                "Run `gatewright rotate {}`: a new one is made, proven and put in its place, and no request fails.",
                self.name
            );
            let left = counted(days, "day");
            let reason =
                format!("The client secret expires in {left}, on {}: then nobody can sign in anew.", day(expires));
            self.find(Level::Care, Concern::ClientSecret, reason, to_do);
        }
    }

    fn gateway(&mut self, facts: &InstallationFacts) {
        // Who may not see it still sees everything that matters.
        if facts.gateway_address == Sight::Absent {
            self.find(
                Level::Care,
                Concern::Gateway,
                "The ingress gateway has no address yet, so that no DNS name can lead to it.",
                "See why its Service of type LoadBalancer gets none; `kubectl describe service` tells.",
            );
        }
    }

    fn versions(&mut self, facts: &InstallationFacts) {
        let of_proxy = facts.proxy.seen().and_then(|proxy| image_version(proxy.image.as_deref()?));
        let of_istio = facts.istio.seen().into_iter().flatten();
        let of_istio = of_istio.map(|version| (Product::Istio, (version.major, version.minor, version.patch)));
        let running: Vec<(Product, Version)> =
            of_proxy.map(|version| (Product::SignInProxy, version)).into_iter().chain(of_istio).collect();
        for (product, version) in running {
            let known: Vec<_> = advisories::of(product, version).collect();
            let Some(first) = known.first() else { continue };
            let ids: Vec<&str> = known.iter().map(|advisory| advisory.id).collect();
            let fixed = known.iter().filter_map(|advisory| advisory.fixed_in(version)).max();
            let (product_name, written) = (product.name(), advisories::written(version));
            let source = first.source();
            let to_do = match (product, fixed) {
                (_, None) => format!("Watch the releases of {product_name} for one that closes it ({source})."),
                (Product::SignInProxy, Some(fixed)) => format!(
                    "Name an image of {} or later under `proxy.image`, and run {} ({source}).",
                    advisories::written(fixed),
                    self.setup()
                ),
                (Product::Istio, Some(fixed)) => {
                    format!("Have whoever runs Istio bring it to {} or later ({source}).", advisories::written(fixed))
                }
            };
            let reason =
                format!("{product_name} {written} has known vulnerabilities ({}): {}.", ids.join(", "), first.what);
            self.find(Level::Care, Concern::Version, reason, to_do);
        }
    }

    fn drift(&mut self, facts: &InstallationFacts) {
        let Ok(answers) = &facts.answers else { return };
        for what in drifts(facts, answers) {
            let to_do = format!("See {} for what differs; {} puts it right.", self.plan(), self.setup());
            self.find(Level::Care, Concern::Drift, what, to_do);
        }
    }
}

/// What is not as the recorded answers say, as far as that is seen at a glance.
fn drifts(facts: &InstallationFacts, answers: &Answers) -> Vec<String> {
    let mut drifts = Vec::new();
    let running = facts.proxy.seen().and_then(|proxy| proxy.image.as_deref());
    if let Some(running) = running.filter(|running| *running != answers.proxy.image.as_str()) {
        drifts.push(format!("The sign-in proxy runs {running}, and the answers say {}.", answers.proxy.image));
    }
    let wanted = facts.proxy.seen().map(|proxy| proxy.pods.wanted);
    // Scaled to none it is broken, which is told already.
    if let Some(wanted) = wanted.filter(|wanted| *wanted > 0 && *wanted != u64::from(answers.proxy.replicas)) {
        let said = answers.proxy.replicas;
        drifts.push(format!("The sign-in proxy is scaled to {}, and the answers say {said}.", counted_pods(wanted)));
    }
    let hook = facts.guard.seen().and_then(|guard| guard.hook);
    if let Some(hook) = hook.filter(|hook| *hook != answers.hook) {
        let (is, said) = (place(hook), place(answers.hook));
        drifts.push(format!("The sign-in hook is {is}, and the answers say {said}."));
    }
    if let (Certificate::Issued { names, .. }, Some(certificate)) = (&answers.certificate, facts.certificate.seen())
        && let Some(on_it) = &certificate.names
        && !names.iter().all(|name| on_it.contains(&name.to_string()))
    {
        drifts.push("The certificate is for other names than the answers say.".to_owned());
    }
    drifts
}

/// Where the hook is, for people.
pub fn place(hook: HookPlacement) -> &'static str {
    match hook {
        HookPlacement::Sidecar => "in the application's sidecar",
        HookPlacement::Gateway => "at the gateway",
    }
}

/// Who has to see to the certificate, and how.
fn keeper(certificate: &CertificateSeen, answers: Option<&Answers>) -> String {
    if !certificate.is_ours {
        return match answers.and_then(|answers| answers.certificate.existing_secret()) {
            Some(secret) => format!("Have whoever keeps the TLS Secret {secret} put a new certificate into it."),
            None => "Have whoever keeps its TLS Secret put a new certificate into it.".to_owned(),
        };
    }
    match answers.and_then(|answers| answers.certificate.issuer()) {
        Some(issuer) => format!(
            "See to {} {}, which signs it; cert-manager then goes on by itself.",
            issuer.kind.as_str(),
            issuer.name
        ),
        None => "See to the issuer that signs it; cert-manager then goes on by itself.".to_owned(),
    }
}

/// Whether the end is so near that somebody has to act.
fn wants_renewal(certificate: &CertificateSeen, days: i64, now: Timestamp) -> bool {
    match (certificate.is_ours, certificate.renewal, certificate.expires) {
        (false, ..) => days <= CERTIFICATE_CARE_DAYS,
        // A quarter of the time that cert-manager leaves itself is enough for an order that is slow.
        (true, Some(renewal), Some(expires)) => {
            now.duration_since(renewal).as_secs() > expires.duration_since(renewal).as_secs() / 4
        }
        (true, ..) => days <= RENEWED_CERTIFICATE_CARE_DAYS,
    }
}

fn image_version(image: &str) -> Option<Version> {
    let name = image.split('@').next()?;
    let (_, tag) = name.rsplit('/').next()?.split_once(':')?;
    advisories::version_of_tag(tag)
}

/// The version of the image, as it is written.
pub(super) fn version_text(image: &str) -> Option<String> {
    image_version(image).map(advisories::written)
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

fn counted_pods(number: u64) -> String {
    if number == 1 { "1 pod".to_owned() } else { format!("{number} pods") }
}

fn counted(number: i64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
