//! Removes rows, each found by its key.
//!
//! A row is removed by its number. So the whole table is read before, and the keys come back in the answer of the removal: a row
//! that was removed in the place of another is put back.

use std::collections::{HashMap, HashSet};

use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{BatchRecord, ObjectName, Outcome, Rejection};

use super::{
    super::{
        cell::Cell, errors::after_write, header::named_columns, limits::MAX_REPAIRS, references::rewritten,
        table::Table,
    },
    Known, Plan, SheetsDestination,
    insert::NewCell,
    moves::{is_in_place, moves},
    prepare::Outcomes,
    snapshot::Snapshot,
    update::{always_moving, check_key},
    view::{View, key_places},
};

impl SheetsDestination {
    pub(super) async fn delete(
        &self,
        known: &mut Known,
        (object, plan): (&ObjectName, &Plan),
        batch: &[BatchRecord],
    ) -> Result<Outcomes, ConnectorError> {
        check_key(plan, "removed")?;
        known.view = None;
        let mut table = known.table()?;
        let mut is_written = false;
        let mut outcomes: Outcomes = Vec::new();
        for attempt in 0..MAX_REPAIRS {
            let told = |error| if is_written { after_write(error) } else { error };
            let read = Snapshot::read(&self.client, &table, |headings, columns| {
                plan.key
                    .iter()
                    .find(|name| key_places(columns, std::slice::from_ref(name), &table).is_err())
                    .map_or_else(
                        || key_places(columns, &plan.key, &table),
                        |gone| Err(table.gone_column(gone, headings)),
                    )
            });
            let before = read.await.map_err(told)?;
            let (now, keys) = sort(batch, &before);
            // What was found first says what became of each record.
            if attempt == 0 {
                outcomes = now;
            }
            let rows: Vec<usize> = keys.iter().filter_map(|key| before.view.rows.get(key)?.first().copied()).collect();
            if rows.is_empty() {
                known.view = Some(before.view);
                return Ok(outcomes);
            }
            let after = match self.remove(&table, &before, &rows).await {
                Ok(Some(after)) => after,
                // The columns moved too, so the answer does not hold the keys.
                Ok(None) => self.read_again(known, &mut table, object, &before).await.map_err(after_write)?.view,
                // Some rows are not there any more.
                Err(error) if error.kind == ErrorKind::Refused && attempt == 0 => {
                    self.find_again(known, &mut table, object).await?;
                    continue;
                }
                Err(error) => return Err(told(error)),
            };
            is_written = true;
            let lost = lost(&before, &after, &keys, &rows);
            if !lost.is_empty() {
                tracing::warn!(object = %table.place.title, rows = lost.len(), "somebody moved rows while others were removed: they are put back");
                self.put_back(&table, &before, &after, lost).await.map_err(after_write)?;
                self.find_again(known, &mut table, object).await.map_err(after_write)?;
            } else if !keys.iter().any(|key| after.rows.contains_key(key)) {
                known.view = Some(after);
                return Ok(outcomes);
            }
        }
        Err(always_moving(&table))
    }

    /// Removes rows, and returns header and keys as they are right afterwards; none where the keys are in other columns by then.
    async fn remove(&self, table: &Table, before: &Snapshot, rows: &[usize]) -> Result<Option<View>, ConnectorError> {
        let place = &table.place;
        let places = before.key_places();
        let mut ranges = vec![place.header_row_range()];
        ranges.extend(places.iter().map(|column| place.column_range(*column)));
        let mut shown = self.client.change_showing(&removals(table, rows.to_vec()), &ranges).await?.into_iter();
        let headings = place.headings_of(shown.next().unwrap_or_default());
        let moves = moves(&before.view.headings, &headings);
        let is_key = |column: &usize| is_in_place(&before.view.headings, &headings, &moves, column - place.span.0);
        if !places.iter().all(is_key) {
            return Ok(None);
        }
        let columns: Vec<Vec<Vec<Cell>>> = shown.collect();
        let mut view = View::empty(table);
        view.columns = named_columns(&headings, place.span.0, &[]);
        view.headings = headings;
        let end = columns.iter().map(Vec::len).max().unwrap_or_default();
        for row in place.header_row + 1..end.min(place.last_row.map_or(end, |last| last + 1)) {
            let cell =
                |column: &Vec<Vec<Cell>>| column.get(row).and_then(|row| row.first()).cloned().unwrap_or_default();
            view.add(row, columns.iter().map(cell).collect());
        }
        Ok(Some(view))
    }

