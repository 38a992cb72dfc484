//! What the questions change of the state, and how keys come to them.

use super::{Asking, Phase, State, Status, asking::Said};
use crate::{
    blueprint::PartId,
    tui::{
        happening::{Conversation, Wish},
        keymap::Command,
    },
    wizard::{Need, News, Session},
};
use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler as _;

/// The command that is about answers; what others need is recorded.
const ASKING: &str = "setup";

impl State {
    /// Everything that the questions need to know and was not asked for yet.
    pub fn wanted(&mut self) -> Vec<(Session, Need)> {
        // What is wanted while something else is on the screen is wanted when the questions come back.
        self.asking.as_mut().filter(|_| self.phase == Phase::Asking).map(Asking::wanted).unwrap_or_default()
    }

    /// The questions, where they are what is on the screen.
    pub fn asked(&self) -> Option<&Asking> {
        self.asking.as_ref().filter(|_| self.phase == Phase::Asking)
    }

    /// Whether the plan is one for answers that were given here, and can be given anew.
    pub fn may_revise(&self) -> bool {
        self.asking.is_some()
    }

    /// Whether something stands in the way that another answer could mend.
    pub fn may_edit(&self) -> bool {
        match self.phase {
            _ if self.opening.doing != ASKING => false,
            Phase::Review => !self.review.may_be_applied(),
            Phase::Over => self.may_run_again(),
            _ => false,
        }
    }

    /// The part that could not be made, or could not be planned.
    pub(super) fn part_in_the_way(&self) -> Option<PartId> {
        if self.phase == Phase::Review {
            let chosen = self.review.item().filter(|item| item.summary.problem.is_some());
            let first = || self.review.items.iter().find(|item| item.summary.problem.is_some());
            return chosen.or_else(first).map(|item| item.summary.part.clone());
        }
        let failed = self.progress.rows.iter().find(|row| matches!(row.status, Status::Failed(_)));
        failed.map(|row| row.part.clone())
    }

    /// There are questions.
    pub(super) fn begin_to_ask(&mut self, conversation: Conversation) {
        let asking = self.asking.get_or_insert_with(|| Asking::new(conversation.wizard));
        asking.note = conversation.note;
        asking.come_back(conversation.about);
        self.changed_before += std::mem::take(&mut self.progress).changed();
        self.phase = Phase::Asking;
        self.ending = None;
        self.stopping = false;
    }

    pub(super) fn learned(&mut self, session: &Session, news: News) {
        if let Some(asking) = &mut self.asking {
            asking.learned(session, news);
        }
    }

    pub(super) fn pasted_as_an_answer(&mut self, text: &str) {
        if let Some(asking) = &mut self.asking {
            asking.pasted(text);
        }
    }

    /// A key goes into the open question's field.
    pub(super) fn write(&mut self, key: KeyEvent) {
        let Some(asking) = &mut self.asking else { return };
        let Some(text) = asking.text_mut() else { return };
        let adds = matches!(key.code, KeyCode::Char(_)) && key.modifiers.is_empty();
        text.cut = adds && text.is_full();
        if !text.cut
            && let Some(changed) = text.input.handle_event(&TerminalEvent::Key(key))
        {
            text.touched |= changed.value;
            asking.typed();
        }
    }

    /// A key that means something to the questions.
    pub(super) fn answer(&mut self, command: Command) -> Option<Wish> {
        let page = self.page();
        let asking = self.asking.as_mut()?;
        if command == Command::Save {
            return asking.whole().map(|answers| Wish::SaveAnswers(Box::new(answers.clone())));
        }
        match asking.command(command, page) {
            Said::Nothing => None,
            Said::Leave => Some(self.leave()),
            Said::Refused(why) => {
                self.notice = Some(why.to_owned());
                None
            }
            Said::Plan(answers) => {
                self.opening.about = answers.application.name.to_string();
                self.opening.folder = format!("./{}-objects", answers.application.name);
                let session = asking.wizard().session();
                asking.planned = true;
                self.look_again();
                Some(Wish::Plan(session, answers))
            }
        }
    }

    /// From the plan, or while it is made, back to the answers that it is for.
    pub(super) fn revise(&mut self) -> Option<Wish> {
        self.asking.as_mut()?.come_back(None);
        self.phase = Phase::Asking;
        Some(Wish::Revise)
    }

    /// How many lines a page of a long text has.
    pub fn page(&self) -> usize {
        usize::from(self.size.1).saturating_sub(10).max(1)
    }

    /// Whether keys go to the questions, and not to what lies over them.
    pub(super) fn is_answering(&self) -> bool {
        self.phase == Phase::Asking && self.prompt.is_none() && !self.help && !self.log.is_open()
    }
}
