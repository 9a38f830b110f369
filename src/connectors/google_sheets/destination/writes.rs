//! What is written to rows, and what came back of it.
//!
//! The header and all cells of the rows are part of every write, left alone (`null`), and come back as they are at that moment.

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
    identify::identify,
    miss::{Miss, RowWrite, Writes},
    snapshot::Snapshot,
};

/// Leaves out rows to which nothing is written.
pub(super) fn without_empty(mut writes: Writes) -> Writes {
    writes.retain(|_, write| !write.is_empty());
    writes
}

impl SheetsDestination {
    /// Writes rows in as few requests as their size allows, and stops at the first that did not land where it was meant to. The
    /// snapshot takes in what landed.
    ///
    /// `needed` are the columns that must be where the snapshot has them.
    pub(super) async fn write(
        &self,
        table: &Table,
        snapshot: &mut Snapshot,
        needed: &[usize],
        (writes, is_repair): (&Writes, bool),
    ) -> Result<Option<Miss>, (bool, ConnectorError)> {
        let mut is_written = false;
        for input in [Input::Raw, Input::Formula] {
            for sent in parts(writes, input) {
                let shown = self.update_shown(table, (&sent, is_repair), input).await;
                let answered = shown.map_err(|error| (is_written, error))?;
                is_written = true;
                let mut miss = answer(&answered, sent, table.place.span.0).map_err(|error| (true, error))?;
                miss.identified = is_repair.then(|| identify(snapshot, &miss));
                let is_landed = miss.is_landed(snapshot, needed);
                for ((row, place), cell) in miss.right_cells(snapshot, input) {
                    snapshot.put((row, place), cell, input == Input::Formula);
                }
                if !is_landed {
                    return Ok(Some(miss));
                }
            }
        }
        Ok(None)
    }

    /// Writes ranges, the first of which is the header. People protect headers and columns: then nothing is sent of what is left
    /// alone, not even that it is, and it comes back all the same.
    async fn update_shown(
        &self,
        table: &Table,
        (sent, is_repair): (&Writes, bool),
        input: Input,
    ) -> Result<Vec<UpdateAnswer>, ConnectorError> {
        let mut data = ranges(table, sent, input);
        if is_repair && let Some(range) = table.place.below_header(table.place.span) {
            data.push(RangeToWrite { range, values: vec![vec![None]] });
        }
        match self.client.update(&data, input).await {
            Err(error) if error.kind == ErrorKind::Unauthorized => {
                for range in &mut data {
                    range.values.clear();
                }
                let mut bare = bare_ranges(table, sent, input);
                let count = bare.len();
                // What is shown comes last, so that it is as it is after the write.
                bare.extend(data);
                let answered = self.client.update(&bare, input).await.map_err(|_| error)?;
                Ok(answered.into_iter().skip(count).collect())
            }
            answered => answered,
        }
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
        let left_alone = only.cells(input).keys().max().copied().unwrap_or_default() * "null,".len();
        let size = 60 + left_alone + only.cells(input).values().map(|cell| cell.length() + 12).sum::<usize>();
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

/// Makes the ranges to write: the header, which is left alone, and neighbouring rows together, with all their cells: a row comes
/// back whole.
fn ranges(table: &Table, rows: &Writes, input: Input) -> Vec<RangeToWrite> {
    let (first, last) = table.place.span;
    let mut ranges: Vec<(usize, Vec<Vec<Option<Cell>>>)> = Vec::new();
    for (row, write) in rows {
        let end = write.cells(input).keys().max().copied().unwrap_or(first);
        let cells = (first..=end).map(|place| write.cells(input).get(&place).cloned()).collect();
        match ranges.last_mut() {
            Some((first, values)) if *first + values.len() == *row => values.push(cells),
            _ => ranges.push((*row, vec![cells])),
        }
    }
    let header = RangeToWrite { range: table.place.header(), values: vec![vec![None; last - first + 1]] };
    let range = |(begin, values): (usize, Vec<Vec<Option<Cell>>>)| RangeToWrite {
        range: Area::of((begin, begin + values.len() - 1), (first, last)).on(&table.place.title),
        values,
    };
    std::iter::once(header).chain(ranges.into_iter().map(range)).collect()
}

/// Makes a range of each cell that is written.
fn bare_ranges(table: &Table, rows: &Writes, input: Input) -> Vec<RangeToWrite> {
    let cells =
        rows.iter().flat_map(|(row, write)| write.cells(input).iter().map(|(place, cell)| (*row, *place, cell)));
    let range = |(row, place, cell): (usize, usize, &Cell)| RangeToWrite {
        range: Area::of((row, row), (place, place)).on(&table.place.title),
        values: vec![vec![Some(cell.clone())]],
    };
    cells.map(range).collect()
}

/// Reads what came back.
fn answer(answered: &[UpdateAnswer], sent: Writes, first_column: usize) -> Result<Miss, ConnectorError> {
    let (header, written) = answered.split_first().ok_or_else(|| incomplete("it does not show the header"))?;
    let of = |answer: &UpdateAnswer| {
        answer.updated_data.clone().ok_or_else(|| incomplete("it does not show what was written"))
    };
    let headings = of(header)?.values.row(0);
    let mut rows = HashMap::new();
    for answer in written {
        let data = of(answer)?;
        let area = a1::parse_on(&data.range).or_else(|| a1::parse_on(&answer.updated_range));
        let Some((_, area)) = area else { return Err(incomplete("a range of it cannot be read")) };
        let last = area.last_row.unwrap_or(area.first_row + data.values.len().max(1) - 1);
        rows.extend((area.first_row..=last).map(|row| (row, data.values.row(row - area.first_row))));
    }
    if sent.keys().any(|row| !rows.contains_key(row)) {
        return Err(incomplete("a row that was written is not in it"));
    }
    Ok(Miss { sent, headings, rows, first_column, identified: None })
}
