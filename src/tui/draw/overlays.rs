//! What lies over a screen: all keys, and the log.

use super::{boxed, heading, review::scrollbar, text::fit};
use crate::tui::{keymap, layout, state::State, theme::Theme};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};

pub(super) fn help(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let below = State { help: false, ..state.clone() };
    let hints = keymap::hints(&below, true, theme.glyphs.ascii);
    let air = u16::from(usize::from(area.height) >= hints.len() + 4);
    let height = u16::try_from(hints.len() + 2).unwrap_or(u16::MAX).saturating_add(2 * air);
    let place = layout::centred(area, 66, height);
    let mut block = boxed(theme, heading("Keys that work here", theme, place));
    if state.mouse {
        block = block.title_bottom(heading("mouse: click, wheel; with Shift it selects text", theme, place));
    }
    let inner = block.inner(place);
    let mut lines = vec![Line::default(); usize::from(air)];
    lines.extend(hints.into_iter().map(|hint| {
        Line::from(vec![Span::styled(format!("  {:<14}", hint.keys), theme.accent), Span::raw(hint.label)])
    }));
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    frame.render_widget(Paragraph::new(lines), inner);
}

pub(super) fn log(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let block = boxed(theme, heading(&format!("Log, {} lines", state.log.len()), theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let room = usize::from(inner.width).saturating_sub(1);
    let lines: Vec<Line> = state
        .log
        .window(usize::from(inner.height))
        .iter()
        .map(|line| Line::raw(format!(" {}", fit(line, room, theme))))
        .collect();
    frame.render_widget(Paragraph::new(lines), inner);
    let height = usize::from(inner.height);
    scrollbar(theme, frame, area, state.log.len(), state.log.first_in_sight(height), height);
}
