//! What a run connects to, asked in a terminal: a device code that somebody types into a browser, two clusters of which one is
//! away, an Azure CLI that nobody is signed in to.

use crate::terminal::Terminal;
use gatewright::practice::{Ground, GroundOptions, Timings, scenario::Scenario};
use std::path::{Path, PathBuf};

/// Waits for a question and answers it.
fn answer(terminal: &mut Terminal, question: &str, line: &str) {
    terminal.wait_for_news(question);
    terminal.wait_for_prompt();
    terminal.write_line(line);
}

/// What comes after `before`, up to a blank.
fn word_after(text: &str, before: &str) -> String {
    let at = text.rfind(before).unwrap() + before.len();
    text[at..].split_whitespace().next().unwrap().trim_end_matches(['.', ',']).to_owned()
}

fn file_called(name: &str, folder: &Path) -> Option<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|found| found == name) {
                return Some(path);
            }
        }
    }
    None
}

/// Opens the page that the terminal shows and does there what a person would; tells what the page says then.
fn at_the_page(terminal: &mut Terminal, person: &str, action: &str) -> String {
    terminal.wait_for_news("and enter the code ");
    terminal.wait_for_news("good until");
    let shown = terminal.everything();
    let (page, code) = (word_after(&shown, "To sign in, open "), word_after(&shown, "and enter the code "));
    in_a_browser(terminal.home(), &page, &code, person, action)
}

fn in_a_browser(home: &Path, page: &str, code: &str, person: &str, action: &str) -> String {
    let authority = std::fs::read(file_called("ca.pem", home).unwrap()).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    let form = [("user_code", code), ("user", person), ("action", action)];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let browser = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap();
        let form_page = browser.get(page).send().await.unwrap().text().await.unwrap();
        assert!(form_page.contains("user_code"), "{form_page}");
        browser.post(page).form(&form).send().await.unwrap().text().await.unwrap()
    })
}

#[test]
fn given_a_device_code_when_it_is_typed_into_the_page_that_is_shown_then_setup_goes_on_as_that_person() {
    let mut terminal = Terminal::run(&["setup", "--practice", "--ui", "plain"], 80, 24);
    answer(&mut terminal, "How do you sign in to Entra?", "device-code");
    let said = at_the_page(&mut terminal, "ada@example.com", "approve");
    assert!(said.contains("You have signed in"), "{said}");
    terminal.wait_for_news("Signed in to example.com as ada@example.com (device code).");
    terminal.wait_for_news("Which tenant do the answers name?");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
}

#[test]
fn given_ctrl_c_while_a_device_code_waits_then_it_ends_at_once_and_nothing_is_changed() {
    let run = ["setup", "--practice", "--sign-in", "device-code", "--ui", "plain"];
    let mut terminal = Terminal::run(&run, 80, 24);
    terminal.wait_for_news("and enter the code ");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    assert!(terminal.everything().contains("Nothing has been changed."), "{}", terminal.everything());
}

#[test]
fn given_a_device_code_that_is_declined_then_the_reason_is_told_and_another_way_can_be_chosen() {
    let mut terminal = Terminal::run(&["setup", "--practice", "--ui", "plain"], 80, 24);
    answer(&mut terminal, "How do you sign in to Entra?", "2");
    at_the_page(&mut terminal, "ada@example.com", "decline");
    terminal.wait_for_news("the device code sign-in was declined");
    answer(&mut terminal, "Choice [1]", "<");
    answer(&mut terminal, "How do you sign in to Entra?", "service-principal");
    terminal.wait_for_news("Signed in to example.com as ");
    terminal.wait_for_news("2. example.com: the one you are signed in to");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
}

#[test]
fn given_a_device_code_on_the_full_screen_then_it_is_shown_until_it_is_declined_and_another_way_can_be_chosen() {
    let mut terminal = Terminal::run(&["setup", "--practice"], 100, 30);
    terminal.wait_for_screen("How do you sign in to Entra?");
    terminal.wait_for_screen("device-code");
    terminal.wait_for_screen("⏎ continue");
    terminal.press("\u{1b}[B\r");
    terminal.wait_for_screen("Good until");
    let shown = terminal.screen();
    let (page, code) = (word_after(&shown, "  Open    "), word_after(&shown, "  Enter   "));
    in_a_browser(terminal.home(), &page, &code, "ada@example.com", "decline");
    terminal.wait_for_screen("was declined");
    assert!(!terminal.screen().contains("Good until"), "{}", terminal.screen());
    terminal.press("\u{1b}");
    terminal.wait_for_screen("How do you sign in to Entra?");
    terminal.wait_for_screen("⏎ continue");
    terminal.press("\u{1b}[A\r");
    terminal.wait_for_screen("the one you are signed in to");
    terminal.press("\u{3}");
    assert_eq!(terminal.end_given_back(), 130, "{}", terminal.screen());
}

/// A kubeconfig with the ground's context and, as the current one, another whose cluster is away.
fn with_a_cluster_that_is_away(ground: &Ground) -> String {
    let text = std::fs::read_to_string(ground.kubeconfig()).unwrap();
    let mut file: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let mut add = |list: &str, entry: serde_json::Value| file[list].as_array_mut().unwrap().push(entry);
    add("clusters", serde_json::json!({"name": "away", "cluster": {"server": "http://127.0.0.1:9"}}));
    add("contexts", serde_json::json!({"name": "aks-away", "context": {"cluster": "away", "user": "nobody"}}));
    add("users", serde_json::json!({"name": "nobody", "user": {}}));
    file["current-context"] = "aks-away".into();
    file.to_string()
}

