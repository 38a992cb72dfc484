//! `practice`: serve the practice ground, forget what was made on it, list its fault stories.

use super::{
    Exit, Global, PracticeCommand,
    interruption::interrupted,
    screen::{failed, result, say, unusable},
};
use crate::practice::{self, GroundError, ServeOptions};
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// Does what is asked of the practice ground.
pub(super) async fn practice(
    global: &Global,
    command: Option<PracticeCommand>,
    directory: Option<PathBuf>,
    scenario: Option<String>,
) -> Exit {
    match command {
        None => serve(global, directory, scenario).await,
        Some(PracticeCommand::Reset) => match practice::reset() {
            Ok(folder) => {
                say(&format!("The practice ground starts afresh: {} is empty.", folder.display()));
                Exit::Done
            }
            Err(error) => failed(&error.to_string()),
        },
        Some(PracticeCommand::Scenarios) => {
            let lines: Vec<String> = practice::scenarios()
                .iter()
                .map(|scenario| format!("{:<28} {}", scenario.name, scenario.title))
                .collect();
            result(&lines.join("\n"))
        }
    }
}

async fn serve(global: &Global, directory: Option<PathBuf>, scenario: Option<String>) -> Exit {
    let cancel = CancellationToken::new();
    let cancelled = cancel.clone();
    tokio::spawn(async move {
        interrupted().await;
        cancelled.cancel();
    });
    let options = ServeOptions { directory, scenario: scenario.or_else(|| global.practice.clone()), state: None };
    let ready = |introduction: &str| {
        let _served_all_the_same = result(introduction);
    };
    match practice::serve(options, ready, cancel).await {
        Ok(()) => Exit::Done,
        Err(error @ GroundError::Scenario(_)) => unusable(&error.to_string()),
        Err(error) => failed(&error.to_string()),
    }
}
