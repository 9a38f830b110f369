//! Puts right what a write overwrote by mistake, because somebody moved rows or columns between the read and the write.
//!
//! Three states of the table tell what happened: as it was read before (`before`), as it was at the write (`miss`), and as it is
//! now. A cell that was hit is found by its column's heading and its row's key, and gets back what stood there before. A row
//! without a key, or with one that several rows have, is known by its other cells.

use std::collections::HashSet;

use super::{
    super::{cell::Cell, references::rewritten, table::Table},
    moves::{is_in_place, moves, reversed},
    snapshot::Snapshot,
    writes::{Miss, RowWrite},
};

/// What was overwritten cannot be told: the row or the column was new, and what it held is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Unknown {
    pub(super) cells: usize,
}

/// Where the columns of the three states are, by their offsets from the first column.
struct Columns {
    first: usize,
    first_now: usize,
    /// From the write back to the snapshot before it.
    then: Vec<Option<usize>>,
    /// From the write to what is there now.
    now: Vec<Option<usize>>,
    /// From the snapshot to what is there now.
    over: Vec<Option<usize>>,
}

/// A row that was written.
struct Hit<'miss> {
    write: &'miss RowWrite,
    /// Its row in the snapshot before.
    before: Option<usize>,
    /// Its row now.
    now: usize,
}

/// Notes in `now` what its cells should hold that were overwritten by mistake.
pub(super) fn put_right(before: &Snapshot, miss: &Miss, now: &mut Snapshot, keys: &[usize], table: &Table) -> Unknown {
    let first = before.first_column();
    let of_write = moves(&before.view.headings, &miss.headings);
    let columns = Columns {
        first,
        first_now: now.first_column(),
        then: reversed(&of_write, miss.headings.len().max(before.view.headings.len())),
        now: moves(&miss.headings, &now.view.headings),
        over: moves(&before.view.headings, &now.view.headings),
    };
    let keys_then: Vec<usize> = keys
        .iter()
        .map(|place| of_write.get(place - first).copied().flatten().map_or(usize::MAX, |offset| offset + first))
        .collect();
    let mut unknown = Unknown::default();
    for (row, write) in &miss.sent {
        let are_in_place = |place: &usize| is_in_place(&before.view.headings, &miss.headings, &of_write, place - first);
        let is_row = miss.is_row(*row, write, before, &keys_then);
        let hits: Vec<usize> = write
            .values
            .keys()
            .chain(write.formulas.keys())
            .copied()
            .filter(|place| !(is_row && are_in_place(place)))
            .collect();
        if hits.is_empty() {
            continue;
        }
        // A key that was hit itself tells nothing any more.
        let is_key_hit = write.changes_key || hits.iter().any(|place| keys_then.contains(place));
        let key = if is_key_hit { None } else { Snapshot::key_in(miss.cells(*row), miss.first_column, &keys_then) };
        let Some(hit) = find((*row, write), (key.as_deref(), is_key_hit), (before, &*now), (&columns, &hits)) else {
            unknown.cells += hits.len();
            continue;
        };
        for place in hits {
            unknown.cells += usize::from(!restore(&hit, place, (before, &mut *now), &columns, table));
        }
    }
    unknown
}

/// Takes over what an earlier write overwrote and nobody has put back yet.
pub(super) fn carry(before: &Snapshot, now: &mut Snapshot, table: &Table) {
    let over = moves(&before.view.headings, &now.view.headings);
    let (first, first_now) = (before.first_column(), now.first_column());
    let columns = Columns { first, first_now, then: Vec::new(), now: Vec::new(), over };
    for (row, place) in before.wrong() {
        let Some(column) = columns.over(*place) else { continue };
        let row_now = row_now(*row, before, now).unwrap_or(*row);
        give_back(before, (*row, *place), now, (row_now, column), &columns, table);
    }
}

/// As [`put_right`], where whole columns were written and the rows are known by their numbers.
pub(super) fn put_columns_right(
    before: &Snapshot,
    headings: &[Cell],
    now: &mut Snapshot,
    written: &[usize],
    table: &Table,
) {
    let of_write = moves(&before.view.headings, headings);
    let columns = Columns {
        first: before.first_column(),
        first_now: now.first_column(),
        then: reversed(&of_write, headings.len().max(before.view.headings.len())),
        now: moves(headings, &now.view.headings),
        over: moves(&before.view.headings, &now.view.headings),
    };
    let rows = before.rows().start + 1..before.rows().end.max(now.rows().end);
    for place in written {
        if is_in_place(&before.view.headings, headings, &of_write, place - columns.first) {
            continue;
        }
        let Some(column) = columns.now(*place) else { continue };
        for row in rows.clone() {
            match columns.then(*place) {
                Some(then) => give_back(before, (row, then), now, (row, column), &columns, table),
                None => now.correct((row, column), Cell::Empty, false),
            }
        }
    }
}

impl Columns {
    /// Returns where the column that was at a place at the write was before.
    fn then(&self, place: usize) -> Option<usize> {
        self.then.get(place - self.first).copied().flatten().map(|offset| offset + self.first)
    }

    /// Returns where the column that was at a place at the write is now.
    fn now(&self, place: usize) -> Option<usize> {
        match self.now.get(place - self.first) {
            Some(offset) => offset.map(|offset| offset + self.first_now),
            // Beyond the last heading nothing tells of moves.
            None => Some(place - self.first + self.first_now),
        }
    }

