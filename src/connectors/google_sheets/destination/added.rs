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
            let is_below = before.add_rows(landed.row, rows, plan);
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
        let headings = read.next().and_then(|header| header.values.into_iter().next()).unwrap_or_default();
        let added = read.next().map(|range| range.values).unwrap_or_default();
        let holds = |offset: usize, name: &str, cell: &Cell| {
            let place = before.place(name).map(|place| place - first);
            let held = place.and_then(|place| added.get(offset)?.get(place)).unwrap_or(&Cell::Empty);
            held == cell
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
        let wanted = now.keys.iter().map(|(row, _)| row + 1).filter(|row| *row <= first).max();
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
    fn add_rows(&mut self, first: usize, rows: &[NewRow], plan: &Plan) -> bool {
        let is_below = first > self.last_row;
        if !is_below {
            // Rows in the middle move those below.
            let moved = |row: &mut usize| {
                if *row >= first {
                    *row += rows.len();
                }
            };
            self.keys.iter_mut().for_each(|(row, _)| moved(row));
            self.rows.values_mut().flatten().for_each(moved);
            self.last_row += rows.len();
        }
        let columns: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let key = if plan.key.is_empty() { &columns } else { &plan.key };
        for (offset, (_, record)) in rows.iter().enumerate() {
            self.add(first + offset, key.iter().map(|name| record.cell(name).cloned().unwrap_or_default()).collect());
        }
        self.keys.sort_by_key(|(row, _)| *row);
        is_below
    }
}
