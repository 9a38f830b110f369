//! Statements about sets: arrays as parameters, and inserts of many rows.

use std::rc::Rc;

use rusqlite::{params_from_iter, types::Value};

use super::{SourceKey, Work, error::StateError};

/// A set of values as one parameter of a statement: `… IN rarray(?)`.
pub(super) type Array = Rc<Vec<Value>>;

/// How many rows one insert takes; the rest goes by the next smaller number. Few numbers, so that the statements stay prepared.
const ROWS: [usize; 3] = [64, 8, 1];

pub(super) fn keys<'key>(keys: impl IntoIterator<Item = &'key SourceKey>) -> Array {
    Rc::new(keys.into_iter().map(|key| Value::Blob(key.0.to_vec())).collect())
}

pub(super) fn blobs(blobs: impl IntoIterator<Item = [u8; 16]>) -> Array {
    Rc::new(blobs.into_iter().map(|blob| Value::Blob(blob.to_vec())).collect())
}

pub(super) fn texts<'text>(texts: impl IntoIterator<Item = &'text str>) -> Array {
    Rc::new(texts.into_iter().map(|text| Value::Text(text.to_owned())).collect())
}

pub(super) fn numbers(numbers: impl IntoIterator<Item = i64>) -> Array {
    Rc::new(numbers.into_iter().map(Value::Integer).collect())
}

/// Turns a count into what SQLite stores: its integers are signed.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Work<'_> {
    /// Inserts rows with as few statements as there can be. `head` stands before the values, `tail` behind them.
    pub(super) fn insert_rows<const COLUMNS: usize>(
        &self,
        head: &str,
        tail: &str,
        mut rows: &[[Value; COLUMNS]],
    ) -> Result<(), StateError> {
        for size in ROWS {
            if rows.len() < size {
                continue;
            }
            let row = format!("({})", vec!["?"; COLUMNS].join(", "));
            let sql = format!("{head} VALUES {} {tail}", vec![row; size].join(", "));
            let mut statement = self.transaction.prepare_cached(&sql)?;
            while let Some((now, rest)) = rows.split_at_checked(size) {
                statement.execute(params_from_iter(now.iter().flatten()))?;
                rows = rest;
            }
        }
        Ok(())
    }

    /// Returns the number that the next row of a table gets.
    pub(super) fn next_id(&self, table: &str, column: &str) -> Result<i64, StateError> {
        let sql = format!("SELECT COALESCE(MAX({column}), 0) + 1 FROM {table}");
        Ok(self.transaction.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
    }
}
