//! The screens, drawn. Drawing only reads the state: the same state is the same picture.

mod asking;
mod home;
mod looking;
mod overlays;
mod progress;
mod review;
mod rotating;
mod taking_away;
mod text;
mod try_it;
mod yaml;

pub(super) use asking::choice_at;
pub(super) use text::wrap;

use super::{
    keymap,
    layout::{self, Areas},
    state::{Phase, Prompt, State, WHOLE},
    theme::Theme,
};
use crate::engine::event::{Counts, Outcome};
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Paragraph, Wrap},
};
use std::time::Duration;
use text::{fit, width};

/// Draws `state`.
pub fn draw(state: &State, theme: &Theme, frame: &mut Frame) {
    let window = frame.area();
    let areas = layout::areas(window);
    if window.width < WHOLE.0 || window.height < WHOLE.1 {
        too_small(state, theme, frame, window);
    } else {
        header(state, theme, frame, areas.header);
        body(state, theme, frame, areas);
        status(state, theme, frame, areas.status);
        hints(state, theme, frame, areas.hints);
    }
    if theme.glyphs.ascii {
        only_ascii(frame.buffer_mut());
    }
}

fn body(state: &State, theme: &Theme, frame: &mut Frame, areas: Areas) {
    if state.log.is_open() {
        overlays::log(state, theme, frame, areas.body);
    } else {
        match state.phase {
            Phase::Home => {
                if let Some(shown) = &state.home {
                    home::draw(state, shown, theme, frame, areas.body);
                }
            }
            Phase::Asking => {
                if let Some(asking) = &state.asking {
                    asking::draw(state, asking, theme, frame, areas.body);
                }
            }
            Phase::Review => review::draw(state, theme, frame, areas.body),
            Phase::Applying => progress::draw(state, theme, frame, areas.body),
            Phase::Over if state.progress.has_rows() => progress::draw(state, theme, frame, areas.body),
            Phase::Looking | Phase::Over => looking::draw(state, theme, frame, areas.body),
        }
    }
    if state.phase == Phase::Asking {
        // Above it the question can be read and answered.
        let lower = areas.body.height.saturating_sub(9);
        let below = Rect { y: areas.body.y + lower, height: areas.body.height - lower, ..areas.body };
        looking::device_code(state, theme, frame, below);
    }
    if state.help {
        overlays::help(state, theme, frame, areas.body);
    }
}

fn header(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let left = vec![
        Span::styled(" gatewright", theme.accent),
        Span::raw("  "),
        Span::raw(format!("{} {}", state.opening.doing, state.opening.about)),
    ];
    let mut right = Vec::new();
    if state.opening.practice {
        right.push(Span::styled(" PRACTICE ", theme.banner));
    }
    if let Some(world) = &state.world {
        right.push(Span::raw(format!("  {}", world.tenant)));
        right.push(Span::styled(format!("  {}", world.context), theme.faint));
    }
    right.push(Span::raw(" "));
    let right_width = right.iter().map(|span| width(&span.content)).sum::<usize>().min(usize::from(area.width) * 2 / 3);
    let right_width = u16::try_from(right_width).unwrap_or(area.width);
    let left_area = Rect { width: area.width.saturating_sub(right_width), ..area };
    let right_area = Rect { x: area.x + left_area.width, width: right_width, ..area };
    frame.render_widget(Line::from(left), left_area);
    frame.render_widget(Line::from(right), right_area);
}

fn status(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    if let Some(prompt) = &state.prompt {
        return typing(prompt, state, theme, frame, area);
    }
    if let Some(notice) = &state.notice {
        frame.render_widget(Line::styled(format!(" {notice}"), theme.care), area);
        return;
    }
    if state.phase == Phase::Applying {
        progress::bar(state, theme, frame, area);
        return;
    }
    let (text, style) = truth(state, theme);
    let room = usize::from(area.width).saturating_sub(1);
    frame.render_widget(Line::styled(format!(" {}", fit(&text, room, theme)), style), area);
}

