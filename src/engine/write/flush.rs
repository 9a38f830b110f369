//! Writes the records that wait on disk, and then those that waited for their outcomes.

use crate::engine::{error::EngineError, read::extract::CHUNK_RECORDS, setup::Loader};
use crate::model::Outcome;

use super::{
    bulk_buffer::{BufferedRecords, BulkBuffer, Deferred},
    commit::{ChunkTally, Originals, absorb, is_refused_link, load_prepared},
    dispatch::{Dispatch, Fate},
    item::RecordItem,
};

/// Writes all that waits, and returns what it adds to the tally. `number` is that of the last chunk that was read.
pub(in crate::engine) async fn flush(
    loader: &Loader,
    buffer: &mut BulkBuffer,
    number: u64,
) -> Result<ChunkTally, EngineError> {
    let mut tally = ChunkTally::default();
    while !buffer.is_empty() {
        let (groups, deferred) = buffer.take()?;
        for buffered in groups {
            write_bulk(loader, &buffered, number, &mut tally).await?;
        }
        write_deferred(loader, deferred, number, buffer, &mut tally).await?;
    }
    Ok(tally)
}

async fn write_bulk(
    loader: &Loader,
    buffered: &BufferedRecords,
    number: u64,
    tally: &mut ChunkTally,
) -> Result<(), EngineError> {
    // What is matched anew here was read before what was put off: that is told by the chunk's number.
    let dispatch = Dispatch::new(loader, number.saturating_sub(1).max(1));
    let limit = loader.bulk_limit(buffered.limit).unwrap_or(buffered.limit);
    let mut doubtful: Vec<(usize, Fate)> = Vec::new();
    for places in buffered.cut(limit) {
        let mut take = |item: RecordItem, fate: Fate| {
            if is_doubtful(&item, &fate) {
                doubtful.push((item.place, fate));
            } else {
                tally.count(&fate);
            }
        };
        dispatch.send_bulk(buffered, places, &mut take).await?;
    }
    // All outcomes are stored by now: what is asked and written from here on can fail without loss.
    while !doubtful.is_empty() {
        let rest = doubtful.split_off(doubtful.len().min(CHUNK_RECORDS));
        let (places, fate): (Vec<usize>, Vec<Fate>) = std::mem::replace(&mut doubtful, rest).into_iter().unzip();
        let items = buffered.read(&places)?;
        let sources = items.iter().map(|item| (item.prepared.source_id.clone(), item.source.clone())).collect();
        let results = items.into_iter().zip(fate).collect();
        let missing = absorb(loader, results, tally, false).await?;
        load_prepared(loader, &dispatch, missing, &Originals::Kept(sources), tally, None).await?;
    }
    tally.halving_calls += dispatch.halving_calls();
    Ok(())
}

/// Tells whether a record may have to be matched anew: it is gone from the destination, or refused for a link.
fn is_doubtful(item: &RecordItem, fate: &Fate) -> bool {
    matches!(fate, Fate::Known(Outcome::Missing)) || is_refused_link(item, fate)
}

/// Matches what was put off. A record that is there twice among it takes one turn after the other, as in a chunk.
async fn write_deferred(
    loader: &Loader,
    deferred: Vec<Deferred>,
    number: u64,
    buffer: &mut BulkBuffer,
    tally: &mut ChunkTally,
) -> Result<(), EngineError> {
    if deferred.is_empty() {
        return Ok(());
    }
    let dispatch = Dispatch::new(loader, number);
    let sources = deferred.iter().map(|(record, source)| (record.source_id.clone(), source.clone())).collect();
    let records: Vec<_> = deferred.into_iter().map(|(record, _)| record).collect();
    load_prepared(loader, &dispatch, records, &Originals::Kept(sources), tally, Some(buffer)).await?;
    tally.halving_calls += dispatch.halving_calls();
    Ok(())
}
