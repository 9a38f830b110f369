//! Requests about named ranges.

use serde_json::{Value as Json, json};

use super::super::{
    a1,
    errors::{Answer, ApiError},
    spreadsheet::Spreadsheet,
};
use super::{Fields, mask_of, object, shown_range};

fn check_name(book: &Spreadsheet, name: &str, own: Option<&str>) -> Result<(), ApiError> {
    let is_word = |it: char| it.is_alphanumeric() || it == '_' || it == '.';
    let is_name = name.starts_with(|it: char| it.is_alphabetic() || it == '_')
        && name.chars().all(is_word)
        && a1::cells(name).is_none()
        && !name.eq_ignore_ascii_case("true")
        && !name.eq_ignore_ascii_case("false");
    if !is_name {
        return Err(ApiError::invalid(format!("The name \"{name}\" is not valid for a named range.")));
    }
    let is_taken = |range: &Json| {
        range["name"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(name)) && range["namedRangeId"].as_str() != own
    };
    if book.named.iter().any(is_taken) {
        return Err(ApiError::invalid(format!("A named range with the name \"{name}\" already exists.")));
    }
    Ok(())
}

/// Adds a named range. Returns the reply.
///
/// # Errors
/// Fails where the name is none or taken, or the range is none.
pub(in super::super) fn add(book: &mut Spreadsheet, given: &Json) -> Answer {
    let name = given["name"].as_str().unwrap_or_default().to_owned();
    check_name(book, &name, None)?;
    super::area(book, given.get("range"))?;
    let id = match given["namedRangeId"].as_str().filter(|id| !id.is_empty()) {
        Some(id) if book.named.iter().any(|range| range["namedRangeId"] == id) => {
            return Err(ApiError::invalid(format!("A named range with the id {id} already exists.")));
        }
        Some(id) => id.to_owned(),
        None => book.free_id().to_string(),
    };
    let made = json!({ "namedRangeId": id, "name": name, "range": shown_range(&given["range"]) });
    book.named.push(made.clone());
    Ok(json!({ "namedRange": made }))
}

pub(super) fn update(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let given = object(fields, "namedRange")?;
    let mask = mask_of(fields, "namedRange", "NamedRange")?;
    let id = given.get("namedRangeId").and_then(Json::as_str).unwrap_or_default();
    let found = book.named.iter().position(|range| range["namedRangeId"] == id);
    let found = found.ok_or_else(|| ApiError::invalid(format!("No named range with id: {id}")))?;
    if mask.wants("name") {
        check_name(book, given.get("name").and_then(Json::as_str).unwrap_or_default(), Some(id))?;
    }
    if mask.wants("range") {
        super::area(book, given.get("range"))?;
    }
    if let Some(named) = book.named[found].as_object_mut() {
        mask.update(named, given);
        named.insert("namedRangeId".to_owned(), Json::from(id));
        if let Some(range) = named.get("range").map(shown_range) {
            named.insert("range".to_owned(), range);
        }
    }
    Ok(Json::Null)
}

pub(super) fn delete(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let id = fields.get("namedRangeId").and_then(Json::as_str).unwrap_or_default();
    let found = book.named.iter().position(|range| range["namedRangeId"] == id);
    let found = found.ok_or_else(|| ApiError::invalid(format!("No named range with id: {id}")))?;
    book.named.remove(found);
    Ok(Json::Null)
}
