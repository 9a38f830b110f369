//! The deletes of `write: mirror`: records that Ferry itself wrote and that the source no longer has.

use async_trait::async_trait;

use crate::config::CountOrShare;
use crate::engine::{
    decide::lookup::Lookup,
    error::EngineError,
    setup::Loader,
    write::dispatch::{CommitContext, Dispatch, Fate, Item, operation_word},
};
use crate::model::{BatchRecord, Fields, Ledger, Operation, Outcome, Rejection};
use crate::state::{DeadLetter, DeadLetterKind, IdEntry, LetterBody, StateError, TargetId, Work};

/// Most records that a mirror deletes unless the pipeline says otherwise: the smaller of the two, but at least a few, so that a
/// small table is not stuck.
const DEFAULT_MAX_DELETES: u64 = 100;
const DEFAULT_MAX_SHARE: f64 = 0.05;
const ALWAYS_ALLOWED: u64 = 5;

/// One record to delete.
#[derive(Debug)]
struct DeleteItem {
    entry: IdEntry,
    record: BatchRecord,
}

/// Deletes what this run, having read the whole stream, did not see. Each such record counts as read and deleted.
pub(in crate::engine) async fn delete_unseen(loader: &Loader, read: u64, chunk: u64) -> Result<Ledger, EngineError> {
    let (target_id, run_id) = (loader.target_id, loader.run_id.clone());
    let (mapped, unseen) = loader.state.work(move |work| work.count_unseen(target_id, &run_id)).await?;
    let mut ledger = Ledger::default();
    if unseen == 0 {
        return Ok(ledger);
    }
    check_guards(loader, read, mapped, unseen)?;
    let Some(limit) = loader.capabilities.delete else { return Ok(ledger) };
    let dispatch = Dispatch::new(loader, chunk);
    let mut after = 0;
    loop {
        let run_id = loader.run_id.clone();
        let most = loader.page_records();
        let page = loader.state.work(move |work| work.unseen(target_id, &run_id, after, most)).await?;
        let Some(last) = page.last() else {
            // What a killed run was about to delete is deleted again by now, which changes nothing.
            let word = operation_word(&Operation::Delete);
            loader.state.work(move |work| work.clear_intents_of(target_id, word)).await?;
            return Ok(ledger);
        };
        after = last.entry_id;
        let own = loader.state.work(move |work| forget_shared(work, target_id, page)).await?;
        let items = own.into_iter().map(DeleteItem::new).collect();
        for (_, fate) in dispatch.send(&Operation::Delete, limit, items).await? {
            ledger.read += 1;
            match fate {
                Fate::Known(Outcome::Rejected(_) | Outcome::Held(_)) => ledger.rejected += 1,
                Fate::Known(_) => ledger.deleted += 1,
                Fate::Unknown => ledger.held += 1,
            }
        }
    }
}

/// Forgets the records of which there is nothing to delete: they are gone already, or were merged into one that belongs to
/// another record too. Returns the others.
fn forget_shared(work: &Work<'_>, target_id: TargetId, page: Vec<IdEntry>) -> Result<Vec<IdEntry>, StateError> {
    let mut own = Vec::with_capacity(page.len());
    for entry in page {
        if entry.is_missing || work.is_shared(target_id, &entry)? {
            work.forget_id_entry(target_id, entry.source_key)?;
        } else {
            own.push(entry);
        }
    }
    Ok(own)
}

fn check_guards(loader: &Loader, read: u64, mapped: u64, unseen: u64) -> Result<(), EngineError> {
    let place = format!("`{}` at `{}`", loader.target.object, loader.connection());
    if read == 0 {
        return Err(EngineError::Guard(format!(
            "the source holds no record, so the mirror deletes nothing of {place}; if that is right, delete there by hand"
        )));
    }
    let default_share = CountOrShare::Share(DEFAULT_MAX_SHARE);
    let is_exceeded = match loader.guards.max_deletes {
        Some(limit) => limit.is_exceeded_by(unseen, mapped),
        None => {
            unseen > ALWAYS_ALLOWED && (unseen > DEFAULT_MAX_DELETES || default_share.is_exceeded_by(unseen, mapped))
        }
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
        Self { entry, record }
    }

    fn save_letter(&self, work: &Work<'_>, context: &CommitContext, reason: &Rejection) -> Result<(), StateError> {
        let letter = DeadLetter {
            run_id: context.run_id.clone(),
            target: context.target.clone(),
            source_id: String::new(),
            source_key: None,
            kind: DeadLetterKind::Rejected,
            code: reason.code.clone(),
            field: reason.field.clone(),
            number: 0,
            line: None,
            created_at: context.now,
            chunk: context.chunk,
            body: LetterBody {
                reason: format!("it could not be deleted: {}", reason.reason),
                value: Some(self.entry.destination_id.clone()),
                request_id: reason.request_id.clone(),
                ..LetterBody::default()
            },
        };
        work.save_dead_letter_of(context.target_id, self.entry.source_key, &letter)?;
        // Marked as read, so that this run does not try it again; the next one does.
        let seen = crate::state::SeenMark { run_id: context.run_id.clone(), chunk: context.chunk };
        work.mark_seen(context.target_id, [self.entry.source_key].into_iter(), &seen)
    }
}

#[async_trait]
impl Item for DeleteItem {
    fn record(&self) -> &BatchRecord {
        &self.record
    }

    fn source_id(&self) -> &str {
        // Of a record that the source no longer has, only what its id was hashed to is kept.
        &self.entry.destination_id
    }

    fn commit(&self, work: &Work<'_>, context: &CommitContext, outcome: &Outcome) -> Result<(), StateError> {
        match outcome {
            Outcome::Rejected(reason) | Outcome::Held(reason) => self.save_letter(work, context, reason),
            Outcome::Deleted | Outcome::Missing | Outcome::Updated { .. } | Outcome::Created { .. } => {
                let source_key = self.entry.source_key;
                work.resolve_dead_letters(context.target_id, source_key, None, context.now)?;
                work.forget_id_entry(context.target_id, source_key)
            }
        }
    }

    fn commit_held(&self, work: &Work<'_>, context: &CommitContext, reason: &Rejection) -> Result<(), StateError> {
        self.save_letter(work, context, reason)
    }

    async fn find_written(_loader: &Loader, items: &[Self]) -> Result<Vec<Option<Lookup>>, EngineError> {
        Ok(vec![None; items.len()])
    }
}
