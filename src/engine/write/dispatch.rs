//! Sends batches: intent, load, outcomes and commit, for every kind of item that is written.
//!
//! Whatever happens, each item ends with an outcome or is found again by the next run: its intent stays in the state file
//! until its outcome is there.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use futures::{StreamExt, stream};

use crate::connector::{ConnectorError, ErrorKind};
use crate::engine::{
    decide::lookup::{Lookup, wait_to_look},
    error::EngineError,
    setup::{Loader, UNKNOWN_EFFECT},
};
use crate::model::{Batch, BatchLimit, BatchRecord, Operation, Outcome, Rejection};
use crate::state::{Intent, StateError, Work};

use super::batch::cut;

/// How often a create without an answer is looked up and sent again before the destination is given up.
pub(in crate::engine) const MAX_SETTLE_ROUNDS: u32 = 5;

/// Something that is written as one record of a batch.
#[async_trait]
pub(in crate::engine) trait Item: Send + Sync + Sized + 'static {
    /// What is sent.
    fn record(&self) -> &BatchRecord;
    /// The source's id, for the intent.
    fn source_id(&self) -> &str;
    /// Stores what became of it, in the transaction that removes the intent.
    fn commit(&self, work: &Work<'_>, context: &CommitContext, outcome: &Outcome) -> Result<(), StateError>;
    /// Stores that it cannot be told whether it was written.
    fn commit_held(&self, work: &Work<'_>, context: &CommitContext, reason: &Rejection) -> Result<(), StateError>;
    /// Looks up, after a lost answer, which items (by index) were written after all, with their ids. None where this cannot
    /// be found out for the item.
    async fn find_written(loader: &Loader, items: &[Self]) -> Result<Vec<Option<Lookup>>, EngineError>;
}

/// What commits need to know of their place.
#[derive(Debug, Clone)]
pub(in crate::engine) struct CommitContext {
    pub run_id: String,
    pub target: crate::state::Target,
    pub target_id: crate::state::TargetId,
    pub chunk: u64,
    /// Whether records of the target have links, so that they are to be kept.
    pub has_links: bool,
    pub now: chrono::DateTime<chrono::Utc>,
}

/// What became of an item.
#[derive(Debug)]
pub(in crate::engine) enum Fate {
    /// The destination said so, or a look-up found it.
    Known(Outcome),
    /// Nobody can tell whether it was written.
    Unknown,
}

/// Sends items of one operation and counts what it cost.
#[derive(Debug)]
pub(in crate::engine) struct Dispatch<'loader> {
    pub(in crate::engine) loader: &'loader Loader,
    context: CommitContext,
    has_failed: AtomicBool,
    halving_calls: AtomicU64,
}

type Results<T> = Vec<(T, Fate)>;

impl<'loader> Dispatch<'loader> {
    pub(in crate::engine) fn new(loader: &'loader Loader, chunk: u64) -> Self {
        let context = CommitContext {
            run_id: loader.run_id.clone(),
            target: loader.target.clone(),
            target_id: loader.target_id,
            chunk,
            has_links: loader.preparation.fields.iter().any(|field| field.link.is_some()),
            now: loader.context.clock().now(),
        };
        Self { loader, context, has_failed: AtomicBool::new(false), halving_calls: AtomicU64::new(0) }
    }

    pub(in crate::engine) fn context(&self) -> &CommitContext {
        &self.context
    }

    /// Returns how many calls went into finding culprits.
    pub(in crate::engine) fn halving_calls(&self) -> u64 {
        self.halving_calls.load(Ordering::Relaxed)
    }

    /// Sends items in batches within the limit, several at once as the destination allows. On an error no further batch is
    /// started; those in flight are finished and committed.
    pub(in crate::engine) async fn send<T: Item>(
        &self,
        operation: &Operation,
        limit: BatchLimit,
        items: Vec<T>,
    ) -> Result<Results<T>, EngineError> {
        let limit = self.loader.limit_for(operation, limit, items.len());
        let batches = cut(items, limit, T::record);
        let concurrency = usize::try_from(self.loader.capabilities.concurrency.get()).unwrap_or(1);
        let sent: Vec<Result<Results<T>, EngineError>> = stream::iter(batches)
            .map(|batch| self.send_batch(operation, limit, batch))
            .buffered(concurrency)
            .collect()
            .await;
        let mut results = Vec::new();
        for batch in sent {
            results.extend(batch?);
        }
        Ok(results)
    }

