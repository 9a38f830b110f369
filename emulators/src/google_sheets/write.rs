//! How values are written: raw or as typed, within a range, and what the answer counts.

use std::collections::BTreeSet;

use chrono::Datelike;
use serde_json::{Map, Value as Json, json};

use super::{
    a1,
    account::Moment,
    cell::{Cell, Entered},
    entered::typed,
    errors::ApiError,
    evaluator::Evaluator,
    formats::Locale,
    grid::Dimension,
    protection,
    render::{self, ReadOptions, unknown},
    sheet::Area,
    spreadsheet::{Located, Spreadsheet},
};

/// Most characters of a cell. Source: the vendor's own refusal.
pub(super) const MAX_CHARACTERS: usize = 50_000;

/// How a text is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Raw,
    UserEntered,
}

impl Input {
    /// Reads `valueInputOption`.
    ///
    /// # Errors
    /// Fails when it is missing or none of the two.
    pub(super) fn read(option: Option<&str>) -> Result<Self, ApiError> {
        match option {
            Some("RAW") => Ok(Self::Raw),
            Some("USER_ENTERED") => Ok(Self::UserEntered),
            None | Some("" | "INPUT_VALUE_OPTION_UNSPECIFIED") => {
                Err(ApiError::invalid("'valueInputOption' is required but not specified"))
            }
            Some(other) => Err(unknown("value_input_option", "ValueInputOption", other)),
        }
    }
}

/// Values of a request, by rows.
pub(super) type Lines<'json> = Vec<Vec<&'json Json>>;

/// Returns the values of a `ValueRange` by rows, whatever its major dimension is.
///
/// # Errors
/// Fails on a value that no cell can hold.
pub(super) fn lines<'json>(body: &'json Map<String, Json>, place: &str) -> Result<Lines<'json>, ApiError> {
    static NULL: Json = Json::Null;
    let given: Vec<&Vec<Json>> = body
        .get("values")
        .and_then(Json::as_array)
        .map_or_else(Vec::new, |lines| lines.iter().filter_map(Json::as_array).collect());
    for (index, line) in given.iter().enumerate() {
        if let Some(position) = line.iter().position(|value| value.is_object() || value.is_array()) {
            let value = &line[position];
            let kind = if value.is_object() { "struct_value" } else { "list_value" };
            return Err(ApiError::invalid(format!("Invalid {place}[{index}][{position}]: {kind} {value}")));
        }
    }
    if body.get("majorDimension").and_then(Json::as_str) != Some("COLUMNS") {
        return Ok(given.into_iter().map(|line| line.iter().collect()).collect());
    }
    let height = given.iter().map(|line| line.len()).max().unwrap_or_default();
    let row = |row: usize| given.iter().map(|line| line.get(row).unwrap_or(&NULL)).collect();
    Ok((0..height).map(row).collect())
}

/// What was written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) sheet: usize,
    pub(super) area: Area,
    /// The range of the request, whose values come along even where less was written.
    pub(super) asked: Area,
    pub(super) cells: usize,
}

/// Writes values into a range; `text` is how the request calls it.
///
/// # Errors
/// Fails when the values do not fit into the range or the grid, when a cell is protected, or when a value is too long.
pub(super) fn write(
    book: &mut Spreadsheet,
    (located, text): (&Located, &str),
    lines: &Lines,
    (input, moment): (Input, &Moment),
) -> Result<Written, ApiError> {
    let area = book.area(located, text)?;
    let width = lines.iter().map(Vec::len).max().unwrap_or_default();
    let target = Area {
        rows: area.rows.start..area.rows.start + lines.len(),
        columns: area.columns.start..area.columns.start + width,
    };
    let grid = &book.sheets[located.sheet].grid;
    if !located.cells.is_cell {
        check_within(book, located, &area, &target)?;
    }
    if target.rows.end > grid.row_count() || target.columns.end > grid.column_count() {
        let sheet = &book.sheets[located.sheet];
        return Err(book.exceeds(located, &sheet.name_of(&target)));
    }
    protection::check(book, located.sheet, &target, moment)?;
    let written = put(book, located.sheet, &target, lines, (input, moment))?;
    let asked = if located.cells.is_cell { target } else { area };
    Ok(Written { asked, ..written })
}

/// Fails when values go beyond a range that has an end.
fn check_within(book: &Spreadsheet, located: &Located, area: &Area, target: &Area) -> Result<(), ApiError> {
    let name = book.sheets[located.sheet].name_of(area);
    let (rows, columns) = (located.cells.rows, located.cells.columns);
    let within = format!("Requested writing within range [{name}], but tried writing to");
    if columns.end.is_some() && target.columns.end > area.columns.end {
        let column = a1::column_name(area.columns.end);
        return Err(ApiError::invalid(format!("{within} column [{column}]")));
    }
    if rows.end.is_some() && target.rows.end > area.rows.end {
        return Err(ApiError::invalid(format!("{within} row [{}]", area.rows.end + 1)));
    }
    Ok(())
}

