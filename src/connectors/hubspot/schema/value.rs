//! The vendor's texts ↔ typed values. On the wire every value is a string, both ways.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};

use crate::model::{FieldType, LIST_SEPARATOR, Rejection, Value, exact_number, is_number, split_list};

use super::{super::limits, Property};

/// Says why a text is not a value of its property's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Misfit {
    pub(in super::super) code: &'static str,
    pub(in super::super) reason: String,
}

/// Reads a text as a value of the type; the empty text is no value.
pub(in super::super) fn decode(field_type: FieldType, text: &str) -> Result<Value, Misfit> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let misfit = |code, what: &str| Misfit { code, reason: format!("`{text}` is not {what}") };
    match field_type {
        FieldType::Text | FieldType::Choice => Ok(Value::Text(text.to_owned())),
        FieldType::Number => match exact_number(text) {
            Some(number) => Ok(Value::Number(number)),
            None if is_number(text) => Err(misfit("not_exact", "a number that can be carried exactly")),
            None => Err(misfit("not_a_number", "a number")),
        },
        FieldType::Integer => text.parse().map(Value::Integer).map_err(|_| misfit("not_an_integer", "a whole number")),
        FieldType::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ => Err(misfit("not_a_boolean", "true or false")),
        },
        FieldType::Date => date(text).map(Value::Date).ok_or_else(|| misfit("not_a_date", "a date")),
        FieldType::Datetime => moment(text).map(Value::DateTime).ok_or_else(|| misfit("not_a_datetime", "a moment")),
        FieldType::MultiChoice | FieldType::Link => Ok(Value::List(options(text))),
    }
}

/// Writes a value as the property's text. No value is the empty text, which clears the property.
pub(in super::super) fn encode(property: &Property, value: &Value) -> Result<String, Rejection> {
    let name = property.field.name.as_str();
    let text = match (property.field.field_type, value) {
        (_, Value::Number(number)) if !number.is_finite() => {
            let rejection = Rejection::new("not_a_number", format!("`{number}` is no number that HubSpot could hold"));
            return Err(rejection.at(name, number.to_string()));
        }
        // `-0` would be written with its sign; Rust writes floats without exponent and without needless zeros.
        (_, Value::Number(number)) if *number == 0.0 => "0".to_owned(),
        (FieldType::Datetime, Value::Date(day)) => millis_text(day.and_time(NaiveTime::MIN).and_utc()),
        (FieldType::Date, Value::DateTime(moment)) if moment.time() == NaiveTime::MIN => {
            moment.date_naive().format("%Y-%m-%d").to_string()
        }
        (FieldType::MultiChoice, Value::Text(text)) => option_list(name, &split_list(text, LIST_SEPARATOR))?,
        (FieldType::MultiChoice, Value::List(items)) => option_list(name, items)?,
        (_, value) => value.to_text(),
    };
    if text.chars().count() > limits::MAX_TEXT_CHARS {
        let reason = format!("the text is longer than the {} characters of a property", limits::MAX_TEXT_CHARS);
        return Err(Rejection::new("too_long", reason).at(name, text.chars().take(200).collect::<String>()));
    }
    Ok(text)
}

/// Writes a value for a search's filter; none where the vendor could understand it otherwise than we do.
pub(in super::super) fn search_text(field_type: FieldType, value: &Value) -> Option<String> {
    match (field_type, value) {
        (FieldType::Text | FieldType::Choice, Value::Text(text)) if !text.is_empty() => Some(text.clone()),
        (FieldType::Number, Value::Number(number)) if number.is_finite() => Some((number + 0.0).to_string()),
        (FieldType::Number, Value::Integer(number)) => Some(number.to_string()),
        (FieldType::Boolean, Value::Boolean(flag)) => Some(flag.to_string()),
        (FieldType::Date, Value::Date(day)) => Some(day.format("%Y-%m-%d").to_string()),
        (FieldType::Datetime, Value::DateTime(moment)) => Some(moment.timestamp_millis().to_string()),
        _ => None,
    }
}

/// Writes options as HubSpot separates them. A leading `;` would append to the options that are there, and spaces would be part
/// of the next option.
fn option_list(name: &str, items: &[String]) -> Result<String, Rejection> {
    if let Some(item) = items.iter().find(|item| item.contains(LIST_SEPARATOR)) {
        let reason = "the option holds `;`, which HubSpot puts between options";
        return Err(Rejection::new("separator_in_option", reason).at(name, item.clone()));
    }
    let options: Vec<&str> = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()).collect();
    Ok(options.join(LIST_SEPARATOR))
}

fn options(text: &str) -> Vec<String> {
    text.split(';').map(str::trim).filter(|option| !option.is_empty()).map(str::to_owned).collect()
}

fn millis_text(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads `2026-01-31`, midnight UTC in ISO 8601, or that in epoch milliseconds.
fn date(text: &str) -> Option<NaiveDate> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(day);
    }
    moment(text).filter(|moment| moment.time() == NaiveTime::MIN).map(|moment| moment.date_naive())
}

/// Reads ISO 8601 with a zone, without one (UTC), a day (its midnight), or epoch milliseconds.
pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(millis) = text.parse::<i64>() {
        return DateTime::from_timestamp_millis(millis);
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        let moment = moment.to_utc();
        return DateTime::from_timestamp_millis(moment.timestamp_millis());
    }
    if let Ok(moment) = text.parse::<NaiveDateTime>() {
        return Some(moment.and_utc());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN).and_utc())
}
