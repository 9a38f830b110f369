//! Requests that write cells: values, formulas, formats and notes, by a mask.

use std::{ops::Range, sync::Arc};

use serde_json::{Map, Value as Json};

use super::super::{
    account::Moment,
    cell::{Cell, Entered},
    errors::{Answer, ApiError},
    formula::Formula,
    grid::Dimension,
    mask::Mask,
    numbers, protection,
    sheet::Area,
    spreadsheet::Spreadsheet,
    write::check_length,
};
use super::{Fields, area, dimensions::insert_like_above, mask_of, object};

/// Reads an `ExtendedValue`. Its texts stay texts: a formula has a field of its own.
///
/// # Errors
/// Fails on a text that is too long, and on an error value, which nobody can enter.
fn entered(value: Option<&Json>) -> Result<Entered, ApiError> {
    let Some((name, value)) = value.and_then(Json::as_object).and_then(|value| value.iter().next()) else {
        return Ok(Entered::Empty);
    };
    match (name.as_str(), value) {
        ("numberValue", value) => {
            let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            Ok(number.map_or(Entered::Empty, Entered::Number))
        }
        ("stringValue", Json::String(text)) => {
            check_length(text)?;
            Ok(Entered::text(text))
        }
        ("boolValue", value) => Ok(Entered::Bool(value.as_bool().unwrap_or(value == "true"))),
        ("formulaValue", Json::String(text)) if text.starts_with('=') => {
            check_length(text)?;
            Ok(Entered::Formula(Arc::new(Formula::new(text))))
        }
        ("formulaValue", _) => Err(ApiError::invalid("A formula must begin with '='")),
        (other, _) => Err(ApiError::invalid(format!("{other} cannot be entered"))),
    }
}

/// Lays `CellData` over a cell, as far as a mask says; what the mask names and the data lacks is cleared.
///
/// # Errors
/// Fails on a value that cannot be entered.
pub(super) fn lay_over(cell: &mut Cell, data: &Map<String, Json>, mask: &Mask) -> Result<(), ApiError> {
    if mask.wants("userEnteredValue") {
        cell.entered = entered(data.get("userEnteredValue"))?;
    }
    let is_value_alone = *mask == Mask::Some(vec![("userEnteredValue".to_owned(), Mask::All)]);
    if is_value_alone {
        return Ok(());
    }
    cell.change_look(|look| {
        let mut given = data.clone();
        for derived in ["userEnteredValue", "effectiveValue", "effectiveFormat", "formattedValue", "hyperlink"] {
            given.remove(derived);
        }
        mask.update(look, &given);
        look.remove("userEnteredValue");
        look.retain(|_, value| value.as_str() != Some(""));
    });
    Ok(())
}

/// Reads the rows of a request.
fn rows(fields: &Fields) -> Vec<Vec<Map<String, Json>>> {
    let rows = fields.get("rows").or_else(|| fields.get("rowData")).and_then(Json::as_array);
    let cells = |row: &Json| {
        let values = row.get("values").and_then(Json::as_array).into_iter().flatten();
        values.map(|value| value.as_object().cloned().unwrap_or_default()).collect()
    };
    rows.into_iter().flatten().map(cells).collect()
}

fn width(rows: &[Vec<Map<String, Json>>]) -> usize {
    rows.iter().map(Vec::len).max().unwrap_or_default()
}

pub(super) fn update(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let mask = mask_of(fields, "", "CellData")?;
    let rows = rows(fields);
    let (sheet, target, is_bounded) = if let Some(start) = fields.get("start") {
        let sheet = book.sheet_of(start.get("sheetId"))?;
        let index = |name: &str| start.get(name).and_then(numbers::index).unwrap_or(0);
        let (row, column) = (index("rowIndex"), index("columnIndex"));
        (sheet, Area { rows: row..row + rows.len(), columns: column..column + width(&rows) }, false)
    } else {
        let (sheet, area) = area(book, fields.get("range"))?;
        (sheet, area, true)
    };
    let grid = &book.sheets[sheet].grid;
    if target.rows.end > grid.row_count() {
        return Err(beyond("row", target.rows.end - 1, "after last row in grid", grid.row_count()));
    }
    if target.columns.end > grid.column_count() {
        return Err(beyond("column", target.columns.end - 1, "after last column in grid", grid.column_count()));
    }
    if is_bounded && (rows.len() > target.rows.len() || width(&rows) > target.columns.len()) {
        return Err(ApiError::invalid("Attempting to write more rows or columns than the range has"));
    }
    protection::check(book, sheet, &target, moment)?;
    // Within a range, cells without data are cleared; from a start on, only what is given is written.
    let nothing = Map::new();
    for (offset, row) in target.rows.clone().enumerate() {
        let given = rows.get(offset).map_or(&[][..], Vec::as_slice);
        for (offset, column) in target.columns.clone().enumerate() {
            let data = match given.get(offset) {
                Some(data) => data,
                None if is_bounded => &nothing,
                None => break,
            };
            lay_over(book.sheets[sheet].grid.cell_mut(row, column), data, &mask)?;
        }
    }
    Ok(Json::Null)
}

