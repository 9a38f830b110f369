//! How dates and moments are written: ISO 8601, patterns, day numbers of Excel, and time since 1970.

use chrono::{
    DateTime, Datelike, Days, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone as _, Utc,
    format::StrftimeItems,
};
use chrono_tz::Tz;
use polars::prelude::{
    DataType, Expr, Int64Chunked, Int64Type, IntoColumn, NULL, NonExistent, StrptimeOptions, TimeUnit, TimeZone,
    coalesce, lit, when,
};

use crate::model::{FieldType, exact_integer, is_number};

use super::{column_query::Failure, error::TransformError, numbers::map_values};

/// The forms in which a text may stand for a date or moment; the first that fits is taken. Without any it must be ISO 8601.
#[derive(Debug, Clone, Default)]
pub(super) struct Formats(Vec<Format>);

/// One form.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    /// A `strftime` pattern.
    Pattern(String),
    /// Excel's number of a day: 1 is 1 January 1900; a fraction is the time of day.
    Excel,
    /// The same, counted from 1904 as old Excel for the Mac did: 0 is 1 January 1904.
    Excel1904,
    /// Seconds since 1970, UTC.
    EpochSecs,
    /// Milliseconds since 1970, UTC.
    EpochMillis,
}

/// The forms that have a name.
const NAMED: [(&str, Format); 4] = [
    ("excel", Format::Excel),
    ("excel_1904", Format::Excel1904),
    ("epoch_secs", Format::EpochSecs),
    ("epoch_millis", Format::EpochMillis),
];

/// ISO 8601 without a zone, as systems write it.
const ISO_NAIVE: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
/// ISO 8601 with a zone: `2024-01-31T12:00:00+01:00`, and the same with a blank or without colons.
const ISO_ZONED: [&str; 4] =
    ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z"];
const ISO_DATE: &str = "%Y-%m-%d";
/// The last day that has a number in Excel: 31 December 9999.
const LAST_EXCEL_DAY: u64 = 2_958_465;
/// The number that Excel gives to 29 February 1900, a day that never was.
const EXCEL_NO_DAY: u64 = 60;
/// From here on a number is rather a time since 1970 than a day of Excel: in seconds, 1973.
const LEAST_EPOCH_SECS: f64 = 1e8;
/// From here on it is rather counted in milliseconds: 1973 again.
const LEAST_EPOCH_MILLIS: f64 = 1e11;
const MILLIS_PER_DAY: f64 = 86_400_000.0;

impl Formats {
    /// Takes forms as they are written in a pipeline; several in one text are separated by `|`.
    pub(super) fn parse<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<Self, TransformError> {
        let forms = written.into_iter().flat_map(|text| text.split('|')).map(Format::parse);
        Ok(Self(forms.collect::<Result<_, _>>()?))
    }

