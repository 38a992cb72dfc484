use super::super::{
    Pods,
    facts::{CertificateSeen, ClientSecretSeen, Guard, InstallationFacts, Lacking, Sight, Workload},
};
use super::{Concern, Finding, Level, days_until, findings, level};
use crate::{
    answers::{HookPlacement, file},
    facts::IstioVersion,
};
use jiff::Timestamp;

const NOW: &str = "2026-11-26T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn in_days(days: i64) -> Timestamp {
    at(NOW) + jiff::SignedDuration::from_hours(24 * days + 1)
}

fn lacking() -> Lacking {
    Lacking { right: "list secrets in the whole cluster".to_owned(), granted_by: "a cluster administrator".to_owned() }
}

fn pods(ready: u64, wanted: u64) -> Sight<Workload> {
    let image = "quay.io/oauth2-proxy/oauth2-proxy:v7.15.3".to_owned();
    Sight::Seen(Workload { pods: Pods { ready, wanted }, trouble: None, image: Some(image) })
}

fn issued(days: i64) -> CertificateSeen {
    CertificateSeen {
        state: "ready".to_owned(),
        trouble: None,
        expires: Some(in_days(days)),
        renewal: Some(in_days(days - 30)),
        names: Some(vec!["*.cluster.example.com".to_owned()]),
        is_ours: true,
    }
}

#[test]
fn given_a_sign_in_proxy_scaled_to_more_than_the_answers_say_then_it_has_drifted() {
    let said = ["is scaled to 5 pods, and the answers say 2", "gatewright setup"];
    finds(|facts| facts.proxy = pods(5, 5), Level::Care, Concern::Drift, &said);
}

/// The example, as it should be.
fn well() -> InstallationFacts {
    let example = include_str!("../../../../assets/answers/example.yaml");
    let mut answers = file::parse(example, "the example").unwrap();
    answers.proxy.replicas = 2;
    InstallationFacts {
        last_run: None,
        application: "myapp".to_owned(),
        namespace: "myapp".to_owned(),
        answers: Ok(answers),
        proxy: pods(2, 2),
        session_store: Some(pods(1, 1)),
        workload: Some(pods(1, 1)),
        certificate: Sight::Seen(issued(89)),
        client_secret: secret(Some(in_days(179))),
        guard: Sight::Seen(Guard { hook: Some(HookPlacement::Sidecar), token_lock: true, route: true }),
        gateway_address: Sight::Seen("203.0.113.10".to_owned()),
        istio: Sight::Seen(vec![IstioVersion { major: 1, minor: 28, patch: 1 }]),
    }
}

fn secret(expires: Option<Timestamp>) -> Sight<ClientSecretSeen> {
    Sight::Seen(ClientSecretSeen { expires, rotation_has_begun: false })
}

fn judged(change: impl FnOnce(&mut InstallationFacts)) -> Vec<Finding> {
    let mut facts = well();
    change(&mut facts);
    findings(&facts, at(NOW))
}

/// That the only finding is this one.
#[track_caller]
fn finds(change: impl FnOnce(&mut InstallationFacts), expected: Level, about: Concern, said: &[&str]) {
    let found = judged(change);
    let [finding] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((finding.level, finding.about), (expected, about), "{finding:#?}");
    assert_eq!(level(&found), expected);
    for said in said {
        assert!(finding.reason.contains(said) || finding.to_do.contains(said), "{said}: {finding:#?}");
    }
    for text in [&finding.reason, &finding.to_do] {
        assert!(text.ends_with('.') && !text.contains(".."), "one sentence: {text}");
    }
}

#[test]
fn given_everything_is_as_it_should_be_then_nothing_is_found() {
    assert_eq!(judged(|_| {}), []);
    assert_eq!(level(&[]), Level::Ok);
}

#[test]
fn given_a_client_secret_then_its_end_decides() {
    let of = |expires| move |facts: &mut InstallationFacts| facts.client_secret = secret(expires);
    assert_eq!(judged(of(Some(in_days(31)))), []);
    finds(
        of(Some(in_days(30))),
        Level::Care,
        Concern::ClientSecret,
        &["in 30 days", "2026-12-26", "`gatewright rotate myapp/myapp`"],
    );
    finds(of(Some(in_days(1))), Level::Care, Concern::ClientSecret, &["in 1 day,"]);
    finds(of(Some(at(NOW))), Level::Broken, Concern::ClientSecret, &["expired on 2026-11-26"]);
    finds(of(Some(in_days(-4))), Level::Broken, Concern::ClientSecret, &["expired on 2026-11-22", "a new one is made"]);
    finds(of(None), Level::Care, Concern::ClientSecret, &["Nothing says"]);
    let begun = ClientSecretSeen { expires: Some(in_days(179)), rotation_has_begun: true };
    let undo = "`gatewright rotate myapp/myapp --undo`";
    finds(|facts| facts.client_secret = Sight::Seen(begun), Level::Care, Concern::ClientSecret, &["begun", undo]);
    finds(|facts| facts.client_secret = Sight::Absent, Level::Broken, Concern::ClientSecret, &["not there"]);
}

