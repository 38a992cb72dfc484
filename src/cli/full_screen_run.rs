//! What every run on the full screen has in common: how the screen is opened, and how the run is left.

use super::{
    Exit, Global,
    arguments::PRACTICE,
    full_screen::{Left, end, nothing_changed},
    screen::unusable,
};
use crate::{
    engine::event::Problem,
    face::problem_text,
    tui::{Decision, Dialogue, Ending, Opening, Stage},
};
use std::io::IsTerminal as _;

/// Opens the screen, works on it, and leaves in the scrollback what came of that.
pub(super) async fn on_stage<W: Future<Output = Left>>(
    opening: Opening,
    work: impl FnOnce(Dialogue) -> W + Send + 'static,
) -> Exit {
    if !std::io::stdin().is_terminal() {
        return unusable("the full screen needs a terminal to read keys from; use --ui plain or --ui json");
    }
    match Stage::open(opening) {
        Ok(stage) => end(stage.perform(work).await),
        Err(error) => unusable(&format!("the full screen needs a terminal ({error}); use --ui plain or --ui json")),
    }
}

/// What is known before anything is looked at, of an installation that is there.
pub(super) fn opening(doing: &str, global: &Global, app: Option<&str>) -> Opening {
    Opening {
        doing: doing.to_owned(),
        about: app.map(str::to_owned).unwrap_or_default(),
        practice: global.practice.is_some(),
        confirmed: global.yes,
        folder: String::new(),
    }
}

/// The flag that a command needs to be about the same world.
pub(super) fn practice_flag(global: &Global) -> String {
    match global.practice.as_deref() {
        None => String::new(),
        Some(PRACTICE) => " --practice".to_owned(),
        Some(scenario) => format!(" --practice={scenario}"),
    }
}

/// Shows why there is no plan. Another try may mend it: then `None`.
pub(super) async fn stuck(doing: &str, global: &Global, dialogue: &mut Dialogue, problem: Problem) -> Option<Left> {
    let text = format!("{doing} cannot go on.\n{}", problem_text(&problem));
    let left = Left { exit: Exit::from(problem.kind), text };
    dialogue.end(Ending { problem: Some(problem), next: Vec::new(), may_run_again: !global.yes });
    what_next(global, dialogue, left).await
}

/// What the person wants after an end; `None` for the same once more.
pub(super) async fn what_next(global: &Global, dialogue: &mut Dialogue, left: Left) -> Option<Left> {
    if global.yes {
        return Some(left);
    }
    loop {
        match dialogue.decision().await {
            Decision::Leave | Decision::Home => return Some(left),
            Decision::Again => return None,
            _ => {}
        }
    }
}

/// Nothing more was changed, where something was before.
pub(super) fn honest(applied: bool, left: Left) -> Left {
    if applied && left.exit == Exit::Interrupted && left.text == nothing_changed().text {
        let text = "Nothing more has been changed; the same command goes on from here.".to_owned();
        return Left { text, ..left };
    }
    left
}
