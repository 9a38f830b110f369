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
        self.follow_others().await?;
        let Some(sent_at) = self.earlier.last_unsettled else { return Ok(()) };
        // Only creates are looked up; what is written by key is sent again.
        let is_looked_up = !self.earlier.unsettled.is_empty();
        let lookup_lag = if is_looked_up { self.services.capabilities.lookup_lag } else { Duration::ZERO };
        let wait = remaining(LATEST_ARRIVAL + lookup_lag, sent_at, self.services.context.clock().now());
        self.services.wait_for(self.connection(), &WaitReason::StoppedRun, wait).await?;
        let Some(jobs) = self.services.destination.earlier_jobs() else { return Ok(()) };
        let waited = jobs.wait_for_earlier_jobs(&self.target.names.object).await;
        waited.map_err(|error| EngineError::connector(self.connection(), error))
    }

    /// Begins to write under the lease of its key, and waits until what others wrote under it lately is found: other
    /// pipelines, and other streams of this one.
    async fn follow_others(&self) -> Result<(), EngineError> {
        let Some(lease) = &self.lease else { return Ok(()) };
        let others = self.services.state.begin_writing(lease, self.writer()).await?;
        let now = self.services.context.clock().now();
        let waits = others.iter().filter_map(|other| Some((self.wait_for_writer(other.ended?, now), other)));
        let Some((wait, other)) = waits.max_by_key(|(wait, _)| *wait) else { return Ok(()) };
        let reason = WaitReason::Writer {
            pipeline: other.pipeline.clone(),
            is_stopped: other.ended.is_some_and(|end| !end.is_clean),
        };
        self.services.wait_for(self.connection(), &reason, wait).await?;
        Ok(self.services.state.forget_writers(lease, others).await?)
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

    fn wait_for_writer(&self, end: WriterEnd, now: DateTime<Utc>) -> Duration {
        let arrival = if end.is_clean { Duration::ZERO } else { LATEST_ARRIVAL };
        remaining(arrival + self.services.capabilities.lookup_lag, end.at, now)
    }
}

/// Returns what is left of a time that began at a moment. A clock that was set back since makes it no longer than the whole.
pub(super) fn remaining(whole: Duration, since: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    whole.saturating_sub((now - since).to_std().unwrap_or_default())
}
