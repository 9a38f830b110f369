//! Bulk API 2.0 ingest: a job takes a file, works on its own time and leaves files of results.
//!
//! Nothing is written before a job is closed: until then every failure is one without effect. From then on no failure is:
//! the job goes on without us, and it is remembered until its results are here (`earlier_jobs`). Of a batch, a segment of records is in
//! memory at a time: the file is written and sent from disk, and so are the results read.

use std::{
    io::{self, Write},
    time::Duration,
};

use crate::connector::{BulkBatch, ConnectorError, ErrorKind, Outcomes, SEGMENT_RECORDS};
use crate::model::{Operation, Outcome};
use crate::spool::{Spool, SpoolWriter};

use super::{
    super::{
        client::{BulkOperation, JobFile, WireJob},
        errors::{self, ApiError, Class},
        limits::{LOCK_RETRY_RECORDS, MAX_COLLECTION_RECORDS, MAX_UPLOAD_BYTES, job_delay},
        schema::ObjectInfo,
    },
    SalesforceDestination,
    collections::outcome_of_error,
    effect::{partly_written, without_effect},
    file::{FileWriter, SentLines, Unfit},
    parents,
    prepare::columns,
    progress::Progress,
    upsert_key,
};

/// Jobs that are made for a batch: a second one for what the first ended before it came to.
const MAX_JOBS: usize = 2;
/// How often the files of an ended job are asked for until they speak of every row.
const MAX_DOWNLOADS: usize = 3;

/// The reason of a job that was made and did nothing.
const NOT_BEGUN: &str = "job_not_begun";

