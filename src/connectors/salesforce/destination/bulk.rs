//! Bulk API 2.0 ingest: a job takes a file, works on its own time and leaves files of results.
//!
//! Nothing is written before a job is closed: until then every failure is one without effect. From then on no failure is:
//! the job goes on without us, and it is remembered until its results are here (`settle`).

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Operation, Outcome, Rejection};

use super::{
    super::{
        client::{BulkOperation, JobFile, WireJob},
        errors::{self, ApiError, Class},
        limits::{LOCK_RETRY_RECORDS, MAX_COLLECTION_RECORDS},
        schema::ObjectInfo,
    },
    SalesforceDestination,
    collections::{outcome_of_error, partly_written},
    file::{RowsByContent, Upload},
    prepare::Row,
    upsert_key,
};

/// Jobs that are made for a batch: a second one for what the first ended before it came to.
const MAX_JOBS: usize = 2;
/// How often the files of an ended job are asked for until they speak of every row.
const MAX_DOWNLOADS: usize = 3;

/// The reason of a job that was made and did nothing.
const NOT_BEGUN: &str = "job_not_begun";

/// What is known of a batch's rows on their way.
#[derive(Debug)]
pub(super) struct Progress {
    outcomes: Vec<Option<Outcome>>,
    /// Whether rows failed on a lock, by number, with the reason.
    locked: Vec<(usize, Rejection)>,
    has_written: bool,
}

