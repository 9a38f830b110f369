//! The spreadsheet as the API shows it: properties, tabs, and their cells where they are wanted.

use std::sync::OnceLock;

use serde_json::{Map, Value as Json};

use super::{
    account::Moment,
    errors::{Answer, ApiError},
    evaluator::Evaluator,
    filters,
    grid_data::grid_data,
    mask::Mask,
    request::Call,
    requests::{cells, tabs},
    sheet::Area,
    spreadsheet::Spreadsheet,
};

/// The format of a cell that nobody formatted, and the theme: what every new spreadsheet has.
pub(super) fn defaults() -> &'static Json {
    static DEFAULTS: OnceLock<Json> = OnceLock::new();
    DEFAULTS.get_or_init(|| serde_json::from_str(include_str!("defaults.json")).unwrap_or_default())
}

/// The cells that are wanted: of which tab, and which.
type Wanted = (usize, Area);

/// Answers `spreadsheets.get`.
pub(super) fn answer(book: &Spreadsheet, call: &Call, moment: &Moment) -> Answer {
    let mask = call.mask("Spreadsheet")?;
    let mut wanted = Vec::new();
    for text in call.all("ranges") {
        let located = book.locate(text)?;
        wanted.push((located.sheet, book.area(&located, text)?));
    }
    let has_data = call.is_on("includeGridData")?;
    Ok(show(book, &mask, (&wanted, has_data), moment))
}

/// Answers `spreadsheets.getByDataFilter`.
pub(super) fn by_filter(book: &Spreadsheet, call: &Call, moment: &Moment) -> Answer {
    let mask = call.mask("Spreadsheet")?;
    let body = call.message("GetSpreadsheetByDataFilterRequest", "")?;
    let mut wanted = Vec::new();
    for filter in body.get("dataFilters").and_then(Json::as_array).into_iter().flatten() {
        for (located, text) in filters::ranges(book, filter)? {
            wanted.push((located.sheet, book.area(&located, &text)?));
        }
    }
    let has_data = body.get("includeGridData").and_then(Json::as_bool).unwrap_or_default();
    Ok(show(book, &mask, (&wanted, has_data), moment))
}

/// Shows a spreadsheet. A mask decides alone whether cells come along.
pub(super) fn show(book: &Spreadsheet, mask: &Mask, (wanted, has_data): (&[Wanted], bool), moment: &Moment) -> Json {
    let mut answer = Map::new();
    let mut put = |name: &str, make: &dyn Fn() -> Json| {
        if let Some(mask) = mask.of(name) {
            answer.insert(name.to_owned(), mask.keep(make()));
        }
    };
    put("spreadsheetId", &|| Json::from(book.id.clone()));
    put("properties", &|| properties(book));
    let url = format!("https://docs.google.com/spreadsheets/d/{}/edit", book.id);
    put("spreadsheetUrl", &|| Json::from(url.clone()));
    if !book.named.is_empty() {
        put("namedRanges", &|| Json::Array(book.named.clone()));
    }
    let own = book.metadata.iter().filter(|item| item["location"]["locationType"] == "SPREADSHEET");
    let own: Vec<Json> = own.cloned().collect();
    if !own.is_empty() {
        put("developerMetadata", &|| Json::Array(own.clone()));
    }
    let has_mask = *mask != Mask::All;
    if let Some(mask) = mask.of("sheets") {
        let is_data_wanted = if has_mask { mask.wants("data") } else { has_data };
        let evaluator = Evaluator::new(book, moment.now);
        let is_meant = |index: &usize| wanted.is_empty() || wanted.iter().any(|(sheet, _)| sheet == index);
        let sheets = (0..book.sheets.len()).filter(is_meant).map(|index| {
            let areas = is_data_wanted.then(|| areas(book, index, wanted));
            sheet(book, index, mask, (areas, &evaluator))
        });
        answer.insert("sheets".to_owned(), sheets.collect());
    }
    Json::Object(answer)
}

fn areas(book: &Spreadsheet, index: usize, wanted: &[Wanted]) -> Vec<Area> {
    if wanted.is_empty() {
        return vec![book.sheets[index].whole()];
    }
    wanted.iter().filter(|(sheet, _)| *sheet == index).map(|(_, area)| area.clone()).collect()
}

fn sheet(book: &Spreadsheet, index: usize, mask: &Mask, (areas, evaluator): (Option<Vec<Area>>, &Evaluator)) -> Json {
    let sheet = &book.sheets[index];
    let mut answer = Map::from_iter([("properties".to_owned(), sheet.properties_json(index))]);
    if let (Some(areas), Some(mask)) = (areas, mask.of("data")) {
        let data = areas.iter().map(|area| grid_data(book, index, area, mask, evaluator));
        answer.insert("data".to_owned(), data.collect());
    }
    if !sheet.merges.is_empty() {
        let merges = sheet.merges.iter().map(|area| area.json(sheet.id));
        answer.insert("merges".to_owned(), merges.collect());
    }
    if let Some(filter) = &sheet.filter {
        answer.insert("basicFilter".to_owned(), filter.clone());
    }
    for (name, items) in sheet.overlays.iter().filter(|(_, items)| !items.is_empty()) {
        answer.insert(name.clone(), Json::Array(items.clone()));
    }
    let own = book.metadata.iter().filter(|item| item["location"]["sheetId"] == sheet.id);
    let own: Vec<Json> = own.cloned().collect();
    if !own.is_empty() {
        answer.insert("developerMetadata".to_owned(), Json::Array(own));
    }
    let data = answer.remove("data");
    let Json::Object(mut kept) = mask.keep(Json::Object(answer)) else { return Json::Null };
    // The cells were made by the mask already.
    if let Some(data) = data {
        kept.insert("data".to_owned(), data);
    }
    Json::Object(kept)
}

fn properties(book: &Spreadsheet) -> Json {
    let mut properties = book.properties.clone();
    for name in ["defaultFormat", "spreadsheetTheme"] {
        properties.entry(name).or_insert_with(|| defaults()[name].clone());
    }
    Json::Object(properties)
}

/// Fills a new spreadsheet with what the request for it says.
///
/// # Errors
/// Fails where a tab, its cells or a named range cannot be.
pub(super) fn fill(book: &mut Spreadsheet, body: &Map<String, Json>) -> Result<(), ApiError> {
    if let Some(properties) = body.get("properties").and_then(Json::as_object) {
        tabs::check_spreadsheet(properties)?;
        book.properties.extend(properties.clone());
    }
    for given in body.get("sheets").and_then(Json::as_array).into_iter().flatten() {
        let empty = Map::new();
        let properties = given.get("properties").and_then(Json::as_object).unwrap_or(&empty);
        let first = book.sheets.is_empty().then_some(0);
        let index = tabs::add(book, properties, first)?;
        for data in given.get("data").and_then(Json::as_array).into_iter().flatten() {
            cells::fill(book, index, data)?;
        }
    }
    for range in body.get("namedRanges").and_then(Json::as_array).into_iter().flatten() {
        super::requests::named::add(book, range)?;
    }
    Ok(())
}
