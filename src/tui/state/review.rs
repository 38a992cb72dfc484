//! The plan, as the person looks at it.

use crate::{
    engine::event::{Action, Counts, StepSummary, TeardownGroup},
    tui::keymap::Command,
};

use super::{
    rotating::{self, Rotating, Standing},
    taking_away::{self, Fate, TakingAway},
};

/// An object of the plan, and what it would look like.
#[derive(Clone, Debug)]
pub struct Item {
    /// The plan's line.
    pub summary: StepSummary,
    /// The object as a document, with its why as a comment; no secret value is in it.
    pub document: String,
    /// What becomes of it, where an installation is taken away.
    pub fate: Option<Fate>,
    /// Where it stands, where a secret is rotated.
    pub standing: Option<Standing>,
}

/// What of an object is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// The object.
    Yaml,
    /// What would change.
    Diff,
    /// Why it is there.
    Why,
}

/// A row of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeRow {
    /// A heading.
    Group(&'static str),
    /// An object, by its index.
    Item(usize),
}

/// The plan, which object is chosen, and what of it is shown.
#[derive(Clone, Debug, Default)]
pub struct Review {
    /// The objects, by group.
    pub items: Vec<Item>,
    /// How many of each action.
    pub counts: Counts,
    /// The chosen object.
    pub chosen: usize,
    /// The first line of its text that is shown.
    pub scroll: usize,
    /// How many columns of its text are left of those shown.
    pub sideways: usize,
    /// What is looked for; empty when nothing is.
    pub query: String,
    /// What the person decided, where an installation is taken away.
    pub taking_away: Option<TakingAway>,
    /// What is rotated, where something is.
    pub rotating: Option<Rotating>,
    first_row: usize,
    pane: Option<Pane>,
    chosen_before: usize,
}

impl Review {
    pub(super) fn new(mut items: Vec<Item>) -> Self {
        let counts = Counts::of(items.iter().map(|item| item.summary.action));
        items.sort_by_key(|item| group(item).0);
        // What stands in the way is what has to be read.
        let chosen = items.iter().position(|item| item.summary.problem.is_some()).unwrap_or_default();
        Self { items, counts, chosen, ..Self::default() }
    }

    pub(super) fn of_teardown(about: TakingAway, items: Vec<Item>) -> Self {
        let is_there = |item: &&Item| item.fate.as_ref().is_none_or(|fate| fate.group != TeardownGroup::Gone);
        let counts = Counts::of(items.iter().filter(is_there).map(|item| item.summary.action));
        Self { taking_away: Some(about), counts, ..Self::new(items) }
    }

    /// How many lines below, of so many columns, are for what can be chosen and for what people notice.
    pub fn lines_of_choices(&self, columns: u16) -> u16 {
        match (&self.taking_away, &self.rotating) {
            (Some(about), _) => about.lines(),
            (None, Some(about)) => about.lines(columns),
            (None, None) => 0,
        }
    }

    pub(super) fn summaries(&self) -> impl Iterator<Item = &StepSummary> {
        self.items.iter().map(|item| &item.summary)
    }

    /// Whether the objects can be looked at as documents, and saved.
    pub fn has_documents(&self) -> bool {
        self.taking_away.is_none() && self.rotating.is_none()
    }

    /// Whether it can be looked at what would change of an object.
    pub fn has_differences(&self) -> bool {
        self.rotating.is_none()
    }

    /// Whether there is something to do, and nothing stands in the way.
    pub fn may_be_applied(&self) -> bool {
        !self.is_blocked() && (self.taking_away.is_none() || self.has_something_to_take_away())
    }

    /// Whether something stands in the way.
    pub fn is_blocked(&self) -> bool {
        if self.is_offer() {
            return self.item().is_none_or(|item| item.summary.problem.is_some());
        }
        self.items.iter().any(|item| item.summary.problem.is_some())
    }