    /// Returns where a column of the snapshot is now.
    fn over(&self, place: usize) -> Option<usize> {
        let offset = place.checked_sub(self.first)?;
        match self.over.get(offset) {
            Some(offset) => offset.map(|offset| offset + self.first_now),
            None => Some(offset + self.first_now),
        }
    }
}

/// Writes down what a cell that was hit should hold; false where nobody knows, so that it is left blank.
fn restore(
    hit: &Hit<'_>,
    place: usize,
    (before, now): (&Snapshot, &mut Snapshot),
    columns: &Columns,
    table: &Table,
) -> bool {
    let Some(column) = columns.now(place) else { return true };
    let is_still_ours = hit.write.values.get(&place).is_none_or(|value| now.cell(hit.now, column) == value);
    if !is_still_ours {
        // Somebody wrote into it since.
        return true;
    }
    let from = hit.before.zip(columns.then(place));
    if let Some(from) = from {
        give_back(before, from, now, (hit.now, column), columns, table);
    } else {
        now.correct((hit.now, column), Cell::Empty, false);
    }
    from.is_some()
}

/// Writes down that a cell should hold what another one held before.
fn give_back(
    before: &Snapshot,
    from: (usize, usize),
    now: &mut Snapshot,
    to: (usize, usize),
    columns: &Columns,
    table: &Table,
) {
    let cell = before.cell(from.0, from.1).clone();
    let is_formula = before.has_formula(from.0, from.1);
    let cell = if is_formula {
        let row = |row: usize| if row == from.0 { Some(to.0) } else { row_now(row, before, now) };
        Cell::text(rewritten(&cell.seen(), &table.place.title, row, |column| columns.over(column)))
    } else {
        cell
    };
    now.correct(to, cell, is_formula);
}

/// Returns where a row of the snapshot is now, by its key.
fn row_now(row: usize, before: &Snapshot, now: &Snapshot) -> Option<usize> {
    only(now, &before.key_of(row)?)
}

fn only(snapshot: &Snapshot, key: &str) -> Option<usize> {
    match snapshot.view.rows.get(key).map(Vec::as_slice) {
        Some([row]) => Some(*row),
        _ => None,
    }
}

/// Finds the row that was hit, before and now.
fn find<'miss>(
    (row, write): (usize, &'miss RowWrite),
    (key, is_key_hit): (Option<&str>, bool),
    (before, now): (&Snapshot, &Snapshot),
    (columns, hits): (&Columns, &[usize]),
) -> Option<Hit<'miss>> {
    let written: Vec<(usize, &Cell)> =
        hits.iter().filter_map(|place| Some((columns.now(*place)?, write.values.get(place)?))).collect();
    let row_now = key.and_then(|key| only(now, key)).or_else(|| {
        let holds = |row: usize| written.iter().all(|(column, cell)| now.cell(row, *column) == *cell);
        likeliest(row, (now, key, is_key_hit), holds)
    })?;
    let of_key = key.and_then(|key| only(before, key).or_else(|| before.header_with(key)));
    let row_before = of_key.or_else(|| {
        if key.is_some_and(|key| !before.view.rows.contains_key(key)) {
            return None;
        }
        let hit_columns: HashSet<usize> = hits.iter().filter_map(|place| columns.now(*place)).collect();
        // A blank row is like any other: only one that did not move is taken for the same.
        let is_alike = |other: usize| {
            let has_any = are_alike(before, other, now, row_now, (columns, &hit_columns));
            has_any.is_some_and(|has_any| has_any || other == row)
        };
        likeliest(row, (before, key, is_key_hit), is_alike)
    });
    Some(Hit { write, before: row_before, now: row_now })
}

/// Chooses among the rows that a test finds: the one that did not move, else the only one. They are those that have a key, or
/// none of their own; all where a key was overwritten.
fn likeliest(
    row: usize,
    (snapshot, key, is_any): (&Snapshot, Option<&str>, bool),
    test: impl Fn(usize) -> bool,
) -> Option<usize> {
    let is_candidate = |row: usize| match key {
        Some(_) => snapshot.key_of(row).as_deref() == key,
        None => is_any || snapshot.key_of(row).is_none(),
    };
    let below_header = snapshot.rows().start + 1..snapshot.rows().end;
    if below_header.contains(&row) && is_candidate(row) && test(row) {
        return Some(row);
    }
    let mut found = below_header.filter(|row| is_candidate(*row) && test(*row));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Tells whether two rows hold the same but for the cells that were hit; none where they do not, else whether they hold anything.
fn are_alike(
    before: &Snapshot,
    row: usize,
    now: &Snapshot,
    row_now: usize,
    (columns, hits): (&Columns, &HashSet<usize>),
) -> Option<bool> {
    let mut has_any = false;
    for offset in 0..columns.over.len() {
        let place = columns.first + offset;
        let Some(column) = columns.over(place).filter(|column| !hits.contains(column)) else { continue };
        if before.has_formula(row, place) && now.has_formula(row_now, column) {
            continue;
        }
        if before.cell(row, place) != now.cell(row_now, column) {
            return None;
        }
        has_any |= !before.cell(row, place).is_blank();
    }
    Some(has_any)
}
