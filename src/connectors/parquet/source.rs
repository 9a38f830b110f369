//! Reads Parquet files.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use polars::prelude::{BooleanChunked, Column, DataFrame, NamedFrom, ParquetReader, PolarsError, SerReader};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::connector::{
    ConnectorError, Context, ErrorKind, ReadRequest, Source,
    file::{Folder, PageSender, Stamp, assemble, background, content_id, file_error, joined_id, read_pages, requested},
};
use crate::model::{Cursor, Field, ObjectName, Page, ReadReject, Schema, Value, is_reserved};

use super::{config::ParquetConfig, limits, schema};

/// A folder of Parquet files, to read.
#[derive(Debug, Clone)]
pub(super) struct ParquetSource {
    folder: Folder,
    config: ParquetConfig,
}

/// Where a read may go on, in which version of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Bookmark {
    file: Stamp,
    /// Records before it.
    record: usize,
}

impl ParquetSource {
    pub(super) fn new(config: ParquetConfig, context: &Context) -> Self {
        let folder = Folder::new(&context.base_dir, &config.path, &["parquet"]);
        Self { folder, config }
    }

    fn read_blocking(&self, request: &ReadRequest, pages: &PageSender) -> Result<(), ConnectorError> {
        let path = self.folder.existing(&request.object)?;
        let stamp = Stamp::of(&path)?;
        let all = columns(&path)?;
        let schema = object_schema(&request.object, &all);
        let fields = requested(request, &schema)?;
        let id_columns = self.config.id.as_ref().map(|id| id.columns(&request.object)).unwrap_or_default();
        if let Some(unknown) = id_columns.iter().find(|name| !all.iter().any(|field| field.name.as_str() == **name)) {
            let message = format!("`{}` has no column `{unknown}`, which option `id` names", path.display());
            return Err(ConnectorError::new(ErrorKind::NotFound, "unknown_field", message));
        }
        let start = resume(request.cursor.as_ref(), &stamp);
        Reading { path, stamp, all, fields, id_columns }.run(start, pages)
    }
}

#[async_trait]
impl Source for ParquetSource {
    async fn check(&self) -> Result<(), ConnectorError> {
        let folder = self.folder.clone();
        background(move || folder.check_readable()).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let (folder, object) = (self.folder.clone(), object.clone());
        background(move || Ok(object_schema(&object, &columns(&folder.existing(&object)?)?))).await
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let source = self.clone();
        read_pages(move |pages| source.read_blocking(&request, pages))
    }
}

/// Returns the columns of a file that records can have.
fn columns(path: &Path) -> Result<Vec<Field>, ConnectorError> {
    let mut reader = open(path)?;
    let schema = reader.schema().map_err(|error| not_parquet(path, &error))?;
    let mut fields = Vec::with_capacity(schema.len());
    for (name, column) in schema.iter() {
        let Some(field_type) = schema::field_type(&column.dtype) else {
            tracing::warn!(column = %name, dtype = ?column.dtype, "parquet column of this type is not read");
            continue;
        };
        fields.push(Field::new(name, field_type));
    }
    Ok(fields)
}

fn object_schema(object: &ObjectName, columns: &[Field]) -> Schema {
    let fields = columns.iter().filter(|field| !is_reserved(&field.name)).cloned().collect();
    Schema { object: object.clone(), fields, is_open: false }
}

fn open(path: &Path) -> Result<ParquetReader<File>, ConnectorError> {
    let file = File::open(path).map_err(|error| file_error("read", path, &error))?;
    Ok(ParquetReader::new(file))
}

/// One read of one file.
struct Reading {
    path: PathBuf,
    stamp: Stamp,
    /// All columns: their content is the id where no id columns are named.
    all: Vec<Field>,
    fields: Vec<Field>,
    id_columns: Vec<String>,
}

impl Reading {
    fn run(&self, start: usize, pages: &PageSender) -> Result<(), ConnectorError> {
        let failed = |error: PolarsError| not_parquet(&self.path, &error);
        let record_count = open(&self.path)?.num_rows().map_err(failed)?;
        let mut record = start;
        while record < record_count {
            let slice = open(&self.path)?
                .with_columns(Some(self.names_to_read()))
                .with_slice(Some((record, limits::SLICE_RECORDS)))
                .finish()
                .map_err(failed)?;
            for offset in (0..slice.height()).step_by(limits::PAGE_RECORDS) {
                let part = slice.slice(i64::try_from(offset).unwrap_or(i64::MAX), limits::PAGE_RECORDS);
                record += part.height();
                if !pages.send(self.page(&part, record)?) {
                    return Ok(());
                }
            }
            if slice.height() == 0 {
                let message = format!("`{}` holds fewer records than it says", self.path.display());
                return Err(ConnectorError::new(ErrorKind::Io, "invalid_parquet", message));
            }
        }
        Ok(())
    }

    fn names_to_read(&self) -> Vec<String> {
        let is_needed = |field: &&Field| {
            self.id_columns.is_empty()
                || self.id_columns.iter().any(|name| *name == *field.name)
                || self.fields.iter().any(|asked| asked.name == field.name)
        };
        self.all.iter().filter(is_needed).map(|field| field.name.to_string()).collect()
    }

