//! Changes rows, each found by its key; only cells that differ are written, all others are left alone.
//!
//! A range that is written begins or ends with the row's key, left alone too, and comes back as it is then: so one call tells
//! whether each row was still the one that was meant. What hit another row is put right by what stood there before.

use std::collections::{BTreeMap, HashMap};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{BatchRecord, Outcome, Rejection};

use super::{
    super::{
        a1::{self, Area},
        cell::Cell,
        client::{Input, RangeToWrite, UpdateAnswer},
        errors::{after_write, incomplete},
        limits::MAX_REPAIRS,
        table::Table,
    },
    Known, Plan, SheetsDestination,
    insert::Outcomes,
    prepare::Prepared,
    snapshot::Snapshot,
    view::key_places,
};

/// Cells to write to the row of a key.
#[derive(Debug, Clone)]
struct Change {
    /// The key that the row has now.
    key: String,
    /// The key that it will have.
    new_key: String,
    values: Vec<(String, Cell)>,
    formulas: Vec<(String, String)>,
}

/// Cells to write to a row, by column.
#[derive(Debug, Clone, Default)]
struct RowWrite {
    values: BTreeMap<usize, Cell>,
    formulas: BTreeMap<usize, Cell>,
    new_key: String,
}

type Writes = BTreeMap<usize, RowWrite>;

impl SheetsDestination {
    pub(super) async fn update(
        &self,
        known: &mut Known,
        table: &Table,
        plan: &Plan,
        batch: &[BatchRecord],
        records: Vec<Prepared>,
    ) -> Result<Outcomes, ConnectorError> {
        if plan.key.is_empty() {
            let message = "rows without a key cannot be changed";
            return Err(
                ConnectorError::new(ErrorKind::NotFound, "no_key", message).with_hint("give the destination a `key`")
            );
        }
        let mut outcomes = Outcomes::with_capacity(records.len());
        let mut snapshot = Snapshot::read(&self.client, table, &plan.key).await?;
        let mut changes = Vec::with_capacity(records.len());
        for record in &records {
            match change(record, &batch[record.place], plan, &snapshot, table)? {
                Ok(change) => {
                    outcomes.push((record.place, Outcome::Updated { id: change.new_key.clone() }));
                    changes.push(change);
                }
                Err(outcome) => outcomes.push((record.place, outcome)),
            }
        }
        let mut is_written = false;
        for _ in 0..MAX_REPAIRS {
            let writes = rows_to_write(&changes, plan, &snapshot, table)?;
            if writes.is_empty() {
                known.view = Some(snapshot.view);
                return Ok(outcomes);
            }
            let written = self.write(table, plan, &snapshot, &writes).await;
            let moved = if is_written { written.map_err(after_write)? } else { written? };
            is_written = true;
            if moved.is_empty() {
                known.view = Some(with_new_keys(snapshot, &writes, plan, table)?);
                return Ok(outcomes);
            }
            tracing::warn!(object = %table.place.title, rows = moved.len(), "somebody moved rows while they were written: they are put right");
            put_right(&mut changes, &moved, &writes, &snapshot);
            snapshot = Snapshot::read(&self.client, table, &plan.key).await.map_err(after_write)?;
        }
        let message = format!("somebody moves the rows of `{}` all the time", table.place.title);
        Err(ConnectorError::new(ErrorKind::Unanswered, "sheet_changes", message)
            .with_hint("run it again when nobody works in the sheet"))
    }

    /// Writes rows, and returns those that were another's by then, each with the key that it had.
    async fn write(
        &self,
        table: &Table,
        plan: &Plan,
        snapshot: &Snapshot,
        writes: &Writes,
    ) -> Result<BTreeMap<usize, Option<String>>, ConnectorError> {
        let keys = key_places(&snapshot.view.columns, &plan.key, table)?;
        let mut moved = BTreeMap::new();
        for (input, pick) in [
            (Input::Raw, RowWrite::values as fn(&RowWrite) -> &BTreeMap<usize, Cell>),
            (Input::Formula, RowWrite::formulas),
        ] {
            let rows: Writes = writes
                .iter()
                .filter(|(row, write)| !pick(write).is_empty() && !moved.contains_key(*row))
                .map(|(row, write)| (*row, write.clone()))
                .collect();
            if rows.is_empty() {
                continue;
            }
            let data = ranges(table, &rows, &keys, pick);
            let answered = self.client.update(&data, input).await?;
            moved.extend(moved_rows(&answered, &rows, &keys)?);
        }
        Ok(moved)
    }
}

