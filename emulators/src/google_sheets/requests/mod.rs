//! `:batchUpdate`: the requests that clients use, all or none.

pub(super) mod cells;
pub(super) mod dimensions;
mod find;
mod groups;
mod layout;
pub(super) mod named;
mod overlays;
mod paste;
mod protect;
mod ranges;
pub(super) mod sort;
pub(super) mod tabs;

use serde_json::{Map, Value as Json, json};

use super::{
    account::Moment,
    errors::{Answer, ApiError},
    get,
    mask::Mask,
    metadata,
    request::Call,
    sheet::Area,
    spreadsheet::Spreadsheet,
    values::atomically,
};

/// The fields of a request.
pub(super) type Fields = Map<String, Json>;

/// Answers `:batchUpdate`.
pub(super) fn answer(book: &mut Spreadsheet, call: &Call, moment: &Moment) -> Answer {
    let body = call.message("BatchUpdateSpreadsheetRequest", "")?;
    let mask = call.mask("BatchUpdateSpreadsheetResponse")?;
    let requests = body.get("requests").and_then(Json::as_array).cloned().unwrap_or_default();
    if requests.is_empty() {
        return Err(ApiError::invalid("Must specify at least one request."));
    }
    let is_shown = body.get("includeSpreadsheetInResponse") == Some(&Json::Bool(true));
    let ranges = body.get("responseRanges").and_then(Json::as_array).into_iter().flatten();
    let ranges: Vec<&str> = ranges.filter_map(Json::as_str).filter(|_| is_shown).collect();
    // A range that is not there refuses the whole request: nothing is applied.
    let (replies, wanted) = atomically(book, moment, |book| {
        let replies = apply(book, &requests, moment)?;
        let mut wanted = Vec::new();
        for text in ranges {
            let located = book.locate(text)?;
            wanted.push((located.sheet, book.area(&located, text)?));
        }
        Ok((replies, wanted))
    })?;
    let mut answer = json!({ "spreadsheetId": book.id, "replies": replies });
    if is_shown {
        // With a mask, the mask alone says whether cells come along.
        let has_data = body.get("responseIncludeGridData") == Some(&Json::Bool(true));
        let shown = mask.of("updatedSpreadsheet").cloned().unwrap_or(Mask::All);
        answer["updatedSpreadsheet"] = get::show(book, &shown, (&wanted, has_data), moment);
    }
    Ok(mask.keep(answer))
}

/// Carries requests out, in order.
///
/// # Errors
/// Fails on the first that cannot be; the caller keeps nothing of the others then.
pub(super) fn apply(book: &mut Spreadsheet, requests: &[Json], moment: &Moment) -> Result<Vec<Json>, ApiError> {
    let mut replies = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let named = request.as_object().and_then(|request| request.iter().next());
        let Some((name, fields)) = named.filter(|_| request.as_object().is_some_and(|request| request.len() == 1))
        else {
            return Err(ApiError::invalid(format!("Invalid requests[{index}]: must have exactly one request")));
        };
        let empty = Map::new();
        let fields = fields.as_object().unwrap_or(&empty);
        let place = format!("Invalid requests[{index}].{name}: ");
        let reply = one(book, name, fields, moment).map_err(|error| error.prefixed(&place))?;
        book.check_size().map_err(|error| error.prefixed(&place))?;
        replies.push(if reply.is_null() { json!({}) } else { json!({ name: reply }) });
    }
    Ok(replies)
}

