//! The full screen from outside: a whole setup by keyboard, and every way out gives the terminal back.

#[cfg(target_os = "linux")]
use crate::window::Window;
use crate::{
    EXAMPLE,
    terminal::{BINARY, Terminal},
};
use gatewright::tui::{Opening, Stage};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const SETUP: &[&str] = &["setup", "--practice", "--answers", EXAMPLE];
const CTRL_C: &str = "\u{3}";
const CTRL_Z: &str = "\u{1a}";
const ESCAPE: &str = "\u{1b}";

fn at_review(columns: u16, rows: u16) -> Terminal {
    let mut terminal = Terminal::run(SETUP, columns, rows);
    terminal.wait_for_screen("apply 36 changes");
    terminal
}

/// Runs it again without a screen, and expects that everything, or nothing, was there already.
fn expect_changes_left(terminal: &Terminal, changes: Option<usize>) {
    let mut plan = terminal.run_again(&["plan", "--practice", "--answers", EXAMPLE]);
    match changes {
        None => assert_eq!(plan.end(), 0, "{}", plan.everything()),
        Some(changes) => {
            assert_eq!(plan.end(), 2, "{}", plan.everything());
            assert!(plan.everything().contains(&format!("{changes} changes are pending")), "{}", plan.everything());
        }
    }
}

#[test]
fn given_a_terminal_when_setup_is_reviewed_and_applied_then_it_goes_through_and_leaves_its_transcript() {
    for (columns, rows) in [(80, 24), (140, 40)] {
        let mut terminal = at_review(columns, rows);
        assert!(terminal.screen().contains("PRACTICE"), "{}", terminal.screen());
        assert!(terminal.screen().contains("Nothing has been changed yet."), "{}", terminal.screen());
        terminal.press("/virtualservice\r");
        terminal.wait_for_screen("kind: VirtualService");
        terminal.press("w");
        terminal.wait_for_screen("proven live.");
        terminal.press("?");
        terminal.wait_for_screen("Keys that work here");
        // Not Escape: with what follows at once it would be another key.
        terminal.press("q");
        terminal.press("\r");
        terminal.wait_for_screen("Done in ");
        terminal.wait_for_screen("What next");
        terminal.press("l");
        terminal.wait_for_screen("Log, ");
        terminal.press("q");
        terminal.wait_for_screen("What next");
        terminal.press("q");
        assert_eq!(terminal.end_given_back(), 0, "{}", terminal.screen());
        let shown = terminal.screen();
        assert!(shown.contains("Try it: https://myapp.cluster.example.com/"), "{shown}");
        assert!(shown.contains("gatewright plan --practice"), "{shown}");
        assert!(!terminal.everything().contains("panicked"), "{}", terminal.everything());
        expect_changes_left(&terminal, None);
    }
}

#[test]
fn given_the_review_when_it_is_left_then_nothing_was_changed() {
    for key in ["q", ESCAPE, CTRL_C] {
        let mut terminal = at_review(80, 24);
        terminal.press(key);
        assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
        assert!(terminal.screen().contains("Nothing has been changed."), "{}", terminal.screen());
        expect_changes_left(&terminal, Some(36));
    }
}

