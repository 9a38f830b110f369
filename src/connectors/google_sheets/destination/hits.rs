//! What a write overwrote by mistake: the cells that it put into rows or columns other than those that were meant.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    super::cell::Cell,
    miss::{Miss, RowWrite},
    moves::{moves, reversed},
    snapshot::{Correction, Snapshot},
};

/// A row in which cells were overwritten by mistake, at one moment.
#[derive(Debug)]
pub(super) struct Stray {
    pub(super) row: usize,
    /// The key that the row had; none where it has none, or where it was overwritten.
    pub(super) key: Option<String>,
    pub(super) is_key_hit: bool,
    /// What the row held right after the write, from the first column on.
    pub(super) cells: Vec<Cell>,
    pub(super) hits: BTreeMap<usize, Hit>,
    /// Its row in the state before; none where nobody knows.
    pub(super) origin: Option<usize>,
}

/// A cell that was overwritten by mistake.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) is_formula: bool,
    /// What it should hold: none where nobody knows, because the row or the column was new.
    pub(super) should: Option<Should>,
}

/// What a cell should hold, and the row that it was in when that was read: formulas speak of it.
#[derive(Debug)]
pub(super) struct Should {
    pub(super) correction: Correction,
    pub(super) row: usize,
}

/// A write that missed, beside the states before and after it.
struct Missed<'state> {
    before: &'state Snapshot,
    miss: &'state Miss,
    now: &'state Snapshot,
    first: usize,
    /// Where the columns before were at the write, and the other way round, by their offsets.
    of_write: Vec<Option<usize>>,
    then: Vec<Option<usize>>,
    key_places: Vec<usize>,
    /// The rows before, by the keys that they held.
    keys: HashMap<String, Vec<usize>>,
    /// Rows before that a row of the write was taken for.
    used: HashSet<usize>,
}

impl Should {
    /// Returns what a cell of an earlier state should hold.
    pub(super) fn of(before: &Snapshot, (row, column): (usize, usize)) -> Self {
        let (cell, is_formula) = (before.cell(row, column), before.has_formula(row, column));
        Self { correction: Correction { cell, is_formula }, row }
    }
}

/// Returns what earlier writes overwrote and nobody has put back yet, as the state before has it.
pub(super) fn of_snapshot(before: &Snapshot) -> Vec<Stray> {
    let mut strays: BTreeMap<usize, Stray> = BTreeMap::new();
    for ((row, place), correction) in before.corrections() {
        let stray = strays.entry(*row).or_insert_with(|| Stray {
            row: *row,
            key: Snapshot::key_in(&before.held_by(*row), before.first_column(), before.key_places()),
            is_key_hit: false,
            cells: before.held_by(*row),
            hits: BTreeMap::new(),
            origin: Some(*row),
        });
        if before.key_places().contains(place) {
            (stray.key, stray.is_key_hit) = (None, true);
        }
        let should = Some(Should { correction: correction.clone(), row: *row });
        stray.hits.insert(*place, Hit { is_formula: before.holds_formula(*row, *place), should });
    }
    strays.into_values().collect()
}

/// Returns what a write overwrote by mistake.
pub(super) fn of_miss(before: &Snapshot, miss: &Miss, now: &Snapshot) -> Vec<Stray> {
    let of_write = moves(&before.view.headings, &miss.headings);
    let then = reversed(&of_write, miss.headings.len().max(before.view.headings.len()));
    let mut missed = Missed {
        before,
        miss,
        now,
        first: before.first_column(),
        of_write,
        then,
        key_places: miss.key_places(before),
        keys: before.held_keys(),
        used: HashSet::new(),
    };
    miss.sent.iter().filter_map(|(row, write)| missed.stray(*row, write)).collect()
}

