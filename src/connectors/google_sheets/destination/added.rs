//! Looks at rows that were added: whether they are in the table's columns, and right below its last key.

use serde_json::json;

use crate::connector::ConnectorError;
use crate::model::ObjectName;

use super::{
    super::{a1::Area, cell::Cell, client::Render, table::Table},
    Known, SheetsDestination,
    insert::{Landed, NewRow},
    moves::{is_in_place, moves},
    plan::Plan,
    prepare::Prepared,
    view::View,
};

impl SheetsDestination {
    /// Sees to it that rows that were added are in the table's columns, and returns the keys as they are then.
    pub(super) async fn confirm(
        &self,
        known: &mut Known,
        (object, plan): (&ObjectName, &Plan),
        mut before: View,
        landed: Landed,
        rows: &[NewRow],
    ) -> Result<View, ConnectorError> {
        let table = known.table()?;
        let headings = match landed.headings.clone() {
            Some(headings) if before.is_same_header(&headings, &table) => None,
            Some(headings) => Some(headings),
            None => self.misfit(&table, &before, &landed, rows).await?,
        };
        if headings.is_none() {
            let is_below = before.add_rows(landed.row, rows, plan, &table);
            return if is_below {
                self.close_gap(&table, plan, landed.row, rows.len(), before).await
            } else {
                Ok(before)
            };
        }
        self.put_in_columns(known, (object, plan), &before, (landed.row, rows)).await
    }

    /// Reads the header and the rows that were added; returns the header where not all is as it was meant. The header alone does not
    /// tell: somebody may have moved a column and moved it back.
    async fn misfit(
        &self,
        table: &Table,
        before: &View,
        landed: &Landed,
        rows: &[NewRow],
    ) -> Result<Option<Vec<Cell>>, ConnectorError> {
        let (first, last) = before.span();
        let area = Area::of((landed.row, landed.row + rows.len() - 1), (first, last));
        let ranges = [table.place.header(), area.on(&table.place.title)];
        let mut read = self.client.values(&ranges, Render::Values).await?.into_iter();
        let headings = read.next().map(|header| header.values.row(0)).unwrap_or_default();
        let added = read.next().map(|range| range.values).unwrap_or_default();
        let holds = |offset: usize, name: &str, cell: &Cell| {
            let place = before.place(name).map(|place| place - first);
            place.map(|place| added.cell(offset, place)).unwrap_or_default() == *cell
        };
        let are_there = rows
            .iter()
            .enumerate()
            .all(|(offset, (_, record))| record.cells.iter().all(|(name, cell)| holds(offset, name, cell)));
        let is_there = before.is_same_header(&headings, table) && are_there && landed.column == first;
        Ok((!is_there).then_some(headings))
    }

    /// Moves rows that an append put below notes up to the last row that has a key.
    async fn close_gap(
        &self,
        table: &Table,
        plan: &Plan,
        first: usize,
        count: usize,
        now: View,
    ) -> Result<View, ConnectorError> {
        let wanted = now.keys.rows().iter().map(|row| row + 1).filter(|row| *row <= first).max();
        let wanted = wanted.unwrap_or(table.place.header_row + 1);
        if first <= wanted || plan.key.is_empty() {
            return Ok(now);
        }
        let rows = json!({ "sheetId": table.place.sheet_id, "dimension": "ROWS", "startIndex": first, "endIndex": first + count });
        self.client.change(&[json!({ "moveDimension": { "source": rows, "destinationIndex": wanted } })]).await?;
        View::read(&self.client, table, &plan.key).await
    }
}

impl View {
    /// Tells whether every column that has a name is where it was.
    pub(super) fn is_same_header(&self, headings: &[Cell], table: &Table) -> bool {
        let moves = moves(&self.headings, headings);
        let first = table.place.span.0;
        self.columns.iter().all(|column| is_in_place(&self.headings, headings, &moves, column.place - first))
    }

    /// Adds rows that were written; tells whether they are below all others.
    fn add_rows(&mut self, first: usize, rows: &[NewRow], plan: &Plan, table: &Table) -> bool {
        let columns: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let key = if plan.key.is_empty() { &columns } else { &plan.key };
        let cell = |record: &Prepared, name: &String| record.cell(name).cloned().unwrap_or_default();
        let added = rows.iter().enumerate().map(|(offset, (_, record))| {
            (first + offset, key.iter().map(|name| cell(record, name)).collect::<Vec<Cell>>())
        });
        if first > self.last_row {
            added.for_each(|(row, cells)| self.add(row, &cells));
            return true;
        }
        // Rows in the middle move those below.
        let mut view = std::mem::take(self);
        let keys = std::mem::take(&mut view.keys);
        let count_above = keys.rows().partition_point(|row| *row < first);
        let moved = keys.iter().skip(count_above).map(|(row, cells)| (row + rows.len(), cells));
        *self = view.with_keys(keys.iter().take(count_above).chain(added).chain(moved), table.place.header_row);
        false
    }
}
