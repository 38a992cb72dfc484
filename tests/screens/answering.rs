//! What is typed and chosen stays, whatever arrives meanwhile; and answering is fast.

use crate::{
    asking::{another, asked as first_asked, at, connecting, found, found_out, key, looking, unusable},
    home,
    pictures::{COLOURS, cells, rows},
    sample::{connected, happens, happens_unseen, press, review},
};
use crossterm::event::KeyCode;
use gatewright::{
    facts::{GatewaySummary, Injection, NamespaceSummary},
    tui::{
        happening::{Happening, Wish},
        keymap,
        state::{Chosen, Ending, Field, LONGEST_ANSWER, State},
    },
    wizard::{Fact, Need, News, Place, Session},
};

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
fn given_a_pasted_text_that_is_no_host_then_it_is_refused_with_what_would_be_right() {
    for (pasted, wrong, right) in [
        ("Hello World, see below!", "holds a space, `,`, `!`", "use lower-case letters, digits, `-` and dots"),
        (
            "https://MyApp.Cluster.Example.com/login",
            "starts with a scheme",
            "write the name alone: `myapp.cluster.example.com`",
        ),
        ("https://My Wiki/", "starts with a scheme", "write a name such as `myapp.cluster.example.com`"),
        ("MYAPP", "has no domain", "write it in full, such as `myapp.cluster.example.com`"),
        ("MyApp.Cluster.Example.com", "has capital letters", "write `myapp.cluster.example.com`"),
    ] {
        let state = happens(at((140, 40), "application.host"), 0.1, Happening::Pasted(pasted.to_owned()));
        let complaint = state.asking.as_ref().unwrap().field.text().unwrap().complaint().unwrap().clone();
        assert!(complaint.wrong.contains(wrong) && complaint.wrong.contains(pasted), "{complaint:?}");
        assert!(complaint.right.contains(right), "{complaint:?}");
        let entered = press(state, "\n");
        assert_eq!(asked(&entered), "application.host", "{pasted}");
    }
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
fn given_a_list_of_five_hundred_when_it_is_walked_through_then_it_stays_whole() {
    let namespaces =
        (0..500).map(|number| NamespaceSummary { name: format!("team-{number:03}"), injection: Injection::On });
    let mut state = learn(looking((80, 24)), News::Namespaces(Fact::Known(namespaces.collect())));
    for _ in 0..200 {
        state = key(state, KeyCode::Down);
    }
    let picture = rows(&cells(&state, COLOURS, (80, 24))).join("\n");
    assert!(picture.contains("▸ team-") && picture.contains("more above"), "{picture}");
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

const SIZE: (u16, u16) = (80, 24);

fn notice(state: &State) -> &str {
    state.notice.as_deref().unwrap_or_default()
}

fn hints_enter(state: &State) -> bool {
    keymap::hints(state, true, true).iter().any(|hint| hint.keys.contains("Enter"))
}

/// What comes of Enter.
fn enter(state: &State) -> (State, Option<Wish>) {
    let mut state = state.clone();
    let now = state.now;
    let enter = crossterm::event::KeyEvent::new(KeyCode::Enter, crossterm::event::KeyModifiers::NONE);
    let wish = state.take_in(Happening::Pressed(enter), now);
    (state, wish)
}

fn gateways(names: &[&str]) -> News {
    let gateway = |name: &&str| GatewaySummary {
        namespace: "istio-system".to_owned(),
        service: (*name).to_owned(),
        address: None,
    };
    News::Gateways(Fact::Known(names.iter().map(gateway).collect()))
}

/// News come at this moment, and nobody has seen yet what they change.
fn learn_unseen(state: State, news: News) -> State {
    happens_unseen(state, 0.1, Happening::Learned(Session::default(), Box::new(news)))
}

#[test]
fn given_enter_before_the_choices_arrive_then_it_answers_nothing_and_the_cursor_goes_to_what_is_proposed() {
    let issuers = Need::Issuers("istio-system".to_owned());
    let looking = press(at(SIZE, "certificate.issuer"), "r");
    assert!(looking.is_typing() && !hints_enter(&looking));
    let entered = press(looking.clone(), "\n");
    assert_eq!((asked(&entered), typed(&entered).as_str()), ("certificate.issuer", ""));
    assert_eq!(notice(&entered), "Not taken: the choices are still being looked for. Wait for them, or write one.");
    let arrived = learn(entered, found(&issuers));
    assert_eq!(chosen(&arrived), Chosen::Value("ClusterIssuer/letsencrypt-production".to_owned()));
    assert!(!arrived.is_typing() && hints_enter(&arrived));

    let failed = press(learn(looking.clone(), issuers.clone().failed("forbidden".to_owned())), "\n");
    assert!(rows(&cells(&failed, COLOURS, SIZE)).join("\n").contains("Nothing is written here"), "it is to be written");
    let arrived = learn(failed, found(&issuers));
    assert_eq!(chosen(&arrived), Chosen::Value("ClusterIssuer/letsencrypt-production".to_owned()), "nothing was typed");

    let written = press(looking, "Issuer/own\n");
    assert_eq!(asked(&written), "certificate.names", "what is written is an answer all the same");
}

#[test]
fn given_an_answer_that_stands_whatever_is_found_out_then_enter_takes_it_at_once() {
    let state = press(first_asked(SIZE), "\n");
    assert_eq!(asked(&state), "application.name", "whichever tenant it is, the answers need not name it");
}

#[test]
fn given_nothing_to_choose_from_then_enter_opens_no_field_where_nothing_may_be_written() {
    let state = connecting(SIZE);
    assert_eq!(asked(&state), "connect.context");
    let (waiting, _) = enter(&state);
    assert_eq!(notice(&waiting), "Not taken: the choices are still being looked for. Wait for them.");
    let failed = press(learn(waiting, Need::Contexts.failed("there is no kubeconfig".to_owned())), "\n");
    assert_eq!((asked(&failed), failed.is_typing()), ("connect.context", false));
    assert!(notice(&failed).starts_with("There is nothing to choose from yet"), "{}", notice(&failed));
}

#[test]
fn given_a_question_that_comes_or_vanishes_by_itself_then_no_key_that_was_pressed_before_answers_another() {
    let name = press(first_asked(SIZE), "\n");
    assert_eq!(asked(&name), "application.name");
    let came = learn_unseen(press(name, "myapp"), gateways(&["inner", "outer"]));
    assert_eq!(asked(&came), "gateway");
    let (dropped, wish) = enter(&came);
    assert_eq!((asked(&dropped), wish), ("gateway", None));
    assert!(notice(&dropped).contains("changed by itself"), "{}", notice(&dropped));
    assert!(!hints_enter(&came), "a key that is not taken is not hinted");
    let seen = happens_unseen(dropped, 0.4, Happening::Ticked);
    assert!(hints_enter(&seen) && !seen.is_settling());

    let mut vanished = learn_unseen(seen.clone(), gateways(&["inner"]));
    assert_eq!(asked(&vanished), "application.name");
    // Whoever types does not stop at once.
    for letter in "outer".chars() {
        vanished = press(happens_unseen(vanished, 0.2, Happening::Ticked), &letter.to_string());
    }
    let vanished = happens_unseen(vanished, 0.2, Happening::Pasted("outer".to_owned()));
    assert_eq!(typed(&vanished), "", "what was written for the other question");
    assert!(notice(&vanished).contains("changed by itself"), "{}", notice(&vanished));
    let typed_later = press(happens_unseen(vanished, 0.4, Happening::Ticked), "wiki");
    assert_eq!(typed(&typed_later), "wiki");
    assert_eq!(asked(&press(seen, "\n")), "application.name", "what the person did themselves is not waited for");
}

#[test]
fn given_what_is_proposed_changes_by_itself_then_enter_does_not_take_what_nobody_has_seen() {
    let state = press(at(SIZE, "certificate.issuer"), "r");
    let arrived = learn_unseen(state, found(&Need::Issuers("istio-system".to_owned())));
    let (dropped, _) = enter(&arrived);
    assert_eq!(asked(&dropped), "certificate.issuer");
    assert_eq!(asked(&press(happens_unseen(dropped, 0.4, Happening::Ticked), "\n")), "certificate.names");
}

#[test]
fn given_a_plan_comes_while_keys_are_pressed_then_none_of_them_applies_it_until_it_can_have_been_seen() {
    let items = review(SIZE).review.items;
    let mut state = happens_unseen(connected(SIZE), 0.1, Happening::PlanReady(items));
    for _ in 0..20 {
        state = happens_unseen(state, 0.03, Happening::Ticked);
        let (next, wish) = enter(&state);
        assert_eq!(wish, None, "a held key");
        state = next;
    }
    assert!(notice(&state).contains("changed by itself"), "{}", notice(&state));
    let seen = happens_unseen(state, 0.4, Happening::Ticked);
    assert_eq!(enter(&seen).1, Some(Wish::Apply));
}

#[test]
fn given_a_list_of_installations_arrives_then_enter_sets_none_of_them_up_unseen() {
    let opened = home::opened(SIZE);
    let found = happens_unseen(opened, 0.1, home::arrival());
    assert_eq!(enter(&found).1, None);
    let seen = happens_unseen(found, 0.4, Happening::Ticked);
    assert!(matches!(enter(&seen).1, Some(Wish::SetUp(Some(_)))));
}

#[test]
fn given_a_plan_is_being_made_when_esc_is_pressed_then_the_questions_are_there_again_and_what_comes_late_changes_nothing()
 {
    let (planning, wish) = enter(&at(SIZE, "nothing is asked any more"));
    assert!(matches!(wish, Some(Wish::Plan(..))), "{wish:?}");
    let mut back = planning;
    let now = back.now;
    let esc = crossterm::event::KeyEvent::new(KeyCode::Esc, crossterm::event::KeyModifiers::NONE);
    assert_eq!(back.take_in(Happening::Pressed(esc), now), Some(Wish::Revise));
    assert_eq!((asked(&back), back.asked().is_some()), ("all answers", true));
    let late = [
        Happening::PlanReady(review(SIZE).review.items),
        Happening::Over(Ending { may_run_again: true, ..Ending::default() }),
    ];
    for happening in late {
        let after = happens_unseen(back.clone(), 0.1, happening);
        assert!(after.asked().is_some(), "{:?}", after.phase);
    }
    let (_, again) = enter(&happens(back, 0.1, Happening::Ticked));
    assert!(matches!(again, Some(Wish::Plan(..))), "every answer is still there");
}
