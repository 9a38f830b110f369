//! Carries decisions out: what needs no call is stored at once, everything else is sent or put into the bulk buffer.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::config::WriteMode;
use crate::engine::{
    decide::{
        decision::{Action, Because, Current, Decision, RecordWrite, Survivor},
        existence::{LinkedExistence, verify_linked},
        prepare::{LinkValue, Prepared},
    },
    error::EngineError,
    policy::Reads,
    setup::Loader,
};
use crate::model::{BatchLimit, Ledger, Operation, Outcome};
use crate::state::{Before, Changes, DeadLetterKind, Duplicate, RecordKey};

use super::{
    bulk_buffer::BulkBuffer,
    dispatch::Dispatch,
    fate::{Fate, operation_word},
    images::oldest,
    item::RecordItem,
    letters::{Originals, letter},
    store::{save_existence, save_rejects},
};

/// What a chunk added to a destination's tally.
#[derive(Debug, Default)]
pub(in crate::engine) struct ChunkTally {
    pub ledger: Ledger,
    pub halving_calls: u64,
    pub numbers: Numbers,
    /// Records that were read and whose source id could not be: a mirror cannot tell which they are.
    pub unknown_ids: u64,
}

/// How the records of a read are numbered.
#[derive(Debug)]
pub(in crate::engine) enum Numbers {
    /// One after the other, behind this one.
    Behind(u64),
    /// As their dead letters are, by source id.
    OfLetters(HashMap<String, u64>),
}

/// Decisions by what they need.
#[derive(Default)]
struct Sorted {
    creates: Vec<RecordItem>,
    updates: Vec<RecordItem>,
    upserts: Vec<RecordItem>,
    stored: Stored,
}

/// What is stored of decisions that need no call.
#[derive(Default)]
struct Stored {
    count: u64,
    /// Of records that need no write.
    kept: Changes,
    /// Of records that are not written.
    refused: Changes,
}

/// Carries decisions out, and returns the records that are to be decided upon anew: the destination no longer holds them under
/// the id that was decided upon, or it refused them because they link to such records.
pub(in crate::engine) async fn execute(
    dispatch: &Dispatch<'_>,
    decisions: Vec<Decision>,
    originals: &Originals,
    tally: &mut ChunkTally,
    is_last: bool,
    mut buffer: Option<&mut BulkBuffer>,
) -> Result<Vec<Arc<Prepared>>, EngineError> {
    let loader = dispatch.loader;
    let Sorted { creates, updates, upserts, stored } = sort(dispatch, decisions, originals, tally);
    store(dispatch, stored).await?;
    let key = loader.shape.preparation.key.to_vec();
    let groups: [(Operation, Option<BatchLimit>, Vec<RecordItem>); 3] = [
        (Operation::Update, loader.services.capabilities.update, updates),
        (Operation::Upsert { key }, loader.services.capabilities.upsert, upserts),
        (Operation::Insert, loader.insert_limit(), creates),
    ];
    let mut again = Vec::new();
    for (operation, limit, items) in groups {
        if items.is_empty() {
            continue;
        }
        let Some(limit) = limit else {
            let word = operation_word(&operation);
            return Err(EngineError::Unsupported(format!("`{}` cannot {word} records", loader.connection())));
        };
        if let Some(buffer) = buffer.as_deref_mut()
            && loader.gathers(limit, buffer.waiting(&operation), items.len())
        {
            buffer.put(&operation, limit, items).await?;
            continue;
        }
        let mut doubtful = Vec::new();
        let mut deliver = |item: RecordItem, fate: Fate| {
            if is_doubtful(&item, &fate) { doubtful.push((item, fate)) } else { tally.count(&item, &fate) }
        };
        let sent = dispatch.send(&operation, limit, items, &mut deliver).await;
        // What was committed counts, also where the rest was not sent; then nothing more is asked.
        let absorbed = absorb(dispatch, doubtful, tally, is_last || sent.is_err()).await?;
        sent?;
        again.extend(absorbed);
    }
    Ok(again)
}

