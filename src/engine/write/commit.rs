//! Loads a chunk at one destination and stores what became of every record of it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use polars::frame::DataFrame;
use serde_json::Value as Json;
use tokio::task::spawn_blocking;

use crate::config::WriteMode;
use crate::engine::{
    decide::{
        existence::find_missing_linked,
        matching::{Column, Decision, MISSING, RecordWrite, decide},
        prepare::{LinkValue, Prepared},
    },
    error::EngineError,
    read::extract::Chunk,
    setup::Loader,
};
use crate::model::{BatchLimit, ID, Ledger, Operation, Outcome, Rejection, Value};
use crate::state::{DeadLetter, DeadLetterKind, SeenMark, Work};
use crate::transform::Rejected;

use super::{
    bulk_buffer::BulkBuffer,
    dispatch::{CommitContext, Dispatch, Fate, operation_word},
    item::{RecordItem, fields_json, letter, unmapped_letter},
};

/// What a chunk added to a destination's tally.
#[derive(Debug, Default)]
pub(in crate::engine) struct ChunkTally {
    pub ledger: Ledger,
    pub halving_calls: u64,
}

/// The records of a chunk as the source gave them, for dead letters.
pub(in crate::engine) enum Originals<'chunk> {
    /// In a frame, by their rows.
    Frame { frame: &'chunk DataFrame, rows: HashMap<String, usize> },
    /// By their source ids.
    Kept(HashMap<String, Json>),
}

/// Loads a chunk: maps, matches, writes, and commits batch by batch. The ledger is returned and becomes durable together with
/// the checkpoint. What is put on the buffer is counted as read only.
pub(in crate::engine) async fn load_chunk(
    loader: &Loader,
    chunk: &Chunk,
    number: u64,
    buffer: &mut BulkBuffer,
) -> Result<ChunkTally, EngineError> {
    let mut tally = ChunkTally::default();
    tally.ledger.read = chunk.read;
    tally.ledger.filtered = chunk.filtered;
    tally.ledger.duplicate = chunk.duplicate;
    let dispatch = Dispatch::new(loader, number);
    let (records, mut rejects) = prepare(loader, &chunk.frame).await?;
    rejects.extend(chunk.rejects.iter().cloned());
    let originals = Originals::new(&chunk.frame)?;
    let (records, unexpected) = check_expectation(loader, records)?;
    let unexpected_letters = unexpected.iter().map(|(record, reason)| {
        letter(dispatch.context(), record, DeadLetterKind::Rejected, reason, originals.json(&record.source_id))
    });
    let mut letters: Vec<DeadLetter> = unexpected_letters.collect();
    let context = dispatch.context();
    letters.extend(rejects.into_iter().map(|reject| unmapped_letter(context, reject)));
    tally.ledger.rejected += count(letters.len());
    save_letters(loader, letters).await?;
    let settled = tally.ledger.filtered + tally.ledger.duplicate + tally.ledger.rejected;
    let calls = loader.context.meter.calls();
    loader.observer.records_done(&loader.target.stream, loader.connection(), settled, calls);
    let mut now = Vec::with_capacity(records.len());
    // Where records are only inserted, several may have one key, unless some are looked for by it.
    let do_keys_tell = loader.policy.write != WriteMode::Insert || !loader.unsettled.is_empty();
    for record in records.into_iter().map(Arc::new) {
        if buffer.may_hold(&record, do_keys_tell) {
            let source = originals.json(&record.source_id);
            buffer.defer(record, source);
        } else {
            now.push(record);
        }
    }
    load_prepared(loader, &dispatch, now, &originals, &mut tally, Some(buffer)).await?;
    tally.halving_calls = dispatch.halving_calls();
    Ok(tally)
}

/// How often a record is matched anew, when it or what it links to is gone from the destination: once for each of both.
const MAX_MATCHED_ANEW: u32 = 2;

