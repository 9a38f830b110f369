//! Loads a chunk at one destination and stores what became of every record of it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use polars::frame::DataFrame;
use serde_json::Value as Json;
use tokio::task::spawn_blocking;

use crate::config::WriteMode;
use crate::model::{BatchLimit, BatchRecord, Fields, ID, Ledger, Operation, Outcome, Rejection, Value};
use crate::state::{DeadLetter, DeadLetterKind, LetterBody, SeenMark, StateError, Work, Written, WrittenAs};
use crate::transform::Rejected;

use super::{
    error::EngineError,
    extract::{Chunk, unmapped_letter},
    gone::find_gone_targets,
    load::{CommitContext, Dispatch, Item, Lookup, Settled},
    matching::{Column, Decision, Draft, MISSING, decide, look_up_written},
    prepare::{Key, LinkValue, Prepared},
    setup::Loader,
};

/// What a chunk added to a destination's account.
#[derive(Debug, Default)]
pub(super) struct ChunkAccount {
    pub ledger: Ledger,
    pub halving_calls: u64,
}

/// One record that is written.
#[derive(Debug)]
struct RecordItem {
    record: BatchRecord,
    draft: Draft,
    prepared: Arc<Prepared>,
    /// The key by which later records are known to be the same; none where records are only inserted, each for itself.
    key_hash: Option<u128>,
    source: Json,
}

/// The records of a chunk as the source gave them, for dead letters.
pub(super) struct Originals<'chunk> {
    frame: &'chunk DataFrame,
    rows: HashMap<String, usize>,
}

/// Loads a chunk: maps, matches, writes, and commits batch by batch. The ledger is returned and becomes durable together with
/// the checkpoint.
pub(super) async fn load_chunk(loader: &Loader, chunk: &Chunk, number: u64) -> Result<ChunkAccount, EngineError> {
    let mut account = ChunkAccount::default();
    account.ledger.read = chunk.read;
    account.ledger.filtered = chunk.filtered;
    account.ledger.duplicate = chunk.duplicate;
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
    account.ledger.rejected += count(letters.len());
    save_letters(loader, letters).await?;
    let settled = account.ledger.filtered + account.ledger.duplicate + account.ledger.rejected;
    let calls = loader.context.meter.calls();
    loader.observer.records_settled(&loader.scope.stream, loader.connection(), settled, calls);
    load_prepared(loader, &dispatch, records, &originals, &mut account).await?;
    account.halving_calls = dispatch.halving_calls();
    Ok(account)
}

/// How often a record is matched anew, when it or what it links to is gone from the destination: once for each of both.
const MAX_MATCHED_ANEW: u32 = 2;

