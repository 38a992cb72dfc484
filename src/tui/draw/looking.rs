//! LOOKING: facts as they arrive; or why there is no going on.

use super::{
    boxed, clock, heading, spinner,
    text::{column, fit, width, wrap},
};
use crate::{
    engine::event::Problem,
    tui::{
        layout,
        state::{Fact, State},
        theme::Theme,
    },
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};

pub(super) fn draw(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let block = boxed(theme, heading("What is there", theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let room = usize::from(inner.width).saturating_sub(2);
    let mut lines = vec![Line::default()];
    lines.extend(state.looking.facts.iter().map(|fact| fact_line(fact, state, theme, room)));
    let problem = state.ending.as_ref().and_then(|ending| ending.problem.as_ref());
    if let Some(problem) = problem {
        lines.push(Line::default());
        lines.push(Line::from(vec![
            Span::styled(format!("  {} ", theme.glyphs.failed), theme.bad),
            Span::styled(format!("{} cannot go on", state.opening.doing), theme.bad),
        ]));
        lines.extend(problem_lines(problem, theme, room, "    "));
    }
    frame.render_widget(Paragraph::new(lines), inner);
    if problem.is_none() {
        device_code(state, theme, frame, inner);
    }
}

fn fact_line(fact: &Fact, state: &State, theme: &Theme, room: usize) -> Line<'static> {
    match &fact.found {
        Some(found) => {
            let label = 58.min(width(&fact.what).max(14));
            Line::from(vec![
                Span::styled(format!("  {} ", theme.glyphs.done), theme.good),
                Span::raw(column(&fact.what, label, theme)),
                Span::styled(format!("  {}", fit(found, room.saturating_sub(label + 4), theme)), theme.faint),
            ])
        }
        None if state.ending.is_some() => Line::from(vec![
            Span::styled(format!("  {} ", theme.glyphs.failed), theme.bad),
            Span::raw(fit(&fact.what, room.saturating_sub(4), theme)),
        ]),
        None => {
            let since = clock(state.now.saturating_sub(fact.since));
            Line::from(vec![
                Span::styled(format!("  {} ", spinner(state, theme)), theme.accent),
                Span::raw(fit(&fact.what, room.saturating_sub(14), theme)),
                Span::styled(format!("  {since}"), theme.faint),
            ])
        }
    }
}

/// A problem: what was tried, what came back, what to do.
pub(super) fn problem_lines(problem: &Problem, theme: &Theme, room: usize, indent: &str) -> Vec<Line<'static>> {
    let parts = [
        ("tried", &problem.tried, theme.faint),
        ("came back", &problem.cause, theme.bad),
        ("to do", &problem.remedy, theme.strong),
    ];
    let mut lines = Vec::new();
    for (label, text, style) in parts {
        let room = room.saturating_sub(width(indent) + 11);
        for (index, line) in wrap(text, room).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{indent}{label:<11}"), theme.faint),
                Span::styled(
                    line,
                    if label == "to do" || style == theme.strong { theme.strong } else { ratatui::style::Style::new() },
                ),
            ]));
        }
    }
    lines
}

pub(super) fn device_code(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let Some(code) = &state.looking.device_code else { return };
    let lines = vec![
        Line::default(),
        Line::from(vec![Span::raw("  Open    "), Span::styled(code.url.clone(), theme.accent)]),
        Line::from(vec![Span::raw("  Enter   "), Span::styled(code.code.clone(), theme.chosen)]),
        Line::default(),
        Line::styled(
            format!("  Good until {}. This goes on by itself once you have signed in.", code.until),
            theme.faint,
        ),
    ];
    let place = layout::centred(area, 72, 7);
    let block = boxed(theme, heading("Sign in to Entra", theme, place));
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    frame.render_widget(Paragraph::new(lines), inner);
}
