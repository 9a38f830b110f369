//! Reads sheets of workbooks.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono_tz::Tz;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::connector::{
    ConfigError, ConnectorError, Context, ErrorKind, ReadRequest, Source,
    file::{
        Folder, GarbledTexts, PageSender, Stamp, assemble, background, column_of, content_id, joined_id, read_pages,
        requested,
    },
};
use crate::model::{Cursor, Field, FieldType, ObjectName, Page, ReadReject, Schema, Value, column};
use crate::workbook::Cell;

use super::{
    client::{Scan, is_null, open, place, read_header, sheet_name, unreadable},
    config::ExcelConfig,
    limits,
    schema::{Misfit, decode, schema},
};

/// What sheets were found to hold, with the version of the workbook.
type Known = HashMap<ObjectName, (Stamp, Arc<Scan>)>;

/// A workbook, to read.
#[derive(Debug, Clone)]
pub(super) struct ExcelSource {
    folder: Folder,
    config: ExcelConfig,
    zone: Tz,
    known: Arc<Mutex<Known>>,
}

/// Where a read may go on, in which version of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Bookmark {
    file: Stamp,
    /// The last row that was read.
    row: u32,
}

impl ExcelSource {
    pub(super) fn new(config: ExcelConfig, context: &Context) -> Result<Self, ConfigError> {
        let folder = Folder::one_file(&context.base_dir, &config.path);
        let zone = config.zone()?;
        Ok(Self { folder, config, zone, known: Arc::default() })
    }

    /// Returns what the whole sheet holds.
    fn scan(&self, object: &ObjectName) -> Result<Arc<Scan>, ConnectorError> {
        let path = self.folder.existing(object)?;
        let stamp = Stamp::of(&path)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(object).cloned();
        if let Some((_, scan)) = known.filter(|(known, _)| *known == stamp) {
            return Ok(scan);
        }
        let mut book = open(&path)?;
        let sheet = sheet_name(&path, &book, object)?;
        let header_row = self.config.header_row(object);
        let scan = Arc::new(read_header(&path, &mut book, &sheet, header_row, &self.config.null_values)?);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(object.clone(), (stamp, Arc::clone(&scan)));
        Ok(scan)
    }

    fn read_blocking(&self, request: &ReadRequest, pages: &PageSender) -> Result<(), ConnectorError> {
        let object = &request.object;
        let path = self.folder.existing(object)?;
        let stamp = Stamp::of(&path)?;
        let scan = self.scan(object)?;
        let id_columns = self.config.id_columns(object);
        let fields = requested(request, &schema(object, &scan, &id_columns))?;
        let names = scan.header.names();
        let place_of =
            |name: &str| column_of(name, &names).and_then(|at| scan.header.columns.get(at)).map(|(at, _)| *at);
        let mut id_places = Vec::with_capacity(id_columns.len());
        for name in &id_columns {
            id_places.push(place_of(name).ok_or_else(|| unknown_id_column(name, object, &path))?);
        }
        let fields: Vec<(Field, u32)> =
            fields.into_iter().filter_map(|field| Some((field.clone(), place_of(&field.name)?))).collect();
        let loaded = request.fields.len();
        let mut book = open(&path)?;
        let sheet = sheet_name(&path, &book, object)?;
        let used = fields.iter().take(loaded).map(|(_, place)| place).chain(&id_places);
        for column in used {
            if let Some(row) = scan.open_formulas.get(column) {
                return Err(open_formula(&path, &place(&sheet, *column, *row)));
            }
        }
        let mut reading = Reading {
            sheet: sheet.clone(),
            stamp,
            scan,
            fields,
            loaded,
            id_places,
            null_values: self.config.null_values.clone(),
            zone: self.zone,
            garbled: GarbledTexts::default(),
            page: OpenPage::default(),
        };
        let start = reading.resume(request.cursor.as_ref());
        let mut outcome = Ok(true);
        let read = book.for_each_row(&sheet, |row, cells| {
            if row <= start {
                return true;
            }
            reading.take(row, cells);
            if reading.page.is_full() {
                outcome = reading.send(pages);
            }
            matches!(outcome, Ok(true))
        });
        read.map_err(|error| unreadable(&path, error))?;
        if !outcome? {
            return Ok(());
        }
        reading.stamp.check(&path)?;
        reading.tell(object);
        reading.send(pages).map(|_| ())
    }
}

