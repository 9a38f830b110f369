//! Dates: serial numbers count days from 1899-12-30, and patterns such as `yyyy-mm-dd hh:mm` show them.

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

use super::super::numbers::{signed_double, whole};

/// Milliseconds of a day.
const DAY_MILLIS: f64 = 86_400_000.0;

fn epoch() -> NaiveDate {
    NaiveDate::from_ymd_opt(1899, 12, 30).unwrap_or_default()
}

/// Returns a date's serial number.
pub(in crate::google_sheets) fn serial_of_date(date: NaiveDate) -> f64 {
    signed_double((date - epoch()).num_days())
}

/// Returns a moment's serial number.
pub(in crate::google_sheets) fn serial_of_moment(moment: NaiveDateTime) -> f64 {
    let time = signed_double(i64::from(moment.time().num_seconds_from_midnight()) * 1000)
        + f64::from(moment.and_utc().timestamp_subsec_millis());
    serial_of_date(moment.date()) + time / DAY_MILLIS
}

/// Returns the moment of a serial number, to the millisecond.
pub(in crate::google_sheets) fn moment_of(serial: f64) -> Option<NaiveDateTime> {
    let millis = whole((serial * DAY_MILLIS).round())?;
    epoch().and_hms_opt(0, 0, 0)?.checked_add_signed(TimeDelta::try_milliseconds(millis)?)
}

/// Returns the date of a serial number.
pub(in crate::google_sheets) fn date_of(serial: f64) -> Option<NaiveDate> {
    moment_of(serial.floor()).map(|moment| moment.date())
}

/// Whether a pattern shows a date or a time.
pub(super) fn is_pattern(pattern: &str) -> bool {
    tokens(pattern).iter().any(|token| matches!(token, Token::Part(..)))
        && !pattern.contains(['0', '#']) | pattern.contains(".0")
}

enum Token {
    /// A letter of a date or time, and how often it stands there.
    Part(char, usize),
    Noon,
    Literal(String),
}

/// Shows a serial number by a pattern.
pub(super) fn show(serial: f64, pattern: &str) -> Option<String> {
    let moment = moment_of(serial)?;
    let tokens = tokens(pattern);
    let has_noon = tokens.iter().any(|token| matches!(token, Token::Noon));
    let mut text = String::new();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Literal(literal) => text.push_str(literal),
            Token::Noon => text.push_str(if moment.hour() < 12 { "AM" } else { "PM" }),
            Token::Part('m', length) if is_minute(&tokens, index) => text.push_str(&padded(moment.minute(), *length)),
            Token::Part(letter, length) => text.push_str(&part(moment, *letter, *length, has_noon)),
        }
    }
    Some(text)
}

/// Tells minutes from months: they follow hours or come before seconds.
fn is_minute(tokens: &[Token], index: usize) -> bool {
    let letter = |token: &Token| if let Token::Part(letter, _) = token { Some(*letter) } else { None };
    let before = tokens[..index].iter().rev().find_map(letter);
    let behind = tokens[index + 1..].iter().find_map(letter);
    before == Some('h') || behind == Some('s')
}

fn part(moment: NaiveDateTime, letter: char, length: usize, has_noon: bool) -> String {
    match (letter, length) {
        ('y', 1 | 2) => moment.format("%y").to_string(),
        ('y', _) => moment.format("%Y").to_string(),
        ('m', 3) => moment.format("%b").to_string(),
        ('m', 5) => moment.format("%b").to_string().chars().take(1).collect(),
        ('m', 4..) => moment.format("%B").to_string(),
        ('m', _) => padded(moment.month(), length),
        ('d', 3) => moment.format("%a").to_string(),
        ('d', 4..) => moment.format("%A").to_string(),
        ('d', _) => padded(moment.day(), length),
        ('h', _) if has_noon => padded(moment.hour12().1, length),
        ('h', _) => padded(moment.hour(), length),
        ('s', _) => padded(moment.second(), length),
        ('0', _) => {
            let millis = format!("{:03}", moment.and_utc().timestamp_subsec_millis());
            format!(".{}", &millis[..length.min(3)])
        }
        _ => String::new(),
    }
}

fn padded(number: u32, length: usize) -> String {
    format!("{number:0>length$}")
}

fn tokens(pattern: &str) -> Vec<Token> {
    let letters: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        let rest = &letters[at..];
        let run = rest.iter().take_while(|it| it.eq_ignore_ascii_case(letter)).count();
        let upper: String = rest.iter().take(5).collect::<String>().to_uppercase();
        let (token, length) = match letter.to_ascii_lowercase() {
            it @ ('y' | 'm' | 'd' | 'h' | 's') => (Token::Part(it, run), run),
            'a' if upper == "AM/PM" => (Token::Noon, 5),
            '.' if rest.get(1) == Some(&'0') => {
                let digits = rest[1..].iter().take_while(|it| **it == '0').count();
                (Token::Part('0', digits), 1 + digits)
            }
            '"' => {
                let length = rest[1..].iter().take_while(|it| **it != '"').count();
                (Token::Literal(rest[1..=length].iter().collect()), (length + 2).min(rest.len()))
            }
            '\\' => (Token::Literal(rest.get(1).map(char::to_string).unwrap_or_default()), 2),
            '[' | ']' => (Token::Literal(String::new()), 1),
            _ => (Token::Literal(letter.to_string()), 1),
        };
        tokens.push(token);
        at += length;
    }
    tokens
}
