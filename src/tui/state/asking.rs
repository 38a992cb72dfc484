//! The questions, as the person goes through them. The wizard says what is asked and what is wrong; this holds what is typed
//! and chosen meanwhile, and what is being found out.

mod field;

pub use field::{Choosing, Chosen, Field, LONGEST_ANSWER, Text, label};

use crate::{
    answers::{Answers, names::Unusable},
    tui::keymap::Command,
    wizard::{self, Need, News, Question, Session, Step, StepState, Wizard},
};

/// What keys are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The open question, or the look at all answers.
    Question,
    /// The steps, and which of them is chosen, by its place in [`Step::ALL`].
    Steps(usize),
    /// The explanation that lies over the question, and its first line that is shown.
    Explanation(usize),
    /// Whether to leave: there is nothing before the first question.
    Leaving,
}

/// The conversation, and what is typed and chosen.
#[derive(Clone, Debug)]
pub struct Asking {
    wizard: Wizard,
    /// What stands in the open question.
    pub field: Field,
    /// What keys are for.
    pub focus: Focus,
    /// The first line of all answers that is shown.
    pub scroll: usize,
    /// What has to be said about the answers as a whole.
    pub note: Option<String>,
    /// Whether a plan for them has been wanted.
    pub planned: bool,
    in_flight: Vec<(Session, Need)>,
    wanted: Vec<(Session, Need)>,
}

/// What came of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing that the screen can't do itself.
    Nothing,
    /// Go on to the plan.
    Plan(Box<Answers>),
    /// Leave.
    Leave,
    /// The answer was not taken; this is what to tell the person.
    Refused(&'static str),
}

/// Nothing is offered, and nothing may be written.
const NOTHING_TO_CHOOSE: &str = "There is nothing to choose from yet: r looks again, Esc goes back.";

/// Under the field it says what is wrong.
const REFUSED: &str = "Not taken: it says above what would be right. Esc goes back all the same.";

impl Asking {
    pub(super) fn new(wizard: Wizard) -> Self {
        let field = Field::of(&wizard);
        let mut asking = Self {
            wizard,
            field,
            focus: Focus::Question,
            scroll: 0,
            note: None,
            planned: false,
            in_flight: Vec::new(),
            wanted: Vec::new(),
        };
        asking.look_ahead();
        asking
    }

    /// The conversation.
    pub fn wizard(&self) -> &Wizard {
        &self.wizard
    }

