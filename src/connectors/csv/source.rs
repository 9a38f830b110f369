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
    file::{Folder, PageSender, Stamp, assemble, background, content_id, joined_id, read_pages, requested},
};
use crate::model::{Cursor, Field, FieldType, ObjectName, Page, ReadReject, Schema, is_reserved};

use super::{
    client::{Item, Place, RecordReader, encoding_hint, read_header},
    config::{CsvConfig, Form},
    limits,
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
        background(move || {
            let (header, _) = read_header(&folder.existing(&object)?, form)?;
            Ok(schema(&object, &header))
        })
        .await
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let (folder, config, form) = (self.folder.clone(), self.config.clone(), self.form);
        read_pages(move |pages| {
            let path = folder.existing(&request.object)?;
            Reading::prepare(path, &request, &config, form)?.run(&request, pages)
        })
    }
}

fn schema(object: &ObjectName, header: &[String]) -> Schema {
    let names = header.iter().filter(|name| !name.is_empty() && !is_reserved(name));
    let fields = names.map(|name| Field::new(name, FieldType::Text)).collect();
    Schema { object: object.clone(), fields, is_open: false }
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
}

impl Reading {
    fn prepare(path: PathBuf, request: &ReadRequest, config: &CsvConfig, form: Form) -> Result<Self, ConnectorError> {
        let stamp = Stamp::of(&path)?;
        let (header, behind_header) = read_header(&path, form)?;
        let fields = requested(request, &schema(&request.object, &header))?;
        let cell_of = |name: &str| header.iter().position(|column| column == name);
        let field_cells = fields
            .iter()
            .filter_map(|field| Some((PlSmallStr::from_str(&field.name), cell_of(&field.name)?)))
            .collect();
        let id_columns = config.id.as_ref().map(|id| id.columns(&request.object)).unwrap_or_default();
        let mut id_cells = Vec::with_capacity(id_columns.len());
        for column in &id_columns {
            id_cells.push(cell_of(column).ok_or_else(|| unknown_id_column(column, &path))?);
        }
        let start = resume(request.cursor.as_ref(), &stamp).unwrap_or(behind_header);
        let null_values = config.null_values.clone();
        Ok(Self { path, form, stamp, header, start, id_cells, field_cells, null_values })
    }

    fn run(&self, request: &ReadRequest, pages: &PageSender) -> Result<(), ConnectorError> {
        tracing::debug!(object = %request.object, line = self.start.line, "csv file opened");
        let mut reader = RecordReader::open(&self.path, self.form, self.start)?;
        let mut page = OpenPage::new(&self.field_cells);
        while let Some(item) = reader.next()? {
            match item {
                Item::Record(record) => {
                    if let Err(reject) = self.take(&record, &mut page, &reader) {
                        page.rejects.push(reject);
                    }
                    page.byte_count += record.as_slice().len();
                    reader.recycle(record);
                }
                Item::Broken { cells, code, reason } => {
                    let hint = if code == "invalid_encoding" { encoding_hint(self.form.encoding) } else { "" };
                    let separator = if hint.is_empty() { "" } else { "; " };
                    page.byte_count += cells.as_slice().len();
                    page.rejects.push(self.reject(&reader, &cells, code, format!("{reason}{separator}{hint}")));
                }
            }
            if page.is_full() {
                let full = std::mem::replace(&mut page, OpenPage::new(&self.field_cells));
                if !pages.send(full.into_page(&self.stamp, reader.place())?) {
                    return Ok(());
                }
            }
        }
        if !page.is_empty() {
            pages.send(page.into_page(&self.stamp, reader.place())?);
        }
        Ok(())
    }

    fn take(&self, record: &StringRecord, page: &mut OpenPage, reader: &RecordReader<'_>) -> Result<(), ReadReject> {
        if record.len() != self.header.len() {
            let code = if record.len() < self.header.len() { "too_few_cells" } else { "too_many_cells" };
            let reason = format!("the line has {} cells, the header has {}", record.len(), self.header.len());
            return Err(self.reject(reader, record, code, reason));
        }
        let id = self.id_of(record, reader)?;
        page.ids.push(id);
        for (column, (_, cell)) in page.columns.iter_mut().zip(&self.field_cells) {
            column.append_option(record.get(*cell).filter(|text| !self.is_null(text)));
        }
        Ok(())
    }

    fn id_of(&self, record: &StringRecord, reader: &RecordReader<'_>) -> Result<String, ReadReject> {
        if self.id_cells.is_empty() {
            return Ok(content_id(record.iter().map(str::as_bytes)));
        }
        let mut values = Vec::with_capacity(self.id_cells.len());
        for cell in &self.id_cells {
            let value = record.get(*cell).unwrap_or_default();
            if self.is_null(value) {
                let name = self.header.get(*cell).cloned().unwrap_or_default();
                let reason = format!("the id column `{name}` has no value");
                return Err(ReadReject { field: Some(name), ..self.reject(reader, record, "missing_id", reason) });
            }
            values.push(value);
        }
        Ok(joined_id(&values))
    }

    fn is_null(&self, text: &str) -> bool {
        text.is_empty() || self.null_values.iter().any(|null| null == text)
    }

    fn reject(&self, reader: &RecordReader<'_>, cells: &StringRecord, code: &str, reason: String) -> ReadReject {
        let id = format!("line {}", reader.line());
        let mut record = Map::new();
        for (name, cell) in self.header.iter().zip(cells) {
            record.insert(name.clone(), Json::from(cell));
        }
        let extra: Vec<Json> = cells.iter().skip(self.header.len()).map(Json::from).collect();
        if !extra.is_empty() {
            record.insert("_extra_cells".to_owned(), Json::from(extra));
        }
        ReadReject { id, field: None, value: None, code: code.to_owned(), reason, record: Json::Object(record) }
    }
}

/// A page in the making.
struct OpenPage {
    ids: Vec<String>,
    columns: Vec<StringChunkedBuilder>,
    rejects: Vec<ReadReject>,
    byte_count: usize,
}

impl OpenPage {
    fn new(fields: &[(PlSmallStr, usize)]) -> Self {
        let columns =
            fields.iter().map(|(name, _)| StringChunkedBuilder::new(name.clone(), limits::PAGE_RECORDS)).collect();
        Self { ids: Vec::new(), columns, rejects: Vec::new(), byte_count: 0 }
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.rejects.is_empty()
    }

    fn is_full(&self) -> bool {
        self.ids.len() + self.rejects.len() >= limits::PAGE_RECORDS || self.byte_count >= limits::PAGE_BYTES
    }

    fn into_page(self, stamp: &Stamp, place: Place) -> Result<Page, ConnectorError> {
        let columns: Vec<Column> = self.columns.into_iter().map(|column| column.finish().into_column()).collect();
        let bookmark = serde_json::to_value(Bookmark { file: stamp.clone(), place });
        let cursor = bookmark.ok().map(Cursor);
        Ok(Page { frame: assemble(self.ids, columns)?, rejects: self.rejects, cursor })
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
