//! What a field takes: the text to keep of what a client sent, or what is wrong with it.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value as Json;

use super::{
    catalog::{Field, FieldSpec, FieldType},
    errors::Problem,
    time::{datetime, read_date, read_datetime, read_time},
};

/// A value as a client sends it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sent<'a> {
    /// Of a JSON body.
    Json(&'a Json),
    /// Of a CSV cell; empty ones are never looked at.
    Text(&'a str),
}

/// Most characters of one value of a picklist that is not restricted.
const MAX_PICKED: u32 = 255;
/// What a CSV cell says to clear a field.
pub(super) const CLEAR: &str = "#N/A";

/// Returns the text to keep; an empty one clears the field. References are not looked up.
pub(super) fn canonical(field: &Field, sent: Sent<'_>) -> Result<String, Problem> {
    let spec = &field.spec;
    let text = match sent {
        Sent::Text(CLEAR) | Sent::Json(Json::Null) => return Ok(cleared(spec)),
        Sent::Text(text) => text.to_owned(),
        Sent::Json(Json::String(text)) => text.clone(),
        Sent::Json(Json::Bool(flag)) => flag.to_string(),
        Sent::Json(Json::Number(number)) => number.to_string(),
        Sent::Json(json @ (Json::Array(_) | Json::Object(_))) => return Err(unreadable(spec, sent, &token(json))),
    };
    let text = text.trim();
    if text.is_empty() {
        return Ok(cleared(spec));
    }
    kept(spec, text).map_err(|failure| match failure {
        Failure::Type => unreadable(spec, sent, text),
        Failure::Problem(problem) => problem,
    })
}

fn cleared(spec: &FieldSpec) -> String {
    if spec.kind == FieldType::Boolean { "false".to_owned() } else { String::new() }
}

enum Failure {
    /// The text is not of the type.
    Type,
    /// Something else is wrong with it.
    Problem(Problem),
}

fn kept(spec: &FieldSpec, text: &str) -> Result<String, Failure> {
    match spec.kind {
        FieldType::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok("true".to_owned()),
            "false" | "0" => Ok("false".to_owned()),
            _ => Err(Failure::Type),
        },
        FieldType::Int | FieldType::Double | FieldType::Currency | FieldType::Percent => number(spec, text),
        FieldType::Date => {
            let day = read_date(text).or_else(|| read_datetime(text).map(|time| datetime(time)[..10].to_owned()));
            day.ok_or(Failure::Type)
        }
        FieldType::Datetime => read_datetime(text).map(datetime).ok_or(Failure::Type),
        FieldType::Time => read_time(text).ok_or(Failure::Type),
        FieldType::Base64 => {
            let is_base64 = STANDARD.decode(text.replace(['\r', '\n'], "")).is_ok();
            if is_base64 { Ok(text.to_owned()) } else { Err(Failure::Type) }
        }
        FieldType::Id | FieldType::Reference | FieldType::Address | FieldType::Location | FieldType::Anytype => {
            Ok(text.to_owned())
        }
        FieldType::Picklist | FieldType::Multipicklist => picked(spec, text),
        FieldType::Email => email(spec, text),
        FieldType::String
        | FieldType::Textarea
        | FieldType::Phone
        | FieldType::Url
        | FieldType::Combobox
        | FieldType::Encryptedstring => within_length(spec, text),
    }
}

fn within_length(spec: &FieldSpec, text: &str) -> Result<String, Failure> {
    limited(spec, spec.length, text)
}

fn limited(spec: &FieldSpec, length: u32, text: &str) -> Result<String, Failure> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > 0 && text.chars().count() > length {
        let message = format!("{}: data value too large: {text} (max length={length})", spec.label);
        return Err(Failure::Problem(Problem::of_field("STRING_TOO_LONG", message, &spec.name)));
    }
    Ok(text.to_owned())
}

