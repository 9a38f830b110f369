//! One destination of a stream: its account, its checkpoint, and what waits to be written to it.

use crate::config::OnMissing;
use crate::model::{Calls, Cursor, Ledger, SyncMode};
use crate::state::{Checkpoint, ScopeLedger, ScopeStatus};

use super::{
    commit::{ChunkAccount, load_chunk},
    error::EngineError,
    extract::Chunk,
    flush::flush,
    report::DestinationReport,
    run::RunPlace,
    setup::Loader,
    stage::Stage,
};

/// One destination of a stream in a run.
#[derive(Debug)]
pub(super) struct Lane {
    pub loader: Loader,
    pub account: ScopeLedger,
    pub halving_calls: u64,
    /// Chunks of this run that are loaded.
    pub chunk: u64,
    /// Which of the stream's destinations it is.
    pub index: usize,
    /// Counts that wait for a cursor to become durable with.
    pub open: Ledger,
    /// Records that wait to be written together; the checkpoint does not pass them.
    pub stage: Stage,
    earlier_calls: Calls,
    pub failure: Option<EngineError>,
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
            stage: Stage::default(),
            earlier_calls,
            failure: None,
        };
        Ok(lane)
    }

    pub(super) async fn begin(&self) -> Result<(), EngineError> {
        let loader = &self.loader;
        loader.settle_earlier().await?;
        let begun = loader.destination.begin(&loader.scope.object, &loader.written_fields()).await;
        begun.map_err(|error| EngineError::connector(loader.connection(), error))
    }

    /// Counts what waited for a cursor: the ledger goes up to this chunk then.
    pub(super) fn count_open(&mut self, chunk: u64) {
        self.account.ledger += std::mem::take(&mut self.open);
        self.account.chunk = chunk;
    }

    pub(super) fn is_done(&self) -> bool {
        self.account.status == ScopeStatus::Done && self.failure.is_none()
    }

    pub(super) fn is_interrupted(&self) -> bool {
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

    pub(super) async fn load(&mut self, chunk: &Chunk, number: u64) {
        let loaded = load_chunk(&self.loader, chunk, number, &mut self.stage).await;
        self.take_account(loaded, number);
        if self.stage.is_full(|limit| self.loader.bulk_limit(limit).unwrap_or(limit)) {
            self.flush(number).await;
        }
    }

    /// Writes the records that wait.
    pub(super) async fn flush(&mut self, number: u64) {
        if self.failure.is_none() && !self.stage.is_empty() {
            let flushed = flush(&self.loader, &mut self.stage, number).await;
            self.take_account(flushed, number);
        }
    }

    fn take_account(&mut self, loaded: Result<ChunkAccount, EngineError>, number: u64) {
        match loaded {
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
    pub(super) async fn close_account(
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
