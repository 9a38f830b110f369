//! Writes the records that wait on disk, and then those that waited for their outcomes.

use std::sync::Arc;

use crate::engine::{error::EngineError, read::extract::CHUNK_RECORDS, setup::Loader};

use super::{
    bulk_buffer::{BufferedRecords, BulkBuffer, Deferred},
    chunk::load_prepared,
    dispatch::Dispatch,
    execute::{ChunkTally, absorb, is_doubtful},
    fate::Fate,
    item::RecordItem,
    letters::Originals,
    shipment::OnDisk,
};

/// Writes all that waits, and adds it to the tally. `number` is that of the last chunk that was read.
pub(in crate::engine) async fn flush(
    loader: &Loader,
    buffer: &mut BulkBuffer,
    number: u64,
    tally: &mut ChunkTally,
) -> Result<(), EngineError> {
    while !buffer.is_empty() {
        let (groups, deferred) = buffer.take().await?;
        for buffered in groups {
            write_bulk(loader, &Arc::new(buffered), number, tally).await?;
        }
        write_deferred(loader, deferred, number, buffer, tally).await?;
    }
    Ok(())
}

async fn write_bulk(
    loader: &Loader,
    buffered: &Arc<BufferedRecords>,
    number: u64,
    tally: &mut ChunkTally,
) -> Result<(), EngineError> {
    // What is decided upon anew here was read before what was put off: that is told by the chunk's number.
    let dispatch = Dispatch::new(loader, number.saturating_sub(1).max(1));
    let limit = loader.bulk_limit(buffered.limit).unwrap_or(buffered.limit);
    let mut doubtful: Vec<(usize, Fate)> = Vec::new();
    for places in buffered.cut(limit) {
        let mut deliver = |item: RecordItem, fate: Fate| {
            if is_doubtful(&item, &fate) {
                doubtful.push((item.place, fate));
            } else {
                tally.count(&item, &fate);
            }
        };
        dispatch.send_bulk(buffered, places, &mut deliver).await?;
    }
    // All outcomes are stored by now: what is asked and written from here on can fail without loss.
    while !doubtful.is_empty() {
        let rest = doubtful.split_off(doubtful.len().min(CHUNK_RECORDS));
        let (places, fates): (Vec<usize>, Vec<Fate>) = std::mem::replace(&mut doubtful, rest).into_iter().unzip();
        let items = OnDisk { buffered: Arc::clone(buffered), places }.items().await?;
        let sources = items.iter().map(|item| (item.prepared.source_id.clone(), item.source.json())).collect();
        let again = absorb(&dispatch, items.into_iter().zip(fates).collect(), tally, false).await?;
        load_prepared(&dispatch, again, &Originals::kept(sources), tally, None).await?;
    }
    tally.halving_calls += dispatch.halving_calls();
    Ok(())
}

/// Decides upon what was put off. A record that is there twice among it takes one turn after the other, as in a chunk.
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
    let records = deferred.into_iter().map(|(record, _)| record).collect();
    load_prepared(&dispatch, records, &Originals::kept(sources), tally, Some(buffer)).await?;
    tally.halving_calls += dispatch.halving_calls();
    Ok(())
}
