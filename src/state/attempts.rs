//! The processes that worked on a run. A run that is stopped and resumed has several, and each has its own errors.

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use crate::redact::redact;

use super::{
    State, Work,
    error::StateError,
    runs::{Run, RunStatus, moment},
    seal::Cell,
};

/// One process that worked on a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Which one: 1 is the first.
    pub number: u32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; none where it still works, or was killed.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it ended with.
    pub exit_code: Option<u8>,
    /// What failed in it.
    pub errors: Vec<AttemptError>,
}

/// Something that failed in an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptError {
    /// A stable word for it.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
}

impl AttemptError {
    fn without_secrets(&self) -> Self {
        let clean = |text: &String| redact(text).into_owned();
        Self {
            code: clean(&self.code),
            message: clean(&self.message),
            hint: self.hint.as_ref().map(clean),
            request_id: self.request_id.as_ref().map(clean),
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct AttemptEnd {
    /// How the run is left.
    pub status: RunStatus,
    /// When.
    pub now: DateTime<Utc>,
    /// What failed.
    pub errors: Vec<AttemptError>,
}

const INSERT: &str = "INSERT INTO attempts (run_id, number, started_at)
     VALUES (?1, (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts WHERE run_id = ?1), ?2) RETURNING number";
const FINISH: &str = "UPDATE attempts SET finished_at = ?3, sealed = ?4 WHERE run_id = ?1 AND number = ?2";
const NOTE_EXIT: &str = "UPDATE attempts SET exit_code = ?3 WHERE run_id = ?1 AND number = ?2";

fn cell(run_id: &str, number: u32) -> Cell {
    Cell::new("attempts", &[&run_id, &number])
}

impl State {
    /// Stores a run that begins or goes on, and an attempt at it. Returns the attempt's number.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn start_attempt(&self, run: Run, now: DateTime<Utc>) -> Result<u32, StateError> {
        self.write(move |work| {
            work.save_run(&run)?;
            work.apply_retention(&run.pipeline, now)?;
            let started_at = now.to_rfc3339();
            let mut statement = work.transaction.prepare_cached(INSERT)?;
            Ok(statement.query_row(params![run.run_id, started_at], |row| row.get(0))?)
        })
        .await
    }

    /// Stores how an attempt at a run ended, and how the run is left.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn finish_attempt(&self, run_id: &str, number: u32, end: AttemptEnd) -> Result<(), StateError> {
        let run_id = run_id.to_owned();
        self.write(move |work| {
            work.end_run(&run_id, end.status, end.now)?;
            let errors: Vec<AttemptError> = end.errors.iter().map(AttemptError::without_secrets).collect();
            let sealed = work.seal.seal(&cell(&run_id, number), &errors)?;
            let parameters = params![run_id, number, end.now.to_rfc3339(), sealed];
            work.transaction.prepare_cached(FINISH)?.execute(parameters)?;
            Ok(())
        })
        .await
    }

    /// Stores what the process of an attempt ends with.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn note_exit_code(&self, run_id: &str, number: u32, exit_code: u8) -> Result<(), StateError> {
        let run_id = run_id.to_owned();
        self.write(move |work| {
            work.transaction.prepare_cached(NOTE_EXIT)?.execute(params![run_id, number, exit_code])?;
            Ok(())
        })
        .await
    }

    /// Returns the attempts at a run, the first one first.
    ///
    /// # Errors
    /// Fails when the state cannot be read or the key does not open the errors.
    pub async fn attempts_of(&self, run_id: &str) -> Result<Vec<Attempt>, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| work.attempts_of(&run_id)).await
    }
}

impl Work<'_> {
    pub(super) fn attempts_of(&self, run_id: &str) -> Result<Vec<Attempt>, StateError> {
        let sql = "SELECT * FROM attempts WHERE run_id = ?1 ORDER BY number";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query([run_id])?;
        let mut attempts = Vec::new();
        while let Some(row) = rows.next()? {
            attempts.push(self.attempt(run_id, row)?);
        }
        Ok(attempts)
    }

    fn attempt(&self, run_id: &str, row: &Row<'_>) -> Result<Attempt, StateError> {
        let number = row.get("number")?;
        let sealed: Option<Vec<u8>> = row.get("sealed")?;
        let errors = sealed.map(|sealed| self.seal.open(&cell(run_id, number), &sealed)).transpose()?;
        Ok(Attempt {
            number,
            started_at: moment(&row.get::<_, String>("started_at")?),
            finished_at: row.get::<_, Option<String>>("finished_at")?.as_deref().map(moment),
            exit_code: row.get("exit_code")?,
            errors: errors.unwrap_or_default(),
        })
    }
}
