//! Sends items of one operation: in batches, several at once, halved where one is refused whole.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use futures::{StreamExt, stream};

use crate::engine::{error::EngineError, setup::Loader};
use crate::model::{BatchLimit, Operation};
use crate::state::ChangePlace;

use super::{
    batch::cut,
    bulk_buffer::BufferedRecords,
    fate::{CommitContext, Deliver, Fate, Item, Sent},
    item::RecordItem,
    shipment::{Loaded, OnDisk},
};

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
            keeps_images: loader.policy.keeps_images,
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
