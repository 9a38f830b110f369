//! Writes chunks to one destination, in a task of its own: a commit of one destination stalls neither the read nor the others.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::model::Ledger;

use super::{
    error::EngineError,
    read::extract::Chunk,
    setup::Loader,
    way::Way,
    write::{
        bulk_buffer::BulkBuffer,
        chunk::load_chunk,
        columns::load_columns,
        dispatch::Dispatch,
        execute::{ChunkTally, Numbers},
        flush::flush,
    },
};

/// A chunk on its way to the destinations.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    pub number: u64,
    pub chunk: Arc<Chunk>,
}

/// What became of a chunk at one destination.
#[derive(Debug)]
pub(super) struct Report {
    /// Which of the destinations that write.
    pub place: usize,
    pub number: u64,
    /// What was committed, also where the chunk did not come to its end.
    pub ledger: Ledger,
    pub halving_calls: u64,
    /// Records that were read and whose source id could not be.
    pub unknown_ids: u64,
    /// Whether records wait to be written together with those of later chunks.
    pub is_waiting: bool,
    pub ended: Result<(), EngineError>,
}

/// Writes chunks to one destination.
#[derive(Debug)]
pub(super) struct Writer {
    place: usize,
    loader: Arc<Loader>,
    buffer: BulkBuffer,
    /// What this run counts so far, for the guards.
    total: Ledger,
    /// The number of the last record that was read.
    last_number: u64,
    reports: mpsc::UnboundedSender<Report>,
}

impl Writer {
    /// Makes the writer of a destination whose ledger stands at `total`. There are never more reports than chunks under way.
    pub(super) fn new(
        place: usize,
        loader: Arc<Loader>,
        total: Ledger,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
        Self { place, loader, buffer: BulkBuffer::default(), total, last_number: total.read, reports }
    }

    /// Writes chunks until there are no more, then what waits. Ends at the first failure.
    pub(super) async fn run(mut self, mut chunks: mpsc::Receiver<Numbered>, first: u64) {
        let mut number = first;
        while let Some(next) = chunks.recv().await {
            number = next.number;
            if self.write(&next).await.is_err() {
                return;
            }
        }
        if !self.buffer.is_empty() {
            let mut tally = ChunkTally::default();
            let flushed = flush(&self.loader, &mut self.buffer, number, &mut tally).await;
            let _ = self.report(number, &tally, flushed);
        }
        self.loader.look_alikes.tell(&self.loader.shape.preparation.key);
    }

    async fn write(&mut self, Numbered { number, chunk }: &Numbered) -> Result<(), ()> {
        let mut tally = ChunkTally { numbers: Numbers::Behind(self.last_number), ..ChunkTally::default() };
        let written = self.load(*number, chunk, &mut tally).await;
        self.report(*number, &tally, written)
    }

    async fn load(&mut self, number: u64, chunk: &Chunk, tally: &mut ChunkTally) -> Result<(), EngineError> {
        let dispatch = Dispatch::new(&self.loader, number);
        let loaded = match self.loader.way {
            Way::Columns => load_columns(&dispatch, chunk, tally).await,
            Way::Records(_) => load_chunk(&dispatch, chunk, tally, &mut self.buffer).await,
        };
        tally.halving_calls += dispatch.halving_calls();
        loaded?;
        self.check_guard(tally)?;
        if self.buffer.is_full(|limit| self.loader.bulk_limit(limit).unwrap_or(limit)) {
            flush(&self.loader, &mut self.buffer, number, tally).await?;
            self.check_guard(tally)?;
        }
        Ok(())
    }

    fn check_guard(&self, tally: &ChunkTally) -> Result<(), EngineError> {
        let mut total = self.total;
        total += tally.ledger;
        let Ledger { rejected, read, .. } = total;
        if self.loader.policy.max_rejects.is_some_and(|limit| limit.is_exceeded_by(rejected, read)) {
            return Err(EngineError::Guard(format!(
                "{rejected} of {read} records were rejected, more than the pipeline allows (`on_error`, `limits.max_rejects`)"
            )));
        }
        Ok(())
    }

    fn report(&mut self, number: u64, tally: &ChunkTally, ended: Result<(), EngineError>) -> Result<(), ()> {
        self.total += tally.ledger;
        if let Numbers::Behind(last) = tally.numbers {
            self.last_number = self.last_number.max(last);
        }
        let has_failed = ended.is_err();
        let report = Report {
            place: self.place,
            number,
            ledger: tally.ledger,
            halving_calls: tally.halving_calls,
            unknown_ids: tally.unknown_ids,
            is_waiting: !self.buffer.is_empty(),
            ended,
        };
        let sent = self.reports.send(report);
        if has_failed || sent.is_err() { Err(()) } else { Ok(()) }
    }
}
