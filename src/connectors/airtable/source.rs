//! Reads tables: pages of typed records, whole or since the last complete read.
//!
//! An offset of Airtable's lives for minutes and is no place to resume from, so the pages of a read carry no cursor until the
//! last one, whose cursor is the time at which the read began. Pages are read ahead of the consumer, so that an offset does
//! not age while a destination is slow. If it expires all the same, the listing starts over and the records that were
//! yielded already are passed over: their ids are remembered (a base holds some 500,000 records at most, about 30 MB).

use std::collections::HashSet;

use async_stream::stream;
use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::stream::BoxStream;
use polars::{error::PolarsResult, frame::DataFrame};
use serde_json::{Value as Json, json};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::connector::{ConnectorError, ErrorKind, FixtureForm, Fixtures, Inspection, Probe, ReadRequest, Source};
use crate::model::{
    Cursor, DELETED, FieldType, ID, ObjectName, Page, ReadReject, Schema, SyncMode, UPDATED_AT, Value, column,
    link_field,
};

use super::{
    client::{AirtableClient, ListedPage, Listing, RawRecord},
    errors::unexpected,
    fixture, formula,
    inspection::inspect,
    limits::{MAX_BARREN_RESTARTS, MAX_PAGES_AHEAD, OVERLAP},
    schema::{Kind, Misfit, Table, TableField, decode},
};

/// Reads one base.
#[derive(Debug)]
pub(super) struct AirtableSource {
    client: AirtableClient,
}

