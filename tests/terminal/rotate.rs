//! `rotate` by keyboard: what to rotate, whether to begin, and whether what was in use goes for good.

use crate::{EXAMPLE, terminal::Terminal};

fn set_up() -> Terminal {
    let mut terminal = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--yes", "--ui", "plain"], 80, 24);
    assert_eq!(terminal.end(), 0, "{}", terminal.everything());
    terminal
}

/// Up to the last question, with everything that is proposed.
fn up_to_the_last_question(home: &Terminal) -> Terminal {
    let mut terminal = home.run_again(&["rotate", "--practice", "--ui", "plain"]);
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
    let mut terminal = up_to_the_last_question(&home);
    terminal.write_line("perhaps");
    terminal.wait_for_news("Press Enter, or type undo");
    terminal.write_line("");
    assert_eq!(terminal.end(), 0, "{}", terminal.everything());
    assert!(terminal.everything().contains("Rotated in"), "{}", terminal.everything());
}

#[test]
fn given_the_last_question_when_undo_is_typed_then_it_is_taken_back_and_there_is_nothing_to_undo_then() {
    let home = set_up();
    let mut terminal = up_to_the_last_question(&home);
    terminal.write_line("undo");
    assert_eq!(terminal.end(), 0, "{}", terminal.everything());
    assert!(terminal.everything().contains("Taken back in"), "{}", terminal.everything());
    let (code, told) = home.run_to_its_end(&["rotate", "--practice", "--undo", "--yes"]);
    assert_eq!(code, 64, "{told}");
}

#[test]
fn given_the_last_question_when_stopped_then_both_are_left_and_the_same_command_goes_on() {
    let home = set_up();
    let mut terminal = up_to_the_last_question(&home);
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
    let mut terminal = home.run_again(&["rotate", "--practice", "--what", "cookie-secret", "--ui", "plain"]);
    terminal.wait_for_news("Rotate it? [y/N]");
    terminal.write_line("");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    assert!(terminal.everything().contains("Nothing has been changed."), "{}", terminal.everything());
}

const SIZES: [(u16, u16); 2] = [(80, 24), (140, 40)];
const CTRL_C: &str = "\u{3}";

fn leave(terminal: &mut Terminal, code: u32) {
    terminal.wait_for_screen("What next");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), code, "{}", terminal.screen());
}

/// On the full screen: what to rotate is chosen, looked at, and begun; up to the question before the last state.
fn up_to_the_last_state(home: &Terminal, size: (u16, u16)) -> Terminal {
    let mut terminal = home.run_again_at(&["rotate", "--practice"], size);
    terminal.wait_for_screen("rotate the client secret");
    for expected in ["PRACTICE", " until 20", "Nothing has been changed yet."] {
        assert!(terminal.screen().contains(expected), "{expected}: {}", terminal.screen());
    }
    terminal.press("2");
    terminal.wait_for_screen("EVERYBODY IS SIGNED OUT");
    terminal.press("1");
    terminal.wait_for_screen("rotate the client secret");
    // What has just come by itself takes no answer for a moment.
    terminal.wait_until_silent();
    terminal.press("\r");
    terminal.wait_for_screen("5 states, one after the other");
    assert!(terminal.screen().contains("Nobody is signed out"), "{}", terminal.screen());
    terminal.wait_until_silent();
    terminal.press("\r");
    terminal.wait_for_screen("Remove the former one?");
    terminal.wait_until_silent();
    terminal
}

#[test]
fn given_the_full_screen_when_everything_proposed_is_taken_then_it_is_rotated_and_told_until_when_it_is_good() {
    let home = set_up();
    for size in SIZES {
        let mut terminal = up_to_the_last_state(&home, size);
        terminal.press("\r");
        terminal.wait_for_screen("Rotated in ");
        terminal.wait_for_screen("Good until: client secret");
        leave(&mut terminal, 0);
        let left = terminal.screen();
        assert!(left.contains("Rotated in ") && left.contains("1 removed, by key id"), "{left}");
    }
    let (code, told) = home.run_to_its_end(&["rotate", "--practice", "--undo", "--yes"]);
    assert_eq!(code, 64, "{told}");
}

#[test]
fn given_the_question_on_the_full_screen_when_u_is_pressed_then_it_is_taken_back() {
    let home = set_up();
    let mut terminal = up_to_the_last_state(&home, (80, 24));
    terminal.press("u");
    terminal.wait_for_screen("Taken back in ");
    leave(&mut terminal, 0);
    assert!(terminal.screen().contains("what was in use before is in use again"), "{}", terminal.screen());
    let (code, told) = home.run_to_its_end(&["rotate", "--practice", "--undo", "--yes"]);
    assert_eq!(code, 64, "{told}");
}

#[test]
fn given_the_question_on_the_full_screen_when_stopped_then_the_next_run_shows_what_is_done_and_undo_takes_it_back() {
    let home = set_up();
    let mut terminal = up_to_the_last_state(&home, (80, 24));
    terminal.press(CTRL_C);
    terminal.wait_for_screen("Interrupted");
    leave(&mut terminal, 130);
    let mut again = home.run_again(&["rotate", "--practice"]);
    again.wait_for_screen("a rotation that was begun goes on");
    again.wait_for_screen("Done by an earlier run");
    again.wait_for_screen("3 of 5 states are to come");
    again.press("q");
    assert_eq!(again.end_given_back(), 130, "{}", again.screen());
    assert!(again.screen().contains("Nothing has been changed."), "{}", again.screen());
    let mut undone = home.run_again(&["rotate", "--practice", "--undo"]);
    undone.wait_for_screen("take it back");
    undone.wait_until_silent();
    undone.press("\r");
    undone.wait_for_screen("Taken back in ");
    leave(&mut undone, 0);
}

#[test]
fn given_the_cookie_secret_on_the_full_screen_then_it_says_who_is_signed_out_and_leaving_changes_nothing() {
    let home = set_up();
    for size in SIZES {
        let mut terminal = home.run_again_at(&["rotate", "--practice", "--what", "cookie-secret"], size);
        terminal.wait_for_screen("EVERYBODY IS SIGNED OUT");
        terminal.press("q");
        assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
        assert!(terminal.screen().contains("Nothing has been changed."), "{}", terminal.screen());
    }
}

#[test]
fn given_nothing_that_expires_soon_then_the_full_screen_ends_in_the_same_words() {
    let home = set_up();
    let mut terminal = home.run_again(&["rotate", "--practice", "--if-expiring", "1d"]);
    assert_eq!(terminal.end_given_back(), 0, "{}", terminal.screen());
    assert!(terminal.screen().contains("Nothing to do: the client secret is good until"), "{}", terminal.screen());
}

#[test]
fn given_home_when_s_is_pressed_then_a_secret_of_the_chosen_one_can_be_rotated_and_q_leads_back() {
    let home = set_up();
    let mut terminal = home.run_again(&["--practice"]);
    terminal.wait_for_screen("set up myapp");
    terminal.press("s");
    terminal.wait_for_screen("rotate the client secret");
    terminal.press("q");
    terminal.wait_for_screen("1 installation");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 0, "{}", terminal.screen());
}
