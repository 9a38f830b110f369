//! Changes rows, each found by its key; only cells that differ are written, all others are left alone.
//!
//! How what landed elsewhere is put right is in `settle`.

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{BatchRecord, ObjectName, Outcome, Rejection};

use super::{
    super::cell::Cell,
    Known, SheetsDestination,
    change::Change,
    keys::key_text,
    own_rows::find_own_rows,
    plan::Plan,
    prepare::{Outcomes, Prepared},
    rules::{check_key, check_shared},
    settle::Settling,
    snapshot::Snapshot,
    view::key_places,
};

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
        if plan.only_adds {
            find_own_rows(&mut changes, &snapshot);
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
    Ok(Change { place: record.place, key, has_key, new_key, values: record.cells.clone(), outcome })
}
