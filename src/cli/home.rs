//! `gatewright` alone: what is installed here, how well it is, and what to do next.

use super::{
    Exit, Global, Ui,
    connection::cluster_only,
    interruption::{cancelled_by_signals, unless_interrupted},
    screen::{Screen, columns, result, say, unusable},
    setup, status,
};
use crate::{
    engine::{
        event::Problem,
        installations::{self, Overview},
    },
    face::{home_text, problem_text},
    tui::{Decision, Dialogue, Opening, Stage},
};
use clap::CommandFactory as _;
use jiff::Timestamp;
use std::io::IsTerminal as _;

/// The practice ground where everything is well.
const PRACTICE: &str = "healthy";

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    FullScreen,
    Lines,
    Events,
    /// Nobody is there to look at it, and nobody asked for it.
    Help,
}

fn shown(global: &Global) -> Shown {
    let somebody = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let screen = std::env::var("TERM").is_ok_and(|term| term != "dumb" && !term.is_empty());
    match global.ui {
        Ui::Tui => Shown::FullScreen,
        Ui::Json => Shown::Events,
        Ui::Auto if !somebody => Shown::Help,
        // What goes into a pipe or a file is to be read there.
        Ui::Auto if screen && std::io::stdout().is_terminal() => Shown::FullScreen,
        Ui::Auto | Ui::Plain => Shown::Lines,
    }
}

/// Shows what is installed, and goes on to what the person wants set up.
pub(super) async fn home(global: &Global, screen: Screen) -> Exit {
    match shown(global) {
        Shown::FullScreen => full_screen(global, screen).await,
        Shown::Lines => lines(global).await,
        Shown::Events => status::status(global, screen).await,
        Shown::Help => {
            say(&super::Arguments::command().max_term_width(100).render_help().ansi().to_string());
            Exit::Unusable
        }
    }
}

/// What comes after the screen.
enum Next {
    /// Nothing.
    Nothing,
    /// This is set up: the application that is named, or a new one.
    SetUp { app: Option<String>, practice: Option<String> },
}

async fn full_screen(global: &Global, screen: Screen) -> Exit {
    if !std::io::stdin().is_terminal() {
        return unusable("the full screen needs a terminal to read keys from; use --ui plain or --ui json");
    }
    let opening =
        Opening { doing: "what is installed".to_owned(), practice: global.practice.is_some(), ..Opening::default() };
    let stage = match Stage::open_home(opening) {
        Ok(stage) => stage,
        Err(error) => {
            return unusable(&format!("the full screen needs a terminal ({error}); use --ui plain or --ui json"));
        }
    };
    let looked_at = global.clone();
    let performed = stage.perform(move |dialogue| look_around(looked_at, dialogue)).await;
    match performed.value {
        Some(Next::SetUp { app, practice }) => {
            let global = Global { practice, recorded_only: app.is_some(), ..global.clone() };
            setup::setup(&global, screen, app.as_deref()).await
        }
        Some(Next::Nothing) | None => Exit::Done,
    }
}

async fn look_around(mut global: Global, mut dialogue: Dialogue) -> Next {
    let cancel = dialogue.cancel();
    loop {
        dialogue.look_around(global.practice.is_some());
        let Some(found) = cancel.run_until_cancelled(look(&global)).await else { return Next::Nothing };
        dialogue.looked_around(found);
        loop {
            match dialogue.decision().await {
                Decision::Again => break,
                Decision::Practise => {
                    global.practice = Some(PRACTICE.to_owned());
                    break;
                }
                Decision::SetUp(app) => return Next::SetUp { app, practice: global.practice },
                Decision::Leave => return Next::Nothing,
                _ => {}
            }
        }
    }
}

/// One look. Nothing is kept open meanwhile: whoever looks for an hour holds up nobody else's practice ground.
async fn look(global: &Global) -> Result<Overview, Problem> {
    let (cluster, place) = cluster_only(global).await?;
    let found = installations::overview(&cluster, Timestamp::now()).await;
    place.close().await;
    found
}

async fn lines(global: &Global) -> Exit {
    let looking = async { Ok(look(global).await) };
    match unless_interrupted(&cancelled_by_signals(), looking).await {
        Err(exit) => exit,
        Ok(Ok(overview)) => result(&home_text(&overview, global.practice.is_some(), columns())),
        // It opens all the same: what to do then is what somebody needs to know who has nothing yet.
        Ok(Err(problem)) => {
            let kind = problem.kind;
            say(&format!("What is installed cannot be told.\n{}", problem_text(&problem)));
            say(&invitations(global));
            Exit::from(kind)
        }
    }
}

fn invitations(global: &Global) -> String {
    crate::face::invitations(global.practice.is_some())
}
