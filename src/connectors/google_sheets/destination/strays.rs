//! The log of what was written where it does not belong, because somebody moved rows or columns between a read and a write.
//!
//! A write brings the header and its rows back as they were then. So each cell that hit another row or column is noted with what
//! its row held at that moment and with what stood in it before. In every state of the table that is read afterwards the row is
//! found again, by its key or by all that it held, and a cell is given back what it should hold if it still holds what Ferry
//! wrote: what a person wrote into it since stays.

use std::collections::HashSet;

use super::{
    super::{cell::Cell, references::rewritten, table::Table},
    hits::{Hit, Should, Stray, of_miss, of_snapshot},
    miss::Miss,
    moves::moves,
    snapshot::{Correction, Snapshot},
};

/// Where the columns of one moment are in a later state.
pub(super) struct Columns {
    first: usize,
    first_now: usize,
    moves: Vec<Option<usize>>,
}

/// Where the rows and columns of an earlier state are in a later one.
pub(super) struct Shift<'state> {
    pub(super) before: &'state Snapshot,
    pub(super) columns: Columns,
    pub(super) title: &'state str,
}

impl Columns {
    pub(super) fn new(from: &[Cell], first: usize, now: &Snapshot) -> Self {
        Self { first, first_now: now.first_column(), moves: moves(from, &now.view.headings) }
    }

    pub(super) fn now(&self, place: usize) -> Option<usize> {
        let offset = place.checked_sub(self.first)?;
        // Beyond the last heading nothing tells of moves.
        self.moves.get(offset).copied().unwrap_or(Some(offset)).map(|offset| offset + self.first_now)
    }

    /// Returns the columns of the later state that are none of the earlier one's.
    fn new_ones(&self, now: &Snapshot) -> impl Iterator<Item = usize> {
        let taken: HashSet<usize> = self.moves.iter().flatten().copied().collect();
        (0..now.view.headings.len()).filter(move |offset| !taken.contains(offset)).map(|offset| offset + self.first_now)
    }
}

/// Notes in `now` what cells should hold: those that a write overwrote by mistake, and those of `before` that nobody has put back
/// yet. Returns how many cells hold what nobody knows, so that they are left blank.
pub(super) fn put_right(before: &Snapshot, miss: Option<&Miss>, now: &mut Snapshot, table: &Table) -> usize {
    let shift = |now: &Snapshot| Shift {
        before,
        columns: Columns::new(&before.view.headings, before.first_column(), now),
        title: &table.place.title,
    };
    let mut used = HashSet::new();
    let (mut unknown, mut taken) = (0, HashSet::new());
    if let Some(miss) = miss {
        let strays = of_miss(before, miss, now);
        let columns = Columns::new(&miss.headings, miss.first_column, now);
        taken = strays.iter().filter_map(|stray| stray.origin).collect();
        unknown = locate(strays, &columns, &shift(now), now, &mut used);
    }
    let columns = Columns::new(&before.view.headings, before.first_column(), now);
    let earlier = of_snapshot(before).into_iter().filter(|stray| !taken.contains(&stray.row)).collect();
    locate(earlier, &columns, &shift(now), now, &mut used);
    unknown
}

/// Finds the rows of strays in `now`, and notes what their cells should hold.
pub(super) fn locate(
    strays: Vec<Stray>,
    columns: &Columns,
    shift: &Shift<'_>,
    now: &mut Snapshot,
    used: &mut HashSet<usize>,
) -> usize {
    let mut unknown = 0;
    for (stray, row) in rows_now(strays, columns, now, used) {
        for (place, hit) in &stray.hits {
            let Some(column) = stray.column_now(*place, row, columns, now) else { continue };
            if !stray.is_ours((*place, hit), (row, column), columns, now) {
                continue;
            }
            let correction = if let Some(should) = &hit.should {
                shift.moved(should, (row, column), now)
            } else {
                unknown += 1;
                Correction { cell: Cell::Empty, is_formula: false }
            };
            now.correct((row, column), correction);
        }
    }
    unknown
}

