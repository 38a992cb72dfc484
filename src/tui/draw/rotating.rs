//! What the review and the work show besides, where a secret is rotated.

use super::{text::wrap, took};
use crate::{
    engine::{event::Outcome, rotate::What},
    tui::{
        state::{Finish, Item, Review, Rotation, Standing},
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

/// What is rotated, how far that is, and what people notice of it.
pub(super) fn notice(rotation: &Rotation, theme: &Theme, frame: &mut Frame, area: Rect) {
    let good_until = rotation.good_until.as_ref().map(|until| format!(", good until {until}")).unwrap_or_default();
    let begun = match (rotation.undo, rotation.goes_on) {
        (true, _) => ": what was begun is taken back",
        (false, true) => ": a rotation that was begun goes on",
        (false, false) => "",
    };
    let mut lines = vec![Line::from(vec![
        Span::styled(format!(" The {}", rotation.what.name()), theme.strong),
        Span::raw(format!("{good_until}{begun}.")),
    ])];
    let style = noticed(rotation.what, theme);
    let notice = rotation.notice(usize::from(area.width));
    lines.extend(notice.into_iter().map(|line| Line::styled(format!(" {line}"), style)));
    frame.render_widget(Paragraph::new(lines), area);
}

/// What people notice wants care.
fn noticed(what: What, theme: &Theme) -> Style {
    if what == What::CookieSecret { theme.care } else { theme.faint }
}

/// What the tree of the review is called.
pub(super) fn title(review: &Review) -> String {
    if review.is_offer() {
        return "Choose one".to_owned();
    }
    match review.states() {
        (to_come, all) if to_come == all => format!("{all} states, one after the other"),
        (to_come, all) => format!("{to_come} of {all} states are to come"),
    }
}

/// The sign before a row of the tree, where it is not that of its action.
pub(super) fn sign(standing: Standing, theme: &Theme) -> Option<(&'static str, Style)> {
    match standing {
        Standing::Offered(What::ClientSecret) => Some(("1", theme.accent)),
        Standing::Offered(What::CookieSecret) => Some(("2", theme.accent)),
        Standing::Offered(What::CertificateKey) => Some(("3", theme.accent)),
        Standing::Offered(What::RedisPassword) => Some(("4", theme.accent)),
        Standing::Done => Some((theme.glyphs.done, theme.good)),
        Standing::ToCome => None,
    }
}

/// What is said of something that can be rotated, or of a state of a rotation.
pub(super) fn why(item: &Item, standing: Standing, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let style = match standing {
        Standing::Offered(What::CookieSecret) => theme.care,
        _ => Style::new(),
    };
    let mut lines: Vec<Line> =
        wrap(&item.summary.why, room).into_iter().map(|line| Line::styled(line, style)).collect();
    let said = match standing {
        Standing::Offered(_) if item.summary.problem.is_some() => return lines,
        Standing::Offered(_) => "Enter shows what it goes through, before anything is changed.",
        Standing::Done => "An earlier run has done it; it is not done again.",
        Standing::ToCome => "Until the last state, what is in use now can be put back.",
    };
    lines.push(Line::default());
    lines.extend(wrap(said, room).into_iter().map(|line| Line::styled(line, theme.faint)));
    lines
}

/// The question before the last state.
pub(super) fn last_state(what: What, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let said = format!("The new {} works. Remove the former one? Until then all of it can be taken back.", what.name());
    wrap(&said, room).into_iter().map(|line| Line::styled(format!(" {line}"), theme.care)).collect()
}

/// How it ended, in a line.
pub(super) fn ended(finish: &Finish, made: &str, was_undone: bool, theme: &Theme) -> (String, Style) {
    let time = took(finish.took);
    match finish.outcome {
        Outcome::Done if was_undone => {
            (format!("Taken back in {time}: what was in use before is in use again."), theme.good)
        }
        Outcome::Done => (format!("Rotated in {time}: {made}."), theme.good),
        Outcome::NothingToDo => ("Nothing was changed: there is nothing to rotate.".to_owned(), theme.good),
        Outcome::HandedOver => (format!("Rotated, but for what is handed over: {made}."), theme.care),
        Outcome::Failed if was_undone => {
            ("Stopped, and taken back as far as is told above; a re-run goes on.".to_owned(), theme.bad)
        }
        Outcome::Failed => (format!("Stopped: {made}. What was in use is good; a re-run goes on."), theme.bad),
        Outcome::NotPermitted => (format!("A right is missing: {made}. A re-run goes on."), theme.bad),
        Outcome::Interrupted => (format!("Interrupted: {made}. A re-run goes on; --undo takes it back."), theme.care),
    }
}