impl SalesforceDestination {
    /// Writes a batch by a job. Returns the outcomes in order.
    pub(super) async fn load_in_bulk(
        &self,
        info: &ObjectInfo,
        batch: &BulkBatch<'_>,
    ) -> Result<Outcomes, ConnectorError> {
        let mut progress = Progress::new(batch.records.len());
        self.take_pending(info, batch, &mut progress).await?;
        for _ in 0..MAX_JOBS {
            if progress.open_count() <= MAX_COLLECTION_RECORDS {
                break;
            }
            match self.run_job(info, batch, &mut progress).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if !progress.has_written && is_unsupported(&error) => break,
                // An earlier job has written some of the rows: the others are not sent with them again.
                Err(error) if progress.has_written && error.kind.is_refusal() => break,
                Err(error) if progress.has_written => return Err(partly_written(error)),
                Err(error) => return Err(error),
            }
        }
        self.finish_by_collections(info, batch, &mut progress).await?;
        progress.into_outcomes()
    }

    /// Writes what is left: rows that no job came to, and those that failed on a lock, these in small requests.
    pub(super) async fn finish_by_collections(
        &self,
        info: &ObjectInfo,
        batch: &BulkBatch<'_>,
        progress: &mut Progress,
    ) -> Result<(), ConnectorError> {
        let mut has_sent = progress.has_written;
        let is_left = |progress: &Progress, place| progress.is_open(place) || progress.is_locked(place);
        for first in (0..batch.records.len()).step_by(SEGMENT_RECORDS) {
            if !(first..first + SEGMENT_RECORDS).any(|place| is_left(progress, place)) {
                continue;
            }
            let records = batch.records.segment(first)?;
            for (is_locked, most) in [(false, MAX_COLLECTION_RECORDS), (true, LOCK_RETRY_RECORDS[0])] {
                let is_wanted = |place| if is_locked { progress.is_locked(place) } else { progress.is_open(place) };
                let prepared = self.prepare_rows(info, batch.operation, &records, first, is_wanted).await;
                let prepared = prepared.map_err(if has_sent { partly_written } else { without_effect })?;
                prepared.rejected.into_iter().for_each(|(place, reason)| {
                    progress.decide(place, Outcome::Rejected(reason));
                });
                for rows in prepared.rows.chunks(most) {
                    let written = match self.load_collections(info, batch.operation, rows).await {
                        Ok(written) => written,
                        Err(error) if has_sent => return Err(partly_written(error)),
                        Err(error) => return Err(error),
                    };
                    has_sent = true;
                    for (row, outcome) in rows.iter().zip(written) {
                        progress.decide(row.place, parents::explain(info, parents::named_by(row), outcome));
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes a job for the open rows and waits for what comes of them. Returns false where there was nothing to make one for.
    async fn run_job(
        &self,
        info: &ObjectInfo,
        batch: &BulkBatch<'_>,
        progress: &mut Progress,
    ) -> Result<bool, ConnectorError> {
        let out = SpoolWriter::new().map_err(|error| unwritten(&error))?;
        let Some((out, lines)) = self.write_file(info, batch, progress, out).await? else { return Ok(false) };
        if lines.len() <= MAX_COLLECTION_RECORDS {
            return Ok(false);
        }
        let file = out.finish().map_err(|error| unwritten(&error))?;
        if file.len() > MAX_UPLOAD_BYTES {
            let message = "the file of a Bulk API job is larger than Salesforce takes";
            return Err(ConnectorError::new(ErrorKind::Refused, "file_too_large", message));
        }
        let job_id = self.start_job(info, batch.operation, file).await.map_err(without_effect)?;
        // Whatever became of this request, one before it may have been carried out: the job's own state tells.
        let begun = self.catalog.api.set_job_state(&job_id, "UploadComplete").await;
        let had_written = std::mem::replace(&mut progress.has_written, true);
        let taken = self.take_results(info, batch.operation, &job_id, lines, progress).await;
        match &taken {
            Err(error) if !error.kind.proves_no_write() => self.remember(info, batch.operation, job_id).await,
            Err(_) => progress.has_written = had_written,
            Ok(()) => {}
        }
        match (taken, begun) {
            (Err(error), Err(cause)) if error.code == NOT_BEGUN => Err(without_effect(cause)),
            (taken, _) => taken.map(|()| true),
        }
    }

    /// Writes the file of the open rows. Those that cannot go into a file stay open. None where it would have no column.
    pub(super) async fn write_file<W: Write + Send>(
        &self,
        info: &ObjectInfo,
        batch: &BulkBatch<'_>,
        progress: &mut Progress,
        out: W,
    ) -> Result<Option<(W, SentLines)>, ConnectorError> {
        let failed = |error: csv::Error| unwritten(&io::Error::from(error));
        let fields = columns(info, batch.operation, batch.fields)?;
        let Some(mut writer) = FileWriter::new(batch.operation, fields, out).map_err(failed)? else { return Ok(None) };
        for first in (0..batch.records.len()).step_by(SEGMENT_RECORDS) {
            let records = batch.records.segment(first)?;
            let is_open = |place| progress.is_open(place);
            let prepared = self.prepare_rows(info, batch.operation, &records, first, is_open).await;
            let mut prepared = prepared.map_err(without_effect)?;
            for row in &prepared.rows {
                match writer.write(row).map_err(failed)? {
                    // What is unfit for a job stays open, and goes by a request when the job is done.
                    Ok(()) | Err(Unfit::ByRequest) => {}
                    Err(Unfit::Rejected(rejection)) => prepared.rejected.push((row.place, rejection)),
                }
            }
            for (place, rejection) in prepared.rejected {
                progress.decide(place, Outcome::Rejected(rejection));
            }
            tokio::task::yield_now().await;
        }
        writer.finish().map(Some).map_err(failed)
    }

    async fn start_job(&self, info: &ObjectInfo, operation: &Operation, file: Spool) -> Result<String, ConnectorError> {
        let bulk_operation = match operation {
            Operation::Insert | Operation::Link => BulkOperation::Insert,
            Operation::Update => BulkOperation::Update,
            Operation::Upsert { .. } => BulkOperation::Upsert(upsert_key(operation)?.unwrap_or_default()),
            Operation::Delete => BulkOperation::Delete,
        };
        let rule = self.assignment_rule.as_deref().filter(|rule| *rule != "default");
        let job = self.catalog.api.create_job(&info.name, bulk_operation, rule).await?;
        self.catalog.api.upload(&job.id, file).await?;
        Ok(job.id)
    }

    /// Waits for the end of a job and reads what came of its rows. Rows that it did not come to stay open.
    pub(super) async fn take_results(
        &self,
        info: &ObjectInfo,
        operation: &Operation,
        job_id: &str,
        mut lines: SentLines,
        progress: &mut Progress,
    ) -> Result<(), ConnectorError> {
        let mut job = self.ended(job_id, job_delay(lines.len())).await?;
        if job.is_open() {
            // It was never let begin. Once it is aborted, a request that is still on its way cannot do so either.
            self.catalog.api.set_job_state(job_id, "Aborted").await.map_err(partly_written)?;
            job = self.ended(job_id, Duration::ZERO).await?;
            if is_untouched(&job) {
                return Err(ConnectorError::new(ErrorKind::Unavailable, NOT_BEGUN, "the Bulk API job was not begun"));
            }
        }
        if let Some(error) = refused_whole(&job) {
            return Err(error);
        }
        let mut last = errors::incomplete("the files of a job do not speak of every row");
        for _ in 0..MAX_DOWNLOADS {
            match self.read_files(info, operation, &job, &mut lines, progress).await {
                Ok(()) if lines.left() == 0 => return Ok(()),
                Ok(()) => {}
                Err(error) => last = partly_written(error),
            }
        }
        Err(last)
    }

    /// Waits until a job is no longer at work, and asks for the first time after `delay`.
    async fn ended(&self, job_id: &str, delay: Duration) -> Result<WireJob, ConnectorError> {
        let ended = self.catalog.api.wait_for_job(job_id, delay).await.map_err(partly_written)?;
        ended.ok_or_else(|| {
            let message = "the Bulk API job was not done when the run stopped waiting for it";
            ConnectorError::new(ErrorKind::Unanswered, "job_pending", message)
                .with_hint("run again: the job is waited for and its results are taken up")
        })
    }

    async fn read_files(
        &self,
        info: &ObjectInfo,
        operation: &Operation,
        job: &WireJob,
        lines: &mut SentLines,
        progress: &mut Progress,
    ) -> Result<(), ConnectorError> {
        let api = &self.catalog.api;
        let (processed, failed) = (job.number_records_processed, job.number_records_failed);
        if processed.is_none() || failed.is_none() || processed > failed {
            let file = api.job_file(&job.id, JobFile::Successful).await?;
            lines.take(JobFile::Successful, file, |line| {
                let outcome = match operation {
                    Operation::Insert | Operation::Link => Outcome::Created { id: line.id },
                    Operation::Upsert { .. } if line.is_created => Outcome::Created { id: line.id },
                    Operation::Upsert { .. } | Operation::Update => Outcome::Updated { id: line.id },
                    Operation::Delete => Outcome::Deleted,
                };
                progress.decide(line.place, outcome);
            })?;
        }
        if failed != Some(0) && lines.left() > 0 {
            let file = api.job_file(&job.id, JobFile::Failed).await?;
            lines.take(JobFile::Failed, file, |line| {
                let error = ApiError::of_bulk_text(&line.error);
                match error.class() {
                    Class::Locked => progress.lock(line.place, error.into_rejection()),
                    class => {
                        let outcome = outcome_of_error(class, operation, error);
                        progress.decide(line.place, parents::explain(info, line.parents, outcome));
                    }
                }
            })?;
        }
        if lines.left() > 0 && job.state != "JobComplete" {
            // These were not come to: taking them away here leaves them open, to be sent again.
            let file = api.job_file(&job.id, JobFile::Unprocessed).await?;
            lines.take(JobFile::Unprocessed, file, drop)?;
        }
        Ok(())
    }
}

/// A job that failed before its first row was refused as a whole: mostly for its first line.
fn refused_whole(job: &WireJob) -> Option<ConnectorError> {
    if job.state == "JobComplete" || !is_untouched(job) {
        return None;
    }
    let said = job.error_message.clone().unwrap_or_default();
    let is_field = said.contains("Field name not found");
    let (kind, code) =
        if is_field { (ErrorKind::NotFound, "unknown_field") } else { (ErrorKind::Refused, "job_refused") };
    let message = format!("the Bulk API job ended as `{}` before its first record", job.state);
    Some(ConnectorError::new(kind, code, message).with_detail(said))
}

fn is_untouched(job: &WireJob) -> bool {
    job.number_records_processed.unwrap_or(0) == 0 && job.number_records_failed.unwrap_or(0) == 0
}

/// Some objects are not there for the Bulk API: they are written 200 a request then.
fn is_unsupported(error: &ConnectorError) -> bool {
    matches!(error.code.as_str(), "INVALIDENTITY" | "FEATURENOTENABLED" | "API_DISABLED_FOR_ORG" | "EXCEEDEDQUOTA")
}

fn unwritten(error: &io::Error) -> ConnectorError {
    let message = format!("the file of a Bulk API job cannot be written to disk: {error}");
    ConnectorError::new(ErrorKind::Unavailable, "no_disk", message)
}
