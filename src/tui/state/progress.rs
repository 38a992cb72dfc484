//! The work, row by row. Rows never move: every part has its place from the beginning.

use super::{Item, rotating::Standing, taking_away::is_behind_the_routes};
use crate::{
    blueprint::{PartId, Wave},
    engine::event::{Action, Counts, Event, HandOver, Outcome, Problem, StepSummary, Title},
    tui::{keymap::Command, state::Trial},
};
use std::time::Duration;

/// The engine's names of its proofs (law 1).
const LOCKS_PROOF: &str = "proof/locks";
const ROUTES_PROOF: &str = "proof/routes";
const NO_ROUTES_PROOF: &str = "proof/no-routes";

/// How far a row has come.
#[derive(Clone, Debug)]
pub enum Status {
    /// Not begun.
    Waiting,
    /// It runs.
    Running {
        /// Since when.
        since: Duration,
        /// For what it waits, as seen last.
        reason: Option<String>,
        /// How long it may wait.
        budget: Option<Duration>,
    },
    /// It is there.
    Ready {
        /// What was done; `None` for a proof.
        action: Option<Action>,
        /// What was proven.
        proof: Option<String>,
        /// How long it took.
        took: Duration,
    },
    /// It failed.
    Failed(Problem),
    /// Somebody else has to do it.
    HandedOver(HandOver),
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The part.
    pub part: PartId,
    /// Its name for people.
    pub title: Title,
    /// How far it has come.
    pub status: Status,
}

impl Row {
    /// Whether nothing more is to come.
    pub fn is_settled(&self) -> bool {
        matches!(self.status, Status::Ready { .. } | Status::Failed(_) | Status::HandedOver(_))
    }
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Finish {
    /// How.
    pub outcome: Outcome,
    /// What was done.
    pub counts: Counts,
    /// The address to try.
    pub address: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// The work.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The rows.
    pub rows: Vec<Row>,
    /// How it ended, once it has.
    pub finish: Option<Finish>,
    /// What trying the application found.
    pub trial: Trial,
    /// When what it runs on comes to its end, in a line.
    pub good_until: Option<String>,
    /// Why what was done is taken back, where it is.
    pub undoing: Option<String>,
    /// The first row that is shown, where the person has chosen it.
    pub first_shown: Option<usize>,
}

impl Progress {
    pub(super) fn new<'a>(summaries: impl Iterator<Item = &'a StepSummary>) -> Self {
        let mut summaries: Vec<&StepSummary> = summaries.collect();
        // The order of the engine: by wave, then what is removed, and at the very end what is written down of it all.
        let is_written_down = |summary: &StepSummary| summary.wave == Wave::History;
        summaries.sort_by_key(|summary| (is_written_down(summary), summary.action == Action::Delete, summary.wave));
        let is_route = |summary: &&&StepSummary| summary.wave == Wave::Routes && summary.action != Action::Delete;
        let routes = summaries.iter().filter(is_route).count();
        let is_after_routes = |summary: &&&StepSummary| summary.action == Action::Delete || is_written_down(summary);
        let after_routes = summaries.iter().filter(is_after_routes).count();
        let mut rows: Vec<Row> =
            summaries.iter().map(|summary| waiting(&summary.part.0, summary.title.clone())).collect();
        let behind_routes = rows.len().saturating_sub(after_routes);
        rows.insert(behind_routes, waiting(ROUTES_PROOF, title("Route", "seen in the gateway's pods")));
        let before_routes = behind_routes.saturating_sub(routes);
        rows.insert(before_routes, waiting(LOCKS_PROOF, title("Locks", "seen in the application's pods")));
        Self { rows, ..Self::default() }
    }

    /// What goes, in the order in which it goes. The routes are seen gone before anything that they led to.
    pub(super) fn of_teardown(items: &[Item]) -> Self {
        let mut going: Vec<(&Item, usize)> = items
            .iter()
            .filter_map(|item| item.fate.as_ref().filter(|fate| fate.has_work()).map(|fate| (item, fate.place)))
            .collect();
        going.sort_by_key(|(_, place)| *place);
        let wave = |(item, _): &(&Item, usize)| item.summary.wave;
        let behind = going.iter().any(|one| is_behind_the_routes(wave(one)));
        let routes = going.iter().take_while(|one| wave(one) == Wave::Routes).count();
        let mut rows: Vec<Row> =
            going.iter().map(|(item, _)| waiting(&item.summary.part.0, item.summary.title.clone())).collect();
        if behind {
            rows.insert(routes, waiting(NO_ROUTES_PROOF, title("No route", "seen in the gateway's pods")));
        }
        Self { rows, ..Self::default() }
    }

    /// The states of a rotation, those among them that an earlier run has gone through.
    pub(super) fn of_rotation(items: &[Item]) -> Self {
        let row = |item: &Item| {
            let row = waiting(&item.summary.part.0, item.summary.title.clone());
            match item.standing {
                Some(Standing::Done) => {
                    let proof = Some("done by an earlier run".to_owned());
                    Row { status: Status::Ready { action: Some(Action::Keep), proof, took: Duration::ZERO }, ..row }
                }
                _ => row,
            }
        };
        Self { rows: items.iter().map(row).collect(), ..Self::default() }
    }

