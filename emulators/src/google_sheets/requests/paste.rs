//! Requests that copy cells: copy, cut, paste data, fill.

use serde_json::Value as Json;

use super::super::{
    account::Moment,
    cell::{Cell, Entered, Value},
    errors::{Answer, ApiError},
    evaluator::Evaluator,
    numbers, protection,
    sheet::Area,
    spreadsheet::Spreadsheet,
    write::{Input, put},
};
use super::{Fields, area};

/// Lifts the cells of an area.
fn lift(book: &Spreadsheet, sheet: usize, area: &Area) -> Vec<Vec<Cell>> {
    let row =
        |row: usize| area.columns.clone().map(|column| book.sheets[sheet].grid.cell(row, column).clone()).collect();
    area.rows.clone().map(row).collect()
}

/// Returns the values of an area as they are shown by formulas.
fn values(book: &Spreadsheet, sheet: usize, area: &Area, moment: &Moment) -> Vec<Vec<Value>> {
    let evaluator = Evaluator::new(book, moment.now);
    let row = |row: usize| area.columns.clone().map(|column| evaluator.value((sheet, row, column))).collect();
    area.rows.clone().map(row).collect()
}

pub(super) fn copy(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let (from, source) = area(book, fields.get("source"))?;
    let (to, target) = area(book, fields.get("destination"))?;
    let kind = fields.get("pasteType").and_then(Json::as_str).unwrap_or("PASTE_NORMAL");
    let is_turned = fields.get("pasteOrientation").and_then(Json::as_str) == Some("TRANSPOSE");
    let cells = lift(book, from, &source);
    let values = if kind == "PASTE_VALUES" { values(book, from, &source, moment) } else { Vec::new() };
    let (height, width) =
        if is_turned { (source.columns.len(), source.rows.len()) } else { (source.rows.len(), source.columns.len()) };
    // A larger destination is filled with copies as far as whole ones fit, a smaller one is overrun.
    let times = |room: usize, size: usize| (room / size).max(1) * size;
    let (rows, columns) = (times(target.rows.len(), height), times(target.columns.len(), width));
    let target = Area {
        rows: target.rows.start..target.rows.start + rows,
        columns: target.columns.start..target.columns.start + columns,
    };
    check_room(book, to, &target)?;
    protection::check(book, to, &target, moment)?;
    for (down, row) in target.rows.clone().enumerate() {
        for (across, column) in target.columns.clone().enumerate() {
            let (y, x) = if is_turned { (across % width, down % height) } else { (down % height, across % width) };
            let steps = (step(row, source.rows.start + y), step(column, source.columns.start + x));
            let value = values.get(y).and_then(|row| row.get(x));
            paste(book.sheets[to].grid.cell_mut(row, column), &cells[y][x], value, kind, steps);
        }
    }
    Ok(Json::Null)
}

fn check_room(book: &Spreadsheet, sheet: usize, target: &Area) -> Result<(), ApiError> {
    if book.sheets[sheet].whole().holds(target) {
        return Ok(());
    }
    let name = book.sheets[sheet].name_of(target);
    let (rows, columns) = (book.sheets[sheet].grid.row_count(), book.sheets[sheet].grid.column_count());
    Err(ApiError::invalid(format!("Range ({name}) exceeds grid limits. Max rows: {rows}, max columns: {columns}")))
}

fn step(to: usize, from: usize) -> isize {
    isize::try_from(to).unwrap_or_default() - isize::try_from(from).unwrap_or_default()
}

/// Pastes one cell over another.
fn paste(target: &mut Cell, source: &Cell, value: Option<&Value>, kind: &str, (rows, columns): (isize, isize)) {
    let entered = || match &source.entered {
        Entered::Formula(formula) => Entered::Formula(formula.copied(rows, columns).into()),
        other => other.clone(),
    };
    match kind {
        "PASTE_VALUES" => {
            target.entered = match value {
                Some(Value::Number(number)) => Entered::Number(*number),
                Some(Value::Text(text)) => Entered::text(text),
                Some(Value::Bool(is_true)) => Entered::Bool(*is_true),
                Some(Value::Error(fault)) => Entered::text(fault.kind.text()),
                Some(Value::Empty | Value::Rows(_)) | None => Entered::Empty,
            };
        }
        "PASTE_FORMULA" => target.entered = entered(),
        "PASTE_FORMAT" | "PASTE_CONDITIONAL_FORMATTING" => copy_look(target, source, "userEnteredFormat"),
        "PASTE_DATA_VALIDATION" => copy_look(target, source, "dataValidation"),
        _ => {
            target.entered = entered();
            target.look.clone_from(&source.look);
        }
    }
}