#[test]
fn given_a_certificate_of_cert_managers_then_renewal_that_is_late_wants_care() {
    let of = |certificate| move |facts: &mut InstallationFacts| facts.certificate = Sight::Seen(certificate);
    // It renews thirty days before the end, and may take a quarter of that.
    assert_eq!(judged(of(issued(29))), []);
    assert_eq!(judged(of(issued(23))), []);
    let said = &["in 21 days", "should have renewed it", "ClusterIssuer letsencrypt-production"];
    finds(of(issued(21)), Level::Care, Concern::Certificate, said);
    // One that lives for a day is renewed in the last hours of it.
    let short = CertificateSeen {
        expires: Some(at("2026-11-27T06:00:00Z")),
        renewal: Some(at("2026-11-26T22:00:00Z")),
        ..issued(1)
    };
    assert_eq!(judged(of(short)), []);
    let unplanned = |days| CertificateSeen { renewal: None, ..issued(days) };
    assert_eq!(judged(of(unplanned(15))), []);
    finds(of(unplanned(14)), Level::Care, Concern::Certificate, &["in 14 days"]);
    finds(of(issued(-2)), Level::Broken, Concern::Certificate, &["expired on 2026-11-24", "browsers refuse it"]);
}

#[test]
fn given_a_certificate_that_is_not_ready_then_whether_a_former_one_is_good_decides() {
    let not_ready = |expires| {
        move |facts: &mut InstallationFacts| {
            let trouble = Some("Issuing certificate as Secret does not exist".to_owned());
            let state = "DoesNotExist".to_owned();
            facts.certificate = Sight::Seen(CertificateSeen { state, trouble, expires, renewal: None, ..issued(1) });
        }
    };
    let said = &["DoesNotExist", "Secret does not exist", "ClusterIssuer letsencrypt-production"];
    finds(not_ready(None), Level::Broken, Concern::Certificate, said);
    finds(not_ready(Some(in_days(20))), Level::Care, Concern::Certificate, &["the former one is good for 20 days"]);
    finds(|facts| facts.certificate = Sight::Absent, Level::Broken, Concern::Certificate, &["There is no certificate"]);
}

#[test]
fn given_a_certificate_that_somebody_else_keeps_then_a_month_before_its_end_they_are_to_be_told() {
    let kept = |state: &str, days| {
        let state = state.to_owned();
        let certificate = CertificateSeen { state, renewal: None, names: None, is_ours: false, ..issued(days) };
        move |facts: &mut InstallationFacts| facts.certificate = Sight::Seen(certificate)
    };
    assert_eq!(judged(kept("ready", 31)), []);
    finds(kept("ready", 30), Level::Care, Concern::Certificate, &["in 30 days", "whoever keeps"]);
    finds(kept("for other names", 80), Level::Broken, Concern::Certificate, &["for other names"]);
    finds(kept("expired", -1), Level::Broken, Concern::Certificate, &["expired on"]);
}

#[test]
fn given_pods_that_are_not_ready_then_how_many_decides_and_the_reason_is_told() {
    let of = |ready, wanted, trouble: Option<&str>| {
        let trouble = trouble.map(str::to_owned);
        move |facts: &mut InstallationFacts| {
            let image = Some("quay.io/oauth2-proxy/oauth2-proxy:v7.15.3".to_owned());
            facts.proxy = Sight::Seen(Workload { pods: Pods { ready, wanted }, trouble, image });
        }
    };
    let crash = Some("container oauth2-proxy crashes again and again.");
    finds(
        of(0, 2, crash),
        Level::Broken,
        Concern::SignInProxy,
        &["0 of 2", "crashes again and again", "gatewright plan"],
    );
    finds(of(1, 2, None), Level::Care, Concern::SignInProxy, &["1 of 2", "look again"]);
    finds(of(0, 0, None), Level::Broken, Concern::SignInProxy, &["no pods"]);
    finds(
        |facts| facts.proxy = Sight::Absent,
        Level::Broken,
        Concern::SignInProxy,
        &["The sign-in proxy is not there"],
    );
    finds(|facts| facts.session_store = Some(pods(0, 1)), Level::Broken, Concern::SessionStore, &["0 of 1"]);
    finds(|facts| facts.workload = Some(pods(0, 1)), Level::Broken, Concern::Application, &["the application"]);
    assert_eq!(judged(|facts| facts.session_store = None), [], "sessions are kept elsewhere");
}

