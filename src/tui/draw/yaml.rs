//! YAML in colours, a line at a time, and what a search found in it.

use super::super::theme::Theme;
use ratatui::{
    style::Style,
    text::{Line, Span},
};

/// A line of YAML.
pub(super) fn highlight(line: &str, theme: &Theme) -> Line<'static> {
    let mut spans = Vec::new();
    let mut rest = line;
    let indent = rest.len() - rest.trim_start_matches(' ').len();
    push(&mut spans, &mut rest, indent, Style::new());
    while rest.starts_with("- ") {
        push(&mut spans, &mut rest, 2, theme.faint);
    }
    if rest.starts_with('#') {
        spans.push(Span::styled(rest.to_owned(), theme.comment));
        return Line::from(spans);
    }
    if let Some(end) = key_end(rest) {
        push(&mut spans, &mut rest, end, theme.key);
        push(&mut spans, &mut rest, 1, theme.faint);
        let gap = rest.len() - rest.trim_start_matches(' ').len();
        push(&mut spans, &mut rest, gap, Style::new());
    }
    let comment = rest.find(" #").filter(|_| !rest.starts_with(['"', '\'']));
    let value = comment.unwrap_or(rest.len());
    let style = value_style(rest.get(..value).unwrap_or_default().trim(), theme);
    push(&mut spans, &mut rest, value, style);
    if !rest.is_empty() {
        spans.push(Span::styled(rest.to_owned(), theme.comment));
    }
    Line::from(spans)
}

fn push(spans: &mut Vec<Span<'static>>, rest: &mut &str, bytes: usize, style: Style) {
    let Some((head, tail)) = rest.split_at_checked(bytes) else { return };
    if !head.is_empty() {
        spans.push(Span::styled(head.to_owned(), style));
    }
    *rest = tail;
}

/// Where the key of `text` ends, if it has one.
fn key_end(text: &str) -> Option<usize> {
    let from = match text.chars().next()? {
        quote @ ('"' | '\'') => text.get(1..)?.find(quote)? + 2,
        _ => 0,
    };
    let after = text.get(from..)?;
    let end = from + after.find(": ").or_else(|| after.ends_with(':').then(|| after.len() - 1))?;
    let key = text.get(..end)?;
    (from > 0 || !key.contains(' ')).then_some(end)
}

fn value_style(value: &str, theme: &Theme) -> Style {
    if value.contains('‹') {
        return theme.care;
    }
    let is_word = matches!(value, "true" | "false" | "null" | "~" | "{}" | "[]");
    if is_word || (!value.is_empty() && value.parse::<f64>().is_ok()) {
        return theme.number;
    }
    if value.starts_with(['"', '\'', '|', '>']) { theme.string } else { Style::new() }
}

/// A line of a diff.
pub(super) fn difference(line: &str, theme: &Theme) -> Line<'static> {
    let style = match line.chars().next() {
        Some('+') => theme.good,
        Some('-') => theme.bad,
        Some('@') => theme.faint,
        _ => Style::new(),
    };
    Line::styled(line.to_owned(), style)
}

/// Marks where `query` is in `line`.
pub(super) fn mark(line: Line<'static>, query: &str, theme: &Theme) -> Line<'static> {
    let lower = |letter: char| letter.to_lowercase().next().unwrap_or(letter);
    let wanted: Vec<char> = query.chars().map(lower).collect();
    let line_style = line.style;
    let mut letters: Vec<(char, Style)> =
        line.spans.iter().flat_map(|span| span.content.chars().map(|letter| (letter, span.style))).collect();
    let plain: Vec<char> = letters.iter().map(|(letter, _)| lower(*letter)).collect();
    let starts: Vec<usize> = match wanted.len() {
        0 => Vec::new(),
        length => plain.windows(length).enumerate().filter(|(_, part)| *part == wanted).map(|(at, _)| at).collect(),
    };
    if starts.is_empty() {
        return line;
    }
    for start in starts {
        for (_, style) in letters.iter_mut().skip(start).take(wanted.len()) {
            *style = theme.found;
        }
    }
    let spans: Vec<Span<'static>> = letters
        .chunk_by(|left, right| left.1 == right.1)
        .map(|run| Span::styled(run.iter().map(|(letter, _)| *letter).collect::<String>(), style_of(run)))
        .collect();
    Line::from(spans).style(line_style)
}

fn style_of(run: &[(char, Style)]) -> Style {
    run.first().map(|(_, style)| *style).unwrap_or_default()
}
