//! The collection `values`: get, update, append, clear, and their batches.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Moment,
    append::{Insertion, append},
    cell::Entered,
    errors::{Answer, ApiError},
    evaluator::Evaluator,
    filters, protection,
    render::{ReadOptions, unknown, value_range},
    request::Call,
    sheet::Area,
    spreadsheet::{Located, Spreadsheet},
    write::{Input, Written, lines, totals, update_json, write},
};

/// The names of the options of reading, in queries and bodies.
const READ: [&str; 3] = ["majorDimension", "valueRenderOption", "dateTimeRenderOption"];

/// The names of the options of the values that come along with a written range.
const RESPONSE: [&str; 3] = ["", "responseValueRenderOption", "responseDateTimeRenderOption"];

/// A range with what the request calls it.
type Named = (Located, String);

/// Answers a request for one range.
pub(super) fn one(book: &mut Spreadsheet, call: &Call, range: &str, moment: &Moment) -> Answer {
    match (call.method.as_str(), call.verb) {
        ("GET", None) => {
            let options = ReadOptions::read(|name| call.get(name), READ)?;
            let mask = call.mask("ValueRange")?;
            let answer = read(book, &[(book.locate(range)?, range.to_owned())], options, moment)?;
            Ok(mask.keep(answer.into_iter().next().unwrap_or_default()))
        }
        ("PUT", None) => update(book, call, range, moment),
        ("POST", Some("append")) => append_to(book, call, range, moment),
        ("POST", Some("clear")) => {
            call.message("ClearValuesRequest", "")?;
            let mask = call.mask("ClearValuesResponse")?;
            let cleared = clear(book, &[(book.locate(range)?, range.to_owned())], moment)?;
            Ok(mask.keep(json!({ "spreadsheetId": book.id, "clearedRange": cleared.first() })))
        }
        _ => Err(ApiError::not_found()),
    }
}

/// Answers a request for many ranges.
pub(super) fn many(book: &mut Spreadsheet, call: &Call, verb: &str, moment: &Moment) -> Answer {
    match (call.method.as_str(), verb) {
        ("GET", "batchGet") => {
            let options = ReadOptions::read(|name| call.get(name), READ)?;
            let mask = call.mask("BatchGetValuesResponse")?;
            let ranges = located(book, call.all("ranges").into_iter())?;
            let mut answer = json!({ "spreadsheetId": book.id });
            let read = read(book, &ranges, options, moment)?;
            if !read.is_empty() {
                answer["valueRanges"] = Json::Array(read);
            }
            Ok(mask.keep(answer))
        }
        ("POST", "batchUpdate") => batch_update(book, call, moment),
        ("POST", "batchClear") => {
            let body = call.message("BatchClearValuesRequest", "")?;
            let mask = call.mask("BatchClearValuesResponse")?;
            let ranges = located(book, texts(&body, "ranges"))?;
            let cleared = clear(book, &ranges, moment)?;
            Ok(mask.keep(json!({ "spreadsheetId": book.id, "clearedRanges": cleared })))
        }
        ("POST", "batchGetByDataFilter") => filters::get(book, call, moment),
        ("POST", "batchUpdateByDataFilter") => filters::update(book, call, moment),
        ("POST", "batchClearByDataFilter") => filters::clear(book, call, moment),
        _ => Err(ApiError::not_found()),
    }
}

fn texts<'json>(body: &'json Map<String, Json>, name: &str) -> impl Iterator<Item = &'json str> {
    body.get(name).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}

fn located<'text>(book: &Spreadsheet, ranges: impl Iterator<Item = &'text str>) -> Result<Vec<Named>, ApiError> {
    ranges.map(|range| Ok((book.locate(range)?, range.to_owned()))).collect()
}

/// Returns the option of a body.
pub(super) fn option<'json>(body: &'json Map<String, Json>) -> impl Fn(&str) -> Option<&'json str> {
    |name| body.get(name).and_then(Json::as_str)
}

/// Reads ranges.
pub(super) fn read(
    book: &Spreadsheet,
    ranges: &[Named],
    options: ReadOptions,
    moment: &Moment,
) -> Result<Vec<Json>, ApiError> {
    let evaluator = Evaluator::new(book, moment.now);
    let read = |(located, text): &Named| {
        let area = book.area(located, text)?;
        Ok(value_range(book, located.sheet, &area, options, &evaluator))
    };
    ranges.iter().map(read).collect()
}

/// Reads the options of the values that come along; none where they are not wanted.
fn response_options<'call>(
    is_wanted: bool,
    get: impl Fn(&str) -> Option<&'call str>,
) -> Result<Option<ReadOptions>, ApiError> {
    let options = ReadOptions::read(get, RESPONSE)?;
    Ok(is_wanted.then_some(options))
}

/// Carries a change out on a copy, so that nothing of it stays where it fails.
pub(super) fn atomically<T>(
    book: &mut Spreadsheet,
    moment: &Moment,
    change: impl FnOnce(&mut Spreadsheet) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let mut changed = book.clone();
    let outcome = change(&mut changed)?;
    changed.touch(moment.now);
    *book = changed;
    Ok(outcome)
}

