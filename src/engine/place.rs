//! Which run this is and what is asked of it, and how it ended.

use std::sync::Arc;

use crate::config::Stream;
use crate::model::StreamName;
use crate::state::RunStatus;

use super::{
    accounts::{RunAccounts, RunIdentity},
    error::EngineError,
    report::RunReport,
    review::Review,
};

/// What the user asks of a run beyond the pipeline.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Most records to read of each stream; the checkpoint does not move then.
    pub limit: Option<u64>,
    /// The streams to run; all where empty.
    pub streams: Vec<StreamName>,
    /// Whether cursors are left aside: everything is read again.
    pub is_full_refresh: bool,
    /// Whether records that did not change are looked for at the destination; everything is read again for it.
    pub is_verifying: bool,
}

impl RunOptions {
    /// Tells whether a stream is run.
    pub(super) fn is_wanted(&self, stream: &Stream) -> bool {
        self.streams.is_empty() || self.streams.contains(&stream.name)
    }
}

/// How a run ended: its report, and what failed in it.
#[derive(Debug)]
pub struct Finished {
    /// The tally.
    pub report: RunReport,
    /// What failed, in order.
    pub failures: Vec<EngineError>,
    /// Which attempt at the run this was.
    pub attempt: u32,
}

/// Says how a run stands that ended with these failures.
pub(super) fn status_of(failures: &[EngineError]) -> RunStatus {
    let is_stop = |error: &EngineError| matches!(error, EngineError::Interrupted(_));
    match (failures.iter().any(is_stop), failures.is_empty()) {
        (true, _) => RunStatus::Interrupted,
        (false, false) => RunStatus::Failed,
        (false, true) => RunStatus::Done,
    }
}

/// Which run this is.
#[derive(Debug, Clone)]
pub(super) struct RunPlace {
    pub pipeline: String,
    pub run_id: String,
    /// Which attempt at the run this is.
    pub attempt: u32,
    pub is_resumed: bool,
    /// The last change of a schema that was seen before this attempt.
    pub schema_mark: i64,
    pub limit: Option<u64>,
    pub is_full_refresh: bool,
    pub is_verifying: bool,
    pub accounts: RunAccounts,
    /// Who looks at what it is about to do.
    pub review: Option<Arc<dyn Review>>,
}

impl RunPlace {
    /// Returns which run it is, and which accounts it reaches.
    pub(super) fn identity(&self) -> RunIdentity<'_> {
        RunIdentity { id: &self.run_id, accounts: &self.accounts, review: self.review.as_ref() }
    }
}
