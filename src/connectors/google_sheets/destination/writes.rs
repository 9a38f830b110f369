//! What is written to rows, and what came back of it.
//!
//! The header and the keys of the rows are part of every write, left alone (`null`), and come back as they are at that moment.

use std::collections::{BTreeMap, HashMap};

use crate::connector::{ConnectorError, ErrorKind};

use super::{
    super::{
        a1::{self, Area},
        cell::Cell,
        client::{Input, RangeToWrite, UpdateAnswer},
        errors::incomplete,
        limits::PAYLOAD_BYTES,
        table::Table,
    },
    SheetsDestination,
    moves::{is_in_place, moves},
    snapshot::Snapshot,
};

/// Columns beyond those that are written whose cells come back too: a key that moved a little is still seen.
const MARGIN: usize = 2;

/// Cells to write to a row, by column.
#[derive(Debug, Clone, Default)]
pub(super) struct RowWrite {
    pub(super) values: BTreeMap<usize, Cell>,
    pub(super) formulas: BTreeMap<usize, Cell>,
    /// The key that the row has after the write; none where a row without one is put right.
    pub(super) new_key: Option<String>,
    /// Whether the write changes the key itself: then it does not tell the row.
    pub(super) changes_key: bool,
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
}

impl RowWrite {
    /// Returns what is written with one of the two ways to take texts.
    pub(super) fn cells(&self, input: Input) -> &BTreeMap<usize, Cell> {
        match input {
            Input::Raw => &self.values,
            Input::Formula => &self.formulas,
        }
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.formulas.is_empty()
    }
}

/// Leaves out rows to which nothing is written.
pub(super) fn without_empty(mut writes: Writes) -> Writes {
    writes.retain(|_, write| !write.is_empty());
    writes
}

impl SheetsDestination {
    /// Writes rows in as few requests as their size allows, and stops at the first that did not land where it was meant to.
    ///
    /// `needed` are the columns that must be where the snapshot has them.
    pub(super) async fn write(
        &self,
        table: &Table,
        snapshot: &Snapshot,
        (needed, keys): (&[usize], &[usize]),
        writes: &Writes,
    ) -> Result<Option<Miss>, (bool, ConnectorError)> {
        let mut is_written = false;
        for input in [Input::Raw, Input::Formula] {
            for sent in parts(writes, input) {
                let (data, first_column) = ranges(table, snapshot, &sent, keys, input);
                let answered = self.update_beside_header(data, input).await.map_err(|error| (is_written, error))?;
                is_written = true;
                let miss = answer(&answered, sent, first_column).map_err(|error| (true, error))?;
                if !miss.is_landed(snapshot, needed, keys) {
                    return Ok(Some(miss));
                }
            }
        }
        Ok(None)
    }

    /// Writes ranges, the first of which is the header. People protect headers: then nothing of it is sent, not even that it is to
    /// be left alone, and it comes back all the same.
    async fn update_beside_header(
        &self,
        mut data: Vec<RangeToWrite>,
        input: Input,
    ) -> Result<Vec<UpdateAnswer>, ConnectorError> {
        match self.client.update(&data, input).await {
            Err(error) if error.kind == ErrorKind::Unauthorized => {
                data[0].values.clear();
                self.client.update(&data, input).await.map_err(|_| error)
            }
            answered => answered,
        }
    }
}

impl Miss {
    /// Tells whether everything is where it was meant to be.
    fn is_landed(&self, snapshot: &Snapshot, needed: &[usize], keys: &[usize]) -> bool {
        let first = snapshot.first_column();
        let moves = moves(&snapshot.view.headings, &self.headings);
        let are_columns =
            needed.iter().all(|place| is_in_place(&snapshot.view.headings, &self.headings, &moves, place - first));
        are_columns && self.sent.iter().all(|(row, write)| self.is_row(*row, write, snapshot, keys))
    }

    /// Tells whether a row is the one that was meant, where the columns are where they were.
    pub(super) fn is_row(&self, row: usize, write: &RowWrite, snapshot: &Snapshot, keys: &[usize]) -> bool {
        let key = Snapshot::key_in(self.cells(row), self.first_column, keys);
        let is_told_by_key = key.is_some() && !write.changes_key;
        key == write.new_key && (is_told_by_key || self.looks_the_same(row, write, snapshot))
    }

