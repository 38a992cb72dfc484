//! The binary in a pseudo-terminal: keys in, screen out, every way out.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

mod asking;
mod beside_keys;
mod connecting;
mod full_screen;
mod home;
mod paths;
mod pictures;
mod questions;
mod rotate;
mod same_plan;
mod taking_away;
mod terminal;
#[cfg(target_os = "linux")]
mod window;

use terminal::Terminal;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/example.yaml");

#[test]
fn given_a_terminal_when_setup_asks_and_is_told_yes_then_it_goes_through() {
    let mut terminal = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--ui", "plain"], 80, 24);
    terminal.wait_for("Apply");
    terminal.press("y");
    terminal.press("\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.everything());
    assert!(terminal.everything().contains("Try it: https://myapp.cluster.example.com/"), "{}", terminal.everything());
}

#[test]
fn given_a_terminal_when_setup_asks_and_is_told_no_then_nothing_is_changed() {
    let mut terminal = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--ui", "plain"], 140, 40);
    terminal.wait_for("Apply");
    terminal.press("n");
    terminal.press("\r");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    assert!(terminal.everything().contains("Nothing has been changed."), "{}", terminal.everything());
}

#[test]
fn given_ctrl_c_at_the_question_then_130_and_the_terminal_is_as_it_was() {
    let mut terminal = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--ui", "plain"], 80, 24);
    terminal.wait_for("Apply");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    assert!(terminal.everything().contains("Nothing has been changed."), "{}", terminal.everything());
    let (hidden, shown) = (terminal.raw().rfind("\u{1b}[?25l"), terminal.raw().rfind("\u{1b}[?25h"));
    assert!(hidden.is_none() || hidden < shown, "the cursor stays hidden");
}

#[test]
fn given_ctrl_c_before_there_is_a_plan_then_130_and_it_says_that_nothing_was_changed() {
    let mut terminal = Terminal::run(&["plan", "--practice=throttled-graph", "--answers", EXAMPLE], 80, 24);
    terminal.wait_for("Looking");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    assert!(terminal.everything().contains("Nothing has been changed."), "{}", terminal.everything());
}

#[test]
fn given_ctrl_c_in_the_middle_then_130_and_the_same_command_goes_on_and_finishes() {
    let mut terminal = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--yes"], 80, 24);
    terminal.wait_for("created");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    assert!(terminal.everything().contains("goes on from here"), "{}", terminal.everything());
    let mut again = terminal.run_again(&["setup", "--practice", "--answers", EXAMPLE, "--yes"]);
    assert_eq!(again.end(), 0, "{}", again.everything());
    assert!(again.everything().contains("Try it:"), "{}", again.everything());
}

#[test]
fn given_no_color_then_no_colour_is_sent_and_with_a_colour_terminal_it_is() {
    for (no_color, expected) in [(true, false), (false, true)] {
        let mut terminal = Terminal::prepared(&["plan", "--practice", "--answers", EXAMPLE], 80, 24, |command| {
            if no_color {
                command.env("NO_COLOR", "1");
            }
        });
        assert_eq!(terminal.end(), 2, "{}", terminal.everything());
        assert_eq!(terminal.raw().contains("\u{1b}[3"), expected, "NO_COLOR {no_color}");
    }
}
