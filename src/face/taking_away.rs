//! A teardown in plain text: what goes, what others changed, what stays and what is gone already.

use super::plain::{bad, coloured_diff, counts_text, hand_over_text, indented, problem_text, row, seconds};
use crate::engine::{
    GoodUntil,
    event::{Action, Counts, Outcome, TeardownGroup, TeardownStep},
};
use std::fmt::Write as _;

/// What would be taken away of an application in a namespace, in groups.
pub fn teardown_text(
    (namespace, application): (&str, &str),
    good_until: &GoodUntil,
    steps: &[TeardownStep],
    counts: &Counts,
    columns: Option<usize>,
) -> String {
    let mut text = format!("\nWhat there is of {namespace}/{application}: {}\n", counts_text(counts));
    if let Some(line) = good_until.line() {
        let _infallible = writeln!(text, "{line}");
    }
    let groups = [
        (TeardownGroup::Removed, "Goes, in this order"),
        (TeardownGroup::ChangedByOthers, "Goes too, though others have changed it since"),
        (TeardownGroup::Kept, "Stays"),
        (TeardownGroup::Gone, "Gone already"),
    ];
    for (group, heading) in groups {
        let of_group: Vec<&TeardownStep> = steps.iter().filter(|step| step.group == group).collect();
        if of_group.is_empty() {
            continue;
        }
        let _infallible = writeln!(text, "\n{heading}:");
        for step in of_group {
            text.push_str(&line(step, columns));
        }
    }
    text.push('\n');
    text
}

fn line(told: &TeardownStep, columns: Option<usize>) -> String {
    let TeardownStep { group, step, hand_over } = told;
    let word = match (group, hand_over) {
        (TeardownGroup::Gone, _) => "gone",
        (_, Some(_)) => "to do",
        _ => step.action.to_do(),
    };
    let mut text = row(word, &step.title, "", columns);
    if *group != TeardownGroup::Removed || step.action == Action::Update {
        text.push_str(&indented(&step.why));
    }
    text.push_str(&indented(&coloured_diff(&step.diff)));
    for warning in &step.warnings {
        text.push_str(&indented(&format!("{}: {warning}", bad("WARNING").trim_end())));
    }
    if let Some(problem) = &step.problem {
        text.push_str(&indented(&problem_text(problem)));
    }
    if let Some(hand_over) = hand_over {
        text.push_str(&indented(&hand_over_text(hand_over)));
    }
    text
}

/// How a teardown ended.
pub(super) fn finished_text(outcome: Outcome, counts: &Counts, elapsed_ms: u64) -> String {
    let (took, counts) = (seconds(elapsed_ms), counts_text(counts));
    match outcome {
        Outcome::Done => format!("\nTaken away in {took}: {counts}.\n"),
        Outcome::NothingToDo => "\nNothing changed: there is nothing left to take away.\n".to_owned(),
        Outcome::HandedOver => {
            format!("\nTaken away in {took}, but for what somebody else must do (see \"to do\" above): {counts}.\n")
        }
        Outcome::Failed => {
            format!(
                "\nStopped after {took}: {counts}. What is named above is left; the same command goes on from here.\n"
            )
        }
        Outcome::NotPermitted => format!("\nNot permitted: see above which right is missing ({took}).\n"),
        Outcome::Interrupted => {
            format!("\nInterrupted after {took}: {counts}. The same command goes on from here.\n")
        }
    }
}
