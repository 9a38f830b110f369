//! How values are shown and read: number formats, dates, and what a spreadsheet's locale does to both.
//!
//! Start at [`show`], which gives the text that a person sees, and at [`entered`](super::entered), which reads what a person types.

mod dates;
mod locale;
mod numbers;

pub(super) use dates::{date_of, moment_of, serial_of_date, serial_of_moment};
pub(super) use locale::{DateOrder, Locale};
pub(super) use numbers::general;

use super::cell::{Cell, Value};

/// The number format that counts for a value: its type and pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumberFormat {
    pub(super) kind: String,
    pub(super) pattern: String,
}

impl NumberFormat {
    /// Makes a format of a type; an empty pattern is the locale's own.
    pub(super) fn new(kind: &str, pattern: &str, locale: &Locale) -> Self {
        let pattern = if pattern.is_empty() { locale.pattern(kind) } else { pattern.to_owned() };
        Self { kind: kind.to_owned(), pattern }
    }

    /// Returns the format that was set for a cell.
    pub(super) fn of(cell: &Cell, locale: &Locale) -> Option<Self> {
        cell.number_format().map(|(kind, pattern)| Self::new(kind, pattern, locale))
    }

    /// Whether it shows a date or a time.
    pub(super) fn is_time(&self) -> bool {
        matches!(self.kind.as_str(), "DATE" | "TIME" | "DATE_TIME") || self.kind.is_empty() && self.has_time()
    }

    fn has_time(&self) -> bool {
        dates::is_pattern(&self.pattern)
    }
}

/// Returns the text that a person sees of a value.
pub(super) fn show(value: &Value, format: Option<&NumberFormat>, locale: &Locale) -> String {
    match value {
        Value::Empty => String::new(),
        Value::Text(text) => text.clone(),
        Value::Bool(is_true) => if *is_true { "TRUE" } else { "FALSE" }.to_owned(),
        Value::Error(fault) => fault.kind.text().to_owned(),
        Value::Number(number) => show_number(*number, format, locale),
        Value::Rows(rows) => {
            rows.first().and_then(|row| row.first()).map_or_else(String::new, |value| show(value, format, locale))
        }
    }
}

fn show_number(number: f64, format: Option<&NumberFormat>, locale: &Locale) -> String {
    let Some(format) = format else { return general(number, locale) };
    if format.kind == "TEXT" || format.pattern == "@" || format.pattern.is_empty() {
        return general(number, locale);
    }
    if format.is_time() {
        // What lies before the calendar has no date.
        return dates::show(number, &format.pattern).unwrap_or_else(|| general(number, locale));
    }
    numbers::show(number, &format.pattern, locale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_numbers_as_their_formats_say() {
        let (us, german) = (Locale::of("en_US"), Locale::of("de_DE"));
        for (number, kind, pattern, english, german_text) in [
            (1234.5, "NUMBER", "#,##0.00", "1,234.50", "1.234,50"),
            (-1234.5, "NUMBER", "#,##0", "-1,235", "-1.235"),
            (0.256, "PERCENT", "0.0%", "25.6%", "25,6%"),
            (1234.5, "CURRENCY", "\"$\"#,##0.00", "$1,234.50", "$1.234,50"),
            (1234.5, "CURRENCY", "#,##0.00 [$€]", "1,234.50 €", "1.234,50 €"),
            (-5.0, "NUMBER", "0.00;(0.00)", "(5.00)", "(5,00)"),
            (12345.0, "SCIENTIFIC", "0.00E+00", "1.23E+04", "1,23E+04"),
            (43831.0, "DATE", "yyyy-mm-dd", "2020-01-01", "2020-01-01"),
            (43831.5, "DATE_TIME", "d.m.yyyy hh:mm:ss", "1.1.2020 12:00:00", "1.1.2020 12:00:00"),
            (0.75, "TIME", "h:mm AM/PM", "6:00 PM", "6:00 PM"),
            (43831.0, "DATE", "dddd, mmmm d", "Wednesday, January 1", "Wednesday, January 1"),
            (7.0, "NUMBER", "00000", "00007", "00007"),
            (36162.0, "DATE", "", "1/2/1999", "02.01.1999"),
            (123.0, "TEXT", "@", "123", "123"),
        ] {
            let shown =
                |locale: &Locale| show(&Value::Number(number), Some(&NumberFormat::new(kind, pattern, locale)), locale);
            assert_eq!((shown(&us).as_str(), shown(&german).as_str()), (english, german_text), "{number} {pattern}");
        }
    }

    #[test]
    fn numbers_without_a_format_keep_ten_digits_behind_the_point() {
        let us = Locale::of("en_US");
        for (number, text) in [
            (123.0, "123"),
            (1.0 / 3.0, "0.3333333333"),
            (0.1 + 0.2, "0.3"),
            (-2.5, "-2.5"),
            (1e20, "1E+20"),
            (123_456_789_012.0, "123456789012"),
        ] {
            assert_eq!(general(number, &us), text);
        }
    }
}
