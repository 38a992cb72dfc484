//! What trying the application found, and how a program gets in: below the rows of the work.

use super::text::{column, wrap};
use crate::{
    engine::event::{Finding, Usage, Verdict},
    tui::{state::Trial, theme::Theme},
};
use ratatui::{
    style::Style,
    text::{Line, Span},
};

/// The widest name of a check.
const CHECK: usize = 12;

/// The lines about the trial; none before it begins.
pub(super) fn lines(trial: &Trial, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let Some(address) = &trial.address else { return Vec::new() };
    let mut lines = vec![
        Line::default(),
        Line::from(vec![
            Span::raw(" Tried as a stranger   "),
            Span::styled(super::text::fit(address, room.saturating_sub(23), theme), theme.accent),
        ]),
    ];
    lines.extend(trial.findings.iter().flat_map(|finding| finding_lines(finding, theme, room)));
    lines.extend(trial.usage.iter().flat_map(|usage| usage_lines(usage, theme, room)));
    lines
}

fn finding_lines(finding: &Finding, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let glyphs = theme.glyphs;
    let (mark, style) = match finding.verdict {
        Verdict::Ok => (glyphs.done, theme.good),
        Verdict::NotYet => (glyphs.handed_over, theme.care),
        Verdict::Wrong | Verdict::Open => (glyphs.failed, theme.bad),
    };
    let text_style = if finding.verdict == Verdict::Open { theme.bad } else { Style::new() };
    let at = 3 + CHECK + 1;
    let text_room = room.saturating_sub(at + 1);
    // Meaning is never in the mark alone.
    let word = if finding.verdict == Verdict::Ok { String::new() } else { format!("{}: ", finding.verdict.word()) };
    let found = wrap(&format!("{word}{}", finding.found), text_room);
    let remedy = finding.remedy.iter().flat_map(|remedy| wrap(&format!("To do: {remedy}"), text_room));
    let said = found.into_iter().map(|line| (line, text_style)).chain(remedy.map(|line| (line, theme.faint)));
    said.enumerate()
        .map(|(index, (line, style_of_text))| {
            let (mark, check) = if index == 0 { (mark, finding.check.title()) } else { (" ", "") };
            Line::from(vec![
                Span::styled(format!(" {mark} "), style),
                Span::raw(format!("{} ", column(check, CHECK, theme))),
                Span::styled(line, style_of_text),
            ])
        })
        .collect()
}

fn usage_lines(usage: &Usage, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let room = room.saturating_sub(3);
    let needs = format!("A program gets in with client_credentials. It takes {}:", usage.needs);
    let mut lines = vec![Line::default()];
    lines.extend(wrap(&needs, room).into_iter().map(|line| Line::raw(format!(" {line}"))));
    for command in [&usage.token, &usage.call] {
        lines.extend(wrap(command, room).into_iter().map(|line| Line::styled(format!("   {line}"), theme.strong)));
    }
    let copied = "To copy them: they are written into the scrollback when this screen is left.";
    lines.extend(wrap(copied, room).into_iter().map(|line| Line::styled(format!(" {line}"), theme.faint)));
    lines
}
