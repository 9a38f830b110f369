//! Values of every Parquet type as text, exactly: nothing is rounded and nothing is cut.

use std::fmt::Write;

use chrono::{DateTime, NaiveTime, SecondsFormat, Utc};
use polars::prelude::{AnyValue, Series, TimeUnit};
use serde_json::Value as Json;

use crate::model::{LIST_SEPARATOR, Value, join_list, plain_number};

/// Returns a value as text; none where there is none. Lists of scalars are joined with `;`, what is nested deeper is JSON.
pub(in super::super) fn text_of(any: &AnyValue<'_>) -> Option<String> {
    Some(match any {
        AnyValue::Null => return None,
        AnyValue::Decimal(digits, _, scale) => decimal(*digits, *scale),
        AnyValue::Time(nanos) => time(*nanos),
        AnyValue::Datetime(count, unit, _) => moment(*count, *unit),
        AnyValue::Binary(bytes) => bytes_text(bytes),
        AnyValue::BinaryOwned(bytes) => bytes_text(bytes),
        AnyValue::List(items) | AnyValue::Array(items, _) => match scalars(items) {
            Some(texts) => join_list(texts, LIST_SEPARATOR),
            None => json_of(any),
        },
        AnyValue::Struct(..) | AnyValue::StructOwned(_) => json_of(any),
        other => match other.get_str() {
            Some(text) => text.to_owned(),
            None => Value::from_any(other).map_or_else(|_| other.to_string(), |value| value.to_text()),
        },
    })
}

/// Returns the text by which a value counts in the id of its record. For the types that could always be read it is what it has
/// always been, so that ids stay.
pub(in super::super) fn id_text(any: &AnyValue<'_>) -> Option<String> {
    match any {
        AnyValue::Float32(number) => Some(f64::from(*number).to_string()),
        other => text_of(other),
    }
}

/// Returns the items of a list as texts; none where one of them is nested.
pub(in super::super) fn scalars(items: &Series) -> Option<Vec<String>> {
    let is_nested = |any: &AnyValue<'_>| {
        matches!(any, AnyValue::List(_) | AnyValue::Array(..) | AnyValue::Struct(..) | AnyValue::StructOwned(_))
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items.iter() {
        if is_nested(&item) {
            return None;
        }
        texts.extend(text_of(&item));
    }
    Some(texts)
}

/// Writes a value as compact JSON, with every digit of every number.
fn json_of(any: &AnyValue<'_>) -> String {
    let mut json = String::new();
    write_json(any, &mut json);
    json
}

fn write_json(any: &AnyValue<'_>, json: &mut String) {
    match any {
        AnyValue::Null => json.push_str("null"),
        AnyValue::List(items) | AnyValue::Array(items, _) => {
            json.push('[');
            for (position, item) in items.iter().enumerate() {
                json.push_str(if position > 0 { "," } else { "" });
                write_json(&item, json);
            }
            json.push(']');
        }
        AnyValue::Struct(_, _, fields) => {
            write_members(fields.iter().map(|field| field.name().as_str()).zip(any._iter_struct_av()), json);
        }
        AnyValue::StructOwned(members) => {
            let (values, fields) = members.as_ref();
            write_members(fields.iter().map(|field| field.name().as_str()).zip(values.iter().cloned()), json);
        }
        other => {
            let text = text_of(other).unwrap_or_default();
            let is_bare = matches!(other, AnyValue::Boolean(_) | AnyValue::Decimal(..))
                || (other.dtype().is_primitive_numeric() && plain_number(&text).is_some());
            if is_bare {
                json.push_str(&text);
            } else {
                // Writing to a text cannot fail.
                let _ = write!(json, "{}", Json::from(text));
            }
        }
    }
}

fn write_members<'a>(members: impl Iterator<Item = (&'a str, AnyValue<'a>)>, json: &mut String) {
    json.push('{');
    for (position, (name, value)) in members.enumerate() {
        let comma = if position > 0 { "," } else { "" };
        let _ = write!(json, "{comma}{}:", Json::from(name));
        write_json(&value, json);
    }
    json.push('}');
}

/// Writes a decimal of so many digits behind the point, without needless zeros.
fn decimal(digits: i128, scale: usize) -> String {
    let text = format!("{digits}e-{scale}");
    plain_number(&text).unwrap_or(text)
}

fn time(nanos: i64) -> String {
    let seconds = u32::try_from(nanos / 1_000_000_000).ok();
    let rest = u32::try_from(nanos % 1_000_000_000).ok();
    let time =
        seconds.zip(rest).and_then(|(seconds, rest)| NaiveTime::from_num_seconds_from_midnight_opt(seconds, rest));
    time.map_or_else(|| nanos.to_string(), |time| time.format("%H:%M:%S%.f").to_string())
}

/// Writes a moment with milliseconds, and with more digits only where it has them.
fn moment(count: i64, unit: TimeUnit) -> String {
    let moment: Option<DateTime<Utc>> = match unit {
        TimeUnit::Nanoseconds => Some(DateTime::from_timestamp_nanos(count)),
        TimeUnit::Microseconds => DateTime::from_timestamp_micros(count),
        TimeUnit::Milliseconds => DateTime::from_timestamp_millis(count),
    };
    let Some(moment) = moment else { return count.to_string() };
    let is_whole = moment.timestamp_subsec_nanos() % 1_000_000 == 0;
    moment.to_rfc3339_opts(if is_whole { SecondsFormat::Millis } else { SecondsFormat::AutoSi }, true)
}

fn bytes_text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| hexadecimal(bytes), str::to_owned)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
