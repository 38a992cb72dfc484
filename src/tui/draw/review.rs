//! REVIEW: the objects, before they exist.

use super::{
    boxed, heading,
    looking::problem_lines,
    on_border, rotating, taking_away,
    text::{column, fit, width, wrap},
    yaml,
};
use crate::{
    blueprint::Wave,
    engine::event::{Action, Counts, TeardownGroup},
    tui::{
        layout,
        state::{Item, Pane, Review, State, TreeRow},
        theme::Theme,
    },
};
use ratatui::{
    Frame,
    layout::{Alignment, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Paragraph, Scrollbar, ScrollbarOrientation, ScrollbarState},
};

pub(super) fn draw(state: &State, theme: &Theme, frame: &mut Frame, area: Rect) {
    let choices = state.review.lines_of_choices(state.size.0);
    let [left, right] = layout::review(area, choices);
    tree(&state.review, theme, frame, left);
    text(&state.review, theme, frame, right);
    let height = choices.min(area.height);
    let below = Rect { y: area.y + area.height - height, height, ..area };
    if let Some(about) = &state.review.taking_away {
        taking_away::choices(about, theme, frame, below);
    }
    if let Some(rotation) = state.rotation() {
        rotating::notice(rotation, theme, frame, below);
    }
}

fn tree(review: &Review, theme: &Theme, frame: &mut Frame, area: Rect) {
    let counted = match &review.taking_away {
        None => format!("{} objects: ", review.items.len()),
        Some(_) => String::new(),
    };
    let mut title = format!("{counted}{}", counts_text(&review.counts, theme));
    if width(&title) + 6 > usize::from(area.width) {
        title = counted + &counts_in_signs(&review.counts, theme);
    }
    if review.rotating.is_some() {
        title = rotating::title(review);
    }
    let block = boxed(theme, heading(&title, theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let rows = review.rows();
    let height = usize::from(inner.height);
    let first = review.first_row(height);
    let room = usize::from(inner.width);
    let lines: Vec<Line> = rows
        .iter()
        .skip(first)
        .take(height)
        .map(|row| match row {
            TreeRow::Group(name) => Line::styled(format!(" {name}"), theme.strong),
            TreeRow::Item(index) => review
                .items
                .get(*index)
                .map_or_else(Line::default, |item| tree_line(item, *index == review.chosen, theme, room)),
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), inner);
    scrollbar(theme, frame, area, rows.len(), first, height);
}

fn tree_line(item: &Item, is_chosen: bool, theme: &Theme, room: usize) -> Line<'static> {
    let kind_room = match room {
        48.. => 21,
        40.. => 19,
        _ => 15,
    };
    let name_room = room.saturating_sub(kind_room + 5);
    let title = &item.summary.title;
    // The namespace is the first thing to leave out where there is little room.
    let bare = title.name.split_once('/').map_or(title.name.as_str(), |(_, name)| name);
    let name = if width(&title.name) <= name_room || title.name.contains(' ') { title.name.as_str() } else { bare };
    let marker = if is_chosen { theme.glyphs.chosen } else { " " };
    let is_gone = item.fate.as_ref().is_some_and(|fate| fate.group == TeardownGroup::Gone);
    let of_standing = item.standing.and_then(|standing| rotating::sign(standing, theme));
    let (sign, style) = match of_standing {
        Some(sign) => sign,
        None if is_gone => (theme.glyphs.dot, theme.faint),
        None => sign(item.summary.action, theme),
    };
    let kind = column(&title.kind, kind_room, theme);
    let name = column(name, name_room, theme);
    if is_chosen {
        return Line::styled(format!("{marker}{sign} {kind}  {name}"), theme.chosen);
    }
    Line::from(vec![
        Span::raw(marker.to_owned()),
        Span::styled(sign, style),
        Span::raw(format!(" {kind}  ")),
        Span::raw(name),
    ])
}

fn sign(action: Action, theme: &Theme) -> (&'static str, Style) {
    match action {
        Action::Create => ("+", theme.good),
        Action::Update => ("~", theme.care),
        Action::Replace => ("!", theme.care),
        Action::Keep => ("=", theme.faint),
        Action::Delete => ("-", theme.bad),
        Action::HandOver => (theme.glyphs.handed_over, theme.care),
        Action::Blocked => (theme.glyphs.failed, theme.bad),
    }
}

fn counts_text(counts: &Counts, theme: &Theme) -> String {
    counts.in_words().join(&format!(" {} ", theme.glyphs.dot))
}

/// The same, where there is little room.
fn counts_in_signs(counts: &Counts, theme: &Theme) -> String {
    let parts: Vec<String> =
        counts.by_action().map(|(count, action)| format!("{}{count}", sign(action, theme).0)).collect();
    parts.join(" ")
}

fn text(review: &Review, theme: &Theme, frame: &mut Frame, area: Rect) {
    let Some(item) = review.item() else {
        frame.render_widget(boxed(theme, Line::default()), area);
        return;
    };
    let title = format!("{}  {}", item.summary.title.kind, item.summary.title.name);
    let block = boxed(theme, heading(&title, theme, area)).title_bottom(tabs(review, theme));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    // A column of air on both sides.
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let (room, height) = (usize::from(inner.width), usize::from(inner.height));
    let mut all = match review.pane() {
        Pane::Yaml => item.document.lines().count(),
        Pane::Diff => item.summary.diff.lines().count(),
        Pane::Why => 0,
    };
    let mut lines = Vec::new();
    match review.pane() {
        Pane::Yaml => {
            for line in item.document.lines().skip(review.scroll).take(height) {
                lines.extend(yaml_lines(line, theme, room));
            }
        }
        Pane::Diff if item.summary.diff.is_empty() => {
            lines.push(Line::styled(no_diff(item.summary.action), theme.faint));
        }
        Pane::Diff => {
            let shown = item.summary.diff.lines().skip(review.scroll).take(height);
            lines.extend(shown.map(|line| yaml::difference(line, theme)));
        }
        Pane::Why => {
            lines = why(item, theme, room);
            all = lines.len();
            lines.drain(..review.scroll.min(lines.len().saturating_sub(height)));
        }
    }
    if !review.query.is_empty() {
        lines = lines.into_iter().map(|line| yaml::mark(line, &review.query, theme)).collect();
    }
    lines.truncate(height);
    let sideways = u16::try_from(review.sideways).unwrap_or(u16::MAX);
    let widths: Vec<usize> = lines.iter().map(Line::width).collect();
    frame.render_widget(Paragraph::new(lines).scroll((0, sideways)), inner);
    mark_what_is_cut(&widths, review.sideways, theme, frame, inner);
    scrollbar(theme, frame, area, all, review.scroll.min(all.saturating_sub(1)), height);
}

/// Where a line goes on beyond the left or the right, the air beside it says so.
fn mark_what_is_cut(widths: &[usize], sideways: usize, theme: &Theme, frame: &mut Frame, text: Rect) {
    let room = usize::from(text.width);
    for (width, y) in widths.iter().zip(text.top()..text.bottom()) {
        let left = (sideways > 0 && *width > 0).then(|| text.left().saturating_sub(1));
        let right = (*width > sideways + room).then_some(text.right());
        for x in [left, right].into_iter().flatten() {
            if let Some(cell) = frame.buffer_mut().cell_mut((x, y)) {
                cell.set_symbol(theme.glyphs.ellipsis).set_style(theme.faint);
            }
        }
    }
}

/// A comment is broken where the room ends; the rest scrolls sideways.
fn yaml_lines(line: &str, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let indent = line.len() - line.trim_start().len();
    let Some(comment) = line.trim_start().strip_prefix("# ").filter(|_| width(line) > room) else {
        return vec![yaml::highlight(line, theme)];
    };
    let lines = wrap(comment, room.saturating_sub(indent + 2));
    lines.into_iter().map(|text| Line::styled(format!("{}# {text}", " ".repeat(indent)), theme.comment)).collect()
}

fn no_diff(action: Action) -> &'static str {
    match action {
        Action::Keep => "Nothing would change.",
        Action::Delete => "It would be deleted.",
        Action::Blocked => "Not known: see why (w).",
        _ => "The object is as it should be; its ownership is not.",
    }
}

