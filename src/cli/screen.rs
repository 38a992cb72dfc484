//! Where things are shown: progress on standard error, results on standard output.

use super::{Exit, Global, Ui};
use crate::{
    blueprint::PartId,
    engine::event::{Event, Events, Problem, Title},
    face::{Audience, Json, Plain, Style, problem_text},
};
use std::io::{IsTerminal as _, Write as _};

/// How this run shows things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    json: bool,
    yes: bool,
}

impl Screen {
    /// The screen that `global` asks for.
    pub(super) fn of(global: &Global) -> Self {
        Self { json: global.ui == Ui::Json, yes: global.yes }
    }

    /// Whether results are wanted as JSON.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// A stream of events that is shown here.
    pub(super) fn events(self, style: Style) -> Events {
        if self.json {
            Events::to(Audience::new(Json(std::io::stdout())))
        } else {
            Events::to(Audience::new(Plain::new(anstream::stderr(), style)))
        }
    }

    /// Tells of a problem, and how the command ends by it.
    pub(super) fn problem(self, events: &Events, doing: &str, problem: Problem) -> Exit {
        let exit = Exit::from(problem.kind);
        if self.json {
            let title = Title { kind: "Command".to_owned(), name: doing.to_owned() };
            events.tell(Event::Failed { part: PartId(doing.to_owned()), title, problem });
        } else {
            say(&format!("{doing} cannot go on.\n{}", problem_text(&problem)));
        }
        exit
    }

    /// Asks for a yes. End of input is never an answer: without a terminal, or without an answer, it is no.
    pub(super) fn confirm(self, question: &str) -> Confirmation {
        if self.yes {
            return Confirmation::Given;
        }
        if self.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Confirmation::NobodyToAsk;
        }
        let asked = dialoguer::Confirm::new().with_prompt(question).default(false).interact_opt();
        match asked {
            Ok(Some(true)) => Confirmation::Given,
            _ => Confirmation::Refused,
        }
    }

    /// Whether somebody is there to follow a device code.
    pub(super) fn is_interactive(self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// Yes.
    Given,
    /// No.
    Refused,
    /// Nobody was there.
    NobodyToAsk,
}

/// A line for a person, on standard error.
pub(super) fn say(text: &str) {
    let _the_terminal_is_gone = writeln!(anstream::stderr().lock(), "{}", text.trim_end());
}

/// A line of the result, on standard output. False when nobody takes it any more.
pub(super) fn result(text: &str) -> bool {
    writeln!(std::io::stdout().lock(), "{text}").is_ok()
}

/// Tells of wrong usage or unusable answers; nothing was tried.
pub(super) fn unusable(text: &str) -> Exit {
    say(text);
    Exit::Unusable
}

/// Tells of a failure.
pub(super) fn failed(text: &str) -> Exit {
    say(text);
    Exit::Failed
}