fn sort(dispatch: &Dispatch<'_>, decisions: Vec<Decision>, originals: &Originals, tally: &mut ChunkTally) -> Sorted {
    let context = dispatch.context();
    let has_key = dispatch.loader.policy.write != WriteMode::Insert;
    let mut sorted = Sorted::default();
    for (number, Decision { record, action }) in decisions.into_iter().enumerate() {
        let item = |write: RecordWrite| {
            let key_hash = record.key.as_ref().filter(|_| has_key).map(|key| key.hash);
            let source = originals.original(&record);
            RecordItem::new((context.chunk, number), Arc::clone(&record), write, key_hash, source)
        };
        match action {
            Action::Create(write) => sorted.creates.push(item(write)),
            Action::Upsert { write, current } => {
                let before = before_upsert(dispatch.loader, &record, current, &write);
                sorted.upserts.push(item(write).behind(before));
            }
            Action::Update { write, before, is_own } => {
                let read = Before { destination_id: write.destination_id.clone(), fields: before };
                let before = oldest(dispatch.loader, &record.source_id, Some(read), &write.fields);
                sorted.updates.push(item(write).own(is_own).behind(before));
            }
            Action::Adopt(write) => {
                // Where an attempt at it has no answer, that one wrote it, and what was there before is in its intent.
                let before = oldest(dispatch.loader, &record.source_id, None, &write.fields);
                sorted.stored.count += 1;
                *adopted_column(before.as_ref(), &mut tally.ledger) += 1;
                item(write).behind(before).adopt(context, &mut sorted.stored.kept);
            }
            other => sorted.stored.add(dispatch, &record, &other, originals, tally),
        }
    }
    sorted
}

fn adopted_column<'ledger>(before: Option<&Before>, ledger: &'ledger mut Ledger) -> &'ledger mut u64 {
    match before {
        None => &mut ledger.unchanged,
        Some(Before { destination_id: None, .. }) => &mut ledger.created,
        Some(Before { destination_id: Some(_), .. }) => &mut ledger.updated,
    }
}

/// Returns what is known of a record before a native upsert of it: where keys are looked up first, also that it was not there.
fn before_upsert(loader: &Loader, record: &Prepared, current: Option<Current>, write: &RecordWrite) -> Option<Before> {
    let is_looked_up = loader.policy.reads > Reads::Nothing && loader.services.capabilities.looks_up_keys();
    let read = match current {
        Some(Current { destination_id, fields }) => Some(Before { destination_id: Some(destination_id), fields }),
        None => is_looked_up.then(Before::default),
    };
    oldest(loader, &record.source_id, read, &write.fields)
}

impl Stored {
    fn add(
        &mut self,
        dispatch: &Dispatch<'_>,
        record: &Prepared,
        action: &Action,
        originals: &Originals,
        tally: &mut ChunkTally,
    ) {
        let ledger = &mut tally.ledger;
        let (kept, refused) = (&mut self.kept, &mut self.refused);
        let seen = RecordKey::Id(record.source_id.clone());
        let (kind, reason) = match action {
            Action::Create(_) | Action::Upsert { .. } | Action::Update { .. } | Action::Adopt(_) => return,
            Action::Leave(because) => {
                self.count += 1;
                *because.column(ledger) += 1;
                kept.unchanged.extend(because.is_at_source().then(|| record.read_record()));
                return;
            }
            Action::Duplicate(survivor) => {
                self.count += 1;
                ledger.duplicate += 1;
                let named = duplicate(record, survivor);
                kept.merged.extend(named.clone());
                kept.duplicates.extend(named);
                kept.seen.extend((*survivor != Survivor::Itself).then_some(seen));
                return;
            }
            Action::Reject(reason) => (DeadLetterKind::Rejected, reason),
            Action::Hold(reason) => (DeadLetterKind::Held, reason),
        };
        self.count += 1;
        match kind {
            DeadLetterKind::Held => ledger.held += 1,
            DeadLetterKind::Rejected | DeadLetterKind::Link => ledger.rejected += 1,
        }
        refused.seen.push(seen);
        refused.letters.push(letter(dispatch.context(), record, kind, reason, originals.json(&record.source_id)));
    }
}

/// Names the record that stands for a duplicate, so that links to the duplicate lead there.
fn duplicate(record: &Prepared, survivor: &Survivor) -> Option<Duplicate> {
    let survivor = match survivor {
        Survivor::Itself => return None,
        Survivor::Source(source_id) => RecordKey::Id(source_id.clone()),
        Survivor::Written { source_key, .. } => RecordKey::Key(*source_key),
    };
    Some(Duplicate { source_id: record.source_id.clone(), survivor })
}

