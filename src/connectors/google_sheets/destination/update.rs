//! Changes rows, each found by its key; only cells that differ are written, all others are left alone.
//!
//! The header and the row's key are part of what is written, left alone too, and come back as they are then: so one call tells
//! whether each row and each column was still the one that was meant. What hit another one is put right by what stood there
//! before (`put_right`), and the values are written to where they belong now.

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{BatchRecord, ObjectName, Outcome, Rejection};

use super::{
    super::{
        cell::Cell,
        errors::{OUTSIDE_GRID, after_write},
        header::Named,
        limits::MAX_REPAIRS,
        table::Table,
    },
    Known, Plan, SheetsDestination,
    moves::moves,
    prepare::{Outcomes, Prepared},
    put_right::{Unknown, carry, put_right},
    snapshot::Snapshot,
    view::{View, key_places, key_text},
    writes::{Miss, RowWrite, Writes, without_empty},
};

/// What is to become of the row of a record.
#[derive(Debug)]
pub(super) struct Change {
    place: usize,
    /// The key that the row has now.
    key: String,
    /// The key that it will have.
    new_key: String,
    values: Vec<(String, Cell)>,
    /// What became of the record, where it is not changed.
    outcome: Option<Outcome>,
}

impl SheetsDestination {
    pub(super) async fn update(
        &self,
        known: &mut Known,
        (object, plan): (&ObjectName, &Plan),
        batch: &[BatchRecord],
        records: Vec<Prepared>,
    ) -> Result<Outcomes, ConnectorError> {
        check_key(plan, "changed")?;
        let mut table = known.table()?;
        let snapshot =
            Snapshot::read(&self.client, &table, |_, columns| key_places(columns, &plan.key, &table)).await?;
        check_shared(&table, &snapshot.view.columns, plan)?;
        let mut changes = Vec::with_capacity(records.len());
        for record in &records {
            changes.push(change(record, &batch[record.place], plan)?);
        }
        let view = self.settle(known, &mut table, (object, plan), snapshot, &mut changes, false).await?;
        known.view = Some(view);
        Ok(outcomes(changes))
    }

    /// Writes changes, and what is to be put right, until everything is where it belongs. Returns the keys as they are then.
    pub(super) async fn settle(
        &self,
        known: &mut Known,
        table: &mut Table,
        (object, plan): (&ObjectName, &Plan),
        mut snapshot: Snapshot,
        changes: &mut [Change],
        mut is_written: bool,
    ) -> Result<View, ConnectorError> {
        for attempt in 0..2 * MAX_REPAIRS {
            let told = |error| if is_written { after_write(error) } else { error };
            let writes = if attempt < MAX_REPAIRS {
                rows_to_write(changes, plan, &snapshot, table).map_err(told)?
            } else {
                // Enough: what was overwritten is put back, and nothing else is written.
                restored(&snapshot)
            };
            if writes.is_empty() {
                plan.check_columns(&snapshot, table).map_err(told)?;
                if attempt >= MAX_REPAIRS {
                    break;
                }
                return Ok(snapshot.view);
            }
            let keys = snapshot.key_places();
            let needed = needed(plan, &snapshot, &writes);
            match self.write(table, &snapshot, (&needed, &keys), &writes).await {
                Ok(None) if attempt >= MAX_REPAIRS => break,
                Ok(None) => {
                    plan.check_columns(&snapshot, table).map_err(after_write)?;
                    return Ok(with_new_keys(snapshot, &writes));
                }
                Ok(Some(miss)) => {
                    is_written = true;
                    let mut now = self.read_again(known, table, object, &snapshot).await.map_err(after_write)?;
                    tell(put_right(&snapshot, &miss, &mut now, &keys, table), &miss, table);
                    snapshot = now.with_correct_keys();
                }
                Err((was_written, error)) if error.code == OUTSIDE_GRID => {
                    is_written |= was_written;
                    let read = self.read_again(known, table, object, &snapshot).await;
                    snapshot = if is_written { read.map_err(after_write)? } else { read? };
                }
                Err((was_written, error)) => {
                    return Err(if was_written || is_written { after_write(error) } else { error });
                }
            }
        }
        Err(always_moving(table))
    }

    /// Reads a table again whose rows or columns somebody moved. The columns of the key are those that they were, whatever their
    /// headings are now.
    pub(super) async fn read_again(
        &self,
        known: &mut Known,
        table: &mut Table,
        object: &ObjectName,
        before: &Snapshot,
    ) -> Result<Snapshot, ConnectorError> {
        self.find_again(known, table, object).await?;
        let (first, first_now) = (before.first_column(), table.place.span.0);
        let mut now = Snapshot::read(&self.client, table, |headings, _| {
            let moves = moves(&before.view.headings, headings);
            let place = |place: &usize| {
                let offset = place.checked_sub(first).and_then(|offset| moves.get(offset).copied().flatten());
                offset.map_or(usize::MAX, |offset| offset + first_now)
            };
            Ok(before.key_places().iter().map(place).collect())
        })
        .await?;
        carry(before, &mut now, table);
        Ok(now.with_correct_keys())
    }
}

