//! Fills spreadsheets from fixtures.
//!
//! A tab is `<Title>.schema.yaml` and `<Title>.csv` or `<Title>.jsonl`, either of them alone if need be:
//!
//! ```yaml
//! spreadsheet: 1FerryDemoSpreadsheet     # optional: without it, every spreadsheet that is addressed gets a copy of the tab
//! title: "Contacts 2026"                 # optional: the file's name otherwise
//! header_row: 1                          # optional
//! size: [1000, 26]                       # optional: rows and columns; what the records need, and 1000 × 26 at least, otherwise
//! frozen_rows: 1                         # optional
//! columns:                               # optional: every column of the records in its order is a text otherwise
//!   - { name: Email, format: TEXT }
//!   - { name: Since, format: DATE, pattern: yyyy-mm-dd }   # ISO dates of the records become dates
//!   - { name: Amount, format: NUMBER }                     # texts that are numbers become numbers
//!   - { name: Days, formula: "=IF(F{row}=\"\", \"\", TODAY()-INT(F{row}))" }
//! ```
//!
//! `spreadsheet.schema.yaml` is about the spreadsheet itself:
//!
//! ```yaml
//! spreadsheet: 1FerryDemoSpreadsheet     # optional
//! title: Sales                           # optional
//! locale: de_DE                          # optional: en_US otherwise
//! time_zone: Europe/Berlin               # optional: Etc/GMT otherwise
//! shared_with: { ferry@project.iam.gserviceaccount.com: writer, boss@example.com: reader }   # optional: everybody otherwise
//! named_ranges: { Leads: "Contacts!A1:H" }                                                   # optional
//! keys: [ { client_email: …, private_key: … } ]    # optional: key files whose signatures are checked
//! ```

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use crate::fixtures::Fixture;

use super::{
    a1::Cells,
    cell::{Cell, Entered},
    entered::typed,
    formats::Locale,
    formula::Formula,
    numbers,
    sheet::{DEFAULT_SIZE, Sheet},
    spreadsheet::{Located, Role, Spreadsheet},
};

/// The fixture that is about the spreadsheet.
const BOOK: &str = "spreadsheet";

/// The spreadsheets that fixtures describe.
#[derive(Debug, Clone)]
pub(super) struct Blueprints {
    shared: Spreadsheet,
    pub(super) named: BTreeMap<String, Spreadsheet>,
    /// Key files of service accounts.
    pub(super) keys: Vec<Json>,
}

impl Blueprints {
    /// Builds the spreadsheets of some fixtures; the error is a text for the user.
    pub(super) fn of(fixtures: &BTreeMap<String, Fixture>, now: DateTime<Utc>) -> Result<Self, String> {
        let home = |fixture: &Fixture| fixture.schema.get("spreadsheet").and_then(Json::as_str).map(str::to_owned);
        let build_book = |id: &str| {
            let belongs = |fixture: &Fixture| home(fixture).is_none_or(|home| home == id);
            let own: Vec<_> = fixtures.iter().filter(|(_, fixture)| belongs(fixture)).collect();
            build(id, &own, now)
        };
        let shared = build_book("")?;
        let mut named = BTreeMap::new();
        for id in fixtures.values().filter_map(home) {
            named.insert(id.clone(), build_book(&id)?);
        }
        let keys = fixtures.get(BOOK).and_then(|book| book.schema.get("keys")).and_then(Json::as_array);
        Ok(Self { shared, named, keys: keys.cloned().unwrap_or_default() })
    }

    /// Returns what a spreadsheet starts with.
    pub(super) fn book(&self, id: &str, now: DateTime<Utc>) -> Spreadsheet {
        let mut book = self.named.get(id).unwrap_or(&self.shared).clone();
        id.clone_into(&mut book.id);
        (book.created, book.modified) = (now, now);
        book
    }
}

fn build(id: &str, fixtures: &[(&String, &Fixture)], now: DateTime<Utc>) -> Result<Spreadsheet, String> {
    let about = fixtures.iter().find(|(name, _)| *name == BOOK).map(|(_, fixture)| &fixture.schema);
    let text = |name: &str| about.and_then(|about| about.get(name)).and_then(Json::as_str);
    let mut book = Spreadsheet::new(id, text("title").unwrap_or("Ferry Demo"), now);
    for (name, property) in [("locale", "locale"), ("time_zone", "timeZone")] {
        if let Some(value) = text(name) {
            book.properties.insert(property.to_owned(), Json::from(value));
        }
    }
    for (name, fixture) in fixtures.iter().filter(|(name, _)| *name != BOOK) {
        let id = if book.sheets.is_empty() { 0 } else { book.free_id() };
        let sheet = tab(name, fixture, (id, &book.locale())).map_err(|reason| format!("fixture `{name}`: {reason}"))?;
        book.sheets.push(sheet);
    }
    let mut book = book.with_first_tab();
    if let Some(about) = about {
        share(&mut book, about)?;
        name_ranges(&mut book, about)?;
    }
    Ok(book)
}

fn share(book: &mut Spreadsheet, about: &Json) -> Result<(), String> {
    for (user, role) in about.get("shared_with").and_then(Json::as_object).into_iter().flatten() {
        let role = match role.as_str() {
            Some("reader") => Role::Reader,
            Some("writer") => Role::Writer,
            Some("owner") => Role::Owner,
            _ => return Err(format!("fixture `{BOOK}`: the role of `{user}` is reader, writer or owner")),
        };
        book.roles.push((user.clone(), role));
    }
    Ok(())
}