fn number(spec: &FieldSpec, text: &str) -> Result<String, Failure> {
    let number: f64 = text.parse().map_err(|_| Failure::Type)?;
    if !number.is_finite() {
        return Err(Failure::Type);
    }
    let outside = || {
        let message = format!("{}: value outside of valid range on numeric field: {text}", spec.label);
        Failure::Problem(Problem::of_field("NUMBER_OUTSIDE_VALID_RANGE", message, &spec.name))
    };
    if spec.kind == FieldType::Int {
        let is_whole = number.fract() == 0.0;
        let in_range = number.abs() <= f64::from(i32::MAX);
        return match (is_whole, in_range) {
            (true, true) => Ok(format!("{number:.0}")),
            (true, false) => Err(outside()),
            (false, _) => Err(Failure::Type),
        };
    }
    let digits = i32::try_from(spec.precision.saturating_sub(spec.scale)).unwrap_or(0);
    if number.abs() >= 10_f64.powi(digits) {
        return Err(outside());
    }
    // The API keeps what was sent: digits behind the point are for pages that people look at. Source: help article 000387302.
    let kept = number.to_string();
    Ok(if kept == "-0" { "0".to_owned() } else { kept })
}

fn picked(spec: &FieldSpec, text: &str) -> Result<String, Failure> {
    let is_multi = spec.kind == FieldType::Multipicklist;
    if !spec.restricted_picklist {
        let parts: Vec<&str> = text.split(';').map(str::trim).filter(|part| !part.is_empty()).collect();
        // Whatever their describe says, picklists take 255 characters: sample data of the vendor's own is longer than 40.
        let length = spec.length.max(MAX_PICKED);
        return limited(spec, length, &if is_multi { parts.join(";") } else { text.to_owned() });
    }
    let find = |part: &str| {
        let found =
            spec.picklist_values.iter().find(|picked| picked.value.eq_ignore_ascii_case(part) && picked.is_active);
        found.map(|picked| picked.value.clone()).ok_or_else(|| {
            let message = format!("{}: bad value for restricted picklist field: {part}", spec.label);
            Failure::Problem(Problem::of_field("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &spec.name))
        })
    };
    if !is_multi {
        return find(text);
    }
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    Ok(parts.map(find).collect::<Result<Vec<_>, _>>()?.join(";"))
}

fn email(spec: &FieldSpec, text: &str) -> Result<String, Failure> {
    let is_address = text.split_once('@').is_some_and(|(name, host)| {
        let is_host = host.split('.').count() > 1 && host.split('.').all(|part| !part.is_empty());
        !name.is_empty() && is_host && !text.contains(char::is_whitespace) && !host.contains('@')
    });
    if !is_address {
        let message = format!("{}: invalid email address: {text}", spec.label);
        return Err(Failure::Problem(Problem::of_field("INVALID_EMAIL_ADDRESS", message, &spec.name)));
    }
    within_length(spec, &text.to_lowercase())
}

/// Says that a value is not of the field's type, in the words of the API it came by.
fn unreadable(spec: &FieldSpec, sent: Sent<'_>, text: &str) -> Problem {
    match sent {
        Sent::Json(json) => {
            let kind = spec.kind.name();
            let what = token(json);
            let message = if json.is_array() || json.is_object() {
                format!("Cannot deserialize instance of {kind} from {what} value [line:1, column:1]")
            } else {
                format!(
                    "Cannot deserialize instance of {kind} from {what} value {text} or request may be missing a required \
                     field at [line:1, column:1]"
                )
            };
            Problem::parser(message)
        }
        Sent::Text(_) => {
            let message = format!("{}: value not of required type: {text}", spec.label);
            Problem::of_field("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &spec.name)
        }
    }
}

fn token(json: &Json) -> String {
    match json {
        Json::Null => "VALUE_NULL",
        Json::Bool(true) => "VALUE_TRUE",
        Json::Bool(false) => "VALUE_FALSE",
        Json::Number(number) if number.is_f64() => "VALUE_NUMBER_FLOAT",
        Json::Number(_) => "VALUE_NUMBER_INT",
        Json::String(_) => "VALUE_STRING",
        Json::Array(_) => "START_ARRAY",
        Json::Object(_) => "START_OBJECT",
    }
    .to_owned()
}

/// Shows a kept value in JSON.
pub(super) fn shown(kind: FieldType, value: &str) -> Json {
    match kind {
        FieldType::Boolean => Json::from(value == "true"),
        FieldType::Int => value.parse::<i64>().map_or(Json::Null, Json::from),
        FieldType::Double | FieldType::Currency | FieldType::Percent => {
            value.parse::<f64>().map_or(Json::Null, Json::from)
        }
        _ => Json::from(value),
    }
}
