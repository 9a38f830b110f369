//! Parquet column types ↔ our types.

use polars::prelude::{ArrowDataType, Column, DataType, PolarsResult, TimeUnit, TimeZone};

use crate::model::{FieldType, Value};

/// Whole numbers up to this are exact as floats too: 2^53.
const EXACT_WHOLE: u64 = 1 << 53;

/// Returns our type of a column; none for a type that no field of a record can have.
pub(super) fn field_type(dtype: &ArrowDataType) -> Option<FieldType> {
    Some(match dtype {
        ArrowDataType::Utf8 | ArrowDataType::LargeUtf8 | ArrowDataType::Utf8View => FieldType::Text,
        ArrowDataType::Int32 | ArrowDataType::Int64 | ArrowDataType::UInt32 | ArrowDataType::UInt64 => {
            FieldType::Integer
        }
        ArrowDataType::Float32 | ArrowDataType::Float64 => FieldType::Number,
        ArrowDataType::Boolean => FieldType::Boolean,
        ArrowDataType::Date32 => FieldType::Date,
        ArrowDataType::Date64 | ArrowDataType::Timestamp(..) => FieldType::Datetime,
        ArrowDataType::List(item) | ArrowDataType::LargeList(item) => match field_type(&item.dtype)? {
            FieldType::Text | FieldType::Integer | FieldType::Number | FieldType::Boolean => FieldType::MultiChoice,
            _ => return None,
        },
        _ => return None,
    })
}

/// Gives a column the dtype of its field. A value that does not fit becomes null.
pub(super) fn cast(column: &Column, field_type: FieldType) -> PolarsResult<Column> {
    match (field_type, column.dtype()) {
        // A moment without a zone counts as UTC; with one, the stored number is UTC already.
        (FieldType::Datetime, DataType::Datetime(_, zone)) => {
            let millis = column.cast(&DataType::Datetime(TimeUnit::Milliseconds, zone.clone()))?;
            millis.to_physical_repr().cast(&DataType::Datetime(TimeUnit::Milliseconds, Some(TimeZone::UTC)))
        }
        _ => column.cast(&field_type.dtype()),
    }
}

/// Returns a value as the field's type; none when it does not fit.
pub(super) fn fit(value: &Value, field_type: FieldType) -> Option<Value> {
    if value.is_null() {
        return Some(Value::Null);
    }
    let fitting = match (field_type, value) {
        (FieldType::Text | FieldType::Choice, value) => Value::Text(value.to_text()),
        (FieldType::Number, Value::Integer(whole)) if whole.unsigned_abs() <= EXACT_WHOLE => {
            // Exact by the guard; the way over text needs no lossy cast.
            Value::Number(whole.to_string().parse().ok()?)
        }
        (FieldType::MultiChoice | FieldType::Link, Value::Text(text)) => Value::List(vec![text.clone()]),
        (FieldType::Integer, Value::Integer(_))
        | (FieldType::Number, Value::Number(_))
        | (FieldType::Boolean, Value::Boolean(_))
        | (FieldType::Date, Value::Date(_))
        | (FieldType::Datetime, Value::DateTime(_))
        | (FieldType::MultiChoice | FieldType::Link, Value::List(_)) => value.clone(),
        _ => return None,
    };
    Some(fitting)
}
