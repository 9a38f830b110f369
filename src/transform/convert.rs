//! Values of one type turned into another, strictly: what does not fit gives no value, which the caller rejects.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc, format::StrftimeItems};
use polars::prelude::{
    DataType, Expr, IntoColumn, NULL, NonExistent, StringChunked, StrptimeOptions, TimeUnit, TimeZone, coalesce, lit,
    when,
};

use crate::model::FieldType;

use super::{column_query::Failure, error::TransformError};

/// An expression for the converted values, and how to say that one does not fit; none where all fit.
#[derive(Debug)]
pub(super) struct Converted {
    pub(super) expr: Expr,
    pub(super) failure: Option<Failure>,
}

impl Converted {
    fn always(expr: Expr) -> Self {
        Self { expr, failure: None }
    }

    fn or(expr: Expr, code: &'static str, reason: &str) -> Self {
        Self { expr, failure: Some(Failure::new(code, reason)) }
    }
}

/// Converts a column between types of field; none where the two have nothing to do with each other.
///
/// `formats` say how dates and moments are written in a text; where there are none, they must be ISO 8601.
pub(super) fn convert(input: Expr, from: FieldType, to: FieldType, formats: &Formats) -> Option<Converted> {
    use FieldType as T;
    Some(match (from, to) {
        (T::Text | T::Choice, _) => from_text(input, to, formats),
        (T::Integer | T::Number | T::Boolean, T::Integer | T::Number | T::Boolean) => between_numbers(input, from, to),
        (T::Date, T::Date) | (T::Datetime, T::Datetime) => Converted::always(input),
        (T::MultiChoice | T::Link, T::MultiChoice | T::Link) => Converted::always(no_empty_list(input)),
        (T::Date, T::Datetime) => Converted::always(midnight(input, &TimeZone::UTC)),
        (T::Datetime, T::Date) => Converted::always(input.dt().date()),
        (_, T::Text | T::Choice) => Converted::always(to_text(input, from)),
        (_, T::MultiChoice | T::Link) | (T::MultiChoice | T::Link, _) => from_text(to_text(input, from), to, formats),
        (T::Date | T::Datetime, T::Integer | T::Number | T::Boolean)
        | (T::Integer | T::Number | T::Boolean, T::Date | T::Datetime) => return None,
    })
}

/// Writes values as a person would type them: numbers without a trailing `.0`, dates as ISO 8601, lists joined with `;`.
pub(super) fn to_text(input: Expr, from: FieldType) -> Expr {
    match from {
        FieldType::Text | FieldType::Choice => input,
        FieldType::Integer | FieldType::Boolean => input.cast(DataType::String),
        FieldType::Number => input.map(
            |column| {
                let numbers = column.f64()?;
                let texts: StringChunked = numbers.iter().map(|number| number.map(|some| some.to_string())).collect();
                Ok(texts.with_name(column.name().clone()).into_column())
            },
            |_, field| Ok(polars::prelude::Field::new(field.name.clone(), DataType::String)),
        ),
        FieldType::Date => input.dt().strftime("%Y-%m-%d"),
        FieldType::Datetime => input.dt().strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
        FieldType::MultiChoice | FieldType::Link => input.list().join(lit(";"), true),
    }
}

/// Reads values from text.
fn from_text(input: Expr, to: FieldType, formats: &Formats) -> Converted {
    let text = input.clone().str().strip_chars(lit(NULL));
    match to {
        FieldType::Text | FieldType::Choice => Converted::always(input),
        FieldType::Integer => Converted::or(integer(text), "not_an_integer", "is no whole number"),
        FieldType::Number => Converted::or(number(text), "not_a_number", "is no number"),
        FieldType::Boolean => Converted::or(boolean(text), "not_a_boolean", "is neither `true` nor `false`"),
        FieldType::Date => Converted::or(formats.read_date(&text), "not_a_date", &formats.expected("date")),
        FieldType::Datetime => {
            let moment = formats.read_moment(&text, &TimeZone::UTC);
            Converted::or(moment, "not_a_datetime", &formats.expected("date and time"))
        }
        FieldType::MultiChoice | FieldType::Link => Converted::always(split_list(input)),
    }
}

fn integer(text: Expr) -> Expr {
    let whole = text.clone().cast(DataType::Int64);
    coalesce(&[whole, whole_number(number(text))])
}

fn number(text: Expr) -> Expr {
    let number = text.cast(DataType::Float64);
    when(number.clone().is_finite()).then(number).otherwise(lit(NULL))
}

/// Keeps the numbers without a fraction that a float holds exactly, as integers.
fn whole_number(number: Expr) -> Expr {
    let is_whole = number.clone().floor().eq(number.clone());
    let is_exact = number.clone().lt_eq(lit(MOST_EXACT)).and(number.clone().gt_eq(lit(-MOST_EXACT)));
    when(is_whole.and(is_exact)).then(number.cast(DataType::Int64)).otherwise(lit(NULL))
}

/// The largest number up to which a 64-bit float holds every whole number: 2⁵³.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

fn boolean(text: Expr) -> Expr {
    let lower = text.str().to_lowercase();
    when(lower.clone().eq(lit("true")))
        .then(lit(true))
        .when(lower.eq(lit("false")))
        .then(lit(false))
        .otherwise(lit(NULL))
}

