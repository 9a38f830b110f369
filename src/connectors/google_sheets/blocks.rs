//! Cuts a table into blocks of rows, by the size of those that came.
//!
//! A block is of one moment, several are not: somebody may move rows between two of them. A reader of several asks for the
//! file's version before and after.

use super::{
    a1::Area,
    client::SheetsClient,
    limits::{BlockSize, MAX_BLOCK_ROWS},
    rows::Rows,
    table::Table,
};

/// The blocks of a table, from its header on.
pub(super) struct Blocks {
    next: usize,
    end: usize,
    span: (usize, usize),
    /// Whether the object has no last row: its last block takes in what was added since the tab's size was told.
    is_open: bool,
    /// Bytes that a block should have.
    bytes: usize,
    rows: usize,
    last_rows: usize,
}

impl Blocks {
    /// Begins at the header, so that it is of the same version as the rows.
    pub(super) fn new(table: &Table, size: BlockSize) -> Self {
        let place = &table.place;
        let (first, last) = place.span;
        Self {
            next: place.header_row,
            end: place.end(),
            span: place.span,
            is_open: place.last_row.is_none(),
            bytes: size.bytes,
            rows: (size.first_cells / (last - first + 1)).max(1),
            last_rows: 0,
        }
    }

    pub(super) fn are_several(&self) -> bool {
        self.end - self.next >= self.rows
    }

    fn is_done(&self) -> bool {
        self.next > self.end
    }

    /// Returns the cells of the next block; none after the last one.
    pub(super) fn next_area(&mut self) -> Option<Area> {
        if self.is_done() {
            return None;
        }
        let last = self.next.saturating_add(self.rows - 1).min(self.end);
        let mut area = Area::of((self.next, last), self.span);
        if self.is_open && last == self.end {
            area.last_row = None;
        }
        self.last_rows = last - self.next + 1;
        self.next = last + 1;
        Some(area)
    }

    /// Sizes the next block by the one that came; after empty rows, it takes many more.
    pub(super) fn note(&mut self, rows: &Rows) {
        self.rows = (self.last_rows.saturating_mul(self.bytes) / rows.json_bytes().max(1)).clamp(1, MAX_BLOCK_ROWS);
    }
}

/// Returns the file's version; none where this login may not ask Drive. Reading goes on without it.
pub(super) async fn version(client: &SheetsClient) -> Option<String> {
    match client.version().await {
        Ok(version) => Some(version),
        Err(error) => {
            tracing::info!(%error, "the version of the spreadsheet cannot be told, so a change between two requests is not seen");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::{cell::Cell, limits::READ_BLOCK, place::Place};
    use super::*;

    #[test]
    fn blocks_are_sized_by_what_came_and_cover_every_row_once() {
        let place = Place {
            title: "T".to_owned(),
            sheet_id: 0,
            rows: 1_000_000,
            columns: 10,
            header_row: 0,
            span: (0, 9),
            last_row: None,
        };
        let mut blocks = Blocks::new(&Table { place, columns: Vec::new(), zone: Tz::UTC }, READ_BLOCK);
        let mut next = 0;
        let row = vec![Cell::text("x".repeat(97)); 10];
        let mut count = 0;
        while let Some(area) = blocks.next_area() {
            assert_eq!(area.first_row, next);
            let last = area.last_row.unwrap_or(999_999);
            let filled = if next < 30_000 { last.min(30_000) - next } else { 0 };
            blocks.note(&std::iter::repeat_n(row.clone(), filled).collect());
            next = last + 1;
            count += 1;
        }
        assert_eq!(next, 1_000_000);
        assert!((14..=22).contains(&count), "{count} blocks of some 2,000 rows, and the empty rest in few");
    }
}
