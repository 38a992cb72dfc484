//! A rotation in plain text: the states that are still to come, and how it ended.

use super::plain::{counts_text, indented, row, seconds};
use crate::engine::event::{Action, Counts, Event, Outcome};
use std::fmt::Write as _;

/// What would be done, in the order of its states.
pub(super) fn rotation_text(event: &Event, columns: Option<usize>) -> String {
    let Event::RotationPlanned { application, namespace, what, expires, goes_on, notice, steps } = event else {
        return String::new();
    };
    let mut text = format!("\nThe {} of {namespace}/{application}", what.name());
    if let Some(expires) = expires {
        let _infallible = write!(text, ", good until {expires}");
    }
    text.push_str(if *goes_on { ": a rotation that was begun goes on.\n" } else { " is rotated.\n" });
    let _infallible = writeln!(text, "{notice}\n");
    for step in steps {
        let word = if step.action == Action::Keep { "try" } else { step.action.to_do() };
        text.push_str(&row(word, &step.title, "", columns));
        text.push_str(&indented(&step.why));
    }
    text.push('\n');
    text
}

/// How a rotation ended.
pub(super) fn finished_text(outcome: Outcome, counts: &Counts, elapsed_ms: u64, was_undone: bool) -> String {
    let (took, counts) = (seconds(elapsed_ms), counts_text(counts));
    match outcome {
        Outcome::Done if was_undone => format!("\nTaken back in {took}: what was in use before is in use again.\n"),
        Outcome::Done => format!("\nRotated in {took}: {counts}.\n"),
        Outcome::NothingToDo => "\nNothing to do.\n".to_owned(),
        Outcome::HandedOver => {
            format!("\nRotated in {took}, but for what somebody else must do (see \"to do\" above): {counts}.\n")
        }
        Outcome::Failed if was_undone => {
            format!("\nStopped after {took}, and taken back as told above: what was in use before is good.\n")
        }
        Outcome::Failed => {
            format!(
                "\nStopped after {took}: {counts}. What was in use before is good; the same command goes on from here.\n"
            )
        }
        Outcome::NotPermitted => format!("\nNot permitted: see above which right is missing ({took}).\n"),
        Outcome::Interrupted => format!(
            "\nInterrupted after {took}: {counts}. The same command goes on from here; with --undo it takes back what was begun.\n"
        ),
    }
}
