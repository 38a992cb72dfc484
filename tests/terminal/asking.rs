//! `setup` without an answers file on the full screen: the walk-through's example by keyboard alone.

use crate::{
    EXAMPLE,
    terminal::{BINARY, Terminal},
};
use rustix::process::Signal;

const EXISTING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/answers/existing-service.yaml");
const ESCAPE: &str = "\u{1b}";
/// Ctrl-U: the field is empty.
pub(crate) const CLEAR: &str = "\u{15}";

/// What only the person can know of the walk-through's example; every other question proposes it.
const TYPED: &[(&str, &str)] = &[
    ("What is the application called?", "myapp"),
    ("Which container image?", "docker.io/path/to/myapp:sometag"),
    ("Which host name do people type?", "myapp.cluster.example.com"),
];

/// The first line of the question: between the steps and what stands beside.
fn prompt(screen: &str) -> String {
    let line = screen.lines().nth(2).unwrap_or_default();
    line.split('│').nth(3).unwrap_or_default().trim().to_owned()
}

/// Whether Enter is hinted: while a question waits for its choices, or has just come by itself, it is not taken.
fn takes_enter(screen: &str) -> bool {
    let hints = screen.lines().last().unwrap_or_default();
    ["⏎ continue", "⏎ go on", "⏎ see to"].iter().any(|hint| hints.contains(hint))
}

/// Waits for a question, and for what it waits for itself.
pub(crate) fn wait_for(terminal: &mut Terminal, question: &str) {
    terminal.wait_until(|screen| screen.contains(question) && takes_enter(screen) && !screen.contains("Looking at "));
}

/// Answers the question that is shown, with what stands there unless only the person can know it.
pub(crate) fn answer(terminal: &mut Terminal) {
    loop {
        terminal
            .wait_until(|screen| !prompt(screen).is_empty() && takes_enter(screen) && !screen.contains("Looking at "));
        let asked = prompt(&terminal.screen());
        if let Some((_, typed)) = TYPED.iter().find(|(question, _)| *question == asked) {
            terminal.press(CLEAR);
            terminal.press(typed);
        }
        terminal.press("\r");
        // A question that comes or vanishes just now does not take it.
        let has_changed = |screen: &str| screen.contains("Not taken: what is asked here has changed");
        terminal.wait_until(|screen| prompt(screen) != asked || has_changed(screen));
        if prompt(&terminal.screen()) != asked {
            return;
        }
    }
}

/// Answers everything before `until` is on the screen.
pub(crate) fn answer_up_to(terminal: &mut Terminal, until: &str) {
    wait_for(terminal, "continue");
    // A frame may be half drawn, from above: the look at all answers shows by its heading before its hints.
    let is_there =
        |screen: String| screen.contains(until) || screen.lines().nth(1).is_some_and(|line| line.contains(" Review "));
    while !is_there(terminal.screen()) {
        answer(terminal);
    }
    wait_for(terminal, until);
}

fn answer_all(terminal: &mut Terminal) {
    answer_up_to(terminal, "go on to the plan");
}

#[test]
fn given_nothing_but_a_keyboard_when_the_example_is_set_up_on_the_full_screen_then_it_goes_through() {
    for (columns, rows) in [(80, 24), (140, 40)] {
        let mut terminal = Terminal::run(&["setup", "--practice"], columns, rows);
        answer_all(&mut terminal);
        terminal.press("s");
        terminal.wait_for_screen("Saved as ./gatewright.yaml");
        let saved = std::fs::read_to_string(terminal.home().join("gatewright.yaml")).unwrap();
        assert_eq!(saved, std::fs::read_to_string(EXAMPLE).unwrap(), "every proposal is the example's");
        terminal.press("\r");
        terminal.wait_for_screen("apply 36 changes");
        terminal.press("\r");
        terminal.wait_for_screen("Done in ");
        terminal.wait_for_screen("What next");
        terminal.press("q");
        assert_eq!(terminal.end_given_back(), 0, "{}", terminal.screen());
        assert!(terminal.screen().contains("Try it: https://myapp.cluster.example.com/"), "{}", terminal.screen());
    }
}

