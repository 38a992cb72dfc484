//! Plain text, a line at a time: for logs, pipes, dumb terminals and screen readers. No redraws; meaning never by colour alone.

use super::{Face, teardown_text};
use crate::{
    blueprint::PartId,
    engine::event::{
        Action, Counts, Envelope, Event, Finding, HandOver, Outcome, Problem, StepSummary, Title, Usage, Verdict,
    },
};
use anstyle::AnsiColor;
use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{self, Write},
};

/// How much a plan tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One line an object.
    Brief,
    /// The reason and the diff of every object that would change.
    Full,
}

/// Writes plain text.
pub struct Plain<W> {
    writer: W,
    style: Style,
    /// How many columns there are now; `None` where lines may have any length, as in a file.
    columns: fn() -> Option<usize>,
    last_reasons: HashMap<PartId, String>,
    /// Whether the application was seen to answer a stranger.
    is_open: bool,
    /// Whether it is told of taking something away.
    takes_away: bool,
    /// Whether it is told of a rotation, and whether that was taken back.
    rotation: Option<bool>,
}

impl<W: Write> Plain<W> {
    /// A face that writes to `writer`, telling of plans in `style`, in as many `columns` as there are.
    pub fn new(writer: W, style: Style, columns: fn() -> Option<usize>) -> Self {
        Self { writer, style, columns, last_reasons: HashMap::new(), is_open: false, takes_away: false, rotation: None }
    }

    /// Takes note of what is begun, and writes nothing: how it ends is told in its own words.
    pub fn turn_to(&mut self, event: &Event) {
        match event {
            Event::Planned { .. } => (self.takes_away, self.rotation, self.is_open) = (false, None, false),
            Event::TeardownPlanned { .. } => (self.takes_away, self.rotation) = (true, None),
            Event::RotationPlanned { steps, .. } => {
                self.takes_away = false;
                self.rotation = Some(steps.iter().any(|step| step.part.0.ends_with("/put-back")));
            }
            Event::Undoing { .. } => self.rotation = Some(true),
            _ => {}
        }
    }

    /// Repeats nothing: a waiting part is told of when it waits for something new.
    fn is_news(&mut self, part: &PartId, reason: &str) -> bool {
        if self.last_reasons.get(part).is_some_and(|last| last == reason) {
            return false;
        }
        self.last_reasons.insert(part.clone(), reason.to_owned());
        true
    }
}

