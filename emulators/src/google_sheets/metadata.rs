//! Developer metadata: what programs note at a row, a column, a tab or the whole spreadsheet.

use serde_json::{Map, Value as Json, json};

use super::{
    a1::{Cells, Span},
    errors::{Answer, ApiError},
    filters, numbers,
    request::Call,
    spreadsheet::{Located, Spreadsheet},
};

/// Answers `developerMetadata.get`.
pub(super) fn get(book: &Spreadsheet, id: &str) -> Answer {
    let found = book.metadata.iter().find(|item| item["metadataId"].as_i64() == id.parse().ok());
    found.cloned().ok_or_else(ApiError::not_found)
}

/// Answers `developerMetadata:search`.
pub(super) fn search(book: &Spreadsheet, call: &Call) -> Answer {
    let body = call.message("SearchDeveloperMetadataRequest", "")?;
    let mut matched = Vec::new();
    for filter in body.get("dataFilters").and_then(Json::as_array).into_iter().flatten() {
        for item in of_filter(book, filter)? {
            matched.push(json!({ "developerMetadata": item, "dataFilters": [filter] }));
        }
    }
    let answer = if matched.is_empty() { json!({}) } else { json!({ "matchedDeveloperMetadata": matched }) };
    Ok(call.mask("SearchDeveloperMetadataResponse")?.keep(answer))
}

/// Finds the metadata that a filter means: by look-up, or at a place.
pub(super) fn of_filter<'book>(book: &'book Spreadsheet, filter: &Json) -> Result<Vec<&'book Json>, ApiError> {
    if let Some(lookup) = filter.get("developerMetadataLookup") {
        return matching(book, lookup);
    }
    let places = filters::ranges(book, filter)?;
    Ok(book
        .metadata
        .iter()
        .filter(|item| places.iter().any(|(place, _)| located(book, item).as_ref() == Some(place)))
        .collect())
}

/// Finds the metadata that a look-up means.
///
/// # Errors
/// Fails where its location is none.
pub(super) fn matching<'book>(book: &'book Spreadsheet, lookup: &Json) -> Result<Vec<&'book Json>, ApiError> {
    let place = lookup.get("metadataLocation").map(|location| location_json(book, location)).transpose()?;
    let is_near = lookup["locationMatchingStrategy"] == "INTERSECTING_LOCATION";
    let fits = |item: &&Json| {
        let same = |name: &str| lookup.get(name).is_none_or(|wanted| item.get(name) == Some(wanted));
        let is_type = lookup.get("locationType").is_none_or(|wanted| item["location"]["locationType"] == *wanted);
        let is_there = place.as_ref().is_none_or(|place| {
            let same_sheet = item["location"]["sheetId"] == place["sheetId"]
                || item["location"]["dimensionRange"]["sheetId"] == place["sheetId"];
            item["location"] == *place || is_near && (place["spreadsheet"] == true || same_sheet)
        });
        same("metadataId") && same("metadataKey") && same("metadataValue") && same("visibility") && is_type && is_there
    };
    Ok(book.metadata.iter().filter(fits).collect())
}

/// Returns the cells of a metadatum; none where it belongs to the whole spreadsheet.
pub(super) fn located(book: &Spreadsheet, item: &Json) -> Option<Located> {
    let location = item.get("location")?;
    let Some(range) = location.get("dimensionRange") else {
        let sheet = book.sheet_of(Some(location.get("sheetId")?)).ok()?;
        return Some(Located { sheet, cells: Cells::ALL });
    };
    let sheet = book.sheet_of(range.get("sheetId")).ok()?;
    let start = range.get("startIndex").and_then(numbers::index).unwrap_or(0);
    let span = Span { start, end: range.get("endIndex").and_then(numbers::index) };
    let cells = if range["dimension"] == "COLUMNS" {
        Cells { columns: span, rows: Span::ALL, is_cell: false }
    } else {
        Cells { rows: span, columns: Span::ALL, is_cell: false }
    };
    Some(Located { sheet, cells })
}