/// Carries one request out; the reply is null where there is nothing to say.
fn one(book: &mut Spreadsheet, name: &str, fields: &Fields, moment: &Moment) -> Answer {
    match name {
        "updateSpreadsheetProperties" => tabs::update_spreadsheet(book, fields),
        "addSheet" => tabs::add_sheet(book, fields),
        "deleteSheet" => tabs::delete(book, fields),
        "duplicateSheet" => tabs::duplicate(book, fields),
        "updateSheetProperties" => tabs::update(book, fields),
        "appendDimension" => dimensions::append(book, fields),
        "insertDimension" => dimensions::insert(book, fields),
        "deleteDimension" => dimensions::delete(book, fields, moment),
        "moveDimension" => dimensions::move_to(book, fields, moment),
        "updateDimensionProperties" => dimensions::update(book, fields),
        "autoResizeDimensions" => dimensions::auto_resize(book, fields),
        "addDimensionGroup" => groups::add(book, fields),
        "deleteDimensionGroup" => groups::delete(book, fields),
        "updateDimensionGroup" => groups::update(book, fields),
        "updateCells" => cells::update(book, fields, moment),
        "repeatCell" => cells::repeat(book, fields, moment),
        "appendCells" => cells::append(book, fields, moment),
        "insertRange" => ranges::insert(book, fields, moment),
        "deleteRange" => ranges::delete(book, fields, moment),
        "findReplace" => find::answer(book, fields, moment),
        "sortRange" => sort::answer(book, fields, moment),
        "copyPaste" => paste::copy(book, fields, moment),
        "cutPaste" => paste::cut(book, fields, moment),
        "pasteData" => paste::data(book, fields, moment),
        "autoFill" => paste::fill(book, fields, moment),
        "trimWhitespace" => find::trim(book, fields, moment),
        "deleteDuplicates" => sort::deduplicate(book, fields, moment),
        "mergeCells" => layout::merge(book, fields),
        "unmergeCells" => layout::unmerge(book, fields),
        "updateBorders" => layout::borders(book, fields),
        "setDataValidation" => layout::validation(book, fields),
        "setBasicFilter" => overlays::set_filter(book, fields),
        "clearBasicFilter" => overlays::clear_filter(book, fields),
        "addFilterView" => overlays::add(book, fields, &overlays::FILTER_VIEW),
        "updateFilterView" => overlays::update(book, fields, &overlays::FILTER_VIEW),
        "deleteFilterView" => overlays::delete(book, fields, &overlays::FILTER_VIEW),
        "addBanding" => overlays::add(book, fields, &overlays::BANDING),
        "updateBanding" => overlays::update(book, fields, &overlays::BANDING),
        "deleteBanding" => overlays::delete(book, fields, &overlays::BANDING),
        "addTable" => overlays::add(book, fields, &overlays::TABLE),
        "updateTable" => overlays::update(book, fields, &overlays::TABLE),
        "deleteTable" => overlays::delete(book, fields, &overlays::TABLE),
        "addConditionalFormatRule" => overlays::add_rule(book, fields),
        "updateConditionalFormatRule" => overlays::update_rule(book, fields),
        "deleteConditionalFormatRule" => overlays::delete_rule(book, fields),
        "addProtectedRange" => protect::add(book, fields, moment),
        "updateProtectedRange" => protect::update(book, fields, moment),
        "deleteProtectedRange" => protect::delete(book, fields, moment),
        "addNamedRange" => named::add(book, fields.get("namedRange").unwrap_or(&Json::Null)),
        "updateNamedRange" => named::update(book, fields),
        "deleteNamedRange" => named::delete(book, fields),
        "createDeveloperMetadata" => {
            let made = metadata::create(book, fields.get("developerMetadata").unwrap_or(&Json::Null))?;
            Ok(json!({ "developerMetadata": made }))
        }
        "updateDeveloperMetadata" => metadata::update(book, &Json::Object(fields.clone()), &mask(fields)?),
        "deleteDeveloperMetadata" => metadata::delete(book, fields.get("dataFilter").unwrap_or(&Json::Null)),
        _ => Err(ApiError::invalid("The local sheet does not carry this request out.")),
    }
}

/// Returns the mask of a request that must have one.
fn mask(fields: &Fields) -> Result<Mask, ApiError> {
    match fields.get("fields").and_then(Json::as_str).filter(|text| !text.is_empty()) {
        Some("*") => Ok(Mask::All),
        Some(text) => Mask::parse(text),
        None => {
            Err(ApiError::invalid("At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)"))
        }
    }
}

/// Returns the mask of a request, checked against the message that it is about; a name of that message in front is taken off.
fn mask_of(fields: &Fields, name: &str, message: &str) -> Result<Mask, ApiError> {
    let mask = mask(fields)?;
    let mask = mask
        .of(name)
        .filter(|_| mask != Mask::All && mask.paths().iter().all(|path| path.starts_with(name)))
        .unwrap_or(&mask)
        .clone();
    mask.check(message).map_err(|_| ApiError::invalid(format!("Invalid field: {}", mask.paths().join(","))))?;
    Ok(mask)
}

/// Returns the object of a request that is about it.
fn object<'json>(fields: &'json Fields, name: &str) -> Result<&'json Fields, ApiError> {
    fields.get(name).and_then(Json::as_object).ok_or_else(|| ApiError::invalid(format!("{name} is missing")))
}

/// Finds the cells of a request: the tab, and the area within its grid.
fn area(book: &Spreadsheet, range: Option<&Json>) -> Result<(usize, Area), ApiError> {
    let range = range.filter(|range| range.is_object()).ok_or_else(|| ApiError::invalid("range is missing"))?;
    let located = book.grid_range(range)?;
    let sheet = &book.sheets[located.sheet];
    let (rows, columns) = (located.cells.rows, located.cells.columns);
    let (row_count, column_count) = (sheet.grid.row_count(), sheet.grid.column_count());
    let is_outside = |end: Option<usize>, start: usize, count: usize| end.unwrap_or(start + 1) > count;
    if is_outside(rows.end, rows.start, row_count) || is_outside(columns.end, columns.start, column_count) {
        let wanted = Area {
            rows: rows.start..rows.end.unwrap_or(row_count),
            columns: columns.start..columns.end.unwrap_or(column_count),
        };
        let name = sheet.name_of(&wanted);
        return Err(ApiError::invalid(format!(
            "Range ({name}) exceeds grid limits. Max rows: {row_count}, max columns: {column_count}"
        )));
    }
    Ok((located.sheet, sheet.area(rows, columns)))
}

/// Returns a range as the API shows it: a `sheetId` of 0 is left out.
fn shown_range(range: &Json) -> Json {
    let mut range = range.clone();
    if let Some(fields) = range.as_object_mut()
        && fields.get("sheetId").and_then(Json::as_i64) == Some(0)
    {
        fields.remove("sheetId");
    }
    range
}
