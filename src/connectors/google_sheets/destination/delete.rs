//! Removes rows, each found by its key.
//!
//! A row is removed by its number. So the whole table is read before, and the keys come back in the answer of the removal: a row
//! that was removed in the place of another is put back.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{BatchRecord, ObjectName, Outcome};

use super::{
    super::{
        cell::Cell, errors::after_write, header::named_columns, limits::MAX_REPAIRS, references::rewritten, rows::Rows,
        table::Table,
    },
    Known, SheetsDestination,
    change::shared_key,
    insert::NewCell,
    moves::{is_in_place, moves},
    plan::Plan,
    prepare::Outcomes,
    rules::{always_moving, check_key},
    settle::Settling,
    snapshot::Snapshot,
    view::{View, key_places},
    whole::{RowPutBack, put_rows_right},
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
            let rows: Vec<usize> = keys.iter().filter_map(|key| before.view.rows.of(key).first().copied()).collect();
            if rows.is_empty() {
                known.view = Some(before.view);
                return Ok(outcomes);
            }
            let after = match self.remove(&table, &before, &rows).await {
                // None where the columns moved too, so that the answer does not hold the keys.
                Ok(after) => after,
                // Some rows are not there any more.
                Err(error) if error.kind == ErrorKind::Refused && attempt == 0 => {
                    self.find_again(known, &mut table, object).await?;
                    continue;
                }
                Err(error) => return Err(told(error)),
            };
            is_written = true;
            let is_clean = |after: &View| {
                !keys.iter().any(|key| after.rows.has(key)) && lost(&before, after, &keys, &rows).is_empty()
            };
            if let Some(after) = after.filter(is_clean) {
                known.view = Some(after);
                return Ok(outcomes);
            }
            let now = self.read_again(known, &mut table, object, &before).await.map_err(after_write)?;
            let mut lost = lost(&before, &now.view, &keys, &rows);
            lost.extend(lost_without_key(&before, &now));
            if !lost.is_empty() {
                tracing::warn!(object = %table.place.title, rows = lost.len(), "somebody moved rows while others were removed: they are put back");
                let put_back = self.put_back(known, &mut table, (object, plan), (&before, &now), lost).await;
                put_back.map_err(after_write)?;
                self.find_again(known, &mut table, object).await.map_err(after_write)?;
            }
        }
        Err(always_moving(&table))
    }

    /// Removes rows, and returns header and keys as they are right afterwards; none where the keys are in other columns by then.
    async fn remove(&self, table: &Table, before: &Snapshot, rows: &[usize]) -> Result<Option<View>, ConnectorError> {
        let place = &table.place;
        let places = before.key_places().to_vec();
        let mut ranges = vec![place.header_row_range()];
        ranges.extend(places.iter().map(|column| place.column_range(*column)));
        let mut shown = self.client.change_showing(&removals(table, rows.to_vec()), &ranges).await?.into_iter();
        let headings = place.headings_of(&shown.next().unwrap_or_default());
        let moves = moves(&before.view.headings, &headings);
        let is_key = |column: &usize| is_in_place(&before.view.headings, &headings, &moves, column - place.span.0);
        if !places.iter().all(is_key) {
            return Ok(None);
        }
        let columns: Vec<Rows> = shown.collect();
        let mut view = View::empty(table);
        view.columns = named_columns(&headings, place.span.0, &[]);
        view.headings = headings;
        let end = columns.iter().map(Rows::len).max().unwrap_or_default();
        for row in place.header_row + 1..end.min(place.last_row.map_or(end, |last| last + 1)) {
            view.add(row, &columns.iter().map(|column| column.cell(row, 0)).collect::<Vec<_>>());
        }
        Ok(Some(view))
    }

    /// Inserts rows as they were, below the last one.
    async fn put_back(
        &self,
        known: &mut Known,
        table: &mut Table,
        (object, plan): (&ObjectName, &Plan),
        (before, now): (&Snapshot, &Snapshot),
        mut rows: Vec<usize>,
    ) -> Result<(), ConnectorError> {
        rows.sort_unstable();
        let begin = now.view.last_row + 1;
        let placed = Placed::new(before, now, table);
        let inserted: Vec<Vec<NewCell>> =
            rows.iter().enumerate().map(|(offset, row)| placed.cells(*row, begin + offset, now)).collect();
        let headings = self.insert_at(table, begin, table.place.span.0, &inserted).await?;
        if now.view.is_same_header(&headings, table) {
            return Ok(());
        }
        let written: Vec<RowPutBack> =
            rows.iter().zip(inserted).enumerate().map(|(offset, (row, cells))| (*row, begin + offset, cells)).collect();
        let mut after = self.read_again(known, table, object, before).await?;
        put_rows_right(before, (&headings, written), &mut after, table);
        let settling = Settling { snapshot: after.with_correct_keys(), changes: &mut [], is_written: true };
        self.settle(known, table, (object, plan), settling).await.map(drop)
    }
}

