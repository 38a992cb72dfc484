//! What was done to installations, in plain text.

use super::installations::aligned;
use crate::engine::{
    history::{Entry, Kept},
    installations::LastRun,
};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// What stands where nothing is known.
const UNKNOWN: &str = "?";

/// What was done, one line a run, the newest first; times in `zone`, with their offset. `with_kinds` tells under each line how many
/// objects of which kind.
pub fn history_table(histories: &[Kept], zone: &TimeZone, with_kinds: bool) -> String {
    const HEADINGS: [&str; 7] = ["WHEN", "APPLICATION", "RUN", "OUTCOME", "BY", "OBJECTS", "VERSION"];
    let mut runs: Vec<(&Kept, &Entry)> =
        histories.iter().flat_map(|kept| kept.history.entries.iter().map(move |entry| (kept, entry))).collect();
    // Of one installation they are in order already, even where a clock was wrong.
    if histories.len() > 1 {
        runs.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.at));
    }
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(runs.iter().map(|(kept, entry)| {
        [
            entry.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %:z").to_string(),
            format!("{}/{}", kept.namespace, kept.application),
            run(entry),
            outcome(entry),
            by(entry),
            totals(&entry.objects),
            entry.gatewright.clone(),
        ]
    }));
    let table = aligned(&rows);
    if !with_kinds {
        return table;
    }
    let mut lines: Vec<String> = Vec::new();
    for (index, line) in table.lines().enumerate() {
        lines.push(line.to_owned());
        let entry = index.checked_sub(1).and_then(|index| runs.get(index)).map(|(_, entry)| entry);
        lines.extend(entry.into_iter().flat_map(|entry| kinds(&entry.objects)));
    }
    lines.join("\n")
}

fn run(entry: &Entry) -> String {
    entry.what.as_ref().map_or_else(|| entry.did.clone(), |what| format!("{} {what}", entry.did))
}

fn outcome(entry: &Entry) -> String {
    let word = word(&entry.outcome);
    entry.failed_at.as_ref().map_or_else(|| word.to_owned(), |at| format!("{word} at {at}"))
}

/// A code of the events, for people; one of a later version as it is.
fn word(code: &str) -> &str {
    match code {
        "nothingToDo" => "nothing to do",
        "handedOver" => "handed over",
        "notPermitted" => "not permitted",
        other => other,
    }
}

fn by(entry: &Entry) -> String {
    match (&entry.entra, &entry.kubernetes) {
        (Some(person), Some(kubernetes)) if person != kubernetes => format!("{person} (Kubernetes: {kubernetes})"),
        _ => entry.who().unwrap_or(UNKNOWN).to_owned(),
    }
}

fn totals(objects: &BTreeMap<String, BTreeMap<String, u64>>) -> String {
    let totals = objects.iter().map(|(done, kinds)| format!("{} {done}", kinds.values().sum::<u64>()));
    totals.collect::<Vec<_>>().join(", ")
}

fn kinds(objects: &BTreeMap<String, BTreeMap<String, u64>>) -> impl Iterator<Item = String> {
    objects.iter().map(|(done, kinds)| {
        let counted: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        format!("    {done}: {}", counted.join(", "))
    })
}

/// What was done last, such as `set up 3 days ago by anna@contoso.com`.
pub fn last_run_text(last: &LastRun) -> String {
    let LastRun { entry, seconds_ago } = last;
    let (ago, who) = (ago(*seconds_ago), entry.who().unwrap_or("somebody"));
    let what = entry.what.as_ref().map(|what| format!(" {what}")).unwrap_or_default();
    match (entry.outcome.as_str(), entry.did.as_str()) {
        ("done", "setup") => format!("set up {ago} by {who}"),
        ("done", "rotate") => format!("rotated{what} {ago} by {who}"),
        (_, did) => format!("{did}{what} {ago} by {who}: {}", outcome(entry)),
    }
}

fn ago(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let (number, unit) = match seconds {
        ..MINUTE => return "just now".to_owned(),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        DAY.. => (seconds / DAY, "day"),
    };
    if number == 1 { format!("1 {unit} ago") } else { format!("{number} {unit}s ago") }
}

#[cfg(test)]
mod tests {
    use super::{history_table, last_run_text};
    use crate::engine::{
        history::{Entry, History, Kept},
        installations::LastRun,
    };
    use jiff::tz::{Offset, TimeZone};
    use std::collections::BTreeMap;

    fn entry(at: &str, outcome: &str) -> Entry {
        let kinds = BTreeMap::from([("Deployment".to_owned(), 3), ("Service".to_owned(), 1)]);
        Entry {
            at: at.parse().unwrap(),
            did: "setup".to_owned(),
            what: None,
            outcome: outcome.to_owned(),
            failed_at: (outcome == "failed").then(|| "Certificate istio-system/tls".to_owned()),
            entra: Some("anna@contoso.com".to_owned()),
            kubernetes: Some("admin".to_owned()),
            objects: BTreeMap::from([("created".to_owned(), kinds)]),
            gatewright: "0.1.0".to_owned(),
        }
    }

    fn kept(application: &str, entries: Vec<Entry>) -> Kept {
        let history = History { entries, unreadable: None };
        Kept { application: application.to_owned(), namespace: "shop".to_owned(), history }
    }

    #[test]
    fn given_runs_of_several_installations_then_the_newest_is_first_and_its_time_is_local_with_its_offset() {
        let zone = TimeZone::fixed(Offset::constant(2));
        let all = [
            kept("one", vec![entry("2026-11-25T10:00:00Z", "failed")]),
            kept("two", vec![entry("2026-11-26T23:30:00Z", "done")]),
        ];
        let table = history_table(&all, &zone, true);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].starts_with("2026-11-27 01:30 +02:00  shop/two"), "{table}");
        assert!(lines[1].contains("done") && lines[1].contains("anna@contoso.com (Kubernetes: admin)"), "{table}");
        assert!(lines[1].contains("4 created"), "{table}");
        assert_eq!(lines[2], "    created: 3 Deployment, 1 Service");
        assert!(lines[3].contains("failed at Certificate istio-system/tls"), "{table}");
        assert_eq!(history_table(&all, &zone, false).lines().count(), 3);
    }

    #[test]
    fn given_the_last_run_then_it_is_told_in_a_clause() {
        let last = |outcome, seconds_ago| LastRun { entry: entry("2026-11-25T10:00:00Z", outcome), seconds_ago };
        assert_eq!(last_run_text(&last("done", 3 * 86_400 + 5)), "set up 3 days ago by anna@contoso.com");
        assert_eq!(last_run_text(&last("done", 59)), "set up just now by anna@contoso.com");
        let failed = "setup 1 hour ago by anna@contoso.com: failed at Certificate istio-system/tls";
        assert_eq!(last_run_text(&last("failed", 3_600)), failed);
        let rotated = LastRun {
            entry: Entry {
                did: "rotate".to_owned(),
                what: Some("client-secret".to_owned()),
                ..entry("2026-11-25T10:00:00Z", "done")
            },
            seconds_ago: 120,
        };
        assert_eq!(last_run_text(&rotated), "rotated client-secret 2 minutes ago by anna@contoso.com");
    }
}
