//! One destination of a stream in a run: what its ledger counts, up to which checkpoint, and how it ended.

use std::{collections::VecDeque, sync::Arc};

use crate::config::OnMissing;
use crate::model::{Calls, Cursor, Ledger, SyncMode};
use crate::state::{Checkpoint, SourceIds, TargetEnd, TargetLedger, TargetStatus};

use super::{
    error::EngineError,
    place::RunPlace,
    report::{DestinationReport, QuotaReport},
    setup::Loader,
    way::Way,
    writer::Report,
};

/// One destination of a stream in a run.
#[derive(Debug)]
pub(super) struct DestinationRun {
    pub loader: Arc<Loader>,
    pub tally: TargetLedger,
    pub halving_calls: u64,
    /// The last chunk of this run whose checkpoint is saved.
    pub chunk: u64,
    /// Which of the stream's destinations it is.
    pub index: usize,
    /// Records that were read and whose source id could not be.
    pub unknown_ids: u64,
    /// What was committed behind the last checkpoint, chunk by chunk.
    open: VecDeque<OpenChunk>,
    earlier_calls: Calls,
    /// Whether the created records are where they belong: records of an object that is rewritten get there when it is put in
    /// its place.
    is_in_place: bool,
    pub failure: Option<EngineError>,
}

/// A chunk that is written and has no checkpoint yet.
#[derive(Debug, Clone, Copy)]
struct OpenChunk {
    number: u64,
    ledger: Ledger,
    /// Whether every record of it has its fate, and those of the chunks before.
    is_clean: bool,
}

impl DestinationRun {
    pub(super) fn new(mut loader: Loader, index: usize, position: u32) -> Self {
        let tally = loader.earlier.ledger.take().unwrap_or_else(|| TargetLedger {
            target: loader.target.names.clone(),
            position,
            start_cursor: None,
            status: TargetStatus::Running,
            ledger: Ledger::default(),
            open: Ledger::default(),
            calls: Calls::default(),
            message: None,
            chunk: 0,
        });
        let (earlier_calls, unknown_ids) = (tally.calls, tally.ledger.rejected);
        let is_in_place = !loader.is_replacing() || tally.status == TargetStatus::Done;
        Self {
            loader: Arc::new(loader),
            tally,
            halving_calls: 0,
            chunk: 0,
            index,
            // Which of the rejects of an earlier attempt had no id is not kept.
            unknown_ids,
            open: VecDeque::new(),
            earlier_calls,
            is_in_place,
            failure: None,
        }
    }

    /// Waits for what an earlier run left under way, and prepares the destination.
    pub(super) async fn begin(&self) -> Result<(), EngineError> {
        let loader = &self.loader;
        loader.settle_earlier().await?;
        if loader.way == Way::Columns {
            loader.services.state.forget_ids(loader.target.id).await?;
        }
        let Some(replace) = loader.replacing()? else { return Ok(()) };
        let begun = replace.begin(&loader.target.names.object, &loader.written_fields()).await;
        begun.map_err(|error| EngineError::connector(loader.connection(), error))
    }

    /// Puts an object that was rewritten in its place. A file that the stream reads itself is replaced only by the whole of
    /// it: what was not written would be nowhere then.
    pub(super) async fn put_in_place(&mut self) -> Result<(), EngineError> {
        let Some(replace) = self.loader.replacing()? else { return Ok(()) };
        let mut counted = self.tally.ledger;
        // What has no checkpoint is not in the ledger yet.
        self.open.iter().for_each(|chunk| counted += chunk.ledger);
        let lost = counted.rejected + counted.held;
        if let Some(file) = self.loader.target.replaced_source.as_ref().filter(|_| lost > 0) {
            let message = format!(
                "`{}` is the file that is read, and {lost} of its records could not be written: it stays as it is",
                file.display()
            );
            return Err(EngineError::Guard(message));
        }
        let put = replace.put_in_place(&self.loader.target.names.object).await;
        put.map_err(|error| EngineError::connector(self.loader.connection(), error))?;
        self.is_in_place = true;
        Ok(())
    }

    /// Begins to count at a chunk, or from zero if there is no chunk.
    pub(super) fn count_from(&mut self, chunk: u64) {
        if chunk == 0 {
            self.tally.ledger = Ledger::default();
        }
        // Which of the rejects before the checkpoint had no id is not kept.
        self.unknown_ids = self.tally.ledger.rejected;
        (self.chunk, self.tally.chunk, self.tally.open) = (chunk, chunk, Ledger::default());
        self.open.clear();
        self.is_in_place = !self.loader.is_replacing();
        (self.tally.status, self.tally.message) = (TargetStatus::Running, None);
    }

