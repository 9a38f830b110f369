//! Loads a chunk at one destination: maps its records, decides, and carries the decisions out, batch by batch.

use std::sync::Arc;

use crate::config::WriteMode;
use crate::engine::{
    decide::{
        knowledge::gather,
        mapped::{Mapped, map},
        matching::decide,
        prepare::Prepared,
        rules::Rules,
    },
    error::EngineError,
    read::extract::Chunk,
};
use crate::model::Rejection;
use crate::state::{DeadLetter, DeadLetterKind, RecordKey};

use super::{
    bulk_buffer::BulkBuffer,
    dispatch::Dispatch,
    execute::{ChunkTally, execute},
    existence::save_existence,
    letters::{Originals, letter, save_rejects, unmapped_letter},
};

/// How often a record is decided upon anew, when it or what it links to is gone from the destination: once for each of both.
const MAX_DECIDED_ANEW: u32 = 2;

/// Loads a chunk. The tally becomes durable together with the checkpoint; what it counts is committed, also where this fails.
/// What is put into the bulk buffer is counted as read only.
pub(in crate::engine) async fn load_chunk(
    dispatch: &Dispatch<'_>,
    chunk: &Chunk,
    tally: &mut ChunkTally,
    buffer: &mut BulkBuffer,
) -> Result<(), EngineError> {
    tally.ledger.read += chunk.read;
    tally.ledger.filtered += chunk.filtered;
    tally.ledger.duplicate += chunk.duplicate;
    let loader = dispatch.loader;
    let originals = Originals::of_frame(&chunk.frame)?;
    let Mapped { records, unexpected, mut rejects } = map(loader, &chunk.frame).await?;
    rejects.extend(chunk.rejects.iter().cloned());
    let context = dispatch.context();
    let mut letters: Vec<DeadLetter> = Vec::with_capacity(unexpected.len() + rejects.len());
    let mut seen: Vec<RecordKey> = Vec::with_capacity(unexpected.len() + rejects.len());
    for (mut record, reason) in unexpected {
        record.number = tally.numbers.next(&record.source_id);
        seen.push(RecordKey::Id(record.source_id.clone()));
        let source = originals.json(&record.source_id);
        letters.push(letter(context, &record, DeadLetterKind::Rejected, &reason, source));
    }
    for reject in rejects {
        let number = tally.numbers.next(&reject.id);
        seen.push(RecordKey::Id(reject.id.clone()));
        letters.push(unmapped_letter(context, number, reject));
    }
    let rejected = u64::try_from(letters.len()).unwrap_or(u64::MAX);
    save_rejects(dispatch, letters, seen).await?;
    tally.ledger.rejected += rejected;
    dispatch.tell_done(chunk.filtered + chunk.duplicate + rejected);
    // Where records are only inserted, several may have one key, unless some are looked for by it.
    let do_keys_tell = loader.policy.write != WriteMode::Insert || !loader.earlier.unsettled.is_empty();
    let mut now = Vec::with_capacity(records.len());
    for mut record in records {
        record.number = tally.numbers.next(&record.source_id);
        let record = Arc::new(record);
        if buffer.may_hold(&record, do_keys_tell) {
            let source = originals.json(&record.source_id);
            buffer.defer(record, source);
        } else {
            now.push(record);
        }
    }
    load_prepared(dispatch, now, &originals, tally, Some(buffer)).await
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
    let loader = dispatch.loader;
    for round in u32::from(buffer.is_none())..=MAX_DECIDED_ANEW {
        if records.is_empty() {
            return Ok(());
        }
        let is_last = round == MAX_DECIDED_ANEW;
        let rules = Rules::of(loader, dispatch.context().chunk);
        let (knowledge, existence) = gather(loader, &rules, &records).await?;
        save_existence(dispatch, vec![(loader.target.id, existence)]).await?;
        let decisions = decide(&rules, &knowledge, &records);
        // The id map may point to records that are gone from the destination: afterwards it knows.
        records = execute(dispatch, decisions, originals, tally, is_last, buffer.take()).await?;
    }
    hold_missing(dispatch, &records, originals, tally).await
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
    save_rejects(dispatch, letters.collect(), Vec::new()).await?;
    tally.ledger.held += u64::try_from(missing.len()).unwrap_or(u64::MAX);
    Ok(())
}
