//! What a write sent and what came back of it, beside the snapshot that it was made from.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    super::{cell::Cell, client::Input},
    moves::{is_in_place, moves},
    snapshot::Snapshot,
};

/// Cells to write to a row, by column.
#[derive(Debug, Clone, Default)]
pub(super) struct RowWrite {
    pub(super) values: BTreeMap<usize, Cell>,
    pub(super) formulas: BTreeMap<usize, Cell>,
    /// The key that the row has after the write; none where a row without one is put right.
    pub(super) new_key: Option<String>,
    /// Whether the write changes the key itself: then it does not tell the row.
    pub(super) changes_key: bool,
    /// Whether a record is behind it: else something is put right alone.
    pub(super) is_change: bool,
}

/// Cells to write, by row.
pub(super) type Writes = BTreeMap<usize, RowWrite>;

/// A write that did not land where it was meant to.
#[derive(Debug)]
pub(super) struct Miss {
    /// What was written, at its places.
    pub(super) sent: Writes,
    /// The header at that moment.
    pub(super) headings: Vec<Cell>,
    /// The rows that came back, each from the column that the written range began at.
    pub(super) rows: HashMap<usize, Vec<Cell>>,
    pub(super) first_column: usize,
    /// The rows of the snapshot by those that came back, where the whole table did.
    pub(super) identified: Option<HashMap<usize, usize>>,
}

impl RowWrite {
    /// Returns what is written with one of the two ways to take texts.
    pub(super) fn cells(&self, input: Input) -> &BTreeMap<usize, Cell> {
        match input {
            Input::Raw => &self.values,
            Input::Formula => &self.formulas,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.formulas.is_empty()
    }
}

impl Miss {
    /// Tells whether everything is where it was meant to be.
    pub(super) fn is_landed(&self, snapshot: &Snapshot, needed: &[usize]) -> bool {
        needed.iter().copied().all(self.in_place(snapshot)) && self.landed(snapshot).len() == self.sent.len()
    }

    /// Returns a test of columns: whether one is where the snapshot has it.
    pub(super) fn in_place<'state>(&'state self, snapshot: &'state Snapshot) -> impl Fn(usize) -> bool + 'state {
        let first = snapshot.first_column();
        let moves = moves(&snapshot.view.headings, &self.headings);
        move |place| is_in_place(&snapshot.view.headings, &self.headings, &moves, place - first)
    }

    /// Returns the rows whose every cell landed where it was meant to.
    pub(super) fn landed(&self, snapshot: &Snapshot) -> HashSet<usize> {
        let (keys, in_place) = (self.key_places(snapshot), self.in_place(snapshot));
        let is_landed = |(row, write): &(&usize, &RowWrite)| {
            self.is_row(**row, write, snapshot, &keys)
                && write.values.keys().chain(write.formulas.keys()).all(|place| in_place(*place))
        };
        self.sent.iter().filter(is_landed).map(|(row, _)| *row).collect()
    }

    /// Returns what was written where it was meant to be.
    pub(super) fn right_cells(&self, snapshot: &Snapshot, input: Input) -> Vec<((usize, usize), Cell)> {
        let (keys, in_place) = (self.key_places(snapshot), self.in_place(snapshot));
        let rows = self.sent.iter().filter(|(row, write)| self.is_row(**row, write, snapshot, &keys));
        let cells = rows.flat_map(|(row, write)| write.cells(input).iter().map(|(place, cell)| ((*row, *place), cell)));
        let right = cells.filter(|((_, place), _)| in_place(*place));
        right.map(|(at, cell)| (at, cell.clone())).collect()
    }

    /// Returns the columns of that moment that the snapshot has too: where they were, and where the snapshot has them.
    pub(super) fn columns_then(&self, snapshot: &Snapshot) -> Vec<(usize, usize)> {
        let first = snapshot.first_column();
        let moves = moves(&snapshot.view.headings, &self.headings);
        let pairs = moves.iter().enumerate().filter_map(|(then, now)| Some((now.as_ref()? + first, then + first)));
        pairs.collect()
    }

    /// Returns where the columns of the key were at that moment.
    pub(super) fn key_places(&self, snapshot: &Snapshot) -> Vec<usize> {
        let first = snapshot.first_column();
        let moves = moves(&snapshot.view.headings, &self.headings);
        let place = |place: &usize| {
            let offset = place.checked_sub(first)?;
            moves.get(offset).copied().unwrap_or(Some(offset)).map(|offset| offset + first)
        };
        snapshot.key_places().iter().map(|key| place(key).unwrap_or(usize::MAX)).collect()
    }

    /// Tells whether a row is the one that was meant, where the columns are where they were.
    pub(super) fn is_row(&self, row: usize, write: &RowWrite, snapshot: &Snapshot, keys: &[usize]) -> bool {
        if let Some(identified) = &self.identified {
            return identified.get(&row) == Some(&row);
        }
        let key = Snapshot::key_in(self.cells(row), self.first_column, keys);
        let is_told_by_key = key.is_some() && !write.changes_key;
        key == write.new_key && (is_told_by_key || self.looks_the_same(row, write, snapshot))
    }

    /// Tells whether the cells of a row that were left alone are those of the snapshot.
    fn looks_the_same(&self, row: usize, write: &RowWrite, snapshot: &Snapshot) -> bool {
        let cells = self.cells(row);
        let width = cells.len().max(snapshot.held_by(row).len());
        (self.first_column..self.first_column + width).all(|place| {
            let cell = cells.get(place - self.first_column).unwrap_or(&Cell::Empty);
            let is_written = write.values.contains_key(&place) || write.formulas.contains_key(&place);
            is_written || snapshot.holds_formula(row, place) || snapshot.held(row, place) == *cell
        })
    }

    /// Returns the cells of a row that came back.
    pub(super) fn cells(&self, row: usize) -> &[Cell] {
        self.rows.get(&row).map(Vec::as_slice).unwrap_or_default()
    }
}
