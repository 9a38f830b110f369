//! What a refusal says of the one record that was sent.

use crate::model::{FieldName, Rejection, Value};

use super::{
    super::{errors::ApiError, schema::Table},
    sent::Sent,
};

/// Tells whether an error about a record that does not exist means the record that was addressed, not one it links to.
pub(super) fn is_about(error: &ApiError, id: Option<&str>) -> bool {
    let Some(id) = id else { return false };
    let message = error.message.as_deref().unwrap_or_default();
    let words = message.split(|letter: char| !letter.is_ascii_alphanumeric());
    // An id is `rec` with letters of both cases and digits behind it; `record` is none.
    let is_id = |word: &&str| {
        word.strip_prefix("rec").is_some_and(|rest| rest.contains(|letter: char| !letter.is_ascii_lowercase()))
    };
    let mut named = words.filter(is_id).peekable();
    named.peek().is_none() || named.any(|word| word == id)
}

/// Puts a refusal into a rejection, with the field and value that its message names.
pub(super) fn rejection(table: &Table, sent: &Sent<'_>, error: &ApiError) -> Rejection {
    let message = error.message.clone().unwrap_or_else(|| format!("Airtable gives no reason ({})", error.status));
    let blamed = blamed_field(table, sent, error, &message);
    let rejection = Rejection::new(error.code.clone(), message);
    match blamed {
        Some((name, value)) => rejection.at(name.as_str(), value.to_text()),
        None => rejection,
    }
}

fn blamed_field<'batch>(
    table: &Table,
    sent: &'batch Sent<'_>,
    error: &ApiError,
    message: &str,
) -> Option<(&'batch FieldName, &'batch Value)> {
    let fields = &sent.record.fields;
    if let Some(name) = quoted_after(message, "Field ") {
        // Fields were sent by their ids; Airtable may answer with either.
        let name = table.field(name).map_or(name, |field| &field.name);
        return fields.get_key_value(name);
    }
    let holds = |text: &str, value: &Value| match value {
        Value::Text(own) => own == text,
        Value::List(items) => items.iter().any(|item| item == text),
        _ => false,
    };
    if error.code == "INVALID_MULTIPLE_CHOICE_OPTIONS" {
        let option = message.split_once('"')?.1.trim_end_matches('.').trim_matches('"');
        return fields.iter().find(|(_, value)| holds(option, value));
    }
    if error.code == "ROW_DOES_NOT_EXIST" {
        let id = message.split_whitespace().find(|word| word.starts_with("rec"))?;
        return fields.iter().find(|(_, value)| holds(id, value));
    }
    None
}

fn quoted_after<'text>(message: &'text str, before: &str) -> Option<&'text str> {
    let rest = message.split_once(before)?.1.strip_prefix('"')?;
    // A field's name may itself hold quotes: the last one before the verdict ends it.
    let end = rest.find("\" cannot").or_else(|| rest.find('"'))?;
    rest.get(..end)
}
