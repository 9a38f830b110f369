//! What is written, what becomes of it, and what is stored of that.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::engine::{
    decide::lookup::Lookup,
    error::EngineError,
    setup::{Loader, UNKNOWN_EFFECT},
};
use crate::model::{BatchRecord, Operation, Outcome, Rejection};
use crate::state::{Before, Changes, Target, TargetId};

/// Something that is written as one record of a batch.
#[async_trait]
pub(in crate::engine) trait Item: Send + Sync + Sized + 'static {
    /// What is sent.
    fn record(&self) -> &BatchRecord;
    /// The same, to be lent to a batch and put back.
    fn record_mut(&mut self) -> &mut BatchRecord;
    /// The source's id, for the intent.
    fn source_id(&self) -> &str;
    /// Returns what the destination held before, where that is kept: it goes into the intent.
    fn before(&self) -> Option<&Before>;
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
    /// Whether it is kept what is written, and what was there before.
    pub keeps_images: bool,
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

/// Is handed each record with what became of it, once that is stored.
pub(super) type Deliver<'call, T> = dyn FnMut(T, Fate) + Send + 'call;

/// How the sending of a batch ended.
pub(super) enum Sent {
    /// Every record has its fate.
    Complete,
    /// The records at these places, two at least, were refused and none of them was named.
    Refused(Vec<usize>),
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
