//! `teardown` on the full screen, by keyboard alone.

use crate::{EXAMPLE, terminal::Terminal};

const SIZES: [(u16, u16); 2] = [(80, 24), (140, 40)];
const TEARDOWN: &[&str] = &["teardown", "--practice"];
const CTRL_C: &str = "\u{3}";

/// An installation, and teardown's plan of it.
fn at_review(size: (u16, u16)) -> Terminal {
    let mut setup = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--yes"], 80, 24);
    assert_eq!(setup.end(), 0, "{}", setup.everything());
    reviewed(&setup, TEARDOWN, size)
}

fn reviewed(before: &Terminal, teardown: &[&str], size: (u16, u16)) -> Terminal {
    let mut terminal = before.run_again_at(teardown, size);
    terminal.wait_for_screen("take it away");
    assert!(terminal.screen().contains("PRACTICE"), "{}", terminal.screen());
    assert!(terminal.screen().contains("Nothing has been changed yet."), "{}", terminal.screen());
    terminal
}

fn confirm(terminal: &mut Terminal) {
    terminal.press("\r");
    terminal.wait_for_screen("Type myapp to take it away:");
    terminal.press("myapp\r");
}

fn leave(terminal: &mut Terminal, code: u32) {
    terminal.wait_for_screen("What next");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), code, "{}", terminal.screen());
}

/// Nothing of ours is left but what stays in the tenant's bin: a run in lines says so.
fn expect_nothing_left(terminal: &Terminal) {
    let (code, told) = terminal.run_to_its_end(&["teardown", "--practice", "--yes", "--ui", "plain"]);
    assert_eq!(code, 0, "{told}");
    assert!(!told.contains("delete  "), "{told}");
    let (_, status) = terminal.run_to_its_end(&["status", "--practice"]);
    assert!(status.contains("Nothing is installed"), "{status}");
}

#[test]
fn given_an_installation_when_its_name_is_typed_then_it_is_taken_away_and_a_second_time_nothing_is_left() {
    for size in SIZES {
        let mut terminal = at_review(size);
        terminal.wait_for_screen("2 [ ] namespace");
        assert!(!terminal.screen().contains("keep ──"), "{}", terminal.screen());
        terminal.press("2");
        terminal.wait_for_screen("2 [x] namespace");
        terminal.wait_for_screen("1 keep");
        terminal.press("2");
        terminal.wait_for_screen("2 [ ] namespace");
        terminal.press("\r");
        terminal.wait_for_screen("Type myapp to take it away:");
        terminal.press("my\r");
        terminal.wait_for_screen("that is not myapp");
        confirm(&mut terminal);
        terminal.wait_for_screen("Taken away in ");
        leave(&mut terminal, 0);
        assert!(terminal.screen().contains("Taken away in "), "{}", terminal.screen());
        expect_nothing_left(&terminal);
    }
}

#[test]
fn given_the_review_of_a_teardown_when_it_is_left_then_nothing_was_changed() {
    let mut terminal = at_review((80, 24));
    terminal.press("\r");
    terminal.wait_for_screen("Type myapp to take it away:");
    terminal.press(CTRL_C);
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
    assert!(terminal.screen().contains("Nothing has been changed."), "{}", terminal.screen());
    let (code, status) = terminal.run_to_its_end(&["status", "--practice"]);
    assert_eq!(code, 0, "{status}");
    assert!(status.contains("myapp.cluster.example.com"), "{status}");
}

#[test]
fn given_ctrl_c_in_the_middle_of_a_teardown_when_run_again_then_it_goes_on_and_finishes() {
    for size in SIZES {
        let mut terminal = at_review(size);
        confirm(&mut terminal);
        terminal.wait_for_screen("changed so far");
        terminal.press(CTRL_C);
        terminal.wait_for_screen("Interrupted");
        leave(&mut terminal, 130);
        let mut again = reviewed(&terminal, TEARDOWN, size);
        confirm(&mut again);
        again.wait_for_screen("Taken away in ");
        leave(&mut again, 0);
        expect_nothing_left(&again);
    }
}

#[test]
fn given_p_while_it_is_taken_away_then_it_pauses_between_two_steps_until_p_and_goes_through() {
    let mut terminal = at_review((80, 24));
    confirm(&mut terminal);
    terminal.wait_for_screen("pause after this");
    terminal.press("p");
    terminal.wait_for_screen("Paused ");
    terminal.wait_until_silent();
    assert!(terminal.screen().contains("p goes on"), "{}", terminal.screen());
    terminal.press("p");
    terminal.wait_for_screen("Taken away in ");
    leave(&mut terminal, 0);
    expect_nothing_left(&terminal);
}

#[test]
fn given_something_that_cannot_be_removed_then_it_is_named_and_1_and_the_same_once_more_finishes() {
    let mut terminal = at_review((80, 24));
    terminal.press(CTRL_C);
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
    let refuses = terminal.home().join("refuses.yaml");
    let scenario = "title: Certificates are not deleted\nabout: The API server fails whenever one is to be deleted.\nfaults:\n\
                    - match: {server: kubernetes, method: DELETE, path: '*/certificates/*', every: 1}\n  then: {fail: {status: 500}}\n";
    std::fs::write(&refuses, scenario).unwrap();
    let practice = format!("--practice={}", refuses.display());
    let mut terminal = reviewed(&terminal, &["teardown", &practice], (80, 24));
    confirm(&mut terminal);
    terminal.wait_for_screen("Stopped: ");
    assert!(terminal.screen().contains("✗ Certificate"), "{}", terminal.screen());
    leave(&mut terminal, 1);
    assert!(terminal.everything().contains("500"), "{}", terminal.everything());
    let mut again = reviewed(&terminal, TEARDOWN, (80, 24));
    confirm(&mut again);
    again.wait_for_screen("Taken away in ");
    leave(&mut again, 0);
    expect_nothing_left(&again);
}

#[test]
fn given_home_when_t_is_pressed_then_the_chosen_one_is_taken_away_once_confirmed_and_home_shows_what_is_left() {
    let mut setup = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--yes"], 80, 24);
    assert_eq!(setup.end(), 0, "{}", setup.everything());
    let mut home = setup.run_again(&["--practice"]);
    home.wait_for_screen("set up myapp");
    home.press("t");
    home.wait_for_screen("take it away");
    assert!(home.screen().contains("teardown myapp"), "{}", home.screen());
    home.press("q");
    home.wait_for_screen("1 installation");
    home.wait_for_screen("set up myapp");
    home.press("t");
    home.wait_for_screen("take it away");
    confirm(&mut home);
    home.wait_for_screen("Taken away in ");
    home.press("q");
    home.wait_for_screen("Nothing is installed");
    home.press("q");
    assert_eq!(home.end_given_back(), 0, "{}", home.screen());
    let left = home.everything();
    assert!(left.contains("Taken away in ") && !left.contains("Done in "), "{left}");
    expect_nothing_left(&home);
}
