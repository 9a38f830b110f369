//! Times as the API writes and takes them. Inside, a time is a count of milliseconds since 1970, UTC, in whole seconds.

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat};

fn moment(millis: i64) -> DateTime<chrono::Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// Writes a time as JSON answers do: `2026-01-31T12:00:00.000+0000`, without a colon in the offset.
pub(super) fn datetime(millis: i64) -> String {
    moment(millis).format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// Writes a time as CSV results do: `2026-01-31T12:00:00.000Z`.
pub(super) fn datetime_in_csv(millis: i64) -> String {
    moment(millis).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Writes a time as HTTP headers do: `Fri, 14 Aug 2020 20:53:02 GMT`.
pub(super) fn http_date(millis: i64) -> String {
    moment(millis).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads a time of an HTTP header.
pub(super) fn read_http_date(text: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc2822(&text.replace("GMT", "+0000")).ok()?;
    Some(time.timestamp_millis())
}

/// Reads a time with its offset: `Z`, `+01:00` or `+0100`.
pub(super) fn read_datetime(text: &str) -> Option<i64> {
    let time = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"]
        .iter()
        .find_map(|format| DateTime::parse_from_str(text, format).ok())?;
    Some(time.timestamp() * 1_000)
}

/// Reads a day and returns it as it is kept.
pub(super) fn read_date(text: &str) -> Option<String> {
    let is_plain = text.len() == 10 && text.as_bytes()[4] == b'-';
    let day: NaiveDate = is_plain.then(|| text.parse().ok()).flatten()?;
    Some(day.format("%Y-%m-%d").to_string())
}

/// Reads a time of day and returns it as it is kept: `09:00:00.000Z`.
pub(super) fn read_time(text: &str) -> Option<String> {
    let plain = text.strip_suffix('Z').unwrap_or(text);
    let time = NaiveTime::parse_from_str(plain, "%H:%M:%S%.f").ok()?;
    Some(format!("{}Z", time.format("%H:%M:%S%.3f")))
}

/// Drops what is less than a second: the vendor keeps none of it.
pub(super) fn whole_seconds(millis: i64) -> i64 {
    millis - millis.rem_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_offsets_in_three_forms_and_writes_one() {
        for text in ["2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00.987Z", "2026-01-31T12:00:00.000+0000"] {
            assert_eq!(read_datetime(text).map(datetime).as_deref(), Some("2026-01-31T12:00:00.000+0000"), "{text}");
        }
        assert_eq!(read_datetime("2026-01-31"), None);
        assert_eq!(read_datetime("2026-01-31T12:00:00"), None);
        assert_eq!(read_date("2026-02-30"), None);
        assert_eq!(read_time("09:00:00").as_deref(), Some("09:00:00.000Z"));
    }

    #[test]
    fn reads_the_dates_of_headers() {
        let time = read_http_date("Thu, 03 Sep 2020 21:35:07 GMT").unwrap();
        assert_eq!(http_date(time), "Thu, 03 Sep 2020 21:35:07 GMT");
    }
}