    async fn send_batch<T: Item>(
        &self,
        operation: &Operation,
        limit: BatchLimit,
        items: Vec<T>,
    ) -> Result<Results<T>, EngineError> {
        if self.has_failed.load(Ordering::Relaxed) {
            return Err(EngineError::Stopped);
        }
        let sent = self.send_halving(operation, limit, items).await;
        if sent.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        sent
    }

    /// Sends a batch; one that is refused whole is halved until the culprit stands alone.
    async fn send_halving<T: Item>(
        &self,
        operation: &Operation,
        limit: BatchLimit,
        items: Vec<T>,
    ) -> Result<Results<T>, EngineError> {
        let mut waiting = vec![items];
        let mut results = Vec::new();
        let mut is_halved = false;
        while let Some(items) = waiting.pop() {
            if is_halved {
                self.count_halving();
            }
            match self.send_settling(operation, limit, &items).await? {
                Sent::Complete(outcomes) => results.extend(items.into_iter().zip(outcomes)),
                Sent::Refused(settled) => {
                    is_halved = true;
                    let mut open = Vec::with_capacity(items.len());
                    for (item, slot) in items.into_iter().zip(settled) {
                        match slot {
                            Some(outcome) => results.push((item, outcome)),
                            None => open.push(item),
                        }
                    }
                    let second = open.split_off(open.len() / 2);
                    waiting.push(second);
                    waiting.push(open);
                }
            }
        }
        Ok(results)
    }

    /// Sends a batch once, or as often as lost answers make necessary.
    async fn send_settling<T: Item>(
        &self,
        operation: &Operation,
        limit: BatchLimit,
        items: &[T],
    ) -> Result<Sent, EngineError> {
        self.loader.check_may_send()?;
        let intent_id = self.save_intent(operation, items).await?;
        let mut settled: Vec<Option<Fate>> = items.iter().map(|_| None).collect();
        for round in 0..MAX_SETTLE_ROUNDS {
            let open: Vec<usize> = (0..items.len()).filter(|index| settled[*index].is_none()).collect();
            let records = open.iter().map(|index| items[*index].record().clone()).collect();
            let batch = Batch { object: self.loader.target.object.clone(), operation: operation.clone(), records };
            let error = match self.loader.destination.load(&batch).await {
                Ok(outcomes) if outcomes.len() == open.len() => {
                    for (index, outcome) in open.into_iter().zip(outcomes) {
                        settled[index] = Some(Fate::Known(outcome));
                    }
                    return self.commit_all(intent_id, items, settled);
                }
                Ok(outcomes) => return Err(self.miscounted(open.len(), outcomes.len())),
                Err(error) => error,
            };
            match error.kind {
                ErrorKind::Refused => {
                    if let [alone] = open.as_slice() {
                        settled[*alone] = Some(Fate::Known(Outcome::Rejected(rejection(&error))));
                        return self.commit_all(intent_id, items, settled);
                    }
                    // What an unanswered attempt did write must not be sent again with the rest.
                    self.commit(intent_id, items, &settled)?;
                    return Ok(Sent::Refused(settled));
                }
                ErrorKind::Unanswered if !limit.is_idempotent => {
                    self.settle_unanswered(items, &open, &mut settled).await?;
                    if settled.iter().all(Option::is_some) {
                        return self.commit_all(intent_id, items, settled);
                    }
                }
                // Repeated by the stack until it gave up: the intent stays, and the next run repeats the write.
                ErrorKind::Unanswered | ErrorKind::Unexpected => {
                    return Err(EngineError::connector(self.loader.connection(), error));
                }
                _ => {
                    // An earlier attempt without an answer is not undone by this one: its intent stays.
                    if round == 0 {
                        self.drop_intent(intent_id).await?;
                    }
                    return Err(EngineError::connector(self.loader.connection(), error));
                }
            }
        }
        Err(self.unanswered())
    }