/// Loads records that are mapped already; those that are gone from the destination, or link to such, are matched anew. They are
/// that already where there is no buffer: then all is written at once.
pub(in crate::engine) async fn load_prepared(
    loader: &Loader,
    dispatch: &Dispatch<'_>,
    mut records: Vec<Arc<Prepared>>,
    originals: &Originals<'_>,
    tally: &mut ChunkTally,
    mut buffer: Option<&mut BulkBuffer>,
) -> Result<(), EngineError> {
    for round in u32::from(buffer.is_none())..=MAX_MATCHED_ANEW {
        let is_last = round == MAX_MATCHED_ANEW;
        let missing = load_records(loader, dispatch, &records, originals, tally, is_last, buffer.take()).await?;
        if missing.is_empty() {
            break;
        }
        if is_last {
            tally.ledger.held += count(missing.len());
            hold_missing(loader, dispatch, &missing, originals).await?;
            break;
        }
        // The id map pointed to records that are gone from the destination, or linked to such: by now it knows.
        records = missing;
    }
    Ok(())
}

/// Records that are mapped at once. Between two parts the run can be stopped: a chunk as a whole may take longer than a
/// supervisor waits. With fewer, starting each query costs more than the query.
const PART_RECORDS: usize = 2_500;

async fn prepare(loader: &Loader, frame: &DataFrame) -> Result<(Vec<Prepared>, Vec<Rejected>), EngineError> {
    if frame.width() == 0 || frame.height() == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut records = Vec::with_capacity(frame.height());
    let mut rejects = Vec::new();
    let mut rest = frame.clone();
    while rest.height() > 0 {
        loader.check_goes_on()?;
        // Columns are shared, not copied.
        let part = rest.head(Some(PART_RECORDS));
        rest = rest.slice(i64::try_from(part.height()).unwrap_or(i64::MAX), rest.height());
        let (mapper, preparation) = (Arc::clone(&loader.mapper), loader.preparation.clone());
        let stream = loader.target.stream.clone();
        let task = spawn_blocking(move || {
            let failed = |error| EngineError::Transform { stream, error: Box::new(error) };
            let accepted = mapper.map(&part).map_err(failed)?;
            Ok::<_, EngineError>((preparation.records(&accepted.frame)?, accepted.rejects))
        });
        let (part_records, part_rejects) = task.await.map_err(|_| EngineError::Stopped)??;
        records.extend(part_records);
        rejects.extend(part_rejects);
    }
    Ok((records, rejects))
}

/// Records that are not as `expect` says, each with the reason.
type Unexpected = Vec<(Prepared, Rejection)>;

/// Checks records against the stream's `expect`. Links are checked as lists of source ids.
fn check_expectation(loader: &Loader, records: Vec<Prepared>) -> Result<(Vec<Prepared>, Unexpected), EngineError> {
    let Some(validator) = &loader.expect else { return Ok((records, Vec::new())) };
    let mut kept = Vec::with_capacity(records.len());
    let mut unexpected = Vec::new();
    for record in records {
        loader.check_goes_on()?;
        let json = fields_json(&record);
        let finding = (!record.is_deleted).then(|| validator.iter_errors(&json).next()).flatten();
        let Some(finding) = finding else {
            kept.push(record);
            continue;
        };
        let field = finding.instance_path().to_string().trim_start_matches('/').to_owned();
        let mut reason = Rejection::new("unexpected", finding.to_string());
        reason.field = (!field.is_empty()).then_some(field);
        unexpected.push((record, reason));
    }
    Ok((kept, unexpected))
}

