//! Removes rows, each found by its key.
//!
//! A row is removed by its number, and the answer does not tell which one it was. So the whole table is read before and the keys
//! after: a row that was removed in the place of another is put back.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{BatchRecord, Outcome, Rejection};

use super::{
    super::{cell::Cell, errors::after_write, limits::MAX_REPAIRS, table::Table},
    Known, Plan, SheetsDestination,
    insert::{NewCell, Outcomes},
    snapshot::Snapshot,
    view::View,
};

impl SheetsDestination {
    pub(super) async fn delete(
        &self,
        known: &mut Known,
        table: &Table,
        plan: &Plan,
        batch: &[BatchRecord],
    ) -> Result<Outcomes, ConnectorError> {
        if plan.key.is_empty() {
            let message = "rows without a key cannot be removed";
            return Err(
                ConnectorError::new(ErrorKind::NotFound, "no_key", message).with_hint("give the destination a `key`")
            );
        }
        known.view = None;
        let mut is_written = false;
        let mut outcomes: Outcomes = Vec::new();
        for _ in 0..MAX_REPAIRS {
            let read = Snapshot::read(&self.client, table, &plan.key).await;
            let before = if is_written { read.map_err(after_write)? } else { read? };
            let (now, keys) = sort(batch, &before);
            // What was found first says what became of each record.
            if !is_written {
                outcomes = now;
            }
            let rows: Vec<usize> = keys.iter().filter_map(|key| before.view.rows.get(key)?.first().copied()).collect();
            if rows.is_empty() {
                known.view = Some(before.view);
                return Ok(outcomes);
            }
            self.client.change(&removals(table, rows)).await?;
            is_written = true;
            let after = View::read(&self.client, table, &plan.key).await.map_err(after_write)?;
            let are_left = keys.iter().any(|key| after.rows.contains_key(key));
            let lost: Vec<usize> = before
                .view
                .rows
                .iter()
                .filter(|(key, _)| !keys.contains(*key) && !after.rows.contains_key(*key))
                .flat_map(|(_, rows)| rows.iter().copied())
                .collect();
            if !are_left {
                known.view = Some(after);
                return Ok(outcomes);
            }
            tracing::warn!(object = %table.place.title, rows = lost.len(), "somebody moved rows while others were removed: they are put back");
            self.put_back(table, &before, &after, lost).await.map_err(after_write)?;
        }
        let message = format!("somebody moves the rows of `{}` all the time", table.place.title);
        Err(ConnectorError::new(ErrorKind::Unanswered, "sheet_changes", message)
            .with_hint("run it again when nobody works in the sheet"))
    }

    /// Inserts rows as they were, below the last one.
    async fn put_back(
        &self,
        table: &Table,
        before: &Snapshot,
        after: &View,
        mut rows: Vec<usize>,
    ) -> Result<(), ConnectorError> {
        if rows.is_empty() {
            return Ok(());
        }
        rows.sort_unstable();
        let (first, last) = table.place.span;
        let cell = |row: usize, place: usize| match before.cell(row, place) {
            Cell::Text(formula) if before.has_formula(row, place) => NewCell::Formula(formula.clone()),
            cell => NewCell::Value(cell.clone()),
        };
        let cells: Vec<Vec<NewCell>> =
            rows.iter().map(|row| (first..=last).map(|place| cell(*row, place)).collect()).collect();
        self.insert_at(table, after.last_row + 1, first, &cells).await
    }
}

/// Returns what becomes of each record, and the keys that are removed.
fn sort(batch: &[BatchRecord], snapshot: &Snapshot) -> (Outcomes, HashSet<String>) {
    let mut keys = HashSet::new();
    let mut outcomes = Outcomes::with_capacity(batch.len());
    for (place, record) in batch.iter().enumerate() {
        let key = record.destination_id.as_deref().unwrap_or_default();
        let outcome = match snapshot.view.rows.get(key).map(Vec::as_slice) {
            None | Some([]) => Outcome::Deleted,
            Some([_]) => {
                keys.insert(key.to_owned());
                Outcome::Deleted
            }
            Some(rows) => {
                let rows: Vec<String> = rows.iter().map(|row| (row + 1).to_string()).collect();
                let reason = format!("{} rows have this key: rows {}", rows.len(), rows.join(", "));
                Outcome::Held(Rejection::new("ambiguous_key", reason))
            }
        };
        outcomes.push((place, outcome));
    }
    (outcomes, keys)
}

/// Returns the requests that remove rows: from the bottom up, because each one moves the rows below it.
fn removals(table: &Table, mut rows: Vec<usize>) -> Vec<Json> {
    rows.sort_unstable();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some((_, end)) if *end == row => *end += 1,
            _ => runs.push((row, row + 1)),
        }
    }
    let removal = |(start, end): &(usize, usize)| {
        json!({ "deleteDimension": { "range": {
            "sheetId": table.place.sheet_id, "dimension": "ROWS", "startIndex": start, "endIndex": end,
        }}})
    };
    runs.iter().rev().map(removal).collect()
}