/// Puts values into an area that is large enough.
///
/// # Errors
/// Fails when a value is too long.
pub(super) fn put(
    book: &mut Spreadsheet,
    sheet: usize,
    area: &Area,
    lines: &Lines,
    (input, moment): (Input, &Moment),
) -> Result<Written, ApiError> {
    let locale = book.locale();
    let year = moment.now.with_timezone(&book.zone()).year();
    let grid = &mut book.sheets[sheet].grid;
    let mut cells = 0;
    for (row, line) in area.rows.clone().zip(lines) {
        for (column, value) in area.columns.clone().zip(line) {
            if value.is_null() {
                continue;
            }
            cells += 1;
            let is_blank = value.as_str().is_some_and(str::is_empty);
            if is_blank && grid.cell(row, column).is_blank() {
                continue;
            }
            enter(grid.cell_mut(row, column), value, input, (&locale, year))?;
        }
    }
    Ok(Written { sheet, area: area.clone(), asked: area.clone(), cells })
}

/// Enters a value into a cell.
fn enter(cell: &mut Cell, value: &Json, input: Input, (locale, year): (&Locale, i32)) -> Result<(), ApiError> {
    cell.entered = match value {
        Json::Bool(is_true) => Entered::Bool(*is_true),
        Json::Number(number) => Entered::Number(number.as_f64().unwrap_or_default()),
        Json::String(text) => {
            check_length(text)?;
            let is_text = cell.number_format().is_some_and(|(kind, _)| kind == "TEXT");
            if input == Input::Raw || is_text && !text.starts_with('\'') {
                Entered::text(text)
            } else {
                let (entered, format) = typed(text, locale, year);
                if let Some((kind, pattern)) = format.filter(|_| cell.number_format().is_none()) {
                    cell.set_number_format(kind, &pattern);
                }
                entered
            }
        }
        Json::Null | Json::Array(_) | Json::Object(_) => return Ok(()),
    };
    Ok(())
}

/// Fails on a text that no cell can hold.
pub(super) fn check_length(text: &str) -> Result<(), ApiError> {
    if text.len() > MAX_CHARACTERS && text.encode_utf16().count() > MAX_CHARACTERS {
        return Err(ApiError::invalid(format!(
            "Your input contains more than the maximum of {MAX_CHARACTERS} characters in a single cell."
        )));
    }
    Ok(())
}

/// Returns the answer to one written range; `response` says how its values come along, where they are wanted.
pub(super) fn update_json(
    book: &Spreadsheet,
    written: &Written,
    response: Option<ReadOptions>,
    moment: &Moment,
) -> Json {
    let mut answer = json!({ "spreadsheetId": book.id, "updatedRange": range_of(book, written) });
    if written.cells > 0 {
        answer["updatedRows"] = Json::from(written.area.rows.len());
        answer["updatedColumns"] = Json::from(written.area.columns.len());
        answer["updatedCells"] = Json::from(written.cells);
    }
    if let Some(options) = response {
        let evaluator = Evaluator::new(book, moment.now);
        answer["updatedData"] = render::value_range(book, written.sheet, &written.asked, options, &evaluator);
    }
    answer
}

fn range_of(book: &Spreadsheet, written: &Written) -> String {
    let Area { rows, columns } = &written.area;
    let at_least = |range: &std::ops::Range<usize>| range.start..range.end.max(range.start + 1);
    a1::range_name(&book.sheets[written.sheet].title, &at_least(rows), &at_least(columns))
}

/// Returns the totals of several written ranges.
pub(super) fn totals(all: &[Written]) -> Map<String, Json> {
    let positions = |dimension: Dimension| {
        let range = |one: &Written| match dimension {
            Dimension::Rows => one.area.rows.clone(),
            Dimension::Columns => one.area.columns.clone(),
        };
        let all = all.iter().flat_map(|one| range(one).map(|index| (one.sheet, index)));
        all.collect::<BTreeSet<_>>().len()
    };
    let sheets: BTreeSet<usize> = all.iter().map(|one| one.sheet).collect();
    let cells: usize = all.iter().map(|one| one.cells).sum();
    let counts = [
        ("totalUpdatedRows", positions(Dimension::Rows)),
        ("totalUpdatedColumns", positions(Dimension::Columns)),
        ("totalUpdatedCells", cells),
        ("totalUpdatedSheets", sheets.len()),
    ];
    counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), Json::from(count)))
        .collect()
}
