//! Functions on dates and times, in UTC unless a time zone is set.

use std::cmp::Ordering;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{
    super::{
        dates::{moment_format, read_day, read_instant, write_instant},
        locales::{ENGLISH, locale_of},
    },
    value::{Local, Value},
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
    let (zone, locale) = match value {
        Value::Local(local) => (local.zone, local.locale),
        _ => (Tz::UTC, &ENGLISH),
    };
    let Some(instant) = instant_of(value) else { return Value::Error };
    locale.write(&instant.with_timezone(&zone), format).map_or(Value::Error, Value::Text)
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
        Value::Local(local) => Some(local.instant),
        Value::Text(text) => read_instant(text, chrono_tz::UTC)
            .or_else(|| read_day(text).map(|day| day.and_time(NaiveTime::MIN).and_utc())),
        Value::List(items) if items.len() == 1 => instant_of(&items[0]),
        Value::Blank | Value::Number(_) | Value::List(_) | Value::Error => None,
    }
}

/// Returns the number of the week in its year. The first week is the one of the first of January.
pub(crate) fn week(values: &[Value]) -> Value {
    let Some(instant) = instant_of(&values[0]) else { return Value::Error };
    let starts_on_monday = match values.get(1).map(Value::to_text).as_deref() {
        None | Some("" | "Sunday") => false,
        Some("Monday") => true,
        Some(_) => return Value::Error,
    };
    let Some(first) = instant.date_naive().with_ordinal(1).map(|day| day.weekday()) else { return Value::Error };
    let skipped = if starts_on_monday { first.num_days_from_monday() } else { first.num_days_from_sunday() };
    Value::Number(f64::from((instant.ordinal0() + skipped) / 7 + 1))
}

/// Moves a day by some working days: Saturdays, Sundays and the listed holidays do not count.
pub(crate) fn workday(values: &[Value]) -> Value {
    let (Some(start), count) = (instant_of(&values[0]), values[1].to_number()) else { return Value::Error };
    let Ok(mut left) = format!("{count:.0}").parse::<i32>() else { return Value::Error };
    let holidays = holidays(values.get(2));
    let step = TimeDelta::days(i64::from(left.signum()));
    let mut day = start;
    // More than a lifetime of days is a mistake, and would take as long.
    if left.abs() > MAX_WORKDAYS {
        return Value::Error;
    }
    while left != 0 {
        let Some(next) = day.checked_add_signed(step) else { return Value::Error };
        day = next;
        if is_workday(day.date_naive(), &holidays) {
            left -= left.signum();
        }
    }
    Value::Instant(day)
}

/// Counts the working days from one day to another, both of them included.
pub(crate) fn workday_difference(values: &[Value]) -> Value {
    let (Some(start), Some(end)) = (instant_of(&values[0]), instant_of(&values[1])) else { return Value::Error };
    let (start, end) = (start.date_naive(), end.date_naive());
    if (end - start).num_days().abs() > i64::from(MAX_WORKDAYS) * 2 {
        return Value::Error;
    }
    let holidays = holidays(values.get(2));
    let days = start.min(end).iter_days().take_while(|day| *day <= start.max(end));
    let count = days.filter(|day| is_workday(*day, &holidays)).fold(0.0, |count, _| count + 1.0);
    Value::Number(if end < start { -count } else { count })
}

/// Most working days that are counted.
const MAX_WORKDAYS: i32 = 40_000;

fn holidays(list: Option<&Value>) -> Vec<NaiveDate> {
    let text = list.map(Value::to_text).unwrap_or_default();
    text.split(',').filter_map(|day| read_day(day.trim())).collect()
}

fn is_workday(day: NaiveDate, holidays: &[NaiveDate]) -> bool {
    day.weekday().number_from_monday() < 6 && !holidays.contains(&day)
}

/// Says in words how far a time is from now, without saying on which side.
pub(crate) fn distance(value: &Value, now: DateTime<Utc>) -> Value {
    let Some(instant) = instant_of(value) else { return Value::Error };
    let seconds = (instant - now).as_seconds_f64().abs();
    let rounded = |length: f64| (seconds / length).round();
    let (minutes, hours, days) = (rounded(60.0), rounded(3_600.0), rounded(86_400.0));
    // The bounds are those of Moment, which the words come from.
    Value::Text(match () {
        () if seconds < 45.0 => "a few seconds".to_owned(),
        () if minutes <= 1.0 => "a minute".to_owned(),
        () if minutes < 45.0 => format!("{minutes} minutes"),
        () if hours <= 1.0 => "an hour".to_owned(),
        () if hours < 22.0 => format!("{hours} hours"),
        () if days <= 1.0 => "a day".to_owned(),
        () if days < 26.0 => format!("{days} days"),
        () if days < 46.0 => "a month".to_owned(),
        () if days < 320.0 => format!("{} months", (days / 30.436_875).round()),
        () if days < 548.0 => "a year".to_owned(),
        () => format!("{} years", (days / 365.25).round()),
    })
}

/// Shows a time in a time zone.
pub(crate) fn in_zone(values: &[Value]) -> Value {
    let Ok(zone) = values[1].to_text().parse::<Tz>() else { return Value::Error };
    match &values[0] {
        Value::Local(local) => Value::Local(Local { zone, ..*local }),
        value => {
            instant_of(value).map_or(Value::Error, |instant| Value::Local(Local { instant, zone, locale: &ENGLISH }))
        }
    }
}

/// Shows a time in a language.
pub(crate) fn in_locale(values: &[Value]) -> Value {
    let locale = locale_of(&values[1].to_text());
    match &values[0] {
        Value::Local(local) => Value::Local(Local { locale, ..*local }),
        value => {
            instant_of(value).map_or(Value::Error, |instant| Value::Local(Local { instant, zone: Tz::UTC, locale }))
        }
    }
}