impl AirtableSource {
    /// Makes the source of a base. Does no I/O.
    pub(super) fn new(client: AirtableClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Source for AirtableSource {
    async fn check(&self) -> Result<(), ConnectorError> {
        self.client.base().await.map(drop)
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        self.client.base().await?.describe(object, true)
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let client = self.client.clone();
        Box::pin(stream! {
            let mut pages = ReadAhead::start(client, request);
            while let Some(page) = pages.next().await {
                yield page;
            }
        })
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn fixtures(&self) -> Option<&dyn Fixtures> {
        Some(self)
    }
}

#[async_trait]
impl Probe for AirtableSource {
    async fn inspect(&self, _objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        inspect(&self.client, &["data.records:read", "schema.bases:read"], false).await
    }
}

#[async_trait]
impl Fixtures for AirtableSource {
    async fn fixture(&self, object: &ObjectName) -> Result<FixtureForm, ConnectorError> {
        fixture::form(&self.client, object).await
    }
}

/// Pages that a task of its own reads ahead; the task ends when this is dropped.
struct ReadAhead {
    pages: mpsc::Receiver<Result<Page, ConnectorError>>,
    task: Option<JoinHandle<()>>,
}

impl ReadAhead {
    fn start(client: AirtableClient, request: ReadRequest) -> Self {
        let (sender, pages) = mpsc::channel(MAX_PAGES_AHEAD);
        let task = tokio::spawn(async move {
            if let Err(error) = read_all(&client, &request, &sender).await {
                // Nobody listens any more where this fails.
                let _ = sender.send(Err(error)).await;
            }
        });
        Self { pages, task: Some(task) }
    }

    async fn next(&mut self) -> Option<Result<Page, ConnectorError>> {
        if let Some(page) = self.pages.recv().await {
            return Some(page);
        }
        // A task that broke off must not look like the end of the table.
        let broken = self.task.take()?.await.err()?;
        Some(Err(ConnectorError::new(ErrorKind::Unexpected, "reader_stopped", format!("the reader stopped: {broken}"))))
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// One column of the frames, beside Ferry's own.
struct ReadColumn<'table> {
    name: String,
    field_type: FieldType,
    field: &'table TableField,
    /// Whether it is looked at and not loaded.
    is_shown: bool,
}

/// What a read needs to know of its table.
struct Plan<'table> {
    table: &'table Table,
    columns: Vec<ReadColumn<'table>>,
    modified_time: Option<&'table TableField>,
    listing: Listing,
}

async fn read_all(
    client: &AirtableClient,
    request: &ReadRequest,
    pages: &mpsc::Sender<Result<Page, ConnectorError>>,
) -> Result<(), ConnectorError> {
    let base = client.base().await?;
    let table = base.table(&request.object)?;
    let mut columns = Vec::with_capacity(request.links.len() + request.fields.len());
    for object in &request.links {
        let field = base.link_field_to(table, object)?;
        columns.push(ReadColumn { name: link_field(object), field_type: FieldType::Link, field, is_shown: false });
    }
    for name in &request.fields {
        let field = table.field(name)?;
        let field_type = field.kind.field_type();
        columns.push(ReadColumn { name: name.to_string(), field_type, field, is_shown: false });
    }
    for name in &request.shown {
        let Ok(field) = table.field(name) else { continue };
        let field_type = field.kind.field_type();
        columns.push(ReadColumn { name: name.to_string(), field_type, field, is_shown: true });
    }
    let plan = Plan::new(table, columns, request)?;

    let mut since: Option<DateTime<Utc>> = None;
    let mut seen: HashSet<Box<str>> = HashSet::new();
    let mut offset: Option<String> = None;
    let mut restarts = Restarts::default();
    loop {
        let asked_at = client.clock().now();
        let listed = match client.list(table, &plan.listing, offset.as_deref()).await {
            Ok(listed) => listed,
            Err(error) if error.kind == ErrorKind::CursorExpired && offset.is_some() => {
                restarts.count(seen.len(), error)?;
                offset = None;
                continue;
            }
            Err(error) => return Err(error),
        };
        // The earlier of both clocks: whichever is ahead, no change is missed by the next incremental read.
        let began = *since.get_or_insert_with(|| listed.answered_at.map_or(asked_at, |there| there.min(asked_at)));
        let ListedPage { records, offset: next, request: asked, .. } = listed;
        let fresh: Vec<RawRecord> =
            records.into_iter().filter(|record| seen.insert(record.id.as_str().into())).collect();
        if fresh.is_empty() && next.is_some() {
            restarts.count_barren_page(seen.len()).map_err(|error| error.about_page(&asked))?;
            offset = next;
            continue;
        }
        restarts.barren_pages = 0;
        let is_last_of_sync = next.is_none() && request.sync_mode == SyncMode::Incremental;
        let page = plan.page(&fresh, is_last_of_sync.then(|| cursor(began)));
        let page = page.map_err(|error| error.about_page(&asked))?;
        if pages.send(Ok(page)).await.is_err() || next.is_none() {
            return Ok(());
        }
        offset = next;
    }
}

/// Empty pages in a row that are put up with, beside those that a new listing passes over.
const BARREN_PAGES: usize = 10;

fn going_round() -> ConnectorError {
    ConnectorError::new(ErrorKind::Unexpected, "stuck", "Airtable's pages lead back to where they began")
}

/// Counts how often a listing started over and how many pages brought nothing new, so that an endless one is given up.
#[derive(Default)]
struct Restarts {
    seen_count: usize,
    barren: u32,
    /// Pages in a row that brought nothing new.
    barren_pages: usize,
}

impl Restarts {
    /// A listing that started over passes over at most as many pages as there are records seen; one that goes round in circles
    /// passes over more.
    fn count_barren_page(&mut self, seen_count: usize) -> Result<(), ConnectorError> {
        self.barren_pages += 1;
        if self.barren_pages <= seen_count + BARREN_PAGES { Ok(()) } else { Err(going_round()) }
    }

    fn count(&mut self, seen_count: usize, error: ConnectorError) -> Result<(), ConnectorError> {
        self.barren = if seen_count > self.seen_count { 0 } else { self.barren + 1 };
        self.seen_count = seen_count;
        tracing::info!(records = seen_count, "the listing's offset ended and it is begun anew");
        if self.barren < MAX_BARREN_RESTARTS { Ok(()) } else { Err(error) }
    }
}

impl<'table> Plan<'table> {
    fn new(
        table: &'table Table,
        columns: Vec<ReadColumn<'table>>,
        request: &ReadRequest,
    ) -> Result<Self, ConnectorError> {
        let modified_time = table.modified_time();
        let mut fields: Vec<String> = Vec::with_capacity(columns.len() + 1);
        for field in columns.iter().map(|column| column.field).chain(modified_time) {
            if !fields.contains(&field.id) {
                fields.push(field.id.clone());
            }
        }
        if fields.is_empty() {
            // No field named would mean every field.
            fields.extend(table.primary_field_id.clone());
        }
        let mut conditions = Vec::new();
        if let (SyncMode::Incremental, Some(cursor)) = (request.sync_mode, &request.cursor) {
            let since = read_cursor(cursor)?;
            let overlap = TimeDelta::from_std(OVERLAP).unwrap_or_default();
            conditions.push(formula::changed_since(since.checked_sub_signed(overlap).unwrap_or(since)));
        }
        if let Some(predicate) = &request.filter {
            conditions.extend(formula::filter(table, predicate));
        }
        let listing = Listing { fields, formula: formula::all(conditions) };
        Ok(Self { table, columns, modified_time, listing })
    }

    fn page(&self, records: &[RawRecord], cursor: Option<Cursor>) -> Result<Page, ConnectorError> {
        self.check_known(records)?;
        let mut own: [Vec<Value>; 3] = Default::default();
        let mut cells: Vec<Vec<Value>> = self.columns.iter().map(|_| Vec::with_capacity(records.len())).collect();
        let mut rejects = Vec::new();
        for record in records {
            match self.decode(record) {
                Ok(values) => {
                    cells.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
                    own[0].push(Value::Text(record.id.clone()));
                    own[1].push(self.updated_at(record));
                    own[2].push(Value::Boolean(false));
                }
                Err(reject) => rejects.push(reject),
            }
        }
        let frame = self.frame(&own, &cells).map_err(|error| unexpected(&error.to_string()))?;
        Ok(Page { frame, rejects, cursor, left: None })
    }

    /// Refuses a page whose cells are all of other fields: empty cells would look like empty records.
    fn check_known(&self, records: &[RawRecord]) -> Result<(), ConnectorError> {
        let is_known = |record: &RawRecord| self.listing.fields.iter().any(|field| record.fields.contains_key(field));
        if records.iter().all(|record| record.fields.is_empty()) || records.iter().any(is_known) {
            return Ok(());
        }
        Err(unexpected("a page holds none of the fields that were asked for"))
    }

    fn decode(&self, record: &RawRecord) -> Result<Vec<Value>, ReadReject> {
        let value = |column: &ReadColumn<'_>| match column.field.value(&record.fields) {
            Err(_) if column.is_shown => Ok(Value::Null),
            value => value.map_err(|misfit| self.reject(record, column.field, &misfit)),
        };
        self.columns.iter().map(value).collect()
    }

    fn reject(&self, record: &RawRecord, field: &TableField, misfit: &Misfit) -> ReadReject {
        let cell = record.fields.get(&field.id);
        let text = cell.map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned));
        ReadReject {
            has_id: true,
            number: None,
            line: None,
            id: record.id.clone(),
            field: Some(field.name.clone()),
            value: text,
            code: misfit.code.to_owned(),
            reason: misfit.reason.to_owned(),
            record: Json::Object(self.table.named(&record.fields)),
        }
    }

