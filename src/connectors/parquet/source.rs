//! Reads Parquet files.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures::stream::BoxStream;
use polars::prelude::{BooleanChunked, Column, DataFrame, NamedFrom, PolarsError, PolarsResult, SerReader};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::connector::{
    ConnectorError, Context, ErrorKind, ReadRequest, Source,
    file::{
        Folder, PageSender, Stamp, assemble, background, content_id, field_name, joined_id, own_name, read_pages,
        requested,
    },
};
use crate::model::{Cursor, Field, ObjectName, Page, ReadReject, Schema, Value, column};

use super::{
    client::{FileColumn, columns, not_parquet, open},
    config::ParquetConfig,
    limits,
    schema::{self, Reading},
};

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
        let folder = Folder::new(&context.base_dir, &config.path, super::ENDINGS);
        Self { folder, config }
    }

    fn read_blocking(&self, request: &ReadRequest, pages: &PageSender) -> Result<(), ConnectorError> {
        let path = self.folder.existing(&request.object)?;
        let stamp = Stamp::of(&path)?;
        let all = columns(&path)?;
        let id_columns = self.id_columns(&request.object);
        let asked = requested(request, &object_schema(&request.object, &all, &id_columns))?;
        let column = |name: &str| all.iter().find(|column| column.name == name);
        let fields: Vec<FieldColumn> = asked
            .into_iter()
            .filter_map(|field| Some(FieldColumn { column: column(own_name(&field.name))?.clone(), field }))
            .filter(|asked| request.fields.contains(&asked.field.name) || asked.is_readable())
            .collect();
        // A file without columns has no record that lacks an id.
        if let Some(unknown) = id_columns.iter().find(|name| column(name).is_none() && !all.is_empty()) {
            let message = format!("`{}` has no column `{unknown}`, which option `id` names", path.display());
            return Err(ConnectorError::new(ErrorKind::NotFound, "unknown_field", message));
        }
        let is_loaded = |asked: &&FieldColumn| request.fields.contains(&asked.field.name);
        let loaded = fields.iter().filter(is_loaded).count();
        refuse_unreadable(&path, &all, fields.get(..loaded).unwrap_or_default(), &id_columns)?;
        let start = resume(request.cursor.as_ref(), &stamp);
        FileRead { path, stamp, all, fields, loaded, id_columns }.run(start, pages)
    }

    fn id_columns(&self, object: &ObjectName) -> Vec<String> {
        self.config.id.as_ref().map(|id| id.columns(object)).unwrap_or_default()
    }
}

#[async_trait]
impl Source for ParquetSource {
    async fn check(&self) -> Result<(), ConnectorError> {
        let folder = self.folder.clone();
        background(move || folder.check_readable()).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let (folder, object, id_columns) = (self.folder.clone(), object.clone(), self.id_columns(object));
        background(move || Ok(object_schema(&object, &columns(&folder.existing(&object)?)?, &id_columns))).await
    }

    fn has_content_ids(&self, object: &ObjectName) -> bool {
        self.id_columns(object).is_empty()
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let source = self.clone();
        read_pages(move |pages| source.read_blocking(&request, pages))
    }
}

/// A field that was asked for, and the column that it comes from.
#[derive(Debug)]
struct FieldColumn {
    field: Field,
    column: FileColumn,
}

fn object_schema(object: &ObjectName, columns: &[FileColumn], id_columns: &[String]) -> Schema {
    let field = |column: &FileColumn| Some(Field::new(field_name(&column.name, id_columns)?, column.field_type));
    Schema { object: object.clone(), fields: columns.iter().filter_map(field).collect(), is_open: columns.is_empty() }
}

/// Refuses columns that are needed and cannot be read: by their name and type, before any record is.
fn refuse_unreadable(
    path: &Path,
    all: &[FileColumn],
    fields: &[FieldColumn],
    id_columns: &[String],
) -> Result<(), ConnectorError> {
    let is_asked = |column: &FileColumn| fields.iter().any(|field| field.column.name == column.name);
    let is_id = |column: &FileColumn| id_columns.contains(&column.name);
    for column in all {
        let (is_needed, hint) = match column.reading {
            Reading::Cast | Reading::Text | Reading::List | Reading::Digits | Reading::Bytes => continue,
            Reading::Refused => (is_asked(column) || is_id(column), "export the column as text or as a number"),
            // Without id columns a record is told apart by all of its content.
            Reading::Unknown if !id_columns.is_empty() => {
                (is_asked(column) || is_id(column), "export the column as text or as a 32-bit integer")
            }
            Reading::Unknown => {
                (true, "export the column as another type, or name the columns that identify a record as `id`")
            }
        };
        if is_needed {
            let message = format!(
                "column `{}` of `{}` is of type {}, which cannot be read exactly",
                column.name,
                path.display(),
                column.dtype
            );
            return Err(ConnectorError::new(ErrorKind::NotFound, "unsupported_type", message).with_hint(hint));
        }
    }
    Ok(())
}

