//! What to write into a mapping so that values that were refused are read: found by trying it on them.

use indexmap::IndexMap;
use polars::prelude::{IntoLazy, NamedFrom, Series, col};
use serde_json::{Value as Json, json};

use crate::model::FieldType;

use super::{
    cleaners::{self, Values},
    spec::CleanerSpec,
};

/// The forms of dates that people write, the most frequent first.
const DATES: [&str; 9] =
    ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y%m%d", "%d.%m.%y", "%d %B %Y", "excel"];
/// The same, with a time.
const MOMENTS: [&str; 6] =
    ["%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%Y/%m/%d %H:%M:%S", "epoch_millis"];
/// The marks of numbers: for decimals, for thousands.
const MARKS: [[&str; 2]; 5] = [[".", ","], [",", "."], [",", " "], [".", "'"], [",", "'"]];
/// The words for yes and no of languages in which exports are written.
const WORDS: [[&str; 2]; 7] =
    [["ja", "nein"], ["oui", "non"], ["sí", "no"], ["sì", "no"], ["sim", "não"], ["ja", "nee"], ["tak", "nie"]];
/// The word in a remedy that nothing but the user can know.
const UNKNOWN: &str = "…";

/// Returns what a mapping would say so that all of these values are read, as YAML; none where nothing that is known would help.
/// `code` is the reason why they were refused.
pub fn remedy(code: &str, values: &[&str]) -> Option<String> {
    match code {
        "required" => Some(format!("default: {UNKNOWN}, or leave the records out with `where`")),
        "not_exact" => Some("type: text".to_owned()),
        "not_a_number" | "not_an_integer" => cleaner(values, MARKS.map(number)),
        "not_a_date" => format(values, "date", &DATES),
        "not_a_datetime" => format(values, "datetime", &MOMENTS).or_else(|| format(values, "date", &DATES)),
        "not_a_boolean" => {
            let words = WORDS.map(|[yes, no]| named("boolean", &json!({ "yes": [yes], "no": [no] })));
            cleaner(values, [CleanerSpec::Name("boolean".to_owned())].into_iter().chain(words))
        }
        "unmapped_value" | "unknown_option" => {
            let pairs: Vec<String> = values.iter().map(|value| format!("{}: {UNKNOWN}", quoted(value))).collect();
            (!pairs.is_empty()).then(|| format!("values: {{ {} }}", pairs.join(", ")))
        }
        "invalid_phone" => Some(format!("apply: [{{ phone: {{ region: {UNKNOWN} }} }}]")),
        _ => None,
    }
}

fn number([decimal, thousands]: [&str; 2]) -> CleanerSpec {
    if (decimal, thousands) == (".", ",") {
        return CleanerSpec::Name("number".to_owned());
    }
    named("number", &json!({ "decimal": decimal, "thousands": thousands }))
}

fn named(name: &str, options: &Json) -> CleanerSpec {
    CleanerSpec::WithOptions(IndexMap::from([(name.to_owned(), options.clone())]))
}

/// Returns the first of these cleaners that reads all values.
fn cleaner(values: &[&str], cleaners: impl IntoIterator<Item = CleanerSpec>) -> Option<String> {
    let fitting = cleaners.into_iter().find(|cleaner| reads_all(cleaner, values))?;
    Some(format!("apply: [{}]", shown_cleaner(&fitting)))
}

/// Returns the format that reads all values. Where two do, such as day before month and month before day, only the user knows.
fn format(values: &[&str], cleaner: &str, formats: &[&str]) -> Option<String> {
    let reads = |format: &&&str| reads_all(&named(cleaner, &json!({ "format": format })), values);
    let fitting: Vec<&str> = formats.iter().filter(reads).copied().collect();
    let others = fitting.get(1..).unwrap_or_default().iter().map(|other| format!(", or {}", quoted(other)));
    Some(format!("format: {}{}", quoted(fitting.first()?), others.collect::<String>()))
}

fn reads_all(cleaner: &CleanerSpec, values: &[&str]) -> bool {
    let Ok(compiled) = cleaners::compile(cleaner) else { return false };
    let values_read = compiled.clean(Values { expr: col("value"), field_type: FieldType::Text });
    let series = Series::new("value".into(), values);
    let read = series.into_frame().lazy().select([values_read.expr]).collect();
    !values.is_empty() && read.is_ok_and(|frame| frame.columns().iter().all(|column| column.null_count() == 0))
}

/// Writes a cleaner as a pipeline does.
pub(super) fn shown_cleaner(cleaner: &CleanerSpec) -> String {
    match cleaner {
        CleanerSpec::Name(name) => name.clone(),
        CleanerSpec::WithOptions(options) => {
            let options: Vec<String> = options.iter().map(|(name, value)| format!("{name}: {}", flow(value))).collect();
            format!("{{ {} }}", options.join(", "))
        }
    }
}

/// Writes a value as YAML does on one line.
pub(super) fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {}", flow(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
    }
}

/// Puts a text in quotes, unless it is a plain word.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_alphabetic())
        && text.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        && !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off");
    if is_plain { text.to_owned() } else { Json::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_reads_all_values_that_were_refused() {
        for (code, values, expected) in [
            ("not_a_number", &["1.234,50", "7,25"][..], r#"apply: [{ number: { decimal: ",", thousands: "." } }]"#),
            ("not_a_number", &["1,234.50", "$ 7"][..], "apply: [number]"),
            ("not_a_number", &["1'234.50"][..], r#"apply: [{ number: { decimal: ".", thousands: "'" } }]"#),
            ("not_a_date", &["31.12.2024", "01.02.2024"][..], r#"format: "%d.%m.%Y""#),
            ("not_a_date", &["01/02/2024"][..], r#"format: "%d/%m/%Y", or "%m/%d/%Y""#),
            ("not_a_date", &["01/02/2024", "12/31/2024"][..], r#"format: "%m/%d/%Y""#),
            ("not_a_datetime", &["31.12.2024 08:30"][..], r#"format: "%d.%m.%Y %H:%M""#),
            ("not_a_boolean", &["ja", "Nein"][..], "apply: [{ boolean: { yes: [ja], no: [nein] } }]"),
            ("not_exact", &["123456789012345678"][..], "type: text"),
            ("unknown_option", &["Hot lead", "no"][..], r#"values: { "Hot lead": …, "no": … }"#),
        ] {
            assert_eq!(remedy(code, values).as_deref(), Some(expected), "{code} {values:?}");
        }
    }

    #[test]
    fn what_nothing_reads_has_no_remedy() {
        for (code, values) in [
            ("not_a_number", &["1.234,50", "n/a"][..]),
            ("not_a_date", &["0.0.00"][..]),
            ("not_a_boolean", &["perhaps"][..]),
            ("INVALID_EMAIL", &["x"][..]),
            ("not_a_number", &[][..]),
        ] {
            assert_eq!(remedy(code, values), None, "{code} {values:?}");
        }
    }
}
