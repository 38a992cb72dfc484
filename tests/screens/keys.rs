//! The hint bar is computed from what dispatches keys; every key that is hinted does something, and no other surprises.

use crate::{
    home,
    pictures::{COLOURS, cells, rows},
    rotating,
    sample::{SCREENS, applying, press, review},
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gatewright::tui::{
    happening::{Happening, Wish},
    keymap,
    state::State,
};

fn after(state: &State, key: KeyEvent) -> (State, Option<Wish>) {
    let mut state = state.clone();
    let now = state.now;
    let wish = state.take_in(Happening::Pressed(key), now);
    (state, wish)
}

fn without_notice(state: &State) -> String {
    format!("{:?}", State { notice: None, ..state.clone() })
}

/// Where one can be on a screen: at its beginning, and after each of some steps into it.
fn places(state: State) -> Vec<State> {
    let mut places = vec![state];
    if places[0].is_typing() || places[0].help {
        return places;
    }
    let into = [KeyCode::Down; 6].into_iter().chain([KeyCode::PageDown, KeyCode::Right, KeyCode::End]);
    let back = [KeyCode::Up, KeyCode::PageUp];
    for code in into.chain(back) {
        let state = places.last().unwrap();
        if keymap::command(state, &KeyEvent::new(code, KeyModifiers::NONE)).is_some() {
            places.push(after(state, KeyEvent::new(code, KeyModifiers::NONE)).0);
        }
    }
    places
}

#[test]
fn given_every_screen_when_each_hinted_key_is_pressed_then_it_does_something() {
    let mut pressed = 0;
    for (name, screen) in SCREENS {
        let places = places(screen((80, 24)));
        for row in places.iter().flat_map(keymap::bindings) {
            for key in row.keys {
                // Not everywhere: nothing is above the first row.
                let does_something = places.iter().any(|state| {
                    let (next, wish) = after(state, key.event());
                    wish.is_some() || without_notice(&next) != without_notice(state) || next.notice != state.notice
                });
                assert!(does_something, "{name}: {} does nothing", key.name(false));
                pressed += 1;
            }
        }
    }
    assert!(pressed > 200, "only {pressed} keys were pressed");
}

#[test]
fn given_every_screen_when_a_key_is_not_hinted_then_nothing_happens() {
    let letters = ('a'..='z').chain('A'..='Z').chain('0'..='9').map(KeyCode::Char);
    let others = [KeyCode::Tab, KeyCode::BackTab, KeyCode::Delete, KeyCode::Insert, KeyCode::F(1), KeyCode::F(12)];
    let codes: Vec<KeyCode> = letters.chain(others).collect();
    for (name, screen) in SCREENS {
        let state = screen((80, 24));
        if state.is_typing() {
            continue;
        }
        for code in &codes {
            for modifiers in [KeyModifiers::NONE, KeyModifiers::CONTROL, KeyModifiers::ALT] {
                let key = KeyEvent::new(*code, modifiers);
                if keymap::command(&state, &key).is_some() {
                    continue;
                }
                let (next, wish) = after(&state, key);
                assert_eq!(wish, None, "{name}: {key:?}");
                assert_eq!(without_notice(&next), without_notice(&state), "{name}: {key:?}");
            }
        }
    }
}

#[test]
fn given_every_screen_then_the_bar_shows_hints_of_the_table_and_how_to_see_all() {
    for (name, screen) in SCREENS {
        for size in [(80, 24), (140, 40)] {
            let state = screen(size);
            let bar = rows(&cells(&state, COLOURS, size)).pop().unwrap();
            let hints = keymap::hints(&state, false, false);
            let last = hints.last().unwrap();
            assert!(bar.ends_with(&format!("{} {}", last.keys, last.label)), "{name}: {bar:?}");
            let shown = hints.iter().filter(|hint| bar.contains(&format!("{} {}", hint.keys, hint.label))).count();
            assert!(shown + 1 >= hints.len() || size.0 == 80, "{name}: {bar:?} of {hints:?}");
        }
    }
}

#[test]
fn given_something_stands_in_the_way_then_enter_does_not_apply() {
    let (_, blocked) = SCREENS.iter().find(|(name, _)| *name == "review-blocked").unwrap();
    let (_, wish) = after(&blocked((80, 24)), KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    assert_eq!(wish, None);
}

#[test]
fn given_a_review_when_text_is_pasted_then_nothing_is_applied() {
    let mut state = review((80, 24));
    let before = without_notice(&state);
    let now = state.now;
    assert_eq!(state.take_in(Happening::Pasted("\n\r\nq\u{3}".to_owned()), now), None);
    assert_eq!(without_notice(&state), before);
}

#[test]
fn given_a_search_when_much_and_strange_text_is_pasted_then_it_is_cut_and_harmless() {
    let mut state = press(review((80, 24)), "/");
    let now = state.now;
    assert_eq!(state.take_in(Happening::Pasted("👩‍👧\n\u{1b}[2J".repeat(5_000)), now), None);
    assert!(state.is_typing());
    assert!(cells(&state, COLOURS, (80, 24)).content.iter().all(|cell| !cell.symbol().contains(char::is_control)));
    let state = press(state, "\n");
    assert!(state.notice.as_ref().is_some_and(|notice| notice.contains("none of the objects")), "{:?}", state.notice);
}

#[test]
fn given_a_search_when_it_is_left_then_the_choice_is_where_it_was() {
    let state = press(review((80, 24)), "jj");
    let found = press(state.clone(), "/virtualservice");
    assert_ne!(found.review.chosen, state.review.chosen);
    let (left, _) = after(&found, KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
    assert_eq!(left.review.chosen, state.review.chosen);
}

#[test]
fn given_it_is_applied_when_ctrl_c_is_pressed_then_it_stops_in_order_and_the_second_time_at_once() {
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    let (state, wish) = after(&press(applying((80, 24)), "l"), ctrl_c);
    assert_eq!(wish, Some(Wish::Stop));
    let (_, wish) = after(&state, ctrl_c);
    assert_eq!(wish, Some(Wish::EndNow));
}

#[test]
fn given_what_can_be_rotated_then_a_number_chooses_it_and_enter_takes_what_is_possible_alone() {
    use gatewright::engine::rotate::{Decision, What};
    let enter = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
    let offered = rotating::offered((80, 24));
    assert_eq!(after(&offered, enter).1, Some(Wish::Chosen(What::ClientSecret)));
    assert_eq!(after(&press(offered.clone(), "2"), enter).1, Some(Wish::Chosen(What::CookieSecret)));
    assert_eq!(after(&press(offered, "4"), enter).1, None);
    let u = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::NONE);
    let (decided, wish) = after(&rotating::deciding((80, 24)), u);
    assert_eq!(wish, Some(Wish::Decided(Decision::Undo)));
    assert_eq!(after(&decided, enter).1, None, "it is asked once");
}

#[test]
fn given_the_question_has_just_come_then_a_key_that_was_meant_for_something_else_does_not_answer_it() {
    let mut state = press(rotating::begun((80, 24)), "\n");
    let now = state.now;
    for happening in [Happening::Begun, Happening::LastState(gatewright::engine::rotate::What::ClientSecret)] {
        state.take_in(happening, now);
    }
    let (state, wish) = after(&state, KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    assert_eq!(wish, None);
    assert!(state.notice.is_some(), "it says why");
}

#[test]
fn given_nothing_runs_then_time_is_not_told_of() {
    for (name, screen) in SCREENS {
        let state = screen((80, 24));
        let waits =
            matches!(*name, "ask-choice-looking" | "ask-planning" | "home-setup-left") || home::RUNNING.contains(name);
        let idle = ["home", "review", "end", "ask"].iter().any(|screen| name.starts_with(screen)) && !waits;
        let idle = idle || matches!(*name, "looking-problem" | "apply-paused-at-first" | "apply-rotation-deciding");
        assert_eq!(state.is_running(), !idle, "{name}");
    }
}