    /// Tells whether a text must be ISO 8601.
    pub(super) fn is_iso(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether numbers can stand for moments.
    pub(super) fn reads_numbers(&self) -> bool {
        self.0.iter().any(|format| !matches!(format, Format::Pattern(_)))
    }

    /// Returns the type that the forms describe.
    pub(super) fn field_type(&self) -> FieldType {
        if self.0.iter().any(Format::has_time) { FieldType::Datetime } else { FieldType::Date }
    }

    /// Reads days. A text with a time of day gives its day in UTC.
    pub(super) fn read_date(&self, text: &Expr) -> Expr {
        self.read_date_in(text, &TimeZone::UTC)
    }

    /// Reads days. A text with a time of day gives its day in the zone.
    pub(super) fn read_date_in(&self, text: &Expr, zone: &TimeZone) -> Expr {
        if !self.is_iso() {
            return coalesce(&self.0.iter().map(|format| format.read_day(text, zone)).collect::<Vec<_>>());
        }
        let mut ways = vec![read_day(text, ISO_DATE)];
        // Without a zone a text tells its day, also where the clocks skip or repeat its hour.
        ways.extend(ISO_NAIVE.iter().map(|pattern| read_naive(text, pattern).dt().date()));
        ways.extend(ISO_ZONED.iter().map(|pattern| {
            let moment = read_moment(text, pattern, zone);
            moment.dt().convert_time_zone(zone.clone()).dt().date()
        }));
        coalesce(&ways)
    }

    /// Reads moments; those without a zone are taken in the given one. A day alone is its midnight.
    pub(super) fn read_moment(&self, text: &Expr, zone: &TimeZone) -> Expr {
        if !self.is_iso() {
            return coalesce(&self.0.iter().map(|format| format.read_moment(text, zone)).collect::<Vec<_>>());
        }
        let iso = ISO_ZONED.iter().chain(&ISO_NAIVE);
        let mut ways: Vec<Expr> = iso.map(|pattern| read_moment(text, pattern, zone)).collect();
        ways.push(midnight(read_day(text, ISO_DATE), zone));
        coalesce(&ways)
    }

    /// Says what a text is not when nothing fits.
    pub(super) fn expected(&self, what: &str) -> String {
        if self.is_iso() {
            return format!("is no ISO 8601 {what}");
        }
        let shown: Vec<&str> = self.0.iter().map(Format::as_str).collect();
        format!("is no {what} written as `{}`", shown.join("` or `"))
    }

    /// Makes the failure of a text that nothing fits; of a number it says what the number looks like.
    pub(super) fn failure(&self, code: &'static str, what: &str) -> Failure {
        self.failure_in(code, what, &TimeZone::UTC)
    }

    /// Makes the failure of a text that nothing fits in a zone; of a time that its clocks skip or show twice it says so.
    pub(super) fn failure_in(&self, code: &'static str, what: &str, zone: &TimeZone) -> Failure {
        let expected = self.expected(what);
        let failure = Failure::new(code, expected.as_str());
        let (formats, zone) = (self.clone(), zone_of(zone));
        failure.unless(move |text| {
            let text = text.trim();
            if let Some(reason) = zone.and_then(|zone| formats.off_the_clock(text, zone)) {
                return Some(Failure::new(code, reason));
            }
            let (looks_like, format) = likely_number(text).filter(|_| !formats.reads_numbers())?;
            Some(Failure::new(code, format!("{expected}; it looks like {looks_like}, which `format: {format}` reads")))
        })
    }

    /// Says of a text without a zone that the zone's clocks skip its time, or show it twice.
    fn off_the_clock(&self, text: &str, zone: Tz) -> Option<String> {
        match zone.offset_from_local_datetime(&self.naive(text)?) {
            LocalResult::Single(_) => None,
            LocalResult::None => Some(format!("is a time that the clocks of `{zone}` skip")),
            LocalResult::Ambiguous(..) => Some(format!(
                "is a time that the clocks of `{zone}` show twice: write it with its offset, such as `+02:00`"
            )),
        }
    }

    /// Reads a text that names no zone.
    fn naive(&self, text: &str) -> Option<NaiveDateTime> {
        let by_pattern = |pattern: &str| {
            let day = || Some(NaiveDate::parse_from_str(text, pattern).ok()?.and_time(NaiveTime::MIN));
            NaiveDateTime::parse_from_str(text, pattern).ok().or_else(day)
        };
        if self.is_iso() {
            return ISO_NAIVE.iter().chain([&ISO_DATE]).find_map(|pattern| by_pattern(pattern));
        }
        let by_number = |millis: Option<i64>| Some(DateTime::from_timestamp_millis(millis?)?.naive_utc());
        self.0.iter().find_map(|format| match format {
            Format::Pattern(pattern) if names_zone(pattern) => None,
            Format::Pattern(pattern) => by_pattern(pattern),
            Format::Excel => by_number(excel(text)),
            Format::Excel1904 => by_number(excel_1904(text)),
            Format::EpochSecs | Format::EpochMillis => None,
        })
    }
}

impl Format {
    fn parse(written: &str) -> Result<Self, TransformError> {
        if let Some((_, named)) = NAMED.iter().find(|(name, _)| *name == written) {
            return Ok(named.clone());
        }
        if written == "%s" {
            return Ok(Self::EpochSecs);
        }
        let is_wrong = StrftimeItems::new(written).any(|item| item == chrono::format::Item::Error);
        if is_wrong || !written.contains('%') {
            let names = NAMED.map(|(name, _)| name).join("`, `");
            let message = format!("`{written}` is no pattern for dates");
            return Err(TransformError::new("transform.format", message)
                .hint(format!("write a pattern such as `%d.%m.%Y` or `%m/%d/%Y %H:%M`, or one of `{names}`")));
        }
        Ok(Self::Pattern(written.to_owned()))
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Pattern(pattern) => pattern,
            Self::Excel => "excel",
            Self::Excel1904 => "excel_1904",
            Self::EpochSecs => "epoch_secs",
            Self::EpochMillis => "epoch_millis",
        }
    }

