//! Pure: the entries of a history, as text and back.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The key of the record under which the history is kept.
pub const HISTORY_KEY: &str = "history.yaml";
/// The key of the record under which is kept what somebody else had written into the history.
pub const SET_ASIDE_KEY: &str = "history-set-aside.yaml";

/// How many entries are kept; older ones go.
const MOST_ENTRIES: usize = 50;
/// How many bytes are kept at most, far below the 1 MiB that a ConfigMap may have with the answers beside.
const MOST_BYTES: usize = 64 * 1024;
/// How many characters of a name are kept: whoever gives names to users decides how long they are.
const MOST_CHARACTERS: usize = 200;
/// How many kinds of objects an entry tells apart. An installation has some twenty.
const MOST_KINDS: usize = 40;

const HEADING: &str = "# What was done to this installation, the newest first. Older entries are left out in time.\n";

/// What one run did. Words that a later version adds are read as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When it ended.
    pub at: jiff::Timestamp,
    /// What was run: `setup`, `rotate`, `teardown`.
    pub did: String,
    /// With what, such as `client-secret` of a rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// How it ended, in the words of [`Outcome`](crate::engine::event::Outcome) as events have them.
    pub outcome: String,
    /// What it failed at, such as `Certificate istio-system/tls-myapp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<String>,
    /// Who was signed in to Entra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entra: Option<String>,
    /// Who that was to Kubernetes, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
    /// How many objects of each kind were touched, by what was done to them, such as `created`.
    #[serde(default)]
    pub objects: BTreeMap<String, BTreeMap<String, u64>>,
    /// The version of this program.
    pub gatewright: String,
}

impl Entry {
    /// The same, with nothing in it that is longer than it may be.
    pub(super) fn bounded(mut self) -> Self {
        for text in [&mut self.what, &mut self.failed_at, &mut self.entra, &mut self.kubernetes].into_iter().flatten() {
            shorten(text);
        }
        shorten(&mut self.did);
        shorten(&mut self.outcome);
        for kinds in self.objects.values_mut() {
            *kinds = std::mem::take(kinds).into_iter().take(MOST_KINDS).collect();
        }
        self
    }

    /// Who it was: to Entra, else to Kubernetes.
    pub fn who(&self) -> Option<&str> {
        self.entra.as_deref().or(self.kubernetes.as_deref())
    }
}

fn shorten(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(MOST_CHARACTERS) {
        text.truncate(at);
        text.push('…');
    }
}

/// What was done to an installation, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Why what is kept can't be read, where it can't: somebody has edited it.
    pub unreadable: Option<String>,
}

impl History {
    /// The history that a record keeps.
    pub fn of(record: &Value) -> Self {
        let text = record.get("data").and_then(|data| data.get(HISTORY_KEY)).and_then(Value::as_str);
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Self::default() };
        match serde_saphyr::from_str(text) {
            Ok(entries) => Self { entries, unreadable: None },
            Err(error) => {
                let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                Self { entries: Vec::new(), unreadable: Some(first) }
            }
        }
    }

    /// The text to keep once `entry` is added: as many of the newest entries as there is room for.
    pub(super) fn with(self, entry: Entry) -> String {
        let mut entries: Vec<Entry> = std::iter::once(entry).chain(self.entries).map(Entry::bounded).collect();
        entries.truncate(MOST_ENTRIES);
        loop {
            let text = written(&entries);
            if text.len() <= MOST_BYTES || entries.len() <= 1 {
                return text;
            }
            entries.pop();
        }
    }
}

/// What is kept aside once `text` is: it comes before what was set aside earlier, whose end goes where there is no room for it.
pub(super) fn set_aside(text: &str, earlier: Option<&str>) -> String {
    let mut all = earlier.map_or_else(|| text.to_owned(), |earlier| format!("{}\n---\n{earlier}", text.trim_end()));
    if all.len() > MOST_BYTES {
        let end = (0..=MOST_BYTES).rev().find(|end| all.is_char_boundary(*end)).unwrap_or_default();
        all.truncate(end);
        all.push_str("\n# the rest was too long to keep\n");
    }
    all
}

