//! Requests about tabs, and about the spreadsheet itself.

use chrono_tz::Tz;
use serde_json::{Value as Json, json};

use super::super::{
    a1::MAX_COLUMNS,
    cell::Entered,
    errors::{Answer, ApiError},
    mask::Mask,
    numbers,
    sheet::{DEFAULT_SIZE, Sheet},
    spreadsheet::{MAX_CELLS, Spreadsheet},
};
use super::{Fields, mask_of, object};

/// Longest title, in characters.
const MAX_TITLE: usize = 100;

/// Most tabs of a spreadsheet.
const MAX_SHEETS: usize = 200;

/// Checks what a request wants of the spreadsheet's own properties.
///
/// # Errors
/// Fails on a time zone that nobody knows.
pub(in super::super) fn check_spreadsheet(properties: &Fields) -> Result<(), ApiError> {
    match properties.get("timeZone").and_then(Json::as_str) {
        Some(zone) if zone.parse::<Tz>().is_err() => Err(ApiError::invalid(format!("Invalid time zone: {zone}"))),
        _ => Ok(()),
    }
}

pub(super) fn update_spreadsheet(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let new = object(fields, "properties")?;
    check_spreadsheet(new)?;
    let mask = mask_of(fields, "properties", "SpreadsheetProperties")?;
    mask.update(&mut book.properties, new);
    Ok(Json::Null)
}

pub(super) fn add_sheet(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let empty = Fields::new();
    let properties = fields.get("properties").and_then(Json::as_object).unwrap_or(&empty);
    let index = add(book, properties, None)?;
    Ok(json!({ "properties": book.sheets[index].properties_json(index) }))
}

/// Adds a tab. Returns its position.
///
/// # Errors
/// Fails where the title or the id is taken, or the size is none.
pub(in super::super) fn add(
    book: &mut Spreadsheet,
    properties: &Fields,
    first_id: Option<i64>,
) -> Result<usize, ApiError> {
    if book.sheets.len() >= MAX_SHEETS {
        return Err(ApiError::invalid(format!("You can't have more than {MAX_SHEETS} sheets in a spreadsheet.")));
    }
    let title = match properties.get("title").and_then(Json::as_str) {
        Some(title) => title.to_owned(),
        None => free_title(book),
    };
    check_title(book, &title, None)?;
    let id = match properties.get("sheetId").and_then(numbers::integer) {
        Some(id) if book.sheet_index(id).is_some() => {
            return Err(ApiError::invalid(format!(
                "A sheet with the id {id} already exists. Please enter another id."
            )));
        }
        Some(id) => id,
        None => first_id.unwrap_or_else(|| book.free_id()),
    };
    let empty = Fields::new();
    let grid = properties.get("gridProperties").and_then(Json::as_object).unwrap_or(&empty);
    let size =
        |name: &str, default: usize| grid.get(name).and_then(numbers::index).filter(|it| *it > 0).unwrap_or(default);
    let size = (size("rowCount", DEFAULT_SIZE.0), size("columnCount", DEFAULT_SIZE.1));
    check_bounds(size)?;
    let mut sheet = Sheet::new(id, &title, size);
    set_extras(&mut sheet, properties);
    let at = properties.get("index").and_then(numbers::index).unwrap_or(book.sheets.len());
    let at = at.min(book.sheets.len());
    book.sheets.insert(at, sheet);
    Ok(at)
}

fn check_bounds((rows, columns): (usize, usize)) -> Result<(), ApiError> {
    if columns > MAX_COLUMNS || rows.saturating_mul(columns) > MAX_CELLS {
        return Err(ApiError::invalid(format!(
            "This action would increase the number of cells in the workbook above the limit of {MAX_CELLS} cells."
        )));
    }
    Ok(())
}

fn set_extras(sheet: &mut Sheet, properties: &Fields) {
    const OWN: [&str; 5] = ["sheetId", "title", "index", "sheetType", "gridProperties"];
    let is_said = |value: &Json| !matches!(value, Json::Bool(false) | Json::Null) && value.as_i64() != Some(0);
    let extras = properties.iter().filter(|(name, value)| !OWN.contains(&name.as_str()) && is_said(value));
    sheet.properties = extras.map(|(name, value)| (name.clone(), value.clone())).collect();
    let empty = Fields::new();
    let grid = properties.get("gridProperties").and_then(Json::as_object).unwrap_or(&empty);
    let extras =
        grid.iter().filter(|(name, value)| !matches!(name.as_str(), "rowCount" | "columnCount") && is_said(value));
    sheet.grid_properties = extras.map(|(name, value)| (name.clone(), value.clone())).collect();
}

