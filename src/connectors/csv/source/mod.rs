//! Reads CSV files.

mod columns;
mod page;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use csv::StringRecord;
use futures::stream::BoxStream;
use polars::prelude::PlSmallStr;
use serde_json::{Map, Value as Json};

use crate::connector::{
    ConfigError, ConnectorError, Context, ErrorKind, ReadRequest, ReadWhole, Source,
    file::{
        Folder, PageSender, Stamp, background, column_of, content_id, joined_id, read_pages, refuse_other_encoding,
        refuse_other_kind, requested,
    },
};
use crate::model::{ObjectName, Page, ReadReject, Schema, unguarded};

use self::page::{BlankLines, Findings, OpenPage, resume};
use super::{
    client::{Header, Item, Place, RecordReader, encoding_hint, read_header},
    config::{CsvConfig, Form},
    schema::schema,
};

/// A folder of CSV files, to read.
#[derive(Debug)]
pub(super) struct CsvSource {
    folder: Folder,
    config: CsvConfig,
    form: Form,
}

impl CsvSource {
    pub(super) fn new(config: CsvConfig, context: &Context) -> Result<Self, ConfigError> {
        let folder = Folder::new(&context.base_dir, &config.path, super::ENDINGS);
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

    fn whole(&self) -> Option<&dyn ReadWhole> {
        Some(self)
    }
}

impl ReadWhole for CsvSource {
    fn read_whole(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let (folder, config, form) = (self.folder.clone(), self.config.clone(), self.form);
        read_pages(move |pages| {
            let path = folder.existing(&request.object)?;
            Reading::prepare(path, &request, &config, form)?.run_in_columns(&request, pages)
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
        let mut findings = Findings::default();
        if self.run_strictly(request, (self.start, usize::MAX), &mut findings, pages)? == Ended::AtEnd {
            findings.tell(&request.object);
        }
        Ok(())
    }

    /// Reads record by record from a place on, until so many are read.
    fn run_strictly(
        &self,
        request: &ReadRequest,
        (start, most): (Place, usize),
        findings: &mut Findings,
        pages: &PageSender,
    ) -> Result<Ended, ConnectorError> {
        tracing::debug!(object = %request.object, line = start.line, "csv file opened");
        let mut reader = RecordReader::open(&self.path, self.form, start)?;
        let mut page = self.open_page();
        let mut left = most;
        let ended = loop {
            // A cursor can only point behind all lines of a record that is refused line by line.
            if left == 0 && !reader.has_more_broken() {
                break Ended::At(reader.place());
            }
            let Some(item) = reader.next()? else { break Ended::AtEnd };
            left = left.saturating_sub(1);
            match item {
                Item::Record(record) => {
                    if let Err(reject) = self.take(&record, &mut page, &reader, &mut findings.blank) {
                        page.rejects.push(reject);
                    }
                    let loaded = self.field_cells.iter().take(request.fields.len());
                    loaded.filter_map(|(_, cell)| record.get(*cell)).for_each(|text| {
                        findings.garbled.look_at(text, reader.line());
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
            if page.is_full() && !reader.has_more_broken() {
                let full = std::mem::replace(&mut page, self.open_page());
                if !pages.send(full.into_page(&self.stamp, reader.place())?) {
                    return Ok(Ended::Unwanted);
                }
            }
        };
        // Before the last page is handed over: a file that changed meanwhile has none.
        if ended == Ended::AtEnd {
            self.stamp.check(&self.path)?;
        }
        if !page.is_empty() && !pages.send(page.into_page(&self.stamp, reader.place())?) {
            return Ok(Ended::Unwanted);
        }
        Ok(ended)
    }

    fn open_page(&self) -> OpenPage {
        OpenPage::new(self.field_cells.iter().map(|(name, _)| name), (!self.clear_words.is_empty()).then(Vec::new))
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

/// Why reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The file is at its end.
    AtEnd,
    /// As much was read as was wanted, up to a place.
    At(Place),
    /// Nobody takes the pages any more.
    Unwanted,
}

fn unknown_id_column(column: &str, path: &Path) -> ConnectorError {
    let message = format!("`{}` has no column `{column}`, which option `id` names", path.display());
    ConnectorError::new(ErrorKind::NotFound, "unknown_field", message)
}
