//! Exit codes tell the truth (design.md, law 8).

use crate::engine::event::{Outcome, ProblemKind};
use std::process::ExitCode;

/// How a command ended, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done,
    /// Something was tried and failed.
    Failed,
    /// `plan`: changes are pending.
    Pending,
    /// Done but for what somebody else must do.
    HandedOver,
    /// Wrong usage or unusable answers; nothing was tried.
    Unusable,
    /// Not permitted.
    NotPermitted,
    /// Interrupted; a re-run continues.
    Interrupted,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Pending => 2,
            Self::HandedOver => 3,
            Self::Unusable => 64,
            Self::NotPermitted => 77,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done | Outcome::NothingToDo => Self::Done,
            Outcome::HandedOver => Self::HandedOver,
            Outcome::Failed => Self::Failed,
            Outcome::NotPermitted => Self::NotPermitted,
            Outcome::Interrupted => Self::Interrupted,
        }
    }
}

impl From<ProblemKind> for Exit {
    fn from(kind: ProblemKind) -> Self {
        match kind {
            ProblemKind::Failed => Self::Failed,
            ProblemKind::NotPermitted => Self::NotPermitted,
            ProblemKind::UnusableAnswers => Self::Unusable,
            ProblemKind::Interrupted => Self::Interrupted,
        }
    }
}