#[test]
fn given_the_review_when_objects_are_saved_then_they_are_in_the_folder_without_secrets() {
    let mut terminal = at_review(100, 30);
    terminal.press("s");
    terminal.wait_for_screen("Save as files in the folder: ./myapp-objects");
    terminal.press("\r");
    terminal.wait_for_screen("files are in ./myapp-objects");
    assert!(terminal.home().join("myapp-objects/010-namespace-myapp.yaml").is_file());
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_the_window_changes_its_size_all_the_time_then_it_goes_through_all_the_same() {
    let mut terminal = at_review(80, 24);
    terminal.resize(1, 1);
    terminal.resize(60, 10);
    terminal.wait_for_screen("A little small");
    terminal.resize(140, 40);
    terminal.wait_for_screen("apply 36 changes");
    terminal.press("\r");
    // A key and a size have no order between them: the small window would be asked to apply.
    terminal.wait_for_screen("changed so far");
    for (columns, rows) in [(100, 30), (3, 3), (80, 24), (1, 1), (200, 60), (80, 24)] {
        terminal.resize(columns, rows);
        if columns >= 80 {
            terminal.wait_for_screen("Appl");
        }
    }
    terminal.wait_for_screen("Done in ");
    terminal.press("\r");
    assert_eq!(terminal.end_given_back(), 0, "{}", terminal.screen());
}

#[test]
fn given_ctrl_c_while_it_is_applied_then_it_says_that_a_re_run_goes_on_and_the_re_run_does() {
    let mut terminal = at_review(80, 24);
    terminal.press("\r");
    terminal.wait_for_screen("changed so far");
    terminal.press(CTRL_C);
    terminal.wait_for_screen("Interrupted");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
    assert!(terminal.screen().contains("goes on from here"), "{}", terminal.screen());
    let mut again = terminal.run_again(&["setup", "--practice", "--answers", EXAMPLE, "--yes"]);
    assert_eq!(again.end(), 0, "{}", again.everything());
}

#[test]
fn given_p_while_it_is_applied_then_it_pauses_between_two_steps_until_p_and_goes_through() {
    let mut terminal = at_review(80, 24);
    terminal.press("\r");
    terminal.wait_for_screen("changed so far");
    terminal.press("p");
    terminal.wait_for_screen("Paused ");
    assert!(terminal.screen().contains("p goes on"), "{}", terminal.screen());
    terminal.wait_until_silent();
    assert!(terminal.screen().contains("Paused "), "{}", terminal.screen());
    terminal.press("p");
    terminal.wait_for_screen("Done in ");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 0, "{}", terminal.screen());
    expect_changes_left(&terminal, None);
}

#[test]
fn given_a_pause_when_ctrl_c_is_pressed_then_it_stops_and_a_re_run_goes_on() {
    let mut terminal = at_review(80, 24);
    terminal.press("\r");
    terminal.wait_for_screen("pause after this");
    terminal.press("p");
    terminal.wait_for_screen("Paused ");
    terminal.press(CTRL_C);
    terminal.wait_for_screen("Interrupted");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
    let mut again = terminal.run_again(&["setup", "--practice", "--answers", EXAMPLE, "--yes"]);
    assert_eq!(again.end(), 0, "{}", again.everything());
}

