//! Parquet column types ↔ our types.

mod text;

use polars::prelude::{AnyValue, ArrowDataType, Column, DataType, PolarsResult, TimeUnit, TimeZone};

use crate::model::{FieldType, Value, exact_float, exact_integer, exact_number};

use self::text::scalars;
pub(super) use self::text::{id_text, text_of};

/// Every decimal of so many digits is carried exactly.
const SAFE_PRECISION: usize = 15;

/// How the values of a column become those of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// All at once: every value of the column's type is one of the field's.
    Cast,
    /// One by one, as text.
    Text,
    /// One by one, as lists of texts.
    List,
    /// One by one, by their digits: as numbers where all of the file's are carried exactly, else as texts.
    Digits,
    /// As text, where all bytes of the file's are UTF-8.
    Bytes,
    /// Not at all, but the values can be told apart.
    Refused,
    /// Not even that.
    Unknown,
}

/// Returns how a column is read, and the type that its field has if its values allow it.
pub(super) fn reading(dtype: &ArrowDataType) -> (Reading, FieldType) {
    use ArrowDataType as A;
    match dtype {
        A::Utf8 | A::LargeUtf8 | A::Utf8View => (Reading::Cast, FieldType::Text),
        A::Int8 | A::Int16 | A::Int32 | A::Int64 | A::UInt32 => (Reading::Cast, FieldType::Integer),
        A::UInt64 | A::Int128 => (Reading::Digits, FieldType::Integer),
        A::Float64 => (Reading::Cast, FieldType::Number),
        A::Float32 | A::Decimal(..) | A::Decimal32(..) | A::Decimal64(..) | A::Decimal256(..) => {
            (Reading::Digits, FieldType::Number)
        }
        A::Boolean => (Reading::Cast, FieldType::Boolean),
        A::Date32 => (Reading::Cast, FieldType::Date),
        A::Date64 | A::Timestamp(..) => (Reading::Cast, FieldType::Datetime),
        A::Time32(_) | A::Time64(_) | A::Null => (Reading::Text, FieldType::Text),
        A::Dictionary(_, values, _) if matches!(**values, A::Utf8 | A::LargeUtf8 | A::Utf8View) => {
            (Reading::Text, FieldType::Text)
        }
        A::Binary | A::LargeBinary | A::BinaryView | A::FixedSizeBinary(_) => (Reading::Bytes, FieldType::Text),
        A::List(item) | A::LargeList(item) | A::FixedSizeList(item, _) | A::Map(item, _) => nested([&item.dtype]),
        A::Struct(members) => match nested(members.iter().map(|member| &member.dtype)) {
            (Reading::List, _) => (Reading::Text, FieldType::Text),
            other => other,
        },
        A::Duration(_) => (Reading::Refused, FieldType::Text),
        _ => (Reading::Unknown, FieldType::Text),
    }
}

/// Returns how a column is read whose values hold others: as a list where those are scalars, else as JSON in a text.
fn nested<'a>(inner: impl IntoIterator<Item = &'a ArrowDataType>) -> (Reading, FieldType) {
    let mut outer = (Reading::List, FieldType::MultiChoice);
    for dtype in inner {
        let is_scalar = !matches!(
            dtype,
            ArrowDataType::List(_)
                | ArrowDataType::LargeList(_)
                | ArrowDataType::FixedSizeList(..)
                | ArrowDataType::Map(..)
                | ArrowDataType::Struct(_)
        );
        outer = match (reading(dtype).0, outer.0) {
            (Reading::Unknown, _) | (_, Reading::Unknown) => (Reading::Unknown, FieldType::Text),
            (Reading::Refused | Reading::Bytes, _) | (_, Reading::Refused) => (Reading::Refused, FieldType::Text),
            _ if is_scalar => outer,
            _ => (Reading::Text, FieldType::Text),
        };
    }
    outer
}

/// Tells whether the values of a column must be looked at before its type is known: short decimals are always exact.
pub(super) fn must_look(dtype: &ArrowDataType) -> bool {
    use ArrowDataType as A;
    match dtype {
        A::Decimal(precision, _) | A::Decimal32(precision, _) | A::Decimal64(precision, _) => {
            *precision > SAFE_PRECISION
        }
        A::Float32 => false,
        other => matches!(reading(other).0, Reading::Digits | Reading::Bytes),
    }
}

/// Tells whether a value fits the type that its column would have.
pub(super) fn is_fitting(any: &AnyValue<'_>, field_type: FieldType) -> bool {
    match any {
        AnyValue::Null => true,
        AnyValue::Binary(bytes) => std::str::from_utf8(bytes).is_ok(),
        other => value_of(other, field_type).is_some(),
    }
}

/// Returns a value as one of the field's type; none where it does not fit.
pub(super) fn value_of(any: &AnyValue<'_>, field_type: FieldType) -> Option<Value> {
    let Some(text) = text_of(any) else { return Some(Value::Null) };
    match (field_type, any) {
        (FieldType::Number, AnyValue::Float32(number)) => Some(Value::Number(number.to_string().parse().ok()?)),
        (FieldType::Number, _) => exact_number(&text).map(Value::Number),
        (FieldType::Integer, _) => exact_integer(&text).map(Value::Integer),
        (FieldType::MultiChoice, AnyValue::List(items) | AnyValue::Array(items, _)) => scalars(items).map(Value::List),
        _ => Some(Value::Text(text)),
    }
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
        (FieldType::Number, Value::Integer(whole)) => Value::Number(exact_float(*whole)?),
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
