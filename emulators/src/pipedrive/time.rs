//! Times: seconds since 1970 inside, RFC 3339 in version 2, without a zone (and meaning UTC) in version 1.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat};

/// Writes a time as version 2 does: `2021-01-01T00:00:00Z`.
pub(super) fn rfc3339(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Writes a time as leads, field options and webhooks do: `2021-01-01T00:00:00.000Z`.
pub(super) fn rfc3339_millis(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Writes a time as version 1 does: `2021-01-01 00:00:00`, in UTC.
pub(super) fn plain(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Turns a time of version 2 into one of version 1; what is none stays.
pub(super) fn to_plain(text: &str) -> String {
    read_any(text).map_or_else(|| text.to_owned(), plain)
}

/// Reads a time in RFC 3339 of whole seconds; a fraction of one is refused.
pub(super) fn read_seconds(text: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    (!text.contains('.')).then(|| time.timestamp())
}

/// Reads a time in either way of writing.
pub(super) fn read_any(text: &str) -> Option<i64> {
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp());
    zoned.or_else(|| read_plain(text))
}

/// Reads a time without a zone.
pub(super) fn read_plain(text: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    (text.len() == 19).then(|| time.and_utc().timestamp())
}

/// Whether a text is a date, `2026-01-31`.
pub(super) fn is_date(text: &str) -> bool {
    text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// Reads a time of day, `09:00` or `09:00:00`, and writes it with its seconds.
pub(super) fn clock(text: &str) -> Option<String> {
    let long = if text.len() == 5 { format!("{text}:00") } else { text.to_owned() };
    let time = NaiveTime::parse_from_str(&long, "%H:%M:%S").ok()?;
    (long.len() == 8).then(|| time.format("%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_seconds_with_a_zone_and_writes_both_ways() {
        assert_eq!(read_seconds("2025-01-01T10:20:00Z"), Some(1_735_726_800));
        assert_eq!(read_seconds("2025-01-01T12:20:00+02:00"), Some(1_735_726_800));
        for text in ["2025-01-01T10:20:00.5Z", "2025-01-01 10:20:00", "2025-01-01", "soon"] {
            assert_eq!(read_seconds(text), None, "{text}");
        }
        assert_eq!(read_any("2025-01-01 10:20:00"), Some(1_735_726_800));
        assert_eq!(rfc3339(1_735_726_800), "2025-01-01T10:20:00Z");
        assert_eq!(to_plain("2025-01-01T10:20:00Z"), "2025-01-01 10:20:00");
        assert_eq!(clock("9:00"), None);
        assert_eq!((clock("09:00"), clock("25:00")), (Some("09:00:00".to_owned()), None));
    }
}
