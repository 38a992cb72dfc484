//! What is installed, as the person looks at it.

use super::{Asking, Looking, Opening, Phase, Progress, Review, State};
use crate::{
    engine::{
        event::Problem,
        installations::{Installation, Overview},
    },
    tui::{
        happening::{Happening, Wish},
        keymap::Command,
    },
};
use std::time::Duration;

/// How far looking has come.
#[derive(Clone, Debug)]
pub enum Look {
    /// It goes on.
    GoingOn {
        /// Since when.
        since: Duration,
    },
    /// The cluster told.
    Told,
    /// It could not be asked.
    Failed(Problem),
}

/// The installations, which of them are shown, and which is chosen.
#[derive(Clone, Debug)]
pub struct Home {
    /// How far looking has come.
    pub look: Look,
    /// The kubeconfig context, once it is known.
    pub context: Option<String>,
    /// All of them.
    pub installations: Vec<Installation>,
    /// What those that are shown have in their name or host; empty when all are.
    pub filter: String,
    /// Which of those that are shown is chosen.
    pub chosen: usize,
    /// Whether the details have the whole screen.
    pub detailed: bool,
    /// The first line of the details that is shown.
    pub scroll: usize,
    shown: Vec<usize>,
    filter_before: String,
    /// What the screen was opened for, while something else is done that was begun here.
    opening: Option<Opening>,
}

impl Happening {
    /// Whether it tells of something that was begun.
    pub(super) fn is_of_a_run(&self) -> bool {
        matches!(
            self,
            Self::Told(_)
                | Self::Asked(_)
                | Self::Learned(..)
                | Self::PlanReady(_)
                | Self::TakingAway(..)
                | Self::Rotating(..)
                | Self::LastState(_)
                | Self::Begun
                | Self::Over(_)
        )
    }
}

impl State {
    /// Something is begun from what is installed: it has the screen as if that had just been opened.
    pub(super) fn open(&mut self, opening: Opening) {
        let before = std::mem::replace(&mut self.opening, opening);
        self.at_home(|home| home.opening = Some(before));
        self.forget_the_run();
        self.phase = Phase::Looking;
    }

    /// Whether what is on the screen was begun from what is installed, and leads back there.
    pub fn leads_home(&self) -> bool {
        self.home.is_some() && self.phase != Phase::Home
    }

    /// Leaves what is on the screen: for what is installed, where it was begun there.
    pub(super) fn leave(&mut self) -> Wish {
        if !self.leads_home() {
            return Wish::Leave;
        }
        let now = self.now;
        let mut opening = None;
        self.at_home(|home| {
            home.begin(now);
            home.show_details(false);
            opening = home.opening.take();
        });
        if let Some(opening) = opening {
            // Who went to the practice ground stays there.
            self.opening = Opening { practice: self.opening.practice, ..opening };
        }
        self.forget_the_run();
        self.phase = Phase::Home;
        Wish::Home
    }

    fn forget_the_run(&mut self) {
        self.looking = Looking::since(&self.opening, self.now);
        self.asking = None::<Asking>;
        self.review = Review::default();
        self.progress = Progress::default();
        self.ending = None;
        self.prompt = None;
        self.help = false;
        self.log.close();
        self.notice = None;
        self.changed_before = 0;
        self.stopping = false;
        self.deciding = None;
        self.copied = None;
    }
}

impl Home {
    pub(super) fn new() -> Self {
        Self {
            look: Look::GoingOn { since: Duration::ZERO },
            context: None,
            installations: Vec::new(),
            filter: String::new(),
            chosen: 0,
            detailed: false,
            scroll: 0,
            shown: Vec::new(),
            filter_before: String::new(),
            opening: None,
        }
    }

    /// Whether the cluster is being asked.
    pub fn is_looking(&self) -> bool {
        matches!(self.look, Look::GoingOn { .. })
    }

    /// Why the cluster could not be asked.
    pub fn problem(&self) -> Option<&Problem> {
        match &self.look {
            Look::Failed(problem) => Some(problem),
            Look::GoingOn { .. } | Look::Told => None,
        }
    }

    /// Whether nothing is installed, as far as the cluster tells.
    pub fn is_empty(&self) -> bool {
        self.installations.is_empty()
    }

