//! Dates and times as Airtable reads and writes them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;

/// Writes an instant as Airtable does: UTC, with milliseconds.
pub(super) fn write_instant(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads a day, `2026-11-23`, alone or at the beginning of a time.
pub(super) fn read_day(text: &str) -> Option<NaiveDate> {
    match text.len() {
        10 => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
        _ => read_instant(text, chrono_tz::UTC).map(|instant| instant.date_naive()),
    }
}

/// Reads an ISO 8601 time; `zone` is where a time without an offset is meant.
pub(super) fn read_instant(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M:%S%.f%#z"] {
        if let Ok(instant) = DateTime::parse_from_str(text, form) {
            return Some(instant.to_utc());
        }
    }
    if let Some(local) = text.strip_suffix('Z') {
        return read_local(local).map(|local| local.and_utc());
    }
    zone.from_local_datetime(&read_local(text)?).earliest().map(|instant| instant.to_utc())
}

fn read_local(text: &str) -> Option<NaiveDateTime> {
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(text, form) {
            return Some(local);
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (text.len() == 10).then(|| day.and_hms_opt(0, 0, 0))?
}

/// Translates a format of Moment's letters (`YYYY-MM-DD HH:mm`), which Airtable's formulas use, to chrono's.
pub(super) fn moment_format(format: &str) -> String {
    const TOKENS: [(&str, &str); 24] = [
        ("LL", "%B %-d, %Y"),
        ("LT", "%-I:%M %p"),
        ("L", "%m/%d/%Y"),
        ("l", "%-m/%-d/%Y"),
        ("YYYY", "%Y"),
        ("YY", "%y"),
        ("MMMM", "%B"),
        ("MMM", "%b"),
        ("MM", "%m"),
        ("M", "%-m"),
        ("DD", "%d"),
        ("D", "%-d"),
        ("dddd", "%A"),
        ("ddd", "%a"),
        ("HH", "%H"),
        ("H", "%-H"),
        ("hh", "%I"),
        ("h", "%-I"),
        ("mm", "%M"),
        ("m", "%-M"),
        ("ss", "%S"),
        ("SSS", "%3f"),
        ("A", "%p"),
        ("a", "%P"),
    ];
    let mut rest = format;
    let mut translated = String::new();
    while let Some(first) = rest.chars().next() {
        // What is in brackets stands for itself.
        if let Some((literal, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            translated.push_str(&literal.replace('%', "%%"));
            rest = after;
            continue;
        }
        let found = TOKENS.iter().find(|(token, _)| rest.starts_with(token));
        let length = if let Some((token, form)) = found {
            translated.push_str(form);
            token.len()
        } else {
            translated.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, zone: Tz, expected: Option<&str>) {
        assert_eq!(read_instant(text, zone).map(write_instant).as_deref(), expected, "{text}");
    }

    #[test]
    fn reads_iso_times_with_and_without_an_offset() {
        check("2026-11-23T09:30:00.000Z", chrono_tz::UTC, Some("2026-11-23T09:30:00.000Z"));
        check("2026-11-23T09:30:00+01:00", chrono_tz::UTC, Some("2026-11-23T08:30:00.000Z"));
        check("2026-11-23T09:30", chrono_tz::Europe::Berlin, Some("2026-11-23T08:30:00.000Z"));
        check("2026-11-23", chrono_tz::UTC, Some("2026-11-23T00:00:00.000Z"));
        check("23/11/2026", chrono_tz::UTC, None);
        check("2026-13-01", chrono_tz::UTC, None);
    }

    #[test]
    fn translates_the_letters_of_formulas() {
        assert_eq!(moment_format("YYYY-MM-DD HH:mm"), "%Y-%m-%d %H:%M");
        assert_eq!(moment_format("D MMM"), "%-d %b");
    }
}