    fn has_time(&self) -> bool {
        let parts = ["%H", "%I", "%k", "%l", "%T", "%R", "%s", "%+"];
        match self {
            Self::Pattern(pattern) => parts.iter().any(|part| pattern.contains(part)),
            Self::Excel | Self::Excel1904 | Self::EpochSecs | Self::EpochMillis => true,
        }
    }

    fn read_day(&self, text: &Expr, zone: &TimeZone) -> Expr {
        match self {
            Self::Pattern(pattern) => read_day(text, pattern),
            Self::Excel => naive(text, excel).dt().date(),
            Self::Excel1904 => naive(text, excel_1904).dt().date(),
            Self::EpochSecs | Self::EpochMillis => {
                self.read_moment(text, zone).dt().convert_time_zone(zone.clone()).dt().date()
            }
        }
    }

    fn read_moment(&self, text: &Expr, zone: &TimeZone) -> Expr {
        match self {
            Self::Pattern(pattern) => read_moment(text, pattern, zone),
            Self::Excel => in_zone(naive(text, excel), zone),
            Self::Excel1904 => in_zone(naive(text, excel_1904), zone),
            Self::EpochSecs => moment(text, epoch_secs),
            Self::EpochMillis => moment(text, |text| known_millis(exact_integer(text)?)),
        }
    }
}

/// Reads texts as moments without a zone, in milliseconds since 1970.
fn naive(text: &Expr, read: fn(&str) -> Option<i64>) -> Expr {
    map_values::<Int64Type>(text.clone(), read).cast(DataType::Datetime(TimeUnit::Milliseconds, None))
}

/// Reads texts as moments in UTC, in milliseconds since 1970.
fn moment(text: &Expr, read: fn(&str) -> Option<i64>) -> Expr {
    map_values::<Int64Type>(text.clone(), read).cast(FieldType::Datetime.dtype())
}

fn excel(text: &str) -> Option<i64> {
    let (day, time) = day_and_time(text)?;
    // Excel counts a 29 February 1900, so the days before it have other numbers than the calendar says.
    let first = match day {
        0 | EXCEL_NO_DAY => return None,
        1..EXCEL_NO_DAY => NaiveDate::from_ymd_opt(1899, 12, 31)?,
        _ => NaiveDate::from_ymd_opt(1899, 12, 30)?,
    };
    millis_behind(first, day, time)
}

fn excel_1904(text: &str) -> Option<i64> {
    let (day, time) = day_and_time(text)?;
    millis_behind(NaiveDate::from_ymd_opt(1904, 1, 1)?, day, time)
}

/// Splits the number of a day into the whole day and the time in milliseconds.
fn day_and_time(text: &str) -> Option<(u64, i64)> {
    let number: f64 = text.parse().ok().filter(|_| is_number(text))?;
    let day = text.split_once('.').map_or(text, |(day, _)| day);
    let day = day.parse().ok().filter(|day| *day <= LAST_EXCEL_DAY)?;
    let time = (number.fract() * MILLIS_PER_DAY).round();
    Some((day, exact_integer(&time.to_string())?))
}

fn millis_behind(first: NaiveDate, day: u64, time: i64) -> Option<i64> {
    let midnight = first.checked_add_days(Days::new(day))?.and_time(NaiveTime::MIN);
    Some(midnight.checked_add_signed(Duration::milliseconds(time))?.and_utc().timestamp_millis())
}

fn epoch_secs(text: &str) -> Option<i64> {
    let number: f64 = text.parse().ok().filter(|_| is_number(text))?;
    known_millis(exact_integer(&(number * 1000.0).round().to_string())?)
}

/// Keeps the moments whose year has four digits.
fn known_millis(millis: i64) -> Option<i64> {
    let moment = DateTime::from_timestamp_millis(millis)?;
    (1..=9999).contains(&moment.year()).then_some(millis)
}

