//! From the vendor's values to ours. Types are those that the field is described with; what does not fit rejects the record.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::Value as Json;

use crate::model::{Value, exact_integer, exact_number};

use super::{super::client::Raw, Column, Kind, Names, ObjectInfo, Part, Property};

/// Says that a value is none of its field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Misfit {
    /// A stable word.
    pub(in super::super) code: &'static str,
    /// The reason, for a person.
    pub(in super::super) reason: String,
}

/// Decodes a column of a record in the form of version 2; what is absent is null.
pub(in super::super) fn decode(
    info: &ObjectInfo,
    column: &Column,
    record: &Raw,
    names: &Names,
) -> Result<Value, Misfit> {
    let property = info.property(column);
    let json = if property.is_custom {
        record.get("custom_fields").and_then(|custom| custom.get(&property.code))
    } else {
        record.get(&property.code)
    };
    let Some(json) = json.filter(|json| !json.is_null()) else { return Ok(Value::Null) };
    match column.part {
        Part::Whole => whole(property, json, names),
        Part::Of(part) => of_part(property.kind, part, json),
        Part::Primary => Ok(first(contacts(json), |one| one["primary"] == true).map_or(Value::Null, Value::Text)),
        Part::Labelled(label) => Ok(labelled(json, label).map_or(Value::Null, Value::Text)),
        Part::All => {
            let all: Vec<String> = contacts(json).filter_map(|one| filled(&one["value"])).collect();
            Ok(if all.is_empty() { Value::Null } else { Value::List(all) })
        }
    }
}

/// Returns the e-mail addresses or phone numbers of a person.
fn contacts(json: &Json) -> impl Iterator<Item = &Json> + Clone {
    json.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// Returns the primary one, or the first where none is marked.
fn first<'json>(mut all: impl Iterator<Item = &'json Json> + Clone, is: impl Fn(&Json) -> bool) -> Option<String> {
    let mut marked = all.clone().filter(|one| is(one));
    marked.next().or_else(|| all.next()).and_then(|one| filled(&one["value"]))
}

fn labelled(json: &Json, label: &str) -> Option<String> {
    let mut all = contacts(json).filter(|one| one["label"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(label)));
    all.find_map(|one| filled(&one["value"]))
}

