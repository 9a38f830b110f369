//! Dates and times.

use chrono::{Datelike, Months, NaiveDate, Timelike};

use super::super::super::cell::{ErrorKind, Value};
use super::super::super::formats::{date_of, moment_of, serial_of_date, serial_of_moment};
use super::super::super::numbers::{signed_double, whole};
use super::super::eval::{Outcome, fail};
use super::Arguments;

/// Calls a function of this family.
pub(super) fn call(name: &str, arguments: &Arguments) -> Option<Outcome> {
    let now = arguments.eval.evaluator.now();
    Some(match name {
        "TODAY" => Ok(Value::Number(serial_of_date(now.date()))),
        "NOW" => Ok(Value::Number(serial_of_moment(now))),
        "DATE" => made(arguments),
        "DATEVALUE" => arguments.number(0).map(|serial| Value::Number(serial.floor())),
        "YEAR" => part(arguments, |date| f64::from(date.year())),
        "MONTH" => part(arguments, |date| f64::from(date.month())),
        "DAY" => part(arguments, |date| f64::from(date.day())),
        "HOUR" => time(arguments, |time| time.hour()),
        "MINUTE" => time(arguments, |time| time.minute()),
        "SECOND" => time(arguments, |time| time.second()),
        "WEEKDAY" => weekday(arguments),
        "DAYS" => arguments.number(0).and_then(|end| Ok(Value::Number(end.floor() - arguments.number(1)?.floor()))),
        "EDATE" => moved(arguments, false),
        "EOMONTH" => moved(arguments, true),
        "DATEDIF" => difference(arguments),
        _ => return None,
    })
}

fn date(arguments: &Arguments, index: usize) -> Outcome<NaiveDate> {
    let serial = arguments.number(index)?;
    match date_of(serial) {
        Some(date) => Ok(date),
        None => fail(ErrorKind::Num, format!("{serial} is no date.")),
    }
}

fn part(arguments: &Arguments, pick: fn(NaiveDate) -> f64) -> Outcome {
    date(arguments, 0).map(|date| Value::Number(pick(date)))
}

fn time(arguments: &Arguments, pick: fn(chrono::NaiveTime) -> u32) -> Outcome {
    match moment_of(arguments.number(0)?) {
        Some(moment) => Ok(Value::Number(f64::from(pick(moment.time())))),
        None => fail(ErrorKind::Num, "This is no time."),
    }
}

fn integer(arguments: &Arguments, index: usize) -> Outcome<i64> {
    match whole(arguments.number(index)?) {
        Some(number) => Ok(number),
        None => fail(ErrorKind::Num, "This number is too large."),
    }
}

/// Makes a date; months and days beyond their bounds carry over.
fn made(arguments: &Arguments) -> Outcome {
    let (year, month, day) = (integer(arguments, 0)?, integer(arguments, 1)?, integer(arguments, 2)?);
    let months = year * 12 + month - 1;
    let year = i32::try_from(months.div_euclid(12)).unwrap_or(i32::MAX);
    let month = u32::try_from(months.rem_euclid(12)).unwrap_or_default() + 1;
    match NaiveDate::from_ymd_opt(year, month, 1) {
        Some(first) => Ok(Value::Number(serial_of_date(first) + signed_double(day - 1))),
        None => fail(ErrorKind::Num, "This is no date."),
    }
}

fn weekday(arguments: &Arguments) -> Outcome {
    let date = date(arguments, 0)?;
    let from_sunday = date.weekday().num_days_from_sunday();
    let from_monday = date.weekday().num_days_from_monday();
    Ok(Value::Number(f64::from(match integer_or(arguments, 1, 1)? {
        2 => from_monday + 1,
        3 => from_monday,
        _ => from_sunday + 1,
    })))
}

fn integer_or(arguments: &Arguments, index: usize, default: i64) -> Outcome<i64> {
    if arguments.len() > index { integer(arguments, index) } else { Ok(default) }
}

/// Moves a date by months; to the month's last day where it is wanted.
fn moved(arguments: &Arguments, is_end: bool) -> Outcome {
    let date = date(arguments, 0)?;
    let months = integer(arguments, 1)?;
    let step = |date: NaiveDate, months: i64| {
        let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
        if months < 0 { date.checked_sub_months(count) } else { date.checked_add_months(count) }
    };
    let found = if is_end {
        date.with_day(1).and_then(|first| step(first, months + 1)).and_then(|first| first.pred_opt())
    } else {
        step(date, months)
    };
    match found {
        Some(date) => Ok(Value::Number(serial_of_date(date))),
        None => fail(ErrorKind::Num, "This is no date."),
    }
}

fn difference(arguments: &Arguments) -> Outcome {
    let (start, end) = (date(arguments, 0)?, date(arguments, 1)?);
    if end < start {
        return fail(ErrorKind::Num, "Function DATEDIF parameter 1 should be on or before parameter 2.");
    }
    let months = i64::from(end.year() - start.year()) * 12 + i64::from(end.month())
        - i64::from(start.month())
        - i64::from(end.day() < start.day());
    let number = match arguments.text(2)?.to_uppercase().as_str() {
        "D" => (end - start).num_days(),
        "M" => months,
        "Y" => months / 12,
        "YM" => months % 12,
        other => {
            return fail(ErrorKind::Error, format!("The local sheet does not compute DATEDIF with the unit {other}."));
        }
    };
    Ok(Value::Number(signed_double(number)))
}
