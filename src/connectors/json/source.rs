//! Reads JSON files.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::connector::{
    ConnectorError, Context, ErrorKind, ReadRequest, Source,
    file::{Folder, PageSender, Stamp, assemble, background, content_id, joined_id, read_pages, requested},
};
use crate::model::{Cursor, Field, ObjectName, Page, ReadReject, Schema, Value, column};

use super::{
    client::{Element, Location, Place, for_each},
    config::{Format, JsonConfig},
    limits,
    schema::{Types, decode, leaves, text_of},
};

/// The fields of objects whose files were looked at, with the version of the file that was.
type KnownTypes = HashMap<ObjectName, (Stamp, Vec<Field>)>;

/// JSON files, to read.
#[derive(Debug, Clone)]
pub(super) struct JsonSource {
    folder: Folder,
    config: JsonConfig,
    /// The types found in each object's file, as long as the file is the same.
    types: Arc<Mutex<KnownTypes>>,
}

/// Where a read may go on, in which version of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Bookmark {
    file: Stamp,
    place: Place,
}

impl JsonSource {
    pub(super) fn new(config: JsonConfig, context: &Context) -> Self {
        let folder = Folder::new(&context.base_dir, &config.path, config.endings());
        Self { folder, config, types: Arc::default() }
    }

    fn locate(&self, object: &ObjectName) -> Result<Location, ConnectorError> {
        let is_one_file = self.folder.path().is_file();
        let path = if is_one_file { self.folder.path().to_owned() } else { self.folder.existing(object)? };
        let format = self.config.format_of(&path);
        let pointer = self.config.pointer(object, is_one_file);
        Ok(Location { path, format, pointer })
    }

    /// Returns the fields with the types that hold for every record of the file.
    fn fields(&self, object: &ObjectName, location: &Location) -> Result<Vec<Field>, ConnectorError> {
        let stamp = Stamp::of(&location.path)?;
        let known = self.types.lock().unwrap_or_else(PoisonError::into_inner).get(object).cloned();
        if let Some((_, fields)) = known.filter(|(known, _)| *known == stamp) {
            return Ok(fields);
        }
        let mut types = Types::default();
        for_each(location, Place::default(), &mut |element| {
            if let Ok(Json::Object(record)) = &element.json {
                types.look_at(record);
            }
            Ok(true)
        })?;
        let fields = types.fields();
        let mut all = self.types.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(object.clone(), (stamp, fields.clone()));
        Ok(fields)
    }

    fn schema(&self, object: &ObjectName, location: &Location) -> Result<Schema, ConnectorError> {
        Ok(Schema { object: object.clone(), fields: self.fields(object, location)?, is_open: false })
    }

    fn read_blocking(&self, request: &ReadRequest, pages: &PageSender) -> Result<(), ConnectorError> {
        let location = self.locate(&request.object)?;
        let stamp = Stamp::of(&location.path)?;
        let schema = self.schema(&request.object, &location)?;
        let fields = requested(request, &schema)?;
        let id_fields = self.config.id.as_ref().map(|id| id.columns(&request.object)).unwrap_or_default();
        if let Some(unknown) = id_fields.iter().find(|name| !schema.fields.is_empty() && !is_in(&schema, name)) {
            return Err(unknown_id_field(unknown, &location.path));
        }
        let mut reading =
            Reading { stamp, place_word: place_word(location.format), fields, id_fields, page: OpenPage::default() };
        let start = reading.resume(request.cursor.as_ref());
        for_each(&location, start, &mut |element| {
            let next = element.next;
            reading.take(element);
            if reading.page.is_full() { reading.send(next, pages) } else { Ok(true) }
        })?;
        reading.send_rest(pages)
    }
}

#[async_trait]
impl Source for JsonSource {
    async fn check(&self) -> Result<(), ConnectorError> {
        let folder = self.folder.clone();
        background(move || if folder.path().is_file() { Ok(()) } else { folder.check_readable() }).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let (source, object) = (self.clone(), object.clone());
        background(move || source.schema(&object, &source.locate(&object)?)).await
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let source = self.clone();
        read_pages(move |pages| source.read_blocking(&request, pages))
    }
}

/// One read of one file.
struct Reading {
    stamp: Stamp,
    place_word: &'static str,
    fields: Vec<Field>,
    /// The fields of the id; empty where the whole content is the id.
    id_fields: Vec<String>,
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
    last: Place,
}

impl OpenPage {
    fn is_full(&self) -> bool {
        self.ids.len() + self.rejects.len() >= limits::PAGE_RECORDS || self.byte_count >= limits::PAGE_BYTES
    }
}

impl Reading {
    fn resume(&self, cursor: Option<&Cursor>) -> Place {
        let bookmark = cursor.and_then(|cursor| serde_json::from_value::<Bookmark>(cursor.0.clone()).ok());
        match bookmark {
            Some(bookmark) if bookmark.file == self.stamp => bookmark.place,
            Some(_) => {
                tracing::info!("json file changed since the checkpoint, reading it from its beginning");
                Place::default()
            }
            None => Place::default(),
        }
    }

