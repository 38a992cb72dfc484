//! Where things are shown: progress on standard error, results on standard output.

use super::{Exit, Global, Ui};
use crate::{
    blueprint::PartId,
    engine::event::{Event, Events, Problem, ProblemKind, Title},
    face::{Audience, Json, Plain, Style, problem_text},
};
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use tokio_util::sync::CancellationToken;

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
            Events::to(Audience::new(Plain::new(anstream::stderr(), style, columns)))
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

    /// Tells why there are no answers to work with. Nothing was tried.
    pub(super) fn refusal(self, events: &Events, doing: &str, text: &str, kind: ProblemKind) -> Exit {
        if !self.json {
            say(text);
            return Exit::from(kind);
        }
        self.problem(events, doing, refused(text, kind))
    }

    /// Asks for a yes. End of input is never an answer: without a terminal, or without an answer, it is no.
    ///
    /// The line is read as the terminal sends it: no raw mode and no hidden cursor, so that a signal has nothing to give back.
    pub(super) async fn confirm(self, question: &str, cancel: &CancellationToken) -> Confirmation {
        if self.yes {
            return Confirmation::Given;
        }
        if self.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Confirmation::NobodyToAsk;
        }
        match asked(&format!("{question} [y/N]"), cancel).await {
            Some(line) if matches!(line.to_lowercase().as_str(), "y" | "yes") => Confirmation::Given,
            _ => Confirmation::Refused,
        }
    }

    /// Asks for `word` to be typed, as [`Self::confirm`] asks for a yes.
    pub(super) async fn confirm_by_typing(
        self,
        word: &str,
        question: &str,
        cancel: &CancellationToken,
    ) -> Confirmation {
        if self.yes {
            return Confirmation::Given;
        }
        if !self.may_ask() {
            return Confirmation::NobodyToAsk;
        }
        match asked(question, cancel).await {
            Some(line) if line == word => Confirmation::Given,
            _ => Confirmation::Refused,
        }
    }

    /// Whether somebody is there to be asked for answers.
    pub(super) fn may_ask(self) -> bool {
        !self.yes && !self.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Whether somebody is there to follow a device code.
    pub(super) fn is_interactive(self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }
}

/// A refusal as a problem: its last line is what to do.
pub(super) fn refused(text: &str, kind: ProblemKind) -> Problem {
    let (cause, remedy) = text.trim_end().rsplit_once('\n').unwrap_or((text, "see to that, and run again"));
    Problem { tried: "read the answers".to_owned(), cause: cause.to_owned(), remedy: remedy.to_owned(), kind }
}

/// What somebody types after `question`; `None` at the end of input, or when somebody stops it.
pub(super) async fn asked(question: &str, cancel: &CancellationToken) -> Option<String> {
    let _the_terminal_is_gone = write!(anstream::stderr().lock(), "{question} ");
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let line = match cancel.run_until_cancelled(read).await {
        Some(Ok(Ok(line))) => line,
        _ => String::new(),
    };
    if !line.ends_with('\n') {
        say("");
        return None;
    }
    Some(line.trim().to_owned())
}

/// How many columns standard error has; `None` when it is no terminal.
pub(super) fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
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

/// The result, on standard output. A reader who has seen enough is fine; a result that could not be delivered is a failure.
pub(super) fn result(text: &str) -> Exit {
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => failed(&format!("the result cannot be written to standard output: {error}")),
    }
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
