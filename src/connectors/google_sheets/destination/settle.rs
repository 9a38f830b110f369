//! Writes changes until everything is where it belongs.
//!
//! The header and the rows are part of what is written and come back as they are then: so one call tells whether each row and each
//! column was still the one that was meant. What hit another one is noted (`strays`) and put right in the next call, together
//! with what is still to be changed; and as a person may move rows again meanwhile, the table is read once more after that.

use std::collections::HashSet;

use crate::connector::ConnectorError;
use crate::model::{ObjectName, Outcome};

use super::{
    super::{
        cell::Cell,
        errors::{OUTSIDE_GRID, after_write},
        limits::MAX_REPAIRS,
        table::Table,
    },
    Known, SheetsDestination,
    change::{Change, row_write},
    keys::key_text,
    miss::{Miss, Writes},
    moves::moves,
    plan::Plan,
    rules::always_moving,
    snapshot::{Correction, Snapshot},
    strays::put_right,
    view::View,
    writes::without_empty,
};

/// What a table is settled from.
pub(super) struct Settling<'changes> {
    pub(super) snapshot: Snapshot,
    pub(super) changes: &'changes mut [Change],
    /// Whether something was written already.
    pub(super) is_written: bool,
}

impl SheetsDestination {
    /// Writes changes, and what is to be put right, until everything is where it belongs. Returns the keys as they are then.
    pub(super) async fn settle(
        &self,
        known: &mut Known,
        table: &mut Table,
        (object, plan): (&ObjectName, &Plan),
        Settling { mut snapshot, changes, mut is_written }: Settling<'_>,
    ) -> Result<View, ConnectorError> {
        let mut is_repair = is_written;
        for attempt in 0..2 * MAX_REPAIRS {
            let told = |error| if is_written { after_write(error) } else { error };
            // After enough tries, what was overwritten is put back, and nothing else is written.
            let is_last = attempt >= MAX_REPAIRS;
            let writes = if is_last {
                restored(&snapshot)
            } else {
                rows_to_write(changes, plan, &snapshot, table).map_err(told)?
            };
            if writes.is_empty() {
                plan.check_columns(&snapshot, table).map_err(told)?;
                if is_last && changes.iter().any(|change| change.outcome.is_none()) {
                    break;
                }
                changes.iter_mut().for_each(Change::done);
                return Ok(snapshot.view);
            }
            let needed = needed(plan, &snapshot, &writes);
            let missed = match self.write(table, &mut snapshot, &needed, (&writes, is_repair)).await {
                Ok(None) => {
                    plan.check_columns(&snapshot, table).map_err(after_write)?;
                    note_landed(changes, &snapshot, changed(&writes));
                    if !is_repair {
                        changes.iter_mut().for_each(Change::done);
                        return Ok(with_new_keys(snapshot));
                    }
                    is_written = true;
                    None
                }
                Ok(Some(miss)) => {
                    (is_written, is_repair) = (true, true);
                    let landed = miss.landed(&snapshot);
                    let is_whole = |row: &usize| {
                        miss.sent.get(row).is_some_and(|sent| sent.formulas.len() == writes[row].formulas.len())
                    };
                    note_landed(
                        changes,
                        &snapshot,
                        changed(&writes).filter(|row| landed.contains(row) && is_whole(row)),
                    );
                    Some(miss)
                }
                Err((was_written, error)) if error.code == OUTSIDE_GRID => {
                    is_written |= was_written;
                    None
                }
                Err((was_written, error)) => {
                    return Err(if was_written || is_written { after_write(error) } else { error });
                }
            };
            let told = |error| if is_written { after_write(error) } else { error };
            let mut now = self.read_again(known, table, object, &snapshot).await.map_err(told)?;
            let unknown = put_right(&snapshot, missed.as_ref(), &mut now, table);
            tell(unknown, missed.as_ref(), table);
            snapshot = now.with_correct_keys();
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
        Snapshot::read(&self.client, table, |headings, _| {
            let moves = moves(&before.view.headings, headings);
            let place = |place: &usize| {
                let offset = place.checked_sub(first).and_then(|offset| moves.get(offset).copied().flatten());
                offset.map_or(usize::MAX, |offset| offset + first_now)
            };
            Ok(before.key_places().iter().map(place).collect())
        })
        .await
    }
}

/// Returns the rows that are written for a change, not only to put something right.
fn changed(writes: &Writes) -> impl Iterator<Item = usize> {
    writes.iter().filter(|(_, write)| write.is_change).map(|(row, _)| *row)
}

/// Notes the changes whose rows were written.
fn note_landed(changes: &mut [Change], snapshot: &Snapshot, rows: impl Iterator<Item = usize>) {
    let rows: HashSet<usize> = rows.collect();
    for change in changes.iter_mut().filter(|change| change.outcome.is_none()) {
        if change.row(&snapshot.view).is_ok_and(|row| rows.contains(&row)) {
            change.done();
        }
    }
}

impl Change {
    fn done(&mut self) {
        self.outcome.get_or_insert_with(|| Outcome::Updated { id: self.new_key.clone() });
    }
}

/// Says what was overwritten and what of it cannot be told.
fn tell(unknown: usize, miss: Option<&Miss>, table: &Table) {
    let object = &table.place.title;
    if let Some(miss) = miss {
        let rows = miss.sent.len();
        tracing::warn!(%object, rows, "somebody moved rows or columns while they were written: they are put right");
    }
    if unknown > 0 {
        tracing::warn!(%object, cells = unknown, "cells of rows or columns that somebody added at that moment were overwritten, and are left blank");
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
        let row = match change.row(&snapshot.view) {
            Ok(row) => row,
            Err(outcome) => {
                change.outcome = Some(outcome);
                continue;
            }
        };
        if writes.get(&row).is_some_and(|write| write.changes_key) {
            // Its key is put back first.
            continue;
        }
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
                merged.is_change = true;
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
    let key_rows: HashSet<usize> =
        snapshot.corrections().keys().filter(|(_, place)| keys.contains(place)).map(|(row, _)| *row).collect();
    for ((row, place), Correction { cell, is_formula }) in snapshot.corrections() {
        // A key is written alone first: what else the row holds tells that it is the one.
        if key_rows.contains(row) && !keys.contains(place) {
            continue;
        }
        let write = writes.entry(*row).or_default();
        if *is_formula { &mut write.formulas } else { &mut write.values }.insert(*place, cell.clone());
        write.changes_key |= keys.contains(place);
    }
    for (row, write) in &mut writes {
        write.new_key = if write.changes_key {
            key_text(&keys.iter().map(|place| snapshot.cell(*row, *place)).collect::<Vec<_>>())
        } else {
            snapshot.key_of(*row)
        };
    }
    writes
}

/// Returns the columns that must be where the snapshot has them: those that are written, those of the key, and those that the
/// pipeline's formulas speak of.
fn needed(plan: &Plan, snapshot: &Snapshot, writes: &Writes) -> Vec<usize> {
    let written = writes.values().flat_map(|write| write.values.keys().chain(write.formulas.keys())).copied();
    let of_formulas = plan.formulas.iter().filter(|formula| formula.is_rewritten);
    let of_formulas =
        of_formulas.flat_map(|formula| formula.template.columns()).filter_map(|name| snapshot.view.place(name));
    let mut needed: Vec<usize> = written.chain(snapshot.key_places().iter().copied()).chain(of_formulas).collect();
    needed.sort_unstable();
    needed.dedup();
    needed.retain(|place| *place != usize::MAX);
    needed
}

/// Returns the view as the writes left it.
fn with_new_keys(mut snapshot: Snapshot) -> View {
    let mut view = std::mem::take(&mut snapshot.view);
    let keys = std::mem::take(&mut view.keys);
    let now = keys.iter().map(|(row, cells)| {
        let now = |(place, shown): (&usize, Cell)| {
            if snapshot.holds_formula(row, *place) { shown } else { snapshot.held(row, *place) }
        };
        (row, snapshot.key_places().iter().zip(cells).map(now).collect())
    });
    view.with_keys(now, snapshot.rows().start)
}