    fn has_something_to_take_away(&self) -> bool {
        self.items.iter().filter_map(|item| item.fate.as_ref()).any(Fate::has_work)
    }

    /// The chosen object.
    pub fn item(&self) -> Option<&Item> {
        self.items.get(self.chosen)
    }

    /// What of it is shown: what the person chose, else what tells most.
    pub fn pane(&self) -> Pane {
        let is_warned_of = self.item().is_some_and(|item| !item.summary.warnings.is_empty());
        let usual = if is_warned_of { Some(Pane::Why) } else { None };
        let is_changed = self.item().is_some_and(|item| !item.summary.diff.is_empty());
        self.pane.or(usual).unwrap_or_else(|| match self.item().map(|item| item.summary.action) {
            _ if self.rotating.is_some() => Pane::Why,
            _ if self.taking_away.is_some() => {
                if is_changed {
                    Pane::Diff
                } else {
                    Pane::Why
                }
            }
            Some(Action::Update | Action::Replace) => Pane::Diff,
            Some(Action::Delete | Action::HandOver | Action::Blocked) => Pane::Why,
            _ => Pane::Yaml,
        })
    }

    /// The rows of the tree.
    pub fn rows(&self) -> Vec<TreeRow> {
        let mut rows = Vec::new();
        let mut last = None;
        for (index, item) in self.items.iter().enumerate() {
            let (_, name) = group(item);
            if last != Some(name) {
                rows.push(TreeRow::Group(name));
                last = Some(name);
            }
            rows.push(TreeRow::Item(index));
        }
        rows
    }

    /// The first row of the tree that is shown, when `height` of them are.
    pub fn first_row(&self, height: usize) -> usize {
        self.first_row.min(self.rows().len().saturating_sub(height))
    }

    /// The row that is shown in line `line` of `height`.
    pub(super) fn row_at(&self, line: usize, height: usize) -> Option<TreeRow> {
        self.rows().get(self.first_row(height) + line).copied()
    }

    /// Scrolls the tree as little as it takes to see the chosen row, and one beside it on either side.
    pub(super) fn keep_in_sight(&mut self, height: usize) {
        let rows = self.rows();
        let chosen = rows.iter().position(|row| *row == TreeRow::Item(self.chosen)).unwrap_or_default();
        let beside = usize::from(height > 4);
        let lowest = (chosen + beside + 1).saturating_sub(height);
        let highest = chosen.saturating_sub(beside);
        self.first_row = self.first_row.max(lowest).min(highest).min(rows.len().saturating_sub(height));
    }

    /// The line of the shown text that a search is at.
    pub fn found_line(&self) -> Option<usize> {
        if self.query.is_empty() {
            return None;
        }
        let text = match self.pane() {
            Pane::Yaml => &self.item()?.document,
            Pane::Diff => &self.item()?.summary.diff,
            Pane::Why => return None,
        };
        text.lines().position(|line| contains(line, &self.query))
    }

    /// Whether what a search has found is marked.
    pub fn is_searched(&self) -> bool {
        !self.query.is_empty()
    }

    /// In how many objects the search has found something.
    pub fn count_found(&self) -> usize {
        self.items.iter().filter(|item| matches(item, &self.query)).count()
    }

    /// Whether the search has found something.
    pub fn found_anything(&self) -> bool {
        self.items.iter().any(|item| matches(item, &self.query))
    }

    /// Whether there is another object in which the search finds something.
    pub fn has_another_match(&self) -> bool {
        !self.query.is_empty()
            && self.items.iter().enumerate().any(|(index, item)| index != self.chosen && matches(item, &self.query))
    }

    pub(super) fn find(&mut self, query: &str) {
        if self.query.is_empty() {
            self.chosen_before = self.chosen;
        }
        query.clone_into(&mut self.query);
        let start = self.chosen_before;
        self.choose_match(start);
    }

    pub(super) fn find_next(&mut self) {
        let start = self.chosen + 1;
        self.choose_match(start);
    }

