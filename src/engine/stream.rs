//! Runs one stream: the read and the destinations overlap, and the checkpoint moves when all destinations are done with a chunk.

use std::sync::Arc;

use futures::join;
use tokio::sync::mpsc;

use crate::config::{OnMissing, Pipeline, Stream};
use crate::model::{Calls, Ledger, Schema, SyncMode};
use crate::state::{PipelineEnd, TargetStatus};

use super::{
    accounts::RunAccounts,
    begin::{Begin, Reading, RunState, Standing},
    close::mirror::Evidence,
    destination_run::DestinationRun,
    distribute::distribute,
    environment::{Environment, Extraction},
    error::EngineError,
    place::RunPlace,
    read::{
        extract::{Extent, Pace, ReadPlan, extract, is_expired},
        join_inputs::{Depth, read_join_inputs},
    },
    report::{DestinationReport, QuotaReport, StreamReport},
    way::Way,
};

/// A stream in a run.
#[derive(Debug)]
pub(super) struct StreamRun {
    pub position: u32,
    pub destinations: Vec<DestinationRun>,
    pub is_read_to_end: bool,
    stream: Stream,
    source_calls: Calls,
    /// What reading spent of the source's budget.
    source_quota: Option<QuotaReport>,
    /// What reading the streams of its joins cost.
    join_calls: Calls,
    /// What failed before or beside the destinations: the source, or a destination that could not be connected.
    failures: Vec<EngineError>,
    /// Why the source could not be read to its end.
    source_error: Option<String>,
    unconnected: Vec<Unconnected>,
    evidence: Evidence,
}

/// A destination that could not be connected.
#[derive(Debug)]
struct Unconnected {
    /// Which of the stream's destinations it is.
    index: usize,
    reason: String,
    calls: Calls,
}

pub(super) async fn run_stream(
    environment: &Environment,
    pipeline: &Pipeline,
    index: usize,
    place: &RunPlace,
) -> Result<StreamRun, EngineError> {
    let stream = &pipeline.streams[index];
    let mut run = StreamRun {
        position: u32::try_from(index).unwrap_or(u32::MAX),
        destinations: Vec::new(),
        is_read_to_end: false,
        stream: stream.clone(),
        source_calls: Calls::default(),
        source_quota: None,
        join_calls: Calls::default(),
        failures: Vec::new(),
        source_error: None,
        unconnected: Vec::new(),
        evidence: Evidence::default(),
    };
    match run.go(environment, pipeline, place).await {
        Ok(()) => {}
        Err(error @ EngineError::State(_)) => return Err(error),
        Err(error) => {
            run.source_error = Some(error.to_string());
            run.failures.push(error);
        }
    }
    Ok(run)
}

impl StreamRun {
    async fn go(
        &mut self,
        environment: &Environment,
        pipeline: &Pipeline,
        place: &RunPlace,
    ) -> Result<(), EngineError> {
        let stream = self.stream.clone();
        let extraction = environment.connect_source(pipeline, &stream)?;
        let entered = place.accounts.enter_source(pipeline, &stream, &extraction.context);
        self.count_source_calls(&extraction);
        entered?;
        let plan = self.plan(&extraction, environment, pipeline, place).await;
        self.count_source_calls(&extraction);
        let mut plan = plan?;
        if self.destinations.is_empty() {
            return Ok(());
        }
        if place.is_resumed
            && self.destinations.iter().all(|destination| destination.tally.status == TargetStatus::Done)
        {
            self.is_read_to_end = true;
            return Ok(());
        }
        let begin = self.begin(place).await?;
        plan.request.cursor = begin.cursor().cloned();
        for destination in &mut self.destinations {
            if let Err(error) = destination.begin().await {
                destination.fail(error);
            }
        }
        let result = self.read_and_load(&extraction, plan, begin, place).await;
        self.count_source_calls(&extraction);
        let is_cut_short = result.is_err();
        for destination in &self.destinations {
            destination.loader.end_writing(is_cut_short || destination.failure.is_some()).await?;
        }
        result
    }

    fn count_source_calls(&mut self, extraction: &Extraction) {
        self.source_calls = self.join_calls;
        let meter = &extraction.context.meter;
        self.source_calls += meter.calls();
        self.source_quota = QuotaReport::of(meter.spending(), meter.quota(), 0);
    }

