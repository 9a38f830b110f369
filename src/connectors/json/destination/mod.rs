//! Writes JSON files.

mod frames;

use std::path::Path;

use serde_json::{Map, Value as Json};

use crate::connector::{
    ConnectorError,
    file::{FileFormat, FileWriter, Replacement},
};
use crate::model::{Batch, BatchRecord, Field, FieldName, Rejection, Value};

use super::config::{Format, JsonConfig};

/// Writes JSON files in the format of their options.
#[derive(Debug, Clone)]
pub(super) struct Elements(pub(super) JsonConfig);

impl FileFormat for Elements {
    type Writer = JsonWriter;

    const NAME: &'static str = "json";

    fn start(&self, target: &Path, file: Replacement, fields: Vec<Field>) -> Result<JsonWriter, ConnectorError> {
        JsonWriter::start(file, &fields, self.0.format_of(target))
    }
}

/// One file in the making.
#[derive(Debug)]
pub(super) struct JsonWriter {
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
