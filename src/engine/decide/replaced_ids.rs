//! The source ids of an object that is written anew: the id map knows nothing of its records, and each may come once.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use xxhash_rust::xxh3::xxh3_128;

use super::prepare::Prepared;

/// Remembers which records an object that is written anew has got, over all chunks of a run: 16 bytes a record. A run that is resumed
/// begins such an object again, so nothing outlives the process.
#[derive(Debug, Default)]
pub(in crate::engine) struct ReplacedIds(Mutex<HashSet<u128>>);

impl ReplacedIds {
    /// Returns the ids of records that came with an earlier chunk.
    pub(super) fn repeated(&self, records: &[Arc<Prepared>]) -> HashSet<String> {
        let ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let source_ids = records.iter().map(|record| &record.source_id);
        source_ids.filter(|id| ids.contains(&xxh3_128(id.as_bytes()))).cloned().collect()
    }

    /// Notes the records of a chunk, once they are written.
    pub(in crate::engine) fn note(&self, hashes: Vec<u128>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(hashes);
    }
}

/// Returns the hashes of records' source ids.
pub(in crate::engine) fn id_hashes(records: &[Arc<Prepared>]) -> Vec<u128> {
    records.iter().map(|record| xxh3_128(record.source_id.as_bytes())).collect()
}
