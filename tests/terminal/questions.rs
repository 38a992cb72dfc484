//! `setup` without an answers file: the walk-through's example by keyboard alone.

use crate::{EXAMPLE, terminal::Terminal};

/// What a person writes for the walk-through's example, and which question it answers. Empty takes what is proposed.
pub(crate) const BY_KEYBOARD: &[(&str, &str)] = &[
    ("How do you sign in to Entra?", ""),
    ("Which tenant do the answers name?", ""),
    ("What is the application called?", "myapp"),
    ("Is it in the cluster already?", ""),
    ("Which namespace does it live in?", ""),
    ("Which container image?", "docker.io/path/to/myapp:sometag"),
    ("Which port does the container listen on?", ""),
    ("Which port does its Service offer?", ""),
    ("How many pods?", ""),
    ("Which host name do people type?", "myapp.cluster.example.com"),
    ("A new registration, or one that is there already?", ""),
    ("What do people see it called when they sign in?", ""),
    ("How long does its client secret live?", ""),
    ("Must people be assigned in the portal before they may sign in?", ""),
    ("Which scope does it expose?", ""),
    ("Who consents to sign-in for everybody?", ""),
    ("Which mail domains get in?", ""),
    ("Which claim holds the address?", ""),
    ("May applications get in too, with client_credentials?", ""),
    ("Where does the certificate come from?", ""),
    ("Which issuer signs the certificate?", ""),
    ("Which names are on it?", ""),
    ("Where are sessions kept?", ""),
    ("Leave sessions and the sign-in proxy like that?", ""),
    ("Where is sign-in enforced?", ""),
    ("Go on, or change a step", ""),
];

/// Waits for each question and answers it.
fn answer_all(terminal: &mut Terminal, from: usize) {
    for (question, answer) in &BY_KEYBOARD[from..] {
        answer_one(terminal, question, answer);
    }
}

pub(crate) fn answer_one(terminal: &mut Terminal, question: &str, answer: &str) {
    terminal.wait_for_news(question);
    terminal.wait_for_prompt();
    terminal.write_line(answer);
}

/// Answers everything up to the question that begins like `until`.
fn answer_up_to(terminal: &mut Terminal, until: &str) -> usize {
    let end = BY_KEYBOARD.iter().position(|(question, _)| question.starts_with(until)).unwrap();
    for (question, answer) in &BY_KEYBOARD[..end] {
        answer_one(terminal, question, answer);
    }
    terminal.wait_for_news(until);
    terminal.wait_for_prompt();
    end
}

#[test]
fn given_nothing_but_a_keyboard_when_the_example_is_set_up_then_it_goes_through() {
    for (columns, rows) in [(80, 24), (140, 40)] {
        let mut terminal = Terminal::run(&["setup", "--practice", "--ui", "plain"], columns, rows);
        answer_all(&mut terminal, 0);
        answer_one(&mut terminal, "Save these answers", "");
        terminal.wait_for_news("Apply");
        terminal.write_line("yes");
        assert_eq!(terminal.end(), 0, "{}", terminal.everything());
        let shown = terminal.everything();
        assert!(shown.contains("Try it: https://myapp.cluster.example.com/"), "{shown}");
        let saved = std::fs::read_to_string(terminal.home().join("gatewright.yaml")).unwrap();
        assert_eq!(saved, std::fs::read_to_string(EXAMPLE).unwrap(), "every proposal is the example's");
    }
}