    /// Makes the page of some records; `next` is the number of records before the next page.
    fn page(&self, part: &DataFrame, next: usize) -> Result<Page, ConnectorError> {
        let failed = |error: PolarsError| not_parquet(&self.path, &error);
        let mut typed = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let column = part.column(&field.name).map_err(failed)?;
            typed.push(schema::cast(column, field.field_type).map_err(failed)?);
        }
        let ids = self.ids(part).map_err(failed)?;
        let first = next - part.height();
        let mut kept = Vec::with_capacity(ids.len());
        let mut rejects = Vec::new();
        let mut is_kept = Vec::with_capacity(ids.len());
        for (position, id) in ids.into_iter().enumerate() {
            let blame = self.blame(part, &typed, id.as_deref(), position);
            is_kept.push(blame.is_none());
            match (blame, id) {
                (None, Some(id)) => kept.push(id),
                (Some(blame), _) => rejects.push(reject(part, position, first, blame)),
                (None, None) => {}
            }
        }
        let mask = BooleanChunked::new("kept".into(), is_kept);
        let columns = typed.iter().map(|column| column.filter(&mask)).collect::<Result<_, _>>().map_err(failed)?;
        let bookmark = serde_json::to_value(Bookmark { file: self.stamp.clone(), record: next });
        let cursor = bookmark.ok().map(Cursor);
        Ok(Page { frame: assemble(kept, columns)?, rejects, cursor })
    }

    /// Returns the ids of the records; none for one whose id columns have no value.
    fn ids(&self, part: &DataFrame) -> Result<Vec<Option<String>>, PolarsError> {
        let is_content = self.id_columns.is_empty();
        let names: Vec<&str> = if is_content {
            self.all.iter().map(|field| field.name.as_str()).collect()
        } else {
            self.id_columns.iter().map(String::as_str).collect()
        };
        let columns = names.iter().map(|name| part.column(name)).collect::<Result<Vec<_>, _>>()?;
        let mut ids = Vec::with_capacity(part.height());
        for position in 0..part.height() {
            let mut values = Vec::with_capacity(columns.len());
            for column in &columns {
                values.push(text_at(column, position)?);
            }
            if is_content {
                // A value and the lack of one are told apart by their number of parts.
                let parts =
                    values.iter().flat_map(|value| [value.is_some().to_string(), value.clone().unwrap_or_default()]);
                let parts: Vec<String> = parts.collect();
                ids.push(Some(content_id(parts.iter().map(String::as_bytes))));
                continue;
            }
            let given: Option<Vec<&str>> =
                values.iter().map(|value| value.as_deref().filter(|text| !text.is_empty())).collect();
            ids.push(given.map(|values| joined_id(&values)));
        }
        Ok(ids)
    }

    fn blame(&self, part: &DataFrame, typed: &[Column], id: Option<&str>, position: usize) -> Option<Blame> {
        if id.is_none() {
            let reason = format!("the id columns `{}` do not all have a value", self.id_columns.join("`, `"));
            return Some(Blame { code: "missing_id", reason, field: None, value: None });
        }
        for (field, column) in self.fields.iter().zip(typed) {
            let is_lost = column.get(position).is_ok_and(|value| value.is_null());
            let Some(original) = part.column(&field.name).ok().filter(|_| is_lost) else { continue };
            let value = text_at(original, position).ok().flatten();
            if value.is_some() {
                let reason = format!("the value is no {}", field.field_type.as_str());
                return Some(Blame { code: "does_not_fit", reason, field: Some(field.name.to_string()), value });
            }
        }
        None
    }
}

/// Why a record cannot be used, and which field is to blame.
struct Blame {
    code: &'static str,
    reason: String,
    field: Option<String>,
    value: Option<String>,
}

fn reject(part: &DataFrame, position: usize, first: usize, blame: Blame) -> ReadReject {
    let mut record = Map::new();
    for column in part.columns() {
        let text = text_at(column, position).ok().flatten();
        record.insert(column.name().to_string(), text.map_or(Json::Null, Json::from));
    }
    ReadReject {
        id: format!("record {}", first + position + 1),
        field: blame.field,
        value: blame.value,
        code: blame.code.to_owned(),
        reason: blame.reason,
        record: Json::Object(record),
    }
}

/// Returns a cell as text; none where it has no value.
fn text_at(column: &Column, position: usize) -> Result<Option<String>, PolarsError> {
    let any = column.get(position)?;
    if any.is_null() {
        return Ok(None);
    }
    Ok(Some(Value::from_any(&any).map_or_else(|_| any.to_string(), |value| value.to_text())))
}

fn resume(cursor: Option<&Cursor>, stamp: &Stamp) -> usize {
    let bookmark = cursor.and_then(|cursor| serde_json::from_value::<Bookmark>(cursor.0.clone()).ok());
    match bookmark {
        Some(bookmark) if bookmark.file == *stamp => bookmark.record,
        Some(_) => {
            tracing::info!("parquet file changed since the checkpoint, reading it from its beginning");
            0
        }
        None => 0,
    }
}

fn not_parquet(path: &Path, error: &PolarsError) -> ConnectorError {
    let message = format!("`{}` cannot be read as Parquet", path.display());
    ConnectorError::new(ErrorKind::Io, "invalid_parquet", message).with_detail(error.to_string())
}
