//! Changes rows, each found by its key; only cells that differ are written, all others are left alone.
//!
//! How what landed elsewhere is put right is in `settle`.

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{BatchRecord, ObjectName, Outcome, Rejection};

use super::{
    super::{cell::Cell, table::Table},
    Known, Plan, SheetsDestination,
    prepare::{Outcomes, Prepared},
    rules::{check_key, check_shared},
    settle::Settling,
    snapshot::Snapshot,
    view::{View, key_places, key_text},
    writes::RowWrite,
};

/// What is to become of the row of a record.
#[derive(Debug)]
pub(super) struct Change {
    place: usize,
    /// The key that the row has now.
    key: String,
    /// The key that it will have.
    pub(super) new_key: String,
    values: Vec<(String, Cell)>,
    /// What became of the record, once that is known.
    pub(super) outcome: Option<Outcome>,
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
        let settling = Settling { snapshot, changes: &mut changes, is_written: false };
        let view = self.settle(known, &mut table, (object, plan), settling).await?;
        known.view = Some(view);
        Ok(outcomes(changes))
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

impl Change {
    /// Returns the row of the change; what became of the record where there is none.
    pub(super) fn row(&self, view: &View) -> Result<usize, Outcome> {
        // After a first write, a row may have its new key already.
        only_row(&self.key, view).or_else(|outcome| only_row(&self.new_key, view).map_err(|_| outcome))
    }
}

/// Returns the cells of a row that differ from what they should be.
pub(super) fn row_write(
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
        let is_wrong = snapshot.corrections().contains_key(&(row, place));
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