/// Says what a number in the place of a date looks like, and the form that reads it.
fn likely_number(text: &str) -> Option<(&'static str, &'static str)> {
    let number: f64 = text.parse().ok().filter(|_| is_number(text))?;
    let size = number.abs();
    Some(match () {
        () if size >= LEAST_EPOCH_MILLIS => ("milliseconds since 1970", "epoch_millis"),
        () if size >= LEAST_EPOCH_SECS => ("seconds since 1970", "epoch_secs"),
        () if excel(text).is_some() => ("a day number of Excel", "excel"),
        () => return None,
    })
}

/// Returns the moment at which a day begins in a zone; none where the zone's clocks skip or repeat midnight.
pub(super) fn midnight(date: Expr, zone: &TimeZone) -> Expr {
    in_zone(date.cast(DataType::Datetime(TimeUnit::Milliseconds, None)), zone)
}

fn in_zone(naive: Expr, zone: &TimeZone) -> Expr {
    let known = naive
        .clone()
        .dt()
        .replace_time_zone(Some(zone.clone()), lit("null"), NonExistent::Null)
        .dt()
        .convert_time_zone(TimeZone::UTC)
        .cast(FieldType::Datetime.dtype());
    match zone_of(zone) {
        Some(zone) => coalesce(&[known, at_first_standard_time(naive, zone)]),
        None => known,
    }
}

/// Returns the zone by its name; none for UTC, whose clocks skip nothing.
fn zone_of(zone: &TimeZone) -> Option<Tz> {
    zone.parse().ok().filter(|zone| *zone != Tz::UTC)
}

/// Reads the minutes that clocks skipped when a place gave up its own solar time for standard time: in Berlin from midnight of 1
/// April 1893 on. People who name that midnight mean the new time; the hours of summer time that are skipped mean nothing.
fn at_first_standard_time(naive: Expr, zone: Tz) -> Expr {
    let moment = move |millis: i64| {
        let naive = DateTime::from_timestamp_millis(millis).filter(|_| millis < LAST_SOLAR_TIME_MILLIS)?.naive_utc();
        let LocalResult::None = zone.offset_from_local_datetime(&naive) else { return None };
        let offset = |hours| {
            let there = naive.checked_add_signed(Duration::hours(hours))?;
            Some(zone.offset_from_local_datetime(&there).earliest()?.fix().local_minus_utc())
        };
        let (before, behind) = (offset(-1)?, offset(1)?);
        (before % 900 != 0).then(|| millis - i64::from(behind) * 1000)
    };
    naive.cast(DataType::Int64).map(
        move |column| {
            let moments: Int64Chunked = column.i64()?.iter().map(|millis| millis.and_then(moment)).collect();
            moments.with_name(column.name().clone()).into_column().cast(&FieldType::Datetime.dtype())
        },
        |_, field| Ok(polars::prelude::Field::new(field.name.clone(), FieldType::Datetime.dtype())),
    )
}

/// The last places gave up solar time by 1972. In milliseconds since 1970.
const LAST_SOLAR_TIME_MILLIS: i64 = 2 * 366 * 86_400_000;

fn read_moment(text: &Expr, format: &str, zone: &TimeZone) -> Expr {
    if names_zone(format) {
        return with_whole_year(read_in(text, format, Some(TimeZone::UTC)), format);
    }
    if !Format::Pattern(format.to_owned()).has_time() {
        return midnight(read_day(text, format), zone);
    }
    in_zone(read_naive(text, format), zone)
}

fn names_zone(format: &str) -> bool {
    ["%z", "%:z", "%#z", "%+"].iter().any(|part| format.contains(part))
}

/// Reads texts as moments without a known zone.
fn read_naive(text: &Expr, format: &str) -> Expr {
    with_whole_year(read_in(text, format, None), format)
}

fn read_in(text: &Expr, format: &str, zone: Option<TimeZone>) -> Expr {
    text.clone().str().to_datetime(Some(TimeUnit::Milliseconds), zone, options(format), lit("null"))
}

fn read_day(text: &Expr, format: &str) -> Expr {
    with_whole_year(text.clone().str().to_date(options(format)), format)
}

