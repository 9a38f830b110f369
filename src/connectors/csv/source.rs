//! Reads CSV files.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use csv::StringRecord;
use futures::stream::BoxStream;
use polars::prelude::{Column, IntoColumn, PlSmallStr, StringChunkedBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::connector::{
    ConfigError, ConnectorError, Context, ErrorKind, ReadRequest, Source,
    file::{
        Folder, GarbledTexts, PageSender, Stamp, absent_column, assemble, background, column_of, content_id, joined_id,
        read_pages, refuse_other_encoding, refuse_other_kind, requested,
    },
};
use crate::model::{Cursor, ObjectName, Page, ReadReject, Schema, unguarded};

use super::{
    client::{Header, Item, Place, RecordReader, encoding_hint, read_header},
    config::{CsvConfig, Form},
    limits,
    schema::schema,
};

/// A folder of CSV files, to read.
#[derive(Debug)]
pub(super) struct CsvSource {
    folder: Folder,
    config: CsvConfig,
    form: Form,
}

/// Where a read may go on, in which version of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Bookmark {
    file: Stamp,
    place: Place,
}

impl CsvSource {
    pub(super) fn new(config: CsvConfig, context: &Context) -> Result<Self, ConfigError> {
        let folder = Folder::new(&context.base_dir, &config.path, &["csv", "tsv", "txt"]);
        let form = config.form()?;
        Ok(Self { folder, config, form })
    }
}

#[async_trait]
impl Source for CsvSource {
    async fn check(&self) -> Result<(), ConnectorError> {
        let folder = self.folder.clone();
        background(move || folder.check_readable()).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let (folder, object, form) = (self.folder.clone(), object.clone(), self.form);
        let id_columns = self.config.id_columns(&object);
        background(move || {
            let path = folder.existing(&object)?;
            refuse_other_kind(&path)?;
            refuse_other_encoding(&path, form.encoding)?;
            Ok(schema(&object, &read_header(&path, form)?.names, &id_columns))
        })
        .await
    }

    fn has_content_ids(&self, object: &ObjectName) -> bool {
        self.config.id_columns(object).is_empty()
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let (folder, config, form) = (self.folder.clone(), self.config.clone(), self.form);
        read_pages(move |pages| {
            let path = folder.existing(&request.object)?;
            Reading::prepare(path, &request, &config, form)?.run(&request, pages)
        })
    }
}

/// One read of one file.
struct Reading {
    path: PathBuf,
    form: Form,
    stamp: Stamp,
    header: Vec<String>,
    start: Place,
    /// The places of the id columns; empty where the whole content is the id.
    id_cells: Vec<usize>,
    /// The places of the fields that were asked for.
    field_cells: Vec<(PlSmallStr, usize)>,
    null_values: Vec<String>,
    /// The texts that clear a field; where there are any, an empty cell says nothing.
    clear_words: Vec<String>,
}

impl Reading {
    fn prepare(path: PathBuf, request: &ReadRequest, config: &CsvConfig, form: Form) -> Result<Self, ConnectorError> {
        let stamp = Stamp::of(&path)?;
        refuse_other_kind(&path)?;
        refuse_other_encoding(&path, form.encoding)?;
        let Header { names: header, end, form } = read_header(&path, form)?;
        let id_columns = config.id_columns(&request.object);
        let fields = requested(request, &schema(&request.object, &header, &id_columns))?;
        let cell_of = |name: &str| column_of(name, &header);
        let field_cells = fields
            .iter()
            .filter_map(|field| Some((PlSmallStr::from_str(&field.name), cell_of(&field.name)?)))
            .collect();
        let mut id_cells = Vec::with_capacity(id_columns.len());
        for column in &id_columns {
            id_cells.push(cell_of(column).ok_or_else(|| unknown_id_column(column, &path))?);
        }
        let start = resume(request.cursor.as_ref(), &stamp).unwrap_or(end);
        let (null_values, clear_words) = (config.null_values.clone(), config.clear_words.clone());
        Ok(Self { path, form, stamp, header, start, id_cells, field_cells, null_values, clear_words })
    }

