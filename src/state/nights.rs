//! What all attempts, night by night, left behind: for reports over a long history. Four queries, whatever the number of runs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};

use crate::model::{ConnectionName, Ledger, ObjectName, StreamName};

use super::{
    State, Work,
    attempts::Attempt,
    error::StateError,
    runs::{Run, from_row, moment},
};

/// An attempt as a grid of nights shows it: without its errors, which are sealed one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct Night {
    /// The pipeline.
    pub pipeline: String,
    /// The run.
    pub run_id: String,
    /// Which attempt at it.
    pub number: u32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended, or was last seen at work.
    pub ended_at: Option<DateTime<Utc>>,
    /// What it ended with; none where it was killed or still works.
    pub exit_code: Option<u8>,
    /// Whether it still works.
    pub is_running: bool,
    /// What it did itself: the run's counts at its end less those at the end of the attempt before.
    pub ledger: Ledger,
    /// The largest share of a quota that was used, from 0 to 1.
    pub quota: Option<f64>,
}

/// How a pipeline stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The run that was worked on last.
    pub run: Run,
    /// Whether it began to read or write.
    pub is_begun: bool,
    /// The last attempt at it.
    pub last: Attempt,
    /// When an attempt last ended with every record accounted for, rejected ones among them.
    pub last_done_at: Option<DateTime<Utc>>,
}

/// Records that were not written for one reason, and that nobody has loaded again or corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// The pipeline.
    pub pipeline: String,
    /// The stream.
    pub stream: StreamName,
    /// The destination.
    pub connection: ConnectionName,
    /// The object there.
    pub object: ObjectName,
    /// The word for the reason.
    pub code: String,
    /// The field to blame.
    pub field: Option<String>,
    /// Whether they are held for a person to decide.
    pub is_held: bool,
    /// How many.
    pub records: u64,
    /// Since when the oldest waits.
    pub oldest_at: DateTime<Utc>,
    /// The run that left the newest.
    pub run_id: String,
}

/// All that a report is made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// How each pipeline stands, by name.
    pub standings: BTreeMap<String, Standing>,
    /// The attempts in the time, the oldest first.
    pub nights: Vec<Night>,
    /// What waits for somebody, the most frequent reason first.
    pub backlog: Vec<Backlog>,
}

const STANDINGS: &str = "WITH worked AS (
       SELECT run_id, MAX(place) AS last_place, MAX(number) AS number FROM attempts GROUP BY run_id),
     placed AS (
       SELECT run_id, number, ROW_NUMBER() OVER (PARTITION BY pipeline ORDER BY last_place DESC) AS place
       FROM worked JOIN runs USING (run_id))
     SELECT runs.*, number,
       (SELECT MAX(done.finished_at) FROM runs AS done WHERE done.pipeline = runs.pipeline AND done.status = 'done') AS last_done_at
     FROM placed JOIN runs USING (run_id) WHERE place = 1 ORDER BY pipeline";
const NIGHTS: &str = "WITH counted AS (
       SELECT run_id, number, place, started_at, finished_at, last_sign_at, exit_code, ledger, quotas,
         LAG(ledger) OVER (PARTITION BY run_id ORDER BY number) AS before,
         LEAD(number) OVER (PARTITION BY run_id ORDER BY number) IS NULL AS is_last
       FROM attempts)
     SELECT pipeline, run_id, number, counted.started_at AS begun_at, COALESCE(counted.finished_at, last_sign_at) AS ended_at, exit_code,
       is_last AND status = 'running' AS is_running, ledger, before,
       (SELECT MAX(value) FROM json_each(quotas)) AS quota
     FROM counted JOIN runs USING (run_id) WHERE ?1 IS NULL OR counted.started_at >= ?1 ORDER BY counted.place";
const BACKLOG: &str =
    "SELECT pipeline, stream, connection, object, code, field, kind = 'held' AS is_held, COUNT(*) AS records,
       MIN(created_at) AS oldest_at, MAX(run_id) AS run_id
     FROM dead_letters JOIN targets USING (target_id)
     WHERE resolved_at IS NULL AND kind IN ('rejected', 'held')
     GROUP BY target_id, code, field, kind ORDER BY pipeline, records DESC, code, field";

