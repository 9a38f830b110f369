//! Writes decisions down instead of carrying them out: counts them, shows them, and keeps them in the plan's file.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use serde_json::Value as Json;
use tokio::task::spawn_blocking;

use crate::connector::Destination;
use crate::engine::{
    decide::decision::{Action, Because, Decision},
    error::EngineError,
    policy::Reads,
    review::{Delete, DeleteVerdict, Known, LeftOut, Review, ReviewPlace},
};
use crate::model::{Capabilities, FieldName};
use crate::state::{DeadLetter, DeadLetterKind, Link, SealedWriter, Target};

use super::{
    changes::{Differences, deleted, refused, shown, unchanged_as},
    entry::{Part, PlannedRecord},
    report::{Change, ChangeKind, FieldCounts, PlanCounts},
    simulated::Simulated,
};

/// Most changes of a kind at a target that a report holds.
const MAX_EXAMPLES: usize = 3;

/// Is shown each change as it is found. Must not block for long.
pub trait PlanViewer: fmt::Debug + Send + Sync {
    /// Takes a change.
    fn see(&self, change: &Change);
}

/// Writes down what a run would do.
pub(super) struct Planner {
    viewer: Arc<dyn PlanViewer>,
    file: Option<Arc<Mutex<SealedWriter>>>,
    tallies: Mutex<HashMap<Target, Tally>>,
}

/// What is counted of a target.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub counts: PlanCounts,
    pub fields: BTreeMap<FieldName, FieldCounts>,
    pub examples: BTreeMap<ChangeKind, Vec<Change>>,
}

impl fmt::Debug for Planner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Planner")
    }
}

impl Planner {
    pub(super) fn new(viewer: Arc<dyn PlanViewer>, file: Option<SealedWriter>) -> Self {
        Self { viewer, file: file.map(|file| Arc::new(Mutex::new(file))), tallies: Mutex::default() }
    }

    /// Returns what was counted, and the file to be finished.
    pub(super) fn take(&self) -> HashMap<Target, Tally> {
        std::mem::take(&mut self.tallies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) async fn put(&self, part: Part) -> Result<(), EngineError> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let write = move || file.lock().unwrap_or_else(PoisonError::into_inner).put(&part);
        Ok(spawn_blocking(write).await.map_err(|_| EngineError::Stopped)??)
    }

    /// Gives the file back; none where it is still used or there is none.
    pub(super) fn into_file(self) -> Option<SealedWriter> {
        let file = Arc::into_inner(self.file?)?;
        Some(file.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, target: &Target, count: impl FnOnce(&mut Tally)) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        count(tallies.entry(target.clone()).or_default());
    }

    /// Counts and shows changes.
    fn show(&self, target: &Target, changes: Vec<Change>) {
        for change in &changes {
            self.viewer.see(change);
        }
        self.count(target, |tally| {
            for change in changes {
                let examples = tally.examples.entry(change.change).or_default();
                if examples.len() < MAX_EXAMPLES {
                    examples.push(change);
                }
            }
        });
    }

    /// Turns a decision into what is carried out in its place, and counts it.
    fn judge(&self, place: ReviewPlace<'_>, decision: Decision, known: Known<'_>) -> (Decision, Option<Change>) {
        let Decision { record, action } = decision;
        let action = match action {
            Action::Upsert { write, current: None } => Action::Create(write),
            Action::Upsert { mut write, current: Some(current) } => {
                write.destination_id = Some(current.destination_id);
                Action::Update { write, before: current.fields, is_own: false }
            }
            other => other,
        };
        let found = Differences::of(place, &record, &action, known);
        let action = match action {
            Action::Update { write, .. } if found.changed.is_empty() => Action::Adopt(write),
            other => other,
        };
        let change = shown(place.target, &record, &action, &found);
        self.count(place.target, |tally| {
            tally.count(&action);
            tally.note(&found);
            tally.counts.drift += u64::from(!found.drifted.is_empty());
        });
        (Decision { record, action }, change)
    }
}

#[async_trait]
impl Review for Planner {
    fn reads(&self) -> Reads {
        Reads::Everything
    }

    fn destination(&self, real: Box<dyn Destination>) -> Box<dyn Destination> {
        Box::new(Simulated::new(real))
    }

    fn capabilities(&self, real: Capabilities) -> Capabilities {
        // Nothing is sent, so nothing has to wait to be sent together.
        Capabilities { bulk: None, ..real }
    }

    async fn left_out(&self, target: &Target, left_out: LeftOut) -> Result<(), EngineError> {
        self.count(target, |tally| {
            tally.counts.read += left_out.read;
            tally.counts.filtered += left_out.filtered;
            tally.counts.duplicate += left_out.duplicate;
        });
        self.put(Part::LeftOut { target: target.clone(), left_out }).await
    }

    async fn refused(&self, target: &Target, letters: &[DeadLetter]) -> Result<(), EngineError> {
        if letters.is_empty() {
            return Ok(());
        }
        self.count(target, |tally| {
            for letter in letters {
                match letter.kind {
                    DeadLetterKind::Held => tally.counts.hold += 1,
                    DeadLetterKind::Rejected | DeadLetterKind::Link => tally.counts.reject += 1,
                }
            }
        });
        self.show(target, letters.iter().map(|letter| refused(target, letter)).collect());
        self.put(Part::Refused { target: target.clone(), letters: letters.to_vec() }).await
    }

    async fn decided(
        &self,
        place: ReviewPlace<'_>,
        decisions: Vec<Decision>,
        known: Known<'_>,
    ) -> Result<Vec<Decision>, EngineError> {
        let (mut judged, mut changes) = (Vec::with_capacity(decisions.len()), Vec::new());
        for decision in decisions {
            let (decision, change) = self.judge(place, decision, known);
            judged.push(decision);
            changes.extend(change);
        }
        self.show(place.target, changes);
        if self.file.is_some() && !judged.is_empty() {
            let planned = judged.iter().map(|decision| planned(decision, known)).collect();
            self.put(Part::Decided { target: place.target.clone(), planned }).await?;
        }
        Ok(judged)
    }

    async fn deletes(&self, place: ReviewPlace<'_>, deletes: Vec<Delete>) -> Result<Vec<DeleteVerdict>, EngineError> {
        let verdicts = vec![DeleteVerdict::Delete; deletes.len()];
        let count = u64::try_from(deletes.len()).unwrap_or(u64::MAX);
        self.count(place.target, |tally| {
            tally.counts.read += count;
            tally.counts.delete += count;
        });
        self.show(place.target, deletes.iter().map(|delete| deleted(place.target, delete)).collect());
        self.put(Part::Deleted { target: place.target.clone(), deletes }).await?;
        Ok(verdicts)
    }
}

/// Keeps of a decision what carrying it out takes.
fn planned(decision: &Decision, known: Known<'_>) -> PlannedRecord {
    let needs_all = match &decision.action {
        Action::Leave(_) | Action::Duplicate(_) => false,
        Action::Create(_)
        | Action::Upsert { .. }
        | Action::Update { .. }
        | Action::Adopt(_)
        | Action::Reject(_)
        | Action::Hold(_) => true,
    };
    if needs_all {
        let source = (known.original)(&decision.record.source_id);
        return PlannedRecord { decision: decision.clone(), source };
    }
    PlannedRecord {
        decision: Decision { record: unchanged_as(&decision.record), ..decision.clone() },
        source: Json::Null,
    }
}

impl Tally {
    fn count(&mut self, action: &Action) {
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

    fn note(&mut self, found: &Differences) {
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
