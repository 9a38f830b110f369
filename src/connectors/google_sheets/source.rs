//! Reads tabs: blocks of rows near 2 MB, typed, with the spreadsheet's version to tell whether it changed meanwhile.
//!
//! A block is a snapshot, several are not: somebody may move rows between two of them. So the version is asked for before and
//! after, nothing is handed on before it is known to be of one version, and a sheet that changed is read again.

mod held;
mod page;

use std::{collections::HashMap, sync::Mutex};

use async_stream::try_stream;
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, FixtureForm, Fixtures, Inspection, Probe, ReadRequest, Source};
use crate::model::{Cursor, ObjectName, Page, Schema, SyncMode};

use super::{
    a1::Area,
    cell::Cell,
    client::{Render, SheetsClient},
    config::Tables,
    fixture::form,
    inspection::inspect,
    limits::{FIRST_BLOCK_CELLS, MAX_READ_AGAIN, PAYLOAD_BYTES},
    rows::Rows,
    table::Table,
};

use self::{
    held::{Held, Holder},
    page::Reading,
};

/// Reads one spreadsheet.
#[derive(Debug)]
pub(super) struct SheetsSource {
    client: SheetsClient,
    tables: Tables,
    /// What was described last: the read that follows need not ask for it again.
    described: Mutex<HashMap<ObjectName, Table>>,
}

/// What an incremental read remembers.
#[derive(Debug, Clone, Default, PartialEq)]
struct Mark {
    /// The file's version before the read; none where Drive does not tell.
    version: Option<String>,
    /// The latest moment in the column of changes, in milliseconds.
    since: Option<i64>,
}

impl SheetsSource {
    /// Makes the source of a spreadsheet. Does no I/O.
    pub(super) fn new(client: SheetsClient, tables: Tables) -> Self {
        Self { client, tables, described: Mutex::default() }
    }

    async fn table(&self, object: &ObjectName) -> Result<Table, ConnectorError> {
        Table::read(&self.client, &self.client.structure().await?, object, &self.tables).await
    }

    /// Returns the table as it was described, once.
    fn take_described(&self, object: &ObjectName) -> Option<Table> {
        self.described.lock().ok()?.remove(object)
    }

    /// Returns the file's version; none where this login may not ask Drive. Reading goes on without it.
    async fn version(&self) -> Option<String> {
        match self.client.version().await {
            Ok(version) => Some(version),
            Err(error) => {
                tracing::info!(%error, "the version of the spreadsheet cannot be told: every run reads it whole");
                None
            }
        }
    }

    /// Reads all blocks of one version, or says that the sheet does not stand still.
    async fn read_whole(&self, request: &ReadRequest, mark: &Mark) -> Result<(Reading, Held), ConnectorError> {
        let mut described = self.take_described(&request.object);
        for _ in 0..=MAX_READ_AGAIN {
            let was_described = described.is_some();
            let table = match described.take() {
                Some(table) => table,
                None => self.table(&request.object).await?,
            };
            let reading = Reading::new(&table, request, &self.tables, mark.since)?;
            let mut blocks = Blocks::new(&table);
            let before = if blocks.are_several() { self.version().await } else { None };
            let (mut holder, mut is_same_header) = (Holder::new().await?, true);
            while let Some(area) = blocks.next_area() {
                let range = area.on(&table.place.title);
                let read = match self.client.values(&[range], Render::Values).await {
                    Ok(read) => read,
                    // Somebody deleted rows or renamed the tab since it was described.
                    Err(error) if was_described && matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound) => {
                        is_same_header = false;
                        break;
                    }
                    Err(error) => Err(error)?,
                };
                let rows = read.into_iter().next().map(|read| read.values).unwrap_or_default();
                blocks.note(&rows);
                if area.first_row == table.place.header_row && !reading.is_header(&rows.row(0)) {
                    is_same_header = false;
                    break;
                }
                holder = holder.add(area.first_row, rows).await?;
            }
            if is_same_header && (before.is_none() || before == self.version().await) {
                return Ok((reading, holder.finish().await?));
            }
            tracing::info!(object = %request.object, "the sheet changed while it was read and is read again");
        }
        let message = format!("`{}` changed each of {} times while it was read", request.object, MAX_READ_AGAIN + 1);
        Err(ConnectorError::new(ErrorKind::Unavailable, "sheet_changes", message)
            .with_hint("run it again when nobody works in the sheet"))
    }
}

