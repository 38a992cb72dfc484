//! What the review has besides, where an installation is taken away: groups of its own, and what can be kept.

use super::{Item, Prompt, Review, State};
use crate::{
    blueprint::Wave,
    engine::{
        event::{HandOver, TeardownGroup},
        teardown::{Choices, Keepable},
    },
    tui::happening::Wish,
};
use tui_input::Input;

/// What becomes of an object.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Its group.
    pub group: TeardownGroup,
    /// Its place in the order in which everything goes.
    pub place: usize,
    /// What somebody else has to do, where we may not.
    pub hand_over: Option<HandOver>,
}

/// What is taken away, and what the person wants kept of it.
#[derive(Clone, Debug)]
pub struct TakingAway {
    /// The application's name, which confirms it when it is typed.
    pub application: String,
    /// When what it runs on would come to its end, in a line.
    pub good_until: Option<String>,
    /// What the person decided so far.
    pub choices: Choices,
    /// Whether others have credentials in a registration of ours, so that it stays unless the person says otherwise.
    pub others_have_credentials: bool,
}

impl TakingAway {
    /// How many lines it takes to show what can be chosen, and what is good until when.
    pub fn lines(&self) -> u16 {
        1 + u16::from(self.others_have_credentials) + u16::from(self.good_until.is_some())
    }
}

impl Fate {
    /// Whether anything is done about it, by us or by somebody else.
    pub(super) fn has_work(&self) -> bool {
        matches!(self.group, TeardownGroup::Removed | TeardownGroup::ChangedByOthers) || self.hand_over.is_some()
    }
}

/// A group's place in the tree, and its heading.
pub(super) fn group(fate: &Fate) -> (u8, &'static str) {
    match fate.group {
        TeardownGroup::Removed => (0, "Goes"),
        TeardownGroup::ChangedByOthers => (1, "Goes, changed by others since"),
        TeardownGroup::Kept => (2, "Stays"),
        TeardownGroup::Gone => (3, "Gone already"),
    }
}

/// Whether what went in this wave is guarded, or was led to, by the routes.
pub(super) fn is_behind_the_routes(wave: Wave) -> bool {
    !matches!(wave, Wave::Routes | Wave::Registration | Wave::Ground)
}

impl State {
    /// Whether an installation is being taken away.
    pub fn is_taking_away(&self) -> bool {
        self.review.taking_away.is_some()
    }

    /// A new plan, after other choices perhaps: the object that was looked at stays chosen.
    pub(super) fn take_away(&mut self, about: TakingAway, items: Vec<Item>) {
        let chosen = self.review.item().map(|item| item.summary.part.clone());
        let was_shown = self.is_taking_away();
        self.opening.about.clone_from(&about.application);
        self.review = Review::of_teardown(about, items);
        let again = self.review.items.iter().position(|item| Some(&item.summary.part) == chosen.as_ref());
        if let Some(index) = again.filter(|_| was_shown) {
            self.review.choose(index);
        }
    }

    /// The person wants this kept, or not any more.
    pub(super) fn toggle(&self, keepable: Keepable) -> Option<Wish> {
        let mut choices = self.review.taking_away.as_ref()?.choices.clone();
        if !choices.keep.remove(&keepable) {
            choices.keep.insert(keepable);
        }
        Some(Wish::Choose(choices))
    }

    /// The person wants the registration deleted all the same, or not any more.
    pub(super) fn toggle_credentials_of_others(&self) -> Option<Wish> {
        let choices = self.review.taking_away.as_ref()?.choices.clone();
        let delete_credentials_of_others = !choices.delete_credentials_of_others;
        Some(Wish::Choose(Choices { delete_credentials_of_others, ..choices }))
    }

    /// What is taken away is confirmed by typing its name.
    pub(super) fn wish_to_apply(&mut self) -> Option<Wish> {
        if let Some(what) = self.offered() {
            return Some(Wish::Chosen(what));
        }
        if self.is_taking_away() {
            self.prompt = Some(Prompt::Confirm(Input::default()));
            return None;
        }
        Some(Wish::Apply)
    }

    /// What was typed to confirm it.
    pub(super) fn confirmed_by(&mut self, typed: &str) -> Option<Wish> {
        let application = &self.review.taking_away.as_ref()?.application;
        if typed.trim() == application {
            return Some(Wish::Apply);
        }
        self.notice = Some(format!("Nothing was taken away: that is not {application}. Enter asks once more."));
        None
    }
}
