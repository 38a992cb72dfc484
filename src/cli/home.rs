//! `gatewright` alone: what is installed here, how well it is, and what to do next.

use super::{
    Exit, Global, Ui,
    arguments::PRACTICE,
    connection::cluster_only,
    full_screen::{self, Left},
    full_screen_rotate, full_screen_teardown,
    interruption::{cancelled_by_signals, unless_interrupted},
    screen::{Screen, columns, result, say, unusable},
    status,
};
use crate::{
    engine::{
        event::Problem,
        installations::{self, Overview},
    },
    face::{home_text, problem_text},
    tui::{Decision, Dialogue, Opening, Performed, Stage},
};
use clap::CommandFactory as _;
use jiff::Timestamp;
use std::io::IsTerminal as _;

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
    let at_home = global.clone();
    let Performed { value, told, was_applying } =
        stage.perform(move |dialogue| at_home_until_left(at_home, screen, dialogue)).await;
    match value {
        // What was done before that stays in the scrollback all the same.
        Some(None) => {
            full_screen::leave_a_transcript(&told);
            Exit::Done
        }
        Some(Some(left)) => full_screen::end(Performed { value: Some(left), told, was_applying }),
        None if was_applying => full_screen::end(Performed { value: None, told, was_applying }),
        None => Exit::Done,
    }
}

/// What is installed, and whatever is begun from there, until the person leaves; how, where that was in the middle of something.
async fn at_home_until_left(mut global: Global, screen: Screen, mut dialogue: Dialogue) -> Option<Left> {
    loop {
        let cancel = dialogue.cancel();
        dialogue.look_around(global.practice.is_some());
        let found = cancel.run_until_cancelled(Box::pin(look(&global))).await?;
        dialogue.looked_around(found);
        match decided(&mut dialogue).await {
            Decided::LookAgain => {}
            Decided::Practise => global.practice = Some(PRACTICE.to_owned()),
            Decided::SetUp(app) => {
                let global = Global { recorded_only: app.is_some(), ..global.clone() };
                let left = Box::pin(full_screen::from_home(&global, screen, app.as_deref(), &mut dialogue)).await;
                if !dialogue.has_gone_home() {
                    return Some(left);
                }
            }
            Decided::TearDown(app) => {
                let global = Global { recorded_only: true, ..global.clone() };
                let left = Box::pin(full_screen_teardown::from_home(&global, screen, &app, &mut dialogue)).await;
                if !dialogue.has_gone_home() {
                    return Some(left);
                }
            }
            Decided::Rotate(app) => {
                let global = Global { recorded_only: true, ..global.clone() };
                let left = Box::pin(full_screen_rotate::from_home(&global, screen, &app, &mut dialogue)).await;
                if !dialogue.has_gone_home() {
                    return Some(left);
                }
            }
            Decided::Leave => return None,
        }
    }
}

/// What the person wants who has seen what is installed.
enum Decided {
    LookAgain,
    Practise,
    SetUp(Option<String>),
    TearDown(String),
    Rotate(String),
    Leave,
}

async fn decided(dialogue: &mut Dialogue) -> Decided {
    loop {
        match dialogue.decision().await {
            Decision::Again => return Decided::LookAgain,
            Decision::Practise => return Decided::Practise,
            Decision::SetUp(app) => return Decided::SetUp(app),
            Decision::TearDown(app) => return Decided::TearDown(app),
            Decision::Rotate(app) => return Decided::Rotate(app),
            Decision::Leave => return Decided::Leave,
            _ => {}
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
