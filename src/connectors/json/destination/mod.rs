//! Writes JSON files.

mod frames;

use async_trait::async_trait;
use polars::frame::DataFrame;
use serde_json::{Map, Value as Json};

use crate::connector::{
    ConnectorError, Context, Destination, ErrorKind, FetchRequest, LoadFrames, Replace,
    file::{FileWriter, Folder, Replacement, Writers, background},
};
use crate::model::{Batch, BatchRecord, Field, FieldName, ObjectName, Outcome, Record, Rejection, Schema, Value};

use super::config::{Format, JsonConfig};

/// A folder of JSON files, to write.
#[derive(Debug)]
pub(super) struct JsonDestination {
    writers: Writers<JsonWriter>,
    config: JsonConfig,
}

impl JsonDestination {
    pub(super) fn new(config: &JsonConfig, context: &Context) -> Self {
        let folder = Folder::new(&context.base_dir, &config.path, config.endings());
        Self { writers: Writers::new(folder), config: config.clone() }
    }
}

#[async_trait]
impl Destination for JsonDestination {
    async fn check(&self) -> Result<(), ConnectorError> {
        let folder = self.writers.folder().clone();
        background(move || folder.check_writable()).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        self.writers.folder().target(object)?;
        Ok(Schema { object: object.clone(), fields: Vec::new(), is_open: true })
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        self.writers.load(batch).await
    }

    async fn fetch(&self, _request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unexpected, "not_supported", "records of a json file cannot be looked up"))
    }

    fn replace(&self) -> Option<&dyn Replace> {
        Some(self)
    }

    fn frames(&self) -> Option<&dyn LoadFrames> {
        Some(self)
    }
}

#[async_trait]
impl LoadFrames for JsonDestination {
    async fn load_frame(
        &self,
        object: &ObjectName,
        frame: DataFrame,
    ) -> Result<Vec<(usize, Rejection)>, ConnectorError> {
        self.writers.load_frame(object, frame).await
    }
}

#[async_trait]
impl Replace for JsonDestination {
    async fn begin(&self, object: &ObjectName, fields: &[Field]) -> Result<(), ConnectorError> {
        let format = self.config.format_of(&self.writers.folder().target(object)?);
        self.writers.begin(object, fields, move |file, fields| JsonWriter::start(file, &fields, format)).await
    }

    async fn put_in_place(&self, object: &ObjectName) -> Result<(), ConnectorError> {
        self.writers.finish(object).await
    }
}

/// One file in the making.
#[derive(Debug)]
struct JsonWriter {
    file: Replacement,
    fields: Vec<FieldName>,
    format: Format,
    is_empty: bool,
}

impl JsonWriter {
    fn start(mut file: Replacement, fields: &[Field], format: Format) -> Result<Self, ConnectorError> {
        match format {
            Format::Lines => {}
            Format::Array => file.append(b"[")?,
        }
        let fields = fields.iter().map(|field| field.name.clone()).collect();
        Ok(Self { file, fields, format, is_empty: true })
    }

    /// Returns the record as an object of all fields, those without a value as null.
    fn object(&self, record: &BatchRecord) -> Result<Json, Rejection> {
        if let Some(unknown) = record.fields.keys().find(|name| !self.fields.contains(name)) {
            return Err(Rejection::new("unknown_field", format!("the file has no field `{unknown}`")));
        }
        let mut object = Map::new();
        for field in &self.fields {
            let value = record.fields.get(field).unwrap_or(&Value::Null);
            if let Value::Number(number) = value {
                check_number(field, *number)?;
            }
            object.insert(field.to_string(), value.to_json());
        }
        Ok(Json::Object(object))
    }

    /// Adds a record, with what stands before and behind it.
    fn push(&mut self, text: &mut String, record: impl FnOnce(&mut String)) {
        let (before, after) = match (self.format, self.is_empty) {
            (Format::Lines, _) => ("", "\n"),
            (Format::Array, true) => ("\n", ""),
            (Format::Array, false) => (",\n", ""),
        };
        text.push_str(before);
        record(text);
        text.push_str(after);
        self.is_empty = false;
    }
}

fn check_number(field: &FieldName, number: f64) -> Result<(), Rejection> {
    if number.is_finite() {
        return Ok(());
    }
    let rejection = Rejection::new("not_a_number", "JSON has no such number");
    Err(rejection.at(field.as_str(), number.to_string()))
}

impl FileWriter for JsonWriter {
    fn write(&mut self, batch: &Batch) -> Result<Vec<Result<(), Rejection>>, ConnectorError> {
        let mut text = String::new();
        let mut answers = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            let object = match self.object(record) {
                Ok(object) => object,
                Err(rejection) => {
                    answers.push(Err(rejection));
                    continue;
                }
            };
            self.push(&mut text, |text| text.push_str(&object.to_string()));
            answers.push(Ok(()));
        }
        self.file.append(text.as_bytes())?;
        Ok(answers)
    }

    fn finish(mut self) -> Result<(), ConnectorError> {
        match self.format {
            Format::Lines => {}
            Format::Array => self.file.append(b"\n]\n")?,
        }
        self.file.put_in_place()
    }
}
