//! A table as it is at one moment, and what its cells should hold where Ferry overwrote them by mistake.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::connector::{ConnectorError, ErrorKind};

use super::{
    super::{
        blocks::{Blocks, version},
        cell::Cell,
        client::{Render, SheetsClient},
        header::{Named, named_columns},
        limits::{HELD_BLOCK, MAX_READ_AGAIN},
        rows::Rows,
        table::Table,
    },
    keys::key_text,
    view::View,
};

/// The header and all rows of a table, with formulas in the place of what they give.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) view: View,
    first_row: usize,
    first_column: usize,
    key_places: Vec<usize>,
    rows: Rows,
    /// Rows into which something was written since, as they are now, by their offsets.
    written: BTreeMap<usize, Vec<Cell>>,
    /// The cells that hold a formula, by row and column. A text that only begins like one is none.
    formulas: HashSet<(usize, usize)>,
    /// What cells should hold that Ferry overwrote by mistake: it is to be written back.
    corrections: BTreeMap<(usize, usize), Correction>,
}

/// What a cell should hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Correction {
    pub(super) cell: Cell,
    pub(super) is_formula: bool,
}

/// The rows of a table twice, the header first: with formulas in the place of what they give, and with what they give.
struct Cells {
    rows: Rows,
    /// None where no cell begins like a formula.
    shown: Option<Rows>,
}

impl Snapshot {
    /// Reads the table in one call, or in several if it is large; once more where there are formulas, to tell them from texts
    /// that look like one.
    /// `key` finds the places of the key's columns, from the headings and the columns that have a name.
    pub(super) async fn read(
        client: &SheetsClient,
        table: &Table,
        key: impl FnOnce(&[Cell], &[Named]) -> Result<Vec<usize>, ConnectorError>,
    ) -> Result<Self, ConnectorError> {
        let Cells { rows, shown } = Cells::read(client, table).await?;
        let headings = shown.as_ref().unwrap_or(&rows).row(0);
        let (first_row, first_column) = (table.place.header_row, table.place.span.0);
        let columns = named_columns(&headings, first_column, &[]);
        let key_places = key(&headings, &columns)?;
        let mut snapshot = Self {
            view: View { headings, columns, ..View::empty(table) },
            first_row,
            first_column,
            key_places,
            rows,
            written: BTreeMap::new(),
            formulas: HashSet::new(),
            corrections: BTreeMap::new(),
        };
        if let Some(shown) = &shown {
            snapshot.note_formulas(shown);
        }
        for (offset, row) in shown.as_ref().unwrap_or(&snapshot.rows).iter().enumerate().skip(1) {
            let cell = |place: &usize| row.get(place - first_column).cloned().unwrap_or_default();
            let cells: Vec<Cell> = snapshot.key_places.iter().map(cell).collect();
            snapshot.view.add(first_row + offset, &cells);
        }
        Ok(snapshot)
    }

    fn note_formulas(&mut self, shown: &Rows) {
        for (offset, row) in self.rows.iter().enumerate() {
            for (place, cell) in row.iter().enumerate().filter(|(_, cell)| cell.looks_like_formula()) {
                let is_text = shown.cell(offset, place) == *cell;
                if !is_text {
                    self.formulas.insert((self.first_row + offset, self.first_column + place));
                }
            }
        }
    }

    /// Returns what a cell holds.
    pub(super) fn held(&self, row: usize, column: usize) -> Cell {
        let (Some(offset), Some(place)) = (row.checked_sub(self.first_row), column.checked_sub(self.first_column))
        else {
            return Cell::Empty;
        };
        match self.written.get(&offset) {
            Some(cells) => cells.get(place).cloned().unwrap_or_default(),
            None => self.rows.cell(offset, place),
        }
    }

    /// Returns what the cells of a row hold, from the first column on.
    pub(super) fn held_by(&self, row: usize) -> Vec<Cell> {
        let Some(offset) = row.checked_sub(self.first_row) else { return Vec::new() };
        self.written.get(&offset).cloned().unwrap_or_else(|| self.rows.row(offset))
    }

    /// Tells whether a cell holds a formula.
    pub(super) fn holds_formula(&self, row: usize, column: usize) -> bool {
        self.formulas.contains(&(row, column))
    }

    /// Returns what a cell should hold: what it holds, unless Ferry overwrote it.
    pub(super) fn cell(&self, row: usize, column: usize) -> Cell {
        let correction = self.corrections.get(&(row, column));
        correction.map_or_else(|| self.held(row, column), |correction| correction.cell.clone())
    }

    /// Tells whether a cell should hold a formula.
    pub(super) fn has_formula(&self, row: usize, column: usize) -> bool {
        let correction = self.corrections.get(&(row, column));
        correction.map_or_else(|| self.holds_formula(row, column), |correction| correction.is_formula)
    }

    /// Returns the rows that hold anything, the header first, from 0.
    pub(super) fn rows(&self) -> std::ops::Range<usize> {
        let written = self.written.last_key_value().map_or(0, |(offset, _)| offset + 1);
        self.first_row..self.first_row + self.rows.len().max(written)
    }

    /// Returns the first column.
    pub(super) fn first_column(&self) -> usize {
        self.first_column
    }

    /// Returns the places of the key's columns; `usize::MAX` for one that is gone.
    pub(super) fn key_places(&self) -> &[usize] {
        &self.key_places
    }

    /// Returns the key of a row.
    pub(super) fn key_of(&self, row: usize) -> Option<String> {
        self.view.keys.key_of(row)
    }

    /// Returns the key that a row holds, right or wrong.
    pub(super) fn held_key_of(&self, row: usize) -> Option<String> {
        let is_formula = self.key_places.iter().any(|place| self.holds_formula(row, *place));
        if is_formula {
            self.key_of(row)
        } else {
            key_text(&self.key_places.iter().map(|place| self.held(row, *place)).collect::<Vec<_>>())
        }
    }

