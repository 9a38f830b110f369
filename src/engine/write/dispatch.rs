//! Sends items of one operation: in batches, several at once, halved where one is refused whole.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};

use crate::engine::{
    decide::lookup::Lookup,
    error::EngineError,
    setup::{Loader, UNKNOWN_EFFECT},
};
use crate::model::{BatchLimit, BatchRecord, Operation, Outcome, Rejection};
use crate::state::{ChangePlace, Changes, Target, TargetId};

use super::{
    batch::cut,
    bulk_buffer::BufferedRecords,
    item::RecordItem,
    settle::{Deliver, Sent},
    shipment::{Loaded, OnDisk},
};

/// Something that is written as one record of a batch.
#[async_trait]
pub(in crate::engine) trait Item: Send + Sync + Sized + 'static {
    /// What is sent.
    fn record(&self) -> &BatchRecord;
    /// The source's id, for the intent.
    fn source_id(&self) -> &str;
    /// Adds what is stored of its outcome, in the transaction that removes the intent.
    fn commit(&self, context: &CommitContext, outcome: &Outcome, changes: &mut Changes);
    /// Adds what is stored where it cannot be told whether it was written.
    fn commit_held(&self, context: &CommitContext, reason: &Rejection, changes: &mut Changes);
    /// Looks up, after a lost answer, which items (by index) were written after all, with their ids. None where this cannot
    /// be found out for the item.
    async fn find_written(loader: &Loader, items: &[&Self]) -> Result<Vec<Option<Lookup>>, EngineError>;
}

/// What commits need to know of their place.
#[derive(Debug, Clone)]
pub(in crate::engine) struct CommitContext {
    pub run_id: String,
    pub target: Target,
    pub target_id: TargetId,
    pub chunk: u64,
    /// The run whose dead letters are loaded again, where this is a redrive.
    pub redriven_run: Option<String>,
    /// Whether records of the target have links, so that they are to be kept.
    pub has_links: bool,
    pub now: DateTime<Utc>,
}

/// What became of an item.
#[derive(Debug, Clone)]
pub(in crate::engine) enum Fate {
    /// The destination said so, or a look-up found it.
    Known(Outcome),
    /// Nobody can tell whether it was written.
    Unknown,
}

/// Sends items of one operation and counts what it cost.
#[derive(Debug)]
pub(in crate::engine) struct Dispatch<'loader> {
    pub loader: &'loader Loader,
    context: CommitContext,
    has_failed: AtomicBool,
    halving_calls: AtomicU64,
}

/// What is known of the items of a batch, and why there is no more.
type BatchResult<T> = (Vec<(T, Fate)>, Result<(), EngineError>);

impl<'loader> Dispatch<'loader> {
    pub(in crate::engine) fn new(loader: &'loader Loader, chunk: u64) -> Self {
        let context = CommitContext {
            run_id: loader.target.run_id.clone(),
            target: loader.target.names.clone(),
            target_id: loader.target.id,
            chunk,
            redriven_run: loader.target.redriven_run.clone(),
            has_links: loader.shape.preparation.fields.iter().any(|field| field.link.is_some()),
            now: loader.services.context.clock().now(),
        };
        Self { loader, context, has_failed: AtomicBool::new(false), halving_calls: AtomicU64::new(0) }
    }

    pub(in crate::engine) fn context(&self) -> &CommitContext {
        &self.context
    }

    /// Returns where changes of the state are made.
    pub(in crate::engine) fn place(&self) -> ChangePlace {
        let CommitContext { run_id, target_id, chunk, redriven_run, now, .. } = self.context.clone();
        ChangePlace { target_id, run_id, chunk, redriven_run, now }
    }

    /// Returns where records are stored that were read and not written. They belong to no chunk: a record with the same id that
    /// comes later is no duplicate of them.
    pub(in crate::engine) fn place_of_rejects(&self) -> ChangePlace {
        ChangePlace { chunk: u64::MAX, ..self.place() }
    }

    /// Returns how many calls went into finding culprits.
    pub(in crate::engine) fn halving_calls(&self) -> u64 {
        self.halving_calls.load(Ordering::Relaxed)
    }

