//! The open question: its prompt, what can be chosen or what is typed, and what is wrong with it.

use super::super::{
    boxed, heading,
    review::scrollbar,
    spinner,
    text::{column, first, fit, width, wrap},
};
use crate::{
    answers::names::Unusable,
    tui::{
        layout,
        state::{Asking, Choosing, Chosen, Field, LONGEST_ANSWER, State, Text, WIDE, label, sentence},
        theme::{Abilities, Theme},
    },
    wizard::{Choice, Question, Step},
};
use ratatui::{
    Frame,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
    widgets::Paragraph,
};

pub(super) fn draw(state: &State, asking: &Asking, theme: &Theme, frame: &mut Frame, area: Rect) {
    let block = boxed(theme, heading(asking.wizard().step().title(), theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let inner = inside(inner);
    let Some(question) = asking.question() else { return answers(asking, theme, frame, area, inner) };
    let lines = head(state, asking, question, theme, usize::from(inner.width));
    let below = below(inner, lines.len());
    frame.render_widget(Paragraph::new(lines), inner);
    let used = match &asking.field {
        Field::Text(text) => field(text, theme, frame, below),
        Field::Choice(choosing) => choice(choosing, question, theme, frame, below),
        Field::Answers(_) => 0,
    };
    if state.size.0 < WIDE {
        let rest = Rect { y: below.y + used.min(below.height), height: below.height.saturating_sub(used), ..below };
        why(question, theme, frame, rest);
    }
}

/// The row of the choices that is drawn at this cell of the question's `area`.
pub(in crate::tui) fn choice_at(state: &State, asking: &Asking, area: Rect, cell: Position) -> Option<usize> {
    // Which line is where does not hang on colours.
    let theme = &Theme::of(Abilities { colours: None, unicode: true, mouse: true });
    let (question, Field::Choice(choosing)) = (asking.question()?, &asking.field) else { return None };
    let inner = inside(layout::inside(area));
    let room = usize::from(inner.width);
    let below = below(inner, head(state, asking, question, theme, room).len());
    if !below.contains(cell) {
        return None;
    }
    let height = (usize::from(below.height), state.size.0 >= WIDE);
    let (lines, _) = choice_lines(choosing, question, theme, room, height);
    lines.get(usize::from(cell.y - below.y)).and_then(|(row, _)| *row)
}

/// There is air beside the border.
fn inside(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

/// What is left of `area` below `lines` lines.
fn below(area: Rect, lines: usize) -> Rect {
    let top = u16::try_from(lines).unwrap_or_default().min(area.height);
    Rect { y: area.y + top, height: area.height - top, ..area }
}

/// What stands above the answer.
fn head(state: &State, asking: &Asking, question: &Question, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line> =
        wrap(question.prompt, room).into_iter().map(|line| Line::styled(line, theme.strong)).collect();
    lines.extend(looking(state, asking, theme, room));
    lines.push(Line::default());
    lines
}

/// What is being found out, or why it could not be.
fn looking(state: &State, asking: &Asking, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    if let Some(what) = asking.looking_at() {
        let text = fit(&format!("Looking at {what}"), room.saturating_sub(2), theme);
        return vec![Line::from(vec![
            Span::styled(format!("{} ", spinner(state, theme)), theme.accent),
            Span::styled(text, theme.faint),
        ])];
    }
    let Some(reason) = asking.wizard().trouble() else { return Vec::new() };
    let said = format!("{} What there is could not be found out: {reason}", theme.glyphs.failed);
    let lines = first(wrap(&said, room), 5, room, theme);
    lines.into_iter().map(|line| Line::styled(line, theme.bad)).collect()
}

/// What the question is for, at the bottom, where nothing stands beside it and all of it fits.
fn why(question: &Question, theme: &Theme, frame: &mut Frame, area: Rect) {
    let lines = wrap(question.help, usize::from(area.width));
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    if height >= area.height {
        return;
    }
    let place = Rect { y: area.y + area.height - height, height, ..area };
    let lines: Vec<Line> = lines.into_iter().map(|line| Line::styled(line, theme.faint)).collect();
    frame.render_widget(Paragraph::new(lines), place);
}

/// A field with its cursor, and below it what is wrong; tells how many lines that took.
fn field(text: &Text, theme: &Theme, frame: &mut Frame, area: Rect) -> u16 {
    let place = Rect { height: area.height.min(3), ..area };
    let block = boxed(theme, Line::default()).border_style(theme.accent);
    let inner = block.inner(place);
    frame.render_widget(block, place);
    let room = usize::from(inner.width).saturating_sub(1);
    let skipped = text.input.visual_scroll(room);
    let skip = u16::try_from(skipped).unwrap_or(u16::MAX);
    frame.render_widget(Paragraph::new(text.value()).scroll((0, skip)), inner);
    if inner.height > 0 && inner.width > 0 {
        let cursor = u16::try_from(text.input.visual_cursor().saturating_sub(skipped)).unwrap_or_default();
        frame.set_cursor_position((inner.x + cursor.min(inner.width - 1), inner.y));
    }
    let lines = complaints(text, theme, usize::from(area.width));
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let below = Rect { y: area.y + place.height, height: area.height - place.height, ..area };
    frame.render_widget(Paragraph::new(lines), below);
    place.height.saturating_add(height)
}

fn complaints(text: &Text, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let mut said = Vec::new();
    if text.cut {
        said.push((format!("No answer has more than {LONGEST_ANSWER} characters; the rest was left out."), theme.care));
    }
    if let Some(reason) = text.complaint() {
        said.push((told(reason, theme, room), theme.bad));
    }
    let lines = said
        .into_iter()
        .flat_map(|(text, style)| wrap(&text, room).into_iter().map(move |line| Line::styled(line, style)));
    lines.collect()
}

/// What is wrong, in a few lines, and what would be right in full.
fn told(reason: &Unusable, theme: &Theme, room: usize) -> String {
    let wrong = fit(&reason.wrong, room * 2, theme);
    let reason = Unusable { wrong, right: reason.right.clone() };
    format!("{} {}", theme.glyphs.failed, sentence(&reason))
}

/// The choices around the chosen one; tells how many lines that took.
fn choice(choosing: &Choosing, question: &Question, theme: &Theme, frame: &mut Frame, area: Rect) -> u16 {
    let room = usize::from(area.width);
    // In a narrow window the room below is for what the question is for.
    let height = (usize::from(area.height), frame.area().width >= WIDE);
    let (rows, refused) = choice_lines(choosing, question, theme, room, height);
    let mut lines: Vec<Line> = rows.into_iter().map(|(_, line)| line).collect();
    if !refused.is_empty() {
        lines.push(Line::default());
        lines.extend(refused.into_iter().map(|line| Line::styled(line, theme.bad)));
    }
    let used = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height);
    frame.render_widget(Paragraph::new(lines), area);
    match &choosing.writing {
        Some(text) => {
            let place = Rect { y: area.y + used, height: area.height - used, ..area };
            used + field(text, theme, frame, place)
        }
        None => used,
    }
}

/// A line, and the row that it belongs to, where it belongs to one.
type RowLine = (Option<usize>, Line<'static>);

/// The lines of the choices, and those that say why what was chosen is not taken. See [`window`] for the height.
fn choice_lines(
    choosing: &Choosing,
    question: &Question,
    theme: &Theme,
    room: usize,
    (height, generous): (usize, bool),
) -> (Vec<RowLine>, Vec<String>) {
    let refused = choosing.refused.as_ref().map(|reason| wrap(&told(reason, theme, room), room)).unwrap_or_default();
    let below = match (&choosing.writing, refused.len()) {
        (Some(_), _) => 7,
        (None, 0) => 0,
        (None, lines) => lines + 1,
    };
    (window(choosing, question, theme, room, (height.saturating_sub(below), generous)), refused)
}

/// As many rows as `height` lines hold, the chosen one among them. All of a long reason is told of the chosen one, and of all of them
/// where that has room and is wanted.
fn window(
    choosing: &Choosing,
    question: &Question,
    theme: &Theme,
    room: usize,
    (height, generous): (usize, bool),
) -> Vec<RowLine> {
    let chosen = choosing.row();
    let row_of = |index: usize, said: usize| -> Vec<RowLine> {
        row(choosing, question, index, theme, room, said).into_iter().map(|line| (Some(index), line)).collect()
    };
    let all_said = (0..choosing.rows()).scan(0, |used, index| {
        *used += row_of(index, MOST_SAID).len();
        (*used <= height).then_some(())
    });
    let has_room = generous && all_said.count() == choosing.rows();
    let row = |index: usize| row_of(index, if has_room || index == chosen { MOST_SAID } else { 2 });
    let mut lines = row(chosen);
    let (mut before, mut after) = (chosen, chosen + 1);
    let mut above: Vec<Vec<RowLine>> = Vec::new();
    loop {
        let mut grew = false;
        let used = lines.len() + above.iter().map(Vec::len).sum::<usize>();
        if let Some(index) = before.checked_sub(1) {
            let next = row(index);
            if used + next.len() <= height {
                above.push(next);
                before = index;
                grew = true;
            }
        }
        let used = lines.len() + above.iter().map(Vec::len).sum::<usize>();
        if after < choosing.rows() {
            let next = row(after);
            if used + next.len() <= height {
                lines.extend(next);
                after += 1;
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    let mut shown: Vec<RowLine> = above.into_iter().rev().flatten().chain(lines).collect();
    if before > 0
        && let Some(first) = shown.first_mut()
    {
        *first = (None, more(before, "above", theme));
    }
    let beyond = choosing.rows().saturating_sub(after);
    if beyond > 0
        && let Some(last) = shown.last_mut()
    {
        *last = (None, more(beyond, "below", theme));
    }
    shown.truncate(height);
    shown
}

fn more(count: usize, side: &str, theme: &Theme) -> Line<'static> {
    Line::styled(format!("  {} {count} more {side}", theme.glyphs.ellipsis), theme.faint)
}

/// In how many lines at most something is said of a choice.
const MOST_SAID: usize = 6;

fn row(
    choosing: &Choosing,
    question: &Question,
    index: usize,
    theme: &Theme,
    room: usize,
    said: usize,
) -> Vec<Line<'static>> {
    let is_chosen = index == choosing.row();
    match choosing.choices.get(index) {
        Some(choice) => {
            let (line, rest) = choice_row(choosing, question, choice, is_chosen, theme, room);
            let said_style = if choice.unusable.is_some() { theme.bad } else { theme.faint };
            let said = first(rest, said, room.saturating_sub(4), theme);
            let said = said.into_iter().map(|line| Line::styled(format!("    {line}"), said_style));
            std::iter::once(line).chain(said).collect()
        }
        None => vec![other_row(choosing, is_chosen, theme, room)],
    }
}

fn pointer(is_chosen: bool, theme: &Theme) -> String {
    format!("{} ", if is_chosen { theme.glyphs.chosen } else { " " })
}

/// A choice, and what is said of it where that has no room beside.
fn choice_row(
    choosing: &Choosing,
    question: &Question,
    choice: &Choice,
    is_chosen: bool,
    theme: &Theme,
    room: usize,
) -> (Line<'static>, Vec<String>) {
    let labels = choosing.choices.iter().take(50).map(|choice| width(label(question, choice)));
    let label_room = labels.max().unwrap_or_default().min(room * 6 / 10);
    let name = label(question, choice);
    let about = if name == choice.about { "" } else { choice.about.as_str() };
    let style = match (is_chosen, &choice.unusable) {
        (true, _) => theme.chosen,
        (false, Some(_)) => theme.faint,
        (false, None) => Style::new(),
    };
    let said = match &choice.unusable {
        Some(reason) => format!("{} cannot be used: {reason}", theme.glyphs.failed),
        None => about.to_owned(),
    };
    let said_style = if choice.unusable.is_some() { theme.bad } else { theme.faint };
    let beside = room.saturating_sub(label_room + 4);
    let mut line = vec![Span::styled(pointer(is_chosen, theme), theme.accent)];
    if width(&said) <= beside && width(name) <= label_room {
        line.push(Span::styled(fit(name, label_room, theme), style));
        line.push(Span::raw(" ".repeat(label_room.saturating_sub(width(name)) + 2)));
        line.push(Span::styled(said, said_style));
        return (Line::from(line), Vec::new());
    }
    line.push(Span::styled(fit(name, room.saturating_sub(2), theme), style));
    (Line::from(line), wrap(&said, room.saturating_sub(4)))
}

fn other_row(choosing: &Choosing, is_chosen: bool, theme: &Theme, room: usize) -> Line<'static> {
    let text = if choosing.choices.is_empty() { "Write it" } else { "Write another" };
    let text = fit(&format!("{text} {}", theme.glyphs.ellipsis), room.saturating_sub(2), theme);
    let style = if is_chosen && choosing.writing.is_none() { theme.chosen } else { Style::new() };
    debug_assert!(!is_chosen || choosing.chosen == Chosen::Other || choosing.choices.is_empty());
    Line::from(vec![Span::styled(pointer(is_chosen, theme), theme.accent), Span::styled(text, style)])
}

/// All answers, step by step.
fn answers(asking: &Asking, theme: &Theme, frame: &mut Frame, boxed: Rect, area: Rect) {
    let room = usize::from(area.width);
    let mut lines = Vec::new();
    if let Some(note) = &asking.note {
        lines.extend(wrap(note, room).into_iter().map(|line| Line::styled(line, theme.care)));
        lines.push(Line::default());
    }
    for mistake in asking.mistakes() {
        let text = format!("{} {mistake}", theme.glyphs.failed);
        lines.extend(wrap(&text, room).into_iter().map(|line| Line::styled(line, theme.bad)));
        lines.push(Line::default());
    }
    for step in Step::ALL {
        let answers = asking.wizard().answers_of(step);
        if answers.is_empty() {
            continue;
        }
        lines.push(Line::styled(step.title(), theme.strong));
        for (question, given) in answers {
            let value = given.map(ToString::to_string).unwrap_or_default();
            let value = match (asking.wizard().draft().text(question.id), value.as_str()) {
                (Some("true"), _) => "yes".to_owned(),
                (Some("false"), _) => "no".to_owned(),
                (_, crate::wizard::OPEN) => "left open".to_owned(),
                _ => value,
            };
            let name = question.id.split_once('.').map_or(question.id, |(_, name)| name);
            let value = fit(&value, room.saturating_sub(26), theme);
            lines.push(Line::from(vec![
                Span::styled(format!("  {}", column(name, 22, theme)), theme.faint),
                Span::raw(format!("  {value}")),
            ]));
        }
        lines.push(Line::default());
    }
    let height = usize::from(area.height);
    let all = lines.len();
    let first = asking.scroll.min(all.saturating_sub(height));
    let shown: Vec<Line> = lines.into_iter().skip(first).take(height).collect();
    frame.render_widget(Paragraph::new(shown), area);
    scrollbar(theme, frame, boxed, all, first, height);
}
