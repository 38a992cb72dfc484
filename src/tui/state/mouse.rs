//! What clicks and the wheel do. Nothing needs them: each is a shorter way to what keys do.

use super::{Phase, State, TreeRow};
use crate::tui::{
    happening::Wheel,
    keymap::{self, Command},
    layout,
};
use ratatui::layout::{Position, Rect};

/// How many lines a turn of the wheel goes.
const LINES: usize = 3;

impl State {
    /// A click chooses the row it is on.
    pub(super) fn clicked(&mut self, column: u16, row: u16) {
        if self.phase != Phase::Review || self.is_covered() {
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
        layout::review(layout::areas(Rect::new(0, 0, self.size.0, self.size.1)).body)
    }
}