fn tabs(review: &Review, theme: &Theme) -> Line<'static> {
    if review.rotating.is_some() {
        return Line::default();
    }
    let pane = review.pane();
    let mut spans = Vec::new();
    let all = [(Pane::Yaml, "y YAML"), (Pane::Diff, "d diff"), (Pane::Why, "w why")];
    for (this, name) in all.into_iter().filter(|(this, _)| review.has_documents() || *this != Pane::Yaml) {
        let style = if this == pane { on_border(theme.chosen) } else { theme.faint };
        spans.push(Span::styled(format!(" {name} "), style));
    }
    Line::from(spans).alignment(Alignment::Right)
}

fn why(item: &Item, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let summary = &item.summary;
    let mut lines = Vec::new();
    if let Some(problem) = &summary.problem {
        lines.push(Line::styled(fit("In the way", room, theme), theme.bad));
        lines.extend(problem_lines(problem, theme, room, ""));
        lines.push(Line::default());
    }
    if let Some(standing) = item.standing {
        lines.extend(rotating::why(item, standing, theme, room));
        return lines;
    }
    lines.extend(wrap(&summary.why, room).into_iter().map(Line::raw));
    lines.push(Line::default());
    if let Some(fate) = &item.fate {
        lines.extend(taking_away::fate_lines(fate, summary, theme, room));
        return lines;
    }
    let when = format!("{} {}", what_happens(summary.action), when(summary.wave));
    let when = if matches!(summary.action, Action::Keep | Action::HandOver | Action::Blocked) {
        what_happens(summary.action).to_owned()
    } else {
        when
    };
    lines.extend(wrap(&when, room).into_iter().map(|line| Line::styled(line, theme.faint)));
    for warning in &summary.warnings {
        lines.push(Line::default());
        lines.extend(wrap(&format!("Warning: {warning}"), room).into_iter().map(|line| Line::styled(line, theme.care)));
    }
    lines
}