fn free_title(book: &Spreadsheet) -> String {
    let title = |number: usize| format!("Sheet{number}");
    let free = (book.sheets.len() + 1..=2 * MAX_SHEETS + 1).map(title).find(|title| book.titled(title).is_none());
    free.unwrap_or_default()
}

fn check_title(book: &Spreadsheet, title: &str, own: Option<usize>) -> Result<(), ApiError> {
    if title.is_empty() || title.chars().count() > MAX_TITLE {
        return Err(ApiError::invalid(format!("The sheet name must have 1 to {MAX_TITLE} characters.")));
    }
    match book.titled(title) {
        Some(taken) if Some(taken) != own => {
            let taken = &book.sheets[taken].title;
            Err(ApiError::invalid(format!(
                "A sheet with the name \"{taken}\" already exists. Please enter another name."
            )))
        }
        _ => Ok(()),
    }
}

pub(super) fn delete(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let index = book.sheet_of(fields.get("sheetId"))?;
    let is_hidden = |sheet: &Sheet| sheet.properties.get("hidden") == Some(&Json::Bool(true));
    let others = book.sheets.iter().enumerate().filter(|(other, sheet)| *other != index && !is_hidden(sheet)).count();
    if others == 0 {
        return Err(ApiError::invalid("You can't remove all the visible sheets in a document."));
    }
    let gone = book.sheets.remove(index);
    let is_of = |range: &Json| range.get("sheetId").and_then(numbers::integer).unwrap_or(0) == gone.id;
    book.named.retain(|named| !is_of(&named["range"]));
    book.metadata.retain(|item| {
        let location = &item["location"];
        location["sheetId"] != gone.id && location["dimensionRange"]["sheetId"] != gone.id
    });
    Ok(Json::Null)
}

pub(super) fn duplicate(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let index = book.sheet_of(fields.get("sourceSheetId"))?;
    let mut sheet = book.sheets[index].clone();
    let title = fields.get("newSheetName").and_then(Json::as_str);
    if let Some(title) = title {
        check_title(book, title, None)?;
    }
    let title = title.map_or_else(|| copy_title(book, &sheet.title), str::to_owned);
    let at = fields.get("insertSheetIndex").and_then(numbers::index).unwrap_or(0);
    sheet.title = title;
    let id = fields.get("newSheetId").and_then(numbers::integer);
    let at = add_copy(book, sheet, at, id)?;
    Ok(json!({ "properties": book.sheets[at].properties_json(at) }))
}

/// Adds a copy of a tab with an id and, where its title is taken, a title of its own. Returns its position.
///
/// # Errors
/// Fails where the id is taken.
pub(in super::super) fn add_copy(
    book: &mut Spreadsheet,
    mut sheet: Sheet,
    at: usize,
    id: Option<i64>,
) -> Result<usize, ApiError> {
    if let Some(id) = id.filter(|id| book.sheet_index(*id).is_some()) {
        return Err(ApiError::invalid(format!("A sheet with the id {id} already exists. Please enter another id.")));
    }
    sheet.id = id.unwrap_or_else(|| book.free_id());
    if book.titled(&sheet.title).is_some() {
        sheet.title = copy_title(book, &sheet.title);
    }
    let new = sheet.id;
    for item in sheet.overlays.values_mut().flatten().chain(sheet.filter.as_mut()) {
        readdress(item, new);
        for name in ["protectedRangeId", "filterViewId", "bandedRangeId"] {
            if item.get(name).is_some() {
                item[name] = Json::from(book.free_id());
            }
        }
    }
    let at = at.min(book.sheets.len());
    book.sheets.insert(at, sheet);
    Ok(at)
}

/// Lets the ranges of a message lie on another tab.
fn readdress(json: &mut Json, sheet: i64) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| readdress(item, sheet)),
        Json::Object(fields) => {
            if fields.contains_key("startRowIndex") || fields.contains_key("sheetId") {
                fields.insert("sheetId".to_owned(), Json::from(sheet));
            }
            fields.values_mut().for_each(|value| readdress(value, sheet));
        }
        _ => {}
    }
}

