//! The cells of a sheet: rows, of which only the filled ones are kept.

use std::{ops::Range, sync::Arc};

use super::cell::{Cell, Entered};

/// Rows or columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
    Rows,
    Columns,
}

static BLANK: Cell = Cell { entered: Entered::Empty, look: None };

/// The cells of a sheet. A clone shares its rows until they change.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    rows: Vec<Arc<Vec<Cell>>>,
    row_count: usize,
    column_count: usize,
}

impl Grid {
    /// Makes an empty grid.
    pub(super) fn new(row_count: usize, column_count: usize) -> Self {
        Self { rows: Vec::new(), row_count, column_count }
    }

    /// How many rows or columns there are, empty ones too.
    pub(super) fn count(&self, dimension: Dimension) -> usize {
        match dimension {
            Dimension::Rows => self.row_count,
            Dimension::Columns => self.column_count,
        }
    }

    /// How many rows there are, empty ones too.
    pub(super) fn row_count(&self) -> usize {
        self.row_count
    }

    /// How many columns there are, empty ones too.
    pub(super) fn column_count(&self) -> usize {
        self.column_count
    }

    /// How many cells there are, empty ones too.
    pub(super) fn cell_count(&self) -> usize {
        self.row_count * self.column_count
    }

    /// Returns a cell; a blank one where nothing is.
    pub(super) fn cell(&self, row: usize, column: usize) -> &Cell {
        self.rows.get(row).and_then(|row| row.get(column)).unwrap_or(&BLANK)
    }

    /// Returns the cells of a row that are kept.
    pub(super) fn row(&self, row: usize) -> &[Cell] {
        self.rows.get(row).map_or(&[], |row| row.as_slice())
    }

    /// How many rows are kept; the others are blank.
    pub(super) fn kept_rows(&self) -> usize {
        self.rows.len()
    }

    /// Returns a cell to change.
    pub(super) fn cell_mut(&mut self, row: usize, column: usize) -> &mut Cell {
        if self.rows.len() <= row {
            self.rows.resize_with(row + 1, Arc::default);
        }
        let cells = Arc::make_mut(&mut self.rows[row]);
        if cells.len() <= column {
            cells.resize_with(column + 1, Cell::default);
        }
        &mut cells[column]
    }

    /// Changes the cells of a row that are kept.
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [Cell] {
        self.rows.get_mut(row).map_or(&mut [], |row| Arc::make_mut(row).as_mut_slice())
    }

    /// Clears what is beyond new bounds and takes them.
    pub(super) fn resize(&mut self, row_count: usize, column_count: usize) {
        self.rows.truncate(row_count);
        if column_count < self.column_count {
            for row in &mut self.rows {
                if row.len() > column_count {
                    Arc::make_mut(row).truncate(column_count);
                }
            }
        }
        (self.row_count, self.column_count) = (row_count, column_count);
    }

    /// Inserts blank rows or columns.
    pub(super) fn insert(&mut self, dimension: Dimension, at: usize, count: usize) {
        match dimension {
            Dimension::Rows => {
                if at < self.rows.len() {
                    self.rows.splice(at..at, std::iter::repeat_with(Arc::default).take(count));
                }
                self.row_count += count;
            }
            Dimension::Columns => {
                for row in self.rows.iter_mut().filter(|row| row.len() > at) {
                    Arc::make_mut(row).splice(at..at, std::iter::repeat_with(Cell::default).take(count));
                }
                self.column_count += count;
            }
        }
    }

    /// Deletes rows or columns.
    pub(super) fn delete(&mut self, dimension: Dimension, range: Range<usize>) {
        match dimension {
            Dimension::Rows => {
                let end = range.end.min(self.rows.len());
                self.rows.drain(range.start.min(end)..end);
                self.row_count -= range.len();
            }
            Dimension::Columns => {
                for row in self.rows.iter_mut().filter(|row| row.len() > range.start) {
                    let end = range.end.min(row.len());
                    Arc::make_mut(row).drain(range.start..end);
                }
                self.column_count -= range.len();
            }
        }
    }

    /// Returns the place of the last cell, row by row, that is not blank and lies in a range.
    pub(super) fn last_filled(&self, rows: &Range<usize>, columns: &Range<usize>) -> Option<(usize, usize)> {
        let end = rows.end.min(self.rows.len());
        (rows.start..end).rev().find_map(|row| {
            let cells = self.row(row);
            let end = columns.end.min(cells.len());
            let found = (columns.start..end).rev().find(|column| !cells[*column].is_blank());
            found.map(|column| (row, column))
        })
    }

    /// Whether a cell of a row, between these columns, is filled.
    pub(super) fn is_filled(&self, row: usize, columns: &Range<usize>) -> bool {
        let cells = self.row(row);
        let end = columns.end.min(cells.len());
        columns.start < end && cells[columns.start..end].iter().any(|cell| !cell.is_blank())
    }
}

impl Grid {
    /// Moves rows or columns to before a position.
    pub(super) fn shift(&mut self, dimension: Dimension, range: &Range<usize>, to: usize) {
        let (start, middle, end) =
            if to > range.end { (range.start, range.end, to) } else { (to, range.start, range.end) };
        match dimension {
            Dimension::Rows => {
                if self.rows.len() < end {
                    self.rows.resize_with(end, Arc::default);
                }
                self.rows[start..end].rotate_left(middle - start);
            }
            Dimension::Columns => {
                for row in &mut self.rows {
                    let cells = Arc::make_mut(row);
                    if cells.len() < end {
                        cells.resize_with(end, Cell::default);
                    }
                    cells[start..end].rotate_left(middle - start);
                }
            }
        }
    }
}