/// Loads records that are mapped already; those that are gone from the destination, or link to such, are matched anew.
pub(super) async fn load_prepared(
    loader: &Loader,
    dispatch: &Dispatch<'_>,
    records: Vec<Prepared>,
    originals: &Originals<'_>,
    account: &mut ChunkAccount,
) -> Result<(), EngineError> {
    let mut records: Vec<Arc<Prepared>> = records.into_iter().map(Arc::new).collect();
    for round in 0..=MAX_MATCHED_ANEW {
        let is_last = round == MAX_MATCHED_ANEW;
        let missing = load_records(loader, dispatch, &records, originals, account, is_last).await?;
        if missing.is_empty() {
            break;
        }
        if is_last {
            account.ledger.held += count(missing.len());
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
        let stream = loader.scope.stream.clone();
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
    account: &mut ChunkAccount,
    is_last: bool,
) -> Result<Vec<Arc<Prepared>>, EngineError> {
    let decisions = decide(loader, dispatch.context().chunk, records).await?;
    let (mut inserts, mut updates, mut upserts) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen: Vec<String> = Vec::new();
    let mut letters = Vec::new();
    for (index, (prepared, decision)) in records.iter().zip(decisions).enumerate() {
        let original = || originals.json(&prepared.source_id);
        let context = dispatch.context();
        let has_key = loader.policy.write != WriteMode::Insert;
        let key_hash = prepared.key.as_ref().filter(|_| has_key).map(|key| key.hash);
        let item = |draft: Draft| RecordItem::new(index, Arc::clone(prepared), draft, key_hash, original());
        match decision {
            Decision::Insert(draft) => inserts.push(item(draft)),
            Decision::Update(draft) => updates.push(item(draft)),
            Decision::Upsert(draft) => upserts.push(item(draft)),
            Decision::Settled(column) => {
                if !matches!(column, Column::Filtered | Column::Duplicate) {
                    seen.push(prepared.source_id.clone());
                }
                account.count(column);
            }
            Decision::Rejected(reason) => {
                account.ledger.rejected += 1;
                letters.push(letter(context, prepared, DeadLetterKind::Rejected, &reason, original()));
            }
            Decision::Held(reason) => {
                if reason.code == MISSING {
                    seen.push(prepared.source_id.clone());
                }
                account.ledger.held += 1;
                letters.push(letter(context, prepared, DeadLetterKind::Held, &reason, original()));
            }
        }
    }
    let settled_count = count(records.len() - inserts.len() - updates.len() - upserts.len());
    mark_seen(loader, dispatch.context(), seen).await?;
    save_letters(loader, letters).await?;
    let calls = loader.context.meter.calls();
    loader.observer.records_settled(&loader.scope.stream, loader.connection(), settled_count, calls);

    let key = loader.preparation.key.to_vec();
    let groups: [(Operation, Option<BatchLimit>, Vec<RecordItem>); 3] = [
        (Operation::Update, loader.capabilities.update, updates),
        (Operation::Upsert { key }, loader.capabilities.upsert, upserts),
        (Operation::Insert, loader.capabilities.insert, inserts),
    ];
    let mut missing = Vec::new();
    for (operation, limit, items) in groups {
        if items.is_empty() {
            continue;
        }
        let Some(limit) = limit else {
            let word = super::load::operation_word(&operation);
            return Err(EngineError::Unsupported(format!("`{}` cannot {word} records", loader.connection())));
        };
        let results = dispatch.send(&operation, limit, items).await?;
        let gone = if is_last { HashSet::new() } else { gone_targets(loader, &results).await? };
        for (item, settled) in results {
            let has_gone_target = !gone.is_empty() && is_refused_link(&item, &settled) && item.leads_to(&gone);
            if has_gone_target {
                missing.push(item.prepared);
            } else {
                account.settle(item, &settled, &mut missing);
            }
        }
    }
    Ok(missing)
}

/// Finds which records that refused ones link to are gone.
async fn gone_targets(
    loader: &Loader,
    results: &[(RecordItem, Settled)],
) -> Result<HashSet<(String, String)>, EngineError> {
    let refused = results.iter().filter(|(item, settled)| is_refused_link(item, settled));
    let links: Vec<LinkValue> = refused.flat_map(|(item, _)| item.carried_links().cloned()).collect();
    if links.is_empty() { Ok(HashSet::new()) } else { find_gone_targets(loader, &links).await }
}

/// Tells whether a record may have been refused because of a link: it carries one, and no other field is to blame.
fn is_refused_link(item: &RecordItem, settled: &Settled) -> bool {
    let Settled::Outcome(Outcome::Rejected(reason)) = settled else { return false };
    let is_to_blame = |link: &LinkValue| reason.field.as_deref().is_none_or(|field| *link.field == *field);
    item.carried_links().any(is_to_blame)
}

impl ChunkAccount {
    fn count(&mut self, column: Column) {
        let ledger = &mut self.ledger;
        match column {
            Column::Filtered | Column::Skipped => ledger.filtered += 1,
            Column::Duplicate => ledger.duplicate += 1,
            Column::Unchanged => ledger.unchanged += 1,
            Column::Created => ledger.created += 1,
            Column::Updated => ledger.updated += 1,
        }
    }

    fn settle(&mut self, item: RecordItem, settled: &Settled, missing: &mut Vec<Arc<Prepared>>) {
        let ledger = &mut self.ledger;
        match settled {
            Settled::Outcome(Outcome::Created { .. }) => ledger.created += 1,
            Settled::Outcome(Outcome::Updated { .. }) => ledger.updated += 1,
            Settled::Outcome(Outcome::Deleted) => ledger.deleted += 1,
            Settled::Outcome(Outcome::Rejected(_)) => ledger.rejected += 1,
            Settled::Outcome(Outcome::Missing) => missing.push(item.prepared),
            Settled::Outcome(Outcome::Held(_)) | Settled::Held => ledger.held += 1,
        }
    }
}

impl RecordItem {
    fn new(index: usize, prepared: Arc<Prepared>, draft: Draft, key_hash: Option<u128>, source: Json) -> Self {
        let record = BatchRecord {
            trace_id: index.to_string(),
            destination_id: draft.destination_id.clone(),
            fields: draft.fields.clone(),
        };
        Self { record, draft, prepared, key_hash, source }
    }

    fn carried_links(&self) -> impl Iterator<Item = &LinkValue> {
        self.prepared.links.iter().filter(|link| self.draft.fields.contains_key(&link.field))
    }

    fn leads_to(&self, gone: &HashSet<(String, String)>) -> bool {
        let has_gone = |link: &LinkValue| {
            link.targets.iter().any(|target| gone.contains(&(link.stream.to_string(), target.clone())))
        };
        self.carried_links().any(has_gone)
    }

    fn save_mapping(
        &self,
        work: &Work<'_>,
        context: &CommitContext,
        destination_id: &str,
        written_as: WrittenAs,
    ) -> Result<(), StateError> {
        let source_id = &self.prepared.source_id;
        let written = Written {
            source_id,
            destination_id,
            content_hash: self.prepared.content_hash,
            key_hash: self.key_hash,
            written_as,
        };
        let seen = SeenMark { run_id: context.run_id.clone(), chunk: context.chunk };
        work.save_mapping(context.scope_id, &written, &seen)?;
        work.resolve_dead_letters(context.scope_id, work.source_key(source_id), None, context.now)?;
        if context.has_links {
            work.replace_links(context.scope_id, source_id, &self.draft.links)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Item for RecordItem {
    fn record(&self) -> &BatchRecord {
        &self.record
    }

    fn source_id(&self) -> &str {
        &self.prepared.source_id
    }

    fn commit(&self, work: &Work<'_>, context: &CommitContext, outcome: &Outcome) -> Result<(), StateError> {
        match outcome {
            Outcome::Created { id } => self.save_mapping(work, context, id, WrittenAs::Created),
            Outcome::Updated { id } => self.save_mapping(work, context, id, WrittenAs::Updated),
            Outcome::Missing | Outcome::Deleted => {
                // Not by the source's id: a record with the same key may be the one that is mapped to it.
                let known = self.record.destination_id.as_deref();
                known.map_or(Ok(()), |destination_id| work.mark_missing(context.scope_id, destination_id))
            }
            Outcome::Rejected(reason) => {
                let letter = letter(context, &self.prepared, DeadLetterKind::Rejected, reason, self.source.clone());
                work.save_dead_letter(context.scope_id, &letter)
            }
            Outcome::Held(reason) => self.commit_held(work, context, reason),
        }
    }

    fn commit_held(&self, work: &Work<'_>, context: &CommitContext, reason: &Rejection) -> Result<(), StateError> {
        let letter = letter(context, &self.prepared, DeadLetterKind::Held, reason, self.source.clone());
        work.save_dead_letter(context.scope_id, &letter)
    }

    async fn find_written(loader: &Loader, items: &[Self]) -> Result<Vec<Option<Lookup>>, EngineError> {
        let keys: Vec<Option<&Key>> = items.iter().map(|item| item.prepared.key.as_ref()).collect();
        look_up_written(loader, &keys).await
    }
}

impl<'chunk> Originals<'chunk> {
    pub(super) fn new(frame: &'chunk DataFrame) -> Result<Self, EngineError> {
        let mut rows = HashMap::new();
        if frame.height() > 0 {
            for (row, id) in frame.column(ID)?.str()?.iter().enumerate() {
                rows.insert(id.unwrap_or_default().to_owned(), row);
            }
        }
        Ok(Self { frame, rows })
    }

    /// Returns a record as the source gave it (after the steps).
    fn json(&self, source_id: &str) -> Json {
        let Some(row) = self.rows.get(source_id) else { return Json::Null };
        let columns = self.frame.columns().iter();
        let fields = columns.filter_map(|column| {
            let value = Value::from_any(&column.get(*row).ok()?).ok()?;
            Some((column.name().to_string(), value.to_json()))
        });
        Json::Object(fields.collect())
    }
}

fn fields_json(record: &Prepared) -> Json {
    let fields: &Fields = &record.fields;
    let plain = fields.iter().map(|(name, value)| (name.to_string(), value.to_json()));
    let links = record.links.iter().map(|link| (link.field.to_string(), Json::from(link.targets.clone())));
    Json::Object(plain.chain(links).collect())
}

fn letter(
    context: &CommitContext,
    record: &Prepared,
    kind: DeadLetterKind,
    reason: &Rejection,
    source: Json,
) -> DeadLetter {
    DeadLetter {
        run_id: context.run_id.clone(),
        scope: context.scope.clone(),
        source_id: record.source_id.clone(),
        kind,
        code: reason.code.clone(),
        field: reason.field.clone(),
        created_at: context.now,
        chunk: context.chunk,
        body: LetterBody {
            reason: reason.reason.clone(),
            value: reason.value.clone(),
            source,
            mapped: fields_json(record),
            request_id: reason.request_id.clone(),
        },
    }
}

async fn save_letters(loader: &Loader, letters: Vec<DeadLetter>) -> Result<(), EngineError> {
    if letters.is_empty() {
        return Ok(());
    }
    let scope_id = loader.scope_id;
    let save = move |work: &Work<'_>| letters.iter().try_for_each(|letter| work.save_dead_letter(scope_id, letter));
    Ok(loader.state.work(save).await?)
}

async fn mark_seen(loader: &Loader, context: &CommitContext, source_ids: Vec<String>) -> Result<(), EngineError> {
    if source_ids.is_empty() {
        return Ok(());
    }
    let (scope_id, now) = (loader.scope_id, context.now);
    let seen = SeenMark { run_id: context.run_id.clone(), chunk: context.chunk };
    let mark = move |work: &Work<'_>| {
        let source_keys: Vec<_> = source_ids.iter().map(|source_id| work.source_key(source_id)).collect();
        work.mark_seen(scope_id, source_keys.iter().copied(), &seen)?;
        source_keys.iter().try_for_each(|source_key| {
            work.resolve_dead_letters(scope_id, *source_key, Some(DeadLetterKind::Rejected), now)
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
