//! Finds out which processes died at their work: a run is said to be running only as long as its process holds the pipeline's lease.
//!
//! Every command that opens the state looks. A look takes the lease shared, for a moment, so that nobody begins in between; who wants
//! to begin waits for it.

use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::{
    State, Work,
    attempts::AttemptError,
    error::StateError,
    lease::{LeaseLook, LeaseName, blocking},
    runs::{RunStatus, moment},
};

/// The word for it in an attempt's errors.
const CODE: &str = "killed";
const MESSAGE: &str = "the process ended without a word: it was killed, or its machine or disk failed";
const HINT: &str =
    "run it again: it resumes where it stopped; where it was killed for its memory, the system's log names it";

/// The pipelines that a process is said to work on.
const SAID_AT_WORK: &str = "SELECT pipeline FROM runs WHERE status = 'running' UNION SELECT pipeline FROM starts";
const RUNNING: &str = "SELECT run_id, (SELECT MAX(number) FROM attempts WHERE attempts.run_id = runs.run_id) AS number
     FROM runs WHERE pipeline = ?1 AND status = 'running' ORDER BY rowid";
/// The last that a run wrote down: a checkpoint, a batch that was about to be sent, a letter, or its begin.
const LAST_SIGN: &str = "SELECT MAX(at) FROM (
       SELECT saved_at AS at FROM checkpoints WHERE run_id = ?1
       UNION ALL SELECT created_at FROM intents WHERE run_id = ?1
       UNION ALL SELECT MAX(created_at) FROM dead_letters WHERE run_id = ?1
       UNION ALL SELECT started_at FROM attempts WHERE run_id = ?1 AND number = ?2)";
const NOTE: &str = "UPDATE attempts SET last_sign_at = ?3, sealed = ?4, ledger = ?5 WHERE run_id = ?1 AND number = ?2";
const END: &str = "UPDATE runs SET status = ?2, finished_at = NULL WHERE run_id = ?1";

impl State {
    /// Notes which runs were killed, and returns how many. A state in memory dies with its process.
    ///
    /// # Errors
    /// Fails when the state cannot be used.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general over the lifetime")]
    pub async fn note_killed(&self) -> Result<u64, StateError> {
        let Some(folder) = self.path().and_then(Path::parent).map(Path::to_owned) else { return Ok(0) };
        let mut count = 0;
        for pipeline in self.read(|work| work.said_at_work()).await? {
            let (name, folder) = (LeaseName::Run { pipeline: pipeline.clone() }, folder.clone());
            // Who cannot be looked at counts as alive.
            let Ok(Some(look)) = blocking(move || Ok(LeaseLook::take(&folder, &name))).await else { continue };
            count += self.write(move |work| work.note_killed(&pipeline)).await?;
            drop(look);
        }
        Ok(count)
    }
}

impl Work<'_> {
    fn said_at_work(&self) -> Result<Vec<String>, StateError> {
        let mut statement = self.transaction.prepare_cached(SAID_AT_WORK)?;
        let pipelines = statement.query_map([], |row| row.get(0))?;
        Ok(pipelines.collect::<Result<_, _>>()?)
    }

    /// Returns the runs of a pipeline that are said to be at work, the newest last, each with the number of its last attempt.
    pub(super) fn running(&self, pipeline: &str) -> Result<Vec<(String, Option<u32>)>, StateError> {
        let mut statement = self.transaction.prepare_cached(RUNNING)?;
        let runs = statement.query_map([pipeline], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(runs.collect::<Result<_, _>>()?)
    }

    fn note_killed(&self, pipeline: &str) -> Result<u64, StateError> {
        if let Some((run_id, start)) = self.find_start(pipeline)? {
            self.forget_start(pipeline)?;
            self.save_unbegun(&run_id, &start)?;
        }
        let runs = self.running(pipeline)?;
        for (run_id, number) in &runs {
            self.transaction.prepare_cached(END)?.execute(params![run_id, RunStatus::Killed.as_str()])?;
            let Some(number) = *number else { continue };
            let mut statement = self.transaction.prepare_cached(LAST_SIGN)?;
            let last_sign: Option<String> = statement.query_row(params![run_id, number], |row| row.get(0))?;
            let sealed = self.sealed_errors(run_id, number, &[killed(last_sign.as_deref().map(moment))])?;
            let ledger = serde_json::to_string(&self.run_ledger(run_id)?)?;
            self.transaction.prepare_cached(NOTE)?.execute(params![run_id, number, last_sign, sealed, ledger])?;
        }
        Ok(u64::try_from(runs.len()).unwrap_or(u64::MAX))
    }
}

fn killed(last_sign: Option<DateTime<Utc>>) -> AttemptError {
    let sign = last_sign
        .map_or_else(String::new, |at| format!("; its last sign is of {} UTC", at.format("%Y-%m-%d %H:%M:%S")));
    AttemptError {
        code: CODE.to_owned(),
        message: format!("{MESSAGE}{sign}"),
        hint: Some(HINT.to_owned()),
        request_id: None,
        wait: None,
    }
}