fn what_happens(action: Action) -> &'static str {
    match action {
        Action::Create => "It is created",
        Action::Update => "It is updated",
        Action::Replace => "It is deleted and made anew, because what differs can't be changed,",
        Action::Keep => "It is there, and as it should be.",
        Action::Delete => "It is deleted last, once what replaces it is proven; its place was",
        Action::HandOver => "It is left to somebody else: you get what to send to whom, and everything else goes on.",
        Action::Blocked => "It can't be made, and nothing else is made without it.",
    }
}

fn when(wave: Wave) -> &'static str {
    match wave {
        Wave::Ground => "first, so that whatever follows can be found again.",
        Wave::Registration => "with the registration in Entra.",
        Wave::Issuer => "before the certificate that it is for.",
        Wave::Foundation => "before the workloads that need it.",
        Wave::SessionStore => "before the sign-in proxy, which needs it.",
        Wave::Proxy => "before the locks, which ask it.",
        Wave::Locks => "before the first pod that the locks guard.",
        Wave::Application => "behind the locks.",
        Wave::Routes => "last, once both locks are proven live.",
        Wave::History => "when everything else is done, or has failed.",
    }
}

/// A bar at the right border, where not everything is in sight.
pub(super) fn scrollbar(theme: &Theme, frame: &mut Frame, area: Rect, all: usize, first: usize, height: usize) {
    if all <= height || area.height < 3 {
        return;
    }
    let thumb = if theme.glyphs.ascii { "#" } else { "┃" };
    let bar = Scrollbar::new(ScrollbarOrientation::VerticalRight)
        .begin_symbol(None)
        .end_symbol(None)
        .track_symbol(None)
        .thumb_symbol(thumb)
        .thumb_style(on_border(theme.accent));
    let mut position = ScrollbarState::new(all.saturating_sub(height)).position(first).viewport_content_length(height);
    let inside = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
    frame.render_stateful_widget(bar, inside, &mut position);
}