/// The truth about changes, in a line.
fn truth(state: &State, theme: &Theme) -> (String, Style) {
    if let (Phase::Home, Some(shown)) = (state.phase, &state.home) {
        return home::truth(shown, theme);
    }
    if let Some(asking) = state.asked() {
        return (asking::so_far(state, asking), theme.faint);
    }
    if state.progress.finish.is_none() && state.changed_before > 0 {
        return (format!("{} were changed before; nothing more yet.", state.changed_before), theme.faint);
    }
    let Some(finish) = &state.progress.finish else {
        let text = match (state.phase, state.review.may_be_applied()) {
            (Phase::Review, false) if !state.review.is_blocked() => "There is nothing left to take away.",
            (Phase::Review, false) => "Nothing has been changed. See what is marked: it stands in the way.",
            (Phase::Over, _) => "Nothing has been changed.",
            _ => "Nothing has been changed yet.",
        };
        return (text.to_owned(), theme.faint);
    };
    if state.progress.trial.is_open() {
        return ("THE DOOR IS OPEN: strangers reach the application. See what to do first.".to_owned(), theme.bad);
    }
    let made = changes_text(&finish.counts);
    if state.is_taking_away() {
        return taking_away::ended(finish, &made, theme);
    }
    if state.is_rotating() {
        return rotating::ended(finish, &made, state.is_taken_back(), theme);
    }
    match finish.outcome {
        Outcome::Done => (format!("Done in {}: {made}.", took(finish.took)), theme.good),
        Outcome::NothingToDo => ("Nothing was changed: everything is as it should be.".to_owned(), theme.good),
        Outcome::HandedOver => (format!("Done, but for what is handed over: {made}."), theme.care),
        Outcome::Failed => (format!("Stopped: {made}. Nothing has to be undone; a re-run goes on."), theme.bad),
        Outcome::NotPermitted => (format!("A right is missing: {made}. A re-run goes on."), theme.bad),
        Outcome::Interrupted => (format!("Interrupted: {made}. A re-run goes on from here."), theme.care),
    }
}

fn changes_text(counts: &Counts) -> String {
    let named = [
        (counts.create, "created"),
        (counts.update, "updated"),
        (counts.replace, "replaced"),
        (counts.delete, "deleted"),
        (counts.keep, "kept"),
        (counts.hand_over, "handed over"),
    ];
    let parts: Vec<String> =
        named.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    if parts.is_empty() { "nothing was changed".to_owned() } else { parts.join(", ") }
}

fn typing(prompt: &Prompt, state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let (label, input) = match prompt {
        Prompt::Find(input) => (" Find: ".to_owned(), input),
        Prompt::Filter(input) => (" Show those with: ".to_owned(), input),
        Prompt::Folder(input) => (" Save as files in the folder: ".to_owned(), input),
        Prompt::Confirm(input) => (format!(" Type {} to take it away: ", state.opening.about), input),
    };
    // What is typed is looked for at once, and so is said what came of it.
    let found = match prompt {
        Prompt::Find(input) if !input.value().is_empty() => match state.review.count_found() {
            0 => " in none ".to_owned(),
            1 => " in 1 object ".to_owned(),
            count => format!(" in {count} objects "),
        },
        _ => String::new(),
    };
    let found_width = u16::try_from(width(&found)).unwrap_or_default().min(area.width);
    let found_area = Rect { x: area.x + area.width - found_width, width: found_width, ..area };
    frame.render_widget(Span::styled(found, theme.care), found_area);
    let area = Rect { width: area.width - found_width, ..area };
    let label_width = u16::try_from(width(&label)).unwrap_or_default();
    let room = area.width.saturating_sub(label_width).saturating_sub(1);
    let skipped = input.visual_scroll(usize::from(room));
    frame.render_widget(Span::styled(label, theme.accent), Rect { width: label_width.min(area.width), ..area });
    let field = Rect { x: area.x + label_width.min(area.width), width: room, ..area };
    let skip = u16::try_from(skipped).unwrap_or_default();
    frame.render_widget(Paragraph::new(input.value()).scroll((0, skip)), field);
    let cursor = u16::try_from(input.visual_cursor().saturating_sub(skipped)).unwrap_or_default();
    frame.set_cursor_position((field.x + cursor.min(room), area.y));
}