/// One read of one file.
struct FileRead {
    path: PathBuf,
    stamp: Stamp,
    /// All columns: their content is the id where no id columns are named.
    all: Vec<FileColumn>,
    fields: Vec<FieldColumn>,
    /// How many of the fields are loaded; those behind are shown.
    loaded: usize,
    id_columns: Vec<String>,
}

impl FileRead {
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
                let left = u64::try_from((record_count + part.height()).saturating_sub(record)).ok();
                if !pages.send(Page { left, ..self.page(&part, record)? }) {
                    return Ok(());
                }
            }
            if slice.height() == 0 {
                let message = format!("`{}` holds fewer records than it says", self.path.display());
                return Err(ConnectorError::new(ErrorKind::Io, "invalid_parquet", message));
            }
        }
        self.stamp.check(&self.path)
    }

    fn names_to_read(&self) -> Vec<String> {
        let is_needed = |column: &&FileColumn| {
            self.id_columns.is_empty()
                || self.id_columns.contains(&column.name)
                || self.fields.iter().any(|asked| asked.column.name == column.name)
        };
        self.all.iter().filter(is_needed).map(|column| column.name.clone()).collect()
    }

    /// Makes the page of some records; `next` is the number of records before the next page.
    fn page(&self, part: &DataFrame, next: usize) -> Result<Page, ConnectorError> {
        let failed = |error: PolarsError| not_parquet(&self.path, &error);
        let mut typed = Vec::with_capacity(self.fields.len());
        for asked in &self.fields {
            let typed_column = asked.typed(part.column(&asked.column.name).map_err(failed)?).map_err(failed)?;
            typed.push(typed_column);
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
        Ok(Page { frame: assemble(kept, columns)?, rejects, cursor, left: None })
    }

    /// Returns the ids of the records; none for one whose id columns have no value.
    fn ids(&self, part: &DataFrame) -> Result<Vec<Option<String>>, PolarsError> {
        let is_content = self.id_columns.is_empty();
        let names: Vec<&str> = if is_content {
            self.all.iter().map(|column| column.name.as_str()).collect()
        } else {
            self.id_columns.iter().map(String::as_str).collect()
        };
        let columns = names.iter().map(|name| part.column(name)).collect::<Result<Vec<_>, _>>()?;
        let mut ids = Vec::with_capacity(part.height());
        for position in 0..part.height() {
            let mut values = Vec::with_capacity(columns.len());
            for column in &columns {
                values.push(schema::id_text(&column.get(position)?));
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
        for (asked, column) in self.fields.iter().take(self.loaded).zip(typed) {
            let is_lost = column.get(position).is_ok_and(|value| value.is_null());
            let Some(original) = part.column(&asked.column.name).ok().filter(|_| is_lost) else { continue };
            let value = text_at(original, position).ok().flatten();
            if value.is_some() {
                let reason = format!("the value is no {}", asked.field.field_type.as_str());
                let field = Some(asked.field.name.to_string());
                return Some(Blame { code: "does_not_fit", reason, field, value });
            }
        }
        None
    }
}

impl FieldColumn {
    fn is_readable(&self) -> bool {
        !matches!(self.column.reading, Reading::Refused | Reading::Unknown)
    }

    /// Gives some of the column's values the dtype of the field. A value that does not fit becomes null.
    fn typed(&self, values: &Column) -> PolarsResult<Column> {
        let (name, field_type) = (&self.field.name, self.field.field_type);
        if self.column.reading == Reading::Cast {
            return Ok(schema::cast(values, field_type)?.with_name(name.as_str().into()));
        }
        let values = values.as_materialized_series().iter();
        let fitting: Vec<Value> = values.map(|any| schema::value_of(&any, field_type).unwrap_or_default()).collect();
        column(name, field_type, &fitting)
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
    let number = first + position + 1;
    ReadReject {
        id: format!("record {number}"),
        has_id: false,
        number: u64::try_from(number).ok(),
        line: None,
        field: blame.field,
        value: blame.value,
        code: blame.code.to_owned(),
        reason: blame.reason,
        record: Json::Object(record),
    }
}

/// Returns a cell as text; none where it has no value.
fn text_at(column: &Column, position: usize) -> Result<Option<String>, PolarsError> {
    Ok(schema::text_of(&column.get(position)?))
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