    /// Asks the source what its records look like and compiles filter, steps and mappings; connects the destinations.
    async fn plan(
        &mut self,
        extraction: &Extraction,
        environment: &Environment,
        pipeline: &Pipeline,
        place: &RunPlace,
    ) -> Result<ReadPlan, EngineError> {
        let stream = self.stream.clone();
        let read = read_join_inputs(environment, pipeline, &stream, Depth::Read).await?;
        self.join_calls = read.calls;
        let has_content_ids = extraction.source.has_content_ids(&stream.object);
        let mappings: Vec<_> = stream.destinations.iter().map(|config| &config.mappings).collect();
        let declared = extraction.describe(&stream).await?;
        let at = (PipelineEnd::Source, &stream.connection);
        let seen = Schema { object: stream.object.clone(), ..declared.clone() };
        environment.see_schema(&pipeline.name, place.identity(), at, &seen).await?;
        let mut plan = ReadPlan::compile(&stream, (extraction, &declared), &read.inputs, Extent::Used(&mappings))?;
        if let Some(coverage) = place.review.as_ref().and_then(|review| review.coverage(&stream)) {
            plan.cover(coverage);
        }
        let has_new_ids = plan.steps.changes_ids();
        self.evidence = Evidence { has_content_ids, has_new_ids, rejected_inputs: read.rejected };
        plan.limit = place.limit;
        plan.observer = Arc::clone(&environment.observer);
        for (index, config) in stream.destinations.iter().enumerate() {
            let context = environment.context_of(&config.connection);
            let meter = context.meter.clone();
            let output = plan.steps.output();
            let entered = place.accounts.enter_destination(&context);
            let connect = async {
                entered?;
                environment.connect_destination(pipeline, &stream, config, output, place.identity(), context).await
            };
            match connect.await {
                Ok(mut loader) => {
                    loader.policy.is_verifying = place.is_verifying;
                    loader.policy.tells_by_id = !has_new_ids;
                    self.destinations.push(DestinationRun::new(loader, index, self.position));
                }
                Err(error @ EngineError::State(_)) => return Err(error),
                Err(error) => {
                    self.unconnected.push(Unconnected { index, reason: error.to_string(), calls: meter.calls() });
                    self.failures.push(error);
                }
            }
        }
        let are_all_in_columns = self.destinations.iter().all(|destination| destination.loader.way == Way::Columns);
        // What a limit leaves of a page depends on how large it is.
        if are_all_in_columns && plan.limit.is_none() {
            plan.pace = Pace::Whole;
        }
        Ok(plan)
    }

    /// Finds where the read begins, and sets the tallies to what is counted up to there.
    async fn begin(&mut self, place: &RunPlace) -> Result<Begin, EngineError> {
        let checkpoints =
            self.destinations.iter().map(|destination| destination.loader.earlier.checkpoint.clone()).collect();
        let run = if place.is_resumed {
            let start_cursor = self.destinations.first().and_then(|first| first.tally.start_cursor.clone());
            RunState::Resumed { run_id: &place.run_id, start_cursor }
        } else {
            RunState::New
        };
        let begin = Begin::of(Standing { run, reading: self.reading(place), checkpoints });
        for destination in &mut self.destinations {
            // What this run wrote behind the chunk counts as what it was when it is read again, whatever chunk it comes in.
            let loader = &destination.loader;
            loader.services.state.rewind(loader.target.id, &place.run_id, begin.chunk()).await?;
            destination.count_from(begin.chunk());
            if begin.chunk() == 0 {
                destination.tally.start_cursor = begin.cursor().cloned();
            }
            destination.save(&place.run_id, None).await?;
        }
        Ok(begin)
    }

    /// Says how much of the source must be read.
    fn reading(&self, place: &RunPlace) -> Reading {
        let mut loaders = self.destinations.iter().map(|destination| &destination.loader);
        if loaders.clone().any(|loader| loader.is_replacing()) {
            return Reading::AllAtOnce;
        }
        // What is to be created again did not change at the source, so it must be read from the beginning.
        let has_missing =
            loaders.any(|loader| loader.policy.on_missing == OnMissing::Recreate && loader.earlier.missing > 0);
        let is_incremental = self.stream.sync_mode == SyncMode::Incremental && !place.is_full_refresh;
        if is_incremental && !has_missing { Reading::Changes } else { Reading::All }
    }

