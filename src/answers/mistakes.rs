//! What is wrong with an answers file: all of it at once, each with its line.

use super::{document::Place, names::Unusable};
use std::fmt;

/// One thing that is wrong with an answers file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Mistake {
    /// The line it stands on, from 1.
    pub line: usize,
    /// The column it starts in, from 1.
    pub column: usize,
    /// The key, such as `certificate.issuer.name`; empty where the file as a whole is meant.
    pub path: String,
    /// What was wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl Mistake {
    pub(super) fn new(
        place: Place,
        path: impl Into<String>,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) -> Self {
        Self { line: place.line, column: place.column, path: path.into(), wrong: wrong.into(), right: right.into() }
    }

    pub(super) fn unusable(place: Place, path: impl Into<String>, reason: Unusable) -> Self {
        Self::new(place, path, reason.wrong, reason.right)
    }
}

/// ``application.host: `https://x.example.com` starts with a scheme; write the name alone: `x.example.com` ``
impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        write!(formatter, "{}; {}", self.wrong, self.right)
    }
}

/// Everything that is wrong with an answers file; never empty.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mistakes {
    /// Where the text came from, such as `gatewright.yaml`.
    pub origin: String,
    /// The mistakes, in the order of the file.
    pub list: Vec<Mistake>,
}

impl Mistakes {
    pub(super) fn new(origin: &str, mut list: Vec<Mistake>) -> Self {
        list.sort();
        list.dedup();
        Self { origin: origin.to_owned(), list }
    }
}

/// One line a mistake, as compilers write them so that editors find the place, and a line that sums up.
impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.list {
            writeln!(formatter, "{}:{}:{}: {mistake}", self.origin, mistake.line, mistake.column)?;
        }
        match self.list.len() {
            1 => write!(formatter, "1 mistake in {}; nothing was tried", self.origin),
            several => write!(formatter, "{several} mistakes in {}; nothing was tried", self.origin),
        }
    }
}

impl std::error::Error for Mistakes {}
