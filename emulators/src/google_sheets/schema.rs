//! The messages of the API: which keys a body and a field mask may have, and of what type.
//!
//! Google refuses a key that it does not know, so the local sheet does, too.

use std::{collections::HashMap, fmt::Write as _, sync::OnceLock};

use serde_json::Value as Json;

use super::{errors::ApiError, numbers};

type Message = HashMap<&'static str, &'static str>;

/// Returns the fields of a message with their types.
fn message(name: &str) -> Option<&'static Message> {
    static MESSAGES: OnceLock<HashMap<&'static str, Message>> = OnceLock::new();
    MESSAGES.get_or_init(read).get(name)
}

fn read() -> HashMap<&'static str, Message> {
    let mut messages: HashMap<&'static str, Message> = HashMap::new();
    let mut current = "";
    for line in include_str!("schema.txt").lines().filter(|line| !line.starts_with('#')) {
        if let Some((field, kind)) = line.strip_prefix("  ").and_then(|field| field.split_once(' ')) {
            messages.entry(current).or_default().insert(field, kind);
        } else {
            current = line;
            messages.entry(current).or_default();
        }
    }
    messages
}

/// Checks a body against a message. `path` is what Google calls the body's place, empty for the whole.
///
/// # Errors
/// Fails on the first key that is not known and on the first value of another type.
pub(super) fn check(body: &Json, name: &str, path: &str) -> Result<(), ApiError> {
    let (Json::Object(fields), Some(known)) = (body, message(name)) else {
        let kind = format!("type.googleapis.com/google.apps.sheets.v4.{name}");
        return if body.is_object() { Ok(()) } else { Err(invalid(path, &kind, body)) };
    };
    for (key, value) in fields {
        // Requests may also use the name of the protocol buffer: `sheet_id`.
        let Some(kind) = known.get(key.as_str()).or_else(|| known.get(camel(key).as_str())) else {
            let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
            let text = format!("Invalid JSON payload received. Unknown name \"{key}\"{place}: Cannot find field.");
            return Err(ApiError::violation(path, &text));
        };
        let dot = if path.is_empty() { "" } else { "." };
        check_value(value, kind, &format!("{path}{dot}{}", snake(key)))?;
    }
    Ok(())
}

fn check_value(value: &Json, kind: &str, path: &str) -> Result<(), ApiError> {
    if value.is_null() {
        return Ok(());
    }
    if let Some(item) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        let items = match value {
            Json::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        return items.iter().enumerate().try_for_each(|(index, one)| {
            // Where a list of lists is due, Google names the list itself.
            let place = if item.starts_with('[') { path.to_owned() } else { format!("{path}[{index}]") };
            check_item(one, item, &place)
        });
    }
    let is_right = match kind {
        "any" | "map" => true,
        "string" => value.is_string(),
        "bool" => value.is_boolean() || matches!(value.as_str(), Some("true" | "false")),
        "int32" => numbers::integer(value).is_some_and(|number| i32::try_from(number).is_ok()),
        "int64" => numbers::integer(value).is_some(),
        "double" | "float" => value.is_number() || value.as_str().is_some_and(|text| text.parse::<f64>().is_ok()),
        values if values.contains('|') => match value {
            Json::String(name) => values.split('|').any(|known| known == name),
            other => other.is_u64(),
        },
        name => return check(value, name, path),
    };
    if is_right { Ok(()) } else { Err(invalid(path, &type_name(kind, path), value)) }
}

fn check_item(value: &Json, kind: &str, path: &str) -> Result<(), ApiError> {
    if kind.starts_with('[') && !value.is_array() {
        return Err(invalid(path, "type.googleapis.com/google.protobuf.ListValue", value));
    }
    if kind.starts_with('[') { Ok(()) } else { check_value(value, kind, path) }
}

fn type_name(kind: &str, path: &str) -> String {
    match kind {
        "string" => "TYPE_STRING".to_owned(),
        "bool" => "TYPE_BOOL".to_owned(),
        "int32" => "TYPE_INT32".to_owned(),
        "int64" => "TYPE_INT64".to_owned(),
        "double" | "float" => format!("TYPE_{}", kind.to_uppercase()),
        _ => {
            let field = path.rsplit('.').next().unwrap_or_default();
            let field = field.split('[').next().unwrap_or_default();
            let words = field.split('_').map(capitalised).collect::<String>();
            format!("type.googleapis.com/google.apps.sheets.v4.{words}")
        }
    }
}

/// Refuses a value of another type than its field's.
pub(super) fn invalid(path: &str, kind: &str, value: &Json) -> ApiError {
    ApiError::violation(path, &format!("Invalid value at '{path}' ({kind}), {value}"))
}

/// Tells whether a path such as `sheets.properties.title` leads to a field of a message. A star is any field.
pub(super) fn has_path<'path>(name: &str, mut path: impl Iterator<Item = &'path str>) -> bool {
    let Some(step) = path.next() else { return true };
    if step == "*" {
        return true;
    }
    let Some(known) = message(name) else { return true };
    match known.get(step).or_else(|| known.get(camel(step).as_str())) {
        Some(kind) => {
            let inner = kind.trim_matches(|it| it == '[' || it == ']');
            message(inner).is_none() && path.next().is_none() || message(inner).is_some() && has_path(inner, path)
        }
        None => false,
    }
}

/// Returns a name in camel case: `sheet_id` is `sheetId`.
pub(super) fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &capitalised(word))
}

fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii_uppercase() {
            let _ = write!(text, "_{}", letter.to_ascii_lowercase());
        } else {
            text.push(letter);
        }
        text
    })
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Rewrites the keys of a body that use the name of the protocol buffer.
pub(super) fn normalize(body: Json) -> Json {
    match body {
        Json::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            Json::Object(fields.map(|(key, value)| (camel(&key), normalize(value))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(normalize).collect()),
        other => other,
    }
}
