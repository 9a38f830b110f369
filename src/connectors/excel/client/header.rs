//! The columns of a sheet: their names, and what all their cells are.

use std::{collections::BTreeMap, path::Path};

use crate::connector::{ConnectorError, ErrorKind};
use crate::workbook::{Cell, Reader, cell_name};

use super::{seen::Seen, unreadable};

/// The names of a sheet's columns.
#[derive(Debug, Clone)]
pub(in super::super) struct Header {
    /// The row of the names, from 1.
    pub(in super::super) row: u32,
    /// The place of each column that has a name, from 0, and its name, in their order.
    pub(in super::super) columns: Vec<(u32, String)>,
}

/// What a whole sheet was found to hold.
#[derive(Debug, Clone)]
pub(in super::super) struct Scan {
    pub(in super::super) header: Header,
    /// What the cells of each column are, by its place.
    pub(in super::super) seen: BTreeMap<u32, Seen>,
    /// The row of the first formula of a column whose result is not in the file, by its place.
    pub(in super::super) open_formulas: BTreeMap<u32, u32>,
    /// Cells in columns without a name, and where the first of them is.
    pub(in super::super) unnamed: u64,
    pub(in super::super) first_unnamed: Option<String>,
}

impl Header {
    /// Returns the names.
    pub(in super::super) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|(_, name)| name.clone()).collect()
    }
}

/// Reads a sheet from its beginning to its end to know its columns.
pub(in super::super) fn read_header(
    path: &Path,
    book: &mut Reader,
    sheet: &str,
    header_row: Option<u32>,
    null_values: &[String],
) -> Result<Scan, ConnectorError> {
    let mut found: Option<Result<Scan, ConnectorError>> = None;
    let read = book.for_each_row(sheet, |row, cells| match &mut found {
        None if header_row.is_some_and(|wanted| row < wanted) => true,
        None if header_row.is_some_and(|wanted| row > wanted) => false,
        None => found.insert(Scan::begin(path, sheet, row, cells)).is_ok(),
        Some(Ok(scan)) => {
            scan.look_at(row, cells, null_values);
            true
        }
        Some(Err(_)) => false,
    });
    read.map_err(|error| unreadable(path, error))?;
    let Some(scan) = found else {
        let place = header_row.map_or_else(String::new, |row| format!(" row {row} of"));
        let message = format!("{place} sheet `{sheet}` of `{}` is empty", path.display());
        return Err(refused("empty_file", message.trim_start().to_owned())
            .with_hint("the first row must name the columns; `header_row` says where it is if it is not the first"));
    };
    let mut scan = scan?;
    let header_row = scan.header.row;
    let open = |row: u32, column: u32| {
        if row > header_row {
            scan.open_formulas.entry(column).or_insert(row);
        }
    };
    book.for_each_open_formula(sheet, open).map_err(|error| unreadable(path, error))?;
    Ok(scan)
}

impl Scan {
    fn begin(path: &Path, sheet: &str, row: u32, cells: &[(u32, Cell)]) -> Result<Self, ConnectorError> {
        let mut columns: Vec<(u32, String)> = Vec::with_capacity(cells.len());
        for (column, cell) in cells {
            let name = cell.text();
            if matches!(cell, Cell::Error(_)) {
                let message = format!("the name of a column of `{}` is the error {name}", path.display());
                return Err(refused("invalid_header", message)
                    .with_hint(format!("correct the cell {}", place(sheet, *column, row))));
            }
            if let Some((other, _)) = columns.iter().find(|(_, other)| *other == name) {
                let message = format!("sheet `{sheet}` of `{}` has two columns `{name}`", path.display());
                let (one, two) = (cell_name(*other, row), cell_name(*column, row));
                return Err(refused("duplicate_column", message).with_hint(format!("rename one of {one} and {two}")));
            }
            if !name.trim().is_empty() {
                columns.push((*column, name));
            }
        }
        let header = Header { row, columns };
        Ok(Self { header, seen: BTreeMap::new(), open_formulas: BTreeMap::new(), unnamed: 0, first_unnamed: None })
    }

    fn look_at(&mut self, row: u32, cells: &[(u32, Cell)], null_values: &[String]) {
        for (column, cell) in cells {
            if self.header.columns.binary_search_by_key(column, |(column, _)| *column).is_err() {
                self.unnamed += 1;
                self.first_unnamed.get_or_insert_with(|| cell_name(*column, row));
                continue;
            }
            let Some(seen) = Seen::of(cell).filter(|_| !is_null(cell, null_values)) else { continue };
            self.seen.entry(*column).and_modify(|known| *known = known.with(seen)).or_insert(seen);
        }
    }
}

/// Tells whether a cell is a word for no value.
pub(in super::super) fn is_null(cell: &Cell, null_values: &[String]) -> bool {
    matches!(cell, Cell::Text(text) if null_values.contains(text))
}

/// Returns the place of a cell as a person finds it: `Contacts!B7`.
pub(in super::super) fn place(sheet: &str, column: u32, row: u32) -> String {
    format!("`{sheet}!{}`", cell_name(column, row))
}

fn refused(code: &str, message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Io, code, message)
}