    pub(super) fn stop_finding(&mut self) {
        if !self.query.is_empty() {
            self.query.clear();
            let before = self.chosen_before;
            self.choose(before);
        }
    }

    /// Ends the search where it has come to.
    pub(super) fn end_search(&mut self) {
        self.query.clear();
    }

    fn choose_match(&mut self, start: usize) {
        if self.query.is_empty() {
            return;
        }
        let count = self.items.len();
        let found = (start..start + count)
            .filter_map(|index| index.checked_rem(count))
            .find(|index| self.items.get(*index).is_some_and(|item| matches(item, &self.query)));
        if let Some(index) = found {
            self.choose(index);
            self.scroll = self.found_line().unwrap_or_default().saturating_sub(3);
        }
    }

    pub(super) fn choose(&mut self, index: usize) {
        self.chosen = index.min(self.items.len().saturating_sub(1));
        self.scroll = 0;
        self.sideways = 0;
    }

    pub(super) fn show(&mut self, pane: Pane) {
        self.pane = Some(pane);
        self.scroll = self.found_line().unwrap_or_default().saturating_sub(3);
        self.sideways = 0;
    }

    pub(super) fn scroll_sideways(&mut self, columns: isize) {
        let longest = self.text_lines().map(|line| line.chars().count()).max().unwrap_or_default();
        self.sideways = self.sideways.saturating_add_signed(columns).min(longest.saturating_sub(8));
    }

    pub(super) fn move_by(&mut self, command: Command, page: usize) {
        let last_line = self.last_line();
        match command {
            Command::Up => self.choose(self.chosen.saturating_sub(1)),
            Command::Down => self.choose(self.chosen + 1),
            Command::First => self.choose(0),
            Command::Last => self.choose(usize::MAX),
            Command::PageUp => self.scroll = self.scroll.saturating_sub(page),
            _ => self.scroll = (self.scroll + page).min(last_line),
        }
    }

    /// The last line that scrolling can bring to the top.
    fn last_line(&self) -> usize {
        let Some(item) = self.item().filter(|_| self.pane() == Pane::Why) else {
            return self.text_lines().count().saturating_sub(1);
        };
        // These are broken into lines where they are drawn, some thirty characters in the narrowest window.
        let problem = item.summary.problem.as_ref();
        let said = problem.map_or(0, |problem| problem.tried.len() + problem.cause.len() + problem.remedy.len());
        (item.summary.why.len() + said) / 30
    }

    /// Whether the text is as wide as it is.
    pub fn may_scroll_sideways(&self) -> bool {
        self.pane() != Pane::Why
    }

    /// Whether the text has more than one line.
    pub fn may_scroll(&self) -> bool {
        self.last_line() > 0
    }

    fn text_lines(&self) -> std::str::Lines<'_> {
        let text = self.item().map_or("", |item| match self.pane() {
            Pane::Yaml => item.document.as_str(),
            Pane::Diff => item.summary.diff.as_str(),
            Pane::Why => "",
        });
        text.lines()
    }
}

fn group(item: &Item) -> (u8, &'static str) {
    let summary = &item.summary;
    if let Some(fate) = &item.fate {
        return taking_away::group(fate);
    }
    if let Some(standing) = item.standing {
        return rotating::group(standing);
    }
    match summary.action {
        Action::Delete => (3, "No longer wanted"),
        _ if summary.part.0.starts_with("entra/") => (0, "Entra"),
        _ if summary.part.0.starts_with("azure/") => (1, "Azure"),
        _ => (2, "Cluster"),
    }
}

fn matches(item: &Item, query: &str) -> bool {
    let title = format!("{} {}", item.summary.title.kind, item.summary.title.name);
    !query.is_empty() && (contains(&title, query) || contains(&item.document, query))
}

fn contains(text: &str, query: &str) -> bool {
    text.to_lowercase().contains(&query.to_lowercase())
}
