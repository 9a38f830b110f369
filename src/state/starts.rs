//! Commands whose run has not begun: they ask for accounts, or they ended before anything was read or written. What they ended with is
//! kept as a run that never began, so that a night without a run has a row too.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, params};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    State, Work,
    attempts::{AttemptError, AttemptExit},
    error::StateError,
    runs::{Run, RunKind, RunStatus, moment},
};

/// A command that is about to begin a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The pipeline.
    pub pipeline: String,
    /// The pipeline's file.
    pub file: PathBuf,
    /// What it is about to do.
    pub kind: RunKind,
    /// When the command began.
    pub started_at: DateTime<Utc>,
}

/// Why a command could not do what it was asked to, and with what it ends.
#[derive(Debug, Clone)]
pub struct StartFailure {
    /// Why.
    pub error: AttemptError,
    /// What its process ends with.
    pub exit_code: u8,
    /// When.
    pub now: DateTime<Utc>,
}

const SAVE: &str =
    "INSERT OR REPLACE INTO starts (pipeline, run_id, file, kind, started_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const FORGET: &str = "DELETE FROM starts WHERE pipeline = ?1";
const FIND: &str = "SELECT * FROM starts WHERE pipeline = ?1";

impl Start {
    /// Returns the run that it is if it never begins.
    fn unbegun(&self, run_id: String) -> Run {
        Run {
            run_id,
            pipeline: self.pipeline.clone(),
            file: self.file.clone(),
            fingerprint: String::new(),
            kind: self.kind,
            status: RunStatus::Running,
            started_at: self.started_at,
            finished_at: None,
            undone_run: None,
        }
    }

    fn new_id(&self) -> String {
        run_id(&self.pipeline, self.started_at)
    }
}

/// Returns a new id for a run of a pipeline: `run_`, its start in UTC and a random part.
pub fn run_id(pipeline: &str, now: DateTime<Utc>) -> String {
    let text = format!("{pipeline} {now:?} {}", std::process::id());
    format!("run_{}_{:04x}", now.format("%Y%m%d_%H%M%S"), xxh3_64(text.as_bytes()) & 0xffff)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<(String, Start)> {
    let start = Start {
        pipeline: row.get("pipeline")?,
        file: PathBuf::from(row.get::<_, String>("file")?),
        kind: RunKind::from_word(row.get_ref("kind")?.as_str()?),
        started_at: moment(&row.get::<_, String>("started_at")?),
    };
    Ok((row.get("run_id")?, start))
}

impl State {
    /// Notes that a command is about to begin a run. It holds the pipeline's lease.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn note_start(&self, start: Start) -> Result<(), StateError> {
        self.write(move |work| {
            let (file, started_at) = (start.file.to_string_lossy(), start.started_at.to_rfc3339());
            let parameters = params![start.pipeline, start.new_id(), file, start.kind.word(), started_at];
            work.transaction.prepare_cached(SAVE)?.execute(parameters)?;
            Ok(())
        })
        .await
    }

    /// Keeps why a command that holds no lease could not begin. Returns the run that this is kept as.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn refuse_start(&self, start: Start, failure: StartFailure) -> Result<String, StateError> {
        self.write(move |work| work.keep_unbegun(start.new_id(), &start, &failure)).await
    }

    /// Keeps why the command that holds a pipeline's lease could not begin its run, or could not end it. Returns the run that this is
    /// kept as; none where there is none.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn fail_start(&self, pipeline: &str, failure: StartFailure) -> Result<Option<String>, StateError> {
        let pipeline = pipeline.to_owned();
        self.write(move |work| {
            if let Some((run_id, start)) = work.find_start(&pipeline)? {
                work.forget_start(&pipeline)?;
                return work.keep_unbegun(run_id, &start, &failure).map(Some);
            }
            let Some((run_id, Some(number))) = work.running(&pipeline)?.pop() else { return Ok(None) };
            work.end_run(&run_id, status_of(&failure.error), failure.now)?;
            work.end_attempt(&run_id, number, failure.now, std::slice::from_ref(&failure.error))?;
            work.note_exit(&run_id, number, &AttemptExit::of(failure.exit_code))?;
            Ok(Some(run_id))
        })
        .await
    }

    /// Forgets that a command was about to begin a run: there was nothing to do.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn forget_start(&self, pipeline: &str) -> Result<(), StateError> {
        let pipeline = pipeline.to_owned();
        self.write(move |work| work.forget_start(&pipeline)).await
    }
}

/// Says how a run stands that ended with an error: what only has to be waited for is no failure.
fn status_of(error: &AttemptError) -> RunStatus {
    if error.wait.is_some() { RunStatus::Interrupted } else { RunStatus::Failed }
}

impl Work<'_> {
    pub(super) fn find_start(&self, pipeline: &str) -> Result<Option<(String, Start)>, StateError> {
        Ok(self.transaction.prepare_cached(FIND)?.query_row([pipeline], from_row).optional()?)
    }

    /// Forgets that a command was about to begin: it has begun, or it has ended.
    pub(super) fn forget_start(&self, pipeline: &str) -> Result<(), StateError> {
        self.transaction.prepare_cached(FORGET)?.execute([pipeline])?;
        Ok(())
    }

    fn keep_unbegun(&self, run_id: String, start: &Start, failure: &StartFailure) -> Result<String, StateError> {
        let number = self.save_unbegun(&run_id, start)?;
        self.end_run(&run_id, status_of(&failure.error), failure.now)?;
        self.end_attempt(&run_id, number, failure.now, std::slice::from_ref(&failure.error))?;
        self.note_exit(&run_id, number, &AttemptExit::of(failure.exit_code))?;
        Ok(run_id)
    }

    /// Keeps a command whose run has not begun as one that is at work. Returns the number of its attempt.
    pub(super) fn save_unbegun(&self, run_id: &str, start: &Start) -> Result<u32, StateError> {
        let run = start.unbegun(run_id.to_owned());
        self.save_run(&run)?;
        self.transaction.prepare_cached("UPDATE runs SET is_begun = 0 WHERE run_id = ?1")?.execute([&run.run_id])?;
        self.begin_attempt(&run.run_id, run.started_at)
    }
}
