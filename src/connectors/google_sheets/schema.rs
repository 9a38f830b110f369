//! The types of columns, and the values of cells by them. Pure.
//!
//! A column has one type for the whole run: from the options, else from its number format, else it is text. Nothing is guessed
//! from values.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;

use crate::model::{FieldType, LIST_SEPARATOR, Value, exact_float, exact_integer, exact_number, split_list};
use crate::workbook::serial;

use super::{
    cell::{Cell, digits},
    client::NumberFormat,
    limits::MAX_CELL_CHARACTERS,
};

/// Why a cell has no value of its column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) code: &'static str,
    pub(super) reason: String,
}

/// Returns the type that a number format stands for; none where it leaves the column text.
pub(super) fn type_of(format: &NumberFormat) -> Option<FieldType> {
    match format.kind.as_str() {
        "NUMBER" | "CURRENCY" | "PERCENT" | "SCIENTIFIC" => Some(FieldType::Number),
        "DATE" => Some(FieldType::Date),
        "DATE_TIME" => Some(FieldType::Datetime),
        _ => None,
    }
}

/// Returns the number format of a column that holds values of a type: texts are kept from being taken for numbers.
pub(super) fn format_of(field_type: FieldType) -> Option<(&'static str, &'static str)> {
    match field_type {
        FieldType::Date => Some(("DATE", "yyyy-mm-dd")),
        FieldType::Datetime => Some(("DATE_TIME", "yyyy-mm-dd hh:mm:ss")),
        FieldType::Number => Some(("NUMBER", "0.##########")),
        FieldType::Integer => Some(("NUMBER", "0")),
        FieldType::Boolean => None,
        FieldType::Text | FieldType::Choice | FieldType::MultiChoice | FieldType::Link => Some(("TEXT", "@")),
    }
}

/// Returns the value of a cell of a column.
///
/// # Errors
/// Says why it is none of the column's type.
pub(super) fn decode(cell: &Cell, field_type: FieldType, zone: Tz) -> Result<Value, Misfit> {
    if let Some(error) = cell.error() {
        return Err(misfit("formula_error", format!("the cell shows the error {error}")));
    }
    if cell.is_blank() && !(matches!(field_type, FieldType::Text | FieldType::Choice) && *cell != Cell::Empty) {
        return Ok(Value::Null);
    }
    match field_type {
        FieldType::Text | FieldType::Choice => Ok(Value::Text(cell.seen())),
        FieldType::MultiChoice | FieldType::Link => Ok(Value::List(split_list(&cell.seen(), LIST_SEPARATOR))),
        FieldType::Integer => number(cell)
            .and_then(|number| exact_integer(&digits(number)))
            .map(Value::Integer)
            .ok_or_else(|| misfit("not_an_integer", "it is no whole number")),
        FieldType::Number => number(cell).map(Value::Number).ok_or_else(|| misfit("not_a_number", "it is no number")),
        FieldType::Boolean => {
            boolean(cell).map(Value::Boolean).ok_or_else(|| misfit("not_a_boolean", "it is neither TRUE nor FALSE"))
        }
        FieldType::Date => date(cell).map(Value::Date).ok_or_else(|| misfit("not_a_date", "it is no date")),
        FieldType::Datetime => moment(cell, zone).ok_or_else(|| misfit("not_a_datetime", "it is no date with time")),
    }
}

fn number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Number(number) => Some(*number),
        Cell::Text(text) => exact_number(text.trim()),
        Cell::Empty | Cell::Boolean(_) => None,
    }
}

