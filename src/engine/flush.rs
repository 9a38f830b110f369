//! Writes the records that wait on disk, and then those that waited for their outcomes.

use crate::model::Outcome;

use super::{
    commit::{ChunkAccount, Originals, absorb, is_refused_link, load_prepared},
    error::EngineError,
    extract::CHUNK_RECORDS,
    item::RecordItem,
    load::{Dispatch, Settled},
    setup::Loader,
    stage::{Deferred, Stage, Volume},
};

/// Writes all that waits, and returns what it adds to the account. `number` is that of the last chunk that was read.
pub(super) async fn flush(loader: &Loader, stage: &mut Stage, number: u64) -> Result<ChunkAccount, EngineError> {
    let mut account = ChunkAccount::default();
    while !stage.is_empty() {
        let (volumes, deferred) = stage.take()?;
        for volume in volumes {
            write_volume(loader, &volume, number, &mut account).await?;
        }
        write_deferred(loader, deferred, number, stage, &mut account).await?;
    }
    Ok(account)
}

async fn write_volume(
    loader: &Loader,
    volume: &Volume,
    number: u64,
    account: &mut ChunkAccount,
) -> Result<(), EngineError> {
    // What is matched anew here was read before what was put off: that is told by the chunk's number.
    let dispatch = Dispatch::new(loader, number.saturating_sub(1).max(1));
    let limit = loader.bulk_limit(volume.limit).unwrap_or(volume.limit);
    let mut doubtful: Vec<(usize, Settled)> = Vec::new();
    for places in volume.cut(limit) {
        let mut settle = |item: RecordItem, settled: Settled| {
            if is_doubtful(&item, &settled) {
                doubtful.push((item.place, settled));
            } else {
                account.settle(&settled);
            }
        };
        dispatch.send_volume(volume, places, &mut settle).await?;
    }
    // All outcomes are stored by now: what is asked and written from here on can fail without loss.
    while !doubtful.is_empty() {
        let rest = doubtful.split_off(doubtful.len().min(CHUNK_RECORDS));
        let (places, settled): (Vec<usize>, Vec<Settled>) = std::mem::replace(&mut doubtful, rest).into_iter().unzip();
        let items = volume.read(&places)?;
        let sources = items.iter().map(|item| (item.prepared.source_id.clone(), item.source.clone())).collect();
        let results = items.into_iter().zip(settled).collect();
        let missing = absorb(loader, results, account, false).await?;
        load_prepared(loader, &dispatch, missing, &Originals::Kept(sources), account, None).await?;
    }
    account.halving_calls += dispatch.halving_calls();
    Ok(())
}

/// Tells whether a record may have to be matched anew: it is gone from the destination, or refused for a link.
fn is_doubtful(item: &RecordItem, settled: &Settled) -> bool {
    matches!(settled, Settled::Outcome(Outcome::Missing)) || is_refused_link(item, settled)
}

/// Matches what was put off. A record that is there twice among it takes one turn after the other, as in a chunk.
async fn write_deferred(
    loader: &Loader,
    deferred: Vec<Deferred>,
    number: u64,
    stage: &mut Stage,
    account: &mut ChunkAccount,
) -> Result<(), EngineError> {
    if deferred.is_empty() {
        return Ok(());
    }
    let dispatch = Dispatch::new(loader, number);
    let sources = deferred.iter().map(|(record, source)| (record.source_id.clone(), source.clone())).collect();
    let records: Vec<_> = deferred.into_iter().map(|(record, _)| record).collect();
    load_prepared(loader, &dispatch, records, &Originals::Kept(sources), account, Some(stage)).await?;
    account.halving_calls += dispatch.halving_calls();
    Ok(())
}
