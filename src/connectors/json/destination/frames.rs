//! Writes frames as JSON, record by record, as records of the same values would be written.

use polars::{
    error::polars_err,
    frame::DataFrame,
    prelude::{BooleanChunked, Column, DataType, Float64Chunked, Int64Chunked, PolarsResult, StringChunked},
};
use serde_json::Value as Json;

use crate::connector::{ConnectorError, ErrorKind, file::FrameWriter};
use crate::model::{Rejection, Value};

use super::{JsonWriter, check_number};

/// The values of a column.
enum Values<'frame> {
    Texts(&'frame StringChunked),
    Integers(&'frame Int64Chunked),
    Numbers(&'frame Float64Chunked),
    Flags(&'frame BooleanChunked),
    /// Of another type, as JSON already.
    Made(Vec<String>),
}

impl<'frame> Values<'frame> {
    fn of(column: &'frame Column) -> PolarsResult<Self> {
        Ok(match column.dtype() {
            DataType::String => Self::Texts(column.str()?),
            DataType::Int64 => Self::Integers(column.i64()?),
            DataType::Float64 => Self::Numbers(column.f64()?),
            DataType::Boolean => Self::Flags(column.bool()?),
            _ => {
                let json = |value: Result<Value, _>| match value {
                    Ok(value) => Ok(value.to_json().to_string()),
                    Err(error) => Err(polars_err!(ComputeError: "{error}")),
                };
                let values = column.as_materialized_series().iter().map(|any| json(Value::from_any(&any)));
                Self::Made(values.collect::<PolarsResult<_>>()?)
            }
        })
    }

    fn push(&self, row: usize, out: &mut String) {
        let none = || Json::Null.to_string();
        match self {
            Self::Texts(texts) => match texts.get(row) {
                Some(text) => push_text(text, out),
                None => out.push_str(&none()),
            },
            Self::Integers(numbers) => out.push_str(&numbers.get(row).map_or_else(none, |number| number.to_string())),
            Self::Numbers(numbers) => {
                out.push_str(&numbers.get(row).map_or_else(none, |number| Json::from(number).to_string()));
            }
            Self::Flags(flags) => out.push_str(&flags.get(row).map_or_else(none, |flag| flag.to_string())),
            Self::Made(values) => out.push_str(values.get(row).map_or("null", String::as_str)),
        }
    }
}

/// Adds a text in quotes; most need no escape.
fn push_text(text: &str, out: &mut String) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Json::from(text).to_string());
    }
}

impl FrameWriter for JsonWriter {
    fn write_frame(&mut self, frame: &DataFrame) -> Result<Vec<(usize, Rejection)>, ConnectorError> {
        let unexpected = |reason: String| ConnectorError::new(ErrorKind::Unexpected, "file_error", reason);
        let columns = self.fields.iter().map(|field| Values::of(frame.column(field)?));
        let columns = columns.collect::<PolarsResult<Vec<_>>>().map_err(|error| unexpected(error.to_string()))?;
        let names: Vec<String> = self.fields.iter().map(|field| format!("{}:", Json::from(field.as_str()))).collect();
        let mut text = String::new();
        let mut refused = Vec::new();
        for row in 0..frame.height() {
            if let Err(reason) = self.check_numbers(&columns, row) {
                refused.push((row, reason));
                continue;
            }
            self.push(&mut text, |text| {
                for (place, (name, values)) in names.iter().zip(&columns).enumerate() {
                    text.push(if place == 0 { '{' } else { ',' });
                    text.push_str(name);
                    values.push(row, text);
                }
                text.push_str(if names.is_empty() { "{}" } else { "}" });
            });
        }
        self.file.append(text.as_bytes())?;
        Ok(refused)
    }
}

impl JsonWriter {
    fn check_numbers(&self, columns: &[Values<'_>], row: usize) -> Result<(), Rejection> {
        for (field, values) in self.fields.iter().zip(columns) {
            if let Values::Numbers(numbers) = values {
                numbers.get(row).map_or(Ok(()), |number| check_number(field, number))?;
            }
        }
        Ok(())
    }
}