    async fn read_and_load(
        &mut self,
        extraction: &Extraction,
        plan: ReadPlan,
        begin: Begin,
        place: &RunPlace,
    ) -> Result<(), EngineError> {
        let had_cursor = begin.cursor().is_some();
        let mut again = plan.clone();
        let read = self.pass(extraction, plan, begin.chunk(), place).await;
        let read = match read {
            Err(error) if had_cursor && is_expired(&error) => {
                // The source no longer knows the cursor: everything is read again, and what is unchanged costs nothing.
                again.request.cursor = None;
                for destination in self.destinations.iter_mut().filter(|destination| destination.failure.is_none()) {
                    destination.count_from(0);
                }
                self.pass(extraction, again, 0, place).await
            }
            other => other,
        };
        let is_to_end = read?;
        self.is_read_to_end = is_to_end;
        for destination in self.destinations.iter_mut().filter(|destination| destination.failure.is_none()) {
            if let Err(error) = destination.put_in_place().await {
                destination.fail(error);
                continue;
            }
            destination.close_tally(place, is_to_end, self.stream.sync_mode).await?;
        }
        Ok(())
    }

    /// Reads and loads at the same time. Returns whether the stream was read to its end.
    async fn pass(
        &mut self,
        extraction: &Extraction,
        plan: ReadPlan,
        first: u64,
        place: &RunPlace,
    ) -> Result<bool, EngineError> {
        // One chunk waits while others are loaded: what is in memory does not grow with the stream.
        let (sender, receiver) = mpsc::channel(1);
        let destinations = &mut self.destinations;
        let (read, loaded) =
            join!(extract(extraction.source.as_ref(), plan, sender), distribute(destinations, receiver, first, place),);
        loaded?;
        match read {
            // The loading side closed the channel: its own failures say why.
            Err(EngineError::Stopped) if destinations.iter().any(|destination| destination.failure.is_some()) => {
                Ok(false)
            }
            other => other,
        }
    }

    /// Says why the records that were not read may still be at the source, if they may.
    pub(super) fn doubt(&self, destination: &DestinationRun) -> Option<String> {
        let Ledger { rejected, held, .. } = destination.tally.ledger;
        self.evidence.doubt(destination.unknown_ids, rejected + held)
    }

    /// Tells whether the run is to end here.
    pub(super) fn is_interrupted(&self) -> bool {
        let failures =
            self.failures.iter().chain(self.destinations.iter().filter_map(|destination| destination.failure.as_ref()));
        failures.into_iter().any(|failure| matches!(failure, EngineError::Interrupted(_)))
    }

    /// Tells whether something other than a stop kept the stream from its end.
    pub(super) fn has_failed(&self) -> bool {
        !self.unconnected.is_empty()
            || self.destinations.iter().any(|destination| destination.tally.status == TargetStatus::Failed)
    }

    /// Stores the tallies as they are at the end of the run.
    pub(super) async fn save(&mut self, run_id: &str) -> Result<(), EngineError> {
        let source_failed = self.failures.iter().any(|failure| !matches!(failure, EngineError::Interrupted(_)));
        for destination in &mut self.destinations {
            if source_failed && destination.tally.status == TargetStatus::Running {
                destination.tally.status = TargetStatus::Failed;
                destination.tally.message = self.failures.first().map(ToString::to_string);
            }
            destination.note_open();
            destination.save(run_id, None).await?;
        }
        Ok(())
    }

    pub(super) fn take_failures(&mut self) -> Vec<EngineError> {
        let mut failures = std::mem::take(&mut self.failures);
        failures.extend(self.destinations.iter_mut().filter_map(|destination| destination.failure.take()));
        failures
    }

    pub(super) async fn report(self, accounts: &RunAccounts) -> Result<StreamReport, EngineError> {
        let account = |connection| accounts.known(connection).map(|account| account.id().to_owned());
        let mut destinations: Vec<(usize, DestinationReport)> = Vec::new();
        for unconnected in &self.unconnected {
            let Some(config) = self.stream.destinations.get(unconnected.index) else { continue };
            let mut report = DestinationReport::empty(config.connection.clone(), config.object.clone());
            report.account = account(&config.connection);
            report.error = Some(unconnected.reason.clone());
            report.set_calls(unconnected.calls, None);
            destinations.push((unconnected.index, report));
        }
        let mut read = 0;
        for destination in &self.destinations {
            read = read.max(destination.told().committed().read);
            destinations.push((destination.index, destination.report().await?));
        }
        destinations.sort_by_key(|(index, _)| *index);
        Ok(StreamReport {
            name: self.stream.name.clone(),
            source_account: account(&self.stream.connection),
            read,
            calls: self.source_calls.total(),
            rate_limited: self.source_calls.rate_limited,
            quota: self.source_quota,
            error: self.source_error,
            destinations: destinations.into_iter().map(|(_, report)| report).collect(),
        })
    }
}