    /// Those that are shown.
    pub fn shown(&self) -> impl Iterator<Item = &Installation> {
        self.shown.iter().filter_map(|index| self.installations.get(*index))
    }

    /// How many are shown.
    pub fn count(&self) -> usize {
        self.shown.len()
    }

    /// Those that fit into `height` rows, from which on, so that the chosen one is among them.
    pub fn window(&self, height: usize) -> (usize, impl Iterator<Item = &Installation>) {
        let first = self.chosen.saturating_sub(height / 2).min(self.count().saturating_sub(height));
        let rows = self.shown.iter().skip(first).take(height);
        (first, rows.filter_map(|index| self.installations.get(*index)))
    }

    /// The chosen one.
    pub fn installation(&self) -> Option<&Installation> {
        self.installations.get(*self.shown.get(self.chosen)?)
    }

    /// Whether there is another one to choose.
    pub fn may_choose(&self) -> bool {
        self.count() > 1
    }

    /// Chooses what is shown in this row of `height` rows; whether there is something.
    pub(super) fn choose_in_sight(&mut self, row: usize, height: usize) -> bool {
        let there = self.window(height).0 + row;
        if there >= self.count() {
            return false;
        }
        if self.chosen != there {
            self.chosen = there;
            self.scroll = 0;
        }
        true
    }

    pub(super) fn begin(&mut self, now: Duration) {
        self.look = Look::GoingOn { since: now };
    }

    pub(super) fn found(&mut self, found: Result<Overview, Problem>) {
        let chosen = self.installation().map(Installation::full_name);
        match found {
            Ok(overview) => {
                self.look = Look::Told;
                self.context = Some(overview.context);
                self.installations = overview.installations;
                // What wants care is what has to be read.
                self.installations.sort_by_key(|one| std::cmp::Reverse(one.health));
            }
            Err(problem) => {
                self.look = Look::Failed(problem);
                self.installations.clear();
            }
        }
        self.show();
        // What was chosen stays so, wherever it is now.
        if let Some(chosen) = chosen {
            let still = self.shown().position(|one| one.full_name() == chosen);
            self.choose(still.unwrap_or_default());
        }
        self.detailed &= self.installation().is_some();
    }

    pub(super) fn begin_to_filter(&mut self) {
        self.filter_before.clone_from(&self.filter);
    }

    pub(super) fn filter_by(&mut self, filter: &str) {
        filter.clone_into(&mut self.filter);
        self.show();
    }

    pub(super) fn filter_as_before(&mut self) {
        let before = std::mem::take(&mut self.filter_before);
        self.filter_by(&before);
    }

    fn show(&mut self) {
        let wanted = self.filter.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let matches = |one: &Installation| {
            has(&one.full_name()) || one.host.as_deref().is_some_and(has) || has(one.health.word())
        };
        self.shown = (0..self.installations.len())
            .filter(|index| wanted.is_empty() || self.installations.get(*index).is_some_and(matches))
            .collect();
        self.choose(0);
    }

    fn choose(&mut self, chosen: usize) {
        self.chosen = chosen.min(self.count().saturating_sub(1));
        self.scroll = 0;
    }

    pub(super) fn show_details(&mut self, detailed: bool) {
        self.detailed = detailed;
        self.scroll = 0;
    }

    pub(super) fn move_by(&mut self, command: Command, page: usize) {
        if self.detailed {
            self.scroll = command.moved(self.scroll, page, self.most_lines()).unwrap_or(self.scroll);
        } else if let Some(chosen) = command.moved(self.chosen, page, self.count().saturating_sub(1)) {
            self.choose(chosen);
        }
    }

    /// The last line of the details that scrolling can bring to the top: they are broken into lines where they are drawn, some sixty
    /// characters in the narrowest window.
    fn most_lines(&self) -> usize {
        let findings = self.installation().map(|one| one.findings.as_slice()).unwrap_or_default();
        findings.iter().map(|finding| (finding.reason.len() + finding.to_do.len()) / 60 + 3).sum()
    }

    /// Whether there is more of the details than fits.
    pub fn may_scroll(&self) -> bool {
        self.most_lines() > 0
    }
}