fn boolean(cell: &Cell) -> Option<bool> {
    match cell {
        Cell::Boolean(flag) => Some(*flag),
        Cell::Text(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Cell::Text(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        Cell::Text(_) | Cell::Empty | Cell::Number(_) => None,
    }
}

fn date(cell: &Cell) -> Option<NaiveDate> {
    match cell {
        Cell::Number(serial) => serial::date(*serial),
        Cell::Text(text) => text.trim().parse().ok(),
        Cell::Empty | Cell::Boolean(_) => None,
    }
}

/// Reads a moment: a serial number or a text without a zone is in the spreadsheet's.
fn moment(cell: &Cell, zone: Tz) -> Option<Value> {
    let moment = match cell {
        Cell::Number(serial) => serial::in_zone(serial::moment(*serial)?, zone)?,
        Cell::Text(text) => {
            let text = text.trim();
            match DateTime::parse_from_rfc3339(text) {
                Ok(moment) => moment.to_utc(),
                Err(_) => serial::in_zone(local_text(text)?, zone)?,
            }
        }
        Cell::Empty | Cell::Boolean(_) => return None,
    };
    Some(Value::DateTime(DateTime::from_timestamp_millis(moment.timestamp_millis())?))
}

fn local_text(text: &str) -> Option<NaiveDateTime> {
    let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let with_time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    with_time.or_else(|| text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0))
}

/// Returns the cell that holds a value. Written raw, a text stays the text that it is.
///
/// # Errors
/// Says why no cell can hold it.
pub(super) fn encode(value: &Value, zone: Tz) -> Result<Cell, Misfit> {
    let cell = match value {
        Value::Null => Cell::Empty,
        Value::Text(text) => Cell::text(text.as_str()),
        #[expect(clippy::cast_precision_loss, reason = "a number that loses digits is written as a text")]
        Value::Integer(whole) => match exact_float(*whole) {
            Some(_) => Cell::Number(*whole as f64),
            None => Cell::text(whole.to_string()),
        },
        Value::Number(number) if number.is_finite() => Cell::Number(*number),
        Value::Number(_) => return Err(misfit("not_a_number", "a cell cannot hold a number without an end")),
        Value::Boolean(flag) => Cell::Boolean(*flag),
        Value::Date(date) => Cell::Number(serial::of_date(*date)),
        Value::DateTime(moment) => Cell::Number(serial::of_moment(*moment, zone)),
        Value::List(_) => Cell::text(value.to_text()),
    };
    if cell.length() > MAX_CELL_CHARACTERS {
        return Err(misfit(
            "too_long",
            format!("a cell holds {MAX_CELL_CHARACTERS} characters at most, this is {}", cell.length()),
        ));
    }
    Ok(cell)
}

fn misfit(code: &'static str, reason: impl Into<String>) -> Misfit {
    Misfit { code, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: serde_json::Value, field_type: FieldType) -> Result<String, &'static str> {
        let cell: Cell = serde_json::from_value(json).unwrap();
        decode(&cell, field_type, "Europe/Berlin".parse().unwrap())
            .map(|value| value.to_text())
            .map_err(|misfit| misfit.code)
    }

    #[test]
    fn cells_are_read_by_the_type_of_their_column() {
        use FieldType::{Boolean, Date, Datetime, Integer, MultiChoice, Number, Text};
        let cases = [
            (json!("007"), Text, Ok("007")),
            (json!(501), Text, Ok("501")),
            (json!(0.123), Text, Ok("0.123")),
            (json!(true), Text, Ok("TRUE")),
            (json!(" "), Text, Ok(" ")),
            (json!(""), Text, Ok("")),
            (json!("#N/A"), Text, Err("formula_error")),
            (json!("#REF!"), Number, Err("formula_error")),
            (json!(7), Integer, Ok("7")),
            (json!(7.5), Integer, Err("not_an_integer")),
            (json!("7"), Integer, Ok("7")),
            (json!(7.5), Number, Ok("7.5")),
            (json!("1.234,50 €"), Number, Err("not_a_number")),
            (json!(true), Boolean, Ok("true")),
            (json!("FALSE"), Boolean, Ok("false")),
            (json!("x"), Boolean, Err("not_a_boolean")),
            (json!(31_415), Date, Ok("1986-01-03")),
            (json!("2024-02-29"), Date, Ok("2024-02-29")),
            (json!("unknown"), Date, Err("not_a_date")),
            (json!("29.02.2024"), Date, Err("not_a_date")),
            (json!(45_292.75), Datetime, Ok("2024-01-01T17:00:00.000Z")),
            (json!("2024-01-01 18:00"), Datetime, Ok("2024-01-01T17:00:00.000Z")),
            (json!("2024-01-01T18:00:00Z"), Datetime, Ok("2024-01-01T18:00:00.000Z")),
            (json!(" "), Date, Ok("")),
            (json!("a;b"), MultiChoice, Ok("a;b")),
        ];
        for (json, field_type, expected) in cases {
            assert_eq!(read(json.clone(), field_type), expected.map(str::to_owned), "{json} {field_type:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same_value() {
        let zone: Tz = "America/New_York".parse().unwrap();
        for (value, field_type) in [
            (Value::Text("=A1".to_owned()), FieldType::Text),
            (Value::Text("'007".to_owned()), FieldType::Text),
            (Value::Integer(-5), FieldType::Integer),
            (Value::Number(0.1), FieldType::Number),
            (Value::Boolean(true), FieldType::Boolean),
            (Value::Date("1969-12-31".parse().unwrap()), FieldType::Date),
            (Value::DateTime("2024-07-01T10:00:00.123Z".parse().unwrap()), FieldType::Datetime),
            (Value::List(vec!["a;b".to_owned(), "c".to_owned()]), FieldType::MultiChoice),
            (Value::Null, FieldType::Text),
        ] {
            let cell = encode(&value, zone).unwrap();
            assert_eq!(decode(&cell, field_type, zone), Ok(value));
        }
        assert_eq!(encode(&Value::Integer(9_007_199_254_740_993), zone), Ok(Cell::text("9007199254740993")));
        let long = Value::Text("x".repeat(MAX_CELL_CHARACTERS + 1));
        assert_eq!(encode(&long, zone).unwrap_err().code, "too_long");
        assert!(encode(&Value::Text("x".repeat(MAX_CELL_CHARACTERS)), zone).is_ok());
    }

    #[test]
    fn formats_give_columns_their_types() {
        for (kind, field_type) in [
            ("TEXT", None),
            ("NUMBER", Some(FieldType::Number)),
            ("CURRENCY", Some(FieldType::Number)),
            ("PERCENT", Some(FieldType::Number)),
            ("SCIENTIFIC", Some(FieldType::Number)),
            ("DATE", Some(FieldType::Date)),
            ("DATE_TIME", Some(FieldType::Datetime)),
            ("TIME", None),
        ] {
            assert_eq!(type_of(&NumberFormat { kind: kind.to_owned(), pattern: String::new() }), field_type, "{kind}");
        }
    }
}
