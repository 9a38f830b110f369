//! Functions of one value: parts of dates, labels, and values as people of the locale `en_US` read them.
//!
//! Source: SOQL guide, "Date Functions", `toLabel()` and `FORMAT()`; the user's time zone is GMT, and a fiscal year is a calendar year.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

use super::super::catalog::{FieldSpec, FieldType};

/// What is made of a value before it is compared, grouped by or shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// `CALENDAR_YEAR(CloseDate)`
    Date(DatePart),
    /// `toLabel(StageName)`
    Label,
    /// `FORMAT(Amount)`
    Format,
}

/// A part of a day or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DatePart {
    Year,
    Quarter,
    Month,
    DayInMonth,
    DayInWeek,
    DayInYear,
    WeekInMonth,
    WeekInYear,
    HourInDay,
    DayOnly,
}

/// The functions that sum records up, in lower case.
pub(super) const AGGREGATES: [&str; 7] = ["count", "count_distinct", "sum", "avg", "min", "max", "grouping"];

impl DatePart {
    /// Finds a date function by its name in lower case.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "calendar_year" | "fiscal_year" => Self::Year,
            "calendar_quarter" | "fiscal_quarter" => Self::Quarter,
            "calendar_month" | "fiscal_month" => Self::Month,
            "day_in_month" => Self::DayInMonth,
            "day_in_week" => Self::DayInWeek,
            "day_in_year" => Self::DayInYear,
            "week_in_month" => Self::WeekInMonth,
            "week_in_year" => Self::WeekInYear,
            "hour_in_day" => Self::HourInDay,
            "day_only" => Self::DayOnly,
            _ => return None,
        })
    }

    /// Whether fields of a type have this part.
    pub(super) fn is_of(self, kind: FieldType) -> bool {
        match kind {
            FieldType::Datetime => true,
            FieldType::Date => !matches!(self, Self::HourInDay | Self::DayOnly),
            _ => false,
        }
    }

    /// Returns the type of what comes out.
    pub(super) fn kind(self) -> FieldType {
        if self == Self::DayOnly { FieldType::Date } else { FieldType::Int }
    }

    fn take(self, value: &str) -> Option<String> {
        let (day, hour) = moment(value).map(|time| (time.date(), time.hour()))?;
        let number = match self {
            Self::DayOnly => return Some(day.to_string()),
            Self::Year => return Some(day.year().to_string()),
            Self::Quarter => day.month0() / 3 + 1,
            Self::Month => day.month(),
            Self::DayInMonth => day.day(),
            Self::DayInWeek => day.weekday().number_from_sunday(),
            Self::DayInYear => day.ordinal(),
            // Weeks are counted from the first day of the month or year, seven days each.
            Self::WeekInMonth => day.day0() / 7 + 1,
            Self::WeekInYear => day.ordinal0() / 7 + 1,
            Self::HourInDay => hour,
        };
        Some(number.to_string())
    }
}

impl Function {
    /// Returns the type of what comes out.
    pub(super) fn kind(self) -> FieldType {
        match self {
            Self::Date(part) => part.kind(),
            Self::Label | Self::Format => FieldType::String,
        }
    }

    /// Applies it to a value of a field. `spec` is none for fields of whatever object a parent is.
    pub(super) fn apply(self, value: &str, kind: FieldType, spec: Option<&FieldSpec>) -> Option<String> {
        match self {
            Self::Date(part) => part.take(value),
            Self::Label => Some(spec.map_or_else(|| value.to_owned(), |spec| label(spec, value))),
            Self::Format => Some(formatted(value, kind, spec.map_or(0, |spec| spec.scale))),
        }
    }
}

fn label(spec: &FieldSpec, value: &str) -> String {
    let of_one = |value: &str| {
        let picked = spec.picklist_values.iter().find(|picked| picked.value == value);
        picked.map_or_else(|| value.to_owned(), |picked| picked.label.clone())
    };
    value.split(';').map(of_one).collect::<Vec<_>>().join(";")
}

/// Reads a day or a time as they are kept.
fn moment(value: &str) -> Option<NaiveDateTime> {
    let day: NaiveDate = value.get(..10)?.parse().ok()?;
    let time = value.get(11..19).and_then(|time| time.parse().ok()).unwrap_or_default();
    Some(day.and_time(time))
}

/// Writes a value as people read it.
pub(super) fn formatted(value: &str, kind: FieldType, scale: u32) -> String {
    match kind {
        FieldType::Date => moment(value).map(|day| day.format("%-m/%-d/%Y").to_string()),
        FieldType::Datetime => moment(value).map(|time| time.format("%-m/%-d/%Y, %-I:%M %p").to_string()),
        FieldType::Int | FieldType::Double => grouped(value, scale),
        FieldType::Percent => grouped(value, scale).map(|number| format!("{number}%")),
        FieldType::Currency => grouped(value, scale).map(|number| match number.strip_prefix('-') {
            Some(number) => format!("-${number}"),
            None => format!("${number}"),
        }),
        _ => None,
    }
    .unwrap_or_else(|| value.to_owned())
}

/// Writes a number with commas, rounded to its digits behind the point.
fn grouped(value: &str, scale: u32) -> Option<String> {
    let number: f64 = value.parse().ok()?;
    let scale = usize::try_from(scale).ok()?;
    let text = format!("{:.scale$}", number.abs());
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    let sign = if number < 0.0 { "-" } else { "" };
    Some(format!("{sign}{out}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_parts_of_days_and_times() {
        for (name, expected) in [
            ("calendar_year", "2026"),
            ("fiscal_quarter", "4"),
            ("calendar_month", "11"),
            ("day_in_month", "23"),
            ("day_in_week", "2"),
            ("day_in_year", "327"),
            ("week_in_month", "4"),
            ("week_in_year", "47"),
            ("hour_in_day", "17"),
            ("day_only", "2026-11-23"),
        ] {
            let part = DatePart::of(name).unwrap();
            assert_eq!(part.take("2026-11-23T17:05:00.000+0000").as_deref(), Some(expected), "{name}");
        }
        assert!(!DatePart::HourInDay.is_of(FieldType::Date));
    }

    #[test]
    fn writes_values_as_people_read_them() {
        for (value, kind, scale, expected) in [
            ("1234567.5", FieldType::Currency, 2, "$1,234,567.50"),
            ("-999", FieldType::Currency, 0, "-$999"),
            ("1234.567", FieldType::Double, 1, "1,234.6"),
            ("10", FieldType::Percent, 0, "10%"),
            ("2026-01-05", FieldType::Date, 0, "1/5/2026"),
            ("2026-01-05T13:04:00.000+0000", FieldType::Datetime, 0, "1/5/2026, 1:04 PM"),
            ("Web", FieldType::Picklist, 0, "Web"),
        ] {
            assert_eq!(formatted(value, kind, scale), expected);
        }
    }
}
