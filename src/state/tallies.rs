//! The history as lists and reports show it: read by queries over all runs, however many there are.

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};

use crate::model::Ledger;

use super::{
    State, Work,
    attempts::Attempt,
    error::StateError,
    runs::{Run, RunStatus, from_row, moment},
};

/// Which runs are wanted.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// This one.
    pub run_id: Option<String>,
    /// Those of this pipeline.
    pub pipeline: Option<String>,
    /// Those that stand so.
    pub status: Option<RunStatus>,
    /// Those that somebody worked on since.
    pub since: Option<DateTime<Utc>>,
    /// Most of them.
    pub limit: Option<u32>,
}

/// A run as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunTally {
    /// The run.
    pub run: Run,
    /// Whether it began to read or write.
    pub is_begun: bool,
    /// How many processes worked on it.
    pub attempts: u32,
    /// The last of them.
    pub last: Attempt,
    /// Its counts at all destinations together.
    pub ledger: Ledger,
    /// Records that it did not write and that nobody has loaded again or corrected since.
    pub open_rejects: u64,
}

const LIST: &str = "WITH worked AS (
       SELECT run_id, COUNT(*) AS attempts, MAX(number) AS last_number, MAX(started_at) AS worked_at,
         MAX(place) AS last_place
       FROM attempts GROUP BY run_id)
     SELECT runs.*, attempts, last_number FROM runs JOIN worked USING (run_id)
     WHERE (?1 IS NULL OR pipeline = ?1) AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR worked_at >= ?3)
       AND (?4 IS NULL OR run_id = ?4)
     ORDER BY last_place DESC LIMIT ?5";
const COUNT: &str = "WITH worked AS (SELECT run_id, MAX(started_at) AS worked_at FROM attempts GROUP BY run_id)
     SELECT COUNT(*) FROM runs JOIN worked USING (run_id)
     WHERE (?1 IS NULL OR pipeline = ?1) AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR worked_at >= ?3)
       AND (?4 IS NULL OR run_id = ?4)";
const OPEN_OF_RUN: &str = "SELECT COUNT(*) FROM dead_letters INDEXED BY dead_letters_by_run
     WHERE run_id = ?1 AND resolved_at IS NULL AND kind IN ('rejected', 'held')";

impl State {
    /// Returns the runs that are wanted, the one that was worked on last first, and how many there are without the limit.
    ///
    /// # Errors
    /// Fails when the state cannot be read or the key does not open the errors.
    pub async fn run_tallies(&self, filter: RunFilter) -> Result<(Vec<RunTally>, u64), StateError> {
        self.read(move |work| Ok((work.run_tallies(&filter)?, work.count_runs(&filter)?))).await
    }
}

impl State {
    /// Returns when a run of a pipeline was last done, with every record accounted for.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn last_done_at(&self, pipeline: &str) -> Result<Option<DateTime<Utc>>, StateError> {
        let pipeline = pipeline.to_owned();
        self.read(move |work| {
            let sql = "SELECT MAX(finished_at) FROM runs WHERE pipeline = ?1 AND status = 'done'";
            let done: Option<String> = work.transaction.prepare_cached(sql)?.query_row([pipeline], |row| row.get(0))?;
            Ok(done.as_deref().map(moment))
        })
        .await
    }
}

impl Work<'_> {
    fn run_tallies(&self, filter: &RunFilter) -> Result<Vec<RunTally>, StateError> {
        let mut statement = self.transaction.prepare_cached(LIST)?;
        let limit = filter.limit.map_or(-1, i64::from);
        let (status, since) = conditions(filter);
        let mut rows = statement.query(params![filter.pipeline, status, since, filter.run_id, limit])?;
        let mut tallies = Vec::new();
        while let Some(row) = rows.next()? {
            tallies.push(self.run_tally(row)?);
        }
        Ok(tallies)
    }

    fn run_tally(&self, row: &Row<'_>) -> Result<RunTally, StateError> {
        let run = from_row(row)?;
        let last = self.attempt_at(&run.run_id, row.get("last_number")?)?;
        let mut open = self.transaction.prepare_cached(OPEN_OF_RUN)?;
        let open_rejects: i64 = open.query_row([&run.run_id], |row| row.get(0))?;
        Ok(RunTally {
            is_begun: row.get("is_begun")?,
            attempts: row.get("attempts")?,
            ledger: self.run_ledger(&run.run_id)?,
            open_rejects: open_rejects.unsigned_abs(),
            last,
            run,
        })
    }

    fn count_runs(&self, filter: &RunFilter) -> Result<u64, StateError> {
        let (status, since) = conditions(filter);
        let mut statement = self.transaction.prepare_cached(COUNT)?;
        let count: i64 =
            statement.query_row(params![filter.pipeline, status, since, filter.run_id], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }
}

fn conditions(filter: &RunFilter) -> (Option<&'static str>, Option<String>) {
    (filter.status.map(RunStatus::as_str), filter.since.map(|since| since.to_rfc3339()))
}
