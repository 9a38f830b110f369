//! From the records of a batch to cells by column.

use chrono_tz::Tz;

use crate::model::{BatchRecord, Outcome, Rejection};

use super::super::{cell::Cell, schema::encode};
use super::keys::key_text;

/// What became of records, by their places in the batch.
pub(super) type Outcomes = Vec<(usize, Outcome)>;

/// A record of a batch as cells.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// Its place in the batch.
    pub(super) place: usize,
    /// Its cells by column.
    pub(super) cells: Vec<(String, Cell)>,
}

/// Encodes a record.
///
/// # Errors
/// Rejects a record with a value that no cell can hold.
pub(super) fn prepare(place: usize, record: &BatchRecord, zone: Tz) -> Result<Prepared, Rejection> {
    let mut cells = Vec::with_capacity(record.fields.len());
    for (name, value) in &record.fields {
        let cell = encode(value, zone).map_err(|misfit| {
            let shown: String = value.to_text().chars().take(100).collect();
            Rejection::new(misfit.code, format!("column `{name}`: {}", misfit.reason)).at(name.as_str(), shown)
        })?;
        cells.push((name.to_string(), cell));
    }
    Ok(Prepared { place, cells })
}

impl Prepared {
    /// Returns the cell of a column.
    pub(super) fn cell(&self, name: &str) -> Option<&Cell> {
        self.cells.iter().find(|(other, _)| other == name).map(|(_, cell)| cell)
    }

    /// Returns the record's key.
    ///
    /// # Errors
    /// Rejects a record without a value in a key column: it could not be found again.
    pub(super) fn key(&self, key: &[String]) -> Result<String, Rejection> {
        let cells: Vec<Cell> = key.iter().map(|name| self.cell(name).cloned().unwrap_or_default()).collect();
        key_text(&cells).ok_or_else(|| {
            let empty = key.iter().find(|name| self.cell(name).is_none_or(Cell::is_blank));
            let name = empty.map(String::as_str).unwrap_or_default();
            Rejection::new("empty_key", format!("the key column `{name}` has no value")).at(name, "")
        })
    }
}
