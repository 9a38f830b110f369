//! One value of one field, and its way between frames, JSON and the vendors' wire formats.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use polars::prelude::{AnyValue, DataType, TimeUnit};
use serde::{Deserialize, Serialize};

use super::{
    decimal::{exact_integer, exact_number},
    list::{LIST_SEPARATOR, join_list, split_list},
    schema::FieldType,
};

/// Holds one value of a record's field.
///
/// The types are those a column of a frame can have (see [`FieldType::dtype`](super::FieldType::dtype)): a value taken from
/// a `Date` column is a [`Value::Date`], so a connector can write it in its vendor's form without guessing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "value")]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// Text, UTF-8.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction. The float stands for the decimal that it prints as.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A day without a time or a zone.
    Date(NaiveDate),
    /// A moment, UTC, in milliseconds.
    DateTime(DateTime<Utc>),
    /// Several texts: picked options or linked ids, in order.
    List(Vec<String>),
}

/// Says that a column has a type that no field of a record can have.
#[derive(Debug, thiserror::Error)]
#[error("a column of type {dtype} holds no value a record can carry")]
pub struct ValueError {
    dtype: DataType,
}

impl Value {
    /// Takes a value out of a frame.
    ///
    /// # Errors
    /// Fails when the column's dtype is none of String, integers, floats, Boolean, Date, Datetime and List(String).
    pub fn from_any(any: &AnyValue<'_>) -> Result<Self, ValueError> {
        let unsupported = || ValueError { dtype: any.dtype() };
        Ok(match any {
            AnyValue::Null => Self::Null,
            AnyValue::String(text) => Self::Text((*text).to_owned()),
            AnyValue::StringOwned(text) => Self::Text(text.to_string()),
            AnyValue::Boolean(flag) => Self::Boolean(*flag),
            // The shortest decimal that leads back to the number, not the digits that only its 64-bit form has.
            AnyValue::Float32(number) => Self::Number(number.to_string().parse().map_err(|_| unsupported())?),
            AnyValue::Float64(number) => Self::Number(*number),
            AnyValue::Date(days) => {
                let date = NaiveDate::from_epoch_days(*days).ok_or_else(unsupported)?;
                Self::Date(date)
            }
            AnyValue::Datetime(count, unit, _) | AnyValue::DatetimeOwned(count, unit, _) => {
                Self::DateTime(moment(*count, *unit).ok_or_else(unsupported)?)
            }
            AnyValue::List(items) => {
                let texts = items.str().map_err(|_| unsupported())?;
                Self::List(texts.iter().flatten().map(str::to_owned).collect())
            }
            other if other.dtype().is_integer() => Self::Integer(other.try_extract().map_err(|_| unsupported())?),
            _ => return Err(unsupported()),
        })
    }

    /// Reads a value of a field's type from plain JSON, as [`Value::to_json`] writes it or as text of it; an empty text is no
    /// value. None where it does not fit the type.
    pub fn from_json(json: &serde_json::Value, field_type: FieldType) -> Option<Self> {
        let text = match json {
            serde_json::Value::Null => return Some(Self::Null),
            serde_json::Value::Array(items) => {
                let items: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                let takes_lists = matches!(field_type, FieldType::MultiChoice | FieldType::Link);
                return items.filter(|_| takes_lists).map(Self::List);
            }
            serde_json::Value::Object(_) => return None,
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if text.is_empty() {
            return Some(Self::Null);
        }
        match field_type {
            FieldType::Text | FieldType::Choice => Some(Self::Text(text)),
            FieldType::Integer => exact_integer(&text).map(Self::Integer),
            FieldType::Number => exact_number(&text).map(Self::Number),
            FieldType::Boolean => text.parse().ok().map(Self::Boolean),
            FieldType::Date => text.parse().ok().map(Self::Date),
            FieldType::Datetime => DateTime::parse_from_rfc3339(&text).ok().map(|at| Self::DateTime(at.to_utc())),
            FieldType::MultiChoice | FieldType::Link => Some(Self::List(split_list(&text, LIST_SEPARATOR))),
        }
    }

    /// Tells whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the value as plain JSON: dates as `YYYY-MM-DD`, moments as ISO 8601 with milliseconds and `Z`.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Text(text) => serde_json::Value::from(text.as_str()),
            Self::Integer(number) => serde_json::Value::from(*number),
            Self::Number(number) => serde_json::Value::from(*number),
            Self::Boolean(flag) => serde_json::Value::from(*flag),
            Self::Date(_) | Self::DateTime(_) => serde_json::Value::from(self.to_text()),
            Self::List(items) => serde_json::Value::from(items.as_slice()),
        }
    }

    /// Returns the value as a person would type it; empty for no value, lists joined with `;` (see [`join_list`](super::join_list)).
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Boolean(flag) => flag.to_string(),
            Self::Date(date) => date.format("%Y-%m-%d").to_string(),
            Self::DateTime(moment) => moment.to_rfc3339_opts(SecondsFormat::Millis, true),
            Self::List(items) => join_list(items, LIST_SEPARATOR),
        }
    }
}

fn moment(count: i64, unit: TimeUnit) -> Option<DateTime<Utc>> {
    match unit {
        TimeUnit::Nanoseconds => Some(DateTime::from_timestamp_nanos(count)),
        TimeUnit::Microseconds => DateTime::from_timestamp_micros(count),
        TimeUnit::Milliseconds => DateTime::from_timestamp_millis(count),
    }
}
