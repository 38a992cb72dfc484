//! What stands in the open question: a text, or a choice with its cursor.

use crate::{
    answers::{Answers, Mistakes, names::Unusable},
    tui::keymap::Command,
    wizard::{Asking, Choice, Given, Kind, OPEN, Question, Wizard},
};
use tui_input::Input;

/// No answer needs more characters.
pub const LONGEST_ANSWER: usize = 1_000;

/// What stands in the open question.
#[derive(Clone, Debug)]
pub enum Field {
    /// A text.
    Text(Text),
    /// A choice.
    Choice(Choosing),
    /// Nothing is asked: all answers are looked at, and this is what is wrong with them as a whole, if anything is.
    Answers(Result<Box<Answers>, Mistakes>),
}

/// A text that is being written.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// The text and its cursor.
    pub input: Input,
    /// Whether anything was typed.
    pub touched: bool,
    /// Whether it was to be taken, and was not.
    pub refused: bool,
    /// Whether something was too long to be taken in.
    pub cut: bool,
    /// What is wrong with it.
    pub wrong: Option<Unusable>,
}

/// A choice that is being made.
#[derive(Clone, Debug)]
pub struct Choosing {
    /// What is offered.
    pub choices: Vec<Choice>,
    /// Whether something else may be written.
    pub may_write: bool,
    /// Where the cursor is.
    pub chosen: Chosen,
    /// What is being written instead.
    pub writing: Option<Text>,
    /// Why what was taken cannot be.
    pub refused: Option<Unusable>,
    touched: bool,
}

/// Where the cursor of a choice is: by value, so that it stays when facts arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// At this value.
    Value(String),
    /// At the row for writing another one.
    Other,
}

impl Field {
    pub(super) fn of(wizard: &Wizard) -> Self {
        let Asking::Question(question) = wizard.asking() else {
            return Self::Answers(wizard.answers().map(Box::new));
        };
        match question.kind {
            Kind::Text | Kind::List => Self::Text(Text::proposed(wizard, question)),
            Kind::YesNo | Kind::Choice { .. } => Self::Choice(Choosing::new(wizard, question)),
        }
    }

    /// The text that is being written, where one is.
    pub fn text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            Self::Choice(choosing) => choosing.writing.as_ref(),
            Self::Answers(_) => None,
        }
    }

    pub(super) fn text_mut(&mut self) -> Option<&mut Text> {
        match self {
            Self::Text(text) => Some(text),
            Self::Choice(choosing) => choosing.writing.as_mut(),
            Self::Answers(_) => None,
        }
    }

    /// Facts have arrived, or went. What the person has typed or chosen stays.
    pub(super) fn refresh(&mut self, wizard: &Wizard) {
        let Asking::Question(question) = wizard.asking() else { return };
        match self {
            Self::Answers(_) => {}
            Self::Text(text) if text.touched => text.hold_against(wizard, question),
            Self::Text(text) => {
                let proposed = Text::proposed(wizard, question);
                if proposed.value() != text.value() {
                    *text = proposed;
                }
            }
            Self::Choice(choosing) => choosing.refresh(wizard, question),
        }
    }

    /// The answer was not taken.
    pub(super) fn refused(&mut self, reason: Unusable) {
        if let Self::Choice(choosing) = self
            && choosing.writing.is_none()
        {
            // The reason of a choice that cannot be used stands with it already.
            choosing.refused = Some(reason).filter(|_| !choosing.is_at_an_unusable_one());
        } else if let Some(text) = self.text_mut() {
            // Nothing was typed by that: what is proposed later takes its place all the same.
            text.refused = true;
            text.wrong = Some(reason);
        }
    }

    /// Whether the person has typed something, or moved the cursor.
    pub(super) fn is_touched(&self) -> bool {
        match self {
            Self::Text(text) => text.touched,
            Self::Choice(choosing) => choosing.touched || choosing.is_written(),
            Self::Answers(_) => false,
        }
    }

    /// What would be answered now without anything typed.
    pub(super) fn untyped(&self) -> Option<&str> {
        match (self, self.text()) {
            (_, Some(text)) => Some(text.value()).filter(|_| !text.touched),
            (Self::Choice(Choosing { chosen: Chosen::Value(value), .. }), None) => Some(value),
            _ => None,
        }
    }
}

impl Text {
    fn proposed(wizard: &Wizard, question: &Question) -> Self {
        let proposal = wizard.proposal(question).map(|given| given.to_string()).unwrap_or_default();
        Self { input: Input::new(proposal), ..Self::default() }
    }

    /// What is written.
    pub fn value(&self) -> &str {
        self.input.value()
    }

    /// Whether no more characters are taken in.
    pub fn is_full(&self) -> bool {
        self.value().chars().count() >= LONGEST_ANSWER
    }

    /// What is wrong with it, once there is something to be wrong.
    pub fn complaint(&self) -> Option<&Unusable> {
        self.wrong.as_ref().filter(|_| self.touched || self.refused)
    }

    pub(super) fn hold_against(&mut self, wizard: &Wizard, question: &'static Question) {
        self.wrong = match wizard.read_field(question, self.value()) {
            Ok(given) => wizard.wrong(question, &given),
            Err(reason) => Some(reason),
        };
    }

