//! However the answers are given, they are the same answers and make the same plan.

use crate::{
    EXAMPLE,
    asking::{CLEAR, answer_up_to},
    questions::{BY_KEYBOARD, answer_one, plan_of},
    terminal::Terminal,
};

const DISPLAY_NAME: &str = "What do people see it called when they sign in?";
/// Another answer than the one that is proposed.
const ANOTHER: &str = "Our application";
const FILE: &str = "gatewright.yaml";

/// The answers kept in the home of `terminal`, and the plan that they make there.
fn kept(terminal: &Terminal) -> (String, String) {
    let answers = std::fs::read_to_string(terminal.home().join(FILE)).unwrap();
    let (code, plan) = terminal.run_to_its_end(&["plan", "--practice", "--ui", "json"]);
    assert_eq!(code, 2, "{plan}");
    std::fs::remove_file(terminal.home().join(FILE)).unwrap();
    (answers, plan_of(&plan))
}

#[test]
fn given_the_same_answers_on_the_full_screen_in_lines_and_in_a_file_then_file_and_plan_are_equal_byte_for_byte() {
    // One home is one practice ground: what is seen there is the same for all three.
    let mut screen = Terminal::run(&["setup", "--practice"], 80, 24);
    answer_up_to(&mut screen, DISPLAY_NAME);
    screen.press(CLEAR);
    screen.press(ANOTHER);
    screen.press("\r");
    answer_up_to(&mut screen, "go on to the plan");
    screen.press("s");
    screen.wait_for_screen("Saved as ./gatewright.yaml");
    screen.press("\u{3}");
    assert_eq!(screen.end_given_back(), 130, "{}", screen.screen());
    let on_the_screen = kept(&screen);

    let mut lines = screen.run_again(&["setup", "--practice", "--ui", "plain"]);
    for (question, answer) in BY_KEYBOARD {
        answer_one(&mut lines, question, if *question == DISPLAY_NAME { ANOTHER } else { answer });
    }
    answer_one(&mut lines, "Save these answers", "yes");
    lines.wait_for_news("Apply");
    lines.write_line("no");
    assert_eq!(lines.end(), 130, "{}", lines.everything());
    let in_lines = kept(&lines);

    let file =
        std::fs::read_to_string(EXAMPLE).unwrap().replace("displayName: myapp", &format!("displayName: {ANOTHER}"));
    assert!(file.contains(ANOTHER), "{file}");
    std::fs::write(screen.home().join(FILE), file).unwrap();
    let in_a_file = kept(&screen);

    assert_eq!(on_the_screen, in_lines);
    assert_eq!(in_lines, in_a_file);
    assert!(in_a_file.1.contains(ANOTHER), "it is about these answers: {}", in_a_file.1);
}
