//! Puts right what was written as whole columns or whole rows when somebody moved the columns.

use std::collections::HashSet;

use super::{
    super::{cell::Cell, table::Table},
    hits::{Hit, Should, Stray},
    insert::NewCell,
    moves::{is_in_place, moves, reversed},
    snapshot::{Correction, Snapshot},
    strays::{Columns, Shift, locate},
};

/// Notes what cells should hold where whole columns were written and the rows are known by their numbers.
pub(super) fn put_columns_right(
    before: &Snapshot,
    headings: &[Cell],
    now: &mut Snapshot,
    written: &[usize],
    table: &Table,
) {
    let first = before.first_column();
    let of_write = moves(&before.view.headings, headings);
    let then = reversed(&of_write, headings.len().max(before.view.headings.len()));
    let columns = Columns::new(headings, first, now);
    let over = Columns::new(&before.view.headings, first, now);
    let shift = Shift { before, columns: over, title: &table.place.title };
    let rows = before.rows().start + 1..before.rows().end.max(now.rows().end);
    for place in written {
        if is_in_place(&before.view.headings, headings, &of_write, place - first) {
            continue;
        }
        let Some(column) = columns.now(*place) else { continue };
        let then = then.get(place - first).copied().flatten().map(|offset| offset + first);
        for row in rows.clone() {
            let should = then.map(|then| Should::of(before, (row, then)));
            let blank = Correction { cell: Cell::Empty, is_formula: false };
            let correction = should.map_or(blank, |should| shift.moved(&should, (row, column), now));
            now.correct((row, column), correction);
        }
    }
}

/// A row that was put back: which one it was before, where it was inserted, and with which cells.
pub(super) type RowPutBack = (usize, usize, Vec<NewCell>);

/// Notes what cells of rows should hold that were put back when somebody moved the columns.
pub(super) fn put_rows_right(
    before: &Snapshot,
    (headings, rows): (&[Cell], Vec<RowPutBack>),
    now: &mut Snapshot,
    table: &Table,
) {
    let first = before.first_column();
    let then = reversed(&moves(&before.view.headings, headings), headings.len().max(before.view.headings.len()));
    let stray = |(row, place, cells): RowPutBack| {
        let hit = |offset: usize, cell: &NewCell| {
            let column = then.get(offset).copied().flatten();
            let should = column.map(|column| Should::of(before, (row, column + first)));
            (first + offset, Hit { is_formula: matches!(cell, NewCell::Formula(_)), should })
        };
        let hits = cells.iter().enumerate().map(|(offset, cell)| hit(offset, cell)).collect();
        let cells = cells.into_iter().map(NewCell::into_cell).collect();
        Stray { row: place, key: None, is_key_hit: true, cells, hits, origin: Some(row) }
    };
    let strays: Vec<Stray> = rows.into_iter().map(stray).collect();
    let (columns, over) = (Columns::new(headings, first, now), Columns::new(&before.view.headings, first, now));
    let shift = Shift { before, columns: over, title: &table.place.title };
    locate(strays, &columns, &shift, now, &mut HashSet::new());
}
