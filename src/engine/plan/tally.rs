//! What is counted of each target while a plan is made.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use crate::engine::decide::decision::{Action, Because};
use crate::model::{FieldName, Spent};
use crate::state::{Link, Target};

use super::{
    changes::Differences,
    replaced::{Replaced, RowFate},
    report::{Change, ChangeKind, FieldCounts, PlanCounts, ReplacedRows},
};

/// Most changes of a kind at a target that a report holds.
const MAX_EXAMPLES: usize = 3;

/// What is counted of every target.
#[derive(Debug, Default)]
pub(super) struct Tallies(Mutex<HashMap<Target, Tally>>);

/// What is counted of a target.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub counts: PlanCounts,
    pub fields: BTreeMap<FieldName, FieldCounts>,
    pub examples: BTreeMap<ChangeKind, Vec<Change>>,
    /// What the writes of a run would take.
    pub writes: Spent,
    /// What it took to look up what a run does not.
    pub aside: Spent,
    /// The rows of an object that is written anew.
    pub replaced: Option<Replaced>,
    /// Whether its new version was complete.
    pub is_put_in_place: bool,
    /// What became of them.
    pub replaced_rows: Option<ReplacedRows>,
}

impl Tallies {
    pub(super) fn count(&self, target: &Target, count: impl FnOnce(&mut Tally)) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count(tallies.entry(target.clone()).or_default());
    }

    /// Returns the targets of which something was counted.
    pub(super) fn targets(&self) -> Vec<Target> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Returns what was counted.
    pub(super) fn take(&self) -> HashMap<Target, Tally> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tally {
    pub(super) fn show(&mut self, change: Change) {
        let examples = self.examples.entry(change.change).or_default();
        if examples.len() < MAX_EXAMPLES {
            examples.push(change);
        }
    }

    pub(super) fn count(&mut self, action: &Action) {
        let counts = &mut self.counts;
        match action {
            Action::Create(write) | Action::Upsert { write, .. } => {
                counts.create += 1;
                counts.links += link_count(&write.links);
            }
            Action::Update { write, .. } => {
                counts.update += 1;
                counts.links += link_count(&write.links);
            }
            Action::Adopt(_) => counts.unchanged += 1,
            Action::Leave(because) => match because {
                Because::DeletedAtSource | Because::DeletedAtDestination => counts.filtered += 1,
                Because::Unchanged | Because::CreatedBefore | Because::UpdatedBefore => counts.unchanged += 1,
            },
            Action::Duplicate(_) => counts.duplicate += 1,
            Action::Reject(_) => counts.reject += 1,
            Action::Hold(_) => counts.hold += 1,
        }
    }

    /// Counts a row of a new version.
    pub(super) fn count_row(&mut self, fate: &RowFate) {
        match fate {
            RowFate::New => self.counts.create += 1,
            RowFate::Same => self.counts.unchanged += 1,
            RowFate::Changed { .. } => self.counts.update += 1,
        }
    }

    pub(super) fn note(&mut self, found: &Differences) {
        let of = |fields: &mut BTreeMap<FieldName, FieldCounts>, name: &FieldName, add: fn(&mut FieldCounts)| {
            add(fields.entry(name.clone()).or_insert_with(|| FieldCounts::of(name.clone())));
        };
        for (name, what) in &found.changed {
            of(&mut self.fields, name, what.counter());
        }
        for name in &found.kept {
            of(&mut self.fields, name, |counts| counts.kept += 1);
        }
        for name in found.drifted.keys() {
            of(&mut self.fields, name, |counts| counts.drifted += 1);
        }
    }
}

fn link_count(links: &[Link]) -> u64 {
    links.iter().map(|link| u64::try_from(link.linked_ids.len()).unwrap_or(u64::MAX)).sum()
}

impl FieldCounts {
    fn of(field: FieldName) -> Self {
        Self { field, filled: 0, overwritten: 0, cleared: 0, kept: 0, drifted: 0 }
    }
}
