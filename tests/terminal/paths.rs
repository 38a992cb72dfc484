//! The walk-through's example by keyboard alone, once for each way that it can go, on a small window and on a large one.

use crate::{
    asking::{CLEAR, answer_up_to, wait_for},
    terminal::Terminal,
};

const SIZES: [(u16, u16); 2] = [(80, 24), (140, 40)];
const CTRL_C: &str = "\u{3}";
const DOWN: &str = "\u{1b}[B";

fn setup(scenario: &str, (columns, rows): (u16, u16)) -> Terminal {
    Terminal::run(&["setup", &format!("--practice={scenario}")], columns, rows)
}

/// Answers what is left to be answered, and goes on to the plan.
fn go_on_to_the_plan(terminal: &mut Terminal) {
    answer_up_to(terminal, "go on to the plan");
    terminal.press("\r");
}

fn apply(terminal: &mut Terminal) {
    terminal.wait_for_screen("⏎ apply ");
    terminal.press("\r");
}

/// Leaves the end of the work, and expects `code`.
fn leave(terminal: &mut Terminal, code: u32) {
    terminal.wait_for_screen("leave");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), code, "{}", terminal.screen());
}

/// The same command again ends with `code`: 0 is "nothing to do".
fn expect_again(terminal: &Terminal, scenario: &str, code: u32) {
    let (ended, told) = terminal.run_to_its_end(&["setup", "myapp", "--yes", &format!("--practice={scenario}")]);
    assert_eq!(ended, code, "{told}");
}

#[test]
fn given_an_issuer_that_is_not_ready_when_asked_for_one_then_its_reason_stands_there_and_another_one_signs() {
    for size in SIZES {
        let mut terminal = setup("issuer-not-ready", size);
        answer_up_to(&mut terminal, "Which issuer signs the certificate?");
        wait_for(&mut terminal, "ClusterIssuer/letsencrypt-production");
        terminal.wait_until(|screen| screen.contains("cannot be used: it is not ready"));
        terminal.wait_until(|screen| screen.contains("▸ ClusterIssuer/letsencrypt-staging"));
        go_on_to_the_plan(&mut terminal);
        apply(&mut terminal);
        terminal.wait_for_screen("Done in ");
        leave(&mut terminal, 0);
        expect_again(&terminal, "issuer-not-ready", 0);
    }
}

#[test]
fn given_consent_is_refused_when_set_up_then_all_else_is_there_and_the_link_is_handed_over() {
    for size in SIZES {
        let mut terminal = setup("consent-refused", size);
        answer_up_to(&mut terminal, "Who consents to sign-in for everybody?");
        terminal.wait_for_screen("you may not");
        terminal.wait_for_screen("Administrator");
        go_on_to_the_plan(&mut terminal);
        apply(&mut terminal);
        terminal.wait_for_screen("handed over.");
        leave(&mut terminal, 3);
        let told = terminal.everything();
        assert!(told.contains("adminconsent?client_id="), "{told}");
        expect_again(&terminal, "consent-refused", 3);
    }
}

#[test]
fn given_a_field_of_another_owner_when_the_plan_is_made_then_the_owner_is_named_and_nothing_can_be_applied() {
    for size in SIZES {
        let mut terminal = setup("foreign-owner", size);
        go_on_to_the_plan(&mut terminal);
        terminal.wait_for_screen("helm");
        assert!(!terminal.screen().contains("⏎ apply"), "{}", terminal.screen());
        terminal.press(CTRL_C);
        assert_eq!(terminal.end_given_back(), 1, "{}", terminal.screen());
        assert!(terminal.screen().contains("Nothing has been changed"), "{}", terminal.screen());
    }
}

#[test]
fn given_an_image_that_cannot_be_pulled_when_its_answer_is_edited_and_retried_then_it_goes_through() {
    for size in SIZES {
        let mut terminal = setup("image-missing", size);
        go_on_to_the_plan(&mut terminal);
        apply(&mut terminal);
        terminal.wait_for_screen("ImagePullBackOff");
        terminal.wait_for_screen("edit an answer");
        terminal.press("e");
        wait_for(&mut terminal, "Which container image?");
        terminal.press(CLEAR);
        terminal.press("docker.io/path/to/myapp-fixed:v2\r");
        terminal.wait_for_screen("go on to the plan");
        terminal.press("\r");
        apply(&mut terminal);
        terminal.wait_for_screen("Done in ");
        leave(&mut terminal, 0);
        expect_again(&terminal, "image-missing", 0);
    }
}

#[test]
fn given_ctrl_c_in_the_middle_when_run_again_then_it_goes_on_and_finishes() {
    for size in SIZES {
        let mut terminal = setup("healthy", size);
        go_on_to_the_plan(&mut terminal);
        apply(&mut terminal);
        terminal.wait_for_screen("changed so far");
        terminal.press(CTRL_C);
        terminal.wait_for_screen("Interrupted");
        leave(&mut terminal, 130);

        // From the answers that the first run has recorded.
        let mut again = terminal.run_again(&["setup", "--practice"]);
        go_on_to_the_plan(&mut again);
        apply(&mut again);
        again.wait_for_screen("Done in ");
        leave(&mut again, 0);
        expect_again(&again, "healthy", 0);
    }
}

#[test]
fn given_an_application_that_is_registered_when_it_is_adopted_then_its_owner_is_named_and_it_is_kept() {
    for size in SIZES {
        let mut terminal = setup("application-to-adopt", size);
        answer_up_to(&mut terminal, "A new registration, or one that is there already?");
        terminal.press(DOWN);
        terminal.press("\r");
        wait_for(&mut terminal, "Which one?");
        terminal.press("7f6bd2a4-5a0c-4f0e-9d53-2c1f8a1b6e90\r");
        go_on_to_the_plan(&mut terminal);
        apply(&mut terminal);
        terminal.wait_for_screen("Done in ");
        leave(&mut terminal, 0);
        expect_again(&terminal, "application-to-adopt", 0);
    }
}
