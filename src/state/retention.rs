//! How long the history of runs is kept: one rule, applied whenever a run begins.
//!
//! The last [`KEPT_RUNS`] runs of a pipeline are kept whole. Of older ones the bulky and the personal goes first: the names of merged
//! records at once, a dead letter [`ANSWERED_DAYS`] after it was answered, and the run itself with its ledgers and attempts after
//! [`RUN_DAYS`]. What somebody still has to act on is never removed: an open letter or intent keeps its run. Ids, links and
//! checkpoints are no history and are not touched.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{params, types::Value};

use super::{Work, error::StateError, sets::texts};

/// The last runs of a pipeline, which are kept whole: at a run a night, a month.
const KEPT_RUNS: u32 = 30;
/// How long an answered dead letter is kept, in days. It holds a record, and nobody has to act on it.
const ANSWERED_DAYS: i64 = 30;
/// How long a run is kept with its ledgers and attempts, in days: a month longer than a year, so that a run can be compared with that
/// of a year ago.
const RUN_DAYS: i64 = 400;

const OLD_RUNS: &str = "SELECT run_id FROM runs WHERE pipeline = ?1 ORDER BY rowid DESC LIMIT -1 OFFSET ?2";
/// The runs of a set that nothing needs: a table whose rows are the work of somebody keeps them.
const OVER: &str = "SELECT run_id FROM runs WHERE run_id IN rarray(?1) AND COALESCE(finished_at, started_at) < ?2
     AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE dead_letters.run_id = runs.run_id)
     AND NOT EXISTS (SELECT 1 FROM intents WHERE intents.run_id = runs.run_id)
     AND NOT EXISTS (SELECT 1 FROM images WHERE images.run_id = runs.run_id)";
pub(super) const DROP_MERGED: &str = "DELETE FROM merged WHERE run_id IN rarray(?1)";
pub(super) const DROP_ANSWERED: &str = "DELETE FROM dead_letters INDEXED BY dead_letters_by_run
     WHERE run_id IN rarray(?1) AND resolved_at < ?2";
/// What goes with a run, and then the run.
pub(super) const DROP_RUNS: [&str; 3] = [
    "DELETE FROM ledgers WHERE run_id IN rarray(?1)",
    "DELETE FROM attempts WHERE run_id IN rarray(?1)",
    "DELETE FROM runs WHERE run_id IN rarray(?1)",
];

