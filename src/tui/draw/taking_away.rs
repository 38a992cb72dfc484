//! What the review shows besides, where an installation is taken away.

use super::{
    progress::hand_over_lines,
    text::{fit, wrap},
    took,
};
use crate::{
    engine::{
        event::{Action, Outcome, StepSummary, TeardownGroup},
        teardown::Keepable,
    },
    tui::{
        state::{Fate, Finish, TakingAway},
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

/// What can be kept, each with its key.
pub(super) fn choices(about: &TakingAway, theme: &Theme, frame: &mut Frame, area: Rect) {
    let mut spans = vec![Span::styled(" Keep", theme.strong)];
    for (key, keepable) in ["1", "2", "3"].into_iter().zip(Keepable::ALL) {
        spans.extend(choice(key, keepable.word(), about.choices.keep.contains(&keepable), theme));
    }
    let mut lines = vec![Line::from(spans)];
    if about.others_have_credentials {
        let mut spans = vec![Span::styled(" Others have credentials in the registration", theme.care)];
        spans.extend(choice("4", "delete it all the same", about.choices.delete_credentials_of_others, theme));
        lines.push(Line::from(spans));
    }
    if let Some(good_until) = &about.good_until {
        let room = usize::from(area.width).saturating_sub(1);
        lines.push(Line::styled(format!(" {}", fit(good_until, room, theme)), theme.faint));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn choice(key: &str, word: &str, is_chosen: bool, theme: &Theme) -> [Span<'static>; 3] {
    let mark = if is_chosen { "[x]" } else { "[ ]" };
    [
        Span::styled(format!("   {key}"), theme.accent),
        Span::styled(format!(" {mark} "), if is_chosen { theme.strong } else { theme.faint }),
        Span::raw(word.to_owned()),
    ]
}

/// How it ended, in a line.
pub(super) fn ended(finish: &Finish, made: &str, theme: &Theme) -> (String, Style) {
    match finish.outcome {
        Outcome::Done => (format!("Taken away in {}: {made}.", took(finish.took)), theme.good),
        Outcome::NothingToDo => ("Nothing was changed: there is nothing left to take away.".to_owned(), theme.good),
        Outcome::HandedOver => (format!("Taken away, but for what is handed over: {made}."), theme.care),
        Outcome::Failed => (format!("Stopped: {made}. See what is marked; a re-run goes on."), theme.bad),
        Outcome::NotPermitted => (format!("A right is missing: {made}. A re-run goes on."), theme.bad),
        Outcome::Interrupted => (format!("Interrupted: {made}. A re-run takes away what is left."), theme.care),
    }
}

/// What becomes of an object, and what somebody else has to do about it.
pub(super) fn fate_lines(fate: &Fate, summary: &StepSummary, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let said = match (fate.group, summary.action) {
        (TeardownGroup::Gone, _) => "There is nothing to do.",
        (TeardownGroup::Kept, _) => "It is left as it is.",
        (_, Action::Blocked) => "It can't be taken away, and nothing else is without it.",
        (TeardownGroup::ChangedByOthers, _) => "It goes all the same, with what others changed: see the diff (d).",
        (TeardownGroup::Removed, Action::Update) => "What is ours in it goes; the rest is left as it is.",
        (TeardownGroup::Removed, _) => {
            "It goes when its turn comes: the routes first, then what they led to, and only then what guarded it."
        }
    };
    let mut lines: Vec<Line> = wrap(said, room).into_iter().map(|line| Line::styled(line, theme.faint)).collect();
    for warning in &summary.warnings {
        lines.push(Line::default());
        lines.extend(wrap(&format!("Warning: {warning}"), room).into_iter().map(|line| Line::styled(line, theme.care)));
    }
    if let Some(hand_over) = &fate.hand_over {
        lines.push(Line::default());
        lines.extend(hand_over_lines(hand_over, theme, room));
    }
    lines
}
