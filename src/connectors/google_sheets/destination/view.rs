//! What is known of a table at a moment: where its columns are and which rows have which keys.

use crate::connector::ConnectorError;

use super::super::{
    cell::Cell,
    client::{Render, SheetsClient},
    header::{Named, is_meant, named_columns},
    place::Place,
    rows::Rows,
    table::Table,
};
use super::keys::{KeyCells, KeyRows, key_text};

/// How often a header is read again because the columns moved while it was read.
const MAX_MOVES: u32 = 3;

/// The header and the keys of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// What the header's cells show, from the table's first column on.
    pub(super) headings: Vec<Cell>,
    /// The columns that have a name now.
    pub(super) columns: Vec<Named>,
    /// The rows of each key.
    pub(super) rows: KeyRows,
    /// The cells of the key, by row; rows without any are left out.
    pub(super) keys: KeyCells,
    /// The last row with a value in a key column; the header's where there is none.
    pub(super) last_row: usize,
}

impl View {
    /// Reads the header and the key columns in one call, and again where the columns are not where they were.
    pub(super) async fn read(client: &SheetsClient, table: &Table, key: &[String]) -> Result<Self, ConnectorError> {
        let mut columns: Vec<Named> = table.named();
        for _ in 0..MAX_MOVES {
            let places = key_places(&columns, key, table)?;
            let mut ranges = vec![table.place.header()];
            ranges.extend(places.iter().filter_map(|place| table.place.below_header((*place, *place))));
            let read = client.values(&ranges, Render::Values).await?;
            let headings = read.first().map(|header| header.values.row(0)).unwrap_or_default();
            let now = named_columns(&headings, table.place.span.0, &[]);
            if let Some(gone) = key.iter().find(|name| !now.iter().any(|column| is_meant(&column.name, name))) {
                return Err(table.gone_column(gone, &headings));
            }
            if key_places(&now, key, table)? == places {
                let cells: Vec<Rows> = read.into_iter().skip(1).map(|range| range.values).collect();
                return Ok(Self { headings, ..Self::of(now, &cells, &table.place) });
            }
            columns = now;
        }
        Err(table.unknown_column(key.first().map_or("", String::as_str)))
    }

    /// Makes the view of a table without rows.
    pub(super) fn empty(table: &Table) -> Self {
        Self { columns: table.named(), ..Self::of(Vec::new(), &[], &table.place) }
    }

    fn of(columns: Vec<Named>, key_columns: &[Rows], place: &Place) -> Self {
        let (rows, keys) = (KeyRows::default(), KeyCells::default());
        let mut view = Self { headings: Vec::new(), columns, rows, keys, last_row: place.header_row };
        let count = key_columns.iter().map(Rows::len).max().unwrap_or_default();
        for offset in 0..count {
            let cells: Vec<Cell> = key_columns.iter().map(|column| column.cell(offset, 0)).collect();
            view.add(place.header_row + 1 + offset, &cells);
        }
        view
    }

    /// Returns the view with other keys, by their rows in order.
    pub(super) fn with_keys(self, keys: impl Iterator<Item = (usize, Vec<Cell>)>, header_row: usize) -> Self {
        let mut view = Self { rows: KeyRows::default(), keys: KeyCells::default(), last_row: header_row, ..self };
        for (row, cells) in keys {
            view.add(row, &cells);
        }
        view
    }

    /// Adds a row, below all others, by the cells of its key.
    pub(super) fn add(&mut self, row: usize, cells: &[Cell]) {
        if cells.iter().all(Cell::is_blank) {
            return;
        }
        self.last_row = self.last_row.max(row);
        if let Some(key) = key_text(cells) {
            self.rows.add(key, row);
        }
        self.keys.push(row, cells);
    }

    /// Returns the place of a column.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().find(|column| is_meant(&column.name, name)).map(|column| column.place)
    }

    /// Returns the first named column and the last one.
    pub(super) fn span(&self) -> (usize, usize) {
        let places = || self.columns.iter().map(|column| column.place);
        (places().min().unwrap_or_default(), places().max().unwrap_or_default())
    }

    /// Tells whether an append finds the table as it is: no column without a name within it, and no gap in the keys.
    pub(super) fn is_compact(&self, header_row: usize) -> bool {
        let (first, last) = self.span();
        last - first + 1 == self.columns.len() && self.keys.len() == self.last_row - header_row
    }
}

/// Returns the places of the key columns; without a key those of all columns, which tell where the data ends.
pub(super) fn key_places(columns: &[Named], key: &[String], table: &Table) -> Result<Vec<usize>, ConnectorError> {
    if key.is_empty() {
        return Ok(columns.iter().map(|column| column.place).collect());
    }
    let place = |name: &String| {
        let found = columns.iter().find(|column| is_meant(&column.name, name));
        found.map(|column| column.place).ok_or_else(|| table.unknown_column(name))
    };
    key.iter().map(place).collect()
}
