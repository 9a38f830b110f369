//! Jobs whose end is unknown: those of this run that took too long, and those of an earlier run
//! that was killed while one was at work.
//!
//! Writing on beside such a job could create its records a second time. So the jobs of this run are asked for their results
//! before anything else is written, and those of an earlier run are waited for before the first look-up, where the engine says
//! that there may be some: what they created is found by its key then.

use std::{io, time::Duration};

use crate::connector::{BulkBatch, ConnectorError, ErrorKind};
use crate::model::Operation;

use super::{
    super::names::{is_id, normal_id},
    super::schema::ObjectInfo,
    SalesforceDestination,
    pending_jobs::Job,
    progress::Progress,
};

impl SalesforceDestination {
    /// Remembers a closed job whose results are not here.
    pub(super) async fn remember(&self, info: &ObjectInfo, operation: &Operation, id: String) {
        let job = Job { id, object: info.name.clone(), operation: operation.clone() };
        self.pending.lock().await.jobs.push(job);
    }

    /// Takes the results of this run's pending jobs for the rows that they had.
    pub(super) async fn take_pending(
        &self,
        info: &ObjectInfo,
        batch: &BulkBatch<'_>,
        progress: &mut Progress,
    ) -> Result<(), ConnectorError> {
        let is_of_these = |job: &&Job| job.object == info.name && job.operation == *batch.operation;
        let jobs: Vec<Job> = self.pending.lock().await.jobs.iter().filter(is_of_these).cloned().collect();
        for job in jobs {
            // The earlier batch may have had other rows beside: a result of a row that is not among these is passed over.
            let written = self.write_file(info, batch, progress, io::sink()).await?;
            let Some((_, lines)) = written else { continue };
            progress.has_written = true;
            match self.take_results(info, batch.operation, &job.id, lines, progress).await {
                // Rows that the job did not have are not spoken of.
                Ok(()) => {}
                Err(error) if error.code == "incomplete_answer" || error.kind.proves_no_write() => {}
                Err(error) => return Err(error),
            }
            self.pending.lock().await.jobs.retain(|other| other.id != job.id);
        }
        Ok(())
    }

    /// Waits for jobs that an earlier run left at work.
    pub(super) async fn wait_for_jobs_of_earlier_runs(&self, info: &ObjectInfo) -> Result<(), ConnectorError> {
        let jobs = match self.catalog.api.jobs().await {
            Ok(jobs) => jobs,
            // Who may not use the Bulk API has left no job.
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Refused | ErrorKind::Unauthorized) => {
                tracing::debug!(code = %error.code, "jobs cannot be listed");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let is_candidate = |job: &&super::super::client::WireJob| {
            job.is_under_way() && job.object.as_deref().is_none_or(|object| object.eq_ignore_ascii_case(&info.name))
        };
        let candidates: Vec<_> = jobs.iter().filter(is_candidate).collect();
        if candidates.is_empty() {
            return Ok(());
        }
        let own_id = self.catalog.api.user_id().await.ok().flatten();
        let is_own = |user: &str| own_id.as_deref().is_none_or(|own| !is_id(own) || normal_id(own) == normal_id(user));
        for job in candidates.into_iter().filter(|job| job.created_by_id.as_deref().is_none_or(is_own)) {
            tracing::info!(job = %job.id, "a Bulk API job of an earlier run is waited for");
            if self.catalog.api.wait_for_job(&job.id, Duration::ZERO).await?.is_none() {
                let message = "a Bulk API job of an earlier run is still at work";
                return Err(ConnectorError::new(ErrorKind::Unavailable, "job_pending", message)
                    .with_hint("run again when it has ended; Setup > Bulk Data Load Jobs shows it"));
            }
        }
        Ok(())
    }
}