impl Missed<'_> {
    /// Returns what was overwritten in a row; none where all of it belongs there.
    fn stray(&mut self, row: usize, write: &RowWrite) -> Option<Stray> {
        let is_row = self.miss.is_row(row, write, self.before, &self.key_places);
        let in_place = self.miss.in_place(self.before);
        let formulas = write.formulas.keys().map(|place| (*place, true));
        let written = write.values.keys().map(|place| (*place, false)).chain(formulas);
        let hits: Vec<(usize, bool)> = written.filter(|(place, _)| !(is_row && in_place(*place))).collect();
        if hits.is_empty() {
            return None;
        }
        let is_key_hit = hits.iter().any(|(place, _)| self.key_places.contains(place)) || (is_row && write.changes_key);
        let cells = self.miss.cells(row).to_vec();
        let key = Snapshot::key_in(&cells, self.first, &self.key_places).filter(|_| !is_key_hit);
        let hits: BTreeMap<usize, Hit> =
            hits.into_iter().map(|(place, is_formula)| (place, Hit { is_formula, should: None })).collect();
        let mut stray = Stray { row, key, is_key_hit, cells, hits, origin: None };
        stray.origin = match &self.miss.identified {
            Some(identified) => identified.get(&row).copied(),
            None => self.origin(&stray),
        };
        if let Some(origin) = stray.origin {
            self.remember(&mut stray, origin);
        }
        Some(stray)
    }

    /// Notes what the cells should hold, and what an earlier write overwrote in the row.
    fn remember(&self, stray: &mut Stray, origin: usize) {
        for (place, hit) in &mut stray.hits {
            hit.should = self.place_then(*place).map(|column| Should::of(self.before, (origin, column)));
        }
        for ((row, column), correction) in self.before.corrections().range((origin, 0)..(origin + 1, 0)) {
            if let Some(place) = self.place_at_write((*row, *column), &stray.cells) {
                let should = Some(Should { correction: correction.clone(), row: *row });
                let hit = Hit { is_formula: self.before.holds_formula(*row, *column), should };
                stray.hits.entry(place).or_insert(hit);
            }
        }
    }

    /// Returns where a column before was at the write; one that cannot be told by its heading is told by what the row held in it.
    fn place_at_write(&self, (row, column): (usize, usize), cells: &[Cell]) -> Option<usize> {
        let told = self.of_write.get(column - self.first).copied().flatten();
        let held = self.before.held(row, column);
        let is_new = |offset: &usize| self.then.get(*offset).copied().flatten().is_none();
        let found = || (0..cells.len()).filter(is_new).find(|offset| !held.is_blank() && cells[*offset] == held);
        told.or_else(found).map(|offset| offset + self.first)
    }

    fn place_then(&self, place: usize) -> Option<usize> {
        self.then.get(place.checked_sub(self.first)?).copied().flatten().map(|offset| offset + self.first)
    }

    /// Finds the row of the state before that was hit: by its key, or by what else it holds.
    fn origin(&mut self, stray: &Stray) -> Option<usize> {
        if let Some(key) = &stray.key {
            match self.keys.get(key).map(Vec::as_slice) {
                None => return self.before.header_with(key),
                Some([row]) => return Some(*row),
                Some(_) => {}
            }
        }
        let row = self.alike(stray)?;
        self.used.insert(row);
        Some(row)
    }

    fn alike(&self, stray: &Stray) -> Option<usize> {
        let before = self.before;
        let width = stray.cells.len().max(before.view.headings.len());
        let cell = |place: usize| stray.cells.get(place - self.first).unwrap_or(&Cell::Empty);
        let places = (self.first..self.first + width).filter(|place| !stray.hits.contains_key(place));
        let others: Vec<(usize, &Cell)> =
            places.filter_map(|place| Some((self.place_then(place)?, cell(place)))).collect();
        let has_any = others.iter().any(|(_, cell)| !cell.is_blank());
        let is_equal = |row: usize| {
            let mut cells = others.iter();
            cells.all(|(column, cell)| before.holds_formula(row, *column) || before.held(row, *column) == **cell)
        };
        let is_candidate = |row: &usize| match &stray.key {
            Some(key) => before.held_key_of(*row).as_ref() == Some(key),
            None => stray.is_key_hit || before.held_key_of(*row).is_none(),
        };
        let is_lost = |row: usize| before.held_key_of(row).is_some_and(|key| !self.now.view.rows.has(&key));
        let rows = before.rows().skip(1).filter(|row| !self.used.contains(row)).filter(is_candidate);
        // A blank row is like any other: only one that did not move is taken for the same.
        let rows = rows.filter(|row| (has_any || *row == stray.row) && is_equal(*row));
        rows.min_by_key(|row| (!is_lost(*row), row.abs_diff(stray.row)))
    }
}
