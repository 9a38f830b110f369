//! Functions on dates and times, all in UTC.

use std::cmp::Ordering;

use chrono::{DateTime, Datelike, Months, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use super::{
    super::dates::{moment_format, read_day, read_instant, write_instant},
    value::Value,
};

/// Returns the beginning of a day.
pub(crate) fn midnight(instant: DateTime<Utc>) -> Value {
    Value::Instant(instant.date_naive().and_time(NaiveTime::MIN).and_utc())
}

/// Reads a text as a time, by ISO 8601 or by a format.
pub(crate) fn parse(values: &[Value]) -> Value {
    let Some(format) = values.get(1).filter(|format| !format.is_empty()) else {
        return instant_of(&values[0]).map_or(Value::Error, Value::Instant);
    };
    let (text, format) = (values[0].to_text(), moment_format(&format.to_text()));
    let time = NaiveDateTime::parse_from_str(&text, &format).ok();
    let day = || chrono::NaiveDate::parse_from_str(&text, &format).ok().map(|day| day.and_time(NaiveTime::MIN));
    time.or_else(day).map_or(Value::Error, |time| Value::Instant(time.and_utc()))
}

/// Writes a time by a format.
pub(crate) fn format(values: &[Value]) -> Value {
    let Some(format) = values.get(1) else {
        return instant_of(&values[0]).map_or(Value::Error, |instant| Value::Text(write_instant(instant)));
    };
    written(&values[0], &moment_format(&format.to_text()))
}

/// Writes a time by a format of chrono's.
pub(crate) fn written(value: &Value, format: &str) -> Value {
    use std::fmt::Write;

    let Some(instant) = instant_of(value) else { return Value::Error };
    let mut text = String::new();
    match write!(text, "{}", instant.format(format)) {
        Ok(()) => Value::Text(text),
        Err(_) => Value::Error,
    }
}

/// Returns a part of a time as a number.
pub(crate) fn part(value: &Value, format: &str) -> Value {
    match written(value, format) {
        Value::Text(text) => text.parse().map_or(Value::Error, Value::Number),
        _ => Value::Error,
    }
}

/// Compares two times, for `IS_SAME` in a unit; an empty one is neither before nor after nor the same.
pub(crate) fn compared(values: &[Value], wanted: Ordering) -> Value {
    if values[0].is_empty() || values[1].is_empty() {
        return Value::truth(false);
    }
    let (Some(left), Some(right)) = (instant_of(&values[0]), instant_of(&values[1])) else { return Value::Error };
    let unit = values.get(2).map(Value::to_text).unwrap_or_default();
    let format = match unit.trim_end_matches('s') {
        "year" => "%Y",
        "month" => "%Y-%m",
        "week" => "%G-%V",
        "day" => "%Y-%m-%d",
        "hour" => "%Y-%m-%d %H",
        "minute" => "%Y-%m-%d %H:%M",
        "second" => "%Y-%m-%d %H:%M:%S",
        "" | "millisecond" => return Value::truth(left.cmp(&right) == wanted),
        _ => return Value::Error,
    };
    Value::truth(left.format(format).to_string() == right.format(format).to_string())
}

/// Moves a time by some units.
pub(crate) fn add(values: &[Value]) -> Value {
    let (Some(instant), count) = (instant_of(&values[0]), values[1].to_number()) else { return Value::Error };
    let Ok(count) = format!("{count:.0}").parse::<i32>() else { return Value::Error };
    let moved = match values[2].to_text().trim_end_matches('s') {
        "year" => by_months(instant, count.saturating_mul(12)),
        "quarter" => by_months(instant, count.saturating_mul(3)),
        "month" => by_months(instant, count),
        unit => unit_length(unit).and_then(|unit| instant.checked_add_signed(unit * count)),
    };
    moved.map_or(Value::Error, Value::Instant)
}

/// Returns how many whole units lie between two times, by default seconds.
pub(crate) fn difference(values: &[Value]) -> Value {
    let (Some(left), Some(right)) = (instant_of(&values[0]), instant_of(&values[1])) else { return Value::Error };
    let unit = values.get(2).map_or_else(|| "seconds".to_owned(), Value::to_text);
    let months = || {
        let span = |instant: DateTime<Utc>| f64::from(instant.year()) * 12.0 + f64::from(instant.month());
        span(left) - span(right)
    };
    match unit.trim_end_matches('s') {
        "year" => Value::Number((months() / 12.0).trunc()),
        "month" => Value::Number(months()),
        unit => {
            let Some(unit) = unit_length(unit) else { return Value::Error };
            Value::Number(((left - right).as_seconds_f64() / unit.as_seconds_f64()).trunc())
        }
    }
}

fn by_months(instant: DateTime<Utc>, months: i32) -> Option<DateTime<Utc>> {
    let distance = Months::new(months.unsigned_abs());
    if months < 0 { instant.checked_sub_months(distance) } else { instant.checked_add_months(distance) }
}

fn unit_length(unit: &str) -> Option<TimeDelta> {
    match unit {
        "week" => Some(TimeDelta::weeks(1)),
        "day" => Some(TimeDelta::days(1)),
        "hour" => Some(TimeDelta::hours(1)),
        "minute" => Some(TimeDelta::minutes(1)),
        "second" => Some(TimeDelta::seconds(1)),
        "millisecond" => Some(TimeDelta::milliseconds(1)),
        _ => None,
    }
}

/// Takes a value as a time; a text must be in ISO 8601.
fn instant_of(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::Instant(instant) => Some(*instant),
        Value::Text(text) => read_instant(text, chrono_tz::UTC)
            .or_else(|| read_day(text).map(|day| day.and_time(NaiveTime::MIN).and_utc())),
        Value::List(items) if items.len() == 1 => instant_of(&items[0]),
        Value::Blank | Value::Number(_) | Value::List(_) | Value::Error => None,
    }
}