    /// The open question; `None` where all answers are looked at.
    pub fn question(&self) -> Option<&'static Question> {
        match self.wizard.asking() {
            wizard::Asking::Question(question) => Some(question),
            wizard::Asking::Review => None,
        }
    }

    /// Whether something that the open question waits for is being found out.
    pub fn is_looking(&self) -> bool {
        self.awaited().is_some()
    }

    fn awaited(&self) -> Option<Need> {
        self.wizard.needs().into_iter().find(|need| self.is_in_flight(need))
    }

    fn is_in_flight(&self, need: &Need) -> bool {
        let now = self.wizard.session();
        self.in_flight.iter().any(|(session, other)| other == need && now.is_same(session, need.side()))
    }

    /// Whether something has to be found out before Enter can answer: as long as nothing is typed or chosen, it would take what is
    /// proposed, and what is proposed comes with the choices.
    pub fn waits_for_choices(&self) -> bool {
        self.focus == Focus::Question
            && !self.field.is_touched()
            && self.wizard.proposes_after().is_some_and(|need| self.is_in_flight(&need))
    }

    /// What Enter would answer with, where nobody has typed it.
    pub(super) fn untyped(&self) -> Option<&str> {
        self.field.untyped()
    }

    /// Whether an answer may be written here.
    pub fn may_write(&self) -> bool {
        match &self.field {
            Field::Text(_) => true,
            Field::Choice(choosing) => choosing.may_write,
            Field::Answers(_) => false,
        }
    }

    /// What is being found out for the open question.
    pub fn looking_at(&self) -> Option<String> {
        self.awaited().map(|need| need.to_string())
    }

    /// Whether keys are text.
    pub fn is_writing(&self) -> bool {
        self.focus == Focus::Question && self.field.text().is_some()
    }

    /// Whether looking once more could offer more, and there is reason to.
    pub fn has_reason_to_look_again(&self) -> bool {
        let has_unusable = match &self.field {
            Field::Choice(choosing) => choosing.choices.iter().any(|choice| choice.unusable.is_some()),
            _ => false,
        };
        self.wizard.may_look_again() && (self.wizard.trouble().is_some() || has_unusable)
    }

    /// Everything that is to be found out and was not asked for yet.
    pub(super) fn wanted(&mut self) -> Vec<(Session, Need)> {
        std::mem::take(&mut self.wanted)
    }

    fn look_ahead(&mut self) {
        for need in self.wizard.foreseeable() {
            if !self.is_in_flight(&need) {
                let asked = (self.wizard.session(), need);
                self.in_flight.push(asked.clone());
                self.wanted.push(asked);
            }
        }
    }

    /// Takes a fact in. What is typed and chosen stays.
    pub(super) fn learned(&mut self, session: &Session, news: News) {
        let need = news.need();
        self.in_flight.retain(|(asked_in, other)| *other != need || asked_in != session);
        let before = self.question().map(|question| question.id);
        self.wizard.learn_in(session, news);
        if self.question().map(|question| question.id) == before {
            self.field.refresh(&self.wizard);
        } else {
            let focus = self.focus;
            self.open();
            // These are not about the question: news of it closes neither.
            if matches!(focus, Focus::Leaving | Focus::Steps(_)) {
                self.focus = focus;
            }
        }
        self.look_ahead();
    }

    /// The conversation has moved on, or back.
    fn open(&mut self) {
        self.field = Field::of(&self.wizard);
        self.focus = Focus::Question;
        self.scroll = 0;
        self.look_ahead();
    }

    /// Comes to the question about the answers file's key `path`, or to the look at all answers.
    pub(super) fn come_back(&mut self, path: Option<&str>) {
        if let Some(path) = path {
            let _else_all_answers_are_looked_at = self.wizard.ask_about(path);
        }
        self.open();
    }

    /// The text that keys and pasted text go into.
    pub(super) fn text_mut(&mut self) -> Option<&mut Text> {
        if self.focus == Focus::Question { self.field.text_mut() } else { None }
    }

    /// Something was typed or pasted.
    pub(super) fn typed(&mut self) {
        let Some(question) = self.question() else { return };
        let wizard = &self.wizard;
        if let Some(text) = self.field.text_mut() {
            text.hold_against(wizard, question);
        }
    }

    /// Pasted text goes into the field; where one may be opened, it is.
    pub(super) fn pasted(&mut self, pasted: &str) {
        if self.focus != Focus::Question {
            return;
        }
        let question = self.question();
        if let (Field::Choice(choosing), Some(question)) = (&mut self.field, question)
            && choosing.may_write
            && choosing.writing.is_none()
        {
            choosing.begin_to_write(&self.wizard, question);
        }
        if let Some(text) = self.field.text_mut() {
            text.paste(pasted);
            self.typed();
        }
    }

    pub(super) fn command(&mut self, command: Command, page: usize) -> Said {
        match self.focus {
            Focus::Question => return self.in_question(command, page),
            Focus::Steps(chosen) => self.in_steps(command, chosen),
            Focus::Explanation(first) => match command {
                Command::Up => self.focus = Focus::Explanation(first.saturating_sub(1)),
                Command::Down => self.focus = Focus::Explanation(first + 1),
                _ => self.focus = Focus::Question,
            },
            Focus::Leaving if command == Command::Accept => return Said::Leave,
            Focus::Leaving => self.focus = Focus::Question,
        }
        Said::Nothing
    }

    fn in_question(&mut self, command: Command, page: usize) -> Said {
        match command {
            Command::Accept => return self.accept(),
            Command::Back => self.back(),
            Command::Steps => {
                let here = Step::ALL.iter().position(|step| *step == self.wizard.step());
                self.focus = Focus::Steps(here.unwrap_or_default());
            }
            Command::Explain => self.focus = Focus::Explanation(0),
            Command::Again => {
                self.wizard.look_again();
                self.field.refresh(&self.wizard);
                self.look_ahead();
            }
            _ => match &mut self.field {
                Field::Choice(choosing) => choosing.move_by(command, page),
                Field::Answers(_) => self.scroll_by(command, page),
                Field::Text(_) => {}
            },
        }
        Said::Nothing
    }

    fn scroll_by(&mut self, command: Command, page: usize) {
        let last = self.answer_lines().saturating_sub(page);
        self.scroll = command.moved(self.scroll, page, last).unwrap_or(self.scroll);
    }

    /// Whether a look at all answers takes more than `page` lines.
    pub fn may_scroll(&self, page: usize) -> bool {
        self.answer_lines() > page
    }

    /// How many lines a look at all answers takes: a heading a step, a line an answer, and one between steps.
    fn answer_lines(&self) -> usize {
        let lines = |step| self.wizard.answers_of(step).len();
        Step::ALL.into_iter().map(lines).filter(|lines| *lines > 0).map(|lines| lines + 2).sum()
    }

    fn accept(&mut self) -> Said {
        let Some(question) = self.question() else { return self.accept_all() };
        let given = match &mut self.field {
            Field::Choice(choosing) if choosing.writing.is_none() => match &choosing.chosen {
                Chosen::Other if choosing.may_write => {
                    choosing.begin_to_write(&self.wizard, question);
                    return Said::Nothing;
                }
                Chosen::Other => return Said::Refused(NOTHING_TO_CHOOSE),
                Chosen::Value(value) => Ok(wizard::Given::text(value)),
            },
            Field::Choice(Choosing { writing: Some(text), .. }) | Field::Text(text) => {
                self.wizard.read_field(question, text.value())
            }
            Field::Answers(_) | Field::Choice(_) => return Said::Nothing,
        };
        match given.and_then(|given| self.wizard.answer(given)) {
            Ok(()) => {
                self.open();
                Said::Nothing
            }
            Err(reason) => {
                self.field.refused(reason);
                Said::Refused(REFUSED)
            }
        }
    }

    fn accept_all(&mut self) -> Said {
        match &self.field {
            Field::Answers(Ok(answers)) => Said::Plan(answers.clone()),
            Field::Answers(Err(mistakes)) => {
                // A rule between answers that no single question could see.
                let path = mistakes.list.first().map(|mistake| mistake.path.clone()).unwrap_or_default();
                if !self.wizard.ask_about(&path) {
                    self.wizard.revisit(Step::Application);
                }
                self.open();
                Said::Nothing
            }
            Field::Text(_) | Field::Choice(_) => Said::Nothing,
        }
    }

    fn back(&mut self) {
        if let Field::Choice(choosing) = &mut self.field
            && choosing.writing.is_some()
            && !choosing.choices.is_empty()
        {
            choosing.writing = None;
        } else if self.wizard.back() {
            self.open();
        } else {
            self.focus = Focus::Leaving;
        }
    }

    fn in_steps(&mut self, command: Command, chosen: usize) {
        let next = |from: usize| (from + 1..Step::ALL.len()).find(|index| self.may_visit(*index));
        let before = |from: usize| (0..from).rev().find(|index| self.may_visit(*index));
        match command {
            Command::Up => self.focus = Focus::Steps(before(chosen).unwrap_or(chosen)),
            Command::Down => self.focus = Focus::Steps(next(chosen).unwrap_or(chosen)),
            Command::Accept => self.visit(chosen),
            _ => self.focus = Focus::Question,
        }
    }

    /// The cursor goes to this row of the choices.
    pub(super) fn point_at(&mut self, row: usize) {
        self.focus = Focus::Question;
        if let Field::Choice(choosing) = &mut self.field {
            choosing.point_at(row);
        }
    }

    pub(super) fn visit(&mut self, index: usize) {
        match Step::ALL.get(index) {
            Some(step) if *step == self.wizard.step() => self.focus = Focus::Question,
            Some(Step::Review) => {
                self.wizard.go_on();
                self.open();
            }
            Some(step) => {
                self.wizard.revisit(*step);
                self.open();
            }
            None => {}
        }
    }

    /// Whether the step at this place can be gone to: one without questions cannot, nor one that comes after an open question; and
    /// all answers can be looked at once they are there.
    pub fn may_visit(&self, index: usize) -> bool {
        let steps = self.wizard.steps();
        let is_answered = |(step, _): &(Step, StepState)| !self.wizard.has_open_questions(*step);
        match steps.get(index) {
            Some((step, _)) if *step == self.wizard.step() => true,
            Some((Step::Review, _)) => self.wizard.is_answered(),
            Some((step, _)) => !self.wizard.answers_of(*step).is_empty() && steps.iter().take(index).all(is_answered),
            None => false,
        }
    }

    /// All answers, where they are looked at and right.
    pub fn whole(&self) -> Option<&Answers> {
        match &self.field {
            Field::Answers(Ok(answers)) => Some(answers),
            _ => None,
        }
    }

    /// What stands against the answers as a whole, where all of them are looked at.
    pub fn mistakes(&self) -> Vec<String> {
        match &self.field {
            Field::Answers(Err(mistakes)) => mistakes.list.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }
}

/// A reason as a sentence: it begins with a capital and ends with a stop.
pub fn sentence(reason: &Unusable) -> String {
    let text = reason.to_string();
    let mut characters = text.chars();
    let first: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", characters.as_str())
}
