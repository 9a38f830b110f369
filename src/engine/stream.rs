//! Runs one stream: reading and loading overlap, and the checkpoint moves when all destinations are done with a chunk.

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::mpsc;

use crate::config::{OnMissing, Pipeline, Stream};
use crate::model::{Calls, Cursor, Ledger, SyncMode};
use crate::state::{Checkpoint, ScopeLedger, ScopeStatus};

use super::{
    commit::{ChunkAccount, load_chunk},
    error::EngineError,
    extract::{Chunk, ReadPlan, extract, is_expired},
    report::{DestinationReport, StreamReport},
    run::RunPlace,
    setup::{Environment, Extraction, Loader},
    sides::{Depth, read_sides},
};

/// A stream in a run.
#[derive(Debug)]
pub(super) struct StreamRun {
    pub position: u32,
    pub lanes: Vec<Lane>,
    pub is_read_to_end: bool,
    stream: Stream,
    source_calls: Calls,
    /// What reading the streams of its joins cost.
    side_calls: Calls,
    /// What failed before or beside the lanes: the source, or a destination that could not be connected.
    failures: Vec<EngineError>,
    /// Why the source could not be read to its end.
    source_error: Option<String>,
    unconnected: Vec<Unconnected>,
}

/// A destination that could not be connected.
#[derive(Debug)]
struct Unconnected {
    /// Which of the stream's destinations it is.
    index: usize,
    reason: String,
    calls: Calls,
}

/// One destination of a stream in a run.
#[derive(Debug)]
pub(super) struct Lane {
    pub loader: Loader,
    pub account: ScopeLedger,
    pub halving_calls: u64,
    /// Chunks of this run that are loaded.
    pub chunk: u64,
    /// Which of the stream's destinations it is.
    index: usize,
    /// Counts that wait for a cursor to become durable with.
    pub(super) open: Ledger,
    earlier_calls: Calls,
    pub(super) failure: Option<EngineError>,
}