/// Completes a location as the API shows it.
fn location_json(book: &Spreadsheet, location: &Json) -> Result<Json, ApiError> {
    if let Some(range) = location.get("dimensionRange") {
        let index = book.sheet_of(range.get("sheetId"))?;
        let start = range.get("startIndex").and_then(numbers::index).unwrap_or(0);
        let end = range.get("endIndex").and_then(numbers::index);
        if end != Some(start + 1) {
            return Err(ApiError::invalid("The dimension range of developer metadata must be one row or one column"));
        }
        let is_column = range["dimension"] == "COLUMNS";
        let (dimension, kind) = if is_column { ("COLUMNS", "COLUMN") } else { ("ROWS", "ROW") };
        let range =
            json!({ "sheetId": book.sheets[index].id, "dimension": dimension, "startIndex": start, "endIndex": end });
        return Ok(json!({ "locationType": kind, "dimensionRange": range }));
    }
    if let Some(id) = location.get("sheetId") {
        let index = book.sheet_of(Some(id))?;
        return Ok(json!({ "locationType": "SHEET", "sheetId": book.sheets[index].id }));
    }
    if location["spreadsheet"] == true {
        return Ok(json!({ "locationType": "SPREADSHEET", "spreadsheet": true }));
    }
    Err(ApiError::invalid("The location of developer metadata is missing"))
}

/// Makes a metadatum.
///
/// # Errors
/// Fails where key, visibility or location are missing, or the id is taken.
pub(super) fn create(book: &mut Spreadsheet, given: &Json) -> Answer {
    let text = |name: &str| given.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    let key = text("metadataKey").ok_or_else(|| ApiError::invalid("Developer metadata must have a key"))?;
    let visibility =
        text("visibility").ok_or_else(|| ApiError::invalid("Developer metadata must have a visibility"))?;
    let location = location_json(book, given.get("location").unwrap_or(&Json::Null))?;
    let id = match given.get("metadataId").and_then(numbers::integer) {
        Some(id) if book.metadata.iter().any(|item| item["metadataId"] == id) => {
            return Err(ApiError::invalid(format!("Developer metadata with id {id} already exists")));
        }
        Some(id) => id,
        None => book.free_id(),
    };
    let mut item = Map::from_iter([
        ("metadataId".to_owned(), Json::from(id)),
        ("metadataKey".to_owned(), Json::from(key)),
        ("location".to_owned(), location),
        ("visibility".to_owned(), Json::from(visibility)),
    ]);
    if let Some(value) = text("metadataValue") {
        item.insert("metadataValue".to_owned(), Json::from(value));
    }
    book.metadata.push(Json::Object(item.clone()));
    Ok(Json::Object(item))
}

/// Changes the metadata that filters mean, as far as a mask says.
pub(super) fn update(book: &mut Spreadsheet, request: &Json, mask: &super::mask::Mask) -> Answer {
    let ids = ids(book, request.get("dataFilters").and_then(Json::as_array).map_or(&[], Vec::as_slice))?;
    let mut given = request.get("developerMetadata").and_then(Json::as_object).cloned().unwrap_or_default();
    if let Some(location) = given.get("location").cloned() {
        given.insert("location".to_owned(), location_json(book, &location)?);
    }
    let mut changed = Vec::new();
    for item in book.metadata.iter_mut().filter(|item| ids.contains(&item["metadataId"])) {
        let id = item["metadataId"].clone();
        if let Some(fields) = item.as_object_mut() {
            mask.update(fields, &given);
            fields.insert("metadataId".to_owned(), id);
        }
        changed.push(item.clone());
    }
    Ok(json!({ "developerMetadata": changed }))
}

/// Deletes the metadata that a filter means.
pub(super) fn delete(book: &mut Spreadsheet, filter: &Json) -> Answer {
    let ids = ids(book, std::slice::from_ref(filter))?;
    let is_gone = |item: &Json| ids.contains(&item["metadataId"]);
    let gone: Vec<Json> = book.metadata.iter().filter(|item| is_gone(item)).cloned().collect();
    book.metadata.retain(|item| !is_gone(item));
    Ok(json!({ "deletedDeveloperMetadata": gone }))
}

fn ids(book: &Spreadsheet, filters: &[Json]) -> Result<Vec<Json>, ApiError> {
    let mut ids = Vec::new();
    for filter in filters {
        ids.extend(of_filter(book, filter)?.into_iter().map(|item| item["metadataId"].clone()));
    }
    Ok(ids)
}
