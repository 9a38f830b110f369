//! Puts rows right that were added when somebody moved the columns: their values are in the columns as they were.
//!
//! A row that was added holds nothing but what Ferry wrote into it, so it is told by that, in whatever columns it is.

use std::collections::{HashMap, HashSet};

use crate::connector::ConnectorError;
use crate::model::ObjectName;

use super::{
    super::{cell::Cell, limits::MAX_REPAIRS, table::Table},
    Known, SheetsDestination,
    insert::NewRow,
    plan::Plan,
    rules::always_moving,
    settle::Settling,
    snapshot::{Correction, Snapshot},
    view::{View, key_places},
};

/// The rows of a table that may be some that were added, by each text in them.
struct Candidates {
    by_text: HashMap<String, Vec<usize>>,
    used: HashSet<usize>,
}

impl SheetsDestination {
    /// Finds rows that were added from row `first` on, and moves their values to where the columns are now. Says which column is
    /// gone, once nothing is in a wrong one.
    pub(super) async fn put_in_columns(
        &self,
        known: &mut Known,
        (object, plan): (&ObjectName, &Plan),
        before: &View,
        (first, rows): (usize, &[NewRow]),
    ) -> Result<View, ConnectorError> {
        let mut table = known.table()?;
        for _ in 0..MAX_REPAIRS {
            self.find_again(known, &mut table, object).await?;
            let mut now = Snapshot::read(&self.client, &table, |_, columns| {
                // A key whose column is gone has no place, and the rows are known by what they hold.
                let place = |name: &String| key_places(columns, std::slice::from_ref(name), &table);
                Ok(plan.key.iter().map(|name| place(name).map_or(usize::MAX, |places| places[0])).collect())
            })
            .await?;
            let mut candidates = Candidates::new(before, &now);
            for (offset, row) in rows.iter().enumerate() {
                let Some((place, copies)) = candidates.take(first + offset, row, &now) else { continue };
                correct((place, row), &mut now, plan, &table);
                for copy in copies {
                    clear((copy, row), &mut now);
                }
            }
            let is_right = now.corrections().is_empty();
            if !is_right {
                let object = &table.place.title;
                tracing::warn!(%object, "somebody moved columns while rows were added: their cells are moved too");
            }
            let settling = Settling { snapshot: now.with_correct_keys(), changes: &mut [], is_written: true };
            let view = self.settle(known, &mut table, (object, plan), settling).await?;
            if is_right {
                return Ok(view);
            }
        }
        Err(always_moving(&table))
    }
}

impl Candidates {
    /// Rows that had their key before are none of those that were added.
    fn new(before: &View, now: &Snapshot) -> Self {
        let is_known = |row: usize| now.key_of(row).is_some_and(|key| before.rows.has(&key));
        let mut by_text: HashMap<String, Vec<usize>> = HashMap::new();
        for row in now.rows().skip(1).filter(|row| !is_known(*row)) {
            for cell in now.held_by(row).iter().filter(|cell| !cell.is_blank()) {
                let rows = by_text.entry(cell.seen()).or_default();
                if rows.last() != Some(&row) {
                    rows.push(row);
                }
            }
        }
        Self { by_text, used: HashSet::new() }
    }

    /// Finds the row of a record: it holds all of the record's values, and the nearest one to where it was written is meant. The
    /// others that do are copies that an earlier correction left.
    fn take(&mut self, hint: usize, (key, record): &NewRow, now: &Snapshot) -> Option<(usize, Vec<usize>)> {
        let texts: Vec<String> =
            record.cells.iter().map(|(_, cell)| cell.seen()).filter(|text| !text.trim().is_empty()).collect();
        // The text that the fewest rows hold.
        let rows = texts.iter().map(|text| self.by_text.get(text)).min_by_key(|rows| rows.map_or(0, Vec::len))??;
        let is_free = |row: &usize| !self.used.contains(row) && holds_all(&now.held_by(*row), &texts);
        let mut found: Vec<usize> = rows.iter().copied().filter(is_free).collect();
        found.sort_by_key(|row| (now.key_of(*row) != *key, row.abs_diff(hint)));
        let (row, others) = found.split_first()?;
        self.used.insert(*row);
        // Without a key, another row with the same values is another record.
        let copies = others.iter().copied().filter(|other| key.is_some() && now.key_of(*other) != *key).collect();
        Some((*row, copies))
    }
}

/// Tells whether a row holds some texts, each in a cell of its own.
fn holds_all(cells: &[Cell], texts: &[String]) -> bool {
    let mut left: Vec<String> = cells.iter().map(Cell::seen).collect();
    texts.iter().all(|text| {
        let place = left.iter().position(|other| other == text);
        place.map(|place| left.swap_remove(place)).is_some()
    })
}

/// Notes what the cells of a row should hold: the record's values where its columns are, and nothing of them elsewhere.
fn correct((row, record): (usize, &NewRow), now: &mut Snapshot, plan: &Plan, table: &Table) {
    let wanted = wanted(row, record, now, plan, table);
    let is_right =
        |now: &Snapshot, place: usize| wanted.get(&place).is_some_and(|wanted| now.held(row, place) == wanted.cell);
    let has_formulas = !plan.formulas.is_empty();
    let emptied: Vec<usize> = places(row, now)
        .filter(|place| !is_right(now, *place))
        .filter(|place| (has_formulas && now.holds_formula(row, *place)) || is_of(record, &now.held(row, *place)))
        .collect();
    for place in &emptied {
        now.correct((row, *place), Correction { cell: Cell::Empty, is_formula: false });
    }
    for (place, correction) in wanted {
        // What a person wrote into it since stays.
        if emptied.contains(&place) || now.held(row, place).is_blank() {
            now.correct((row, place), correction);
        }
    }
}

/// Returns what the cells of a record should hold, by their columns.
fn wanted(row: usize, (_, record): &NewRow, now: &Snapshot, plan: &Plan, table: &Table) -> HashMap<usize, Correction> {
    let values = record
        .cells
        .iter()
        .filter_map(|(name, cell)| Some((now.view.place(name)?, Correction { cell: cell.clone(), is_formula: false })));
    let formulas = plan.formulas.iter().filter_map(|formula| {
        let text = formula.text(row, &now.view, table).ok()?;
        Some((now.view.place(&formula.column)?, Correction { cell: Cell::text(text), is_formula: true }))
    });
    values.chain(formulas).collect()
}

/// Notes that a row holds nothing of a record.
fn clear((row, record): (usize, &NewRow), now: &mut Snapshot) {
    let ours: Vec<usize> = places(row, now).filter(|place| is_of(record, &now.held(row, *place))).collect();
    for place in ours {
        now.correct((row, place), Correction { cell: Cell::Empty, is_formula: false });
    }
}

fn places(row: usize, now: &Snapshot) -> std::ops::Range<usize> {
    now.first_column()..now.first_column() + now.held_by(row).len()
}

/// Tells whether a cell holds one of a record's values.
fn is_of((_, record): &NewRow, cell: &Cell) -> bool {
    !cell.is_blank() && record.cells.iter().any(|(_, value)| value.seen() == cell.seen())
}
