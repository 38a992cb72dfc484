//! What can be copied from the screen that is shown, what one most likely wants first. No secret is ever on a screen.

use super::{Pane, Phase, State, Status};
use crate::{engine::event::HandOver, face::problem_text, tui::happening::Wish};
use std::borrow::Cow;

/// Something that can be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copyable<'a> {
    /// What it is, such as `the address`.
    pub what: String,
    /// What is copied.
    pub text: Cow<'a, str>,
}

fn copyable<'a>(what: impl Into<String>, text: impl Into<Cow<'a, str>>) -> Copyable<'a> {
    Copyable { what: what.into(), text: text.into() }
}

/// What somebody else gets: the whole text, or else the link; and the command.
fn to_send(hand_over: &HandOver) -> String {
    let text = hand_over.text.as_deref().or(hand_over.link.as_deref());
    [text, hand_over.command.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("\n")
}

impl State {
    /// What can be copied now, in the order in which repeated copying takes it.
    pub fn copyable(&self) -> Vec<Copyable<'_>> {
        if self.log.is_open() {
            return if self.log.is_empty() { Vec::new() } else { vec![copyable("the log", self.log.text())] };
        }
        match self.phase {
            Phase::Home => Vec::new(),
            Phase::Looking | Phase::Asking => self.of_sign_in(),
            Phase::Review => self.of_review().into_iter().collect(),
            Phase::Applying => self.of_rows(),
            Phase::Over => self.of_end(),
        }
    }

    /// Whether anything can be copied now.
    pub fn may_copy(&self) -> bool {
        !self.copyable().is_empty()
    }

    /// Copies the first thing there is to copy, and each further time the one after it.
    pub(super) fn wish_to_copy(&mut self) -> Option<Wish> {
        let index = self.copied.map_or(0, |copied| copied + 1);
        let (wish, notice, index) = {
            let all = self.copyable();
            let index = index.checked_rem(all.len())?;
            let this = all.get(index)?;
            let next = all.get((index + 1).checked_rem(all.len())?).filter(|_| all.len() > 1);
            let next = next.map_or_else(String::new, |next| format!(" Again: {}.", next.what));
            (Wish::Copy(this.text.clone().into_owned()), format!("To the clipboard: {}.{next}", this.what), index)
        };
        self.copied = Some(index);
        self.notice = Some(notice);
        Some(wish)
    }

    fn of_sign_in(&self) -> Vec<Copyable<'_>> {
        let code = self.looking.device_code.iter();
        code.flat_map(|code| {
            [copyable(format!("the code {}", code.code), &*code.code), copyable("the page to open", &*code.url)]
        })
        .collect()
    }

    fn of_review(&self) -> Option<Copyable<'_>> {
        let item = self.review.item()?;
        let summary = &item.summary;
        let (what, text): (_, Cow<'_, str>) = match self.review.pane() {
            Pane::Yaml => ("the YAML", item.document.as_str().into()),
            Pane::Diff => ("the diff", summary.diff.as_str().into()),
            Pane::Why => {
                let problem = summary.problem.as_ref().map(problem_text).unwrap_or_default();
                let said: Vec<&str> =
                    std::iter::once(&summary.why).chain(&summary.warnings).map(String::as_str).collect();
                ("the why", format!("{}\n{problem}", said.join("\n")).into())
            }
        };
        let named = format!("{what} of {} {}", summary.title.kind, summary.title.name);
        Some(copyable(named, text)).filter(|copyable| !copyable.text.is_empty())
    }

    /// What failed, and what is handed over.
    fn of_rows(&self) -> Vec<Copyable<'_>> {
        let of_row = |row: &super::Row| match &row.status {
            Status::Failed(problem) => Some(copyable(format!("why {} failed", row.title.kind), problem_text(problem))),
            Status::HandedOver(hand_over) => {
                Some(copyable(format!("what to send to {}", hand_over.who), to_send(hand_over)))
            }
            _ => None,
        };
        self.progress.rows.iter().filter_map(of_row).collect()
    }

    fn of_end(&self) -> Vec<Copyable<'_>> {
        let mut all = self.of_rows();
        let has_failed = self.progress.rows.iter().any(|row| matches!(row.status, Status::Failed(_)));
        if let Some(problem) = self.ending.as_ref().and_then(|ending| ending.problem.as_ref()) {
            all.push(copyable("what stands in the way", problem_text(problem)));
        }
        let address = self.progress.finish.as_ref().and_then(|finish| finish.address.as_deref());
        all.extend(address.filter(|_| !has_failed).map(|address| copyable("the address", address)));
        let next = self.ending.iter().flat_map(|ending| &ending.next);
        all.extend(next.map(|(command, _)| copyable(format!("`{command}`"), command.as_str())));
        all
    }
}