impl SalesforceDestination {
    /// Writes rows by a job. Returns their outcomes in order.
    pub(super) async fn load_in_bulk(
        &self,
        info: &ObjectInfo,
        operation: &Operation,
        rows: &[Row<'_>],
    ) -> Result<Vec<Outcome>, ConnectorError> {
        let mut progress = Progress::new(rows.len());
        self.settle_earlier_jobs(info).await?;
        self.take_unsettled(info, operation, rows, &mut progress).await?;
        for _ in 0..MAX_JOBS {
            let open = progress.open();
            if open.len() <= MAX_COLLECTION_RECORDS {
                break;
            }
            match self.run_job(info, operation, rows, &open, &mut progress).await {
                Ok(()) => {}
                Err(error) if !progress.has_written && is_unsupported(&error) => break,
                // An earlier job has written some of the rows: the others are not sent with them again.
                Err(error) if progress.has_written && error.kind == ErrorKind::Refused => break,
                Err(error) if progress.has_written => return Err(partly_written(error)),
                Err(error) => return Err(error),
            }
        }
        self.finish_by_collections(info, operation, rows, progress).await
    }

    /// Writes what is left: rows that no job came to, and those that failed on a lock, these in small requests.
    async fn finish_by_collections(
        &self,
        info: &ObjectInfo,
        operation: &Operation,
        rows: &[Row<'_>],
        mut progress: Progress,
    ) -> Result<Vec<Outcome>, ConnectorError> {
        let (open, has_written) = (progress.open(), progress.has_written);
        let locked = std::mem::take(&mut progress.locked);
        let locked_places: Vec<usize> = locked.iter().map(|(place, _)| *place).collect();
        let pieces = open.chunks(MAX_COLLECTION_RECORDS).chain(locked_places.chunks(LOCK_RETRY_RECORDS[0]));
        let mut has_sent = has_written;
        for places in pieces {
            let piece: Vec<Row<'_>> = places.iter().map(|place| rows[*place].copy()).collect();
            let written = match self.load_collections(info, operation, &piece).await {
                Ok(written) => written,
                Err(error) if has_sent => return Err(partly_written(error)),
                Err(error) => return Err(error),
            };
            has_sent = true;
            for (place, outcome) in places.iter().zip(written) {
                progress.outcomes[*place] = Some(outcome);
            }
        }
        let outcomes: Option<Vec<Outcome>> = progress.outcomes.into_iter().collect();
        outcomes.ok_or_else(|| errors::incomplete("an outcome is missing"))
    }

    /// Makes a job for the open rows and waits for what comes of them.
    async fn run_job(
        &self,
        info: &ObjectInfo,
        operation: &Operation,
        rows: &[Row<'_>],
        open: &[usize],
        progress: &mut Progress,
    ) -> Result<(), ConnectorError> {
        let Some(upload) = Upload::new(operation, rows, open) else { return Ok(()) };
        let has_rows = upload.has_rows();
        for (place, rejection) in upload.rejected {
            progress.outcomes[place] = Some(Outcome::Rejected(rejection));
        }
        if !has_rows {
            return Ok(());
        }
        let job_id = self.start_job(info, operation, upload.text).await.map_err(without_effect)?;
        // Whatever became of this request, one before it may have been carried out: the job's own state tells.
        let begun = self.catalog.api.set_job_state(&job_id, "UploadComplete").await;
        let had_written = std::mem::replace(&mut progress.has_written, true);
        let settled = self.settle_job(operation, &job_id, upload.rows, progress).await;
        match &settled {
            Err(error) if error.kind == ErrorKind::Unanswered => self.remember(info, operation, job_id).await,
            Err(_) => progress.has_written = had_written,
            Ok(()) => {}
        }
        match (settled, begun) {
            (Err(error), Err(cause)) if error.code == NOT_BEGUN => Err(without_effect(cause)),
            (settled, _) => settled,
        }
    }

    async fn start_job(&self, info: &ObjectInfo, operation: &Operation, csv: String) -> Result<String, ConnectorError> {
        let bulk_operation = match operation {
            Operation::Insert | Operation::Link => BulkOperation::Insert,
            Operation::Update => BulkOperation::Update,
            Operation::Upsert { .. } => BulkOperation::Upsert(upsert_key(operation)?.unwrap_or_default()),
            Operation::Delete => BulkOperation::Delete,
        };
        let rule = self.assignment_rule.as_deref().filter(|rule| *rule != "default");
        let job = self.catalog.api.create_job(&info.name, bulk_operation, rule).await?;
        self.catalog.api.upload(&job.id, csv).await?;
        Ok(job.id)
    }

    /// Waits for the end of a job and reads what came of its rows. Rows that it did not come to stay open.
    pub(super) async fn settle_job(
        &self,
        operation: &Operation,
        job_id: &str,
        mut sent: RowsByContent,
        progress: &mut Progress,
    ) -> Result<(), ConnectorError> {
        let mut job = self.ended(job_id).await?;
        if job.is_open() {
            // It was never let begin. Once it is aborted, a request that is still on its way cannot do so either.
            self.catalog.api.set_job_state(job_id, "Aborted").await.map_err(partly_written)?;
            job = self.ended(job_id).await?;
            if is_untouched(&job) {
                return Err(ConnectorError::new(ErrorKind::Unavailable, NOT_BEGUN, "the Bulk API job was not begun"));
            }
        }
        if let Some(error) = refused_whole(&job) {
            return Err(error);
        }
        let mut last = errors::incomplete("the files of a job do not speak of every row");
        for _ in 0..MAX_DOWNLOADS {
            match self.read_files(operation, &job, &mut sent, progress).await {
                Ok(()) if sent.left() == 0 => return Ok(()),
                Ok(()) => {}
                Err(error) => last = partly_written(error),
            }
        }
        Err(last)
    }

    /// Waits until a job is no longer at work.
    async fn ended(&self, job_id: &str) -> Result<WireJob, ConnectorError> {
        let ended = self.catalog.api.wait_for_job(job_id).await.map_err(partly_written)?;
        ended.ok_or_else(|| {
            let message = "the Bulk API job was not done when the run stopped waiting for it";
            ConnectorError::new(ErrorKind::Unanswered, "job_pending", message)
                .with_hint("run again: the job is waited for and its results are taken up")
        })
    }

    async fn read_files(
        &self,
        operation: &Operation,
        job: &WireJob,
        sent: &mut RowsByContent,
        progress: &mut Progress,
    ) -> Result<(), ConnectorError> {
        let api = &self.catalog.api;
        let (processed, failed) = (job.number_records_processed, job.number_records_failed);
        if processed.is_none() || failed.is_none() || processed > failed {
            for line in sent.take(&api.job_file(&job.id, JobFile::Successful).await?)? {
                let outcome = match operation {
                    Operation::Insert | Operation::Link => Outcome::Created { id: line.id },
                    Operation::Upsert { .. } if line.is_created => Outcome::Created { id: line.id },
                    Operation::Upsert { .. } | Operation::Update => Outcome::Updated { id: line.id },
                    Operation::Delete => Outcome::Deleted,
                };
                progress.outcomes[line.place] = Some(outcome);
            }
        }
        if failed != Some(0) && sent.left() > 0 {
            for line in sent.take(&api.job_file(&job.id, JobFile::Failed).await?)? {
                let error = ApiError::of_bulk_text(&line.error);
                match error.class() {
                    Class::Locked => progress.lock(line.place, error.into_rejection()),
                    class => progress.outcomes[line.place] = Some(outcome_of_error(class, operation, error)),
                }
            }
        }
        if sent.left() > 0 && job.state != "JobComplete" {
            // These were not come to: taking them away here leaves them open, to be sent again.
            sent.take(&api.job_file(&job.id, JobFile::Unprocessed).await?)?;
        }
        Ok(())
    }
}

impl Progress {
    fn new(row_count: usize) -> Self {
        Self { outcomes: vec![None; row_count], locked: Vec::new(), has_written: false }
    }

    /// Returns the numbers of the rows of which nothing is known.
    pub(super) fn open(&self) -> Vec<usize> {
        let is_locked = |place: &usize| self.locked.iter().any(|(locked, _)| locked == place);
        (0..self.outcomes.len()).filter(|place| self.outcomes[*place].is_none() && !is_locked(place)).collect()
    }

    /// Says that a job before has written some of the rows.
    pub(super) fn note_written(&mut self) {
        self.has_written = true;
    }

    fn lock(&mut self, place: usize, reason: Rejection) {
        self.locked.push((place, reason));
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

/// What does not begin a job or a request of writes writes nothing, whatever became of the answer.
pub(super) fn without_effect(error: ConnectorError) -> ConnectorError {
    match error.kind {
        ErrorKind::Unanswered => ConnectorError { kind: ErrorKind::Unavailable, ..error },
        _ => error,
    }
}
