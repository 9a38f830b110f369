//! Which row of an earlier state each row of a table is, where the whole table came back with a write.
//!
//! Most rows are told by their keys. A row whose key was overwritten lies between others that are told; where those moved apart, it
//! is told by what else it holds, among the rows that are none of the others.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{super::cell::Cell, miss::Miss, snapshot::Snapshot};

/// Rows that are told so far.
struct Told<'state> {
    before: &'state Snapshot,
    miss: &'state Miss,
    /// The columns that both states have: now, and before.
    columns: Vec<(usize, usize)>,
    /// The rows before, by the rows at the write.
    rows: BTreeMap<usize, usize>,
    used: HashSet<usize>,
}

/// Returns the rows of the state before by those of the table that came back with a write. New rows are left out.
pub(super) fn identify(before: &Snapshot, miss: &Miss) -> HashMap<usize, usize> {
    let mut told =
        Told { before, miss, columns: miss.columns_then(before), rows: BTreeMap::new(), used: HashSet::new() };
    told.by_keys();
    let mut rows: Vec<usize> = miss.rows.keys().copied().filter(|row| !told.rows.contains_key(row)).collect();
    rows.sort_unstable();
    let (written, others): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(|row| miss.sent.contains_key(row));
    for row in others {
        told.by_content(row);
    }
    let rest: Vec<usize> = written.into_iter().filter(|row| !told.by_neighbours(*row)).collect();
    for row in rest {
        told.by_content(row);
    }
    told.rows.into_iter().collect()
}

impl Told<'_> {
    fn by_keys(&mut self) {
        let places = self.miss.key_places(self.before);
        let mut keys: HashMap<String, Vec<usize>> = HashMap::new();
        for row in self.miss.rows.keys() {
            let is_hit = places.iter().any(|place| self.is_written(*row, *place));
            let key = Snapshot::key_in(self.miss.cells(*row), self.miss.first_column, &places);
            if let Some(key) = key.filter(|_| !is_hit) {
                keys.entry(key).or_default().push(*row);
            }
        }
        let then = self.before.held_keys();
        for (key, rows) in keys {
            let row = match then.get(&key).map(Vec::as_slice) {
                Some([row]) => Some(*row),
                Some(_) => None,
                None => self.before.header_with(&key),
            };
            if let ([now], Some(row)) = (&rows[..], row) {
                self.tell(*now, row);
            }
        }
    }

    /// Takes a row for the one that lies as far from the rows around it as before.
    fn by_neighbours(&mut self, row: usize) -> bool {
        let from = |(now, then): (&usize, &usize)| (then + row).checked_sub(*now);
        let above = self.rows.range(..row).next_back().map(from);
        let below = self.rows.range(row + 1..).next().map(from);
        let found = match (above, below) {
            (Some(above), Some(below)) if above == below => above,
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => Some(row),
            (Some(_), Some(_)) => None,
        };
        let found = found.filter(|then| !self.used.contains(then) && self.is_alike(row, *then));
        found.inspect(|then| self.tell(row, *then)).is_some()
    }

    /// Takes a row for the nearest one that holds the same, but for what was written.
    fn by_content(&mut self, row: usize) {
        let has_any =
            self.columns.iter().any(|(now, _)| !self.is_written(row, *now) && !self.cell(row, *now).is_blank());
        let found = self.before.rows().skip(1).filter(|then| !self.used.contains(then) && self.is_alike(row, *then));
        // A blank row is like any other: only one that did not move is taken for the same.
        let found = found.filter(|then| has_any || *then == row).min_by_key(|then| then.abs_diff(row));
        if let Some(then) = found {
            self.tell(row, then);
        }
    }

    fn tell(&mut self, now: usize, then: usize) {
        self.rows.insert(now, then);
        self.used.insert(then);
    }

    fn is_alike(&self, row: usize, then: usize) -> bool {
        self.columns.iter().all(|(now, column)| {
            self.is_written(row, *now)
                || self.before.holds_formula(then, *column)
                || self.before.held(then, *column) == *self.cell(row, *now)
        })
    }

    fn is_written(&self, row: usize, place: usize) -> bool {
        self.miss
            .sent
            .get(&row)
            .is_some_and(|write| write.values.contains_key(&place) || write.formulas.contains_key(&place))
    }

    fn cell(&self, row: usize, place: usize) -> &Cell {
        let offset = place.checked_sub(self.miss.first_column);
        offset.and_then(|offset| self.miss.cells(row).get(offset)).unwrap_or(&Cell::Empty)
    }
}
