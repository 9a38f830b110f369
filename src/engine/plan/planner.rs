//! Writes decisions down instead of carrying them out: counts them, shows them, and keeps them in the plan's file.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use serde_json::Value as Json;
use tokio::task::spawn_blocking;

use crate::config::Stream;
use crate::connector::{Destination, Source};
use crate::engine::{
    decide::{
        decision::{Action, Current, Decision, RecordWrite},
        prepare::Prepared,
    },
    error::EngineError,
    policy::Reads,
    read::coverage::Coverage,
    review::{Delete, DeleteVerdict, Known, LeftOut, Review, ReviewPlace},
};
use crate::model::{FieldName, Schema, Spent};
use crate::state::{DeadLetter, DeadLetterKind, SealedWriter, Target};

use super::{
    changes::{Differences, created, deleted, left_out, refused, rewritten, shown, unchanged_as},
    entry::{Part, PlannedRecord},
    replaced::{Replaced, RowFate},
    report::{Change, StreamCoverage},
    simulated::Simulated,
    tally::{Tallies, Tally},
};

/// Is shown each change as it is found. Must not block for long.
pub trait PlanViewer: fmt::Debug + Send + Sync {
    /// Takes a change.
    fn see(&self, change: &Change);
}

/// Writes down what a run would do.
pub(super) struct Planner {
    viewer: Arc<dyn PlanViewer>,
    file: Option<Arc<Mutex<SealedWriter>>>,
    tallies: Arc<Tallies>,
    covered: Mutex<Vec<(Stream, Arc<Coverage>)>>,
}

/// What a plan makes of a decision.
struct Judged {
    /// What a run does, as far as it can be done without writing.
    carried: Decision,
    /// What is to be done.
    planned: Decision,
    /// What is shown of it.
    changes: Vec<Change>,
}

impl fmt::Debug for Planner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Planner")
    }
}

impl Planner {
    pub(super) fn new(viewer: Arc<dyn PlanViewer>, file: Option<SealedWriter>) -> Self {
        Self {
            viewer,
            file: file.map(|file| Arc::new(Mutex::new(file))),
            tallies: Arc::default(),
            covered: Mutex::default(),
        }
    }

    /// Returns what was counted, and the file to be finished.
    pub(super) fn take(&self) -> HashMap<Target, Tally> {
        self.tallies.take()
    }

    /// Returns what was seen of the streams' fields.
    pub(super) fn covered(&self) -> Vec<StreamCoverage> {
        let covered = self.covered.lock().unwrap_or_else(PoisonError::into_inner);
        covered.iter().map(|(stream, coverage)| StreamCoverage::of(stream, coverage.take())).collect()
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
        self.tallies.count(target, count);
    }

    /// Counts and shows changes.
    fn show(&self, target: &Target, changes: Vec<Change>) {
        for change in &changes {
            self.viewer.see(change);
        }
        self.count(target, |tally| changes.into_iter().for_each(|change| tally.show(change)));
    }

    /// Tells what a row of a new version is to those that are there, counts it and shows it; none where the object is not written anew,
    /// or not compared.
    fn judge_row(&self, place: ReviewPlace<'_>, record: &Prepared, write: &RecordWrite) -> Option<Vec<Change>> {
        let mut judged = None;
        self.count(place.target, |tally| {
            let Some(replaced) = tally.replaced.as_mut().filter(|replaced| replaced.is_compared()) else { return };
            let fate = replaced.take(&write.fields, place.stamps);
            tally.count_row(&fate);
            judged = Some(match fate {
                RowFate::New => vec![created(place.target, record, write)],
                RowFate::Same => Vec::new(),
                RowFate::Changed { before, fields } => {
                    let found = Differences::of_row(write, before, fields);
                    tally.note(&found);
                    vec![rewritten(place.target, record, write, &found)]
                }
            });
        });
        judged
    }

    /// Counts and shows what new versions leave out. Of one that is not complete, nobody can say.
    pub(super) fn finish_replaced(&self) {
        for target in self.tallies.targets() {
            let mut changes = Vec::new();
            self.count(&target, |tally| {
                let Some(replaced) = tally.replaced.take() else { return };
                let (gone, rows) = replaced.finish();
                if tally.is_put_in_place && rows.not_compared.is_none() {
                    let count = u64::try_from(gone.len()).unwrap_or(u64::MAX);
                    tally.counts.read += count;
                    tally.counts.delete += count;
                    changes.extend(gone.into_iter().map(|(key, row)| left_out(&target, key, &row)));
                }
                tally.replaced_rows = Some(rows);
            });
            self.show(&target, changes);
        }
    }

    /// Tells what is to be done from what a run does, and counts it. A run also sends what the destination holds already: nobody has
    /// compared it.
    fn judge(&self, place: ReviewPlace<'_>, decision: Decision, known: Known<'_>) -> Judged {
        let Decision { record, mut action } = decision;
        if let Action::Upsert { write, current: Some(Current { destination_id, .. }) } = &mut action {
            // Nothing is sent, so who has the key is told with the record.
            write.destination_id = Some(destination_id.clone());
        }
        let carried = Decision { record: Arc::clone(&record), action: action.clone() };
        if let Action::Create(write) = &action
            && let Some(changes) = self.judge_row(place, &record, write)
        {
            return Judged { planned: carried.clone(), carried, changes };
        }
        let action = match action {
            Action::Upsert { write, current: None } => Action::Create(write),
            Action::Upsert { write, current: Some(current) } => {
                Action::Update { write, before: current.fields, is_own: false }
            }
            other => other,
        };
        let found = Differences::of(place, &record, &action, known);
        let action = match action {
            Action::Update { write, .. } if found.changed.is_empty() => Action::Adopt(write),
            other => other,
        };
        let changes = shown(place.target, &record, &action, &found).into_iter().collect();
        self.count(place.target, |tally| {
            tally.count(&action);
            tally.note(&found);
            tally.counts.drift += u64::from(!found.drifted.is_empty());
        });
        Judged { carried, planned: Decision { record, action }, changes }
    }
}

#[async_trait]
impl Review for Planner {
    fn reads(&self) -> Reads {
        Reads::Everything
    }

    fn destination(&self, target: &Target, real: Box<dyn Destination>) -> Box<dyn Destination> {
        Box::new(Simulated::new(real, target.clone(), Arc::clone(&self.tallies)))
    }

    fn coverage(&self, stream: &Stream) -> Option<Arc<Coverage>> {
        let coverage = Arc::new(Coverage::default());
        let mut covered = self.covered.lock().unwrap_or_else(PoisonError::into_inner);
        covered.push((stream.clone(), Arc::clone(&coverage)));
        Some(coverage)
    }

    async fn replaces(&self, target: &Target, source: &dyn Source, written: Schema, key: &[FieldName]) {
        let replaced = Replaced::read(source, &target.object, written, key).await;
        self.count(target, |tally| tally.replaced = Some(replaced));
    }

    fn tells_aside(&self) -> bool {
        true
    }

    fn looked_aside(&self, target: &Target, spent: Spent) {
        self.count(target, |tally| tally.aside += spent);
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
        let (mut carried, mut kept, mut changes) = (Vec::with_capacity(decisions.len()), Vec::new(), Vec::new());
        for decision in decisions {
            let judged = self.judge(place, decision, known);
            if self.file.is_some() {
                kept.push(planned(&judged.planned, known));
            }
            carried.push(judged.carried);
            changes.extend(judged.changes);
        }
        self.show(place.target, changes);
        if !kept.is_empty() {
            self.put(Part::Decided { target: place.target.clone(), planned: kept }).await?;
        }
        Ok(carried)
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
