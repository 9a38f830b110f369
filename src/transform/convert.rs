//! Values of one type turned into another, strictly: what does not fit gives no value, which the caller rejects.

use polars::prelude::{
    DataType, Expr, Field, Float64Type, Int64Type, IntoColumn, ListBuilderTrait, ListStringChunkedBuilder, NULL,
    StringChunked, StringChunkedBuilder, TimeZone, lit, when,
};

use crate::model::{
    FieldType, LIST_SEPARATOR, exact_integer, exact_number, is_number, join_list, plain_number, split_list,
};

use super::{
    column_query::Failure,
    formats::{Formats, midnight},
    items::map_items,
    numbers::map_values,
};

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
        Self::refusing(expr, Failure::new(code, reason))
    }

    fn refusing(expr: Expr, failure: Failure) -> Self {
        Self { expr, failure: Some(failure) }
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
        (T::MultiChoice | T::Link, T::MultiChoice | T::Link) => Converted::always(distinct(input)),
        (T::Date, T::Datetime) => Converted::always(midnight(input, &TimeZone::UTC)),
        (T::Datetime, T::Date) => Converted::always(input.dt().date()),
        (_, T::Text | T::Choice) => Converted::always(to_text(input, from)),
        (_, T::MultiChoice | T::Link) | (T::MultiChoice | T::Link, _) => from_text(to_text(input, from), to, formats),
        (T::Integer | T::Number, T::Date | T::Datetime) if formats.reads_numbers() => {
            from_text(to_text(input, from), to, formats)
        }
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
            |_, field| Ok(Field::new(field.name.clone(), DataType::String)),
        ),
        FieldType::Date => input.dt().strftime("%Y-%m-%d"),
        FieldType::Datetime => input.dt().strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
        FieldType::MultiChoice | FieldType::Link => joined(input, LIST_SEPARATOR),
    }
}

/// Reads values from text.
fn from_text(input: Expr, to: FieldType, formats: &Formats) -> Converted {
    let text = input.clone().str().strip_chars(lit(NULL));
    match to {
        FieldType::Text | FieldType::Choice => Converted::always(input),
        FieldType::Integer => Converted::refusing(
            map_values::<Int64Type>(text, exact_integer),
            Failure::new("not_an_integer", "is no whole number").unless(too_large),
        ),
        FieldType::Number => {
            Converted::refusing(exact_numbers(text), Failure::new("not_a_number", "is no number").unless(not_exact))
        }
        FieldType::Boolean => Converted::or(boolean(text), "not_a_boolean", "is neither `true` nor `false`"),
        FieldType::Date => Converted::refusing(formats.read_date(&text), formats.failure("not_a_date", "date")),
        FieldType::Datetime => {
            let moment = formats.read_moment(&text, &TimeZone::UTC);
            Converted::refusing(moment, formats.failure("not_a_datetime", "date and time"))
        }
        FieldType::MultiChoice | FieldType::Link => Converted::always(split_at(input, LIST_SEPARATOR)),
    }
}

/// Reads texts as numbers; those that a 64-bit float does not carry exactly give none.
pub(super) fn exact_numbers(text: Expr) -> Expr {
    map_values::<Float64Type>(text, exact_number)
}

/// Says that a text is a number that a number field does not carry: it has too many digits, or is too large or too small.
pub(super) fn not_exact(text: &str) -> Option<Failure> {
    let text = text.trim();
    let is_beyond = text.parse::<f64>().is_ok_and(|number| number == 0.0 || !number.is_finite());
    is_number(text).then(|| Failure::new("not_exact", if is_beyond { BEYOND_64_BITS } else { TOO_MANY_DIGITS }))
}

/// Says that a text is a whole number of more than 64 bits.
fn too_large(text: &str) -> Option<Failure> {
    let plain = plain_number(text.trim())?;
    (!plain.contains(['.', 'e', 'E'])).then(|| Failure::new("not_exact", "is too large for a whole number of 64 bits"))
}

const BEYOND_64_BITS: &str = "is too large or too small for a number of 64 bits; a text keeps it";
const TOO_MANY_DIGITS: &str =
    "has more digits than a number carries exactly (15 always, 17 at most); a text keeps them all";

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
            let whole = map_values::<Int64Type>(to_text(input, from), exact_integer);
            Converted::or(whole, "not_an_integer", "is no whole number")
        }
        (FieldType::Integer, FieldType::Number) => {
            let exact = exact_numbers(to_text(input, from));
            Converted::or(exact, "not_exact", TOO_MANY_DIGITS)
        }
        (FieldType::Integer | FieldType::Number, FieldType::Boolean) => {
            let one = when(input.clone().eq(lit(1))).then(lit(true));
            let expr = one.when(input.eq(lit(0))).then(lit(false)).otherwise(lit(NULL));
            Converted::or(expr, "not_a_boolean", "is neither 1 nor 0")
        }
        _ => Converted::always(input.cast(to.dtype())),
    }
}

/// Joins the items of lists so that [`split_at`] gives them back.
pub(super) fn joined(list: Expr, separator: &str) -> Expr {
    let separator = separator.to_owned();
    list.map(
        move |column| {
            let lists = column.list()?;
            let mut texts = StringChunkedBuilder::new(column.name().clone(), lists.len());
            for items in lists.series_iter() {
                match &items {
                    Some(items) => texts.append_value(join_list(items.str()?.iter().flatten(), &separator)),
                    None => texts.append_null(),
                }
            }
            Ok(texts.finish().into_column())
        },
        |_, field| Ok(Field::new(field.name.clone(), DataType::String)),
    )
}

/// Splits texts into their items, without blanks around them, empty ones and repetitions.
pub(super) fn split_at(text: Expr, separator: &str) -> Expr {
    let separator = separator.to_owned();
    text.map(
        move |column| {
            let texts = column.str()?;
            let mut lists = ListStringChunkedBuilder::new(column.name().clone(), texts.len(), texts.len());
            for text in texts.iter() {
                let items = text.map(|text| once_each(split_list(text, &separator))).unwrap_or_default();
                if items.is_empty() {
                    lists.append_null();
                } else {
                    lists.append_values_iter(items.iter().map(String::as_str));
                }
            }
            Ok(lists.finish().into_column())
        },
        |_, field| Ok(Field::new(field.name.clone(), FieldType::MultiChoice.dtype())),
    )
}

/// Leaves out the items that the list has already.
pub(super) fn once_each(items: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// Leaves out repetitions of an item, and takes a list without items for no value.
pub(super) fn distinct(list: Expr) -> Expr {
    map_items(list, |items| Some(once_each(items.iter().map(|item| (*item).to_owned()).collect())))
}

/// Takes a list without items for no value.
pub(super) fn no_empty_list(list: Expr) -> Expr {
    when(list.clone().list().len().gt(lit(0))).then(list).otherwise(lit(NULL))
}
