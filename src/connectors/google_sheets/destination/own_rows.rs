//! Finds the rows of records that a stopped run may have added.
//!
//! Where a run only adds, several rows may have one key, and a person may have written one of them. So a row is taken for the one
//! of a record only if it holds what was written. An append is carried out whole or not at all, so it holds all of it or is
//! another row.

use std::collections::HashSet;

use crate::model::{Outcome, Rejection};

use super::{
    super::cell::Cell,
    change::{Change, shared_key},
    snapshot::Snapshot,
};

/// How much of a record a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Every value.
    All,
    /// Nothing else, but some cells are blank: links that were not known when the row was written.
    Some,
    /// Something else.
    Other,
}

/// Says of each change of a run that only adds which row it is of. A record whose row cannot be told is held: nothing of another
/// row is overwritten, and nothing is added twice.
pub(super) fn find_own_rows(changes: &mut [Change], snapshot: &Snapshot) {
    let mut taken = HashSet::new();
    // What a second pass writes of a record (its links) has no key of its own, and goes by the key alone.
    for change in changes.iter_mut().filter(|change| change.outcome.is_none() && change.has_key) {
        let rows = snapshot.view.rows.of(&change.key);
        let own = rows.iter().find(|row| !taken.contains(*row) && change.held_by(**row, snapshot) == Holds::All);
        if let Some(row) = own {
            taken.insert(*row);
            change.outcome = Some(Outcome::Updated { id: change.new_key.clone() });
            continue;
        }
        match rows {
            // Missing, or the only one that it can be.
            [] => {}
            [row] if change.held_by(*row, snapshot) == Holds::Some => {}
            [row] => change.outcome = Some(Outcome::Held(another_row(*row))),
            rows => change.outcome = Some(Outcome::Held(shared_key(rows))),
        }
    }
}

fn another_row(row: usize) -> Rejection {
    let reason = format!(
        "an earlier run was stopped while it added this record; row {} has its key and holds something else",
        row + 1
    );
    Rejection::new("ambiguous_key", reason)
}

impl Change {
    fn held_by(&self, row: usize, snapshot: &Snapshot) -> Holds {
        let mut holds = Holds::All;
        for (name, wanted) in &self.values {
            let held = snapshot.view.place(name).map_or(Cell::Empty, |place| snapshot.held(row, place));
            if held.key() == wanted.key() {
                continue;
            }
            if !held.is_blank() {
                return Holds::Other;
            }
            holds = Holds::Some;
        }
        holds
    }
}