fn filled(json: &Json) -> Option<String> {
    json.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn whole(property: &Property, json: &Json, names: &Names) -> Result<Value, Misfit> {
    match property.kind {
        Kind::Integer => integer(json),
        Kind::Number => number(json),
        Kind::Boolean => boolean(json),
        Kind::Date => date(json),
        Kind::Moment => match json.as_str() {
            Some("") => Ok(Value::Null),
            text => text.and_then(moment).map(Value::DateTime).ok_or_else(|| misfit("not_a_moment", "it is no time")),
        },
        Kind::Option => match scalar(json).as_deref() {
            None | Some("") => Ok(Value::Null),
            Some(_) => option(property, json).map(Value::Text),
        },
        Kind::Set => set(property, json),
        Kind::User => Ok(id(json).map_or(Value::Null, |id| Value::Text(names.user(&id)))),
        Kind::Pipeline => Ok(id(json).map_or(Value::Null, |id| Value::Text(names.pipeline(&id)))),
        Kind::Stage => Ok(id(json).map_or(Value::Null, |id| Value::Text(names.stage(&id)))),
        Kind::Link(_) => Ok(id(json).map_or(Value::Null, |id| Value::List(vec![id]))),
        Kind::People => {
            let ids: Vec<String> = contacts(json).filter_map(|one| id(&one["person_id"])).collect();
            Ok(if ids.is_empty() { Value::Null } else { Value::List(ids) })
        }
        Kind::Json => Ok(Value::Text(json.to_string())),
        Kind::Text
        | Kind::LongText
        | Kind::Clock
        | Kind::Money
        | Kind::LeadValue
        | Kind::Prices
        | Kind::DateRange
        | Kind::Time
        | Kind::TimeRange
        | Kind::Address
        | Kind::Contacts => text(json),
    }
}

fn of_part(kind: Kind, part: &str, json: &Json) -> Result<Value, Misfit> {
    let json = match (kind, json) {
        (Kind::Prices, prices) => prices.get(0).map_or(&Json::Null, |price| &price[part]),
        (_, Json::Object(whole)) => whole.get(part).unwrap_or(&Json::Null),
        // A value without parts is the main one.
        (_, main) if kind.parts().first().is_some_and(|(name, _)| *name == part) => main,
        _ => &Json::Null,
    };
    if json.is_null() {
        return Ok(Value::Null);
    }
    match (kind, part) {
        (Kind::Money | Kind::LeadValue, "value" | "amount") | (Kind::Prices, "price" | "cost") => number(json),
        (Kind::DateRange, _) => date(json),
        _ => text(json),
    }
}

fn misfit(code: &'static str, reason: &str) -> Misfit {
    Misfit { code, reason: reason.to_owned() }
}

/// Returns the text of a text, number or truth value.
fn scalar(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(json.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn text(json: &Json) -> Result<Value, Misfit> {
    match scalar(json) {
        Some(text) if text.is_empty() => Ok(Value::Null),
        Some(text) => Ok(Value::Text(text)),
        None => Err(misfit("not_a_text", "it is no text")),
    }
}

fn number(json: &Json) -> Result<Value, Misfit> {
    match scalar(json) {
        Some(text) if text.is_empty() => Ok(Value::Null),
        Some(text) => exact_number(&text).map(Value::Number).ok_or_else(|| misfit("not_a_number", "it is no number")),
        None => Err(misfit("not_a_number", "it is no number")),
    }
}

fn integer(json: &Json) -> Result<Value, Misfit> {
    match scalar(json) {
        Some(text) if text.is_empty() => Ok(Value::Null),
        Some(text) => {
            exact_integer(&text).map(Value::Integer).ok_or_else(|| misfit("not_an_integer", "it is no whole number"))
        }
        None => Err(misfit("not_an_integer", "it is no whole number")),
    }
}

fn boolean(json: &Json) -> Result<Value, Misfit> {
    match scalar(json).as_deref() {
        Some("") => Ok(Value::Null),
        Some("true" | "1") => Ok(Value::Boolean(true)),
        Some("false" | "0") => Ok(Value::Boolean(false)),
        _ => Err(misfit("not_a_boolean", "it is neither true nor false")),
    }
}

fn date(json: &Json) -> Result<Value, Misfit> {
    match json.as_str() {
        Some("") => Ok(Value::Null),
        Some(text) => {
            let day: Option<NaiveDate> = text.get(..10).and_then(|day| day.parse().ok());
            day.map(Value::Date).ok_or_else(|| misfit("not_a_date", "it is no date"))
        }
        None => Err(misfit("not_a_date", "it is no date")),
    }
}

/// Reads a time: with a zone as version 2 writes it, or without one, in UTC, as version 1 does.
pub(in super::super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc());
    zoned.or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().map(|plain| plain.and_utc()))
}

fn option(property: &Property, id: &Json) -> Result<String, Misfit> {
    // With labels asked for, an option is an object.
    let id = id.get("id").unwrap_or(id);
    property.options.name_of(id).ok_or_else(|| Misfit {
        code: "unknown_option",
        reason: format!("`{}` has no option {id} any more", property.shown()),
    })
}

fn set(property: &Property, json: &Json) -> Result<Value, Misfit> {
    let ids: Vec<Json> = match json {
        Json::Array(ids) => ids.clone(),
        Json::String(text) => text.split(',').filter(|id| !id.trim().is_empty()).map(|id| id.trim().into()).collect(),
        one => vec![one.clone()],
    };
    let names: Vec<String> = ids.iter().map(|id| option(property, id)).collect::<Result<_, _>>()?;
    Ok(if names.is_empty() { Value::Null } else { Value::List(names) })
}

/// Returns an id, which version 1 may write inside a brief record.
fn id(json: &Json) -> Option<String> {
    let inner = json.get("value").or_else(|| json.get("id")).unwrap_or(json);
    scalar(inner).filter(|id| !id.is_empty())
}