impl RowWrite {
    fn values(&self) -> &BTreeMap<usize, Cell> {
        &self.values
    }

    fn formulas(&self) -> &BTreeMap<usize, Cell> {
        &self.formulas
    }
}

/// Returns what is to be changed for a record, or what became of it without a change.
fn change(
    record: &Prepared,
    of_batch: &BatchRecord,
    plan: &Plan,
    snapshot: &Snapshot,
    table: &Table,
) -> Result<Result<Change, Outcome>, ConnectorError> {
    let Some(key) = of_batch.destination_id.clone() else {
        return Err(ConnectorError::new(ErrorKind::Unexpected, "no_id", "a record to change has no id"));
    };
    let row = match only_row(&key, snapshot) {
        Ok(row) => row,
        Err(outcome) => return Ok(Err(outcome)),
    };
    let mut values = Vec::new();
    for (name, cell) in &record.cells {
        let place = snapshot.view.place(name).ok_or_else(|| table.unknown_column(name))?;
        if snapshot.has_formula(row, place) {
            let at = table.place.cell(row, place);
            let reason = format!("cell {at} holds a formula of the sheet's own, which is not overwritten");
            return Ok(Err(Outcome::Rejected(Rejection::new("computed", reason).at(name.as_str(), ""))));
        }
        values.push((name.clone(), cell.clone()));
    }
    let cells: Vec<Cell> = plan.key.iter().map(|name| record.cell(name).cloned().unwrap_or_default()).collect();
    let has_key = plan.key.iter().all(|name| record.cell(name).is_some());
    let new_key = if has_key { super::view::key_text(&cells) } else { Some(key.clone()) };
    let Some(new_key) = new_key else {
        let reason =
            Rejection::new("empty_key", "a key column would get no value, and the row could not be found again");
        return Ok(Err(Outcome::Rejected(reason)));
    };
    let mut formulas = Vec::new();
    for formula in plan.formulas.iter().filter(|formula| formula.is_rewritten) {
        formulas.push((formula.column.clone(), formula.text(row, &snapshot.view, table)?));
    }
    Ok(Ok(Change { key, new_key, values, formulas }))
}

/// Returns the one row with a key.
fn only_row(key: &str, snapshot: &Snapshot) -> Result<usize, Outcome> {
    match snapshot.view.rows.get(key).map(Vec::as_slice) {
        None | Some([]) => Err(Outcome::Missing),
        Some([row]) => Ok(*row),
        Some(rows) => {
            let rows: Vec<String> = rows.iter().map(|row| (row + 1).to_string()).collect();
            let reason = format!("{} rows have this key: rows {}", rows.len(), rows.join(", "));
            Err(Outcome::Held(Rejection::new("ambiguous_key", reason)))
        }
    }
}

/// Finds the rows of changes as the snapshot has them, and the cells that differ.
fn rows_to_write(
    changes: &[Change],
    plan: &Plan,
    snapshot: &Snapshot,
    table: &Table,
) -> Result<Writes, ConnectorError> {
    let mut writes = Writes::new();
    for change in changes {
        // After a first write, a row may have its new key already.
        let row = only_row(&change.key, snapshot).or_else(|_| only_row(&change.new_key, snapshot));
        let Ok(row) = row else { continue };
        let write = writes.entry(row).or_default();
        write.new_key.clone_from(&change.new_key);
        for (name, cell) in &change.values {
            let place = snapshot.view.place(name).ok_or_else(|| table.unknown_column(name))?;
            let is_same = snapshot.cell(row, place) == cell && !snapshot.has_formula(row, place);
            if !is_same {
                write.values.insert(place, cell.clone());
            }
        }
        for (name, formula) in &change.formulas {
            let place = snapshot.view.place(name).ok_or_else(|| table.unknown_column(name))?;
            // A formula speaks of its own row, which may have moved since.
            let rewritten = plan.formulas.iter().find(|known| known.column == *name);
            let formula =
                rewritten.map_or_else(|| Ok(formula.clone()), |known| known.text(row, &snapshot.view, table))?;
            if snapshot.cell(row, place) != &Cell::text(formula.as_str()) {
                write.formulas.insert(place, Cell::text(formula));
            }
        }
    }
    writes.retain(|_, write| !write.values.is_empty() || !write.formulas.is_empty());
    Ok(writes)
}