#[async_trait]
impl Source for SheetsSource {
    async fn check(&self) -> Result<(), ConnectorError> {
        self.client.structure().await.map(drop)
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let table = self.table(object).await?;
        let schema = table.describe(object, true);
        if let Ok(mut described) = self.described.lock() {
            described.insert(object.clone(), table);
        }
        Ok(schema)
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let pages = try_stream! {
            let is_incremental = request.sync_mode == SyncMode::Incremental;
            let mark = request.cursor.as_ref().filter(|_| is_incremental).map(Mark::read).transpose()?.unwrap_or_default();
            let version = if is_incremental { self.version().await } else { None };
            if version.is_some() && version == mark.version {
                // Nothing changed: an empty page carries the place on.
                return;
            }
            let (mut reading, held) = self.read_whole(&request, &mark).await?;
            for number in 0..held.len() {
                let (first_row, rows) = held.block(number).await?;
                let page = reading.page(first_row, &rows)?;
                let is_last = number + 1 == held.len();
                let cursor = (is_incremental && is_last)
                    .then(|| Mark { version: version.clone(), since: reading.latest().max(mark.since) }.cursor());
                yield Page { cursor, ..page };
            }
            reading.tell();
        };
        pages.boxed()
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn fixtures(&self) -> Option<&dyn Fixtures> {
        Some(self)
    }
}

#[async_trait]
impl Fixtures for SheetsSource {
    async fn fixture(&self, object: &ObjectName) -> Result<FixtureForm, ConnectorError> {
        Ok(form(&self.table(object).await?, object, &self.tables))
    }
}

#[async_trait]
impl Probe for SheetsSource {
    async fn inspect(&self, _objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        Ok(inspect(&self.client))
    }
}

impl Mark {
    fn cursor(&self) -> Cursor {
        Cursor(json!({ "version": self.version, "since": self.since }))
    }

    fn read(cursor: &Cursor) -> Result<Self, ConnectorError> {
        if !cursor.0.is_object() {
            let message = "the stored cursor is none of this connector's";
            return Err(ConnectorError::new(ErrorKind::CursorExpired, "unknown_cursor", message));
        }
        let version = cursor.0["version"].as_str().map(str::to_owned);
        Ok(Self { version, since: cursor.0.get("since").and_then(Json::as_i64) })
    }
}

/// Cuts a table into blocks of rows near 2 MB, by the size of those that came.
struct Blocks {
    next: usize,
    end: usize,
    span: (usize, usize),
    /// Whether the object has no last row: its last block takes in what was added since the tab's size was told.
    is_open: bool,
    rows: usize,
    last_rows: usize,
}

impl Blocks {
    /// Begins at the header, so that it is of the same version as the rows.
    fn new(table: &Table) -> Self {
        let (first, last) = table.place.span;
        let rows = (FIRST_BLOCK_CELLS / (last - first + 1)).max(1);
        let place = &table.place;
        let is_open = place.last_row.is_none();
        Self { next: place.header_row, end: place.end(), span: place.span, is_open, rows, last_rows: 0 }
    }

    fn are_several(&self) -> bool {
        self.end - self.next >= self.rows
    }

    fn is_done(&self) -> bool {
        self.next > self.end
    }

    fn next_area(&mut self) -> Option<Area> {
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
    fn note(&mut self, rows: &Rows) {
        let size = |cell: &Cell| match cell {
            Cell::Text(text) => text.len() + 3,
            Cell::Empty => 3,
            Cell::Number(_) | Cell::Boolean(_) => 12,
        };
        let bytes: usize = rows.iter().map(|row| row.iter().map(size).sum::<usize>() + 3).sum();
        self.rows = (self.last_rows.saturating_mul(PAYLOAD_BYTES) / bytes.max(1)).clamp(1, 10_000_000);
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::place::Place;
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
        let mut blocks = Blocks::new(&Table { place, columns: Vec::new(), zone: Tz::UTC });
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
