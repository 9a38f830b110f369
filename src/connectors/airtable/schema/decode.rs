//! From a cell of Airtable's JSON to a value. No cell may make it panic, whatever is in it.

use chrono::{DateTime, NaiveDate, NaiveTime, SubsecRound, Utc};
use serde_json::{Map, Value as Json};

use crate::model::{Value, exact_float};

use super::Kind;

/// Says why a cell is no value of its field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// A stable word for the reason.
    pub(crate) code: &'static str,
    /// The reason in full.
    pub(crate) reason: &'static str,
}

const NOT_TEXT: Misfit = Misfit { code: "not_a_text", reason: "the cell is not a text" };
const NOT_NUMBER: Misfit = Misfit { code: "not_a_number", reason: "the cell is not a number" };
const NOT_EXACT: Misfit =
    Misfit { code: "not_exact", reason: "the number has more digits than can be carried exactly" };
const NOT_INTEGER: Misfit = Misfit { code: "not_a_whole_number", reason: "the cell is not a whole number" };
const NOT_BOOLEAN: Misfit = Misfit { code: "not_a_boolean", reason: "the cell is neither checked nor unchecked" };
const NOT_DATE: Misfit = Misfit { code: "not_a_date", reason: "the cell is not a day such as 2026-11-23" };
const NOT_DATETIME: Misfit =
    Misfit { code: "not_a_datetime", reason: "the cell is not a moment such as 2026-11-23T09:30:00.000Z" };
const NOT_LIST: Misfit = Misfit { code: "not_a_list", reason: "the cell is not a list" };
const NOT_OBJECT: Misfit = Misfit { code: "not_an_object", reason: "the cell is not what its field's type is made of" };
const BROKEN: Misfit =
    Misfit { code: "broken_formula", reason: "Airtable computes no value for this cell (an error, or no number)" };

/// Decodes a cell; null stands for an absent one.
///
/// A computed cell that holds an error instead of a value is a misfit and not an empty cell: only fields that a pipeline uses
/// are asked for, and who uses a broken formula should learn of it.
pub(crate) fn decode(kind: &Kind, cell: &Json) -> Result<Value, Misfit> {
    if cell.is_null() {
        // An unchecked checkbox is absent from every answer: there is no third state.
        return Ok(if *kind == Kind::Checkbox { Value::Boolean(false) } else { Value::Null });
    }
    match kind {
        Kind::Text | Kind::ContactText => text(cell),
        Kind::RichText => text(cell).map(without_added_break),
        Kind::Number | Kind::Measure => number(cell),
        Kind::Rating { .. } | Kind::Counter => integer(cell),
        Kind::Checkbox => cell.as_bool().map(Value::Boolean).ok_or(NOT_BOOLEAN),
        Kind::Select => named(cell, &["name"]).map(text_value),
        Kind::MultiSelect => list(cell, &["name"]),
        Kind::Collaborator | Kind::Person => named(cell, &["email", "name", "id"]).map(text_value),
        Kind::Collaborators | Kind::Links | Kind::Attachments => list(cell, &["id"]),
        Kind::Date => date(cell),
        Kind::DateTime | Kind::CreatedTime | Kind::ModifiedTime { .. } => moment(cell),
        Kind::Barcode => named(cell, &["text"]).map(text_value),
        Kind::Button => named(cell, &["url", "label"]).map(text_value),
        Kind::AiText => ai_text(cell),
        Kind::Computed(result) => computed(result, cell),
        Kind::Lookup(result) => lookup(result, cell),
        Kind::Unknown => Ok(text_value(any_text(cell))),
    }
}

fn text(cell: &Json) -> Result<Value, Misfit> {
    match cell {
        Json::String(_) | Json::Number(_) | Json::Bool(_) => Ok(text_value(any_text(cell))),
        Json::Null | Json::Array(_) | Json::Object(_) => Err(NOT_TEXT),
    }
}

/// Takes off the line break that Airtable adds to rich text, so that a text reads back as it was written.
fn without_added_break(value: Value) -> Value {
    match value {
        Value::Text(text) => text_value(text.strip_suffix('\n').unwrap_or(&text).to_owned()),
        other => other,
    }
}

fn number(cell: &Json) -> Result<Value, Misfit> {
    // A whole number of many digits is still whole here; what has a fraction or an exponent is a double at Airtable too.
    if let Some(whole) = cell.as_i64() {
        return exact_float(whole).map(Value::Number).ok_or(NOT_EXACT);
    }
    if cell.is_u64() {
        return Err(NOT_EXACT);
    }
    cell.as_f64().filter(|number| number.is_finite()).map(Value::Number).ok_or(NOT_NUMBER)
}

fn integer(cell: &Json) -> Result<Value, Misfit> {
    if let Some(number) = cell.as_i64() {
        return Ok(Value::Integer(number));
    }
    let number = cell.as_f64().ok_or(NOT_INTEGER)?;
    // A whole `f64` prints without a fraction, so this takes `3.0` and refuses `3.5`.
    number.to_string().parse().map(Value::Integer).map_err(|_| NOT_INTEGER)
}