    /// Takes what the destination's task reports of a chunk.
    pub(super) fn take_report(&mut self, report: Report) {
        let Report { number, ledger, halving_calls, unknown_ids, is_waiting, ended, .. } = report;
        self.halving_calls += halving_calls;
        self.unknown_ids += unknown_ids;
        self.open.push_back(OpenChunk { number, ledger, is_clean: !is_waiting && ended.is_ok() });
        if let Err(error) = ended {
            self.fail(error);
        }
    }

    /// Tells whether a checkpoint may move behind this chunk as far as this destination goes.
    pub(super) fn is_clean_at(&self, number: u64) -> bool {
        self.open
            .iter()
            .rev()
            .find(|open| open.number <= number)
            .is_some_and(|open| open.number == number && open.is_clean)
    }

    /// Moves what was counted up to a chunk into the ledger.
    pub(super) fn count_open(&mut self, number: u64) {
        while let Some(open) = self.open.front().filter(|open| open.number <= number).copied() {
            self.tally.ledger += open.ledger;
            self.open.pop_front();
        }
        self.tally.chunk = number;
    }

    /// Notes what was committed behind the last checkpoint, for the report of a run that ended early. Records with a known fate count as
    /// read.
    pub(super) fn note_open(&mut self) {
        let mut open = Ledger::default();
        self.open.iter().for_each(|chunk| open += chunk.ledger);
        open.read = open.accounted();
        self.tally.open = open;
        self.tally.chunk = self.open.back().map_or(self.tally.chunk, |chunk| chunk.number.max(self.tally.chunk));
    }

    /// Returns the tally as others may read it: records of an object that is not in its place are not created.
    pub(super) fn told(&self) -> TargetLedger {
        let mut told = self.tally.clone();
        if !self.is_in_place {
            for ledger in [&mut told.ledger, &mut told.open] {
                ledger.read = ledger.read.saturating_sub(ledger.created);
                ledger.created = 0;
            }
        }
        told
    }

    pub(super) fn is_done(&self) -> bool {
        self.tally.status == TargetStatus::Done && self.failure.is_none()
    }

    pub(super) fn is_interrupted(&self) -> bool {
        matches!(self.failure, Some(EngineError::Interrupted(_)))
    }

    /// Says what was left undone at a destination that is done otherwise.
    pub(super) fn remark(&mut self, remark: String) {
        self.tally.message = Some(remark);
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

    /// Stores the tally, and the checkpoint where there is a cursor, in one transaction.
    pub(super) async fn save(&mut self, run_id: &str, cursor: Option<Cursor>) -> Result<(), EngineError> {
        self.count_calls();
        let state = &self.loader.services.state;
        let (chunk, saved_at) = (self.chunk, self.loader.services.context.clock().now());
        let checkpoint =
            cursor.map(|cursor| Checkpoint { run_id: run_id.to_owned(), cursor, chunk, saved_at, number: 0 });
        Ok(state.save_progress(self.loader.target.id, run_id, self.told(), checkpoint).await?)
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
        self.count_calls();
        let is_whole = is_to_end && self.tally.start_cursor.is_none();
        let end = TargetEnd {
            are_intents_done: is_to_end,
            clears_checkpoint: is_to_end && sync_mode == SyncMode::FullRefresh,
            forgets_missing: is_whole && self.loader.policy.on_missing == OnMissing::Recreate,
            answers_letters_at: is_whole.then(|| self.loader.services.context.clock().now()),
        };
        let state = &self.loader.services.state;
        Ok(state.close_target(self.loader.target.id, &place.run_id, self.told(), end).await?)
    }

    fn count_calls(&mut self) {
        self.tally.calls = self.earlier_calls;
        self.tally.calls += self.loader.services.context.meter.calls();
    }

    pub(super) async fn report(&self) -> Result<DestinationReport, EngineError> {
        let (waiting, missing) = self.loader.services.state.open_ends(self.loader.target.id).await?;
        let mut report = DestinationReport::empty(
            self.loader.target.names.connection.clone(),
            self.loader.target.names.object.clone(),
        );
        report.account.clone_from(&self.loader.target.names.accounts.destination);
        report.status = self.tally.status;
        report.ledger = self.told().committed();
        report.error.clone_from(&self.tally.message);
        report.calls_halving = self.halving_calls;
        report.set_waiting(waiting);
        let target = &self.loader.target;
        report.merged = self.loader.services.state.merged(&target.run_id, target.id, SourceIds::Hidden).await?;
        report.missing = if self.loader.policy.on_missing == OnMissing::Recreate { missing } else { 0 };
        report.is_replaced = self.loader.is_replacing();
        let meter = &self.loader.services.context.meter;
        report.set_calls(self.tally.calls, meter.quota());
        report.quota = QuotaReport::of(meter.spending(), meter.quota(), meter.calls().write);
        Ok(report)
    }
}
