//! A table as it was before a write: what is overwritten by mistake is put right from it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::connector::ConnectorError;

use super::{
    super::{
        cell::Cell,
        client::{Render, SheetsClient, ValueRange},
        header::{Named, named_columns},
        table::Table,
    },
    view::{View, key_text},
};

/// The header and all rows of a table, with formulas in the place of what they give.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) view: View,
    first_row: usize,
    first_column: usize,
    key_places: Vec<usize>,
    rows: Vec<Vec<Cell>>,
    /// The cells that hold a formula, by row and column. A text that only begins like one is none.
    formulas: HashSet<(usize, usize)>,
    /// The cells that do not hold what stands here: Ferry overwrote them by mistake, and they are to be written back.
    wrong: BTreeSet<(usize, usize)>,
}

impl Snapshot {
    /// Reads the table in one call; in a second one where there are formulas, to tell them from texts that look like one.
    /// `key` finds the places of the key's columns, from the headings and the columns that have a name.
    pub(super) async fn read(
        client: &SheetsClient,
        table: &Table,
        key: impl FnOnce(&[Cell], &[Named]) -> Result<Vec<usize>, ConnectorError>,
    ) -> Result<Self, ConnectorError> {
        let ranges: Vec<String> =
            [Some(table.place.header()), table.place.below_header(table.place.span)].into_iter().flatten().collect();
        let mut read = client.values(&ranges, Render::Formulas).await?.into_iter();
        let rows = with_header(&mut read);
        let mut shown = None;
        if rows.iter().flatten().any(Cell::looks_like_formula) {
            shown = Some(with_header(&mut client.values(&ranges, Render::Values).await?.into_iter()));
        }
        let headings = shown.as_ref().unwrap_or(&rows)[0].clone();
        let (first_row, first_column) = (table.place.header_row, table.place.span.0);
        let columns = named_columns(&headings, first_column, &[]);
        let places = key(&headings, &columns)?;
        let mut snapshot = Self {
            view: View { headings, columns, ..View::empty(table) },
            first_row,
            first_column,
            key_places: places.clone(),
            rows,
            formulas: HashSet::new(),
            wrong: BTreeSet::new(),
        };
        if let Some(shown) = &shown {
            snapshot.note_formulas(shown);
        }
        let of_keys = shown.as_ref().unwrap_or(&snapshot.rows);
        for (offset, row) in of_keys.iter().enumerate().skip(1) {
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

    /// Returns the rows that hold anything, the header first, from 0.
    pub(super) fn rows(&self) -> std::ops::Range<usize> {
        self.first_row..self.first_row + self.rows.len()
    }

    /// Returns the first column.
    pub(super) fn first_column(&self) -> usize {
        self.first_column
    }

    /// Returns the places of the key's columns; `usize::MAX` for one that is gone.
    pub(super) fn key_places(&self) -> Vec<usize> {
        self.key_places.clone()
    }

    /// Returns the key of a row.
    pub(super) fn key_of(&self, row: usize) -> Option<String> {
        let place = self.view.keys.partition_point(|(other, _)| *other < row);
        let (_, cells) = self.view.keys.get(place).filter(|(other, _)| *other == row)?;
        key_text(cells)
    }

    /// Returns the row of the header if this is its key: somebody may insert rows above it.
    pub(super) fn header_with(&self, key: &str) -> Option<usize> {
        let is_header = Self::key_in(&self.view.headings, self.first_column, &self.key_places).as_deref() == Some(key);
        is_header.then_some(self.first_row)
    }

    /// Says what a cell should hold that was overwritten by mistake.
    pub(super) fn correct(&mut self, (row, column): (usize, usize), cell: Cell, is_formula: bool) {
        let is_right = *self.cell(row, column) == cell && self.has_formula(row, column) == is_formula;
        let (Some(offset), Some(place)) = (row.checked_sub(self.first_row), column.checked_sub(self.first_column))
        else {
            return;
        };
        if is_right {
            return;
        }
        if self.rows.len() <= offset {
            self.rows.resize(offset + 1, Vec::new());
        }
        if self.rows[offset].len() <= place {
            self.rows[offset].resize(place + 1, Cell::Empty);
        }
        self.rows[offset][place] = cell;
        if is_formula {
            self.formulas.insert((row, column));
        } else {
            self.formulas.remove(&(row, column));
        }
        self.wrong.insert((row, column));
    }

    /// Finds the rows by the keys that they should have, once it is known which cells are to be written back.
    pub(super) fn with_correct_keys(mut self) -> Self {
        let mut keys: BTreeMap<usize, Vec<Cell>> = std::mem::take(&mut self.view.keys).into_iter().collect();
        for (row, column) in &self.wrong {
            if let Some(part) = self.key_places.iter().position(|place| place == column) {
                let cells = keys.entry(*row).or_insert_with(|| vec![Cell::Empty; self.key_places.len()]);
                cells[part] = self.cell(*row, *column).clone();
            }
        }
        self.view.rows.clear();
        self.view.last_row = self.first_row;
        for (row, cells) in keys {
            self.view.add(row, cells);
        }
        self
    }

    /// Returns the cells that are to be written back.
    pub(super) fn wrong(&self) -> &BTreeSet<(usize, usize)> {
        &self.wrong
    }

    /// Returns the key of a row among the cells of an answer that begin at a column; none where a part of it is not among them.
    pub(super) fn key_in(cells: &[Cell], first: usize, places: &[usize]) -> Option<String> {
        let cell = |place: &usize| place.checked_sub(first).and_then(|place| cells.get(place)).cloned();
        key_text(&places.iter().map(|place| cell(place).unwrap_or_default()).collect::<Vec<_>>())
    }
}

/// Puts the header before the rows, as the ranges of a read have them.
fn with_header(read: &mut impl Iterator<Item = ValueRange>) -> Vec<Vec<Cell>> {
    let header = read.next().and_then(|header| header.values.into_iter().next()).unwrap_or_default();
    std::iter::once(header).chain(read.next().map(|range| range.values).unwrap_or_default()).collect()
}
