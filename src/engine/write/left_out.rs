//! The records of a chunk that come to no decision: left out by filters and steps, or refused before.

use crate::engine::{decide::prepare::Prepared, error::EngineError, read::extract::Chunk, review::LeftOut};
use crate::model::Rejection;
use crate::state::{Changes, DeadLetter, DeadLetterKind, Duplicate, RecordKey};
use crate::transform::Rejected;

use super::{
    dispatch::Dispatch,
    execute::ChunkTally,
    letters::{Originals, letter, unmapped_letter},
    store::save_rejects,
};

/// Counts a chunk as read, with the records of it that are left out, and stores those that are refused: because they are not as
/// `expect` says, could not be mapped, or were refused by the read.
pub(super) async fn leave_out(
    dispatch: &Dispatch<'_>,
    (chunk, originals): (&Chunk, &Originals),
    unexpected: Vec<(Prepared, Rejection)>,
    unmapped: Vec<Rejected>,
    tally: &mut ChunkTally,
) -> Result<(), EngineError> {
    let loader = dispatch.loader;
    tally.ledger.read += chunk.read;
    tally.ledger.filtered += chunk.filtered;
    tally.ledger.duplicate += chunk.duplicate;
    let is_traced = loader.policy.tells_by_id;
    let before = chunk.rejects.iter().cloned().map(|reject| Rejected { has_id: reject.has_id && is_traced, ..reject });
    let context = dispatch.context();
    let mut letters: Vec<DeadLetter> = Vec::new();
    let mut seen: Vec<RecordKey> = Vec::new();
    for (mut record, reason) in unexpected {
        record.number = tally.numbers.next(&record.source_id);
        seen.push(RecordKey::Id(record.source_id.clone()));
        let source = originals.json(&record.source_id);
        letters.push(letter(context, &record, DeadLetterKind::Rejected, &reason, source));
    }
    for reject in unmapped.into_iter().chain(before) {
        let number = tally.numbers.next(&reject.id);
        if reject.has_id {
            seen.push(RecordKey::Id(reject.id.clone()));
        } else {
            tally.unknown_ids += 1;
        }
        letters.push(unmapped_letter(context, number, reject));
    }
    let rejected = u64::try_from(letters.len()).unwrap_or(u64::MAX);
    if let Some(review) = &loader.review {
        let Chunk { read, filtered, duplicate, duplicates, .. } = chunk;
        let (read, filtered, duplicate) = (*read, *filtered, *duplicate);
        let left_out = LeftOut { read, filtered, duplicate, duplicates: duplicates.clone() };
        review.left_out(&loader.target.names, left_out).await?;
        review.refused(&loader.target.names, &letters).await?;
    }
    save_rejects(dispatch, letters, seen).await?;
    tally.ledger.rejected += rejected;
    dispatch.tell_done(chunk.filtered + chunk.duplicate + rejected);
    save_duplicates(dispatch, &chunk.duplicates).await
}

/// Stores which records stand for those that a step left out as duplicates: links to these lead there.
pub(in crate::engine) async fn save_duplicates(
    dispatch: &Dispatch<'_>,
    duplicates: &[(String, String)],
) -> Result<(), EngineError> {
    if duplicates.is_empty() {
        return Ok(());
    }
    let named = duplicates.iter().map(|(source_id, survivor)| Duplicate {
        source_id: source_id.clone(),
        survivor: RecordKey::Id(survivor.clone()),
    });
    let merged: Vec<Duplicate> = named.collect();
    let mut changes = Changes { merged, ..Changes::default() };
    if !dispatch.loader.is_replacing() {
        changes.seen = duplicates.iter().map(|(source_id, _)| RecordKey::Id(source_id.clone())).collect();
        changes.duplicates.clone_from(&changes.merged);
    }
    Ok(dispatch.loader.services.state.commit(dispatch.place_of_rejects(), changes).await?)
}