fn name_ranges(book: &mut Spreadsheet, about: &Json) -> Result<(), String> {
    for (name, range) in about.get("named_ranges").and_then(Json::as_object).into_iter().flatten() {
        let wrong = || format!("fixture `{BOOK}`: `{range}` is no range of a tab");
        let Located { sheet, cells } = book.locate(range.as_str().unwrap_or_default()).map_err(|_| wrong())?;
        let Cells { rows, columns, .. } = cells;
        let mut grid = Map::from_iter([
            ("startRowIndex".to_owned(), Json::from(rows.start)),
            ("startColumnIndex".to_owned(), Json::from(columns.start)),
        ]);
        if book.sheets[sheet].id != 0 {
            grid.insert("sheetId".to_owned(), Json::from(book.sheets[sheet].id));
        }
        for (field, end) in [("endRowIndex", rows.end), ("endColumnIndex", columns.end)] {
            if let Some(end) = end {
                grid.insert(field.to_owned(), Json::from(end));
            }
        }
        let id = book.free_id().to_string();
        book.named.push(json!({ "namedRangeId": id, "name": name, "range": grid }));
    }
    Ok(())
}

/// A column of a fixture.
struct Column {
    name: String,
    format: String,
    pattern: String,
    formula: Option<String>,
}

fn tab(name: &str, fixture: &Fixture, (id, locale): (i64, &Locale)) -> Result<Sheet, String> {
    let schema = &fixture.schema;
    let columns = columns(fixture)?;
    let header = schema.get("header_row").and_then(numbers::index).unwrap_or(1).max(1) - 1;
    let needed = header + 1 + fixture.records.len();
    let given = |at: usize| schema.get("size").and_then(|size| size.get(at)).and_then(numbers::index);
    let rows = given(0).unwrap_or(DEFAULT_SIZE.0).max(needed);
    let width = given(1).unwrap_or(DEFAULT_SIZE.1).max(columns.len());
    let title = schema.get("title").and_then(Json::as_str).unwrap_or(name);
    let mut sheet = Sheet::new(id, title, (rows, width));
    if let Some(frozen) = schema.get("frozen_rows").and_then(numbers::index).filter(|count| *count > 0) {
        sheet.grid_properties.insert("frozenRowCount".to_owned(), Json::from(frozen));
    }
    for (at, column) in columns.iter().enumerate() {
        sheet.grid.cell_mut(header, at).entered = Entered::text(&column.name);
    }
    format_columns(&mut sheet, header + 1, &columns);
    for (index, record) in fixture.records.iter().enumerate() {
        let row = header + 1 + index;
        for (at, column) in columns.iter().enumerate() {
            let cell = sheet.grid.cell_mut(row, at);
            cell.entered = match (&column.formula, record.get(&column.name)) {
                (Some(formula), _) => {
                    let text = formula.replace("{row}", &(row + 1).to_string());
                    Entered::Formula(Formula::new(&text).into())
                }
                (None, Some(value)) => value_of(value, column, locale),
                (None, None) => Entered::Empty,
            };
        }
    }
    Ok(sheet)
}

/// Formats columns from a row down, those below the records too, as people do.
fn format_columns(sheet: &mut Sheet, first: usize, columns: &[Column]) {
    for (at, column) in columns.iter().enumerate().filter(|(_, column)| !column.format.is_empty()) {
        let mut formatted = Cell::default();
        formatted.set_number_format(&column.format, &column.pattern);
        for row in first..sheet.grid.row_count() {
            sheet.grid.cell_mut(row, at).look.clone_from(&formatted.look);
        }
    }
}

/// The types of number formats.
const FORMATS: [&str; 9] = ["", "TEXT", "NUMBER", "PERCENT", "CURRENCY", "DATE", "TIME", "DATE_TIME", "SCIENTIFIC"];

fn columns(fixture: &Fixture) -> Result<Vec<Column>, String> {
    let text = |column: &Json, name: &str| column.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    if let Some(given) = fixture.schema.get("columns").and_then(Json::as_array) {
        return given
            .iter()
            .map(|column| {
                let name = column.as_str().map_or_else(|| text(column, "name"), str::to_owned);
                let formula = column.get("formula").and_then(Json::as_str).map(str::to_owned);
                let format = text(column, "format");
                if !FORMATS.contains(&format.as_str()) {
                    return Err(format!("`{format}` is no number format"));
                }
                Ok(Column { name, format, pattern: text(column, "pattern"), formula })
            })
            .collect();
    }
    let mut names: Vec<&String> = Vec::new();
    for name in fixture.records.iter().flat_map(Map::keys).filter(|name| *name != "_row") {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let plain =
        |name: &String| Column { name: name.clone(), format: String::new(), pattern: String::new(), formula: None };
    Ok(names.into_iter().map(plain).collect())
}

/// Reads a value of a record: typed where it is, and where the column's format wants a number or a date.
fn value_of(value: &Json, column: &Column, locale: &Locale) -> Entered {
    match value {
        Json::Bool(is_true) => Entered::Bool(*is_true),
        Json::Number(number) => Entered::Number(number.as_f64().unwrap_or_default()),
        Json::String(text) if matches!(column.format.as_str(), "" | "TEXT") => Entered::text(text),
        Json::String(text) => {
            let plain: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite());
            plain.map_or_else(|| typed(text.trim_end_matches('Z'), locale, 2026).0, Entered::Number)
        }
        Json::Null | Json::Array(_) | Json::Object(_) => Entered::Empty,
    }
}
