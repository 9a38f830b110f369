//! How a night ended, as reports, notices and metrics say it: told by the code that its process ended with (see `exit.rs`).

use serde::Serialize;

use crate::state::RunStatus;

/// Says how an attempt ended, by the code that its process ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NightEnd {
    /// Every record is accounted for and none was rejected.
    Done,
    /// The same, with rejected records.
    Rejects,
    /// A quota was spent.
    Waiting,
    /// Somebody stopped it.
    Stopped,
    /// It failed.
    Failed,
    /// Its process ended without a word.
    Killed,
    /// It still works.
    Running,
}

impl NightEnd {
    /// Returns how an attempt ended.
    pub(super) fn of(exit_code: Option<u8>, is_running: bool) -> Self {
        match exit_code {
            Some(0) => Self::Done,
            Some(4) => Self::Rejects,
            Some(6) => Self::Waiting,
            Some(130 | 143) => Self::Stopped,
            Some(_) => Self::Failed,
            None if is_running => Self::Running,
            None => Self::Killed,
        }
    }

    /// Returns how the last attempt at a run ended; of attempts from before exit codes were kept, the run's status tells it.
    pub(super) fn of_last(status: RunStatus, exit_code: Option<u8>) -> Self {
        match (exit_code, status) {
            (None, RunStatus::Done) => Self::Done,
            (None, RunStatus::Failed) => Self::Failed,
            (None, RunStatus::Interrupted) => Self::Stopped,
            _ => Self::of(exit_code, status == RunStatus::Running),
        }
    }
}
