//! What is to become of one row: which it is, and which of its cells differ from what they should be.

use crate::connector::ConnectorError;
use crate::model::{Outcome, Rejection};

use super::{
    super::{cell::Cell, table::Table},
    miss::RowWrite,
    plan::Plan,
    snapshot::Snapshot,
    view::View,
};

/// What is to become of the row of a record.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) place: usize,
    /// The key that the row has now.
    pub(super) key: String,
    /// Whether the record brings its key along, and so all that is written of it.
    pub(super) has_key: bool,
    /// The key that it will have.
    pub(super) new_key: String,
    pub(super) values: Vec<(String, Cell)>,
    /// What became of the record, once that is known.
    pub(super) outcome: Option<Outcome>,
}

/// Returns the one row with a key.
fn only_row(key: &str, view: &View) -> Result<usize, Outcome> {
    match view.rows.of(key) {
        [] => Err(Outcome::Missing),
        [row] => Ok(*row),
        rows => Err(Outcome::Held(shared_key(rows))),
    }
}

/// Says that several rows have a key.
pub(super) fn shared_key(rows: &[usize]) -> Rejection {
    let numbers: Vec<String> = rows.iter().map(|row| (row + 1).to_string()).collect();
    let reason = format!("{} rows have this key: rows {}", rows.len(), numbers.join(", "));
    Rejection::new("ambiguous_key", reason)
}

impl Change {
    /// Returns the row of the change; what became of the record where there is none.
    pub(super) fn row(&self, view: &View) -> Result<usize, Outcome> {
        // After a first write, a row may have its new key already.
        only_row(&self.key, view).or_else(|outcome| only_row(&self.new_key, view).map_err(|_| outcome))
    }
}

/// Returns the cells of a row that differ from what they should be.
pub(super) fn row_write(
    change: &Change,
    row: usize,
    plan: &Plan,
    snapshot: &Snapshot,
    table: &Table,
) -> Result<Result<RowWrite, Rejection>, ConnectorError> {
    let changes_key = snapshot.key_of(row).as_deref() != Some(change.new_key.as_str());
    let mut write = RowWrite { new_key: Some(change.new_key.clone()), changes_key, ..RowWrite::default() };
    for (name, cell) in &change.values {
        let place = snapshot.view.place(name).ok_or_else(|| table.gone_column(name, &snapshot.view.headings))?;
        // A key that people see as the same is left as they wrote it.
        if !changes_key && plan.key.contains(name) {
            continue;
        }
        let is_wrong = snapshot.corrections().contains_key(&(row, place));
        if snapshot.has_formula(row, place) && !is_wrong {
            let at = table.place.cell(row, place);
            let reason = format!("cell {at} holds a formula of the sheet's own, which is not overwritten");
            return Ok(Err(Rejection::new("computed", reason).at(name.as_str(), "")));
        }
        if is_wrong || snapshot.cell(row, place) != *cell {
            write.values.insert(place, cell.clone());
        }
    }
    for formula in plan.formulas.iter().filter(|formula| formula.is_rewritten) {
        let place = snapshot.view.place(&formula.column);
        let place = place.ok_or_else(|| table.gone_column(&formula.column, &snapshot.view.headings))?;
        let text = Cell::text(formula.text(row, &snapshot.view, table)?);
        if snapshot.cell(row, place) != text {
            write.formulas.insert(place, text);
        }
    }
    Ok(Ok(write))
}