fn between_numbers(input: Expr, from: FieldType, to: FieldType) -> Converted {
    match (from, to) {
        (FieldType::Number, FieldType::Integer) => {
            Converted::or(whole_number(input), "not_an_integer", "is no whole number")
        }
        (FieldType::Integer | FieldType::Number, FieldType::Boolean) => {
            let one = when(input.clone().eq(lit(1))).then(lit(true));
            let expr = one.when(input.eq(lit(0))).then(lit(false)).otherwise(lit(NULL));
            Converted::or(expr, "not_a_boolean", "is neither 1 nor 0")
        }
        _ => Converted::always(input.cast(to.dtype())),
    }
}

/// Splits a text at `;` into its items, without blanks around them and without empty ones.
pub(super) fn split_list(text: Expr) -> Expr {
    let items = text.str().split(lit(";"));
    let items = items.list().eval(polars::prelude::element().str().strip_chars(lit(NULL)));
    no_empty_list(items.list().eval(polars::prelude::element().filter(polars::prelude::element().neq(lit("")))))
}

/// Takes a list without items for no value.
pub(super) fn no_empty_list(list: Expr) -> Expr {
    when(list.clone().list().len().gt(lit(0))).then(list).otherwise(lit(NULL))
}

/// Returns the moment at which a day begins in a zone; none where the zone's clocks skip or repeat midnight.
pub(super) fn midnight(date: Expr, zone: &TimeZone) -> Expr {
    in_zone(date.cast(DataType::Datetime(TimeUnit::Milliseconds, None)), zone)
}

fn in_zone(naive: Expr, zone: &TimeZone) -> Expr {
    naive
        .dt()
        .replace_time_zone(Some(zone.clone()), lit("null"), NonExistent::Null)
        .dt()
        .convert_time_zone(TimeZone::UTC)
        .cast(FieldType::Datetime.dtype())
}

/// How dates and moments are written in a text: `strftime` patterns, of which the first that fits is taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Formats(Vec<String>);

/// ISO 8601 without a zone, as systems write it.
const ISO_NAIVE: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
/// ISO 8601 with a zone: `2024-01-31T12:00:00+01:00`, and the same with a blank or without colons.
const ISO_ZONED: [&str; 4] =
    ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z"];
const ISO_DATE: &str = "%Y-%m-%d";

impl Formats {
    /// Takes patterns as they are written in a pipeline; several in one text are separated by `|`.
    pub(super) fn parse<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<Self, TransformError> {
        let mut formats = Vec::new();
        for pattern in written.into_iter().flat_map(|text| text.split('|')) {
            let is_wrong = StrftimeItems::new(pattern).any(|item| item == chrono::format::Item::Error);
            if is_wrong || !pattern.contains('%') {
                let message = format!("`{pattern}` is no pattern for dates");
                return Err(
                    TransformError::new("transform.format", message).hint("e.g. `%d.%m.%Y` or `%m/%d/%Y %H:%M`")
                );
            }
            formats.push(pattern.to_owned());
        }
        Ok(Self(formats))
    }

    /// Tells whether a text must be ISO 8601.
    pub(super) fn is_iso(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the type that the patterns describe.
    pub(super) fn field_type(&self) -> FieldType {
        let has_time = |pattern: &String| {
            ["%H", "%I", "%k", "%l", "%T", "%R", "%s", "%+"].iter().any(|part| pattern.contains(part))
        };
        if self.0.iter().any(has_time) { FieldType::Datetime } else { FieldType::Date }
    }

    /// Reads days. A text with a time of day gives its day in UTC.
    pub(super) fn read_date(&self, text: &Expr) -> Expr {
        self.read_date_in(text, &TimeZone::UTC)
    }

    /// Reads days. A text with a time of day gives its day in the zone.
    pub(super) fn read_date_in(&self, text: &Expr, zone: &TimeZone) -> Expr {
        if !self.is_iso() {
            return coalesce(&self.0.iter().map(|format| read_day(text, format)).collect::<Vec<_>>());
        }
        let day = read_day(text, ISO_DATE);
        let moment = self.read_moment(text, zone).dt().convert_time_zone(zone.clone());
        coalesce(&[day, moment.dt().date()])
    }

    /// Reads moments; those without a zone are taken in the given one. A day alone is its midnight.
    pub(super) fn read_moment(&self, text: &Expr, zone: &TimeZone) -> Expr {
        let read = |format: &str| read_moment(text, format, zone);
        if !self.is_iso() {
            return coalesce(&self.0.iter().map(|format| read(format)).collect::<Vec<_>>());
        }
        let mut ways: Vec<Expr> = ISO_ZONED.iter().chain(&ISO_NAIVE).map(|format| read(format)).collect();
        ways.push(midnight(read_day(text, ISO_DATE), zone));
        coalesce(&ways)
    }

    /// Says what a text is not when nothing fits.
    pub(super) fn expected(&self, what: &str) -> String {
        if self.is_iso() {
            return format!("is no ISO 8601 {what}");
        }
        format!("is no {what} written as `{}`", self.0.join("` or `"))
    }
}

fn read_moment(text: &Expr, format: &str, zone: &TimeZone) -> Expr {
    let names_zone = ["%z", "%:z", "%#z", "%+"].iter().any(|part| format.contains(part));
    let read =
        |dtype| text.clone().str().to_datetime(Some(TimeUnit::Milliseconds), dtype, options(format), lit("null"));
    if names_zone {
        return with_whole_year(read(Some(TimeZone::UTC)), format);
    }
    let has_time = Formats(vec![format.to_owned()]).field_type() == FieldType::Datetime;
    if !has_time {
        return midnight(read_day(text, format), zone);
    }
    in_zone(with_whole_year(read(None), format), zone)
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

/// Reads an ISO 8601 day or moment that stands in a pipeline; without a zone it is UTC.
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