    fn run(&self, request: &ReadRequest, pages: &PageSender) -> Result<(), ConnectorError> {
        tracing::debug!(object = %request.object, line = self.start.line, "csv file opened");
        let mut reader = RecordReader::open(&self.path, self.form, self.start)?;
        let mut page = OpenPage::new(self);
        let mut garbled = GarbledTexts::default();
        let mut blank = BlankLines::default();
        while let Some(item) = reader.next()? {
            match item {
                Item::Record(record) => {
                    if let Err(reject) = self.take(&record, &mut page, &reader, &mut blank) {
                        page.rejects.push(reject);
                    }
                    let loaded = self.field_cells.iter().take(request.fields.len());
                    loaded.filter_map(|(_, cell)| record.get(*cell)).for_each(|text| {
                        garbled.look_at(text, reader.line());
                    });
                    page.byte_count += record.as_slice().len();
                    reader.recycle(record);
                }
                Item::Broken { line, cells, code, reason } => {
                    let hint = if code == "invalid_encoding" { encoding_hint(self.form.encoding) } else { "" };
                    let separator = if hint.is_empty() { "" } else { "; " };
                    page.byte_count += cells.as_slice().len();
                    page.rejects.push(self.reject(line, &cells, code, format!("{reason}{separator}{hint}")));
                }
            }
            // A cursor can only point behind all lines of a record that is refused line by line.
            if page.is_full() && !reader.has_more_broken() {
                let full = std::mem::replace(&mut page, OpenPage::new(self));
                if !pages.send(full.into_page(&self.stamp, reader.place())?) {
                    return Ok(());
                }
            }
        }
        self.stamp.check(&self.path)?;
        garbled.tell(&request.object);
        blank.tell(&request.object);
        if !page.is_empty() {
            pages.send(page.into_page(&self.stamp, reader.place())?);
        }
        Ok(())
    }

    fn take(
        &self,
        record: &StringRecord,
        page: &mut OpenPage,
        reader: &RecordReader<'_>,
        blank: &mut BlankLines,
    ) -> Result<(), ReadReject> {
        let line = reader.line();
        if self.is_blank(record) && !reader.has_quotes() {
            blank.count(line);
            return Ok(());
        }
        // Empty cells behind the last column are lost without harm: many programs end every line with a separator.
        let has_more = record.iter().skip(self.header.len()).any(|cell| !cell.is_empty());
        if record.len() < self.header.len() || has_more {
            let code = if record.len() < self.header.len() { "too_few_cells" } else { "too_many_cells" };
            let reason = format!("the line has {} cells, the header has {}", record.len(), self.header.len());
            return Err(self.reject(line, record, code, reason));
        }
        let id = self.id_of(record, line)?;
        page.ids.push(id);
        for (column, (_, cell)) in page.columns.iter_mut().zip(&self.field_cells) {
            column.append_option(record.get(*cell).filter(|text| !self.is_null(text)).map(|text| self.plain(text)));
        }
        if let Some(absent) = &mut page.absent {
            absent.push(self.unsaid(record));
        }
        Ok(())
    }

    /// Tells whether a line of several cells holds nothing: it is no record.
    fn is_blank(&self, record: &StringRecord) -> bool {
        self.header.len() > 1 && record.iter().all(|cell| cell.trim().is_empty())
    }

    fn id_of(&self, record: &StringRecord, line: u64) -> Result<String, ReadReject> {
        if self.id_cells.is_empty() {
            return Ok(content_id(record.iter().take(self.header.len()).map(str::as_bytes)));
        }
        let mut values = Vec::with_capacity(self.id_cells.len());
        for cell in &self.id_cells {
            let value = record.get(*cell).unwrap_or_default();
            if self.is_null(value) {
                let name = self.header.get(*cell).cloned().unwrap_or_default();
                let reason = format!("the id column `{name}` has no value");
                return Err(ReadReject { field: Some(name), ..self.reject(line, record, "missing_id", reason) });
            }
            values.push(self.plain(value));
        }
        Ok(joined_id(&values))
    }