fn beyond(what: &str, index: usize, where_to: &str, count: usize) -> ApiError {
    ApiError::invalid(format!("Attempting to write {what}: {index}, {where_to} ({count})"))
}

/// How a cell looks, shared with others.
type Look = Option<Arc<Map<String, Json>>>;

pub(super) fn repeat(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let mask = mask_of(fields, "cell", "CellData")?;
    let (sheet, area) = area(book, fields.get("range"))?;
    let data = object(fields, "cell")?;
    protection::check(book, sheet, &area, moment)?;
    let template = entered(data.get("userEnteredValue"))?;
    let is_format_alone = !mask.wants("userEnteredValue");
    // Cells that looked the same share how they look afterwards, too.
    let mut last: Option<(Look, Look)> = None;
    for row in area.rows.clone() {
        for column in area.columns.clone() {
            let cell = book.sheets[sheet].grid.cell_mut(row, column);
            let is_same = |(before, _): &&(Look, Look)| match (before, &cell.look) {
                (None, None) => true,
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                _ => false,
            };
            if let Some((_, after)) = last.as_ref().filter(|_| is_format_alone).filter(is_same) {
                cell.look.clone_from(after);
                continue;
            }
            let before = cell.look.clone();
            lay_over(cell, data, &mask)?;
            if let (Entered::Formula(formula), true) = (&template, mask.wants("userEnteredValue")) {
                cell.entered =
                    Entered::Formula(Arc::new(formula.copied(steps(&area.rows, row), steps(&area.columns, column))));
            }
            last = Some((before, cell.look.clone()));
        }
    }
    Ok(Json::Null)
}

/// Returns how far a position is from the start of a range.
fn steps(range: &Range<usize>, index: usize) -> isize {
    isize::try_from(index - range.start).unwrap_or_default()
}

pub(super) fn append(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let mask = mask_of(fields, "", "CellData")?;
    let sheet = book.sheet_of(fields.get("sheetId"))?;
    let rows = rows(fields);
    let grid = &book.sheets[sheet].grid;
    let whole = book.sheets[sheet].whole();
    let start = grid.last_filled(&whole.rows, &whole.columns).map_or(0, |(row, _)| row + 1);
    let (row_count, column_count) = (grid.row_count(), grid.column_count());
    let target = Area { rows: start..start + rows.len(), columns: 0..width(&rows) };
    let others: usize =
        book.sheets.iter().map(|sheet| sheet.grid.cell_count()).sum::<usize>() - row_count * column_count;
    let after = target.rows.end.max(row_count).saturating_mul(target.columns.end.max(column_count));
    super::dimensions::check_size(others + after)?;
    if target.columns.end > column_count {
        book.sheets[sheet].grid.resize(row_count, target.columns.end);
    }
    if target.rows.end > row_count {
        insert_like_above(book, sheet, Dimension::Rows, row_count..target.rows.end);
    }
    protection::check(book, sheet, &target, moment)?;
    write_rows(book, sheet, (target.rows.start, 0), &rows, &mask)?;
    Ok(Json::Null)
}

fn write_rows(
    book: &mut Spreadsheet,
    sheet: usize,
    (row, column): (usize, usize),
    rows: &[Vec<Map<String, Json>>],
    mask: &Mask,
) -> Result<(), ApiError> {
    for (down, line) in rows.iter().enumerate() {
        for (across, data) in line.iter().enumerate() {
            lay_over(book.sheets[sheet].grid.cell_mut(row + down, column + across), data, mask)?;
        }
    }
    Ok(())
}

/// Fills a tab with `GridData`.
///
/// # Errors
/// Fails on a value that cannot be entered, or behind the grid's end.
pub(in super::super) fn fill(book: &mut Spreadsheet, sheet: usize, data: &Json) -> Result<(), ApiError> {
    let fields = data.as_object().cloned().unwrap_or_default();
    let rows = rows(&fields);
    let index = |name: &str| fields.get(name).and_then(numbers::index).unwrap_or(0);
    let (row, column) = (index("startRow"), index("startColumn"));
    let grid = &book.sheets[sheet].grid;
    if row + rows.len() > grid.row_count() || column + width(&rows) > grid.column_count() {
        return Err(ApiError::invalid("Attempting to write behind the last row or column of the grid"));
    }
    write_rows(book, sheet, (row, column), &rows, &Mask::All)
}