impl State {
    /// Returns what the attempts since a moment left behind, and how all pipelines stand now.
    ///
    /// # Errors
    /// Fails when the state cannot be read or the key does not open the last errors.
    pub async fn history(&self, since: Option<DateTime<Utc>>) -> Result<History, StateError> {
        self.read(move |work| {
            Ok(History { standings: work.standings()?, nights: work.nights(since)?, backlog: work.backlog()? })
        })
        .await
    }
}

impl Work<'_> {
    fn standings(&self) -> Result<BTreeMap<String, Standing>, StateError> {
        let mut statement = self.transaction.prepare_cached(STANDINGS)?;
        let mut rows = statement.query([])?;
        let mut standings = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let run = from_row(row)?;
            let last = self.attempt_at(&run.run_id, row.get("number")?)?;
            let last_done_at = row.get::<_, Option<String>>("last_done_at")?.as_deref().map(moment);
            let standing = Standing { is_begun: row.get("is_begun")?, last, last_done_at, run };
            standings.insert(standing.run.pipeline.clone(), standing);
        }
        Ok(standings)
    }

    fn nights(&self, since: Option<DateTime<Utc>>) -> Result<Vec<Night>, StateError> {
        let mut statement = self.transaction.prepare_cached(NIGHTS)?;
        let since = since.map(|since| since.to_rfc3339());
        let mut rows = statement.query(params![since])?;
        let mut nights = Vec::new();
        while let Some(row) = rows.next()? {
            nights.push(night(row)?);
        }
        Ok(nights)
    }

    fn backlog(&self) -> Result<Vec<Backlog>, StateError> {
        let mut statement = self.transaction.prepare_cached(BACKLOG)?;
        let rows = statement.query_map([], |row| {
            Ok(Backlog {
                pipeline: row.get("pipeline")?,
                stream: StreamName::from(row.get::<_, String>("stream")?),
                connection: ConnectionName::from(row.get::<_, String>("connection")?),
                object: ObjectName::from(row.get::<_, String>("object")?),
                code: row.get("code")?,
                field: row.get("field")?,
                is_held: row.get("is_held")?,
                records: row.get::<_, i64>("records")?.unsigned_abs(),
                oldest_at: moment(&row.get::<_, String>("oldest_at")?),
                run_id: row.get("run_id")?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn night(row: &Row<'_>) -> Result<Night, StateError> {
    let ledger = |column: &str| -> Result<Option<Ledger>, StateError> {
        let text: Option<String> = row.get(column)?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    };
    let (after, before) = (ledger("ledger")?.unwrap_or_default(), ledger("before")?.unwrap_or_default());
    Ok(Night {
        pipeline: row.get("pipeline")?,
        run_id: row.get("run_id")?,
        number: row.get("number")?,
        started_at: moment(&row.get::<_, String>("begun_at")?),
        ended_at: row.get::<_, Option<String>>("ended_at")?.as_deref().map(moment),
        exit_code: row.get("exit_code")?,
        is_running: row.get("is_running")?,
        ledger: less(after, before),
        quota: row.get("quota")?,
    })
}

/// Returns what was added to a ledger. A run that reads again from its beginning may count less than before.
fn less(after: Ledger, before: Ledger) -> Ledger {
    Ledger {
        read: after.read.saturating_sub(before.read),
        filtered: after.filtered.saturating_sub(before.filtered),
        duplicate: after.duplicate.saturating_sub(before.duplicate),
        unchanged: after.unchanged.saturating_sub(before.unchanged),
        created: after.created.saturating_sub(before.created),
        updated: after.updated.saturating_sub(before.updated),
        deleted: after.deleted.saturating_sub(before.deleted),
        rejected: after.rejected.saturating_sub(before.rejected),
        held: after.held.saturating_sub(before.held),
    }
}
