//! What is installed, as the screens show it.

use crate::{
    asking::key,
    sample::{happens, press},
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gatewright::{
    engine::{
        event::{Problem, ProblemKind},
        history::Entry,
        installations::{Concern, Finding, Hook, Installation, LastRun, Level, Overview, Pods},
    },
    tui::{
        Conversation, Ending, Opening,
        happening::{Happening, Wish},
        keymap,
        state::State,
    },
};
use std::collections::BTreeMap;

/// The screens of it on which something runs.
pub(crate) const RUNNING: &[&str] = &["home-looking", "home-looking-again"];

fn opening(practice: bool) -> Opening {
    Opening { doing: "what is installed".to_owned(), practice, ..Opening::default() }
}

pub(crate) fn opened(size: (u16, u16)) -> State {
    happens(State::home(opening(false), size), 1.3, Happening::Ticked)
}

fn well(namespace: &str, application: &str) -> Installation {
    Installation {
        application: application.to_owned(),
        namespace: namespace.to_owned(),
        host: Some(format!("{application}.cluster.example.com")),
        health: Level::Ok,
        findings: Vec::new(),
        proxy: Some(Pods { ready: 2, wanted: 2 }),
        session_store: Some(Pods { ready: 1, wanted: 1 }),
        redis: None,
        certificate: Some("ready".to_owned()),
        certificate_expires: Some("2027-02-24T00:00:00Z".to_owned()),
        certificate_days: Some(89),
        client_secret_expires: Some("2027-05-25T08:15:02Z".to_owned()),
        client_secret_days: Some(179),
        hook: Some(Hook::Sidecar),
        address: Some("203.0.113.10".to_owned()),
        last_run: Some(last_run(application)),
        proxy_version: Some("7.15.3".to_owned()),
        istio_versions: vec!["1.28.1".to_owned()],
        advisories_read: "2026-11-23".to_owned(),
        advisories_days: 3,
    }
}

fn last_run(application: &str) -> LastRun {
    let entry = Entry {
        at: jiff::Timestamp::UNIX_EPOCH,
        did: "setup".to_owned(),
        what: None,
        outcome: if application == "wiki" { "failed" } else { "done" }.to_owned(),
        failed_at: (application == "wiki").then(|| "Deployment docs/wiki-oauth2-proxy".to_owned()),
        entra: Some("anna@contoso.com".to_owned()),
        kubernetes: Some("kubernetes-admin".to_owned()),
        objects: BTreeMap::new(),
        gatewright: "0.1.0".to_owned(),
    };
    LastRun { entry, seconds_ago: 3 * 86_400 }
}

fn with(one: Installation, level: Level, about: Concern, reason: &str, to_do: &str) -> Installation {
    let mut findings = one.findings;
    findings.push(Finding { level, about, reason: reason.to_owned(), to_do: to_do.to_owned() });
    Installation { health: one.health.max(level), findings, ..one }
}

fn installations() -> Vec<Installation> {
    let wiki = with(
        with(
            well("docs", "wiki"),
            Level::Broken,
            Concern::SignInProxy,
            "Of the sign-in proxy, 0 of 2 pods are ready: container oauth2-proxy crashes again and again (7 restarts): it ended \
             with exit code 1: invalid configuration.",
            "See to that reason; `gatewright plan docs/wiki` then tells whether anything else is to be done.",
        ),
        Level::Care,
        Concern::Certificate,
        "The certificate is not ready (DoesNotExist: Issuing certificate as Secret does not exist); the former one is good for 9 days.",
        "See to ClusterIssuer letsencrypt-production, which signs it; cert-manager then goes on by itself.",
    );
    let wiki = Installation {
        proxy: Some(Pods { ready: 0, wanted: 2 }),
        certificate: Some("DoesNotExist".to_owned()),
        certificate_days: Some(9),
        ..wiki
    };
    let cart = with(
        well("shop", "cart"),
        Level::Care,
        Concern::ClientSecret,
        "The client secret expires in 5 days, on 2026-12-01: then nobody can sign in anew.",
        "Run `gatewright rotate shop/cart`: a new one is made, proven and put in its place, and no request fails.",
    );
    let cart = Installation { client_secret_days: Some(5), redis: Some("redis.shop.svc:6379".to_owned()), ..cart };
    let search = with(
        well("shop", "search"),
        Level::NotSeen,
        Concern::ClientSecret,
        "You may not see when the client secret expires: the right to list secrets in the whole cluster is missing.",
        "Ask a cluster administrator (a ClusterRoleBinding) for the right to list secrets in the whole cluster, and look again.",
    );
    let search = Installation { client_secret_days: None, client_secret_expires: None, ..search };
    let mut all = vec![wiki, well("myapp", "myapp"), cart, search];
    all.extend((1..=9).map(|number| well("team", &format!("app-{number}"))));
    all
}

fn overview(installations: Vec<Installation>) -> Happening {
    let context = "kind-prod".to_owned();
    Happening::LookedAround(Box::new(Ok(Overview { context, installations })))
}

/// What is installed arrives.
pub(crate) fn arrival() -> Happening {
    overview(installations())
}

pub(crate) fn found(size: (u16, u16)) -> State {
    happens(opened(size), 0.4, arrival())
}

pub(crate) fn again(size: (u16, u16)) -> State {
    let state = happens(press(found(size), "r"), 0.1, Happening::LookingAround { practice: false });
    happens(state, 0.3, Happening::Ticked)
}

pub(crate) fn empty(size: (u16, u16)) -> State {
    happens(opened(size), 0.4, overview(Vec::new()))
}

pub(crate) fn empty_practice(size: (u16, u16)) -> State {
    let state = happens(State::home(opening(true), size), 0.1, Happening::Ticked);
    happens(state, 0.4, overview(Vec::new()))
}

pub(crate) fn no_cluster(size: (u16, u16)) -> State {
    let problem = Problem {
        tried: "connect to the cluster".to_owned(),
        cause: "no usable kubeconfig: failed to read kubeconfig from '/home/me/.kube/config': no such file; set KUBECONFIG, or fetch \
                the credentials of a cluster first"
            .to_owned(),
        remedy: "see that `kubectl version` answers with the same context; `--context NAME` chooses another".to_owned(),
        kind: ProblemKind::Failed,
    };
    happens(opened(size), 0.2, Happening::LookedAround(Box::new(Err(problem))))
}

mod behaviour {
    use super::{empty, found, installations, no_cluster, overview};
    use crate::{
        pictures::{COLOURS, cells, rows},
        sample::{happens, press},
    };
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use gatewright::{
        engine::installations::Installation,
        tui::{
            happening::{Happening, Wish},
            state::State,
        },
    };

    const SIZE: (u16, u16) = (80, 24);

    fn wish(mut state: State, code: KeyCode) -> Option<Wish> {
        let now = state.now;
        state.take_in(Happening::Pressed(KeyEvent::new(code, KeyModifiers::NONE)), now)
    }

    fn chosen(state: &State) -> String {
        state.home.as_ref().unwrap().installation().map(Installation::full_name).unwrap_or_default()
    }

    #[test]
    fn given_installations_when_enter_is_pressed_then_the_chosen_one_is_to_be_set_up() {
        let state = press(found(SIZE), "j");
        assert_eq!(wish(state.clone(), KeyCode::Enter), Some(Wish::SetUp(Some("shop/cart".to_owned()))));
        assert_eq!(wish(press(state.clone(), "d"), KeyCode::Enter), Some(Wish::SetUp(Some("shop/cart".to_owned()))));
        assert_eq!(wish(state.clone(), KeyCode::Char('n')), Some(Wish::SetUp(None)));
        assert_eq!(wish(state.clone(), KeyCode::Char('r')), Some(Wish::Again));
        assert_eq!(wish(state, KeyCode::Char('p')), None, "the practice ground is for whoever has nothing yet");
    }

    #[test]
    fn given_nothing_is_installed_or_nobody_knows_then_it_leads_to_setup_and_to_the_practice_ground() {
        for state in [empty(SIZE), no_cluster(SIZE)] {
            assert_eq!(wish(state.clone(), KeyCode::Enter), Some(Wish::SetUp(None)));
            assert_eq!(wish(state.clone(), KeyCode::Char('n')), Some(Wish::SetUp(None)));
            assert_eq!(wish(state, KeyCode::Char('p')), Some(Wish::Practise));
        }
    }

    #[test]
    fn given_a_filter_then_what_has_it_is_shown_and_leaving_it_shows_what_was_shown_before() {
        let state = press(found(SIZE), "/BROKEN\n");
        assert_eq!(state.home.as_ref().unwrap().count(), 1);
        assert_eq!(chosen(&state), "docs/wiki");
        let typing = press(state, "/x");
        assert_eq!(typing.home.as_ref().unwrap().count(), 0);
        let escape = Happening::Pressed(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
        let left = happens(typing, 0.0, escape.clone());
        assert_eq!(chosen(&left), "docs/wiki");
        let all = happens(left, 0.0, escape);
        assert_eq!(all.home.as_ref().unwrap().count(), installations().len());
        let pasted = happens(press(all, "/"), 0.0, Happening::Pasted("shop\n\u{1b}/cart".to_owned()));
        assert_eq!(chosen(&pasted), "shop/cart");
    }

    #[test]
    fn given_another_look_then_what_was_chosen_stays_so() {
        let state = press(found(SIZE), "jj");
        assert_eq!(chosen(&state), "shop/search");
        let mut others = installations();
        others.drain(..2);
        let state = happens(state, 1.0, overview(others));
        assert_eq!(chosen(&state), "shop/search");
        let state = happens(press(state, "d"), 1.0, overview(Vec::new()));
        assert_eq!(wish(state, KeyCode::Enter), Some(Wish::SetUp(None)));
    }

    #[test]
    fn given_hundreds_of_them_then_every_step_through_them_is_drawn_with_the_chosen_one_in_sight() {
        let template = installations().remove(1);
        let many = (0..500).map(|number| Installation { application: format!("app-{number:03}"), ..template.clone() });
        let mut state = happens(found(SIZE), 0.1, overview(many.collect()));
        for number in 0..500 {
            let shown = rows(&cells(&state, COLOURS, SIZE));
            let expected = format!("app-{number:03}");
            assert!(shown.iter().any(|row| row.contains('▸') && row.contains(&expected)), "{shown:#?}");
            state = press(state, "j");
        }
        let page = happens(state, 0.0, Happening::Pressed(KeyEvent::new(KeyCode::PageUp, KeyModifiers::NONE)));
        assert_eq!(chosen(&page), "myapp/app-485");
    }

    #[test]
    fn given_wide_long_and_hostile_texts_then_the_frame_stays_whole() {
        let hostile = ["日本語の名前".repeat(20), "a\u{1b}[31m\u{7}\r\n\tb".repeat(30), "👩‍👩‍👧‍👦🏳️‍🌈".repeat(10)];
        let several = installations().into_iter().zip(hostile.iter().cycle()).map(|(mut one, text)| {
            one.host = Some(text.clone());
            one.application.clone_from(text);
            one.certificate = Some(text.clone());
            for finding in &mut one.findings {
                finding.reason.clone_from(text);
                finding.to_do.clone_from(text);
            }
            one
        });
        let mut state = happens(found(SIZE), 0.1, overview(several.collect()));
        for _ in 0..installations().len() {
            let picture = cells(&state, COLOURS, SIZE);
            for row in [3, 12, 15, 20] {
                assert_eq!(picture[(0, row)].symbol(), "│", "{:#?}", rows(&picture));
                assert!(["│", "┃"].contains(&picture[(79, row)].symbol()), "{:#?}", rows(&picture));
            }
            assert!(picture.content.iter().all(|cell| !cell.symbol().contains(char::is_control)));
            state = press(state, "j");
        }
    }
}

/// Setup, begun from what is installed, and its questions.
pub(crate) fn asked_from_home(size: (u16, u16)) -> State {
    let opening = Opening { doing: "setup".to_owned(), about: "wiki".to_owned(), ..Opening::default() };
    let state = happens(found(size), 0.1, Happening::Opened(Box::new(opening)));
    let wizard = gatewright::wizard::Wizard::new(None);
    happens(state, 0.1, Happening::Asked(Box::new(Conversation { wizard, about: None, note: None })))
}

/// The same, where it has ended.
pub(crate) fn over_from_home(size: (u16, u16)) -> State {
    happens(asked_from_home(size), 0.1, Happening::Over(Ending::default()))
}

#[test]
fn given_setup_was_begun_from_home_when_it_has_ended_or_is_left_then_one_key_leads_back_and_what_comes_late_does_not_show()
 {
    let left = press(key(asked_from_home(SIZE), KeyCode::Esc), "");
    for (state, keys) in [(over_from_home(SIZE), "q"), (over_from_home(SIZE), "\n"), (left, "\n")] {
        assert!(keymap::hints(&state, false, true).iter().any(|hint| hint.label == "home"), "it is hinted");
        let mut state = state;
        let now = state.now;
        let code = if keys == "q" { KeyCode::Char('q') } else { KeyCode::Enter };
        let wish = state.take_in(Happening::Pressed(KeyEvent::new(code, KeyModifiers::NONE)), now);
        assert_eq!(wish, Some(Wish::Home));
        let before = format!("{:?}", state.phase);
        let late = happens(state.clone(), 0.1, Happening::Over(Ending::default()));
        assert_eq!((format!("{:?}", late.phase), late.opening.doing.as_str()), (before, "what is installed"));
        assert!(late.home.as_ref().unwrap().is_looking(), "facts are fresh");
        assert!(!late.leads_home());
    }
    let mut state = over_from_home(SIZE);
    let now = state.now;
    let quit = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(state.take_in(Happening::Pressed(quit), now), Some(Wish::Leave), "Ctrl-C leaves for good");
}

const SIZE: (u16, u16) = (80, 24);
