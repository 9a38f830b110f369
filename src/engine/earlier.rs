//! What earlier writers left under way at a destination: it is waited for before anything is looked up or written.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::connector::LATEST_ARRIVAL;
use crate::state::{LeaseWriter, WriterEnd};

use super::{error::EngineError, observer::WaitReason, setup::Loader};

impl Loader {
    /// Waits for what others left under way at the destination, and for what an earlier run did: its last requests can still
    /// arrive, and work that it began there can still go on.
    pub(super) async fn settle_earlier(&self) -> Result<(), EngineError> {
        let others = match &self.lease {
            Some(lease) => self.services.state.begin_writing(lease, self.writer()).await?,
            None => Vec::new(),
        };
        let waits = others.iter().filter_map(|other| self.wait_for_writer(other)).chain(self.wait_for_stopped_run());
        // All of them pass at the same time, so the longest is enough.
        if let Some((wait, reason)) = waits.max_by_key(|(wait, _)| *wait) {
            self.services.wait_for(self.connection(), &reason, wait).await?;
        }
        if let Some(lease) = self.lease.as_ref().filter(|_| others.iter().any(|other| other.ended.is_some())) {
            self.services.state.forget_writers(lease, others).await?;
        }
        let jobs = self.services.destination.earlier_jobs();
        let Some(jobs) = jobs.filter(|_| self.earlier.last_unsettled.is_some()) else { return Ok(()) };
        let waited = jobs.wait_for_earlier_jobs(&self.target.names.object).await;
        waited.map_err(|error| EngineError::connector(self.connection(), error))
    }

    /// Returns how long the last requests of the run that was stopped may still be on their way.
    fn wait_for_stopped_run(&self) -> Option<(Duration, WaitReason)> {
        let sent_at = self.earlier.last_unsettled?;
        // Only creates are looked up; what is written by key is sent again.
        let is_looked_up = !self.earlier.unsettled.is_empty();
        let lookup_lag = if is_looked_up { self.services.capabilities.lookup_lag } else { Duration::ZERO };
        let wait = remaining(LATEST_ARRIVAL + lookup_lag, sent_at, self.services.context.clock().now());
        Some((wait, WaitReason::StoppedRun))
    }

    /// Ends to write under the lease, and tells the next writer how long to wait.
    pub(super) async fn end_writing(&self, has_failed: bool) -> Result<(), EngineError> {
        let Some(lease) = &self.lease else { return Ok(()) };
        let has_written = self.services.context.meter.calls().write > 0;
        let end = WriterEnd { at: self.services.context.clock().now(), is_clean: !has_failed };
        Ok(self.services.state.end_writing(lease, self.writer(), has_written.then_some(end)).await?)
    }

    fn writer(&self) -> LeaseWriter {
        LeaseWriter {
            pipeline: self.target.names.pipeline.clone(),
            run_id: self.target.run_id.clone(),
            target_id: self.target.id,
            ended: None,
        }
    }

    /// Returns how long it takes until what another pipeline, or another stream of this one, wrote under the lease is found.
    fn wait_for_writer(&self, other: &LeaseWriter) -> Option<(Duration, WaitReason)> {
        let end = other.ended?;
        let arrival = if end.is_clean { Duration::ZERO } else { LATEST_ARRIVAL };
        let now = self.services.context.clock().now();
        let wait = remaining(arrival + self.services.capabilities.lookup_lag, end.at, now);
        Some((wait, WaitReason::Writer { pipeline: other.pipeline.clone(), is_stopped: !end.is_clean }))
    }
}

/// Returns what is left of a time that began at a moment. A clock that was set back since makes it no longer than the whole.
pub(super) fn remaining(whole: Duration, since: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    whole.saturating_sub((now - since).to_std().unwrap_or_default())
}