fn written(entries: &[Entry]) -> String {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: 100_000 };
    let mut text = HEADING.to_owned();
    if let Err(error) = serde_saphyr::to_fmt_writer_with_options(&mut text, &entries, options) {
        // Texts and numbers can always be written.
        tracing::error!(%error, "the history cannot be written as YAML");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Entry, HISTORY_KEY, History, MOST_BYTES, MOST_CHARACTERS, MOST_ENTRIES, set_aside};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn entry(number: i64) -> Entry {
        let kinds = BTreeMap::from([("Deployment".to_owned(), 2), ("Service".to_owned(), 1)]);
        Entry {
            at: jiff::Timestamp::from_second(1_800_000_000 + number).unwrap(),
            did: "setup".to_owned(),
            what: None,
            outcome: "done".to_owned(),
            failed_at: None,
            entra: Some("anna@contoso.com".to_owned()),
            kubernetes: Some("yes".to_owned()),
            objects: BTreeMap::from([("created".to_owned(), kinds)]),
            gatewright: "0.1.0".to_owned(),
        }
    }

    fn record(text: &str) -> Value {
        json!({"data": {HISTORY_KEY: text}})
    }

    #[test]
    fn given_entries_then_they_are_read_as_they_were_written_the_newest_first() {
        let first = History::default().with(entry(1));
        let second = History::of(&record(&first)).with(entry(2));
        assert_eq!(History::of(&record(&second)).entries, [entry(2), entry(1)]);
        assert!(!second.lines().any(|line| line.ends_with(' ')), "kubectl then shows it as a block:\n{second}");
        assert!(second.contains("  entra: anna@contoso.com\n"), "{second}");
    }

    #[test]
    fn given_more_than_there_is_room_for_then_the_oldest_go() {
        let mut text = String::new();
        for number in 0..60 {
            text = History::of(&record(&text)).with(entry(number));
        }
        let kept = History::of(&record(&text)).entries;
        assert_eq!((kept.len(), &kept[0], &kept[MOST_ENTRIES - 1]), (MOST_ENTRIES, &entry(59), &entry(10)));
    }

    #[test]
    fn given_names_as_long_as_anybody_likes_then_the_bytes_are_bounded_and_the_newest_is_there() {
        let long = "ö".repeat(100_000);
        let kinds: BTreeMap<String, u64> = (0..1_000).map(|kind| (format!("Kind{kind}"), 1)).collect();
        let of_many = |number| Entry {
            entra: Some(long.clone()),
            failed_at: Some(long.clone()),
            objects: ["created", "updated", "deleted"]
                .into_iter()
                .map(|done| (done.to_owned(), kinds.clone()))
                .collect(),
            ..entry(number)
        };
        let mut text = String::new();
        for number in 0..MOST_ENTRIES {
            text = History::of(&record(&text)).with(of_many(i64::try_from(number).unwrap()));
        }
        assert!(text.len() <= MOST_BYTES, "{}", text.len());
        let kept = History::of(&record(&text)).entries;
        assert!(kept.len() > 10 && kept[0].at > kept[1].at, "{}", kept.len());
        assert_eq!(kept[0].entra.as_ref().unwrap().chars().count(), MOST_CHARACTERS + 1);
    }

    #[test]
    fn given_something_is_set_aside_then_what_was_before_stays_behind_it_and_the_bytes_are_bounded() {
        let twice = set_aside("second\n", Some(&set_aside("first\n", None)));
        assert_eq!(twice, "second\n---\nfirst\n");
        let long = set_aside(&"ö".repeat(MOST_BYTES), Some(&twice));
        assert!(long.len() < MOST_BYTES + 100 && long.ends_with("too long to keep\n"), "{}", long.len());
    }

    #[test]
    fn given_a_later_versions_words_then_they_are_read_and_what_is_no_history_is_said_to_be_none() {
        let later =
            "- at: 2026-11-26T10:00:00Z\n  did: mend\n  outcome: halfway\n  gatewright: 9.0.0\n  more: {a: b}\n";
        let read = History::of(&record(later));
        assert_eq!((read.entries[0].did.as_str(), read.entries[0].outcome.as_str()), ("mend", "halfway"));
        let edited = History::of(&record("what: ever\n"));
        assert!(edited.unreadable.is_some() && edited.entries.is_empty(), "{edited:?}");
        let anew = edited.with(entry(1));
        assert_eq!(History::of(&record(&anew)), History { entries: vec![entry(1)], unreadable: None });
        assert_eq!(History::of(&json!({"data": {}})), History::default());
    }
}
