//! Requests that insert and delete blocks of cells, and let the others give way.

use serde_json::Value as Json;

use super::super::{
    account::Moment,
    cell::Cell,
    errors::{Answer, ApiError},
    grid::Dimension,
    protection,
    sheet::Area,
    spreadsheet::Spreadsheet,
};
use super::{Fields, area, dimensions::dimension};

/// Lifts the cells behind the start of an area, in the direction of a dimension.
fn behind(book: &Spreadsheet, sheet: usize, area: &Area, shift: Dimension) -> Area {
    let grid = &book.sheets[sheet].grid;
    match shift {
        Dimension::Rows => Area { rows: area.rows.start..grid.row_count(), columns: area.columns.clone() },
        Dimension::Columns => Area { rows: area.rows.clone(), columns: area.columns.start..grid.column_count() },
    }
}

/// Cells that give way, and how far.
struct Shift {
    sheet: usize,
    /// The block that is inserted or deleted.
    area: Area,
    /// It and all behind it.
    whole: Area,
    down: usize,
    across: usize,
}

fn shift(book: &Spreadsheet, fields: &Fields, moment: &Moment) -> Result<Shift, ApiError> {
    let (sheet, area) = area(book, fields.get("range"))?;
    let dimension = dimension(fields.get("shiftDimension"))?;
    let whole = behind(book, sheet, &area, dimension);
    protection::check(book, sheet, &whole, moment)?;
    let (down, across) = match dimension {
        Dimension::Rows => (area.rows.len(), 0),
        Dimension::Columns => (0, area.columns.len()),
    };
    Ok(Shift { sheet, area, whole, down, across })
}

pub(super) fn insert(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let Shift { sheet, area, whole, down, across } = shift(book, fields, moment)?;
    let grid = &mut book.sheets[sheet].grid;
    let filled = grid.last_filled(&whole.rows, &whole.columns);
    let (last_row, last_column) = filled.unwrap_or((0, 0));
    let rows = grid.row_count().max(last_row + 1 + down);
    let columns = grid.column_count().max(last_column + 1 + across);
    super::dimensions::check_size(rows.saturating_mul(columns))?;
    grid.resize(rows, columns);
    for row in (area.rows.start..(last_row + 1).max(area.rows.end)).rev() {
        for column in (area.columns.start..(last_column + 1).max(area.columns.end)).rev() {
            let is_meant = whole.rows.contains(&row) && whole.columns.contains(&column);
            let cell = if is_meant { std::mem::take(grid.cell_mut(row, column)) } else { continue };
            if row + down < rows && column + across < columns {
                *grid.cell_mut(row + down, column + across) = cell;
            }
        }
    }
    Ok(Json::Null)
}

pub(super) fn delete(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let Shift { sheet, whole, down, across, .. } = shift(book, fields, moment)?;
    let grid = &mut book.sheets[sheet].grid;
    let end = whole.rows.end.min(grid.kept_rows());
    for row in whole.rows.start..end {
        for column in whole.columns.clone() {
            let is_there = row + down < end && whole.columns.contains(&(column + across));
            let cell = if is_there { grid.cell(row + down, column + across).clone() } else { Cell::default() };
            if column < grid.row(row).len() || !cell.is_blank() || cell.look.is_some() {
                *grid.cell_mut(row, column) = cell;
            }
        }
    }
    Ok(Json::Null)
}
