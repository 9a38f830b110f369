//! The records at the destinations: each pipeline's by its own file, connections and lease.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::config::Pipeline;
use crate::engine::{self, EngineError, ErasedRecord};
use crate::state::{KnownPipeline, Lease, State, TracedRecord, Traces};

use super::super::{exit::Failure, load::load, session::Session, workspace::Workspace};

/// What is to be deleted at the destinations.
pub(super) struct There {
    works: Vec<Work>,
    /// Records of pipelines whose file cannot be loaded.
    unreachable: Vec<ErasedRecord>,
}

struct Work {
    pipeline: Pipeline,
    session: Session,
    records: Vec<TracedRecord>,
    planned: Vec<ErasedRecord>,
}

/// Tells whether another pipeline deletes a record already; its work then stands for both.
fn is_planned(works: &mut [Work], record: &ErasedRecord) -> bool {
    let mut planned = works.iter_mut().flat_map(|work| &mut work.planned);
    let known = planned.find(|known| known.is_at(record) && known.outcome == record.outcome);
    known.map(|known| known.entries.extend(record.entries.iter().copied())).is_some()
}

/// What was done.
#[derive(Default)]
pub(super) struct Done {
    pub records: Vec<ErasedRecord>,
    pub failures: Vec<EngineError>,
    /// The signal that stopped it.
    pub signal: Option<u8>,
}

impl There {
    /// Plans the work, and asks nobody. Takes the leases that it needs out of those that are held.
    pub(super) fn plan(
        workspace: &Workspace,
        (own, clock): (Option<&Pipeline>, &Clock),
        (state, known): (&State, &BTreeMap<String, KnownPipeline>),
        traces: &Traces,
        leases: &mut BTreeMap<String, Lease>,
    ) -> Result<Self, Failure> {
        let mut by_pipeline: BTreeMap<&str, Vec<TracedRecord>> = BTreeMap::new();
        for record in traces.records.iter().filter(|record| record.destination_id.is_some()) {
            by_pipeline.entry(&record.target.pipeline).or_default().push(record.clone());
        }
        let (mut works, mut unreachable): (Vec<Work>, Vec<ErasedRecord>) = (Vec::new(), Vec::new());
        for (name, records) in by_pipeline {
            let file = known.get(name).and_then(|pipeline| pipeline.file.as_deref());
            let pipeline = match own.filter(|own| own.name == name) {
                Some(own) => Some(own.clone()),
                None => file.and_then(|file| load(workspace, file).ok()),
            };
            let (Some(pipeline), Some(lease)) = (pipeline, leases.remove(name)) else {
                let reason = format!("the file of pipeline `{name}` cannot be loaded");
                unreachable.extend(records.iter().map(|record| ErasedRecord::failed(record, reason.clone())));
                continue;
            };
            let session = Session::begin_leased(workspace, &pipeline, state.clone(), clock.clone(), lease)?;
            let mut planned = engine::plan_erasure(&session.environment, &pipeline, &records);
            planned.retain(|record| !is_planned(&mut works, record));
            works.push(Work { pipeline, session, records, planned });
        }
        Ok(Self { works, unreachable })
    }

    pub(super) fn planned(&self) -> Vec<ErasedRecord> {
        self.works.iter().flat_map(|work| &work.planned).chain(&self.unreachable).cloned().collect()
    }

    /// Does what is planned, up to a signal.
    pub(super) async fn erase(&self) -> Result<Done, Failure> {
        let mut done = Done::default();
        for Work { pipeline, session, records, planned } in &self.works {
            let erased = engine::erase_there(&session.environment, pipeline, records, planned.clone()).await?;
            done.records.extend(erased.records);
            done.failures.extend(erased.failures);
            done.signal = done.signal.or(session.signals.number());
            session.audit.finish()?;
        }
        done.records.extend(self.unreachable.iter().cloned());
        Ok(done)
    }
}
