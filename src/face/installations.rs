//! What is installed, in plain text: one line each, and what is not as it should be.

use crate::engine::installations::{Installation, Level, Pods};
use std::fmt::Write as _;

/// What stands where nothing is known.
const UNKNOWN: &str = "?";

/// The installations as a table, one line each.
pub fn installations_table(installations: &[Installation]) -> String {
    const HEADINGS: [&str; 8] =
        ["HEALTH", "APPLICATION", "NAMESPACE", "HOST", "PROXY", "SESSIONS", "CERTIFICATE", "CLIENT SECRET"];
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(installations.iter().map(|one| {
        [
            one.health.word().to_owned(),
            one.application.clone(),
            one.namespace.clone(),
            one.host.clone().unwrap_or_else(|| "? (unreadable record)".to_owned()),
            pods_text(one.proxy),
            one.redis.clone().unwrap_or_else(|| pods_text(one.session_store)),
            certificate_text(one),
            days_text(one.client_secret_days),
        ]
    }));
    aligned(&rows)
}

/// The certificate's state and end, such as `ready, 89 days`.
pub fn certificate_text(one: &Installation) -> String {
    match (one.certificate.as_deref(), one.certificate_days) {
        (None, _) => UNKNOWN.to_owned(),
        (Some("expired"), _) | (Some(_), Some(..=-1)) => "expired".to_owned(),
        (Some(state), None) => state.to_owned(),
        (Some(state), days) => format!("{state}, {}", days_text(days)),
    }
}

/// How long something is good for, such as `89 days`, `expired`.
pub fn days_text(days: Option<i64>) -> String {
    match days {
        None => UNKNOWN.to_owned(),
        Some(..=-1) => "expired".to_owned(),
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
    }
}

/// Pods, such as `2/2`.
pub fn pods_text(pods: Option<Pods>) -> String {
    pods.map_or_else(|| UNKNOWN.to_owned(), |pods| format!("{}/{}", pods.ready, pods.wanted))
}

/// How many of them are how well, such as `2 broken, 1 care, 40 ok`.
pub fn health_counts(installations: &[Installation]) -> String {
    let levels = [Level::Broken, Level::Care, Level::NotSeen, Level::Ok];
    let counts = levels.map(|level| (installations.iter().filter(|one| one.health == level).count(), level.word()));
    let told: Vec<String> =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    told.join(", ")
}

/// Rows of cells as lines of columns.
fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    use unicode_width::UnicodeWidthStr as _;
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _infallible = write!(line, "{cell}{}  ", " ".repeat(width.saturating_sub(cell.width())));
        }
        let _infallible = writeln!(text, "{}", line.trim_end());
    }
    text.trim_end().to_owned()
}