#[async_trait]
impl Source for ExcelSource {
    async fn check(&self) -> Result<(), ConnectorError> {
        let folder = self.folder.clone();
        background(move || {
            folder.check_readable()?;
            open(folder.path()).map(|_| ())
        })
        .await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let (source, object) = (self.clone(), object.clone());
        background(move || Ok(schema(&object, &*source.scan(&object)?, &source.config.id_columns(&object)))).await
    }

    fn has_content_ids(&self, object: &ObjectName) -> bool {
        self.config.id_columns(object).is_empty()
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let source = self.clone();
        read_pages(move |pages| source.read_blocking(&request, pages))
    }
}

/// One read of one sheet.
struct Reading {
    sheet: String,
    stamp: Stamp,
    scan: Arc<Scan>,
    /// The fields that were asked for, with the places of their columns.
    fields: Vec<(Field, u32)>,
    /// How many of the fields are loaded; those behind are shown.
    loaded: usize,
    /// The places of the id columns; empty where the whole content is the id.
    id_places: Vec<u32>,
    null_values: Vec<String>,
    zone: Tz,
    garbled: GarbledTexts,
    page: OpenPage,
}

/// A page in the making.
#[derive(Default)]
struct OpenPage {
    ids: Vec<String>,
    /// The values by field.
    values: Vec<Vec<Value>>,
    rejects: Vec<ReadReject>,
    byte_count: usize,
    last_row: u32,
}

impl OpenPage {
    fn is_full(&self) -> bool {
        self.ids.len() + self.rejects.len() >= limits::PAGE_RECORDS || self.byte_count >= limits::PAGE_BYTES
    }
}

impl Reading {
    /// Returns the last row that is not read any more: the header, or the last one that was loaded.
    fn resume(&self, cursor: Option<&Cursor>) -> u32 {
        let header = self.scan.header.row;
        let bookmark = cursor.and_then(|cursor| serde_json::from_value::<Bookmark>(cursor.0.clone()).ok());
        match bookmark {
            Some(bookmark) if bookmark.file == self.stamp => bookmark.row.max(header),
            Some(_) => {
                tracing::info!("workbook changed since the checkpoint, reading it from its beginning");
                header
            }
            None => header,
        }
    }

    fn take(&mut self, row: u32, cells: &[(u32, Cell)]) {
        self.page.last_row = row;
        let is_named = |place: u32| self.scan.header.columns.binary_search_by_key(&place, |(place, _)| *place).is_ok();
        let is_record = cells.iter().any(|(place, cell)| is_named(*place) && !cell.text().trim().is_empty());
        if !is_record {
            return;
        }
        let id = self.id_of(row, cells);
        // A person finds a record without an id column by its row, not by a hash.
        let known_id = id.as_ref().ok().filter(|_| !self.id_places.is_empty()).cloned();
        match id.and_then(|id| Ok((id, self.values_of(row, cells)?))) {
            Ok((id, values)) => {
                for value in values.iter().take(self.loaded) {
                    if let Value::Text(text) = value {
                        self.garbled.look_at(text, row.into());
                    }
                    self.page.byte_count += if let Value::Text(text) = value { text.len() } else { size_of::<Value>() };
                }
                self.page.ids.push(id);
                self.page.values.resize_with(values.len(), Vec::new);
                self.page.values.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
            }
            Err(blame) => {
                let reject = self.reject(row, cells, known_id, *blame);
                self.page.rejects.push(reject);
            }
        }
    }

    fn id_of(&self, row: u32, cells: &[(u32, Cell)]) -> Result<String, Box<Blame>> {
        if self.id_places.is_empty() {
            let named = self.scan.header.columns.iter().map(|(place, _)| cell_at(cells, *place).text());
            let texts: Vec<String> = named.collect();
            return Ok(content_id(texts.iter().map(String::as_bytes)));
        }
        let mut values = Vec::with_capacity(self.id_places.len());
        for place in &self.id_places {
            let cell = cell_at(cells, *place);
            let blame = |code, reason: String| Box::new(self.blame(row, *place, cell, code, &reason));
            match cell {
                Cell::Error(_) | Cell::TooLong(_) => {
                    let Err(Misfit { code, reason }) = decode(cell, FieldType::Text, self.zone) else { continue };
                    return Err(blame(code, reason));
                }
                cell if cell.text().is_empty() || is_null(cell, &self.null_values) => {
                    return Err(blame("missing_id", "has no value, and it identifies the record".to_owned()));
                }
                cell => values.push(cell.text()),
            }
        }
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Ok(joined_id(&values))
    }

