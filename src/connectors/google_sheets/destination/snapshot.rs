//! A table as it was before a write: what is overwritten by mistake is put right from it.

use std::collections::HashSet;

use crate::connector::ConnectorError;

use super::{
    super::{
        cell::Cell,
        client::{Render, SheetsClient},
        header::named_columns,
        table::Table,
    },
    view::{View, key_places, key_text},
};

/// The header and all rows of a table, with formulas in the place of what they give.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) view: View,
    first_row: usize,
    first_column: usize,
    rows: Vec<Vec<Cell>>,
    /// The cells that hold a formula, by row and column. A text that only begins like one is none.
    formulas: HashSet<(usize, usize)>,
}

impl Snapshot {
    /// Reads the table in one call; in a second one where there are formulas, to tell them from texts that look like one.
    pub(super) async fn read(client: &SheetsClient, table: &Table, key: &[String]) -> Result<Self, ConnectorError> {
        let ranges: Vec<String> =
            [Some(table.place.header()), table.place.below_header(table.place.span)].into_iter().flatten().collect();
        let mut read = client.values(&ranges, Render::Formulas).await?.into_iter();
        let headings = read.next().and_then(|header| header.values.into_iter().next()).unwrap_or_default();
        let rows = read.next().map(|range| range.values).unwrap_or_default();
        let has_formulas = rows.iter().flatten().chain(&headings).any(Cell::looks_like_formula);
        let (mut heads, mut shown) = (headings.clone(), None);
        if has_formulas {
            let mut values = client.values(&ranges, Render::Values).await?.into_iter();
            heads = values.next().and_then(|header| header.values.into_iter().next()).unwrap_or_default();
            shown = values.next().map(|range| range.values);
        }
        let (first_row, first_column) = (table.place.header_row + 1, table.place.span.0);
        let columns = named_columns(&heads, first_column, &[]);
        let places = key_places(&columns, key, table)?;
        let mut snapshot = Self {
            view: View { columns, ..View::empty(table) },
            first_row,
            first_column,
            rows,
            formulas: HashSet::new(),
        };
        if let Some(shown) = &shown {
            snapshot.note_formulas(shown);
        }
        let of_keys = shown.as_ref().unwrap_or(&snapshot.rows);
        for (offset, row) in of_keys.iter().enumerate() {
            let cell = |place: &usize| row.get(place - first_column).cloned().unwrap_or_default();
            snapshot.view.add(first_row + offset, places.iter().map(cell).collect());
        }
        Ok(snapshot)
    }

    fn note_formulas(&mut self, shown: &[Vec<Cell>]) {
        for (offset, row) in self.rows.iter().enumerate() {
            for (place, cell) in row.iter().enumerate().filter(|(_, cell)| cell.looks_like_formula()) {
                let is_text = shown.get(offset).and_then(|row| row.get(place)) == Some(cell);
                if !is_text {
                    self.formulas.insert((self.first_row + offset, self.first_column + place));
                }
            }
        }
    }

    /// Returns a cell.
    pub(super) fn cell(&self, row: usize, column: usize) -> &Cell {
        let cells = row.checked_sub(self.first_row).and_then(|offset| self.rows.get(offset));
        let place = column.checked_sub(self.first_column);
        place.and_then(|place| cells?.get(place)).unwrap_or(&Cell::Empty)
    }

    /// Tells whether a cell holds a formula.
    pub(super) fn has_formula(&self, row: usize, column: usize) -> bool {
        self.formulas.contains(&(row, column))
    }

    /// Returns the key of a row among the cells of an answer that begin at a column.
    pub(super) fn key_in(cells: &[Cell], first: usize, places: &[usize]) -> Option<String> {
        let cell = |place: &usize| cells.get(place - first).cloned().unwrap_or_default();
        key_text(&places.iter().map(cell).collect::<Vec<_>>())
    }
}
