//! The deletes of `write: mirror`: records that Ferry itself wrote and that the source no longer has.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::config::CountOrShare;
use crate::engine::{
    decide::{aside::aside, gather::current_of, lookup::Lookup},
    error::EngineError,
    review::{CHANGED_SINCE_PLAN, Delete, DeleteVerdict},
    setup::Loader,
    write::{
        dispatch::Dispatch,
        fate::{CommitContext, Fate, Item, operation_word},
    },
};
use crate::model::{BatchRecord, Fields, Ledger, Operation, Outcome, Rejection};
use crate::state::{
    Before, Changes, DeadLetter, DeadLetterKind, IdEntry, ImageKind, LetterBody, NewImage, RecordKey, UnseenCount,
};

/// Most records that a mirror deletes unless the pipeline says otherwise: the smaller of the two, but at least a few, so that a
/// small table is not stuck.
const DEFAULT_MAX_DELETES: u64 = 100;
const DEFAULT_MAX_SHARE: f64 = 0.05;
const ALWAYS_ALLOWED: u64 = 5;
/// A source that suddenly has less than half of its records is broken rather than smaller, however small the table is.
const MOST: CountOrShare = CountOrShare::Share(0.5);

/// What a read says about the records that it did not yield.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::engine) struct Evidence {
    /// Whether a record that changes gets another id.
    pub has_content_ids: bool,
    /// Whether a step gives records new ids.
    pub has_new_ids: bool,
    /// How many records of joined streams were rejected.
    pub rejected_inputs: u64,
}

impl Evidence {
    /// Says why records that were not read may still be at the source, if they may. `unknown` counts the rejects whose id says
    /// nothing of what was written before, `refused` all rejects.
    pub(in crate::engine) fn doubt(self, unknown: u64, refused: u64) -> Option<String> {
        let (count, of, why) = match self {
            Self { has_content_ids: true, .. } if refused > 0 => {
                (refused, "", ", and a record without an id field that changes looks like another one")
            }
            Self { has_new_ids: true, .. } if unknown > 0 => (unknown, "", " before a step gave out new ids"),
            _ if unknown > 0 => (unknown, "", " without a readable id"),
            Self { rejected_inputs: 1.., .. } => {
                (self.rejected_inputs, " of joined streams", ", and records that need them may be missing")
            }
            _ => return None,
        };
        let (records, were) = if count == 1 { ("record", "was") } else { ("records", "were") };
        let unknown = "so it is unknown which records the source no longer has";
        Some(format!("{count} {records}{of} {were} rejected{why}, {unknown}"))
    }
}

/// One record to delete.
#[derive(Debug)]
struct DeleteItem {
    entry: IdEntry,
    record: BatchRecord,
    /// The record as it is; none where that is not kept.
    before: Option<Before>,
}

/// Deletes what this run, having read the whole stream, did not see. Each such record counts as read and deleted.
pub(in crate::engine) async fn delete_unseen(
    loader: &Loader,
    read: u64,
    chunk: u64,
    ledger: &mut Ledger,
) -> Result<(), EngineError> {
    let target_id = loader.target.id;
    let UnseenCount { mapped, unseen } = loader.services.state.unseen_count(target_id, &loader.target.run_id).await?;
    if unseen == 0 {
        return Ok(());
    }
    check_guards(loader, read, mapped, unseen)?;
    let Some(limit) = loader.services.capabilities.delete else { return Ok(()) };
    let dispatch = Dispatch::new(loader, chunk);
    let mut after = None;
    loop {
        let page =
            loader.services.state.unseen_page(target_id, &loader.target.run_id, after, loader.page_records()).await?;
        if page.next.is_none() {
            // What a killed run was about to delete is deleted again by now, which changes nothing.
            loader.services.state.remove_intents_of(target_id, operation_word(&Operation::Delete)).await?;
            return Ok(());
        }
        after = page.next;
        let (items, held) = reviewed(loader, page.own).await?;
        hold(&dispatch, &held, ledger).await?;
        let mut deliver = |_: DeleteItem, fate: Fate| {
            ledger.read += 1;
            match fate {
                Fate::Known(Outcome::Rejected(_) | Outcome::Held(_)) => ledger.rejected += 1,
                Fate::Known(
                    Outcome::Deleted | Outcome::Missing | Outcome::Created { .. } | Outcome::Updated { .. },
                ) => ledger.deleted += 1,
                Fate::Unknown => ledger.held += 1,
            }
        };
        dispatch.send(&Operation::Delete, limit, items, &mut deliver).await?;
    }
}

/// Returns what is deleted of these records and what is left for a person: all are deleted, unless somebody looks at what is about
/// to be done.
async fn reviewed(loader: &Loader, entries: Vec<IdEntry>) -> Result<(Vec<DeleteItem>, Vec<DeleteItem>), EngineError> {
    let keeps = loader.policy.keeps_images && loader.services.capabilities.fetch.is_some();
    if loader.review.is_none() && !keeps {
        return Ok((entries.into_iter().map(DeleteItem::new).collect(), Vec::new()));
    }
    let ids: Vec<String> = entries.iter().map(|entry| entry.destination_id.clone()).collect();
    let look_up = current_of(loader, &ids);
    let current = if keeps { look_up.await? } else { aside(loader, look_up).await? };
    let verdicts = match &loader.review {
        Some(review) => {
            let deletes = ids.into_iter().map(|id| Delete { before: current.get(&id).cloned(), destination_id: id });
            review.deletes(loader.review_place(), deletes.collect()).await?
        }
        None => vec![DeleteVerdict::Delete; entries.len()],
    };
    let (mut deleted, mut held) = (Vec::new(), Vec::new());
    for (entry, verdict) in entries.into_iter().zip(verdicts) {
        match verdict {
            DeleteVerdict::Delete => {
                let before = keeps.then(|| before_of(loader, &current, &entry)).flatten();
                deleted.push(DeleteItem { before, ..DeleteItem::new(entry) });
            }
            DeleteVerdict::Hold => held.push(DeleteItem::new(entry)),
            DeleteVerdict::Skip => {}
        }
    }
    Ok((deleted, held))
}

