//! Runs one stream: reading and loading overlap, and the checkpoint moves when all destinations are done with a chunk.

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::mpsc;

use crate::config::{OnMissing, Pipeline, Stream};
use crate::model::{Calls, Cursor, Ledger, SyncMode};
use crate::state::{Checkpoint, TargetStatus};

use super::{
    destination_run::DestinationRun,
    error::EngineError,
    read::{
        extract::{Chunk, ReadPlan, extract, is_expired},
        join_inputs::{Depth, read_join_inputs},
    },
    report::{DestinationReport, StreamReport},
    run::RunPlace,
    setup::{Environment, Extraction},
    write::bulk_buffer::BulkBuffer,
};

/// A stream in a run.
#[derive(Debug)]
pub(super) struct StreamRun {
    pub position: u32,
    pub destinations: Vec<DestinationRun>,
    pub is_read_to_end: bool,
    stream: Stream,
    source_calls: Calls,
    /// What reading the streams of its joins cost.
    join_calls: Calls,
    /// What failed before or beside the destinations: the source, or a destination that could not be connected.
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
        destinations: Vec::new(),
        is_read_to_end: false,
        stream: stream.clone(),
        source_calls: Calls::default(),
        join_calls: Calls::default(),
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
        if self.destinations.is_empty() {
            return Ok(());
        }
        if place.is_resumed
            && self.destinations.iter().all(|destination| destination.tally.status == TargetStatus::Done)
        {
            self.is_read_to_end = true;
            return Ok(());
        }
        let start = self.start(place, &mut plan).await?;
        for destination in &mut self.destinations {
            if let Err(error) = destination.begin().await {
                destination.fail(error);
            }
        }
        let result = self.read_and_load(&extraction, plan, start, place).await;
        self.count_source_calls(&extraction);
        result
    }

    fn count_source_calls(&mut self, extraction: &Extraction) {
        self.source_calls = self.join_calls;
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
        let read = read_join_inputs(environment, pipeline, &stream, Depth::Read).await?;
        self.join_calls = read.calls;
        let mappings: Vec<_> = stream.destinations.iter().map(|config| &config.mappings).collect();
        let mut plan = ReadPlan::compile(&stream, extraction, &read.inputs, Some(&mappings)).await?;
        plan.limit = place.limit;
        plan.observer = Arc::clone(&environment.observer);
        for (index, config) in stream.destinations.iter().enumerate() {
            let context = environment.context_of(&config.connection);
            let meter = context.meter.clone();
            let output = plan.steps.output();
            match environment.connect_destination(pipeline, &stream, config, output, &place.run_id, context).await {
                Ok(mut loader) => {
                    loader.is_verifying = place.is_verifying;
                    self.destinations.push(DestinationRun::new(loader, index, self.position, &place.run_id).await?);
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

    /// Finds where the read begins, and sets the tallies to what is counted up to there.
    async fn start(&mut self, place: &RunPlace, plan: &mut ReadPlan) -> Result<Start, EngineError> {
        let is_anew = self.destinations.iter().any(|destination| destination.loader.is_replacing());
        let mut checkpoints = Vec::new();
        for destination in &self.destinations {
            let target_id = destination.loader.target_id;
            checkpoints.push(destination.loader.state.work(move |work| work.checkpoint(target_id)).await?);
        }
        let first = checkpoints.first().cloned().flatten();
        let are_equal = checkpoints.iter().all(|checkpoint| {
            checkpoint.as_ref().map(|point| &point.cursor) == first.as_ref().map(|point| &point.cursor)
        });
        let own = first.as_ref().filter(|point| point.run_id == place.run_id && place.is_resumed && are_equal);
        let start = match own {
            Some(point) if !is_anew => {
                self.rewind_seen(&place.run_id, point.chunk).await?;
                Start { cursor: Some(point.cursor.clone()), chunk: point.chunk }
            }
            _ => {
                let cursor = if place.is_resumed {
                    self.destinations.first().and_then(|destination| destination.tally.start_cursor.clone())
                } else {
                    let is_incremental = self.stream.sync_mode == SyncMode::Incremental && !place.is_full_refresh;
                    // What is to be created again did not change at the source, so it must be read from the beginning.
                    let is_whole = !is_incremental || self.has_missing_records().await?;
                    oldest(checkpoints).filter(|_| !is_whole)
                };
                for destination in &mut self.destinations {
                    (destination.tally.ledger, destination.tally.chunk) = (Ledger::default(), 0);
                }
                self.rewind_seen(&place.run_id, 0).await?;
                Start { cursor: cursor.filter(|_| !is_anew), chunk: 0 }
            }
        };
        for destination in &mut self.destinations {
            destination.chunk = start.chunk;
            destination.tally.status = TargetStatus::Running;
            if start.chunk == 0 {
                destination.tally.start_cursor.clone_from(&start.cursor);
            }
            destination.save(&place.run_id, None).await?;
        }
        plan.request.cursor.clone_from(&start.cursor);
        Ok(start)
    }

    /// Lets what this run wrote behind a chunk count as what it was when it is read again, whatever chunk it comes in.
    async fn rewind_seen(&self, run_id: &str, chunk: u64) -> Result<(), EngineError> {
        for destination in &self.destinations {
            let (target_id, run_id) = (destination.loader.target_id, run_id.to_owned());
            destination.loader.state.work(move |work| work.rewind_seen(target_id, &run_id, chunk)).await?;
        }
        Ok(())
    }

    /// Tells whether records are known to be gone from a destination and are to be created again.
    async fn has_missing_records(&self) -> Result<bool, EngineError> {
        for destination in
            self.destinations.iter().filter(|destination| destination.loader.policy.on_missing == OnMissing::Recreate)
        {
            let target_id = destination.loader.target_id;
            if destination.loader.state.work(move |work| work.count_missing(target_id)).await? > 0 {
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
                for destination in &mut self.destinations {
                    (destination.tally.ledger, destination.open, destination.chunk) =
                        (Ledger::default(), Ledger::default(), 0);
                    (destination.tally.chunk, destination.buffer) = (0, BulkBuffer::default());
                }
                self.pass(extraction, again, Start::default(), place).await
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
        start: Start,
        place: &RunPlace,
    ) -> Result<bool, EngineError> {
        // One chunk waits while one is loaded: what is in memory does not grow with the stream.
        let (sender, receiver) = mpsc::channel(1);
        let destinations = &mut self.destinations;
        let (read, loaded) = futures::join!(
            extract(extraction.source.as_ref(), plan, sender),
            load_chunks(destinations, receiver, start, place),
        );
        loaded?;
        match read {
            // The loading input closed the channel: its own failures say why.
            Err(EngineError::Stopped) if destinations.iter().any(|destination| destination.failure.is_some()) => {
                Ok(false)
            }
            other => other,
        }
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
            destination.save(run_id, None).await?;
        }
        Ok(())
    }

    pub(super) fn take_failures(&mut self) -> Vec<EngineError> {
        let mut failures = std::mem::take(&mut self.failures);
        failures.extend(self.destinations.iter_mut().filter_map(|destination| destination.failure.take()));
        failures
    }

    pub(super) async fn report(self) -> Result<StreamReport, EngineError> {
        let mut destinations: Vec<(usize, DestinationReport)> = Vec::new();
        for unconnected in &self.unconnected {
            let Some(config) = self.stream.destinations.get(unconnected.index) else { continue };
            let mut report = DestinationReport::empty(config.connection.clone(), config.object.clone());
            report.error = Some(unconnected.reason.clone());
            report.set_calls(unconnected.calls, None);
            destinations.push((unconnected.index, report));
        }
        let mut read = 0;
        for destination in &self.destinations {
            read = read.max(destination.tally.ledger.read);
            destinations.push((destination.index, destination.report().await?));
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
    destinations: &mut [DestinationRun],
    mut chunks: mpsc::Receiver<Chunk>,
    start: Start,
    place: &RunPlace,
) -> Result<(), EngineError> {
    let mut number = start.chunk;
    let mut cursor = None;
    while let Some(chunk) = chunks.recv().await {
        number += 1;
        let alive: Vec<&mut DestinationRun> =
            destinations.iter_mut().filter(|destination| destination.failure.is_none()).collect();
        let loading = alive.into_iter().map(|destination| destination.load(&chunk, number));
        join_all(loading).await;
        if destinations.iter().all(|destination| destination.failure.is_some())
            || destinations.iter().any(DestinationRun::is_interrupted)
        {
            return Ok(());
        }
        for destination in destinations.iter_mut().filter(|destination| destination.failure.is_none()) {
            destination.chunk = number;
        }
        cursor = chunk.cursor.filter(|_| place.limit.is_none());
        // The destinations' checkpoints stay equal, so that a run that was cut short reads on from there for all of them.
        if !has_waiting(destinations) {
            save_checkpoints(destinations, number, cursor.take(), place).await?;
        }
    }
    if has_waiting(destinations) {
        join_all(destinations.iter_mut().map(|destination| destination.flush(number))).await;
        save_checkpoints(destinations, number, cursor, place).await?;
    }
    Ok(())
}

fn has_waiting(destinations: &[DestinationRun]) -> bool {
    destinations.iter().any(|destination| destination.failure.is_none() && !destination.buffer.is_empty())
}

/// Stores the tallies up to a chunk with the cursor behind it; without one they wait for the next.
async fn save_checkpoints(
    destinations: &mut [DestinationRun],
    number: u64,
    cursor: Option<Cursor>,
    place: &RunPlace,
) -> Result<(), EngineError> {
    let Some(cursor) = cursor else { return Ok(()) };
    for destination in destinations.iter_mut().filter(|destination| destination.failure.is_none()) {
        destination.count_open(number);
        destination.save(&place.run_id, Some(cursor.clone())).await?;
    }
    Ok(())
}

/// The checkpoint from which nothing is missed by any destination: none where one has no checkpoint.
fn oldest(checkpoints: Vec<Option<Checkpoint>>) -> Option<Cursor> {
    let all: Option<Vec<Checkpoint>> = checkpoints.into_iter().collect();
    all?.into_iter().min_by_key(|checkpoint| checkpoint.number).map(|checkpoint| checkpoint.cursor)
}