fn date(cell: &Json) -> Result<Value, Misfit> {
    let text = cell.as_str().ok_or(NOT_DATE)?;
    // Computed days may come as moments.
    let day = text.parse::<NaiveDate>().ok().or_else(|| parse_moment(text).map(|moment| moment.date_naive()));
    day.map(Value::Date).ok_or(NOT_DATE)
}

fn moment(cell: &Json) -> Result<Value, Misfit> {
    cell.as_str().and_then(parse_moment).map(Value::DateTime).ok_or(NOT_DATETIME)
}

/// Reads a moment in any ISO 8601 form that names its zone, or a day as its first moment.
pub(super) fn parse_moment(text: &str) -> Option<DateTime<Utc>> {
    let moment = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc().trunc_subsecs(3));
    moment.or_else(|| text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc()))
}

/// Takes a text, or of an object the first of these members that is one.
fn named(cell: &Json, members: &[&str]) -> Result<String, Misfit> {
    match cell {
        Json::String(text) => Ok(text.clone()),
        Json::Object(object) => {
            let member = members.iter().find_map(|member| object.get(*member)?.as_str());
            member.map(str::to_owned).ok_or(NOT_OBJECT)
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => Err(NOT_OBJECT),
    }
}

fn list(cell: &Json, members: &[&str]) -> Result<Value, Misfit> {
    let items = cell.as_array().ok_or(NOT_LIST)?;
    let texts = items.iter().map(|item| named(item, members)).collect::<Result<Vec<_>, _>>()?;
    Ok(list_value(texts))
}

fn ai_text(cell: &Json) -> Result<Value, Misfit> {
    let Json::Object(object) = cell else { return text(cell) };
    match object.get("value") {
        Some(Json::String(text)) => Ok(text_value(text.clone())),
        _ if object.contains_key("errorType") => Err(BROKEN),
        _ => Ok(Value::Null),
    }
}

fn computed(result: &Kind, cell: &Json) -> Result<Value, Misfit> {
    if is_broken(cell) {
        return Err(BROKEN);
    }
    match (result, cell) {
        // Rollups that gather values give a list, whatever type one of them has.
        (Kind::Text | Kind::RichText | Kind::ContactText | Kind::Select | Kind::Unknown, Json::Array(items)) => {
            let texts = items.iter().filter(|item| !item.is_null()).map(any_text);
            Ok(text_value(texts.collect::<Vec<_>>().join(", ")))
        }
        (Kind::MultiSelect | Kind::Links | Kind::Collaborators | Kind::Attachments, Json::Array(_)) => {
            decode(result, cell)
        }
        (Kind::Lookup(inner), Json::Array(_)) => lookup(inner, cell),
        (_, Json::Array(items)) => match &items[..] {
            [] => Ok(Value::Null),
            [single] if !single.is_array() => computed(result, single),
            _ => Err(NOT_TEXT),
        },
        // A formula's truth is a 1.
        (Kind::Checkbox, Json::Number(number)) => Ok(Value::Boolean(number.as_f64() != Some(0.0))),
        _ => decode(result, cell),
    }
}

fn lookup(result: &Kind, cell: &Json) -> Result<Value, Misfit> {
    let single = std::slice::from_ref(cell);
    let items = cell.as_array().map_or(single, Vec::as_slice);
    let mut texts = Vec::with_capacity(items.len());
    for item in items.iter().filter(|item| !item.is_null()) {
        if is_broken(item) {
            return Err(BROKEN);
        }
        match item {
            // A looked-up list of lists.
            Json::Array(inner) => texts.extend(inner.iter().filter(|item| !item.is_null()).map(any_text)),
            // Attachments are kept by their ids, so that no URL is.
            _ if *result == Kind::Attachments => texts.push(named(item, &["id"])?),
            _ if matches!(result, Kind::MultiSelect | Kind::Links | Kind::Collaborators) => texts.push(any_text(item)),
            _ => match decode(result, item)? {
                Value::List(inner) => texts.extend(inner),
                value => texts.push(value.to_text()),
            },
        }
    }
    Ok(list_value(texts))
}

/// Tells whether a computed cell holds an error: `{"specialValue":"NaN"}`, `{"error":"#ERROR!"}`, `"#ERROR!"`.
fn is_broken(cell: &Json) -> bool {
    match cell {
        Json::Object(object) => object.contains_key("specialValue") || object.contains_key("error"),
        Json::String(text) => text == "#ERROR!",
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => false,
    }
}

/// Puts any cell into words: texts as they are, people by mail address, other things by name, the rest as JSON. Objects that
/// are attachments are named by id.
fn any_text(cell: &Json) -> String {
    let of_object = |object: &Map<String, Json>| {
        let members = if object.contains_key("filename") { &["id"][..] } else { &["email", "name", "id"][..] };
        members.iter().find_map(|member| object.get(*member)?.as_str()).map(str::to_owned)
    };
    match cell {
        Json::String(text) => text.clone(),
        Json::Object(object) => of_object(object).unwrap_or_else(|| cell.to_string()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => cell.to_string(),
    }
}

fn text_value(text: String) -> Value {
    if text.is_empty() { Value::Null } else { Value::Text(text) }
}

fn list_value(items: Vec<String>) -> Value {
    if items.is_empty() { Value::Null } else { Value::List(items) }
}