#[test]
fn given_locks_or_the_route_are_missing_then_it_is_broken_and_said_what_that_means() {
    let guard = |hook: bool, token_lock, route| {
        let hook = hook.then_some(HookPlacement::Sidecar);
        move |facts: &mut InstallationFacts| facts.guard = Sight::Seen(Guard { hook, token_lock, route })
    };
    finds(guard(false, false, true), Level::Broken, Concern::Hook, &["strangers may reach the application"]);
    finds(guard(false, true, true), Level::Broken, Concern::Hook, &["nobody is sent to sign in"]);
    finds(guard(true, false, true), Level::Broken, Concern::TokenLock, &["the sign-in hook alone"]);
    finds(guard(true, true, false), Level::Broken, Concern::Route, &["leads nowhere"]);
    finds(guard(false, false, false), Level::Broken, Concern::Route, &["leads nowhere"]);
}

#[test]
fn given_something_may_not_be_seen_then_that_is_a_state_of_its_own() {
    let said = &["list secrets in the whole cluster", "Ask a cluster administrator"];
    let denied = |facts: &mut InstallationFacts| facts.client_secret = Sight::NotAllowed(lacking());
    finds(denied, Level::NotSeen, Concern::ClientSecret, said);
    finds(|facts| facts.proxy = Sight::NotAllowed(lacking()), Level::NotSeen, Concern::SignInProxy, said);
    finds(|facts| facts.guard = Sight::NotAllowed(lacking()), Level::NotSeen, Concern::Hook, said);
    finds(|facts| facts.certificate = Sight::NotAllowed(lacking()), Level::NotSeen, Concern::Certificate, said);
    assert_eq!(judged(|facts| facts.gateway_address = Sight::NotAllowed(lacking())), [], "it is shown as unknown");
    // What is known to be broken is worse than what is not known.
    let both = judged(|facts| {
        facts.client_secret = Sight::NotAllowed(lacking());
        facts.proxy = pods(0, 2);
    });
    assert_eq!(level(&both), Level::Broken);
    assert_eq!(both.iter().map(|finding| finding.level).collect::<Vec<_>>(), [Level::Broken, Level::NotSeen]);
}

#[test]
fn given_what_runs_has_known_vulnerabilities_then_they_are_named_with_the_version_that_is_free_of_them() {
    let image = |image: &'static str| {
        move |facts: &mut InstallationFacts| {
            facts.answers = Err("unreadable".to_owned());
            facts.proxy = Sight::Seen(Workload {
                pods: Pods { ready: 2, wanted: 2 },
                trouble: None,
                image: Some(image.to_owned()),
            });
        }
    };
    let found = judged(image("registry.example.com:5000/oauth2-proxy:v7.12.0-alpine@sha256:00"));
    let version = found.iter().find(|finding| finding.about == Concern::Version).unwrap();
    assert!(version.reason.contains("oauth2-proxy 7.12.0") && version.reason.contains("CVE-2025-64484"), "{version:?}");
    assert!(version.to_do.contains("7.15.2 or later"), "{version:?}");
    assert!(!judged(image("registry.example.com:5000/oauth2-proxy")).iter().any(|it| it.about == Concern::Version));
    let old = IstioVersion { major: 1, minor: 12, patch: 1 };
    let said = &["Istio 1.12.1", "GHSA-rwfr-xrvw-2rvv", "1.12.2 or later"];
    finds(|facts| facts.istio = Sight::Seen(vec![old]), Level::Care, Concern::Version, said);
}

#[test]
fn given_something_is_not_as_recorded_then_it_wants_care() {
    let other = |facts: &mut InstallationFacts| {
        let image = Some("quay.io/oauth2-proxy/oauth2-proxy:v7.15.2".to_owned());
        facts.proxy = Sight::Seen(Workload { pods: Pods { ready: 2, wanted: 2 }, trouble: None, image });
    };
    finds(other, Level::Care, Concern::Drift, &["v7.15.2", "v7.15.3", "gatewright plan"]);
    let moved = Guard { hook: Some(HookPlacement::Gateway), token_lock: true, route: true };
    finds(|facts| facts.guard = Sight::Seen(moved), Level::Care, Concern::Drift, &["at the gateway", "sidecar"]);
    let names = Some(vec!["elsewhere.example.com".to_owned()]);
    let renamed = CertificateSeen { names, ..issued(89) };
    finds(|facts| facts.certificate = Sight::Seen(renamed), Level::Care, Concern::Drift, &["other names"]);
    finds(|facts| facts.answers = Err("line 1: no.\nmore".to_owned()), Level::Care, Concern::Record, &["line 1: no."]);
    finds(|facts| facts.gateway_address = Sight::Absent, Level::Care, Concern::Gateway, &["no address yet"]);
}

#[test]
fn given_two_times_then_whole_days_between_them_are_counted_downwards() {
    let days = |then: &str| days_until(at(then), at(NOW));
    assert_eq!(days("2026-11-27T11:59:59Z"), 0);
    assert_eq!(days("2026-11-27T12:00:00Z"), 1);
    assert_eq!(days("2026-11-26T11:59:59Z"), -1);
}
