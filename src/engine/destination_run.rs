//! One destination of a stream: its tally, its checkpoint, and what waits to be written to it.

use crate::config::OnMissing;
use crate::model::{Calls, Cursor, Ledger, SyncMode};
use crate::state::{Checkpoint, TargetLedger, TargetStatus};

use super::{
    error::EngineError,
    read::extract::Chunk,
    report::DestinationReport,
    run::RunPlace,
    setup::Loader,
    write::{
        bulk_buffer::BulkBuffer,
        commit::{ChunkTally, load_chunk},
        flush::flush,
    },
};

/// One destination of a stream in a run.
#[derive(Debug)]
pub(super) struct DestinationRun {
    pub loader: Loader,
    pub tally: TargetLedger,
    pub halving_calls: u64,
    /// Chunks of this run that are loaded.
    pub chunk: u64,
    /// Which of the stream's destinations it is.
    pub index: usize,
    /// Counts that wait for a cursor to become durable with.
    pub open: Ledger,
    /// Records that wait to be written together; the checkpoint does not pass them.
    pub buffer: BulkBuffer,
    earlier_calls: Calls,
    pub failure: Option<EngineError>,
}

impl DestinationRun {
    pub(super) async fn new(loader: Loader, index: usize, position: u32, run_id: &str) -> Result<Self, EngineError> {
        let (target_id, id) = (loader.target_id, run_id.to_owned());
        let saved = loader.state.work(move |work| work.ledger(&id, target_id)).await?;
        let tally = saved.unwrap_or_else(|| TargetLedger {
            target: loader.target.clone(),
            position,
            start_cursor: None,
            status: TargetStatus::Running,
            ledger: Ledger::default(),
            calls: Calls::default(),
            message: None,
            chunk: 0,
        });
        let earlier_calls = tally.calls;
        let destination = Self {
            loader,
            tally,
            halving_calls: 0,
            chunk: 0,
            index,
            open: Ledger::default(),
            buffer: BulkBuffer::default(),
            earlier_calls,
            failure: None,
        };
        Ok(destination)
    }

    pub(super) async fn begin(&self) -> Result<(), EngineError> {
        let loader = &self.loader;
        loader.settle_earlier().await?;
        let Some(replace) = loader.replacing()? else { return Ok(()) };
        let begun = replace.begin(&loader.target.object, &loader.written_fields()).await;
        begun.map_err(|error| EngineError::connector(loader.connection(), error))
    }

    /// Puts an object that was written anew in its place.
    pub(super) async fn put_in_place(&self) -> Result<(), EngineError> {
        let Some(replace) = self.loader.replacing()? else { return Ok(()) };
        let put = replace.put_in_place(&self.loader.target.object).await;
        put.map_err(|error| EngineError::connector(self.loader.connection(), error))
    }

    /// Counts what waited for a cursor: the ledger goes up to this chunk then.
    pub(super) fn count_open(&mut self, chunk: u64) {
        self.tally.ledger += std::mem::take(&mut self.open);
        self.tally.chunk = chunk;
    }

    pub(super) fn is_done(&self) -> bool {
        self.tally.status == TargetStatus::Done && self.failure.is_none()
    }

    pub(super) fn is_interrupted(&self) -> bool {
        matches!(self.failure, Some(EngineError::Interrupted(_)))
    }

    /// Gives the destination up; what was committed stays.
    pub(super) fn fail(&mut self, error: EngineError) {
        if !matches!(error, EngineError::Interrupted(_)) {
            self.tally.status = TargetStatus::Failed;
        } else if self.tally.status == TargetStatus::Done {
            self.tally.status = TargetStatus::Running;
        }
        self.tally.message = Some(error.to_string());
        self.failure = Some(error);
    }

    pub(super) async fn load(&mut self, chunk: &Chunk, number: u64) {
        let loaded = load_chunk(&self.loader, chunk, number, &mut self.buffer).await;
        self.take_tally(loaded, number);
        if self.buffer.is_full(|limit| self.loader.bulk_limit(limit).unwrap_or(limit)) {
            self.flush(number).await;
        }
    }

    /// Writes the records that wait.
    pub(super) async fn flush(&mut self, number: u64) {
        if self.failure.is_none() && !self.buffer.is_empty() {
            let flushed = flush(&self.loader, &mut self.buffer, number).await;
            self.take_tally(flushed, number);
        }
    }

    fn take_tally(&mut self, loaded: Result<ChunkTally, EngineError>, number: u64) {
        match loaded {
            Ok(ChunkTally { ledger, halving_calls }) => {
                self.open += ledger;
                self.halving_calls += halving_calls;
                let mut total = self.tally.ledger;
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

    /// Stores the tally, and the checkpoint where there is a cursor, in one transaction.
    pub(super) async fn save(&mut self, run_id: &str, cursor: Option<Cursor>) -> Result<(), EngineError> {
        self.tally.calls = self.earlier_calls;
        self.tally.calls += self.loader.context.meter.calls();
        let (target_id, run_id, tally) = (self.loader.target_id, run_id.to_owned(), self.tally.clone());
        let (chunk, saved_at) = (self.chunk, self.loader.context.clock().now());
        let save = move |work: &crate::state::Work<'_>| {
            work.save_ledger(&run_id, target_id, &tally)?;
            match cursor {
                Some(cursor) => {
                    work.save_checkpoint(target_id, &Checkpoint { run_id, cursor, chunk, saved_at, number: 0 })
                }
                None => Ok(()),
            }
        };
        Ok(self.loader.state.work(save).await?)
    }

    /// The stream is at its end: the tally is complete, and the next run begins where it has to.
    pub(super) async fn close_tally(
        &mut self,
        place: &RunPlace,
        is_to_end: bool,
        sync_mode: SyncMode,
    ) -> Result<(), EngineError> {
        self.count_open(u64::MAX);
        self.tally.status = TargetStatus::Done;
        self.save(&place.run_id, None).await?;
        let target_id = self.loader.target_id;
        let begins_anew = is_to_end && sync_mode == SyncMode::FullRefresh;
        let is_whole = is_to_end && self.tally.start_cursor.is_none();
        let forgets_missing = is_whole && self.loader.policy.on_missing == OnMissing::Recreate;
        let run_id = place.run_id.clone();
        let close = move |work: &crate::state::Work<'_>| {
            if forgets_missing {
                work.forget_missing(target_id, &run_id)?;
            }
            if begins_anew {
                work.clear_checkpoint(target_id)?;
            }
            if is_to_end { work.clear_intents(target_id) } else { Ok(()) }
        };
        Ok(self.loader.state.work(close).await?)
    }

    pub(super) async fn report(&self) -> Result<DestinationReport, EngineError> {
        let target_id = self.loader.target_id;
        let (waiting, missing) = self
            .loader
            .state
            .work(move |work| Ok((work.count_waiting(target_id)?, work.count_missing(target_id)?)))
            .await?;
        let mut report =
            DestinationReport::empty(self.loader.target.connection.clone(), self.loader.target.object.clone());
        report.status = self.tally.status;
        report.ledger = self.tally.ledger;
        report.error.clone_from(&self.tally.message);
        report.calls_halving = self.halving_calls;
        report.set_waiting(waiting);
        report.missing = if self.loader.policy.on_missing == OnMissing::Recreate { missing } else { 0 };
        report.is_replaced = self.loader.is_replacing();
        report.set_calls(self.tally.calls, self.loader.context.meter.quota());
        Ok(report)
    }
}
