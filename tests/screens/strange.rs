//! Wrong, long and hostile input at every question that can be written to.

use crate::{
    asking::{choosing_a_context, choosing_a_way_in, found_out, key, walk},
    pictures::{COLOURS, cells, rows},
    sample::{happens, press},
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gatewright::{
    facts::GatewaySummary,
    tui::{
        happening::Happening,
        state::{LONGEST_ANSWER, State, sentence},
    },
    wizard::{Fact, Kind, News, QUESTIONS, Session},
};
use std::collections::BTreeSet;

const SIZE: (u16, u16) = (80, 24);
const GUID: &str = "c0470505-0000-4000-8000-000000000002";

/// What is answered on the way, where it is not what is proposed; `j` goes down in a list.
type Way = &'static [(&'static str, &'static str)];

/// Every way through the questions.
const WAYS: &[Way] = &[
    &[],
    &[("application.workload", "j")],
    &[
        ("sessions.store", "j"),
        ("sessions.redis.address", "redis.cache.svc:6379"),
        ("sessions.redis.passwordFrom.secret", "redis-auth"),
    ],
    &[("sessions.details", "j")],
    &[("certificate.source", "j"), ("certificate.secretName", "wildcard-tls")],
    &[
        ("certificate.source", "jj"),
        ("certificate.newIssuer.zone.subscription", GUID),
        ("certificate.newIssuer.zone", "dns/cluster.example.com"),
        ("certificate.newIssuer.clientId", GUID),
    ],
    &[("registration.source", "j"), ("registration.adopt.clientId", GUID)],
];

fn question(state: &State) -> &'static str {
    state.asking.as_ref().unwrap().question().map_or("all answers", |question| question.id)
}

fn may_be_written(id: &str) -> bool {
    let question = QUESTIONS.iter().find(|question| question.id == id).unwrap();
    matches!(question.kind, Kind::Text | Kind::List | Kind::Choice { free: true, .. })
}

/// The open question, with an empty field to write into.
fn writing(state: State) -> State {
    let state = if state.is_typing() { state } else { press(state, "G\n") };
    assert!(state.is_typing(), "{}", question(&state));
    happens(state, 0.0, Happening::Pressed(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)))
}

fn text(state: &State) -> String {
    state.asking.as_ref().unwrap().field.text().map(|text| text.value().to_owned()).unwrap_or_default()
}

fn complaint(state: &State) -> Option<String> {
    state.asking.as_ref().unwrap().field.text()?.complaint().map(sentence)
}

fn picture(state: &State) -> String {
    let cells = cells(state, COLOURS, SIZE);
    assert!(cells.content.iter().all(|cell| !cell.symbol().contains(char::is_control)), "{}", question(state));
    let shown = rows(&cells);
    for row in 2..=20 {
        let whole = cells[(0, row)].symbol() == "│" && cells[(79, row)].symbol() == "│";
        assert!(whole, "{}:\n{}", question(state), shown.join("\n"));
    }
    shown.join("\n")
}

/// What is wrong is said in one sentence while it is typed, and it is not taken.
fn holds_what_is_typed_against_the_rules(state: &State) {
    let long = "x".repeat(300);
    let wrong = ["~ ~", "My App", &long].map(|bad| press(writing(state.clone()), bad));
    let wrong = wrong.into_iter().find(|typed| complaint(typed).is_some());
    let wrong = wrong.unwrap_or_else(|| panic!("{} takes anything", question(state)));
    let said = complaint(&wrong).unwrap();
    assert!(said.ends_with(['.', '!', '?']) && said.starts_with(|first: char| !first.is_lowercase()), "{said}");
    assert!(picture(&wrong).contains('✗'), "{said}");
    let refused = press(wrong, "\n");
    assert_eq!(question(&refused), question(state), "{said}");
    assert!(refused.notice.is_some(), "{said}");
}

/// Whatever is pasted is text, is cut, and answers nothing.
fn takes_hostile_text_as_text(state: &State) {
    for pasted in [
        "\u{1f600}\u{7} my\r\nApp \u{65e5}\u{672c}\u{1b}[2J\u{0}\t\u{9b}31m\r".repeat(700),
        "\r\n\u{3}\u{1b}".to_owned(),
    ] {
        let pasted = happens(writing(state.clone()), 0.0, Happening::Pasted(pasted));
        assert_eq!(question(&pasted), question(state));
        let text = text(&pasted);
        assert!(!text.contains(char::is_control), "{}: {text:?}", question(state));
        assert!(text.chars().count() <= LONGEST_ANSWER);
        picture(&pasted);
        let left = key(key(pasted, KeyCode::Home), KeyCode::Delete);
        picture(&left);
    }
}

fn check(state: &State, seen: &mut BTreeSet<&'static str>) {
    if may_be_written(question(state)) && seen.insert(question(state)) {
        holds_what_is_typed_against_the_rules(state);
        takes_hostile_text_as_text(state);
    }
}

#[test]
fn given_any_question_that_can_be_written_to_then_wrong_input_is_told_while_typing_and_hostile_input_is_harmless() {
    let mut seen = BTreeSet::new();
    for way in WAYS {
        walk(SIZE, way, |state| check(state, &mut seen));
    }
    check(&press(choosing_a_context(SIZE), "\n"), &mut seen);
    check(&press(choosing_a_way_in(SIZE), "\n"), &mut seen);
    check(&several_gateways(), &mut seen);
    let all: BTreeSet<&str> = QUESTIONS.iter().map(|question| question.id).filter(|id| may_be_written(id)).collect();
    let missed: Vec<_> = all.difference(&seen).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

fn several_gateways() -> State {
    let gateway = |service: &str| GatewaySummary {
        namespace: "istio-system".to_owned(),
        service: service.to_owned(),
        address: None,
    };
    let news = News::Gateways(Fact::Known(vec![gateway("inner"), gateway("outer")]));
    let state = found_out(crate::asking::asked(SIZE));
    let state = press(happens(state, 0.1, Happening::Learned(Session::default(), Box::new(news))), "\n");
    assert_eq!(question(&state), "gateway");
    state
}
