//! Reads JSON files.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::connector::{
    ConnectorError, Context, ErrorKind, ReadRequest, Source,
    file::{
        Folder, GarbledTexts, PageSender, Stamp, absent_column, assemble, background, content_id, joined_id, own_name,
        read_pages, refuse_other_kind, refuse_wide_text, requested,
    },
};
use crate::model::{Cursor, Field, ObjectName, Page, ReadReject, Schema, Value, column, is_reserved};

use super::{
    client::{Element, Fault, Location, Node, Place, for_each},
    config::{Format, JsonConfig},
    limits,
    schema::{Types, decode, leaves, text_of},
};

/// What objects look like whose files were looked at, with the version of the file that was.
type KnownSchemas = HashMap<ObjectName, (Stamp, Schema)>;

/// JSON files, to read.
#[derive(Debug, Clone)]
pub(super) struct JsonSource {
    folder: Folder,
    config: JsonConfig,
    /// What was found in each object's file, as long as the file is the same.
    known: Arc<Mutex<KnownSchemas>>,
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
        Self { folder, config, known: Arc::default() }
    }

    fn locate(&self, object: &ObjectName) -> Result<Location, ConnectorError> {
        let is_one_file = self.folder.path().is_file();
        let path = if is_one_file { self.folder.path().to_owned() } else { self.folder.existing(object)? };
        let format = self.config.format_of(&path);
        let pointer = self.config.pointer(object, is_one_file);
        Ok(Location { path, format, pointer })
    }

    /// Returns the fields with the types that hold for every record of the file.
    fn schema(&self, object: &ObjectName, location: &Location) -> Result<Schema, ConnectorError> {
        let stamp = Stamp::of(&location.path)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(object).cloned();
        if let Some((_, schema)) = known.filter(|(known, _)| *known == stamp) {
            return Ok(schema);
        }
        refuse_other_kind(&location.path)?;
        refuse_wide_text(&location.path)?;
        let mut types = Types::default();
        for_each(location, Place::default(), &mut |element| {
            if let Ok(Node::Object(record)) = &element.node {
                types.look_at(record);
            }
            Ok(true)
        })?;
        let fields = types.fields(&self.id_fields(object));
        let schema = Schema { object: object.clone(), fields, is_open: types.is_blank() };
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(object.clone(), (stamp, schema.clone()));
        Ok(schema)
    }

    fn id_fields(&self, object: &ObjectName) -> Vec<String> {
        self.config.id.as_ref().map(|id| id.columns(object)).unwrap_or_default()
    }

    fn read_blocking(&self, request: &ReadRequest, pages: &PageSender) -> Result<(), ConnectorError> {
        let location = self.locate(&request.object)?;
        let stamp = Stamp::of(&location.path)?;
        let schema = self.schema(&request.object, &location)?;
        let fields = requested(request, &schema)?;
        let id_fields = self.id_fields(&request.object);
        if let Some(unknown) = id_fields.iter().find(|name| !schema.is_open && !is_in(&schema, name)) {
            return Err(unknown_id_field(unknown, &location.path));
        }
        let mut reading = Reading {
            stamp,
            place_word: place_word(location.format),
            fields,
            loaded: request.fields.len(),
            id_fields,
            garbled: GarbledTexts::default(),
            page: OpenPage::default(),
        };
        let start = reading.resume(request.cursor.as_ref());
        for_each(&location, start, &mut |element| {
            let next = element.next;
            reading.take(element);
            if reading.page.is_full() { reading.send(next, pages) } else { Ok(true) }
        })?;
        reading.stamp.check(&location.path)?;
        reading.garbled.tell(&request.object);
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

    fn has_content_ids(&self, object: &ObjectName) -> bool {
        self.id_fields(object).is_empty()
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
    /// How many of the fields are loaded; those behind are shown.
    loaded: usize,
    /// The fields of the id; empty where the whole content is the id.
    id_fields: Vec<String>,
    garbled: GarbledTexts,
    page: OpenPage,
}

/// A page in the making.
#[derive(Default)]
struct OpenPage {
    ids: Vec<String>,
    /// The values by field.
    values: Vec<Vec<Value>>,
    /// Of each record the fields that it does not mention.
    absent: Vec<Vec<String>>,
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
        let place = Numbered { word: self.place_word, number: element.number };
        let taken = match element.node {
            Ok(Node::Object(record)) => self.take_record(place, record),
            Ok(other) => {
                let reason = "the element is no object".to_owned();
                Err(reject(place, "not_an_object", reason, json!({ "_value": other.to_json() })))
            }
            Err((Fault { code, reason, field }, text)) => {
                Err(ReadReject { field, ..reject(place, code, reason, json!({ "_text": text })) })
            }
        };
        if let Err(reject) = taken {
            self.page.rejects.push(reject);
        }
    }

    fn take_record(&mut self, place: Numbered, record: Vec<(String, Node)>) -> Result<(), ReadReject> {
        let mut by_name: BTreeMap<String, &Node> = BTreeMap::new();
        for (name, leaf) in leaves(&record) {
            if by_name.insert(name.clone(), leaf).is_some() {
                let reason = format!("two values come under the name `{name}`");
                let rejected = reject(place, "ambiguous_field", reason, Json::Null);
                return Err(ReadReject { field: Some(name), record: Node::Object(record).to_json(), ..rejected });
            }
        }
        let id = self.id_of(&by_name);
        // A person finds a record without a field for its id by its place, not by a hash.
        let known_id = id.as_ref().ok().filter(|_| !self.id_fields.is_empty()).cloned();
        match id.and_then(|id| Ok((id, self.values_of(&by_name)?))) {
            Ok((id, values)) => {
                for value in values.iter().take(self.loaded) {
                    if let Value::Text(text) = value {
                        self.garbled.look_at(text, place.number);
                    }
                }
                self.page.byte_count += id.len() + values.iter().map(size).sum::<usize>();
                self.page.ids.push(id);
                self.page.absent.push(self.absent_of(&by_name));
                self.page.values.resize_with(values.len(), Vec::new);
                self.page.values.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
                Ok(())
            }
            Err(blame) => {
                let rejected = reject(place, blame.code, blame.reason, Node::Object(record).to_json());
                let (id, has_id) = known_id.map_or((rejected.id.clone(), false), |id| (id, true));
                Err(ReadReject { id, has_id, field: Some(blame.field), value: blame.value, ..rejected })
            }
        }
    }

    /// Returns the fields that a record says nothing of: it mentions neither them nor an object above them.
    fn absent_of(&self, record: &BTreeMap<String, &Node>) -> Vec<String> {
        let names = self.fields.iter().take(self.loaded).map(|field| field.name.as_str());
        let is_absent = |name: &&str| !record.contains_key(own_name(name)) && !is_below_null(own_name(name), record);
        names.filter(is_absent).map(str::to_owned).collect()
    }

    fn id_of(&self, record: &BTreeMap<String, &Node>) -> Result<String, Blame> {
        if self.id_fields.is_empty() {
            let leaves = record.iter().filter(|(_, leaf)| !matches!(leaf, Node::Object(_)));
            let parts: Vec<String> = leaves.flat_map(|(name, leaf)| [name.clone(), leaf.to_string()]).collect();
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

    fn values_of(&self, record: &BTreeMap<String, &Node>) -> Result<Vec<Value>, Blame> {
        let mut values = Vec::with_capacity(self.fields.len());
        for (position, field) in self.fields.iter().enumerate() {
            let leaf = record.get(own_name(&field.name)).copied().unwrap_or(&Node::Null);
            let value = decode(leaf, field.field_type).or_else(|| (position >= self.loaded).then_some(Value::Null));
            values.push(value.ok_or_else(|| Blame {
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
        columns.push(absent_column(&open.absent));
        let bookmark = serde_json::to_value(Bookmark { file: self.stamp.clone(), place });
        let cursor = bookmark.ok().map(Cursor);
        Ok(pages.send(Page { frame: assemble(open.ids, columns)?, rejects: open.rejects, cursor, left: None }))
    }

    fn send_rest(mut self, pages: &PageSender) -> Result<(), ConnectorError> {
        if !self.page.ids.is_empty() || !self.page.rejects.is_empty() {
            let last = self.page.last;
            self.send(last, pages)?;
        }
        Ok(())
    }
}

/// The number of a record, and what is counted.
#[derive(Debug, Clone, Copy)]
struct Numbered {
    word: &'static str,
    number: u64,
}

const LINE: &str = "line";

/// Why a record cannot be used, and which field is to blame.
struct Blame {
    code: &'static str,
    reason: String,
    field: String,
    value: Option<String>,
}

fn reject(place: Numbered, code: &str, reason: String, record: Json) -> ReadReject {
    let Numbered { word, number } = place;
    let id = format!("{word} {number}");
    let line = (word == LINE).then_some(number);
    ReadReject {
        id,
        has_id: false,
        number: Some(number),
        line,
        field: None,
        value: None,
        code: code.to_owned(),
        reason,
        record,
    }
}

fn place_word(format: Format) -> &'static str {
    match format {
        Format::Lines => LINE,
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

/// Tells whether an object that would hold the value is null: that clears what it holds.
fn is_below_null(name: &str, record: &BTreeMap<String, &Node>) -> bool {
    let above = name.match_indices('.').map(|(at, _)| &name[..at]);
    above.into_iter().any(|above| record.get(above).is_some_and(|node| node.is_null()))
}

fn is_in(schema: &Schema, name: &str) -> bool {
    // A reserved name is no field, yet it can identify a record.
    schema.field(name).is_some() || is_reserved(name)
}

fn unknown_id_field(field: &str, path: &Path) -> ConnectorError {
    let message = format!("`{}` has no field `{field}`, which option `id` names", path.display());
    ConnectorError::new(ErrorKind::NotFound, "unknown_field", message)
}