    /// Sends items in batches within the limit, several at once as the destination allows. On an error no further batch is
    /// started; those in flight are finished and committed. All that was committed is delivered, in order.
    pub(in crate::engine) async fn send<T: Item>(
        &self,
        operation: &Operation,
        limit: BatchLimit,
        items: Vec<T>,
        deliver: &mut Deliver<'_, T>,
    ) -> Result<(), EngineError> {
        let limit = self.loader.limit_for(operation, limit, items.len());
        let batches = cut(items, limit, T::record);
        let concurrency = usize::try_from(self.loader.services.capabilities.concurrency.get()).unwrap_or(1);
        let mut sent =
            stream::iter(batches).map(|batch| self.send_batch(operation, limit, batch)).buffered(concurrency);
        let mut outcome = Ok(());
        while let Some((results, ended)) = sent.next().await {
            for (item, fate) in results {
                deliver(item, fate);
            }
            // The first error says why; those behind it only that the work was stopped.
            outcome = outcome.and(ended);
        }
        outcome
    }

    async fn send_batch<T: Item>(&self, operation: &Operation, limit: BatchLimit, items: Vec<T>) -> BatchResult<T> {
        if self.has_failed.load(Ordering::Relaxed) {
            return (Vec::new(), Err(EngineError::Stopped));
        }
        let mut results = Vec::with_capacity(items.len());
        let mut deliver = |item, fate| results.push((item, fate));
        let ended = self.send_halving(operation, limit, items, &mut deliver).await;
        if ended.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        (results, ended)
    }

    /// Sends a batch; one that is refused whole is halved until the culprit stands alone.
    async fn send_halving<T: Item>(
        &self,
        operation: &Operation,
        limit: BatchLimit,
        items: Vec<T>,
        deliver: &mut Deliver<'_, T>,
    ) -> Result<(), EngineError> {
        let mut waiting = vec![items];
        let mut is_halved = false;
        while let Some(items) = waiting.pop() {
            self.count_halving(is_halved);
            let mut batch = Loaded::new(items);
            match self.send_settling(operation, limit, &mut batch, deliver).await? {
                Sent::Complete => {}
                Sent::Refused(_) => {
                    is_halved = true;
                    let mut open = batch.rest();
                    let second = open.split_off(open.len() / 2);
                    waiting.extend([second, open]);
                }
            }
        }
        Ok(())
    }

    /// Sends buffered records at these places as one batch; what is refused whole is halved. What is too little for the bulk API
    /// is sent in ordinary batches.
    pub(in crate::engine) async fn send_bulk(
        &self,
        buffered: &Arc<BufferedRecords>,
        places: Vec<usize>,
        deliver: &mut Deliver<'_, RecordItem>,
    ) -> Result<(), EngineError> {
        let least = self.loader.services.capabilities.bulk.map(|bulk| bulk.min_records.get());
        let least = least.and_then(|least| usize::try_from(least).ok()).unwrap_or(usize::MAX);
        let mut waiting = vec![places];
        let mut is_halved = false;
        while let Some(places) = waiting.pop() {
            let mut batch = OnDisk { buffered: Arc::clone(buffered), places };
            if batch.places.len() < least.max(2) {
                let items = batch.items().await?;
                self.send(&buffered.operation, buffered.limit, items, deliver).await?;
                continue;
            }
            self.count_halving(is_halved);
            match self.send_settling(&buffered.operation, buffered.limit, &mut batch, deliver).await? {
                Sent::Complete => {}
                Sent::Refused(open) => {
                    is_halved = true;
                    let mut open: Vec<usize> = open.into_iter().map(|place| batch.places[place]).collect();
                    let second = open.split_off(open.len() / 2);
                    waiting.extend([second, open]);
                }
            }
        }
        Ok(())
    }

    fn count_halving(&self, is_halved: bool) {
        self.halving_calls.fetch_add(u64::from(is_halved), Ordering::Relaxed);
    }

    /// Tells the observer that so many more records are done.
    pub(in crate::engine) fn tell_done(&self, count: u64) {
        let (loader, calls) = (self.loader, self.loader.services.context.meter.calls());
        loader.services.observer.records_done(&loader.target.names.stream, loader.connection(), count, calls);
    }
}

/// Adds what is stored of an item's fate.
pub(super) fn commit_item<T: Item>(item: &T, context: &CommitContext, fate: &Fate, changes: &mut Changes) {
    match fate {
        Fate::Known(outcome) => item.commit(context, outcome, changes),
        Fate::Unknown => item.commit_held(context, &unknown_effect(), changes),
    }
}

/// Returns the word for an operation in the state file.
pub(in crate::engine) fn operation_word(operation: &Operation) -> &'static str {
    match operation {
        Operation::Insert => "insert",
        Operation::Update => "update",
        Operation::Upsert { .. } => "upsert",
        Operation::Delete => "delete",
        Operation::Link => "link",
    }
}

fn unknown_effect() -> Rejection {
    Rejection::new(
        UNKNOWN_EFFECT,
        "the answer to the write was lost and the record has no key to look it up by; see at the destination whether it is there",
    )
}
