//! Loads a chunk at one destination: maps its records, decides, and carries the decisions out, batch by batch.

use std::{collections::HashMap, sync::Arc};

use crate::config::WriteMode;
use crate::engine::{
    decide::{
        aside::aside,
        decision::{Action, Because, Decision},
        gather::gather,
        kept_words::in_kept_words,
        knowledge::Knowledge,
        mapped::{Mapped, map},
        matching::decide,
        prepare::Prepared,
        replaced_ids::id_hashes,
        rules::Rules,
    },
    error::EngineError,
    read::extract::Chunk,
    review::Known,
    setup::Loader,
};
use crate::model::{Fields, Rejection};
use crate::state::{DeadLetterKind, RecordKey};

use super::{
    bulk_buffer::BulkBuffer,
    dispatch::Dispatch,
    execute::{ChunkTally, execute},
    left_out::leave_out,
    letters::{Originals, letter},
    levels,
    store::{save_existence, save_rejects},
};

/// How often a record is decided upon anew, when it or what it links to is gone from the destination: once for each of both.
const MAX_DECIDED_ANEW: u32 = 2;

/// Most levels of records that link to each other that are written one after the other: each costs a request at least. What is
/// deeper, such as a chain of thousands, is linked at the end.
const MAX_LEVELS: u32 = 50;

/// Loads a chunk. The tally becomes durable together with the checkpoint; what it counts is committed, also where this fails.
/// What is put into the bulk buffer is counted as read only.
pub(in crate::engine) async fn load_chunk(
    dispatch: &Dispatch<'_>,
    chunk: &Chunk,
    tally: &mut ChunkTally,
    buffer: &mut BulkBuffer,
) -> Result<(), EngineError> {
    let loader = dispatch.loader;
    let originals = Originals::of_frame(&chunk.frame)?;
    let Mapped { records, unexpected, rejects } = map(loader, &chunk.frame).await?;
    leave_out(dispatch, (chunk, &originals), unexpected, rejects, tally).await?;
    // Where records are only inserted, several may have one key, unless some are looked for by it.
    let do_keys_tell = loader.policy.write != WriteMode::Insert || !loader.earlier.unsettled.is_empty();
    let do_links_tell = Rules::of(loader, dispatch.context().chunk).carries_links();
    let mut now = Vec::with_capacity(records.len());
    for mut record in records {
        record.number = tally.numbers.next(&record.source_id);
        let record = Arc::new(record);
        let is_child =
            do_links_tell && buffer.may_hold_linked(&record, &loader.target.names.stream, &loader.services.spellings);
        if is_child || buffer.may_hold(&record, do_keys_tell) {
            let source = originals.json(&record.source_id);
            buffer.defer(record, source);
        } else {
            now.push(record);
        }
    }
    let hashes = if loader.is_replacing() { id_hashes(&now) } else { Vec::new() };
    load_prepared(dispatch, now, &originals, tally, Some(buffer)).await?;
    loader.replaced_ids.note(hashes);
    Ok(())
}

/// Loads records that are mapped already. Those that are gone from the destination, or link to such, are decided upon anew. Where
/// there is no buffer they are such already, and are written at once.
pub(in crate::engine) async fn load_prepared(
    dispatch: &Dispatch<'_>,
    mut records: Vec<Arc<Prepared>>,
    originals: &Originals,
    tally: &mut ChunkTally,
    mut buffer: Option<&mut BulkBuffer>,
) -> Result<(), EngineError> {
    for round in u32::from(buffer.is_none())..=MAX_DECIDED_ANEW {
        if records.is_empty() {
            return Ok(());
        }
        let is_last = round == MAX_DECIDED_ANEW;
        // The id map may point to records that are gone from the destination: afterwards it knows.
        records = load_levels(dispatch, records, originals, tally, is_last, buffer.take()).await?;
    }
    hold_missing(dispatch, &records, originals, tally).await
}

