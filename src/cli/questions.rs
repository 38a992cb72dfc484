//! `setup` without an answers file, on a terminal: the questions, and the file they make.

use super::{
    Exit,
    answers::DEFAULT_FILE,
    connection::Connection,
    discovery::Discovery,
    screen::{failed, say},
};
use crate::{
    answers::{Answers, file},
    prompts::{self, NoAnswer, Terminal},
    wizard::{Need, Wizard},
};
use std::{io::Write as _, path::Path};

/// Asks for the answers: all of them, or on top of those that are `recorded`. Nothing is changed meanwhile.
pub(super) async fn answers(
    connection: &Connection,
    app: Option<&str>,
    recorded: Option<Answers>,
) -> Result<Answers, Exit> {
    let wizard = recorded.as_ref().map_or_else(|| Wizard::new(app), Wizard::about);
    let discovery = Discovery::of(connection);
    let runtime = tokio::runtime::Handle::current();
    // A line is waited for on a thread of its own, so that whoever waits for the answers hears Ctrl-C meanwhile.
    let asked = tokio::task::spawn_blocking(move || {
        let mut find_out = |need: &Need| runtime.block_on(discovery.find_out(need));
        let mut wizard = wizard;
        let answers = prompts::ask(&mut wizard, &mut Terminal, &mut find_out)?;
        if recorded.as_ref() != Some(&answers) {
            offer_to_save(&answers)?;
        }
        Ok::<_, NoAnswer>(answers)
    });
    match asked.await {
        Ok(Ok(answers)) => Ok(answers),
        Ok(Err(NoAnswer::Ended)) => Err(stopped("The input ended, and that is never an answer. ")),
        Ok(Err(gone)) => Err(stopped(&format!("The questions cannot go on: {gone}. "))),
        Err(error) => Err(failed(&format!("the questions ended unexpectedly: {error}; nothing has been changed"))),
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
            let made = std::fs::File::create_new(Path::new(DEFAULT_FILE));
            let told = match made.and_then(|mut file| file.write_all(file::render(answers).as_bytes())) {
                Ok(()) => format!("Saved as ./{DEFAULT_FILE}; it holds no secret and belongs in version control."),
                Err(error) => format!(
                    "./{DEFAULT_FILE} could not be written: {error}.\nIt goes on without; the cluster keeps a copy of the answers."
                ),
            };
            say(&told);
            Ok(())
        }
    }
}
