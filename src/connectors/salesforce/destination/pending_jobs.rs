//! Bulk API jobs of this run whose end is unknown.

use crate::model::Operation;

/// Jobs whose results are not here yet.
#[derive(Debug, Default)]
pub(super) struct PendingJobs {
    /// Jobs of this run.
    pub(super) jobs: Vec<Job>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) object: String,
    pub(super) operation: Operation,
}
