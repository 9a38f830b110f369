//! A person at work in the sheet, for tests: `POST /_emulator/person`.
//!
//! The body is one action or a list of them; all are carried out at once, as the owner, without quotas and faults:
//!
//! ```json
//! { "spreadsheet": "1…", "sheet": "Contacts", "action": "sort", "column": "Name", "descending": true }
//! { "action": "insert_rows", "at": 3, "count": 2 }        rows count from 1, as people see them
//! { "action": "delete_rows", "at": 3, "count": 2 }
//! { "action": "insert_columns", "at": "C", "count": 1 }   { "action": "delete_columns", "at": "C" }
//! { "action": "move_columns", "at": "C", "to": "A" }      { "action": "move_rows", "at": 3, "to": 9 }
//! { "action": "rename", "from": "E-mail", "to": "Email" }  a heading
//! { "action": "set", "range": "H2:H9", "values": [["=A2&B2"]] }  typed, as in the user interface
//! { "action": "clear", "range": "B2:B3" }
//! { "action": "rename_sheet", "to": "People" }
//! { "action": "share", "with": "a@b.example", "role": "writer" }  { "action": "unshare", "with": "a@b.example" }
//! { "action": "request", "request": { "sortRange": { … } } }      any request of `:batchUpdate`
//! ```
//!
//! `spreadsheet` may be left out where there is one, `sheet` where the first tab is meant, `header_row` where it is 1.

use serde_json::{Value as Json, json};

use super::{
    a1,
    account::{Account, DEFAULT_SPREADSHEET, Moment},
    auth::Caller,
    cell::Entered,
    errors::ApiError,
    evaluator::Evaluator,
    formats::show,
    numbers,
    quota::Kind,
    requests,
    sheet::Area,
    spreadsheet::{Role, Spreadsheet},
    values::atomically,
    write::{Input, lines, write},
};

