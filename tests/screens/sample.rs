//! The screens, each reached by what happens and by nothing else.

use crate::{asking, home, rotating, taking_away};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gatewright::{
    blueprint::{PartId, Wave},
    engine::{
        End, GoodUntil,
        event::{
            Action, Check, Counts, Envelope, Event, FORMAT_VERSION, Finding, HandOver, Outcome, Problem, ProblemKind,
            StepSummary, Title, Usage, Verdict,
        },
    },
    tui::{Ending, Item, Opening, happening::Happening, state::State},
};
use std::time::Duration;

/// A screen's name, and how it is reached.
pub(crate) type Screen = (&'static str, fn((u16, u16)) -> State);

/// Every screen.
pub(crate) const SCREENS: &[Screen] = &[
    ("home-looking", home::opened),
    ("home", home::found),
    ("home-details", |size| press(home::found(size), "d")),
    ("home-well", |size| press(home::found(size), "G")),
    ("home-filtering", |size| press(home::found(size), "/shop")),
    ("home-filtered", |size| press(home::found(size), "/shop\n")),
    ("home-filtered-out", |size| press(home::found(size), "/nobody\n")),
    ("home-keys", |size| press(home::found(size), "?")),
    ("home-looking-again", home::again),
    ("home-empty", home::empty),
    ("home-empty-practice", home::empty_practice),
    ("home-no-cluster", home::no_cluster),
    ("home-setup-over", home::over_from_home),
    ("home-setup-left", |size| asking::key(home::asked_from_home(size), KeyCode::Esc)),
    ("ask-planning", asking::planning),
    ("ask-context", asking::choosing_a_context),
    ("ask-sign-in", asking::choosing_a_way_in),
    ("ask-device-code", |size| device_code_at(asking::at(size, "registration.source"))),
    ("ask-device-code-typing", |size| device_code_at(asking::at(size, "application.host"))),
    ("ask-device-code-copied", |size| press(device_code_at(asking::at(size, "registration.source")), "c")),
    ("looking", opened),
    ("looking-connected", connected),
    ("looking-device-code", device_code),
    ("looking-problem", problem),
    ("ask-first", asking::first),
    ("ask-text", |size| asking::at(size, "application.host")),
    ("ask-text-wrong", asking::wrong),
    ("ask-text-cut", asking::cut),
    ("ask-list", |size| asking::at(size, "access.emailDomains")),
    ("ask-yes-or-no", |size| asking::at(size, "access.machines")),
    ("ask-choice", |size| asking::at(size, "certificate.issuer")),
    ("ask-choice-looking", asking::looking),
    ("ask-choice-trouble", asking::trouble),
    ("ask-choice-unusable", asking::unusable),
    ("ask-choice-refused", asking::refused),
    ("ask-choice-another", asking::another),
    ("ask-steps", asking::steps),
    ("ask-explanation", asking::explanation),
    ("ask-leaving", asking::leaving),
    ("ask-keys", asking::keys),
    ("ask-answers", asking::answers),
    ("ask-answers-recorded", asking::recorded),
    ("ask-answers-noted", asking::noted),
    ("review-yaml", review),
    ("review-diff", |size| press(review(size), "jjjjjjd")),
    ("review-why", |size| press(review(size), "jjw")),
    ("review-nothing-to-do", nothing_to_do),
    ("review-blocked", blocked),
    ("review-finding", |size| press(review(size), "/provider")),
    ("review-found", |size| press(review(size), "/provider\n")),
    ("review-saving", |size| press(review(size), "s")),
    ("review-keys", |size| press(review(size), "?")),
    ("review-signs", signs),
    ("review-again", again),
    ("review-copied", |size| press(review(size), "jjc")),
    ("review-teardown", taking_away::reviewed),
    ("review-teardown-changed", taking_away::changed),
    ("review-teardown-kept", taking_away::kept),
    ("review-teardown-confirming", taking_away::confirming),
    ("review-teardown-not-confirmed", taking_away::not_confirmed),
    ("review-teardown-blocked", taking_away::blocked),
    ("review-teardown-nothing-left", taking_away::nothing_left),
    ("review-rotation-offered", rotating::offered),
    ("review-rotation-not-here", |size| press(rotating::offered(size), "4")),
    ("review-rotation", rotating::reviewed),
    ("review-rotation-signs-out", rotating::signs_out),
    ("review-rotation-begun", rotating::begun),
    ("apply-rotation", rotating::rotating),
    ("apply-rotation-deciding", rotating::deciding),
    ("apply-rotation-put-back", rotating::put_back),
    ("end-rotation", rotating::done),
    ("end-rotation-put-back", rotating::was_put_back),
    ("end-rotation-interrupted", rotating::interrupted),
    ("end-rotation-nothing-here", rotating::nothing_here),
    ("apply-teardown", taking_away::taking_away),
    ("end-teardown", taking_away::done),
    ("end-teardown-left", taking_away::left),
    ("apply", applying),
    ("apply-stopping", stopping),
    ("apply-pausing", |size| press(applying(size), "p")),
    ("apply-paused", paused),
    ("apply-paused-at-first", paused_at_first),
    ("apply-keys", |size| press(applying(size), "?")),
    ("apply-log", |size| press(applying(size), "l")),
    ("apply-trying", trying),
    ("end-done", done),
    ("end-copied", |size| press(done(size), "cc")),
    ("end-handed-over", handed_over),
    ("end-tried", tried),
    ("end-open-door", open_door),
    ("end-failed", failed),
    ("end-interrupted", interrupted),
    ("end-not-permitted", not_permitted),
    ("end-scrolled", |size| press(tried(size), "jjjjjjjjjj")),
    ("end-keys", |size| press(done(size), "?")),
    ("end-log", |size| press(press(tried(size), "l"), "kk")),
];

/// Presses keys; `\n` is Enter.
pub(crate) fn press(mut state: State, keys: &str) -> State {
    for letter in keys.chars() {
        let code = if letter == '\n' { KeyCode::Enter } else { KeyCode::Char(letter) };
        let now = state.now;
        state.take_in(Happening::Pressed(KeyEvent::new(code, KeyModifiers::NONE)), now);
    }
    state
}

/// Something happens, and whoever looks at it has seen it before anything else is done.
pub(crate) fn happens(state: State, seconds: f64, happening: Happening) -> State {
    let state = happens_unseen(state, seconds, happening);
    if state.is_settling() { happens_unseen(state, 0.4, Happening::Ticked) } else { state }
}

/// Something happens just now.
pub(crate) fn happens_unseen(mut state: State, seconds: f64, happening: Happening) -> State {
    let now = state.now + Duration::from_secs_f64(seconds);
    state.take_in(happening, now);
    state
}

pub(crate) fn told(state: State, event: Event) -> State {
    let envelope =
        Envelope { version: FORMAT_VERSION, sequence: 1, time: "2026-11-24T08:15:02Z".parse().unwrap(), event };
    happens(state, 0.4, Happening::Told(envelope))
}

fn opened(size: (u16, u16)) -> State {
    let opening = Opening {
        doing: "setup".to_owned(),
        about: "myapp".to_owned(),
        practice: true,
        confirmed: false,
        folder: "./myapp-objects".to_owned(),
    };
    happens(State { mouse: true, ..State::new(opening, size) }, 0.3, Happening::Ticked)
}

pub(crate) fn connected(size: (u16, u16)) -> State {
    let state = told(
        opened(size),
        Event::Connected {
            tenant: "c0470505-0000-4000-8000-000000000001".to_owned(),
            tenant_domain: "contoso.onmicrosoft.com".to_owned(),
            caller: "operator@contoso.onmicrosoft.com".to_owned(),
            sign_in_method: "the Azure CLI".to_owned(),
            context: "kind-prod".to_owned(),
            server: "https://127.0.0.1:6443".to_owned(),
            practice: true,
        },
    );
    let state = told(state, Event::Looking { at: "cluster kind-prod".to_owned() });
    told(state, Event::Looking { at: "what is live of 9 objects".to_owned() })
}

fn device_code(size: (u16, u16)) -> State {
    device_code_at(opened(size))
}

/// Somebody has to type a code into a browser.
pub(crate) fn device_code_at(state: State) -> State {
    told(
        state,
        Event::DeviceCode {
            url: "https://microsoft.com/devicelogin".to_owned(),
            code: "F7GH2KQWX".to_owned(),
            expires: "2026-11-24T08:30:00Z".parse().unwrap(),
        },
    )
}

fn problem(size: (u16, u16)) -> State {
    let ending = Ending {
        problem: Some(Problem {
            tried: "connect to the cluster".to_owned(),
            cause: "https://127.0.0.1:6443 does not answer: connection refused".to_owned(),
            remedy: "see that `kubectl version` answers with the same context; `--context NAME` chooses another"
                .to_owned(),
            kind: ProblemKind::Failed,
        }),
        next: Vec::new(),
        may_run_again: false,
    };
    happens(opened(size), 1.0, Happening::Over(ending))
}

fn item(part: &str, kind: &str, name: &str, wave: Wave, action: Action, why: &str, body: &str) -> Item {
    let diff = match action {
        Action::Create => std::iter::once(format!("@@ -0,0 +1,{} @@", body.lines().count()))
            .chain(body.lines().map(|line| format!("+{line}")))
            .collect::<Vec<_>>()
            .join("\n"),
        Action::Update => "@@ -1,3 +1,5 @@\n accessLogFile: /dev/stdout\n-trustDomain: old.local\n+trustDomain: cluster.local\n+extensionProviders:\n+- name: gatewright-myapp-myapp"
            .to_owned(),
        _ => String::new(),
    };
    Item {
        summary: StepSummary {
            part: PartId(part.to_owned()),
            title: Title { kind: kind.to_owned(), name: name.to_owned() },
            wave,
            action,
            why: why.to_owned(),
            diff,
            warnings: Vec::new(),
            problem: None,
        },
        document: format!("# {why}\n{body}"),
        fate: None,
        standing: None,
    }
}

const POLICY: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: myapp-sign-in
  namespace: myapp
  labels:
    app.kubernetes.io/managed-by: gatewright
spec:
  action: CUSTOM
  provider:
    name: gatewright-myapp-myapp # as in the mesh configuration
  rules:
  - to:
    - operation:
        hosts: [\"myapp.cluster.example.com\", \"myapp.cluster.example.com:*\"]
        notPaths: ['/oauth2/*']
  selector:
    matchLabels:
      app.kubernetes.io/name: myapp
  # a number, a truth value, and what is not known yet
  port: 8443
  failOpen: false
  audience: ‹known once the application is registered›
";

fn more() -> impl Iterator<Item = Item> {
    let kinds = ["Secret", "ServiceAccount", "Service", "ConfigMap", "PeerAuthentication", "RequestAuthentication"];
    kinds.into_iter().map(|kind| {
        let part = format!("cluster/{kind}/myapp/myapp-oauth2-proxy");
        let why = "One of those that there are more of.";
        let body = format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: myapp\n  namespace: myapp\n");
        item(&part, kind, "myapp/myapp-oauth2-proxy", Wave::Proxy, Action::Create, why, &body)
    })
}

fn items() -> Vec<Item> {
    let object = |kind: &str| format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: myapp\n  namespace: myapp\n");
    let mut items = vec![
        item(
            "cluster/core/Namespace/myapp",
            "Namespace",
            "myapp",
            Wave::Ground,
            Action::Keep,
            "Holds the application, its sign-in proxy and its session store.",
            &object("Namespace"),
        ),
        item(
            "entra/application",
            "Application",
            "myapp, scope user_impersonation, role App.Access",
            Wave::Registration,
            Action::Create,
            "Registers the application with its one redirect URI, its scope and its role; tokens are of version 2.",
            "displayName: myapp\nrequestedAccessTokenVersion: 2\nredirectUri: https://myapp.cluster.example.com/oauth2/callback\n",
        ),
        item(
            "entra/grant/graph",
            "Consent",
            "openid profile email offline_access User.Read of Microsoft Graph",
            Wave::Registration,
            Action::Create,
            "Consents for everybody to sign-in and to reading one's own profile, so that nobody is asked.",
            "resource: Microsoft Graph\n",
        ),
        item(
            "entra/client-secret",
            "Client secret",
            "gatewright myapp/myapp, 180d",
            Wave::Registration,
            Action::Create,
            "Proves to Entra that it is the sign-in proxy that redeems a code.",
            "lifetime: 180d\n",
        ),
        item(
            "cluster/cert-manager.io/Certificate/istio-system/gatewright-myapp-myapp",
            "Certificate",
            "istio-system/gatewright-myapp-myapp",
            Wave::Foundation,
            Action::Create,
            "Has cert-manager get and renew the certificate that browsers see; it is in `istio-system` because a gateway reads certificates from its own namespace alone.",
            &object("Certificate"),
        ),
        item(
            "mesh/istio-system/istio/gatewright-myapp-myapp",
            "Mesh provider",
            "gatewright-myapp-myapp in istio-system/istio",
            Wave::Foundation,
            Action::Update,
            "Tells the mesh where the sign-in proxy is and what to ask it.",
            "- name: gatewright-myapp-myapp\n",
        ),
        item(
            "cluster/security.istio.io/AuthorizationPolicy/myapp/myapp-sign-in",
            "AuthorizationPolicy",
            "myapp/myapp-sign-in",
            Wave::Locks,
            Action::Create,
            "Has the application's own sidecar ask the sign-in proxy about every request.",
            POLICY,
        ),
        item(
            "cluster/apps/Deployment/myapp/myapp",
            "Deployment",
            "myapp/myapp",
            Wave::Application,
            Action::Create,
            "Runs the application, with the two locks in its sidecar from the first request on.",
            &object("Deployment"),
        ),
        item(
            "cluster/networking.istio.io/VirtualService/myapp/myapp",
            "VirtualService",
            "myapp/myapp",
            Wave::Routes,
            Action::Create,
            "Sends sign-in to the sign-in proxy and everything else to the application.",
            &object("VirtualService"),
        ),
        item(
            "leftover/Service/myapp/old",
            "Service",
            "myapp/old",
            Wave::Routes,
            Action::Delete,
            "It is ours, and the answers no longer ask for it.",
            &object("Service"),
        ),
    ];
    items.extend(more());
    items
}

pub(crate) fn review(size: (u16, u16)) -> State {
    happens(connected(size), 0.5, Happening::PlanReady(items()))
}

fn nothing_to_do(size: (u16, u16)) -> State {
    let mut items = items();
    items.retain(|item| item.summary.action != Action::Delete);
    for item in &mut items {
        item.summary.action = Action::Keep;
        item.summary.diff.clear();
    }
    happens(connected(size), 0.5, Happening::PlanReady(items))
}

fn blocked(size: (u16, u16)) -> State {
    let mut items = items();
    let certificate = &mut items[4].summary;
    certificate.action = Action::Blocked;
    certificate.problem = Some(Problem {
        tried: "have ClusterIssuer letsencrypt-production sign the certificate".to_owned(),
        cause: "it is not ready: ErrRegisterACMEAccount: 429 too many new registrations".to_owned(),
        remedy: "see to the issuer, or name another one under `certificate.issuer`, and run again".to_owned(),
        kind: ProblemKind::Failed,
    });
    happens(connected(size), 0.5, Happening::PlanReady(items))
}

/// Every sign that a row can have.
fn signs(size: (u16, u16)) -> State {
    let mut items = items();
    items[2].summary.action = Action::HandOver;
    items[7].summary.action = Action::Replace;
    items[7].summary.warnings = vec!["its pods are away for a moment while it is made anew".to_owned()];
    press(happens(connected(size), 0.5, Happening::PlanReady(items)), "Gkkkkkkkkw")
}

/// Planned anew after a failure.
fn again(size: (u16, u16)) -> State {
    let state = told(failed(size), Event::Looking { at: "what is live of 9 objects".to_owned() });
    let mut items = items();
    for item in &mut items[..5] {
        item.summary.action = Action::Keep;
        item.summary.diff.clear();
    }
    happens(state, 0.5, Happening::PlanReady(items))
}

fn part(index: usize) -> (PartId, Title) {
    let summary = &items()[index].summary;
    (summary.part.clone(), summary.title.clone())
}

/// An object is as it should be, or gone.
pub(crate) fn part_ready(state: State, item: &Item, elapsed_ms: u64) -> State {
    let StepSummary { part, title, action, .. } = item.summary.clone();
    told(state, Event::Ready { part, title, action, proof: None, elapsed_ms })
}

fn ready(state: State, index: usize, proof: Option<&str>, elapsed_ms: u64) -> State {
    let (part, title) = part(index);
    let action = items()[index].summary.action;
    told(state, Event::Ready { part, title, action, proof: proof.map(str::to_owned), elapsed_ms })
}

pub(crate) fn applying(size: (u16, u16)) -> State {
    let mut state = happens(review(size), 2.0, Happening::Begun);
    state = ready(state, 0, None, 60);
    state = ready(state, 1, Some("client id 4ac4f223-1abb-532c-a4cd-d3ff34177969"), 900);
    state = ready(state, 2, None, 14);
    state = ready(state, 3, Some("a token came back for it, good until 2027-05-23"), 7_100);
    let (certificate, title) = part(4);
    state = told(state, Event::Started { part: certificate.clone(), title: title.clone() });
    state = happens(state, 40.6, Happening::Ticked);
    state = told(
        state,
        Event::Waiting {
            part: certificate,
            title,
            reason: "Order myapp-1-2314174089 is pending: waiting for DNS-01 propagation of _acme-challenge.cluster.example.com"
                .to_owned(),
            elapsed_ms: 41_000,
            budget_ms: 900_000,
        },
    );
    let (mesh, title) = part(5);
    state = told(state, Event::Started { part: mesh, title });
    happens(state, 0.1, Happening::Ticked)
}

fn stopping(size: (u16, u16)) -> State {
    let state = applying(size);
    happens(state, 0.1, Happening::Pressed(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)))
}

/// While it pauses, the certificate is still waited for.
fn paused(size: (u16, u16)) -> State {
    let (_, title) = part(3);
    told(press(applying(size), "p"), Event::Paused { after: Some(title) })
}

/// It was asked to pause before anything was done.
fn paused_at_first(size: (u16, u16)) -> State {
    let begun = happens(review(size), 2.0, Happening::Begun);
    told(press(begun, "p"), Event::Paused { after: None })
}

fn finish(state: State, outcome: Outcome, next: &[(&str, &str)]) -> State {
    let done: Vec<Action> = items().iter().map(|item| item.summary.action).take(state.progress.done()).collect();
    let state = told(
        state,
        Event::Finished {
            outcome,
            counts: Counts::of(done),
            address: Some("https://myapp.cluster.example.com/".to_owned()),
            elapsed_ms: 14_600,
        },
    );
    let next = next.iter().map(|(command, good_for)| ((*command).to_owned(), (*good_for).to_owned())).collect();
    let may_run_again = outcome == Outcome::Failed;
    happens(state, 0.1, Happening::Over(Ending { problem: None, next, may_run_again }))
}

const NEXT: &[(&str, &str)] = &[
    ("gatewright practice", "serve this ground, for a browser, curl, kubectl and az"),
    ("gatewright plan --practice", "see that nothing would change"),
    ("gatewright status --practice", "every installation, one line each"),
];

const GO_ON: &[(&str, &str)] = &[
    ("gatewright setup", "go on from here: nothing has to be undone"),
    ("gatewright plan", "what is left to do, and why"),
];

fn all_ready(mut state: State) -> State {
    state = ready(state, 4, Some("ready"), 44_000);
    state = ready(state, 5, None, 640);
    for index in 6..items().len() {
        state = ready(state, index, None, 120);
    }
    for (id, kind) in [("proof/locks", "Locks"), ("proof/routes", "Route")] {
        let title = Title { kind: kind.to_owned(), name: "in the pods of myapp".to_owned() };
        let proof = "seen in the live configuration of 1 pod".to_owned();
        state = told(state, Event::Proven { part: PartId(id.to_owned()), title, proof, elapsed_ms: 26 });
    }
    state
}

fn done(size: (u16, u16)) -> State {
    finish(all_ready(applying(size)), Outcome::Done, NEXT)
}

/// Everything is there, and the application is being tried.
fn trying(size: (u16, u16)) -> State {
    told(all_ready(applying(size)), Event::Trying { address: ADDRESS.to_owned() })
}

fn handed_over(size: (u16, u16)) -> State {
    let mut state = all_ready(applying(size));
    let (part, title) = part(2);
    let hand_over = HandOver {
        reason: "The right DelegatedPermissionGrant.ReadWrite.All is missing.".to_owned(),
        who: "a Cloud Application Administrator".to_owned(),
        link: Some("https://login.microsoftonline.com/contoso.onmicrosoft.com/adminconsent?client_id=4ac4f223-1abb-532c-a4cd-d3ff34177969".to_owned()),
        command: None,
        text: Some("Subject: admin consent for myapp".to_owned()),
    };
    state = told(state, Event::HandOver { part, title, hand_over });
    finish(state, Outcome::HandedOver, NEXT)
}

const ADDRESS: &str = "https://myapp.cluster.example.com/";

fn found(state: State, check: Check, verdict: Verdict, found: &str, remedy: Option<&str>) -> State {
    let finding = Finding { check, verdict, found: found.to_owned(), remedy: remedy.map(str::to_owned) };
    told(state, Event::Tried { finding })
}

fn tried(size: (u16, u16)) -> State {
    let mut state = told(all_ready(applying(size)), Event::Trying { address: ADDRESS.to_owned() });
    let record = "make the DNS record myapp.cluster.example.com A 203.0.113.10, and wait until it is known";
    state = found(
        state,
        Check::Name,
        Verdict::NotYet,
        "myapp.cluster.example.com leads nowhere yet: not known",
        Some(record),
    );
    state = found(state, Check::Certificate, Verdict::Ok, "it is for myapp.cluster.example.com, and trusted", None);
    state = found(state, Check::Door, Verdict::Ok, "a stranger is sent to sign in, with PKCE", None);
    let usage = Usage {
        needs: "the calling application's own client id and secret in $CLIENT_ID and $CLIENT_SECRET".to_owned(),
        token: "TOKEN=$(curl -sS https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token)"
            .to_owned(),
        call: "curl -sS https://myapp.cluster.example.com/".to_owned(),
    };
    let end = |day: &str, days| Some(End { expires: day.parse().unwrap(), days });
    let (client_secret, certificate) = (end("2027-05-25T08:15:02Z", 179), end("2027-02-24T00:00:00Z", 89));
    let state = told(state, Event::GoodUntil { good_until: GoodUntil { client_secret, certificate } });
    finish(told(state, Event::Usage { usage }), Outcome::Done, NEXT)
}

fn open_door(size: (u16, u16)) -> State {
    let state = told(all_ready(applying(size)), Event::Trying { address: ADDRESS.to_owned() });
    let answered = "THE APPLICATION ANSWERED A STRANGER: 200 OK to a request without a sign-in";
    let remedy =
        "take the route away NOW: kubectl delete virtualservice --namespace myapp myapp; then run `gatewright setup`";
    let state = found(state, Check::Door, Verdict::Open, answered, Some(remedy));
    finish(state, Outcome::Failed, GO_ON)
}

pub(crate) fn failed(size: (u16, u16)) -> State {
    let mut state = ready(applying(size), 4, Some("ready"), 44_000);
    let (part, title) = part(7);
    let problem = Problem {
        tried: "waited for Deployment myapp/myapp to be ready".to_owned(),
        cause:
            "Deployment myapp/myapp cannot become ready: ImagePullBackOff: docker.io/path/to/myapp:sometag: not found"
                .to_owned(),
        remedy: "this does not heal by itself: see to the reason, and run again".to_owned(),
        kind: ProblemKind::Failed,
    };
    state = told(state, Event::Failed { part, title, problem });
    finish(state, Outcome::Failed, GO_ON)
}

fn not_permitted(size: (u16, u16)) -> State {
    let (part, title) = part(4);
    let problem = Problem {
        tried: "create Certificate istio-system/gatewright-myapp-myapp".to_owned(),
        cause: "the API server refused: certificates.cert-manager.io is forbidden for operator@contoso.onmicrosoft.com"
            .to_owned(),
        remedy:
            "have a cluster administrator grant `create` on certificates.cert-manager.io in istio-system, and run again"
                .to_owned(),
        kind: ProblemKind::NotPermitted,
    };
    let state = told(applying(size), Event::Failed { part, title, problem });
    finish(state, Outcome::NotPermitted, GO_ON)
}

fn interrupted(size: (u16, u16)) -> State {
    finish(stopping(size), Outcome::Interrupted, GO_ON)
}