    fn take(&mut self, element: Element) {
        self.page.last = element.next;
        let place = format!("{} {}", self.place_word, element.number);
        let taken = match element.json {
            Ok(Json::Object(record)) => self.take_record(&place, record),
            Ok(other) => {
                let reason = "the element is no object".to_owned();
                Err(reject(place, "not_an_object", reason, json!({ "_value": other })))
            }
            Err((reason, text)) => {
                let reason = format!("the line is no JSON: {reason}");
                Err(reject(place, "invalid_json", reason, json!({ "_text": text })))
            }
        };
        if let Err(reject) = taken {
            self.page.rejects.push(reject);
        }
    }

    fn take_record(&mut self, place: &str, record: Map<String, Json>) -> Result<(), ReadReject> {
        let mut by_name: BTreeMap<String, &Json> = BTreeMap::new();
        for (name, leaf) in leaves(&record) {
            if by_name.insert(name.clone(), leaf).is_some() {
                let reason = format!("two values come under the name `{name}`");
                let rejected = reject(place.to_owned(), "ambiguous_field", reason, Json::Null);
                return Err(ReadReject { field: Some(name), record: Json::Object(record), ..rejected });
            }
        }
        let read = self.id_of(&by_name).and_then(|id| Ok((id, self.values_of(&by_name)?)));
        match read {
            Ok((id, values)) => {
                self.page.byte_count += id.len() + values.iter().map(size).sum::<usize>();
                self.page.ids.push(id);
                self.page.values.resize_with(values.len(), Vec::new);
                self.page.values.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
                Ok(())
            }
            Err(blame) => {
                let rejected = reject(place.to_owned(), blame.code, blame.reason, Json::Object(record));
                Err(ReadReject { field: Some(blame.field), value: blame.value, ..rejected })
            }
        }
    }

    fn id_of(&self, record: &BTreeMap<String, &Json>) -> Result<String, Blame> {
        if self.id_fields.is_empty() {
            let parts: Vec<String> = record.iter().flat_map(|(name, leaf)| [name.clone(), leaf.to_string()]).collect();
            return Ok(content_id(parts.iter().map(String::as_bytes)));
        }
        let mut values = Vec::with_capacity(self.id_fields.len());
        for field in &self.id_fields {
            let value = record.get(field).filter(|leaf| !leaf.is_null()).map(|leaf| text_of(leaf)).unwrap_or_default();
            if value.is_empty() {
                let reason = format!("the id field `{field}` has no value");
                return Err(Blame { code: "missing_id", reason, field: field.clone(), value: None });
            }
            values.push(value);
        }
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Ok(joined_id(&values))
    }

    fn values_of(&self, record: &BTreeMap<String, &Json>) -> Result<Vec<Value>, Blame> {
        let mut values = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let leaf = record.get(field.name.as_str()).copied().unwrap_or(&Json::Null);
            values.push(decode(leaf, field.field_type).ok_or_else(|| Blame {
                code: "does_not_fit",
                reason: format!("the value is no {}, as all others were", field.field_type.as_str()),
                field: field.name.to_string(),
                value: Some(text_of(leaf)),
            })?);
        }
        Ok(values)
    }

    fn send(&mut self, place: Place, pages: &PageSender) -> Result<bool, ConnectorError> {
        let open = std::mem::take(&mut self.page);
        let mut columns = Vec::with_capacity(self.fields.len());
        for (position, field) in self.fields.iter().enumerate() {
            let values = open.values.get(position).map(Vec::as_slice).unwrap_or_default();
            let made = column(&field.name, field.field_type, values);
            let failed = |error: polars::error::PolarsError| {
                ConnectorError::new(ErrorKind::Unexpected, "file_error", error.to_string())
            };
            columns.push(made.map_err(failed)?);
        }
        let bookmark = serde_json::to_value(Bookmark { file: self.stamp.clone(), place });
        let cursor = bookmark.ok().map(Cursor);
        Ok(pages.send(Page { frame: assemble(open.ids, columns)?, rejects: open.rejects, cursor }))
    }

    fn send_rest(mut self, pages: &PageSender) -> Result<(), ConnectorError> {
        if !self.page.ids.is_empty() || !self.page.rejects.is_empty() {
            let last = self.page.last;
            self.send(last, pages)?;
        }
        Ok(())
    }
}

/// Why a record cannot be used, and which field is to blame.
struct Blame {
    code: &'static str,
    reason: String,
    field: String,
    value: Option<String>,
}

fn reject(id: String, code: &str, reason: String, record: Json) -> ReadReject {
    ReadReject { id, field: None, value: None, code: code.to_owned(), reason, record }
}

fn place_word(format: Format) -> &'static str {
    match format {
        Format::Lines => "line",
        Format::Array => "record",
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(String::len).sum(),
        Value::Null
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::Date(_)
        | Value::DateTime(_) => size_of::<Value>(),
    }
}

fn is_in(schema: &Schema, name: &str) -> bool {
    // A reserved name is no field, yet it can identify a record.
    schema.field(name).is_some() || crate::model::is_reserved(name)
}

fn unknown_id_field(field: &str, path: &Path) -> ConnectorError {
    let message = format!("`{}` has no field `{field}`, which option `id` names", path.display());
    ConnectorError::new(ErrorKind::NotFound, "unknown_field", message)
}
