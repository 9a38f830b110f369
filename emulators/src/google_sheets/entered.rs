//! What a typed text becomes: `1/2` a date, `007` a number, `=…` a formula, `'007` a text. This is `USER_ENTERED`.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};

use super::{
    cell::Entered,
    formats::{DateOrder, Locale, serial_of_date},
    formula::Formula,
};

/// A typed text, read: what it is, and the number format that it brings along.
pub(super) type Typed = (Entered, Option<(&'static str, String)>);

/// Reads a typed text as the user interface does. `year` completes a date without one.
pub(super) fn typed(text: &str, locale: &Locale, year: i32) -> Typed {
    if let Some(rest) = text.strip_prefix('\'') {
        return (Entered::text(rest), None);
    }
    if text.len() > 1 && text.starts_with('=') {
        return (Entered::Formula(Arc::new(Formula::new(text))), None);
    }
    if text.len() > 1 && text.starts_with('+') && number(text, locale).is_none() {
        return (Entered::Formula(Arc::new(Formula::new(&format!("={}", &text[1..])))), None);
    }
    let trimmed = text.trim();
    match trimmed.to_ascii_uppercase().as_str() {
        "TRUE" => return (Entered::Bool(true), None),
        "FALSE" => return (Entered::Bool(false), None),
        _ => {}
    }
    if let Some(found) = number(trimmed, locale) {
        return found;
    }
    date(trimmed, locale, year).unwrap_or_else(|| (Entered::text(text), None))
}

/// Reads a number, a percentage or an amount of money.
fn number(text: &str, locale: &Locale) -> Option<Typed> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let sign = if is_negative { -1.0 } else { 1.0 };
    if let Some(percent) = unsigned.strip_suffix('%') {
        let (number, decimals, _) = plain(percent.trim_end(), locale)?;
        let pattern = if decimals == 0 { "0%" } else { "0.00%" };
        return Some((Entered::Number(sign * number / 100.0), Some(("PERCENT", pattern.to_owned()))));
    }
    for symbol in ['$', '€', '£', '¥'] {
        if let Some(amount) = unsigned.strip_prefix(symbol).or_else(|| unsigned.strip_suffix(symbol)) {
            let (number, decimals, _) = plain(amount.trim(), locale)?;
            let digits = if decimals == 0 { "#,##0" } else { "#,##0.00" };
            let is_leading = unsigned.starts_with(symbol);
            let pattern = if is_leading { format!("[${symbol}]{digits}") } else { format!("{digits} [${symbol}]") };
            return Some((Entered::Number(sign * number), Some(("CURRENCY", pattern))));
        }
    }
    let (number, decimals, is_grouped) = plain(unsigned, locale)?;
    let is_scientific = unsigned.contains(['e', 'E']);
    let format = match (is_scientific, is_grouped) {
        (true, _) => Some(("SCIENTIFIC", "0.00E+00".to_owned())),
        (_, true) => Some(("NUMBER", if decimals == 0 { "#,##0" } else { "#,##0.00" }.to_owned())),
        _ => None,
    };
    Some((Entered::Number(sign * number), format))
}

/// Reads digits with the locale's marks: the number, its decimals, and whether it is grouped.
fn plain(text: &str, locale: &Locale) -> Option<(f64, usize, bool)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once(locale.decimal).unwrap_or((mantissa, ""));
    let mut groups = whole.split(locale.group);
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let are_digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    let is_number = (!first.is_empty() || !fraction.is_empty())
        && are_digits(first)
        && are_digits(fraction)
        && rest.iter().all(|group| group.len() == 3 && are_digits(group))
        && (rest.is_empty() || (1..=3).contains(&first.len()));
    if !is_number {
        return None;
    }
    let exponent: i32 = exponent.parse().ok()?;
    let number: f64 = format!("{first}{}.{fraction}e{exponent}", rest.concat()).parse().ok()?;
    number.is_finite().then_some((number, fraction.len(), !rest.is_empty()))
}

/// Reads a date, a time, or both.
fn date(text: &str, locale: &Locale, year: i32) -> Option<Typed> {
    if let Some(time) = time(text) {
        return Some((Entered::Number(time), Some(("TIME", locale.pattern("TIME")))));
    }
    let (first, second) = match text.split_once([' ', 'T']) {
        Some((first, second)) => (first, Some(second)),
        None => (text, None),
    };
    let (day, pattern) = day(first, locale, year)?;
    let Some(second) = second else { return Some((Entered::Number(day), Some(("DATE", pattern)))) };
    let time = time(second.trim_end_matches('Z'))?;
    Some((Entered::Number(day + time), Some(("DATE_TIME", format!("{pattern} h:mm:ss")))))
}