    /// Returns a cell without the guard that keeps spreadsheets from running it.
    fn plain<'cell>(&self, text: &'cell str) -> &'cell str {
        if self.form.guard_formulas { unguarded(text) } else { text }
    }

    fn is_null(&self, text: &str) -> bool {
        let is_one_of = |words: &[String]| words.iter().any(|word| word == text);
        text.is_empty() || is_one_of(&self.null_values) || is_one_of(&self.clear_words)
    }

    /// Returns the fields that a line says nothing of.
    fn unsaid(&self, record: &StringRecord) -> Vec<String> {
        let says_nothing = |cell: usize| {
            let text = record.get(cell).unwrap_or_default();
            self.is_null(text) && !self.clear_words.iter().any(|word| word == text)
        };
        self.field_cells.iter().filter(|(_, cell)| says_nothing(*cell)).map(|(name, _)| name.to_string()).collect()
    }

    fn reject(&self, line: u64, cells: &StringRecord, code: &str, reason: String) -> ReadReject {
        let id = format!("line {line}");
        let mut record = Map::new();
        for (name, cell) in self.header.iter().zip(cells) {
            record.insert(name.clone(), Json::from(cell));
        }
        let extra: Vec<Json> = cells.iter().skip(self.header.len()).map(Json::from).collect();
        if !extra.is_empty() {
            record.insert("_extra_cells".to_owned(), Json::from(extra));
        }
        ReadReject {
            id,
            has_id: false,
            number: Some(line),
            line: Some(line),
            field: None,
            value: None,
            code: code.to_owned(),
            reason,
            record: Json::Object(record),
        }
    }
}

/// Lines that were left out: they hold separators and blanks and no value.
#[derive(Debug, Default)]
struct BlankLines {
    count: u64,
    first: Option<u64>,
}

impl BlankLines {
    fn count(&mut self, line: u64) {
        self.count += 1;
        self.first.get_or_insert(line);
    }

    fn tell(&self, object: &ObjectName) {
        if let Some(line) = self.first {
            tracing::warn!(%object, lines = self.count, first_at = line, "lines without any value were left out");
        }
    }
}

/// A page in the making.
struct OpenPage {
    ids: Vec<String>,
    columns: Vec<StringChunkedBuilder>,
    /// Of each record the fields that it says nothing of, where a line can tell.
    absent: Option<Vec<Vec<String>>>,
    rejects: Vec<ReadReject>,
    byte_count: usize,
}

impl OpenPage {
    fn new(reading: &Reading) -> Self {
        let fields = &reading.field_cells;
        let columns =
            fields.iter().map(|(name, _)| StringChunkedBuilder::new(name.clone(), limits::PAGE_RECORDS)).collect();
        Self {
            ids: Vec::new(),
            columns,
            absent: (!reading.clear_words.is_empty()).then(Vec::new),
            rejects: Vec::new(),
            byte_count: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.rejects.is_empty()
    }

    fn is_full(&self) -> bool {
        self.ids.len() + self.rejects.len() >= limits::PAGE_RECORDS || self.byte_count >= limits::PAGE_BYTES
    }

    fn into_page(self, stamp: &Stamp, place: Place) -> Result<Page, ConnectorError> {
        let mut columns: Vec<Column> = self.columns.into_iter().map(|column| column.finish().into_column()).collect();
        columns.extend(self.absent.as_deref().map(absent_column));
        let bookmark = serde_json::to_value(Bookmark { file: stamp.clone(), place });
        let cursor = bookmark.ok().map(Cursor);
        Ok(Page { frame: assemble(self.ids, columns)?, rejects: self.rejects, cursor, left: None })
    }
}

/// Returns where the cursor leads, if the file is still the same.
fn resume(cursor: Option<&Cursor>, stamp: &Stamp) -> Option<Place> {
    let bookmark: Bookmark = serde_json::from_value(cursor?.0.clone()).ok()?;
    if bookmark.file != *stamp {
        tracing::info!("csv file changed since the checkpoint, reading it from its beginning");
        return None;
    }
    Some(bookmark.place)
}

fn unknown_id_column(column: &str, path: &Path) -> ConnectorError {
    let message = format!("`{}` has no column `{column}`, which option `id` names", path.display());
    ConnectorError::new(ErrorKind::NotFound, "unknown_field", message)
}