fn copy_title(book: &Spreadsheet, title: &str) -> String {
    let first = format!("Copy of {title}");
    let numbered = (2..=MAX_SHEETS + 1).map(|number| format!("{first} {number}"));
    std::iter::once(first.clone()).chain(numbered).find(|title| book.titled(title).is_none()).unwrap_or_default()
}

pub(super) fn update(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let given = object(fields, "properties")?;
    let mask = mask_of(fields, "properties", "SheetProperties")?;
    let index = book.sheet_of(given.get("sheetId"))?;
    let title = given.get("title").and_then(Json::as_str).filter(|_| mask.wants("title"));
    if mask.wants("title") && title.is_none() && mask != Mask::All {
        return Err(ApiError::invalid("The sheet name must have 1 to 100 characters."));
    }
    if let Some(title) = title {
        check_title(book, title, Some(index))?;
        rename(book, index, title);
    }
    if let Some(grid_mask) = mask.of("gridProperties") {
        update_grid(book, index, given, grid_mask)?;
    }
    let mut extras = book.sheets[index].properties.clone();
    mask.update(&mut extras, given);
    extras.retain(|name, value| {
        !matches!(name.as_str(), "sheetId" | "title" | "index" | "sheetType" | "gridProperties")
            && *value != Json::Bool(false)
    });
    book.sheets[index].properties = extras;
    if let Some(at) = given.get("index").and_then(numbers::index).filter(|_| mask.wants("index")) {
        // The position counts before the tab is taken from its place.
        let at = if at > index { at - 1 } else { at };
        let sheet = book.sheets.remove(index);
        book.sheets.insert(at.min(book.sheets.len()), sheet);
    }
    Ok(Json::Null)
}

fn update_grid(book: &mut Spreadsheet, index: usize, given: &Fields, mask: &Mask) -> Result<(), ApiError> {
    let empty = Fields::new();
    let grid = given.get("gridProperties").and_then(Json::as_object).unwrap_or(&empty);
    let sheet = &mut book.sheets[index];
    let size = |name: &str, old: usize| {
        if mask.wants(name) {
            grid.get(name).and_then(numbers::index).or((*mask == Mask::All).then_some(old)).unwrap_or(0)
        } else {
            old
        }
    };
    let rows = size("rowCount", sheet.grid.row_count());
    let columns = size("columnCount", sheet.grid.column_count());
    if rows == 0 || columns == 0 {
        return Err(ApiError::invalid("A sheet must have at least one row and one column."));
    }
    check_bounds((rows, columns))?;
    sheet.grid.resize(rows, columns);
    let mut extras = sheet.grid_properties.clone();
    mask.update(&mut extras, grid);
    let is_own = |name: &str| matches!(name, "rowCount" | "columnCount");
    extras.retain(|name, value| !is_own(name) && *value != Json::Bool(false) && value.as_i64() != Some(0));
    let frozen = |name: &str| extras.get(name).and_then(numbers::index).unwrap_or(0);
    if frozen("frozenRowCount") >= rows.max(2) || frozen("frozenColumnCount") >= columns.max(2) {
        return Err(ApiError::invalid("You can't freeze all visible rows or columns of the sheet."));
    }
    sheet.grid_properties = extras;
    Ok(())
}

/// Gives a tab another title; formulas follow.
pub(in super::super) fn rename(book: &mut Spreadsheet, index: usize, title: &str) {
    let old = std::mem::replace(&mut book.sheets[index].title, title.to_owned());
    for sheet in &mut book.sheets {
        for row in 0..sheet.grid.kept_rows() {
            let speaks =
                |entered: &Entered| matches!(entered, Entered::Formula(formula) if formula.speaks_of(false, &old));
            if !sheet.grid.row(row).iter().any(|cell| speaks(&cell.entered)) {
                continue;
            }
            for cell in sheet.grid.row_mut(row) {
                if let Entered::Formula(formula) = &cell.entered
                    && let Some(changed) = formula.renamed(&old, title)
                {
                    cell.entered = Entered::Formula(changed.into());
                }
            }
        }
    }
}