/// Where the cells of rows that are put back belong.
struct Placed<'state> {
    before: &'state Snapshot,
    table: &'state Table,
    columns: Vec<Option<usize>>,
}

impl<'state> Placed<'state> {
    fn new(before: &'state Snapshot, now: &Snapshot, table: &'state Table) -> Self {
        Self { before, table, columns: moves(&before.view.headings, &now.view.headings) }
    }

    /// Returns where a column is now.
    fn column(&self, place: usize) -> Option<usize> {
        let (first, _) = self.table.place.span;
        match place.checked_sub(first).and_then(|offset| self.columns.get(offset)) {
            Some(offset) => offset.map(|offset| offset + first),
            None => Some(place),
        }
    }

    /// Returns the cells of a row that is put back at another place; its formulas speak of the cells where they are now.
    fn cells(&self, row: usize, place: usize, now: &Snapshot) -> Vec<NewCell> {
        let (first, last) = self.table.place.span;
        let row_now = |other: usize| {
            if other == row { Some(place) } else { now.view.rows.of(&self.before.key_of(other)?).first().copied() }
        };
        let mut cells = vec![NewCell::Value(Cell::Empty); last - first + 1];
        // A column beyond the last heading may be where one with a heading is now.
        for place in (first..=last).filter(|place| self.before.cell(row, *place) != Cell::Empty) {
            let Some(slot) = self.column(place).and_then(|column| cells.get_mut(column - first)) else { continue };
            *slot = match self.before.cell(row, place) {
                Cell::Text(formula) if self.before.has_formula(row, place) => {
                    NewCell::Formula(rewritten(&formula, &self.table.place.title, row_now, |column| {
                        self.column(column)
                    }))
                }
                cell => NewCell::Value(cell),
            };
        }
        cells
    }
}

/// Returns rows without a key that hold something and are gone.
fn lost_without_key(before: &Snapshot, now: &Snapshot) -> Vec<usize> {
    let columns = moves(&before.view.headings, &now.view.headings);
    let first = before.first_column();
    let pairs: Vec<(usize, usize)> = columns
        .iter()
        .enumerate()
        .filter_map(|(place, column)| Some((place + first, column.as_ref()? + now.first_column())))
        .collect();
    let is_blank = |row: usize| before.held_by(row).iter().all(Cell::is_blank);
    let is_alike = |row: usize, other: usize| {
        let is_equal = |(place, column): &(usize, usize)| {
            before.holds_formula(row, *place) || before.held(row, *place) == now.held(other, *column)
        };
        pairs.iter().all(is_equal)
    };
    let mut left: Vec<usize> = now.rows().skip(1).filter(|row| now.key_of(*row).is_none()).collect();
    let without_key = before.rows().skip(1).filter(|row| before.key_of(*row).is_none() && !is_blank(*row));
    let mut is_lost = |row: &usize| {
        let place = left.iter().position(|other| is_alike(*row, *other));
        place.map(|place| left.remove(place)).is_none()
    };
    without_key.filter(|row| is_lost(row)).collect()
}

/// Returns the rows that were removed in the place of others: those that are gone and were not meant, unless somebody else
/// removed just them.
fn lost(before: &Snapshot, after: &View, keys: &HashSet<String>, rows: &[usize]) -> Vec<usize> {
    let gone = |key: &str| !after.rows.has(key);
    let lost: Vec<usize> = before
        .view
        .rows
        .iter()
        .filter(|(key, _)| !keys.contains(*key) && gone(key))
        .flat_map(|(_, rows)| rows.iter().copied())
        .collect();
    let are_all_gone = keys.iter().all(|key| gone(key));
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
        let outcome = match snapshot.view.rows.of(key) {
            [] => Outcome::Deleted,
            [_] => {
                keys.insert(key.to_owned());
                Outcome::Deleted
            }
            rows => Outcome::Held(shared_key(rows)),
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