    pub(in crate::engine) fn count_halving(&self) {
        self.halving_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Looked up each time and never there: the destination is not to be reached. The intent stays, and the next run looks for
    /// all of them again, those that were found included.
    pub(in crate::engine) fn unanswered(&self) -> EngineError {
        let message = format!("the answer to a write was lost {MAX_SETTLE_ROUNDS} times in a row");
        let error = ConnectorError::new(ErrorKind::Unanswered, "unanswered", message);
        EngineError::connector(self.loader.connection(), error)
    }

    /// After a lost answer: finds out which of the open items were written. Those that cannot be looked up are held.
    async fn settle_unanswered<T: Item>(
        &self,
        items: &[T],
        open: &[usize],
        settled: &mut [Option<Fate>],
    ) -> Result<(), EngineError> {
        wait_to_look(self.loader).await?;
        let lookups = T::find_written(self.loader, items).await?;
        let by_index: HashMap<usize, Option<Lookup>> = lookups.into_iter().enumerate().collect();
        for index in open {
            match by_index.get(index) {
                Some(Some(Lookup::Written(id))) => {
                    settled[*index] = Some(Fate::Known(Outcome::Created { id: id.clone() }));
                }
                Some(Some(Lookup::NotWritten)) => {}
                Some(None) | None => settled[*index] = Some(Fate::Unknown),
            }
        }
        Ok(())
    }

    async fn save_intent<T: Item>(&self, operation: &Operation, items: &[T]) -> Result<i64, EngineError> {
        let intent = Intent {
            run_id: self.context.run_id.clone(),
            operation: operation_word(operation).to_owned(),
            source_ids: items.iter().map(|item| item.source_id().to_owned()).collect(),
        };
        let (target, now) = (self.context.target_id, self.context.now);
        Ok(self.loader.state.work(move |work| work.save_intent(target, &intent, now)).await?)
    }

    async fn drop_intent(&self, intent_id: i64) -> Result<(), EngineError> {
        Ok(self.loader.state.work(move |work| work.remove_intent(intent_id)).await?)
    }

    /// Stores an outcome of every item and removes the intent.
    fn commit_all<T: Item>(
        &self,
        intent_id: i64,
        items: &[T],
        settled: Vec<Option<Fate>>,
    ) -> Result<Sent, EngineError> {
        self.commit(intent_id, items, &settled)?;
        Ok(Sent::Complete(settled.into_iter().map(|slot| slot.unwrap_or(Fate::Unknown)).collect()))
    }

    /// Stores the outcomes that there are and removes the intent, in one transaction.
    fn commit<T: Item>(&self, intent_id: i64, items: &[T], settled: &[Option<Fate>]) -> Result<(), EngineError> {
        let context = &self.context;
        let state = &self.loader.state;
        // The transaction is a handful of statements on a warm page cache; the items stay borrowed, so nothing is copied.
        tokio::task::block_in_place(|| {
            state.work_now(|work| {
                for (item, settled) in items.iter().zip(settled) {
                    settled.as_ref().map_or(Ok(()), |settled| commit_item(item, work, context, settled))?;
                }
                work.remove_intent(intent_id)
            })
        })?;
        self.tell_settled(settled.iter().flatten().count());
        Ok(())
    }

    pub(in crate::engine) fn tell_settled(&self, count: usize) {
        let (loader, calls) = (self.loader, self.loader.context.meter.calls());
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        loader.observer.records_done(&loader.target.stream, loader.connection(), count, calls);
    }

    pub(in crate::engine) fn miscounted(&self, expected: usize, found: usize) -> EngineError {
        let message = format!("{found} outcomes for {expected} records: the connector breaks its contract");
        let error = ConnectorError::new(ErrorKind::Unexpected, "outcome_count", message);
        EngineError::connector(self.loader.connection(), error)
    }
}

enum Sent {
    /// Every item has an outcome.
    Complete(Vec<Fate>),
    /// The items without an outcome, two at least, were refused with no culprit named.
    Refused(Vec<Option<Fate>>),
}

/// Stores what became of an item.
pub(in crate::engine) fn commit_item<T: Item>(
    item: &T,
    work: &Work<'_>,
    context: &CommitContext,
    settled: &Fate,
) -> Result<(), StateError> {
    match settled {
        Fate::Known(outcome) => item.commit(work, context, outcome),
        Fate::Unknown => item.commit_held(work, context, &unknown_effect()),
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

/// Turns the refusal of a single record into the reason of its rejection.
pub(in crate::engine) fn rejection(error: &ConnectorError) -> Rejection {
    let reason = error.detail.clone().unwrap_or_else(|| error.message.clone());
    Rejection { request_id: error.request_id.clone(), ..Rejection::new(error.code.clone(), reason) }
}

fn unknown_effect() -> Rejection {
    Rejection::new(
        UNKNOWN_EFFECT,
        "the answer to the write was lost and the record has no key to look it up by; see at the destination whether it is there",
    )
}