/// An `az` that is installed and that nobody is signed in to, as the real one answers then.
fn az_without_anybody(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let program = folder.join("az");
    let text = "#!/bin/sh\ncase \"$*\" in\n  'cloud show'*) echo '{\"name\": \"AzureCloud\", \"endpoints\": {\"activeDirectory\": \
                \"https://login.microsoftonline.com\"}}' ;;\n  'account list'*) echo '[]' ;;\n  *) exit 1 ;;\nesac\n";
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder.to_owned()
}

/// Two clusters of which one is away, and a folder for what points at them.
struct TwoClusters {
    runtime: tokio::runtime::Runtime,
    ground: Ground,
    folder: tempfile::TempDir,
}

impl TwoClusters {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let healthy = Scenario::named("healthy").unwrap();
        let options = GroundOptions { timings: Timings::Instant, ..GroundOptions::new(healthy) };
        let ground = runtime.block_on(Ground::start(options)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kubeconfig"), with_a_cluster_that_is_away(&ground)).unwrap();
        Self { runtime, ground, folder }
    }

    /// Setup in plain lines, as if this were no practice ground.
    fn set_up(&self) -> Terminal {
        let programs = az_without_anybody(self.folder.path());
        let cloud = self.ground.cloud_file().display().to_string();
        Terminal::prepared(&["setup", "--ui", "plain", "--cloud", &cloud], 80, 24, |command| {
            for (name, value) in self.ground.environment() {
                if name.starts_with("AZURE_") {
                    command.env(name, value);
                }
            }
            command.env("KUBECONFIG", self.folder.path().join("kubeconfig"));
            command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        })
    }

    fn stop(self) {
        self.runtime.block_on(self.ground.stop()).unwrap();
    }
}

#[test]
fn given_two_contexts_of_which_one_is_away_then_its_reason_is_told_the_tenant_is_known_and_the_other_one_can_be_chosen()
{
    let clusters = TwoClusters::start();
    let mut terminal = clusters.set_up();
    terminal.wait_for_news("1. aks-away: http://127.0.0.1:9, the current one");
    terminal.wait_for_news("2. gatewright-practice: https://127.0.0.1:");
    terminal.wait_for_prompt();
    terminal.write_line("");
    terminal.wait_for_news("azure-cli: cannot be used: nobody is signed in; run `az login`");
    answer(&mut terminal, "Choice [1]:", "");
    answer(&mut terminal, "Which application is it about?", "");
    terminal.wait_for_news("Signed in to example.com as ");
    answer(&mut terminal, "Which tenant do the answers name?", "<");
    terminal.wait_for_news("Which application is it about?");
    terminal.wait_for_news("127.0.0.1:9");
    answer(&mut terminal, "Choice [1]:", "<");
    answer(&mut terminal, "How do you sign in to Entra?", "<");
    answer(&mut terminal, "Which kubeconfig context leads to the cluster?", "gatewright-practice");
    answer(&mut terminal, "Which tenant do the answers name?", "");
    terminal.wait_for_news("What is the application called?");
    assert_eq!(terminal.everything().matches("Signed in to").count(), 1, "{}", terminal.everything());
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    clusters.stop();
}

/// More lines than all questions take.
const QUESTIONS_AT_MOST: usize = 60;

/// Answers whatever is asked, by what the question says or with what is proposed, until `until` is said.
fn answer_until(terminal: &mut Terminal, until: &str, answers: &[(&str, &str)]) {
    terminal.wait_for_prompt();
    let mut asked = terminal.everything();
    for _ in 0..QUESTIONS_AT_MOST {
        if asked.contains(until) {
            return;
        }
        let answer = answers.iter().find(|(question, _)| asked.contains(question)).map_or("", |(_, answer)| answer);
        let before = terminal.everything().len() + answer.len();
        terminal.write_line(answer);
        let began = std::time::Instant::now();
        loop {
            let shown = terminal.everything();
            if shown.len() > before && (shown.ends_with(": ") || shown.ends_with("[y/N] ")) {
                shown[before..].clone_into(&mut asked);
                break;
            }
            assert!(began.elapsed() < crate::terminal::PATIENCE, "no prompt came:\n{shown}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    panic!("{until:?} never came:\n{}", terminal.everything());
}

#[test]
fn given_everything_was_answered_for_a_cluster_that_is_away_then_another_can_be_chosen_and_the_answers_stay() {
    let clusters = TwoClusters::start();
    let mut terminal = clusters.set_up();
    let answers = [
        ("Which ingress gateway carries the traffic?", "-"),
        ("What is the application called?", "myapp"),
        ("Which container image?", "docker.io/path/to/myapp:sometag"),
        ("Which host name do people type?", "myapp.cluster.example.com"),
        ("Which issuer signs the certificate?", "ClusterIssuer/letsencrypt-production"),
    ];
    answer_until(&mut terminal, "There is no plan without a connection.", &answers);
    assert!(terminal.everything().contains("choose another one"), "{}", terminal.everything());
    let elsewhere = [("Which kubeconfig context leads to the cluster?", "gatewright-practice")];
    answer_until(&mut terminal, "Save these answers", &elsewhere);
    terminal.write_line("no");
    terminal.wait_for("Apply ");
    let shown = terminal.everything();
    assert_eq!(shown.matches("Which container image?").count(), 1, "it is the same in any cluster:\n{shown}");
    terminal.write_line("n");
    assert_eq!(terminal.end(), 130, "{}", terminal.everything());
    clusters.stop();
}