#[test]
fn given_the_questions_when_they_are_left_then_nothing_was_changed() {
    let mut terminal = Terminal::run(&["setup", "--practice"], 80, 24);
    terminal.wait_for_screen("continue");
    terminal.press(ESCAPE);
    terminal.wait_for_screen("Leave?");
    terminal.press("\r");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
    assert!(terminal.screen().contains("Nothing has been changed."), "{}", terminal.screen());

    let mut terminal = Terminal::run(&["setup", "--practice"], 80, 24);
    answer_up_to(&mut terminal, "Which container image?");
    terminal.press("\u{3}");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_a_failure_when_the_answer_behind_it_is_edited_then_it_is_planned_anew_and_goes_through() {
    let mut terminal = Terminal::run(&["setup", "--practice=image-missing", "--answers", EXAMPLE], 100, 30);
    terminal.wait_for_screen("apply 36 changes");
    terminal.press("\r");
    terminal.wait_for_screen("edit an answer");
    terminal.press("e");
    wait_for(&mut terminal, "Which container image?");
    terminal.press(CLEAR);
    terminal.press("docker.io/path/to/another:sometag\r");
    terminal.wait_for_screen("go on to the plan");
    assert!(terminal.screen().contains("what you change here"), "{}", terminal.screen());
    assert!(terminal.screen().contains("were changed before"), "{}", terminal.screen());
    terminal.press("\r");
    terminal.wait_for_screen("⏎ apply ");
    terminal.press("\r");
    terminal.wait_for_screen("Done in ");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 0, "{}", terminal.screen());
    assert!(!terminal.home().join("gatewright.yaml").exists(), "no file is written unasked");
}