/// Drops what a pattern with a year of four digits read out of fewer: to it `31.01.24` would be a day of the year 24, and a pattern
/// with `%y` further on would never have its turn.
fn with_whole_year(moment: Expr, format: &str) -> Expr {
    if !format.contains("%Y") {
        return moment;
    }
    when(moment.clone().dt().year().gt_eq(lit(1000))).then(moment).otherwise(lit(NULL))
}

fn options(format: &str) -> StrptimeOptions {
    StrptimeOptions { format: Some(format.into()), strict: false, exact: true, cache: true }
}

/// Reads an ISO 8601 day or moment of a pipeline; without a zone it is UTC.
pub(super) fn parse_moment_text(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.with_timezone(&Utc));
    }
    if let Some(moment) = ISO_NAIVE.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok()) {
        return Some(moment.and_utc());
    }
    let day = NaiveDate::parse_from_str(text, ISO_DATE).ok()?;
    Some(day.and_time(NaiveTime::MIN).and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(millis: Option<i64>) -> Option<String> {
        Some(DateTime::from_timestamp_millis(millis?)?.format("%Y-%m-%dT%H:%M:%S").to_string())
    }

    #[test]
    fn day_numbers_of_excel_are_those_that_excel_shows() {
        for (number, moment) in [
            ("31415.0", Some("1986-01-03T00:00:00")),
            ("27182", Some("1974-06-02T00:00:00")),
            ("45292.5", Some("2024-01-01T12:00:00")),
            ("45292.75", Some("2024-01-01T18:00:00")),
            ("45,292", None),
            ("45292,75", None),
            ("1", Some("1900-01-01T00:00:00")),
            ("59", Some("1900-02-28T00:00:00")),
            ("60", None),
            ("61", Some("1900-03-01T00:00:00")),
            ("2958465", Some("9999-12-31T00:00:00")),
            ("2958466", None),
            ("0", None),
            ("-1", None),
            ("1986-01-03", None),
            ("1e4", None),
        ] {
            assert_eq!(shown(excel(number)).as_deref(), moment, "{number}");
        }
        assert_eq!(shown(excel_1904("0")).as_deref(), Some("1904-01-01T00:00:00"));
        assert_eq!(shown(excel_1904("43830")).as_deref(), Some("2024-01-01T00:00:00"));
    }

    #[test]
    fn seconds_since_1970_may_have_a_fraction() {
        for (number, moment) in [
            ("1751371200", Some("2025-07-01T12:00:00")),
            ("1751371200.5", Some("2025-07-01T12:00:00")),
            ("-2208988800", Some("1900-01-01T00:00:00")),
            ("0", Some("1970-01-01T00:00:00")),
            ("1751371200000", None),
        ] {
            assert_eq!(shown(epoch_secs(number)).as_deref(), moment, "{number}");
        }
        assert_eq!(epoch_secs("1751371200.5"), Some(1_751_371_200_500));
    }

    #[test]
    fn a_time_that_a_zone_skips_or_repeats_is_told() {
        let german = Formats::parse(["%d.%m.%Y %H:%M"]).unwrap();
        for (formats, text, word) in [
            (&german, "31.03.2024 02:30", Some("skip")),
            (&german, "27.10.2024 02:30", Some("twice")),
            (&german, "27.10.2024 03:30", None),
            (&german, "29.02.2023 10:00", None),
            (&Formats::default(), "2024-03-31T02:30:00", Some("skip")),
            (&Formats::default(), "2024-03-31 02:30", Some("skip")),
            (&Formats::default(), "2024-03-31T02:30:00Z", None),
            (&Formats::parse(["excel"]).unwrap(), "45382.104166667", Some("skip")),
        ] {
            let reason = formats.off_the_clock(text, Tz::Europe__Berlin);
            assert_eq!(reason.is_some(), word.is_some(), "{text}: {reason:?}");
            assert!(word.is_none_or(|word| reason.unwrap().contains(word)), "{text}");
        }
    }

    #[test]
    fn a_number_in_place_of_a_date_is_told_by_its_size() {
        for (text, format) in [
            ("31415", Some("excel")),
            ("1751371200", Some("epoch_secs")),
            ("1751371200000", Some("epoch_millis")),
            ("20240131", None),
            ("1.5.2024", None),
        ] {
            assert_eq!(likely_number(text).map(|(_, format)| format), format, "{text}");
        }
    }
}