    /// The moment of the last change, where the table has a field that keeps it. A table without one tells none: the time of
    /// creation would be wrong for every record that was edited since.
    fn updated_at(&self, record: &RawRecord) -> Value {
        let Some(field) = self.modified_time else { return Value::Null };
        match field.value(&record.fields) {
            Ok(moment @ Value::DateTime(_)) => moment,
            // Never edited.
            _ => decode(&Kind::CreatedTime, &record.created_time).unwrap_or_default(),
        }
    }

    fn frame(&self, own: &[Vec<Value>; 3], cells: &[Vec<Value>]) -> PolarsResult<DataFrame> {
        let [ids, moments, flags] = own;
        let mut columns = vec![
            column(ID, FieldType::Text, ids)?,
            column(UPDATED_AT, FieldType::Datetime, moments)?,
            column(DELETED, FieldType::Boolean, flags)?,
        ];
        for (read, values) in self.columns.iter().zip(cells) {
            columns.push(column(&read.name, read.field_type, values)?);
        }
        DataFrame::new(ids.len(), columns)
    }
}

fn cursor(began: DateTime<Utc>) -> Cursor {
    Cursor(json!({ "since": began.to_rfc3339_opts(SecondsFormat::Millis, true) }))
}

fn read_cursor(cursor: &Cursor) -> Result<DateTime<Utc>, ConnectorError> {
    let since = cursor.0.get("since").and_then(Json::as_str);
    let moment = since.and_then(|since| DateTime::parse_from_rfc3339(since).ok());
    moment.map(|moment| moment.to_utc()).ok_or_else(|| {
        ConnectorError::new(ErrorKind::CursorExpired, "unknown_cursor", "the stored cursor is none of this connector's")
    })
}
