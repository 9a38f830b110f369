//! The processes that worked on a run. A run that is stopped and resumed has several, and each has its own errors.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use crate::model::{ConnectionName, Ledger};
use crate::redact::redact;

use super::{
    State, Work,
    error::StateError,
    runs::{Run, RunStatus, moment},
    seal::Cell,
};

/// One process that worked on a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Which one: 1 is the first.
    pub number: u32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; none where it still works, or was killed.
    pub finished_at: Option<DateTime<Utc>>,
    /// The last that is known of one that was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sign_at: Option<DateTime<Utc>>,
    /// What it ended with.
    pub exit_code: Option<u8>,
    /// The counts of the run when it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// The share of each connection's quota that was used then, from 0 to 1, where the vendor tells it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub quotas: BTreeMap<ConnectionName, f64>,
    /// What failed in it.
    pub errors: Vec<AttemptError>,
    /// Who was told of its end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
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
    /// What has to be waited for, where nothing is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
}

/// What a run has to wait for before it can go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// What.
    #[serde(rename = "for")]
    pub reason: WaitedFor,
    /// The connection whose quota is spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionName>,
    /// When it is over at the latest; none where nobody knows.
    pub until: Option<DateTime<Utc>>,
}

/// What a run can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitedFor {
    /// A vendor's quota, or the share of it that the pipeline allows.
    Quota,
    /// Another process that works on the same records.
    Lease,
}

/// What came of telling somebody of the end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Who: `webhook hooks.example.com`, `mail ops@example.com`, `command`.
    pub to: String,
    /// Why they were not reached; none where they were.
    pub error: Option<String>,
}

impl AttemptExit {
    /// Makes the end of an attempt of which nothing else is known.
    pub fn of(exit_code: u8) -> Self {
        Self { exit_code, quotas: BTreeMap::new() }
    }
}

impl AttemptError {
    fn without_secrets(&self) -> Self {
        let clean = |text: &String| redact(text).into_owned();
        Self {
            code: clean(&self.code),
            message: clean(&self.message),
            hint: self.hint.as_ref().map(clean),
            request_id: self.request_id.as_ref().map(clean),
            wait: self.wait.clone(),
        }
    }
}

/// What is known of an attempt when its process ends.
#[derive(Debug, Clone)]
pub struct AttemptExit {
    /// What the process ends with.
    pub exit_code: u8,
    /// The share of each connection's quota that was used, from 0 to 1.
    pub quotas: BTreeMap<ConnectionName, f64>,
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

const INSERT: &str = "INSERT INTO attempts (run_id, number, started_at, place)
     VALUES (?1, (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts WHERE run_id = ?1), ?2,
       (SELECT COALESCE(MAX(place), 0) + 1 FROM attempts)) RETURNING number";
const FINISH: &str = "UPDATE attempts SET finished_at = ?3, sealed = ?4, ledger = ?5 WHERE run_id = ?1 AND number = ?2";
const NOTE_EXIT: &str =
    "UPDATE attempts SET exit_code = ?3, quotas = COALESCE(?4, quotas) WHERE run_id = ?1 AND number = ?2";
const NOTE_NOTICES: &str = "UPDATE attempts SET notices = ?3 WHERE run_id = ?1 AND number = ?2";

/// The cell of an attempt's errors.
fn cell(run_id: &str, number: u32) -> Cell {
    Cell::new("attempts", &[&run_id, &number])
}

fn notices_cell(run_id: &str, number: u32) -> Cell {
    Cell::new("attempts.notices", &[&run_id, &number])
}

impl State {
    /// Stores a run that begins or goes on, and an attempt at it. Returns the attempt's number.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn start_attempt(&self, run: Run, now: DateTime<Utc>) -> Result<u32, StateError> {
        self.write(move |work| {
            work.save_run(&run)?;
            work.forget_start(&run.pipeline)?;
            work.apply_retention(&run.pipeline, now)?;
            work.begin_attempt(&run.run_id, now)
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
            work.end_attempt(&run_id, number, end.now, &end.errors)
        })
        .await
    }