fn copy_look(target: &mut Cell, source: &Cell, name: &str) {
    let new = source.look.as_ref().and_then(|look| look.get(name)).cloned();
    target.change_look(|look| match new {
        Some(new) => {
            look.insert(name.to_owned(), new);
        }
        None => {
            look.remove(name);
        }
    });
}

pub(super) fn cut(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let (from, source) = area(book, fields.get("source"))?;
    let place = fields.get("destination").cloned().unwrap_or_default();
    let to = book.sheet_of(place.get("sheetId"))?;
    let index = |name: &str| place.get(name).and_then(numbers::index).unwrap_or(0);
    let (row, column) = (index("rowIndex"), index("columnIndex"));
    let target = Area { rows: row..row + source.rows.len(), columns: column..column + source.columns.len() };
    check_room(book, to, &target)?;
    protection::check(book, from, &source, moment)?;
    protection::check(book, to, &target, moment)?;
    let cells = lift(book, from, &source);
    for row in source.rows.clone() {
        for column in source.columns.clone() {
            *book.sheets[from].grid.cell_mut(row, column) = Cell::default();
        }
    }
    for (row, line) in target.rows.zip(cells) {
        for (column, cell) in target.columns.clone().zip(line) {
            *book.sheets[to].grid.cell_mut(row, column) = cell;
        }
    }
    Ok(Json::Null)
}

pub(super) fn data(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let place = fields.get("coordinate").cloned().unwrap_or_default();
    let sheet = book.sheet_of(place.get("sheetId"))?;
    let index = |name: &str| place.get(name).and_then(numbers::index).unwrap_or(0);
    let (row, column) = (index("rowIndex"), index("columnIndex"));
    let text = fields.get("data").and_then(Json::as_str).unwrap_or_default();
    let mark = fields.get("delimiter").and_then(Json::as_str).unwrap_or("\t");
    let mark = mark.bytes().next().unwrap_or(b'\t');
    if fields.get("html") == Some(&Json::Bool(true)) {
        return Err(ApiError::invalid("The local sheet does not read HTML."));
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(mark).from_reader(text.as_bytes());
    let mut rows: Vec<Vec<Json>> = Vec::new();
    for line in reader.records() {
        let line = line.map_err(|error| ApiError::invalid(format!("The data cannot be read: {error}")))?;
        rows.push(line.iter().map(Json::from).collect());
    }
    let width = rows.iter().map(Vec::len).max().unwrap_or_default();
    let target = Area { rows: row..row + rows.len(), columns: column..column + width };
    // Pasting makes the room that it needs.
    let grid = &mut book.sheets[sheet].grid;
    let (row_count, column_count) =
        (grid.row_count().max(target.rows.end), grid.column_count().max(target.columns.end));
    super::dimensions::check_size(row_count.saturating_mul(column_count))?;
    grid.resize(row_count, column_count);
    protection::check(book, sheet, &target, moment)?;
    let lines = rows.iter().map(|row| row.iter().collect()).collect();
    put(book, sheet, &target, &lines, (Input::UserEntered, moment))?;
    Ok(Json::Null)
}

pub(super) fn fill(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let given = fields.get("sourceAndDestination").and_then(Json::as_object);
    let given = given.ok_or_else(|| ApiError::invalid("The local sheet fills with a source and a direction only."))?;
    let (sheet, source) = area(book, given.get("source"))?;
    let length = given.get("fillLength").and_then(numbers::integer).unwrap_or(0);
    let count = usize::try_from(length.unsigned_abs()).unwrap_or_default();
    let around = |range: &std::ops::Range<usize>| {
        if length < 0 { range.start.saturating_sub(count)..range.start } else { range.end..range.end + count }
    };
    let target = if given.get("dimension").and_then(Json::as_str) == Some("COLUMNS") {
        Area { rows: source.rows.clone(), columns: around(&source.columns) }
    } else {
        Area { rows: around(&source.rows), columns: source.columns.clone() }
    };
    check_room(book, sheet, &target)?;
    protection::check(book, sheet, &target, moment)?;
    let cells = lift(book, sheet, &source);
    let pick = |at: usize, start: usize, size: usize| (at + size * (start / size + 1) - start) % size;
    for row in target.rows.clone() {
        for column in target.columns.clone() {
            let y = pick(row, source.rows.start, source.rows.len());
            let x = pick(column, source.columns.start, source.columns.len());
            let steps = (step(row, source.rows.start + y), step(column, source.columns.start + x));
            paste(book.sheets[sheet].grid.cell_mut(row, column), &cells[y][x], None, "PASTE_NORMAL", steps);
        }
    }
    Ok(Json::Null)
}
