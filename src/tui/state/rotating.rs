//! What the review has besides, where a secret is rotated: what can be, how far it is, and what people notice.

use super::{Item, Review, State};
use crate::{
    engine::{
        event::Counts,
        rotate::{Decision, What},
    },
    tui::{draw, happening::Wish},
};

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can be chosen to be rotated.
    Offered(What),
    /// A state that an earlier run has gone through.
    Done,
    /// A state that is still to come.
    ToCome,
}

/// What is rotated, in which application.
#[derive(Clone, Debug)]
pub struct Rotating {
    /// The application's name.
    pub application: String,
    /// The rotation; nothing while it is chosen what to rotate.
    pub rotation: Option<Rotation>,
}

/// A rotation.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// What is rotated.
    pub what: What,
    /// Until when what is in use is good, where it expires.
    pub good_until: Option<String>,
    /// Whether an earlier run has begun it.
    pub goes_on: bool,
    /// Whether it is taken back.
    pub undo: bool,
    /// Whether something else could be chosen.
    pub may_choose: bool,
}

impl Rotating {
    /// How many lines of so many columns it takes to say what is rotated, and what people notice.
    pub(super) fn lines(&self, columns: u16) -> u16 {
        let said = self.rotation.as_ref().map_or(0, |rotation| 1 + rotation.notice(usize::from(columns)).len());
        u16::try_from(said).unwrap_or_default()
    }
}

impl Rotation {
    /// What people notice, in lines that fit into so many columns.
    pub fn notice(&self, columns: usize) -> Vec<String> {
        draw::wrap(self.what.notice(), columns.saturating_sub(2))
    }
}

/// A group's place in the tree, and its heading.
pub(super) fn group(standing: Standing) -> (u8, &'static str) {
    match standing {
        Standing::Offered(_) => (0, "What can be rotated"),
        Standing::Done => (0, "Done by an earlier run"),
        Standing::ToCome => (1, "Still to come"),
    }
}

impl Review {
    fn of_rotation(about: Rotating, items: Vec<Item>) -> Self {
        let to_come = items.iter().filter(|item| item.standing != Some(Standing::Done));
        let counts = Counts::of(to_come.map(|item| item.summary.action));
        let is_offer = about.rotation.is_none();
        let mut review = Self::new(items);
        (review.rotating, review.counts) = (Some(about), counts);
        // What can't be chosen is not what is proposed.
        let usable = review.items.iter().position(|item| item.summary.problem.is_none());
        let to_come = review.items.iter().position(|item| item.standing == Some(Standing::ToCome));
        review.chosen = if is_offer { usable } else { to_come }.unwrap_or_default();
        review
    }

    /// Whether it is asked what to rotate.
    pub fn is_offer(&self) -> bool {
        self.rotating.as_ref().is_some_and(|about| about.rotation.is_none())
    }

    /// How many states are still to come, and how many there are.
    pub fn states(&self) -> (usize, usize) {
        let to_come = self.items.iter().filter(|item| item.standing == Some(Standing::ToCome)).count();
        (to_come, self.items.len())
    }
}

impl State {
    /// Whether a secret is being rotated.
    pub fn is_rotating(&self) -> bool {
        self.review.rotating.is_some()
    }

    /// The rotation that was chosen.
    pub fn rotation(&self) -> Option<&Rotation> {
        self.review.rotating.as_ref()?.rotation.as_ref()
    }

    /// Whether it can be chosen again what to rotate.
    pub fn may_choose_another(&self) -> bool {
        self.rotation().is_some_and(|rotation| rotation.may_choose)
    }

    /// Whether the rotation takes back what was begun.
    pub fn is_taken_back(&self) -> bool {
        self.progress.undoing.is_some() || self.rotation().is_some_and(|rotation| rotation.undo)
    }

    pub(super) fn rotate(&mut self, about: Rotating, items: Vec<Item>) {
        self.opening.about.clone_from(&about.application);
        self.review = Review::of_rotation(about, items);
    }

    /// What of that which can be rotated is chosen.
    pub(crate) fn offered(&self) -> Option<What> {
        match self.review.item()?.standing? {
            Standing::Offered(what) => Some(what),
            Standing::Done | Standing::ToCome => None,
        }
    }

    /// The person has seen that the new one works, and decides about the former one.
    pub(super) fn decide(&mut self, decision: Decision) -> Option<Wish> {
        self.deciding.take().map(|_| Wish::Decided(decision))
    }
}