fn hints(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let hints = keymap::hints(state, false, theme.glyphs.ascii);
    let room = usize::from(area.width).saturating_sub(1);
    let wide = |gap: usize| hints.iter().map(|hint| width(&hint.keys) + 1 + width(&hint.label) + gap).sum::<usize>();
    let gap = if wide(3) <= room { 3 } else { 2 };
    let mut spans = vec![Span::raw(" ")];
    let mut used = 0;
    // The last hint tells where all of them are: it is never the one that is left out.
    let last_width = hints.last().map_or(0, |hint| width(&hint.keys) + 1 + width(&hint.label));
    for (index, hint) in hints.iter().enumerate() {
        let this = width(&hint.keys) + 1 + width(&hint.label) + gap;
        let is_last = index + 1 == hints.len();
        if !is_last && used + this + last_width > room {
            continue;
        }
        used += this;
        spans.push(Span::styled(hint.keys.clone(), theme.accent));
        spans.push(Span::raw(format!(" {}{}", hint.label, " ".repeat(gap))));
    }
    frame.render_widget(Line::from(spans), area);
}

/// Says kindly that the window is too small, and how far things are.
fn too_small(state: &State, theme: &Theme, frame: &mut Frame, window: Rect) {
    let (columns, rows) = WHOLE;
    let keys = match state.phase {
        Phase::Applying => "^C stops.",
        Phase::Asking => "^C leaves.",
        _ => "q leaves.",
    };
    let mut lines = vec![
        Line::styled("A little small", theme.strong),
        Line::raw(format!(
            "This window has {}x{}; from {columns}x{rows} on, everything fits. {keys}",
            window.width, window.height
        )),
    ];
    if state.progress.has_rows() {
        lines.push(Line::styled(format!("{} of {}", state.progress.done(), state.progress.rows.len()), theme.accent));
    }
    let height = u16::try_from(lines.len() + 1).unwrap_or(3);
    let area = layout::centred(window, 48, height);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), area);
}

/// A box with a title.
fn boxed<'a>(theme: &Theme, title: impl Into<Line<'a>>) -> Block<'a> {
    Block::bordered().border_set(theme.glyphs.border).border_style(theme.border).title(title)
}

/// A title with air around it, cut to what fits.
fn heading(text: &str, theme: &Theme, area: Rect) -> Line<'static> {
    let room = usize::from(area.width).saturating_sub(6);
    Line::styled(format!(" {} ", fit(text, room, theme)), on_border(theme.strong))
}

/// What stands in a border is not as faint as it.
fn on_border(style: Style) -> Style {
    style.remove_modifier(Modifier::DIM)
}

/// The frame of the spinner at this time.
fn spinner(state: &State, theme: &Theme) -> &'static str {
    let frames = theme.glyphs.spinner;
    let count = state.now.as_millis() / 100;
    let index = usize::try_from(count).unwrap_or_default().checked_rem(frames.len()).unwrap_or_default();
    frames.get(index).copied().unwrap_or(" ")
}

fn took(time: Duration) -> String {
    format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
}

fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

/// Where the locale has nothing but ASCII, nothing else is sent, wherever it came from.
fn only_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let Some(first) = cell.symbol().chars().next().filter(|first| !first.is_ascii()) else { continue };
        let plain = match first {
            '‹' => "<",
            '›' => ">",
            '‘' | '’' => "'",
            '“' | '”' => "\"",
            '–' | '—' | '−' | '·' => "-",
            '…' => "~",
            'ä' | 'á' | 'à' | 'â' => "a",
            'ö' | 'ó' | 'ò' | 'ô' => "o",
            'ü' | 'ú' | 'ù' | 'û' => "u",
            'é' | 'è' | 'ê' | 'ë' => "e",
            'ß' => "s",
            _ => "?",
        };
        cell.set_symbol(plain);
    }
}