/// Where a stream's read begins.
#[derive(Debug, Default)]
struct Start {
    cursor: Option<Cursor>,
    chunk: u64,
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
        lanes: Vec::new(),
        is_read_to_end: false,
        stream: stream.clone(),
        source_calls: Calls::default(),
        side_calls: Calls::default(),
        failures: Vec::new(),
        source_error: None,
        unconnected: Vec::new(),
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
        let plan = self.plan(&extraction, environment, pipeline, place).await;
        self.count_source_calls(&extraction);
        let mut plan = plan?;
        if self.lanes.is_empty() {
            return Ok(());
        }
        if place.is_resumed && self.lanes.iter().all(|lane| lane.account.status == ScopeStatus::Done) {
            self.is_read_to_end = true;
            return Ok(());
        }
        let start = self.start(place, &mut plan).await?;
        for lane in &mut self.lanes {
            let fields = lane.loader.written_fields();
            let begun = lane.loader.destination.begin(&lane.loader.scope.object, &fields).await;
            if let Err(error) = begun {
                lane.fail(EngineError::connector(&lane.loader.scope.connection, error));
            }
        }
        let result = self.read_and_load(&extraction, plan, start, place).await;
        self.count_source_calls(&extraction);
        result
    }

    fn count_source_calls(&mut self, extraction: &Extraction) {
        self.source_calls = self.side_calls;
        self.source_calls += extraction.context.meter.calls();
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
        let read = read_sides(environment, pipeline, &stream, Depth::Read).await?;
        self.side_calls = read.calls;
        let mappings: Vec<_> = stream.destinations.iter().map(|target| &target.mappings).collect();
        let mut plan = ReadPlan::compile(&stream, extraction, &read.sides, Some(&mappings)).await?;
        plan.limit = place.limit;
        plan.observer = Arc::clone(&environment.observer);
        for (index, target) in stream.destinations.iter().enumerate() {
            let context = environment.context_of(&target.connection);
            let meter = context.meter.clone();
            let output = plan.steps.output();
            match environment.connect_destination(pipeline, &stream, target, output, &place.run_id, context).await {
                Ok(mut loader) => {
                    loader.is_verifying = place.is_verifying;
                    self.lanes.push(Lane::new(loader, index, self.position, &place.run_id).await?);
                }
                Err(error @ EngineError::State(_)) => return Err(error),
                Err(error) => {
                    self.unconnected.push(Unconnected { index, reason: error.to_string(), calls: meter.calls() });
                    self.failures.push(error);
                }
            }
        }
        Ok(plan)
    }

    /// Finds where the read begins, and sets the accounts to what is counted up to there.
    async fn start(&mut self, place: &RunPlace, plan: &mut ReadPlan) -> Result<Start, EngineError> {
        let is_anew = self.lanes.iter().any(|lane| lane.loader.capabilities.replaces_object);
        let mut checkpoints = Vec::new();
        for lane in &self.lanes {
            let scope_id = lane.loader.scope_id;
            checkpoints.push(lane.loader.state.work(move |work| work.checkpoint(scope_id)).await?);
        }
        let first = checkpoints.first().cloned().flatten();
        let are_equal = checkpoints.iter().all(|checkpoint| {
            checkpoint.as_ref().map(|point| &point.cursor) == first.as_ref().map(|point| &point.cursor)
        });
        let own = first.as_ref().filter(|point| point.run_id == place.run_id && place.is_resumed && are_equal);
        let start = match own {
            Some(point) if !is_anew => Start { cursor: Some(point.cursor.clone()), chunk: point.chunk },
            _ => {
                let cursor = if place.is_resumed {
                    self.lanes.first().and_then(|lane| lane.account.start_cursor.clone())
                } else {
                    let is_incremental = self.stream.sync_mode == SyncMode::Incremental && !place.is_full_refresh;
                    // What is to be created again did not change at the source, so it must be read from the beginning.
                    let is_whole = !is_incremental || self.has_missing_records().await?;
                    oldest(checkpoints).filter(|_| !is_whole)
                };
                for lane in &mut self.lanes {
                    (lane.account.ledger, lane.account.chunk) = (Ledger::default(), 0);
                    let (scope_id, run_id) = (lane.loader.scope_id, place.run_id.clone());
                    lane.loader.state.work(move |work| work.rewind_seen(scope_id, &run_id)).await?;
                }
                Start { cursor: cursor.filter(|_| !is_anew), chunk: 0 }
            }
        };
        for lane in &mut self.lanes {
            lane.chunk = start.chunk;
            lane.account.status = ScopeStatus::Running;
            if start.chunk == 0 {
                lane.account.start_cursor.clone_from(&start.cursor);
            }
            lane.save(&place.run_id, None).await?;
        }
        plan.request.cursor.clone_from(&start.cursor);
        Ok(start)
    }

    /// Tells whether records are known to be gone from a destination and are to be created again.
    async fn has_missing_records(&self) -> Result<bool, EngineError> {
        for lane in self.lanes.iter().filter(|lane| lane.loader.policy.on_missing == OnMissing::Recreate) {
            let scope_id = lane.loader.scope_id;
            if lane.loader.state.work(move |work| work.count_missing(scope_id)).await? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read_and_load(
        &mut self,
        extraction: &Extraction,
        plan: ReadPlan,
        start: Start,
        place: &RunPlace,
    ) -> Result<(), EngineError> {
        let had_cursor = start.cursor.is_some();
        let mut again = plan.clone();
        let read = self.pass(extraction, plan, start, place).await;
        let read = match read {
            Err(error) if had_cursor && is_expired(&error) => {
                // The source no longer knows the cursor: everything is read again, and what is unchanged costs nothing.
                again.request.cursor = None;
                for lane in &mut self.lanes {
                    (lane.account.ledger, lane.open, lane.chunk) = (Ledger::default(), Ledger::default(), 0);
                    lane.account.chunk = 0;
                }
                self.pass(extraction, again, Start::default(), place).await
            }
            other => other,
        };
        let is_to_end = read?;
        self.is_read_to_end = is_to_end;
        for lane in self.lanes.iter_mut().filter(|lane| lane.failure.is_none()) {
            let finished = lane.loader.destination.finish(&lane.loader.scope.object).await;
            if let Err(error) = finished {
                lane.fail(EngineError::connector(&lane.loader.scope.connection, error));
                continue;
            }
            lane.close_account(place, is_to_end, self.stream.sync_mode).await?;
        }
        Ok(())
    }

    /// Reads and loads at the same time. Returns whether the stream was read to its end.
    async fn pass(
        &mut self,
        extraction: &Extraction,
        plan: ReadPlan,
        start: Start,
        place: &RunPlace,
    ) -> Result<bool, EngineError> {
        // One chunk waits while one is loaded: what is in memory does not grow with the stream.
        let (sender, receiver) = mpsc::channel(1);
        let lanes = &mut self.lanes;
        let (read, loaded) = futures::join!(
            extract(extraction.source.as_ref(), plan, sender),
            load_chunks(lanes, receiver, start, place),
        );
        loaded?;
        match read {
            // The loading side closed the channel: its own failures say why.
            Err(EngineError::Stopped) if lanes.iter().any(|lane| lane.failure.is_some()) => Ok(false),
            other => other,
        }
    }

    /// Tells whether the run is to end here.
    pub(super) fn is_interrupted(&self) -> bool {
        let failures = self.failures.iter().chain(self.lanes.iter().filter_map(|lane| lane.failure.as_ref()));
        failures.into_iter().any(|failure| matches!(failure, EngineError::Interrupted(_)))
    }

    /// Tells whether something other than a stop kept the stream from its end.
    pub(super) fn has_failed(&self) -> bool {
        !self.unconnected.is_empty() || self.lanes.iter().any(|lane| lane.account.status == ScopeStatus::Failed)
    }

    /// Stores the accounts as they are at the end of the run.
    pub(super) async fn save(&mut self, run_id: &str) -> Result<(), EngineError> {
        let source_failed = self.failures.iter().any(|failure| !matches!(failure, EngineError::Interrupted(_)));
        for lane in &mut self.lanes {
            if source_failed && lane.account.status == ScopeStatus::Running {
                lane.account.status = ScopeStatus::Failed;
                lane.account.message = self.failures.first().map(ToString::to_string);
            }
            lane.save(run_id, None).await?;
        }
        Ok(())
    }

    pub(super) fn take_failures(&mut self) -> Vec<EngineError> {
        let mut failures = std::mem::take(&mut self.failures);
        failures.extend(self.lanes.iter_mut().filter_map(|lane| lane.failure.take()));
        failures
    }

    pub(super) async fn report(self) -> Result<StreamReport, EngineError> {
        let mut destinations: Vec<(usize, DestinationReport)> = Vec::new();
        for unconnected in &self.unconnected {
            let Some(target) = self.stream.destinations.get(unconnected.index) else { continue };
            let mut report = DestinationReport::empty(target.connection.clone(), target.object.clone());
            report.error = Some(unconnected.reason.clone());
            report.set_calls(unconnected.calls, None);
            destinations.push((unconnected.index, report));
        }
        let mut read = 0;
        for lane in &self.lanes {
            read = read.max(lane.account.ledger.read);
            destinations.push((lane.index, lane.report().await?));
        }
        destinations.sort_by_key(|(index, _)| *index);
        Ok(StreamReport {
            name: self.stream.name.clone(),
            read,
            calls: self.source_calls.total(),
            rate_limited: self.source_calls.rate_limited,
            error: self.source_error,
            destinations: destinations.into_iter().map(|(_, report)| report).collect(),
        })
    }
}

/// Loads chunks as they come, at all destinations at once, and commits each when all are done with it.
async fn load_chunks(
    lanes: &mut [Lane],
    mut chunks: mpsc::Receiver<Chunk>,
    start: Start,
    place: &RunPlace,
) -> Result<(), EngineError> {
    let mut number = start.chunk;
    while let Some(chunk) = chunks.recv().await {
        number += 1;
        let alive: Vec<&mut Lane> = lanes.iter_mut().filter(|lane| lane.failure.is_none()).collect();
        let loading = alive.into_iter().map(|lane| lane.load(&chunk, number));
        join_all(loading).await;
        if lanes.iter().all(|lane| lane.failure.is_some()) || lanes.iter().any(Lane::is_interrupted) {
            return Ok(());
        }
        for lane in lanes.iter_mut().filter(|lane| lane.failure.is_none()) {
            lane.chunk = number;
        }
        let Some(cursor) = chunk.cursor.filter(|_| place.limit.is_none()) else { continue };
        for lane in lanes.iter_mut().filter(|lane| lane.failure.is_none()) {
            lane.count_open(number);
            lane.save(&place.run_id, Some(cursor.clone())).await?;
        }
    }
    Ok(())
}

/// The checkpoint from which nothing is missed by any destination: none where one has no checkpoint.
fn oldest(checkpoints: Vec<Option<Checkpoint>>) -> Option<Cursor> {
    let all: Option<Vec<Checkpoint>> = checkpoints.into_iter().collect();
    all?.into_iter().min_by_key(|checkpoint| checkpoint.number).map(|checkpoint| checkpoint.cursor)
}

impl Lane {
    pub(super) async fn new(loader: Loader, index: usize, position: u32, run_id: &str) -> Result<Self, EngineError> {
        let (scope_id, id) = (loader.scope_id, run_id.to_owned());
        let saved = loader.state.work(move |work| work.ledger(&id, scope_id)).await?;
        let account = saved.unwrap_or_else(|| ScopeLedger {
            scope: loader.scope.clone(),
            position,
            start_cursor: None,
            status: ScopeStatus::Running,
            ledger: Ledger::default(),
            calls: Calls::default(),
            message: None,
            chunk: 0,
        });
        let earlier_calls = account.calls;
        let lane = Self {
            loader,
            account,
            halving_calls: 0,
            chunk: 0,
            index,
            open: Ledger::default(),
            earlier_calls,
            failure: None,
        };
        Ok(lane)
    }

    /// Counts what waited for a cursor: the ledger goes up to this chunk then.
    pub(super) fn count_open(&mut self, chunk: u64) {
        self.account.ledger += std::mem::take(&mut self.open);
        self.account.chunk = chunk;
    }

    pub(super) fn is_done(&self) -> bool {
        self.account.status == ScopeStatus::Done && self.failure.is_none()
    }

    fn is_interrupted(&self) -> bool {
        matches!(self.failure, Some(EngineError::Interrupted(_)))
    }

    /// Gives the destination up; what was committed stays.
    pub(super) fn fail(&mut self, error: EngineError) {
        if !matches!(error, EngineError::Interrupted(_)) {
            self.account.status = ScopeStatus::Failed;
        } else if self.account.status == ScopeStatus::Done {
            self.account.status = ScopeStatus::Running;
        }
        self.account.message = Some(error.to_string());
        self.failure = Some(error);
    }

    async fn load(&mut self, chunk: &Chunk, number: u64) {
        match load_chunk(&self.loader, chunk, number).await {
            Ok(ChunkAccount { ledger, halving_calls }) => {
                self.open += ledger;
                self.halving_calls += halving_calls;
                let mut total = self.account.ledger;
                total += self.open;
                let limit = self.loader.guards.max_rejects;
                if limit.is_some_and(|limit| limit.is_exceeded_by(total.rejected, total.read)) {
                    let (rejected, read) = (total.rejected, total.read);
                    self.count_open(number);
                    self.fail(EngineError::Guard(format!(
                        "{rejected} of {read} records were rejected, more than the pipeline allows (`on_error`, `limits.max_rejects`)"
                    )));
                }
            }
            Err(error) => self.fail(error),
        }
    }

    /// Stores the account, and the checkpoint where there is a cursor, in one transaction.
    pub(super) async fn save(&mut self, run_id: &str, cursor: Option<Cursor>) -> Result<(), EngineError> {
        self.account.calls = self.earlier_calls;
        self.account.calls += self.loader.context.meter.calls();
        let (scope_id, run_id, account) = (self.loader.scope_id, run_id.to_owned(), self.account.clone());
        let (chunk, saved_at) = (self.chunk, self.loader.context.clock().now());
        let save = move |work: &crate::state::Work<'_>| {
            work.save_ledger(&run_id, scope_id, &account)?;
            match cursor {
                Some(cursor) => {
                    work.save_checkpoint(scope_id, &Checkpoint { run_id, cursor, chunk, saved_at, number: 0 })
                }
                None => Ok(()),
            }
        };
        Ok(self.loader.state.work(save).await?)
    }

    /// The stream is at its end: the account is complete, and the next run begins where it has to.
    async fn close_account(
        &mut self,
        place: &RunPlace,
        is_to_end: bool,
        sync_mode: SyncMode,
    ) -> Result<(), EngineError> {
        self.count_open(u64::MAX);
        self.account.status = ScopeStatus::Done;
        self.save(&place.run_id, None).await?;
        let scope_id = self.loader.scope_id;
        let begins_anew = is_to_end && sync_mode == SyncMode::FullRefresh;
        let is_whole = is_to_end && self.account.start_cursor.is_none();
        let forgets_missing = is_whole && self.loader.policy.on_missing == OnMissing::Recreate;
        let run_id = place.run_id.clone();
        let close = move |work: &crate::state::Work<'_>| {
            if forgets_missing {
                work.forget_missing(scope_id, &run_id)?;
            }
            if begins_anew {
                work.clear_checkpoint(scope_id)?;
            }
            if is_to_end { work.clear_intents(scope_id) } else { Ok(()) }
        };
        Ok(self.loader.state.work(close).await?)
    }

    pub(super) async fn report(&self) -> Result<DestinationReport, EngineError> {
        let scope_id = self.loader.scope_id;
        let (waiting, missing) = self
            .loader
            .state
            .work(move |work| Ok((work.count_waiting(scope_id)?, work.count_missing(scope_id)?)))
            .await?;
        let mut report =
            DestinationReport::empty(self.loader.scope.connection.clone(), self.loader.scope.object.clone());
        report.status = self.account.status;
        report.ledger = self.account.ledger;
        report.error.clone_from(&self.account.message);
        report.calls_halving = self.halving_calls;
        report.set_waiting(waiting);
        report.missing = if self.loader.policy.on_missing == OnMissing::Recreate { missing } else { 0 };
        report.is_replaced = self.loader.capabilities.replaces_object;
        report.set_calls(self.account.calls, self.loader.context.meter.quota());
        Ok(report)
    }
}