/// The plan of a run with `--ui json`, as its bytes but for when it was made.
pub(crate) fn plan_of(output: &str) -> String {
    let line = output.lines().find(|line| line.contains("\"event\":\"planned\"")).unwrap();
    let (before, rest) = line.split_once("\"time\":\"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    assert!(after.contains("oauth2-proxy"), "{after}");
    format!("{before}{after}")
}

#[test]
fn given_help_wrong_input_and_the_way_back_then_each_does_what_it_says() {
    let mut terminal = Terminal::run(&["setup", "--practice", "--ui", "plain"], 80, 24);
    answer_one(&mut terminal, "How do you sign in to Entra?", "<");
    terminal.wait_for_news("This is the first question");
    terminal.wait_for_prompt();
    terminal.write_line("");
    answer_one(&mut terminal, "Which tenant do the answers name?", "");
    terminal.wait_for_news("What is the application called?");
    terminal.wait_for_prompt();
    terminal.write_line("?");
    terminal.wait_for_news("Everything that is made carries this name");
    terminal.wait_for_prompt();
    terminal.write_line("");
    terminal.wait_for_news("Nothing is proposed here; write an answer");
    terminal.wait_for_prompt();
    terminal.write_line("My App");
    terminal.wait_for_news("`My App` ");
    terminal.wait_for_prompt();
    terminal.write_line("\u{1f600}\u{16}\u{1b}[31m");
    terminal.wait_for_news("That holds a character that moves the cursor");
    terminal.wait_for_prompt();
    terminal.write_line("yourapp");
    answer_one(&mut terminal, "Is it in the cluster already?", "maybe");
    terminal.wait_for_news("That is none of the choices");
    terminal.wait_for_prompt();
    terminal.write_line("1");
    terminal.wait_for_news("Which namespace does it live in?");
    terminal.wait_for_news("Choice [1]:");
    terminal.wait_for_prompt();
    terminal.write_line("kube-system");
    terminal.wait_for_news("belongs to Kubernetes");
    terminal.wait_for_prompt();
    terminal.write_line("");
    answer_one(&mut terminal, "Which container image?", "<");
    answer_one(&mut terminal, "Which namespace does it live in?", "<");
    answer_one(&mut terminal, "Is it in the cluster already?", "<");
    terminal.wait_for_news("What is the application called?");
    terminal.wait_for_news("Answer [yourapp]:");
    terminal.wait_for_prompt();
    terminal.write_line("myapp");
    // The namespace went by the name, so it is asked again, and nothing between.
    terminal.wait_for_news("Which namespace does it live in?");
    assert_eq!(terminal.everything().matches("Is it in the cluster already?").count(), 2, "{}", terminal.everything());
    terminal.wait_for_prompt();
    terminal.write_line("");
    answer_all(&mut terminal, 5);
    answer_one(&mut terminal, "Save these answers", "no");
    terminal.wait_for_news("Apply");
    terminal.write_line("no");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    assert!(!terminal.home().join("gatewright.yaml").exists());
}

#[test]
fn given_ctrl_c_or_the_end_of_input_in_the_middle_then_130_nothing_is_changed_and_it_is_said_what_to_do() {
    for (key, said) in [
        ("\u{3}", "Interrupted. Nothing has been changed. The same command begins again."),
        ("\u{4}", "Nothing has been changed. Run `gatewright setup` again"),
    ] {
        let mut terminal = Terminal::run(&["setup", "--practice", "--ui", "plain"], 80, 24);
        let reached = answer_up_to(&mut terminal, "Which mail domains get in?");
        terminal.press(key);
        assert_eq!(terminal.end(), 130, "{}", terminal.everything());
        let shown = terminal.everything();
        assert!(shown.contains(said), "{shown}");
        assert!(!terminal.home().join("gatewright.yaml").exists());
        let (code, status) = terminal.run_to_its_end(&["status", "--practice"]);
        assert_eq!(code, 0, "{status}");
        assert!(status.contains("Nothing is installed"), "{status}");
        assert!(reached > 0);
    }
}

#[test]
fn given_an_issuer_that_is_not_ready_then_it_is_shown_with_its_reason_and_another_one_is_taken() {
    let mut terminal = Terminal::run(&["setup", "--practice=issuer-not-ready", "--ui", "plain"], 80, 24);
    let reached = answer_up_to(&mut terminal, "Which issuer signs the certificate?");
    let shown = terminal.everything();
    assert!(
        shown.contains("ClusterIssuer/letsencrypt-production: cannot be used: it is not ready: ErrRegisterACMEAccount"),
        "{shown}"
    );
    terminal.write_line("letsencrypt-production");
    terminal.wait_for_news("cannot be used: it is not ready");
    terminal.wait_for_prompt();
    terminal.write_line("letsencrypt-staging");
    answer_all(&mut terminal, reached + 1);
    answer_one(&mut terminal, "Save these answers", "no");
    terminal.wait_for_news("Apply");
    terminal.write_line("yes");
    assert_eq!(terminal.end(), 0, "{}", terminal.everything());
}

#[test]
fn given_an_installation_when_setup_is_run_again_then_it_begins_with_the_recorded_answers_and_asks_for_one_step_alone()
{
    let mut first = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--yes"], 80, 24);
    assert_eq!(first.end(), 0, "{}", first.everything());
    let mut unchanged = first.run_again(&["setup", "--practice", "--ui", "plain"]);
    answer_one(&mut unchanged, "How do you sign in to Entra?", "");
    answer_one(&mut unchanged, "These are the answers:", "");
    assert_eq!(unchanged.end(), 0, "{}", unchanged.everything());
    assert!(unchanged.everything().contains("Nothing changed"), "{}", unchanged.everything());

    let again = ["setup", "--practice", "--sign-in", "service-principal", "--ui", "plain"];
    let mut changed = first.run_again(&again);
    answer_one(&mut changed, "These are the answers:", "3");
    answer_one(&mut changed, "A new registration, or one that is there already?", "");
    answer_one(&mut changed, "What do people see it called when they sign in?", "Our app");
    answer_one(&mut changed, "How long does its client secret live?", "");
    answer_one(&mut changed, "Must people be assigned in the portal", "");
    answer_one(&mut changed, "These are the answers:", "");
    answer_one(&mut changed, "Save these answers", "no");
    changed.wait_for_news("Apply");
    changed.write_line("yes");
    assert_eq!(changed.end(), 0, "{}", changed.everything());
    assert!(changed.everything().contains("displayName: Our app"), "{}", changed.everything());
}

#[test]
fn given_a_dumb_terminal_then_nothing_but_text_is_sent() {
    let mut terminal = Terminal::prepared(&["setup", "--practice"], 80, 24, |command| command.env("TERM", "dumb"));
    answer_all(&mut terminal, 0);
    answer_one(&mut terminal, "Save these answers", "no");
    terminal.wait_for_news("Apply");
    terminal.write_line("no");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    let odd: Vec<char> = terminal.raw().chars().filter(|c| c.is_control() && !matches!(c, '\r' | '\n')).collect();
    assert!(odd.is_empty(), "{odd:?}");
    assert!(terminal.raw().is_ascii(), "{}", terminal.raw());
}
