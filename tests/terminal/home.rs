//! `gatewright` alone: what is installed, and from there into setup.

use crate::{EXAMPLE, asking::answer_up_to, terminal::Terminal};

#[test]
fn given_an_installation_when_enter_is_pressed_at_home_then_its_setup_begins_with_the_recorded_answers() {
    let mut setup = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--yes"], 80, 24);
    assert_eq!(setup.end(), 0, "{}", setup.everything());
    // A file about something else that lies about is not what was chosen.
    std::fs::write(setup.home().join("gatewright.yaml"), "version: 1\n").unwrap();
    let mut home = setup.run_again(&["--practice"]);
    home.wait_for_screen("1 installation");
    for expected in ["PRACTICE", "ok", "myapp.cluster.example.com", "Everything is as it should be.", "1 ok."] {
        assert!(home.screen().contains(expected), "{expected}: {}", home.screen());
    }
    home.press("d");
    home.wait_for_screen("back to the list");
    home.press("q");
    home.wait_for_screen("set up myapp");
    home.press("r");
    home.wait_for_screen("1 installation");
    home.press("\r");
    home.wait_for_screen("setup myapp");
    home.press("\u{3}");
    assert_eq!(home.end_given_back(), 130, "{}", home.screen());
    assert!(home.screen().contains("Nothing has been changed."), "{}", home.screen());
}

#[test]
fn given_no_cluster_then_home_opens_all_the_same_and_leads_to_the_practice_ground_and_to_setup() {
    let mut home = Terminal::run(&[], 80, 24);
    home.wait_for_screen("What is installed cannot be told");
    assert!(home.screen().contains("kubeconfig"), "{}", home.screen());
    home.press("p");
    home.wait_for_screen("Nothing is installed in gatewright-practice yet.");
    assert!(home.screen().contains("PRACTICE"), "{}", home.screen());
    home.press("n");
    home.wait_for_screen("Connect");
    home.press("\u{3}");
    assert_eq!(home.end_given_back(), 130, "{}", home.screen());
}

#[test]
fn given_home_when_it_is_left_then_the_terminal_is_given_back_and_nothing_is_sent_meanwhile() {
    for key in ["q", "\u{1b}", "\u{3}"] {
        let mut home = Terminal::run(&["--practice"], 140, 40);
        home.wait_for_screen("Nothing is installed");
        home.wait_until_silent();
        home.press(key);
        assert_eq!(home.end_given_back(), 0, "{}", home.screen());
    }
}

#[test]
fn given_a_dumb_terminal_then_the_same_is_told_in_lines() {
    let mut setup = Terminal::run(&["setup", "--practice", "--answers", EXAMPLE, "--yes"], 80, 24);
    assert_eq!(setup.end(), 0, "{}", setup.everything());
    for arguments in [&["--practice", "--ui", "plain"], &["--practice"]] as [&[&str]; 2] {
        let dumb = arguments.len() == 1;
        let mut home = setup.run_again_prepared(arguments, |command| {
            if dumb {
                command.env("TERM", "dumb");
            }
        });
        assert_eq!(home.end(), 0, "{}", home.everything());
        let told = home.everything();
        for expected in
            ["1 installation on the practice ground: 1 ok.", "HEALTH", "gatewright setup --practice NAMESPACE"]
        {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert!(!home.raw().contains("\u{1b}[?1049h"), "{}", home.raw());
    }
}

#[test]
fn given_no_terminal_and_no_command_then_the_help_is_shown_and_64() {
    let home = tempfile::tempdir().unwrap();
    let ran = std::process::Command::new(crate::terminal::BINARY)
        .env_clear()
        .env("HOME", home.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(64));
    assert!(ran.stdout.is_empty());
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(told.contains("Usage: gatewright") && told.contains("Without a command, on a terminal"), "{told}");
}

#[test]
fn given_home_when_an_application_is_set_up_from_it_then_one_key_leads_back_to_what_is_installed_now() {
    let mut home = Terminal::run(&["--practice"], 80, 24);
    home.wait_for_screen("Nothing is installed");
    home.press("n");
    answer_up_to(&mut home, "go on to the plan");
    home.press("\r");
    home.wait_for_screen("⏎ apply ");
    home.press("\r");
    home.wait_for_screen("What next");
    home.wait_for_screen("home");
    home.press("q");
    home.wait_for_screen("1 installation");
    home.wait_for_screen("myapp.cluster.example.com");
    // And once more from there, left before anything is done.
    home.wait_for_screen("set up myapp");
    home.press("\r");
    answer_up_to(&mut home, "go on to the plan");
    home.press("\r");
    home.wait_for_screen("see that it works");
    home.press("q");
    home.wait_for_screen("1 installation");
    home.press("q");
    assert_eq!(home.end_given_back(), 0, "{}", home.screen());
    assert!(home.screen().contains("Try it: https://myapp.cluster.example.com/"), "{}", home.screen());
    assert_eq!(home.raw().matches("\u{1b}[?1049h").count(), 1, "the screen was kept all the while");
}