/// Makes the ranges to write: neighbouring rows together, from the first column that is written or belongs to the key to the last.
fn ranges(
    table: &Table,
    rows: &Writes,
    keys: &[usize],
    pick: fn(&RowWrite) -> &BTreeMap<usize, Cell>,
) -> Vec<RangeToWrite> {
    let places = || rows.values().flat_map(|write| pick(write).keys()).chain(keys).copied();
    let span = (places().min().unwrap_or_default(), places().max().unwrap_or_default());
    let mut ranges: Vec<(usize, Vec<Vec<Option<Cell>>>)> = Vec::new();
    for (row, write) in rows {
        let cells = (span.0..=span.1).map(|place| pick(write).get(&place).cloned()).collect();
        match ranges.last_mut() {
            Some((first, values)) if *first + values.len() == *row => values.push(cells),
            _ => ranges.push((*row, vec![cells])),
        }
    }
    let range = |(first, values): (usize, Vec<Vec<Option<Cell>>>)| RangeToWrite {
        range: Area::of((first, first + values.len() - 1), span).on(&table.place.title),
        values,
    };
    ranges.into_iter().map(range).collect()
}

/// Returns the rows of an answer that have another key than the one that was meant.
fn moved_rows(
    answered: &[UpdateAnswer],
    rows: &Writes,
    keys: &[usize],
) -> Result<BTreeMap<usize, Option<String>>, ConnectorError> {
    let mut found: HashMap<usize, Option<String>> = HashMap::new();
    for answer in answered {
        let data = answer.updated_data.as_ref().ok_or_else(|| incomplete("it does not show what was written"))?;
        let area = a1::parse_on(&data.range).or_else(|| a1::parse_on(&answer.updated_range));
        let Some((_, area)) = area else { return Err(incomplete("a range of it cannot be read")) };
        let last = area.last_row.unwrap_or(area.first_row);
        for row in area.first_row..=last {
            let cells = data.values.get(row - area.first_row).map(Vec::as_slice).unwrap_or_default();
            found.insert(row, Snapshot::key_in(cells, area.first_column, keys));
        }
    }
    let mut moved = BTreeMap::new();
    for (row, write) in rows {
        let key = found.remove(row).ok_or_else(|| incomplete("a row that was written is not in it"))?;
        if key.as_deref() != Some(write.new_key.as_str()) {
            moved.insert(*row, key);
        }
    }
    Ok(moved)
}

/// Plans to give rows back what was overwritten, from what they held before.
fn put_right(changes: &mut Vec<Change>, moved: &BTreeMap<usize, Option<String>>, writes: &Writes, before: &Snapshot) {
    for (row, key) in moved {
        let (Some(key), Some(write)) = (key, writes.get(row)) else { continue };
        let Ok(old_row) = only_row(key, before) else {
            tracing::warn!(row = row + 1, "a row that somebody added was overwritten, and what it held is not known");
            continue;
        };
        let names: Vec<(usize, String)> =
            before.view.columns.iter().map(|column| (column.place, column.name.clone())).collect();
        let of_changes = changes.iter().find(|change| change.key == *key || change.new_key == *key).cloned();
        let mut restored = Change { key: key.clone(), new_key: key.clone(), values: Vec::new(), formulas: Vec::new() };
        for place in write.values.keys().chain(write.formulas.keys()) {
            let Some((_, name)) = names.iter().find(|(other, _)| other == place) else { continue };
            if of_changes.as_ref().is_some_and(|change| change.values.iter().any(|(other, _)| other == name)) {
                continue;
            }
            let cell = before.cell(old_row, *place).clone();
            if before.has_formula(old_row, *place) {
                restored.formulas.push((name.clone(), cell.seen()));
            } else {
                restored.values.push((name.clone(), cell));
            }
        }
        match changes.iter_mut().find(|change| change.key == *key || change.new_key == *key) {
            Some(change) => {
                change.values.extend(restored.values);
                change.formulas.extend(restored.formulas);
            }
            None => changes.push(restored),
        }
    }
}

/// Returns the view as the writes left it.
fn with_new_keys(
    snapshot: Snapshot,
    writes: &Writes,
    plan: &Plan,
    table: &Table,
) -> Result<super::view::View, ConnectorError> {
    let places = key_places(&snapshot.view.columns, &plan.key, table)?;
    let mut view = super::view::View { rows: HashMap::new(), keys: Vec::new(), ..snapshot.view.clone() };
    for (row, mut cells) in snapshot.view.keys {
        if let Some(write) = writes.get(&row) {
            for (place, cell) in places.iter().zip(&mut cells) {
                if let Some(new) = write.values.get(place) {
                    *cell = new.clone();
                }
            }
        }
        view.add(row, cells);
    }
    Ok(view)
}
