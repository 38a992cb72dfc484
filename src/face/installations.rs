//! What is installed, in plain text: one line each, and what is not as it should be.

use super::last_run_text;
use crate::engine::installations::{Installation, Level, Overview, Pods, advisories};
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

/// As of when vulnerabilities are known, such as `as known on 2026-11-23`.
pub fn advisories_text(one: &Installation) -> String {
    let known = format!("as known on {}", one.advisories_read);
    if advisories::are_old(one.advisories_days) {
        let days = one.advisories_days;
        return format!("{known}, {days} days ago: a newer gatewright knows of more");
    }
    known
}

/// That what is known of vulnerabilities is old, where it is.
pub fn advisories_notice(installations: &[Installation]) -> Option<String> {
    let one = installations.first().filter(|one| advisories::are_old(one.advisories_days))?;
    Some(format!("Versions are held against vulnerabilities {}.", advisories_text(one)))
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
pub(super) fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
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

/// Everything that is installed, what is not as it should be, and what to do: for a terminal that is not drawn on.
pub fn home_text(overview: &Overview, practice: bool, columns: Option<usize>) -> String {
    let flag = if practice { " --practice" } else { "" };
    let here = if practice { "on the practice ground" } else { "in" };
    let all = &overview.installations;
    if all.is_empty() {
        let nothing = if practice {
            "Nothing is installed on the practice ground yet.".to_owned()
        } else {
            format!("Nothing is installed in {} yet.", overview.context)
        };
        return format!("{nothing}\n\n{}", invitations(practice));
    }
    let place = if practice { here.to_owned() } else { format!("{here} {}", overview.context) };
    let counted = if all.len() == 1 { "1 installation".to_owned() } else { format!("{} installations", all.len()) };
    let mut text = format!("{counted} {place}: {}.\n\n{}\n", health_counts(all), installations_table(all));
    let room = columns.unwrap_or(100).clamp(40, 100);
    for one in all.iter().filter(|one| !one.findings.is_empty() || all.len() == 1) {
        if one.findings.is_empty() && one.last_run.is_none() {
            continue;
        }
        let _infallible = writeln!(text, "\n{}", one.full_name());
        if let Some(last) = &one.last_run {
            for line in folded(&format!("last run: {}", last_run_text(last)), room) {
                let _infallible = writeln!(text, "  {line}");
            }
        }
        for finding in &one.findings {
            let (level, about) = (finding.level.word(), finding.about.name());
            for line in
                [folded(&format!("{level}: {about}. {}", finding.reason), room), folded(&finding.to_do, room)].concat()
            {
                let _infallible = writeln!(text, "  {line}");
            }
        }
    }
    if let Some(notice) = advisories_notice(all) {
        let _infallible = writeln!(text, "\n{notice}");
    }
    let next = [
        (format!("gatewright setup{flag} NAMESPACE/APPLICATION"), "change one, from its recorded answers"),
        (format!("gatewright plan{flag} NAMESPACE/APPLICATION"), "what differs, and why; nothing is written"),
    ];
    let width = next.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    text.push_str("\nNext:");
    for (command, good_for) in next {
        let _infallible = write!(text, "\n  {command:width$}   {good_for}");
    }
    text
}

/// What there is to do where nothing is installed, or nobody knows.
pub fn invitations(practice: bool) -> String {
    if practice {
        return "Next:\n  gatewright setup --practice   set up sign-in for an application, to try it".to_owned();
    }
    "Next:\n  gatewright setup        set up sign-in for an application; nothing is changed before you have seen all of it\n  \
     gatewright --practice   try it first, with no Azure and no cluster"
        .to_owned()
}

/// Text in lines, broken between words.
fn folded(text: &str, room: usize) -> Vec<String> {
    use unicode_width::UnicodeWidthStr as _;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
