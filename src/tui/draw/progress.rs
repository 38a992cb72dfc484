//! APPLY and END: what is happening, why it waits, and how it ended.

use super::{
    boxed, clock, heading,
    looking::problem_lines,
    review::scrollbar,
    rotating, spinner,
    text::{self, column, fit, width, wrap},
    took, try_it,
};
use crate::{
    engine::event::{Action, HandOver},
    tui::{
        layout,
        state::{Pace, Phase, Row, State, Status},
        theme::Theme,
    },
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Paragraph,
};
use std::time::Duration;

/// Columns below which there is no use in beginning a sentence.
const FEW_WORDS: usize = 12;

pub(super) fn draw(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let is_over = state.phase == Phase::Over;
    let [rows, said] = layout::progress(area, is_over);
    table(state, theme, frame, rows);
    if is_over { ended(state, theme, frame, said) } else { now(state, theme, frame, said) }
}

fn table(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let about = &state.opening.about;
    let title = match (state.is_taking_away(), state.rotation(), state.phase == Phase::Over) {
        (_, Some(rotation), false) => format!("Rotate the {} of {about}", rotation.what.name()),
        (_, Some(rotation), true) => format!("The {} of {about}", rotation.what.name()),
        (false, None, false) => format!("Apply {about}"),
        (false, None, true) => format!("Applied {about}"),
        (true, None, false) => format!("Take away {about}"),
        (true, None, true) => format!("Taken away {about}"),
    };
    let block = boxed(theme, heading(&title, theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let room = usize::from(inner.width);
    let rows = state.progress.rows.iter().flat_map(|row| row_lines(row, state, theme, room));
    let lines: Vec<Line> = rows.chain(try_it::lines(&state.progress.trial, theme, room)).collect();
    let height = usize::from(inner.height);
    let all = lines.len();
    let first = state.progress.first_in_sight(all, height);
    let shown: Vec<Line> = lines.into_iter().skip(first).take(height).collect();
    frame.render_widget(Paragraph::new(shown), inner);
    scrollbar(theme, frame, area, all, first, height);
}

fn row_lines(row: &Row, state: &State, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let name_room = (room * 32 / 100).clamp(22, 46);
    let note_room = room.saturating_sub(3 + 21 + 1 + name_room + 1 + 7 + 2);
    let shown = shown(row, state, theme);
    let name_style = if matches!(row.status, Status::Waiting) { theme.faint } else { Style::new() };
    let mut lines = vec![Line::from(vec![
        Span::styled(format!(" {} ", shown.mark), shown.mark_style),
        Span::styled(column(&row.title.kind, 21, theme), name_style),
        Span::raw(" "),
        Span::styled(column(&row.title.name, name_room, theme), name_style),
        Span::raw(" "),
        Span::styled(format!("{:>7}", shown.time), theme.faint),
        Span::raw("  "),
        Span::styled(fit(&shown.note, note_room, theme), shown.note_style),
    ])];
    match &row.status {
        Status::Failed(problem) => lines.extend(problem_lines(problem, theme, room.saturating_sub(1), "   ")),
        Status::HandedOver(hand_over) => lines.extend(hand_over_lines(hand_over, theme, room.saturating_sub(1))),
        _ => {}
    }
    lines
}

/// What a row's status looks like.
struct Shown {
    mark: &'static str,
    mark_style: Style,
    time: String,
    note: String,
    note_style: Style,
}

fn shown(row: &Row, state: &State, theme: &Theme) -> Shown {
    let glyphs = theme.glyphs;
    let (mark, mark_style, time, note, note_style) = match &row.status {
        Status::Waiting => (glyphs.waiting, theme.faint, String::new(), String::new(), theme.faint),
        Status::Running { since, reason, .. } => {
            let elapsed = clock(state.now.saturating_sub(*since));
            (spinner(state, theme), theme.accent, elapsed, reason.clone().unwrap_or_default(), theme.care)
        }
        Status::Ready { action: Some(Action::Keep), proof, .. } => {
            let note = proof.clone().unwrap_or_else(|| "as it was".to_owned());
            ("=", theme.faint, String::new(), note, theme.faint)
        }
        Status::Ready { action, proof, took: time } => {
            let note = proof.clone().unwrap_or_else(|| action.map_or("proven", Action::done).to_owned());
            (glyphs.done, theme.good, took(*time), note, theme.good)
        }
        Status::Failed(_) => (glyphs.failed, theme.bad, String::new(), "failed".to_owned(), theme.bad),
        Status::HandedOver(hand_over) => {
            (glyphs.handed_over, theme.care, String::new(), format!("for {}", hand_over.who), theme.care)
        }
    };
    Shown { mark, mark_style, time, note, note_style }
}

pub(super) fn hand_over_lines(hand_over: &HandOver, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let said = format!("{} Send this to {}:", hand_over.reason, hand_over.who);
    let room = room.saturating_sub(3);
    let mut lines: Vec<Line> =
        wrap(&said, room).into_iter().map(|line| Line::styled(format!("   {line}"), theme.faint)).collect();
    for text in [&hand_over.link, &hand_over.command].into_iter().flatten() {
        lines.extend(wrap(text, room).into_iter().map(|line| Line::styled(format!("   {line}"), theme.strong)));
    }
    if hand_over.text.is_some() {
        let where_it_is = "A text to send with it is written into the scrollback when this screen is left.";
        lines.extend(wrap(where_it_is, room).into_iter().map(|line| Line::styled(format!("   {line}"), theme.faint)));
    }
    lines
}

/// What runs, and why it waits, in full: the rows have room for a few words of it.
fn now(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let title = match &state.progress.undoing {
        _ if state.stopping => "Stopping: what is being written is finished first".to_owned(),
        Some(reason) => format!("{reason} What was in use before is put back"),
        None => "Now".to_owned(),
    };
    let block = boxed(theme, heading(&title, theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let room = usize::from(inner.width).saturating_sub(2);
    if let Some(what) = state.deciding {
        frame.render_widget(Paragraph::new(rotating::last_state(what, theme, room)), inner);
        return;
    }
    let mut said = Vec::new();
    // What has waited longest is what one wonders about.
    let mut waiting: Vec<(&Row, Duration, &str, Option<Duration>)> = state
        .progress
        .running()
        .filter_map(|row| match &row.status {
            Status::Running { since, reason: Some(reason), budget } => Some((row, *since, reason.as_str(), *budget)),
            _ => None,
        })
        .collect();
    waiting.sort_by_key(|(_, since, _, _)| *since);
    for (row, since, reason, budget) in waiting {
        let elapsed = clock(state.now.saturating_sub(since));
        let times = budget.map_or_else(|| elapsed.clone(), |budget| format!("{elapsed} of at most {}", clock(budget)));
        let text = format!("{} {} ({times}): {reason}", row.title.kind, row.title.name);
        said.extend(wrap(&text, room));
    }
    let said = text::first(said, usize::from(inner.height), room, theme);
    let mut lines: Vec<Line> = said.into_iter().map(|line| Line::raw(format!(" {line}"))).collect();
    if let Some(address) = state.progress.trial.address.as_ref().filter(|_| lines.is_empty()) {
        lines.push(Line::raw(format!(" {}", fit(&format!("Trying {address} as a stranger"), room, theme))));
    }
    if lines.is_empty() {
        if matches!(state.pace, Pace::Paused(_)) {
            lines.push(Line::styled(" Nothing is being written, and nothing is waited for: p goes on.", theme.faint));
        }
        let kinds = state.progress.running().map(|row| row.title.kind.clone()).collect::<Vec<_>>().join(", ");
        if !kinds.is_empty() {
            lines.push(Line::styled(format!(" {}", fit(&format!("Writing {kinds}"), room, theme)), theme.faint));
        }
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

fn ended(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let block = boxed(theme, heading("What next", theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let room = usize::from(inner.width).saturating_sub(2);
    let mut lines = Vec::new();
    let address = state.progress.finish.as_ref().and_then(|finish| finish.address.as_ref());
    // Nobody is invited through a door that stands open, or to what is not there.
    let is_settled_well = |row: &Row| row.is_settled() && !matches!(row.status, Status::Failed(_));
    let may_be_tried = !state.progress.trial.is_open() && state.progress.rows.iter().all(is_settled_well);
    if let Some(address) = address.filter(|_| may_be_tried) {
        lines.push(Line::from(vec![Span::raw(" Try it   "), Span::styled(address.clone(), theme.accent)]));
    }
    if let Some(good_until) = &state.progress.good_until {
        lines.push(Line::styled(format!(" {}", fit(good_until, room, theme)), theme.faint));
    }
    if !lines.is_empty() {
        lines.push(Line::default());
    }
    let next: Vec<&(String, String)> = state.ending.iter().flat_map(|ending| &ending.next).collect();
    lines.extend(commands(&next, theme, room, usize::from(inner.height).saturating_sub(lines.len())));
    frame.render_widget(Paragraph::new(lines), inner);
}

/// Commands and what they are good for, in so many columns and rows. A command that is cut is of no use, so what it is good for goes
/// below it, or away.
fn commands(next: &[&(String, String)], theme: &Theme, room: usize, rows: usize) -> Vec<Line<'static>> {
    let longest = next.iter().map(|(command, _)| width(command)).max().unwrap_or_default();
    if longest > room / 2 && next.len() * 2 <= rows {
        let both = |(command, good_for): &&(String, String)| {
            let good_for = fit(good_for, room.saturating_sub(2), theme);
            [Line::styled(format!(" {}", fit(command, room, theme)), theme.accent), Line::raw(format!("   {good_for}"))]
        };
        return next.iter().flat_map(both).collect();
    }
    let beside = if longest > room / 2 { 0 } else { longest };
    let one = |(command, good_for): &&(String, String)| {
        let command = column(command, width(command).max(beside).min(room), theme);
        let left = room.saturating_sub(width(&command) + 3);
        let good_for = if left < FEW_WORDS { String::new() } else { fit(good_for, left, theme) };
        Line::from(vec![Span::styled(format!(" {command}"), theme.accent), Span::raw(format!("   {good_for}"))])
    };
    next.iter().map(one).collect()
}

/// How far it has come.
pub(super) fn bar(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let (done, all) = (state.progress.done(), state.progress.rows.len());
    let paused = match &state.pace {
        Pace::GoingOn => None,
        Pace::Pausing => Some("Pausing after what is being done now".to_owned()),
        Pace::Paused(None) => Some("Paused before anything was done".to_owned()),
        Pace::Paused(Some(after)) => Some(format!("Paused after {} {}", after.kind, after.name)),
    };
    if let Some(paused) = paused.filter(|_| !state.stopping) {
        let counted = format!(": {done} of {all} done. p goes on.");
        let room = usize::from(area.width).saturating_sub(width(&counted) + 1);
        frame.render_widget(Line::styled(format!(" {}{counted}", fit(&paused, room, theme)), theme.care), area);
        return;
    }
    let said = format!("  {done} of {all}   {} changed so far", state.progress.changed());
    let room = usize::from(area.width).saturating_sub(width(&said) + 4).min(60);
    let full = (room * done).checked_div(all).unwrap_or_default();
    let line = Line::from(vec![
        Span::raw(" ["),
        Span::styled(theme.glyphs.full.repeat(full), theme.good),
        Span::styled(theme.glyphs.empty.repeat(room.saturating_sub(full)), theme.faint),
        Span::raw("]"),
        Span::raw(said),
    ]);
    frame.render_widget(line, area);
}