/// Decides upon records and carries the decisions out, those that others link to first. Returns the records that are to be decided
/// upon anew.
async fn load_levels(
    dispatch: &Dispatch<'_>,
    mut records: Vec<Arc<Prepared>>,
    originals: &Originals,
    tally: &mut ChunkTally,
    is_last: bool,
    mut buffer: Option<&mut BulkBuffer>,
) -> Result<Vec<Arc<Prepared>>, EngineError> {
    let loader = dispatch.loader;
    let rules = Rules::of(loader, dispatch.context().chunk);
    let mut again = Vec::new();
    let mut level = 0;
    while !records.is_empty() {
        level += 1;
        let (knowledge, existence) = gather(loader, &rules, &records).await?;
        save_existence(dispatch, vec![(loader.target.id, existence)]).await?;
        let decisions = decide(&rules, &knowledge, &records);
        let now;
        (now, records) = if rules.carries_links() && level < MAX_LEVELS {
            levels::split(decisions, &loader.target.names.stream, &loader.services.spellings)
        } else {
            (decisions, Vec::new())
        };
        let now = reviewed(loader, &knowledge, originals, now).await?;
        again.extend(execute(dispatch, now, originals, tally, is_last, buffer.as_deref_mut()).await?);
        // What this level put into the buffer is written first; the next level has its ids then.
        if let Some(buffer) = buffer.as_deref_mut().filter(|buffer| !buffer.is_empty()) {
            for record in records.drain(..) {
                let source = originals.json(&record.source_id);
                buffer.defer(record, source);
            }
        }
    }
    Ok(again)
}

/// Shows decisions to who looks at them, and returns those that are carried out.
async fn reviewed(
    loader: &Loader,
    knowledge: &Knowledge,
    originals: &Originals,
    decisions: Vec<Decision>,
) -> Result<Vec<Decision>, EngineError> {
    let Some(review) = &loader.review else { return Ok(decisions) };
    let ids = knowledge.entries.by_id.iter().map(|(id, entry)| (id.as_str(), entry.destination_id.as_str())).collect();
    let original = |source_id: &str| originals.json(source_id);
    let kept = kept(loader, &decisions).await?;
    let own = &loader.earlier.own_upserts;
    let known = Known { current: &knowledge.current, ids: &ids, kept: &kept, own, original: &original };
    review.decided(loader.review_place(), decisions, known).await
}

/// Returns the values of records that are at the destination as it keeps them, by source ids.
async fn kept(loader: &Loader, decisions: &[Decision]) -> Result<HashMap<String, Fields>, EngineError> {
    if loader.services.destination.canonical().is_none() {
        return Ok(HashMap::new());
    }
    let (mut written, mut unchanged) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for Decision { record, action } in decisions {
        let ((ids, values), fields) = match action {
            Action::Update { write, .. } | Action::Upsert { write, current: Some(_) } => (&mut written, &write.fields),
            Action::Leave(Because::Unchanged) => (&mut unchanged, &record.fields),
            _ => continue,
        };
        ids.push(record.source_id.clone());
        values.push(fields.clone());
    }
    let mut kept: HashMap<String, Fields> = HashMap::new();
    kept.extend(written.0.into_iter().zip(in_kept_words(loader, written.1).await?));
    // A write asks for the words too; for what stays as it is, nobody does.
    kept.extend(unchanged.0.into_iter().zip(aside(loader, in_kept_words(loader, unchanged.1)).await?));
    Ok(kept)
}

async fn hold_missing(
    dispatch: &Dispatch<'_>,
    missing: &[Arc<Prepared>],
    originals: &Originals,
    tally: &mut ChunkTally,
) -> Result<(), EngineError> {
    let reason = Rejection::new(
        "vanishing",
        "the destination no longer holds the record, and what was found in its place is gone too",
    );
    let letters = missing.iter().map(|record| {
        letter(dispatch.context(), record, DeadLetterKind::Held, &reason, originals.json(&record.source_id))
    });
    let seen = missing.iter().map(|record| RecordKey::Id(record.source_id.clone())).collect();
    save_rejects(dispatch, letters.collect(), seen).await?;
    tally.ledger.held += u64::try_from(missing.len()).unwrap_or(u64::MAX);
    Ok(())
}