/// Matches and writes records; returns those that the destination no longer holds under the id that the id map has, and those
/// that it refused as they link to such.
async fn load_records(
    loader: &Loader,
    dispatch: &Dispatch<'_>,
    records: &[Arc<Prepared>],
    originals: &Originals<'_>,
    tally: &mut ChunkTally,
    is_last: bool,
    mut buffer: Option<&mut BulkBuffer>,
) -> Result<Vec<Arc<Prepared>>, EngineError> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let decisions = decide(loader, dispatch.context().chunk, records).await?;
    let (mut inserts, mut updates, mut upserts) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen: Vec<String> = Vec::new();
    let mut letters = Vec::new();
    for (index, (prepared, decision)) in records.iter().zip(decisions).enumerate() {
        let original = || originals.json(&prepared.source_id);
        let context = dispatch.context();
        let has_key = loader.policy.write != WriteMode::Insert;
        let key_hash = prepared.key.as_ref().filter(|_| has_key).map(|key| key.hash);
        let place = (context.chunk, index);
        let item = |record_write: RecordWrite| {
            RecordItem::new(place, Arc::clone(prepared), record_write, key_hash, original())
        };
        match decision {
            Decision::Insert(record_write) => inserts.push(item(record_write)),
            Decision::Update(record_write) => updates.push(item(record_write)),
            Decision::Upsert(record_write) => upserts.push(item(record_write)),
            Decision::Counted(column) => {
                if !matches!(column, Column::Filtered | Column::Duplicate) {
                    seen.push(prepared.source_id.clone());
                }
                tally.count_column(column);
            }
            Decision::Rejected(reason) => {
                tally.ledger.rejected += 1;
                letters.push(letter(context, prepared, DeadLetterKind::Rejected, &reason, original()));
            }
            Decision::Held(reason) => {
                if reason.code == MISSING {
                    seen.push(prepared.source_id.clone());
                }
                tally.ledger.held += 1;
                letters.push(letter(context, prepared, DeadLetterKind::Held, &reason, original()));
            }
        }
    }
    let settled_count = count(records.len() - inserts.len() - updates.len() - upserts.len());
    mark_seen(loader, dispatch.context(), seen).await?;
    save_letters(loader, letters).await?;
    let calls = loader.context.meter.calls();
    loader.observer.records_done(&loader.target.stream, loader.connection(), settled_count, calls);

    let key = loader.preparation.key.to_vec();
    let groups: [(Operation, Option<BatchLimit>, Vec<RecordItem>); 3] = [
        (Operation::Update, loader.capabilities.update, updates),
        (Operation::Upsert { key }, loader.capabilities.upsert, upserts),
        (Operation::Insert, loader.insert_limit(), inserts),
    ];
    let mut missing = Vec::new();
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
            tokio::task::block_in_place(|| buffer.put(&operation, limit, items))?;
            continue;
        }
        let results = dispatch.send(&operation, limit, items).await?;
        missing.extend(absorb(loader, results, tally, is_last).await?);
    }
    Ok(missing)
}

/// Counts what became of records; returns those that are to be matched anew.
pub(in crate::engine) async fn absorb(
    loader: &Loader,
    results: Vec<(RecordItem, Fate)>,
    tally: &mut ChunkTally,
    is_last: bool,
) -> Result<Vec<Arc<Prepared>>, EngineError> {
    let missing_linked = if is_last { HashSet::new() } else { missing_linked(loader, &results).await? };
    let mut missing = Vec::new();
    for (item, fate) in results {
        let has_missing_linked =
            !missing_linked.is_empty() && is_refused_link(&item, &fate) && item.leads_to(&missing_linked);
        if has_missing_linked || matches!(fate, Fate::Known(Outcome::Missing)) {
            missing.push(item.prepared);
        } else {
            tally.count(&fate);
        }
    }
    Ok(missing)
}

/// Finds which records that refused ones link to are missing_linked.
async fn missing_linked(
    loader: &Loader,
    results: &[(RecordItem, Fate)],
) -> Result<HashSet<(String, String)>, EngineError> {
    let refused = results.iter().filter(|(item, fate)| is_refused_link(item, fate));
    let links: Vec<LinkValue> = refused.flat_map(|(item, _)| item.carried_links().cloned()).collect();
    if links.is_empty() { Ok(HashSet::new()) } else { find_missing_linked(loader, &links).await }
}

/// Tells whether a record may have been refused because of a link: it carries one, and no other field is to blame.
pub(in crate::engine) fn is_refused_link(item: &RecordItem, fate: &Fate) -> bool {
    let Fate::Known(Outcome::Rejected(reason)) = fate else { return false };
    let is_to_blame = |link: &LinkValue| reason.field.as_deref().is_none_or(|field| *link.field == *field);
    !reason.is_passing && item.carried_links().any(is_to_blame)
}

