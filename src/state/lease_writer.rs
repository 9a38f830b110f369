//! Who wrote under a lease, and how that ended: what the lease's file says of them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::target::TargetId;

/// How long a writer is remembered: far longer than any index lags.
const REMEMBERED: TimeDelta = TimeDelta::hours(1);

/// One who wrote under a lease: a target in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseWriter {
    /// The pipeline.
    pub pipeline: String,
    /// The run: it also tells which state file knows what was written.
    pub run_id: String,
    /// The target in that state file.
    pub target_id: TargetId,
    /// How it ended; none while it writes.
    #[serde(default)]
    pub ended: Option<WriterEnd>,
}

/// How a writer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterEnd {
    /// When it sent its last request, or when it was found dead.
    pub at: DateTime<Utc>,
    /// Whether each of its requests was answered. Otherwise the last ones may still arrive.
    pub is_clean: bool,
}

impl LeaseWriter {
    /// Tells whether it is still to be remembered.
    pub(super) fn counts_at(&self, now: DateTime<Utc>) -> bool {
        self.ended.is_none_or(|end| now - end.at < REMEMBERED)
    }

    /// Tells whether both are the same target in the same run.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.run_id == other.run_id && self.target_id == other.target_id
    }
}