impl<W: Write + Send> Face for Plain<W> {
    fn show(&mut self, envelope: &Envelope) -> io::Result<()> {
        let columns = (self.columns)();
        self.turn_to(&envelope.event);
        let text = match &envelope.event {
            // Tables and lists of files are results: they go to standard output, and not here.
            Event::Started { .. }
            | Event::DeviceCodeOver { .. }
            | Event::Installed { .. }
            | Event::History { .. }
            | Event::Written { .. } => return Ok(()),
            Event::Looking { at } => format!("Looking at {at} ...\n"),
            Event::Connected { practice, .. } => connected_text(&envelope.event, *practice),
            Event::SignedIn { tenant_domain, caller, sign_in_method, .. } => {
                format!("Signed in to {tenant_domain} as {caller} ({sign_in_method}).\n")
            }
            Event::DeviceCode { url, code, expires } => {
                let until = expires.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M");
                format!("To sign in, open {url} and enter the code {code} (good until {until}).\n")
            }
            Event::Planned { steps, counts } => plan_text(steps, counts, self.style, columns),
            Event::TeardownPlanned { application, namespace, good_until, steps, counts } => {
                teardown_text((namespace, application), good_until, steps, counts, columns)
            }
            Event::RotationPlanned { .. } => super::rotating::rotation_text(&envelope.event, columns),
            Event::Undoing { reason } => format!("\n{reason} What was in use before is put back:\n"),
            Event::Waiting { part, title, reason, elapsed_ms, budget_ms } => {
                if !self.is_news(part, reason) {
                    return Ok(());
                }
                let times = format!("{} of {}", clock(*elapsed_ms), clock(*budget_ms));
                row("waiting", title, &format!("{reason} ({times})"), columns)
            }
            // The plan has told what stays; that it stayed is no news.
            Event::Ready { action: Action::Keep, elapsed_ms, .. } if *elapsed_ms < NOTABLE_MS => return Ok(()),
            Event::Ready { title, action, proof, elapsed_ms, .. } => {
                ready_text(title, *action, proof.as_deref(), *elapsed_ms, columns)
            }
            Event::Proven { title, proof, .. } => row(&good("proven"), title, proof, columns),
            Event::Paused { after: Some(title) } => format!("  paused after {} {}\n", title.kind, title.name),
            Event::Paused { after: None } => "  paused before anything was done\n".to_owned(),
            Event::Resumed { .. } => "  going on\n".to_owned(),
            Event::Failed { title, problem, .. } => {
                format!("{}{}", row(&bad("failed"), title, "", columns), indented(&problem_text(problem)))
            }
            Event::HandOver { title, hand_over, .. } => {
                format!("{}{}", row("to do", title, "", columns), indented(&hand_over_text(hand_over)))
            }
            Event::Trying { address } => format!("\nTrying {address} as a stranger ...\n"),
            Event::Tried { finding } => {
                self.is_open |= finding.verdict == Verdict::Open;
                finding_text(finding, columns)
            }
            Event::Usage { usage } => usage_text(usage),
            Event::GoodUntil { good_until } => good_until.line().map_or_else(String::new, |line| format!("\n{line}\n")),
            Event::Finished { .. } if self.is_open => {
                format!(
                    "\n{}: everything was applied, and strangers get in. See above what to do first.\n",
                    bad("THE DOOR IS OPEN")
                )
            }
            Event::Finished { outcome, counts, elapsed_ms, .. } if self.takes_away => {
                super::taking_away::finished_text(*outcome, counts, *elapsed_ms)
            }
            Event::Finished { outcome, counts, elapsed_ms, .. } if self.rotation.is_some() => {
                super::rotating::finished_text(*outcome, counts, *elapsed_ms, self.rotation == Some(true))
            }
            Event::Finished { outcome, counts, address, elapsed_ms } => {
                finished_text(*outcome, counts, address.as_deref(), *elapsed_ms)
            }
        };
        self.writer.write_all(text.as_bytes())?;
        self.writer.flush()
    }
}

fn connected_text(event: &Event, practice: bool) -> String {
    let Event::Connected { tenant, tenant_domain, caller, sign_in_method, context, server, .. } = event else {
        return String::new();
    };
    let banner =
        if practice { "PRACTICE: nothing here is real. `gatewright practice reset` starts over.\n" } else { "" };
    format!(
        "{banner}Tenant   {tenant_domain} ({tenant}), signed in as {caller} ({sign_in_method})\n\
         Cluster  {context} at {server}\n"
    )
}

/// A plan: what would be done to which object, and how many of each.
pub fn plan_text(steps: &[StepSummary], counts: &Counts, style: Style, columns: Option<usize>) -> String {
    let mut text = format!("\n{} objects: {}\n", steps.len(), counts_text(counts));
    for step in steps {
        text.push_str(&row(step.action.to_do(), &step.title, "", columns));
        if style == Style::Full && !matches!(step.action, Action::Keep) {
            text.push_str(&indented(&format!("why: {}\n{}", step.why, coloured_diff(&step.diff))));
        }
        for warning in &step.warnings {
            text.push_str(&indented(&format!("{}: {warning}", bad("WARNING").trim_end())));
        }
        if let Some(problem) = &step.problem {
            text.push_str(&indented(&problem_text(problem)));
        }
    }
    text.push('\n');
    text
}

pub(super) fn coloured_diff(diff: &str) -> String {
    let mut text = String::new();
    for line in diff.lines() {
        let colour = match line.chars().next() {
            Some('+') => AnsiColor::Green,
            Some('-') => AnsiColor::Red,
            _ => {
                let _infallible = writeln!(text, "{line}");
                continue;
            }
        };
        let style = colour.on_default();
        let _infallible = writeln!(text, "{style}{line}{style:#}");
    }
    text
}

