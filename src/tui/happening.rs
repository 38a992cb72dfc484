//! Everything that can happen, in one enum on one channel: keys, time, signals and the engine's events have one order.

use super::state::{Ending, Item};
use crate::engine::event::Envelope;
use crossterm::event::KeyEvent;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A key was pressed.
    Pressed(KeyEvent),
    /// Text was pasted.
    Pasted(String),
    /// The window has another size now, in columns and rows.
    Resized(u16, u16),
    /// Time went by while something runs.
    Ticked,
    /// The engine told of something.
    Told(Envelope),
    /// There is a plan, and the person is asked to look at it.
    PlanReady(Vec<Item>),
    /// What was shown has been confirmed and is being carried out.
    Begun,
    /// The work is over, and the person is asked what next.
    Over(Ending),
    /// The objects were saved as files, or not; what to say about it.
    Saved(Result<String, String>),
    /// A signal asks us to end.
    AskedToEnd,
    /// A signal asks us to stop for a while.
    AskedToSuspend,
    /// We were stopped, and go on.
    Resumed,
    /// The terminal was closed.
    TerminalGone,
}

/// What the person wants done that the screen can't do itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Carry out the plan that is shown.
    Apply,
    /// Leave; nothing is running.
    Leave,
    /// Stop what is running, after what is being written.
    Stop,
    /// Pause before the next step.
    Pause,
    /// Go on after a pause.
    GoOn,
    /// End at once; what is being written is not waited for.
    EndNow,
    /// Look and plan again.
    Again,
    /// Save the objects as files in this folder.
    Save(String),
    /// Stop for a while, back to the shell.
    Suspend,
    /// Draw everything again.
    Redraw,
}
