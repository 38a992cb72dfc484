//! `rotate` by keyboard: what to rotate, whether to begin, and whether what was in use goes for good.

use crate::{EXAMPLE, terminal::Terminal};

fn set_up() -> Terminal {
    let mut terminal = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--yes", "--ui", "plain"], 80, 24);
    assert_eq!(terminal.end(), 0, "{}", terminal.everything());
    terminal
}

/// Up to the last question, with everything that is proposed.
fn up_to_the_last_question(home: &Terminal, tui: &str) -> Terminal {
    let mut terminal = home.run_again(&["rotate", "--practice", "--ui", tui]);
    terminal.wait_for_news("client-secret   good until");
    terminal.wait_for_news("EVERYBODY IS SIGNED OUT");
    terminal.wait_for_news("Which one (Enter takes client-secret)?");
    terminal.write_line("everything");
    terminal.wait_for_news("Name one in these words");
    terminal.wait_for_news("Which one");
    terminal.write_line("");
    terminal.wait_for_news("Nobody is signed out");
    terminal.wait_for_news("Rotate it? [y/N]");
    terminal.write_line("y");
    terminal.wait_for_news("Remove the former one [Enter], or type `undo` to put it back:");
    terminal
}

#[test]
fn given_a_terminal_when_everything_proposed_is_taken_then_it_is_rotated() {
    let home = set_up();
    let mut terminal = up_to_the_last_question(&home, "plain");
    terminal.write_line("perhaps");
    terminal.wait_for_news("Press Enter, or type undo");
    terminal.write_line("");
    assert_eq!(terminal.end(), 0, "{}", terminal.everything());
    assert!(terminal.everything().contains("Rotated in"), "{}", terminal.everything());
}

#[test]
fn given_the_last_question_when_undo_is_typed_then_it_is_taken_back_and_there_is_nothing_to_undo_then() {
    let home = set_up();
    // There is no full screen for it yet.
    let mut terminal = up_to_the_last_question(&home, "tui");
    terminal.write_line("undo");
    assert_eq!(terminal.end(), 0, "{}", terminal.everything());
    assert!(terminal.everything().contains("Taken back in"), "{}", terminal.everything());
    let (code, told) = home.run_to_its_end(&["rotate", "--practice", "--undo", "--yes"]);
    assert_eq!(code, 64, "{told}");
}

#[test]
fn given_the_last_question_when_stopped_then_both_are_left_and_the_same_command_goes_on() {
    let home = set_up();
    let mut terminal = up_to_the_last_question(&home, "plain");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    assert!(terminal.everything().contains("with --undo it takes back"), "{}", terminal.everything());
    let (code, told) = home.run_to_its_end(&["status", "--practice", "--ui", "json"]);
    assert!(code == 0 && told.contains("has not come to its end"), "{told}");
    let (code, told) = home.run_to_its_end(&["rotate", "--practice", "--yes"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("a rotation that was begun goes on") && told.contains("1 removed, by key id"), "{told}");
}

#[test]
fn given_no_when_it_is_asked_then_nothing_is_changed() {
    let home = set_up();
    let mut terminal = home.run_again(&["rotate", "--practice", "--what", "cookie-secret"]);
    terminal.wait_for_news("Rotate it? [y/N]");
    terminal.write_line("");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    assert!(terminal.everything().contains("Nothing has been changed."), "{}", terminal.everything());
}
