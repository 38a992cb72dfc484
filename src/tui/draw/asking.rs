//! ASKING: the steps, the open question, and what the step makes.

mod beside;
mod question;

pub(in crate::tui) use question::choice_at;

use super::{
    boxed, heading,
    text::{fit, wrap},
};
use crate::{
    tui::{
        layout,
        state::{Asking, Focus, State, WIDE},
        theme::Theme,
    },
    wizard::{Step, StepState},
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};

/// What follows after the questions.
const AFTER: [&str; 2] = ["Apply", "Try it"];

pub(super) fn draw(state: &State, asking: &Asking, theme: &Theme, frame: &mut Frame, area: Rect) {
    let areas = layout::asking(area, WIDE);
    steps(asking, theme, frame, areas.steps);
    question::draw(state, asking, theme, frame, areas.question);
    if let Some(area) = areas.beside {
        beside::draw(asking, theme, frame, area);
    }
    match asking.focus {
        Focus::Explanation(first) => beside::explanation(asking, first, theme, frame, area),
        Focus::Leaving => leaving(state, theme, frame, area),
        Focus::Question | Focus::Steps(_) => {}
    }
}

fn steps(asking: &Asking, theme: &Theme, frame: &mut Frame, area: Rect) {
    let block = boxed(theme, heading("Steps", theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let room = usize::from(inner.width);
    let chosen = match asking.focus {
        Focus::Steps(chosen) => Some(chosen),
        _ => None,
    };
    let mut lines = Vec::new();
    for (index, (step, state)) in asking.wizard().steps().into_iter().enumerate() {
        lines.push(step_line(step.title(), Some(state), chosen == Some(index), theme, room));
    }
    lines.extend(AFTER.map(|title| step_line(title, None, false, theme, room)));
    frame.render_widget(Paragraph::new(lines), inner);
}

fn step_line(title: &str, state: Option<StepState>, is_chosen: bool, theme: &Theme, room: usize) -> Line<'static> {
    let glyphs = theme.glyphs;
    let (mark, mark_style, style) = match state {
        Some(StepState::Done) => (glyphs.done, theme.good, Style::new()),
        Some(StepState::Current) => (glyphs.here, theme.accent, theme.strong),
        Some(StepState::Open) | None => (glyphs.open, theme.faint, theme.faint),
    };
    let title = fit(title, room.saturating_sub(4), theme);
    let pointer = if is_chosen { glyphs.chosen } else { " " };
    let title = if is_chosen { Span::styled(title, theme.chosen) } else { Span::styled(title, style) };
    Line::from(vec![Span::styled(pointer, theme.accent), Span::styled(mark, mark_style), Span::raw(" "), title])
}

fn leaving(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let place = layout::centred(area, 52, 6);
    let block = boxed(theme, heading(if state.leads_home() { "Back home?" } else { "Leave?" }, theme, place));
    let inner = block.inner(place);
    let room = usize::from(inner.width).saturating_sub(2);
    let said = "This is the first question; there is nothing before it. Nothing has been changed, and the answers so far are not kept.";
    let lines: Vec<Line> = wrap(said, room).into_iter().map(|line| Line::raw(format!(" {line}"))).collect();
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    frame.render_widget(Paragraph::new(lines), inner);
}

/// How far the answers are, in a line.
pub(super) fn so_far(state: &State, asking: &Asking) -> String {
    let changed = match state.changed_before {
        0 => "Nothing has been changed yet.".to_owned(),
        before => format!("{before} were changed before; nothing more yet."),
    };
    let (answered, all) = asking.wizard().answered();
    match asking.wizard().step() {
        Step::Review => format!("{changed} All questions are answered."),
        _ => format!("{changed} {answered} of {all} questions are answered."),
    }
}
