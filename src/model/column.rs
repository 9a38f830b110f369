//! From the values of one field to a column of a frame.

use polars::prelude::{
    Column, IntoSeries, ListBuilderTrait, ListStringChunkedBuilder, NamedFrom, PolarsResult, Series,
};

use super::{schema::FieldType, value::Value};

/// Builds the column of a field from its values, one per record, with the dtype that the field's type has in every frame.
///
/// A value of another type than the field's becomes null: the caller has decoded the values by that type before.
///
/// # Errors
/// Fails only when polars cannot make the dtype.
pub fn column(name: &str, field_type: FieldType, values: &[Value]) -> PolarsResult<Column> {
    let series = match field_type {
        FieldType::Text | FieldType::Choice => Series::new(name.into(), texts(values)),
        FieldType::Integer => Series::new(name.into(), integers(values)),
        FieldType::Number => Series::new(name.into(), numbers(values)),
        FieldType::Boolean => Series::new(name.into(), booleans(values)),
        FieldType::Date => Series::new(name.into(), days(values)).cast(&field_type.dtype())?,
        FieldType::Datetime => Series::new(name.into(), moments(values)).cast(&field_type.dtype())?,
        FieldType::MultiChoice | FieldType::Link => lists(name, values),
    };
    Ok(series.into())
}

fn texts(values: &[Value]) -> Vec<Option<&str>> {
    values.iter().map(|value| if let Value::Text(text) = value { Some(text.as_str()) } else { None }).collect()
}

fn integers(values: &[Value]) -> Vec<Option<i64>> {
    values.iter().map(|value| if let Value::Integer(number) = value { Some(*number) } else { None }).collect()
}

fn numbers(values: &[Value]) -> Vec<Option<f64>> {
    values.iter().map(|value| if let Value::Number(number) = value { Some(*number) } else { None }).collect()
}

fn booleans(values: &[Value]) -> Vec<Option<bool>> {
    values.iter().map(|value| if let Value::Boolean(flag) = value { Some(*flag) } else { None }).collect()
}

fn days(values: &[Value]) -> Vec<Option<i32>> {
    values.iter().map(|value| if let Value::Date(date) = value { Some(date.to_epoch_days()) } else { None }).collect()
}

fn moments(values: &[Value]) -> Vec<Option<i64>> {
    let millis =
        |value: &Value| if let Value::DateTime(moment) = value { Some(moment.timestamp_millis()) } else { None };
    values.iter().map(millis).collect()
}

fn lists(name: &str, values: &[Value]) -> Series {
    let mut builder = ListStringChunkedBuilder::new(name.into(), values.len(), values.len());
    for value in values {
        match value {
            Value::List(items) => builder.append_values_iter(items.iter().map(String::as_str)),
            _ => builder.append_null(),
        }
    }
    builder.finish().into_series()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};

    use super::*;

    #[test]
    fn values_come_out_of_a_column_as_they_went_in() {
        let cases = [
            (FieldType::Text, Value::Text("Ada".to_owned())),
            (FieldType::Integer, Value::Integer(7)),
            (FieldType::Number, Value::Number(0.5)),
            (FieldType::Boolean, Value::Boolean(false)),
            (FieldType::Date, Value::Date(NaiveDate::from_ymd_opt(1969, 12, 31).unwrap())),
            (FieldType::Datetime, Value::DateTime(DateTime::from_timestamp_millis(-1).unwrap())),
            (FieldType::Choice, Value::Text("Lead".to_owned())),
            (FieldType::MultiChoice, Value::List(vec!["a".to_owned(), "b".to_owned()])),
            (FieldType::Link, Value::List(Vec::new())),
        ];
        for (field_type, value) in cases {
            let column = column("field", field_type, &[Value::Null, value.clone()]).unwrap();
            assert_eq!(column.dtype(), &field_type.dtype());
            assert_eq!(Value::from_any(&column.get(0).unwrap()).unwrap(), Value::Null);
            assert_eq!(Value::from_any(&column.get(1).unwrap()).unwrap(), value);
        }
    }
}