    /// Inserts rows as they were, below the last one.
    async fn put_back(
        &self,
        table: &Table,
        before: &Snapshot,
        after: &View,
        mut rows: Vec<usize>,
    ) -> Result<(), ConnectorError> {
        rows.sort_unstable();
        let (first, last) = table.place.span;
        let over = moves(&before.view.headings, &after.headings);
        let column = |place: usize| match place.checked_sub(first).and_then(|offset| over.get(offset)) {
            Some(offset) => offset.map(|offset| offset + first),
            None => Some(place),
        };
        let begin = after.last_row + 1;
        let mut inserted = Vec::with_capacity(rows.len());
        for (offset, row) in rows.iter().enumerate() {
            let row_now = |other: usize| {
                if other == *row {
                    Some(begin + offset)
                } else {
                    after.rows.get(&before.key_of(other)?)?.first().copied()
                }
            };
            let mut cells = vec![NewCell::Value(Cell::Empty); last - first + 1];
            for place in first..=last {
                let Some(slot) = column(place).and_then(|column| cells.get_mut(column - first)) else { continue };
                *slot = match before.cell(*row, place) {
                    Cell::Text(formula) if before.has_formula(*row, place) => {
                        NewCell::Formula(rewritten(formula, &table.place.title, row_now, column))
                    }
                    cell => NewCell::Value(cell.clone()),
                };
            }
            inserted.push(cells);
        }
        self.insert_at(table, begin, first, &inserted).await.map(drop)
    }
}

/// Returns the rows that were removed in the place of others: those that are gone and were not meant, unless somebody else
/// removed just them.
fn lost(before: &Snapshot, after: &View, keys: &HashSet<String>, rows: &[usize]) -> Vec<usize> {
    let gone = |rows: &HashMap<String, Vec<usize>>, key: &String| !rows.contains_key(key);
    let lost: Vec<usize> = before
        .view
        .rows
        .iter()
        .filter(|(key, _)| !keys.contains(*key) && gone(&after.rows, key))
        .flat_map(|(_, rows)| rows.iter().copied())
        .collect();
    let are_all_gone = keys.iter().all(|key| gone(&after.rows, key));
    let as_set = |rows: &[usize]| rows.iter().copied().collect::<HashSet<usize>>();
    let is_somebody_elses = hits(rows, &lost) == as_set(rows) && hits(rows, rows) != as_set(&lost);
    if are_all_gone && is_somebody_elses { Vec::new() } else { lost }
}

/// Returns which rows are removed by their numbers where somebody removed others right before.
fn hits(rows: &[usize], removed: &[usize]) -> HashSet<usize> {
    let mut removed = removed.to_vec();
    removed.sort_unstable();
    let hit = |row: &usize| removed.iter().fold(*row, |hit, gone| if *gone <= hit { hit + 1 } else { hit });
    rows.iter().map(hit).collect()
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

/// Returns the requests that remove rows: from the bottom up, because each one moves the rows below it. A tab keeps a row below
/// its header: Google does not let all go.
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
    let are_all =
        runs.iter().map(|(start, end)| end - start).sum::<usize>() + table.place.header_row + 1 >= table.place.rows;
    let room = json!({ "appendDimension": { "sheetId": table.place.sheet_id, "dimension": "ROWS", "length": 1 } });
    are_all.then_some(room).into_iter().chain(runs.iter().rev().map(removal)).collect()
}
