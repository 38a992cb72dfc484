//! What is typed and chosen stays, whatever arrives meanwhile; and answering is fast.

use crate::{
    asking::{another, at, found, found_out, key, looking, unusable},
    pictures::{COLOURS, cells, rows},
    sample::{happens, press},
};
use crossterm::event::KeyCode;
use gatewright::{
    facts::{Injection, NamespaceSummary},
    tui::{
        happening::{Happening, Wish},
        state::{Chosen, Field, LONGEST_ANSWER, State},
    },
    wizard::{Fact, Need, News, Place, Session},
};
use std::time::{Duration, Instant};

fn typed(state: &State) -> String {
    state.asking.as_ref().unwrap().field.text().map(|text| text.value().to_owned()).unwrap_or_default()
}

fn asked(state: &State) -> &'static str {
    state.asking.as_ref().unwrap().question().map_or("all answers", |question| question.id)
}

fn chosen(state: &State) -> Chosen {
    match &state.asking.as_ref().unwrap().field {
        Field::Choice(choosing) => choosing.chosen.clone(),
        other => panic!("{other:?}"),
    }
}

fn learn(state: State, news: News) -> State {
    happens(state, 0.1, Happening::Learned(Session::default(), Box::new(news)))
}

#[test]
fn given_something_is_typed_when_the_choices_arrive_then_text_and_cursor_stay() {
    let state = key(press(looking((80, 24)), "-two"), KeyCode::Left);
    assert_eq!(typed(&state), "wiki-two", "after what was proposed");
    let arrived = learn(state.clone(), found(&Need::Namespaces));
    assert_eq!(typed(&arrived), "wiki-two");
    let cursor = |state: &State| state.asking.as_ref().unwrap().field.text().unwrap().input.cursor();
    assert_eq!(cursor(&arrived), cursor(&state));
    // The list is a key away, with what was proposed chosen or the way to write one.
    let listed = key(arrived, KeyCode::Esc);
    assert!(matches!(&listed.asking.as_ref().unwrap().field, Field::Choice(choosing) if choosing.writing.is_none()));
}

#[test]
fn given_nothing_is_typed_when_the_choices_arrive_then_they_are_listed() {
    let state = learn(looking((80, 24)), found(&Need::Namespaces));
    let picture = rows(&cells(&state, COLOURS, (80, 24))).join("\n");
    assert!(picture.contains("team-docs") && !picture.contains("Looking at"), "{picture}");
}

#[test]
fn given_a_chosen_row_when_the_same_choices_arrive_in_another_order_then_the_same_value_is_chosen() {
    let state = unusable((80, 24));
    let before = chosen(&state);
    let News::Issuers(namespace, Fact::Known(mut issuers)) = found(&Need::Issuers("istio-system".to_owned())) else {
        panic!("no issuers");
    };
    issuers.reverse();
    let state = learn(state, News::Issuers(namespace, Fact::Known(issuers)));
    assert_eq!(chosen(&state), before);
    assert_eq!(asked(&state), "certificate.issuer");
}

#[test]
fn given_a_wrong_text_when_esc_is_pressed_then_the_question_before_is_asked_and_answers_stay() {
    let state = press(at((80, 24), "application.host"), "https://x/y");
    let before = state.asking.as_ref().unwrap().wizard().draft().clone();
    let state = press(state, "\n");
    assert_eq!(asked(&state), "application.host", "it is not taken");
    assert!(state.notice.is_some());
    let state = key(state, KeyCode::Esc);
    assert_eq!(asked(&state), "application.deploy.replicas");
    assert_eq!(state.asking.as_ref().unwrap().wizard().draft(), &before);
}

#[test]
fn given_another_issuer_is_written_when_it_is_not_there_then_it_says_so_while_it_is_typed() {
    let state = another((80, 24));
    let picture = rows(&cells(&state, COLOURS, (80, 24))).join("\n");
    assert!(picture.contains("✗"), "{picture}");
    let state = key(state, KeyCode::Esc);
    assert_eq!(asked(&state), "certificate.issuer", "back to the list");
    assert!(!state.is_typing());
}

#[test]
fn given_all_answers_when_enter_is_pressed_then_a_plan_is_wanted_and_from_it_esc_comes_back() {
    let state = at((80, 24), "nothing is asked any more");
    let mut state = state;
    let now = state.now;
    let enter = crossterm::event::KeyEvent::new(KeyCode::Enter, crossterm::event::KeyModifiers::NONE);
    let wish = state.take_in(Happening::Pressed(enter), now);
    assert!(matches!(wish, Some(Wish::Plan(..))), "{wish:?}");
    let state = happens(state, 0.1, Happening::PlanReady(Vec::new()));
    let state = key(state, KeyCode::Esc);
    assert_eq!((asked(&state), state.asked().is_some()), ("all answers", true));
}

#[test]
fn given_a_list_of_five_hundred_when_it_is_walked_through_then_it_stays_whole_and_quick() {
    let namespaces =
        (0..500).map(|number| NamespaceSummary { name: format!("team-{number:03}"), injection: Injection::On });
    let mut state = learn(looking((80, 24)), News::Namespaces(Fact::Known(namespaces.collect())));
    let began = Instant::now();
    for _ in 0..200 {
        state = key(state, KeyCode::Down);
    }
    let picture = rows(&cells(&state, COLOURS, (80, 24))).join("\n");
    assert!(picture.contains("▸ team-") && picture.contains("more above"), "{picture}");
    // Without optimization, and on a machine that does something else besides.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn given_the_longest_answer_then_a_key_more_is_not_taken_and_it_is_said() {
    let state = happens(at((80, 24), "application.host"), 0.1, Happening::Pasted("x".repeat(10_000)));
    assert_eq!(typed(&state).len(), LONGEST_ANSWER);
    let state = press(state, "y");
    assert_eq!(typed(&state).len(), LONGEST_ANSWER);
    let picture = rows(&cells(&state, COLOURS, (80, 24))).join("\n");
    assert!(picture.contains("No answer has more than 1000 characters"), "{picture}");
}

#[test]
fn given_later_questions_then_what_they_need_is_found_out_before_they_are_asked() {
    let state = at((80, 24), "application.deploy.image");
    let asking = state.asking.as_ref().unwrap();
    let place = Place { app: "myapp".to_owned(), namespace: "myapp".to_owned(), service: None, gateway: None };
    let hook_needs = Need::Surroundings(place);
    assert!(!asking.wizard().discovered().is_pending(&hook_needs), "asked for long before its question");
    assert!(!found_out(state).is_running());
}
