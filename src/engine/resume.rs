//! Finds the stopped run that a new one goes on with.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Pipeline;
use crate::model::{ConnectionName, ObjectName, StreamName};
use crate::state::{Run, RunKind, RunStatus, SourceIds, State, StateError, Target};

use super::{
    accounts::RunAccounts,
    fingerprint::{are_plain, fingerprint, is_of_old_release},
    place::RunOptions,
};

/// What a stopped run must have in common with the new one.
#[derive(Debug)]
pub(super) struct Resumable {
    pipeline: String,
    pub fingerprint: String,
    /// The destinations of the pipeline, where nothing beyond the pipeline is asked.
    plain: Option<BTreeSet<Place>>,
    /// The connection that each stream is read from, and the accounts that connections reach.
    sources: BTreeMap<StreamName, ConnectionName>,
    accounts: RunAccounts,
}

type Place = (StreamName, ConnectionName, ObjectName);

impl Resumable {
    pub(super) fn new(pipeline: &Pipeline, options: &RunOptions, accounts: &RunAccounts) -> Self {
        let places = || {
            let streams = pipeline.streams.iter();
            let places = streams.flat_map(|stream| {
                let destinations = stream.destinations.iter();
                destinations.map(|config| (stream.name.clone(), config.connection.clone(), config.object.clone()))
            });
            places.collect()
        };
        Self {
            pipeline: pipeline.name.clone(),
            fingerprint: fingerprint(pipeline, options),
            plain: are_plain(options).then(places),
            sources: pipeline.streams.iter().map(|stream| (stream.name.clone(), stream.connection.clone())).collect(),
            accounts: accounts.clone(),
        }
    }

    /// Returns the pipeline's last run at these accounts, if it was stopped, killed or failed, and was asked for the same. Runs at
    /// other accounts that came between do not count.
    pub(super) async fn find(&self, state: &State) -> Result<Option<Run>, StateError> {
        let runs = state.runs().await?;
        let taken_back: BTreeSet<String> = runs.iter().filter_map(|run| run.undone_run.clone()).collect();
        let own = runs.into_iter().filter(|run| run.pipeline == self.pipeline && run.kind == RunKind::Run);
        for run in own {
            let stored = state.stored_run(&run.run_id, SourceIds::Hidden).await?;
            let reached: Vec<Target> = stored.targets.into_iter().map(|stored| stored.ledger.target).collect();
            if reached.iter().any(|target| self.is_elsewhere(target)) {
                continue;
            }
            let is_same = run.fingerprint == self.fingerprint || self.is_same_of_old_release(&run, reached.into_iter());
            // What was taken back is done anew, not gone on with.
            let is_open = run.status != RunStatus::Done && !taken_back.contains(&run.run_id);
            return Ok(Some(run).filter(|_| is_same && is_open));
        }
        Ok(None)
    }

    /// Tells whether a target is one of another account than its connections reach now.
    fn is_elsewhere(&self, target: &Target) -> bool {
        let is_other = |connection: Option<&ConnectionName>, id: &Option<String>| {
            let now = connection.and_then(|connection| self.accounts.known(connection));
            now.zip(id.as_ref()).is_some_and(|(now, id)| now.id() != id)
        };
        is_other(Some(&target.connection), &target.accounts.destination)
            || is_other(self.sources.get(&target.stream), &target.accounts.source)
    }

    /// Tells whether a run that an old release began is one of this pipeline as it is now. That release's fingerprint cannot be
    /// made again, so what the run did tells: each destination that it reached is still there.
    fn is_same_of_old_release(&self, run: &Run, mut reached: impl Iterator<Item = Target>) -> bool {
        let Some(places) = self.plain.as_ref().filter(|_| is_of_old_release(&run.fingerprint)) else { return false };
        reached.all(|target| places.contains(&(target.stream, target.connection, target.object)))
    }
}