/// Stores what needs no call.
async fn store(dispatch: &Dispatch<'_>, stored: Stored) -> Result<(), EngineError> {
    let Stored { count, kept, refused } = stored;
    if count > 0 {
        dispatch.loader.services.state.commit(dispatch.place(), kept).await?;
        save_rejects(dispatch, refused.letters, refused.seen).await?;
    }
    dispatch.tell_done(count);
    Ok(())
}

/// Tells whether a record may have to be decided upon anew: it is gone from the destination, or was refused for a link.
pub(in crate::engine) fn is_doubtful(item: &RecordItem, fate: &Fate) -> bool {
    matches!(fate, Fate::Known(Outcome::Missing)) || is_refused_link(item, fate)
}

/// Counts what became of doubtful records; returns those that are to be decided upon anew.
pub(in crate::engine) async fn absorb(
    dispatch: &Dispatch<'_>,
    results: Vec<(RecordItem, Fate)>,
    tally: &mut ChunkTally,
    is_last: bool,
) -> Result<Vec<Arc<Prepared>>, EngineError> {
    let changed = if is_last { HashSet::new() } else { changed_linked(dispatch, &results).await? };
    let mut again = Vec::new();
    for (item, fate) in results {
        let spellings = &dispatch.loader.services.spellings;
        let links_to_changed =
            !changed.is_empty() && is_refused_link(&item, &fate) && item.leads_to(&changed, spellings);
        if links_to_changed || matches!(fate, Fate::Known(Outcome::Missing)) {
            again.push(item.prepared);
        } else {
            tally.count(&item, &fate);
        }
    }
    Ok(again)
}

/// Finds which records that refused ones link to are gone or have another id, and stores it.
async fn changed_linked(
    dispatch: &Dispatch<'_>,
    results: &[(RecordItem, Fate)],
) -> Result<HashSet<(String, String)>, EngineError> {
    let refused = results.iter().filter(|(item, fate)| is_refused_link(item, fate));
    let links: Vec<LinkValue> = refused.flat_map(|(item, _)| item.carried_links().cloned()).collect();
    if links.is_empty() {
        return Ok(HashSet::new());
    }
    let LinkedExistence { by_target, changed } = verify_linked(dispatch.loader, &links).await?;
    save_existence(dispatch, by_target).await?;
    Ok(changed)
}

/// Tells whether a record may have been refused because of a link: it carries one, and no other field is to blame.
fn is_refused_link(item: &RecordItem, fate: &Fate) -> bool {
    let Fate::Known(Outcome::Rejected(reason)) = fate else { return false };
    let is_to_blame = |link: &LinkValue| reason.field.as_deref().is_none_or(|field| *link.field == *field);
    !reason.is_passing && item.carried_links().any(is_to_blame)
}

impl Because {
    fn column(self, ledger: &mut Ledger) -> &mut u64 {
        match self {
            Self::Unchanged => &mut ledger.unchanged,
            Self::CreatedBefore => &mut ledger.created,
            Self::UpdatedBefore => &mut ledger.updated,
            Self::DeletedAtSource | Self::DeletedAtDestination => &mut ledger.filtered,
        }
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Behind(0)
    }
}

impl Numbers {
    /// Numbers a record.
    pub(super) fn next(&mut self, source_id: &str) -> u64 {
        match self {
            Self::Behind(last) => {
                *last += 1;
                *last
            }
            Self::OfLetters(numbers) => numbers.get(source_id).copied().unwrap_or_default(),
        }
    }

    /// Numbers so many records, one after the other. Returns the number behind which they are.
    pub(super) fn pass(&mut self, count: u64) -> u64 {
        match self {
            Self::Behind(last) => {
                let behind = *last;
                *last += count;
                behind
            }
            Self::OfLetters(_) => 0,
        }
    }
}

impl ChunkTally {
    /// Counts a record by what became of it; one that is missing is counted when it was decided upon anew.
    pub(in crate::engine) fn count(&mut self, item: &RecordItem, fate: &Fate) {
        let ledger = &mut self.ledger;
        match fate {
            Fate::Known(Outcome::Created { .. }) => ledger.created += 1,
            Fate::Known(Outcome::Updated { .. }) if item.is_own => ledger.created += 1,
            Fate::Known(Outcome::Updated { .. }) => ledger.updated += 1,
            Fate::Known(Outcome::Deleted) => ledger.deleted += 1,
            Fate::Known(Outcome::Rejected(_)) => ledger.rejected += 1,
            Fate::Known(Outcome::Missing) => {}
            Fate::Known(Outcome::Held(_)) | Fate::Unknown => ledger.held += 1,
        }
    }
}
