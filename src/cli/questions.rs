//! `setup` without an answers file, on a terminal: the questions, and the file they make.

use super::{
    Exit, Global,
    answers::DEFAULT_FILE,
    connection::Connection,
    discovery::Discovery,
    screen::{Screen, failed, say},
};
use crate::{
    answers::{Answers, file},
    engine::event::Events,
    face::problem_text,
    prompts::{self, NoAnswer, Terminal},
    wizard::{Need, Session, Step, Wizard},
};
use std::{io::Write as _, path::Path};
use tokio::runtime::Handle;

/// Asks what to connect to and for the answers: all of them, or on top of those that are recorded there. Nothing is changed
/// meanwhile.
pub(super) async fn asked(
    global: &Global,
    screen: Screen,
    events: &Events,
    app: Option<&str>,
) -> Result<(Connection, Answers), Exit> {
    let discovery = Discovery::new(global, screen, events);
    if let Err(problem) = discovery.begin().await {
        return Err(screen.problem(events, "setup", problem));
    }
    if global.practice.is_some() {
        say("PRACTICE: nothing here is real. `gatewright practice reset` starts over.");
    }
    let mut wizard = Wizard::connecting(discovery.given(), app);
    let (runtime, looking) = (Handle::current(), discovery.clone());
    // A line is waited for on a thread of its own, so that whoever waits for the answers hears Ctrl-C meanwhile.
    let asked = tokio::task::spawn_blocking(move || until_connected(&mut wizard, &runtime, &looking));
    let stop = match asked.await {
        Ok(Ok(answered)) => return Ok(answered),
        Ok(Err(NoAnswer::Ended)) => stopped("The input ended, and that is never an answer. "),
        Ok(Err(gone)) => stopped(&format!("The questions cannot go on: {gone}. ")),
        Err(error) => failed(&format!("the questions ended unexpectedly: {error}; nothing has been changed")),
    };
    discovery.close().await;
    Err(stop)
}

/// Asks until there are answers and a connection for them: whoever cannot connect chooses something else, or tries again.
fn until_connected(
    wizard: &mut Wizard,
    runtime: &Handle,
    discovery: &Discovery,
) -> Result<(Connection, Answers), NoAnswer> {
    let mut find_out = |session: &Session, need: &Need| runtime.block_on(discovery.find_out(session, need));
    loop {
        let answers = prompts::ask(wizard, &mut Terminal, &mut find_out)?;
        match runtime.block_on(discovery.connection(&wizard.session())) {
            Ok(connection) => {
                if wizard.recorded() != Some(&answers) {
                    offer_to_save(&answers)?;
                }
                return Ok((connection, answers));
            }
            Err(problem) => {
                say(&format!("\nThere is no plan without a connection.\n{}", problem_text(&problem)));
                wizard.revisit(Step::Connect);
            }
        }
    }
}

fn stopped(why: &str) -> Exit {
    say(&format!(
        "\n{why}Nothing has been changed. Run `gatewright setup` again on a terminal to be asked again, or name a file with\n\
         --answers FILE; docs/answers.md explains every line of one."
    ));
    Exit::Interrupted
}

/// Offers to keep the answers as a file. A file that is there already is never overwritten.
fn offer_to_save(answers: &Answers) -> Result<(), NoAnswer> {
    let question = format!("Save these answers as ./{DEFAULT_FILE}, with a comment for every key?");
    match prompts::yes_or_no(&mut Terminal, &question, true)? {
        None => Err(NoAnswer::Ended),
        Some(false) => Ok(()),
        Some(true) => {
            let told = save(answers).unwrap_or_else(|cause| {
                format!("{cause}.\nIt goes on without; the cluster keeps a copy of the answers.")
            });
            say(&told);
            Ok(())
        }
    }
}

/// Keeps the answers as a file, and tells what came of it. A file that is there already is never overwritten.
fn save(answers: &Answers) -> Result<String, String> {
    match keep_as(DEFAULT_FILE, answers) {
        Ok(()) => Ok(format!("Saved as ./{DEFAULT_FILE}; it holds no secret and belongs in version control.")),
        Err(error) => Err(format!("./{DEFAULT_FILE} could not be written: {error}")),
    }
}

/// The same in a file beside those that are there already.
pub(super) fn save_beside(answers: &Answers) -> Result<String, String> {
    let beside = (2..100).map(|number| format!("gatewright-{number}.yaml"));
    for name in std::iter::once(DEFAULT_FILE.to_owned()).chain(beside) {
        match keep_as(&name, answers) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("./{name} could not be written: {error}")),
            Ok(()) => return Ok(format!("Saved as ./{name}; it holds no secret and belongs in version control.")),
        }
    }
    Err("there are a hundred files of answers here already: move some away".to_owned())
}

fn keep_as(name: &str, answers: &Answers) -> std::io::Result<()> {
    std::fs::File::create_new(Path::new(name))?.write_all(file::render(answers).as_bytes())
}