    /// Tells whether the cells of a row that were left alone are those of the snapshot.
    fn looks_the_same(&self, row: usize, write: &RowWrite, snapshot: &Snapshot) -> bool {
        self.cells(row).iter().enumerate().all(|(offset, cell)| {
            let place = self.first_column + offset;
            let is_written = write.values.contains_key(&place) || write.formulas.contains_key(&place);
            is_written || snapshot.has_formula(row, place) || snapshot.cell(row, place) == cell
        })
    }

    /// Returns the cells of a row that came back.
    pub(super) fn cells(&self, row: usize) -> &[Cell] {
        self.rows.get(&row).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Cuts what is written with one way to take texts into parts near the recommended size of a request.
fn parts(writes: &Writes, input: Input) -> Vec<Writes> {
    let mut parts: Vec<Writes> = Vec::new();
    let mut bytes = usize::MAX;
    for (row, write) in writes.iter().filter(|(_, write)| !write.cells(input).is_empty()) {
        let only = RowWrite {
            values: if input == Input::Raw { write.values.clone() } else { BTreeMap::new() },
            formulas: if input == Input::Formula { write.formulas.clone() } else { BTreeMap::new() },
            ..write.clone()
        };
        let size = 60 + only.cells(input).values().map(|cell| cell.length() + 12).sum::<usize>();
        bytes = bytes.saturating_add(size);
        if bytes > PAYLOAD_BYTES {
            parts.push(Writes::new());
            bytes = size;
        }
        if let Some(part) = parts.last_mut() {
            part.insert(*row, only);
        }
    }
    parts
}

/// Makes the ranges to write: the header, which is left alone, and neighbouring rows together, from the first column that is
/// written or belongs to the key to a little beyond the last. A row whose key changes comes back whole.
fn ranges(
    table: &Table,
    snapshot: &Snapshot,
    rows: &Writes,
    keys: &[usize],
    input: Input,
) -> (Vec<RangeToWrite>, usize) {
    let (first, last) = table.place.span;
    let keys = || keys.iter().filter(|place| **place != usize::MAX);
    let places = || rows.values().flat_map(|write| write.cells(input).keys()).chain(keys()).copied();
    let is_whole = rows.values().any(|write| write.changes_key || write.new_key.is_none());
    let end = if is_whole { first + snapshot.view.headings.len().max(1) - 1 } else { 0 };
    let begin = places().min().unwrap_or(first).saturating_sub(if is_whole { usize::MAX } else { MARGIN }).max(first);
    let end = (places().max().unwrap_or(first) + MARGIN).max(end).min(last);
    let mut ranges: Vec<(usize, Vec<Vec<Option<Cell>>>)> = Vec::new();
    for (row, write) in rows {
        let cells = (begin..=end).map(|place| write.cells(input).get(&place).cloned()).collect();
        match ranges.last_mut() {
            Some((first, values)) if *first + values.len() == *row => values.push(cells),
            _ => ranges.push((*row, vec![cells])),
        }
    }
    let header = RangeToWrite { range: table.place.header(), values: vec![vec![None; last - first + 1]] };
    let range = |(first, values): (usize, Vec<Vec<Option<Cell>>>)| RangeToWrite {
        range: Area::of((first, first + values.len() - 1), (begin, end)).on(&table.place.title),
        values,
    };
    (std::iter::once(header).chain(ranges.into_iter().map(range)).collect(), begin)
}

/// Reads what came back.
fn answer(answered: &[UpdateAnswer], sent: Writes, first_column: usize) -> Result<Miss, ConnectorError> {
    let (header, written) = answered.split_first().ok_or_else(|| incomplete("it does not show the header"))?;
    let of = |answer: &UpdateAnswer| {
        answer.updated_data.clone().ok_or_else(|| incomplete("it does not show what was written"))
    };
    let headings = of(header)?.values.into_iter().next().unwrap_or_default();
    let mut rows = HashMap::new();
    for answer in written {
        let data = of(answer)?;
        let area = a1::parse_on(&data.range).or_else(|| a1::parse_on(&answer.updated_range));
        let Some((_, area)) = area else { return Err(incomplete("a range of it cannot be read")) };
        let last = area.last_row.unwrap_or(area.first_row);
        let mut values = data.values.into_iter();
        rows.extend((area.first_row..=last).map(|row| (row, values.next().unwrap_or_default())));
    }
    if sent.keys().any(|row| !rows.contains_key(row)) {
        return Err(incomplete("a row that was written is not in it"));
    }
    Ok(Miss { sent, headings, rows, first_column })
}