fn day(text: &str, locale: &Locale, year: i32) -> Option<(f64, String)> {
    let mark = text.chars().find(|it| matches!(it, '-' | '/' | '.'))?;
    let parts: Vec<&str> = text.split(mark).collect();
    if parts.iter().any(|part| part.is_empty() || part.len() > 4 || part.bytes().any(|it| !it.is_ascii_digit())) {
        return None;
    }
    let numbers: Vec<u32> = parts.iter().map(|part| part.parse().unwrap_or_default()).collect();
    let full = |year: u32| {
        i32::try_from(if year < 50 {
            2000 + year
        } else if year < 100 {
            1900 + year
        } else {
            year
        })
        .ok()
    };
    let (year, month, day, pattern) = match (numbers.as_slice(), locale.order) {
        ([year, month, day], _) if parts[0].len() == 4 => (full(*year)?, *month, *day, format!("yyyy{mark}mm{mark}dd")),
        ([month, day, year], DateOrder::MonthDayYear)
        | ([day, month, year], DateOrder::DayMonthYear)
        | ([year, month, day], DateOrder::YearMonthDay) => (full(*year)?, *month, *day, locale.pattern("DATE")),
        ([month, day], DateOrder::MonthDayYear | DateOrder::YearMonthDay) if mark != '.' => {
            (year, *month, *day, format!("m{mark}d"))
        }
        ([day, month], DateOrder::DayMonthYear) => (year, *month, *day, format!("d{mark}m")),
        _ => return None,
    };
    NaiveDate::from_ymd_opt(year, month, day).map(|date| (serial_of_date(date), pattern))
}

fn time(text: &str) -> Option<f64> {
    let upper = text.to_ascii_uppercase();
    let clean = upper.trim_end_matches("AM").trim_end_matches("PM").trim_end();
    let is_clock = clean.contains(':');
    let parse = |pattern: &str| NaiveTime::parse_from_str(clean, pattern).ok();
    let time = is_clock.then(|| parse("%H:%M:%S%.f").or_else(|| parse("%H:%M"))).flatten()?;
    let seconds = f64::from(chrono::Timelike::num_seconds_from_midnight(&time));
    let half_day = if upper.ends_with("PM") && seconds < 43_200.0 { 0.5 } else { 0.0 };
    Some(seconds / 86_400.0 + half_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, locale: &str) -> String {
        let (entered, format) = typed(text, &Locale::of(locale), 2026);
        let format = format.map(|(kind, _)| format!(" {kind}")).unwrap_or_default();
        let shown = match entered {
            Entered::Empty => "empty".to_owned(),
            Entered::Number(number) => format!("number {number}"),
            Entered::Text(text) => format!("text {text}"),
            Entered::Bool(is_true) => format!("bool {is_true}"),
            Entered::Formula(formula) => format!("formula {}", formula.text()),
        };
        shown + &format
    }

    #[test]
    fn typed_texts_become_what_a_person_would_get() {
        for (text, locale, wanted) in [
            ("007", "en_US", "number 7"),
            ("'007", "en_US", "text 007"),
            ("1/2", "en_US", "number 46024 DATE"),
            ("2020-01-01", "de_DE", "number 43831 DATE"),
            ("31.12.2020", "de_DE", "number 44196 DATE"),
            ("31.12.2020", "en_US", "text 31.12.2020"),
            ("1.234,50", "de_DE", "number 1234.5 NUMBER"),
            ("1,234.50", "en_US", "number 1234.5 NUMBER"),
            ("50%", "en_US", "number 0.5 PERCENT"),
            ("$1,200", "en_US", "number 1200 CURRENCY"),
            ("10:30", "en_US", "number 0.4375 TIME"),
            ("10:30 PM", "en_US", "number 0.9375 TIME"),
            ("2020-01-01 12:00:00", "en_US", "number 43831.5 DATE_TIME"),
            ("true", "en_US", "bool true"),
            ("=A1+1", "en_US", "formula =A1+1"),
            ("+49 30 123", "en_US", "formula =49 30 123"),
            ("-5", "en_US", "number -5"),
            ("+5", "en_US", "number 5"),
            ("1e3", "en_US", "number 1000 SCIENTIFIC"),
            ("=", "en_US", "text ="),
            ("hello", "en_US", "text hello"),
            ("13/13/2020", "en_US", "text 13/13/2020"),
            ("", "en_US", "empty"),
        ] {
            assert_eq!(read(text, locale), wanted, "{text}");
        }
    }
}