#[test]
fn given_ctrl_c_while_entra_is_waited_for_then_it_stops_at_once() {
    let mut terminal = Terminal::run(&["setup", "--practice=slow-replication", "--answers", EXAMPLE], 80, 24);
    terminal.wait_for_screen("apply 36 changes");
    terminal.press("\r");
    terminal.wait_for_screen("does not know it everywhere yet");
    let pressed = Instant::now();
    terminal.press(CTRL_C);
    terminal.wait_for_screen("Interrupted");
    // The scenario's own waits are of eight seconds and more.
    assert!(pressed.elapsed() < Duration::from_secs(2), "it took {:?}", pressed.elapsed());
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_sigterm_at_the_review_or_while_it_is_applied_then_the_terminal_is_given_back() {
    let mut terminal = at_review(80, 24);
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
    let mut terminal = at_review(80, 24);
    terminal.press("\r");
    terminal.wait_for_screen("changed so far");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_sighup_then_the_terminal_is_given_back() {
    let mut terminal = at_review(80, 24);
    terminal.signal(Signal::HUP);
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[cfg(target_os = "linux")]
#[test]
fn given_the_terminal_is_closed_then_the_process_ends() {
    for apply in [false, true] {
        let mut window = Window::with(SETUP);
        window.wait_for_screen("apply 36 changes");
        if apply {
            window.press("\r");
            window.wait_for_screen("changed so far");
        }
        assert_eq!(window.close(), Some(130), "applying: {apply}");
    }
}

#[test]
fn given_a_shell_when_it_is_suspended_and_resumed_then_the_terminal_is_given_back_and_taken_again() {
    let script = format!("set -m; {BINARY} {}; echo SUSPENDED; read -r line; fg; echo CODE $?", SETUP.join(" "));
    let mut terminal = Terminal::of_program("/bin/bash", &["-c", &script]);
    terminal.wait_for_screen("apply 36 changes");
    terminal.press(CTRL_Z);
    terminal.wait_for_screen("SUSPENDED");
    assert_eq!(terminal.not_given_back(), [""; 0], "{}", terminal.screen());
    terminal.press("\n");
    terminal.wait_for_screen("apply 36 changes");
    terminal.press("d");
    terminal.press("q");
    terminal.wait_for_screen("CODE 130");
    assert_eq!(terminal.end_given_back(), 0, "{}", terminal.screen());
}

#[test]
fn given_no_shell_when_ctrl_z_is_pressed_then_it_says_so_and_goes_on() {
    let mut terminal = at_review(80, 24);
    terminal.press(CTRL_Z);
    terminal.wait_for_screen("There is no shell to go back to.");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_an_error_then_it_is_shown_and_the_terminal_is_given_back() {
    let mut terminal = Terminal::run(&["setup", "--practice=cluster-unreachable", "--answers", EXAMPLE], 80, 24);
    terminal.wait_for_screen("setup cannot go on");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 1, "{}", terminal.screen());
    assert!(terminal.screen().contains("setup cannot go on."), "{}", terminal.screen());
}

#[test]
fn given_a_failure_in_the_middle_then_it_is_under_its_row_and_another_try_can_be_had() {
    let mut terminal = Terminal::run(&["setup", "--practice=store-will-not-start", "--answers", EXAMPLE], 100, 30);
    terminal.wait_for_screen("apply 36 changes");
    terminal.press("\r");
    terminal.wait_for_screen("came back");
    terminal.wait_for_screen("look again, and go on");
    terminal.press("r");
    terminal.wait_for_screen("36 objects");
    terminal.wait_for_screen("were changed before; nothing more yet.");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
    assert!(terminal.screen().contains("Nothing more has been changed"), "{}", terminal.screen());
}

#[test]
fn given_nothing_happens_then_no_byte_is_sent() {
    let terminal = at_review(80, 24);
    terminal.wait_until_silent();
    terminal.signal(Signal::KILL);
}

#[test]
fn given_ui_plain_or_a_dumb_terminal_then_there_is_no_full_screen() {
    let mut terminal = Terminal::prepared(SETUP, 80, 24, |command| command.env("TERM", "dumb"));
    terminal.wait_for("Apply 36 changes?");
    assert!(!terminal.raw().contains("\u{1b}[?1049h"), "{}", terminal.raw());
    terminal.press("n\r");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
}

#[test]
fn given_work_that_panics_then_the_terminal_is_given_back_before_the_panic_is_told() {
    let this = std::env::current_exe().unwrap();
    let name = "full_screen::panics_on_the_full_screen";
    let mut terminal =
        Terminal::of_program(&this.display().to_string(), &["--ignored", "--exact", name, "--nocapture"]);
    terminal.wait_for("the work panicked on purpose");
    assert_eq!(terminal.end_given_back(), 101, "{}", terminal.screen());
    assert!(terminal.screen().contains("the work panicked on purpose"), "{}", terminal.screen());
}

/// Run by the test above, in a terminal of its own.
#[test]
#[ignore = "it panics; another test runs it"]
fn panics_on_the_full_screen() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stage = Stage::open(Opening::default()).unwrap();
        stage.perform(|_| async { panic!("the work panicked on purpose") }).await;
    });
}