    /// Whether there are any.
    pub fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Whether there are more lines than are in sight, in a window of so many columns.
    pub fn may_scroll(&self, in_sight: usize, columns: usize) -> bool {
        self.lines_of_rows() + self.trial.lines(columns) > in_sight
    }

    /// What has to be said about a row takes about six lines.
    fn lines_of_rows(&self) -> usize {
        let said = |row: &&Row| matches!(row.status, Status::Failed(_) | Status::HandedOver(_));
        self.rows.len() + 6 * self.rows.iter().filter(said).count()
    }

    /// How many rows are settled well.
    pub fn done(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.status, Status::Ready { .. } | Status::HandedOver(_))).count()
    }

    /// How many parts have been changed so far.
    pub fn changed(&self) -> usize {
        let is_change = |row: &&Row| match &row.status {
            Status::Ready { action: Some(action), .. } => *action != Action::Keep,
            _ => false,
        };
        self.rows.iter().filter(is_change).count()
    }

    /// The rows that run.
    pub fn running(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| matches!(row.status, Status::Running { .. }))
    }

    pub(super) fn told(&mut self, event: &Event, now: Duration) {
        self.trial.told(event);
        match event {
            Event::Started { part, title } => {
                self.set(part, title, Status::Running { since: now, reason: None, budget: None });
            }
            Event::Waiting { part, title, reason, elapsed_ms, budget_ms } => {
                let since = now.saturating_sub(Duration::from_millis(*elapsed_ms));
                let budget = Some(Duration::from_millis(*budget_ms));
                self.set(part, title, Status::Running { since, reason: Some(reason.clone()), budget });
            }
            Event::Ready { part, title, action, proof, elapsed_ms } => {
                let took = Duration::from_millis(*elapsed_ms);
                self.set(part, title, Status::Ready { action: Some(*action), proof: proof.clone(), took });
            }
            Event::Proven { part, title, proof, elapsed_ms } => {
                let took = Duration::from_millis(*elapsed_ms);
                self.set(part, title, Status::Ready { action: None, proof: Some(proof.clone()), took });
            }
            Event::Failed { part, title, problem } => self.set(part, title, Status::Failed(problem.clone())),
            Event::HandOver { part, title, hand_over } => {
                self.set(part, title, Status::HandedOver(hand_over.clone()));
            }
            Event::Undoing { reason } => {
                self.undoing = Some(reason.clone());
                // What would have come next does not; what comes in its place has its rows below.
                self.rows.retain(|row| !matches!(row.status, Status::Waiting));
            }
            Event::GoodUntil { good_until } => self.good_until = good_until.line(),
            Event::Finished { outcome, counts, address, elapsed_ms } => {
                let took = Duration::from_millis(*elapsed_ms);
                self.finish = Some(Finish { outcome: *outcome, counts: *counts, address: address.clone(), took });
                self.first_shown = None;
                self.stop_what_runs();
            }
            _ => {}
        }
    }

    /// What ran when it ended is not waited for any more.
    fn stop_what_runs(&mut self) {
        for row in &mut self.rows {
            if matches!(row.status, Status::Running { .. }) {
                row.status = Status::Waiting;
            }
        }
    }

    /// A part that was not in the plan gets a row at the end.
    fn set(&mut self, part: &PartId, title: &Title, status: Status) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.part == *part) {
            row.title = title.clone();
            row.status = status;
        } else {
            self.rows.push(Row { part: part.clone(), title: title.clone(), status });
        }
    }

    pub(super) fn scroll(&mut self, command: Command, in_sight: usize, columns: usize) {
        let lines = self.lines_of_rows() + self.trial.lines(columns);
        let first = self.first_in_sight(lines, in_sight);
        let last = lines.saturating_sub(in_sight);
        self.first_shown = Some(match command {
            Command::Up => first.saturating_sub(1),
            _ => (first + 1).min(last),
        });
    }

    /// The first of `lines` lines that is in sight, when `in_sight` of them are: where the person scrolled to, else so that what
    /// failed, or is not settled yet, is seen with what comes before and after it.
    pub fn first_in_sight(&self, lines: usize, in_sight: usize) -> usize {
        let last = lines.saturating_sub(in_sight);
        self.first_shown.unwrap_or_else(|| self.first_of_interest().saturating_sub(in_sight / 3)).min(last)
    }

    fn first_of_interest(&self) -> usize {
        let first = |is: fn(&Row) -> bool| self.rows.iter().position(is);
        let failed = first(|row| matches!(row.status, Status::Failed(_)));
        // Once it is over, what somebody else has to do is what is left.
        let handed_over = self.finish.as_ref().and_then(|_| first(|row| matches!(row.status, Status::HandedOver(_))));
        failed.or(handed_over).or_else(|| first(|row| !row.is_settled())).unwrap_or(self.rows.len())
    }
}

fn waiting(part: &str, title: Title) -> Row {
    Row { part: PartId(part.to_owned()), title, status: Status::Waiting }
}

fn title(kind: &str, name: &str) -> Title {
    Title { kind: kind.to_owned(), name: name.to_owned() }
}
