//! What clicks and the wheel do. Nothing needs them: each is a shorter way to what keys do.

use super::{Field, Focus, Phase, State, TreeRow, WIDE};
use crate::tui::{
    draw,
    happening::{Wheel, Wish},
    keymap::{self, Command},
    layout,
};
use ratatui::layout::{Position, Rect};

/// How many lines a turn of the wheel goes.
const LINES: usize = 3;

impl State {
    /// A click chooses the row it is on. On a choice that is chosen already it takes it, and on a step it goes there.
    pub(super) fn clicked(&mut self, column: u16, row: u16) -> Option<Wish> {
        match self.phase {
            Phase::Review => self.clicked_in_review(column, row),
            Phase::Asking => return self.clicked_in_questions(Position { x: column, y: row }),
            Phase::Home => self.clicked_at_home(Position { x: column, y: row }),
            Phase::Looking | Phase::Applying | Phase::Over => {}
        }
        None
    }

    /// A click on an installation chooses it, as the arrow keys would.
    fn clicked_at_home(&mut self, cell: Position) {
        if self.is_covered() {
            return;
        }
        let body = layout::areas(Rect::new(0, 0, self.size.0, self.size.1)).body;
        let rows = layout::home_rows(body);
        let Some(home) = self.home.as_mut().filter(|home| !home.detailed && home.installation().is_some()) else {
            return;
        };
        if rows.contains(cell) && home.choose_in_sight(usize::from(cell.y - rows.y), usize::from(rows.height)) {
            self.notice = None;
        }
    }

    fn clicked_in_questions(&mut self, cell: Position) -> Option<Wish> {
        if self.help || self.log.is_open() || !self.is_whole() {
            return None;
        }
        let areas = layout::asking(layout::areas(Rect::new(0, 0, self.size.0, self.size.1)).body, WIDE);
        let asking = self.asked()?;
        if !matches!(asking.focus, Focus::Question | Focus::Steps(_)) {
            return None;
        }
        let steps = layout::inside(areas.steps);
        if steps.contains(cell) {
            let step = usize::from(cell.y - steps.y);
            if asking.may_visit(step) && !self.drops_answer() {
                self.notice = None;
                self.asking.as_mut()?.visit(step);
            }
            return None;
        }
        let row = draw::choice_at(self, asking, areas.question, cell)?;
        let Field::Choice(choosing) = &asking.field else { return None };
        let is_chosen = choosing.row() == row && asking.focus == Focus::Question;
        if is_chosen && choosing.writing.is_some() {
            return None;
        }
        if is_chosen {
            if let Some(why) = self.withheld(Command::Accept) {
                self.drop_key(why);
                return None;
            }
            self.notice = None;
            return self.command(Command::Accept);
        }
        self.notice = None;
        self.asking.as_mut()?.point_at(row);
        None
    }

    fn clicked_in_review(&mut self, column: u16, row: u16) {
        if self.is_covered() {
            return;
        }
        let rows = layout::inside(self.review_areas()[0]);
        if rows.contains(Position { x: column, y: row })
            && let Some(TreeRow::Item(index)) = self.review.row_at(usize::from(row - rows.y), usize::from(rows.height))
        {
            self.notice = None;
            self.review.choose(index);
        }
    }

    /// The wheel scrolls what it is over; over the tree it chooses.
    pub(super) fn wheeled(&mut self, wheel: Wheel, column: u16, row: u16) {
        if self.help || self.is_typing() || !self.is_whole() {
            return;
        }
        let (step, lines) = match wheel {
            Wheel::Up => (Command::Up, Command::PageUp),
            Wheel::Down => (Command::Down, Command::PageDown),
        };
        if self.log.is_open() {
            self.log.scroll(lines, LINES);
        } else if self.phase == Phase::Review {
            let is_over_tree = self.review_areas()[0].contains(Position { x: column, y: row });
            self.review.move_by(if is_over_tree { step } else { lines }, LINES);
        } else if self.phase == Phase::Asking {
            if keymap::bindings(self).any(|row| row.command == step) {
                let _it_only_chooses = self.command(step);
            }
        } else if self.may_scroll() {
            let in_sight = self.rows_in_sight();
            let columns = usize::from(self.size.0);
            (0..LINES).for_each(|_| self.progress.scroll(step, in_sight, columns));
        }
    }

    fn is_covered(&self) -> bool {
        self.help || self.log.is_open() || self.is_typing() || !self.is_whole()
    }

    fn review_areas(&self) -> [Rect; 2] {
        let choices = self.review.lines_of_choices(self.size.0);
        layout::review(layout::areas(Rect::new(0, 0, self.size.0, self.size.1)).body, choices)
    }
}
