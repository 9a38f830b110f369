//! The columns of a sheet as fields, and its cells as values.

use chrono_tz::Tz;

use crate::connector::file::{field_name, plain_label};
use crate::model::{Field, FieldType, ObjectName, Schema, Value, exact_float, exact_integer};
use crate::workbook::{Cell, Look, check_text, serial};

use super::client::{Scan, Seen};

/// Returns the fields of a sheet, with the types that hold for all of their cells. A column without a cell holds texts.
pub(super) fn schema(object: &ObjectName, scan: &Scan, id_columns: &[String]) -> Schema {
    let names = scan.header.names();
    let fields = scan.header.columns.iter().filter_map(|(column, name)| {
        let seen = scan.seen.get(column).copied().unwrap_or(Seen::Text);
        let mut field = Field::new(field_name(name, id_columns)?, field_type(seen));
        field.label = plain_label(name, &names);
        Some(field)
    });
    Schema { object: object.clone(), fields: fields.collect(), is_open: false }
}

fn field_type(seen: Seen) -> FieldType {
    match seen {
        Seen::Boolean => FieldType::Boolean,
        Seen::Whole => FieldType::Integer,
        Seen::Number => FieldType::Number,
        Seen::Day => FieldType::Date,
        Seen::Moment => FieldType::Datetime,
        Seen::Text => FieldType::Text,
    }
}

/// Why a cell has no value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) code: &'static str,
    pub(super) reason: String,
}

/// Returns the value of a cell of a column.
pub(super) fn decode(cell: &Cell, field_type: FieldType, zone: Tz) -> Result<Value, Misfit> {
    let misfit = |code, reason: String| Err(Misfit { code, reason });
    match (cell, field_type) {
        (Cell::Empty, _) => Ok(Value::Null),
        (Cell::Error(error), _) => misfit("cell_error", format!("holds the error {error}")),
        (Cell::TooLong(_), _) => misfit(
            "not_exact",
            "holds a number of more than 15 digits, of which a spreadsheet keeps only 15: it must be a text".to_owned(),
        ),
        (Cell::Number(number), FieldType::Integer) => exact_integer(&number.to_string()).map_or_else(
            || misfit("does_not_fit", "holds no whole number".to_owned()),
            |whole| Ok(Value::Integer(whole)),
        ),
        (Cell::Number(number), FieldType::Number) => Ok(Value::Number(*number)),
        (Cell::Boolean(flag), FieldType::Boolean) => Ok(Value::Boolean(*flag)),
        (Cell::Day(day), FieldType::Date) => Ok(Value::Date(*day)),
        (Cell::Day(day), FieldType::Datetime) => {
            Ok(serial::in_zone(day.and_time(chrono::NaiveTime::MIN), zone).map(Value::DateTime).unwrap_or_default())
        }
        (Cell::Moment(moment), FieldType::Datetime) => {
            Ok(serial::in_zone(*moment, zone).map(Value::DateTime).unwrap_or_default())
        }
        (cell, FieldType::Text | FieldType::Choice | FieldType::MultiChoice | FieldType::Link) => {
            Ok(Value::Text(cell.text()))
        }
        (_, other) => misfit("does_not_fit", format!("holds no {}, as all others do", other.as_str())),
    }
}

/// Returns how the cells of a field look.
pub(super) fn look(field_type: FieldType) -> Look {
    match field_type {
        FieldType::Text | FieldType::Choice | FieldType::MultiChoice | FieldType::Link => Look::Text,
        FieldType::Integer | FieldType::Number | FieldType::Boolean => Look::Plain,
        FieldType::Date => Look::Day,
        FieldType::Datetime => Look::Moment,
    }
}

/// Returns the cell that holds a value. A number of which a spreadsheet would lose digits is written as a text.
pub(super) fn encode(value: &Value, zone: Tz) -> Result<Cell, Misfit> {
    let cell = match value {
        Value::Null => Cell::Empty,
        Value::Text(text) => Cell::Text(text.clone()),
        Value::Integer(whole) => match exact_float(*whole).map(Cell::number) {
            Some(cell @ Cell::Number(_)) => cell,
            _ => Cell::Text(whole.to_string()),
        },
        Value::Number(number) if number.is_finite() => match Cell::number(*number) {
            Cell::TooLong(_) => Cell::Text(value.to_text()),
            _ => Cell::Number(*number),
        },
        Value::Number(_) => {
            return Err(Misfit {
                code: "not_a_number",
                reason: "a cell cannot hold a number without an end".to_owned(),
            });
        }
        Value::Boolean(flag) => Cell::Boolean(*flag),
        Value::Date(date) => Cell::Day(*date),
        Value::DateTime(moment) => Cell::Moment(moment.with_timezone(&zone).naive_local()),
        Value::List(_) => Cell::Text(value.to_text()),
    };
    if let Cell::Text(text) = &cell {
        check_text(text).map_err(|reason| Misfit { code: "too_long", reason })?;
    }
    Ok(cell)
}
