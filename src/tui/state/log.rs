//! Everything that was told, line by line.

use crate::{
    engine::event::{Envelope, Event},
    face::{Face as _, Plain, Style},
    tui::keymap::Command,
};

/// A run tells of a few hundred events; more than this is a run that waits and waits.
const LONGEST: usize = 5_000;

/// The lines, and which of them are shown.
#[derive(Clone, Debug, Default)]
pub struct Log {
    lines: Vec<String>,
    open: bool,
    /// How many lines are below those shown; 0 follows.
    from_end: usize,
}

impl Log {
    /// Adds what was told.
    pub fn add(&mut self, envelope: &Envelope) {
        // The plan has a screen of its own.
        if matches!(
            envelope.event,
            Event::Planned { .. } | Event::TeardownPlanned { .. } | Event::RotationPlanned { .. }
        ) {
            return;
        }
        let mut text = Vec::new();
        let _infallible = Plain::new(&mut text, Style::Brief, || None).show(envelope);
        let text = anstream::adapter::strip_str(&String::from_utf8_lossy(&text)).to_string();
        let time = envelope.time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string();
        for (index, line) in text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
            let stamp = if index == 0 { time.as_str() } else { "        " };
            self.lines.push(format!("{stamp} {}", closed_up(line)));
            if self.from_end > 0 {
                self.from_end += 1;
            }
        }
        let surplus = self.lines.len().saturating_sub(LONGEST);
        self.lines.drain(..surplus);
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }

    /// Whether it lies over the screen.
    pub fn is_open(&self) -> bool {
        self.open
    }

    pub(super) fn open(&mut self) {
        self.open = true;
        self.from_end = 0;
    }

    pub(super) fn close(&mut self) {
        self.open = false;
    }

    /// The lines that fit into `height`.
    pub fn window(&self, height: usize) -> &[String] {
        let first = self.first_in_sight(height);
        let end = self.lines.len().min(first.saturating_add(height));
        self.lines.get(first..end).unwrap_or_default()
    }

    /// The first of them.
    pub fn first_in_sight(&self, height: usize) -> usize {
        self.lines.len().saturating_sub(height).saturating_sub(self.from_end)
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn scroll(&mut self, command: Command, page: usize) {
        let most = self.lines.len().saturating_sub(1);
        self.from_end = match command {
            Command::Up => self.from_end + 1,
            Command::Down => self.from_end.saturating_sub(1),
            Command::PageUp => self.from_end + page,
            Command::PageDown => self.from_end.saturating_sub(page),
            Command::First => most,
            _ => 0,
        }
        .min(most);
    }
}

/// A line that belongs to the one before stands so far in at most.
const INDENT: usize = 4;

/// Columns that were made for a wide page stand closer.
fn closed_up(line: &str) -> String {
    let indent = (line.len() - line.trim_start().len()).min(INDENT);
    let words: Vec<&str> = line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect();
    format!("{}{}", " ".repeat(indent), words.join("  "))
}
