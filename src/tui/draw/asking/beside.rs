//! What the step makes, and why it matters: beside the question, or over it where there is no room beside.

use super::super::{
    boxed, heading,
    text::{fit, width, wrap},
};
use crate::{
    tui::{layout, state::Asking, theme::Theme},
    wizard::{Made, Step},
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};

/// Why the look at all answers is there.
const REVIEW: &str = "These answers say everything: saved as a file, they make the same installation again. The plan comes next. It shows \
                      every object that would be made or changed, and you are asked once more before anything is written.";

pub(super) fn draw(asking: &Asking, theme: &Theme, frame: &mut Frame, area: Rect) {
    let block = boxed(theme, heading(title(asking), theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let room = usize::from(inner.width).saturating_sub(2);
    let height = usize::from(inner.height);
    let why = why(asking, theme, room);
    let lines = beside(asking, why, theme, room, height);
    frame.render_widget(Paragraph::new(lines), inner);
}

/// The same over the question, with everything that there is no room for beside it.
pub(super) fn explanation(asking: &Asking, first: usize, theme: &Theme, frame: &mut Frame, area: Rect) {
    let room = usize::from(area.width.min(76)).saturating_sub(4);
    let mut lines = why(asking, theme, room);
    let made = made(asking, theme, room, true);
    if !made.is_empty() {
        lines.push(Line::default());
        lines.push(Line::styled(format!(" {}", title(asking)), theme.strong));
        lines.extend(made);
    }
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let place = layout::centred(area, 76, height);
    let block = boxed(theme, heading("Why", theme, place));
    let inner = block.inner(place);
    let last = lines.len().saturating_sub(usize::from(inner.height));
    lines.drain(..first.min(last));
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    frame.render_widget(Paragraph::new(lines), inner);
}

fn title(asking: &Asking) -> &'static str {
    if made_by(asking).is_empty() { "What this is for" } else { "This makes" }
}

fn made_by(asking: &Asking) -> Vec<Made> {
    let wizard = asking.wizard();
    match wizard.step() {
        Step::Review => Step::ALL.into_iter().flat_map(|step| wizard.makes(step)).collect(),
        step => wizard.makes(step),
    }
}

fn why(asking: &Asking, _theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let text = asking.question().map_or(REVIEW, |question| question.help);
    wrap(text, room).into_iter().map(|line| Line::raw(format!(" {line}"))).collect()
}

/// What is made first, as far as there is room beside the reason for the question.
fn beside(asking: &Asking, why: Vec<Line<'static>>, theme: &Theme, room: usize, height: usize) -> Vec<Line<'static>> {
    let mut lines = made(asking, theme, room, true);
    if lines.is_empty() {
        return why;
    }
    let left = height.saturating_sub(why.len() + 2).max(3);
    if lines.len() > left {
        lines = made(asking, theme, room, false);
    }
    if lines.len() > left {
        let more = lines.len() - left.saturating_sub(1);
        lines.truncate(left.saturating_sub(1));
        lines.push(Line::styled(format!(" and {more} more"), theme.faint));
    }
    lines.push(Line::default());
    lines.push(Line::styled(" Why", theme.strong));
    lines.extend(why);
    lines
}

fn made(asking: &Asking, theme: &Theme, room: usize, in_full: bool) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for made in made_by(asking) {
        let place = made.place.map(|place| format!("{place}/")).unwrap_or_default();
        let full = format!("{place}{}", made.name);
        let kind = width(made.kind) + 3;
        if in_full && kind + 1 + width(&full) > room {
            lines.push(Line::from(vec![Span::styled(" + ", theme.good), Span::raw(made.kind)]));
            // Where both have no room in a line, they stand below each other.
            let room = room.saturating_sub(2);
            let parts = if width(&full) > room { vec![place, made.name] } else { vec![full] };
            let place = parts.iter().flat_map(|part| wrap(part, room));
            lines.extend(place.map(|line| Line::styled(format!("   {line}"), theme.faint)));
        } else {
            let name = if in_full { full } else { made.name };
            let name = fit(&name, room.saturating_sub(kind + 1), theme);
            lines.push(Line::from(vec![
                Span::styled(" + ", theme.good),
                Span::raw(made.kind),
                Span::styled(format!(" {name}"), theme.faint),
            ]));
        }
    }
    lines
}