    /// Takes pasted text in, as far as it fits. Line breaks, and whatever else moves a cursor, become spaces.
    pub(super) fn paste(&mut self, pasted: &str) {
        let room = LONGEST_ANSWER.saturating_sub(self.value().chars().count());
        let mut clean = String::new();
        for letter in pasted.trim_end().chars() {
            match letter {
                control if control.is_control() && clean.ends_with(' ') => {}
                control if control.is_control() => clean.push(' '),
                letter => clean.push(letter),
            }
        }
        let taken: String = clean.chars().take(room).collect();
        self.cut = taken.len() < clean.len();
        self.touched = true;
        let cursor = self.input.cursor();
        let before: String = self.value().chars().take(cursor).collect();
        let after: String = self.value().chars().skip(cursor).collect();
        let at = cursor + taken.chars().count();
        self.input = Input::new(before + &taken + &after).with_cursor(at);
    }
}

impl Choosing {
    fn new(wizard: &Wizard, question: &'static Question) -> Self {
        let mut choosing = Self {
            choices: offered(wizard, question),
            may_write: matches!(question.kind, Kind::Choice { free: true, .. }),
            chosen: Chosen::Other,
            writing: None,
            refused: None,
            touched: false,
        };
        choosing.begin(wizard, question);
        choosing
    }

    /// The cursor stands where the proposal is; where nothing is offered, it is written at once.
    fn begin(&mut self, wizard: &Wizard, question: &'static Question) {
        let proposal = wizard.proposal(question).and_then(|given| given.as_text().map(str::to_owned));
        let first = || self.choices.first().map(|choice| choice.value.clone());
        self.chosen = match proposal {
            Some(value) if self.choices.iter().any(|choice| choice.value == value) => Chosen::Value(value),
            Some(_) if self.may_write => Chosen::Other,
            _ => first().map_or(Chosen::Other, Chosen::Value),
        };
        self.writing = None;
        if self.choices.is_empty() && self.may_write {
            self.write(wizard, question);
        }
    }

    fn refresh(&mut self, wizard: &Wizard, question: &'static Question) {
        let fresh = Self::new(wizard, question);
        let is_offered = |value: &String| fresh.choices.iter().any(|choice| choice.value == *value);
        let stays = match &self.chosen {
            Chosen::Value(value) => is_offered(value),
            Chosen::Other => !fresh.choices.is_empty(),
        };
        if self.is_written() || (self.touched && stays) {
            self.choices = fresh.choices;
            self.refused = None;
            if let Some(text) = self.writing.as_mut().filter(|text| text.touched) {
                text.hold_against(wizard, question);
            }
        } else if !self.is_like(&fresh) {
            *self = fresh;
        }
    }

    fn is_written(&self) -> bool {
        self.writing.as_ref().is_some_and(|text| text.touched)
    }

    fn is_like(&self, other: &Self) -> bool {
        let written = |choosing: &Self| choosing.writing.as_ref().map(|text| text.value().to_owned());
        self.choices == other.choices && self.chosen == other.chosen && written(self) == written(other)
    }

    /// The person wants to write what is not offered.
    pub(super) fn begin_to_write(&mut self, wizard: &Wizard, question: &'static Question) {
        self.touched = true;
        self.write(wizard, question);
    }

    /// Opens the field for something that is not offered.
    fn write(&mut self, wizard: &Wizard, question: &'static Question) {
        let proposal = wizard.proposal(question).and_then(|given| given.as_text().map(str::to_owned));
        let not_offered = proposal.filter(|value| !self.choices.iter().any(|choice| choice.value == *value));
        self.chosen = Chosen::Other;
        self.refused = None;
        self.writing = Some(Text { input: Input::new(not_offered.unwrap_or_default()), ..Text::default() });
    }

    fn is_at_an_unusable_one(&self) -> bool {
        self.choices.get(self.row()).is_some_and(|choice| choice.unusable.is_some())
    }

    /// The row that the cursor is at.
    pub fn row(&self) -> usize {
        match &self.chosen {
            Chosen::Other => self.choices.len(),
            Chosen::Value(value) => self.choices.iter().position(|choice| choice.value == *value).unwrap_or_default(),
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.choices.len() + usize::from(self.may_write)
    }

    pub(super) fn move_by(&mut self, command: Command, page: usize) {
        let last = self.rows().saturating_sub(1);
        if let Some(row) = command.moved(self.row(), page, last) {
            self.point_at(row);
        }
    }

    pub(super) fn point_at(&mut self, row: usize) {
        self.touched = true;
        self.refused = None;
        self.writing = None;
        let value = self.choices.get(row).map(|choice| choice.value.clone());
        self.chosen = value.map_or(Chosen::Other, Chosen::Value);
    }
}

/// What is offered; yes and no are choices too.
fn offered(wizard: &Wizard, question: &'static Question) -> Vec<Choice> {
    if question.kind != Kind::YesNo {
        return wizard.choices(question);
    }
    let choice = |value: &str| Choice { value: value.to_owned(), about: String::new(), unusable: None };
    let mut both = [choice("true"), choice("false")];
    for choice in &mut both {
        choice.unusable = wizard.wrong(question, &Given::text(&choice.value)).map(|reason| reason.wrong);
    }
    both.into()
}

/// How a choice is called.
pub fn label<'a>(question: &Question, choice: &'a Choice) -> &'a str {
    match (question.kind, choice.value.as_str()) {
        (Kind::YesNo, "true") => "Yes",
        (Kind::YesNo, _) => "No",
        (_, OPEN) => choice.about.as_str(),
        (_, value) => value,
    }
}
