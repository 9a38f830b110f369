//! One cell of a sheet, and its place.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// The first whole number of more digits than a spreadsheet keeps and shows, which is 15.
const TOO_LARGE: f64 = 1e15;

/// What a cell holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A text, or a number whose format shows zeros in front.
    Text(String),
    /// A number, as the spreadsheet shows it: of 15 digits.
    Number(f64),
    /// A whole number of more than 15 digits: the spreadsheet does not keep the others.
    TooLong(f64),
    /// True or false.
    Boolean(bool),
    /// A day.
    Day(NaiveDate),
    /// A day with a time, without a zone.
    Moment(NaiveDateTime),
    /// An error such as `#N/A`.
    Error(String),
}

impl Cell {
    /// Makes a cell of a number, without the noise that only its 64-bit form has.
    pub fn number(number: f64) -> Self {
        if is_whole(number) && number.abs() >= TOO_LARGE {
            return Self::TooLong(number);
        }
        Self::Number(format!("{number:.14e}").parse().unwrap_or(number))
    }

    /// Returns what a person sees, in the one form that Ferry has for it: dates as `2024-01-31`, numbers without an exponent.
    pub fn text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::Error(text) => text.clone(),
            Self::Number(number) | Self::TooLong(number) => number.to_string(),
            Self::Boolean(flag) => flag.to_string(),
            Self::Day(day) => day.to_string(),
            Self::Moment(moment) => moment.format("%Y-%m-%d %H:%M:%S%.f").to_string(),
        }
    }

    /// Makes a cell of the time of a spreadsheet's calendar, given as year, month, day, hour, minute, second, millisecond. The cell
    /// may show a time of day, which may be midnight.
    pub(super) fn of_calendar(parts: (u16, u8, u8, u8, u8, u8, u16), shows_time: bool) -> Self {
        let (year, month, day, hour, minute, second, millis) = parts;
        let time =
            NaiveTime::from_hms_milli_opt(hour.into(), minute.into(), second.into(), millis.into()).unwrap_or_default();
        match NaiveDate::from_ymd_opt(year.into(), month.into(), day.into()) {
            Some(date) if time == NaiveTime::MIN && !shows_time => Self::Day(date),
            Some(date) => Self::Moment(date.and_time(time)),
            // The 29 February 1900 that spreadsheets have and the calendar does not.
            None => Self::Text(format!("{year:04}-{month:02}-{day:02}")),
        }
    }

    /// Makes a cell of a part of a day, or of several days, that no date belongs to: `08:30:00`.
    pub(super) fn of_duration(days: f64) -> Self {
        let seconds = (days.abs() * 86_400.0).round();
        let sign = if days < 0.0 { "-" } else { "" };
        let (hours, rest) = ((seconds / 3600.0).floor(), seconds % 3600.0);
        Self::Text(format!("{sign}{hours:02}:{:02}:{:02}", (rest / 60.0).floor(), rest % 60.0))
    }

    /// Makes a cell of a text in the form of ISO 8601, as `OpenDocument` has dates and times.
    pub(super) fn of_iso(text: &str) -> Self {
        let moment = || ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"].iter().find_map(|form| parsed(text, form));
        if let Ok(day) = text.parse() {
            return Self::Day(day);
        }
        match moment() {
            Some(moment) if moment.time() == NaiveTime::MIN => Self::Day(moment.date()),
            Some(moment) => Self::Moment(moment),
            None => Self::Text(text.to_owned()),
        }
    }

    /// Makes a cell of a duration in the form of ISO 8601: `PT08H30M00S`.
    pub(super) fn of_iso_duration(text: &str) -> Self {
        let number = |mark: char| -> Option<f64> {
            let end = text.find(mark)?;
            let digits = text[..end].rsplit(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?;
            digits.parse().ok()
        };
        let Some(rest) = text.strip_prefix("PT").or_else(|| text.strip_prefix("-PT")) else {
            return Self::Text(text.to_owned());
        };
        let seconds = number('H').unwrap_or(0.0) * 3600.0 + number('S').unwrap_or(0.0);
        let minutes = if rest.contains('M') { number('M').unwrap_or(0.0) } else { 0.0 };
        let days = (seconds + minutes * 60.0) / 86_400.0;
        Self::of_duration(if text.starts_with('-') { -days } else { days })
    }
}

fn parsed(text: &str, form: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, form).ok()
}

/// Tells whether a number has no fraction.
pub fn is_whole(number: f64) -> bool {
    number.fract().abs() < f64::MIN_POSITIVE
}

/// Returns the name of a cell, such as `B7`; the column counts from 0, the row from 1.
pub fn cell_name(column: u32, row: u32) -> String {
    format!("{}{row}", column_name(column))
}

/// Returns the letters of a column, counted from 0.
fn column_name(column: u32) -> String {
    let mut name = Vec::new();
    let mut rest = Some(column);
    while let Some(number) = rest {
        name.push(char::from(b'A' + u8::try_from(number % 26).unwrap_or_default()));
        rest = (number / 26).checked_sub(1);
    }
    name.iter().rev().collect()
}
