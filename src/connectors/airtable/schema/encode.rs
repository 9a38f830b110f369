//! From a value to a cell of Airtable's JSON.
//!
//! What Airtable would certainly refuse is rejected here: a refused batch of ten names no culprit and costs up to eight more
//! calls of a monthly quota to find it.

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde_json::{Value as Json, json};

use crate::model::{Rejection, Value, exact_number};

use super::{Kind, TableField, decode::parse_moment};

/// Says why a value cannot be the cell of a field: a stable word and a reason.
type Refusal = (&'static str, String);

/// Encodes a value of a field. Null and empty text clear the cell; lists replace what the cell holds.
///
/// With `is_typecast`, texts go as they are: Airtable converts them.
pub(crate) fn encode(field: &TableField, value: &Value, is_typecast: bool) -> Result<Json, Rejection> {
    let is_empty = match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        _ => false,
    };
    if is_empty {
        return Ok(Json::Null);
    }
    if is_typecast && let Value::Text(text) = value {
        return Ok(Json::from(text.as_str()));
    }
    let cell = match &field.kind {
        Kind::Text | Kind::RichText | Kind::ContactText => Ok(Json::from(value.to_text())),
        Kind::Number | Kind::Measure => number(value),
        Kind::Rating { max } => rating(value, *max),
        Kind::Checkbox => boolean(value),
        Kind::Select => option(field, &value.to_text(), is_typecast).map(Json::from),
        Kind::MultiSelect => {
            let options = items(value).into_iter().map(|item| option(field, &item, is_typecast));
            options.collect::<Result<Vec<_>, _>>().map(Json::from)
        }
        Kind::Collaborator => Ok(person(&value.to_text())),
        Kind::Collaborators | Kind::Links => Ok(Json::from(items(value))),
        Kind::Attachments => Ok(items(value).iter().map(|item| attachment(item)).collect()),
        Kind::Date => date(value).map(|day| Json::from(Value::Date(day).to_text())),
        Kind::DateTime => moment(value).map(|moment| Json::from(moment.to_rfc3339_opts(SecondsFormat::Millis, true))),
        Kind::Barcode => Ok(json!({ "text": value.to_text() })),
        Kind::Computed(_)
        | Kind::Lookup(_)
        | Kind::Counter
        | Kind::CreatedTime
        | Kind::ModifiedTime { .. }
        | Kind::Person
        | Kind::Button
        | Kind::AiText
        | Kind::Unknown => Err(("read_only_field", format!("Airtable fills `{}` itself", field.name))),
    };
    cell.map_err(|(code, reason)| Rejection::new(code, reason).at(field.name.as_str(), value.to_text()))
}

/// Encodes a number; a whole one without a fraction, so that it reads back as it was written.
fn number(value: &Value) -> Result<Json, Refusal> {
    let refusal = || ("not_a_number", "the value is not a number".to_owned());
    let number = match value {
        Value::Integer(number) => return Ok(Json::from(*number)),
        Value::Number(number) => *number,
        Value::Text(text) => exact_number(text.trim()).ok_or_else(refusal)?,
        Value::Null | Value::Boolean(_) | Value::Date(_) | Value::DateTime(_) | Value::List(_) => return Err(refusal()),
    };
    if !number.is_finite() {
        return Err(refusal());
    }
    Ok(number.to_string().parse::<i64>().map_or_else(|_| Json::from(number), Json::from))
}

/// Encodes a rating: 0 means none, which Airtable wants as null.
fn rating(value: &Value, max: i64) -> Result<Json, Refusal> {
    match number(value)?.as_i64() {
        Some(0) => Ok(Json::Null),
        Some(stars) if (1..=max).contains(&stars) => Ok(Json::from(stars)),
        _ => Err(("out_of_range", format!("a rating of this field is a whole number from 1 to {max}"))),
    }
}

fn boolean(value: &Value) -> Result<Json, Refusal> {
    match value.to_text().to_lowercase().as_str() {
        "true" | "1" => Ok(Json::from(true)),
        "false" | "0" => Ok(Json::from(false)),
        _ => Err(("not_a_boolean", "the value is neither true nor false".to_owned())),
    }
}

/// Checks an option's name. Airtable's own code is used for one that does not exist, so that it counts as the same reason
/// whoever found it. Where only the case differs, Airtable decides.
fn option(field: &TableField, name: &str, is_typecast: bool) -> Result<String, Refusal> {
    let is_known = |choice: &String| choice.to_lowercase() == name.to_lowercase();
    if is_typecast || field.choices.is_empty() || field.choices.iter().any(is_known) {
        return Ok(name.to_owned());
    }
    Err(("INVALID_MULTIPLE_CHOICE_OPTIONS", format!("`{name}` is not an option of `{}`", field.name)))
}

fn person(text: &str) -> Json {
    if text.contains('@') { json!({ "email": text }) } else { json!({ "id": text }) }
}

/// Encodes an attachment: one that Airtable holds by its id, a new one by its URL.
fn attachment(text: &str) -> Json {
    if text.contains("://") { json!({ "url": text }) } else { json!({ "id": text }) }
}

fn items(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.clone(),
        single => vec![single.to_text()],
    }
}

fn date(value: &Value) -> Result<NaiveDate, Refusal> {
    let day = match value {
        Value::Date(day) => Some(*day),
        Value::DateTime(moment) => Some(moment.date_naive()),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Null | Value::Integer(_) | Value::Number(_) | Value::Boolean(_) | Value::List(_) => None,
    };
    day.ok_or_else(|| ("not_a_date", "the value is not a day such as 2026-11-23".to_owned()))
}

/// Takes a moment; always sent with its zone, as Airtable reads one without it in the field's own.
fn moment(value: &Value) -> Result<DateTime<Utc>, Refusal> {
    let moment = match value {
        Value::DateTime(moment) => Some(*moment),
        Value::Date(day) => Some(day.and_time(NaiveTime::MIN).and_utc()),
        Value::Text(text) => parse_moment(text.trim()),
        Value::Null | Value::Integer(_) | Value::Number(_) | Value::Boolean(_) | Value::List(_) => None,
    };
    moment.ok_or_else(|| ("not_a_datetime", "the value is not a moment such as 2026-11-23T09:30:00Z".to_owned()))
}