pub(super) fn counts_text(counts: &Counts) -> String {
    let parts = counts.in_words();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

/// From when on it is worth telling how long something took that is only kept.
const NOTABLE_MS: u64 = 1_000;

fn ready_text(title: &Title, action: Action, proof: Option<&str>, elapsed_ms: u64, columns: Option<usize>) -> String {
    let mut note = proof.unwrap_or_default().to_owned();
    if action != Action::Keep || elapsed_ms >= NOTABLE_MS {
        let pause = if note.is_empty() { "" } else { "  " };
        let _infallible = write!(note, "{pause}{}", seconds(elapsed_ms));
    }
    let word = if action == Action::Keep { action.done().to_owned() } else { good(action.done()) };
    row(&word, title, &note, columns)
}

/// A problem in three lines: what was tried, what came back, what to do.
pub fn problem_text(problem: &Problem) -> String {
    format!("tried: {}\ncame back: {}\nto do: {}\n", problem.tried, problem.cause, problem.remedy)
}

/// What to send to whom.
pub fn hand_over_text(hand_over: &HandOver) -> String {
    let mut text = format!("{}\nSend this to {}:\n", hand_over.reason, hand_over.who);
    // The text has the link in it.
    let link = hand_over.link.as_deref().filter(|_| hand_over.text.is_none());
    let sent = [link, hand_over.command.as_deref(), hand_over.text.as_deref()];
    for line in sent.into_iter().flatten().flat_map(str::lines) {
        let _infallible = writeln!(text, "{}", format!("  {line}").trim_end());
    }
    text.push_str("Everything else goes on; the next run picks this up.\n");
    text
}

/// What trying the application found, and what to do about it.
fn finding_text(finding: &Finding, columns: Option<usize>) -> String {
    let word = match finding.verdict {
        Verdict::Ok => good(finding.verdict.word()),
        Verdict::NotYet => finding.verdict.word().to_owned(),
        Verdict::Wrong | Verdict::Open => bad(finding.verdict.word()),
    };
    let head = format!("  {word:WORD_WIDTH$} {:<CHECK_WIDTH$} ", finding.check.title());
    let at = 2 + WORD_WIDTH + 1 + CHECK_WIDTH + 1;
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(at));
    let remedy = finding.remedy.iter().map(|remedy| format!("to do: {remedy}"));
    let lines = std::iter::once(finding.found.clone()).chain(remedy).flat_map(|text| wrapped(&text, room));
    lines.enumerate().fold(String::new(), |mut text, (index, line)| {
        let before = if index == 0 { head.clone() } else { " ".repeat(at) };
        let _infallible = writeln!(text, "{before}{line}");
        text
    })
}

/// Commands are never broken: they are to be copied.
fn usage_text(usage: &Usage) -> String {
    format!("\nA program gets in with client_credentials. It takes {}:\n{}\n{}\n", usage.needs, usage.token, usage.call)
}

fn finished_text(outcome: Outcome, counts: &Counts, address: Option<&str>, elapsed_ms: u64) -> String {
    let took = seconds(elapsed_ms);
    let mut text = match outcome {
        Outcome::Done => format!("\nDone in {took}: {}.\n", counts_text(counts)),
        Outcome::NothingToDo => {
            format!("\nNothing changed: all {} objects are as they should be ({took}).\n", counts.keep)
        }
        Outcome::HandedOver => {
            format!(
                "\nDone in {took}, but for what somebody else must do (see \"to do\" above): {}.\n",
                counts_text(counts)
            )
        }
        Outcome::Failed => format!(
            "\nStopped after {took}: {}. Nothing has to be undone; the same command goes on from here.\n",
            counts_text(counts)
        ),
        Outcome::NotPermitted => format!("\nNot permitted: see above which right is missing ({took}).\n"),
        Outcome::Interrupted => {
            format!("\nInterrupted after {took}: {}. The same command goes on from here.\n", counts_text(counts))
        }
    };
    if let (Some(address), Outcome::Done | Outcome::NothingToDo | Outcome::HandedOver) = (address, outcome) {
        let _infallible = writeln!(text, "Try it: {address}");
    }
    text
}

fn good(word: &str) -> String {
    let style = AnsiColor::Green.on_default();
    format!("{style}{word}{style:#}{}", padding(word))
}

pub(super) fn bad(word: &str) -> String {
    let style = AnsiColor::Red.on_default().bold();
    format!("{style}{word}{style:#}{}", padding(word))
}

