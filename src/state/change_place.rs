//! Where and when changes of the state are made.

use chrono::{DateTime, Utc};

use super::target::TargetId;

/// Where and when changes are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePlace {
    /// The target.
    pub target_id: TargetId,
    /// The run.
    pub run_id: String,
    /// The chunk that is loaded.
    pub chunk: u64,
    /// The run whose dead letters are loaded again, where this is a redrive.
    pub redriven_run: Option<String>,
    /// The time.
    pub now: DateTime<Utc>,
}
