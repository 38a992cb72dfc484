//! The keys of the questions. In a field letters are text, so what letters do elsewhere has another key there.

use super::{Command, Row, Told, control, key, leave_label, letter, named};
use crate::tui::state::{Asking, Field, Focus, State, WIDE};
use crossterm::event::KeyCode;

static CHOOSING: &[Row] = rows![
    [key(KeyCode::Up), letter('k')] => Up, |_| named("choose"), InTheBar;
    [key(KeyCode::Down), letter('j')] => Down, |_| named("choose"), InTheBar;
    [key(KeyCode::Enter)] => Accept, |_| named("continue"), InTheBar;
    [key(KeyCode::Esc)] => Back, |_| named("back"), InTheBar;
    [letter('c'), control('y')] => Copy, |_| named("copy the code"), InTheBar, if State::may_copy;
    [letter('r'), letter('!'), control('r')] => Again, |_| named("look again"), InTheBar, if has_reason_to_look_again;
    [letter('r'), letter('!'), control('r')] => Again, |_| named("look again"), InTheOverlay, if may_look_again;
    [key(KeyCode::Tab)] => Steps, |_| named("steps"), InTheBar;
    [letter('e'), control('g')] => Explain, |_| named("explain"), InTheBar, if is_narrow;
    [letter('e'), control('g')] => Explain, |_| named("explain"), InTheOverlay, if |state| !is_narrow(state);
    [key(KeyCode::PageUp)] => PageUp, |_| named("page"), InTheOverlay;
    [key(KeyCode::PageDown), letter(' ')] => PageDown, |_| named("page"), InTheOverlay;
    [key(KeyCode::Home), letter('g')] => First, |_| named("first, last"), InTheOverlay;
    [key(KeyCode::End), letter('G')] => Last, |_| named("first, last"), InTheOverlay;
    [letter('l')] => Log, |_| named("log"), InTheOverlay;
];

static WRITING: &[Row] = rows![
    [key(KeyCode::Enter)] => Accept, |_| named("continue"), InTheBar;
    [key(KeyCode::Esc)] => Back, back_label, InTheBar;
    [control('y')] => Copy, |_| named("copy the code"), InTheBar, if State::may_copy;
    [control('r')] => Again, |_| named("look again"), InTheBar, if has_reason_to_look_again;
    [control('r')] => Again, |_| named("look again"), InTheOverlay, if may_look_again;
    [key(KeyCode::Tab)] => Steps, |_| named("steps"), InTheBar;
    [control('g')] => Explain, |_| named("explain"), InTheBar, if is_narrow;
    [control('g')] => Explain, |_| named("explain"), InTheOverlay, if |state| !is_narrow(state);
    [key(KeyCode::F(1))] => Help, |_| named("keys"), InTheBar;
];

static ANSWERS: &[Row] = rows![
    [key(KeyCode::Enter)] => Accept, |state| named(if is_right(state) { "go on to the plan" } else { "see to that" }), InTheBar;
    [key(KeyCode::Tab)] => Steps, |_| named("change a step"), InTheBar;
    [letter('s')] => Save, |_| named("save"), InTheBar, if is_right;
    [key(KeyCode::Esc)] => Back, |_| named("back"), InTheBar;
    [letter('c'), control('y')] => Copy, |_| named("copy the code"), InTheBar, if State::may_copy;
    [key(KeyCode::Up), letter('k')] => Up, |_| named("scroll"), InTheBar, if may_scroll;
    [key(KeyCode::Down), letter('j')] => Down, |_| named("scroll"), InTheBar, if may_scroll;
    [key(KeyCode::PageUp)] => PageUp, |_| named("page"), InTheOverlay, if may_scroll;
    [key(KeyCode::PageDown), letter(' ')] => PageDown, |_| named("page"), InTheOverlay, if may_scroll;
    [letter('e'), control('g')] => Explain, |_| named("explain"), InTheOverlay;
    [letter('l')] => Log, |_| named("log"), InTheOverlay;
];

static STEPS: &[Row] = rows![
    [key(KeyCode::Up), letter('k')] => Up, |_| named("choose"), InTheBar;
    [key(KeyCode::Down), letter('j')] => Down, |_| named("choose"), InTheBar;
    [key(KeyCode::Enter)] => Accept, |_| named("go there"), InTheBar;
    [key(KeyCode::Esc), key(KeyCode::Tab)] => Close, |_| named("back to the question"), InTheBar;
];

static EXPLANATION: &[Row] = rows![
    [key(KeyCode::Up), letter('k')] => Up, |_| named("scroll"), InTheOverlay;
    [key(KeyCode::Down), letter('j')] => Down, |_| named("scroll"), InTheOverlay;
    [key(KeyCode::Esc), letter('e'), letter('q'), key(KeyCode::Enter), control('g')] => Close, |_| named("close"), InTheBar;
];

static LEAVING: &[Row] = rows![
    [key(KeyCode::Enter)] => Accept, leave_label, InTheBar;
    [key(KeyCode::Esc), letter('q')] => Close, |_| named("stay"), InTheBar;
];

/// The rows for what keys are for now.
pub(super) fn rows(state: &State) -> &'static [Row] {
    let Some(asking) = &state.asking else { return &[] };
    match (asking.focus, &asking.field) {
        (Focus::Steps(_), _) => STEPS,
        (Focus::Explanation(_), _) => EXPLANATION,
        (Focus::Leaving, _) => LEAVING,
        (Focus::Question, _) if asking.is_writing() => WRITING,
        (Focus::Question, Field::Answers(_)) => ANSWERS,
        (Focus::Question, _) => CHOOSING,
    }
}

fn of(state: &State, is: impl Fn(&Asking) -> bool) -> bool {
    state.asking.as_ref().is_some_and(is)
}

fn has_reason_to_look_again(state: &State) -> bool {
    of(state, Asking::has_reason_to_look_again)
}

fn may_look_again(state: &State) -> bool {
    of(state, |asking| asking.wizard().may_look_again() && !asking.has_reason_to_look_again())
}

fn is_narrow(state: &State) -> bool {
    state.size.0 < WIDE
}

fn is_right(state: &State) -> bool {
    of(state, |asking| asking.whole().is_some())
}

fn may_scroll(state: &State) -> bool {
    of(state, |asking| asking.may_scroll(state.page()))
}

fn back_label(state: &State) -> String {
    let to_the_list =
        of(state, |asking| matches!(&asking.field, Field::Choice(choosing) if !choosing.choices.is_empty()));
    named(if to_the_list { "back to the list" } else { "back" })
}