    /// Returns the rows by the keys that they hold.
    pub(super) fn held_keys(&self) -> HashMap<String, Vec<usize>> {
        let mut keys: HashMap<String, Vec<usize>> = HashMap::new();
        for row in self.rows().skip(1) {
            if let Some(key) = self.held_key_of(row) {
                keys.entry(key).or_default().push(row);
            }
        }
        keys
    }

    /// Returns the only row with a key.
    pub(super) fn only(&self, key: &str) -> Option<usize> {
        self.view.rows.only(key)
    }

    /// Returns the row of the header if this is its key: somebody may insert rows above it.
    pub(super) fn header_with(&self, key: &str) -> Option<usize> {
        let is_header = Self::key_in(&self.view.headings, self.first_column, &self.key_places).as_deref() == Some(key);
        is_header.then_some(self.first_row)
    }

    /// Says what a cell should hold that was overwritten by mistake.
    pub(super) fn correct(&mut self, (row, column): (usize, usize), correction: Correction) {
        let is_there = row >= self.first_row && column >= self.first_column;
        let is_right =
            self.held(row, column) == correction.cell && self.holds_formula(row, column) == correction.is_formula;
        if is_there && !is_right {
            self.corrections.insert((row, column), correction);
        }
    }

    /// Returns what is to be written back.
    pub(super) fn corrections(&self) -> &BTreeMap<(usize, usize), Correction> {
        &self.corrections
    }

    /// Notes what a write put into a cell.
    pub(super) fn put(&mut self, (row, column): (usize, usize), cell: Cell, is_formula: bool) {
        let (Some(offset), Some(place)) = (row.checked_sub(self.first_row), column.checked_sub(self.first_column))
        else {
            return;
        };
        let cells = self.written.entry(offset).or_insert_with(|| self.rows.row(offset));
        if cells.len() <= place {
            cells.resize(place + 1, Cell::Empty);
        }
        cells[place] = cell;
        if is_formula {
            self.formulas.insert((row, column));
        } else {
            self.formulas.remove(&(row, column));
        }
        self.corrections.remove(&(row, column));
    }

    /// Finds the rows by the keys that they should have, once it is known which cells are to be written back.
    pub(super) fn with_correct_keys(self) -> Self {
        if !self.corrections.keys().any(|(_, column)| self.key_places.contains(column)) {
            return self;
        }
        let mut keys: BTreeMap<usize, Vec<Cell>> = self.view.keys.iter().collect();
        for ((row, column), correction) in &self.corrections {
            if let Some(part) = self.key_places.iter().position(|place| place == column) {
                let cells = keys.entry(*row).or_insert_with(|| vec![Cell::Empty; self.key_places.len()]);
                cells[part] = correction.cell.clone();
            }
        }
        Self { view: self.view.with_keys(keys.into_iter(), self.first_row), ..self }
    }

    /// Returns the key of a row among the cells of an answer that begin at a column; none where a part of it is not among them.
    pub(super) fn key_in(cells: &[Cell], first: usize, places: &[usize]) -> Option<String> {
        let cell = |place: &usize| place.checked_sub(first).and_then(|place| cells.get(place)).cloned();
        key_text(&places.iter().map(|place| cell(place).unwrap_or_default()).collect::<Vec<_>>())
    }
}

impl Cells {
    /// Reads both ways, and both again where somebody changed the table between the two.
    async fn read(client: &SheetsClient, table: &Table) -> Result<Self, ConnectorError> {
        let are_several = Blocks::new(table, HELD_BLOCK).are_several();
        for _ in 0..=MAX_READ_AGAIN {
            let before = if are_several { version(client).await } else { None };
            let rows = read_rows(client, table, Render::Formulas).await?;
            let has_formulas = rows.iter().flatten().any(|cell| cell.looks_like_formula());
            let shown = if has_formulas { Some(read_rows(client, table, Render::Values).await?) } else { None };
            let is_one_version = before.is_none() || before == version(client).await;
            if is_one_version && shown.as_ref().is_none_or(|shown| is_alike(&rows, shown)) {
                return Ok(Self { rows, shown });
            }
        }
        let message = format!("`{}` changed each of {} times while it was read", table.place.title, MAX_READ_AGAIN + 1);
        Err(ConnectorError::new(ErrorKind::Unavailable, "sheet_changes", message)
            .with_hint("run it again when nobody works in the sheet"))
    }
}

/// Tells whether two reads show the same but for what formulas give.
fn is_alike(rows: &Rows, shown: &Rows) -> bool {
    (0..rows.len().max(shown.len())).all(|row| {
        let (cells, others) = (rows.row(row), shown.row(row));
        (0..cells.len().max(others.len())).all(|place| {
            let (cell, other) = (cells.get(place).unwrap_or(&Cell::Empty), others.get(place).unwrap_or(&Cell::Empty));
            cell.looks_like_formula() || cell == other
        })
    })
}

/// Reads the header and all rows below it.
async fn read_rows(client: &SheetsClient, table: &Table, render: Render) -> Result<Rows, ConnectorError> {
    let mut blocks = Blocks::new(table, HELD_BLOCK);
    let mut rows = Rows::default();
    while let Some(area) = blocks.next_area() {
        let read = client.values(&[area.on(&table.place.title)], render).await?;
        let block = read.into_iter().next().map(|read| read.values).unwrap_or_default();
        blocks.note(&block);
        if block.len() > 0 {
            // Blank rows at the end of a block are left out of the answer.
            rows.pad(area.first_row - table.place.header_row);
            rows.append(block);
        }
    }
    // The header is there even if it is blank.
    rows.pad(1);
    Ok(rows)
}
