//! What is not keys: the mouse, and what goes to the clipboard.

use crate::{
    asking, home,
    pictures::{COLOURS, cells, rows},
    sample::{SCREENS, applying, device_code_at, happens, press, review},
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gatewright::tui::{
    happening::{Happening, Wheel, Wish},
    state::{Phase, State},
};

fn row_of(state: &State, text: &str) -> u16 {
    let shown = rows(&cells(state, COLOURS, state.size));
    let found = shown.iter().position(|row| row.chars().take(38).collect::<String>().contains(text));
    u16::try_from(found.unwrap_or_else(|| panic!("no {text}:\n{}", shown.join("\n")))).unwrap()
}

#[test]
fn given_a_review_when_any_row_of_the_tree_is_clicked_then_it_is_chosen_and_no_row_moves() {
    for size in [(80, 24), (140, 40), (80, 30)] {
        let mut state = press(review(size), "G");
        for kind in ["Consent", "Deployment", "VirtualService", "ConfigMap", "Application"] {
            let before = row_of(&state, kind);
            state = happens(state, 0.1, Happening::Clicked(5, before));
            let chosen = &state.review.item().unwrap().summary.title.kind;
            assert_eq!(chosen, kind);
            assert!(row_of(&state, kind).abs_diff(before) <= 1, "{kind} jumped from {before} at {size:?}");
        }
    }
}

#[test]
fn given_clicks_where_nothing_can_be_chosen_then_nothing_happens() {
    for (name, screen) in SCREENS {
        let state = screen((80, 24));
        // In the questions, steps and choices stand there, and at home what is installed.
        let has_rows = state.asked().is_some() || state.phase == Phase::Home;
        let at_steps = [(60, 5), (5, 2)].into_iter().filter(|_| !has_rows);
        for at in [(0, 0), (5, 0), (79, 23), (200, 200)].into_iter().chain(at_steps) {
            let clicked = happens(state.clone(), 0.0, Happening::Clicked(at.0, at.1));
            assert_eq!(format!("{clicked:?}"), format!("{state:?}"), "{name} at {at:?}");
        }
    }
}

#[test]
fn given_the_wheel_then_the_tree_chooses_and_text_rows_and_log_scroll() {
    let turned =
        |state: &State, wheel, at: (u16, u16)| happens(state.clone(), 0.0, Happening::Wheeled(wheel, at.0, at.1));
    let state = press(review((80, 24)), "jj");
    assert_eq!(turned(&state, Wheel::Down, (5, 5)).review.chosen, state.review.chosen + 1);
    assert_eq!(turned(&state, Wheel::Up, (5, 5)).review.chosen, state.review.chosen - 1);
    let state = press(review((80, 24)), "/action\n");
    let scrolled = turned(&turned(&state, Wheel::Down, (60, 5)), Wheel::Down, (60, 5));
    assert_eq!((scrolled.review.chosen, scrolled.review.scroll), (state.review.chosen, state.review.scroll + 6));
    let state = applying((80, 24));
    let scrolled = turned(&state, Wheel::Down, (5, 5));
    assert_ne!(rows(&cells(&scrolled, COLOURS, (80, 24))), rows(&cells(&state, COLOURS, (80, 24))));
    for (name, screen) in SCREENS {
        for size in [(80, 24), (1, 1), (30, 10)] {
            let state = happens(screen((80, 24)), 0.0, Happening::Resized(size.0, size.1));
            turned(&turned(&state, Wheel::Up, (0, 0)), Wheel::Down, (60, 5));
            assert!(state.size == size, "{name}");
        }
    }
}

/// What goes to the clipboard when `c` is pressed that often.
fn copied(state: &State, times: usize) -> Vec<String> {
    let mut state = state.clone();
    let mut texts = Vec::new();
    for _ in 0..times {
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::NONE);
        let now = state.now;
        match state.take_in(Happening::Pressed(key), now) {
            Some(Wish::Copy(text)) => texts.push(text),
            other => panic!("{other:?}"),
        }
        assert!(
            state.notice.as_ref().is_some_and(|notice| notice.starts_with("To the clipboard: ")),
            "{:?}",
            state.notice
        );
    }
    texts
}

#[test]
fn given_a_review_then_what_is_shown_can_be_copied_whole() {
    let state = press(review((80, 24)), "/AuthorizationPolicy\n");
    let item = state.review.item().unwrap();
    assert_eq!(copied(&state, 1), [item.document.as_str()]);
    assert_eq!(copied(&press(state.clone(), "d"), 1), [item.summary.diff.as_str()]);
    assert!(copied(&press(state.clone(), "w"), 1)[0].contains(&item.summary.why));
}

#[test]
fn given_an_end_then_what_is_needed_next_is_copied_one_after_the_other() {
    let screen = |wanted: &str| SCREENS.iter().find(|(name, _)| *name == wanted).unwrap().1((80, 24));
    assert_eq!(
        copied(&screen("end-done"), 3),
        ["https://myapp.cluster.example.com/", "gatewright practice", "gatewright plan --practice"]
    );
    let handed_over = copied(&screen("end-handed-over"), 2);
    assert!(handed_over[0].starts_with("Subject: admin consent"), "{handed_over:?}");
    assert_eq!(handed_over[1], "https://myapp.cluster.example.com/");
    let failed = copied(&screen("end-failed"), 3);
    assert!(failed[0].contains("ImagePullBackOff") && failed[1] == "gatewright setup", "{failed:?}");
    assert_eq!(failed[2], "gatewright plan");
    assert_eq!(
        copied(&screen("looking-device-code"), 3),
        ["F7GH2KQWX", "https://microsoft.com/devicelogin", "F7GH2KQWX"]
    );
    assert!(copied(&screen("apply-log"), 1)[0].contains("Application"));
}