/// Returns where the rows of strays are now. Those that can be told go first; one that holds what it should by now is left out.
fn rows_now(strays: Vec<Stray>, columns: &Columns, now: &Snapshot, used: &mut HashSet<usize>) -> Vec<(Stray, usize)> {
    let mut found = Vec::with_capacity(strays.len());
    let mut rest = Vec::new();
    for stray in strays {
        if stray.key.as_ref().is_some_and(|key| !now.view.rows.has(key)) {
            // Somebody removed the row.
            continue;
        }
        let by_key = stray.key.as_deref().and_then(|key| now.only(key));
        let told = by_key.or_else(|| {
            stray.nearest(now, used, |row| stray.is_alike(row, columns, now) && stray.has_hit(row, columns, now))
        });
        match told {
            Some(row) => {
                used.insert(row);
                found.push((stray, row));
            }
            None => rest.push(stray),
        }
    }
    for stray in rest {
        let is_settled =
            stray.has_others(columns) && stray.nearest(now, used, |row| stray.is_alike(row, columns, now)).is_some();
        let likely = || stray.nearest(now, used, |row| stray.has_hit(row, columns, now));
        if let Some(row) = if is_settled { None } else { likely() } {
            used.insert(row);
            found.push((stray, row));
        }
    }
    found
}

impl Stray {
    fn cell(&self, place: usize, columns: &Columns) -> &Cell {
        place.checked_sub(columns.first).and_then(|offset| self.cells.get(offset)).unwrap_or(&Cell::Empty)
    }

    /// Tells whether a cell still holds what was written by mistake.
    fn is_ours(
        &self,
        (place, hit): (usize, &Hit),
        (row, column): (usize, usize),
        columns: &Columns,
        now: &Snapshot,
    ) -> bool {
        let is_formula = now.holds_formula(row, column);
        is_formula == hit.is_formula && (is_formula || now.held(row, column) == *self.cell(place, columns))
    }

    /// Tells whether a row holds what was written by mistake, and else what it should hold.
    fn has_hit(&self, row: usize, columns: &Columns, now: &Snapshot) -> bool {
        let mut has_any = false;
        self.hits.iter().all(|(place, hit)| {
            let Some(column) = self.column_now(*place, row, columns, now) else { return true };
            let is_ours = self.is_ours((*place, hit), (row, column), columns, now);
            has_any |= is_ours;
            let should = hit.should.as_ref().map(|should| &should.correction);
            is_ours
                || match should {
                    Some(should) if should.is_formula => now.holds_formula(row, column),
                    Some(should) => now.held(row, column) == should.cell,
                    None => now.held(row, column).is_blank(),
                }
        }) && has_any
    }

    /// Returns the cells that were not overwritten, by their columns now.
    fn others<'stray>(&'stray self, columns: &'stray Columns) -> impl Iterator<Item = (usize, &'stray Cell)> {
        let end = columns.first + self.cells.len().max(columns.moves.len());
        (columns.first..end)
            .filter(|place| !self.hits.contains_key(place))
            .filter_map(|place| Some((columns.now(place)?, self.cell(place, columns))))
    }

    fn has_others(&self, columns: &Columns) -> bool {
        self.others(columns).any(|(_, cell)| !cell.is_blank())
    }

    /// Tells whether a row holds what the row held beside what was overwritten.
    fn is_alike(&self, row: usize, columns: &Columns, now: &Snapshot) -> bool {
        self.others(columns).all(|(column, cell)| now.holds_formula(row, column) || now.held(row, column) == *cell)
    }

    /// Returns the nearest row that passes a test, among those that may be this one.
    fn nearest(&self, now: &Snapshot, used: &HashSet<usize>, test: impl Fn(usize) -> bool) -> Option<usize> {
        // What is a row of its own by now is not the one that had no key, or none any more.
        let may_be =
            |row: &usize| !used.contains(row) && (self.key.is_some() || self.is_key_hit || now.key_of(*row).is_none());
        now.rows().filter(may_be).filter(|row| test(*row)).min_by_key(|row| row.abs_diff(self.row))
    }

    /// Returns where a column is now; one that cannot be told by its heading is looked for among the new ones.
    fn column_now(&self, place: usize, row: usize, columns: &Columns, now: &Snapshot) -> Option<usize> {
        columns.now(place).or_else(|| {
            let written = self.cell(place, columns);
            columns.new_ones(now).find(|column| !written.is_blank() && now.held(row, *column) == *written)
        })
    }
}

impl Shift<'_> {
    /// Returns what a cell should hold where it is now: a formula speaks of the cells where they are now.
    pub(super) fn moved(&self, should: &Should, (row, _): (usize, usize), now: &Snapshot) -> Correction {
        let Correction { cell, is_formula } = &should.correction;
        if !is_formula {
            return should.correction.clone();
        }
        let row_now = |other: usize| {
            if other == should.row { Some(row) } else { now.only(&self.before.held_key_of(other)?) }
        };
        let text = rewritten(&cell.seen(), self.title, row_now, |column| self.columns.now(column));
        Correction { cell: Cell::text(text), is_formula: true }
    }
}