/// Refuses what needs a key where there is none.
pub(super) fn check_key(plan: &Plan, what: &str) -> Result<(), ConnectorError> {
    if !plan.key.is_empty() {
        return Ok(());
    }
    let message = format!("rows without a key cannot be {what}");
    Err(ConnectorError::new(ErrorKind::NotFound, "no_key", message).with_hint("give the destination a `key`"))
}

/// Says that the sheet does not stand still.
pub(super) fn always_moving(table: &Table) -> ConnectorError {
    let message = format!("somebody moves the rows or columns of `{}` all the time", table.place.title);
    ConnectorError::new(ErrorKind::Unanswered, "sheet_changes", message)
        .with_hint("run it again when nobody works in the sheet")
}

/// Says what was overwritten and what of it cannot be told.
fn tell(unknown: Unknown, miss: &Miss, table: &Table) {
    let (object, rows) = (&table.place.title, miss.sent.len());
    tracing::warn!(%object, rows, "somebody moved rows or columns while they were written: they are put right");
    if unknown.cells > 0 {
        let cells = unknown.cells;
        tracing::warn!(%object, cells, "cells of rows or columns that somebody added at that moment were overwritten, and are left blank");
    }
}

fn outcomes(changes: Vec<Change>) -> Outcomes {
    let outcome = |change: Change| (change.place, change.outcome.unwrap_or(Outcome::Updated { id: change.new_key }));
    changes.into_iter().map(outcome).collect()
}

/// Returns what is to be changed for a record.
fn change(record: &Prepared, of_batch: &BatchRecord, plan: &Plan) -> Result<Change, ConnectorError> {
    let Some(key) = of_batch.destination_id.clone() else {
        return Err(ConnectorError::new(ErrorKind::Unexpected, "no_id", "a record to change has no id"));
    };
    let cells: Vec<Cell> = plan.key.iter().map(|name| record.cell(name).cloned().unwrap_or_default()).collect();
    let has_key = plan.key.iter().all(|name| record.cell(name).is_some());
    let new_key = if has_key { key_text(&cells) } else { Some(key.clone()) };
    let outcome = new_key.is_none().then(|| {
        let reason = "a key column would get no value, and the row could not be found again";
        Outcome::Rejected(Rejection::new("empty_key", reason))
    });
    let new_key = new_key.unwrap_or_else(|| key.clone());
    Ok(Change { place: record.place, key, new_key, values: record.cells.clone(), outcome })
}

/// Returns the one row with a key.
fn only_row(key: &str, view: &View) -> Result<usize, Outcome> {
    match view.rows.get(key).map(Vec::as_slice) {
        None | Some([]) => Err(Outcome::Missing),
        Some([row]) => Ok(*row),
        Some(rows) => {
            let rows: Vec<String> = rows.iter().map(|row| (row + 1).to_string()).collect();
            let reason = format!("{} rows have this key: rows {}", rows.len(), rows.join(", "));
            Err(Outcome::Held(Rejection::new("ambiguous_key", reason)))
        }
    }
}

/// Finds the rows of changes as the snapshot has them, and the cells that differ; with them what is to be put right. Where a
/// column is gone that the pipeline writes, things are put right alone.
fn rows_to_write(
    changes: &mut [Change],
    plan: &Plan,
    snapshot: &Snapshot,
    table: &Table,
) -> Result<Writes, ConnectorError> {
    let mut writes = restored(snapshot);
    if !writes.is_empty() && plan.check_columns(snapshot, table).is_err() {
        return Ok(writes);
    }
    for change in changes.iter_mut().filter(|change| change.outcome.is_none()) {
        // After a first write, a row may have its new key already.
        let row = only_row(&change.key, &snapshot.view)
            .or_else(|outcome| only_row(&change.new_key, &snapshot.view).map_err(|_| outcome));
        let row = match row {
            Ok(row) => row,
            Err(outcome) => {
                change.outcome = Some(outcome);
                continue;
            }
        };
        match row_write(change, row, plan, snapshot, table)? {
            Ok(write) => {
                let merged = writes.entry(row).or_default();
                for place in write.values.keys() {
                    merged.formulas.remove(place);
                }
                merged.values.extend(write.values);
                merged.formulas.extend(write.formulas);
                merged.new_key = write.new_key;
                merged.changes_key |= write.changes_key;
            }
            Err(rejection) => change.outcome = Some(Outcome::Rejected(rejection)),
        }
    }
    Ok(without_empty(writes))
}