/// The cell where this text is drawn.
fn cell_of(state: &State, text: &str) -> (u16, u16) {
    let shown = rows(&cells(state, COLOURS, state.size));
    let found = shown.iter().enumerate().find_map(|(row, line)| Some((line.split_once(text)?.0.chars().count(), row)));
    let (column, row) = found.unwrap_or_else(|| panic!("no {text}:\n{}", shown.join("\n")));
    (u16::try_from(column).unwrap(), u16::try_from(row).unwrap())
}

fn clicked(state: &State, text: &str) -> (State, Option<Wish>) {
    let (column, row) = cell_of(state, text);
    let mut state = state.clone();
    let now = state.now;
    let wish = state.take_in(Happening::Clicked(column, row), now);
    (state, wish)
}

fn question(state: &State) -> &'static str {
    state.asking.as_ref().unwrap().question().map_or("all answers", |question| question.id)
}

#[test]
fn given_choices_when_one_is_clicked_then_the_cursor_goes_there_and_a_second_click_takes_it() {
    for size in [(80, 24), (140, 40)] {
        let state = asking::at(size, "certificate.issuer");
        let (state, _) = clicked(&state, "letsencrypt-staging");
        assert_eq!(question(&state), "certificate.issuer");
        assert!(rows(&cells(&state, COLOURS, size)).join("\n").contains("▸ ClusterIssuer/letsencrypt-staging"));
        // What a choice says of itself, in further lines, belongs to it.
        let (unusable, _) = clicked(&state, "cannot be used");
        assert!(rows(&cells(&unusable, COLOURS, size)).join("\n").contains("▸ ClusterIssuer/corp-ca"));
        let (refused, _) = clicked(&unusable, "▸ ClusterIssuer/corp-ca");
        assert_eq!(question(&refused), "certificate.issuer", "what cannot be used is not taken");
        let (taken, _) = clicked(&state, "ClusterIssuer/letsencrypt-staging");
        assert_eq!(question(&taken), "certificate.names");
        let (writing, _) = clicked(&clicked(&state, "Write another").0, "Write another");
        assert!(writing.is_typing());
    }
}

#[test]
fn given_what_is_installed_when_a_row_is_clicked_then_it_is_chosen_as_the_arrow_keys_would() {
    for size in [(80, 24), (140, 40)] {
        let state = home::found(size);
        let by_key = press(state.clone(), "jj");
        let chosen = |state: &State| state.home.as_ref().unwrap().installation().unwrap().full_name();
        let (clicked_on, wish) = clicked(&state, &chosen(&by_key));
        assert_eq!((chosen(&clicked_on), wish), (chosen(&by_key), None));
        assert_eq!(rows(&cells(&clicked_on, COLOURS, size)), rows(&cells(&by_key, COLOURS, size)));
        // Headings, the border and what lies over the list are no rows.
        for cell in [(5, 1), (5, 2), (0, 4)] {
            let beside = happens(by_key.clone(), 0.0, Happening::Clicked(cell.0, cell.1));
            assert_eq!(chosen(&beside), chosen(&by_key), "{cell:?}");
        }
        let covered = happens(press(state.clone(), "?"), 0.0, Happening::Clicked(5, 5));
        assert_eq!(chosen(&covered), chosen(&state));
    }
}

#[test]
fn given_steps_when_one_is_clicked_then_it_is_gone_to_where_that_is_possible() {
    for size in [(80, 24), (140, 40)] {
        let state = asking::at(size, "certificate.issuer");
        assert_eq!(question(&clicked(&state, "Application").0), "application.name");
        assert_eq!(question(&clicked(&state, "Sign-in hook").0), "certificate.issuer", "it is not reached yet");
        let all = asking::at(size, "nothing is asked any more");
        assert_eq!(question(&clicked(&all, "Sign-in hook").0), "hook");
        assert_eq!(clicked(&all, "Review").1, None);
    }
}

#[test]
fn given_a_step_with_an_open_question_when_the_next_one_is_clicked_or_walked_to_then_it_is_not_entered() {
    // Somebody answered everything, and a new answer opens questions of the step they are at.
    let all = asking::at((140, 40), "nothing is asked any more");
    let at_certificate = clicked(&all, "Certificate").0;
    assert_eq!(question(&at_certificate), "certificate.source");
    let opened = press(at_certificate, "j\n");
    assert_ne!(question(&opened), "certificate.source", "a question that was not asked before");
    for next in ["Sessions", "Sign-in hook"] {
        let went = clicked(&opened, next).0;
        assert_eq!(question(&went), question(&opened), "{next}: the open question comes first");
    }
    let walked = press(asking::key(opened.clone(), KeyCode::Tab), "j\n");
    assert_eq!(question(&walked), question(&opened));
    // What comes before it may be looked at.
    assert_eq!(question(&clicked(&opened, "Application").0), "application.name");
}

#[test]
fn given_a_device_code_while_asking_then_it_is_copied_by_key_in_a_list_and_in_a_field() {
    for (id, code, modifiers) in [
        ("registration.source", 'c', KeyModifiers::NONE),
        ("registration.source", 'y', KeyModifiers::CONTROL),
        ("application.host", 'y', KeyModifiers::CONTROL),
    ] {
        let mut state = device_code_at(asking::at((80, 24), id));
        let now = state.now;
        let wish = state.take_in(Happening::Pressed(KeyEvent::new(KeyCode::Char(code), modifiers)), now);
        assert_eq!(wish, Some(Wish::Copy("F7GH2KQWX".to_owned())), "{id}");
        assert_eq!(question(&state), id);
    }
}
