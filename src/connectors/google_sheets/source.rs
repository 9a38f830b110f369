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
    blocks::{Blocks, version},
    client::{Render, SheetsClient},
    config::Tables,
    fixture::form,
    inspection::inspect,
    limits::{MAX_READ_AGAIN, READ_BLOCK},
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
            let mut blocks = Blocks::new(&table, READ_BLOCK);
            let before = if blocks.are_several() { version(&self.client).await } else { None };
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
            if is_same_header && (before.is_none() || before == version(&self.client).await) {
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
            let version = if is_incremental { version(&self.client).await } else { None };
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