const WORD_WIDTH: usize = 9;
/// The widest name of a check.
const CHECK_WIDTH: usize = 12;

fn padding(word: &str) -> String {
    " ".repeat(WORD_WIDTH.saturating_sub(word.len()))
}

const KIND_WIDTH: usize = 22;
/// Where the name begins.
const NAME_AT: usize = 2 + WORD_WIDTH + 1 + KIND_WIDTH + 1;
/// How wide the name's column is where lines may have any length, and at least elsewhere.
const NAME_WIDTHS: (usize, usize) = (44, 28);
/// Room for a short note such as `ready  12.3 s`.
const SHORT_NOTE: usize = 15;
/// Where a note begins that has no room behind the name.
const NOTE_AT: usize = 6;

/// A word, a kind, a name and a note in columns. A word that carries colour brings its own padding. A note that has no room behind
/// the name stands below it, between words.
pub(super) fn row(word: &str, title: &Title, note: &str, columns: Option<usize>) -> String {
    let name_width = columns.map_or(NAME_WIDTHS.0, |columns| {
        columns.saturating_sub(NAME_AT + SHORT_NOTE).clamp(NAME_WIDTHS.1, NAME_WIDTHS.0)
    });
    let head = format!("  {word:WORD_WIDTH$} {:<KIND_WIDTH$} {:<name_width$}", title.kind, title.name);
    let used = NAME_AT + name_width.max(title.name.chars().count());
    let Some(columns) = columns.filter(|columns| used + 1 + note.chars().count() > *columns) else {
        return format!("{}\n", format!("{head} {note}").trim_end());
    };
    let below = wrapped(note, columns.saturating_sub(NOTE_AT));
    below.iter().fold(format!("{}\n", head.trim_end()), |mut text, line| {
        let _infallible = writeln!(text, "{:NOTE_AT$}{line}", "");
        text
    })
}

/// `text` in lines of at most `columns`, broken between words; a longer word is left whole.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

pub(super) fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let _infallible = writeln!(all, "      {line}");
        all
    })
}

pub(super) fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
}

fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::{Plain, Style, row};
    use crate::{
        blueprint::PartId,
        engine::event::{Action, Envelope, Event, Title},
        face::Face as _,
    };

    fn title() -> Title {
        Title { kind: "AuthorizationPolicy".to_owned(), name: "myapp/myapp-oauth2-proxy".to_owned() }
    }

    #[test]
    fn given_a_terminal_of_80_columns_then_a_short_note_stays_in_the_line_and_no_line_is_longer() {
        let short = row("created", &title(), "ready  12.3 s", Some(80));
        assert_eq!(short.lines().count(), 1, "{short}");
        let reason = "0 of 1 pods are available; pod myapp-oauth2-proxy-prkgrrsr8j-tp4qf: container oauth2-proxy runs and is not \
                      ready yet (0:01 of 5:00)";
        for columns in [60, 80, 100, 140] {
            let long = row("waiting", &title(), reason, Some(columns));
            assert!(long.lines().all(|line| line.chars().count() <= columns), "{columns}:\n{long}");
            assert!(long.lines().count() > 1, "{long}");
        }
    }

    #[test]
    fn given_no_terminal_then_every_event_is_one_line() {
        let long = row("waiting", &title(), &"word ".repeat(100), None);
        assert_eq!(long.lines().count(), 1, "{long}");
    }

    #[test]
    fn given_what_is_kept_then_it_is_not_told_twice() {
        let mut screen = Vec::new();
        let ready = |action| Envelope {
            version: 1,
            sequence: 1,
            time: jiff::Timestamp::UNIX_EPOCH,
            event: Event::Ready { part: PartId("x".to_owned()), title: title(), action, proof: None, elapsed_ms: 3 },
        };
        let mut face = Plain::new(&mut screen, Style::Brief, || None);
        face.show(&ready(Action::Keep)).unwrap();
        face.show(&ready(Action::Update)).unwrap();
        let shown = String::from_utf8(screen).unwrap();
        assert_eq!(shown.lines().count(), 1, "{shown}");
        assert!(shown.contains("updated"), "{shown}");
    }
}
