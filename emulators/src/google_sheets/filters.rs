//! Data filters: ranges addressed by A1 notation, by position, or by the developer metadata of their rows.

use serde_json::{Map, Value as Json, json};

use super::{
    a1::Cells,
    account::Moment,
    errors::{Answer, ApiError},
    metadata,
    render::ReadOptions,
    request::Call,
    spreadsheet::{Located, Spreadsheet},
    values,
};

/// Finds the ranges that a filter means. One by position or notation is one range; one by metadata may be any number.
///
/// # Errors
/// Fails where the range is none, or the filter says nothing.
pub(super) fn ranges(book: &Spreadsheet, filter: &Json) -> Result<Vec<(Located, String)>, ApiError> {
    if let Some(text) = filter.get("a1Range").and_then(Json::as_str) {
        return Ok(vec![(book.locate(text)?, text.to_owned())]);
    }
    let named = |located: Located| {
        let Cells { rows, columns, .. } = located.cells;
        let name = book.sheets[located.sheet].name_of(&book.sheets[located.sheet].area(rows, columns));
        (located, name)
    };
    if let Some(range) = filter.get("gridRange") {
        return Ok(vec![named(book.grid_range(range)?)]);
    }
    let lookup = filter.get("developerMetadataLookup");
    let lookup = lookup.ok_or_else(|| ApiError::invalid("A data filter must have a range or a look-up of metadata"))?;
    let found = metadata::matching(book, lookup)?;
    Ok(found.into_iter().filter_map(|item| metadata::located(book, item)).map(named).collect())
}

fn filters(body: &Map<String, Json>) -> Vec<Json> {
    body.get("dataFilters").and_then(Json::as_array).cloned().unwrap_or_default()
}

/// Finds the ranges of all filters.
fn matched(book: &Spreadsheet, body: &Map<String, Json>) -> Result<Vec<(Json, Located, String)>, ApiError> {
    let mut all = Vec::new();
    for filter in filters(body) {
        for (located, text) in ranges(book, &filter)? {
            all.push((filter.clone(), located, text));
        }
    }
    Ok(all)
}

/// Answers `values:batchGetByDataFilter`.
pub(super) fn get(book: &Spreadsheet, call: &Call, moment: &Moment) -> Answer {
    let body = call.message("BatchGetValuesByDataFilterRequest", "")?;
    let mask = call.mask("BatchGetValuesByDataFilterResponse")?;
    let options =
        ReadOptions::read(values::option(&body), ["majorDimension", "valueRenderOption", "dateTimeRenderOption"])?;
    let matched = matched(book, &body)?;
    let ranges: Vec<_> = matched.iter().map(|(_, located, text)| (located.clone(), text.clone())).collect();
    let read = values::read(book, &ranges, options, moment)?;
    let pairs = matched.iter().zip(read);
    let found: Vec<Json> =
        pairs.map(|((filter, ..), values)| json!({ "valueRange": values, "dataFilters": [filter] })).collect();
    let mut answer = json!({ "spreadsheetId": book.id });
    if !found.is_empty() {
        answer["valueRanges"] = Json::Array(found);
    }
    Ok(mask.keep(answer))
}

/// Answers `values:batchUpdateByDataFilter`.
pub(super) fn update(book: &mut Spreadsheet, call: &Call, moment: &Moment) -> Answer {
    let body = call.message("BatchUpdateValuesByDataFilterRequest", "")?;
    let mask = call.mask("BatchUpdateValuesByDataFilterResponse")?;
    let data = body.get("data").and_then(Json::as_array).cloned().unwrap_or_default();
    let (mut targets, mut given, mut by) = (Vec::new(), Vec::new(), Vec::new());
    for one in data.iter().filter_map(Json::as_object) {
        let filter = one.get("dataFilter").cloned().unwrap_or_default();
        for target in ranges(book, &filter)? {
            targets.push(target);
            given.push(one);
            by.push(filter.clone());
        }
    }
    let mut answer = values::write_many(book, &body, (&targets, &given), moment)?;
    if let Some(responses) = answer.get_mut("responses").and_then(Json::as_array_mut) {
        for (response, filter) in responses.iter_mut().zip(by) {
            response["dataFilter"] = filter;
            response.as_object_mut().map(|fields| fields.remove("spreadsheetId"));
        }
    }
    Ok(mask.keep(answer))
}

/// Answers `values:batchClearByDataFilter`.
pub(super) fn clear(book: &mut Spreadsheet, call: &Call, moment: &Moment) -> Answer {
    let body = call.message("BatchClearValuesByDataFilterRequest", "")?;
    let mask = call.mask("BatchClearValuesByDataFilterResponse")?;
    let ranges: Vec<_> = matched(book, &body)?.into_iter().map(|(_, located, text)| (located, text)).collect();
    let cleared = values::clear(book, &ranges, moment)?;
    Ok(mask.keep(json!({ "spreadsheetId": book.id, "clearedRanges": cleared })))
}