    fn values_of(&self, row: u32, cells: &[(u32, Cell)]) -> Result<Vec<Value>, Box<Blame>> {
        let mut values = Vec::with_capacity(self.fields.len());
        for (position, (field, place)) in self.fields.iter().enumerate() {
            let cell = cell_at(cells, *place);
            if is_null(cell, &self.null_values) {
                values.push(Value::Null);
                continue;
            }
            match decode(cell, field.field_type, self.zone) {
                Ok(value) => values.push(value),
                Err(_) if position >= self.loaded => values.push(Value::Null),
                Err(Misfit { code, reason }) => return Err(Box::new(self.blame(row, *place, cell, code, &reason))),
            }
        }
        Ok(values)
    }

    fn blame(&self, row: u32, column: u32, cell: &Cell, code: &'static str, reason: &str) -> Blame {
        let reason = format!("cell {} {reason}", place(&self.sheet, column, row));
        let name = self.scan.header.columns.iter().find(|(place, _)| *place == column).map(|(_, name)| name.clone());
        Blame { code, reason, field: name, value: Some(cell.text()).filter(|text| !text.is_empty()) }
    }

    fn reject(&self, row: u32, cells: &[(u32, Cell)], known_id: Option<String>, blame: Blame) -> ReadReject {
        let mut record = Map::new();
        for (place, name) in &self.scan.header.columns {
            record.insert(name.clone(), json_of(cell_at(cells, *place)));
        }
        ReadReject {
            has_id: known_id.is_some(),
            id: known_id.unwrap_or_else(|| format!("row {row}")),
            number: Some(row.into()),
            line: Some(row.into()),
            field: blame.field,
            value: blame.value,
            code: blame.code.to_owned(),
            reason: blame.reason,
            record: Json::Object(record),
        }
    }

    /// Hands a page over; nothing where it is empty. Returns false when nobody reads any more.
    fn send(&mut self, pages: &PageSender) -> Result<bool, ConnectorError> {
        let open = std::mem::take(&mut self.page);
        if open.ids.is_empty() && open.rejects.is_empty() {
            return Ok(true);
        }
        let mut columns = Vec::with_capacity(self.fields.len());
        for (position, (field, _)) in self.fields.iter().enumerate() {
            let values = open.values.get(position).map(Vec::as_slice).unwrap_or_default();
            let made = column(&field.name, field.field_type, values);
            let failed = |error: polars::error::PolarsError| {
                ConnectorError::new(ErrorKind::Unexpected, "file_error", error.to_string())
            };
            columns.push(made.map_err(failed)?);
        }
        let bookmark = serde_json::to_value(Bookmark { file: self.stamp.clone(), row: open.last_row });
        let cursor = bookmark.ok().map(Cursor);
        Ok(pages.send(Page { frame: assemble(open.ids, columns)?, rejects: open.rejects, cursor, left: None }))
    }

    fn tell(&self, object: &ObjectName) {
        self.garbled.tell(object);
        if let Some(first) = &self.scan.first_unnamed {
            tracing::warn!(%object, cells = self.scan.unnamed, first_at = first.as_str(), "cells in columns without a name were left out");
        }
    }
}

/// Why a record cannot be used, and which field is to blame.
struct Blame {
    code: &'static str,
    reason: String,
    field: Option<String>,
    value: Option<String>,
}

fn cell_at(cells: &[(u32, Cell)], place: u32) -> &Cell {
    cells
        .binary_search_by_key(&place, |(place, _)| *place)
        .ok()
        .and_then(|at| cells.get(at))
        .map_or(&Cell::Empty, |(_, cell)| cell)
}

fn json_of(cell: &Cell) -> Json {
    match cell {
        Cell::Empty => Json::Null,
        Cell::Boolean(flag) => Json::from(*flag),
        other => Json::from(other.text()),
    }
}

fn unknown_id_column(column: &str, object: &ObjectName, path: &Path) -> ConnectorError {
    let message = format!("sheet `{object}` of `{}` has no column `{column}`, which option `id` names", path.display());
    ConnectorError::new(ErrorKind::NotFound, "unknown_field", message)
}

fn open_formula(path: &Path, place: &str) -> ConnectorError {
    let message = format!("cell {place} of `{}` is a formula without its result", path.display());
    ConnectorError::new(ErrorKind::Io, "open_formula", message)
        .with_hint("open the workbook in a spreadsheet and save it: that computes its formulas")
}