    /// Stores what the process of an attempt ends with.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn note_exit(&self, run_id: &str, number: u32, exit: AttemptExit) -> Result<(), StateError> {
        let run_id = run_id.to_owned();
        self.write(move |work| work.note_exit(&run_id, number, &exit)).await
    }

    /// Stores who was told of the end of an attempt, and what came of it.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn note_notices(&self, run_id: &str, number: u32, notices: Vec<Notice>) -> Result<(), StateError> {
        let run_id = run_id.to_owned();
        self.write(move |work| {
            let clean = |text: &String| redact(text).into_owned();
            let notices: Vec<Notice> = notices
                .iter()
                .map(|notice| Notice { to: clean(&notice.to), error: notice.error.as_ref().map(clean) })
                .collect();
            let sealed = work.seal.seal(&notices_cell(&run_id, number), &notices)?;
            work.transaction.prepare_cached(NOTE_NOTICES)?.execute(params![run_id, number, sealed])?;
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
    /// Stores an attempt at a run, and returns its number.
    pub(super) fn begin_attempt(&self, run_id: &str, now: DateTime<Utc>) -> Result<u32, StateError> {
        let mut statement = self.transaction.prepare_cached(INSERT)?;
        Ok(statement.query_row(params![run_id, now.to_rfc3339()], |row| row.get(0))?)
    }

    /// Stores how an attempt ended, and how far its run is.
    pub(super) fn end_attempt(
        &self,
        run_id: &str,
        number: u32,
        now: DateTime<Utc>,
        errors: &[AttemptError],
    ) -> Result<(), StateError> {
        let ledger = serde_json::to_string(&self.run_ledger(run_id)?)?;
        let parameters = params![run_id, number, now.to_rfc3339(), self.sealed_errors(run_id, number, errors)?, ledger];
        self.transaction.prepare_cached(FINISH)?.execute(parameters)?;
        Ok(())
    }

    /// Stores what the process of an attempt ends with.
    pub(super) fn note_exit(&self, run_id: &str, number: u32, exit: &AttemptExit) -> Result<(), StateError> {
        let quotas = Some(&exit.quotas).filter(|quotas| !quotas.is_empty());
        let quotas = quotas.map(serde_json::to_string).transpose()?;
        let parameters = params![run_id, number, exit.exit_code, quotas];
        self.transaction.prepare_cached(NOTE_EXIT)?.execute(parameters)?;
        Ok(())
    }

    /// Seals the errors of an attempt, without secrets.
    pub(super) fn sealed_errors(
        &self,
        run_id: &str,
        number: u32,
        errors: &[AttemptError],
    ) -> Result<Vec<u8>, StateError> {
        let errors: Vec<AttemptError> = errors.iter().map(AttemptError::without_secrets).collect();
        self.seal.seal(&cell(run_id, number), &errors)
    }

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

    /// Returns one attempt at a run.
    pub(super) fn attempt_at(&self, run_id: &str, number: u32) -> Result<Attempt, StateError> {
        let sql = "SELECT * FROM attempts WHERE run_id = ?1 AND number = ?2";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query(params![run_id, number])?;
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        self.attempt(run_id, row)
    }

    fn attempt(&self, run_id: &str, row: &Row<'_>) -> Result<Attempt, StateError> {
        let number = row.get("number")?;
        let sealed: Option<Vec<u8>> = row.get("sealed")?;
        let errors = sealed.map(|sealed| self.seal.open(&cell(run_id, number), &sealed)).transpose()?;
        let notices: Option<Vec<u8>> = row.get("notices")?;
        let notices = notices.map(|sealed| self.seal.open(&notices_cell(run_id, number), &sealed)).transpose()?;
        let time = |column: &str| row.get::<_, Option<String>>(column).map(|text| text.as_deref().map(moment));
        let ledger: Option<String> = row.get("ledger")?;
        let quotas: Option<String> = row.get("quotas")?;
        Ok(Attempt {
            number,
            started_at: moment(&row.get::<_, String>("started_at")?),
            finished_at: time("finished_at")?,
            last_sign_at: time("last_sign_at")?,
            exit_code: row.get("exit_code")?,
            ledger: ledger.map(|text| serde_json::from_str(&text)).transpose()?,
            quotas: quotas.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default(),
            errors: errors.unwrap_or_default(),
            notices: notices.unwrap_or_default(),
        })
    }
}