/// Returns what is to be put right.
fn restored(snapshot: &Snapshot) -> Writes {
    let keys = snapshot.key_places();
    let mut writes = Writes::new();
    for (row, place) in snapshot.wrong() {
        let write = writes.entry(*row).or_default();
        let cell = snapshot.cell(*row, *place).clone();
        if snapshot.has_formula(*row, *place) { &mut write.formulas } else { &mut write.values }.insert(*place, cell);
        write.changes_key |= keys.contains(place);
    }
    for (row, write) in &mut writes {
        write.new_key = if write.changes_key {
            key_text(&keys.iter().map(|place| snapshot.cell(*row, *place).clone()).collect::<Vec<_>>())
        } else {
            snapshot.key_of(*row)
        };
    }
    writes
}

/// Returns the cells of a row that differ from what they should be.
fn row_write(
    change: &Change,
    row: usize,
    plan: &Plan,
    snapshot: &Snapshot,
    table: &Table,
) -> Result<Result<RowWrite, Rejection>, ConnectorError> {
    let changes_key = snapshot.key_of(row).as_deref() != Some(change.new_key.as_str());
    let mut write = RowWrite { new_key: Some(change.new_key.clone()), changes_key, ..RowWrite::default() };
    for (name, cell) in &change.values {
        let place = snapshot.view.place(name).ok_or_else(|| table.gone_column(name, &snapshot.view.headings))?;
        // A key that people see as the same is left as they wrote it.
        if !changes_key && plan.key.contains(name) {
            continue;
        }
        let is_wrong = snapshot.wrong().contains(&(row, place));
        if snapshot.has_formula(row, place) && !is_wrong {
            let at = table.place.cell(row, place);
            let reason = format!("cell {at} holds a formula of the sheet's own, which is not overwritten");
            return Ok(Err(Rejection::new("computed", reason).at(name.as_str(), "")));
        }
        if is_wrong || snapshot.cell(row, place) != cell {
            write.values.insert(place, cell.clone());
        }
    }
    for formula in plan.formulas.iter().filter(|formula| formula.is_rewritten) {
        let place = snapshot.view.place(&formula.column);
        let place = place.ok_or_else(|| table.gone_column(&formula.column, &snapshot.view.headings))?;
        let text = Cell::text(formula.text(row, &snapshot.view, table)?);
        if snapshot.cell(row, place) != &text {
            write.formulas.insert(place, text);
        }
    }
    Ok(Ok(write))
}

/// Returns the columns that must be where the snapshot has them: those that are written, those of the key, and those that the
/// pipeline's formulas speak of.
fn needed(plan: &Plan, snapshot: &Snapshot, writes: &Writes) -> Vec<usize> {
    let written = writes.values().flat_map(|write| write.values.keys().chain(write.formulas.keys())).copied();
    let of_formulas = plan.formulas.iter().filter(|formula| formula.is_rewritten);
    let of_formulas =
        of_formulas.flat_map(|formula| formula.template.columns()).filter_map(|name| snapshot.view.place(name));
    let mut needed: Vec<usize> = written.chain(snapshot.key_places()).chain(of_formulas).collect();
    needed.sort_unstable();
    needed.dedup();
    needed.retain(|place| *place != usize::MAX);
    needed
}

/// Refuses to write to a column that shares its heading with others and is not where it was described: its letter is its name.
pub(super) fn check_shared(table: &Table, columns: &[Named], plan: &Plan) -> Result<(), ConnectorError> {
    let written = plan.fields.iter().map(|field| field.name.as_str()).chain(plan.key.iter().map(String::as_str));
    for name in written {
        let Ok(column) = table.column(name) else { continue };
        let Some(heading) = &column.shared_heading else { continue };
        let places = |columns: &[(usize, Option<&String>)]| -> Vec<usize> {
            columns.iter().filter(|(_, shared)| *shared == Some(heading)).map(|(place, _)| *place).collect()
        };
        let then: Vec<_> = table.columns.iter().map(|column| (column.place, column.shared_heading.as_ref())).collect();
        let now: Vec<_> = columns.iter().map(|column| (column.place, column.shared_heading.as_ref())).collect();
        if places(&then) != places(&now) {
            let message = format!(
                "the columns `{heading}` of `{}` are not where they were, and go by their letters: each needs a heading of its own",
                table.place.title
            );
            return Err(ConnectorError::new(ErrorKind::NotFound, "columns_moved", message));
        }
    }
    Ok(())
}

impl Plan {
    /// Says which column is gone that the pipeline writes.
    pub(super) fn check_columns(&self, snapshot: &Snapshot, table: &Table) -> Result<(), ConnectorError> {
        let fields = self.fields.iter().map(|field| field.name.as_str()).chain(self.key.iter().map(String::as_str));
        let formulas = self.formulas.iter().map(|formula| formula.column.as_str());
        match fields.chain(formulas).find(|name| snapshot.view.place(name).is_none()) {
            None => Ok(()),
            Some(name) => Err(table.gone_column(name, &snapshot.view.headings)),
        }
    }
}

/// Returns the view as the writes left it.
fn with_new_keys(snapshot: Snapshot, writes: &Writes) -> View {
    let places = snapshot.key_places();
    let mut view = View { rows: std::collections::HashMap::new(), keys: Vec::new(), ..snapshot.view.clone() };
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
    view
}
