//! Requests about protected ranges.

use serde_json::{Value as Json, json};

use super::super::{
    account::Moment,
    errors::{Answer, ApiError},
    numbers,
    protection::may_edit,
    spreadsheet::{Role, Spreadsheet},
};
use super::{Fields, mask_of, object, shown_range};

const OVERLAY: &str = "protectedRanges";

/// Completes a protected range for the one who set it up: they and the owner may edit it.
fn completed(book: &Spreadsheet, protected: &mut Fields, moment: &Moment) {
    let is_warning = protected.get("warningOnly") == Some(&Json::Bool(true));
    protected.retain(|name, value| {
        name != "requestingUserCanEdit" && *value != Json::Bool(false) && value.as_str() != Some("")
    });
    if let Some(range) = protected.get("range").map(shown_range) {
        protected.insert("range".to_owned(), range);
    }
    protected.insert("requestingUserCanEdit".to_owned(), Json::Bool(true));
    if is_warning {
        protected.insert("editors".to_owned(), json!({}));
        return;
    }
    let mut editors = protected.get("editors").cloned().unwrap_or_else(|| json!({}));
    let mut users: Vec<Json> = editors["users"].as_array().cloned().unwrap_or_default();
    let owners = book.roles.iter().filter(|(_, role)| *role == Role::Owner).map(|(user, _)| user.clone());
    for user in owners.chain([moment.user.clone()]) {
        if !users.iter().any(|known| *known == user) {
            users.push(Json::from(user));
        }
    }
    editors["users"] = Json::Array(users);
    protected.insert("editors".to_owned(), editors);
}

/// Finds the tab of a protected range: of its range, or of the named range that it is.
fn sheet_of(book: &Spreadsheet, protected: &mut Fields) -> Result<usize, ApiError> {
    if let Some(id) = protected.get("namedRangeId").and_then(Json::as_str) {
        let named = book.named.iter().find(|range| range["namedRangeId"] == id);
        let named = named.ok_or_else(|| ApiError::invalid(format!("No named range with id: {id}")))?;
        protected.insert("range".to_owned(), named["range"].clone());
    }
    let range = protected.get("range").ok_or_else(|| ApiError::invalid("range is missing"))?;
    Ok(book.grid_range(range)?.sheet)
}

pub(super) fn add(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let mut protected = object(fields, "protectedRange")?.clone();
    let sheet = sheet_of(book, &mut protected)?;
    completed(book, &mut protected, moment);
    let id = protected.get("protectedRangeId").and_then(numbers::integer).unwrap_or_else(|| book.free_id());
    if find(book, id).is_some() {
        return Err(ApiError::invalid(format!("A protected range with the id {id} already exists.")));
    }
    protected.insert("protectedRangeId".to_owned(), Json::from(id));
    book.sheets[sheet].overlay_mut(OVERLAY).push(Json::Object(protected.clone()));
    Ok(json!({ "protectedRange": protected }))
}

fn find(book: &Spreadsheet, id: i64) -> Option<(usize, usize)> {
    book.sheets.iter().enumerate().find_map(|(sheet, found)| {
        let index = found.overlay(OVERLAY).iter().position(|item| item["protectedRangeId"] == id)?;
        Some((sheet, index))
    })
}

fn found(book: &Spreadsheet, id: Option<&Json>, moment: &Moment) -> Result<(usize, usize), ApiError> {
    let id = id.and_then(numbers::integer).unwrap_or(0);
    let place = find(book, id).ok_or_else(|| ApiError::invalid(format!("No protected range with id: {id}")))?;
    let (sheet, index) = place;
    let is_owner = book.role_of(&moment.user) == Some(Role::Owner) && !book.roles.is_empty();
    let is_allowed = is_owner || may_edit(&book.sheets[sheet].overlay(OVERLAY)[index], &moment.user);
    if is_allowed { Ok(place) } else { Err(ApiError::protected()) }
}

pub(super) fn update(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let given = object(fields, "protectedRange")?;
    let mask = mask_of(fields, "protectedRange", "ProtectedRange")?;
    let (sheet, index) = found(book, given.get("protectedRangeId"), moment)?;
    let mut protected = book.sheets[sheet].overlay(OVERLAY)[index].as_object().cloned().unwrap_or_default();
    let id = protected["protectedRangeId"].clone();
    mask.update(&mut protected, given);
    protected.insert("protectedRangeId".to_owned(), id);
    let new_sheet = sheet_of(book, &mut protected)?;
    completed(book, &mut protected, moment);
    book.sheets[sheet].overlay_mut(OVERLAY).remove(index);
    book.sheets[new_sheet].overlay_mut(OVERLAY).push(Json::Object(protected));
    Ok(Json::Null)
}

pub(super) fn delete(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let (sheet, index) = found(book, fields.get("protectedRangeId"), moment)?;
    book.sheets[sheet].overlay_mut(OVERLAY).remove(index);
    Ok(Json::Null)
}
