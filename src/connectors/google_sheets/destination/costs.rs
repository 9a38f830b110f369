//! What writes take. A write costs the same whatever it carries; what is read with it depends on what is known of the tab by then.

use std::{collections::HashMap, sync::PoisonError};

use async_trait::async_trait;

use crate::connector::{BulkBatch, CallCost, ConnectorError, WriteCosts};
use crate::model::{Batch, ObjectName, Operation};

use super::{
    super::{
        blocks::Blocks,
        limits::{DRIVE, HELD_BLOCK, READ, WRITE},
        table::Table,
    },
    Known, SheetsDestination,
    foreseen::Foreseen,
    plan::Plan,
    structure::missing_columns,
};

#[async_trait]
impl WriteCosts for SheetsDestination {
    async fn cost_of(&self, batch: &Batch) -> Result<Vec<CallCost>, ConnectorError> {
        self.foresee(&batch.object, &batch.operation).await
    }

    async fn cost_of_bulk(&self, batch: &BulkBatch<'_>) -> Result<Vec<CallCost>, ConnectorError> {
        self.foresee(batch.object, batch.operation).await
    }

    fn cost_of_replace(&self, object: &ObjectName) -> Vec<CallCost> {
        let plan = self.plan_of(object);
        let Ok(objects) = self.objects.try_lock() else { return Vec::new() };
        let known = objects.get(object);
        let mut calls = ready(known, &plan);
        calls.extend(snapshot(known.and_then(|known| known.table.as_ref())));
        calls.push(CallCost::writes(1, WRITE));
        calls
    }
}

impl SheetsDestination {
    async fn foresee(&self, object: &ObjectName, operation: &Operation) -> Result<Vec<CallCost>, ConnectorError> {
        let plan = self.plan_of(object);
        let mut objects = self.objects.lock().await;
        let known = self.known(&mut objects, object).await?;
        if known.new_version.is_some() {
            return Ok(Vec::new());
        }
        let mut foreseen = self.foreseen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(foresee(known, &plan, operation, of_object(&mut foreseen, object)))
    }
}

fn of_object<'map>(foreseen: &'map mut HashMap<ObjectName, Foreseen>, object: &ObjectName) -> &'map mut Foreseen {
    foreseen.entry(object.clone()).or_default()
}

fn foresee(known: &Known, plan: &Plan, operation: &Operation, foreseen: &mut Foreseen) -> Vec<CallCost> {
    let mut calls = Vec::new();
    if !foreseen.is_ready {
        let made = ready(Some(known), plan);
        // Where columns are added, the rows are looked at anew.
        foreseen.has_view = known.view.is_some() && made.is_empty();
        foreseen.is_ready = true;
        calls.extend(made);
    }
    match operation {
        Operation::Insert => {
            if !foreseen.has_view {
                calls.push(CallCost::reads(1, READ));
            }
            calls.push(CallCost::writes(1, WRITE));
            if plan.formulas.is_empty() && is_compact(known) {
                // An append does not tell the header: it is read after it.
                calls.push(CallCost::reads(1, READ));
            }
        }
        // Rows that hold all of it already are not written; that is known only once they are read.
        Operation::Update => {
            calls.extend(snapshot(known.table.as_ref()));
            let formulas = u64::from(plan.formulas.iter().any(|formula| formula.is_rewritten));
            calls.push(CallCost::writes(1 + formulas, WRITE));
        }
        Operation::Delete => {
            calls.extend(snapshot(known.table.as_ref()));
            calls.push(CallCost::writes(1, WRITE));
        }
        Operation::Upsert { .. } | Operation::Link => {}
    }
    foreseen.has_view = true;
    calls
}

/// Returns what it takes that tab and columns are there.
fn ready(known: Option<&Known>, plan: &Plan) -> Vec<CallCost> {
    let table = known.and_then(|known| known.table.as_ref());
    let is_ready =
        known.is_some_and(|known| known.is_ready) || (table.is_some() && missing_columns(table, plan).is_empty());
    if is_ready { Vec::new() } else { vec![CallCost::writes(1, WRITE)] }
}

/// Tells whether rows are appended, as far as it is known where the rows are.
fn is_compact(known: &Known) -> bool {
    let header_row = known.table.as_ref().map(|table| table.place.header_row).unwrap_or_default();
    known.view.as_ref().is_none_or(|view| view.is_compact(header_row))
}

/// Returns the calls of reading a table whole: twice where it holds formulas; with the file's version before and after where it
/// takes several calls.
fn snapshot(table: Option<&Table>) -> Vec<CallCost> {
    let Some(table) = table else { return vec![CallCost::reads(1, READ)] };
    let has_formulas = table.columns.iter().any(|column| column.is_formula);
    let versions = if Blocks::new(table, HELD_BLOCK).are_several() { 2 } else { 0 };
    vec![CallCost::reads(1 + u64::from(has_formulas), READ), CallCost::reads(versions, DRIVE)]
}
