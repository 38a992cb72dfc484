//! What a key would act on. A key that was pressed for one thing must never answer another: where what is at hand changes by
//! itself, because a fact or a plan arrives, keys that answer are taken again once a person can have seen the change.

use super::{Asking, Focus, Home, Phase, State};
use crate::{
    engine::installations::Installation,
    tui::{happening::Happening, keymap::Command},
};
use std::time::Duration;

/// As long as it takes to see that something has changed, and to hold back a finger.
const TO_SEE: Duration = Duration::from_millis(400);

const CHANGED: &str = "Not taken: what is asked here has changed by itself. Read it, and press again.";
const LOOKING: &str = "Not taken: the choices are still being looked for. Wait for them.";
const LOOKING_OR_WRITE: &str = "Not taken: the choices are still being looked for. Wait for them, or write one.";

/// What a key would act on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AtHand {
    phase: Phase,
    /// The open question, what keys are for, and what Enter would answer.
    asked: Option<(Option<&'static str>, Focus, Option<String>)>,
    /// The installation that is chosen.
    chosen: Option<String>,
    /// Whether it is asked what to rotate, and whether it is asked about its last state.
    rotating: (bool, bool),
}

impl Happening {
    /// Whether the person did it.
    fn is_a_deed(&self) -> bool {
        matches!(self, Self::Pressed(_) | Self::Clicked(..) | Self::Wheeled(..) | Self::Pasted(_))
    }
}

impl State {
    fn at_hand(&self) -> AtHand {
        let of_question = |asking: &Asking| match asking.focus {
            Focus::Question | Focus::Explanation(_) => {
                let answer = asking.untyped().map(str::to_owned);
                (asking.question().map(|question| question.id), asking.focus, answer)
            }
            focus @ (Focus::Leaving | Focus::Steps(_)) => (None, focus, None),
        };
        let home = self.home.as_ref().filter(|_| self.phase == Phase::Home);
        AtHand {
            phase: self.phase,
            asked: self.asked().map(of_question),
            chosen: home.and_then(Home::installation).map(Installation::full_name),
            rotating: (self.review.is_offer(), self.deciding.is_some()),
        }
    }

    /// Lets `happening` change the state, and notes whether what is at hand has changed by itself.
    pub(super) fn noting_changes<T>(&mut self, happening: Happening, take_in: fn(&mut Self, Happening) -> T) -> T {
        let (before, is_a_deed) = (self.at_hand(), happening.is_a_deed());
        let taken = take_in(self, happening);
        if before != self.at_hand() {
            // Elsewhere no key answers anything.
            let is_answerable =
                matches!(self.phase, Phase::Home | Phase::Asking | Phase::Review) || self.deciding.is_some();
            self.changed_by_itself = Some(self.now).filter(|_| !is_a_deed && is_answerable);
        }
        taken
    }

    /// Whether what is at hand has changed by itself, so that nobody can have seen it yet.
    pub fn is_settling(&self) -> bool {
        self.changed_by_itself.is_some_and(|at| self.now.saturating_sub(at) < TO_SEE)
    }

    /// Why what `command` does would answer something that the person has not seen yet; nothing, where it would not.
    pub fn withheld(&self, command: Command) -> Option<&'static str> {
        let answers = matches!(
            command,
            Command::Accept
                | Command::Apply
                | Command::Change
                | Command::New
                | Command::Practise
                | Command::TakeAway
                | Command::Rotate
                | Command::RemoveFormer
                | Command::PutBack
        );
        // What moves the cursor says which answer the next key gives.
        let chooses = matches!(self.phase, Phase::Asking | Phase::Home) && command.moved(0, 1, 1).is_some();
        let is_covered = self.prompt.is_some() || self.help || self.log.is_open();
        if !(answers || chooses) || is_covered {
            return None;
        }
        if self.is_settling() {
            return Some(CHANGED);
        }
        let asking = self.asked().filter(|asking| command == Command::Accept && asking.waits_for_choices())?;
        Some(if asking.may_write() { LOOKING_OR_WRITE } else { LOOKING })
    }

    /// Whether what the person does would go where they have not meant it to; says so then.
    pub(super) fn drops_answer(&mut self) -> bool {
        let drops = self.is_answering() && self.is_settling();
        if drops {
            self.drop_key(CHANGED);
        }
        drops
    }

    /// A key is not taken. Whoever types goes on for a while: what comes without a pause belongs to it.
    pub(super) fn drop_key(&mut self, why: &str) {
        self.notice = Some(why.to_owned());
        if self.is_settling() {
            self.changed_by_itself = Some(self.now);
        }
    }
}
