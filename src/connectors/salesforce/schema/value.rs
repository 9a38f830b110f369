//! Salesforce's JSON and CSV ↔ typed values.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde_json::{Number, Value as Json};

use crate::model::{LIST_SEPARATOR, Rejection, Value, exact_number, is_number, split_list};

use super::{super::names::normal_id, Kind, SalesforceField};

/// Says why what Salesforce sent is no value of its field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Misfit {
    pub(in super::super) code: &'static str,
    pub(in super::super) reason: String,
    pub(in super::super) value: String,
}

/// Reads the JSON of a field.
pub(in super::super) fn decode(kind: Kind, json: &Json) -> Result<Value, Misfit> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::String(text) => decode_text(kind, text),
        Json::Bool(flag) if kind == Kind::Boolean => Ok(Value::Boolean(*flag)),
        Json::Number(number) => match (kind, number.as_i64(), number.as_f64()) {
            // An `int` comes as 5 or, of some objects, as 5.0.
            (Kind::Integer, Some(whole), _) => Ok(Value::Integer(whole)),
            // What comes with a fraction or an exponent is a double at Salesforce too.
            (Kind::Number, None, Some(float)) if number.is_f64() => Ok(Value::Number(float)),
            _ => decode_text(kind, &number.to_string()),
        },
        other => decode_text(kind, &other.to_string()),
    }
}

/// Reads the text of a field, as Bulk files have it; the empty text is no value.
pub(in super::super) fn decode_text(kind: Kind, text: &str) -> Result<Value, Misfit> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let misfit = |code, what: &str| Misfit { code, reason: format!("`{text}` is not {what}"), value: text.to_owned() };
    match kind {
        Kind::Id | Kind::Reference => Ok(Value::Text(normal_id(text))),
        // Bulk files have been seen with NUL bytes in them; Salesforce itself refuses to store any.
        Kind::Text | Kind::LongText | Kind::Email | Kind::Choice | Kind::Body => {
            Ok(Value::Text(if text.contains('\0') { text.replace('\0', "") } else { text.to_owned() }))
        }
        Kind::MultiChoice => Ok(Value::List(text.split(';').map(str::to_owned).collect())),
        Kind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Value::Boolean(true)),
            "false" | "0" => Ok(Value::Boolean(false)),
            _ => Err(misfit("not_a_boolean", "true or false")),
        },
        Kind::Integer => whole(text).map(Value::Integer).ok_or_else(|| misfit("not_an_integer", "a whole number")),
        Kind::Number => match exact_number(text) {
            Some(number) => Ok(Value::Number(number)),
            None if is_number(text) => Err(misfit("not_exact", "a number that can be carried exactly")),
            None => Err(misfit("not_a_number", "a number")),
        },
        Kind::Date => date(text).map(Value::Date).ok_or_else(|| misfit("not_a_date", "a date")),
        Kind::DateTime => moment(text).map(Value::DateTime).ok_or_else(|| misfit("not_a_datetime", "a moment")),
    }
}

/// Writes a value as JSON. No value is `null`, which clears the field.
pub(in super::super) fn encode(field: &SalesforceField, value: &Value) -> Result<Json, Rejection> {
    Ok(match (field.kind, value) {
        (_, Value::Null) => Json::Null,
        (Kind::Boolean, Value::Boolean(flag)) => Json::from(*flag),
        (Kind::Integer | Kind::Number, Value::Integer(number)) => Json::from(*number),
        (Kind::Integer | Kind::Number, Value::Number(number)) => number_json(field, *number)?,
        _ => text(field, value)?.map_or(Json::Null, Json::from),
    })
}

/// Writes a value as the text of a Bulk file's cell; none clears the field.
pub(in super::super) fn cell_text(field: &SalesforceField, value: &Value) -> Result<Option<String>, Rejection> {
    Ok(match encode(field, value)? {
        Json::Null => None,
        Json::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// Returns a value's text; none where there is none. Texts are checked for their length: Salesforce would refuse them too, and
/// has no setting by which the REST API cuts them.
fn text(field: &SalesforceField, value: &Value) -> Result<Option<String>, Rejection> {
    let name = field.field.name.as_str();
    let text = match (field.kind, value) {
        (Kind::Date, Value::DateTime(moment)) => moment.date_naive().format("%Y-%m-%d").to_string(),
        (Kind::DateTime, Value::Date(day)) => moment_text(day.and_time(NaiveTime::MIN).and_utc()),
        (Kind::DateTime, Value::DateTime(moment)) => moment_text(*moment),
        (Kind::Reference | Kind::Id, Value::List(ids)) => match ids.as_slice() {
            [] => String::new(),
            [id] => normal_id(id),
            several => {
                let reason = format!("`{name}` refers to one record, and {} are linked", several.len());
                return Err(Rejection::new("too_many_links", reason).at(name, several.join(";")));
            }
        },
        (Kind::Reference | Kind::Id, Value::Text(id)) => normal_id(id),
        (Kind::Body, value) => STANDARD.encode(value.to_text()),
        (Kind::MultiChoice, Value::Text(text)) => option_list(name, &split_list(text, LIST_SEPARATOR))?,
        (Kind::MultiChoice, Value::List(list)) => option_list(name, list)?,
        (_, value) => value.to_text(),
    };
    if let Some(max_chars) = field.max_chars
        && text.chars().count() > max_chars
    {
        let reason =
            format!("`{name}` holds at most {max_chars} characters, and the text has {}", text.chars().count());
        let shown: String = text.chars().take(200).collect();
        return Err(Rejection::new("STRING_TOO_LONG", reason).at(name, shown));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Writes the options of a multi-select picklist as Salesforce separates them.
fn option_list(name: &str, items: &[String]) -> Result<String, Rejection> {
    if let Some(item) = items.iter().find(|item| item.contains(LIST_SEPARATOR)) {
        let reason = "the option holds `;`, which Salesforce puts between options";
        return Err(Rejection::new("separator_in_option", reason).at(name, item.clone()));
    }
    let options: Vec<&str> = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()).collect();
    Ok(options.join(LIST_SEPARATOR))
}

/// Writes a number, a whole one without a fraction: `int` fields refuse `5.0`.
fn number_json(field: &SalesforceField, number: f64) -> Result<Json, Rejection> {
    let text = (number + 0.0).to_string();
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(Json::from(whole));
    }
    let refused = || {
        let reason = format!("`{number}` is no number that Salesforce could hold");
        Rejection::new("not_a_number", reason).at(field.field.name.as_str(), number.to_string())
    };
    Number::from_f64(number).map(Json::Number).ok_or_else(refused)
}

fn whole(text: &str) -> Option<i64> {
    text.parse()
        .ok()
        .or_else(|| text.split_once('.').filter(|(_, rest)| rest.bytes().all(|byte| byte == b'0'))?.0.parse().ok())
}

fn moment_text(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads `2026-01-31`; a moment at which a day begins is taken for the day.
fn date(text: &str) -> Option<NaiveDate> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(day);
    }
    moment(text).filter(|moment| moment.time() == NaiveTime::MIN).map(|moment| moment.date_naive())
}

/// Reads `2011-07-07T00:37:00.000+0000` (REST, without a colon) and `2011-07-07T00:37:00.000Z` (Bulk).
pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    let parsed =
        DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    let moment = parsed.ok()?.to_utc();
    DateTime::from_timestamp_millis(moment.timestamp_millis())
}