/// Leaves records that are not as they were, for a person.
async fn hold(dispatch: &Dispatch<'_>, held: &[DeleteItem], ledger: &mut Ledger) -> Result<(), EngineError> {
    if held.is_empty() {
        return Ok(());
    }
    let reason = Rejection::new(CHANGED_SINCE_PLAN, "it changed at the destination since the plan was made");
    let mut changes = Changes::default();
    for item in held {
        item.refuse(dispatch.context(), DeadLetterKind::Held, &reason, &mut changes);
    }
    dispatch.loader.services.state.commit(dispatch.place_of_rejects(), changes).await?;
    let count = u64::try_from(held.len()).unwrap_or(u64::MAX);
    ledger.read += count;
    ledger.held += count;
    Ok(())
}

/// Returns what a record holds that is about to be deleted: the fields that mappings write. Of one that is gone already, what was read
/// when it was about to be deleted first.
fn before_of(loader: &Loader, current: &HashMap<String, Fields>, entry: &IdEntry) -> Option<Before> {
    let id = &entry.destination_id;
    match current.get(id) {
        Some(fields) => Some(Before { destination_id: Some(id.clone()), fields: fields.clone() }),
        None => loader.earlier.before.get(id).cloned(),
    }
}

fn check_guards(loader: &Loader, read: u64, mapped: u64, unseen: u64) -> Result<(), EngineError> {
    let place = format!("`{}` at `{}`", loader.target.names.object, loader.connection());
    if read == 0 {
        return Err(EngineError::Guard(format!(
            "the source holds no record, so the mirror deletes nothing of {place}; if that is right, delete there by hand"
        )));
    }
    let default_share = CountOrShare::Share(DEFAULT_MAX_SHARE);
    let is_exceeded = if let Some(limit) = loader.policy.max_deletes {
        limit.is_exceeded_by(unseen, mapped)
    } else {
        let is_much = unseen > DEFAULT_MAX_DELETES || default_share.is_exceeded_by(unseen, mapped);
        let is_most = unseen > 1 && MOST.is_exceeded_by(unseen, mapped);
        is_most || (unseen > ALWAYS_ALLOWED && is_much)
    };
    if is_exceeded {
        return Err(EngineError::Guard(format!(
            "the mirror would delete {unseen} of {mapped} records of {place}, more than `limits.max_deletes` allows; nothing was deleted"
        )));
    }
    Ok(())
}

impl DeleteItem {
    fn new(entry: IdEntry) -> Self {
        let record = BatchRecord {
            trace_id: entry.destination_id.clone(),
            destination_id: Some(entry.destination_id.clone()),
            fields: Fields::new(),
        };
        Self { entry, record, before: None }
    }

    fn refuse(&self, context: &CommitContext, kind: DeadLetterKind, reason: &Rejection, changes: &mut Changes) {
        let letter = context.letter(kind, "", reason);
        let body = LetterBody {
            reason: format!("it could not be deleted: {}", reason.reason),
            value: Some(self.entry.destination_id.clone()),
            ..letter.body
        };
        changes.letters.push(DeadLetter { source_key: Some(self.entry.source_key), body, ..letter });
        // Marked as read, so that this run does not try it again; the next one does.
        changes.seen.push(RecordKey::Key(self.entry.source_key));
    }
}

#[async_trait]
impl Item for DeleteItem {
    fn record(&self) -> &BatchRecord {
        &self.record
    }

    fn record_mut(&mut self) -> &mut BatchRecord {
        &mut self.record
    }

    fn source_id(&self) -> &str {
        // Of a record that the source no longer has, only what its id was hashed to is kept.
        &self.entry.destination_id
    }

    fn before(&self) -> Option<&Before> {
        self.before.as_ref()
    }

    fn commit(&self, context: &CommitContext, outcome: &Outcome, changes: &mut Changes) {
        match outcome {
            Outcome::Rejected(reason) | Outcome::Held(reason) => {
                self.refuse(context, DeadLetterKind::Rejected, reason, changes);
            }
            Outcome::Deleted | Outcome::Missing | Outcome::Updated { .. } | Outcome::Created { .. } => {
                // One that was gone before is not this run's work.
                changes.images.extend(self.before.as_ref().map(|before| NewImage {
                    source: RecordKey::Key(self.entry.source_key),
                    destination_id: self.entry.destination_id.clone(),
                    kind: ImageKind::Deleted,
                    before: Some(before.fields.clone()),
                    wrote: Fields::new(),
                }));
                changes.forgotten.push(self.entry.source_key);
            }
        }
    }

    fn commit_held(&self, context: &CommitContext, reason: &Rejection, changes: &mut Changes) {
        self.refuse(context, DeadLetterKind::Rejected, reason, changes);
    }

    async fn find_written(_loader: &Loader, items: &[&Self]) -> Result<Vec<Option<Lookup>>, EngineError> {
        Ok(vec![None; items.len()])
    }
}