impl Work<'_> {
    /// Removes what is not kept any longer of a pipeline's runs.
    pub(super) fn apply_retention(&self, pipeline: &str, now: DateTime<Utc>) -> Result<(), StateError> {
        let old = self.run_ids(OLD_RUNS, &[Value::Text(pipeline.to_owned()), Value::Integer(i64::from(KEPT_RUNS))])?;
        if old.is_empty() {
            return Ok(());
        }
        let before = |days: i64| (now - TimeDelta::days(days)).to_rfc3339();
        let set = || texts(old.iter().map(String::as_str));
        self.transaction.prepare_cached(DROP_MERGED)?.execute([set()])?;
        self.transaction.prepare_cached(DROP_ANSWERED)?.execute(params![set(), before(ANSWERED_DAYS)])?;
        let mut statement = self.transaction.prepare_cached(OVER)?;
        let over = statement.query_map(params![set(), before(RUN_DAYS)], |row| row.get::<_, String>(0))?;
        let over = over.collect::<Result<Vec<_>, _>>()?;
        if over.is_empty() {
            return Ok(());
        }
        for sql in DROP_RUNS {
            self.transaction.prepare_cached(sql)?.execute([texts(over.iter().map(String::as_str))])?;
        }
        Ok(())
    }

    fn run_ids(&self, sql: &str, parameters: &[Value]) -> Result<Vec<String>, StateError> {
        let mut statement = self.transaction.prepare_cached(sql)?;
        let ids = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ledger;
    use crate::state::{
        AttemptEnd, Changes, DeadLetterKind, Duplicate, RecordKey, Run, RunStatus, SourceIds, State, WrittenRecord,
        tests::{in_memory, ledger, letter, opened, place, read, run, target, written},
    };

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    async fn begin(state: &State, run: Run, on: i64) {
        state.start_attempt(Run { started_at: day(on), ..run }, day(on)).await.unwrap();
    }

    /// A run with a ledger, an error, a merged record, a letter that is answered a day later, and perhaps one that stays open.
    async fn old_run(state: &State, name: &str, on: i64, is_open: bool) {
        let target_id = opened(state, "contacts").await;
        begin(state, run(name), on).await;
        let letters = [("answered", 1), ("open", 2)].into_iter().filter(|(id, _)| is_open || *id == "answered");
        let letters =
            letters.map(|(id, number)| letter(name, &format!("{id} of {name}"), number, DeadLetterKind::Rejected));
        let merged = vec![Duplicate { source_id: "2".to_owned(), survivor: RecordKey::Id("1".to_owned()) }];
        let changes = Changes { letters: letters.collect(), merged, ..Changes::default() };
        state.commit(place(target_id, name), changes).await.unwrap();
        state.save_progress(target_id, name, ledger(target("contacts"), Ledger::default()), None).await.unwrap();
        let end = AttemptEnd { status: RunStatus::Done, now: day(on), errors: Vec::new() };
        state.finish_attempt(name, 1, end).await.unwrap();
        let record = WrittenRecord { record: read(&format!("answered of {name}"), 9), ..written("x", "y", 1) };
        let answer =
            crate::state::ChangePlace { now: day(on + 1), run_id: format!("{name} again"), ..place(target_id, name) };
        state.commit(answer, Changes { written: vec![record], ..Changes::default() }).await.unwrap();
    }

    /// What is left of a run: itself, its ledgers, attempts, open and answered letters, and names of merged records.
    async fn left(state: &State, name: &str) -> [usize; 6] {
        let target_id = opened(state, "contacts").await;
        let stored = state.stored_run(name, SourceIds::Hidden).await.unwrap();
        let letters = state.letters(name).await.unwrap();
        [
            usize::from(state.run(name).await.unwrap().is_some()),
            stored.targets.len(),
            stored.attempts.len(),
            letters.open.len(),
            letters.answered.len(),
            state.merged(name, target_id, SourceIds::Hidden).await.unwrap().len(),
        ]
    }

    #[tokio::test]
    async fn the_history_of_a_run_goes_by_its_age_once_it_is_none_of_the_last() {
        const OLD: i64 = 1_000;
        // How many days later the newest run begins, whether a letter is open, how many runs are newer, and what is left.
        let cases = [
            (5_000, false, 29, [1, 1, 1, 0, 1, 1], "one of the last runs is kept whole, however old"),
            (5, false, 30, [1, 1, 1, 0, 1, 0], "an older one has no names of merged records"),
            (30, false, 30, [1, 1, 1, 0, 1, 0], "a letter was answered 29 days ago"),
            (32, false, 30, [1, 1, 1, 0, 0, 0], "a letter was answered 31 days ago"),
            (399, false, 30, [1, 1, 1, 0, 0, 0], "it is not a year and a month old"),
            (401, false, 30, [0, 0, 0, 0, 0, 0], "it is"),
            (5_000, true, 30, [1, 1, 1, 1, 0, 0], "an open letter keeps its run"),
        ];
        for (age, is_open, newer, expected, why) in cases {
            let state = in_memory();
            old_run(&state, "old", OLD, is_open).await;
            begin(&state, Run { pipeline: "other".to_owned(), ..run("other") }, OLD + age).await;
            for number in 1..=newer {
                begin(&state, run(&format!("newer {number}")), OLD + age).await;
            }
            assert_eq!(left(&state, "old").await, expected, "{why}");
            assert_eq!(left(&state, "newer 1").await, [1, 0, 1, 0, 0, 0], "{why}");
        }
    }

    #[tokio::test]
    async fn each_table_that_belongs_to_a_run_says_how_long_it_is_kept() {
        let state = in_memory();
        let tables = state.read(|work| {
            let sql =
                "SELECT DISTINCT tables.name FROM sqlite_schema AS tables, pragma_foreign_key_list(tables.name) AS keys
                 WHERE tables.type = 'table' AND keys.\"table\" = 'runs' ORDER BY tables.name";
            work.run_ids(sql, &[])
        });
        let said = [OVER, DROP_ANSWERED, DROP_RUNS[0], DROP_RUNS[1]].join(" ");
        for table in tables.await.unwrap() {
            assert!(
                said.contains(&format!("FROM {table} ")),
                "`{table}` refers to a run: say what keeps it or goes with it"
            );
        }
    }
}
