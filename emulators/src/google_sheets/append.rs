//! `append`: finding the table that a range touches, and adding rows below it.

use serde_json::{Value as Json, json};

use super::{
    account::Moment,
    errors::ApiError,
    grid::{Dimension, Grid},
    protection,
    render::ReadOptions,
    requests::dimensions::insert_like_above,
    sheet::Area,
    spreadsheet::{Located, Spreadsheet},
    write::{Input, Lines, put, update_json},
};

/// Where appended rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Insertion {
    /// Over what lies below the table.
    Overwrite,
    /// Into new rows.
    InsertRows,
}

/// Appends values below the table that a range touches; where there is none, at the range itself. Both the grid's ends give way.
///
/// # Errors
/// Fails when the spreadsheet would become too large, a cell is protected, or a value is too long.
pub(super) fn append(
    book: &mut Spreadsheet,
    (located, text): (&Located, &str),
    lines: &Lines,
    (input, insertion): (Input, Insertion),
    (response, moment): (Option<ReadOptions>, &Moment),
) -> Result<Json, ApiError> {
    let area = book.area(located, text)?;
    let table = table(&book.sheets[located.sheet].grid, &area);
    let table_name = table.as_ref().map(|table| book.sheets[located.sheet].name_of(table));
    let (row, column) = match &table {
        Some(table) => (table.rows.end, table.columns.start),
        None => (area.rows.start, area.columns.start),
    };
    let width = lines.iter().map(Vec::len).max().unwrap_or_default();
    let target = Area { rows: row..row + lines.len(), columns: column..column + width };
    make_room(book, located.sheet, &target, insertion == Insertion::InsertRows && table.is_some())?;
    protection::check(book, located.sheet, &target, moment)?;
    let written = put(book, located.sheet, &target, lines, (input, moment))?;
    let updates = update_json(book, &written, response, moment);
    let mut answer = json!({ "spreadsheetId": book.id, "updates": updates });
    if let Some(name) = table_name {
        answer["tableRange"] = Json::from(name);
    }
    Ok(answer)
}

fn make_room(book: &mut Spreadsheet, sheet: usize, target: &Area, is_inserting: bool) -> Result<(), ApiError> {
    let grid = &book.sheets[sheet].grid;
    let (rows, columns) = (grid.row_count(), grid.column_count());
    let missing = target.columns.end.saturating_sub(columns);
    let new_rows = if is_inserting { target.rows.len() } else { target.rows.end.saturating_sub(rows) };
    let at = if is_inserting { target.rows.start } else { rows };
    // Counted before they are made: ten million cells are not built to be refused.
    let others: usize = book.sheets.iter().map(|sheet| sheet.grid.cell_count()).sum::<usize>() - rows * columns;
    super::requests::dimensions::check_size(others + (rows + new_rows) * (columns + missing))?;
    if missing > 0 {
        book.sheets[sheet].grid.resize(rows, columns + missing);
    }
    if new_rows > 0 {
        insert_like_above(book, sheet, Dimension::Rows, at..at + new_rows);
    }
    book.check_size()
}

/// Finds the last table in an area: the block of filled cells around its last filled cell, or the block that the area lies in.
/// Blocks that touch, even at a corner, are one.
fn table(grid: &Grid, area: &Area) -> Option<Area> {
    if let Some((row, column)) = grid.last_filled(&area.rows, &area.columns) {
        return Some(block(grid, row, column));
    }
    // A blank cell may lie within a table: then a neighbour is part of it.
    let (row, column) = (area.rows.start, area.columns.start);
    let rows = row.saturating_sub(1)..row + 2;
    let columns = column.saturating_sub(1)..column + 2;
    let (near_row, near_column) = grid.last_filled(&rows, &columns)?;
    let found = block(grid, near_row, near_column);
    found.holds(&Area { rows: row..row + 1, columns: column..column + 1 }).then_some(found)
}

/// Grows a block from a cell until all around it is blank.
fn block(grid: &Grid, row: usize, column: usize) -> Area {
    let mut found = Area { rows: row..row + 1, columns: column..column + 1 };
    loop {
        let around =
            |range: &std::ops::Range<usize>, count: usize| range.start.saturating_sub(1)..(range.end + 1).min(count);
        let columns = around(&found.columns, grid.column_count());
        let before = found.clone();
        while found.rows.end < grid.kept_rows() && grid.is_filled(found.rows.end, &columns) {
            found.rows.end += 1;
        }
        while found.rows.start > 0 && grid.is_filled(found.rows.start - 1, &columns) {
            found.rows.start -= 1;
        }
        let rows = around(&found.rows, grid.row_count());
        let is_filled = |column: usize| rows.clone().any(|row| !grid.cell(row, column).is_blank());
        while found.columns.end < grid.column_count() && is_filled(found.columns.end) {
            found.columns.end += 1;
        }
        while found.columns.start > 0 && is_filled(found.columns.start - 1) {
            found.columns.start -= 1;
        }
        if found == before {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::a1;
    use super::super::cell::Entered;
    use super::*;

    /// The two tables of the vendor's guide: A1:C2 and B4:D6.
    fn guide() -> Grid {
        let mut grid = Grid::new(20, 10);
        for place in ["A1", "B1", "C1", "A2", "B2", "C2", "B4", "C4", "C5", "D5", "B6", "C6", "D6"] {
            let cells = a1::cells(place).unwrap();
            grid.cell_mut(cells.rows.start, cells.columns.start).entered = Entered::text("x");
        }
        grid
    }

    #[test]
    fn the_last_table_of_the_range_counts_and_a_cell_beside_a_table_is_in_none() {
        let grid = guide();
        for (range, wanted) in [
            ("A1:J20", Some("S!B4:D6")),
            ("B4", Some("S!B4:D6")),
            ("C5:D5", Some("S!B4:D6")),
            ("B5", Some("S!B4:D6")),
            ("B2:D4", Some("S!B4:D6")),
            ("A3:G10", Some("S!B4:D6")),
            ("A1", Some("S!A1:C2")),
            ("E4", None),
            ("A4", None),
        ] {
            let cells = a1::cells(range).unwrap();
            let area = Area { rows: cells.rows.within(20), columns: cells.columns.within(10) };
            let found = table(&grid, &area).map(|table| a1::range_name("S", &table.rows, &table.columns));
            assert_eq!(found.as_deref(), wanted, "{range}");
        }
    }
}
