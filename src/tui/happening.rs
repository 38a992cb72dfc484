//! Everything that can happen, in one enum on one channel: keys, time, signals and the engine's events have one order.

use super::{
    state::{Ending, Item, Opening, Rotating, TakingAway},
    theme::Side,
};
use crate::{
    answers::Answers,
    blueprint::PartId,
    engine::{
        event::{Envelope, Problem},
        installations::Overview,
        rotate::{self, What},
        teardown::Choices,
    },
    wizard::{News, Session, Wizard},
};
use crossterm::event::KeyEvent;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A key was pressed.
    Pressed(KeyEvent),
    /// A cell was clicked, in columns and rows from the top left.
    Clicked(u16, u16),
    /// The wheel was turned over a cell.
    Wheeled(Wheel, u16, u16),
    /// Text was pasted.
    Pasted(String),
    /// The window has another size now, in columns and rows.
    Resized(u16, u16),
    /// Time went by while something runs.
    Ticked,
    /// The terminal told which side its background is on; `None` when it told in words that nobody understands.
    BackgroundIs(Option<Side>),
    /// The engine told of something.
    Told(Envelope),
    /// There are questions: the person is asked, or asked again from where the conversation is.
    Asked(Box<Conversation>),
    /// A fact for the questions has arrived; it belongs to this session.
    Learned(Session, Box<News>),
    /// There is a plan, and the person is asked to look at it.
    PlanReady(Vec<Item>),
    /// There is a plan of what is taken away, and the person is asked to look at it, and what to keep.
    TakingAway(Box<TakingAway>, Vec<Item>),
    /// It is known what can be rotated, or what a rotation would go through, and the person is asked to look at it.
    Rotating(Box<Rotating>, Vec<Item>),
    /// The new one works, and the person is asked whether to remove the former one.
    LastState(What),
    /// What was shown has been confirmed and is being carried out.
    Begun,
    /// The work is over, and the person is asked what next.
    Over(Ending),
    /// From what is installed something is begun.
    Opened(Box<Opening>),
    /// What is installed is looked at, on the practice ground or not.
    LookingAround {
        /// Whether on the practice ground.
        practice: bool,
    },
    /// What is installed, or why it cannot be told.
    LookedAround(Box<Result<Overview, Problem>>),
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

/// Questions to be asked.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The conversation. Where one was held already, that one goes on.
    pub wizard: Wizard,
    /// The answers file's key to begin with, where it is about one.
    pub about: Option<&'static str>,
    /// What has to be said about the answers as a whole.
    pub note: Option<String>,
}

/// Which way the wheel was turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wheel {
    /// To what is above.
    Up,
    /// To what is below.
    Down,
}

/// What the person wants done that the screen can't do itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Carry out the plan that is shown.
    Apply,
    /// These are the answers, and what to connect to: make a plan.
    Plan(Session, Box<Answers>),
    /// Change an answer: the one behind this part, where one is to blame.
    Edit(Option<PartId>),
    /// Back to the answers; the plan is not wanted.
    Revise,
    /// Save these answers.
    SaveAnswers(Box<Answers>),
    /// Leave; nothing is running.
    Leave,
    /// Back to what is installed; whatever is looked at for something else is not wanted any more.
    Home,
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
    /// Set up an application: a new one, or the one that is named as `namespace/name`.
    SetUp(Option<String>),
    /// Take away the installation that is named as `namespace/name`.
    TearDown(String),
    /// Rotate a secret of the installation that is named as `namespace/name`.
    Rotate(String),
    /// Show what a rotation of this would go through.
    Chosen(What),
    /// Do this about what was in use, now that the new one works.
    Decided(rotate::Decision),
    /// Plan what is taken away with these choices.
    Choose(Choices),
    /// Go to the practice ground.
    Practise,
    /// Save the objects as files in this folder.
    Save(String),
    /// Copy this.
    Copy(String),
    /// Stop for a while, back to the shell.
    Suspend,
    /// Draw everything again.
    Redraw,
}
