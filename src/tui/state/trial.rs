//! What trying the application found, once everything is applied.

use crate::engine::event::{Event, Finding, Usage, Verdict};

/// What is known of the trial.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// What is tried; nothing before it begins.
    pub address: Option<String>,
    /// What was found so far.
    pub findings: Vec<Finding>,
    /// How a program gets in.
    pub usage: Option<Usage>,
}

impl Trial {
    pub(super) fn told(&mut self, event: &Event) {
        match event {
            Event::Trying { address } => *self = Self { address: Some(address.clone()), ..Self::default() },
            Event::Tried { finding } => self.findings.push(finding.clone()),
            Event::Usage { usage } => self.usage = Some(usage.clone()),
            _ => {}
        }
    }

    /// Whether a stranger reached the application.
    pub fn is_open(&self) -> bool {
        self.findings.iter().any(|finding| finding.verdict == Verdict::Open)
    }

    /// How many lines it takes in `room` columns, or a few more.
    pub(super) fn lines(&self, room: usize) -> usize {
        if self.address.is_none() {
            return 0;
        }
        let room = room.saturating_sub(18).max(20);
        let taken = |text: &String| text.len() / room + 1;
        let findings = self.findings.iter().flat_map(|finding| std::iter::once(&finding.found).chain(&finding.remedy));
        let usage = self.usage.iter().flat_map(|usage| [&usage.needs, &usage.token, &usage.call]);
        2 + findings.chain(usage).map(taken).sum::<usize>()
    }
}
