//! The mouse, the clipboard and the terminal's own colours, from outside.

use crate::{EXAMPLE, terminal::Terminal};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use vt100::Color;

const SETUP: &[&str] = &["setup", "--practice", "--answers", EXAMPLE];
const QUESTION: &str = "\u{1b}]11;?\u{1b}\\";

fn at_review(prepare: impl Fn(&mut portable_pty::CommandBuilder)) -> Terminal {
    let mut terminal = Terminal::prepared(SETUP, 80, 24, prepare);
    terminal.wait_for_screen("apply 36 changes");
    terminal
}

#[test]
fn given_a_click_then_the_row_under_it_is_chosen_and_the_wheel_goes_on_from_there() {
    let mut terminal = at_review(|_| {});
    let row = terminal.screen().lines().position(|line| line.contains("Client secret")).unwrap();
    terminal.press(&format!("\u{1b}[<0;10;{0}M\u{1b}[<0;10;{0}m", row + 1));
    terminal.wait_for_screen("▸+ Client secret");
    terminal.press(&format!("\u{1b}[<64;10;{}M", row + 1));
    terminal.wait_for_screen("▸+ Role assignment");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_the_mouse_is_not_wanted_then_it_is_left_to_the_terminal() {
    let mut terminal = at_review(|command| command.env("GATEWRIGHT_MOUSE", "0"));
    assert!(!terminal.raw().contains("\u{1b}[?1000h"), "{}", terminal.raw());
    terminal.press("?");
    terminal.wait_for_screen("Keys that work here");
    assert!(!terminal.screen().contains("mouse"), "{}", terminal.screen());
    terminal.press("qq");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

#[test]
fn given_c_then_the_terminal_is_told_to_copy_what_is_shown_inside_tmux_too() {
    for tmux in [false, true] {
        let mut terminal = at_review(|command| {
            if tmux {
                command.env("TMUX", "/tmp/socket,1,0");
            }
        });
        terminal.press("/VirtualService\rc");
        terminal.wait_for_screen("To the clipboard: the YAML of VirtualService");
        let sent = terminal.raw();
        assert_eq!(sent.contains("\u{1b}Ptmux;"), tmux);
        let (_, after) = sent.rsplit_once("\u{1b}]52;c;").unwrap();
        let text = String::from_utf8(STANDARD.decode(after.split('\u{1b}').next().unwrap()).unwrap()).unwrap();
        assert!(text.contains("kind: VirtualService"), "{text}");
        terminal.press("q");
        assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
    }
}

#[test]
fn given_a_terminal_that_tells_its_background_then_the_colours_follow_and_no_key_is_left_over() {
    for (answer, expected) in [("ffff/ffff/dddd", Color::Idx(4)), ("1c1c/1c1c/1c1c", Color::Idx(6))] {
        let mut terminal = at_review(|_| {});
        assert!(terminal.raw().contains(QUESTION), "{}", terminal.raw());
        // A key behind it tells that it was taken in.
        terminal.press(&format!("\u{1b}]11;rgb:{answer}\u{1b}\\w"));
        terminal.wait_for_colour((0, 2), expected);
        assert!(terminal.screen().contains("apply 36 changes"), "{}", terminal.screen());
        assert!(terminal.screen().contains("Nothing has been changed yet."), "{}", terminal.screen());
        terminal.press("q");
        assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
    }
}

#[test]
fn given_colours_that_are_known_or_not_wanted_then_the_terminal_is_not_asked() {
    for (name, value) in [("NO_COLOR", "1"), ("GATEWRIGHT_THEME", "light"), ("COLORFGBG", "0;15"), ("TERM", "linux")] {
        let mut terminal = at_review(|command| command.env(name, value));
        assert!(!terminal.raw().contains("\u{1b}]11;"), "{name}");
        terminal.press("q");
        assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
    }
}

#[test]
fn given_a_slow_terminal_when_one_leaves_at_once_then_its_answer_does_not_reach_the_shell() {
    let script = format!(
        "{} {}; stty -icanon min 0 time 5; echo LEFT-OVER \"$(dd bs=1 count=20 2>/dev/null | od -An -c)\" END; read -r line",
        crate::terminal::BINARY,
        SETUP.join(" ")
    );
    let mut terminal = Terminal::of_program("/bin/bash", &["-c", &script]);
    terminal.wait_for_raw(QUESTION);
    terminal.press("q\u{1b}]11;rgb:0000/0000/0000\u{1b}\\");
    terminal.wait_for("END");
    assert!(terminal.everything().contains("LEFT-OVER  END"), "{}", terminal.everything());
    terminal.press("\n");
    assert_eq!(terminal.end(), 0);
}
