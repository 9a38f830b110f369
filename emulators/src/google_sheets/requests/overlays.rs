//! Requests about filters, bandings, tables and conditional formats: kept and shown, not applied.

use serde_json::{Value as Json, json};

use super::super::{
    errors::{Answer, ApiError},
    numbers,
    spreadsheet::Spreadsheet,
};
use super::{Fields, mask_of, object};

/// A kind of thing that lies over a tab's cells.
pub(super) struct Overlay {
    /// Its name in a request: `filter`, `bandedRange`.
    field: &'static str,
    /// Its list in a `Sheet`.
    list: &'static str,
    /// The field of its id.
    id: &'static str,
    /// The field of its id in the request that deletes it.
    deleted: &'static str,
    message: &'static str,
    /// Whether the id is a text.
    is_text: bool,
}

pub(super) const FILTER_VIEW: Overlay = Overlay {
    field: "filter",
    list: "filterViews",
    id: "filterViewId",
    deleted: "filterId",
    message: "FilterView",
    is_text: false,
};

pub(super) const BANDING: Overlay = Overlay {
    field: "bandedRange",
    list: "bandedRanges",
    id: "bandedRangeId",
    deleted: "bandedRangeId",
    message: "BandedRange",
    is_text: false,
};

pub(super) const TABLE: Overlay =
    Overlay { field: "table", list: "tables", id: "tableId", deleted: "tableId", message: "Table", is_text: true };

fn no_such(overlay: &Overlay, id: &Json) -> ApiError {
    ApiError::invalid(format!("No {} with id: {id}", overlay.field))
}

fn find(book: &Spreadsheet, overlay: &Overlay, id: &Json) -> Option<(usize, usize)> {
    book.sheets.iter().enumerate().find_map(|(sheet, found)| {
        let index = found.overlay(overlay.list).iter().position(|item| item[overlay.id] == *id)?;
        Some((sheet, index))
    })
}

pub(super) fn add(book: &mut Spreadsheet, fields: &Fields, overlay: &Overlay) -> Answer {
    let mut made = object(fields, overlay.field)?.clone();
    let range = made.get("range").ok_or_else(|| ApiError::invalid("range is missing"))?;
    let sheet = book.grid_range(range)?.sheet;
    if !made.contains_key(overlay.id) {
        let id = book.free_id();
        made.insert(overlay.id.to_owned(), if overlay.is_text { Json::from(id.to_string()) } else { Json::from(id) });
    }
    book.sheets[sheet].overlay_mut(overlay.list).push(Json::Object(made.clone()));
    Ok(json!({ overlay.field: made }))
}

pub(super) fn update(book: &mut Spreadsheet, fields: &Fields, overlay: &Overlay) -> Answer {
    let given = object(fields, overlay.field)?;
    let mask = mask_of(fields, overlay.field, overlay.message)?;
    let id = given.get(overlay.id).cloned().unwrap_or_default();
    let (sheet, index) = find(book, overlay, &id).ok_or_else(|| no_such(overlay, &id))?;
    if let Some(item) = book.sheets[sheet].overlay_mut(overlay.list)[index].as_object_mut() {
        mask.update(item, given);
        item.insert(overlay.id.to_owned(), id);
    }
    Ok(Json::Null)
}

pub(super) fn delete(book: &mut Spreadsheet, fields: &Fields, overlay: &Overlay) -> Answer {
    let id = fields.get(overlay.deleted).cloned().unwrap_or_default();
    let (sheet, index) = find(book, overlay, &id).ok_or_else(|| no_such(overlay, &id))?;
    book.sheets[sheet].overlay_mut(overlay.list).remove(index);
    Ok(Json::Null)
}

pub(super) fn set_filter(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let filter = object(fields, "filter")?;
    let range = filter.get("range").ok_or_else(|| ApiError::invalid("range is missing"))?;
    let sheet = book.grid_range(range)?.sheet;
    book.sheets[sheet].filter = Some(Json::Object(filter.clone()));
    Ok(Json::Null)
}

pub(super) fn clear_filter(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let sheet = book.sheet_of(fields.get("sheetId"))?;
    book.sheets[sheet].filter = None;
    Ok(Json::Null)
}

const RULES: &str = "conditionalFormats";

pub(super) fn add_rule(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let rule = object(fields, "rule")?.clone();
    let first = rule.get("ranges").and_then(|ranges| ranges.get(0));
    let first = first.ok_or_else(|| ApiError::invalid("ranges are missing"))?;
    let sheet = book.grid_range(first)?.sheet;
    let rules = book.sheets[sheet].overlay_mut(RULES);
    let at = fields.get("index").and_then(numbers::index).unwrap_or(0).min(rules.len());
    rules.insert(at, Json::Object(rule));
    Ok(Json::Null)
}

fn rule_of(book: &Spreadsheet, fields: &Fields) -> Result<(usize, usize), ApiError> {
    let range = fields.get("rule").and_then(|rule| rule.get("ranges")).and_then(|ranges| ranges.get(0));
    let sheet = match (fields.get("sheetId"), range) {
        (None, Some(range)) => book.grid_range(range)?.sheet,
        (id, _) => book.sheet_of(id)?,
    };
    let index = fields.get("index").and_then(numbers::index).unwrap_or(0);
    if index < book.sheets[sheet].overlay(RULES).len() {
        Ok((sheet, index))
    } else {
        Err(ApiError::invalid(format!("No conditional format on sheet: {} at index: {index}", book.sheets[sheet].id)))
    }
}

pub(super) fn update_rule(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let (sheet, index) = rule_of(book, fields)?;
    let rules = book.sheets[sheet].overlay_mut(RULES);
    let old = rules[index].clone();
    if let Some(rule) = fields.get("rule") {
        rules[index] = rule.clone();
        return Ok(json!({ "oldRule": old, "oldIndex": index, "newRule": rule, "newIndex": index }));
    }
    let to = fields.get("newIndex").and_then(numbers::index).unwrap_or(0).min(rules.len() - 1);
    let rule = rules.remove(index);
    rules.insert(to, rule);
    Ok(json!({ "oldRule": old, "oldIndex": index, "newRule": old, "newIndex": to }))
}

pub(super) fn delete_rule(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let (sheet, index) = rule_of(book, fields)?;
    let rule = book.sheets[sheet].overlay_mut(RULES).remove(index);
    Ok(json!({ "rule": rule }))
}
