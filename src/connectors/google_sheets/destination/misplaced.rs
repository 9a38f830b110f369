//! Puts rows right that were added when somebody moved the columns: their values are in the columns as they were.

use std::collections::HashMap;

use crate::connector::ConnectorError;
use crate::model::ObjectName;

use super::{
    super::{cell::Cell, table::Table},
    Known, Plan, SheetsDestination,
    insert::{Landed, NewRow},
    moves::moves,
    snapshot::Snapshot,
    view::{View, key_places},
};

/// Where the values of a record were written, and where they belong now.
struct Columns {
    /// By field: where it was written, and where it belongs; none where its column is gone.
    fields: Vec<(String, usize, Option<usize>)>,
    /// As `fields`, of the pipeline's formulas.
    formulas: Vec<(usize, Option<usize>)>,
}

impl SheetsDestination {
    /// Finds rows that were added, and moves their values to where the columns are now. What the record does not have is left
    /// alone. Says which column is gone, once nothing is in a wrong one.
    pub(super) async fn put_in_columns(
        &self,
        known: &mut Known,
        (object, plan): (&ObjectName, &Plan),
        before: &View,
        landed: &Landed,
        rows: &[NewRow],
    ) -> Result<View, ConnectorError> {
        let mut table = known.table()?;
        self.find_again(known, &mut table, object).await?;
        let mut now = Snapshot::read(&self.client, &table, |_, columns| {
            // A key whose column is gone has no place, and the rows are known by what they hold.
            let place = |name: &String| key_places(columns, std::slice::from_ref(name), &table);
            Ok(plan.key.iter().map(|name| place(name).map_or(usize::MAX, |places| places[0])).collect())
        })
        .await?;
        let columns = Columns::new(before, &now, landed, rows, plan);
        let moved = columns.correct(&mut now, landed, rows, plan, &table);
        if moved > 0 {
            tracing::warn!(object = %table.place.title, rows = moved, "somebody moved columns while rows were added: their cells are moved too");
        }
        self.settle(known, &mut table, (object, plan), now.with_correct_keys(), &mut [], true).await
    }
}

impl Columns {
    fn new(before: &View, now: &Snapshot, landed: &Landed, rows: &[NewRow], plan: &Plan) -> Self {
        let first = before.span().0;
        // Columns may have moved once more between the write and this read.
        let headings = landed.headings.as_deref().unwrap_or_default();
        let (moves, start) = (moves(headings, &now.view.headings), now.first_column());
        let written = |name: &str| {
            let place = before.place(name)? - first + landed.column;
            place
                .checked_sub(start)
                .and_then(|offset| moves.get(offset).copied())
                .unwrap_or(Some(place.saturating_sub(start)))
                .map(|offset| offset + start)
        };
        let names =
            rows.first().map(|(_, record)| record.cells.iter().map(|(name, _)| name.clone())).into_iter().flatten();
        let fields = names.filter_map(|name| Some((written(&name)?, name)));
        let fields = fields
            .map(|(place, name)| {
                let now = now.view.place(&name);
                (name, place, now)
            })
            .collect();
        let formulas = plan
            .formulas
            .iter()
            .filter_map(|formula| Some((written(&formula.column)?, now.view.place(&formula.column))));
        Self { fields, formulas: formulas.collect() }
    }

    /// Notes what the cells of the rows should hold; returns how many rows were in wrong columns.
    fn correct(&self, now: &mut Snapshot, landed: &Landed, rows: &[NewRow], plan: &Plan, table: &Table) -> usize {
        let by_content = self.by_content(now);
        let mut moved = 0;
        for (offset, (_, record)) in rows.iter().enumerate() {
            let texts: Vec<String> =
                self.fields.iter().map(|(name, ..)| record.cell(name).map(Cell::seen).unwrap_or_default()).collect();
            if texts.iter().all(String::is_empty) {
                continue;
            }
            let found = by_content.get(&texts).map(Vec::as_slice).unwrap_or_default();
            let is_hint = found.contains(&(landed.row + offset));
            let Some(row) = (if is_hint { Some(landed.row + offset) } else { found.first().copied() }) else {
                continue;
            };
            moved += 1;
            let olds = self.fields.iter().map(|(_, old, _)| *old).chain(self.formulas.iter().map(|(old, _)| *old));
            for old in olds {
                now.correct((row, old), Cell::Empty, false);
            }
            for (name, _, new) in &self.fields {
                let cell = record.cell(name).cloned().unwrap_or_default();
                if let Some(new) = new {
                    now.correct((row, *new), cell, false);
                }
            }
            for ((_, new), formula) in self.formulas.iter().zip(&plan.formulas) {
                if let Some(new) = new
                    && let Ok(text) = formula.text(row, &now.view, table)
                {
                    now.correct((row, *new), Cell::text(text), true);
                }
            }
        }
        moved
    }

    /// Returns the rows by what they hold where the values were written.
    fn by_content(&self, now: &Snapshot) -> HashMap<Vec<String>, Vec<usize>> {
        let is_moved = self.fields.iter().any(|(_, old, new)| *new != Some(*old));
        let mut rows: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
        for row in now.rows().filter(|_| is_moved) {
            let texts = self.fields.iter().map(|(_, old, _)| now.cell(row, *old).seen()).collect();
            rows.entry(texts).or_default().push(row);
        }
        rows
    }
}
