//! The deletes of `write: mirror`: records that Ferry itself wrote and that the source no longer has.

use async_trait::async_trait;

use crate::{
    config::CountOrShare,
    model::{BatchRecord, Fields, Ledger, Operation, Outcome, Rejection},
    state::{DeadLetter, DeadLetterKind, LetterBody, Mapping, StateError, Work},
};

use super::{
    error::EngineError,
    load::{CommitContext, Dispatch, Item, Lookup, Settled, operation_word},
    setup::Loader,
};

/// Most records that a mirror deletes unless the pipeline says otherwise: the smaller of the two, but at least a few, so that a
/// small table is not stuck.
const DEFAULT_MAX_DELETES: u64 = 100;
const DEFAULT_MAX_SHARE: f64 = 0.05;
const ALWAYS_ALLOWED: u64 = 5;
/// Records that are worked on at once.
const PAGE_RECORDS: u32 = 2_000;

/// One record to delete.
#[derive(Debug)]
struct DeleteItem {
    mapping: Mapping,
    record: BatchRecord,
}

/// Deletes what this run, having read the whole stream, did not see. Each such record counts as read and deleted.
pub(super) async fn delete_unseen(loader: &Loader, read: u64, chunk: u64) -> Result<Ledger, EngineError> {
    let (scope_id, run_id) = (loader.scope_id, loader.run_id.clone());
    let (mapped, unseen) = loader.state.work(move |work| work.count_unseen(scope_id, &run_id)).await?;
    let mut ledger = Ledger::default();
    if unseen == 0 {
        return Ok(ledger);
    }
    check_guards(loader, read, mapped, unseen)?;
    let Some(limit) = loader.capabilities.delete else { return Ok(ledger) };
    let dispatch = Dispatch::new(loader, chunk);
    loop {
        let run_id = loader.run_id.clone();
        let page = loader.state.work(move |work| work.unseen(scope_id, &run_id, PAGE_RECORDS)).await?;
        if page.is_empty() {
            // What a killed run was about to delete is deleted again by now, which changes nothing.
            let word = operation_word(&Operation::Delete);
            loader.state.work(move |work| work.clear_intents_of(scope_id, word)).await?;
            return Ok(ledger);
        }
        let items = page.into_iter().map(DeleteItem::new).collect();
        for (_, settled) in dispatch.send(&Operation::Delete, limit, items).await? {
            ledger.read += 1;
            match settled {
                Settled::Outcome(Outcome::Rejected(_) | Outcome::Held(_)) => ledger.rejected += 1,
                Settled::Outcome(_) => ledger.deleted += 1,
                Settled::Held => ledger.held += 1,
            }
        }
    }
}

fn check_guards(loader: &Loader, read: u64, mapped: u64, unseen: u64) -> Result<(), EngineError> {
    let place = format!("`{}` at `{}`", loader.scope.object, loader.connection());
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
    fn new(mapping: Mapping) -> Self {
        let record = BatchRecord {
            trace_id: mapping.source_id.clone(),
            destination_id: Some(mapping.destination_id.clone()),
            fields: Fields::new(),
        };
        Self { mapping, record }
    }

    fn save_letter(&self, work: &Work<'_>, context: &CommitContext, reason: &Rejection) -> Result<(), StateError> {
        let letter = DeadLetter {
            run_id: context.run_id.clone(),
            scope: context.scope.clone(),
            source_id: self.mapping.source_id.clone(),
            kind: DeadLetterKind::Rejected,
            code: reason.code.clone(),
            field: reason.field.clone(),
            created_at: context.now,
            body: LetterBody {
                reason: format!("it could not be deleted: {}", reason.reason),
                request_id: reason.request_id.clone(),
                ..LetterBody::default()
            },
        };
        work.save_dead_letter(context.scope_id, &letter)?;
        // Marked as read, so that this run does not try it again; the next one does.
        let seen = crate::state::SeenMark { run_id: context.run_id.clone(), chunk: context.chunk };
        work.mark_seen(context.scope_id, [self.mapping.source_id.as_str()].into_iter(), &seen)
    }
}

#[async_trait]
impl Item for DeleteItem {
    fn record(&self) -> &BatchRecord {
        &self.record
    }

    fn source_id(&self) -> &str {
        &self.mapping.source_id
    }

    fn commit(&self, work: &Work<'_>, context: &CommitContext, outcome: &Outcome) -> Result<(), StateError> {
        match outcome {
            Outcome::Rejected(reason) | Outcome::Held(reason) => self.save_letter(work, context, reason),
            Outcome::Deleted | Outcome::Missing | Outcome::Updated { .. } | Outcome::Created { .. } => {
                work.forget_mapping(context.scope_id, &self.mapping.source_id)
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