fn update(book: &mut Spreadsheet, call: &Call, range: &str, moment: &Moment) -> Answer {
    let body = call.message("ValueRange", "data")?;
    let input = Input::read(call.get("valueInputOption"))?;
    let response = response_options(call.is_on("includeValuesInResponse")?, |name| call.get(name))?;
    let mask = call.mask("UpdateValuesResponse")?;
    let located = book.locate(range)?;
    check_body_range(book, &body, &located, range)?;
    let lines = lines(&body, "data.values")?;
    let written = atomically(book, moment, |book| write(book, (&located, range), &lines, (input, moment)))?;
    Ok(mask.keep(update_json(book, &written, response, moment)))
}

/// Fails when the body names another range than the path.
fn check_body_range(
    book: &Spreadsheet,
    body: &Map<String, Json>,
    located: &Located,
    range: &str,
) -> Result<(), ApiError> {
    match body.get("range").and_then(Json::as_str).filter(|text| !text.is_empty()) {
        Some(text) if book.locate(text)? != *located => {
            Err(ApiError::invalid(format!("Requested range [{range}] does not match the range of the values [{text}]")))
        }
        _ => Ok(()),
    }
}

fn append_to(book: &mut Spreadsheet, call: &Call, range: &str, moment: &Moment) -> Answer {
    let body = call.message("ValueRange", "data")?;
    let input = Input::read(call.get("valueInputOption"))?;
    let insertion = match call.get("insertDataOption") {
        None | Some("OVERWRITE") => Insertion::Overwrite,
        Some("INSERT_ROWS") => Insertion::InsertRows,
        Some(other) => return Err(unknown("insert_data_option", "InsertDataOption", other)),
    };
    let response = response_options(call.is_on("includeValuesInResponse")?, |name| call.get(name))?;
    let mask = call.mask("AppendValuesResponse")?;
    let located = book.locate(range)?;
    let lines = lines(&body, "data.values")?;
    let options = (input, insertion);
    let answer = atomically(book, moment, |book| append(book, (&located, range), &lines, options, (response, moment)))?;
    Ok(mask.keep(answer))
}

fn batch_update(book: &mut Spreadsheet, call: &Call, moment: &Moment) -> Answer {
    let body = call.message("BatchUpdateValuesRequest", "")?;
    let mask = call.mask("BatchUpdateValuesResponse")?;
    let data: Vec<&Map<String, Json>> =
        body.get("data").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object).collect();
    let mut targets = Vec::new();
    for one in &data {
        let text = one.get("range").and_then(Json::as_str).unwrap_or_default();
        targets.push((book.locate(text)?, text.to_owned()));
    }
    Ok(mask.keep(write_many(book, &body, (&targets, &data), moment)?))
}

/// Writes many ranges, all or none.
pub(super) fn write_many(
    book: &mut Spreadsheet,
    body: &Map<String, Json>,
    (targets, data): (&[Named], &[&Map<String, Json>]),
    moment: &Moment,
) -> Answer {
    let input = Input::read(option(body)("valueInputOption"))?;
    let is_wanted = body.get("includeValuesInResponse").and_then(Json::as_bool).unwrap_or_default();
    let response = response_options(is_wanted, option(body))?;
    let written = atomically(book, moment, |book| {
        let mut all: Vec<Written> = Vec::new();
        for (index, (one, (located, text))) in data.iter().zip(targets).enumerate() {
            let lines = lines(one, &format!("data[{index}].values"))?;
            let written = write(book, (located, text), &lines, (input, moment));
            all.push(written.map_err(|error| error.prefixed(&format!("Invalid data[{index}]: ")))?);
        }
        Ok(all)
    })?;
    let mut answer = Map::from_iter([("spreadsheetId".to_owned(), Json::from(book.id.clone()))]);
    answer.extend(totals(&written));
    let responses = written.iter().map(|one| update_json(book, one, response, moment));
    answer.insert("responses".to_owned(), responses.collect());
    Ok(Json::Object(answer))
}

/// Clears the values of ranges; formats and notes stay. Returns what was cleared.
pub(super) fn clear(book: &mut Spreadsheet, ranges: &[Named], moment: &Moment) -> Result<Vec<String>, ApiError> {
    atomically(book, moment, |book| {
        let mut cleared = Vec::new();
        for (located, text) in ranges {
            let area = book.area(located, text)?;
            protection::check(book, located.sheet, &area, moment)?;
            let sheet = &mut book.sheets[located.sheet];
            cleared.push(sheet.name_of(&area));
            let Area { rows, columns } = area;
            for row in rows.start..rows.end.min(sheet.grid.kept_rows()) {
                let cells = sheet.grid.row_mut(row);
                let end = columns.end.min(cells.len());
                if let Some(cells) = cells.get_mut(columns.start..end) {
                    for cell in cells {
                        cell.entered = Entered::Empty;
                    }
                }
            }
        }
        Ok(cleared)
    })
}
