//! What `TODAY` and its kin mean: the first and the last day.

use chrono::{Datelike, Days, Months, NaiveDate};

/// Returns the first and the last day of a date literal; none when there is no such literal.
pub(super) fn span(name: &str, count: Option<u32>, today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let name = name.replace("FISCAL_", "");
    let day = |offset: i64| shift_days(today, offset);
    match (name.as_str(), count) {
        ("TODAY", None) => Some((today, today)),
        ("YESTERDAY", None) => Some((day(-1), day(-1))),
        ("TOMORROW", None) => Some((day(1), day(1))),
        ("LAST_90_DAYS", None) => Some((day(-90), today)),
        ("NEXT_90_DAYS", None) => Some((day(1), day(90))),
        ("LAST_N_DAYS", Some(count)) => Some((day(-i64::from(count)), today)),
        ("NEXT_N_DAYS", Some(count)) => Some((day(1), day(i64::from(count)))),
        ("N_DAYS_AGO", Some(count)) => Some((day(-i64::from(count)), day(-i64::from(count)))),
        (name, None) => {
            let (when, unit) = name.split_once('_')?;
            let offset = match when {
                "THIS" => 0,
                "LAST" => -1,
                "NEXT" => 1,
                _ => return None,
            };
            period(Unit::of(unit)?, today, offset, offset)
        }
        (name, Some(count)) => {
            let count = i64::from(count);
            if let Some(unit) = name.strip_prefix("LAST_N_") {
                return period(Unit::of(unit.strip_suffix('S')?)?, today, -count, -1);
            }
            if let Some(unit) = name.strip_prefix("NEXT_N_") {
                return period(Unit::of(unit.strip_suffix('S')?)?, today, 1, count);
            }
            let unit = name.strip_prefix("N_")?.strip_suffix("S_AGO")?;
            period(Unit::of(unit)?, today, -count, -count)
        }
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Week,
    Months(u32),
}

impl Unit {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "WEEK" => Self::Week,
            "MONTH" => Self::Months(1),
            "QUARTER" => Self::Months(3),
            "YEAR" => Self::Months(12),
            _ => return None,
        })
    }
}

fn shift_days(day: NaiveDate, offset: i64) -> NaiveDate {
    let days = Days::new(offset.unsigned_abs());
    let shifted = if offset < 0 { day.checked_sub_days(days) } else { day.checked_add_days(days) };
    shifted.unwrap_or(day)
}

fn shift_months(day: NaiveDate, offset: i64) -> NaiveDate {
    let months = Months::new(u32::try_from(offset.unsigned_abs()).unwrap_or(u32::MAX));
    let shifted = if offset < 0 { day.checked_sub_months(months) } else { day.checked_add_months(months) };
    shifted.unwrap_or(day)
}

/// Returns the days from one period to another, counted from the one of today. Weeks begin on Sunday, as in the locale `en_US`.
fn period(unit: Unit, today: NaiveDate, first: i64, last: i64) -> Option<(NaiveDate, NaiveDate)> {
    match unit {
        Unit::Week => {
            let start = shift_days(today, -i64::from(today.weekday().num_days_from_sunday()));
            Some((shift_days(start, first * 7), shift_days(start, last * 7 + 6)))
        }
        Unit::Months(length) => {
            let month = today.month0() - today.month0() % length;
            let start = NaiveDate::from_ymd_opt(today.year(), month + 1, 1)?;
            let length = i64::from(length);
            Some((shift_months(start, first * length), shift_days(shift_months(start, (last + 1) * length), -1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, count: Option<u32>, expected: [&str; 2]) {
        let today: NaiveDate = "2026-11-23".parse().unwrap();
        let (first, last) = span(name, count, today).unwrap();
        assert_eq!([first.to_string(), last.to_string()], expected, "{name}");
    }

    #[test]
    fn knows_days_weeks_months_quarters_and_years() {
        check("TODAY", None, ["2026-11-23", "2026-11-23"]);
        check("LAST_N_DAYS", Some(7), ["2026-11-16", "2026-11-23"]);
        check("THIS_WEEK", None, ["2026-11-22", "2026-11-28"]);
        check("LAST_MONTH", None, ["2026-10-01", "2026-10-31"]);
        check("THIS_FISCAL_QUARTER", None, ["2026-10-01", "2026-12-31"]);
        check("NEXT_YEAR", None, ["2027-01-01", "2027-12-31"]);
        check("LAST_N_MONTHS", Some(2), ["2026-09-01", "2026-10-31"]);
        check("N_YEARS_AGO", Some(1), ["2025-01-01", "2025-12-31"]);
        assert_eq!(span("SOMEDAY", None, NaiveDate::MIN), None);
    }
}