#[test]
fn given_an_issuer_that_is_not_ready_then_it_is_shown_with_its_reason_and_enter_does_not_take_it() {
    let mut terminal = Terminal::run(&["setup", "--practice=issuer-not-ready"], 80, 24);
    answer_up_to(&mut terminal, "Which issuer signs the certificate?");
    assert!(terminal.screen().contains("cannot be used: it is not ready"), "{}", terminal.screen());
    // The last of them, above the row for another one.
    terminal.press("Gk\r");
    terminal.wait_for_screen("Not taken");
    terminal.press("g");
    answer_all(&mut terminal);
    terminal.press("\r");
    terminal.wait_for_screen("apply 36 changes");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_a_wrong_answer_when_going_back_and_to_a_step_then_answers_stay_and_what_depends_is_asked_again() {
    let mut terminal = Terminal::run(&["setup", "--practice"], 80, 24);
    answer_up_to(&mut terminal, "Which host name do people type?");
    terminal.press("https://myapp");
    terminal.wait_for_screen("https://");
    terminal.wait_for_screen("✗");
    terminal.press("\r");
    terminal.wait_for_screen("Not taken");
    terminal.press(ESCAPE);
    wait_for(&mut terminal, "How many pods?");
    answer_all(&mut terminal);
    terminal.press("\t");
    terminal.wait_for_screen("go there");
    // From the look at all answers up to the application.
    terminal.press("kkkkkk\r");
    wait_for(&mut terminal, "What is the application called?");
    terminal.press(CLEAR);
    terminal.press("yourapp\r");
    wait_for(&mut terminal, "Is it in the cluster already?");
    answer_all(&mut terminal);
    terminal.wait_for_screen("yourapp");
    terminal.press("\r");
    terminal.wait_for_screen("apply 36 changes");
    terminal.press(ESCAPE);
    terminal.wait_for_screen("go on to the plan");
    terminal.press("\u{3}");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_an_installation_then_setup_begins_with_its_recorded_answers() {
    let mut first = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--yes"], 80, 24);
    assert_eq!(first.end(), 0, "{}", first.everything());
    let mut again = first.run_again(&["setup", "--practice"]);
    answer_up_to(&mut again, "go on to the plan");
    again.press("\r");
    again.wait_for_screen("see that it works");
    again.press("\r");
    again.wait_for_screen("everything is as it should be");
    again.press("q");
    assert_eq!(again.end_given_back(), 0, "{}", again.screen());
}

#[test]
fn given_a_field_when_much_is_pasted_and_the_window_shrinks_to_a_cell_then_it_goes_on_and_falls_silent() {
    let mut terminal = Terminal::run(&["setup", "--practice"], 80, 24);
    answer_up_to(&mut terminal, "What is the application called?");
    let much = "\u{1f600}\u{7} my\nApp \u{65e5}\u{672c}".repeat(1_000);
    terminal.press(&format!("\u{1b}[200~{much}\u{1b}[201~"));
    terminal.wait_for_screen("No answer has more than 1000 characters");
    terminal.resize(1, 1);
    terminal.resize(40, 10);
    terminal.wait_for_screen("A little small");
    terminal.resize(140, 40);
    terminal.wait_for_screen("No answer has more than 1000 characters");
    terminal.press(CLEAR);
    terminal.press("myapp");
    terminal.wait_until(|screen| screen.contains("│myapp ") && !screen.contains("No answer has"));
    terminal.wait_until_silent();
    terminal.press("\r");
    wait_for(&mut terminal, "Is it in the cluster already?");
    terminal.press("\u{3}");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_the_plan_cannot_be_made_for_an_answer_then_that_answer_is_named_and_e_leads_to_it() {
    let mut terminal = Terminal::run(&["setup", "--practice", "--answers", EXISTING], 100, 30);
    terminal.wait_for_screen("setup cannot go on");
    terminal.wait_for_screen("application.service.name");
    terminal.press("e");
    wait_for(&mut terminal, "Which Service is in front of it?");
    terminal.press("\u{3}");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_questions_when_they_are_suspended_by_key_or_signal_then_the_terminal_is_given_back_and_what_was_typed_is_still_there()
 {
    let script = format!("set -m; {BINARY} setup --practice; echo SUSPENDED; read -r line; fg; echo CODE $?");
    for by_key in [true, false] {
        let mut terminal = Terminal::of_program("/bin/bash", &["-c", &script]);
        answer_up_to(&mut terminal, "What is the application called?");
        terminal.press("wiki");
        terminal.wait_for_screen("│wiki ");
        if by_key {
            terminal.press("\u{1a}");
        } else {
            terminal.signal_to_the_foreground(Signal::TSTP);
        }
        terminal.wait_for_screen("SUSPENDED");
        assert_eq!(terminal.not_given_back(), [""; 0], "{}", terminal.screen());
        terminal.press("\n");
        terminal.wait_for_screen("│wiki ");
        terminal.press("-two\r");
        wait_for(&mut terminal, "Is it in the cluster already?");
        terminal.press("\u{3}");
        terminal.wait_for_screen("CODE 130");
        assert_eq!(terminal.end_given_back(), 0, "{}", terminal.screen());
    }
}

#[test]
fn given_a_plan_that_takes_its_time_when_esc_is_pressed_then_the_questions_are_there_with_every_answer_and_a_plan_comes_later()
 {
    let mut terminal = Terminal::run(&["setup", "--practice=throttled-graph"], 80, 24);
    answer_up_to(&mut terminal, "go on to the plan");
    terminal.press("\r");
    terminal.wait_for_screen("back to the questions");
    terminal.press(ESCAPE);
    wait_for(&mut terminal, "go on to the plan");
    terminal.press("\r");
    terminal.wait_for_screen("⏎ apply ");
    terminal.press(ESCAPE);
    wait_for(&mut terminal, "go on to the plan");
    terminal.press("\u{3}");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}
