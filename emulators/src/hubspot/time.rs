//! Times as the API writes and takes them. Inside, a time is a count of milliseconds since 1970, UTC.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Writes a time as `2026-01-31T12:00:00.000Z`.
pub(super) fn iso(millis: i64) -> String {
    moment(millis).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Writes the day of a time as `2026-01-31`.
pub(super) fn day(millis: i64) -> String {
    moment(millis).format("%Y-%m-%d").to_string()
}

fn moment(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// Reads `2026-01-31`.
pub(super) fn read_day(text: &str) -> Option<i64> {
    if text.len() != "2026-01-31".len() {
        return None;
    }
    let day: NaiveDate = text.parse().ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

/// Reads an ISO 8601 time with its zone, a day, or a count of milliseconds.
pub(super) fn read_time(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse::<i64>() {
        return DateTime::from_timestamp_millis(millis).map(|_| millis);
    }
    read_day(text).or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis()))
}

/// Whether a time is the start of a day, UTC.
pub(super) fn is_midnight(millis: i64) -> bool {
    millis.rem_euclid(DAY) == 0
}

/// Returns the number of the day a time is in.
pub(super) fn day_number(millis: i64) -> i64 {
    millis.div_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_ways_to_write_a_time() {
        let noon = 1_769_860_800_000;
        assert_eq!(iso(noon), "2026-01-31T12:00:00.000Z");
        assert_eq!(read_time("2026-01-31T13:00:00+01:00"), Some(noon));
        assert_eq!(read_time("1769860800000"), Some(noon));
        assert_eq!(read_time("2026-01-31").map(is_midnight), Some(true));
        assert_eq!(read_time("31.01.2026"), None);
        assert_eq!(read_time("2026-01-31T12:00:00"), None);
    }
}
