//! The records that a transform refuses, each with its reason and its source.

use polars::prelude::{AnyValue, DataFrame};

use crate::model::{ID, Rejection, Value};

use super::error::TransformError;

/// A record that does not go on, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// The source's id of the record, or its place where that is not known.
    pub id: String,
    /// Whether `id` is the source's id.
    pub has_id: bool,
    /// The line of the source's file that it begins on, where it is known.
    pub line: Option<u64>,
    /// Why it does not go on.
    pub rejection: Rejection,
    /// The record as it came in, as a JSON object, reserved columns included.
    pub source: serde_json::Value,
}

impl Rejected {
    /// Takes a record out of the frame it came in.
    pub(super) fn of(frame: &DataFrame, record: usize, rejection: Rejection) -> Result<Self, TransformError> {
        let id = text_at(frame, ID, record)?;
        Ok(Self { id, has_id: true, line: None, rejection, source: record_as_json(frame, record)? })
    }
}

/// Returns one record of a frame as a JSON object.
pub(super) fn record_as_json(frame: &DataFrame, record: usize) -> Result<serde_json::Value, TransformError> {
    let mut object = serde_json::Map::new();
    for column in frame.columns() {
        let any = column.get(record)?;
        object.insert(column.name().to_string(), value_of(&any).to_json());
    }
    Ok(serde_json::Value::Object(object))
}

/// Returns one value of a frame as a person would type it.
pub(super) fn text_at(frame: &DataFrame, column: &str, record: usize) -> Result<String, TransformError> {
    let any = frame.column(column)?.get(record)?;
    Ok(value_of(&any).to_text())
}

/// Returns the value, or its text where the vocabulary has no type for it.
fn value_of(any: &AnyValue<'_>) -> Value {
    Value::from_any(any).unwrap_or_else(|_| Value::Text(any.to_string()))
}
