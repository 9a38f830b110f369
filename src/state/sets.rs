//! Statements about sets: arrays as parameters, and inserts of rows.

use std::rc::Rc;

use rusqlite::{params_from_iter, types::Value};

use super::{SourceKey, Work, error::StateError};

/// A set of values as one parameter of a statement: `… IN rarray(?)`.
pub(super) type Array = Rc<Vec<Value>>;

pub(super) fn keys<'key>(keys: impl IntoIterator<Item = &'key SourceKey>) -> Array {
    blobs(keys.into_iter().map(|key| key.0))
}

/// Makes a set in the order of an index, so that each of its pages is visited once.
pub(super) fn blobs(blobs: impl IntoIterator<Item = [u8; 16]>) -> Array {
    let mut sorted: Vec<[u8; 16]> = blobs.into_iter().collect();
    sorted.sort_unstable();
    Rc::new(sorted.into_iter().map(|blob| Value::Blob(blob.to_vec())).collect())
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
    /// Inserts rows. `head` stands before the values, `tail` behind them. A statement for each: before one of many rows, SQLite
    /// copies each page that it changes, so that it can take the statement back alone.
    pub(super) fn insert_rows<const COLUMNS: usize>(
        &self,
        head: &str,
        tail: &str,
        rows: &[[Value; COLUMNS]],
    ) -> Result<(), StateError> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!("{head} VALUES ({}) {tail}", ["?"; COLUMNS].join(", "));
        let mut statement = self.transaction.prepare_cached(&sql)?;
        for row in rows {
            statement.execute(params_from_iter(row))?;
        }
        Ok(())
    }

    /// Returns the number that the next row of a table gets.
    pub(super) fn next_id(&self, table: &str, column: &str) -> Result<i64, StateError> {
        let sql = format!("SELECT COALESCE(MAX({column}), 0) + 1 FROM {table}");
        Ok(self.transaction.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
    }
}