impl ChunkTally {
    fn count_column(&mut self, column: Column) {
        let ledger = &mut self.ledger;
        match column {
            Column::Filtered | Column::Skipped => ledger.filtered += 1,
            Column::Duplicate => ledger.duplicate += 1,
            Column::Unchanged => ledger.unchanged += 1,
            Column::Created => ledger.created += 1,
            Column::Updated => ledger.updated += 1,
        }
    }

    /// Counts a record by what became of it; one that is missing is counted when it was matched anew.
    pub(in crate::engine) fn count(&mut self, fate: &Fate) {
        let ledger = &mut self.ledger;
        match fate {
            Fate::Known(Outcome::Created { .. }) => ledger.created += 1,
            Fate::Known(Outcome::Updated { .. }) => ledger.updated += 1,
            Fate::Known(Outcome::Deleted) => ledger.deleted += 1,
            Fate::Known(Outcome::Rejected(_)) => ledger.rejected += 1,
            Fate::Known(Outcome::Missing) => {}
            Fate::Known(Outcome::Held(_)) | Fate::Unknown => ledger.held += 1,
        }
    }
}

impl<'chunk> Originals<'chunk> {
    pub(in crate::engine) fn new(frame: &'chunk DataFrame) -> Result<Self, EngineError> {
        let mut rows = HashMap::new();
        if frame.height() > 0 {
            for (row, id) in frame.column(ID)?.str()?.iter().enumerate() {
                rows.insert(id.unwrap_or_default().to_owned(), row);
            }
        }
        Ok(Self::Frame { frame, rows })
    }

    /// Returns a record as the source gave it (after the steps).
    fn json(&self, source_id: &str) -> Json {
        let (frame, rows) = match self {
            Self::Frame { frame, rows } => (frame, rows),
            Self::Kept(sources) => return sources.get(source_id).cloned().unwrap_or_default(),
        };
        let Some(row) = rows.get(source_id) else { return Json::Null };
        let columns = frame.columns().iter();
        let fields = columns.filter_map(|column| {
            let value = Value::from_any(&column.get(*row).ok()?).ok()?;
            Some((column.name().to_string(), value.to_json()))
        });
        Json::Object(fields.collect())
    }
}

async fn save_letters(loader: &Loader, letters: Vec<DeadLetter>) -> Result<(), EngineError> {
    if letters.is_empty() {
        return Ok(());
    }
    let target_id = loader.target_id;
    let save = move |work: &Work<'_>| letters.iter().try_for_each(|letter| work.save_dead_letter(target_id, letter));
    Ok(loader.state.work(save).await?)
}

async fn mark_seen(loader: &Loader, context: &CommitContext, source_ids: Vec<String>) -> Result<(), EngineError> {
    if source_ids.is_empty() {
        return Ok(());
    }
    let (target_id, now) = (loader.target_id, context.now);
    let seen = SeenMark { run_id: context.run_id.clone(), chunk: context.chunk };
    let mark = move |work: &Work<'_>| {
        let source_keys: Vec<_> = source_ids.iter().map(|source_id| work.source_key(source_id)).collect();
        work.mark_seen(target_id, source_keys.iter().copied(), &seen)?;
        source_keys.iter().try_for_each(|source_key| {
            work.resolve_dead_letters(target_id, *source_key, Some(DeadLetterKind::Rejected), now)
        })
    };
    Ok(loader.state.work(mark).await?)
}

async fn hold_missing(
    loader: &Loader,
    dispatch: &Dispatch<'_>,
    missing: &[Arc<Prepared>],
    originals: &Originals<'_>,
) -> Result<(), EngineError> {
    let reason = Rejection::new(
        "vanishing",
        "the destination no longer holds the record, and what was found in its place is gone too",
    );
    let letters = missing.iter().map(|record| {
        let source = originals.json(&record.source_id);
        letter(dispatch.context(), record, DeadLetterKind::Held, &reason, source)
    });
    save_letters(loader, letters.collect()).await
}

fn count(records: usize) -> u64 {
    u64::try_from(records).unwrap_or(u64::MAX)
}