/// Carries a person's actions out.
///
/// # Errors
/// Fails, with a text, on the first that cannot be; none is carried out then.
pub(super) fn work(account: &mut Account, body: &Json) -> Result<Json, String> {
    let actions = match body {
        Json::Array(actions) => actions.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut replies = Vec::new();
    for action in actions {
        let id = match action.get("spreadsheet").and_then(Json::as_str) {
            Some(id) => id.to_owned(),
            None => account.books.keys().next().map_or_else(|| DEFAULT_SPREADSHEET.to_owned(), String::clone),
        };
        let now = account.clock.now();
        let owner = account.books.get(&id).and_then(|book| book.roles.iter().max_by_key(|(_, role)| *role));
        let user = owner.map_or_else(|| super::auth::PERSON.to_owned(), |(user, _)| user.clone());
        let caller = Caller::person_named(&user);
        let told = |error: ApiError| error.message();
        if let Some(book) =
            account.books.get_mut(&id).filter(|_| action["action"] == "share" || action["action"] == "unshare")
        {
            share(book, action)?;
            replies.push(json!({}));
            continue;
        }
        let book = account.enter(&id, &caller, Kind::Read).map_err(told)?;
        let moment = Moment { now, user };
        replies.push(atomically(book, &moment, |book| act(book, action, &moment)).map_err(told)?);
    }
    Ok(Json::Array(replies))
}

fn share(book: &mut Spreadsheet, action: &Json) -> Result<(), String> {
    let with = action["with"].as_str().ok_or("`with` is missing")?;
    book.roles.retain(|(user, _)| user != with);
    let role = match (action["action"].as_str(), action["role"].as_str()) {
        (Some("unshare"), _) => None,
        (_, Some("reader")) => Some(Role::Reader),
        (_, Some("owner")) => Some(Role::Owner),
        _ => Some(Role::Writer),
    };
    if let Some(role) = role {
        book.roles.push((with.to_owned(), role));
    }
    if book.roles.is_empty() {
        // Shared with nobody is not shared with everybody.
        book.roles.push((super::auth::PERSON.to_owned(), Role::Owner));
    }
    Ok(())
}

fn act(book: &mut Spreadsheet, action: &Json, moment: &Moment) -> Result<Json, ApiError> {
    let text = |name: &str| action.get(name).and_then(Json::as_str).unwrap_or_default();
    let sheet = match text("sheet") {
        "" => 0,
        title => book.titled(title).ok_or_else(|| ApiError::no_range(title))?,
    };
    let id = book.sheets[sheet].id;
    let count = action.get("count").and_then(numbers::index).unwrap_or(1);
    let dimension = if text("action").ends_with("columns") { "COLUMNS" } else { "ROWS" };
    let range = |at: usize| json!({ "sheetId": id, "dimension": dimension, "startIndex": at, "endIndex": at + count });
    let at = |name: &str| position(action.get(name)).ok_or_else(|| ApiError::invalid(format!("{name} is missing")));
    let request = match text("action") {
        "sort" => return sort(book, sheet, action, moment),
        "rename" => return rename(book, sheet, action, moment),
        "set" | "clear" => return set(book, sheet, action, moment),
        "insert_rows" | "insert_columns" => json!({ "insertDimension": { "range": range(at("at")?) } }),
        "delete_rows" | "delete_columns" => json!({ "deleteDimension": { "range": range(at("at")?) } }),
        "move_rows" | "move_columns" => {
            json!({ "moveDimension": { "source": range(at("at")?), "destinationIndex": at("to")? } })
        }
        "rename_sheet" => {
            let properties = json!({ "sheetId": id, "title": text("to") });
            json!({ "updateSheetProperties": { "properties": properties, "fields": "title" } })
        }
        "request" => action.get("request").cloned().unwrap_or_default(),
        other => return Err(ApiError::invalid(format!("`{other}` is no action"))),
    };
    let replies = requests::apply(book, &[request], moment)?;
    Ok(replies.into_iter().next().unwrap_or_default())
}

/// Reads a row's number or a column's letters.
fn position(at: Option<&Json>) -> Option<usize> {
    match at? {
        Json::String(letters) => a1::column_index(letters),
        number => numbers::index(number)?.checked_sub(1),
    }
}

fn header(action: &Json) -> usize {
    action.get("header_row").and_then(numbers::index).unwrap_or(1).max(1) - 1
}

/// Finds a heading.
fn heading(book: &Spreadsheet, sheet: usize, (row, name): (usize, &str), moment: &Moment) -> Result<usize, ApiError> {
    let evaluator = Evaluator::new(book, moment.now);
    let shown = |column: usize| show(&evaluator.value((sheet, row, column)), None, evaluator.locale());
    let found = (0..book.sheets[sheet].grid.row(row).len()).find(|column| shown(*column) == name);
    found.ok_or_else(|| ApiError::invalid(format!("there is no heading `{name}`")))
}

fn sort(book: &mut Spreadsheet, sheet: usize, action: &Json, moment: &Moment) -> Result<Json, ApiError> {
    let row = header(action);
    let name = action["column"].as_str().unwrap_or_default();
    let column = heading(book, sheet, (row, name), moment)?;
    let whole = book.sheets[sheet].whole();
    let area = Area { rows: row + 1..whole.rows.end, ..whole };
    requests::sort::sort(book, sheet, &area, &[(column, action["descending"] == true)], moment);
    Ok(json!({}))
}

fn rename(book: &mut Spreadsheet, sheet: usize, action: &Json, moment: &Moment) -> Result<Json, ApiError> {
    let row = header(action);
    let text = |name: &str| action.get(name).and_then(Json::as_str).unwrap_or_default();
    let column = heading(book, sheet, (row, text("from")), moment)?;
    book.sheets[sheet].grid.cell_mut(row, column).entered = Entered::text(text("to"));
    Ok(json!({}))
}

fn set(book: &mut Spreadsheet, sheet: usize, action: &Json, moment: &Moment) -> Result<Json, ApiError> {
    let text = action["range"].as_str().unwrap_or_default();
    let range = format!("{}!{text}", a1::quote(&book.sheets[sheet].title));
    let located = book.locate(&range)?;
    let area = book.area(&located, &range)?;
    let blank = Json::Array(vec![Json::Array(vec![Json::from(""); area.columns.len()]); area.rows.len()]);
    let values = if action["action"] == "clear" { blank } else { action["values"].clone() };
    let body = json!({ "values": values });
    let body = body.as_object().cloned().unwrap_or_default();
    write(book, (&located, &range), &lines(&body, "values")?, (Input::UserEntered, moment))?;
    Ok(json!({}))
}
